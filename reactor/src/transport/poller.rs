//! Waits for something to happen to the sockets of one worker.
//!
//! Owns the system's event queue and its translation into [`Readiness`]. Must not know what a token
//! stands for.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Poll, Token};

use crate::transport::{Listener, Transport, memory};

/// What the poller saw of a registered socket. It tells of a transition and is not repeated: read
/// or write until `WouldBlock`. Now and then it is wrong, or late, or for a socket that is gone,
/// and some systems report the two directions of one socket apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The token that the socket was registered with.
    pub token: usize,
    /// Reading may succeed, or accepting from a listener.
    pub readable: bool,
    /// Writing may succeed.
    pub writable: bool,
    /// The peer sends no more, or the connection is broken (RDHUP, HUP or ERR); `readable` is set
    /// as well, for a read tells which. There may be bytes left before it.
    pub closed: bool,
    /// The connection is gone in both directions (HUP or ERR): reset, or closed by both. Unlike the
    /// others this is never wrong.
    pub broken: bool,
}

/// Waits for the sockets of one worker. Edge-triggered: see [`Readiness`].
#[derive(Debug)]
pub enum Poller {
    /// Of the simulation.
    Memory(memory::Poller),
    /// Of the operating system.
    System(SystemPoller),
}

impl Poller {
    /// A poller of the operating system.
    ///
    /// # Errors
    ///
    /// What the system said, most likely that there are no descriptors left.
    pub fn new() -> io::Result<Poller> {
        SystemPoller::new().map(Poller::System)
    }

    /// Registers a connection once and for all, for both directions. What it is ready for now is
    /// reported by the next poll. Dropping the transport ends the registration.
    ///
    /// # Errors
    ///
    /// What the system said; `InvalidInput` for a transport of the other kind of poller, or
    /// `usize::MAX` as the token.
    pub fn register(&mut self, transport: &mut Transport, token: usize) -> io::Result<()> {
        match (self, transport) {
            (Poller::Memory(poller), Transport::Memory(socket)) => poller.register(socket, token),
            (Poller::System(poller), Transport::Tcp(socket)) => poller.register(
                &mut socket.0,
                token,
                Interest::READABLE | Interest::WRITABLE,
            ),
            (Poller::System(poller), Transport::Unix(socket)) => poller.register(
                &mut socket.0,
                token,
                Interest::READABLE | Interest::WRITABLE,
            ),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Registers a listener; connections that wait already are reported by the next poll.
    ///
    /// # Errors
    ///
    /// Like [`Poller::register`].
    pub fn register_listener(&mut self, listener: &mut Listener, token: usize) -> io::Result<()> {
        match (self, listener) {
            (Poller::Memory(poller), Listener::Memory(queue)) => {
                poller.register_listener(queue, token)
            }
            (Poller::System(poller), Listener::Tcp(socket)) => {
                poller.register(&mut socket.0, token, Interest::READABLE)
            }
            (Poller::System(poller), Listener::Unix(socket)) => {
                poller.register(&mut socket.listener, token, Interest::READABLE)
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Ends the registration of a listener. Call it before dropping one: an inherited socket is
    /// also open in the parent process, so closing it here does not end its events.
    ///
    /// # Errors
    ///
    /// `NotFound` if it was not registered, else what the system said.
    pub fn deregister_listener(&mut self, listener: &mut Listener) -> io::Result<()> {
        match (self, listener) {
            (Poller::Memory(poller), Listener::Memory(queue)) => poller.deregister_listener(queue),
            (Poller::System(poller), Listener::Tcp(socket)) => {
                poller.poll.registry().deregister(&mut socket.0)
            }
            (Poller::System(poller), Listener::Unix(socket)) => {
                poller.poll.registry().deregister(&mut socket.listener)
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Waits until something happens, the waker is called or `timeout` is over (`None`: for ever),
    /// and puts what happened into `events` in place of what was there. Being interrupted by a
    /// signal counts as nothing having happened; a timeout is rounded up to the millisecond. The
    /// waker's own event is not reported.
    ///
    /// # Errors
    ///
    /// What the system said; nothing that goes away by waiting.
    pub fn poll(
        &mut self,
        events: &mut Vec<Readiness>,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        events.clear();
        match self {
            Poller::Memory(poller) => {
                poller.poll(events, timeout);
                Ok(())
            }
            Poller::System(poller) => poller.poll(events, timeout),
        }
    }

    /// A handle that ends a wait of this poller from any thread.
    pub fn waker(&self) -> Waker {
        match self {
            Poller::Memory(poller) => Waker::Memory(poller.waker()),
            Poller::System(poller) => Waker::System(Arc::clone(&poller.waker)),
        }
    }
}

/// The operating system's event queue.
#[derive(Debug)]
pub struct SystemPoller {
    poll: Poll,
    events: Events,
    waker: Arc<mio::Waker>,
}

impl SystemPoller {
    fn new() -> io::Result<SystemPoller> {
        let poll = Poll::new()?;
        let waker = Arc::new(mio::Waker::new(poll.registry(), WAKER)?);
        Ok(SystemPoller {
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            waker,
        })
    }

    fn register(
        &mut self,
        source: &mut impl mio::event::Source,
        token: usize,
        interest: Interest,
    ) -> io::Result<()> {
        if Token(token) == WAKER {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.poll
            .registry()
            .register(source, Token(token), interest)
    }

    fn poll(&mut self, events: &mut Vec<Readiness>, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        let seen = self.events.iter().filter(|event| event.token() != WAKER);
        events.extend(seen.map(readiness));
        Ok(())
    }
}

/// Ends a wait of one poller, or the next one if it does not wait now. Calls before the wait ends
/// count as one.
#[derive(Clone, Debug)]
pub enum Waker {
    /// Of the simulation.
    Memory(memory::Waker),
    /// Of the operating system.
    System(Arc<mio::Waker>),
}

impl Waker {
    /// Wakes the poller. Callable from any thread; costs a system call.
    pub fn wake(&self) {
        match self {
            Waker::Memory(waker) => waker.wake(),
            Waker::System(waker) => {
                // Not to be had from a live event descriptor; a worker that is gone needs no
                // waking.
                if let Err(error) = waker.wake() {
                    log::error!("cannot wake a worker: {error}");
                }
            }
        }
    }
}

fn readiness(event: &Event) -> Readiness {
    let broken = event.is_write_closed() || event.is_error();
    let closed = event.is_read_closed() || broken;
    Readiness {
        token: event.token().0,
        readable: event.is_readable() || closed,
        writable: event.is_writable(),
        closed,
        broken,
    }
}

/// Events taken from the system at once; what is beyond them comes with the next poll.
const EVENTS_MAX: usize = 1024;
const WAKER: Token = Token(usize::MAX);
