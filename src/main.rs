//! Tidegate: an HTTP server and reverse proxy in one binary.
#![forbid(unsafe_code)]

fn main() {}
