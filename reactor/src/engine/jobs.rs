//! The job pool: threads for work that may block, shared by all workers.
//!
//! The queue is bounded, so that overload is answered at once. Reads of files, which are short,
//! take turns with all other jobs, however many of those wait. A result goes to the mailbox of the
//! worker that asked, addressed to the exchange, never to the connection.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::arena::Key;
use super::mailbox::{Mail, Sending};
use super::sending::{self, Read};
use crate::service::{Job, ReplyBuffer};

/// A handle on the job pool; clones share the pool. Without threads (the simulation) jobs wait
/// until [`JobPool::run_one`].
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
}

/// Jobs that wait, in the order in which they came, but that reads need not wait for all others.
#[derive(Default)]
struct Waiting {
    reads: VecDeque<Order>,
    others: VecDeque<Order>,
    /// Whether the last one was a read.
    has_read: bool,
}

impl Waiting {
    fn len(&self) -> usize {
        self.reads.len() + self.others.len()
    }

    /// Those that wait together with such work.
    fn beside(&mut self, work: &Work) -> &mut VecDeque<Order> {
        match work {
            Work::Read(_) => &mut self.reads,
            Work::Reply(_) | Work::Task(_) => &mut self.others,
        }
    }

    /// The next one: a read and another in turn where both wait.
    fn pop(&mut self) -> Option<Order> {
        self.has_read = match (self.reads.is_empty(), self.others.is_empty()) {
            (false, false) => !self.has_read,
            (is_empty, _) => !is_empty,
        };
        match self.has_read {
            true => self.reads.pop_front(),
            false => self.others.pop_front(),
        }
    }

    /// The one at this place of all.
    fn take(&mut self, place: usize) -> Option<Order> {
        match place.checked_sub(self.reads.len()) {
            None => self.reads.remove(place),
            Some(place) => self.others.remove(place),
        }
    }

    fn clear(&mut self) {
        self.reads.clear();
        self.others.clear();
    }
}

struct Order {
    work: Work,
    exchange: Key,
    reply_to: Arc<Sending>,
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
    /// A pool in which at most `waiting_max` reads wait, and as many other jobs, without threads.
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

    /// Starts `threads` threads that run jobs until [`JobPool::close`].
    ///
    /// # Errors
    ///
    /// The system refuses a thread.
    pub fn start(&self, threads: usize) -> std::io::Result<Vec<thread::JoinHandle<()>>> {
        (0..threads)
            .map(|index| {
                let pool = self.clone();
                let name = format!("job-{index}");
                thread::Builder::new().name(name).spawn(move || {
                    while let Some(order) = pool.wait() {
                        order.run();
                    }
                })
            })
            .collect()
    }

    /// Queues work for `exchange`; its result is sent to `reply_to`.
    ///
    /// # Errors
    ///
    /// Too many are waiting.
    pub fn submit(
        &self,
        work: Work,
        exchange: Key,
        reply_to: Arc<Sending>,
    ) -> Result<(), Overloaded> {
        let mut state = self.lock();
        let is_closed = state.closed;
        let waiting = state.waiting.beside(&work);
        if waiting.len() >= self.shared.waiting_max || is_closed {
            return Err(Overloaded);
        }
        waiting.push_back(Order {
            work,
            exchange,
            reply_to,
        });
        drop(state);
        self.shared.work.notify_one();
        Ok(())
    }

    /// Runs the `choice`-th waiting job on this thread; false when none waits.
    pub fn run_one(&self, choice: usize) -> bool {
        let mut state = self.lock();
        let index = choice % state.waiting.len().max(1);
        let order = state.waiting.take(index);
        drop(state);
        order.map(Order::run).is_some()
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

    fn wait(&self) -> Option<Order> {
        let mut state = self.lock();
        loop {
            if let Some(order) = state.waiting.pop() {
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
    fn run(self) {
        let exchange = self.exchange;
        let mail = match self.work {
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
        self.reply_to.send(mail);
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
    use super::*;
    use crate::engine::mailbox::mailbox;
    use crate::transport::Poller;
    use crate::transport::memory::{Chaos, Network};

    /// What waits, by kind, in the order in which it is taken.
    fn taken(waiting: &mut Waiting) -> String {
        let kind = |order: Order| match order.work {
            Work::Read(_) => 'r',
            Work::Reply(_) => 'j',
            Work::Task(_) => 't',
        };
        std::iter::from_fn(|| waiting.pop()).map(kind).collect()
    }

    #[test]
    fn reads_and_others_take_turns() {
        let network = Network::new(1, Chaos::NONE);
        let (address, _mailbox) = mailbox(Poller::Memory(network.poller()).waker());
        let address = Arc::new(address);
        let push = |waiting: &mut Waiting, kinds: &str| {
            for kind in kinds.chars() {
                let work = match kind {
                    'r' => Work::Read(sending::Read::sample()),
                    'j' => Work::Reply(Box::new(|_| crate::service::Reply::text(""))),
                    _ => Work::Task(Box::new(|| {})),
                };
                waiting.beside(&work).push_back(Order {
                    work,
                    exchange: Key::from_bits(0),
                    reply_to: Arc::clone(&address),
                });
            }
        };
        for (waits, expected) in [
            ("", ""),
            ("jtj", "jtj"),
            ("rrr", "rrr"),
            ("jjjjrr", "rjrjjj"),
            ("rrrrjt", "rjrtrr"),
        ] {
            let mut waiting = Waiting::default();
            push(&mut waiting, waits);
            assert_eq!(waiting.len(), waits.len());
            assert_eq!(taken(&mut waiting), expected, "{waits}");
        }
        // Also those that come later.
        let mut waiting = Waiting::default();
        push(&mut waiting, "r");
        assert!(waiting.pop().is_some());
        push(&mut waiting, "rj");
        assert_eq!(taken(&mut waiting), "jr");
    }
}
