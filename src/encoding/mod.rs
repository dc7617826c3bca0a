//! Content codings (RFC 9110 section 8.4): which one a client takes, and bytes in it.
//!
//! A library for features: must not know any of them, nor files.

mod coding;

pub use coding::Coding;
