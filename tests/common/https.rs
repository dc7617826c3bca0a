//! A server that listens for TLS too, and what curl says of it.

use std::process::{Command, Output};

use super::{Server, command, output, skipped_without};

/// The names of a certificate for tests on this machine.
pub const LOCAL: &str = "DNS:localhost,IP:127.0.0.1";

/// A server with these flags, which listens for TLS too.
pub fn start_secure(args: &[&str]) -> Server {
    Server::start(&[&["--tls-listen", "127.0.0.1:0"], args].concat())
}

/// Whether curl or openssl is missing; says so.
pub fn lacks_tools() -> bool {
    skipped_without("curl") || skipped_without("openssl")
}

/// What curl says to a GET of `https://{name}/ping`.
pub fn curl_ping(server: &Server, name: &str, args: &[&str]) -> Output {
    let route = format!("{name}:443:{}", server.secure_address());
    Command::new("curl")
        .args([
            "-sS",
            "--noproxy",
            "*",
            "--max-time",
            "30",
            "--connect-to",
            &route,
        ])
        .args(args)
        .arg(format!("https://{name}/ping"))
        .output()
        .unwrap()
}

/// Fails unless curl got its answer.
#[track_caller]
pub fn expect_pong(output: &Output) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert_eq!(output.stdout, b"pong");
}

/// The one line with which the server refuses to start.
#[track_caller]
pub fn secure_refusal(args: &[&str]) -> String {
    let all = [&["-l", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0"], args].concat();
    let output = output(command(&all));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    text
}
