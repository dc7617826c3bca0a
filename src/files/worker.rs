//! What each worker keeps for files: the cache, the root as it is now, and what is used again.

use std::path::Path;
use std::sync::Arc;

use reactor::time::Instant;

use super::cache::{Bounds, Cache};
use super::open::Root;
use super::sight::FRESH_FOR;
use crate::encoding::Encoders;

/// A worker's part of the files.
pub struct Worker {
    /// Files at hand.
    pub cache: Cache,
    /// What codes small files.
    pub encoders: Encoders,
    /// Held by every file that is coded while it is sent.
    pub streams: Arc<()>,
    /// Room for the path of a request.
    pub path: Vec<u8>,
    /// The root.
    pub root: CurrentRoot,
}

/// The directory below which files are now.
#[derive(Debug, Default)]
pub struct CurrentRoot(Option<Known>);

#[derive(Debug)]
struct Known {
    directory: Arc<Root>,
    /// Which handler it is of.
    owner: u64,
    checked_at: Instant,
}

/// The root as it was found.
#[derive(Debug)]
pub struct Found<'a> {
    /// The directory.
    pub directory: &'a Root,
    /// Whether it is another one than before.
    pub is_new: bool,
}

impl Worker {
    /// With a cache that keeps these bounds.
    pub fn new(bounds: Bounds) -> Worker {
        Worker {
            cache: Cache::new(bounds),
            encoders: Encoders::new(),
            streams: Arc::default(),
            path: Vec::new(),
            root: CurrentRoot::default(),
        }
    }
}

impl CurrentRoot {
    /// The directory that is at `path`, which the handler `owner` serves and opened as `first`. One
    /// that was put in the place of another is noticed within a second.
    #[inline]
    pub fn look<'a>(
        &'a mut self,
        owner: u64,
        path: &Path,
        first: &'a Arc<Root>,
        now: Instant,
    ) -> Found<'a> {
        let is_fresh =
            |known: &Known| known.owner == owner && now.since(known.checked_at) < FRESH_FOR;
        if self.0.as_ref().is_some_and(is_fresh) {
            return self.found(first, false);
        }
        self.look_again(owner, path, first, now)
    }

    /// The directory, if there was a request.
    pub fn directory(&self) -> Option<&Arc<Root>> {
        self.0.as_ref().map(|known| &known.directory)
    }

    #[cold]
    fn look_again<'a>(
        &'a mut self,
        owner: u64,
        path: &Path,
        first: &'a Arc<Root>,
        now: Instant,
    ) -> Found<'a> {
        let known = self.0.take().filter(|known| known.owner == owner);
        let is_known = known.is_some();
        let directory = known.map_or_else(|| Arc::clone(first), |known| known.directory);
        let other = directory.replaced_at(path);
        let is_new = !is_known || other.is_some();
        self.0 = Some(Known {
            directory: other.map_or(directory, Arc::new),
            owner,
            checked_at: now,
        });
        self.found(first, is_new)
    }

    #[inline]
    fn found<'a>(&'a self, first: &'a Arc<Root>, is_new: bool) -> Found<'a> {
        Found {
            directory: self.directory().unwrap_or(first),
            is_new,
        }
    }
}
