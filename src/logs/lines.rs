//! A worker's lines on their way to the writer.
//!
//! Owns the worker's buffers: one that is being filled, the others with the writer or on their way
//! back. Must not know what a line looks like. Nothing here waits.
//!
//! ```text
//!             full, or flush          written
//!   filling ───────────────► queued ───────────► spare
//!      ▲                                           │
//!      └───────────────────────────────────────────┘
//! ```

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Bytes of a buffer: some hundred lines, so that a busy worker hands over a few times a second to
/// a few hundred times.
pub const BUFFER_BYTES: usize = 64 << 10;

/// A buffer is handed over when less than this is left of it; a usual line fits, so a buffer hardly
/// ever grows.
const LINE_BYTES: usize = 2 << 10;

/// Buffers that a worker has at most. What a writer that stalls makes it keep is bounded by them.
pub const BUFFERS_MAX: usize = 4;

/// What the writer is told.
#[derive(Debug)]
pub enum Order {
    /// Write these lines, and send the emptied buffer home.
    Write {
        /// The lines.
        bytes: Vec<u8>,
        /// How many they are.
        count: u64,
        /// Where the buffer came from.
        home: SyncSender<Vec<u8>>,
    },
    /// Look whether something else is wanted.
    Look,
    /// Everything has been said: write what is queued, tell this channel, end.
    Finish(SyncSender<()>),
}

/// The lines of one worker.
#[derive(Debug)]
pub struct Lines {
    bytes: Vec<u8>,
    count: u64,
    buffers: usize,
    spare: Receiver<Vec<u8>>,
    home: SyncSender<Vec<u8>>,
    orders: SyncSender<Order>,
    lost: Arc<AtomicU64>,
}

impl Lines {
    /// An empty buffer; lines that cannot be handed over are counted in `lost`.
    pub fn new(orders: SyncSender<Order>, lost: Arc<AtomicU64>) -> Lines {
        let (home, spare) = sync_channel(BUFFERS_MAX);
        let bytes = Vec::with_capacity(BUFFER_BYTES);
        Lines {
            bytes,
            count: 0,
            buffers: 1,
            spare,
            home,
            orders,
            lost,
        }
    }

    /// Appends the one line that `write` writes.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.count += 1;
        if self.bytes.len() > BUFFER_BYTES - LINE_BYTES {
            self.hand_over();
            // The writer has all other buffers and is still at it: these lines make room.
            if self.bytes.len() > BUFFER_BYTES - LINE_BYTES {
                self.drop_lines();
            }
        }
    }

    /// Hands over what there is; keeps it for later when the writer is busy.
    pub fn flush(&mut self) {
        if self.count > 0 {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let Some(empty) = self.empty_buffer() else {
            return;
        };
        let bytes = mem::replace(&mut self.bytes, empty);
        if let Err(bytes) = self.send(bytes) {
            let empty = mem::replace(&mut self.bytes, bytes);
            // There is room for every buffer of this worker.
            let _ = self.home.try_send(empty);
        } else {
            self.count = 0;
        }
    }

    /// A spare buffer, or a new one as long as there are few.
    fn empty_buffer(&mut self) -> Option<Vec<u8>> {
        if let Ok(spare) = self.spare.try_recv() {
            return Some(spare);
        }
        if self.buffers == BUFFERS_MAX {
            return None;
        }
        self.buffers += 1;
        Some(Vec::with_capacity(BUFFER_BYTES))
    }

    fn send(&self, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        let order = Order::Write {
            bytes,
            count: self.count,
            home: self.home.clone(),
        };
        match self.orders.try_send(order) {
            Err(
                TrySendError::Full(Order::Write { bytes, .. })
                | TrySendError::Disconnected(Order::Write { bytes, .. }),
            ) => Err(bytes),
            _ => Ok(()),
        }
    }

    fn drop_lines(&mut self) {
        self.lost.fetch_add(self.count, Ordering::Relaxed);
        self.count = 0;
        self.bytes.clear();
        self.bytes.shrink_to(BUFFER_BYTES);
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if self.count > 0 {
            let bytes = mem::take(&mut self.bytes);
            if self.send(bytes).is_err() {
                self.drop_lines();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(orders_max: usize) -> (Lines, Receiver<Order>, Arc<AtomicU64>) {
        let (orders, received) = sync_channel(orders_max);
        let lost = Arc::new(AtomicU64::new(0));
        (Lines::new(orders, Arc::clone(&lost)), received, lost)
    }

    /// Pushes this many lines of 1 KiB.
    fn push(lines: &mut Lines, count: usize) {
        for _ in 0..count {
            lines.push(|out| out.extend_from_slice(&[b'x'; 1024]));
        }
    }

    fn written(order: Order) -> (usize, u64, SyncSender<Vec<u8>>, Vec<u8>) {
        match order {
            Order::Write { bytes, count, home } => (bytes.len(), count, home, bytes),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_full_buffer_goes_by_itself_and_a_started_one_with_a_flush() {
        let (mut lines, received, _) = lines(8);
        push(&mut lines, 62);
        assert!(received.try_recv().is_err());
        push(&mut lines, 2);
        let (bytes, count, ..) = written(received.try_recv().unwrap());
        assert_eq!((bytes, count), (63 * 1024, 63));
        lines.flush();
        let (bytes, count, ..) = written(received.try_recv().unwrap());
        assert_eq!((bytes, count), (1024, 1));
        lines.flush();
        assert!(received.try_recv().is_err());
    }

    #[test]
    fn buffers_come_back_and_no_more_are_made() {
        let (mut lines, received, lost) = lines(8);
        for _ in 0..100 {
            push(&mut lines, 1);
            lines.flush();
            let (.., home, mut bytes) = written(received.try_recv().unwrap());
            bytes.clear();
            home.try_send(bytes).unwrap();
        }
        assert_eq!(lines.buffers, 2);
        assert_eq!(lost.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_writer_that_stalls_costs_lines_and_bounded_memory() {
        let (mut lines, received, lost) = lines(8);
        push(&mut lines, 63 * (BUFFERS_MAX - 1));
        assert_eq!(lost.load(Ordering::Relaxed), 0);
        push(&mut lines, 63 * 10);
        lines.flush();
        assert_eq!(lost.load(Ordering::Relaxed), 63 * 10);
        assert_eq!(lines.buffers, BUFFERS_MAX);
        assert_eq!(received.try_iter().count(), BUFFERS_MAX - 1);
    }

    #[test]
    fn a_full_queue_keeps_lines_for_the_next_flush() {
        let (mut lines, received, lost) = lines(1);
        push(&mut lines, 1);
        lines.flush();
        push(&mut lines, 1);
        lines.flush();
        assert_eq!(lines.count, 1);
        assert!(received.try_recv().is_ok());
        lines.flush();
        assert_eq!(written(received.try_recv().unwrap()).1, 1);
        assert_eq!(lost.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn dropping_hands_over_or_counts() {
        let (mut all, received, lost) = lines(1);
        push(&mut all, 3);
        drop(all);
        assert_eq!(written(received.try_recv().unwrap()).1, 3);
        assert_eq!(lost.load(Ordering::Relaxed), 0);
        let (mut none, received, lost) = lines(1);
        drop(received);
        push(&mut none, 3);
        drop(none);
        assert_eq!(lost.load(Ordering::Relaxed), 3);
    }
}
