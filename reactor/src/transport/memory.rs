//! A network without a system, for the simulation: listeners and connections in memory, a poller
//! that is edge-triggered like epoll, and script-driven clients.
//!
//! ```text
//!                    ┌──────────────── Network: all state, one seed ────────────────┐
//!   Client ─ send ──►│ flight ──► arrived ─────────────────────────────────► read   │ Socket
//!          ◄ receive │ ◄──────────────────────────────────── outbound ◄───── write  │ (engine)
//!                    │ transitions ──► owed edges ──────────► poll ──► Readiness     │ Poller
//!                    └──────────────────────────────────────────────────────────────┘
//! ```
//!
//! No sockets, threads or clock: a run is a function of the seed and of the calls made. What a real
//! network leaves open is chosen by the seed, as often as [`Chaos`] says. Must not know who speaks
//! what to whom.

mod link;
mod poller;
mod random;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slab::Slab;

use self::link::Link;
use self::poller::Watch;
use self::random::Random;
use crate::transport::{ListenAddress, Peer, Readiness};

pub use self::poller::{Poller, Waker};

/// A network: what the script of a simulation makes the rest from. Clones are one network.
#[derive(Clone, Debug)]
pub struct Network {
    // The simulation runs on one thread; the lock is there because the engine's types are `Send`.
    state: Arc<Mutex<State>>,
}

impl Network {
    /// A network that makes its choices from `seed`.
    pub fn new(seed: u64, chaos: Chaos) -> Network {
        let state = State {
            random: Random::new(seed),
            chaos,
            queues: Vec::new(),
            links: Slab::new(),
            pollers: Vec::new(),
            accepts_to_fail: 0,
        };
        Network {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// A poller for one worker. They are numbered from 0 in the order they are made.
    pub fn poller(&self) -> Poller {
        Poller::new(self)
    }

    /// A listener. They are numbered from 0 in the order they are made.
    pub fn listener(&self) -> Listener {
        let mut state = self.lock();
        state.queues.push(Queue {
            waiting: VecDeque::new(),
            open: true,
            watch: None,
        });
        Listener {
            network: self.clone(),
            number: state.queues.len() - 1,
        }
    }

    /// A client's connection to the listener of this number, which need not have accepted it yet.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` if there is no such listener, or no more.
    pub fn connect(&self, listener: usize, options: LinkOptions) -> io::Result<Client> {
        let mut state = self.lock();
        let State { queues, links, .. } = &mut *state;
        let queue = queues.get_mut(listener).filter(|queue| queue.open);
        let queue = queue.ok_or(io::ErrorKind::ConnectionRefused)?;
        let key = links.insert(Link::new(options));
        queue.waiting.push_back(key);
        if queue.waiting.len() == 1
            && let Some(watch) = &mut queue.watch
        {
            watch.owed.readable = true;
        }
        Ok(Client {
            network: self.clone(),
            key,
        })
    }

    /// Lets the next `count` accepts of a waiting connection fail as if there were no descriptors
    /// left (EMFILE). The connections stay in their queue.
    pub fn fail_accepts(&self, count: usize) {
        self.lock().accepts_to_fail = count;
    }

    /// How many sockets the engine has open.
    pub fn sockets(&self) -> usize {
        let state = self.lock();
        let waiting: usize = state.queues.iter().map(|queue| queue.waiting.len()).sum();
        state
            .links
            .iter()
            .filter(|(_, link)| link.is_engine_open())
            .count()
            - waiting
    }

    /// How many connections wait to be accepted from a listener.
    pub fn waiting(&self, listener: usize) -> usize {
        self.lock()
            .queues
            .get(listener)
            .map_or(0, |queue| queue.waiting.len())
    }

    /// Whether a poller would find something by itself: an edge, a wake-up, bytes under way.
    pub fn has_events(&self, poller: usize) -> bool {
        self.lock().has_events(poller)
    }

    /// How long the last poll of a poller was willing to wait: when the script has to poll again if
    /// nothing happens before. `None` before the first poll; `Some(None)` means for ever.
    pub fn last_timeout(&self, poller: usize) -> Option<Option<Duration>> {
        self.lock().last_timeout(poller)
    }

    /// What the socket registered under `token` will still be told at the least: transitions not yet
    /// delivered, and what is under way to it. `None` means that it must not wait for anything.
    pub fn owed_edge(&self, poller: usize, token: usize) -> Option<Readiness> {
        self.lock().owed_edge(poller, token)
    }

    /// Whether reading from (or accepting from) what is registered under `token` would do anything
    /// but block.
    pub fn could_read(&self, poller: usize, token: usize) -> bool {
        self.lock()
            .truth_of(poller, token)
            .is_some_and(|truth| truth.readable)
    }

    /// Whether writing to the socket registered under `token` would do anything but block.
    pub fn could_write(&self, poller: usize, token: usize) -> bool {
        self.lock()
            .truth_of(poller, token)
            .is_some_and(|truth| truth.writable)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one operation on a link; afterwards more may arrive, as it may at any moment.
    fn with_link<T>(&self, key: usize, operation: impl FnOnce(&mut Link, &mut Dice<'_>) -> T) -> T {
        let mut state = self.lock();
        let State {
            links,
            random,
            chaos,
            ..
        } = &mut *state;
        let mut dice = Dice { random, chaos };
        let link = &mut links[key];
        let result = operation(link, &mut dice);
        link.land_some(&mut dice);
        if !link.is_engine_open() && !link.is_client_open() {
            links.remove(key);
        }
        result
    }
}

/// How often, of a thousand times, the network does what it may do but seldom does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chaos {
    /// An accept of a connection that its client has reset fails (`ConnectionAborted`), as on BSD.
    pub aborted: u16,
    /// What a client sends arrives bit by bit, at any later moment, even between two reads.
    pub delayed: u16,
    /// A poll delivers only some of the edges it owes.
    pub held_back: u16,
    /// A reset destroys what the other side has not read yet.
    pub lossy: u16,
    /// An event tells only of the direction that changed (kqueue), not of both (epoll).
    pub split: u16,
    /// A poll tells of readiness that is not there, for each socket.
    pub spurious: u16,
    /// A poll tells of a socket that is gone, for each that was closed since the last poll.
    pub stale: u16,
}

impl Chaos {
    /// Everything goes as one would expect.
    pub const NONE: Chaos = Chaos {
        aborted: 0,
        delayed: 0,
        held_back: 0,
        lossy: 0,
        split: 0,
        spurious: 0,
        stale: 0,
    };
}

impl Default for Chaos {
    /// Everything that can happen does, often.
    fn default() -> Chaos {
        Chaos {
            aborted: 500,
            delayed: 300,
            held_back: 200,
            lossy: 500,
            split: 300,
            spurious: 50,
            stale: 300,
        }
    }
}

/// What one connection is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkOptions {
    /// Bytes towards the engine that fit before the client has to wait; at least 1.
    pub inbound_bytes_max: usize,
    /// Bytes towards the client that fit before the engine has to wait; at least 1.
    pub outbound_bytes_max: usize,
    /// The most bytes that one read of the engine returns, at least 1. `None` makes the socket like
    /// TCP on Linux, where a short read means that it is drained; with a bound it means nothing.
    pub read_bytes_max: Option<usize>,
    /// Where the client seems to come from.
    pub peer: Peer,
}

impl Default for LinkOptions {
    fn default() -> LinkOptions {
        LinkOptions {
            inbound_bytes_max: 64 << 10,
            outbound_bytes_max: 64 << 10,
            read_bytes_max: None,
            peer: Peer::V4(Ipv4Addr::new(192, 0, 2, 1), 49_152),
        }
    }
}

/// The engine's end of a connection. Dropping it closes it like close(2): bytes that were not read
/// turn the FIN into a reset, and so does what the client sends later.
#[derive(Debug)]
pub struct Socket {
    // Boxed to keep `Transport` at two words.
    end: Box<End>,
}

#[derive(Debug)]
struct End {
    network: Network,
    key: usize,
}

impl Socket {
    pub(super) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.end
            .network
            .with_link(self.end.key, |link, _| link.read(buf))
    }

    pub(super) fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    pub(super) fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.end
            .network
            .with_link(self.end.key, |link, _| link.write(bufs))
    }

    pub(super) fn shutdown_write(&mut self) -> io::Result<()> {
        self.end
            .network
            .with_link(self.end.key, |link, _| link.shutdown_write())
    }

    pub(super) fn short_read_drains(&self) -> bool {
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
    number: usize,
}

impl Listener {
    /// Its number, for [`Network::connect`].
    pub fn number(&self) -> usize {
        self.number
    }

    pub(super) fn accept(&mut self) -> io::Result<(Socket, Peer)> {
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
            return Err(rustix::io::Errno::MFILE.into());
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
    pub(super) fn local_address(&self) -> ListenAddress {
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

/// Everything there is.
#[derive(Debug)]
struct State {
    random: Random,
    chaos: Chaos,
    /// By the number of their listener; they stay when it is gone.
    queues: Vec<Queue>,
    links: Slab<Link>,
    /// By number.
    pollers: Vec<poller::Interests>,
    accepts_to_fail: usize,
}

/// The connections that wait for one listener.
#[derive(Debug)]
struct Queue {
    waiting: VecDeque<usize>,
    open: bool,
    watch: Option<Watch>,
}

/// What decides.
struct Dice<'a> {
    random: &'a mut Random,
    chaos: &'a Chaos,
}
