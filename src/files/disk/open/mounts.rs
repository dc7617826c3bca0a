//! Which file systems the kernel can tell of by heart.
//!
//! Of one on the network, or in another process, even opening a file that is known may mean to ask
//! who has it, and wait. Owns what is known of the file systems below a root. Must not open
//! anything.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{PoisonError, RwLock};

use rustix::fs::{AtFlags, StatxFlags, fstatfs, statx};
use rustix::io::Errno;

/// File systems that somebody else has, by their numbers in linux/magic.h, or in their own sources.
const REMOTE: [u32; 23] = [
    0x0000_6969, // NFS
    0x0000_517b, // SMB
    0xfe53_4d42, // SMB 2
    0xff53_4d42, // CIFS
    0x6573_5546, // FUSE, and virtiofs
    0x0102_1997, // 9P
    0x00c3_6400, // Ceph
    0x5346_414f, // AFS
    0x6b41_4653, // AFS of the kernel
    0x7375_7245, // Coda
    0x0000_564c, // NCP
    0x0116_1970, // GFS2
    0x7461_636f, // OCFS2
    0x0bd0_0bd0, // Lustre
    0x4750_4653, // GPFS
    0x1983_0326, // BeeGFS
    0x2003_0528, // OrangeFS
    0xaad7_aaea, // PanFS
    0xbeef_dead, // StorNext
    0x6163_6673, // ACFS
    0x786f_4256, // folders of VirtualBox
    0xbacb_acbc, // of VMware
    0x7c7c_6673, // of Parallels
];

/// The file systems that were met below a root, by device, and whether they are local. A device
/// that is unmounted and comes back as another file system is taken for what it was.
#[derive(Debug, Default)]
pub struct Mounts(RwLock<Vec<(Device, bool)>>);

/// The number of a device.
type Device = (u32, u32);

impl Mounts {
    /// Takes note of the file system that something is on. May wait.
    pub fn learn(&self, there: BorrowedFd<'_>) {
        let Ok(device) = device(there) else {
            return;
        };
        if self.find(device).is_none() {
            let is_local = is_local(there);
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            known.push((device, is_local));
        }
    }

    /// Whether something is on a file system that is known to be local.
    pub fn is_known_local(&self, there: BorrowedFd<'_>) -> bool {
        device(there).is_ok_and(|device| self.find(device) == Some(true))
    }

    fn find(&self, device: Device) -> Option<bool> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|(own, _)| *own == device);
        found.map(|(_, is_local)| *is_local)
    }
}

/// Whether the file system that something is on is nobody else's. May wait.
pub fn is_local(there: impl AsFd) -> bool {
    fstatfs(there).is_ok_and(|found| !REMOTE.contains(&(found.f_type as u32)))
}

/// The device that something is on. It never changes, so that no server on the network is to be
/// asked.
fn device(there: BorrowedFd<'_>) -> Result<Device, Errno> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let found = statx(there, c"", flags, StatxFlags::TYPE)?;
    Ok((found.stx_dev_major, found.stx_dev_minor))
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use super::super::{Root, Way};
    use super::*;
    use crate::testing::{TempDir, skip, undisturbed};

    #[test]
    fn what_is_mounted_below_is_told_at_once_when_it_was_waited_for() {
        let root = Root::open(Path::new("/"), false).unwrap();
        let device = |path| std::fs::metadata(path).unwrap().dev();
        // The one directory that has a file system of its own nearly everywhere.
        if root.way != Way::BeneathAtOnce || device("/dev") == device("/") {
            return skip("no openat2, or no file system of its own at /dev");
        }
        for path in [c"dev/null", c"dev"] {
            let root = Root::open(Path::new("/"), false).unwrap();
            let unknown = root.peek_now(path).unwrap_err();
            assert_eq!(unknown.kind(), ErrorKind::WouldBlock);
            let waited = root.peek(path).unwrap();
            let at_once = undisturbed(|| root.peek_now(path), std::io::Result::is_ok);
            assert_eq!(at_once.unwrap().ino(), waited.ino());
        }
    }

    #[test]
    fn what_is_known_to_be_remote_is_never_told_at_once() {
        let root = Root::open(Path::new("/"), false).unwrap();
        if root.way != Way::BeneathAtOnce {
            return skip("no openat2");
        }
        let there = std::fs::File::open("/dev").unwrap();
        let device = device(there.as_fd()).unwrap();
        root.mounts.0.write().unwrap().push((device, false));
        root.peek(c"dev/null").unwrap();
        let seen = root.peek_now(c"dev/null").unwrap_err();
        assert_eq!(seen.kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn the_directory_of_tests_is_local() {
        let dir = TempDir::new();
        assert!(is_local(std::fs::File::open(dir.path()).unwrap()));
    }
}
