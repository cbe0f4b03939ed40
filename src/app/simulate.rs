//! `coedit simulate`: worlds made of seeds, to look for what goes wrong in one of them.

use std::panic::catch_unwind;
use std::time::Instant;

use anyhow::bail;

use crate::sim::{self, Options, Outcome};

/// Failing seeds after which no more are tried.
const N_FAILURES_MAX: usize = 20;

/// Lets the worlds of `n_seeds` seeds from `first` on run, each twice if `is_repeated`, and returns what there is to tell.
///
/// # Errors
/// If a rule was broken or a machine panicked: in which seeds, in what kind of world, and how to see it again.
pub fn simulate(first: u64, n_seeds: u64, is_repeated: bool) -> anyhow::Result<String> {
    let began = Instant::now();
    let (mut n_events, mut n_ops, mut simulated_ms, mut trace) = (0, 0, 0, 0u64);
    let mut failures = Vec::new();
    for seed in first..first.saturating_add(n_seeds) {
        let outcome = match one(seed, is_repeated) {
            Ok(outcome) => outcome,
            Err(failure) => {
                failures.push(failure);
                if failures.len() < N_FAILURES_MAX {
                    continue;
                }
                break;
            }
        };
        n_events += outcome.n_events;
        n_ops += outcome.n_ops;
        simulated_ms += outcome.simulated.0;
        trace = trace.rotate_left(1) ^ outcome.trace;
    }
    if !failures.is_empty() {
        bail!("{} of the seeds from {first} on failed: {}", failures.len(), failures.join(" | "));
    }
    let took = began.elapsed().as_secs_f64();
    let kind = if n_seeds == 1 { format!("{:#?}\n", Options::draw(first)) } else { String::new() };
    Ok(format!(
        "{kind}{n_seeds} seeds from {first} on: {n_events} events, {n_ops} operations, {:.1} hours simulated in {took:.1} s \
         ({:.0} seeds an hour), trace {trace:016x}\n",
        simulated_ms as f64 / 3_600_000.0,
        n_seeds as f64 / took * 3_600.0,
    ))
}

/// Returns what there was in the world of one seed, or what went wrong and how to see it again.
fn one(seed: u64, is_repeated: bool) -> Result<Outcome, String> {
    let run = || match catch_unwind(|| sim::run(seed)) {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(failure)) => Err(failure.to_string()),
        Err(_) => Err("panicked".to_owned()),
    };
    let outcome = run().and_then(|outcome| match is_repeated && run()? != outcome {
        true => Err("a second run was not the same as the first".to_owned()),
        false => Ok(outcome),
    });
    outcome.map_err(|what| {
        let options = Options::draw(seed);
        format!("seed {seed}: {what}; in {options:?}; see it again with coedit simulate --seed {seed}")
    })
}
