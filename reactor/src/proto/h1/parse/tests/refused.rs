//! Requests that are refused: why, and at which byte.

use super::*;

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
    let text = get("Host: a\r\nX: b\r\n\n|");
    assert_eq!(refused_with(&text, &limits), Violation::LineEnd);

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
