//! Which certificate and which policy a name gets.

use rustls::SignatureScheme;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::super::client::Pem;
use super::pki::self_signed;
use super::*;

/// unrecognized_name, fatal (RFC 8446 section 6).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

fn server(pems: &[&Pem]) -> TlsBuilder {
    let add = |tls: TlsBuilder, pem: &&Pem| tls.certificate(pem.certificate());
    pems.iter().fold(Tls::builder(), add)
}

/// The certificate that is shown to a client that trusts all of them.
fn shown<'a>(pems: &[&'a Pem], options: ClientOptions<'_>, name: &str) -> &'a Pem {
    let tls = Arc::new(server(pems).build(None).unwrap());
    let clients = Clients::new(&ClientOptions {
        trusted: pems,
        ..options
    });
    let pair = Pair::open(&clients, name, &tls);
    let shown = pair.client.shown().unwrap();
    let is_shown = |pem: &&&Pem| {
        let chain = CertificateDer::from_pem_slice(pem.chain.as_bytes());
        chain.unwrap().as_ref() == shown
    };
    pems.iter().find(is_shown).unwrap()
}

#[test]
fn exact_names_go_before_wildcards_and_the_first_is_for_all_others() {
    // The first has all names, so that a client is content with it if it is shown by mistake.
    let names = ["a.example.org", "b.example.org", "c.other.org"];
    let first = Pem::for_names(&["first.org", "d.e.example.org", "example.com"]);
    let wildcard = Pem::for_names(&["*.example.org", "example.org"]);
    let exact = Pem::for_names(&["b.example.org"]);
    let pems = [&first, &wildcard, &exact];
    for (name, pem) in [
        ("first.org", &first),
        ("example.com", &first),
        ("d.e.example.org", &first),
        ("example.org", &wildcard),
        (names[0], &wildcard),
        ("A.Example.ORG", &wildcard),
        (names[1], &exact),
    ] {
        let found = shown(&pems, ClientOptions::default(), name);
        assert_eq!(found.chain, pem.chain, "{name}");
    }
    // Who asks for another name is shown the first, and does not trust it for that name.
    let tls = Arc::new(server(&pems).build(None).unwrap());
    let clients = Clients::new(&ClientOptions {
        trusted: &pems,
        ..Default::default()
    });
    let mut pair = Pair::new(&clients, names[2], &tls);
    let mut received = Vec::new();
    ingest(&mut pair.server, &pair.client.output(), &mut received).unwrap();
    let flight = output(&mut pair.server);
    let refused = pair.client.ingest(&flight, &mut received).unwrap_err();
    assert!(refused.contains("first.org"), "{refused}");
}

#[test]
fn a_client_that_asks_for_no_name_is_shown_the_first() {
    let first = Pem::for_names(&["first.org", "second.org"]);
    let second = Pem::for_names(&["second.org"]);
    let nameless = ClientOptions {
        nameless: true,
        ..Default::default()
    };
    let found = shown(&[&first, &second], nameless, "second.org");
    assert_eq!(found.chain, first.chain);
}

#[test]
fn of_several_certificates_for_a_name_the_client_can_verify_the_one_that_is_shown() {
    let ecdsa = self_signed(&["localhost"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let rsa = self_signed(&["localhost"], &rcgen::PKCS_RSA_SHA256);
    let schemes: [&[SignatureScheme]; 3] = [
        &[],
        &[SignatureScheme::ECDSA_NISTP256_SHA256],
        &[
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PKCS1_SHA256,
        ],
    ];
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        for (pems, found) in [
            ([&ecdsa, &rsa], [&ecdsa, &ecdsa, &rsa]),
            ([&rsa, &ecdsa], [&rsa, &ecdsa, &rsa]),
        ] {
            for (schemes, expected) in schemes.iter().zip(found) {
                let options = ClientOptions {
                    version: Some(version),
                    schemes,
                    ..Default::default()
                };
                let shown = shown(&pems, options, "localhost");
                assert_eq!(shown.chain, expected.chain, "{version} {schemes:?}");
            }
        }
    }
}

#[test]
fn in_tls_1_2_the_suites_decide_too() {
    let ecdsa = self_signed(&["localhost"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let rsa = self_signed(&["localhost"], &rcgen::PKCS_RSA_SHA256);
    for (suite, expected) in [
        (CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, &rsa),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, &ecdsa),
    ] {
        for pems in [[&ecdsa, &rsa], [&rsa, &ecdsa]] {
            let options = ClientOptions {
                version: Some(TlsVersion::V1_2),
                suites: &[suite],
                ..Default::default()
            };
            assert_eq!(
                shown(&pems, options, "localhost").chain,
                expected.chain,
                "{suite:?}"
            );
        }
    }
}

#[test]
fn a_client_that_can_verify_none_is_refused() {
    let rsa = self_signed(&["localhost"], &rcgen::PKCS_RSA_SHA256);
    let tls = Arc::new(server(&[&rsa]).build(None).unwrap());
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let clients = Clients::new(&ClientOptions {
            trusted: &[&rsa],
            version: Some(version),
            schemes: &[SignatureScheme::ECDSA_NISTP256_SHA256],
            ..Default::default()
        });
        let (_, told) = refusal(&clients, "localhost", &tls);
        assert_eq!(told, "received fatal alert: HandshakeFailure", "{version}");
    }
}

#[test]
fn only_known_names_are_served_if_names_are_strict() {
    let pem = Pem::for_names(&["example.org", "*.example.org"]);
    let build = |strict| server(&[&pem]).strict_names(strict).build(None).unwrap();
    let (strict, lenient) = (Arc::new(build(true)), Arc::new(build(false)));
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let options = ClientOptions {
            trusted: &[&pem],
            version: Some(version),
            ..Default::default()
        };
        let named = Clients::new(&options);
        let nameless = Clients::new(&ClientOptions {
            nameless: true,
            ..options
        });
        for (clients, name, why) in [
            (&named, "other.org", "no certificate is for \"other.org\""),
            (
                &named,
                "a.b.example.org",
                "no certificate is for \"a.b.example.org\"",
            ),
            (&nameless, "example.org", "the client names no host"),
        ] {
            let mut server = Session::new(Arc::clone(&strict));
            let hello = clients.connect(name).output();
            let refused = ingest(&mut server, &hello, &mut Vec::new());
            assert_eq!(refused, Err(Fault::Failed(why.to_owned())), "{name}");
            assert!(!server.is_open() && !server.close());
            assert_eq!(output(&mut server), UNRECOGNIZED_NAME, "{name}");
            // Without strict names it is answered.
            let mut server = Session::new(Arc::clone(&lenient));
            ingest(&mut server, &hello, &mut Vec::new()).unwrap();
            assert!(server.is_open(), "{name}");
        }
        Pair::open(&named, "example.org", &strict);
        Pair::open(&named, "www.example.org", &strict);
    }
}

#[test]
fn names_may_have_policies_of_their_own() {
    let pem = Pem::for_names(&["example.org", "*.example.org"]);
    let newer = TlsPolicy {
        min_version: TlsVersion::V1_3,
        ..Default::default()
    };
    let tls = server(&[&pem])
        .host("new.example.org", newer.clone())
        .host("*.new.example.org", newer)
        .build(None);
    let tls = Arc::new(tls.unwrap());
    let clients = |version| {
        Clients::new(&ClientOptions {
            trusted: &[&pem],
            version: Some(version),
            ..Default::default()
        })
    };
    let (old, new) = (clients(TlsVersion::V1_2), clients(TlsVersion::V1_3));
    refusal(&old, "new.example.org", &tls);
    refusal(&old, "a.new.example.org", &tls);
    // As in routes, and unlike in certificates, the star stands for any number of labels.
    refusal(&old, "a.b.new.example.org", &tls);
    let opened = Pair::open(&old, "old.example.org", &tls);
    let info = opened.info();
    for (host, is_covered) in [
        ("old.example.org", true),
        ("OLD.example.org", true),
        ("example.org", true),
        ("elsewhere.org", true),
        ("new.example.org", false),
        ("New.Example.Org", false),
        ("new.example.org.", false),
        ("a.new.example.org", false),
        ("a.b.new.example.org", false),
    ] {
        assert_eq!(info.covers(host), is_covered, "{host}");
    }
    let opened = Pair::open(&new, "new.example.org", &tls);
    let info = opened.info();
    assert!(info.covers("new.example.org") && info.covers("a.new.example.org"));
    assert!(!info.covers("old.example.org") && !info.covers("elsewhere.org"));
}

#[test]
fn a_policy_is_for_a_host_and_a_host_has_one() {
    let pem = Pem::for_names(&["example.org"]);
    let build = |names: &[&str]| {
        let policy = TlsPolicy::default;
        let add = |tls: TlsBuilder, name: &&str| tls.host(name, policy());
        names
            .iter()
            .fold(server(&[&pem]), add)
            .build(None)
            .map(drop)
    };
    assert_eq!(build(&["a.example", "*.a.example", "10.0.0.1"]), Ok(()));
    for names in [
        &["example.org:8443"][..],
        &["*"],
        &[""],
        &["a.example", "A.example."],
        &["*.a.example", "*.A.example"],
    ] {
        let name = names.last().unwrap().to_string();
        assert_eq!(build(names), Err(CertificateError::PolicyName(name)));
    }
}

#[test]
fn certificates_are_for_their_names_and_addresses() {
    let pem = Pem::for_names(&[
        "example.org",
        "*.example.net",
        "*.2.0.192",
        "192.0.2.7",
        "2001:db8::1",
    ]);
    let loose = server(&[&pem]).build(None).unwrap();
    let strict = server(&[&pem]).strict_names(true).build(None).unwrap();
    for (host, is_named) in [
        ("example.org", true),
        ("EXAMPLE.org.", true),
        ("www.example.org", false),
        ("xexample.org", false),
        ("example.org..", false),
        ("a.example.net", true),
        ("A.Example.Net.", true),
        ("example.net", false),
        (".example.net", false),
        ("a.b.example.net", false),
        ("192.0.2.7", true),
        ("192.0.2.8", false),
        ("1.2.0.192", false),
        ("[2001:db8::1]", true),
        ("[2001:DB8:0:0::1]", true),
        ("[2001:db8::2]", false),
        ("", false),
        (".", false),
    ] {
        assert_eq!(loose.has_certificate_for(host), is_named, "{host}");
        assert!(loose.takes(host), "{host}");
        let is_address = host.starts_with(['[', '1']);
        assert_eq!(strict.takes(host), is_named && !is_address, "{host}");
    }
}

#[test]
fn without_policies_of_their_own_all_hosts_are_covered() {
    let pair = Pair::local(TlsVersion::V1_3);
    assert!(pair.info().covers("elsewhere.org"));
}

#[test]
fn strict_names_cover_known_hosts_only() {
    let pem = Pem::for_names(&["a.example.org", "b.example.org"]);
    let tls = server(&[&pem]).strict_names(true).build(None).unwrap();
    let clients = Clients::new(&ClientOptions {
        trusted: &[&pem],
        ..Default::default()
    });
    let pair = Pair::open(&clients, "a.example.org", &Arc::new(tls));
    assert!(pair.info().covers("a.example.org") && pair.info().covers("b.example.org"));
    assert!(!pair.info().covers("c.example.org"));
}
