//! Answers in cases that a script meets too seldom, or that have to be seen as they are.

use super::rig::Rig;
use crate::limits::Limits;

#[test]
fn a_late_job_result_is_dropped_and_counted_also_when_its_place_is_taken() {
    let mut rig = Rig::new(Limits::default());
    let mut gone = rig.visit("GET /job/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    gone.link.reset();
    rig.settle();
    // The next one takes the slot and the exchange of the one that is gone.
    let mut visitor = rig.visit("GET /job/2 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(rig.engine.workers[0].core.view().exchanges, 1);
    assert!(rig.engine.jobs.run_one(0));
    rig.settle();
    assert_eq!(visitor.statuses(), []);
    assert_eq!(rig.engine.workers[0].stats.late.value(), 1);
    assert!(rig.engine.jobs.run_one(0));
    rig.settle();
    assert!(visitor.text().ends_with("job 2 of 0"));
    assert_eq!(rig.engine.workers[0].stats.late.value(), 1);
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
        let options = crate::transport::memory::LinkOptions::default();
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
