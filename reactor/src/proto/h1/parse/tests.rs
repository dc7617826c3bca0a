//! Every case runs three ways: whole, a byte at a time, and with bytes after it.

use super::super::line;
use super::*;
use crate::http::Status;

mod pieces;
mod refused;
mod requests;
mod responses;

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

/// Parses `buf` with a call at each of these lengths, until there is a result; gives the length
/// too.
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

/// Parses `buf` whole, a byte at a time and with bytes after it; all must come to the same, and
/// what can be known at some byte must be known there. Gives how many bytes the result took.
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
