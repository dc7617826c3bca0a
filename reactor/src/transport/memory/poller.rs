//! Delivers the edges of the simulated network, in an order that the seed chooses.
//!
//! ```text
//!   transition ──► owed ── poll ──► truth now?  no: dropped, as epoll does
//!                   ▲                   │ yes
//!                   └── held back ──────┴──────► Readiness
//!   nothing ──────── spurious, or of a socket that is gone ──► Readiness
//! ```
//!
//! Owns registrations and deliveries. Must not know what makes a transition.

use std::io;
use std::time::Duration;

use super::{Listener, Network, Socket, State};
use crate::transport::Readiness;

/// A poller of the simulated network. It never waits.
#[derive(Debug)]
pub struct Poller {
    network: Network,
    number: usize,
}

impl Poller {
    pub(super) fn new(network: &Network) -> Poller {
        let mut state = network.lock();
        state.pollers.push(Interests::default());
        Poller {
            network: network.clone(),
            number: state.pollers.len() - 1,
        }
    }

    /// Its number, for the questions that [`Network`] answers.
    pub fn number(&self) -> usize {
        self.number
    }

    pub(in crate::transport) fn register(
        &mut self,
        socket: &mut Socket,
        token: usize,
    ) -> io::Result<()> {
        self.network
            .lock()
            .watch(Source::Link(socket.end.key), self.number, token)
    }

    pub(in crate::transport) fn register_listener(
        &mut self,
        listener: &mut Listener,
        token: usize,
    ) -> io::Result<()> {
        self.network
            .lock()
            .watch(Source::Queue(listener.number), self.number, token)
    }

    pub(in crate::transport) fn deregister_listener(
        &mut self,
        listener: &mut Listener,
    ) -> io::Result<()> {
        let mut state = self.network.lock();
        let watch = state.queues[listener.number].watch.take();
        watch.map(|_| ()).ok_or(io::ErrorKind::NotFound.into())
    }

    pub(in crate::transport) fn poll(
        &mut self,
        events: &mut Vec<Readiness>,
        timeout: Option<Duration>,
    ) {
        self.network.lock().poll(self.number, events, timeout);
    }

    pub(in crate::transport) fn waker(&self) -> Waker {
        Waker {
            network: self.network.clone(),
            number: self.number,
        }
    }
}

/// Wakes a poller of the simulated network: the script sees it in [`Network::has_events`].
#[derive(Clone, Debug)]
pub struct Waker {
    network: Network,
    number: usize,
}

impl Waker {
    pub(in crate::transport) fn wake(&self) {
        self.network.lock().pollers[self.number].woken = true;
    }
}

/// One registration.
#[derive(Debug)]
pub(super) struct Watch {
    poller: usize,
    token: usize,
    pub(super) owed: Edge,
}

/// The directions that changed since the last event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) readable: bool,
    pub(super) writable: bool,
}

impl Edge {
    const NONE: Edge = Edge {
        readable: false,
        writable: false,
    };
}

/// What is known of one poller beside its registrations, which are with the sockets.
#[derive(Debug, Default)]
pub(super) struct Interests {
    woken: bool,
    last_timeout: Option<Option<Duration>>,
    /// The tokens of sockets that were closed since the last poll.
    buried: Vec<usize>,
}

/// What can be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Link(usize),
    Queue(usize),
}

impl State {
    /// Registers like EPOLL_CTL_ADD: what is so now is owed as one edge.
    fn watch(&mut self, source: Source, poller: usize, token: usize) -> io::Result<()> {
        let taken = self.source_of(poller, token).is_some() || self.watch_of(source).is_some();
        if taken {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let truth = self.truth(source);
        let owed = Edge {
            readable: truth.readable,
            writable: truth.writable,
        };
        *self.watch_mut(source) = Some(Watch {
            poller,
            token,
            owed,
        });
        Ok(())
    }

    /// Remembers the token of a closed socket: events may still tell of it.
    pub(super) fn bury(&mut self, watch: Option<Watch>) {
        if let Some(Watch { poller, token, .. }) = watch {
            self.pollers[poller].buried.push(token);
        }
    }

    fn poll(&mut self, number: usize, events: &mut Vec<Readiness>, timeout: Option<Duration>) {
        let interests = &mut self.pollers[number];
        interests.woken = false;
        interests.last_timeout = Some(timeout);
        let buried = std::mem::take(&mut interests.buried);

        self.land_some(number);
        let (mut owed, idle): (Vec<Source>, Vec<Source>) = self
            .sources(number)
            .partition(|&source| self.owed(source) != Edge::NONE);
        self.random.shuffle(&mut owed);
        let mut events_max = owed.len();
        if owed.len() > 1 && self.random.chance(self.chaos.held_back) {
            events_max = 1 + self.random.below(owed.len() - 1);
        }
        for source in owed {
            if events.len() < events_max {
                events.extend(self.deliver(source));
            }
        }
        for source in idle {
            events.extend(self.invent(source));
        }
        for token in buried {
            if self.random.chance(self.chaos.stale) {
                let [readable, writable, closed] = [(); 3].map(|()| self.random.chance(500));
                events.push(Readiness {
                    token,
                    readable: readable || closed,
                    writable,
                    closed,
                    broken: closed,
                });
            }
        }
        self.random.shuffle(events);
    }

    fn land_some(&mut self, number: usize) {
        let State {
            links,
            random,
            chaos,
            ..
        } = self;
        let mut dice = super::Dice { random, chaos };
        for (_, link) in links.iter_mut() {
            if link.watch().is_some_and(|watch| watch.poller == number) {
                link.land_some(&mut dice);
            }
        }
    }

    /// Turns what is owed into an event, if there is still something to tell.
    fn deliver(&mut self, source: Source) -> Option<Readiness> {
        let watch = self.watch_mut(source).as_mut()?;
        let owed = std::mem::take(&mut watch.owed);
        let mut event = self.truth(source);
        if self.random.chance(self.chaos.split) {
            event.readable &= owed.readable || event.closed;
            event.writable &= owed.writable;
        }
        (event.readable || event.writable).then_some(event)
    }

    /// Makes up an event without a transition, perhaps. It does not lie about `closed`.
    fn invent(&mut self, source: Source) -> Option<Readiness> {
        if !self.random.chance(self.chaos.spurious) {
            return None;
        }
        let truth = self.truth(source);
        let listens = matches!(source, Source::Queue(_));
        let readable = listens || truth.closed || self.random.chance(500);
        let writable = !listens && (!readable || self.random.chance(500));
        Some(Readiness {
            readable,
            writable,
            ..truth
        })
    }

    pub(super) fn has_events(&self, number: usize) -> bool {
        self.pollers
            .get(number)
            .is_some_and(|interests| interests.woken)
            || self
                .sources(number)
                .any(|source| self.coming(source).is_some())
    }

    pub(super) fn last_timeout(&self, number: usize) -> Option<Option<Duration>> {
        self.pollers.get(number)?.last_timeout
    }

    pub(super) fn owed_edge(&self, poller: usize, token: usize) -> Option<Readiness> {
        self.source_of(poller, token)
            .and_then(|source| self.coming(source))
    }

    pub(super) fn truth_of(&self, poller: usize, token: usize) -> Option<Readiness> {
        self.source_of(poller, token)
            .map(|source| self.truth(source))
    }

    /// The event that will come, at the least: what is owed and still so, or is under way.
    fn coming(&self, source: Source) -> Option<Readiness> {
        let (owed, truth) = (self.owed(source), self.truth(source));
        let arriving = matches!(source, Source::Link(key) if self.links[key].is_arriving());
        let readable = arriving || (owed.readable && truth.readable);
        let writable = owed.writable && truth.writable;
        let closed = readable && truth.closed;
        (readable || writable).then_some(Readiness {
            readable,
            writable,
            closed,
            ..truth
        })
    }

    fn owed(&self, source: Source) -> Edge {
        self.watch_of(source).map_or(Edge::NONE, |watch| watch.owed)
    }

    /// What is so now; the token is 0 if it is not registered.
    fn truth(&self, source: Source) -> Readiness {
        let token = self.watch_of(source).map_or(0, |watch| watch.token);
        match source {
            Source::Link(key) => self.links[key].truth(token),
            Source::Queue(number) => {
                let readable = !self.queues[number].waiting.is_empty();
                Readiness {
                    token,
                    readable,
                    writable: false,
                    closed: false,
                    broken: false,
                }
            }
        }
    }

    fn watch_of(&self, source: Source) -> Option<&Watch> {
        match source {
            Source::Link(key) => self.links[key].watch(),
            Source::Queue(number) => self.queues[number].watch.as_ref(),
        }
    }

    fn watch_mut(&mut self, source: Source) -> &mut Option<Watch> {
        match source {
            Source::Link(key) => self.links[key].watch_mut(),
            Source::Queue(number) => &mut self.queues[number].watch,
        }
    }

    fn source_of(&self, poller: usize, token: usize) -> Option<Source> {
        self.sources(poller).find(|&source| {
            self.watch_of(source)
                .is_some_and(|watch| watch.token == token)
        })
    }

    /// Everything registered with a poller.
    fn sources(&self, poller: usize) -> impl Iterator<Item = Source> {
        let links = self.links.iter().map(|(key, _)| Source::Link(key));
        let queues = (0..self.queues.len()).map(Source::Queue);
        links
            .chain(queues)
            .filter(move |&source| self.watch_of(source).is_some_and(|w| w.poller == poller))
    }
}
