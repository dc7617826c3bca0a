//! The script of a run: under which conditions it happens, and what each client does. All of it is
//! made from the seed before the run begins.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::random::Random;
use super::request::{self, Asked, Then};
use super::voice::{self, Voice};
use crate::limits::Limits;
use crate::transport::Peer;
use crate::transport::memory::{Chaos, LinkOptions};

/// What is the same for all clients of a run. What is not set must not happen to anybody.
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    pub limits: Limits,
    pub chaos: Chaos,
    pub workers: usize,
    /// One worker accepts for all.
    pub hands_over: bool,
    /// There are few blocks: answers may be refused or cut.
    pub is_tight: bool,
    /// There are caps on connections.
    pub is_capped: bool,
    /// Few jobs may wait.
    pub jobs_bounded: bool,
    /// Few bytes may be collected.
    pub collected_bounded: bool,
    /// Some jobs take longer than a request may.
    pub lazy_jobs: bool,
    /// Some clients take longer than they may.
    pub dawdles: bool,
    /// Each worker that accepts has a port where TLS is spoken, behind the one where it is not.
    pub is_secure: bool,
    /// Many clients speak TLS, all at once.
    pub is_crowded: bool,
    /// Until when the workers do not run, so that much has happened when they do.
    pub sleeps: Duration,
    pub drain_at: Option<Duration>,
    pub publish_at: Option<Duration>,
    /// When how many accepts fail.
    pub exhausted_at: Option<(Duration, usize)>,
}

/// What one client is going to do.
#[derive(Debug)]
pub(super) struct Plan {
    pub connect_at: Duration,
    pub listener: usize,
    pub options: LinkOptions,
    pub bytes: Vec<u8>,
    pub asked: Vec<Asked>,
    pub moves: Vec<Move>,
    /// Bytes that one call sends at most.
    pub piece_max: usize,
    pub reading: Reading,
    pub voice: Voice,
    /// It leaves before it has all answers.
    pub leaves: bool,
    /// It shuts its sending side.
    pub half_closes: bool,
    /// It does so within a body.
    pub ends_in_body: bool,
    /// It takes longer than it may.
    pub dawdles: bool,
    /// It sends something behind a request that it asked to be the last.
    pub trails: bool,
}

/// A thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Send up to this offset.
    Send(usize),
    Pause(Duration),
    /// Wait until so many answers are there.
    Await(usize),
    /// Wait for 100, or for the final answer of this request; in the latter case do not send the
    /// rest of it if so told.
    AwaitContinue {
        request: usize,
        skips_body: bool,
    },
    /// Have the keys changed.
    UpdateKeys,
    /// Send a record that cannot be decrypted.
    Corrupt,
    /// Shut the sending side.
    Finish,
    Reset,
    /// Close without waiting for anything.
    Close,
}

/// How a client takes its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Prompt,
    /// So many bytes at once, and a pause after each.
    Slow {
        bytes_max: usize,
        pause: Duration,
    },
    /// A pause after so many bytes.
    Stalls {
        after: usize,
        pause: Duration,
    },
}

impl Conditions {
    pub(super) fn new(random: &mut Random) -> Conditions {
        let mut on = |percent| random.percent(percent);
        let (is_tight, is_capped, lazy_jobs, dawdles) = (on(30), on(12), on(15), on(25));
        let (jobs_bounded, collected_bounded) = (on(8), on(6));
        let (drains, publishes, is_exhausted, hands_over) = (on(12), on(15), on(12), on(25));
        let is_secure = on(35);
        let is_crowded = is_secure && on(8);
        let limits = limits(random, is_tight, is_capped, jobs_bounded, collected_bounded);
        let often = |random: &mut Random, often: u16| random.pick(&[0, 0, often]);
        let chaos = Chaos {
            aborted: often(random, 500),
            delayed: often(random, 300),
            held_back: often(random, 200),
            lossy: random.pick(&[0, 500, 1000]),
            split: often(random, 300),
            spurious: often(random, 50),
            stale: often(random, 300),
        };
        let sleeps = match is_crowded {
            true => Duration::from_millis(random.pick(&[0, 8, 16])),
            false => Duration::ZERO,
        };
        let mut time = |percent| {
            let at = Duration::from_millis(random.between(0, 400) as u64);
            random.percent(percent).then_some(at)
        };
        let at = |yes: bool| if yes { 100 } else { 0 };
        Conditions {
            drain_at: time(at(drains)),
            publish_at: time(at(publishes)),
            exhausted_at: time(at(is_exhausted)).map(|time| (time, 3)),
            workers: random.pick(&[1, 1, 2, 3]),
            limits,
            sleeps,
            chaos,
            hands_over,
            is_tight,
            is_capped,
            jobs_bounded,
            collected_bounded,
            lazy_jobs,
            dawdles,
            is_secure,
            is_crowded,
        }
    }

    /// How many clients there are.
    pub(super) fn clients(&self, random: &mut Random) -> usize {
        match self.is_tight {
            _ if self.is_crowded => random.between(20, 50),
            true => random.between(3, 10),
            false => random.between(1, 5),
        }
    }
}

fn limits(
    random: &mut Random,
    is_tight: bool,
    is_capped: bool,
    jobs_bounded: bool,
    collected_bounded: bool,
) -> Limits {
    let mut limits = Limits {
        head_bytes_max: random.pick(&[2048, 16 << 10]),
        target_bytes_max: 1000,
        fields_max: 20,
        body_bytes_max: 25_000,
        chunk_line_bytes_max: 64,
        trailer_bytes_max: 200,
        requests_max: random.pick(&[0, 0, 1, 2, 4, 10_000]),
        pipe_bytes_max: random.pick(&[700, 3000, 20_000, 64 << 10]),
        skip_bytes_max: random.pick(&[0, 500, 64 << 10]),
        pool_bytes_max: 64 << 20,
        ..Limits::default()
    };
    if is_tight {
        limits.pool_bytes_max = 0;
    }
    if is_capped {
        limits.connections_max = random.between(1, 4);
        limits.connections_per_address_max = random.between(0, 2);
    }
    if jobs_bounded {
        limits.jobs_max = random.between(0, 1);
    }
    if collected_bounded {
        limits.collected_bytes_max = random.between(0, 4000);
    }
    limits
}

impl Plan {
    pub(super) fn new(random: &mut Random, conditions: &Conditions) -> Plan {
        let limits = &conditions.limits;
        let mut bytes = Vec::new();
        let mut asked = Vec::new();
        for _ in 0..random.between(1, if conditions.is_crowded { 1 } else { 6 }) {
            if random.percent(6) {
                asked.extend(request::write_burst(random, &mut bytes));
            } else if random.percent(6) {
                asked.push(request::write_malformed(random, limits, &mut bytes));
            } else {
                asked.push(request::write(random, limits, &mut bytes));
            }
        }
        if limits.requests_max > 0 {
            let last = asked.get_mut(limits.requests_max as usize - 1);
            if let Some(last) = last.filter(|last| last.then != Then::Closes) {
                last.then = Then::Closes;
            }
        }
        let most = random.pick(&[1, 20, 300, 5000, usize::MAX]);
        let mut plan = Plan {
            connect_at: Duration::from_micros(random.between(0, 60_000) as u64),
            listener: match conditions.hands_over {
                true => 0,
                false => random.below(conditions.workers),
            },
            options: options(random),
            piece_max: most.max(bytes.len() / 300),
            bytes,
            asked,
            moves: Vec::new(),
            reading: Reading::Prompt,
            voice: Voice::Plain,
            leaves: false,
            half_closes: false,
            ends_in_body: false,
            dawdles: conditions.dawdles && random.percent(50),
            trails: false,
        };
        let last = plan.asked.iter().position(|asked| asked.asks_to_close);
        plan.trails = last.is_some_and(|index| index + 1 < plan.asked.len());
        plan.choose_moves(random);
        plan.choose_end(random);
        plan.choose_reading(random);
        if conditions.is_secure {
            plan.choose_port(random, conditions);
        }
        plan
    }

    /// Which of a worker's two ports the client connects to.
    fn choose_port(&mut self, random: &mut Random, conditions: &Conditions) {
        self.listener *= 2;
        if conditions.is_crowded || random.percent(75) {
            self.listener += 1;
            voice::choose(self, random, conditions);
        }
        let most = random.pick(&[60, 60, 2000]);
        self.connect_at = match conditions.is_crowded {
            true => Duration::from_micros(random.below(500) as u64),
            // Late enough for a session to be resumed.
            false => Duration::from_micros(random.between(0, most * 1000) as u64),
        };
    }

    fn choose_moves(&mut self, random: &mut Random) {
        let awaits = random.pick(&[0, 0, 40, 100]);
        let pauses = random.percent(30);
        let slow_at = (self.dawdles && random.percent(70)).then(|| random.below(self.asked.len()));
        let mut moves = Vec::new();
        let steps = self.asked.iter().enumerate();
        for (index, asked) in steps.filter(|(_, asked)| !asked.is_joined) {
            if asked.expects && random.percent(70) {
                let skips_body = random.percent(50);
                moves.push(Move::Send(asked.head_end));
                moves.push(Move::AwaitContinue {
                    request: index,
                    skips_body,
                });
            } else if slow_at == Some(index) || (pauses && random.percent(50)) {
                let pause = match slow_at == Some(index) {
                    true => random.pick(&[2_000, 12_000, 40_000, 100_000]),
                    false => random.between(1, 600),
                };
                moves.push(Move::Send(random.between(asked.start, asked.end)));
                moves.push(Move::Pause(Duration::from_millis(pause as u64)));
            }
            moves.push(Move::Send(asked.end));
            if random.percent(awaits) {
                moves.push(Move::Await(index + 1));
            }
        }
        if random.percent(70) {
            // Requests follow each other without anything between them.
            let mut all = moves.into_iter().peekable();
            moves = Vec::new();
            while let Some(step) = all.next() {
                let goes_on = matches!((step, all.peek()), (Move::Send(_), Some(Move::Send(_))));
                moves.extend((!goes_on).then_some(step));
            }
        }
        self.moves = moves;
    }

    fn choose_end(&mut self, random: &mut Random) {
        let all = self.asked.len();
        match random.below(100) {
            0..40 => {
                self.half_closes = true;
                self.moves.push(Move::Finish);
            }
            40..58 => self.moves.extend([Move::Await(all), Move::Close]),
            // The server closes the connection when it has been idle for long enough.
            58..73 => {}
            73..80 => self.leave(random, &[Move::Reset]),
            80..87 => self.leave(random, &[Move::Close]),
            87..90 => {
                let at = random.below(self.moves.len() + 1);
                self.moves.truncate(at);
                self.leave(random, &[Move::Reset]);
            }
            _ => self.end_inside(random),
        }
    }

    pub(super) fn leave(&mut self, random: &mut Random, end: &[Move]) {
        self.leaves = true;
        let wait = Duration::from_micros(random.below(3000) as u64);
        self.moves.push(Move::Pause(wait));
        self.moves.extend(end);
    }

    /// Ends within the last request.
    fn end_inside(&mut self, random: &mut Random) {
        let Some(last) = self.asked.last() else {
            return;
        };
        let at = random.between(last.start + 1, last.end - 1);
        self.ends_in_body = at >= last.head_end;
        self.half_closes = true;
        for step in &mut self.moves {
            if let Move::Send(upto) = step {
                *upto = at.min(*upto);
            }
        }
        let all = self.asked.len();
        let never = |step: &Move| match *step {
            Move::Await(answers) => answers == all,
            Move::AwaitContinue { request, .. } => request + 1 == all,
            _ => false,
        };
        self.moves.retain(|step| !never(step));
        self.moves.push(Move::Finish);
    }

    fn choose_reading(&mut self, random: &mut Random) {
        let is_late = self.dawdles && random.percent(50);
        self.reading = match random.below(100) {
            _ if is_late => Reading::Stalls {
                after: random.pick(&[0, 100, 5000]),
                pause: Duration::from_secs(random.pick(&[7, 40, 200])),
            },
            0..65 => Reading::Prompt,
            65..85 => Reading::Slow {
                bytes_max: random.pick(&[200, 2000]),
                pause: Duration::from_micros(random.between(1, 2000) as u64),
            },
            _ => Reading::Stalls {
                after: random.pick(&[0, 10, 1000, 10_000]),
                pause: Duration::from_millis(random.between(1, 2500) as u64),
            },
        };
    }
}

fn options(random: &mut Random) -> LinkOptions {
    let size = |random: &mut Random| random.pick(&[100, 1500, 10_000, 64 << 10, 64 << 10]);
    LinkOptions {
        inbound_bytes_max: size(random),
        outbound_bytes_max: size(random),
        read_bytes_max: random.percent(20).then(|| random.pick(&[1000, 10_000])),
        peer: Peer::V4(Ipv4Addr::new(192, 0, 2, random.between(1, 3) as u8), 50_000),
    }
}
