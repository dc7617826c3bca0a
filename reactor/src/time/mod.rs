//! Time: where it is read, how it is counted, and who is told when it has come.

mod instant;

pub use instant::Instant;
