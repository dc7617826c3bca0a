//! The redirect and the policy on a server that really speaks TLS, as curl sees them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use reactor::tls::Tls;
use reactor::{Limits, Reply, Request, Route, Site};

use super::{Hsts, HstsPolicy, HttpsRedirect};
use crate::testing::{Pair, TempDir, TwoPorts, curl, skipped_without};

const POLICY: &str = "\r\nStrict-Transport-Security: max-age=86400; includeSubDomains\r\n";

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
