//! Request bodies: both framings, streaming in both directions at once, 100-continue.
#![forbid(unsafe_code)]

mod common;

use std::io::Write;
use std::thread;
use std::time::Duration;

use common::{Client, Server, chunked, get, pattern, post};

/// Long enough for an answer that should not come.
const A_WHILE: Duration = Duration::from_millis(300);

const CHUNKED_HEAD: &[u8] =
    b"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Sends `wire` while the answer is already being read, and returns its content.
fn exchange(client: &mut Client, wire: Vec<u8>) -> Vec<u8> {
    let mut sender = client.stream.try_clone().unwrap();
    let sending = thread::spawn(move || sender.write_all(&wire).unwrap());
    let response = client.response();
    assert_eq!(response.status, 200, "{response:?}");
    sending.join().unwrap();
    response.body
}

#[test]
fn a_body_comes_back() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(&post("/echo", b"hello"));
    client.response().expect(200, "hello");
    client.send(&post("/echo", &[0, 255, 13, 10, 0]));
    assert_eq!(client.response().body, [0, 255, 13, 10, 0]);
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
}

#[test]
fn an_empty_body_comes_back() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(&post("/echo", b""));
    client.response().expect(200, "");
    client.send(b"POST /echo HTTP/1.1\r\nHost: test\r\n\r\n");
    client.response().expect(200, "");
    client.send(&[CHUNKED_HEAD, b"0\r\n\r\n"].concat());
    client.response().expect(200, "");
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
}

#[test]
fn chunks_may_have_extensions_and_trailers() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let body = b"4;name=value\r\nWiki\r\n05;a=\"q;\\\"x\"; b\r\npedia\r\nA;c\r\n0123456789\r\n\
        000;last\r\nX-Sum: 1\r\nX-More: a, b\r\n\r\n";
    client.send(&[CHUNKED_HEAD, body, &get("/ping")].concat());
    client.response().expect(200, "Wikipedia0123456789");
    client.response().expect(200, "pong");
}

#[test]
fn chunks_may_be_as_small_as_a_byte_and_come_byte_by_byte() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let body = pattern(10_000);
    assert_eq!(
        exchange(&mut client, [CHUNKED_HEAD, &chunked(&body, 1)].concat()),
        body
    );
    for byte in [CHUNKED_HEAD, &chunked(b"slowly", 4)].concat() {
        client.send(&[byte]);
    }
    client.response().expect(200, "slowly");
    for byte in post("/echo", b"slowly") {
        client.send(&[byte]);
    }
    client.response().expect(200, "slowly");
}

#[test]
fn large_bodies_come_back_whole_in_either_framing() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let body = pattern(8 << 20);
    assert!(
        exchange(&mut client, post("/echo", &body)) == body,
        "by length"
    );
    for size in [1000, 16 << 10, 1 << 20] {
        let wire = [CHUNKED_HEAD, &chunked(&body, size)].concat();
        assert!(exchange(&mut client, wire) == body, "in chunks of {size}");
    }
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
}

#[test]
fn the_answer_begins_before_the_body_has_ended() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhello");
    client.expect_text("hello");
    client.send(b"world");
    client.expect_text("world");
    let mut client = server.connect();
    client.send(&[CHUNKED_HEAD, b"5\r\nhello\r\n"].concat());
    client.expect_text("hello");
    client.send(b"5\r\nworld\r\n");
    client.expect_text("world");
}

#[test]
fn a_client_of_1_0_gets_no_chunks() {
    let server = Server::start(&[]);
    let body = pattern(300_000);
    let mut client = server.connect();
    let head = format!(
        "POST /echo HTTP/1.0\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.send(head.as_bytes());
    let mut sender = client.stream.try_clone().unwrap();
    let wire = body.clone();
    let sending = thread::spawn(move || sender.write_all(&wire).unwrap());
    let response = client.response();
    sending.join().unwrap();
    assert_eq!(response.field("transfer-encoding"), None);
    assert!(response.body == body);
    client.expect_eof();
}

#[test]
fn pipelined_bodies_are_kept_apart() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let mut wire = Vec::new();
    for index in 0..60 {
        let body = pattern(index * 97);
        match index % 3 {
            0 => wire.extend(post("/echo", &body)),
            1 => wire.extend([CHUNKED_HEAD, &chunked(&body, 50)].concat()),
            _ => wire.extend(get(&format!("/users/{index}"))),
        }
    }
    let mut sender = client.stream.try_clone().unwrap();
    let sending = thread::spawn(move || sender.write_all(&wire).unwrap());
    for index in 0..60 {
        let response = client.response();
        match index % 3 {
            0 | 1 => assert_eq!(response.body, pattern(index * 97), "request {index}"),
            _ => response.expect(200, &format!("user id is {index}")),
        }
    }
    sending.join().unwrap();
}

/// A request head that waits for `100 Continue` before it sends `length` bytes.
fn expecting(target: &str, version: &str, length: usize) -> Vec<u8> {
    let fields = format!("Host: test\r\nContent-Length: {length}\r\nExpect: 100-Continue\r\n");
    format!("POST {target} {version}\r\n{fields}\r\n").into_bytes()
}

#[test]
fn a_client_that_waits_for_100_gets_it() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for _ in 0..3 {
        client.send(&expecting("/echo", "HTTP/1.1", 5));
        assert_eq!(client.response().status, 100);
        client.send(b"hello");
        client.response().expect(200, "hello");
    }
    let chunked_head = b"POST /echo HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n\
        Transfer-Encoding: chunked\r\n\r\n";
    client.send(chunked_head);
    assert_eq!(client.response().status, 100);
    client.send(&chunked(b"hello", 2));
    client.response().expect(200, "hello");
}

#[test]
fn a_client_that_does_not_wait_for_100_is_served() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(
        &[
            &expecting("/echo", "HTTP/1.1", 5)[..],
            b"hello",
            &get("/ping"),
        ]
        .concat(),
    );
    let mut response = client.response();
    if response.status == 100 {
        response = client.response();
    }
    response.expect(200, "hello");
    client.response().expect(200, "pong");
    // Without a body there is nothing to wait for.
    client.send(b"GET /ping HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n\r\n");
    client.response().expect(200, "pong");
}

#[test]
fn no_100_comes_before_a_refusal() {
    let server = Server::start(&["--max-body", "1KiB"]);
    for (target, length, statuses) in [
        ("/nothing", 5, &[404][..]),
        ("/ping", 5, &[405]),
        ("/echo", 2000, &[413]),
        ("/ping", 1 << 30, &[405, 413]),
    ] {
        let mut client = server.connect();
        client.send(&expecting(target, "HTTP/1.1", length));
        let response = client.response();
        assert!(
            statuses.contains(&response.status),
            "{target} {length}: {response:?}"
        );
        if response.closes() {
            client.expect_eof();
        } else {
            // What the client sends now can only be the body.
            assert_eq!(length, 5, "a body this large is not worth skipping");
            client.send(&[b"hello", &get("/ping")[..]].concat());
            client.response().expect(200, "pong");
        }
    }
}

#[test]
fn no_100_comes_to_a_client_of_1_0() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(&expecting("/echo", "HTTP/1.0", 5));
    assert!(client.pause(A_WHILE));
    client.send(b"hello");
    client.response().expect(200, "hello");
    client.expect_eof();
}
