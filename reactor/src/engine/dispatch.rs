//! From a request's head to a reply: routing, middleware, handler, observers.
//!
//! Foreign code runs here and nowhere else, and only behind [`guarded`].

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::context::Context;
use super::site::{Found, RouteId, Site};
use super::stats::WorkerStats;
use crate::http::{Field, Framing, Method, RequestHead, Status, TargetForm, uri};
use crate::router::{MethodSet, Params};
use crate::service::{Reply, ReplyBuffer, ReplyHead, Request, RequestView, Route, Summary};
use crate::transport::Peer;
use crate::transport::tls::TlsInfo;

/// Who answers a request.
pub(super) enum Routed {
    /// The handler of a route.
    Handler(RouteId),
    /// The engine, although the request belongs to a route.
    Engine(RouteId, Reply),
}

/// Finds who answers `head`; `text` is what it was parsed from. Leaves the path's parameters, and
/// its normal form if it was not in it, in `cx`, and fields of an answer of the engine's own in the
/// reply buffer.
#[inline]
pub(super) fn route(
    site: &Site,
    head: &RequestHead,
    text: &[u8],
    tls: Option<&TlsInfo>,
    cx: &mut Context,
) -> Routed {
    cx.path.clear();
    if tls.is_some_and(|tls| !is_covered(tls, head.host.of(text))) {
        return Routed::Engine(
            RouteId::UNMATCHED,
            Reply::in_words(Status::MISDIRECTED_REQUEST),
        );
    }
    let sent = head.path.of(text);
    if (head.form != TargetForm::Origin || uri::needs_normalising(sent))
        && let Err(reply) = normal_path(head, sent, &mut cx.path)
    {
        return Routed::Engine(RouteId::UNMATCHED, reply);
    }
    let path = if cx.path.is_empty() { sent } else { &cx.path };
    let found = site.find(head.host.of(text), path, head.method, &mut cx.params);
    let Found::Route(route) = found else {
        return unmatched(found, head.method, cx);
    };
    if let Framing::Length(length) = head.framing
        && length
            > site
                .route(route)
                .body_bytes_max
                .unwrap_or(site.limits.body_bytes_max)
    {
        return Routed::Engine(route, Reply::in_words(Status::CONTENT_TOO_LARGE));
    }
    Routed::Handler(route)
}

/// Whether a request for `host` may come over a connection that was opened with this TLS.
#[inline(never)]
fn is_covered(tls: &TlsInfo, host: &[u8]) -> bool {
    str::from_utf8(host).is_ok_and(|host| tls.covers(host))
}

/// Writes the normal form of a path into `out`, or leaves that empty if the path is in it.
///
/// # Errors
///
/// The answer to a target that is malformed, or that has no path.
#[cold]
fn normal_path(head: &RequestHead, sent: &[u8], out: &mut Vec<u8>) -> Result<(), Reply> {
    match head.form {
        TargetForm::Authority => Err(Reply::in_words(Status::NOT_IMPLEMENTED).closing()),
        TargetForm::Asterisk => Err(Reply::status(Status::NO_CONTENT)),
        TargetForm::Absolute if sent.is_empty() => {
            out.push(b'/');
            Ok(())
        }
        TargetForm::Origin | TargetForm::Absolute => {
            uri::normalise(sent, out).map_err(|_| Reply::in_words(Status::BAD_REQUEST))
        }
    }
}

/// The answer where no route takes the request.
fn unmatched(found: Found, method: Method, cx: &mut Context) -> Routed {
    let reply = match found {
        Found::OtherMethods(methods) => {
            allow(methods, &mut cx.reply);
            match method {
                Method::Options => Reply::status(Status::NO_CONTENT),
                _ => Reply::in_words(Status::METHOD_NOT_ALLOWED),
            }
        }
        Found::Nothing | Found::Route(_) => Reply::in_words(Status::NOT_FOUND),
    };
    Routed::Engine(RouteId::UNMATCHED, reply)
}

/// Writes `Allow` (RFC 9110 section 10.2.1): what is registered, HEAD where GET is, and OPTIONS,
/// which is always answered.
fn allow(mut methods: MethodSet, out: &mut ReplyBuffer) {
    methods |= MethodSet::of(Method::Options.index());
    if methods.contains(Method::Get.index()) {
        methods |= MethodSet::of(Method::Head.index());
    }
    let mut value = [0; 96];
    let mut at = 0;
    for method in Method::NAMED
        .iter()
        .filter(|method| methods.contains(method.index()))
    {
        for piece in [if at == 0 { "" } else { ", " }, method.as_str()] {
            value[at..at + piece.len()].copy_from_slice(piece.as_bytes());
            at += piece.len();
        }
    }
    out.field("Allow", &value[..at]);
}

/// Runs the middleware before the handler; a reply if one of them answers.
pub(super) fn before(request: &mut Request<'_>, stats: &WorkerStats) -> Option<Reply> {
    let route = request.view.route;
    if route.middleware.is_empty() {
        return None;
    }
    let run = || {
        route
            .middleware
            .iter()
            .find_map(|middleware| middleware.before(request))
    };
    guarded(stats, "middleware", run).unwrap_or_else(|| Some(panicked()))
}

/// The engine's own answer, as the site says it if it refuses the request.
#[cold]
pub(super) fn own_answer(
    own: Reply,
    site: &Site,
    request: &mut Request<'_>,
    stats: &WorkerStats,
) -> Reply {
    let Some(errors) = &site.error_handler else {
        return own;
    };
    if own.status.code() < 400 || own.close {
        return own;
    }
    let run = || errors.handle(own.status, request);
    match guarded(stats, "error handler", run) {
        Some(answer) => answer.unwrap_or(own),
        None => {
            request.out.reset();
            panicked()
        }
    }
}

/// Asks the handler.
#[inline]
pub(super) fn handle(request: &mut Request<'_>, stats: &WorkerStats) -> Reply {
    let handler = &request.view.route.handler;
    // The handler writes over it where it is: a reply handed up by value through `catch_unwind` is
    // copied twice on its way.
    let mut reply = Reply::status(Status::INTERNAL_SERVER_ERROR);
    if guarded(stats, "handler", || reply = handler.handle(request)).is_none() {
        request.out.reset();
        return panicked();
    }
    reply
}

/// Runs the middleware on the reply's head.
#[inline]
pub(super) fn after(
    view: &RequestView<'_>,
    reply: &mut Reply,
    buffer: &mut ReplyBuffer,
    stats: &WorkerStats,
) {
    let route = view.route;
    if route.middleware.is_empty() {
        return;
    }
    let Reply {
        status,
        content_type,
        ..
    } = reply;
    let mut head = ReplyHead {
        status,
        content_type,
        buffer,
    };
    let run = || {
        route
            .middleware
            .iter()
            .rev()
            .for_each(|one| one.after(view, &mut head))
    };
    if guarded(stats, "middleware", run).is_none() {
        buffer.reset();
        *reply = panicked();
    }
}

/// What the observers are told beside the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub status: Status,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// When the head had arrived.
    pub begun: crate::time::Instant,
}

/// Tells the observers of a finished request.
#[inline]
pub(super) fn observe(
    site: &Site,
    request: Option<RequestView<'_>>,
    peer: Peer,
    told: Told,
    scope: &mut ObserverScope<'_>,
) {
    if site.observers.list.is_empty() {
        return;
    }
    let duration = match site.observers.want_timings {
        true => scope.clock.now().since(told.begun),
        false => Duration::ZERO,
    };
    let summary = Summary {
        request,
        peer,
        status: told.status,
        bytes_in: told.bytes_in,
        bytes_out: told.bytes_out,
        at: scope.dates.wall_at(told.begun),
        duration,
    };
    let local = &mut *scope.local;
    let run = || {
        site.observers
            .list
            .iter()
            .for_each(|one| one.observe(&summary, local))
    };
    let _ = guarded(scope.stats, "observer", run);
    scope.flush_due.get_or_insert(scope.now + FLUSH_INTERVAL);
}

/// The parts of the context that observing needs, so that the request can be borrowed from others.
pub(super) struct ObserverScope<'a> {
    pub clock: &'a crate::time::Clock,
    pub dates: &'a super::context::Dates,
    pub local: &'a mut dyn Any,
    pub stats: &'a WorkerStats,
    pub flush_due: &'a mut Option<crate::time::Instant>,
    pub now: crate::time::Instant,
}

/// Observers are asked to hand on what they gathered this often.
const FLUSH_INTERVAL: Duration = Duration::from_millis(100);

/// Asks the observers to hand on what they gathered.
pub(super) fn flush_observers(site: &Site, cx: &mut Context) {
    cx.flush_due = None;
    let local: &mut dyn Any = &mut *cx.local;
    let run = || site.observers.list.iter().for_each(|one| one.flush(local));
    let _ = guarded(&cx.stats, "observer", run);
}

/// Runs foreign code; `None` if it panicked.
#[inline]
pub(super) fn guarded<T>(stats: &WorkerStats, who: &str, run: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(value) => Some(value),
        Err(_) => {
            stats.panics.increment();
            log::error!("a {who} panicked");
            None
        }
    }
}

/// The reply in place of one that a panic has prevented.
#[cold]
pub(super) fn panicked() -> Reply {
    Reply::in_words(Status::INTERNAL_SERVER_ERROR).closing()
}

/// Where a request comes from.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub peer: Peer,
    pub tls: Option<&'a TlsInfo>,
}

/// A request whose head is where it was received, at the start of `text`.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub text: &'a [u8],
    pub head: &'a RequestHead,
    pub route: RouteId,
}

impl<'a> Asked<'a> {
    /// The view of this request; the tables are the worker's.
    #[inline]
    pub fn view(
        &self,
        fields: &'a [Field],
        params: &'a Params,
        path: &'a [u8],
        route: &'a Route,
        origin: Origin<'a>,
    ) -> RequestView<'a> {
        let Asked { text, head, .. } = *self;
        let path = (!path.is_empty()).then_some(path);
        RequestView {
            text,
            fields,
            head,
            path,
            params,
            route,
            peer: origin.peer,
            tls: origin.tls,
        }
    }
}
