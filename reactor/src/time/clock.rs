//! Where time is read: the system's clocks, or one that a test moves by hand.
//!
//! The only place in the engine that asks the system for the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{self, Duration, SystemTime};

use crate::time::Instant;

/// A source of time. Clones read the same clock, so their instants can be compared.
#[derive(Clone, Debug)]
pub enum Clock {
    /// Stands still until it is moved.
    Manual(ManualClock),
    /// The system's monotonic and wall clocks.
    System {
        /// When this clock was made: its [`Instant::START`].
        start: time::Instant,
    },
}

impl Clock {
    /// The system's clock, beginning now.
    pub fn system() -> Clock {
        Clock::System {
            start: time::Instant::now(),
        }
    }

    /// Now, on a clock that never goes back.
    pub fn now(&self) -> Instant {
        match self {
            Clock::Manual(manual) => manual.now(),
            Clock::System { start } => Instant::START + start.elapsed(),
        }
    }

    /// What the wall clock says: time since the Unix epoch, zero before it. May jump either way.
    pub fn wall(&self) -> Duration {
        match self {
            Clock::Manual(manual) => manual.wall(),
            Clock::System { .. } => SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }
}

/// A clock that stands still until it is moved: for tests and the simulation. Clones are one clock.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    nanos: Arc<AtomicU64>,
}

impl ManualClock {
    /// What the wall clock says at [`Instant::START`]: Sun, 06 Nov 1994 08:49:37 GMT, the date that
    /// RFC 9110 section 5.6.7 takes for its examples.
    pub const WALL_AT_START: Duration = Duration::from_secs(784_111_777);

    /// A clock at [`Instant::START`].
    pub fn new() -> ManualClock {
        ManualClock::default()
    }

    /// Moves the clock on.
    pub fn advance(&self, time: Duration) {
        self.set(self.now() + time);
    }

    /// Moves the clock to `now`, which must not be earlier than it is.
    ///
    /// # Panics
    ///
    /// If the clock would go back.
    pub fn set(&self, now: Instant) {
        let before = self.nanos.swap(now.as_nanos(), Ordering::Relaxed);
        assert!(
            before <= now.as_nanos(),
            "a monotonic clock does not go back"
        );
    }

    /// Where the clock stands.
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.nanos.load(Ordering::Relaxed))
    }

    /// What its wall clock says: [`ManualClock::WALL_AT_START`] and the time since then.
    pub fn wall(&self) -> Duration {
        ManualClock::WALL_AT_START + self.now().since(Instant::START)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_does_not_go_back_and_knows_the_year() {
        let clock = Clock::system();
        let mut last = clock.clone().now();
        for _ in 0..1000 {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
        let year_2025 = Duration::from_secs(55 * 365 * 86_400);
        assert!(clock.wall() > year_2025);
    }

    #[test]
    fn a_manual_clock_moves_only_by_hand_and_with_all_its_clones() {
        let hand = ManualClock::new();
        let clock = Clock::Manual(hand.clone());
        assert_eq!(clock.now(), Instant::START);
        assert_eq!(clock.wall(), ManualClock::WALL_AT_START);

        hand.advance(Duration::from_millis(1500));
        assert_eq!(clock.now(), Instant::from_nanos(1_500_000_000));
        assert_eq!(
            clock.wall(),
            ManualClock::WALL_AT_START + Duration::from_millis(1500)
        );

        hand.set(Instant::from_nanos(2_000_000_000));
        assert_eq!(clock.now().since(Instant::START), Duration::from_secs(2));
    }

    #[test]
    #[should_panic(expected = "does not go back")]
    fn a_manual_clock_refuses_to_go_back() {
        let hand = ManualClock::new();
        hand.advance(Duration::from_secs(1));
        hand.set(Instant::START);
    }

    #[test]
    fn the_wall_clock_begins_at_the_date_of_the_specification() {
        let start = SystemTime::UNIX_EPOCH + ManualClock::WALL_AT_START;
        assert_eq!(
            httpdate::fmt_http_date(start),
            "Sun, 06 Nov 1994 08:49:37 GMT"
        );
    }
}
