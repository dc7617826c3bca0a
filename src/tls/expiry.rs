//! How long certificates stay in force, in words.

use std::time::{Duration, SystemTime};

use log::Level;
use reactor::tls::{Certificate, ClientAuthority};

use super::Clients;

/// One day.
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// With less than this left a certificate is warned of: whatever renews it has failed by then.
const WARNING: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Names of a certificate that a line lists.
const NAMES_MAX: usize = 8;

/// Whether a certificate is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    NotYet,
    /// For this much longer.
    For(Duration),
    Expired,
}

impl Validity {
    pub(super) fn of(certificate: &Certificate, now: SystemTime) -> Validity {
        if now < certificate.not_before() {
            return Validity::NotYet;
        }
        Validity::until(certificate.not_after(), now)
    }

    /// Of what has no beginning.
    fn until(end: SystemTime, now: SystemTime) -> Validity {
        match end.duration_since(now) {
            Ok(left) => Validity::For(left),
            Err(_) => Validity::Expired,
        }
    }

    pub(super) fn is_in_force(self) -> bool {
        matches!(self, Validity::For(_))
    }

    /// How much it matters.
    pub(super) fn level(self) -> Level {
        match self {
            Validity::Expired => Level::Error,
            Validity::NotYet => Level::Warn,
            Validity::For(left) if left < WARNING => Level::Warn,
            Validity::For(_) => Level::Info,
        }
    }
}

/// What there is to say about a certificate that is called `label`: whose it is, and how long it
/// is in force.
pub(super) fn line(label: &str, certificate: &Certificate, now: SystemTime) -> String {
    let names = certificate.names();
    let mut whose = certificate.subject().to_owned();
    if !names.is_empty() {
        let shown = names.len().min(NAMES_MAX);
        whose = format!("{whose}; for {}", names[..shown].join(", "));
        if names.len() > shown {
            whose = format!("{whose} and {} more", names.len() - shown);
        }
    }
    format!("{label} ({whose}) {}", validity(certificate, now))
}

/// How long it is in force, and what to do about it.
pub(super) fn validity(certificate: &Certificate, now: SystemTime) -> String {
    if Validity::of(certificate, now) != Validity::NotYet {
        return until(certificate.not_after(), ": clients refuse it", now);
    }
    let start = httpdate::fmt_http_date(certificate.not_before());
    format!(
        "is not valid before {start}: clients refuse it; check this machine's clock, or have \
         another one made"
    )
}

/// What there is to say about what clients' certificates are checked with, and how much each line
/// matters.
pub(super) fn of_clients(
    clients: &Clients,
    authority: &ClientAuthority,
    now: SystemTime,
) -> Vec<(Level, String)> {
    let mut lines = Vec::new();
    if let Some(end) = authority.authorities_good_until() {
        let path = clients.authority.display();
        let text = format!("the clients' authority {path} {}", until(end, "", now));
        lines.push((Validity::until(end, now).level(), text));
    }
    if let (Some(path), Some(end)) = (&clients.revoked, authority.lists_good_until()) {
        let harm = ": clients are refused";
        let text = format!(
            "the revocation list {} {}",
            path.display(),
            until(end, harm, now)
        );
        lines.push((Validity::until(end, now).level(), text));
    }
    lines
}

/// How long what ends then is in force, or that it is not any more and does this `harm`.
fn until(end: SystemTime, harm: &str, now: SystemTime) -> String {
    let validity = Validity::until(end, now);
    let end = httpdate::fmt_http_date(end);
    match validity {
        Validity::For(left) => {
            let days = left.as_secs() / DAY.as_secs();
            let plural = if days == 1 { "" } else { "s" };
            let renew = match validity.level() {
                Level::Info => "",
                _ => ": renew it",
            };
            format!("is valid for {days} more day{plural}, until {end}{renew}")
        }
        Validity::NotYet | Validity::Expired => format!("expired on {end}{harm}; renew it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;
    use crate::tls::load;
    use crate::tls::own::tests::write_pair;

    #[test]
    fn the_nearer_the_end_the_louder() {
        let folder = TempDir::new();
        for (from, until, level, text) in [
            (-1, 40, Level::Info, "is valid for 39 more days, until "),
            (-1, 15, Level::Info, "is valid for 14 more days, until "),
            (-1, 14, Level::Warn, "is valid for 13 more days, until "),
            (-1, 2, Level::Warn, "is valid for 1 more day, until "),
            (-3, -1, Level::Error, "expired on "),
            (2, 3, Level::Warn, "is not valid before "),
        ] {
            let files = write_pair(folder.path(), "a", from, until);
            let certificate = load::pair(&files).unwrap();
            // Some time has passed since it was written.
            let now = SystemTime::now();
            assert_eq!(Validity::of(&certificate, now).level(), level, "{text}");
            let line = line("x.crt", &certificate, now);
            assert!(
                line.starts_with(&format!("x.crt (CN=a.test; for a.test) {text}")),
                "{line}"
            );
            assert!(line.ends_with(" GMT") == (level == Level::Info), "{line}");
        }
    }
    #[test]
    fn what_clients_are_checked_with_has_its_end_too() {
        let folder = TempDir::new();
        let pair = write_pair(folder.path(), "ca", -1, 40);
        let clients = Clients {
            authority: pair.certificate,
            revoked: None,
            required: true,
        };
        let authority = load::clients(&clients).unwrap();
        let now = SystemTime::now();
        for (days, level, text) in [
            (0, Level::Info, "ca.crt is valid for 39 more days, until "),
            (27, Level::Warn, "ca.crt is valid for 12 more days, until "),
            (41, Level::Error, "ca.crt expired on "),
        ] {
            let lines = of_clients(&clients, &authority, now + days * DAY);
            let [(is, line)] = &lines[..] else {
                panic!("{lines:?}");
            };
            assert_eq!(*is, level, "{line}");
            assert!(
                line.starts_with("the clients' authority ") && line.contains(text),
                "{line}"
            );
        }
    }
}
