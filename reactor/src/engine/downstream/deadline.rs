//! Deadlines of a connection: what it waits for decides which one holds.

use std::sync::Arc;
use std::time::Duration;

use super::{Downstream, State, Verdict};
use crate::engine::arena::Key;
use crate::engine::context::Context;
use crate::engine::exchange::{Stage, time_for};
use crate::engine::mutation::Mutation;
use crate::engine::site::Site;
use crate::http::Status;
use crate::time::Instant;

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing yet: a phase is about to begin.
    Fresh,
    /// The end of the TLS handshake.
    Handshake,
    /// The next request.
    Idle,
    /// The rest of a head, from its first byte on.
    Head,
    /// More of a body, without which nothing goes on.
    Body,
    /// The rest of a body that is thrown away. It is little, so it has the time for all of it that
    /// other bodies have for a byte.
    Skip,
    /// The client to take its response.
    Write,
    /// A job: its reply, or what it reads of a file.
    Request,
    /// A stream that has nothing now. It may take for ever; a dead client is found by TCP, in two
    /// minutes if nothing is sent to it, else when the system has sent it again often enough: after
    /// a quarter of an hour on Linux.
    Watch,
    /// The client to close.
    Linger,
}

impl Phase {
    /// Whether bytes of a body that came in, or bytes that went out, give the phase its whole time
    /// again.
    fn restarts(self, received: bool, sent: bool) -> bool {
        match self {
            Phase::Body => received,
            // A job that reads goes before another one.
            Phase::Idle | Phase::Write | Phase::Request => sent,
            Phase::Watch => received || sent,
            Phase::Linger => received,
            Phase::Fresh | Phase::Handshake | Phase::Head | Phase::Skip => false,
        }
    }
}

/// A head is not held to the minimum rate before this.
const HEAD_RATE_GRACE: Duration = Duration::from_secs(1);

impl Downstream {
    /// The next phase has its whole time, even if it is of the same kind.
    #[inline]
    pub(super) fn begin_phase(&mut self) {
        self.phase = Phase::Fresh;
    }

    /// Sets the deadline of what the connection waits for now. Costs nothing but a store as long as
    /// deadlines move later: the wheel's entry is then re-armed when it comes out.
    #[inline]
    pub(super) fn set_deadline(&mut self, key: Key, site: &Arc<Site>, cx: &mut Context) {
        let phase = self.current_phase(cx);
        if phase != self.phase || phase.restarts(self.received, self.sent) {
            self.phase = phase;
            self.since = cx.now;
            if phase == Phase::Idle {
                self.socket.rest();
            }
        }
        (self.received, self.sent) = (false, false);
        let now = cx.now;
        if let Some(exchange) = self.exchange_of(cx) {
            exchange.wait_for_body(phase == Phase::Body, now);
        }
        self.due = self.deadline(phase, site, cx);
        let is_forgotten = cx.mutated(Mutation::EarlierDeadlineForgotten);
        if self
            .armed
            .is_none_or(|armed| self.due < armed && !is_forgotten)
        {
            self.arm(key, cx);
        }
    }

    #[inline]
    pub(super) fn arm(&mut self, key: Key, cx: &mut Context) {
        cx.wheel.arm(key.index(), self.due);
        self.armed = Some(self.due);
    }

    #[inline]
    fn current_phase(&self, cx: &mut Context) -> Phase {
        if matches!(self.state, State::Handshaking { .. }) {
            return Phase::Handshake;
        }
        if self.has_output() {
            return Phase::Write;
        }
        match self.state {
            State::Handshaking { .. } => Phase::Handshake,
            State::Reading if self.is_between_requests() => Phase::Idle,
            State::Reading => Phase::Head,
            State::Exchanging(id) => match cx.exchanges.get_mut(id) {
                Some(exchange) if exchange.waits_for_body() => Phase::Body,
                Some(exchange) => match &exchange.stage {
                    Stage::Working | Stage::Delivered(_) => Phase::Request,
                    Stage::Sending(sending) if sending.waits() => Phase::Request,
                    Stage::Sending(_) if !self.socket.can_write() => Phase::Write,
                    _ => Phase::Watch,
                },
                None => Phase::Watch,
            },
            State::Skipping(_) => Phase::Skip,
            State::Closing { .. } => Phase::Write,
            State::Lingering { .. } => Phase::Linger,
        }
    }

    /// Whether no byte of a head is there; an empty line before it does not count (RFC 9112 section
    /// 2.2).
    #[inline]
    fn is_between_requests(&self) -> bool {
        self.input.len() <= b"\r\n".len() && !self.parser.has_begun()
    }

    #[inline]
    fn deadline(&self, phase: Phase, site: &Site, cx: &mut Context) -> Instant {
        let limits = &site.limits;
        match phase {
            Phase::Fresh => cx.now,
            Phase::Handshake => self.since + limits.handshake_timeout,
            Phase::Idle => match cx.draining {
                // One that was not idle when the drain began may have a request on its way too.
                Some(began) => began.max(self.since) + limits.drain_grace,
                None => self.since + limits.idle_timeout,
            },
            Phase::Head => {
                let at_rate = time_for(self.input.len() as u64, limits.head_rate_min);
                let slow = at_rate.saturating_add(HEAD_RATE_GRACE);
                self.since + slow.min(limits.header_timeout)
            }
            Phase::Body => {
                let stalled = self.since + limits.body_timeout;
                let now = cx.now;
                match self.exchange_of(cx) {
                    Some(exchange) => {
                        let wake_at = exchange.wake_at.unwrap_or(stalled);
                        stalled.min(exchange.rate_deadline(now)).min(wake_at)
                    }
                    None => stalled,
                }
            }
            Phase::Skip => self.since + limits.body_timeout,
            Phase::Write => self.since + limits.write_timeout,
            Phase::Request => match self.exchange_of(cx) {
                Some(exchange) => self.since + exchange.site.limits.request_timeout,
                None => cx.now,
            },
            Phase::Watch => {
                let look = self.since + limits.idle_timeout;
                match self.exchange_of(cx).and_then(|exchange| exchange.wake_at) {
                    Some(wake_at) => look.min(wake_at),
                    None => look,
                }
            }
            Phase::Linger => {
                let silent = self.since + limits.linger_timeout;
                match self.state {
                    State::Lingering { until, .. } => silent.min(until),
                    _ => silent,
                }
            }
        }
    }

    /// The deadline of the wheel has come, or an earlier one that has moved since.
    pub fn expire(&mut self, key: Key, site: &Arc<Site>, cx: &mut Context) -> Verdict {
        self.armed = None;
        if cx.now < self.due {
            self.arm(key, cx);
            return Verdict::Stay;
        }
        self.take_output(cx);
        match self.phase {
            Phase::Fresh | Phase::Handshake | Phase::Skip | Phase::Linger => {
                return self.close(cx);
            }
            Phase::Write => {
                self.keep_output(cx);
                return self.write_or_close(key, site, cx);
            }
            Phase::Idle => self.state = State::Closing { lingers: false },
            Phase::Head => {
                let input = std::mem::take(&mut self.input);
                self.refuse(Status::REQUEST_TIMEOUT, input.bytes(), site, cx);
                self.input = input;
            }
            Phase::Body => {
                if !self.wake_stream(cx) {
                    self.abandon_body(cx);
                }
            }
            Phase::Request => self.abandon_job(cx),
            Phase::Watch => {
                self.wake_stream(cx);
                // Another look is due after the whole time again.
                self.begin_phase();
            }
        }
        self.keep_output(cx);
        self.drive(key, site, cx)
    }

    /// The client is overdue to take something. The system tells of room only when much of what was
    /// sent has gone: a client that has taken less than that is found out by trying.
    fn write_or_close(&mut self, key: Key, site: &Arc<Site>, cx: &mut Context) -> Verdict {
        self.socket.expect_room();
        let verdict = self.drive(key, site, cx);
        let still_waits = self.phase == Phase::Write && self.due <= cx.now;
        if verdict == Verdict::Stay && still_waits {
            // Else the system would keep for minutes what the client does not take.
            self.socket.abort();
            return self.close(cx);
        }
        verdict
    }

    fn exchange_of<'a>(
        &self,
        cx: &'a mut Context,
    ) -> Option<&'a mut crate::engine::exchange::Exchange> {
        match self.state {
            State::Exchanging(id) => cx.exchanges.get_mut(id),
            _ => None,
        }
    }
}
