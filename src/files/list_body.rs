//! The body of a list: made in pieces that count against a bound of the process, and sent as a
//! stream that lets go of each.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use reactor::{Progress, Pull, Reply, Stream};

use crate::encoding::{Coding, Encoder, SpareEncoders};

/// Bytes of a piece. A list that is no longer is sent in one, and is not counted: it is of the size
/// of what any connection may have waiting.
pub const PIECE_BYTES: usize = 64 << 10;

/// What all lists of the process hold together while they are made and while they are sent, beyond
/// [`PIECE_BYTES`] of each: thirty pages of as many entries as there may be, or hundreds if they
/// are coded. That is a quarter of what a worker may buffer for its clients, and few read such a
/// page slowly. What encoders take is bounded by the number of jobs.
pub static LISTS: Allowance = Allowance::new(64 << 20);

/// Bytes that may be held, and those that are.
pub struct Allowance {
    bytes_max: usize,
    held: AtomicUsize,
}

/// What one holds of an allowance, until it is dropped.
pub struct Share {
    of: &'static Allowance,
    bytes: usize,
}

/// The body of a list, or as much of it as is made and not sent.
pub struct ListBody {
    pieces: VecDeque<Piece>,
    /// How much of the first piece is sent.
    sent: usize,
    /// How much was written in all.
    length: u64,
    allowance: &'static Allowance,
}

struct Piece {
    bytes: Vec<u8>,
    _share: Share,
}

impl Allowance {
    /// Of which nothing is held.
    pub const fn new(bytes_max: usize) -> Allowance {
        Allowance {
            bytes_max,
            held: AtomicUsize::new(0),
        }
    }

    fn take(&self, bytes: usize) -> io::Result<()> {
        let more = |held: usize| {
            let held = held.checked_add(bytes)?;
            (held <= self.bytes_max).then_some(held)
        };
        let taken = self
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken
            .map(drop)
            .map_err(|_held| ErrorKind::QuotaExceeded.into())
    }
}

impl Share {
    /// Of nothing yet.
    pub const fn new(of: &'static Allowance) -> Share {
        Share { of, bytes: 0 }
    }

    /// Holds so many bytes from now on, at least; less only when it is dropped.
    ///
    /// # Errors
    ///
    /// `QuotaExceeded`: all lists together would hold too much.
    pub fn hold(&mut self, bytes: usize) -> io::Result<()> {
        if bytes > self.bytes {
            self.of.take(bytes - self.bytes)?;
            self.bytes = bytes;
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl ListBody {
    /// An empty one.
    pub const fn new(allowance: &'static Allowance) -> ListBody {
        ListBody {
            pieces: VecDeque::new(),
            sent: 0,
            length: 0,
            allowance,
        }
    }

    /// The same in a coding. What is coded is let go.
    ///
    /// # Errors
    ///
    /// There is not enough memory, or `QuotaExceeded`.
    pub fn coded(mut self, coding: Coding, spare: &SpareEncoders) -> io::Result<ListBody> {
        let mut body = ListBody::new(self.allowance);
        let mut made = Vec::new();
        if self.pieces.len() <= 1 {
            let bytes = self.into_bytes();
            spare.lend(|encoders| encoders.encode(coding, &bytes, &mut made))?;
        } else {
            let mut encoder = Encoder::new(coding)?;
            while let Some(piece) = self.pieces.pop_front() {
                encoder.push(&piece.bytes, &mut made)?;
                body.write_all(&made)?;
                made.clear();
            }
            encoder.finish(&mut made)?;
        }
        body.write_all(&made)?;
        Ok(body)
    }

    /// The reply with all of it.
    pub fn into_reply(self, content_type: &'static str) -> Reply {
        if self.pieces.len() <= 1 {
            return Reply::owned(content_type, self.into_bytes());
        }
        let length = self.length;
        Reply::stream(content_type, self).with_length(length)
    }

    /// The bytes of one that has at most a piece.
    fn into_bytes(mut self) -> Vec<u8> {
        let piece = self.pieces.pop_front();
        let mut bytes = piece.map(|piece| piece.bytes).unwrap_or_default();
        bytes.shrink_to_fit();
        bytes
    }

    /// The last piece, with room in it.
    fn with_room(&mut self) -> io::Result<&mut Vec<u8>> {
        let has_room = |piece: &Piece| piece.bytes.len() < PIECE_BYTES;
        if !self.pieces.back().is_some_and(has_room) {
            let mut share = Share::new(self.allowance);
            if !self.pieces.is_empty() {
                share.hold(PIECE_BYTES)?;
            }
            self.pieces.push_back(Piece {
                bytes: Vec::with_capacity(PIECE_BYTES),
                _share: share,
            });
        }
        let last = self.pieces.back_mut().ok_or(ErrorKind::OutOfMemory)?;
        Ok(&mut last.bytes)
    }

    /// Hands on what `take` takes, and lets go of it; false if something is left.
    fn send(&mut self, mut take: impl FnMut(&[u8]) -> usize) -> bool {
        while let Some(piece) = self.pieces.front() {
            self.sent += take(&piece.bytes[self.sent..]);
            if self.sent < piece.bytes.len() {
                return false;
            }
            self.pieces.pop_front();
            self.sent = 0;
        }
        true
    }
}

impl Write for ListBody {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = self.with_room()?;
        let count = bytes.len().min(PIECE_BYTES - piece.len());
        piece.extend_from_slice(&bytes[..count]);
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for ListBody {
    fn pull(&mut self, io: &mut Pull<'_>) -> Progress {
        match self.send(|bytes| io.out.write(bytes)) {
            true => Progress::End,
            false => Progress::More,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::respond::sliced::tests::{decode, text};
    use super::*;

    /// One of its own for each test.
    fn allowance(bytes_max: usize) -> &'static Allowance {
        Box::leak(Box::new(Allowance::new(bytes_max)))
    }

    fn held(allowance: &Allowance) -> usize {
        allowance.held.load(Ordering::Relaxed)
    }

    fn body(bytes: &[u8], allowance: &'static Allowance) -> io::Result<ListBody> {
        let mut body = ListBody::new(allowance);
        // In steps that do not fit into pieces.
        bytes
            .chunks(1009)
            .try_for_each(|chunk| body.write_all(chunk))?;
        Ok(body)
    }

    fn all(mut body: ListBody) -> Vec<u8> {
        let mut all = Vec::new();
        assert!(body.send(|bytes| {
            all.extend_from_slice(bytes);
            bytes.len()
        }));
        assert_eq!(all.len() as u64, body.length);
        all
    }

    #[test]
    fn shares_are_held_up_to_the_bound_and_given_back() {
        let allowance = allowance(100);
        let mut first = Share::new(allowance);
        let mut second = Share::new(allowance);
        first.hold(60).unwrap();
        second.hold(40).unwrap();
        for bytes in [41, usize::MAX] {
            let error = second.hold(bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
        }
        // What it has it keeps.
        first.hold(10).unwrap();
        assert_eq!((first.bytes, second.bytes, held(allowance)), (60, 40, 100));
        drop(first);
        second.hold(100).unwrap();
        assert_eq!(held(allowance), 100);
        drop(second);
        assert_eq!(held(allowance), 0);
    }

    #[test]
    fn threads_together_keep_the_bound() {
        let allowance = allowance(1000);
        let work = || {
            for at in 0..10_000 {
                let mut share = Share::new(allowance);
                let _ = share.hold(at % 400);
                assert!(held(allowance) <= 1000);
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
        assert_eq!(held(allowance), 0);
    }

    #[test]
    fn a_body_is_sent_with_little_room_and_let_go_piece_by_piece() {
        let bytes = text(3 * PIECE_BYTES + 1000);
        let allowance = allowance(3 * PIECE_BYTES);
        let mut body = body(&bytes, allowance).unwrap();
        assert_eq!(held(allowance), 3 * PIECE_BYTES);
        let mut sent = Vec::new();
        for room in (0..).map(|at| at * 37 % 5000) {
            let mut left = room;
            let is_sent = body.send(|bytes| {
                let count = bytes.len().min(left);
                sent.extend_from_slice(&bytes[..count]);
                left -= count;
                count
            });
            if is_sent {
                break;
            }
            let pieces = 4 - sent.len() / PIECE_BYTES;
            assert_eq!(held(allowance), pieces.min(3) * PIECE_BYTES);
            assert_eq!(left, 0);
        }
        assert!(sent == bytes);
        assert_eq!(held(allowance), 0);
        assert!(body.send(|_| panic!("it is sent")));
    }

    #[test]
    fn a_client_that_leaves_gives_back_what_is_left() {
        let allowance = allowance(3 * PIECE_BYTES);
        let mut body = body(&text(3 * PIECE_BYTES), allowance).unwrap();
        assert!(!body.send(|_| 100));
        let reply = body.into_reply("text/plain");
        assert_eq!(held(allowance), 2 * PIECE_BYTES);
        drop(reply);
        assert_eq!(held(allowance), 0);
    }

    #[test]
    fn a_body_beyond_the_bound_is_none_and_holds_nothing() {
        let allowance = allowance(2 * PIECE_BYTES);
        let most = text(3 * PIECE_BYTES);
        let error = body(&[&most, &b"x"[..]].concat(), allowance).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
        assert_eq!(held(allowance), 0);
        let first = body(&most, allowance).unwrap();
        assert!(body(&text(PIECE_BYTES + 1), allowance).is_err());
        // There is always room for a short one.
        assert!(all(body(&text(PIECE_BYTES), allowance).unwrap()) == text(PIECE_BYTES));
        assert!(all(first) == most);
    }

    #[test]
    fn a_coded_body_holds_what_is_coded() {
        for length in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 40 * PIECE_BYTES] {
            let bytes = text(length);
            for coding in Coding::ALL {
                let allowance = allowance(40 * PIECE_BYTES);
                let plain = body(&bytes, allowance).unwrap();
                let plain_held = held(allowance);
                let coded = plain.coded(coding, &SpareEncoders::default()).unwrap();
                assert!(held(allowance) <= plain_held / 2);
                assert!(decode(coding, &all(coded)).unwrap() == bytes);
                assert_eq!(held(allowance), 0);
            }
        }
    }

    #[test]
    fn short_ones_are_no_streams_and_keep_no_room() {
        for length in [0, 1000, PIECE_BYTES, PIECE_BYTES + 1] {
            let body = body(&text(length), allowance(PIECE_BYTES)).unwrap();
            let reply = format!("{:?}", body.into_reply("text/plain"));
            let expected = match length <= PIECE_BYTES {
                true => format!("Owned({length} bytes)"),
                false => format!("Stream(Some({length}))"),
            };
            assert!(reply.contains(&expected), "{reply}");
        }
        let bytes = body(b"short", allowance(0)).unwrap().into_bytes();
        assert!(bytes.capacity() < 1000);
    }
}
