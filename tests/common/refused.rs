//! Requests that must be refused.

use super::{Server, get};

/// The field every request of 1.1 needs, for the cases that are about something else.
pub const HOST: &str = "Host: test\r\n";

/// A request with `fields` (each with its CR LF), and three bytes that are its body, if it has one.
pub fn with_fields(fields: &str) -> Vec<u8> {
    format!("POST /echo HTTP/1.1\r\n{HOST}{fields}\r\nabc").into_bytes()
}

/// Sends each of `requests` with a harmless one behind it, and expects one of `statuses` and the
/// end of the connection.
#[track_caller]
pub fn expect_refusals<B: AsRef<[u8]>>(server: &Server, statuses: &[u16], requests: &[B]) {
    for request in requests {
        let request = request.as_ref();
        let shown = String::from_utf8_lossy(&request[..request.len().min(200)]).into_owned();
        let mut client = server.connect();
        client.send(&[request, &get("/ping")].concat());
        let rest = client.rest();
        let text = String::from_utf8_lossy(&rest);
        let status = text
            .get(9..12)
            .and_then(|code| code.parse::<u16>().ok())
            .unwrap_or(0);
        assert!(
            statuses.contains(&status),
            "{shown:?}: expected {statuses:?}, got {text:?}"
        );
        assert_eq!(
            text.matches("HTTP/1.1 ").count(),
            1,
            "{shown:?} has two answers: {text:?}"
        );
        assert!(
            text.to_lowercase().contains("\r\nconnection: close\r\n"),
            "{shown:?}: {text:?}"
        );
        assert!(
            !text.ends_with("pong"),
            "{shown:?} let the next request pass: {text:?}"
        );
    }
    server.get("/ping").expect(200, "pong");
}
