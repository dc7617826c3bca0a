//! Files that are kept open: for how long, what becomes of them when they are deleted, and what
//! happens when there are more of them, and of connections, than descriptors.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::io::Write;
use std::process::Command;
use std::time::Duration;

use common::{Client, Folder, PATIENCE, Server, get, pattern, until};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

#[test]
fn a_deleted_file_is_closed_though_nobody_asks_for_anything() {
    let folder = Folder::new();
    let server = folder.serve(&["-w", "1"]);
    for name in ["deleted.bin", "replaced.bin", "kept.bin"] {
        folder.write(name, pattern(100_000));
        assert_eq!(server.get(&format!("/{name}")).status, 200);
    }
    assert_eq!(server.open_files(), 3);
    fs::remove_file(folder.path("deleted.bin")).unwrap();
    folder.replace("replaced.bin", pattern(200_000));
    until("both are closed", PATIENCE, || {
        (server.open_files() <= 1).then_some(())
    });
    assert_eq!(
        server.open_files(),
        1,
        "there is no need to close the third"
    );
    assert!(server.get("/replaced.bin").body == pattern(200_000));
}

#[test]
fn a_deleted_file_that_is_being_sent_is_sent_to_its_end_and_then_closed() {
    const LENGTH: usize = 32 << 20;
    let folder = Folder::new();
    folder.write("large.bin", pattern(LENGTH));
    let server = folder.serve(&["-w", "1"]);
    let mut client = server.connect();
    client.send(&common::get("/large.bin"));
    assert_eq!(client.response_to("HEAD").status, 200);
    let first = client.take(100_000);
    fs::remove_file(folder.path("large.bin")).unwrap();
    until("nobody else is served it", PATIENCE, || {
        (server.get("/large.bin").status == 404).then_some(())
    });
    assert_eq!(server.open_files(), 1);
    let rest = client.take(LENGTH - first.len());
    assert!([first, rest].concat() == pattern(LENGTH));
    until("it is closed", PATIENCE, || {
        (server.open_files() == 0).then_some(())
    });
}

/// More than the buffers of a connection take.
const LARGE: u64 = 32 << 20;

/// A folder with `note.txt`, and so many large files `0.bin`, `1.bin`, ...
fn folder_with(count: usize) -> Folder {
    let folder = Folder::new();
    folder.write("note.txt", "a note");
    for at in 0..count {
        folder.make_sparse(&format!("{at}.bin"), LARGE);
    }
    folder
}

/// A server that can have so many descriptors and no more.
fn serve_with(descriptors: usize, folder: &Folder, flags: &[&str]) -> Server {
    let mut shell = Command::new("sh");
    let script = format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"");
    shell
        .args(["-c", &script, env!("CARGO_BIN_EXE_tidegate")])
        .arg(folder.root())
        .args(["-l", "127.0.0.1:0", "--access-log", "off", "-w", "1"])
        .args(flags);
    Server::run(shell)
}

/// The status of the answer to a GET, whose body is left where it is.
fn status(client: &mut Client, target: &str) -> u16 {
    // The server may have refused and closed the connection already.
    let _ = client.stream.write_all(&get(target));
    client.response_to("HEAD").status
}

/// Whatever comes is answered, and who was there before is still served.
fn expect_service_again(server: &Server) {
    until("it serves all again", PATIENCE, || {
        let mut client = server.connect();
        client.stream.write_all(&get("/note.txt")).ok()?;
        let answered = client.pause(Duration::from_millis(100));
        (answered && client.response().status == 200).then_some(())
    });
    assert_eq!(server.messages_with(&["cannot accept"]), [""; 0]);
}

#[test]
fn whoever_asks_for_a_file_of_his_own_gets_it_or_is_told_why_not() {
    const CLIENTS: usize = 100;
    let folder = folder_with(CLIENTS);
    for (descriptors, flags) in [
        (64, &["--file-cache", "off"][..]),
        (64, &[]),
        (100, &["--file-cache", "off"]),
        (100, &[]),
    ] {
        let server = serve_with(descriptors, &folder, flags);
        let mut clients = Vec::new();
        let mut served = 0;
        for at in 0..CLIENTS {
            let mut client = server.connect();
            match status(&mut client, &format!("/{at}.bin")) {
                200 => served += 1,
                status => assert_eq!(status, 503, "client {at} of {descriptors} {flags:?}"),
            }
            clients.push(client);
        }
        println!("{served} files are sent at once with {descriptors} descriptors and {flags:?}");
        // Each takes two descriptors; some are for other things.
        assert!(
            served * 2 >= descriptors * 5 / 8,
            "only {served} are served"
        );
        drop(clients);
        expect_service_again(&server);
    }
}

#[test]
fn as_many_as_may_connect_can_ask_for_files() {
    const CLIENTS: usize = 60;
    let folder = folder_with(CLIENTS);
    for descriptors in [64, 100] {
        let server = serve_with(descriptors, &folder, &[]);
        let mut clients = Vec::new();
        let refused = loop {
            let mut client = server.connect();
            match status(&mut client, "/note.txt") {
                // All of it has come with its head.
                200 => {
                    assert_eq!(client.take(6), b"a note");
                    clients.push(client);
                }
                status => break status,
            }
        };
        assert_eq!(refused, 503);
        let connected = clients.len();
        let mut served = 0;
        for (at, client) in clients.iter_mut().enumerate() {
            match status(client, &format!("/{at}.bin")) {
                200 => served += 1,
                status => assert_eq!(status, 503, "client {at}"),
            }
            // There is always a descriptor for one more, to be told.
            assert_eq!(status(&mut server.connect(), "/note.txt"), 503);
        }
        println!("{descriptors} descriptors: {served} of {connected} were sent files at once");
        assert!(served * 8 >= descriptors, "only {served} are served");
        drop(clients);
        expect_service_again(&server);
    }
}

#[test]
fn idle_files_are_closed_when_another_is_asked_for() {
    let folder = folder_with(30);
    let server = folder.serve(&["-w", "1"]);
    let mut holder = server.connect();
    assert_eq!(status(&mut holder, "/0.bin"), 200);
    let mut client = server.connect();
    for at in 1..20 {
        client.ask_with("HEAD", &format!("/{at}.bin"), "");
    }
    assert_eq!(server.open_files(), 20);
    // Now there are no descriptors for more: none at all, or none but the last.
    for (target, beyond) in [("/20.bin", 0), ("/21.bin", 4), ("/note.txt", 0)] {
        allow(&server, lowest_free(&server) + beyond);
        let response = client.ask_with("HEAD", target, "");
        assert_eq!(response.status, 200, "{target}");
        let is_large = usize::from(target != "/note.txt");
        assert_eq!(
            server.open_files(),
            1 + is_large,
            "the one that is sent stays"
        );
        allow(&server, 1000);
        for at in 1..20 {
            client.ask_with("HEAD", &format!("/{at}.bin"), "");
        }
    }
}

/// The number that the next descriptor of a server has.
fn lowest_free(server: &Server) -> usize {
    let link = |number: &usize| format!("/proc/{}/fd/{number}", server.id());
    let is_free = |number: &usize| fs::read_link(link(number)).is_err();
    (0..).find(is_free).unwrap()
}

/// Sets how many descriptors a running server may have.
fn allow(server: &Server, descriptors: usize) {
    let limit = Rlimit {
        current: Some(descriptors as u64),
        maximum: Some(1000),
    };
    let id = Pid::from_raw(server.id() as i32);
    prlimit(id, Resource::Nofile, limit).unwrap();
}
