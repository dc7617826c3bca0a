//! HTTPS: where certificates come from, and how they are kept fresh.
//!
//! Owns the reading of certificate files, the messages about them, the self-signed certificate, and
//! the thread that notices new files. Must not know what is served, nor how TLS is spoken.
//!
//! ```text
//!   files ──► load ──► Holder (one a pair) ─────► Tls ──► publish: new connections use it
//!               ▲        ▲                                   │
//!   own ────────┼────────┘ (self-signed)                     ▼
//!   watch: every second, and when asked ◄──────────────── Status: counts, days left
//! ```
//!
//! A pair that cannot be used never takes the place of one that can.

mod expiry;
mod load;
mod own;
mod status;
mod store;
mod watch;

use std::path::PathBuf;

use reactor::tls::TlsVersion;

pub use status::Status;
pub use store::{Certificates, NoCertificates};
pub use watch::Watch;

/// How HTTPS is spoken, and with which certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the certificates come from.
    pub source: Source,
    /// Whether clients are refused that ask for a name of no certificate, or for none.
    pub strict_names: bool,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// Whether clients may resume sessions.
    pub tickets: bool,
    /// Whose certificates clients may show; `None` if they are not asked to.
    pub clients: Option<Clients>,
}

/// Where certificates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// These files; a fault of one keeps the server from starting.
    Files(Vec<Pair>),
    /// `server.crt` and `server.key` in this directory, and `server-rsa.crt` and `server-rsa.key`
    /// if they are there; without them there is no HTTPS, or, if clients have to show certificates,
    /// nothing at all.
    Directory(PathBuf),
    /// One that is made at the start and never written down.
    SelfSigned,
    /// As `Directory`, but with a self-signed one in its place if there is none in force.
    Demo(PathBuf),
}

/// The files of one certificate, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The certificate, with the chain behind it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What clients have to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    /// The file of the authorities' certificates, in PEM.
    pub authority: PathBuf,
    /// The file of their revocation lists, in PEM.
    pub revoked: Option<PathBuf>,
    /// Whether a client that shows none is refused.
    pub required: bool,
}
