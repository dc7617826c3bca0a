//! The content of files: whole whatever its length, current, and never complete when it is not.
#![forbid(unsafe_code)]

mod common;

use std::fs::{self, File};
use std::path::PathBuf;

use common::{PATIENCE, Server, get, pattern, until};
use tempfile::TempDir;

/// A site of one file, `note.txt`.
struct Site {
    folder: TempDir,
    server: Server,
}

impl Site {
    fn new() -> Site {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("note.txt"), "a note").unwrap();
        let server = Server::start(&[folder.path().to_str().unwrap()]);
        Site { folder, server }
    }

    fn path(&self, name: impl AsRef<std::path::Path>) -> PathBuf {
        self.folder.path().join(name)
    }
}

#[test]
fn a_large_file_arrives_whole_to_several_at_once() {
    let site = Site::new();
    let bytes = pattern((9 << 20) + 1);
    fs::write(site.path("large.bin"), &bytes).unwrap();
    let mut clients = (0..4).map(|_| site.server.connect()).collect::<Vec<_>>();
    for client in &mut clients {
        client.send(&[get("/large.bin"), get("/note.txt"), get("/large.bin")].concat());
    }
    for client in &mut clients {
        assert!(client.response().body == bytes);
        client.response().expect(200, "a note");
        assert!(client.response().body == bytes);
    }
}

#[test]
fn files_of_every_length_around_the_buffers_arrive_whole() {
    let site = Site::new();
    let mut client = site.server.connect();
    for power in [12, 14, 15, 16, 17, 18] {
        for length in [(1 << power) - 1, 1 << power, (1 << power) + 1] {
            let bytes = pattern(length);
            fs::write(site.path(format!("{length}.bin")), &bytes).unwrap();
            client.send(&get(&format!("/{length}.bin")));
            assert!(client.response().body == bytes, "{length} bytes");
        }
    }
}

#[test]
fn a_changed_file_is_served_as_it_is() {
    let site = Site::new();
    let path = site.path("changing.txt");
    let mut client = site.server.connect();
    for text in ["one", "two and more", "3"] {
        let replacement = site.path("new");
        fs::write(&replacement, text).unwrap();
        fs::rename(&replacement, &path).unwrap();
        until("the new content is served", PATIENCE, || {
            client.send(&get("/changing.txt"));
            let response = client.response();
            assert_eq!(response.status, 200);
            (response.text() == text).then_some(())
        });
    }
    fs::remove_file(&path).unwrap();
    until("it is gone", PATIENCE, || {
        client.send(&get("/changing.txt"));
        (client.response().status == 404).then_some(())
    });
}

#[test]
fn a_file_cut_short_while_it_is_sent_never_looks_complete() {
    let site = Site::new();
    let path = site.path("shrinking.bin");
    File::create(&path).unwrap().set_len(64 << 20).unwrap();
    let mut client = site.server.connect();
    client.send(&get("/shrinking.bin"));
    client.expect_text("\r\n\r\n");
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(1000)
        .unwrap();
    assert!(client.rest_or_reset().len() < 64 << 20);
    site.server.get("/note.txt").expect(200, "a note");
}
