//! Agreeing on TLS, before the first request.

use std::sync::Arc;

use super::replying::wants_body;
use super::{Budget, Downstream, OVERHEAD_BYTES, State, Step};
use crate::engine::arena::Key;
use crate::engine::context::Context;
use crate::engine::handshakes::Turn;
use crate::engine::mutation::Mutation;
use crate::engine::site::Site;
use crate::engine::socket::Handshake;
use crate::http::Status;
use crate::service::Reply;
use crate::transport::tls::Fault;

/// For who speaks plain HTTP where TLS is spoken.
const SPEAK_TLS: &str = "400 Bad Request\n\nThis port speaks HTTPS. Write https:// in front of the \
                         address instead of http://.\n";

impl Downstream {
    /// Its turn to answer has come.
    pub fn take_turn(&mut self) {
        if matches!(self.state, State::Handshaking { .. }) {
            self.state = State::Handshaking { turn: Turn::Come };
        }
    }

    /// Goes on with the handshake.
    #[inline(never)]
    pub(super) fn shake_hands(
        &mut self,
        turn: Turn,
        key: Key,
        site: &Arc<Site>,
        cx: &mut Context,
        budget: &mut Budget,
    ) -> Step {
        let is_costly = self.socket.awaits_turn();
        if is_costly && !may_answer(turn, key, cx) {
            self.state = State::Handshaking { turn: Turn::Waits };
            return Step::Wait;
        }
        // One that cannot use its turn asks again.
        self.state = State::Handshaking {
            turn: Turn::Unasked,
        };
        let Some(mut hand) = self.take_hand(key, cx) else {
            return Step::Wait;
        };
        let step = loop {
            if budget.is_spent() {
                self.queue(key, cx);
                break Step::Wait;
            }
            match self.socket.shake_hands(&mut hand.block) {
                Handshake::GoesOn(count) => {
                    budget.spend(count.max(OVERHEAD_BYTES));
                    if is_costly && !self.socket.awaits_hello() {
                        cx.handshakes.spend();
                    }
                }
                Handshake::AwaitsAnswer => {
                    cx.handshakes.spend();
                    match self.socket.answer_hello() {
                        Ok(()) => break Step::Go,
                        Err(fault) => break self.fail_handshake(fault, b"", site, cx),
                    }
                }
                Handshake::Finished => {
                    self.finish_handshake(cx);
                    // A request is often there already: its answer leaves together with the end of
                    // the handshake.
                    break Step::GoUnsent;
                }
                Handshake::Blocked => break Step::Wait,
                Handshake::Left => break Step::Close,
                Handshake::Failed(fault) => {
                    break self.fail_handshake(fault, &hand.block, site, cx);
                }
            }
        };
        hand.start = hand.end;
        self.put_hand(hand, cx);
        step
    }

    fn finish_handshake(&mut self, cx: &mut Context) {
        cx.stats.handshakes.increment();
        if self.socket.tls_info().is_some_and(|tls| tls.is_resumed()) {
            cx.stats.handshakes_resumed.increment();
        }
        self.state = State::Reading;
        self.begin_phase();
    }

    /// Sends the last word, and has the client read it: one that speaks HTTP in the clear began
    /// with `text`.
    #[cold]
    fn fail_handshake(&mut self, fault: Fault, text: &[u8], site: &Site, cx: &mut Context) -> Step {
        cx.stats.handshakes_failed.increment();
        log::debug!("{}: {fault}", self.peer);
        if fault == Fault::Plaintext {
            self.socket.forget_tls();
            let reply = Reply::text(SPEAK_TLS).with_status(Status::BAD_REQUEST);
            self.answer_unread(reply, wants_body(text), site, cx);
        }
        self.state = State::Closing { lingers: true };
        Step::Go
    }
}

/// Whether what the client of `key` sends next may be read and answered now; otherwise it waits for
/// its turn.
fn may_answer(turn: Turn, key: Key, cx: &mut Context) -> bool {
    match turn {
        Turn::Come => true,
        Turn::Waits => false,
        Turn::Unasked if cx.handshakes.may_answer() => true,
        Turn::Unasked => {
            if !cx.mutated(Mutation::HandshakeForgotten) {
                cx.handshakes.push(key);
            }
            false
        }
    }
}
