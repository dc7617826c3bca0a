//! Accepting connections: caps, hand-over to other workers, and what happens when the process has
//! no descriptors left.

use std::sync::Arc;
use std::time::Duration;

use super::arena::Key;
use super::core::Core;
use super::downstream::{Downstream, Verdict};
use super::mailbox::{Address, Mail};
use super::stats::WorkerStats;
use crate::sys::AcceptError;
use crate::time::Instant;
use crate::transport::{Listener, Peer, Transport};

/// Connections that one listener accepts in one turn.
const ACCEPTS_A_TURN: usize = 64;

/// How long a listener waits when the process has no descriptors left.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// That the process has no descriptors left is logged once in this time.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// Connections beyond a cap that may linger at the same time, so that their clients surely get to
/// read why; further ones are told, and closed at once.
const REFUSED_MAX: usize = 16;

/// Where few connections are possible, fewer of those that are refused may linger: one for so many.
const CONNECTIONS_PER_REFUSED: usize = 16;

/// How many connections the process has descriptors for.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// So many, as long as open files have no more than their share.
    pub connections_max: usize,
    /// The descriptors that open files are left.
    pub files_share: usize,
    /// How many files are open. What they have beyond their share connections cannot have.
    pub files_open: fn() -> usize,
}

impl Room {
    /// As many as there are.
    pub const UNBOUNDED: Room = Room {
        connections_max: usize::MAX,
        files_share: 0,
        files_open: || 0,
    };

    /// How many there is room for now.
    fn connections_max(&self) -> usize {
        self.beside((self.files_open)())
    }

    /// How many there is room for beside so many open files.
    fn beside(&self, files_open: usize) -> usize {
        let beyond = files_open.saturating_sub(self.files_share);
        self.connections_max.saturating_sub(beyond)
    }
}

/// A listener, and what becomes of its connections.
#[derive(Debug)]
pub struct Entrance {
    /// The listener.
    pub listener: Listener,
    /// Its connections are shared out among all workers, for it is the only one of its address.
    pub hands_over: bool,
    /// Its connections speak TLS.
    pub secure: bool,
}

/// A connection that was accepted.
#[derive(Debug)]
pub struct Arrival {
    /// Its stream.
    pub transport: Transport,
    /// Who is at the other end.
    pub peer: Peer,
    /// It speaks TLS.
    pub secure: bool,
}

/// A listener in its slot.
#[derive(Debug)]
pub(super) struct ListenerSlot {
    pub entrance: Entrance,
    /// In the ready queue.
    pub queued: bool,
    complained: Option<Instant>,
}

/// What a try to accept came to.
pub(super) enum Accepted {
    /// A connection.
    Connection(Arrival),
    /// Another try may succeed at once.
    Retry,
    /// There is none.
    None,
    /// There are no descriptors; another try is worth it later.
    Exhausted,
}

impl ListenerSlot {
    /// A listener.
    pub fn new(entrance: Entrance) -> ListenerSlot {
        ListenerSlot {
            entrance,
            queued: false,
            complained: None,
        }
    }

    /// Tries to accept one connection.
    pub fn accept(&mut self, now: Instant) -> Accepted {
        let secure = self.entrance.secure;
        let error = match self.entrance.listener.accept() {
            Ok((transport, peer)) => {
                return Accepted::Connection(Arrival {
                    transport,
                    peer,
                    secure,
                });
            }
            Err(error) => error,
        };
        match AcceptError::of(&error) {
            AcceptError::Retry => Accepted::Retry,
            AcceptError::WouldBlock => Accepted::None,
            AcceptError::Exhausted | AcceptError::Fatal => {
                if self
                    .complained
                    .is_none_or(|at| now.since(at) >= COMPLAIN_EVERY)
                {
                    log::error!("cannot accept connections: {error}; trying again all the time");
                    self.complained = Some(now);
                }
                Accepted::Exhausted
            }
        }
    }
}

/// The workers that a listener's connections are shared out among.
#[derive(Debug)]
pub struct Handoff {
    workers: Vec<(Arc<Address>, Arc<WorkerStats>)>,
    /// How many were handed to each.
    handed: Vec<u64>,
}

impl Handoff {
    /// Among these.
    pub fn new(workers: Vec<(Arc<Address>, Arc<WorkerStats>)>) -> Handoff {
        let handed = vec![0; workers.len()];
        Handoff { workers, handed }
    }

    /// Tells the workers of a drain, other than `own`: they hear of it after the last connection
    /// that was handed to them, and do not end before.
    pub(super) fn pass_drain_on(&self, own: &Arc<Address>) {
        for (address, _) in self
            .workers
            .iter()
            .filter(|(other, _)| !Arc::ptr_eq(other, own))
        {
            address.send(Mail::Drain);
        }
    }

    /// Hands a connection to the worker with the fewest.
    pub(super) fn hand(&mut self, arrival: Arrival) {
        let load = |index: usize| {
            let stats = &self.workers[index].1;
            // What was handed over and has not arrived yet counts too.
            let on_its_way = self.handed[index].saturating_sub(stats.accepted.value());
            stats.connections.value() + on_its_way
        };
        if let Some(index) = (0..self.workers.len()).min_by_key(|index| load(*index)) {
            self.handed[index] += 1;
            self.workers[index].0.send(Mail::Connection(arrival));
        }
    }
}

/// What a slot is.
#[derive(Debug)]
pub(super) enum Slot {
    Listener(ListenerSlot),
    Downstream(Downstream),
}

// An idle connection is its slot, its wheel entry and its generation: DESIGN 4.5 has 384 bytes.
const _: () = assert!(size_of::<Slot>() <= 256);

impl Slot {
    /// The slot's mark for the ready queue.
    pub fn queued(&mut self) -> &mut bool {
        match self {
            Slot::Listener(slot) => &mut slot.queued,
            Slot::Downstream(slot) => &mut slot.queued,
        }
    }
}

/// A key as the token of the poller.
pub(super) fn token(key: Key) -> usize {
    key.bits() as usize
}

impl Core {
    /// Accepts what waits at a listener, up to the budget of a turn.
    pub(super) fn accept(&mut self, key: Key) {
        if self.cx.draining.is_some() {
            return self.drain_listener(key);
        }
        for _ in 0..ACCEPTS_A_TURN {
            let Some(Slot::Listener(slot)) = self.slots.get_mut(key) else {
                return;
            };
            let hands_over = slot.entrance.hands_over;
            match (slot.accept(self.cx.now), &mut self.handoff) {
                (Accepted::Connection(arrival), Some(handoff)) if hands_over => {
                    handoff.hand(arrival);
                }
                (Accepted::Connection(arrival), _) => self.admit(arrival),
                (Accepted::Retry, _) => {}
                (Accepted::None, _) => return,
                (Accepted::Exhausted, _) => return self.retry_later(key),
            }
        }
        self.queue(key);
    }

    /// Accepts all that waits at a listener, then closes it: closing it first would reset them.
    pub(super) fn drain_listener(&mut self, key: Key) {
        loop {
            let Some(Slot::Listener(slot)) = self.slots.get_mut(key) else {
                return;
            };
            match slot.accept(self.cx.now) {
                Accepted::Connection(arrival) => self.admit(arrival),
                Accepted::Retry => {}
                Accepted::None => return self.remove(key),
                Accepted::Exhausted => return self.retry_later(key),
            }
        }
    }

    /// Has the listener tried again when descriptors may have become free.
    fn retry_later(&mut self, key: Key) {
        self.cx.wheel.arm(key.index(), self.cx.now + RETRY_AFTER);
    }

    /// Takes a connection in, if the caps allow it. It is driven before it is registered: most have
    /// sent their request by now, and one that is answered and closed is never registered at all.
    pub(super) fn admit(&mut self, arrival: Arrival) {
        self.cx.stats.accepted.increment();
        // A site was published that has no certificates any more: nothing can be said in the clear
        // to who expects TLS.
        if arrival.secure && self.site.tls().is_none() {
            self.cx.stats.handshakes_failed.increment();
            return;
        }
        let limits = &self.site.limits;
        let connections_max = limits.connections_max.min(self.room.connections_max());
        let per_address_max = limits.connections_per_address_max;
        let counted = self
            .census
            .enter(arrival.peer.account(), connections_max, per_address_max);
        let slot = match counted {
            Ok(counted) => {
                self.cx.stats.connections.increment();
                Downstream::new(arrival, Some(counted), &self.site, self.cx.now)
            }
            Err(_) => {
                self.cx.stats.refused.increment();
                // It could be told why only after a handshake, which is what the cap is to save.
                if arrival.secure {
                    return;
                }
                self.refused += 1;
                Downstream::refused(arrival, &self.site, &mut self.cx)
            }
        };
        let key = self.slots.insert(Slot::Downstream(slot));
        let Some(Slot::Downstream(slot)) = self.slots.get_mut(key) else {
            return;
        };
        let mut verdict = slot.drive(key, &self.site, &mut self.cx);
        let lingers = REFUSED_MAX.min(connections_max / CONNECTIONS_PER_REFUSED);
        if verdict == Verdict::Stay && slot.counted().is_none() && self.refused > lingers {
            verdict = slot.close(&mut self.cx);
        }
        if verdict == Verdict::Stay
            && let Err(error) = slot.register(&mut self.poller, key)
        {
            log::error!("cannot register a connection: {error}");
            verdict = slot.close(&mut self.cx);
        }
        self.carry_out(key, verdict);
    }

    /// A connection is gone.
    pub(super) fn count_out(&mut self, slot: &Downstream) {
        match slot.counted() {
            Some(counted) => {
                self.cx.stats.connections.decrement();
                self.census.leave(slot.peer().account(), counted);
            }
            None => self.refused -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_take_room_from_connections_beyond_their_share_only() {
        let room = Room {
            connections_max: 20,
            files_share: 10,
            files_open: || 12,
        };
        assert_eq!(room.connections_max(), 18);
        for (files_open, expected) in [(0, 20), (10, 20), (11, 19), (29, 1), (30, 0), (99, 0)] {
            assert_eq!(room.beside(files_open), expected, "{files_open}");
        }
        assert_eq!(Room::UNBOUNDED.connections_max(), usize::MAX);
    }
}
