//! Blocks of memory, and what connections and exchanges keep in them.

mod input;
mod output;
mod pipe;
mod pool;

pub use input::{Input, Spare};
pub use output::{NoBlock, Output};
pub use pipe::Pipe;
pub use pool::{BLOCK_BYTES_MIN, Block, Pool};
