//! The access log in the formats of Apache and nginx, for the tools that read those.

use std::io::Write;

use super::entry::{Entry, version_text};
use super::escape::{number, visible};
use super::stamp::Stamp;

/// Appends `client - - [time] "request line" status bytes`, and for the combined format
/// `"referer" "user agent"` behind it.
pub fn write(entry: &Entry<'_>, is_combined: bool, stamp: &mut Stamp, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = match entry.peer.ip() {
        Some(ip) => write!(out, "{ip}"),
        None => write!(out, "unix:"),
    };
    out.extend_from_slice(b" - - [");
    stamp.write(entry.at, out);
    out.extend_from_slice(b"] \"");
    match &entry.asked {
        Some(asked) => {
            visible(asked.method.as_bytes(), out);
            out.push(b' ');
            visible(asked.target.as_bytes(), out);
            out.push(b' ');
            out.extend_from_slice(version_text(asked.version).as_bytes());
        }
        None => out.push(b'-'),
    }
    out.extend_from_slice(b"\" ");
    number(u64::from(entry.status.code()), out);
    out.push(b' ');
    number(entry.bytes_out, out);
    if is_combined {
        for value in [
            entry.asked.map(|asked| asked.referer),
            entry.asked.map(|asked| asked.user_agent),
        ] {
            out.extend_from_slice(b" \"");
            visible(value.unwrap_or_default(), out);
            out.push(b'"');
        }
    }
}

#[cfg(test)]
mod tests {
    use reactor::Status;

    use super::super::Format;
    use super::super::entry::tests::{example, line, secured};

    #[test]
    fn combined_is_common_with_two_fields_more() {
        let common = "192.0.2.1 - - [20/Nov/2026:13:14:05 +0000] \
                      \"GET /users/%37?x=\\x221\\x22 HTTP/1.1\" 200 1536";
        assert_eq!(
            line(&example(), Format::Common, false),
            format!("{common}\n")
        );
        assert_eq!(
            line(&example(), Format::Combined, false),
            format!("{common} \"-\" \"curl/8 \\x22\\xFF\\x22\"\n")
        );
    }

    #[test]
    fn tls_changes_nothing_for_the_tools_that_read_these() {
        for format in [Format::Common, Format::Combined] {
            assert_eq!(
                line(&secured(None), format, false),
                line(&example(), format, false)
            );
        }
    }

    #[test]
    fn what_could_not_be_read_is_a_hyphen() {
        let mut entry = example();
        entry.asked = None;
        entry.status = Status::BAD_REQUEST;
        assert_eq!(
            line(&entry, Format::Combined, false),
            "192.0.2.1 - - [20/Nov/2026:13:14:05 +0000] \"-\" 400 1536 \"-\" \"-\"\n"
        );
    }
}
