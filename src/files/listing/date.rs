//! Points in time as lists write them, in UTC.

use std::time::{Duration, UNIX_EPOCH};

use httpdate::HttpDate;

use crate::files::etag::HTTP_DATE_END;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Whether a time, counted from the Unix epoch, can be written.
pub fn is_written(at: &Duration) -> bool {
    *at < HTTP_DATE_END
}

/// The day and the time of the day: `2026-11-20` and `13:14:05`.
pub fn day_and_clock(at: Duration) -> Option<(String, String)> {
    if !is_written(&at) {
        return None;
    }
    // The calendar is that of HTTP's dates: Fri, 20 Nov 2026 13:14:05 GMT
    let text = HttpDate::from(UNIX_EPOCH + at).to_string();
    let mut parts = text.split(' ').skip(1);
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let month = 1 + MONTHS.iter().position(|name| *name == month)?;
    Some((format!("{year}-{month:02}-{day}"), parts.next()?.to_owned()))
}

/// As RFC 3339 has it: `2026-11-20T13:14:05Z`.
pub fn rfc3339(at: Duration) -> Option<String> {
    day_and_clock(at).map(|(day, clock)| format!("{day}T{clock}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_up_to_the_year_9999() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_180_445, "2026-11-20T13:14:05Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            let text = rfc3339(Duration::from_secs(seconds));
            assert_eq!(text.as_deref(), Some(expected));
        }
        assert_eq!(rfc3339(HTTP_DATE_END), None);
        assert_eq!(rfc3339(Duration::MAX), None);
        let (day, clock) = day_and_clock(Duration::from_secs(1_795_180_445)).unwrap();
        assert_eq!((day.as_str(), clock.as_str()), ("2026-11-20", "13:14:05"));
    }
}
