//! How much memory a TLS connection keeps: little when idle, and bounded whatever the client sends.
//!
//! Every thread counts the bytes that it holds. What the cryptography allocates in C is not seen:
//! it is the same for each connection and does not depend on what the client does.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{IoSlice, Read, Write};
use std::sync::Arc;

use reactor::tls::{Certificate, Session, Tls};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// The system's allocator, with a count of the bytes that each thread holds.
struct Counting;

thread_local! {
    // Without a destructor and made at compile time, so that it can be used while allocating.
    static HELD: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    HELD.with(|held| held.set(held.get() + bytes));
}

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: what the caller promises is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: what the caller promises is passed on.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: what the caller promises is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A record that is incomplete or was not read (below 34 KiB), as the session's documentation says.
const RECORDS_BYTES: isize = 34 << 10;

/// What an idle connection may hold, itself included.
const IDLE_BYTES: isize = 8 << 10;

/// Enough for all that a session has to send, so that it is allocated once.
const ROOM_BYTES: usize = 1 << 20;

/// A server's side of a connection, and what it holds.
struct Metered {
    session: Session,
    held: isize,
}

impl Metered {
    /// Does something that hands nothing out that it has allocated.
    fn run<T>(&mut self, work: impl FnOnce(&mut Session) -> T) -> T {
        let before = HELD.get();
        let result = work(&mut self.session);
        self.held += HELD.get() - before;
        result
    }

    fn ingest(&mut self, bytes: &[u8]) {
        self.run(|session| {
            session.ingest(bytes).unwrap();
            session.answer_hello().unwrap();
        });
    }

    /// Reads all that is there; how much that was.
    fn read_all(&mut self) -> usize {
        let (mut room, mut bytes) = ([0; 16 << 10], 0);
        self.run(|session| {
            loop {
                match session.read(&mut room) {
                    0 if !session.ingest_backlog().unwrap() => return,
                    count => bytes += count,
                }
            }
        });
        bytes
    }

    fn send(&mut self, room: &mut Vec<u8>) {
        room.clear();
        assert!(room.capacity() >= ROOM_BYTES);
        self.run(|session| {
            while session.has_output() {
                session.send(room).unwrap();
            }
        });
    }
}

/// A server for `localhost`, and its certificate.
fn server() -> (Arc<Tls>, CertificateDer<'static>) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let root = params.self_signed(&key).unwrap();
    let key = key.serialize_pem();
    let certificate = Certificate::from_pem(root.pem().as_bytes(), key.as_bytes());
    let tls = Tls::builder().certificate(certificate.unwrap());
    (Arc::new(tls.build(None).unwrap()), root.der().clone())
}

/// A connection on which nothing was said yet.
fn new(tls: Arc<Tls>) -> Metered {
    let before = HELD.get();
    let session = Session::new(tls);
    let held = HELD.get() - before + size_of::<Session>() as isize;
    Metered { session, held }
}

/// A connection after its handshake.
fn open() -> (ClientConnection, Metered) {
    let (tls, root) = server();
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    client.set_buffer_limit(None);
    let mut server = new(tls);
    let mut room = Vec::with_capacity(ROOM_BYTES);
    while server.session.info().is_none() || client.wants_write() {
        let bytes = sent_by(&mut client);
        server.ingest(&bytes);
        server.send(&mut room);
        received_by(&mut client, &room);
    }
    (client, server)
}

fn sent_by(client: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}

fn received_by(client: &mut ClientConnection, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        client.read_tls(&mut bytes).unwrap();
        client.process_new_packets().unwrap();
        let _ = client.reader().read_to_end(&mut Vec::new());
    }
}

#[test]
fn an_idle_connection_holds_little_whatever_passed_before() {
    let (mut client, mut server) = open();
    server.run(Session::rest);
    assert!(server.held <= IDLE_BYTES, "{}", server.held);
    assert!(server.held > 1000, "{}", server.held);

    let message = vec![7; 45 << 10];
    let mut room = Vec::with_capacity(ROOM_BYTES);
    for _ in 0..10 {
        client.writer().write_all(&message).unwrap();
        // In two reads, so that a record comes in parts.
        let bytes = sent_by(&mut client);
        let (first, second) = bytes.split_at(40_000);
        server.ingest(first);
        let read = server.read_all();
        server.ingest(second);
        assert_eq!(read + server.read_all(), message.len());
        let mut sealed = 0;
        while sealed < message.len() {
            let count = server.run(|session| session.seal(&[IoSlice::new(&message[sealed..])]));
            assert!(count > 0);
            sealed += count;
        }
        assert!(server.held > message.len() as isize);
        server.send(&mut room);
        received_by(&mut client, &room);
    }
    let before = server.held;
    server.run(Session::rest);
    assert!(server.held + (8 << 10) < before, "{before} {}", server.held);
    assert!(server.held <= IDLE_BYTES, "{}", server.held);
}

#[test]
fn an_idle_connection_holds_little_after_a_record_that_came_in_small_parts() {
    let (mut client, mut server) = open();
    client.writer().write_all(&[7; 16 << 10]).unwrap();
    let bytes = sent_by(&mut client);
    for piece in bytes.chunks(1400) {
        server.ingest(piece);
        server.read_all();
    }
    assert!(server.held > 16 << 10, "{}", server.held);
    server.run(Session::rest);
    assert!(server.held <= IDLE_BYTES, "{}", server.held);
}

#[test]
fn what_is_not_read_is_kept_once_and_no_more() {
    let (mut client, mut server) = open();
    server.run(Session::rest);
    let idle = server.held;
    let message = vec![7; 64 << 10];
    client.writer().write_all(&message).unwrap();
    let bytes = sent_by(&mut client);
    server.ingest(&bytes);
    let kept = server.held - idle;
    assert!(kept >= message.len() as isize, "{kept}");
    assert!(kept <= bytes.len() as isize + RECORDS_BYTES, "{kept}");
    assert_eq!(server.read_all(), message.len());
    server.run(Session::rest);
    assert!(server.held <= IDLE_BYTES, "{}", server.held);
}

#[test]
fn what_is_sealed_is_bounded_too() {
    let (_client, mut server) = open();
    let message = vec![7; 1 << 20];
    while server.run(|session| session.seal(&[IoSlice::new(&message)])) > 0 {}
    assert!(server.held <= (56 << 10) + IDLE_BYTES, "{}", server.held);
}

#[test]
fn a_hello_that_never_ends_is_bounded() {
    let mut server = new(server().0);
    // Records of one message that claims to be 65,535 bytes long, byte by byte at first.
    let mut record = vec![22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff];
    record.resize(5 + 0x4000, 0);
    let mut most = 0;
    let pieces = (0..10).flat_map(|_| record.chunks(1000));
    for piece in record.chunks(1).chain(pieces) {
        server.run(|session| session.ingest(piece).map_err(drop).ok());
        most = most.max(server.held);
    }
    let whole = 0xffff;
    assert!((whole..whole + (4 << 10)).contains(&most), "{most}");
}
