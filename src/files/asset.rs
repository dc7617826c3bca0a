//! A file as it is sent: its bytes or the open file, and the fields that go with it.
//!
//! Must not know where it came from. What is said of a file is written once, when it is loaded, and
//! is copied into each answer.

use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reactor::FieldLines;
use reactor::sys::OpenFile;

use crate::encoding::Coding;
use crate::files::etag::{ETag, http_date, is_settled};
use crate::files::stamp::{Since, Stamp};

/// Where the bytes of a representation are: in memory if they are few, else in the open file.
#[derive(Clone, Debug)]
pub enum Content {
    /// These bytes.
    Memory(Arc<[u8]>),
    /// The first so many bytes of a file.
    File(Arc<OpenFile>, u64),
}

impl Content {
    /// Its bytes.
    pub fn len(&self) -> u64 {
        match self {
            Content::Memory(bytes) => bytes.len() as u64,
            Content::File(_, length) => *length,
        }
    }
}

/// One form of a file: as it is, or in a coding (RFC 9110 section 3.2).
#[derive(Debug)]
pub struct Representation {
    /// Its bytes.
    pub content: Content,
    /// What names its state.
    pub etag: ETag,
    /// Its coding; `None` for the file as it is.
    pub coding: Option<Coding>,
    /// What `Last-Modified` says.
    pub modified: Option<Duration>,
    /// `ETag`, `Last-Modified`, `Vary` and `Cache-Control`: what 304 says too.
    pub validators: FieldLines,
    /// `Content-Encoding` and `Accept-Ranges`.
    pub description: FieldLines,
    /// All that is said with the whole of it: the validators, the description and `Content-Type`.
    pub whole: FieldLines,
}

/// What is the same for all forms of a file.
#[derive(Clone, Debug)]
pub struct Traits {
    /// The value of `Content-Type`.
    pub content_type: String,
    /// The value of `Cache-Control`.
    pub cache_control: Option<String>,
    /// Whether there are other forms of it, so that the answer depends on `Accept-Encoding`.
    pub varies: bool,
    /// Whether it may be coded on the fly.
    pub may_be_coded: bool,
}

impl Representation {
    /// A form of a file that is in the state of `stamp`, as it is said at `now`.
    pub fn new(
        content: Content,
        coding: Option<Coding>,
        origin: Origin,
        stamp: &Stamp,
        traits: &Traits,
        now: Duration,
    ) -> Representation {
        let since = stamp.since();
        let is_weak = origin == Origin::Coded || !is_settled(since.time(), now);
        let name = coding.map(Coding::as_str);
        let etag = ETag::of(since, stamp.size, name, is_weak);
        let modified = match since {
            // It must not be later than `Date` (RFC 9110 section 8.8.2.1).
            Since::Modified(time) => Some(time.min(now)),
            Since::Changed(_) => None,
        };
        let date = modified.and_then(http_date);
        let mut validators = FieldLines::default();
        validators.add("ETag", etag.as_bytes());
        if let Some(date) = &date {
            validators.add("Last-Modified", date);
        }
        if traits.varies {
            validators.add("Vary", "Accept-Encoding");
        }
        if let Some(value) = &traits.cache_control {
            validators.add("Cache-Control", value);
        }
        let mut description = FieldLines::default();
        if let Some(coding) = coding {
            description.add("Content-Encoding", coding.as_str());
        }
        // What is coded on the fly has no bytes to count before it is.
        let ranges = if origin == Origin::Coded {
            "none"
        } else {
            "bytes"
        };
        description.add("Accept-Ranges", ranges);
        let mut whole = validators.clone();
        whole.add("Content-Type", &traits.content_type);
        whole.append(&description);
        Representation {
            content,
            etag,
            coding,
            modified: date.and(modified),
            validators,
            description,
            whole,
        }
    }

    /// Bytes of memory that it takes.
    fn weight(&self) -> usize {
        match &self.content {
            Content::Memory(bytes) => bytes.len() + FIELDS_BYTES,
            Content::File(..) => FIELDS_BYTES,
        }
    }
}

/// How a form of a file came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is a file.
    File,
    /// It was coded on the fly.
    Coded,
}

/// A file beside another that has it in a coding.
#[derive(Debug)]
pub struct Sibling {
    /// Where it is.
    pub path: CString,
    /// What it was.
    pub stamp: Stamp,
    /// The coding.
    pub coding: Coding,
    /// Its bytes.
    pub content: Content,
}

/// Where an asset was found.
#[derive(Debug)]
pub struct Place {
    /// What it is asked for by: its path, or the key of the directory that it answers for.
    pub key: Box<[u8]>,
    /// Where it is.
    pub path: CString,
    /// Where something would have to be for another asset to come of the same request, and nothing
    /// is, or nothing that can be looked at.
    pub absent: Vec<CString>,
    /// Where there is something that would do so, but cannot be used, and what it was.
    pub unusable: Vec<(CString, Stamp)>,
}

/// A file that is served, in all its forms.
#[derive(Debug)]
pub struct Asset {
    /// What it is asked for by: its path, or the key of the directory that it answers for.
    pub key: Box<[u8]>,
    /// Where it is.
    path: CString,
    /// Where something would have to be for another asset to come of the same request: a file that
    /// goes before this one, or one that has it in a coding.
    absent: Vec<CString>,
    /// Where there is such a thing that cannot be used, and what it was.
    unusable: Vec<(CString, Stamp)>,
    /// What the file was when it was read.
    pub stamp: Stamp,
    /// What is the same for all forms.
    pub traits: Traits,
    /// The file as it is.
    pub identity: Representation,
    /// The files beside it that have it in a coding: where, and what they were when they were read.
    siblings: Vec<(CString, Stamp, Representation)>,
    /// Whether tags are weak because the file is young.
    is_young: bool,
    coded: [Coded; Coding::ALL.len()],
}

/// The file in one coding, made on the fly.
#[derive(Debug, Default)]
struct Coded {
    /// The result; `None` in it where the coding does not make the file smaller.
    result: OnceLock<Option<Representation>>,
    /// Somebody makes it.
    is_claimed: AtomicBool,
}

/// The right to code an asset; given back when it is dropped.
#[derive(Debug)]
pub struct Claim {
    asset: Arc<Asset>,
    coding: Coding,
}

/// Room that the fields of a representation take, about.
const FIELDS_BYTES: usize = 512;

impl Asset {
    /// An asset from what was read.
    pub fn new(
        place: Place,
        stamp: Stamp,
        traits: Traits,
        content: Content,
        siblings: Vec<Sibling>,
        now: Duration,
    ) -> Asset {
        let form = |content, coding, stamp: &Stamp| {
            Representation::new(content, coding, Origin::File, stamp, &traits, now)
        };
        let identity = form(content, None, &stamp);
        let mut is_young = !is_settled(stamp.since().time(), now);
        let siblings = siblings
            .into_iter()
            .map(|one| {
                is_young |= !is_settled(one.stamp.since().time(), now);
                let form = form(one.content, Some(one.coding), &one.stamp);
                (one.path, one.stamp, form)
            })
            .collect();
        let Place {
            key,
            path,
            absent,
            unusable,
        } = place;
        Asset {
            key,
            path,
            absent,
            unusable,
            stamp,
            traits,
            identity,
            siblings,
            is_young,
            coded: Default::default(),
        }
    }

    /// The paths that it depends on, with what is there; `None` for nothing.
    pub fn sources(&self) -> impl Iterator<Item = (&CString, Option<&Stamp>)> {
        let siblings = self
            .siblings
            .iter()
            .map(|(path, stamp, _)| (path, Some(stamp)));
        let unusable = self
            .unusable
            .iter()
            .map(|(path, stamp)| (path, Some(stamp)));
        let absent = self.absent.iter().map(|path| (path, None));
        std::iter::once((&self.path, Some(&self.stamp)))
            .chain(siblings)
            .chain(unusable)
            .chain(absent)
    }

    /// Whether tags that are weak because the files were young can be strong at `now`. The files
    /// are to be read again then: they may have changed after they were read, at the same time by
    /// the file system's clock.
    pub fn has_come_of_age(&self, now: Duration) -> bool {
        let stamps = self.sources().filter_map(|(_, stamp)| stamp);
        self.is_young
            && stamps
                .into_iter()
                .all(|stamp| is_settled(stamp.since().time(), now))
    }

    /// Codings in which there is a file beside it.
    pub fn sibling_codings(&self) -> impl Iterator<Item = Coding> {
        self.siblings.iter().filter_map(|(_, _, form)| form.coding)
    }

    /// The file beside it that has it in this coding.
    pub fn sibling(&self, coding: Coding) -> Option<&Representation> {
        self.siblings
            .iter()
            .map(|(_, _, form)| form)
            .find(|form| form.coding == Some(coding))
    }

    /// What coding it on the fly has come to; `None` when that was not done yet, and `Some(None)`
    /// where it is of no use.
    pub fn coded(&self, coding: Coding) -> Option<Option<&Representation>> {
        self.coded[coding as usize].result.get().map(Option::as_ref)
    }

    /// The file in a coding that was made on the fly, with these bytes.
    pub fn coded_form(&self, coding: Coding, bytes: Arc<[u8]>, now: Duration) -> Representation {
        let content = Content::Memory(bytes);
        let origin = Origin::Coded;
        Representation::new(
            content,
            Some(coding),
            origin,
            &self.stamp,
            &self.traits,
            now,
        )
    }

    /// Keeps the result of coding it: of no use if it has not become smaller.
    pub fn keep_coded(&self, coding: Coding, form: Representation) -> Option<&Representation> {
        let is_smaller = form.content.len() < self.identity.content.len();
        let form = is_smaller.then_some(form);
        self.coded[coding as usize]
            .result
            .get_or_init(|| form)
            .as_ref()
    }

    /// The right to code it, unless somebody has it.
    pub fn claim(self: &Arc<Asset>, coding: Coding) -> Option<Claim> {
        let is_claimed = &self.coded[coding as usize].is_claimed;
        let was_claimed = is_claimed.swap(true, Ordering::AcqRel);
        (!was_claimed).then(|| self.share_claim(coding))
    }

    /// The right to code it, whoever else has it. The first who is done gives it back for all.
    pub fn share_claim(self: &Arc<Asset>, coding: Coding) -> Claim {
        Claim {
            asset: Arc::clone(self),
            coding,
        }
    }

    /// Bytes of memory that it takes in all its forms.
    pub fn weight(&self) -> usize {
        let coded = self
            .coded
            .iter()
            .filter_map(|coded| coded.result.get()?.as_ref());
        let forms = self.forms().chain(coded).map(Representation::weight);
        let paths = self.sources().map(|(path, _)| path.as_bytes().len());
        self.key.len() + paths.chain(forms).sum::<usize>()
    }

    /// Descriptors that it holds.
    pub fn descriptors(&self) -> usize {
        self.files().count()
    }

    /// Whether a file that it holds open was deleted.
    pub fn is_deleted(&self) -> bool {
        self.files().any(|file| file.is_deleted())
    }

    /// Whether somebody sends from a file that it holds open.
    pub fn is_being_sent(&self) -> bool {
        self.files().any(|file| Arc::strong_count(file) > 1)
    }

    /// The files that it holds open.
    fn files(&self) -> impl Iterator<Item = &Arc<OpenFile>> {
        self.forms().filter_map(|form| match &form.content {
            Content::Memory(_) => None,
            Content::File(file, _) => Some(file),
        })
    }

    fn forms(&self) -> impl Iterator<Item = &Representation> {
        let siblings = self.siblings.iter().map(|(_, _, form)| form);
        std::iter::once(&self.identity).chain(siblings)
    }
}

impl Claim {
    /// What it is for.
    pub fn asset(&self) -> &Arc<Asset> {
        &self.asset
    }

    /// In which coding.
    pub fn coding(&self) -> Coding {
        self.coding
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let coded = &self.asset.coded[self.coding as usize];
        coded.is_claimed.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
