//! Files of which a job reads one window after the other: who waits for it and who does not, what
//! becomes of what comes late, and of readers that do what they should not.

use std::fmt;
use std::io::{self, ErrorKind, IoSliceMut};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use super::rig::{Rig, Visitor};
use super::site::{FILE_BYTES, pattern, pattern_byte};
use crate::limits::Limits;
use crate::service::{FileBody, HalfClose, ReadAt, Reply, Request, Route};
use crate::transport::memory::LinkOptions;

const COLD: &str = "GET /cold HTTP/1.1\r\nHost: a\r\n\r\n";
const SMALL: &str = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n";

/// So many windows are read of the file.
const WINDOWS: usize = 4;
const WINDOW_BYTES: usize = 10_000;

type NowRead = fn(&mut [IoSliceMut<'_>], u64) -> io::Result<usize>;
type LateRead = fn(&mut [u8], u64) -> io::Result<usize>;

/// A file with a pattern, read as a test wants it.
struct Reader(NowRead, LateRead);

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

impl ReadAt for Reader {
    fn read_now(&self, pieces: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
        (self.0)(pieces, offset)
    }

    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        (self.1)(bytes, offset)
    }
}

/// Nothing is in memory.
fn is_cold(_: &mut [IoSliceMut<'_>], _: u64) -> io::Result<usize> {
    Err(ErrorKind::WouldBlock.into())
}

fn read(bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let at = offset as usize;
    let count = bytes.len().min(FILE_BYTES.saturating_sub(at));
    for (index, byte) in bytes[..count].iter_mut().enumerate() {
        *byte = pattern_byte(at + index);
    }
    Ok(count)
}

fn panics<T>() -> io::Result<T> {
    resume_unwind(Box::new("deliberate"))
}

/// Serves a file that is read in this way.
fn rig_with(limits: Limits, reader: Reader) -> Rig {
    let reader: Arc<dyn ReadAt> = Arc::new(reader);
    Rig::serving(limits, |builder| {
        let file = move |_: &mut Request<'_>| {
            let body = FileBody::new(Arc::clone(&reader), 0..FILE_BYTES as u64);
            Reply::file("application/octet-stream", body)
        };
        let job = |_: &mut Request<'_>| Reply::job(|_| Reply::text("done"));
        builder
            .route(Route::any("/cold", file))
            .route(Route::any("/small", |_: &mut Request<'_>| {
                Reply::text("small\n")
            }))
            .route(Route::get("/job", job).half_close(HalfClose::Answer))
    })
}

/// Serves a file of which nothing is in memory.
fn rig(limits: Limits) -> Rig {
    rig_with(limits, Reader(is_cold, read))
}

fn limits() -> Limits {
    Limits {
        pipe_bytes_max: WINDOW_BYTES,
        ..Limits::default()
    }
}

fn late(rig: &Rig) -> u64 {
    rig.engine.workers[0].stats.late.value()
}

/// Runs the next job.
fn run_job(rig: &mut Rig) {
    assert!(rig.engine.jobs.run_one(0), "no job waits");
    rig.settle();
}

#[test]
fn a_cold_window_delays_nobody_else() {
    let mut rig = rig(limits());
    let mut cold = rig.visit(&format!("{COLD}{SMALL}"));
    let mut other = rig.visit("");
    for window in 0..WINDOWS {
        assert_eq!(rig.engine.jobs.waiting(), 1, "one window at a time");
        assert!(cold.body() == pattern(WINDOW_BYTES * window));
        for _ in 0..3 {
            other.send(SMALL);
            rig.turn();
        }
        assert_eq!(other.statuses().len(), 3 * (window + 1));
        run_job(&mut rig);
    }
    assert_eq!(rig.engine.jobs.waiting(), 0);
    let text = cold.text();
    let (first, second) = text.split_at(text.rfind("HTTP/1.1 200").unwrap());
    assert!(first.contains("Content-Length: 37000\r\n"));
    assert!(first.as_bytes().ends_with(&pattern(FILE_BYTES)));
    assert!(
        second.ends_with("\r\n\r\nsmall\n"),
        "what is pipelined behind it"
    );
    assert_eq!(late(&rig), 0);
}

#[test]
fn what_is_read_for_nobody_is_dropped_and_counted() {
    let mut rig = rig(limits());
    for count in 1..=3 {
        let mut gone = rig.visit(COLD);
        let begun = rig.begin_job();
        gone.link.reset();
        rig.settle();
        assert_eq!(rig.engine.workers[0].core.view().exchanges, 0);
        rig.finish_job(begun);
        assert_eq!(late(&rig), count);
        assert_eq!(rig.engine.network.sockets(), 0);
    }
}

#[test]
fn what_is_read_for_one_that_is_gone_is_not_taken_for_the_next_one() {
    let mut rig = rig(limits());
    let mut gone = rig.visit(COLD);
    let begun = rig.begin_job();
    gone.link.reset();
    rig.settle();
    // It takes the slot and the exchange of the one that is gone, and waits for a window too.
    let mut visitor = rig.visit(COLD);
    assert_eq!(rig.engine.workers[0].core.view().exchanges, 1);
    rig.finish_job(begun);
    assert_eq!((visitor.body().len(), late(&rig)), (0, 1));
    for _ in 0..WINDOWS {
        run_job(&mut rig);
    }
    assert!(visitor.body() == pattern(FILE_BYTES));
    assert_eq!(late(&rig), 1);
}

#[test]
fn a_window_that_no_job_can_read_cuts_the_response() {
    let mut rig = rig(Limits {
        jobs_max: 1,
        ..limits()
    });
    let mut first = rig.visit(COLD);
    run_job(&mut rig);
    let mut second = rig.visit(COLD);
    assert_eq!(second.statuses(), [200]);
    assert!(second.is_closed() && second.body().is_empty());
    for _ in 1..WINDOWS {
        run_job(&mut rig);
    }
    assert!(first.body() == pattern(FILE_BYTES));
    assert!(!first.link.has_ended());
}

#[test]
fn head_reads_nothing() {
    let mut rig = rig(limits());
    let mut visitor = rig.visit("HEAD /cold HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(visitor.text().contains("Content-Length: 37000\r\n"));
    assert!(visitor.body().is_empty());
    assert_eq!(rig.engine.jobs.waiting(), 0);
    visitor.send(SMALL);
    rig.settle();
    assert_eq!(visitor.statuses(), [200, 200]);
}

#[test]
fn http_1_0_gets_all_of_it_and_a_close() {
    let mut rig = rig(limits());
    let mut visitor = rig.visit("GET /cold HTTP/1.0\r\n\r\n");
    for _ in 0..WINDOWS {
        assert!(!visitor.link.has_ended());
        run_job(&mut rig);
    }
    assert!(visitor.body() == pattern(FILE_BYTES));
    assert!(visitor.text().contains("Content-Length: 37000\r\n"));
    assert!(visitor.is_closed());
}

#[test]
fn who_says_no_more_still_gets_all_of_it() {
    let mut rig = rig(limits());
    let mut visitor = rig.visit(COLD);
    visitor.link.finish();
    rig.settle();
    for _ in 0..WINDOWS {
        run_job(&mut rig);
    }
    assert!(visitor.body() == pattern(FILE_BYTES));
    assert!(visitor.is_closed());
    assert_eq!(rig.engine.network.sockets(), 0);
}

#[test]
fn a_drain_and_another_site_wait_for_it() {
    let mut rig = rig(limits());
    let mut visitor = rig.visit(COLD);
    run_job(&mut rig);
    rig.publish(Limits::default());
    run_job(&mut rig);
    rig.drain();
    for _ in 2..WINDOWS {
        assert!(!rig.is_over());
        run_job(&mut rig);
    }
    assert!(visitor.body() == pattern(FILE_BYTES));
    rig.pass(Duration::from_secs(1));
    assert!(visitor.is_closed() && rig.is_over());
}

#[test]
fn a_drain_does_not_wait_for_a_disk_for_ever() {
    let mut rig = rig(Limits {
        request_timeout: Duration::from_secs(40),
        ..limits()
    });
    let mut visitor = rig.visit(COLD);
    let begun = rig.begin_job();
    rig.drain();
    rig.pass(Duration::from_secs(30));
    assert!(rig.is_over() && visitor.is_closed());
    // Its result finds no worker.
    begun.finish();
}

#[test]
fn each_window_may_take_thirty_seconds() {
    let mut rig = rig(limits());
    let mut visitor = rig.visit(COLD);
    for window in 1..=2 {
        rig.pass(Duration::from_secs(29));
        run_job(&mut rig);
        assert!(visitor.body() == pattern(WINDOW_BYTES * window));
    }
    let begun = rig.begin_job();
    rig.pass(Duration::from_secs(30) - Duration::from_millis(1));
    assert!(!visitor.is_closed(), "too early");
    rig.pass(Duration::from_millis(1));
    assert!(visitor.is_closed());
    assert_eq!(rig.engine.workers[0].core.view().exchanges, 0);
    rig.finish_job(begun);
    assert!(visitor.body() == pattern(2 * WINDOW_BYTES), "it is cut");
    assert_eq!(late(&rig), 1);
}

#[test]
fn a_client_that_takes_nothing_is_cut_off_also_while_a_job_reads() {
    let mut rig = rig(Limits {
        write_timeout: Duration::from_secs(3),
        ..limits()
    });
    let options = LinkOptions {
        outbound_bytes_max: 100,
        ..LinkOptions::default()
    };
    let visitor = rig.visit_with(options, COLD);
    let begun = rig.begin_job();
    rig.pass(Duration::from_secs(3));
    assert_eq!(rig.engine.network.sockets(), 0);
    rig.finish_job(begun);
    assert_eq!(late(&rig), 1);
    drop(visitor);
}

/// What readers may do wrong, and how many jobs run until the response is cut.
#[test]
fn a_reader_that_fails_cuts_the_response_and_nothing_else() {
    let refused = |_: &mut [IoSliceMut<'_>], _| Err(ErrorKind::PermissionDenied.into());
    let wrong: [(&str, NowRead, LateRead, usize); 9] = [
        ("error", refused, read, 0),
        ("panic", |_, _| panics(), read, 0),
        ("end", |_, _| Ok(0), read, 0),
        ("more than asked", |_, _| Ok(WINDOW_BYTES + 1), read, 0),
        (
            "error in a job",
            is_cold,
            |_, _| Err(ErrorKind::PermissionDenied.into()),
            1,
        ),
        ("panic in a job", is_cold, |_, _| panics(), 1),
        ("end in a job", is_cold, |_, _| Ok(0), 1),
        ("more in a job", is_cold, |bytes, _| Ok(bytes.len() + 1), 1),
        (
            "cold in a job",
            is_cold,
            |_, _| Err(ErrorKind::WouldBlock.into()),
            1,
        ),
    ];
    for (what, now, late, jobs) in wrong {
        let mut rig = rig_with(limits(), Reader(now, late));
        let mut other = rig.visit("");
        let mut visitor = rig.visit(&format!("{SMALL}{COLD}{SMALL}"));
        for _ in 0..jobs {
            run_job(&mut rig);
        }
        assert_eq!(rig.engine.jobs.waiting(), 0, "{what}");
        assert_eq!(visitor.statuses(), [200, 200], "{what}");
        assert!(
            visitor.text().ends_with("Content-Length: 37000\r\n\r\n"),
            "{what}"
        );
        assert!(visitor.is_closed(), "{what}");
        other.send(SMALL);
        rig.settle();
        assert_eq!(other.statuses(), [200], "{what}");
        let panics = rig.engine.workers[0].stats.panics.value();
        assert_eq!(panics, u64::from(what == "panic"), "{what}");
    }
}

#[test]
fn a_read_that_was_interrupted_is_left_to_a_job() {
    let mut rig = rig_with(
        limits(),
        Reader(|_, _| Err(ErrorKind::Interrupted.into()), read),
    );
    let mut visitor = rig.visit(COLD);
    for _ in 0..WINDOWS {
        run_job(&mut rig);
    }
    assert!(visitor.body() == pattern(FILE_BYTES));
}

#[test]
fn what_is_read_a_byte_at_a_time_is_all_there_in_the_end() {
    let few = |bytes: &mut [u8], at| read(&mut bytes[..1], at);
    let now = |pieces: &mut [IoSliceMut<'_>], at| match at % 3 {
        0 => Err(ErrorKind::WouldBlock.into()),
        _ => read(&mut pieces[0][..1], at),
    };
    let mut rig = rig_with(limits(), Reader(now, few));
    let mut visitor = rig.visit(COLD);
    while rig.engine.jobs.run_one(0) {
        rig.settle();
    }
    assert!(visitor.body() == pattern(FILE_BYTES));
}

#[test]
fn who_takes_nothing_holds_blocks_of_the_pool_and_no_more_than_a_pipe() {
    let mut rig = rig(Limits {
        pipe_bytes_max: 20_000,
        ..Limits::default()
    });
    let options = LinkOptions {
        outbound_bytes_max: 100,
        ..LinkOptions::default()
    };
    let mut visitor = rig.visit_with(options, COLD);
    let held = |rig: &mut Rig| rig.engine.workers[0].core.view().lent;
    let before = held(&mut rig);
    run_job(&mut rig);
    assert_eq!(rig.engine.jobs.waiting(), 0, "no more is read");
    assert!(held(&mut rig) > before, "it is in blocks of the pool");
    while visitor.body().len() < FILE_BYTES {
        rig.settle();
        rig.engine.jobs.run_one(0);
        rig.settle();
    }
    assert!(visitor.body() == pattern(FILE_BYTES));
}

#[test]
fn many_share_a_pool_that_is_too_small_for_all() {
    let mut rig = rig(Limits {
        pool_bytes_max: 0,
        pipe_bytes_max: 40_000,
        ..Limits::default()
    });
    let options = LinkOptions {
        outbound_bytes_max: 1000,
        ..LinkOptions::default()
    };
    let mut visitors: Vec<Visitor> = (0..20).map(|_| rig.visit_with(options, COLD)).collect();
    let is_done = |visitor: &mut Visitor| visitor.body().len() == FILE_BYTES;
    for _ in 0..10_000 {
        while rig.engine.jobs.run_one(0) {}
        rig.settle();
        if visitors.iter_mut().all(is_done) {
            break;
        }
    }
    for visitor in &mut visitors {
        assert!(visitor.body() == pattern(FILE_BYTES));
    }
}
