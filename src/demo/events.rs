//! `GET /events`: server-sent events, one tick a second (HTML Living Standard, section 9.2).

use std::io::Write;
use std::time::{Duration, Instant};

use reactor::{Progress, Pull, Reply, Request, Stream};

use super::Ending;

/// Between two ticks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Room for one event.
const EVENT_BYTES_MAX: usize = 128;

/// Answers with a stream that ends only when the client leaves or the server is about to stop.
pub fn handle(request: &mut Request<'_>, ending: &Ending) -> Reply {
    request.out().field("Cache-Control", "no-store");
    // Proxies that collect answers before they pass them on would hold this one for ever.
    request.out().field("X-Accel-Buffering", "no");
    let ticks = Ticks {
        count: 0,
        due: Instant::now(),
        ending: ending.clone(),
    };
    Reply::stream("text/event-stream", ticks)
}

struct Ticks {
    count: u64,
    due: Instant,
    ending: Ending,
}

impl Ticks {
    /// Writes the event of this tick and plans the next.
    fn tick(&mut self, now: Instant, event: &mut [u8]) -> usize {
        self.count += 1;
        // A reader that was slow gets the next tick a whole interval later, not all that it missed.
        self.due = (self.due + INTERVAL).max(now);
        let size = event.len();
        let mut rest = event;
        let count = self.count;
        // It fits: see EVENT_BYTES_MAX.
        let _ = write!(
            rest,
            "id: {count}\nevent: tick\ndata: {{\"tick\":{count}}}\n\n"
        );
        size - rest.len()
    }
}

impl Stream for Ticks {
    fn pull(&mut self, io: &mut Pull<'_>) -> Progress {
        if self.ending.is_announced() {
            return Progress::End;
        }
        let now = Instant::now();
        if now < self.due {
            io.wake_after(self.due - now);
            return Progress::Later;
        }
        if io.out.room() < EVENT_BYTES_MAX {
            return Progress::More;
        }
        let mut event = [0; EVENT_BYTES_MAX];
        let size = self.tick(now, &mut event);
        if io.out.write(&event[..size]) < size {
            // No memory for half an event: the client reconnects by itself.
            return Progress::End;
        }
        io.wake_after(self.due.saturating_duration_since(now));
        Progress::Later
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_numbered_and_a_second_apart() {
        let start = Instant::now();
        let mut ticks = Ticks {
            count: 0,
            due: start,
            ending: Ending::default(),
        };
        let mut event = [0; EVENT_BYTES_MAX];
        let size = ticks.tick(start, &mut event);
        assert_eq!(
            &event[..size],
            b"id: 1\nevent: tick\ndata: {\"tick\":1}\n\n"
        );
        assert_eq!(ticks.due, start + INTERVAL);
        let late = start + 10 * INTERVAL;
        let size = ticks.tick(late, &mut event);
        assert_eq!(
            &event[..size],
            b"id: 2\nevent: tick\ndata: {\"tick\":2}\n\n"
        );
        assert_eq!(ticks.due, late);
    }

    #[test]
    fn the_longest_event_fits() {
        let now = Instant::now();
        let mut ticks = Ticks {
            count: u64::MAX - 1,
            due: now,
            ending: Ending::default(),
        };
        let mut event = [0; EVENT_BYTES_MAX];
        let size = ticks.tick(now, &mut event);
        assert!(event[..size].ends_with(b"}\n\n"));
    }
}
