//! Protocols without input or output: bytes and time come in as arguments, counts and events go
//! out.

pub mod h1;
