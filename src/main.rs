//! Tidegate: an HTTP server in one binary.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod app;
mod cli;
mod config;
mod control;
mod demo;
mod encoding;
mod files;
mod logs;
mod metrics;
mod middleware;
#[cfg(test)]
mod testing;
mod tls;
mod words;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use app::Fault;
use cli::Stop;

/// Something broke while running.
const RUNTIME_ERROR: u8 = 1;

/// Wrong usage or configuration; nothing was served.
const USAGE_ERROR: u8 = 2;

fn main() -> ExitCode {
    let config = match cli::parse(env::args_os(), &|name| env::var_os(name)) {
        Ok(config) => config,
        Err(Stop::Asked(text)) => {
            // A reader that has left, as in `tidegate --help | head -1`, is no error.
            drop(text.print());
            return ExitCode::SUCCESS;
        }
        Err(Stop::Wrong(line)) => return refuse(&line, USAGE_ERROR),
    };
    match app::run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Fault::Configuration(line)) => refuse(&line, USAGE_ERROR),
        Err(Fault::Runtime(line)) => refuse(&line, RUNTIME_ERROR),
    }
}

/// Says in one line why nothing is served any more.
fn refuse(line: &str, code: u8) -> ExitCode {
    let line = format!("tidegate: {}\n", logs::one_line(line));
    // A reader of standard error that has left must not change the exit status.
    drop(io::stderr().write_all(line.as_bytes()));
    ExitCode::from(code)
}
