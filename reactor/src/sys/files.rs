//! Reading files without waiting for a disk.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;

/// What is known of where a file's bytes are; the same for all files of one file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residence {
    /// The system tells for every read whether it would wait for a disk (`RWF_NOWAIT`, Linux 4.14).
    Asked,
    /// Always in memory: the file system has no disk below it.
    Memory,
    /// Nobody knows: every read may wait.
    Unknown,
}

impl Residence {
    /// What holds for the file system that `file` is on.
    #[cfg(target_os = "linux")]
    pub fn of(file: &File) -> Residence {
        use rustix::fs::fstatfs;
        use rustix::io::{Errno, ReadWriteFlags, preadv2};

        /// Those of linux/magic.h that have no disk below them: tmpfs, ramfs, hugetlbfs.
        const WITHOUT_DISK: [i128; 3] = [0x0102_1994, 0x8584_58f6, 0x9584_58f6];

        let mut byte = [0];
        let mut pieces = [IoSliceMut::new(&mut byte)];
        match preadv2(file, &mut pieces, 0, ReadWriteFlags::NOWAIT) {
            // Neither the system nor the file system, nor what a sandbox lets through.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::PERM) => {
                match fstatfs(file) {
                    Ok(found) if WITHOUT_DISK.contains(&(found.f_type as u32).into()) => {
                        Residence::Memory
                    }
                    _ => Residence::Unknown,
                }
            }
            // Other errors are the file's.
            Ok(_) | Err(_) => Residence::Asked,
        }
    }

    /// What holds for the file system that `file` is on: not known on this system.
    #[cfg(not(target_os = "linux"))]
    pub fn of(_file: &File) -> Residence {
        Residence::Unknown
    }
}

/// A file that is open for reading.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    residence: Residence,
}

impl OpenFile {
    /// A file on a file system for which `residence` holds.
    pub fn new(file: File, residence: Residence) -> OpenFile {
        OpenFile { file, residence }
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Reads into `pieces` from `offset` on without waiting for a disk.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] when it would wait, or nobody knows; others as the system has
    /// them.
    pub fn read_now(&self, pieces: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        match self.residence {
            #[cfg(target_os = "linux")]
            Residence::Asked => {
                use rustix::io::{Errno, ReadWriteFlags, preadv2};
                match preadv2(&self.file, pieces, offset, ReadWriteFlags::NOWAIT) {
                    // Another file system has taken the place of the one that was asked.
                    Err(Errno::OPNOTSUPP) => Err(io::ErrorKind::WouldBlock.into()),
                    read => Ok(read?),
                }
            }
            Residence::Memory => Ok(rustix::io::preadv(&self.file, pieces, offset)?),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Reads into `bytes` from `offset` on, and may wait for a disk. Signals do not interrupt it.
    ///
    /// # Errors
    ///
    /// As the system has them.
    pub fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.file.read_at(bytes, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> File {
        let path = std::env::temp_dir().join(format!("reactor-files-{}", std::process::id()));
        std::fs::write(&path, b"0123456789").unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        file
    }

    #[test]
    fn what_was_just_written_is_read_without_waiting() {
        let file = sample();
        let residence = Residence::of(&file);
        let open = OpenFile::new(file, residence);
        let (mut first, mut second) = ([0; 3], [0; 20]);
        let mut pieces = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        match open.read_now(&mut pieces, 2) {
            Ok(count) => {
                assert_eq!(count, 8);
                assert_eq!((&first, &second[..5]), (b"234", &b"56789"[..]));
            }
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
        let mut bytes = [0; 4];
        assert_eq!(open.read(&mut bytes, 8).unwrap(), 2);
        assert_eq!(&bytes[..2], b"89");
        assert_eq!(open.read(&mut bytes, 10).unwrap(), 0);
    }

    #[test]
    fn where_nobody_knows_every_read_may_wait() {
        let open = OpenFile::new(sample(), Residence::Unknown);
        let mut byte = [0];
        let read = open.read_now(&mut [IoSliceMut::new(&mut byte)], 0);
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let open = OpenFile::new(sample(), Residence::Memory);
        assert_eq!(
            open.read_now(&mut [IoSliceMut::new(&mut byte)], 3).unwrap(),
            1
        );
        assert_eq!(&byte, b"3");
    }
}
