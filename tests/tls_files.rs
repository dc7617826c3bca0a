//! Certificates as operators have them: every kind of key, every mistake, a directory, none at all.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use common::{
    Files, LOCAL, PATIENCE, Pki, Server, command, curl_ping, expect_pong, handshake, lacks_tools,
    secure_refusal, served, start_secure, until,
};
use rustix::process::Signal;

#[test]
fn keys_of_every_kind_are_served() {
    if lacks_tools() {
        return;
    }
    let pki = Pki::new();
    let authority = pki.path("ca.crt");
    for (kind, convert) in [
        ("rsa:2048", Some("rsa -traditional")),
        ("rsa:2048", None),
        ("ec -pkeyopt ec_paramgen_curve:P-256", Some("ec")),
        ("ec -pkeyopt ec_paramgen_curve:P-384", None),
        ("ed25519", None),
    ] {
        let files = pki.leaf_with("server", LOCAL, kind, 30);
        if let Some(convert) = convert {
            pki.run(&format!("{convert} -in server.key -out server.key"));
        }
        let key = fs::read_to_string(&files.key).unwrap();
        let is_pkcs8 = key.starts_with("-----BEGIN PRIVATE KEY-----");
        assert_eq!(is_pkcs8, convert.is_none(), "{kind}: {key}");
        let server = start_secure(&files.flags());
        expect_pong(&curl_ping(&server, "localhost", &["--cacert", &authority]));
    }
}

#[test]
fn a_chain_is_sent() {
    if lacks_tools() {
        return;
    }
    let pki = Pki::new();
    pki.run(
        "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout middle.key \
         -out middle.csr -subj /CN=middle -addext basicConstraints=critical,CA:TRUE",
    );
    pki.run(
        "x509 -req -in middle.csr -CA ca.crt -CAkey ca.key -days 30 -copy_extensions copy \
         -out middle.crt",
    );
    let mut files = pki.leaf("server", LOCAL);
    pki.run(
        "x509 -req -in server.csr -CA middle.crt -CAkey middle.key -days 30 \
         -copy_extensions copy -out server.crt",
    );
    let authority = pki.path("ca.crt");
    let alone = start_secure(&files.flags());
    assert!(
        !curl_ping(&alone, "localhost", &["--cacert", &authority])
            .status
            .success()
    );
    let [leaf, middle] =
        ["server.crt", "middle.crt"].map(|name| fs::read_to_string(pki.path(name)).unwrap());
    files.certificate = pki.path("fullchain.pem").into();
    fs::write(&files.certificate, format!("{leaf}{middle}")).unwrap();
    let server = start_secure(&files.flags());
    expect_pong(&curl_ping(&server, "localhost", &["--cacert", &authority]));
    // The other way round the key is not that of the first.
    fs::write(&files.certificate, format!("{middle}{leaf}")).unwrap();
    let line = secure_refusal(&files.flags());
    assert!(
        line.contains("comes first") && line.contains("fullchain.pem"),
        "{line}"
    );
}

#[test]
fn what_openssl_makes_by_default_works() {
    if lacks_tools() {
        return;
    }
    let pki = Pki::new();
    pki.run(&format!(
        "req -x509 -newkey rsa:2048 -nodes -keyout own.key -out own.crt -days 365 \
         -subj /CN=localhost -addext subjectAltName={LOCAL}"
    ));
    let server = start_secure(&pki.files("own").flags());
    expect_pong(&curl_ping(
        &server,
        "localhost",
        &["--cacert", &pki.path("own.crt")],
    ));
    let line = server.expect_message(&["own.crt", "CA:TRUE", "WARN"]);
    assert!(
        line.contains("basicConstraints=critical,CA:FALSE"),
        "{line}"
    );
}

#[test]
fn what_cannot_be_used_is_named_with_the_remedy() {
    if lacks_tools() {
        return;
    }
    let pki = Pki::new();
    let good = pki.leaf("good", LOCAL);
    let other = pki.leaf("other", LOCAL);
    pki.run("pkcs8 -topk8 -in good.key -out locked.key -passout pass:secret");
    pki.run("x509 -in good.crt -outform DER -out der.crt");
    fs::write(pki.path("empty"), "").unwrap();
    let torn = fs::read_to_string(&good.certificate).unwrap();
    fs::write(pki.path("torn.crt"), &torn[..torn.len() / 2]).unwrap();
    let with = |certificate: &str, key: &str| {
        let files = Files {
            certificate: pki.path(certificate).into(),
            key: pki.path(key).into(),
        };
        secure_refusal(&files.flags())
    };
    for (certificate, key, bad, remedy) in [
        ("none.crt", "good.key", "none.crt", "check the path"),
        ("good.crt", "none.key", "none.key", "check the path"),
        ("empty", "good.key", "empty", "BEGIN CERTIFICATE"),
        ("good.crt", "empty", "empty", "BEGIN PRIVATE KEY"),
        ("good.key", "good.key", "good.key", "no certificate"),
        ("good.crt", "good.crt", "good.crt", "no private key"),
        ("good.crt", "locked.key", "locked.key", "openssl pkey"),
        ("der.crt", "good.key", "der.crt", "PEM begins with"),
        ("torn.crt", "good.key", "torn.crt", "not PEM"),
        (".", "good.key", "/.", "directory"),
    ] {
        let line = with(certificate, key);
        assert!(line.contains(&pki.path(bad)), "{bad}: {line}");
        assert!(line.contains(remedy), "{remedy}: {line}");
    }
    let line = with("good.crt", "other.key");
    for path in [&good.certificate, &other.key] {
        assert!(line.contains(path.to_str().unwrap()), "{line}");
    }
    let authority = ["--tls-self-signed", "--client-ca"];
    let line = secure_refusal(&[&authority[..], &[&pki.path("none.crt")]].concat());
    assert!(line.contains(&pki.path("none.crt")), "{line}");
    let line =
        secure_refusal(&[&authority[..], &[&pki.path("ca.crt"), "--client-crl", "/x"]].concat());
    assert!(line.contains("/x"), "{line}");
}

#[test]
fn what_is_doubtful_is_served_with_a_warning() {
    if lacks_tools() {
        return;
    }
    let pki = Pki::new();
    let expired = pki.leaf_with("expired", LOCAL, "ed25519", -1);
    let soon = pki.leaf_with("soon", LOCAL, "ed25519", 3);
    fs::set_permissions(&soon.key, fs::Permissions::from_mode(0o644)).unwrap();
    let server = start_secure(&[expired.flags(), soon.flags()].concat());
    expect_pong(&curl_ping(&server, "localhost", &["-k"]));
    assert_eq!(served(server.secure_address(), "localhost"), expired.pem());
    server.expect_message(&["ERROR", "expired.crt", "expired on", "renew it"]);
    server.expect_message(&["WARN", "soon.crt", "for 2 more days", "renew it"]);
    server.expect_message(&["WARN", "soon.key", "chmod o-r"]);
    assert!(server.messages_with(&["expired.key"]).is_empty());
}

#[test]
fn a_directory_turns_https_on_if_it_has_what_it_takes() {
    if lacks_tools() {
        return;
    }
    let pki = Pki::new();
    let folder = pki.path("");
    let flags = ["--tls-dir", &folder];
    let is_off = |why: &str| {
        let server = start_secure(&flags);
        server.get("/ping").expect(200, "pong");
        server.expect_message(&["WARN", "HTTPS is off", "server.", why]);
        assert_eq!(server.messages_with(&["WARN", "server."]).len(), 1);
        assert!(server.messages_with(&["https://"]).is_empty());
        server.signal(Signal::HUP);
        server.expect_message(&["WARN", "HTTPS was off at the start", why, "restart"]);
    };
    is_off("check the path");
    // Not where clients have to show certificates: HTTP asks nobody.
    let line = secure_refusal(&["--tls-dir", &folder, "--client-ca", &pki.path("ca.crt")]);
    assert!(line.contains("server.crt"), "{line}");
    let files = pki.leaf_with("server", LOCAL, "ed25519", -1);
    is_off("expired");
    let other = pki.leaf("other", LOCAL);
    fs::copy(&other.certificate, &files.certificate).unwrap();
    is_off("server.key");

    let files = pki.leaf("server", LOCAL);
    let rsa = pki.leaf_with("server-rsa", LOCAL, "rsa:2048", 30);
    let server = start_secure(&flags);
    expect_pong(&curl_ping(
        &server,
        "localhost",
        &["--cacert", &pki.path("ca.crt")],
    ));
    let address = server.secure_address();
    assert_eq!(served(address, "localhost"), files.pem());
    let old = [
        "-tls1_2",
        "-cipher",
        "aRSA",
        "-servername",
        "localhost",
        "-showcerts",
    ];
    let output = handshake(address, &old);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(&rsa.pem()), "{text}");
}

#[test]
fn a_certificate_can_be_made_at_the_start() {
    if lacks_tools() {
        return;
    }
    let server = start_secure(&["--tls-self-signed"]);
    expect_pong(&curl_ping(&server, "localhost", &["-k"]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("served.crt");
    fs::write(&path, served(server.secure_address(), "localhost")).unwrap();
    let path = path.to_str().unwrap();
    // Who has it may trust it.
    for name in ["localhost", "127.0.0.1"] {
        expect_pong(&curl_ping(&server, name, &["--cacert", path]));
    }
    let show = [
        "x509",
        "-in",
        path,
        "-noout",
        "-fingerprint",
        "-sha256",
        "-text",
    ];
    let text = common::openssl(folder.path(), &show);
    let print = text
        .lines()
        .find_map(|line| line.split_once("Fingerprint="));
    server.expect_message(&["self-signed", print.unwrap().1]);
    server.expect_message(&["self-signed", "CN=localhost", "for 89 more days"]);
    for part in [
        "CA:FALSE",
        "P-256",
        "DNS:*.localhost",
        "TLS Web Server Authentication",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_demo_has_https_out_of_the_box() {
    if lacks_tools() {
        return;
    }
    let pki = Pki::new();
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = command(&["-p", "0", "--access-log", "off"]);
        command.current_dir(folder.path());
        let server = Server::run(command);
        server.get("/ping").expect(200, "pong");
        server
    };
    // Others on this machine may have the port for a while.
    let with_https = || {
        until("port 8443 is free", 4 * PATIENCE, || {
            let server = start();
            let is_off = !server.messages_with(&["without HTTPS"]).is_empty();
            (!is_off).then_some(server)
        })
    };
    let server = with_https();
    assert_eq!(server.secure_address().port(), 8443);
    server.expect_message(&["self-signed certificate", "CN=localhost"]);
    // While it has the port, another one does without.
    let other = start();
    other.expect_message(&["WARN", "without HTTPS", "8443", "another process"]);
    assert_eq!(other.messages_with(&["without HTTPS"]).len(), 1);
    assert!(other.messages_with(&["https://"]).is_empty());
    other.signal(Signal::HUP);
    other.expect_message(&["HTTPS was off at the start", "8443", "restart"]);
    drop((server, other));

    let files = pki.leaf("server", LOCAL);
    let certs = folder.path().join("certs");
    fs::create_dir(&certs).unwrap();
    fs::copy(&files.certificate, certs.join("server.crt")).unwrap();
    fs::copy(&files.key, certs.join("server.key")).unwrap();
    let server = with_https();
    expect_pong(&curl_ping(
        &server,
        "localhost",
        &["--cacert", &pki.path("ca.crt")],
    ));
    drop(server);

    let files = pki.leaf_with("server", LOCAL, "ed25519", -1);
    fs::copy(&files.certificate, certs.join("server.crt")).unwrap();
    fs::copy(&files.key, certs.join("server.key")).unwrap();
    let server = with_https();
    server.expect_message(&["server.crt", "expired", "is served with a self-signed"]);
    server.expect_message(&["self-signed certificate", "CN=localhost"]);
    expect_pong(&curl_ping(&server, "localhost", &["-k"]));
}
