//! Counts what a worker allocates: nothing for a request that is answered at once.
//!
//! A real server answers on a socket of the loopback. Every thread counts its own allocations; the
//! site's observer, which runs on the worker, tells the worker's count. So what is measured between
//! two requests is all that the worker did, also what it did after the first was answered.

use std::alloc::{GlobalAlloc, Layout, System};
use std::any::Any;
use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{self, IoSliceMut, Read, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use reactor::{
    FieldLines, FieldName, FileBody, Handle, Limits, ListenAddress, Middleware, Observer, ReadAt,
    Reply, ReplyHead, Request, RequestView, Route, Server, Site, SiteBuilder, Status, Summary,
};

/// The system's allocator, with a count for each thread.
struct Counting;

thread_local! {
    // Without a destructor and made at compile time, so that it can be used while allocating.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.with(|count| count.set(count.get() + 1));
}

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: what the caller promises is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: what the caller promises is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: what the caller promises is passed on.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: what the caller promises is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Tells how much the worker had allocated when it answered the last request.
struct Teller(Arc<AtomicU64>);

impl Observer for Teller {
    fn observe(&self, summary: &Summary<'_>, local: &mut dyn Any) {
        assert!(summary.request.is_some() && summary.duration < Duration::from_secs(60));
        if let Some(requests) = local.downcast_mut::<u64>() {
            *requests += 1;
        }
        self.0.store(ALLOCATIONS.get(), SeqCst);
    }
}

/// Adds a field on the way in and one on the way out.
struct Fields;

impl Middleware for Fields {
    fn before(&self, request: &mut Request<'_>) -> Option<Reply> {
        request.out().field("X-Before", "1");
        None
    }

    fn after(&self, request: &RequestView<'_>, head: &mut ReplyHead<'_>) {
        head.set_field("X-Target", request.target());
        head.remove_field("X-Nothing");
    }
}

/// Answers at once, before the handler is asked.
struct Early;

impl Middleware for Early {
    fn before(&self, request: &mut Request<'_>) -> Option<Reply> {
        Some(request.out().text(format_args!("early")))
    }
}

/// A small file in memory, with what is said of it written once: as static files are answered.
struct Cached {
    bytes: Arc<[u8]>,
    fields: FieldLines,
}

impl Cached {
    fn new() -> Cached {
        let mut fields = FieldLines::default();
        fields.add("ETag", "\"18a3f2c4d5e6f708-400\"");
        fields.add("Last-Modified", "Fri, 20 Nov 2026 13:14:05 GMT");
        fields.add("Content-Type", "text/html; charset=utf-8");
        Cached {
            bytes: vec![b'c'; 1024].into(),
            fields,
        }
    }

    fn answer(&self, request: &mut Request<'_>) -> Reply {
        let is_known = request.field(FieldName::IfNoneMatch).is_some();
        request.out().fields(&self.fields);
        match is_known {
            true => Reply::status(Status::NOT_MODIFIED),
            false => Reply::shared("", Arc::clone(&self.bytes)).without_content_type(),
        }
    }
}

/// A file without an end, all of it in memory.
#[derive(Debug)]
struct Endless;

impl ReadAt for Endless {
    fn read_now(&self, pieces: &mut [IoSliceMut<'_>], _: u64) -> io::Result<usize> {
        pieces.iter_mut().for_each(|piece| piece.fill(b'e'));
        Ok(pieces.iter().map(|piece| piece.len()).sum())
    }

    fn read(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        panic!("all of it is in memory")
    }
}

/// Adds the routes that answer with files.
fn files(builder: SiteBuilder) -> SiteBuilder {
    let cached = Cached::new();
    let endless: Arc<dyn ReadAt> = Arc::new(Endless);
    let file = move |request: &mut Request<'_>| {
        let length = request.param("length").unwrap().parse().unwrap();
        let body = FileBody::new(Arc::clone(&endless), 0..length);
        Reply::file("application/octet-stream", body)
    };
    builder
        .route(Route::get("/file/{length}", file))
        .route(Route::get("/cached", move |request: &mut Request<'_>| {
            cached.answer(request)
        }))
}

/// A client that allocates nothing while it measures.
struct Client {
    stream: TcpStream,
    room: Vec<u8>,
    worker: Arc<AtomicU64>,
}

/// What a request is answered with each time; dates are left out.
struct Expected {
    status: String,
    text: Vec<u8>,
    date: usize,
}

/// Bytes of a date (RFC 9110 section 5.6.7).
const DATE_BYTES: usize = 29;

impl Client {
    /// Sends one request and reads whatever comes, until the client knows that it was all.
    fn ask(&mut self, request: &str) -> Expected {
        self.stream.write_all(request.as_bytes()).unwrap();
        let mut text = Vec::new();
        let head_bytes = loop {
            let head = text.windows(4).position(|window| window == b"\r\n\r\n");
            match head {
                Some(at) => break at + 4,
                None => self.read_more(&mut text),
            }
        };
        let head = String::from_utf8(text[..head_bytes].to_vec()).unwrap();
        let length = head
            .split_once("Content-Length: ")
            .map_or(0, |(_, rest)| rest.lines().next().unwrap().parse().unwrap());
        let length = if request.starts_with("HEAD ") {
            0
        } else {
            length
        };
        while text.len() < head_bytes + length {
            self.read_more(&mut text);
        }
        assert_eq!(text.len(), head_bytes + length, "{head}");
        let status = head[9..12].to_owned();
        let date = head.find("Date: ").unwrap() + 6;
        Expected { status, text, date }
    }

    fn read_more(&mut self, text: &mut Vec<u8>) {
        let count = self.stream.read(&mut self.room).unwrap();
        assert!(count > 0, "the server has closed");
        text.extend_from_slice(&self.room[..count]);
    }

    /// Sends `batch`, so many requests, at once, and reads the answer to each.
    fn exchange(&mut self, batch: &str, requests: usize, expected: &Expected) {
        self.stream.write_all(batch.as_bytes()).unwrap();
        let length = expected.text.len();
        let answers = &mut self.room[..requests * length];
        self.stream.read_exact(answers).unwrap();
        for answer in answers.chunks_exact(length) {
            let date_end = expected.date + DATE_BYTES;
            assert!(
                answer[..expected.date] == expected.text[..expected.date]
                    && answer[date_end..] == expected.text[date_end..],
                "{} instead of {}",
                answer.escape_ascii(),
                expected.text.escape_ascii()
            );
        }
    }

    /// The worker's allocations during so many requests, sent in batches of `depth`.
    fn measure(&mut self, request: &str, requests: usize, depth: usize, like: &Expected) -> u64 {
        let batch = request.repeat(depth);
        self.exchange(request, 1, like);
        let before = self.worker.load(SeqCst);
        let own = ALLOCATIONS.get();
        for _ in 0..requests / depth {
            self.exchange(&batch, depth, like);
        }
        assert_eq!(ALLOCATIONS.get(), own, "the client itself has allocated");
        // What the worker did after the last answer is told with one more.
        self.exchange(request, 1, like);
        self.worker.load(SeqCst) - before
    }
}

/// A server with one worker and the routes of the demo site, and a client of it.
fn serve() -> (Client, Handle) {
    let worker = Arc::new(AtomicU64::new(0));
    let user = |request: &mut Request<'_>| {
        let view = request.view();
        let id = view.param("id").unwrap_or_default();
        request.out().field("X-Content-Type-Options", "nosniff");
        request.out().text(format_args!("user id is {id}"))
    };
    let sum = |request: &mut Request<'_>| {
        let sum: u64 = request.body().iter().map(|byte| u64::from(*byte)).sum();
        request.out().text(format_args!("{sum}"))
    };
    let long = |request: &mut Request<'_>| {
        request.out().body().resize(LONG_BYTES, b'w');
        Reply::written("text/plain")
    };
    let plaintext = |_: &mut Request<'_>| Reply::fixed("text/plain", b"Hello, World!");
    let json =
        |_: &mut Request<'_>| Reply::fixed("application/json", br#"{"message":"Hello, World!"}"#);
    let cached: Arc<[u8]> = vec![b's'; LONG_BYTES].into();
    let shared = move |_: &mut Request<'_>| Reply::shared("text/plain", Arc::clone(&cached));
    let owned = |_: &mut Request<'_>| Reply::owned("text/plain", b"on the heap".to_vec());
    let limits = Limits {
        requests_max: 0,
        ..Limits::default()
    };
    let site = files(Site::builder())
        .limits(limits)
        .server_name(Some("tidegate"))
        .middleware(Arc::new(Fields))
        .observer(Arc::new(Teller(Arc::clone(&worker))))
        .route(Route::get("/plaintext", plaintext))
        .route(Route::get("/json", json))
        .route(Route::get("/users/{id}", user))
        .route(Route::get("/early", plaintext).with(Arc::new(Early)))
        .route(Route::get("/named", plaintext).host("*.example.com"))
        .route(Route::post("/sum", sum))
        .route(Route::get("/static-long", |_: &mut Request<'_>| {
            Reply::fixed("text/plain", &[b'x'; LONG_BYTES])
        }))
        .route(Route::get("/shared-long", shared))
        .route(Route::get("/written-long", long))
        .route(Route::get("/owned", owned))
        .build()
        .unwrap();
    let server = Server::new(site)
        .workers(1)
        .listen("127.0.0.1:0".parse().unwrap());
    let running = server.local(|_| Box::new(0_u64)).bind().unwrap();
    let ListenAddress::Tcp(address) = running.addresses()[0].address.clone() else {
        panic!("the server listens on something else");
    };
    let handle = running.start().unwrap().handle();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let room = vec![0; 1 << 20];
    (
        Client {
            stream,
            room,
            worker,
        },
        handle,
    )
}

/// Longer than what is copied behind its head, shorter than a block.
const LONG_BYTES: usize = 6000;

const WARM_UP: usize = 320;
const REQUESTS: usize = 1000;
const PIPELINED: usize = 16;

/// Every kind of request that is answered at once, and what with.
const KINDS: [(&str, &str); 22] = [
    ("200", "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("200", "GET /json HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("200", "GET /users/42 HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "200",
        "GET /x/../users/%34%32?a=b HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    ("200", "GET http://a/users/42 HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "200",
        "GET /named HTTP/1.1\r\nHost: www.EXAMPLE.com:80\r\n\r\n",
    ),
    ("200", "GET /early HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "200",
        "GET /plaintext HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ),
    (
        "200",
        "GET /json HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux)\r\n\
         Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nAccept-Language: en\r\n\
         Accept-Encoding: gzip, br\r\nConnection: keep-alive\r\nCookie: a=b; c=d\r\n\
         X-Other: 1\r\n\r\n",
    ),
    ("200", "HEAD /users/42 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("404", "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("404", "HEAD /nothing HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("405", "DELETE /users/42 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("204", "OPTIONS /users/42 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("204", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "200",
        "POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello=world",
    ),
    (
        "404",
        "POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello=world",
    ),
    ("200", "GET /static-long HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("200", "GET /shared-long HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("200", "GET /written-long HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("200", "GET /cached HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "304",
        "GET /cached HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"18a3f2c4d5e6f708-400\"\r\n\r\n",
    ),
];

#[test]
fn requests_answered_at_once_allocate_nothing() {
    let (mut client, server) = serve();
    let mut found = String::new();
    for (status, request) in KINDS {
        let expected = client.ask(request);
        assert_eq!(expected.status, status, "{request}");
        for depth in [1, PIPELINED] {
            client.measure(request, WARM_UP, depth, &expected);
            let count = client.measure(request, REQUESTS, depth, &expected);
            if count > 0 {
                let line = request.lines().next().unwrap_or_default();
                writeln!(found, "{count} allocations for {line}, {depth} at a time").unwrap();
            }
        }
    }
    assert!(found.is_empty(), "\n{found}");
    server.stop();
}

#[test]
fn the_passing_of_a_second_allocates_nothing() {
    let (mut client, server) = serve();
    let request = "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n";
    let expected = client.ask(request);
    client.measure(request, WARM_UP, 1, &expected);
    let mut dates = 0;
    let mut date = [0; DATE_BYTES];
    while dates < 3 {
        assert_eq!(client.measure(request, PIPELINED, 1, &expected), 0);
        let now = &client.room[expected.date..][..DATE_BYTES];
        if *now != date {
            date.copy_from_slice(now);
            dates += 1;
        }
    }
    server.stop();
}

#[test]
fn what_a_handler_allocates_is_counted() {
    let (mut client, server) = serve();
    let request = "GET /owned HTTP/1.1\r\nHost: a\r\n\r\n";
    let expected = client.ask(request);
    for depth in [1, PIPELINED] {
        let requests = (REQUESTS / depth * depth + 1) as u64;
        assert_eq!(
            client.measure(request, REQUESTS, depth, &expected),
            requests
        );
    }
    server.stop();
}

#[test]
fn a_file_allocates_for_its_exchange_and_not_for_its_windows() {
    const REQUESTS: u64 = 100;
    let (mut client, server) = serve();
    client.room.resize(2 << 20, 0);
    // The exchange, its copies of the request; beyond that only what was not taken at once is put
    // aside, which a file of 22 windows needs a few times at most.
    for (length, allocations_max) in [(64 << 10, 5), (1 << 20, 12)] {
        let request = format!("GET /file/{length} HTTP/1.1\r\nHost: a\r\n\r\n");
        let expected = client.ask(&request);
        client.measure(&request, WARM_UP, 1, &expected);
        let count = client.measure(&request, REQUESTS as usize, 1, &expected);
        println!("{count} allocations for {REQUESTS} files of {length} bytes");
        assert!(count > 0 && count <= allocations_max * (REQUESTS + 1));
    }
    server.stop();
}
