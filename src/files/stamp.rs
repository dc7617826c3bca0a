//! What a file was when it was looked at: a file with the same stamp is the same file, unchanged.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// Before this, 1980-01-02, no file was changed that is served today. Builds that are to come out
/// the same every time give all files the time 0 or 1, or the first that a zip file can have:
/// 1980-01-01, wherever on earth that was.
const TIMES_BEGIN: Duration = Duration::from_secs(315_619_200);

/// When a file came into the state that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Its bytes were changed then.
    Modified(Duration),
    /// It does not say when that was; something about it was changed then.
    Changed(Duration),
}

impl Since {
    /// The time, since the Unix epoch.
    pub fn time(self) -> Duration {
        match self {
            Since::Modified(time) | Since::Changed(time) => time,
        }
    }
}

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

    /// Since when it has been so: by the time of its bytes, if that is a real one.
    pub fn since(&self) -> Since {
        if self.modified >= TIMES_BEGIN {
            return Since::Modified(self.modified);
        }
        let (seconds, nanoseconds) = self.changed;
        Since::Changed(since_epoch(seconds, nanoseconds))
    }

    /// The state of a file that there is not, and which nobody has touched since its bytes were
    /// changed.
    #[cfg(test)]
    pub fn sample(size: u64, modified: Duration) -> Stamp {
        Stamp::sample_changed(size, modified, modified)
    }

    /// The same of one that was touched at `changed`.
    #[cfg(test)]
    pub fn sample_changed(size: u64, modified: Duration, changed: Duration) -> Stamp {
        Stamp {
            device: 0,
            inode: 0,
            size,
            modified,
            changed: (changed.as_secs() as i64, changed.subsec_nanos().into()),
        }
    }
}

fn since_epoch(seconds: i64, nanoseconds: i64) -> Duration {
    match u64::try_from(seconds) {
        Ok(seconds) => Duration::new(seconds, u32::try_from(nanoseconds).unwrap_or(0)),
        Err(_) => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_real_time_has_the_one_that_the_system_saw() {
        let changed = Duration::new(1_800_000_000, 5);
        let day = Duration::from_secs(24 * 60 * 60);
        // 1980-01-01 as zip has it, in the first and in the last country that had it.
        let zip = Duration::from_secs(315_532_800);
        let hours = |count: u64| Duration::from_secs(count * 60 * 60);
        for modified in [
            Duration::ZERO,
            Duration::from_secs(1),
            zip,
            zip - hours(14),
            zip + hours(12),
        ] {
            let stamp = Stamp::sample_changed(1, modified, changed);
            assert_eq!(stamp.since(), Since::Changed(changed), "{modified:?}");
        }
        for modified in [zip + day, changed, changed + day] {
            let stamp = Stamp::sample_changed(1, modified, changed);
            assert_eq!(stamp.since(), Since::Modified(modified));
        }
    }
}
