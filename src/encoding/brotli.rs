//! Brotli (RFC 7932).
//!
//! Must not know of the other codings.

use std::io;

use ::brotli::enc::StandardAlloc;
use ::brotli::enc::encode::{
    BrotliEncoderOperation as Operation, BrotliEncoderParameter as Parameter,
    BrotliEncoderStateStruct,
};

/// See the table in `mod.rs`.
const QUALITY: u32 = 4;

/// Windows of up to 256 KiB for contents that are whole.
const WINDOW_BITS_MAX: u32 = 18;

/// For streams, of which there may be many at a time: a window takes twice its size, and one of
/// 64 KiB costs a twentieth of the ratio.
const STREAM_WINDOW_BITS: u32 = 17;

/// The smallest window there is.
const WINDOW_BITS_MIN: u32 = 10;

/// From this size on the encoder would take a hash table of 4 MiB.
const SIZE_HINT_MAX: usize = (1 << 20) - 1;

/// In a stream, all that was taken is coded and may be decoded after so many bytes. By itself the
/// encoder does its work at times only, for 64 KiB and more: longer than a loop can wait, and with
/// twice the memory.
pub(super) const BLOCK_BYTES: usize = 16 * 1024;

/// One stream: there is no way to begin another with the same state.
pub(super) struct Brotli {
    state: Box<BrotliEncoderStateStruct<StandardAlloc>>,
}

impl Brotli {
    /// For a stream of unknown length.
    pub(super) fn for_stream() -> Brotli {
        Brotli::with(STREAM_WINDOW_BITS, 0)
    }

    fn with(window_bits: u32, size_hint: usize) -> Brotli {
        let mut state = Box::new(BrotliEncoderStateStruct::new(StandardAlloc::default()));
        state.set_parameter(Parameter::BROTLI_PARAM_QUALITY, QUALITY);
        state.set_parameter(Parameter::BROTLI_PARAM_LGWIN, window_bits);
        let size_hint = size_hint.min(SIZE_HINT_MAX) as u32;
        state.set_parameter(Parameter::BROTLI_PARAM_SIZE_HINT, size_hint);
        Brotli { state }
    }

    /// A whole stream.
    pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let mut brotli = Brotli::with(window_bits(bytes.len()), bytes.len());
        brotli.run(bytes, Operation::BROTLI_OPERATION_FINISH, out)
    }

    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.run(bytes, Operation::BROTLI_OPERATION_PROCESS, out)
    }

    pub(super) fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.run(&[], Operation::BROTLI_OPERATION_FLUSH, out)
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.run(&[], Operation::BROTLI_OPERATION_FINISH, out)
    }

    /// Takes all of `bytes`, and makes all that the operation asks for.
    fn run(&mut self, bytes: &[u8], operation: Operation, out: &mut Vec<u8>) -> io::Result<()> {
        let room = super::room(bytes.len());
        let (mut left, mut taken) = (bytes.len(), 0);
        loop {
            let mut made = out.len();
            out.resize(made + room, 0);
            let mut room_left = room;
            let is_well = self.state.compress_stream(
                operation,
                &mut left,
                bytes,
                &mut taken,
                &mut room_left,
                out,
                &mut made,
                &mut None,
                &mut |_, _, _, _| (),
            );
            out.truncate(made);
            if !is_well {
                return Err(io::Error::other("brotli: the encoder failed"));
            }
            let is_done = match operation {
                Operation::BROTLI_OPERATION_FINISH => self.state.is_finished(),
                _ => left == 0 && !self.state.has_more_output(),
            };
            if is_done {
                return Ok(());
            }
        }
    }
}

/// The smallest window that spans so many bytes (RFC 7932 section 9.1: 16 bytes less than a power
/// of two).
fn window_bits(size: usize) -> u32 {
    (WINDOW_BITS_MIN..WINDOW_BITS_MAX)
        .find(|bits| size <= (1 << bits) - 16)
        .unwrap_or(WINDOW_BITS_MAX)
}
