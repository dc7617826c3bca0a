//! Many clients, slow ones, and those that leave; few descriptors and little memory.
#![forbid(unsafe_code)]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::process::Command;
use std::time::Duration;

use common::{Client, Folder, PATIENCE, Server, get, pattern, request, text, until};

/// The numbers of a stress test with slow readers.
const READERS: usize = 64;
const LARGE: usize = 24 << 20;

#[test]
fn slow_readers_of_a_large_file_cost_little_memory() {
    let folder = Folder::new();
    folder.write("large.bin", pattern(LARGE));
    folder.write("large.html", text(LARGE));
    folder.write("note.txt", "a note");
    for (target, fields, each_max) in [
        ("/large.bin", "", 256 << 10),
        (
            "/large.bin",
            "Range: bytes=1-9999999,10000001-\r\n",
            256 << 10,
        ),
        ("/large.html", "Accept-Encoding: gzip\r\n", 1 << 20),
        ("/large.html", "Accept-Encoding: zstd\r\n", 5 << 20),
    ] {
        let server = folder.serve(&["-w", "1"]);
        for path in ["/note.txt", "/large.bin"] {
            server.get(path);
        }
        let before = server.resident_bytes();
        let mut clients = (0..READERS).map(|_| server.connect()).collect::<Vec<_>>();
        for client in &mut clients {
            client.send(request("GET", target, fields).as_bytes());
            client.response_to("HEAD");
        }
        // All have begun, and take nothing. Others are served meanwhile.
        for _ in 0..100 {
            server.get("/note.txt").expect(200, "a note");
        }
        let grown = server.resident_bytes().saturating_sub(before) / READERS as u64;
        println!(
            "{target} {fields:?}: {} KiB for each slow reader",
            grown >> 10
        );
        assert!(grown < each_max, "{target} {fields:?}: {grown} bytes each");
        let descriptors = server.descriptors();
        assert!(
            server.open_files() <= 2,
            "they share the open file: {descriptors}"
        );
        // The first one comes to its end all the same.
        let mut first = clients.swap_remove(0);
        if fields.is_empty() {
            assert!(first.take(LARGE) == pattern(LARGE));
        }
        drop(clients);
        drop(first);
        until("all have left", PATIENCE, || {
            server.get("/note.txt").expect(200, "a note");
            (server.sockets() < 10).then_some(())
        });
    }
}

#[test]
fn a_drip_reader_gets_every_byte() {
    let folder = Folder::new();
    folder.write("large.bin", pattern(3 << 20));
    let server = folder.serve(&[]);
    let mut client = server.connect();
    client.send(&get("/large.bin"));
    let head = client.response_to("HEAD");
    assert_eq!(head.status, 200);
    let mut body = Vec::new();
    let mut piece = 1;
    while body.len() < 3 << 20 {
        let count = piece.min((3 << 20) - body.len());
        body.extend(client.take(count));
        piece = piece * 3 % 9973 + 1;
    }
    assert!(body == pattern(3 << 20));
}

#[test]
fn clients_that_leave_in_the_middle_leave_nothing_behind() {
    let folder = Folder::new();
    folder.write("large.bin", pattern(8 << 20));
    folder.write("large.html", text(8 << 20));
    folder.write("job.html", text(900_000));
    for flags in [&["-w", "1"][..], &["-w", "1", "--file-cache", "off"]] {
        let server = folder.serve(flags);
        for target in ["/large.bin", "/job.html"] {
            server.connect().ask(target, "Accept-Encoding: br\r\n");
        }
        let sockets = until("the first have left", PATIENCE, || {
            let count = server.sockets();
            (count < 10).then_some(count)
        });
        let (files, memory) = (server.open_files(), server.resident_bytes());
        for round in 0..150 {
            let mut client = server.connect();
            let target = ["/large.bin", "/large.html", "/job.html", "/none"][round % 4];
            let coding = ["gzip", "br", "zstd"][round % 3];
            let fields = format!("Accept-Encoding: {coding}\r\n");
            client.send(request("GET", target, &fields).as_bytes());
            // Some before a byte was sent, some in the middle, some with a reset.
            match round % 5 {
                0 => {}
                1 => drop(client.response_to("HEAD")),
                2 => drop(client.take_some()),
                3 => client.send(&get("/large.bin")),
                _ => client.shut_write(),
            }
        }
        until("all is let go", PATIENCE, || {
            let is_over = server.sockets() <= sockets && server.open_files() <= files + 3;
            is_over.then_some(())
        });
        let grown = server.resident_bytes().saturating_sub(memory);
        println!("150 clients left {} KiB behind", grown >> 10);
        assert!(grown < 48 << 20, "{grown} bytes");
        assert!(server.get("/large.bin").body.len() == 8 << 20);
    }
}

/// A server that may have few descriptors.
fn serve_with(descriptors: usize, folder: &Folder, flags: &[&str]) -> Server {
    let program = common::command(&[]).get_program().to_owned();
    let root = folder.root();
    let script = format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(script)
        .arg(program)
        .arg(root)
        .args(flags);
    command.args(["-l", "127.0.0.1:0", "--access-log", "off"]);
    Server::run(command)
}

#[test]
fn more_files_than_descriptors() {
    let folder = Folder::new();
    let size = 70_000;
    for at in 0..300 {
        folder.write(format!("{at}.bin"), format!("{at:06}").repeat(size / 6));
    }
    for descriptors in [40, 100, 200] {
        let server = serve_with(descriptors, &folder, &["-w", "1"]);
        let mut client = server.connect();
        let mut most = 0;
        for round in 0..3 {
            for at in 0..300 {
                let at = (at * [1, 7, 299][round]) % 300;
                let response = client.ask(&format!("/{at}.bin"), "");
                assert_eq!(response.status, 200, "with {descriptors} descriptors");
                assert!(response.body == format!("{at:06}").repeat(size / 6).into_bytes());
                most = most.max(server.open_files());
            }
        }
        println!("{descriptors} descriptors: at most {most} files are open");
        assert!(most <= descriptors / 4 + 1, "{most} of {descriptors}");
        // There is room for clients.
        let mut clients = (0..10).map(|_| server.connect()).collect::<Vec<_>>();
        for client in &mut clients {
            assert_eq!(client.ask("/0.bin", "").status, 200);
        }
    }
}

#[test]
fn without_descriptors_it_is_said_and_goes_on_later() {
    let folder = Folder::new();
    for at in 0..60 {
        folder.make_sparse(&format!("{at}.bin"), 32 << 20);
    }
    folder.write("note.txt", "a note");
    let server = serve_with(64, &folder, &["-w", "1", "--file-cache", "off"]);
    server.get("/note.txt").expect(200, "a note");
    let (mut holding, mut served) = (Vec::new(), 0);
    for at in 0..60 {
        let mut client = server.connect();
        let sent = client.stream.write_all(&get(&format!("/{at}.bin")));
        // It may be closed without a word where there is not even a descriptor for it.
        let mut status = [0; 12];
        match sent.and_then(|()| client.stream.read_exact(&mut status)) {
            Ok(()) if status.ends_with(b"200") => served += 1,
            Ok(()) => assert!(status.ends_with(b"503"), "{}", status.escape_ascii()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("neither an answer nor an end, with {served} served")
            }
            Err(_) => {}
        }
        holding.push(client);
    }
    println!("{served} of 60 are served");
    assert!((5..60).contains(&served), "{served}");
    drop(holding);
    until("it serves again", PATIENCE, || {
        let mut client = server.connect();
        client.send(&get("/note.txt"));
        let rest = client.pause(Duration::from_millis(50));
        rest.then(|| client.response().status == 200)?.then_some(())
    });
}

#[test]
fn the_cache_keeps_its_bound() {
    let folder = Folder::new();
    for at in 0..2000 {
        folder.write(format!("{at}.html"), text(60_000 + at));
    }
    let server = folder.serve(&["-w", "1", "--file-cache", "4MiB", "--max-requests", "off"]);
    let mut client = server.connect();
    let round = |client: &mut Client| {
        for at in 0..2000 {
            let fields = ["", "Accept-Encoding: zstd\r\n", "Accept-Encoding: gzip\r\n"][at % 3];
            let response = client.ask(&format!("/{at}.html"), fields);
            assert!(response.decoded().len() == 60_000 + at);
        }
    };
    round(&mut client);
    let first = server.resident_bytes();
    for _ in 0..2 {
        round(&mut client);
    }
    let last = server.resident_bytes();
    println!("{} MiB resident, then {} MiB", first >> 20, last >> 20);
    // All files together are 122 MB.
    assert!(last < 80 << 20, "{last} bytes");
}
