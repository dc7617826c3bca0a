//! The root as it is now, and the files of it that a worker has at hand.
//!
//! Whether another directory has come to the root's path is looked once a second: at once if the
//! system knows by heart that it is still the same, else by a job, which goes with whatever request
//! came first. Until that job has told, the directory stays in use.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

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
    /// When it was last known to be at its path, or a job was asked; never if it is new.
    checked_at: Option<Instant>,
    /// A job looks.
    asked: Option<Place>,
}

/// Where a job leaves the directory that it has found.
type Place = Arc<OnceLock<Arc<Root>>>;

/// The root as it is now, and the files of it that are at hand.
#[derive(Debug)]
pub struct Found<'a> {
    /// The directory.
    pub directory: &'a Arc<Root>,
    /// Files at hand.
    pub cache: &'a mut Cache,
    /// Whether a job is to look if there is another directory: see [`Tree::ask`].
    pub is_overdue: bool,
}

/// A look at the root's path that may wait for a disk: it is for a job.
#[derive(Debug)]
pub struct Look {
    path: PathBuf,
    directory: Arc<Root>,
    place: Place,
}

impl Look {
    /// The directory that is at the path now; the tree that has asked will have it as well.
    pub fn run(self) -> Arc<Root> {
        let other = self.directory.replaced_at(&self.path);
        let found = other.map_or(self.directory, Arc::new);
        Arc::clone(self.place.get_or_init(|| found))
    }
}

impl Known {
    fn is_fresh(&self, now: Instant) -> bool {
        self.checked_at
            .is_some_and(|checked_at| now.since(checked_at) < FRESH_FOR)
    }

    fn is_overdue(&self, now: Instant) -> bool {
        self.asked.is_none() && !self.is_fresh(now)
    }
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
        let is_settled =
            |known: &Known| known.owner == owner && known.asked.is_none() && known.is_fresh(now);
        if !self.known.as_ref().is_some_and(is_settled) {
            self.look_again(owner, path, first, now);
        }
        Found {
            directory: self.known.as_ref().map_or(first, |known| &known.directory),
            cache: &mut self.cache,
            is_overdue: self
                .known
                .as_ref()
                .is_some_and(|known| known.is_overdue(now)),
        }
    }

    /// Has a job look if there is another directory at `path`, when that is overdue.
    pub fn ask(&mut self, path: &Path, now: Instant) -> Option<Look> {
        let known = self.known.as_mut().filter(|known| known.is_overdue(now))?;
        let place = Place::default();
        known.checked_at = Some(now);
        known.asked = Some(Arc::clone(&place));
        Some(Look {
            path: path.to_owned(),
            directory: Arc::clone(&known.directory),
            place,
        })
    }

    /// Counts again what the asset at `key` takes, whoever has loaded it.
    pub fn count_again(&mut self, key: &[u8]) {
        self.cache.count_again(key);
    }

    /// See [`Cache::close_unused`].
    pub fn close_unused(&mut self, now: Instant) -> Option<Instant> {
        self.cache.close_unused(now)
    }

    /// See [`Cache::close_idle`].
    pub fn close_idle(&mut self) -> bool {
        self.cache.close_idle()
    }

    #[cold]
    fn look_again(&mut self, owner: u64, path: &Path, first: &Arc<Root>, now: Instant) {
        let same = self.known.take().filter(|known| known.owner == owner);
        let mut known = same.unwrap_or_else(|| {
            self.cache.clear();
            Known {
                directory: Arc::clone(first),
                owner,
                checked_at: None,
                asked: None,
            }
        });
        if let Some(place) = &known.asked {
            if let Some(found) = place.get() {
                if !Arc::ptr_eq(found, &known.directory) {
                    self.cache.clear();
                    known.directory = Arc::clone(found);
                }
                known.asked = None;
            } else if Arc::strong_count(place) == 1 {
                // The job was refused, or has failed.
                known.asked = None;
            }
        }
        if known.is_overdue(now) && known.directory.is_surely_at(path) {
            known.checked_at = Some(now);
        }
        self.known = Some(known);
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

    /// What [`Tree::look`] says when a job, if one is to be asked, has looked.
    fn look<'a>(
        tree: &'a mut Tree,
        owner: u64,
        path: &Path,
        first: &'a Arc<Root>,
        now: Instant,
    ) -> Found<'a> {
        if tree.look(owner, path, first, now).is_overdue {
            tree.ask(path, now).unwrap().run();
        }
        let found = tree.look(owner, path, first, now);
        assert!(!found.is_overdue);
        found
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
        let mut found = look(&mut tree, 1, &path, &first, at(0));
        assert!(!keeps(&mut found) && Arc::ptr_eq(found.directory, &first));

        std::fs::rename(&path, dir.path().join("old")).unwrap();
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("new"), "new").unwrap();
        let mut found = look(&mut tree, 1, &path, &first, at(999));
        assert!(keeps(&mut found) && Arc::ptr_eq(found.directory, &first));
        let mut found = look(&mut tree, 1, &path, &first, at(1000));
        assert!(!keeps(&mut found) && found.directory.open_below(c"new").is_ok());
        let second = Arc::clone(found.directory);
        for now in [1001, 1999, 2000, 9000] {
            let mut found = look(&mut tree, 1, &path, &first, at(now));
            assert!(keeps(&mut found) && Arc::ptr_eq(found.directory, &second));
        }
    }

    #[test]
    fn where_there_is_no_directory_any_more_the_last_one_stays() {
        let dir = TempDir::new();
        let (mut tree, path, first) = tree(&dir);
        keeps(&mut look(&mut tree, 1, &path, &first, at(0)));
        std::fs::remove_dir(&path).unwrap();
        for now in [1000, 2000] {
            let mut found = look(&mut tree, 1, &path, &first, at(now));
            assert!(keeps(&mut found) && Arc::ptr_eq(found.directory, &first));
        }
        // Nothing that is no directory takes its place.
        std::fs::write(&path, "a file").unwrap();
        let mut found = look(&mut tree, 1, &path, &first, at(3000));
        assert!(keeps(&mut found) && Arc::ptr_eq(found.directory, &first));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("new"), "new").unwrap();
        let mut found = look(&mut tree, 1, &path, &first, at(4000));
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
        keeps(&mut look(&mut tree, 1, &path, &first, at(0)));
        assert!(keeps(&mut look(&mut tree, 1, &path, &first, at(1000))));
        // As deployments do it: all at once.
        std::os::unix::fs::symlink("two", dir.path().join("next")).unwrap();
        std::fs::rename(dir.path().join("next"), &path).unwrap();
        let mut found = look(&mut tree, 1, &path, &first, at(2000));
        assert!(!keeps(&mut found) && !Arc::ptr_eq(found.directory, &first));
    }

    #[test]
    fn what_one_handler_has_at_hand_is_not_for_another() {
        let dir = TempDir::new();
        let (mut tree, path, first) = tree(&dir);
        let second = Arc::new(Root::open(&path, false).unwrap());
        keeps(&mut look(&mut tree, 1, &path, &first, at(0)));
        // The same directory at the same time: the other may say other things of its files.
        let mut found = look(&mut tree, 2, &path, &second, at(1));
        assert!(!keeps(&mut found) && Arc::ptr_eq(found.directory, &second));
        let mut found = look(&mut tree, 1, &path, &first, at(2));
        assert!(!keeps(&mut found) && Arc::ptr_eq(found.directory, &first));
        assert!(keeps(&mut look(&mut tree, 1, &path, &first, at(3))));
    }

    #[test]
    fn until_a_job_has_told_the_directory_stays_in_use_and_nobody_else_is_asked() {
        let dir = TempDir::new();
        let (mut tree, path, first) = tree(&dir);
        keeps(&mut look(&mut tree, 1, &path, &first, at(0)));
        std::fs::rename(&path, dir.path().join("old")).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(tree.look(1, &path, &first, at(1000)).is_overdue);
        let asked = tree.ask(&path, at(1000)).unwrap();
        for now in [1000, 1500, 2000, 60_000] {
            let mut found = tree.look(1, &path, &first, at(now));
            assert!(!found.is_overdue && Arc::ptr_eq(found.directory, &first));
            assert!(keeps(&mut found));
            assert!(tree.ask(&path, at(now)).is_none());
        }
        let second = asked.run();
        let mut found = tree.look(1, &path, &first, at(60_000));
        assert!(!keeps(&mut found) && Arc::ptr_eq(found.directory, &second));
    }

    #[test]
    fn a_job_that_never_tells_is_asked_again_after_a_second() {
        let dir = TempDir::new();
        let (mut tree, path, first) = tree(&dir);
        look(&mut tree, 1, &path, &first, at(0));
        std::fs::rename(&path, dir.path().join("old")).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(tree.look(1, &path, &first, at(5000)).is_overdue);
        drop(tree.ask(&path, at(5000)).unwrap());
        assert!(!tree.look(1, &path, &first, at(5999)).is_overdue);
        let found = look(&mut tree, 1, &path, &first, at(6000));
        assert!(!Arc::ptr_eq(found.directory, &first));
    }
}
