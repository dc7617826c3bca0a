//! Command lines and environments, and what is made of them.

mod content;
mod edge;
mod https;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::CommandFactory;
use reactor::Accept;

use super::flags::Flags;
use super::*;
use crate::config::NEVER;
use crate::logs::{Format, Sink};

fn parse_with(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Config, Stop> {
    let arguments = ["tidegate"].iter().chain(arguments).map(OsString::from);
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    parse(arguments, &|name| variables.get(name).map(OsString::from))
}

fn config(arguments: &[&str], variables: &[(&str, &str)]) -> Config {
    parse_with(arguments, variables).unwrap()
}

/// The one line about what is wrong.
fn wrong(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    match parse_with(arguments, variables) {
        Err(Stop::Wrong(line)) => {
            assert!(!line.contains('\n'), "{line}");
            line
        }
        other => panic!("{arguments:?} gives {other:?}"),
    }
}

fn address(text: &str) -> ListenAddress {
    text.parse().unwrap()
}

#[test]
fn the_flags_agree_with_each_other() {
    Flags::command().debug_assert();
}

#[test]
fn without_flags_the_defaults_are_the_engines() {
    let config = config(&[], &[]);
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.listen, Listen::Everywhere(8080));
    assert_eq!((config.demo, &config.files), (true, &None));
    assert_eq!(config.server_name.as_deref(), Some("tidegate"));
    assert_eq!(
        config.workers,
        std::thread::available_parallelism().unwrap().get()
    );
    assert_eq!((config.pin, config.accept), (false, Accept::Reuseport));
    assert_eq!(config.access_log.unwrap().sink, Sink::Stdout);
    assert_eq!(
        (
            config.diagnostics.filter.as_str(),
            config.diagnostics.as_json
        ),
        ("info", false)
    );
}

#[test]
fn every_limit_has_its_flag() {
    let arguments = [
        "--max-header-size=8k",
        "--max-headers=50",
        "--max-body=1GiB",
        "--max-requests=7",
        "--max-connections=9",
        "--max-connections-per-ip=3",
        "--buffer-memory=4MiB",
        "--job-threads=2",
        "--queue-size=5",
        "--header-timeout=1s",
        "--handshake-timeout=7s",
        "--body-timeout=2s",
        "--write-timeout=3s",
        "--idle-timeout=4s",
        "--request-timeout=5s",
        "--min-head-rate=100",
        "--min-body-rate=1KiB/s",
        "--drain-grace=100ms",
        "--shutdown-timeout=1m",
    ];
    let expected = Limits {
        head_bytes_max: 8 << 10,
        fields_max: 50,
        body_bytes_max: 1 << 30,
        requests_max: 7,
        connections_max: 9,
        connections_per_address_max: 3,
        pool_bytes_max: 4 << 20,
        job_threads: 2,
        jobs_max: 5,
        header_timeout: Duration::from_secs(1),
        handshake_timeout: Duration::from_secs(7),
        body_timeout: Duration::from_secs(2),
        write_timeout: Duration::from_secs(3),
        idle_timeout: Duration::from_secs(4),
        request_timeout: Duration::from_secs(5),
        head_rate_min: 100,
        body_rate_min: 1024,
        drain_grace: Duration::from_millis(100),
        shutdown_timeout: Duration::from_secs(60),
        linger_bytes_max: 1 << 30,
        ..Limits::default()
    };
    assert_eq!(config(&arguments, &[]).limits, expected);
}

#[test]
fn off_is_understood_where_it_means_something() {
    let limits = config(
        &[
            "--max-body=off",
            "--max-requests=off",
            "--max-connections-per-ip=off",
            "--request-timeout=off",
            "--min-head-rate=off",
            "--min-body-rate=off",
            "--drain-grace=off",
        ],
        &[],
    )
    .limits;
    assert_eq!(limits.body_bytes_max, u64::MAX);
    assert_eq!(
        (limits.requests_max, limits.connections_per_address_max),
        (0, 0)
    );
    assert_eq!((limits.head_rate_min, limits.body_rate_min), (0, 0));
    assert_eq!(
        (limits.request_timeout, limits.drain_grace),
        (NEVER, Duration::ZERO)
    );
    for flag in [
        "--header-timeout",
        "--handshake-timeout",
        "--body-timeout",
        "--write-timeout",
        "--idle-timeout",
    ] {
        for value in ["off", "0s", "10", ""] {
            wrong(&[flag, value], &[]);
        }
    }
    assert_eq!(config(&["--server-header=off"], &[]).server_name, None);
    assert_eq!(config(&["--access-log=off"], &[]).access_log, None);
}

#[test]
fn a_root_takes_the_demo_away_unless_it_is_wanted() {
    for arguments in [
        &["./public"][..],
        &["-r", "./public"],
        &["--root", "./public"],
    ] {
        let config = config(arguments, &[]);
        let files = config.files.unwrap();
        assert_eq!(
            (files.root, config.demo),
            (PathBuf::from("./public"), false)
        );
        assert_eq!(files.index, ["index.html"]);
    }
    let config = config(&["./public", "--demo", "--index", "a.html,b.html"], &[]);
    assert!(config.demo);
    assert_eq!(config.files.unwrap().index, ["a.html", "b.html"]);
    assert!(wrong(&["a", "-r", "b"], &[]).contains("cannot be used with"));
}

#[test]
fn flags_go_before_the_environment_and_that_before_defaults() {
    let port = |arguments: &[&str], variables: &[(&str, &str)]| config(arguments, variables).listen;
    let both = [("TIDEGATE_PORT", "2"), ("SERVER_PORT", ":3")];
    assert_eq!(port(&["-p1"], &both), Listen::Everywhere(1));
    assert_eq!(port(&[], &both), Listen::Everywhere(2));
    assert_eq!(port(&[], &both[1..]), Listen::Everywhere(3));
    assert_eq!(
        port(&[], &[("SERVER_PORT", "3000")]),
        Listen::Everywhere(3000)
    );
    // Also if the flag says what the default is.
    assert_eq!(port(&["-p8080"], &both), Listen::Everywhere(8080));
    assert_eq!(
        port(&[], &[("TIDEGATE_PORT", "")]),
        Listen::Everywhere(8080)
    );

    let listen = [
        ("TIDEGATE_LISTEN", "127.0.0.1:1, [::1]:2"),
        ("TIDEGATE_PORT", "3"),
    ];
    let of_listen = Listen::On(vec![address("127.0.0.1:1"), address("[::1]:2")]);
    assert_eq!(port(&[], &listen), of_listen);
    assert_eq!(port(&["-p4"], &listen), Listen::Everywhere(4));
    let arguments = ["-l", "127.0.0.1:5", "--listen", "unix:/x"];
    let of_flags = Listen::On(vec![address("127.0.0.1:5"), address("unix:/x")]);
    assert_eq!(port(&arguments, &listen), of_flags);
}

#[test]
fn the_environment_is_read() {
    let variables = [
        ("TIDEGATE_ROOT", "/srv"),
        ("REQUEST_TIMEOUT", "5s"),
        ("SHUTDOWN_TIMEOUT", "6s"),
        ("WORKER_COUNT", "7"),
        ("QUEUE_SIZE", "8"),
        ("TIDEGATE_LOG_FORMAT", "combined"),
        ("RUST_LOG", "warn,reactor=debug"),
    ];
    let from = config(&[], &variables);
    assert_eq!(from.files.unwrap().root, PathBuf::from("/srv"));
    assert_eq!(from.limits.request_timeout, Duration::from_secs(5));
    assert_eq!(from.limits.shutdown_timeout, Duration::from_secs(6));
    assert_eq!((from.workers, from.limits.jobs_max), (7, 8));
    assert_eq!(from.access_log.unwrap().format, Format::Combined);
    assert_eq!(from.diagnostics.filter, "warn,reactor=debug");
    assert_eq!(config(&["-w1"], &variables).workers, 1);
    assert_eq!(
        config(&["--log-level=trace"], &variables)
            .diagnostics
            .filter,
        "TRACE"
    );
    assert_eq!(
        config(&["x"], &variables).files.unwrap().root,
        PathBuf::from("x")
    );
    let both = [("TIDEGATE_WORKERS", "2"), ("WORKER_COUNT", "3")];
    assert_eq!(config(&[], &both).workers, 2);
    for filter in ["tidegate=loud", "a=warn=b", "warn/a/b"] {
        let line = wrong(&[], &[("RUST_LOG", filter)]);
        assert!(line.contains("RUST_LOG") && line.contains(filter), "{line}");
    }
    let line = wrong(&[], &[("TIDEGATE_LISTEN", ":80,:81,:80")]);
    assert!(
        line.contains("TIDEGATE_LISTEN") && line.contains("[::]:80 is given twice"),
        "{line}"
    );
    assert_eq!(
        config(&["-l", ":0", "-l", ":0"], &[]).listen,
        Listen::On(vec![address(":0"); 2])
    );
    let line = wrong(&[], &[("REQUEST_TIMEOUT", "30")]);
    assert!(
        line.contains("REQUEST_TIMEOUT") && line.contains("30s"),
        "{line}"
    );
}

#[test]
fn production_writes_json() {
    let format = |arguments: &[&str], variables: &[(&str, &str)]| {
        let config = config(arguments, variables);
        (
            config.access_log.unwrap().format,
            config.diagnostics.as_json,
        )
    };
    let production = ("ENVIRONMENT", "production");
    assert_eq!(format(&[], &[production]), (Format::Json, true));
    assert_eq!(
        format(&["--log-format=text"], &[production]),
        (Format::Text, false)
    );
    let both = [("TIDEGATE_LOG_FORMAT", "common"), production];
    assert_eq!(format(&[], &both), (Format::Common, false));
    // A file is for machines to read, unless somebody says otherwise.
    let to_file = ["--access-log=x.log"];
    assert_eq!(
        format(&to_file, &[("ENVIRONMENT", "development")]),
        (Format::Json, false)
    );
    assert_eq!(
        config(&to_file, &[]).access_log.unwrap().sink,
        Sink::File("x.log".into())
    );
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    for (arguments, parts) in [
        (
            &["--prot", "1"][..],
            &["unknown option '--prot'", "did you mean '--port'?"][..],
        ),
        (
            &["--tls-certs=x"],
            &["'--tls-certs'", "did you mean '--tls-cert'?"],
        ),
        (&["-z"], &["unknown option '-z'"]),
        (&["a", "b"], &["unexpected argument 'b'"]),
        (&["-p", "70000"], &["'70000'", "--port", "from 0 to 65535"]),
        (&["-p", "+80"], &["'+80'"]),
        (&["-p"], &["--port"]),
        (&["-l", "nowhere"], &["nowhere"]),
        (
            &["-p1", "-l", "127.0.0.1:1"],
            &["--listen", "--port", "cannot be used with"],
        ),
        (&["--max-body=10x"], &["'10x'", "--max-body", "MiB"]),
        (&["--max-header-size=64KiB"], &["at most 65535 bytes"]),
        (&["--max-connections=0"], &["from 1 to"]),
        (
            &["--header-timeout=10"],
            &["the unit is missing, as in 10s"],
        ),
        (&["--header-timeout=0s"], &["longer than zero"]),
        (&["--max-body=0"], &["more than zero", "or off"]),
        (&["--max-requests=many"], &["from 0 to", "or off"]),
        (&["--min-body-rate=x"], &["whole number", "or off"]),
        (&["-p", "-1"], &["--port", "from 0 to 65535"]),
        (
            &["-l", ":80", "-l", "[::]:80"],
            &["--listen", "[::]:80", "twice"],
        ),
        (&["-w", "0"], &["from 1 to", "or auto"]),
        (&["--accept=fork"], &["'fork'", "reuseport", "handoff"]),
        (&["--log-format=xml"], &["json, combined, common or text"]),
        (&["--log-level=loud"], &["warn"]),
        (&["--access-log="], &["--access-log"]),
        (&["--index=a/b"], &["names of files"]),
        (&["--server-header=a\nb"], &["visible ASCII"]),
        (&["--port=1", "--port=2"], &["--port", "multiple times"]),
        (
            &["--admin-listen", "nowhere"],
            &["'nowhere'", "--admin-listen", "or off"],
        ),
        (
            &["-l", "127.0.0.1:1", "--admin-listen", "127.0.0.1:1"],
            &["--admin-listen", "127.0.0.1:1", "to others"],
        ),
        (
            &["--https-redirect=0"],
            &["--https-redirect", "from 1 to 65535"],
        ),
        (
            &["--hsts", "./public"],
            &["--hsts", "no directive './public'", "ROOT before"],
        ),
        (&["--hsts=1y"], &["--hsts", "unit"]),
    ] {
        let line = wrong(arguments, &[]);
        for part in parts {
            assert!(line.contains(part), "{arguments:?}: {line}");
        }
    }
}

#[test]
fn help_and_version_are_no_faults() {
    for flag in ["-h", "--help", "-V", "--version"] {
        assert!(
            matches!(parse_with(&[flag], &[]), Err(Stop::Asked(_))),
            "{flag}"
        );
    }
}

#[test]
fn help_names_every_variable_and_groups_every_flag() {
    let mut command = Flags::command();
    let help = command.render_long_help().to_string();
    for name in [
        "TIDEGATE_LISTEN",
        "TIDEGATE_PORT",
        "SERVER_PORT",
        "TIDEGATE_TLS_CERT",
        "TIDEGATE_TLS_KEY",
        "TIDEGATE_TLS_LISTEN",
        "TIDEGATE_ROOT",
        "TIDEGATE_ADMIN",
        "REQUEST_TIMEOUT",
        "SHUTDOWN_TIMEOUT",
        "TIDEGATE_WORKERS",
        "WORKER_COUNT",
        "QUEUE_SIZE",
        "TIDEGATE_LOG_FORMAT",
        "ENVIRONMENT=production",
        "RUST_LOG",
    ] {
        assert!(help.contains(name), "{name}");
    }
    for argument in command.get_arguments() {
        let is_grouped = argument.get_help_heading().is_some();
        assert_eq!(is_grouped, !argument.is_positional(), "{argument}");
        assert!(argument.get_help().is_some(), "{argument}");
    }
}
