//! Where the bytes of a body are in what was received, whatever its framing, and where it ends.

use std::ops::Range;

use super::Violation;
use super::chunked::Chunked;
use crate::http::Framing;
use crate::limits::Limits;

/// What a look at received bytes found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyStep {
    /// Bytes that are done with, from the first; they are not to be given again.
    pub used: usize,
    /// Which of them belong to the body; the others are framing.
    pub data: Range<usize>,
    /// Whether the body is complete after them.
    pub end: bool,
}

/// Progress in one body.
#[derive(Clone, Copy, Debug)]
pub struct BodyReader {
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// This many bytes are still to come; none when the body is complete.
    Length(u64),
    /// Announced with more bytes than are allowed.
    TooLarge,
    Chunked(Chunked),
    /// This many bytes more are allowed; only the end of the connection ends the body.
    UntilClose(u64),
}

impl BodyReader {
    /// A reader of a body of at most `bytes_max` bytes, framing not counted.
    pub fn new(framing: Framing, bytes_max: u64) -> BodyReader {
        BodyReader {
            state: match framing {
                Framing::None => State::Length(0),
                Framing::Length(length) if length > bytes_max => State::TooLarge,
                Framing::Length(length) => State::Length(length),
                Framing::Chunked => State::Chunked(Chunked::new(bytes_max)),
                Framing::UntilClose => State::UntilClose(bytes_max),
            },
        }
    }

    /// Looks at the bytes in `buf`, which come after all those used before. There is at most one
    /// range of data in a step, so call again while bytes are left and progress is made; no byte
    /// used without the end means that more bytes are needed. Bytes after the end are not touched.
    pub fn read(&mut self, buf: &[u8], limits: &Limits) -> Result<BodyStep, Violation> {
        match &mut self.state {
            State::Length(remaining) => {
                let used = at_most(*remaining, buf);
                *remaining -= used as u64;
                Ok(BodyStep {
                    used,
                    data: 0..used,
                    end: *remaining == 0,
                })
            }
            State::TooLarge => Err(Violation::BodyTooLarge),
            State::Chunked(chunked) => chunked.read(buf, limits),
            State::UntilClose(allowed) => {
                if buf.len() as u64 > *allowed {
                    return Err(Violation::BodyTooLarge);
                }
                *allowed -= buf.len() as u64;
                Ok(BodyStep {
                    used: buf.len(),
                    data: 0..buf.len(),
                    end: false,
                })
            }
        }
    }

    /// Whether the body is complete. Never true of one that ends with the connection.
    pub fn is_done(&self) -> bool {
        match &self.state {
            State::Length(remaining) => *remaining == 0,
            State::Chunked(chunked) => chunked.is_done(),
            State::TooLarge | State::UntilClose(_) => false,
        }
    }

    /// Bytes of the body still to come, where that is known: with `Content-Length`, or none when
    /// the body is complete.
    pub fn remaining(&self) -> Option<u64> {
        match &self.state {
            State::Length(remaining) => Some(*remaining),
            State::Chunked(chunked) if chunked.is_done() => Some(0),
            _ => None,
        }
    }
}

/// Bytes of `buf`, but no more than `count`.
pub(super) fn at_most(count: u64, buf: &[u8]) -> usize {
    usize::try_from(count).map_or(buf.len(), |count| count.min(buf.len()))
}

const _: () = assert!(size_of::<BodyReader>() <= 24);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: &mut BodyReader, buf: &[u8]) -> Result<BodyStep, Violation> {
        reader.read(buf, &Limits::default())
    }

    fn step(used: usize, end: bool) -> Result<BodyStep, Violation> {
        Ok(BodyStep {
            used,
            data: 0..used,
            end,
        })
    }

    #[test]
    fn a_body_that_is_not_there_is_complete() {
        for framing in [Framing::None, Framing::Length(0)] {
            let mut reader = BodyReader::new(framing, 0);
            assert!(reader.is_done());
            assert_eq!(reader.remaining(), Some(0));
            assert_eq!(read(&mut reader, b"GET /"), step(0, true));
        }
    }

    #[test]
    fn a_length_is_counted_down_and_what_follows_is_left() {
        let mut reader = BodyReader::new(Framing::Length(5), 5);
        assert!(!reader.is_done());
        assert_eq!(read(&mut reader, b""), step(0, false));
        assert_eq!(read(&mut reader, b"he"), step(2, false));
        assert_eq!(reader.remaining(), Some(3));
        assert_eq!(read(&mut reader, b"lloGET /"), step(3, true));
        assert!(reader.is_done());
        assert_eq!(read(&mut reader, b"GET /"), step(0, true));
    }

    #[test]
    fn a_length_beyond_the_bound_is_refused_before_its_first_byte() {
        let mut reader = BodyReader::new(Framing::Length(6), 5);
        assert!(!reader.is_done());
        assert_eq!(read(&mut reader, b""), Err(Violation::BodyTooLarge));
    }

    #[test]
    fn until_close_takes_everything_and_never_ends() {
        let mut reader = BodyReader::new(Framing::UntilClose, 5);
        assert_eq!(read(&mut reader, b"hel"), step(3, false));
        assert_eq!(read(&mut reader, b"lo"), step(2, false));
        assert_eq!(read(&mut reader, b""), step(0, false));
        assert!(!reader.is_done());
        assert_eq!(reader.remaining(), None);
        assert_eq!(read(&mut reader, b"!"), Err(Violation::BodyTooLarge));
    }

    #[test]
    fn chunks_are_followed_to_their_end() {
        let mut reader = BodyReader::new(Framing::Chunked, 5);
        assert_eq!(reader.remaining(), None);
        let body = b"5\r\nhello\r\n0\r\n\r\nGET /";
        let first = read(&mut reader, body).unwrap();
        assert_eq!((first.data.clone(), first.end), (3..8, false));
        let last = read(&mut reader, &body[first.used..]).unwrap();
        assert_eq!((first.used + last.used, last.end), (body.len() - 5, true));
        assert!(last.data.is_empty() && reader.is_done());
        assert_eq!(reader.remaining(), Some(0));
        assert_eq!(read(&mut reader, b"GET /").unwrap().used, 0);
    }
}
