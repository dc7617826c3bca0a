//! TLS on a clock that is moved by hand: whose handshake is answered when, how long it may take,
//! and with what a connection ends.

use std::time::Duration;

use super::rig::{Guest, Rig};
use super::wire::Peers;
use crate::engine::ANSWERS_A_TURN;
use crate::limits::Limits;
use crate::transport::memory::LinkOptions;
use crate::transport::tls::client;

const GET: &str = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n";
const EARLIER: Duration = Duration::from_millis(1);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Lets time pass to just before `time`, when nobody may have been let go, and then to it, when
/// all have.
fn pass_to(rig: &mut Rig, time: Duration) {
    let sockets = rig.engine.network.sockets();
    rig.pass_to(time - EARLIER);
    assert_eq!(rig.engine.network.sockets(), sockets, "too early");
    rig.pass(EARLIER);
    assert_eq!(rig.engine.network.sockets(), 0);
}

fn failed(rig: &Rig) -> u64 {
    rig.engine.workers[0].stats.handshakes_failed.value()
}

#[test]
fn a_handshake_has_ten_seconds_in_all_however_it_drips() {
    let mut rig = Rig::new(Limits::default());
    let mut guest = rig.receive();
    rig.settle();
    for second in 1..10 {
        rig.pass_to(seconds(second));
        guest.send_sealed(150);
        rig.settle();
    }
    pass_to(&mut rig, seconds(10));
    assert_eq!(failed(&rig), 1);
}

#[test]
fn a_handshake_has_its_time_from_the_connection_also_when_nothing_comes() {
    let mut rig = Rig::new(Limits::default());
    rig.pass_to(seconds(3));
    let _guest = rig.receive();
    rig.settle();
    pass_to(&mut rig, seconds(13));
    assert_eq!(failed(&rig), 1);
}

#[test]
fn a_handshake_that_was_answered_has_no_more_time_for_that() {
    let mut rig = Rig::new(Limits::default());
    let mut guest = rig.receive();
    rig.pass_to(seconds(9));
    guest.send_sealed(usize::MAX);
    rig.settle();
    // The client has the answer, and says nothing to it.
    guest.hear();
    assert!(!guest.tls.is_handshaking());
    pass_to(&mut rig, seconds(10));
    assert_eq!(failed(&rig), 1);
}

#[test]
fn a_handshake_that_nobody_takes_has_no_more_time_either() {
    let mut rig = Rig::new(Limits::default());
    let options = LinkOptions {
        outbound_bytes_max: 100,
        ..LinkOptions::default()
    };
    let mut guest = rig.receive_with(options);
    guest.send_sealed(usize::MAX);
    for second in 1..10 {
        rig.pass_to(seconds(second));
        guest.hear();
        rig.settle();
    }
    pass_to(&mut rig, seconds(10));
    assert_eq!(failed(&rig), 1);
}

#[test]
fn who_waits_for_an_answer_has_the_same_time() {
    let mut rig = Rig::new(Limits::default());
    let mut guests: Vec<Guest> = (0..=ANSWERS_A_TURN).map(|_| rig.receive()).collect();
    rig.settle();
    rig.pass_to(seconds(10) - EARLIER);
    for guest in &mut guests {
        guest.send_sealed(usize::MAX);
    }
    rig.turn();
    assert_eq!(waiting(&mut rig), 1);
    assert_eq!(rig.engine.network.sockets(), guests.len(), "too early");
    rig.engine.clock.advance(EARLIER);
    rig.turn();
    assert_eq!(rig.engine.network.sockets(), 0);
    assert_eq!(failed(&rig), guests.len() as u64);
}

/// How many were not answered yet.
fn waiting(rig: &mut Rig) -> usize {
    let view = rig.engine.workers[0].core.view();
    let tls = view.connections.iter().filter_map(|one| one.tls);
    tls.filter(|tls| tls.awaits_hello).count()
}

#[test]
fn a_turn_answers_a_few_and_nobody_is_passed_over() {
    let mut rig = Rig::new(Limits::default());
    let mut guests: Vec<Guest> = (0..40).map(|_| rig.receive()).collect();
    rig.settle();
    for guest in &mut guests {
        guest.send_sealed(usize::MAX);
    }
    let mut answered = Vec::new();
    let mut left = guests.len();
    while left > ANSWERS_A_TURN {
        rig.turn();
        left -= ANSWERS_A_TURN;
        assert_eq!(waiting(&mut rig), left);
        // Who comes later waits behind them.
        let late = rig.receive();
        left += 1;
        guests.push(late);
        let last = guests.len() - 1;
        guests[last].send_sealed(usize::MAX);
        for (index, guest) in guests.iter_mut().enumerate() {
            guest.hear();
            if !guest.tls.is_handshaking() && !answered.contains(&index) {
                answered.push(index);
            }
        }
    }
    assert!(answered[..40].iter().all(|&index| index < 40));
    rig.settle();
    for guest in &mut guests {
        guest.hear();
        assert!(!guest.tls.is_handshaking());
        guest.say(GET);
    }
    rig.settle();
    for guest in &mut guests {
        assert!(guest.text().ends_with("small\n"));
    }
}

#[test]
fn a_reset_in_the_handshake_is_counted_wherever_it_comes() {
    let mut rig = Rig::new(Limits::default());
    for (number, bytes) in [0, 100, usize::MAX].into_iter().enumerate() {
        let mut guest = rig.receive();
        guest.send_sealed(bytes);
        rig.settle();
        assert_eq!(failed(&rig), number as u64);
        guest.link.reset();
        rig.settle();
        assert_eq!(rig.engine.network.sockets(), 0);
        assert_eq!(failed(&rig), number as u64 + 1);
    }
}

#[test]
fn those_who_left_while_they_waited_take_nobodys_turn() {
    let mut rig = Rig::new(Limits::default());
    let mut guests: Vec<Guest> = (0..200).map(|_| rig.receive()).collect();
    rig.settle();
    rig.settle();
    for guest in &mut guests {
        guest.send_sealed(usize::MAX);
    }
    rig.turn();
    assert_eq!(waiting(&mut rig), 200 - ANSWERS_A_TURN);
    for guest in &mut guests {
        guest.link.reset();
    }
    let mut late = rig.receive();
    late.send_sealed(usize::MAX);
    rig.turn();
    late.hear();
    assert!(!late.tls.is_handshaking());
    assert_eq!(waiting(&mut rig), 0);
}

#[test]
fn a_turn_that_comes_while_there_is_no_block_is_not_lost() {
    let mut rig = Rig::new(Limits {
        pool_bytes_max: 0,
        ..Limits::default()
    });
    let mut guests: Vec<Guest> = (0..20).map(|_| rig.receive()).collect();
    rig.settle();
    for guest in &mut guests {
        guest.send_sealed(usize::MAX);
    }
    rig.turn();
    assert_eq!(waiting(&mut rig), 20 - ANSWERS_A_TURN);
    // Incomplete heads take all blocks before the turn of those who wait has come.
    let head = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(5000));
    let connect = |rig: &Rig| rig.engine.network.connect(0, LinkOptions::default());
    let mut holders: Vec<_> = (0..20).map(|_| connect(&rig).unwrap()).collect();
    for holder in &mut holders {
        assert_eq!(holder.send(head.as_bytes()), head.len());
    }
    rig.turn();
    assert_eq!(waiting(&mut rig), 20 - ANSWERS_A_TURN);
    rig.settle();
    assert_eq!(waiting(&mut rig), 0);
}

#[test]
fn an_idle_connection_is_closed_with_a_goodbye() {
    let mut rig = Rig::new(Limits::default());
    let mut guest = rig.receive();
    rig.shake_hands(&mut guest);
    guest.say(GET);
    rig.settle();
    assert!(guest.text().ends_with("small\n"));
    assert!(!guest.tls.has_ended());
    pass_to(&mut rig, seconds(75));
    guest.hear();
    assert!(guest.tls.has_ended());
    assert!(guest.link.has_ended());
}

#[test]
fn a_client_that_says_goodbye_is_let_go_though_it_leaves_its_side_open() {
    let mut rig = Rig::new(Limits::default());
    let mut guest = rig.receive();
    rig.shake_hands(&mut guest);
    // In one read with the request, so that nothing else tells of it.
    guest.tls.write(GET.as_bytes());
    guest.tls.close();
    guest.send_sealed(usize::MAX);
    rig.settle();
    assert!(guest.text().ends_with("small\n"));
    assert!(guest.tls.has_ended());
    assert_eq!(rig.engine.network.sockets(), 0);
}

#[test]
fn the_last_answer_is_not_destroyed_by_a_goodbye_that_crosses_it() {
    let mut rig = Rig::new(Limits::default());
    let mut guest = rig.receive();
    rig.shake_hands(&mut guest);
    guest.say("GET /small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    rig.settle();
    guest.tls.close();
    guest.send_sealed(usize::MAX);
    rig.settle();
    assert!(!guest.link.was_reset());
    assert!(guest.text().ends_with("small\n"));
    guest.link.finish();
    rig.settle();
    assert_eq!(rig.engine.network.sockets(), 0);
}

#[test]
fn what_cannot_be_decrypted_behind_the_last_answer_is_thrown_away() {
    let mut rig = Rig::new(Limits::default());
    let mut guest = rig.receive();
    rig.shake_hands(&mut guest);
    guest.say("GET /bye HTTP/1.1\r\nHost: a\r\n\r\n");
    rig.settle();
    let junk = [&b"\x17\x03\x03\x00\x20"[..], &[0; 32]].concat();
    assert_eq!(guest.link.send(&junk), junk.len());
    rig.settle();
    assert!(!guest.link.was_reset());
    assert!(guest.text().ends_with("bye\n"));
    assert!(guest.tls.has_ended());
}

#[test]
fn a_body_that_is_cut_does_not_end_as_if_it_was_whole() {
    let mut rig = Rig::new(Limits::default());
    let mut guest = rig.receive();
    rig.shake_hands(&mut guest);
    guest.say("GET /stream-panic/5 HTTP/1.0\r\nHost: a\r\n\r\n");
    rig.settle();
    assert!(guest.text().ends_with("\r\n\r\nabcde"));
    assert!(guest.link.has_ended());
    assert!(!guest.tls.has_ended());
}

#[test]
fn a_session_is_resumed_by_another_worker() {
    let mut rig = Rig::with_workers(2, Limits::default());
    let clients = Peers::latest();
    for (port, resumes) in [(1, false), (3, true)] {
        let mut guest = rig.receive_at(port, &clients);
        rig.shake_hands(&mut guest);
        assert_eq!(guest.tls.is_resumed(), resumes);
    }
    let resumed = |index: usize| rig.engine.workers[index].stats.handshakes_resumed.value();
    assert_eq!([resumed(0), resumed(1)], [0, 1]);
}

#[test]
fn a_second_first_message_waits_for_its_own_turn() {
    let mut rig = Rig::new(Limits::default());
    let clients = client::Clients::new(&client::ClientOptions {
        trusted: &[&client::LOCALHOST],
        retries: true,
        ..Default::default()
    });
    let mut guests: Vec<Guest> = (0..12).map(|_| rig.receive_at(1, &clients)).collect();
    for guest in &mut guests {
        guest.send_sealed(usize::MAX);
    }
    rig.settle();
    // All are told to choose another group, which costs nothing; the signature comes now.
    for guest in &mut guests {
        guest.hear();
        assert!(guest.tls.is_handshaking());
        guest.send_sealed(usize::MAX);
    }
    for turn in 1..=12 / ANSWERS_A_TURN {
        rig.turn();
        guests.iter_mut().for_each(Guest::hear);
        let secured = guests.iter().filter(|guest| !guest.tls.is_handshaking());
        assert_eq!(secured.count(), turn * ANSWERS_A_TURN);
    }
    for guest in &mut guests {
        guest.say(GET);
    }
    rig.settle();
    assert!(
        guests
            .iter_mut()
            .all(|guest| guest.text().ends_with("small\n"))
    );
}
