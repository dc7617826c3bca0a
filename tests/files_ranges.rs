//! Requests for parts of files (RFC 9110 section 14): one, several, none that there is, and what
//! attackers ask for.
#![forbid(unsafe_code)]

mod common;

use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime};

use common::{Client, Folder, Response, Server, Tls, pattern};

/// Kept in memory by the server, and too large for that.
const SMALL: usize = 1000;
const LARGE: usize = 300_000;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("small.bin", pattern(SMALL));
    folder.write("large.bin", pattern(LARGE));
    folder.write("empty.bin", "");
    folder
}

/// What a request comes to.
enum Answer {
    /// 206 with the bytes from the first to, not including, the second.
    Part(u64, u64),
    /// 200 with all of it.
    Whole,
    /// 416.
    Nothing,
}

use Answer::{Nothing, Part, Whole};

/// Values of `Range` for a file of `n` bytes, at least 1000.
fn cases(n: u64) -> Vec<(String, Answer)> {
    let last = n - 1;
    let fixed = [
        ("bytes=0-0", Part(0, 1)),
        ("bytes=0-499", Part(0, 500)),
        ("bytes=500-999", Part(500, 1000)),
        ("bytes=0-", Part(0, n)),
        ("bytes=999-", Part(999, n)),
        ("bytes=-1", Part(n - 1, n)),
        ("bytes=-500", Part(n - 500, n)),
        ("bytes=-99999999", Part(0, n)),
        ("bytes=10-99999999", Part(10, n)),
        ("bytes=10-18446744073709551615", Part(10, n)),
        ("bytes=10-99999999999999999999999999", Part(10, n)),
        ("bytes=-99999999999999999999999999", Part(0, n)),
        ("bytes=007-0010", Part(7, 11)),
        ("Bytes=1-1", Part(1, 2)),
        ("bytes= 1-2 ,", Part(1, 3)),
        ("bytes=,,1-2", Part(1, 3)),
        ("bytes=5-6,99999999-", Part(5, 7)),
        ("bytes=-0,5-6", Part(5, 7)),
        ("bytes=99999999-", Nothing),
        ("bytes=99999999-99999999", Nothing),
        ("bytes=-0", Nothing),
        ("bytes=99999999999999999999999999-", Nothing),
        ("bytes=-0,-0", Nothing),
        // Other units and malformed values do not count.
        ("", Whole),
        ("bytes", Whole),
        ("bytes=", Whole),
        ("bytes=,", Whole),
        ("bytes=-", Whole),
        ("bytes=--1", Whole),
        ("bytes=1", Whole),
        ("bytes=2-1", Whole),
        ("bytes=0-1,2-1", Whole),
        ("bytes=a-b", Whole),
        ("bytes=0x0-0x1", Whole),
        ("bytes=+0-1", Whole),
        ("bytes=0-+1", Whole),
        ("bytes=0--1", Whole),
        ("bytes=0-1-2", Whole),
        ("bytes=0 -1", Whole),
        ("bytes=0- 1", Whole),
        ("bytes=1.5-2", Whole),
        ("bytes=\u{661}-\u{662}", Whole),
        ("bytes:0-1", Whole),
        ("bytes 0-1", Whole),
        ("bytes =0-1", Whole),
        ("bytes=0-1;2-3", Whole),
        ("bytes=0-1 2-3", Whole),
        ("lines=0-1", Whole),
        ("items=1", Whole),
        ("0-1", Whole),
        ("none", Whole),
    ];
    let mut cases: Vec<_> = fixed.map(|(text, answer)| (text.to_owned(), answer)).into();
    cases.extend([
        (format!("bytes={last}-{last}"), Part(last, n)),
        (format!("bytes={last}-"), Part(last, n)),
        (format!("bytes=0-{last}"), Part(0, n)),
        (format!("bytes=0-{n}"), Part(0, n)),
        (format!("bytes=-{n}"), Part(0, n)),
        (format!("bytes=-{}", n + 1), Part(0, n)),
        (format!("bytes={n}-"), Nothing),
        (format!("bytes={n}-{n}"), Nothing),
    ]);
    cases
}

fn check_cases<S: Read + Write>(client: &mut Client<S>) {
    for (target, length) in [("/small.bin", SMALL), ("/large.bin", LARGE)] {
        let bytes = pattern(length);
        for (value, answer) in cases(length as u64) {
            let response = client.ask(target, &format!("Range: {value}\r\n"));
            let what = format!(
                "{target} {value:?}: {} {:?}",
                response.status, response.fields
            );
            let range = response.field("content-range");
            match answer {
                Part(start, end) => {
                    assert_eq!(response.status, 206, "{what}");
                    let expected = format!("bytes {start}-{}/{length}", end - 1);
                    assert_eq!(range, Some(&*expected), "{what}");
                    assert!(
                        response.body == bytes[start as usize..end as usize],
                        "{what}"
                    );
                    assert!(response.field("content-type").is_some(), "{what}");
                }
                Whole => {
                    assert_eq!((response.status, range), (200, None), "{what}");
                    assert!(response.body == bytes, "{what}");
                }
                Nothing => {
                    assert_eq!(response.status, 416, "{what}");
                    assert_eq!(range, Some(&*format!("bytes */{length}")), "{what}");
                    assert!(response.body.len() < 100, "{what}");
                }
            }
            if response.status != 416 {
                assert_eq!(response.field("accept-ranges"), Some("bytes"), "{what}");
                assert!(response.field("etag").is_some(), "{what}");
                assert!(response.field("last-modified").is_some(), "{what}");
            }
        }
    }
}

#[test]
fn single_ranges() {
    let folder = folder();
    check_cases(&mut folder.serve(&["-w", "1"]).connect());
}

#[test]
fn single_ranges_without_cache() {
    let folder = folder();
    check_cases(&mut folder.serve(&["--file-cache", "off"]).connect());
}

#[test]
fn single_ranges_over_https() {
    let folder = folder();
    let server = folder.serve(&["--tls-self-signed", "--tls-listen", "127.0.0.1:0"]);
    check_cases(&mut Client::<Tls>::over_tls(server.secure_address()));
}

#[test]
fn an_empty_file_has_no_parts() {
    let folder = folder();
    let server = folder.serve(&[]);
    let mut client = server.connect();
    for (value, status) in [
        ("bytes=0-", 416),
        ("bytes=0-0", 416),
        ("bytes=-0", 416),
        ("bytes=-1", 200),
        ("bytes=1-0", 200),
    ] {
        let response = client.ask("/empty.bin", &format!("Range: {value}\r\n"));
        assert_eq!(response.status, status, "{value}: {response:?}");
        let range = (status == 416).then_some("bytes */0");
        assert_eq!(response.field("content-range"), range, "{value}");
    }
}

#[test]
fn range_counts_for_get_alone_and_once() {
    let folder = folder();
    folder.write("sub/index.html", "sub");
    let server = folder.serve(&[]);
    let mut client = server.connect();
    for target in ["/small.bin", "/large.bin"] {
        let whole = client.ask(target, "");
        for value in ["bytes=0-1", "bytes=99999999-", "bytes=0-1,3-4", "x"] {
            let head = client.ask_with("HEAD", target, &format!("Range: {value}\r\n"));
            assert_eq!(head.status, 200, "{value}");
            for name in ["content-length", "content-type", "etag", "accept-ranges"] {
                assert_eq!(head.field(name), whole.field(name), "{name}");
            }
            assert_eq!(head.field("content-range"), None);
        }
        let twice = client.ask(target, "Range: bytes=0-1\r\nRange: bytes=3-4\r\n");
        assert!(twice.status == 200 && twice.body == whole.body);
    }
    for (target, status) in [("/missing", 404), ("/sub", 301)] {
        assert_eq!(client.ask(target, "Range: bytes=0-1\r\n").status, status);
    }
    // An index is a file like any other.
    client.ask("/sub/", "Range: bytes=1-1\r\n").expect(206, "u");
}

/// Fields that go with `Range`, with `TAG` and `DATE` for the file's own, and the status. The file
/// is a day old.
const IF_RANGE: &[(&str, u16)] = &[
    ("If-Range: TAG", 206),
    ("If-Range: W/TAG", 200),
    ("If-Range: \"other\"", 200),
    ("If-Range: TAG, \"other\"", 200),
    ("If-Range: *", 200),
    ("If-Range:", 200),
    ("If-Range: \"", 200),
    ("If-Range: TAG\r\nIf-Range: TAG", 200),
    ("If-Range: DATE", 206),
    ("If-Range: Thu, 01 Jan 1970 00:00:00 GMT", 200),
    ("If-Range: Fri, 31 Dec 9999 23:59:59 GMT", 200),
    ("If-Range: yesterday", 200),
    ("If-Match: TAG", 206),
    ("If-Match: TAG\r\nIf-Range: TAG", 206),
    ("If-Match: TAG\r\nIf-Range: \"other\"", 200),
    ("If-Match: \"other\"\r\nIf-Range: TAG", 412),
    ("If-Unmodified-Since: DATE", 206),
    ("If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT", 412),
    ("If-None-Match: \"other\"", 206),
    ("If-None-Match: TAG", 304),
    ("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT", 206),
    ("If-Modified-Since: DATE", 304),
];

#[test]
fn if_range_gives_a_part_only_of_the_same_bytes() {
    let folder = folder();
    let server = folder.serve(&[]);
    let mut client = server.connect();
    for target in ["/small.bin", "/large.bin"] {
        let whole = client.ask(target, "");
        let (tag, date) = (
            whole.field("etag").unwrap(),
            whole.field("last-modified").unwrap(),
        );
        for (fields, status) in IF_RANGE {
            let fields = fields.replace("TAG", tag).replace("DATE", date);
            let response = client.ask(target, &format!("Range: bytes=5-9\r\n{fields}\r\n"));
            assert_eq!(
                response.status, *status,
                "{target} {fields}: {:?}",
                response.fields
            );
            let expected = match status {
                200 => &whole.body[..],
                206 => &whole.body[5..10],
                _ => continue,
            };
            assert!(response.body == expected, "{target} {fields}");
            // What cannot be satisfied does not count either if If-Range does not hold.
            let beyond = format!("Range: bytes=99999999-\r\n{fields}\r\n");
            let expected = if *status == 206 { 416 } else { 200 };
            assert_eq!(client.ask(target, &beyond).status, expected, "{fields}");
        }
    }
}

#[test]
fn a_weak_tag_and_a_date_of_this_second_prove_nothing() {
    let folder = Folder::new();
    let server = folder.serve(&["--file-cache", "off"]);
    let mut client = server.connect();
    folder.write_now("young.bin", pattern(SMALL));
    folder.set_modified("young.bin", SystemTime::now() + Duration::from_secs(60));
    let whole = client.ask("/young.bin", "");
    let (tag, date) = (
        whole.field("etag").unwrap(),
        whole.field("last-modified").unwrap(),
    );
    assert!(tag.starts_with("W/"), "{tag}");
    // What is to change in the future has the date of the answer, so it is as young in each second.
    for value in [date, tag, &tag[2..]] {
        let fields = format!("Range: bytes=0-1\r\nIf-Range: {value}\r\n");
        assert_eq!(client.ask("/young.bin", &fields).status, 200, "{value}");
    }
    // Without a condition the client takes what there is.
    assert_eq!(client.ask("/young.bin", "Range: bytes=0-1\r\n").status, 206);
}

const BEYOND: u64 = 5 << 30;

/// A server of a sparse file of more than 4 GiB with a few bytes in its middle and at its end.
fn huge(folder: &Folder) -> Server {
    let file = folder.make_sparse("huge.bin", BEYOND);
    file.write_all_at(b"the end", BEYOND - 7).unwrap();
    file.write_all_at(b"middle", 1 << 32).unwrap();
    folder.age("huge.bin", Duration::from_secs(100));
    folder.serve(&[])
}

#[test]
fn files_beyond_four_gib() {
    let folder = Folder::new();
    let server = huge(&folder);
    let mut client = server.connect();
    let head = client.ask_with("HEAD", "/huge.bin", "");
    assert_eq!(head.field("content-length"), Some(&*BEYOND.to_string()));
    let ask = |client: &mut Client, value: &str| -> Response {
        client.ask("/huge.bin", &format!("Range: {value}\r\n"))
    };
    ask(&mut client, "bytes=-7").expect(206, "the end");
    let value = format!("bytes={}-", BEYOND - 3);
    let last = ask(&mut client, &value);
    last.expect(206, "end");
    let expected = format!("bytes {}-{}/{BEYOND}", BEYOND - 3, BEYOND - 1);
    assert_eq!(last.field("content-range"), Some(&*expected));
    ask(&mut client, "bytes=4294967296-4294967301").expect(206, "middle");
    ask(&mut client, "bytes=4294967295-4294967296").expect(206, "\0m");
    let beyond = ask(&mut client, &format!("bytes={BEYOND}-"));
    assert_eq!(beyond.status, 416);
    assert_eq!(
        beyond.field("content-range"),
        Some(&*format!("bytes */{BEYOND}"))
    );
    let several = ask(&mut client, "bytes=4294967296-4294967301,-7");
    let text = String::from_utf8(several.body).unwrap();
    assert!(text.contains("\r\n\r\nmiddle\r\n--") && text.contains("\r\n\r\nthe end\r\n--"));
    // All of it is promised, and begun.
    client.send(&common::get("/huge.bin"));
    let head = client.response_to("HEAD");
    assert_eq!(head.field("content-length"), Some(&*BEYOND.to_string()));
    client.take_some();
}
