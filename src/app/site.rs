//! What is served: the features' routes, what stands around them, and who is told.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use reactor::time::Instant;
use reactor::tls::Tls;
use reactor::{Bound, ListenAddress, Observer, Site, Summary};

use super::Fault;
use crate::config::Config;
use crate::logs::{self, AccessLog};
use crate::middleware::{HTTPS_PORT, Headers, HostCheck, Hsts, HttpsRedirect, RedirectPort};
use crate::tls::Source;
use crate::words::plain;
use crate::{demo, files};

/// What every site of this process is made from: certificates change, the rest does not.
pub struct Blueprint {
    config: Config,
    ending: demo::Ending,
    access: Option<Arc<AccessLog>>,
    /// The port of HTTPS, known once the listeners are open.
    https_port: Arc<AtomicU16>,
    /// Files that all workers together may keep open.
    files_open_max: u64,
}

/// One in so many descriptors may be a file that is kept open; the others are for connections.
const FILES_SHARE: u64 = 4;

/// What every worker keeps for the features, one field each.
struct Local {
    access: Option<logs::WorkerLog>,
    files: Option<files::Worker>,
}

impl Blueprint {
    /// From these.
    pub fn new(config: Config, ending: demo::Ending, access: Option<Arc<AccessLog>>) -> Blueprint {
        let fixed = match config.https_redirect {
            Some(RedirectPort::Fixed(port)) => port,
            // Whatever stands before a listener that has no port has the usual one.
            _ => HTTPS_PORT,
        };
        let files_open_max = match &config.files {
            Some(_) => reactor::sys::raise_descriptor_limit().1 / FILES_SHARE,
            None => 0,
        };
        Blueprint {
            files_open_max,
            config,
            ending,
            access,
            https_port: Arc::new(AtomicU16::new(fixed)),
        }
    }

    /// Sends clients that come in the clear to the first TLS listener, unless another port was
    /// asked for.
    ///
    /// # Errors
    ///
    /// They are to be sent there, and HTTPS is off: to serve them in the clear after all is not
    /// what was asked for.
    pub fn redirect_to(&self, bound: &Bound) -> Result<(), Fault> {
        let mut secure = bound.addresses().iter().filter(|own| own.secure).peekable();
        if self.config.https_redirect.is_some() && secure.peek().is_none() {
            let why = "--https-redirect has nowhere to send clients: HTTPS is off";
            return Err(Fault::Configuration(why.into()));
        }
        let port = secure.find_map(|own| match own.address {
            ListenAddress::Tcp(address) => Some(address.port()),
            _ => None,
        });
        if let (Some(RedirectPort::Listener), Some(port)) = (self.config.https_redirect, port) {
            self.https_port.store(port, Ordering::Relaxed);
        }
        Ok(())
    }

    /// A site whose connections are opened with `tls`.
    ///
    /// # Errors
    ///
    /// What keeps a feature from being served.
    pub fn site(&self, tls: Option<&Arc<Tls>>) -> Result<Site, Fault> {
        let config = &self.config;
        let mut site = Site::builder()
            .limits(config.limits.clone())
            .server_name(config.server_name.as_deref());
        if !config.headers.is_empty() {
            // The outermost, so that its word is the last.
            site = site.middleware(Arc::new(Headers::new(config.headers.clone())));
        }
        if let Some(tls) = tls {
            site = site.tls(Arc::clone(tls));
            if config.https_redirect.is_some() {
                site = site.middleware(Arc::new(self.redirect(tls)));
            }
        }
        if let Some(policy) = config.hsts {
            site = site.middleware(Arc::new(Hsts::new(policy)));
        }
        if config.demo {
            for route in demo::routes(config.files.is_none(), &self.ending) {
                site = site.route(route);
            }
        }
        if let Some(files) = &config.files {
            site = files::serve(site, files, files_of).map_err(|error| {
                let root = files.root.display();
                Fault::Configuration(format!("cannot serve {root}: {}", plain(&error)))
            })?;
        }
        if let Some(access) = &self.access {
            site = site.observer(Arc::new(AccessObserver(Arc::clone(access))));
        }
        site.build()
            .map_err(|error| Fault::Configuration(error.to_string()))
    }

    /// Nobody is sent to a host that no certificate in use is for: the client would refuse it, and
    /// the server, if it is strict about names. The certificates that are there to try something
    /// out are for any host.
    fn redirect(&self, tls: &Arc<Tls>) -> HttpsRedirect {
        let tls = Arc::clone(tls);
        let source = self.config.tls.as_ref().map(|tls| &tls.source);
        let is_for_any = matches!(source, Some(Source::SelfSigned | Source::Demo(_)));
        let covered: HostCheck =
            Box::new(move |host| tls.takes(host) && (is_for_any || tls.has_certificate_for(host)));
        HttpsRedirect::new(Arc::clone(&self.https_port), covered)
    }

    /// Descriptors that are for files and not for connections.
    pub fn files_open_max(&self) -> u64 {
        self.files_open_max
    }

    /// What makes each worker's value for the features.
    pub fn local(&self) -> impl Fn(usize) -> Box<dyn Any + Send> + use<> {
        let access = self.access.clone();
        let files = self.config.files.as_ref().map(|files| files::Bounds {
            bytes_max: files.cache_bytes_max,
            descriptors_max: self.files_open_max as usize / self.config.workers.max(1),
        });
        move |_worker| {
            Box::new(Local {
                access: access.as_ref().map(|access| access.worker()),
                files: files.map(files::Worker::new),
            })
        }
    }
}

/// What a worker keeps for files.
fn files_of(local: &mut dyn Any) -> Option<&mut files::Worker> {
    local.downcast_mut::<Local>()?.files.as_mut()
}

/// Looks after what a worker keeps for the features.
pub fn tend(local: &mut dyn Any, now: Instant) -> Option<Instant> {
    files_of(local)?.tend(now)
}

/// Leads finished requests to the access log's part of the worker's local value.
struct AccessObserver(Arc<AccessLog>);

impl Observer for AccessObserver {
    fn observe(&self, summary: &Summary<'_>, local: &mut dyn Any) {
        if let Some(log) = worker_log(local) {
            log.observe(summary);
        }
    }

    fn wants_timings(&self) -> bool {
        self.0.wants_timings()
    }

    fn flush(&self, local: &mut dyn Any) {
        if let Some(log) = worker_log(local) {
            log.flush();
        }
    }
}

fn worker_log(local: &mut dyn Any) -> Option<&mut logs::WorkerLog> {
    local.downcast_mut::<Local>()?.access.as_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::tests::config;

    #[test]
    fn a_missing_root_is_a_fault_of_the_configuration() {
        let config = config(&["/nonexistent/tidegate"]);
        let blueprint = Blueprint::new(config, demo::Ending::default(), None);
        let Err(Fault::Configuration(line)) = blueprint.site(None) else {
            panic!("a site was built");
        };
        assert!(
            line.starts_with("cannot serve /nonexistent/tidegate: "),
            "{line}"
        );
        assert!(!line.contains('\n'));
    }
}
