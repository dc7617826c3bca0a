//! Points in time as the engine counts them.

use std::ops::Add;
use std::time::Duration;

/// A point in time: nanoseconds since the clock it was read from was made (585 years fit). Only
/// instants of one clock can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The clock's beginning.
    pub const START: Instant = Instant(0);

    /// The instant this many nanoseconds after the beginning.
    pub const fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }

    /// Nanoseconds since the beginning.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time from `earlier` to this; zero if `earlier` is later.
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// Stays at the end of time rather than overflow.
    #[inline]
    fn add(self, time: Duration) -> Instant {
        // Not by way of `as_nanos`, whose 128 bits each request would pay for.
        let whole = time.as_secs().saturating_mul(1_000_000_000);
        let nanos = whole.saturating_add(u64::from(time.subsec_nanos()));
        Instant(self.0.saturating_add(nanos))
    }
}
