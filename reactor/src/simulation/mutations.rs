//! Proof that the simulation bites: it finds every one of the deliberate bugs.

use super::{Ran, run_seeds};
use crate::engine::Mutation;

/// Seeds within which a bug has to be found.
const SEEDS_MAX: u64 = 10_000;

#[test]
fn mutations_are_found() {
    let missed: Vec<Mutation> = Mutation::ALL
        .into_iter()
        .filter(|&one| !is_found(one))
        .collect();
    assert_eq!(missed, [], "not found within {SEEDS_MAX} seeds");
}

/// Whether a bug is found; tells at which seed and by what.
fn is_found(mutation: Mutation) -> bool {
    let mut found = false;
    run_seeds(Some(mutation), |Ran { seed, outcome }| {
        if let Err(why) = outcome {
            let line = why.split(": ConnectionView").next().unwrap_or_default();
            println!("{mutation:?} is found by seed {seed}: {line}");
            found = true;
        }
        !found && seed < super::FIRST_SEED + SEEDS_MAX
    });
    found
}
