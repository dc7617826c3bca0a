//! TLS: what connections are opened with, and the session of one connection, without any socket.
//!
//! ```text
//!   PEM files ──► Certificate, ClientAuthority ──► Tls (names, policies, tickets)
//!                                                   │ one for all workers
//!                                                   ▼
//!   ciphertext ── ingest ──► Session ── read ──► plaintext
//!   ciphertext ◄── send ──── Session ◄── seal ── plaintext
//! ```
//!
//! The only place that knows rustls. Must not know sockets, what the plaintext means, or where a
//! certificate came from.

mod alert;
mod certificate;
#[cfg(test)]
pub(crate) mod client;
mod config;
mod info;
mod names;
mod session;
#[cfg(test)]
mod tests;

pub use certificate::{Certificate, CertificateError, ClientAuthority, ClientCertificate};
pub use config::{ClientAuth, Tls, TlsBuilder, TlsPolicy, TlsVersion};
pub use info::TlsInfo;
#[cfg(test)]
pub(crate) use session::inspect::SessionView;
pub use session::{Fault, Session};
