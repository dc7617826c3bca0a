//! Certificates of clients.

use super::super::client::Pem;
use super::pki::{Authority, Wish};
use super::*;

const VERSIONS: [TlsVersion; 2] = [TlsVersion::V1_2, TlsVersion::V1_3];

fn known(authority: &Authority) -> ClientAuthority {
    ClientAuthority::from_pem(authority.pem.chain.as_bytes()).unwrap()
}

fn demanding(client_auth: ClientAuth) -> Arc<Tls> {
    let policy = TlsPolicy {
        client_auth,
        ..Default::default()
    };
    Arc::new(localhost().policy(policy).build(None).unwrap())
}

fn showing(own: Option<&Pem>, version: TlsVersion) -> Clients {
    Clients::new(&ClientOptions {
        trusted: &[&LOCALHOST],
        own,
        version: Some(version),
        ..Default::default()
    })
}

#[test]
fn a_good_certificate_is_seen_with_its_names() {
    let authority = Authority::new("clients");
    let alice = authority.sign(&Wish::default());
    let both = [ClientAuth::Required, ClientAuth::Optional].map(|auth| auth(known(&authority)));
    for auth in both {
        let tls = demanding(auth);
        for version in VERSIONS {
            let pair = Pair::open(&showing(Some(&alice), version), "localhost", &tls);
            let names = [
                "DNS:laptop.example.org",
                "email:alice@example.org",
                "IP:192.0.2.1",
                "URI:spiffe://example.org/alice",
            ];
            let expected = ClientCertificate {
                subject: "CN=alice,O=Example".into(),
                names: names.map(Box::from).into(),
            };
            assert_eq!(pair.info().client(), Some(&expected));
        }
    }
}

#[test]
fn who_shows_none_is_served_unless_one_is_required() {
    let authority = Authority::new("clients");
    for version in VERSIONS {
        let nobody = showing(None, version);
        let tls = demanding(ClientAuth::Optional(known(&authority)));
        assert!(
            Pair::open(&nobody, "localhost", &tls)
                .info()
                .client()
                .is_none()
        );
        let tls = demanding(ClientAuth::Required(known(&authority)));
        let (why, told) = refusal(&nobody, "localhost", &tls);
        assert_eq!(why, "peer sent no certificates");
        assert_eq!(
            told, "received fatal alert: CertificateRequired",
            "{version}"
        );
    }
}

#[test]
fn nobody_is_asked_when_it_is_off() {
    let alice = Authority::new("clients").sign(&Wish::default());
    for version in VERSIONS {
        let pair = Pair::open(&showing(Some(&alice), version), "localhost", &local_tls());
        assert!(pair.info().client().is_none());
    }
}

#[test]
fn bad_certificates_are_refused_also_where_none_is_required() {
    let authority = Authority::new("clients");
    let stranger = Authority::new("strangers");
    // One that pretends to be the authority: the name is the same, the key is not.
    let impostor = Authority::new("clients");
    let wish = Wish::default();
    let expired = Wish {
        expired: true,
        ..Default::default()
    };
    let ca = Wish {
        authority: true,
        ..Default::default()
    };
    let both = [ClientAuth::Required, ClientAuth::Optional].map(|auth| auth(known(&authority)));
    for (pem, alert) in [
        (stranger.sign(&wish), "UnknownCA"),
        (impostor.sign(&wish), "DecryptError"),
        (authority.sign(&expired), "CertificateExpired"),
        (authority.sign(&ca), "CertificateUnknown"),
    ] {
        for auth in &both {
            let tls = demanding(auth.clone());
            for version in VERSIONS {
                let (why, told) = refusal(&showing(Some(&pem), version), "localhost", &tls);
                assert_eq!(told, format!("received fatal alert: {alert}"), "{why}");
            }
        }
    }
}

#[test]
fn revoked_certificates_are_refused() {
    let authority = Authority::new("clients");
    let sign = |number| {
        authority.sign(&Wish {
            number,
            ..Default::default()
        })
    };
    let (good, revoked) = (sign(1), sign(2));
    let with = |lists: &str| {
        known(&authority)
            .with_revocation_lists(lists.as_bytes())
            .unwrap()
    };
    let tls = demanding(ClientAuth::Required(with(&authority.revoke(&[2, 3], 2049))));
    for version in VERSIONS {
        let pair = Pair::open(&showing(Some(&good), version), "localhost", &tls);
        assert!(pair.info().client().is_some());
        let (_, told) = refusal(&showing(Some(&revoked), version), "localhost", &tls);
        assert_eq!(told, "received fatal alert: CertificateRevoked");
    }
    // Without the list it would be taken.
    let tls = demanding(ClientAuth::Required(known(&authority)));
    Pair::open(
        &showing(Some(&revoked), TlsVersion::V1_3),
        "localhost",
        &tls,
    );
}

#[test]
fn without_a_list_in_force_nobody_is_served() {
    let authority = Authority::new("clients");
    let other = Authority::new("others");
    let alice = authority.sign(&Wish::default());
    for lists in [authority.revoke(&[9], 2021), other.revoke(&[9], 2049)] {
        let known = known(&authority).with_revocation_lists(lists.as_bytes());
        let tls = demanding(ClientAuth::Required(known.unwrap()));
        refusal(&showing(Some(&alice), TlsVersion::V1_3), "localhost", &tls);
    }
    // It is the list that is missing: with it the same client is served.
    let lists = other.revoke(&[9], 2049) + &authority.revoke(&[9], 2049);
    let known = known(&authority).with_revocation_lists(lists.as_bytes());
    let tls = demanding(ClientAuth::Required(known.unwrap()));
    Pair::open(&showing(Some(&alice), TlsVersion::V1_3), "localhost", &tls);
}

#[test]
fn a_host_that_requires_certificates_is_not_reached_through_one_that_does_not() {
    let authority = Authority::new("clients");
    let alice = authority.sign(&Wish::default());
    let pem = Pem::for_names(&["open.example.org", "closed.example.org"]);
    let policy = TlsPolicy {
        client_auth: ClientAuth::Required(known(&authority)),
        ..Default::default()
    };
    let tls = Tls::builder().certificate(pem.certificate());
    let tls = tls.host("closed.example.org", policy).build(None);
    let tls = Arc::new(tls.unwrap());
    let connect = |own, name| {
        let clients = Clients::new(&ClientOptions {
            trusted: &[&pem],
            own,
            ..Default::default()
        });
        Pair::open(&clients, name, &tls)
    };
    let open = connect(None, "open.example.org");
    assert!(open.info().covers("open.example.org"));
    assert!(!open.info().covers("closed.example.org"));
    let closed = connect(Some(&alice), "closed.example.org");
    assert!(closed.info().covers("closed.example.org"));
    assert!(!closed.info().covers("open.example.org"));
    let nobody = Clients::new(&ClientOptions {
        trusted: &[&pem],
        ..Default::default()
    });
    let (_, told) = refusal(&nobody, "closed.example.org", &tls);
    assert_eq!(told, "received fatal alert: CertificateRequired");
}

#[test]
fn only_who_is_asked_for_a_certificate_waits_for_another_turn_with_it() {
    let authority = Authority::new("clients");
    let known = ClientAuthority::from_pem(authority.pem.chain.as_bytes()).unwrap();
    for (client_auth, waits) in [
        (ClientAuth::Off, false),
        (ClientAuth::Optional(known), true),
    ] {
        let tls = demanding(client_auth);
        let mut pair = Pair::new(&local_clients(TlsVersion::V1_3), "localhost", &tls);
        pair.server.ingest(&pair.client.output()).unwrap();
        pair.server.answer_hello().unwrap();
        assert_eq!(pair.server.awaits_turn(), waits);
        pair.exchange(usize::MAX).unwrap();
        assert!(!pair.server.awaits_turn());
    }
}
