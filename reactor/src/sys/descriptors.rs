//! How many descriptors the process may have open, and when they run short.

use std::os::fd::{AsFd, AsRawFd};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit on open descriptors to the hard one. Returns the soft limit before and
/// after; `u64::MAX` means that there is none. Where the system refuses, the two are equal.
pub fn raise_descriptor_limit() -> (u64, u64) {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: before.maximum,
        maximum: before.maximum,
    };
    // macOS states no hard limit, but refuses a soft one above OPEN_MAX.
    if before.current != before.maximum && setrlimit(Resource::Nofile, wanted).is_err() {
        let portable = Rlimit {
            current: Some(OPEN_MAX),
            maximum: before.maximum,
        };
        if before.current.is_some_and(|current| current < OPEN_MAX)
            && let Err(error) = setrlimit(Resource::Nofile, portable)
        {
            log::warn!("the limit on open descriptors stays as it is: {error}");
        }
    }
    let after = getrlimit(Resource::Nofile);
    (
        before.current.unwrap_or(u64::MAX),
        after.current.unwrap_or(u64::MAX),
    )
}

/// Descriptors that nothing may take but what is soon given back, or must be had. Where there are
/// few in all, an eighth of them.
const LAST: u64 = 32;

/// Whether a descriptor is one of the last that the process may have: the system gives the lowest
/// number that is free. Whoever could do without it then gives it back, so that connections can
/// still be accepted.
pub fn is_among_last(descriptor: &impl AsFd) -> bool {
    let number = descriptor.as_fd().as_raw_fd() as u64;
    let limit = getrlimit(Resource::Nofile).current;
    limit.is_some_and(|limit| number + LAST.min(limit / 8) >= limit)
}

/// What every macOS allows: `OPEN_MAX` of its `sys/syslimits.h`.
const OPEN_MAX: u64 = 10_240;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_reaches_the_hard_one() {
        let (before, after) = raise_descriptor_limit();
        assert!(after >= before);
        if cfg!(target_os = "linux") {
            assert_eq!(Some(after), getrlimit(Resource::Nofile).maximum);
        }
        assert_eq!(raise_descriptor_limit(), (after, after));
    }

    #[test]
    fn while_there_are_many_left_none_is_among_the_last() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(!is_among_last(&file));
    }
}
