//! Certificates with their keys, and the authorities of clients' certificates: read from PEM and
//! checked.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};
use x509_cert::certificate::{CertificateInner, Raw, TbsCertificateInner};
use x509_cert::crl::CertificateList;
use x509_cert::der::{self, Decode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, SubjectAltName};

/// Where keys, suites and groups come from, one for the process. X25519MLKEM768 is the group it
/// prefers, then X25519.
pub(super) static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

/// A certificate with the chain that leads to its authority, and its private key. Clones share it.
#[derive(Clone)]
pub struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    facts: Arc<Facts>,
}

/// What a certificate says of itself.
#[derive(Debug)]
struct Facts {
    subject: Box<str>,
    names: Box<[Box<str>]>,
    not_before: SystemTime,
    not_after: SystemTime,
    is_authority: bool,
}

/// Why certificates or keys cannot be used; its text says what to do about it, but not in which
/// file they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateError {
    /// There is no certificate in the text.
    NoCertificate,
    /// There is no private key in the text.
    NoKey,
    /// The private key is protected by a password.
    KeyEncrypted,
    /// The private key is of a kind or size that is not supported.
    KeyUnsupported,
    /// The private key is not that of the certificate.
    KeyMismatch,
    /// There is no revocation list in the text.
    NoRevocationList,
    /// This name of a policy is not that of a host, or it has a policy already.
    PolicyName(String),
    /// The private key is not what it should be.
    KeyMalformed(String),
    /// Something else is not: a certificate or a revocation list.
    Malformed(String),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CertificateError::NoCertificate => {
                "there is no certificate in it; PEM begins with -----BEGIN CERTIFICATE-----"
            }
            CertificateError::NoKey => {
                "there is no private key in it; PEM begins with -----BEGIN PRIVATE KEY-----"
            }
            CertificateError::KeyEncrypted => {
                "the private key has a password; write one without it with: openssl pkey -in FILE"
            }
            CertificateError::KeyUnsupported => {
                "the private key is not supported; use RSA of 2048 to 8192 bits, ECDSA P-256, \
                 P-384 or P-521, or Ed25519"
            }
            CertificateError::KeyMismatch => {
                "the private key is not that of the certificate; if the file holds a chain, the \
                 server's own certificate comes first"
            }
            CertificateError::NoRevocationList => {
                "there is no revocation list in it; PEM begins with -----BEGIN X509 CRL-----"
            }
            CertificateError::PolicyName(name) => {
                return write!(
                    f,
                    "{name:?} cannot have a policy: it is no host name, as in example.org or \
                     *.example.org, or it has one already"
                );
            }
            CertificateError::KeyMalformed(what) | CertificateError::Malformed(what) => what,
        })
    }
}

impl Error for CertificateError {}

impl Certificate {
    /// Reads a chain of certificates in PEM, the server's own first, and its key in PKCS#8, PKCS#1
    /// or SEC1. Whether the certificate is in force is not checked; see
    /// [`Certificate::not_after`].
    ///
    /// # Errors
    ///
    /// What is missing or malformed, or that the two do not fit.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Certificate, CertificateError> {
        let chain = read_chain(chain)?;
        let key = read_key(key)?;
        let facts = Facts::of(&chain[0])?;
        let signing = PROVIDER
            .key_provider
            .load_private_key(key)
            .map_err(|_| CertificateError::KeyUnsupported)?;
        let key = CertifiedKey::new(chain, signing);
        match key.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                return Err(CertificateError::KeyMismatch);
            }
            Err(error) => return Err(malformed("the certificate", &error)),
        }
        Ok(Certificate {
            key: Arc::new(key),
            facts: Arc::new(facts),
        })
    }

    /// The subject's distinguished name (RFC 4514), as in `CN=example.org,O=Example`.
    pub fn subject(&self) -> &str {
        &self.facts.subject
    }

    /// The DNS names, in lower case, and IP addresses that it is for: its subjectAltName (RFC 5280
    /// section 4.2.1.6). A name may begin with `*.`.
    pub fn names(&self) -> &[Box<str>] {
        &self.facts.names
    }

    /// Since when it is in force.
    pub fn not_before(&self) -> SystemTime {
        self.facts.not_before
    }

    /// Until when it is in force.
    pub fn not_after(&self) -> SystemTime {
        self.facts.not_after
    }

    /// Whether it calls itself an authority (CA:TRUE), as `openssl req -x509` makes them. Browsers
    /// and curl accept such a one from a server if they trust it; some clients do not.
    pub fn is_authority(&self) -> bool {
        self.facts.is_authority
    }
}

impl fmt::Debug for Certificate {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.facts.fmt(f)
    }
}

impl PartialEq for Certificate {
    /// The same chain, key aside.
    fn eq(&self, other: &Certificate) -> bool {
        self.key.cert == other.key.cert
    }
}

impl Facts {
    /// Of a certificate in DER.
    ///
    /// # Errors
    ///
    /// It is not one.
    fn of(certificate: &CertificateDer<'_>) -> Result<Facts, CertificateError> {
        let refuse = |error: der::Error| malformed("the certificate", &error);
        let parsed = CertificateInner::<Raw>::from_der(certificate).map_err(refuse)?;
        let parsed = parsed.tbs_certificate();
        let names = names(parsed).map_err(refuse)?;
        let constraints = parsed.get_extension::<BasicConstraints>().map_err(refuse)?;
        let hosts = names.into_iter().filter_map(|name| match name {
            (Kind::Dns | Kind::Ip, text) => Some(text.into()),
            (Kind::Email | Kind::Uri, _) => None,
        });
        Ok(Facts {
            subject: parsed.subject().to_string().into(),
            names: hosts.collect(),
            not_before: parsed.validity().not_before.to_system_time(),
            not_after: parsed.validity().not_after.to_system_time(),
            is_authority: constraints.is_some_and(|(_, constraints)| constraints.ca),
        })
    }
}

/// A certificate that a client has shown and that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The subject's distinguished name (RFC 4514), as in `CN=alice,O=Example`.
    pub subject: Box<str>,
    /// Its names (RFC 5280 section 4.2.1.6), each with its kind before it, as OpenSSL writes them:
    /// `DNS:laptop.example`, `email:alice@example.org`, `IP:192.0.2.1`,
    /// `URI:spiffe://example/alice`. One kind can spell what another means, so they are to be
    /// compared whole.
    pub names: Box<[Box<str>]>,
}

impl ClientCertificate {
    /// Of a certificate in DER that was verified: what cannot be read of it is left out.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> ClientCertificate {
        let parsed = CertificateInner::<Raw>::from_der(certificate).ok();
        let parsed = parsed.as_ref().map(CertificateInner::tbs_certificate);
        let subject = parsed.map(|parsed| parsed.subject().to_string());
        let names = parsed.and_then(|parsed| names(parsed).ok());
        let shown = |(kind, text): (Kind, String)| match kind {
            Kind::Dns => format!("DNS:{text}").into(),
            Kind::Email => format!("email:{text}").into(),
            Kind::Ip => format!("IP:{text}").into(),
            Kind::Uri => format!("URI:{text}").into(),
        };
        ClientCertificate {
            subject: subject.unwrap_or_default().into(),
            names: names.unwrap_or_default().into_iter().map(shown).collect(),
        }
    }
}

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Dns,
    Email,
    Ip,
    Uri,
}

/// The names of a certificate, of the kinds that servers and clients of the web have.
fn names(certificate: &TbsCertificateInner<Raw>) -> Result<Vec<(Kind, String)>, der::Error> {
    let names = certificate.get_extension::<SubjectAltName>()?;
    let names = names.map_or(Vec::new(), |(_, SubjectAltName(names))| names);
    Ok(names.iter().filter_map(kind_and_text).collect())
}

fn kind_and_text(name: &GeneralName) -> Option<(Kind, String)> {
    match name {
        GeneralName::DnsName(name) => Some((Kind::Dns, name.as_str().to_ascii_lowercase())),
        GeneralName::Rfc822Name(name) => Some((Kind::Email, name.as_str().to_owned())),
        GeneralName::UniformResourceIdentifier(name) => Some((Kind::Uri, name.as_str().to_owned())),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let ip = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
            let ip = ip.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
            ip.ok().map(|ip| (Kind::Ip, ip.to_string()))
        }
        _ => None,
    }
}

/// The authorities whose certificates clients may show, with their revocation lists. Clones share
/// them.
#[derive(Clone)]
pub struct ClientAuthority {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) revoked: Vec<CertificateRevocationListDer<'static>>,
    authorities_until: Option<SystemTime>,
    lists_until: Option<SystemTime>,
}

impl ClientAuthority {
    /// Reads authorities' certificates in PEM.
    ///
    /// # Errors
    ///
    /// There is none, or one is malformed.
    pub fn from_pem(authorities: &[u8]) -> Result<ClientAuthority, CertificateError> {
        let mut roots = RootCertStore::empty();
        let mut until = None;
        for authority in read_chain(authorities)? {
            let facts = Facts::of(&authority).ok();
            until = earliest(until, facts.map(|facts| facts.not_after));
            roots
                .add(authority)
                .map_err(|error| malformed("an authority's certificate", &error))?;
        }
        Ok(ClientAuthority {
            roots: Arc::new(roots),
            revoked: Vec::new(),
            authorities_until: until,
            lists_until: None,
        })
    }

    /// Also with the revocation lists of this text in PEM (RFC 5280 section 5). From then on every
    /// issuer in a client's chain must have a list that is in force, as nginx and OpenSSL want it:
    /// else the client is refused.
    ///
    /// # Errors
    ///
    /// There is none in it, or one is malformed.
    pub fn with_revocation_lists(
        mut self,
        lists: &[u8],
    ) -> Result<ClientAuthority, CertificateError> {
        let before = self.revoked.len();
        for list in CertificateRevocationListDer::pem_slice_iter(lists) {
            let list = list.map_err(|error| not_pem(&error))?;
            self.lists_until = earliest(self.lists_until, next_update(&list));
            self.revoked.push(list);
        }
        if self.revoked.len() == before {
            return Err(CertificateError::NoRevocationList);
        }
        // What the verifier would refuse is found here already.
        super::config::verifier(&self, false)?;
        Ok(self)
    }

    /// Until when all authorities' certificates are in force: the end of the first one to end.
    /// Clients of an authority are accepted after its end too, as RFC 5280 section 6.1.1 (d) lets
    /// it be; their own certificates and those between have to be in force.
    pub fn authorities_good_until(&self) -> Option<SystemTime> {
        self.authorities_until
    }

    /// Until when all revocation lists are in force: the earliest nextUpdate (RFC 5280 section
    /// 5.1.2.5). After it clients whose issuer's list has ended are refused. `None` if there is no
    /// list.
    pub fn lists_good_until(&self) -> Option<SystemTime> {
        self.lists_until
    }
}

/// When a revocation list is to be replaced, if it says so.
fn next_update(list: &CertificateRevocationListDer<'_>) -> Option<SystemTime> {
    let parsed = CertificateList::<Raw>::from_der(list).ok()?;
    Some(parsed.tbs_cert_list.next_update?.to_system_time())
}

/// The earlier one of those that are known.
fn earliest(one: Option<SystemTime>, other: Option<SystemTime>) -> Option<SystemTime> {
    one.into_iter().chain(other).min()
}

impl PartialEq for ClientAuthority {
    fn eq(&self, other: &ClientAuthority) -> bool {
        self.roots.roots == other.roots.roots && self.revoked == other.revoked
    }
}

impl fmt::Debug for ClientAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (roots, lists) = (self.roots.len(), self.revoked.len());
        write!(f, "{roots} authorities, {lists} revocation lists")
    }
}

/// All certificates of a text, at least one.
fn read_chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|error| not_pem(&error))?;
    match chain.is_empty() {
        true => Err(CertificateError::NoCertificate),
        false => Ok(chain),
    }
}

/// The first private key of a text.
fn read_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let has = |mark: &[u8]| text.windows(mark.len()).any(|window| window == mark);
    if has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED") {
        return Err(CertificateError::KeyEncrypted);
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => CertificateError::NoKey,
        error => CertificateError::KeyMalformed(format!("it is not PEM: {error}")),
    })
}

fn not_pem(error: &pem::Error) -> CertificateError {
    CertificateError::Malformed(format!("it is not PEM: {error}"))
}

pub(super) fn malformed(what: &str, error: &dyn fmt::Display) -> CertificateError {
    CertificateError::Malformed(format!("{what} is malformed: {error}"))
}

#[cfg(test)]
mod tests;
