//! Parsed heads: what a request or status line and its header fields come to. Text stays where it
//! was received; a head holds ranges into that text and owns no bytes.

use super::{FieldSet, Method, Status};

/// A range of bytes in the buffer that a head was parsed from. Heads are at most 65,535 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u16,
    /// Offset after the last byte.
    pub end: u16,
}

impl Span {
    /// The range from `start` to `end`.
    pub const fn new(start: usize, end: usize) -> Span {
        debug_assert!(start <= end && end <= u16::MAX as usize);
        Span {
            start: start as u16,
            end: end as u16,
        }
    }

    /// The bytes of this range of `text`.
    #[inline]
    pub fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start as usize..self.end as usize]
    }

    /// Length in bytes.
    pub const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether the range has no bytes.
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// The protocol versions that are understood; others are refused with 505.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// The four forms of a request target (RFC 9112 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetForm {
    /// `/path?query`
    Origin,
    /// `http://host/path?query`
    Absolute,
    /// `host:port`, only with CONNECT.
    Authority,
    /// `*`, only with OPTIONS.
    Asterisk,
}

/// How the end of a body is known (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// Exactly this many bytes (zero is possible: `Content-Length: 0`).
    Length(u64),
    /// Chunks up to one of size zero.
    Chunked,
    /// Everything up to the end of the connection (responses only).
    UntilClose,
}

/// A request line and what its header fields say about the connection and the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The version of the request line.
    pub version: Version,
    /// The form of the target.
    pub form: TargetForm,
    /// Whether the connection may be used for another request after this one, as far as the client
    /// is concerned (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 section
    /// 10.1.1); never set for HTTP/1.0 or without a body.
    pub expects_continue: bool,
    /// Whether `Connection` lists `upgrade`; never set for HTTP/1.0 (RFC 9110 section 7.8).
    pub wants_upgrade: bool,
    /// Where the method's text is.
    pub method_text: Span,
    /// The whole target as it was sent.
    pub target: Span,
    /// The path of the target, undecoded; empty for `http://host`, for authority and for asterisk
    /// form.
    pub path: Span,
    /// The query without its `?`; empty when there is none.
    pub query: Span,
    /// Host name or address without port and without the brackets' removal (`[::1]` stays so): from
    /// a target in absolute or authority form, else from `Host`. Empty only when HTTP/1.0 sent
    /// none.
    pub host: Span,
    /// The names of the header fields.
    pub names: FieldSet,
    /// How the end of the body is known; never [`Framing::UntilClose`].
    pub framing: Framing,
    /// Bytes of the head, from the first byte of the buffer given to the parser (skipped empty
    /// lines included) to the one after the empty line.
    pub len: usize,
}

/// A status line and what its header fields say about the connection and the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status.
    pub status: Status,
    /// The version of the status line.
    pub version: Version,
    /// Whether the connection may be used again after this response, as far as the server is
    /// concerned; never if the body ends with it.
    pub keep_alive: bool,
    /// Whether `Connection` lists `upgrade`; never set for HTTP/1.0.
    pub wants_upgrade: bool,
    /// The reason phrase.
    pub reason: Span,
    /// How the end of the body is known.
    pub framing: Framing,
    /// Bytes of the head.
    pub len: usize,
}
