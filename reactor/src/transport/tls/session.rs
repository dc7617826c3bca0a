//! One connection's TLS: ciphertext in and out on one side, plaintext on the other, no socket.
//!
//! ```text
//!   Hello ── ClientHello is complete ──► Chosen ── answer_hello ──► Open ── finished ──► (open)
//!     │        (the name has a policy)     waits for its turn: the answer costs a signature
//!     └── malformed, or for an unknown name: an alert ──► Refused
//! ```
//!
//! What is buffered here is bounded: a record that is incomplete or was not read yet (below 34
//! KiB; during the handshake a message in several records, 64 KiB), one read of ciphertext behind
//! it (a block), and 48 KiB of sealed records that the transport has not taken.

#[cfg(test)]
pub(crate) mod inspect;

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::mem;
use std::sync::Arc;

use rustls::server::{Accepted, Acceptor};
use rustls::{HandshakeKind, ServerConfig, ServerConnection};

use super::alert::Alert;
use super::config::Tls;
use super::info::TlsInfo;

/// Plaintext of one record while a connection begins: with its overhead it fits into one segment of
/// TCP, so that the client can use it when that arrives and need not wait for 16 KiB.
const SMALL_RECORD_BYTES: usize = 1400;

/// Records are small until this much was sent: what TCP sends before the first acknowledgement (RFC
/// 6928). Later the window has opened, and full records cost less.
const SMALL_RECORDS_BYTES: usize = 14 << 10;

/// Plaintext that is sealed before it is sent: three full records. With their overhead they stay
/// below the 64 KiB that systems cut into packets late or never; four would leave in two pieces.
const SEALED_BYTES_MAX: usize = 48 << 10;

/// Why a connection cannot go on. What is to be told to the client is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The client does not speak TLS but text, HTTP most likely. It can read an answer in text.
    Plaintext,
    /// The protocol was violated, or there is nothing that both sides want; in words.
    Failed(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Plaintext => f.write_str("the client does not speak TLS"),
            Fault::Failed(why) => f.write_str(why),
        }
    }
}

/// One connection's TLS.
pub struct Session {
    state: State,
    tls: Arc<Tls>,
    /// Ciphertext behind plaintext that was not read yet.
    backlog: Vec<u8>,
    /// Plaintext that was decrypted and not read yet.
    unread: usize,
    /// The client has said that it sends no more.
    has_ended: bool,
    /// Plaintext that still goes out in small records.
    small_bytes_left: usize,
    /// The client is asked for a certificate.
    asks_client: bool,
    /// Alert or close_notify was queued: nothing more may be sent.
    is_closed: bool,
    /// Known when the handshake is finished.
    info: Option<Box<TlsInfo>>,
}

enum State {
    Hello {
        acceptor: Acceptor,
        has_begun: bool,
    },
    /// Boxed, for it is larger than what an open connection needs for good.
    Chosen(Box<Accepted>, Arc<ServerConfig>),
    Open(ServerConnection),
    Refused(Alert),
}

impl Session {
    /// A connection whose client is to speak first.
    pub fn new(tls: Arc<Tls>) -> Session {
        Session {
            state: State::Hello {
                acceptor: Acceptor::default(),
                has_begun: false,
            },
            tls,
            backlog: Vec::new(),
            unread: 0,
            has_ended: false,
            small_bytes_left: SMALL_RECORDS_BYTES,
            asks_client: false,
            is_closed: false,
            info: None,
        }
    }

    /// Takes ciphertext in. What cannot be decrypted yet is kept.
    ///
    /// # Errors
    ///
    /// The connection is over; an alert may be waiting to be sent.
    pub fn ingest(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if !self.backlog.is_empty() {
            self.backlog.extend_from_slice(bytes);
            return Ok(());
        }
        let used = self.take_in(bytes)?;
        self.backlog.extend_from_slice(&bytes[used..]);
        Ok(())
    }

    /// Decrypts ciphertext that was kept, now that plaintext was read. Whether any was used.
    ///
    /// # Errors
    ///
    /// Like [`Session::ingest`].
    pub fn ingest_backlog(&mut self) -> Result<bool, Fault> {
        if self.backlog.is_empty() || matches!(self.state, State::Chosen(..)) {
            return Ok(false);
        }
        let backlog = mem::take(&mut self.backlog);
        let used = self.take_in(&backlog)?;
        self.backlog.extend_from_slice(&backlog[used..]);
        Ok(used > 0)
    }

    /// Whether the client's first message is still to be taken in, or to be answered.
    pub fn awaits_hello(&self) -> bool {
        matches!(self.state, State::Hello { .. } | State::Chosen(..))
    }

    /// Whether what comes next is costly, so that it has to wait for its turn before it is read:
    /// the client's first message, the second one where it had to choose another group (RFC 8446
    /// section 4.1.4), or its certificate.
    pub fn awaits_turn(&self) -> bool {
        match &self.state {
            State::Hello { .. } | State::Chosen(..) => true,
            State::Open(connection) if connection.is_handshaking() => {
                let retries = Some(HandshakeKind::FullWithHelloRetryRequest);
                self.asks_client || connection.handshake_kind() == retries
            }
            State::Open(_) | State::Refused(_) => false,
        }
    }

    /// Whether the client's first message is there, and to be answered.
    pub fn awaits_answer(&self) -> bool {
        matches!(self.state, State::Chosen(..))
    }

    /// Answers the client's first message.
    ///
    /// # Errors
    ///
    /// Like [`Session::ingest`].
    pub fn answer_hello(&mut self) -> Result<(), Fault> {
        let refused = State::Refused(Alert::NONE);
        match mem::replace(&mut self.state, refused) {
            State::Chosen(accepted, config) => match accepted.into_connection(config) {
                Ok(mut connection) => {
                    connection.set_buffer_limit(Some(SEALED_BYTES_MAX));
                    self.state = State::Open(connection);
                    self.process()
                }
                Err((error, alert)) => Err(self.refuse(Alert::Theirs(alert), &error.to_string())),
            },
            other => {
                self.state = other;
                Ok(())
            }
        }
    }

    /// How the connection was opened; `None` while the handshake is going on.
    #[inline]
    pub fn info(&self) -> Option<&TlsInfo> {
        self.info.as_deref()
    }

    /// Whether plaintext, ciphertext that may become some, or the client's end is there.
    #[inline]
    pub fn has_input(&self) -> bool {
        self.is_open() && (self.unread > 0 || self.has_ended || !self.backlog.is_empty())
    }

    /// Moves plaintext into `room`; 0 if there is none.
    #[inline]
    pub fn read(&mut self, room: &mut [u8]) -> usize {
        match &mut self.state {
            State::Open(connection) if self.unread > 0 => {
                let count = connection.reader().read(room).unwrap_or(0);
                self.unread -= count;
                count
            }
            _ => 0,
        }
    }

    /// Whether the client has said that it sends no more (close_notify), and all was read.
    #[inline]
    pub fn is_finished(&self) -> bool {
        self.has_ended && self.unread == 0
    }

    /// Seals what `pieces` hold into records, as much as is taken: a call after all was sent takes
    /// something. Returns how many bytes that are.
    pub fn seal(&mut self, pieces: &[IoSlice<'_>]) -> usize {
        let State::Open(connection) = &mut self.state else {
            return 0;
        };
        if self.is_closed {
            return 0;
        }
        let mut writer = connection.writer();
        let Some(first) = pieces.iter().find(|piece| !piece.is_empty()) else {
            return 0;
        };
        let length = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        // The writer cannot fail: what it has no room for it does not take.
        let sealed = match self.small_bytes_left {
            1.. if length > SMALL_RECORD_BYTES => {
                writer.write(&first[..first.len().min(SMALL_RECORD_BYTES)])
            }
            _ if pieces.len() == 1 => writer.write(first),
            _ => writer.write_vectored(pieces),
        };
        let sealed = sealed.unwrap_or(0);
        self.small_bytes_left = self.small_bytes_left.saturating_sub(sealed);
        sealed
    }

    /// Whether more can be sealed, now or later.
    pub fn is_open(&self) -> bool {
        !self.is_closed && matches!(self.state, State::Open(_))
    }

    /// Whether sealed bytes wait to be sent.
    #[inline]
    pub fn has_output(&self) -> bool {
        match &self.state {
            State::Open(connection) => connection.wants_write(),
            State::Refused(alert) => !alert.is_sent(),
            State::Hello { .. } | State::Chosen(..) => false,
        }
    }

    /// Writes sealed bytes to `transport`, once.
    ///
    /// # Errors
    ///
    /// Those of the transport.
    pub fn send(&mut self, transport: &mut dyn Write) -> io::Result<usize> {
        match &mut self.state {
            State::Open(connection) => connection.write_tls(transport),
            State::Refused(alert) => alert.send(transport),
            State::Hello { .. } | State::Chosen(..) => Ok(0),
        }
    }

    /// Queues the last record, which tells the client that nothing was cut off (RFC 8446 section
    /// 6.1). Whether there is anything to be sent that was not before.
    pub fn close(&mut self) -> bool {
        match &mut self.state {
            State::Open(connection) if !self.is_closed && self.info.is_some() => {
                self.is_closed = true;
                connection.send_close_notify();
                true
            }
            _ => false,
        }
    }

    /// The connection has been idle: what it sends next begins with small records again.
    pub fn restart(&mut self) {
        self.small_bytes_left = SMALL_RECORDS_BYTES;
    }

    /// Gives back memory that a connection does not need between requests.
    #[inline]
    pub fn rest(&mut self) {
        self.backlog.shrink_to_fit();
        if let State::Open(connection) = &mut self.state {
            // Nothing is read: rustls shrinks its buffer before it reads.
            let _ = connection.read_tls(&mut Nothing);
        }
    }

    /// Decrypts what it can of `bytes`; returns how many it has used.
    fn take_in(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let mut left = bytes;
        while !left.is_empty() {
            let used = match &mut self.state {
                State::Hello { .. } => self.take_hello(&mut left)?,
                State::Chosen(..) => false,
                // Nothing that follows the client's end counts.
                State::Open(_) if self.has_ended => return Ok(bytes.len()),
                State::Open(connection) => match connection.read_tls(&mut left) {
                    Ok(_) => {
                        self.process()?;
                        true
                    }
                    // There is no room for more plaintext.
                    Err(_) if self.unread > 0 => false,
                    Err(error) => return Err(Fault::Failed(error.to_string())),
                },
                State::Refused(_) => return Ok(bytes.len()),
            };
            if !used {
                break;
            }
        }
        Ok(bytes.len() - left.len())
    }

    /// Takes a part of the client's first message in.
    fn take_hello(&mut self, left: &mut &[u8]) -> Result<bool, Fault> {
        let State::Hello {
            acceptor,
            has_begun,
        } = &mut self.state
        else {
            return Ok(false);
        };
        // A record of a handshake begins with 22; a method with a letter.
        if !mem::replace(has_begun, true) && left[0].is_ascii_alphabetic() {
            return Err(Fault::Plaintext);
        }
        if let Err(error) = acceptor.read_tls(left) {
            return Err(self.refuse(Alert::NONE, &error.to_string()));
        }
        match acceptor.accept() {
            Ok(None) => Ok(true),
            Ok(Some(accepted)) => {
                let hello = accepted.client_hello();
                match self.tls.terms(hello.server_name()) {
                    Some((config, asks_client)) => {
                        self.asks_client = asks_client;
                        self.state = State::Chosen(Box::new(accepted), config);
                        Ok(true)
                    }
                    None => {
                        let why = match hello.server_name() {
                            Some(name) => format!("no certificate is for {name:?}"),
                            None => "the client names no host".into(),
                        };
                        Err(self.refuse(Alert::UNRECOGNIZED_NAME, &why))
                    }
                }
            }
            Err((error, alert)) => Err(self.refuse(Alert::of(&error, alert), &error.to_string())),
        }
    }

    /// Has what was read decrypted.
    fn process(&mut self) -> Result<(), Fault> {
        let State::Open(connection) = &mut self.state else {
            return Ok(());
        };
        match connection.process_new_packets() {
            Ok(progress) => {
                self.unread = progress.plaintext_bytes_to_read();
                self.has_ended = progress.peer_has_closed();
            }
            Err(error) => {
                // rustls has queued an alert, after which nothing may follow.
                self.is_closed = true;
                return Err(Fault::Failed(error.to_string()));
            }
        }
        if self.info.is_none() && !connection.is_handshaking() {
            let info = TlsInfo::of(connection, Arc::clone(&self.tls));
            self.info = Some(Box::new(info));
        }
        Ok(())
    }

    fn refuse(&mut self, alert: Alert, why: &str) -> Fault {
        self.state = State::Refused(alert);
        Fault::Failed(why.to_owned())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Hello { .. } => "hello",
            State::Chosen(..) => "chosen",
            State::Open(_) => "open",
            State::Refused(_) => "refused",
        };
        write!(f, "Session({state})")
    }
}

/// A source that has nothing now.
struct Nothing;

impl Read for Nothing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}
