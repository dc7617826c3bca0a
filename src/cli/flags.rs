//! The flags: their names, values, defaults, and the texts of `-h` (the first paragraph of each)
//! and `--help` (all of it).
//!
//! Must not know what the values come to. Where a variable of the environment stands beside a flag,
//! its name is in the text here and in `cli.rs`, and a test compares the two.

// The texts are for terminals: what looks like a link in them is an address.
#![allow(rustdoc::broken_intra_doc_links)]

use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Args, Parser, ValueEnum};
use log::LevelFilter;
use reactor::{Accept, ListenAddress};

use super::content::Content;
use super::https::Https;
use super::tls::Tls;
use super::values::{self, AccessLog, AdminListen, ServerHeader};
use crate::logs::Format;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES_SHORT: &str = "\
Examples:
  tidegate ./public          serve a directory on http://localhost:8080
  tidegate --demo -p 3000    serve the demo site on another port

'tidegate --help' says more about every option.";

const EXAMPLES: &str = "\
Examples:
  tidegate                                        the demo site, http://localhost:8080
  tidegate ./public                               a directory
  tidegate ./public --browse                      a directory, with lists of what is in it
  tidegate ./dist --spa                           a single-page application
  tidegate ./public --demo                        a directory, and /ping, /echo, /events ... with it
  tidegate ./public -l 127.0.0.1:8000 -l '[::1]:8000'
                                                  only for this machine
  tidegate ./public -l unix:/run/tidegate.sock    behind another server
  tidegate ./public --access-log /var/log/tidegate/access.log --log-format combined
  tidegate ./public --tls-cert fullchain.pem --tls-key privkey.pem
                                                  also over HTTPS, on port 8443
  tidegate ./public --tls-self-signed             over HTTPS with a certificate made at the start
  tidegate ./public --max-connections-per-ip 64 --header-timeout 5s

Units:
  Sizes are bytes: 512, 16k, 16KiB (1024 each), 10MiB, 1GiB; KB, MB and GB are powers of 1000.
  Durations have a unit: 500ms, 10s, 5m, 1h, 1m30s.

Signals:
  TERM, INT, QUIT   finish what is being answered, then exit; a second TERM or INT exits at once
  USR1              open the access log's file again, after it was moved away
  HUP               read the certificates again at once; new connections use them
  USR2              does nothing yet, and does not end the server

Exit status:
  0 ended as told, 1 failed while running, 2 wrong usage or configuration (nothing was served).

Where a flag and a variable of the environment [env: NAME] say the same, the flag wins.";

/// Serves a directory or the demo site over HTTP and HTTPS
///
/// Serves a directory, the demo site, or both over HTTP/1.1, with TLS or without: one worker thread
/// for each core, each with its own event loop. Every limit and every timeout has a default, which
/// is shown here.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, styles = STYLES)]
#[command(after_help = EXAMPLES_SHORT, after_long_help = EXAMPLES)]
#[command(
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = false,
    allow_negative_numbers = true
)]
pub struct Flags {
    #[command(flatten)]
    pub content: Content,
    #[command(flatten)]
    pub listening: Listening,
    #[command(flatten)]
    pub tls: Tls,
    #[command(flatten)]
    pub https: Https,
    #[command(flatten)]
    pub admin: Admin,
    #[command(flatten)]
    pub bounds: Bounds,
    #[command(flatten)]
    pub deadlines: Deadlines,
    #[command(flatten)]
    pub protocol: Protocol,
    #[command(flatten)]
    pub work: Work,
    #[command(flatten)]
    pub logs: Logs,
    #[command(flatten)]
    pub shutdown: Shutdown,
    /// Print this help; -h is shorter
    #[arg(short, long, action = ArgAction::Help, help_heading = "About")]
    help: Option<bool>,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = "About")]
    version: Option<bool>,
}

/// Where to listen.
#[derive(Args, Debug)]
#[command(next_help_heading = "Listening")]
pub struct Listening {
    /// Address to listen on, repeatable [env: TIDEGATE_LISTEN] [default: [::]:8080]
    ///
    /// 127.0.0.1:8080, [::1]:8080, :8080 (every address), unix:/path, or fd:3 for a socket that was
    /// passed by systemd. [::] takes IPv4 too. Several addresses in the variable are separated by
    /// commas.
    #[arg(short, long, value_name = "ADDR", value_parser = values::listen)]
    #[arg(conflicts_with = "port")]
    pub listen: Vec<ListenAddress>,
    /// Port on every address of this machine [env: TIDEGATE_PORT, SERVER_PORT]
    ///
    /// Short for --listen '[::]:PORT'; 0 lets the system choose one, and the start-up line says
    /// which. SERVER_PORT may be written :8080.
    #[arg(short, long, value_name = "PORT", default_value = "8080", value_parser = values::port)]
    pub port: u16,
}

/// What monitoring asks.
#[derive(Args, Debug)]
#[command(next_help_heading = "Monitoring")]
pub struct Admin {
    /// Address for metrics, health and readiness, or off [env: TIDEGATE_ADMIN]
    ///
    /// /metrics in Prometheus' text format, /health, and /ready, which is 503 while draining;
    /// nothing else, and nothing of it on other addresses. Whoever reaches the address may ask, so
    /// let it be one of this machine: 127.0.0.1:9090, or unix:/path.
    #[arg(long, value_name = "ADDR", default_value = "off", value_parser = values::admin_listen)]
    pub admin_listen: AdminListen,
}

/// How much.
#[derive(Args, Debug)]
#[command(next_help_heading = "Limits")]
pub struct Bounds {
    /// Largest request body, in bytes, or off
    ///
    /// A larger one is answered with 413. The default takes photographs and forms, not films.
    #[arg(long, value_name = "SIZE", default_value = "10MiB", value_parser = values::max_body)]
    pub max_body: u64,
    /// Largest request head, in bytes, up to 65535
    ///
    /// Request line and header fields together; a larger one is answered with 431. The default
    /// holds the largest cookies that browsers send.
    #[arg(long, value_name = "SIZE", default_value = "16KiB")]
    #[arg(value_parser = values::max_header_size)]
    pub max_header_size: usize,
    /// Most header fields of a request
    ///
    /// More are answered with 431. Browsers send 10 to 30, proxies add a few.
    #[arg(long, value_name = "N", default_value = "100", value_parser = values::max_headers)]
    pub max_headers: usize,
    /// Most requests on one connection, or off
    ///
    /// Then it is closed, so that no client keeps its place for ever and memory settles.
    #[arg(long, value_name = "N", default_value = "10000", value_parser = values::max_requests)]
    pub max_requests: u32,
    /// Most connections at one time
    ///
    /// The next one is told 503 and closed; over TLS it is closed without a word. Bounds memory and
    /// descriptors; where the system allows fewer descriptors the bound is lowered, and a line says
    /// so.
    #[arg(long, value_name = "N", default_value = "65536", value_parser = values::max_connections)]
    pub max_connections: usize,
    /// Most connections from one client address, or off
    ///
    /// Counted over all workers; an IPv6 /64, which is what one customer gets, counts as one
    /// address. Off because many people may share one address.
    #[arg(long, value_name = "N", default_value = "off")]
    #[arg(value_parser = values::max_connections_per_ip)]
    pub max_connections_per_ip: usize,
}

/// How long.
#[derive(Args, Debug)]
#[command(next_help_heading = "Timeouts")]
pub struct Deadlines {
    /// Time for a request's head, from its first byte to its end
    ///
    /// In all, whatever the client drips: this is what ends slow-loris attacks.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::deadline)]
    pub header_timeout: Duration,
    /// Time for the TLS handshake, from the connection on
    ///
    /// In all, whatever the client drips.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = values::deadline)]
    pub handshake_timeout: Duration,
    /// Longest pause within a request's body
    ///
    /// Long uploads may take as long as they need while something arrives; see --min-body-rate.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::deadline)]
    pub body_timeout: Duration,
    /// Longest time in which a client takes nothing of its response
    ///
    /// Long downloads may take as long as they need while something is taken.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::deadline)]
    pub write_timeout: Duration,
    /// Longest time between two requests on a connection
    ///
    /// The default is what nginx has and browsers expect.
    #[arg(long, value_name = "TIME", default_value = "75s", value_parser = values::deadline)]
    pub idle_timeout: Duration,
    /// Time from the end of the head to the response's first byte, or off [env: REQUEST_TIMEOUT]
    ///
    /// Never the transfer itself.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    #[arg(value_parser = values::deadline_or_off)]
    pub request_timeout: Duration,
    /// Least bytes a second of a request's head, or off
    ///
    /// Counted from its second second on; ends clients that send a byte now and then.
    #[arg(long, value_name = "RATE", default_value = "64", value_parser = values::min_rate)]
    pub min_head_rate: u32,
    /// Least bytes a second of a request's body, or off
    ///
    /// Counted over the whole body, once it has taken --body-timeout.
    #[arg(long, value_name = "RATE", default_value = "128", value_parser = values::min_rate)]
    pub min_body_rate: u32,
}

/// What is said in HTTP.
#[derive(Args, Debug)]
#[command(next_help_heading = "Responses")]
pub struct Protocol {
    /// Text of the Server header field, or off
    #[arg(long, value_name = "TEXT", default_value = "tidegate")]
    #[arg(value_parser = values::server_header)]
    pub server_header: ServerHeader,
}

/// Who does the work.
#[derive(Args, Debug)]
#[command(next_help_heading = "Workers")]
pub struct Work {
    /// Worker threads; auto is one a core [env: TIDEGATE_WORKERS, WORKER_COUNT]
    ///
    /// More than one a core costs more than it brings: what may block is done by --job-threads.
    #[arg(short, long, value_name = "N", default_value = "auto", value_parser = values::workers)]
    pub workers: usize,
    /// Pin each worker to a core
    ///
    /// Steadier figures on a machine that does nothing else; off because on others it gets in the
    /// way of the scheduler.
    #[arg(long)]
    pub pin: bool,
    /// How connections reach the workers
    #[arg(long, value_name = "MODE", default_value = "reuseport")]
    pub accept: AcceptMode,
    /// Jobs that may wait for a thread [env: QUEUE_SIZE]
    ///
    /// A job is work that may block and so may not run on a worker. When this many wait, the next
    /// one is answered with 503. Brief ones have a queue of this length of their own, and one that
    /// reads more of a file that is being sent cuts the answer if that is full.
    #[arg(long, value_name = "N", default_value = "10000", value_parser = values::queue_size)]
    pub queue_size: usize,
    /// Threads for jobs
    ///
    /// Jobs may block, so there are more threads than cores. A quarter of them is for what is brief
    /// alone, such as opening and reading files, so that lists and compressing keep nobody waiting.
    #[arg(long, value_name = "N", default_value = "16", value_parser = values::job_threads)]
    pub job_threads: usize,
    /// Most memory for buffers of one worker, in bytes
    ///
    /// What all clients of a worker together can make it buffer. It is taken when it is needed and
    /// given back after; when it is used up, clients wait.
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    #[arg(value_parser = values::buffer_memory)]
    pub buffer_memory: usize,
}

/// How connections reach the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AcceptMode {
    /// The system spreads them over one socket a worker (SO_REUSEPORT)
    Reuseport,
    /// One worker accepts and hands them to the one with the fewest
    Handoff,
}

impl From<AcceptMode> for Accept {
    fn from(mode: AcceptMode) -> Accept {
        match mode {
            AcceptMode::Reuseport => Accept::Reuseport,
            AcceptMode::Handoff => Accept::Handoff,
        }
    }
}

/// What is written down.
#[derive(Args, Debug)]
#[command(next_help_heading = "Logs")]
pub struct Logs {
    /// File for the access log, - for standard output, or off
    ///
    /// A file is appended to, and opened again on the signal USR1; a FIFO needs a reader. When
    /// whatever takes the log does not keep up, lines are dropped and counted; serving never waits
    /// for it.
    #[arg(long, value_name = "FILE", default_value = "-", value_parser = values::access_log)]
    pub access_log: AccessLog,
    /// json, combined, common or text [env: TIDEGATE_LOG_FORMAT] [default: text on a terminal, else
    /// json]
    ///
    /// combined and common are what Apache and nginx write, with times in UTC. When json is asked
    /// for, diagnostics on standard error are JSON too. ENVIRONMENT=production asks for json.
    #[arg(long, value_name = "FORMAT", value_parser = values::log_format)]
    pub log_format: Option<Format>,
    /// Diagnostics on standard error: off, error, warn, info, debug or trace [default: info]
    ///
    /// Without the flag RUST_LOG is read, which can set a level for each module:
    /// RUST_LOG=warn,reactor::engine=debug
    #[arg(long, value_name = "LEVEL", value_parser = values::log_level)]
    pub log_level: Option<LevelFilter>,
}

/// How it ends.
#[derive(Args, Debug)]
#[command(next_help_heading = "Shutdown")]
pub struct Shutdown {
    /// Time that idle connections stay open when draining, or off
    ///
    /// For requests that are already on their way.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = values::pause)]
    pub drain_grace: Duration,
    /// Time after which draining ends, finished or not [env: SHUTDOWN_TIMEOUT]
    ///
    /// Let whatever stops the server wait a little longer than this.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::deadline)]
    pub shutdown_timeout: Duration,
}
