//! Runs the real binary and watches it from outside: its messages, its exit, its memory and
//! descriptors as the kernel counts them.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, fs, thread};

use rustix::process::{Pid, Signal, kill_process};

use super::{Client, PATIENCE, Response, get, until};

/// A running server; it is killed when this is dropped.
pub struct Server {
    child: Child,
    address: Option<SocketAddr>,
    messages: Arc<Mutex<Vec<String>>>,
}

/// The binary with these arguments, and of the environment only PATH.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command
        .args(args)
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default());
    command
}

/// Runs the binary to its end, which must come by itself.
pub fn output(mut command: Command) -> Output {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut waited = Duration::ZERO;
    while child.try_wait().unwrap().is_none() && waited < PATIENCE {
        thread::sleep(Duration::from_millis(5));
        waited += Duration::from_millis(5);
    }
    let ended = child.try_wait().unwrap().is_some();
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        ended,
        "{command:?} should have ended by itself; it said: {text}"
    );
    output
}

impl Server {
    /// Starts a server on a free port of 127.0.0.1, without an access log, unless `args` say
    /// otherwise.
    pub fn start(args: &[&str]) -> Server {
        let mut all = Vec::new();
        if !args
            .iter()
            .any(|arg| ["-l", "--listen", "-p", "--port"].contains(arg))
        {
            all.extend(["-l", "127.0.0.1:0"]);
        }
        if !args.contains(&"--access-log") {
            all.extend(["--access-log", "off"]);
        }
        all.extend(args);
        Server::run(command(&all))
    }

    /// Runs `command`, which starts a server, until it has said where it listens.
    pub fn run(command: Command) -> Server {
        let mut server = Server::run_silent(command);
        let address = until("the server says where it listens", PATIENCE, || {
            if let Some(status) = server.child.try_wait().unwrap() {
                panic!("the server ended with {status}: {:?}", server.messages());
            }
            server.find_address("http://")
        });
        server.address = Some(address);
        server
    }

    /// Runs `command` without waiting for it to say where it listens.
    pub fn run_silent(mut command: Command) -> Server {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let messages = Arc::new(Mutex::new(Vec::new()));
        let (stderr, sink) = (child.stderr.take().unwrap(), Arc::clone(&messages));
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                sink.lock().unwrap().push(line);
            }
        });
        Server {
            child,
            address: None,
            messages,
        }
    }

    /// The first address that the server said it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address.unwrap()
    }

    /// The first address that it listens on for TLS.
    pub fn secure_address(&self) -> SocketAddr {
        until("the server says where it listens for TLS", PATIENCE, || {
            self.find_address("https://")
        })
    }

    fn find_address(&self, scheme: &str) -> Option<SocketAddr> {
        let messages = self.messages();
        messages.iter().find_map(|line| address_in(line, scheme))
    }

    /// The lines that it has written to standard error with all of these words in them.
    pub fn messages_with(&self, words: &[&str]) -> Vec<String> {
        let has_all = |line: &String| words.iter().all(|word| line.contains(word));
        self.messages().into_iter().filter(has_all).collect()
    }

    /// Waits for such a line.
    pub fn expect_message(&self, words: &[&str]) -> String {
        until(&format!("a line with {words:?}"), PATIENCE, || {
            self.messages_with(words).pop()
        })
    }

    /// A new connection to it.
    pub fn connect(&self) -> Client {
        Client::connect(self.address())
    }

    /// The answer to a GET of `path` on a connection of its own.
    pub fn get(&self, path: &str) -> Response {
        let mut client = self.connect();
        client.send(&get(path));
        client.response()
    }

    /// The lines that it has written to standard error so far.
    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().unwrap().clone()
    }

    /// Its standard output, if that was piped.
    pub fn take_stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().unwrap()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.child.id() as i32).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// How it ended, which it must do within `limit`.
    pub fn exit_status(&mut self, limit: Duration) -> ExitStatus {
        until("the server ends", limit, || self.child.try_wait().unwrap())
    }

    /// Whether it is still running.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
            << 10
    }

    /// How many of its descriptors are sockets, listeners included.
    pub fn sockets(&self) -> usize {
        self.descriptors_to(|what| what.starts_with("socket:"))
    }

    /// How many of its descriptors are files in the directory of a [`Folder`](super::Folder),
    /// deleted ones included.
    pub fn open_files(&self) -> usize {
        self.descriptors_to(|what| what.contains("/root/"))
    }

    /// How many of its descriptors are for what the system calls so.
    fn descriptors_to(&self, is_meant: impl Fn(&str) -> bool) -> usize {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap();
        let links = folder.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        links
            .filter(|link| is_meant(&link.to_string_lossy()))
            .count()
    }

    /// How many descriptors it has open, of all kinds.
    pub fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.id());
        fs::read_dir(folder).unwrap().count()
    }

    /// The processor time that it has used, in clock ticks (hundredths of a second on Linux).
    pub fn processor_ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let after_name = stat.rsplit(')').next().unwrap();
        let fields = after_name.split_whitespace().collect::<Vec<_>>();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the server's messages: {:#?}", self.messages());
        }
    }
}

/// The address in a line such as `serving the demo on http://127.0.0.1:8080 (2 workers)`; where it
/// listens everywhere, `localhost` stands in the place of the address.
fn address_in(line: &str, scheme: &str) -> Option<SocketAddr> {
    let rest = &line[line.find(scheme)? + scheme.len()..];
    let rest = rest.replacen("localhost:", "127.0.0.1:", 1);
    let is_part = |c: char| c.is_ascii_hexdigit() || ".:[]".contains(c);
    let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
