//! Content codings (RFC 9110 section 8.4): which one a client takes, and bytes in it.
//!
//! A library for features: must not know any of them, nor files.

mod acceptance;
mod brotli;
mod coding;
mod encoder;
mod encoders;
mod gzip;
#[cfg(test)]
mod tests;
mod zstd;

pub use acceptance::{Acceptance, Choice};
pub use coding::Coding;
pub use encoder::Encoder;
pub use encoders::Encoders;

/// The largest piece that is coded in one go on an event loop.
pub const SLICE_BYTES: usize = 16 * 1024;

/// How much room for output is made at a time while coding so many bytes: half of them, as text
/// seldom takes more; all of what is made fits in the end.
fn room(input_bytes: usize) -> usize {
    (input_bytes / 2).clamp(512, 16 * 1024)
}
