//! Reading requests: the fast path from bytes to queued answers.

use std::sync::Arc;

use super::{Budget, Downstream, Hand, State, Step};
use crate::engine::arena::Key;
use crate::engine::context::Context;
use crate::engine::dispatch::{self, Asked, Routed, Told};
use crate::engine::exchange::{Exchange, OwnedRequest, Stage};
use crate::engine::mutation::Mutation;
use crate::engine::site::Site;
use crate::engine::socket::{Received, Sent};
use crate::engine::starved::Need;
use crate::http::{Framing, RequestHead, Status};
use crate::limits::Limits;
use crate::proto::h1::BodyReader;
use crate::service::{BodyMode, Reply, Request};

/// What an answered request leaves: how many bytes of the input it used.
struct Answered {
    used: usize,
}

/// What there is of a body that nobody reads.
enum Unread {
    /// All of it, in this many bytes; nothing, if there is none.
    Whole(usize),
    /// A part; little enough is left to throw it away when it comes.
    Little(usize, BodyReader),
    /// Too much is left, or it cannot be known.
    Much,
}

impl Downstream {
    /// Parses and answers requests until there is no more input, or the budget is spent.
    #[inline]
    pub(super) fn read_requests(
        &mut self,
        key: Key,
        site: &Arc<Site>,
        cx: &mut Context,
        budget: &mut Budget,
    ) -> Step {
        if self.input.is_empty() && !self.may_read(cx) {
            return Step::Wait;
        }
        let Some(mut hand) = self.take_hand(key, cx) else {
            return Step::Wait;
        };
        let step = loop {
            if let Some(step) = self.parse_requests(&mut hand, key, site, cx, budget) {
                break step;
            }
            if !self.may_read(cx) {
                break Step::Wait;
            }
            if budget.is_spent() {
                self.queue(key, cx);
                break Step::Wait;
            }
            if hand.is_full() {
                // The site allows larger heads than the one that this worker was started with.
                let status = Status::REQUEST_HEADER_FIELDS_TOO_LARGE;
                self.refuse(status, hand.text(), site, cx);
                hand.start = hand.end;
                break Step::Go;
            }
            match self.fill(&mut hand) {
                Received::Bytes(count) => budget.spend(self.cost(count)),
                Received::Blocked => break Step::Wait,
                // Within a head the client has left; between requests it has no more.
                Received::Finished => {
                    hand.start = hand.end;
                    self.state = State::Closing { lingers: false };
                    break Step::Go;
                }
                Received::Broken => break Step::Close,
            }
        };
        self.put_hand(hand, cx);
        step
    }

    /// Answers the requests in hand; `None` when more input is needed.
    #[inline]
    fn parse_requests(
        &mut self,
        hand: &mut Hand,
        key: Key,
        site: &Arc<Site>,
        cx: &mut Context,
        budget: &mut Budget,
    ) -> Option<Step> {
        while hand.start < hand.end {
            if budget.is_spent() {
                if !cx.mutated(Mutation::ForgottenRequeue) {
                    self.queue(key, cx);
                }
                return Some(Step::Wait);
            }
            // Sent from here, so that the rest of the input stays in hand.
            if cx.out.len() >= site.limits.pipe_bytes_max && self.flush(cx) != Sent::All {
                return Some(Step::Go);
            }
            if !cx.pool.can_lend_output(1) {
                self.starve(key, Need::Output, cx);
                return Some(Step::Wait);
            }
            let text = &hand.block[hand.start..hand.end];
            match self
                .parser
                .parse_request(text, &mut cx.fields, &site.limits)
            {
                Ok(Some(head)) => {
                    budget.requests -= 1;
                    let before = cx.out.len();
                    let Answered { used } = self.respond(text, &head, key, site, cx);
                    budget.spend(cx.out.len() - before);
                    hand.start += used;
                    if !matches!(self.state, State::Reading) {
                        if cx.mutated(Mutation::PipelinedDropped) {
                            hand.start = hand.end;
                        }
                        return Some(Step::Go);
                    }
                }
                Ok(None) => return None,
                Err(violation) => {
                    log::debug!("{}: {violation}", self.peer);
                    self.refuse(violation.status(), text, site, cx);
                    hand.start = hand.end;
                    return Some(Step::Go);
                }
            }
        }
        None
    }

    /// Answers one request, or begins an exchange for it. `text` begins with its head.
    #[inline]
    fn respond(
        &mut self,
        text: &[u8],
        head: &RequestHead,
        key: Key,
        site: &Arc<Site>,
        cx: &mut Context,
    ) -> Answered {
        self.requests = self.requests.saturating_add(1);
        self.begin_phase();
        cx.stats.requests.increment();
        cx.reply.reset();
        let (id, own) = match dispatch::route(site, head, text, self.socket.tls_info(), cx) {
            Routed::Handler(id) => (id, None),
            Routed::Engine(id, reply) => (id, Some(reply)),
        };
        let asked = Asked {
            text,
            head,
            route: id,
        };
        let route = site.route(id);
        let view = asked.view(&cx.fields, &cx.params, &cx.path, route, self.origin());
        let mut request = Request {
            view,
            body: &[],
            out: &mut cx.reply,
            local: &mut *cx.local,
            now: cx.now,
            wall: cx.wall,
        };
        let early = match route.middleware.is_empty() {
            true => None,
            false => dispatch::before(&mut request, &cx.stats),
        };
        let early = match own {
            Some(own) if early.is_none() => {
                Some(dispatch::own_answer(own, site, &mut request, &cx.stats))
            }
            _ => early,
        };
        let body = body_at_hand(head, text, route.body);
        let reply = match (early, body) {
            (Some(reply), _) => reply,
            (None, Some(body)) => {
                request.body = body;
                dispatch::handle(&mut request, &cx.stats)
            }
            (None, None) => {
                self.begin_collecting(&asked, key, site, cx);
                return Answered { used: head.len };
            }
        };
        let collected = body.map_or(0, <[u8]>::len);
        if reply.is_in_memory() {
            let unread = match collected {
                0 => unread(head, &text[head.len..], &site.limits),
                count => Unread::Whole(count),
            };
            return self.answer(&asked, reply, unread, site, cx);
        }
        self.begin_answering(&asked, reply, collected, key, site, cx);
        Answered {
            used: head.len + collected,
        }
    }

    /// Begins an exchange whose reply is known, but not in memory; `collected` bytes of the body
    /// have been used.
    #[inline(never)]
    fn begin_answering(
        &mut self,
        asked: &Asked<'_>,
        reply: Reply,
        collected: usize,
        key: Key,
        site: &Arc<Site>,
        cx: &mut Context,
    ) {
        let framing = if collected > 0 {
            Framing::None
        } else {
            asked.head.framing
        };
        let mut exchange = self.exchange(asked, framing, key, site, cx);
        exchange.bytes_in = collected as u64;
        self.begin_exchange(exchange, Some(reply), cx);
    }

    /// Queues a reply that is in memory.
    #[inline]
    fn answer(
        &mut self,
        asked: &Asked<'_>,
        mut reply: Reply,
        unread: Unread,
        site: &Site,
        cx: &mut Context,
    ) -> Answered {
        let Asked { text, head, route } = *asked;
        let route = site.route(route);
        if !route.middleware.is_empty() {
            let view = asked.view(&cx.fields, &cx.params, &cx.path, route, self.origin());
            dispatch::after(&view, &mut reply, &mut cx.reply, &cx.stats);
        }
        let mut keep = self.may_persist(head, &reply, site, cx) && !matches!(unread, Unread::Much);
        let (used, bytes_in) = match &unread {
            Unread::Whole(used) => (head.len + used, *used),
            Unread::Little(used, _) => (head.len + used, *used),
            Unread::Much => (text.len(), 0),
        };
        let status = reply.status;
        let bytes_out = self.queue_reply(head, reply, &mut keep, cx);
        match (keep, unread) {
            (true, Unread::Whole(_)) => {}
            (true, Unread::Little(_, body)) => self.state = State::Skipping(body),
            // What a client sends that does not know that this was the last answer would reset the
            // connection, and could destroy the answer with it.
            (false, Unread::Whole(_)) => {
                let lingers = head.keep_alive || used < text.len() || self.socket.expects_more();
                self.state = State::Closing { lingers };
            }
            (_, Unread::Much | Unread::Little(..)) => {
                self.state = State::Closing { lingers: true };
            }
        }
        if !site.observers.list.is_empty() {
            let told = Told {
                status,
                bytes_in: bytes_in as u64,
                bytes_out,
                begun: cx.now,
            };
            self.tell(asked, site, told, cx);
        }
        Answered { used }
    }

    /// Begins an exchange that collects the body for the handler.
    #[inline(never)]
    fn begin_collecting(
        &mut self,
        asked: &Asked<'_>,
        key: Key,
        site: &Arc<Site>,
        cx: &mut Context,
    ) {
        let mut exchange = self.exchange(asked, asked.head.framing, key, site, cx);
        exchange.lines.extend_from_slice(cx.reply.field_lines());
        exchange.stage = Stage::Collecting(Vec::new());
        self.begin_exchange(exchange, None, cx);
    }

    /// An exchange that takes the request along; `framing` is that of the body that is still to be
    /// read.
    fn exchange(
        &self,
        asked: &Asked<'_>,
        framing: Framing,
        key: Key,
        site: &Arc<Site>,
        cx: &Context,
    ) -> Exchange {
        let route = site.route(asked.route);
        let view = asked.view(&cx.fields, &cx.params, &cx.path, route, self.origin());
        let limit = route.body_bytes_max.unwrap_or(site.limits.body_bytes_max);
        let request = OwnedRequest::copy(&view, asked.route);
        Exchange::new(key, request, site, BodyReader::new(framing, limit), cx.now)
    }
}

/// The body as the handler gets it, if it can be called now: all of it where it is to be collected,
/// nothing of it where it is streamed.
#[inline]
fn body_at_hand<'a>(head: &RequestHead, text: &'a [u8], mode: BodyMode) -> Option<&'a [u8]> {
    match (head.framing, mode) {
        (Framing::None | Framing::Length(0), _) | (_, BodyMode::Streamed) => Some(&[]),
        (Framing::Length(length), BodyMode::Collected) => {
            let end = head.len.checked_add(usize::try_from(length).ok()?)?;
            text.get(head.len..end)
        }
        (Framing::Chunked | Framing::UntilClose, BodyMode::Collected) => None,
    }
}

/// What there is of the body of a request that was answered without it; `text` is what follows the
/// head.
#[inline]
fn unread(head: &RequestHead, text: &[u8], limits: &Limits) -> Unread {
    if matches!(head.framing, Framing::None | Framing::Length(0)) {
        return Unread::Whole(0);
    }
    let mut body = BodyReader::new(head.framing, u64::MAX);
    let mut used = 0;
    while !body.is_done() {
        match body.read(&text[used..], limits) {
            Ok(step) if step.used > 0 || step.end => used += step.used,
            Ok(_) => {
                let little = body
                    .remaining()
                    .is_some_and(|left| left <= limits.skip_bytes_max);
                // A client that waits for 100 may send the body or not: nobody can tell.
                return match little && !head.expects_continue {
                    true => Unread::Little(used, body),
                    false => Unread::Much,
                };
            }
            Err(_) => return Unread::Much,
        }
    }
    Unread::Whole(used)
}
