//! Answers that come before the request's body: a small rest of the body is skipped and the
//! connection goes on, a large one ends it.
#![forbid(unsafe_code)]

mod common;

use common::{Server, chunked, get, pattern, post};

const CHUNKED: &[u8] = b"POST /ping HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn a_small_unread_body_is_skipped() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(&[&post("/ping", b"0123456789")[..], &get("/users/1")].concat());
    let refusal = client.response();
    assert_eq!(refusal.status, 405);
    assert!(!refusal.closes(), "{refusal:?}");
    client.response().expect(200, "user id is 1");

    client.send(&[CHUNKED, &chunked(b"0123456789", 3), &get("/users/2")].concat());
    assert_eq!(client.response().status, 405);
    client.response().expect(200, "user id is 2");

    let wanted = b"GET /ping HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n0123456789";
    client.send(&[&wanted[..], &get("/users/3")].concat());
    client.response().expect(200, "pong");
    client.response().expect(200, "user id is 3");
}

#[test]
fn a_body_that_looks_like_a_request_is_skipped_as_a_body() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for _ in 0..20 {
        client.send(&[&post("/nothing", &get("/ping"))[..], &get("/users/1")].concat());
        assert_eq!(client.response().status, 404);
        client.response().expect(200, "user id is 1");
    }
}

#[test]
fn a_small_body_may_come_after_its_answer() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for id in 0..5 {
        client.send(b"POST /ping HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n0123");
        assert_eq!(client.response().status, 405);
        client.send(b"4567");
        client.send(&[b"89", &get(&format!("/users/{id}"))[..]].concat());
        client.response().expect(200, &format!("user id is {id}"));
    }
}

#[test]
fn a_chunked_body_may_come_after_its_answer_unless_that_closes() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(CHUNKED);
    let refusal = client.response();
    assert_eq!(refusal.status, 405);
    let rest = [chunked(b"0123456789", 7), get("/ping")].concat();
    if refusal.closes() {
        // Nobody knows how much is to come.
        client.send(&rest);
        return client.expect_eof();
    }
    for byte in rest {
        client.send(&[byte]);
    }
    client.response().expect(200, "pong");
}

#[test]
fn a_rest_of_sixty_kilobytes_is_skipped() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for _ in 0..5 {
        client.send(&[post("/nothing", &pattern(60_000)), get("/ping")].concat());
        assert_eq!(client.response().status, 404);
        client.response().expect(200, "pong");
    }
}

#[test]
fn a_large_unread_body_ends_the_connection_after_the_answer() {
    let server = Server::start(&[]);
    let body = pattern(9 << 20);
    for length in [1 << 20, 9 << 20].repeat(5) {
        let mut client = server.connect();
        client.send(&post("/ping", &body[..length]));
        let refusal = client.response();
        assert_eq!(refusal.status, 405);
        assert!(refusal.closes(), "{refusal:?}");
        client.expect_eof();
    }
    // Announced but never sent: the answer need not wait for it, nor the end of the connection.
    let mut client = server.connect();
    client.send(b"POST /ping HTTP/1.1\r\nHost: test\r\nContent-Length: 9000000\r\n\r\n");
    let refusal = client.response();
    assert_eq!(refusal.status, 405);
    assert!(refusal.closes(), "{refusal:?}");
    client.expect_eof();
}

#[test]
fn a_chunked_body_that_turns_out_large_ends_the_connection() {
    let server = Server::start(&[]);
    for _ in 0..20 {
        let mut client = server.connect();
        client.send(CHUNKED);
        assert_eq!(client.response().status, 405);
        client.send(&[chunked(&pattern(500_000), 8000), get("/ping")].concat());
        let rest = client.rest_or_reset();
        assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    }
}

#[test]
fn a_broken_unread_body_ends_the_connection() {
    let server = Server::start(&[]);
    for broken in [
        &b"5\r\nhelloX\r\n0\r\n\r\n"[..],
        b"q\r\n",
        b"5\nhello\r\n0\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(CHUNKED);
        assert_eq!(client.response().status, 405);
        client.send(&[broken, &get("/users/1")].concat());
        let rest = String::from_utf8(client.rest_or_reset()).unwrap();
        assert!(!rest.contains("user id"), "{rest:?}");
    }
}
