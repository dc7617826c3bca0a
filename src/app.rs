//! Composes the features into one server. The only place that knows all of them.
//!
//! Must not read flags or environment: what it does is decided by [`Config`] alone.

use std::any::Any;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use reactor::engine::WorkerStats;
use reactor::{Bound, Error, ListenAddress, Observer, Server, Site, Summary};

use crate::config::{Config, Listen};
use crate::control::{Actions, Control};
use crate::logs::{self, AccessLog, Diagnostics};
use crate::metrics::{self, Admin, RunningAdmin};
use crate::middleware::{Hsts, HttpsRedirect, RedirectPort};
use crate::{demo, files};

/// How long the end of the process waits for each log's last lines to be written.
const LAST_LINES_TIMEOUT: Duration = Duration::from_secs(2);

/// Why the process ends with a fault.
#[derive(Debug)]
pub enum Fault {
    /// What was asked for cannot be done; nothing was served.
    Configuration(String),
    /// Something broke while serving.
    Runtime(String),
}

/// What every worker keeps for the features, one field each.
#[derive(Debug)]
struct Local {
    access: Option<logs::WorkerLog>,
}

/// Serves until told to end.
///
/// # Errors
///
/// When something keeps the server from starting, or ends it.
pub fn run(config: &Config) -> Result<(), Fault> {
    let control = Control::new()
        .map_err(|error| Fault::Runtime(format!("cannot take over signals: {error}")))?;
    let diagnostics = Diagnostics::start(config.diagnostics.clone())
        .map_err(|error| Fault::Runtime(format!("cannot start diagnostics: {error}")))?;
    let result = serve(config, control, &diagnostics);
    diagnostics.finish(LAST_LINES_TIMEOUT);
    result
}

fn serve(config: &Config, control: Control, diagnostics: &Diagnostics) -> Result<(), Fault> {
    let ending = demo::Ending::default();
    let access = access_log(config)?;
    let redirect = Arc::new(HttpsRedirect::new(None));
    let site = site(config, &ending, access.as_ref(), &redirect)?;
    let bound = bind(config, site, access.clone()).map_err(|error| fault(&error))?;
    if let Some(port) = redirect_port(config, &bound) {
        redirect.set_port(port);
    }
    let addresses = bound.addresses().to_vec();
    let admin = bind_admin(config)?;
    let running = bound.start().map_err(|error| fault(&error))?;
    for address in &addresses {
        diagnostics.announce(&greeting(config, &address.address));
    }
    let admin = match admin {
        Some(admin) => Some(start_admin(admin, running.handle().stats(), diagnostics)?),
        None => None,
    };
    let features = Features {
        ending,
        access,
        admin,
    };
    let result = control.run(running, &features);
    if let Some(admin) = features.admin {
        admin.finish();
    }
    if let Some(access) = &features.access {
        access.finish(LAST_LINES_TIMEOUT);
    }
    if result.is_ok() {
        log::info!("stopped");
    }
    result.map_err(|error| Fault::Runtime(error.to_string()))
}

fn access_log(config: &Config) -> Result<Option<Arc<AccessLog>>, Fault> {
    let Some(access) = &config.access_log else {
        return Ok(None);
    };
    match AccessLog::start(access.clone(), config.workers) {
        Ok(log) => Ok(Some(Arc::new(log))),
        Err(error) => {
            let name = match &access.sink {
                logs::Sink::File(path) => path.display().to_string(),
                logs::Sink::Stdout => "standard output".into(),
            };
            Err(Fault::Configuration(format!(
                "cannot open the access log {name}: {}",
                plain(&error)
            )))
        }
    }
}

/// The routes and what stands around them.
fn site(
    config: &Config,
    ending: &demo::Ending,
    access: Option<&Arc<AccessLog>>,
    redirect: &Arc<HttpsRedirect>,
) -> Result<Site, Fault> {
    let mut site = Site::builder()
        .limits(config.limits.clone())
        .server_name(config.server_name.as_deref());
    if config.https_redirect.is_some() {
        site = site.middleware(redirect.clone());
    }
    if let Some(policy) = config.hsts {
        site = site.middleware(Arc::new(Hsts::new(policy)));
    }
    if config.demo {
        for route in demo::routes(config.files.is_none(), ending) {
            site = site.route(route);
        }
    }
    if let Some(files) = &config.files {
        let route = files::route(files).map_err(|error| {
            Fault::Configuration(format!(
                "cannot serve {}: {}",
                files.root.display(),
                plain(&error)
            ))
        })?;
        site = site.route(route);
    }
    if let Some(access) = access {
        site = site.observer(Arc::new(AccessObserver(Arc::clone(access))));
    }
    site.build()
        .map_err(|error| Fault::Configuration(error.to_string()))
}

fn bind(config: &Config, site: Site, access: Option<Arc<AccessLog>>) -> Result<Bound, Error> {
    let mut server = Server::new(site)
        .workers(config.workers)
        .pin(config.pin)
        .accept(config.accept)
        .local(move |_worker| -> Box<dyn Any + Send> {
            Box::new(Local {
                access: access.as_ref().map(|access| access.worker()),
            })
        });
    for address in listen_addresses(&config.listen) {
        server = server.listen(address);
    }
    server.bind()
}

/// The port that clients in the clear are sent to; `None` where no TLS listener has one.
fn redirect_port(config: &Config, bound: &Bound) -> Option<u16> {
    if let Some(RedirectPort::Fixed(port)) = config.https_redirect {
        return Some(port);
    }
    let mut secure = bound.addresses().iter().filter(|own| own.secure);
    secure.find_map(|own| match own.address {
        ListenAddress::Tcp(address) => Some(address.port()),
        _ => None,
    })
}

/// Opens the admin listener, if there is to be one.
fn bind_admin(config: &Config) -> Result<Option<Admin>, Fault> {
    let Some(address) = &config.admin else {
        return Ok(None);
    };
    Admin::bind(address.clone(), config.server_name.as_deref(), None)
        .map(Some)
        .map_err(|error| fault(&error))
}

/// Serves the figures of these workers, and says where.
fn start_admin(
    admin: Admin,
    workers: &[Arc<WorkerStats>],
    diagnostics: &Diagnostics,
) -> Result<RunningAdmin, Fault> {
    if let Some(address) = admin.address() {
        let place = place(address);
        diagnostics.announce(&format!("metrics, health and readiness on {place}"));
        if metrics::is_exposed(address) {
            log::warn!(
                "everyone who reaches {address} may read the metrics: for this machine alone \
                 it is --admin-listen 127.0.0.1:9090"
            );
        }
    }
    admin.start(workers).map_err(|error| fault(&error))
}

/// The addresses to listen on.
fn listen_addresses(listen: &Listen) -> Vec<ListenAddress> {
    match listen {
        Listen::On(addresses) => addresses.clone(),
        Listen::Everywhere(port) => {
            let ip = if has_ipv6() {
                IpAddr::V6(Ipv6Addr::UNSPECIFIED)
            } else {
                log::warn!("there is no IPv6 on this system: listening on 0.0.0.0:{port} only");
                IpAddr::V4(Ipv4Addr::UNSPECIFIED)
            };
            vec![ListenAddress::Tcp(SocketAddr::new(ip, *port))]
        }
    }
}

/// Whether the system lets a socket be bound to the IPv6 wildcard address.
fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok()
}

/// What is served where, by how many.
fn greeting(config: &Config, address: &ListenAddress) -> String {
    let what = match (&config.files, config.demo) {
        (Some(files), true) => format!("{} and the demo routes", files.root.display()),
        (Some(files), false) => files.root.display().to_string(),
        (None, _) => "the demo site".into(),
    };
    let (version, place) = (env!("CARGO_PKG_VERSION"), place(address));
    let workers = config.workers;
    let plural = if workers == 1 { "" } else { "s" };
    format!("tidegate {version} serving {what} on {place} ({workers} worker{plural})")
}

/// An address as people open it.
fn place(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Tcp(address) if address.ip().is_unspecified() => {
            format!("http://localhost:{}", address.port())
        }
        ListenAddress::Tcp(address) => format!("http://{address}"),
        other => other.to_string(),
    }
}

/// Whose fault it is that the server does not run.
fn fault(error: &Error) -> Fault {
    match error {
        Error::Listen { .. } | Error::NoCertificate(_) | Error::Route(_) => {
            Fault::Configuration(error.to_string())
        }
        Error::System { .. } | Error::WorkerEnded(_) => Fault::Runtime(error.to_string()),
    }
}

/// The system's words for an error, without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// What signals reach.
struct Features {
    ending: demo::Ending,
    access: Option<Arc<AccessLog>>,
    admin: Option<RunningAdmin>,
}

impl Actions for Features {
    fn drain(&self) {
        self.ending.announce();
        if let Some(admin) = &self.admin {
            admin.announce_drain();
        }
    }

    fn reopen_logs(&self) {
        if let Some(access) = &self.access {
            access.reopen();
        }
    }

    fn reload(&self) {
        log::info!("there is no configuration file to reload: all was said by flags");
    }
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
    use std::ffi::OsString;

    use super::*;

    fn config(arguments: &[&str]) -> Config {
        let arguments = ["tidegate"].iter().chain(arguments).map(OsString::from);
        crate::cli::parse(arguments, &|_| None).unwrap()
    }

    #[test]
    fn the_greeting_says_what_is_where() {
        let line = |arguments: &[&str], address: &str| {
            let line = greeting(&config(arguments), &address.parse().unwrap());
            line.strip_prefix(concat!("tidegate ", env!("CARGO_PKG_VERSION"), " "))
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            line(&["./public", "-w2"], "[::]:8080"),
            "serving ./public on http://localhost:8080 (2 workers)"
        );
        assert_eq!(
            line(&["./public", "--demo", "-w1"], "127.0.0.1:80"),
            "serving ./public and the demo routes on http://127.0.0.1:80 (1 worker)"
        );
        assert_eq!(
            line(&["-w3"], "unix:/run/x.sock"),
            "serving the demo site on unix:/run/x.sock (3 workers)"
        );
    }

    #[test]
    fn a_missing_root_is_a_fault_of_the_configuration() {
        let config = config(&["/nonexistent/tidegate"]);
        let redirect = Arc::new(HttpsRedirect::new(None));
        let built = site(&config, &demo::Ending::default(), None, &redirect);
        let Err(Fault::Configuration(line)) = built else {
            panic!("a site was built");
        };
        assert!(
            line.starts_with("cannot serve /nonexistent/tidegate: "),
            "{line}"
        );
        assert!(!line.contains('\n'));
    }
}
