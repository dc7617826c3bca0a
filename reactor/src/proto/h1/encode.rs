//! Writing response heads and chunks (RFC 9112 sections 4, 7.1).
//!
//! Status line, `Server` and `Date` are the same for every 200 within a second, so they are kept
//! ready in a [`Prelude`] and copied as one.

use crate::buffer::{NoBlock, Output, Pool};
use crate::http::{Framing, Status};

/// `100 Continue`, whole.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The last chunk of a body, without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

const OK_LINE: &[u8] = b"HTTP/1.1 200 OK\r\n";

/// Bytes of an IMF-fixdate (RFC 9110 section 5.6.7).
const DATE_BYTES: usize = 29;

/// Room for what is not counted exactly: digits, field names, status lines.
const SLACK_BYTES: usize = 192;

/// The beginning of a response head, ready to be copied.
#[derive(Clone, Debug)]
pub struct Prelude {
    text: Vec<u8>,
}

impl Prelude {
    /// With this value of `Server`, or without the field. The date is not valid before
    /// [`Prelude::set_date`].
    pub fn new(server: Option<&str>) -> Prelude {
        let mut text = OK_LINE.to_vec();
        if let Some(server) = server {
            text.extend_from_slice(b"Server: ");
            text.extend_from_slice(server.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b"Date: ");
        text.extend_from_slice(&[b' '; DATE_BYTES]);
        text.extend_from_slice(b"\r\n");
        Prelude { text }
    }

    /// Sets the date; `date` is an IMF-fixdate.
    pub fn set_date(&mut self, date: &str) {
        debug_assert_eq!(date.len(), DATE_BYTES);
        let end = self.text.len() - 2;
        self.text[end - DATE_BYTES..end].copy_from_slice(date.as_bytes());
    }
}

/// What the response says of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing: HTTP/1.1 connections persist.
    Implied,
    /// `Connection: keep-alive`, for HTTP/1.0.
    KeepAlive,
    /// `Connection: close`.
    Close,
}

/// A response head to be written.
#[derive(Clone, Copy, Debug)]
pub struct ResponseFields<'a> {
    /// The status.
    pub status: Status,
    /// The value of `Content-Type`, if it is not among `lines`.
    pub content_type: Option<&'a str>,
    /// Further fields, each with its CR LF.
    pub lines: &'a [u8],
    /// How the body ends: decides between `Content-Length`, `Transfer-Encoding` and neither.
    pub framing: Framing,
    /// What is said of the connection.
    pub persistence: Persistence,
}

/// Queues a response head, and a body that is to be copied behind it.
///
/// # Errors
///
/// The pool is empty, or both together are larger than a block. Nothing is queued then.
#[inline]
pub fn write_head(
    output: &mut Output,
    pool: &mut Pool,
    prelude: &Prelude,
    head: &ResponseFields<'_>,
    body: &[u8],
) -> Result<(), NoBlock> {
    let content_type = head.content_type.unwrap_or("");
    let text = prelude.text.len() + content_type.len() + head.lines.len();
    let count = text + body.len() + SLACK_BYTES;
    let mut cursor = Cursor {
        room: output.room(count, pool)?,
        at: 0,
    };
    if head.status == Status::OK {
        cursor.put(&prelude.text);
    } else {
        cursor.put_text(b"HTTP/1.1 ");
        cursor.put_decimal(u64::from(head.status.code()));
        cursor.put_text(b" ");
        cursor.put(head.status.reason().as_bytes());
        cursor.put_text(b"\r\n");
        cursor.put(&prelude.text[OK_LINE.len()..]);
    }
    if !head.lines.is_empty() {
        cursor.put(head.lines);
    }
    if head.content_type.is_some() {
        cursor.put_text(b"Content-Type: ");
        cursor.put(content_type.as_bytes());
        cursor.put_text(b"\r\n");
    }
    match head.framing {
        Framing::Length(length) => {
            cursor.put_text(b"Content-Length: ");
            cursor.put_decimal(length);
            cursor.put_text(b"\r\n");
        }
        Framing::Chunked => cursor.put_text(b"Transfer-Encoding: chunked\r\n"),
        Framing::None | Framing::UntilClose => {}
    }
    match head.persistence {
        Persistence::Implied => {}
        Persistence::KeepAlive => cursor.put_text(b"Connection: keep-alive\r\n"),
        Persistence::Close => cursor.put_text(b"Connection: close\r\n"),
    }
    cursor.put_text(b"\r\n");
    cursor.put(body);
    let count = cursor.at;
    output.grow(count);
    Ok(())
}

/// Queues the line before a chunk of `length` bytes.
///
/// # Errors
///
/// The pool is empty. Nothing is queued then.
pub fn write_chunk_line(
    output: &mut Output,
    pool: &mut Pool,
    length: usize,
) -> Result<(), NoBlock> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut cursor = Cursor {
        room: output.room(18, pool)?,
        at: 0,
    };
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        cursor.put_text(&[DIGITS[length >> (4 * digit) & 15]]);
    }
    cursor.put_text(b"\r\n");
    let count = cursor.at;
    output.grow(count);
    Ok(())
}

/// Writes pieces one behind the other into room that is known to suffice.
struct Cursor<'a> {
    room: &'a mut [u8],
    at: usize,
}

impl Cursor<'_> {
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        self.room[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    /// As [`Cursor::put`], for text of a length known to the compiler.
    #[inline(always)]
    fn put_text<const N: usize>(&mut self, text: &[u8; N]) {
        if let Some(room) = self.room[self.at..].first_chunk_mut() {
            *room = *text;
            self.at += N;
        }
    }

    #[inline]
    fn put_decimal(&mut self, mut number: u64) {
        let digits = number.checked_ilog10().map_or(1, |log| log as usize + 1);
        let room = &mut self.room[self.at..self.at + digits];
        for place in room.iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.at += digits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::BLOCK_BYTES_MIN;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn written(server: Option<&str>, head: &ResponseFields<'_>) -> String {
        let mut pool = Pool::new(BLOCK_BYTES_MIN, 1 << 20);
        let mut output = Output::new();
        let mut prelude = Prelude::new(server);
        prelude.set_date(DATE);
        write_head(&mut output, &mut pool, &prelude, head, b"").unwrap();
        let text = String::from_utf8(output.front().to_vec()).unwrap();
        output.clear(&mut pool);
        text
    }

    #[test]
    fn heads_have_the_fields_of_their_framing_and_persistence() {
        let ok = ResponseFields {
            status: Status::OK,
            content_type: Some("text/plain"),
            lines: b"",
            framing: Framing::Length(13),
            persistence: Persistence::Implied,
        };
        assert_eq!(
            written(Some("tidegate"), &ok),
            format!(
                "HTTP/1.1 200 OK\r\nServer: tidegate\r\nDate: {DATE}\r\n\
                 Content-Type: text/plain\r\nContent-Length: 13\r\n\r\n"
            )
        );
        let other = ResponseFields {
            status: Status::NOT_FOUND,
            content_type: None,
            lines: b"X-One: 1\r\n",
            framing: Framing::Chunked,
            persistence: Persistence::Close,
        };
        assert_eq!(
            written(None, &other),
            format!(
                "HTTP/1.1 404 Not Found\r\nDate: {DATE}\r\nX-One: 1\r\n\
                 Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            )
        );
        let none = ResponseFields {
            status: Status::NOT_MODIFIED,
            content_type: None,
            lines: b"",
            framing: Framing::None,
            persistence: Persistence::KeepAlive,
        };
        assert_eq!(
            written(None, &none),
            format!("HTTP/1.1 304 Not Modified\r\nDate: {DATE}\r\nConnection: keep-alive\r\n\r\n")
        );
    }

    #[test]
    fn a_head_larger_than_a_block_is_an_error() {
        let mut pool = Pool::new(BLOCK_BYTES_MIN, 1 << 20);
        let mut output = Output::new();
        let lines = vec![b'x'; BLOCK_BYTES_MIN];
        let head = ResponseFields {
            status: Status::OK,
            content_type: None,
            lines: &lines,
            framing: Framing::Length(u64::MAX),
            persistence: Persistence::Implied,
        };
        let written = write_head(&mut output, &mut pool, &Prelude::new(None), &head, b"");
        assert_eq!((written, output.len(), pool.lent()), (Err(NoBlock), 0, 0));
    }

    #[test]
    fn chunk_lines_are_hexadecimal() {
        let mut pool = Pool::new(BLOCK_BYTES_MIN, 1 << 20);
        for length in [0, 1, 15, 16, 255, 4096, 65_535, usize::MAX] {
            let mut output = Output::new();
            write_chunk_line(&mut output, &mut pool, length).unwrap();
            assert_eq!(output.front(), format!("{length:x}\r\n").as_bytes());
            output.clear(&mut pool);
        }
    }
}
