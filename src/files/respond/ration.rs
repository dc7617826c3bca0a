//! How much a worker codes in one turn, for which all its clients wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::encoding::SLICE_BYTES;

/// Bytes that a worker codes in one turn at most: a millisecond or two.
const BYTES_A_TURN: usize = 64 << 10;

/// Slices that are coded in one turn at most.
const SLICES_A_TURN: u64 = (BYTES_A_TURN / SLICE_BYTES) as u64;

/// What a worker may still code in this turn. Shared with the files that it codes while they are
/// sent, which know nothing else of it.
#[derive(Debug)]
pub struct Ration {
    /// Counted from the first.
    turn: AtomicU64,
    bytes_left: AtomicUsize,
}

/// A file's place among those that are coded while they are sent.
#[derive(Debug)]
pub struct Place {
    ration: Arc<Ration>,
    /// The turn from which on its next slice may be coded: others have theirs before.
    next: u64,
}

impl Ration {
    /// That of a worker in its first turn.
    pub fn new() -> Arc<Ration> {
        Arc::new(Ration {
            turn: AtomicU64::new(0),
            bytes_left: AtomicUsize::new(BYTES_A_TURN),
        })
    }

    /// To be called once in each turn.
    pub fn begin_turn(&self) {
        self.turn.fetch_add(1, Relaxed);
        self.bytes_left.store(BYTES_A_TURN, Relaxed);
    }

    /// Whether so many bytes may be coded now; then they are counted.
    pub fn has_room(&self, bytes: usize) -> bool {
        // Only one thread counts here.
        let left = self.bytes_left.load(Relaxed).checked_sub(bytes);
        left.inspect(|left| self.bytes_left.store(*left, Relaxed))
            .is_some()
    }

    /// A place for another file, if no more than `files_max` have one by then.
    pub fn place(self: &Arc<Ration>, files_max: usize) -> Option<Place> {
        (places(self) < files_max as u64).then(|| Place {
            ration: Arc::clone(self),
            next: 0,
        })
    }
}

impl Place {
    /// Whether it is this file's turn to have a slice coded; then that is counted. Where many are
    /// coded, each is passed over for as many turns as the others need.
    pub fn has_turn(&mut self) -> bool {
        let turn = self.ration.turn.load(Relaxed);
        let has_turn = turn >= self.next && self.ration.has_room(SLICE_BYTES);
        if has_turn {
            self.next = turn + places(&self.ration).div_ceil(SLICES_A_TURN);
        }
        has_turn
    }
}

/// How many files have a place: all that share it but the worker itself.
fn places(ration: &Arc<Ration>) -> u64 {
    Arc::strong_count(ration) as u64 - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_codes_so_much_and_the_next_as_much_again() {
        let ration = Ration::new();
        for _ in 0..3 {
            assert!(ration.has_room(BYTES_A_TURN - 1));
            assert!(!ration.has_room(2));
            assert!(ration.has_room(1));
            assert!(!ration.has_room(1));
            ration.begin_turn();
        }
    }

    #[test]
    fn there_are_so_many_places() {
        let ration = Ration::new();
        let first = ration.place(2).unwrap();
        let _second = ration.place(2).unwrap();
        assert!(ration.place(2).is_none());
        drop(first);
        assert!(ration.place(2).is_some());
    }

    #[test]
    fn files_take_turns_however_many_they_are() {
        for count in [1, 3, 4, 5, 16, 31, 32] {
            let ration = Ration::new();
            let mut places: Vec<_> = (0..count).map(|_| ration.place(32).unwrap()).collect();
            let mut coded = vec![0; count];
            for _ in 0..100 {
                let mut in_turn = 0;
                // Always in the same order: who comes first must not have all.
                for (place, coded) in places.iter_mut().zip(&mut coded) {
                    if place.has_turn() {
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
