//! What the simulation looks at in a session between two turns. In tests only.

use std::io::{self, IoSlice, Write};

use super::{Session, State};

/// What a session holds between two turns.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SessionView {
    /// Its client's first message is not there, or not answered.
    pub awaits_hello: bool,
    /// That message is there.
    pub awaits_answer: bool,
    /// The handshake is finished.
    pub is_open: bool,
    /// Ciphertext that is kept.
    pub backlog: usize,
    /// Plaintext that was not read.
    pub unread: usize,
    /// Sealed bytes that were not sent.
    pub sealed: usize,
}

impl Session {
    /// What there is between two turns.
    pub(crate) fn view(&mut self) -> SessionView {
        let mut sealed = Count(0);
        if let State::Open(connection) = &mut self.state {
            // Nothing is taken, so nothing changes.
            let _ = connection.write_tls(&mut sealed);
        }
        SessionView {
            awaits_hello: self.awaits_hello(),
            awaits_answer: self.awaits_answer(),
            is_open: self.info.is_some(),
            backlog: self.backlog.len(),
            unread: self.unread,
            sealed: sealed.0,
        }
    }
}

/// Counts what it is given (the first 64 records of it), and takes nothing.
struct Count(usize);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = bytes.len();
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0 = pieces.iter().map(|piece| piece.len()).sum();
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
