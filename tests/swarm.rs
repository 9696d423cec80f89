//! The swarm: random manifests and faults from a seed, and what must hold whatever happens.
//!
//! After every revision: no pod is bound twice, no node is over its allocatable, revisions only grow, a Job runs no more
//! than its parallelism and is complete with all of its completions, an ordered StatefulSet skips no ordinal, no budget grants more
//! evictions than it allowed. At every
//! moment: of several schedulers and controller managers at most one may act, and no pod of a set runs twice.
//! Once the faults stop: the cluster converges, and no write that was acknowledged is lost.
//! `SEED=42 cargo test --test swarm` repeats one run; without it a fixed set of seeds is run.

#[path = "swarm/invariants.rs"]
mod invariants;
#[path = "swarm/storm.rs"]
mod storm;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use storm::Storm;

/// What is run when nobody asks for a seed.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=6;
/// Likewise with two of each leader, and with sets and jobs.
const SEEDS_OF_TWO: std::ops::RangeInclusive<u64> = 101..=104;

/// Seeds from here on have two of each leader.
const TWO_FROM: u64 = 101;

/// Runs a seed; how many evictions its budgets granted.
fn run(seed: u64) -> usize {
    let weathered = catch_unwind(AssertUnwindSafe(|| {
        let mut storm = Storm::new(seed, seed >= TWO_FROM);
        storm.rage();
        storm.calm();
        storm.evictions()
    }));
    weathered.unwrap_or_else(|panic| {
        eprintln!("reproduce: SEED={seed} cargo test --test swarm");
        resume_unwind(panic)
    })
}

#[test]
fn the_cluster_weathers_random_storms() {
    match std::env::var("SEED") {
        Ok(seed) => {
            run(seed.parse().unwrap_or_else(|error| panic!("SEED={seed} is no seed: {error}")));
        }
        Err(_) => SEEDS.for_each(|seed| {
            run(seed);
        }),
    }
}

#[test]
fn two_of_each_leader_weather_them_too() {
    if std::env::var_os("SEED").is_none() {
        let evictions: usize = SEEDS_OF_TWO.map(run).sum();
        assert!(evictions > 0, "a budget was asked for at least one eviction and granted it");
    }
}
