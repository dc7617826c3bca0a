//! What paths come to, by hand and against a slow normaliser that is plain to read.

use super::*;

/// The path for the system and whether it means a directory.
fn parse_with(raw: &[u8], hidden: bool) -> Result<(Vec<u8>, bool), Refusal> {
    // What was in the buffer before must not matter.
    let mut buffer = b"before/..\0/etc".to_vec();
    let path = FilePath::parse(raw, hidden, &mut buffer)?;
    let text = path.as_c_str().to_bytes().to_vec();
    if text == b"." {
        assert_eq!(path.as_bytes(), b"");
    } else {
        assert_eq!(path.as_bytes(), text);
    }
    Ok((text, path.is_directory()))
}

fn parse(raw: &str) -> Result<(String, bool), Refusal> {
    let (path, is_directory) = parse_with(raw.as_bytes(), false)?;
    Ok((String::from_utf8(path).unwrap(), is_directory))
}

#[test]
fn names_are_decoded_once_and_joined() {
    for (raw, path, is_directory) in [
        ("/", ".", true),
        ("", ".", true),
        ("//", ".", true),
        ("///", ".", true),
        ("/a", "a", false),
        ("a", "a", false),
        ("/a/", "a", true),
        ("/a//", "a", true),
        ("/a/b.txt", "a/b.txt", false),
        ("/a//b.txt", "a/b.txt", false),
        ("//a/b.txt", "a/b.txt", false),
        ("/a%20b", "a b", false),
        ("/a/b%20c/d", "a/b c/d", false),
        ("/a%20b/", "a b", true),
        ("/%C3%BC%c3%bc/ü", "üü/ü", false),
        ("/%2561", "%61", false),
        ("/50%25off", "50%off", false),
        ("/100%25", "100%", false),
        ("/a%252", "a%2", false),
        ("/a..b/c...", "a..b/c...", false),
        ("/.well-known/acme", ".well-known/acme", false),
        ("//.well-known/acme", ".well-known/acme", false),
        ("/%2ewell-known/", ".well-known", true),
        ("/a:b*c?", "a:b*c?", false),
        ("/a%0d%0a%7f", "a\r\n\x7f", false),
    ] {
        assert_eq!(parse(raw), Ok((path.into(), is_directory)), "{raw}");
    }
}

#[test]
fn names_that_are_not_utf_8_are_names() {
    for (raw, path) in [
        // Latin-1.
        (&b"/caf%E9"[..], &b"caf\xe9"[..]),
        (b"/caf\xe9.txt", b"caf\xe9.txt"),
        (b"/%FCber/%DC", b"\xfcber/\xdc"),
        (b"/\x80\xbf", b"\x80\xbf"),
        (b"/a%C0", b"a\xc0"),
        (b"/%C0b", b"\xc0b"),
        // The shortest forms of their characters.
        (b"/%C2%80", b"\xc2\x80"),
        (b"/%E0%A0%80", b"\xe0\xa0\x80"),
        (b"/%F0%90%80%80", b"\xf0\x90\x80\x80"),
    ] {
        assert_eq!(
            parse_with(raw, false),
            Ok((path.to_vec(), false)),
            "{raw:?}"
        );
    }
}

#[test]
fn what_leads_elsewhere_is_refused() {
    for raw in [
        "/..",
        "/../etc/passwd",
        "/a/../../etc/passwd",
        "/./a",
        "/a/.",
        "/a/./",
        "/%2e%2e/etc/passwd",
        "/%2E%2e/",
        "/.%2e/",
        "/%2e/",
        "/..%2fetc",
        "/a%2fb",
        "/a%2F..%2Fb",
        "/%2f",
        "/a\\b",
        "/..\\etc",
        "/%5c..%5C",
        "/..%5c",
        // Encoded twice, the second time whole or in part.
        "/%252e%252e/x",
        "/a%252fb",
        "/a%255Cb",
        "/a%2500",
        "/%25252e",
        "/%25%32%65",
        "/a%252E",
        // UTF-8 in more bytes than needed.
        "/%c0%ae%c0%ae/etc",
        "/a%c0%afb",
        "/a%c1%9cb",
        "/%e0%80%ae",
        "/%e0%9f%bf",
        "/%f0%80%80%af",
        "/%f8%80%80%80%ae",
        "/%fc%80%80%80%80%ae",
    ] {
        for hidden in [false, true] {
            let parsed = parse_with(raw.as_bytes(), hidden);
            let is_refused = matches!(parsed, Err(Refusal::NotServed | Refusal::Separator));
            assert!(is_refused, "{raw}: {parsed:?}");
        }
    }
}

#[test]
fn a_separator_in_a_name_may_be_for_an_application() {
    for raw in ["/a%2fb", "/%2F", "/docs/a\\b", "/a%5Cb/c"] {
        assert_eq!(parse(raw), Err(Refusal::Separator), "{raw}");
    }
    for raw in ["/..%2fb", "/.git%2fconfig", "/a%2fb%252f", "/a%5c%c0%ae"] {
        assert_eq!(parse(raw), Err(Refusal::NotServed), "{raw}");
    }
}

#[test]
fn names_that_begin_with_a_dot_are_served_if_they_may_be() {
    for raw in [
        "/.git/config",
        "/a/.env",
        "/.htpasswd",
        "/...",
        "/a/.well-known/x",
        "/.well-knownx",
        "/.well-known/.x",
        "/.WELL-KNOWN/x",
    ] {
        assert_eq!(parse(raw), Err(Refusal::NotServed), "{raw}");
        let shown = parse_with(raw.as_bytes(), true);
        assert_eq!(shown, Ok((raw.as_bytes()[1..].to_vec(), false)), "{raw}");
    }
    let encoded = parse_with(b"/%2egit", true);
    assert_eq!(encoded, Ok((b".git".to_vec(), false)));
}

#[test]
fn what_is_no_path_is_malformed() {
    for raw in [
        "/%",
        "/%4",
        "/%zz",
        "/%4g",
        "/a%/b",
        "/a%2",
        "/%00",
        "/a%00.txt",
        "/\0",
        "/%+1",
        "/%u002e",
        "/a\0",
    ] {
        assert_eq!(parse(raw), Err(Refusal::Malformed), "{raw}");
    }
}

#[test]
fn the_longest_path_has_room_for_its_nul() {
    let longest = format!("/{}", "a".repeat(PATH_BYTES_MAX - 1));
    assert_eq!(parse(&longest).unwrap().0.len(), PATH_BYTES_MAX - 1);
    assert!(parse(&format!("{longest}/")).unwrap().1);
    assert_eq!(parse(&format!("{longest}a")), Err(Refusal::NotServed));
    let encoded = format!("/{}", "%61".repeat(PATH_BYTES_MAX - 1));
    assert_eq!(parse(&encoded), parse(&longest));
    assert_eq!(parse(&format!("{encoded}a")), Err(Refusal::NotServed));

    let (mut parsed, mut joined) = (Vec::new(), Vec::new());
    let shorter = &longest.as_bytes()[..PATH_BYTES_MAX - 4];
    let path = FilePath::parse(shorter, false, &mut parsed).unwrap();
    let fits = path.join("abc", &mut joined).unwrap();
    assert_eq!(fits.as_c_str().count_bytes(), PATH_BYTES_MAX - 1);
    assert!(path.join("abcd", &mut joined).is_none());
}

#[test]
fn a_name_is_joined_to_a_directory() {
    let join = |raw: &str| {
        let (mut parsed, mut joined) = (Vec::new(), b"before".to_vec());
        let path = FilePath::parse(raw.as_bytes(), false, &mut parsed).unwrap();
        let path = path.join("index.html", &mut joined).unwrap();
        assert!(!path.is_directory());
        path.as_c_str().to_str().unwrap().to_owned()
    };
    assert_eq!(join("/"), "index.html");
    assert_eq!(join("/a/b/"), "a/b/index.html");
}

#[test]
fn names_of_our_own_are_taken_as_they_are() {
    let from_names = |names: &[u8]| {
        let mut buffer = b"before".to_vec();
        let path = FilePath::from_names(names, &mut buffer)?;
        Some((path.as_c_str().to_bytes().to_vec(), path.is_directory()))
    };
    for (names, path, is_directory) in [
        (&b""[..], &b"."[..], true),
        (b"/", b".", true),
        (b"a", b"a", false),
        (b"//a//b/", b"a/b", true),
        (b".git/%2e%2e/a\\b", b".git/%2e%2e/a\\b", false),
        (b"\xc0\xae", b"\xc0\xae", false),
    ] {
        let expected = Some((path.to_vec(), is_directory));
        assert_eq!(from_names(names), expected, "{names:?}");
    }
    let too_long = "a/".repeat(PATH_BYTES_MAX);
    for names in [
        &b".."[..],
        b"a/../b",
        b"./a",
        b"a/.",
        b"a\0b",
        too_long.as_bytes(),
    ] {
        assert_eq!(from_names(names), None, "{}", names.escape_ascii());
    }
}

#[test]
fn a_name_has_its_extension() {
    for (name, expected) in [
        ("a.txt", "txt"),
        ("a.tar.gz", "gz"),
        ("a.", ""),
        ("a", ""),
        ("", ""),
        (".env", ""),
        (".env.local", "local"),
    ] {
        assert_eq!(extension(name.as_bytes()), expected.as_bytes(), "{name}");
    }
}

/// The same by the letter of the rules, however slow.
fn naive(raw: &[u8], hidden: bool) -> Result<(Vec<u8>, bool), Refusal> {
    let mut names = Vec::new();
    for encoded in raw.split(|byte| *byte == b'/') {
        if encoded.is_empty() {
            continue;
        }
        let name = naive_decode(encoded).ok_or(Refusal::Malformed)?;
        let lower = name.to_ascii_lowercase();
        let has = |text: &[u8]| lower.windows(text.len()).any(|part| part == text);
        let is_shown = hidden || (names.is_empty() && name == b".well-known");
        if name == b"."
            || name == b".."
            || (name[0] == b'.' && !is_shown)
            || [b"%2e", b"%2f", b"%5c", b"%00", b"%25"]
                .into_iter()
                .any(|text| has(text))
            || (1..name.len()).any(|at| naive_is_overlong(name[at - 1], name[at]))
        {
            return Err(Refusal::NotServed);
        }
        if [&b"/"[..], b"\\"].into_iter().any(has) {
            return Err(Refusal::Separator);
        }
        names.push(name);
    }
    let is_directory = raw.is_empty() || raw.ends_with(b"/");
    match names.join(&b'/') {
        path if path.len() > 4095 => Err(Refusal::NotServed),
        path if path.is_empty() => Ok((b".".to_vec(), is_directory)),
        path => Ok((path, is_directory)),
    }
}

/// The bytes without escapes; `None` for a broken one and for a NUL.
fn naive_decode(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < encoded.len() {
        let byte = if encoded[at] == b'%' {
            let digits = encoded.get(at + 1..at + 3)?;
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            at += 3;
            u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?
        } else {
            at += 1;
            encoded[at - 1]
        };
        if byte == 0 {
            return None;
        }
        decoded.push(byte);
    }
    Some(decoded)
}

/// Whether the largest character that can begin with these two bytes fits in fewer bytes.
fn naive_is_overlong(lead: u8, next: u8) -> bool {
    let bytes = lead.leading_ones();
    if !(2..=6).contains(&bytes) || next & 0xc0 != 0x80 {
        return false;
    }
    let lead_bits = u32::from(lead & (0x7f >> bytes));
    let two = lead_bits << 6 | u32::from(next & 0x3f);
    let rest_bits = 6 * (bytes - 2);
    let largest = two << rest_bits | ((1 << rest_bits) - 1);
    let needs_all_from = if bytes == 2 {
        0x80
    } else {
        1 << (5 * bytes - 4)
    };
    largest < needs_all_from
}

#[test]
fn every_path_comes_to_what_the_rules_say() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as usize % below
    };
    let parts: [&[u8]; 24] = [
        b"%",
        b"%",
        b"%25",
        b".",
        b".",
        b"..",
        b"/",
        b"/",
        b"2e",
        b"2E",
        b"2f",
        b"5c",
        b"5C",
        b"00",
        b"\\",
        b"a",
        b"b",
        b".well-known",
        b"%2e",
        b"%c0",
        b"%ae",
        b"\0",
        b"index.html",
        b"+",
    ];
    let mut counts = [0; 4];
    let mut raw = Vec::new();
    for case in 0..300_000 {
        raw.clear();
        for _ in 0..random(10) {
            match random(8) {
                0 => raw.push(random(256) as u8),
                1 => raw.push(0x80 | random(128) as u8),
                2 => raw.extend_from_slice(format!("%{:02x}", random(256)).as_bytes()),
                3 => raw.extend_from_slice(b"name"),
                _ => raw.extend_from_slice(parts[random(parts.len())]),
            }
        }
        let hidden = case % 2 == 0;
        let expected = naive(&raw, hidden);
        assert_eq!(parse_with(&raw, hidden), expected, "{}", raw.escape_ascii());
        counts[match expected {
            Ok(_) => 0,
            Err(Refusal::Malformed) => 1,
            Err(Refusal::NotServed) => 2,
            Err(Refusal::Separator) => 3,
        }] += 1;
    }
    // All outcomes are common, so that none goes unproved.
    assert!(counts.iter().all(|count| *count > 15_000), "{counts:?}");
}
