//! The command line: what can be said there and in the environment, and what that comes to.
//!
//! Owns the flags' names, texts and defaults, and the order of precedence: flag, environment,
//! default. Must not act on any of it.

mod content;
mod environment;
mod flags;
mod https;
mod message;
mod tls;
mod values;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::IsTerminal;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use reactor::{Limits, ListenAddress};

use crate::config::{Config, Listen};
use crate::logs;
use environment::Sources;
use flags::{Admin, Flags, Listening, Work};
use values::AdminListen;

/// Why there is nothing to serve.
#[derive(Debug)]
pub enum Stop {
    /// Help or the version was asked for; this is to be printed.
    Asked(clap::Error),
    /// Something is wrong; this line says what.
    Wrong(String),
}

/// Reads arguments, the program's name first, and the environment through `variable`.
///
/// # Errors
///
/// When help or the version is wanted, or anything is wrong.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Config, Stop> {
    let parsed = Flags::command()
        .try_get_matches_from(arguments)
        .and_then(|matches| {
            let flags = Flags::from_arg_matches(&matches)?;
            Ok((matches, flags))
        });
    match parsed {
        Ok((matches, flags)) => settle(
            flags,
            &Sources {
                matches: &matches,
                variable,
            },
        )
        .map_err(Stop::Wrong),
        Err(error) => Err(match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Stop::Asked(error),
            _ => Stop::Wrong(message::one_line(&error)),
        }),
    }
}

/// Brings flags and environment together.
fn settle(flags: Flags, sources: &Sources<'_>) -> Result<Config, String> {
    let limits = limits(&flags, sources)?;
    let (listen, is_listen_given) = listen(flags.listening, sources)?;
    let content = content::settle(flags.content, sources)?;
    let format = log_format(flags.logs.log_format, sources)?;
    let sink = flags.logs.access_log.0;
    // https://no-color.org
    let may_colour = sources.read("NO_COLOR", values::any)?.is_none();
    let http = tls::Http {
        listen: &listen,
        is_given: is_listen_given,
        is_redirected: flags.https.https_redirect.is_some(),
    };
    let (tls_listen, tls) = tls::settle(flags.tls, sources, &http, content.files.is_none())?;
    let admin = admin(flags.admin, sources, [&listen, &tls_listen])?;
    flags.https.check(tls.is_some())?;
    Ok(Config {
        listen,
        tls_listen,
        tls,
        https_redirect: flags.https.https_redirect,
        hsts: flags.https.hsts,
        admin,
        demo: content.demo,
        files: content.files,
        headers: content.headers,
        limits,
        server_name: flags.protocol.server_header.0,
        workers: workers(&flags.work, sources)?,
        pin: flags.work.pin,
        accept: flags.work.accept.into(),
        access_log: sink.map(|sink| {
            let on_terminal = sink == logs::Sink::Stdout && std::io::stdout().is_terminal();
            let usual = if on_terminal {
                logs::Format::Text
            } else {
                logs::Format::Json
            };
            logs::AccessConfig {
                format: format.unwrap_or(usual),
                colours: may_colour && on_terminal,
                sink,
            }
        }),
        diagnostics: logs::DiagnosticsConfig {
            filter: match flags.logs.log_level {
                Some(level) => level.to_string(),
                None => sources
                    .read("RUST_LOG", values::log_filter)?
                    .unwrap_or_else(|| "info".into()),
            },
            as_json: format == Some(logs::Format::Json),
            colours: may_colour && std::io::stderr().is_terminal(),
        },
    })
}

/// The admin listener, at none of the addresses where everyone else's requests come in.
fn admin(
    flags: Admin,
    sources: &Sources<'_>,
    others: [&Listen; 2],
) -> Result<Option<ListenAddress>, String> {
    let variables: &[_] = &[("TIDEGATE_ADMIN", values::admin_listen as fn(&str) -> _)];
    let AdminListen(admin) = sources.pick("admin_listen", flags.admin_listen, variables)?;
    if let Some(admin) = &admin {
        let is_shared = |listen| values::shared(listen, std::slice::from_ref(admin)).is_some();
        if others.into_iter().any(is_shared) {
            return Err(format!("{admin} is given to --admin-listen and to others"));
        }
    }
    Ok(admin)
}

/// The flags of one place go before the environment's other place: `-p 80` wins over
/// `TIDEGATE_LISTEN`. Says too whether anything but the default said so.
fn listen(flags: Listening, sources: &Sources<'_>) -> Result<(Listen, bool), String> {
    if !flags.listen.is_empty() {
        values::all_different(&flags.listen).map_err(|why| format!("invalid --listen: {why}"))?;
        return Ok((Listen::On(flags.listen), true));
    }
    if !sources.is_given("port")
        && let Some(addresses) = sources.read("TIDEGATE_LISTEN", values::listen_list)?
    {
        return Ok((Listen::On(addresses), true));
    }
    let variables: &[_] = &[
        ("TIDEGATE_PORT", values::port as fn(&str) -> _),
        ("SERVER_PORT", values::go_port),
    ];
    let (port, is_given) = sources.find("port", flags.port, variables)?;
    Ok((Listen::Everywhere(port), is_given))
}

/// The access log's format, if anything says so.
fn log_format(
    flag: Option<logs::Format>,
    sources: &Sources<'_>,
) -> Result<Option<logs::Format>, String> {
    let variables: &[_] = &[
        (
            "TIDEGATE_LOG_FORMAT",
            values::variable_format as fn(&str) -> _,
        ),
        ("ENVIRONMENT", values::environment_format),
    ];
    match flag {
        Some(format) => Ok(Some(format)),
        None => sources.pick("log_format", None, variables),
    }
}

/// How many workers.
fn workers(flags: &Work, sources: &Sources<'_>) -> Result<usize, String> {
    let variables: &[_] = &[
        ("TIDEGATE_WORKERS", values::workers as fn(&str) -> _),
        ("WORKER_COUNT", values::workers),
    ];
    sources.pick("workers", flags.workers, variables)
}

/// The engine's bounds.
fn limits(flags: &Flags, sources: &Sources<'_>) -> Result<Limits, String> {
    let request_timeout: &[_] = &[("REQUEST_TIMEOUT", values::deadline_or_off as fn(&str) -> _)];
    let shutdown_timeout: &[_] = &[("SHUTDOWN_TIMEOUT", values::deadline as fn(&str) -> _)];
    let queue_size: &[_] = &[("QUEUE_SIZE", values::queue_size as fn(&str) -> _)];
    let (bounds, deadlines, work) = (&flags.bounds, &flags.deadlines, &flags.work);
    let defaults = Limits::default();
    Ok(Limits {
        head_bytes_max: bounds.max_header_size,
        fields_max: bounds.max_headers,
        body_bytes_max: bounds.max_body,
        requests_max: bounds.max_requests,
        connections_max: bounds.max_connections,
        connections_per_address_max: bounds.max_connections_per_ip,
        pool_bytes_max: work.buffer_memory,
        job_threads: work.job_threads,
        jobs_max: sources.pick("queue_size", work.queue_size, queue_size)?,
        header_timeout: deadlines.header_timeout,
        handshake_timeout: deadlines.handshake_timeout,
        body_timeout: deadlines.body_timeout,
        write_timeout: deadlines.write_timeout,
        idle_timeout: deadlines.idle_timeout,
        request_timeout: sources.pick(
            "request_timeout",
            deadlines.request_timeout,
            request_timeout,
        )?,
        head_rate_min: deadlines.min_head_rate,
        body_rate_min: deadlines.min_body_rate,
        drain_grace: flags.shutdown.drain_grace,
        shutdown_timeout: sources.pick(
            "shutdown_timeout",
            flags.shutdown.shutdown_timeout,
            shutdown_timeout,
        )?,
        // Who sends a body that could have been taken gets to read why it is not.
        linger_bytes_max: defaults.linger_bytes_max.max(bounds.max_body),
        ..defaults
    })
}
