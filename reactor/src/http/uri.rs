//! Request targets, hosts and paths (RFC 3986, RFC 9112 section 3.2): what is well-formed, how it
//! splits, and the one spelling of a path that routes and file names are compared with.

use std::fmt;
use std::net::Ipv6Addr;
use std::ops::Range;

use super::{Method, TargetForm};

/// Longest host, in bytes: what DNS can answer (RFC 1035 section 2.3.4).
pub const HOST_BYTES_MAX: usize = 255;

/// Whether this is a host without a port: a name of letters, digits, `-`, `.`, `_` and `~` without
/// empty labels (a dot at the end is allowed), an IPv4 address, or an IPv6 address in brackets.
///
/// Stricter than RFC 3986 section 3.2.2, which also allows percent-encoding and punctuation: no
/// name that DNS can answer has them, and hosts end up in file names, logs and `Location`.
pub fn is_valid_host(host: &[u8]) -> bool {
    host_len(host) == Some(host.len())
}

/// Splits `host[:port]`, as in `Host` or in a target without userinfo, into the host (an IPv6
/// address keeps its brackets) and the port if there is one. A colon without a port after it is
/// allowed (RFC 3986 section 3.2.3). `None` if either is invalid; userinfo always is.
#[inline]
pub fn split_authority(authority: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let (host, rest) = authority.split_at(host_len(authority)?);
    match rest {
        [] | [b':'] => Some((host, None)),
        [b':', digits @ ..] => Some((host, Some(port(digits)?))),
        _ => None,
    }
}

/// A split request target; the ranges are offsets in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The form.
    pub form: TargetForm,
    /// The host without its port, of absolute and authority form, else empty.
    pub host: Range<usize>,
    /// The path, undecoded; empty for `http://host`, for authority and for asterisk form.
    pub path: Range<usize>,
    /// The query without its `?`; empty when there is none.
    pub query: Range<usize>,
}

/// Splits a request target of visible ASCII without `#` and decides its form (RFC 9112 section
/// 3.2). `None` if the method does not go with the form, if the authority is invalid or has
/// userinfo, or if the scheme is neither `http` nor `https`.
pub fn split_target(method: Method, target: &[u8]) -> Option<Target> {
    match target {
        _ if method == Method::Connect => authority_form(target),
        [b'/', ..] => Some(with_path(TargetForm::Origin, 0..0, target, 0)),
        b"*" if method == Method::Options => Some(with_path(TargetForm::Asterisk, 0..0, target, 1)),
        _ => absolute_form(target),
    }
}

/// Why a path cannot be normalised; the request is answered with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// It does not begin with `/`.
    NotAbsolute,
    /// A `%` is not followed by two hexadecimal digits.
    Escape,
    /// An escape stands for NUL.
    Nul,
    /// A `..` leads above the root.
    AboveRoot,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PathError::NotAbsolute => "the path does not begin with a slash",
            PathError::Escape => "the path has a malformed percent escape",
            PathError::Nul => "the path has an escaped NUL",
            PathError::AboveRoot => "the path leads above the root",
        })
    }
}

/// Whether [`normalise`] would change or refuse this path, which is empty or begins with `/`.
/// Cheap; may say yes to a path that is normal but has escapes.
#[inline]
pub fn needs_normalising(path: &[u8]) -> bool {
    // Without a branch, and with vectors where there is enough: most paths have neither an escape
    // nor a segment that begins with a dot.
    let behind = path.get(1..).unwrap_or_default();
    let pairs = path.iter().zip(behind);
    let looks_special = |any, (first, second): (&u8, &u8)| {
        any | (*second == b'%') | (*first == b'/') & (*second == b'.')
    };
    pairs.fold(false, looks_special) && is_special(path)
}

/// The same to the letter, for a path with an escape or a segment that begins with a dot.
#[cold]
fn is_special(path: &[u8]) -> bool {
    let mut from = 0;
    while let Some(found) = memchr::memchr2(b'%', b'.', &path[from..]) {
        let at = from + found;
        let begins = at == 0 || path[at - 1] == b'/';
        let ends = matches!(&path[at + 1..], [] | [b'/', ..] | [b'.'] | [b'.', b'/', ..]);
        if path[at] == b'%' || begins && ends {
            return true;
        }
        from = at + 1;
    }
    false
}

/// Replaces what is in `out` by the normal spelling of a path: escapes of unreserved characters are
/// decoded, other escapes get upper-case digits (RFC 3986 sections 6.2.2.1 and 6.2.2.2), and `.`
/// and `..` segments are removed (section 5.2.4), escaped ones too. Escaped slashes stay escaped
/// and repeated slashes stay repeated, so that no segment changes its meaning. The result is never
/// longer than the path, and normalising it again changes nothing. An empty path stays empty.
pub fn normalise(path: &[u8], out: &mut Vec<u8>) -> Result<(), PathError> {
    out.clear();
    let Some((b'/', mut rest)) = path.split_first() else {
        return if path.is_empty() {
            Ok(())
        } else {
            Err(PathError::NotAbsolute)
        };
    };
    out.push(b'/');
    let mut segment = out.len();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'/' => {
                if !end_segment(out, segment)? {
                    out.push(b'/');
                }
                segment = out.len();
            }
            b'%' => rest = unescape(after, out)?,
            _ => out.push(byte),
        }
    }
    end_segment(out, segment)?;
    Ok(())
}

/// Ends the segment that begins at `segment`: if it is `.` or `..`, takes it and what it cancels
/// out of `out`, which then ends with a slash, and says true.
fn end_segment(out: &mut Vec<u8>, segment: usize) -> Result<bool, PathError> {
    match &out[segment..] {
        b"." => out.truncate(segment),
        b".." => {
            let parent = &out[..segment - 1];
            let slash = memchr::memrchr(b'/', parent).ok_or(PathError::AboveRoot)?;
            out.truncate(slash + 1);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Appends what the escape whose digits `rest` begins with comes to; gives what is behind it.
fn unescape<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], PathError> {
    let [high, low, rest @ ..] = rest else {
        return Err(PathError::Escape);
    };
    let (Some(high_value), Some(low_value)) = (hex_value(*high), hex_value(*low)) else {
        return Err(PathError::Escape);
    };
    match high_value << 4 | low_value {
        0 => return Err(PathError::Nul),
        byte if is_unreserved(byte) => out.push(byte),
        _ => out.extend([b'%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]),
    }
    Ok(rest)
}

/// The value of a hexadecimal digit.
fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// `unreserved` of RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    UNRESERVED[byte as usize]
}

/// `host:port` (RFC 9112 section 3.2.3). Without a port there is nothing to connect to.
fn authority_form(target: &[u8]) -> Option<Target> {
    let (host, port) = split_authority(target)?;
    port.filter(|port| *port > 0)?;
    let end = target.len();
    Some(Target {
        form: TargetForm::Authority,
        host: 0..host.len(),
        path: end..end,
        query: end..end,
    })
}

/// `http://host:port/path?query` (RFC 9112 section 3.2.2).
fn absolute_form(target: &[u8]) -> Option<Target> {
    let colon = memchr::memchr(b':', target)?;
    let (scheme, rest) = target.split_at(colon);
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return None;
    }
    let rest = rest.strip_prefix(b"://")?;
    let start = target.len() - rest.len();
    let len = memchr::memchr2(b'/', b'?', rest).unwrap_or(rest.len());
    let (host, _) = split_authority(&rest[..len])?;
    let host = start..start + host.len();
    Some(with_path(TargetForm::Absolute, host, target, start + len))
}

/// A target whose path begins at `start`.
fn with_path(form: TargetForm, host: Range<usize>, target: &[u8], start: usize) -> Target {
    let end = target.len();
    let mark = memchr::memchr(b'?', &target[start..]);
    let path_end = mark.map_or(end, |mark| start + mark);
    let query_start = mark.map_or(end, |mark| start + mark + 1);
    Target {
        form,
        host,
        path: start..path_end,
        query: query_start..end,
    }
}

/// Length of the host that `authority` begins with, or `None` if it is invalid.
#[inline]
fn host_len(authority: &[u8]) -> Option<usize> {
    if authority.first() == Some(&b'[') {
        let end = memchr::memchr(b']', authority)?;
        let address = str::from_utf8(&authority[1..end]).ok()?;
        return address.parse::<Ipv6Addr>().is_ok().then_some(end + 1);
    }
    let len = authority
        .iter()
        .position(|byte| !is_unreserved(*byte))
        .unwrap_or(authority.len());
    let host = &authority[..len];
    let dot_pair = |pair: &[u8]| pair == b"..";
    let empty_label = host.first() == Some(&b'.') || host.windows(2).any(dot_pair);
    (len > 0 && len <= HOST_BYTES_MAX && !empty_label).then_some(len)
}

/// A port number of one to five digits.
fn port(digits: &[u8]) -> Option<u16> {
    if digits.len() > 5 {
        return None;
    }
    let mut port = 0u32;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        port = port * 10 + u32::from(digit - b'0');
    }
    u16::try_from(port).ok()
}

/// `unreserved` by byte.
static UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] =
            (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests;
