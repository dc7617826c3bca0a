//! Sessions against a client, without sockets.

use std::io::IoSlice;
use std::sync::Arc;

use super::client::{Client, ClientOptions, Clients, LOCALHOST, localhost};
use super::*;

/// Moves bytes between the two until neither has any, `step` at a time; what the server received.
fn exchange(client: &mut Client, server: &mut Session, step: usize) -> Result<Vec<u8>, Fault> {
    let mut received = Vec::new();
    loop {
        let to_server = client.output();
        for piece in to_server.chunks(step) {
            server.ingest(piece)?;
            if server.awaits_answer() {
                server.answer_hello()?;
            }
            read_all(server, &mut received)?;
        }
        let mut to_client = Vec::new();
        while server.has_output() {
            server.send(&mut to_client).unwrap();
        }
        for piece in to_client.chunks(step) {
            client.ingest(piece, &mut Vec::new()).unwrap();
        }
        if to_server.is_empty() && to_client.is_empty() {
            return Ok(received);
        }
    }
}

fn read_all(server: &mut Session, received: &mut Vec<u8>) -> Result<(), Fault> {
    let mut room = [0; 1000];
    loop {
        match server.read(&mut room) {
            0 if !server.ingest_backlog()? => return Ok(()),
            count => received.extend_from_slice(&room[..count]),
        }
    }
}

#[test]
fn bytes_pass_however_they_are_cut() {
    let tls = Arc::new(localhost().build(None).unwrap());
    let trusted = &[&*LOCALHOST][..];
    let clients = Clients::new(&ClientOptions {
        trusted,
        ..Default::default()
    });
    for step in [1, 5, 1000, usize::MAX] {
        let mut client = clients.connect("localhost");
        let mut server = Session::new(Arc::clone(&tls));
        exchange(&mut client, &mut server, step).unwrap();
        assert!(!client.is_handshaking());
        let message: Vec<u8> = (0..100_000_u32).map(|i| i as u8).collect();
        client.write(&message);
        assert_eq!(exchange(&mut client, &mut server, step).unwrap(), message);
        assert_eq!(server.seal(&[IoSlice::new(b"hello")]), 5);
    }
}
