//! The end of a connection: patience with a client that has not read it yet.

use std::time::Duration;

use super::{Budget, Downstream, State, Step};
use crate::buffer::Input;
use crate::engine::arena::Key;
use crate::engine::context::Context;
use crate::engine::site::Site;
use crate::engine::socket::Received;

/// Longest time that a connection lingers, however much still comes in: as in nginx.
const LINGER_MAX: Duration = Duration::from_secs(30);

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
            until: cx.now + LINGER_MAX,
        };
        Step::Go
    }

    /// Throws away what the client still sends.
    #[inline(never)]
    pub(super) fn linger(&mut self, key: Key, cx: &mut Context, budget: &mut Budget) -> Step {
        let State::Lingering { bytes_left, until } = self.state else {
            return Step::Go;
        };
        let mut left = bytes_left;
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
                    left = left.saturating_sub(count as u64);
                    self.received = true;
                    hand.start = hand.end;
                    if left == 0 {
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
        self.state = State::Lingering {
            bytes_left: left,
            until,
        };
        step
    }
}
