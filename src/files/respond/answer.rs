//! What is said of a file to one request: in which form, under which conditions, all of it or parts
//! (RFC 9110 sections 12 to 14).

use std::sync::Arc;

use reactor::sys::OpenFile;
use reactor::{
    FieldName, FieldSet, FileBody, FilePart, Method, ReadAt, Reply, RequestView, Status,
};

use super::code;
use super::conditions::{Conditions, Verdict};
use super::multipart::{Multipart, Piece, content_range, unsatisfied};
use super::ranges::{Part, Ranges};
use crate::encoding::{Acceptance, Choice, Coding};
use crate::files::asset::{Asset, Content, Representation};
use crate::files::handler::{Files, Lent};
use crate::files::rules::forbids_coding;

/// What becomes of a request: a reply, or a status to be refused with.
pub(in crate::files) type Answered = Result<Reply, Status>;

/// A file that answers a request.
#[derive(Clone, Copy)]
pub(in crate::files) struct Answer<'f> {
    pub files: &'f Arc<Files>,
    pub asset: &'f Arc<Asset>,
}

/// The form in which a file is sent.
enum Form<'f> {
    /// This one.
    Ready(&'f Representation),
    /// In this coding, in which it has yet to be brought.
    Coded(Coding),
    /// The client takes none that there is.
    None,
}

impl<'f> Answer<'f> {
    /// Answers.
    pub fn reply(&self, lent: &mut Lent<'_, '_>) -> Answered {
        match self.choose(lent) {
            Form::Ready(form) => self.send(form, lent),
            Form::Coded(coding) => self.send_coded(coding, lent),
            Form::None => not_acceptable(lent),
        }
    }

    /// Chooses among the forms: a file beside this one if the client takes its coding, else a
    /// coding made on the fly, else the file as it is.
    fn choose(&self, lent: &Lent<'_, '_>) -> Form<'f> {
        let asset = self.asset;
        if !asset.traits.varies {
            return Form::Ready(&asset.identity);
        }
        let acceptance = Acceptance::parse(lent.view.values(FieldName::AcceptEncoding));
        let mut siblings = [Coding::Gzip; Coding::ALL.len()];
        let mut count = 0;
        for (place, coding) in siblings.iter_mut().zip(asset.sibling_codings()) {
            *place = coding;
            count += 1;
        }
        if let Choice::Coding(coding) = acceptance.choose(&siblings[..count])
            && let Some(form) = asset.sibling(coding)
        {
            return Form::Ready(form);
        }
        let codings = self.files.loader.codings(asset);
        match acceptance.choose(codings) {
            Choice::Coding(coding) if self.may_code(acceptance, lent) => {
                match asset.coded(coding) {
                    Some(Some(form)) => Form::Ready(form),
                    Some(None) => self.as_it_is(acceptance),
                    None => Form::Coded(coding),
                }
            }
            Choice::Coding(_) => self.as_it_is(acceptance),
            Choice::Identity => Form::Ready(&asset.identity),
            Choice::Nothing => Form::None,
        }
    }

    /// The file as it is, if the client takes that.
    fn as_it_is(&self, acceptance: Acceptance) -> Form<'f> {
        match acceptance.allows_identity() {
            true => Form::Ready(&self.asset.identity),
            false => Form::None,
        }
    }

    /// Whether the request lets the bytes be coded: not if it forbids that, nor if it asks for a
    /// part of them and takes them as they are.
    fn may_code(&self, acceptance: Acceptance, lent: &Lent<'_, '_>) -> bool {
        let view = &lent.view;
        let forbids = |value| std::str::from_utf8(value).is_ok_and(forbids_coding);
        if view.values(FieldName::CacheControl).any(forbids) {
            return false;
        }
        let gets_part = || wants_range(view) && self.if_range(&self.asset.identity, lent);
        !acceptance.allows_identity() || !gets_part()
    }

    /// Whether the range that a request asks for counts for this form.
    fn if_range(&self, form: &Representation, lent: &Lent<'_, '_>) -> bool {
        Conditions::of(&lent.view)
            .is_none_or(|conditions| conditions.if_range(&form.etag, form.modified, lent.wall))
    }

    /// The answer where the request's conditions are against a form; `None` where it is to be sent.
    #[inline]
    fn judge(form: &Representation, lent: &mut Lent<'_, '_>) -> Option<Answered> {
        let conditions = Conditions::of(&lent.view)?;
        match conditions.evaluate(true, &form.etag, form.modified) {
            Verdict::Proceed => None,
            Verdict::NotModified => {
                lent.out.fields(&form.validators);
                Some(Ok(Reply::status(Status::NOT_MODIFIED)))
            }
            Verdict::Failed => Some(Err(Status::PRECONDITION_FAILED)),
        }
    }

    /// Sends a form if the request's conditions hold.
    fn send(&self, form: &Representation, lent: &mut Lent<'_, '_>) -> Answered {
        if let Some(answered) = Self::judge(form, lent) {
            return answered;
        }
        // What was coded on the fly is sent whole: others code it in other bytes.
        let has_parts = !form.etag.is_weak() || form.coding.is_none();
        if has_parts && wants_range(&lent.view) && self.if_range(form, lent) {
            return self.send_ranges(form, lent);
        }
        Ok(send_whole(form, lent))
    }

    fn send_ranges(&self, form: &Representation, lent: &mut Lent<'_, '_>) -> Answered {
        let length = form.content.len();
        let value = lent.view.field(FieldName::Range).unwrap_or_default();
        match Ranges::parse(value, length) {
            Ranges::Whole => Ok(send_whole(form, lent)),
            Ranges::One(part) => {
                lent.out.field("Content-Range", content_range(part, length));
                lent.out.fields(&form.whole);
                let pieces = vec![Piece::Part(part)];
                Ok(send_parts(&form.content, pieces, part.length(), lent))
            }
            Ranges::Several(parts) => {
                let mut random = [0; 16];
                if aws_lc_rs::rand::fill(&mut random).is_err() {
                    return Err(Status::INTERNAL_SERVER_ERROR);
                }
                let (high, low) = random.split_at(8);
                let number = |half: &[u8]| half.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
                let random = [number(high), number(low)];
                let kind = self.asset.traits.content_type.as_bytes();
                let body = Multipart::new(&parts, kind, length, random);
                lent.out.field("Content-Type", &body.content_type);
                lent.out.fields(&form.validators);
                lent.out.fields(&form.description);
                let Multipart {
                    pieces,
                    content_length,
                    ..
                } = body;
                Ok(send_parts(&form.content, pieces, content_length, lent))
            }
            Ranges::Unsatisfiable => {
                lent.out.field("Content-Range", unsatisfied(length));
                Err(Status::RANGE_NOT_SATISFIABLE)
            }
        }
    }

    /// Brings the file in a coding and sends it, or as it is where that cannot be.
    fn send_coded(&self, coding: Coding, lent: &mut Lent<'_, '_>) -> Answered {
        let asset = self.asset;
        // What is said of it does not depend on its bytes.
        let form = asset.coded_form(coding, Arc::default(), lent.wall);
        Self::judge(&form, lent)
            .or_else(|| code::begin(self, form, lent))
            .unwrap_or_else(|| self.send_as_it_is(lent))
    }

    /// Sends the file as it is, where it could not be coded.
    fn send_as_it_is(&self, lent: &mut Lent<'_, '_>) -> Answered {
        match takes_identity(&lent.view) {
            true => self.send(&self.asset.identity, lent),
            false => not_acceptable(lent),
        }
    }

    /// Sends what coding has come to.
    pub fn send_result(&self, coding: Coding, lent: &mut Lent<'_, '_>) -> Answered {
        match self.asset.coded(coding) {
            Some(Some(form)) => Ok(send_whole(form, lent)),
            _ => self.send_as_it_is(lent),
        }
    }
}

/// Whether a client takes content in no coding.
pub(super) fn takes_identity(view: &RequestView<'_>) -> bool {
    Acceptance::parse(view.values(FieldName::AcceptEncoding)).allows_identity()
}

/// There is no form that the client takes.
fn not_acceptable(lent: &mut Lent<'_, '_>) -> Answered {
    lent.out.field("Vary", "Accept-Encoding");
    Err(Status::NOT_ACCEPTABLE)
}

/// Whether a request asks for a part: only GET can (section 14.2), and with one field.
fn wants_range(view: &RequestView<'_>) -> bool {
    const RANGE: FieldSet = FieldSet::of(&[FieldName::Range]);
    view.has_any(RANGE)
        && view.method() == Method::Get
        && view.values(FieldName::Range).count() == 1
}

/// All of a form.
fn send_whole(form: &Representation, lent: &mut Lent<'_, '_>) -> Reply {
    lent.out.fields(&form.whole);
    content_reply(&form.content)
}

/// All of a content; what is said of it is in the reply buffer.
pub(in crate::files) fn content_reply(content: &Content) -> Reply {
    let reply = match content {
        Content::Memory(bytes) => Reply::shared("", Arc::clone(bytes)),
        Content::File(file, length) => Reply::file("", FileBody::new(source(file), 0..*length)),
    };
    reply.without_content_type()
}

/// Parts of a content, `length` bytes in all, with status 206.
fn send_parts(
    content: &Content,
    pieces: Vec<Piece>,
    length: u64,
    lent: &mut Lent<'_, '_>,
) -> Reply {
    let reply = match content {
        Content::Memory(bytes) => {
            let body = lent.out.body();
            // Not much more than the content, which is in memory.
            body.reserve(length as usize);
            for piece in pieces {
                match piece {
                    Piece::Text(text) => body.extend_from_slice(&text),
                    // Parts are within the content.
                    Piece::Part(Part { start, end }) => {
                        let part = bytes.get(start as usize..end as usize);
                        body.extend_from_slice(part.unwrap_or_default());
                    }
                }
            }
            Reply::written("")
        }
        Content::File(file, _) => {
            let part = |piece| match piece {
                Piece::Text(text) => FilePart::Text(text),
                Piece::Part(Part { start, end }) => FilePart::Range(start..end),
            };
            let parts: Vec<FilePart> = pieces.into_iter().map(part).collect();
            Reply::file("", FileBody::in_parts(source(file), parts))
        }
    };
    reply
        .without_content_type()
        .with_status(Status::PARTIAL_CONTENT)
}

fn source(file: &Arc<OpenFile>) -> Arc<dyn ReadAt> {
    Arc::clone(file) as Arc<dyn ReadAt>
}
