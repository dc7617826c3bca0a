//! Who is no client of TLS, or a bad one: turned away within the deadline, told why where that can
//! be, counted, and of no cost to others.
#![forbid(unsafe_code)]

mod common;

use std::time::{Duration, Instant};

use common::{Client, PATIENCE, Tls, Watched, client_hello, get, pattern, skip, until};
use rustix::net::sockopt::set_socket_linger;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Handshakes that are given up at once.
const WAVE: usize = 1000;

/// Memory that each of them may cost while it goes on; 7 KiB were seen.
const OPEN_BYTES_MAX: u64 = 20 << 10;

/// Memory that the server may have more after three waves than after the first one; below 1 MiB was
/// seen. If one in four were kept, it would be more than this.
const LEFT_BYTES_MAX: u64 = 3 << 20;

/// A deadline that nothing in these tests waits for.
const LATE: [&str; 2] = ["--handshake-timeout", "60s"];

#[test]
fn plain_http_on_the_port_for_tls_gets_a_page_to_read() {
    let watched = Watched::start_secure(&LATE);
    let post = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello";
    let head = b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n";
    for (number, request) in [&get("/")[..], post, b"G", head, b"\r\n"]
        .iter()
        .enumerate()
    {
        let mut client = Client::connect(watched.secure());
        client.send(request);
        if request == b"\r\n" {
            client.shut_write();
            client.rest_or_reset();
        } else if request == head {
            assert_eq!(client.response_to("HEAD").status, 400);
            client.expect_eof();
        } else {
            let response = client.response();
            assert_eq!(response.status, 400);
            assert!(response.text().contains("https://"), "{response:?}");
            assert!(response.closes());
            client.expect_eof();
        }
        drop(client);
        watched.expect_failures(number as u64 + 1);
    }
    watched.expect_connections(0);
    Client::over_tls(watched.secure());
}

#[test]
fn tls_on_a_plain_port_is_no_request() {
    let watched = Watched::start(&[]);
    let mut client = watched.server.connect();
    client.send(&client_hello());
    let response = client.response();
    assert_eq!(response.status, 400);
    assert!(response.closes());
    client.expect_eof();
    watched.expect_connections(0);
}

#[test]
fn garbage_is_refused_at_once() {
    let watched = Watched::start_secure(&LATE);
    let hello = client_hello();
    let flipped = |at: usize| {
        let mut hello = hello.clone();
        hello[at] ^= 0xff;
        hello
    };
    let cases = [
        ("zeros", vec![0; 64]),
        ("noise", [vec![0xf3], pattern(40_000)].concat()),
        ("an empty handshake record", vec![22, 3, 1, 0, 0]),
        ("a record of 65,535 bytes", vec![22, 3, 1, 255, 255, 1]),
        ("SSL 2.0", b"\x80\x2e\x01\x00\x02\0\x15\0\0\0\x10".to_vec()),
        ("an alert first", vec![21, 3, 3, 0, 2, 2, 40]),
        ("data first", vec![23, 3, 3, 0, 3, 1, 2, 3]),
        ("a change of ciphers first", vec![20, 3, 3, 0, 1, 1]),
        ("another record", flipped(0)),
        ("another message", flipped(5)),
        ("a message of 16 MiB", flipped(6)),
        (
            "a first message of two bytes",
            vec![22, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3],
        ),
        ("a wrong length of the session's name", flipped(43)),
    ];
    for (number, (what, bytes)) in cases.iter().enumerate() {
        let mut client = Client::connect(watched.secure());
        client.send(bytes);
        let rest = client.rest_or_reset();
        // A fatal alert, and nothing more; one is not answered with another.
        let is_alert = matches!(rest[..], [21, 3, _, 0, 2, 2, _]);
        let is_due = bytes[0] != 21;
        assert!(is_alert == is_due && rest.len() < 8, "{what}: {rest:?}");
        drop(client);
        watched.expect_failures(number as u64 + 1);
    }
    watched.expect_connections(0);
    Client::over_tls(watched.secure());
}

#[test]
fn who_falls_silent_is_closed_at_the_deadline() {
    let watched = Watched::start_secure(&["--handshake-timeout", "500ms"]);
    let hello = client_hello();
    let half = &hello[..hello.len() / 2];
    let start = Instant::now();
    // All of it has the server answer, and then wait for what never comes.
    let parts = [b"", &hello[..1], half, &hello];
    let clients = parts.map(|part| {
        let mut client = Client::connect(watched.secure());
        client.send(part);
        client
    });
    for (mut client, part) in clients.into_iter().zip(parts) {
        let answer = client.rest_or_reset();
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(450), "{took:?}");
        let is_answered = answer.first() == Some(&22);
        assert_eq!(is_answered, part.len() == hello.len(), "{answer:?}");
    }
    watched.expect_failures(4);
    watched.expect_connections(0);
    Client::over_tls(watched.secure());
}

#[test]
fn a_deadline_is_for_the_whole_handshake() {
    let watched = Watched::start_secure(&["--handshake-timeout", "500ms"]);
    let hello = client_hello();
    let mut client = Client::connect(watched.secure());
    let took = client.drip(hello.into_iter(), Duration::from_millis(20));
    assert!(took >= Duration::from_millis(450), "{took:?}");
    watched.expect_failures(1);
}

#[test]
fn who_leaves_in_the_handshake_is_gone_at_once() {
    let watched = Watched::start_secure(&LATE);
    let hello = client_hello();
    let parts = [b"", &hello[..1], &hello[..hello.len() / 2], &hello];
    for part in parts {
        let mut client = Client::connect(watched.secure());
        client.send(part);
        client.shut_write();
        client.rest_or_reset();
    }
    watched.expect_connections(0);
    watched.expect_failures(4);
    for part in parts {
        let mut client = Client::connect(watched.secure());
        client.send(part);
        if part.len() == hello.len() {
            client.take_some();
        }
        watched.expect_connections(1);
        set_socket_linger(&client.stream, Some(Duration::ZERO)).unwrap();
        drop(client);
        watched.expect_connections(0);
    }
    watched.expect_failures(8);
    Client::over_tls(watched.secure());
}

#[test]
fn a_thousand_handshakes_given_up_at_once_disturb_nobody_and_leave_nothing() {
    if !can_hold(WAVE) {
        return;
    }
    let watched = Watched::start_secure(&["--handshake-timeout", "1s"]);
    let mut served = Client::over_tls(watched.secure());
    ping(&mut served);
    watched.expect_connections(1);
    let descriptors = watched.server.descriptors();
    let hello = client_hello();
    let mut resident = Vec::new();
    let at_start = watched.server.resident_bytes();
    for wave in 1..=3 {
        let mut longest = Duration::ZERO;
        let mut given_up = Vec::with_capacity(WAVE);
        for number in 0..WAVE {
            let mut client = Client::connect(watched.secure());
            client.send(&hello);
            given_up.push(client);
            if number % 20 == 0 {
                longest = longest.max(ping(&mut served));
            }
        }
        let silent = given_up.split_off(WAVE / 2);
        let open = watched.server.resident_bytes() - at_start;
        drop(given_up);
        until("all are gone", 4 * PATIENCE, || {
            longest = longest.max(ping(&mut served));
            (watched.sample("tidegate_connections") == Some(1)).then_some(())
        });
        watched.expect_failures(wave * WAVE as u64);
        until("all descriptors are closed", PATIENCE, || {
            (watched.server.descriptors() <= descriptors).then_some(())
        });
        drop(silent);
        resident.push(watched.server.resident_bytes());
        println!("wave {wave}: {open} bytes more; the longest answer meanwhile took {longest:?}");
        assert!(longest < PATIENCE / 3, "{longest:?}");
        assert!(open < OPEN_BYTES_MAX * WAVE as u64, "{open} bytes");
    }
    println!("memory after each wave: {resident:?}");
    let left = resident[2].saturating_sub(resident[0]);
    assert!(left < LEFT_BYTES_MAX, "{left} bytes more: {resident:?}");
    watched.expect_handshakes(1, 0);
}

/// Asks once; returns how long the answer took.
fn ping(client: &mut Client<Tls>) -> Duration {
    let start = Instant::now();
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
    start.elapsed()
}

/// Whether this process can have so many connections; says so if not.
fn can_hold(count: usize) -> bool {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = maximum;
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
    let is_enough = maximum.is_none_or(|maximum| maximum as usize > count + 500);
    if !is_enough {
        skip("too few descriptors for a thousand connections");
    }
    is_enough
}
