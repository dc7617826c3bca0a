//! Where connections come from: one listener for each worker where the system spreads connections,
//! else one for all.
//!
//! Owns what is common to the kinds of listeners. Must not know who accepts, or how many.

use std::io;

use crate::sys::{self, Inherited};
use crate::transport::{
    ListenAddress, Peer, TcpSocketListener, Transport, UnixSocketListener, memory, tcp, unix,
};

/// Connections that may wait to be accepted from one listener. The system cuts it to its own bound
/// (`net.core.somaxconn`). nginx has 511; a burst of clients after a restart is larger.
pub(super) const BACKLOG: i32 = 4096;

/// Binds one address for this many workers. Returns one listener for each of them, or a single one
/// where the system does not spread connections: for Unix sockets, inherited ones, and outside of
/// Linux and FreeBSD. With port 0 the system chooses one port for all.
///
/// # Errors
///
/// `AddrInUse` if anybody has the address, even who would share it; for `fd:` see
/// [`sys::take_inherited`]; else what the system said.
pub fn bind(address: &ListenAddress, workers: usize) -> io::Result<Vec<Listener>> {
    match address {
        ListenAddress::Inherited(number) => {
            let listener = match sys::take_inherited(*number)? {
                Inherited::Tcp(socket) => Listener::Tcp(TcpSocketListener::from_inherited(socket)?),
                Inherited::Unix(socket) => {
                    Listener::Unix(UnixSocketListener::from_inherited(socket)?)
                }
            };
            Ok(vec![listener])
        }
        ListenAddress::Tcp(address) => {
            let listeners = tcp::bind(*address, workers)?;
            Ok(listeners.into_iter().map(Listener::Tcp).collect())
        }
        ListenAddress::Unix(path) => Ok(vec![Listener::Unix(unix::bind(path)?)]),
    }
}

/// Accepts connections; never blocks. Dropping it refuses those that wait in its queue.
#[derive(Debug)]
pub enum Listener {
    /// Of the simulation.
    Memory(memory::Listener),
    /// A TCP socket.
    Tcp(TcpSocketListener),
    /// A Unix stream socket.
    Unix(UnixSocketListener),
}

impl Listener {
    /// Takes one connection from the queue, with one system call: the socket neither blocks nor
    /// stays open over exec.
    ///
    /// # Errors
    ///
    /// [`sys::AcceptError::of`] says what they mean.
    pub fn accept(&mut self) -> io::Result<(Transport, Peer)> {
        match self {
            Listener::Memory(listener) => listener
                .accept()
                .map(|(socket, peer)| (Transport::Memory(socket), peer)),
            Listener::Tcp(listener) => listener
                .accept()
                .map(|(socket, peer)| (Transport::Tcp(socket), peer)),
            Listener::Unix(listener) => listener
                .accept()
                .map(|(socket, peer)| (Transport::Unix(socket), peer)),
        }
    }

    /// Where it listens, with the real port.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn local_address(&self) -> io::Result<ListenAddress> {
        match self {
            Listener::Memory(listener) => Ok(listener.local_address()),
            Listener::Tcp(listener) => listener.local_address(),
            Listener::Unix(listener) => Ok(listener.local_address()),
        }
    }
}
