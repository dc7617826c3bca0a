//! Sends clients that came in the clear to the same place over HTTPS.
//!
//! Must not know where is listened nor which certificates there are: the port and the check of
//! hosts are given to it.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use reactor::{Middleware, Reply, Request, Status};

/// The port that a `https` URL has unless it names one (RFC 9110 section 4.2.2).
pub const HTTPS_PORT: u16 = 443;

/// Which port clients are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectPort {
    /// That of the first TLS listener.
    Listener,
    /// This one: where another port of the outside leads to the listener's.
    Fixed(u16),
}

/// Whether clients are served over TLS that ask for this host, which is as in `RequestView::host`:
/// without port, an IPv6 address in its brackets.
pub type HostCheck = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Answers requests that came in the clear with 308, which keeps method and body (RFC 9110 section
/// 15.4.9). Path and query stay as they were sent; the host is the request's own.
///
/// `OPTIONS *` and CONNECT are let pass: there is no URL for what they ask (RFC 9110 section 7.1).
pub struct HttpsRedirect {
    port: Arc<AtomicU16>,
    covered: HostCheck,
}

impl HttpsRedirect {
    /// Sends clients to this port, which may be known only when the listeners are bound. Those
    /// that ask for a host that is not `covered` would be refused there, and are answered 421 here.
    pub fn new(port: Arc<AtomicU16>, covered: HostCheck) -> HttpsRedirect {
        HttpsRedirect { port, covered }
    }

    /// The answer to a request for `rest` of `host`; leaves `Location` in the reply buffer.
    fn answer(&self, host: &str, rest: &str, request: &mut Request<'_>) -> Reply {
        let out = request.out();
        // What the router had to say of methods is not of this answer.
        out.remove_field("Allow");
        if host.is_empty() {
            return Reply::text("400 Bad Request\n").with_status(Status::BAD_REQUEST);
        }
        if !(self.covered)(host) {
            return Reply::text("421 Misdirected Request\n")
                .with_status(Status::MISDIRECTED_REQUEST);
        }
        // The body's buffer is borrowed to write in, so that nothing is allocated.
        let mut location = mem::take(out.body());
        write_location(host, self.port.load(Ordering::Relaxed), rest, &mut location);
        out.field("Location", &location);
        location.clear();
        *out.body() = location;
        Reply::text("308 Permanent Redirect\n").with_status(Status::PERMANENT_REDIRECT)
    }
}

impl Middleware for HttpsRedirect {
    fn before(&self, request: &mut Request<'_>) -> Option<Reply> {
        let view = request.view();
        if view.tls().is_some() {
            return None;
        }
        let rest = path_and_query(view.target())?;
        Some(self.answer(view.host(), rest, request))
    }
}

impl fmt::Debug for HttpsRedirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsRedirect")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// What a target has behind its host, as it was sent: `/path?query` of both forms that have a path,
/// `?query` or nothing of a URL without one. `None` for `*` and `host:port`.
fn path_and_query(target: &str) -> Option<&str> {
    if target.starts_with('/') {
        return Some(target);
    }
    let (_, rest) = target.split_once("://")?;
    Some(rest.find(['/', '?']).map_or("", |at| &rest[at..]))
}

fn write_location(host: &str, port: u16, rest: &str, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(b"https://");
    out.extend_from_slice(host.as_bytes());
    if port != HTTPS_PORT {
        // Five digits at most; writing to a vector cannot fail.
        let _ = std::io::Write::write_fmt(out, format_args!(":{port}"));
    }
    if !rest.starts_with('/') {
        out.push(b'/');
    }
    out.extend_from_slice(rest.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(host: &str, port: u16, target: &str) -> String {
        let mut out = b"left over".to_vec();
        write_location(host, port, path_and_query(target).unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn path_and_query_stay_as_they_were_sent() {
        for (target, rest) in [
            ("/", "/"),
            ("/a/../%2e/%7Eb//c?d=%20&e?f", "/a/../%2e/%7Eb//c?d=%20&e?f"),
            ("//elsewhere.example/x", "//elsewhere.example/x"),
            (
                "/?next=http://elsewhere.example/",
                "/?next=http://elsewhere.example/",
            ),
            ("http://a.example", "/"),
            ("http://a.example:8080/b?c", "/b?c"),
            ("HTTP://[::1]:8080?c=/d", "/?c=/d"),
            ("http://a.example?b://c/d", "/?b://c/d"),
        ] {
            assert_eq!(
                location("a.example", 443, target),
                format!("https://a.example{rest}"),
                "{target}"
            );
        }
        for target in ["*", "a.example:443"] {
            assert_eq!(path_and_query(target), None, "{target}");
        }
    }

    #[test]
    fn the_port_is_named_unless_it_is_the_usual_one() {
        for (host, port, expected) in [
            ("a.example", 443, "https://a.example/x"),
            ("a.example", 8443, "https://a.example:8443/x"),
            ("192.0.2.1", 65535, "https://192.0.2.1:65535/x"),
            ("[2001:db8::1]", 8443, "https://[2001:db8::1]:8443/x"),
            ("[2001:db8::1]", 443, "https://[2001:db8::1]/x"),
        ] {
            assert_eq!(location(host, port, "/x"), expected);
        }
    }
}
