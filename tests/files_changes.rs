//! Files that change between requests: what is served is soon the new one, and always one state of
//! the file and not two. That it is never older than a second is for the tests of the cache, which
//! move the clock by hand.
#![forbid(unsafe_code)]

mod common;

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Client, Folder, PATIENCE, Response, pattern, text, until};
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// Asks until an answer is `new`; until then each has to be `old`, and after it none may be.
#[track_caller]
fn expect_change(
    client: &mut Client,
    target: &str,
    old: impl Fn(&Response) -> bool,
    new: impl Fn(&Response) -> bool,
) {
    until(
        &format!("{target} is served as it is now"),
        PATIENCE,
        || {
            let response = client.ask(target, "");
            if new(&response) {
                return Some(());
            }
            let (status, length) = (response.status, response.body.len());
            assert!(
                old(&response),
                "{target}: {status}, {length} bytes, {:?}",
                response.fields
            );
            None
        },
    );
    for _ in 0..20 {
        assert!(
            new(&client.ask(target, "")),
            "{target}: it was new, and is old again"
        );
    }
}

fn is(status: u16, body: Vec<u8>) -> impl Fn(&Response) -> bool {
    move |response| response.status == status && response.body == body
}

/// A file and what becomes of it, for one that is kept in memory and one that is not.
fn check_changes(flags: &[&str]) {
    let folder = Folder::new();
    let server = folder.serve(flags);
    let mut client = server.connect();
    for (name, size) in [("small.bin", 1000), ("large.bin", 200_000)] {
        let target = format!("/{name}");
        let path = folder.path(name);
        let missing = |response: &Response| response.status == 404;
        let one = pattern(size);
        let two: Vec<u8> = one.iter().rev().copied().collect();
        assert!(missing(&client.ask(&target, "")));
        folder.write(name, &one);
        expect_change(&mut client, &target, missing, is(200, one.clone()));
        folder.replace(name, &two);
        expect_change(
            &mut client,
            &target,
            is(200, one.clone()),
            is(200, two.clone()),
        );
        // In its place: by other bytes of the same length, with the same time.
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        use std::os::unix::fs::FileExt;
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .write_all_at(&one, 0)
            .unwrap();
        folder.set_modified(name, modified);
        expect_change(
            &mut client,
            &target,
            is(200, two.clone()),
            is(200, one.clone()),
        );
        let grown = [&one[..], b"and more"].concat();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .write_all_at(&grown, 0)
            .unwrap();
        expect_change(
            &mut client,
            &target,
            is(200, one.clone()),
            is(200, grown.clone()),
        );
        fs::remove_file(&path).unwrap();
        expect_change(&mut client, &target, is(200, grown), missing);
        fs::create_dir(&path).unwrap();
        expect_change(&mut client, &target, missing, |response| {
            response.status == 301
        });
        fs::remove_dir(&path).unwrap();
        expect_change(
            &mut client,
            &target,
            |response| response.status == 301,
            missing,
        );
        folder.write(name, &two);
        expect_change(&mut client, &target, missing, is(200, two.clone()));
        fs::remove_file(&path).unwrap();
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
        expect_change(&mut client, &target, is(200, two), missing);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_file_is_served_as_it_is_now() {
    check_changes(&["-w", "1"]);
}

#[test]
fn a_file_is_served_as_it_is_now_without_cache() {
    check_changes(&["-w", "1", "--file-cache", "off"]);
}

#[test]
fn a_small_file_that_is_cut_short_is_served_so() {
    let folder = Folder::new();
    let server = folder.serve(&["-w", "1"]);
    let mut client = server.connect();
    let bytes = pattern(60_000);
    folder.write("note.bin", &bytes);
    assert!(client.ask("/note.bin", "").body == bytes);
    let file = File::options()
        .write(true)
        .open(folder.path("note.bin"))
        .unwrap();
    for length in [30_000, 1, 0] {
        let before = client.ask("/note.bin", "").body;
        file.set_len(length).unwrap();
        let cut = bytes[..length as usize].to_vec();
        expect_change(&mut client, "/note.bin", is(200, before), is(200, cut));
    }
}

#[test]
fn a_large_file_that_is_cut_short_is_served_so() {
    let folder = Folder::new();
    let server = folder.serve(&["-w", "1"]);
    let bytes = pattern(300_000);
    folder.write("large.bin", &bytes);
    assert!(server.get("/large.bin").body == bytes);
    let file = File::options()
        .write(true)
        .open(folder.path("large.bin"))
        .unwrap();
    file.set_len(200_000).unwrap();
    // Until it is looked at again, more is promised than there is: such an answer must be cut.
    until("it is served whole", PATIENCE, || {
        let mut client = server.connect();
        client.send(&common::get("/large.bin"));
        let head = client.response_to("HEAD");
        let promised = head
            .field("content-length")
            .unwrap()
            .parse::<usize>()
            .unwrap();
        if promised == 200_000 {
            client.shut_write();
            assert!(client.rest() == bytes[..200_000]);
            return Some(());
        }
        assert_eq!(promised, 300_000);
        assert!(
            client.rest_or_reset() == bytes[..200_000],
            "no padding, and then the end"
        );
        None
    });
}

#[test]
fn a_directory_changes_its_index() {
    let folder = Folder::new();
    fs::create_dir(folder.path("sub")).unwrap();
    let server = folder.serve(&["-w", "1", "--index", "first.html,second.html"]);
    let mut client = server.connect();
    let text = |text: &str| is(200, text.as_bytes().to_vec());
    let bare = |response: &Response| response.status == 403;
    assert!(bare(&client.ask("/sub/", "")));
    folder.write("sub/second.html", "second");
    expect_change(&mut client, "/sub/", bare, text("second"));
    folder.write("sub/first.html", "first");
    expect_change(&mut client, "/sub/", text("second"), text("first"));
    fs::remove_file(folder.path("sub/first.html")).unwrap();
    expect_change(&mut client, "/sub/", text("first"), text("second"));
    fs::remove_file(folder.path("sub/second.html")).unwrap();
    expect_change(&mut client, "/sub/", text("second"), bare);
    fs::remove_dir(folder.path("sub")).unwrap();
    expect_change(&mut client, "/sub/", bare, |response| {
        response.status == 404
    });
    folder.write("sub", "a file");
    expect_change(
        &mut client,
        "/sub",
        |response| response.status == 404,
        text("a file"),
    );
}

#[test]
fn a_link_is_followed_to_where_it_leads_now() {
    let folder = Folder::new();
    folder.write("one/page.html", "one");
    folder.write("two/page.html", "two");
    symlink("one", folder.path("now")).unwrap();
    let server = folder.serve(&["-w", "1"]);
    let mut client = server.connect();
    let text = |text: &str| is(200, text.as_bytes().to_vec());
    assert!(text("one")(&client.ask("/now/page.html", "")));
    symlink("two", folder.path("next")).unwrap();
    fs::rename(folder.path("next"), folder.path("now")).unwrap();
    expect_change(&mut client, "/now/page.html", text("one"), text("two"));
    fs::write(folder.beside("secret"), "secret").unwrap();
    fs::remove_file(folder.path("two/page.html")).unwrap();
    symlink("../../secret", folder.path("two/page.html")).unwrap();
    let refused = |response: &Response| [403, 404].contains(&response.status);
    expect_change(&mut client, "/now/page.html", text("two"), refused);
}

#[test]
fn another_root_in_the_place_of_the_first_is_noticed() {
    let folder = Folder::new();
    for (name, size) in [("one", 10), ("two", 200_000), ("three", 300)] {
        fs::create_dir(folder.beside(name)).unwrap();
        fs::write(folder.beside(name).join("page.bin"), pattern(size)).unwrap();
    }
    symlink("one", folder.beside("link")).unwrap();
    let root = folder.beside("link");
    let server = common::Server::start(&[root.to_str().unwrap(), "-w", "1"]);
    let mut client = server.connect();
    let sized = |size: usize| is(200, pattern(size));
    assert!(sized(10)(&client.ask("/page.bin", "")));
    // A deployment switches the link.
    symlink("two", folder.beside("next")).unwrap();
    fs::rename(folder.beside("next"), &root).unwrap();
    expect_change(&mut client, "/page.bin", sized(10), sized(200_000));
    // Where there is none for a while, the last one stays.
    fs::remove_file(&root).unwrap();
    let mut asked = 0;
    let start = Instant::now();
    until("it is asked for longer than a second", PATIENCE, || {
        asked += 1;
        assert!(sized(200_000)(&client.ask("/page.bin", "")));
        (start.elapsed() > Duration::from_millis(1300)).then_some(())
    });
    assert!(asked > 3);
    fs::rename(folder.beside("three"), &root).unwrap();
    expect_change(&mut client, "/page.bin", sized(200_000), sized(300));
}

#[test]
fn coded_text_is_coded_anew() {
    let folder = Folder::new();
    let server = folder.serve(&["-w", "1"]);
    let mut client = server.connect();
    for (name, size) in [
        ("small.html", 3000),
        ("middle.html", 200_000),
        ("large.html", 2_000_000),
    ] {
        folder.write(name, text(size));
        let fields = "Accept-Encoding: br\r\n";
        let target = format!("/{name}");
        assert!(client.ask(&target, fields).decoded() == text(size));
        let other = [b"<h1>other</h1>", &text(size)[..]].concat();
        folder.replace(name, &other);
        until("the new text is coded", PATIENCE, || {
            let response = client.ask(&target, fields);
            assert_eq!(response.status, 200);
            let decoded = response.decoded();
            assert!(decoded == text(size) || decoded == other);
            (decoded == other).then_some(())
        });
    }
}

/// A file with a number in every byte of it.
fn numbered(number: u8, size: usize) -> Vec<u8> {
    vec![number; size + usize::from(number)]
}

#[test]
fn an_answer_is_of_one_state_and_its_tag_too() {
    let folder = Folder::new();
    for (name, size) in [("small.txt", 2000), ("large.txt", 150_000)] {
        folder.replace(name, numbered(1, size));
        let server = folder.serve(&["-w", "2"]);
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let readers = ["", "Accept-Encoding: gzip\r\n", "Range: bytes=0-\r\n"].map(|fields| {
                let (server, is_over) = (&server, &is_over);
                scope.spawn(move || {
                    let mut tags = HashMap::<String, Vec<u8>>::new();
                    let start = Instant::now();
                    while !is_over.load(Ordering::Relaxed) && start.elapsed() < 4 * PATIENCE {
                        let response = server.connect().ask(&format!("/{name}"), fields);
                        assert!(
                            [200, 206].contains(&response.status),
                            "{:?}",
                            response.fields
                        );
                        let body = response.decoded();
                        let number = body[0];
                        assert!(
                            body == numbered(number, size),
                            "{number}: {} bytes",
                            body.len()
                        );
                        let tag = response.field("etag").unwrap().to_owned();
                        let known = tags.entry(tag.clone()).or_insert_with(|| body.clone());
                        assert!(*known == body, "{tag} is of two states");
                    }
                    tags.len()
                })
            });
            for number in 2..=40 {
                folder.replace(name, numbered(number, size));
                let start = Instant::now();
                while start.elapsed() < Duration::from_millis(60) {
                    server.get(&format!("/{name}"));
                }
            }
            is_over.store(true, Ordering::Relaxed);
            for reader in readers {
                let states = reader.join().unwrap();
                assert!(states >= 2, "no change was seen");
            }
        });
    }
}
