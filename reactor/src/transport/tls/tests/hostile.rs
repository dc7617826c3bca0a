//! Clients that keep to no rules.

use std::io::IoSlice;

use rustls::ContentType;

use super::*;

/// A server with an open connection, and what can send it any record.
fn sealed(version: TlsVersion) -> (Session, Sealer) {
    let pair = Pair::open(&sealing_clients(version), "localhost", &local_tls());
    (pair.server, Sealer::of(pair.client))
}

/// The server refuses the bytes; why. From then on it neither reads nor seals.
fn refused(server: &mut Session, bytes: &[u8]) -> String {
    let mut received = Vec::new();
    let Err(Fault::Failed(why)) = ingest(server, bytes, &mut received) else {
        panic!("it was not refused: {:?}", &bytes[..bytes.len().min(20)]);
    };
    assert_eq!(received, b"");
    assert!(!server.is_open() && !server.close());
    assert_eq!(server.seal(&[IoSlice::new(b"more")]), 0);
    why
}

#[test]
fn text_is_told_from_tls_by_its_first_byte() {
    for text in ["GET / HTTP/1.1\r\n\r\n", "get", "P", "z"] {
        let mut server = Session::new(local_tls());
        assert_eq!(
            server.ingest(text.as_bytes()),
            Err(Fault::Plaintext),
            "{text}"
        );
        // The answer is not the session's business.
        assert!(!server.has_output() && !server.is_open());
    }
    // In the middle of a hello it is no text.
    let mut pair = Pair::new(&local_clients(TlsVersion::V1_3), "localhost", &local_tls());
    let hello = pair.client.output();
    pair.server.ingest(&hello[..1]).unwrap();
    let fault = pair.server.ingest(b"GET / HTTP/1.1\r\n\r\n");
    assert!(matches!(fault, Err(Fault::Failed(_))), "{fault:?}");
}

#[test]
fn what_is_no_hello_is_refused_with_an_alert() {
    let beginnings: [&[u8]; 8] = [
        // A hello of SSLv2 that offers TLS 1.0.
        &[
            0x80, 0x2e, 1, 3, 1, 0, 21, 0, 0, 0, 16, 1, 0, 0x80, 3, 0, 0x80,
        ],
        &[0; 64],
        &[0xff; 64],
        &[13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10],
        // A record of an unknown type.
        &[30, 3, 3, 0, 1, 0],
        // One without a hello in it.
        &[22, 3, 1, 0, 0],
        // One that is too long.
        &[22, 3, 1, 0x48, 1],
        // A ServerHello.
        &[22, 3, 3, 0, 4, 2, 0, 0, 0],
    ];
    for bytes in beginnings {
        let mut server = Session::new(local_tls());
        refused(&mut server, bytes);
        let alert = output(&mut server);
        assert!(
            matches!(alert[..], [21, 3, 3, 0, 2, 2, _]),
            "{bytes:?} {alert:?}"
        );
    }
}

#[test]
fn before_a_hello_nothing_else_is_listened_to() {
    let unexpected: &[u8] = &[21, 3, 3, 0, 2, 2, 10];
    // An alert is not answered with another.
    for (record, alert) in [
        (&[21, 3, 3, 0, 2, 1, 0][..], &b""[..]),
        (&[20, 3, 3, 0, 1, 1], unexpected),
        (&[23, 3, 3, 0, 1, 0], unexpected),
    ] {
        let mut server = Session::new(local_tls());
        let flood = record.repeat(100);
        let fault = ingest(&mut server, &flood, &mut Vec::new());
        assert!(
            matches!(fault, Err(Fault::Failed(_))),
            "{record:?} {fault:?}"
        );
        assert_eq!(output(&mut server), alert, "{record:?}");
    }
}

#[test]
fn a_hello_without_end_is_refused() {
    // Records of a message that claims to be 64 KiB long and never is complete.
    let mut server = Session::new(local_tls());
    let mut record = vec![22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff];
    record.resize(5 + 0x4000, 0);
    assert!((0..6).any(|_| server.ingest(&record).is_err()));
    // One that claims to be longer is refused when it says so.
    let mut server = Session::new(local_tls());
    refused(&mut server, &[22, 3, 1, 0, 4, 1, 0x10, 0, 0]);
    assert_eq!(output(&mut server), [21, 3, 3, 0, 2, 2, 50]);
}

#[test]
fn a_hello_that_is_cut_off_waits() {
    let hello = local_clients(TlsVersion::V1_3)
        .connect("localhost")
        .output();
    let mut server = Session::new(local_tls());
    server.ingest(&hello[..hello.len() - 1]).unwrap();
    assert!(!server.awaits_answer() && !server.has_output());
    server.ingest(&hello[hello.len() - 1..]).unwrap();
    assert!(server.awaits_answer() && server.info().is_none());
}

#[test]
fn garbage_after_the_hello_is_kept_until_it_is_answered() {
    let mut hello = local_clients(TlsVersion::V1_3)
        .connect("localhost")
        .output();
    hello.extend([99; 6]);
    let mut server = Session::new(local_tls());
    refused(&mut server, &hello);
    assert!(server.has_output());
}

#[test]
fn records_that_are_too_long_or_of_no_known_type_are_refused() {
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        // The longest ciphertext is 2^14 + 256 bytes (RFC 8446 section 5.2), in TLS 1.2 2^14 + 2048
        // (RFC 5246 section 6.2.3): the header of a longer one is enough.
        let length: u16 = match version {
            TlsVersion::V1_2 => (1 << 14) + 2048 + 1,
            TlsVersion::V1_3 => (1 << 14) + 256 + 1,
        };
        let [high, low] = length.to_be_bytes();
        for bytes in [&[23, 3, 3, high, low][..], &[99, 3, 3, 0, 1, 0], &[0; 5]] {
            let (mut server, _) = sealed(version);
            let mut record = bytes.to_vec();
            if bytes[0] == 23 {
                record.resize(5 + usize::from(length), 0);
            }
            refused(&mut server, &record);
            let alert = output(&mut server);
            assert_eq!(records(&alert).len(), 1, "{version} {bytes:?}");
        }
    }
}

#[test]
fn plaintext_of_more_than_16_kib_is_refused() {
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let longest = vec![7; 1 << 14];
        let (mut server, mut sealer) = sealed(version);
        let mut received = Vec::new();
        let record = sealer.seal(ContentType::ApplicationData, &longest);
        ingest(&mut server, &record, &mut received).unwrap();
        assert!(received == longest);
        let record = sealer.seal(ContentType::ApplicationData, &[7; (1 << 14) + 1]);
        refused(&mut server, &record);
    }
}

#[test]
fn records_that_were_changed_repeated_or_left_out_are_refused() {
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let (mut server, mut sealer) = sealed(version);
        let mut record = sealer.seal(ContentType::ApplicationData, b"one");
        *record.last_mut().unwrap() ^= 1;
        assert_eq!(
            refused(&mut server, &record),
            "cannot decrypt peer's message"
        );

        let (mut server, mut sealer) = sealed(version);
        let record = sealer.seal(ContentType::ApplicationData, b"one");
        let mut received = Vec::new();
        ingest(&mut server, &record, &mut received).unwrap();
        assert_eq!(received, b"one");
        refused(&mut server, &record);

        let (mut server, mut sealer) = sealed(version);
        sealer.seal(ContentType::ApplicationData, b"one");
        let record = sealer.seal(ContentType::ApplicationData, b"two");
        refused(&mut server, &record);
    }
}

#[test]
fn a_flood_of_empty_records_is_refused() {
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let (mut server, mut sealer) = sealed(version);
        let mut received = Vec::new();
        for round in 0..100 {
            for _ in 0..32 {
                let record = sealer.seal(ContentType::ApplicationData, b"");
                ingest(&mut server, &record, &mut received).unwrap();
                assert!(!server.has_input() && !server.has_output());
            }
            let record = sealer.seal(ContentType::ApplicationData, &[round]);
            ingest(&mut server, &record, &mut received).unwrap();
        }
        assert!(received.iter().copied().eq(0..100));
        let flood = (0..33).map(|_| sealer.seal(ContentType::ApplicationData, b""));
        let flood: Vec<Vec<u8>> = flood.collect();
        let why = refused(&mut server, &flood.concat());
        assert!(why.contains("TooManyEmptyFragments"), "{why}");
    }
}

#[test]
fn a_flood_of_warnings_is_refused() {
    // user_canceled, the only one that TLS 1.3 has (RFC 8446 section 6.1).
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let (mut server, mut sealer) = sealed(version);
        let mut received = Vec::new();
        for _ in 0..4 {
            let record = sealer.seal(ContentType::Alert, &[1, 90]);
            ingest(&mut server, &record, &mut received).unwrap();
        }
        let record = sealer.seal(ContentType::Alert, &[1, 90]);
        let why = refused(&mut server, &record);
        assert!(why.contains("TooManyWarningAlerts"), "{why}");
    }
}

#[test]
fn a_fatal_alert_is_the_end() {
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let (mut server, mut sealer) = sealed(version);
        let why = refused(&mut server, &sealer.seal(ContentType::Alert, &[2, 80]));
        assert_eq!(why, "received fatal alert: InternalError");
        // One does not answer it.
        assert_eq!(output(&mut server), b"");
    }
}

#[test]
fn a_flood_of_key_updates_is_refused() {
    let mut pair = Pair::local(TlsVersion::V1_3);
    for _ in 0..32 {
        pair.client.update_keys();
        pair.deliver().unwrap();
    }
    pair.client.update_keys();
    let why = pair.deliver().unwrap_err().to_string();
    assert!(why.contains("TooManyKeyUpdateRequests"), "{why}");
}

#[test]
fn nothing_is_negotiated_again() {
    let (mut server, mut sealer) = sealed(TlsVersion::V1_2);
    let hello = sealing_clients(TlsVersion::V1_2)
        .connect("localhost")
        .output();
    let hello = &hello[5..];
    let mut received = Vec::new();
    let record = sealer.seal(ContentType::Handshake, hello);
    ingest(&mut server, &record, &mut received).unwrap();
    // The warning no_renegotiation, and all goes on as it was.
    assert!(!server.awaits_answer() && server.is_open());
    assert_eq!(records(&output(&mut server)), [(21, 2 + 16)]);
    let record = sealer.seal(ContentType::ApplicationData, b"hello");
    ingest(&mut server, &record, &mut received).unwrap();
    assert_eq!(received, b"hello");
    // Who insists is refused.
    let record = sealer.seal(ContentType::Handshake, hello);
    let why = refused(&mut server, &record);
    assert!(why.contains("TooManyRenegotiationRequests"), "{why}");

    let (mut server, mut sealer) = sealed(TlsVersion::V1_3);
    let record = sealer.seal(ContentType::Handshake, hello);
    refused(&mut server, &record);
}

#[test]
fn nothing_is_read_before_the_handshake_is_finished() {
    let mut pair = Pair::new(&local_clients(TlsVersion::V1_3), "localhost", &local_tls());
    let mut received = Vec::new();
    ingest(&mut pair.server, &pair.client.output(), &mut received).unwrap();
    assert!(pair.server.info().is_none());
    refused(
        &mut pair.server,
        &[23, 3, 3, 0, 5, b'h', b'e', b'l', b'l', b'o'],
    );
}
