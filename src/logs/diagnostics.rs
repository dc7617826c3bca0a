//! Diagnostics: `log::warn!()` and the like, as lines on standard error.
//!
//! Owns the thread that writes them, for standard error may be a pipe that nobody reads, and no
//! worker may wait for that: what does not fit into the queue is dropped and counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use env_logger::Target;
use log::{Level, Record};

use super::DiagnosticsConfig;
use super::escape::{json_string, one_line};
use super::stamp::{Stamp, Style};

/// Lines that may wait to be written.
const LINES_MAX: usize = 1024;

const RESET: &str = "\x1b[0m";

/// The running diagnostics.
#[derive(Debug)]
pub struct Diagnostics {
    queue: SyncSender<Message>,
    as_json: bool,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    Finish(SyncSender<()>),
}

impl Diagnostics {
    /// Makes standard error the place where the `log` crate's records go.
    ///
    /// # Errors
    ///
    /// When no thread can be started, or records already go somewhere.
    pub fn start(config: DiagnosticsConfig) -> io::Result<Diagnostics> {
        let (queue, received) = sync_channel(LINES_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let pipe = Pipe {
            queue: queue.clone(),
            lost: Arc::clone(&lost),
        };
        thread::Builder::new()
            .name("diagnostics".into())
            .spawn(move || write_lines(&received, &lost))?;
        let (as_json, colours) = (config.as_json, config.colours);
        env_logger::Builder::new()
            .parse_filters(&config.filter)
            .target(Target::Pipe(Box::new(pipe)))
            .format(move |out, record| out.write_all(&line(now(), record, as_json, colours)))
            .try_init()
            .map_err(io::Error::other)?;
        Ok(Diagnostics { queue, as_json })
    }

    /// Says something whatever the level is: as it is to people, as a record to machines.
    pub fn announce(&self, text: &str) {
        // Nothing has filled the queue yet when the server starts.
        let _ = self
            .queue
            .try_send(Message::Line(announcement(now(), text, self.as_json)));
    }

    /// Waits until everything said so far is written, but no longer than `time`.
    pub fn finish(&self, time: Duration) {
        let (done, finished) = sync_channel(1);
        // With a full queue nobody reads: nothing is waited for.
        if self.queue.try_send(Message::Finish(done)).is_ok() {
            let _ = finished.recv_timeout(time);
        }
    }
}

/// Takes the lines of the logger, which writes each with one call.
struct Pipe {
    queue: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Message::Line(bytes.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_lines(queue: &Receiver<Message>, lost: &AtomicU64) {
    // There is nobody left to tell of an error on standard error.
    let mut stderr = io::stderr();
    for message in queue {
        match message {
            Message::Line(line) => drop(stderr.write_all(&line)),
            Message::Finish(done) => drop(done.try_send(())),
        }
        let count = lost.swap(0, Ordering::Relaxed);
        if count > 0 {
            drop(writeln!(
                stderr,
                "tidegate: {count} lines of diagnostics were dropped"
            ));
        }
    }
}

/// The time since the Unix epoch.
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// What is always said, as a line with its line feed.
fn announcement(now: Duration, text: &str, as_json: bool) -> Vec<u8> {
    if as_json {
        let mut record = Record::builder();
        record.level(Level::Info).target("tidegate");
        line(
            now,
            &record.args(format_args!("{text}")).build(),
            true,
            false,
        )
    } else {
        format!("{}\n", one_line(text)).into_bytes()
    }
}

/// A record as a line with its line feed.
fn line(now: Duration, record: &Record<'_>, as_json: bool, colours: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let mut stamp = Stamp::new(Style::Rfc3339);
    let message = record.args().to_string();
    // Writing to a vector cannot fail.
    if as_json {
        out.extend_from_slice(b"{\"time\":\"");
        stamp.write(now, &mut out);
        let _ = write!(
            out,
            "\",\"level\":\"{}\",\"msg\":",
            lower_case(record.level())
        );
        json_string(message.as_bytes(), &mut out);
        out.extend_from_slice(b",\"target\":");
        json_string(record.target().as_bytes(), &mut out);
        out.extend_from_slice(b"}\n");
    } else {
        stamp.write(now, &mut out);
        let (on, off) = if colours {
            (colour(record.level()), RESET)
        } else {
            ("", "")
        };
        let _ = writeln!(
            out,
            " {on}{:<5}{off} {}: {message}",
            record.level(),
            record.target()
        );
    }
    out
}

fn lower_case(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::Error => "\x1b[31m",
        Level::Warn => "\x1b[33m",
        Level::Info => "\x1b[32m",
        Level::Debug => "\x1b[34m",
        Level::Trace => "\x1b[90m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(as_json: bool, colours: bool) -> String {
        let now = Duration::from_millis(1_795_180_445_042);
        let arguments = format_args!("cannot open \"x\"\nat all");
        let record = Record::builder()
            .level(Level::Warn)
            .target("reactor::engine")
            .args(arguments)
            .build();
        String::from_utf8(line(now, &record, as_json, colours)).unwrap()
    }

    #[test]
    fn a_record_is_a_line_with_its_time() {
        assert_eq!(
            example(false, false),
            "2026-11-20T13:14:05.042Z WARN  reactor::engine: cannot open \"x\"\nat all\n"
        );
        assert_eq!(
            example(false, true).replace("\x1b[33mWARN \x1b[0m", "WARN "),
            example(false, false)
        );
    }

    #[test]
    fn a_record_is_one_line_of_json() {
        assert_eq!(
            example(true, true),
            concat!(
                r#"{"time":"2026-11-20T13:14:05.042Z","level":"warn","#,
                r#""msg":"cannot open \"x\"\nat all","target":"reactor::engine"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn an_announcement_is_a_line_for_people_and_a_record_for_machines() {
        let now = Duration::from_millis(1_795_180_445_042);
        assert_eq!(announcement(now, "serving a\nb", false), b"serving a\\nb\n");
        assert_eq!(
            String::from_utf8(announcement(now, "serving a\nb", true)).unwrap(),
            concat!(
                r#"{"time":"2026-11-20T13:14:05.042Z","level":"info","#,
                r#""msg":"serving a\nb","target":"tidegate"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_pipe_that_nobody_empties_drops_and_counts() {
        let (queue, received) = sync_channel(1);
        let lost = Arc::new(AtomicU64::new(0));
        let mut pipe = Pipe {
            queue,
            lost: Arc::clone(&lost),
        };
        for _ in 0..3 {
            pipe.write_all(b"line\n").unwrap();
        }
        assert_eq!(lost.load(Ordering::Relaxed), 2);
        assert!(matches!(received.try_recv(), Ok(Message::Line(line)) if line == b"line\n"));
    }
}
