//! Hostile requests: each gets its status once, nothing after it is answered, and the connection
//! ends in order, so that the client can read why.
#![forbid(unsafe_code)]

mod common;

use std::time::{Duration, Instant};

use common::{HOST, Server, expect_refusals, get, pattern, with_fields as with};

const CHUNKED: &str = "POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\
                       Connection: keep-alive\r\n\r\n";

/// A request with this request line.
fn line(line: &str) -> Vec<u8> {
    format!("{line}\r\n{HOST}\r\n").into_bytes()
}

#[test]
fn lines_end_in_cr_lf() {
    let server = Server::start(&[]);
    expect_refusals(
        &server,
        &[400],
        &[
            "GET /ping HTTP/1.1\nHost: test\n\n",
            "GET /ping HTTP/1.1\nHost: test\r\n\r\n",
            "GET /ping HTTP/1.1\r\nHost: test\n\r\n",
            "GET /ping HTTP/1.1\r\nHost: test\r\n\n",
            "GET /ping HTTP/1.1\rHost: test\r\r",
            "GET /ping HTTP/1.1\r\nHost: test\r\nX: a\rb\r\n\r\n",
            "GET /ping HTTP/1.1\r\nHost: test\r\nX: a\r\r\n\r\n",
            "GET /ping HTTP/1.1\r\r\nHost: test\r\n\r\n",
            "\rGET /ping HTTP/1.1\r\nHost: test\r\n\r\n",
            "\nGET /ping HTTP/1.1\r\nHost: test\r\n\r\n",
        ],
    );
}

#[test]
fn fields_are_a_token_a_colon_and_clean_text() {
    let server = Server::start(&[]);
    expect_refusals(
        &server,
        &[400],
        &[
            with("X: a\r\n folded\r\n"),
            with("X: a\r\n\tfolded\r\n"),
            with(" X: a\r\n"),
            with("X : a\r\n"),
            with("X\t: a\r\n"),
            with("X Y: a\r\n"),
            with(": a\r\n"),
            with("X\r\n"),
            with("X(: a\r\n"),
            with("X\u{e9}: a\r\n"),
            with("X: a\0b\r\n"),
            with("X: a\u{1}b\r\n"),
            with("X: a\u{7f}b\r\n"),
            with("X: a\u{b}b\r\n"),
            with("\0X: a\r\n"),
        ],
    );
    expect_refusals(
        &server,
        &[400],
        &["GET /ping HTTP/1.1\r\n Host: test\r\n\r\n"],
    );
}

#[test]
fn there_is_one_length_at_most() {
    let server = Server::start(&[]);
    expect_refusals(
        &server,
        &[400],
        &[
            with("Content-Length: 3\r\nContent-Length: 3\r\n"),
            with("Content-Length: 3\r\nContent-Length: 4\r\n"),
            with("Content-Length: 3\r\ncontent-length: 0\r\n"),
            with("Content-Length: 3, 3\r\n"),
            with("Content-Length: 3, 4\r\n"),
            with("Content-Length: +3\r\n"),
            with("Content-Length: -3\r\n"),
            with("Content-Length: 3 3\r\n"),
            with("Content-Length: 0x3\r\n"),
            with("Content-Length: 3a\r\n"),
            with("Content-Length: 3.0\r\n"),
            with("Content-Length: \"3\"\r\n"),
            with("Content-Length:\r\n"),
            with("Content-Length: 3;\r\n"),
            with("Content-Length: \u{664}\r\n"),
        ],
    );
    expect_refusals(
        &server,
        &[400, 413],
        &[
            with("Content-Length: 18446744073709551615\r\n"),
            with("Content-Length: 18446744073709551619\r\n"),
            with("Content-Length: 99999999999999999999999999\r\n"),
        ],
    );
}

#[test]
fn the_only_transfer_encoding_is_chunked_and_it_stands_alone() {
    let server = Server::start(&[]);
    expect_refusals(
        &server,
        &[400, 501],
        &[
            with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
            with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
            with("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"),
            with("Transfer-Encoding: gzip\r\n"),
            with("Transfer-Encoding: identity\r\n"),
            with("Transfer-Encoding: gzip, chunked\r\n"),
            with("Transfer-Encoding: chunked, gzip\r\n"),
            with("Transfer-Encoding: chunked, chunked\r\n"),
            with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            with("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"),
            with("Transfer-Encoding: chunked;q=1\r\n"),
            with("Transfer-Encoding: xchunked\r\n"),
            with("Transfer-Encoding: chunkedx\r\n"),
            with("Transfer-Encoding: \"chunked\"\r\n"),
            with("Transfer-Encoding: chun ked\r\n"),
            with("Transfer-Encoding:\r\n"),
            with("Transfer-Encoding: \u{b}chunked\r\n"),
        ],
    );
    let in_1_0 = "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let kept =
        "POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n";
    expect_refusals(&server, &[400], &[in_1_0, kept]);
}

#[test]
fn chunk_sizes_are_hexadecimal_digits() {
    let server = Server::start(&[]);
    let long = format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(5000));
    let sizes = [
        "g\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "\r\nabc\r\n0\r\n\r\n",
        ";x\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3\rabc\r\n0\r\n\r\n",
        "3;x\nabc\r\n0\r\n\r\n",
        "3;\0\r\nabc\r\n0\r\n\r\n",
        "3 3\r\nabc\r\n0\r\n\r\n",
        "00000000000000000000003\r\nabc\r\n0\r\n\r\n",
        &long,
    ];
    expect_refusals(
        &server,
        &[400],
        &sizes.map(|size| format!("{CHUNKED}{size}")),
    );
    let huge = [
        "ffffffffffffffff",
        "10000000000000003",
        "fffffffffffffffffffffffff",
    ];
    let huge = huge.map(|size| format!("{CHUNKED}{size}\r\nabc\r\n0\r\n\r\n"));
    expect_refusals(&server, &[400, 413], &huge);
}

#[test]
fn a_broken_chunk_after_the_answer_has_begun_cuts_the_connection() {
    let server = Server::start(&[]);
    for broken in [
        "X\n0\r\n\r\n",
        "\n0\r\n\r\n",
        "0\r\n\r\n",
        "\r\nq\r\n\r\n",
        "\r\n-0\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(format!("{CHUNKED}5\r\nhello").as_bytes());
        client.expect_text("hello");
        client.send(&[broken.as_bytes(), &get("/ping")].concat());
        let rest = String::from_utf8(client.rest_or_reset()).unwrap();
        assert!(
            !rest.contains("0\r\n\r\n"),
            "{broken:?} was taken as complete: {rest:?}"
        );
        assert!(
            !rest.contains("HTTP/1.1"),
            "{broken:?} was answered again: {rest:?}"
        );
    }
}

#[test]
fn the_version_is_1_0_or_1_1() {
    let server = Server::start(&[]);
    let versions = ["HTTP/2.0", "HTTP/0.9", "HTTP/3.0", "HTTP/1.2", "HTTP/9.9"];
    expect_refusals(
        &server,
        &[505],
        &versions.map(|version| line(&format!("GET / {version}"))),
    );
    let malformed = [
        "http/1.1",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTP/1.1x",
        "HTP/1.1",
        "HTTP",
    ];
    let lines = malformed.map(|version| line(&format!("GET / {version}")));
    expect_refusals(&server, &[400, 505], &lines);
    expect_refusals(&server, &[400, 505], &["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]);
    expect_refusals(
        &server,
        &[400, 505],
        &[line("GET /ping"), line("GET"), line("GET /ping ")],
    );
}

#[test]
fn there_is_exactly_one_valid_host() {
    let server = Server::start(&[]);
    let hosts = [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nHost: b\r\n",
        "Host: a b\r\n",
        "Host: a/b\r\n",
        "Host: a,b\r\n",
        "Host: u@a\r\n",
        "Host: a?b\r\n",
        "Host: a#b\r\n",
        "Host: a\\b\r\n",
        "Host: [::1\r\n",
        "Host: a:b\r\n",
        "Host: a:80:80\r\n",
        "Host: <a>\r\n",
    ];
    let requests = hosts.map(|host| format!("GET /ping HTTP/1.1\r\n{host}\r\n"));
    expect_refusals(&server, &[400], &requests);
    let absolute = "GET http://a/ping HTTP/1.1\r\n\r\n";
    expect_refusals(
        &server,
        &[400],
        &[absolute, "GET /ping HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"],
    );
}

#[test]
fn the_request_line_is_method_target_version() {
    let server = Server::start(&[]);
    let lines = [
        "G@T /ping HTTP/1.1",
        "GET( /ping HTTP/1.1",
        "G\u{e9}T /ping HTTP/1.1",
        "\0GET /ping HTTP/1.1",
        " GET /ping HTTP/1.1",
        "GET\t/ping HTTP/1.1",
        "GET  /ping HTTP/1.1",
        "GET /ping  HTTP/1.1",
        "GET /pi ng HTTP/1.1",
        "GET ping HTTP/1.1",
        "GET /pi\0ng HTTP/1.1",
        "GET /pi\u{7f}ng HTTP/1.1",
        "GET /pi\tng HTTP/1.1",
        "GET * HTTP/1.1",
        "GET ://a HTTP/1.1",
        "GET http:// HTTP/1.1",
        "CONNECT /ping HTTP/1.1",
        "/ping HTTP/1.1",
    ];
    expect_refusals(&server, &[400, 505], &lines.map(line));
}

#[test]
fn other_protocols_are_refused() {
    let server = Server::start(&[]);
    let hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &pattern(500)].concat();
    let ssh = b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec();
    let garbage = [&[0xff, 0xfe, 0x80, 0][..], &pattern(3000)].concat();
    let socks = vec![5, 1, 0, 5, 1, 0, 1];
    let zeros = vec![0; 4096];
    expect_refusals(&server, &[400, 505], &[hello, ssh, garbage, socks, zeros]);
}

#[test]
fn what_can_be_refused_is_refused_before_it_is_complete() {
    let server = Server::start(&[]);
    let start = Instant::now();
    for (beginning, status) in [
        (&b"\x16\x03\x01"[..], 400),
        (b"G@T", 400),
        (b"GET /ping HTTP/1.1\n", 400),
        (b"GET /ping HTTP/2.0\r\n", 505),
        (b"GET /ping HTTP/1.1\r\nHost : test\r\n", 400),
        (b"GET /ping HTTP/1.1\r\nHost: test\r\nX: a\0", 400),
        (b"GET /ping HTTP/1.1\r\nHost: test\r\n folded", 400),
    ] {
        let mut client = server.connect();
        client.send(beginning);
        let response = client.response();
        assert_eq!(
            response.status,
            status,
            "{:?}",
            String::from_utf8_lossy(beginning)
        );
        client.expect_eof();
    }
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "the header timeout decided, not the bytes"
    );
}

/// RFC 9110 section 9.3.2: an answer to HEAD has no body, whatever it says.
#[test]
fn head_is_refused_without_a_body() {
    let server = Server::start(&["--header-timeout", "1s"]);
    for (request, status) in [
        ("HEAD / HTTP/1.1\r\n\r\n", 400),
        ("\r\nHEAD / HTTP/1.1\r\n\r\n", 400),
        (
            "HEAD / HTTP/1.1\r\nHost: test\r\nContent-Length: x\r\n\r\n",
            400,
        ),
        ("HEAD /#a HTTP/1.1\r\n", 400),
        ("HEAD / HTTP/3.0\r\n", 505),
        ("HEAD / HTTP/1.1\r\nHost: test\r\nExpect: rain\r\n\r\n", 417),
        ("HEAD / HTTP/1.1\r\nHost: te", 408),
        ("HEAD / HTTP/1.1\r\nHost: test\r\nX: a\0\r\n\r\n", 400),
    ] {
        let mut client = server.connect();
        client.send(request.as_bytes());
        let response = client.response_to("HEAD");
        assert_eq!(response.status, status, "{request:?}");
        assert_ne!(response.field("content-length"), Some("0"));
        client.expect_eof();
    }
}
