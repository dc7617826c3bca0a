//! Streams: bodies that are made as the client takes them.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Pace;
#[cfg(doc)]
use super::Reply;
use crate::buffer::{Pipe, Pool};

/// A body in the making. It is pulled when the client has taken what was made before, so a slow
/// reader slows it down and never makes it hold more than a pipe's worth.
pub trait Stream: Send + 'static {
    /// Writes what there is to `io.out`, and says how it goes on. Runs on the event loop: it must
    /// not block. A panic, or an end before the promised length, cuts the connection so that the
    /// client notices.
    fn pull(&mut self, io: &mut Pull<'_>) -> Progress;
}

/// How a stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more: pull again as soon as there is room.
    More,
    /// There is nothing now: pull again when the waker was used, when the time of
    /// [`Pull::wake_after`] has come, or, if the stream looked for more of the request's body, when
    /// some of it has arrived.
    Later,
    /// That was all.
    End,
    /// It cannot be completed: the connection is cut so that the client notices, or the answer is
    /// 500 if nothing was sent of it. What was written in this pull is dropped.
    Cut,
}

/// What a stream is handed when it is pulled.
pub struct Pull<'a> {
    /// Where it writes.
    pub out: Outgoing<'a>,
    /// The request's body, as far as it has arrived.
    pub body: IncomingBody<'a>,
    pub(crate) waker: &'a dyn Fn() -> Waker,
    pub(crate) job: &'a dyn Fn(Box<dyn FnOnce() + Send>, Pace) -> bool,
    pub(crate) wake_after: Option<Duration>,
    pub(crate) rests: bool,
}

impl Pull<'_> {
    /// A handle that has the stream pulled again, from any thread; it stays valid, and does nothing
    /// once the request is over.
    pub fn waker(&self) -> Waker {
        (self.waker)()
    }

    /// Has the job pool do what may block; the stream is pulled again when that is done, also if it
    /// panicked. False when too many jobs are waiting already: then nothing is done.
    pub fn job(&self, work: impl FnOnce() + Send + 'static) -> bool {
        (self.job)(Box::new(work), Pace::Long)
    }

    /// The same for `work` that only waits for a disk for a moment, see [`Reply::brief_job`].
    pub fn brief_job(&self, work: impl FnOnce() + Send + 'static) -> bool {
        (self.job)(Box::new(work), Pace::Brief)
    }

    /// After [`Progress::More`]: pull again in the worker's next turn and not before, whatever
    /// happens, for what was done now took long, and others wait.
    pub fn rest(&mut self) {
        self.rests = true;
    }

    /// After [`Progress::Later`]: pull again when this time has passed, if nothing else does so
    /// before. Counted in tenths of a second.
    pub fn wake_after(&mut self, time: Duration) {
        self.wake_after = Some(time);
    }
}

impl fmt::Debug for Pull<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pull")
            .field("room", &self.out.room())
            .finish_non_exhaustive()
    }
}

/// The response's side of a [`Pull`].
#[derive(Debug)]
pub struct Outgoing<'a> {
    pub(crate) pipe: &'a mut Pipe,
    pub(crate) pool: &'a RefCell<&'a mut Pool>,
}

impl Outgoing<'_> {
    /// Bytes that can be written now.
    pub fn room(&self) -> usize {
        self.pipe.room()
    }

    /// Writes as much of `bytes` as there is room for, and says how much that was.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        self.pipe
            .write(bytes, &mut self.pool.borrow_mut())
            .unwrap_or(0)
    }
}

/// The request's side of a [`Pull`].
#[derive(Debug)]
pub struct IncomingBody<'a> {
    pub(crate) pipe: &'a mut Pipe,
    pub(crate) pool: &'a RefCell<&'a mut Pool>,
    pub(crate) wanted: &'a mut bool,
}

/// What there is of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'b> {
    /// These bytes, at least one.
    Data(&'b [u8]),
    /// Nothing now, but it is not the end.
    Later,
    /// Nothing any more.
    End,
}

impl IncomingBody<'_> {
    /// The next bytes. A client that waits for `100 Continue` is sent it when this has nothing yet.
    pub fn peek(&mut self) -> Incoming<'_> {
        match self.pipe.front() {
            [] if self.pipe.is_closed() => Incoming::End,
            [] => {
                *self.wanted = true;
                Incoming::Later
            }
            bytes => Incoming::Data(bytes),
        }
    }

    /// Takes the first `count` of the bytes that [`IncomingBody::peek`] showed.
    pub fn consume(&mut self, count: usize) {
        self.pipe.consume(count, &mut self.pool.borrow_mut());
    }
}

/// Who is told that something waits for an exchange: the worker's mailbox.
pub trait Wake: Send + Sync {
    /// The exchange of this id may go on.
    fn wake(&self, exchange: u64);
}

/// Has a stream pulled again. Cheap to clone, may be used from any thread.
#[derive(Clone)]
pub struct Waker {
    pub(crate) mailbox: Arc<dyn Wake>,
    pub(crate) exchange: u64,
}

impl Waker {
    /// Pull the stream again.
    pub fn wake(&self) {
        self.mailbox.wake(self.exchange);
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waker")
            .field("exchange", &self.exchange)
            .finish_non_exhaustive()
    }
}
