//! Several parts of a file in one answer (RFC 9110 section 14.6), and the attacks on whoever
//! grants them (section 17.15).
#![forbid(unsafe_code)]

mod common;

use std::io::{Read, Write};

use common::{Client, Folder, Response, Tls, pattern};

const SIZES: [(&str, usize); 3] = [
    ("small.bin", 1000),
    ("large.bin", 300_000),
    ("page.html", 9000),
];

fn folder() -> Folder {
    let folder = Folder::new();
    for (name, length) in SIZES {
        folder.write(name, pattern(length));
    }
    folder
}

/// The parts of a body as a client finds them: content type, content range, bytes.
fn parts(response: &Response) -> Vec<(String, String, Vec<u8>)> {
    let kind = response.field("content-type").unwrap();
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .expect(kind);
    let boundary = boundary.trim_matches('"');
    assert!(
        (1..=70).contains(&boundary.len()),
        "RFC 2046 section 5.1.1: {boundary}"
    );
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = &[b"\r\n", &response.body[..]].concat()[..];
    let mut parts = Vec::new();
    loop {
        rest = rest
            .strip_prefix(delimiter.as_bytes())
            .expect("a delimiter");
        if rest.starts_with(b"--") {
            assert_eq!(rest, b"--\r\n");
            return parts;
        }
        let end = memchr::memmem::find(rest, delimiter.as_bytes()).unwrap();
        let (part, behind) = rest.split_at(end);
        rest = behind;
        let head_end = memchr::memmem::find(part, b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&part[2..head_end]).unwrap();
        let field = |name: &str| {
            let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
            let found = lines.find(|(own, _)| own.eq_ignore_ascii_case(name));
            found.expect(head).1.to_owned()
        };
        let bytes = part[head_end + 4..].to_vec();
        parts.push((field("content-type"), field("content-range"), bytes));
    }
}

/// The ranges, first byte and last.
type Spans<'a> = &'a [(usize, usize)];

fn check<S: Read + Write>(client: &mut Client<S>) {
    for (name, length) in SIZES {
        let target = format!("/{name}");
        let bytes = pattern(length);
        let whole = client.ask(&target, "");
        let end = length - 1;
        let cases: [(&str, Spans); 9] = [
            ("0-0,2-2", &[(0, 0), (2, 2)]),
            ("0-9, 20-29 ,\t40-49", &[(0, 9), (20, 29), (40, 49)]),
            ("500-599,0-99", &[(500, 599), (0, 99)]),
            ("0-1,99999999-,3-4", &[(0, 1), (3, 4)]),
            ("0-0,-1", &[(0, 0), (end, end)]),
            ("-1,0-0", &[(end, end), (0, 0)]),
            ("0-9,5-14", &[(0, 9), (5, 14)]),
            ("3-3,3-3", &[(3, 3), (3, 3)]),
            ("0-499,500-", &[(0, 499), (500, end)]),
        ];
        for (value, spans) in cases {
            let response = client.ask(&target, &format!("Range: bytes={value}\r\n"));
            let what = format!(
                "{target} {value}: {} {:?}",
                response.status, response.fields
            );
            assert_eq!(response.status, 206, "{what}");
            // It would speak of the body, and the body has several (section 14.4).
            assert_eq!(response.field("content-range"), None, "{what}");
            assert_eq!(response.field("etag"), whole.field("etag"), "{what}");
            let found = parts(&response);
            assert_eq!(found.len(), spans.len(), "{what}");
            for ((kind, range, part), (first, last)) in found.iter().zip(spans) {
                assert_eq!(Some(&**kind), whole.field("content-type"), "{what}");
                assert_eq!(*range, format!("bytes {first}-{last}/{length}"), "{what}");
                assert!(*part == bytes[*first..=*last], "{what}");
            }
        }
    }
}

#[test]
fn several_ranges() {
    check(&mut folder().serve(&["-w", "1"]).connect());
}

#[test]
fn several_ranges_without_cache() {
    check(&mut folder().serve(&["--file-cache", "off"]).connect());
}

#[test]
fn several_ranges_over_https() {
    let folder = folder();
    let server = folder.serve(&["--tls-self-signed", "--tls-listen", "127.0.0.1:0"]);
    check(&mut Client::<Tls>::over_tls(server.secure_address()));
}

#[test]
fn every_answer_has_a_boundary_of_its_own() {
    let folder = folder();
    let server = folder.serve(&[]);
    let mut client = server.connect();
    let mut kinds = std::collections::HashSet::new();
    for _ in 0..50 {
        let response = client.ask("/small.bin", "Range: bytes=0-0,2-2\r\n");
        kinds.insert(response.field("content-type").unwrap().to_owned());
    }
    assert_eq!(
        kinds.len(),
        50,
        "one that can be guessed can be put into the file"
    );
}

/// As many as fit into a head.
fn many(one: impl Fn(usize) -> String, count: usize) -> String {
    (0..count).map(one).collect::<Vec<_>>().join(",")
}

#[test]
fn what_costs_more_than_the_whole_file_is_not_granted() {
    let folder = folder();
    let server = folder.serve(&[]);
    let mut client = server.connect();
    let attacks = [
        // "Apache killer".
        format!("0-,{}", many(|at| format!("5-{at}"), 1300)),
        many(|_| "0-".into(), 1300),
        many(|_| "-1".into(), 1300),
        many(|at| format!("{at}-{at}"), 1200),
        many(|at| format!("{}-{}", at * 2, at * 2), 100),
        many(|at| format!("{at}-"), 30),
        "0-,0-".into(),
        "0-998,1-999,-500".into(),
        format!("0-0{}", ",".repeat(10_000)),
    ];
    for (name, length) in SIZES {
        for value in &attacks {
            let fields = format!("Range: bytes={value}\r\n");
            let response = client.ask(&format!("/{name}"), &fields);
            let what = format!(
                "{name} {}: {}",
                &value[..value.len().min(40)],
                response.status
            );
            match response.status {
                200 => assert!(response.body == pattern(length), "{what}"),
                206 => assert!(response.body.len() < length + 64 * 200, "{what}"),
                _ => panic!("{what}"),
            }
        }
    }
}

#[test]
fn an_attack_with_ranges_leaves_memory_as_it_was() {
    let folder = folder();
    folder.make_sparse("huge.bin", 3 << 30);
    let server = folder.serve(&["-w", "1"]);
    let mut client = server.connect();
    client.ask("/huge.bin", "Range: bytes=0-0,2-2\r\n");
    let before = server.resident_bytes();
    let spans = many(|at| format!("{}-{}", at << 20, (at << 20) + 999_999), 30);
    let attackers = (0..50).map(|_| {
        let mut client = server.connect();
        let fields = format!("Range: bytes={spans}\r\n");
        client.send(common::request("GET", "/huge.bin", &fields).as_bytes());
        client.expect_text("multipart/byteranges");
        client
    });
    let attackers = attackers.collect::<Vec<_>>();
    client.ask("/small.bin", "Range: bytes=0-0,2-2\r\n");
    let grown = server.resident_bytes().saturating_sub(before);
    println!(
        "50 answers of 30 parts of 1 MB each: {} KiB of memory",
        grown >> 10
    );
    assert!(grown < 24 << 20, "{grown} bytes");
    drop(attackers);
}
