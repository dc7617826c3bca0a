//! Every case runs three ways: whole, a byte at a time, and with bytes after it.

use proptest::prelude::*;

use super::super::line;
use super::*;
use crate::http::Status;

type Parsed<T> = Result<Option<(T, Vec<Field>)>, Violation>;

/// What [`check`] needs of a role.
trait Head: Sized + Copy + PartialEq + std::fmt::Debug {
    fn parse(
        parser: &mut HeadParser,
        buf: &[u8],
        fields: &mut Vec<Field>,
        limits: &Limits,
    ) -> Result<Option<Self>, Violation>;

    fn len(&self) -> usize;
}

impl Head for RequestHead {
    fn parse(
        parser: &mut HeadParser,
        buf: &[u8],
        fields: &mut Vec<Field>,
        limits: &Limits,
    ) -> Result<Option<Self>, Violation> {
        parser.parse_request(buf, fields, limits)
    }

    fn len(&self) -> usize {
        self.len
    }
}

impl Head for ResponseHead {
    fn parse(
        parser: &mut HeadParser,
        buf: &[u8],
        fields: &mut Vec<Field>,
        limits: &Limits,
    ) -> Result<Option<Self>, Violation> {
        parser.parse_response(buf, fields, Method::Get, limits)
    }

    fn len(&self) -> usize {
        self.len
    }
}

/// Parses `buf` in one call.
fn whole<T: Head>(buf: &[u8], limits: &Limits) -> Parsed<T> {
    let mut fields = vec![];
    let head = T::parse(&mut HeadParser::default(), buf, &mut fields, limits)?;
    Ok(head.map(|head| (head, fields)))
}

/// Parses `buf` with a call at each of these lengths, until there is a result; gives the length too.
fn pieces<T: Head>(
    buf: &[u8],
    lengths: impl IntoIterator<Item = usize>,
    limits: &Limits,
) -> (usize, Parsed<T>) {
    let (mut parser, mut fields) = (HeadParser::default(), vec![]);
    for len in lengths {
        match T::parse(&mut parser, &buf[..len], &mut fields, limits) {
            Ok(None) => {}
            Ok(Some(head)) => {
                assert!(!parser.has_begun(), "the parser is as new");
                return (len, Ok(Some((head, fields))));
            }
            Err(violation) => return (len, Err(violation)),
        }
    }
    (buf.len(), Ok(None))
}

/// Parses `buf` whole, a byte at a time and with bytes after it; all must come to the same, and what
/// can be known at some byte must be known there. Gives how many bytes the result took.
fn check<T: Head>(buf: &[u8], limits: &Limits) -> (usize, Parsed<T>) {
    let result = whole::<T>(buf, limits);
    let (len, in_bytes) = pieces::<T>(buf, 0..=buf.len(), limits);
    assert_eq!(result, in_bytes, "{}", buf.escape_ascii());
    if let Ok(Some((head, _))) = &result {
        assert_eq!(head.len(), len);
    }
    // What the last byte decided is the same whatever follows, and not known before it.
    if result != Ok(None) {
        for after in [&b"\0"[..], b"\n", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"] {
            let longer = [&buf[..len], after].concat();
            assert_eq!(whole::<T>(&longer, limits), result);
        }
        assert_eq!(whole::<T>(&buf[..len - 1], limits), Ok(None));
    }
    (len, result)
}

fn accepted(text: &[u8]) -> (RequestHead, Vec<Field>) {
    let (len, result) = check::<RequestHead>(text, &Limits::default());
    assert_eq!(len, text.len(), "{}", text.escape_ascii());
    match result {
        Ok(Some(parsed)) => parsed,
        other => panic!("{}: {other:?}", text.escape_ascii()),
    }
}

/// The violation of a request in which `|` stands after the byte that it must be refused at.
fn refused_with(text: &str, limits: &Limits) -> Violation {
    refused::<RequestHead>(text.as_bytes(), limits)
}

fn refused<T: Head>(text: &[u8], limits: &Limits) -> Violation {
    let mark = text
        .iter()
        .position(|byte| *byte == b'|')
        .expect("the byte to refuse is marked");
    let text = [&text[..mark], &text[mark + 1..]].concat();
    let (len, result) = check::<T>(&text, limits);
    let shown = text.escape_ascii();
    assert_eq!(len, mark, "refused where marked: {shown}");
    result.expect_err(&format!("{shown} is refused"))
}

fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\n{fields}\r\n")
}

fn with_host(fields: &str) -> String {
    get(&format!("Host: a\r\n{fields}"))
}

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
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
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

#[test]
fn request_lines_are_refused() {
    use Violation::*;
    for (text, violation) in [
        ("\r\r|GET / HTTP/1.1\r\n", LineEnd),
        ("\r\n\r|\nGET / HTTP/1.1\r\n", RequestLine),
        ("\n|GET / HTTP/1.1\r\n", LineEnd),
        ("\r\n\n|GET / HTTP/1.1\r\n", LineEnd),
        (" |GET / HTTP/1.1\r\n", Method),
        ("G@|T / HTTP/1.1\r\n", Method),
        ("GET\t|/ HTTP/1.1\r\n", Method),
        ("GET:| / HTTP/1.1\r\n", Method),
        ("\0|", Method),
        ("\x16|\x03\x01", Method),
        ("GET\r|\n", RequestLine),
        ("GET\n|", LineEnd),
        ("GET  |/ HTTP/1.1\r\n", Target),
        ("GET /a#|b HTTP/1.1\r\n", Target),
        ("GET /a\t|b HTTP/1.1\r\n", Target),
        ("GET /a\0|b HTTP/1.1\r\n", Target),
        ("GET /a\x7f|b HTTP/1.1\r\n", Target),
        ("GET /?\x01|b HTTP/1.1\r\n", Target),
        ("GET /\r|\n", RequestLine),
        ("GET /\n|", LineEnd),
        ("GET /?a\n|", LineEnd),
        ("GET / HTTX|/1.1\r\n", RequestLine),
        ("GET / h|ttp/1.1\r\n", RequestLine),
        ("GET /  |HTTP/1.1\r\n", RequestLine),
        ("GET /a b| HTTP/1.1\r\n", RequestLine),
        ("GET / HTTP/1.1 |\r\n", RequestLine),
        ("GET / HTTP/1.10|\r\n", RequestLine),
        ("GET / HTTP/11|.1\r\n", RequestLine),
        ("GET / HTTP/1,|1\r\n", RequestLine),
        ("GET / HTTP/x|.1\r\n", RequestLine),
        ("GET / HTTP/1\r|\n", RequestLine),
        ("GET / HTTP/1.1\n|", LineEnd),
        ("GET / HTTP/1.1\r\r|\n", LineEnd),
        ("GET / HTTP/1.2|\r\n", Version),
        ("GET / HTTP/0.9|\r\n", Version),
        ("GET / HTTP/2.0|\r\n", Version),
        ("PRI * HTTP/2.0|\r\n\r\nSM\r\n\r\n", Version),
        ("GET a HTTP/1.1\r\n|", Target),
        ("GET * HTTP/1.1\r\n|", Target),
        ("OPTIONS ** HTTP/1.1\r\n|", Target),
        ("GET a:80 HTTP/1.1\r\n|", Target),
        ("GET ftp://a/ HTTP/1.1\r\n|", Target),
        ("GET http:/a HTTP/1.1\r\n|", Target),
        ("GET http:///a HTTP/1.1\r\n|", Target),
        ("GET http:// HTTP/1.1\r\n|", Target),
        ("GET http://u@a/ HTTP/1.1\r\n|", Target),
        ("GET http://u:p@a/ HTTP/1.1\r\n|", Target),
        ("GET http://a:99999/ HTTP/1.1\r\n|", Target),
        ("GET http://a%2f/ HTTP/1.1\r\n|", Target),
        ("CONNECT / HTTP/1.1\r\n|", Target),
        ("CONNECT a HTTP/1.1\r\n|", Target),
        ("CONNECT a: HTTP/1.1\r\n|", Target),
        ("CONNECT a:0 HTTP/1.1\r\n|", Target),
        ("CONNECT u@a:1 HTTP/1.1\r\n|", Target),
        ("CONNECT http://a:1/ HTTP/1.1\r\n|", Target),
    ] {
        assert_eq!(
            refused_with(text, &Limits::default()),
            violation,
            "{text:?}"
        );
    }
    let long = format!("{}|", "A".repeat(line::METHOD_BYTES_MAX + 1));
    assert_eq!(refused_with(&long, &Limits::default()), Method);
    let raw = b"GET /\xc3|\xa9 HTTP/1.1\r\n";
    assert_eq!(refused::<RequestHead>(raw, &Limits::default()), Target);
}

#[test]
fn field_lines_are_refused() {
    use Violation::*;
    for (fields, violation) in [
        (" |Host: a\r\n", FieldName),
        ("\t|Host: a\r\n", FieldName),
        ("Host: a\r\n |b\r\n", ObsFold),
        ("Host: a\r\n\t|b\r\n", ObsFold),
        ("Host: a\r\n |\r\n", ObsFold),
        ("Host |: a\r\n", FieldName),
        ("Host\t|: a\r\n", FieldName),
        (":| a\r\n", FieldName),
        ("Host: a\r\n:| b\r\n", FieldName),
        ("Host\r|\n", FieldName),
        ("Host\n|", LineEnd),
        ("\n|", LineEnd),
        ("\r\r|\n", LineEnd),
        ("Ho(|st: a\r\n", FieldName),
        ("Ho\0|st: a\r\n", FieldName),
        ("Ho\x7f|st: a\r\n", FieldName),
        ("Content\r|Length: 5\r\n", FieldName),
        ("Host: a\n|", LineEnd),
        ("Host: a\r\nX: b\n|", LineEnd),
        ("Host: a\rX|: b\r\n", LineEnd),
        ("Host: a\r\r|\n", LineEnd),
        ("X: \0|\r\n", FieldValue),
        ("X: a\x01|b\r\n", FieldValue),
        ("X: a\x0b|b\r\n", FieldValue),
        ("X: a\x7f|b\r\n", FieldValue),
        ("X: 0123456789abcdef\x1f|\r\n", FieldValue),
    ] {
        assert_eq!(
            refused_with(&get(fields), &Limits::default()),
            violation,
            "{fields:?}"
        );
    }
    let raw = b"GET / HTTP/1.1\r\nX\xe9|: a\r\n";
    assert_eq!(refused::<RequestHead>(raw, &Limits::default()), FieldName);
}

#[test]
fn hosts_are_refused() {
    use Violation::*;
    for (text, violation) in [
        ("GET / HTTP/1.1\r\n\r\n|", HostMissing),
        ("GET http://a/ HTTP/1.1\r\n\r\n|", HostMissing),
        ("GET / HTTP/1.1\r\nX: a\r\n\r\n|", HostMissing),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nHost:| a\r\n\r\n",
            HostRepeated,
        ),
        (
            "GET / HTTP/1.0\r\nHost: a\r\nhOST:| b\r\n\r\n",
            HostRepeated,
        ),
        ("GET / HTTP/1.1\r\nHost:\r\n|\r\n", HostInvalid),
        ("GET / HTTP/1.0\r\nHost:\r\n|\r\n", HostInvalid),
        ("GET / HTTP/1.1\r\nHost: a b\r\n|\r\n", HostInvalid),
        ("GET / HTTP/1.1\r\nHost: a,b\r\n|\r\n", HostInvalid),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n|\r\n", HostInvalid),
        ("GET / HTTP/1.1\r\nHost: http://a\r\n|\r\n", HostInvalid),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n|\r\n", HostInvalid),
        ("GET / HTTP/1.1\r\nHost: a:b\r\n|\r\n", HostInvalid),
        ("GET / HTTP/1.1\r\nHost: a:65536\r\n|\r\n", HostInvalid),
        ("GET http://a/ HTTP/1.1\r\nHost: b c\r\n|\r\n", HostInvalid),
    ] {
        assert_eq!(
            refused_with(text, &Limits::default()),
            violation,
            "{text:?}"
        );
    }
}

#[test]
fn framing_fields_are_refused() {
    use Violation::*;
    for (fields, violation) in [
        (
            "Content-Length: 5\r\nContent-Length:| 5\r\n",
            LengthRepeated,
        ),
        (
            "Content-Length: 5\r\nX: a\r\ncontent-length:| 6\r\n",
            LengthRepeated,
        ),
        ("Content-Length: 5, 5\r\n|", LengthRepeated),
        ("Content-Length: +5\r\n|", LengthInvalid),
        ("Content-Length: -5\r\n|", LengthInvalid),
        ("Content-Length: 5 5\r\n|", LengthInvalid),
        ("Content-Length: 0x5\r\n|", LengthInvalid),
        ("Content-Length: a\r\n|", LengthInvalid),
        ("Content-Length:\r\n|", LengthInvalid),
        ("Content-Length: 18446744073709551616\r\n|", LengthInvalid),
        (
            "Content-Length: 5\r\nTransfer-Encoding:| chunked\r\n",
            LengthWithEncoding,
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length:| 5\r\n",
            LengthWithEncoding,
        ),
        ("Transfer-Encoding: gzip\r\n|", Encoding),
        ("Transfer-Encoding: gzip, chunked\r\n|", Encoding),
        ("Transfer-Encoding: chunked, chunked\r\n|", Encoding),
        ("Transfer-Encoding:\r\n|", Encoding),
        ("Transfer-Encoding: identity\r\n|", Encoding),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding:| chunked\r\n",
            Encoding,
        ),
        ("Expect: 200-ok\r\n|", Expectation),
        ("Expect: 100-continue, x\r\n|", Expectation),
        ("Expect:\r\n|", Expectation),
    ] {
        assert_eq!(
            refused_with(&with_host(fields), &Limits::default()),
            violation,
            "{fields:?}"
        );
    }
    let text = "POST / HTTP/1.0\r\nTransfer-Encoding:| chunked\r\n\r\n";
    assert_eq!(refused_with(text, &Limits::default()), EncodingInHttp10);
}

#[test]
fn sizes_are_bounded_at_the_byte() {
    let limits = Limits {
        head_bytes_max: 64,
        target_bytes_max: 8,
        fields_max: 2,
        ..Limits::default()
    };
    let check_ok = |text: &str| {
        let (_, result) = check::<RequestHead>(text.as_bytes(), &limits);
        assert!(matches!(result, Ok(Some(_))), "{text:?}: {result:?}");
    };
    check_ok("GET /234567? HTTP/1.1\r\nHost: a\r\n\r\n");
    let text = "GET /23456789| HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(refused_with(text, &limits), Violation::TargetTooLong);
    let text = "GET /234567??|\0 HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(refused_with(text, &limits), Violation::TargetTooLong);

    check_ok(&get("Host: a\r\nX: b\r\n"));
    let text = get("Host: a\r\nX: b\r\nY|: c\r\n");
    assert_eq!(refused_with(&text, &limits), Violation::TooManyFields);
    let text = get("Host: a\r\nX: b\r\n |c\r\n");
    assert_eq!(refused_with(&text, &limits), Violation::TooManyFields);

    let pad = 64 - get("Host: a\r\nX: \r\n").len();
    check_ok(&get(&format!("Host: a\r\nX: {}\r\n", "b".repeat(pad))));
    // One byte more: the head is not complete after 64 bytes, so no further byte could help.
    let text = get(&format!("Host: a\r\nX: {}\r\n", "b".repeat(pad + 1)));
    let text = format!("{}|{}", &text[..64], &text[64..]);
    assert_eq!(refused_with(&text, &limits), Violation::HeadTooLarge);
    let text = get("Host: a\r\nX: b\r\n\r\n");
    check_ok(&text);

    let short = Limits {
        head_bytes_max: 7,
        ..limits
    };
    assert_eq!(refused_with("GET /23|4", &short), Violation::TargetTooLong);
    assert_eq!(refused_with("OPTIONS| /", &short), Violation::HeadTooLarge);
}

#[test]
fn heads_are_at_most_what_ranges_can_express() {
    let limits = Limits {
        head_bytes_max: 1 << 20,
        target_bytes_max: 1 << 20,
        ..Limits::default()
    };
    let frame = with_host("X: \r\n").len();
    for (len, fits) in [(65_535, true), (65_536, false)] {
        let text = with_host(&format!("X: {}\r\n", "b".repeat(len - frame)));
        match whole::<RequestHead>(text.as_bytes(), &limits) {
            Ok(Some((head, _))) => assert!(fits && head.len == len),
            other => assert!(!fits && other == Err(Violation::HeadTooLarge)),
        }
        let lengths = [65_530, 65_535, 65_536].into_iter().map(|n| n.min(len));
        let (_, result) = pieces::<RequestHead>(text.as_bytes(), lengths, &limits);
        assert_eq!(result, whole::<RequestHead>(text.as_bytes(), &limits));
    }
}

fn response_to(method: Method, text: &str) -> (ResponseHead, Vec<Field>) {
    if method == Method::Get {
        let (len, result) = check::<ResponseHead>(text.as_bytes(), &Limits::default());
        assert_eq!(len, text.len());
        return result.unwrap().expect(text);
    }
    let mut fields = vec![];
    let head = HeadParser::default()
        .parse_response(text.as_bytes(), &mut fields, method, &Limits::default())
        .unwrap();
    (head.expect(text), fields)
}

#[test]
fn responses() {
    use Method::{Connect, Get, Head};
    let (length, chunked) = ("Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n");
    for (method, line, fields, framing, reason, keep_alive) in [
        (
            Get,
            "HTTP/1.1 200 OK",
            length,
            Framing::Length(5),
            "OK",
            true,
        ),
        (Get, "HTTP/1.1 200 ", chunked, Framing::Chunked, "", true),
        (Get, "HTTP/1.1 200", "", Framing::UntilClose, "", false),
        (
            Get,
            "HTTP/1.1 404 Not\t\u{e9} Found ",
            length,
            Framing::Length(5),
            "Not\t\u{e9} Found ",
            true,
        ),
        (
            Get,
            "HTTP/1.0 200 OK",
            length,
            Framing::Length(5),
            "OK",
            false,
        ),
        (
            Get,
            "HTTP/1.0 200 OK",
            "Connection: keep-alive\r\nContent-Length: 5\r\n",
            Framing::Length(5),
            "OK",
            true,
        ),
        (
            Get,
            "HTTP/1.1 200 OK",
            "Connection: close\r\nContent-Length: 5\r\n",
            Framing::Length(5),
            "OK",
            false,
        ),
        (
            Get,
            "HTTP/1.1 204 No Content",
            "",
            Framing::None,
            "No Content",
            true,
        ),
        (
            Get,
            "HTTP/1.1 304 Not Modified",
            length,
            Framing::None,
            "Not Modified",
            true,
        ),
        (
            Get,
            "HTTP/1.1 100 Continue",
            "",
            Framing::None,
            "Continue",
            true,
        ),
        (Head, "HTTP/1.1 200 OK", length, Framing::None, "OK", true),
        (Connect, "HTTP/1.1 200 OK", "", Framing::None, "OK", true),
        // Neither means anything in a response.
        (
            Get,
            "HTTP/1.1 204 x",
            "Host: a b\r\nHost:\r\nExpect: x\r\n",
            Framing::None,
            "x",
            true,
        ),
    ] {
        let text = format!("{line}\r\n{fields}\r\n");
        let (head, _) = response_to(method, &text);
        assert_eq!(head.framing, framing, "{text:?}");
        assert_eq!(
            head.reason.of(text.as_bytes()),
            reason.as_bytes(),
            "{text:?}"
        );
        assert_eq!(head.keep_alive, keep_alive, "{text:?}");
        assert_eq!(head.status.code().to_string(), line[9..12]);
        assert_eq!(head.len, text.len());
    }
    let (head, fields) = response_to(Method::Get, "HTTP/1.1 101 \r\nConnection: upgrade\r\n\r\n");
    assert!(head.wants_upgrade && head.status == Status::SWITCHING_PROTOCOLS);
    assert_eq!(fields[0].id, FieldName::Connection);
}

#[test]
fn responses_are_refused() {
    use Violation::*;
    for (text, violation) in [
        ("\r|\nHTTP/1.1 200 OK\r\n", StatusLine),
        ("\n|HTTP/1.1 200 OK\r\n", LineEnd),
        (" |HTTP/1.1 200 OK\r\n", StatusLine),
        ("HTTX|/1.1 200 OK\r\n", StatusLine),
        ("HTTP/2.0| 200 OK\r\n", Version),
        ("HTTP/1.2| 200 OK\r\n", Version),
        ("HTTP/1.1  |200 OK\r\n", StatusLine),
        ("HTTP/1.1\t|200 OK\r\n", StatusLine),
        ("HTTP/1.1 2x|0 OK\r\n", StatusLine),
        ("HTTP/1.1 099| OK\r\n", StatusLine),
        ("HTTP/1.1 600| OK\r\n", StatusLine),
        ("HTTP/1.1 2000| OK\r\n", StatusLine),
        ("HTTP/1.1 20\r|\n", StatusLine),
        ("HTTP/1.1 20\n|", LineEnd),
        ("HTTP/1.1 200\n|", LineEnd),
        ("HTTP/1.1 200\rX|", LineEnd),
        ("HTTP/1.1 200 OK\n|", LineEnd),
        ("HTTP/1.1 200 OK\rX|", LineEnd),
        ("HTTP/1.1 200 O\0|K\r\n", StatusLine),
        ("HTTP/1.1 200 OK\r\n |a: b\r\n", FieldName),
        ("HTTP/1.1 200 OK\r\na: b\r\n |c\r\n", ObsFold),
        (
            "HTTP/1.0 200 OK\r\nTransfer-Encoding:| chunked\r\n",
            EncodingInHttp10,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding:| chunked\r\n",
            LengthWithEncoding,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length:| 5\r\n",
            LengthRepeated,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n|\r\n",
            Encoding,
        ),
    ] {
        let found = refused::<ResponseHead>(text.as_bytes(), &Limits::default());
        assert_eq!(found, violation, "{text:?}");
    }
}

/// The resumed pass must not look at bytes again: earlier lines, and what of the current line no
/// judgement needs, are overwritten with bytes that would be refused.
#[test]
fn resuming_examines_only_new_bytes() {
    let limits = Limits {
        head_bytes_max: 16 << 10,
        ..Limits::default()
    };
    let text = get(&format!(
        "Host: a\r\nContent-Length: 5\r\nX-{}: {}\r\nCookie: {}\r\nConnection: close\r\n",
        "n".repeat(100),
        "v".repeat(8_000),
        "c=d; ".repeat(1_500),
    ));
    let text = text.as_bytes();
    let last = text.len() - 1;
    let mut parser = HeadParser::default();
    let mut fields = vec![];
    for len in 1..=last {
        let line = text[..len - 1]
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        let kept = match text[line..len].iter().position(|b| *b == b':') {
            // The value of a field without a part in framing is not needed when its line ends.
            Some(_) if matches!(text[line], b'X' | b'C') && text[line + 3] != b't' => len - 1,
            _ => line,
        };
        let kept = if text[line..].starts_with(b"Connection") {
            line
        } else {
            kept
        };
        let mut seen = vec![0; kept];
        seen.extend_from_slice(&text[kept..len]);
        assert_eq!(
            parser.parse_request(&seen, &mut fields, &limits),
            Ok(None),
            "{len}"
        );
        assert_eq!(parser.progress.scanned as usize, len);
    }
    let head = parser
        .parse_request(text, &mut fields, &limits)
        .unwrap()
        .unwrap();
    assert_eq!((head.len, head.framing), (text.len(), Framing::Length(5)));
    assert_eq!(fields.len(), 5);
}

/// Pieces of heads, valid and not, to be put together at random.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let texts: Vec<&'static [u8]> = vec![
        b"\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\r",
        b"\n",
        b" ",
        b"\t",
        b":",
        b"|",
        b"\0",
        b"\x7f",
        b"\xff",
        b"GET ",
        b"POST ",
        b"OPTIONS * ",
        b"CONNECT a:1 ",
        b"/",
        b"/a?b ",
        b"http://a:80/b ",
        b"HTTP/1.1\r\n",
        b"HTTP/1.0\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 304\r\n",
        b"HTTP/2.0",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"POST /a?b HTTP/1.0\r\n",
        b"Host: a\r\n",
        b"Host:",
        b"Content-Length: 5\r\n",
        b"content-length:",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding:",
        b"Expect: 100-continue\r\n",
        b"Connection: close, x\r\n",
        b"5, 5",
        b"X-Long-Name-Of-A-Field-Without-An-Id: value with spaces\r\n",
        b"Cookie: a=b; c=d\r\n",
    ];
    prop_oneof![
        8 => prop::sample::select(texts).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ]
}

/// Limits that random heads reach.
fn limits() -> impl Strategy<Value = Limits> {
    (0usize..9, 20usize..400, 1usize..40).prop_map(|(fields, head, target)| Limits {
        fields_max: fields,
        head_bytes_max: head,
        target_bytes_max: target,
        ..Limits::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn pieces_come_to_the_same_as_the_whole(
        fragments in prop::collection::vec(fragment(), 1..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        limits in prop_oneof![Just(Limits::default()), limits()],
    ) {
        let text = fragments.concat();
        let _ = check::<RequestHead>(&text, &limits);
        let _ = check::<ResponseHead>(&text, &limits);
        let mut lengths: Vec<_> = cuts.iter().map(|cut| cut.index(text.len())).collect();
        lengths.push(text.len());
        lengths.sort();
        let (_, result) = pieces::<RequestHead>(&text, lengths.clone(), &limits);
        prop_assert_eq!(result, whole::<RequestHead>(&text, &limits));
        let (_, result) = pieces::<ResponseHead>(&text, lengths, &limits);
        prop_assert_eq!(result, whole::<ResponseHead>(&text, &limits));
    }
}
