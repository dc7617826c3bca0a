//! How connections end: half-closed, in one packet with the request, reset, or left in the middle.
#![forbid(unsafe_code)]

mod common;

use std::time::Duration;

use common::{PATIENCE, Server, get, pattern, post, until};
use rustix::net::sockopt;

#[test]
fn a_request_before_the_fin_is_answered() {
    let server = Server::start(&[]);
    for _ in 0..50 {
        let mut client = server.connect();
        client.send(&get("/ping"));
        client.shut_write();
        client.response().expect(200, "pong");
        client.expect_eof();
    }
}

#[test]
fn a_request_in_one_packet_with_the_fin_is_answered() {
    let server = Server::start(&[]);
    for round in 0..50 {
        let mut client = server.connect();
        sockopt::set_tcp_cork(&client.stream, true).unwrap();
        // Also with the three-way handshake long over, and as a second request.
        if round % 2 == 1 {
            client.send(&get("/users/1"));
            sockopt::set_tcp_cork(&client.stream, false).unwrap();
            client.response().expect(200, "user id is 1");
            sockopt::set_tcp_cork(&client.stream, true).unwrap();
        }
        client.send(&get("/ping"));
        client.shut_write();
        client.response().expect(200, "pong");
        client.expect_eof();
    }
}

#[test]
fn pipelined_requests_before_the_fin_are_all_answered() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let wire = (0..500)
        .flat_map(|id| get(&format!("/users/{id}")))
        .collect::<Vec<_>>();
    client.send(&wire);
    client.shut_write();
    for id in 0..500 {
        client.response().expect(200, &format!("user id is {id}"));
    }
    client.expect_eof();
}

#[test]
fn a_body_before_the_fin_is_echoed() {
    let server = Server::start(&[]);
    let body = pattern(200_000);
    let mut client = server.connect();
    client.send(&post("/echo", &body));
    client.shut_write();
    assert!(client.response().body == body);
    client.expect_eof();
}

#[test]
fn a_fin_inside_a_head_closes() {
    let server = Server::start(&[]);
    let whole = get("/ping");
    for length in [0, 1, 5, whole.len() - 3, whole.len() - 1] {
        let mut client = server.connect();
        client.send(&whole[..length]);
        client.shut_write();
        let rest = String::from_utf8(client.rest()).unwrap();
        assert!(
            rest.is_empty() || rest.starts_with("HTTP/1.1 400 "),
            "{length}: {rest:?}"
        );
    }
    let mut client = server.connect();
    client.send(&[&whole[..], &whole[..10]].concat());
    client.shut_write();
    client.response().expect(200, "pong");
    let rest = String::from_utf8(client.rest()).unwrap();
    assert!(
        rest.is_empty() || rest.starts_with("HTTP/1.1 400 "),
        "{rest:?}"
    );
}

#[test]
fn a_fin_inside_a_body_cuts_the_answer() {
    let server = Server::start(&[]);
    let chunked = b"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";
    for incomplete in [
        b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhello".to_vec(),
        [&chunked[..], b"5\r\nhello\r\n"].concat(),
        [&chunked[..], b"a\r\nhello"].concat(),
        [&chunked[..], b"5\r\nhello\r\n0\r\n"].concat(),
    ] {
        let mut client = server.connect();
        client.send(&incomplete);
        client.shut_write();
        let rest = String::from_utf8(client.rest_or_reset()).unwrap();
        let complete = rest.starts_with("HTTP/1.1 200 ")
            && (rest.ends_with("\r\n0\r\n\r\n") || rest.contains("Content-Length: 5\r\n"));
        assert!(
            !complete,
            "an incomplete body was answered as if it were whole: {rest:?}"
        );
    }
}

#[test]
fn connections_that_are_reset_leave_nothing_behind() {
    let server = Server::start(&[]);
    let before = until_steady(&server);
    let requests = [
        Vec::new(),
        b"GET /pi".to_vec(),
        get("/events"),
        get("/ping").repeat(1000),
        post("/echo", &pattern(100_000)),
        b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nhello".to_vec(),
    ];
    for request in requests.iter().cycle().take(120) {
        let mut client = server.connect();
        client.send(request);
        sockopt::set_socket_linger(&client.stream, Some(Duration::ZERO)).unwrap();
    }
    until("the server forgets them", PATIENCE, || {
        (server.sockets() <= before).then_some(())
    });
    server.get("/ping").expect(200, "pong");
}

#[test]
fn a_client_that_leaves_a_stream_is_noticed() {
    let server = Server::start(&[]);
    let before = until_steady(&server);
    let mut clients = (0..20).map(|_| server.connect()).collect::<Vec<_>>();
    for client in &mut clients {
        client.send(&get("/events"));
        client.expect_text("\r\n\r\n");
    }
    assert!(server.sockets() >= before + 20);
    drop(clients);
    until("the streams end", Duration::from_secs(4), || {
        (server.sockets() <= before).then_some(())
    });
}

#[test]
fn connections_that_end_in_order_leave_nothing_behind() {
    let server = Server::start(&[]);
    let before = until_steady(&server);
    for _ in 0..5 {
        let mut clients = (0..50).map(|_| server.connect()).collect::<Vec<_>>();
        for client in &mut clients {
            client.send(&get("/ping"));
            client.response().expect(200, "pong");
        }
    }
    until("the server forgets them", PATIENCE, || {
        (server.sockets() <= before).then_some(())
    });
}

/// The number of the server's sockets while it has no client.
fn until_steady(server: &Server) -> usize {
    server.get("/ping").expect(200, "pong");
    let mut last = server.sockets();
    let mut unchanged = 0;
    until("the number of sockets stays the same", PATIENCE, || {
        let now = server.sockets();
        unchanged = if now == last { unchanged + 1 } else { 0 };
        last = now;
        (unchanged == 40).then_some(now)
    })
}
