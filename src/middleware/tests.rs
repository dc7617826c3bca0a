//! The redirect, the policy and further fields on a server that really speaks TLS, as curl sees
//! them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use reactor::tls::Tls;
use reactor::{Limits, Reply, Request, Route, Site};

use super::{HeaderField, Headers, Hsts, HstsPolicy, HttpsRedirect};
use crate::testing::{Pair, TempDir, TwoPorts, curl, skipped_without};

const POLICY: &str = "\r\nStrict-Transport-Security: max-age=86400; includeSubDomains\r\n";

/// Fields of names that an answer has too, and of one that is there twice.
fn fields() -> Headers {
    let field = |(name, value): (&str, &str)| HeaderField {
        name: name.into(),
        value: value.into(),
    };
    let fields = [
        ("X-Own", "ours"),
        ("Link", "</a>"),
        ("X-Frame-Options", "DENY"),
        ("link", "</b>"),
    ];
    Headers::new(fields.map(field).into())
}

/// A server that redirects to its own TLS port and tells the policy there.
fn start(covered: fn(&str) -> bool) -> TwoPorts {
    let folder = TempDir::new();
    let pair = Pair::new(&folder, "server", "/CN=localhost");
    let port = Arc::new(AtomicU16::new(0));
    let redirect = HttpsRedirect::new(Arc::clone(&port), Box::new(covered));
    let hsts = Hsts::new(HstsPolicy {
        max_age_seconds: 86_400,
        includes_subdomains: true,
        preload: false,
    });
    let limits = Limits {
        body_bytes_max: 100,
        ..Limits::default()
    };
    let site = Site::builder()
        .limits(limits)
        .middleware(Arc::new(fields()))
        .middleware(Arc::new(redirect))
        .middleware(Arc::new(hsts))
        .route(Route::post("/echo", |request: &mut Request<'_>| {
            let body = request.body().to_vec();
            Reply::owned("text/plain", body)
        }))
        .route(Route::get("/own", |request: &mut Request<'_>| {
            request
                .out()
                .field("strict-transport-security", "max-age=1");
            request.out().field("x-own", "the answer's");
            request.out().field("LINK", "</c>");
            request.out().field("X-Other", "the answer's");
            Reply::text("own")
        }))
        .route(Route::get("/panic", |_: &mut Request<'_>| {
            panic!("asked for")
        }))
        .route(Route::get("/job", |_: &mut Request<'_>| {
            Reply::job(|_| Reply::text("job"))
        }));
    let tls = Tls::builder().certificate(pair.certificate());
    let server = TwoPorts::start(site, tls.build(None).unwrap(), || Box::new(()));
    port.store(server.secure, Ordering::Relaxed);
    server
}

#[test]
fn every_answer_over_tls_tells_the_policy_once() {
    if skipped_without(&["openssl", "curl"]) {
        return;
    }
    let server = start(|_| true);
    let base = format!("https://localhost:{}", server.secure);
    let too_much = "x".repeat(101);
    for (arguments, status) in [
        (&["/job"][..], "200 OK"),
        (&["/own"], "200 OK"),
        (&["/own", "-I"], "200 OK"),
        (&["/nothing"], "404 "),
        (&["/own", "-X", "DELETE"], "405 "),
        (&["/own", "-X", "OPTIONS"], "204 "),
        (&["/", "-X", "OPTIONS", "--request-target", "*"], "204 "),
        (&["/%zz"], "400 "),
        (&["/echo", "-d", &too_much], "413 "),
        (&["/panic"], "500 "),
    ] {
        let url = format!("{base}{}", arguments[0]);
        let answer = curl(&[&[url.as_str()], &arguments[1..]].concat());
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        assert!(answer.contains(POLICY), "{arguments:?}: {answer}");
        let fields = answer.to_ascii_lowercase();
        assert_eq!(fields.matches("strict-transport").count(), 1, "{answer}");
    }
}

#[test]
fn a_client_in_the_clear_arrives_at_the_real_port_with_its_body() {
    if skipped_without(&["openssl", "curl"]) {
        return;
    }
    let server = start(|_| true);
    let url = format!("http://localhost:{}/echo?a=%20b", server.plain);
    let answers = curl(&["-L", "-d", "body", &url]);
    let (first, second) = answers.split_once("HTTP/1.1 200 OK").unwrap();
    assert!(first.starts_with("HTTP/1.1 308 "), "{answers}");
    let location = format!("https://localhost:{}/echo?a=%20b", server.secure);
    assert!(
        first.contains(&format!("\r\nLocation: {location}\r\n")),
        "{answers}"
    );
    assert!(!first.contains("Strict-Transport-Security"), "{answers}");
    assert!(
        second.contains(POLICY) && second.ends_with("body"),
        "{answers}"
    );
}

#[test]
fn hosts_without_a_certificate_are_misdirected() {
    if skipped_without(&["openssl", "curl"]) {
        return;
    }
    let server = start(|host| host == "localhost");
    let port = server.plain;
    let answer = curl(&[&format!("http://localhost:{port}/nothing")]);
    assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
    for host in ["127.0.0.1", "[::1]", "other.example"] {
        let field = format!("Host: {host}:{port}");
        let answer = curl(&["-H", &field, &format!("http://127.0.0.1:{port}/own")]);
        assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
        assert!(!answer.contains("Location"), "{answer}");
    }
}

#[test]
fn every_answer_has_the_fields_in_the_place_of_its_own() {
    if skipped_without(&["openssl", "curl"]) {
        return;
    }
    let server = start(|host| host == "localhost");
    let secure = format!("https://localhost:{}", server.secure);
    let plain = format!("http://localhost:{}", server.plain);
    let misdirected = format!("http://127.0.0.1:{}", server.plain);
    let too_much = "x".repeat(101);
    for (base, arguments, status) in [
        (&secure, &["/own"][..], "200 OK"),
        (&secure, &["/own", "-I"], "200 OK"),
        (&secure, &["/job"], "200 OK"),
        (&secure, &["/nothing"], "404 "),
        (&secure, &["/own", "-X", "DELETE"], "405 "),
        (&secure, &["/%zz"], "400 "),
        (&secure, &["/echo", "-d", &too_much], "413 "),
        (&secure, &["/panic"], "500 "),
        (&plain, &["/own"], "308 "),
        (&misdirected, &["/own"], "421 "),
    ] {
        let url = format!("{base}{}", arguments[0]);
        let answer = curl(&[&[url.as_str()], &arguments[1..]].concat());
        let is_expected = answer.starts_with(&format!("HTTP/1.1 {status}"));
        assert!(is_expected, "{arguments:?}: {answer}");
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        let found: Vec<&str> = head.lines().filter(|line| is_ours(line)).collect();
        let expected = [
            "X-Own: ours",
            "Link: </a>",
            "X-Frame-Options: DENY",
            "link: </b>",
        ];
        assert_eq!(found, expected, "{arguments:?}");
        let is_from_handler = arguments[0] == "/own" && status == "200 OK";
        assert_eq!(head.contains("\r\nX-Other: "), is_from_handler, "{head}");
    }
}

fn is_ours(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default();
    let names = ["x-own", "link", "x-frame-options"];
    names.iter().any(|own| own.eq_ignore_ascii_case(name))
}
