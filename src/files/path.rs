//! From the path of a request to the path of a file: decoded once, and nothing in it but names.
//!
//! Owns which names are never served, whatever is on the disk. Must not touch the disk.

use std::ffi::CStr;

/// Longest path that the system takes, with the NUL at its end (Linux `PATH_MAX`).
const PATH_BYTES_MAX: usize = 4096;

/// The one hidden name that is served, at the root only (RFC 8615): certificates are proved by it.
const WELL_KNOWN: &[u8] = b".well-known";

/// A path relative to the root: names with one slash between them. It has no empty, `.` or `..`
/// names, no NUL and no backslash.
#[derive(Debug)]
pub struct FilePath {
    /// The path with at least one NUL behind it.
    bytes: [u8; PATH_BYTES_MAX],
    len: usize,
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
}

impl FilePath {
    /// Reads the path of a request, with or without the slash at its beginning. Escapes are decoded
    /// once; what they decode to is a part of a name and never a separator, so an encoded slash or
    /// a backslash in any form, which other programs might take for one, is refused.
    ///
    /// # Errors
    ///
    /// When the path cannot name a file that is served.
    pub fn parse(raw: &[u8]) -> Result<FilePath, Refusal> {
        let mut path = FilePath {
            bytes: [0; PATH_BYTES_MAX],
            len: 0,
            is_directory: true,
        };
        for name in raw.split(|byte| *byte == b'/') {
            path.is_directory = name.is_empty();
            if !name.is_empty() {
                path.push_encoded(name)?;
            }
        }
        Ok(path)
    }

    /// Whether the request's path means a directory.
    pub fn is_directory(&self) -> bool {
        self.is_directory
    }

    /// The path for the system; `.` is the root.
    pub fn as_c_str(&self) -> &CStr {
        if self.len == 0 {
            return c".";
        }
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or(c".")
    }

    /// The last name.
    pub fn file_name(&self) -> &[u8] {
        let path = &self.bytes[..self.len];
        path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// The path of `name` in this directory; `None` when that is too long.
    pub fn join(&self, name: &str) -> Option<FilePath> {
        let mut path = FilePath {
            is_directory: false,
            ..*self
        };
        path.begin_name().ok()?;
        for byte in name.bytes() {
            path.push(byte).ok()?;
        }
        Some(path)
    }

    fn push_encoded(&mut self, name: &[u8]) -> Result<(), Refusal> {
        self.begin_name()?;
        let start = self.len;
        let mut rest = name;
        while let [first, behind @ ..] = rest {
            let mut byte = *first;
            rest = behind;
            if byte == b'%' {
                let [high, low, behind @ ..] = behind else {
                    return Err(Refusal::Malformed);
                };
                byte = hex(*high)? << 4 | hex(*low)?;
                rest = behind;
            }
            match byte {
                0 => return Err(Refusal::Malformed),
                b'/' | b'\\' => return Err(Refusal::NotServed),
                _ => self.push(byte)?,
            }
        }
        let name = &self.bytes[start..self.len];
        if name.starts_with(b".") && (start > 0 || name != WELL_KNOWN) {
            return Err(Refusal::NotServed);
        }
        Ok(())
    }

    fn begin_name(&mut self) -> Result<(), Refusal> {
        if self.len > 0 {
            self.push(b'/')
        } else {
            Ok(())
        }
    }

    fn push(&mut self, byte: u8) -> Result<(), Refusal> {
        // The last byte stays NUL.
        if self.len + 1 == PATH_BYTES_MAX {
            return Err(Refusal::NotServed);
        }
        self.bytes[self.len] = byte;
        self.len += 1;
        Ok(())
    }
}

fn hex(digit: u8) -> Result<u8, Refusal> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(Refusal::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(raw: &str) -> Result<(String, bool), Refusal> {
        let path = FilePath::parse(raw.as_bytes())?;
        Ok((
            path.as_c_str().to_str().unwrap().to_owned(),
            path.is_directory(),
        ))
    }

    #[test]
    fn names_are_decoded_once_and_joined() {
        for (raw, path, is_directory) in [
            ("/", ".", true),
            ("", ".", true),
            ("//", ".", true),
            ("/a", "a", false),
            ("a", "a", false),
            ("/a/", "a", true),
            ("/a/b.txt", "a/b.txt", false),
            ("/a//b.txt", "a/b.txt", false),
            ("/a%20b", "a b", false),
            ("/%C3%BC%c3%bc", "üü", false),
            ("/%2561", "%61", false),
            ("/%252e%252e/x", "%2e%2e/x", false),
            ("/a..b/c...", "a..b/c...", false),
            ("/.well-known/acme", ".well-known/acme", false),
            ("/%2ewell-known/", ".well-known", true),
            ("/a:b*c?", "a:b*c?", false),
        ] {
            assert_eq!(parse(raw), Ok((path.into(), is_directory)), "{raw}");
        }
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for raw in [
            "/..",
            "/../etc/passwd",
            "/a/../../etc/passwd",
            "/./a",
            "/a/.",
            "/%2e%2e/etc/passwd",
            "/%2E%2e/",
            "/.%2e/",
            "/%2e/",
            "/..%2fetc",
            "/a%2fb",
            "/a%2F..%2Fb",
            "/%2f",
            "/a\\b",
            "/..\\etc",
            "/%5c..%5C",
            "/..%5c",
            "/.git/config",
            "/a/.env",
            "/.htpasswd",
            "/...",
            "/a/.well-known/x",
            "/.well-knownx",
            "/.well-known/.x",
        ] {
            assert_eq!(parse(raw), Err(Refusal::NotServed), "{raw}");
        }
    }

    #[test]
    fn what_is_no_path_is_malformed() {
        for raw in [
            "/%",
            "/%4",
            "/%zz",
            "/%4g",
            "/a%/b",
            "/a%2",
            "/%00",
            "/a%00.txt",
            "/\0",
            "/%+1",
        ] {
            assert_eq!(parse(raw), Err(Refusal::Malformed), "{raw}");
        }
    }

    #[test]
    fn the_longest_path_has_room_for_its_nul() {
        let longest = format!("/{}", "a".repeat(PATH_BYTES_MAX - 1));
        assert_eq!(parse(&longest).unwrap().0.len(), PATH_BYTES_MAX - 1);
        assert_eq!(parse(&format!("{longest}a")), Err(Refusal::NotServed));
        let path = FilePath::parse(&longest.as_bytes()[..PATH_BYTES_MAX - 4]).unwrap();
        assert_eq!(
            path.join("a").unwrap().as_c_str().count_bytes(),
            PATH_BYTES_MAX - 3
        );
        assert!(path.join("abcd").is_none());
    }

    #[test]
    fn a_name_is_joined_to_a_directory() {
        let join = |raw: &str| {
            let path = FilePath::parse(raw.as_bytes())
                .unwrap()
                .join("index.html")
                .unwrap();
            assert_eq!(path.file_name(), b"index.html");
            path.as_c_str().to_str().unwrap().to_owned()
        };
        assert_eq!(join("/"), "index.html");
        assert_eq!(join("/a/b/"), "a/b/index.html");
    }
}
