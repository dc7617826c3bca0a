//! The admin listener: what monitoring asks of the process, on an address of its own.
//!
//! ```text
//!   main workers ── counters ──┐
//!   TLS state ── a closure ────┼──► State ◄── GET /metrics, /health, /ready ── admin's worker
//!   control ── drain ──────────┘
//! ```
//!
//! Owns the second server, which has one worker and no jobs, and the names of the metrics. Must
//! not know what the main server serves. No main worker ever waits for it: their counters are read
//! where they are.

mod exposition;
mod page;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use reactor::Status;
use reactor::engine::WorkerStats;
use reactor::{Bound, Error, Limits, ListenAddress, Reply, Request, Route, Running, Server, Site};

use page::Page;

/// What is known of the certificates now, for the metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFigures {
    /// Each certificate's first name, or its subject where it has no name, and until when it is in
    /// force.
    pub expiries: Vec<(String, SystemTime)>,
    /// Times that certificates were loaded again and taken.
    pub reloads: u64,
    /// Times that certificates were to be loaded again and were not good.
    pub reload_failures: u64,
}

/// Tells what is known of the certificates; called for each request of the metrics, on the worker
/// of the admin listener.
pub type TlsSource = Box<dyn Fn() -> TlsFigures + Send + Sync>;

/// The admin server with its listener open: nothing is served yet.
#[derive(Debug)]
pub struct Admin {
    bound: Bound,
    state: Arc<State>,
}

/// The admin server at work.
#[derive(Debug)]
pub struct RunningAdmin {
    running: Running,
    state: Arc<State>,
}

/// What the routes tell of.
struct State {
    page: Page,
    is_draining: AtomicBool,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("is_draining", &self.is_draining)
            .finish_non_exhaustive()
    }
}

/// The content type of the metrics; the version is that of Prometheus' text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Admin {
    /// Opens the listener. `server_name` is the text of the `Server` field; `tls` is there if the
    /// main server speaks TLS.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub fn bind(
        address: ListenAddress,
        server_name: Option<&str>,
        tls: Option<TlsSource>,
    ) -> Result<Admin, Error> {
        let state = Arc::new(State {
            page: Page::new(tls),
            is_draining: AtomicBool::new(false),
        });
        let (metrics, ready) = (Arc::clone(&state), Arc::clone(&state));
        let site = Site::builder()
            .limits(limits())
            .server_name(server_name)
            .route(Route::get("/metrics", move |request: &mut Request<'_>| {
                request.out().field("Cache-Control", "no-store");
                metrics.page.write(request.out().body());
                Reply::written(METRICS_TYPE)
            }))
            .route(Route::get("/health", |request: &mut Request<'_>| {
                request.out().field("Cache-Control", "no-store");
                Reply::text("ok")
            }))
            .route(Route::get("/ready", move |request: &mut Request<'_>| {
                request.out().field("Cache-Control", "no-store");
                match ready.is_draining.load(Ordering::Relaxed) {
                    false => Reply::text("ready"),
                    true => Reply::text("draining").with_status(Status::SERVICE_UNAVAILABLE),
                }
            }))
            .build()?;
        let bound = Server::new(site).workers(1).listen(address).bind()?;
        Ok(Admin { bound, state })
    }

    /// Where it listens, with the real port.
    pub fn address(&self) -> Option<&ListenAddress> {
        self.bound.addresses().first().map(|own| &own.address)
    }

    /// Serves the figures of a server whose workers have these counters.
    ///
    /// # Errors
    ///
    /// The system refuses a poller or a thread.
    pub fn start(self, workers: &[Arc<WorkerStats>]) -> Result<RunningAdmin, Error> {
        self.state.page.tell_of(workers);
        Ok(RunningAdmin {
            running: self.bound.start()?,
            state: self.state,
        })
    }
}

impl RunningAdmin {
    /// The main server drains: it is not ready any more, and balancers are told so as long as it
    /// takes.
    pub fn announce_drain(&self) {
        self.state.is_draining.store(true, Ordering::Relaxed);
    }

    /// The main server has ended: answers what is being answered, and ends too, within a second.
    pub fn finish(self) {
        self.running.handle().drain();
        if let Err(error) = self.running.wait() {
            log::error!("the admin listener: {error}");
        }
    }
}

/// Whether others than this machine can reach the address.
pub fn is_exposed(address: &ListenAddress) -> bool {
    match address {
        ListenAddress::Tcp(address) => !address.ip().to_canonical().is_loopback(),
        ListenAddress::Inherited(_) => true,
        ListenAddress::Unix(_) => false,
    }
}

/// A few clients that ask little.
fn limits() -> Limits {
    Limits {
        body_bytes_max: 0,
        connections_max: 64,
        pool_bytes_max: 4 << 20,
        job_threads: 0,
        jobs_max: 0,
        linger_timeout: Duration::from_millis(500),
        drain_grace: Duration::ZERO,
        shutdown_timeout: Duration::from_secs(1),
        ..Limits::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_files_are_for_this_machine_alone() {
        for (address, exposed) in [
            ("127.0.0.1:9090", false),
            ("127.8.0.1:9090", false),
            ("[::1]:9090", false),
            ("[::ffff:127.0.0.1]:9090", false),
            ("unix:/run/tidegate-admin.sock", false),
            (":9090", true),
            ("0.0.0.0:9090", true),
            ("192.0.2.1:9090", true),
            ("[2001:db8::1]:9090", true),
            ("[::ffff:192.0.2.1]:9090", true),
        ] {
            assert_eq!(is_exposed(&address.parse().unwrap()), exposed, "{address}");
        }
    }
}
