//! Exchanges: requests and their responses that could not finish at once.
//!
//! ```text
//!   Collecting ── body complete: handler ──┬─► Working ── job done ──► Delivered ──┐
//!                                          ├─► Streaming ◄─────────────────────────┤
//!   (a streamed route, or no body, ────────┼─► Sending   ◄─────────────────────────┤
//!    begins here)                          └─► Done      ◄─────────────────────────┘
//! ```
//!
//! An exchange is found by its id only. It takes along all that it needs: its head, the site that
//! it began with, and two bounded pipes. The connection drives it; whoever else changes it (a job,
//! a waker, a timer) puts the connection on the ready queue.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::arena::{Arena, Key};
use super::sending::Sending;
use super::site::{RouteId, Site};
use crate::buffer::{Pipe, Pool};
use crate::http::{Field, Framing, RequestHead, Status};
use crate::proto::h1::BodyReader;
use crate::router::Params;
use crate::service::{HalfClose, Reply, ReplyBuffer, RequestView, Route, Stream};
use crate::time::Instant;
use crate::transport::Peer;
use crate::transport::tls::TlsInfo;

/// A request and its response.
#[derive(Debug)]
pub(super) struct Exchange {
    /// The connection that the request came over.
    pub slot: Key,
    pub request: OwnedRequest,
    pub site: Arc<Site>,
    /// How much of the request's body is still to come.
    pub body: BodyReader,
    /// The client waits for `100 Continue` before it sends the body.
    pub owes_continue: bool,
    /// Whether the connection persists after the response.
    pub keep: bool,
    /// Body bytes that have arrived and that the stream has not taken.
    pub incoming: Pipe,
    /// Response bytes that the stream has made and that are not framed yet.
    pub outgoing: Pipe,
    /// Fields that middleware has set before the reply is known.
    pub lines: Vec<u8>,
    /// The response's head, until it is written.
    pub head: Option<PendingHead>,
    /// How the response's body ends.
    pub framing: Framing,
    /// Bytes that a stream has promised and not made yet.
    pub left: u64,
    /// The status that was or is going to be sent.
    pub status: Status,
    pub stage: Stage,
    /// End of the request's head.
    pub begun: Instant,
    /// How long the body was waited for.
    waited: Duration,
    /// Since when it is waited for, not counted in `waited`.
    waits_since: Option<Instant>,
    /// When the stream wants to be pulled again.
    pub wake_at: Option<Instant>,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Held as long as somebody wants the response: jobs for it are not begun after that.
    pub wanted: Arc<()>,
}

/// Where an exchange is.
pub(super) enum Stage {
    /// The body is collected for the handler.
    Collecting(Vec<u8>),
    /// A job makes the reply.
    Working,
    /// A job has made the reply; `None` if it panicked.
    Delivered(Option<Finished>),
    /// A stream makes the body.
    Streaming {
        stream: Box<dyn Stream>,
        /// It looked for more of the request's body than there was.
        wants_body: bool,
        /// It is to be pulled when there is room: not while it has nothing.
        ready: bool,
        /// The turn in which it wants to be pulled no more.
        rests_in: Option<u64>,
    },
    /// A file is the body.
    Sending(Sending),
    /// All of the response is queued.
    Done,
}

impl Stage {
    /// A stream that was not pulled yet.
    pub fn streaming(stream: Box<dyn Stream>) -> Stage {
        Stage::Streaming {
            stream,
            wants_body: false,
            ready: true,
            rests_in: None,
        }
    }
}

/// A reply's head, to be written together with the first bytes of the body.
#[derive(Debug)]
pub(super) struct PendingHead {
    pub content_type: Option<&'static str>,
    pub lines: Vec<u8>,
}

/// A request's head, taken along.
#[derive(Debug)]
pub(super) struct OwnedRequest {
    pub head: RequestHead,
    pub route: RouteId,
    text: Box<[u8]>,
    fields: Box<[Field]>,
    path: Option<Box<[u8]>>,
    params: Params,
    peer: Peer,
}

impl OwnedRequest {
    /// Copies what `view` sees.
    pub fn copy(view: &RequestView<'_>, route: RouteId) -> OwnedRequest {
        OwnedRequest {
            head: *view.head,
            route,
            text: view.text[..view.head.len].into(),
            fields: view.fields.into(),
            path: view.path.map(Box::from),
            params: view.params.clone(),
            peer: view.peer,
        }
    }

    /// The view of this request, with its route and how its connection is secured.
    fn view<'a>(&'a self, route: &'a Route, tls: Option<&'a TlsInfo>) -> RequestView<'a> {
        RequestView {
            text: &self.text,
            fields: &self.fields,
            head: &self.head,
            path: self.path.as_deref(),
            params: &self.params,
            route,
            peer: self.peer,
            tls,
        }
    }
}

impl Exchange {
    /// An exchange whose response is not known yet.
    pub fn new(
        slot: Key,
        request: OwnedRequest,
        site: &Arc<Site>,
        body: BodyReader,
        now: Instant,
    ) -> Exchange {
        let pipe_bytes_max = site.limits.pipe_bytes_max;
        let mut incoming = Pipe::new(pipe_bytes_max);
        if body.is_done() {
            incoming.close();
        }
        Exchange {
            slot,
            owes_continue: request.head.expects_continue,
            keep: false,
            request,
            site: Arc::clone(site),
            body,
            incoming,
            outgoing: Pipe::new(pipe_bytes_max),
            lines: Vec::new(),
            head: None,
            framing: Framing::None,
            left: 0,
            status: Status::OK,
            stage: Stage::Working,
            begun: now,
            waited: Duration::ZERO,
            waits_since: None,
            wake_at: None,
            bytes_in: 0,
            bytes_out: 0,
            wanted: Arc::default(),
        }
    }

    /// The request as others see it, and how its connection is secured.
    pub fn view<'a>(&'a self, tls: Option<&'a TlsInfo>) -> RequestView<'a> {
        let route = self.site.route(self.request.route);
        self.request.view(route, tls)
    }

    /// Whether body bytes have a place to go now.
    pub fn takes_body(&self) -> bool {
        !self.body.is_done()
            && match self.stage {
                Stage::Collecting(_) => true,
                Stage::Streaming { .. } => self.incoming.room() > 0,
                _ => false,
            }
    }

    /// Whether nothing can happen before more of the request's body arrives.
    pub fn waits_for_body(&self) -> bool {
        !self.body.is_done()
            && self.incoming.is_empty()
            && match self.stage {
                Stage::Collecting(_) => true,
                Stage::Streaming { wants_body, .. } => wants_body,
                _ => false,
            }
    }

    /// Blocks that the pipes hold.
    #[cfg(test)]
    pub fn blocks(&self) -> usize {
        self.incoming.blocks() + self.outgoing.blocks()
    }

    /// Whether the response has begun: its head is queued.
    pub fn has_answered(&self) -> bool {
        match self.stage {
            Stage::Collecting(_) | Stage::Working | Stage::Delivered(_) => false,
            Stage::Streaming { .. } | Stage::Sending(_) => self.head.is_none(),
            Stage::Done => true,
        }
    }

    /// Whether the response has begun and is not complete.
    pub fn is_under_way(&self) -> bool {
        self.has_answered() && !matches!(self.stage, Stage::Done)
    }

    /// Whether what is unread of the request's body is so little that it is thrown away to keep the
    /// connection.
    pub fn may_skip_rest(&self) -> bool {
        // A client that waits for 100 Continue may send the body or not: nobody can tell.
        let little = |left| left <= self.site.limits.skip_bytes_max;
        self.body.is_done() || (!self.owes_continue && self.body.remaining().is_some_and(little))
    }

    /// Whether a client that has shut its sending side is taken to have left.
    pub fn is_left_by_half_close(&self) -> bool {
        self.site.route(self.request.route).half_close == HalfClose::Default
    }

    /// When the body is too slow. Only the time counts in which nothing but the body was waited
    /// for: that a stream does not want it, or has no room for it, is not the client's fault.
    pub fn rate_deadline(&self, now: Instant) -> Instant {
        let limits = &self.site.limits;
        let allowed = time_for(self.bytes_in, limits.body_rate_min);
        now + limits
            .body_timeout
            .saturating_add(allowed)
            .saturating_sub(self.waited)
    }

    /// Takes note of whether from now on the body is waited for.
    pub fn wait_for_body(&mut self, waits: bool, now: Instant) {
        if let Some(since) = self.waits_since {
            self.waited += now.since(since);
        }
        self.waits_since = waits.then_some(now);
    }

    /// The stream is to be pulled.
    pub fn wake(&mut self) {
        self.wake_at = None;
        if let Stage::Streaming { ready, .. } = &mut self.stage {
            *ready = true;
        }
    }

    /// More of the request's body is there: the stream is to be pulled if it looked for it.
    pub fn let_stream_look(&mut self) {
        if let Stage::Streaming {
            ready, wants_body, ..
        } = &mut self.stage
        {
            *ready |= *wants_body;
        }
    }

    /// Gives the pipes' blocks back.
    pub fn release(&mut self, pool: &mut Pool) {
        self.incoming.clear(pool);
        self.outgoing.clear(pool);
    }
}

/// The time that `bytes` take at `rate` bytes a second; endless for a rate of 0.
pub(super) fn time_for(bytes: u64, rate: u32) -> Duration {
    match rate {
        0 => Duration::MAX,
        rate => Duration::from_millis(bytes.saturating_mul(1000) / u64::from(rate)),
    }
}

/// A worker's exchanges. One that is being driven is out of its place, which stays reserved for it.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    arena: Arena<Option<Box<Exchange>>>,
}

impl Exchanges {
    /// Reserves an id.
    pub fn reserve(&mut self) -> Key {
        self.arena.insert(None)
    }

    /// Puts an exchange in the place of its id.
    pub fn check_in(&mut self, id: Key, exchange: Box<Exchange>) {
        if let Some(place) = self.arena.get_mut(id) {
            *place = Some(exchange);
        }
    }

    /// Takes an exchange out to drive it.
    pub fn check_out(&mut self, id: Key) -> Option<Box<Exchange>> {
        self.arena.get_mut(id)?.take()
    }

    /// The exchange of this id, if it still exists.
    pub fn get_mut(&mut self, id: Key) -> Option<&mut Exchange> {
        self.arena.get_mut(id)?.as_deref_mut()
    }

    /// Frees an id: what is addressed to it from now on finds nothing.
    pub fn remove(&mut self, id: Key) -> Option<Box<Exchange>> {
        self.arena.remove(id).flatten()
    }

    /// The id of the exchange in the place of this one, which may be over.
    pub fn in_place_of(&self, id: Key) -> Key {
        self.arena.key_at(id.index()).unwrap_or(id)
    }

    /// Exchanges open now.
    pub fn len(&self) -> usize {
        self.arena.len()
    }

    /// Blocks that all pipes hold.
    #[cfg(test)]
    pub fn blocks(&self) -> usize {
        let keys = self.arena.keys();
        keys.iter()
            .filter_map(|key| self.arena.get(*key)?.as_deref())
            .map(Exchange::blocks)
            .sum()
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Collecting(_) => "Collecting",
            Stage::Working => "Working",
            Stage::Delivered(_) => "Delivered",
            Stage::Streaming { .. } => "Streaming",
            Stage::Sending(_) => "Sending",
            Stage::Done => "Done",
        })
    }
}

/// A reply that a job has made, with what it wrote.
pub(super) type Finished = Box<(Reply, ReplyBuffer)>;
