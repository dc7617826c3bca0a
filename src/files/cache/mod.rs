//! What workers have at hand: files as they are sent, bounded in bytes and descriptors, and how
//! fresh they are.

pub mod clock;
pub mod sight;
pub mod tree;
