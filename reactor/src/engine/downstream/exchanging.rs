//! Driving an exchange: its body in, its response begun and ended. How the response's body goes out
//! is in `streaming`.

use std::sync::Arc;

use super::replying::{persistence, queue_static};
use super::{Budget, Downstream, Intake, State, Step};
use crate::engine::arena::Key;
use crate::engine::context::Context;
use crate::engine::dispatch::{self, Told};
use crate::engine::exchange::{Exchange, PendingHead, Stage};
use crate::engine::jobs::{Asker, Work};
use crate::engine::mutation::Mutation;
use crate::engine::socket::Sent;
use crate::engine::starved::Need;
use crate::http::{Framing, Method, Status, Version};
use crate::proto::h1::{CONTINUE, ResponseFields, write_head};
use crate::service::{Body, Next, Reply, Request};

/// What a look at an exchange came to.
pub(super) enum Run {
    /// Something has moved: look again.
    Moved,
    /// Nothing can be done now.
    Waits,
    /// The response is complete; the connection goes on in this state.
    Over(State),
    /// The response cannot be completed, and the client has to notice: what is queued is still
    /// sent.
    Cut,
    /// The client has left.
    Left,
}

impl Downstream {
    /// Begins an exchange, with its reply if that is known.
    pub(super) fn begin_exchange(
        &mut self,
        mut exchange: Exchange,
        reply: Option<Reply>,
        cx: &mut Context,
    ) {
        let id = cx.exchanges.reserve();
        cx.stats.exchanges.increment();
        if let Some(reply) = reply {
            self.begin_response(&mut exchange, reply, id, cx);
        }
        cx.exchanges.check_in(id, Box::new(exchange));
        self.state = State::Exchanging(id);
    }

    /// Moves what can be moved between the client and the exchange.
    #[inline(never)]
    pub(super) fn drive_exchange(
        &mut self,
        key: Key,
        id: Key,
        cx: &mut Context,
        budget: &mut Budget,
    ) -> Step {
        let Some(mut exchange) = cx.exchanges.check_out(id) else {
            return Step::Close;
        };
        loop {
            let run = self.run_exchange(&mut exchange, key, id, cx, budget);
            let sent = self.flush(cx);
            if sent == Sent::Broken {
                cx.exchanges.check_in(id, exchange);
                return Step::Close;
            }
            match run {
                Run::Moved if budget.is_spent() || sent == Sent::More => {
                    self.queue(key, cx);
                    cx.exchanges.check_in(id, exchange);
                    return Step::Wait;
                }
                Run::Moved => {}
                Run::Waits => {
                    // What it waits for may be that this is sent.
                    if sent == Sent::More {
                        self.queue(key, cx);
                    }
                    cx.exchanges.check_in(id, exchange);
                    return Step::Wait;
                }
                Run::Over(state) => {
                    let status = exchange.status;
                    self.end_exchange(exchange, id, status, cx);
                    self.state = state;
                    return Step::Go;
                }
                Run::Cut => {
                    let status = exchange.status;
                    self.end_exchange(exchange, id, status, cx);
                    // What the client still sends must not destroy what it has not read yet.
                    self.state = State::Closing { lingers: true };
                    return Step::Go;
                }
                Run::Left => {
                    cx.exchanges.check_in(id, exchange);
                    self.abandon_exchange(id, cx);
                    // Earlier answers still go out.
                    self.state = State::Closing {
                        lingers: self.socket.can_read(),
                    };
                    return Step::Go;
                }
            }
        }
    }

    fn run_exchange(
        &mut self,
        exchange: &mut Exchange,
        key: Key,
        id: Key,
        cx: &mut Context,
        budget: &mut Budget,
    ) -> Run {
        let received = match self.receive_body(exchange, key, cx, budget) {
            Ok(received) => received,
            Err(run) => return run,
        };
        let run = match &exchange.stage {
            Stage::Collecting(_) if exchange.body.is_done() => {
                if !self.has_output_blocks(key, cx) {
                    return Run::Waits;
                }
                self.finish_collecting(exchange, id, cx);
                Run::Moved
            }
            Stage::Collecting(_) => self.ask_for_body(exchange, cx),
            Stage::Working if self.socket.saw_close() && exchange.is_left_by_half_close() => {
                return Run::Left;
            }
            Stage::Working => Run::Waits,
            Stage::Delivered(_) => {
                if !self.has_output_blocks(key, cx) {
                    return Run::Waits;
                }
                self.take_delivery(exchange, id, cx);
                Run::Moved
            }
            Stage::Streaming { .. } => self.pull(exchange, key, id, cx, budget),
            Stage::Sending(_) => self.send_file(exchange, key, id, cx, budget),
            Stage::Done if cx.out.is_empty() => return Run::Over(self.after_response(exchange)),
            Stage::Done if self.socket.can_write() => Run::Moved,
            Stage::Done => Run::Waits,
        };
        match run {
            Run::Waits if received => Run::Moved,
            run => run,
        }
    }

    /// Reads the request's body as far as there is a place for it. Whether anything came, or why
    /// the exchange cannot go on.
    fn receive_body(
        &mut self,
        exchange: &mut Exchange,
        key: Key,
        cx: &mut Context,
        budget: &mut Budget,
    ) -> Result<bool, Run> {
        if !exchange.takes_body() {
            return Ok(false);
        }
        let before = (exchange.bytes_in, exchange.body.is_done());
        let mut body = exchange.body;
        let site = Arc::clone(&exchange.site);
        let (mut overloaded, mut starves) = (false, false);
        let intake = self.take_in(&mut body, &site.limits, key, cx, budget, |cx, data| {
            let taken = match &mut exchange.stage {
                Stage::Collecting(collected) => {
                    cx.collected_bytes += data.len();
                    overloaded |= cx.collected_bytes > site.limits.collected_bytes_max;
                    collected.extend_from_slice(data);
                    data.len()
                }
                _ if cx.pool.can_lend() => exchange.incoming.write(data, &mut cx.pool).unwrap_or(0),
                _ => 0,
            };
            starves = taken < data.len() && exchange.incoming.room() > 0;
            exchange.bytes_in += taken as u64;
            taken
        });
        exchange.body = body;
        if starves {
            self.starve(key, Need::Input, cx);
        }
        let received = (exchange.bytes_in, exchange.body.is_done()) != before;
        if exchange.body.is_done() {
            exchange.incoming.close();
        }
        if received {
            exchange.let_stream_look();
            // A client that sends its body without being asked to does not wait for that.
            exchange.owes_continue = false;
        }
        if overloaded {
            return Err(self.fail(exchange, Status::SERVICE_UNAVAILABLE, cx));
        }
        match intake {
            Intake::Violated(violation) => {
                log::debug!("{}: {violation}", self.peer);
                Err(self.fail(exchange, violation.status(), cx))
            }
            Intake::Left => Err(Run::Left),
            Intake::Complete | Intake::Blocked | Intake::Full => Ok(received),
        }
    }

    /// Sends `100 Continue` if the client waits for it.
    pub(super) fn ask_for_body(&mut self, exchange: &mut Exchange, cx: &mut Context) -> Run {
        if !exchange.owes_continue {
            return Run::Waits;
        }
        queue_static(CONTINUE, cx);
        exchange.owes_continue = false;
        Run::Moved
    }

    /// The body is complete: asks the handler.
    fn finish_collecting(&mut self, exchange: &mut Exchange, id: Key, cx: &mut Context) {
        let stage = std::mem::replace(&mut exchange.stage, Stage::Working);
        let Stage::Collecting(body) = stage else {
            return;
        };
        cx.collected_bytes -= body.len();
        cx.reply.reset();
        cx.reply.prepend_lines(&exchange.lines);
        let reply = {
            let mut request = Request {
                view: exchange.view(self.socket.tls_info()),
                body: &body,
                out: &mut cx.reply,
                local: &mut *cx.local,
                now: cx.now,
                wall: cx.wall,
            };
            dispatch::handle(&mut request, &cx.stats)
        };
        self.begin_response(exchange, reply, id, cx);
    }

    /// A job has made its reply.
    fn take_delivery(&mut self, exchange: &mut Exchange, id: Key, cx: &mut Context) {
        let stage = std::mem::replace(&mut exchange.stage, Stage::Working);
        let Stage::Delivered(finished) = stage else {
            return;
        };
        cx.reply.reset();
        let reply = match finished {
            Some(finished) => {
                let (reply, buffer) = *finished;
                cx.reply = buffer;
                reply
            }
            None => dispatch::panicked(),
        };
        cx.reply.prepend_lines(&exchange.lines);
        let reply = match reply.body {
            Body::Job(..) => {
                log::error!("a job returned another job");
                cx.reply.reset();
                dispatch::panicked()
            }
            Body::Then(next) => self.make_reply(exchange, next, cx),
            _ => reply,
        };
        self.begin_response(exchange, reply, id, cx);
    }

    /// Has the reply made that a job has left to be made here.
    fn make_reply(&mut self, exchange: &Exchange, next: Next, cx: &mut Context) -> Reply {
        let mut request = Request {
            view: exchange.view(self.socket.tls_info()),
            body: &[],
            out: &mut cx.reply,
            local: &mut *cx.local,
            now: cx.now,
            wall: cx.wall,
        };
        let made = dispatch::guarded(&cx.stats, "handler", || next(&mut request));
        made.unwrap_or_else(|| {
            cx.reply.reset();
            dispatch::panicked()
        })
    }

    /// Takes a reply into the exchange. What is in memory is queued whole.
    fn begin_response(
        &mut self,
        exchange: &mut Exchange,
        mut reply: Reply,
        id: Key,
        cx: &mut Context,
    ) {
        if let Body::Job(job, pace) = reply.body {
            exchange.lines = cx.reply.field_lines().to_vec();
            exchange.stage = Stage::Working;
            let asker = Asker::new(id, &cx.address, &exchange.wanted);
            match cx.jobs.submit(Work::Reply(job), pace, asker) {
                Ok(()) => return,
                Err(_) => reply = Reply::in_words(Status::SERVICE_UNAVAILABLE),
            }
        }
        if let Body::Then(_) = reply.body {
            log::error!("a reply that only a job may leave came from elsewhere");
            cx.reply.reset();
            reply = dispatch::panicked();
        }
        dispatch::after(
            &exchange.view(self.socket.tls_info()),
            &mut reply,
            &mut cx.reply,
            &cx.stats,
        );
        exchange.status = reply.status;
        let head = &exchange.request.head;
        exchange.keep = self.may_persist(head, &reply, &exchange.site, cx);
        let bodiless = head.method == Method::Head || reply.status.is_bodiless();
        exchange.framing = match (&reply.body, reply.status.is_bodiless(), head.version) {
            (_, true, _) => Framing::None,
            (Body::Stream(_, Some(length)), ..) => Framing::Length(*length),
            (Body::Stream(_, None), _, Version::Http11) => Framing::Chunked,
            (Body::Stream(_, None), _, Version::Http10) => Framing::UntilClose,
            (Body::File(file), ..) => Framing::Length(file.len()),
            _ => {
                exchange.keep &= exchange.may_skip_rest();
                exchange.bytes_out =
                    self.queue_reply(&exchange.request.head, reply, &mut exchange.keep, cx);
                exchange.stage = Stage::Done;
                return;
            }
        };
        exchange.head = Some(PendingHead {
            content_type: reply.content_type,
            lines: cx.reply.field_lines().to_vec(),
        });
        exchange.stage = match reply.body {
            Body::Stream(stream, _) if !bodiless => {
                exchange.left = match exchange.framing {
                    Framing::Length(length) => length,
                    _ => u64::MAX,
                };
                Stage::streaming(stream)
            }
            Body::File(file) if !bodiless => self.begin_sending(file, &exchange.site, &cx.stats),
            _ => Stage::Done,
        };
        if matches!(exchange.stage, Stage::Done) && !self.queue_head(exchange, cx) {
            exchange.keep = false;
        }
    }

    /// Queues the head of a response that is not in memory, unless that has been done. False if it
    /// cannot be.
    pub(super) fn queue_head(&mut self, exchange: &mut Exchange, cx: &mut Context) -> bool {
        let Some(head) = &exchange.head else {
            return true;
        };
        let request = &exchange.request.head;
        if exchange.framing == Framing::UntilClose {
            exchange.keep = false;
        }
        if exchange.owes_continue || !matches!(exchange.stage, Stage::Streaming { .. }) {
            exchange.keep &= exchange.may_skip_rest();
        }
        let fields = ResponseFields {
            status: exchange.status,
            content_type: head.content_type,
            lines: &head.lines,
            framing: exchange.framing,
            persistence: persistence(request, exchange.keep),
        };
        let prelude = &mut cx.dates.prelude;
        if write_head(&mut cx.out, &mut cx.pool, prelude, &fields, b"").is_err() {
            return false;
        }
        exchange.head = None;
        // A client that waits for 100 Continue has been answered without it.
        exchange.owes_continue = false;
        true
    }

    /// Answers with an error if nothing has been sent yet, else cuts the response. Either way it is
    /// the end of the connection.
    pub(super) fn fail(
        &mut self,
        exchange: &mut Exchange,
        status: Status,
        cx: &mut Context,
    ) -> Run {
        if exchange.has_answered() {
            return Run::Cut;
        }
        if let Stage::Collecting(body) = &exchange.stage {
            cx.collected_bytes -= body.len();
        }
        exchange.head = None;
        exchange.stage = Stage::Done;
        exchange.keep = false;
        exchange.status = status;
        cx.reply.reset();
        let reply = Reply::in_words(status);
        exchange.bytes_out =
            self.queue_reply(&exchange.request.head, reply, &mut exchange.keep, cx);
        Run::Moved
    }

    /// The state of the connection after a complete response.
    fn after_response(&self, exchange: &Exchange) -> State {
        match (exchange.keep, exchange.body.is_done()) {
            (true, true) => State::Reading,
            (true, false) if exchange.may_skip_rest() => State::Skipping(exchange.body),
            (_, false) => State::Closing { lingers: true },
            (false, true) => {
                let lingers = exchange.request.head.keep_alive
                    || !self.input.is_empty()
                    || self.socket.expects_more();
                State::Closing { lingers }
            }
        }
    }

    /// Frees the exchange and tells the observers.
    fn end_exchange(
        &mut self,
        mut exchange: Box<Exchange>,
        id: Key,
        status: Status,
        cx: &mut Context,
    ) {
        cx.exchanges.remove(id);
        cx.stats.exchanges.decrement();
        if exchange.is_under_way() && !cx.mutated(Mutation::CutForgotten) {
            self.socket.cut();
        }
        if !cx.mutated(Mutation::LeakedBlock) {
            exchange.release(&mut cx.pool);
        }
        if let Stage::Collecting(body) = &exchange.stage {
            cx.collected_bytes -= body.len();
        }
        self.begin_phase();
        let told = Told {
            status,
            bytes_in: exchange.bytes_in,
            bytes_out: exchange.bytes_out,
            begun: exchange.begun,
        };
        let view = exchange.view(self.socket.tls_info());
        self.tell_later(view, &exchange.site, told, cx);
    }

    /// The connection is over before its exchange was.
    pub(super) fn abandon_exchange(&mut self, id: Key, cx: &mut Context) {
        if let Some(exchange) = cx.exchanges.check_out(id) {
            cx.stats.abandoned.increment();
            self.end_exchange(exchange, id, Status::CLIENT_CLOSED_REQUEST, cx);
        }
    }

    /// The body is overdue.
    pub(super) fn abandon_body(&mut self, cx: &mut Context) {
        self.abort(Status::REQUEST_TIMEOUT, cx);
    }

    /// A job has taken too long: its result will find nobody. What had begun is cut.
    pub(super) fn abandon_job(&mut self, cx: &mut Context) {
        self.abort(Status::SERVICE_UNAVAILABLE, cx);
    }

    fn abort(&mut self, status: Status, cx: &mut Context) {
        if let State::Exchanging(id) = self.state
            && let Some(mut exchange) = cx.exchanges.check_out(id)
        {
            self.fail(&mut exchange, status, cx);
            let status = exchange.status;
            self.end_exchange(exchange, id, status, cx);
        }
        self.state = State::Closing { lingers: true };
    }

    /// Has the stream pulled again if the time has come at which it wanted that; whether it has.
    pub(super) fn wake_stream(&mut self, cx: &mut Context) -> bool {
        if let State::Exchanging(id) = self.state
            && let Some(exchange) = cx.exchanges.get_mut(id)
            && exchange.wake_at.is_some_and(|at| at <= cx.now)
        {
            exchange.wake();
            return true;
        }
        false
    }
}
