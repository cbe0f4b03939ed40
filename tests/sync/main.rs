//! Clients and relays in simulated worlds: seeds by the hundred, every seed that ever failed, and scenes made by hand.
//! `docs/TESTING.md` says how to run more seeds, or one again.

mod bounds;
mod connections;
mod disks;
mod joining;
mod seeds;

use coedit::sim::{self, EPOCH, Options, World, secret};

fn number_from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[track_caller]
fn check_seed(seed: u64) -> sim::Outcome {
    match std::panic::catch_unwind(|| sim::run(seed)) {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(failure)) => panic!("COEDIT_SEED={seed}: {failure}; {:?}", Options::draw(seed)),
        Err(_) => panic!("COEDIT_SEED={seed} panicked; {:?}", Options::draw(seed)),
    }
}

fn world(seed: u64, options: Options) -> World {
    let mut world = World::new(seed, options);
    world.add(&secret(), Some(("the first text\n", EPOCH)));
    world.run(500);
    world
}

fn shared(seed: u64, n: usize) -> World {
    let mut world = world(seed, Options::quiet());
    for _ in 1..n {
        world.add(&secret(), None);
    }
    world.run(1_000);
    check_converged(&world);
    world
}

#[track_caller]
fn check_converged(world: &World) {
    if let Err(failure) = world.outcome() {
        panic!("{failure}");
    }
    assert_eq!(world.unconverged(), None);
}
