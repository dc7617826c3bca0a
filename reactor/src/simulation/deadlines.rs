//! Deadlines: each comes at its time and not before, on a clock that is moved by hand.

use std::time::Duration;

use super::rig::{Rig, Visitor};
use crate::limits::Limits;
use crate::service::{Reply, Request, Route};
use crate::time::Instant;
use crate::transport::memory::LinkOptions;

const GET: &str = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n";
const EARLIER: Duration = Duration::from_millis(1);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Limits without minimum rates.
fn patient() -> Limits {
    Limits {
        head_rate_min: 0,
        body_rate_min: 0,
        ..Limits::default()
    }
}

/// Lets time pass to just before `time`, when nothing may have been answered, and then to it.
fn pass_to(rig: &mut Rig, visitor: &mut Visitor, time: Duration) {
    let before = visitor.statuses();
    rig.pass_to(time - EARLIER);
    assert_eq!(visitor.statuses(), before, "too early");
    assert!(!visitor.link.has_ended(), "too early");
    rig.pass(EARLIER);
}

#[test]
fn a_head_has_ten_seconds_in_all_however_it_drips() {
    let mut rig = Rig::new(patient());
    let mut visitor = rig.visit("G");
    for second in 1..10 {
        rig.pass_to(seconds(second));
        visitor.send("X");
        rig.settle();
    }
    pass_to(&mut rig, &mut visitor, seconds(10));
    assert_eq!(visitor.statuses(), [408]);
    assert!(visitor.is_closed());
}

#[test]
fn a_head_is_held_to_its_rate_after_a_second() {
    let mut rig = Rig::new(Limits::default());
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(100));
    assert_eq!(head.len(), 2 * 64);
    let mut visitor = rig.visit(&head[..64]);
    rig.pass_to(Duration::from_millis(1500));
    visitor.send(&head[64..]);
    rig.settle();
    pass_to(&mut rig, &mut visitor, seconds(3));
    assert_eq!(visitor.statuses(), [408]);
}

#[test]
fn a_body_may_pause_for_thirty_seconds() {
    let mut rig = Rig::new(patient());
    let mut visitor = rig.visit("POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
    rig.pass_to(seconds(29));
    visitor.send("a");
    rig.settle();
    pass_to(&mut rig, &mut visitor, seconds(59));
    assert_eq!(visitor.statuses(), [408]);
}

#[test]
fn a_body_is_held_to_its_rate() {
    let mut rig = Rig::new(Limits::default());
    let mut visitor = rig.visit("POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\n");
    // 256 bytes at 128 a second: two seconds more than the thirty.
    for second in 1..=16 {
        rig.pass_to(seconds(second));
        visitor.send(&"x".repeat(16));
        rig.settle();
    }
    pass_to(&mut rig, &mut visitor, seconds(32));
    assert_eq!(visitor.statuses(), [408]);
}

#[test]
fn a_body_that_is_thrown_away_may_pause_for_thirty_seconds() {
    let mut rig = Rig::new(patient());
    let mut visitor = rig.visit("POST /drop HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na");
    assert_eq!(visitor.statuses(), [200]);
    pass_to(&mut rig, &mut visitor, seconds(30));
    assert!(visitor.is_closed());
}

#[test]
fn a_client_may_take_nothing_for_thirty_seconds() {
    let mut rig = Rig::new(Limits::default());
    let options = LinkOptions {
        outbound_bytes_max: 100,
        ..LinkOptions::default()
    };
    let mut visitor = rig.visit_with(options, "GET /shared HTTP/1.1\r\nHost: a\r\n\r\n");
    rig.pass_to(seconds(29));
    assert_eq!(visitor.link.receive_some(&mut visitor.received, 10), 10);
    rig.settle();
    // Nothing can be read in between: that would be progress.
    rig.pass_to(seconds(59) - EARLIER);
    assert_eq!(rig.engine.network.sockets(), 1, "too early");
    rig.pass(EARLIER);
    assert_eq!(rig.engine.network.sockets(), 0);
}

#[test]
fn an_idle_connection_is_closed_after_seventy_five_seconds() {
    let mut rig = Rig::new(Limits::default());
    let mut visitor = rig.visit("");
    pass_to(&mut rig, &mut visitor, seconds(75));
    assert!(visitor.is_closed());
}

#[test]
fn each_request_gives_an_idle_connection_its_whole_time() {
    let mut rig = Rig::new(Limits::default());
    let mut visitor = rig.visit("");
    for second in [70, 140, 210] {
        rig.pass_to(seconds(second));
        visitor.send(GET);
        rig.settle();
    }
    assert_eq!(visitor.statuses(), [200; 3]);
    pass_to(&mut rig, &mut visitor, seconds(285));
    assert!(visitor.is_closed());
}

#[test]
fn an_empty_line_is_not_yet_a_request() {
    let mut rig = Rig::new(Limits::default());
    let mut visitor = rig.visit(&format!("{GET}\r\n"));
    assert_eq!(visitor.statuses(), [200]);
    pass_to(&mut rig, &mut visitor, seconds(75));
    assert!(visitor.is_closed());
    assert_eq!(visitor.statuses(), [200]);
}

#[test]
fn a_refused_client_that_goes_on_sending_is_cut_off_after_half_a_minute() {
    let mut rig = Rig::new(Limits::default());
    let mut visitor = rig.visit("nonsense\r\n\r\n");
    assert_eq!(visitor.statuses(), [400]);
    for second in 1..30 {
        rig.pass_to(seconds(second));
        visitor.send("x");
        rig.settle();
    }
    rig.pass_to(seconds(30) - EARLIER);
    assert_eq!(rig.engine.network.sockets(), 1, "too early");
    rig.pass(EARLIER);
    assert_eq!(rig.engine.network.sockets(), 0);
}

#[test]
fn a_refused_client_that_stops_sending_is_cut_off_after_five_seconds() {
    let mut rig = Rig::new(Limits::default());
    let mut visitor = rig.visit("nonsense\r\n\r\n");
    rig.pass_to(seconds(4));
    visitor.send("x");
    rig.pass_to(seconds(9) - EARLIER);
    assert_eq!(rig.engine.network.sockets(), 1, "too early");
    rig.pass(EARLIER);
    assert_eq!(rig.engine.network.sockets(), 0);
}

#[test]
fn a_refused_client_that_closes_is_let_go_at_once() {
    let mut rig = Rig::new(Limits::default());
    let mut visitor = rig.visit("nonsense\r\n\r\n");
    visitor.link.finish();
    rig.settle();
    assert_eq!(rig.engine.network.sockets(), 0);
}

#[test]
fn a_job_has_thirty_seconds() {
    let mut rig = Rig::new(Limits::default());
    let mut visitor = rig.visit("GET /job/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    pass_to(&mut rig, &mut visitor, seconds(30));
    assert_eq!(visitor.statuses(), [503]);
    assert!(visitor.is_closed());
}

#[test]
fn a_job_has_thirty_seconds_from_the_end_of_its_request() {
    let mut rig = Rig::new(patient());
    let mut visitor = rig.visit("POST /job/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n");
    for second in [20, 40] {
        rig.pass_to(seconds(second));
        visitor.send("a");
        rig.settle();
    }
    pass_to(&mut rig, &mut visitor, seconds(70));
    assert_eq!(visitor.statuses(), [503]);
}

#[test]
fn a_stream_may_make_nothing_for_as_long_as_it_likes() {
    let mut rig = Rig::new(Limits::default());
    let mut visitor = rig.visit("GET /later/2 HTTP/1.1\r\nHost: a\r\n\r\n");
    for _ in 0..2 {
        rig.pass(seconds(1000));
        rig.wakers.wake(0, false);
        rig.settle();
    }
    assert!(visitor.text().ends_with("\r\n0\r\n\r\n"));
}

#[test]
fn a_stream_is_pulled_again_after_its_time_also_while_it_looks_for_a_body() {
    let mut rig = Rig::new(Limits::default());
    let mut visitor = rig.visit("POST /beat HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    for beats in 1..10 {
        assert_eq!(visitor.text().matches("beat ").count(), beats);
        rig.pass(Duration::from_millis(199));
        assert_eq!(visitor.text().matches("beat ").count(), beats, "too early");
        rig.pass(EARLIER);
    }
    visitor.send("x");
    rig.settle();
    assert!(visitor.text().ends_with("\r\n0\r\n\r\n"));
}

#[test]
fn a_body_that_never_comes_ends_a_stream_that_looks_for_it() {
    let mut rig = Rig::new(Limits::default());
    let mut visitor = rig.visit("POST /beat HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    rig.pass_to(seconds(30) - EARLIER);
    assert!(!visitor.is_closed(), "too early");
    rig.pass(EARLIER);
    assert!(visitor.is_closed());
    assert!(!visitor.text().ends_with("\r\n0\r\n\r\n"), "it is cut");
}

#[test]
fn an_idle_connection_has_a_second_when_a_drain_begins() {
    let mut rig = Rig::new(Limits::default());
    let mut idle = rig.visit("");
    let mut late = rig.visit(GET);
    rig.pass_to(seconds(10));
    rig.drain();
    pass_to(&mut rig, &mut idle, seconds(11) - EARLIER);
    late.send(GET);
    rig.settle();
    assert!(late.is_closed());
    assert_eq!(late.statuses(), [200, 200]);
    assert!(late.text().contains("Connection: close"));
    rig.pass(EARLIER);
    assert!(idle.is_closed());
    late.link.finish();
    rig.settle();
    assert!(rig.is_over());
}

#[test]
fn a_drain_waits_for_what_is_in_flight_but_not_for_ever() {
    let mut rig = Rig::new(Limits::default());
    let mut visitor = rig.visit("GET /later/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    rig.drain();
    rig.pass_to(seconds(30) - EARLIER);
    assert!(!rig.is_over() && !visitor.is_closed(), "too early");
    rig.pass(EARLIER);
    assert!(rig.is_over() && visitor.is_closed());
    assert_eq!(rig.engine.census.connections(), 0);
}

#[test]
fn accepting_is_tried_again_after_a_tenth_of_a_second() {
    let mut rig = Rig::new(Limits::default());
    rig.engine.network.fail_accepts(1);
    let mut visitor = rig.visit(GET);
    pass_to(&mut rig, &mut visitor, Duration::from_millis(100));
    assert_eq!(visitor.statuses(), [200]);
}

/// A local value that is looked after ten seconds after a request, and once more after another ten.
#[derive(Default)]
struct Tended {
    due: Option<Instant>,
    /// When it was.
    at: Vec<Instant>,
}

impl Tended {
    fn tend(&mut self, now: Instant) -> Option<Instant> {
        if self.due.is_some_and(|due| due <= now) {
            self.at.push(now);
            self.due = (self.at.len() == 1).then_some(now + seconds(10));
        }
        self.due
    }
}

/// Asks for a look in ten seconds; says when there have been any.
fn ask_to_be_tended(request: &mut Request<'_>) -> Reply {
    let now = request.now();
    let tended = request.local::<Tended>().unwrap();
    tended.due = Some(now + seconds(10));
    let text = format!("{:?}", tended.at);
    Reply::owned("text/plain", text.into_bytes())
}

#[test]
fn a_local_value_is_looked_after_when_it_says_so_and_then_the_worker_sleeps() {
    let route = Route::get("/", ask_to_be_tended);
    let mut rig = Rig::serving(patient(), |site| site.route(route));
    let worker = &mut rig.engine.workers[0];
    worker.core.keep(Tended::default(), |local, now| {
        local.downcast_mut::<Tended>()?.tend(now)
    });
    let get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    rig.pass_to(seconds(5));
    let mut first = rig.visit(get);
    assert!(first.text().ends_with("[]") && first.is_closed());
    // Turns for other reasons do not put it off.
    rig.pass_to(seconds(9));
    rig.visit("");
    rig.pass_to(seconds(60));
    assert_eq!(rig.engine.due(), None);
    let at = [seconds(15), seconds(25)].map(|time| Instant::START + time);
    assert!(rig.visit(get).text().ends_with(&format!("{at:?}")));
}

#[test]
fn a_panic_in_the_care_of_a_local_value_is_counted_and_the_worker_rests() {
    let mut rig = Rig::new(patient());
    let worker = &mut rig.engine.workers[0];
    worker.core.keep((), |_, _| panic!("on purpose"));
    // As long as it does not rest, this does not return.
    assert_eq!(rig.visit(GET).statuses(), [200]);
    assert!(rig.engine.workers[0].stats.panics.value() > 0);
}
