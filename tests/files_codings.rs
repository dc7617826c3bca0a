//! Text in the codings that its readers take (RFC 9110 sections 8.4 and 12.5.3), made on the fly.
#![forbid(unsafe_code)]

mod common;

use std::io::{Read, Write};

use common::{Client, Folder, Server, Tls, decode, pattern, text};

const CODINGS: [&str; 3] = ["zstd", "br", "gzip"];

/// Around the bounds between what is coded at once, by a job, and in slices.
const SIZES: [usize; 10] = [
    300,
    5000,
    32 << 10,
    (32 << 10) + 1,
    64 << 10,
    (64 << 10) + 1,
    200_000,
    1 << 20,
    (1 << 20) + 1,
    5_000_000,
];

fn folder() -> Folder {
    let folder = Folder::new();
    for size in SIZES {
        folder.write(format!("{size}.html"), text(size));
    }
    folder
}

fn accept(coding: &str) -> String {
    format!("Accept-Encoding: {coding}\r\n")
}

fn check_sizes<S: Read + Write>(client: &mut Client<S>) {
    for size in SIZES {
        let (target, plain) = (format!("/{size}.html"), text(size));
        for coding in CODINGS {
            // HEAD goes first: what it says of a content that is not made yet must be true.
            let head = client.ask_with("HEAD", &target, &accept(coding));
            for round in 0..2 {
                let response = client.ask(&target, &accept(coding));
                let what = format!("{target} {coding} {round}: {:?}", response.fields);
                assert_eq!(
                    (response.status, response.coding()),
                    (200, coding),
                    "{what}"
                );
                assert!(response.decoded() == plain, "{what}");
                assert!(response.body.len() < size, "{what}");
                assert_eq!(response.field("vary"), Some("Accept-Encoding"), "{what}");
                assert_eq!(
                    response.field("content-type"),
                    Some("text/html; charset=utf-8")
                );
                let without_date = |fields: &[(String, String)]| {
                    let fields = fields.iter().filter(|(name, _)| name != "date");
                    fields.cloned().collect::<Vec<_>>()
                };
                let (head, get) = (without_date(&head.fields), without_date(&response.fields));
                assert_eq!(head, get, "{what}");
            }
        }
        for fields in [
            "",
            "Accept-Encoding: identity\r\n",
            "Accept-Encoding: deflate\r\n",
        ] {
            let response = client.ask(&target, fields);
            assert!(
                response.coding() == "identity" && response.body == plain,
                "{target}"
            );
            assert_eq!(response.field("vary"), Some("Accept-Encoding"), "{target}");
            assert_eq!(response.field("content-length"), Some(&*size.to_string()));
        }
    }
}

#[test]
fn text_of_every_size_is_coded() {
    check_sizes(&mut folder().serve(&["-w", "1"]).connect());
}

#[test]
fn text_is_coded_without_cache() {
    check_sizes(&mut folder().serve(&["--file-cache", "off"]).connect());
}

#[test]
fn text_is_coded_over_https() {
    let folder = folder();
    let server = folder.serve(&["--tls-self-signed", "--tls-listen", "127.0.0.1:0"]);
    check_sizes(&mut Client::<Tls>::over_tls(server.secure_address()));
}

/// Values of `Accept-Encoding` and the coding, none for 406. The server prefers zstd, br, gzip.
const ACCEPTED: &[(&str, Option<&str>)] = &[
    ("", Some("identity")),
    ("gzip", Some("gzip")),
    ("GZip", Some("gzip")),
    ("x-gzip", Some("gzip")),
    ("gzip, deflate, br, zstd", Some("zstd")),
    ("gzip, deflate, br", Some("br")),
    ("gzip,deflate", Some("gzip")),
    ("gzip;q=1.0, br;q=0.9, zstd;q=0.8", Some("gzip")),
    ("gzip;q=0.5,br;q=0.501", Some("br")),
    ("gzip ; q=0.2 , br ; q=0.1", Some("gzip")),
    ("gzip;Q=0.2", Some("gzip")),
    ("gzip;q=0", Some("identity")),
    ("gzip;q=0.000", Some("identity")),
    ("gzip;q=0.001", Some("gzip")),
    ("gzip;q=2", Some("identity")),
    ("gzip;q=-1", Some("identity")),
    ("gzip;q=0.0001", Some("identity")),
    ("gzip;q=", Some("identity")),
    ("gzipped", Some("identity")),
    ("deflate, compress", Some("identity")),
    ("*", Some("zstd")),
    ("zstd;q=0, *", Some("br")),
    ("zstd;q=0, br;q=0, *;q=0.1", Some("gzip")),
    ("gzip, *;q=0", Some("gzip")),
    ("identity, gzip;q=0.5", Some("identity")),
    ("identity;q=0.5, gzip;q=0.4", Some("identity")),
    ("identity;q=0.4, gzip;q=0.5", Some("gzip")),
    ("identity;q=0, gzip", Some("gzip")),
    ("identity;q=0, *", Some("zstd")),
    ("identity;q=0", None),
    ("*;q=0", None),
    ("identity;q=0, gzip;q=0", None),
    ("identity;q=0, deflate", None),
    ("*;q=0, identity", Some("identity")),
    (", ,gzip,,", Some("gzip")),
];

#[test]
fn the_client_decides_which_coding() {
    let folder = folder();
    let server = folder.serve(&["-w", "1"]);
    let mut client = server.connect();
    for size in [5000, 200_000, 5_000_000] {
        let (target, plain) = (format!("/{size}.html"), text(size));
        for (value, coding) in ACCEPTED {
            let response = client.ask(&target, &accept(value));
            let what = format!(
                "{target} {value}: {} {:?}",
                response.status, response.fields
            );
            assert_eq!(response.field("vary"), Some("Accept-Encoding"), "{what}");
            match coding {
                Some(coding) => {
                    assert_eq!(
                        (response.status, response.coding()),
                        (200, *coding),
                        "{what}"
                    );
                    assert!(response.decoded() == plain, "{what}");
                }
                None => assert_eq!(response.status, 406, "{what}"),
            }
        }
        let response = client.ask(
            &target,
            &format!("{}{}", accept("br"), accept("zstd;q=0.5")),
        );
        assert_eq!(response.coding(), "br", "two lines are one list");
    }
}

#[test]
fn who_refuses_the_bytes_as_they_are_does_not_get_them() {
    let folder = folder();
    folder.write("random.txt", pattern(5000));
    let server = folder.serve(&[]);
    let mut client = server.connect();
    let refusal = "Accept-Encoding: gzip, identity;q=0\r\n";
    for target in ["/5000.html", "/200000.html", "/5000000.html", "/random.txt"] {
        for fields in [
            "",
            "Range: bytes=0-9\r\n",
            "Cache-Control: no-transform\r\n",
        ] {
            let response = client.ask(target, &format!("{refusal}{fields}"));
            let what = format!(
                "{target} {fields}: {} {:?}",
                response.status, response.fields
            );
            assert!(
                response.status == 406 || response.coding() == "gzip",
                "{what}"
            );
        }
    }
}

#[test]
fn what_is_worth_it_is_coded_and_nothing_else() {
    let folder = Folder::new();
    let coded = [
        "html", "css", "js", "json", "svg", "xml", "txt", "md", "csv", "wasm",
    ];
    let plain = [
        "png", "jpg", "gif", "webp", "woff2", "mp4", "zip", "gz", "br", "zst", "bin",
    ];
    for extension in coded.iter().chain(&plain) {
        folder.write(format!("file.{extension}"), text(3000));
    }
    folder.write("none", text(3000));
    for (name, size) in [("255.txt", 255), ("1.txt", 1), ("0.txt", 0)] {
        folder.write(name, text(size));
    }
    folder.write("packed.html.gz", text(3000));
    let server = folder.serve(&[]);
    let mut client = server.connect();
    let mut coding = |name: &str| {
        let response = client.ask(&format!("/{name}"), &accept("gzip"));
        assert_eq!(response.status, 200, "{name}");
        (
            response.coding().to_owned(),
            response.field("vary").is_some(),
        )
    };
    for extension in coded {
        assert_eq!(
            coding(&format!("file.{extension}")),
            ("gzip".into(), true),
            "{extension}"
        );
    }
    for extension in plain {
        let found = coding(&format!("file.{extension}"));
        assert_eq!(found, ("identity".into(), false), "{extension}");
    }
    assert_eq!(coding("none").0, "identity");
    for short in ["255.txt", "1.txt", "0.txt", "packed.html.gz"] {
        assert_eq!(coding(short).0, "identity", "{short}");
    }
}

#[test]
fn what_does_not_get_smaller_is_sent_as_it_is() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    let mut client = server.connect();
    for size in [1000, 40_000, 500_000] {
        let name = format!("{size}.txt");
        folder.write(&name, pattern(size));
        for coding in CODINGS {
            for _ in 0..2 {
                let response = client.ask(&format!("/{name}"), &accept(coding));
                assert!(
                    response.body.len() <= size,
                    "{name} {coding}: {:?}",
                    response.fields
                );
                assert!(response.decoded() == pattern(size), "{name} {coding}");
            }
        }
    }
}

#[test]
fn ranges_and_no_transform_leave_the_bytes_as_they_are() {
    let folder = folder();
    let server = folder.serve(&["-w", "1"]);
    let mut client = server.connect();
    for size in [5000, 200_000, 5_000_000] {
        let (target, plain) = (format!("/{size}.html"), text(size));
        let whole = client.ask(&target, "");
        let coded = client.ask(&target, &accept("br"));
        assert_eq!(coded.coding(), "br");
        let part = client.ask(&target, &format!("{}Range: bytes=10-99\r\n", accept("br")));
        assert_eq!((part.status, part.coding()), (206, "identity"));
        assert!(part.body == plain[10..100]);
        assert_eq!(
            part.field("etag"),
            whole.field("etag"),
            "it is a part of those bytes"
        );
        assert_eq!(part.field("vary"), Some("Accept-Encoding"));
        // With what a client has of another coding, it gets no part.
        let tag = coded.field("etag").unwrap();
        for tag in [tag, tag.trim_start_matches("W/")] {
            let fields = format!("{}Range: bytes=10-99\r\nIf-Range: {tag}\r\n", accept("br"));
            let response = client.ask(&target, &fields);
            assert_eq!(response.status, 200, "{tag}");
            assert!(response.decoded() == plain);
        }
        for value in ["no-transform", "No-Transform", "max-age=0, no-transform"] {
            let fields = format!("{}Cache-Control: {value}\r\n", accept("br"));
            let response = client.ask(&target, &fields);
            assert!(
                response.coding() == "identity" && response.body == plain,
                "{value}"
            );
        }
    }
    let server = folder.serve(&["--cache-control", "*.html=no-transform, max-age=5"]);
    let response = server.connect().ask("/5000.html", &accept("br, gzip"));
    assert_eq!(response.coding(), "identity");
}

#[test]
fn codings_can_be_chosen_and_turned_off() {
    let folder = folder();
    for (list, codings) in [
        ("off", [0, 0, 0]),
        ("gzip", [0, 0, 1]),
        ("gzip,zstd", [1, 0, 1]),
    ] {
        let server = folder.serve(&["--compress", list]);
        let mut client = server.connect();
        for (coding, is_on) in CODINGS.iter().zip(codings) {
            let response = client.ask("/5000.html", &accept(coding));
            let expected = if is_on == 1 { coding } else { "identity" };
            assert_eq!(response.coding(), expected, "{list}");
        }
        let first = list.split(',').next().unwrap().replace("off", "identity");
        assert_eq!(
            client.ask("/5000.html", &accept("*")).coding(),
            first,
            "{list}"
        );
    }
}

/// The processor time in ticks that a server needs for so many answers in brotli beyond what they
/// cost as they are. The first one is not counted.
fn ticks_of_coding(server: &Server, target: &str, rounds: usize) -> u64 {
    let mut client = server.connect();
    let mut ticks = |fields: &str| {
        assert_eq!(client.ask(target, fields).status, 200);
        let before = server.processor_ticks();
        for _ in 0..rounds {
            assert_eq!(client.ask(target, fields).status, 200);
        }
        server.processor_ticks() - before
    };
    let plain = ticks("");
    ticks(&accept("br")).saturating_sub(plain)
}

#[test]
fn the_result_is_kept() {
    let folder = folder();
    let keeping = folder.serve(&["-w", "1"]);
    let forgetful = folder.serve(&["-w", "1", "--file-cache", "off"]);
    for size in [32 << 10, 1 << 20] {
        let (target, rounds) = (format!("/{size}.html"), (40 << 20) / size);
        let kept = ticks_of_coding(&keeping, &target, rounds);
        let each_time = ticks_of_coding(&forgetful, &target, rounds);
        println!("{rounds} times {size} bytes: {kept} ticks, coded each time {each_time}");
        assert!(2 * kept < each_time, "{size}: {kept} ticks for {each_time}");
    }
}

#[test]
fn an_old_client_reads_to_the_end() {
    let folder = folder();
    let server = folder.serve(&[]);
    for size in [5000, 200_000, 5_000_000] {
        let mut client = server.connect();
        let request = format!("GET /{size}.html HTTP/1.0\r\n{}\r\n", accept("gzip"));
        client.send(request.as_bytes());
        let rest = client.rest();
        let at = memchr::memmem::find(&rest, b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&rest[..at]);
        assert!(head.contains("\r\nContent-Encoding: gzip"), "{head}");
        assert!(!head.contains("chunked"), "{head}");
        assert!(decode("gzip", &rest[at + 4..]) == text(size));
    }
}

#[test]
fn many_ask_at_once_for_what_is_not_coded_yet() {
    let folder = folder();
    for flags in [&["-w", "1"][..], &["-w", "2", "--file-cache", "off"]] {
        let server = folder.serve(flags);
        let mut clients = (0..24).map(|_| server.connect()).collect::<Vec<_>>();
        for size in [5000, 64 << 10, 200_000, 1 << 20, 5_000_000] {
            for (client, coding) in clients.iter_mut().zip(CODINGS.iter().cycle()) {
                let request = common::request("GET", &format!("/{size}.html"), &accept(coding));
                client.send(request.as_bytes());
            }
            for client in &mut clients {
                let response = client.response();
                assert!(
                    response.decoded() == text(size),
                    "{size}: {:?}",
                    response.fields
                );
            }
        }
    }
}
