//! `--https-redirect` as a client in the clear sees it, and that `--hsts` says nothing there.
#![forbid(unsafe_code)]

mod common;

use std::process::Command;

use common::{
    Client, PATIENCE, Pki, Response, Server, command, output, pattern, post, skipped_without, until,
};

/// A server that has HTTPS on a port of its own.
fn start(args: &[&str]) -> Server {
    let mut all = vec!["--tls-self-signed", "--tls-listen", "127.0.0.1:0"];
    all.extend(args);
    Server::start(&all)
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
    let server = start(&["--hsts"]);
    let mut client: Client = server.connect();
    for path in ["/ping", "/nothing"] {
        client.send(&common::get(path));
        let response = client.response();
        assert_ne!(response.status, 308);
        assert_eq!(response.field("strict-transport-security"), None);
    }
}

/// Where the server said that it has HTTPS.
fn secure_address(server: &Server) -> String {
    until("the address of HTTPS is said", PATIENCE, || {
        let text = server.messages().join("\n");
        let rest = text.split_once(" on https://")?.1;
        Some(rest.split_once(' ')?.0.to_owned())
    })
}

/// What curl prints, the heads too; it trusts every certificate.
fn curl(args: &[&str]) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-q", "-sSik", "--noproxy", "*", "--max-time", "15"]);
    let output = curl.args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_client_that_follows_arrives_with_its_body_and_is_told_the_policy() {
    if skipped_without("curl") {
        return;
    }
    let server = start(&["--https-redirect", "--hsts"]);
    let secure = secure_address(&server);
    let url = format!("http://{}/echo?a", server.address());
    let answers = curl(&["-L", "-d", "a body", &url]);
    let (first, second) = answers.split_once("HTTP/1.1 200 OK").unwrap();
    let location = format!("\r\nLocation: https://{secure}/echo?a\r\n");
    assert!(first.contains(&location), "{answers}");
    let policy = "\r\nStrict-Transport-Security: max-age=31536000\r\n";
    assert!(
        !first.contains(policy) && second.contains(policy),
        "{answers}"
    );
    assert!(second.ends_with("a body"), "{answers}");
    let missing = curl(&[&format!("https://{secure}/nothing")]);
    assert!(
        missing.starts_with("HTTP/1.1 404 ") && missing.contains(policy),
        "{missing}"
    );
}

#[test]
fn with_strict_names_hosts_without_a_certificate_are_misdirected() {
    let server = start(&["--https-redirect=443", "--tls-strict-sni"]);
    let response = ask(&server, "GET /a HTTP/1.1\r\nHost: LOCALHOST:80\r\n\r\n");
    expect_location(&response, "https://LOCALHOST/a");
    for host in ["127.0.0.1", "[::1]", "other.example"] {
        let response = ask(&server, &format!("GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!((response.status, response.field("location")), (421, None));
    }
}

#[test]
fn only_hosts_of_a_certificate_are_redirected_to() {
    if skipped_without("openssl") {
        return;
    }
    let pki = Pki::new();
    let one = pki.leaf("one", "DNS:a.example,DNS:*.b.example,IP:127.0.0.1,IP:::1");
    let two = pki.leaf("two", "DNS:c.example");
    let start = |more: &[&str]| {
        let flags = [one.flags(), two.flags()].concat();
        let own = ["--tls-listen", "127.0.0.1:0", "--https-redirect=443"];
        Server::start(&[&own[..], &flags, more].concat())
    };
    let status = |server: &Server, host: &str| {
        let response = ask(server, &format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        if response.status == 308 {
            expect_location(&response, &format!("https://{host}/x"));
        } else {
            assert_eq!(response.field("location"), None);
        }
        response.status
    };
    let (plain, strict) = (start(&[]), start(&["--tls-strict-sni"]));
    for host in ["a.example", "A.Example.", "x.b.example", "c.example"] {
        assert_eq!((status(&plain, host), status(&strict, host)), (308, 308));
    }
    for host in ["127.0.0.1", "[::1]", "[0:0:0:0:0:0:0:1]"] {
        assert_eq!((status(&plain, host), status(&strict, host)), (308, 421));
    }
    let others = [
        "b.example",
        "x.y.b.example",
        "d.example",
        "127.0.0.2",
        "[::2]",
    ];
    for host in others {
        assert_eq!((status(&plain, host), status(&strict, host)), (421, 421));
    }
}

#[test]
fn without_https_the_flags_are_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    for (args, named) in [
        (
            &["--https-redirect"][..],
            "--https-redirect needs a certificate",
        ),
        (&["--hsts"], "--hsts needs a certificate"),
        (
            &["--tls-dir", empty, "--https-redirect"],
            "--https-redirect has nowhere",
        ),
    ] {
        let listen = ["-l", "127.0.0.1:0", "--access-log", "off"];
        let output = output(command(&[&listen[..], args].concat()));
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.lines().last().unwrap().contains(named), "{text}");
        assert!(!text.contains("serving"), "{text}");
    }
}
