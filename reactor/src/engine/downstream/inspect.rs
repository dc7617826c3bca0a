//! What the simulation looks at in a connection between two turns. In tests only.

use super::{Downstream, State};
use crate::buffer::Input;
use crate::engine::arena::Key;
use crate::engine::context::Context;
use crate::engine::exchange::{Exchange, Stage};
use crate::engine::handshakes::Turn;
use crate::engine::site::Site;
use crate::proto::h1::HeadParser;
use crate::time::Instant;
use crate::transport::tls::SessionView;

/// A connection between two turns.
#[derive(Debug)]
pub(crate) struct ConnectionView {
    pub key: Key,
    pub state: String,
    pub queued: bool,
    /// It waits for a block.
    pub starved: bool,
    pub can_read: bool,
    pub can_write: bool,
    /// The lists of the worker say the same of it as it does itself.
    pub is_listed: bool,
    /// It would take input if there were any.
    pub wants_read: bool,
    pub has_output: bool,
    /// Why it should not be waiting, as far as it can know.
    pub could_go_on: Option<&'static str>,
    pub due: Instant,
    pub armed: Option<Instant>,
    /// It has an entry in the wheel.
    pub in_wheel: bool,
    /// When its stream wants to be pulled again.
    pub wake_at: Option<Instant>,
    pub requests: u32,
    /// Blocks that it holds.
    pub blocks: usize,
    /// It holds a block for an incomplete head.
    pub holds_head: bool,
    /// What its TLS holds.
    pub tls: Option<SessionView>,
}

impl Downstream {
    /// What there is between two turns.
    pub(in crate::engine) fn view(
        &mut self,
        key: Key,
        site: &Site,
        cx: &mut Context,
    ) -> ConnectionView {
        let tls = self.socket.view_tls();
        let exchange = match self.state {
            State::Exchanging(id) => cx.exchanges.get_mut(id).map(|exchange| &*exchange),
            _ => None,
        };
        let has_output = self.has_output() || exchange.is_some_and(passes_file);
        let wants_read = match self.state {
            State::Handshaking { turn } => turn != Turn::Waits && !has_output,
            State::Reading => !has_output,
            State::Exchanging(_) => exchange.is_some_and(Exchange::takes_body),
            State::Skipping(_) | State::Lingering { .. } => true,
            State::Closing { .. } => false,
        };
        let state = match exchange {
            Some(exchange) => format!("{:?}", exchange.stage),
            None => format!("{:?}", self.state),
        };
        let is_idle_stream =
            |exchange: &&Exchange| matches!(exchange.stage, Stage::Streaming { ready: false, .. });
        let waits = matches!(self.state, State::Handshaking { turn: Turn::Waits });
        let could_go_on = self.could_go_on(exchange, tls, site);
        let wake_at = exchange
            .filter(is_idle_stream)
            .and_then(|exchange| exchange.wake_at);
        ConnectionView {
            key,
            state,
            queued: self.queued,
            starved: self.needs.any(),
            is_listed: cx.ready.count(key) == usize::from(self.queued)
                && cx.starved.agrees(key, self.needs)
                && cx.handshakes.count(key) == usize::from(waits),
            can_read: self.socket.can_read(),
            can_write: self.socket.can_write(),
            wants_read,
            has_output,
            could_go_on,
            due: self.due,
            armed: self.armed,
            in_wheel: cx.wheel.is_armed(key.index()),
            wake_at,
            requests: self.requests,
            blocks: self.blocks(),
            holds_head: matches!(self.state, State::Reading) && self.input.holds_block(),
            tls,
        }
    }

    /// Why the connection should be driven again though nothing happens; `None` if it may wait.
    fn could_go_on(
        &self,
        exchange: Option<&Exchange>,
        tls: Option<SessionView>,
        site: &Site,
    ) -> Option<&'static str> {
        let has_output = self.has_output();
        let tls = tls.unwrap_or_default();
        match self.state {
            State::Handshaking { turn } if tls.awaits_answer && turn != Turn::Waits => {
                Some("its turn has come")
            }
            State::Handshaking { .. } if tls.is_open && !has_output => Some("it is secured"),
            State::Reading if !has_output && self.has_request(site) => Some("it has a request"),
            State::Exchanging(_) => match exchange {
                Some(exchange) => self.exchange_could_go_on(exchange),
                None => Some("its exchange is gone"),
            },
            State::Skipping(_) if !self.input.is_empty() => Some("it could skip"),
            State::Closing { .. } if !has_output => Some("it could close"),
            _ => None,
        }
    }

    fn exchange_could_go_on(&self, exchange: &Exchange) -> Option<&'static str> {
        if exchange.takes_body() && !self.input.is_empty() {
            return Some("it has bytes of a body");
        }
        let queued = self.output.as_ref().map_or(0, |output| output.len());
        let is_clear = queued == 0;
        let left = self.socket.saw_close() && exchange.is_left_by_half_close();
        match &exchange.stage {
            Stage::Collecting(_) if exchange.body.is_done() => Some("its body is complete"),
            Stage::Working if left => Some("its client has left"),
            Stage::Delivered(_) => Some("its job is done"),
            Stage::Streaming { ready: true, .. } if is_clear => Some("its stream could be pulled"),
            Stage::Sending(sending) if is_clear && !sending.waits() && !sending.is_passed() => {
                Some("its file could be copied")
            }
            Stage::Done if queued == 0 => Some("its response is sent"),
            _ => None,
        }
    }

    /// Whether the input holds something other than an incomplete head.
    fn has_request(&self, site: &Site) -> bool {
        let text = match &self.input {
            Input::Empty => return false,
            Input::Small(bytes) => &bytes[..],
            Input::Block { block, start, end } => &block[*start..*end],
        };
        let parsed = HeadParser::default().parse_request(text, &mut Vec::new(), &site.limits);
        !matches!(parsed, Ok(None))
    }
}

/// Whether what the exchange sends is not queued, and depends on the client alone.
fn passes_file(exchange: &Exchange) -> bool {
    match &exchange.stage {
        Stage::Sending(sending) => sending.is_passed() && !sending.waits(),
        _ => false,
    }
}
