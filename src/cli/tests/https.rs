//! What the flags of HTTPS come to, alone and together.

use reactor::tls::TlsVersion;

use super::*;
use crate::tls::{Clients, Pair, Source};

fn source(arguments: &[&str], variables: &[(&str, &str)]) -> Option<Source> {
    config(arguments, variables).tls.map(|tls| tls.source)
}

fn files(pairs: &[(&str, &str)]) -> Option<Source> {
    let pair = |(certificate, key): &(&str, &str)| Pair {
        certificate: certificate.into(),
        key: key.into(),
    };
    Some(Source::Files(pairs.iter().map(pair).collect()))
}

#[test]
fn certificates_come_from_files_a_directory_or_nowhere() {
    let two = ["--tls-cert=a", "--tls-cert=b", "--tls-key=k", "--tls-key=l"];
    assert_eq!(source(&two, &[]), files(&[("a", "k"), ("b", "l")]));
    assert_eq!(
        source(&["./public", "--tls-dir=x"], &[]),
        Some(Source::Directory("x".into()))
    );
    let own = ["./public", "--tls-self-signed"];
    assert_eq!(source(&own, &[]), Some(Source::SelfSigned));
    assert_eq!(source(&["./public"], &[]), None);

    let variables = [("TIDEGATE_TLS_CERT", "a, b"), ("TIDEGATE_TLS_KEY", "k,l")];
    assert_eq!(source(&[], &variables), files(&[("a", "k"), ("b", "l")]));
    let one = ["--tls-cert=c", "--tls-key=m"];
    assert_eq!(source(&one, &variables), files(&[("c", "m")]));
    assert_eq!(source(&own, &variables), Some(Source::SelfSigned));
}

#[test]
fn the_demo_alone_has_https_unless_it_was_said_where_to_listen() {
    let demo = Some(Source::Demo("certs".into()));
    assert_eq!(source(&[], &[]), demo);
    assert_eq!(source(&["-p", "3000"], &[]), demo);
    assert_eq!(source(&["--demo"], &[]), demo);
    assert_eq!(source(&["-p", "8443"], &[]), None);
    assert_eq!(source(&["-l", "127.0.0.1:0"], &[]), None);
    assert_eq!(source(&[], &[("TIDEGATE_LISTEN", ":8080")]), None);
    assert_eq!(source(&["./public", "--demo"], &[]), None);
}

#[test]
fn tls_has_its_addresses() {
    let listen = |arguments: &[&str], variables: &[(&str, &str)]| {
        let own = [&["--tls-self-signed"], arguments].concat();
        config(&own, variables).tls_listen
    };
    let variable = [("TIDEGATE_TLS_LISTEN", "127.0.0.1:1,[::1]:2")];
    let both = vec![address("127.0.0.1:1"), address("[::1]:2")];
    assert_eq!(listen(&[], &[]), Listen::Everywhere(8443));
    assert_eq!(listen(&[], &variable), Listen::On(both.clone()));
    let flags = ["--tls-listen=127.0.0.1:1", "--tls-listen=[::1]:2"];
    assert_eq!(listen(&flags, &[]), Listen::On(both));
    assert_eq!(
        listen(&["--tls-listen=:9"], &variable),
        Listen::On(vec![address(":9")])
    );
}

#[test]
fn the_policy_has_its_flags() {
    let tls = config(&["--tls-self-signed"], &[]).tls.unwrap();
    assert_eq!(
        (tls.strict_names, tls.min_version, tls.tickets, tls.clients),
        (false, TlsVersion::V1_2, true, None)
    );
    let arguments = [
        "--tls-self-signed",
        "--tls-strict-sni",
        "--tls-min-version=1.3",
        "--tls-session-tickets=off",
        "--client-ca=ca.pem",
        "--https-redirect",
    ];
    let tls = config(&arguments, &[]).tls.unwrap();
    assert_eq!(
        (tls.strict_names, tls.min_version, tls.tickets),
        (true, TlsVersion::V1_3, false)
    );
    let clients = Clients {
        authority: "ca.pem".into(),
        revoked: None,
        required: true,
    };
    assert_eq!(tls.clients, Some(clients.clone()));
    for (mode, required) in [("required", true), ("optional", false)] {
        let more = ["--client-auth", mode, "--client-crl", "crl.pem"];
        let tls = config(&[&arguments[..], &more].concat(), &[]).tls.unwrap();
        let clients = Clients {
            revoked: Some("crl.pem".into()),
            required,
            ..clients.clone()
        };
        assert_eq!(tls.clients, Some(clients));
    }
}

#[test]
fn what_does_not_fit_together_is_refused_with_the_remedy() {
    for (arguments, parts) in [
        (
            &["--tls-cert=a"][..],
            &["1 in --tls-cert", "0 in --tls-key"][..],
        ),
        (&["--tls-key=a"], &["0 in --tls-cert", "same order"]),
        (&["--tls-cert=a", "--tls-dir=b"], &["cannot be used with"]),
        (
            &["--tls-dir=a", "--tls-self-signed"],
            &["cannot be used with"],
        ),
        (
            &["--tls-listen=:1"],
            &[
                "--tls-listen needs a certificate",
                "--tls-cert FILE",
                "--tls-self-signed",
            ],
        ),
        (
            &["--tls-strict-sni"],
            &["--tls-strict-sni needs a certificate"],
        ),
        (&["--tls-min-version=1.3"], &["--tls-min-version needs a"]),
        (
            &["--tls-session-tickets=on"],
            &["--tls-session-tickets needs a"],
        ),
        (&["--client-ca=x"], &["--client-ca needs a certificate"]),
        (
            &["--client-auth=optional"],
            &["--client-auth", "--client-ca FILE"],
        ),
        (
            &["--tls-self-signed", "--client-crl=x"],
            &["--client-crl", "--client-ca FILE"],
        ),
        (
            &["--client-auth=maybe"][..],
            &["'maybe'", "required", "optional"][..],
        ),
        (&["--tls-min-version=1.1"], &["'1.1'", "1.2 or 1.3"]),
        (&["--tls-session-tickets=yes"], &["'yes'", "on or off"]),
        (
            &["--tls-self-signed", "--tls-listen=:8", "--tls-listen=:8"],
            &["invalid --tls-listen", "twice"],
        ),
        (&["--tls-listen=nowhere"], &["nowhere"]),
    ] {
        let line = wrong(arguments, &[]);
        for part in parts {
            assert!(line.contains(part), "{arguments:?}: {line}");
        }
    }
}

#[test]
fn no_two_listeners_have_one_address() {
    for (arguments, parts) in [
        (
            &["--tls-self-signed", "-p8443"][..],
            &["[::]:8443", "HTTP and HTTPS", "--tls-listen"][..],
        ),
        (
            &["--tls-self-signed", "--tls-listen=:8080"],
            &["[::]:8080", "HTTP and HTTPS", "--port"],
        ),
        (
            &["--tls-self-signed", "-p80", "--tls-listen=0.0.0.0:80"],
            &["0.0.0.0:80", "HTTP and HTTPS"],
        ),
        (
            &["--tls-self-signed", "-l0.0.0.0:8443"],
            &["[::]:8443", "HTTP and HTTPS"],
        ),
        (
            &["--tls-self-signed", "-p1", "--admin-listen=:8443"],
            &["[::]:8443", "--admin-listen"],
        ),
        (
            &["./public", "--admin-listen=0.0.0.0:8080"],
            &["0.0.0.0:8080", "--admin-listen"],
        ),
        (
            &["--tls-self-signed", "-l:80", "--tls-listen=:80"],
            &["[::]:80 cannot be for", "--tls-listen"],
        ),
    ] {
        let line = wrong(arguments, &[]);
        for part in parts {
            assert!(line.contains(part), "{arguments:?}: {line}");
        }
    }
}

#[test]
fn http_beside_clients_certificates_has_to_be_wanted() {
    let flags = ["--tls-self-signed", "--client-ca=x"];
    let line = wrong(&flags, &[]);
    for part in ["--client-ca", "everybody", "--https-redirect", "--listen"] {
        assert!(line.contains(part), "{line}");
    }
    let with = |more: &[&str], variables: &[(&str, &str)]| {
        let tls = config(&[&flags, more].concat(), variables).tls;
        assert!(tls.unwrap().clients.is_some());
    };
    with(&["--https-redirect"], &[]);
    with(&["--client-auth=optional"], &[]);
    with(&["-l:80"], &[]);
    with(&["-p80"], &[]);
    for name in ["TIDEGATE_LISTEN", "TIDEGATE_PORT", "SERVER_PORT"] {
        let value = if name == "TIDEGATE_LISTEN" {
            ":80"
        } else {
            "80"
        };
        with(&[], &[(name, value)]);
        let line = wrong(&flags, &[(name, "")]);
        assert!(line.contains("everybody"), "{line}");
    }
}

#[test]
fn a_mistake_in_a_variable_is_named() {
    for (name, value, part) in [
        ("TIDEGATE_TLS_CERT", "a", "1 in TIDEGATE_TLS_CERT"),
        ("TIDEGATE_TLS_KEY", "a,", "with commas between"),
        (
            "TIDEGATE_TLS_LISTEN",
            ":1",
            "TIDEGATE_TLS_LISTEN needs a certificate",
        ),
    ] {
        let line = wrong(&[], &[(name, value)]);
        assert!(line.contains(part) && line.contains(name), "{line}");
    }
}

#[test]
fn any_port_is_another_one_each_time() {
    let pair = ["--tls-cert=a", "--tls-key=b"];
    let any = ["-l:0", "--tls-listen=:0"];
    config(&[&pair[..], &any].concat(), &[]);
    config(&[&pair[..], &["-p0", "--tls-listen=:0"]].concat(), &[]);
    // One address has room beside all of them only if its port is another.
    let apart = ["-p80", "--tls-listen=127.0.0.1:443", "--admin-listen=:9090"];
    config(&[&pair[..], &apart].concat(), &[]);
}
