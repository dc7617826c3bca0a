//! The timer wheel with ten thousand connections, beside an ordered set of deadlines.
//!
//! Run with `cargo bench -p reactor --bench wheel`. Times are for `ENTRIES` operations, except
//! where the name says otherwise.

use std::collections::BTreeSet;
use std::time::Duration;

use divan::{Bencher, black_box};
use reactor::time::{Instant, Wheel};

fn main() {
    divan::main();
}

/// What both can do.
trait Timers {
    fn new() -> Self;
    fn arm(&mut self, index: usize, at: Instant);
    fn cancel(&mut self, index: usize);
    fn pop_due(&mut self, now: Instant) -> Option<usize>;
    fn next_due(&self) -> Option<Instant>;
}

impl Timers for Wheel {
    fn new() -> Wheel {
        Wheel::new(Instant::START)
    }

    fn arm(&mut self, index: usize, at: Instant) {
        self.arm(index, at);
    }

    fn cancel(&mut self, index: usize) {
        self.cancel(index);
    }

    fn pop_due(&mut self, now: Instant) -> Option<usize> {
        self.pop_due(now)
    }

    fn next_due(&self) -> Option<Instant> {
        self.next_due()
    }
}

/// The rival: deadlines in order, and where each index stands among them.
struct Ordered {
    order: BTreeSet<(Instant, usize)>,
    deadlines: Vec<Option<Instant>>,
}

impl Timers for Ordered {
    fn new() -> Ordered {
        Ordered {
            order: BTreeSet::new(),
            deadlines: vec![None; ENTRIES],
        }
    }

    fn arm(&mut self, index: usize, at: Instant) {
        self.cancel(index);
        self.deadlines[index] = Some(at);
        self.order.insert((at, index));
    }

    fn cancel(&mut self, index: usize) {
        if let Some(before) = self.deadlines[index].take() {
            self.order.remove(&(before, index));
        }
    }

    fn pop_due(&mut self, now: Instant) -> Option<usize> {
        let &(at, index) = self.order.first()?;
        if at > now {
            return None;
        }
        self.cancel(index);
        Some(index)
    }

    fn next_due(&self) -> Option<Instant> {
        self.order.first().map(|&(at, _)| at)
    }
}

/// Deadlines of 10 to 75 seconds, as connections have them, in no order.
fn deadline(index: usize, round: u64) -> Instant {
    let scattered = (index as u64 + round * 7919).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    Instant::START + Duration::from_millis(10_000 + scattered % 65_000)
}

fn full<T: Timers>() -> T {
    let mut timers = T::new();
    for index in 0..ENTRIES {
        timers.arm(index, deadline(index, 0));
    }
    timers
}

#[divan::bench(types = [Wheel, Ordered])]
fn arm<T: Timers>(bencher: Bencher) {
    bencher.bench_local(full::<T>);
}

#[divan::bench(types = [Wheel, Ordered])]
fn rearm<T: Timers>(bencher: Bencher) {
    bencher.with_inputs(full::<T>).bench_local_refs(|timers| {
        for index in 0..ENTRIES {
            timers.arm(index, deadline(index, 1));
        }
    });
}

#[divan::bench(types = [Wheel, Ordered])]
fn cancel<T: Timers>(bencher: Bencher) {
    bencher.with_inputs(full::<T>).bench_local_refs(|timers| {
        for index in 0..ENTRIES {
            timers.cancel(index);
        }
    });
}

/// 75 seconds in which every entry comes, with a look whenever one is asked for.
#[divan::bench(types = [Wheel, Ordered])]
fn advance_until_empty<T: Timers>(bencher: Bencher) {
    bencher.with_inputs(full::<T>).bench_local_refs(|timers| {
        while let Some(now) = timers.next_due() {
            while let Some(index) = timers.pop_due(now) {
                black_box(index);
            }
        }
    });
}

/// One turn of a loop in which nothing is due: both questions, once.
#[divan::bench(types = [Wheel, Ordered])]
fn one_turn_with_nothing_due<T: Timers>(bencher: Bencher) {
    let mut timers = full::<T>();
    let now = Instant::START + Duration::from_secs(5);
    bencher.bench_local(|| (timers.pop_due(black_box(now)), timers.next_due()));
}

const ENTRIES: usize = 10_000;
