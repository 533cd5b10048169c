//! Stories by their seeds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is its verdict"
)]

use std::collections::BTreeMap;
use std::time::Instant;

use simulation::{Outcome, Plan, Story, Turns};

/// How many stories are told, unless `SIMULATION_SEEDS` says.
const SEEDS: u64 = 1_000;

fn told(seed: u64) -> Outcome {
    // What goes wrong, and how often, is the seed's too.
    let share = |by: u64| [0.0, 0.25, 0.5, 0.75][usize::try_from(seed / by % 4).unwrap()];
    let plan = Plan::Random {
        death: 0.06 * share(1),
        fault: 0.06 * share(4),
    };
    let turns = Turns {
        orders: 2 + usize::try_from(seed % 4).unwrap(),
        // In a third of the stories; another third is told with transcripts.
        live: if seed.is_multiple_of(3) { 0.5 } else { 0.0 },
        bad_times_s: 3_600,
        kaltura_fails: 0.3 * share(16),
        customer_turns: 0.05 * share(64),
        operator_turns: 0.08 * share(256),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(Story::new(seed, plan).tell(turns))
}

#[test]
fn no_order_is_lost_or_delivered_twice() {
    if let Some(seed) = std::env::var("SIMULATION_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        let outcome = told(seed);
        panic!("seed {seed}: {outcome:#?}");
    }
    let seeds = std::env::var("SIMULATION_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok());
    let seeds = seeds.unwrap_or(SEEDS);
    let begun = Instant::now();
    let halves: Vec<_> = (0..2)
        .map(|half| {
            std::thread::spawn(move || {
                let seeds = (1..=seeds).filter(|seed| seed % 2 == half);
                seeds.map(|seed| (seed, told(seed))).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    let mut listeners: BTreeMap<&str, usize> = BTreeMap::new();
    let mut blows = BTreeMap::new();
    let mut faults: BTreeMap<String, usize> = BTreeMap::new();
    let mut visited: BTreeMap<String, usize> = BTreeMap::new();
    let (mut invocations, mut broken) = (0, Vec::new());
    let mut least_key_margin_s = None;
    for (seed, outcome) in halves.into_iter().flat_map(|half| half.join().unwrap()) {
        for (end, count) in outcome.ends {
            *ends.entry(end).or_default() += count;
        }
        for (listener, count) in outcome.listeners {
            *listeners.entry(listener).or_default() += count;
        }
        for (blow, count) in outcome.blows {
            *blows.entry(blow).or_insert(0) += count;
        }
        for (fault, count) in outcome.faults {
            *faults.entry(fault).or_default() += count;
        }
        for (state, count) in outcome.visited {
            *visited.entry(state).or_default() += count;
        }
        invocations += outcome.invocations;
        least_key_margin_s = least_key_margin_s
            .into_iter()
            .chain(outcome.least_key_margin_s)
            .min();
        for story in &outcome.told {
            println!("seed {seed}: {story}");
        }
        if !outcome.broken.is_empty() {
            broken.push((seed, outcome.broken));
        }
    }
    println!(
        "{seeds} stories in {:.1} s: {invocations} calls of functions",
        begun.elapsed().as_secs_f64()
    );
    println!(
        "ends: {ends:?}\nlisteners of live events: {listeners:?}\nblows: {blows:?}\nfaults at kaltura: {faults:?}\nstates: {visited:?}"
    );
    println!("least key margin: {least_key_margin_s:?} s");
    assert!(
        broken.is_empty(),
        "{} of {seeds} seeds broke something; again with SIMULATION_SEED={}:\n{:#?}",
        broken.len(),
        broken[0].0,
        broken.iter().take(5).collect::<Vec<_>>()
    );
    // A story that never gets anywhere would prove nothing.
    for end in ["Delivered", "Failed", "Gone"] {
        assert!(ends.contains_key(end), "{ends:?}");
    }
    assert!(listeners.contains_key("there"), "{listeners:?}");
    for state in ["FailOrder", "CloseGone", "Park", "AwaitImport", "Finalize"] {
        assert!(visited.contains_key(state), "the state {state} was never entered");
    }
}
