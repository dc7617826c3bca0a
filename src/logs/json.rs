//! The access log as JSON: one object a line, its fields always in the same order.

use std::io::Write;

use super::entry::{Entry, version_text};
use super::escape::{json_string, number};
use super::stamp::Stamp;

/// Appends the object of `entry`. A request that could not be read has no fields of what it asked.
pub fn write(entry: &Entry<'_>, stamp: &mut Stamp, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":\"");
    stamp.write(entry.at, out);
    out.extend_from_slice(b"\",\"level\":\"");
    out.extend_from_slice(level(entry.status.code()).as_bytes());
    out.extend_from_slice(b"\",\"msg\":\"request completed\"");
    if let Some(asked) = &entry.asked {
        out.extend_from_slice(b",\"method\":");
        json_string(asked.method.as_bytes(), out);
        out.extend_from_slice(b",\"path\":");
        json_string(asked.path.as_bytes(), out);
    }
    out.extend_from_slice(b",\"status\":");
    number(u64::from(entry.status.code()), out);
    out.extend_from_slice(b",\"latency_ms\":");
    let micros = u64::try_from(entry.duration.as_micros()).unwrap_or(u64::MAX);
    // Writing to a vector cannot fail.
    let _ = write!(out, "{}.{:03}", micros / 1000, micros % 1000);
    out.extend_from_slice(b",\"client_ip\":\"");
    let _ = match entry.peer.ip() {
        Some(ip) => write!(out, "{ip}\""),
        None => write!(out, "unix:\""),
    };
    if let Some(asked) = &entry.asked {
        out.extend_from_slice(b",\"host\":");
        json_string(asked.host.as_bytes(), out);
        out.extend_from_slice(b",\"proto\":\"");
        out.extend_from_slice(version_text(asked.version).as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(b",\"bytes_in\":");
    number(entry.bytes_in, out);
    out.extend_from_slice(b",\"bytes_out\":");
    number(entry.bytes_out, out);
    if let Some(asked) = &entry.asked {
        out.extend_from_slice(b",\"user_agent\":");
        json_string(asked.user_agent, out);
        out.extend_from_slice(b",\"referer\":");
        json_string(asked.referer, out);
        out.extend_from_slice(b",\"route\":");
        json_string(asked.route.as_bytes(), out);
    }
    out.push(b'}');
}

/// How bad a status is: a fault of ours, of the client's, or none.
fn level(code: u16) -> &'static str {
    match code {
        500.. => "error",
        400.. => "warn",
        _ => "info",
    }
}

#[cfg(test)]
mod tests {
    use reactor::Status;
    use reactor::transport::Peer;

    use super::super::Format;
    use super::super::entry::tests::{example, line};

    #[test]
    fn a_line_has_every_field() {
        assert_eq!(
            line(&example(), Format::Json, false),
            concat!(
                r#"{"time":"2026-11-20T13:14:05.042Z","level":"info","msg":"request completed","#,
                r#""method":"GET","path":"/users/7","status":200,"latency_ms":1.234,"#,
                r#""client_ip":"192.0.2.1","host":"example.com","proto":"HTTP/1.1","#,
                r#""bytes_in":7,"bytes_out":1536,"user_agent":"curl/8 \"\u00ff\"","referer":"","#,
                r#""route":"/users/{id}"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn what_could_not_be_read_has_no_request() {
        let mut entry = example();
        entry.asked = None;
        entry.peer = Peer::Unix;
        entry.status = Status::BAD_REQUEST;
        assert_eq!(
            line(&entry, Format::Json, false),
            concat!(
                r#"{"time":"2026-11-20T13:14:05.042Z","level":"warn","msg":"request completed","#,
                r#""status":400,"latency_ms":1.234,"client_ip":"unix:","#,
                r#""bytes_in":7,"bytes_out":1536}"#,
                "\n"
            )
        );
    }
}
