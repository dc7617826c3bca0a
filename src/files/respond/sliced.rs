//! A file that is coded slice by slice, at the pace at which the client takes it.

use std::io::{self, ErrorKind, IoSliceMut};
use std::sync::{Arc, Mutex, PoisonError};

use reactor::sys::OpenFile;
use reactor::{Progress, Pull, Stream};

use super::ration::Seat;
use crate::encoding::{Coding, Encoder, SLICE_BYTES};

/// A file that is coded as the client takes it.
pub struct Sliced {
    file: Arc<OpenFile>,
    at: u64,
    end: u64,
    /// `None` when all is coded.
    encoder: Option<Encoder>,
    /// What is coded, and how much of that was taken.
    made: Vec<u8>,
    sent: usize,
    slice: Slice,
    seat: Seat,
}

/// Where the next slice comes from.
enum Slice {
    /// From the file, if it is in memory.
    Direct,
    /// A job reads it: it is here when that is done.
    Reading(Delivery),
}

/// Where a job leaves what it has read.
type Delivery = Arc<Mutex<Option<io::Result<Vec<u8>>>>>;

/// What a job is to do.
type Task = Box<dyn FnOnce() + Send>;

impl Sliced {
    /// The first `length` bytes of a file.
    pub fn new(
        coding: Coding,
        file: &Arc<OpenFile>,
        length: u64,
        seat: Seat,
    ) -> io::Result<Sliced> {
        Ok(Sliced {
            file: Arc::clone(file),
            at: 0,
            end: length,
            encoder: Some(Encoder::new(coding)?),
            made: Vec::new(),
            sent: 0,
            slice: Slice::Direct,
            seat,
        })
    }

    /// The next slice, if it is there. `submit` has a job do what may wait for a disk, unless too
    /// many are waiting.
    fn next(&mut self, submit: impl FnOnce(Task) -> bool) -> io::Result<Option<Vec<u8>>> {
        let count = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let count = count.min(SLICE_BYTES);
        if let Slice::Reading(delivery) = &self.slice {
            let read = delivery
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            return match read {
                Some(read) => {
                    self.slice = Slice::Direct;
                    read.map(Some)
                }
                // It has left nothing and never will.
                None if Arc::strong_count(delivery) == 1 => {
                    Err(io::Error::other("the job that was to read it has failed"))
                }
                None => Ok(None),
            };
        }
        let mut bytes = vec![0; count];
        match self
            .file
            .read_now(&mut [IoSliceMut::new(&mut bytes)], self.at)
        {
            Ok(count) => {
                bytes.truncate(count);
                Ok(Some(bytes))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let delivery = Delivery::default();
                let (file, at, told) = (Arc::clone(&self.file), self.at, Arc::clone(&delivery));
                let is_taken = submit(Box::new(move || {
                    let read = file.read(&mut bytes, at).map(|count| {
                        bytes.truncate(count);
                        bytes
                    });
                    *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
                }));
                self.slice = Slice::Reading(delivery);
                match is_taken {
                    true => Ok(None),
                    false => Err(io::Error::other("too many jobs are waiting")),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Codes the next slice, if it is there; false if not.
    fn code(&mut self, submit: impl FnOnce(Task) -> bool) -> io::Result<bool> {
        let Some(bytes) = self.next(submit)? else {
            // The client is not to wait for the disk with what there is.
            if let Some(encoder) = &mut self.encoder {
                encoder.flush(&mut self.made)?;
            }
            return Ok(false);
        };
        if bytes.is_empty() {
            return Err(io::Error::other("it has become shorter"));
        }
        self.at += bytes.len() as u64;
        if let Some(encoder) = &mut self.encoder {
            encoder.push(&bytes, &mut self.made)?;
        }
        if self.at == self.end
            && let Some(encoder) = self.encoder.take()
        {
            encoder.finish(&mut self.made)?;
        }
        Ok(true)
    }
}

impl Stream for Sliced {
    fn pull(&mut self, io: &mut Pull<'_>) -> Progress {
        self.sent += io.out.write(&self.made[self.sent..]);
        if self.sent < self.made.len() {
            return Progress::More;
        }
        self.made.clear();
        self.sent = 0;
        if self.encoder.is_none() {
            return Progress::End;
        }
        if !self.seat.has_turn() {
            io.rest();
            return Progress::More;
        }
        match self.code(|task| io.brief_job(task)) {
            Ok(true) => {
                io.rest();
                self.sent = io.out.write(&self.made);
                Progress::More
            }
            Ok(false) => {
                self.sent = io.out.write(&self.made);
                match self.sent < self.made.len() {
                    true => Progress::More,
                    false => Progress::Later,
                }
            }
            Err(error) => {
                log::warn!("cannot code a file that is being sent: {error}");
                Progress::Cut
            }
        }
    }
}

#[cfg(test)]
pub mod tests {
    use std::fs::File;

    use reactor::sys::Residence;

    use super::super::ration::Ration;
    use super::*;
    use crate::testing::TempDir;

    /// Text of so many bytes that can be made shorter.
    pub fn text(length: usize) -> Vec<u8> {
        let lines = (0..).flat_map(|line: u32| format!("this is line {line}\n").into_bytes());
        lines.take(length).collect()
    }

    pub fn decode(coding: Coding, coded: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match coding {
            Coding::Gzip => {
                let mut decoder = flate2::read::GzDecoder::new(coded);
                io::Read::read_to_end(&mut decoder, &mut bytes)?;
            }
            Coding::Brotli => {
                let mut decoder = brotli::Decompressor::new(coded, 4096);
                io::Read::read_to_end(&mut decoder, &mut bytes)?;
            }
            Coding::Zstd => bytes = zstd::decode_all(coded)?,
        }
        Ok(bytes)
    }

    /// A file of these bytes, on a disk that has them in memory or not.
    pub fn file(dir: &TempDir, bytes: &[u8], residence: Residence) -> Arc<OpenFile> {
        let path = dir.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        Arc::new(OpenFile::new(File::open(path).unwrap(), residence))
    }

    fn sliced(coding: Coding, file: &Arc<OpenFile>, length: usize) -> Sliced {
        let seat = Ration::new().seat(1).unwrap();
        Sliced::new(coding, file, length as u64, seat).unwrap()
    }

    /// Runs the job at once.
    fn run(task: Task) -> bool {
        task();
        true
    }

    /// All that is made, with jobs that run between two slices.
    fn all(mut sliced: Sliced) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        while sliced.encoder.is_some() {
            sliced.code(run)?;
            all.append(&mut sliced.made);
        }
        Ok(all)
    }

    #[test]
    fn slices_say_the_same_as_the_whole() {
        let dir = TempDir::new();
        for length in [1, SLICE_BYTES - 1, SLICE_BYTES, SLICE_BYTES + 1, 200_000] {
            let bytes = text(length);
            for residence in [Residence::Memory, Residence::Unknown] {
                let file = file(&dir, &bytes, residence);
                for coding in Coding::ALL {
                    let coded = all(sliced(coding, &file, length)).unwrap();
                    assert!(
                        decode(coding, &coded).unwrap() == bytes,
                        "{coding:?}, {length}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_written_behind_the_end_is_not_sent() {
        let dir = TempDir::new();
        let bytes = text(100_000);
        let file = file(&dir, &bytes, Residence::Memory);
        let coded = all(sliced(Coding::Gzip, &file, 70_000)).unwrap();
        assert!(decode(Coding::Gzip, &coded).unwrap() == bytes[..70_000]);
    }

    #[test]
    fn a_cold_slice_is_read_by_one_job_and_what_was_made_before_goes_out() {
        let dir = TempDir::new();
        let bytes = text(3 * SLICE_BYTES);
        let file = file(&dir, &bytes, Residence::Unknown);
        let mut sliced = sliced(Coding::Gzip, &file, bytes.len());
        assert!(!sliced.code(run).unwrap());
        assert!(sliced.code(|_| panic!("it is read already")).unwrap());
        let mut tasks = Vec::new();
        let mut submit = |task| {
            tasks.push(task);
            true
        };
        assert!(!sliced.code(&mut submit).unwrap());
        let mut decoder = flate2::read::GzDecoder::new(&sliced.made[..]);
        let mut first = vec![0; SLICE_BYTES];
        io::Read::read_exact(&mut decoder, &mut first).unwrap();
        assert!(first == bytes[..SLICE_BYTES]);
        // Whatever wakes it, nothing is read twice.
        let made = sliced.made.len();
        assert!(!sliced.code(&mut submit).unwrap());
        assert_eq!((tasks.len(), sliced.made.len()), (1, made));
        tasks.remove(0)();
        assert!(sliced.code(run).unwrap());
    }

    #[test]
    fn what_cannot_be_read_ends_in_an_error() {
        let dir = TempDir::new();
        let bytes = text(70_000);
        for residence in [Residence::Memory, Residence::Unknown] {
            let short = file(&dir, &bytes, residence);
            assert!(all(sliced(Coding::Brotli, &short, 70_001)).is_err());
            let directory = File::open(dir.path()).unwrap();
            let directory = Arc::new(OpenFile::new(directory, residence));
            assert!(all(sliced(Coding::Brotli, &directory, 1)).is_err());
        }
    }

    #[test]
    fn a_job_that_is_refused_or_lost_ends_in_an_error() {
        let dir = TempDir::new();
        let file = file(&dir, &text(1000), Residence::Unknown);
        let mut refused = sliced(Coding::Zstd, &file, 1000);
        assert!(refused.code(|_| false).is_err());
        // As if it had panicked.
        let mut lost = sliced(Coding::Zstd, &file, 1000);
        assert!(!lost.code(|_task| true).unwrap());
        assert!(lost.code(run).is_err());
    }
}
