//! Waiting for a condition with a deadline, and leaving out what this machine cannot test.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, thread};

/// How long anything may take that should come at once; generous, for the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Asks `condition` until it gives something, and returns that; fails the test after `limit`.
pub fn until<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the test has to be left out because `program` is not installed; says so, for a test that
/// silently did nothing would be taken for one that passed. With TIDEGATE_FORBID_SKIPS it fails.
pub fn skipped_without(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).any(|folder| Path::new(&folder).join(program).is_file());
    if !found {
        skip(&format!("no {program}"));
    }
    !found
}

/// Says that something is left out, and why.
pub fn skip(why: &str) {
    assert!(
        env::var_os("TIDEGATE_FORBID_SKIPS").is_none(),
        "may not be skipped: {why}"
    );
    eprintln!("skipped: {why}");
}
