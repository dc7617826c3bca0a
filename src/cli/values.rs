//! Values as they are written on the command line and in the environment. Each function reads one
//! kind of value and says in plain words what it wants.

pub mod content;

use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;
use reactor::ListenAddress;
use reactor::tls::TlsVersion;

use crate::config::{Listen, NEVER, parse_duration, parse_rate, parse_size};
use crate::logs::{Format, Sink};

/// Ranges into a head are 16 bits wide.
const HEAD_BYTES_MAX: u64 = u16::MAX as u64;

/// Less than this and browsers' requests do not fit.
const HEAD_BYTES_MIN: u64 = 256;

/// A pool below this could not serve a handful of clients.
const POOL_BYTES_MIN: u64 = 1 << 20;

/// More workers than any machine has cores are a slip of the keyboard.
const WORKERS_MAX: usize = 1024;

/// Each waiting job is a small allocation; this many are a gigabyte.
const QUEUE_SIZE_MAX: usize = 10_000_000;

/// A word that switches something off, where that is allowed.
pub const OFF: &str = "off";

/// The text of the `Server` field; none for `off`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHeader(pub Option<String>);

/// Where the access log goes; nowhere for `off`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog(pub Option<Sink>);

/// The address of the admin listener; none for `off`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminListen(pub Option<ListenAddress>);

/// One listen address.
pub fn listen(text: &str) -> Result<ListenAddress, String> {
    text.parse()
        .map_err(|error: reactor::transport::InvalidAddress| error.to_string())
}

/// Listen addresses with commas or white space between them.
pub fn listen_list(text: &str) -> Result<Vec<ListenAddress>, String> {
    let separators = |c: char| c == ',' || c.is_whitespace();
    let addresses: Result<Vec<_>, _> = text
        .split(separators)
        .filter(|part| !part.is_empty())
        .map(listen)
        .collect();
    match addresses {
        Ok(addresses) if addresses.is_empty() => Err("there is no address in it".into()),
        Ok(addresses) => all_different(&addresses).map(|()| addresses),
        Err(why) => Err(why),
    }
}

/// The address of the admin listener.
pub fn admin_listen(text: &str) -> Result<AdminListen, String> {
    match text {
        OFF => Ok(AdminListen(None)),
        _ => or_off(listen(text)).map(|address| AdminListen(Some(address))),
    }
}

/// The first of `others` that `listen` is in the way of, as both would take the same port: the
/// system's complaint would end in blaming another process.
pub fn shared<'a>(listen: &Listen, others: &'a [ListenAddress]) -> Option<&'a ListenAddress> {
    let own = expand(listen);
    let is_taken = |other: &&ListenAddress| own.iter().any(|own| collide(own, other));
    others.iter().find(is_taken)
}

/// As addresses. The one for all of them is in the way of IPv4's too.
pub fn expand(listen: &Listen) -> Vec<ListenAddress> {
    match listen {
        Listen::Everywhere(port) => {
            let everywhere = (Ipv6Addr::UNSPECIFIED, *port);
            vec![ListenAddress::Tcp(everywhere.into())]
        }
        Listen::On(addresses) => addresses.clone(),
    }
}

fn collide(one: &ListenAddress, other: &ListenAddress) -> bool {
    let is_everywhere = match (one, other) {
        (ListenAddress::Tcp(one), ListenAddress::Tcp(other)) => {
            let are_unspecified = one.ip().is_unspecified() && other.ip().is_unspecified();
            are_unspecified && one.port() == other.port()
        }
        _ => false,
    };
    (is_everywhere || one == other) && !is_any_port(one)
}

/// Refuses an address that is given twice, which would end in blaming another process.
pub fn all_different(addresses: &[ListenAddress]) -> Result<(), String> {
    for (at, address) in addresses.iter().enumerate() {
        if addresses[..at].contains(address) && !is_any_port(address) {
            return Err(format!("{address} is given twice"));
        }
    }
    Ok(())
}

/// Whether the system is to choose the port, a different one each time.
fn is_any_port(address: &ListenAddress) -> bool {
    matches!(address, ListenAddress::Tcp(address) if address.port() == 0)
}

/// A port; 0 lets the system choose one.
pub fn port(text: &str) -> Result<u16, String> {
    number(text, 0, u64::from(u16::MAX)).map(|port| port as u16)
}

/// A port as Go programs have it in their environment: `:3000`, or without the colon.
pub fn go_port(text: &str) -> Result<u16, String> {
    port(text.strip_prefix(':').unwrap_or(text))
}

/// Bytes of a body.
pub fn max_body(text: &str) -> Result<u64, String> {
    match text {
        OFF => Ok(u64::MAX),
        _ => or_off(size(text, 1, u64::MAX)),
    }
}

/// Bytes of a head.
pub fn max_header_size(text: &str) -> Result<usize, String> {
    size(text, HEAD_BYTES_MIN, HEAD_BYTES_MAX).map(|bytes| bytes as usize)
}

/// Number of header fields.
pub fn max_headers(text: &str) -> Result<usize, String> {
    number(text, 1, 10_000).map(|count| count as usize)
}

/// Requests of a connection; 0 for no bound.
pub fn max_requests(text: &str) -> Result<u32, String> {
    match text {
        OFF => Ok(0),
        _ => or_off(number(text, 0, u64::from(u32::MAX)).map(|count| count as u32)),
    }
}

/// Connections in all.
pub fn max_connections(text: &str) -> Result<usize, String> {
    number(text, 1, 100_000_000).map(|count| count as usize)
}

/// Connections of one client; 0 for no bound.
pub fn max_connections_per_ip(text: &str) -> Result<usize, String> {
    match text {
        OFF => Ok(0),
        _ => or_off(number(text, 0, 100_000_000).map(|count| count as usize)),
    }
}

/// A time that is not zero.
pub fn deadline(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("it must be longer than zero".into()),
        other => other.map_err(|error| error.to_string()),
    }
}

/// A time that is not zero, or none.
pub fn deadline_or_off(text: &str) -> Result<Duration, String> {
    match text {
        OFF => Ok(NEVER),
        _ => or_off(deadline(text)),
    }
}

/// A time; zero and `off` are the same.
pub fn pause(text: &str) -> Result<Duration, String> {
    match text {
        OFF => Ok(Duration::ZERO),
        _ => or_off(parse_duration(text).map_err(|error| error.to_string())),
    }
}

/// Bytes a second; zero for no bound.
pub fn min_rate(text: &str) -> Result<u32, String> {
    match text {
        OFF => Ok(0),
        _ => or_off(parse_rate(text).map_err(|error| error.to_string())),
    }
}

/// The `Server` field.
pub fn server_header(text: &str) -> Result<ServerHeader, String> {
    if text == OFF {
        return Ok(ServerHeader(None));
    }
    if !is_visible(text) {
        return Err("write visible ASCII characters, or off".into());
    }
    Ok(ServerHeader(Some(text.to_owned())))
}

/// Number of workers; `auto` is one for each core that this process may use.
pub fn workers(text: &str) -> Result<usize, String> {
    if text == "auto" {
        return Ok(std::thread::available_parallelism().map_or(1, usize::from));
    }
    number(text, 1, WORKERS_MAX as u64)
        .map(|count| count as usize)
        .map_err(|why| format!("{why}, or auto"))
}

/// Jobs that may wait.
pub fn queue_size(text: &str) -> Result<usize, String> {
    number(text, 1, QUEUE_SIZE_MAX as u64).map(|count| count as usize)
}

/// Threads for jobs.
pub fn job_threads(text: &str) -> Result<usize, String> {
    number(text, 1, 4096).map(|count| count as usize)
}

/// Bytes of a worker's block pool.
pub fn buffer_memory(text: &str) -> Result<usize, String> {
    size(text, POOL_BYTES_MIN, isize::MAX as u64).map(|bytes| bytes as usize)
}

/// Where the access log goes.
pub fn access_log(text: &str) -> Result<AccessLog, String> {
    Ok(AccessLog(match text {
        OFF => None,
        "-" => Some(Sink::Stdout),
        "" => return Err("write the name of a file, - or off".into()),
        _ => Some(Sink::File(PathBuf::from(text))),
    }))
}

/// The format of the access log.
pub fn log_format(text: &str) -> Result<Format, String> {
    Format::from_name(text).ok_or_else(|| "write json, combined, common or text".into())
}

/// The format of the access log, for a variable.
pub fn variable_format(text: &str) -> Result<Option<Format>, String> {
    log_format(text).map(Some)
}

/// What `ENVIRONMENT` says about the format: `production` is for machines to read.
pub fn environment_format(text: &str) -> Result<Option<Format>, String> {
    Ok((text == "production").then_some(Format::Json))
}

/// A version of TLS.
pub fn tls_version(text: &str) -> Result<TlsVersion, String> {
    match text {
        "1.2" => Ok(TlsVersion::V1_2),
        "1.3" => Ok(TlsVersion::V1_3),
        _ => Err("write 1.2 or 1.3".into()),
    }
}

/// Whether something is done.
pub fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        OFF => Ok(false),
        _ => Err(format!("write on or {OFF}")),
    }
}

/// Paths with commas between them.
pub fn paths(text: &str) -> Result<Vec<PathBuf>, String> {
    let parts = text.split(',').map(str::trim);
    let paths: Vec<PathBuf> = parts.map(PathBuf::from).collect();
    match paths.iter().any(|path| path.as_os_str().is_empty()) {
        true => Err("write names of files, with commas between them".into()),
        false => Ok(paths),
    }
}

/// Any text.
pub fn any(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// The level of diagnostics.
pub fn log_level(text: &str) -> Result<LevelFilter, String> {
    text.parse()
        .map_err(|_| "write off, error, warn, info, debug or trace".into())
}

/// Levels by module, as `RUST_LOG` has them: `warn,reactor::engine=debug`. What the logger would
/// pass over with a warning is refused.
pub fn log_filter(text: &str) -> Result<String, String> {
    let (directives, pattern) = text.split_once('/').unwrap_or((text, ""));
    let is_level = |level: &str| level.is_empty() || level.parse::<LevelFilter>().is_ok();
    let is_directive = |directive: &str| match directive.split_once('=') {
        Some((_, level)) => is_level(level.trim()),
        None => true,
    };
    if pattern.contains('/') || !directives.split(',').all(is_directive) {
        return Err("write levels, as in warn,reactor::engine=debug".into());
    }
    Ok(text.to_owned())
}

fn number(text: &str, min: u64, max: u64) -> Result<u64, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits && (min..=max).contains(&number) => Ok(number),
        _ => Err(format!("write a whole number from {min} to {max}")),
    }
}

/// Whether this is text for the value of a header field: visible ASCII characters, and spaces among
/// them.
fn is_visible(text: &str) -> bool {
    let is_visible = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    !text.is_empty() && text.trim() == text && text.bytes().all(is_visible)
}

/// Adds to what is wanted that the word `off` would do too.
fn or_off<T>(value: Result<T, String>) -> Result<T, String> {
    value.map_err(|why| format!("{why}, or {OFF}"))
}

fn size(text: &str, min: u64, max: u64) -> Result<u64, String> {
    let bytes = parse_size(text).map_err(|error| error.to_string())?;
    if bytes == 0 {
        Err("it must be more than zero".into())
    } else if bytes < min {
        Err(format!("at least {min} bytes are needed"))
    } else if bytes > max {
        Err(format!("at most {max} bytes are possible"))
    } else {
        Ok(bytes)
    }
}
