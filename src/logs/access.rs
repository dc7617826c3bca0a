//! The access log as the rest of the product sees it: made once, shared by all workers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use reactor::Summary;

use super::AccessConfig;
use super::entry::{Entry, Formatter};
use super::lines::{BUFFERS_MAX, Lines, Order};
use super::writer::{Output, Writer, counted};

/// Between two tries to put the last order into a full queue.
const RETRY: Duration = Duration::from_millis(10);

/// The access log. Cheap to share; its writer thread ends with [`AccessLog::finish`].
#[derive(Debug)]
pub struct AccessLog {
    config: AccessConfig,
    orders: SyncSender<Order>,
    reopen: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
}

/// What a worker keeps for the access log.
#[derive(Debug)]
pub struct WorkerLog {
    formatter: Formatter,
    lines: Lines,
}

impl AccessLog {
    /// Opens the log and starts its writer. The queue has room for every buffer that this many
    /// workers can have.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened, or no thread can be started.
    pub fn start(config: AccessConfig, workers: usize) -> io::Result<AccessLog> {
        let (orders, received) = sync_channel(workers * BUFFERS_MAX + 2);
        let reopen = Arc::new(AtomicBool::new(false));
        let lost = Arc::new(AtomicU64::new(0));
        let output = Output::open(config.sink.clone())?;
        let writer = Writer::new(output, received, Arc::clone(&reopen), Arc::clone(&lost));
        thread::Builder::new()
            .name("access-log".into())
            .spawn(move || writer.run())?;
        Ok(AccessLog {
            config,
            orders,
            reopen,
            lost,
        })
    }

    /// What a worker needs.
    pub fn worker(&self) -> WorkerLog {
        WorkerLog {
            formatter: Formatter::new(self.config.format, self.config.colours),
            lines: Lines::new(self.orders.clone(), Arc::clone(&self.lost)),
        }
    }

    /// Whether lines tell how long requests took.
    pub fn wants_timings(&self) -> bool {
        self.config.format.has_duration()
    }

    /// Has the file opened again before the next line is written.
    pub fn reopen(&self) {
        self.reopen.store(true, Ordering::Release);
        // With a full queue the writer has something to do and will look by itself.
        let _ = self.orders.try_send(Order::Look);
    }

    /// Waits until everything handed over so far is written, but no longer than `time`, for
    /// whatever reads the log may have stopped. The writer ends.
    pub fn finish(&self, time: Duration) {
        let until = Instant::now() + time;
        let (done, finished) = sync_channel(1);
        let mut order = Order::Finish(done);
        while let Err(TrySendError::Full(same)) = self.orders.try_send(order) {
            if Instant::now() >= until {
                return self.give_up();
            }
            order = same;
            thread::sleep(RETRY);
        }
        let rest = until.saturating_duration_since(Instant::now());
        if finished.recv_timeout(rest).is_err() {
            self.give_up();
        }
    }

    /// Says what the writer, which hangs, cannot say.
    fn give_up(&self) {
        let dropped = self.lost.load(Ordering::Relaxed);
        log::warn!(
            "access log: nobody takes it: the last lines are lost, and {} before them",
            counted(dropped)
        );
    }
}

impl WorkerLog {
    /// Writes the line of a finished request.
    pub fn observe(&mut self, summary: &Summary<'_>) {
        let entry = Entry::of(summary);
        self.lines.push(|out| self.formatter.write(&entry, out));
    }

    /// Hands over the lines so far.
    pub fn flush(&mut self) {
        self.lines.flush();
    }
}
