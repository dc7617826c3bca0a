//! What the simulated network promises: edges like epoll's and ends like TCP's.

mod chaos;
mod echo;

use std::io::{ErrorKind, IoSlice};

use super::*;
use crate::transport::{Listener as AnyListener, Poller as AnyPoller, Transport};

const LISTENER: usize = 1;
const PEER: usize = 2;

/// One worker's poller, with a listener registered as `LISTENER`.
struct Worker {
    network: Network,
    poller: AnyPoller,
    listener: AnyListener,
}

impl Worker {
    fn new(seed: u64, chaos: Chaos) -> Worker {
        let network = Network::new(seed, chaos);
        let mut poller = AnyPoller::Memory(network.poller());
        let mut listener = AnyListener::Memory(network.listener());
        poller.register_listener(&mut listener, LISTENER).unwrap();
        Worker {
            network,
            poller,
            listener,
        }
    }

    fn poll(&mut self) -> Vec<Readiness> {
        let mut events = Vec::new();
        self.poller.poll(&mut events, None).unwrap();
        events
    }

    fn accept(&mut self) -> Transport {
        self.listener.accept().unwrap().0
    }

    /// A connection whose first edges are taken; its transport is registered as `PEER`.
    fn connected(options: LinkOptions) -> (Worker, Client, Transport) {
        let mut worker = Worker::new(1, Chaos::NONE);
        let client = worker.network.connect(0, options).unwrap();
        assert_eq!(worker.poll(), [event(LISTENER, "r")]);
        let mut transport = worker.accept();
        worker.poller.register(&mut transport, PEER).unwrap();
        assert_eq!(worker.poll(), [event(PEER, "w")]);
        (worker, client, transport)
    }
}

/// An event from letters: r(eadable), w(ritable), c(losed), b(roken).
fn event(token: usize, letters: &str) -> Readiness {
    let has = |letter| letters.contains(letter);
    Readiness {
        token,
        readable: has('r'),
        writable: has('w'),
        closed: has('c'),
        broken: has('b'),
    }
}

fn kind(result: io::Result<usize>) -> ErrorKind {
    result.unwrap_err().kind()
}

fn read(transport: &mut Transport, bytes_max: usize) -> Vec<u8> {
    let mut buf = vec![0; bytes_max];
    let count = transport.read(&mut buf).unwrap();
    buf.truncate(count);
    buf
}

fn small() -> LinkOptions {
    LinkOptions {
        inbound_bytes_max: 8,
        outbound_bytes_max: 8,
        ..LinkOptions::default()
    }
}

#[test]
fn each_transition_is_one_edge() {
    type Step = fn(&mut Client, &mut Transport);
    let mut end: Vec<u8> = Vec::new();
    let table: &[(&str, Step, Option<&str>)] = &[
        (
            "bytes come",
            |c, _| assert_eq!(c.send(b"abcd"), 4),
            Some("rw"),
        ),
        ("more bytes come", |c, _| assert_eq!(c.send(b"ef"), 2), None),
        ("some are read", |_, t| assert_eq!(read(t, 3), b"abc"), None),
        (
            "more come before the rest is read",
            |c, _| assert_eq!(c.send(b"g"), 1),
            None,
        ),
        (
            "the rest is read",
            |_, t| assert_eq!(read(t, 9), b"defg"),
            None,
        ),
        (
            "bytes come again",
            |c, _| assert_eq!(c.send(b"h"), 1),
            Some("rw"),
        ),
        (
            "the room is used up",
            |_, t| assert_eq!(t.write(b"12345678").unwrap(), 8),
            None,
        ),
        (
            "the client takes some of it",
            |c, _| assert_eq!(c.receive_some(&mut vec![], 1), 1),
            None,
        ),
        (
            "a write is short",
            |_, t| assert_eq!(t.write(b"90").unwrap(), 1),
            None,
        ),
        (
            "there is no room",
            |_, t| assert_eq!(kind(t.write(b"0")), ErrorKind::WouldBlock),
            None,
        ),
        (
            "the client makes room",
            |c, _| assert_eq!(c.receive_some(&mut vec![], 3), 3),
            Some("rw"),
        ),
        (
            "the client makes more room",
            |c, _| assert_eq!(c.receive(&mut vec![]), 5),
            None,
        ),
        ("the client finishes", |c, _| c.finish(), Some("rwc")),
        ("the client finishes twice", |c, _| c.finish(), None),
        (
            "the last byte is read",
            |_, t| assert_eq!(read(t, 9), b"h"),
            None,
        ),
        ("the end is read", |_, t| assert_eq!(read(t, 9), b""), None),
        ("the client resets", |c, _| c.reset(), Some("rwcb")),
        ("the client resets twice", |c, _| c.reset(), None),
        (
            "it is told",
            |_, t| assert_eq!(kind(t.write(b"x")), ErrorKind::ConnectionReset),
            None,
        ),
    ];
    let (mut worker, mut client, mut transport) = Worker::connected(small());
    for (name, step, edge) in table {
        step(&mut client, &mut transport);
        let expected: Vec<Readiness> = edge.iter().map(|letters| event(PEER, letters)).collect();
        assert_eq!(
            worker.network.owed_edge(0, PEER).is_some(),
            edge.is_some(),
            "{name}"
        );
        assert_eq!(worker.network.has_events(0), edge.is_some(), "{name}");
        assert_eq!(worker.poll(), expected, "{name}");
        assert_eq!(worker.poll(), [], "{name}: told twice");
    }
    assert_eq!(client.receive(&mut end), 0);
}

#[test]
fn bytes_and_their_end_may_come_in_one_edge() {
    let (mut worker, mut client, mut transport) = Worker::connected(small());
    client.send(b"abc");
    client.finish();
    assert_eq!(worker.poll(), [event(PEER, "rwc")]);
    assert_eq!(worker.poll(), []);
    // A short read does not mean drained here: the end is still to be read.
    assert_eq!(read(&mut transport, 8), b"abc");
    assert!(worker.network.could_read(0, PEER));
    assert_eq!(worker.network.owed_edge(0, PEER), None);
    assert_eq!(read(&mut transport, 8), b"");
}

#[test]
fn what_was_dealt_with_before_the_poll_is_not_told() {
    let (mut worker, mut client, mut transport) = Worker::connected(small());
    transport.write(b"12345678").unwrap();
    assert_eq!(kind(transport.write(b"9")), ErrorKind::WouldBlock);
    client.send(b"abc");
    assert_eq!(read(&mut transport, 8), b"abc");
    assert_eq!(worker.network.owed_edge(0, PEER), None);
    assert_eq!(worker.poll(), []);
}

#[test]
fn registering_tells_what_is_so_already() {
    let mut worker = Worker::new(1, Chaos::NONE);
    let mut client = worker.network.connect(0, small()).unwrap();
    client.send(b"early");
    client.finish();
    let mut transport = worker.accept();
    worker.poller.register(&mut transport, PEER).unwrap();
    let mut events = worker.poll();
    events.sort_by_key(|event| event.token);
    // The connection was taken before the listener's edge was delivered.
    assert_eq!(events, [event(PEER, "rwc")]);

    let mut late = AnyListener::Memory(worker.network.listener());
    let _waiting = worker.network.connect(1, small()).unwrap();
    worker.poller.register_listener(&mut late, 7).unwrap();
    assert_eq!(worker.poll(), [event(7, "r")]);
}

#[test]
fn a_token_or_socket_is_registered_once() {
    let (mut worker, _client, mut transport) = Worker::connected(small());
    let again = worker.poller.register(&mut transport, 9).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    let _second = worker.network.connect(0, small()).unwrap();
    let mut second = worker.accept();
    let taken = worker.poller.register(&mut second, PEER).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    // Another worker's tokens are its own.
    AnyPoller::Memory(worker.network.poller())
        .register(&mut second, PEER)
        .unwrap();
}

#[test]
fn a_listener_tells_when_its_queue_is_no_longer_empty() {
    let mut worker = Worker::new(1, Chaos::NONE);
    let _first = worker.network.connect(0, small()).unwrap();
    assert_eq!(worker.poll(), [event(LISTENER, "r")]);
    let _second = worker.network.connect(0, small()).unwrap();
    assert_eq!(worker.poll(), []);
    let _one = worker.accept();
    let _third = worker.network.connect(0, small()).unwrap();
    assert_eq!((worker.poll(), worker.network.waiting(0)), (vec![], 2));
    let (_two, _three) = (worker.accept(), worker.accept());
    assert_eq!(
        worker.listener.accept().unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    assert!(!worker.network.could_read(0, LISTENER));
    let _fourth = worker.network.connect(0, small()).unwrap();
    assert_eq!(worker.poll(), [event(LISTENER, "r")]);
    assert_eq!(worker.network.sockets(), 3);
}

#[test]
fn accepts_fail_on_request_and_the_connection_stays() {
    let mut worker = Worker::new(1, Chaos::NONE);
    worker.network.fail_accepts(2);
    assert_eq!(
        worker.listener.accept().unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    let _client = worker.network.connect(0, small()).unwrap();
    worker.poll();
    for _ in 0..2 {
        let error = worker.listener.accept().unwrap_err();
        assert_eq!(
            crate::sys::AcceptError::of(&error),
            crate::sys::AcceptError::Exhausted
        );
        assert_eq!(worker.poll(), []);
    }
    worker.accept();
}

#[test]
fn a_listener_that_is_gone_resets_and_refuses() {
    let worker = Worker::new(1, Chaos::NONE);
    let client = worker.network.connect(0, small()).unwrap();
    drop(worker.listener);
    assert!(client.was_reset());
    let refused = worker.network.connect(0, small()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(worker.network.sockets(), 0);
}

#[test]
fn pipes_are_bounded_in_both_directions() {
    let (_worker, mut client, mut transport) = Worker::connected(small());
    assert_eq!(client.send(b"123456789"), 8);
    assert_eq!(client.send(b"9"), 0);
    assert_eq!(read(&mut transport, 3), b"123");
    assert_eq!(client.send(b"9abcd"), 3);
    let parts = [
        IoSlice::new(b"12345"),
        IoSlice::new(b""),
        IoSlice::new(b"67890"),
    ];
    assert_eq!(transport.write_vectored(&parts).unwrap(), 8);
    let mut got = Vec::new();
    assert_eq!((client.receive(&mut got), got), (8, b"12345678".to_vec()));
    assert!(transport.short_read_drains());
}

#[test]
fn reads_can_be_short_without_meaning_anything() {
    let options = LinkOptions {
        read_bytes_max: Some(2),
        ..small()
    };
    let (_worker, mut client, mut transport) = Worker::connected(options);
    client.send(b"abc");
    assert!(!transport.short_read_drains());
    assert_eq!(read(&mut transport, 8), b"ab");
    assert_eq!(read(&mut transport, 8), b"c");
}

#[test]
fn a_reset_is_told_once_behind_the_bytes_before_it() {
    let (_worker, mut client, mut transport) = Worker::connected(small());
    client.send(b"abc");
    client.reset();
    assert_eq!(client.send(b"d"), 0);
    assert_eq!(read(&mut transport, 8), b"abc");
    assert_eq!(
        kind(transport.read(&mut [0; 8])),
        ErrorKind::ConnectionReset
    );
    assert_eq!(read(&mut transport, 8), b"");
    assert_eq!(kind(transport.write(b"x")), ErrorKind::BrokenPipe);
    assert_eq!(
        transport.shutdown_write().unwrap_err().kind(),
        ErrorKind::NotConnected
    );
}

#[test]
fn a_half_closed_connection_works_the_other_way() {
    let (_worker, mut client, mut transport) = Worker::connected(small());
    transport.write(b"bye").unwrap();
    transport.shutdown_write().unwrap();
    assert_eq!(kind(transport.write(b"x")), ErrorKind::BrokenPipe);
    assert!(!client.has_ended());
    assert_eq!(client.receive(&mut Vec::new()), 3);
    assert!(client.has_ended() && !client.was_reset());
    assert_eq!(client.send(b"on"), 2);
    assert_eq!(read(&mut transport, 8), b"on");
}

#[test]
fn closing_the_engines_end_is_a_fin_or_a_reset() {
    // Everything was read: what was written arrives, and the end.
    let (worker, mut client, mut transport) = Worker::connected(small());
    transport.write(b"bye").unwrap();
    drop(transport);
    assert_eq!(client.receive(&mut Vec::new()), 3);
    assert!(client.has_ended() && !client.was_reset());
    // What the client sends now is answered with a reset.
    assert_eq!(client.send(b"x"), 1);
    assert!(client.was_reset());
    assert_eq!(client.send(b"x"), 0);
    assert_eq!(worker.network.sockets(), 0);

    // Something was not read.
    let (_worker, mut client, transport) = Worker::connected(small());
    client.send(b"abc");
    drop(transport);
    assert!(client.was_reset() && !client.has_ended());

    // A reset may overtake what was written before: why servers linger.
    let lost = (0..50).filter(|&seed| {
        let mut worker = Worker::new(
            seed,
            Chaos {
                lossy: 500,
                ..Chaos::NONE
            },
        );
        let mut client = worker.network.connect(0, small()).unwrap();
        let mut transport = worker.accept();
        client.send(b"abc");
        transport.write(b"bye").unwrap();
        drop(transport);
        client.receive(&mut Vec::new()) == 0
    });
    assert!((1..50).contains(&lost.count()));
}

#[test]
fn closing_the_clients_end_is_a_fin_or_a_reset() {
    let (mut worker, mut client, mut transport) = Worker::connected(small());
    client.send(b"abc");
    drop(client);
    assert_eq!(worker.poll(), [event(PEER, "rwc")]);
    assert_eq!(read(&mut transport, 8), b"abc");
    assert_eq!(read(&mut transport, 8), b"");
    // The first write finds out that nobody takes it, later ones are told.
    assert_eq!(transport.write(b"answer").unwrap(), 6);
    assert_eq!(worker.poll(), [event(PEER, "rwcb")]);
    assert_eq!(kind(transport.write(b"answer")), ErrorKind::ConnectionReset);
    assert_eq!(kind(transport.write(b"answer")), ErrorKind::BrokenPipe);

    let (_worker, client, mut transport) = Worker::connected(small());
    transport.write(b"unread").unwrap();
    drop(client);
    assert_eq!(
        kind(transport.read(&mut [0; 8])),
        ErrorKind::ConnectionReset
    );
}

#[test]
fn nothing_is_left_of_a_connection_without_ends() {
    let (worker, client, transport) = Worker::connected(small());
    assert_eq!(worker.network.lock().links.len(), 1);
    drop(transport);
    drop(client);
    assert_eq!(worker.network.lock().links.len(), 0);
    let client = worker.network.connect(0, small()).unwrap();
    drop(worker.listener);
    drop(client);
    assert_eq!(worker.network.lock().links.len(), 0);
}

#[test]
fn a_waker_is_seen_by_the_script_and_not_an_event() {
    let mut worker = Worker::new(1, Chaos::NONE);
    assert!(!worker.network.has_events(0));
    assert_eq!(worker.network.last_timeout(0), None);
    worker.poller.waker().wake();
    assert!(worker.network.has_events(0));
    assert_eq!(worker.poll(), []);
    assert!(!worker.network.has_events(0));
    assert_eq!(worker.network.last_timeout(0), Some(None));
}

#[test]
fn everything_can_go_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Transport>();
    is_send::<AnyListener>();
    is_send::<AnyPoller>();
    is_send::<Client>();
}
