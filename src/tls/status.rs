//! What became of the certificates, for whoever shows it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use reactor::tls::Certificate;

/// Counts of reloads, and the certificates in use. Written by the thread that watches the files.
#[derive(Debug, Default)]
pub struct Status {
    reloads: AtomicU64,
    reload_failures: AtomicU64,
    certificates: Mutex<Vec<CertificateStatus>>,
}

/// A certificate in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateStatus {
    /// The first name that it is for, or its subject if it has none.
    pub name: Box<str>,
    /// Until when it is in force.
    pub not_after: SystemTime,
}

impl Status {
    /// How often certificates were replaced.
    pub fn reloads(&self) -> u64 {
        self.reloads.load(Ordering::Relaxed)
    }

    /// How often new files could not be used; what was in use stayed then.
    pub fn reload_failures(&self) -> u64 {
        self.reload_failures.load(Ordering::Relaxed)
    }

    /// The certificates that new connections are opened with, the default one first.
    pub fn certificates(&self) -> Vec<CertificateStatus> {
        let known = self.certificates.lock();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn count_reload(&self) {
        self.reloads.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_failure(&self) {
        self.reload_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn describe(&self, certificates: &[Certificate]) {
        let described = certificates.iter().map(|certificate| CertificateStatus {
            name: match certificate.names().first() {
                Some(name) => name.clone(),
                None => certificate.subject().into(),
            },
            not_after: certificate.not_after(),
        });
        let known = self.certificates.lock();
        *known.unwrap_or_else(PoisonError::into_inner) = described.collect();
    }
}
