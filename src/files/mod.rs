//! Serves the regular files below a directory to GET and HEAD.
//!
//! Owns the way from a request's path to an open file, and what the answer says of it. Must not
//! know of other features. Three walls stand between a client and a file that is not meant for it:
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
