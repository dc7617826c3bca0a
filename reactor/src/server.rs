//! Servers: listeners are bound, workers started, told and awaited.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::buffer::BLOCK_BYTES_MIN;
use crate::engine::{
    Address, Census, Core, CoreParts, Entrance, Handoff, JobPool, Mail, Room, Site, Tend,
    WorkerStats, mailbox, run,
};
use crate::error::Error;
use crate::sys;
use crate::time::Clock;
use crate::transport::{ListenAddress, Poller, bind};

/// How connections come to the workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accept {
    /// Every worker has its own listener, and the system shares connections out (SO_REUSEPORT).
    /// Where the system cannot, it is [`Accept::Handoff`].
    #[default]
    Reuseport,
    /// One worker accepts and hands connections to the one with the fewest: evener when there are
    /// few connections that live long.
    Handoff,
}

type MakeLocal = dyn Fn(usize) -> Box<dyn Any + Send>;

/// An address that is listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// Where; when it is bound, with the real port.
    pub address: ListenAddress,
    /// Whether TLS is spoken there.
    pub secure: bool,
}

/// A server that is being put together.
pub struct Server {
    site: Arc<Site>,
    listen: Vec<Listening>,
    workers: usize,
    pin: bool,
    accept: Accept,
    local: Box<MakeLocal>,
    tend: Tend,
    descriptors_left: u64,
}

/// Descriptors that are neither connections nor files that are sent, nor listeners nor pollers: log
/// files, directories, what is only looked at. Where there are few in all, a quarter of them; half
/// of it is what [`sys::is_among_last`] keeps free.
const DESCRIPTORS_RESERVED: u64 = 64;

/// Connections that are enough for most: that there are no more is no reason to warn.
const CONNECTIONS_USUAL: usize = 10_000;

impl Server {
    /// A server of `site`, with a worker for each core that the process may use.
    pub fn new(site: Site) -> Server {
        Server {
            site: Arc::new(site),
            listen: Vec::new(),
            workers: sys::cores_available(),
            pin: false,
            accept: Accept::default(),
            local: Box::new(|_| Box::new(())),
            tend: |_, _| None,
            descriptors_left: 0,
        }
    }

    /// Also listens on this address.
    #[must_use]
    pub fn listen(mut self, address: ListenAddress) -> Server {
        let secure = false;
        self.listen.push(Listening { address, secure });
        self
    }

    /// Also listens on this address, for TLS alone: the site says with which certificates.
    #[must_use]
    pub fn listen_tls(mut self, address: ListenAddress) -> Server {
        let secure = true;
        self.listen.push(Listening { address, secure });
        self
    }

    /// With this many workers, at least one.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Server {
        self.workers = workers.max(1);
        self
    }

    /// With each worker pinned to a core of its own.
    #[must_use]
    pub fn pin(mut self, pin: bool) -> Server {
        self.pin = pin;
        self
    }

    /// With connections coming to the workers in this way.
    #[must_use]
    pub fn accept(mut self, accept: Accept) -> Server {
        self.accept = accept;
        self
    }

    /// With a value of its own for each worker, made from the worker's index, which handlers,
    /// middleware and observers are lent (`Request::local`).
    #[must_use]
    pub fn local(mut self, make: impl Fn(usize) -> Box<dyn Any + Send> + 'static) -> Server {
        self.local = Box::new(make);
        self
    }

    /// With that value looked after: `tend` is called with it at the end of each turn, and says
    /// when it wants to be called again though nothing else happens; if never, the worker sleeps
    /// until something does. It must be quick when there is nothing to do.
    #[must_use]
    pub fn tend(mut self, tend: Tend) -> Server {
        self.tend = tend;
        self
    }

    /// With so many of the process's descriptors left to files that handlers keep open
    /// ([`sys::OpenFile`]), or to others. Connections share what remains; when more files are open
    /// there is room for fewer.
    #[must_use]
    pub fn leave_descriptors(mut self, count: u64) -> Server {
        self.descriptors_left = count;
        self
    }

    /// Opens the listeners; nothing is served yet. The process's limit of open descriptors is
    /// raised as far as it goes.
    ///
    /// # Errors
    ///
    /// An address cannot be listened on, because it is taken for example, or it is one for TLS and
    /// the site has none.
    pub fn bind(self) -> Result<Bound, Error> {
        let descriptors = sys::raise_descriptor_limit().1;
        let mut shares: Vec<Vec<Entrance>> = Vec::new();
        shares.resize_with(self.workers, Vec::new);
        let mut addresses = Vec::new();
        for Listening { address, secure } in &self.listen {
            let secure = *secure;
            let wanted = match self.accept {
                Accept::Reuseport => self.workers,
                Accept::Handoff => 1,
            };
            let failed = |cause| Error::Listen {
                address: address.to_string(),
                cause,
            };
            if secure && self.site.tls().is_none() {
                return Err(Error::NoCertificate(address.to_string()));
            }
            let listeners = bind(address, wanted).map_err(failed)?;
            if let Some(listener) = listeners.first() {
                let address = listener.local_address().map_err(failed)?;
                addresses.push(Listening { address, secure });
            }
            let hands_over = listeners.len() < self.workers;
            for (share, listener) in shares.iter_mut().zip(listeners) {
                share.push(Entrance {
                    listener,
                    hands_over,
                    secure,
                });
            }
        }
        let own = (self.workers * (self.listen.len() + 2)) as u64;
        let reserved = own + self.descriptors_left + DESCRIPTORS_RESERVED.min(descriptors / 4);
        let connections_max =
            usize::try_from(descriptors.saturating_sub(reserved)).unwrap_or(usize::MAX);
        if connections_max < self.site.limits().connections_max {
            let level = match connections_max < CONNECTIONS_USUAL {
                true => log::Level::Warn,
                false => log::Level::Info,
            };
            log::log!(
                level,
                "the limit of {descriptors} open files leaves room for {connections_max} \
                 connections instead of {}; raise it with ulimit -n or LimitNOFILE=",
                self.site.limits().connections_max
            );
        }
        let room = Room {
            connections_max,
            files_share: usize::try_from(self.descriptors_left).unwrap_or(usize::MAX),
            files_open: sys::open_files,
        };
        Ok(Bound {
            server: self,
            shares,
            addresses,
            room,
        })
    }

    /// Serves on this thread's behalf until the server ends, which without a [`Handle`] it does
    /// only by an error.
    ///
    /// # Errors
    ///
    /// Those of [`Server::bind`], [`Bound::start`] and [`Running::wait`].
    pub fn run(self) -> Result<(), Error> {
        self.bind()?.start()?.wait()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listen", &self.listen)
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

/// A server whose listeners are open.
#[derive(Debug)]
pub struct Bound {
    server: Server,
    shares: Vec<Vec<Entrance>>,
    addresses: Vec<Listening>,
    room: Room,
}

/// A worker and what reaches it.
struct Post {
    address: Arc<Address>,
    stats: Arc<WorkerStats>,
}

impl Bound {
    /// The addresses that are listened on, with their real ports.
    pub fn addresses(&self) -> &[Listening] {
        &self.addresses
    }

    /// Starts the workers and the job pool.
    ///
    /// # Errors
    ///
    /// The system refuses a poller or a thread.
    pub fn start(self) -> Result<Running, Error> {
        let failed = |what| move |cause| Error::System { what, cause };
        let site = self.server.site;
        let jobs = JobPool::new(site.limits().jobs_max);
        let census = Arc::new(Census::default());
        let mut posts = Vec::new();
        let mut pollers = Vec::new();
        for _ in &self.shares {
            let poller = Poller::new().map_err(failed("make a poller"))?;
            let (sending, mailbox) = mailbox(poller.waker());
            posts.push(Post {
                address: Arc::new(sending),
                stats: Arc::default(),
            });
            pollers.push((poller, mailbox));
        }
        let job_threads = jobs
            .start(site.limits().job_threads)
            .map_err(failed("start the job pool"))?;
        let (ended, ends) = channel();
        let is_only = |share: &Vec<Entrance>| share.iter().any(|entrance| entrance.hands_over);
        let hands_over = self.shares.first().is_some_and(is_only);
        for (index, (share, (poller, mailbox))) in self.shares.into_iter().zip(pollers).enumerate()
        {
            let handoff = (index == 0 && hands_over).then(|| {
                Handoff::new(
                    posts
                        .iter()
                        .map(|p| (Arc::clone(&p.address), Arc::clone(&p.stats)))
                        .collect(),
                )
            });
            let parts = CoreParts {
                poller,
                listeners: share,
                handoff,
                site: Arc::clone(&site),
                clock: Clock::system(),
                jobs: jobs.clone(),
                address: Arc::clone(&posts[index].address),
                mailbox,
                local: (self.server.local)(index),
                tend: self.server.tend,
                stats: Arc::clone(&posts[index].stats),
                census: Arc::clone(&census),
                room: self.room,
            };
            let core = Core::new(parts).map_err(failed("register a listener"))?;
            start_worker(index, core, self.server.pin, ended.clone())
                .map_err(failed("start a worker"))?;
        }
        let handle = Handle {
            hands_over,
            block_bytes: site.limits().head_bytes_max.max(BLOCK_BYTES_MIN),
            addresses: posts.iter().map(|post| Arc::clone(&post.address)).collect(),
            stats: posts.iter().map(|post| Arc::clone(&post.stats)).collect(),
        };
        Ok(Running {
            handle,
            ends,
            jobs,
            job_threads,
        })
    }
}

/// Runs `core` on a thread of its own, which says in the end whether that was orderly.
fn start_worker(
    index: usize,
    mut core: Core,
    pin: bool,
    ended: Sender<(usize, bool)>,
) -> io::Result<()> {
    let work = move || {
        if pin && let Err(error) = sys::pin_current_thread(index) {
            log::warn!("cannot pin worker {index} to a core: {error}");
        }
        let end = catch_unwind(AssertUnwindSafe(|| run(&mut core)));
        // Nobody listens any more when the process is already ending.
        let _ = ended.send((index, matches!(end, Ok(Ok(())))));
    };
    let thread = thread::Builder::new().name(format!("worker-{index}"));
    thread.spawn(work).map(drop)
}

/// A server at work. Dropping it does not end it.
#[derive(Debug)]
pub struct Running {
    handle: Handle,
    ends: Receiver<(usize, bool)>,
    jobs: JobPool,
    job_threads: Vec<thread::JoinHandle<()>>,
}

impl Running {
    /// A handle to tell the workers.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits until all workers have ended. Jobs that still run are not waited for.
    ///
    /// # Errors
    ///
    /// A worker ended by a panic or by an error of its poller; the others are stopped then.
    pub fn wait(self) -> Result<(), Error> {
        let mut result = Ok(());
        for _ in 0..self.handle.addresses.len() {
            let Ok((index, orderly)) = self.ends.recv() else {
                break;
            };
            if !orderly && result.is_ok() {
                log::error!("worker {index} ended unexpectedly");
                self.handle.stop();
                result = Err(Error::WorkerEnded(index));
            }
        }
        self.jobs.close();
        drop(self.job_threads);
        result
    }
}

/// Tells the workers of a running server; clones tell the same ones.
#[derive(Clone, Debug)]
pub struct Handle {
    addresses: Vec<Arc<Address>>,
    stats: Vec<Arc<WorkerStats>>,
    /// The first worker hands connections to the others.
    hands_over: bool,
    /// Bytes of the workers' blocks.
    block_bytes: usize,
}

impl Handle {
    /// Accepts no more, finishes what is in flight, then ends: at the latest after the limits'
    /// `shutdown_timeout`.
    pub fn drain(&self) {
        match self.addresses.first() {
            // It passes this on when it has nothing more to hand over.
            Some(first) if self.hands_over => first.send(Mail::Drain),
            _ => self.tell(|| Mail::Drain),
        }
    }

    /// Ends at once.
    pub fn stop(&self) {
        self.tell(|| Mail::Stop);
    }

    /// Serves another site from now on; requests in flight keep the one that they began with. The
    /// workers keep the buffers that they have, so heads cannot become larger than a block of them.
    pub fn publish(&self, mut site: Site) {
        if site.limits.head_bytes_max > self.block_bytes {
            log::warn!(
                "heads stay below {} bytes until the next start",
                self.block_bytes
            );
            site.limits.head_bytes_max = self.block_bytes;
        }
        let site = Arc::new(site);
        self.tell(|| Mail::Site(Arc::clone(&site)));
    }

    /// The counters of each worker.
    pub fn stats(&self) -> &[Arc<WorkerStats>] {
        &self.stats
    }

    fn tell(&self, mail: impl Fn() -> Mail) {
        self.addresses
            .iter()
            .for_each(|address| address.send(mail()));
    }
}
