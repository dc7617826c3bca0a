//! The flags for what is said of HTTPS in HTTP: the redirect to it, and the policy that keeps
//! browsers there.

// The texts are for terminals: what looks like a link in them is an address.
#![allow(rustdoc::broken_intra_doc_links)]

use clap::Args;

use super::tls::REMEDY;
use super::values;
use crate::config::parse_duration;
use crate::middleware::{HstsPolicy, RedirectPort};

/// A year, which is the least for browsers' own list.
const PRELOAD_SECONDS_MIN: u64 = 365 * 86_400;

/// What is said of HTTPS.
#[derive(Args, Debug)]
#[command(next_help_heading = "HTTPS")]
pub struct Https {
    /// Redirect all requests in the clear to HTTPS
    ///
    /// With 308, which keeps method, path, query and the request's own host. Clients are sent to
    /// the port of the first TLS listener, or to PORT where another one leads to it from outside.
    /// A host that no certificate names is answered with 421, unless the certificate is one made at
    /// the start or the demo's.
    /// Not for a server behind a proxy that ends TLS itself: the redirect would come back for ever.
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = LISTENER, value_parser = redirect_port)]
    pub https_redirect: Option<RedirectPort>,
    /// Tell browsers to use HTTPS only, for a year or as POLICY says
    ///
    /// POLICY is a time or max-age=SECONDS, and what is to be added: '365d; includeSubDomains',
    /// '730d; includeSubDomains; preload'. Browsers keep to it that long, whatever is changed here
    /// meanwhile; 0s has them forget it. Sent over TLS only.
    #[arg(long, value_name = "POLICY", num_args = 0..=1)]
    #[arg(default_missing_value = "max-age=31536000", value_parser = hsts)]
    pub hsts: Option<HstsPolicy>,
}

impl Https {
    /// Refuses what means nothing without a TLS listener.
    ///
    /// # Errors
    ///
    /// When one of the flags was given; says which one, and what it needs.
    pub fn check(&self, has_tls: bool) -> Result<(), String> {
        let flag = match (self.https_redirect, self.hsts) {
            _ if has_tls => return Ok(()),
            (Some(_), _) => "--https-redirect",
            (None, Some(_)) => "--hsts",
            (None, None) => return Ok(()),
        };
        Err(format!("{flag} needs a certificate: {REMEDY}"))
    }
}

/// The port that clients are redirected to.
fn redirect_port(text: &str) -> Result<RedirectPort, String> {
    if text == LISTENER {
        return Ok(RedirectPort::Listener);
    }
    match values::port(text) {
        Ok(port @ 1..) => Ok(RedirectPort::Fixed(port)),
        _ => Err("write a whole number from 1 to 65535".into()),
    }
}

/// A policy as RFC 6797 section 6.1 has it, or with a time in the place of `max-age=`.
fn hsts(text: &str) -> Result<HstsPolicy, String> {
    let (mut max_age, mut includes_subdomains, mut preload) = (None, false, false);
    let directives = text.split(';').map(str::trim);
    for directive in directives.filter(|directive| !directive.is_empty()) {
        let (name, value) = match directive.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (directive, None),
        };
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let is_new = match value {
            None if is("includeSubDomains") => !std::mem::replace(&mut includes_subdomains, true),
            None if is("preload") => !std::mem::replace(&mut preload, true),
            None => max_age.replace(seconds_of(directive)?).is_none(),
            Some(value) if is("max-age") => max_age.replace(max_age_of(value)?).is_none(),
            Some(_) => return Err(format!("there is no directive '{directive}'; {WANTED}")),
        };
        if !is_new {
            return Err(format!("'{directive}' is there already"));
        }
    }
    let policy = HstsPolicy {
        max_age_seconds: max_age.ok_or("the time is missing, as in 365d; includeSubDomains")?,
        includes_subdomains,
        preload,
    };
    if preload && !(includes_subdomains && policy.max_age_seconds >= PRELOAD_SECONDS_MIN) {
        return Err("preload needs includeSubDomains and at least 365d".into());
    }
    Ok(policy)
}

/// The time of a directive that is one.
fn seconds_of(directive: &str) -> Result<u64, String> {
    if !directive.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("there is no directive '{directive}'; {WANTED}"));
    }
    let time = parse_duration(directive).map_err(|error| error.to_string())?;
    match time.subsec_nanos() {
        0 => Ok(time.as_secs()),
        _ => Err("write whole seconds".into()),
    }
}

/// The value of `max-age`, which may be quoted (RFC 6797 section 6.1.1).
fn max_age_of(value: &str) -> Result<u64, String> {
    let quoted = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let digits = quoted.unwrap_or(value);
    match digits.parse() {
        Ok(seconds) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(seconds),
        _ => Err("max-age is a number of seconds; for a time with its unit write it alone".into()),
    }
}

/// What the redirect's flag means without a value.
const LISTENER: &str = "listener";

/// What to write in the place of what cannot be read.
const WANTED: &str = "write a time, as in '365d; includeSubDomains', and ROOT before --hsts";

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: HstsPolicy = HstsPolicy {
        max_age_seconds: 31_536_000,
        includes_subdomains: false,
        preload: false,
    };

    #[test]
    fn policies_are_read_as_the_field_and_as_a_time() {
        let with_subdomains = HstsPolicy {
            includes_subdomains: true,
            ..YEAR
        };
        let with_all = HstsPolicy {
            preload: true,
            ..with_subdomains
        };
        for (text, policy) in [
            ("max-age=31536000", YEAR),
            ("MAX-AGE = \"31536000\" ;", YEAR),
            ("365d", YEAR),
            ("8760h", YEAR),
            ("365d; includeSubDomains", with_subdomains),
            ("includesubdomains;max-age=31536000", with_subdomains),
            ("365d;includeSubDomains;preload", with_all),
        ] {
            assert_eq!(hsts(text), Ok(policy), "{text}");
        }
        for (text, seconds) in [("0s", 0), ("max-age=0", 0), ("1m30s", 90)] {
            assert_eq!(hsts(text).unwrap().max_age_seconds, seconds, "{text}");
        }
    }

    #[test]
    fn what_is_no_policy_is_refused_in_words() {
        for (text, part) in [
            ("", "the time is missing"),
            ("includeSubDomains", "the time is missing"),
            ("./public", "there is no directive './public'"),
            ("365d; includeSubdomain", "'includeSubdomain'"),
            ("365d; includeSubDomains=1", "'includeSubDomains=1'"),
            ("365d; report-uri=x", "'report-uri=x'"),
            ("31536000", "the unit is missing"),
            ("1500ms", "whole seconds"),
            ("max-age=365d", "number of seconds"),
            ("max-age=", "number of seconds"),
            ("max-age=+1", "number of seconds"),
            ("max-age=\"1", "number of seconds"),
            ("max-age=18446744073709551616", "number of seconds"),
            ("365d; max-age=1", "'max-age=1' is there already"),
            ("1d; 2d", "'2d' is there already"),
            ("1d; preload; PRELOAD", "'PRELOAD' is there already"),
            ("365d; preload", "preload needs includeSubDomains"),
            ("364d; includeSubDomains; preload", "at least 365d"),
            ("1d\r\nX-Other: 1", "a whole number with its unit"),
        ] {
            let line = hsts(text).unwrap_err();
            assert!(line.contains(part), "{text}: {line}");
        }
    }

    #[test]
    fn a_port_is_one_that_a_url_can_have() {
        assert_eq!(redirect_port(LISTENER), Ok(RedirectPort::Listener));
        assert_eq!(redirect_port("443"), Ok(RedirectPort::Fixed(443)));
        for text in ["", "0", "+1", "65536", "-1", "x"] {
            assert!(redirect_port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn without_a_tls_listener_the_flags_mean_nothing() {
        let flags = |https_redirect, hsts| Https {
            https_redirect,
            hsts,
        };
        let redirect = Some(RedirectPort::Listener);
        for (flags, named) in [
            (flags(redirect, Some(YEAR)), "--https-redirect"),
            (flags(redirect, None), "--https-redirect"),
            (flags(None, Some(YEAR)), "--hsts"),
        ] {
            assert!(flags.check(false).unwrap_err().starts_with(named));
            assert_eq!(flags.check(true), Ok(()));
        }
        assert_eq!(flags(None, None).check(false), Ok(()));
    }
}
