//! Jobs that leave the reply to be made on the worker, and how long they may go on with that.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use super::rig::{Rig, Visitor};
use crate::SiteBuilder;
use crate::http::{FieldName, Status};
use crate::limits::Limits;
use crate::service::{HalfClose, Middleware, Reply, Request, Route};

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nAccept: b\r\n\r\n")
}

/// Adds a field to every request that comes in.
struct Marked;

impl Middleware for Marked {
    fn before(&self, request: &mut Request<'_>) -> Option<Reply> {
        request.out().field("X-Marked", "1");
        None
    }
}

/// Says what it finds in the request and in the worker's local value.
fn tell(request: &mut Request<'_>) -> Reply {
    let view = request.view();
    let count = request.local::<usize>().unwrap();
    *count += 1;
    let count = *count;
    assert!(request.body().is_empty());
    let accept = view.field(FieldName::Accept).unwrap();
    request.out().field("X-Left", "2");
    request.out().text(format_args!(
        "{} {} {} {count}",
        view.param("name").unwrap(),
        view.query(),
        accept.escape_ascii(),
    ))
}

/// A job that leaves a job, again and again.
fn chain(began: Arc<AtomicUsize>) -> Reply {
    Reply::job(move |_| {
        began.fetch_add(1, Relaxed);
        Reply::then(move |_| chain(began))
    })
}

fn routes(builder: SiteBuilder, began: Arc<AtomicUsize>) -> SiteBuilder {
    let leaves = |_: &mut Request<'_>| {
        Reply::job(|out| {
            out.field("X-Job", "1");
            Reply::then(tell)
        })
    };
    let twice = |_: &mut Request<'_>| {
        let second = |_: &mut Request<'_>| Reply::job(|_| Reply::then(tell));
        Reply::job(move |_| Reply::then(second))
    };
    let panics = |_: &mut Request<'_>| {
        let panics = |request: &mut Request<'_>| {
            request.out().field("Content-Encoding", "gzip");
            resume_unwind(Box::new("deliberate"))
        };
        Reply::job(move |_| Reply::then(panics))
    };
    let again = |_: &mut Request<'_>| {
        Reply::job(|out| {
            out.field("Content-Encoding", "gzip");
            Reply::job(|_| Reply::text("never"))
        })
    };
    let direct = |request: &mut Request<'_>| {
        request.out().field("Content-Encoding", "gzip");
        Reply::then(|_| Reply::text("never"))
    };
    builder
        .middleware(Arc::new(Marked))
        .route(Route::any("/left/{name}", leaves).half_close(HalfClose::Answer))
        .route(Route::any("/given-up/{name}", leaves))
        .route(Route::any("/twice/{name}", twice))
        .route(Route::any("/panics", panics))
        .route(Route::any("/again", again))
        .route(Route::any("/direct", direct))
        .route(Route::any("/chain", move |_: &mut Request<'_>| {
            chain(Arc::clone(&began))
        }))
}

fn rig(limits: Limits) -> Rig {
    Rig::serving(limits, |builder| routes(builder, Arc::default()))
}

/// Runs the next job.
fn run_job(rig: &mut Rig) {
    assert!(rig.engine.jobs.run_one(0), "no job waits");
    rig.settle();
}

fn stat_late(rig: &Rig) -> u64 {
    rig.engine.workers[0].stats.late.value()
}

#[test]
fn what_a_job_leaves_is_done_with_the_request_and_the_workers_value() {
    let mut rig = rig(Limits::default());
    for count in 1..=3 {
        let mut visitor = rig.visit(&get("/left/me?q=1"));
        assert_eq!(visitor.statuses(), []);
        run_job(&mut rig);
        assert_eq!(visitor.statuses(), [200]);
        let text = visitor.text();
        assert!(
            text.ends_with(&format!("\r\n\r\nme q=1 b {count}")),
            "{text}"
        );
        for field in ["X-Marked: 1", "X-Job: 1", "X-Left: 2"] {
            assert_eq!(text.matches(field).count(), 1, "{text}");
        }
        visitor.send(&get("/nothing"));
        rig.settle();
        assert_eq!(visitor.statuses(), [200, 404]);
    }
}

#[test]
fn what_a_job_leaves_may_be_another_job() {
    let mut rig = rig(Limits::default());
    let mut visitor = rig.visit(&get("/twice/me"));
    run_job(&mut rig);
    assert_eq!(visitor.statuses(), []);
    run_job(&mut rig);
    assert!(visitor.text().ends_with("me  b 1"));
    assert_eq!(visitor.text().matches("X-Marked: 1").count(), 1);
}

#[test]
fn another_job_may_be_one_too_many() {
    let mut rig = rig(Limits {
        jobs_max: 1,
        ..Limits::default()
    });
    let mut first = rig.visit(&get("/twice/me"));
    assert!(rig.engine.jobs.run_one(0));
    // Its place is taken before its reply is looked at.
    let mut second = rig.visit(&get("/left/me"));
    assert_eq!(rig.engine.jobs.waiting(), 1);
    let statuses = [first.statuses(), second.statuses()].concat();
    assert_eq!(statuses, [503], "one of them");
    run_job(&mut rig);
}

#[test]
fn a_handler_that_leaves_something_without_a_job_is_wrong() {
    // The first two need a job to be run.
    for path in ["/again", "/panics", "/direct"] {
        let mut rig = rig(Limits::default());
        let mut visitor = rig.visit(&get(path));
        assert_eq!(rig.engine.jobs.run_one(0), path != "/direct");
        rig.settle();
        assert_eq!(visitor.statuses(), [500], "{path}");
        let text = visitor.text();
        assert!(text.contains("Connection: close\r\n"), "{path}");
        assert!(!text.contains("gzip"), "{path}: it says what is not so");
        assert!(visitor.is_closed(), "{path}");
        let panics = rig.engine.workers[0].stats.panics.value();
        assert_eq!(panics, u64::from(path == "/panics"));
    }
}

#[test]
fn a_chain_of_jobs_has_thirty_seconds_in_all() {
    let began = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&began);
    let mut rig = Rig::serving(Limits::default(), |builder| routes(builder, counted));
    let mut visitor = rig.visit(&get("/chain"));
    for _ in 1..30 {
        rig.pass(Duration::from_secs(1));
        run_job(&mut rig);
    }
    let begun = rig.begin_job();
    rig.pass(Duration::from_secs(1) - Duration::from_millis(1));
    assert_eq!(visitor.statuses(), [], "too early");
    rig.pass(Duration::from_millis(1));
    assert_eq!(visitor.statuses(), [503]);
    assert!(visitor.is_closed());
    rig.finish_job(begun);
    assert_eq!(rig.engine.jobs.waiting(), 0, "nothing goes on for nobody");
    assert_eq!((began.load(Relaxed), stat_late(&rig)), (30, 1));
}

#[test]
fn what_is_left_for_a_client_that_is_gone_is_not_done() {
    let leave = |visitor: &mut Visitor, resets: bool| match resets {
        true => visitor.link.reset(),
        false => visitor.link.finish(),
    };
    for (path, resets, late) in [
        ("/given-up/me", true, 1),
        ("/given-up/me", false, 1),
        ("/left/me", true, 1),
        ("/left/me", false, 0),
    ] {
        let mut rig = rig(Limits::default());
        let mut visitor = rig.visit(&get(path));
        let begun = rig.begin_job();
        leave(&mut visitor, resets);
        rig.settle();
        rig.finish_job(begun);
        assert_eq!(stat_late(&rig), late, "{path}");
        let count = if late == 1 { " 1" } else { " 2" };
        let mut next = rig.visit(&get("/left/me"));
        run_job(&mut rig);
        assert!(next.text().ends_with(count), "{path}");
    }
}

#[test]
fn a_job_is_not_begun_for_a_client_that_is_gone() {
    let began = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&began);
    let mut rig = Rig::serving(Limits::default(), |builder| routes(builder, counted));
    let mut gone = rig.visit(&get("/chain"));
    let mut timed_out = rig.visit(&get("/chain"));
    gone.link.reset();
    rig.settle();
    assert!(rig.engine.jobs.begin_one(0).is_none());
    assert_eq!(rig.engine.jobs.waiting(), 1);
    rig.pass(Duration::from_secs(30));
    assert_eq!(timed_out.statuses(), [503]);
    assert!(rig.engine.jobs.begin_one(0).is_none());
    assert_eq!((rig.engine.jobs.waiting(), began.load(Relaxed)), (0, 0));
    assert_eq!(stat_late(&rig), 0);
}

#[test]
fn head_is_answered_like_get_but_for_the_body() {
    let mut rig = rig(Limits::default());
    let mut visitor = rig.visit(&get("/left/me").replace("GET", "HEAD"));
    run_job(&mut rig);
    let text = visitor.text();
    assert!(text.contains("Content-Length: 7\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n"));
    assert_eq!(Status::OK.code(), visitor.statuses()[0]);
}
