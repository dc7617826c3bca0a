//! TLS handshakes that wait for their turn: what a client's messages cost, above all a signature,
//! is spent only so many times a turn, so that others are served between them. Until then they are
//! not even read.

use std::collections::VecDeque;

use super::arena::Key;

/// First messages answered in one turn: with RSA of 2,048 bits that is a few milliseconds, and one
/// more turn costs next to nothing beside them.
pub(crate) const ANSWERS_A_TURN: usize = 4;

/// Who waits, in the order in which they came.
#[derive(Debug)]
pub(super) struct Handshakes {
    waiting: VecDeque<Key>,
    /// Answers that this turn has left.
    left: usize,
}

/// What a connection knows of its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It has not asked for one.
    Unasked,
    /// It is in the queue.
    Waits,
    /// It may read and answer.
    Come,
}

impl Default for Handshakes {
    fn default() -> Handshakes {
        Handshakes {
            waiting: VecDeque::new(),
            left: ANSWERS_A_TURN,
        }
    }
}

impl Handshakes {
    /// A new turn begins.
    pub fn begin_turn(&mut self) {
        self.left = ANSWERS_A_TURN;
    }

    /// How often `key` waits.
    #[cfg(test)]
    pub fn count(&self, key: Key) -> usize {
        self.waiting.iter().filter(|&&one| one == key).count()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether one more may be read and answered now, behind nobody. If not, it is to wait.
    pub fn may_answer(&self) -> bool {
        self.waiting.is_empty() && self.left > 0
    }

    /// Has `key` wait; its turn comes by [`Handshakes::next`].
    pub fn push(&mut self, key: Key) {
        self.waiting.push_back(key);
    }

    /// The next whose turn it is, if this turn has answers left. It may be gone, or have nothing to
    /// answer: that does not take the turns of those who wait, for only an answer counts.
    pub fn next(&mut self) -> Option<Key> {
        match self.left {
            0 => None,
            _ => self.waiting.pop_front(),
        }
    }

    /// One is answered.
    pub fn spend(&mut self) {
        self.left = self.left.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_has_so_many_answers_and_who_came_first_goes_first() {
        let key = Key::from_bits;
        let mut handshakes = Handshakes::default();
        for _ in 0..ANSWERS_A_TURN {
            assert!(handshakes.may_answer());
            handshakes.spend();
        }
        for bits in [101, 102] {
            assert!(!handshakes.may_answer());
            handshakes.push(key(bits));
        }
        assert_eq!(handshakes.next(), None);

        handshakes.begin_turn();
        assert!(!handshakes.may_answer(), "others wait already");
        handshakes.push(key(103));
        for bits in [101, 102, 103] {
            assert_eq!(handshakes.next(), Some(key(bits)));
            handshakes.spend();
        }
        assert_eq!(handshakes.next(), None);
        assert!(handshakes.is_empty());
        assert!(handshakes.may_answer());
    }

    #[test]
    fn those_who_are_gone_cost_no_turn() {
        let mut handshakes = Handshakes::default();
        for bits in 0..100 {
            handshakes.push(Key::from_bits(bits));
        }
        for bits in 0..100 {
            assert_eq!(handshakes.next(), Some(Key::from_bits(bits)));
        }
        for _ in 0..ANSWERS_A_TURN {
            assert!(handshakes.may_answer());
            handshakes.spend();
        }
        assert!(!handshakes.may_answer());
    }
}
