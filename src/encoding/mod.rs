//! Content codings (RFC 9110 section 8.4): which one a client takes, and bytes in it.
//!
//! A library for features: must not know any of them, nor files.
//!
//! # The levels
//!
//! Coded while a client waits, a page may cost about as much as some tens of requests, not more.
//! Measured with the first 16 KiB of 34 pages of HTML, whole; the cost is CPU time as a multiple of
//! that of gzip at level 5:
//!
//! | | ratio | cost | |
//! |---|---|---|---|
//! | gzip 1 | 3.03 | 0.4 | |
//! | gzip 4 | 4.03 | 0.9 | |
//! | **gzip 5** | 4.08 | 1.0 | what is above costs more and saves nothing |
//! | gzip 6 | 4.09 | 1.1 | |
//! | brotli 3 | 3.96 | 1.6 | worse than gzip in both |
//! | **brotli 4** | 4.18 | 2.1 | the first that saves anything over gzip |
//! | brotli 5 | 4.47 | 3.0 | half as much memory again; for files that are coded once |
//! | zstd 3 | 3.92 | 0.4 | |
//! | zstd 4 | 4.10 | 0.8 | |
//! | **zstd 5** | 4.13 | 1.0 | from 32 KiB on better than gzip 6, and cheaper than gzip 5 |
//! | zstd 6 | 4.16 | 1.4 | |
//!
//! So where a client takes all of them and the content is not coded yet, zstd is the one to make,
//! gzip the next, and brotli the last: it is worth its cost in files that are coded beforehand.

mod acceptance;
mod brotli;
mod coding;
mod encoder;
mod encoders;
mod gzip;
#[cfg(test)]
mod tests;
mod zstd;

pub use acceptance::{Acceptance, Choice, weight};
pub use coding::Coding;
pub use encoder::Encoder;
pub use encoders::{Encoders, SpareEncoders};

/// The largest piece that is coded in one go on an event loop. With any coding it takes a third of
/// a millisecond at most on the machine that it was measured with; twice as much takes two thirds.
pub const SLICE_BYTES: usize = 16 * 1024;

/// How much room for output is made at a time while coding so many bytes: half of them, as text
/// seldom takes more; all of what is made fits in the end.
fn room(input_bytes: usize) -> usize {
    (input_bytes / 2).clamp(512, 16 * 1024)
}
