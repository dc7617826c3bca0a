//! Lists of what is in a directory, for people as a page and for programs as JSON.
//!
//! Owns which names are in a list, their order, and what both forms look like. Must not know how a
//! request comes to a directory, nor who may see it.

mod accept;
mod date;
mod first;
mod html;
mod json;
mod order;
#[cfg(test)]
mod tests;

use std::ffi::CStr;
use std::fs::Metadata;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Dir, FileType, RawMode, Stat, statat};

use self::first::First;
use super::path::FilePath;

pub use accept::wants_json;
pub use html::{CONTENT_SECURITY_POLICY, html};
pub use json::json;
pub use order::{Key, Order};

/// Most entries of a list. A page of so many has about two megabytes, and nobody reads it to its
/// end.
pub const ENTRIES_MAX: usize = 10_000;

/// How far a directory is read for a list. A million names in the system's memory take three
/// seconds; names on a slow disk can take hours, and no job is to be kept busy for so long.
pub const EXTENT: Extent = Extent {
    names_max: 1_000_000,
    time_max: Duration::from_secs(10),
};

/// Bytes of a list that are handed on together, at least.
const HANDED_ON_BYTES: usize = 16 << 10;

/// What is wanted of a directory.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Also names that begin with a dot.
    pub hidden: bool,
    /// The first [`ENTRIES_MAX`] entries in this order.
    pub order: Order,
    /// How far it is read.
    pub extent: Extent,
}

/// How much of a directory is looked at; what is found until then is in the list.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// How many names.
    pub names_max: usize,
    /// How long.
    pub time_max: Duration,
}

/// What is in a directory, in an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The first of those that were found.
    entries: Vec<Entry>,
    /// How many were found.
    found: usize,
    /// Whether there are names that nobody looked at.
    is_unread: bool,
    order: Order,
}

/// A file or a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name as the file system has it: any bytes but NUL and `/`.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Bytes of a file; 0 for a directory.
    pub size: u64,
    /// When it was changed last, counted from the Unix epoch; `None` if that was before, or after
    /// the year 9999.
    pub modified: Option<Duration>,
}

/// What an entry is, in the order in which a list has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
}

impl Listing {
    /// Whether there is, or may be, more than the entries.
    fn is_cut(&self) -> bool {
        self.is_unread || self.found > self.entries.len()
    }

    /// A list of these entries.
    #[cfg(test)]
    fn of(entries: Vec<Entry>, order: Order) -> Listing {
        let mut first = First::new(order, ENTRIES_MAX);
        entries.into_iter().for_each(|entry| first.add(entry));
        first.into_listing(false)
    }
}

/// Reads what is in `directory`. May block.
///
/// What is never served is left out: names that [`FilePath::parse`] refuses, and whatever is
/// neither file nor directory. A symbolic link is what `target` says of its name: what it points
/// to, or `None` if that is not to be seen. `hold` is told how many bytes are kept, again and
/// again, and may refuse.
///
/// # Errors
///
/// When the directory cannot be read, or `hold` refuses.
pub fn read(
    directory: impl AsFd,
    wanted: Wanted,
    target: impl Fn(&CStr) -> Option<Metadata>,
    mut hold: impl FnMut(usize) -> io::Result<()>,
) -> io::Result<Listing> {
    let Extent {
        names_max,
        time_max,
    } = wanted.extent;
    let begun = Instant::now();
    let mut first = First::new(wanted.order, ENTRIES_MAX);
    for (at, found) in Dir::read_from(&directory)?.enumerate() {
        let found = found?;
        if at >= names_max || begun.elapsed() >= time_max {
            return Ok(first.into_listing(true));
        }
        let name = found.file_name();
        if !is_listed(name.to_bytes(), wanted.hidden) {
            continue;
        }
        if let Some(entry) = look_at(&directory, name, &target) {
            first.add(entry);
            hold(first.bytes())?;
        }
    }
    Ok(first.into_listing(false))
}

/// The entry of a name; `None` if it is none of a list, or has gone meanwhile.
fn look_at(
    directory: impl AsFd,
    name: &CStr,
    target: impl Fn(&CStr) -> Option<Metadata>,
) -> Option<Entry> {
    let stat = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let seen = match FileType::from_raw_mode(stat.st_mode).is_symlink() {
        true => Seen::of_metadata(&target(name)?),
        false => Seen::of(&stat),
    };
    entry(name.to_bytes(), seen)
}

/// Hands on what was made of a list, if it is worth it.
fn hand_on(made: &mut Vec<u8>, out: &mut impl Write) -> io::Result<()> {
    if made.len() >= HANDED_ON_BYTES {
        out.write_all(made)?;
        made.clear();
    }
    Ok(())
}

/// Whether a name is one of a list, as far as that can be told from the name: whether a request for
/// the link to it would be one for a file.
fn is_listed(name: &[u8], hidden: bool) -> bool {
    // As in any directory: the one hidden name that is served at the root is not listed either.
    let mut link = b"directory/".to_vec();
    html::encode_name(name, &mut link);
    FilePath::parse(&link, hidden, &mut Vec::new()).is_ok()
}

/// What the system says of a name.
struct Seen {
    kind: FileType,
    size: u64,
    /// The last change, in seconds since the Unix epoch.
    modified: i64,
}

impl Seen {
    fn of(stat: &Stat) -> Seen {
        Seen {
            kind: FileType::from_raw_mode(stat.st_mode),
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: stat.st_mtime,
        }
    }

    fn of_metadata(metadata: &Metadata) -> Seen {
        Seen {
            kind: FileType::from_raw_mode(metadata.mode() as RawMode),
            size: metadata.size(),
            modified: metadata.mtime(),
        }
    }
}

/// The entry of what is a file or a directory.
fn entry(name: &[u8], seen: Seen) -> Option<Entry> {
    let (kind, size) = match seen.kind {
        FileType::Directory => (Kind::Directory, 0),
        FileType::RegularFile => (Kind::File, seen.size),
        _ => return None,
    };
    let seconds = u64::try_from(seen.modified).ok();
    Some(Entry {
        name: name.to_owned(),
        kind,
        size,
        modified: seconds.map(Duration::from_secs).filter(date::is_written),
    })
}
