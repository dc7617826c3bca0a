//! Workers, mostly one, and clients that a test moves by hand: for what has to happen at one time.

use std::sync::Arc;
use std::time::Duration;

use super::site::{Wakers, site};
use super::wire::Peers;
use super::workers::Engine;
use crate::engine::{Begun, Mail, Site, SiteBuilder};
use crate::limits::Limits;
use crate::time::Instant;
use crate::transport::memory::{self, Chaos, LinkOptions, Network};
use crate::transport::tls::client;

/// Workers, mostly one, on a network without surprises.
pub(super) struct Rig {
    pub engine: Engine,
    pub wakers: Arc<Wakers>,
    clients: client::Clients,
    limits: Limits,
}

/// A client and what it has received.
pub(super) struct Visitor {
    pub link: memory::Client,
    pub received: Vec<u8>,
}

/// A client that speaks TLS, and what it has received.
pub(super) struct Guest {
    pub link: memory::Client,
    pub tls: client::Client,
    /// Sealed and not sent.
    outbox: Vec<u8>,
    received: Vec<u8>,
}

impl Rig {
    /// Serves the simulation's site with these limits.
    pub(super) fn new(limits: Limits) -> Rig {
        Rig::with_workers(1, limits)
    }

    /// The same by several workers.
    pub(super) fn with_workers(workers: usize, limits: Limits) -> Rig {
        let wakers = Arc::new(Wakers::default());
        let site = site(limits.clone(), "one", &wakers, &Arc::default());
        Rig::of(site, workers, true, wakers, limits)
    }

    /// Serves what a test adds to an empty site, with these limits and no TLS.
    pub(super) fn serving(limits: Limits, add: impl FnOnce(SiteBuilder) -> SiteBuilder) -> Rig {
        let site = add(Site::builder().limits(limits.clone())).build();
        Rig::of(site.unwrap(), 1, false, Arc::default(), limits)
    }

    fn of(site: Site, workers: usize, is_secure: bool, wakers: Arc<Wakers>, limits: Limits) -> Rig {
        let network = Network::new(1, Chaos::NONE);
        let engine = Engine::new(network, &Arc::new(site), workers, false, is_secure);
        let mut rig = Rig {
            engine,
            wakers,
            clients: Peers::latest(),
            limits,
        };
        rig.settle();
        rig
    }

    /// A client that has sent `bytes`.
    pub(super) fn visit(&mut self, bytes: &str) -> Visitor {
        self.visit_with(LinkOptions::default(), bytes)
    }

    /// A client with a connection like this that has sent `bytes`.
    pub(super) fn visit_with(&mut self, options: LinkOptions, bytes: &str) -> Visitor {
        let link = self.engine.network.connect(0, options).unwrap();
        let mut visitor = Visitor {
            link,
            received: Vec::new(),
        };
        visitor.send(bytes);
        self.settle();
        visitor
    }

    /// A client at the port where TLS is spoken that has sent nothing.
    pub(super) fn receive(&mut self) -> Guest {
        self.receive_with(LinkOptions::default())
    }

    /// A client at this port that shares sessions with others.
    pub(super) fn receive_at(&mut self, port: usize, clients: &client::Clients) -> Guest {
        let options = LinkOptions::default();
        Guest::new(self.engine.network.connect(port, options).unwrap(), clients)
    }

    /// The same with a connection like this.
    pub(super) fn receive_with(&mut self, options: LinkOptions) -> Guest {
        let link = self.engine.network.connect(1, options).unwrap();
        Guest::new(link, &self.clients)
    }

    /// Lets the handshake happen.
    pub(super) fn shake_hands(&mut self, guest: &mut Guest) {
        for _ in 0..2 {
            guest.send_sealed(usize::MAX);
            self.settle();
            guest.hear();
        }
        assert!(!guest.tls.is_handshaking());
    }

    /// Lets the worker do what it can do now.
    pub(super) fn settle(&mut self) {
        for _ in 0..10_000 {
            let mut workers = 0..self.engine.workers.len();
            let Some(index) = workers.find(|&index| self.engine.is_ready(index)) else {
                return;
            };
            self.engine.turn(index, &self.limits).unwrap();
        }
        panic!("the worker does not rest");
    }

    /// One turn.
    pub(super) fn turn(&mut self) {
        self.engine.turn(0, &self.limits).unwrap();
    }

    /// Begins the next job, which must be wanted.
    pub(super) fn begin_job(&mut self) -> Begun {
        self.engine.jobs.begin_one(0).expect("no job waits")
    }

    /// Ends a job, and does all that can be done then.
    pub(super) fn finish_job(&mut self, begun: Begun) {
        begun.finish();
        self.settle();
    }

    /// Serves the same with other limits from now on.
    pub(super) fn publish(&mut self, limits: Limits) {
        let site = Arc::new(site(limits, "two", &self.wakers, &Arc::default()));
        self.engine.tell(|| Mail::Site(Arc::clone(&site)));
        self.settle();
    }

    /// Lets time pass, with a turn whenever one is due.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.engine.now() + time;
        self.settle();
        while let Some(due) = self.engine.due().filter(|due| *due <= end) {
            self.engine.clock.set(due);
            self.settle();
        }
        self.engine.clock.set(end);
        self.settle();
    }

    /// Lets time pass to so long after the beginning.
    pub(super) fn pass_to(&mut self, time: Duration) {
        self.pass((Instant::START + time).since(self.engine.now()));
    }

    pub(super) fn drain(&mut self) {
        self.engine.tell(|| Mail::Drain);
        self.settle();
    }

    pub(super) fn is_over(&self) -> bool {
        self.engine.workers[0].is_over
    }
}

impl Visitor {
    pub(super) fn send(&mut self, bytes: &str) {
        assert_eq!(
            self.link.send(bytes.as_bytes()),
            bytes.len(),
            "there is room"
        );
    }

    /// All that has come so far.
    pub(super) fn text(&mut self) -> String {
        self.link.receive(&mut self.received);
        String::from_utf8_lossy(&self.received).into_owned()
    }

    /// What has come so far behind the first head.
    pub(super) fn body(&mut self) -> Vec<u8> {
        self.text();
        let text = &self.received;
        let head = text.windows(4).position(|four| four == b"\r\n\r\n");
        head.map_or(Vec::new(), |at| text[at + 4..].to_vec())
    }

    /// The statuses of the responses that have come so far.
    pub(super) fn statuses(&mut self) -> Vec<u16> {
        let text = self.text();
        let lines = text.split("HTTP/1.1 ").skip(1);
        lines.map(|line| line[..3].parse().unwrap()).collect()
    }

    /// Whether the engine has ended the connection in an orderly way.
    pub(super) fn is_closed(&mut self) -> bool {
        self.text();
        assert!(!self.link.was_reset(), "the connection was reset");
        self.link.has_ended()
    }
}

impl Guest {
    fn new(link: memory::Client, clients: &client::Clients) -> Guest {
        Guest {
            link,
            tls: clients.connect("localhost"),
            outbox: Vec::new(),
            received: Vec::new(),
        }
    }

    /// Sends so many of the bytes that TLS has to send, or all.
    pub(super) fn send_sealed(&mut self, bytes_max: usize) {
        self.outbox.extend(self.tls.output());
        let count = bytes_max.min(self.outbox.len());
        assert_eq!(
            self.link.send(&self.outbox[..count]),
            count,
            "there is room"
        );
        self.outbox.drain(..count);
    }

    /// Sends text.
    pub(super) fn say(&mut self, text: &str) {
        self.tls.write(text.as_bytes());
        self.send_sealed(usize::MAX);
    }

    /// Takes what has come.
    pub(super) fn hear(&mut self) {
        let mut bytes = Vec::new();
        self.link.receive(&mut bytes);
        self.tls.ingest(&bytes, &mut self.received).unwrap();
    }

    /// All text that has come so far.
    pub(super) fn text(&mut self) -> String {
        self.hear();
        String::from_utf8_lossy(&self.received).into_owned()
    }
}
