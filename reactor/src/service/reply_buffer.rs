//! The reply buffer: where dynamic header fields and bodies are written without allocating.

use std::fmt;
use std::io::Write;

use super::Reply;

/// Room that is kept between two replies; a longer body gives its memory back.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// Fields that the engine writes itself; what others say of them is ignored.
const ENGINE_FIELDS: [&str; 6] = [
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "date",
    "server",
];

/// Header fields as they go on the wire: written once, and copied into many replies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldLines(Vec<u8>);

impl FieldLines {
    /// Adds a header field. CR, LF and NUL in the value become spaces (RFC 9110 section 5.5), so a
    /// value can never start another field. A name that is not a token, and a field that the engine
    /// writes itself (`Content-Length`, `Transfer-Encoding`, `Connection`, `Keep-Alive`, `Date`,
    /// `Server`), is ignored.
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let is_token = !name.is_empty() && name.bytes().all(is_token_byte);
        if !is_token
            || ENGINE_FIELDS
                .iter()
                .any(|own| own.eq_ignore_ascii_case(name))
        {
            log::debug!("header field {name:?} of a reply is ignored");
            return;
        }
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
        let clean = |byte: &u8| {
            if matches!(byte, b'\r' | b'\n' | 0) {
                b' '
            } else {
                *byte
            }
        };
        self.0.extend(value.as_ref().iter().map(clean));
        self.0.extend_from_slice(b"\r\n");
    }

    /// Adds all of `others`.
    pub fn append(&mut self, others: &FieldLines) {
        self.0.extend_from_slice(&others.0);
    }
}

/// Header fields and a body in the making. Each worker has one and reuses it for every request.
#[derive(Debug, Default)]
pub struct ReplyBuffer {
    /// Lines as they go on the wire, each with its CR LF.
    fields: FieldLines,
    body: Vec<u8>,
}

impl ReplyBuffer {
    /// Adds a header field, as [`FieldLines::add`] does.
    pub fn field(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.fields.add(name, value);
    }

    /// Adds header fields that are written already.
    pub fn fields(&mut self, lines: &FieldLines) {
        self.fields.append(lines);
    }

    /// The value of the first field of this name (in any case).
    pub fn field_value(&self, name: &str) -> Option<&[u8]> {
        lines(&self.fields.0)
            .find(|line| is_field(line, name))
            .map(|line| {
                let value = &line[name.len() + 1..];
                value.trim_ascii()
            })
    }

    /// Removes all fields of this name.
    pub fn remove_field(&mut self, name: &str) {
        let mut start = 0;
        while start < self.fields.0.len() {
            let line = lines(&self.fields.0[start..]).next().unwrap_or_default();
            let (end, goes) = (start + line.len(), is_field(line, name));
            if goes {
                self.fields.0.drain(start..end);
            } else {
                start = end;
            }
        }
    }

    /// The body, to be written or appended to; [`Reply::written`] sends it.
    pub fn body(&mut self) -> &mut Vec<u8> {
        &mut self.body
    }

    /// Writes formatted plain text and returns the reply that sends it:
    /// `out.text(format_args!("user {id}"))`.
    pub fn text(&mut self, text: fmt::Arguments<'_>) -> Reply {
        // Writing to a vector cannot fail.
        let _ = self.body.write_fmt(text);
        Reply::written("text/plain; charset=utf-8")
    }

    /// The fields as they go on the wire.
    pub(crate) fn field_lines(&self) -> &[u8] {
        &self.fields.0
    }

    /// What has been written of the body.
    pub(crate) fn body_bytes(&self) -> &[u8] {
        &self.body
    }

    /// Takes the body out, leaving an empty one.
    pub(crate) fn take_body(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.body)
    }

    /// Makes room for the next reply.
    #[inline]
    pub(crate) fn reset(&mut self) {
        self.fields.0.clear();
        self.body.clear();
        if self.body.capacity() > KEPT_BYTES_MAX {
            self.body.shrink_to(KEPT_BYTES_MAX);
        }
    }

    /// Adds lines taken from another buffer.
    pub(crate) fn prepend_lines(&mut self, lines: &[u8]) {
        self.fields.0.splice(0..0, lines.iter().copied());
    }
}

/// Whether `byte` may be in a token (RFC 9110 section 5.6.2).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn lines(fields: &[u8]) -> impl Iterator<Item = &[u8]> {
    fields.split_inclusive(|byte| *byte == b'\n')
}

fn is_field(line: &[u8], name: &str) -> bool {
    line.len() > name.len()
        && line[name.len()] == b':'
        && line[..name.len()].eq_ignore_ascii_case(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_start_another_field() {
        let mut buffer = ReplyBuffer::default();
        buffer.field("x-id", "1\r\nset-cookie: a=b\0");
        assert_eq!(buffer.field_lines(), b"x-id: 1  set-cookie: a=b \r\n");
    }

    #[test]
    fn bad_names_and_the_engines_fields_are_ignored() {
        let mut buffer = ReplyBuffer::default();
        for name in [
            "",
            "a b",
            "a:",
            "a\r\nb",
            "Content-Length",
            "connection",
            "DATE",
        ] {
            buffer.field(name, "1");
        }
        assert_eq!(buffer.field_lines(), b"");
    }

    #[test]
    fn fields_are_found_and_removed_in_any_case() {
        let mut buffer = ReplyBuffer::default();
        buffer.field("Vary", "accept");
        buffer.field("X-One", "1");
        buffer.field("vary", "origin");
        assert_eq!(buffer.field_value("VARY"), Some(&b"accept"[..]));
        assert_eq!(buffer.field_value("var"), None);
        buffer.remove_field("vaRy");
        assert_eq!(buffer.field_lines(), b"X-One: 1\r\n");
        buffer.prepend_lines(b"A: b\r\n");
        assert_eq!(buffer.field_lines(), b"A: b\r\nX-One: 1\r\n");
    }
}
