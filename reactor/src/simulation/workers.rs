//! The workers of a run or a test: cores on one simulated network, one clock and one job pool.

use std::sync::Arc;

use super::check::Watcher;
use crate::engine::{
    Address, Census, Core, CoreParts, Entrance, Handoff, JobPool, Mail, Room, Site, Turn,
    WorkerStats, mailbox,
};
use crate::limits::Limits;
use crate::time::{Clock, Instant, ManualClock};
use crate::transport::memory::Network;
use crate::transport::{Listener, Poller};

/// A worker with what the script needs of it.
pub(super) struct Worker {
    pub core: Core,
    pub address: Arc<Address>,
    pub stats: Arc<WorkerStats>,
    /// The number of its poller.
    pub poller: usize,
    pub is_over: bool,
    watcher: Watcher,
}

/// Workers on a simulated network.
pub(super) struct Engine {
    pub clock: ManualClock,
    pub network: Network,
    pub workers: Vec<Worker>,
    pub jobs: JobPool,
    pub census: Arc<Census>,
}

impl Engine {
    /// Workers that serve `site`; where they are to be secure, each that accepts has a second
    /// listener, for TLS.
    pub(super) fn new(
        network: Network,
        site: &Arc<Site>,
        workers: usize,
        hands_over: bool,
        is_secure: bool,
    ) -> Engine {
        let clock = ManualClock::new();
        let jobs = JobPool::new(site.limits().jobs_max);
        let census = Arc::new(Census::default());
        let mut parts = Vec::new();
        for _ in 0..workers {
            let poller = network.poller();
            let number = poller.number();
            let poller = Poller::Memory(poller);
            let (sending, mailbox) = mailbox(poller.waker());
            let stats: Arc<WorkerStats> = Arc::default();
            parts.push((poller, number, Arc::new(sending), mailbox, stats));
        }
        let others: Vec<_> = (parts.iter())
            .map(|(_, _, address, _, stats)| (Arc::clone(address), Arc::clone(stats)))
            .collect();
        let make = |(index, (poller, number, address, mailbox, stats))| {
            let accepts = !hands_over || index == 0;
            let kinds: &[bool] = match (accepts, is_secure) {
                (false, _) => &[],
                (true, false) => &[false],
                (true, true) => &[false, true],
            };
            let listener = |&secure: &bool| Entrance {
                listener: Listener::Memory(network.listener()),
                hands_over,
                secure,
            };
            let core = Core::new(CoreParts {
                poller,
                listeners: kinds.iter().map(listener).collect(),
                handoff: (hands_over && accepts).then(|| Handoff::new(others.clone())),
                site: Arc::clone(site),
                clock: Clock::Manual(clock.clone()),
                jobs: jobs.clone(),
                address: Arc::clone(&address),
                mailbox,
                // For handlers that count.
                local: Box::new(0_usize),
                tend: |_, _| None,
                stats: Arc::clone(&stats),
                census: Arc::clone(&census),
                room: Room::UNBOUNDED,
            });
            Worker {
                core: core.expect("the simulated poller takes every listener"),
                address,
                stats,
                poller: number,
                is_over: false,
                watcher: Watcher::default(),
            }
        };
        let workers = parts.into_iter().enumerate().map(make).collect();
        Engine {
            clock,
            network,
            workers,
            jobs,
            census,
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Whether a worker would do something now.
    pub(super) fn is_ready(&self, index: usize) -> bool {
        let worker = &self.workers[index];
        let due = || worker.core.due().is_some_and(|due| due <= self.now());
        !worker.is_over && (self.network.has_events(worker.poller) || due())
    }

    /// One turn of a worker, and a look at what it has left.
    pub(super) fn turn(&mut self, index: usize, limits: &Limits) -> Result<(), String> {
        let worker = &mut self.workers[index];
        let turn = worker.core.turn().map_err(|error| error.to_string())?;
        worker.is_over = turn == Turn::Over;
        let view = worker.core.view();
        let check = (worker.watcher).check(&view, &self.network, worker.poller, limits);
        check.map_err(|why| format!("worker {index}: {why}"))?;
        let mut slots = 0;
        let mut has_mail = false;
        for worker in &mut self.workers {
            let view = worker.core.view();
            slots += view.connections.len();
            has_mail |= view.has_mail;
        }
        let sockets = self.network.sockets();
        if sockets < slots || (sockets > slots && !has_mail) {
            return Err(format!(
                "{sockets} sockets are open for {slots} connections"
            ));
        }
        Ok(())
    }

    /// When the next worker is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let alive = self.workers.iter().filter(|worker| !worker.is_over);
        alive.filter_map(|worker| worker.core.due()).min()
    }

    pub(super) fn tell(&self, mail: impl Fn() -> Mail) {
        self.workers
            .iter()
            .for_each(|worker| worker.address.send(mail()));
    }
}
