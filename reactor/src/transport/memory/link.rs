//! One connection of the simulated network: two bounded byte pipes and how they end.
//!
//! ```text
//!   towards the engine:   Open ── finish ──► FinSent ── all arrived ──► Fin
//!   towards the client:   Open ── shutdown, close ──► Fin
//!   either, by a reset:   ─────────────────────────────────────────► the other side's Fault
//!   Fault:                None ── RST ──► Pending ── told once ──► Told
//! ```
//!
//! Owns when a transition owes the engine an edge. Must not know how edges are delivered. Behaves
//! as Linux does: bytes that arrived before a reset are read before its error, the error is told
//! once, then reads end and writes fail with `BrokenPipe`.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use super::poller::Watch;
use super::{Dice, LinkOptions};
use crate::transport::{Peer, Readiness};

#[derive(Debug)]
pub(super) struct Link {
    options: LinkOptions,
    /// Sent by the client, not yet arrived.
    flight: VecDeque<u8>,
    arrived: VecDeque<u8>,
    inbound: Inbound,
    outbound_bytes: VecDeque<u8>,
    outbound: Outbound,
    /// The engine found no room: it is owed an edge when there is some.
    starved: bool,
    /// What the engine is told of a reset.
    fault: Fault,
    engine_open: bool,
    client_open: bool,
    /// The client was sent a reset.
    client_reset: bool,
    watch: Option<Watch>,
}

/// Whether the client will send more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inbound {
    Open,
    FinSent,
    Fin,
}

/// Whether the engine will send more; `Cut` if the client will not learn where it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outbound {
    Open,
    Fin,
    Cut,
}

/// The error of a connection that the client has reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Pending,
    Told,
}

/// The engine's side.
impl Link {
    pub(super) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let bytes_max = self.options.read_bytes_max.unwrap_or(usize::MAX);
        let count = buf.len().min(bytes_max).min(self.arrived.len());
        if count > 0 || buf.is_empty() {
            for (to, from) in buf.iter_mut().zip(self.arrived.drain(..count)) {
                *to = from;
            }
            return Ok(count);
        }
        match (self.fault, self.inbound) {
            (Fault::Pending, _) => Err(self.tell_fault()),
            (Fault::Told, _) | (Fault::None, Inbound::Fin) => Ok(0),
            (Fault::None, Inbound::Open | Inbound::FinSent) => {
                Err(io::ErrorKind::WouldBlock.into())
            }
        }
    }

    pub(super) fn write(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let wanted: usize = bufs.iter().map(|buf| buf.len()).sum();
        match (self.fault, self.outbound) {
            (Fault::Pending, _) => return Err(self.tell_fault()),
            (Fault::Told, _) | (_, Outbound::Fin | Outbound::Cut) => {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            (Fault::None, Outbound::Open) => {}
        }
        if !self.client_open {
            // Nobody is there to take it, which the system learns only from the answer.
            self.break_engine();
            return Ok(wanted);
        }
        let room = self.room();
        if room < wanted {
            self.starved = true;
            if room == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        self.outbound_bytes
            .extend(bufs.iter().flat_map(|buf| buf.iter()).take(room));
        Ok(wanted.min(room))
    }

    pub(super) fn shutdown_write(&mut self) -> io::Result<()> {
        if self.fault != Fault::None {
            return Err(io::ErrorKind::NotConnected.into());
        }
        if self.outbound == Outbound::Open {
            self.outbound = Outbound::Fin;
        }
        Ok(())
    }

    /// Closes the engine's end like close(2); returns its registration.
    pub(super) fn close_engine(&mut self, dice: &mut Dice<'_>) -> Option<Watch> {
        let watch = self.watch.take();
        let unread = !self.arrived.is_empty() || !self.flight.is_empty();
        if self.fault != Fault::None || !unread {
            self.engine_open = false;
            if self.outbound == Outbound::Open {
                self.outbound = Outbound::Fin;
            }
        } else {
            self.reset_by_engine(dice);
        }
        watch
    }

    /// Closes the engine's end with a reset.
    pub(super) fn reset_by_engine(&mut self, dice: &mut Dice<'_>) {
        self.engine_open = false;
        self.arrived.clear();
        self.break_client(dice);
    }

    pub(super) fn short_read_drains(&self) -> bool {
        self.options.read_bytes_max.is_none()
    }

    pub(super) fn is_engine_open(&self) -> bool {
        self.engine_open
    }

    pub(super) fn is_reset(&self) -> bool {
        self.fault != Fault::None
    }

    pub(super) fn peer(&self) -> Peer {
        self.options.peer
    }

    /// What is so now, whether it was told or not.
    pub(super) fn truth(&self, token: usize) -> Readiness {
        let broken = self.fault != Fault::None;
        let closed = broken || self.inbound == Inbound::Fin;
        Readiness {
            token,
            readable: closed || !self.arrived.is_empty(),
            writable: broken || self.outbound != Outbound::Open || self.room() > 0,
            closed,
            broken,
        }
    }

    /// Whether something is under way to the engine.
    pub(super) fn is_arriving(&self) -> bool {
        !self.flight.is_empty() || self.inbound == Inbound::FinSent
    }

    pub(super) fn watch(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    pub(super) fn watch_mut(&mut self) -> &mut Option<Watch> {
        &mut self.watch
    }

    fn room(&self) -> usize {
        self.options
            .outbound_bytes_max
            .saturating_sub(self.outbound_bytes.len())
    }

    fn tell_fault(&mut self) -> io::Error {
        self.fault = Fault::Told;
        io::ErrorKind::ConnectionReset.into()
    }
}

/// The client's side.
impl Link {
    pub(super) fn new(options: LinkOptions) -> Link {
        Link {
            options,
            flight: VecDeque::new(),
            arrived: VecDeque::new(),
            inbound: Inbound::Open,
            outbound_bytes: VecDeque::new(),
            outbound: Outbound::Open,
            starved: false,
            fault: Fault::None,
            engine_open: true,
            client_open: true,
            client_reset: false,
            watch: None,
        }
    }

    pub(super) fn send(&mut self, bytes: &[u8], dice: &mut Dice<'_>) -> usize {
        if self.inbound != Inbound::Open || self.fault != Fault::None || self.client_reset {
            return 0;
        }
        if !self.engine_open {
            if !bytes.is_empty() {
                self.break_client(dice);
            }
            return bytes.len();
        }
        let held = self.flight.len() + self.arrived.len();
        let count = bytes
            .len()
            .min(self.options.inbound_bytes_max.saturating_sub(held));
        self.flight.extend(&bytes[..count]);
        self.arrive(dice);
        count
    }

    pub(super) fn receive(&mut self, into: &mut Vec<u8>, bytes_max: usize) -> usize {
        let count = self.outbound_bytes.len().min(bytes_max);
        into.extend(self.outbound_bytes.drain(..count));
        if self.starved && count > 0 {
            self.starved = false;
            self.owe(false, true);
        }
        count
    }

    pub(super) fn finish(&mut self, dice: &mut Dice<'_>) {
        if self.inbound == Inbound::Open {
            self.inbound = Inbound::FinSent;
            self.arrive(dice);
        }
    }

    pub(super) fn reset_by_client(&mut self, dice: &mut Dice<'_>) {
        self.outbound_bytes.clear();
        self.outbound = Outbound::Cut;
        if dice.random.chance(dice.chaos.lossy) {
            self.arrived.clear();
        }
        self.break_engine();
    }

    /// Closes the client's end like close(2).
    pub(super) fn close_client(&mut self, dice: &mut Dice<'_>) {
        self.client_open = false;
        if self.outbound_bytes.is_empty() {
            self.finish(dice);
        } else {
            self.reset_by_client(dice);
        }
    }

    pub(super) fn is_client_open(&self) -> bool {
        self.client_open
    }

    pub(super) fn has_ended(&self) -> bool {
        self.outbound == Outbound::Fin && self.outbound_bytes.is_empty()
    }

    pub(super) fn was_reset(&self) -> bool {
        self.client_reset
    }

    /// Lets a part of what is under way arrive, perhaps.
    pub(super) fn land_some(&mut self, dice: &mut Dice<'_>) {
        if self.is_arriving() && dice.random.chance(500) {
            let count = dice.random.below(self.flight.len() + 1);
            self.land(count, dice.random.chance(500));
        }
    }

    /// Lets what was sent arrive, unless it is delayed or behind what is.
    fn arrive(&mut self, dice: &mut Dice<'_>) {
        if !dice.random.chance(dice.chaos.delayed) {
            self.land(self.flight.len(), true);
        }
    }

    /// Lets the first `count` bytes arrive, and `fin` if nothing is left before it.
    fn land(&mut self, count: usize, fin: bool) {
        if count > 0 {
            let was_empty = self.arrived.is_empty();
            self.arrived.extend(self.flight.drain(..count));
            if was_empty {
                self.owe(true, false);
            }
        }
        if fin && self.inbound == Inbound::FinSent && self.flight.is_empty() {
            self.inbound = Inbound::Fin;
            self.owe(true, false);
        }
    }

    /// Breaks the engine's end: what was under way is lost.
    fn break_engine(&mut self) {
        self.flight.clear();
        self.inbound = Inbound::Fin;
        if self.fault == Fault::None {
            self.fault = Fault::Pending;
            self.owe(true, true);
        }
    }

    /// Breaks the client's end.
    fn break_client(&mut self, dice: &mut Dice<'_>) {
        self.flight.clear();
        self.inbound = Inbound::Fin;
        self.client_reset = true;
        if !self.outbound_bytes.is_empty() && dice.random.chance(dice.chaos.lossy) {
            self.outbound_bytes.clear();
            self.outbound = Outbound::Cut;
        } else if self.outbound == Outbound::Open {
            self.outbound = Outbound::Cut;
        }
    }

    fn owe(&mut self, readable: bool, writable: bool) {
        if let Some(watch) = &mut self.watch {
            watch.owed.readable |= readable;
            watch.owed.writable |= writable;
        }
    }
}
