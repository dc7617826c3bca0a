//! The site that the simulated workers serve: every kind of reply that there is, with bodies that
//! can be foretold from the request.

use std::any::Any;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use super::cold;
use crate::engine::Site;
use crate::http::Status;
use crate::limits::Limits;
use crate::service::{
    HalfClose, Incoming, Middleware, Observer, Progress, Pull, Reply, Request, Route, Stream,
    Summary, Waker,
};
use crate::transport::tls::{Tls, client};

pub(super) const SMALL: &str = "small\n";
pub(super) const EARLY: &str = "early\n";
pub(super) const BYE: &str = "bye\n";
pub(super) const DROPPED: &str = "dropped\n";
pub(super) const FILE_BYTES: usize = 37_000;
pub(super) const SHARED_BYTES: usize = 30_000;

/// Streams that wait to be woken by the script.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    waiting: Mutex<Vec<(Waker, Arc<AtomicUsize>)>>,
}

impl Wakers {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.lock().unwrap().len()
    }

    /// Allows the `choice`-th stream one more piece and wakes it; `again` keeps it in the list, so
    /// that it may be woken once more than it asked for.
    pub(super) fn wake(&self, choice: usize, again: bool) {
        let mut waiting = self.waiting.lock().unwrap();
        let index = choice % waiting.len();
        let (waker, pieces) = match again {
            true => waiting[index].clone(),
            false => waiting.remove(index),
        };
        pieces.fetch_add(1, Relaxed);
        waker.wake();
    }
}

/// The bytes of a body that was made up.
pub(super) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(pattern_byte).collect()
}

pub(super) fn pattern_byte(at: usize) -> u8 {
    b'a' + (at % 23) as u8
}

/// Counts what the observers are told.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Requests.
    pub requests: AtomicUsize,
}

impl Observer for Seen {
    fn observe(&self, summary: &Summary<'_>, _local: &mut dyn Any) {
        let count = usize::from(summary.request.is_some());
        self.requests.fetch_add(count, Relaxed);
    }
}

/// What connections are opened with, before another site is published and in the same words after.
static TLS: LazyLock<Arc<Tls>> =
    LazyLock::new(|| Arc::new(client::localhost().build(None).unwrap()));

fn tls(version: &str) -> Arc<Tls> {
    match version {
        "one" => Arc::clone(&TLS),
        _ => Arc::new(client::localhost().build(Some(&TLS)).unwrap()),
    }
}

/// The site; `version` is what `/version` answers.
pub(super) fn site(
    limits: Limits,
    version: &'static str,
    wakers: &Arc<Wakers>,
    seen: &Arc<Seen>,
) -> Site {
    let later = Arc::clone(wakers);
    let shared: Arc<[u8]> = pattern(SHARED_BYTES).into();
    let builder = Site::builder()
        .limits(limits)
        .server_name(Some(version))
        .tls(tls(version))
        .observer(Arc::clone(seen) as Arc<dyn Observer>)
        .route(Route::any("/small", |_: &mut Request<'_>| {
            Reply::text(SMALL)
        }))
        .route(Route::any("/version", move |_: &mut Request<'_>| {
            Reply::text(version)
        }))
        .route(Route::any("/users/{id}", |request: &mut Request<'_>| {
            let id = request.param("id").unwrap_or_default();
            request.out().text(format_args!("user {id}"))
        }))
        .route(Route::any("/collect", |request: &mut Request<'_>| {
            Reply::owned("application/octet-stream", request.body().to_vec())
        }))
        .route(Route::any("/shared", move |_: &mut Request<'_>| {
            Reply::shared("application/octet-stream", Arc::clone(&shared))
        }))
        .route(Route::any("/bye", |_: &mut Request<'_>| {
            Reply::text(BYE).closing()
        }))
        .route(
            Route::any("/early", |_: &mut Request<'_>| Reply::text("late")).with(Arc::new(Early)),
        )
        .route(Route::post("/post", |_: &mut Request<'_>| {
            Reply::text(SMALL)
        }))
        .route(Route::any("/drop", |_: &mut Request<'_>| Reply::text(DROPPED)).streamed())
        .route(Route::any("/panic", |_: &mut Request<'_>| panic_quietly()))
        .route(Route::any("/file", |_: &mut Request<'_>| {
            cold::file(0, 0, true)
        }))
        .route(Route::any("/torn", |_: &mut Request<'_>| {
            cold::file(0, 1, true)
        }));
    cold::routes(jobs(streams(builder, later)))
        .build()
        .expect("a valid site")
}

fn streams(builder: crate::SiteBuilder, later: Arc<Wakers>) -> crate::SiteBuilder {
    let made = |length| Reply::stream("text/plain", Made::new(length, usize::MAX));
    builder
        .route(
            Route::any("/echo", |_: &mut Request<'_>| {
                Reply::stream("text/plain", Echo)
            })
            .streamed(),
        )
        .route(
            Route::any("/beat", |_: &mut Request<'_>| {
                Reply::stream("text/plain", Beat)
            })
            .streamed(),
        )
        .route(
            Route::any("/ignore/{n}", move |request: &mut Request<'_>| {
                made(number(request))
            })
            .streamed(),
        )
        .route(Route::any(
            "/stream/{n}",
            move |request: &mut Request<'_>| made(number(request)),
        ))
        .route(Route::any("/sized/{n}", |request: &mut Request<'_>| {
            let length = number(request);
            Reply::stream("application/octet-stream", Made::new(length, usize::MAX))
                .with_length(length as u64)
        }))
        .route(Route::any("/short/{n}", |request: &mut Request<'_>| {
            let length = number(request);
            Reply::stream("application/octet-stream", Made::new(length, usize::MAX))
                .with_length(length as u64 + 1)
        }))
        .route(Route::any(
            "/stream-panic/{n}",
            |request: &mut Request<'_>| {
                Reply::stream(
                    "application/octet-stream",
                    Made::new(usize::MAX, number(request)),
                )
            },
        ))
        .route(Route::any(
            "/later/{n}",
            move |request: &mut Request<'_>| {
                let stream = Later {
                    made: 0,
                    pieces: number(request),
                    allowed: Arc::default(),
                    wakers: Arc::clone(&later),
                };
                Reply::stream("application/octet-stream", stream)
            },
        ))
        .route(Route::any("/ticks/{n}", |request: &mut Request<'_>| {
            let pieces = number(request);
            Reply::stream("application/octet-stream", Ticks { made: 0, pieces })
        }))
}

fn jobs(builder: crate::SiteBuilder) -> crate::SiteBuilder {
    let work = |request: &mut Request<'_>| {
        let id = number(request);
        let body = request.body().len();
        Reply::job(move |out| out.text(format_args!("job {id} of {body}")))
    };
    builder
        .route(Route::any("/job/{n}", work))
        .route(Route::any("/answer/{n}", work).half_close(HalfClose::Answer))
        .route(Route::any("/job-large/{n}", |request: &mut Request<'_>| {
            let length = number(request);
            Reply::job(move |_| Reply::owned("application/octet-stream", pattern(length)))
        }))
        .route(Route::any(
            "/job-stream/{n}",
            |request: &mut Request<'_>| {
                let length = number(request);
                Reply::job(move |_| {
                    Reply::stream("application/octet-stream", Made::new(length, usize::MAX))
                })
            },
        ))
        .route(Route::any("/job-panic", |_: &mut Request<'_>| {
            Reply::job(|_| panic_quietly())
        }))
}

pub(super) fn number(request: &Request<'_>) -> usize {
    let text = request.param("n").unwrap_or_default();
    text.parse().expect("the script sends numbers")
}

/// A panic that the panic hook does not report.
fn panic_quietly() -> Reply {
    resume_unwind(Box::new("deliberate"))
}

/// Answers before the handler.
struct Early;

impl Middleware for Early {
    fn before(&self, _request: &mut Request<'_>) -> Option<Reply> {
        Some(Reply::text(EARLY).with_status(Status::UNAUTHORIZED))
    }
}

/// Sends back the request's body.
struct Echo;

impl Stream for Echo {
    fn pull(&mut self, io: &mut Pull<'_>) -> Progress {
        loop {
            let written = match io.body.peek() {
                Incoming::Data(bytes) => io.out.write(bytes),
                Incoming::Later => return Progress::Later,
                Incoming::End => return Progress::End,
            };
            if written == 0 {
                return Progress::More;
            }
            io.body.consume(written);
        }
    }
}

/// Makes something every fifth of a second until the request's body has come.
struct Beat;

impl Stream for Beat {
    fn pull(&mut self, io: &mut Pull<'_>) -> Progress {
        loop {
            let count = match io.body.peek() {
                Incoming::Data(bytes) => bytes.len(),
                Incoming::Later => break,
                Incoming::End => return Progress::End,
            };
            io.body.consume(count);
        }
        io.out.write(b"beat ");
        io.wake_after(Duration::from_millis(200));
        Progress::Later
    }
}

/// Makes a pattern of some length; panics at some byte.
struct Made {
    at: usize,
    end: usize,
    panics_at: usize,
}

impl Made {
    fn new(end: usize, panics_at: usize) -> Made {
        Made {
            at: 0,
            end,
            panics_at,
        }
    }
}

impl Stream for Made {
    fn pull(&mut self, io: &mut Pull<'_>) -> Progress {
        if self.at == self.panics_at {
            panic_quietly();
        }
        let end = self.end.min(self.panics_at);
        let room = io.out.room().min(end - self.at).min(4000);
        let bytes: Vec<u8> = (self.at..self.at + room).map(pattern_byte).collect();
        self.at += io.out.write(&bytes);
        match self.at == self.end {
            true => Progress::End,
            false => Progress::More,
        }
    }
}

/// A piece of the body of [`Later`] and [`Ticks`].
pub(super) const PIECE: &[u8] = b"piece ";

/// Makes a piece whenever it is allowed to, which the script tells with a waker.
struct Later {
    made: usize,
    pieces: usize,
    allowed: Arc<AtomicUsize>,
    wakers: Arc<Wakers>,
}

impl Stream for Later {
    fn pull(&mut self, io: &mut Pull<'_>) -> Progress {
        while self.made < self.pieces && self.allowed.load(Relaxed) > 0 {
            if io.out.room() < PIECE.len() {
                return Progress::More;
            }
            if io.out.write(PIECE) == 0 {
                return Progress::More;
            }
            self.allowed.fetch_sub(1, Relaxed);
            self.made += 1;
        }
        if self.made == self.pieces {
            return Progress::End;
        }
        let waiting = (io.waker(), Arc::clone(&self.allowed));
        self.wakers.waiting.lock().unwrap().push(waiting);
        Progress::Later
    }
}

/// Makes a piece whenever it is pulled, and asks to be pulled after a while.
struct Ticks {
    made: usize,
    pieces: usize,
}

impl Stream for Ticks {
    fn pull(&mut self, io: &mut Pull<'_>) -> Progress {
        if io.out.room() < PIECE.len() || io.out.write(PIECE) == 0 {
            return Progress::More;
        }
        self.made += 1;
        if self.made == self.pieces {
            return Progress::End;
        }
        io.wake_after(Duration::from_millis(100 + 90 * (self.made as u64 % 7)));
        Progress::Later
    }
}
