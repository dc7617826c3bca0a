//! Streams that give up, that rest, and that have jobs.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::rig::Rig;
use crate::limits::Limits;
use crate::service::{Incoming, Progress, Pull, Reply, Request, Route, Stream};

const SMALL: &str = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n";

/// A stream that is a function.
struct Made<F>(F);

impl<F> Stream for Made<F>
where
    F: FnMut(&mut Pull<'_>) -> Progress + Send + 'static,
{
    fn pull(&mut self, io: &mut Pull<'_>) -> Progress {
        (self.0)(io)
    }
}

/// Serves the streams that `make` makes, each for one request.
fn rig<F>(limits: Limits, make: impl Fn() -> F + Send + Sync + 'static) -> Rig
where
    F: FnMut(&mut Pull<'_>) -> Progress + Send + 'static,
{
    Rig::serving(limits, |builder| {
        let stream = move |_: &mut Request<'_>| Reply::stream("text/plain", Made(make()));
        builder
            .route(Route::any("/made", stream).streamed())
            .route(Route::any("/small", |_: &mut Request<'_>| {
                Reply::text("small\n")
            }))
    })
}

/// Makes so many bytes, and gives up when it is asked for more.
fn gives_up(bytes: &'static [u8]) -> impl FnMut(&mut Pull<'_>) -> Progress {
    let mut left = bytes;
    move |io| {
        if left.is_empty() {
            io.out.write(b"dropped");
            return Progress::Cut;
        }
        left = &left[io.out.write(left)..];
        Progress::More
    }
}

const MADE: &str = "GET /made HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn giving_up_before_the_first_byte_is_500() {
    let mut rig = rig(Limits::default(), || gives_up(b""));
    let mut visitor = rig.visit(&format!("{SMALL}{MADE}{SMALL}"));
    assert_eq!(visitor.statuses(), [200, 500]);
    assert!(!visitor.text().contains("dropped"));
    assert!(visitor.is_closed());
    assert_eq!(rig.engine.workers[0].stats.panics.value(), 0);
}

#[test]
fn giving_up_after_the_first_byte_cuts_the_response() {
    let mut rig = rig(Limits::default(), || gives_up(b"abc"));
    let mut visitor = rig.visit(&format!("{SMALL}{MADE}{SMALL}"));
    assert_eq!(visitor.statuses(), [200, 200]);
    assert!(
        visitor.text().ends_with("\r\n3\r\nabc\r\n"),
        "no final chunk"
    );
    assert!(visitor.is_closed());
    let mut guest = rig.visit(&MADE.replace("GET", "HEAD"));
    assert_eq!(guest.statuses(), [200], "nobody asks the stream");
    assert!(!guest.is_closed());
}

/// A stream that rests after each of so many pieces, and counts how often it is pulled.
fn rests(pieces: usize, pulls: Arc<AtomicUsize>) -> impl FnMut(&mut Pull<'_>) -> Progress {
    move |io| {
        while let Incoming::Data(bytes) = io.body.peek() {
            let count = bytes.len();
            io.body.consume(count);
        }
        io.out.write(b"piece ");
        io.rest();
        match pulls.fetch_add(1, Relaxed) + 1 == pieces {
            true => Progress::End,
            false => Progress::More,
        }
    }
}

#[test]
fn a_stream_that_rests_is_pulled_once_a_turn_whatever_happens() {
    const PIECES: usize = 20;
    let pulls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pulls);
    let mut rig = rig(Limits::default(), move || {
        rests(PIECES, Arc::clone(&counted))
    });
    let mut resting = rig.visit("");
    let mut other = rig.visit("");
    let head = "POST /made HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
    resting.send(head);
    for turn in 1..=PIECES {
        other.send(SMALL);
        rig.turn();
        assert_eq!(pulls.load(Relaxed), turn, "in turn {turn}");
        assert_eq!(resting.text().matches("piece ").count(), turn);
        assert_eq!(other.statuses().len(), turn, "others get their answers");
        resting.send("a part of the body");
    }
    assert!(resting.text().ends_with("\r\n0\r\n\r\n"));
}

#[test]
fn a_stream_that_makes_nothing_for_ever_leaves_the_others_their_turn() {
    let mut rig = rig(Limits::default(), || {
        |io: &mut Pull<'_>| {
            io.rest();
            Progress::More
        }
    });
    let mut endless = rig.visit("");
    let mut other = rig.visit("");
    endless.send(MADE);
    for turn in 1..100 {
        other.send(SMALL);
        rig.turn();
        assert_eq!(other.statuses().len(), turn);
    }
    endless.link.reset();
    rig.settle();
    assert_eq!(rig.engine.workers[0].core.view().exchanges, 0);
}

/// A stream that has a job, and says what came of that.
fn has_job(work: fn()) -> impl FnMut(&mut Pull<'_>) -> Progress {
    let mut pulls = 0;
    move |io| {
        pulls += 1;
        match pulls {
            1 if io.job(work) => Progress::Later,
            1 => {
                io.out.write(b"refused");
                Progress::End
            }
            _ => {
                io.out.write(b"done");
                Progress::End
            }
        }
    }
}

#[test]
fn a_stream_is_pulled_when_its_job_is_done_also_if_that_panicked() {
    let works: [fn(); 2] = [|| {}, || resume_unwind(Box::new("deliberate"))];
    for work in works {
        let mut rig = rig(Limits::default(), move || has_job(work));
        let mut visitor = rig.visit(MADE);
        assert!(
            visitor.text().ends_with("\r\n\r\n"),
            "only the head is there"
        );
        assert_eq!(rig.engine.jobs.waiting(), 1);
        assert!(rig.engine.jobs.run_one(0));
        rig.settle();
        assert!(visitor.text().ends_with("\r\n4\r\ndone\r\n0\r\n\r\n"));
        assert_eq!(rig.engine.workers[0].stats.late.value(), 0);
    }
}

#[test]
fn a_stream_is_told_when_there_are_too_many_jobs() {
    let limits = Limits {
        jobs_max: 0,
        ..Limits::default()
    };
    let mut rig = rig(limits, || has_job(|| {}));
    let mut visitor = rig.visit(MADE);
    assert!(visitor.text().ends_with("\r\n7\r\nrefused\r\n0\r\n\r\n"));
}

#[test]
fn a_job_of_a_stream_that_is_gone_wakes_nobody() {
    let mut rig = rig(Limits::default(), || has_job(|| {}));
    let mut gone = rig.visit(MADE);
    let begun = rig.begin_job();
    gone.link.reset();
    rig.settle();
    let mut visitor = rig.visit(MADE);
    rig.finish_job(begun);
    assert!(!visitor.text().contains("done"));
    assert_eq!(rig.engine.workers[0].stats.late.value(), 1);
    assert!(rig.engine.jobs.run_one(0));
    rig.settle();
    assert!(visitor.text().contains("done"));
}
