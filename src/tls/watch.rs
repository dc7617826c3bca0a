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
use std::time::{Duration, Instant};

use reactor::tls::Tls;

use super::expiry::DAY;
use super::store::{Certificates, Which};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

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
        let mut told = Instant::now();
        let work = move || {
            loop {
                match asked.recv_timeout(interval) {
                    Ok(()) => certificates.refresh(Which::All, &publish),
                    Err(RecvTimeoutError::Timeout) => {
                        certificates.refresh(Which::Settled, &publish);
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                if told.elapsed() >= DAY {
                    told = Instant::now();
                    certificates.tell_daily(&publish);
                }
            }
        };
        thread::Builder::new()
            .name("certificates".into())
            .spawn(work)?;
        Ok(Watch { asks })
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
}

impl Watched {
    /// To be made before the files are read, so that no change is missed.
    pub(super) fn new(paths: Vec<PathBuf>) -> Watched {
        let read = look(&paths);
        let last = read.clone();
        Watched { paths, read, last }
    }

    /// Whether the files are to be read now: those that have changed once they look the same twice
    /// in a row, or all of them.
    pub(super) fn is_due(&mut self, which: Which) -> bool {
        let now = look(&self.paths);
        let has_settled = now == self.last && now != self.read;
        self.last = now;
        let is_due = which == Which::All || has_settled;
        if is_due {
            self.read = self.last.clone();
        }
        is_due
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
        let mut is_due = || watched.is_due(Which::Settled);
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
        let mut is_due = |which| watched.is_due(which);
        assert!(!is_due(Which::Settled) && is_due(Which::Settled));
        assert!(is_due(Which::All) && !is_due(Which::Settled));
    }
}
