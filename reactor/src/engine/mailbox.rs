//! A worker's mailbox: what other threads have to tell it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::accept::Arrival;
use super::arena::Key;
use super::site::Site;
use crate::service::{Reply, ReplyBuffer, Wake};
use crate::transport::Waker;

/// What a worker is told.
pub enum Mail {
    /// A job has made its reply; `None` if it panicked.
    JobDone {
        /// The exchange that waits for it.
        exchange: Key,
        /// The reply and what was written for it.
        reply: Option<Box<(Reply, ReplyBuffer)>>,
    },
    /// A job has read what an exchange sends next of its file.
    Read {
        /// The exchange that waits for it.
        exchange: Key,
        /// What was read.
        bytes: io::Result<Vec<u8>>,
    },
    /// The stream of an exchange may go on.
    Wake(Key),
    /// A connection that another worker has accepted.
    Connection(Arrival),
    /// From now on this site is served.
    Site(Arc<Site>),
    /// Accept no more, finish what is in flight, end.
    Drain,
    /// End now.
    Stop,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mail::JobDone { .. } => "JobDone",
            Mail::Read { .. } => "Read",
            Mail::Wake(_) => "Wake",
            Mail::Connection(..) => "Connection",
            Mail::Site(_) => "Site",
            Mail::Drain => "Drain",
            Mail::Stop => "Stop",
        })
    }
}

/// The side of a mailbox that other threads have.
#[derive(Clone, Debug)]
pub struct Address {
    queue: Sender<Mail>,
    shared: Arc<Shared>,
}

/// The side of a mailbox that the worker has.
#[derive(Debug)]
pub struct Mailbox {
    queue: Receiver<Mail>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Whether the worker has been woken for what is in the queue; saves the others the system
    /// call.
    pending: AtomicBool,
    waker: Waker,
}

/// A mailbox whose worker is woken by `waker`.
pub fn mailbox(waker: Waker) -> (Address, Mailbox) {
    let (sender, receiver) = channel();
    let shared = Arc::new(Shared {
        pending: AtomicBool::new(false),
        waker,
    });
    (
        Address {
            queue: sender,
            shared: Arc::clone(&shared),
        },
        Mailbox {
            queue: receiver,
            shared,
        },
    )
}

impl Address {
    /// Tells the worker. What is sent to a worker that has ended is dropped.
    pub fn send(&self, mail: Mail) {
        if self.queue.send(mail).is_ok() && !self.shared.pending.swap(true, AcqRel) {
            self.shared.waker.wake();
        }
    }
}

impl Wake for Address {
    fn wake(&self, exchange: u64) {
        self.send(Mail::Wake(Key::from_bits(exchange)));
    }
}

impl Mailbox {
    /// Whether there may be mail: to be asked each turn, costs no system call.
    #[inline]
    pub fn has_mail(&self) -> bool {
        self.shared
            .pending
            .load(std::sync::atomic::Ordering::Acquire)
    }

    /// Says that the queue is going to be emptied: who sends after this wakes the worker again.
    pub fn open(&self) {
        self.shared.pending.swap(false, AcqRel);
    }

    /// Takes the next out, if there is one.
    pub fn take(&self) -> Option<Mail> {
        self.queue.try_recv().ok()
    }
}
