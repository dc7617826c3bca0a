//! Releases that differ in nothing but the bytes of their files.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use common::{Folder, PATIENCE, Response, until};

fn tag(response: &Response) -> String {
    response.field("etag").unwrap().to_owned()
}

/// When anything about a file was changed, which no program can set.
fn changed(path: &Path) -> (i64, i64) {
    let found = fs::metadata(path).unwrap();
    (found.ctime(), found.ctime_nsec())
}

/// A folder with the releases `one` and `two`, as reproducible builds make them.
fn folder() -> Folder {
    let folder = Folder::new();
    for release in ["one", "two"] {
        for (name, count) in [
            ("small.txt", 500),
            ("small.txt.gz", 400),
            ("large.bin", 70_000),
        ] {
            let path = format!("{release}/{name}");
            until("the file system's clock goes on", PATIENCE, || {
                folder.write_now(&path, release.repeat(count));
                folder.set_modified(&path, SystemTime::UNIX_EPOCH + Duration::from_secs(1));
                let first = folder.path(format!("one/{name}"));
                let is_other = changed(&folder.path(&path)) != changed(&first);
                (release == "one" || is_other).then_some(())
            });
        }
    }
    folder
}

#[test]
fn releases_whose_files_all_have_the_same_time_are_told_apart() {
    let folder = folder();
    symlink("one", folder.path("current")).unwrap();
    let server = folder.serve(&["-w", "1"]);
    let mut client = server.connect();
    let asked = [
        ("/current/small.txt", ""),
        ("/current/small.txt", "Accept-Encoding: gzip\r\n"),
        ("/current/large.bin", ""),
    ];
    let tags = asked.map(|(target, fields)| {
        let response = client.ask(target, fields);
        assert_eq!(response.status, 200);
        assert_eq!(response.field("last-modified"), None);
        let tag = tag(&response);
        let known = format!("{fields}If-None-Match: {tag}\r\n");
        assert_eq!(client.ask(target, &known).status, 304);
        // Dates count for nothing.
        for (name, second) in [("If-Modified-Since", 1), ("If-Unmodified-Since", 0)] {
            let fields = format!("{fields}{name}: Thu, 01 Jan 1970 00:00:0{second} GMT\r\n");
            assert_eq!(client.ask(target, &fields).status, 200, "{name}");
        }
        let range = "Range: bytes=0-1\r\nIf-Range: Thu, 01 Jan 1970 00:00:01 GMT\r\n";
        assert_eq!(client.ask(target, range).status, 200);
        tag
    });
    symlink("two", folder.path("next")).unwrap();
    fs::rename(folder.path("next"), folder.path("current")).unwrap();
    for ((target, fields), old) in asked.into_iter().zip(tags) {
        let fields = format!("{fields}If-None-Match: {old}\r\n");
        let response = until("the new release is served", PATIENCE, || {
            let response = client.ask(target, &fields);
            (response.status != 304).then_some(response)
        });
        assert_eq!(response.status, 200);
        assert!(response.body.starts_with(b"two"), "{target}");
        assert_ne!(tag(&response), old);
    }
}
