//! What tells one state of a file from another: entity-tags and dates (RFC 9110 section 8.8).
//!
//! Owns how our own tags are made of a file's time and size, and how they compare with those that
//! clients send. Must not know of requests nor of the fields that carry tags.

use std::fmt;
use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

use httpdate::HttpDate;

use crate::files::stamp::Since;

/// How long a file must have been left alone for its tag to be strong. Within the resolution of the
/// file system's clock (10 ms on Linux, two seconds on FAT) a file can change without a new time.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// The first second that has no form in HTTP any more: the year 10000.
pub const HTTP_DATE_END: Duration = Duration::from_secs(253_402_300_800);

/// Room for the name of a coding in a tag; there is none longer than `compress`.
const CODING_BYTES_MAX: usize = 16;

/// `W/`, two quotes, `s`, the time in at most 24 digits, the size in at most 16, the coding, two
/// dashes.
const TEXT_BYTES_MAX: usize = 2 + 2 + 1 + 24 + 16 + CODING_BYTES_MAX + 2;

/// The entity-tag of a file: `"18a3f2c4d5e6f708-400"`, which is its time in nanoseconds and its
/// size in bytes, both in hexadecimal. An `s` before them marks the time that the system has seen.
/// It is kept as the text that `ETag` has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ETag {
    text: [u8; TEXT_BYTES_MAX],
    length: u8,
    is_weak: bool,
}

impl ETag {
    /// The tag of a file of `size` bytes that has been as it is since then.
    ///
    /// `coding` is the content coding of what is sent, as codings of one file need tags of their
    /// own (section 8.8.3.3); at most 16 bytes of its name are taken. `weak` marks a tag that other
    /// bytes might have as well: see [`is_settled`].
    pub fn of(since: Since, size: u64, coding: Option<&'static str>, weak: bool) -> ETag {
        let mut tag = ETag {
            text: [0; TEXT_BYTES_MAX],
            length: 0,
            is_weak: weak,
        };
        if weak {
            tag.push(b"W/");
        }
        tag.push(b"\"");
        if let Since::Changed(_) = since {
            tag.push(b"s");
        }
        tag.push_hex(since.time().as_nanos());
        tag.push(b"-");
        tag.push_hex(size.into());
        if let Some(coding) = coding {
            tag.push(b"-");
            let coding = coding.as_bytes();
            tag.push(&coding[..coding.len().min(CODING_BYTES_MAX)]);
        }
        tag.push(b"\"");
        tag
    }

    /// The value of the field `ETag`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..self.length.into()]
    }

    /// Whether other bytes might have the same tag.
    pub fn is_weak(&self) -> bool {
        self.is_weak
    }

    /// Whether both are strong and the same (section 8.8.3.2, strong comparison).
    pub fn matches_strongly(&self, sent: SentTag<'_>) -> bool {
        !self.is_weak && !sent.is_weak && self.opaque() == sent.opaque
    }

    /// Whether they are the same but for weakness (section 8.8.3.2, weak comparison).
    pub fn matches_weakly(&self, sent: SentTag<'_>) -> bool {
        self.opaque() == sent.opaque
    }

    /// The tag in its quotes, without the mark of weakness.
    fn opaque(&self) -> &[u8] {
        let start = if self.is_weak { 2 } else { 0 };
        &self.text[start..self.length.into()]
    }

    fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.length);
        self.text[start..start + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len() as u8;
    }

    fn push_hex(&mut self, value: u128) {
        let digits = (u128::BITS - value.leading_zeros()).div_ceil(4).max(1);
        for digit in (0..digits).rev() {
            let digit = (value >> (4 * digit)) as usize & 15;
            self.push(&b"0123456789abcdef"[digit..=digit]);
        }
    }
}

impl fmt::Debug for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

/// An entity-tag as a client sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentTag<'a> {
    is_weak: bool,
    /// The tag in its quotes.
    opaque: &'a [u8],
}

impl<'a> SentTag<'a> {
    /// The tag that `text` is; `None` if it is none, or has something behind it.
    pub fn parse(text: &'a [u8]) -> Option<SentTag<'a>> {
        SentTag::split_from(text)
            .filter(|(_, rest)| rest.is_empty())
            .map(|(tag, _)| tag)
    }

    /// The tag that `text` begins with, and what is behind it. All but a quote may be in a tag:
    /// what the RFC does not allow there is never in ours either.
    pub fn split_from(text: &'a [u8]) -> Option<(SentTag<'a>, &'a [u8])> {
        let (is_weak, text) = match text.strip_prefix(b"W/") {
            Some(text) => (true, text),
            None => (false, text),
        };
        let inside = text.strip_prefix(b"\"")?;
        let length = inside.iter().position(|byte| *byte == b'"')? + 2;
        let (opaque, rest) = text.split_at(length);
        Some((SentTag { is_weak, opaque }, rest))
    }
}

/// Whether a file has not changed lately, so that its tag may be strong. One that is to change in
/// the future has.
pub fn is_settled(modified: Duration, now: Duration) -> bool {
    now.checked_sub(modified)
        .is_some_and(|age| age >= SETTLED_AFTER)
}

/// A time in the preferred form of HTTP (section 5.6.7): `Fri, 20 Nov 2026 13:14:05 GMT`. `None`
/// from the year 10000 on.
///
/// `Last-Modified` must not be later than `Date` (section 8.8.2.1): give the earlier of the two.
pub fn http_date(since_epoch: Duration) -> Option<[u8; 29]> {
    if since_epoch >= HTTP_DATE_END {
        return None;
    }
    let mut text = [0; 29];
    let date = HttpDate::from(UNIX_EPOCH + since_epoch);
    write!(&mut text[..], "{date}").ok()?;
    Some(text)
}

/// The whole seconds from the epoch to a date in one of the three forms of section 5.6.7. `None`
/// for all else, and for dates before the epoch.
pub fn parse_http_date(text: &[u8]) -> Option<Duration> {
    let date = httpdate::parse_http_date(std::str::from_utf8(text).ok()?).ok()?;
    date.duration_since(UNIX_EPOCH).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    use Since::{Changed, Modified};

    const SECOND: Duration = Duration::from_secs(1);

    /// Section 8.8.3: time, size, coding, whether it is weak, and the field.
    const TAGS: &[(Since, u64, Option<&str>, bool, &str)] = &[
        (Modified(Duration::ZERO), 0, None, false, r#""0-0""#),
        (
            Modified(Duration::from_nanos(0xabc)),
            0x400,
            None,
            false,
            r#""abc-400""#,
        ),
        (
            Modified(Duration::from_nanos(0xabc)),
            0x400,
            None,
            true,
            r#"W/"abc-400""#,
        ),
        (
            Modified(Duration::from_nanos(0xabc)),
            0x400,
            Some("gzip"),
            false,
            r#""abc-400-gzip""#,
        ),
        (
            Modified(Duration::from_nanos(0xabc)),
            0x400,
            Some("br"),
            true,
            r#"W/"abc-400-br""#,
        ),
        (
            Modified(Duration::from_nanos(0x18a3_f2c4_d5e6_f708)),
            1 << 32,
            None,
            false,
            r#""18a3f2c4d5e6f708-100000000""#,
        ),
        // All there is room for.
        (
            Changed(Duration::MAX),
            u64::MAX,
            Some("a-coding-of-16-b"),
            true,
            r#"W/"s3b9ac9ffffffffffffffffff-ffffffffffffffff-a-coding-of-16-b""#,
        ),
        (
            Changed(Duration::ZERO),
            1,
            Some("a-coding-of-16-bytes"),
            false,
            r#""s0-1-a-coding-of-16-b""#,
        ),
    ];

    #[test]
    fn a_tag_has_time_size_and_coding() {
        for (since, size, coding, weak, text) in TAGS {
            let tag = ETag::of(*since, *size, *coding, *weak);
            assert_eq!(format!("{tag:?}"), text.escape_default().to_string());
            assert_eq!(tag.as_bytes(), text.as_bytes());
            assert_eq!(tag.is_weak(), *weak);
            let sent = SentTag::parse(tag.as_bytes()).unwrap();
            assert!(tag.matches_weakly(sent), "{text}");
            assert_eq!(tag.matches_strongly(sent), !weak, "{text}");
        }
    }

    #[test]
    fn tags_of_different_states_differ() {
        let times = [0, 1, 0x10, 1_000_000_000].map(Duration::from_nanos);
        let sizes = [0, 1, 0x10, 1 << 32, u64::MAX];
        let codings = [None, Some("gzip"), Some("br"), Some("zstd")];
        let mut all = Vec::new();
        for since in times.map(Modified).into_iter().chain(times.map(Changed)) {
            for size in sizes {
                all.extend(codings.map(|coding| ETag::of(since, size, coding, false)));
            }
        }
        for (index, tag) in all.iter().enumerate() {
            let sent = SentTag::parse(tag.as_bytes()).unwrap();
            let same: Vec<usize> = (0..all.len())
                .filter(|other| all[*other].matches_weakly(sent))
                .collect();
            assert_eq!(same, [index], "{tag:?}");
        }
    }

    /// Section 8.8.3.2, the table there: our tag, theirs, the strong and the weak comparison.
    const COMPARISONS: &[(&str, &str, bool, bool)] = &[
        (r#"W/"1-1""#, r#"W/"1-1""#, false, true),
        (r#"W/"1-1""#, r#"W/"2-1""#, false, false),
        (r#"W/"1-1""#, r#""1-1""#, false, true),
        (r#""1-1""#, r#"W/"1-1""#, false, true),
        (r#""1-1""#, r#""1-1""#, true, true),
        (r#""1-1""#, r#""2-1""#, false, false),
        (r#""1-1""#, r#""1-1-gzip""#, false, false),
        (r#""1-1""#, r#""1-""#, false, false),
        (r#""1-1""#, r#""""#, false, false),
    ];

    #[test]
    fn tags_compare_strongly_and_weakly() {
        for (own, sent, strongly, weakly) in COMPARISONS {
            let tag = ETag::of(
                Modified(Duration::from_nanos(1)),
                1,
                None,
                own.starts_with('W'),
            );
            assert_eq!(tag.as_bytes(), own.as_bytes());
            let sent = SentTag::parse(sent.as_bytes()).unwrap();
            assert_eq!(tag.matches_strongly(sent), *strongly, "{own} {sent:?}");
            assert_eq!(tag.matches_weakly(sent), *weakly, "{own} {sent:?}");
        }
    }

    #[test]
    fn what_is_no_tag_is_not_parsed() {
        let texts = [
            "", "\"", "W/", "W/\"", "a", "a\"\"", "w/\"a\"", "W\"a\"", "W/ \"a\"", "'a'",
        ];
        let behind = ["\"a\" ", "\"a\"b", "\"a\"\"", "\"a\",\"b\"", "*"];
        for text in texts.into_iter().chain(behind) {
            assert_eq!(SentTag::parse(text.as_bytes()), None, "{text}");
        }
        for text in [&b"\"\""[..], b"W/\"\"", b"\"\xe4\xff\"", b"\"a, W/b\""] {
            assert!(SentTag::parse(text).is_some(), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_file_settles_in_two_seconds() {
        let modified = Duration::new(100, 500);
        let nanosecond = Duration::from_nanos(1);
        assert!(!is_settled(modified, modified));
        assert!(!is_settled(modified, modified + SECOND * 2 - nanosecond));
        assert!(is_settled(modified, modified + SECOND * 2));
        assert!(is_settled(Duration::ZERO, modified));
        // In the future.
        assert!(!is_settled(modified, modified - nanosecond));
        assert!(!is_settled(Duration::MAX, modified));
    }

    /// Section 5.6.7: what was sent, and the seconds since the epoch.
    const DATES: &[(&str, Option<u64>)] = &[
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
        ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
        ("Wed Nov 16 08:49:37 1994", Some(784_975_777)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("Thu, 29 Feb 2024 23:59:59 GMT", Some(1_709_251_199)),
        // Beyond 32 bits.
        ("Fri, 01 Jan 2106 00:00:00 GMT", Some(4_291_747_200)),
        ("Mon, 01 Jan 2107 00:00:00 GMT", None),
        ("Sat, 01 Jan 2107 00:00:00 GMT", Some(4_323_283_200)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
        ("", None),
        ("0", None),
        ("784111777", None),
        ("Sun, 06 Nov 1994 08:49:37", None),
        ("Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("Sun, 06 Nov 1994 08:49:37 +0000", None),
        (
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            None,
        ),
        ("Sun, 06 Nov 1994 08:49:37 GMT; length=1024", None),
        ("Mon, 06 Nov 1994 08:49:37 GMT", None),
        ("sun, 06 nov 1994 08:49:37 gmt", None),
        ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 24:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:60:37 GMT", None),
        ("Sat, 06 Nov 1869 08:49:37 GMT", None),
        ("S\u{fc}n, 06 Nov 1994 08:49:37 GMT", None),
    ];

    #[test]
    fn dates_have_three_forms() {
        for (text, seconds) in DATES {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(parse_http_date(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(parse_http_date(b"Sun, 06 Nov 1994 08:49:37 GM\xff"), None);
    }

    #[test]
    fn a_date_is_written_in_the_preferred_form() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (1_795_180_445, "Fri, 20 Nov 2026 13:14:05 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            let written = http_date(Duration::new(seconds, 999_999_999)).unwrap();
            assert_eq!(written, text.as_bytes());
            assert_eq!(
                parse_http_date(&written),
                Some(Duration::from_secs(seconds))
            );
        }
        assert_eq!(http_date(HTTP_DATE_END), None);
        assert_eq!(http_date(Duration::MAX), None);
    }
}
