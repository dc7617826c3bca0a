//! What the simulation looks at between two turns. In tests only.

use std::any::Any;
use std::time::Duration;

use super::accept::Slot;
use super::arena::Key;
use super::core::{Core, Tend};
use super::downstream::ConnectionView;
use super::mutation::Mutation;
use crate::time::Instant;

/// A core between two turns.
#[derive(Debug)]
pub(crate) struct CoreView {
    pub now: Instant,
    /// Blocks that the pool has lent.
    pub lent: usize,
    /// Blocks whose place is known.
    pub held: usize,
    /// Whether the worker has its scratch block.
    pub has_scratch: bool,
    /// Bytes in the output that belongs to no connection.
    pub stray_output: usize,
    pub exchanges: usize,
    pub collected_bytes: usize,
    /// Entries of the wheel.
    pub timers: usize,
    pub has_mail: bool,
    /// Somebody waits to have a handshake answered.
    pub has_handshakes: bool,
    pub listeners: Vec<ListenerView>,
    pub connections: Vec<ConnectionView>,
}

/// A listener between two turns.
#[derive(Debug)]
pub(crate) struct ListenerView {
    pub key: Key,
    pub queued: bool,
    /// It tries again when the wheel says so.
    pub retries: bool,
}

impl Core {
    /// Switches a deliberate bug on.
    pub(crate) fn mutate(&mut self, mutation: Mutation) {
        self.cx.mutation = Some(mutation);
    }

    /// Has another local value, looked after so.
    pub(crate) fn keep(&mut self, local: impl Any + Send, tend: Tend) {
        self.cx.local = Box::new(local);
        self.tend = tend;
    }

    /// When a turn is due even if nothing happens before.
    pub(crate) fn due(&self) -> Option<Instant> {
        let wait: Option<Duration> = self.time_to_wait();
        wait.map(|wait| self.cx.now + wait)
    }

    /// What there is between two turns.
    pub(crate) fn view(&mut self) -> CoreView {
        let mut listeners = Vec::new();
        let mut connections = Vec::new();
        let mut held = usize::from(self.cx.scratch.is_some()) + self.cx.out.blocks();
        held += self.cx.exchanges.blocks();
        for key in self.slots.keys() {
            let retries = self.cx.wheel.is_armed(key.index());
            match self.slots.get_mut(key) {
                Some(Slot::Listener(slot)) => listeners.push(ListenerView {
                    key,
                    queued: slot.queued,
                    retries,
                }),
                Some(Slot::Downstream(slot)) => {
                    let view = slot.view(key, &self.site, &mut self.cx);
                    held += view.blocks;
                    connections.push(view);
                }
                None => {}
            }
        }
        CoreView {
            now: self.cx.now,
            lent: self.cx.pool.lent(),
            held,
            has_scratch: self.cx.scratch.is_some(),
            stray_output: self.cx.out.len(),
            exchanges: self.cx.exchanges.len(),
            collected_bytes: self.cx.collected_bytes,
            timers: self.cx.wheel.len(),
            has_mail: self.has_mail(),
            has_handshakes: !self.cx.handshakes.is_empty(),
            listeners,
            connections,
        }
    }
}
