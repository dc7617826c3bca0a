//! A client's connection as its script uses it: plaintext goes in and comes out, with or without
//! TLS between it and the link.

use std::time::Duration;

use super::voice::{AfterStall, Habits, Voice};
use crate::transport::memory;
use crate::transport::tls::{TlsVersion, client};

/// What the clients of a run that speak TLS have in common: the sessions that they can resume.
pub(super) struct Peers {
    old: client::Clients,
    new: client::Clients,
    foreign: client::Clients,
}

impl Peers {
    pub(super) fn new() -> Peers {
        Peers {
            old: clients(TlsVersion::V1_2, &[]),
            new: Peers::latest(),
            foreign: clients(TlsVersion::V1_3, &["spdy/1"]),
        }
    }

    /// Those who speak the latest version.
    pub(super) fn latest() -> client::Clients {
        clients(TlsVersion::V1_3, &[])
    }

    /// Those who speak like this.
    pub(super) fn of(&self, voice: Voice) -> Option<client::Clients> {
        match voice {
            Voice::Tls(habits) if habits.is_foreign => Some(self.foreign.clone()),
            Voice::Tls(habits) if habits.version == TlsVersion::V1_2 => Some(self.old.clone()),
            Voice::Tls(_) => Some(self.new.clone()),
            Voice::Plain | Voice::Nonsense => None,
        }
    }
}

fn clients(version: TlsVersion, protocols: &[&str]) -> client::Clients {
    client::Clients::new(&client::ClientOptions {
        trusted: &[&client::LOCALHOST],
        version: Some(version),
        protocols,
        ..client::ClientOptions::default()
    })
}

/// An alert that is not encrypted (RFC 8446 section 6).
const ALERT_BYTES: usize = 7;

/// A client's connection.
#[derive(Debug)]
pub(super) struct Wire {
    link: memory::Client,
    layer: Layer,
    /// Bytes that have come from the link.
    pub received: usize,
    has_finished: bool,
}

/// What is between the script and the link.
#[derive(Debug)]
enum Layer {
    Plain,
    Tls(Box<Secure>),
    /// What comes is an alert at most.
    Nonsense,
}

/// A client's side of TLS.
#[derive(Debug)]
struct Secure {
    client: client::Client,
    habits: Habits,
    /// Sealed and not sent yet.
    outbox: Vec<u8>,
    /// Plaintext whose end is in there.
    unsent: usize,
    /// Ciphertext that was sent.
    sent: usize,
    has_stalled: bool,
    has_corrupted: bool,
    was_refused: bool,
}

/// What sending what is sealed came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    All,
    /// There was nothing.
    Nothing,
    /// Some is left, and there may be room for it.
    Some,
    /// There is no room.
    Blocked,
    /// The client makes a pause here.
    Stalls(Duration, AfterStall),
}

impl Wire {
    /// A connection that is spoken on in this way.
    pub(super) fn new(
        link: memory::Client,
        voice: Voice,
        clients: Option<&client::Clients>,
    ) -> Wire {
        let layer = match (voice, clients) {
            (Voice::Tls(habits), Some(clients)) => Layer::Tls(Box::new(Secure {
                client: clients.connect("localhost"),
                habits,
                outbox: Vec::new(),
                unsent: 0,
                sent: 0,
                has_stalled: false,
                has_corrupted: false,
                was_refused: false,
            })),
            (Voice::Nonsense, _) => Layer::Nonsense,
            _ => Layer::Plain,
        };
        Wire {
            link,
            layer,
            received: 0,
            has_finished: false,
        }
    }

    /// Sends a part of what TLS has to send; and how much plaintext has been sent by that.
    pub(super) fn flush(&mut self) -> (Flushed, usize) {
        let flushed = self.push();
        if let (Layer::Tls(secure), (Flushed::Stalls(..), _)) = (&mut self.layer, flushed) {
            secure.has_stalled = true;
        }
        flushed
    }

    fn push(&mut self) -> (Flushed, usize) {
        let Layer::Tls(secure) = &mut self.layer else {
            return (Flushed::Nothing, 0);
        };
        secure.outbox.extend(secure.client.output());
        if self.has_finished {
            secure.outbox.clear();
        }
        if secure.outbox.is_empty() {
            return (Flushed::Nothing, 0);
        }
        let mut most = secure.habits.piece_bytes_max.min(secure.outbox.len());
        if let Some(stall) = secure.habits.stall.filter(|_| !secure.has_stalled) {
            if secure.sent == stall.after {
                return (Flushed::Stalls(stall.pause, stall.then), 0);
            }
            most = most.min(stall.after - secure.sent);
        }
        let count = self.link.send(&secure.outbox[..most]);
        secure.sent += count;
        secure.outbox.drain(..count);
        match (count, secure.outbox.is_empty()) {
            (0, _) => (Flushed::Blocked, 0),
            (_, true) => (Flushed::All, std::mem::take(&mut secure.unsent)),
            (_, false) => (Flushed::Some, 0),
        }
    }

    /// Sends as much of `bytes` as goes now, and says how much has been sent for good.
    pub(super) fn send(&mut self, bytes: &[u8]) -> usize {
        let Layer::Tls(secure) = &mut self.layer else {
            return self.link.send(bytes);
        };
        if secure.client.is_handshaking() || !secure.outbox.is_empty() {
            return 0;
        }
        let records_max = secure.habits.record_bytes_max;
        let mut taken = 0;
        for record in bytes.chunks(records_max) {
            self.seal(record);
            match self.push() {
                (Flushed::All, count) => taken += count,
                _ => break,
            }
        }
        taken
    }

    fn seal(&mut self, record: &[u8]) {
        if let Layer::Tls(secure) = &mut self.layer {
            secure.client.write(record);
            secure.unsent += record.len();
        }
    }

    /// Whether TLS has something to send.
    pub(super) fn has_unsent(&mut self) -> bool {
        match &mut self.layer {
            Layer::Tls(secure) if !self.has_finished => {
                secure.outbox.extend(secure.client.output());
                !secure.outbox.is_empty()
            }
            _ => false,
        }
    }

    /// Adds what has come to `inbox`; says how many bytes have come from the link.
    ///
    /// # Errors
    ///
    /// What has come is not what it should be.
    pub(super) fn receive(
        &mut self,
        inbox: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<usize, String> {
        let mut bytes = Vec::new();
        let count = self.link.receive_some(&mut bytes, bytes_max);
        self.received += count;
        match &mut self.layer {
            Layer::Plain => inbox.extend(bytes),
            Layer::Nonsense if self.received > ALERT_BYTES => {
                return Err("more than an alert answers nonsense".to_owned());
            }
            Layer::Nonsense => {}
            Layer::Tls(secure) => {
                let ingested = secure.client.ingest(&bytes, inbox);
                secure.was_refused |= ingested.is_err();
                if !secure.has_corrupted && !secure.habits.is_foreign {
                    ingested.map_err(|why| format!("its TLS: {why}"))?;
                }
            }
        }
        Ok(count)
    }

    /// Sends no more, and says so in the client's way. False if it cannot be said now.
    pub(super) fn finish(&mut self) -> bool {
        let mut shuts = true;
        if let Layer::Tls(secure) = &mut self.layer {
            if secure.client.is_handshaking() {
                return false;
            }
            if !self.has_finished && secure.habits.says_goodbye {
                secure.client.close();
            }
            shuts = secure.habits.shuts;
        }
        while let (Flushed::Some, _) = self.push() {}
        if self.has_unsent() {
            return false;
        }
        self.has_finished = true;
        if shuts {
            self.link.finish();
        }
        true
    }

    /// Says goodbye, if the client is one that does: it is about to close the connection.
    pub(super) fn part(&mut self) {
        if let Layer::Tls(secure) = &mut self.layer
            && secure.habits.says_goodbye
            && !secure.client.is_handshaking()
        {
            secure.client.close();
            while let (Flushed::Some, _) = self.push() {}
        }
    }

    /// Sends a record that cannot be decrypted; false if that is not possible yet.
    pub(super) fn corrupt(&mut self) -> bool {
        let Layer::Tls(secure) = &mut self.layer else {
            return true;
        };
        if secure.client.is_handshaking() || !secure.outbox.is_empty() {
            return false;
        }
        secure
            .client
            .write(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n");
        secure.outbox.extend(secure.client.output());
        if let Some(last) = secure.outbox.last_mut() {
            *last ^= 1;
        }
        secure.has_corrupted = true;
        true
    }

    /// Changes the client's keys, and asks for those of the server to be changed. False if it is
    /// too early.
    pub(super) fn update_keys(&mut self) -> bool {
        match &mut self.layer {
            Layer::Tls(secure) if secure.client.is_handshaking() => false,
            Layer::Tls(secure) => {
                secure.client.update_keys();
                true
            }
            _ => true,
        }
    }

    /// Breaks the connection.
    pub(super) fn reset(&mut self) {
        self.link.reset();
    }

    /// Whether nothing follows what was received.
    pub(super) fn has_ended(&self) -> bool {
        self.link.has_ended()
    }

    /// Whether the engine has broken the connection.
    pub(super) fn was_reset(&self) -> bool {
        self.link.was_reset()
    }

    /// Whether the client knows that nothing was cut off.
    pub(super) fn has_ended_cleanly(&mut self) -> bool {
        match &mut self.layer {
            Layer::Tls(secure) => secure.client.has_ended(),
            _ => true,
        }
    }

    /// Whether the client was told that TLS cannot go on.
    pub(super) fn was_refused(&self) -> bool {
        matches!(&self.layer, Layer::Tls(secure) if secure.was_refused)
    }

    /// Whether a session was agreed on, as far as the client knows.
    pub(super) fn is_secured(&self) -> bool {
        match &self.layer {
            Layer::Tls(secure) => !secure.client.is_handshaking(),
            _ => false,
        }
    }
}
