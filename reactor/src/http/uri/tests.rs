//! Cases of normal forms.

use super::*;

#[test]
fn hosts() {
    let longest = "a".repeat(HOST_BYTES_MAX);
    for host in [
        "a",
        "A-b_c~1.example",
        "example.com.",
        "127.0.0.1",
        "999.1",
        "[::1]",
        "[2001:DB8::1.2.3.4]",
        longest.as_str(),
    ] {
        assert!(is_valid_host(host.as_bytes()), "{host}");
    }
    let too_long = "a".repeat(HOST_BYTES_MAX + 1);
    for host in [
        "",
        ".",
        "..",
        ".a",
        "a..b",
        "a..",
        "a b",
        "a\t",
        "a,b",
        "a/b",
        "a\\b",
        "a@b",
        "a:1",
        "a%41",
        "a!b",
        "a'b",
        "\u{e9}",
        "a\0",
        "[",
        "]",
        "[]",
        "[::1",
        "[::1]a",
        "[1.2.3.4]",
        "[::g]",
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "[v1.a]",
        "[::1]]",
        "::1",
        too_long.as_str(),
    ] {
        assert!(!is_valid_host(host.as_bytes()), "{host}");
    }
}

#[test]
fn authorities() {
    for (authority, host, port) in [
        ("a", "a", None),
        ("a:", "a", None),
        ("a:0", "a", Some(0)),
        ("a.b:8080", "a.b", Some(8080)),
        ("a:00080", "a", Some(80)),
        ("a:65535", "a", Some(65535)),
        ("[::1]", "[::1]", None),
        ("[::1]:443", "[::1]", Some(443)),
    ] {
        let found = split_authority(authority.as_bytes());
        assert_eq!(found, Some((host.as_bytes(), port)), "{authority}");
    }
    for authority in [
        "", ":", ":80", "a:65536", "a:000080", "a:8a", "a:-1", "a:+1", "a: 1", "a:1:1", "u@a",
        "u:p@a", "a:80@b", "[::1]80", "[::1]:x", "a/", "a?b",
    ] {
        assert_eq!(split_authority(authority.as_bytes()), None, "{authority}");
    }
}

#[test]
fn targets() {
    use TargetForm::{Absolute, Asterisk, Authority, Origin};
    for (method, text, form, host, path, query) in [
        (Method::Get, "/", Origin, "", "/", ""),
        (Method::Get, "/a?b?", Origin, "", "/a", "b?"),
        (Method::Get, "//a/b", Origin, "", "//a/b", ""),
        (Method::Options, "*", Asterisk, "", "", ""),
        (Method::Get, "http://a", Absolute, "a", "", ""),
        (Method::Get, "hTTps://a:1/b?c", Absolute, "a", "/b", "c"),
        (Method::Get, "http://[::1]?c", Absolute, "[::1]", "", "c"),
        (Method::Connect, "a:1", Authority, "a", "", ""),
    ] {
        let target = split_target(method, text.as_bytes()).expect(text);
        assert_eq!(target.form, form, "{text}");
        assert_eq!(&text[target.host], host, "{text}");
        assert_eq!(&text[target.path], path, "{text}");
        assert_eq!(&text[target.query], query, "{text}");
    }
    for (method, text) in [
        (Method::Get, ""),
        (Method::Get, "*"),
        (Method::Options, "**"),
        (Method::Get, "a"),
        (Method::Get, "?a"),
        (Method::Get, "a:1"),
        (Method::Get, "http:"),
        (Method::Get, "http://"),
        (Method::Get, "http:///a"),
        (Method::Get, "httpx://a"),
        (Method::Get, "://a"),
        (Method::Get, "http://u@a/"),
        (Method::Connect, "/"),
        (Method::Connect, "*"),
        (Method::Connect, "a"),
        (Method::Connect, "a:"),
        (Method::Connect, "a:0"),
        (Method::Connect, "http://a:1"),
    ] {
        assert_eq!(split_target(method, text.as_bytes()), None, "{text}");
    }
}

#[test]
fn paths() {
    for (path, normal) in [
        ("", ""),
        ("/", "/"),
        ("/a/b.c", "/a/b.c"),
        ("/%41%7e%2D%5f%2e", "/A~-_."),
        ("/%2f%5c%25%e2%82%aC", "/%2F%5C%25%E2%82%AC"),
        ("/%2541", "/%2541"),
        ("/.", "/"),
        ("/./", "/"),
        ("/a/.", "/a/"),
        ("/a/./b", "/a/b"),
        ("/a/..", "/"),
        ("/a/../", "/"),
        ("/a/b/../c", "/a/c"),
        ("/a/b/%2e%2E/c", "/a/c"),
        ("/a/b/.%2e", "/a/"),
        ("/a//../b", "/a/b"),
        ("//..", "/"),
        ("//a", "//a"),
        ("/a//b/", "/a//b/"),
        ("/.../.a/a./..a/a..", "/.../.a/a./..a/a.."),
        ("/a%2f../b", "/a%2F../b"),
        ("/a/..%2fb", "/a/..%2Fb"),
    ] {
        let mut out = b"earlier".to_vec();
        assert_eq!(normalise(path.as_bytes(), &mut out), Ok(()), "{path}");
        assert_eq!(out.escape_ascii().to_string(), normal, "{path}");
        let must = path != normal;
        assert!(!must || needs_normalising(path.as_bytes()), "{path}");
    }
    for (path, error) in [
        ("a", PathError::NotAbsolute),
        ("*", PathError::NotAbsolute),
        ("/%", PathError::Escape),
        ("/%4", PathError::Escape),
        ("/%4/", PathError::Escape),
        ("/%g0", PathError::Escape),
        ("/%+1", PathError::Escape),
        ("/%%41", PathError::Escape),
        ("/%00", PathError::Nul),
        ("/a%00b", PathError::Nul),
        ("/..", PathError::AboveRoot),
        ("/../a", PathError::AboveRoot),
        ("/a/../..", PathError::AboveRoot),
        ("/./..", PathError::AboveRoot),
        ("/%2e%2e/", PathError::AboveRoot),
    ] {
        assert_eq!(
            normalise(path.as_bytes(), &mut vec![]),
            Err(error),
            "{path}"
        );
        let is_path = error != PathError::NotAbsolute;
        assert!(!is_path || needs_normalising(path.as_bytes()), "{path}");
    }
}

#[test]
fn common_paths_need_no_normalising() {
    for path in [
        "",
        "/",
        "/a.b",
        "/.a",
        "/a.",
        "/...",
        "/..a/b",
        "/a..",
        "//",
        "/.well-known/x.y",
    ] {
        assert!(!needs_normalising(path.as_bytes()), "{path}");
    }
}
