//! What a file was when it was looked at: a file with the same stamp is the same file, unchanged.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// The state of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The file system that it is on.
    pub device: u64,
    inode: u64,
    /// Bytes.
    pub size: u64,
    /// The last change of its bytes, since the Unix epoch; nothing is older than that.
    pub modified: Duration,
    /// The last change of anything about it, in seconds and nanoseconds: no program can set this.
    changed: (i64, i64),
}

impl Stamp {
    /// The state that `metadata` tells.
    pub fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: since_epoch(metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The state of a file that there is not.
    #[cfg(test)]
    pub fn sample(size: u64, modified: Duration) -> Stamp {
        Stamp {
            device: 0,
            inode: 0,
            size,
            modified,
            changed: (0, 0),
        }
    }
}

fn since_epoch(seconds: i64, nanoseconds: i64) -> Duration {
    match u64::try_from(seconds) {
        Ok(seconds) => Duration::new(seconds, u32::try_from(nanoseconds).unwrap_or(0)),
        Err(_) => Duration::ZERO,
    }
}
