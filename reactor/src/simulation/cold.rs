//! What of the site waits for disks: files whose bytes are not all in memory, replies that begin
//! with a job, and streams that have jobs.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::site::{FILE_BYTES, number, pattern, pattern_byte};
use crate::service::{FileBody, FilePart, Progress, Pull, ReadAt, Reply, Request, Route, Stream};

/// What is before, between and behind the parts of a file.
pub(super) const MARK: &[u8] = b"--mark--";

/// A file with a pattern.
#[derive(Debug)]
pub(super) struct Disk {
    /// Bytes of it that are in memory, between as many that are not; 0 if all are.
    pub warm: usize,
    /// Whether the system can pass it to sockets by itself.
    pub is_passed: bool,
}

/// A file of the system with the pattern, for sockets to which it is passed.
static FILE: LazyLock<File> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("reactor-pattern-{}", std::process::id()));
    std::fs::write(&path, pattern(FILE_BYTES)).unwrap();
    let file = File::open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file
});

impl ReadAt for Disk {
    fn read_now(&self, pieces: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        let mut at = offset as usize;
        let mut end = FILE_BYTES;
        if self.warm > 0 && at < end {
            if (at / self.warm) % 2 == 1 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            end = end.min((at / self.warm + 1) * self.warm);
        }
        for piece in pieces {
            let count = piece.len().min(end.saturating_sub(at));
            fill(&mut piece[..count], at);
            at += count;
        }
        Ok(at - offset as usize)
    }

    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let at = offset as usize;
        let count = bytes.len().min(FILE_BYTES.saturating_sub(at)).min(9_000);
        fill(&mut bytes[..count], at);
        Ok(count)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.is_passed.then(|| FILE.as_fd())
    }
}

fn fill(bytes: &mut [u8], at: usize) {
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = pattern_byte(at + index);
    }
}

/// All of a file, and `beyond` bytes that it does not have.
pub(super) fn file(warm: usize, beyond: u64, is_passed: bool) -> Reply {
    let disk = Arc::new(Disk { warm, is_passed });
    let body = FileBody::new(disk, 0..FILE_BYTES as u64 + beyond);
    Reply::file("application/octet-stream", body)
}

/// The body of `/parts`.
pub(super) fn parts_body() -> Vec<u8> {
    let file = pattern(FILE_BYTES);
    [MARK, &file[10..9_000], MARK, &file[20_000..], MARK].concat()
}

/// Adds the routes.
pub(super) fn routes(builder: crate::SiteBuilder) -> crate::SiteBuilder {
    builder
        .route(Route::any("/cold/{n}", |request: &mut Request<'_>| {
            let number = number(request);
            file(3_000 + number % 7_000, 0, number.is_multiple_of(2))
        }))
        .route(Route::any("/parts", |_: &mut Request<'_>| {
            let mark = || FilePart::Text(MARK.to_vec());
            let end = FILE_BYTES as u64;
            let (first, second) = (FilePart::Range(10..9_000), FilePart::Range(20_000..end));
            let parts = vec![mark(), first, mark(), second, mark()];
            let disk = Disk {
                warm: 4_000,
                is_passed: true,
            };
            let body = FileBody::in_parts(Arc::new(disk), parts);
            Reply::file("application/octet-stream", body)
        }))
        .route(Route::any("/then/{n}", |request: &mut Request<'_>| {
            let id = number(request);
            Reply::job(move |_| {
                Reply::then(move |request| {
                    assert_eq!(number(request), id);
                    match id % 3 {
                        0 => Reply::job(move |out| out.text(format_args!("then {id}"))),
                        _ => request.out().text(format_args!("then {id}")),
                    }
                })
            })
        }))
        .route(Route::any("/task/{n}", |request: &mut Request<'_>| {
            let length = number(request);
            let stream = Tasked {
                made: 0,
                length,
                state: None,
            };
            Reply::stream("application/octet-stream", stream).with_length(length as u64)
        }))
}

/// Makes a pattern, each piece of it after a job.
struct Tasked {
    made: usize,
    length: usize,
    /// Whether the job for the next piece is done; `None` if there is none.
    state: Option<Arc<AtomicBool>>,
}

impl Stream for Tasked {
    fn pull(&mut self, io: &mut Pull<'_>) -> Progress {
        if self.made == self.length {
            return Progress::End;
        }
        match &self.state {
            None => {
                let done = Arc::new(AtomicBool::new(false));
                let told = Arc::clone(&done);
                if !io.job(move || told.store(true, Relaxed)) {
                    // Too many wait: it does without.
                    done.store(true, Relaxed);
                    io.wake_after(Duration::from_millis(300));
                }
                self.state = Some(done);
                Progress::Later
            }
            Some(done) if !done.load(Relaxed) => Progress::Later,
            Some(_) => {
                let end = self.length.min(self.made + io.out.room().min(5_000));
                let bytes: Vec<u8> = (self.made..end).map(pattern_byte).collect();
                self.made += io.out.write(&bytes);
                self.state = None;
                Progress::More
            }
        }
    }
}
