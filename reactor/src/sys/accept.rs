//! What a failed `accept` means for whoever accepts.

use std::io;

use rustix::io::Errno;

/// What to do after `accept` failed: see accept(2), section "Error handling".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptError {
    /// The process or the system is out of descriptors or memory; the connection still waits in the
    /// queue and no further event will tell of it, so try again after a while.
    Exhausted,
    /// The listener itself is broken.
    Fatal,
    /// Only this connection failed; accept the next one at once.
    Retry,
    /// The queue is empty.
    WouldBlock,
}

impl AcceptError {
    /// Classifies an error that `accept` returned.
    pub fn of(error: &io::Error) -> AcceptError {
        if error.kind() == io::ErrorKind::WouldBlock {
            return AcceptError::WouldBlock;
        }
        match Errno::from_io_error(error) {
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                AcceptError::Exhausted
            }
            // Linux hands errors of the new connection's network to accept; accept(2) names these
            // and says to treat them like EAGAIN by retrying.
            Some(
                Errno::CONNABORTED
                | Errno::INTR
                | Errno::PROTO
                | Errno::NETDOWN
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::NETUNREACH
                | Errno::OPNOTSUPP
                | Errno::PERM
                | Errno::TIMEDOUT,
            ) => AcceptError::Retry,
            _ => AcceptError::Fatal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_classified() {
        let table = [
            (Errno::AGAIN, AcceptError::WouldBlock),
            (Errno::CONNABORTED, AcceptError::Retry),
            (Errno::PROTO, AcceptError::Retry),
            (Errno::INTR, AcceptError::Retry),
            (Errno::MFILE, AcceptError::Exhausted),
            (Errno::NFILE, AcceptError::Exhausted),
            (Errno::NOBUFS, AcceptError::Exhausted),
            (Errno::NOMEM, AcceptError::Exhausted),
            (Errno::BADF, AcceptError::Fatal),
            (Errno::INVAL, AcceptError::Fatal),
        ];
        for (errno, meaning) in table {
            assert_eq!(AcceptError::of(&errno.into()), meaning, "{errno}");
        }
        assert_eq!(
            AcceptError::of(&io::Error::other("no errno")),
            AcceptError::Fatal
        );
    }
}
