//! What a worker lends to the slot that it drives.

use std::any::Any;
use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use httpdate::HttpDate;

use super::exchange::Exchanges;
use super::handshakes::Handshakes;
use super::jobs::JobPool;
use super::mailbox::Address;
use super::prepared::Prepared;
use super::ready::ReadyQueue;
use super::site::Site;
use super::starved::Starved;
use super::stats::WorkerStats;
use crate::buffer::{BLOCK_BYTES_MIN, Block, Output, Pool};
use crate::http::Field;
use crate::proto::h1::Prelude;
use crate::router::Params;
use crate::service::ReplyBuffer;
use crate::time::{Clock, Instant, Wheel};

/// Bytes that all connections together move in half a turn before the next ones with large bodies
/// have to wait for their turn: a millisecond, copied or sealed.
const HALF_TURN_BYTES: usize = 4 << 20;

/// Everything that belongs to a worker and that its slots share: a sibling of the slots, so that
/// one slot and the context can be borrowed at the same time.
pub(super) struct Context {
    /// The time of this turn: one clock reading for all that happens in it.
    pub now: Instant,
    /// The time of day then, since the Unix epoch.
    pub wall: Duration,
    /// Which turn this is, counted from the first.
    pub turn: u64,
    /// Bytes that connections may still move in this half of the turn: see [`Context::begin_half`].
    pub turn_bytes_left: usize,
    pub clock: Clock,
    pub dates: Dates,
    pub pool: Pool,
    /// The block that connections without one of their own are driven with.
    pub scratch: Option<Block>,
    /// The output of the connection that is being driven.
    pub out: Output,
    /// The header table.
    pub fields: Vec<Field>,
    pub params: Params,
    /// The normal form of a path, where it differs from what was sent.
    pub path: Vec<u8>,
    pub reply: ReplyBuffer,
    /// What handlers and observers keep for each worker.
    pub local: Box<dyn Any + Send>,
    pub wheel: Wheel,
    pub ready: ReadyQueue,
    pub handshakes: Handshakes,
    /// Connections that cannot be read because the pool is empty.
    pub starved: Starved,
    pub exchanges: Exchanges,
    /// Bytes of all bodies that are being collected.
    pub collected_bytes: usize,
    pub jobs: JobPool,
    /// Where other threads reach this worker.
    pub address: Arc<Address>,
    pub stats: Arc<WorkerStats>,
    /// When the drain began, if one has.
    pub draining: Option<Instant>,
    /// When the observers want to hand on what they gathered.
    pub flush_due: Option<Instant>,
    /// The deliberate bug of a simulation.
    #[cfg(test)]
    pub mutation: Option<super::Mutation>,
}

impl Context {
    /// The context of a worker that serves `site`.
    pub fn new(
        site: &Site,
        clock: Clock,
        jobs: JobPool,
        address: Arc<Address>,
        local: Box<dyn Any + Send>,
        stats: Arc<WorkerStats>,
    ) -> Context {
        let now = clock.now();
        let limits = &site.limits;
        let mut pool = Pool::new(
            limits.head_bytes_max.max(BLOCK_BYTES_MIN),
            limits.pool_bytes_max,
        );
        Context {
            now,
            wall: clock.wall(),
            turn: 0,
            turn_bytes_left: HALF_TURN_BYTES,
            dates: Dates::new(site.server_name.as_deref(), &clock, now),
            clock,
            scratch: pool.take(),
            pool,
            out: Output::new(),
            fields: Vec::with_capacity(limits.fields_max),
            params: Params::new(),
            path: Vec::new(),
            reply: ReplyBuffer::default(),
            local,
            wheel: Wheel::new(now),
            ready: ReadyQueue::default(),
            handshakes: Handshakes::default(),
            starved: Starved::default(),
            exchanges: Exchanges::default(),
            collected_bytes: 0,
            jobs,
            address,
            stats,
            draining: None,
            flush_due: None,
            #[cfg(test)]
            mutation: None,
        }
    }

    /// Reads the clock, once a turn.
    pub fn begin_turn(&mut self) {
        self.now = self.clock.now();
        self.turn += 1;
        self.begin_half();
        self.handshakes.begin_turn();
        self.dates.refresh(&self.clock, self.now);
        self.wall = self.dates.wall_at(self.now);
    }

    /// Gives the connections a share of the turn: first those with events, then those in the ready
    /// queue, which come one after the other. However many clients take large bodies as fast as
    /// they come, whoever asks for little is answered between.
    pub fn begin_half(&mut self) {
        self.turn_bytes_left = HALF_TURN_BYTES;
    }

    /// Takes what a new site changes.
    pub fn serve(&mut self, site: &Site) {
        self.dates = Dates::new(site.server_name.as_deref(), &self.clock, self.now);
    }

    /// Whether the simulation has this bug switched on.
    #[cfg(test)]
    #[inline]
    pub fn mutated(&self, mutation: super::Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// Whether the simulation has this bug switched on: never outside of it.
    #[cfg(not(test))]
    #[inline]
    pub fn mutated(&self, _mutation: super::Mutation) -> bool {
        false
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("now", &self.now)
            .field("lent", &self.pool.lent())
            .field("ready", &self.ready.len())
            .field("exchanges", &self.exchanges.len())
            .finish_non_exhaustive()
    }
}

/// The wall clock, read at most once a second, and what is derived from it.
#[derive(Debug)]
pub(super) struct Dates {
    pub prelude: Prelude,
    /// Answers that begin with it.
    pub prepared: Prepared,
    /// The last value of the `Date` field; kept so that its room is used again.
    date: String,
    /// The wall clock at `read_at`, since the Unix epoch.
    wall: Duration,
    read_at: Instant,
    /// The beginning of the next second.
    due: Instant,
}

impl Dates {
    fn new(server_name: Option<&str>, clock: &Clock, now: Instant) -> Dates {
        let mut dates = Dates {
            prelude: Prelude::new(server_name),
            prepared: Prepared::default(),
            date: String::new(),
            wall: Duration::ZERO,
            read_at: now,
            due: now,
        };
        dates.refresh(clock, now);
        dates
    }

    #[inline]
    fn refresh(&mut self, clock: &Clock, now: Instant) {
        if now >= self.due {
            self.read(clock, now);
        }
    }

    #[cold]
    fn read(&mut self, clock: &Clock, now: Instant) {
        self.wall = clock.wall();
        self.read_at = now;
        let into_second = Duration::from_nanos(u64::from(self.wall.subsec_nanos()));
        self.due = now + (Duration::from_secs(1) - into_second);
        self.date.clear();
        let date = HttpDate::from(SystemTime::UNIX_EPOCH + self.wall);
        // Writing to a string cannot fail.
        let _ = write!(self.date, "{date}");
        self.prelude.set_date(&self.date);
        self.prepared.sweep(&self.prelude);
    }

    /// The wall clock at `instant`, since the Unix epoch.
    pub fn wall_at(&self, instant: Instant) -> Duration {
        self.wall + instant.since(self.read_at)
    }
}
