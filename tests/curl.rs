//! The best known client, as users try it first.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::process::{Command, Output};

use common::{Server, pattern, skipped_without};

fn curl(args: &[&str]) -> Output {
    Command::new("curl")
        .args(["-sS", "--noproxy", "*"])
        .args(args)
        .output()
        .unwrap()
}

/// What curl printed; it must have been content.
fn content(args: &[&str]) -> Vec<u8> {
    let output = curl(args);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "curl {args:?}: {error}");
    output.stdout
}

#[test]
fn simple_requests() {
    if skipped_without("curl") {
        return;
    }
    let server = Server::start(&[]);
    let base = format!("http://{}", server.address());
    assert_eq!(content(&[&format!("{base}/ping")]), b"pong");
    assert_eq!(content(&["-0", &format!("{base}/ping")]), b"pong");
    assert_eq!(
        content(&[&format!("{base}/users/a%20b")]),
        b"user id is a b"
    );
    assert_eq!(
        content(&["-d", "a=1&b=2", &format!("{base}/echo")]),
        b"a=1&b=2"
    );
    let head = String::from_utf8(content(&["-I", &format!("{base}/ping")])).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(
        head.to_lowercase().contains("content-length: 4\r\n"),
        "{head}"
    );
    let write_code = ["-o", "/dev/null", "-w", "%{http_code}"];
    let code = |rest: &[&str]| content(&[&write_code[..], rest].concat());
    assert_eq!(code(&[&format!("{base}/nothing")]), b"404");
    assert_eq!(code(&["-X", "DELETE", &format!("{base}/ping")]), b"405");
    assert_eq!(
        code(&["-X", "OPTIONS", "--request-target", "*", &base])[..2],
        *b"20"
    );
}

#[test]
fn uploads() {
    if skipped_without("curl") {
        return;
    }
    let server = Server::start(&[]);
    let url = format!("http://{}/echo", server.address());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("upload.bin");
    let bytes = pattern(3 << 20);
    fs::write(&file, &bytes).unwrap();
    let data = format!("@{}", file.display());
    for fields in [
        &["-H", "Expect: 100-continue"][..],
        &["-H", "Expect:"],
        &[
            "-H",
            "Transfer-Encoding: chunked",
            "-H",
            "Expect: 100-continue",
        ],
        &["-H", "Transfer-Encoding: chunked", "-H", "Expect:"],
    ] {
        // Long enough that a missing 100 Continue cannot pass unnoticed.
        let wait = [
            "--expect100-timeout",
            "10",
            "--max-time",
            "8",
            "--data-binary",
            &data,
            &url,
        ];
        assert!(content(&[fields, &wait].concat()) == bytes, "{fields:?}");
    }
    assert!(
        content(&[
            "--max-time",
            "8",
            "-T",
            file.to_str().unwrap(),
            "-X",
            "POST",
            &url
        ]) == bytes
    );
}

#[test]
fn a_refused_upload_is_explained() {
    if skipped_without("curl") {
        return;
    }
    let server = Server::start(&["--max-body", "1MiB"]);
    let url = format!("http://{}/echo", server.address());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("upload.bin");
    fs::write(&file, pattern(2 << 20)).unwrap();
    let data = format!("@{}", file.display());
    for field in ["Expect:", "Expect: 100-continue"] {
        let args = [
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "-H",
            field,
            "--data-binary",
            &data,
            &url,
        ];
        assert_eq!(content(&args), b"413", "{field}");
    }
}

#[test]
fn a_connection_is_used_again() {
    if skipped_without("curl") {
        return;
    }
    let server = Server::start(&[]);
    let base = format!("http://{}", server.address());
    let (ping, users) = (format!("{base}/ping"), format!("{base}/users/1"));
    let out = content(&["-w", " %{num_connects}\n", &ping, &users, &ping]);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "pong 1\nuser id is 1 0\npong 0\n"
    );
}

#[test]
fn events_come_one_by_one() {
    if skipped_without("curl") {
        return;
    }
    let server = Server::start(&[]);
    let url = format!("http://{}/events", server.address());
    let output = curl(&["-N", "-i", "--max-time", "3", &url]);
    assert_eq!(
        output.status.code(),
        Some(28),
        "the stream should go on until curl gives up"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.to_lowercase()
            .contains("content-type: text/event-stream"),
        "{text}"
    );
    let ticks = text.matches("\n\n").count();
    assert!((2..=4).contains(&ticks), "a tick a second: {text}");
    assert!(text.contains("data:"), "{text}");
}
