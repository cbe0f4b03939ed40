use super::*;
use crate::base::planted::{Defect, plant};

/// Seeds within which each defect must be found.
const N_SEEDS_MAX: u64 = 1_000;

/// Every defect, with a seed that found it: only tried first, so that the search is short for as long as worlds stay the same.
const DEFECTS: [(Defect, u64); 14] = [
    (Defect::AckBeforeSync, 1),
    (Defect::LoadErrorIsEmpty, 37),
    (Defect::NoEpoch, 6),
    (Defect::ReaderWrites, 98),
    (Defect::PresenceForEver, 62),
    (Defect::FailedSyncForgotten, 1),
    (Defect::RetryFromAsked, 1),
    (Defect::RecoveredNotForwarded, 32),
    (Defect::ResumeSendsNothing, 44),
    (Defect::MergeNotReported, 0),
    (Defect::LeftOutForEver, 186),
    (Defect::WaitingCounts, 95),
    (Defect::AcknowledgedForEver, 346),
    (Defect::TailForgotten, 2),
];

/// Returns the first seed from `first` on in which a planted defect breaks a rule, and which.
fn find(defect: Defect, first: u64) -> Option<(u64, String)> {
    plant(Some(defect));
    let seeds = (0..N_SEEDS_MAX).map(|n| (first + n) % N_SEEDS_MAX);
    let found = { seeds }.find_map(|seed| Some((seed, run(seed).err()?.what)));
    plant(None);
    found
}

#[test]
fn every_planted_defect_is_found() {
    let mut missed = Vec::new();
    for (defect, first) in DEFECTS {
        match find(defect, first) {
            Some((seed, what)) => println!("{defect:?}: seed {seed}: {what}"),
            None => missed.push(defect),
        }
    }
    assert_eq!(missed, [], "not found within {N_SEEDS_MAX} seeds");
}
