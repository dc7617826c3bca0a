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
//! ticks pass, each of their lists is walked once: what is due moves to the `DUE` list, what belongs
//! to a later round stays. So an entry with a tick before `tick` is in the `DUE` list and every
//! other one is in its slot's list. Must not know what an entry stands for.

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
    occupied: [u64; SLOTS / 64],
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
            occupied: [0; SLOTS / 64],
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
        let slot = slot_of(from);
        let (word, bit) = (slot / 64, slot % 64);
        // The first word is looked at twice: from `bit` on to begin with, the rest at the end.
        for step in 0..=self.occupied.len() {
            let at = (word + step) % self.occupied.len();
            let mask = match step {
                0 => u64::MAX << bit,
                8 => !(u64::MAX << bit),
                _ => u64::MAX,
            };
            let bits = self.occupied[at] & mask;
            if bits != 0 {
                let found = at * 64 + bits.trailing_zeros() as usize;
                return Some(from + (found + SLOTS - slot) as u64 % SLOTS as u64);
            }
        }
        None
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
/// The list of entries whose tick has passed.
const DUE: usize = SLOTS;
const TICK_NANOS: u64 = Wheel::TICK.as_nanos() as u64;
/// The end of a list.
const NONE: u32 = u32::MAX;
/// Later than any instant: the end of time is tick 184,467,440,738.
const UNARMED: u64 = u64::MAX;
