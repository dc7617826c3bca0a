//! How much a worker codes in one turn, for which all its clients wait.
//!
//! Owns the counts. Must not code anything itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Bytes of small files that a worker codes in one turn at most, whole: a millisecond or so.
const WHOLE_BYTES_A_TURN: usize = 64 << 10;

/// Slices of other files that it codes beside them. They have their own share: small files come
/// first in each turn, and would leave them nothing.
const SLICES_A_TURN: u64 = 2;

/// What a worker may still code in this turn. Shared with the files that it codes while they are
/// sent, which know nothing else of it.
#[derive(Debug)]
pub struct Ration {
    /// Counted from the first.
    turn: AtomicU64,
    whole_bytes_left: AtomicUsize,
    slices_left: AtomicU64,
}

/// A file's seat among those that are coded while they are sent.
#[derive(Debug)]
pub struct Seat {
    ration: Arc<Ration>,
    /// The turn from which on its next slice may be coded: others have theirs before.
    next: u64,
}

impl Ration {
    /// That of a worker in its first turn.
    pub fn new() -> Arc<Ration> {
        Arc::new(Ration {
            turn: AtomicU64::new(0),
            whole_bytes_left: AtomicUsize::new(WHOLE_BYTES_A_TURN),
            slices_left: AtomicU64::new(SLICES_A_TURN),
        })
    }

    /// To be called once in each turn.
    pub fn begin_turn(&self) {
        self.turn.fetch_add(1, Relaxed);
        self.whole_bytes_left.store(WHOLE_BYTES_A_TURN, Relaxed);
        self.slices_left.store(SLICES_A_TURN, Relaxed);
    }

    /// Whether a file of so many bytes may be coded now as a whole; then they are counted.
    pub fn has_room(&self, bytes: usize) -> bool {
        // Only one thread counts here.
        let left = self.whole_bytes_left.load(Relaxed).checked_sub(bytes);
        left.inspect(|left| self.whole_bytes_left.store(*left, Relaxed))
            .is_some()
    }

    /// A seat for another file, if no more than `files_max` have one by then.
    pub fn seat(self: &Arc<Ration>, files_max: usize) -> Option<Seat> {
        (seats(self) < files_max as u64).then(|| Seat {
            ration: Arc::clone(self),
            next: 0,
        })
    }
}

impl Seat {
    /// Whether it is this file's turn to have a slice coded; then that is counted. Where many are
    /// coded, each is passed over for as many turns as the others need.
    pub fn has_turn(&mut self) -> bool {
        let Ration {
            turn, slices_left, ..
        } = &*self.ration;
        let (turn, left) = (turn.load(Relaxed), slices_left.load(Relaxed));
        let has_turn = turn >= self.next && left > 0;
        if has_turn {
            slices_left.store(left - 1, Relaxed);
            self.next = turn + seats(&self.ration).div_ceil(SLICES_A_TURN);
        }
        has_turn
    }
}

/// How many files have a seat: all that share it but the worker itself.
fn seats(ration: &Arc<Ration>) -> u64 {
    Arc::strong_count(ration) as u64 - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_codes_so_much_and_the_next_as_much_again() {
        let ration = Ration::new();
        let mut seat = ration.seat(1).unwrap();
        for _ in 0..3 {
            assert!(ration.has_room(WHOLE_BYTES_A_TURN - 1));
            assert!(!ration.has_room(2));
            assert!(ration.has_room(1));
            assert!(!ration.has_room(1));
            assert!(seat.has_turn(), "small files leave slices their share");
            ration.begin_turn();
        }
    }

    #[test]
    fn there_are_so_many_seats() {
        let ration = Ration::new();
        let first = ration.seat(2).unwrap();
        let _second = ration.seat(2).unwrap();
        assert!(ration.seat(2).is_none());
        drop(first);
        assert!(ration.seat(2).is_some());
    }

    #[test]
    fn files_take_turns_however_many_they_are() {
        for count in [1, 2, 3, 4, 5, 16, 31, 32] {
            let ration = Ration::new();
            let mut seats: Vec<_> = (0..count).map(|_| ration.seat(32).unwrap()).collect();
            let mut coded = vec![0; count];
            for _ in 0..100 {
                let mut in_turn = 0;
                // Always in the same order: who comes first must not have all.
                for (seat, coded) in seats.iter_mut().zip(&mut coded) {
                    if seat.has_turn() {
                        *coded += 1;
                        in_turn += 1;
                    }
                }
                assert!(in_turn <= SLICES_A_TURN);
                ration.begin_turn();
            }
            let (least, most) = (coded.iter().min().unwrap(), coded.iter().max().unwrap());
            assert!(most - least <= 1, "{coded:?}");
            let used = coded.iter().sum::<u64>();
            let usable = 100 * SLICES_A_TURN.min(count as u64);
            assert!(used * 10 >= usable * 6, "{used} of {usable}");
        }
    }
}
