//! What a connection keeps of its input between two turns.
//!
//! While a connection is driven, its input lies in one block: the worker's scratch, or a block that
//! the connection kept. Afterwards nothing is kept when all was used; a small remainder moves to a
//! piece of its own size; a large one keeps the block.

use super::Block;

/// Remainders up to this length are copied out of the block.
const SMALL_BYTES_MAX: usize = 512;

/// Bytes received and not yet used.
#[derive(Debug, Default)]
pub enum Input {
    /// None.
    #[default]
    Empty,
    /// A few, in a piece of memory of just that length.
    Small(Box<[u8]>),
    /// Many, in a block from `start` to `end`.
    Block {
        /// The block.
        block: Block,
        /// Offset of the first unused byte.
        start: usize,
        /// Offset after the last received byte.
        end: usize,
    },
}

/// What became of the block that a connection was driven with.
#[derive(Debug)]
pub enum Spare {
    /// It is free again.
    Free(Block),
    /// The connection kept it.
    Kept,
}

impl Input {
    /// How many bytes are kept.
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// The bytes kept.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Input::Empty => &[],
            Input::Small(bytes) => bytes,
            Input::Block { block, start, end } => &block[*start..*end],
        }
    }

    /// Whether no bytes are kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a block is kept.
    pub fn holds_block(&self) -> bool {
        matches!(self, Input::Block { .. })
    }

    /// Keeps what is unused of `block`, from `start` to `end`.
    pub fn keep(block: Block, start: usize, end: usize) -> (Input, Spare) {
        match end - start {
            0 => (Input::Empty, Spare::Free(block)),
            1..=SMALL_BYTES_MAX => (Input::Small(block[start..end].into()), Spare::Free(block)),
            _ => (Input::Block { block, start, end }, Spare::Kept),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::{BLOCK_BYTES_MIN, Pool};

    #[test]
    fn only_large_remainders_keep_the_block() {
        let mut pool = Pool::new(BLOCK_BYTES_MIN, 1 << 20);
        for (length, kept) in [(0, false), (1, false), (512, false), (513, true)] {
            let mut block = pool.take().unwrap();
            block[7..7 + length].fill(b'x');
            let (input, spare) = Input::keep(block, 7, 7 + length);
            assert_eq!(input.len(), length);
            assert_eq!(input.holds_block(), kept);
            assert_eq!(matches!(spare, Spare::Kept), kept);
        }
    }
}
