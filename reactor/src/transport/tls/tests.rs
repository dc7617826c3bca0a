//! Sessions against a client, without sockets.

mod clients;
mod hostile;
mod names;
mod output;
mod pki;
mod records;
mod tickets;
mod versions;

use std::sync::Arc;

use rustls::SupportedCipherSuite;
use rustls::crypto::cipher::{MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::{CipherSuite, ConnectionTrafficSecrets, ContentType, ProtocolVersion};

use super::client::{Client, ClientOptions, Clients, LOCALHOST, localhost};
use super::*;

/// A client and the server's side of its connection.
struct Pair {
    client: Client,
    server: Session,
}

impl Pair {
    /// A connection on which nothing was said yet.
    fn new(clients: &Clients, name: &str, tls: &Arc<Tls>) -> Pair {
        Pair {
            client: clients.connect(name),
            server: Session::new(Arc::clone(tls)),
        }
    }

    /// A connection after its handshake.
    fn open(clients: &Clients, name: &str, tls: &Arc<Tls>) -> Pair {
        let mut pair = Pair::new(clients, name, tls);
        pair.exchange(usize::MAX).unwrap();
        assert!(!pair.client.is_handshaking());
        pair
    }

    /// A connection to `localhost`, whose certificate is the server's only one.
    fn local(version: TlsVersion) -> Pair {
        Pair::open(&local_clients(version), "localhost", &local_tls())
    }

    /// How the server was opened.
    fn info(&self) -> &TlsInfo {
        self.server.info().unwrap()
    }

    /// Moves bytes between the two until neither has any, `step` at a time; what each received.
    fn exchange(&mut self, step: usize) -> Result<Received, Fault> {
        let mut received = Received::default();
        loop {
            let to_server = self.client.output();
            for piece in to_server.chunks(step) {
                ingest(&mut self.server, piece, &mut received.by_server)?;
            }
            let to_client = output(&mut self.server);
            for piece in to_client.chunks(step) {
                let plaintext = &mut received.by_client;
                self.client.ingest(piece, plaintext).unwrap();
            }
            if to_server.is_empty() && to_client.is_empty() {
                return Ok(received);
            }
        }
    }

    /// What the client sends now is taken in by the server and read.
    fn deliver(&mut self) -> Result<Vec<u8>, Fault> {
        let mut received = Vec::new();
        ingest(&mut self.server, &self.client.output(), &mut received)?;
        Ok(received)
    }
}

/// What arrived.
#[derive(Debug, Default, PartialEq)]
struct Received {
    by_server: Vec<u8>,
    by_client: Vec<u8>,
}

/// Why the server refuses a client, and what the client is told.
fn refusal(clients: &Clients, name: &str, tls: &Arc<Tls>) -> (String, String) {
    let mut pair = Pair::new(clients, name, tls);
    let Err(Fault::Failed(why)) = pair.exchange(usize::MAX) else {
        panic!("it was not refused");
    };
    assert!(!pair.server.is_open() && pair.server.info().is_none());
    let alert = output(&mut pair.server);
    let told = pair.client.ingest(&alert, &mut Vec::new());
    (why, told.unwrap_err())
}

/// Has a server take bytes in, answer a hello, and give what can be read.
fn ingest(server: &mut Session, bytes: &[u8], received: &mut Vec<u8>) -> Result<(), Fault> {
    server.ingest(bytes)?;
    if server.awaits_answer() {
        server.answer_hello()?;
    }
    let mut room = [0; 1000];
    loop {
        match server.read(&mut room) {
            0 if !server.ingest_backlog()? => return Ok(()),
            count => received.extend_from_slice(&room[..count]),
        }
    }
}

/// All that a server has to send.
fn output(server: &mut Session) -> Vec<u8> {
    let mut output = Vec::new();
    while server.has_output() {
        server.send(&mut output).unwrap();
    }
    output
}

/// The types of records and the lengths of what is in them.
fn records(mut bytes: &[u8]) -> Vec<(u8, usize)> {
    let mut records = Vec::new();
    while let [kind, 3, _, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        records.push((*kind, length));
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty(), "{bytes:?}");
    records
}

/// Bytes that tell where they belong.
fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8)
        .collect()
}

fn local_tls() -> Arc<Tls> {
    Arc::new(localhost().build(None).unwrap())
}

fn local_clients(version: TlsVersion) -> Clients {
    Clients::new(&ClientOptions {
        trusted: &[&LOCALHOST],
        version: Some(version),
        ..Default::default()
    })
}

/// Seals whatever it is told to with the keys of an open connection.
struct Sealer {
    encrypter: Box<dyn MessageEncrypter>,
    number: u64,
}

impl Sealer {
    fn of(client: Client) -> Sealer {
        let (suite, number, secrets) = client.into_secrets();
        let ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } = secrets else {
            panic!("another suite: {suite:?}");
        };
        let encrypter = match suite {
            SupportedCipherSuite::Tls13(suite) => suite.aead_alg.encrypter(key, iv),
            SupportedCipherSuite::Tls12(suite) => suite.aead_alg.encrypter(key, iv.as_ref(), &[]),
        };
        Sealer { encrypter, number }
    }

    fn seal(&mut self, kind: ContentType, payload: &[u8]) -> Vec<u8> {
        let message = OutboundPlainMessage {
            typ: kind,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(payload),
        };
        let record = self.encrypter.encrypt(message, self.number).unwrap();
        self.number += 1;
        record.encode()
    }
}

/// Clients whose suite [`Sealer`] knows.
fn sealing_clients(version: TlsVersion) -> Clients {
    Clients::new(&ClientOptions {
        trusted: &[&LOCALHOST],
        version: Some(version),
        suites: &[
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
            CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ],
        ..Default::default()
    })
}
