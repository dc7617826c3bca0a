//! Many connections, and too few descriptors for them.
#![forbid(unsafe_code)]

mod common;

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Client, PATIENCE, Server, get, skip, skipped_without, until};
use rustix::process::{Pid, Resource, Rlimit, Signal};
use rustix::process::{getrlimit, kill_process, prlimit, setrlimit};

/// Connections that the largest test holds.
const MANY: usize = 10_000;

/// Descriptors that this process has beside them, those of the other tests included.
const OTHERS: usize = 3000;

/// Raises this process's limit of descriptors; returns how many connections it can hold.
fn connections_possible() -> usize {
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: hard,
            maximum: hard,
        },
    )
    .unwrap();
    let possible = hard
        .map_or(usize::MAX, |hard| hard as usize)
        .saturating_sub(OTHERS);
    if possible < MANY {
        skip(&format!(
            "only {possible} of {MANY} connections, for want of descriptors"
        ));
    }
    possible.min(MANY)
}

#[test]
fn ten_thousand_idle_connections_cost_little_and_disturb_nobody() {
    let count = connections_possible();
    let server = Server::start(&[]);
    let mut warm = (0..100).map(|_| server.connect()).collect::<Vec<_>>();
    for client in &mut warm {
        client.send(&get("/ping"));
        client.response().expect(200, "pong");
    }
    let before = server.resident_bytes();
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        let mut client = server.connect();
        client.send(&get("/ping"));
        client.response().expect(200, "pong");
        clients.push(client);
    }
    let each = server.resident_bytes().saturating_sub(before) / count as u64;
    println!("{count} idle connections: {each} bytes of the server's memory each");
    assert!(each < 1024, "{each} bytes for each idle connection");
    for _ in 0..100 {
        server.get("/ping").expect(200, "pong");
    }
    for client in clients.iter_mut().step_by(97) {
        client.send(&get("/users/1"));
        client.response().expect(200, "user id is 1");
    }
}

#[test]
fn a_thousand_streams_all_tick() {
    connections_possible();
    let server = Server::start(&[]);
    let mut clients = (0..1000).map(|_| server.connect()).collect::<Vec<_>>();
    for client in &mut clients {
        client.send(&get("/events"));
    }
    for client in &mut clients {
        client.expect_text("text/event-stream");
        client.expect_text("\r\n\r\n");
    }
    for _ in 0..3 {
        for client in &mut clients {
            client.expect_text("data:");
            client.expect_text("\n\n");
        }
        server.get("/ping").expect(200, "pong");
    }
}

#[test]
fn a_stopped_client_disturbs_nobody_and_can_go_on() {
    if skipped_without("curl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    File::create(folder.path().join("large.bin"))
        .unwrap()
        .set_len(64 << 20)
        .unwrap();
    let server = Server::start(&[folder.path().to_str().unwrap(), "--demo"]);
    let before = server.sockets();
    let url = format!("http://{}/large.bin", server.address());
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "--noproxy",
        "*",
        "--limit-rate",
        "64M",
        "-o",
        "/dev/null",
    ]);
    let mut curl = curl
        .args(["-w", "%{size_download}", &url])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    until("curl has connected", PATIENCE, || {
        (server.sockets() > before).then_some(())
    });
    let id = Pid::from_child(&curl);
    kill_process(id, Signal::STOP).unwrap();
    let mut events = server.connect();
    events.send(&get("/events"));
    for _ in 0..2 {
        events.expect_text("data:");
        for _ in 0..100 {
            server.get("/ping").expect(200, "pong");
        }
    }
    assert!(
        curl.try_wait().unwrap().is_none(),
        "curl should still be at it"
    );
    kill_process(id, Signal::CONT).unwrap();
    let output = curl.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        (64 << 20).to_string()
    );
}

/// What became of a connection for which there may be no descriptor.
#[derive(Debug, PartialEq)]
enum Fate {
    Served,
    Refused,
    Waiting,
}

/// Sends a request and looks what comes of it within a moment.
fn fate(client: &mut Client) -> Fate {
    // The server may have refused and closed it already.
    let _ = client.stream.write_all(&get("/ping"));
    client
        .stream
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let mut first = [0; 12];
    let fate = match client.stream.peek(&mut first) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Fate::Waiting,
        Ok(12) if first == *b"HTTP/1.1 200" => Fate::Served,
        _ => Fate::Refused,
    };
    client.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    if fate == Fate::Served {
        client.response().expect(200, "pong");
    }
    fate
}

/// Opens 100 connections where there is room for some, and checks that the server keeps its head.
fn expect_composure(server: &Server, served_min: usize) {
    let lines_before = server.messages().len();
    let mut clients = (0..100).map(|_| server.connect()).collect::<Vec<_>>();
    let mut served = Vec::new();
    let mut others = Vec::new();
    for mut client in clients.drain(..) {
        match fate(&mut client) {
            Fate::Served => served.push(client),
            _ => others.push(client),
        }
    }
    assert!(
        served.len() >= served_min,
        "only {} connections were served",
        served.len()
    );
    assert!(
        !others.is_empty(),
        "there should not have been room for all"
    );
    // It does not try again and again to accept what it cannot, and does not say so again and
    // again.
    let ticks_before = server.processor_ticks();
    served[0].expect_silence(Duration::from_secs(1));
    let ticks = server.processor_ticks() - ticks_before;
    assert!(
        ticks < 30,
        "{ticks} hundredths of a second of work in a second of nothing"
    );
    let said = &server.messages()[lines_before..];
    assert!(said.len() <= 4, "{said:#?}");
    for client in &mut served {
        client.send(&get("/users/1"));
        client.response().expect(200, "user id is 1");
    }
    served.truncate(3);
    drop(others);
    until("connections are accepted again", PATIENCE, || {
        let mut client = server.connect();
        (fate(&mut client) == Fate::Served).then_some(())
    });
    for client in &mut served {
        client.send(&get("/ping"));
        client.response().expect(200, "pong");
    }
}

/// A server that can have so many descriptors and no more.
fn with_descriptors(count: usize, args: &[&str]) -> Server {
    let mut shell = Command::new("sh");
    let script = format!("ulimit -n {count} && exec \"$0\" \"$@\"");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_tidegate")]);
    shell
        .args(["-l", "127.0.0.1:0", "--access-log", "off"])
        .args(args);
    Server::run(shell)
}

#[test]
fn it_makes_do_with_few_descriptors() {
    let server = with_descriptors(64, &[]);
    until(
        "it says how many connections there is room for",
        PATIENCE,
        || {
            let lines = server.messages();
            let said = lines
                .iter()
                .filter(|line| line.contains("64") && line.contains("connections"));
            (said.count() == 1).then_some(())
        },
    );
    expect_composure(&server, 10);
}

#[test]
fn files_can_be_opened_however_many_connect() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("note.txt"), "a note").unwrap();
    let server = with_descriptors(128, &[folder.path().to_str().unwrap(), "--demo"]);
    let mut first = server.connect();
    first.send(&get("/ping"));
    first.response().expect(200, "pong");
    let mut clients = (0..200).map(|_| server.connect()).collect::<Vec<_>>();
    for client in &mut clients {
        fate(client);
    }
    first.send(&get("/note.txt"));
    first.response().expect(200, "a note");
}

#[test]
fn it_survives_when_descriptors_run_out() {
    for workers in ["1", "2"] {
        let server = Server::start(&["-w", workers]);
        server.get("/ping").expect(200, "pong");
        let open = fs::read_dir(format!("/proc/{}/fd", server.id()))
            .unwrap()
            .count() as u64;
        let limit = Rlimit {
            current: Some(open + 20),
            maximum: Some(open + 20),
        };
        let id = Pid::from_raw(server.id() as i32);
        prlimit(id, Resource::Nofile, limit).unwrap();
        expect_composure(&server, 10);
    }
}
