//! What the flags have answers with files say: fields for some files or for all, content types;
//! and which flags are refused.
#![forbid(unsafe_code)]

mod common;

use common::{Folder, Server, command, output, pattern};

fn folder() -> Folder {
    let folder = Folder::new();
    for (name, text) in [
        ("index.html", "home"),
        ("about.html", "about"),
        ("app.js", "app"),
        ("assets/app.css", "css"),
        ("assets/deep/app.css", "deep css"),
        ("sub/index.html", "html"),
        ("bare/file.txt", "file"),
    ] {
        folder.write(name, text);
    }
    folder
}

#[test]
fn cache_control_goes_by_path_and_name() {
    let folder = folder();
    let flags = [
        "--cache-control",
        "/assets/*.css=max-age=1",
        "--cache-control",
        "/assets/**=public, max-age=31536000, immutable",
        "--cache-control",
        "*.js=no-cache",
        "--cache-control",
        "max-age=60",
    ];
    let server = folder.serve(&flags);
    let mut client = server.connect();
    for (target, value) in [
        ("/assets/app.css", "max-age=1"),
        (
            "/assets/deep/app.css",
            "public, max-age=31536000, immutable",
        ),
        ("/app.js", "no-cache"),
        ("/", "max-age=60"),
        ("/sub/", "max-age=60"),
    ] {
        let whole = client.ask(target, "");
        assert_eq!(whole.field("cache-control"), Some(value), "{target}");
        let tag = format!("If-None-Match: {}\r\n", whole.field("etag").unwrap());
        for fields in [&*tag, "Range: bytes=0-0\r\n", "Range: bytes=0-0,2-2\r\n"] {
            let response = client.ask(target, fields);
            assert_eq!(
                response.field("cache-control"),
                Some(value),
                "{target} {fields}"
            );
        }
    }
    for target in ["/missing", "/bare/", "/sub"] {
        assert_eq!(
            client.ask(target, "").field("cache-control"),
            None,
            "{target}"
        );
    }
}

#[test]
fn every_answer_has_the_fields_that_are_asked_for() {
    let folder = folder();
    let flags = [
        "--header",
        "X-Frame-Options: DENY",
        "--header",
        "Cache-Control: no-store",
        "--cache-control",
        "max-age=60",
        "--demo",
    ];
    let server = folder.serve(&flags);
    let mut client = server.connect();
    let page = client.ask("/about.html", "");
    let tag = format!("If-None-Match: {}\r\n", page.field("etag").unwrap());
    for (method, target, fields, status) in [
        ("GET", "/about.html", "", 200),
        ("HEAD", "/about.html", "", 200),
        ("GET", "/about.html", &*tag, 304),
        ("GET", "/about.html", "Range: bytes=0-1\r\n", 206),
        ("GET", "/about.html", "Range: bytes=99-\r\n", 416),
        ("GET", "/never-asked-for-before", "", 404),
        ("GET", "/bare/", "", 403),
        ("GET", "/sub", "", 301),
        ("PUT", "/about.html", "", 405),
        ("GET", "/ping", "", 200),
    ] {
        let response = client.ask_with(method, target, fields);
        assert_eq!(response.status, status, "{method} {target}");
        assert_eq!(
            response.field("x-frame-options"),
            Some("DENY"),
            "{method} {target} {status}"
        );
        assert_eq!(
            response.field("cache-control"),
            Some("no-store"),
            "{target} {status}"
        );
    }
}

#[test]
fn vary_goes_beside_the_servers_own() {
    let folder = folder();
    folder.write("long.html", "<p>text</p>".repeat(100));
    let server = folder.serve(&["--header", "Vary: Origin", "--header", "Vary: Cookie"]);
    let mut client = server.connect();
    for (target, expected) in [
        ("/long.html", &["Accept-Encoding", "Origin", "Cookie"][..]),
        ("/missing", &["Origin", "Cookie"]),
    ] {
        let response = client.ask(target, "Accept-Encoding: br\r\n");
        let fields = response.fields.iter().filter(|(name, _)| name == "vary");
        let values: Vec<&str> = fields.map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, expected, "{target}");
    }
}

#[test]
fn types_go_by_extension_and_text_has_a_charset() {
    let folder = Folder::new();
    let mime = [
        "--mime",
        "text/x-log=log,TRACE",
        "--mime",
        "text/plain; charset=latin1=txt",
    ];
    let html = ["--mime", "application/xhtml+xml=html"];
    let server = folder.serve(&[&mime[..], &html].concat());
    let mut client = server.connect();
    for (name, kind) in [
        ("a.log", "text/x-log"),
        ("a.trace", "text/x-log"),
        ("a.txt", "text/plain; charset=latin1"),
        ("a.html", "application/xhtml+xml"),
        ("A.HTM", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.wasm", "application/wasm"),
        ("a.woff2", "font/woff2"),
        ("a.avif", "image/avif"),
        ("a.tar.gz", "application/gzip"),
        ("a.unknown", "application/octet-stream"),
        ("none", "application/octet-stream"),
        ("a.", "application/octet-stream"),
    ] {
        folder.write(name, "text");
        let found = client.ask(&format!("/{name}"), "");
        assert_eq!(found.field("content-type"), Some(kind), "{name}");
    }
}

#[test]
fn what_cannot_be_served_is_said_at_the_start() {
    let folder = folder();
    folder.write("large.bin", pattern(10));
    let missing = folder.path("missing");
    let file = folder.path("index.html");
    let root = folder.root();
    let root = root.to_str().unwrap();
    for (args, words) in [
        (&[missing.to_str().unwrap()][..], "missing"),
        (&[file.to_str().unwrap()], "index.html"),
        (&[root, "--error-page", "404=nowhere.html"], "nowhere.html"),
        (&[root, "--error-page", "404=sub"], "sub"),
        (&[root, "--error-page", "404=../secret.html"], "secret.html"),
        (&[root, "--index", "a/b"], "--index"),
        (
            &[root, "--cache-control", "max-age=1\r\nX: y"],
            "--cache-control",
        ),
        (&[root, "--header", "X: y\r\nZ: 1"], "--header"),
        (&[root, "--mime", "text=html"], "--mime"),
        (&[root, "--compress", "lzma"], "--compress"),
    ] {
        let output = output(command(&[&["-l", "127.0.0.1:0"], args].concat()));
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(words), "{args:?}: {text}");
    }
    let server = Server::start(&[root, "--index", "large.bin"]);
    assert!(server.get("/").body == pattern(10));
}
