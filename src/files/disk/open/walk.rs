//! Resolves a path name by name, where the kernel cannot keep it below the root.
//!
//! Owns what `openat2` does elsewhere: symbolic links, how often they are followed, and that none
//! of them leads above the root. Must not read what it opens.
//!
//! Its safety rests on one thing: the system is only ever given single names that are not `..`,
//! relative to a directory that was reached so, and never follows a link itself. Whatever is
//! renamed meanwhile, a descriptor obtained so is below the root. What was seen of a name (that it
//! is a directory, a link, a file) only says what to try; when the attempt shows that it is so no
//! longer, the name is looked at again.
//!
//! ```text
//!  ┌──► first name of what is ahead ──► look at it
//!  │                                     ├─ a link ────────► its target comes before the rest ──┐
//!  │                                     ├─ the last one ──► open it ──► arrived                │
//!  │                                     └─ a directory ───► enter it ──► the rest is ahead ────┤
//!  └───────────────── (also when it changed between look and attempt) ◄─────────────────────────┘
//! ```

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fstat, openat, readlinkat, statat};
use rustix::io::Errno;

use super::{LOOK, Links, Purpose, READ, Root, TRIES_MAX};

/// Links that are followed for one path (Linux `MAXSYMLINKS`).
const LINKS_MAX: usize = 40;

/// Opens what is at `path`.
pub fn open(root: &Root, path: &CStr, purpose: Purpose) -> Result<OwnedFd, Errno> {
    let mut ahead = path.to_bytes().to_vec();
    match ahead.first() {
        None => return Err(Errno::NOENT),
        Some(b'/') => return Err(Errno::XDEV),
        Some(_) => {}
    }
    let mut place = Place::new(root);
    let (mut links_left, mut tries_left) = (LINKS_MAX, TRIES_MAX);
    loop {
        let (name, rest) = first_name(&ahead);
        match place.step(name, rest, purpose)? {
            Step::Arrived(descriptor) => return Ok(descriptor),
            Step::Entered => ahead = rest.to_vec(),
            Step::Link(target) => {
                links_left = links_left.checked_sub(1).ok_or(Errno::LOOP)?;
                if target.starts_with(b"/") {
                    place.enter_top()?;
                }
                ahead = [&target, rest].concat();
            }
            Step::Changed => {
                tries_left = tries_left.checked_sub(1).ok_or(Errno::AGAIN)?;
            }
        }
    }
}

/// What came of a name.
enum Step {
    /// It was the last one: here it is.
    Arrived(OwnedFd),
    /// What follows is to be looked for where it led.
    Entered,
    /// It is a symbolic link with this target.
    Link(Vec<u8>),
    /// It is not what it was a moment ago.
    Changed,
}

/// A directory on the way.
struct Place<'r> {
    root: BorrowedFd<'r>,
    /// The directories from the root down to this one; none at the root. Where links may lead
    /// anywhere, no more than this one.
    below: Vec<OwnedFd>,
    links: Links,
}

impl<'r> Place<'r> {
    fn new(root: &'r Root) -> Place<'r> {
        Place {
            root: root.directory.as_fd(),
            below: Vec::new(),
            links: root.links,
        }
    }

    fn directory(&self) -> BorrowedFd<'_> {
        self.below.last().map_or(self.root, AsFd::as_fd)
    }

    /// Goes on to `name`, which `rest` follows. No name at all is this directory.
    fn step(&mut self, name: &[u8], rest: &[u8], purpose: Purpose) -> Result<Step, Errno> {
        match name {
            b"" => {
                let flags = purpose.flags() | OFlags::DIRECTORY;
                return Ok(Step::Arrived(self.open(b".", flags)?));
            }
            b"." => return Ok(Step::Entered),
            b".." => {
                self.leave()?;
                return Ok(Step::Entered);
            }
            _ => {}
        }
        let seen = statat(self.directory(), name, AtFlags::SYMLINK_NOFOLLOW)?;
        self.pass(name, rest, FileType::from_raw_mode(seen.st_mode), purpose)
    }

    /// Goes on to `name`, which was seen to be of this type.
    fn pass(
        &mut self,
        name: &[u8],
        rest: &[u8],
        seen: FileType,
        purpose: Purpose,
    ) -> Result<Step, Errno> {
        let is_last = rest.iter().all(|byte| *byte == b'/');
        let flags = if is_last { purpose.flags() } else { LOOK };
        match seen {
            FileType::Symlink => return self.read_link(name, is_last),
            FileType::Directory => {}
            // A slash behind a name says that it is a directory.
            _ if !rest.is_empty() => return Err(Errno::NOTDIR),
            FileType::RegularFile => {}
            _ if flags == READ => return Err(Errno::NXIO),
            _ => {}
        }
        let slash = if rest.is_empty() {
            OFlags::empty()
        } else {
            OFlags::DIRECTORY
        };
        let descriptor = match self.open(name, flags | slash | OFlags::NOFOLLOW) {
            // It is a link now (EMLINK in FreeBSD), or no directory any more.
            Err(Errno::LOOP | Errno::MLINK | Errno::NOTDIR) => return Ok(Step::Changed),
            result => result?,
        };
        if !is_last {
            self.enter(descriptor);
            return Ok(Step::Entered);
        }
        // What is only looked at may be a link.
        let is_link = |mode| FileType::from_raw_mode(mode) == FileType::Symlink;
        if flags == LOOK && is_link(fstat(&descriptor)?.st_mode) {
            return Ok(Step::Changed);
        }
        Ok(Step::Arrived(descriptor))
    }

    fn open(&self, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        openat(self.directory(), name, flags, Mode::empty())
    }

    fn read_link(&self, name: &[u8], is_last: bool) -> Result<Step, Errno> {
        check_link(self.directory(), name, is_last)?;
        match readlinkat(self.directory(), name, Vec::new()) {
            Ok(target) => Ok(Step::Link(target.into_bytes())),
            Err(Errno::INVAL) => Ok(Step::Changed),
            Err(error) => Err(error),
        }
    }

    fn enter(&mut self, directory: OwnedFd) {
        if self.links == Links::Anywhere {
            self.below.clear();
        }
        self.below.push(directory);
    }

    /// Goes to the directory above, which must not be above the root.
    fn leave(&mut self) -> Result<(), Errno> {
        match self.links {
            Links::Below => {
                // As if it were walked through: it must allow that.
                self.open(b".", LOOK | OFlags::DIRECTORY)?;
                self.below.pop().map(drop).ok_or(Errno::XDEV)
            }
            Links::Anywhere => {
                let above = self.open(b"..", LOOK | OFlags::DIRECTORY)?;
                self.enter(above);
                Ok(())
            }
        }
    }

    /// Goes to the system's root directory, if links may lead anywhere.
    fn enter_top(&mut self) -> Result<(), Errno> {
        if self.links == Links::Below {
            return Err(Errno::XDEV);
        }
        let top = openat(CWD, "/", LOOK | OFlags::DIRECTORY, Mode::empty())?;
        self.enter(top);
        Ok(())
    }
}

/// The first name of a path, which may begin with slashes, and what follows it: nothing, or a slash
/// and whatever is behind that.
fn first_name(path: &[u8]) -> (&[u8], &[u8]) {
    let is_slash = |byte: &u8| *byte == b'/';
    let start = path.iter().take_while(|byte| is_slash(byte)).count();
    let path = &path[start..];
    let end = path.iter().position(is_slash).unwrap_or(path.len());
    path.split_at(end)
}

/// Refuses a link that the kernel would not follow, were it asked to.
#[cfg(target_os = "linux")]
fn check_link(directory: BorrowedFd<'_>, name: &[u8], is_last: bool) -> Result<(), Errno> {
    use rustix::fs::{PROC_SUPER_MAGIC, fstatfs};

    /// A mount whose links are not followed (`nosymfollow`).
    const ST_NOSYMFOLLOW: i128 = 0x2000;
    /// A directory where everybody may create links but remove only their own, as `/tmp`.
    const SHARED: Mode = Mode::SVTX.union(Mode::WOTH);

    let system = fstatfs(directory)?;
    // The links of `/proc` that lead to open files and the like are no paths, and cannot be told
    // from its other ones.
    if system.f_type == PROC_SUPER_MAGIC || i128::from(system.f_flags) & ST_NOSYMFOLLOW != 0 {
        return Err(Errno::LOOP);
    }
    // Whether it is dangerous there to follow a link that is not our own (`protected_symlinks`),
    // the kernel says when it is to do so. It only looks.
    let mode = Mode::from_raw_mode(fstat(directory)?.st_mode);
    if is_last
        && mode.contains(SHARED)
        && let Err(Errno::ACCESS) = statat(directory, name, AtFlags::empty())
    {
        return Err(Errno::ACCESS);
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn check_link(_directory: BorrowedFd<'_>, _name: &[u8], _is_last: bool) -> Result<(), Errno> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn what_changed_since_it_was_seen_is_neither_entered_nor_opened() {
        let dir = TempDir::new();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        symlink("sub", dir.path().join("to-sub")).unwrap();
        symlink("file", dir.path().join("to-file")).unwrap();
        let root = Root::open_name_by_name(dir.path(), false).unwrap();
        for purpose in [Purpose::Read, Purpose::Look] {
            for (name, rest, seen) in [
                ("to-sub", "/file", FileType::Directory),
                ("to-sub", "/", FileType::Directory),
                ("to-sub", "", FileType::Directory),
                ("to-file", "", FileType::RegularFile),
                ("to-file", "", FileType::Directory),
                ("file", "/file", FileType::Directory),
                ("file", "/", FileType::Directory),
                ("file", "", FileType::Symlink),
                ("sub", "/file", FileType::Symlink),
            ] {
                let mut place = Place::new(&root);
                let step = place.pass(name.as_bytes(), rest.as_bytes(), seen, purpose);
                let is_changed = matches!(step, Ok(Step::Changed));
                assert!(is_changed, "{name}{rest}, seen as {seen:?}, to {purpose:?}");
                assert!(place.below.is_empty());
            }
        }
    }

    #[test]
    fn a_path_is_taken_name_by_name() {
        for (path, name, rest) in [
            ("", "", ""),
            ("a", "a", ""),
            ("a/", "a", "/"),
            ("a/b/", "a", "/b/"),
            ("//a//b", "a", "//b"),
            ("//", "", ""),
        ] {
            let expected = (name.as_bytes(), rest.as_bytes());
            assert_eq!(first_name(path.as_bytes()), expected, "{path}");
        }
    }
}
