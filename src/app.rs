//! Composes the features into one server. The only place that knows all of them.
//!
//! Must not read flags or environment: what it does is decided by [`Config`] alone.

mod listen;
mod site;

use std::sync::Arc;
use std::time::Duration;

use reactor::{Bound, Error, Server};

use crate::config::Config;
use crate::control::{Actions, Control};
use crate::demo;
use crate::logs::{self, AccessLog, Diagnostics};
use crate::metrics::{self, Admin, RunningAdmin, TlsFigures};
use crate::tls::{Certificates, NoCertificates, Source, Status, Watch};
use crate::words::plain;
use site::Blueprint;

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
    let mut https = Https::load(config)?;
    let blueprint = Blueprint::new(config.clone(), ending.clone(), access.clone());
    let bound = bind(config, &blueprint, &mut https)?;
    let Https { certificates, off } = https;
    blueprint.redirect_to(&bound)?;
    let addresses = bound.addresses().to_vec();
    let status = certificates.as_ref().map(Certificates::status);
    let admin = bind_admin(config, status.cloned())?;
    let running = bound.start().map_err(|error| fault(&error))?;
    for listening in &addresses {
        diagnostics.announce(&listen::greeting(config, listening));
    }
    if let Some(address) = listen::open_beside(config, &addresses) {
        log::warn!(
            "everyone who reaches {address} is served in the clear what HTTPS serves only to \
             clients with a certificate: --https-redirect sends them to HTTPS"
        );
    }
    let admin = match admin {
        Some(admin) => {
            announce_admin(&admin, diagnostics);
            let started = admin.start(running.handle().stats());
            Some(started.map_err(|error| fault(&error))?)
        }
        None => None,
    };
    let handle = running.handle();
    let watch = certificates.map(|certificates| {
        certificates.watch(move |tls| {
            let site = blueprint.site(Some(&tls)).map_err(Fault::into_line)?;
            handle.publish(site);
            Ok(())
        })
    });
    let certificates = watch
        .transpose()
        .map_err(|error| Fault::Runtime(format!("cannot watch over certificates: {error}")))?;
    let features = Features {
        ending,
        access,
        certificates,
        https_off: off,
        admin,
    };
    let result = control.run(running, &features);
    features.finish();
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

/// HTTPS as it came out at the start.
#[derive(Default)]
struct Https {
    certificates: Option<Certificates>,
    /// Why there is none although it was wanted.
    off: Option<String>,
}

impl Https {
    fn load(config: &Config) -> Result<Https, Fault> {
        let mut https = Https::default();
        match config.tls.as_ref().map(Certificates::load) {
            None => {}
            Some(Ok(certificates)) => https.certificates = Some(certificates),
            Some(Err(NoCertificates::Fatal(line))) => return Err(Fault::Configuration(line)),
            Some(Err(NoCertificates::Off(why))) => {
                log::warn!("HTTPS is off: {why}");
                https.off = Some(why);
            }
        }
        Ok(https)
    }
}

/// Opens the listeners. Where the demo's own HTTPS has no place, it is given up.
fn bind(config: &Config, blueprint: &Blueprint, https: &mut Https) -> Result<Bound, Fault> {
    let is_demo = |tls: &crate::tls::Config| matches!(tls.source, Source::Demo(_));
    let may_give_up = config.tls.as_ref().is_some_and(is_demo);
    loop {
        let tls = https.certificates.as_ref().map(Certificates::tls);
        let secure = match tls {
            Some(_) => listen::addresses(&config.tls_listen),
            None => Vec::new(),
        };
        let mut server = Server::new(blueprint.site(tls)?)
            .workers(config.workers)
            .pin(config.pin)
            .accept(config.accept)
            .local(blueprint.local())
            .tend(site::tend)
            .leave_descriptors(blueprint.files_open_max());
        for address in listen::addresses(&config.listen) {
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
                https.certificates = None;
                https.off = Some(error.to_string());
            }
            result => return result.map_err(|error| fault(&error)),
        }
    }
}

/// Opens the admin listener, if there is to be one.
fn bind_admin(config: &Config, status: Option<Arc<Status>>) -> Result<Option<Admin>, Fault> {
    let Some(address) = &config.admin else {
        return Ok(None);
    };
    let figures = status.map(|status| -> metrics::TlsSource { Box::new(move || figures(&status)) });
    Admin::bind(address.clone(), config.server_name.as_deref(), figures)
        .map(Some)
        .map_err(|error| fault(&error))
}

/// What the metrics tell of certificates.
fn figures(status: &Status) -> TlsFigures {
    let expiries = status.certificates().into_iter();
    TlsFigures {
        expiries: expiries
            .map(|certificate| (certificate.name.into(), certificate.not_after))
            .collect(),
        reloads: status.reloads(),
        reload_failures: status.reload_failures(),
    }
}

/// Says where the admin listener is, and who else can reach it.
fn announce_admin(admin: &Admin, diagnostics: &Diagnostics) {
    let Some(address) = admin.address() else {
        return;
    };
    let place = listen::place(address, false);
    diagnostics.announce(&format!("metrics, health and readiness on {place}"));
    if metrics::is_exposed(address) {
        log::warn!(
            "everyone who reaches {address} may read the metrics: for this machine alone it is \
             --admin-listen 127.0.0.1:9090"
        );
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

/// What signals reach.
struct Features {
    ending: demo::Ending,
    access: Option<Arc<AccessLog>>,
    certificates: Option<Watch>,
    /// Why there is no HTTPS although it was wanted.
    https_off: Option<String>,
    admin: Option<RunningAdmin>,
}

impl Features {
    /// The server has ended: so do they, with their last words.
    fn finish(self) {
        if let Some(admin) = self.admin {
            admin.finish();
        }
        if let Some(access) = &self.access {
            access.finish(LAST_LINES_TIMEOUT);
        }
    }
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
        match (&self.certificates, &self.https_off) {
            (Some(certificates), _) => certificates.reload(),
            (None, Some(why)) => log::warn!(
                "nothing is read again: HTTPS was off at the start ({why}), and takes a restart"
            ),
            (None, None) => log::info!("there is nothing to reload: all was said by flags"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use crate::config::Config;

    /// What a command line comes to.
    pub fn config(arguments: &[&str]) -> Config {
        let arguments = ["tidegate"].iter().chain(arguments).map(OsString::from);
        crate::cli::parse(arguments, &|_| None).unwrap()
    }
}
