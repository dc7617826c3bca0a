//! The files that a worker has at hand, by their paths.
//!
//! Bounded in bytes and in descriptors. When there is no room the clock hand goes round: what was
//! used since it last came by stays for another round, what was not goes (the CLOCK algorithm, an
//! approximation of least recently used that costs a hit one store). Files are kept open for a
//! while only: what is open cannot be given back to the disk. Must not look at the disk, but for
//! whether an open file still has a name, which the system has in memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use reactor::time::Instant;
use slab::Slab;

use crate::files::asset::Asset;

/// Room that an entry takes beside its asset and its key, about.
const ENTRY_BYTES: usize = 256;

/// What one entry may take of the whole: the cache is for many files.
const SHARE_MAX: usize = 8;

/// How long files stay open that nobody asks for.
const OPEN_FOR: Duration = Duration::from_secs(60);

/// As long as files are open, it is looked this often whether they are to be closed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Entries that are looked at in one turn.
const LOOKS_A_TURN: usize = 256;

/// What a worker's cache may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes, with all that belongs to the entries.
    pub bytes_max: usize,
    /// Open files.
    pub descriptors_max: usize,
}

/// Assets by path.
#[derive(Debug)]
pub struct Cache {
    bounds: Bounds,
    /// Where the assets are. Only paths of files that exist are in it, so nobody can fill it with
    /// paths that collide, and the hash need not withstand that.
    places: HashMap<Box<[u8]>, usize, RandomState>,
    entries: Slab<Entry>,
    /// Where the clock hand is.
    hand: usize,
    bytes: usize,
    descriptors: usize,
    /// When open files are looked at next, and from which place on; never while there are none.
    look_at: Option<Instant>,
    look_from: usize,
}

/// An asset at its path.
#[derive(Debug)]
struct Entry {
    asset: Arc<Asset>,
    checked_at: Instant,
    /// Whether it was used since the hand last came by.
    is_used: bool,
    /// What of the bounds it is counted with.
    bytes: usize,
    descriptors: usize,
}

/// What the cache has of a path.
#[derive(Clone, Copy, Debug)]
pub struct Hit<'a> {
    /// The asset.
    pub asset: &'a Arc<Asset>,
    /// When it was last known to be what is on the disk.
    pub checked_at: Instant,
}

impl Cache {
    /// An empty cache.
    pub fn new(bounds: Bounds) -> Cache {
        Cache {
            bounds,
            places: HashMap::default(),
            entries: Slab::new(),
            hand: 0,
            bytes: 0,
            descriptors: 0,
            look_at: None,
            look_from: 0,
        }
    }

    /// What there is at `path`.
    #[inline]
    pub fn find(&mut self, path: &[u8]) -> Option<Hit<'_>> {
        let place = *self.places.get(path)?;
        let entry = &mut self.entries[place];
        entry.is_used = true;
        Some(Hit {
            asset: &entry.asset,
            checked_at: entry.checked_at,
        })
    }

    /// Keeps an asset, in place of what was there. One that is too large is not kept.
    pub fn insert(&mut self, asset: &Arc<Asset>, now: Instant) {
        let path = &asset.key;
        self.remove(path);
        let bytes = weight(asset);
        let descriptors = asset.descriptors();
        if bytes > self.bounds.bytes_max / SHARE_MAX
            || descriptors > self.bounds.descriptors_max / SHARE_MAX
        {
            return;
        }
        self.bytes += bytes;
        self.descriptors += descriptors;
        let place = self.entries.insert(Entry {
            asset: Arc::clone(asset),
            checked_at: now,
            // What is asked for once and never again goes first.
            is_used: false,
            bytes,
            descriptors,
        });
        self.places.insert(path.clone(), place);
        self.make_room(place);
    }

    /// What is at `path` is still what is on the disk; it may have grown by its codings.
    pub fn confirm(&mut self, path: &[u8], now: Instant) {
        if let Some(place) = self.places.get(path) {
            self.entries[*place].checked_at = now;
            self.count_again(path);
        }
    }

    /// Counts again what the asset at `path` takes.
    pub fn count_again(&mut self, path: &[u8]) {
        let Some(place) = self.places.get(path).copied() else {
            return;
        };
        let entry = &mut self.entries[place];
        let bytes = weight(&entry.asset);
        self.bytes = self.bytes + bytes - entry.bytes;
        entry.bytes = bytes;
        if bytes > self.bounds.bytes_max / SHARE_MAX {
            self.remove(path);
        } else {
            self.make_room(place);
        }
    }

    /// Forgets what is at `path`.
    pub fn remove(&mut self, path: &[u8]) {
        if let Some(place) = self.places.remove(path) {
            let entry = self.entries.remove(place);
            self.bytes -= entry.bytes;
            self.descriptors -= entry.descriptors;
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Cache::new(self.bounds);
    }

    /// Lets open files go that nobody has asked for lately, and those that were deleted. To be
    /// called in each turn; returns when it has to be again, which is never if no file is open.
    pub fn close_unused(&mut self, now: Instant) -> Option<Instant> {
        if self.descriptors == 0 {
            self.look_at = None;
            return None;
        }
        let due = *self.look_at.get_or_insert(now + LOOK_EVERY);
        if due > now {
            return Some(due);
        }
        let end = self.look_from + LOOKS_A_TURN;
        for place in self.look_from..end.min(self.entries.capacity()) {
            if let Some(entry) = self.entries.get(place)
                && entry.is_to_be_closed(now)
            {
                let asset = Arc::clone(&entry.asset);
                self.remove(&asset.key);
            }
        }
        if end < self.entries.capacity() {
            self.look_from = end;
        } else {
            self.look_from = 0;
            self.look_at = Some(now + LOOK_EVERY);
        }
        self.look_at.filter(|_| self.descriptors > 0)
    }

    /// Lets all open files go that nobody sends from, for want of descriptors. False if there are
    /// none.
    #[cold]
    pub fn close_idle(&mut self) -> bool {
        let idle = |(_, entry): (usize, &Entry)| {
            (entry.descriptors > 0 && entry.is_idle()).then(|| Arc::clone(&entry.asset))
        };
        let idle: Vec<Arc<Asset>> = self.entries.iter().filter_map(idle).collect();
        idle.iter().for_each(|asset| self.remove(&asset.key));
        !idle.is_empty()
    }

    /// Lets entries go until the bounds are kept; not the one at `kept`.
    fn make_room(&mut self, kept: usize) {
        while self.bytes > self.bounds.bytes_max || self.descriptors > self.bounds.descriptors_max {
            let place = self.hand;
            self.hand = (self.hand + 1) % self.entries.capacity().max(1);
            match self.entries.get_mut(place) {
                Some(_) if place == kept => {}
                Some(entry) if entry.is_used => entry.is_used = false,
                Some(entry) => {
                    let asset = Arc::clone(&entry.asset);
                    self.remove(&asset.key);
                }
                None => {}
            }
        }
    }
}

impl Entry {
    /// Whether nobody but the cache has its files.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.asset) == 1 && !self.asset.is_being_sent()
    }

    /// Whether it is open for nothing. Whatever is in use is checked every second.
    fn is_to_be_closed(&self, now: Instant) -> bool {
        let is_unused = now.since(self.checked_at) >= OPEN_FOR;
        self.descriptors > 0 && (is_unused || self.asset.is_deleted())
    }
}

/// Bytes that an entry takes.
fn weight(asset: &Asset) -> usize {
    ENTRY_BYTES + asset.key.len() + asset.weight()
}

#[cfg(test)]
mod tests;
