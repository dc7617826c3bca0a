//! A directory as a site: what is served, and what never is.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use common::{Response, Server, get};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

/// What stands in every file that must not be served.
const SECRET: &str = "this must stay secret";

/// A site `root` in a folder of its own, with a secret beside it.
struct Site {
    folder: TempDir,
    server: Server,
}

impl Site {
    fn new() -> Site {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("sub/deep")).unwrap();
        fs::create_dir(root.join("empty")).unwrap();
        fs::write(folder.path().join("secret.txt"), SECRET).unwrap();
        for (name, text) in [
            ("index.html", "<h1>home</h1>"),
            ("style.css", "a {}"),
            ("app.js", "1"),
            ("data.json", "{}"),
            ("note.txt", "a note"),
            ("picture.png", "\u{89}PNG"),
            ("picture.svg", "<svg/>"),
            ("module.wasm", "\0asm"),
            ("none", "no extension"),
            ("nothing.txt", ""),
            ("with space.txt", "space"),
            ("Grüße 世界.txt", "utf-8"),
            ("percent%41.txt", "percent"),
            ("sub/index.html", "<h1>sub</h1>"),
            ("sub/deep/file.txt", "deep"),
            (".hidden", SECRET),
        ] {
            fs::write(root.join(name), text).unwrap();
        }
        fs::create_dir(root.join(".git")).unwrap();
        fs::write(root.join(".git/config"), SECRET).unwrap();
        let server = Server::start(&[root.to_str().unwrap()]);
        Site { folder, server }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn get(&self, target: &str) -> Response {
        self.server.get(target)
    }
}

#[test]
fn files_have_their_type_and_length() {
    let site = Site::new();
    for (target, kind, text) in [
        ("/style.css", "text/css", "a {}"),
        ("/app.js", "text/javascript", "1"),
        ("/data.json", "application/json", "{}"),
        ("/note.txt", "text/plain", "a note"),
        ("/picture.png", "image/png", "\u{89}PNG"),
        ("/picture.svg", "image/svg+xml", "<svg/>"),
        ("/module.wasm", "application/wasm", "\0asm"),
        ("/none", "application/octet-stream", "no extension"),
        ("/nothing.txt", "text/plain", ""),
        ("/with%20space.txt", "text/plain", "space"),
        (
            "/Gr%C3%BC%C3%9Fe%20%E4%B8%96%E7%95%8C.txt",
            "text/plain",
            "utf-8",
        ),
        ("/percent%2541.txt", "text/plain", "percent"),
        ("/sub/deep/file.txt?query=1", "text/plain", "deep"),
        ("/sub/../note.txt", "text/plain", "a note"),
        ("/note%2Etxt", "text/plain", "a note"),
    ] {
        let response = site.get(target);
        response.expect(200, text);
        assert!(
            response.field("content-type").unwrap().starts_with(kind),
            "{response:?}"
        );
        assert_eq!(
            response.field("content-length"),
            Some(&*text.len().to_string())
        );
    }
    for target in [
        "/missing",
        "/note.txt/",
        "/note.txt/x",
        "/style.cs",
        "/percent%41.txt",
    ] {
        assert_eq!(site.get(target).status, 404, "{target}");
    }
}

#[test]
fn a_folder_shows_its_index() {
    let site = Site::new();
    let home = site.get("/");
    home.expect(200, "<h1>home</h1>");
    assert!(home.field("content-type").unwrap().starts_with("text/html"));
    site.get("/index.html").expect(200, "<h1>home</h1>");
    site.get("/sub/").expect(200, "<h1>sub</h1>");
    let empty = site.get("/empty/");
    assert!([403, 404].contains(&empty.status), "{empty:?}");
}

#[test]
fn a_folder_without_slash_is_redirected() {
    let site = Site::new();
    for (target, location) in [
        ("/sub", "/sub/"),
        ("/sub?a=1&b=%20", "/sub/?a=1&b=%20"),
        ("/sub/deep", "/sub/deep/"),
        ("/x/../sub", "/sub/"),
    ] {
        let response = site.get(target);
        assert!(
            [301, 302, 307, 308].contains(&response.status),
            "{target}: {response:?}"
        );
        let given = response.field("location").unwrap();
        let path = given.strip_prefix("http://test").unwrap_or(given);
        assert_eq!(path, location, "{target}");
    }
    // A browser takes //sub/ for the address of another host.
    for target in [
        "//sub",
        "//sub/deep",
        "/%2Fsub",
        "/\\sub",
        "//evil.example/..%2fsub",
    ] {
        let response = site.get(target);
        let location = response.field("location").unwrap_or("/");
        assert!(
            !location.starts_with("//") && !location.starts_with("/\\"),
            "{response:?}"
        );
    }
}

#[test]
fn head_gives_type_and_length_only() {
    let site = Site::new();
    let mut client = site.server.connect();
    for target in ["/note.txt", "/", "/sub", "/missing", "/nothing.txt"] {
        client.send(&get(target));
        let full = client.response();
        client.send(format!("HEAD {target} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes());
        let head = client.response_to("HEAD");
        assert_eq!(head.status, full.status, "{target}");
        for name in ["content-type", "content-length", "location"] {
            assert_eq!(head.field(name), full.field(name), "{target}");
        }
    }
}

#[test]
fn files_are_only_read() {
    let site = Site::new();
    let mut client = site.server.connect();
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        client.send(format!("{method} /note.txt HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes());
        let response = client.response();
        assert_eq!(response.status, 405, "{method}");
        let allow = response.field("allow").unwrap();
        assert!(allow.contains("GET") && allow.contains("HEAD"), "{allow}");
    }
    client.send(&get("/note.txt"));
    client.response().expect(200, "a note");
}

#[test]
fn no_spelling_of_a_path_leaves_the_root() {
    let site = Site::new();
    let absolute = site.folder.path().join("secret.txt");
    let mut targets = Vec::new();
    for up in [
        "..",
        "%2e%2e",
        "%2E%2e",
        ".%2e",
        "%2e.",
        "%252e%252e",
        "%%32%65%%32%65",
        "..;",
        "..;a=b",
        "...",
        "..%00",
        "..%20",
        "%c0%ae%c0%ae",
        "%e0%80%ae%e0%80%ae",
        "%f0%80%80%ae%f0%80%80%ae",
        "%uff0e%uff0e",
        "%c0%2e%c0%2e",
        "\u{ff0e}\u{ff0e}",
    ] {
        for slash in [
            "/", "%2f", "%2F", "%5c", "\\", "%252f", "%c0%af", "//", "/./", "%00/",
        ] {
            targets.push(format!("/{up}{slash}secret.txt"));
            targets.push(format!("/sub{slash}{up}{slash}{up}{slash}secret.txt"));
            targets.push(format!(
                "/sub/deep{slash}{up}{slash}{up}{slash}{up}{slash}secret.txt"
            ));
        }
    }
    let path = absolute.to_str().unwrap();
    targets
        .extend(["", "/", "/%2f", "/sub/", "http://x", "file://"].map(|on| format!("{on}{path}")));
    targets.extend(["/../", "/%2e%2e/", "/..%2f"].map(|up| format!("{}etc/passwd", up.repeat(12))));
    for target in targets {
        let mut client = site.server.connect();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes());
        let response = client.response();
        assert!(
            [400, 403, 404].contains(&response.status),
            "{target}: {response:?}"
        );
        assert!(
            !String::from_utf8_lossy(&response.body).contains(SECRET),
            "{target}"
        );
    }
    for target in ["/note.txt%00", "/note.txt%00.html", "/%00", "/note%00.txt"] {
        let response = site.get(target);
        assert!(
            [400, 404].contains(&response.status),
            "{target}: {response:?}"
        );
    }
}

#[test]
fn links_do_not_leave_the_root() {
    let site = Site::new();
    let (root, outside) = (site.root(), site.folder.path().join("outside"));
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("index.html"), SECRET).unwrap();
    symlink("../secret.txt", root.join("relative.txt")).unwrap();
    symlink(
        site.folder.path().join("secret.txt"),
        root.join("absolute.txt"),
    )
    .unwrap();
    symlink("../outside", root.join("folder")).unwrap();
    symlink(&outside, root.join("absolute-folder")).unwrap();
    symlink("../../secret.txt", root.join("sub/twice.txt")).unwrap();
    symlink("loop.txt", root.join("loop.txt")).unwrap();
    for target in [
        "/relative.txt",
        "/absolute.txt",
        "/folder",
        "/folder/",
        "/folder/index.html",
        "/absolute-folder/",
        "/absolute-folder/index.html",
        "/sub/twice.txt",
        "/loop.txt",
    ] {
        let response = site.get(target);
        assert!(
            [403, 404].contains(&response.status),
            "{target}: {response:?}"
        );
        assert!(!response.text().contains(SECRET), "{target}");
    }
}

#[test]
fn what_is_not_a_file_is_not_found_and_blocks_nobody() {
    let site = Site::new();
    let mode = Mode::from_raw_mode(0o644);
    mknodat(CWD, site.root().join("pipe.txt"), FileType::Fifo, mode, 0).unwrap();
    mknodat(
        CWD,
        site.root().join("socket.txt"),
        FileType::Socket,
        mode,
        0,
    )
    .unwrap();
    fs::create_dir(site.root().join("odd")).unwrap();
    mknodat(
        CWD,
        site.root().join("odd/index.html"),
        FileType::Fifo,
        mode,
        0,
    )
    .unwrap();
    for target in ["/pipe.txt", "/socket.txt", "/odd/"] {
        let response = site.get(target);
        assert!(
            [403, 404].contains(&response.status),
            "{target}: {response:?}"
        );
    }
    site.get("/note.txt").expect(200, "a note");
}

#[test]
fn hidden_files_are_not_found() {
    let site = Site::new();
    for target in [
        "/.hidden",
        "/%2ehidden",
        "/.git/config",
        "/.git",
        "/.git/",
        "/sub/../.hidden",
        "/sub/.hidden",
    ] {
        let response = site.get(target);
        assert_eq!(response.status, 404, "{target}: {response:?}");
    }
}
