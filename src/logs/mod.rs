//! What is written down: the access log (one line a request) and diagnostics (what goes wrong).
//!
//! Owns the formats, the buffers and the two threads that write. No worker ever waits for a log:
//! what cannot be taken at once is dropped and counted, and the count is said later.
//!
//! ```text
//!   worker: Summary ─► Entry ─► Lines (64 KiB) ── full or flushed ──► channel ─► writer ─► file
//!                                  ▲                                               │
//!                                  └────────────── emptied buffers ◄───────────────┘
//!   anywhere: log::warn!() ─► one line ──────────────────────► channel ─► thread ─► standard error
//! ```

mod access;
mod combined;
mod diagnostics;
mod entry;
mod escape;
mod json;
mod lines;
mod stamp;
#[cfg(test)]
mod tests;
mod text;
mod writer;

use std::path::PathBuf;

pub use access::{AccessLog, WorkerLog};
pub use diagnostics::Diagnostics;
pub use escape::one_line;

/// The access log: where and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessConfig {
    /// Where the lines go.
    pub sink: Sink,
    /// How a line looks.
    pub format: Format,
    /// Whether the text format is coloured.
    pub colours: bool,
}

/// Where access log lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard output.
    Stdout,
    /// The end of this file.
    File(PathBuf),
}

/// How an access log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON object a line.
    Json,
    /// Apache's and nginx's "combined".
    Combined,
    /// The Common Log Format, which is "combined" without referer and user agent.
    Common,
    /// Columns for people.
    Text,
}

impl Format {
    /// The format of this name.
    pub fn from_name(name: &str) -> Option<Format> {
        match name {
            "json" => Some(Format::Json),
            "combined" => Some(Format::Combined),
            "common" => Some(Format::Common),
            "text" => Some(Format::Text),
            _ => None,
        }
    }

    /// Whether a line tells how long the request took.
    pub fn has_duration(self) -> bool {
        matches!(self, Format::Json | Format::Text)
    }
}

/// Diagnostics: how much and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiagnosticsConfig {
    /// Levels, in the syntax of `RUST_LOG`.
    pub filter: String,
    /// Whether each line is a JSON object.
    pub as_json: bool,
    /// Whether levels are coloured.
    pub colours: bool,
}
