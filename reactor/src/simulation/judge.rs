//! What is right and wrong of the answers that a client has got: one final response to each
//! request, in order and byte by byte, or an end that the script explains.

use std::time::Duration;

use super::client::{Actor, Answer, End};
use super::request::{Asked, Final, Then};
use super::script::{Conditions, Reading};
use super::voice::Voice;
use crate::http::Framing;

/// Time that may pass between what happens and what the client sees of it.
const SLACK: Duration = Duration::from_secs(1);

/// What is right and wrong of the answers of one client.
pub(super) struct Judge<'a> {
    pub actor: &'a Actor,
    pub conditions: &'a Conditions,
    pub drained: bool,
    pub end: End,
}

impl Judge<'_> {
    pub(super) fn judge(&self) -> Result<(), String> {
        let plan = &self.actor.plan;
        let answers = &self.actor.answers;
        for (index, answer) in answers.iter().enumerate() {
            let Some(asked) = plan.asked.get(index) else {
                return Err(format!("answer {index} ({}) to nothing", answer.status));
            };
            let before = index.checked_sub(1).map(|index| &answers[index]);
            if before.is_some_and(|before| !before.keeps || !before.is_whole) {
                return Err(format!("answer {index} after the last one"));
            }
            if self.actor.sent <= asked.start && !self.is_cap(index, answer) {
                return Err(format!("answer {index} to what was not asked"));
            }
            self.judge_one(index, answer, asked)
                .map_err(|why| format!("answer {index} to {:?}: {why}", asked.what))?;
        }
        self.judge_versions()?;
        self.judge_time()?;
        self.judge_close()?;
        self.judge_end()
    }

    /// Once another site is served, the one before never is again.
    fn judge_versions(&self) -> Result<(), String> {
        let pairs = self.actor.answers.iter().zip(&self.actor.plan.asked);
        let whole = pairs.filter(|(answer, asked)| {
            answer.is_whole && answer.status == 200 && asked.what == "GET /version"
        });
        let versions: Vec<&[u8]> = whole.map(|(answer, _)| &answer.body[..]).collect();
        let known = versions
            .iter()
            .all(|version| matches!(*version, b"one" | b"two"));
        match known && versions.is_sorted() {
            true => Ok(()),
            false => Err(format!("it got versions {versions:?}")),
        }
    }

    /// A connection that is over is closed at once, an idle one when its time is over.
    fn judge_time(&self) -> Result<(), String> {
        let plan = &self.actor.plan;
        let on = self.conditions;
        let unsaid = plan
            .asked
            .last()
            .is_some_and(|last| last.then == Then::MayCloseUnsaid);
        let explained = unsaid || on.dawdles || on.lazy_jobs || on.is_tight || self.drained;
        let by_engine = matches!(self.end, End::Fin | End::Reset);
        if explained || !by_engine || plan.reading != Reading::Prompt {
            return Ok(());
        }
        let answers = &self.actor.answers;
        let is_closing = answers
            .last()
            .is_some_and(|last| !last.keeps || !last.is_whole);
        let waited = self.actor.ended_at.since(self.actor.busy_at);
        let idle = on.limits.idle_timeout;
        let is_idle = !is_closing
            && !plan.voice.is_broken()
            && !plan.half_closes
            && answers.len() == plan.asked.len();
        let handshake = on.limits.handshake_timeout;
        let expected = match is_idle {
            _ if plan.voice == Voice::Nonsense => Duration::ZERO..handshake + SLACK,
            true => idle - SLACK..idle + SLACK,
            false => Duration::ZERO..SLACK,
        };
        match expected.contains(&waited) {
            true => Ok(()),
            false => Err(format!("its connection was closed after {waited:?}")),
        }
    }

    /// Over TLS, an end is told of in a record that nobody can forge (RFC 8446 section 6.1), unless
    /// something was cut off.
    fn judge_close(&self) -> Result<(), String> {
        let answers = &self.actor.answers;
        let is_cut = answers.last().is_some_and(|last| !last.is_whole);
        let on = self.conditions;
        let overdue = self.drained && (on.dawdles || on.lazy_jobs || on.is_tight);
        let explained = is_cut || overdue || !self.actor.is_secured || self.is_broken_off();
        let plan = &self.actor.plan;
        let is_due = !(plan.dawdles || plan.leaves || on.is_capped || self.drained);
        match self.end {
            End::Fin if !self.actor.has_ended_cleanly && !explained => {
                Err("its connection ends as if it was cut".to_owned())
            }
            End::Fin | End::Reset
                if plan.voice.is_foreign() && !self.actor.was_refused && is_due =>
            {
                Err("it is not told why it is refused".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Whether the connection may end in the middle of anything.
    fn is_broken_off(&self) -> bool {
        self.actor.plan.voice.is_broken() || self.actor.plan.dawdles
    }

    fn judge_one(&self, index: usize, answer: &Answer, asked: &Asked) -> Result<(), String> {
        let Answer { status, body, .. } = answer;
        let fits = |status_, wanted: &Option<Vec<u8>>, is_cut: bool| {
            *status == status_
                && match wanted {
                    None => true,
                    Some(wanted) if answer.is_whole && !is_cut => body == wanted,
                    Some(wanted) => wanted.starts_with(body),
                }
        };
        let is_cut =
            |one: &Final| one.is_cut || answer.framing == Framing::UntilClose && self.may_cut();
        let fitting =
            || (asked.finals.iter()).filter(|one| fits(one.status, &one.body, is_cut(one)));
        // Of two that differ in nothing else, the one that is cut in the same way.
        let same = fitting().find(|one| one.is_cut != answer.is_whole);
        let Some(one) = same.or(fitting().next()) else {
            if self.is_excused(index, answer, asked) {
                return Ok(());
            }
            let wanted: Vec<_> = (asked.finals.iter())
                .map(|one| (one.status, one.body.as_ref().map(Vec::len)))
                .collect();
            let got = String::from_utf8_lossy(&body[..body.len().min(100)]);
            return Err(format!(
                "wanted {wanted:?}, got {status} with {} bytes ({got:?})",
                body.len(),
            ));
        };
        let is_told = answer.framing != Framing::UntilClose || self.actor.is_secured;
        if one.is_cut && answer.is_whole && is_told {
            return Err("it should have been cut".to_owned());
        }
        let reads_late = self.conditions.lazy_jobs && asked.is_cold;
        if !one.is_cut && !answer.is_whole && !self.may_cut() && !reads_late {
            return Err(format!("it is cut after {} bytes", body.len()));
        }
        let may_close = asked.then != Then::Persists || self.drained;
        if !answer.keeps && !may_close {
            return Err("it closes".to_owned());
        }
        if answer.keeps && asked.then == Then::Closes && answer.is_whole {
            return Err("it keeps the connection".to_owned());
        }
        Ok(())
    }

    /// Whether an answer that is not the right one has a good reason.
    fn is_excused(&self, index: usize, answer: &Answer, asked: &Asked) -> bool {
        let on = self.conditions;
        let by_job = asked.is_job || asked.what.contains("/answer/");
        let excuse = match answer.status {
            503 => {
                on.is_tight
                    || self.is_cap(index, answer)
                    || (by_job && (on.jobs_bounded || on.lazy_jobs))
                    || (asked.is_collected && on.collected_bounded)
            }
            408 => self.actor.plan.dawdles || on.is_tight,
            _ => false,
        };
        let may_keep = answer.status == 503 && by_job && on.jobs_bounded;
        excuse && (!answer.keeps || may_keep) && (answer.is_whole || self.may_cut())
    }

    fn is_cap(&self, index: usize, answer: &Answer) -> bool {
        self.conditions.is_capped && index == 0 && answer.status == 503 && !answer.keeps
    }

    /// Whether the answer to this request may be cut.
    fn may_cut(&self) -> bool {
        let plan = &self.actor.plan;
        self.end == End::Left
            || plan.leaves
            || plan.dawdles
            || plan.ends_in_body
            || plan.trails
            || (self.conditions.dawdles && (self.drained || self.conditions.is_tight))
            || (self.conditions.lazy_jobs && self.drained)
    }

    fn judge_end(&self) -> Result<(), String> {
        let plan = &self.actor.plan;
        let answers = &self.actor.answers;
        let next = answers.len();
        let Some(asked) = plan.asked.get(next).filter(|a| a.end <= self.actor.sent) else {
            return Ok(());
        };
        let closed = answers
            .last()
            .is_some_and(|last| !last.keeps || !last.is_whole);
        let unsaid = next > 0 && plan.asked[next - 1].then == Then::MayCloseUnsaid;
        let given_up = plan.half_closes && asked.is_job;
        let on = self.conditions;
        let drained = self.drained && (next == 0 || on.dawdles || on.lazy_jobs || on.is_tight);
        if closed || unsaid || given_up || drained || self.may_cut() {
            return Ok(());
        }
        if self.conditions.is_capped && next == 0 && self.end != End::Left {
            return Ok(());
        }
        Err(format!(
            "{:?} without an answer to {next}: {}",
            self.end, asked.what
        ))
    }
}
