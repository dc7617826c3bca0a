//! Files that are on the disk and not in the system's memory: they come whole, and nobody else
//! waits while they are read.
#![forbid(unsafe_code)]

mod common;

use std::fs::{self, File};
use std::io::IoSliceMut;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Client, Folder, PATIENCE, Server, Tls, get, pattern, request, skip, text, until};
use rustix::fs::{Advice, fadvise};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

/// Has the system forget the bytes of a file. False if it does not do that here.
fn forget(path: &Path) -> bool {
    let file = File::open(path).unwrap();
    file.sync_all().unwrap();
    fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    let mut byte = [0];
    let mut pieces = [IoSliceMut::new(&mut byte)];
    preadv2(&file, &mut pieces, 0, ReadWriteFlags::NOWAIT) == Err(Errno::AGAIN)
}

/// Whether the system forgets files here; says so if not.
fn lacks_disk(folder: &Folder) -> bool {
    folder.write("probe.bin", pattern(100_000));
    let is_cold = forget(&folder.path("probe.bin"));
    if !is_cold {
        skip("no disk whose files can be put out of memory");
    }
    !is_cold
}

fn forget_all(folder: &Folder) {
    for entry in fs::read_dir(folder.root()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            forget(&path);
        }
    }
}

const SIZES: [usize; 5] = [1, 5000, 64 << 10, 300_000, 5_000_001];

#[test]
fn cold_files_come_whole_and_in_parts() {
    let folder = Folder::new();
    if lacks_disk(&folder) {
        return;
    }
    for size in SIZES {
        folder.write(format!("{size}.bin"), pattern(size));
        folder.write(format!("{size}.html"), text(size));
    }
    for flags in [&["-w", "1"][..], &["--file-cache", "off"]] {
        let server = folder.serve(flags);
        for size in SIZES {
            let (bytes, last) = (pattern(size), size - 1);
            let target = format!("/{size}.bin");
            let mut client = server.connect();
            let cold = |fields: &str, client: &mut Client| {
                forget_all(&folder);
                client.ask(&target, fields)
            };
            assert!(cold("", &mut client).body == bytes, "{size}");
            let head = client.ask_with("HEAD", &target, "");
            assert_eq!(head.field("content-length"), Some(&*size.to_string()));
            let part = cold(&format!("Range: bytes={}-\r\n", size / 2), &mut client);
            assert!(
                part.status == 206 && part.body == bytes[size / 2..],
                "{size}"
            );
            if size > 10 {
                let value = format!("bytes=0-4,{}-{last}", last - 4);
                let parts = cold(&format!("Range: {value}\r\n"), &mut client).body;
                let has = |part: &[u8]| memchr::memmem::find(&parts, part).is_some();
                assert!(has(&bytes[..5]) && has(&bytes[last - 4..]), "{size}");
            }
            for coding in ["zstd", "br", "gzip"] {
                forget_all(&folder);
                let fields = format!("Accept-Encoding: {coding}\r\n");
                let response = client.ask(&format!("/{size}.html"), &fields);
                assert!(response.decoded() == text(size), "{size} {coding}");
            }
        }
    }
}

#[test]
fn cold_files_come_whole_over_https_and_in_order() {
    let folder = Folder::new();
    if lacks_disk(&folder) {
        return;
    }
    folder.write("index.html", "<p>home</p>");
    folder.write("missing.html", "nothing is here");
    for size in SIZES {
        folder.write(format!("{size}.bin"), pattern(size));
    }
    let secure = ["--tls-self-signed", "--tls-listen", "127.0.0.1:0"];
    let page = ["--error-page", "404=missing.html", "-w", "1"];
    let server = folder.serve(&[&secure[..], &page].concat());
    forget_all(&folder);
    let mut client = Client::<Tls>::over_tls(server.secure_address());
    let mut wire = Vec::new();
    for size in SIZES {
        wire.extend([get(&format!("/{size}.bin")), get("/"), get("/none")].concat());
    }
    client.send(&wire);
    for size in SIZES {
        assert!(client.response().body == pattern(size), "{size}");
        client.response().expect(200, "<p>home</p>");
        client.response().expect(404, "nothing is here");
    }
}

#[test]
fn what_an_error_says_is_said_with_a_cold_page_too() {
    let folder = Folder::new();
    if lacks_disk(&folder) {
        return;
    }
    folder.write("page.html", "a page of its own");
    folder.write("note.html", text(1000));
    let pages = ["--error-page", "400-499=page.html"];
    let header = ["--header", "X-Own: 1", "--file-cache", "off"];
    let server = folder.serve(&[&pages[..], &header].concat());
    let mut client = server.connect();
    for (fields, status, name, value) in [
        (
            "Range: bytes=9999-\r\n",
            416,
            "content-range",
            "bytes */1000",
        ),
        (
            "Accept-Encoding: identity;q=0\r\n",
            406,
            "vary",
            "Accept-Encoding",
        ),
        ("If-Match: \"x\"\r\n", 412, "x-own", "1"),
    ] {
        forget(&folder.path("page.html"));
        let response = client.ask("/note.html", fields);
        response.expect(status, "a page of its own");
        assert_eq!(response.field(name), Some(value), "{status}: {response:?}");
        let kind = response.field("content-type");
        assert_eq!(kind, Some("text/html; charset=utf-8"), "{response:?}");
    }
    // Who has said all still gets to know that it is refused.
    folder.write("page.html", text(50_000));
    for _ in 0..20 {
        let mut client = server.connect();
        forget(&folder.path("page.html"));
        client.send(b"POST /note.html HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        client.shut_write();
        let response = client.response();
        assert!(response.status == 405 && response.body == text(50_000));
        assert_eq!(response.field("allow"), Some("GET, HEAD, OPTIONS"));
    }
}

#[test]
fn who_says_no_more_gets_a_cold_file_all_the_same() {
    let folder = Folder::new();
    if lacks_disk(&folder) {
        return;
    }
    folder.write("large.bin", pattern(3_000_000));
    let server = folder.serve(&["-w", "1"]);
    for target in ["/large.bin", "/nobody-has-asked-for-this-name-yet"] {
        forget_all(&folder);
        let mut client = server.connect();
        client.send(&get(target));
        client.shut_write();
        let response = client.response();
        let expected = if target == "/large.bin" { 200 } else { 404 };
        assert_eq!(response.status, expected);
    }
}

#[test]
fn a_client_that_leaves_while_a_cold_file_is_read_disturbs_nobody() {
    let folder = Folder::new();
    if lacks_disk(&folder) {
        return;
    }
    for at in 0..8 {
        folder.write(format!("{at}.bin"), pattern(4 << 20));
    }
    folder.write("note.txt", "a note");
    let server = folder.serve(&["-w", "1", "--file-cache", "off"]);
    server.get("/note.txt").expect(200, "a note");
    let before = server.descriptors();
    for _ in 0..10 {
        forget_all(&folder);
        for at in 0..8 {
            let mut client = server.connect();
            client.send(&get(&format!("/{at}.bin")));
        }
        server.get("/note.txt").expect(200, "a note");
    }
    until("all is closed", PATIENCE, || {
        (server.descriptors() <= before).then_some(())
    });
}

/// The folder of the only worker's thread in /proc.
fn worker(server: &Server) -> PathBuf {
    let is_worker = |task: &PathBuf| {
        let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
        name.trim().contains("worker")
    };
    // Threads name themselves.
    until("a thread has the name of a worker", PATIENCE, || {
        let tasks = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
        tasks.map(|task| task.unwrap().path()).find(is_worker)
    })
}

/// Whether a thread sleeps and cannot be woken but by a disk.
fn waits_for_disk(task: &Path) -> bool {
    let stat = fs::read_to_string(task.join("stat")).unwrap();
    stat.rsplit(") ").next().unwrap().starts_with('D')
}

/// How long a thread has been kept from a processor so far while it had something to do. Nothing
/// where the system does not say.
fn kept_waiting(task: &Path) -> Duration {
    let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
    let nanoseconds = text.split_whitespace().nth(1).map(str::parse);
    Duration::from_nanos(nanoseconds.map_or(0, Result::unwrap))
}

/// How long the answer to a small request takes, without the time in which other programs have
/// the processors that it needs.
fn latency(client: &mut Client, worker: &Path) -> Duration {
    let kept = || kept_waiting(worker) + kept_waiting(Path::new("/proc/thread-self"));
    let asked = Instant::now();
    let before = kept();
    client.send(&get("/note.txt"));
    client.response().expect(200, "a note");
    let kept = kept().saturating_sub(before);
    asked.elapsed().saturating_sub(kept)
}

/// Asks for cold files until it is told to end; returns how many came.
fn read_cold(server: &Server, folder: &Folder, name: &str, is_over: &AtomicBool) -> usize {
    let mut client = server.connect();
    let mut count = 0;
    let start = Instant::now();
    while !is_over.load(Ordering::Relaxed) && start.elapsed() < 4 * PATIENCE {
        forget(&folder.path(name));
        let fields = ["", "Accept-Encoding: zstd\r\n", "Range: bytes=1000-\r\n"][count % 3];
        client.send(request("GET", &format!("/{name}"), fields).as_bytes());
        assert!([200, 206].contains(&client.response().status));
        count += 1;
    }
    count
}

/// Tells other threads to end when it is dropped, in whatever way the test ends.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn no_worker_waits_for_a_disk() {
    /// How long it is watched.
    const TIME: Duration = Duration::from_secs(3);

    let folder = Folder::new();
    if lacks_disk(&folder) {
        return;
    }
    folder.write("note.txt", "a note");
    let names = ["1.bin", "2.bin", "3.html", "4.bin"];
    for name in names {
        folder.write(name, pattern(8 << 20));
    }
    let server = folder.serve(&["-w", "1", "--max-requests", "off"]);
    let task = worker(&server);
    let is_over = AtomicBool::new(false);
    let (mut latencies, mut looks, mut waits) = (Vec::new(), 0, 0);
    thread::scope(|scope| {
        let (server, folder, task, is_over) = (&server, &folder, &task, &is_over);
        let over = Over(is_over);
        let readers = names.map(|name| scope.spawn(|| read_cold(server, folder, name, is_over)));
        let watcher = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                looks += 1;
                waits += usize::from(waits_for_disk(task));
                // About as long as a disk takes.
                thread::sleep(Duration::from_micros(200));
            }
        });
        let mut client = server.connect();
        let start = Instant::now();
        while start.elapsed() < TIME {
            latencies.push(latency(&mut client, task));
        }
        drop(over);
        watcher.join().unwrap();
        let came = readers.map(|reader| reader.join().unwrap());
        println!("cold files of 8 MiB that came meanwhile: {came:?}");
        assert!(came.iter().all(|count| *count > 0));
    });
    latencies.sort();
    let at = |share: f64| latencies[(latencies.len() as f64 * share) as usize];
    println!(
        "{} small files: p50 {:?}, p99 {:?}, p99.9 {:?}; the worker waited for the disk in {waits} \
         of {looks} looks",
        latencies.len(),
        at(0.5),
        at(0.99),
        at(0.999),
    );
    assert!(at(0.99) < Duration::from_millis(20), "p99 {:?}", at(0.99));
    assert!(waits * 50 <= looks, "it waited in {waits} of {looks} looks");
}
