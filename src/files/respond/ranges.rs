//! The parts of a file that a request asks for (RFC 9110 section 14).
//!
//! Owns how the field `Range` is read, and what of it is granted. Must not know whether the field
//! counts: see [`super::conditions`].

/// More ranges than this are not granted: each costs a head, and no player or viewer of documents
/// asks for as many at once.
const RANGES_MAX: usize = 32;

/// What is to be sent of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// All of it, as the field does not count: 200.
    Whole,
    /// One part: 206.
    One(Part),
    /// At least two parts in the order they were asked for, not more bytes together than the file
    /// has: 206 with `multipart/byteranges`.
    Several(Vec<Part>),
    /// The file has nothing of what is asked for: 416.
    Unsatisfiable,
}

/// A part of a file, never empty: the bytes from `start` until before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first byte.
    pub start: u64,
    /// The byte behind the last one.
    pub end: u64,
}

/// What one element of the field comes to.
enum Spec {
    Satisfied(Part),
    Unsatisfiable,
    /// The last bytes of an empty file: that is all of it, which no part can say.
    Empty,
}

impl Part {
    /// How many bytes it has.
    pub fn length(self) -> u64 {
        self.end - self.start
    }
}

impl Ranges {
    /// What the value of the field `Range` asks for of a file of `length` bytes.
    ///
    /// Where section 14.2 leaves the choice, the whole file is sent: for other units than bytes,
    /// for malformed values, more than 32 ranges, and ranges that have more bytes together than the
    /// file. The caller takes a request with several such fields as one with a malformed value.
    pub fn parse(value: &[u8], length: u64) -> Ranges {
        Ranges::granted(value, length).unwrap_or(Ranges::Whole)
    }

    /// As [`Ranges::parse`], but `None` for the whole file.
    fn granted(value: &[u8], length: u64) -> Option<Ranges> {
        let (unit, set) = value.split_at_checked("bytes=".len())?;
        if !unit.eq_ignore_ascii_case(b"bytes=") {
            return None;
        }
        let mut ranges = Ranges::Unsatisfiable;
        let mut left = length;
        let mut count = 0;
        let elements = set.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        for element in elements.filter(|element| !element.is_empty()) {
            count += 1;
            if count > RANGES_MAX {
                return None;
            }
            match Spec::parse(element, length)? {
                Spec::Satisfied(part) => {
                    left = left.checked_sub(part.length())?;
                    ranges = ranges.and(part);
                }
                Spec::Unsatisfiable => {}
                Spec::Empty => return None,
            }
        }
        (count > 0).then_some(ranges)
    }

    fn and(self, part: Part) -> Ranges {
        match self {
            Ranges::Whole | Ranges::Unsatisfiable => Ranges::One(part),
            Ranges::One(first) => Ranges::Several(vec![first, part]),
            Ranges::Several(mut parts) => {
                parts.push(part);
                Ranges::Several(parts)
            }
        }
    }
}

impl Spec {
    /// Reads one element (section 14.1.1); `None` if it is malformed.
    fn parse(text: &[u8], length: u64) -> Option<Spec> {
        let dash = text.iter().position(|byte| *byte == b'-')?;
        let (first, last) = (&text[..dash], &text[dash + 1..]);
        let (start, end) = if first.is_empty() {
            let suffix = number(last)?;
            if suffix > 0 && length == 0 {
                return Some(Spec::Empty);
            }
            (length.saturating_sub(suffix), length)
        } else {
            let start = number(first)?;
            let last = if last.is_empty() {
                u64::MAX
            } else {
                number(last)?
            };
            if last < start {
                return None;
            }
            (start, last.saturating_add(1).min(length))
        };
        Some(if start < end {
            Spec::Satisfied(Part { start, end })
        } else {
            Spec::Unsatisfiable
        })
    }
}

/// The number that these digits are, or the largest there is where they are too many: no file has
/// a byte there.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        Some(number.saturating_mul(10).saturating_add(digit.into()))
    })
}

#[cfg(test)]
mod tests;
