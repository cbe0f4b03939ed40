//! Bits that flip on the disk: what comes back of a document, its name and its links included, is what was written, or an error.

use std::fs;

use tempfile::{TempDir, tempdir};

use super::{journal, relay};
use crate::base::rng::Rng;

/// Flips in one run, unless `COEDIT_FLIPS` says otherwise.
const N_FLIPS: u64 = 150;

/// Flips one bit at a time of the database that `fill` makes, and reads it with `read`, which tells all that is kept of a document:
/// `Ok(None)` if it is not there.
fn check(name: &str, fill: impl Fn(&TempDir), read: impl Fn(&TempDir) -> Result<Option<String>, String>) {
    let folder = tempdir().expect("a folder");
    fill(&folder);
    let sound = fs::read(folder.path().join(name)).expect("closed");
    let text = read(&folder).expect("sound").expect("there");
    let n_flips = std::env::var("COEDIT_FLIPS").ok().and_then(|n| n.parse().ok()).unwrap_or(N_FLIPS);
    let mut rng = Rng::new(1);
    let mut n_errors = 0;
    for _ in 0..n_flips {
        let bit = rng.below(sound.len() as u64 * 8) as usize;
        let mut bytes = sound.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        // The log of the latest changes has checks of its own; it is empty here.
        let folder = tempdir().expect("a folder");
        fs::write(folder.path().join(name), bytes).expect("written");
        match read(&folder) {
            Ok(found) => {
                assert!(found.as_ref() == Some(&text), "bit {bit} of {}: something else", sound.len())
            }
            Err(_) => n_errors += 1,
        }
    }
    assert!(
        n_flips / 100 <= n_errors,
        "only {n_errors} of {n_flips} flips were found: too little of it was text"
    );
}

#[test]
fn no_flipped_bit_of_a_relays_store_becomes_something_else() {
    check("relay.sqlite", relay::fill, relay::text);
}

#[test]
fn no_flipped_bit_of_a_journal_becomes_something_else() {
    check("journal.sqlite", journal::fill, journal::text);
}
