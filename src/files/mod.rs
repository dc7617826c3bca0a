//! Serves the regular files below a directory to GET and HEAD.
//!
//! Owns the way from a request's path to an open file, and what the answer says of it. Must not know
//! of other features. Three walls stand between a client and a file that is not meant for it:
//! [`path`] refuses what does not name one, [`open`] has the kernel refuse what leads out of the
//! root, and [`handler`] answers with regular files only.

mod handler;
mod open;
mod path;
mod types;

use std::io;
use std::path::PathBuf;

use reactor::Route;

/// Which directory is served, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The directory.
    pub root: PathBuf,
    /// Names of files that answer for the directory they are in, the first one first.
    pub index: Vec<String>,
}

/// The route that answers with files, for every path.
///
/// # Errors
///
/// When the root is no directory that can be read.
pub fn route(config: &Config) -> io::Result<Route> {
    let root = open::Root::open(&config.root)?;
    Ok(Route::get(
        "/{*path}",
        handler::Files::new(root, config.index.clone()),
    ))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A directory of its own, removed at the end of a test.
    pub struct TempDir(PathBuf);

    impl TempDir {
        pub fn new() -> TempDir {
            static COUNT: AtomicU64 = AtomicU64::new(0);
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("tidegate-test-{}-{count}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&path).unwrap();
            TempDir(path.canonicalize().unwrap())
        }

        pub fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for TempDir {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }
}
