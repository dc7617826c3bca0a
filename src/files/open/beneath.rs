//! Has the kernel resolve a path: `openat2`.
//!
//! Owns what the kernel is asked and what its answers mean. Must not resolve anything itself.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use rustix::io::Errno;

use super::{LOOK, Links, Purpose, Root, TRIES_MAX, Way};

/// The best way that this system has, asked for the root itself.
pub fn best_way(root: BorrowedFd<'_>) -> Way {
    let ask = |resolve| openat2(root, c".", LOOK, Mode::empty(), resolve);
    match ask(ResolveFlags::BENEATH | ResolveFlags::CACHED) {
        // EAGAIN would be an answer: it would have to wait.
        Ok(_) | Err(Errno::AGAIN) => return Way::BeneathAtOnce,
        Err(_) => {}
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

/// Opens what is at `path` if the kernel knows all of it by heart; else `EAGAIN`.
pub fn open_now(root: &Root, path: &CStr, purpose: Purpose) -> Result<OwnedFd, Errno> {
    answer(purpose, |flags| {
        ask(root, path, flags, ResolveFlags::CACHED)
    })
}

/// Opens what is at `path`, and waits for a disk if need be.
pub fn open(root: &Root, path: &CStr, purpose: Purpose) -> Result<OwnedFd, Errno> {
    answer(purpose, |flags| {
        let mut result = Err(Errno::AGAIN);
        for _ in 0..TRIES_MAX {
            result = ask(root, path, flags, ResolveFlags::empty());
            // EAGAIN: something was renamed during the lookup, so the kernel cannot say where it
            // led; or whoever holds a lease on the file was told to give it back.
            if !matches!(result, Err(Errno::AGAIN | Errno::INTR)) {
                break;
            }
        }
        result
    })
}

fn ask(root: &Root, path: &CStr, flags: OFlags, cached: ResolveFlags) -> Result<OwnedFd, Errno> {
    let below = match root.links {
        Links::Below => ResolveFlags::BENEATH,
        Links::Anywhere => ResolveFlags::empty(),
    };
    let resolve = ResolveFlags::NO_MAGICLINKS | below | cached;
    openat2(root.directory.as_fd(), path, flags, Mode::empty(), resolve)
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
