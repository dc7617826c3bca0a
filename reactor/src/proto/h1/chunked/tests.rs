//! Every case runs three ways: whole, a byte at a time, and with bytes after it.

use super::super::BodyReader;
use super::*;
use crate::http::Framing;

const BYTES_MAX: u64 = 1 << 20;

/// What a reader made of its input: the data, and how many bytes it used, with how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    data: Vec<u8>,
    used: usize,
    end: Result<bool, Violation>,
}

/// Reads `text` as it arrives in pieces of this size.
fn read(text: &[u8], piece: usize, bytes_max: u64, limits: &Limits) -> Outcome {
    let mut reader = BodyReader::new(Framing::Chunked, bytes_max);
    let (mut data, mut used, mut arrived) = (vec![], 0, 0);
    loop {
        match reader.read(&text[used..arrived], limits) {
            Err(violation) => {
                let end = Err(violation);
                return Outcome { data, used, end };
            }
            Ok(step) => {
                data.extend_from_slice(&text[used..][step.data]);
                used += step.used;
                let waits = step.used == 0 && arrived == text.len();
                if step.end || waits {
                    assert_eq!(step.end, reader.is_done());
                    let end = Ok(step.end);
                    return Outcome { data, used, end };
                }
                if step.used == 0 {
                    arrived = text.len().min(arrived + piece);
                }
            }
        }
    }
}

fn check(text: &[u8], bytes_max: u64, limits: &Limits) -> Outcome {
    let whole = read(text, text.len().max(1), bytes_max, limits);
    let in_bytes = read(text, 1, bytes_max, limits);
    let shown = text.escape_ascii();
    assert_eq!(
        (&whole.data, &whole.end),
        (&in_bytes.data, &in_bytes.end),
        "{shown}"
    );
    if whole.end == Ok(true) {
        let longer = [text, b"\r\nGET / HTTP/1.1\r\n"].concat();
        assert_eq!(
            read(&longer, longer.len(), bytes_max, limits),
            whole,
            "{shown}"
        );
    }
    in_bytes
}

fn body(text: &str) -> Vec<u8> {
    let outcome = check(text.as_bytes(), BYTES_MAX, &Limits::default());
    assert_eq!(
        (outcome.end, outcome.used),
        (Ok(true), text.len()),
        "{text:?}"
    );
    outcome.data
}

/// The violation of a body in which `|` stands after the byte that it must be refused at.
fn refused(text: &str, bytes_max: u64, limits: &Limits) -> Violation {
    let (before, after) = text.split_once('|').expect("the byte to refuse is marked");
    let text = [before, after].concat();
    let outcome = check(text.as_bytes(), bytes_max, limits);
    let violation = outcome.end.expect_err(&text);
    assert_eq!(
        outcome.used,
        before.len() - 1,
        "refused where marked: {text:?}"
    );
    violation
}

#[test]
fn bodies() {
    for (text, data) in [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        (
            "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n",
            "hello world",
        ),
        ("00000000000000a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("A\r\n0123456789\r\n000\r\n\r\n", "0123456789"),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
        ("1;a\r\nx\r\n0;b=\"c\t;\"\r\n\r\n", "x"),
        ("1;\r\nx\r\n0\r\n\r\n", "x"),
        ("1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n", "x"),
        (
            "0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: \t\r\n\r\n",
            "",
        ),
    ] {
        assert_eq!(body(text), data.as_bytes(), "{text:?}");
    }
}

#[test]
fn bodies_without_their_end_are_incomplete() {
    let text = b"5;a\r\nhello\r\n0\r\nA: b\r\n\r\n";
    for len in 0..text.len() {
        let outcome = check(&text[..len], BYTES_MAX, &Limits::default());
        assert_eq!((outcome.end, outcome.used), (Ok(false), len));
    }
}

#[test]
fn violations_are_found_at_their_byte() {
    use Violation::*;
    for (text, violation) in [
        ("\r|\n", ChunkSize),
        ("\n|", LineEnd),
        (" |5\r\n", ChunkSize),
        ("+|5\r\n", ChunkSize),
        ("-|5\r\n", ChunkSize),
        ("0x|5\r\n", ChunkSize),
        ("5 |\r\n", ChunkSize),
        ("5 |;a\r\n", ChunkSize),
        ("5\t|\r\n", ChunkSize),
        ("5g|\r\n", ChunkSize),
        (";|a\r\n", ChunkSize),
        ("00000000000000001|\r\n", ChunkSize),
        ("5\n|hello", LineEnd),
        ("5\rh|ello", LineEnd),
        ("5\r\r|\n", LineEnd),
        ("5;a\n|", LineEnd),
        ("5;a\rb|", LineEnd),
        ("5;a\0|", ChunkExtension),
        ("5;a\x7f|", ChunkExtension),
        ("5\r\nhello5|", ChunkEnd),
        ("5\r\nhello\n|", ChunkEnd),
        ("5\r\nhello\r\r|", ChunkEnd),
        ("5\r\nhello\r\n\r|\n", ChunkSize),
        ("0\r\n\n|", LineEnd),
        ("0\r\n\rX|", LineEnd),
        ("0\r\n |A: b\r\n", FieldName),
        ("0\r\nA: b\r\n |c\r\n", ObsFold),
        ("0\r\nA: b\r\n\t|c\r\n", ObsFold),
        ("0\r\nA |: b\r\n", FieldName),
        ("0\r\n:| b\r\n", FieldName),
        ("0\r\nA\r|\n", FieldName),
        ("0\r\nA\n|", LineEnd),
        ("0\r\nA: b\n|", LineEnd),
        ("0\r\nA: b\rc|", LineEnd),
        ("0\r\nA: \0|\r\n", FieldValue),
        ("100001|\r\n", BodyTooLarge),
        ("ffffff|ffffffffff\r\n", BodyTooLarge),
    ] {
        let found = refused(text, BYTES_MAX, &Limits::default());
        assert_eq!(found, violation, "{text:?}");
    }
}

#[test]
fn the_bound_is_on_all_chunks_together() {
    let limits = Limits::default();
    let outcome = check(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 5, &limits);
    assert_eq!((outcome.end, outcome.data), (Ok(true), b"abcde".to_vec()));
    assert_eq!(
        refused("3\r\nabc\r\n3|\r\ndef\r\n", 5, &limits),
        Violation::BodyTooLarge
    );
    // Without a bound the largest size counts, and what comes after it does not wrap around.
    let outcome = check(b"ffffffffffffffff\r\nabc", u64::MAX, &limits);
    assert_eq!((outcome.end, outcome.data), (Ok(false), b"abc".to_vec()));
}

#[test]
fn lines_and_trailers_are_bounded_at_the_byte() {
    let limits = Limits {
        chunk_line_bytes_max: 4,
        trailer_bytes_max: 8,
        ..Limits::default()
    };
    assert_eq!(
        check(b"1;ab\r\nx\r\n0;ab\r\n\r\n", 9, &limits).end,
        Ok(true)
    );
    assert_eq!(
        refused("1;abc|\r\n", 9, &limits),
        Violation::ChunkLineTooLong
    );
    assert_eq!(
        refused("00001|\r\n", 9, &limits),
        Violation::ChunkLineTooLong
    );
    assert_eq!(check(b"0\r\na: b\r\n\r\n", 9, &limits).end, Ok(true));
    assert_eq!(
        refused("0\r\na: bc\r\n\r\n|", 9, &limits),
        Violation::TrailerTooLarge
    );
    assert_eq!(
        refused("0\r\na:\r\nb:\r\n\r|\n", 9, &limits),
        Violation::TrailerTooLarge
    );
}
