//! The core of a worker: slots, what they share, and one turn of the loop, on whatever transport.

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::accept::{Entrance, Handoff, ListenerSlot, Room, Slot, token};
use super::arena::{Arena, Key};
use super::context::Context;
use super::dispatch;
use super::downstream::Verdict;
use super::exchange::Stage;
use super::jobs::JobPool;
use super::mailbox::{Address, Mail, Mailbox};
use super::mutation::Mutation;
use super::site::Site;
use super::stats::{Census, WorkerStats};
use crate::service::{Reply, ReplyBuffer};
use crate::time::{Clock, Instant};
use crate::transport::{Poller, Readiness};

/// Looks after what a worker keeps; returns when it wants to do so again, see
/// [`Server::tend`](crate::Server::tend).
pub type Tend = fn(&mut dyn Any, Instant) -> Option<Instant>;

/// What a core is made of.
pub struct CoreParts {
    /// Where events come from.
    pub poller: Poller,
    /// Listeners.
    pub listeners: Vec<Entrance>,
    /// The workers to share out among, if any listener asks for it.
    pub handoff: Option<Handoff>,
    /// What is served.
    pub site: Arc<Site>,
    /// The clock.
    pub clock: Clock,
    /// The job pool.
    pub jobs: JobPool,
    /// Where others reach this worker.
    pub address: Arc<Address>,
    /// The other side of `address`.
    pub mailbox: Mailbox,
    /// What handlers and observers keep for this worker.
    pub local: Box<dyn Any + Send>,
    /// Looks after that.
    pub tend: Tend,
    /// This worker's counters.
    pub stats: Arc<WorkerStats>,
    /// The process's connections.
    pub census: Arc<Census>,
    /// How many connections the process has descriptors for.
    pub room: Room,
}

impl fmt::Debug for CoreParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoreParts")
            .field("listeners", &self.listeners)
            .finish_non_exhaustive()
    }
}

/// Whether a worker goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// There will be another turn.
    Goes,
    /// The worker has drained, or was stopped.
    Over,
}

/// A worker without its thread.
#[derive(Debug)]
pub struct Core {
    pub(super) slots: Arena<Slot>,
    pub(super) listeners: Vec<Key>,
    /// Connections beyond a cap that are being told so.
    pub(super) refused: usize,
    pub(super) poller: Poller,
    events: Vec<Readiness>,
    mailbox: Mailbox,
    pub(super) handoff: Option<Handoff>,
    pub(super) site: Arc<Site>,
    pub(super) census: Arc<Census>,
    pub(super) room: Room,
    stopped: bool,
    pub(super) tend: Tend,
    tend_due: Option<Instant>,
    pub(super) cx: Context,
}

impl Core {
    /// A core with its listeners registered.
    ///
    /// # Errors
    ///
    /// The poller refuses a listener.
    pub fn new(parts: CoreParts) -> io::Result<Core> {
        let CoreParts {
            site,
            clock,
            jobs,
            address,
            local,
            stats,
            ..
        } = parts;
        let mut core = Core {
            slots: Arena::default(),
            listeners: Vec::new(),
            refused: 0,
            poller: parts.poller,
            events: Vec::new(),
            mailbox: parts.mailbox,
            handoff: parts.handoff,
            cx: Context::new(&site, clock, jobs, address, local, stats),
            site,
            census: parts.census,
            room: parts.room,
            stopped: false,
            tend: parts.tend,
            tend_due: None,
        };
        for entrance in parts.listeners {
            let slot = ListenerSlot::new(entrance);
            let key = core.slots.insert(Slot::Listener(slot));
            if let Some(Slot::Listener(slot)) = core.slots.get_mut(key) {
                core.poller
                    .register_listener(&mut slot.entrance.listener, token(key))?;
            }
            core.listeners.push(key);
        }
        Ok(core)
    }

    /// One pass of the loop: waits for something to happen, and does all that can be done then.
    ///
    /// # Errors
    ///
    /// The poller fails, which it does not recover from.
    pub fn turn(&mut self) -> io::Result<Turn> {
        let timeout = self.time_to_wait();
        self.poller.poll(&mut self.events, timeout)?;
        self.cx.begin_turn();
        self.handle_events();
        if self.mailbox.has_mail() {
            self.read_mail();
        }
        self.run_timers();
        self.run_ready();
        self.run_handshakes();
        self.relieve_starved();
        if self.cx.flush_due.is_some_and(|due| due <= self.cx.now) {
            dispatch::flush_observers(&self.site, &mut self.cx);
        }
        self.cx.pool.trim(self.cx.now);
        self.tend();
        if self.is_over() {
            self.close_all();
            return Ok(Turn::Over);
        }
        Ok(Turn::Goes)
    }

    /// How long the poller may sleep; for ever when nothing is due.
    pub(super) fn time_to_wait(&self) -> Option<Duration> {
        if !self.cx.ready.is_empty() || !self.cx.handshakes.is_empty() {
            return Some(Duration::ZERO);
        }
        let shutdown = self
            .cx
            .draining
            .map(|began| began + self.site.limits.shutdown_timeout);
        [
            self.cx.wheel.next_due(),
            self.cx.flush_due,
            self.cx.pool.trim_due(),
            self.tend_due,
            shutdown,
        ]
        .into_iter()
        .flatten()
        .min()
        .map(|due| due.since(self.cx.now))
    }

    fn tend(&mut self) {
        let (tend, now, local) = (self.tend, self.cx.now, &mut *self.cx.local);
        let tended = dispatch::guarded(&self.cx.stats, "local value", || tend(local, now));
        self.tend_due = tended.flatten();
    }

    /// Whether there is mail to be read.
    #[cfg(test)]
    pub(super) fn has_mail(&self) -> bool {
        self.mailbox.has_mail()
    }

    fn is_over(&self) -> bool {
        let overdue = |began: Instant| self.cx.now >= began + self.site.limits.shutdown_timeout;
        self.stopped
            || self
                .cx
                .draining
                .is_some_and(|began| self.slots.is_empty() || overdue(began))
    }

    fn handle_events(&mut self) {
        for index in 0..self.events.len() {
            let mut seen = self.events[index];
            seen.closed &= !self.cx.mutated(Mutation::CloseForgotten);
            seen.writable &= !self.cx.mutated(Mutation::WriteEdgeForgotten);
            let key = Key::from_bits(seen.token as u64);
            match self.slots.get_mut(key) {
                Some(Slot::Downstream(slot)) => {
                    slot.notice(seen);
                    let verdict = slot.drive(key, &self.site, &mut self.cx);
                    self.carry_out(key, verdict);
                }
                Some(Slot::Listener(_)) => self.accept(key),
                // The socket was closed earlier in this batch.
                None => {}
            }
        }
    }

    fn read_mail(&mut self) {
        self.mailbox.open();
        while let Some(mail) = self.mailbox.take() {
            match mail {
                Mail::JobDone { exchange, reply } => self.deliver(exchange, reply),
                Mail::Read { exchange, bytes } => self.deliver_read(exchange, bytes),
                Mail::Wake(exchange) => self.wake(exchange),
                Mail::Connection(arrival) => self.admit(arrival),
                Mail::Site(site) => self.publish(site),
                Mail::Drain => self.drain(),
                Mail::Stop => self.stopped = true,
            }
        }
    }

    fn run_timers(&mut self) {
        while let Some(index) = self.cx.wheel.pop_due(self.cx.now) {
            let Some(key) = self.slots.key_at(index) else {
                continue;
            };
            match self.slots.get_mut(key) {
                Some(Slot::Downstream(slot)) => {
                    let verdict = slot.expire(key, &self.site, &mut self.cx);
                    self.carry_out(key, verdict);
                }
                Some(Slot::Listener(_)) => self.accept(key),
                None => {}
            }
        }
    }

    /// Drives what was queued when this began; later entries wait for the next turn.
    fn run_ready(&mut self) {
        self.cx.begin_half();
        self.cx.ready.begin_pass();
        for _ in 0..self.cx.ready.len() {
            let Some(key) = self.cx.ready.pop() else {
                break;
            };
            let Some(slot) = self.slots.get_mut(key) else {
                continue;
            };
            *slot.queued() = false;
            match slot {
                Slot::Downstream(slot) => {
                    let verdict = slot.drive(key, &self.site, &mut self.cx);
                    self.carry_out(key, verdict);
                }
                Slot::Listener(_) => self.accept(key),
            }
        }
        self.cx.ready.end_pass();
    }

    /// Answers clients that wait for it, as many as a turn has room for.
    fn run_handshakes(&mut self) {
        while let Some(key) = self.cx.handshakes.next() {
            if let Some(Slot::Downstream(slot)) = self.slots.get_mut(key) {
                slot.take_turn();
                let verdict = slot.drive(key, &self.site, &mut self.cx);
                self.carry_out(key, verdict);
            }
        }
    }

    /// Does what a drive has asked for.
    #[inline]
    pub(super) fn carry_out(&mut self, key: Key, verdict: Verdict) {
        if verdict == Verdict::Close {
            self.remove(key);
        }
        if self.cx.scratch.is_none() {
            self.cx.scratch = self.cx.pool.take();
        }
    }

    pub(super) fn remove(&mut self, key: Key) {
        let Some(slot) = self.slots.remove(key) else {
            return;
        };
        self.cx.wheel.cancel(key.index());
        match slot {
            Slot::Downstream(slot) => self.count_out(&slot),
            // An inherited listener stays open in the parent, so closing it here does not end its
            // registration.
            Slot::Listener(mut slot) => {
                if let Err(error) = self.poller.deregister_listener(&mut slot.entrance.listener) {
                    log::warn!("cannot deregister a listener: {error}");
                }
            }
        }
    }

    /// A job has made its reply.
    fn deliver(&mut self, mut id: Key, reply: Option<Box<(Reply, ReplyBuffer)>>) {
        if self.cx.mutated(Mutation::NoGenerationCheck) {
            id = self.cx.exchanges.in_place_of(id);
        }
        match self.cx.exchanges.get_mut(id) {
            Some(exchange) if matches!(exchange.stage, Stage::Working) => {
                exchange.stage = Stage::Delivered(reply);
                let slot = exchange.slot;
                self.queue(slot);
            }
            _ => self.cx.stats.late.increment(),
        }
    }

    /// A job has read what an exchange sends next of its file.
    fn deliver_read(&mut self, mut id: Key, bytes: io::Result<Vec<u8>>) {
        if self.cx.mutated(Mutation::ReadMisdelivered) {
            id = self.cx.exchanges.in_place_of(id);
        }
        if let Some(exchange) = self.cx.exchanges.get_mut(id)
            && let Stage::Sending(sending) = &mut exchange.stage
            && sending.deliver(bytes)
        {
            let slot = exchange.slot;
            if !self.cx.mutated(Mutation::ReadForgotten) {
                self.queue(slot);
            }
        } else {
            self.cx.stats.late.increment();
        }
    }

    /// The stream of an exchange may go on.
    fn wake(&mut self, id: Key) {
        let is_lost = self.cx.mutated(Mutation::LostWake) && self.is_blocked(id);
        match self.cx.exchanges.get_mut(id) {
            Some(_) if is_lost => {}
            Some(exchange) => {
                exchange.wake();
                let slot = exchange.slot;
                self.queue(slot);
            }
            None => self.cx.stats.late.increment(),
        }
    }

    /// Whether the client of an exchange has not taken all that was sent to it.
    fn is_blocked(&mut self, id: Key) -> bool {
        let slot = self.cx.exchanges.get_mut(id).map(|exchange| exchange.slot);
        let slot = slot.and_then(|slot| self.slots.get(slot));
        matches!(slot, Some(Slot::Downstream(slot)) if slot.has_output())
    }

    /// Puts a slot on the ready queue.
    pub(super) fn queue(&mut self, key: Key) {
        if let Some(slot) = self.slots.get_mut(key) {
            self.cx.ready.push(key, slot.queued());
        }
    }

    /// From the next request on, another site is served.
    fn publish(&mut self, site: Arc<Site>) {
        dispatch::flush_observers(&self.site, &mut self.cx);
        self.cx.serve(&site);
        self.site = site;
    }

    /// Takes what is queued at the listeners and closes them; connections are told as they answer.
    fn drain(&mut self) {
        if self.cx.draining.is_some() {
            return;
        }
        self.cx.draining = Some(self.cx.now);
        for key in std::mem::take(&mut self.listeners) {
            self.drain_listener(key);
        }
        if let Some(handoff) = &self.handoff {
            handoff.pass_drain_on(&self.cx.address);
        }
        for key in self.slots.keys() {
            self.queue(key);
        }
    }

    /// Gives up what is not finished, so that the observers hear of it.
    fn close_all(&mut self) {
        for key in self.slots.keys() {
            if let Some(Slot::Downstream(slot)) = self.slots.get_mut(key) {
                slot.close(&mut self.cx);
            }
            self.remove(key);
        }
        dispatch::flush_observers(&self.site, &mut self.cx);
    }

    /// When blocks are missing: refuses the oldest incomplete heads until there are enough, then
    /// lets the connections go on that have what they need.
    fn relieve_starved(&mut self) {
        if self.cx.starved.is_empty() {
            return;
        }
        if self.lacks_blocks() {
            for key in self.holders_of_heads() {
                if let Some(Slot::Downstream(slot)) = self.slots.get_mut(key) {
                    let verdict = slot.relieve(key, &self.site, &mut self.cx);
                    self.carry_out(key, verdict);
                }
                if !self.lacks_blocks() {
                    break;
                }
            }
        }
        for _ in 0..self.cx.starved.len() {
            let Some((key, need)) = self.cx.starved.pop() else {
                return;
            };
            if !need.is_met(&self.cx.pool, self.cx.scratch.is_some()) {
                self.cx.starved.put_back(key, need);
            } else if let Some(Slot::Downstream(slot)) = self.slots.get_mut(key) {
                slot.end_starving(key, need, &mut self.cx);
            }
        }
    }

    /// Connections that hold a block for an incomplete head, oldest first.
    fn holders_of_heads(&self) -> Vec<Key> {
        let since = |key: &Key| match self.slots.get(*key) {
            Some(Slot::Downstream(slot)) => slot.holds_head_since(),
            _ => None,
        };
        let mut holders: Vec<(Instant, Key)> = self
            .slots
            .keys()
            .iter()
            .filter_map(|key| Some((since(key)?, *key)))
            .collect();
        holders.sort_unstable();
        holders.into_iter().map(|(_, key)| key).collect()
    }

    fn lacks_blocks(&mut self) -> bool {
        if self.cx.scratch.is_none() {
            self.cx.scratch = self.cx.pool.take();
        }
        self.cx
            .starved
            .lacks(&self.cx.pool, self.cx.scratch.is_some())
    }
}
