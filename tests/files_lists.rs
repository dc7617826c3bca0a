//! Lists of directories as their readers use them: every link leads to the file whose name stands
//! there, and nothing is listed that is not served.
#![forbid(unsafe_code)]

mod common;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use common::{Client, Folder, PATIENCE, text, until};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;

/// Names that a page must not take for anything else.
const NAMES: &[&[u8]] = &[
    b"plain.txt",
    b"with space & more",
    b"<script>alert(1)<script>",
    b"\"><img src=x onerror=alert(1)>",
    b"' onmouseover='x",
    b"javascript:alert(1)",
    b"http:",
    b"?query=1&b#hash",
    b"%41%zz%",
    b"c:d",
    b"-",
    b"~",
    b"new\nline\r\nX: y",
    b"\x1b[31mred\x07",
    b"\xff\xfe not text",
    b"cut \xe4\xb8",
    "Grüße 世界 🌊".as_bytes(),
    "right\u{202e}txt.exe".as_bytes(),
    b"index.htm",
];

/// The links of a page that are below the directory.
fn links(page: &str) -> BTreeSet<String> {
    let parts = page.split("href=\"./").skip(1);
    let links = parts.map(|part| part.split('"').next().unwrap().to_owned());
    links
        .filter(|link| !link.is_empty() && !link.starts_with('?'))
        .collect()
}

fn listing(client: &mut Client, target: &str, fields: &str) -> String {
    let response = client.ask(target, fields);
    assert_eq!(response.status, 200, "{target}: {response:?}");
    String::from_utf8(response.decoded()).unwrap()
}

#[test]
fn every_link_leads_to_its_file() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("files/deep er")).unwrap();
    for name in NAMES {
        let path = folder.path("files").join(OsStr::from_bytes(name));
        fs::write(path, name).unwrap();
    }
    fs::write(folder.path("files/deep er/x"), "deep").unwrap();
    let server = folder.serve(&["--browse"]);
    let mut client = server.connect();
    for target in [
        "/files/",
        "/./files/",
        "//files//",
        "/files/?C=N;O=D",
        "/%66iles/",
    ] {
        let page = listing(&mut client, target, "");
        let links = links(&page);
        assert_eq!(links.len(), NAMES.len() + 1, "{target}: {links:?}");
        assert!(
            !page.contains("<script") && !page.contains("<img"),
            "{page}"
        );
        let mut found = BTreeSet::new();
        for link in &links {
            let base = target.split('?').next().unwrap();
            let answer = client.ask(&format!("{base}{link}"), "");
            assert_eq!(answer.status, 200, "{target} {link}");
            if !link.ends_with('/') {
                found.insert(answer.body);
            }
        }
        let expected = NAMES
            .iter()
            .map(|name| name.to_vec())
            .collect::<BTreeSet<_>>();
        assert_eq!(found, expected, "{target}");
    }
    let fields = "Accept: application/json\r\n";
    let json: Value = serde_json::from_str(&listing(&mut client, "/files/", fields)).unwrap();
    let entries = json.as_array().unwrap();
    assert_eq!(entries.len(), NAMES.len() + 1);
    let names = entries.iter().map(|entry| entry["name"].as_str().unwrap());
    let names = names.collect::<BTreeSet<_>>();
    assert!(names.contains("<script>alert(1)<script>") && names.contains("deep er"));
}

#[test]
fn nothing_is_listed_that_is_not_served() {
    let folder = Folder::new();
    fs::write(folder.beside("secret"), "secret").unwrap();
    folder.write("shown.txt", "shown");
    folder.write("sub/page.html", "page");
    for name in [
        ".env",
        ".git/config",
        ".well-known/x",
        "back\\slash",
        "%2e%2e",
        "a%2fb",
    ] {
        folder.write(name, "not served");
    }
    fs::write(
        folder.path(OsStr::from_bytes(b"over\xc0\xaf")),
        "not served",
    )
    .unwrap();
    for (to, name) in [
        ("../secret", "out"),
        ("/etc/passwd", "absolute"),
        ("..", "parent"),
        ("nowhere", "dangling"),
        ("loop", "loop"),
        ("shown.txt", "linked.txt"),
        ("sub", "linked"),
    ] {
        symlink(to, folder.path(name)).unwrap();
    }
    let mode = Mode::from_raw_mode(0o644);
    mknodat(CWD, folder.path("pipe"), FileType::Fifo, mode, 0).unwrap();
    let server = folder.serve(&["--browse"]);
    let mut client = server.connect();
    let links = links(&listing(&mut client, "/", ""));
    let statuses = links
        .iter()
        .map(|link| (link, client.ask(&format!("/{link}"), "").status));
    let dead = statuses
        .filter(|(_, status)| *status != 200)
        .collect::<Vec<_>>();
    assert!(dead.is_empty(), "links to what is not served: {dead:?}");
    for name in ["shown.txt", "sub/", "linked.txt", "linked/"] {
        assert!(links.contains(name), "{name}: {links:?}");
    }
    for name in [
        "out", "absolute", "parent", "dangling", "loop", "pipe", "env", "git", "secret",
    ] {
        assert!(
            !links
                .iter()
                .any(|link| link.trim_matches(['.', '/']) == name),
            "{name}"
        );
    }
}

#[test]
fn a_list_is_of_now_and_is_coded() {
    let folder = Folder::new();
    for at in 0..500 {
        folder.write(format!("{at}.txt"), text(10));
    }
    let server = folder.serve(&["--browse", "-w", "1"]);
    let mut client = server.connect();
    assert_eq!(links(&listing(&mut client, "/", "")).len(), 500);
    for coding in ["gzip", "br", "zstd"] {
        let fields = format!("Accept-Encoding: {coding}\r\n");
        let response = client.ask("/", &fields);
        assert_eq!(response.coding(), coding);
        assert!(response.field("vary").unwrap().contains("Accept-Encoding"));
        assert_eq!(
            links(&String::from_utf8(response.decoded()).unwrap()).len(),
            500
        );
        let head = client.ask_with("HEAD", "/", &fields);
        assert_eq!((head.status, head.coding()), (200, coding));
    }
    fs::remove_file(folder.path("7.txt")).unwrap();
    folder.write("new.txt", "new");
    until("the list is as the directory", PATIENCE, || {
        let links = links(&listing(&mut client, "/", ""));
        (links.contains("new.txt") && !links.contains("7.txt")).then_some(())
    });
    folder.write("index.html", "home");
    until("the index goes before the list", PATIENCE, || {
        (client.ask("/", "").text() == "home").then_some(())
    });
}
