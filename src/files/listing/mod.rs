//! Lists of what is in a directory, for people as a page and for programs as JSON.
//!
//! Owns which names are in a list, their order, and what both forms look like. Must not know how a
//! request comes to a directory, nor who may see it.

mod accept;
mod date;
mod html;
mod json;
mod order;
#[cfg(test)]
mod tests;

use std::ffi::CStr;
use std::fs::Metadata;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::fs::{AtFlags, Dir, FileType, RawMode, Stat, statat};

use super::path::is_served;

pub use accept::wants_json;
pub use html::{CONTENT_SECURITY_POLICY, html};
pub use json::json;
pub use order::{Key, Order};

/// Most entries of a list. A page of so many has about two megabytes, and nobody reads it to its
/// end.
pub const ENTRIES_MAX: usize = 10_000;

/// What is in a directory, in an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    entries: Vec<Entry>,
    /// Whether there is more than the entries.
    is_cut: bool,
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
    /// A list of these entries, by name; what is beyond [`ENTRIES_MAX`] is cut off.
    pub fn new(mut entries: Vec<Entry>) -> Listing {
        let is_cut = entries.len() > ENTRIES_MAX;
        entries.truncate(ENTRIES_MAX);
        let mut listing = Listing {
            entries,
            is_cut,
            order: Order::default(),
        };
        listing.sort(Order::default());
        listing
    }

    /// Puts the entries in this order; directories stay before files.
    pub fn sort(&mut self, order: Order) {
        order.sort(&mut self.entries);
        self.order = order;
    }
}

/// Reads what is in `directory`, by name. May block.
///
/// Names that begin with a dot are left out unless `hidden`, and so is what is never served: names
/// that no request can ask for, and whatever is neither file nor directory. A symbolic link is what
/// `target` says of its name: what it points to, or `None` if that is not to be seen.
///
/// # Errors
///
/// When the directory cannot be read.
pub fn read(
    directory: impl AsFd,
    hidden: bool,
    target: impl Fn(&CStr) -> Option<Metadata>,
) -> io::Result<Listing> {
    let mut entries = Vec::new();
    for found in Dir::read_from(&directory)? {
        let found = found?;
        let name = found.file_name();
        if !is_served(name.to_bytes(), hidden) {
            continue;
        }
        // What has gone meanwhile is no entry any more.
        let Ok(stat) = statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        let seen = match FileType::from_raw_mode(stat.st_mode).is_symlink() {
            true => target(name).as_ref().map(Seen::of_metadata),
            false => Some(Seen::of(&stat)),
        };
        entries.extend(seen.and_then(|seen| entry(name.to_bytes(), seen)));
        if entries.len() > ENTRIES_MAX {
            break;
        }
    }
    Ok(Listing::new(entries))
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
