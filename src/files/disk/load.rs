//! The work on the disk: opens files, reads the small ones, looks for what is beside them.
//!
//! Runs on workers, where it never waits, and in jobs, where it may. Must not know requests.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, ErrorKind, IoSliceMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reactor::sys::{OpenFile, Residence};

use crate::encoding::Coding;
use crate::files::asset::{Asset, Content, Place, Sibling};
use crate::files::disk::open::{Opened, Root};
use crate::files::path::FilePath;
use crate::files::rules::Rules;
use crate::files::stamp::Stamp;

/// Files up to this size are kept in memory. Beyond it copying them costs more than having the
/// system pass them: over loopback 9.4 for 10.0 µs of CPU at 48 KiB, 12.0 for 11.8 at 64 and 16.7
/// for 14.7 at 96.
pub const MEMORY_BYTES_MAX: u64 = 64 << 10;

/// How often a small file is read anew that changes while it is read.
const TRIES_MAX: usize = 3;

/// Whether a disk may be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// No: then the error is `WouldBlock`.
    AtOnce,
    /// Yes: this is a job.
    Waits,
}

/// What there is at a path.
#[derive(Debug)]
pub enum Looked {
    /// A file.
    File(Arc<Asset>),
    /// A directory.
    Directory,
    /// Nothing that is served.
    Nothing,
}

/// What is beside a file.
enum Beside {
    /// The file in a coding.
    Sibling(Sibling),
    /// Something that is no file, or cannot be read.
    Unusable(Stamp),
    /// Nothing.
    Nothing,
}

/// What loads files.
#[derive(Debug)]
pub struct Loader {
    rules: Rules,
    sendfile: bool,
    /// What is known of the file systems seen so far, by device.
    residences: Mutex<Vec<(u64, Residence)>>,
}

/// A disk, looked at in one way.
#[derive(Clone, Copy, Debug)]
pub struct Disk<'a> {
    /// What loads.
    pub loader: &'a Loader,
    /// Below which directory.
    pub root: &'a Root,
    /// Whether it may be waited for.
    pub patience: Patience,
    /// The time of day, since the Unix epoch.
    pub wall: Duration,
}

impl Loader {
    /// A loader of files as `rules` say; with `sendfile` the system may send large ones by itself.
    pub fn new(rules: Rules, sendfile: bool) -> Loader {
        Loader {
            rules,
            sendfile,
            residences: Mutex::default(),
        }
    }

    /// The codings in which an asset may be sent that is coded on the fly.
    pub fn codings(&self, asset: &Asset) -> &[Coding] {
        self.rules.codings(&asset.traits, asset.stamp.size)
    }

    /// The codings in which a page may be sent that is no file.
    pub fn codings_of_pages(&self) -> &[Coding] {
        &self.rules.compress
    }

    /// What is known of reads from the file system that `file` is on.
    fn residence(&self, file: &File, device: u64) -> Residence {
        let known = || {
            let residences = self.residences.lock();
            residences.unwrap_or_else(PoisonError::into_inner)
        };
        let find = |known: &[(u64, Residence)]| {
            let found = known.iter().find(|(own, _)| *own == device);
            found.map(|(_, residence)| *residence)
        };
        if let Some(residence) = find(&known()) {
            return residence;
        }
        // May wait for whoever has the file system: not with the lock.
        let residence = Residence::of(file);
        known().push((device, residence));
        residence
    }
}

impl Disk<'_> {
    /// What is at `path`.
    ///
    /// # Errors
    ///
    /// What the system said, but for what is not there.
    pub fn look(&self, path: &FilePath<'_>) -> io::Result<Looked> {
        let Opened { file, metadata } = match self.open(path) {
            Ok(opened) => opened,
            Err(error) if is_absence(&error) => return Ok(Looked::Nothing),
            Err(error) => {
                // A directory whose names may not be read can still be passed through.
                let may_be = error.kind() == ErrorKind::PermissionDenied;
                return match may_be && self.has_directory(path)? {
                    true => Ok(Looked::Directory),
                    false => Err(error),
                };
            }
        };
        if metadata.is_dir() {
            return Ok(Looked::Directory);
        }
        if !metadata.is_file() {
            return Ok(Looked::Nothing);
        }
        let stamp = Stamp::of(&metadata);
        let place = Place {
            key: path.as_bytes().into(),
            path: path.as_c_str().to_owned(),
            absent: Vec::new(),
            unusable: Vec::new(),
        };
        self.asset(place, file, stamp).map(Looked::File)
    }

    /// The file that answers for the directory at `path`; `None` if it has none.
    ///
    /// # Errors
    ///
    /// What the system said, but for what is not there.
    pub fn look_for_index(&self, path: &FilePath<'_>) -> io::Result<Option<Arc<Asset>>> {
        let (mut absent, mut unusable) = (Vec::new(), Vec::new());
        let mut buffer = Vec::new();
        for name in &self.loader.rules.index {
            let directory = path;
            let Some(path) = directory.join(name, &mut buffer) else {
                continue;
            };
            match self.open(&path) {
                Ok(Opened { file, metadata }) if metadata.is_file() => {
                    let stamp = Stamp::of(&metadata);
                    let place = Place {
                        key: directory.directory_key().into(),
                        path: path.as_c_str().to_owned(),
                        absent,
                        unusable,
                    };
                    return self.asset(place, file, stamp).map(Some);
                }
                Ok(Opened { metadata, .. }) => {
                    unusable.push((path.as_c_str().to_owned(), Stamp::of(&metadata)));
                }
                Err(error) if is_absence(&error) => absent.push(path.as_c_str().to_owned()),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Whether there is a directory at `path`, also one whose names may not be read: it may still
    /// be passed through.
    ///
    /// # Errors
    ///
    /// What the system said, but for what is not there.
    pub fn has_directory(&self, path: &FilePath<'_>) -> io::Result<bool> {
        match self.peek(path) {
            Ok(metadata) => Ok(metadata.is_dir()),
            Err(error) if is_absence(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether an asset is what would be loaded now.
    ///
    /// # Errors
    ///
    /// It cannot be told without waiting, or there are no descriptors.
    pub fn would_load(&self, asset: &Asset) -> io::Result<bool> {
        if asset.has_come_of_age(self.wall) {
            return Ok(false);
        }
        let is_same = |path: &CString, stamp: Option<&Stamp>| match self.peek_at(path) {
            Ok(metadata) => Ok(stamp == Some(&Stamp::of(&metadata))),
            Err(error) if tells_nothing(&error) => Err(error),
            // What cannot be looked at could not be used before either.
            Err(_) => Ok(stamp.is_none()),
        };
        for (path, stamp) in asset.sources() {
            if !is_same(path, stamp)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn open(&self, path: &FilePath<'_>) -> io::Result<Opened> {
        self.open_at(path.as_c_str())
    }

    fn open_at(&self, path: &CStr) -> io::Result<Opened> {
        match self.patience {
            Patience::AtOnce => self.root.open_now(path),
            Patience::Waits => self.root.open_below(path),
        }
    }

    fn peek(&self, path: &FilePath<'_>) -> io::Result<std::fs::Metadata> {
        self.peek_at(path.as_c_str())
    }

    fn peek_at(&self, path: &CStr) -> io::Result<std::fs::Metadata> {
        match self.patience {
            Patience::AtOnce => self.root.peek_now(path),
            Patience::Waits => self.root.peek(path),
        }
    }

    /// The asset of an open file, with what is beside it.
    fn asset(&self, mut place: Place, file: File, stamp: Stamp) -> io::Result<Arc<Asset>> {
        let rules = &self.loader.rules;
        let traits = rules.traits(place.path.as_bytes());
        let (stamp, content) = self.content(file, stamp)?;
        let mut siblings = Vec::new();
        if traits.varies {
            for coding in &rules.precompressed {
                let beside = beside(&place.path, *coding);
                match self.sibling(&beside, *coding)? {
                    Beside::Sibling(sibling) => siblings.push(sibling),
                    Beside::Unusable(stamp) => place.unusable.push((beside, stamp)),
                    Beside::Nothing => place.absent.push(beside),
                }
            }
        }
        let asset = Asset::new(place, stamp, traits, content, siblings, self.wall);
        Ok(Arc::new(asset))
    }

    /// What is at `path`, where a file would be that has another in a coding.
    fn sibling(&self, path: &CString, coding: Coding) -> io::Result<Beside> {
        let unreadable = match self.open_at(path) {
            Ok(Opened { file, metadata }) if metadata.is_file() => {
                match self.content(file, Stamp::of(&metadata)) {
                    Ok((stamp, content)) => {
                        return Ok(Beside::Sibling(Sibling {
                            path: path.clone(),
                            stamp,
                            coding,
                            content,
                        }));
                    }
                    Err(error) => error,
                }
            }
            Ok(Opened { metadata, .. }) => return Ok(Beside::Unusable(Stamp::of(&metadata))),
            Err(error) if is_absence(&error) => return Ok(Beside::Nothing),
            Err(error) => error,
        };
        if tells_nothing(&unreadable) {
            return Err(unreadable);
        }
        // One that cannot be read is none: the file itself can be.
        match self.peek_at(path) {
            Ok(metadata) => Ok(Beside::Unusable(Stamp::of(&metadata))),
            Err(error) if tells_nothing(&error) => Err(error),
            Err(_) => Ok(Beside::Nothing),
        }
    }

    /// The bytes of a small file, or the file.
    fn content(&self, file: File, stamp: Stamp) -> io::Result<(Stamp, Content)> {
        self.content_by(file, stamp, |file, length| self.read(file, length))
    }

    /// The same; `read` is what reads the first bytes of a file.
    fn content_by(
        &self,
        file: File,
        mut stamp: Stamp,
        mut read: impl FnMut(&OpenFile, usize) -> io::Result<Vec<u8>>,
    ) -> io::Result<(Stamp, Content)> {
        let residence = self.loader.residence(&file, stamp.device);
        let file = OpenFile::new(file, residence);
        for _ in 0..TRIES_MAX {
            if stamp.size > MEMORY_BYTES_MAX {
                break;
            }
            let bytes = read(&file, stamp.size as usize)?;
            let after = Stamp::of(&file.metadata()?);
            if after == stamp && bytes.len() as u64 == stamp.size {
                return Ok((stamp, Content::Memory(bytes.into())));
            }
            stamp = after;
        }
        let file = match self.loader.sendfile {
            true => file,
            false => file.copied(),
        };
        Ok((stamp, Content::File(Arc::new(file), stamp.size)))
    }

    /// The first `length` bytes of a file, or less if it has no more.
    fn read(&self, file: &OpenFile, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let mut at = 0;
        while at < length {
            let read = match self.patience {
                Patience::AtOnce => {
                    file.read_now(&mut [IoSliceMut::new(&mut bytes[at..])], at as u64)
                }
                Patience::Waits => file.read(&mut bytes[at..], at as u64),
            };
            match read {
                Ok(0) => break,
                Ok(count) => at += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(at);
        Ok(bytes)
    }
}

/// The path of the file that has the one at `path` in a coding.
fn beside(path: &CString, coding: Coding) -> CString {
    let mut bytes = path.as_bytes().to_vec();
    bytes.push(b'.');
    bytes.extend_from_slice(coding.extension().as_bytes());
    // A path has no NUL in it.
    CString::new(bytes).unwrap_or_default()
}

/// Whether an error says nothing of what is there: it would have to be waited for, or there are no
/// descriptors.
fn tells_nothing(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock || is_exhaustion(error)
}

/// Whether an error says that the process, or the system, has no descriptors left.
pub fn is_exhaustion(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE)
    )
}

/// Whether an error says that nothing is there that is served: no such name, no such directory, a
/// link that leads out or nowhere, a device or socket, a name that no file can have.
pub fn is_absence(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::NOENT
                | Errno::NOTDIR
                | Errno::NXIO
                | Errno::NODEV
                | Errno::XDEV
                | Errno::LOOP
                | Errno::MLINK
                | Errno::NAMETOOLONG
                | Errno::INVAL
                | Errno::ILSEQ
                | Errno::OPNOTSUPP,
        )
    )
}

#[cfg(test)]
mod tests;
