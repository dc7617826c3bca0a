//! Leaving in order: what is on its way is answered, what is idle is closed, and there is an end.
#![forbid(unsafe_code)]

mod common;

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use common::{Client, PATIENCE, Server, get, until};
use rustix::process::Signal;

/// A connection that has been used, so that it is known to be accepted.
fn used(server: &Server) -> Client {
    let mut client = server.connect();
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
    client
}

/// A connection in the middle of an upload, whose answer has begun.
fn uploading(server: &Server) -> Client {
    let mut client = server.connect();
    client.send(b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhello");
    client.expect_text("hello");
    client
}

#[test]
fn an_idle_server_leaves_at_once() {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let mut server = Server::start(&[]);
        server.get("/ping").expect(200, "pong");
        server.signal(signal);
        assert_eq!(server.exit_status(PATIENCE).code(), Some(0), "{signal:?}");
    }
}

#[test]
fn other_signals_do_not_end_it() {
    let server = Server::start(&[]);
    let mut client = used(&server);
    for signal in [Signal::HUP, Signal::USR1, Signal::USR2, Signal::PIPE] {
        server.signal(signal);
        client.send(&get("/ping"));
        client.response().expect(200, "pong");
    }
    assert!(
        client.pause(Duration::from_millis(200)),
        "it has closed its connections"
    );
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
}

#[test]
fn idle_connections_have_a_grace_and_are_then_closed() {
    let mut server = Server::start(&["--drain-grace", "2s"]);
    let (mut silent, mut speaking, mut late) = (used(&server), used(&server), used(&server));
    let start = Instant::now();
    server.signal(Signal::TERM);
    for client in [&mut speaking, &mut late] {
        // The signal takes a moment to arrive; from then on each answer is the last.
        until("the answer announces the close", PATIENCE, || {
            client.send(&get("/ping"));
            let response = client.response();
            response.expect(200, "pong");
            response.closes().then_some(())
        });
        client.expect_eof();
    }
    silent.expect_eof();
    let took = start.elapsed();
    assert!(
        took > Duration::from_millis(1700),
        "closed before the grace was over: {took:?}"
    );
    assert!(
        took < Duration::from_secs(5),
        "closed long after the grace: {took:?}"
    );
    assert_eq!(server.exit_status(PATIENCE).code(), Some(0));
}

#[test]
fn an_upload_is_finished() {
    let mut server = Server::start(&["--drain-grace", "100ms"]);
    let mut client = uploading(&server);
    let mut idle = used(&server);
    server.signal(Signal::TERM);
    // When the idle connection is closed, the drain is on its way.
    idle.expect_eof();
    assert!(server.is_running());
    client.send(b"world");
    client.expect_text("world");
    let rest = String::from_utf8(client.rest()).unwrap();
    assert!(rest.is_empty() || rest == "\r\n0\r\n\r\n", "{rest:?}");
    assert_eq!(server.exit_status(PATIENCE).code(), Some(0));
}

#[test]
fn a_half_sent_head_is_finished() {
    let mut server = Server::start(&["--drain-grace", "100ms"]);
    let mut client = server.connect();
    client.send(&[get("/ping"), b"GET /users/1 HTTP/1.1\r\nHo".to_vec()].concat());
    client.response().expect(200, "pong");
    let mut idle = used(&server);
    server.signal(Signal::TERM);
    idle.expect_eof();
    client.send(b"st: test\r\n\r\n");
    let response = client.response();
    response.expect(200, "user id is 1");
    assert!(response.closes());
    client.expect_eof();
    assert_eq!(server.exit_status(PATIENCE).code(), Some(0));
}

#[test]
fn draining_has_an_end() {
    let mut server = Server::start(&["--drain-grace", "100ms", "--shutdown-timeout", "1s"]);
    let mut upload = uploading(&server);
    let mut events = server.connect();
    events.send(&get("/events"));
    events.expect_text("\r\n\r\n");
    let start = Instant::now();
    server.signal(Signal::TERM);
    let status = server.exit_status(PATIENCE);
    let took = start.elapsed();
    assert!(
        status.code().is_some(),
        "it should leave by itself: {status}"
    );
    assert!(
        took > Duration::from_millis(700),
        "the upload had no time: {took:?}"
    );
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(!upload.rest_or_reset().ends_with(b"0\r\n\r\n"));
    events.rest_or_reset();
}

#[test]
fn a_second_signal_leaves_now() {
    for second in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(&[]);
        let _upload = uploading(&server);
        let mut idle = used(&server);
        server.signal(Signal::TERM);
        // Signals of one kind that come too close together are one signal.
        idle.expect_eof();
        let start = Instant::now();
        server.signal(second);
        let status = server.exit_status(PATIENCE);
        assert!(
            status.code().is_some(),
            "it should leave by itself: {status}"
        );
        assert!(
            start.elapsed() < Duration::from_secs(3),
            "{:?}",
            start.elapsed()
        );
    }
}

/// A stopped server cannot accept: connections wait in the kernel, and the signal finds them there.
fn expect_backlog_answered(accept: &str) {
    for round in 0..5 {
        let mut server = Server::start(&["--accept", accept, "--drain-grace", "300ms"]);
        server.signal(Signal::STOP);
        let mut clients = (0..100).map(|_| server.connect()).collect::<Vec<_>>();
        for (id, client) in clients.iter_mut().enumerate() {
            client.send(&get(&format!("/users/{id}")));
        }
        server.signal(Signal::TERM);
        server.signal(Signal::CONT);
        let answers = clients.iter_mut().map(|client| client.rest_or_reset());
        let unanswered = answers.enumerate().filter(|(id, answer)| {
            !String::from_utf8_lossy(answer).ends_with(&format!("user id is {id}"))
        });
        assert_eq!(
            unanswered.count(),
            0,
            "connections that were let down in round {round}"
        );
        // Else they are waited for: they might still be sending.
        drop(clients);
        assert_eq!(server.exit_status(PATIENCE).code(), Some(0));
    }
}

#[test]
fn connections_that_wait_to_be_accepted_are_answered() {
    expect_backlog_answered("reuseport");
}

#[test]
fn connections_that_wait_to_be_handed_over_are_answered() {
    expect_backlog_answered("handoff");
}

#[test]
fn no_answer_is_lost_under_load() {
    let mut server = Server::start(&["--drain-grace", "300ms"]);
    let address = server.address();
    let all_begun = Arc::new(Barrier::new(9));
    let clients = (0..8).map(|_| {
        let all_begun = Arc::clone(&all_begun);
        thread::spawn(move || {
            let mut client = Client::connect(address);
            client.send(&get("/ping"));
            client.response().expect(200, "pong");
            all_begun.wait();
            loop {
                client.send(&get("/ping"));
                let response = client.response();
                response.expect(200, "pong");
                if response.closes() {
                    return client.expect_eof();
                }
            }
        })
    });
    let clients = clients.collect::<Vec<_>>();
    all_begun.wait();
    server.signal(Signal::TERM);
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(server.exit_status(PATIENCE).code(), Some(0));
}
