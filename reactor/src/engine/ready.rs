//! The ready queue: slots that are to be driven without an event of the poller.

use std::collections::VecDeque;

use super::arena::Key;

/// Keys in the order in which they were queued. That a slot is queued at most once is up to the
/// slot's own mark.
#[derive(Debug, Default)]
pub struct ReadyQueue {
    keys: VecDeque<Key>,
    /// Those that were taken out in this pass and keep their place.
    kept: Vec<Key>,
    /// Whether there is a pass.
    passes: bool,
}

impl ReadyQueue {
    /// Puts `key` at the end, unless `queued` says that it is in the queue already.
    #[inline]
    pub fn push(&mut self, key: Key, queued: &mut bool) {
        if !*queued {
            *queued = true;
            self.keys.push_back(key);
        }
    }

    /// Begins a pass: what is taken out until it ends may keep its place.
    pub fn begin_pass(&mut self) {
        self.passes = true;
    }

    /// Puts `key` where it was if it was taken out in this pass, before all that is queued by now,
    /// else at the end.
    pub fn keep(&mut self, key: Key, queued: &mut bool) {
        if !self.passes {
            self.push(key, queued);
        } else if !*queued {
            *queued = true;
            self.kept.push(key);
        }
    }

    /// Ends the pass.
    pub fn end_pass(&mut self) {
        self.passes = false;
        while let Some(key) = self.kept.pop() {
            self.keys.push_front(key);
        }
    }

    /// Takes the first key out; the slot's mark is to be cleared.
    #[inline]
    pub fn pop(&mut self) -> Option<Key> {
        self.keys.pop_front()
    }

    /// Keys in the queue.
    #[inline]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// How often `key` is in the queue.
    #[cfg(test)]
    pub fn count(&self, key: Key) -> usize {
        self.keys.iter().filter(|&&one| one == key).count()
    }

    /// Whether the queue is empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}
