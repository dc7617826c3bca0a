//! The ends of the simulated network's connections: the engine's sockets and listeners, and the
//! script's clients.
//!
//! Owns nothing but the right to use its end; what happens is in the link.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use super::link::Link;
use super::{Network, State};
use crate::transport::{ListenAddress, Peer};

/// The most bytes of a file that one call sends: the system takes no more at a time either.
const FILE_BYTES_A_CALL: usize = 16 << 10;

/// The engine's end of a connection. Dropping it closes it like close(2): bytes that were not read
/// turn the FIN into a reset, and so does what the client sends later.
#[derive(Debug)]
pub struct Socket {
    // Boxed to keep `Transport` at two words.
    pub(super) end: Box<End>,
}

#[derive(Debug)]
pub(super) struct End {
    network: Network,
    pub(super) key: usize,
}

impl Socket {
    pub(in crate::transport) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.end
            .network
            .with_link(self.end.key, |link, _| link.read(buf))
    }

    pub(in crate::transport) fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    pub(in crate::transport) fn write_vectored(
        &mut self,
        bufs: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        self.end
            .network
            .with_link(self.end.key, |link, _| link.write(bufs))
    }

    pub(in crate::transport) fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        count: usize,
    ) -> io::Result<usize> {
        let mut bytes = vec![0; count.min(FILE_BYTES_A_CALL)];
        match rustix::io::pread(file, &mut bytes, offset) {
            Ok(0) => Ok(0),
            Ok(count) => self.write(&bytes[..count]),
            // As the system says it of what is no file.
            Err(Errno::ISDIR) => Err(io::ErrorKind::Unsupported.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// As over Ethernet.
    pub(in crate::transport) fn segment_bytes(&self) -> usize {
        1_460
    }

    pub(in crate::transport) fn shutdown_write(&mut self) -> io::Result<()> {
        self.end
            .network
            .with_link(self.end.key, |link, _| link.shutdown_write())
    }

    pub(in crate::transport) fn short_read_drains(&self) -> bool {
        self.end.network.lock().links[self.end.key].short_read_drains()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let network = &self.end.network;
        let watch = network.with_link(self.end.key, |link, dice| link.close_engine(dice));
        network.lock().bury(watch);
    }
}

/// Where the engine accepts connections. Dropping it resets those that wait.
#[derive(Debug)]
pub struct Listener {
    network: Network,
    pub(super) number: usize,
}

impl Listener {
    pub(super) fn new(network: &Network, number: usize) -> Listener {
        Listener {
            network: network.clone(),
            number,
        }
    }

    /// Its number, for [`Network::connect`].
    pub fn number(&self) -> usize {
        self.number
    }

    pub(in crate::transport) fn accept(&mut self) -> io::Result<(Socket, Peer)> {
        let mut state = self.network.lock();
        let State {
            queues,
            links,
            random,
            chaos,
            accepts_to_fail,
            ..
        } = &mut *state;
        let waiting = &mut queues[self.number].waiting;
        let &key = waiting.front().ok_or(io::ErrorKind::WouldBlock)?;
        if *accepts_to_fail > 0 {
            *accepts_to_fail -= 1;
            return Err(Errno::MFILE.into());
        }
        waiting.pop_front();
        let link = &links[key];
        let (peer, aborted) = (link.peer(), link.is_reset() && random.chance(chaos.aborted));
        drop(state);
        // Closed by being dropped, if it is not returned.
        let socket = Socket {
            end: Box::new(End {
                network: self.network.clone(),
                key,
            }),
        };
        if aborted {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok((socket, peer))
    }

    /// An address of TEST-NET-1 (RFC 5737) with the listener's number as the port.
    pub(in crate::transport) fn local_address(&self) -> ListenAddress {
        let ip = Ipv4Addr::new(192, 0, 2, 0);
        ListenAddress::Tcp(SocketAddr::new(ip.into(), self.number as u16))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let (waiting, watch) = {
            let queue = &mut self.network.lock().queues[self.number];
            queue.open = false;
            (std::mem::take(&mut queue.waiting), queue.watch.take())
        };
        for key in waiting {
            self.network.with_link(key, Link::reset_by_engine);
        }
        self.network.lock().bury(watch);
    }
}

/// The script's end of a connection: a client that does what it is told. Dropping it closes it like
/// close(2).
#[derive(Debug)]
pub struct Client {
    network: Network,
    key: usize,
}

impl Client {
    pub(super) fn new(network: &Network, key: usize) -> Client {
        Client {
            network: network.clone(),
            key,
        }
    }

    /// Sends as much of `bytes` as there is room for; says how much. Nothing once the connection is
    /// finished or reset.
    pub fn send(&mut self, bytes: &[u8]) -> usize {
        self.network
            .with_link(self.key, |link, dice| link.send(bytes, dice))
    }

    /// Appends everything that has come to `into`; says how much.
    pub fn receive(&mut self, into: &mut Vec<u8>) -> usize {
        self.receive_some(into, usize::MAX)
    }

    /// Appends at most `bytes_max` bytes of what has come to `into`; says how much.
    pub fn receive_some(&mut self, into: &mut Vec<u8>, bytes_max: usize) -> usize {
        self.network
            .with_link(self.key, |link, _| link.receive(into, bytes_max))
    }

    /// Sends no more (FIN); what comes can still be received.
    pub fn finish(&mut self) {
        self.network.with_link(self.key, Link::finish);
    }

    /// Breaks the connection (RST).
    pub fn reset(&mut self) {
        self.network.with_link(self.key, Link::reset_by_client);
    }

    /// Whether the engine sends no more and all that it sent was received.
    pub fn has_ended(&self) -> bool {
        self.network.lock().links[self.key].has_ended()
    }

    /// Whether the engine has broken the connection; bytes may have been lost.
    pub fn was_reset(&self) -> bool {
        self.network.lock().links[self.key].was_reset()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.network.with_link(self.key, Link::close_client);
    }
}
