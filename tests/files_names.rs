//! Names of files: any bytes that a name may have are asked for by escapes, and none of them is
//! read as something else.
#![forbid(unsafe_code)]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use common::{Folder, get};

/// A target for a name, everything in it escaped that has a meaning.
fn target(name: &[u8]) -> String {
    let mut target = String::from("/");
    for byte in name {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                target.push(char::from(*byte));
            }
            _ => target.push_str(&format!("%{byte:02X}")),
        }
    }
    target
}

/// All of them escaped.
fn escaped(name: &[u8]) -> String {
    let bytes = name.iter().map(|byte| format!("%{byte:02x}"));
    format!("/{}", bytes.collect::<String>())
}

/// Names that are served.
const NAMES: &[&[u8]] = &[
    b"plain.txt",
    b"with space",
    b" space at the ends ",
    b"plus+and&amp;",
    b"question?mark",
    b"hash#mark",
    b"semi;colon=1,2",
    b"quotes\"'`",
    b"<script>",
    b"star*[a-z]{b,c}",
    b"colon:1",
    b"c:",
    b"at@host",
    b"dollar$HOME",
    b"$uri",
    b"bang!",
    b"pipe|caret^",
    b"tab\tname",
    b"line\nbreak",
    b"carriage\r\nX-Injected: 1",
    b"bell\x07\x1b[31m",
    b"delete\x7f",
    b"dots..inside",
    b"dot.at.end.",
    b"-",
    b"--help",
    b"~root",
    b"percent%",
    b"percent%41",
    b"%zz",
    b"con",
    b"file.txt.",
    "Grüße".as_bytes(),
    "世界".as_bytes(),
    "🌊".as_bytes(),
    // The same letter in one code point and in two: two names.
    "caf\u{e9}".as_bytes(),
    "cafe\u{301}".as_bytes(),
    "right\u{202e}left".as_bytes(),
    "full\u{ff0e}\u{ff0f}width".as_bytes(),
    // Not UTF-8.
    b"latin1-\xe4\xf6\xfc",
    b"\xff\xfe\xfd",
    b"\x80",
    b"cut-\xe4\xb8",
    b"surrogate-\xed\xa0\x80",
    b"bare-\xc3",
];

#[test]
fn every_name_is_served() {
    let folder = Folder::new();
    let server = folder.serve(&["-w", "1"]);
    let mut client = server.connect();
    for name in NAMES {
        let shown = name.escape_ascii().to_string();
        fs::write(folder.path(OsStr::from_bytes(name)), &shown).unwrap();
        for target in [target(name), escaped(name)] {
            let response = client.ask(&target, "");
            response.expect(200, &shown);
            assert_eq!(response.field("x-injected"), None);
            client
                .ask(&format!("{target}?/../secret"), "")
                .expect(200, &shown);
        }
        assert_eq!(
            client.ask(&format!("{}/", target(name)), "").status,
            404,
            "{shown}"
        );
    }
}

#[test]
fn every_directory_is_redirected_to_its_own_name() {
    let folder = Folder::new();
    let server = folder.serve(&["-w", "1"]);
    let mut client = server.connect();
    for name in NAMES {
        let shown = name.escape_ascii().to_string();
        fs::create_dir(folder.path(OsStr::from_bytes(name))).unwrap();
        let index = [name, &b"/index.html"[..]].concat();
        fs::write(folder.path(OsStr::from_bytes(&index)), &shown).unwrap();
        for target in [target(name), escaped(name)] {
            let response = client.ask(&format!("{target}?a=%2f&b"), "");
            assert_eq!(response.status, 301, "{target}: {response:?}");
            assert_eq!(response.field("x-injected"), None);
            let location = response.field("location").unwrap();
            assert!(
                location.bytes().all(|byte| byte.is_ascii_graphic()),
                "{location:?}"
            );
            let path = location.strip_suffix("/?a=%2f&b").expect(location);
            assert!(
                path.starts_with('/') && !path.starts_with("//"),
                "{location}"
            );
            client.ask(location, "").expect(200, &shown);
        }
    }
}

/// Names that nobody can ask for, for another program might read them as something else.
const REFUSED: &[&[u8]] = &[
    b"back\\slash",
    b"\\",
    b"..\\secret",
    b"%2e%2e",
    b"%2E",
    b"a%2fb",
    b"a%5cb",
    b"a%00b",
    b"a%252fb",
    b"overlong-\xc0\xaf",
    b"\xc0\xae\xc0\xae",
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xf8\x80\x80\x80\xaf",
    b"\xfc\x80\x80\x80\x80\xaf",
    b".hidden",
    b"..hidden",
    b"...",
    b". ",
    b".\xff",
];

#[test]
fn what_might_be_read_as_something_else_is_not_served() {
    let folder = Folder::new();
    for name in REFUSED {
        fs::write(folder.path(OsStr::from_bytes(name)), "not served").unwrap();
    }
    fs::create_dir(folder.path("sub")).unwrap();
    let server = folder.serve(&[]);
    let mut client = server.connect();
    let missing = client.ask("/missing", "");
    for name in REFUSED {
        for target in [
            target(name),
            escaped(name),
            format!("/sub/..{}", escaped(name)),
        ] {
            let response = client.ask(&target, "");
            assert_eq!(response.status, 404, "{target}: {response:?}");
            assert_eq!(response.body, missing.body, "{target}");
        }
    }
    // Bytes that have no place in a target at all.
    for raw in [
        &b"/back\\slash"[..],
        b"/caf\xc3\xa9",
        b"/\xff",
        b"/a\x01b",
        b"/a b",
        b"/\"<>",
    ] {
        let mut client = server.connect();
        client.send(&[b"GET ", raw, b" HTTP/1.1\r\nHost: test\r\n\r\n"].concat());
        let status = client.response().status;
        assert!(
            [400, 404].contains(&status),
            "{}: {status}",
            raw.escape_ascii()
        );
    }
}

#[test]
fn long_names_and_deep_trees() {
    let folder = Folder::new();
    let long = "n".repeat(255);
    folder.write(&long, "long");
    let deep = vec!["d"; 400].join("/");
    folder.write(format!("{deep}/file.txt"), "deep");
    // As long as a target may be: longer than what the system takes.
    let server = folder.serve(&["--file-cache", "1MiB"]);
    let mut client = server.connect();
    for _ in 0..2 {
        client.ask(&format!("/{long}"), "").expect(200, "long");
        client
            .ask(&format!("/{deep}/file.txt"), "")
            .expect(200, "deep");
        assert_eq!(client.ask(&format!("/{deep}"), "").status, 301);
        assert_eq!(client.ask(&format!("/{long}n"), "").status, 404);
        assert_eq!(
            client
                .ask(&format!("/{}/file.txt", vec!["d"; 401].join("/")), "")
                .status,
            404
        );
    }
    for length in [254, 255, 256, 1000, 4094, 4095, 4096, 4097, 8000] {
        let plain = client.ask(&format!("/{}", "x".repeat(length)), "").status;
        assert!([404, 414].contains(&plain), "{length}: {plain}");
        let nested = client
            .ask(&format!("/{}", "x/".repeat(length / 2)), "")
            .status;
        assert!([404, 414].contains(&nested), "{length}: {nested}");
        let escaped = client
            .ask(&format!("/{}", "%78".repeat(length / 3)), "")
            .status;
        assert!([404, 414].contains(&escaped), "{length}: {escaped}");
    }
    let mut client = server.connect();
    client.send(&get(&format!("/{}", "/".repeat(7000))));
    let status = client.response().status;
    assert!([301, 403, 404].contains(&status), "{status}");
}

#[test]
fn two_thousand_files_are_all_themselves() {
    let folder = Folder::new();
    for at in 0..2000 {
        let name = format!("{}/{}/{at}.txt", at % 10, at % 7);
        folder.write(&name, format!("{at} {}", "x".repeat(at)));
    }
    for flags in [
        &["-w", "1"][..],
        &["-w", "2", "--file-cache", "off"],
        // Nearly every file is put out of the cache before it is asked for again.
        &["-w", "1", "--file-cache", "256KiB"],
    ] {
        let server = folder.serve(flags);
        let mut client = server.connect();
        for round in 0..3 {
            for step in 0..2000 {
                // In another order each time.
                let at = (step * [1, 7, 1999][round]) % 2000;
                let response = client.ask(&format!("/{}/{}/{at}.txt", at % 10, at % 7), "");
                response.expect(200, &format!("{at} {}", "x".repeat(at)));
            }
        }
    }
}
