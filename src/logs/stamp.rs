//! Points in time as logs write them, in UTC.

use std::io::Write;
use std::time::Duration;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

const SECONDS_A_DAY: u64 = 86_400;

/// A second of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

impl Moment {
    /// The moment this many seconds after the Unix epoch.
    fn from_unix(seconds: u64) -> Moment {
        // Years begin in March here, so that the leap day is a year's last: the civil calendar in
        // eras of 400 years, as Howard Hinnant's "chrono-compatible low-level date algorithms" has
        // it.
        let days = seconds / SECONDS_A_DAY + 719_468;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        let rest = seconds % SECONDS_A_DAY;
        Moment {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * shifted + 2) / 5 + 1,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }
}

/// How a time looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `2026-11-20T13:05:09.042Z` (RFC 3339).
    Rfc3339,
    /// `20/Nov/2026:13:05:09 +0000`, as in the Common Log Format.
    Common,
    /// `13:05:09.042`
    Clock,
}

/// Writes times; what is the same for a whole second is made once.
#[derive(Debug)]
pub struct Stamp {
    style: Style,
    second: u64,
    text: Vec<u8>,
}

impl Stamp {
    /// A writer of times in this style.
    pub fn new(style: Style) -> Stamp {
        Stamp {
            style,
            second: u64::MAX,
            text: Vec::with_capacity(32),
        }
    }

    /// Writes the time `at`, counted from the Unix epoch.
    pub fn write(&mut self, at: Duration, out: &mut Vec<u8>) {
        if at.as_secs() != self.second {
            self.second = at.as_secs();
            self.text.clear();
            second_text(self.style, Moment::from_unix(self.second), &mut self.text);
        }
        out.extend_from_slice(&self.text);
        if self.style != Style::Common {
            let millis = at.subsec_millis() as u16;
            let digit = |number: u16| b'0' + (number % 10) as u8;
            out.extend_from_slice(&[b'.', digit(millis / 100), digit(millis / 10), digit(millis)]);
        }
        if self.style == Style::Rfc3339 {
            out.push(b'Z');
        }
    }
}

/// The part of a time that is the same for a whole second.
fn second_text(style: Style, moment: Moment, out: &mut Vec<u8>) {
    let Moment {
        year,
        month,
        day,
        hour,
        minute,
        second,
    } = moment;
    // Writing to a vector cannot fail.
    let _ = match style {
        Style::Rfc3339 => {
            write!(
                out,
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
            )
        }
        Style::Common => {
            let month = MONTHS[month as usize - 1];
            write!(
                out,
                "{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000"
            )
        }
        Style::Clock => write!(out, "{hour:02}:{minute:02}:{second:02}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(style: Style, millis: u64) -> String {
        let mut out = Vec::new();
        Stamp::new(style).write(Duration::from_millis(millis), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn writes_known_moments() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_800, "2000-03-01T00:00:00.000Z"),
            (1_709_164_800, "2024-02-29T00:00:00.000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000Z"),
            (1_795_180_445, "2026-11-20T13:14:05.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(stamped(Style::Rfc3339, seconds * 1000), text);
        }
    }

    #[test]
    fn agrees_with_another_calendar_on_every_day_of_a_century() {
        for day in 0..36_525 {
            let seconds = day * SECONDS_A_DAY + 43_210;
            let moment = Moment::from_unix(seconds);
            let time = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
            let expected = httpdate::fmt_http_date(time);
            let Moment {
                year,
                month,
                day,
                hour,
                minute,
                second,
            } = moment;
            let month = MONTHS[month as usize - 1];
            let own = format!("{day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT");
            assert_eq!(expected[5..], own);
        }
    }

    #[test]
    fn writes_every_style() {
        let millis = 1_795_180_445_042;
        assert_eq!(stamped(Style::Rfc3339, millis), "2026-11-20T13:14:05.042Z");
        assert_eq!(stamped(Style::Common, millis), "20/Nov/2026:13:14:05 +0000");
        assert_eq!(stamped(Style::Clock, millis), "13:14:05.042");
    }

    #[test]
    fn a_kept_second_gives_way_to_the_next() {
        let mut stamp = Stamp::new(Style::Clock);
        let mut out = Vec::new();
        for millis in [1_999, 1_001, 2_000, 1_000] {
            stamp.write(Duration::from_millis(millis), &mut out);
            out.push(b' ');
        }
        assert_eq!(out, b"00:00:01.999 00:00:01.001 00:00:02.000 00:00:01.000 ");
    }
}
