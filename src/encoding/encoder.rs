//! One content in one coding, piece by piece.

use std::io;

use super::Coding;
use super::brotli::{self, Brotli};
use super::gzip::Gzip;
use super::zstd::{self, Zstd};

/// Codes a content of unknown or great length. What is appended to `out` and when is up to the
/// coding; all of it, in order, is the content coded.
///
/// ```text
/// new ──► (push | flush)* ──► finish
/// ```
///
/// It takes memory of its own as long as it lives: about 0.4 MiB for gzip, 0.6 MiB for zstd and
/// 1.1 MiB for brotli, however long the content is. After an error there is no way on: what was
/// made ends in the middle.
pub struct Encoder {
    state: State,
    /// How many bytes were pushed that may not be decodable yet.
    unflushed_bytes: usize,
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
            Coding::Brotli => State::Brotli(Brotli::for_stream()),
            Coding::Zstd => State::Zstd(Zstd::for_stream()?),
        };
        Ok(Encoder {
            state,
            unflushed_bytes: 0,
        })
    }

    /// Takes all of `bytes`. On an event loop, at most [`SLICE_BYTES`](super::SLICE_BYTES) a turn.
    ///
    /// # Errors
    ///
    /// When there is not enough memory.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let block_bytes = self.state.block_bytes();
        let mut rest = bytes;
        while self.unflushed_bytes.saturating_add(rest.len()) >= block_bytes {
            let (piece, more) = rest.split_at(block_bytes - self.unflushed_bytes);
            self.state.push(piece, out)?;
            self.state.flush(out)?;
            self.unflushed_bytes = 0;
            rest = more;
        }
        self.unflushed_bytes += rest.len();
        self.state.push(rest, out)
    }

    /// Appends what it takes to decode all that was pushed so far; nothing where that can be
    /// decoded already. Each time costs some of the ratio: it is for when the next bytes may be
    /// long in coming.
    ///
    /// # Errors
    ///
    /// When there is not enough memory.
    pub fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        if self.unflushed_bytes == 0 {
            return Ok(());
        }
        self.unflushed_bytes = 0;
        self.state.flush(out)
    }

    /// Ends the content.
    ///
    /// # Errors
    ///
    /// When there is not enough memory.
    pub fn finish(mut self, out: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.state {
            State::Gzip(gzip) => gzip.finish(out),
            State::Brotli(brotli) => brotli.finish(out),
            State::Zstd(zstd) => zstd.finish(out),
        }
    }
}

impl State {
    /// After how many bytes a flush is due, so that no piece is coded together with many others.
    fn block_bytes(&self) -> usize {
        match self {
            // Its work is in proportion to each piece.
            State::Gzip(_) => usize::MAX,
            State::Brotli(_) => brotli::BLOCK_BYTES,
            State::Zstd(_) => zstd::BLOCK_BYTES,
        }
    }

    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            State::Gzip(gzip) => gzip.push(bytes, out),
            State::Brotli(brotli) => brotli.push(bytes, out),
            State::Zstd(zstd) => zstd.push(bytes, out),
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            State::Gzip(gzip) => gzip.flush(out),
            State::Brotli(brotli) => brotli.flush(out),
            State::Zstd(zstd) => zstd.flush(out),
        }
    }
}
