//! The access log as JSON: one object a line, its fields always in the same order.

use std::io::Write;

use super::entry::{Entry, Secured, version_text};
use super::escape::{json_ascii, json_string, number};
use super::stamp::Stamp;

/// Names of a client's certificate that are written; it may have thousands.
const CLIENT_NAMES_MAX: usize = 16;

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
        if let Some(tls) = &asked.tls {
            write_tls(tls, out);
        }
    }
    out.push(b'}');
}

/// Appends the fields that only requests over TLS have.
fn write_tls(tls: &Secured<'_>, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = write!(out, ",\"tls_version\":\"{}\"", tls.version);
    out.extend_from_slice(b",\"tls_cipher\":");
    json_ascii(tls.cipher, out);
    let _ = write!(out, ",\"tls_resumed\":{}", tls.is_resumed);
    if let Some(name) = tls.server_name {
        out.extend_from_slice(b",\"server_name\":");
        json_ascii(name, out);
    }
    let Some(client) = tls.client else {
        return;
    };
    out.extend_from_slice(b",\"tls_client\":");
    json_ascii(&client.subject, out);
    out.extend_from_slice(b",\"tls_client_names\":[");
    for (at, name) in client.names.iter().take(CLIENT_NAMES_MAX).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json_ascii(name, out);
    }
    if client.names.len() > CLIENT_NAMES_MAX {
        out.extend_from_slice(b",\"...\"");
    }
    out.push(b']');
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
    use reactor::tls::ClientCertificate;
    use reactor::transport::Peer;

    use super::super::Format;
    use super::super::entry::tests::{example, line, secured};
    use super::CLIENT_NAMES_MAX;

    /// The fields of a line that only requests over TLS have.
    fn tls_fields(client: Option<&ClientCertificate>) -> String {
        let (plain, line) = (
            line(&example(), Format::Json, false),
            line(&secured(client), Format::Json, false),
        );
        let rest = line.strip_prefix(plain.strip_suffix("}\n").unwrap());
        rest.unwrap().strip_suffix("}\n").unwrap().to_owned()
    }

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

    #[test]
    fn requests_over_tls_say_how_it_was_agreed_on() {
        let fields = concat!(
            r#","tls_version":"TLSv1.3","tls_cipher":"TLS_AES_128_GCM_SHA256","#,
            r#""tls_resumed":false,"server_name":"example.com""#
        );
        assert_eq!(tls_fields(None), fields);
        let mut entry = secured(None);
        let tls = entry.asked.as_mut().unwrap().tls.as_mut().unwrap();
        (tls.server_name, tls.is_resumed) = (None, true);
        let line = line(&entry, Format::Json, false);
        assert!(line.ends_with("\"tls_resumed\":true}\n"), "{line}");
    }

    #[test]
    fn a_clients_certificate_is_told_and_cannot_forge_lines() {
        let client = ClientCertificate {
            subject: "CN=al\"ice\n{\"level\":\"error\"},O=\u{202e}\u{9b}Übung\u{1f511}\\\0".into(),
            names: ["alice.example", "https://a/\"\r\n"].map(Box::from).into(),
        };
        let fields = tls_fields(Some(&client));
        assert!(
            fields.ends_with(concat!(
                r#","tls_client":"CN=al\"ice\n{\"level\":\"error\"},"#,
                r#"O=\u202e\u009b\u00dcbung\ud83d\udd11\\\u0000","#,
                r#""tls_client_names":["alice.example","https://a/\"\r\n"]"#
            )),
            "{fields}"
        );
        assert!(fields.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        let parsed: serde_json::Value =
            serde_json::from_str(&line(&secured(Some(&client)), Format::Json, false)).unwrap();
        assert_eq!(parsed["tls_client"], *client.subject);
        assert_eq!(parsed["tls_client_names"][1], *client.names[1]);
    }

    #[test]
    fn of_many_names_the_first_are_told() {
        let client = |count: usize| ClientCertificate {
            subject: "".into(),
            names: (0..count).map(|at| at.to_string().into()).collect(),
        };
        let fields = tls_fields(Some(&client(0)));
        assert!(
            fields.ends_with(r#","tls_client":"","tls_client_names":[]"#),
            "{fields}"
        );
        let fields = tls_fields(Some(&client(CLIENT_NAMES_MAX)));
        assert!(fields.ends_with(r#","15"]"#), "{fields}");
        let fields = tls_fields(Some(&client(CLIENT_NAMES_MAX + 1)));
        assert!(fields.ends_with(r#","15","..."]"#), "{fields}");
    }
}
