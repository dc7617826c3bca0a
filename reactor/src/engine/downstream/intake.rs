//! How input comes in: the block in hand, and bodies read through it.

use super::{Budget, Downstream, OVERHEAD_BYTES};
use crate::buffer::{Block, Input, Spare};
use crate::engine::arena::Key;
use crate::engine::context::Context;
use crate::engine::mutation::Mutation;
use crate::engine::socket::Received;
use crate::engine::starved::Need;
use crate::limits::Limits;
use crate::proto::h1::{BodyReader, Violation};

/// The block that a connection is driven with; its unused input is `block[start..end]`.
pub(super) struct Hand {
    pub block: Block,
    pub start: usize,
    pub end: usize,
    /// The connection owned the block before; otherwise it is the worker's scratch.
    owned: bool,
}

impl Hand {
    /// The unused input.
    #[inline]
    pub fn text(&self) -> &[u8] {
        &self.block[self.start..self.end]
    }

    /// Whether there is no room for more bytes.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.end - self.start == self.block.len()
    }

    /// Where the next bytes go, after what is unused; moves that down if there is no room behind
    /// it.
    #[inline]
    fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.end == self.block.len() {
            self.block.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.block[self.end..]
    }
}

/// What reading a body came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intake {
    /// The body is complete.
    Complete,
    /// There is no more input now.
    Blocked,
    /// Who takes the body takes no more now.
    Full,
    /// The client has left within the body.
    Left,
    /// The body is malformed or too large.
    Violated(Violation),
}

impl Downstream {
    /// Takes the input in hand. `None` if there is no block for it: the connection then waits until
    /// one is free.
    #[inline]
    pub(super) fn take_hand(&mut self, key: Key, cx: &mut Context) -> Option<Hand> {
        if self.input.holds_block()
            && let Input::Block { block, start, end } = std::mem::take(&mut self.input)
        {
            return Some(Hand {
                block,
                start,
                end,
                owned: true,
            });
        }
        let Some(mut block) = cx.scratch.take() else {
            self.starve(key, Need::Scratch, cx);
            return None;
        };
        let end = match std::mem::take(&mut self.input) {
            Input::Small(bytes) => {
                block[..bytes.len()].copy_from_slice(&bytes);
                bytes.len()
            }
            _ => 0,
        };
        Some(Hand {
            block,
            start: 0,
            end,
            owned: false,
        })
    }

    /// Puts the hand down: what is unused stays with the connection.
    #[inline]
    pub(super) fn put_hand(&mut self, hand: Hand, cx: &mut Context) {
        let (input, spare) = Input::keep(hand.block, hand.start, hand.end);
        self.input = input;
        match spare {
            Spare::Free(block) if hand.owned => cx.pool.put(block),
            Spare::Free(block) => cx.scratch = Some(block),
            // The worker takes another scratch before the next drive.
            Spare::Kept => {}
        }
    }

    /// Whether a read may bring something.
    #[inline]
    pub(super) fn may_read(&self, cx: &Context) -> bool {
        match cx.mutated(Mutation::PlaintextForgotten) {
            true => self.socket.is_readable(),
            false => self.socket.can_read(),
        }
    }

    /// What a read that brought so many bytes counts: what had to be decrypted for them, too.
    #[inline]
    pub(super) fn cost(&mut self, count: usize) -> usize {
        let sealed = match self.socket.is_secure() {
            true => self.socket.take_sealed_in(),
            false => 0,
        };
        count.max(sealed).max(OVERHEAD_BYTES)
    }

    /// Reads once behind the unused input.
    #[inline]
    pub(super) fn fill(&mut self, hand: &mut Hand) -> Received {
        let received = self.socket.read(hand.room());
        if let Received::Bytes(count) = received {
            hand.end += count;
        }
        received
    }

    /// Reads a body and hands its data to `take`, which says how much of it it takes (a number
    /// beyond the data means all); what it does not take stays where it is, and is not decoded.
    pub(super) fn take_in(
        &mut self,
        body: &mut BodyReader,
        limits: &Limits,
        key: Key,
        cx: &mut Context,
        budget: &mut Budget,
        mut take: impl FnMut(&mut Context, &[u8]) -> usize,
    ) -> Intake {
        let Some(mut hand) = self.take_hand(key, cx) else {
            return Intake::Blocked;
        };
        let intake = loop {
            match decode(&mut hand, body, limits, cx, &mut take) {
                Decoded::NeedsInput => {}
                Decoded::Stopped(intake) => break intake,
            }
            if !self.may_read(cx) {
                break Intake::Blocked;
            }
            if budget.is_spent() {
                self.queue(key, cx);
                break Intake::Blocked;
            }
            match self.fill(&mut hand) {
                Received::Bytes(count) => {
                    budget.spend(self.cost(count));
                    self.received = true;
                }
                Received::Blocked => break Intake::Blocked,
                Received::Finished | Received::Broken => break Intake::Left,
            }
        };
        self.put_hand(hand, cx);
        intake
    }
}

enum Decoded {
    NeedsInput,
    Stopped(Intake),
}

/// Decodes what is in hand.
fn decode(
    hand: &mut Hand,
    body: &mut BodyReader,
    limits: &Limits,
    cx: &mut Context,
    take: &mut impl FnMut(&mut Context, &[u8]) -> usize,
) -> Decoded {
    loop {
        if body.is_done() {
            hand.start += usize::from(cx.mutated(Mutation::BodyOffByOne) && hand.start < hand.end);
            return Decoded::Stopped(Intake::Complete);
        }
        // A copy is advanced first: if not all of the data is taken, the body stands where it was.
        let mut ahead = *body;
        let step = match ahead.read(hand.text(), limits) {
            Ok(step) => step,
            Err(violation) => return Decoded::Stopped(Intake::Violated(violation)),
        };
        if step.used == 0 && !step.end {
            return Decoded::NeedsInput;
        }
        let data = &hand.text()[step.data.clone()];
        let taken = match data.len() {
            0 => 0,
            length => take(cx, data).min(length),
        };
        if taken == data.len() {
            *body = ahead;
            hand.start += step.used;
            continue;
        }
        // Decodes again as much as was taken, so that the rest is still to come.
        let upto = step.data.start + taken;
        if let Ok(step) = body.read(&hand.text()[..upto], limits) {
            hand.start += step.used;
        }
        return Decoded::Stopped(Intake::Full);
    }
}
