//! A worker's thread: turns until the core is over.

use std::io;

use super::core::{Core, Turn};

/// Runs `core` on this thread until it has drained or is told to stop.
///
/// # Errors
///
/// The poller fails.
pub fn run(core: &mut Core) -> io::Result<()> {
    while core.turn()? == Turn::Goes {}
    Ok(())
}
