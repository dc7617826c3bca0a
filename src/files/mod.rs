//! Serves the regular files below a directory to GET and HEAD.
//!
//! Owns the way from a request's path to an open file, and what the answer says of it. Must not
//! know of other features. Three walls stand between a client and a file that is not meant for it:
//! [`path`] refuses what does not name one, [`open`] has the kernel refuse what leads out of the
//! root, and [`handler`] answers with regular files only.

mod config;
mod handler;
mod listing;
mod open;
mod path;
mod types;

use std::io;

use reactor::Route;

pub use config::{CacheControl, Config, ErrorPage, Try};

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
