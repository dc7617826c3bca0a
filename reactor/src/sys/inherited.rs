//! Listening sockets that the parent process passed: systemd's socket activation, see
//! sd_listen_fds(3).

use std::io;
use std::net::TcpListener;
use std::os::fd::RawFd;
use std::os::unix::net::UnixListener;
use std::sync::{Mutex, OnceLock, PoisonError};

use listenfd::ListenFd;
#[cfg(not(target_vendor = "apple"))]
use socket2::SockRef;

/// A listening socket that the parent process passed.
#[derive(Debug)]
pub enum Inherited {
    /// A TCP socket.
    Tcp(TcpListener),
    /// A Unix stream socket.
    Unix(UnixListener),
}

/// Takes the listening socket with this descriptor number, which is 3 for the first one passed. It
/// is closed on exec from here on; whether it blocks is as the parent left it.
///
/// # Errors
///
/// `NotFound` if it was not passed or was taken before, `InvalidInput` if it is not a listening
/// stream socket.
pub fn take_inherited(number: RawFd) -> io::Result<Inherited> {
    // Read once, for reading also takes the variables out of the environment. What was passed
    // belongs to the whole process, hence a static.
    static PASSED: OnceLock<Mutex<ListenFd>> = OnceLock::new();
    let passed = PASSED.get_or_init(|| Mutex::new(ListenFd::from_env()));
    let mut passed = passed.lock().unwrap_or_else(PoisonError::into_inner);

    let place = usize::try_from(number.saturating_sub(FIRST)).map_err(|_| missing(number))?;
    let taken = match passed.take_tcp_listener(place) {
        Ok(tcp) => tcp.map(Inherited::Tcp),
        Err(_) => {
            let unix = passed
                .take_unix_listener(place)
                .map_err(|_| unusable(number))?;
            unix.map(Inherited::Unix)
        }
    };
    let socket = taken.ok_or_else(|| missing(number))?;
    // macOS does not say whether a socket listens.
    #[cfg(target_vendor = "apple")]
    let listening = true;
    #[cfg(not(target_vendor = "apple"))]
    let listening = match &socket {
        Inherited::Tcp(tcp) => SockRef::from(tcp).is_listener()?,
        Inherited::Unix(unix) => SockRef::from(unix).is_listener()?,
    };
    if listening {
        Ok(socket)
    } else {
        Err(unusable(number))
    }
}

fn missing(number: RawFd) -> io::Error {
    let text = format!("descriptor {number} was not passed (LISTEN_FDS) or is already in use");
    io::Error::new(io::ErrorKind::NotFound, text)
}

fn unusable(number: RawFd) -> io::Error {
    let text = format!("descriptor {number} is no listening TCP or Unix stream socket");
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// The first descriptor passed: `SD_LISTEN_FDS_START`.
const FIRST: RawFd = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_was_passed() {
        for number in [RawFd::MIN, -1, 0, 2, 3, 4, RawFd::MAX] {
            assert_eq!(
                take_inherited(number).unwrap_err().kind(),
                io::ErrorKind::NotFound
            );
        }
    }
}
