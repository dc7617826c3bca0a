//! Runs the checks of the fuzz targets as ordinary tests: on every file of their corpora, and on
//! input generated from pieces that make all branches likely.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

#[path = "../fuzz/checks.rs"]
mod checks;

/// Runs a check on every file of a corpus.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("the corpus is there") {
        let path = entry.expect("the corpus can be listed").path();
        println!("{}", path.display());
        check(&fs::read(&path).expect("the file can be read"));
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

#[test]
fn request_heads() {
    replay("request_head", checks::request_head);
}

#[test]
fn chunked_bodies() {
    replay("chunked", checks::chunked);
}

#[test]
fn paths() {
    replay("normalise", checks::normalise);
}

/// Texts of some of these pieces in any order, with a few arbitrary bytes between them.
fn text_of(pieces: &'static [&'static str], count: usize) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        12 => prop::sample::select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..3),
    ];
    prop::collection::vec(piece, 0..count).prop_map(|pieces| pieces.concat())
}

const HEAD_PIECES: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n",
    "POST /a?b HTTP/1.0\r\n",
    "GET ",
    "CONNECT a:1 ",
    "OPTIONS * ",
    "http://a/",
    "/a#b",
    "*",
    " HTTP/1.1\r\n",
    " HTTP/1.1",
    " HTTP/2.0\r\n",
    " HTTP/1.1\n",
    "Host: a\r\n",
    "hOST: b.c:80\r\n",
    "Host: a b\r\n",
    "Host:\r\n",
    "Host: [::1]:1\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 5, 5\r\n",
    "content-length:+5 \r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Expect: 100-continue\r\n",
    "Expect: x\r\n",
    "Connection: close, upgrade\r\n",
    "X-Y: \t z \t\r\n",
    "x:\r\n",
    "X : y\r\n",
    " folded\r\n",
    "a: b\n",
    "Accept-Encoding: gzip, deflate, br, zstd\r\n",
    "Cookie: a=b; c=\u{e9}\r\n",
    ":",
    ": ",
    "\r\n",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    "\0",
    "\u{7f}",
    "x",
];

const CHUNK_PIECES: &[&str] = &[
    "0\r\n",
    "0\r\n\r\n",
    "1\r\nx\r\n",
    "5\r\nhello\r\n",
    "a;b=c\r\n0123456789\r\n",
    "000000000000001\r\n",
    "10000\r\n",
    "10001",
    "ffffffffffffffff",
    "00000000000000000",
    "A: b\r\n",
    "A : b\r\n",
    " b\r\n",
    "A:\r\n",
    ";",
    "\r\n",
    "\r",
    "\n",
    "x",
    "5",
    " ",
    "\t",
    "\0",
    ":",
];

const PATH_PIECES: &[&str] = &[
    "/",
    "/",
    "/",
    ".",
    "..",
    "/.",
    "/..",
    "/./",
    "/../",
    "a",
    "b.c",
    "%2e",
    "%2E%2e",
    "%2f",
    "%5C",
    "%00",
    "%41",
    "%7e",
    "%zz",
    "%",
    "%4",
    "%e2%82%ac",
    "//",
    "~",
    " ",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn generated_request_heads(text in text_of(HEAD_PIECES, 12)) {
        checks::request_head(&text);
    }

    /// Mostly valid ones: a request line, some fields, the end.
    #[test]
    fn generated_fields(fields in text_of(HEAD_PIECES, 4)) {
        let text = [b"GET / HTTP/1.1\r\nHost: a\r\n", &fields[..], b"\r\n"].concat();
        checks::request_head(&text);
    }

    #[test]
    fn generated_chunked_bodies(text in text_of(CHUNK_PIECES, 10)) {
        checks::chunked(&text);
    }

    #[test]
    fn generated_paths(path in text_of(PATH_PIECES, 12)) {
        checks::normalise(&path);
        checks::normalise(&[b"/", &path[..]].concat());
    }
}
