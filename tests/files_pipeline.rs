//! Requests for files of every kind one behind the other: the answers come in the same order, each
//! whole, wherever their bytes come from.
#![forbid(unsafe_code)]

mod common;

use std::io::{Read, Write};
use std::thread;

use common::{Client, Folder, Response, Tls, get, pattern, post, request, text};

/// What an answer has to be.
type Check = fn(&Response) -> bool;

/// Method, target, fields, and the answer.
const REQUESTS: &[(&str, &str, &str, Check)] = &[
    ("GET", "/small.bin", "", |r| {
        r.status == 200 && r.body == pattern(1000)
    }),
    ("GET", "/large.bin", "", |r| {
        r.status == 200 && r.body == pattern(700_000)
    }),
    ("HEAD", "/large.bin", "", |r| {
        r.status == 200 && r.body.is_empty()
    }),
    ("GET", "/small.bin", "If-None-Match: *\r\n", |r| {
        r.status == 304
    }),
    ("GET", "/large.bin", "Range: bytes=5-104\r\n", |r| {
        r.status == 206 && r.body == pattern(105)[5..]
    }),
    ("GET", "/never-asked-for", "", |r| r.status == 404),
    ("GET", "/large.bin", "Range: bytes=9999999-\r\n", |r| {
        r.status == 416
    }),
    ("GET", "/small.html", "Accept-Encoding: gzip\r\n", |r| {
        r.coding() == "gzip" && r.decoded() == text(5000)
    }),
    ("GET", "/middle.html", "Accept-Encoding: br\r\n", |r| {
        r.decoded() == text(300_000)
    }),
    ("HEAD", "/middle.html", "Accept-Encoding: zstd\r\n", |r| {
        r.status == 200
    }),
    ("GET", "/large.html", "Accept-Encoding: zstd\r\n", |r| {
        r.coding() == "zstd" && r.decoded() == text(3_000_000)
    }),
    ("HEAD", "/large.html", "Accept-Encoding: gzip\r\n", |r| {
        r.status == 200
    }),
    ("GET", "/small.html", "Range: bytes=0-0,9-9\r\n", |r| {
        r.status == 206 && r.field("content-type").unwrap().starts_with("multipart/")
    }),
    ("GET", "/sub?x", "", |r| r.status == 301),
    ("GET", "/sub/", "", |r| r.status == 200 && r.text() == "sub"),
    ("DELETE", "/small.bin", "", |r| r.status == 405),
    ("GET", "/empty.txt", "", |r| {
        r.status == 200 && r.body.is_empty()
    }),
    ("GET", "/small.bin", "If-Match: \"x\"\r\n", |r| {
        r.status == 412
    }),
    ("OPTIONS", "/small.bin", "", |r| r.status < 300),
];

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("small.bin", pattern(1000));
    folder.write("large.bin", pattern(700_000));
    folder.write("small.html", text(5000));
    folder.write("middle.html", text(300_000));
    folder.write("large.html", text(3_000_000));
    folder.write("sub/index.html", "sub");
    folder.write("empty.txt", "");
    folder
}

fn wire() -> Vec<u8> {
    let requests = REQUESTS
        .iter()
        .map(|(method, target, fields, _)| request(method, target, fields).into_bytes());
    requests.collect::<Vec<_>>().concat()
}

fn expect_answers<S: Read + Write>(client: &mut Client<S>) {
    for (method, target, fields, check) in REQUESTS {
        let response = client.response_to(method);
        let (status, length) = (response.status, response.body.len());
        let what = format!("{method} {target} {fields}: {status}, {length} bytes");
        assert!(check(&response), "{what}, {:?}", response.fields);
    }
}

#[test]
fn answers_of_every_kind_come_in_order() {
    let folder = folder();
    let secure = ["--tls-self-signed", "--tls-listen", "127.0.0.1:0"];
    for flags in [&["-w", "1"][..], &["-w", "1", "--file-cache", "off"]] {
        let server = folder.serve(&[&secure[..], flags].concat());
        let mut plain = server.connect();
        let mut secure = Client::<Tls>::over_tls(server.secure_address());
        for _ in 0..3 {
            plain.send(&wire());
            expect_answers(&mut plain);
            secure.send(&wire());
            expect_answers(&mut secure);
        }
    }
}

#[test]
fn in_whatever_pieces_the_requests_come() {
    let folder = folder();
    let server = folder.serve(&["-w", "1"]);
    for size in [1, 7, 100] {
        let mut client = server.connect();
        for piece in wire().chunks(size) {
            client.send(piece);
        }
        client.shut_write();
        expect_answers(&mut client);
        client.expect_eof();
    }
}

#[test]
fn many_connections_at_once() {
    let folder = folder();
    let server = folder.serve(&["-w", "2"]);
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let mut client = server.connect();
                client.send(&wire());
                expect_answers(&mut client);
            });
        }
    });
}

#[test]
fn a_body_that_nobody_wants_does_not_come_between() {
    let folder = folder();
    let server = folder.serve(&[]);
    let mut client = server.connect();
    let body = pattern(20_000);
    for target in ["/small.bin", "/never-asked-for", "/large.bin"] {
        client.send(&[post(target, &body), get("/sub/")].concat());
        assert_eq!(client.response().status, 405, "{target}");
        client.response().expect(200, "sub");
        let fields = "Content-Length: 20000\r\n";
        client.send(request("GET", target, fields).as_bytes());
        client.send(&[&body[..], &get("/sub/")].concat());
        assert_eq!(
            client.response().status == 404,
            target.starts_with("/never")
        );
        client.response().expect(200, "sub");
    }
}
