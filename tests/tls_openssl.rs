//! What `openssl s_client` can agree on with the server, and what it is refused: suites, groups,
//! protocols, sessions, renegotiation, new keys.
#![forbid(unsafe_code)]

mod common;

use std::path::Path;

use common::{
    LOCAL, Pki, Watched, connect_commanding, connect_secure, get, handshake, lacks_tools,
};

/// A server with certificates of both kinds, and the files that they are in.
fn start(args: &[&str]) -> (Pki, Watched) {
    let pki = Pki::new();
    let ecdsa = pki.leaf("ecdsa", LOCAL);
    let rsa = pki.leaf_with("rsa", LOCAL, "rsa:2048", 30);
    let flags = [&ecdsa.flags()[..], &rsa.flags()].concat();
    let listen = ["--tls-listen", "127.0.0.1:0"];
    let watched = Watched::start(&[&flags[..], &listen, args].concat());
    (pki, watched)
}

/// The text of a handshake, if it was finished.
fn agreed(watched: &Watched, line: &str) -> Option<String> {
    let args: Vec<&str> = line.split_whitespace().collect();
    let output = handshake(watched.secure(), &args);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let is_done = text.contains("Cipher is ") && !text.contains("Cipher is (NONE)");
    is_done.then_some(text)
}

#[test]
fn suites_without_forward_secrecy_or_authenticated_encryption_are_refused() {
    if lacks_tools() {
        return;
    }
    let (_pki, watched) = start(&[]);
    let old = [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-CHACHA20-POLY1305",
    ];
    let new = [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
    ];
    let old = old.map(|suite| (suite, format!("-tls1_2 -cipher {suite}"), "TLSv1.2"));
    let new = new.map(|suite| (suite, format!("-tls1_3 -ciphersuites {suite}"), "TLSv1.3"));
    for (suite, line, version) in old.iter().chain(&new) {
        let text = agreed(&watched, line).expect(line);
        let line = format!("New, {version}, Cipher is {suite}\n");
        assert!(text.contains(&line), "{line}: {text}");
    }
    watched.expect_handshakes(9, 0);
    let refused = [
        "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256",
        "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA",
        "-tls1_2 -cipher ECDHE-RSA-AES256-SHA384",
        "-tls1_2 -cipher AES128-GCM-SHA256",
        "-tls1_2 -cipher AES128-SHA",
        "-tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256",
        "-tls1_2 -cipher ECDHE-ECDSA-AES128-CCM",
        "-tls1_3 -ciphersuites TLS_AES_128_CCM_SHA256",
        "-tls1_3 -groups X448",
        "-tls1_3 -groups ffdhe2048",
        "-tls1_1 -cipher DEFAULT:@SECLEVEL=0",
    ];
    for line in refused {
        assert_eq!(agreed(&watched, line), None, "{line}");
    }
    watched.expect_failures(refused.len() as u64);
    watched.expect_handshakes(9, 0);
}

#[test]
fn groups_are_agreed_on_with_or_without_another_round() {
    if lacks_tools() {
        return;
    }
    let (_pki, watched) = start(&[]);
    // A client sends a share for its first group alone: for X448 the server has to ask for another.
    // In TLS 1.2 the groups are those of ECDSA certificates too.
    for version in ["-tls1_2 -cipher aRSA", "-tls1_3"] {
        for (groups, name) in [
            ("X25519", "X25519, 253 bits"),
            ("P-256", "prime256v1, 256 bits"),
            ("P-384", "secp384r1, 384 bits"),
            ("X448:P-256", "prime256v1, 256 bits"),
        ] {
            let line = format!("{version} -groups {groups}");
            let text = agreed(&watched, &line).expect(&line);
            assert!(text.contains(name), "{line}: {text}");
        }
    }
    watched.expect_failures(0);
}

#[test]
fn of_the_protocols_http_1_1_is_chosen() {
    if lacks_tools() {
        return;
    }
    let (_pki, watched) = start(&[]);
    for version in ["-tls1_2", "-tls1_3"] {
        for (offer, answer) in [
            ("-alpn http/1.1", "ALPN protocol: http/1.1"),
            ("-alpn h2,http/1.1", "ALPN protocol: http/1.1"),
            ("", "No ALPN negotiated"),
        ] {
            let text = agreed(&watched, &format!("{version} {offer}")).expect(offer);
            assert!(text.contains(answer), "{version} {offer}: {text}");
        }
        let args = [version, "-alpn", "h2"];
        let output = handshake(watched.secure(), &args);
        assert!(!output.status.success());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains("no application protocol"), "{text}");
    }
    watched.expect_failures(2);
}

#[test]
fn sessions_of_tls_1_2_are_resumed_and_counted() {
    if lacks_tools() {
        return;
    }
    let (_pki, watched) = start(&["-w2"]);
    let text = agreed(&watched, "-tls1_2 -reconnect").unwrap();
    assert_eq!(text.matches("Reused, ").count(), 5, "{text}");
    watched.expect_handshakes(1, 5);
    let (_pki, watched) = start(&["-w2", "--tls-session-tickets", "off"]);
    let text = agreed(&watched, "-tls1_2 -reconnect").unwrap();
    assert_eq!(text.matches("Reused, ").count(), 0, "{text}");
    watched.expect_handshakes(6, 0);
}

/// Opens a connection of TLS 1.3 and uses it, so that a ticket, if there is one, has arrived.
fn use_session(watched: &Watched, args: &[&str]) {
    let mut client = connect_secure(watched.secure(), &[&["-tls1_3"], args].concat());
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
}

#[test]
fn sessions_of_tls_1_3_are_resumed_and_counted() {
    if lacks_tools() {
        return;
    }
    let (pki, watched) = start(&["-w2"]);
    let session = pki.path("session");
    use_session(&watched, &["-sess_out", &session]);
    watched.expect_handshakes(1, 0);
    for number in 1..=4 {
        use_session(&watched, &["-sess_in", &session]);
        watched.expect_handshakes(1, number);
    }
    let kept = pki.path("kept");
    let (_pki, watched) = start(&["-w2", "--tls-session-tickets", "off"]);
    use_session(&watched, &["-sess_out", &kept]);
    assert!(!Path::new(&kept).exists(), "there was a ticket");
    // One of another process, whose keys this one has not.
    use_session(&watched, &["-sess_in", &session]);
    watched.expect_handshakes(2, 0);
    watched.expect_failures(0);
}

#[test]
fn nothing_is_negotiated_anew() {
    if lacks_tools() {
        return;
    }
    let (_pki, watched) = start(&[]);
    let mut client = connect_commanding(watched.secure(), &["-tls1_2"]);
    client.send(&get("/ping"));
    client.expect_text("\r\n\r\npong");
    client.send(b"R\n");
    client.expect_text("RENEGOTIATING");
    // This client gives up when it is told no.
    client.expect_text("no renegotiation");
    client.rest();
    watched.expect_connections(0);
    watched.expect_handshakes(1, 0);
    watched.server.get("/ping").expect(200, "pong");
}

#[test]
fn keys_may_be_changed_at_any_time() {
    if lacks_tools() {
        return;
    }
    let (_pki, watched) = start(&[]);
    let mut client = connect_commanding(watched.secure(), &["-tls1_3"]);
    // With `K` the server has to change its keys too.
    for command in [b"k\n", b"K\n", b"K\n", b"k\n"] {
        client.send(command);
        client.expect_text("KEYUPDATE");
        client.send(&get("/ping"));
        client.expect_text("HTTP/1.1 200");
        client.expect_text("\r\n\r\npong");
    }
    watched.expect_connections(1);
    watched.expect_sample("tidegate_http_requests_total", 4);
    drop(client);
    watched.expect_connections(0);
}
