//! Versions, suites and protocols.

use super::*;

fn clients(version: TlsVersion, protocols: &[&str]) -> Clients {
    Clients::new(&ClientOptions {
        trusted: &[&LOCALHOST],
        version: Some(version),
        protocols,
        ..Default::default()
    })
}

#[test]
fn both_versions_are_spoken_and_told() {
    for (version, name, suite) in [
        (
            TlsVersion::V1_2,
            "TLSv1.2",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ),
        (TlsVersion::V1_3, "TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256"),
    ] {
        let pair = Pair::open(&sealing_clients(version), "localhost", &local_tls());
        let info = pair.info();
        assert_eq!(info.version(), version);
        assert_eq!(info.version().to_string(), name);
        assert_eq!(info.cipher_suite(), suite);
        assert_eq!(info.server_name(), Some("localhost"));
        assert!(!info.is_resumed() && info.client().is_none());
    }
}

#[test]
fn the_newer_version_is_preferred() {
    let clients = Clients::new(&ClientOptions {
        trusted: &[&LOCALHOST],
        ..Default::default()
    });
    let pair = Pair::open(&clients, "localhost", &local_tls());
    assert_eq!(pair.info().version(), TlsVersion::V1_3);
}

#[test]
fn versions_below_the_oldest_that_is_spoken_are_refused() {
    let policy = TlsPolicy {
        min_version: TlsVersion::V1_3,
        ..Default::default()
    };
    let tls = Arc::new(localhost().policy(policy).build(None).unwrap());
    let (why, told) = refusal(&local_clients(TlsVersion::V1_2), "localhost", &tls);
    assert!(why.contains("version") || why.contains("Tls12"), "{why}");
    assert_eq!(told, "received fatal alert: ProtocolVersion");
    Pair::open(&local_clients(TlsVersion::V1_3), "localhost", &tls);
}

#[test]
fn tls_1_1_is_refused() {
    let mut hello = local_clients(TlsVersion::V1_2)
        .connect("localhost")
        .output();
    // supported_versions is turned into an extension that nobody knows; what is left says the
    // version in bytes 9 and 10.
    let mark = [0, 43, 0, 3, 2, 3, 3];
    let extension = hello.windows(mark.len()).position(|window| window == mark);
    hello[extension.unwrap()] = 0x7f;
    assert_eq!(hello[9..11], [3, 3]);
    ingest(&mut Session::new(local_tls()), &hello, &mut Vec::new()).unwrap();
    for old in [[3, 0], [3, 1], [3, 2]] {
        hello[9..11].copy_from_slice(&old);
        let mut server = Session::new(local_tls());
        let refused = ingest(&mut server, &hello, &mut Vec::new());
        assert!(matches!(refused, Err(Fault::Failed(_))), "{refused:?}");
        // protocol_version, fatal.
        assert_eq!(output(&mut server), [21, 3, 3, 0, 2, 2, 70], "{old:?}");
    }
}

#[test]
fn http_1_1_is_chosen_whatever_else_is_offered() {
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        for protocols in [&["h2", "http/1.1"][..], &["http/1.1", "http/1.0"]] {
            let pair = Pair::open(&clients(version, protocols), "localhost", &local_tls());
            assert_eq!(pair.client.protocol(), Some(&b"http/1.1"[..]));
        }
    }
}

#[test]
fn a_client_that_offers_other_protocols_only_is_refused() {
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let clients = clients(version, &["h2", "acme-tls/1"]);
        let (_, told) = refusal(&clients, "localhost", &local_tls());
        assert_eq!(told, "received fatal alert: NoApplicationProtocol");
    }
}

#[test]
fn a_client_that_offers_no_protocol_is_served() {
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let pair = Pair::open(&clients(version, &[]), "localhost", &local_tls());
        assert_eq!(pair.client.protocol(), None);
    }
}

#[test]
fn a_client_that_has_to_choose_another_group_waits_for_another_turn() {
    let clients = Clients::new(&ClientOptions {
        trusted: &[&LOCALHOST],
        version: Some(TlsVersion::V1_3),
        retries: true,
        ..Default::default()
    });
    let mut pair = Pair::new(&clients, "localhost", &local_tls());
    assert!(pair.server.awaits_turn() && pair.server.awaits_hello());
    pair.server.ingest(&pair.client.output()).unwrap();
    pair.server.answer_hello().unwrap();
    // What was answered cost nothing: the signature is for the second message.
    assert!(pair.server.awaits_turn() && !pair.server.awaits_hello());
    pair.exchange(usize::MAX).unwrap();
    assert!(!pair.client.is_handshaking() && !pair.server.awaits_turn());
}
