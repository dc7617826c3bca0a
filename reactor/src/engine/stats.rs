//! What a worker counts, and what the whole process may have.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// A number that one worker writes and everyone may read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one. Only the worker that owns the counter may call this: it is not an atomic addition.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `count`; see [`Counter::increment`].
    #[inline]
    pub fn add(&self, count: u64) {
        self.0
            .store(self.0.load(Relaxed).wrapping_add(count), Relaxed);
    }

    /// Takes one off; see [`Counter::increment`].
    #[inline]
    pub fn decrement(&self) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(1), Relaxed);
    }

    /// The number.
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The counters of one worker, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerStats {
    /// Connections open now.
    pub connections: Counter,
    /// Connections accepted.
    pub accepted: Counter,
    /// Connections told 503 because of a cap.
    pub refused: Counter,
    /// Requests answered, also with an error.
    pub requests: Counter,
    /// Requests given up because the client left.
    pub abandoned: Counter,
    /// Results and wake-ups for exchanges that were over.
    pub late: Counter,
    /// Panics caught in handlers, middleware, observers and streams.
    pub panics: Counter,
    /// TLS handshakes finished.
    pub handshakes: Counter,
    /// Those of them that resumed a session.
    pub handshakes_resumed: Counter,
    /// TLS handshakes that failed, or were given up by the client or at their deadline.
    pub handshakes_failed: Counter,
    /// Exchanges open now.
    pub exchanges: Counter,
}

/// The connections of the whole process, by number and by client address.
#[derive(Debug)]
pub struct Census {
    connections: AtomicUsize,
    shards: Vec<Mutex<HashMap<u64, usize>>>,
}

/// Enough that workers seldom meet in one shard.
const SHARDS: usize = 64;

/// How a connection was counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// In the number of all.
    InAll,
    /// In the number of all, and in that of its address.
    ByAddress,
}

/// Why a connection may not stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapReached {
    /// There are too many in all.
    Connections,
    /// There are too many from its address.
    PerAddress,
}

impl Default for Census {
    fn default() -> Census {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Census {
            connections: AtomicUsize::new(0),
            shards,
        }
    }
}

impl Census {
    /// Counts a connection in, if the caps allow it; `per_address_max` of 0 means none.
    ///
    /// # Errors
    ///
    /// The cap that is reached; the connection is not counted then.
    pub fn enter(
        &self,
        account: Option<u64>,
        connections_max: usize,
        per_address_max: usize,
    ) -> Result<Counted, CapReached> {
        if self.connections.fetch_add(1, Relaxed) >= connections_max {
            self.connections.fetch_sub(1, Relaxed);
            return Err(CapReached::Connections);
        }
        let (Some(account), 1..) = (account, per_address_max) else {
            return Ok(Counted::InAll);
        };
        let mut shard = self.shard(account);
        let count = shard.entry(account).or_insert(0);
        if *count >= per_address_max {
            drop(shard);
            self.connections.fetch_sub(1, Relaxed);
            return Err(CapReached::PerAddress);
        }
        *count += 1;
        Ok(Counted::ByAddress)
    }

    /// Counts a connection out, as it was counted in.
    pub fn leave(&self, account: Option<u64>, counted: Counted) {
        self.connections.fetch_sub(1, Relaxed);
        if let (Some(account), Counted::ByAddress) = (account, counted) {
            let mut shard = self.shard(account);
            if let Some(count) = shard.get_mut(&account) {
                *count -= 1;
                if *count == 0 {
                    shard.remove(&account);
                }
            }
        }
    }

    /// Connections open now.
    pub fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    fn shard(&self, account: u64) -> std::sync::MutexGuard<'_, HashMap<u64, usize>> {
        let mixed = account.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
        // A thread that panicked here left whole numbers behind.
        self.shards[mixed as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps_count_all_and_by_address() {
        let census = Census::default();
        assert_eq!(census.enter(Some(1), 3, 2), Ok(Counted::ByAddress));
        assert_eq!(census.enter(Some(1), 3, 2), Ok(Counted::ByAddress));
        assert_eq!(census.enter(Some(1), 3, 2), Err(CapReached::PerAddress));
        assert_eq!(census.enter(Some(1), 3, 0), Ok(Counted::InAll));
        assert_eq!(census.enter(Some(3), 3, 2), Err(CapReached::Connections));
        assert_eq!(census.connections(), 3);
        census.leave(Some(1), Counted::ByAddress);
        assert_eq!(census.enter(Some(1), 3, 2), Ok(Counted::ByAddress));
        for counted in [Counted::ByAddress, Counted::InAll, Counted::ByAddress] {
            census.leave(Some(1), counted);
        }
        assert_eq!(census.connections(), 0);
        assert!(
            census
                .shards
                .iter()
                .all(|shard| shard.lock().unwrap().is_empty())
        );
    }
}
