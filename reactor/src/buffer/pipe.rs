//! A pipe: the bounded byte queue of an exchange, in one direction.

use super::{NoBlock, Output, Pool};

/// A queue of bytes between two that run at their own pace: who fills it stops when it is full, who
/// drains it stops when it is empty, and each wakes the other through the ready queue.
#[derive(Debug)]
pub struct Pipe {
    queue: Output,
    bytes_max: usize,
    closed: bool,
}

impl Pipe {
    /// An empty pipe that takes at most `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Pipe {
        Pipe {
            queue: Output::new(),
            bytes_max,
            closed: false,
        }
    }

    /// Bytes in the pipe.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether there are no bytes in the pipe.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes that it takes before it is full.
    pub fn room(&self) -> usize {
        self.bytes_max.saturating_sub(self.queue.len())
    }

    /// Blocks that the pipe holds.
    pub fn blocks(&self) -> usize {
        self.queue.blocks()
    }

    /// Copies as much of `bytes` as there is room for, and says how much; an error when the pool
    /// has no block for the first byte.
    pub fn write(&mut self, bytes: &[u8], pool: &mut Pool) -> Result<usize, NoBlock> {
        let before = self.queue.len();
        let count = bytes.len().min(self.room());
        let written = self.queue.append(&bytes[..count], pool);
        match self.queue.len() - before {
            0 if count > 0 => written.map(|()| 0),
            count => Ok(count),
        }
    }

    /// The bytes at the head that lie in one piece.
    pub fn front(&self) -> &[u8] {
        self.queue.front()
    }

    /// Takes `count` bytes off the head.
    pub fn consume(&mut self, count: usize, pool: &mut Pool) {
        self.queue.advance(count, pool);
        if self.queue.is_empty() {
            self.queue.clear(pool);
        }
    }

    /// Moves all bytes to the end of `output`, without copying them.
    pub fn move_to(&mut self, output: &mut Output, pool: &mut Pool) {
        output.take_from(&mut self.queue, pool);
    }

    /// Says that no more bytes will come.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether [`Pipe::close`] was called; bytes may still be in it.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Drops all bytes.
    pub fn clear(&mut self, pool: &mut Pool) {
        self.queue.clear(pool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::BLOCK_BYTES_MIN;

    #[test]
    fn takes_no_more_than_its_bound() {
        let mut pool = Pool::new(BLOCK_BYTES_MIN, 1 << 20);
        let mut pipe = Pipe::new(10);
        assert_eq!(pipe.write(b"seven by", &mut pool), Ok(8));
        assert_eq!(pipe.write(b"tes", &mut pool), Ok(2));
        assert_eq!(pipe.write(b"s", &mut pool), Ok(0));
        assert_eq!(pipe.front(), b"seven byte");
        pipe.consume(4, &mut pool);
        assert_eq!((pipe.room(), pipe.len()), (4, 6));
        pipe.close();
        assert!(pipe.is_closed() && !pipe.is_empty());
        pipe.clear(&mut pool);
        assert_eq!(pool.lent(), 0);
    }

    #[test]
    fn says_when_the_pool_is_empty() {
        let mut pool = Pool::new(BLOCK_BYTES_MIN, 0);
        let mut pipe = Pipe::new(usize::MAX);
        let much = vec![0; 9 * BLOCK_BYTES_MIN];
        assert_eq!(pipe.write(&much, &mut pool), Ok(8 * BLOCK_BYTES_MIN));
        assert_eq!(pipe.write(b"more", &mut pool), Err(NoBlock));
        pipe.clear(&mut pool);
    }
}
