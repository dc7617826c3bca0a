//! Files that the system sends by itself: over connections without TLS.

use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;

use super::{Sent, Socket};
use crate::buffer::{Output, Pool};

impl Socket {
    /// Whether the system can send files by itself: not over TLS.
    pub fn passes_files(&self) -> bool {
        self.tls.is_none() && self.transport.sends_files()
    }

    /// How many bytes leave together.
    pub fn segment_bytes(&self) -> usize {
        self.transport.segment_bytes()
    }

    /// Has the system send at most `count` bytes of a file, from `offset` on; 0 where it has none.
    ///
    /// # Errors
    ///
    /// As [`Transport::send_file`] has them; after `WouldBlock` nothing can be written.
    pub fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        count: usize,
    ) -> io::Result<usize> {
        let sent = self.transport.send_file(file, offset, count);
        if matches!(&sent, Err(error) if error.kind() == ErrorKind::WouldBlock) {
            self.can_write = false;
        }
        sent
    }

    /// Flushes what [`Socket::send_file`] follows at once: the last segment need not leave before.
    pub fn flush_before_file(&mut self, output: &mut Output, pool: &mut Pool) -> Sent {
        self.write_out(output, pool, |transport, output| {
            transport.write_and_more(output.front())
        })
    }
}
