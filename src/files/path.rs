//! From the path of a request to the path of a file: decoded once, and nothing in it but names.
//!
//! Owns which names are never served, whatever is on the disk. Must not touch the disk.

use std::ffi::CStr;

/// Longest path that the system takes, with the NUL at its end (Linux `PATH_MAX`).
const PATH_BYTES_MAX: usize = 4096;

/// The one hidden name that is always served, at the root only (RFC 8615): certificates are proved
/// by it.
const WELL_KNOWN: &[u8] = b".well-known";

/// A path relative to the root: names with one slash between them. It has no empty, `.` or `..`
/// names, no NUL and no backslash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePath<'b> {
    /// The names, and a NUL behind them.
    bytes: &'b [u8],
    /// Whether the request's path ended in a slash, and so means a directory.
    is_directory: bool,
}

/// Why a request's path names no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no path: a broken escape, or a NUL.
    Malformed,
    /// No file of that name is ever served.
    NotServed,
    /// Neither, for a name has an encoded slash or a backslash in it; but an application may have a
    /// route of that name.
    Separator,
}

impl<'b> FilePath<'b> {
    /// Reads the path of a request, with or without the slash at its beginning, into `buffer`,
    /// whose content is lost. Names that begin with a dot are served only if `hidden` says so.
    ///
    /// Escapes are decoded once; what they decode to is a part of a name and never a separator.
    /// What another program might read as a separator or a dot is refused, so that all agree on
    /// what the path names: an encoded slash, a backslash in any form, either of them or a dot,
    /// NUL or percent sign encoded twice, and UTF-8 of more bytes than a character needs. Bytes
    /// that are no UTF-8 at all are names as any other.
    ///
    /// # Errors
    ///
    /// When the path cannot name a file that is served. The first name that cannot decides.
    pub fn parse(
        raw: &[u8],
        hidden: bool,
        buffer: &'b mut Vec<u8>,
    ) -> Result<FilePath<'b>, Refusal> {
        let raw = raw.strip_prefix(b"/").unwrap_or(raw);
        buffer.clear();
        if is_plain(raw) {
            buffer.extend_from_slice(raw);
        } else {
            decode(raw, hidden, buffer)?;
        }
        if buffer.ends_with(b"/") {
            buffer.pop();
        }
        let is_directory = raw.last().is_none_or(|byte| *byte == b'/');
        FilePath::finish(buffer, is_directory).ok_or(Refusal::NotServed)
    }

    /// Whether the request's path means a directory.
    pub fn is_directory(&self) -> bool {
        self.is_directory
    }

    /// The names with one slash between them; empty for the root. It is the same for a directory
    /// with and without a slash at the end of the request's path.
    pub fn as_bytes(&self) -> &'b [u8] {
        &self.bytes[..self.bytes.len() - 1]
    }

    /// The path for the system; `.` is the root.
    pub fn as_c_str(&self) -> &'b CStr {
        if self.as_bytes().is_empty() {
            return c".";
        }
        CStr::from_bytes_until_nul(self.bytes).unwrap_or(c".")
    }

    /// The path of `name` in this directory, put into `buffer`, whose content is lost; `None` when
    /// that is too long. What is in `name` is not checked.
    pub fn join<'j>(&self, name: &str, buffer: &'j mut Vec<u8>) -> Option<FilePath<'j>> {
        buffer.clear();
        buffer.extend_from_slice(self.as_bytes());
        if !buffer.is_empty() {
            buffer.push(b'/');
        }
        buffer.extend_from_slice(name.as_bytes());
        FilePath::finish(buffer, false)
    }

    /// The path of these names, which nobody has asked for in a request: nothing is decoded, and
    /// all names are served; slashes at the ends do not count, but that the last means a directory.
    /// `None` if they lead elsewhere, or are too long.
    pub fn from_names(names: &[u8], buffer: &'b mut Vec<u8>) -> Option<FilePath<'b>> {
        buffer.clear();
        for name in names
            .split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty())
        {
            if matches!(name, b"." | b"..") || name.contains(&0) {
                return None;
            }
            if !buffer.is_empty() {
                buffer.push(b'/');
            }
            buffer.extend_from_slice(name);
        }
        FilePath::finish(buffer, names.last().is_none_or(|byte| *byte == b'/'))
    }

    /// What the file that answers for this directory is asked for by: its names and a NUL, which no
    /// path of a file has.
    pub fn directory_key(&self) -> &'b [u8] {
        self.bytes
    }

    /// Takes the names in `buffer` as path, if the system can.
    fn finish(buffer: &'b mut Vec<u8>, is_directory: bool) -> Option<FilePath<'b>> {
        buffer.push(0);
        (buffer.len() <= PATH_BYTES_MAX).then_some(FilePath {
            bytes: buffer,
            is_directory,
        })
    }
}

/// What follows the last dot of a name, without it; empty if there is none, or if it is the first
/// byte.
pub fn extension(name: &[u8]) -> &[u8] {
    match name.iter().rposition(|byte| *byte == b'.') {
        None | Some(0) => b"",
        Some(dot) => &name[dot + 1..],
    }
}

/// What kinds of bytes a request's path is made of; one that is of none stands for itself.
mod kind {
    pub const SLASH: u8 = 1;
    /// Stands for itself unless it is the first of a name.
    pub const DOT: u8 = 2;
    /// May stand for another, or must be looked at together with others.
    pub const OTHER: u8 = 4;
}

const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    kinds[b'/' as usize] = kind::SLASH;
    kinds[b'.' as usize] = kind::DOT;
    kinds[0] = kind::OTHER;
    kinds[b'%' as usize] = kind::OTHER;
    kinds[b'\\' as usize] = kind::OTHER;
    let mut byte = 0x80;
    while byte < kinds.len() {
        kinds[byte] = kind::OTHER;
        byte += 1;
    }
    kinds
};

/// Whether the path can be taken over as it is, as nearly every one can: no name is empty or begins
/// with a dot, and every byte stands for itself.
fn is_plain(raw: &[u8]) -> bool {
    const AT_START: u8 = kind::SLASH | kind::DOT | kind::OTHER;
    let mut odd = AT_START;
    let mut seen = 0;
    // Without a branch: which bytes come next cannot be foretold.
    for byte in raw {
        let kind = KINDS[usize::from(*byte)];
        seen |= kind & odd;
        odd = if kind == kind::SLASH {
            AT_START
        } else {
            kind::OTHER
        };
    }
    seen == 0
}

/// Appends the names of a path to `decoded`, each with a slash behind it and its escapes replaced
/// by what they stand for.
fn decode(raw: &[u8], hidden: bool, decoded: &mut Vec<u8>) -> Result<(), Refusal> {
    for name in raw.split(|byte| *byte == b'/') {
        if !name.is_empty() {
            let start = decoded.len();
            decode_name(name, decoded)?;
            check(&decoded[start..], start == 0, hidden)?;
            decoded.push(b'/');
        }
    }
    Ok(())
}

fn decode_name(name: &[u8], decoded: &mut Vec<u8>) -> Result<(), Refusal> {
    let mut rest = name;
    while let [first, behind @ ..] = rest {
        let mut byte = *first;
        rest = behind;
        if byte == b'%' {
            let [high, low, behind @ ..] = behind else {
                return Err(Refusal::Malformed);
            };
            byte = escaped(*high, *low).ok_or(Refusal::Malformed)?;
            rest = behind;
        }
        if byte == 0 {
            return Err(Refusal::Malformed);
        }
        decoded.push(byte);
    }
    Ok(())
}

/// Refuses a decoded name that is never served.
fn check(name: &[u8], is_first: bool, hidden: bool) -> Result<(), Refusal> {
    let is_dots = matches!(name, b"." | b"..");
    let is_hidden = name.starts_with(b".") && !(is_first && name == WELL_KNOWN);
    let is_refused = is_dots
        || (is_hidden && !hidden)
        || name.windows(3).any(is_double_escape)
        || name.windows(2).any(is_overlong);
    if is_refused {
        Err(Refusal::NotServed)
    } else if name.iter().any(|byte| matches!(byte, b'/' | b'\\')) {
        Err(Refusal::Separator)
    } else {
        Ok(())
    }
}

/// Whether a program that decodes a second time would find something in this that changes what the
/// path names.
fn is_double_escape(three: &[u8]) -> bool {
    let &[b'%', high, low] = three else {
        return false;
    };
    matches!(escaped(high, low), Some(b'.' | b'/' | b'\\' | b'\0' | b'%'))
}

/// Whether a character of UTF-8 begins here in more bytes than it needs (RFC 3629 section 3), also
/// in the five and six bytes of RFC 2279.
fn is_overlong(two: &[u8]) -> bool {
    matches!(
        two,
        [0xc0 | 0xc1, 0x80..=0xbf]
            | [0xe0, 0x80..=0x9f]
            | [0xf0, 0x80..=0x8f]
            | [0xf8, 0x80..=0x87]
            | [0xfc, 0x80..=0x83]
    )
}

/// The byte that an escape with these two digits stands for; `None` if they are none.
pub fn escaped(high: u8, low: u8) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = digit(high)? << 4 | digit(low)?;
    u8::try_from(byte).ok()
}

#[cfg(test)]
mod tests;
