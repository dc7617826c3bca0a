//! A client at work: sends what its plan says, reads what comes, and judges it.

use std::time::Duration;

use super::judge::Judge;
use super::random::Random;
use super::script::{Conditions, Move, Plan, Reading};
use super::voice::AfterStall;
use super::wire::{Flushed, Wire};
use crate::http::{Framing, Method};
use crate::limits::Limits;
use crate::proto::h1::{BodyReader, HeadParser};
use crate::time::Instant;
use crate::transport::memory;
use crate::transport::tls::client::Clients;

/// When a side of a client has something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    At(Instant),
    /// When something else has happened.
    Later,
    Never,
}

/// A client.
#[derive(Debug)]
pub(super) struct Actor {
    pub plan: Plan,
    pub number: usize,
    /// What it has in common with the others that speak TLS.
    clients: Option<Clients>,
    wire: Option<Wire>,
    pub sent: usize,
    next_move: usize,
    pub sends: When,
    pub reads: When,
    has_stalled: bool,
    inbox: Vec<u8>,
    /// Bytes of the inbox that were parsed.
    parsed: usize,
    parser: HeadParser,
    body: Option<(Answer, BodyReader)>,
    pub answers: Vec<Answer>,
    /// Interim responses to the next final one.
    continues: usize,
    pub end: Option<End>,
    /// When it last sent or received something.
    pub busy_at: Instant,
    pub ended_at: Instant,
    /// TLS was agreed on, as far as it knows.
    pub is_secured: bool,
    /// It was told that TLS cannot go on.
    pub was_refused: bool,
    /// It knows that nothing was cut off.
    pub has_ended_cleanly: bool,
}

/// A response that has come.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub keeps: bool,
    pub framing: Framing,
    pub body: Vec<u8>,
    pub is_whole: bool,
}

/// How the connection ended, as the client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// There was never one.
    Refused,
    Fin,
    Reset,
    /// The client itself ended it.
    Left,
}

impl Actor {
    pub(super) fn new(number: usize, plan: Plan, clients: Option<Clients>) -> Actor {
        Actor {
            sends: When::At(Instant::START + plan.connect_at),
            plan,
            number,
            clients,
            wire: None,
            sent: 0,
            next_move: 0,
            reads: When::Never,
            has_stalled: false,
            inbox: Vec::new(),
            parsed: 0,
            parser: HeadParser::default(),
            body: None,
            answers: Vec::new(),
            continues: 0,
            end: None,
            busy_at: Instant::START,
            ended_at: Instant::START,
            is_secured: false,
            was_refused: false,
            has_ended_cleanly: true,
        }
    }

    /// Something has happened that a side may have waited for.
    pub(super) fn poke(&mut self, now: Instant) {
        for side in [&mut self.sends, &mut self.reads] {
            if *side == When::Later {
                *side = When::At(now);
            }
        }
    }

    /// Does a part of the next move; says what for the trace.
    pub(super) fn send(
        &mut self,
        network: &memory::Network,
        random: &mut Random,
        now: Instant,
    ) -> String {
        let soon = When::At(now + Duration::from_micros(random.below(400) as u64));
        let Some(wire) = &mut self.wire else {
            return self.connect(network, now);
        };
        let (flushed, sent) = wire.flush();
        self.sent += sent;
        if let Some(goes_on) = self.after_flush(flushed, soon, now) {
            return goes_on.to_owned();
        }
        let Some(&step) = self.plan.moves.get(self.next_move) else {
            self.sends = When::Never;
            return "has nothing more to send".to_owned();
        };
        self.sends = soon;
        if self.perform(step, random, now) {
            self.next_move += 1;
            self.busy_at = now;
        }
        format!("{step:?}, {} sent", self.sent)
    }

    /// Does a part of a move; whether that was the last of it.
    fn perform(&mut self, step: Move, random: &mut Random, now: Instant) -> bool {
        let Some(wire) = &mut self.wire else {
            return true;
        };
        let mut is_done = true;
        match step {
            Move::Send(upto) if self.sent < upto => {
                let most = self.plan.piece_max.min(upto - self.sent);
                let piece = random.between(most.div_ceil(2), most);
                let count = wire.send(&self.plan.bytes[self.sent..self.sent + piece]);
                self.sent += count;
                is_done = self.sent == upto;
                if count == 0 && !wire.has_unsent() {
                    self.sends = When::Later;
                }
            }
            Move::Send(_) => {}
            Move::Pause(time) => self.sends = When::At(now + time),
            Move::Await(answers) => {
                is_done = self.answers.len() >= answers;
                if !is_done {
                    self.sends = When::Later;
                }
            }
            Move::AwaitContinue {
                request,
                skips_body,
            } => {
                let is_answered = self.answers.len() > request || self.is_in_body_of(request);
                let is_asked = self.answers.len() == request && self.continues > 0;
                is_done = is_answered || is_asked;
                if !is_done {
                    self.sends = When::Later;
                } else if !is_asked && skips_body && self.was_told_to_stop() {
                    // Nobody would find the next request behind a body that is not there.
                    self.next_move = self.plan.moves.len();
                    is_done = false;
                } else if !is_asked && skips_body {
                    self.sent = self.sent.max(self.plan.asked[request].end);
                }
            }
            Move::UpdateKeys | Move::Corrupt | Move::Finish => {
                is_done = match step {
                    Move::UpdateKeys => wire.update_keys(),
                    Move::Corrupt => wire.corrupt(),
                    _ => wire.finish(),
                };
                if !is_done && !wire.has_unsent() {
                    self.sends = When::Later;
                }
            }
            Move::Reset => {
                wire.reset();
                self.leave();
            }
            Move::Close => {
                wire.part();
                self.leave();
            }
        }
        is_done
    }

    fn connect(&mut self, network: &memory::Network, now: Instant) -> String {
        match network.connect(self.plan.listener, self.plan.options) {
            Ok(link) => {
                self.wire = Some(Wire::new(link, self.plan.voice, self.clients.as_ref()));
                self.sends = When::At(now);
                self.reads = When::At(now);
                self.busy_at = now;
                "connects".to_owned()
            }
            Err(_) => {
                self.end = Some(End::Refused);
                "finds nobody".to_owned()
            }
        }
    }

    /// What the client does when TLS has had something to send: nothing else, while it has.
    fn after_flush(&mut self, flushed: Flushed, soon: When, now: Instant) -> Option<&'static str> {
        if matches!(flushed, Flushed::All | Flushed::Some) {
            self.busy_at = now;
        }
        self.sends = match flushed {
            Flushed::All | Flushed::Nothing => return None,
            Flushed::Some => soon,
            Flushed::Blocked => When::Later,
            Flushed::Stalls(pause, AfterStall::GoesOn) => When::At(now + pause),
            Flushed::Stalls(_, then) => {
                if let (Some(wire), AfterStall::Resets) = (&mut self.wire, then) {
                    wire.reset();
                }
                self.leave();
                return Some("leaves within what it sends");
            }
        };
        Some("sends what TLS has to send")
    }

    fn is_in_body_of(&self, request: usize) -> bool {
        self.answers.len() == request && self.body.is_some()
    }

    /// Whether the last answer, or the one that is coming, says that it is the last.
    fn was_told_to_stop(&self) -> bool {
        let coming = self.body.as_ref().map(|(answer, _)| answer);
        coming
            .or(self.answers.last())
            .is_some_and(|answer| !answer.keeps)
    }

    fn leave(&mut self) {
        self.end = Some(End::Left);
        self.wire = None;
    }

    /// Reads a part of what has come.
    pub(super) fn read(&mut self, now: Instant) -> Result<String, String> {
        let Some(wire) = &mut self.wire else {
            self.reads = When::Never;
            return Ok("has nothing to read".to_owned());
        };
        let most = match self.plan.reading {
            Reading::Slow { bytes_max, .. } => bytes_max,
            Reading::Stalls { after, .. } if !self.has_stalled => after - wire.received,
            _ => usize::MAX,
        };
        let before = (self.inbox.len(), self.is_secured);
        let count = wire.receive(&mut self.inbox, most)?;
        self.reads = match self.plan.reading {
            Reading::Stalls { after, pause } if !self.has_stalled && wire.received == after => {
                self.has_stalled = true;
                When::At(now + pause)
            }
            Reading::Slow { pause, .. } if count > 0 => When::At(now + pause),
            _ if count > 0 => When::At(now),
            _ => When::Later,
        };
        let (has_ended, was_reset) = (wire.has_ended(), wire.was_reset());
        self.is_secured = wire.is_secured();
        self.was_refused = wire.was_refused();
        self.has_ended_cleanly = wire.has_ended_cleanly();
        if wire.has_unsent() && matches!(self.sends, When::Later | When::Never) {
            self.sends = When::At(now);
        }
        self.parse()?;
        if before != (self.inbox.len(), self.is_secured) {
            self.busy_at = now;
        }
        if count > 0 && self.sends == When::Later {
            self.sends = When::At(now);
        }
        if has_ended || (was_reset && count == 0 && self.reads == When::Later) {
            self.end = Some(if has_ended { End::Fin } else { End::Reset });
            self.ended_at = now;
            self.wire = None;
        }
        Ok(format!(
            "reads {count}, {} answers, {:?}",
            self.answers.len(),
            self.end
        ))
    }

    /// Parses what has come.
    fn parse(&mut self) -> Result<(), String> {
        let limits = Limits::default();
        loop {
            let text = &self.inbox[self.parsed..];
            if let Some((answer, body)) = &mut self.body {
                let step = body
                    .read(text, &limits)
                    .map_err(|e| format!("its body: {e}"))?;
                answer.body.extend_from_slice(&text[step.data.clone()]);
                self.parsed += step.used;
                if body.is_done() {
                    answer.is_whole = true;
                    self.answers
                        .extend(self.body.take().map(|(answer, _)| answer));
                    self.continues = 0;
                } else if step.used == 0 {
                    return Ok(());
                }
                continue;
            }
            if text.is_empty() {
                return Ok(());
            }
            let asked = self.plan.asked.get(self.answers.len());
            let method = asked.map_or(Method::Get, |asked| asked.method);
            let mut fields = Vec::new();
            let head = self
                .parser
                .parse_response(text, &mut fields, method, &limits);
            let Some(head) = head.map_err(|e| format!("its head: {e}"))? else {
                return Ok(());
            };
            self.parsed += head.len;
            let status = head.status.code();
            if status == 100 {
                self.continues += 1;
                if self.continues > 1 || !asked.is_some_and(|asked| asked.expects) {
                    return Err(format!("100 for {asked:?}"));
                }
                continue;
            }
            let mut framing = head.framing;
            if method == Method::Head && !head.keep_alive && matches!(status, 408 | 503) {
                // Sent before the request's method was known, so with a body.
                framing = Framing::UntilClose;
            }
            let answer = Answer {
                status,
                keeps: head.keep_alive,
                framing,
                body: Vec::new(),
                is_whole: false,
            };
            self.body = Some((answer, BodyReader::new(framing, u64::MAX)));
        }
    }

    /// Judges the answers once the connection has ended.
    pub(super) fn judge(&mut self, conditions: &Conditions, drained: bool) -> Result<(), String> {
        let end = self.end.ok_or("it never ended")?;
        if let Some((mut answer, _)) = self.body.take() {
            answer.is_whole =
                answer.framing == Framing::UntilClose && end == End::Fin && self.has_ended_cleanly;
            self.answers.push(answer);
        }
        let judge = Judge {
            actor: self,
            conditions,
            drained,
            end,
        };
        judge.judge()
    }
}
