//! The header fields that decide framing and the life of the connection: which of them a head has,
//! whether they may stand together, and what they say. Knows nothing of how lines are found.

use super::framing::{self, FramingFields};
use super::{Violation, scan};
use crate::http::{FieldName, FieldSet, Span, Version, uri};

/// Whose head is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A client's.
    Request,
    /// An origin's.
    Response,
}

/// What is known before a field's value: enough to refuse a field by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The message is HTTP/1.0.
    pub(super) http10: bool,
    host: bool,
    length: bool,
    encoding: bool,
}

impl Seen {
    /// Takes note that a field of this name begins, or refuses it.
    #[inline]
    pub(super) fn announce(&mut self, id: FieldName, role: Role) -> Result<(), Violation> {
        match id {
            FieldName::Host if role == Role::Request => {
                if self.host {
                    return Err(Violation::HostRepeated);
                }
                self.host = true;
            }
            FieldName::ContentLength => {
                if self.length {
                    return Err(Violation::LengthRepeated);
                }
                if self.encoding {
                    return Err(Violation::LengthWithEncoding);
                }
                self.length = true;
            }
            FieldName::TransferEncoding => {
                if self.http10 {
                    return Err(Violation::EncodingInHttp10);
                }
                if self.encoding {
                    return Err(Violation::Encoding);
                }
                if self.length {
                    return Err(Violation::LengthWithEncoding);
                }
                self.encoding = true;
            }
            _ => {}
        }
        Ok(())
    }
}

/// What the fields read so far say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Control {
    pub(super) role: Role,
    pub(super) seen: Seen,
    /// The names of the fields.
    pub(super) names: FieldSet,
    /// The host of `Host`, without the port.
    pub(super) host: Span,
    length: u64,
    close: bool,
    keep_alive: bool,
    upgrade: bool,
    expects_continue: bool,
}

impl Control {
    /// Nothing read yet, or only what `seen` says.
    pub(super) fn new(role: Role, seen: Seen) -> Control {
        Control {
            role,
            seen,
            names: FieldSet::default(),
            host: Span::default(),
            length: 0,
            close: false,
            keep_alive: false,
            upgrade: false,
            expects_continue: false,
        }
    }

    /// Takes in the value of a field that [`FieldName::frames`], or refuses it.
    #[inline]
    pub(super) fn judge(
        &mut self,
        id: FieldName,
        buf: &[u8],
        value: Span,
    ) -> Result<(), Violation> {
        let text = value.of(buf);
        match id {
            FieldName::Host if self.role == Role::Request => {
                let (host, _) = uri::split_authority(text).ok_or(Violation::HostInvalid)?;
                let start = value.start as usize;
                self.host = Span::new(start, start + host.len());
            }
            FieldName::Connection => self.connection(text),
            FieldName::ContentLength => self.length = framing::content_length(text)?,
            FieldName::TransferEncoding => framing::transfer_encoding(text)?,
            // It may be empty (RFC 9110 section 10.1.1).
            FieldName::Expect if self.role == Role::Request && !text.is_empty() => {
                if !text.eq_ignore_ascii_case(b"100-continue") {
                    return Err(Violation::Expectation);
                }
                self.expects_continue = true;
            }
            _ => {}
        }
        Ok(())
    }

    /// The framing fields.
    pub(super) fn framing_fields(&self) -> FramingFields {
        FramingFields {
            length: self.seen.length.then_some(self.length),
            chunked: self.seen.encoding,
        }
    }

    /// The version.
    pub(super) fn version(&self) -> Version {
        if self.seen.http10 {
            Version::Http10
        } else {
            Version::Http11
        }
    }

    /// Whether the head had `Host`.
    pub(super) fn has_host(&self) -> bool {
        self.seen.host
    }

    /// Whether the connection may be used again (RFC 9112 section 9.3).
    pub(super) fn keep_alive(&self) -> bool {
        !self.close && (!self.seen.http10 || self.keep_alive)
    }

    /// Whether `Connection` lists `upgrade`, which means nothing in HTTP/1.0 (RFC 9110 section
    /// 7.8).
    pub(super) fn wants_upgrade(&self) -> bool {
        self.upgrade && !self.seen.http10
    }

    /// Whether there was an expectation that counts: not in HTTP/1.0 (RFC 9110 section 10.1.1).
    pub(super) fn expects_continue(&self) -> bool {
        self.expects_continue && !self.seen.http10
    }

    /// Notes the connection options in one value; there may be several.
    fn connection(&mut self, value: &[u8]) {
        for option in value.split(|byte| *byte == b',') {
            let (from, to) = scan::trim(option, 0, option.len());
            let option = &option[from..to];
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }
}
