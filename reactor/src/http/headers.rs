//! Header fields: names recognised to small ids, and the table of a parsed head.

use super::Span;

macro_rules! field_names {
    ($($name:ident $text:literal,)*) => {
        /// The name of a header field that the engine or the product treats in some way, as a small
        /// number; all others are [`FieldName::Other`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum FieldName {
            $(
                #[doc = concat!("`", $text, "`")]
                $name,
            )*
            /// A name without an id.
            Other,
        }

        impl FieldName {
            /// Every name that has an id, in the order of the ids.
            pub const KNOWN: &'static [FieldName] = &[$(FieldName::$name,)*];

            /// The name in lower case; empty for [`FieldName::Other`].
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(FieldName::$name => $text,)*
                    FieldName::Other => "",
                }
            }
        }
    };
}

// The names that decide framing and connection come first: `FieldName::frames` compares ids.
field_names! {
    Host "host",
    Connection "connection",
    ContentLength "content-length",
    TransferEncoding "transfer-encoding",
    Expect "expect",
    Upgrade "upgrade",
    Te "te",
    Trailer "trailer",
    KeepAlive "keep-alive",
    ProxyConnection "proxy-connection",
    Accept "accept",
    AcceptEncoding "accept-encoding",
    AcceptLanguage "accept-language",
    AcceptRanges "accept-ranges",
    AccessControlRequestMethod "access-control-request-method",
    Age "age",
    Allow "allow",
    Authorization "authorization",
    CacheControl "cache-control",
    ContentDisposition "content-disposition",
    ContentEncoding "content-encoding",
    ContentRange "content-range",
    ContentType "content-type",
    Cookie "cookie",
    Date "date",
    ETag "etag",
    Expires "expires",
    Forwarded "forwarded",
    From "from",
    IfMatch "if-match",
    IfModifiedSince "if-modified-since",
    IfNoneMatch "if-none-match",
    IfRange "if-range",
    IfUnmodifiedSince "if-unmodified-since",
    LastEventId "last-event-id",
    LastModified "last-modified",
    Link "link",
    Location "location",
    Origin "origin",
    Pragma "pragma",
    Range "range",
    Referer "referer",
    RetryAfter "retry-after",
    SecWebSocketKey "sec-websocket-key",
    Server "server",
    SetCookie "set-cookie",
    Traceparent "traceparent",
    UserAgent "user-agent",
    Vary "vary",
    Via "via",
    WwwAuthenticate "www-authenticate",
    XForwardedFor "x-forwarded-for",
    XForwardedHost "x-forwarded-host",
    XForwardedProto "x-forwarded-proto",
    XRequestId "x-request-id",
}

impl FieldName {
    /// The id of this name, whatever the case of its letters; [`FieldName::Other`] if it has none.
    ///
    /// A name with an id is a token (RFC 9110 section 5.6.2), so recognising it validates it.
    #[inline]
    pub fn from_bytes(name: &[u8]) -> FieldName {
        let Some(key) = Key::of(name) else {
            return FieldName::Other;
        };
        let id = SLOTS[slot(key.first, key.last, MULTIPLIER)];
        if key.spells(&KEYS[id as usize]) {
            id
        } else {
            FieldName::Other
        }
    }

    /// Whether the field takes part in framing or in the life of the connection.
    #[inline]
    pub fn frames(self) -> bool {
        self <= FieldName::Upgrade
    }
}

/// A set of field names: of those that have an id each, and of all others as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(u64);

const _: () = assert!(FieldName::KNOWN.len() < 64, "a set has a bit for each name");

impl FieldSet {
    /// The set of these names.
    pub const fn of(names: &[FieldName]) -> FieldSet {
        let (mut bits, mut at) = (0, 0);
        while at < names.len() {
            bits |= 1 << names[at] as u64;
            at += 1;
        }
        FieldSet(bits)
    }

    /// Adds a name.
    #[inline]
    pub fn insert(&mut self, name: FieldName) {
        self.0 |= 1 << name as u64;
    }

    /// Whether any name is in both sets.
    #[inline]
    pub const fn intersects(self, other: FieldSet) -> bool {
        self.0 & other.0 != 0
    }
}

/// One header field of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name's id.
    pub id: FieldName,
    /// Where the name's text is.
    pub name: Span,
    /// Where the value is, without white space around it.
    pub value: Span,
}

/// Longest name with an id, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// Bit that differs between the upper and the lower case of a letter, in each byte.
const CASE: u64 = 0x2020_2020_2020_2020;

/// Bit that letters have and the only other byte of known names, `-`, has not, in each byte.
const LETTER: u64 = 0x4040_4040_4040_4040;

/// A name in words: its first and its last eight bytes, which overlap in a name of less than
/// sixteen and are four or two each in a name of less than eight or four; and, of a name of more
/// than sixteen, the eight bytes after the first and before the last, which may overlap too.
#[derive(Clone, Copy)]
struct Key {
    first: u64,
    last: u64,
    middle: [u64; 2],
    len: usize,
}

impl Key {
    /// The key of a name, or `None` if no known name has this length.
    #[inline]
    fn of(name: &[u8]) -> Option<Key> {
        let mut middle = [0; 2];
        let (first, last) = match name.len() {
            8..=NAME_BYTES_MAX => {
                if name.len() > 16 {
                    middle = [
                        word(name[8..].first_chunk()?),
                        word(name[..name.len() - 8].last_chunk()?),
                    ];
                }
                (word(name.first_chunk()?), word(name.last_chunk()?))
            }
            4..=7 => (
                u32::from_le_bytes(*name.first_chunk()?).into(),
                u32::from_le_bytes(*name.last_chunk()?).into(),
            ),
            2..=3 => (
                u16::from_le_bytes(*name.first_chunk()?).into(),
                u16::from_le_bytes(*name.last_chunk()?).into(),
            ),
            _ => return None,
        };
        Some(Key {
            first,
            last,
            middle,
            len: name.len(),
        })
    }

    /// [`Key::of`] for the table, at compile time.
    const fn of_known(name: &[u8]) -> Key {
        let len = name.len();
        assert!(len >= 2 && len <= NAME_BYTES_MAX);
        let half = match len {
            2..=3 => 2,
            4..=7 => 4,
            _ => 8,
        };
        Key {
            first: bytes(name, 0, half),
            last: bytes(name, len - half, half),
            middle: match len {
                17.. => [bytes(name, 8, 8), bytes(name, len - 16, 8)],
                _ => [0; 2],
            },
            len,
        }
    }

    /// Whether this name is a known one, whatever the case of its letters.
    #[inline]
    fn spells(&self, known: &Key) -> bool {
        self.len == known.len
            && spells(self.first, known.first)
            && spells(self.last, known.last)
            && (self.len <= 16
                || spells(self.middle[0], known.middle[0])
                    && spells(self.middle[1], known.middle[1]))
    }
}

/// Eight bytes as a word.
#[inline]
fn word(bytes: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*bytes)
}

/// `count` bytes of `name` from `start` as a word.
const fn bytes(name: &[u8], start: usize, count: usize) -> u64 {
    let (mut word, mut i) = (0, 0);
    while i < count {
        word |= (name[start + i] as u64) << (8 * i);
        i += 1;
    }
    word
}

/// Whether `text` is `known`, whatever the case of its letters. Only letters have the case bit
/// added: with it a carriage return would pass for a `-`.
#[inline]
fn spells(text: u64, known: u64) -> bool {
    text | ((known & LETTER) >> 1) == known
}

/// Where a name's id is in [`SLOTS`].
#[inline]
const fn slot(first: u64, last: u64, multiplier: u64) -> usize {
    let mixed = (first | CASE) ^ (last | CASE).rotate_left(29);
    (mixed.wrapping_mul(multiplier) >> 56) as usize
}

/// The keys of all known names, by id. The last is that of [`FieldName::Other`] and fits no name.
static KEYS: [Key; FieldName::KNOWN.len() + 1] = {
    let mut keys = [Key {
        first: 0,
        last: 0,
        middle: [0; 2],
        len: 0,
    }; FieldName::KNOWN.len() + 1];
    let mut i = 0;
    while i < FieldName::KNOWN.len() {
        keys[i] = Key::of_known(FieldName::KNOWN[i].as_str().as_bytes());
        i += 1;
    }
    keys
};

/// The ids of all known names, by [`slot`]: a perfect hash, found while compiling.
static SLOTS: [FieldName; 256] = match slots(MULTIPLIER) {
    Some(slots) => slots,
    None => panic!("two names share a slot"),
};

/// The first odd multiplier of a fixed sequence that gives every known name a slot of its own.
const MULTIPLIER: u64 = {
    let mut multiplier = FIRST_MULTIPLIER;
    while slots(multiplier).is_none() {
        multiplier = multiplier.wrapping_mul(6_364_136_223_846_793_005) | 1;
    }
    multiplier
};

/// Where the search for a multiplier begins: one that fitted when this was written, so that
/// compiling is quick. Names may be added without a care for it.
const FIRST_MULTIPLIER: u64 = 0xfceb_e78b_736a_d93d;

/// The table of ids with this multiplier, or `None` if two names share a slot.
const fn slots(multiplier: u64) -> Option<[FieldName; 256]> {
    let mut slots = [FieldName::Other; 256];
    let mut i = 0;
    while i < FieldName::KNOWN.len() {
        let name = FieldName::KNOWN[i];
        let key = Key::of_known(name.as_str().as_bytes());
        let slot = slot(key.first, key.last, multiplier);
        if !matches!(slots[slot], FieldName::Other) {
            return None;
        }
        slots[slot] = name;
        i += 1;
    }
    Some(slots)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What [`FieldName::from_bytes`] has to give.
    fn oracle(name: &[u8]) -> FieldName {
        FieldName::KNOWN
            .iter()
            .copied()
            .find(|known| known.as_str().as_bytes().eq_ignore_ascii_case(name))
            .unwrap_or(FieldName::Other)
    }

    #[test]
    fn known_names_are_lower_case_letters_and_hyphens() {
        for name in FieldName::KNOWN {
            let text = name.as_str().as_bytes();
            assert!(text.iter().all(|b| b.is_ascii_lowercase() || *b == b'-'));
        }
    }

    #[test]
    fn every_known_name_is_recognised_in_any_case() {
        for name in FieldName::KNOWN {
            let text = name.as_str();
            assert_eq!(FieldName::from_bytes(text.as_bytes()), *name);
            assert_eq!(FieldName::from_bytes(text.to_uppercase().as_bytes()), *name);
        }
    }

    #[test]
    fn one_changed_byte_makes_another_name() {
        for name in FieldName::KNOWN {
            for place in 0..name.as_str().len() {
                for byte in 0..=255 {
                    let mut text = name.as_str().as_bytes().to_vec();
                    text[place] = byte;
                    assert_eq!(FieldName::from_bytes(&text), oracle(&text), "{text:?}");
                }
            }
        }
    }

    #[test]
    fn a_byte_more_or_less_makes_another_name() {
        for name in FieldName::KNOWN {
            let text = name.as_str().as_bytes();
            for len in 0..text.len() {
                assert_eq!(FieldName::from_bytes(&text[..len]), oracle(&text[..len]));
            }
            let longer = [text, b"s"].concat();
            assert_eq!(FieldName::from_bytes(&longer), oracle(&longer));
        }
        assert_eq!(FieldName::from_bytes(&[b'a'; 70_000]), FieldName::Other);
    }

    proptest! {
        #[test]
        fn any_text_is_recognised_as_by_comparing_with_every_name(
            text in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            prop_assert_eq!(FieldName::from_bytes(&text), oracle(&text));
        }
    }
}
