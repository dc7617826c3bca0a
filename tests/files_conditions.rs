//! Requests for files that set conditions (RFC 9110 section 13), and the tags and dates that they
//! compare (section 8.8).
#![forbid(unsafe_code)]

mod common;

use std::collections::HashSet;
use std::io::{Read, Write};
use std::time::{Duration, SystemTime};

use common::{Client, Folder, PATIENCE, Response, Tls, get, pattern, until};

/// When the files of these tests were changed: `Sun, 06 Nov 1994 08:49:37 GMT` and a bit.
const CHANGED: Duration = Duration::new(784_111_777, 123_456_789);

/// Field lines, with `TAG` for the file's own tag, and the status.
const CASES: &[(&str, u16)] = &[
    // Section 13.1.2: If-None-Match.
    ("If-None-Match: TAG", 304),
    ("If-None-Match: W/TAG", 304),
    ("If-None-Match: *", 304),
    ("If-None-Match: \"other\"", 200),
    ("If-None-Match: \"a\", TAG, \"b\"", 304),
    ("If-None-Match: \"a\",,  ,W/\"b\" ,\tW/TAG", 304),
    ("If-None-Match: \"a, b\", TAG", 304),
    ("If-None-Match: \"a\", \"b\"", 200),
    ("If-None-Match: \"a\"\r\nIf-None-Match: TAG", 304),
    ("If-None-Match: \"\"", 200),
    ("If-None-Match:", 200),
    ("If-None-Match: nonsense", 200),
    ("If-None-Match: \"unfinished", 200),
    ("If-None-Match: W/", 200),
    ("If-None-Match: \"*\"", 200),
    ("if-none-match: TAG", 304),
    // Section 13.1.1: If-Match compares strongly.
    ("If-Match: TAG", 200),
    ("If-Match: W/TAG", 412),
    ("If-Match: *", 200),
    ("If-Match: \"other\"", 412),
    ("If-Match: \"a\", TAG", 200),
    ("If-Match: \"a\"\r\nIf-Match: TAG", 200),
    ("If-Match: W/\"a\", W/TAG", 412),
    // Sections 13.1.3 and 13.1.4: dates, in the three forms of section 5.6.7.
    ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 304),
    ("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT", 304),
    ("If-Modified-Since: Sun Nov  6 08:49:37 1994", 304),
    ("If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT", 304),
    ("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT", 200),
    ("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT", 200),
    ("If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT", 304),
    ("If-Modified-Since: yesterday", 200),
    ("If-Modified-Since: 784111777", 200),
    ("If-Modified-Since: Sun, 31 Feb 1994 08:49:37 GMT", 200),
    ("If-Modified-Since:", 200),
    ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 200),
    ("If-Unmodified-Since: Sunday, 06-Nov-94 08:49:37 GMT", 200),
    ("If-Unmodified-Since: Sun Nov  6 08:49:36 1994", 412),
    ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT", 412),
    ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:38 GMT", 200),
    ("If-Unmodified-Since: tomorrow", 200),
    // Section 13.2.2: which go before others.
    (
        "If-None-Match: \"other\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
        200,
    ),
    (
        "If-None-Match: TAG\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
        304,
    ),
    (
        "If-Match: TAG\r\nIf-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
        200,
    ),
    (
        "If-Match: \"other\"\r\nIf-Unmodified-Since: Fri, 31 Dec 9999 23:59:59 GMT",
        412,
    ),
    ("If-Match: TAG\r\nIf-None-Match: TAG", 304),
    ("If-Match: \"other\"\r\nIf-None-Match: TAG", 412),
    (
        "If-Match: TAG\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
        304,
    ),
    (
        "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\nIf-None-Match: TAG",
        412,
    ),
    (
        "If-Unmodified-Since: Fri, 31 Dec 9999 23:59:59 GMT\r\nIf-None-Match: TAG",
        304,
    ),
    // They go before Range, too.
    ("Range: bytes=0-1\r\nIf-None-Match: TAG", 304),
    ("Range: bytes=0-1\r\nIf-Match: \"other\"", 412),
    ("Range: bytes=99999999-\r\nIf-None-Match: TAG", 304),
];

/// A small binary file, a large one, and text that is sent in codings to those who take them.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("small.bin", pattern(1000));
    folder.write("large.bin", pattern(300_000));
    folder.write("text.html", "<p>text</p>\n".repeat(200));
    folder.write("empty.bin", "");
    for name in ["small.bin", "large.bin", "text.html", "empty.bin"] {
        folder.set_modified(name, SystemTime::UNIX_EPOCH + CHANGED);
    }
    folder
}

const TARGETS: [&str; 4] = ["/small.bin", "/large.bin", "/text.html", "/empty.bin"];

fn tag(response: &Response) -> String {
    response.field("etag").unwrap().to_owned()
}

fn check_cases<S: Read + Write>(client: &mut Client<S>) {
    for target in TARGETS {
        let whole = client.ask(target, "");
        assert_eq!(whole.status, 200);
        let tag = tag(&whole);
        assert!(
            tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2,
            "{tag}"
        );
        let date = whole.field("last-modified");
        assert_eq!(date, Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        for (fields, status) in CASES {
            let fields = format!("{}\r\n", fields.replace("TAG", &tag));
            for method in ["GET", "HEAD"] {
                let response = client.ask_with(method, target, &fields);
                assert_eq!(
                    response.status, *status,
                    "{method} {target} {fields}: {response:?}"
                );
                if *status != 412 {
                    assert_eq!(response.field("etag"), Some(&*tag), "{fields}");
                    assert_eq!(response.field("last-modified"), date, "{fields}");
                }
                if *status == 200 && method == "GET" {
                    assert!(response.body == whole.body, "{target} {fields}");
                }
            }
        }
    }
}

#[test]
fn conditions_are_evaluated_in_their_order() {
    let folder = folder();
    check_cases(&mut folder.serve(&["-w", "1"]).connect());
}

#[test]
fn conditions_are_the_same_without_cache() {
    let folder = folder();
    check_cases(&mut folder.serve(&["--file-cache", "off"]).connect());
}

#[test]
fn conditions_are_the_same_over_https() {
    let folder = folder();
    let server = folder.serve(&["--tls-self-signed", "--tls-listen", "127.0.0.1:0"]);
    check_cases(&mut Client::<Tls>::over_tls(server.secure_address()));
}

#[test]
fn not_modified_says_what_a_cache_keeps_and_has_no_body() {
    let folder = folder();
    let server = folder.serve(&["--cache-control", "max-age=60"]);
    let mut client = server.connect();
    for coding in ["", "Accept-Encoding: gzip\r\n", "Accept-Encoding: zstd\r\n"] {
        let whole = client.ask("/text.html", coding);
        let fields = format!("{coding}If-None-Match: {}\r\n", tag(&whole));
        for method in ["GET", "HEAD"] {
            let response = client.ask_with(method, "/text.html", &fields);
            assert_eq!(response.status, 304);
            for name in ["etag", "last-modified", "vary", "cache-control"] {
                assert!(response.field(name).is_some(), "{name}: {response:?}");
                assert_eq!(response.field(name), whole.field(name), "{name}");
            }
            assert!(response.field("date").is_some(), "{response:?}");
            let length = response.field("content-length");
            assert!(
                length.is_none() || length == whole.field("content-length"),
                "{response:?}"
            );
            assert_eq!(response.field("transfer-encoding"), None, "{response:?}");
        }
        // Whatever was sent behind the head would be read as the next answer.
        let conditional = common::request("GET", "/text.html", &fields);
        client.send(&[conditional.as_bytes(), &get("/small.bin")].concat());
        assert_eq!(client.response().status, 304);
        assert!(client.response().body == pattern(1000));
    }
}

#[test]
fn every_coding_has_a_tag_of_its_own() {
    let folder = folder();
    let server = folder.serve(&["-w", "1"]);
    let mut client = server.connect();
    let codings = ["identity", "gzip", "br", "zstd"];
    let tags = codings.map(|coding| {
        let fields = format!("Accept-Encoding: {coding}\r\n");
        let first = tag(&client.ask("/text.html", &fields));
        let again = client.ask("/text.html", &fields);
        assert_eq!(tag(&again), first, "{coding}");
        assert_eq!(
            tag(&client.ask_with("HEAD", "/text.html", &fields)),
            first,
            "{coding}"
        );
        first
    });
    let opaque = tags.iter().map(|tag| tag.trim_start_matches("W/"));
    assert_eq!(
        opaque.collect::<HashSet<_>>().len(),
        codings.len(),
        "{tags:?}"
    );
    for (coding, own) in codings.iter().zip(&tags) {
        let ask = |client: &mut Client, condition: &str| {
            let fields = format!("Accept-Encoding: {coding}\r\n{condition}\r\n");
            client.ask("/text.html", &fields).status
        };
        assert_eq!(
            ask(&mut client, &format!("If-None-Match: {}", tags.join(", "))),
            304
        );
        for other in tags.iter().filter(|other| *other != own) {
            assert_eq!(ask(&mut client, &format!("If-None-Match: {other}")), 200);
            assert_eq!(ask(&mut client, &format!("If-Match: {other}")), 412);
        }
        // What is made on the fly is made anew by others, in other bytes.
        let expected = if own.starts_with("W/") { 412 } else { 200 };
        assert_eq!(
            ask(&mut client, &format!("If-Match: {own}")),
            expected,
            "{coding}"
        );
        let date = "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(ask(&mut client, date), 304, "{coding}");
    }
    assert!(!tags[0].starts_with("W/"));
}

#[test]
fn a_young_file_has_a_weak_tag_and_a_strong_one_soon() {
    let folder = Folder::new();
    let servers = [&["-w", "1"][..], &["--file-cache", "off"]].map(|flags| folder.serve(flags));
    // They stay young until two seconds after that: long enough for all who ask first.
    let changed = SystemTime::now() + Duration::from_secs(4);
    for (name, length) in [("small.bin", 1000), ("large.bin", 200_000)] {
        folder.write_now(name, pattern(length));
        folder.set_modified(name, changed);
    }
    let status = |client: &mut Client, target: &str, field: &str, tag: &str| {
        client.ask(target, &format!("{field}: {tag}\r\n")).status
    };
    let mut asked = Vec::new();
    for server in &servers {
        for target in ["/small.bin", "/large.bin"] {
            let mut client = server.connect();
            let young = tag(&client.ask(target, ""));
            assert!(young.starts_with("W/\""), "{young}");
            for (field, tag, expected) in [
                ("If-None-Match", &*young, 304),
                ("If-None-Match", &young[2..], 304),
                ("If-Match", &young, 412),
                ("If-Match", &young[2..], 412),
            ] {
                let found = status(&mut client, target, field, tag);
                assert_eq!(found, expected, "{target} {field}: {tag}");
            }
            asked.push((client, target, young));
        }
    }
    for (mut client, target, young) in asked {
        let strong = until("its tag is strong", PATIENCE, || {
            let now = tag(&client.ask(target, ""));
            (!now.starts_with("W/")).then_some(now)
        });
        assert_eq!(strong, young[2..], "it is the same file");
        assert_eq!(status(&mut client, target, "If-Match", &strong), 200);
        assert_eq!(status(&mut client, target, "If-None-Match", &young), 304);
    }
}

#[test]
fn a_tag_tells_time_and_size_apart() {
    let folder = Folder::new();
    let server = folder.serve(&["--file-cache", "off"]);
    let mut client = server.connect();
    let mut tags = HashSet::new();
    let mut count = 0;
    for size in [0, 1, 16, 17, 256, 70_000] {
        for nanoseconds in [0, 1, 16, 1_000_000_000, 1_000_000_001] {
            let name = format!("{size}.bin");
            folder.write_now(&name, pattern(size));
            let time = CHANGED + Duration::from_nanos(nanoseconds);
            folder.set_modified(&name, SystemTime::UNIX_EPOCH + time);
            tags.insert(tag(&client.ask(&format!("/{name}"), "")));
            count += 1;
        }
    }
    assert_eq!(tags.len(), count, "{tags:?}");
}

#[test]
fn a_file_from_the_future_is_not_later_than_the_answer() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    let mut client = server.connect();
    for seconds in [1, 3600, 40 * 365 * 24 * 3600] {
        let name = format!("{seconds}.txt");
        folder.write_now(&name, "text");
        folder.set_modified(&name, SystemTime::now() + Duration::from_secs(seconds));
        let response = client.ask(&format!("/{name}"), "");
        response.expect(200, "text");
        let date = |response: &Response, name| {
            httpdate::parse_http_date(response.field(name).unwrap()).unwrap()
        };
        assert!(
            date(&response, "last-modified") <= date(&response, "date"),
            "{response:?}"
        );
        assert!(tag(&response).starts_with("W/"), "{response:?}");
        // A date proves nothing of a range in the second that it names, nor one in the future.
        let modified = response.field("last-modified").unwrap();
        let fields = format!("Range: bytes=0-0\r\nIf-Range: {modified}\r\n");
        let part = client.ask(&format!("/{name}"), &fields);
        let is_past = date(&response, "last-modified") < date(&part, "date");
        assert!(
            part.status == 200 || (part.status == 206 && is_past),
            "{part:?}"
        );
    }
    folder.write_now("old.txt", "text");
    folder.set_modified(
        "old.txt",
        SystemTime::UNIX_EPOCH - Duration::from_secs(1000),
    );
    let response = client.ask("/old.txt", "");
    response.expect(200, "text");
    assert_eq!(
        client
            .ask(
                "/old.txt",
                &format!("If-None-Match: {}\r\n", tag(&response))
            )
            .status,
        304
    );
}

#[test]
fn conditions_do_not_count_where_there_is_no_file() {
    let folder = folder();
    folder.write("sub/index.html", "sub");
    let server = folder.serve(&[]);
    let mut client = server.connect();
    for fields in [
        "If-None-Match: *\r\n",
        "If-Match: *\r\n",
        "If-Match: \"a\"\r\n",
    ] {
        for (method, target, status) in [
            ("GET", "/missing", 404),
            ("HEAD", "/missing", 404),
            ("GET", "/sub", 301),
            ("GET", "/a%zz", 400),
            ("PUT", "/small.bin", 405),
            ("DELETE", "/small.bin", 405),
        ] {
            let response = client.ask_with(method, target, fields);
            assert_eq!(
                response.status, status,
                "{method} {target} {fields}: {response:?}"
            );
        }
    }
}

#[test]
fn a_list_as_long_as_a_head_may_be_is_read_at_once() {
    let folder = folder();
    let server = folder.serve(&["-w", "1"]);
    let mut client = server.connect();
    let own = tag(&client.ask("/small.bin", ""));
    for (element, last, status) in [
        ("\"a\",", &*own, 304),
        ("\"a\",", "\"b\"", 200),
        (",", &*own, 304),
        ("W/", &*own, 200),
        ("\"", "", 200),
        ("x,", "*", 200),
    ] {
        let fields = format!(
            "If-None-Match: {}{last}\r\n",
            element.repeat(15_000 / element.len())
        );
        let before = server.processor_ticks();
        for _ in 0..20 {
            let response = client.ask("/small.bin", &fields);
            assert_eq!(response.status, status, "{element:?}: {response:?}");
        }
        // A quadratic reader would need seconds.
        let used = server.processor_ticks() - before;
        assert!(used < 100, "{element:?}: {used} ticks");
    }
}
