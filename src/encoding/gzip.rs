//! gzip (RFC 1952).
//!
//! Must not know of the other codings.

use std::io;

use flate2::{Compress, Compression, FlushCompress};

/// See the table in `mod.rs`.
const LEVEL: u32 = 5;

/// The largest window there is. A smaller one saves little memory and costs much of the ratio.
const WINDOW_BITS: u8 = 15;

/// Makes one gzip member after another, or one in pieces.
pub(super) struct Gzip {
    deflate: Compress,
}

impl Gzip {
    pub(super) fn new() -> Gzip {
        Gzip {
            deflate: Compress::new_gzip(Compression::new(LEVEL), WINDOW_BITS),
        }
    }

    /// A whole member, whatever was coded before.
    pub(super) fn encode(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.deflate.reset();
        self.run(bytes, FlushCompress::Finish, out)
    }

    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.run(bytes, FlushCompress::None, out)
    }

    pub(super) fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.run(&[], FlushCompress::Sync, out)
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.run(&[], FlushCompress::Finish, out)
    }

    /// Takes all of `bytes`, and makes all that the flush asks for. That is done when room is left
    /// over, as zlib's manual has it; only the end of a member is told by the status.
    fn run(&mut self, bytes: &[u8], flush: FlushCompress, out: &mut Vec<u8>) -> io::Result<()> {
        let room = super::room(bytes.len());
        let mut left = bytes;
        loop {
            let len = out.len();
            out.resize(len + room, 0);
            let (taken, made) = (self.deflate.total_in(), self.deflate.total_out());
            // Into bytes that are there: `compress_vec` would fill all of the spare capacity with
            // zeros first.
            let status = self.deflate.compress(left, &mut out[len..], flush);
            let made = (self.deflate.total_out() - made) as usize;
            out.truncate(len + made);
            left = &left[(self.deflate.total_in() - taken) as usize..];
            let is_done = match status? {
                flate2::Status::StreamEnd => true,
                _ => left.is_empty() && made < room && flush != FlushCompress::Finish,
            };
            if is_done {
                return Ok(());
            }
            if made == 0 {
                return Err(io::Error::other("gzip: no progress"));
            }
        }
    }
}
