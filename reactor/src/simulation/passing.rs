//! Files that the system passes to sockets by itself: what is looked at before, and what becomes of
//! clients that take little, of files that are not there, and of others meanwhile.

use std::fs::File;
use std::io::{self, ErrorKind, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::rig::{Rig, Visitor};
use super::site::pattern;
use crate::limits::Limits;
use crate::service::{FileBody, FilePart, ReadAt, Reply, Request, Route};
use crate::transport::memory::LinkOptions;

const GET: &str = "GET /file HTTP/1.1\r\nHost: a\r\n\r\n";
const SMALL: &str = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n";

/// Large enough for two segments in a piece.
const PIPE_BYTES: usize = 1_000;
const SEGMENT_BYTES: usize = 1_460;
/// What is looked at in one go: four pieces.
const WINDOW_BYTES: usize = 4 * 2 * SEGMENT_BYTES;
const FILE_BYTES: usize = 40_000;

/// More than the connections of a turn may move in both halves together.
const LARGE_BYTES: usize = 12 << 20;

/// A file with a pattern, and how it is read.
#[derive(Debug)]
struct OnDisk {
    file: File,
    /// Bytes from its start on that are in memory.
    warm: AtomicUsize,
    /// How often it was asked whether bytes are in memory.
    looks: AtomicUsize,
}

impl OnDisk {
    fn new(length: usize, warm: usize) -> Arc<OnDisk> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let unique = (std::process::id(), COUNT.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(format!("reactor-passed-{unique:?}"));
        std::fs::write(&path, pattern(length)).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        Arc::new(OnDisk {
            file,
            warm: warm.into(),
            looks: AtomicUsize::default(),
        })
    }
}

impl ReadAt for OnDisk {
    fn read_now(&self, pieces: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        self.looks.fetch_add(1, Relaxed);
        assert_eq!((pieces.len(), pieces[0].len()), (1, 1), "nothing is copied");
        match (offset as usize) < self.warm.load(Relaxed) {
            true => self.file.read_at(&mut pieces[0], offset),
            false => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = bytes.len().min(3_000);
        let count = self.file.read_at(&mut bytes[..count], offset)?;
        self.warm.fetch_max(offset as usize + count, Relaxed);
        Ok(count)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}

fn limits() -> Limits {
    Limits {
        pipe_bytes_max: PIPE_BYTES,
        write_timeout: Duration::from_secs(3),
        ..Limits::default()
    }
}

/// Serves the bytes of a file up to `end`.
fn rig_to(end: usize, file: &Arc<dyn ReadAt>) -> Rig {
    let (whole, parts) = (Arc::clone(file), Arc::clone(file));
    Rig::serving(limits(), |builder| {
        let file = move |_: &mut Request<'_>| {
            let body = FileBody::new(Arc::clone(&whole), 0..end as u64);
            Reply::file("application/octet-stream", body)
        };
        let in_parts = move |_: &mut Request<'_>| {
            let text = |text: &str| FilePart::Text(text.as_bytes().to_vec());
            let range = |start, end| FilePart::Range(start..end);
            // The second lies before the first, the third within the second.
            let (first, second) = (range(20_000, 30_000), range(500, 25_000));
            let list = [text("<"), first, text("|"), second, range(1_000, 2_001)];
            let list: Vec<FilePart> = list.into_iter().chain([text(">")]).collect();
            let body = FileBody::in_parts(Arc::clone(&parts), list);
            Reply::file("application/octet-stream", body)
        };
        builder
            .route(Route::any("/file", file))
            .route(Route::any("/parts", in_parts))
            .route(Route::any("/small", |_: &mut Request<'_>| {
                Reply::text("small\n")
            }))
    })
}

fn rig(file: &Arc<OnDisk>) -> Rig {
    let file: Arc<dyn ReadAt> = Arc::<OnDisk>::clone(file);
    rig_to(FILE_BYTES, &file)
}

/// Connections of which the system takes this much.
fn room_for(bytes: usize) -> LinkOptions {
    LinkOptions {
        outbound_bytes_max: bytes,
        ..LinkOptions::default()
    }
}

#[test]
fn a_window_is_looked_at_by_its_first_and_last_byte() {
    let file = OnDisk::new(FILE_BYTES, FILE_BYTES);
    let mut rig = rig(&file);
    let mut visitor = rig.visit(&format!("{SMALL}{GET}{SMALL}"));
    let text = visitor.text();
    assert_eq!(visitor.statuses(), [200, 200, 200]);
    assert!(text.contains(&String::from_utf8(pattern(FILE_BYTES)).unwrap()));
    assert!(text.ends_with("\r\n\r\nsmall\n"), "what is behind it");
    assert_eq!(file.looks.load(Relaxed), 2 * 4);
    assert_eq!(rig.engine.jobs.waiting(), 0);
}

#[test]
fn a_job_brings_a_window_into_memory_and_delays_nobody_else() {
    let file = OnDisk::new(FILE_BYTES, 0);
    let mut rig = rig(&file);
    let mut visitor = rig.visit(&format!("{GET}{SMALL}"));
    let mut other = rig.visit("");
    for window in 0..4 {
        assert_eq!(rig.engine.jobs.waiting(), 1, "one window at a time");
        let body = visitor.body();
        // The head shares a segment with the first piece.
        let head = visitor.received.len() - body.len();
        let whole = (WINDOW_BYTES * window).saturating_sub(head % SEGMENT_BYTES);
        assert!(body == pattern(whole));
        other.send(SMALL);
        rig.turn();
        assert_eq!(other.statuses().len(), window + 1);
        assert!(rig.engine.jobs.run_one(0));
        rig.settle();
    }
    assert!(visitor.body().starts_with(&pattern(FILE_BYTES)));
    assert_eq!(visitor.statuses(), [200, 200]);
}

#[test]
fn a_window_whose_end_is_not_in_memory_is_read_in_before_it_is_sent() {
    let file = OnDisk::new(FILE_BYTES, WINDOW_BYTES / 2);
    let mut rig = rig(&file);
    let mut visitor = rig.visit(GET);
    assert_eq!((rig.engine.jobs.waiting(), visitor.body().len()), (1, 0));
    while rig.engine.jobs.run_one(0) {
        rig.settle();
    }
    assert!(visitor.body() == pattern(FILE_BYTES));
}

#[test]
fn who_takes_nothing_holds_no_block_and_is_cut_off() {
    let file = OnDisk::new(FILE_BYTES, FILE_BYTES);
    let mut rig = rig(&file);
    let mut visitor = rig.visit_with(room_for(500), GET);
    let view = rig.engine.workers[0].core.view();
    assert_eq!(view.connections[0].blocks, 0, "the head has gone");
    rig.pass(Duration::from_millis(2_900));
    assert_eq!(rig.engine.network.sockets(), 1, "too early");
    assert!(visitor.body().len() < 500);
    rig.pass(Duration::from_secs(2));
    assert_eq!(rig.engine.network.sockets(), 1, "it has taken something");
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.engine.network.sockets(), 0);
    assert_eq!(rig.engine.workers[0].core.view().exchanges, 0);
}

#[test]
fn who_takes_little_gets_all_of_it() {
    let file = OnDisk::new(FILE_BYTES, FILE_BYTES);
    let mut rig = rig(&file);
    let mut visitor = rig.visit_with(room_for(100), GET);
    for _ in 0..FILE_BYTES {
        if visitor.body().len() == FILE_BYTES {
            break;
        }
        rig.settle();
    }
    assert!(visitor.body() == pattern(FILE_BYTES));
}

#[test]
fn a_file_that_ends_early_cuts_the_response() {
    let file: Arc<dyn ReadAt> = OnDisk::new(FILE_BYTES, usize::MAX);
    for end in [FILE_BYTES + 1, FILE_BYTES + WINDOW_BYTES] {
        let mut rig = rig_to(end, &file);
        let mut visitor = rig.visit(GET);
        assert!(visitor.is_closed());
        let body = visitor.body();
        assert!(body.len() <= FILE_BYTES && body == pattern(body.len()));
    }
}

#[test]
fn parts_and_texts_keep_their_order() {
    let file = OnDisk::new(FILE_BYTES, FILE_BYTES);
    for room in [300, 1 << 20] {
        let mut rig = rig(&file);
        let mut visitor = rig.visit_with(room_for(room), "GET /parts HTTP/1.1\r\nHost: a\r\n\r\n");
        for _ in 0..1_000 {
            visitor.text();
            rig.settle();
        }
        let bytes = pattern(30_000);
        let parts = [&bytes[500..25_000], &bytes[1_000..2_001]].concat();
        let ranges = [&bytes[20_000..], b"|", &parts[..]].concat();
        let expected = [b"<", &ranges[..], b">"].concat();
        assert!(visitor.body() == expected);
    }
}

/// A file that the system refuses to pass.
#[derive(Debug)]
struct Refused(Arc<OnDisk>, File);

impl ReadAt for Refused {
    fn read_now(&self, pieces: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        self.0.file.read_at(&mut pieces[0], offset)
    }

    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read(bytes, offset)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.1.as_fd())
    }
}

#[test]
fn what_the_system_does_not_pass_is_copied() {
    static DIRECTORY: LazyLock<File> = LazyLock::new(|| File::open("/").unwrap());
    let directory = DIRECTORY.try_clone().unwrap();
    let file: Arc<dyn ReadAt> = Arc::new(Refused(OnDisk::new(FILE_BYTES, FILE_BYTES), directory));
    let mut rig = rig_to(FILE_BYTES, &file);
    let mut visitor = rig.visit(&format!("{GET}{SMALL}"));
    assert!(visitor.body().starts_with(&pattern(FILE_BYTES)));
    assert_eq!(visitor.statuses(), [200, 200]);
}

#[test]
fn however_many_take_much_a_turn_has_an_end() {
    let file: Arc<dyn ReadAt> = OnDisk::new(LARGE_BYTES, LARGE_BYTES);
    let mut rig = rig_to(LARGE_BYTES, &file);
    let options = room_for(LARGE_BYTES * 2);
    let connect = |rig: &mut Rig| {
        let link = rig.engine.network.connect(0, options).unwrap();
        let received = Vec::new();
        Visitor { link, received }
    };
    let mut greedy: Vec<Visitor> = (0..40).map(|_| connect(&mut rig)).collect();
    let mut other = connect(&mut rig);
    rig.settle();
    for visitor in &mut greedy {
        visitor.send(GET);
    }
    for turn in 1..=6 {
        other.send(SMALL);
        rig.turn();
        assert_eq!(other.statuses().len(), turn, "it is answered in every turn");
        let moved: usize = greedy.iter_mut().map(|one| one.body().len()).sum();
        // Half a turn for what has events, half for the queue, each with one connection's share
        // more.
        assert!(moved <= turn * (9 << 20), "{moved} bytes in {turn} turns");
    }
    for visitor in &mut greedy {
        assert!(!visitor.body().is_empty(), "nobody is passed over");
    }
    rig.settle();
    for visitor in &mut greedy {
        assert_eq!(visitor.body().len(), LARGE_BYTES, "nobody is forgotten");
    }
}
