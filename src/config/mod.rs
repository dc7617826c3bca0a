//! What the product is told to do, as typed values: the result of flags, environment and defaults.
//!
//! Owns the values and how their units are written. Must not know where a value came from, nor act
//! on it.

mod duration;
mod size;

use std::time::Duration;

use reactor::{Accept, Limits, ListenAddress};

pub use duration::parse_duration;
pub use size::{parse_rate, parse_size};

use crate::{files, logs, middleware, tls};

/// A deadline that has been switched off. A hundred years is longer than any process runs and far
/// from the end of the clock's range.
pub const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Everything that is settled before the server starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// Where to listen for TLS, if there are certificates.
    pub tls_listen: Listen,
    /// The certificates; `None` if none are wanted.
    pub tls: Option<tls::Config>,
    /// Whether clients in the clear are sent to HTTPS, and to which port.
    pub https_redirect: Option<middleware::RedirectPort>,
    /// What browsers are told of HTTPS; `None` for nothing.
    pub hsts: Option<middleware::HstsPolicy>,
    /// Where metrics, health and readiness are served; `None` for nowhere.
    pub admin: Option<ListenAddress>,
    /// The directory to serve, if any.
    pub files: Option<files::Config>,
    /// Whether the demo routes are served; always so when there is nothing else.
    pub demo: bool,
    /// What is added to every answer.
    pub headers: Vec<middleware::HeaderField>,
    /// The engine's bounds and deadlines.
    pub limits: Limits,
    /// The text of the `Server` field; `None` leaves the field out.
    pub server_name: Option<String>,
    /// Number of workers.
    pub workers: usize,
    /// Whether each worker is pinned to a core.
    pub pin: bool,
    /// How connections reach the workers.
    pub accept: Accept,
    /// The access log; `None` when it is off.
    pub access_log: Option<logs::AccessConfig>,
    /// What is said on standard error, and how.
    pub diagnostics: logs::DiagnosticsConfig,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// On this port of every address of both families, or of IPv4 alone where there is no IPv6.
    Everywhere(u16),
    /// On exactly these addresses.
    On(Vec<ListenAddress>),
}
