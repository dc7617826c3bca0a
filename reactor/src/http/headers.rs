//! Header fields: names recognised to small ids, and the table of a parsed head.

use super::Span;

macro_rules! field_names {
    ($($name:ident $text:literal,)*) => {
        /// The name of a header field that the engine or the product treats in some way, as a small
        /// number; all others are [`FieldName::Other`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum FieldName {
            $(
                #[doc = concat!("`", $text, "`")]
                $name,
            )*
            /// A name without an id.
            Other,
        }

        impl FieldName {
            /// Every name that has an id, in the order of the ids.
            pub const KNOWN: &'static [FieldName] = &[$(FieldName::$name,)*];

            /// The name in lower case; empty for [`FieldName::Other`].
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(FieldName::$name => $text,)*
                    FieldName::Other => "",
                }
            }
        }
    };
}

// The names that decide framing and connection come first: `FieldName::frames` compares ids.
field_names! {
    Host "host",
    Connection "connection",
    ContentLength "content-length",
    TransferEncoding "transfer-encoding",
    Expect "expect",
    Upgrade "upgrade",
    Te "te",
    Trailer "trailer",
    KeepAlive "keep-alive",
    ProxyConnection "proxy-connection",
    Accept "accept",
    AcceptEncoding "accept-encoding",
    AcceptLanguage "accept-language",
    AcceptRanges "accept-ranges",
    AccessControlRequestMethod "access-control-request-method",
    Age "age",
    Allow "allow",
    Authorization "authorization",
    CacheControl "cache-control",
    ContentDisposition "content-disposition",
    ContentEncoding "content-encoding",
    ContentRange "content-range",
    ContentType "content-type",
    Cookie "cookie",
    Date "date",
    ETag "etag",
    Expires "expires",
    Forwarded "forwarded",
    From "from",
    IfMatch "if-match",
    IfModifiedSince "if-modified-since",
    IfNoneMatch "if-none-match",
    IfRange "if-range",
    IfUnmodifiedSince "if-unmodified-since",
    LastEventId "last-event-id",
    LastModified "last-modified",
    Link "link",
    Location "location",
    Origin "origin",
    Pragma "pragma",
    Range "range",
    Referer "referer",
    RetryAfter "retry-after",
    SecWebSocketKey "sec-websocket-key",
    Server "server",
    SetCookie "set-cookie",
    Traceparent "traceparent",
    UserAgent "user-agent",
    Vary "vary",
    Via "via",
    WwwAuthenticate "www-authenticate",
    XForwardedFor "x-forwarded-for",
    XForwardedHost "x-forwarded-host",
    XForwardedProto "x-forwarded-proto",
    XRequestId "x-request-id",
}

impl FieldName {
    /// Whether the field takes part in framing or in the life of the connection.
    #[inline]
    pub fn frames(self) -> bool {
        self <= FieldName::Upgrade
    }
}

/// One header field of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name's id.
    pub id: FieldName,
    /// Where the name's text is.
    pub name: Span,
    /// Where the value is, without white space around it.
    pub value: Span,
}
