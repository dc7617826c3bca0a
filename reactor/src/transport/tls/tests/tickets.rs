//! Sessions that go on from earlier ones.

use super::super::client::Pem;
use super::pki::{Authority, Wish};
use super::*;

const VERSIONS: [TlsVersion; 2] = [TlsVersion::V1_2, TlsVersion::V1_3];

/// Opens a connection; whether it goes on from an earlier one, as both sides see it.
fn is_resumed(clients: &Clients, tls: &Arc<Tls>) -> bool {
    let pair = Pair::open(clients, "localhost", tls);
    assert_eq!(pair.client.is_resumed(), pair.info().is_resumed());
    pair.info().is_resumed()
}

fn demanding(client_auth: ClientAuth) -> TlsPolicy {
    TlsPolicy {
        client_auth,
        ..Default::default()
    }
}

#[test]
fn sessions_go_on_on_every_worker() {
    let tls = local_tls();
    for version in VERSIONS {
        let clients = local_clients(version);
        assert!(!is_resumed(&clients, &tls));
        for _ in 0..3 {
            assert!(is_resumed(&clients, &tls), "{version}");
        }
        // Another process has other keys.
        assert!(!is_resumed(&clients, &local_tls()), "{version}");
    }
}

#[test]
fn sessions_go_on_when_a_certificate_was_renewed() {
    let renewed = Pem::for_names(&["localhost"]);
    for version in VERSIONS {
        let old = local_tls();
        let clients = Clients::new(&ClientOptions {
            trusted: &[&LOCALHOST, &renewed],
            version: Some(version),
            ..Default::default()
        });
        assert!(!is_resumed(&clients, &old));
        let build = || Tls::builder().certificate(renewed.certificate());
        let new = Arc::new(build().build(Some(&old)).unwrap());
        assert!(is_resumed(&clients, &new), "{version}");
        let newest = Arc::new(build().build(Some(&new)).unwrap());
        assert!(is_resumed(&clients, &newest), "{version}");
        let unrelated = Arc::new(build().build(None).unwrap());
        assert!(!is_resumed(&clients, &unrelated), "{version}");
    }
}

#[test]
fn no_session_goes_on_without_tickets() {
    for version in VERSIONS {
        let build = |tickets| localhost().tickets(tickets);
        let without = Arc::new(build(false).build(None).unwrap());
        let clients = local_clients(version);
        assert!(!is_resumed(&clients, &without));
        assert!(!is_resumed(&clients, &without), "{version}");
        // Neither is what was issued before they were turned off taken.
        let with = local_tls();
        assert!(!is_resumed(&clients, &with));
        let off = Arc::new(build(false).build(Some(&with)).unwrap());
        assert!(!is_resumed(&clients, &off), "{version}");
        // And turned on again there is a key.
        let on = Arc::new(build(true).build(Some(&off)).unwrap());
        assert!(!is_resumed(&clients, &on));
        assert!(is_resumed(&clients, &on), "{version}");
    }
}

#[test]
fn one_ticket_is_sent() {
    let without = Arc::new(localhost().tickets(false).build(None).unwrap());
    for (tls, tickets) in [(local_tls(), 1), (without, 0)] {
        let pair = Pair::open(&local_clients(TlsVersion::V1_3), "localhost", &tls);
        assert_eq!(pair.client.tickets(), tickets);
    }
}

#[test]
fn a_changed_policy_is_not_got_around_with_a_ticket() {
    let authority = Authority::new("clients");
    let alice = authority.sign(&Wish::default());
    let known = ClientAuthority::from_pem(authority.pem.chain.as_bytes()).unwrap();
    for version in VERSIONS {
        let clients = Clients::new(&ClientOptions {
            trusted: &[&LOCALHOST],
            own: Some(&alice),
            version: Some(version),
            ..Default::default()
        });
        let mut before = local_tls();
        assert!(!is_resumed(&clients, &before));
        assert!(is_resumed(&clients, &before));
        for (policy, has_tickets) in [
            (demanding(ClientAuth::Optional(known.clone())), false),
            (demanding(ClientAuth::Required(known.clone())), false),
            (demanding(ClientAuth::Off), true),
        ] {
            let after = localhost().policy(policy).build(Some(&before)).unwrap();
            let after = Arc::new(after);
            assert!(!is_resumed(&clients, &after), "{version}");
            assert_eq!(is_resumed(&clients, &after), has_tickets, "{version}");
            before = after;
        }
    }
}

#[test]
fn who_was_revoked_does_not_come_back_with_a_ticket() {
    let authority = Authority::new("clients");
    let alice = authority.sign(&Wish {
        number: 7,
        ..Default::default()
    });
    let build = |revoked: &[u64], previous: Option<&Tls>| {
        let known = ClientAuthority::from_pem(authority.pem.chain.as_bytes());
        let lists = authority.revoke(revoked, 2049);
        let known = known.unwrap().with_revocation_lists(lists.as_bytes());
        let policy = demanding(ClientAuth::Required(known.unwrap()));
        Arc::new(localhost().policy(policy).build(previous).unwrap())
    };
    for version in VERSIONS {
        let clients = Clients::new(&ClientOptions {
            trusted: &[&LOCALHOST],
            own: Some(&alice),
            version: Some(version),
            ..Default::default()
        });
        let before = build(&[8], None);
        assert!(!is_resumed(&clients, &before));
        let after = build(&[8, 7], Some(&before));
        let (_, told) = refusal(&clients, "localhost", &after);
        assert_eq!(told, "received fatal alert: CertificateRevoked");
    }
}

#[test]
fn a_client_shows_its_certificate_every_time() {
    let authority = Authority::new("clients");
    let alice = authority.sign(&Wish::default());
    let known = ClientAuthority::from_pem(authority.pem.chain.as_bytes()).unwrap();
    let policy = demanding(ClientAuth::Required(known));
    let tls = Arc::new(localhost().policy(policy).build(None).unwrap());
    for version in VERSIONS {
        let clients = Clients::new(&ClientOptions {
            trusted: &[&LOCALHOST],
            own: Some(&alice),
            version: Some(version),
            ..Default::default()
        });
        for _ in 0..2 {
            let pair = Pair::open(&clients, "localhost", &tls);
            assert!(!pair.info().is_resumed());
            let client = pair.info().client().unwrap();
            assert_eq!(&*client.subject, "CN=alice,O=Example");
        }
    }
}
