//! What a peer can do wrong.

use std::fmt;

use crate::http::Status;

macro_rules! violations {
    ($($name:ident $status:ident $explanation:literal,)*) => {
        /// A breach of the protocol or of a limit by the peer. The connection cannot be used after
        /// it: what follows is never read as a message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Violation {
            $(
                #[doc = $explanation]
                $name,
            )*
        }

        impl Violation {
            /// Every violation.
            pub const ALL: &'static [Violation] = &[$(Violation::$name,)*];

            /// The status that a server answers with before it closes.
            pub const fn status(self) -> Status {
                match self {
                    $(Violation::$name => Status::$status,)*
                }
            }

            /// One clause for logs and error pages.
            pub const fn explain(self) -> &'static str {
                match self {
                    $(Violation::$name => $explanation,)*
                }
            }
        }
    };
}

violations! {
    Method BAD_REQUEST "the method is not a token",
    Target BAD_REQUEST "the request target is malformed",
    RequestLine BAD_REQUEST "the request line is not a method, a target and a version",
    TargetTooLong URI_TOO_LONG "the request target is too long",
    Version HTTP_VERSION_NOT_SUPPORTED "the protocol version is not HTTP/1.0 or HTTP/1.1",
    StatusLine BAD_GATEWAY "the status line is malformed",
    LineEnd BAD_REQUEST "a line does not end in CR LF",
    FieldName BAD_REQUEST "a field name is not a token followed by a colon",
    FieldValue BAD_REQUEST "a field value contains a control byte",
    ObsFold BAD_REQUEST "a field value is folded over several lines",
    HeadTooLarge REQUEST_HEADER_FIELDS_TOO_LARGE "the head is too large",
    TooManyFields REQUEST_HEADER_FIELDS_TOO_LARGE "the head has too many fields",
    HostMissing BAD_REQUEST "the Host field is missing",
    HostRepeated BAD_REQUEST "the Host field is repeated",
    HostInvalid BAD_REQUEST "the host is invalid",
    LengthInvalid BAD_REQUEST "Content-Length is not a number",
    LengthRepeated BAD_REQUEST "Content-Length is repeated",
    LengthWithEncoding BAD_REQUEST "Content-Length and Transfer-Encoding are both present",
    Encoding BAD_REQUEST "Transfer-Encoding is not just chunked",
    EncodingInHttp10 BAD_REQUEST "Transfer-Encoding in an HTTP/1.0 message",
    Expectation EXPECTATION_FAILED "the expectation is not 100-continue",
    ChunkSize BAD_REQUEST "a chunk size is not a hexadecimal number of at most 16 digits",
    ChunkExtension BAD_REQUEST "a chunk extension contains a control byte",
    ChunkEnd BAD_REQUEST "a chunk does not end in CR LF",
    ChunkLineTooLong BAD_REQUEST "a chunk's size line is too long",
    TrailerTooLarge REQUEST_HEADER_FIELDS_TOO_LARGE "the trailer section is too large",
    BodyTooLarge CONTENT_TOO_LARGE "the body is too large",
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.explain())
    }
}
