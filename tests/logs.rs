//! The access log: its formats, where it goes, and that it can be moved away.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use common::{PATIENCE, Server, command, get, post, until};
use rustix::fs::{CWD, FileType};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

/// A user agent that breaks a log which does not escape.
const AGENT: &str = "quo\"te back\\slash tab\there \u{e9}";

/// A server that logs into a file.
struct Logging {
    folder: TempDir,
    server: Server,
}

impl Logging {
    fn new(format: &str) -> Logging {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let server = Server::start(&[
            "--access-log",
            path.to_str().unwrap(),
            "--log-format",
            format,
        ]);
        Logging { folder, server }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("access.log")
    }

    /// Makes a few requests and returns the lines that they left.
    fn lines_of_requests(&self) -> Vec<String> {
        let mut client = self.server.connect();
        client.send(&get("/ping"));
        client.response().expect(200, "pong");
        let fields = format!("User-Agent: {AGENT}\r\nReferer: http://from/\r\n");
        let request = format!("GET /nothing?a=%22b HTTP/1.1\r\nHost: test\r\n{fields}\r\n");
        client.send(request.as_bytes());
        assert_eq!(client.response().status, 404);
        client.send(&post("/echo", b"0123456789"));
        client.response().expect(200, "0123456789");
        client.send(b"BAD\x01LINE\r\n\r\n");
        assert_eq!(client.response().status, 400);
        lines(&self.path(), 4)
    }
}

/// The lines of a log, once there are `count` of them; there must never be more.
fn lines(path: &Path, count: usize) -> Vec<String> {
    let lines = until(&format!("{count} lines are logged"), PATIENCE, || {
        let text = fs::read_to_string(path).ok()?;
        let lines = text.lines().map(str::to_owned).collect::<Vec<_>>();
        (text.ends_with('\n') && lines.len() >= count).then_some(lines)
    });
    assert_eq!(lines.len(), count, "{lines:#?}");
    lines
}

#[test]
fn json_lines_can_be_read_by_machines() {
    let logging = Logging::new("json");
    let lines = logging.lines_of_requests();
    let parsed = lines.iter().map(|line| serde_json::from_str(line).unwrap());
    let parsed = parsed.collect::<Vec<Value>>();
    let expected = [
        ("GET", "/ping", 200),
        ("GET", "/nothing", 404),
        ("POST", "/echo", 200),
    ];
    for (entry, (method, path, status)) in parsed.iter().zip(expected) {
        assert_eq!(entry["method"], method, "{entry}");
        let logged = entry["path"].as_str().unwrap();
        assert_eq!(logged.split('?').next().unwrap(), path, "{entry}");
        assert_eq!(entry["status"], status, "{entry}");
        assert_eq!(entry["client_ip"], "127.0.0.1", "{entry}");
        assert!(entry["latency_ms"].as_f64().unwrap() >= 0.0, "{entry}");
        let time = entry["time"].as_str().unwrap();
        assert!(time.starts_with("20") && time.contains('T'), "{entry}");
    }
    assert_eq!(parsed[3]["status"], 400, "{}", parsed[3]);
    let agent = parsed[1]["user_agent"].as_str().unwrap();
    assert!(
        agent.starts_with("quo\"te back\\slash tab\there "),
        "{agent}"
    );
    assert_eq!(parsed[1]["referer"], "http://from/");
    assert_eq!(
        parsed[2]["bytes_out"].as_u64().map(|bytes| bytes >= 10),
        Some(true)
    );
}

#[test]
fn combined_lines_are_what_log_analysers_expect() {
    let lines = Logging::new("combined").lines_of_requests();
    let first = &lines[0];
    assert!(first.starts_with("127.0.0.1 - - ["), "{first}");
    let rest = &first["127.0.0.1 - - [".len()..];
    let (time, rest) = rest.split_once("] ").unwrap();
    // 10/Oct/2000:13:55:36 +0000
    assert_eq!(time.len(), 26, "{time}");
    assert_eq!(&time[2..3], "/", "{time}");
    assert_eq!(
        (&time[6..7], &time[11..12], &time[20..22]),
        ("/", ":", " +"),
        "{time}"
    );
    assert_eq!(rest, "\"GET /ping HTTP/1.1\" 200 4 \"-\" \"-\"");
    let second = &lines[1];
    assert!(
        second.contains("\"GET /nothing?a=%22b HTTP/1.1\" 404 "),
        "{second}"
    );
    assert!(second.contains(" \"http://from/\" \"quo"), "{second}");
    // Six quotation marks and none that the client could add.
    let bare = second.replace("\\\\", "").replace("\\\"", "");
    assert_eq!(bare.matches('"').count(), 6, "{second}");
    assert!(!second.contains('\t'), "{second}");
    assert!(lines[3].contains(" 400 "), "{}", lines[3]);
}

#[test]
fn common_lines_are_combined_ones_without_the_end() {
    let lines = Logging::new("common").lines_of_requests();
    assert!(lines[0].starts_with("127.0.0.1 - - ["), "{}", lines[0]);
    assert!(
        lines[0].ends_with("] \"GET /ping HTTP/1.1\" 200 4"),
        "{}",
        lines[0]
    );
}

#[test]
fn text_lines_are_for_people() {
    let lines = Logging::new("text").lines_of_requests();
    for (line, named) in lines
        .iter()
        .zip([["GET", "/ping", "200"], ["GET", "/nothing", "404"]])
    {
        assert!(named.iter().all(|word| line.contains(word)), "{line}");
        assert!(!line.contains('\u{1b}'), "no colours in a file: {line:?}");
    }
}

#[test]
fn a_moved_log_is_opened_again() {
    let logging = Logging::new("json");
    let moved = logging.folder.path().join("access.log.1");
    logging.server.get("/users/1").expect(200, "user id is 1");
    lines(&logging.path(), 1);
    fs::rename(logging.path(), &moved).unwrap();
    // Until the signal, the moved file is the log.
    logging.server.get("/users/2").expect(200, "user id is 2");
    lines(&moved, 2);
    logging.server.signal(Signal::USR1);
    until("the log is there again", PATIENCE, || {
        logging.path().exists().then_some(())
    });
    logging.server.get("/users/3").expect(200, "user id is 3");
    assert!(lines(&logging.path(), 1)[0].contains("/users/3"));
    lines(&moved, 2);
}

#[test]
fn every_request_is_logged_before_the_end() {
    let mut logging = Logging::new("common");
    let mut client = logging.server.connect();
    client.send(&get("/ping").repeat(500));
    for _ in 0..500 {
        client.response().expect(200, "pong");
    }
    drop(client);
    logging.server.signal(Signal::TERM);
    assert_eq!(logging.server.exit_status(PATIENCE).code(), Some(0));
    lines(&logging.path(), 500);
}

#[test]
fn an_existing_log_is_continued() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    fs::write(&path, "an old line\n").unwrap();
    let server = Server::start(&["--access-log", path.to_str().unwrap()]);
    server.get("/ping").expect(200, "pong");
    assert_eq!(lines(&path, 2)[0], "an old line");
}

#[test]
fn standard_output_gets_the_log_unless_it_is_off() {
    let mut command = command(&["-l", "127.0.0.1:0"]);
    command.stdout(Stdio::piped());
    let mut server = Server::run(command);
    let stdout = server.take_stdout();
    server.get("/ping").expect(200, "pong");
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    // A pipe is no terminal, so this is for machines.
    let entry = serde_json::from_str::<Value>(&line).unwrap();
    assert_eq!(entry["path"], "/ping");

    let mut command = common::command(&["-l", "127.0.0.1:0", "--access-log", "off"]);
    command.stdout(Stdio::piped());
    let mut server = Server::run(command);
    let stdout = server.take_stdout();
    server.get("/ping").expect(200, "pong");
    server.signal(Signal::TERM);
    assert_eq!(server.exit_status(PATIENCE).code(), Some(0));
    assert_eq!(BufReader::new(stdout).lines().count(), 0);
}

#[test]
fn the_environment_chooses_the_format() {
    for (name, value) in [
        ("TIDEGATE_LOG_FORMAT", "common"),
        ("ENVIRONMENT", "production"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let mut command = command(&["-l", "127.0.0.1:0", "--access-log", path.to_str().unwrap()]);
        command.env(name, value);
        let server = Server::run(command);
        server.get("/ping").expect(200, "pong");
        let line = &lines(&path, 1)[0];
        let is_json = serde_json::from_str::<Value>(line).is_ok();
        assert_eq!(is_json, name == "ENVIRONMENT", "{name}={value}: {line}");
    }
}

#[test]
fn a_log_that_nobody_reads_stops_nobody() {
    let mut command = command(&["-l", "127.0.0.1:0"]);
    command.stdout(Stdio::piped());
    let mut server = Server::run(command);
    let stdout = server.take_stdout();
    let mut client = server.connect();
    // Far more than a pipe holds.
    for _ in 0..80 {
        client.send(&get("/ping").repeat(100));
        for _ in 0..100 {
            client.response().expect(200, "pong");
        }
    }
    assert!(
        server.resident_bytes() < 64 << 20,
        "{}",
        server.resident_bytes()
    );
    // The reader is gone: an error for every write from now on.
    drop(stdout);
    for _ in 0..10 {
        client.send(&get("/ping").repeat(100));
        for _ in 0..100 {
            client.response().expect(200, "pong");
        }
    }
    server.signal(Signal::TERM);
    assert_eq!(server.exit_status(PATIENCE).code(), Some(0));
    let lines = server.messages();
    assert!(
        lines.len() < 20,
        "it should not complain again and again: {lines:#?}"
    );
}

#[test]
fn a_full_disk_stops_nobody() {
    let server = Server::start(&["--access-log", "/dev/full"]);
    let mut client = server.connect();
    for _ in 0..20 {
        client.send(&get("/ping").repeat(50));
        for _ in 0..50 {
            client.response().expect(200, "pong");
        }
    }
    let lines = server.messages();
    assert!(
        lines.len() < 20,
        "it should not complain again and again: {lines:#?}"
    );
}

#[test]
fn a_fifo_is_a_log_if_somebody_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("log");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, mode, 0).unwrap();
    let args = ["-l", "127.0.0.1:0", "--access-log", fifo.to_str().unwrap()];
    // Nobody does: that is said at once.
    let mut refused = command(&args).stderr(Stdio::piped()).spawn().unwrap();
    let status = until("it is refused", PATIENCE, || refused.try_wait().unwrap());
    assert_eq!(status.code(), Some(2));
    let mut said = String::new();
    let mut stderr = refused.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    assert!(said.contains("nobody reads this FIFO"), "{said}");
    let reading = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
    let reader = rustix::fs::open(&fifo, reading, mode).unwrap();
    let server = Server::start(&args[2..]);
    server.get("/ping").expect(200, "pong");
    let mut text = String::new();
    until("the line comes", PATIENCE, || {
        let mut bytes = [0; 1000];
        if let Ok(count) = rustix::io::read(&reader, &mut bytes) {
            text.push_str(str::from_utf8(&bytes[..count]).unwrap());
        }
        text.ends_with('\n').then_some(())
    });
    assert!(text.contains("/ping"), "{text}");
}
