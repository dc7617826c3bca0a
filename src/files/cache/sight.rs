//! Who says what there is at a path: the cache and then the disk at once, or in a job the disk and
//! what was at hand of it, or the disk alone.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use reactor::time::Instant;

use super::clock::Cache;
use crate::files::asset::Asset;
use crate::files::disk::load::{Disk, Looked};
use crate::files::path::FilePath;
use crate::files::resolve::Sight;

/// How long what was seen on the disk is taken for what is there.
pub const FRESH_FOR: Duration = Duration::from_secs(1);

/// Looks at the cache, and beyond it at the disk without waiting.
#[derive(Debug)]
pub struct AtOnce<'a> {
    /// The disk.
    pub disk: Disk<'a>,
    /// The cache.
    pub cache: &'a mut Cache,
    /// The time of the worker.
    pub now: Instant,
    /// What is at hand, but of which it could not be told without waiting if it still is what is on
    /// the disk.
    pub unsure: Option<Arc<Asset>>,
}

impl AtOnce<'_> {
    /// What the cache has for `key`, if it still is what is on the disk.
    #[inline]
    fn recall(&mut self, key: &[u8]) -> io::Result<Option<Arc<Asset>>> {
        let Some(hit) = self.cache.find(key) else {
            return Ok(None);
        };
        let asset = Arc::clone(hit.asset);
        if self.now.since(hit.checked_at) < FRESH_FOR {
            return Ok(Some(asset));
        }
        let checked = self.check(Arc::clone(&asset));
        if checked.is_err() {
            self.unsure = Some(asset);
        }
        checked
    }

    fn check(&mut self, asset: Arc<Asset>) -> io::Result<Option<Arc<Asset>>> {
        if !self.disk.would_load(&asset)? {
            self.cache.remove(&asset.key);
            return Ok(None);
        }
        self.cache.confirm(&asset.key, self.now);
        Ok(Some(asset))
    }
}

impl Sight for AtOnce<'_> {
    #[inline]
    fn look(&mut self, path: &FilePath<'_>) -> io::Result<Looked> {
        if let Some(asset) = self.recall(path.as_bytes())? {
            return Ok(Looked::File(asset));
        }
        let looked = self.disk.look(path)?;
        if let Looked::File(asset) = &looked {
            self.cache.insert(asset, self.now);
        }
        Ok(looked)
    }

    fn look_for_index(&mut self, path: &FilePath<'_>) -> io::Result<Option<Arc<Asset>>> {
        if let Some(asset) = self.recall(path.directory_key())? {
            return Ok(Some(asset));
        }
        let found = self.disk.look_for_index(path)?;
        if let Some(asset) = &found {
            self.cache.insert(asset, self.now);
        }
        Ok(found)
    }

    fn has_directory(&mut self, path: &FilePath<'_>) -> io::Result<bool> {
        self.disk.has_directory(path)
    }
}

/// Looks at a disk that may be waited for. What was at hand stays, with all that was made of it, if
/// it still is what is there.
#[derive(Debug)]
pub struct InJob<'a> {
    /// The disk.
    pub disk: Disk<'a>,
    /// What was at hand, see [`AtOnce::unsure`].
    pub at_hand: Option<Arc<Asset>>,
}

impl InJob<'_> {
    fn recall(&self, key: &[u8]) -> io::Result<Option<Arc<Asset>>> {
        let asset = self.at_hand.as_ref().filter(|asset| *asset.key == *key);
        match asset {
            Some(asset) if self.disk.would_load(asset)? => Ok(Some(Arc::clone(asset))),
            _ => Ok(None),
        }
    }
}

impl Sight for InJob<'_> {
    fn look(&mut self, path: &FilePath<'_>) -> io::Result<Looked> {
        match self.recall(path.as_bytes())? {
            Some(asset) => Ok(Looked::File(asset)),
            None => self.disk.look(path),
        }
    }

    fn look_for_index(&mut self, path: &FilePath<'_>) -> io::Result<Option<Arc<Asset>>> {
        match self.recall(path.directory_key())? {
            Some(asset) => Ok(Some(asset)),
            None => self.disk.look_for_index(path),
        }
    }

    fn has_directory(&mut self, path: &FilePath<'_>) -> io::Result<bool> {
        self.disk.has_directory(path)
    }
}

/// A disk that may be waited for is looked at as it is.
impl Sight for Disk<'_> {
    fn look(&mut self, path: &FilePath<'_>) -> io::Result<Looked> {
        Disk::look(self, path)
    }

    fn look_for_index(&mut self, path: &FilePath<'_>) -> io::Result<Option<Arc<Asset>>> {
        Disk::look_for_index(self, path)
    }

    fn has_directory(&mut self, path: &FilePath<'_>) -> io::Result<bool> {
        Disk::has_directory(self, path)
    }
}

#[cfg(test)]
mod tests;
