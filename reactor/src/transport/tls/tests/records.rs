//! Records however they are cut, and streams that change their keys or end.

use std::io::IoSlice;

use rustls::ContentType;

use super::*;

const VERSIONS: [TlsVersion; 2] = [TlsVersion::V1_2, TlsVersion::V1_3];

#[test]
fn bytes_pass_however_they_are_cut() {
    let tls = local_tls();
    for version in VERSIONS {
        let clients = local_clients(version);
        for step in [1, 5, 1000, usize::MAX] {
            let mut pair = Pair::new(&clients, "localhost", &tls);
            pair.exchange(step).unwrap();
            assert!(!pair.client.is_handshaking());
            let message = pattern(100_000);
            pair.client.write(&message);
            let received = pair.exchange(step).unwrap();
            assert!(received.by_server == message, "{version} {step}");
            assert_eq!(pair.server.seal(&[IoSlice::new(b"hello")]), 5);
            let received = pair.exchange(step).unwrap();
            assert_eq!(received.by_client, b"hello", "{version} {step}");
        }
    }
}

#[test]
fn records_are_read_with_half_of_the_next_one_behind_them() {
    let mut pair = Pair::local(TlsVersion::V1_3);
    for text in ["one", "two", "three"] {
        pair.client.write(text.as_bytes());
    }
    let bytes = pair.client.output();
    assert_eq!(records(&bytes).len(), 3);
    let (most, rest) = bytes.split_at(bytes.len() - 7);
    let mut received = Vec::new();
    ingest(&mut pair.server, most, &mut received).unwrap();
    assert_eq!(received, b"onetwo");
    ingest(&mut pair.server, rest, &mut received).unwrap();
    assert_eq!(received, b"onetwothree");
}

#[test]
fn a_request_in_the_same_read_as_the_end_of_the_handshake_is_not_lost() {
    for version in VERSIONS {
        let mut pair = Pair::new(&local_clients(version), "localhost", &local_tls());
        let mut received = Vec::new();
        // What the client writes during the handshake it sends with its last flight.
        pair.client.write(b"GET / HTTP/1.1\r\n\r\n");
        while pair.client.is_handshaking() {
            let bytes = pair.client.output();
            ingest(&mut pair.server, &bytes, &mut received).unwrap();
            let bytes = output(&mut pair.server);
            pair.client.ingest(&bytes, &mut Vec::new()).unwrap();
        }
        assert_eq!(pair.server.info().is_some(), version == TlsVersion::V1_2);
        let bytes = pair.client.output();
        ingest(&mut pair.server, &bytes, &mut received).unwrap();
        assert_eq!(received, b"GET / HTTP/1.1\r\n\r\n", "{version}");
        assert!(pair.server.info().is_some());
    }
}

#[test]
fn what_comes_faster_than_it_is_read_is_kept_in_order() {
    for version in VERSIONS {
        let mut pair = Pair::local(version);
        let message = pattern(3 * 65_536);
        pair.client.write(&message);
        let bytes = pair.client.output();
        let mut received = Vec::new();
        for piece in bytes.chunks(65_536) {
            pair.server.ingest(piece).unwrap();
            // Room for more plaintext, for which there is ciphertext that came earlier.
            let mut room = [0; 32_768];
            let count = pair.server.read(&mut room);
            received.extend_from_slice(&room[..count]);
        }
        assert!(pair.server.has_input());
        ingest(&mut pair.server, &[], &mut received).unwrap();
        assert!(received == message);
        assert!(!pair.server.has_input());
    }
}

#[test]
fn keys_change_in_the_middle_of_a_stream() {
    let mut pair = Pair::local(TlsVersion::V1_3);
    for round in 0..100_u8 {
        pair.client.write(&[round; 100]);
        pair.client.update_keys();
        pair.client.write(&[round; 100]);
        assert_eq!(pair.deliver().unwrap(), [round; 200]);
        // The client has asked for new keys of ours too: a record of its own says so.
        assert_eq!(pair.server.seal(&[IoSlice::new(&[round; 50])]), 50);
        let bytes = output(&mut pair.server);
        let lengths = [5 + 1 + 16, 50 + 1 + 16].map(|length| (23, length));
        assert_eq!(records(&bytes), lengths);
        let mut received = Vec::new();
        pair.client.ingest(&bytes, &mut received).unwrap();
        assert_eq!(received, [round; 50]);
    }
}

#[test]
fn the_end_of_a_client_counts_when_all_before_it_was_read() {
    for version in VERSIONS {
        let mut pair = Pair::local(version);
        assert!(!pair.server.is_finished());
        pair.client.write(b"the last words");
        pair.client.close();
        pair.server.ingest(&pair.client.output()).unwrap();
        assert!(!pair.server.is_finished());
        let mut room = [0; 10];
        assert_eq!(pair.server.read(&mut room), 10);
        assert!(!pair.server.is_finished());
        assert_eq!(pair.server.read(&mut room), 4);
        // The end itself is still to be taken note of.
        assert!(pair.server.is_finished() && pair.server.has_input());
        // It may still be answered.
        assert!(pair.server.is_open());
        assert_eq!(pair.server.seal(&[IoSlice::new(b"goodbye")]), 7);
        assert_eq!(pair.exchange(1000).unwrap().by_client, b"goodbye");
    }
}

#[test]
fn the_end_of_a_client_behind_a_backlog_counts_too() {
    let mut pair = Pair::local(TlsVersion::V1_3);
    let message = pattern(200_000);
    pair.client.write(&message);
    pair.client.close();
    pair.server.ingest(&pair.client.output()).unwrap();
    assert!(!pair.server.is_finished());
    let mut received = Vec::new();
    ingest(&mut pair.server, &[], &mut received).unwrap();
    assert!(received == message && pair.server.is_finished());
}

#[test]
fn what_follows_the_end_of_a_client_is_not_read() {
    for version in VERSIONS {
        let mut pair = Pair::open(&sealing_clients(version), "localhost", &local_tls());
        let mut sealer = Sealer::of(pair.client);
        let mut bytes = sealer.seal(ContentType::ApplicationData, b"in time");
        bytes.extend(sealer.seal(ContentType::Alert, &[1, 0]));
        bytes.extend(sealer.seal(ContentType::ApplicationData, b"too late"));
        let mut received = Vec::new();
        ingest(&mut pair.server, &bytes, &mut received).unwrap();
        let bytes = sealer.seal(ContentType::ApplicationData, b"much too late");
        ingest(&mut pair.server, &bytes, &mut received).unwrap();
        assert_eq!(received, b"in time");
        // The end itself is still to be taken note of.
        assert!(pair.server.is_finished() && pair.server.has_input());
    }
}
