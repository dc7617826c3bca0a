//! Requests that are accepted, and what they come to.

use super::*;

#[test]
fn a_small_request() {
    let text = b"GET /a/b?c=d&e HTTP/1.1\r\nHost: example.com:8080\r\n\r\n";
    let (head, fields) = accepted(text);
    assert_eq!(head.method, Method::Get);
    assert_eq!(head.version, Version::Http11);
    assert_eq!(head.form, TargetForm::Origin);
    assert_eq!(head.method_text.of(text), b"GET");
    assert_eq!(head.target.of(text), b"/a/b?c=d&e");
    assert_eq!(head.path.of(text), b"/a/b");
    assert_eq!(head.query.of(text), b"c=d&e");
    assert_eq!(head.host.of(text), b"example.com");
    assert_eq!(head.framing, Framing::None);
    assert_eq!(head.len, text.len());
    assert!(head.keep_alive && !head.expects_continue && !head.wants_upgrade);
    assert_eq!(fields.len(), 1);
    assert_eq!(fields[0].id, FieldName::Host);
    assert_eq!(fields[0].name.of(text), b"Host");
    assert_eq!(fields[0].value.of(text), b"example.com:8080");
}

#[test]
fn values_are_trimmed_and_may_have_any_text() {
    let text = b"GET / HTTP/1.1\r\nhOsT:a\r\nX-A: \t b \t c\t \r\nx-b:\r\nX-C:  \t\r\n\
                 X-D: \x80\xff\x21~\r\nCookie: a=b\r\n\r\n";
    let (_, fields) = accepted(text);
    let found: Vec<_> = fields
        .iter()
        .map(|field| (field.id, field.name.of(text), field.value.of(text)))
        .collect();
    let other = FieldName::Other;
    assert_eq!(
        found,
        [
            (FieldName::Host, &b"hOsT"[..], &b"a"[..]),
            (other, b"X-A", b"b \t c"),
            (other, b"x-b", b""),
            (other, b"X-C", b""),
            (other, b"X-D", b"\x80\xff\x21~"),
            (FieldName::Cookie, b"Cookie", b"a=b"),
        ]
    );
}

#[test]
fn one_empty_line_is_skipped_and_counted() {
    let (head, fields) = accepted(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((head.method_text.start, head.len), (2, 29));
    assert_eq!(fields[0].name.start, 18);

    let mut parser = HeadParser::default();
    for (text, begun) in [
        (&b""[..], false),
        (b"\r", false),
        (b"\r\n", false),
        (b"\r\nG", true),
    ] {
        let result = parser.parse_request(text, &mut vec![], &Limits::default());
        assert_eq!(result, Ok(None));
        assert_eq!(parser.has_begun(), begun, "{text:?}");
    }
}

#[test]
fn methods() {
    for method in Method::NAMED {
        if method != Method::Connect {
            let text = format!("{} /x HTTP/1.1\r\nHost: a\r\n\r\n", method.as_str());
            assert_eq!(accepted(text.as_bytes()).0.method, method);
        }
    }
    let longest = "A".repeat(line::METHOD_BYTES_MAX);
    for name in [
        "get",
        "GETT",
        "M-SEARCH",
        "!#$%&'*+-.^_`|~09",
        longest.as_str(),
    ] {
        let text = format!("{name} / HTTP/1.1\r\nHost: a\r\n\r\n");
        let (head, _) = accepted(text.as_bytes());
        assert_eq!(head.method, Method::Other);
        assert_eq!(head.method_text.of(text.as_bytes()), name.as_bytes());
    }
}

#[test]
fn targets() {
    use TargetForm::{Absolute, Asterisk, Authority, Origin};
    for (line, form, path, query, host) in [
        ("GET /", Origin, "/", "", "h"),
        ("GET /?", Origin, "/", "", "h"),
        ("GET /a?b?c", Origin, "/a", "b?c", "h"),
        ("GET //a:b@c/", Origin, "//a:b@c/", "", "h"),
        ("GET /\"<>\\^`{}|'", Origin, "/\"<>\\^`{}|'", "", "h"),
        ("OPTIONS *", Asterisk, "", "", "h"),
        ("OPTIONS /", Origin, "/", "", "h"),
        ("GET http://b/c?d", Absolute, "/c", "d", "b"),
        ("GET http://b", Absolute, "", "", "b"),
        ("GET http://b?d/e", Absolute, "", "d/e", "b"),
        ("GET HTTPS://b.c:1/", Absolute, "/", "", "b.c"),
        ("GET http://[::1]:80/", Absolute, "/", "", "[::1]"),
        ("OPTIONS http://b", Absolute, "", "", "b"),
        ("CONNECT b:443", Authority, "", "", "b"),
        ("CONNECT [::1]:1", Authority, "", "", "[::1]"),
    ] {
        let text = format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n");
        let text = text.as_bytes();
        let (head, _) = accepted(text);
        assert_eq!(head.form, form, "{line}");
        assert_eq!(head.path.of(text), path.as_bytes(), "{line}");
        assert_eq!(head.query.of(text), query.as_bytes(), "{line}");
        assert_eq!(head.host.of(text), host.as_bytes(), "{line}");
        assert_eq!(
            head.target.of(text),
            line.split_once(' ').unwrap().1.as_bytes()
        );
    }
}

#[test]
fn connection_and_framing_of_requests() {
    for (line, fields, keep_alive, upgrade, framing) in [
        ("HTTP/1.1", "", true, false, Framing::None),
        ("HTTP/1.1", "Connection: close", false, false, Framing::None),
        (
            "HTTP/1.1",
            "Connection: Keep-Alive, CLOSE",
            false,
            false,
            Framing::None,
        ),
        (
            "HTTP/1.1",
            "Connection: keep-alive\r\nconnection: x,\t close ,",
            false,
            false,
            Framing::None,
        ),
        (
            "HTTP/1.1",
            "Connection: closed, xclose, close;",
            true,
            false,
            Framing::None,
        ),
        (
            "HTTP/1.1",
            "Connection: Upgrade\r\nUpgrade: websocket",
            true,
            true,
            Framing::None,
        ),
        ("HTTP/1.0", "", false, false, Framing::None),
        (
            "HTTP/1.0",
            "Connection: keep-alive",
            true,
            false,
            Framing::None,
        ),
        (
            "HTTP/1.0",
            "Connection: keep-alive, close",
            false,
            false,
            Framing::None,
        ),
        (
            "HTTP/1.0",
            "Connection: upgrade",
            false,
            false,
            Framing::None,
        ),
        (
            "HTTP/1.1",
            "Content-Length: 0",
            true,
            false,
            Framing::Length(0),
        ),
        (
            "HTTP/1.0",
            "Content-Length:  17 ",
            false,
            false,
            Framing::Length(17),
        ),
        (
            "HTTP/1.1",
            "Transfer-Encoding: Chunked",
            true,
            false,
            Framing::Chunked,
        ),
    ] {
        let fields = if fields.is_empty() {
            String::new()
        } else {
            format!("{fields}\r\n")
        };
        let text = format!("POST / {line}\r\nHost: a\r\n{fields}\r\n");
        let (head, _) = accepted(text.as_bytes());
        assert_eq!(head.keep_alive, keep_alive, "{text}");
        assert_eq!(head.wants_upgrade, upgrade, "{text}");
        assert_eq!(head.framing, framing, "{text}");
    }
}

#[test]
fn expectations_count_with_a_body_and_http_1_1() {
    for (text, expects) in [
        (
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n",
            true,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
             Expect: 100-continue\r\n\r\n",
            true,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
            false,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
            false,
        ),
        (
            "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
            false,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: \r\nContent-Length: 1\r\n\r\n",
            false,
        ),
    ] {
        assert_eq!(
            accepted(text.as_bytes()).0.expects_continue,
            expects,
            "{text}"
        );
    }
}

#[test]
fn http_1_0_needs_no_host() {
    let (head, fields) = accepted(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(head.version, Version::Http10);
    assert!(head.host.is_empty() && fields.is_empty());
    let text = b"GET http://b/ HTTP/1.0\r\n\r\n";
    assert_eq!(accepted(text).0.host.of(text), b"b");
}
