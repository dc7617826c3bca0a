//! Which of several things belongs to a name: exact names before wildcards.

use std::borrow::Cow;
use std::collections::HashMap;

/// A table by name. `*.example.org` is for all names with one label in place of the star (RFC 6125
/// section 6.4.3), but not for `example.org` itself.
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
        let pattern = pattern.to_ascii_lowercase();
        match pattern.strip_prefix("*.") {
            Some(domain) => self.wildcard.entry(domain.into()).or_insert_with(make),
            None => self.exact.entry(pattern.into()).or_insert_with(make),
        }
    }

    /// What belongs to a name, in whatever case.
    pub fn find(&self, name: &str) -> Option<&T> {
        let name = match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(name.to_ascii_lowercase()),
            false => Cow::Borrowed(name),
        };
        // A fully qualified name may end with a dot.
        let name = name.strip_suffix('.').unwrap_or(&name);
        self.exact.get(name).or_else(|| {
            let (label, domain) = name.split_once('.')?;
            (!label.is_empty()).then(|| self.wildcard.get(domain))?
        })
    }
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
    }
}
