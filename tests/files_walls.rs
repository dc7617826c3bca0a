//! The walls around the directory that is served: links, special files, permissions, hidden names,
//! methods; and that refusals tell no more than they should.
#![forbid(unsafe_code)]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::Command;

use common::{Client, Folder, PATIENCE, Response, Server, command, pattern, skip};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::process::geteuid;

/// What stands in every file that must not be served.
const SECRET: &str = "this must stay secret";

fn folder() -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.beside("outside")).unwrap();
    fs::write(folder.beside("outside/index.html"), SECRET).unwrap();
    fs::write(folder.beside("secret.txt"), SECRET).unwrap();
    folder.write("note.txt", "a note");
    folder.write("sub/page.html", "a page");
    folder.write("sub/deep/file.txt", "deep");
    folder
}

/// All of an answer but its date.
fn parts(mut response: Response) -> (u16, Vec<(String, String)>, Vec<u8>) {
    response.fields.retain(|(name, _)| name != "date");
    (response.status, response.fields, response.body)
}

/// Fails unless the answers to both are the same in every byte.
#[track_caller]
fn expect_alike(client: &mut Client, one: &str, other: &str) {
    for method in ["GET", "HEAD"] {
        let first = parts(client.ask_with(method, one, ""));
        let second = parts(client.ask_with(method, other, ""));
        assert_eq!(first, second, "{method} {one} and {other}");
    }
}

#[test]
fn links_inside_are_followed() {
    let folder = folder();
    for (to, name) in [
        ("note.txt", "file.txt"),
        ("file.txt", "twice.txt"),
        ("sub", "folder"),
        ("../note.txt", "sub/up.txt"),
        ("../sub/deep/../../note.txt", "sub/round.txt"),
        ("../../folder/deep/file.txt", "sub/deep/through.txt"),
        ("./sub/./deep/file.txt", "dots.txt"),
    ] {
        symlink(to, folder.path(name)).unwrap();
    }
    for flags in [&[][..], &["--file-cache", "off"], &["--follow-symlinks"]] {
        let server = folder.serve(flags);
        let mut client = server.connect();
        for (target, text) in [
            ("/file.txt", "a note"),
            ("/twice.txt", "a note"),
            ("/folder/page.html", "a page"),
            ("/sub/up.txt", "a note"),
            ("/sub/round.txt", "a note"),
            ("/sub/deep/through.txt", "deep"),
            ("/folder/deep/through.txt", "deep"),
            ("/dots.txt", "deep"),
        ] {
            client.ask(target, "").expect(200, text);
            client.ask(target, "").expect(200, text);
        }
        let redirect = client.ask("/folder?x", "");
        assert_eq!(
            (redirect.status, redirect.field("location")),
            (301, Some("/folder/?x"))
        );
    }
}

#[test]
fn links_that_lead_out_are_as_if_they_were_not_there() {
    let folder = folder();
    let (secret, outside) = (folder.beside("secret.txt"), folder.beside("outside"));
    let inside = folder.path("note.txt");
    let links = [
        ("../secret.txt", "relative.txt"),
        (secret.to_str().unwrap(), "absolute.txt"),
        ("../outside", "folder"),
        (outside.to_str().unwrap(), "absolute-folder"),
        ("../../secret.txt", "sub/up.txt"),
        ("../root/note.txt", "out-and-in.txt"),
        (inside.to_str().unwrap(), "absolute-inside.txt"),
        ("sub/up.txt", "twice.txt"),
        ("nowhere", "dangling.txt"),
        ("loop.txt", "loop.txt"),
        ("/dev/zero", "zero.txt"),
        ("/proc/self/root/etc/passwd", "magic.txt"),
        ("/proc/self/fd/0", "input.txt"),
        ("/", "slash"),
        ("..", "parent"),
    ];
    for (to, name) in links {
        symlink(to, folder.path(name)).unwrap();
    }
    let server = folder.serve(&["--index", "index.html,page.html"]);
    let mut client = server.connect();
    for (_, name) in links {
        expect_alike(&mut client, &format!("/{name}"), "/missing");
        for behind in [
            "/",
            "/index.html",
            "/secret.txt",
            "/etc/passwd",
            "/root/note.txt",
        ] {
            let response = client.ask(&format!("/{name}{behind}"), "");
            assert_eq!(response.status, 404, "{name}{behind}");
            assert!(!response.text().contains(SECRET), "{name}{behind}");
        }
    }
    client.ask("/sub/", "").expect(200, "a page");
}

#[test]
fn links_that_lead_out_are_followed_on_demand_but_not_to_devices() {
    let folder = folder();
    symlink("../secret.txt", folder.path("relative.txt")).unwrap();
    symlink(folder.beside("outside"), folder.path("folder")).unwrap();
    for (to, name) in [
        ("/dev/zero", "zero"),
        ("/dev/null", "null"),
        ("/proc/self/root/etc/passwd", "magic"),
        ("/proc/self/fd/0", "input"),
        ("nowhere", "dangling"),
        ("loop", "loop"),
    ] {
        symlink(to, folder.path(name)).unwrap();
    }
    let server = folder.serve(&["--follow-symlinks"]);
    let mut client = server.connect();
    client.ask("/relative.txt", "").expect(200, SECRET);
    client.ask("/folder/", "").expect(200, SECRET);
    client.ask("/folder/index.html", "").expect(200, SECRET);
    for name in ["zero", "null", "magic", "input", "dangling", "loop"] {
        expect_alike(&mut client, &format!("/{name}"), "/missing");
    }
    // A link may lead out; a path still may not.
    for target in [
        "/../secret.txt",
        "/folder/../../secret.txt",
        "/%2e%2e/secret.txt",
    ] {
        let response = server.get(target);
        assert!(
            [400, 404].contains(&response.status),
            "{target}: {response:?}"
        );
    }
}

#[test]
fn special_files_are_not_found_and_block_nobody() {
    let folder = folder();
    let mode = Mode::from_raw_mode(0o666);
    mknodat(CWD, folder.path("pipe"), FileType::Fifo, mode, 0).unwrap();
    mknodat(CWD, folder.path("socket"), FileType::Socket, mode, 0).unwrap();
    fs::create_dir(folder.path("odd")).unwrap();
    mknodat(CWD, folder.path("odd/index.html"), FileType::Fifo, mode, 0).unwrap();
    let mut names = vec!["/pipe", "/socket", "/pipe/", "/socket/x", "/odd/index.html"];
    let zero = makedev(1, 5);
    match mknodat(
        CWD,
        folder.path("device"),
        FileType::CharacterDevice,
        mode,
        zero,
    ) {
        Ok(()) => names.push("/device"),
        Err(error) => eprintln!("no device: {error}"),
    }
    for flags in [
        &["-w", "1"][..],
        &["-w", "1", "--file-cache", "off", "--browse"],
    ] {
        let server = folder.serve(flags);
        let mut client = server.connect();
        for target in &names {
            expect_alike(&mut client, target, "/missing");
        }
        let status = client.ask("/odd/", "").status;
        assert!([200, 403].contains(&status), "{status}");
        client.ask("/note.txt", "").expect(200, "a note");
    }
}

#[test]
fn hidden_files_are_as_if_they_were_not_there() {
    let folder = folder();
    for name in [
        ".env",
        ".git/config",
        ".hidden/index.html",
        "sub/.htpasswd",
        "sub/.well-known/file",
        ".well-known/.secret",
        ".well-known/acme-challenge/.secret",
    ] {
        folder.write(name, SECRET);
    }
    folder.write(".well-known/acme-challenge/token", "proof");
    folder.write(".well-known/security.txt", "contact");
    let server = folder.serve(&[]);
    let mut client = server.connect();
    for target in [
        "/.env",
        "/%2eenv",
        "/.git",
        "/.git/",
        "/.git/config",
        "/.hidden",
        "/.hidden/",
        "/sub/.htpasswd",
        "/sub/.well-known/file",
        "/.well-known/.secret",
        "/.well-known/acme-challenge/.secret",
        "/.WELL-KNOWN/security.txt",
    ] {
        expect_alike(&mut client, target, "/missing");
    }
    client
        .ask("/.well-known/acme-challenge/token", "")
        .expect(200, "proof");
    client
        .ask("/%2ewell-known/security.txt", "")
        .expect(200, "contact");
    assert_eq!(client.ask("/.well-known", "").status, 301);
    let server = folder.serve(&["--hidden"]);
    let mut client = server.connect();
    for target in ["/.env", "/.git/config", "/.hidden/", "/sub/.htpasswd"] {
        client.ask(target, "").expect(200, SECRET);
    }
    let response = server.get("/%2e%2e/secret.txt");
    assert!([400, 404].contains(&response.status), "{response:?}");
}

/// A server that may not do everything: where this is root, it runs as nobody.
fn serve_as_nobody(folder: &Folder, flags: &[&str]) -> Option<Server> {
    let root = folder.root();
    let own = ["-l", "127.0.0.1:0", "--access-log", "off"];
    let mut command = command(&[&own[..], flags, &[root.to_str().unwrap()]].concat());
    if geteuid().is_root() {
        let nobody = 65534;
        let may_change = Command::new("true").uid(nobody).gid(nobody).status();
        if !may_change.is_ok_and(|status| status.success()) {
            skip("no program can be run as nobody");
            return None;
        }
        // The program is in a folder that nobody may look into. Another process copies it: what is
        // open for writing cannot be run, and what this one has open others that it starts have.
        let copy = folder.beside("tidegate");
        let mut copying = Command::new("cp");
        let copied = copying.arg(command.get_program()).arg(&copy).status();
        assert!(copied.unwrap().success());
        let mut other = Command::new(copy);
        other
            .args(command.get_args())
            .env_clear()
            .uid(nobody)
            .gid(nobody);
        command = other;
        let outer = folder.beside("");
        fs::set_permissions(outer, Permissions::from_mode(0o755)).unwrap();
    }
    Some(Server::run(command))
}

#[test]
fn what_may_not_be_read_is_forbidden_and_nothing_is_told_of_what_is_behind() {
    let folder = folder();
    folder.write("closed.txt", SECRET);
    folder.write("closed/there.txt", SECRET);
    folder.write("unlisted/there.txt", "listed nowhere");
    let set = |name: &str, mode| {
        fs::set_permissions(folder.path(name), Permissions::from_mode(mode)).unwrap();
    };
    set("closed.txt", 0);
    set("closed", 0);
    set("unlisted", 0o711);
    let Some(server) = serve_as_nobody(&folder, &[]) else {
        return;
    };
    let mut client = server.connect();
    client.ask("/note.txt", "").expect(200, "a note");
    client
        .ask("/unlisted/there.txt", "")
        .expect(200, "listed nowhere");
    for _ in 0..2 {
        let closed = client.ask("/closed.txt", "");
        closed.expect(403, "403 Forbidden\n");
        for name in ["etag", "last-modified", "accept-ranges"] {
            assert_eq!(closed.field(name), None);
        }
        // Whether it is there is not told.
        expect_alike(&mut client, "/closed/there.txt", "/closed/missing.txt");
        assert_eq!(client.ask("/closed/there.txt", "").status, 403);
        assert_eq!(client.ask("/unlisted/missing.txt", "").status, 404);
        assert_eq!(client.ask("/unlisted/", "").status, 403);
    }
    // Once it may be read it is served, and the other way round.
    set("closed.txt", 0o644);
    common::until("it may be read", PATIENCE, || {
        (client.ask("/closed.txt", "").status == 200).then_some(())
    });
    set("closed.txt", 0);
    common::until("it may not be read any more", PATIENCE, || {
        (client.ask("/closed.txt", "").status == 403).then_some(())
    });
}

#[test]
fn a_list_that_cannot_be_made_is_an_error_like_others() {
    let folder = folder();
    folder.write("unlisted/there.txt", "listed nowhere");
    let mode = Permissions::from_mode(0o711);
    fs::set_permissions(folder.path("unlisted"), mode).unwrap();
    let flags = ["--browse", "--error-page", "403=note.txt"];
    let Some(server) = serve_as_nobody(&folder, &flags) else {
        return;
    };
    let mut client = server.connect();
    assert_eq!(client.ask("/", "").status, 200);
    client.ask("/unlisted/", "").expect(403, "a note");
}

#[test]
fn only_get_head_and_options() {
    let folder = folder();
    folder.write("large.bin", pattern(300_000));
    let server = folder.serve(&[]);
    let mut client = server.connect();
    for target in [
        "/note.txt",
        "/large.bin",
        "/missing",
        "/sub",
        "/sub/",
        "/.env",
    ] {
        for method in [
            "POST", "PUT", "DELETE", "PATCH", "PROPFIND", "MKCOL", "get", "X",
        ] {
            let fields = "Content-Length: 0\r\n";
            let response = client.ask_with(method, target, fields);
            assert_eq!(response.status, 405, "{method} {target}: {response:?}");
            let allow = response.field("allow").unwrap();
            let mut methods = allow.split(", ").collect::<Vec<_>>();
            methods.sort_unstable();
            assert_eq!(methods, ["GET", "HEAD", "OPTIONS"], "{method}");
        }
        let response = client.ask_with("OPTIONS", target, "");
        assert!(
            [200, 204].contains(&response.status),
            "{target}: {response:?}"
        );
        let allow = response.field("allow").unwrap();
        assert!(allow.contains("GET") && !allow.contains("PUT"), "{allow}");
    }
    // A body that comes with GET is not taken for the next request.
    let fields = "Content-Length: 4\r\n\r\nbody";
    let request = format!("GET /note.txt HTTP/1.1\r\nHost: test\r\n{fields}");
    for _ in 0..2 {
        client.send(request.as_bytes());
        client.response().expect(200, "a note");
    }
    assert_eq!(
        fs::read_to_string(folder.path("note.txt")).unwrap(),
        "a note"
    );
}
