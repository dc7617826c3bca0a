//! Opens what is below a root, and nothing else.
//!
//! Owns the root's descriptor and the choice between the two ways of keeping a path below it: the
//! kernel resolves it ([`beneath`]), or where it cannot we do, name by name ([`walk`]). Both give
//! the same answers. Must not know HTTP.

#[cfg(target_os = "linux")]
mod beneath;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(test)]
mod tests;
mod walk;

use std::ffi::CStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use reactor::sys::is_among_last;
use rustix::fs::{CWD, Mode, OFlags, fstat, openat, stat};
use rustix::io::Errno;

/// How often a lookup that another process's renames got in the way of is tried again.
const TRIES_MAX: usize = 8;

/// A directory below which files are opened.
///
/// Paths are relative and have no `..` among their names. Symbolic links are followed as long as
/// they stay below the root (`EXDEV` when they do not), or wherever they lead if the root is opened
/// so; in both cases not those of `/proc` that are no paths (`ELOOP`).
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
    way: Way,
    links: Links,
    /// What is mounted below it.
    #[cfg(target_os = "linux")]
    mounts: mounts::Mounts,
}

/// How a path is kept below the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By `openat2` (Linux 5.6), which says at once when it would have to wait for a disk
    /// (`RESOLVE_CACHED`, Linux 5.12). Only on file systems that nobody else has.
    #[cfg(target_os = "linux")]
    BeneathAtOnce,
    /// By `openat2`.
    #[cfg(target_os = "linux")]
    Beneath,
    /// Name by name, where there is no `openat2` or a sandbox forbids it.
    NameByName,
}

/// Where symbolic links may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Links {
    /// Nowhere but below the root.
    Below,
    Anywhere,
}

/// What a path is resolved for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To read the file.
    Read,
    /// To see what is there.
    Look,
}

/// An open regular file or directory.
#[derive(Debug)]
pub struct Opened {
    /// Open for reading.
    pub file: File,
    /// What it was when it was opened.
    pub metadata: Metadata,
}

impl Root {
    /// Opens a directory as root. Symbolic links may lead out of it if `follow_symlinks` says so.
    ///
    /// # Errors
    ///
    /// When it is no directory, or cannot be read.
    pub fn open(path: &Path, follow_symlinks: bool) -> io::Result<Root> {
        let root = Root::open_name_by_name(path, follow_symlinks)?;
        #[cfg(target_os = "linux")]
        let root = Root {
            way: beneath::best_way(&root.directory),
            ..root
        };
        Ok(root)
    }

    /// Opens a directory as root as if there were no `openat2`.
    pub(super) fn open_name_by_name(path: &Path, follow_symlinks: bool) -> io::Result<Root> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, path, flags, Mode::empty())?;
        let links = if follow_symlinks {
            Links::Anywhere
        } else {
            Links::Below
        };
        Ok(Root {
            directory,
            way: Way::NameByName,
            links,
            #[cfg(target_os = "linux")]
            mounts: mounts::Mounts::default(),
        })
    }

    /// Whether this directory is at `path`, as far as that can be told without waiting for a disk:
    /// false where it cannot, or the system has no way to ask.
    #[cfg(target_os = "linux")]
    pub fn is_surely_at(&self, path: &Path) -> bool {
        self.way == Way::BeneathAtOnce && beneath::is_at(&self.directory, path)
    }

    /// The same on systems that have no way to ask.
    #[cfg(not(target_os = "linux"))]
    pub fn is_surely_at(&self, _path: &Path) -> bool {
        false
    }

    /// Whether it can tell at once what the system knows by heart.
    #[cfg(all(test, target_os = "linux"))]
    pub fn is_at_once(&self) -> bool {
        self.way == Way::BeneathAtOnce
    }

    /// The directory that is at `path` now, opened as this one was, if it is another one. Where
    /// there is none that can be opened, this one stays. May wait for a disk.
    pub fn replaced_at(&self, path: &Path) -> Option<Root> {
        let now = stat(path).ok()?;
        let own = fstat(&self.directory).ok()?;
        if (now.st_dev, now.st_ino) == (own.st_dev, own.st_ino) {
            return None;
        }
        match Root::open(path, self.links == Links::Anywhere) {
            Ok(root) => Some(root),
            Err(error) => {
                log::warn!("cannot open {}: {error}", path.display());
                None
            }
        }
    }

    /// Opens what is at `path` if that can be done without waiting for a disk.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when it cannot be told without waiting, or the system has no way to ask; else
    /// those of [`Root::open_below`].
    pub fn open_now(&self, path: &CStr) -> io::Result<Opened> {
        let descriptor = self.resolve_now(path, Purpose::Read)?;
        opened(descriptor)
    }

    /// Opens what is at `path`, which may wait for a disk.
    ///
    /// # Errors
    ///
    /// What the system said; `ENXIO` for what is neither a regular file nor a directory, and
    /// `WouldBlock` when other processes' renames got in the way again and again.
    pub fn open_below(&self, path: &CStr) -> io::Result<Opened> {
        let descriptor = self.resolve(path, Purpose::Read)?;
        opened(descriptor)
    }

    /// What is at `path`, without opening it, if that can be told without waiting for a disk.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when it cannot be told without waiting, or the system has no way to ask; else
    /// those of [`Root::peek`].
    pub fn peek_now(&self, path: &CStr) -> io::Result<Metadata> {
        File::from(self.resolve_now(path, Purpose::Look)?).metadata()
    }

    /// What is at `path`, whether it may be read or not, without opening it. May wait for a disk.
    ///
    /// # Errors
    ///
    /// What the system said; `WouldBlock` when other processes' renames got in the way again and
    /// again.
    pub fn peek(&self, path: &CStr) -> io::Result<Metadata> {
        File::from(self.resolve(path, Purpose::Look)?).metadata()
    }

    #[cfg(target_os = "linux")]
    fn resolve_now(&self, path: &CStr, purpose: Purpose) -> Result<OwnedFd, Errno> {
        self.check(path)?;
        match self.way {
            Way::BeneathAtOnce => beneath::open_now(self, path, purpose),
            Way::Beneath | Way::NameByName => Err(Errno::AGAIN),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn resolve_now(&self, path: &CStr, _: Purpose) -> Result<OwnedFd, Errno> {
        self.check(path)?;
        Err(Errno::AGAIN)
    }

    fn resolve(&self, path: &CStr, purpose: Purpose) -> Result<OwnedFd, Errno> {
        self.check(path)?;
        match self.way {
            #[cfg(target_os = "linux")]
            Way::BeneathAtOnce | Way::Beneath => beneath::open(self, path, purpose),
            Way::NameByName => walk::open(self, path, purpose),
        }
    }

    /// Refuses a path that itself leads out, where nothing else would: what links may do is not
    /// for requests to do.
    fn check(&self, path: &CStr) -> Result<(), Errno> {
        if self.links == Links::Below {
            return Ok(());
        }
        let path = path.to_bytes();
        let leads_out =
            path.starts_with(b"/") || path.split(|byte| *byte == b'/').any(|name| name == b"..");
        if leads_out { Err(Errno::XDEV) } else { Ok(()) }
    }
}

/// A FIFO without a writer must not block, and a terminal must not become ours.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// Names a file without opening it; where there is no such thing, it is opened.
#[cfg(target_os = "linux")]
const LOOK: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const LOOK: OFlags = READ;

impl Purpose {
    fn flags(self) -> OFlags {
        match self {
            Purpose::Read => READ,
            Purpose::Look => LOOK,
        }
    }
}

/// What was opened, if it is what is ever read. The last descriptors are not for files.
fn opened(descriptor: OwnedFd) -> io::Result<Opened> {
    if is_among_last(&descriptor) {
        return Err(Errno::MFILE.into());
    }
    let file = File::from(descriptor);
    let metadata = file.metadata()?;
    if metadata.is_file() || metadata.is_dir() {
        Ok(Opened { file, metadata })
    } else {
        Err(Errno::NXIO.into())
    }
}
