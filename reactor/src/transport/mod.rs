//! How bytes come and go: the poller, listeners and streams. Knows nothing of HTTP.
//!
//! ```text
//!   ListenAddress ── bind ──► Listener ── accept ──► Transport + Peer
//!                                │ register             │ register
//!                                └───────► Poller ◄─────┘
//!                                            │ poll
//!                              Waker ──────► ▼
//!                                        Readiness (one a transition: edge-triggered)
//! ```
//!
//! Everything comes in kinds behind one enum: sockets of the system, and [`memory`], a network
//! without a system for the simulation. A socket is registered once, for both directions.

pub mod memory;

mod address;
mod listener;
mod poller;
mod tcp;
#[cfg(test)]
mod tests;
pub mod tls;
mod unix;

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

pub use address::{InvalidAddress, ListenAddress, Peer};
pub use listener::{Listener, bind};
pub use poller::{Poller, Readiness, SystemPoller, Waker};
pub use tcp::{TcpSocketListener, TcpTransport};
pub use unix::{UnixSocketListener, UnixTransport};

use crate::sys;

/// A connection's stream of bytes, which never blocks. Dropping it closes the connection and ends
/// its registration.
#[derive(Debug)]
pub enum Transport {
    /// One end of a connection of the simulation.
    Memory(memory::Socket),
    /// A TCP socket.
    Tcp(TcpTransport),
    /// A Unix stream socket.
    Unix(UnixTransport),
}

impl Transport {
    /// Reads what has arrived, up to the length of `buf`. 0 means that the peer sends no more.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when nothing is there, else why the connection is broken.
    pub fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Memory(socket) => socket.read(buf),
            Transport::Tcp(socket) => socket.read(buf),
            Transport::Unix(socket) => socket.read(buf),
        }
    }

    /// Writes as much of `buf` as there is room for, which may be less than all.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there is no room, else why the connection is broken.
    pub fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Memory(socket) => socket.write(buf),
            Transport::Tcp(socket) => socket.write(buf),
            Transport::Unix(socket) => socket.write(buf),
        }
    }

    /// Writes as much of `bufs`, one after the other, as there is room for.
    ///
    /// # Errors
    ///
    /// Like [`Transport::write`].
    pub fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Transport::Memory(socket) => socket.write_vectored(bufs),
            Transport::Tcp(socket) => socket.write_vectored(bufs),
            Transport::Unix(socket) => socket.write_vectored(bufs),
        }
    }

    /// Writes like [`Transport::write`], and says that more follows at once: the system need not
    /// send a segment that is not full.
    ///
    /// # Errors
    ///
    /// Like [`Transport::write`].
    pub fn write_and_more(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Memory(socket) => socket.write(buf),
            Transport::Tcp(socket) => socket.write_and_more(buf),
            Transport::Unix(socket) => socket.write(buf),
        }
    }

    /// Has the system send at most `count` bytes of a file, from `offset` on, without copying them
    /// through the program. Waits for a disk if they are not in memory. 0 means that the file has
    /// no bytes there.
    ///
    /// # Errors
    ///
    /// Like [`Transport::write`]; also what is wrong with the file, and `Unsupported` where the
    /// system cannot do it: see [`Transport::sends_files`].
    pub fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        count: usize,
    ) -> io::Result<usize> {
        match self {
            Transport::Memory(socket) => socket.send_file(file, offset, count),
            Transport::Tcp(socket) => sys::send_file(&socket.0, file, offset, count),
            Transport::Unix(socket) => sys::send_file(&socket.0, file, offset, count),
        }
    }

    /// Whether [`Transport::send_file`] can be done.
    pub fn sends_files(&self) -> bool {
        match self {
            Transport::Memory(_) => true,
            Transport::Tcp(_) | Transport::Unix(_) => sys::SENDS_FILES,
        }
    }

    /// How many bytes leave together; 1 where there are no segments.
    pub fn segment_bytes(&self) -> usize {
        match self {
            Transport::Memory(socket) => socket.segment_bytes(),
            Transport::Tcp(socket) => socket.segment_bytes(),
            Transport::Unix(_) => 1,
        }
    }

    /// Tells the peer that no more bytes come, behind those already written. Reading goes on.
    ///
    /// # Errors
    ///
    /// `NotConnected` when the peer has already gone, else what the system said.
    pub fn shutdown_write(&mut self) -> io::Result<()> {
        match self {
            Transport::Memory(socket) => socket.shutdown_write(),
            Transport::Tcp(socket) => socket.shutdown_write(),
            Transport::Unix(socket) => socket.shutdown_write(),
        }
    }

    /// Has closing reset the connection, so that the system keeps nothing of what was sent. Only
    /// over TCP there is more to it than to close.
    pub fn abort(&mut self) {
        if let Transport::Tcp(socket) = self {
            socket.abort();
        }
    }

    /// Whether a read shorter than the room offered means that nothing more is there, as long as no
    /// event said `closed`: then the next bytes come with an event of their own. So it is for TCP
    /// on Linux; everywhere else only `WouldBlock` says so.
    pub fn short_read_drains(&self) -> bool {
        match self {
            Transport::Memory(socket) => socket.short_read_drains(),
            Transport::Tcp(_) => cfg!(any(target_os = "linux", target_os = "android")),
            Transport::Unix(_) => false,
        }
    }
}
