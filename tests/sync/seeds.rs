//! Worlds made from seeds, and from options that once broke a rule.

use coedit::sim::options::Hostile;
use coedit::sim::{self, Options};

use crate::{check_seed, number_from_env};

/// Seeds in one run, unless `COEDIT_SEEDS` says otherwise.
const N_SEEDS: u64 = 500;

#[test]
fn nothing_is_lost_in_any_world() {
    let seeds = match number_from_env("COEDIT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number_from_env("COEDIT_SEEDS").unwrap_or(N_SEEDS),
    };
    let n_ops: u64 = seeds.map(|seed| check_seed(seed).n_ops).sum();
    assert!(0 < n_ops, "nobody did anything");
}

/// Each broke a rule once; what was wrong has a scene of its own as well.
#[test]
fn seeds_that_failed_keep_every_rule() {
    for seed in [1_002_129, 1_012_869, 1_022_475] {
        check_seed(seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_world() {
    for seed in 0..20 {
        assert_eq!(check_seed(seed), check_seed(seed), "seed {seed}");
    }
    assert_ne!(check_seed(0).trace, check_seed(1).trace);
}

/// Streams, polls and posts are lost, doubled, late and cut, and made again.
#[test]
fn connections_by_requests_lose_nothing_in_a_bad_network() {
    for seed in 0..20 {
        let options = Options {
            requests_percent: 100,
            n_writers: 3,
            n_acts: 150,
            jitter_ms: 500,
            lost: 40,
            duplicated: 200,
            cut: 8,
            half_open: 3,
            kill_server: 2,
            presence: 8,
            ..Options::quiet()
        };
        if let Err(failure) = sim::run_with(seed, options) {
            panic!("seed {seed}: {failure}");
        }
    }
}

/// Somebody brings another's edit to a relay that lost it, and it is left out, as its author is there. Once the author had brought it,
/// the first went on showing it as being sent: hearing again what it had did not count as news of it.
#[test]
fn what_was_left_out_is_acknowledged_once_its_author_has_brought_it() {
    let options = Options {
        n_writers: 5,
        n_late: 1,
        hostile: Hostile::Outsider,
        jitter_ms: 1,
        bytes_per_ms: 100_000,
        disk_ms: 4_000,
        duplicated: 60,
        snapshot_after_records: 3,
        upload_bytes_max: 1_000,
        n_acts: 137,
        gap_ms: 2_000,
        hot_percent: 50,
        half_open: 1,
        kill_client: 4,
        quit_client: 2,
        power: 3,
        flip: 2,
        restore: 1,
        sleep: 1,
        retry: 3,
        save: 3,
        presence: 6,
        presses_retry: true,
        ..Options::quiet()
    };
    if let Err(failure) = sim::run_with(1_500, options) {
        panic!("{failure}");
    }
}

/// An afternoon of many people, in which something breaks every other minute: no queue grows, and they end in step.
#[test]
fn four_hours_of_many_people_end_in_step() {
    let n_writers = number_from_env("COEDIT_CLIENTS").unwrap_or(16) as usize;
    let options = Options {
        n_writers,
        n_readers: 2,
        n_late: n_writers / 2,
        requests_percent: 20,
        snapshot_after_records: 200,
        n_acts: 1_500,
        gap_ms: 20_000,
        undo_percent: 5,
        n_chars_edit: 20,
        cut: 1,
        half_open: 1,
        partition: 1,
        kill_client: 1,
        quit_client: 1,
        kill_server: 1,
        power: 1,
        sleep: 1,
        save: 2,
        presence: 8,
        ..Options::quiet()
    };
    match sim::run_with(27, options) {
        Ok(outcome) => assert!(4 * 3_600_000 < outcome.simulated.0, "{outcome:?}"),
        Err(failure) => panic!("{failure}"),
    }
}
