//! The worker's pool of blocks: what all its connections together may buffer.
//!
//! Blocks are of one size and are handed out and taken back by value, so a block can only be in one
//! place. The pool knows nothing of what is in them.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use crate::time::Instant;

/// Bytes of a block: 16 KiB, one TLS record, and never below the largest head allowed.
pub const BLOCK_BYTES_MIN: usize = 16 << 10;

/// Blocks that nobody needed for this long go back to the system.
const KEEP_UNUSED: Duration = Duration::from_secs(10);

/// So many free blocks are kept whatever happens: an idle worker need not wake for them.
const KEPT_FREE: usize = 4;

/// A fixed piece of memory on loan from a [`Pool`].
#[derive(Debug, Default)]
pub struct Block(Box<[u8]>);

impl Deref for Block {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Block {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// A bounded store of blocks.
#[derive(Debug)]
pub struct Pool {
    free: Vec<Block>,
    block_bytes: usize,
    /// Blocks on loan.
    lent: usize,
    lent_max: usize,
    /// Of `lent_max`, what only output may use: a client that sends must not keep answers from
    /// those that are owed one.
    output_share: usize,
    /// Fewest free blocks since `trimmed`: these were not needed.
    unused: usize,
    trimmed: Instant,
}

impl Pool {
    /// A pool of blocks of `block_bytes`, at most `bytes_max` of them lent at a time (but never
    /// fewer than eight blocks). Nothing is allocated before it is needed.
    pub fn new(block_bytes: usize, bytes_max: usize) -> Pool {
        let block_bytes = block_bytes.max(BLOCK_BYTES_MIN);
        let lent_max = (bytes_max / block_bytes).max(8);
        Pool {
            free: Vec::new(),
            block_bytes,
            lent: 0,
            lent_max,
            output_share: lent_max / 4,
            unused: 0,
            trimmed: Instant::START,
        }
    }

    /// Bytes of each block.
    pub fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    /// Blocks on loan.
    pub fn lent(&self) -> usize {
        self.lent
    }

    /// A block to read into, or `None` when the share for input is used up. Its contents are left
    /// from its last use.
    #[inline]
    pub fn take(&mut self) -> Option<Block> {
        if self.lent >= self.lent_max - self.output_share {
            return None;
        }
        Some(self.lend())
    }

    /// A block to write from, or `None` when all are lent.
    #[inline]
    pub fn take_for_output(&mut self) -> Option<Block> {
        if self.lent >= self.lent_max {
            return None;
        }
        Some(self.lend())
    }

    /// Takes a block back.
    #[inline]
    pub fn put(&mut self, block: Block) {
        debug_assert_eq!(block.len(), self.block_bytes, "a block of another pool");
        self.lent -= 1;
        self.free.push(block);
    }

    /// Whether there is a block to read into.
    pub fn can_lend(&self) -> bool {
        self.lent < self.lent_max - self.output_share
    }

    /// Whether there are so many blocks for output.
    #[inline]
    pub fn can_lend_output(&self, blocks: usize) -> bool {
        self.lent + blocks <= self.lent_max
    }

    /// Gives back what was not needed for ten seconds, except for a few.
    pub fn trim(&mut self, now: Instant) {
        if now.since(self.trimmed) >= KEEP_UNUSED {
            let kept = (self.free.len() - self.unused).max(KEPT_FREE);
            self.free.truncate(kept);
            self.unused = self.free.len();
            self.trimmed = now;
        }
    }

    /// When [`Pool::trim`] may have something to give back; `None` if it has not.
    pub fn trim_due(&self) -> Option<Instant> {
        (self.free.len() > KEPT_FREE).then(|| self.trimmed + KEEP_UNUSED)
    }

    #[inline]
    fn lend(&mut self) -> Block {
        self.lent += 1;
        let block = match self.free.pop() {
            Some(block) => block,
            None => Block(vec![0; self.block_bytes].into_boxed_slice()),
        };
        self.unused = self.unused.min(self.free.len());
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(blocks: usize) -> Pool {
        Pool::new(BLOCK_BYTES_MIN, blocks * BLOCK_BYTES_MIN)
    }

    #[test]
    fn input_leaves_a_share_to_output() {
        let mut pool = pool(8);
        let input: Vec<Block> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(input.len(), 6);
        let output: Vec<Block> = std::iter::from_fn(|| pool.take_for_output()).collect();
        assert_eq!(output.len(), 2);
        assert_eq!(pool.lent(), 8);
        input
            .into_iter()
            .chain(output)
            .for_each(|block| pool.put(block));
        assert_eq!(pool.lent(), 0);
        assert!(pool.take().is_some());
    }

    #[test]
    fn unused_blocks_go_back_after_ten_seconds() {
        let mut pool = pool(8);
        let blocks: Vec<Block> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(pool.trim_due(), None);
        blocks.into_iter().for_each(|block| pool.put(block));
        let at = |seconds| Instant::START + Duration::from_secs(seconds);
        assert_eq!(pool.trim_due(), Some(at(10)));
        pool.trim(at(10));
        assert_eq!(pool.free.len(), 6, "they were used in these ten seconds");
        let one = pool.take().expect("a free block");
        pool.put(one);
        pool.trim(at(19));
        assert_eq!(pool.free.len(), 6, "too early");
        pool.trim(at(20));
        assert_eq!(
            pool.free.len(),
            KEPT_FREE,
            "only one was used since, a few are kept"
        );
        assert_eq!(pool.trim_due(), None);
    }
}
