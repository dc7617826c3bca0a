//! Sizes as people write them: `512`, `16k`, `10MiB`, `1GB`; and rates, which are sizes a second.

use std::fmt;

/// Units in lower case with their bytes. A letter alone is a power of 1024, as in nginx; with `b`
/// it is the power of 1000 that the prefix means, with `ib` the power of 1024 (IEC 80000-13).
const UNITS: [(&str, u64); 14] = [
    ("", 1),
    ("b", 1),
    ("k", 1 << 10),
    ("kib", 1 << 10),
    ("kb", 1000),
    ("m", 1 << 20),
    ("mib", 1 << 20),
    ("mb", 1_000_000),
    ("g", 1 << 30),
    ("gib", 1 << 30),
    ("gb", 1_000_000_000),
    ("t", 1 << 40),
    ("tib", 1 << 40),
    ("tb", 1_000_000_000_000),
];

/// Why a text is no size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SizeError {
    /// Not a whole number with a unit that is known.
    Syntax,
    /// More bytes than 64 bits count.
    TooLarge,
}

/// Reads a whole number of bytes with or without a unit, in any case: `k`, `KiB` (1024), `KB`
/// (1000) and so on up to `TiB`.
///
/// # Errors
///
/// When the text is anything else.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(SizeError::Syntax);
    }
    let &(_, bytes) = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
        .ok_or(SizeError::Syntax)?;
    let number: u64 = number.parse().map_err(|_| SizeError::TooLarge)?;
    number.checked_mul(bytes).ok_or(SizeError::TooLarge)
}

/// Reads a size with or without `/s` behind it: bytes a second.
///
/// # Errors
///
/// When the text is anything else, or more than 32 bits count.
pub fn parse_rate(text: &str) -> Result<u32, SizeError> {
    let bytes = parse_size(text.strip_suffix("/s").unwrap_or(text))?;
    u32::try_from(bytes).map_err(|_| SizeError::TooLarge)
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SizeError::Syntax => {
                "write a whole number of bytes, or one with its unit KiB, MiB or GiB, as in 16KiB"
            }
            SizeError::TooLarge => "that is more than can be counted",
        })
    }
}

impl std::error::Error for SizeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit_in_any_case() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("512B", 512),
            ("16k", 16 << 10),
            ("16K", 16 << 10),
            ("16KiB", 16 << 10),
            ("16kib", 16 << 10),
            ("16KB", 16_000),
            ("10MiB", 10 << 20),
            ("10m", 10 << 20),
            ("10MB", 10_000_000),
            ("2g", 2 << 30),
            ("2GiB", 2 << 30),
            ("2gb", 2_000_000_000),
            ("1TiB", 1 << 40),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in [
            "", "k", "-1", "+1", "1.5k", "1 k", " 1", "1x", "1kk", "off", "1é",
        ] {
            assert_eq!(parse_size(text), Err(SizeError::Syntax), "{text}");
        }
        for text in ["18446744073709551616", "99999999T"] {
            assert_eq!(parse_size(text), Err(SizeError::TooLarge), "{text}");
        }
    }

    #[test]
    fn a_rate_is_a_size_a_second_of_32_bits() {
        for (text, rate) in [("64", 64), ("1KiB/s", 1024), ("10k", 10 << 10)] {
            assert_eq!(parse_rate(text), Ok(rate), "{text}");
        }
        assert_eq!(parse_rate("64/m"), Err(SizeError::Syntax));
        assert_eq!(parse_rate("4GiB"), Err(SizeError::TooLarge));
    }
}
