//! Serves the regular files below a directory to GET and HEAD.
//!
//! Owns the way from a request's path to an open file, and what the answer says of it. Must not
//! know of other features. Three walls stand between a client and a file that is not meant for it:
//! [`path`] refuses what does not name one, [`open`] has the kernel refuse what leads out of the
//! root, and [`handler`] answers with regular files only.

mod asset;
mod cache;
mod code;
mod conditions;
mod config;
mod errors;
mod etag;
mod handler;
mod list_page;
mod listing;
mod load;
mod multipart;
mod open;
mod path;
mod ranges;
mod resolve;
mod respond;
mod rules;
mod sight;
mod stamp;
mod types;
mod worker;

use std::io;

use reactor::{HalfClose, Route};

pub use cache::Bounds;
pub use config::{CacheControl, Config, ErrorPage, Try};
pub use handler::Reach;
pub use worker::Worker;

/// The route that answers with files, for every path; `reach` finds what a worker keeps for it.
///
/// # Errors
///
/// When the root is no directory that can be read, or an error page is missing.
pub fn route(config: &Config, reach: Reach) -> io::Result<Route> {
    let handler = handler::Handle::new(config, reach)?;
    // Whoever has asked for a file and says no more still wants it.
    Ok(Route::get("/{*path}", handler).half_close(HalfClose::Answer))
}
