//! The root as it is now, and the files of it that a worker has at hand.

use std::path::Path;
use std::sync::Arc;

use reactor::time::Instant;

use super::clock::{Bounds, Cache};
use super::sight::FRESH_FOR;
use crate::files::disk::open::Root;

/// The directory below which files are now, and the files at hand: those of this directory only,
/// loaded by the handler that has looked at it last.
#[derive(Debug)]
pub struct Tree {
    cache: Cache,
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    directory: Arc<Root>,
    /// Which handler it is of.
    owner: u64,
    checked_at: Instant,
}

/// The root as it is now, and the files of it that are at hand.
#[derive(Debug)]
pub struct Found<'a> {
    /// The directory.
    pub directory: &'a Arc<Root>,
    /// Files at hand.
    pub cache: &'a mut Cache,
}

impl Tree {
    /// Nothing at hand, in a cache that keeps these bounds.
    pub fn new(bounds: Bounds) -> Tree {
        Tree {
            cache: Cache::new(bounds),
            known: None,
        }
    }

    /// The directory that is at `path`, which the handler `owner` serves and opened as `first`. One
    /// that was put in the place of another is noticed within a second. What is at hand of another
    /// directory, or was loaded by another handler, is forgotten.
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
        if !self.known.as_ref().is_some_and(is_fresh) {
            self.look_again(owner, path, first, now);
        }
        Found {
            directory: self.known.as_ref().map_or(first, |known| &known.directory),
            cache: &mut self.cache,
        }
    }

    /// Counts again what the asset at `key` takes, whoever has loaded it.
    pub fn count_again(&mut self, key: &[u8]) {
        self.cache.count_again(key);
    }

    /// See [`Cache::close_unused`].
    pub fn close_unused(&mut self, now: Instant) -> Option<Instant> {
        self.cache.close_unused(now)
    }

    #[cold]
    fn look_again(&mut self, owner: u64, path: &Path, first: &Arc<Root>, now: Instant) {
        let known = self.known.take().filter(|known| known.owner == owner);
        let is_known = known.is_some();
        let directory = known.map_or_else(|| Arc::clone(first), |known| known.directory);
        let other = directory.replaced_at(path);
        if !is_known || other.is_some() {
            self.cache.clear();
        }
        self.known = Some(Known {
            directory: other.map_or(directory, Arc::new),
            owner,
            checked_at: now,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::files::sample;
    use crate::testing::TempDir;

    const BOUNDS: Bounds = Bounds {
        bytes_max: 1 << 20,
        descriptors_max: 100,
    };

    /// A tree whose directory `site` exists; its path, and its root.
    fn tree(dir: &TempDir) -> (Tree, std::path::PathBuf, Arc<Root>) {
        let path = dir.path().join("site");
        std::fs::create_dir(&path).unwrap();
        let first = Arc::new(Root::open(&path, false).unwrap());
        (Tree::new(BOUNDS), path, first)
    }

    fn at(millis: u64) -> Instant {
        Instant::START + Duration::from_millis(millis)
    }

    /// Whether what was put into the cache when it was looked at last is still there.
    fn keeps(found: &mut Found<'_>) -> bool {
        let kept = found.cache.find(b"a").is_some();
        found.cache.insert(&sample::asset("a", b"a"), at(0));
        kept
    }

    #[test]
    fn another_directory_at_the_same_path_is_noticed_within_a_second() {
        let dir = TempDir::new();
        let (mut tree, path, first) = tree(&dir);
        let mut found = tree.look(1, &path, &first, at(0));
        assert!(!keeps(&mut found) && Arc::ptr_eq(found.directory, &first));

        std::fs::rename(&path, dir.path().join("old")).unwrap();
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("new"), "new").unwrap();
        let mut found = tree.look(1, &path, &first, at(999));
        assert!(keeps(&mut found) && Arc::ptr_eq(found.directory, &first));
        let mut found = tree.look(1, &path, &first, at(1000));
        assert!(!keeps(&mut found) && found.directory.open_below(c"new").is_ok());
        let second = Arc::clone(found.directory);
        for now in [1001, 1999, 2000, 9000] {
            let mut found = tree.look(1, &path, &first, at(now));
            assert!(keeps(&mut found) && Arc::ptr_eq(found.directory, &second));
        }
    }

    #[test]
    fn where_there_is_no_directory_any_more_the_last_one_stays() {
        let dir = TempDir::new();
        let (mut tree, path, first) = tree(&dir);
        keeps(&mut tree.look(1, &path, &first, at(0)));
        std::fs::remove_dir(&path).unwrap();
        for now in [1000, 2000] {
            let mut found = tree.look(1, &path, &first, at(now));
            assert!(keeps(&mut found) && Arc::ptr_eq(found.directory, &first));
        }
        // Nothing that is no directory takes its place.
        std::fs::write(&path, "a file").unwrap();
        let mut found = tree.look(1, &path, &first, at(3000));
        assert!(keeps(&mut found) && Arc::ptr_eq(found.directory, &first));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("new"), "new").unwrap();
        let mut found = tree.look(1, &path, &first, at(4000));
        assert!(!keeps(&mut found) && found.directory.open_below(c"new").is_ok());
    }

    #[test]
    fn a_link_that_is_set_anew_is_another_directory() {
        let dir = TempDir::new();
        for name in ["one", "two"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let path = dir.path().join("current");
        std::os::unix::fs::symlink("one", &path).unwrap();
        let first = Arc::new(Root::open(&path, false).unwrap());
        let mut tree = Tree::new(BOUNDS);
        keeps(&mut tree.look(1, &path, &first, at(0)));
        assert!(keeps(&mut tree.look(1, &path, &first, at(1000))));
        // As deployments do it: all at once.
        std::os::unix::fs::symlink("two", dir.path().join("next")).unwrap();
        std::fs::rename(dir.path().join("next"), &path).unwrap();
        let mut found = tree.look(1, &path, &first, at(2000));
        assert!(!keeps(&mut found) && !Arc::ptr_eq(found.directory, &first));
    }

    #[test]
    fn what_one_handler_has_at_hand_is_not_for_another() {
        let dir = TempDir::new();
        let (mut tree, path, first) = tree(&dir);
        let second = Arc::new(Root::open(&path, false).unwrap());
        keeps(&mut tree.look(1, &path, &first, at(0)));
        // The same directory at the same time: the other may say other things of its files.
        let mut found = tree.look(2, &path, &second, at(1));
        assert!(!keeps(&mut found) && Arc::ptr_eq(found.directory, &second));
        let mut found = tree.look(1, &path, &first, at(2));
        assert!(!keeps(&mut found) && Arc::ptr_eq(found.directory, &first));
        assert!(keeps(&mut tree.look(1, &path, &first, at(3))));
    }
}
