//! The end of a connection: patience with a client that has not read it yet.

use super::{Budget, Downstream, State, Step};
use crate::buffer::Input;
use crate::engine::arena::Key;
use crate::engine::context::Context;
use crate::engine::site::Site;
use crate::engine::socket::Received;

impl Downstream {
    /// Shuts the write side, and waits for the client to close.
    #[inline(never)]
    pub(super) fn begin_lingering(&mut self, site: &Site, cx: &mut Context) -> Step {
        // Whose end was read sends no more, so nothing can reset the connection.
        if self.socket.is_finished() {
            return Step::Close;
        }
        if let Input::Block { block, .. } = std::mem::take(&mut self.input) {
            cx.pool.put(block);
        }
        self.socket.shutdown_write();
        self.state = State::Lingering {
            bytes_left: site.limits.linger_bytes_max,
        };
        Step::Go
    }

    /// Throws away what the client still sends.
    #[inline(never)]
    pub(super) fn linger(
        &mut self,
        mut bytes_left: u64,
        key: Key,
        cx: &mut Context,
        budget: &mut Budget,
    ) -> Step {
        let Some(mut hand) = self.take_hand(key, cx) else {
            return Step::Wait;
        };
        let step = loop {
            if !self.may_read(cx) {
                break Step::Wait;
            }
            if budget.is_spent() {
                self.queue(key, cx);
                break Step::Wait;
            }
            match self.fill(&mut hand) {
                Received::Bytes(count) => {
                    budget.spend(self.cost(count));
                    bytes_left = bytes_left.saturating_sub(count as u64);
                    hand.start = hand.end;
                    if bytes_left == 0 {
                        break Step::Close;
                    }
                }
                Received::Blocked => break Step::Wait,
                Received::Finished | Received::Broken => {
                    break Step::Close;
                }
            }
        };
        self.put_hand(hand, cx);
        self.state = State::Lingering { bytes_left };
        step
    }
}
