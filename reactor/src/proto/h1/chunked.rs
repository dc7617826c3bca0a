//! The chunked transfer coding (RFC 9112 section 7.1), resumable at every byte. Extensions and
//! trailers are validated, bounded and dropped: nobody uses them, and dropped trailers cannot
//! smuggle framing.
//!
//! ```text
//!           ┌───────────────────────────── DataLf ◄─ DataCr ◄─┐
//!           ▼                                                 │
//!  ──► SizeStart ─► Size ─► Extension ─► SizeLf ─────► Data ──┘
//!                                           │ size 0
//!                                           ▼
//!              Name ◄──────────────────── Line ─► EndLf ─► Done
//!               └─► Value ─► ValueLf ──────┘▲
//!                                └──────────┘
//! ```

use super::body::{BodyStep, at_most};
use super::{Violation, line, scan};
use crate::limits::Limits;

/// Most digits of a chunk size: those of a 64-bit number.
const DIGITS_MAX: u8 = 16;

/// Progress in one chunked body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunked {
    /// Bytes of the current chunk still to come; while its size is being read, the size so far.
    chunk: u64,
    /// Bytes of all further chunks that are allowed.
    allowed: u64,
    /// Bytes of the current size line, or of the trailer section.
    line_bytes: u32,
    state: State,
    /// Digits of the current size.
    digits: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first digit of a size.
    SizeStart,
    /// In the digits.
    Size,
    /// In the extensions.
    Extension,
    /// After the CR of a size line.
    SizeLf,
    /// In the data.
    Data,
    /// After the data.
    DataCr,
    /// After the CR after the data.
    DataLf,
    /// At the beginning of the trailer section.
    TrailerStart,
    /// At the beginning of a further line of the trailer section.
    Line,
    /// In a trailer's name.
    Name,
    /// In a trailer's value.
    Value,
    /// After the CR of a trailer.
    ValueLf,
    /// After the CR of the empty line.
    EndLf,
    /// After the body.
    Done,
}

impl Chunked {
    /// A body with at most `bytes_max` bytes of data.
    pub(super) fn new(bytes_max: u64) -> Chunked {
        Chunked {
            chunk: 0,
            allowed: bytes_max,
            line_bytes: 0,
            state: State::SizeStart,
            digits: 0,
        }
    }

    /// As [`super::BodyReader::read`].
    pub(super) fn read(&mut self, buf: &[u8], limits: &Limits) -> Result<BodyStep, Violation> {
        let mut used = 0;
        while self.state != State::Done {
            let Some(&byte) = buf.get(used) else {
                break;
            };
            if self.state == State::Data {
                let len = at_most(self.chunk, &buf[used..]);
                self.chunk -= len as u64;
                if self.chunk == 0 {
                    self.state = State::DataCr;
                }
                return Ok(BodyStep {
                    used: used + len,
                    data: used..used + len,
                    end: false,
                });
            }
            self.state = self.step(byte, limits)?;
            used += 1;
        }
        Ok(BodyStep {
            used,
            data: used..used,
            end: self.is_done(),
        })
    }

    /// Whether the body is complete.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The state after one byte that is not data.
    fn step(&mut self, byte: u8, limits: &Limits) -> Result<State, Violation> {
        match self.state {
            State::SizeStart | State::Size | State::Extension | State::SizeLf => {
                self.size_line(byte, limits)
            }
            State::DataCr if byte == b'\r' => Ok(State::DataLf),
            State::DataLf if byte == b'\n' => Ok(State::SizeStart),
            State::DataCr | State::DataLf => Err(Violation::ChunkEnd),
            _ => self.trailer_section(byte, limits),
        }
    }

    /// The state after one byte of a size line.
    fn size_line(&mut self, byte: u8, limits: &Limits) -> Result<State, Violation> {
        if self.state == State::SizeStart {
            (self.chunk, self.digits, self.line_bytes) = (0, 0, 0);
        }
        match (self.state, byte) {
            (State::SizeLf, b'\n') => return Ok(self.end_size_line()),
            (State::SizeLf, _) | (_, b'\n') => return Err(Violation::LineEnd),
            (State::Size | State::Extension, b'\r') => return Ok(State::SizeLf),
            _ => self.count(limits.chunk_line_bytes_max, Violation::ChunkLineTooLong)?,
        }
        match (self.state, byte) {
            (State::Extension, _) if !scan::is_value_byte(byte) => Err(Violation::ChunkExtension),
            (State::Extension, _) | (State::Size, b';') => Ok(State::Extension),
            _ => self.digit(byte),
        }
    }

    /// Takes in a digit of the size.
    fn digit(&mut self, byte: u8) -> Result<State, Violation> {
        let value = char::from(byte).to_digit(16).ok_or(Violation::ChunkSize)?;
        if self.digits == DIGITS_MAX {
            return Err(Violation::ChunkSize);
        }
        self.digits += 1;
        self.chunk = self.chunk << 4 | u64::from(value);
        if self.chunk > self.allowed {
            return Err(Violation::BodyTooLarge);
        }
        Ok(State::Size)
    }

    /// The state after a size line.
    fn end_size_line(&mut self) -> State {
        self.line_bytes = 0;
        self.allowed -= self.chunk;
        match self.chunk {
            0 => State::TrailerStart,
            _ => State::Data,
        }
    }

    /// The state after one byte of the trailer section.
    fn trailer_section(&mut self, byte: u8, limits: &Limits) -> Result<State, Violation> {
        self.count(limits.trailer_bytes_max, Violation::TrailerTooLarge)?;
        let begins_line = matches!(self.state, State::TrailerStart | State::Line);
        match (self.state, byte) {
            (State::TrailerStart | State::Line, b'\r') => Ok(State::EndLf),
            (State::EndLf, b'\n') => Ok(State::Done),
            (State::ValueLf, b'\n') => Ok(State::Line),
            (State::EndLf | State::ValueLf, _) => Err(Violation::LineEnd),
            (State::Value, b'\r') => Ok(State::ValueLf),
            (State::Value, _) if scan::is_value_byte(byte) => Ok(State::Value),
            (State::Value, _) => Err(line::value_violation(byte)),
            (State::Name, b':') => Ok(State::Value),
            _ if scan::is_token_byte(byte) => Ok(State::Name),
            _ => {
                let is_first = self.state == State::TrailerStart;
                Err(line::name_violation(byte, begins_line, is_first))
            }
        }
    }

    /// Counts a byte of a line or section of at most `bytes_max` bytes.
    fn count(&mut self, bytes_max: usize, violation: Violation) -> Result<(), Violation> {
        if self.line_bytes as usize >= bytes_max {
            return Err(violation);
        }
        self.line_bytes = self.line_bytes.saturating_add(1);
        Ok(())
    }
}

const _: () = assert!(size_of::<Chunked>() <= 24);

#[cfg(test)]
mod tests;
