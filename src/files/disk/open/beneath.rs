//! Has the kernel resolve a path: `openat2`.
//!
//! Owns what the kernel is asked and what its answers mean. Must not resolve anything itself.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, StatxFlags};
use rustix::fs::{fstat, openat2, statx};
use rustix::io::Errno;

use super::mounts::is_local;
use super::{LOOK, Links, Purpose, Root, TRIES_MAX, Way};

/// The best way that this system has, asked for the root itself.
pub fn best_way(root: &OwnedFd) -> Way {
    let ask = |resolve| openat2(root, c".", LOOK, Mode::empty(), resolve);
    match ask(ResolveFlags::BENEATH | ResolveFlags::CACHED) {
        // EAGAIN would be an answer: it would have to wait.
        Ok(_) | Err(Errno::AGAIN) if is_local(root) => return Way::BeneathAtOnce,
        _ => {}
    }
    match ask(ResolveFlags::BENEATH) {
        Ok(_) => Way::Beneath,
        // ENOSYS, or whatever a sandbox says. Should it be the root's fault, then the other way
        // will say so at each request.
        Err(error) => {
            log::warn!("no openat2 ({error}): files are looked for name by name, which is slower");
            Way::NameByName
        }
    }
}

/// Whether the kernel knows by heart that this directory is at `path`.
pub fn is_at(directory: &OwnedFd, path: &Path) -> bool {
    let which = |descriptor: BorrowedFd<'_>| {
        // What it is called by never changes, so that no server on the network is to be asked.
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let found = statx(descriptor, c"", flags, StatxFlags::INO)?;
        Ok((found.stx_dev_major, found.stx_dev_minor, found.stx_ino))
    };
    let there = openat2(CWD, path, LOOK, Mode::empty(), ResolveFlags::CACHED);
    let there = there.and_then(|there| which(there.as_fd()));
    there.is_ok() && there == which(directory.as_fd())
}

/// Opens what is at `path` if the kernel knows all of it by heart; else `EAGAIN`.
pub fn open_now(root: &Root, path: &CStr, purpose: Purpose) -> Result<OwnedFd, Errno> {
    let ask_now = |flags, also| ask(root, path, flags, ResolveFlags::CACHED | also);
    match answer(purpose, |flags| ask_now(flags, ResolveFlags::NO_XDEV)) {
        // Perhaps it is on another file system: Linux says EAGAIN for that, too.
        Err(Errno::XDEV | Errno::AGAIN) => {
            let there = ask_now(LOOK, ResolveFlags::empty())?;
            match root.mounts.is_known_local(there.as_fd()) {
                true => answer(purpose, |flags| ask_now(flags, ResolveFlags::empty())),
                false => Err(Errno::AGAIN),
            }
        }
        result => result,
    }
}

/// Opens what is at `path`, and waits for a disk if need be.
pub fn open(root: &Root, path: &CStr, purpose: Purpose) -> Result<OwnedFd, Errno> {
    let opened = answer(purpose, |flags| {
        retried(|| ask(root, path, flags, ResolveFlags::empty()))
    })?;
    root.mounts.learn(opened.as_fd());
    Ok(opened)
}

/// Asks again as long as the answer is `EAGAIN`, but not for ever: something was renamed during the
/// lookup, so that the kernel cannot say where it led; or whoever has a lease on the file was told
/// to give it back.
fn retried(mut ask: impl FnMut() -> Result<OwnedFd, Errno>) -> Result<OwnedFd, Errno> {
    for _ in 1..TRIES_MAX {
        let result = ask();
        if !matches!(result, Err(Errno::AGAIN | Errno::INTR)) {
            return result;
        }
    }
    ask()
}

fn ask(root: &Root, path: &CStr, flags: OFlags, cached: ResolveFlags) -> Result<OwnedFd, Errno> {
    let below = match root.links {
        Links::Below => ResolveFlags::BENEATH,
        Links::Anywhere => ResolveFlags::empty(),
    };
    let resolve = ResolveFlags::NO_MAGICLINKS | below | cached;
    openat2(&root.directory, path, flags, Mode::empty(), resolve)
}

/// What `open` says; but a device or the like is `ENXIO`, whatever is said when it is opened: that
/// it may not be read, that it is busy, that no driver is there for it.
fn answer(
    purpose: Purpose,
    open: impl Fn(OFlags) -> Result<OwnedFd, Errno>,
) -> Result<OwnedFd, Errno> {
    let error = match open(purpose.flags()) {
        Err(error) if purpose == Purpose::Read => error,
        result => return result,
    };
    if matches!(error, Errno::NOENT | Errno::AGAIN) {
        return Err(error);
    }
    let looked = open(LOOK).and_then(fstat);
    match looked.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Ok(FileType::RegularFile | FileType::Directory) => Err(error),
        Ok(_) => Err(Errno::NXIO),
        Err(Errno::AGAIN) => Err(Errno::AGAIN),
        Err(_) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_renames_disturb_is_tried_again_but_not_for_ever() {
        for (disturbed, expected, asked) in [
            (0, Errno::NOENT, 1),
            (1, Errno::NOENT, 2),
            (TRIES_MAX - 1, Errno::NOENT, TRIES_MAX),
            (TRIES_MAX, Errno::AGAIN, TRIES_MAX),
        ] {
            let mut count = 0;
            let result = retried(|| {
                count += 1;
                Err(if count <= disturbed {
                    Errno::AGAIN
                } else {
                    Errno::NOENT
                })
            });
            assert_eq!(
                (result.unwrap_err(), count),
                (expected, asked),
                "{disturbed}"
            );
        }
    }
}
