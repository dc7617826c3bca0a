//! The certificates in use, where each came from, and how new ones take their place.

use std::fmt;
use std::io;
use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use log::Level;
use reactor::tls::{Certificate, ClientAuth, ClientAuthority, Tls, TlsPolicy};

use super::expiry::{self, Validity};
use super::load::{self, Refusal};
use super::status::Status;
use super::watch::{Publish, Watch, Watched};
use super::{Clients, Config, Pair, Source, own};

/// A self-signed certificate with less than this left gets a successor.
const OWN_LEFT_MIN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// All certificates of a server.
pub struct Certificates {
    config: Config,
    holders: Vec<Holder>,
    clients: Option<Showing>,
    tls: Arc<Tls>,
    status: Arc<Status>,
    /// Why something new could not be published yet.
    pending: Option<String>,
}

/// Why there are no certificates, in one line that names the file and the remedy.
#[derive(Debug)]
pub enum NoCertificates {
    /// Nothing is to be served.
    Fatal(String),
    /// There is to be HTTP without HTTPS.
    Off(String),
}

/// Which files to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Those that have changed and are written to no more.
    Settled,
    /// Those that were refused for a reason that may have passed since.
    Refused,
    /// Every one.
    All,
}

/// Holds a certificate, and knows where it comes from.
struct Holder {
    /// `None` if the certificate is made here and nothing may take its place.
    files: Option<Files>,
    certificate: Option<Certificate>,
    /// The fingerprint of the certificate if it was made here.
    own: Option<String>,
}

struct Files {
    pair: Pair,
    watched: Watched,
    /// Whether it is no fault if they are not there.
    are_optional: bool,
    /// Whether their keys are no secret: the demo's are in the repository, for everybody to read.
    are_public: bool,
}

/// Whose certificates clients may show.
struct Showing {
    clients: Clients,
    watched: Watched,
    authority: ClientAuthority,
}

impl Certificates {
    /// Reads the certificates.
    ///
    /// # Errors
    ///
    /// What keeps the server from starting, or HTTPS from being a part of it.
    pub fn load(config: &Config) -> Result<Certificates, NoCertificates> {
        let now = SystemTime::now();
        let why = |refusal: Refusal| NoCertificates::Fatal(refusal.why);
        let clients = config.clients.clone().map(Showing::load);
        let clients = clients.transpose().map_err(why)?;
        let holders = match &config.source {
            Source::Files(pairs) => pairs
                .iter()
                .map(Holder::load)
                .collect::<Result<Vec<_>, _>>()
                .map_err(why)?,
            Source::SelfSigned => {
                vec![Holder::own(None, now).map_err(NoCertificates::Fatal)?]
            }
            Source::Directory(folder) => match Holder::of_directory(folder, now) {
                Ok(holders) => holders,
                // Who asks for clients' certificates does not want to serve without asking.
                Err(refusal) if clients.is_some() => return Err(why(refusal)),
                Err(refusal) => return Err(NoCertificates::Off(refusal.why)),
            },
            Source::Demo(folder) => match Holder::of_directory(folder, now) {
                Ok(holders) => holders.into_iter().map(Holder::in_public).collect(),
                Err(refusal) => {
                    if folder.exists() {
                        log::info!("{refusal}; the demo is served with a self-signed certificate");
                    }
                    let mut files = Files::new(pair_in(folder, "server"), true);
                    files.watched.note(refusal);
                    files.are_public = true;
                    vec![Holder::own(Some(files), now).map_err(NoCertificates::Fatal)?]
                }
            },
        };
        let tls = arm(config, &holders, clients.as_ref(), None).map_err(NoCertificates::Fatal)?;
        let status = Arc::new(Status::default());
        status.describe(tls.certificates());
        Ok(Certificates {
            config: config.clone(),
            holders,
            clients,
            tls: Arc::new(tls),
            status,
            pending: None,
        })
    }

    /// What connections are to be opened with.
    pub fn tls(&self) -> &Arc<Tls> {
        &self.tls
    }

    /// What becomes of them.
    pub fn status(&self) -> &Arc<Status> {
        &self.status
    }

    /// Says in the log what there is to say about them, and watches over their files from now on.
    /// Whatever is new is handed to `publish`, which says why if it cannot be used.
    ///
    /// # Errors
    ///
    /// The system refuses a thread.
    pub fn watch(
        self,
        publish: impl Fn(Arc<Tls>) -> Result<(), String> + Send + 'static,
    ) -> io::Result<Watch> {
        let now = SystemTime::now();
        self.holders.iter().for_each(|holder| holder.describe(now));
        if let Some(showing) = &self.clients {
            showing.describe(now, Level::Info);
        }
        Watch::start(self, Box::new(publish))
    }

    pub(super) fn has_files(&self) -> bool {
        self.clients.is_some() || self.holders.iter().any(|holder| holder.files.is_some())
    }

    /// Reads files and lets new connections use what is new in them. What cannot be used is said,
    /// and what is in use stays.
    pub(super) fn refresh(&mut self, scope: Scope, now: SystemTime, publish: &Publish) {
        let holders = self
            .holders
            .iter_mut()
            .map(|holder| holder.refresh(scope, now));
        let clients = self
            .clients
            .iter_mut()
            .map(|showing| showing.refresh(scope, now));
        let mut has_failed = false;
        let mut is_new = self.pending.is_some() && scope != Scope::Settled;
        for result in holders.chain(clients) {
            match result {
                Ok(changed) => is_new |= changed,
                Err(why) => {
                    has_failed = true;
                    log::error!("{why}; what was in use before stays");
                    self.status.count_failure();
                }
            }
        }
        if is_new {
            self.publish(scope, publish);
        } else if scope == Scope::All && !has_failed {
            log::info!("certificates were read again: nothing has changed");
        }
    }

    /// Says which certificates need care, and renews the one that is made here.
    pub(super) fn tell_daily(&mut self, now: SystemTime, publish: &Publish) {
        let mut is_new = false;
        for holder in &mut self.holders {
            is_new |= holder.renew(now);
            if holder.level(now) != Some(Level::Info) {
                holder.describe(now);
            }
        }
        if let Some(showing) = &self.clients {
            showing.describe(now, Level::Warn);
        }
        if is_new {
            self.publish(Scope::Settled, publish);
        }
    }

    fn publish(&mut self, scope: Scope, publish: &Publish) {
        let clients = self.clients.as_ref();
        let published = arm(&self.config, &self.holders, clients, Some(&self.tls))
            .map(Arc::new)
            .and_then(|tls| publish(Arc::clone(&tls)).map(|()| tls));
        let before = self.pending.take();
        match published {
            Ok(tls) => {
                self.tls = tls;
                self.status.describe(self.tls.certificates());
                self.status.count_reload();
                log::info!("new connections use the new certificates");
            }
            Err(why) => {
                // Another try that ends as the last one did is no news.
                if scope != Scope::Refused || before.as_ref() != Some(&why) {
                    self.status.count_failure();
                    log::error!("{why}; what was in use before stays");
                }
                self.pending = Some(why);
            }
        }
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tls.fmt(f)
    }
}

/// All of it as the engine takes it.
fn arm(
    config: &Config,
    holders: &[Holder],
    clients: Option<&Showing>,
    previous: Option<&Tls>,
) -> Result<Tls, String> {
    let mut builder = Tls::builder()
        .strict_names(config.strict_names)
        .tickets(config.tickets)
        .policy(TlsPolicy {
            min_version: config.min_version,
            client_auth: match clients {
                None => ClientAuth::Off,
                Some(showing) if showing.clients.required => {
                    ClientAuth::Required(showing.authority.clone())
                }
                Some(showing) => ClientAuth::Optional(showing.authority.clone()),
            },
        });
    for certificate in holders
        .iter()
        .filter_map(|holder| holder.certificate.as_ref())
    {
        builder = builder.certificate(certificate.clone());
    }
    builder
        .build(previous)
        .map_err(|error| format!("cannot use the certificates: {error}"))
}

/// The pair of this name in a directory.
fn pair_in(folder: &Path, name: &str) -> Pair {
    Pair {
        certificate: folder.join(format!("{name}.crt")),
        key: folder.join(format!("{name}.key")),
    }
}

/// Why this certificate of a pair is refused, if it is one that is not in force.
fn not_in_force(pair: &Pair, certificate: &Certificate, now: SystemTime) -> Refusal {
    let path = pair.certificate.display();
    Refusal {
        why: format!("{path} {}", expiry::validity(certificate, now)),
        may_pass: Validity::of(certificate, now) == Validity::NotYet,
    }
}

impl Files {
    fn new(pair: Pair, are_optional: bool) -> Files {
        Files {
            watched: Watched::new(vec![pair.certificate.clone(), pair.key.clone()]),
            pair,
            are_optional,
            are_public: false,
        }
    }

    fn are_there(&self) -> bool {
        self.pair.certificate.exists() && self.pair.key.exists()
    }
}

impl Holder {
    /// With a key that is no secret.
    fn in_public(mut self) -> Holder {
        if let Some(files) = &mut self.files {
            files.are_public = true;
        }
        self
    }

    /// Of a pair that must be there; whether it is in force does not matter.
    fn load(pair: &Pair) -> Result<Holder, Refusal> {
        let files = Files::new(pair.clone(), false);
        Ok(Holder {
            certificate: Some(load::pair(pair)?),
            files: Some(files),
            own: None,
        })
    }

    /// With a certificate that is made here, until there are files.
    fn own(files: Option<Files>, now: SystemTime) -> Result<Holder, String> {
        let own = own::certificate(now)?;
        Ok(Holder {
            files,
            certificate: Some(own.certificate),
            own: Some(own.fingerprint),
        })
    }

    /// Of the pairs in a directory, the first of which must be there and in force.
    fn of_directory(folder: &Path, now: SystemTime) -> Result<Vec<Holder>, Refusal> {
        let first = Holder::load(&pair_in(folder, "server"))?;
        if let (Some(certificate), Some(files)) = (&first.certificate, &first.files)
            && !Validity::of(certificate, now).is_in_force()
        {
            return Err(not_in_force(&files.pair, certificate, now));
        }
        let mut second = Holder {
            files: Some(Files::new(pair_in(folder, "server-rsa"), true)),
            certificate: None,
            own: None,
        };
        if let Err(refusal) = second.read(now) {
            log::warn!("{refusal}; HTTPS goes on without this pair");
            if let Some(files) = &mut second.files {
                files.watched.note(refusal);
            }
        }
        Ok(vec![first, second])
    }

    /// Reads the files if they are due; whether there is a new certificate in them.
    fn refresh(&mut self, scope: Scope, now: SystemTime) -> Result<bool, String> {
        let files = self.files.as_mut();
        if !files.is_some_and(|files| files.watched.is_due(scope)) {
            return Ok(false);
        }
        let result = self.read(now);
        if result == Ok(true) {
            self.describe(now);
        }
        match &mut self.files {
            Some(files) => files.watched.judge(scope, result),
            None => Ok(false),
        }
    }

    /// Reads the files; whether there is a new certificate in them. One that is not in force does
    /// not replace one that is.
    fn read(&mut self, now: SystemTime) -> Result<bool, Refusal> {
        let Some(files) = &self.files else {
            return Ok(false);
        };
        let has_own_only = self.own.is_some() || self.certificate.is_none();
        if files.are_optional && has_own_only && !files.are_there() {
            return Ok(false);
        }
        let fresh = load::pair(&files.pair)?;
        let old = self.certificate.as_ref();
        if old == Some(&fresh) {
            return Ok(false);
        }
        let is_in_force = |certificate| Validity::of(certificate, now).is_in_force();
        if !is_in_force(&fresh) && (files.are_optional || old.is_some_and(is_in_force)) {
            return Err(not_in_force(&files.pair, &fresh, now));
        }
        self.certificate = Some(fresh);
        self.own = None;
        Ok(true)
    }

    /// Makes another certificate in time if it is one that is made here; says whether it did.
    fn renew(&mut self, now: SystemTime) -> bool {
        let left = self.certificate.as_ref().map(|c| Validity::of(c, now));
        let is_due = !matches!(left, Some(Validity::For(left)) if left >= OWN_LEFT_MIN);
        if self.own.is_none() || !is_due {
            return false;
        }
        match Holder::own(None, now) {
            Ok(fresh) => {
                self.certificate = fresh.certificate;
                self.own = fresh.own;
                self.describe(now);
                true
            }
            Err(why) => {
                log::error!("{why}");
                false
            }
        }
    }

    fn level(&self, now: SystemTime) -> Option<Level> {
        let certificate = self.certificate.as_ref()?;
        Some(Validity::of(certificate, now).level())
    }

    /// Says whose the certificate is, how long it is in force, and what is not as it should be.
    fn describe(&self, now: SystemTime) {
        let (Some(certificate), Some(level)) = (&self.certificate, self.level(now)) else {
            return;
        };
        let label = match (&self.own, &self.files) {
            (Some(fingerprint), _) => format!("the self-signed certificate SHA-256 {fingerprint}"),
            (None, Some(files)) => {
                if !files.are_public {
                    let warnings = load::warnings(&files.pair, certificate);
                    warnings.iter().for_each(|warning| log::warn!("{warning}"));
                }
                format!("the certificate {}", files.pair.certificate.display())
            }
            (None, None) => "the certificate".to_owned(),
        };
        log::log!(level, "{}", expiry::line(&label, certificate, now));
    }
}

impl Showing {
    fn load(clients: Clients) -> Result<Showing, Refusal> {
        let mut paths = vec![clients.authority.clone()];
        paths.extend(clients.revoked.clone());
        let watched = Watched::new(paths);
        Ok(Showing {
            authority: load::clients(&clients)?,
            watched,
            clients,
        })
    }

    fn refresh(&mut self, scope: Scope, now: SystemTime) -> Result<bool, String> {
        if !self.watched.is_due(scope) {
            return Ok(false);
        }
        let result = load::clients(&self.clients).map(|fresh| {
            let is_new = fresh != self.authority;
            let old = mem::replace(&mut self.authority, fresh);
            if is_new || ends(&old) != ends(&self.authority) {
                self.describe(now, Level::Info);
            }
            is_new
        });
        self.watched.judge(scope, result)
    }

    /// Says until when authorities and lists are in force, as far as it matters this much.
    fn describe(&self, now: SystemTime, least: Level) {
        for (level, line) in expiry::of_clients(&self.clients, &self.authority, now) {
            if level <= least {
                log::log!(level, "{line}");
            }
        }
    }
}

/// When authorities and lists end. A list that was made again, or the certificate of the same
/// authority, may be the same but for that.
fn ends(authority: &ClientAuthority) -> [Option<SystemTime>; 2] {
    [
        authority.authorities_good_until(),
        authority.lists_good_until(),
    ]
}

#[cfg(test)]
mod tests;
