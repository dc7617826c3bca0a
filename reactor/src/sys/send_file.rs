//! Sending a file without copying it through the program.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Whether the system can send a file by itself. Other systems than Linux have such a call too,
/// with other rules for sockets that do not wait; there files are copied.
pub const SENDS_FILES: bool = cfg!(target_os = "linux");

/// Has the system send at most `count` bytes of `file`, from `offset` on, to `socket`, which does
/// not wait. Returns how many bytes have gone: 0 where the file has none. Waits for a disk if they
/// are not in memory.
///
/// # Errors
///
/// `WouldBlock` when the socket takes nothing now, `Unsupported` where there is no such call or the
/// file is not one for it; else what the system says of the socket or the file.
#[cfg(target_os = "linux")]
pub fn send_file(
    socket: impl AsFd,
    file: BorrowedFd<'_>,
    offset: u64,
    count: usize,
) -> io::Result<usize> {
    use rustix::io::Errno;
    let mut offset = offset;
    match rustix::fs::sendfile(socket, file, Some(&mut offset), count) {
        // Not for this file, or not with what a sandbox lets through.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {
            Err(io::ErrorKind::Unsupported.into())
        }
        sent => Ok(sent?),
    }
}

/// Cannot be done here.
///
/// # Errors
///
/// Always `Unsupported`.
#[cfg(not(target_os = "linux"))]
pub fn send_file(_: impl AsFd, _: BorrowedFd<'_>, _: u64, _: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{ErrorKind, Read};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn sends_from_where_it_is_told() {
        let file = rustix::fs::memfd_create("sample", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        rustix::io::pwrite(&file, b"0123456789", 0).unwrap();
        let (near, mut far) = UnixStream::pair().unwrap();
        assert_eq!(send_file(&near, file.as_fd(), 2, 5).unwrap(), 5);
        assert_eq!(send_file(&near, file.as_fd(), 8, 5).unwrap(), 2);
        assert_eq!(send_file(&near, file.as_fd(), 10, 5).unwrap(), 0);
        let mut received = [0; 7];
        far.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"2345689");
    }

    #[test]
    fn a_socket_that_is_full_takes_nothing() {
        let file = rustix::fs::memfd_create("sample", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        rustix::fs::ftruncate(&file, 64 << 20).unwrap();
        let (near, _far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let mut sent = 0;
        let error = loop {
            match send_file(&near, file.as_fd(), sent, 64 << 20) {
                Ok(count) => sent += count as u64,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(sent > 0);
    }

    #[test]
    fn what_is_no_file_is_not_sent() {
        let (near, _far) = UnixStream::pair().unwrap();
        let directory = std::fs::File::open("/").unwrap();
        let error = send_file(&near, directory.as_fd(), 0, 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
