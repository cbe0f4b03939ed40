//! Histories of random documents come back, and no malformed one is believed.

use crate::base::rng::Rng;
use crate::crdt::rga::Run;
use crate::crdt::{ReplicaId, VersionVector};
use crate::document::Document;

/// Lets `n` people write, delete and hear each other at random, some of it at once.
fn written(seed: u64, n: usize, n_edits: usize) -> Vec<Document> {
    let mut rng = Rng::new(seed);
    let mut people: Vec<Document> =
        (0..n as u64).map(|i| Document::new(ReplicaId::new(i * 7 % 5 + i))).collect();
    for _ in 0..n_edits {
        let at = rng.below(n as u64) as usize;
        let other = rng.below(n as u64) as usize;
        if n > 1 && rng.below(6) == 0 && at != other {
            let changes = people[other].changes_since(&people[at].version());
            people[at].apply(&changes).expect("valid");
            continue;
        }
        let doc = &mut people[at];
        let len = doc.len_chars() as u64;
        let place = rng.below(len + 1) as usize;
        match rng.below(8) {
            0..=2 if 0 < len => {
                let end = (place + 1 + rng.below(5) as usize).min(len as usize);
                doc.delete(end.saturating_sub(3).min(place)..end).expect("inside");
            }
            3 => drop(doc.undo().expect("it fits")),
            _ => doc
                .insert(place, ["a", "é", "日本", "x\n", "long text"][rng.below(5) as usize])
                .expect("inside"),
        }
    }
    for i in 0..n {
        for j in 0..n {
            let changes = people[j].changes_since(&people[i].version());
            people[i].apply(&changes).expect("valid");
        }
    }
    people
}

fn history_of(doc: &Document) -> Vec<u8> {
    super::write(&doc.logs, &doc.applied, &doc.ids, &doc.rga).into_bytes()
}

#[test]
fn a_history_comes_back_with_its_text_and_its_log() {
    for seed in 0..300 {
        let n = 1 + seed as usize % 4;
        for doc in written(seed, n, 60) {
            let bytes = history_of(&doc);
            let mut loaded = Document::new(ReplicaId::new(1_000_000));
            loaded.apply(&bytes).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            loaded.check_invariants();
            assert_eq!(loaded.to_string(), doc.to_string(), "seed {seed}");
            assert_eq!(loaded.version(), doc.version(), "seed {seed}");
            // Reading joins what was recorded in pieces; then nothing changes any more.
            let bytes = history_of(&loaded);
            let mut again = Document::new(ReplicaId::new(1_000_001));
            again.apply(&bytes).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            assert_eq!(history_of(&again), bytes, "seed {seed}");
            let elements = |doc: &Document| -> Vec<_> {
                let of_run = |run: Run| {
                    let id = doc.ids[run.replica as usize];
                    (0..run.len()).map(move |i| (id, run.seq + i, run.lamport + i, run.is_dead()))
                };
                doc.rga.runs().flat_map(of_run).collect()
            };
            assert_eq!(elements(&loaded), elements(&doc), "seed {seed}");
        }
    }
}

#[test]
fn merging_a_history_is_the_same_as_merging_its_operations() {
    for seed in 300..400 {
        let mut people = written(seed, 3, 50);
        let mut behind = Document::new(ReplicaId::new(77));
        behind.insert(0, "mine").expect("inside");
        let mut plain = Document::new(ReplicaId::new(77));
        plain.insert(0, "mine").expect("inside");
        let doc = people.remove(0);
        behind.apply(&history_of(&doc)).expect("valid");
        let all = doc.version();
        let mut known = VersionVector::default();
        for (id, next) in all.iter() {
            // One author at a time, so that no batch is a whole history.
            let mut to = known.clone();
            to.advance(id, next);
            plain.apply(&doc.changes_between(&known, &to, &Default::default())).expect("valid");
            known = to;
        }
        behind.check_invariants();
        assert_eq!(behind.to_string(), plain.to_string(), "seed {seed}");
        assert_eq!(behind.version(), plain.version(), "seed {seed}");
    }
}

#[test]
fn changed_bytes_never_make_a_document_that_contradicts_itself() {
    for seed in 0..40 {
        let doc = written(seed, 1 + seed as usize % 3, 30).remove(0);
        let bytes = history_of(&doc);
        for len in 0..bytes.len() {
            assert!(
                Document::new(ReplicaId::new(9)).apply(&bytes[..len]).is_err(),
                "seed {seed}, {len} bytes"
            );
        }
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let mut loaded = Document::new(ReplicaId::new(9));
            let result = loaded.apply(&changed);
            loaded.check_invariants();
            if result.is_err() {
                assert!(loaded.version().is_empty() && loaded.len_chars() == 0, "seed {seed}, bit {bit}");
                continue;
            }
            // What was believed must be what others would believe too.
            let again = history_of(&loaded);
            let mut other = Document::new(ReplicaId::new(10));
            other.apply(&again).unwrap_or_else(|error| panic!("seed {seed}, bit {bit}: {error}"));
            assert_eq!(other.to_string(), loaded.to_string(), "seed {seed}, bit {bit}");
        }
    }
}
