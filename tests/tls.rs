//! HTTPS as curl and openssl see it: names, versions, clients' certificates.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::net::TcpListener;

use common::{
    Files, LOCAL, PATIENCE, Pki, Server, command, connect_secure, curl_ping, expect_pong, get,
    handshake, lacks_tools, output, served, start_secure, until,
};

#[test]
fn https_is_served_beside_http() {
    if lacks_tools() {
        return;
    }
    let pki = Pki::new();
    let files = pki.leaf("server", LOCAL);
    let server = start_secure(&files.flags());
    expect_pong(&curl_ping(
        &server,
        "localhost",
        &["--cacert", &pki.path("ca.crt")],
    ));
    server.get("/ping").expect(200, "pong");
    let mut client = connect_secure(server.secure_address(), &[]);
    for _ in 0..3 {
        client.send(&get("/ping"));
        client.response().expect(200, "pong");
    }
    let line = server.expect_message(&["server.crt", "CN=server; for localhost, 127.0.0.1"]);
    assert!(
        line.contains("INFO") && line.contains("is valid for 29 more days"),
        "{line}"
    );
    let line = server.expect_message(&["https://127.0.0.1:"]);
    assert!(
        line.contains("serving the demo site on https://127.0.0.1:"),
        "{line}"
    );
}

#[test]
fn a_certificate_is_chosen_by_name() {
    if lacks_tools() {
        return;
    }
    let pki = Pki::new();
    let one = pki.leaf("one", "DNS:one.test");
    let two = pki.leaf("two", "DNS:*.two.test,DNS:two.test");
    let flags = [one.flags(), two.flags()].concat();
    let server = start_secure(&flags);
    let address = server.secure_address();
    for (name, files) in [
        ("one.test", &one),
        ("ONE.test", &one),
        ("two.test", &two),
        ("www.two.test", &two),
        ("a.b.two.test", &one),
        ("elsewhere.test", &one),
    ] {
        assert_eq!(served(address, name), files.pem(), "{name}");
    }
    let authority = pki.path("ca.crt");
    expect_pong(&curl_ping(
        &server,
        "www.two.test",
        &["--cacert", &authority],
    ));

    let server = start_secure(&[&flags[..], &["--tls-strict-sni"]].concat());
    let address = server.secure_address();
    assert_eq!(served(address, "www.two.test"), two.pem());
    expect_pong(&curl_ping(&server, "one.test", &["--cacert", &authority]));
    assert_eq!(served(address, "elsewhere.test"), "");
    let anonymous = handshake(address, &["-noservername"]);
    assert!(!anonymous.status.success());
}

#[test]
fn old_versions_are_refused() {
    if lacks_tools() {
        return;
    }
    let version = |server: &Server, flag: &str| {
        let cipher = "DEFAULT:@SECLEVEL=0";
        let output = handshake(server.secure_address(), &[flag, "-cipher", cipher]);
        output.status.success()
    };
    let server = start_secure(&["--tls-self-signed"]);
    assert!(version(&server, "-tls1_2") && version(&server, "-tls1_3"));
    assert!(!version(&server, "-tls1_1") && !version(&server, "-tls1"));
    let server = start_secure(&["--tls-self-signed", "--tls-min-version", "1.3"]);
    assert!(!version(&server, "-tls1_2") && version(&server, "-tls1_3"));
}

#[test]
fn an_explicit_port_that_is_taken_is_a_fault() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let flags = [
        "-l",
        "127.0.0.1:0",
        "--tls-self-signed",
        "--tls-listen",
        &address,
    ];
    let output = output(command(&flags));
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.trim_end().lines().last().unwrap().contains(&address),
        "{text}"
    );
    assert!(!text.contains("certificate"), "{text}");
}

#[test]
fn clients_show_certificates() {
    if lacks_tools() {
        return;
    }
    let pki = Pki::new();
    let server_files = pki.leaf("server", LOCAL);
    let (good, bad) = (pki.leaf("good", "DNS:good"), pki.leaf("bad", "DNS:bad"));
    let foreign = Pki::new().leaf("foreign", "DNS:foreign");
    let authority = pki.path("ca.crt");
    let shown = |server: &Server, files: Option<&Files>| {
        let mut args = vec!["--cacert", &authority];
        if let Some(files) = files {
            args.extend(["--cert", files.certificate.to_str().unwrap()]);
            args.extend(["--key", files.key.to_str().unwrap()]);
        }
        let output = curl_ping(server, "localhost", &args);
        output.status.success() && output.stdout == b"pong"
    };
    let with = |args: &[&str]| {
        let flags = server_files.flags();
        start_secure(&[&flags[..], &["--client-ca", &authority], args].concat())
    };
    let server = with(&[]);
    assert!(shown(&server, Some(&good)));
    assert!(!shown(&server, None));
    let server = with(&["--client-auth", "optional"]);
    assert!(shown(&server, Some(&good)) && shown(&server, None));
    assert!(!shown(&server, Some(&foreign)));

    revoke(&pki, "bad");
    let server = with(&["--client-crl", &pki.path("crl.pem")]);
    assert!(shown(&server, Some(&good)));
    assert!(!shown(&server, Some(&bad)) && !shown(&server, None));
    server.expect_message(&[
        "WARN",
        "revocation list",
        "crl.pem",
        "for 8 more days",
        "renew it",
    ]);
    server.expect_message(&["INFO", "clients' authority", "ca.crt", "more days"]);

    // A list that has ended refuses everybody, and the log says so.
    pki.run(
        "ca -config ca.cnf -gencrl -out crl.pem -crl_lastupdate 20200101000000Z \
         -crl_nextupdate 20200201000000Z",
    );
    let words = ["ERROR", "crl.pem", "expired on", "clients are refused"];
    server.expect_message(&words);
    until("the client is refused", PATIENCE, || {
        (!shown(&server, Some(&good))).then_some(())
    });
}

/// Writes a revocation list with this certificate on it to `crl.pem`.
fn revoke(pki: &Pki, name: &str) {
    let settings = "[ca]\ndefault_ca = own\n[own]\ndatabase = index.txt\ncrlnumber = number\n\
                    default_md = sha256\ndefault_crl_days = 9\n\
                    certificate = ca.crt\nprivate_key = ca.key\n";
    fs::write(pki.path("ca.cnf"), settings).unwrap();
    fs::write(pki.path("index.txt"), "").unwrap();
    fs::write(pki.path("number"), "01\n").unwrap();
    pki.run(&format!("ca -config ca.cnf -revoke {name}.crt"));
    pki.run("ca -config ca.cnf -gencrl -out crl.pem");
}
