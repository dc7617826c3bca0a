//! Files that lie beside others in a coding: `style.css.br` beside `style.css`.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;

use common::{Client, Folder, PATIENCE, pattern, text, until};
use rustix::fs::{CWD, FileType, Mode, mknodat};

const ALL: &str = "Accept-Encoding: gzip, deflate, br, zstd\r\n";

fn accept(coding: &str) -> String {
    format!("Accept-Encoding: {coding}\r\n")
}

/// Style sheets with siblings. What is in those is not coded at all, so that no server could have
/// made it.
fn folder() -> Folder {
    let folder = Folder::new();
    for (name, extensions) in [
        ("all.css", &["br", "zst", "gz"][..]),
        ("gzip.css", &["gz"]),
        ("large.css", &["br", "gz"]),
        ("none.css", &[]),
    ] {
        let size = if name == "large.css" { 300_000 } else { 3000 };
        folder.write(name, text(size));
        for extension in extensions {
            folder.write(format!("{name}.{extension}"), made(name, extension));
        }
    }
    folder
}

/// What is in a sibling.
fn made(name: &str, extension: &str) -> Vec<u8> {
    let size = if name == "large.css" { 100_000 } else { 500 };
    [
        format!("{name} as {extension} ").into_bytes(),
        pattern(size),
    ]
    .concat()
}

#[test]
fn the_best_sibling_that_is_taken_is_sent() {
    let folder = folder();
    for flags in [&["-w", "1"][..], &["--file-cache", "off"]] {
        let server = folder.serve(flags);
        let mut client = server.connect();
        for (name, fields, coding, extension) in [
            ("all.css", ALL, "br", "br"),
            ("all.css", "Accept-Encoding: *\r\n", "br", "br"),
            ("all.css", "Accept-Encoding: gzip, zstd\r\n", "zstd", "zst"),
            ("all.css", "Accept-Encoding: gzip\r\n", "gzip", "gz"),
            (
                "all.css",
                "Accept-Encoding: gzip, br;q=0.9\r\n",
                "gzip",
                "gz",
            ),
            ("all.css", "Accept-Encoding: identity;q=0\r\n", "", ""),
            (
                "all.css",
                "Accept-Encoding: identity;q=0, br\r\n",
                "br",
                "br",
            ),
            ("gzip.css", "Accept-Encoding: gzip\r\n", "gzip", "gz"),
            ("large.css", ALL, "br", "br"),
            (
                "large.css",
                "Accept-Encoding: gzip, identity\r\n",
                "gzip",
                "gz",
            ),
        ] {
            let response = client.ask(&format!("/{name}"), fields);
            let what = format!("{name} {fields}: {} {:?}", response.status, response.fields);
            assert_eq!(response.field("vary"), Some("Accept-Encoding"), "{what}");
            if coding.is_empty() {
                assert_eq!(response.status, 406, "{what}");
                continue;
            }
            assert_eq!(
                (response.status, response.coding()),
                (200, coding),
                "{what}"
            );
            assert!(response.body == made(name, extension), "{what}");
            assert_eq!(
                response.field("content-type"),
                Some("text/css; charset=utf-8")
            );
            let head = client.ask_with("HEAD", &format!("/{name}"), fields);
            for field in ["content-length", "content-encoding", "etag", "vary"] {
                assert_eq!(head.field(field), response.field(field), "{what}");
            }
        }
        for fields in ["", "Accept-Encoding: identity, gzip;q=0.9\r\n"] {
            let response = client.ask("/all.css", fields);
            assert!(response.coding() == "identity" && response.body == text(3000));
        }
        // What has no sibling in a coding that is taken is coded on the fly.
        let response = client.ask("/gzip.css", &accept("br"));
        assert!(response.coding() == "br" && response.decoded() == text(3000));
        let response = client.ask("/none.css", &accept("gzip"));
        assert!(response.coding() == "gzip" && response.decoded() == text(3000));
    }
}

#[test]
fn a_sibling_has_parts_and_a_tag_of_its_own() {
    let folder = folder();
    let server = folder.serve(&[]);
    let mut client = server.connect();
    for name in ["all.css", "large.css"] {
        let target = format!("/{name}");
        let whole = client.ask(&target, &accept("br"));
        let tag = whole.field("etag").unwrap();
        assert!(tag.starts_with('"'), "it has bytes that stay: {tag}");
        for other in ["gzip", "identity"] {
            assert_ne!(client.ask(&target, &accept(other)).field("etag"), Some(tag));
        }
        let fields = format!("{}Range: bytes=10-99\r\nIf-Range: {tag}\r\n", accept("br"));
        let part = client.ask(&target, &fields);
        assert_eq!(
            (part.status, part.coding()),
            (206, "br"),
            "{:?}",
            part.fields
        );
        assert!(part.body == made(name, "br")[10..100]);
        let fields = format!("{}If-None-Match: {tag}\r\n", accept("br"));
        assert_eq!(client.ask(&target, &fields).status, 304);
        let fields = format!("{}If-None-Match: {tag}\r\n", accept("gzip"));
        assert_eq!(client.ask(&target, &fields).status, 200);
        let fields = format!(
            "{}Range: bytes=10-99\r\nIf-Range: {tag}\r\n",
            accept("gzip")
        );
        assert_eq!(client.ask(&target, &fields).status, 200);
    }
}

#[test]
fn an_index_has_siblings_too() {
    let folder = Folder::new();
    folder.write("sub/index.html", text(3000));
    folder.write("sub/index.html.gz", "made before");
    let server = folder.serve(&["--spa"]);
    folder.write("index.html", text(3000));
    folder.write("index.html.br", "made before, too");
    let mut client = server.connect();
    client
        .ask("/sub/", &accept("gzip"))
        .expect(200, "made before");
    client.ask("/", ALL).expect(200, "made before, too");
    let fallback = client.ask("/a/b/c", ALL);
    fallback.expect(200, "made before, too");
    assert_eq!(fallback.coding(), "br");
}

#[test]
fn asked_for_by_its_own_name_it_is_a_file_as_any_other() {
    let folder = folder();
    folder.write("page.html.gz.gz", "twice");
    folder.write("page.html.gz", text(3000));
    folder.write("plain.png.gz", "image");
    folder.write("plain.png", "png");
    let server = folder.serve(&[]);
    let mut client = server.connect();
    for (target, body) in [
        ("/all.css.gz", made("all.css", "gz")),
        ("/all.css.br", made("all.css", "br")),
        ("/all.css.zst", made("all.css", "zst")),
        ("/page.html.gz", text(3000)),
        ("/plain.png", b"png".to_vec()),
    ] {
        let response = client.ask(target, ALL);
        assert_eq!(
            (response.status, response.coding()),
            (200, "identity"),
            "{target}"
        );
        assert!(response.body == body, "{target}");
        let kind = response.field("content-type").unwrap();
        assert!(!kind.starts_with("text/"), "{target}: {kind}");
    }
}

#[test]
fn what_is_no_file_below_the_root_is_no_sibling() {
    let folder = folder();
    fs::write(folder.beside("secret"), "this must stay secret").unwrap();
    symlink("../secret", folder.path("none.css.br")).unwrap();
    fs::create_dir(folder.path("none.css.zst")).unwrap();
    let mode = Mode::from_raw_mode(0o644);
    mknodat(CWD, folder.path("none.css.gz"), FileType::Fifo, mode, 0).unwrap();
    folder.write("linked.gz", "linked");
    folder.write("linked.css", text(3000));
    symlink("linked.gz", folder.path("linked.css.gz")).unwrap();
    let server = folder.serve(&[]);
    let mut client = server.connect();
    for coding in ["br", "zstd", "gzip"] {
        let response = client.ask("/none.css", &accept(coding));
        assert!(
            response.decoded() == text(3000),
            "{coding}: {:?}",
            response.fields
        );
    }
    client
        .ask("/linked.css", &accept("gzip"))
        .expect(200, "linked");
}

#[test]
fn siblings_can_be_chosen_and_turned_off() {
    let folder = folder();
    for (list, coding) in [
        ("gzip", "gzip"),
        ("zstd,br", "zstd"),
        ("gzip,br,zstd", "gzip"),
    ] {
        let server = folder.serve(&["--precompressed", list]);
        let response = server.connect().ask("/all.css", ALL);
        assert_eq!(response.coding(), coding, "{list}");
    }
    let server = folder.serve(&["--precompressed", "off"]);
    let response = server.connect().ask("/all.css", ALL);
    assert!(response.coding() == "zstd" && response.decoded() == text(3000));
    let server = folder.serve(&["--precompressed", "off", "--compress", "off"]);
    let response = server.connect().ask("/all.css", ALL);
    assert!(response.coding() == "identity" && response.field("vary").is_none());
    let server = folder.serve(&["--compress", "off"]);
    let mut client = server.connect();
    assert_eq!(client.ask("/all.css", ALL).coding(), "br");
    assert_eq!(client.ask("/none.css", ALL).coding(), "identity");
}

/// Waits until the file is sent so.
#[track_caller]
fn expect_soon(client: &mut Client, fields: &str, coding: &str, body: &[u8]) {
    until(&format!("it is sent in {coding}"), PATIENCE, || {
        let response = client.ask("/none.css", fields);
        assert_eq!(response.status, 200, "{:?}", response.fields);
        let is_it = response.coding() == coding && response.body == body;
        is_it.then_some(())
    });
}

#[test]
fn siblings_that_come_change_and_go_are_noticed() {
    let folder = folder();
    let server = folder.serve(&["-w", "1"]);
    let mut client = server.connect();
    assert_eq!(client.ask("/none.css", ALL).coding(), "zstd");
    folder.replace("none.css.gz", "first");
    // It goes before what is made on the fly.
    expect_soon(&mut client, ALL, "gzip", b"first");
    folder.replace("none.css.br", "better");
    expect_soon(&mut client, ALL, "br", b"better");
    expect_soon(&mut client, &accept("gzip"), "gzip", b"first");
    folder.replace("none.css.gz", "other");
    expect_soon(&mut client, &accept("gzip"), "gzip", b"other");
    fs::remove_file(folder.path("none.css.br")).unwrap();
    expect_soon(&mut client, ALL, "gzip", b"other");
    fs::remove_file(folder.path("none.css.gz")).unwrap();
    until("it is coded again", PATIENCE, || {
        let response = client.ask("/none.css", ALL);
        let decoded = (response.coding() == "zstd").then(|| response.decoded());
        decoded.map(|decoded| assert!(decoded == text(3000)))
    });
}
