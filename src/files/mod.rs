//! Serves the regular files below a directory to GET and HEAD.
//!
//! Owns the way from a request's path to an open file, and what the answer says of it. Must not
//! know of other features.
//!
//! ```text
//!   request ──► handler ──► path ──► resolve ──► cache ──► disk      which file, and what it is
//!                  │                 (try_files)   │
//!                  │                               ▼
//!   reply ◄────────┴────── respond ◄──────────── asset              what is said of it
//!            errors, listing: where there is none
//! ```
//!
//! Three walls stand between a client and a file that is not meant for it: [`path`] refuses what
//! does not name one, [`disk::open`] has the kernel refuse what leads out of the root, and
//! [`disk::load`] takes regular files only.

mod asset;
mod cache;
mod config;
mod disk;
mod errors;
mod etag;
mod handler;
mod list_body;
mod list_page;
mod listing;
mod path;
mod resolve;
mod respond;
mod rules;
#[cfg(test)]
mod sample;
mod stamp;
mod types;
mod worker;

use std::io;
use std::sync::Arc;

use reactor::{HalfClose, Route, SiteBuilder};

pub use cache::clock::Bounds;
pub use config::{CacheControl, Config, ErrorPage, Try};
pub use handler::Reach;
pub use worker::Worker;

/// Adds the route that answers with files, for every path, and the pages for errors; `reach` finds
/// what a worker keeps for them.
///
/// # Errors
///
/// When the root is no directory that can be read, or an error page is missing.
pub fn serve(site: SiteBuilder, config: &Config, reach: Reach) -> io::Result<SiteBuilder> {
    let handler = handler::Handle::new(config, reach)?;
    let errors = Arc::new(handler.clone());
    // Whoever has asked for a file and says no more still wants it.
    let route = Route::get("/{*path}", handler).half_close(HalfClose::Answer);
    Ok(site.route(route).error_handler(errors))
}
