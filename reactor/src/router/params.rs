//! What the parameters of a route matched, as ranges of the path: it borrows neither the path nor
//! the router, so that a worker keeps one table for all its requests. Names are the route's.

use std::borrow::Cow;
use std::ops::Range;

/// How many parameters a pattern can have.
pub const PARAMS_MAX: usize = 16;

/// Path bytes that a lookup takes; ranges are 16 bits wide.
pub const PATH_BYTES_MAX: usize = u16::MAX as usize;

/// The parameter values of the last lookup, in the order of their names in the pattern. The owner
/// keeps it across lookups; each lookup begins by emptying it, and leaves it empty unless it finds
/// a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params {
    ranges: [(u16, u16); PARAMS_MAX],
    len: u8,
}

impl Params {
    /// An empty table.
    pub fn new() -> Params {
        Params::default()
    }

    /// How many parameters were matched.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether no parameter was matched.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where in the path the value of the parameter of this index lies.
    pub fn range(&self, index: usize) -> Option<Range<usize>> {
        self.ranges().nth(index)
    }

    /// The ranges of all parameters, in the order of the pattern.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        let matched = self.ranges.iter().take(self.len());
        matched.map(|&(start, end)| usize::from(start)..usize::from(end))
    }

    /// The value of the parameter of this index, still percent-encoded. `path` is the path that was
    /// looked up.
    pub fn value<'p>(&self, index: usize, path: &'p [u8]) -> Option<&'p [u8]> {
        path.get(self.range(index)?)
    }

    /// The value of the parameter of this name, still percent-encoded. `names` are those of the
    /// matched route, `path` is the path that was looked up.
    pub fn named<'p>(&self, name: &str, names: &[Box<str>], path: &'p [u8]) -> Option<&'p [u8]> {
        let index = names.iter().position(|known| **known == *name)?;
        self.value(index, path)
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds a range. No pattern has more than [`PARAMS_MAX`], and no path more bytes than
    /// [`PATH_BYTES_MAX`], so nothing is lost.
    #[inline]
    pub(super) fn push(&mut self, start: usize, end: usize) {
        if let Some(slot) = self.ranges.get_mut(usize::from(self.len)) {
            *slot = (start as u16, end as u16);
            self.len += 1;
        }
    }

    /// Takes the last range away and tells where it began.
    pub(super) fn pop(&mut self) -> usize {
        self.len = self.len.saturating_sub(1);
        usize::from(self.ranges[usize::from(self.len) % PARAMS_MAX].0)
    }
}

/// Percent-decodes one value (RFC 3986 section 2.1). Allocates only if there is a `%`. A `%` that
/// two hexadecimal digits do not follow stays as it is.
///
/// The result is bytes, because a client may encode any of them: not always UTF-8, and possibly
/// `/`, `..` or NUL, so whoever makes a file name of it checks it *after* decoding.
pub fn decode(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'%', value) else {
        return Cow::Borrowed(value);
    };
    let (plain, mut rest) = value.split_at(first);
    let mut decoded = Vec::with_capacity(value.len());
    decoded.extend_from_slice(plain);
    while let Some((&byte, after)) = rest.split_first() {
        match (byte, after) {
            (b'%', [high, low, ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(nibble(*high) << 4 | nibble(*low));
                rest = &after[2..];
            }
            _ => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    Cow::Owned(decoded)
}

/// Percent-decodes one value that must be text: `None` if what comes out is not UTF-8, which a
/// handler best answers with 400. Nothing is replaced, so that two different values never become
/// the same text.
pub fn decode_text(value: &[u8]) -> Option<Cow<'_, str>> {
    match decode(value) {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// The value of a hexadecimal digit.
fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_name_parts_of_the_path() {
        let mut params = Params::new();
        params.push(1, 3);
        params.push(4, 4);
        let names: [Box<str>; 2] = ["a".into(), "b".into()];
        assert_eq!(params.value(0, b"/xy/"), Some(&b"xy"[..]));
        assert_eq!(params.named("b", &names, b"/xy/"), Some(&b""[..]));
        assert_eq!(params.named("c", &names, b"/xy/"), None);
        assert_eq!(params.value(2, b"/xy/"), None);
        assert_eq!(params.value(0, b"/x"), None, "a path that is not the one");
    }

    #[test]
    fn pop_undoes_push() {
        let mut params = Params::new();
        params.push(1, 3);
        params.push(7, 9);
        assert_eq!(params.pop(), 7);
        assert!(params.ranges().eq(std::iter::once(1..3)));
    }

    #[test]
    fn decoding() {
        for (encoded, decoded) in [
            ("", ""),
            ("plain", "plain"),
            ("a%20b", "a b"),
            ("%2f%2F", "//"),
            ("%41%5a%7A", "AZz"),
            ("100%", "100%"),
            ("%4", "%4"),
            ("%zz%41", "%zzA"),
            ("%%41", "%A"),
            ("%c3%a9", "é"),
            ("a+b", "a+b"),
        ] {
            assert_eq!(decode(encoded.as_bytes()), decoded.as_bytes(), "{encoded}");
            assert_eq!(decode_text(encoded.as_bytes()).as_deref(), Some(decoded));
        }
        assert!(matches!(decode(b"plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn every_byte_survives_encoding_and_decoding() {
        for byte in 0..=255u8 {
            let lower = format!("x%{byte:02x}y");
            let upper = format!("x%{byte:02X}y");
            assert_eq!(*decode(lower.as_bytes()), [b'x', byte, b'y']);
            assert_eq!(*decode(upper.as_bytes()), [b'x', byte, b'y']);
        }
    }

    #[test]
    fn text_that_is_not_utf8_is_refused() {
        assert_eq!(decode_text(b"%ff"), None);
        assert_eq!(decode_text(b"\xff"), None);
    }
}
