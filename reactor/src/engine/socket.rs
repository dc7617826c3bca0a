//! A transport with what is known of its readiness: the edge-triggered discipline in one place. TLS
//! stands here between the transport and everybody else, who sees plaintext alone.
//!
//! The poller tells of a transition once. Until the transport itself says `WouldBlock` there may be
//! more, so readiness is remembered here and cleared only by the transport.

mod passing;

use std::io::{self, ErrorKind, IoSlice, Write};

use crate::buffer::{Output, Pool};
use crate::transport::tls::{Fault, Session, TlsInfo};
use crate::transport::{Poller, Readiness, Transport};

/// Pieces that one call writes at most; what is beyond them goes with the next.
const SLICES_MAX: usize = 16;

/// Plaintext that is sealed in one go, so that a peer that takes all at once does not keep others
/// waiting: a fraction of a millisecond.
const SEALED_BYTES_A_TURN: usize = 512 << 10;

/// A socket of a slot.
#[derive(Debug)]
pub(super) struct Socket {
    transport: Transport,
    /// The connection's TLS, if it has any.
    tls: Option<Box<Session>>,
    can_read: bool,
    can_write: bool,
    /// RDHUP, HUP or ERR was seen: a short read then does not mean that the socket is drained, for
    /// no event will tell of the end of the stream behind the data.
    saw_close: bool,
    /// The end of what the peer sends was read: nothing is behind it, and no event tells of it.
    finished: bool,
    /// The connection is gone in both directions.
    broken: bool,
    /// Bytes went out since this was asked.
    has_sent: bool,
    /// Ciphertext that came in since this was asked.
    sealed_in: usize,
    /// What is sent last is not whole.
    is_cut: bool,
}

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// This many bytes; none where what came was TLS' own.
    Bytes(usize),
    /// Nothing now.
    Blocked,
    /// The peer sends no more.
    Finished,
    /// The connection is broken.
    Broken,
}

/// What a flush came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The queue is empty.
    All,
    /// The peer takes no more now.
    Blocked,
    /// The peer takes more, but others have to be served, too.
    More,
    /// The connection is broken.
    Broken,
}

/// What a look at a handshake came to.
#[derive(Debug)]
pub(super) enum Handshake {
    /// It is done.
    Finished,
    /// This many bytes were taken in; there may be more.
    GoesOn(usize),
    /// The client's first message is there; see [`Socket::answer_hello`].
    AwaitsAnswer,
    /// The client has to go on.
    Blocked,
    /// The client has left.
    Left,
    /// It cannot be done.
    Failed(Fault),
}

impl Socket {
    /// A new connection: worth a try in both directions.
    pub fn new(transport: Transport, tls: Option<Box<Session>>) -> Socket {
        Socket {
            transport,
            tls,
            can_read: true,
            can_write: true,
            saw_close: false,
            finished: false,
            broken: false,
            has_sent: false,
            sealed_in: 0,
            is_cut: false,
        }
    }

    /// Registers with the poller, once and for both directions.
    pub fn register(&mut self, poller: &mut Poller, token: usize) -> io::Result<()> {
        poller.register(&mut self.transport, token)
    }

    /// Takes note of an event.
    #[inline]
    pub fn notice(&mut self, seen: Readiness) {
        self.can_read |= seen.readable;
        self.can_write |= seen.writable;
        self.saw_close |= seen.closed;
        self.broken |= seen.broken;
    }

    /// Whether something may be at the transport.
    pub fn is_readable(&self) -> bool {
        self.can_read
    }

    /// Whether a read may bring something.
    #[inline]
    pub fn can_read(&self) -> bool {
        self.can_read || (!self.finished && self.tls.as_ref().is_some_and(|tls| tls.has_input()))
    }

    /// Whether something may still come from a client that has sent its last request: over TLS its
    /// goodbye does, and would reset a connection that is closed by then.
    pub fn expects_more(&self) -> bool {
        self.can_read() || (self.tls.is_some() && !self.finished)
    }

    /// Whether a write may be taken.
    #[inline]
    pub fn can_write(&self) -> bool {
        self.can_write
    }

    /// A write is tried again, whatever the last one has come to.
    pub fn expect_room(&mut self) {
        self.can_write = true;
    }

    /// Whether the peer has sent its last byte, or the connection is broken.
    pub fn saw_close(&self) -> bool {
        self.saw_close
    }

    /// Whether the end of what the peer sends was read.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether the connection is gone, so that nothing can be sent any more.
    #[inline]
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether sealed bytes wait to be sent.
    #[inline]
    pub fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_output())
    }

    /// What the simulation looks at in the connection's TLS.
    #[cfg(test)]
    pub fn view_tls(&mut self) -> Option<crate::transport::tls::SessionView> {
        self.tls.as_mut().map(|tls| tls.view())
    }

    /// Whether bytes went out since the last call.
    #[inline]
    pub fn take_sent(&mut self) -> bool {
        std::mem::take(&mut self.has_sent)
    }

    /// Ciphertext that came in since the last call: what decrypting costs does not show in the
    /// plaintext that it brings.
    pub fn take_sealed_in(&mut self) -> usize {
        std::mem::take(&mut self.sealed_in)
    }

    /// How the connection is secured; `None` if it is plain, or not secured yet.
    #[inline]
    pub fn tls_info(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()?.info()
    }

    /// Reads once into `room`, which must not be empty.
    #[inline]
    pub fn read(&mut self, room: &mut [u8]) -> Received {
        debug_assert!(!room.is_empty());
        match self.tls {
            None => self.receive(room),
            Some(_) => self.read_sealed(room),
        }
    }

    /// Whether what the handshake needs next has to wait for its turn: see
    /// [`Session::awaits_turn`].
    pub fn awaits_turn(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.awaits_turn())
    }

    /// Whether the client's first message is still to be read or answered.
    pub fn awaits_hello(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.awaits_hello())
    }

    /// Takes one more look at a handshake, with `room` for what arrives.
    pub fn shake_hands(&mut self, room: &mut [u8]) -> Handshake {
        let Some(tls) = &mut self.tls else {
            return Handshake::Finished;
        };
        if tls.awaits_answer() {
            return Handshake::AwaitsAnswer;
        }
        if tls.info().is_some() {
            return Handshake::Finished;
        }
        match tls.ingest_backlog() {
            Ok(false) if !self.can_read => return Handshake::Blocked,
            Ok(false) => {}
            Ok(true) => return Handshake::GoesOn(0),
            Err(fault) => return Handshake::Failed(fault),
        }
        match self.receive(room) {
            Received::Bytes(count) => match self.ingest(&room[..count]) {
                Ok(()) => Handshake::GoesOn(count),
                Err(fault) => Handshake::Failed(fault),
            },
            Received::Blocked => Handshake::Blocked,
            Received::Finished | Received::Broken => Handshake::Left,
        }
    }

    /// Answers the client's first message: what a handshake costs most.
    ///
    /// # Errors
    ///
    /// The handshake has failed.
    pub fn answer_hello(&mut self) -> Result<(), Fault> {
        self.tls.as_mut().map_or(Ok(()), |tls| tls.answer_hello())
    }

    /// The client does not speak TLS: from now on nothing is sealed.
    pub fn forget_tls(&mut self) {
        self.tls = None;
    }

    /// Whether TLS is spoken, or being agreed on.
    #[inline]
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// The connection has been idle for long: see [`Session::restart`].
    pub fn restart(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.restart();
        }
    }

    /// The connection becomes idle: it gives back what memory it can.
    #[inline]
    pub fn rest(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.rest();
        }
    }

    /// What is sent last is not whole. Over TLS the client must not be told that it was: a body may
    /// be one that only the end of the connection ends (RFC 9112 section 9.8).
    pub fn cut(&mut self) {
        self.is_cut = true;
    }

    /// Nothing follows what is sent by now. Whether that has to be said, and sent.
    pub fn finish(&mut self) -> bool {
        let tls = self.tls.as_mut().filter(|_| !self.is_cut);
        tls.is_some_and(|tls| tls.close())
    }

    /// Reads once, and decrypts what that brings.
    #[inline(never)]
    fn read_sealed(&mut self, room: &mut [u8]) -> Received {
        let Some(tls) = &mut self.tls else {
            return Received::Blocked;
        };
        if !tls.is_open() {
            // The last word was said: what the client still sends is thrown away as it comes.
            return self.receive(room);
        }
        let mut count = tls.read(room);
        if count == 0 && !tls.is_finished() {
            let taken_in = match tls.ingest_backlog() {
                Ok(false) if !self.can_read => return Received::Blocked,
                Ok(false) => match self.receive(room) {
                    Received::Bytes(count) => {
                        self.sealed_in += count;
                        self.ingest(&room[..count])
                    }
                    other => return other,
                },
                backlog => backlog.map(drop),
            };
            if let Err(fault) = taken_in {
                return self.break_off(&fault);
            }
            count = self.tls.as_mut().map_or(0, |tls| tls.read(room));
        }
        if count == 0 && self.tls.as_ref().is_some_and(|tls| tls.is_finished()) {
            self.can_read = false;
            self.saw_close = true;
            self.finished = true;
            return Received::Finished;
        }
        Received::Bytes(count)
    }

    fn ingest(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.tls.as_mut().map_or(Ok(()), |tls| tls.ingest(bytes))
    }

    /// A record cannot be decrypted: the client is told, if that can be done at once.
    #[cold]
    fn break_off(&mut self, fault: &Fault) -> Received {
        log::debug!("a connection over TLS is cut: {fault}");
        self.send_sealed();
        self.saw_close = true;
        Received::Broken
    }

    /// Reads once from the transport.
    #[inline]
    fn receive(&mut self, room: &mut [u8]) -> Received {
        loop {
            match self.transport.read(room) {
                Ok(0) => {
                    self.can_read = false;
                    self.saw_close = true;
                    self.finished = true;
                    return Received::Finished;
                }
                Ok(count) => {
                    let drained = count < room.len() && self.transport.short_read_drains();
                    if drained && !self.saw_close {
                        self.can_read = false;
                    }
                    return Received::Bytes(count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.can_read = false;
                    return Received::Blocked;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.saw_close = true;
                    return Received::Broken;
                }
            }
        }
    }

    /// Writes from `output` until it is empty or the peer takes no more. All that is queued leaves
    /// in one call where it lies in no more pieces than one call takes.
    #[inline]
    pub fn flush(&mut self, output: &mut Output, pool: &mut Pool) -> Sent {
        if self.tls.is_some() {
            return self.flush_sealed(output, pool);
        }
        self.write_out(output, pool, |transport, output| {
            if output.is_scattered() {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let count = output.slices(&mut slices);
                transport.write_vectored(&slices[..count])
            } else {
                transport.write(output.front())
            }
        })
    }

    /// Has `write` write from the head of `output` until that is empty or the peer takes no more.
    #[inline]
    fn write_out(
        &mut self,
        output: &mut Output,
        pool: &mut Pool,
        write: impl Fn(&mut Transport, &Output) -> io::Result<usize>,
    ) -> Sent {
        while !output.is_empty() {
            if !self.can_write {
                return Sent::Blocked;
            }
            match write(&mut self.transport, output) {
                Ok(count) => {
                    self.has_sent = true;
                    output.advance(count, pool);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_write = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Sent::Broken,
            }
        }
        Sent::All
    }

    /// Does it through TLS: seals as much as TLS takes, sends that, and so on.
    #[inline(never)]
    fn flush_sealed(&mut self, output: &mut Output, pool: &mut Pool) -> Sent {
        let length = output.len();
        loop {
            if length - output.len() >= SEALED_BYTES_A_TURN {
                return Sent::More;
            }
            if !self.can_write {
                let is_empty = output.is_empty() && !self.has_unsent();
                return if is_empty { Sent::All } else { Sent::Blocked };
            }
            while !output.is_empty()
                && let Some(tls) = &mut self.tls
            {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let count = output.slices(&mut slices);
                match tls.seal(&slices[..count]) {
                    0 => break,
                    sealed => output.advance(sealed, pool),
                }
            }
            match self.send_sealed() {
                Sent::All if output.is_empty() => return Sent::All,
                Sent::All if !self.is_open() => return Sent::Broken,
                Sent::All => {}
                other => return other,
            }
        }
    }

    /// Whether anything can still be sealed.
    fn is_open(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_open())
    }

    /// Sends what is sealed.
    fn send_sealed(&mut self) -> Sent {
        let Some(tls) = &mut self.tls else {
            return Sent::All;
        };
        while tls.has_output() {
            if !self.can_write {
                return Sent::Blocked;
            }
            match tls.send(&mut Wire(&mut self.transport)) {
                Ok(count) => self.has_sent |= count > 0,
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.can_write = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Sent::Broken,
            }
        }
        Sent::All
    }

    /// What was sent and not taken is thrown away when the socket is closed, and the peer is told
    /// so by a reset.
    pub fn abort(&mut self) {
        self.transport.abort();
    }

    /// Tells the peer that no more will be sent.
    pub fn shutdown_write(&mut self) {
        // Fails only when the connection is broken already, which the next read tells.
        let _ = self.transport.shutdown_write();
    }
}

/// The transport as TLS writes to it.
struct Wire<'a>(&'a mut Transport);

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match pieces {
            [only] => self.0.write(only),
            several => self.0.write_vectored(several),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
