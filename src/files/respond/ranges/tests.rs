//! Every case of RFC 9110 section 14 on ranges, by its section, and what holds for any value.

use super::*;

const GIB: u64 = 1 << 30;

/// Section, the field's value, the length of the file, and the parts in the field's own form.
const CASES: &[(&str, &str, u64, &str)] = &[
    // 14.1: range units
    ("14.1", "bytes=0-4", 10, "0-4"),
    ("14.1", "Bytes=0-4", 10, "0-4"),
    ("14.1", "BYTES=0-4", 10, "0-4"),
    ("14.1", "byte=0-4", 10, "whole"),
    ("14.1", "bytess=0-4", 10, "whole"),
    ("14.1", "items=0-4", 10, "whole"),
    ("14.1", "none", 10, "whole"),
    // 14.1.1: range specifiers
    ("14.1.1", "", 10, "whole"),
    ("14.1.1", "bytes", 10, "whole"),
    ("14.1.1", "bytes=", 10, "whole"),
    ("14.1.1", "bytes 0-4", 10, "whole"),
    ("14.1.1", "bytes =0-4", 10, "whole"),
    ("14.1.1", "=0-4", 10, "whole"),
    ("14.1.1", "bytes==0-4", 10, "whole"),
    ("14.1.1", "bytes=4", 10, "whole"),
    ("14.1.1", "bytes=-", 10, "whole"),
    ("14.1.1", "bytes=--4", 10, "whole"),
    ("14.1.1", "bytes=0--4", 10, "whole"),
    ("14.1.1", "bytes=0-4-", 10, "whole"),
    ("14.1.1", "bytes=+0-4", 10, "whole"),
    ("14.1.1", "bytes=0-+4", 10, "whole"),
    ("14.1.1", "bytes=0x0-4", 10, "whole"),
    ("14.1.1", "bytes=a-b", 10, "whole"),
    ("14.1.1", "bytes=0 - 4", 10, "whole"),
    ("14.1.1", "bytes=0-4;5-6", 10, "whole"),
    ("14.1.1", "bytes=0-4/10", 10, "whole"),
    ("14.1.1", "bytes=0-1,x", 10, "whole"),
    ("14.1.1", "bytes=x,0-1", 10, "whole"),
    ("14.1.1", "bytes=0-1,bytes=3-4", 10, "whole"),
    ("14.1.1", "bytes=0-1,5-4", 10, "whole"),
    ("14.1.1", "bytes=5-4", 10, "whole"),
    ("14.1.1", "bytes=50-40", 10, "whole"),
    ("14.1.1", "bytes=99999999999999999999999-5", 10, "whole"),
    (
        "14.1.1",
        "bytes=000000000000000000000000000001-0000004",
        10,
        "1-4",
    ),
    // 14.1.2: byte ranges
    ("14.1.2", "bytes=0-0", 10, "0-0"),
    ("14.1.2", "bytes=9-9", 10, "9-9"),
    ("14.1.2", "bytes=0-9", 10, "0-9"),
    ("14.1.2", "bytes=0-", 10, "0-9"),
    ("14.1.2", "bytes=9-", 10, "9-9"),
    ("14.1.2", "bytes=10-", 10, "416"),
    ("14.1.2", "bytes=10-10", 10, "416"),
    ("14.1.2", "bytes=4-10", 10, "4-9"),
    ("14.1.2", "bytes=4-1000", 10, "4-9"),
    ("14.1.2", "bytes=4-18446744073709551615", 10, "4-9"),
    ("14.1.2", "bytes=4-18446744073709551616", 10, "4-9"),
    ("14.1.2", "bytes=4-99999999999999999999999999", 10, "4-9"),
    ("14.1.2", "bytes=18446744073709551615-", 10, "416"),
    ("14.1.2", "bytes=99999999999999999999999999-", 10, "416"),
    (
        "14.1.2",
        "bytes=99999999999999999999999998-99999999999999999999999999",
        10,
        "416",
    ),
    (
        "14.1.2",
        "bytes=18446744073709551615-18446744073709551615",
        u64::MAX,
        "416",
    ),
    ("14.1.2", "bytes=-1", 10, "9-9"),
    ("14.1.2", "bytes=-10", 10, "0-9"),
    ("14.1.2", "bytes=-11", 10, "0-9"),
    ("14.1.2", "bytes=-99999999999999999999999999", 10, "0-9"),
    ("14.1.2", "bytes=-0", 10, "416"),
    ("14.1.2", "bytes=-0,-1", 10, "9-9"),
    // An empty file
    ("14.1.2", "bytes=0-", 0, "416"),
    ("14.1.2", "bytes=0-0", 0, "416"),
    ("14.1.2", "bytes=-0", 0, "416"),
    ("14.1.2", "bytes=-1", 0, "whole"),
    ("14.1.2", "bytes=0-,-1", 0, "whole"),
    ("14.1.2", "bytes=x", 0, "whole"),
    // Files beyond 4 GiB
    (
        "14.1.2",
        "bytes=4294967296-4294967296",
        5 * GIB,
        "4294967296-4294967296",
    ),
    (
        "14.1.2",
        "bytes=4294967295-",
        5 * GIB,
        "4294967295-5368709119",
    ),
    ("14.1.2", "bytes=-1", 5 * GIB, "5368709119-5368709119"),
    ("14.1.2", "bytes=5368709120-", 5 * GIB, "416"),
    (
        "14.1.2",
        "bytes=0-1,4294967296-4294967297",
        5 * GIB,
        "0-1,4294967296-4294967297",
    ),
    (
        "14.1.2",
        "bytes=9223372036854775806-",
        (1 << 63) - 1,
        "9223372036854775806-9223372036854775806",
    ),
    // The examples of the section, for 10,000 bytes
    ("14.1.2", "bytes=0-499", 10_000, "0-499"),
    ("14.1.2", "bytes=500-999", 10_000, "500-999"),
    ("14.1.2", "bytes=-500", 10_000, "9500-9999"),
    ("14.1.2", "bytes=9500-", 10_000, "9500-9999"),
    ("14.1.2", "bytes=0-0,-1", 10_000, "0-0,9999-9999"),
    (
        "14.1.2",
        "bytes= 0-0, 4500-5499, -1000",
        10_000,
        "0-0,4500-5499,9000-9999",
    ),
    ("14.1.2", "bytes=500-600,601-999", 10_000, "500-600,601-999"),
    ("14.1.2", "bytes=500-700,601-999", 10_000, "500-700,601-999"),
    // 5.6.1: lists
    ("5.6.1", "bytes=0-1,3-4", 10, "0-1,3-4"),
    ("5.6.1", "bytes=0-1 ,\t3-4 ", 10, "0-1,3-4"),
    ("5.6.1", "bytes=,0-1,, ,3-4,", 10, "0-1,3-4"),
    ("5.6.1", "bytes=,", 10, "whole"),
    ("5.6.1", "bytes= , ,", 10, "whole"),
    // 15.3.7.2: several parts, in the order asked for
    ("15.3.7.2", "bytes=8-9,0-1", 10, "8-9,0-1"),
    ("15.3.7.2", "bytes=0-1,20-30", 10, "0-1"),
    ("15.3.7.2", "bytes=20-30,0-1,-0", 10, "0-1"),
    ("15.3.7.2", "bytes=20-30,0-1,40-,5-6", 10, "0-1,5-6"),
    // 15.5.17: nothing is left
    ("15.5.17", "bytes=20-30,40-,-0", 10, "416"),
    // 17.15: more than the file has
    ("17.15", "bytes=0-4,5-9", 10, "0-4,5-9"),
    ("17.15", "bytes=0-4,0-4", 10, "0-4,0-4"),
    ("17.15", "bytes=0-4,4-9", 10, "whole"),
    ("17.15", "bytes=0-,0-", 10, "whole"),
    ("17.15", "bytes=0-,-1", 10, "whole"),
    ("17.15", "bytes=0-3,0-3,0-3", 10, "whole"),
];

/// The parts in the form of the field, `whole` or `416`.
fn written(ranges: &Ranges) -> String {
    let part = |part: &Part| format!("{}-{}", part.start, part.end - 1);
    match ranges {
        Ranges::Whole => "whole".to_owned(),
        Ranges::Unsatisfiable => "416".to_owned(),
        Ranges::One(only) => part(only),
        Ranges::Several(parts) => parts.iter().map(part).collect::<Vec<_>>().join(","),
    }
}

#[test]
fn each_value_means_what_its_section_says() {
    for (section, value, length, expected) in CASES {
        let ranges = Ranges::parse(value.as_bytes(), *length);
        assert_eq!(written(&ranges), *expected, "{section}: {value} {length}");
    }
}

/// Section 17.15.
#[test]
fn no_more_ranges_than_a_limit_are_granted() {
    let value = |count: usize, element: &str| {
        let elements = vec![element; count];
        format!("bytes={}", elements.join(","))
    };
    let parse = |value: &str| Ranges::parse(value.as_bytes(), 1000);
    let granted = vec!["1-2"; RANGES_MAX].join(",");
    assert_eq!(written(&parse(&value(RANGES_MAX, "1-2"))), granted);
    assert_eq!(parse(&value(RANGES_MAX + 1, "1-2")), Ranges::Whole);
    assert_eq!(parse(&value(RANGES_MAX, "1000-")), Ranges::Unsatisfiable);
    assert_eq!(parse(&value(RANGES_MAX + 1, "1000-")), Ranges::Whole);
    assert_eq!(parse(&value(4000, "0-0")), Ranges::Whole);
    let empty = format!("bytes={}0-0", ",".repeat(16 << 10));
    assert_eq!(written(&parse(&empty)), "0-0");
    let digits = format!("bytes=0-{}", "9".repeat(16 << 10));
    assert_eq!(written(&parse(&digits)), "0-999");
}

/// A small generator of random numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

#[test]
fn parts_of_any_value_are_inside_the_file() {
    const ALPHABET: &[u8] = b"0123456789--,, \t=bx\x00\xff";
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut kinds = [0; 4];
    for _ in 0..100_000 {
        let mut value = b"bytes=".to_vec();
        if random.below(20) == 0 {
            value.clear();
        }
        // Mostly digits and dashes, so that many are valid.
        let common = if random.below(4) == 0 {
            ALPHABET.len()
        } else {
            14
        };
        for _ in 0..random.below(24) {
            value.push(ALPHABET[random.below(common as u64) as usize]);
        }
        let length = [0, 1, 10, 1000, 5 * GIB, u64::MAX][random.below(6) as usize];
        let (kind, parts) = match Ranges::parse(&value, length) {
            Ranges::Whole => (0, Vec::new()),
            Ranges::Unsatisfiable => (1, Vec::new()),
            Ranges::One(part) => (2, vec![part]),
            Ranges::Several(parts) => {
                assert!((2..=RANGES_MAX).contains(&parts.len()));
                (3, parts)
            }
        };
        kinds[kind] += 1;
        let mut sum = 0_u128;
        for part in parts {
            let what = value.escape_ascii();
            assert!(
                part.start < part.end && part.end <= length,
                "{what} {length}"
            );
            assert_eq!(part.length(), part.end - part.start);
            sum += u128::from(part.length());
        }
        assert!(sum <= length.into());
    }
    assert!(kinds.iter().all(|count| *count > 100), "{kinds:?}");
}

/// What one element asks for of a small file, found by looking at each of its bytes: `None` if the
/// element is malformed.
fn wanted(first: Option<u64>, last: Option<u64>, length: u64) -> Option<Vec<u64>> {
    let is_wanted = |byte: &u64| match (first, last) {
        (Some(first), Some(last)) => first <= *byte && *byte <= last,
        (Some(first), None) => first <= *byte,
        (None, Some(suffix)) => byte + suffix >= length,
        (None, None) => false,
    };
    match (first, last) {
        (None, None) => None,
        (Some(first), Some(last)) if last < first => None,
        _ => Some((0..length).filter(is_wanted).collect()),
    }
}

#[test]
fn parts_are_the_bytes_that_were_asked_for() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..100_000 {
        let length = 1 + random.below(20);
        let mut value = "bytes=".to_owned();
        let mut expected = Some(Vec::new());
        for _ in 0..=random.below(4) {
            let mut number = || (random.below(8) > 0).then(|| random.below(25));
            let (first, last) = (number(), number());
            let text = |number: Option<u64>| number.map_or(String::new(), |n| n.to_string());
            value += &format!("{}-{}, ", text(first), text(last));
            let bytes = wanted(first, last, length);
            expected = expected.zip(bytes).map(|(mut all, bytes)| {
                all.push(bytes);
                all
            });
        }
        if let Some(all) = &mut expected {
            all.retain(|bytes| !bytes.is_empty());
        }
        let fits = |all: &Vec<Vec<u64>>| all.concat().len() as u64 <= length;
        let expected = expected.filter(fits);
        let parts = match Ranges::parse(value.as_bytes(), length) {
            Ranges::Whole => None,
            Ranges::Unsatisfiable => Some(Vec::new()),
            Ranges::One(part) => Some(vec![part]),
            Ranges::Several(parts) => Some(parts),
        };
        let bytes = |parts: Vec<Part>| {
            let bytes = parts.iter().map(|part| (part.start..part.end).collect());
            bytes.collect::<Vec<Vec<u64>>>()
        };
        assert_eq!(parts.map(bytes), expected, "{value} {length}");
    }
}
