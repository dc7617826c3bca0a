//! What is to be sent: a queue of bytes in blocks, and of bodies that stay where they are.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::sync::Arc;

use super::{Block, Pool};

/// The pool has no block left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoBlock;

/// A queue of bytes on their way out. It owns blocks of the worker's pool, so it must be emptied
/// with [`Output::clear`] before it is dropped.
#[derive(Debug, Default)]
pub struct Output {
    /// What goes before the tail; none of them is empty.
    segments: VecDeque<Segment>,
    /// The block that bytes are appended to; of no length when there is none. It stays when all is
    /// sent, so that a worker's output need not ask the pool again and again.
    tail: Block,
    start: usize,
    end: usize,
    bytes: usize,
}

#[derive(Debug)]
enum Segment {
    Block {
        block: Block,
        start: usize,
        end: usize,
    },
    Static(&'static [u8]),
    Shared {
        bytes: Arc<[u8]>,
        start: usize,
    },
    Owned {
        bytes: Vec<u8>,
        start: usize,
    },
}

impl Segment {
    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Segment::Block { block, start, end } => &block[*start..*end],
            Segment::Static(bytes) => bytes,
            Segment::Shared { bytes, start } => &bytes[*start..],
            Segment::Owned { bytes, start } => &bytes[*start..],
        }
    }

    #[inline]
    fn skip(&mut self, count: usize) {
        match self {
            Segment::Block { start, .. }
            | Segment::Shared { start, .. }
            | Segment::Owned { start, .. } => *start += count,
            Segment::Static(bytes) => *bytes = &bytes[count..],
        }
    }
}

impl Output {
    /// An empty queue; allocates nothing.
    pub fn new() -> Output {
        Output::default()
    }

    /// Bytes in the queue.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there is nothing to send.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Blocks that the queue holds.
    pub fn blocks(&self) -> usize {
        let sealed = self
            .segments
            .iter()
            .filter(|s| matches!(s, Segment::Block { .. }))
            .count();
        sealed + usize::from(!self.tail.is_empty())
    }

    /// Room for `count` bytes in one piece, at most a block's length, at the end of the queue. What
    /// of it was filled is told to [`Output::grow`].
    ///
    /// # Errors
    ///
    /// A block is needed and the pool has none.
    #[inline]
    pub fn room(&mut self, count: usize, pool: &mut Pool) -> Result<&mut [u8], NoBlock> {
        if self.tail.len() - self.end < count {
            self.renew_tail(count, pool)?;
        }
        Ok(&mut self.tail[self.end..])
    }

    /// Counts `count` bytes, written at the start of the last [`Output::room`], to the queue.
    #[inline]
    pub fn grow(&mut self, count: usize) {
        debug_assert!(self.end + count <= self.tail.len());
        self.end += count;
        self.bytes += count;
    }

    /// Has `read` fill room for at most `count_max` bytes at the end of the queue in one go: it is
    /// handed up to three pieces, and says how many bytes it has put there. Returns what it said.
    ///
    /// # Errors
    ///
    /// No block is left, not even for one piece.
    pub fn fill(
        &mut self,
        count_max: usize,
        pool: &mut Pool,
        read: impl FnOnce(&mut [IoSliceMut<'_>]) -> io::Result<usize>,
    ) -> Result<io::Result<usize>, NoBlock> {
        let first = self.room(1, pool)?.len().min(count_max);
        let mut extra = [Block::default(), Block::default()];
        let mut wanted = [0, 0];
        let mut left = count_max - first;
        for (block, wanted) in extra.iter_mut().zip(&mut wanted) {
            if left > 0 {
                *block = pool.take_for_output().unwrap_or_default();
            }
            *wanted = left.min(block.len());
            left -= *wanted;
        }
        let [second, third] = &mut extra;
        let mut pieces = [
            IoSliceMut::new(&mut self.tail[self.end..self.end + first]),
            IoSliceMut::new(&mut second[..wanted[0]]),
            IoSliceMut::new(&mut third[..wanted[1]]),
        ];
        let filled = read(&mut pieces);
        let mut count = *filled.as_ref().unwrap_or(&0);
        self.grow(count.min(first));
        count -= count.min(first);
        for (block, wanted) in extra.into_iter().zip(wanted) {
            if count > 0 {
                self.seal();
                self.return_tail(pool);
                self.tail = block;
                self.grow(count.min(wanted));
                count -= count.min(wanted);
            } else if !block.is_empty() {
                pool.put(block);
            }
        }
        Ok(filled)
    }

    /// Copies `bytes` to the end of the queue, over as many blocks as they need.
    ///
    /// # Errors
    ///
    /// The pool has no block left; a part of the bytes may have been queued.
    pub fn append(&mut self, mut bytes: &[u8], pool: &mut Pool) -> Result<(), NoBlock> {
        while !bytes.is_empty() {
            let room = self.room(1, pool)?;
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            self.grow(count);
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Queues bytes that live as long as the program, without copying them.
    pub fn push_static(&mut self, bytes: &'static [u8]) {
        self.push(bytes.len(), Segment::Static(bytes));
    }

    /// Queues shared bytes without copying them.
    pub fn push_shared(&mut self, bytes: Arc<[u8]>) {
        self.push(bytes.len(), Segment::Shared { bytes, start: 0 });
    }

    /// Queues bytes on the heap without copying them.
    pub fn push_owned(&mut self, bytes: Vec<u8>) {
        self.push(bytes.len(), Segment::Owned { bytes, start: 0 });
    }

    /// Moves all that `from` has to the end of this queue, without copying it.
    pub fn take_from(&mut self, from: &mut Output, pool: &mut Pool) {
        if from.bytes == 0 {
            return;
        }
        self.seal();
        self.return_tail(pool);
        self.segments.append(&mut from.segments);
        self.tail = std::mem::take(&mut from.tail);
        (self.start, self.end) = (from.start, from.end);
        self.bytes += from.bytes;
        (from.start, from.end, from.bytes) = (0, 0, 0);
    }

    /// The bytes at the head of the queue that lie in one piece; empty when the queue is.
    #[inline]
    pub fn front(&self) -> &[u8] {
        match self.segments.front() {
            Some(segment) => segment.bytes(),
            None => &self.tail[self.start..self.end],
        }
    }

    /// Fills `slices` with the queue's pieces from its head on; returns how many there are.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let tail = &self.tail[self.start..self.end];
        let pieces = self.segments.iter().map(Segment::bytes);
        let pieces = pieces.chain((!tail.is_empty()).then_some(tail));
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(pieces) {
            *slice = IoSlice::new(piece);
            count += 1;
        }
        count
    }

    /// Whether the queue lies in more than one piece.
    #[inline]
    pub fn is_scattered(&self) -> bool {
        self.segments.len() + usize::from(self.start < self.end) > 1
    }

    /// Takes `count` bytes that were sent off the head of the queue; blocks that have become empty
    /// go back to the pool, except for the last.
    #[inline]
    pub fn advance(&mut self, mut count: usize, pool: &mut Pool) {
        debug_assert!(count <= self.bytes);
        self.bytes -= count;
        while let Some(front) = self.segments.front_mut() {
            let length = front.bytes().len();
            if count < length {
                front.skip(count);
                return;
            }
            count -= length;
            if let Some(Segment::Block { block, .. }) = self.segments.pop_front() {
                pool.put(block);
            }
        }
        self.start += count;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Drops all that is queued and gives all blocks back.
    pub fn clear(&mut self, pool: &mut Pool) {
        self.advance(self.bytes, pool);
        self.return_tail(pool);
    }

    fn push(&mut self, length: usize, segment: Segment) {
        if length > 0 {
            self.seal();
            self.bytes += length;
            self.segments.push_back(segment);
        }
    }

    /// A tail with room for `count` bytes.
    #[cold]
    fn renew_tail(&mut self, count: usize, pool: &mut Pool) -> Result<(), NoBlock> {
        if count > pool.block_bytes() {
            return Err(NoBlock);
        }
        if self.start == self.end && self.tail.len() >= count {
            (self.start, self.end) = (0, 0);
            return Ok(());
        }
        let block = pool.take_for_output().ok_or(NoBlock)?;
        self.seal();
        self.return_tail(pool);
        self.tail = block;
        Ok(())
    }

    /// Puts what is in the tail among the segments: bytes behind it go elsewhere.
    fn seal(&mut self) {
        if self.start < self.end {
            let block = std::mem::take(&mut self.tail);
            self.segments.push_back(Segment::Block {
                block,
                start: self.start,
                end: self.end,
            });
            (self.start, self.end) = (0, 0);
        }
    }

    /// Gives a tail without bytes back.
    fn return_tail(&mut self, pool: &mut Pool) {
        if !self.tail.is_empty() {
            pool.put(std::mem::take(&mut self.tail));
            (self.start, self.end) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::BLOCK_BYTES_MIN;

    fn drain(output: &mut Output, pool: &mut Pool, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while !output.is_empty() {
            let mut slices = [IoSlice::new(&[]); 4];
            let count = output.slices(&mut slices);
            let joined: Vec<u8> = slices[..count].iter().flat_map(|s| s.to_vec()).collect();
            let taken = joined.len().min(step);
            all.extend_from_slice(&joined[..taken]);
            output.advance(taken, pool);
        }
        all
    }

    #[test]
    fn keeps_the_order_whatever_is_queued_and_however_it_is_sent() {
        let long = vec![b'x'; 2 * BLOCK_BYTES_MIN + 5];
        for step in [1, 7, 4096, usize::MAX] {
            let mut pool = Pool::new(BLOCK_BYTES_MIN, 1 << 20);
            let mut output = Output::new();
            output.append(b"head ", &mut pool).unwrap();
            output.push_static(b"static ");
            output.push_shared(Arc::from(&b"shared "[..]));
            output.push_owned(b"owned ".to_vec());
            output.push_static(b"");
            output.append(&long, &mut pool).unwrap();
            output.append(b" tail", &mut pool).unwrap();
            let mut expected = b"head static shared owned ".to_vec();
            expected.extend_from_slice(&long);
            expected.extend_from_slice(b" tail");
            assert_eq!(output.len(), expected.len());
            assert_eq!(pool.lent(), output.blocks());
            assert_eq!(drain(&mut output, &mut pool, step), expected);
            assert_eq!(pool.lent(), 1, "the tail stays");
            output.clear(&mut pool);
            assert_eq!(pool.lent(), 0);
        }
    }

    #[test]
    fn is_filled_over_several_blocks_by_one_read() {
        let source: Vec<u8> = (0..4 * BLOCK_BYTES_MIN).map(|i| (i % 251) as u8).collect();
        for bytes_max in [0, 1 << 20] {
            for count_max in [1, 100, BLOCK_BYTES_MIN, 3 * BLOCK_BYTES_MIN, usize::MAX] {
                for there in [0, 1, BLOCK_BYTES_MIN - 5, 2 * BLOCK_BYTES_MIN, source.len()] {
                    let mut pool = Pool::new(BLOCK_BYTES_MIN, bytes_max);
                    let mut output = Output::new();
                    output.append(b"head ", &mut pool).unwrap();
                    let read = |pieces: &mut [IoSliceMut<'_>]| {
                        let mut from = &source[..there];
                        io::Read::read_vectored(&mut from, pieces)
                    };
                    let count = output.fill(count_max, &mut pool, read).unwrap().unwrap();
                    assert!(count <= count_max.min(there));
                    assert!(count > 0 || there == 0);
                    let expected = [b"head ", &source[..count]].concat();
                    assert_eq!(pool.lent(), output.blocks());
                    assert_eq!(drain(&mut output, &mut pool, usize::MAX), expected);
                    output.clear(&mut pool);
                    assert_eq!(pool.lent(), 0);
                }
            }
        }
        let mut pool = Pool::new(BLOCK_BYTES_MIN, 0);
        let mut output = Output::new();
        let fails = |_: &mut [IoSliceMut<'_>]| Err(io::ErrorKind::Interrupted.into());
        let failed = output.fill(usize::MAX, &mut pool, fails).unwrap();
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::Interrupted);
        output.clear(&mut pool);
        assert_eq!(pool.lent(), 0);
    }

    #[test]
    fn an_empty_pool_is_an_error_and_nothing_leaks() {
        let mut pool = Pool::new(BLOCK_BYTES_MIN, 0);
        let mut output = Output::new();
        assert_eq!(
            output.append(&vec![0; 9 * BLOCK_BYTES_MIN], &mut pool),
            Err(NoBlock)
        );
        assert_eq!(pool.lent(), 8);
        output.clear(&mut pool);
        assert_eq!((pool.lent(), output.len()), (0, 0));
    }

    #[test]
    fn moves_one_queue_behind_another() {
        let mut pool = Pool::new(BLOCK_BYTES_MIN, 1 << 20);
        let (mut first, mut second) = (Output::new(), Output::new());
        first.append(b"one ", &mut pool).unwrap();
        second.append(b"two", &mut pool).unwrap();
        first.take_from(&mut second, &mut pool);
        assert!(second.is_empty());
        assert_eq!(drain(&mut first, &mut pool, 3), b"one two");
        first.clear(&mut pool);
        assert_eq!(pool.lent(), 0);
    }

    #[test]
    fn room_that_was_not_filled_does_not_count() {
        let mut pool = Pool::new(BLOCK_BYTES_MIN, 1 << 20);
        let mut output = Output::new();
        assert!(output.room(100, &mut pool).unwrap().len() >= 100);
        assert!(output.is_empty());
        assert_eq!(output.front(), b"");
        output.clear(&mut pool);
        assert_eq!(pool.lent(), 0, "a block without bytes goes back too");
    }
}
