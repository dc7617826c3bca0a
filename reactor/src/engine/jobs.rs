//! The job pool: threads for work that may block, shared by all workers.
//!
//! The queue is bounded, so that overload is answered at once. Brief work, such as reads of files,
//! takes turns with long work, however much of that waits, and long work never has all threads. A
//! result goes to the mailbox of the worker that asked, addressed to the exchange, never to the
//! connection; for an exchange that is over nothing is begun any more.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use super::arena::Key;
use super::mailbox::{Address, Mail};
use super::sending::{self, Read};
use crate::service::{Job, Pace, ReplyBuffer};

/// A handle on the job pool; clones share the pool. Without threads (the simulation) jobs wait
/// until one is begun by hand.
#[derive(Clone)]
pub struct JobPool {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    waiting_max: usize,
}

#[derive(Default)]
struct State {
    waiting: Waiting,
    closed: bool,
    /// Threads that do long work, and how many may.
    long_running: usize,
    long_max: usize,
}

/// Jobs that wait, in the order in which they came, but that brief ones need not wait for all long
/// ones.
#[derive(Default)]
struct Waiting {
    brief: VecDeque<Order>,
    long: VecDeque<Order>,
    /// Whether the last one was brief.
    was_brief: bool,
}

impl Waiting {
    fn len(&self) -> usize {
        self.brief.len() + self.long.len()
    }

    /// Those that wait together with such work.
    fn of(&mut self, pace: Pace) -> &mut VecDeque<Order> {
        match pace {
            Pace::Brief => &mut self.brief,
            Pace::Long => &mut self.long,
        }
    }

    /// The next one: a brief and a long one in turn where both wait and a long one may be begun.
    fn pop(&mut self, may_be_long: bool) -> Option<Order> {
        let long_waits = may_be_long && !self.long.is_empty();
        self.was_brief = match (self.brief.is_empty(), long_waits) {
            (false, true) => !self.was_brief,
            (is_empty, _) => !is_empty,
        };
        match (self.was_brief, long_waits) {
            (true, _) => self.brief.pop_front(),
            (false, true) => self.long.pop_front(),
            (false, false) => None,
        }
    }

    /// The one at this place of all.
    #[cfg(test)]
    fn take(&mut self, place: usize) -> Option<Order> {
        match place.checked_sub(self.brief.len()) {
            None => self.brief.remove(place),
            Some(place) => self.long.remove(place),
        }
    }

    fn clear(&mut self) {
        self.brief.clear();
        self.long.clear();
    }
}

struct Order {
    work: Work,
    pace: Pace,
    asker: Asker,
}

/// A job that has begun: from now on it is done, whoever wants it.
pub struct Begun(Order);

/// Who wants work done: an exchange.
#[derive(Debug)]
pub struct Asker {
    exchange: Key,
    /// The worker that drives it.
    reply_to: Arc<Address>,
    /// Gone when the exchange is over.
    wants_it: Weak<()>,
}

impl Asker {
    /// The exchange of this id, whose worker is at `address`; `wanted` is held until it is over.
    pub fn new(exchange: Key, address: &Arc<Address>, wanted: &Arc<()>) -> Asker {
        Asker {
            exchange,
            reply_to: Arc::clone(address),
            wants_it: Arc::downgrade(wanted),
        }
    }
}

/// What a job does.
pub enum Work {
    /// It makes the reply of the exchange.
    Reply(Job),
    /// It reads what the exchange sends next of its file.
    Read(Read),
    /// Whatever the stream of the exchange wants done; the stream is woken when it is.
    Task(Task),
}

/// Work of a stream.
pub type Task = Box<dyn FnOnce() + Send>;

/// The queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overloaded;

impl JobPool {
    /// A pool without threads, in which at most `waiting_max` brief jobs wait, and as many long
    /// ones.
    pub fn new(waiting_max: usize) -> JobPool {
        let shared = Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            waiting_max,
        };
        JobPool {
            shared: Arc::new(shared),
        }
    }

    /// Starts `threads` threads that run jobs until [`JobPool::close`]. A quarter of them, if there
    /// is more than one, is for brief work alone.
    ///
    /// # Errors
    ///
    /// The system refuses a thread.
    pub fn start(&self, threads: usize) -> std::io::Result<Vec<thread::JoinHandle<()>>> {
        let kept_free = threads.div_ceil(4).min(threads.saturating_sub(1));
        self.lock().long_max = threads - kept_free;
        (0..threads)
            .map(|index| {
                let pool = self.clone();
                let name = format!("job-{index}");
                thread::Builder::new().name(name).spawn(move || {
                    let mut done = None;
                    while let Some(order) = pool.wait(done) {
                        done = Some(order.pace);
                        if let Some(begun) = order.begin() {
                            begun.finish();
                        }
                    }
                })
            })
            .collect()
    }

    /// Queues work for `asker`, to whom its result is sent.
    ///
    /// # Errors
    ///
    /// Too many are waiting.
    pub fn submit(&self, work: Work, pace: Pace, asker: Asker) -> Result<(), Overloaded> {
        let mut state = self.lock();
        let is_closed = state.closed;
        let waiting = state.waiting.of(pace);
        if waiting.len() >= self.shared.waiting_max || is_closed {
            return Err(Overloaded);
        }
        waiting.push_back(Order { work, pace, asker });
        drop(state);
        self.shared.work.notify_one();
        Ok(())
    }

    /// Begins the `choice`-th waiting job; `None` when none waits, or nobody wants it any more.
    #[cfg(test)]
    pub(crate) fn begin_one(&self, choice: usize) -> Option<Begun> {
        let mut state = self.lock();
        let index = choice % state.waiting.len().max(1);
        let order = state.waiting.take(index);
        drop(state);
        order.and_then(Order::begin)
    }

    /// Runs the `choice`-th waiting job on this thread, unless nobody wants it any more; false when
    /// none waits.
    #[cfg(test)]
    pub(crate) fn run_one(&self, choice: usize) -> bool {
        let waits = self.waiting() > 0;
        if let Some(begun) = self.begin_one(choice) {
            begun.finish();
        }
        waits
    }

    /// Jobs that wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Drops all waiting jobs and ends the threads once they have finished what they run.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
        drop(state);
        self.shared.work.notify_all();
    }

    /// Waits for work for a thread that has `done` some. Nobody need be told that another long job
    /// may begin: who has ended one looks here.
    fn wait(&self, done: Option<Pace>) -> Option<Order> {
        let mut state = self.lock();
        state.long_running -= usize::from(done == Some(Pace::Long));
        loop {
            let may_be_long = state.long_running < state.long_max;
            if let Some(order) = state.waiting.pop(may_be_long) {
                state.long_running += usize::from(order.pace == Pace::Long);
                return Some(order);
            }
            if state.closed {
                return None;
            }
            state = self
                .shared
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Jobs do not run under the lock, so a panic cannot leave the state broken.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Order {
    /// Drops the work if nobody wants it any more.
    fn begin(self) -> Option<Begun> {
        if self.asker.wants_it.strong_count() > 0 {
            return Some(Begun(self));
        }
        guarded(|| drop(self.work));
        None
    }
}

impl Begun {
    /// Does the work, and sends its result to whom it may concern.
    pub fn finish(self) {
        let Order { work, asker, .. } = self.0;
        let exchange = asker.exchange;
        let mail = match work {
            Work::Reply(job) => {
                let mut buffer = ReplyBuffer::default();
                let reply = guarded(|| job(&mut buffer));
                let reply = reply.map(|reply| Box::new((reply, buffer)));
                Mail::JobDone { exchange, reply }
            }
            Work::Read(read) => {
                let bytes = guarded(|| read.run()).unwrap_or_else(|| Err(sending::panicked()));
                Mail::Read { exchange, bytes }
            }
            Work::Task(task) => {
                guarded(task);
                Mail::Wake(exchange)
            }
        };
        asker.reply_to.send(mail);
    }
}

/// Runs foreign code; `None` if it panicked.
fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(run)).ok();
    if result.is_none() {
        log::error!("a job panicked");
    }
    result
}

impl fmt::Debug for JobPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobPool")
            .field("waiting", &self.lock().waiting.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use super::*;
    use crate::engine::mailbox::mailbox;
    use crate::transport::Poller;
    use crate::transport::memory::{Chaos, Network};

    /// An exchange that wants something as long as the second is held.
    fn asker() -> (Asker, Arc<()>) {
        let network = Network::new(1, Chaos::NONE);
        let (address, _mailbox) = mailbox(Poller::Memory(network.poller()).waker());
        let wanted = Arc::default();
        let asker = Asker::new(Key::from_bits(0), &Arc::new(address), &wanted);
        (asker, wanted)
    }

    /// Puts jobs into the queue by their kinds: brief ones and long ones.
    fn push(waiting: &mut Waiting, kinds: &str) {
        for kind in kinds.chars() {
            let pace = if kind == 'b' { Pace::Brief } else { Pace::Long };
            waiting.of(pace).push_back(Order {
                work: Work::Task(Box::new(|| {})),
                pace,
                asker: asker().0,
            });
        }
    }

    /// What waits, by kind, in the order in which it is taken.
    fn taken(waiting: &mut Waiting, may_be_long: bool) -> String {
        let orders = std::iter::from_fn(|| waiting.pop(may_be_long));
        let kinds = orders.map(|order| if order.pace == Pace::Brief { 'b' } else { 'l' });
        kinds.collect()
    }

    #[test]
    fn brief_and_long_jobs_take_turns() {
        for (waits, expected) in [
            ("", ""),
            ("lll", "lll"),
            ("bbb", "bbb"),
            ("llllbb", "blblll"),
            ("bbbbll", "blblbb"),
        ] {
            let mut waiting = Waiting::default();
            push(&mut waiting, waits);
            assert_eq!(waiting.len(), waits.len());
            assert_eq!(taken(&mut waiting, true), expected, "{waits}");
        }
        // Also those that come later.
        let mut waiting = Waiting::default();
        push(&mut waiting, "b");
        assert!(waiting.pop(true).is_some());
        push(&mut waiting, "bl");
        assert_eq!(taken(&mut waiting, true), "lb");
        // No long one is begun before it may be.
        push(&mut waiting, "lblb");
        assert_eq!(taken(&mut waiting, false), "bb");
        assert_eq!(taken(&mut waiting, true), "ll");
    }

    /// A pool with so many threads.
    fn pool(threads: usize) -> (JobPool, Vec<thread::JoinHandle<()>>) {
        let pool = JobPool::new(100);
        let threads = pool.start(threads).unwrap();
        (pool, threads)
    }

    const PATIENCE: Duration = Duration::from_secs(20);

    /// A job that says its number when it begins, and goes on until its sender is dropped.
    fn submit(
        pool: &JobPool,
        pace: Pace,
        number: usize,
        began: &Sender<usize>,
    ) -> (Sender<()>, Arc<()>) {
        let (asker, wanted) = asker();
        let (go_on, waits): (Sender<()>, Receiver<()>) = channel();
        let began = began.clone();
        let task = Work::Task(Box::new(move || {
            began.send(number).unwrap();
            let _ = waits.recv();
        }));
        pool.submit(task, pace, asker).unwrap();
        (go_on, wanted)
    }

    #[test]
    fn long_jobs_leave_threads_to_brief_ones() {
        for (threads, long_max) in [(1, 1), (2, 1), (4, 3), (16, 12)] {
            let (pool, threads) = pool(threads);
            let (began, begins) = channel();
            let mut held: Vec<_> = (0..=long_max)
                .map(|number| submit(&pool, Pace::Long, number, &began))
                .collect();
            let mut first: Vec<_> = (0..long_max)
                .map(|_| begins.recv_timeout(PATIENCE).unwrap())
                .collect();
            first.sort_unstable();
            assert!(first.into_iter().eq(0..long_max));
            if threads.len() > 1 {
                let brief = submit(&pool, Pace::Brief, 100, &began);
                assert_eq!(begins.recv_timeout(PATIENCE), Ok(100));
                drop(brief);
            }
            // The last one begins when another has ended.
            assert!(begins.try_recv().is_err());
            held.remove(0);
            assert_eq!(begins.recv_timeout(PATIENCE), Ok(long_max));
            drop(held);
            pool.close();
            threads.into_iter().for_each(|one| one.join().unwrap());
            assert_eq!(pool.lock().long_running, 0);
        }
    }

    #[test]
    fn what_nobody_wants_any_more_is_not_begun() {
        let (pool, threads) = pool(1);
        let (began, begins) = channel();
        let first = submit(&pool, Pace::Long, 1, &began);
        assert_eq!(begins.recv_timeout(PATIENCE), Ok(1));
        let (_go_on, wanted) = submit(&pool, Pace::Long, 2, &began);
        let last = submit(&pool, Pace::Long, 3, &began);
        drop((wanted, first));
        assert_eq!(begins.recv_timeout(PATIENCE), Ok(3));
        drop(last);
        pool.close();
        threads.into_iter().for_each(|one| one.join().unwrap());
    }
}
