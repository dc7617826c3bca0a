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

mod ends;
mod link;
mod poller;
mod random;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slab::Slab;

use self::link::Link;
use self::poller::Watch;
use self::random::Random;
use crate::transport::{Peer, Readiness};

pub use self::ends::{Client, Listener, Socket};
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
        Listener::new(self, state.queues.len() - 1)
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
        Ok(Client::new(self, key))
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

    /// What the socket registered under `token` will still be told at the least: transitions not
    /// yet delivered, and what is under way to it. `None` means that it must not wait for anything.
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
