//! Writing response heads and chunks (RFC 9112 sections 4, 7.1).
//!
//! Status line, `Server` and `Date` are the same for every 200 within a second, so they are kept
//! ready in a [`Prelude`] and copied as one. So is the last whole head, which the next answer often
//! repeats: that saves six in a hundred of the instructions of a small answer.

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

/// The beginning of a response head, ready to be copied, and the last head that began so.
#[derive(Clone, Debug)]
pub struct Prelude {
    text: Vec<u8>,
    /// How often the date was set.
    edition: u64,
    /// What the last head without further lines was made of; `None` when there is none to repeat.
    last_made_of: Option<Repeatable>,
    last: Vec<u8>,
}

/// All that makes one head differ from another within a second, but for further lines.
#[derive(Clone, Copy, Debug)]
pub struct Repeatable {
    status: Status,
    content_type: Option<&'static str>,
    framing: Framing,
    persistence: Persistence,
}

impl Repeatable {
    /// What makes this head.
    #[inline]
    pub fn of(head: &ResponseFields<'_>) -> Repeatable {
        Repeatable {
            status: head.status,
            content_type: head.content_type,
            framing: head.framing,
            persistence: head.persistence,
        }
    }

    /// Whether both make the same head.
    #[inline]
    pub fn equals(&self, other: &Repeatable) -> bool {
        // Content types live as long as the program, so those in the same place are the same.
        let same_type = match (self.content_type, other.content_type) {
            (Some(own), Some(other)) => std::ptr::eq(own, other),
            (own, other) => own.is_none() && other.is_none(),
        };
        same_type
            && self.framing == other.framing
            && self.status == other.status
            && self.persistence == other.persistence
    }
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
        Prelude {
            text,
            edition: 0,
            last_made_of: None,
            last: Vec::new(),
        }
    }

    /// Sets the date; `date` is an IMF-fixdate.
    pub fn set_date(&mut self, date: &str) {
        debug_assert_eq!(date.len(), DATE_BYTES);
        let end = self.text.len() - 2;
        self.text[end - DATE_BYTES..end].copy_from_slice(date.as_bytes());
        self.last_made_of = None;
        self.edition += 1;
    }

    /// The beginning of the head of a 200: its length stays the same.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// How often the date was set: tells one text from another.
    #[inline]
    pub fn edition(&self) -> u64 {
        self.edition
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
    pub content_type: Option<&'static str>,
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
    prelude: &mut Prelude,
    head: &ResponseFields<'_>,
    body: &[u8],
) -> Result<(), NoBlock> {
    let room = output.room(room_bytes(prelude, head) + body.len(), pool)?;
    let mut cursor = Cursor { room, at: 0 };
    let made_of = Repeatable::of(head);
    if !head.lines.is_empty() {
        cursor.put_head(prelude, head);
    } else if prelude
        .last_made_of
        .is_some_and(|last| last.equals(&made_of))
    {
        cursor.put(&prelude.last);
    } else {
        cursor.put_head(prelude, head);
        prelude.last.clear();
        prelude.last.extend_from_slice(&cursor.room[..cursor.at]);
        prelude.last_made_of = Some(made_of);
    }
    cursor.put(body);
    let count = cursor.at;
    output.grow(count);
    Ok(())
}

/// A response head and its body in one piece. That of a 200 begins with [`Prelude::text`] and the
/// further lines.
pub fn whole_answer(prelude: &Prelude, head: &ResponseFields<'_>, body: &[u8]) -> Vec<u8> {
    let mut room = vec![0; room_bytes(prelude, head) + body.len()];
    let mut cursor = Cursor {
        room: &mut room,
        at: 0,
    };
    cursor.put_head(prelude, head);
    cursor.put(body);
    let count = cursor.at;
    room.truncate(count);
    room
}

/// Enough bytes for a head.
#[inline]
fn room_bytes(prelude: &Prelude, head: &ResponseFields<'_>) -> usize {
    let content_type = head.content_type.unwrap_or("");
    prelude.text.len() + content_type.len() + head.lines.len() + SLACK_BYTES
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
    fn put_head(&mut self, prelude: &Prelude, head: &ResponseFields<'_>) {
        if head.status == Status::OK {
            self.put(&prelude.text);
        } else {
            self.put_text(b"HTTP/1.1 ");
            self.put_decimal(u64::from(head.status.code()));
            self.put_text(b" ");
            self.put(head.status.reason().as_bytes());
            self.put_text(b"\r\n");
            self.put(&prelude.text[OK_LINE.len()..]);
        }
        if !head.lines.is_empty() {
            self.put(head.lines);
        }
        if let Some(content_type) = head.content_type {
            self.put_text(b"Content-Type: ");
            self.put(content_type.as_bytes());
            self.put_text(b"\r\n");
        }
        match head.framing {
            Framing::Length(length) => {
                self.put_text(b"Content-Length: ");
                self.put_decimal(length);
                self.put_text(b"\r\n");
            }
            Framing::Chunked => self.put_text(b"Transfer-Encoding: chunked\r\n"),
            Framing::None | Framing::UntilClose => {}
        }
        match head.persistence {
            Persistence::Implied => {}
            Persistence::KeepAlive => self.put_text(b"Connection: keep-alive\r\n"),
            Persistence::Close => self.put_text(b"Connection: close\r\n"),
        }
        self.put_text(b"\r\n");
    }

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
        write_head(&mut output, &mut pool, &mut prelude, head, b"").unwrap();
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
    fn a_repeated_head_is_the_same_and_follows_the_date() {
        let mut pool = Pool::new(BLOCK_BYTES_MIN, 1 << 20);
        let mut prelude = Prelude::new(Some("tidegate"));
        let plain = |length| ResponseFields {
            status: Status::OK,
            content_type: Some("text/plain"),
            lines: b"",
            framing: Framing::Length(length),
            persistence: Persistence::Implied,
        };
        let other_status = ResponseFields {
            status: Status::CREATED,
            ..plain(1)
        };
        let other_type = ResponseFields {
            content_type: None,
            ..plain(1)
        };
        let closing = ResponseFields {
            persistence: Persistence::Close,
            ..plain(1)
        };
        let lines = ResponseFields {
            lines: b"X-One: 1\r\n",
            ..plain(1)
        };
        let heads = [
            plain(1),
            plain(1),
            plain(2),
            other_status,
            other_type,
            closing,
            lines,
            plain(1),
        ];
        for date in [DATE, "Mon, 07 Nov 1994 08:49:38 GMT"] {
            prelude.set_date(date);
            for head in heads {
                let mut repeating = Output::new();
                write_head(&mut repeating, &mut pool, &mut prelude, &head, b"body").unwrap();
                let mut fresh = Output::new();
                let mut unused = Prelude::new(Some("tidegate"));
                unused.set_date(date);
                write_head(&mut fresh, &mut pool, &mut unused, &head, b"body").unwrap();
                assert_eq!(repeating.front(), fresh.front());
                repeating.clear(&mut pool);
                fresh.clear(&mut pool);
            }
        }
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
        let written = write_head(&mut output, &mut pool, &mut Prelude::new(None), &head, b"");
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
