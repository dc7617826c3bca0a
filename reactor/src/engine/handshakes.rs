//! TLS handshakes that wait for their turn: what a client's first message costs, a signature, is
//! spent only so many times a turn, so that others are served between them.

use std::collections::VecDeque;

use super::arena::Key;

/// First messages answered in one turn. With RSA of 2,048 bits that is about ten milliseconds.
const ANSWERS_A_TURN: usize = 16;

/// Who waits, in the order in which they came.
#[derive(Debug)]
pub(super) struct Handshakes {
    waiting: VecDeque<Key>,
    /// Answers that this turn has left.
    left: usize,
    /// Whose turn it is.
    granted: Option<Key>,
}

impl Default for Handshakes {
    fn default() -> Handshakes {
        Handshakes {
            waiting: VecDeque::new(),
            left: ANSWERS_A_TURN,
            granted: None,
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

    /// Whether the message to `key` may be answered now. If not, it waits from now on, unless it
    /// already `waits`; its turn comes by [`Handshakes::next`].
    pub fn may_answer(&mut self, key: Key, waits: bool) -> bool {
        if self.granted == Some(key) {
            self.granted = None;
            return true;
        }
        if waits {
            return false;
        }
        if self.waiting.is_empty() && self.left > 0 {
            self.left -= 1;
            return true;
        }
        self.waiting.push_back(key);
        false
    }

    /// The next whose turn it is, if this turn has answers left. It is to be driven.
    pub fn next(&mut self) -> Option<Key> {
        if self.left == 0 {
            return None;
        }
        self.granted = self.waiting.pop_front();
        self.left -= usize::from(self.granted.is_some());
        self.granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_has_so_many_answers_and_who_came_first_goes_first() {
        let key = Key::from_bits;
        let mut handshakes = Handshakes::default();
        for bits in 0..ANSWERS_A_TURN as u64 {
            assert!(handshakes.may_answer(key(bits), false));
        }
        assert!(!handshakes.may_answer(key(101), false));
        assert!(!handshakes.may_answer(key(101), true));
        assert!(!handshakes.may_answer(key(102), false));
        assert_eq!(handshakes.next(), None);

        handshakes.begin_turn();
        // Others wait already, so a new one waits behind them.
        assert!(!handshakes.may_answer(key(103), false));
        for bits in [101, 102, 103] {
            assert_eq!(handshakes.next(), Some(key(bits)));
            assert!(handshakes.may_answer(key(bits), true));
            assert!(!handshakes.may_answer(key(bits), true), "only once");
        }
        assert_eq!(handshakes.next(), None);
        assert!(handshakes.is_empty());
        assert!(handshakes.may_answer(key(104), false));
    }
}
