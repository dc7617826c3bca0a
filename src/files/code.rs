//! Files that are brought in a coding on the fly: few bytes at once, more by a job, many in slices
//! as they are sent.

use std::io::{self, ErrorKind, IoSliceMut};
use std::sync::{Arc, Mutex, PoisonError};

use reactor::sys::OpenFile;
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

/// Answers with the asset in the coding of `form`, which has no content yet; `None` where that
/// cannot be.
pub(super) fn begin(
    answer: &Answer<'_>,
    form: Representation,
    lent: &mut Lent<'_, '_>,
) -> Option<Answered> {
    let coding = form.coding?;
    match &answer.asset.identity.content {
        Content::Memory(bytes) if bytes.len() <= SLICE_BYTES => {
            code_at_once(answer, coding, bytes, lent)
        }
        content if content.len() <= KEPT_BYTES_MAX => code_in_job(answer, coding, lent).map(Ok),
        Content::Memory(_) => None,
        Content::File(file, length) => code_in_slices(coding, file, *length, form, lent).map(Ok),
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
    lent.local.cache.count_again(&asset.key);
    Some(answer.send_result(coding, lent))
}

/// Has a job code the whole file. As long as one does so, others get it as it is, unless they
/// refuse that: then another job codes it for them.
fn code_in_job(answer: &Answer<'_>, coding: Coding, lent: &mut Lent<'_, '_>) -> Option<Reply> {
    let claim = match answer.asset.claim(coding) {
        Some(claim) => claim,
        None if takes_identity(&lent.view) => return None,
        None => answer.asset.share_claim(coding),
    };
    let (files, wall) = (Arc::clone(answer.files), lent.wall);
    Some(Reply::job(move |_| {
        match code_whole(&claim) {
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
            lent.local.cache.count_again(&claim.asset().key);
            let answer = Answer {
                files: &files,
                asset: claim.asset(),
            };
            let result = answer.send_result(coding, &mut lent);
            result.unwrap_or_else(|status| files.fail(status, &mut lent))
        })
    }))
}

fn code_whole(claim: &Claim) -> io::Result<Vec<u8>> {
    let asset: &Asset = claim.asset();
    let mut coded = Vec::new();
    let mut encoders = Encoders::new();
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
) -> Option<Reply> {
    let count = &lent.local.streams;
    // The worker holds one itself.
    if Arc::strong_count(count) > STREAMS_MAX {
        return None;
    }
    let encoder = match Encoder::new(coding) {
        Ok(encoder) => encoder,
        Err(error) => {
            log::error!("cannot code a file: {error}");
            return None;
        }
    };
    lent.out.fields(&form.whole);
    let sliced = Sliced {
        file: Arc::clone(file),
        at: 0,
        end: length,
        encoder: Some(encoder),
        made: Vec::new(),
        sent: 0,
        slice: Slice::Direct,
        _counted: Arc::clone(count),
    };
    Some(Reply::stream("", sliced).without_content_type())
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

impl Sliced {
    /// The next slice, if it is there.
    fn next(&mut self, io: &Pull<'_>) -> io::Result<Option<Vec<u8>>> {
        let count = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let count = count.min(SLICE_BYTES);
        if let Slice::Reading(place) = &self.slice {
            let read = place.lock().unwrap_or_else(PoisonError::into_inner).take();
            return match read {
                Some(read) => {
                    self.slice = Slice::Direct;
                    read.map(Some)
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
                let is_taken = io.job(move || {
                    let read = file.read(&mut bytes, at).map(|count| {
                        bytes.truncate(count);
                        bytes
                    });
                    *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
                });
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
    fn code(&mut self, io: &Pull<'_>) -> io::Result<bool> {
        let Some(bytes) = self.next(io)? else {
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
        match self.code(io) {
            Ok(true) => {
                io.rest();
                self.sent = io.out.write(&self.made);
                Progress::More
            }
            Ok(false) => {
                self.sent = io.out.write(&self.made);
                Progress::Later
            }
            Err(error) => {
                log::warn!("cannot code a file that is being sent: {error}");
                Progress::Cut
            }
        }
    }
}
