//! Files that are brought in a coding on the fly: few bytes at once, more by a job, many in slices
//! as they are sent.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use reactor::sys::OpenFile;
use reactor::{Reply, Status};

use super::answer::{Answer, Answered, takes_identity};
use super::sliced::Sliced;
use crate::encoding::{Coding, Encoders, SLICE_BYTES};
use crate::files::asset::{Asset, Claim, Content, Representation};
use crate::files::handler::Lent;

/// Files up to this size are coded as a whole and kept; with more the client would wait for long,
/// and few are text.
const KEPT_BYTES_MAX: u64 = 1 << 20;

/// Files that one worker codes while they are sent: the state of each takes about a megabyte.
/// Beyond that they are sent as they are.
const STREAMS_MAX: usize = 32;

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
            if bytes.len() <= SLICE_BYTES && lent.local.ration.has_room(bytes.len()) =>
        {
            code_at_once(answer, coding, bytes, lent)
        }
        Content::Memory(_) => code_in_job(answer, coding, lent),
        Content::File(_, length) if *length <= KEPT_BYTES_MAX => code_in_job(answer, coding, lent),
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
        let made = files
            .encoders
            .lend(|encoders| code_once(&claim, encoders, wall));
        Reply::then(move |request| {
            let Some(mut lent) = request.parts(files.reach) else {
                return Reply::in_words(Status::INTERNAL_SERVER_ERROR);
            };
            keep(&claim, made, &mut lent);
            let answer = Answer {
                files: &files,
                asset: claim.asset(),
            };
            let result = answer.send_result(coding, &mut lent);
            result.unwrap_or_else(|status| files.fail(status, &mut lent))
        })
    })))
}

/// Codes the whole file; `None` if that was done while the job waited.
fn code_once(
    claim: &Claim,
    encoders: &mut Encoders,
    wall: Duration,
) -> io::Result<Option<Representation>> {
    let (asset, coding) = (claim.asset(), claim.coding());
    if asset.coded(coding).is_some() {
        return Ok(None);
    }
    let coded = code_whole(claim, encoders)?;
    Ok(Some(asset.coded_form(coding, coded.into(), wall)))
}

/// Keeps what a job has made. That is done on the worker, which counts what it has: of a client
/// that has left meanwhile nothing is kept.
fn keep(claim: &Claim, made: io::Result<Option<Representation>>, lent: &mut Lent<'_, '_>) {
    match made {
        Ok(Some(form)) => {
            let asset = claim.asset();
            asset.keep_coded(claim.coding(), form);
            lent.local.tree.count_again(&asset.key);
        }
        Ok(None) => {}
        Err(error) => log::error!("cannot code a file: {error}"),
    }
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
    let seat = lent.local.ration.seat(STREAMS_MAX)?;
    let sliced = match Sliced::new(coding, file, length, seat) {
        Ok(sliced) => sliced,
        Err(error) => {
            log::error!("cannot code a file: {error}");
            return None;
        }
    };
    lent.out.fields(&form.whole);
    Some(Ok(Reply::stream("", sliced).without_content_type()))
}

#[cfg(test)]
mod tests {
    use reactor::sys::Residence;

    use super::super::sliced::tests::{decode, file, text};
    use super::*;
    use crate::files::sample;
    use crate::testing::TempDir;

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
    fn what_was_made_while_the_job_waited_is_not_made_again() {
        let dir = TempDir::new();
        let bytes = text(100_000);
        let open = file(&dir, &bytes, Residence::Unknown);
        // It is shorter than it was: it cannot be coded any more.
        let asset = sample::asset_of("a", Content::File(open, bytes.len() as u64 + 1));
        let (first, second) = (
            asset.claim(Coding::Gzip).unwrap(),
            asset.share_claim(Coding::Gzip),
        );
        let mut encoders = Encoders::new();
        assert!(code_once(&first, &mut encoders, sample::WALL).is_err());
        let made = asset.coded_form(Coding::Gzip, Arc::from(*b"made"), sample::WALL);
        asset.keep_coded(Coding::Gzip, made);
        let again = code_once(&second, &mut encoders, sample::WALL).unwrap();
        assert!(again.is_none());
    }
}
