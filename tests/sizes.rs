//! How large heads and bodies may be: within a bound they are served, beyond it refused in a way
//! that the client can read.
#![forbid(unsafe_code)]

mod common;

use common::{HOST, Server, chunked, expect_refusals, get, pattern, post, with_fields as with};

const CHUNKED: &[u8] = b"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn heads_have_a_size() {
    let server = Server::start(&[]);
    let target = format!("GET /{} HTTP/1.1\r\n{HOST}\r\n", "a".repeat(9000));
    let longer = format!("GET /{} HTTP/1.1\r\n{HOST}\r\n", "a".repeat(100_000));
    expect_refusals(&server, &[414], &[target, longer]);
    let value = with(&format!("X: {}\r\n", "a".repeat(17 << 10)));
    let endless = with(&format!("X: {}\r\n", "a".repeat(1 << 20)));
    let name = with(&format!("{}: 1\r\n", "a".repeat(17 << 10)));
    let fields = with(&"X: 1\r\n".repeat(101));
    let many = with(&"X: 1\r\n".repeat(20_000));
    expect_refusals(&server, &[431], &[value, endless, name, fields, many]);

    let mut client = server.connect();
    let fine = format!(
        "{HOST}{}{}",
        "X: 1\r\n".repeat(98),
        format_args!("Y: {}\r\n", "a".repeat(12_000))
    );
    client.send(format!("GET /ping HTTP/1.1\r\n{fine}\r\n").as_bytes());
    client.response().expect(200, "pong");
    client.send(&get(&format!("/users/{}", "a".repeat(7900))));
    assert_eq!(client.response().status, 200);
}

#[test]
fn the_sizes_of_heads_can_be_set() {
    let server = Server::start(&["--max-header-size", "1KiB", "--max-headers", "5"]);
    let large = with(&format!("X: {}\r\n", "a".repeat(1024)));
    expect_refusals(&server, &[431], &[large, with(&"X: 1\r\n".repeat(5))]);
    let mut client = server.connect();
    client.send(format!("GET /ping HTTP/1.1\r\n{HOST}{}\r\n", "X: 1\r\n".repeat(4)).as_bytes());
    client.response().expect(200, "pong");
}

#[test]
fn bodies_have_a_size() {
    let server = Server::start(&["--max-body", "1KiB"]);
    let by_length = b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n".to_vec();
    let by_chunk = [CHUNKED, b"401\r\n"].concat();
    expect_refusals(&server, &[413], &[by_length, by_chunk]);
    let mut client = server.connect();
    client.send(&post("/echo", &pattern(1025)));
    assert_eq!(client.response().status, 413);

    let mut client = server.connect();
    let allowed = pattern(1024);
    client.send(&post("/echo", &allowed));
    assert_eq!(client.response().body, allowed);
    client.send(&[CHUNKED, &chunked(&allowed, 100)].concat());
    assert_eq!(client.response().body, allowed);
    // The answer has begun when the body grows too large: it must not look complete.
    client.send(&[CHUNKED, b"5\r\nhello\r\n"].concat());
    client.expect_text("hello");
    client.send(&chunked(&pattern(2000), 100));
    assert!(!client.rest_or_reset().ends_with(b"\r\n0\r\n\r\n"));
}

#[test]
fn a_client_that_is_still_sending_can_read_why_it_is_refused() {
    let server = Server::start(&["--max-body", "64KiB"]);
    for _ in 0..20 {
        let mut client = server.connect();
        let length = 1 << 20;
        let head = format!("POST /echo HTTP/1.1\r\n{HOST}Content-Length: {length}\r\n\r\n");
        client.send(head.as_bytes());
        client.send(&pattern(length));
        let response = client.response();
        assert_eq!(response.status, 413);
        assert!(
            response.closes() && !response.text().is_empty(),
            "{response:?}"
        );
        client.expect_eof();
    }
}
