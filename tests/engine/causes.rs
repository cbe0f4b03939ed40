//! What an edit names as its causes: enough that nobody applies it too early, and no more.

use coedit::crdt::{ReplicaId, ReplicaTable, VersionVector};
use coedit::document::Document;

/// Types a character at the front, and returns the batch that says so.
fn typed(doc: &mut Document) -> Vec<u8> {
    let before = doc.version();
    doc.insert(0, "x").expect("inside");
    doc.changes_between(&before, &doc.version(), &ReplicaTable::default())
}

fn docs(n: u64) -> Vec<Document> {
    (1..=n).map(|id| Document::new(ReplicaId::new(id))).collect()
}

/// Each would name all the others, as each heard something of all of them since its last edit.
#[test]
fn many_who_hear_each_other_name_few() {
    let mut docs = docs(50);
    let mut longest = 0;
    for round in 0..5 {
        for i in 0..docs.len() {
            let batch = typed(&mut docs[i]);
            if 0 < round {
                longest = longest.max(batch.len());
            }
            for (other, doc) in docs.iter_mut().enumerate() {
                if other != i {
                    doc.apply(&batch).expect("valid");
                }
            }
        }
    }
    assert!(longest < 60, "{longest} bytes for one character");
    let mut late = Document::new(ReplicaId::new(99));
    late.apply(&docs[0].changes_since(&VersionVector::default())).expect("valid");
    assert_eq!((late.len_chars(), late.n_waiting()), (250, 0));
}

/// What is left out is needed by something that is named, so the edit waits for it all the same.
#[test]
fn whatever_is_missing_of_what_was_heard_an_edit_waits_for_it() {
    let mut docs = docs(4);
    let first = typed(&mut docs[0]);
    docs[1].apply(&first).expect("valid");
    let second = typed(&mut docs[1]);
    // Beside the two, and known to neither.
    let beside = typed(&mut docs[2]);
    for batch in [&first, &second, &beside] {
        docs[3].apply(batch).expect("valid");
    }
    let last = typed(&mut docs[3]);
    let batches = [&first, &second, &beside];
    for missing in 0..3 {
        let mut doc = Document::new(ReplicaId::new(9));
        doc.apply(&last).expect("valid");
        for (n, batch) in batches.iter().enumerate().filter(|(n, _)| *n != missing) {
            doc.apply(batch).expect("valid");
            assert!(0 < doc.n_waiting(), "without {missing}, after {n}");
        }
        doc.apply(batches[missing]).expect("valid");
        assert_eq!((doc.n_waiting(), doc.to_string()), (0, docs[3].to_string()));
    }
}
