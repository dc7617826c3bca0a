//! The world of a run: workers, a network, clients and a clock, stepped on one thread. Whatever can
//! happen next is chosen by the seed; time passes when nothing can.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::check::check_end;
use super::client::{Actor, When};
use super::random::Random;
use super::script::{Conditions, Plan};
use super::site::{Seen, Wakers, site};
use super::wire::Peers;
use super::workers::Engine;
use crate::engine::{Begun, Mail, Mutation};
use crate::time::Instant;
use crate::transport::memory::Network;

/// Steps after which a run is taken to go on for ever.
const STEPS_MAX: usize = 200_000;

/// Time after which it is, too.
const TIME_MAX: Duration = Duration::from_secs(3600);

/// What can happen next.
#[derive(Clone, Copy, Debug)]
enum Task {
    Turn(usize),
    Send(usize),
    Read(usize),
    Job,
    Wake,
    Drain,
    Publish,
    Exhaust,
}

/// A run.
pub(super) struct World {
    pub engine: Engine,
    random: Random,
    conditions: Conditions,
    actors: Vec<Actor>,
    wakers: Arc<Wakers>,
    seen: Arc<Seen>,
    job_at: Option<Instant>,
    /// Jobs that take their time.
    begun: Vec<Begun>,
    wake_at: Option<Instant>,
    drained: bool,
    /// What has happened, if anybody wants to know.
    pub trace: Option<Vec<String>>,
}

impl World {
    pub(super) fn new(seed: u64, mutation: Option<Mutation>) -> World {
        let mut random = Random::new(seed);
        let conditions = Conditions::new(&mut random);
        let network = Network::new(random.next(), conditions.chaos);
        let wakers = Arc::new(Wakers::default());
        let seen = Arc::new(Seen::default());
        let site = Arc::new(site(conditions.limits.clone(), "one", &wakers, &seen));
        let (workers, hands_over) = (conditions.workers, conditions.hands_over);
        let mut engine = Engine::new(network, &site, workers, hands_over, conditions.is_secure);
        for worker in &mut engine.workers {
            mutation.inspect(|&mutation| worker.core.mutate(mutation));
        }
        let clients = conditions.clients(&mut random);
        let peers = conditions.is_secure.then(Peers::new);
        let actor = |number| {
            let plan = Plan::new(&mut random.fork(), &conditions);
            let clients = peers.as_ref().and_then(|peers| peers.of(plan.voice));
            Actor::new(number, plan, clients)
        };
        let actors = (0..clients).map(actor).collect();
        World {
            engine,
            random,
            conditions,
            actors,
            wakers,
            seen,
            job_at: None,
            begun: Vec::new(),
            wake_at: None,
            drained: false,
            trace: None,
        }
    }

    /// Describes what is going to happen.
    pub(super) fn describe(&self) -> String {
        let mut text = format!("{:?}\n", self.conditions);
        for actor in &self.actors {
            let plan = &actor.plan;
            text.push_str(&format!(
                "client {}: {:?} {:?} pieces {} leaves {} half-closes {} (in body {}) dawdles {}\n",
                actor.number,
                plan.options,
                plan.reading,
                plan.piece_max,
                plan.leaves,
                plan.half_closes,
                plan.ends_in_body,
                plan.dawdles,
            ));
            let (voice, listener) = (plan.voice, plan.listener);
            text.push_str(&format!("    {voice:?} at listener {listener}\n"));
            for asked in &plan.asked {
                let (start, head_end, end) = (asked.start, asked.head_end, asked.end);
                let finals: Vec<_> = asked.finals.iter().map(|one| one.status).collect();
                text.push_str(&format!(
                    "    {start}..{head_end}..{end} {}: {finals:?} {:?}\n",
                    asked.what, asked.then
                ));
            }
            text.push_str(&format!("    {:?}\n", plan.moves));
        }
        text
    }

    /// Runs to the end, and judges what has happened.
    pub(super) fn run(&mut self) -> Result<(), String> {
        self.run_script()?;
        for actor in &self.actors {
            if actor.end.is_none() {
                return Err(format!("client {} never ends", actor.number));
            }
        }
        self.wind_up()
    }

    fn run_script(&mut self) -> Result<(), String> {
        let mut tasks = Vec::new();
        for _ in 0..STEPS_MAX {
            if self.actors.iter().all(|actor| actor.end.is_some()) {
                return Ok(());
            }
            self.plan_jobs_and_wakes();
            tasks.clear();
            self.find_tasks(&mut tasks);
            if tasks.is_empty() {
                let Some(next) = self.next_time() else {
                    return Ok(());
                };
                self.engine.clock.set(next.max(self.engine.now()));
                if self.engine.now() > Instant::START + TIME_MAX {
                    break;
                }
                continue;
            }
            let task = tasks[self.random.below(tasks.len())];
            self.perform(task)?;
            let passed = Duration::from_micros(self.random.below(60) as u64);
            self.engine.clock.advance(passed);
        }
        Err("it goes on for ever".to_owned())
    }

    /// A job, or the waking of a stream, is due some time after there is one.
    fn plan_jobs_and_wakes(&mut self) {
        let now = self.engine.now();
        let lazy = self.conditions.lazy_jobs;
        let has_jobs = self.engine.jobs.waiting() > 0 || !self.begun.is_empty();
        if self.job_at.is_none() && has_jobs {
            let millis = match self.random.below(100) {
                0..15 if lazy => self.random.between(1000, 60_000),
                0..40 => 0,
                _ => self.random.between(0, 30),
            };
            self.job_at = Some(now + Duration::from_millis(millis as u64));
        }
        if self.wake_at.is_none() && self.wakers.len() > 0 {
            let millis = self.random.pick(&[0, 0, 1, 20]);
            self.wake_at = Some(now + Duration::from_millis(millis));
        }
    }

    fn find_tasks(&self, tasks: &mut Vec<Task>) {
        let now = self.engine.now();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let runs = self.runs();
        let workers = 0..self.engine.workers.len();
        let ready = workers.filter(|&index| runs && self.engine.is_ready(index));
        tasks.extend(ready.map(Task::Turn));
        for actor in self.actors.iter().filter(|actor| actor.end.is_none()) {
            let due = |when| matches!(when, When::At(at) if at <= now);
            tasks.extend(due(actor.sends).then_some(Task::Send(actor.number)));
            tasks.extend(due(actor.reads).then_some(Task::Read(actor.number)));
        }
        tasks.extend(is_due(self.job_at).then_some(Task::Job));
        tasks.extend(is_due(self.wake_at).then_some(Task::Wake));
        let on = &self.conditions;
        let at = |time: Option<Duration>| time.map(|time| Instant::START + time);
        tasks.extend(is_due(at(on.drain_at)).then_some(Task::Drain));
        tasks.extend(is_due(at(on.publish_at)).then_some(Task::Publish));
        let exhausted_at = on.exhausted_at.map(|(time, _)| time);
        tasks.extend(is_due(at(exhausted_at)).then_some(Task::Exhaust));
    }

    /// Whether the workers run.
    fn runs(&self) -> bool {
        self.engine.now() >= Instant::START + self.conditions.sleeps
    }

    fn next_time(&self) -> Option<Instant> {
        let sides = self.actors.iter().filter(|actor| actor.end.is_none());
        let sides = sides.flat_map(|actor| [actor.sends, actor.reads]);
        let sides = sides.filter_map(|when| match when {
            When::At(at) => Some(at),
            When::Later | When::Never => None,
        });
        let on = &self.conditions;
        let script = [
            on.drain_at,
            on.publish_at,
            on.exhausted_at.map(|(time, _)| time),
            Some(on.sleeps).filter(|_| !self.runs()),
        ];
        let script = (script.into_iter().flatten()).map(|time| Instant::START + time);
        let due = self.engine.due().filter(|_| self.runs());
        let others = [self.job_at, self.wake_at, due];
        sides
            .chain(script)
            .chain(others.into_iter().flatten())
            .min()
    }

    fn perform(&mut self, task: Task) -> Result<(), String> {
        let now = self.engine.now();
        let mut happened = format!("{task:?}");
        match task {
            Task::Turn(index) => {
                self.engine.turn(index, &self.conditions.limits)?;
                self.actors.iter_mut().for_each(|actor| actor.poke(now));
            }
            Task::Send(number) => {
                let actor = &mut self.actors[number];
                happened = actor.send(&self.engine.network, &mut self.random, now);
                happened = format!("client {number}: {happened}");
            }
            Task::Read(number) => {
                let actor = &mut self.actors[number];
                happened = actor
                    .read(now)
                    .map_err(|why| format!("client {number}: {why}"))?;
                happened = format!("client {number}: {happened}");
            }
            Task::Job => {
                self.job_at = None;
                self.begin_or_finish_job();
            }
            Task::Wake => {
                self.wake_at = None;
                self.wakers
                    .wake(self.random.below(1000), self.random.percent(10));
            }
            Task::Drain => {
                self.conditions.drain_at = None;
                self.drained = true;
                self.engine.tell(|| Mail::Drain);
            }
            Task::Publish => {
                self.conditions.publish_at = None;
                let limits = self.conditions.limits.clone();
                let site = Arc::new(site(limits, "two", &self.wakers, &self.seen));
                self.engine.tell(|| Mail::Site(Arc::clone(&site)));
            }
            Task::Exhaust => {
                let count = self
                    .conditions
                    .exhausted_at
                    .take()
                    .map_or(0, |(_, count)| count);
                self.engine.network.fail_accepts(count);
            }
        }
        if let Some(trace) = &mut self.trace {
            let millis = now.as_nanos() as f64 / 1e6;
            trace.push(format!("{millis:12.3} {happened}"));
        }
        if let Task::Send(number) | Task::Read(number) = task
            && self.actors[number].end.is_some()
        {
            let drained = self.drained;
            let verdict = self.actors[number].judge(&self.conditions, drained);
            return verdict.map_err(|why| format!("client {number}: {why}"));
        }
        Ok(())
    }

    /// A job begins or ends; most do both at once.
    fn begin_or_finish_job(&mut self) {
        let (choice, waits_on) = (self.random.below(1000), self.random.percent(30));
        let is_one_begun = !self.begun.is_empty();
        if is_one_begun && (self.engine.jobs.waiting() == 0 || self.random.percent(50)) {
            self.begun.swap_remove(choice % self.begun.len()).finish();
        } else if let Some(begun) = self.engine.jobs.begin_one(choice) {
            match waits_on {
                true => self.begun.push(begun),
                false => begun.finish(),
            }
        }
    }

    /// All clients are gone: when all deadlines have passed, nothing may be left.
    fn wind_up(&mut self) -> Result<(), String> {
        let limits = self.conditions.limits.clone();
        let end = self.engine.now() + Duration::from_secs(400);
        let mut steps = 0;
        self.begun.drain(..).for_each(Begun::finish);
        while self.engine.now() < end {
            steps += 1;
            if steps > STEPS_MAX {
                return Err("the workers never rest".to_owned());
            }
            if self.engine.jobs.run_one(0) {
                continue;
            }
            if self.wakers.len() > 0 {
                self.wakers.wake(0, false);
            }
            let ready = (0..self.engine.workers.len()).find(|&index| self.engine.is_ready(index));
            match ready {
                Some(index) => self.engine.turn(index, &limits)?,
                None => {
                    let next = self.engine.due().map_or(end, |due| due.min(end));
                    self.engine.clock.set(next.max(self.engine.now()));
                }
            }
        }
        self.check_end()?;
        self.engine.tell(|| Mail::Drain);
        for index in 0..self.engine.workers.len() {
            if !self.engine.workers[index].is_over {
                self.engine.turn(index, &limits)?;
            }
            if !self.engine.workers[index].is_over {
                return Err(format!("worker {index} does not end"));
            }
        }
        Ok(())
    }

    fn check_end(&mut self) -> Result<(), String> {
        for (index, worker) in self.engine.workers.iter_mut().enumerate() {
            let stats = &worker.stats;
            let counts = [
                ("connections", stats.connections.value()),
                ("exchanges", stats.exchanges.value()),
            ];
            if let Some((what, count)) = counts.iter().find(|(_, count)| *count > 0) {
                return Err(format!("worker {index} still counts {count} {what}"));
            }
            check_end(&worker.core.view()).map_err(|why| format!("worker {index}: {why}"))?;
        }
        let workers = self.engine.workers.iter();
        let requests: u64 = workers.map(|worker| worker.stats.requests.value()).sum();
        let seen = self.seen.requests.load(Relaxed) as u64;
        if seen != requests {
            return Err(format!("the observers saw {seen} of {requests} requests"));
        }
        match self.engine.census.connections() {
            0 => Ok(()),
            count => Err(format!("the census still counts {count} connections")),
        }
    }
}
