//! The command line: help, mistakes, where it listens, and which of flag, environment and default
//! wins.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Client, PATIENCE, Server, command, get, output, until};
use rustix::process::{Pid, Signal, kill_process};

/// Runs with these arguments, which must be refused with one line and exit status 2; returns it.
fn refusal(args: &[&str]) -> String {
    refusal_of(command(args))
}

fn refusal_of(command: Command) -> String {
    let shown = format!("{command:?}");
    let output = output(command);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{shown}: {text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{shown}: {text}");
    assert!(
        text.ends_with('\n') && output.stdout.is_empty(),
        "{shown}: {text}"
    );
    text
}

#[test]
fn help_and_version_go_to_standard_output() {
    for flag in ["-h", "--help"] {
        let output = output(command(&[flag]));
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).unwrap();
        let named = [
            "--listen",
            "--port",
            "--access-log",
            "--workers",
            "--drain-grace",
            "ROOT",
        ];
        for name in named {
            assert!(text.contains(name), "{flag} does not name {name}: {text}");
        }
        assert!(output.stderr.is_empty());
    }
    for flag in ["-V", "--version"] {
        let output = output(command(&[flag]));
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            text.trim_end(),
            concat!("tidegate ", env!("CARGO_PKG_VERSION"))
        );
    }
}

#[test]
fn a_mistake_is_named_in_one_line() {
    for (args, named) in [
        (&["--drain-grase", "1s"][..], "--drain-grace"),
        (&["--frobnicate"], "--frobnicate"),
        (&["--port", "eighty"], "eighty"),
        (&["--port", "65536"], "65536"),
        (&["--port"], "--port"),
        (&["--workers", "0"], "0"),
        (&["--workers", "-1"], "-1"),
        (&["--max-body", "10 apples"], "10 apples"),
        (
            &["--max-body", "99999999999999999999"],
            "99999999999999999999",
        ),
        (&["--idle-timeout", "75"], "75"),
        (&["--idle-timeout", "soon"], "soon"),
        (&["--header-timeout", "0s"], "0s"),
        (&["--log-format", "xml"], "xml"),
        (&["--log-level", "loud"], "loud"),
        (&["--listen", "nowhere"], "nowhere"),
        (&["--listen", "127.0.0.1:99999"], "99999"),
        (&["--accept", "never"], "never"),
        (&["--server-header", "a\r\nb: c"], "--server-header"),
    ] {
        let line = refusal(args);
        assert!(
            line.contains(named),
            "{args:?} should name {named:?}: {line}"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for wrong in [folder.path().join("missing"), file] {
        let wrong = wrong.to_str().unwrap();
        assert!(refusal(&["-l", "127.0.0.1:0", wrong]).contains(wrong));
    }
}

#[test]
fn a_mistake_with_control_characters_is_one_harmless_line() {
    let line = refusal(&["-l", "127.0.0.1:0", "no\nsuch\x1b[31m"]);
    assert!(line.contains("no\\nsuch\\u{1b}[31m"), "{line}");
}

#[test]
fn nobody_needs_to_read_standard_error() {
    let unread = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    let mut command = command(&["--frobnicate"]);
    let status = command.stderr(unread()).status().unwrap();
    assert_eq!(status.code(), Some(2));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listen = format!("unix:{}", path.display());
    let mut child = common::command(&["-l", &listen, "--access-log", "off"])
        .stderr(unread())
        .spawn()
        .unwrap();
    let socket = until("it listens", PATIENCE, || UnixStream::connect(&path).ok());
    let mut client = Client::new(socket);
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let status = until("it ends", PATIENCE, || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn where_it_listens_is_said_at_every_level() {
    for format in ["json", "text"] {
        let server = Server::start(&["--log-level", "off", "--log-format", format]);
        server.get("/ping").expect(200, "pong");
    }
}

#[test]
fn an_access_log_that_cannot_be_opened_is_named() {
    let line = refusal(&[
        "-l",
        "127.0.0.1:0",
        "--access-log",
        "/nonexistent/access.log",
    ]);
    assert!(line.contains("/nonexistent/access.log"), "{line}");
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let other = Server::start(&["-l", &taken.to_string()]);
    let line = refusal(&["-l", &taken.to_string(), "--access-log", "off"]);
    assert!(line.contains(&taken.to_string()), "{line}");
    other.get("/ping").expect(200, "pong");
}

#[test]
fn it_listens_on_several_addresses() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let unix = format!("unix:{}", path.display());
    let mut server = Server::start(&["-l", "127.0.0.1:0", "-l", &unix, "-l", "127.0.0.2:0"]);
    let second = until("both addresses are named", PATIENCE, || {
        let text = server.messages().join("\n");
        let rest = &text[text.find("http://127.0.0.2:")? + "http://".len()..];
        let end = rest.find(|c: char| !c.is_ascii_digit() && !".:".contains(c));
        rest[..end.unwrap_or(rest.len())].parse().ok()
    });
    server.get("/ping").expect(200, "pong");
    let mut client = Client::connect(second);
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
    let text = server.messages().join("\n");
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    let mut clients = (0..20).map(|_| over_unix(&path)).collect::<Vec<_>>();
    for client in &mut clients {
        client.send(&[get("/ping"), get("/users/1")].concat());
        client.response().expect(200, "pong");
        client.response().expect(200, "user id is 1");
    }
    let body = common::pattern(1 << 20);
    let mut sender = clients[0].stream.try_clone().unwrap();
    let wire = common::post("/echo", &body);
    let sending =
        std::thread::spawn(move || std::io::Write::write_all(&mut sender, &wire).unwrap());
    assert!(clients[0].response().body == body);
    sending.join().unwrap();
    drop(clients);
    server.signal(Signal::TERM);
    assert_eq!(server.exit_status(PATIENCE).code(), Some(0));
    assert!(!path.exists(), "the socket's file is left behind");
}

fn over_unix(path: &Path) -> Client<UnixStream> {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    Client::new(stream)
}

#[test]
fn a_stale_unix_socket_is_replaced_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let unix = format!("unix:{}", path.display());
    let _server = Server::start(&["-l", "127.0.0.1:0", "-l", &unix]);
    let mut client = over_unix(&path);
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
    let line = refusal(&["-l", &unix, "--access-log", "off"]);
    assert!(line.contains(path.to_str().unwrap()), "{line}");
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
    // What is not a socket is nobody's to remove.
    let file = folder.path().join("file");
    fs::write(&file, "text").unwrap();
    refusal(&[
        "-l",
        &format!("unix:{}", file.display()),
        "--access-log",
        "off",
    ]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "text");
}

#[test]
fn a_listener_may_be_passed_as_descriptor_3() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let binary = env!("CARGO_BIN_EXE_tidegate");
    let mut shell = Command::new("sh");
    // LISTEN_PID has to be the id of the process that is to take it: exec keeps the shell's.
    let script = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\"";
    shell.args(["-c", script, binary, "-l", "fd:3", "--access-log", "off"]);
    shell.stdin(Stdio::from(OwnedFd::from(listener)));
    let _server = Server::run_silent(shell);
    for _ in 0..20 {
        let mut client = Client::connect(address);
        client.send(&get("/ping"));
        client.response().expect(200, "pong");
    }
}

#[test]
fn a_descriptor_that_was_not_passed_is_named() {
    let line = refusal(&["-l", "fd:3", "--access-log", "off"]);
    assert!(line.contains("fd:3"), "{line}");
}

#[test]
fn the_environment_is_read_and_flags_win() {
    let from = |variables: &[(&str, &str)], args: &[&str]| {
        let mut command = command(&[args, &["--access-log", "off"]].concat());
        command.envs(variables.iter().copied());
        Server::run(command)
    };
    let listen = ("TIDEGATE_LISTEN", "127.0.0.3:0");
    let server = from(&[listen], &[]);
    assert_eq!(server.address().ip().to_string(), "127.0.0.3");
    let server = from(&[listen], &["-l", "127.0.0.4:0"]);
    assert_eq!(server.address().ip().to_string(), "127.0.0.4");

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("index.html"), "from the environment").unwrap();
    let root = ("TIDEGATE_ROOT", folder.path().to_str().unwrap());
    let server = from(&[root], &["-l", "127.0.0.1:0"]);
    server.get("/").expect(200, "from the environment");
    assert_eq!(
        server.get("/ping").status,
        404,
        "the demo is off when there is a directory"
    );
    let server = from(&[root], &["-l", "127.0.0.1:0", "--demo"]);
    server.get("/").expect(200, "from the environment");
    server.get("/ping").expect(200, "pong");

    for (name, value) in [
        ("TIDEGATE_PORT", "0"),
        ("SERVER_PORT", ":0"),
        ("SERVER_PORT", "0"),
    ] {
        let server = from(&[(name, value)], &[]);
        assert_ne!(server.address().port(), 8080, "{name}={value}");
    }
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let server = from(&[("TIDEGATE_PORT", "1")], &["-p", &free.to_string()]);
    assert_eq!(server.address().port(), free);
}

#[test]
fn a_mistake_in_the_environment_is_named() {
    for (name, value) in [
        ("TIDEGATE_PORT", "x"),
        ("TIDEGATE_WORKERS", "none"),
        ("SHUTDOWN_TIMEOUT", "later"),
    ] {
        let mut command = command(&["--access-log", "off"]);
        command.env(name, value);
        let line = refusal_of(command);
        assert!(line.contains(name) && line.contains(value), "{line}");
    }
}

#[test]
fn every_port_of_both_families_is_served_by_default() {
    let server = Server::start(&["-p", "0"]);
    let port = server.address().port();
    let mut client = Client::connect(([127, 0, 0, 1], port).into());
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
    if TcpListener::bind("[::1]:0").is_err() {
        return common::skip("no IPv6");
    }
    let stream = TcpStream::connect(("::1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut client = Client::new(stream);
    client.send(&get("/ping"));
    client.response().expect(200, "pong");
}

#[test]
fn workers_and_the_way_they_accept_can_be_chosen() {
    for args in [
        &["-w", "1"][..],
        &["--workers", "3"],
        &["-w", "auto"],
        &["-w", "2", "--accept", "handoff"],
        &["-w", "2", "--accept", "reuseport"],
        &["-w", "1", "--pin"],
    ] {
        let server = Server::start(args);
        let mut clients = (0..30).map(|_| server.connect()).collect::<Vec<_>>();
        for client in &mut clients {
            client.send(&get("/ping"));
            client.response().expect(200, "pong");
        }
    }
}

#[test]
fn the_first_lines_say_what_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[folder.path().to_str().unwrap()]);
    let text = server.messages().join("\n");
    assert!(
        text.contains(&format!("http://{}", server.address())),
        "{text}"
    );
    assert!(text.contains(folder.path().to_str().unwrap()), "{text}");
    assert!(server.messages().len() <= 3, "{text}");
    let quick = until("it serves", Duration::from_secs(5), || {
        Some(server.get("/").status)
    });
    assert!([403, 404].contains(&quick));
}
