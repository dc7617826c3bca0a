//! Every case of RFC 9110 section 13, by its section.

use super::Verdict::{Failed, NotModified, Proceed};
use super::*;
use crate::files::stamp::Since;

/// The file of the tables was last changed at [`MODIFIED`], a little after the full second.
const MODIFIED: Duration = Duration::new(784_111_777, 123_456_789);
const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

/// The tag `"a-b"` or `W/"a-b"`.
fn etag(weak: bool) -> ETag {
    ETag::of(Since::Modified(Duration::from_nanos(0xa)), 0xb, None, weak)
}

/// The conditions in these lines of a head.
fn collected(lines: &[String]) -> Option<Conditions<'_>> {
    Conditions::collect(|name| {
        lines.iter().filter_map(move |line| {
            let (own, value) = line.split_once(':').unwrap();
            let is_name = own.eq_ignore_ascii_case(name.as_str());
            is_name.then_some(value.trim().as_bytes())
        })
    })
}

/// The lines of a head, in which `AT`, `BEFORE` and `AFTER` stand for dates.
fn lines(text: &str) -> Vec<String> {
    let dated = |line: &str| {
        line.replace("BEFORE", BEFORE)
            .replace("AFTER", AFTER)
            .replace("AT", AT)
    };
    text.split(" | ").map(dated).collect()
}

/// A line of a table.
struct Case {
    text: &'static str,
    /// The column behind the section.
    key: &'static str,
    /// The status for a file with a strong tag.
    strong: &'static str,
    /// The status for a file with a weak tag.
    weak: &'static str,
    lines: Vec<String>,
}

fn cases(table: &'static str) -> impl Iterator<Item = Case> {
    table.trim().lines().map(|text| {
        let mut words = text.split_whitespace().skip(1);
        let mut word = || words.next().unwrap();
        let (key, strong, weak, first) = (word(), word(), word(), word());
        let head = &text[text.find(first).unwrap()..];
        Case {
            text,
            key,
            strong,
            weak,
            lines: lines(head),
        }
    })
}

/// Section, method, the status for a file with a strong tag and for one with a weak tag, and the
/// lines of the head.
const CASES: &str = r#"
13.1.1  GET  200 412  If-Match: "a-b"
13.1.1  PUT  200 412  If-Match: "a-b"
13.1.1  GET  412 412  If-Match: W/"a-b"
13.1.1  GET  200 412  If-Match: "x", "a-b", "y"
13.1.1  GET  200 412  If-Match: "x" | If-Match: "a-b"
13.1.1  GET  412 412  If-Match: "x", "y"
13.1.1  PUT  412 412  If-Match: "x"
13.1.1  GET  200 200  If-Match: *
13.1.1  PUT  200 200  If-Match: *
13.1.1  GET  412 412  If-Match: *, "x"
13.1.1  GET  412 412  If-Match: "*"
13.1.1  GET  412 412  If-Match: a-b
13.1.1  GET  412 412  If-Match:
13.1.2  GET  304 304  If-None-Match: "a-b"
13.1.2  GET  304 304  If-None-Match: W/"a-b"
13.1.2  PUT  412 412  If-None-Match: "a-b"
13.1.2  PUT  412 412  If-None-Match: W/"a-b"
13.1.2  GET  304 304  If-None-Match: "x", W/"a-b"
13.1.2  GET  304 304  If-None-Match: "x" | If-None-Match: "a-b"
13.1.2  GET  200 200  If-None-Match: "x"
13.1.2  PUT  200 200  If-None-Match: "x"
13.1.2  GET  304 304  If-None-Match: *
13.1.2  PUT  412 412  If-None-Match: *
13.1.2  GET  200 200  If-None-Match: *, "x"
13.1.2  GET  200 200  If-None-Match: a-b
13.1.2  GET  200 200  If-None-Match: "a-b
13.1.2  GET  200 200  If-None-Match: "a-b-gzip"
13.1.2  GET  200 200  If-None-Match:
13.1.3  GET  200 200  If-Modified-Since: BEFORE
13.1.3  GET  304 304  If-Modified-Since: AT
13.1.3  GET  304 304  If-Modified-Since: AFTER
13.1.3  PUT  200 200  If-Modified-Since: AT
13.1.3  GET  304 304  If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT
13.1.3  GET  304 304  If-Modified-Since: Sun Nov  6 08:49:37 1994
13.1.3  GET  200 200  If-Modified-Since: Sunday, 06-Nov-94 08:49:36 GMT
13.1.3  GET  200 200  If-Modified-Since: Sun Nov  6 08:49:36 1994
13.1.3  GET  200 200  If-Modified-Since: now
13.1.3  GET  200 200  If-Modified-Since: AT, AT
13.1.3  GET  200 200  If-Modified-Since: AT | If-Modified-Since: AT
13.1.3  GET  200 200  If-Modified-Since: AT | If-None-Match: "x"
13.1.3  GET  200 200  If-Modified-Since: AT | If-None-Match: broken
13.1.4  GET  412 412  If-Unmodified-Since: BEFORE
13.1.4  PUT  412 412  If-Unmodified-Since: BEFORE
13.1.4  GET  200 200  If-Unmodified-Since: AT
13.1.4  GET  200 200  If-Unmodified-Since: AFTER
13.1.4  GET  412 412  If-Unmodified-Since: Sunday, 06-Nov-94 08:49:36 GMT
13.1.4  GET  412 412  If-Unmodified-Since: Sun Nov  6 08:49:36 1994
13.1.4  GET  200 200  If-Unmodified-Since: now
13.1.4  GET  200 200  If-Unmodified-Since: BEFORE, BEFORE
13.1.4  GET  200 200  If-Unmodified-Since: BEFORE | If-Unmodified-Since: BEFORE
13.1.4  PUT  200 412  If-Unmodified-Since: BEFORE | If-Match: "a-b"
13.1.4  PUT  412 412  If-Unmodified-Since: AT | If-Match: broken
13.1.5  GET  200 200  If-Range: "x"
"#;

#[test]
fn each_field_means_what_its_section_says() {
    for case in cases(CASES) {
        let conditions = collected(&case.lines);
        for (is_weak, status) in [(false, case.strong), (true, case.weak)] {
            // A date that is repeated is no condition at all.
            let verdict = conditions.as_ref().map_or(Proceed, |conditions| {
                conditions.evaluate(case.key == "GET", &etag(is_weak), Some(MODIFIED))
            });
            let expected = match status {
                "200" => Proceed,
                "304" => NotModified,
                "412" => Failed,
                other => panic!("{other}"),
            };
            assert_eq!(verdict, expected, "{} {is_weak}", case.text);
        }
    }
}

#[test]
fn without_a_date_fields_with_dates_do_not_count() {
    for text in ["If-Modified-Since: AFTER", "If-Unmodified-Since: BEFORE"] {
        let lines = lines(text);
        let verdict = collected(&lines)
            .unwrap()
            .evaluate(true, &etag(false), None);
        assert_eq!(verdict, Proceed, "{text}");
    }
}

#[test]
fn a_request_without_conditions_has_none() {
    let lines = ["Range: bytes=0-1".to_owned(), "Host: here".to_owned()];
    assert!(collected(&[]).is_none());
    assert!(collected(&lines).is_none());
}

/// Section 13.2.2: what each combination of conditions that are true, false or not there comes to.
fn precedence(states: [Option<bool>; 4], is_get: bool) -> Verdict {
    let [if_match, unmodified_since, none_match, modified_since] = states;
    match (
        if_match,
        unmodified_since,
        none_match,
        modified_since,
        is_get,
    ) {
        (Some(false), ..) => Failed,
        (None, Some(false), ..) => Failed,
        (_, _, Some(false), _, true) => NotModified,
        (_, _, Some(false), _, false) => Failed,
        (_, _, None, Some(false), true) => NotModified,
        _ => Proceed,
    }
}

#[test]
fn conditions_have_an_order() {
    const STATES: [Option<bool>; 3] = [None, Some(true), Some(false)];
    let line = |name: &str, state, yes: &str, no: &str| {
        let value = match state {
            None => return None,
            Some(true) => yes,
            Some(false) => no,
        };
        Some(format!("{name}: {value}"))
    };
    let mut verdicts = [0; 3];
    for number in 0..3 * 3 * 3 * 3 * 2 {
        let state = |place: u32| STATES[number / 3_usize.pow(place) % 3];
        let states = [state(0), state(1), state(2), state(3)];
        let is_get = number / 81 == 0;
        let lines: Vec<String> = [
            line("If-Match", states[0], r#""a-b""#, r#""x""#),
            line("If-Unmodified-Since", states[1], AT, BEFORE),
            line("If-None-Match", states[2], r#""x""#, r#""a-b""#),
            line("If-Modified-Since", states[3], BEFORE, AT),
        ]
        .into_iter()
        .flatten()
        .collect();
        let Some(conditions) = collected(&lines) else {
            assert_eq!(states, [None; 4]);
            continue;
        };
        let verdict = conditions.evaluate(is_get, &etag(false), Some(MODIFIED));
        assert_eq!(verdict, precedence(states, is_get), "{is_get} {lines:?}");
        verdicts[verdict as usize] += 1;
    }
    // The first two fields fail in 4 of 9 ways; of the 9 ways of the others, 4 are 304 to a GET and
    // 3 are 412 to a PUT. A request without any condition, of either method, is not evaluated.
    assert_eq!(verdicts, [5 * 5 + 5 * 6 - 2, 5 * 4, 2 * 4 * 9 + 5 * 3]);
}

/// Section, seconds from the file's change to now, the status for a file with a strong tag and for
/// one with a weak tag (206 if the range counts), and the lines of the head.
const IF_RANGE: &str = r#"
14.2     0  206 206  Range: bytes=0-1 | If-Match: *
13.1.5   9  206 200  If-Range: "a-b"
13.1.5   9  200 200  If-Range: W/"a-b"
13.1.5   9  200 200  If-Range: "x"
13.1.5   9  200 200  If-Range: "a-b", "a-b"
13.1.5   9  200 200  If-Range: "a-b" | If-Range: "a-b"
13.1.5   9  200 200  If-Range: "a-b
13.1.5   9  200 200  If-Range: a-b
13.1.5   9  200 200  If-Range: *
13.1.5   9  200 200  If-Range:
13.1.5   9  206 206  If-Range: AT
13.1.5   9  206 206  If-Range: Sunday, 06-Nov-94 08:49:37 GMT
13.1.5   9  206 206  If-Range: Sun Nov  6 08:49:37 1994
13.1.5   9  200 200  If-Range: BEFORE
13.1.5   9  200 200  If-Range: AFTER
13.1.5   9  200 200  If-Range: AT, AT
13.1.5   9  200 200  If-Range: AT | If-Range: AT
13.1.5   9  200 200  If-Range: now
8.8.2.2  0  200 200  If-Range: AT
8.8.2.2  1  206 206  If-Range: AT
"#;

#[test]
fn a_range_counts_for_the_same_bytes_only() {
    for case in cases(IF_RANGE) {
        let conditions = collected(&case.lines).unwrap();
        // The end of the second that is meant.
        let age: u64 = case.key.parse().unwrap();
        let now = Duration::new(MODIFIED.as_secs() + age, 999_999_999);
        for (is_weak, status) in [(false, case.strong), (true, case.weak)] {
            let counts = conditions.if_range(&etag(is_weak), Some(MODIFIED), now);
            let expected = if counts { "206" } else { "200" };
            assert_eq!(status, expected, "{} {is_weak}", case.text);
        }
    }
    let lines = lines("If-Range: AT");
    let conditions = collected(&lines).unwrap();
    assert!(!conditions.if_range(&etag(false), None, Duration::MAX));
    // A clock that was set back.
    assert!(!conditions.if_range(&etag(false), Some(MODIFIED), Duration::ZERO));
}

/// The tags of a list, each in the form `W/"a"`.
fn listed(list: &[u8]) -> Vec<String> {
    SentTags { rest: list }
        .map(|tag| format!("{tag:?}"))
        .collect()
}

/// Section 5.6.1 and 8.8.3: a list, and the tags in it.
const LISTS: &[(&[u8], &[&[u8]])] = &[
    (b"", &[]),
    (b" , ,\t,", &[]),
    (b"\"a\"", &[b"\"a\""]),
    (b"\"a\",\"b\"", &[b"\"a\"", b"\"b\""]),
    (b" \t\"a\" \t, \tW/\"b\"\t", &[b"\"a\"", b"W/\"b\""]),
    (b",,\"a\",,, ,\"b\",,", &[b"\"a\"", b"\"b\""]),
    (b"\"a,b\", \"c , W/\"", &[b"\"a,b\"", b"\"c , W/\""]),
    (b"\"\", W/\"\"", &[b"\"\"", b"W/\"\""]),
    (b"\"\x80\xff\", \"\\\"", &[b"\"\x80\xff\"", b"\"\\\""]),
    (b"\"a\", \"b", &[b"\"a\""]),
    (b"\"a\", W/\"b, c, d", &[b"\"a\""]),
    (b"a, \"b\"", &[b"\"b\""]),
    (b"w/\"a\", \"b\"", &[b"\"b\""]),
    (b"W /\"a\", \"b\"", &[b"\"b\""]),
    (b"W/, \"b\"", &[b"\"b\""]),
    (b"*, \"b\"", &[b"\"b\""]),
    (b"\"a\"x, \"b\"", &[b"\"b\""]),
    (b"\"a\" x, \"b\"", &[b"\"b\""]),
    (b"\"a\" \"b\", \"c\"", &[b"\"c\""]),
    (b"\"a\"\"b\", \"c\"", &[b"\"c\""]),
];

#[test]
fn lists_have_tags() {
    for (list, tags) in LISTS {
        let expected: Vec<String> = tags
            .iter()
            .map(|tag| format!("{:?}", SentTag::parse(tag).unwrap()))
            .collect();
        assert_eq!(listed(list), expected, "{}", list.escape_ascii());
    }
}

/// Takes many minutes if the time is not linear.
#[test]
fn hostile_lists_take_linear_time() {
    const PATTERNS: &[&[u8]] = &[
        b"\"", b",", b" ", b"W", b"W/", b"W/\"", b"\",", b"a,", b"\"a\",", b"\"a\" ", b"x\"",
        b",\"", b"\"\"", b"\"\"x,", b",W/", b"*,",
    ];
    for pattern in PATTERNS {
        let list = pattern.repeat((1 << 20) / pattern.len());
        for list in [&list[..], &list[1..], &list[..list.len() - 1]] {
            assert!(SentTags { rest: list }.count() <= list.len() / 2 + 1);
        }
    }
    let lines = vec!["If-None-Match: \"a\"".to_owned(); 100_000];
    let conditions = collected(&lines).unwrap();
    assert_eq!(conditions.evaluate(true, &etag(false), None), Proceed);
}

#[test]
fn any_bytes_are_a_list() {
    const ALPHABET: &[u8] = b"\"\"\",, W/ab*\xff";
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut found = 0;
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..24)
            .map(|_| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                ALPHABET[random as usize % ALPHABET.len()]
            })
            .collect();
        let tags: Vec<SentTag<'_>> = SentTags { rest: &bytes }.collect();
        found += tags.len();
        // None is longer than what it is in, and none is seen twice.
        let quotes = bytes.iter().filter(|byte| **byte == b'"').count();
        assert!(tags.len() <= quotes / 2, "{}", bytes.escape_ascii());
    }
    assert!(found > 1000, "{found}");
}
