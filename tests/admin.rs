//! The admin listener: metrics, health and readiness, and that it ends with the server.
#![forbid(unsafe_code)]

mod common;

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{Client, PATIENCE, Server, Watched, command, get, output, skipped_without, until};
use rustix::process::Signal;

#[test]
fn the_metrics_are_those_of_the_served_site() {
    let watched = Watched::start(&["-w2"]);
    watched.expect_sample("tidegate_http_requests_total", 0);
    let mut clients = (0..5).map(|_| watched.server.connect()).collect::<Vec<_>>();
    for client in &mut clients {
        client.send(&[get("/ping"), get("/nothing")].concat());
        client.response().expect(200, "pong");
        assert_eq!(client.response().status, 404);
    }
    // Not the admin listener's own, of which there were some by now.
    watched.expect_sample("tidegate_http_requests_total", 10);
    watched.expect_sample("tidegate_connections_accepted_total", 5);
    watched.expect_sample("tidegate_connections", 5);
    drop(clients);
    watched.expect_sample("tidegate_connections", 0);
    watched.expect_sample("tidegate_connections_accepted_total", 5);
    watched.expect_sample("tidegate_panics_total", 0);
    let version = env!("CARGO_PKG_VERSION");
    watched.expect_sample(&format!("tidegate_build_info{{version=\"{version}\"}}"), 1);
    // Without TLS there is nothing to say of certificates.
    assert_eq!(watched.sample("tidegate_tls_reloads_total"), None);
}

#[test]
fn handshakes_and_certificates_are_told() {
    if skipped_without("openssl") {
        return;
    }
    let watched = Watched::start(&["--tls-self-signed", "--tls-listen", "127.0.0.1:0"]);
    let secure = until("the address of HTTPS is said", PATIENCE, || {
        let text = watched.server.messages().join("\n");
        let rest = text.split_once(" on https://")?.1;
        Some(rest.split_once(' ')?.0.to_owned())
    });
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-tls1_2", "-reconnect", "-connect", &secure]);
    let status = openssl.stdin(Stdio::null()).output().unwrap().status;
    assert!(status.success());
    // It comes back five times with what it was given the first time.
    let handshakes = "tidegate_tls_handshakes_total";
    watched.expect_sample(&format!("{handshakes}{{kind=\"full\"}}"), 1);
    watched.expect_sample(&format!("{handshakes}{{kind=\"resumed\"}}"), 5);
    watched.expect_sample("tidegate_tls_handshake_failures_total", 0);
    let mut garbage = Client::connect(secure.parse().unwrap());
    garbage.send(b"\x16\x03\x01\x00\x05garbage");
    garbage.rest_or_reset();
    watched.expect_sample("tidegate_tls_handshake_failures_total", 1);
    watched.expect_sample("tidegate_tls_reloads_total", 0);
    watched.expect_sample("tidegate_tls_reload_failures_total", 0);
    let name = "tidegate_tls_cert_expiry_timestamp_seconds{cert=\"localhost\"}";
    let left = UNIX_EPOCH + Duration::from_secs(watched.sample(name).unwrap());
    assert!(left > SystemTime::now());
}

#[test]
fn the_page_is_in_the_text_format() {
    let watched = Watched::start(&[]);
    let page = watched.ask("/metrics");
    assert_eq!(page.status, 200);
    assert_eq!(
        page.field("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(page.field("cache-control"), Some("no-store"));
    assert!(page.text().ends_with('\n'));
    for line in page.text().lines() {
        let is_comment =
            line.starts_with("# HELP tidegate_") || line.starts_with("# TYPE tidegate_");
        let is_sample = line.rsplit_once(' ').is_some_and(|(name, value)| {
            name.starts_with("tidegate_") && value.parse::<u64>().is_ok()
        });
        assert!(is_comment || is_sample, "{line}");
    }
}

#[test]
fn connections_over_the_cap_are_counted() {
    let watched = Watched::start(&["--max-connections", "1"]);
    let mut first = watched.server.connect();
    first.send(&get("/ping"));
    first.response().expect(200, "pong");
    assert_eq!(watched.server.connect().response().status, 503);
    watched.expect_sample("tidegate_rejected_total{reason=\"connections\"}", 1);
}

#[test]
fn nothing_but_the_three_paths_is_there_and_only_there() {
    let watched = Watched::start(&["--server-header", "off"]);
    watched.ask("/health").expect(200, "ok");
    watched.ask("/ready").expect(200, "ready");
    assert_eq!(watched.ask("/health").field("server"), None);
    for path in ["/", "/ping", "/metrics/", "/users/1"] {
        assert_eq!(watched.ask(path).status, 404, "{path}");
    }
    for path in ["/metrics", "/health", "/ready"] {
        assert_eq!(watched.server.get(path).status, 404, "{path}");
        let mut client = Client::connect(watched.admin);
        client.send(format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        assert_eq!(client.response_to("HEAD").status, 200);
        client.send(
            format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").as_bytes(),
        );
        let refused = client.response();
        assert_eq!(refused.status, 405);
        assert_eq!(refused.field("allow"), Some("GET, HEAD, OPTIONS"));
    }
    let mut client = Client::connect(watched.admin);
    client.send(&common::post("/metrics", b"much"));
    assert!((400..500).contains(&client.response().status));
}

#[test]
fn while_draining_it_is_healthy_but_not_ready() {
    let mut watched = Watched::start(&[]);
    let mut scraper = Client::connect(watched.admin);
    scraper.send(&get("/metrics"));
    assert_eq!(scraper.response().status, 200);
    let mut busy = watched.server.connect();
    busy.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n123");
    busy.expect_text("123");
    watched.server.signal(Signal::TERM);
    until("it is not ready any more", PATIENCE, || {
        let answer = watched.ask("/ready");
        (answer.status == 503).then(|| answer.expect(503, "draining"))
    });
    watched.ask("/health").expect(200, "ok");
    watched.expect_sample("tidegate_connections", 1);
    busy.send(b"45");
    busy.expect_text("45");
    drop(busy);
    // A scraper that keeps its connection open does not hold the process up.
    let status = watched.server.exit_status(PATIENCE);
    assert_eq!(status.code(), Some(0));
    scraper.expect_eof();
}

#[test]
fn who_drips_a_request_to_it_does_not_keep_the_process() {
    let mut watched = Watched::start(&["--drain-grace", "off"]);
    let mut slow = Client::connect(watched.admin);
    slow.send(b"GET /metrics HTTP/1.1\r\nHo");
    watched.ask("/health").expect(200, "ok");
    let begun = Instant::now();
    watched.server.signal(Signal::TERM);
    let status = watched.server.exit_status(PATIENCE);
    assert_eq!(status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_address_that_cannot_be_had_is_named_and_nothing_is_served() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let listen = ["-l", "127.0.0.1:0", "--access-log", "off"];
    for own in [
        &["--admin-listen", &address][..],
        &["--admin-listen", "nowhere"],
    ] {
        let output = output(command(&[&listen[..], own].concat()));
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.lines().last().unwrap().contains(own[1]), "{text}");
        assert!(!text.contains("serving"), "{text}");
    }
}

#[test]
fn the_main_servers_port_is_not_shared_with_it() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let (port, admin) = (port.to_string(), format!("127.0.0.1:{port}"));
    let output = output(command(&[
        "-p",
        &port,
        "--access-log",
        "off",
        "--admin-listen",
        &admin,
    ]));
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&admin), "{text}");
}

#[test]
fn an_address_that_others_reach_is_warned_of() {
    let warned = |admin: &str| {
        let server = Server::start(&["--admin-listen", admin]);
        until("the admin's address is said", PATIENCE, || {
            let text = server.messages().join("\n");
            text.contains("readiness on").then_some(())
        });
        // What is said of the listener comes before the first answer to TERM.
        server.signal(Signal::TERM);
        until("the drain is said", PATIENCE, || {
            let text = server.messages().join("\n");
            text.contains("draining")
                .then(|| text.contains("may read the metrics"))
        })
    };
    assert!(warned("0.0.0.0:0"));
    assert!(!warned("127.0.0.1:0"));
    let folder = tempfile::tempdir().unwrap();
    assert!(!warned(&format!("unix:{}/admin", folder.path().display())));
}

#[test]
fn a_client_that_leaves_amid_a_scrape_harms_nobody() {
    let watched = Watched::start(&[]);
    for _ in 0..50 {
        let mut client = Client::connect(watched.admin);
        let _ = client.stream.write_all(&get("/metrics").repeat(20));
    }
    watched.ask("/health").expect(200, "ok");
    watched.server.get("/ping").expect(200, "pong");
}
