//! Responses, accepted and refused.

use super::*;

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
