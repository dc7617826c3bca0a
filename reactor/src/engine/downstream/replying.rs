//! Replies on their way out: heads and bodies queued, observers told.

use super::Downstream;
use crate::engine::context::Context;
use crate::engine::dispatch::{self, ObserverScope, Told};
use crate::engine::site::{RouteId, Site};
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
        let length = dispatch::length_in_memory(&reply, &cx.reply).unwrap_or(0);
        let framing = match reply.status.is_bodiless() {
            true => Framing::None,
            false => Framing::Length(length as u64),
        };
        let fields = ResponseFields {
            status: reply.status,
            content_type: reply.content_type,
            lines: cx.reply.field_lines(),
            framing,
            persistence: persistence(head, *keep),
        };
        if write_head(&mut cx.out, &mut cx.pool, &cx.dates.prelude, &fields).is_err() {
            log::error!("the head of a reply is larger than a block, or the buffers are used up");
            *keep = false;
            let bare = ResponseFields {
                status: Status::INTERNAL_SERVER_ERROR,
                content_type: None,
                lines: b"",
                framing: Framing::Length(0),
                persistence: Persistence::Close,
            };
            let _ = write_head(&mut cx.out, &mut cx.pool, &cx.dates.prelude, &bare);
            return 0;
        }
        if head.method == Method::Head || framing == Framing::None {
            return 0;
        }
        self.queue_body(reply.body, cx);
        length as u64
    }

    /// Queues a body that is in memory.
    #[inline]
    fn queue_body(&mut self, body: Body, cx: &mut Context) {
        match body {
            Body::Static(bytes) if bytes.len() > COPIED_BYTES_MAX => cx.out.push_static(bytes),
            Body::Shared(bytes) if bytes.len() > COPIED_BYTES_MAX => cx.out.push_shared(bytes),
            Body::Owned(bytes) if bytes.len() > COPIED_BYTES_MAX => cx.out.push_owned(bytes),
            Body::Written if cx.reply.body_bytes().len() > cx.pool.block_bytes() => {
                cx.out.push_owned(cx.reply.take_body());
            }
            Body::Static(bytes) => copy(bytes, cx),
            Body::Shared(bytes) => copy(&bytes, cx),
            Body::Owned(bytes) => copy(&bytes, cx),
            Body::Written => {
                let Context {
                    out, reply, pool, ..
                } = cx;
                if out.append(reply.body_bytes(), pool).is_err() {
                    out.push_owned(reply.take_body());
                }
            }
            Body::Empty | Body::File(_) | Body::Stream(..) | Body::Job(_) => {}
        }
    }

    /// Queues an answer to what could not be read as a request, or was not waited for; the last one.
    pub(super) fn answer_unread(&mut self, status: Status, site: &Site, cx: &mut Context) {
        cx.reply.reset();
        let reply = dispatch::error(status);
        let length = dispatch::length_in_memory(&reply, &cx.reply).unwrap_or(0);
        let fields = ResponseFields {
            status,
            content_type: reply.content_type,
            lines: b"",
            framing: Framing::Length(length as u64),
            persistence: Persistence::Close,
        };
        if write_head(&mut cx.out, &mut cx.pool, &cx.dates.prelude, &fields).is_ok() {
            self.queue_body(reply.body, cx);
        }
        let told = Told {
            status,
            bytes_in: 0,
            bytes_out: length as u64,
            begun: cx.now,
        };
        let mut scope = scope(cx);
        dispatch::observe(site, None, self.peer, told, &mut scope);
    }

    /// Tells the observers of a request that was answered at once.
    #[inline]
    pub(super) fn tell(
        &self,
        text: &[u8],
        head: &RequestHead,
        site: &Site,
        id: RouteId,
        told: Told,
        cx: &mut Context,
    ) {
        if site.observers.list.is_empty() {
            return;
        }
        let route = site.route(id);
        let view = dispatch::view(
            text,
            head,
            (&cx.fields, &cx.params, &cx.path),
            route,
            self.peer,
        );
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

/// What the response to `head` says of the connection.
#[inline]
pub(super) fn persistence(head: &RequestHead, keep: bool) -> Persistence {
    match (keep, head.version) {
        (false, _) => Persistence::Close,
        (true, Version::Http10) => Persistence::KeepAlive,
        (true, Version::Http11) => Persistence::Implied,
    }
}

/// Copies `bytes` into the output, or keeps them on the heap when the pool is empty.
#[inline]
fn copy(bytes: &[u8], cx: &mut Context) {
    let room = cx.out.room(bytes.len(), &mut cx.pool);
    match room {
        Ok(room) => {
            room[..bytes.len()].copy_from_slice(bytes);
            cx.out.grow(bytes.len());
        }
        Err(_) => cx.out.push_owned(bytes.to_vec()),
    }
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
