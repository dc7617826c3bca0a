//! A transport with what is known of its readiness: the edge-triggered discipline in one place.
//!
//! The poller tells of a transition once. Until the transport itself says `WouldBlock` there may be
//! more, so readiness is remembered here and cleared only by the transport.

use std::io::{self, ErrorKind, IoSlice};

use crate::buffer::{Output, Pool};
use crate::transport::{Poller, Readiness, Transport};

/// Pieces that one call writes at most; what is beyond them goes with the next.
const SLICES_MAX: usize = 16;

/// A socket of a slot.
#[derive(Debug)]
pub(super) struct Socket {
    transport: Transport,
    can_read: bool,
    can_write: bool,
    /// RDHUP, HUP or ERR was seen: a short read then does not mean that the socket is drained, for
    /// no event will tell of the end of the stream behind the data.
    saw_close: bool,
    /// The end of what the peer sends was read: nothing is behind it, and no event tells of it.
    finished: bool,
    /// The connection is gone in both directions.
    broken: bool,
}

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// This many bytes, at least one.
    Bytes(usize),
    /// Nothing now.
    Blocked,
    /// The peer sends no more.
    Finished,
    /// The connection is broken.
    Broken,
}

/// What a flush came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The queue is empty.
    All,
    /// The peer takes no more now.
    Blocked,
    /// The connection is broken.
    Broken,
}

impl Socket {
    /// A new connection: worth a try in both directions.
    pub fn new(transport: Transport) -> Socket {
        Socket {
            transport,
            can_read: true,
            can_write: true,
            saw_close: false,
            finished: false,
            broken: false,
        }
    }

    /// Registers with the poller, once and for both directions.
    pub fn register(&mut self, poller: &mut Poller, token: usize) -> io::Result<()> {
        poller.register(&mut self.transport, token)
    }

    /// Takes note of an event.
    #[inline]
    pub fn notice(&mut self, seen: Readiness) {
        self.can_read |= seen.readable;
        self.can_write |= seen.writable;
        self.saw_close |= seen.closed;
        self.broken |= seen.broken;
    }

    /// Whether a read may bring something.
    #[inline]
    pub fn can_read(&self) -> bool {
        self.can_read
    }

    /// Whether a write may be taken.
    #[inline]
    pub fn can_write(&self) -> bool {
        self.can_write
    }

    /// Whether the peer has sent its last byte, or the connection is broken.
    pub fn saw_close(&self) -> bool {
        self.saw_close
    }

    /// Whether the end of what the peer sends was read.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether the connection is gone, so that nothing can be sent any more.
    #[inline]
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Reads once into `room`, which must not be empty.
    #[inline]
    pub fn read(&mut self, room: &mut [u8]) -> Received {
        debug_assert!(!room.is_empty());
        loop {
            match self.transport.read(room) {
                Ok(0) => {
                    self.can_read = false;
                    self.saw_close = true;
                    self.finished = true;
                    return Received::Finished;
                }
                Ok(count) => {
                    let drained = count < room.len() && self.transport.short_read_drains();
                    if drained && !self.saw_close {
                        self.can_read = false;
                    }
                    return Received::Bytes(count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.can_read = false;
                    return Received::Blocked;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.saw_close = true;
                    return Received::Broken;
                }
            }
        }
    }

    /// Writes from `output` until it is empty or the peer takes no more. All that is queued leaves
    /// in one call where it lies in no more pieces than one call takes.
    #[inline]
    pub fn flush(&mut self, output: &mut Output, pool: &mut Pool) -> Sent {
        while !output.is_empty() {
            if !self.can_write {
                return Sent::Blocked;
            }
            let written = if output.is_scattered() {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let count = output.slices(&mut slices);
                self.transport.write_vectored(&slices[..count])
            } else {
                self.transport.write(output.front())
            };
            match written {
                Ok(count) => output.advance(count, pool),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_write = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Sent::Broken,
            }
        }
        Sent::All
    }

    /// Tells the peer that no more will be sent.
    pub fn shutdown_write(&mut self) {
        // Fails only when the connection is broken already, which the next read tells.
        let _ = self.transport.shutdown_write();
    }
}
