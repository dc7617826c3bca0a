//! Records as clients may cut, merge, withhold and end them: every byte is right, memory is
//! bounded, and an end is told from a cut.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use common::{
    Client, PATIENCE, Server, Tls, Watched, client_of, get, pattern, post, sealed, start_secure,
    trusting, trusting_with, until,
};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::process::Signal;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::{NamedGroup, SupportedProtocolVersion, version};

/// The length of a file that no buffer holds.
const LARGE: usize = 20 << 20;

/// Clients that take nothing of it at the same time.
const STALLED: usize = 8;

/// Memory that each of them may cost the server: a window of the file, the sealed records, and what
/// has arrived.
const STALLED_BYTES_MAX: u64 = 512 << 10;

const VERSIONS: [&[&SupportedProtocolVersion]; 2] = [&[&version::TLS12], &[&version::TLS13]];

/// A socket that sends each byte by itself, and gives back one at a time.
struct ByteByByte {
    stream: TcpStream,
    sent: usize,
}

impl Read for ByteByByte {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(1);
        self.stream.read(&mut buffer[..length])
    }
}

impl Write for ByteByByte {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sent += 1;
        if self.sent.is_multiple_of(16) {
            // The server has its turn, also where there is one core alone. Not after each byte: on
            // a busy machine that takes long.
            thread::yield_now();
        }
        self.stream.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A server of one large file and the demo.
fn large_file(args: &[&str]) -> (tempfile::TempDir, Vec<u8>, Watched) {
    let folder = tempfile::tempdir().unwrap();
    let bytes = pattern(LARGE);
    fs::write(folder.path().join("large.bin"), &bytes).unwrap();
    let all = [&[folder.path().to_str().unwrap(), "--demo"], args].concat();
    let watched = Watched::start_secure(&all);
    (folder, bytes, watched)
}

/// A connection over TLS whose client has little room for what it does not read.
fn narrow(watched: &Watched) -> Client<Tls> {
    let stream = Client::connect(watched.secure()).stream;
    set_socket_recv_buffer_size(&stream, 128 << 10).unwrap();
    Client::over_tls_on(stream, trusting(rustls::ALL_VERSIONS))
}

#[test]
fn handshake_and_request_may_come_byte_by_byte() {
    let patient = ["--handshake-timeout", "60s", "--header-timeout", "60s"];
    let unhurried = ["--min-head-rate", "off", "--tls-self-signed"];
    let server = start_secure(&[&patient[..], &unhurried].concat());
    for versions in VERSIONS {
        let stream = Client::connect(server.secure_address()).stream;
        let mut client = Client::over_tls_on(ByteByByte { stream, sent: 0 }, trusting(versions));
        for _ in 0..2 {
            client.send(&post("/echo", b"every byte by itself"));
            client.response().expect(200, "every byte by itself");
        }
    }
}

#[test]
fn records_need_not_be_requests() {
    let server = start_secure(&["--tls-self-signed"]);
    let body = pattern(50_000);
    let echo = post("/echo", &body);
    for versions in VERSIONS {
        let mut client = Client::over_tls_with(server.secure_address(), trusting(versions));
        let many: Vec<u8> = (0..100)
            .flat_map(|id| get(&format!("/users/{id}")))
            .collect();
        assert!(many.len() < 16 << 10, "more than one record");
        client.send(&many);
        for id in 0..100 {
            client.response().expect(200, &format!("user id is {id}"));
        }
        // A record for each byte, and all of them sent together.
        let mut records = Vec::new();
        for byte in get("/ping").into_iter().chain(get("/users/1")) {
            client.stream.conn.writer().write_all(&[byte]).unwrap();
            records.extend(sealed(&mut client.stream.conn));
        }
        client.stream.sock.write_all(&records).unwrap();
        client.response().expect(200, "pong");
        client.response().expect(200, "user id is 1");
        // Records that end anywhere, with the next request behind them.
        for piece in [echo.clone(), get("/ping")].concat().chunks(777) {
            client.send(piece);
        }
        assert!(client.response().body == body);
        client.response().expect(200, "pong");
    }
}

#[test]
fn a_large_answer_that_is_in_memory_arrives_whole() {
    let server = start_secure(&["--tls-self-signed"]);
    let body = pattern(5 << 20);
    let mut client = Client::over_tls_with(server.secure_address(), trusting(VERSIONS[0]));
    client.send(&post("/echo", &body));
    assert!(client.response().body == body);
}

#[test]
fn the_group_that_quantum_computers_do_not_break_is_preferred() {
    let server = start_secure(&["--tls-self-signed"]);
    let group = |groups: &[&'static dyn rustls::crypto::SupportedKxGroup]| {
        let mut provider = aws_lc_rs::default_provider();
        provider.kx_groups = groups.to_vec();
        let config = trusting_with(provider, rustls::ALL_VERSIONS);
        let client = Client::over_tls_with(server.secure_address(), config);
        client
            .stream
            .conn
            .negotiated_key_exchange_group()
            .unwrap()
            .name()
    };
    // The client sends shares for both.
    let both = [kx_group::X25519MLKEM768, kx_group::X25519];
    assert_eq!(group(&both), NamedGroup::X25519MLKEM768);
    for alone in [
        kx_group::X25519MLKEM768,
        kx_group::X25519,
        kx_group::SECP256R1,
    ] {
        assert_eq!(group(&[alone]), alone.name());
    }
}

#[test]
fn who_takes_tls_1_3_from_an_offer_is_found_out() {
    let server = start_secure(&["--tls-self-signed"]);
    let mut client = client_of(trusting(rustls::ALL_VERSIONS));
    let mut hello = sealed(&mut client);
    // The extension supported_versions: TLS 1.3 and 1.2, in any order.
    let is_offer = |part: &[u8]| part.starts_with(&[0, 43, 0, 5, 4, 3]) && part[6] + part[8] == 7;
    let at = hello.windows(9).position(is_offer).unwrap();
    // Somebody between the two makes it one that nobody knows.
    hello[at] = 0x5a;
    let mut stream = Client::connect(server.secure_address()).stream;
    stream.write_all(&hello).unwrap();
    let error = loop {
        assert!(client.read_tls(&mut stream).unwrap() > 0);
        if let Err(error) = client.process_new_packets() {
            break error.to_string();
        }
    };
    // By the server's mark in its random bytes (RFC 8446 section 4.1.3).
    assert!(error.contains("AttemptedDowngradeToTls12"), "{error}");
}

#[test]
fn a_cut_between_requests_is_an_end() {
    let watched = Watched::start_secure(&[]);
    let mut client = Client::over_tls(watched.secure());
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
    client.stream.sock.shutdown(Shutdown::Write).unwrap();
    client.expect_eof();
    drop(client);
    watched.expect_connections(0);
}

#[test]
fn a_cut_inside_a_request_completes_nothing() {
    let watched = Watched::start_secure(&[]);
    let chunked = b"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe";
    let sized = b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhello";
    for request in [&b"GET /ping HTTP/1.1\r\nHost: te"[..], chunked, sized] {
        let mut client = Client::over_tls(watched.secure());
        client.send(request);
        client.stream.sock.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // What was echoed by then may have arrived; its end must not.
        let _ = client.stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer);
        assert!(
            !text.ends_with("0\r\n\r\n") && !text.contains("pong"),
            "{text}"
        );
        drop(client);
        watched.expect_connections(0);
    }
    // In the middle of a record.
    let mut client = Client::over_tls(watched.secure());
    let conn = &mut client.stream.conn;
    conn.writer().write_all(&get("/ping")).unwrap();
    let record = sealed(conn);
    let part = &record[..record.len() - 1];
    client.stream.sock.write_all(part).unwrap();
    client.stream.sock.shutdown(Shutdown::Write).unwrap();
    client.expect_eof();
    watched.expect_sample("tidegate_http_requests_total", 2);
    watched.expect_connections(0);
}

#[test]
fn a_changed_record_ends_the_connection_with_an_alert() {
    let watched = Watched::start_secure(&[]);
    for versions in VERSIONS {
        let mut client = Client::over_tls_with(watched.secure(), trusting(versions));
        let conn = &mut client.stream.conn;
        conn.writer().write_all(&get("/ping")).unwrap();
        let mut record = sealed(conn);
        *record.last_mut().unwrap() ^= 1;
        client.stream.sock.write_all(&record).unwrap();
        let error = client.stream.read(&mut [0]).unwrap_err().to_string();
        assert!(error.contains("BadRecordMac"), "{error}");
        drop(client);
        watched.expect_connections(0);
    }
    watched.expect_sample("tidegate_http_requests_total", 0);
}

/// Fails unless each request, alone on its connection, is answered with these statuses, and the end
/// of the connection announced.
fn expect_goodbyes(server: &Server, cases: &[(&[u8], &[u16])]) {
    for versions in VERSIONS {
        // All of them wait for their ends at the same time.
        let clients = cases.iter().map(|(request, _)| {
            let mut client = Client::over_tls_with(server.secure_address(), trusting(versions));
            client.send(request);
            client
        });
        let clients = clients.collect::<Vec<_>>();
        for (mut client, (_, statuses)) in clients.into_iter().zip(cases) {
            for status in *statuses {
                assert_eq!(client.response().status, *status);
            }
            client.expect_eof();
        }
    }
}

#[test]
fn every_orderly_end_says_so() {
    let bounds = ["--max-requests", "3", "--max-body", "100"];
    let server = start_secure(&[&["--tls-self-signed"], &bounds[..]].concat());
    let last = b"GET /ping HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    let cases: [(&[u8], &[u16]); 6] = [
        (last, &[200]),
        (b"GET /ping HTTP/1.0\r\n\r\n", &[200]),
        (&get("/ping").repeat(4), &[200, 200, 200]),
        (b"GARBAGE\r\n\r\n", &[400]),
        (&post("/ping", &[b'x'; 90_000]), &[405]),
        (&post("/echo", &[b'x'; 90_000]), &[413]),
    ];
    expect_goodbyes(&server, &cases);
}

#[test]
fn so_does_every_deadline_of_requests() {
    let deadlines = ["--idle-timeout", "700ms", "--header-timeout", "700ms"];
    let server = start_secure(&[&["--tls-self-signed"], &deadlines[..]].concat());
    let cases: [(&[u8], &[u16]); 3] = [
        (b"", &[]),
        (&get("/ping"), &[200]),
        (b"GET /ping HTTP/1.1\r\nHos", &[408]),
    ];
    expect_goodbyes(&server, &cases);
}

#[test]
fn a_goodbye_is_answered() {
    let watched = Watched::start_secure(&[]);
    for versions in VERSIONS {
        let mut client = Client::over_tls_with(watched.secure(), trusting(versions));
        client.send(&[get("/ping"), get("/users/1")].concat());
        client.stream.conn.send_close_notify();
        client.response().expect(200, "pong");
        client.response().expect(200, "user id is 1");
        client.expect_eof();
        watched.expect_connections(0);
    }
}

#[test]
fn a_drain_says_goodbye_to_who_is_idle_and_finishes_the_others() {
    let (_folder, bytes, mut watched) = large_file(&["--drain-grace", "1s"]);
    let mut busy = narrow(&watched);
    busy.send(&get("/large.bin"));
    let mut upload = Client::over_tls(watched.secure());
    upload.send(b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhello");
    upload.expect_text("hello");
    let mut idle = Client::over_tls(watched.secure());
    idle.send(&get("/ping"));
    idle.response().expect(200, "pong");
    watched.server.signal(Signal::TERM);
    // When the idle connection is closed, the drain is on its way.
    idle.expect_eof();
    assert!(watched.server.is_running());
    upload.send(b"world");
    upload.expect_text("world");
    assert!(["", "\r\n0\r\n\r\n"].contains(&&*String::from_utf8_lossy(&upload.rest())));
    assert!(busy.response().body == bytes);
    busy.expect_eof();
    let status = watched.server.exit_status(PATIENCE);
    assert_eq!(status.code(), Some(0));
}

#[test]
fn who_never_reads_is_cut_off_and_costs_little() {
    let (_folder, bytes, watched) = large_file(&["--write-timeout", "700ms"]);
    // What the first large file costs once is not what is looked at.
    let mut first = Client::over_tls(watched.secure());
    first.send(&get("/large.bin"));
    assert!(first.response().body == bytes);
    drop(first);
    watched.expect_connections(0);
    let before = watched.server.resident_bytes();
    let mut clients = (0..STALLED).map(|_| narrow(&watched)).collect::<Vec<_>>();
    let start = Instant::now();
    for client in &mut clients {
        client.send(&get("/large.bin"));
    }
    let mut most = before;
    until("all are closed", PATIENCE, || {
        most = most.max(watched.server.resident_bytes());
        (watched.sample("tidegate_connections") == Some(0)).then_some(())
    });
    assert!(start.elapsed() >= Duration::from_millis(650));
    let each = (most - before) / STALLED as u64;
    println!("{each} bytes of the server's memory for each client that does not read");
    assert!(each < STALLED_BYTES_MAX, "{each} bytes each");
    // That it was cut off is not hidden from the client.
    for client in &mut clients {
        let mut received = Vec::new();
        assert!(client.stream.read_to_end(&mut received).is_err());
        assert!(!received.is_empty() && received.len() < LARGE);
    }
}

#[test]
fn who_reads_slowly_gets_every_byte() {
    let (_folder, bytes, watched) = large_file(&[]);
    let before = watched.server.resident_bytes();
    let mut slow = narrow(&watched);
    slow.send(&get("/large.bin"));
    let mut others = (1..STALLED).map(|_| narrow(&watched)).collect::<Vec<_>>();
    for client in &mut others {
        client.send(&get("/large.bin"));
    }
    // Each one waits while the others are read, and stays with what it has.
    for client in &mut others {
        client.expect_text("\r\n\r\n");
        for _ in 0..50 {
            client.take_some();
        }
    }
    let mut most = watched.server.resident_bytes();
    assert!(slow.response().body == bytes);
    most = most.max(watched.server.resident_bytes());
    slow.send(&get("/ping"));
    slow.response().expect(200, "pong");
    let each = most.saturating_sub(before) / STALLED as u64;
    println!("{each} bytes of the server's memory for each client that reads slowly");
    assert!(each < STALLED_BYTES_MAX, "{each} bytes each");
}
