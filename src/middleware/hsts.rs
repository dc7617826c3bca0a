//! HTTP Strict Transport Security (RFC 6797): browsers that have seen the field come back over
//! HTTPS only.
//!
//! Owns the field's value. Must not know how it is written on the command line.

use std::fmt;

use reactor::{Middleware, ReplyHead, RequestView};

/// What browsers are told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HstsPolicy {
    /// How long they remember it, in seconds; zero has them forget it (RFC 6797 section 6.1.1).
    pub max_age_seconds: u64,
    /// Whether it is for all names below the host's too (section 6.1.2).
    pub includes_subdomains: bool,
    /// Whether the host asks to be in the list that browsers are shipped with
    /// (<https://hstspreload.org>).
    pub preload: bool,
}

impl fmt::Display for HstsPolicy {
    /// As the field's value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "max-age={}", self.max_age_seconds)?;
        if self.includes_subdomains {
            f.write_str("; includeSubDomains")?;
        }
        if self.preload {
            f.write_str("; preload")?;
        }
        Ok(())
    }
}

/// Adds `Strict-Transport-Security` to every answer to a request over TLS, and to none in the
/// clear, where browsers ignore it and anyone could have put it (RFC 6797 section 7.2). What could
/// not be read as a request reaches no middleware, and its 400 does not have the field.
#[derive(Debug)]
pub struct Hsts {
    value: Box<str>,
}

impl Hsts {
    /// With this policy.
    pub fn new(policy: HstsPolicy) -> Hsts {
        Hsts {
            value: policy.to_string().into(),
        }
    }
}

impl Middleware for Hsts {
    fn after(&self, request: &RequestView<'_>, head: &mut ReplyHead<'_>) {
        if request.tls().is_some() {
            // Of several such fields browsers heed the first alone (section 8.1).
            head.set_field("Strict-Transport-Security", &*self.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_written_as_the_field_has_it() {
        let mut policy = HstsPolicy {
            max_age_seconds: 31_536_000,
            includes_subdomains: false,
            preload: false,
        };
        assert_eq!(policy.to_string(), "max-age=31536000");
        policy.includes_subdomains = true;
        assert_eq!(policy.to_string(), "max-age=31536000; includeSubDomains");
        policy.preload = true;
        assert_eq!(
            policy.to_string(),
            "max-age=31536000; includeSubDomains; preload"
        );
    }
}
