//! Which file answers, by the flags: indexes, single-page applications, candidates, error pages.
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::io::{Read, Write};

use common::{Client, Folder, PATIENCE, Server, Tls, get, pattern, post, text, until};

fn folder() -> Folder {
    let folder = Folder::new();
    for (name, text) in [
        ("index.html", "home"),
        ("about.html", "about"),
        ("404.html", "<p>not here</p>"),
        ("app.js", "app"),
        ("assets/app.css", "css"),
        ("assets/deep/app.css", "deep css"),
        ("sub/index.htm", "htm"),
        ("sub/index.html", "html"),
        ("other/index.htm", "other htm"),
        ("other/page.html", "page"),
        ("bare/file.txt", "file"),
    ] {
        folder.write(name, text);
    }
    folder
}

/// Targets, and the status and text that each is answered with.
type Expected<'a> = &'a [(&'a str, u16, &'a str)];

fn check(folder: &Folder, flags: &[&str], expected: Expected) {
    let flags = [&["--tls-self-signed", "--tls-listen", "127.0.0.1:0"], flags].concat();
    let server = folder.serve(&flags);
    check_on(&mut server.connect(), &flags, expected);
    check_on(
        &mut Client::<Tls>::over_tls(server.secure_address()),
        &flags,
        expected,
    );
    let server = folder.serve(&[&["--file-cache", "off"], &flags[..]].concat());
    check_on(&mut server.connect(), &flags, expected);
}

fn check_on<S: Read + Write>(client: &mut Client<S>, flags: &[&str], expected: Expected) {
    for _ in 0..2 {
        for (target, status, text) in expected {
            let response = client.ask(target, "");
            let found = (response.status, response.text());
            assert_eq!(
                found,
                (*status, *text),
                "{flags:?} {target}: {:?}",
                response.fields
            );
            let head = client.ask_with("HEAD", target, "");
            assert_eq!(head.status, *status, "{flags:?} {target}");
            for name in ["content-length", "content-type", "etag", "cache-control"] {
                assert_eq!(head.field(name), response.field(name), "{flags:?} {target}");
            }
        }
    }
}

const NOT_FOUND: &str = "404 Not Found\n";
const FORBIDDEN: &str = "403 Forbidden\n";

#[test]
fn an_index_is_looked_for_in_order() {
    let folder = folder();
    check(
        &folder,
        &["--index", "index.htm,page.html,index.html"],
        &[
            ("/", 200, "home"),
            ("/?x=1", 200, "home"),
            ("/sub/", 200, "htm"),
            ("/other/", 200, "other htm"),
            ("/bare/", 403, FORBIDDEN),
            ("/bare/index.html", 404, NOT_FOUND),
            ("/nowhere/", 404, NOT_FOUND),
        ],
    );
    check(
        &folder,
        &["--index", "page.html"],
        &[("/", 403, FORBIDDEN), ("/other/", 200, "page")],
    );
}

#[test]
fn an_application_has_one_page() {
    let folder = folder();
    let expected: Expected = &[
        ("/", 200, "home"),
        ("/app.js", 200, "app"),
        ("/users/7/edit", 200, "home"),
        ("/users/7/", 200, "home"),
        ("/missing.js?v=1", 200, "home"),
        ("/bare/", 200, "home"),
        ("/app.js/x", 200, "home"),
        ("/users/a%2Fb/edit", 200, "home"),
        ("/users/a%5cb/", 200, "home"),
        ("/sub/", 200, "html"),
    ];
    check(&folder, &["--spa"], expected);
    check(&folder, &["--fallback", "index.html"], expected);
    check(
        &folder,
        &["--fallback", "/about.html"],
        &[("/x", 200, "about"), ("/", 200, "home")],
    );
    let server = folder.serve(&["--spa"]);
    let mut client = server.connect();
    // What is never served is not turned into a page either, and a directory is still redirected.
    for target in ["/.env", "/.env%2fx", "/%252e%252e/x"] {
        assert_eq!(client.ask(target, "").status, 404, "{target}");
    }
    assert_eq!(client.ask("/sub", "").status, 301);
    let missing = &[
        "WARN",
        "there is no file /",
        "which is to answer where there is none",
    ];
    assert_eq!(server.messages_with(missing), [""; 0]);
    let other = folder.serve(&["--fallback", "none.html"]);
    assert_eq!(other.messages_with(missing).len(), 1);
    assert_eq!(other.get("/users/7").status, 404);
    let page = client.ask("/users/7", "");
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    let fields = format!("If-None-Match: {}\r\n", page.field("etag").unwrap());
    assert_eq!(client.ask("/users/8", &fields).status, 304);
    client
        .ask("/users/9", "Range: bytes=1-2\r\n")
        .expect(206, "om");
}

#[test]
fn candidates_are_tried_in_order() {
    let folder = folder();
    check(
        &folder,
        &["--try-files", "$uri $uri.html $uri/ =404"],
        &[
            ("/about", 200, "about"),
            ("/about.html", 200, "about"),
            ("/sub/", 200, "html"),
            ("/other/page", 200, "page"),
            ("/missing", 404, NOT_FOUND),
            ("/", 200, "home"),
            ("/..html", 404, NOT_FOUND),
        ],
    );
    check(
        &folder,
        &["--try-files", "$uri,/assets$uri,/about.html"],
        &[
            ("/app.js", 200, "app"),
            ("/app.css", 200, "css"),
            ("/deep/app.css", 200, "deep css"),
            ("/missing", 200, "about"),
        ],
    );
    check(
        &folder,
        &["--try-files", "$uri /sub/ =410"],
        &[("/app.js", 200, "app"), ("/missing", 200, "html")],
    );
    check(
        &folder,
        &["--try-files", "$uri =410"],
        &[("/missing", 410, "410 Gone\n"), ("/app.js", 200, "app")],
    );
    let server = folder.serve(&["--try-files", "$uri /missing.html =503"]);
    assert_eq!(server.get("/x").status, 503);
}

#[test]
fn a_candidate_that_comes_goes_before_others() {
    let folder = folder();
    let server = folder.serve(&["-w", "1", "--try-files", "$uri $uri.html /index.html"]);
    let mut client = server.connect();
    client.ask("/new", "").expect(200, "home");
    folder.write("new.html", "new page");
    until("the page is found", PATIENCE, || {
        (client.ask("/new", "").text() == "new page").then_some(())
    });
    folder.write("new", "new file");
    until("the file is found", PATIENCE, || {
        (client.ask("/new", "").text() == "new file").then_some(())
    });
}

#[test]
fn errors_have_pages() {
    let folder = folder();
    fs::write(folder.beside("closed.html"), "closed").unwrap();
    let closed = format!("403={}", folder.beside("closed.html").display());
    let flags = [
        "--error-page",
        "404=404.html",
        "--error-page",
        &closed,
        "--error-page",
    ];
    let flags = [&flags[..], &["400-499=about.html"]].concat();
    check(
        &folder,
        &flags,
        &[
            ("/missing", 404, "<p>not here</p>"),
            ("/missing/", 404, "<p>not here</p>"),
            ("/.env", 404, "<p>not here</p>"),
            ("/bare/", 403, "closed"),
            ("/404.html", 200, "<p>not here</p>"),
            ("/about.html", 200, "about"),
        ],
    );
    let server = folder.serve(&flags);
    let mut client = server.connect();
    let page = client.ask("/missing", "");
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    for name in ["etag", "last-modified", "cache-control", "content-encoding"] {
        assert_eq!(
            page.field(name),
            None,
            "a cache would keep it for the file: {page:?}"
        );
    }
    // It is an error whatever else is asked.
    for fields in [
        "Range: bytes=0-1\r\n",
        "If-None-Match: *\r\n",
        "Accept-Encoding: gzip\r\n",
    ] {
        client
            .ask("/missing", fields)
            .expect(404, "<p>not here</p>");
    }
    for (fields, status) in [
        ("Range: bytes=99-\r\n", 416),
        ("If-Match: \"x\"\r\n", 412),
        ("Accept-Encoding: identity;q=0\r\n", 406),
    ] {
        let response = client.ask("/app.js", fields);
        response.expect(status, "about");
        let range = (status == 416).then_some("bytes */3");
        assert_eq!(response.field("content-range"), range);
    }
}

#[test]
fn what_the_engine_refuses_has_pages_too() {
    let folder = folder();
    folder.write("large.html", text(200_000));
    let own = ["--error-page", "405=about.html"];
    let others = ["--error-page", "400-499=404.html", "--max-body", "100k"];
    let server = folder.serve(&[&own[..], &others].concat());
    let mut client = server.connect();
    for body in [&b""[..], b"form", &pattern(20_000)] {
        client.send(&[post("/app.js", body), get("/about.html")].concat());
        let refusal = client.response();
        refusal.expect(405, "about");
        assert_eq!(refusal.field("allow"), Some("GET, HEAD, OPTIONS"));
        assert_eq!(refusal.field("etag"), None);
        client.response().expect(200, "about");
    }
    client.send(b"PUT /app.js HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    client.response().expect(405, "about");
    client
        .ask("/%zz/../app.js", "")
        .expect(400, "<p>not here</p>");
    client.send(b"OPTIONS /app.js HTTP/1.1\r\nHost: a\r\n\r\n");
    client.response().expect(204, "");
    let long = "Content-Length: 200000\r\n";
    client.ask("/app.js", long).expect(413, "<p>not here</p>");
    // What cannot be read as a request is no request for a page.
    let mut client = server.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
    client.response().expect(400, "400 Bad Request\n");

    let server = folder.serve(&["--error-page", "4xx=large.html", "--file-cache", "off"]);
    let mut client = server.connect();
    client.send(&[post("/app.js", b"form"), get("/about.html")].concat());
    let refusal = client.response();
    assert!(refusal.status == 405 && refusal.body == text(200_000));
    client.response().expect(200, "about");
    // Without a page it is said in words.
    let server = folder.serve(&["--error-page", "404=404.html"]);
    let mut client = server.connect();
    client.send(&post("/app.js", b"form"));
    client.response().expect(405, "405 Method Not Allowed\n");
}

#[test]
fn refusals_alone_notice_another_directory() {
    let folder = Folder::new();
    let link = folder.beside("current");
    for release in ["old", "new"] {
        folder.write(format!("{release}/405.html"), release);
    }
    let switch = |release: &str| {
        let next = folder.beside("next");
        std::os::unix::fs::symlink(folder.path(release), &next).unwrap();
        fs::rename(&next, &link).unwrap();
    };
    let root = link.to_str().unwrap();
    // By its place in the directory, and by its whole path.
    for page in ["405=405.html", &format!("405={root}/405.html")] {
        switch("old");
        let server = Server::start(&[root, "-w", "1", "--error-page", page]);
        let mut client = server.connect();
        client.send(&post("/", b""));
        client.response().expect(405, "old");
        switch("new");
        fs::remove_dir_all(folder.path("old")).unwrap();
        until("the page is the new one", PATIENCE, || {
            client.send(&post("/", b""));
            let response = client.response();
            (response.text() == "new").then_some(())
        });
        folder.write("old/405.html", "old");
    }
}

#[test]
fn an_error_page_changes_and_goes() {
    let folder = folder();
    folder.write("large.html", text(200_000));
    let flags = [
        "--error-page",
        "404=404.html",
        "--error-page",
        "410=large.html",
    ];
    let tries = ["--try-files", "$uri =404", "-w", "1"];
    let server = folder.serve(&[&flags[..], &tries].concat());
    let mut client = server.connect();
    client.ask("/missing", "").expect(404, "<p>not here</p>");
    folder.replace("404.html", "changed");
    until("the page is as it is now", PATIENCE, || {
        let response = client.ask("/missing", "");
        assert_eq!(response.status, 404);
        (response.text() == "changed").then_some(())
    });
    fs::remove_file(folder.path("404.html")).unwrap();
    until("it is said in words", PATIENCE, || {
        let response = client.ask("/missing", "");
        assert_eq!(response.status, 404);
        (response.text() == NOT_FOUND).then_some(())
    });
    let server = folder.serve(&["--error-page", "4xx=large.html", "--file-cache", "off"]);
    let response = server.get("/missing");
    assert!(response.status == 404 && response.body == text(200_000));
}
