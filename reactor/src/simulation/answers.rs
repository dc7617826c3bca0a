//! Answers in cases that a script meets too seldom, or that have to be seen as they are.

use std::any::Any;
use std::time::Duration;

use super::rig::Rig;
use crate::limits::Limits;
use crate::service::{Parts, Reply, Request, Route};
use crate::time::Clock;
use crate::transport::memory::LinkOptions;

#[test]
fn a_late_job_result_is_dropped_and_counted_also_when_its_place_is_taken() {
    let mut rig = Rig::new(Limits::default());
    let mut gone = rig.visit("GET /job/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    let begun = rig.begin_job();
    gone.link.reset();
    rig.settle();
    // The next one takes the slot and the exchange of the one that is gone.
    let mut visitor = rig.visit("GET /job/2 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(rig.engine.workers[0].core.view().exchanges, 1);
    rig.finish_job(begun);
    assert_eq!(visitor.statuses(), []);
    assert_eq!(rig.engine.workers[0].stats.late.value(), 1);
    assert!(rig.engine.jobs.run_one(0));
    rig.settle();
    assert!(visitor.text().ends_with("job 2 of 0"));
    assert_eq!(rig.engine.workers[0].stats.late.value(), 1);
}

#[test]
fn one_connection_has_its_share_of_a_turn() {
    let mut rig = Rig::new(Limits::default());
    let mut visitor = rig.visit("");
    visitor.send(&"GET /small HTTP/1.1\r\nHost: a\r\n\r\n".repeat(400));
    rig.turn();
    // Once for its event, once from the queue.
    assert_eq!(visitor.statuses().len(), 2 * 64);
    rig.settle();
    assert_eq!(visitor.statuses().len(), 400);
}

#[test]
fn one_connection_is_read_for_its_share_of_a_turn() {
    const MEBIBYTE: usize = 1 << 20;
    let mut rig = Rig::new(Limits::default());
    let options = LinkOptions {
        inbound_bytes_max: 4 * MEBIBYTE,
        ..LinkOptions::default()
    };
    let mut visitor = rig.visit_with(options, "");
    let head = format!(
        "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        4 * MEBIBYTE
    );
    visitor.send(&head);
    visitor.send(&"x".repeat(4 * MEBIBYTE - head.len()));
    rig.turn();
    let taken = visitor.link.send(&vec![b'x'; 4 * MEBIBYTE]);
    assert!(
        (MEBIBYTE..MEBIBYTE + 64_000).contains(&taken),
        "{taken} bytes were read"
    );
}

#[test]
fn a_site_that_allows_larger_heads_than_blocks_hold_is_served_all_the_same() {
    let mut rig = Rig::new(Limits::default());
    let mut visitor = rig.visit("");
    rig.publish(Limits {
        head_bytes_max: 60_000,
        ..Limits::default()
    });
    for length in [10_000, 50_000] {
        let head = format!(
            "GET /small HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
            "x".repeat(length)
        );
        visitor.send(&head);
        rig.settle();
    }
    assert_eq!(visitor.statuses(), [200, 431]);
    assert!(visitor.is_closed());
}

#[test]
fn a_late_wake_finds_nobody() {
    let mut rig = Rig::new(Limits::default());
    let mut visitor = rig.visit("GET /later/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    rig.wakers.wake(0, true);
    rig.settle();
    assert!(visitor.text().ends_with("\r\n0\r\n\r\n"));
    visitor.send("GET /later/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    rig.settle();
    rig.wakers.wake(0, false);
    rig.settle();
    assert_eq!(visitor.text().matches("\r\n0\r\n\r\n").count(), 1);
    assert_eq!(rig.engine.workers[0].stats.late.value(), 1);
}

#[test]
fn data_and_fin_in_one_packet_are_answered() {
    for (request, body) in [
        ("GET /small HTTP/1.1\r\nHost: a\r\n\r\n", "small\n"),
        ("GET /stream/3 HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n0\r\n\r\n"),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
            "\r\n0\r\n\r\n",
        ),
        (
            "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
            "x",
        ),
    ] {
        let mut rig = Rig::new(Limits::default());
        let options = LinkOptions::default();
        let link = rig.engine.network.connect(0, options).unwrap();
        let mut visitor = super::rig::Visitor {
            link,
            received: Vec::new(),
        };
        visitor.send(request);
        visitor.link.finish();
        rig.settle();
        assert!(visitor.text().ends_with(body), "{request}");
        assert!(visitor.is_closed(), "{request}");
        assert_eq!(rig.engine.network.sockets(), 0);
    }
}

#[test]
fn a_client_that_half_closes_has_left_a_job_unless_the_route_says_otherwise() {
    for (path, statuses) in [("job", &[200][..]), ("answer", &[200, 200])] {
        let mut rig = Rig::new(Limits::default());
        let small = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut visitor = rig.visit(&format!("{small}GET /{path}/1 HTTP/1.1\r\nHost: a\r\n\r\n"));
        visitor.link.finish();
        rig.settle();
        assert!(rig.engine.jobs.run_one(0));
        rig.settle();
        assert_eq!(visitor.statuses(), statuses, "{path}");
        assert!(visitor.is_closed(), "{path}");
        let abandoned = 2 - statuses.len() as u64;
        assert_eq!(rig.engine.workers[0].stats.abandoned.value(), abandoned);
    }
}

#[test]
fn a_panic_before_the_first_byte_is_500_and_the_last_answer() {
    for path in ["/panic", "/stream-panic/0", "/job-panic"] {
        let mut rig = Rig::new(Limits::default());
        let small = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n";
        let panics = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut visitor = rig.visit(&format!("{small}{panics}{small}"));
        rig.engine.jobs.run_one(0);
        rig.settle();
        assert_eq!(visitor.statuses(), [200, 500], "{path}");
        assert!(visitor.text().contains("Connection: close"), "{path}");
        assert!(visitor.is_closed(), "{path}");
    }
}

#[test]
fn a_panic_after_the_first_byte_cuts_the_response_and_not_the_one_before() {
    let mut rig = Rig::new(Limits::default());
    let small = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n";
    let panics = "GET /stream-panic/5 HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut visitor = rig.visit(&format!("{small}{panics}{small}"));
    assert_eq!(visitor.statuses(), [200, 200]);
    assert!(visitor.text().contains("small\n"));
    assert!(
        visitor.text().ends_with("\r\n5\r\nabcde\r\n"),
        "no final chunk"
    );
    assert!(visitor.is_closed());
}

/// Says all that a request consists of, if the worker's local value is a `T`.
fn take_apart<T: Any>(request: &mut Request<'_>) -> Reply {
    let (now, wall) = (request.now(), request.wall());
    let Some(parts) = request.parts(|local| local.downcast_mut::<T>()) else {
        return Reply::text("it is something else");
    };
    assert_eq!((parts.now, parts.wall), (now, wall));
    let Parts { view, out, now, .. } = parts;
    out.text(format_args!(
        "{} at {} and {}",
        view.path(),
        now.as_nanos() / 1_000_000,
        wall.as_millis()
    ))
}

#[test]
fn a_request_taken_apart_has_the_time_of_its_turn() {
    let mut rig = Rig::serving(Limits::default(), |builder| {
        builder
            .route(Route::get("/right", take_apart::<usize>))
            .route(Route::get("/wrong", take_apart::<String>))
    });
    let began = Clock::Manual(rig.engine.clock.clone()).wall().as_millis();
    let mut visitor = rig.visit("GET /wrong HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(visitor.text().ends_with("it is something else"));
    for millis in [0, 1, 1700, 61_000] {
        rig.pass_to(Duration::from_millis(millis));
        visitor.send("GET /right HTTP/1.1\r\nHost: a\r\n\r\n");
        rig.settle();
        let wall = began + u128::from(millis);
        let expected = format!("/right at {millis} and {wall}");
        assert!(visitor.text().ends_with(&expected), "{}", visitor.text());
    }
}
