//! The body of a response on its way out, at the client's pace: made by a stream, or read from a
//! file.

use std::cell::RefCell;
use std::sync::Arc;

use super::exchanging::Run;
use super::replying::queue_static;
use super::{Budget, Downstream};
use crate::buffer::NoBlock;
use crate::engine::arena::Key;
use crate::engine::context::Context;
use crate::engine::dispatch;
use crate::engine::exchange::{Exchange, Stage};
use crate::engine::jobs::{Asker, Work};
use crate::engine::sending::{Piece, Read};
use crate::http::{Framing, Status};
use crate::proto::h1::{LAST_CHUNK, write_chunk_line};
use crate::service::{IncomingBody, Outgoing, Pace, Progress, Pull, Wake, Waker};

/// Room for what frames a piece of a response: the head without its fields, a chunk's line.
const FRAME_BYTES: usize = 1 << 10;

/// What a pull came to.
struct Pulled {
    progress: Progress,
    /// It wants to be pulled in the next turn.
    rests: bool,
    /// The stream looked for a body that the client sends only when it is asked to.
    asks: bool,
}

impl Downstream {
    /// Lets the stream make more of the response.
    pub(super) fn pull(
        &mut self,
        exchange: &mut Exchange,
        key: Key,
        id: Key,
        cx: &mut Context,
        budget: &mut Budget,
    ) -> Run {
        if cx.out.len() >= exchange.site.limits.pipe_bytes_max {
            return Run::Waits;
        }
        match exchange.stage {
            Stage::Streaming { rests_in, .. } if rests_in == Some(cx.turn) => {
                self.queue(key, cx);
                return Run::Waits;
            }
            Stage::Streaming { ready: true, .. } => {}
            _ => return Run::Waits,
        }
        if !self.reserve(exchange, key, cx) {
            return Run::Waits;
        }
        let Some(pulled) = pull_once(exchange, id, cx) else {
            return self.give_up_stream(exchange, cx);
        };
        let Pulled {
            progress,
            rests,
            asks,
        } = pulled;
        let made = exchange.outgoing.len();
        budget.spend(made);
        if asks && exchange.head.is_some() {
            self.ask_for_body(exchange, cx);
            if progress == Progress::Later && made == 0 {
                return Run::Moved;
            }
        }
        if !self.queue_head(exchange, cx) {
            return self.head_too_large(exchange, cx);
        }
        if !self.queue_made(exchange, cx) {
            return Run::Cut;
        }
        match progress {
            Progress::More if made == 0 || rests => {
                // One that makes nothing although there is room has its chance in the next turn
                // too.
                self.queue(key, cx);
                Run::Waits
            }
            Progress::More => Run::Moved,
            Progress::Later if made > 0 => Run::Moved,
            Progress::Later => Run::Waits,
            Progress::End => self.end_stream(exchange, cx),
            Progress::Cut => Run::Cut,
        }
    }

    /// Makes sure of the blocks for a piece of the response; if there are none, the connection
    /// waits for them. What frames the piece gets its place now, so that the piece cannot take it.
    fn reserve(&mut self, exchange: &Exchange, key: Key, cx: &mut Context) -> bool {
        let lines = exchange.head.as_ref().map_or(0, |head| head.lines.len());
        let room = (lines + FRAME_BYTES).min(cx.pool.block_bytes());
        self.has_output_blocks(key, cx) && cx.out.room(room, &mut cx.pool).is_ok()
    }

    /// The response's head does not fit into a block.
    fn head_too_large(&mut self, exchange: &mut Exchange, cx: &mut Context) -> Run {
        log::error!("the head of a reply is larger than a block");
        exchange.outgoing.clear(&mut cx.pool);
        self.fail(exchange, Status::INTERNAL_SERVER_ERROR, cx)
    }

    /// Frames what the stream has made. False if that cannot be.
    fn queue_made(&mut self, exchange: &mut Exchange, cx: &mut Context) -> bool {
        let made = exchange.outgoing.len();
        if made == 0 {
            return true;
        }
        let Some(left) = exchange.left.checked_sub(made as u64) else {
            log::error!("a stream made more than it had promised");
            return false;
        };
        exchange.left = left;
        exchange.bytes_out += made as u64;
        match exchange.framing {
            Framing::Chunked => {
                if write_chunk_line(&mut cx.out, &mut cx.pool, made).is_err() {
                    return false;
                }
                exchange.outgoing.move_to(&mut cx.out, &mut cx.pool);
                queue_static(b"\r\n", cx);
                true
            }
            Framing::Length(_) | Framing::UntilClose => {
                exchange.outgoing.move_to(&mut cx.out, &mut cx.pool);
                true
            }
            Framing::None => true,
        }
    }

    fn end_stream(&mut self, exchange: &mut Exchange, cx: &mut Context) -> Run {
        match exchange.framing {
            Framing::Chunked => queue_static(LAST_CHUNK, cx),
            Framing::Length(_) if exchange.left > 0 => {
                log::error!("a stream made less than it had promised");
                return Run::Cut;
            }
            _ => {}
        }
        exchange.stage = Stage::Done;
        Run::Moved
    }

    /// 500 if nothing of the response was sent, else the client has to notice that it is cut.
    fn give_up_stream(&mut self, exchange: &mut Exchange, cx: &mut Context) -> Run {
        exchange.outgoing.clear(&mut cx.pool);
        if exchange.head.is_none() {
            return Run::Cut;
        }
        self.fail(exchange, Status::INTERNAL_SERVER_ERROR, cx)
    }

    /// Sends pieces of the file.
    pub(super) fn send_file(
        &mut self,
        exchange: &mut Exchange,
        key: Key,
        id: Key,
        cx: &mut Context,
        budget: &mut Budget,
    ) -> Run {
        if cx.turn_bytes_left == 0 {
            // Who got nothing is the first to get something in the next turn.
            cx.ready.keep(key, &mut self.queued);
            return Run::Waits;
        }
        let is_passed = matches!(&exchange.stage, Stage::Sending(sending) if sending.is_passed());
        let needs_block = exchange.head.is_some() || !is_passed;
        let is_full = cx.out.len() >= exchange.site.limits.pipe_bytes_max;
        if is_full || (needs_block && !self.reserve(exchange, key, cx)) {
            return Run::Waits;
        }
        if !self.queue_head(exchange, cx) {
            return self.head_too_large(exchange, cx);
        }
        match is_passed {
            true => self.pass_file(exchange, id, cx, budget),
            false => self.copy_file(exchange, id, cx, budget),
        }
    }

    /// Queues pieces of the file.
    fn copy_file(
        &mut self,
        exchange: &mut Exchange,
        id: Key,
        cx: &mut Context,
        budget: &mut Budget,
    ) -> Run {
        let bytes_max = exchange.site.limits.pipe_bytes_max;
        let Stage::Sending(sending) = &mut exchange.stage else {
            return Run::Waits;
        };
        let before = cx.out.len();
        let mut is_cut = false;
        while cx.out.len() < bytes_max {
            match sending.queue_piece(bytes_max, &mut cx.out, &mut cx.pool, &cx.stats) {
                Ok(Piece::Queued) => {}
                Ok(Piece::Cold(read)) => {
                    is_cut = !has_read(read, id, &exchange.wanted, cx);
                    break;
                }
                Ok(Piece::Waits) | Err(NoBlock) => break,
                Ok(Piece::End) => {
                    exchange.stage = Stage::Done;
                    break;
                }
                Ok(Piece::Cut) => {
                    is_cut = true;
                    break;
                }
            }
        }
        let queued = cx.out.len() - before;
        budget.spend(queued);
        exchange.bytes_out += queued as u64;
        match (&exchange.stage, queued) {
            _ if is_cut => Run::Cut,
            (Stage::Sending(_), 0) => Run::Waits,
            _ => Run::Moved,
        }
    }
}

/// Has a job read for an exchange; false if too many wait for that.
pub(super) fn has_read(read: Read, id: Key, wanted: &Arc<()>, cx: &Context) -> bool {
    let asker = Asker::new(id, &cx.address, wanted);
    let submitted = cx.jobs.submit(Work::Read(read), Pace::Brief, asker);
    submitted.is_ok()
}

/// Runs the stream once; `None` if it panicked, or gave up.
fn pull_once(exchange: &mut Exchange, id: Key, cx: &mut Context) -> Option<Pulled> {
    let Stage::Streaming {
        stream,
        wants_body,
        ready,
        rests_in,
    } = &mut exchange.stage
    else {
        return None;
    };
    *wants_body = false;
    let address = &cx.address;
    let waker = || {
        let mailbox: Arc<dyn Wake> = address.clone();
        Waker {
            mailbox,
            exchange: id.bits(),
        }
    };
    let (jobs, wanted) = (&cx.jobs, &exchange.wanted);
    let job = |task, pace| {
        let asker = Asker::new(id, address, wanted);
        let submitted = jobs.submit(Work::Task(task), pace, asker);
        submitted.is_ok()
    };
    let pool = RefCell::new(&mut cx.pool);
    let mut io = Pull {
        out: Outgoing {
            pipe: &mut exchange.outgoing,
            pool: &pool,
        },
        body: IncomingBody {
            pipe: &mut exchange.incoming,
            pool: &pool,
            wanted: wants_body,
        },
        waker: &waker,
        job: &job,
        wake_after: None,
        rests: false,
    };
    let pulled = dispatch::guarded(&cx.stats, "stream", || stream.pull(&mut io));
    let progress = pulled.filter(|progress| *progress != Progress::Cut)?;
    let (wake_after, rests) = (io.wake_after, io.rests);
    *ready = progress != Progress::Later;
    let rests = rests && progress == Progress::More;
    *rests_in = rests.then_some(cx.turn);
    exchange.wake_at = match progress {
        Progress::Later => wake_after.map(|time| cx.now + time),
        Progress::More | Progress::End | Progress::Cut => None,
    };
    let asks = *wants_body && exchange.owes_continue && !exchange.body.is_done();
    Some(Pulled {
        progress,
        rests,
        asks,
    })
}
