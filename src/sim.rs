//! Rank 4, pure: a world made of one seed, in which the shipping rooms, relay and recovery run unchanged while everything
//! around them fails: network, disks, clocks, programs, people. The same seed gives the same world, event for event.
//!
//! First faults happen, then they stop; after every step the world checks that nothing acknowledged is lost, nothing appears
//! that nobody typed, and whoever has the same operations has the same text. `docs/TESTING.md` lists the rules.

mod checks;
mod client;
mod disk;
mod faults;
mod flights;
mod hostile;
mod network;
pub mod options;
mod places;
mod requests;
mod storing;
mod truth;
mod view;
mod world;

pub use options::Options;
pub use places::{DOCUMENT, EPOCH, secret};
pub use world::World;

use crate::base::limits;
use crate::base::time::Millis;
use crate::protocol::Epoch;
use options::Hostile;

/// How a world ended in which every rule was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Differs if anything happened differently.
    pub trace: u64,
    /// Events in the world's queue.
    pub n_events: u64,
    /// Time that went by in the world.
    pub simulated: Millis,
    /// Operations that writers made.
    pub n_ops: u64,
}

/// Which rule was broken, and when.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("after {} ms: {what}", at.0)]
pub struct Failure {
    /// In the world's time.
    pub at: Millis,
    /// What was found.
    pub what: String,
}

/// Milliseconds from the end of the faults, or from the last try to connect after them, to one text everywhere.
const CONVERGE_MS: u64 = 30_000;
/// Between two thorough checks, in acts.
const ACTS_PER_CHECK: u64 = 16;

/// Makes the world of a seed and lets it run to its end.
///
/// # Errors
/// The first rule that was broken.
///
/// # Panics
/// If a machine in it does, which is a defect too.
pub fn run(seed: u64) -> Result<Outcome, Failure> {
    run_with(seed, Options::draw(seed))
}

/// As [`run`], in a world that was made by hand.
///
/// # Errors
/// The first rule that was broken.
pub fn run_with(seed: u64, options: Options) -> Result<Outcome, Failure> {
    let mut world = World::new(seed, options);
    world.people_come();
    world.is_faulty = true;
    let n_acts = world.options.n_acts;
    let late_every = n_acts / (world.options.n_late as u64 + 1) + 1;
    for n in 1..=n_acts {
        world.act();
        let gap = world.rng.below(world.options.gap_ms + 1);
        // Now and then long enough for everything that waits for time.
        let is_long = world.rng.below(50) == 0;
        world.run(if is_long { 20 * gap + 3_000 } else { gap });
        if n % late_every == 0 {
            world.latecomer_comes();
        }
        if n % ACTS_PER_CHECK == 0 {
            world.check_all();
        }
        world.outcome()?;
    }
    world.heal();
    // Whoever waits before the next try is given that time.
    let backoff_ms = limits::BACKOFF_MAX_MS * (100 + limits::BACKOFF_JITTER_PERCENT) / 100;
    let until = world.now + CONVERGE_MS + if world.options.presses_retry { 0 } else { backoff_ms };
    while world.now < until && !world.has_converged() {
        world.run(500);
        world.outcome()?;
    }
    if let Some(what) = world.unconverged() {
        world.fail(what);
    }
    world.check_all();
    world.check_strangers();
    world.outcome()
}

impl World {
    fn people_come(&mut self) {
        for p in 0..self.places.len() {
            self.document_begins(p);
        }
        self.run(2_000);
        let n_clients = self.options.n_writers + self.options.n_readers - self.options.n_late;
        self.n_members = 1;
        (1..n_clients).for_each(|_| self.latecomer_comes());
        if self.options.has_stranger {
            self.add(&secret(), Some(("another text", Epoch::from_bytes([8; 16]))));
        }
        if self.options.hostile != Hostile::None {
            self.attacker_comes();
        }
        self.run(1_000);
    }

    /// The first client of a server comes. Who has the first document has the others too, and so has somebody else.
    fn document_begins(&mut self, p: usize) {
        let place = &mut self.places[p];
        let first: String = (0..self.options.n_chars_first).map(|_| place.truth.next_char()).collect();
        let (secret, epoch) = (place.secret.clone(), place.epoch);
        self.add_at(p, 0, &secret, Some((&first, epoch)));
        if 0 < p {
            let machine = self.clients.len();
            self.add_at(p, machine, &secret, None);
        }
    }

    /// The next member of the first document comes: readers last.
    fn latecomer_comes(&mut self) {
        let n = self.n_members;
        self.n_members += 1;
        let secret = if n < self.options.n_writers { secret() } else { secret().read_only() };
        self.add(&secret, None);
    }
}

#[cfg(test)]
mod tests;
