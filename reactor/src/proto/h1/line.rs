//! The rules for the parts of a line: which byte may follow, and what is wrong with one that may
//! not. Shared by the pass that records and the one that only validates, so that they cannot
//! differ.

use super::{Violation, scan};
use crate::http::{Method, Status};
use crate::limits::Limits;

/// Longest method, in bytes; the longest registered one, `UPDATEREDIRECTREF`, has 17.
pub(super) const METHOD_BYTES_MAX: usize = 32;

/// Bytes of a version and its line end, as in `HTTP/1.1` CR LF.
pub(super) const VERSION_LINE_BYTES: usize = 10;

/// Bytes of a status line that are always there, with the byte after them, as in `HTTP/1.1 200` SP.
pub(super) const STATUS_BYTES: usize = 13;

/// Where the method that begins at `start` ends with a space; `None` if that is not yet known. The
/// bytes before `from` were looked at before.
pub(super) fn method_end(
    buf: &[u8],
    start: usize,
    from: usize,
) -> Result<Option<usize>, Violation> {
    let bound = buf.len().min(start + METHOD_BYTES_MAX + 1);
    let end = scan::token_end(&buf[..bound], from);
    if end - start > METHOD_BYTES_MAX {
        return Err(Violation::Method);
    }
    match buf.get(end) {
        None => Ok(None),
        Some(b' ') if end > start => Ok(Some(end)),
        Some(b'\r') => Err(Violation::RequestLine),
        Some(b'\n') => Err(Violation::LineEnd),
        Some(_) => Err(Violation::Method),
    }
}

/// Whether the target that begins at `start` and has valid bytes up to `end` ends there with a
/// space; false if that is not yet known.
#[inline]
pub(super) fn target_ends(
    buf: &[u8],
    start: usize,
    end: usize,
    limits: &Limits,
) -> Result<bool, Violation> {
    if end - start > limits.target_bytes_max {
        return Err(Violation::TargetTooLong);
    }
    match buf.get(end) {
        None => Ok(false),
        Some(b' ') if end > start => Ok(true),
        Some(b'\r') => Err(Violation::RequestLine),
        Some(b'\n') => Err(Violation::LineEnd),
        Some(_) => Err(Violation::Target),
    }
}

/// Whether the target that begins at `start` is in origin form, where any valid bytes make a valid
/// target.
#[inline]
pub(super) fn is_origin_form(buf: &[u8], method: Method, start: usize) -> bool {
    buf[start] == b'/' && method != Method::Connect
}

/// Checks the byte at `at` of a request's version that begins at `start`, or of the line end after
/// it.
pub(super) fn check_version_byte(buf: &[u8], start: usize, at: usize) -> Result<(), Violation> {
    let byte = buf[at];
    let fits = match at - start {
        8 => byte == b'\r',
        9 if byte == b'\n' => return Ok(()),
        9 => return Err(Violation::LineEnd),
        place => is_version_byte(place, byte),
    };
    match byte {
        b'\n' => Err(Violation::LineEnd),
        _ if !fits => Err(Violation::RequestLine),
        _ if at - start == 7 => check_version(&buf[start + 5..=at]),
        _ => Ok(()),
    }
}

/// Checks the byte at `at` of a status line; its first [`STATUS_BYTES`] are known here.
pub(super) fn check_status_byte(buf: &[u8], at: usize) -> Result<(), Violation> {
    let byte = buf[at];
    let fits = match at {
        8 => byte == b' ',
        9..=11 => byte.is_ascii_digit(),
        12 => byte == b' ' || byte == b'\r',
        _ => is_version_byte(at, byte),
    };
    match at {
        _ if byte == b'\n' => Err(Violation::LineEnd),
        _ if !fits => Err(Violation::StatusLine),
        7 => check_version(&buf[5..=7]),
        11 => status(buf).map(|_| ()).ok_or(Violation::StatusLine),
        _ => Ok(()),
    }
}

/// Whether the version that begins at `start` and was checked is HTTP/1.0.
pub(super) fn is_http10(buf: &[u8], start: usize) -> bool {
    buf[start + 7] == b'0'
}

/// The status in a status line whose digits were checked.
pub(super) fn status(buf: &[u8]) -> Option<Status> {
    let code = buf[9..12]
        .iter()
        .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    Status::new(code)
}

/// What is wrong with a byte that is no part of a field name and no colon after one.
pub(super) fn name_violation(byte: u8, begins_line: bool, is_first_field: bool) -> Violation {
    match byte {
        b'\n' => Violation::LineEnd,
        b' ' | b'\t' if begins_line && !is_first_field => Violation::ObsFold,
        _ => Violation::FieldName,
    }
}

/// What is wrong with a byte other than CR at the beginning of a line after as many fields as are
/// allowed. An LF there does not begin a field: it is an empty line without its CR.
pub(super) fn excess_violation(byte: u8) -> Violation {
    match byte {
        b'\n' => Violation::LineEnd,
        _ => Violation::TooManyFields,
    }
}

/// What is wrong with a byte in a field value.
pub(super) fn value_violation(byte: u8) -> Violation {
    match byte {
        b'\n' => Violation::LineEnd,
        _ => Violation::FieldValue,
    }
}

/// What is wrong with a byte in a reason phrase.
pub(super) fn reason_violation(byte: u8) -> Violation {
    match byte {
        b'\n' => Violation::LineEnd,
        _ => Violation::StatusLine,
    }
}

/// Whether a byte is at its place in `HTTP/x.y`.
fn is_version_byte(place: usize, byte: u8) -> bool {
    match place {
        5 | 7 => byte.is_ascii_digit(),
        _ => b"HTTP/x.y".get(place) == Some(&byte),
    }
}

/// Checks the `x.y` of a well-formed version.
fn check_version(version: &[u8]) -> Result<(), Violation> {
    match version {
        b"1.0" | b"1.1" => Ok(()),
        _ => Err(Violation::Version),
    }
}
