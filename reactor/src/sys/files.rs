//! Reading files without waiting for a disk, and closing them so.

use std::fs::{File, Metadata};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

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

/// Files that may wait to be closed. Beyond that whoever lets go of one closes it himself.
const CLOSING_MAX: usize = 1024;

/// Open files of the whole process.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// How many files the whole process has open as [`OpenFile`]: each has a descriptor.
pub fn open_files() -> usize {
    OPEN.load(Ordering::Relaxed)
}

/// A file that is open for reading. It is closed without waiting for a disk: when a file without a
/// name is closed last, the file system gives its blocks back, which takes a second for some GiB.
#[derive(Debug)]
pub struct OpenFile {
    /// There until it is dropped.
    file: Option<File>,
    residence: Residence,
    /// Whether the system may send it by itself.
    is_passed: bool,
}

impl OpenFile {
    /// A file on a file system for which `residence` holds.
    pub fn new(file: File, residence: Residence) -> OpenFile {
        OPEN.fetch_add(1, Ordering::Relaxed);
        OpenFile {
            file: Some(file),
            residence,
            is_passed: true,
        }
    }

    /// The same, of which what is sent is copied: what was sent then stays as it was when the file
    /// changes, while the system still looks into the file for bytes that clients have not taken.
    #[must_use]
    pub fn copied(mut self) -> OpenFile {
        self.is_passed = false;
        self
    }

    /// What the file is now.
    ///
    /// # Errors
    ///
    /// As the system has them.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file()?.metadata()
    }

    /// Whether it was deleted, or another was put in its place: its blocks are taken as long as it
    /// is open.
    pub fn is_deleted(&self) -> bool {
        self.file().is_ok_and(has_no_name)
    }

    /// Its descriptor, if the system may send from it by itself.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        let file = self.file.as_ref().filter(|_| self.is_passed);
        file.map(File::as_fd)
    }

    fn file(&self) -> io::Result<&File> {
        self.file
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Reads into `pieces` from `offset` on without waiting for a disk.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] when it would wait, or nobody knows; others as the system has
    /// them.
    pub fn read_now(&self, pieces: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        let file = self.file()?;
        match self.residence {
            #[cfg(target_os = "linux")]
            Residence::Asked => {
                use rustix::io::{Errno, ReadWriteFlags, preadv2};
                match preadv2(file, pieces, offset, ReadWriteFlags::NOWAIT) {
                    // Another file system has taken the place of the one that was asked.
                    Err(Errno::OPNOTSUPP) => Err(io::ErrorKind::WouldBlock.into()),
                    read => Ok(read?),
                }
            }
            Residence::Memory => Ok(rustix::io::preadv(file, pieces, offset)?),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Reads into `bytes` from `offset` on, and may wait for a disk. Signals do not interrupt it.
    ///
    /// # Errors
    ///
    /// As the system has them.
    pub fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let file = self.file()?;
        loop {
            match file.read_at(bytes, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            close(file, closing);
        }
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether no name leads to a file any more, so that nobody can open it again, as far as the system
/// knows: no server on the network is asked.
#[cfg(target_os = "linux")]
fn has_no_name(file: &File) -> bool {
    use rustix::fs::{AtFlags, StatxFlags, statx};
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    statx(file, c"", flags, StatxFlags::NLINK).is_ok_and(|found| found.stx_nlink == 0)
}

/// Whether no name leads to a file any more, so that nobody can open it again.
#[cfg(not(target_os = "linux"))]
fn has_no_name(file: &File) -> bool {
    rustix::fs::fstat(file).is_ok_and(|stat| stat.st_nlink == 0)
}

/// Closes a file, or has a thread close it if that may take long.
fn close<'a>(file: File, thread: impl FnOnce() -> Option<&'a SyncSender<File>>) {
    if has_no_name(&file)
        && let Some(thread) = thread()
    {
        // If it does not take the file, that is closed here, with the error that it is in.
        drop(thread.try_send(file));
    }
}

/// The way to the thread that closes files, which is started when there is the first one; `None`
/// if the system has refused a thread.
fn closing() -> Option<&'static SyncSender<File>> {
    static CLOSING: OnceLock<Option<SyncSender<File>>> = OnceLock::new();
    let start = || {
        let (sender, files) = sync_channel(CLOSING_MAX);
        let thread = thread::Builder::new().name("closing".into());
        let started = thread.spawn(move || files.into_iter().for_each(drop::<File>));
        started.is_ok().then_some(sender)
    };
    CLOSING.get_or_init(start).as_ref()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use super::*;

    /// A new file, and where it is.
    fn named() -> (File, PathBuf) {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("reactor-files-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, b"0123456789").unwrap();
        (File::open(&path).unwrap(), path)
    }

    /// A file that was deleted after it was opened.
    fn sample() -> File {
        let (file, path) = named();
        std::fs::remove_file(path).unwrap();
        file
    }

    /// The same, and a lock on it that nobody else can have before it is closed.
    fn watched() -> (File, File) {
        let (file, path) = named();
        let other = File::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        file.lock().unwrap();
        assert!(other.try_lock().is_err());
        (file, other)
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
    #[test]
    fn only_what_has_no_name_is_closed_by_another_thread() {
        let (sender, files) = sync_channel(1);
        let (file, path) = named();
        close(file, || panic!("it still has a name"));
        std::fs::remove_file(path).unwrap();

        let (file, other) = watched();
        close(file, || Some(&sender));
        assert!(other.try_lock().is_err(), "it is still open");
        drop(files.recv().unwrap());
        other.try_lock().unwrap();
    }

    #[test]
    fn what_that_thread_does_not_take_is_closed_in_place() {
        let (sender, files) = sync_channel(1);
        close(sample(), || Some(&sender));
        let (file, other) = watched();
        close(file, || Some(&sender));
        other.try_lock().unwrap();

        drop(files);
        let (file, other) = watched();
        close(file, || Some(&sender));
        other.try_lock().unwrap();

        let (file, other) = watched();
        close(file, || None);
        other.try_lock().unwrap();
    }

    #[test]
    fn a_deleted_file_is_closed_when_the_last_has_let_go_of_it() {
        let (file, other) = watched();
        let open = Arc::new(OpenFile::new(file, Residence::Unknown));
        assert!(open.is_deleted());
        let again = Arc::clone(&open);
        drop(open);
        assert!(other.try_lock().is_err());
        drop(again);
        // Waits for the other thread.
        other.lock().unwrap();
    }
}
