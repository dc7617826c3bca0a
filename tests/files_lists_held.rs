//! Lists of many entries: what slow readers of them cost, and which entries are in one that is cut.
#![forbid(unsafe_code)]

mod common;

use std::fs::{self, File};

use common::{Client, Folder, PATIENCE, Server, get, until};
use serde_json::Value;

/// Most entries of a list.
const ENTRIES_MAX: usize = 10_000;

/// A directory with so many files, each of a name that makes the page long.
fn folder_of(count: usize) -> Folder {
    let folder = Folder::new();
    for at in 0..count {
        File::create(folder.path(format!("{at}-{}", "long-name-".repeat(20)))).unwrap();
    }
    fs::create_dir(folder.path("zz")).unwrap();
    folder.write("zz/small.txt", "small");
    folder
}

/// Clients that have asked for the list and read nothing but the head of the answer.
fn slow_clients(server: &Server, count: usize) -> (Vec<Client>, Vec<Client>) {
    let clients = (0..count).map(|_| {
        let mut client = Client::connect_narrow(server.address());
        client.send(&get("/"));
        client
    });
    let (mut reading, mut refused) = (Vec::new(), Vec::new());
    for mut client in clients.collect::<Vec<_>>() {
        let head = client.response_to("HEAD");
        match head.status {
            200 => {
                let length = head.field("content-length").unwrap();
                assert!(length.parse::<usize>().unwrap() > 64 << 10, "{head:?}");
                reading.push(client);
            }
            _ => {
                assert_eq!(head.status, 503, "{head:?}");
                assert_eq!(head.field("retry-after"), Some("1"));
                assert_eq!(head.field("content-encoding"), None);
                assert_eq!(
                    client.take(head.field("content-length").unwrap().parse().unwrap()),
                    b"503 Service Unavailable\n"
                );
                refused.push(client);
            }
        }
    }
    (reading, refused)
}

#[test]
fn slow_readers_of_long_lists_hold_a_bound() {
    let folder = folder_of(ENTRIES_MAX - 1);
    let server = folder.serve(&["--browse", "-w", "1"]);
    let whole = server.get("/");
    assert_eq!(whole.status, 200);
    println!("the page has {} bytes", whole.body.len());
    let before = server.resident_bytes();
    // Together they ask for about a gigabyte, of which the system takes the half at most.
    let (mut reading, mut refused) = slow_clients(&server, 150);
    let grown = server.resident_bytes().saturating_sub(before);
    println!(
        "{} read, {} are refused, {} MiB more",
        reading.len(),
        refused.len(),
        grown >> 20
    );
    // Beside the bound there is what the allocator keeps of the making, for each thread.
    assert!(grown < 200 << 20, "{grown} bytes");
    assert!(reading.len() >= 5 && refused.len() >= 20);

    // Those that were refused may ask for other things, and there is room for a short list.
    for client in refused.iter_mut().take(3) {
        assert_eq!(client.ask("/zz/small.txt", "").text(), "small");
        assert!(client.ask("/zz/", "").text().contains("small.txt"));
    }
    // Who is slow has all of it in the end.
    let mut slow = reading.swap_remove(0);
    assert!(slow.take(whole.body.len()) == whole.body);
    assert!(slow.ask("/zz/", "").text().contains("small.txt"));

    drop((reading, refused));
    until("lists are served again", PATIENCE, || {
        (slow.ask("/", "").status == 200).then_some(())
    });
    // Several times as many as there is room for, one after the other: all is given back.
    for _ in 0..40 {
        let response = slow.ask("/", "");
        assert!(response.status == 200 && response.body == whole.body);
    }
    let grown = server.resident_bytes().saturating_sub(before);
    println!("{} MiB more in the end", grown >> 20);
}

#[test]
fn a_long_list_is_the_same_whole_coded_and_as_a_head() {
    let folder = folder_of(3000);
    let server = folder.serve(&["--browse", "-w", "1"]);
    let mut client = server.connect();
    for accept in ["", "Accept: application/json\r\n"] {
        let whole = client.ask("/", accept);
        assert_eq!(whole.status, 200);
        for coding in ["identity", "gzip", "br", "zstd"] {
            let fields = format!("{accept}Accept-Encoding: {coding}\r\n");
            let response = client.ask("/", &fields);
            assert!(response.decoded() == whole.body, "{coding}");
            let head = client.ask_with("HEAD", "/", &fields);
            for name in ["content-length", "content-type", "content-encoding", "vary"] {
                assert_eq!(head.field(name), response.field(name), "{name}, {coding}");
            }
            assert_eq!(
                head.field("content-length").unwrap(),
                response.body.len().to_string()
            );
        }
        // HTTP/1.0 too, and what is asked for behind it.
        client.send(&[get("/"), get("/zz/small.txt")].concat());
        assert_eq!(client.response().status, 200);
        assert_eq!(client.response().text(), "small");
    }
    // Many that leave in the middle hold nothing.
    for _ in 0..100 {
        let mut client = Client::connect_narrow(server.address());
        client.send(&get("/"));
        client.response_to("HEAD");
    }
    until("lists are served again", PATIENCE, || {
        (server.get("/").status == 200).then_some(())
    });
}

#[test]
fn a_list_that_is_cut_has_the_first_of_its_order() {
    let folder = Folder::new();
    for at in 0..ENTRIES_MAX + 500 {
        File::create(folder.path(format!("{at}.txt"))).unwrap();
    }
    folder.write("large.bin", "large");
    fs::create_dir(folder.path("zz")).unwrap();
    let server = folder.serve(&["--browse", "-w", "1"]);
    let mut client = server.connect();
    for (query, first, last) in [
        ("", "0.txt", "9998.txt"),
        ("?order=desc", "large.bin", "502.txt"),
        ("?sort=size&order=desc", "large.bin", "9997.txt"),
        ("?sort=time", "large.bin", ""),
    ] {
        let target = format!("/{query}");
        let response = client.ask(&target, "Accept: application/json\r\n");
        let objects = serde_json::from_slice::<Vec<Value>>(&response.body).unwrap();
        assert_eq!(objects.len(), ENTRIES_MAX + 1);
        // The directory comes first.
        assert_eq!(objects[0]["name"], "zz");
        assert_eq!(objects[1]["name"], first, "{query}");
        if !last.is_empty() {
            assert_eq!(objects[ENTRIES_MAX - 1]["name"], last, "{query}");
        }
        let cut = &objects[ENTRIES_MAX];
        assert_eq!(
            (&cut["type"], &cut["found"]),
            (&"cut".into(), &10_502.into())
        );
        let response = client.ask(&target, "");
        let page = response.text();
        assert!(page.contains("Only the first 10,000 of 10,502 entries are shown"));
        assert_eq!(page.matches("<tr").count(), ENTRIES_MAX + 1);
    }
}
