//! The thread that writes the access log.
//!
//! Owns the file. Must not know what a line looks like. It may block: on a slow disk, a full pipe,
//! a stopped terminal. What goes wrong it says through diagnostics, once a minute at most.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;

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
    file: LineFile<File>,
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
            Sink::File(path) => open_file(path)?,
        };
        Ok(Output {
            sink,
            file: LineFile::new(file),
        })
    }
}

/// Opens a file to append to; a FIFO only if somebody reads it, for else it would be waited for.
fn open_file(path: &Path) -> io::Result<File> {
    let opened = OpenOptions::new()
        .append(true)
        .create(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path);
    let kind = || path.metadata().map(|metadata| metadata.file_type());
    let file = opened.map_err(|error| match (Errno::from_io_error(&error), kind()) {
        (Some(Errno::NXIO), Ok(kind)) if kind.is_fifo() => {
            io::Error::new(error.kind(), "nobody reads this FIFO")
        }
        (Some(Errno::NXIO), Ok(kind)) if kind.is_socket() => {
            io::Error::new(error.kind(), "it is a socket; write - for standard output")
        }
        _ => error,
    })?;
    // From now on it may block.
    fcntl_setfl(&file, OFlags::APPEND)?;
    Ok(file)
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
                log::info!("access log reopened");
            }
            Err(error) => log::error!("cannot reopen the access log, going on as before: {error}"),
        }
    }

    fn write_lines(&mut self, bytes: &[u8], count: u64) {
        if let Err((complete, error)) = self.output.file.write_lines(bytes) {
            self.unwritten += count.saturating_sub(complete);
            self.cause = Some(error);
        }
    }

    /// Says what was lost since the last time, if anything was.
    fn complain(&mut self) {
        let overflowed = self.overflowed.swap(0, Ordering::Relaxed);
        self.next_complaint = None;
        if overflowed == 0 && self.unwritten == 0 {
            return;
        }
        if overflowed > 0 {
            log::warn!(
                "access log: {} dropped, for writing could not keep up",
                counted(overflowed)
            );
        }
        if let Some(error) = self.cause.take() {
            log::error!(
                "access log: {} could not be written: {error}",
                counted(self.unwritten)
            );
        }
        self.unwritten = 0;
        self.next_complaint = Some(Instant::now() + COMPLAINT_INTERVAL);
    }
}

/// A number of lines in words.
pub fn counted(lines: u64) -> String {
    match lines {
        1 => "1 line".into(),
        _ => format!("{lines} lines"),
    }
}

/// A file that lines are written to: one that could be written only in part is ended before the
/// next, so that no two become one.
#[derive(Debug)]
struct LineFile<F> {
    file: F,
    is_torn: bool,
}

impl<F: Write> LineFile<F> {
    fn new(file: F) -> LineFile<F> {
        LineFile {
            file,
            is_torn: false,
        }
    }

    /// Writes lines; if not all of them, says how many were complete, and why.
    fn write_lines(&mut self, bytes: &[u8]) -> Result<(), (u64, io::Error)> {
        if self.is_torn {
            self.write(b"\n").map_err(|(_, error)| (0, error))?;
            self.is_torn = false;
        }
        self.write(bytes).map_err(|(written, error)| {
            self.is_torn = written > 0 && bytes[written - 1] != b'\n';
            let is_end = |byte: &&u8| **byte == b'\n';
            (bytes[..written].iter().filter(is_end).count() as u64, error)
        })
    }

    /// Writes all, also if the file is non-blocking: standard output may be shared with a process
    /// that made it so. If that fails, says how much was written.
    fn write(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while written < bytes.len() {
            match self.file.write(&bytes[written..]) {
                Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::mpsc::{SyncSender, sync_channel};

    use super::*;
    use crate::testing::TempDir;

    struct Running {
        orders: SyncSender<Order>,
        reopen: Arc<AtomicBool>,
        thread: thread::JoinHandle<()>,
    }

    fn start(path: &Path) -> Running {
        let (orders, received) = sync_channel(8);
        let reopen = Arc::new(AtomicBool::new(false));
        let output = Output::open(Sink::File(path.to_owned())).unwrap();
        let writer = Writer::new(output, received, Arc::clone(&reopen), Arc::default());
        Running {
            orders,
            reopen,
            thread: thread::spawn(|| writer.run()),
        }
    }

    impl Running {
        /// Has a line written, and waits for its buffer to come home.
        fn write(&self, line: &str) {
            let (home, spare) = sync_channel(1);
            let bytes = line.into();
            let count = 1;
            self.orders
                .send(Order::Write { bytes, count, home })
                .unwrap();
            assert!(spare.recv().unwrap().is_empty());
        }

        fn finish(self) {
            let (done, finished) = sync_channel(1);
            self.orders.send(Order::Finish(done)).unwrap();
            finished.recv().unwrap();
            self.thread.join().unwrap();
        }
    }

    #[test]
    fn lines_are_appended_and_a_moved_file_is_left_alone() {
        let dir = TempDir::new();
        let (path, moved) = (dir.path().join("log"), dir.path().join("log.1"));
        fs::write(&path, "before\n").unwrap();
        let writer = start(&path);
        writer.write("one\n");
        fs::rename(&path, &moved).unwrap();
        writer.write("two\n");
        writer.reopen.store(true, Ordering::Release);
        writer.orders.send(Order::Look).unwrap();
        writer.write("three\n");
        writer.finish();
        assert_eq!(fs::read_to_string(&moved).unwrap(), "before\none\ntwo\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_again_is_kept() {
        let dir = TempDir::new();
        let folder = dir.path().join("folder");
        fs::create_dir(&folder).unwrap();
        let writer = start(&folder.join("log"));
        let moved = dir.path().join("moved");
        fs::rename(&folder, &moved).unwrap();
        writer.reopen.store(true, Ordering::Release);
        writer.write("one\n");
        writer.finish();
        assert_eq!(fs::read_to_string(moved.join("log")).unwrap(), "one\n");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_costs_lines_and_nothing_else() {
        let writer = start(Path::new("/dev/full"));
        writer.write("one\n");
        writer.write("two\n");
        writer.finish();
    }

    /// A file whose writes come out as told, last one first, and then well.
    struct Flaky {
        taken: Vec<u8>,
        results: Vec<io::Result<usize>>,
    }

    impl Write for Flaky {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let result = self.results.pop().unwrap_or(Ok(bytes.len()));
            let count = result?.min(bytes.len());
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn flaky(results: Vec<io::Result<usize>>) -> LineFile<Flaky> {
        LineFile::new(Flaky {
            taken: Vec::new(),
            results,
        })
    }

    #[test]
    fn a_busy_output_is_waited_for() {
        let again = ErrorKind::WouldBlock.into();
        let interrupted = ErrorKind::Interrupted.into();
        let mut file = flaky(vec![Err(again), Ok(3), Err(interrupted)]);
        file.write_lines(b"one\ntwo\n").unwrap();
        assert_eq!(file.file.taken, b"one\ntwo\n");
    }

    #[test]
    fn a_torn_line_is_ended_before_the_next() {
        let full = || Err(ErrorKind::StorageFull.into());
        let mut file = flaky(vec![full(), full(), Ok(6)]);
        let (complete, error) = file.write_lines(b"one\ntwo\nthree\n").unwrap_err();
        assert_eq!((complete, error.kind()), (1, ErrorKind::StorageFull));
        assert_eq!(file.write_lines(b"four\n").unwrap_err().0, 0);
        file.write_lines(b"five\n").unwrap();
        assert_eq!(file.file.taken, b"one\ntw\nfive\n");
    }
}
