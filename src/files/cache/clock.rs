//! The files that a worker has at hand, by their paths.
//!
//! Bounded in bytes and in descriptors. When there is no room the clock hand goes round: what was
//! used since it last came by stays for another round, what was not goes (the CLOCK algorithm, an
//! approximation of least recently used that costs a hit one store). Must not touch the disk.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use reactor::time::Instant;
use slab::Slab;

use crate::files::asset::Asset;

/// Room that an entry takes beside its asset and its key, about.
const ENTRY_BYTES: usize = 256;

/// What one entry may take of the whole: the cache is for many files.
const SHARE_MAX: usize = 8;

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

/// Bytes that an entry takes.
fn weight(asset: &Asset) -> usize {
    ENTRY_BYTES + asset.key.len() + asset.weight()
}

#[cfg(test)]
mod tests;
