//! Which routes a host has: a table from host patterns to the roots of their path trees. Knows
//! nothing of paths. Hosts come without port; letters compare without case, as names of DNS do
//! (RFC 9110 section 4.2.3).

use std::cmp::Ordering;
use std::fmt;

/// Bytes of the longest host with routes of its own: the longest name in DNS (RFC 1035).
pub const HOST_BYTES_MAX: usize = 253;

/// What is wrong with the host of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostError {
    /// It is empty, or a label between its dots is.
    Empty,
    /// It is longer than [`HOST_BYTES_MAX`].
    TooLong,
    /// It names a port.
    Port,
    /// A `*` anywhere but in a leading `*.`.
    Wildcard,
    /// A byte that is not in host names.
    NotInHosts,
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostError::Empty => f.write_str("the host or one of its labels is empty"),
            HostError::TooLong => {
                write!(f, "the host is longer than {HOST_BYTES_MAX} bytes")
            }
            HostError::Port => f.write_str("the host of a route has no port"),
            HostError::Wildcard => f.write_str("a wildcard host is written *.suffix"),
            HostError::NotInHosts => f.write_str(
                "a host has letters, digits, hyphens, underscores and dots \
                     (names in other scripts are written as xn-- labels)",
            ),
        }
    }
}

/// The roots of the path trees of all hosts but the default one.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    exact: Table,
    /// By their suffix, without `*.`.
    wildcards: Table,
}

impl Hosts {
    /// Whether only the default host has routes.
    pub(super) fn is_empty(&self) -> bool {
        self.exact.0.is_empty() && self.wildcards.0.is_empty()
    }

    /// The root of a host pattern as its user wrote it; where there is none yet, the one that
    /// `create` makes.
    pub(super) fn root_or_insert(
        &mut self,
        pattern: &str,
        create: impl FnOnce() -> u32,
    ) -> Result<u32, HostError> {
        let (table, name) = match pattern.strip_prefix("*.") {
            Some(suffix) => (&mut self.wildcards, suffix),
            None => (&mut self.exact, pattern),
        };
        let name = without_dot(name.as_bytes());
        check(name)?;
        Ok(table.find_or_insert(name, create))
    }

    /// The root of exactly this host.
    pub(super) fn exact(&self, host: &[u8]) -> Option<u32> {
        self.exact.find(without_dot(host))
    }

    /// The roots of the wildcards that cover this host, longest suffix first.
    pub(super) fn wildcards(&self, host: &[u8]) -> impl Iterator<Item = u32> {
        let host = without_dot(host);
        // Nothing that long is in the table, though its end might be: its dots are not worth a
        // search each.
        let searched = !self.wildcards.0.is_empty() && host.len() <= HOST_BYTES_MAX;
        let host = if searched { host } else { &[] };
        memchr::memchr_iter(b'.', host)
            .filter(|&dot| dot > 0)
            .filter_map(move |dot| self.wildcards.find(&host[dot + 1..]))
    }
}

/// Names in lower case with their roots, sorted by length and then by bytes: most names are told
/// apart by their length alone.
#[derive(Debug, Default)]
struct Table(Vec<(Box<[u8]>, u32)>);

impl Table {
    fn find(&self, name: &[u8]) -> Option<u32> {
        self.search(name).ok().map(|index| self.0[index].1)
    }

    fn find_or_insert(&mut self, name: &[u8], create: impl FnOnce() -> u32) -> u32 {
        match self.search(name) {
            Ok(index) => self.0[index].1,
            Err(index) => {
                let root = create();
                let name = name.to_ascii_lowercase().into();
                self.0.insert(index, (name, root));
                root
            }
        }
    }

    fn search(&self, name: &[u8]) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| compare(known, name))
    }
}

/// Compares a name in lower case with one in any case.
fn compare(known: &[u8], name: &[u8]) -> Ordering {
    let by_length = known.len().cmp(&name.len());
    by_length.then_with(|| {
        known
            .iter()
            .copied()
            .cmp(name.iter().map(u8::to_ascii_lowercase))
    })
}

/// Without the one dot that may end an absolute name.
fn without_dot(host: &[u8]) -> &[u8] {
    host.strip_suffix(b".").unwrap_or(host)
}

/// Whether routes can have this host, given without `*.` and trailing dot.
fn check(name: &[u8]) -> Result<(), HostError> {
    // An IP literal is an address in brackets (RFC 3986 section 3.2.2); its colons are no port.
    if let [b'[', address @ .., b']'] = name {
        let of_address = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
        return match address.iter().all(of_address) && !address.is_empty() {
            true => Ok(()),
            false => Err(HostError::NotInHosts),
        };
    }
    if name.len() > HOST_BYTES_MAX {
        return Err(HostError::TooLong);
    }
    if name.split(|&byte| byte == b'.').any(<[u8]>::is_empty) {
        return Err(HostError::Empty);
    }
    for &byte in name {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {}
            b'*' => return Err(HostError::Wildcard),
            b':' => return Err(HostError::Port),
            _ => return Err(HostError::NotInHosts),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hosts whose roots are their places in the list.
    fn hosts(patterns: &[&str]) -> Hosts {
        let mut hosts = Hosts::default();
        for (root, pattern) in patterns.iter().enumerate() {
            hosts.root_or_insert(pattern, || root as u32).unwrap();
        }
        hosts
    }

    fn wildcards(hosts: &Hosts, host: &str) -> Vec<u32> {
        hosts.wildcards(host.as_bytes()).collect()
    }

    #[test]
    fn exact_hosts_compare_without_case_and_trailing_dot() {
        let hosts = hosts(&["Example.com", "b.example", "a.example.", "[::1]"]);
        for (host, root) in [
            ("example.com", Some(0)),
            ("EXAMPLE.COM", Some(0)),
            ("example.com.", Some(0)),
            ("example.com..", None),
            (".example.com", None),
            ("b.example", Some(1)),
            ("a.example", Some(2)),
            ("c.example", None),
            ("[::1]", Some(3)),
            ("", None),
            (".", None),
        ] {
            assert_eq!(hosts.exact(host.as_bytes()), root, "{host}");
        }
    }

    #[test]
    fn wildcards_cover_longest_suffix_first() {
        let hosts = hosts(&["*.com", "*.Example.com", "*.b.example.com", "example.com"]);
        for (host, roots) in [
            ("b.example.com", &[1, 0][..]),
            ("a.b.example.com", &[2, 1, 0]),
            ("A.B.EXAMPLE.COM.", &[2, 1, 0]),
            ("x.a.b.example.com", &[2, 1, 0]),
            ("example.com", &[0]),
            ("aexample.com", &[0]),
            (".example.com", &[0]),
            ("com", &[]),
            (".com", &[]),
            ("a.org", &[]),
            ("", &[]),
        ] {
            assert_eq!(wildcards(&hosts, host), roots, "{host}");
        }
    }

    #[test]
    fn an_overlong_host_has_no_routes_of_its_own() {
        let hosts = hosts(&["*.com"]);
        let fits = format!("{}.com", "a".repeat(HOST_BYTES_MAX - 4));
        assert_eq!(wildcards(&hosts, &fits), [0]);
        assert_eq!(wildcards(&hosts, &format!("a{fits}")), []);
    }

    #[test]
    fn the_same_host_in_other_spelling_is_the_same_host() {
        let mut hosts = hosts(&["example.com", "*.example.com"]);
        for (pattern, root) in [("EXAMPLE.com.", 0), ("*.Example.COM.", 1)] {
            assert_eq!(hosts.root_or_insert(pattern, || 9), Ok(root));
        }
        assert_eq!(hosts.root_or_insert("example.org", || 9), Ok(9));
    }

    #[test]
    fn malformed_hosts_are_refused() {
        let long = "a".repeat(HOST_BYTES_MAX + 1);
        for (pattern, error) in [
            ("", HostError::Empty),
            (".", HostError::Empty),
            ("*.", HostError::Empty),
            ("a..b", HostError::Empty),
            (".a", HostError::Empty),
            (&long, HostError::TooLong),
            ("example.com:80", HostError::Port),
            ("*", HostError::Wildcard),
            ("*example.com", HostError::Wildcard),
            ("a.*.com", HostError::Wildcard),
            ("*.*.com", HostError::Wildcard),
            ("a/b", HostError::NotInHosts),
            ("bücher.example", HostError::NotInHosts),
            ("[]", HostError::NotInHosts),
            ("[::1%lo]", HostError::NotInHosts),
        ] {
            let result = Hosts::default().root_or_insert(pattern, || 0);
            assert_eq!(result, Err(error), "{pattern}");
        }
    }
}
