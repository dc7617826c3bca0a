//! The access log for people: columns, and colours on a terminal.

use std::io::Write;
use std::time::Duration;

use super::entry::Entry;
use super::escape::visible;
use super::stamp::Stamp;

const RESET: &str = "\x1b[0m";

/// Appends time, status, method, duration, size, client and target in columns, and behind them the
/// version of TLS if there is one.
pub fn write(entry: &Entry<'_>, colours: bool, stamp: &mut Stamp, out: &mut Vec<u8>) {
    stamp.write(entry.at, out);
    let code = entry.status.code();
    let (on, off) = if colours {
        (colour(code), RESET)
    } else {
        ("", "")
    };
    let method = entry.asked.map_or("-", |asked| asked.method);
    let (time, unit) = short_duration(entry.duration);
    let (size, size_unit) = short_size(entry.bytes_out);
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        "  {on}{code}{off}  {method:<7}  {time:>5} {unit}  {size:>5} {size_unit}  "
    );
    let _ = match entry.peer.ip() {
        Some(ip) => write!(out, "{ip:<15}  "),
        None => write!(out, "{:<15}  ", "unix:"),
    };
    visible(entry.asked.map_or("", |asked| asked.target).as_bytes(), out);
    if let Some(tls) = entry.asked.and_then(|asked| asked.tls) {
        let _ = write!(out, "  {}", tls.version);
    }
}

/// A duration in three digits and a unit.
fn short_duration(duration: Duration) -> (u64, &'static str) {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    match micros {
        0..10_000 => (micros, "us"),
        10_000..10_000_000 => (micros / 1000, "ms"),
        _ => (micros / 1_000_000, "s "),
    }
}

/// A size in four digits and a unit.
fn short_size(bytes: u64) -> (u64, &'static str) {
    const UNITS: [&str; 4] = ["B  ", "KiB", "MiB", "GiB"];
    let mut size = bytes;
    let mut unit = 0;
    while size >= 10_000 && unit + 1 < UNITS.len() {
        size >>= 10;
        unit += 1;
    }
    (size, UNITS[unit])
}

/// Green for what went well, cyan for redirects, yellow for the client's faults, red for ours.
fn colour(code: u16) -> &'static str {
    match code {
        500.. => "\x1b[31m",
        400.. => "\x1b[33m",
        300.. => "\x1b[36m",
        _ => "\x1b[32m",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::entry::tests::{example, line, secured};
    use super::*;

    #[test]
    fn columns_line_up() {
        assert_eq!(
            line(&example(), Format::Text, false),
            "13:14:05.042  200  GET       1234 us   1536 B    192.0.2.1        \
             /users/%37?x=\\x221\\x22\n"
        );
        let mut entry = example();
        entry.asked = None;
        entry.duration = Duration::from_secs(12);
        entry.bytes_out = 123_456_789;
        assert_eq!(
            line(&entry, Format::Text, false),
            "13:14:05.042  200  -           12 s     117 MiB  192.0.2.1        -\n"
        );
    }

    #[test]
    fn the_version_of_tls_stands_behind_the_target() {
        let plain = line(&example(), Format::Text, false);
        assert_eq!(
            line(&secured(None), Format::Text, false),
            format!("{}  TLSv1.3\n", plain.trim_end())
        );
    }

    #[test]
    fn only_the_status_is_coloured() {
        let coloured = line(&example(), Format::Text, true);
        assert_eq!(
            coloured.replace("\x1b[32m200\x1b[0m", "200"),
            line(&example(), Format::Text, false)
        );
    }

    #[test]
    fn sizes_and_durations_stay_short() {
        for (bytes, size) in [
            (9_999, (9_999, "B  ")),
            (10_240, (10, "KiB")),
            (10 << 20, (10, "MiB")),
            (u64::MAX, (17_179_869_183, "GiB")),
        ] {
            assert_eq!(short_size(bytes), size);
        }
        for (micros, text) in [
            (9_999, (9_999, "us")),
            (10_000, (10, "ms")),
            (10_000_000, (10, "s ")),
        ] {
            assert_eq!(short_duration(Duration::from_micros(micros)), text);
        }
    }
}
