//! One content in one coding, piece by piece.

use std::io;

use super::Coding;
use super::brotli::Brotli;
use super::gzip::Gzip;
use super::zstd::Zstd;

/// Codes a content of unknown or great length. What is appended to `out` and when is up to the
/// coding; all of it, in order, is the content coded.
///
/// ```text
/// new ──► (push | flush)* ──► finish
/// ```
///
/// After an error there is no way on: what was made ends in the middle.
pub struct Encoder {
    state: State,
    /// Whether all that was pushed can be decoded from what was made.
    is_flushed: bool,
}

enum State {
    Gzip(Gzip),
    Brotli(Brotli),
    Zstd(Zstd),
}

impl Encoder {
    /// Begins a content.
    ///
    /// # Errors
    ///
    /// When there is not enough memory.
    pub fn new(coding: Coding) -> io::Result<Encoder> {
        let state = match coding {
            Coding::Gzip => State::Gzip(Gzip::new()),
            Coding::Brotli => State::Brotli(Brotli::new()),
            Coding::Zstd => State::Zstd(Zstd::new()?),
        };
        Ok(Encoder {
            state,
            is_flushed: true,
        })
    }

    /// Takes all of `bytes`. On an event loop, at most [`SLICE_BYTES`](super::SLICE_BYTES) a turn.
    ///
    /// # Errors
    ///
    /// When there is not enough memory.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.is_flushed &= bytes.is_empty();
        match &mut self.state {
            State::Gzip(gzip) => gzip.push(bytes, out),
            State::Brotli(brotli) => brotli.push(bytes, out),
            State::Zstd(zstd) => zstd.push(bytes, out),
        }
    }

    /// Appends what it takes to decode all that was pushed so far; nothing where that can be
    /// decoded already. Each time costs some of the ratio: it is for when the next bytes may be
    /// long in coming.
    ///
    /// # Errors
    ///
    /// When there is not enough memory.
    pub fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        if self.is_flushed {
            return Ok(());
        }
        self.is_flushed = true;
        match &mut self.state {
            State::Gzip(gzip) => gzip.flush(out),
            State::Brotli(brotli) => brotli.flush(out),
            State::Zstd(zstd) => zstd.flush(out),
        }
    }

    /// Ends the content.
    ///
    /// # Errors
    ///
    /// When there is not enough memory.
    pub fn finish(self, out: &mut Vec<u8>) -> io::Result<()> {
        match self.state {
            State::Gzip(mut gzip) => gzip.finish(out),
            State::Brotli(mut brotli) => brotli.finish(out),
            State::Zstd(mut zstd) => zstd.finish(out),
        }
    }
}
