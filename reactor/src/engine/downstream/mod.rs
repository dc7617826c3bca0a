//! A connection to a client: its state machine and what drives it.
//!
//! ```text
//!   accept, TLS ──► Handshaking ── failed, with a last word ──► Closing
//!                        │
//!                 ┌──────│──────── next request ◄──────────────┬─────────────────┐
//!                 ▼      ▼                                     │                 │
//!   accept ──► Reading ── reply not at hand, ──► Exchanging ───┤ ── unread ──► Skipping
//!                 │ │     or body wanted             │         │    body         │
//!                 │ └── reply at hand: queued,       │ last    │                 │
//!                 │     next request                 │ answer  │                 │
//!                 │ refusal, last answer, FIN        ▼         │                 │
//!                 └────────────────────────────► Closing ◄─────┘─────────────────┘
//!                                                    │ all sent; the client still sends
//!                                                    ▼
//!                                                Lingering ──► closed
//! ```
//!
//! While a connection is driven its unsent output is the worker's `out`, and its input lies in one
//! block ([`Hand`]). Between drives it owns neither, unless something is left over.

mod deadline;
mod exchanging;
mod handshaking;
#[cfg(test)]
mod inspect;
mod intake;
mod lingering;
mod passing;
mod reading;
mod replying;
mod streaming;

use std::sync::Arc;
use std::time::Duration;

use super::accept::Arrival;
use super::arena::Key;
use super::context::Context;
use super::dispatch::Origin;
use super::handshakes::Turn;
use super::mutation::Mutation;
use super::site::Site;
use super::socket::{Sent, Socket};
use super::starved::{Need, Needs, Starved};
use super::stats::Counted;
use crate::buffer::{Input, Output};
use crate::http::Status;
use crate::proto::h1::{BodyReader, HeadParser};
use crate::service::Reply;
use crate::time::Instant;
use crate::transport::tls::Session;
use crate::transport::{Peer, Poller, Readiness};

#[cfg(test)]
pub(crate) use inspect::ConnectionView;

use deadline::Phase;
use intake::{Hand, Intake};
use replying::wants_body;

/// A connection to a client.
#[derive(Debug)]
pub(super) struct Downstream {
    socket: Socket,
    peer: Peer,
    state: State,
    parser: HeadParser,
    /// What has arrived and is not used yet.
    input: Input,
    /// What the client has not taken yet.
    output: Option<Box<Output>>,
    /// In the ready queue; see `ReadyQueue::push`.
    pub queued: bool,
    /// Bytes of a body came in since the deadline was set.
    received: bool,
    /// Bytes went out since then.
    sent: bool,
    phase: Phase,
    /// Requests received.
    requests: u32,
    /// Beginning of the phase, or the last progress in it.
    since: Instant,
    /// The deadline.
    due: Instant,
    /// When the wheel's entry comes out; not after `due`.
    armed: Option<Instant>,
    /// What it waits for because the pool is empty; see `Starved::push`.
    needs: Needs,
    /// How it was counted in; `None` for one that is refused.
    counted: Option<Counted>,
}

#[derive(Debug)]
enum State {
    /// TLS is being agreed on.
    Handshaking {
        /// Whether the client's first message may be answered.
        turn: Turn,
    },
    /// Between requests, or in a head.
    Reading,
    /// The exchange of this id is in progress.
    Exchanging(Key),
    /// The answer is sent; the rest of the request's body is thrown away.
    Skipping(BodyReader),
    /// The last answer is queued.
    Closing {
        /// The client may still be sending, and has to get to read the answer.
        lingers: bool,
    },
    /// The last answer is sent and the write side shut; input is thrown away.
    Lingering {
        /// Bytes after which that ends.
        bytes_left: u64,
        /// When it ends, whatever the client still sends.
        until: Instant,
    },
}

/// What becomes of a slot after it was driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It waits for an event, for its turn in the ready queue, or for its deadline.
    Stay,
    /// It is to be removed.
    Close,
}

/// What a state came to.
enum Step {
    /// Go on, in what may be another state.
    Go,
    /// The same, before what is queued is sent: more will join it.
    GoUnsent,
    /// Nothing more can be done now.
    Wait,
    /// The connection is over.
    Close,
}

/// What a read counts at least.
const OVERHEAD_BYTES: usize = 256;

/// After so long without a request TCP begins anew to find out how fast it may send (RFC 9293
/// section 3.8.1), and so do the records of TLS.
const COLD_AFTER: Duration = Duration::from_secs(1);

/// What one connection may do in one turn, so that it does not starve the others.
struct Budget {
    requests: u32,
    bytes: usize,
}

impl Budget {
    /// What there is for a connection while the worker has so many bytes left in this turn: enough
    /// for a small answer in any case.
    #[inline]
    fn of_turn(bytes_left: usize) -> Budget {
        Budget {
            requests: 64,
            bytes: bytes_left.clamp(16 << 10, 512 << 10),
        }
    }

    fn spend(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    fn is_spent(&self) -> bool {
        self.bytes == 0 || self.requests == 0
    }
}

impl Downstream {
    /// An accepted connection.
    pub fn new(
        arrival: Arrival,
        counted: Option<Counted>,
        site: &Site,
        now: Instant,
    ) -> Downstream {
        let Arrival {
            transport,
            peer,
            secure,
        } = arrival;
        let tls = site.tls().filter(|_| secure);
        let tls = tls.map(|tls| Box::new(Session::new(Arc::clone(tls))));
        Downstream {
            state: match tls {
                Some(_) => State::Handshaking {
                    turn: Turn::Unasked,
                },
                None => State::Reading,
            },
            socket: Socket::new(transport, tls),
            peer,
            parser: HeadParser::default(),
            input: Input::Empty,
            output: None,
            queued: false,
            received: false,
            sent: false,
            phase: Phase::Fresh,
            requests: 0,
            since: now,
            due: now,
            armed: None,
            needs: Needs::default(),
            counted,
        }
    }

    /// A connection beyond a cap: it is told 503, whatever it sends.
    pub fn refused(arrival: Arrival, site: &Site, cx: &mut Context) -> Downstream {
        let mut refused = Downstream::new(arrival, None, site, cx.now);
        refused.refuse(Status::SERVICE_UNAVAILABLE, b"", site, cx);
        refused.keep_output(cx);
        refused
    }

    /// How the connection was counted in; `None` if it is beyond a cap.
    pub fn counted(&self) -> Option<Counted> {
        self.counted
    }

    /// Where its requests come from.
    #[inline]
    fn origin(&self) -> Origin<'_> {
        Origin {
            peer: self.peer,
            tls: self.socket.tls_info(),
        }
    }

    /// Who is at the other end.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Registers with the poller.
    pub fn register(&mut self, poller: &mut Poller, key: Key) -> std::io::Result<()> {
        self.socket.register(poller, key.bits() as usize)
    }

    /// Takes note of an event.
    #[inline]
    pub fn notice(&mut self, seen: Readiness) {
        self.socket.notice(seen);
    }

    /// Does all that can be done now.
    #[inline]
    pub fn drive(&mut self, key: Key, site: &Arc<Site>, cx: &mut Context) -> Verdict {
        if self.socket.is_secure() && self.phase == Phase::Idle {
            self.warm_up(cx);
        }
        self.take_output(cx);
        let mut budget = Budget::of_turn(cx.turn_bytes_left);
        let before = budget.bytes;
        let goes_on = self.run(key, site, cx, &mut budget);
        cx.turn_bytes_left = cx.turn_bytes_left.saturating_sub(before - budget.bytes);
        if !goes_on {
            return self.close(cx);
        }
        self.keep_output(cx);
        self.set_deadline(key, site, cx);
        Verdict::Stay
    }

    /// Takes note of it if the connection was idle for long.
    fn warm_up(&mut self, cx: &Context) {
        if cx.now.since(self.since) >= COLD_AFTER {
            self.socket.restart();
        }
    }

    /// Since when the connection has held a block for an incomplete head, if it does.
    pub fn holds_head_since(&self) -> Option<Instant> {
        let holds = matches!(self.state, State::Reading) && self.input.holds_block();
        holds.then_some(self.since)
    }

    /// Refuses an incomplete head to free the block that it holds.
    pub fn relieve(&mut self, key: Key, site: &Arc<Site>, cx: &mut Context) -> Verdict {
        self.take_output(cx);
        let input = std::mem::take(&mut self.input);
        self.refuse(Status::SERVICE_UNAVAILABLE, input.bytes(), site, cx);
        if let Input::Block { block, .. } = input {
            cx.pool.put(block);
        }
        self.keep_output(cx);
        self.drive(key, site, cx)
    }

    /// Blocks that the connection holds.
    #[cfg(test)]
    pub fn blocks(&self) -> usize {
        usize::from(self.input.holds_block())
            + self.output.as_ref().map_or(0, |output| output.blocks())
    }

    /// False when the connection is over.
    fn run(&mut self, key: Key, site: &Arc<Site>, cx: &mut Context, budget: &mut Budget) -> bool {
        if self.socket.is_broken() {
            return false;
        }
        let keeps_quiet = cx.mutated(Mutation::GoodbyeForgotten);
        let mut goes_unsent = false;
        loop {
            let sent = match goes_unsent {
                true => Sent::All,
                false => self.flush(cx),
            };
            match sent {
                Sent::Broken => return false,
                // Another flush may come to an end: then nothing but the queue leads back here.
                Sent::More => {
                    self.queue(key, cx);
                    return true;
                }
                Sent::All | Sent::Blocked => {}
            }
            let step = match self.state {
                State::Handshaking { .. } | State::Reading if sent != Sent::All => Step::Wait,
                State::Handshaking { turn } => self.shake_hands(turn, key, site, cx, budget),
                State::Reading => self.read_requests(key, site, cx, budget),
                State::Exchanging(id) => self.drive_exchange(key, id, cx, budget),
                State::Skipping(body) => self.skip_body(body, key, site, cx, budget),
                State::Closing { .. } if sent != Sent::All => Step::Wait,
                State::Closing { .. } if !keeps_quiet && self.socket.finish() => Step::Go,
                State::Closing { lingers: false } => Step::Close,
                State::Closing { .. } if cx.mutated(Mutation::NoLingering) => Step::Close,
                State::Closing { lingers: true } => self.begin_lingering(site, cx),
                State::Lingering { .. } => self.linger(key, cx, budget),
            };
            match step {
                Step::Go => goes_unsent = false,
                Step::GoUnsent => goes_unsent = true,
                Step::Wait => return self.flush_and_wait(key, cx),
                Step::Close => return false,
            }
        }
    }

    #[inline]
    fn flush(&mut self, cx: &mut Context) -> Sent {
        if cx.out.is_empty() && !self.socket.has_unsent() {
            return Sent::All;
        }
        let sent = self.socket.flush(&mut cx.out, &mut cx.pool);
        self.sent |= self.socket.take_sent();
        sent
    }

    /// Sends what there is before the connection waits. False when it is over.
    #[inline]
    fn flush_and_wait(&mut self, key: Key, cx: &mut Context) -> bool {
        match self.flush(cx) {
            Sent::All | Sent::Blocked => true,
            Sent::More => {
                self.queue(key, cx);
                true
            }
            Sent::Broken => false,
        }
    }

    /// Makes what was not sent before the worker's output.
    #[inline]
    fn take_output(&mut self, cx: &mut Context) {
        if let Some(pending) = self.output.take() {
            std::mem::replace(&mut cx.out, *pending).clear(&mut cx.pool);
        }
    }

    /// Moves what is not sent from the worker to the connection.
    #[inline]
    fn keep_output(&mut self, cx: &mut Context) {
        if !cx.out.is_empty() {
            self.output = Some(Box::new(std::mem::take(&mut cx.out)));
        }
    }

    /// Queues a refusal of what the client has sent, which begins with `text`; that, and whatever
    /// it sends, is thrown away.
    #[cold]
    fn refuse(&mut self, status: Status, text: &[u8], site: &Site, cx: &mut Context) {
        self.answer_unread(Reply::in_words(status), wants_body(text), site, cx);
        self.state = State::Closing { lingers: true };
    }

    /// Puts the connection at the end of the ready queue.
    fn queue(&mut self, key: Key, cx: &mut Context) {
        cx.ready.push(key, &mut self.queued);
    }

    /// Puts the connection on the list of those that wait for a block.
    #[cold]
    fn starve(&mut self, key: Key, need: Need, cx: &mut Context) {
        cx.starved.push(key, need, &mut self.needs);
    }

    /// Whether there are blocks for a piece of a response; otherwise the connection waits for them.
    fn has_output_blocks(&mut self, key: Key, cx: &mut Context) -> bool {
        let is_met = Need::Output.is_met(&cx.pool, true);
        if !is_met {
            self.starve(key, Need::Output, cx);
        }
        is_met
    }

    /// What it needed is there.
    pub fn end_starving(&mut self, key: Key, need: Need, cx: &mut Context) {
        Starved::end(need, &mut self.needs);
        self.queue(key, cx);
    }

    /// Whether the client has not taken all that was sent to it.
    pub fn has_output(&self) -> bool {
        self.output.is_some() || self.socket.has_unsent()
    }

    /// Gives back all that the connection holds.
    pub fn close(&mut self, cx: &mut Context) -> Verdict {
        match self.state {
            State::Exchanging(id) => self.abandon_exchange(id, cx),
            // Left, reset or too late: whatever ends it, it is counted here.
            State::Handshaking { .. } => cx.stats.handshakes_failed.increment(),
            _ => {}
        }
        cx.out.clear(&mut cx.pool);
        if let Some(mut output) = self.output.take() {
            output.clear(&mut cx.pool);
        }
        if let Input::Block { block, .. } = std::mem::take(&mut self.input) {
            cx.pool.put(block);
        }
        Verdict::Close
    }

    /// Throws the rest of a body away.
    #[inline(never)]
    fn skip_body(
        &mut self,
        mut body: BodyReader,
        key: Key,
        site: &Arc<Site>,
        cx: &mut Context,
        budget: &mut Budget,
    ) -> Step {
        let intake = self.take_in(&mut body, &site.limits, key, cx, budget, |_, _| usize::MAX);
        self.state = State::Skipping(body);
        match intake {
            Intake::Complete => self.state = State::Reading,
            Intake::Blocked | Intake::Full => return Step::Wait,
            // The answer still goes out.
            Intake::Left => self.state = State::Closing { lingers: false },
            Intake::Violated(_) => self.state = State::Closing { lingers: true },
        }
        Step::Go
    }
}
