//! Sockets of the system, together with the poller.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use socket2::SockRef;

use super::*;

const LISTENER: usize = 1;
const PEER: usize = 2;

/// Polls until `token` is reported with what is asked for; returns that event.
fn wait_for(poller: &mut Poller, token: usize, asked: fn(&Readiness) -> bool) -> Readiness {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut events = Vec::new();
    while Instant::now() < deadline {
        poller
            .poll(&mut events, Some(Duration::from_secs(1)))
            .unwrap();
        if let Some(event) = events
            .iter()
            .find(|event| event.token == token && asked(event))
        {
            return *event;
        }
    }
    panic!("no such event for {token}");
}

fn nothing_happens(poller: &mut Poller) {
    let mut events = Vec::new();
    poller.poll(&mut events, Some(Duration::ZERO)).unwrap();
    assert_eq!(events, []);
}

fn bind_text(text: &str, workers: usize) -> io::Result<Vec<Listener>> {
    bind(&text.parse().unwrap(), workers)
}

fn port_of(listener: &Listener) -> u16 {
    match listener.local_address().unwrap() {
        ListenAddress::Tcp(address) => address.port(),
        other => panic!("not over TCP: {other}"),
    }
}

/// A poller with one connection registered as `PEER`, and its other end.
fn connected() -> (Poller, Transport, TcpStream) {
    let mut poller = Poller::new().unwrap();
    let mut listener = bind_text("127.0.0.1:0", 1).unwrap().remove(0);
    poller.register_listener(&mut listener, LISTENER).unwrap();
    let client = TcpStream::connect(("127.0.0.1", port_of(&listener))).unwrap();
    assert!(!wait_for(&mut poller, LISTENER, |event| event.readable).closed);
    let (mut transport, peer) = listener.accept().unwrap();
    assert_eq!(peer, Peer::from(client.local_addr().unwrap()));
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    poller.deregister_listener(&mut listener).unwrap();
    poller.register(&mut transport, PEER).unwrap();
    let event = wait_for(&mut poller, PEER, |event| event.writable);
    assert!(!event.readable && !event.closed);
    (poller, transport, client)
}

#[test]
fn a_transport_is_small() {
    // In debug builds mio keeps a selector's number beside each descriptor.
    let bytes_max = if cfg!(debug_assertions) { 24 } else { 16 };
    assert!(
        size_of::<Transport>() <= bytes_max,
        "{}",
        size_of::<Transport>()
    );
}

#[test]
fn each_transition_is_told_once() {
    let (mut poller, mut transport, mut client) = connected();
    nothing_happens(&mut poller);
    let mut buf = [0; 64];
    assert_eq!(
        transport.read(&mut buf).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );

    client.write_all(b"ping").unwrap();
    assert!(!wait_for(&mut poller, PEER, |event| event.readable).closed);
    // Not read yet, and not told again.
    nothing_happens(&mut poller);
    assert_eq!(transport.read(&mut buf).unwrap(), 4);
    assert_eq!(transport.short_read_drains(), cfg!(target_os = "linux"));

    assert_eq!(transport.write(b"pong").unwrap(), 4);
    assert_eq!(
        transport
            .write_vectored(&[IoSlice::new(b"po"), IoSlice::new(b"ng")])
            .unwrap(),
        4
    );
    client.read_exact(&mut buf[..8]).unwrap();
    assert_eq!(&buf[..8], b"pongpong");
}

#[test]
fn a_half_close_is_seen_as_closed() {
    let (mut poller, mut transport, mut client) = connected();
    client.write_all(b"last").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let event = wait_for(&mut poller, PEER, |event| event.closed);
    assert!(event.readable && !event.broken);
    let mut buf = [0; 64];
    assert_eq!(transport.read(&mut buf).unwrap(), 4);
    assert_eq!(transport.read(&mut buf).unwrap(), 0);

    // The other direction still works.
    assert_eq!(transport.write(b"bye").unwrap(), 3);
    transport.shutdown_write().unwrap();
    let mut rest = String::new();
    client.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "bye");
}

#[test]
fn a_reset_is_seen_as_closed() {
    let (mut poller, mut transport, client) = connected();
    SockRef::from(&client)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(client);
    let event = wait_for(&mut poller, PEER, |event| event.closed);
    assert!(event.readable && event.broken);
    let mut buf = [0; 64];
    assert_eq!(
        transport.read(&mut buf).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    assert_eq!(
        transport.write(b"x").unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
    assert_eq!(
        transport.shutdown_write().unwrap_err().kind(),
        ErrorKind::NotConnected
    );
}

#[test]
fn room_is_told_after_there_was_none() {
    let (mut poller, mut transport, mut client) = connected();
    let block = [b'x'; 64 << 10];
    let mut written = 0;
    loop {
        match transport.write(&block) {
            Ok(count) => written += count,
            Err(error) => break assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    let reader = thread::spawn(move || {
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).unwrap();
        rest.len()
    });
    wait_for(&mut poller, PEER, |event| event.writable);
    written += transport.write(&block).unwrap();
    drop(transport);
    assert_eq!(reader.join().unwrap(), written);
}

#[test]
fn a_waker_ends_a_wait_from_another_thread_and_is_not_an_event() {
    let mut poller = Poller::new().unwrap();
    let waker = poller.waker();
    let mut events = vec![Readiness {
        token: 9,
        readable: true,
        writable: true,
        closed: true,
        broken: true,
    }];
    let thread = thread::spawn(move || waker.wake());
    // Hangs if the waker does not work.
    poller.poll(&mut events, None).unwrap();
    assert_eq!(events, []);
    thread.join().unwrap();
    nothing_happens(&mut poller);

    // Before the wait, and more than once.
    poller.waker().wake();
    poller.waker().wake();
    poller.poll(&mut events, None).unwrap();
    assert_eq!(events, []);
}

#[test]
fn the_token_of_the_waker_is_refused() {
    let mut poller = Poller::new().unwrap();
    let mut listener = bind_text("127.0.0.1:0", 1).unwrap().remove(0);
    let refused = poller
        .register_listener(&mut listener, usize::MAX)
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
}

#[test]
fn pollers_take_only_their_own_kind() {
    let network = memory::Network::new(1, memory::Chaos::NONE);
    let mut poller = Poller::Memory(network.poller());
    let mut listener = bind_text("127.0.0.1:0", 1).unwrap().remove(0);
    let refused = poller.register_listener(&mut listener, 1).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
}

#[test]
fn workers_share_a_port_that_the_system_chose() {
    let mut listeners = bind_text("127.0.0.1:0", 3).unwrap();
    let shared = cfg!(any(target_os = "linux", target_os = "freebsd"));
    assert_eq!(listeners.len(), if shared { 3 } else { 1 });
    let port = port_of(&listeners[0]);
    assert_ne!(port, 0);
    assert!(listeners.iter().all(|listener| port_of(listener) == port));

    let mut poller = Poller::new().unwrap();
    for (token, listener) in listeners.iter_mut().enumerate() {
        poller.register_listener(listener, token).unwrap();
    }
    let clients: Vec<TcpStream> = (0..128)
        .map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap())
        .collect();
    // An established connection is in a queue already.
    let counts: Vec<usize> = listeners
        .iter_mut()
        .map(|listener| std::iter::from_fn(|| listener.accept().ok()).count())
        .collect();
    assert_eq!(counts.iter().sum::<usize>(), clients.len());
    // Each socket gets a third; that one gets none of 128 has the chance of 10^-22.
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
}

#[test]
fn a_taken_address_is_refused() {
    // An address that no other test uses, so that the port is still free after it was given back.
    let ip = if cfg!(target_os = "linux") {
        "127.84.73.68"
    } else {
        "127.0.0.1"
    };
    let other = TcpListener::bind((ip, 0)).unwrap();
    let address = other.local_addr().unwrap().to_string();
    for workers in [1, 4] {
        assert_eq!(
            bind_text(&address, workers).unwrap_err().kind(),
            ErrorKind::AddrInUse
        );
    }
    drop(other);

    // Also when the other one would share it: that is what the first bind without it is for.
    let shared = bind_text(&address, 2).unwrap();
    for workers in [1, 4] {
        assert_eq!(
            bind_text(&address, workers).unwrap_err().kind(),
            ErrorKind::AddrInUse
        );
    }
    drop(shared);
    bind_text(&address, 4).unwrap();
}

#[test]
fn all_addresses_means_both_families() {
    let mut poller = Poller::new().unwrap();
    let mut listener = bind_text("0", 1).unwrap().remove(0);
    poller.register_listener(&mut listener, LISTENER).unwrap();
    let port = port_of(&listener);

    let over_v4 = TcpStream::connect(("127.0.0.1", port)).unwrap();
    wait_for(&mut poller, LISTENER, |event| event.readable);
    let (_, peer) = listener.accept().unwrap();
    assert!(matches!(peer, Peer::V4(..)));
    assert_eq!(peer, Peer::from(over_v4.local_addr().unwrap()));

    // A machine without IPv6 has the rest only.
    if let Ok(over_v6) = TcpStream::connect(("::1", port)) {
        wait_for(&mut poller, LISTENER, |event| event.readable);
        let (_, peer) = listener.accept().unwrap();
        assert!(matches!(peer, Peer::V6(..)));
        assert_eq!(peer, Peer::from(over_v6.local_addr().unwrap()));
    }
}

#[test]
fn unix_sockets_have_one_listener_and_say_when_they_close() {
    let path = env::temp_dir().join(format!("tidegate-{}-poller", process::id()));
    let _ = fs::remove_file(&path);
    let mut listeners = bind_text(&format!("unix:{}", path.display()), 4).unwrap();
    assert_eq!(listeners.len(), 1);
    let mut poller = Poller::new().unwrap();
    poller
        .register_listener(&mut listeners[0], LISTENER)
        .unwrap();
    let mut client = UnixStream::connect(&path).unwrap();
    wait_for(&mut poller, LISTENER, |event| event.readable);
    let (mut transport, _) = listeners[0].accept().unwrap();
    poller.register(&mut transport, PEER).unwrap();
    wait_for(&mut poller, PEER, |event| event.writable);
    assert!(!transport.short_read_drains());

    client.write_all(b"hi").unwrap();
    drop(client);
    assert!(wait_for(&mut poller, PEER, |event| event.closed).readable);
    let mut buf = [0; 8];
    assert_eq!(transport.read(&mut buf).unwrap(), 2);
    assert_eq!(transport.read(&mut buf).unwrap(), 0);
}

#[test]
fn descriptors_that_were_not_passed_are_refused() {
    assert_eq!(
        bind_text("fd:77", 1).unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

/// Runs the next test in a process of its own, with a TCP listener as descriptor 3, a Unix one as 4
/// and a TCP connection as 5.
#[test]
fn passed_listeners_are_taken_over() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = tcp.local_addr().unwrap();
    let path = env::temp_dir().join(format!("tidegate-{}-passed", process::id()));
    let _ = fs::remove_file(&path);
    let unix = UnixListener::bind(&path).unwrap();
    let connection = TcpStream::connect(address).unwrap();
    drop(tcp.accept().unwrap());

    let child_test = "transport::tests::a_process_with_passed_listeners";
    let script = "exec 3<&0 4<&1 5<&2 0</dev/null 1>/dev/null 2>&1; exec \"$@\"";
    let mut child = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--ignored", "--exact", child_test])
        .env("LISTEN_FDS", "3")
        .stdin(Stdio::from(OwnedFd::from(tcp)))
        .stdout(Stdio::from(OwnedFd::from(unix)))
        .stderr(Stdio::from(OwnedFd::from(connection)))
        .spawn()
        .unwrap();
    let mut answers = [String::new(), String::new()];
    TcpStream::connect(address)
        .unwrap()
        .read_to_string(&mut answers[0])
        .unwrap();
    UnixStream::connect(&path)
        .unwrap()
        .read_to_string(&mut answers[1])
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(
        answers,
        [address.to_string(), format!("unix:{}", path.display())]
    );
    // It belongs to whoever made it.
    fs::remove_file(&path).unwrap();
}

#[test]
#[ignore = "needs passed descriptors: run by the test above"]
fn a_process_with_passed_listeners() {
    assert_eq!(
        bind_text("fd:5", 1).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    for text in ["fd:3", "fd:4"] {
        let mut listeners = bind_text(text, 4).unwrap();
        assert_eq!(listeners.len(), 1);
        let mut poller = Poller::new().unwrap();
        poller
            .register_listener(&mut listeners[0], LISTENER)
            .unwrap();
        wait_for(&mut poller, LISTENER, |event| event.readable);
        let (mut transport, _) = listeners[0].accept().unwrap();
        let name = listeners[0].local_address().unwrap().to_string();
        assert_eq!(transport.write(name.as_bytes()).unwrap(), name.len());
    }
    assert_eq!(
        bind_text("fd:3", 1).unwrap_err().kind(),
        ErrorKind::NotFound
    );
}
