//! The simulation: the whole engine without sockets, threads or real time. A run is a function of
//! its seed, which decides what the clients do, what the network does to it, and in which order
//! things happen. `check` says what has to hold between any two turns, `client` what a client has
//! to get. A third of the worlds have ports where TLS is spoken: `voice` says how a client speaks
//! there, and `wire` wraps what it says; the rest of it, and its judge, do not notice.
//!
//! ```text
//!   seed ──► script ──► world ── turn ──► check      clients, jobs, wakes, drain, publish, time
//!                         └── send, read ──► wire ──► client ──► judge
//! ```

mod answers;
mod check;
mod client;
mod cold;
mod deadlines;
mod foretell;
mod handshakes;
mod jobs;
mod judge;
mod kind;
mod mutations;
mod passing;
mod random;
mod request;
mod rig;
mod script;
mod site;
mod streams;
mod voice;
mod windows;
mod wire;
mod workers;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::Mutation;
use world::World;

/// The first seed that is run.
const FIRST_SEED: u64 = 1;

/// What is wrong with a run.
fn run(seed: u64, mutation: Option<Mutation>) -> Result<(), String> {
    judge(&mut World::new(seed, mutation))
}

/// How a run happens, and what is wrong with it.
fn trace(seed: u64, mutation: Option<Mutation>) -> (String, Result<(), String>) {
    let mut world = World::new(seed, mutation);
    let mut told = world.describe();
    world.trace = Some(Vec::new());
    let outcome = judge(&mut world);
    for line in world.trace.iter().flatten() {
        told.push_str(line);
        told.push('\n');
    }
    for worker in &mut world.engine.workers {
        told.push_str(&format!("{:#?}\n", worker.core.view()));
    }
    (told, outcome)
}

fn judge(world: &mut World) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| world.run())).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied());
        Err(format!("panic: {}", text.unwrap_or("of some kind")))
    })
}

/// Seeds that have to fit into the time that there is in CI.
const SEEDS_MIN: usize = 2000;

/// The threads that seeds are run on, each seed on one of them.
const THREADS: usize = 2;

/// A turn that takes longer never ends.
const PATIENCE: Duration = Duration::from_secs(30);

/// What has become of a seed.
struct Ran {
    seed: u64,
    outcome: Result<(), String>,
}

/// Runs seeds from the first on, as long as `goes_on` says so of each, which is asked in no
/// particular order. A run that never ends is a failure too.
fn run_seeds(mutation: Option<Mutation>, mut goes_on: impl FnMut(Ran) -> bool) {
    let next = Arc::new(AtomicU64::new(FIRST_SEED));
    let (sender, receiver) = channel();
    for _ in 0..THREADS {
        let (next, sender) = (Arc::clone(&next), sender.clone());
        thread::spawn(move || {
            loop {
                let seed = next.fetch_add(1, Relaxed);
                if sender.send((seed, None)).is_err() {
                    return;
                }
                let outcome = run(seed, mutation);
                if sender.send((seed, Some(outcome))).is_err() {
                    return;
                }
            }
        });
    }
    let mut running = BTreeMap::new();
    loop {
        let ran = match receiver.recv_timeout(Duration::from_secs(1)) {
            Ok((seed, None)) => {
                running.insert(seed, Instant::now());
                None
            }
            Ok((seed, Some(outcome))) => {
                running.remove(&seed);
                Some(Ran { seed, outcome })
            }
            Err(_) => None,
        };
        let hanging = running.iter().find(|(_, began)| began.elapsed() > PATIENCE);
        let hangs = |(&seed, _)| Ran {
            seed,
            outcome: Err("a turn never ends".to_owned()),
        };
        if let Some(ran) = ran.or(hanging.map(hangs)) {
            running.remove(&ran.seed);
            if !goes_on(ran) {
                return;
            }
        }
    }
}

#[test]
fn a_seed_means_the_same_every_time() {
    for seed in FIRST_SEED..FIRST_SEED + 30 {
        assert_eq!(trace(seed, None), trace(seed, None), "seed {seed}");
    }
}

#[test]
fn simulation_holds() {
    if let Ok(seed) = std::env::var("TIDEGATE_SEED") {
        let seed = seed.parse().expect("TIDEGATE_SEED is a number");
        if let (trace, Err(why)) = trace(seed, None) {
            panic!("{trace}{why}");
        }
        return;
    }
    let in_ci = std::env::var_os("CI").is_some();
    let time = Duration::from_secs(if in_ci { 90 } else { 10 });
    let start = Instant::now();
    let mut count = 0;
    run_seeds(None, |Ran { seed, outcome }| {
        if let Err(why) = outcome {
            panic!(
                "simulation seed {seed} failed: {why}; \
                 replay with TIDEGATE_SEED={seed} cargo test -p reactor simulation"
            );
        }
        count += 1;
        start.elapsed() < time
    });
    println!("{count} seeds ran");
    assert!(
        !in_ci || count >= SEEDS_MIN,
        "too few seeds: runs have become slow"
    );
}

#[test]
fn handshakes_of_every_kind_happen() {
    let (mut begun, mut resumed, mut failed) = (0, 0, 0);
    for seed in FIRST_SEED..FIRST_SEED + 100 {
        let mut world = World::new(seed, None);
        judge(&mut world).unwrap();
        for worker in &world.engine.workers {
            begun += worker.stats.handshakes.value();
            resumed += worker.stats.handshakes_resumed.value();
            failed += worker.stats.handshakes_failed.value();
        }
    }
    println!("{begun} handshakes, {resumed} of them resumed; {failed} failed");
    assert!(begun - resumed > 100 && resumed > 10 && failed > 10);
}
