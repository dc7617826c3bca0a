//! How the end of a body is known (RFC 9112 section 6.3), and the two fields that say it.

use super::Violation;
use crate::http::{Framing, Method, Status};

/// What the framing fields of a head say; each may be there once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FramingFields {
    /// `Content-Length` in bytes, if present.
    pub length: Option<u64>,
    /// Whether `Transfer-Encoding: chunked` is present.
    pub chunked: bool,
}

/// The framing of a request, by the steps of RFC 9112 section 6.3.
pub fn request(fields: FramingFields) -> Result<Framing, Violation> {
    // Steps 1 and 2 are about responses.
    match fields {
        // 3. Both fields: ought to be handled as an error, since it may be request smuggling.
        FramingFields {
            length: Some(_),
            chunked: true,
        } => Err(Violation::LengthWithEncoding),
        // 4. Transfer-Encoding whose last coding is chunked; any other is refused when it is read.
        FramingFields { chunked: true, .. } => Ok(Framing::Chunked),
        // 5. An invalid Content-Length is refused when it is read. 6. A valid one counts.
        FramingFields {
            length: Some(length),
            ..
        } => Ok(Framing::Length(length)),
        // 7. Neither: no body. Step 8 is about responses.
        FramingFields { length: None, .. } => Ok(Framing::None),
    }
}

/// The framing of the response of `status` to a request of method `request`, by the steps of RFC
/// 9112 section 6.3.
pub fn response(
    request: Method,
    status: Status,
    fields: FramingFields,
) -> Result<Framing, Violation> {
    match fields {
        // 3. Both fields. Before step 1, for they are no better in a response without a body.
        FramingFields {
            length: Some(_),
            chunked: true,
        } => Err(Violation::LengthWithEncoding),
        // 1. To HEAD, 1xx, 204 and 304: ends with the head, whatever the fields say.
        _ if request == Method::Head || status.is_bodiless() => Ok(Framing::None),
        // 2. 2xx to CONNECT: what follows the head is a tunnel.
        _ if request == Method::Connect && (200..300).contains(&status.code()) => Ok(Framing::None),
        // 4. Transfer-Encoding; any but chunked is refused when it is read.
        FramingFields { chunked: true, .. } => Ok(Framing::Chunked),
        // 5. An invalid Content-Length is refused when it is read. 6. A valid one counts.
        FramingFields {
            length: Some(length),
            ..
        } => Ok(Framing::Length(length)),
        // 7 is about requests. 8. Neither: the body ends with the connection.
        FramingFields { length: None, .. } => Ok(Framing::UntilClose),
    }
}

/// The value of `Content-Length` (RFC 9110 section 8.6): digits only. A list is refused even if its
/// members are equal, which the RFC allows but does not ask for.
pub fn content_length(value: &[u8]) -> Result<u64, Violation> {
    if value.contains(&b',') {
        return Err(Violation::LengthRepeated);
    }
    if value.is_empty() {
        return Err(Violation::LengthInvalid);
    }
    value.iter().try_fold(0u64, |length, byte| {
        if !byte.is_ascii_digit() {
            return Err(Violation::LengthInvalid);
        }
        length
            .checked_mul(10)
            .and_then(|length| length.checked_add(u64::from(byte - b'0')))
            .ok_or(Violation::LengthInvalid)
    })
}

/// Checks the value of `Transfer-Encoding`: `chunked` alone. Other codings and lists, which RFC
/// 9112 section 6.1 allows, are what intermediaries have disagreed about.
pub fn transfer_encoding(value: &[u8]) -> Result<(), Violation> {
    if value.eq_ignore_ascii_case(b"chunked") {
        Ok(())
    } else {
        Err(Violation::Encoding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEITHER: FramingFields = FramingFields {
        length: None,
        chunked: false,
    };
    const CHUNKED: FramingFields = FramingFields {
        length: None,
        chunked: true,
    };
    const FIVE: FramingFields = FramingFields {
        length: Some(5),
        chunked: false,
    };
    const BOTH: FramingFields = FramingFields {
        length: Some(5),
        chunked: true,
    };

    #[test]
    fn requests() {
        assert_eq!(request(NEITHER), Ok(Framing::None));
        assert_eq!(request(CHUNKED), Ok(Framing::Chunked));
        assert_eq!(request(FIVE), Ok(Framing::Length(5)));
        assert_eq!(request(BOTH), Err(Violation::LengthWithEncoding));
    }

    #[test]
    fn responses() {
        use Method::{Connect, Get, Head};
        for (method, status, fields, framing) in [
            (Head, Status::OK, FIVE, Framing::None),
            (Head, Status::OK, CHUNKED, Framing::None),
            (Get, Status::CONTINUE, FIVE, Framing::None),
            (Get, Status::SWITCHING_PROTOCOLS, NEITHER, Framing::None),
            (Get, Status::NO_CONTENT, CHUNKED, Framing::None),
            (Get, Status::NOT_MODIFIED, FIVE, Framing::None),
            (Connect, Status::OK, FIVE, Framing::None),
            (Connect, Status::BAD_GATEWAY, FIVE, Framing::Length(5)),
            (Get, Status::OK, CHUNKED, Framing::Chunked),
            (Get, Status::OK, FIVE, Framing::Length(5)),
            (Get, Status::OK, NEITHER, Framing::UntilClose),
            (Get, Status::NOT_FOUND, NEITHER, Framing::UntilClose),
        ] {
            assert_eq!(response(method, status, fields), Ok(framing), "{status}");
        }
        for method in [Get, Head, Connect] {
            assert_eq!(
                response(method, Status::OK, BOTH),
                Err(Violation::LengthWithEncoding)
            );
        }
    }

    #[test]
    fn lengths_are_digits_only() {
        for (value, length) in [
            (&b"0"[..], 0),
            (b"5", 5),
            (b"0000000000000000000000000000007", 7),
            (b"18446744073709551615", u64::MAX),
        ] {
            assert_eq!(content_length(value), Ok(length));
        }
        for value in [
            &b""[..],
            b"+5",
            b"-5",
            b"5 5",
            b"0x5",
            b"5.0",
            b"5;",
            b"\xb2",
            b"18446744073709551616",
            b"99999999999999999999",
            b"100000000000000000000000000000000000000",
        ] {
            assert_eq!(content_length(value), Err(Violation::LengthInvalid));
        }
        for value in [&b"5,5"[..], b"5, 5", b"5,6", b","] {
            assert_eq!(content_length(value), Err(Violation::LengthRepeated));
        }
    }

    #[test]
    fn only_chunked_alone_is_a_transfer_encoding() {
        for value in [&b"chunked"[..], b"Chunked", b"CHUNKED"] {
            assert_eq!(transfer_encoding(value), Ok(()));
        }
        for value in [
            &b""[..],
            b"identity",
            b"gzip",
            b"gzip, chunked",
            b"chunked, chunked",
            b"chunked,",
            b",chunked",
            b"chunked;q=1",
            b"\"chunked\"",
            b"xchunked",
            b"chunke",
            b"chunked\x80",
        ] {
            assert_eq!(transfer_encoding(value), Err(Violation::Encoding));
        }
    }
}
