//! Connections, methods and targets (RFC 9110, RFC 9112).
#![forbid(unsafe_code)]

mod common;

use common::{Client, Response, Server, get, post};

/// Sends a request without body that has `fields` (each with its CR LF), and reads the answer.
fn ask(client: &mut Client, method: &str, target: &str, fields: &str) -> Response {
    let head = format!("{method} {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n");
    client.send(head.as_bytes());
    client.response_to(method)
}

#[test]
fn the_demo_routes_answer() {
    let server = Server::start(&[]);
    server.get("/ping").expect(200, "pong");
    server.get("/plaintext").expect(200, "Hello, World!");
    server.get("/users/7").expect(200, "user id is 7");
    let json = server.get("/json");
    assert_eq!(json.field("content-type"), Some("application/json"));
    serde_json::from_slice::<serde_json::Value>(&json.body).unwrap();
    let home = server.get("/");
    assert_eq!(home.status, 200);
    assert!(
        home.field("content-type").unwrap().starts_with("text/html"),
        "{home:?}"
    );
    assert!(
        server
            .get("/ping")
            .field("content-type")
            .unwrap()
            .starts_with("text/plain")
    );
}

#[test]
fn a_connection_of_1_1_is_kept() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for _ in 0..50 {
        client.send(&get("/ping"));
        let response = client.response();
        response.expect(200, "pong");
        assert!(!response.closes());
    }
}

#[test]
fn the_client_may_ask_to_close() {
    let server = Server::start(&[]);
    for fields in [
        "Connection: close\r\n",
        "connection:CLOSE\r\n",
        "Connection: keep-alive, x , Close\r\n",
        "Connection: x\r\nConnection: close\r\n",
    ] {
        let mut client = server.connect();
        let response = ask(&mut client, "GET", "/ping", fields);
        response.expect(200, "pong");
        assert!(response.closes(), "{fields:?}: {response:?}");
        client.expect_eof();
    }
    let mut client = server.connect();
    assert!(!ask(&mut client, "GET", "/ping", "Connection: closer\r\n").closes());
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
}

#[test]
fn nothing_after_the_last_request_is_answered() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(b"GET /ping HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    client.send(&get("/plaintext"));
    client.response().expect(200, "pong");
    client.expect_eof();
}

#[test]
fn a_connection_of_1_0_is_closed_unless_asked_otherwise() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(b"GET /ping HTTP/1.0\r\n\r\n");
    client.response().expect(200, "pong");
    client.expect_eof();

    let mut client = server.connect();
    for _ in 0..3 {
        client.send(b"GET /ping HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
        let response = client.response();
        response.expect(200, "pong");
        let connection = response.field("connection").unwrap();
        assert!(
            connection.eq_ignore_ascii_case("keep-alive"),
            "{response:?}"
        );
    }
    client.send(b"GET /ping HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n");
    client.response().expect(200, "pong");
    client.expect_eof();
}

#[test]
fn head_is_get_without_content() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for target in [
        "/",
        "/ping",
        "/plaintext",
        "/json",
        "/users/1",
        "/nothing",
        "/echo",
    ] {
        let full = ask(&mut client, "GET", target, "");
        let head = ask(&mut client, "HEAD", target, "");
        assert_eq!(head.status, full.status, "{target}");
        let without_date = |response: &Response| {
            let mut fields = response.fields.clone();
            fields.retain(|(name, _)| name != "date");
            fields
        };
        assert_eq!(without_date(&head), without_date(&full), "{target}");
        assert!(!full.body.is_empty(), "{target}");
    }
    ask(&mut client, "GET", "/ping", "").expect(200, "pong");
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for (method, target, allowed) in [
        ("DELETE", "/ping", &["GET", "HEAD"][..]),
        ("PATCH", "/users/1", &["GET", "HEAD"]),
        ("PROPFIND", "/plaintext", &["GET", "HEAD"]),
        ("GET", "/echo", &["POST"]),
        ("HEAD", "/echo", &["POST"]),
    ] {
        let response = ask(&mut client, method, target, "");
        assert_eq!(response.status, 405, "{method} {target}");
        let listed = response
            .field("allow")
            .unwrap()
            .split(", ")
            .collect::<Vec<_>>();
        assert!(
            allowed.iter().all(|own| listed.contains(own)),
            "{method} {target}: {listed:?}"
        );
        assert!(!listed.contains(&method), "{method} {target}: {listed:?}");
    }
    assert_eq!(ask(&mut client, "DELETE", "/nothing", "").status, 404);
}

#[test]
fn methods_that_no_route_has_are_refused_politely() {
    let server = Server::start(&[]);
    for head in [
        "CONNECT test:443 HTTP/1.1\r\nHost: test:443\r\n\r\n",
        "TRACE /ping HTTP/1.1\r\nHost: test\r\n\r\n",
        "get /ping HTTP/1.1\r\nHost: test\r\n\r\n",
        "X-Y~!# /ping HTTP/1.1\r\nHost: test\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(head.as_bytes());
        let status = client.response().status;
        assert!([400, 404, 405, 501].contains(&status), "{head:?}: {status}");
    }
}

#[test]
fn options_lists_the_methods() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for (target, allowed) in [("/ping", "GET"), ("/echo", "POST")] {
        let response = ask(&mut client, "OPTIONS", target, "");
        assert!([200, 204].contains(&response.status), "{response:?}");
        let listed = response
            .field("allow")
            .unwrap()
            .split(", ")
            .collect::<Vec<_>>();
        assert!(
            listed.contains(&allowed) && listed.contains(&"OPTIONS"),
            "{target}: {listed:?}"
        );
    }
    let whole = ask(&mut client, "OPTIONS", "*", "");
    assert!([200, 204].contains(&whole.status), "{whole:?}");
    ask(&mut client, "GET", "/ping", "").expect(200, "pong");
}

#[test]
fn targets_in_absolute_form_are_understood() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for target in [
        "http://example.org/ping",
        "HTTP://EXAMPLE.ORG:8080/ping?x=http://a/b",
        "http://[::1]:80/ping",
        "http://example.org/a/../%70ing",
    ] {
        let response = ask(&mut client, "GET", target, "");
        assert_eq!(
            (response.status, response.text()),
            (200, "pong"),
            "{target}"
        );
    }
    let home = ask(&mut client, "GET", "/", "");
    let bare = ask(&mut client, "GET", "http://example.org", "");
    assert_eq!((bare.status, &bare.body), (200, &home.body));
}

#[test]
fn paths_are_normalised_and_queries_left_alone() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for (target, text) in [
        ("/%70ing", "pong"),
        ("/%70%69%6e%67", "pong"),
        ("/a/../ping", "pong"),
        ("/./ping", "pong"),
        ("/a/b/../../ping", "pong"),
        ("/a/%2e%2E/ping", "pong"),
        ("/ping?", "pong"),
        ("/ping?x=1&y=%20/../..", "pong"),
        ("/users/a%20b", "user id is a b"),
        ("/users/%C3%A9t%c3%a9", "user id is été"),
        ("/users/a%2Fb", "user id is a/b"),
        ("/users/a%252Fb", "user id is a%2Fb"),
        ("/users/%31%32?id=3", "user id is 12"),
        ("/x/../users/a+b", "user id is a+b"),
    ] {
        let response = ask(&mut client, "GET", target, "");
        assert_eq!((response.status, response.text()), (200, text), "{target}");
    }
    for target in [
        "/Ping",
        "/ping/x",
        "/pin",
        "/pingx",
        "/users",
        "/users/1/2",
        "/nothing",
    ] {
        assert_eq!(ask(&mut client, "GET", target, "").status, 404, "{target}");
    }
}

#[test]
fn a_hundred_requests_in_one_write_are_answered_in_order() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let wire = (0..100)
        .flat_map(|id| get(&format!("/users/{id}")))
        .collect::<Vec<_>>();
    client.send(&wire);
    for id in 0..100 {
        client.response().expect(200, &format!("user id is {id}"));
    }
}

#[test]
fn pipelined_requests_of_all_kinds_are_answered_in_order() {
    let server = Server::start(&[]);
    let head = &b"HEAD /ping HTTP/1.1\r\nHost: test\r\n\r\n"[..];
    let chunks = b"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n\
        3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n";
    let round = [
        &get("/ping")[..],
        head,
        &post("/echo", b"first"),
        &get("/nothing"),
        &chunks[..],
        b"\r\n",
        &post("/ping", b"not wanted"),
        &get("/users/9"),
    ]
    .concat();
    let mut client = server.connect();
    client.send(&round.repeat(20));
    for _ in 0..20 {
        client.response().expect(200, "pong");
        assert_eq!(client.response_to("HEAD").status, 200);
        client.response().expect(200, "first");
        assert_eq!(client.response().status, 404);
        client.response().expect(200, "abcde");
        assert_eq!(client.response().status, 405);
        client.response().expect(200, "user id is 9");
    }
    let mut client = server.connect();
    for byte in &round {
        client.send(&[*byte]);
    }
    let statuses = [200, 200, 200, 404, 200, 405, 200];
    let methods = ["GET", "HEAD", "POST", "GET", "POST", "POST", "GET"];
    for (status, method) in statuses.into_iter().zip(methods) {
        assert_eq!(
            client.response_to(method).status,
            status,
            "a byte at a time: {method}"
        );
    }
}

#[test]
fn a_connection_serves_as_many_requests_as_allowed() {
    let server = Server::start(&["--max-requests", "3"]);
    let mut client = server.connect();
    client.send(&get("/ping").repeat(5));
    assert!(!client.response().closes());
    assert!(!client.response().closes());
    let last = client.response();
    last.expect(200, "pong");
    assert!(last.closes());
    client.expect_eof();
}

#[test]
fn an_empty_line_before_a_request_is_skipped() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(&[b"\r\n", &get("/ping")[..], b"\r\n", &get("/users/2")].concat());
    client.response().expect(200, "pong");
    client.response().expect(200, "user id is 2");
}
