//! Time limits, rates, numbers of connections and memory: what a slow or greedy client can take.
#![forbid(unsafe_code)]

mod common;

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::iter;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{Client, PATIENCE, Server, connect_from, get, until};

const PAUSE: Duration = Duration::from_millis(100);

/// By when a limit of one second must have struck: the timers' grain and a busy machine on top.
const SOON: Duration = Duration::from_millis(2500);

/// Fails unless a limit of one second was kept: not cut before, and not much later.
fn expect_about_a_second(took: Duration) {
    assert!(
        took > Duration::from_millis(700),
        "cut too early, after {took:?}"
    );
    assert!(took < SOON, "cut too late, after {took:?}");
}

/// Reads the rest of a connection that was cut in the middle of a request: a 408, or nothing.
fn expect_timeout_answer(client: &mut Client) {
    let rest = String::from_utf8(client.rest_or_reset()).unwrap();
    assert!(
        rest.is_empty() || rest.starts_with("HTTP/1.1 408 "),
        "{rest:?}"
    );
}

#[test]
fn a_head_has_a_time_in_all_however_it_drips() {
    let server = Server::start(&["--header-timeout", "1s"]);
    let mut client = server.connect();
    let endless = b"GET /ping HTTP/1.1\r\nX: "
        .iter()
        .copied()
        .chain(iter::repeat_n(b'a', 100));
    let took = client.drip(endless, PAUSE);
    expect_about_a_second(took);
    expect_timeout_answer(&mut client);
    // Of a request that is not the first of its connection, too.
    let mut client = server.connect();
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
    let took = client.drip(
        get("/ping").into_iter().chain(iter::repeat_n(b'a', 100)),
        PAUSE / 2,
    );
    assert!(took < SOON, "{took:?}");
}

#[test]
fn a_silent_half_of_a_head_is_cut() {
    let server = Server::start(&["--header-timeout", "1s"]);
    let mut client = server.connect();
    let start = Instant::now();
    client.send(b"GET /ping HT");
    expect_timeout_answer(&mut client);
    expect_about_a_second(start.elapsed());
}

#[test]
fn a_head_has_a_least_rate() {
    let server = Server::start(&["--header-timeout", "60s", "--min-head-rate", "100"]);
    let mut client = server.connect();
    let slow = b"GET /ping HTTP/1.1\r\nX: "
        .iter()
        .copied()
        .chain(iter::repeat_n(b'a', 100));
    let took = client.drip(slow, PAUSE);
    assert!(took < Duration::from_secs(4), "{took:?}");
    expect_timeout_answer(&mut client);
}

#[test]
fn a_body_must_make_progress() {
    let server = Server::start(&["--body-timeout", "1s"]);
    let mut client = server.connect();
    client.send(b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhello");
    let start = Instant::now();
    client.expect_text("hello");
    // The answer has begun: all that can be said is that it is not complete.
    let rest = client.rest_or_reset();
    assert!(
        !rest.ends_with(b"0\r\n\r\n"),
        "{:?}",
        String::from_utf8_lossy(&rest)
    );
    expect_about_a_second(start.elapsed());
}

#[test]
fn a_body_that_goes_on_is_not_cut() {
    let server = Server::start(&["--body-timeout", "1s", "--min-body-rate", "1"]);
    let mut client = server.connect();
    client.send(b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 20\r\n\r\n");
    for byte in b"ghijklmnopqrstuvwxyz" {
        client.send(&[*byte]);
        assert!(client.pause(PAUSE), "cut in the middle");
    }
    client.response().expect(200, "ghijklmnopqrstuvwxyz");
}

/// Sends a body at twenty bytes a second, where a thousand are asked for, until it is cut.
fn expect_least_rate(target: &str) {
    let server = Server::start(&["--body-timeout", "1s", "--min-body-rate", "1000"]);
    let mut client = server.connect();
    let head = format!("POST {target} HTTP/1.1\r\nHost: test\r\nContent-Length: 60000\r\n\r\n");
    client.send(head.as_bytes());
    let start = Instant::now();
    while client.stream.write_all(b"a").is_ok() && client.pause(PAUSE / 2) {
        assert!(
            start.elapsed() < Duration::from_secs(4),
            "it goes on and on"
        );
    }
    assert!(
        start.elapsed() > Duration::from_millis(700),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_body_has_a_least_rate() {
    expect_least_rate("/echo");
}

#[test]
fn a_body_that_is_skipped_has_a_least_rate_too() {
    expect_least_rate("/ping");
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let server = Server::start(&["--idle-timeout", "1s"]);
    let mut client = server.connect();
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
    let start = Instant::now();
    client.expect_eof();
    expect_about_a_second(start.elapsed());
    // Also one that has never said anything.
    let mut client = server.connect();
    let start = Instant::now();
    client.expect_eof();
    expect_about_a_second(start.elapsed());
}

#[test]
fn requests_put_off_the_idle_timeout() {
    let server = Server::start(&["--idle-timeout", "1s"]);
    let mut client = server.connect();
    for _ in 0..4 {
        client.send(&get("/ping"));
        client.response().expect(200, "pong");
        client.expect_silence(Duration::from_millis(500));
    }
}

/// A folder with `large.bin`, 64 MiB that take no room on the disk.
fn folder_with_large_file() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    File::create(folder.path().join("large.bin"))
        .unwrap()
        .set_len(64 << 20)
        .unwrap();
    folder
}

#[test]
fn a_client_that_takes_nothing_of_its_answer_is_cut() {
    let folder = folder_with_large_file();
    let server = Server::start(&[folder.path().to_str().unwrap(), "--write-timeout", "1s"]);
    let before = server.sockets();
    let mut client = server.connect();
    let start = Instant::now();
    client.send(&get("/large.bin"));
    until("the connection is there", PATIENCE, || {
        (server.sockets() > before).then_some(())
    });
    until("the connection is cut", SOON * 2, || {
        (server.sockets() == before).then_some(())
    });
    assert!(
        start.elapsed() > Duration::from_millis(700),
        "{:?}",
        start.elapsed()
    );
    assert!(client.rest_or_reset().len() < 64 << 20);
}

/// Takes so many bytes twenty times a second for seven seconds.
fn take_slowly(client: &mut Client, target: &str, bytes: usize) -> usize {
    let close = "Host: test\r\nConnection: close";
    client.send(format!("GET {target} HTTP/1.1\r\n{close}\r\n\r\n").as_bytes());
    assert_eq!(client.response_to("HEAD").status, 200);
    let mut taken = 0;
    for _ in 0..140 {
        taken += client.take(bytes).len();
        std::thread::sleep(Duration::from_millis(50));
    }
    taken
}

/// The system has room for more only when megabytes are taken.
#[test]
fn a_client_that_takes_a_large_answer_slowly_is_not_cut() {
    let folder = folder_with_large_file();
    let server = Server::start(&[folder.path().to_str().unwrap(), "--write-timeout", "3s"]);
    let before = server.sockets();
    let mut client = server.connect();
    take_slowly(&mut client, "/large.bin", 10_000);
    assert_eq!(server.sockets(), before + 1);
}

/// All of it has left the server soon, but the client's window is small all the time.
#[test]
fn a_client_that_takes_an_answer_slowly_that_was_sent_gets_all_of_it() {
    const LENGTH: usize = 400_000;
    let folder = folder_with_large_file();
    fs::write(folder.path().join("middle.bin"), vec![0; LENGTH]).unwrap();
    let server = Server::start(&[folder.path().to_str().unwrap(), "--write-timeout", "3s"]);
    let mut client = Client::connect_narrow(server.address());
    let taken = take_slowly(&mut client, "/middle.bin", 2000);
    assert_eq!(taken + client.rest().len(), LENGTH);
}

#[test]
fn one_connection_too_many_is_told_so() {
    let server = Server::start(&["--max-connections", "5"]);
    let mut clients = (0..5).map(|_| server.connect()).collect::<Vec<_>>();
    for client in &mut clients {
        client.send(&get("/ping"));
        client.response().expect(200, "pong");
    }
    for _ in 0..20 {
        let mut sixth = server.connect();
        // The server may be done with the connection before this arrives.
        let _ = sixth.stream.write_all(&get("/ping"));
        let response = sixth.response();
        assert_eq!(response.status, 503);
        assert!(response.closes(), "{response:?}");
        sixth.expect_eof();
    }
    clients.pop();
    expect_service(|| server.connect());
    clients[0].send(&get("/ping"));
    clients[0].response().expect(200, "pong");
}

#[test]
fn connections_that_are_refused_do_not_pile_up() {
    let server = Server::start(&["--max-connections", "5"]);
    let before = server.sockets();
    let mut clients = (0..300).map(|_| server.connect()).collect::<Vec<_>>();
    for client in &mut clients {
        // Those that are refused keep their side open and do not read why.
        let _ = client.stream.write_all(&get("/ping"));
    }
    until("all are accepted, or refused", PATIENCE, || {
        let mut others = server.connect();
        let _ = others.stream.write_all(&get("/ping"));
        let answer = others.rest_or_reset();
        (answer.is_empty() || answer.starts_with(b"HTTP/1.1 503 ")).then_some(())
    });
    let held = server.sockets() - before;
    assert!(
        held < 100,
        "{held} connections are held where 5 are allowed"
    );
}

#[test]
fn one_address_has_so_many_connections() {
    let server = Server::start(&["--max-connections-per-ip", "3"]);
    let address = server.address();
    let mut own = (0..3)
        .map(|_| connect_from([127, 0, 0, 2], address))
        .collect::<Vec<_>>();
    for client in &mut own {
        client.send(&get("/ping"));
        client.response().expect(200, "pong");
    }
    let mut fourth = connect_from([127, 0, 0, 2], address);
    let _ = fourth.stream.write_all(&get("/ping"));
    let refusal = fourth.response();
    assert!([429, 503].contains(&refusal.status), "{refusal:?}");
    fourth.expect_eof();
    let mut other = connect_from([127, 0, 0, 3], address);
    other.send(&get("/ping"));
    other.response().expect(200, "pong");
    own.clear();
    expect_service(|| connect_from([127, 0, 0, 2], address));
}

/// Connects until a request is answered: the server has to notice first that others have left.
fn expect_service(connect: impl Fn() -> Client) {
    until("there is room again", PATIENCE, || {
        let mut client = connect();
        let _ = client.stream.write_all(&get("/ping"));
        (client.response().status == 200).then_some(())
    });
}

#[test]
fn clients_that_do_not_read_a_file_cost_little_memory() {
    let folder = folder_with_large_file();
    let server = Server::start(&[folder.path().to_str().unwrap()]);
    let before = server.resident_bytes();
    let mut clients = (0..50)
        .map(|_| Client::connect_narrow(server.address()))
        .collect::<Vec<_>>();
    for client in &mut clients {
        client.send(&get("/large.bin"));
        client.expect_text("\r\n\r\n");
    }
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "50 clients cost {grown} bytes");
}

#[test]
fn clients_that_do_not_read_their_echo_are_not_read_either() {
    let server = Server::start(&["--max-body", "1GiB"]);
    let before = server.resident_bytes();
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = Client::connect_narrow(server.address());
        client.send(b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000000\r\n\r\n");
        client
            .stream
            .set_write_timeout(Some(Duration::from_millis(30)))
            .unwrap();
        let sent = send_until_it_stops(&mut client.stream);
        assert!(sent < 64 << 20, "{sent} bytes went in and none came out");
        clients.push(client);
    }
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 12 << 20, "20 clients cost {grown} bytes");
    server.get("/ping").expect(200, "pong");
}

/// Sends until nobody takes anything any more, or far too much was taken; returns how much.
fn send_until_it_stops(stream: &mut TcpStream) -> usize {
    let block = vec![b'a'; 64 << 10];
    let mut sent = 0;
    while sent < 64 << 20 {
        match stream.write(&block) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    sent
}

#[test]
fn a_client_that_pipelines_without_reading_is_not_read_either() {
    let server = Server::start(&["--max-requests", "0", "-w", "1"]);
    let mut client = Client::connect_narrow(server.address());
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
    let before = server.resident_bytes();
    client
        .stream
        .set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    // A multiple of 64 bytes, so that whatever is taken ends between two requests or can be
    // completed.
    let request = b"GET /ping HTTP/1.1\r\nHost: test\r\nX-Padding: up to 64 bytes...\r\n\r\n";
    assert_eq!(request.len(), 64);
    let block = request.repeat(1024);
    let mut sent = 0;
    while let Ok(count) = client.stream.write(&block[sent % 64..]) {
        sent += count;
        assert!(sent < 512 << 20, "{sent} bytes went in and none came out");
    }
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 4 << 20, "one client costs {grown} bytes");
    server.get("/ping").expect(200, "pong");
    let mut reader = client.stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let mut taken = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut taken).unwrap();
        taken.windows(8).filter(|part| part == b"HTTP/1.1").count()
    });
    client.stream.set_write_timeout(Some(PATIENCE)).unwrap();
    client.send(&request[sent % 64..]);
    client.shut_write();
    assert_eq!(reading.join().unwrap(), sent / 64 + 1);
}
