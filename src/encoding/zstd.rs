//! Zstandard (RFC 8878, and RFC 9659 for the window).
//!
//! Must not know of the other codings.

use std::io;

use ::zstd::zstd_safe::{
    CCtx, CParameter, InBuffer, OutBuffer, ResetDirective, compress_bound, get_error_name,
    zstd_sys::ZSTD_EndDirective as Directive,
};

/// See the table in `mod.rs`.
const LEVEL: i32 = 5;

/// Two tables of 128 KiB each. Those that the level takes by itself for a stream are ten times as
/// large, and make what is coded shorter by half a hundredth.
const TABLE_BITS: u32 = 15;

/// A stream keeps its window, and tables and blocks grow with it.
const STREAM_WINDOW_BITS: u32 = 16;

/// A whole content is its own window, so that only the client keeps one: 1 MiB at most, of the
/// 8 MiB that RFC 9659 allows.
const WHOLE_WINDOW_BITS: u32 = 20;

/// In a stream, all that was taken is coded and may be decoded after so many bytes. By itself zstd
/// codes blocks of 64 KiB and more, which takes longer than a loop can wait.
pub(super) const BLOCK_BYTES: usize = 32 * 1024;

/// Makes one frame after another, or one in pieces.
pub(super) struct Zstd {
    context: CCtx<'static>,
}

impl Zstd {
    /// For contents that are whole.
    pub(super) fn new() -> io::Result<Zstd> {
        Zstd::with(WHOLE_WINDOW_BITS)
    }

    /// For a stream of unknown length.
    pub(super) fn for_stream() -> io::Result<Zstd> {
        Zstd::with(STREAM_WINDOW_BITS)
    }

    fn with(window_bits: u32) -> io::Result<Zstd> {
        let mut context = CCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
        for parameter in [
            CParameter::CompressionLevel(LEVEL),
            CParameter::WindowLog(window_bits),
            CParameter::HashLog(TABLE_BITS),
            CParameter::ChainLog(TABLE_BITS),
        ] {
            context.set_parameter(parameter).map_err(error)?;
        }
        Ok(Zstd { context })
    }

    /// A whole frame, whatever was coded before. It says how long the content is.
    pub(super) fn encode(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.context
            .reset(ResetDirective::SessionOnly)
            .map_err(error)?;
        let len = out.len();
        out.resize(len + compress_bound(bytes.len()), 0);
        // One call with all the room it may need: zstd then keeps no copy of the window.
        let made = self.context.compress2(&mut out[len..], bytes);
        out.truncate(len + *made.as_ref().unwrap_or(&0));
        made.map(drop).map_err(error)
    }

    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.run(bytes, Directive::ZSTD_e_continue, out)
    }

    pub(super) fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.run(&[], Directive::ZSTD_e_flush, out)
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.run(&[], Directive::ZSTD_e_end, out)
    }

    /// Takes all of `bytes`, and makes all that the directive asks for.
    fn run(&mut self, bytes: &[u8], directive: Directive, out: &mut Vec<u8>) -> io::Result<()> {
        let mut input = InBuffer::around(bytes);
        loop {
            out.reserve(super::room(bytes.len()));
            let len = out.len();
            let mut output = OutBuffer::around_pos(out, len);
            let left = self
                .context
                .compress_stream2(&mut output, &mut input, directive)
                .map_err(error)?;
            // What is left is a promise only where something has to be completed.
            let is_done = match directive {
                Directive::ZSTD_e_continue => input.pos() == bytes.len(),
                _ => left == 0,
            };
            if is_done {
                return Ok(());
            }
        }
    }
}

fn error(code: usize) -> io::Error {
    io::Error::other(get_error_name(code))
}
