//! Files that the system passes to the socket: what is looked at before, and piece by piece.

use std::io::{self, ErrorKind, IoSliceMut};
use std::ops::Range;
use std::sync::Arc;

use rustix::io::Errno;

use super::{Read, Sending, Window, credible, cut, panicked};
use crate::buffer::Output;
use crate::engine::dispatch;
use crate::engine::socket::Socket;
use crate::engine::stats::WorkerStats;

/// So many pipes are passed with one call, about: whole segments, as the system sends at once what
/// is left behind them. Over loopback, where a segment has 64 KiB, that halves the cost of a large
/// file.
const PIECE_PIPES: usize = 3;

/// So many pieces of a file are looked at in one go, and read in by one job, usually half a MiB:
/// what asking costs does not show beside so much, and a slow disk has it in a tenth of a second.
const WINDOW_PIECES: usize = 4;

/// A job reads so much at a time to bring a window into memory; it fits the processor's cache.
const CHUNK_BYTES: usize = 128 << 10;

/// How a file is passed.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Passing {
    segment_bytes: usize,
    pipe_bytes: usize,
}

/// What a look ahead came to.
#[derive(Debug)]
pub(in crate::engine) enum Ahead {
    /// The system may pass what comes next.
    Warm,
    /// It is not in memory: a job is to read it in.
    Cold(Read),
    /// A job is doing that.
    Waits,
    /// All has gone.
    End,
    /// The file cannot be read.
    Cut,
}

/// What passing a piece came to.
#[derive(Debug)]
pub(in crate::engine) enum Passed {
    /// So many bytes have gone.
    Bytes(usize),
    /// The client takes no more now.
    Blocked,
    /// It cannot be done with this file: what comes next is copied.
    Refused,
    /// The file is shorter than it was, or cannot be read.
    Cut,
    /// The connection is broken.
    Broken,
}

impl Passing {
    /// Where pipes have this size. How many bytes leave together is asked at each window.
    pub fn new(pipe_bytes: usize) -> Passing {
        Passing {
            segment_bytes: 1,
            pipe_bytes,
        }
    }

    /// Whether so much of a file is worth the calls that passing takes.
    pub(super) fn pays_for(&self, range: &Range<u64>) -> bool {
        range.end.saturating_sub(range.start) > self.pipe_bytes as u64
    }

    /// The window that begins with this part if so many bytes share its first segment with it.
    pub(super) fn window(&self, part: &Range<u64>, before: usize) -> Range<u64> {
        let pieces = (WINDOW_PIECES - 1) * self.piece_bytes(0) + self.piece_bytes(before);
        part.start..part.end.min(part.start.saturating_add(pieces as u64))
    }

    /// How much is passed with one call if so many bytes share the first segment with it.
    fn piece_bytes(&self, before: usize) -> usize {
        let segments = (PIECE_PIPES * self.pipe_bytes / self.segment_bytes).max(1);
        segments * self.segment_bytes - before % self.segment_bytes
    }
}

impl Read {
    /// Has the system read what is wanted in its memory.
    pub(super) fn warm(&self) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK_BYTES.min(self.bytes_max)];
        let mut done = 0;
        while done < self.bytes_max {
            let room = chunk.len().min(self.bytes_max - done);
            match self
                .source
                .read(&mut chunk[..room], self.start + done as u64)
            {
                // That it ends here is noticed when it is sent.
                Ok(0) => break,
                Ok(count) => done += credible(count, room)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Sending {
    /// Whether the system passes the bytes; otherwise they are copied.
    pub fn is_passed(&self) -> bool {
        self.passing.is_some()
    }

    /// Sees to it that the system can pass what comes next without waiting for a disk, as far as
    /// the first and the last page of a window tell. Texts before it are queued.
    pub fn look_ahead(
        &mut self,
        socket: &Socket,
        output: &mut Output,
        stats: &WorkerStats,
    ) -> Ahead {
        if !self.body.seek(|text| output.push_owned(text)) {
            return Ahead::End;
        }
        match std::mem::replace(&mut self.window, Window::Unknown) {
            Window::Warm(window) if window.contains(&self.body.part.start) => {
                self.window = Window::Warm(window);
                Ahead::Warm
            }
            Window::Warming(window) => {
                self.window = Window::Warming(window);
                Ahead::Waits
            }
            Window::Read(Err(error)) => {
                cut(&error);
                Ahead::Cut
            }
            _ => self.look_at_window(socket, output.len(), stats),
        }
    }

    fn look_at_window(&mut self, socket: &Socket, before: usize, stats: &WorkerStats) -> Ahead {
        // Segments grow in the first exchanges of a connection.
        if let Some(passing) = &mut self.passing {
            passing.segment_bytes = socket.segment_bytes();
        }
        let part = &self.body.part;
        let window = match &self.passing {
            Some(passing) => passing.window(part, before),
            None => part.clone(),
        };
        for offset in [window.start, window.end - 1] {
            let mut byte = [0];
            let source = &self.body.source;
            let read = dispatch::guarded(stats, "reader", || {
                source.read_now(&mut [IoSliceMut::new(&mut byte)], offset)
            });
            match read.unwrap_or_else(|| Err(panicked())) {
                // Also nothing, where the file ends by now: what is before that is sent.
                Ok(_) => {}
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::Interrupted => return self.warm_up(window),
                    _ => {
                        cut(&error);
                        return Ahead::Cut;
                    }
                },
            }
        }
        self.window = Window::Warm(window);
        Ahead::Warm
    }

    /// Has a job bring a window into memory.
    fn warm_up(&mut self, window: Range<u64>) -> Ahead {
        let read = Read {
            source: Arc::clone(&self.body.source),
            start: window.start,
            bytes_max: (window.end - window.start) as usize,
            warms: true,
        };
        self.window = Window::Warming(window);
        Ahead::Cold(read)
    }

    /// Has the system pass the next piece; `before` bytes were written just before, and share their
    /// last segment with it.
    pub fn pass(&mut self, before: usize, socket: &mut Socket, stats: &WorkerStats) -> Passed {
        let source = &self.body.source;
        let file = dispatch::guarded(stats, "reader", || source.descriptor()).flatten();
        let (Window::Warm(window), Some(passing), Some(file)) = (&self.window, self.passing, file)
        else {
            return self.refuse();
        };
        let Range { start, end } = self.body.part;
        // The part may end before the window of another one that it lies in.
        let left = usize::try_from(end.min(window.end) - start).unwrap_or(usize::MAX);
        let count = passing.piece_bytes(before).min(left);
        match socket.send_file(file, start, count) {
            Ok(0) => {
                cut(&ErrorKind::UnexpectedEof.into());
                Passed::Cut
            }
            Ok(count) => {
                self.body.part.start += count as u64;
                Passed::Bytes(count)
            }
            Err(error) => self.fail_to_pass(&error),
        }
    }

    /// From now on the bytes are copied.
    fn refuse(&mut self) -> Passed {
        self.passing = None;
        Passed::Refused
    }

    #[cold]
    fn fail_to_pass(&mut self, error: &io::Error) -> Passed {
        match error.kind() {
            ErrorKind::WouldBlock => Passed::Blocked,
            ErrorKind::Interrupted => Passed::Bytes(0),
            ErrorKind::Unsupported => self.refuse(),
            _ if is_of_file(error) => {
                cut(error);
                Passed::Cut
            }
            _ => Passed::Broken,
        }
    }
}

/// Whether an error is the file's, not the connection's.
fn is_of_file(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::IO | Errno::STALE | Errno::OVERFLOW | Errno::BADF)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_windows_end_with_a_segment() {
        for (segment, before, piece) in [
            (1, 0, 144 << 10),
            (1, 300, 144 << 10),
            (1_460, 0, 100 * 1_460),
            (1_460, 300, 100 * 1_460 - 300),
            (1_460, 1_460, 100 * 1_460),
            (65_483, 300, 2 * 65_483 - 300),
            (200_000, 0, 200_000),
            (200_000, 199_999, 1),
        ] {
            let passing = Passing {
                segment_bytes: segment,
                pipe_bytes: 48 << 10,
            };
            assert_eq!(passing.piece_bytes(before), piece, "{segment} {before}");
            let window = passing.window(&(5..u64::MAX), before);
            let others = 3 * passing.piece_bytes(0);
            assert_eq!(window, 5..5 + (piece + others) as u64);
        }
    }

    #[test]
    fn windows_end_with_the_part() {
        let passing = Passing::new(100);
        assert_eq!(passing.window(&(5..2_000), 0), 5..1_205);
        assert_eq!(passing.window(&(5..900), 0), 5..900);
        let last = u64::MAX - 1..u64::MAX;
        assert_eq!(passing.window(&last, 0), last);
        assert!(passing.pays_for(&(5..106)) && !passing.pays_for(&(5..105)));
    }
}
