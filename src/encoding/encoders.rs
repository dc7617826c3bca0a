//! What a worker keeps to code small contents, each in one go.

use std::io;

use super::Coding;
use super::brotli::Brotli;
use super::gzip::Gzip;
use super::zstd::Zstd;

/// The encoders of a worker. Their state is made when it is first used, and used again for what is
/// coded later: about 0.4 MiB for gzip and up to 0.7 MiB for zstd. Brotli's cannot be used again,
/// and is made each time: 0.8 MiB for a content of 16 KiB.
#[derive(Default)]
pub struct Encoders {
    gzip: Option<Gzip>,
    zstd: Option<Zstd>,
}

impl Encoders {
    /// Takes no memory until something is coded.
    pub const fn new() -> Encoders {
        Encoders {
            gzip: None,
            zstd: None,
        }
    }

    /// Appends the whole of `bytes` in this coding to `out`. What is appended depends on nothing
    /// else. `out` may be left with room for as many bytes as there are in `bytes`.
    ///
    /// Takes time in proportion to the length: for more than [`SLICE_BYTES`](super::SLICE_BYTES)
    /// this is no work for an event loop.
    ///
    /// # Errors
    ///
    /// When there is not enough memory; `out` is then as it was.
    pub fn encode(&mut self, coding: Coding, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let len = out.len();
        let result = match coding {
            Coding::Gzip => self.gzip.get_or_insert_with(Gzip::new).encode(bytes, out),
            Coding::Brotli => Brotli::encode(bytes, out),
            Coding::Zstd => self.zstd().and_then(|zstd| zstd.encode(bytes, out)),
        };
        if result.is_err() {
            out.truncate(len);
        }
        result
    }

    fn zstd(&mut self) -> io::Result<&mut Zstd> {
        match &mut self.zstd {
            Some(zstd) => Ok(zstd),
            empty => Ok(empty.insert(Zstd::new()?)),
        }
    }
}
