//! Composes the features into one server. The only place that knows all of them.
//!
//! Must not read flags or environment: what it does is decided by [`Config`] alone.

use std::any::Any;
use std::fmt::Write;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use reactor::tls::Tls;
use reactor::{Bound, Error, ListenAddress, Observer, Server, Site, Summary};

use crate::config::{Config, Listen};
use crate::control::{Actions, Control};
use crate::logs::{self, AccessLog, Diagnostics};
use crate::tls::{Certificates, Source, Watch};
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

impl Fault {
    fn into_line(self) -> String {
        match self {
            Fault::Configuration(line) | Fault::Runtime(line) => line,
        }
    }
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
    let mut certificates = match &config.tls {
        Some(tls) => Certificates::load(tls).map_err(Fault::Configuration)?,
        None => None,
    };
    let bound = bind(config, &ending, access.as_ref(), &mut certificates)?;
    let addresses = bound.addresses().to_vec();
    let running = bound.start().map_err(|error| fault(&error))?;
    for listening in &addresses {
        let (address, secure) = (&listening.address, listening.secure);
        diagnostics.announce(&greeting(config, address, secure));
    }
    let certificates = certificates.map(|certificates| {
        let (config, handle) = (config.clone(), running.handle());
        let (ending, access) = (ending.clone(), access.clone());
        certificates.watch(move |tls| {
            let site = site(&config, &ending, access.as_ref(), Some(&tls));
            handle.publish(site.map_err(Fault::into_line)?);
            Ok(())
        })
    });
    let certificates = certificates
        .transpose()
        .map_err(|error| Fault::Runtime(format!("cannot watch over certificates: {error}")))?;
    let features = Features {
        ending,
        access,
        certificates,
    };
    let result = control.run(running, &features);
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
    tls: Option<&Arc<Tls>>,
) -> Result<Site, Fault> {
    let mut site = Site::builder()
        .limits(config.limits.clone())
        .server_name(config.server_name.as_deref());
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
    if let Some(tls) = tls {
        site = site.tls(Arc::clone(tls));
    }
    site.build()
        .map_err(|error| Fault::Configuration(error.to_string()))
}

/// Opens the listeners. Where the demo's own HTTPS has no place, `certificates` are given up.
fn bind(
    config: &Config,
    ending: &demo::Ending,
    access: Option<&Arc<AccessLog>>,
    certificates: &mut Option<Certificates>,
) -> Result<Bound, Fault> {
    let is_demo = |tls: &crate::tls::Config| matches!(tls.source, Source::Demo(_));
    let may_give_up = config.tls.as_ref().is_some_and(is_demo);
    loop {
        let tls = certificates.as_ref().map(Certificates::tls);
        let secure = match tls {
            Some(_) => listen_addresses(&config.tls_listen),
            None => Vec::new(),
        };
        let mut server = server(config, site(config, ending, access, tls)?, access.cloned());
        for address in listen_addresses(&config.listen) {
            server = server.listen(address);
        }
        for address in &secure {
            server = server.listen_tls(address.clone());
        }
        match server.bind() {
            Err(Error::Listen { address, cause })
                if may_give_up && secure.iter().any(|own| own.to_string() == address) =>
            {
                let error = Error::Listen { address, cause };
                log::warn!("the demo site is served without HTTPS: {error}");
                *certificates = None;
            }
            result => return result.map_err(|error| fault(&error)),
        }
    }
}

fn server(config: &Config, site: Site, access: Option<Arc<AccessLog>>) -> Server {
    Server::new(site)
        .workers(config.workers)
        .pin(config.pin)
        .accept(config.accept)
        .local(move |_worker| -> Box<dyn Any + Send> {
            Box::new(Local {
                access: access.as_ref().map(|access| access.worker()),
            })
        })
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
fn greeting(config: &Config, address: &ListenAddress, secure: bool) -> String {
    let what = match (&config.files, config.demo) {
        (Some(files), true) => format!("{} and the demo routes", files.root.display()),
        (Some(files), false) => files.root.display().to_string(),
        (None, _) => "the demo site".into(),
    };
    let mut line = format!("tidegate {} serving {what} on ", env!("CARGO_PKG_VERSION"));
    let scheme = if secure { "https" } else { "http" };
    // Writing to a string cannot fail.
    let _ = match address {
        ListenAddress::Tcp(address) if address.ip().is_unspecified() => {
            write!(line, "{scheme}://localhost:{}", address.port())
        }
        ListenAddress::Tcp(address) => write!(line, "{scheme}://{address}"),
        other if secure => write!(line, "{other}, for HTTPS"),
        other => write!(line, "{other}"),
    };
    let plural = if config.workers == 1 { "" } else { "s" };
    let _ = write!(line, " ({} worker{plural})", config.workers);
    line
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
    certificates: Option<Watch>,
}

impl Actions for Features {
    fn drain(&self) {
        self.ending.announce();
    }

    fn reopen_logs(&self) {
        if let Some(access) = &self.access {
            access.reopen();
        }
    }

    fn reload(&self) {
        match &self.certificates {
            Some(certificates) => certificates.reload(),
            None => log::info!("there is nothing to reload: all was said by flags"),
        }
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
            let (address, secure) = match address.strip_prefix("tls ") {
                Some(address) => (address, true),
                None => (address, false),
            };
            let line = greeting(&config(arguments), &address.parse().unwrap(), secure);
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
        assert_eq!(
            line(&["-w3"], "tls [::]:8443"),
            "serving the demo site on https://localhost:8443 (3 workers)"
        );
        assert_eq!(
            line(&["-w3"], "tls unix:/run/x.sock"),
            "serving the demo site on unix:/run/x.sock, for HTTPS (3 workers)"
        );
    }

    #[test]
    fn a_missing_root_is_a_fault_of_the_configuration() {
        let config = config(&["/nonexistent/tidegate"]);
        let Err(Fault::Configuration(line)) = site(&config, &demo::Ending::default(), None, None)
        else {
            panic!("a site was built");
        };
        assert!(
            line.starts_with("cannot serve /nonexistent/tidegate: "),
            "{line}"
        );
        assert!(!line.contains('\n'));
    }
}
