//! A file on its way out, without ever waiting for a disk. Its bytes are copied into blocks, or the
//! system passes them to the socket by itself.
//!
//! ```text
//!   copied:  Unknown ── not in memory ──► Reading ── a job has read them ──► Read
//!               ▲                                                             │
//!               └─────────────────────── bytes queued ◄───────────────────────┘
//!
//!   passed:  Unknown ── in memory ──────────────────────────────────────► Warm
//!             │   ▲                                                       ▲  │
//!             │   └──────── all of the window has gone ◄──────────────────│──┘
//!             └── not in memory ──► Warming ── a job has read it in ──────┘
//! ```

mod passing;

use std::io::{self, ErrorKind, IoSliceMut};
use std::ops::Range;
use std::sync::Arc;

use super::dispatch;
use super::stats::WorkerStats;
use crate::buffer::{NoBlock, Output, Pool};
use crate::service::{FileBody, ReadAt};

pub(super) use passing::{Ahead, Passed, Passing};

/// A body that is sent from a file.
#[derive(Debug)]
pub(super) struct Sending {
    body: FileBody,
    window: Window,
    /// How the system passes them; `None` if they are copied.
    passing: Option<Passing>,
}

/// What is known of the next bytes.
#[derive(Debug)]
enum Window {
    /// Nothing.
    Unknown,
    /// A job reads them.
    Reading,
    /// A job has read them, or has met an error.
    Read(io::Result<Vec<u8>>),
    /// A job brings these into memory.
    Warming(Range<u64>),
    /// These are in memory, and the system may pass them.
    Warm(Range<u64>),
}

/// What a look at a file came to.
#[derive(Debug)]
pub(super) enum Piece {
    /// There was something to queue.
    Queued,
    /// Its next bytes are not in memory: a job is to read them.
    Cold(Read),
    /// A job is reading them.
    Waits,
    /// All of it is queued.
    End,
    /// It is shorter than it was, or cannot be read.
    Cut,
}

/// A read that may wait for a disk: it is for the job pool.
#[derive(Debug)]
pub struct Read {
    source: Arc<dyn ReadAt>,
    start: u64,
    bytes_max: usize,
    /// The bytes are wanted in the system's memory alone.
    warms: bool,
}

impl Read {
    /// Reads, however long it takes.
    pub fn run(&self) -> io::Result<Vec<u8>> {
        if self.warms {
            return self.warm().map(|()| Vec::new());
        }
        let mut bytes = vec![0; self.bytes_max];
        loop {
            match self.source.read(&mut bytes, self.start) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    bytes.truncate(credible(count, self.bytes_max)?);
                    return Ok(bytes);
                }
            }
        }
    }
}

impl Sending {
    /// Begins to send `body`, with `passing` if the system can pass files over this connection.
    pub fn new(body: FileBody, passing: Option<Passing>, stats: &WorkerStats) -> Sending {
        let has_file = || body.source.descriptor().is_some();
        let is_passed = |passing: &Passing| {
            body.ranges().all(|range| passing.pays_for(range))
                && dispatch::guarded(stats, "reader", has_file) == Some(true)
        };
        Sending {
            passing: passing.filter(is_passed),
            body,
            window: Window::Unknown,
        }
    }

    /// Whether a job reads what comes next.
    pub fn waits(&self) -> bool {
        matches!(self.window, Window::Reading | Window::Warming(_))
    }

    /// A job has read what comes next. False if none was waited for.
    pub fn deliver(&mut self, bytes: io::Result<Vec<u8>>) -> bool {
        match std::mem::replace(&mut self.window, Window::Unknown) {
            Window::Reading => self.window = Window::Read(bytes),
            Window::Warming(window) if bytes.is_ok() => self.window = Window::Warm(window),
            Window::Warming(_) => self.window = Window::Read(bytes),
            other => {
                self.window = other;
                return false;
            }
        }
        true
    }

    /// Queues the next piece, read with one system call, and the texts before it: as much of the
    /// file as makes `bytes_max` bytes with what is queued, which must be less. A job reads so much
    /// even if there is less room: it has the same work with little as with much.
    ///
    /// # Errors
    ///
    /// The pool is empty.
    pub fn queue_piece(
        &mut self,
        bytes_max: usize,
        output: &mut Output,
        pool: &mut Pool,
        stats: &WorkerStats,
    ) -> Result<Piece, NoBlock> {
        let room = bytes_max.saturating_sub(output.len());
        if !self.body.seek(|text| output.push_owned(text)) {
            return Ok(Piece::End);
        }
        match std::mem::replace(&mut self.window, Window::Unknown) {
            Window::Unknown | Window::Warm(_) => match self.read_now(room, output, pool, stats)? {
                Some(piece) => Ok(piece),
                None => Ok(self.ask(bytes_max)),
            },
            waits @ (Window::Reading | Window::Warming(_)) => {
                self.window = waits;
                Ok(Piece::Waits)
            }
            Window::Read(Ok(bytes)) => self.queue_read(bytes, output, pool),
            Window::Read(Err(error)) => Ok(cut(&error)),
        }
    }

    /// Has the next piece read; `None` if that cannot be done at once.
    fn read_now(
        &mut self,
        bytes_max: usize,
        output: &mut Output,
        pool: &mut Pool,
        stats: &WorkerStats,
    ) -> Result<Option<Piece>, NoBlock> {
        let (source, start) = (&self.body.source, self.body.part.start);
        let read = |pieces: &mut [IoSliceMut<'_>]| {
            let room = pieces.iter().map(|piece| piece.len()).sum();
            let read = dispatch::guarded(stats, "reader", || source.read_now(pieces, start));
            credible(read.unwrap_or_else(|| Err(panicked()))?, room)
        };
        Ok(match output.fill(self.left().min(bytes_max), pool, read)? {
            Ok(0) => Some(cut(&ErrorKind::UnexpectedEof.into())),
            Ok(count) => {
                self.body.part.start += count as u64;
                Some(Piece::Queued)
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => None,
                _ => Some(cut(&error)),
            },
        })
    }

    /// Queues what a job has read, as far as there are blocks for it: what clients do not take must
    /// not be kept anywhere else.
    fn queue_read(
        &mut self,
        mut bytes: Vec<u8>,
        output: &mut Output,
        pool: &mut Pool,
    ) -> Result<Piece, NoBlock> {
        if bytes.is_empty() {
            return Ok(cut(&ErrorKind::UnexpectedEof.into()));
        }
        let before = output.len();
        let appended = output.append(&bytes, pool);
        let count = output.len() - before;
        self.body.part.start += count as u64;
        if count < bytes.len() {
            bytes.drain(..count);
            self.window = Window::Read(Ok(bytes));
        }
        match count {
            0 => appended.map(|()| Piece::Queued),
            _ => Ok(Piece::Queued),
        }
    }

    fn ask(&mut self, bytes_max: usize) -> Piece {
        self.window = Window::Reading;
        Piece::Cold(Read {
            source: Arc::clone(&self.body.source),
            start: self.body.part.start,
            bytes_max: self.left().min(bytes_max),
            warms: false,
        })
    }

    /// Bytes that are left of this part of the file.
    fn left(&self) -> usize {
        let part = &self.body.part;
        usize::try_from(part.end - part.start).unwrap_or(usize::MAX)
    }
}

fn cut(error: &io::Error) -> Piece {
    log::warn!("cannot read a file that is being sent: {error}");
    Piece::Cut
}

/// What a reader says it has read, unless that is more than there was room for.
fn credible(count: usize, room: usize) -> io::Result<usize> {
    match count <= room {
        true => Ok(count),
        false => Err(io::Error::other(
            "the reader says more than it can have read",
        )),
    }
}

/// What stands for the result of a reader that has panicked.
pub(super) fn panicked() -> io::Error {
    io::Error::other("the reader panicked")
}
