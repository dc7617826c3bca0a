//! How a client speaks to a port: plainly, through TLS with its habits, or nonsense. Chosen from
//! the seed; what is said is in `script`.

use std::time::Duration;

use super::random::Random;
use super::request::{Asked, Final, Then};
use super::script::{Conditions, Move, Plan};
use crate::transport::tls::TlsVersion;

/// How a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    Plain,
    Tls(Habits),
    /// What is not TLS, where TLS is spoken; nor is it HTTP.
    Nonsense,
}

/// What a client does with TLS that the server must bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Habits {
    /// The only version that it speaks.
    pub version: TlsVersion,
    /// Plaintext that one of its records holds at most.
    pub record_bytes_max: usize,
    /// Ciphertext that it sends at once at most.
    pub piece_bytes_max: usize,
    pub stall: Option<Stall>,
    /// It says that it sends no more before it shuts its sending side, or leaves.
    pub says_goodbye: bool,
    /// It shuts its sending side when it is to send no more; otherwise it only says so.
    pub shuts: bool,
    /// It breaks a record at the end.
    pub corrupts: bool,
    /// It speaks nothing over TLS that the server does.
    pub is_foreign: bool,
}

/// A pause within what is sent, wherever in the handshake or after it that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stall {
    /// Ciphertext that is sent before.
    pub after: usize,
    pub pause: Duration,
    pub then: AfterStall,
}

/// What a client does after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterStall {
    GoesOn,
    Leaves,
    Resets,
}

/// Plaintext that a record holds at most (RFC 8446 section 5.1).
const RECORD_BYTES_MAX: usize = 16 << 10;

/// What a record adds to its plaintext.
const RECORD_OVERHEAD_BYTES: usize = 30;

/// About what a client sends before its first request.
const HANDSHAKE_BYTES: usize = 2000;

/// Pieces in which a client sends what it has to send, about.
const PIECES_MAX: usize = 2000;

/// Nothing that one could take for TLS.
const NONSENSE: [&[u8]; 7] = [
    // A record longer than any may be.
    b"\x16\x03\x01\xff\xff\x01\x00",
    // A message that no handshake begins with.
    b"\x16\x03\x01\x00\x04\x14\x00\x00\x00",
    // A ClientHello of a byte.
    b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03",
    // An alert.
    b"\x15\x03\x01\x00\x02\x02\x28",
    // Application data.
    b"\x17\x03\x03\x00\x03abc",
    // A record that never ends.
    b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03",
    b"\0\0\0\0\0\0\0\0",
];

/// Has a client speak to a port where TLS is spoken, most of the time as one should.
pub(super) fn choose(plan: &mut Plan, random: &mut Random, conditions: &Conditions) {
    match random.below(100) {
        _ if conditions.is_crowded => speak_tls(plan, random, true),
        0..4 => speak_plainly(plan, random),
        4..9 => {
            let bytes = random.pick(&NONSENSE);
            plan.bytes = bytes.to_vec();
            plan.asked.clear();
            plan.trails = false;
            plan.moves = vec![Move::Send(bytes.len())];
            match random.below(3) {
                0 => plan.leave(random, &[Move::Reset]),
                1 => plan.leave(random, &[Move::Close]),
                _ => {}
            }
            plan.half_closes = false;
            plan.ends_in_body = false;
            plan.voice = Voice::Nonsense;
        }
        9..12 => {
            plan.asked.clear();
            plan.moves = vec![Move::Send(plan.bytes.len())];
            (plan.leaves, plan.trails) = (false, false);
            (plan.half_closes, plan.ends_in_body) = (false, false);
            speak_tls(plan, random, false);
            if let Voice::Tls(habits) = &mut plan.voice {
                habits.is_foreign = true;
            }
        }
        _ => speak_tls(plan, random, false),
    }
}

/// HTTP where TLS is spoken: told so, whatever is asked.
fn speak_plainly(plan: &mut Plan, random: &mut Random) {
    let bytes: &[u8] = random.pick(&[&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"POST", b"g"]);
    plan.bytes = bytes.to_vec();
    plan.moves = vec![Move::Send(bytes.len())];
    plan.asked = vec![Asked {
        what: "plain HTTP".to_owned(),
        finals: vec![Final::error(400)],
        then: Then::Closes,
        ..Asked::small(0, bytes.len())
    }];
    plan.trails = false;
    plan.leaves = false;
    plan.half_closes = false;
    plan.ends_in_body = false;
}

fn speak_tls(plan: &mut Plan, random: &mut Random, is_crowded: bool) {
    let length = plan.bytes.len();
    let version = match random.percent(20) {
        true => TlsVersion::V1_2,
        false => TlsVersion::V1_3,
    };
    let record = random.pick(&[1, 10, 100, 1000, RECORD_BYTES_MAX, RECORD_BYTES_MAX]);
    let record = length.div_ceil(300).clamp(record, RECORD_BYTES_MAX);
    let piece = match is_crowded {
        true => usize::MAX,
        false => random.pick(&[1, 7, 100, 1000, usize::MAX, usize::MAX, usize::MAX]),
    };
    let sealed = HANDSHAKE_BYTES + length + length / record * RECORD_OVERHEAD_BYTES;
    let corrupts = plan.leaves && random.percent(30);
    if corrupts {
        plan.moves.truncate(plan.moves.len() - 1);
        plan.moves.push(Move::Corrupt);
    }
    if version == TlsVersion::V1_3 && random.percent(15) {
        for _ in 0..random.between(1, 3) {
            let last = plan.moves.len().saturating_sub(1);
            plan.moves.insert(random.below(last + 1), Move::UpdateKeys);
        }
    }
    let habits = Habits {
        version,
        record_bytes_max: record,
        piece_bytes_max: (sealed / PIECES_MAX).max(piece),
        stall: stall(plan, random),
        says_goodbye: random.percent(75),
        shuts: true,
        corrupts,
        is_foreign: false,
    };
    let shuts = !habits.says_goodbye || random.percent(70);
    plan.voice = Voice::Tls(Habits { shuts, ..habits });
}

fn stall(plan: &mut Plan, random: &mut Random) -> Option<Stall> {
    let is_late = plan.dawdles && random.percent(50);
    if !is_late && !random.percent(15) {
        return None;
    }
    let pause = match is_late {
        true => random.pick(&[9_000, 11_000, 40_000]),
        // A head that is begun may not take much longer.
        false => random.between(0, 300),
    };
    let then = match random.below(10) {
        0..6 => AfterStall::GoesOn,
        6..8 => AfterStall::Leaves,
        _ => AfterStall::Resets,
    };
    plan.leaves |= then != AfterStall::GoesOn;
    Some(Stall {
        after: random.pick(&[0, 1, 5, 150, 1000, 1400, 1600, 2000]),
        pause: Duration::from_millis(pause as u64),
        then,
    })
}

impl Voice {
    /// Whether what the client does to TLS is what ends the connection.
    pub(super) fn is_broken(self) -> bool {
        matches!(self, Voice::Tls(habits) if habits.corrupts || habits.is_foreign)
    }

    /// Whether the server speaks nothing of what the client does.
    pub(super) fn is_foreign(self) -> bool {
        matches!(self, Voice::Tls(habits) if habits.is_foreign)
    }
}
