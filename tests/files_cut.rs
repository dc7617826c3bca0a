//! Files that change while they are sent, to a client that reads nothing meanwhile: what was
//! promised comes whole, or the connection ends. It never looks complete when it is not, and
//! nothing is filled in.
#![forbid(unsafe_code)]

mod common;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;

use common::{Client, Folder, Pki, Response, Server, Tls, decode, get, pattern, request, text};
use rustix::process::Signal;

/// More than the buffers of both ends and of the system between them take.
const LENGTH: usize = 48 << 20;

/// Where files are cut: beyond what the client has been sent, so that the server meets the end.
const CUT: usize = LENGTH - 1_000_001;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("large.bin", pattern(LENGTH));
    folder.write("note.txt", "a note");
    folder
}

fn cut(folder: &Folder, length: usize) {
    let file = File::options()
        .write(true)
        .open(folder.path("large.bin"))
        .unwrap();
    file.set_len(length as u64).unwrap();
}

/// Begins to take a response, and reads no more of it than its head.
fn begin<S: Read + Write>(client: &mut Client<S>, fields: &str) -> Response {
    client.send(request("GET", "/large.bin", fields).as_bytes());
    client.response_to("HEAD")
}

const SECURE: [&str; 3] = ["--tls-self-signed", "--tls-listen", "127.0.0.1:0"];

/// Does `test` over TCP with and without cache, and over TLS.
fn everywhere(test: impl Fn(&Folder, &Server, &mut dyn Connection)) {
    for flags in [&[][..], &["--file-cache", "off"]] {
        let folder = folder();
        let server = folder.serve(flags);
        test(&folder, &server, &mut server.connect());
    }
    let folder = folder();
    let server = folder.serve(&SECURE);
    test(
        &folder,
        &server,
        &mut Client::<Tls>::over_tls(server.secure_address()),
    );
}

/// A connection, of whatever kind.
trait Connection {
    fn begin(&mut self, fields: &str) -> Response;
    /// The bytes of a body of this length, and then the answer to another request.
    fn finish(&mut self, length: usize) -> Vec<u8>;
    /// What comes until the connection ends.
    fn rest(&mut self) -> Vec<u8>;
}

impl<S: Read + Write> Connection for Client<S> {
    fn begin(&mut self, fields: &str) -> Response {
        begin(self, fields)
    }

    fn finish(&mut self, length: usize) -> Vec<u8> {
        let body = self.take(length);
        self.send(&get("/note.txt"));
        self.response().expect(200, "a note");
        body
    }

    fn rest(&mut self) -> Vec<u8> {
        self.rest_or_reset()
    }
}

#[test]
fn a_file_that_is_cut_short_ends_the_connection() {
    everywhere(|folder, server, client| {
        let head = client.begin("");
        assert_eq!(head.field("content-length"), Some(&*LENGTH.to_string()));
        cut(folder, CUT);
        let rest = client.rest();
        assert!(rest.len() <= CUT, "{} of {CUT} bytes", rest.len());
        assert!(
            rest == pattern(LENGTH)[..rest.len()],
            "not what was in the file"
        );
        // All that was left of it can be sent; a client that resumes has that much less to do.
        assert_eq!(rest.len(), CUT);
        server.get("/note.txt").expect(200, "a note");
    });
}

#[test]
fn a_part_that_is_cut_short_ends_the_connection() {
    everywhere(|folder, server, client| {
        let head = client.begin("Range: bytes=1000-\r\n");
        assert_eq!(head.status, 206);
        cut(folder, CUT);
        let rest = client.rest();
        assert!(rest == pattern(LENGTH)[1000..CUT], "{} bytes", rest.len());
        server.get("/note.txt").expect(200, "a note");
    });
}

#[test]
fn several_parts_that_are_cut_short_end_the_connection() {
    everywhere(|folder, server, client| {
        let value = format!("0-{},{}-{}", LENGTH - 2_000_000, CUT - 10, CUT + 10);
        let head = client.begin(&format!("Range: bytes={value}\r\n"));
        assert_eq!(head.status, 206);
        cut(folder, CUT);
        let rest = client.rest();
        let promised = head
            .field("content-length")
            .unwrap()
            .parse::<usize>()
            .unwrap();
        assert!(rest.len() < promised, "{} of {promised} bytes", rest.len());
        assert!(
            rest.ends_with(&pattern(LENGTH)[CUT - 10..CUT]),
            "the last part as far as it is"
        );
        server.get("/note.txt").expect(200, "a note");
    });
}

#[test]
fn a_file_that_grows_is_sent_as_long_as_was_promised() {
    everywhere(|folder, _, client| {
        client.begin("");
        let mut file = File::options()
            .append(true)
            .open(folder.path("large.bin"))
            .unwrap();
        file.write_all(&[b'x'; 100_000]).unwrap();
        assert!(client.finish(LENGTH) == pattern(LENGTH));
    });
}

#[test]
fn a_file_that_is_replaced_is_sent_as_it_was() {
    everywhere(|folder, _, client| {
        client.begin("");
        folder.replace("large.bin", "another file");
        assert!(client.finish(LENGTH) == pattern(LENGTH));
    });
}

#[test]
fn a_file_that_is_removed_is_sent_as_it_was() {
    everywhere(|folder, server, client| {
        client.begin("");
        fs::remove_file(folder.path("large.bin")).unwrap();
        fs::create_dir(folder.path("large.bin")).unwrap();
        assert!(client.finish(LENGTH) == pattern(LENGTH));
        // Nobody else keeps it open: its room on the disk is free.
        common::until("it is let go", common::PATIENCE, || {
            server.get("/note.txt").expect(200, "a note");
            server.get("/large.bin");
            (!holds(server, "(deleted)")).then_some(())
        });
    });
}

/// Whether the server has something open whose name has this in it.
fn holds(server: &Server, word: &str) -> bool {
    let folder = fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap();
    let mut links = folder.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.any(|link| link.to_string_lossy().contains(word))
}

#[test]
fn a_replaced_root_does_not_disturb_who_is_reading() {
    everywhere(|folder, _, client| {
        client.begin("");
        fs::rename(folder.root(), folder.beside("old")).unwrap();
        fs::create_dir(folder.root()).unwrap();
        fs::write(folder.path("note.txt"), "a note").unwrap();
        assert!(client.finish(LENGTH) == pattern(LENGTH));
    });
}

#[test]
fn a_server_that_drains_sends_to_the_end() {
    for fields in ["", "Range: bytes=0-\r\n"] {
        let folder = folder();
        let mut server = folder.serve(&["--drain-grace", "off"]);
        let mut client = server.connect();
        begin(&mut client, fields);
        server.signal(Signal::TERM);
        server.expect_message(&["drain"]);
        assert!(client.take(LENGTH) == pattern(LENGTH));
        client.expect_eof();
        assert!(server.exit_status(common::PATIENCE).success());
    }
}

#[test]
fn new_certificates_do_not_disturb_who_is_reading() {
    if common::lacks_tools() {
        return;
    }
    let pki = Pki::new();
    let pair = pki.leaf("live", common::LOCAL);
    let folder = folder();
    let server = folder.serve(
        &[
            &["--tls-listen", "127.0.0.1:0", "-w", "1"],
            &pair.flags()[..],
        ]
        .concat(),
    );
    let mut client = Client::<Tls>::over_tls(server.secure_address());
    begin(&mut client, "");
    server.signal(Signal::HUP);
    server.expect_message(&["certificates"]);
    server.get("/note.txt").expect(200, "a note");
    assert!(Connection::finish(&mut client, LENGTH) == pattern(LENGTH));
}

#[test]
fn who_takes_nothing_for_too_long_is_left_with_what_he_has() {
    let folder = folder();
    let server = folder.serve(&["--write-timeout", "1s", "-w", "1"]);
    // Before anybody connects: who has been sent something may be cut at any time.
    let listening = server.sockets();
    let mut client = server.connect();
    begin(&mut client, "");
    common::until("the connection is closed", common::PATIENCE, || {
        (server.sockets() <= listening).then_some(())
    });
    let rest = client.rest_or_reset();
    assert!(rest.len() < LENGTH && rest == pattern(LENGTH)[..rest.len()]);
}

#[test]
fn text_that_is_cut_short_while_it_is_coded_never_looks_complete() {
    for coding in ["gzip", "br", "zstd"] {
        let folder = folder();
        // Coded it is still more than all buffers take.
        let noise = pattern(LENGTH)
            .iter()
            .map(|byte| byte % 64 + 32)
            .collect::<Vec<u8>>();
        folder.write("large.html", &noise);
        let server = folder.serve(&[]);
        let mut client = server.connect();
        let fields = format!("Accept-Encoding: {coding}\r\n");
        client.send(request("GET", "/large.html", &fields).as_bytes());
        let head = client.response_to("HEAD");
        assert_eq!(
            (head.coding(), head.field("transfer-encoding")),
            (coding, Some("chunked"))
        );
        let file = File::options()
            .write(true)
            .open(folder.path("large.html"))
            .unwrap();
        file.set_len(CUT as u64).unwrap();
        let rest = client.rest_or_reset();
        assert!(rest.len() > 1 << 20, "{} bytes", rest.len());
        assert!(!rest.ends_with(b"\r\n0\r\n\r\n"), "it looks complete");
        server.get("/note.txt").expect(200, "a note");
    }
}

#[test]
fn text_that_grows_while_it_is_coded_is_one_state_of_it() {
    let folder = folder();
    folder.write("large.html", text(30 << 20));
    let server = folder.serve(&[]);
    let mut client = server.connect();
    client.send(request("GET", "/large.html", "Accept-Encoding: zstd\r\n").as_bytes());
    let head = client.response_to("HEAD");
    assert_eq!(head.coding(), "zstd");
    let file = File::options()
        .write(true)
        .open(folder.path("large.html"))
        .unwrap();
    file.write_all_at(b"more", 30 << 20).unwrap();
    let body = client.take_chunked();
    assert!(decode("zstd", &body) == text(30 << 20));
}

#[test]
fn a_cut_answer_ends_what_was_sent_behind_it_too() {
    let folder = folder();
    let server = folder.serve(&[]);
    let mut client = server.connect();
    client.send(&[get("/note.txt"), get("/large.bin"), get("/note.txt")].concat());
    client.response().expect(200, "a note");
    let head = client.response_to("HEAD");
    assert_eq!(head.status, 200);
    cut(&folder, CUT);
    let rest = client.rest_or_reset();
    assert!(rest == pattern(LENGTH)[..CUT], "{} bytes", rest.len());
}
