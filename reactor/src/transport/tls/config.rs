//! What the connections of a server are opened with: certificates by name, policies, tickets.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedCipherSuite};

use super::certificate::{Certificate, CertificateError, ClientAuthority, PROVIDER, malformed};
use super::names::{self, Names};

/// What is spoken over TLS, best first (RFC 7301); a client that offers only others is refused.
const PROTOCOLS: &[&[u8]] = &[b"http/1.1"];

/// Session tickets sent after a full handshake. One is what browsers use; each costs a record.
const TICKETS: usize = 1;

/// A version of TLS. Older ones are not spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246, with extended master secret where the client has it.
    V1_2,
    /// RFC 8446.
    V1_3,
}

impl fmt::Display for TlsVersion {
    /// As `TLSv1.3`, the way OpenSSL and nginx write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TlsVersion::V1_2 => "TLSv1.2",
            TlsVersion::V1_3 => "TLSv1.3",
        })
    }
}

/// Whether clients show certificates.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ClientAuth {
    /// They are not asked to.
    #[default]
    Off,
    /// They are asked; one that shows none is served too, one that shows a bad one is not.
    Optional(ClientAuthority),
    /// Only who shows a good one is served.
    Required(ClientAuthority),
}

/// What is demanded of clients, before a byte of HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsPolicy {
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// Whether clients show certificates.
    pub client_auth: ClientAuth,
}

impl Default for TlsPolicy {
    fn default() -> TlsPolicy {
        TlsPolicy {
            min_version: TlsVersion::V1_2,
            client_auth: ClientAuth::Off,
        }
    }
}

/// What connections are opened with. Immutable and shared by all workers; another one takes its
/// place for new connections when certificates change.
pub struct Tls {
    /// The one for all names first.
    policies: Vec<Armed>,
    /// Names with another policy, by index.
    hosts: Names<usize>,
    certificates: Arc<Certificates>,
    strict: bool,
}

/// A policy made ready.
struct Armed {
    policy: TlsPolicy,
    config: Arc<ServerConfig>,
}

/// Collects what makes up a [`Tls`].
#[derive(Debug, Default)]
pub struct TlsBuilder {
    certificates: Vec<Certificate>,
    policy: TlsPolicy,
    hosts: Vec<(String, TlsPolicy)>,
    strict: bool,
    without_tickets: bool,
}

impl TlsBuilder {
    /// With a certificate. The one for a connection is chosen by the name that the client asks for
    /// (SNI, RFC 6066 section 3): exact names before wildcards, and of several for one name the
    /// first that the client can verify. Who asks for none of the names gets the first of all.
    #[must_use]
    pub fn certificate(mut self, certificate: Certificate) -> TlsBuilder {
        self.certificates.push(certificate);
        self
    }

    /// With this policy for all names that have none of their own.
    #[must_use]
    pub fn policy(mut self, policy: TlsPolicy) -> TlsBuilder {
        self.policy = policy;
        self
    }

    /// With a policy of its own for a name; `*.example.org` is for all names below, of however many
    /// labels, as it is in routes. A request for it that comes over a connection opened with
    /// another policy is answered with 421.
    #[must_use]
    pub fn host(mut self, name: &str, policy: TlsPolicy) -> TlsBuilder {
        self.hosts.push((name.to_owned(), policy));
        self
    }

    /// Whether only names that a certificate is for are served; a client that asks for another one,
    /// or for none, is refused.
    #[must_use]
    pub fn strict_names(mut self, strict: bool) -> TlsBuilder {
        self.strict = strict;
        self
    }

    /// Whether clients may resume sessions with tickets (RFC 8446 section 2.2). Their keys live in
    /// this process alone and change every six hours; without tickets every connection has secrets
    /// of its own. There are none where clients are asked for certificates: those are checked anew
    /// for every connection.
    #[must_use]
    pub fn tickets(mut self, tickets: bool) -> TlsBuilder {
        self.without_tickets = !tickets;
        self
    }

    /// All of it. Tickets of `previous` stay good for names whose policy is as it was.
    ///
    /// # Errors
    ///
    /// There is no certificate, an authority or a revocation list is malformed, or a name of a
    /// policy is not that of a host, or has two.
    pub fn build(self, previous: Option<&Tls>) -> Result<Tls, CertificateError> {
        if self.certificates.is_empty() {
            return Err(CertificateError::NoCertificate);
        }
        let certificates = Arc::new(Certificates::new(self.certificates));
        let arm = |policy: TlsPolicy| -> Result<Armed, CertificateError> {
            // A ticket would be good for longer than the certificate that the client has shown.
            let asks_client = policy.client_auth != ClientAuth::Off;
            let ticketer = match self.without_tickets || asks_client {
                true => None,
                false => Some(ticketer(&policy, previous)?),
            };
            let config = server_config(&policy, ticketer, Arc::clone(&certificates))?;
            Ok(Armed { policy, config })
        };
        let mut policies = vec![arm(self.policy)?];
        let mut hosts = Names::default();
        for (name, policy) in self.hosts {
            if !names::is_pattern(&name) || hosts.has(&name) {
                return Err(CertificateError::PolicyName(name));
            }
            let known = policies.iter().position(|armed| armed.policy == policy);
            let index = known.unwrap_or(policies.len());
            if known.is_none() {
                policies.push(arm(policy)?);
            }
            hosts.entry(&name, || index);
        }
        Ok(Tls {
            policies,
            hosts,
            certificates,
            strict: self.strict,
        })
    }
}

impl Tls {
    /// Nothing yet.
    pub fn builder() -> TlsBuilder {
        TlsBuilder::default()
    }

    /// The certificates, in the order in which they were added.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates.list
    }

    /// Whether a client that wants this host, as it stands in URLs, is served. Who wants an address
    /// asks for no name (RFC 6066 section 3), which a strict server refuses.
    pub fn takes(&self, host: &str) -> bool {
        let is_nameless = names::address(host).is_some();
        !(self.strict && is_nameless) && self.policy_of(Some(host)).is_some()
    }

    /// Whether one of the certificates is for this host, as it stands in URLs and as clients check
    /// it (RFC 9525 section 6): by name, or by address, for which no wildcard stands.
    pub fn has_certificate_for(&self, host: &str) -> bool {
        match names::address(host) {
            Some(address) => self.certificates.by_name.has(&address.to_string()),
            None => self.certificates.by_name.find(host).is_some(),
        }
    }

    /// What a connection is opened with whose client asks for `name`, and whether it is asked for a
    /// certificate; `None` if it is refused.
    pub(super) fn terms(&self, name: Option<&str>) -> Option<(Arc<ServerConfig>, bool)> {
        let armed = &self.policies[self.policy_of(name)?];
        let asks_client = armed.policy.client_auth != ClientAuth::Off;
        Some((Arc::clone(&armed.config), asks_client))
    }

    /// Whether a request for `host` may come over a connection that was opened for `name`: what is
    /// demanded of clients is the same for both.
    pub(super) fn covers(&self, name: Option<&str>, host: &str) -> bool {
        if self.hosts.is_empty() && !self.strict {
            return true;
        }
        name.is_some_and(|name| name.eq_ignore_ascii_case(host))
            || self
                .policy_of(Some(host))
                .is_some_and(|policy| self.policy_of(name) == Some(policy))
    }

    fn policy_of(&self, name: Option<&str>) -> Option<usize> {
        let own = name.and_then(|name| self.hosts.find_below(name));
        let is_known = |name: &str| self.certificates.by_name.find(name).is_some();
        match own {
            Some(index) => Some(*index),
            None if self.strict && !name.is_some_and(is_known) => None,
            None => Some(0),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("certificates", &self.certificates.list)
            .field("strict", &self.strict)
            .finish_non_exhaustive()
    }
}

/// The key for a policy's tickets: the one of before, if that was for the same policy. A changed
/// policy must not be got around with a ticket from before the change.
fn ticketer(
    policy: &TlsPolicy,
    previous: Option<&Tls>,
) -> Result<Arc<dyn ProducesTickets>, CertificateError> {
    let armed = previous.map_or(&[][..], |tls| &tls.policies);
    let kept = armed
        .iter()
        .find(|armed| armed.policy == *policy && armed.config.ticketer.enabled());
    match kept {
        Some(armed) => Ok(Arc::clone(&armed.config.ticketer)),
        None => Ticketer::new().map_err(|error| malformed("the key for tickets", &error)),
    }
}

fn server_config(
    policy: &TlsPolicy,
    ticketer: Option<Arc<dyn ProducesTickets>>,
    certificates: Arc<Certificates>,
) -> Result<Arc<ServerConfig>, CertificateError> {
    let versions: &[&rustls::SupportedProtocolVersion] = match policy.min_version {
        TlsVersion::V1_2 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersion::V1_3 => &[&rustls::version::TLS13],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_protocol_versions(versions)
        .map_err(|error| malformed("the choice of versions", &error))?;
    let builder = match &policy.client_auth {
        ClientAuth::Off => builder.with_no_client_auth(),
        ClientAuth::Optional(authority) => {
            builder.with_client_cert_verifier(verifier(authority, true)?)
        }
        ClientAuth::Required(authority) => {
            builder.with_client_cert_verifier(verifier(authority, false)?)
        }
    };
    let mut config = builder.with_cert_resolver(certificates);
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    // Tickets alone: what is kept on our side would be known to one worker, behind a lock.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    if let Some(ticketer) = ticketer {
        config.ticketer = ticketer;
        config.send_tls13_tickets = TICKETS;
    }
    Ok(Arc::new(config))
}

/// Who checks clients' certificates.
pub(super) fn verifier(
    authority: &ClientAuthority,
    optional: bool,
) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
    let roots = Arc::clone(&authority.roots);
    let mut builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&PROVIDER));
    if !authority.revoked.is_empty() {
        builder = builder
            .with_crls(authority.revoked.iter().cloned())
            .enforce_revocation_expiration();
    }
    if optional {
        builder = builder.allow_unauthenticated();
    }
    builder
        .build()
        .map_err(|error| malformed("a revocation list", &error))
}

/// The certificates of a server, by name.
#[derive(Debug)]
struct Certificates {
    list: Vec<Certificate>,
    /// Their indices.
    by_name: Names<Vec<usize>>,
}

impl Certificates {
    fn new(list: Vec<Certificate>) -> Certificates {
        let mut by_name: Names<Vec<usize>> = Names::default();
        for (index, certificate) in list.iter().enumerate() {
            for name in certificate.names() {
                by_name.entry(name, Vec::new).push(index);
            }
        }
        Certificates { list, by_name }
    }

    /// Whether the client can verify a signature of this certificate's key, and has a suite for it.
    fn suits(&self, index: usize, hello: &ClientHello<'_>) -> bool {
        let key = &self.list[index].key.key;
        let has_suite = |suite: &SupportedCipherSuite| match suite {
            _ if !hello.cipher_suites().contains(&suite.suite()) => false,
            SupportedCipherSuite::Tls13(_) => true,
            SupportedCipherSuite::Tls12(suite) => key.choose_scheme(suite.sign).is_some(),
        };
        key.choose_scheme(hello.signature_schemes()).is_some()
            && PROVIDER.cipher_suites.iter().any(has_suite)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.by_name.find(name));
        let named = named.map_or(&[][..], Vec::as_slice);
        let index = match named {
            [only] => *only,
            several => several
                .iter()
                .copied()
                .chain(0..self.list.len())
                .find(|index| self.suits(*index, &hello))
                .unwrap_or(0),
        };
        Some(Arc::clone(&self.list[index].key))
    }
}
