//! Notices that certificates' files have changed: rewritten, replaced by another file of the same
//! name (certbot), or reached through a symbolic link that leads elsewhere now (Kubernetes).
//!
//! The files are looked at, not subscribed to: that works on every file system, costs a few system
//! calls a second on a thread of its own, and cannot miss an event.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use reactor::tls::Tls;

use super::expiry::DAY;
use super::load::Refusal;
use super::store::{Certificates, Scope};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// How often what was refused is tried again, if it may be taken although no file has changed.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// How often the thread wakes when there are no files.
const INTERVAL_WITHOUT_FILES: Duration = Duration::from_secs(60 * 60);

/// What lets new connections use other certificates.
pub(super) type Publish = dyn Fn(Arc<Tls>) -> Result<(), String> + Send;

/// The thread that watches the files. Dropping this ends it.
#[derive(Debug)]
pub struct Watch {
    asks: Sender<()>,
}

impl Watch {
    /// Reads all files again at once, changed or not.
    pub fn reload(&self) {
        // The thread ends only when this is dropped.
        let _ = self.asks.send(());
    }

    /// Watches over the files of `certificates`; what is new is handed to `publish`.
    ///
    /// # Errors
    ///
    /// The system refuses a thread.
    pub(super) fn start(
        mut certificates: Certificates,
        publish: Box<Publish>,
    ) -> io::Result<Watch> {
        let (asks, asked) = channel();
        let interval = match certificates.has_files() {
            true => INTERVAL,
            false => INTERVAL_WITHOUT_FILES,
        };
        let (mut retried, mut told) = (Rounds::new(RETRY_INTERVAL), Rounds::new(DAY));
        let work = move || {
            loop {
                let scope = match asked.recv_timeout(interval) {
                    Ok(()) => Scope::All,
                    Err(RecvTimeoutError::Timeout) => Scope::Settled,
                    Err(RecvTimeoutError::Disconnected) => return,
                };
                let now = SystemTime::now();
                certificates.refresh(scope, now, &publish);
                if retried.is_due(Instant::now()) {
                    certificates.refresh(Scope::Refused, now, &publish);
                }
                if told.is_due(Instant::now()) {
                    certificates.tell_daily(now, &publish);
                }
            }
        };
        thread::Builder::new()
            .name("certificates".into())
            .spawn(work)?;
        Ok(Watch { asks })
    }
}

/// What is done now and then.
#[derive(Debug)]
struct Rounds {
    interval: Duration,
    last: Instant,
}

impl Rounds {
    fn new(interval: Duration) -> Rounds {
        let last = Instant::now();
        Rounds { interval, last }
    }

    /// Whether it is time again.
    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now.saturating_duration_since(self.last) >= self.interval;
        if is_due {
            self.last = now;
        }
        is_due
    }
}

/// What tells a file from the one that was there before; symbolic links are followed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Print {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Files that belong together: either all of them are new, or somebody is still at it.
#[derive(Debug)]
pub(super) struct Watched {
    paths: Vec<PathBuf>,
    /// As they were when they were read last.
    read: Vec<Option<Print>>,
    /// As they were at the last look.
    last: Vec<Option<Print>>,
    /// Why what was read last could not be used.
    refusal: Option<Refusal>,
}

impl Watched {
    /// To be made before the files are read, so that no change is missed.
    pub(super) fn new(paths: Vec<PathBuf>) -> Watched {
        let read = look(&paths);
        let last = read.clone();
        let refusal = None;
        Watched {
            paths,
            read,
            last,
            refusal,
        }
    }

    /// Whether the files are to be read now: those that have changed once they look the same twice
    /// in a row, those that were refused for what may pass, or all of them.
    pub(super) fn is_due(&mut self, scope: Scope) -> bool {
        if scope == Scope::Refused {
            let may_pass = |refusal: &Refusal| refusal.may_pass;
            // Whoever writes to them now is waited for.
            return self.refusal.as_ref().is_some_and(may_pass) && self.last == self.read;
        }
        let now = look(&self.paths);
        let has_settled = now == self.last && now != self.read;
        self.last = now;
        let is_due = scope == Scope::All || has_settled;
        if is_due {
            self.read = self.last.clone();
        }
        is_due
    }

    /// Takes note of a reason that has been said.
    pub(super) fn note(&mut self, refusal: Refusal) {
        self.refusal = Some(refusal);
    }

    /// Takes note of what became of the files that were due: whether they hold something new, or
    /// why they are refused. The same reason is not said again for another try.
    pub(super) fn judge(
        &mut self,
        scope: Scope,
        result: Result<bool, Refusal>,
    ) -> Result<bool, String> {
        let before = self.refusal.take();
        let refusal = match result {
            Ok(is_new) => return Ok(is_new),
            Err(refusal) => self.refusal.insert(refusal),
        };
        match scope == Scope::Refused && before.as_ref() == Some(&*refusal) {
            true => Ok(false),
            false => Err(refusal.why.clone()),
        }
    }
}

fn look(paths: &[PathBuf]) -> Vec<Option<Print>> {
    let print = |path: &PathBuf| {
        let metadata = fs::metadata(path).ok()?;
        Some(Print {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    };
    paths.iter().map(print).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn files_are_due_once_they_look_the_same_twice() {
        let folder = TempDir::new();
        let path = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| fs::write(path(name), text).unwrap();
        write("a", "1");
        write("b", "1");
        let mut watched = Watched::new(vec![path("a"), path("b")]);
        let mut is_due = || watched.is_due(Scope::Settled);
        assert!(!is_due() && !is_due());
        write("a", "22");
        assert!(!is_due());
        write("b", "22");
        assert!(!is_due(), "the second changed only now");
        assert!(is_due() && !is_due());
        // Replaced by another file of the same size.
        write("c", "33");
        fs::rename(path("c"), path("a")).unwrap();
        assert!(!is_due() && is_due() && !is_due());
        fs::remove_file(path("b")).unwrap();
        assert!(!is_due() && is_due() && !is_due());
    }

    #[test]
    fn what_is_done_now_and_then_waits_its_time() {
        let mut rounds = Rounds::new(Duration::from_secs(60));
        let start = rounds.last;
        let due: Vec<u64> = (0..200)
            .filter(|&second| rounds.is_due(start + Duration::from_secs(second)))
            .collect();
        assert_eq!(due, [60, 120, 180]);
    }

    #[test]
    fn only_what_may_pass_is_tried_again_and_said_once() {
        let folder = TempDir::new();
        let path = folder.path().join("a");
        fs::write(&path, "1").unwrap();
        let mut watched = Watched::new(vec![path.clone()]);
        let refused = |why: &str, may_pass| {
            let why = why.to_owned();
            Err(Refusal { why, may_pass })
        };
        assert!(!watched.is_due(Scope::Refused), "nothing was refused");
        let said = watched.judge(Scope::Settled, refused("no", true));
        assert_eq!(said, Err("no".into()));
        assert!(watched.is_due(Scope::Refused) && watched.is_due(Scope::Refused));
        let mut again = |why, may_pass| watched.judge(Scope::Refused, refused(why, may_pass));
        assert_eq!(again("no", true), Ok(false));
        assert_eq!(again("not now", true), Err("not now".into()));
        assert_eq!(again("never", false), Err("never".into()));
        assert!(!watched.is_due(Scope::Refused));
        // Somebody who asks is told again; somebody who writes is waited for.
        let said = watched.judge(Scope::All, refused("never", true));
        assert_eq!(said, Err("never".into()));
        fs::write(&path, "22").unwrap();
        assert!(!watched.is_due(Scope::Settled) && !watched.is_due(Scope::Refused));
        assert!(watched.is_due(Scope::Settled) && watched.is_due(Scope::Refused));
        assert_eq!(watched.judge(Scope::Settled, Ok(true)), Ok(true));
        assert!(!watched.is_due(Scope::Refused));
    }

    #[test]
    fn another_target_of_a_link_is_a_change() {
        let folder = TempDir::new();
        let path = |name: &str| folder.path().join(name);
        for target in ["one", "two"] {
            fs::create_dir(path(target)).unwrap();
            fs::write(path(target).join("a"), "text").unwrap();
        }
        symlink("one", path("data")).unwrap();
        symlink("data/a", path("a")).unwrap();
        let mut watched = Watched::new(vec![path("a")]);
        symlink("two", path("new")).unwrap();
        fs::rename(path("new"), path("data")).unwrap();
        let mut is_due = |scope| watched.is_due(scope);
        assert!(!is_due(Scope::Settled) && is_due(Scope::Settled));
        assert!(is_due(Scope::All) && !is_due(Scope::Settled));
    }
}
