//! Connections that wait for blocks of the pool, and what each of them needs to go on.
//!
//! A connection is driven again only when what it lacks is there, so that an empty pool keeps no
//! worker busy. Input and output wait apart from each other: output must never wait for input, for
//! it is what gives blocks back.

use std::collections::VecDeque;

use super::arena::Key;
use crate::buffer::Pool;

/// Blocks that a piece of a response takes: one for the piece, one for what frames it.
const OUTPUT_BLOCKS: usize = 2;

/// What a connection lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// The worker's scratch, to be driven with.
    Scratch,
    /// A block for a body that it receives.
    Input,
    /// Blocks for a piece of a response.
    Output,
}

impl Need {
    /// Whether it is there now.
    pub fn is_met(self, pool: &Pool, has_scratch: bool) -> bool {
        match self {
            Need::Scratch => has_scratch,
            Need::Input => pool.can_lend(),
            Need::Output => pool.can_lend_output(OUTPUT_BLOCKS),
        }
    }
}

/// The needs of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Needs(u8);

impl Needs {
    /// Whether there is one.
    #[cfg(test)]
    pub fn any(self) -> bool {
        self.0 != 0
    }

    fn has(self, need: Need) -> bool {
        self.0 & (1 << need as u8) != 0
    }
}

/// Those that wait, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Starved {
    waiting: VecDeque<(Key, Need)>,
}

impl Starved {
    /// Puts `key` at the end, unless `needs` says that it waits for this already.
    pub fn push(&mut self, key: Key, need: Need, needs: &mut Needs) {
        if !needs.has(need) {
            needs.0 |= 1 << need as u8;
            self.waiting.push_back((key, need));
        }
    }

    /// Takes out the first one; its connection is to be told with [`Starved::end`].
    pub fn pop(&mut self) -> Option<(Key, Need)> {
        self.waiting.pop_front()
    }

    /// Puts one back that goes on waiting.
    pub fn put_back(&mut self, key: Key, need: Need) {
        self.waiting.push_back((key, need));
    }

    /// Takes note that a connection does not wait for this any more.
    pub fn end(need: Need, needs: &mut Needs) {
        needs.0 &= !(1 << need as u8);
    }

    /// Those that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether `key` waits for as many things as `needs` says.
    #[cfg(test)]
    pub fn agrees(&self, key: Key, needs: Needs) -> bool {
        let waiting = self.waiting.iter().filter(|(one, _)| *one == key);
        waiting.count() == needs.0.count_ones() as usize
    }

    /// Whether nobody waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether somebody waits for what is not there.
    pub fn lacks(&self, pool: &Pool, has_scratch: bool) -> bool {
        let mut needs = self.waiting.iter().map(|(_, need)| need);
        needs.any(|need| !need.is_met(pool, has_scratch))
    }
}
