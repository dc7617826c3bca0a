//! Why a server could not be started or had to end.

use std::{fmt, io};

/// An error of setting up or running a server; its text says what to do about it.
#[derive(Debug)]
pub enum Error {
    /// A listen address could not be bound.
    Listen {
        /// The address as it was configured.
        address: String,
        /// What the system said.
        cause: io::Error,
    },
    /// This address is one for TLS, and the site has no certificate.
    NoCertificate(String),
    /// A route was refused.
    Route(String),
    /// The system refused something that the engine cannot do without.
    System {
        /// What was being done, as in "cannot {what}".
        what: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// A worker thread ended before it was told to.
    WorkerEnded(usize),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Listen { address, cause } => match cause.kind() {
                io::ErrorKind::AddrInUse => {
                    write!(
                        f,
                        "cannot listen on {address}: another process already does"
                    )
                }
                io::ErrorKind::PermissionDenied => {
                    write!(
                        f,
                        "cannot listen on {address}: permission denied \
                         (ports below 1024 need root or CAP_NET_BIND_SERVICE)"
                    )
                }
                _ => write!(f, "cannot listen on {address}: {cause}"),
            },
            Error::NoCertificate(address) => {
                write!(
                    f,
                    "cannot listen on {address} for TLS: there is no certificate"
                )
            }
            Error::Route(text) => f.write_str(text),
            Error::System { what, cause } => write!(f, "cannot {what}: {cause}"),
            Error::WorkerEnded(index) => write!(f, "worker {index} ended unexpectedly"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Listen { cause, .. } | Error::System { cause, .. } => Some(cause),
            Error::NoCertificate(_) | Error::Route(_) | Error::WorkerEnded(_) => None,
        }
    }
}
