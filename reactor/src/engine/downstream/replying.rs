//! Replies on their way out: heads and bodies queued, observers told.

use std::sync::Arc;

use super::Downstream;
use crate::engine::context::Context;
use crate::engine::dispatch::{self, Asked, ObserverScope, Told};
use crate::engine::site::Site;
use crate::http::{Framing, Method, RequestHead, Status, Version};
use crate::proto::h1::{Persistence, ResponseFields, write_head};
use crate::service::{Body, Reply, RequestView};

/// Bodies up to this length are copied behind their head: cheaper than a piece of their own.
const COPIED_BYTES_MAX: usize = 4 << 10;

impl Downstream {
    /// Whether the connection may be used for another request after this one.
    #[inline]
    pub(super) fn may_persist(
        &self,
        head: &RequestHead,
        reply: &Reply,
        site: &Site,
        cx: &Context,
    ) -> bool {
        let requests_max = site.limits.requests_max;
        head.keep_alive
            && !reply.close
            && cx.draining.is_none()
            && (requests_max == 0 || self.requests < requests_max)
    }

    /// Queues a reply that is in memory; returns the length of the body that was queued. A reply
    /// that does not fit into what is left of the pool becomes a bare 500, and the last.
    #[inline]
    pub(super) fn queue_reply(
        &mut self,
        head: &RequestHead,
        reply: Reply,
        keep: &mut bool,
        cx: &mut Context,
    ) -> u64 {
        let Context {
            out,
            pool,
            dates,
            reply: buffer,
            ..
        } = cx;
        let length = reply.body.bytes(buffer.body_bytes()).len();
        let bodiless = reply.status.is_bodiless();
        let fields = ResponseFields {
            status: reply.status,
            content_type: reply.content_type,
            lines: buffer.field_lines(),
            framing: match bodiless {
                true => Framing::None,
                false => Framing::Length(length as u64),
            },
            persistence: persistence(head, *keep),
        };
        let goes = !bodiless && head.method != Method::Head;
        let prepared = match &reply.body {
            Body::Shared(body) if goes && length > COPIED_BYTES_MAX => {
                dates.prepared.find(&dates.prelude, &fields, body)
            }
            _ => None,
        };
        if let Some(whole) = prepared {
            out.push_shared(Arc::clone(whole));
            return length as u64;
        }
        let copied = match goes && length <= COPIED_BYTES_MAX {
            true => reply.body.bytes(buffer.body_bytes()),
            false => &[],
        };
        if write_head(out, pool, &mut dates.prelude, &fields, copied).is_err() {
            *keep = false;
            queue_bare_error(cx);
            return 0;
        }
        if !goes {
            return 0;
        }
        if length > COPIED_BYTES_MAX {
            match reply.body {
                Body::Static(bytes) => out.push_static(bytes),
                Body::Shared(bytes) => out.push_shared(bytes),
                Body::Owned(bytes) => out.push_owned(bytes),
                Body::Written => queue_written(cx),
                _ => {}
            }
        }
        length as u64
    }

    /// Queues an answer to what could not be read as a request, or was not waited for; the last
    /// one. Its body is left out where the client does not want it.
    pub(super) fn answer_unread(
        &mut self,
        reply: Reply,
        wants_body: bool,
        site: &Site,
        cx: &mut Context,
    ) {
        cx.reply.reset();
        let status = reply.status;
        let body = match reply.body {
            Body::Static(bytes) => bytes,
            _ => b"",
        };
        let fields = ResponseFields {
            status,
            content_type: reply.content_type,
            lines: b"",
            framing: Framing::Length(body.len() as u64),
            persistence: Persistence::Close,
        };
        let sent = if wants_body { body } else { b"" };
        // Without a block there is no answer; the connection is closed all the same.
        let _ = write_head(
            &mut cx.out,
            &mut cx.pool,
            &mut cx.dates.prelude,
            &fields,
            sent,
        );
        let told = Told {
            status,
            bytes_in: 0,
            bytes_out: sent.len() as u64,
            begun: cx.now,
        };
        let mut scope = scope(cx);
        dispatch::observe(site, None, self.peer, told, &mut scope);
    }

    /// Tells the observers of a request that was answered at once.
    pub(super) fn tell(&self, asked: &Asked<'_>, site: &Site, told: Told, cx: &mut Context) {
        let route = site.route(asked.route);
        let view = asked.view(&cx.fields, &cx.params, &cx.path, route, self.origin());
        let mut scope = ObserverScope {
            clock: &cx.clock,
            dates: &cx.dates,
            local: &mut *cx.local,
            stats: &cx.stats,
            flush_due: &mut cx.flush_due,
            now: cx.now,
        };
        dispatch::observe(site, Some(view), self.peer, told, &mut scope);
    }

    /// Tells the observers of a request whose head was taken along.
    pub(super) fn tell_later(
        &self,
        view: RequestView<'_>,
        site: &Site,
        told: Told,
        cx: &mut Context,
    ) {
        dispatch::observe(site, Some(view), self.peer, told, &mut scope(cx));
    }
}

/// Whether the answer to what begins with `text` has a body, if that is a request (RFC 9110 section
/// 9.3.2).
pub(super) fn wants_body(text: &[u8]) -> bool {
    // An empty line before a request does not count (RFC 9112 section 2.2).
    let text = text.strip_prefix(b"\r\n").unwrap_or(text);
    !text.starts_with(b"HEAD ")
}

/// What the response to `head` says of the connection.
#[inline]
pub(super) fn persistence(head: &RequestHead, keep: bool) -> Persistence {
    match (keep, head.version) {
        (false, _) => Persistence::Close,
        (true, Version::Http10) => Persistence::KeepAlive,
        (true, Version::Http11) => Persistence::Implied,
    }
}

/// Queues a long body that was written into the reply buffer: copied if it fits into a block, which
/// costs no allocation, else taken out of the buffer.
fn queue_written(cx: &mut Context) {
    let Context {
        out, reply, pool, ..
    } = cx;
    let bytes = reply.body_bytes();
    match out.room(bytes.len(), pool) {
        Ok(room) => {
            room[..bytes.len()].copy_from_slice(bytes);
            out.grow(bytes.len());
        }
        Err(_) => out.push_owned(reply.take_body()),
    }
}

/// Copies a few bytes to the end of the output, or queues them where they are if there is no block.
pub(super) fn queue_static(bytes: &'static [u8], cx: &mut Context) {
    match cx.out.room(bytes.len(), &mut cx.pool) {
        Ok(room) => {
            room[..bytes.len()].copy_from_slice(bytes);
            cx.out.grow(bytes.len());
        }
        Err(_) => cx.out.push_static(bytes),
    }
}

/// Queues the answer in place of one whose head cannot be written.
#[cold]
fn queue_bare_error(cx: &mut Context) {
    log::error!("the head of a reply is larger than a block, or the buffers are used up");
    let bare = ResponseFields {
        status: Status::INTERNAL_SERVER_ERROR,
        content_type: None,
        lines: b"",
        framing: Framing::Length(0),
        persistence: Persistence::Close,
    };
    // Without a block there is no answer at all; the connection is closed after it anyway.
    let _ = write_head(&mut cx.out, &mut cx.pool, &mut cx.dates.prelude, &bare, b"");
}

fn scope(cx: &mut Context) -> ObserverScope<'_> {
    ObserverScope {
        clock: &cx.clock,
        dates: &cx.dates,
        local: &mut *cx.local,
        stats: &cx.stats,
        flush_due: &mut cx.flush_due,
        now: cx.now,
    }
}
