//! The thread that writes the access log.
//!
//! Owns the file. Must not know what a line looks like. It may block: on a slow disk, a full pipe, a
//! stopped terminal. What goes wrong it says through diagnostics, once a minute at most.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::Sink;
use super::lines::{BUFFER_BYTES, Order};

/// Least time between two complaints of the same kind.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// Pause before trying again to write to a standard output that somebody has made non-blocking.
const RETRY: Duration = Duration::from_millis(5);

/// The open file behind a sink.
#[derive(Debug)]
pub struct Output {
    sink: Sink,
    file: File,
}

impl Output {
    /// Opens a sink. Standard output is duplicated and written without the buffer that `println!`
    /// has.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn open(sink: Sink) -> io::Result<Output> {
        let file = match &sink {
            Sink::Stdout => File::from(io::stdout().as_fd().try_clone_to_owned()?),
            Sink::File(path) => OpenOptions::new().append(true).create(true).open(path)?,
        };
        Ok(Output { sink, file })
    }
}

/// The writer thread's state.
#[derive(Debug)]
pub struct Writer {
    output: Output,
    orders: Receiver<Order>,
    reopen: Arc<AtomicBool>,
    /// Lines that workers had to drop and that nobody was told of yet.
    overflowed: Arc<AtomicU64>,
    /// Lines that could not be written and that nobody was told of yet.
    unwritten: u64,
    cause: Option<io::Error>,
    /// Whether the last line written is not complete.
    is_torn: bool,
    next_complaint: Option<Instant>,
}

impl Writer {
    /// A writer to `output`. `overflowed` counts lines dropped elsewhere, for it to tell.
    pub fn new(
        output: Output,
        orders: Receiver<Order>,
        reopen: Arc<AtomicBool>,
        overflowed: Arc<AtomicU64>,
    ) -> Writer {
        Writer {
            output,
            orders,
            reopen,
            overflowed,
            unwritten: 0,
            cause: None,
            is_torn: false,
            next_complaint: None,
        }
    }

    /// Carries out orders until the last one.
    pub fn run(mut self) {
        loop {
            let order = match self.next_complaint {
                Some(due) => self
                    .orders
                    .recv_timeout(due.saturating_duration_since(Instant::now())),
                None => self
                    .orders
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
            };
            if self.reopen.swap(false, Ordering::Acquire) {
                self.open_again();
            }
            match order {
                Ok(Order::Write {
                    mut bytes,
                    count,
                    home,
                }) => {
                    self.write_lines(&bytes, count);
                    bytes.clear();
                    bytes.shrink_to(BUFFER_BYTES);
                    // The worker may have ended.
                    let _ = home.try_send(bytes);
                }
                Ok(Order::Look) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::Finish(done)) => {
                    self.complain();
                    let _ = done.try_send(());
                    return;
                }
                Err(RecvTimeoutError::Disconnected) => return self.complain(),
            }
            if self.next_complaint.is_none_or(|due| due <= Instant::now()) {
                self.complain();
            }
        }
    }

    fn open_again(&mut self) {
        match Output::open(self.output.sink.clone()) {
            Ok(output) => {
                self.output = output;
                self.is_torn = false;
                log::info!("access log reopened");
            }
            Err(error) => log::error!("cannot reopen the access log, going on as before: {error}"),
        }
    }

    /// Writes whole lines, or as much as goes.
    fn write_lines(&mut self, bytes: &[u8], count: u64) {
        let mut written = 0;
        let result = self.try_write(bytes, &mut written);
        if written > 0 {
            self.is_torn = bytes[written - 1] != b'\n';
        }
        if let Err(error) = result {
            let complete = bytes[..written]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count() as u64;
            self.unwritten += count.saturating_sub(complete);
            self.cause = Some(error);
        }
    }

    fn try_write(&mut self, bytes: &[u8], written: &mut usize) -> io::Result<()> {
        if self.is_torn {
            write_patiently(&mut self.output.file, b"\n", &mut 0)?;
            self.is_torn = false;
        }
        write_patiently(&mut self.output.file, bytes, written)
    }

    /// Says what was lost since the last time, if anything was.
    fn complain(&mut self) {
        let overflowed = self.overflowed.swap(0, Ordering::Relaxed);
        self.next_complaint = None;
        if overflowed == 0 && self.unwritten == 0 {
            return;
        }
        if overflowed > 0 {
            log::warn!("access log: {overflowed} lines dropped, for writing could not keep up");
        }
        if let Some(error) = self.cause.take() {
            log::error!(
                "access log: {} lines could not be written: {error}",
                self.unwritten
            );
        }
        self.unwritten = 0;
        self.next_complaint = Some(Instant::now() + COMPLAINT_INTERVAL);
    }
}

/// Writes all of `bytes` and counts in `written`, also if the file is non-blocking: standard output
/// may be shared with a process that made it so.
fn write_patiently(file: &mut impl Write, bytes: &[u8], written: &mut usize) -> io::Result<()> {
    while *written < bytes.len() {
        match file.write(&bytes[*written..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => *written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
