//! Which hosts a certificate is for, as clients check it.

use std::net::{IpAddr, Ipv4Addr};

/// Whether one of these names of certificates is this host's, which is without port, an IPv6
/// address in its brackets. A `*` stands for one label (RFC 9525 section 6.3), never for a part of
/// an address.
pub fn are_for<'a>(mut names: impl Iterator<Item = &'a str>, host: &str) -> bool {
    if let Some(address) = address(host) {
        return names.any(|name| name.parse() == Ok(address));
    }
    // A fully qualified name may end with a dot.
    let host = host.strip_suffix('.').unwrap_or(host);
    let parent = host.split_once('.').filter(|(label, _)| !label.is_empty());
    names.any(|name| match name.strip_prefix("*.") {
        Some(domain) => parent.is_some_and(|(_, parent)| parent.eq_ignore_ascii_case(domain)),
        None => name.eq_ignore_ascii_case(host),
    })
}

/// The address that a host is, if it is not a name.
pub fn address(host: &str) -> Option<IpAddr> {
    match host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_wildcards_and_addresses_are_for_their_hosts() {
        let names = [
            "example.org",
            "*.example.net",
            "*.2.0.192",
            "192.0.2.7",
            "2001:db8::1",
        ];
        for (host, is_named) in [
            ("example.org", true),
            ("EXAMPLE.org.", true),
            ("www.example.org", false),
            ("xexample.org", false),
            ("example.org..", false),
            ("a.example.net", true),
            ("A.Example.Net.", true),
            ("example.net", false),
            (".example.net", false),
            ("a.b.example.net", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("1.2.0.192", false),
            ("[2001:db8::1]", true),
            ("[2001:DB8:0:0::1]", true),
            ("[2001:db8::2]", false),
            ("", false),
            (".", false),
        ] {
            assert_eq!(are_for(names.into_iter(), host), is_named, "{host}");
        }
        assert!(!are_for(std::iter::empty(), "example.org"));
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
}
