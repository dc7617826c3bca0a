//! The last word to a client whose first message is refused (RFC 8446 section 6).

use std::io::{self, Write};

use rustls::server::AcceptedAlert;
use rustls::{ContentType, Error, InvalidMessage};

/// Alerts of our own, fatal, before any key is agreed on.
const UNEXPECTED_MESSAGE: &[u8] = &[0x15, 3, 3, 0, 2, 2, 10];
const DECODE_ERROR: &[u8] = &[0x15, 3, 3, 0, 2, 2, 50];
/// RFC 6066 section 3.
const UNRECOGNIZED_NAME: &[u8] = &[0x15, 3, 3, 0, 2, 2, 112];

/// An alert on its way out.
pub(super) enum Alert {
    /// These bytes are left of it, maybe none.
    Ours(&'static [u8]),
    /// It is rustls'.
    Theirs(AcceptedAlert),
}

impl Alert {
    /// None: there is nothing to say.
    pub(super) const NONE: Alert = Alert::Ours(b"");

    /// The client asks for a name that is not served.
    pub(super) const UNRECOGNIZED_NAME: Alert = Alert::Ours(UNRECOGNIZED_NAME);

    /// For an error in the client's first message: rustls', or what is missing there.
    pub(super) fn of(error: &Error, alert: AcceptedAlert) -> Alert {
        match error {
            // An alert is not answered with another.
            Error::InappropriateMessage {
                got_type: ContentType::Alert,
                ..
            } => Alert::NONE,
            Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
                Alert::Ours(UNEXPECTED_MESSAGE)
            }
            Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge) => {
                Alert::Ours(DECODE_ERROR)
            }
            _ => Alert::Theirs(alert),
        }
    }

    /// Whether all of it was sent.
    pub(super) fn is_sent(&self) -> bool {
        matches!(self, Alert::Ours(b""))
    }

    /// Writes of it what `transport` takes.
    pub(super) fn send(&mut self, transport: &mut dyn Write) -> io::Result<usize> {
        let count = match self {
            Alert::Ours(bytes) => {
                let count = transport.write(bytes)?;
                *bytes = &bytes[count..];
                return Ok(count);
            }
            Alert::Theirs(alert) => alert.write(transport)?,
        };
        if count == 0 {
            *self = Alert::NONE;
        }
        Ok(count)
    }
}
