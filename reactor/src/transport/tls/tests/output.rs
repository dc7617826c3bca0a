//! What the server sends: how it is cut into records, how much of it waits, how it ends.

use std::io::IoSlice;

use super::*;

/// What a record of TLS 1.3 has more than its plaintext: a type and a tag.
const MORE: usize = 1 + 16;

/// Plaintext of a small record.
const SMALL: usize = 1400;

/// Plaintext of a full record.
const FULL: usize = 16_384;

/// Seals and sends all of it, each time as much as is taken; the records' plaintexts' lengths.
fn send_all(pair: &mut Pair, message: &[u8]) -> Vec<usize> {
    let (mut lengths, mut sealed, mut received) = (Vec::new(), 0, Vec::new());
    while sealed < message.len() {
        let count = pair.server.seal(&[IoSlice::new(&message[sealed..])]);
        assert!(count > 0);
        sealed += count;
        let bytes = output(&mut pair.server);
        lengths.extend(records(&bytes).iter().map(|(_, length)| length - MORE));
        pair.client.ingest(&bytes, &mut received).unwrap();
    }
    assert!(received == message);
    lengths
}

#[test]
fn the_first_records_are_small_and_again_after_a_pause() {
    let mut pair = Pair::local(TlsVersion::V1_3);
    // 14 KiB and what is left of the record with the last of them.
    let mut expected = vec![SMALL; 11];
    expected.extend([FULL; 3]);
    let message = pattern(11 * SMALL + 3 * FULL);
    assert_eq!(send_all(&mut pair, &message), expected);
    assert_eq!(send_all(&mut pair, &message[..2 * FULL]), [FULL, FULL]);
    pair.server.restart();
    assert_eq!(send_all(&mut pair, &message), expected);
}

#[test]
fn short_answers_use_up_the_small_records_too() {
    let mut pair = Pair::local(TlsVersion::V1_3);
    for _ in 0..14 {
        assert_eq!(send_all(&mut pair, &[7; 1024]), [1024]);
    }
    assert_eq!(send_all(&mut pair, &[7; FULL]), [FULL]);
}

#[test]
fn pieces_are_joined_in_one_record() {
    let mut pair = Pair::local(TlsVersion::V1_3);
    let pieces = [
        &b"HTTP/1.1 200 OK\r\n\r\n"[..],
        b"",
        b"Hello, ",
        b"World!\n",
    ];
    assert_eq!(pair.server.seal(&pieces.map(IoSlice::new)), 33);
    let bytes = output(&mut pair.server);
    assert_eq!(records(&bytes), [(23, 33 + MORE)]);
    let mut received = Vec::new();
    pair.client.ingest(&bytes, &mut received).unwrap();
    assert_eq!(received, pieces.concat());
}

#[test]
fn something_is_taken_whatever_the_first_piece_is() {
    let body = pattern(100_000);
    for first in [&b""[..], b"a", b"HTTP/1.1 200 OK\r\n\r\n"] {
        let mut pair = Pair::local(TlsVersion::V1_3);
        let mut sent = Vec::new();
        let whole = [first, &body].concat();
        while sent.len() < whole.len() {
            let head = first.get(sent.len()..).unwrap_or(&[]);
            let rest = &body[sent.len().saturating_sub(first.len())..];
            let pieces = [head, rest].map(IoSlice::new);
            assert!(pair.server.seal(&pieces) > 0, "{first:?} {}", sent.len());
            let bytes = output(&mut pair.server);
            pair.client.ingest(&bytes, &mut sent).unwrap();
        }
        assert!(sent == whole);
    }
}

#[test]
fn no_more_is_sealed_than_may_wait() {
    let mut pair = Pair::local(TlsVersion::V1_3);
    let message = pattern(1 << 20);
    let (mut sealed, mut received) = (0, Vec::new());
    while sealed < message.len() {
        let before = sealed;
        loop {
            match pair.server.seal(&[IoSlice::new(&message[sealed..])]) {
                0 => break,
                count => sealed += count,
            }
        }
        let waiting = sealed - before;
        assert!(waiting > 32 << 10 || sealed == message.len(), "{waiting}");
        assert!(waiting <= 64 << 10, "{waiting}");
        let bytes = output(&mut pair.server);
        assert!(bytes.len() <= 66 << 10, "{}", bytes.len());
        pair.client.ingest(&bytes, &mut received).unwrap();
    }
    assert!(received == message);
}

#[test]
fn a_slow_transport_gets_every_byte_once() {
    let mut pair = Pair::local(TlsVersion::V1_3);
    let message = pattern(50_000);
    let mut sealed = 0;
    let mut received = Vec::new();
    while sealed < message.len() || pair.server.has_output() {
        sealed += pair.server.seal(&[IoSlice::new(&message[sealed..])]);
        let mut room = [0; 700];
        let count = pair.server.send(&mut &mut room[..]).unwrap();
        assert!(count > 0);
        pair.client.ingest(&room[..count], &mut received).unwrap();
    }
    assert!(received == message);
}

#[test]
fn the_client_learns_that_nothing_was_cut_off() {
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let mut pair = Pair::local(version);
        assert_eq!(pair.server.seal(&[IoSlice::new(b"all of it")]), 9);
        assert!(pair.server.close());
        assert!(!pair.server.is_open());
        // It is the last word.
        assert!(!pair.server.close());
        assert_eq!(pair.server.seal(&[IoSlice::new(b"more")]), 0);
        let bytes = output(&mut pair.server);
        let whole = bytes.len();
        let end = records(&bytes)[1].1 + 5;
        let mut received = Vec::new();
        let (data, end) = bytes.split_at(whole - end);
        pair.client.ingest(data, &mut received).unwrap();
        assert!(!pair.client.has_ended());
        pair.client.ingest(end, &mut received).unwrap();
        assert!(pair.client.has_ended());
        assert_eq!(received, b"all of it");
    }
}

#[test]
fn what_a_client_sends_after_our_end_is_still_read() {
    let mut pair = Pair::local(TlsVersion::V1_3);
    assert!(pair.server.close());
    pair.client.write(b"one more thing");
    assert_eq!(pair.deliver().unwrap(), b"one more thing");
}

#[test]
fn nothing_is_closed_or_sealed_before_the_client_has_spoken() {
    let mut server = Session::new(local_tls());
    assert!(!server.close());
    assert_eq!(server.seal(&[IoSlice::new(b"early")]), 0);
    assert!(!server.is_open() && !server.has_output());
    assert!(!server.has_input() && !server.is_finished());
}
