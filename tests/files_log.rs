//! What the access log says of files: the status and the bytes that were sent.
#![forbid(unsafe_code)]

mod common;

use std::fs::{self, File};
use std::io::Write;

use common::{Client, Folder, PATIENCE, Response, Server, Tls, pattern, text, until};
use serde_json::Value;

const LARGE: usize = 48 << 20;

/// A server that logs into a file beside its directory.
struct Site {
    folder: Folder,
    server: Server,
    seen: usize,
}

impl Site {
    fn new(flags: &[&str]) -> Site {
        let folder = Folder::new();
        folder.write("small.bin", pattern(1000));
        folder.write("middle.bin", pattern(300_000));
        folder.write("large.bin", pattern(LARGE));
        folder.write("page.html", text(9000));
        folder.write("sub/index.html", "sub");
        let log = folder.beside("access.log");
        let logging = [
            "--access-log",
            log.to_str().unwrap(),
            "--log-format",
            "json",
        ];
        let secure = ["--tls-self-signed", "--tls-listen", "127.0.0.1:0"];
        let server = folder.serve(&[&logging[..], &secure, flags].concat());
        Site {
            folder,
            server,
            seen: 0,
        }
    }

    /// The line of the request that was made last.
    fn line(&mut self) -> Value {
        let seen = self.seen;
        self.seen += 1;
        let path = self.folder.beside("access.log");
        let line = until("a line is logged", PATIENCE, || {
            let text = fs::read_to_string(&path).ok()?;
            assert!(text.lines().count() <= seen + 1, "{text}");
            let line = text.lines().nth(seen).filter(|_| text.ends_with('\n'));
            line.map(str::to_owned)
        });
        serde_json::from_str(&line).unwrap()
    }

    /// Fails unless the last line is of this answer.
    fn expect_line(&mut self, method: &str, target: &str, response: &Response) {
        let line = self.line();
        assert_eq!(line["method"], method, "{line}");
        assert_eq!(line["status"], response.status, "{line}");
        assert_eq!(
            line["bytes_out"],
            response.body.len(),
            "{method} {target}: {line}"
        );
        let path = line["path"].as_str().unwrap();
        assert_eq!(path.split('?').next(), target.split('?').next(), "{line}");
    }
}

/// Requests, and the status.
const CASES: &[(&str, &str, &str, u16)] = &[
    ("GET", "/small.bin", "", 200),
    ("GET", "/middle.bin", "", 200),
    ("HEAD", "/small.bin", "", 200),
    ("HEAD", "/middle.bin", "", 200),
    ("GET", "/small.bin", "Range: bytes=10-19\r\n", 206),
    ("GET", "/middle.bin", "Range: bytes=100000-\r\n", 206),
    ("GET", "/small.bin", "Range: bytes=0-9,20-29\r\n", 206),
    (
        "GET",
        "/middle.bin",
        "Range: bytes=0-9,100000-199999\r\n",
        206,
    ),
    ("GET", "/small.bin", "If-None-Match: *\r\n", 304),
    ("GET", "/middle.bin", "If-None-Match: *\r\n", 304),
    ("GET", "/small.bin", "If-Match: \"x\"\r\n", 412),
    ("GET", "/middle.bin", "Range: bytes=999999-\r\n", 416),
    ("HEAD", "/middle.bin", "Range: bytes=999999-\r\n", 200),
    ("GET", "/page.html", "Accept-Encoding: gzip\r\n", 200),
    ("HEAD", "/page.html", "Accept-Encoding: gzip\r\n", 200),
    (
        "GET",
        "/page.html",
        "Accept-Encoding: identity;q=0\r\n",
        406,
    ),
    ("GET", "/sub?x=1", "", 301),
    ("GET", "/sub/", "", 200),
    ("GET", "/never-asked-for", "", 404),
    ("HEAD", "/never-asked-for", "", 404),
    ("PUT", "/small.bin", "", 405),
];

#[test]
fn status_and_bytes_are_those_of_the_answer() {
    for flags in [&[][..], &["--file-cache", "off"]] {
        let mut site = Site::new(flags);
        let mut plain = site.server.connect();
        let mut secure = Client::<Tls>::over_tls(site.server.secure_address());
        for (method, target, fields, status) in CASES {
            let response = plain.ask_with(method, target, fields);
            assert_eq!(response.status, *status, "{method} {target} {fields}");
            site.expect_line(method, target, &response);
            let response = secure.ask_with(method, target, fields);
            assert_eq!(response.status, *status, "{method} {target} {fields}");
            site.expect_line(method, target, &response);
        }
    }
}

#[test]
fn an_answer_that_is_cut_has_the_bytes_that_were_sent() {
    let mut site = Site::new(&[]);
    let mut client = site.server.connect();
    client.send(&common::get("/large.bin"));
    let head = client.response_to("HEAD");
    assert_eq!(head.status, 200);
    let file = File::options()
        .write(true)
        .open(site.folder.path("large.bin"))
        .unwrap();
    file.set_len(40_000_000).unwrap();
    assert_eq!(client.rest_or_reset().len(), 40_000_000);
    let line = site.line();
    assert_eq!(line["bytes_out"], 40_000_000, "{line}");
    assert_eq!(line["path"], "/large.bin");
}

#[test]
fn a_client_that_leaves_is_logged_with_what_it_can_have() {
    let mut site = Site::new(&[]);
    let mut client = site.server.connect();
    client.send(&common::get("/large.bin"));
    client.response_to("HEAD");
    client.take(1000);
    drop(client);
    let line = site.line();
    assert_eq!(line["path"], "/large.bin");
    let bytes = line["bytes_out"].as_u64().unwrap();
    assert!((1000..LARGE as u64).contains(&bytes), "{line}");
}

#[test]
fn what_counts_as_sent_stays_as_it_was_where_files_are_copied() {
    let mut site = Site::new(&["--sendfile", "off"]);
    let mut client = site.server.connect();
    client.send(&common::get("/middle.bin"));
    // Nobody has read it yet: it waits in the system.
    assert_eq!(site.line()["status"], 200);
    let path = site.folder.path("middle.bin");
    let mut file = File::options().write(true).open(path).unwrap();
    file.write_all(&[b'x'; 300_000]).unwrap();
    assert!(client.response().body == pattern(300_000));
}
