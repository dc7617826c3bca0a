//! A hashed timer wheel: one entry for each connection, in lists threaded through one vector.
//!
//! ```text
//!             heads[0]  heads[1]  heads[2]        heads[511]   heads[DUE]
//!   tick % 512    │         ·         │     ...       ·            │
//!                 ▼                   ▼                            ▼
//!              entry 7             entry 1                      entry 4
//!                 ⇅                                                ⇅
//!              entry 3  (a later round: stays when the tick passes)   entry 9
//! ```
//!
//! Time is cut into ticks. An entry waits in the list of its tick modulo the number of slots. When
//! ticks pass, each of their lists is walked once: what is due moves to the `DUE` list, what
//! belongs to a later round stays. So an entry with a tick before `tick` is in the `DUE` list and
//! every other one is in its slot's list. Must not know what an entry stands for.

use std::iter;
use std::time::Duration;

use crate::time::Instant;

/// When the entries of a slab are due, to the next [`Wheel::TICK`]. Arming, moving and cancelling
/// take constant time and allocate only for an index higher than any before.
#[derive(Debug)]
pub struct Wheel {
    /// The beginning of tick 0.
    start: Instant,
    /// The first tick whose list was not yet walked.
    tick: u64,
    /// The first entry of each slot's list, and behind them of the `DUE` list.
    heads: Box<[u32; SLOTS + 1]>,
    /// One bit for each slot whose list is not empty.
    occupied: [u64; WORDS],
    entries: Vec<Entry>,
    len: usize,
}

impl Wheel {
    /// The wheel's resolution: the longest time that an entry comes late.
    pub const TICK: Duration = Duration::from_millis(100);

    /// An empty wheel whose first tick begins at `start`.
    pub fn new(start: Instant) -> Wheel {
        Wheel {
            start,
            tick: 0,
            heads: Box::new([NONE; SLOTS + 1]),
            occupied: [0; WORDS],
            entries: Vec::new(),
            len: 0,
        }
    }

    /// Makes the entry of `index` due at `at`, rounded up to the tick; moves it if it is armed. One
    /// that lies in the past is due at once.
    ///
    /// # Panics
    ///
    /// If `index` does not fit into 32 bits.
    pub fn arm(&mut self, index: usize, at: Instant) {
        assert!(
            index < NONE as usize,
            "the index of a slab fits into 32 bits"
        );
        let nanos = at.as_nanos().saturating_sub(self.start.as_nanos());
        let tick = nanos.div_ceil(TICK_NANOS);
        if index >= self.entries.len() {
            self.entries.resize(index + 1, Entry::UNARMED);
        }
        let before = self.entries[index].tick;
        if before == tick {
            return;
        }
        if before != UNARMED {
            self.unlink(index as u32);
        }
        let list = self.list_of(tick);
        self.link(index as u32, tick, list);
    }

    /// Takes the entry of `index` out, if it is in.
    pub fn cancel(&mut self, index: usize) {
        if self.is_armed(index) {
            self.unlink(index as u32);
        }
    }

    /// Whether the entry of `index` is in the wheel.
    pub fn is_armed(&self, index: usize) -> bool {
        self.entries
            .get(index)
            .is_some_and(|entry| entry.tick != UNARMED)
    }

    /// Takes out one entry that is due at `now`; `None` when there is no more. Never early, at most
    /// [`Wheel::TICK`] late. Entries come in no particular order. `now` must not go back.
    pub fn pop_due(&mut self, now: Instant) -> Option<usize> {
        if self.heads[DUE] == NONE {
            self.advance(now);
        }
        let first = self.heads[DUE];
        if first == NONE {
            return None;
        }
        self.unlink(first);
        Some(first as usize)
    }

    /// When to ask [`Wheel::pop_due`] again; `None` when the wheel is empty. May be too early, for
    /// an entry of a later round, but is never too late; it has passed if something is due already.
    pub fn next_due(&self) -> Option<Instant> {
        if self.heads[DUE] != NONE {
            return Some(self.beginning(self.tick.saturating_sub(1)));
        }
        self.first_occupied(self.tick)
            .map(|tick| self.beginning(tick))
    }

    /// How many entries are in the wheel.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no entry is in the wheel.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Walks the lists of the ticks that have begun by `now` and were not yet walked.
    fn advance(&mut self, now: Instant) {
        let passed = now.as_nanos().saturating_sub(self.start.as_nanos()) / TICK_NANOS;
        if passed < self.tick {
            return;
        }
        // After a whole round every list was walked, however long the pause was.
        let end = (passed + 1).min(self.tick + SLOTS as u64);
        let mut next = self.tick;
        while let Some(tick) = self.first_occupied(next).filter(|&tick| tick < end) {
            self.collect(slot_of(tick), passed);
            next = tick + 1;
        }
        self.tick = passed + 1;
    }

    /// Moves the entries of a slot with a tick up to `passed` to the `DUE` list.
    fn collect(&mut self, slot: usize, passed: u64) {
        let mut index = self.heads[slot];
        while index != NONE {
            let Entry { tick, next, .. } = self.entries[index as usize];
            if tick <= passed {
                self.unlink(index);
                self.link(index, tick, DUE);
            }
            index = next;
        }
    }

    /// The first tick from `from` on, within one round, whose slot is occupied.
    fn first_occupied(&self, from: u64) -> Option<u64> {
        let start = slot_of(from);
        let (word, bit) = (start / 64, start % 64);
        // The first word is looked at twice: its bits from the start on to begin with, its bits
        // before that at the end of the round.
        let after = (word, u64::MAX << bit);
        let others = (1..WORDS).map(|step| ((word + step) % WORDS, u64::MAX));
        let before = (word, !(u64::MAX << bit));
        let mut parts = iter::once(after).chain(others).chain(iter::once(before));
        parts.find_map(|(word, mask)| {
            let bits = self.occupied[word] & mask;
            let slot = word * 64 + bits.trailing_zeros() as usize;
            (bits != 0).then(|| from + ((slot + SLOTS - start) % SLOTS) as u64)
        })
    }

    fn beginning(&self, tick: u64) -> Instant {
        self.start + Duration::from_nanos(tick.saturating_mul(TICK_NANOS))
    }

    fn list_of(&self, tick: u64) -> usize {
        if tick < self.tick { DUE } else { slot_of(tick) }
    }

    fn link(&mut self, index: u32, tick: u64, list: usize) {
        let next = self.heads[list];
        self.entries[index as usize] = Entry {
            tick,
            next,
            previous: NONE,
        };
        if next != NONE {
            self.entries[next as usize].previous = index;
        }
        self.heads[list] = index;
        if list != DUE {
            self.occupied[list / 64] |= 1 << (list % 64);
        }
        self.len += 1;
    }

    fn unlink(&mut self, index: u32) {
        let Entry {
            tick,
            next,
            previous,
        } = self.entries[index as usize];
        self.entries[index as usize] = Entry::UNARMED;
        if next != NONE {
            self.entries[next as usize].previous = previous;
        }
        if previous != NONE {
            self.entries[previous as usize].next = next;
        } else {
            let list = self.list_of(tick);
            self.heads[list] = next;
            if next == NONE && list != DUE {
                self.occupied[list / 64] &= !(1 << (list % 64));
            }
        }
        self.len -= 1;
    }
}

/// The place of one index: 16 bytes, for there is one for each connection.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// When it is due, or `UNARMED`.
    tick: u64,
    next: u32,
    previous: u32,
}

impl Entry {
    const UNARMED: Entry = Entry {
        tick: UNARMED,
        next: NONE,
        previous: NONE,
    };
}

const fn slot_of(tick: u64) -> usize {
    (tick % SLOTS as u64) as usize
}

/// 51.2 seconds a round: most deadlines of a connection come within one.
const SLOTS: usize = 512;
const WORDS: usize = SLOTS / 64;
/// The list of entries whose tick has passed.
const DUE: usize = SLOTS;
const TICK_NANOS: u64 = Wheel::TICK.as_nanos() as u64;
/// The end of a list.
const NONE: u32 = u32::MAX;
/// Later than any instant: the end of time is tick 184,467,440,738.
const UNARMED: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const START: Instant = Instant::from_nanos(7_123_456_789);

    fn after(millis: u64) -> Instant {
        START + Duration::from_millis(millis)
    }

    fn rounded_up(at: Instant) -> Instant {
        let millis = at.since(START).as_nanos().div_ceil(100_000_000) as u64 * 100;
        after(millis)
    }

    fn all_due(wheel: &mut Wheel, now: Instant) -> Vec<usize> {
        let mut due: Vec<usize> = std::iter::from_fn(|| wheel.pop_due(now)).collect();
        due.sort_unstable();
        due
    }

    #[test]
    fn an_entry_costs_16_bytes() {
        assert_eq!(size_of::<Entry>(), 16);
    }

    #[test]
    fn deadlines_are_rounded_up_to_the_tick() {
        for (at, due) in [
            (0, 0),
            (1, 100),
            (99, 100),
            (100, 100),
            (101, 200),
            (51_100, 51_100),
        ] {
            let mut wheel = Wheel::new(START);
            wheel.arm(3, after(at));
            assert_eq!(wheel.next_due(), Some(after(due)), "{at}");
            if due > 0 {
                let early = Instant::from_nanos(after(due).as_nanos() - 1);
                assert_eq!(wheel.pop_due(early), None, "{at}");
            }
            assert_eq!(wheel.pop_due(after(due)), Some(3), "{at}");
            assert_eq!(wheel.pop_due(after(due)), None, "{at}");
            assert!(wheel.is_empty() && !wheel.is_armed(3));
        }
    }

    #[test]
    fn entries_of_later_rounds_stay() {
        let mut wheel = Wheel::new(START);
        // The same slot in five rounds, and one at the end of time.
        for round in 0..5 {
            wheel.arm(round, after(1000 + round as u64 * 51_200));
        }
        wheel.arm(9, Instant::from_nanos(u64::MAX));
        for round in 0..5 {
            let due = after(1000 + round as u64 * 51_200);
            assert!(wheel.next_due().unwrap() <= due);
            assert_eq!(
                all_due(&mut wheel, Instant::from_nanos(due.as_nanos() - 1)),
                []
            );
            assert_eq!(all_due(&mut wheel, due), [round]);
        }
        assert_eq!(wheel.len(), 1);
        // Asking whenever told to comes to an entry of a later round at most once a round.
        let asked = wheel.next_due().unwrap();
        assert_eq!(wheel.pop_due(asked), None);
        assert!(wheel.next_due().unwrap().since(asked) >= Duration::from_millis(51_100));
    }

    #[test]
    fn a_deadline_in_the_past_is_due_at_once() {
        let mut wheel = Wheel::new(START);
        assert_eq!(wheel.pop_due(after(10_000)), None);
        for at in [Instant::START, START, after(5000), after(10_000)] {
            wheel.arm(1, at);
            assert!(wheel.next_due().unwrap() <= after(10_000));
            assert_eq!(wheel.pop_due(after(10_000)), Some(1));
            // Taken from the list of those due before anybody asked, and moved out of it.
            wheel.arm(2, at);
            wheel.cancel(2);
            wheel.arm(2, at);
            wheel.arm(2, after(20_000));
            assert_eq!(wheel.pop_due(after(10_000)), None);
            wheel.cancel(2);
        }
    }

    #[test]
    fn a_hundred_thousand_entries_come_once_each_and_on_time() {
        let mut wheel = Wheel::new(START);
        let at = |index: usize| after((index as u64).wrapping_mul(2_654_435_761) % 200_000);
        for index in 0..100_000 {
            wheel.arm(index, at(index));
        }
        let mut seen = vec![false; 100_000];
        let mut now = START;
        while let Some(next) = wheel.next_due() {
            assert!(
                next > now || now == START,
                "asked for a look that changes nothing"
            );
            now = next;
            while let Some(index) = wheel.pop_due(now) {
                assert!(!seen[index] && at(index) <= now);
                assert!(now.since(at(index)) < Wheel::TICK);
                seen[index] = true;
            }
        }
        assert!(seen.iter().all(|&seen| seen));
        assert_eq!(now, after(200_000));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Arm { index: usize, delay_millis: u64 },
        Cancel(usize),
        Advance { millis: u64, pops_max: usize },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let delay = prop_oneof![0..300u64, 0..60_000u64, 0..500_000u64];
        let pause = prop_oneof![Just(0u64), 1..250u64, 0..40_000u64, 50_000..300_000u64];
        let arm = (0..20usize, delay).prop_map(|(index, delay_millis)| Step::Arm {
            index,
            delay_millis,
        });
        let advance = (pause, prop_oneof![Just(usize::MAX), 0..4usize])
            .prop_map(|(millis, pops_max)| Step::Advance { millis, pops_max });
        let step = prop_oneof![4 => arm, 1 => (0..20usize).prop_map(Step::Cancel), 3 => advance];
        prop::collection::vec(step, 1..120)
    }

    proptest! {
        /// Against a map of deadlines: the same entries, never early, at most a tick late, and told
        /// in time when to look.
        #[test]
        fn it_behaves_like_a_map_of_deadlines(steps in steps()) {
            let mut wheel = Wheel::new(START);
            let mut model: BTreeMap<usize, Instant> = BTreeMap::new();
            let mut now = START;
            for step in steps {
                match step {
                    Step::Arm { index, delay_millis } => {
                        // Reckoned from before now as well, for deadlines that have passed.
                        let base = Instant::from_nanos(now.as_nanos() - 150_000_000);
                        let at = base + Duration::from_millis(delay_millis);
                        wheel.arm(index, at);
                        model.insert(index, at);
                    }
                    Step::Cancel(index) => {
                        wheel.cancel(index);
                        model.remove(&index);
                    }
                    Step::Advance { millis, pops_max } => {
                        now = now + Duration::from_millis(millis);
                        let mut pops = 0;
                        let mut dry = false;
                        while pops < pops_max && !dry {
                            match wheel.pop_due(now) {
                                Some(index) => {
                                    let at = model.remove(&index);
                                    prop_assert!(at.is_some_and(|at| at <= now), "early");
                                    pops += 1;
                                }
                                None => dry = true,
                            }
                        }
                        if dry {
                            for at in model.values() {
                                prop_assert!(rounded_up(*at) > now, "late");
                            }
                        }
                    }
                }
                prop_assert_eq!(wheel.len(), model.len());
                for index in 0..21 {
                    prop_assert_eq!(wheel.is_armed(index), model.contains_key(&index));
                }
                let truth = model.values().min().map(|&at| rounded_up(at).max(now));
                match (wheel.next_due(), truth) {
                    (Some(next), Some(truth)) => prop_assert!(next <= truth),
                    (next, truth) => prop_assert_eq!(next.is_some(), truth.is_some()),
                }
            }
        }
    }
}
