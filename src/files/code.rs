//! Files that are brought in a coding on the fly: few bytes at once, more by a job, many in slices
//! as they are sent.

use std::io::{self, ErrorKind, IoSliceMut};
use std::sync::{Arc, Mutex, PoisonError};

use reactor::sys::OpenFile;
use reactor::time::Instant;
use reactor::{Progress, Pull, Reply, Status, Stream};

use super::asset::{Asset, Claim, Content, Representation};
use super::errors::refusal;
use super::handler::Lent;
use super::respond::{Answer, Answered, takes_identity};
use crate::encoding::{Coding, Encoder, Encoders, SLICE_BYTES};

/// Files up to this size are coded as a whole and kept; with more the client would wait for long,
/// and few are text.
const KEPT_BYTES_MAX: u64 = 1 << 20;

/// Files that one worker codes while they are sent: the state of each takes about a megabyte.
/// Beyond that they are sent as they are.
const STREAMS_MAX: usize = 32;

/// Bytes that a worker codes in one turn at most: a millisecond or two, for which all others wait.
const CODED_BYTES_A_TURN: usize = 64 << 10;

/// What was coded in a turn of the worker.
#[derive(Debug, Default)]
pub struct CodedInTurn {
    /// When the turn began.
    turn: Option<Instant>,
    bytes: usize,
}

impl CodedInTurn {
    /// Whether so many bytes can be coded in the turn that began at `now`; then they are counted.
    pub fn has_room(&mut self, bytes: usize, now: Instant) -> bool {
        if self.turn != Some(now) {
            *self = CodedInTurn {
                turn: Some(now),
                bytes: 0,
            };
        }
        let has_room = self.bytes + bytes <= CODED_BYTES_A_TURN;
        self.bytes += if has_room { bytes } else { 0 };
        has_room
    }
}

/// Answers with the asset in the coding of `form`, which has no content yet; `None` where the file
/// is to be sent as it is.
pub(super) fn begin(
    answer: &Answer<'_>,
    form: Representation,
    lent: &mut Lent<'_, '_>,
) -> Option<Answered> {
    let coding = form.coding?;
    match &answer.asset.identity.content {
        Content::Memory(bytes)
            if bytes.len() <= SLICE_BYTES && lent.local.coded.has_room(bytes.len(), lent.now) =>
        {
            code_at_once(answer, coding, bytes, lent)
        }
        content if content.len() <= KEPT_BYTES_MAX => code_in_job(answer, coding, lent),
        Content::Memory(_) => None,
        Content::File(file, length) => code_in_slices(coding, file, *length, form, lent),
    }
}

fn code_at_once(
    answer: &Answer<'_>,
    coding: Coding,
    bytes: &[u8],
    lent: &mut Lent<'_, '_>,
) -> Option<Answered> {
    let mut coded = Vec::new();
    if let Err(error) = lent.local.encoders.encode(coding, bytes, &mut coded) {
        log::error!("cannot code a file: {error}");
        return None;
    }
    let asset = answer.asset;
    asset.keep_coded(coding, asset.coded_form(coding, coded.into(), lent.wall));
    lent.local.tree.count_again(&asset.key);
    Some(answer.send_result(coding, lent))
}

/// Has a job code the whole file. As long as one does so, others get it as it is, unless they
/// refuse that: then another job codes it for them.
fn code_in_job(answer: &Answer<'_>, coding: Coding, lent: &mut Lent<'_, '_>) -> Option<Answered> {
    let claim = match answer.asset.claim(coding) {
        Some(claim) => claim,
        None if takes_identity(&lent.view) => return None,
        None => answer.asset.share_claim(coding),
    };
    let (files, wall) = (Arc::clone(answer.files), lent.wall);
    Some(Ok(Reply::job(move |_| {
        let coded = files.encoders.lend(|encoders| code_whole(&claim, encoders));
        match coded {
            Ok(coded) => {
                let form = claim.asset().coded_form(coding, coded.into(), wall);
                claim.asset().keep_coded(coding, form);
            }
            Err(error) => log::error!("cannot code a file: {error}"),
        }
        Reply::then(move |request| {
            let Some(mut lent) = request.parts(files.reach) else {
                return refusal(Status::INTERNAL_SERVER_ERROR);
            };
            lent.local.tree.count_again(&claim.asset().key);
            let answer = Answer {
                files: &files,
                asset: claim.asset(),
            };
            let result = answer.send_result(coding, &mut lent);
            result.unwrap_or_else(|status| files.fail(status, &mut lent))
        })
    })))
}

fn code_whole(claim: &Claim, encoders: &mut Encoders) -> io::Result<Vec<u8>> {
    let asset: &Asset = claim.asset();
    let mut coded = Vec::new();
    match &asset.identity.content {
        Content::Memory(bytes) => encoders.encode(claim.coding(), bytes, &mut coded)?,
        Content::File(file, length) => {
            let mut bytes = vec![0; *length as usize];
            read_all(file, &mut bytes)?;
            encoders.encode(claim.coding(), &bytes, &mut coded)?;
        }
    }
    Ok(coded)
}

/// Fills `bytes` from the beginning of a file.
fn read_all(file: &OpenFile, bytes: &mut [u8]) -> io::Result<()> {
    let mut at = 0;
    while at < bytes.len() {
        match file.read(&mut bytes[at..], at as u64) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => at += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Codes the file while it is sent.
fn code_in_slices(
    coding: Coding,
    file: &Arc<OpenFile>,
    length: u64,
    form: Representation,
    lent: &mut Lent<'_, '_>,
) -> Option<Answered> {
    let count = &lent.local.streams;
    // The worker holds one itself.
    if Arc::strong_count(count) > STREAMS_MAX {
        return None;
    }
    let sliced = match Sliced::new(coding, file, length, count) {
        Ok(sliced) => sliced,
        Err(error) => {
            log::error!("cannot code a file: {error}");
            return None;
        }
    };
    lent.out.fields(&form.whole);
    Some(Ok(Reply::stream("", sliced).without_content_type()))
}

/// A file that is coded as the client takes it.
struct Sliced {
    file: Arc<OpenFile>,
    at: u64,
    end: u64,
    /// `None` when all is coded.
    encoder: Option<Encoder>,
    /// What is coded, and how much of that was taken.
    made: Vec<u8>,
    sent: usize,
    slice: Slice,
    /// See [`Worker::streams`](super::worker::Worker::streams).
    _counted: Arc<()>,
}

/// Where the next slice comes from.
enum Slice {
    /// From the file, if it is in memory.
    Direct,
    /// A job reads it: it is here when that is done.
    Reading(Place),
}

/// Where a job leaves what it has read.
type Place = Arc<Mutex<Option<io::Result<Vec<u8>>>>>;

/// What a job is to do.
type Task = Box<dyn FnOnce() + Send>;

impl Sliced {
    /// The first `length` bytes of a file; `count` is held for as long.
    fn new(
        coding: Coding,
        file: &Arc<OpenFile>,
        length: u64,
        count: &Arc<()>,
    ) -> io::Result<Sliced> {
        Ok(Sliced {
            file: Arc::clone(file),
            at: 0,
            end: length,
            encoder: Some(Encoder::new(coding)?),
            made: Vec::new(),
            sent: 0,
            slice: Slice::Direct,
            _counted: Arc::clone(count),
        })
    }

    /// The next slice, if it is there. `submit` has a job do what may wait for a disk, unless too
    /// many are waiting.
    fn next(&mut self, submit: impl FnOnce(Task) -> bool) -> io::Result<Option<Vec<u8>>> {
        let count = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let count = count.min(SLICE_BYTES);
        if let Slice::Reading(place) = &self.slice {
            let read = place.lock().unwrap_or_else(PoisonError::into_inner).take();
            return match read {
                Some(read) => {
                    self.slice = Slice::Direct;
                    read.map(Some)
                }
                // It has left nothing and never will.
                None if Arc::strong_count(place) == 1 => {
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
                let place: Place = Arc::default();
                let (file, at, told) = (Arc::clone(&self.file), self.at, Arc::clone(&place));
                let is_taken = submit(Box::new(move || {
                    let read = file.read(&mut bytes, at).map(|count| {
                        bytes.truncate(count);
                        bytes
                    });
                    *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
                }));
                self.slice = Slice::Reading(place);
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
        match self.code(|task| io.job(task)) {
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
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use reactor::sys::Residence;

    use super::super::sample;
    use super::*;
    use crate::testing::TempDir;

    /// Text of so many bytes that can be made shorter.
    fn text(length: usize) -> Vec<u8> {
        let lines = (0..).flat_map(|line: u32| format!("this is line {line}\n").into_bytes());
        lines.take(length).collect()
    }

    fn decode(coding: Coding, coded: &[u8]) -> io::Result<Vec<u8>> {
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
    fn file(dir: &TempDir, bytes: &[u8], residence: Residence) -> Arc<OpenFile> {
        let path = dir.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        Arc::new(OpenFile::new(File::open(path).unwrap(), residence))
    }

    fn sliced(coding: Coding, file: &Arc<OpenFile>, length: usize) -> Sliced {
        Sliced::new(coding, file, length as u64, &Arc::default()).unwrap()
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

    #[test]
    fn a_whole_file_is_coded_wherever_its_bytes_are() {
        let dir = TempDir::new();
        let bytes = text(100_000);
        let open = file(&dir, &bytes, Residence::Unknown);
        let contents = [
            sample::memory(&bytes),
            Content::File(Arc::clone(&open), bytes.len() as u64),
        ];
        for content in contents {
            let asset = sample::asset_of("a", content);
            for coding in Coding::ALL {
                let coded =
                    code_whole(&asset.claim(coding).unwrap(), &mut Encoders::new()).unwrap();
                assert!(decode(coding, &coded).unwrap() == bytes);
            }
        }
        let asset = sample::asset_of("a", Content::File(open, bytes.len() as u64 + 1));
        let error =
            code_whole(&asset.claim(Coding::Gzip).unwrap(), &mut Encoders::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_turn_codes_so_much_and_the_next_as_much_again() {
        let mut coded = CodedInTurn::default();
        let (first, second) = (Instant::START, Instant::START + Duration::from_millis(1));
        assert!(coded.has_room(CODED_BYTES_A_TURN - 1, first));
        assert!(!coded.has_room(2, first));
        assert!(coded.has_room(1, first));
        assert!(!coded.has_room(1, first));
        assert!(coded.has_room(CODED_BYTES_A_TURN, second));
        assert!(!coded.has_room(1, second));
    }
}
