//! A file on its way out, without ever waiting for a disk.
//!
//! ```text
//!   Direct ── bytes are not in memory ──► Reading ── a job has read them ──► Read
//!     ▲                                                                       │
//!     └──────────────────────────── bytes queued ◄────────────────────────────┘
//! ```

use std::io::{self, ErrorKind, IoSliceMut};
use std::sync::Arc;

use crate::buffer::{NoBlock, Output, Pool};
use crate::service::{FileBody, ReadAt};

/// A body that is sent from a file.
#[derive(Debug)]
pub(super) struct Sending {
    body: FileBody,
    window: Window,
}

/// Where the next bytes come from.
#[derive(Debug)]
enum Window {
    /// From the file, if they are in memory.
    Direct,
    /// A job reads them.
    Reading,
    /// A job has read them.
    Read(io::Result<Vec<u8>>),
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
}

impl Read {
    /// Reads, however long it takes.
    pub fn run(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.bytes_max];
        loop {
            match self.source.read(&mut bytes, self.start) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    bytes.truncate(count);
                    return Ok(bytes);
                }
            }
        }
    }
}

impl Sending {
    /// Begins to send `body`.
    pub fn new(body: FileBody) -> Sending {
        Sending {
            body,
            window: Window::Direct,
        }
    }

    /// Whether a job reads what comes next.
    pub fn waits(&self) -> bool {
        matches!(self.window, Window::Reading)
    }

    /// A job has read what comes next. False if none was waited for.
    pub fn deliver(&mut self, bytes: io::Result<Vec<u8>>) -> bool {
        let waited = self.waits();
        if waited {
            self.window = Window::Read(bytes);
        }
        waited
    }

    /// Queues the next piece, at most `bytes_max` bytes of the file, read with one system call, and
    /// the texts before it.
    ///
    /// # Errors
    ///
    /// The pool is empty.
    pub fn queue_piece(
        &mut self,
        bytes_max: usize,
        output: &mut Output,
        pool: &mut Pool,
    ) -> Result<Piece, NoBlock> {
        if !self.body.seek(|text| output.push_owned(text)) {
            return Ok(Piece::End);
        }
        let part = &self.body.part;
        let left = usize::try_from(part.end - part.start).unwrap_or(usize::MAX);
        let read = match std::mem::replace(&mut self.window, Window::Direct) {
            Window::Direct => {
                let (source, start) = (&self.body.source, part.start);
                let read = |pieces: &mut [IoSliceMut<'_>]| source.read_now(pieces, start);
                output.fill(left.min(bytes_max), pool, read)?
            }
            Window::Reading => {
                self.window = Window::Reading;
                return Ok(Piece::Waits);
            }
            Window::Read(Ok(mut bytes)) => {
                bytes.truncate(left);
                let count = bytes.len();
                output.push_owned(bytes);
                Ok(count)
            }
            Window::Read(Err(error)) => Err(error),
        };
        Ok(match read {
            Ok(0) => Piece::Cut,
            Ok(count) => {
                self.body.part.start += count as u64;
                Piece::Queued
            }
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => Piece::Queued,
                ErrorKind::WouldBlock => self.ask(left.min(bytes_max)),
                _ => {
                    log::warn!("cannot read a file that is being sent: {error}");
                    Piece::Cut
                }
            },
        })
    }

    fn ask(&mut self, bytes_max: usize) -> Piece {
        self.window = Window::Reading;
        Piece::Cold(Read {
            source: Arc::clone(&self.body.source),
            start: self.body.part.start,
            bytes_max,
        })
    }
}
