//! Durations as people write them: `10s`, `500ms`, `1m30s`.

use std::fmt;
use std::time::Duration;

/// Units with their length in milliseconds. `ms` stands before `m`, of which it is no prefix but
/// which would match its first letter.
const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// The longest duration that can be written: a hundred years.
const MILLIS_MAX: u64 = 100 * 365 * 86_400_000;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DurationError {
    /// Neither digits and a unit, nor several such pairs.
    Syntax,
    /// A number without a unit.
    NoUnit(String),
    /// More than a hundred years.
    TooLong,
}

/// Reads one or more whole numbers, each with its unit: `ms`, `s`, `m`, `h` or `d`.
///
/// # Errors
///
/// When the text is anything else; a bare number is refused, for programs disagree on whether it
/// means seconds or milliseconds.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text;
    let mut millis = 0u64;
    if rest.is_empty() {
        return Err(DurationError::Syntax);
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(DurationError::Syntax);
        }
        let (number, behind) = rest.split_at(digits);
        let letters = behind.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, behind) = behind.split_at(letters);
        if unit.is_empty() && behind.is_empty() {
            return Err(DurationError::NoUnit(text.to_owned()));
        }
        let &(_, length) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or(DurationError::Syntax)?;
        let number: u64 = number.parse().map_err(|_| DurationError::TooLong)?;
        millis = number
            .checked_mul(length)
            .and_then(|part| part.checked_add(millis))
            .filter(|sum| *sum <= MILLIS_MAX)
            .ok_or(DurationError::TooLong)?;
        rest = behind;
    }
    Ok(Duration::from_millis(millis))
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DurationError::Syntax => {
                f.write_str("write a whole number with its unit ms, s, m, h or d, as in 30s")
            }
            DurationError::NoUnit(number) => write!(f, "the unit is missing, as in {number}s"),
            DurationError::TooLong => f.write_str("that is longer than a hundred years"),
        }
    }
}

impl std::error::Error for DurationError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit_and_sums() {
        for (text, millis) in [
            ("0s", 0),
            ("1ms", 1),
            ("500ms", 500),
            ("10s", 10_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("1m30s", 90_000),
            ("1s500ms", 1500),
            ("36500d", MILLIS_MAX),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in [
            "", "s", "-1s", "+1s", "1.5s", "1 s", " 1s", "1S", "1w", "1s,", "off", "1é",
        ] {
            assert_eq!(parse_duration(text), Err(DurationError::Syntax), "{text}");
        }
        for text in ["10", "0", "1m30"] {
            assert_eq!(
                parse_duration(text),
                Err(DurationError::NoUnit(text.into())),
                "{text}"
            );
        }
        for text in ["36501d", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(parse_duration(text), Err(DurationError::TooLong), "{text}");
        }
    }
}
