//! `--https-redirect` as a client in the clear sees it, and that `--hsts` says nothing there.
#![forbid(unsafe_code)]

mod common;

use common::{Client, Response, Server, pattern, post};

/// A server that sends everyone to HTTPS.
fn start(args: &[&str]) -> Server {
    Server::start(args)
}

/// The answer to exactly these bytes.
fn ask(server: &Server, request: &str) -> Response {
    let mut client = server.connect();
    client.send(request.as_bytes());
    client.response()
}

#[track_caller]
fn expect_location(response: &Response, location: &str) {
    assert_eq!(response.status, 308, "{response:?}");
    assert_eq!(response.field("location"), Some(location));
    assert_eq!(response.field("strict-transport-security"), None);
    assert_eq!(response.field("allow"), None);
}

#[test]
fn host_path_and_query_stay_and_the_port_is_that_of_https() {
    let usual = start(&["--https-redirect=443", "--hsts"]);
    let other = start(&["--https-redirect=8443", "--hsts"]);
    for (target, host, own, rest) in [
        ("/", "a.example", "a.example", "/"),
        (
            "/ping?a=%20b&c",
            "a.example:8080",
            "a.example",
            "/ping?a=%20b&c",
        ),
        ("/x/../%7Ea//b", "A.Example.", "A.Example.", "/x/../%7Ea//b"),
        ("/nothing", "127.0.0.1:80", "127.0.0.1", "/nothing"),
        ("//b.example/", "a.example", "a.example", "//b.example/"),
        ("/%zz", "a.example", "a.example", "/%zz"),
        ("/", "[::1]:8080", "[::1]", "/"),
        (
            "http://b.example:81/c?d",
            "b.example:81",
            "b.example",
            "/c?d",
        ),
        ("http://b.example?d", "b.example", "b.example", "/?d"),
        ("http://b.example", "b.example", "b.example", "/"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let response = ask(&usual, &request);
        expect_location(&response, &format!("https://{own}{rest}"));
        let response = ask(&other, &request);
        expect_location(&response, &format!("https://{own}:8443{rest}"));
    }
}

#[test]
fn every_method_is_redirected_and_keeps_the_connection() {
    let server = start(&["--https-redirect=8443"]);
    let mut client = server.connect();
    for method in ["HEAD", "GET", "DELETE", "OPTIONS", "PATCH", "TRACE", "ODD"] {
        let request = format!("{method} /users/1 HTTP/1.1\r\nHost: a\r\n\r\n");
        client.send(request.as_bytes());
        let response = client.response_to(method);
        expect_location(&response, "https://a:8443/users/1");
        assert!(!response.closes(), "{method}");
    }
    client.send(&post("/echo", b"a little"));
    expect_location(&client.response(), "https://test:8443/echo");
    client.send(&common::get("/echo"));
    expect_location(&client.response(), "https://test:8443/echo");
}

#[test]
fn bodies_are_not_waited_for() {
    let server = start(&["--https-redirect=8443"]);
    let mut waiting = server.connect();
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n";
    waiting.send(format!("{head}Expect: 100-continue\r\n\r\n").as_bytes());
    expect_location(&waiting.response(), "https://a:8443/echo");
    let mut sending = server.connect();
    sending.send(format!("{head}\r\n").as_bytes());
    sending.send(&pattern(100_000));
    let response = sending.response();
    expect_location(&response, "https://a:8443/echo");
    assert!(response.closes());
    let mut chunked = server.connect();
    chunked.send(b"POST /sum HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    expect_location(&chunked.response(), "https://a:8443/sum");
}

#[test]
fn what_names_no_place_is_not_redirected() {
    let server = start(&["--https-redirect=8443"]);
    let response = ask(&server, "GET /ping HTTP/1.0\r\n\r\n");
    assert_eq!((response.status, response.field("location")), (400, None));
    let response = ask(&server, "GET /ping HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(response.field("location"), Some("https://a:8443/ping"));
    for (request, status) in [
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    ] {
        let response = ask(&server, request);
        assert_eq!(response.status, status, "{request}");
        assert_eq!(response.field("location"), None, "{request}");
    }
}

#[test]
fn without_the_flag_nobody_is_redirected_and_no_policy_is_told_in_the_clear() {
    let server = Server::start(&["--hsts"]);
    let mut client: Client = server.connect();
    for path in ["/ping", "/nothing"] {
        client.send(&common::get(path));
        let response = client.response();
        assert_ne!(response.status, 308);
        assert_eq!(response.field("strict-transport-security"), None);
    }
}
