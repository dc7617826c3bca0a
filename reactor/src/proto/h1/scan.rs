//! The classes of bytes that heads are made of, and the search for the first byte outside a class.
//! Knows nothing of lines or limits.
//!
//! The search works on words of eight bytes with ordinary arithmetic. The vector instructions of
//! `std::arch` cannot be called without `unsafe`, and what compilers make of portable code tells
//! fast whether a block has such a byte, but not where.

/// Offset of the first byte at or after `from` that ends a field value or a reason phrase: any
/// control byte but HTAB, or DEL. The length of `buf` if there is none.
#[inline(always)]
pub(super) fn value_end(buf: &[u8], from: usize) -> usize {
    find_far(
        buf,
        from,
        // Below 0x20 or 0x7f, and below 0x80, and not HTAB.
        |word| {
            let low = word & LOW;
            !((low + each(0x60)) & !(low + each(0x01)) | word) & HIGH & !equal(word, b'\t')
        },
        |byte| (byte < 0x20) & (byte != b'\t') | (byte == 0x7f),
    )
}

/// Offset of the first byte at or after `from` that is not visible ASCII, or is `#`: what ends a
/// request target.
#[inline]
pub(super) fn target_end(buf: &[u8], from: usize) -> usize {
    find_far(
        buf,
        from,
        |word| not_visible(word) | equal(word, b'#'),
        |byte| !byte.is_ascii_graphic() | (byte == b'#'),
    )
}

/// As [`target_end`], but a `?` ends it too.
#[inline(always)]
pub(super) fn path_end(buf: &[u8], from: usize) -> usize {
    find_far(
        buf,
        from,
        |word| not_visible(word) | equal(word, b'#') | equal(word, b'?'),
        |byte| !byte.is_ascii_graphic() | (byte == b'#') | (byte == b'?'),
    )
}

/// Offset of the first byte at or after `from` that is a colon, white space or a control byte: no
/// field name goes beyond it, but what is before it need not be one.
#[inline]
pub(super) fn name_end(buf: &[u8], from: usize) -> usize {
    find(
        buf,
        from,
        |word| {
            let low = word & LOW;
            !((low + each(0x5f)) & ((low ^ each(b':')) + LOW) | word) & HIGH
        },
        |byte| byte == b':' || byte < 0x21,
    )
}

/// Offset of the first byte at or after `from` that is not a `tchar` (RFC 9110 section 5.6.2).
#[inline]
pub(super) fn token_end(buf: &[u8], from: usize) -> usize {
    buf[from..]
        .iter()
        .position(|byte| !is_token_byte(*byte))
        .map_or(buf.len(), |found| from + found)
}

/// Whether a byte is a `tchar` (RFC 9110 section 5.6.2).
#[inline]
pub(super) fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// Whether a byte may be in a field value, a reason phrase or a chunk extension.
#[inline]
pub(super) fn is_value_byte(byte: u8) -> bool {
    byte >= 0x20 && byte != 0x7f || byte == b'\t'
}

/// The value in `buf[from..to]` without the spaces and tabs around it (RFC 9110 section 5.6.3).
#[inline]
pub(super) fn trim(buf: &[u8], mut from: usize, mut to: usize) -> (usize, usize) {
    while from < to && is_blank(buf[from]) {
        from += 1;
    }
    while from < to && is_blank(buf[to - 1]) {
        to -= 1;
    }
    (from, to)
}

/// Whether a byte is optional white space: a space or a tab.
#[inline]
pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// All bits but the highest of each byte.
const LOW: u64 = each(0x7f);

/// The highest bit of each byte.
const HIGH: u64 = each(0x80);

/// A word of eight times this byte.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The highest bit of each byte that is this ASCII character. No byte disturbs another: a carry
/// never leaves the byte it arises in.
#[inline]
fn equal(word: u64, ascii: u8) -> u64 {
    !((((word & LOW) ^ each(ascii)) + LOW) | word) & HIGH
}

/// The highest bit of each byte that is not 0x21 to 0x7e.
#[inline]
fn not_visible(word: u64) -> u64 {
    let low = word & LOW;
    (!(low + each(0x5f)) | (low + each(0x01)) | word) & HIGH
}

/// Offset of the first byte at or after `from` that is outside a class; `outside_word` sets the
/// highest bits of such bytes in a word.
#[inline(always)]
fn find(
    buf: &[u8],
    from: usize,
    outside_word: impl Fn(u64) -> u64,
    outside: impl Fn(u8) -> bool,
) -> usize {
    let mut rest = &buf[from..];
    while let Some((word, after)) = rest.split_first_chunk() {
        let found = outside_word(u64::from_le_bytes(*word));
        if found != 0 {
            return buf.len() - rest.len() + found.trailing_zeros() as usize / 8;
        }
        rest = after;
    }
    if let Some(word) = buf.last_chunk() {
        // The last bytes again, without those that are no part of the rest.
        let before = 8 * (8 - rest.len() as u32);
        let found = outside_word(u64::from_le_bytes(*word)).unbounded_shr(before);
        return buf.len() - rest.len() + (found.trailing_zeros() as usize / 8).min(rest.len());
    }
    let place = rest.iter().position(|byte| outside(*byte));
    buf.len() - rest.len() + place.unwrap_or(rest.len())
}

/// As [`find`], for what is often long: passes over blocks of sixteen bytes without such a byte
/// first. Compilers turn the test of a whole block into vector instructions, which halves the time
/// for long values. Always inlined, for in a head of many short lines the call itself shows.
#[inline(always)]
fn find_far(
    buf: &[u8],
    from: usize,
    outside_word: impl Fn(u64) -> u64,
    outside: impl Fn(u8) -> bool,
) -> usize {
    let mut rest = &buf[from..];
    while let Some((block, after)) = rest.split_first_chunk::<16>() {
        if block.iter().fold(false, |any, byte| any | outside(*byte)) {
            let found = outside_word(low_half(block));
            let place = if found == 0 {
                8 + outside_word(high_half(block)).trailing_zeros() / 8
            } else {
                found.trailing_zeros() / 8
            };
            return buf.len() - rest.len() + place as usize;
        }
        rest = after;
    }
    find(buf, buf.len() - rest.len(), outside_word, outside)
}

/// The first eight bytes of a block.
#[inline]
fn low_half(block: &[u8; 16]) -> u64 {
    u128::from_le_bytes(*block) as u64
}

/// The last eight bytes of a block.
#[inline]
fn high_half(block: &[u8; 16]) -> u64 {
    (u128::from_le_bytes(*block) >> 64) as u64
}

/// `tchar` by byte.
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric()
            || matches!(
                byte as u8,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Search = fn(&[u8], usize) -> usize;
    type Class = fn(u8) -> bool;

    /// Each search with the class of bytes that end it, as the RFCs write it.
    const SEARCHES: [(&str, Search, Class); 5] = [
        (
            "value",
            value_end,
            |b| !matches!(b, b'\t' | b' ' | 0x21..=0x7e | 0x80..=0xff),
        ),
        ("target", target_end, |b| {
            !matches!(b, 0x21..=0x7e) || b == b'#'
        }),
        ("path", path_end, |b| {
            !matches!(b, 0x21..=0x7e) || b == b'#' || b == b'?'
        }),
        ("name", name_end, |b| matches!(b, b':' | 0..=0x20)),
        ("token", token_end, |b| {
            !matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')
                && !b"!#$%&'*+-.^_`|~".contains(&b)
        }),
    ];

    fn check(text: &[u8], from: usize) {
        for (name, search, ends) in SEARCHES {
            let naive = (from..text.len())
                .find(|at| ends(text[*at]))
                .unwrap_or(text.len());
            assert_eq!(search(text, from), naive, "{name} in {text:?} from {from}");
        }
    }

    #[test]
    fn each_byte_in_each_place_of_a_word_with_each_neighbour() {
        for byte in 0..=255 {
            for place in 0..12 {
                for neighbour in [b'a', b' ', b':', b'\t', 0, 0x7f, 0x80, 0xff, byte] {
                    let mut text = [b'a'; 20];
                    text[place] = byte;
                    text[place + 1] = neighbour;
                    check(&text, 0);
                    check(&text[..place + 1], 0);
                }
            }
        }
    }

    #[test]
    fn value_bytes_are_what_the_search_for_their_end_skips() {
        for byte in 0..=255 {
            assert_eq!(is_value_byte(byte), value_end(&[byte], 0) == 1);
        }
    }

    #[test]
    fn trimming_takes_spaces_and_tabs_from_both_sides_only() {
        for (text, range) in [
            (&b" \t a \tb\t "[..], (3, 7)),
            (b"a", (0, 1)),
            (b" \t ", (3, 3)),
            (b"", (0, 0)),
        ] {
            assert_eq!(trim(text, 0, text.len()), range);
        }
    }

    proptest! {
        #[test]
        fn searches_agree_with_naive_ones(
            text in proptest::collection::vec(any::<u8>(), 0..64),
            quiet in proptest::collection::vec(0x21u8..0x7f, 0..64),
            from in 0usize..64,
        ) {
            check(&text, from.min(text.len()));
            let mixed = [&quiet[..], &text[..]].concat();
            check(&mixed, from.min(mixed.len()));
        }
    }
}
