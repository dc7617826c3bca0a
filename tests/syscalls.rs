//! What a request costs in system calls, and that an idle server makes none.
#![forbid(unsafe_code)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Client, Folder, PATIENCE, Server, get, skip, skipped_without, until};
use rustix::process::{Pid, Signal, kill_process};

/// strace, attached to every thread of a server; it lets go when this is dropped.
struct Trace {
    strace: Child,
    folder: tempfile::TempDir,
}

impl Trace {
    /// `None`, having said so, where strace is missing or not allowed to trace. `client` is used to
    /// see that it is at work.
    fn attach(server: &Server, client: &mut Client) -> Option<Trace> {
        if skipped_without("strace") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut strace = Command::new("strace");
        strace.args([
            "-f",
            "-qq",
            "-s",
            "64",
            "-p",
            &server.id().to_string(),
            "-o",
        ]);
        strace
            .arg(folder.path().join("calls"))
            .stderr(Stdio::null());
        let mut trace = Trace {
            strace: strace.spawn().unwrap(),
            folder,
        };
        // The call that a thread waits in is interrupted and made again when strace takes hold of
        // it: once all have been seen to do so, what follows is what they do by themselves.
        let attached = until("strace has hold of every thread", PATIENCE, || {
            if trace.strace.try_wait().unwrap().is_some() {
                return Some(false);
            }
            mark(client, "attached");
            let seen = trace.threads();
            let mut tasks = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
            tasks
                .all(|task| seen.contains(&*task.unwrap().file_name().to_string_lossy()))
                .then_some(true)
        });
        if !attached {
            skip("strace may not trace here");
        }
        attached.then_some(trace)
    }

    /// The ids of the threads that have made a call so far.
    fn threads(&self) -> BTreeSet<String> {
        let text = fs::read(self.folder.path().join("calls")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        text.lines()
            .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
            .collect()
    }

    /// Ends strace, which writes what it has left.
    fn detach(&mut self) {
        if self.strace.try_wait().unwrap().is_none() {
            kill_process(Pid::from_child(&self.strace), Signal::TERM).unwrap();
            self.strace.wait().unwrap();
        }
    }

    /// The calls that were made between the requests for `/from` and for `/to`, by name, the latter
    /// request's own included.
    fn calls(mut self, from: &str, to: &str) -> BTreeMap<String, usize> {
        self.detach();
        let text = fs::read(self.folder.path().join("calls")).unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut lines = text.lines();
        lines
            .find(|line| line.contains(&format!("GET /{from} ")))
            .unwrap();
        // The answer to the first mark is not of what is counted.
        lines.find(|line| line.contains("HTTP/1.1 404")).unwrap();
        let mut calls = BTreeMap::new();
        for line in lines {
            if let Some(name) = call(line) {
                *calls.entry(name.to_owned()).or_default() += 1;
            }
            if line.contains(&format!("GET /{to} ")) {
                return calls;
            }
        }
        panic!("the end mark is missing: {text}");
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.detach();
    }
}

/// The call that begins in this line, such as `1234  read(4, ...) = 5`.
fn call(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(' ')?;
    let name = rest.trim_start().split_once('(')?.0;
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        .then_some(name)
}

/// The sum of the counts of these calls, which are taken out.
fn take(calls: &mut BTreeMap<String, usize>, names: &[&str]) -> usize {
    names.iter().filter_map(|name| calls.remove(*name)).sum()
}

/// Asks for a path that does not exist, to find the place in the trace again.
fn mark(client: &mut Client, name: &str) {
    client.send(&get(&format!("/{name}")));
    assert_eq!(client.response().status, 404);
}

#[test]
fn a_request_costs_one_read_and_one_write() {
    const REQUESTS: usize = 200;
    let server = Server::start(&["-w", "1"]);
    let mut client = server.connect();
    let targets = ["/ping", "/plaintext", "/users/1"];
    for target in targets {
        client.send(&get(target));
        assert_eq!(client.response().status, 200);
    }
    let Some(trace) = Trace::attach(&server, &mut client) else {
        return;
    };
    mark(&mut client, "from");
    for index in 0..REQUESTS {
        client.send(&get(targets[index % targets.len()]));
        assert_eq!(client.response().status, 200);
    }
    mark(&mut client, "to");
    let mut calls = trace.calls("from", "to");
    let all = format!("{calls:?}");
    let reads = take(
        &mut calls,
        &["read", "recv", "recvfrom", "recvmsg", "readv"],
    );
    let writes = take(
        &mut calls,
        &["write", "send", "sendto", "sendmsg", "writev"],
    );
    let polls = take(&mut calls, &["epoll_wait", "epoll_pwait", "epoll_pwait2"]);
    // The end mark has been read but not answered.
    assert_eq!((reads, writes), (REQUESTS + 1, REQUESTS), "{all}");
    assert!(polls <= REQUESTS + 5, "more than one poll a request: {all}");
    assert!(calls.is_empty(), "calls that no request needs: {all}");
}

#[test]
fn a_cached_file_costs_no_more_than_that() {
    const REQUESTS: usize = 300;
    let folder = Folder::new();
    folder.write("note.txt", "a note");
    folder.write("page.html", common::text(20_000));
    let server = folder.serve(&["-w", "1"]);
    let mut client = server.connect();
    let requests = [
        ("/note.txt", "", 200),
        ("/note.txt", "If-None-Match: *\r\n", 304),
        ("/note.txt", "Range: bytes=1-2\r\n", 206),
        ("/page.html", "Accept-Encoding: gzip\r\n", 200),
    ];
    let Some(trace) = Trace::attach(&server, &mut client) else {
        return;
    };
    for (target, fields, status) in requests {
        assert_eq!(client.ask(target, fields).status, status);
    }
    mark(&mut client, "from");
    let start = Instant::now();
    for index in 0..REQUESTS {
        let (target, fields, status) = requests[index % requests.len()];
        assert_eq!(client.ask(target, fields).status, status);
    }
    let seconds = start.elapsed().as_secs() as usize + 1;
    mark(&mut client, "to");
    let mut calls = trace.calls("from", "to");
    let all = format!("{calls:?}");
    let reads = take(
        &mut calls,
        &["read", "recv", "recvfrom", "recvmsg", "readv"],
    );
    let writes = take(
        &mut calls,
        &["write", "send", "sendto", "sendmsg", "writev"],
    );
    let polls = take(&mut calls, &["epoll_wait", "epoll_pwait", "epoll_pwait2"]);
    // The end mark has been read but not answered.
    assert_eq!((reads, writes), (REQUESTS + 1, REQUESTS), "{all}");
    assert!(polls <= REQUESTS + 5, "more than one poll a request: {all}");
    // Once a second it is looked whether they are still what they were: each with what may be
    // beside it, and the root. And what a mark costs.
    let looks = calls.values().sum::<usize>();
    assert!(
        looks <= 40 * (seconds + 1),
        "{looks} other calls in {seconds} s: {all}"
    );
}

#[test]
fn pipelined_requests_share_a_read_and_a_write() {
    let server = Server::start(&["-w", "1"]);
    let mut client = server.connect();
    let sixteen = get("/ping").repeat(16);
    let round = |client: &mut Client| {
        client.send(&sixteen);
        for _ in 0..16 {
            client.response().expect(200, "pong");
        }
    };
    round(&mut client);
    let Some(trace) = Trace::attach(&server, &mut client) else {
        return;
    };
    mark(&mut client, "from");
    for _ in 0..50 {
        round(&mut client);
    }
    mark(&mut client, "to");
    let mut calls = trace.calls("from", "to");
    let all = format!("{calls:?}");
    let reads = take(
        &mut calls,
        &["read", "recv", "recvfrom", "recvmsg", "readv"],
    );
    let writes = take(
        &mut calls,
        &["write", "send", "sendto", "sendmsg", "writev"],
    );
    assert_eq!((reads, writes), (51, 50), "{all}");
}

#[test]
fn an_idle_server_makes_no_call() {
    // Nor does its admin listener.
    let server = Server::start(&["--admin-listen", "127.0.0.1:0"]);
    expect_no_call_of_an_idle(&server);
}

#[test]
fn nor_does_one_whose_files_are_closed() {
    let folder = Folder::new();
    let server = folder.serve(&["-w", "1", "--demo"]);
    folder.write("large.bin", common::pattern(100_000));
    assert_eq!(server.get("/large.bin").status, 200);
    fs::remove_file(folder.path("large.bin")).unwrap();
    until("it is closed", PATIENCE, || {
        (server.open_files() == 0).then_some(())
    });
    expect_no_call_of_an_idle(&server);
}

/// Fails if a server does anything while its clients do nothing.
fn expect_no_call_of_an_idle(server: &Server) {
    let mut clients = (0..10).map(|_| server.connect()).collect::<Vec<_>>();
    for client in &mut clients {
        client.send(&get("/ping"));
        client.response().expect(200, "pong");
    }
    // A name that was asked for is known not to be there.
    mark(&mut clients[0], "from");
    let Some(trace) = Trace::attach(server, &mut clients[0]) else {
        return;
    };
    mark(&mut clients[0], "from");
    clients[0].expect_silence(Duration::from_secs(6));
    mark(&mut clients[0], "to");
    let mut calls = trace.calls("from", "to");
    let all = format!("{calls:?}");
    let polls = take(&mut calls, &["epoll_wait", "epoll_pwait", "epoll_pwait2"]);
    let reads = take(
        &mut calls,
        &["read", "recv", "recvfrom", "recvmsg", "readv"],
    );
    // One wait for the end mark and one read of it, nothing else.
    assert_eq!((polls, reads), (1, 1), "{all}");
    assert!(calls.is_empty(), "{all}");
}
