//! Which of several things belongs to a name: exact names before wildcards.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

/// A table by name. `*.example.org` is for names with labels in place of the star, but not for
/// `example.org` itself. How many labels, one (RFC 6125 section 6.4.3) or more, is for who asks.
#[derive(Debug)]
pub(super) struct Names<T> {
    exact: HashMap<Box<str>, T>,
    /// By what follows `*.`.
    wildcard: HashMap<Box<str>, T>,
}

impl<T> Default for Names<T> {
    fn default() -> Names<T> {
        Names {
            exact: HashMap::new(),
            wildcard: HashMap::new(),
        }
    }
}

impl<T> Names<T> {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.wildcard.is_empty()
    }

    /// What belongs to exactly this pattern, made if it is new.
    pub fn entry(&mut self, pattern: &str, make: impl FnOnce() -> T) -> &mut T {
        let pattern = normal(pattern);
        match pattern.strip_prefix("*.") {
            Some(domain) => self.wildcard.entry(domain.into()).or_insert_with(make),
            None => self.exact.entry((*pattern).into()).or_insert_with(make),
        }
    }

    /// Whether something belongs to exactly this pattern.
    pub fn has(&self, pattern: &str) -> bool {
        let pattern = normal(pattern);
        match pattern.strip_prefix("*.") {
            Some(domain) => self.wildcard.contains_key(domain),
            None => self.exact.contains_key(&*pattern),
        }
    }

    /// What belongs to a name, in whatever case; a wildcard stands for one label, as it does in
    /// certificates.
    pub fn find(&self, name: &str) -> Option<&T> {
        let name = normal(name);
        self.exact
            .get(&*name)
            .or_else(|| self.wildcard.get(above(&name)?))
    }

    /// The same; a wildcard stands for one label or more, as it does in routes, and the longest
    /// that fits counts.
    pub fn find_below(&self, name: &str) -> Option<&T> {
        let name = normal(name);
        let mut domain = Some(&*name);
        let domains = std::iter::from_fn(|| {
            domain = above(domain?);
            domain
        });
        let found = self.exact.get(&*name);
        found.or_else(|| {
            domains
                .filter_map(|domain| self.wildcard.get(domain))
                .next()
        })
    }
}

/// Whether a text is the name of a host, or that with a leading `*.`: labels of letters, digits,
/// hyphens and underscores.
pub(super) fn is_pattern(text: &str) -> bool {
    let name = normal(text.strip_prefix("*.").unwrap_or(text));
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        !label.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    name.split('.').all(is_label)
}

/// The address that a host of a URL is, if it is not a name: an IPv6 one stands in brackets.
pub(super) fn address(host: &str) -> Option<IpAddr> {
    match host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

/// In lower case, without the dot that may end a fully qualified name.
fn normal(name: &str) -> Cow<'_, str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}

/// What is behind the first label of a name.
fn above(name: &str) -> Option<&str> {
    let (label, domain) = name.split_once('.')?;
    (!label.is_empty()).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_names_go_before_wildcards_of_one_label() {
        let mut names = Names::default();
        for (pattern, value) in [
            ("Example.org", 1),
            ("*.example.org", 2),
            ("www.example.org", 3),
            ("*.b.example.org", 4),
        ] {
            *names.entry(pattern, || 0) += value;
        }
        for (name, found) in [
            ("example.org", Some(1)),
            ("EXAMPLE.ORG", Some(1)),
            ("example.org.", Some(1)),
            ("www.example.org", Some(3)),
            ("a.example.org", Some(2)),
            ("b.example.org", Some(2)),
            ("a.b.example.org", Some(4)),
            ("a.a.example.org", None),
            (".example.org", None),
            ("*.example.org", Some(2)),
            ("org", None),
            ("", None),
        ] {
            assert_eq!(names.find(name).copied(), found, "{name}");
        }
        assert_eq!(*names.entry("WWW.example.org", || 0), 3);
        assert_eq!(*names.entry("www.example.org.", || 0), 3);
        assert!(names.has("*.EXAMPLE.org.") && !names.has("*.www.example.org"));
        for (name, found) in [
            ("a.example.org", Some(2)),
            ("a.b.example.org", Some(4)),
            ("x.a.b.example.org", Some(4)),
            ("a.a.example.org", Some(2)),
            ("a.www.example.org.", Some(2)),
            ("www.example.org", Some(3)),
            ("example.org", Some(1)),
            (".example.org", None),
            ("a..example.org", None),
            ("org", None),
        ] {
            assert_eq!(names.find_below(name).copied(), found, "{name}");
        }
    }

    #[test]
    fn an_address_is_no_name() {
        for (host, is_address) in [
            ("127.0.0.1", true),
            ("[::1]", true),
            ("[::1", false),
            ("127.0.0.1.example", false),
            ("example.org", false),
            ("", false),
        ] {
            assert_eq!(address(host).is_some(), is_address, "{host}");
        }
    }

    #[test]
    fn patterns_are_names_of_hosts() {
        for text in [
            "a",
            "a.example",
            "*.example",
            "a_b.example.",
            "xn--a.example",
            "10.0.0.1",
        ] {
            assert!(is_pattern(text), "{text}");
        }
        for text in [
            "",
            "*",
            "*.",
            ".",
            "a..b",
            "a.*",
            "a.example:8443",
            "a b",
            "[::1]",
            "ä",
        ] {
            assert!(!is_pattern(text), "{text}");
        }
    }
}
