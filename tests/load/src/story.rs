//! A recorded history of one author, as one batch for each edit.

use std::io::Read;

use coedit::crdt::{ReplicaId, ReplicaTable};
use coedit::document::Document;
use serde::Deserialize;

#[derive(Deserialize)]
struct Trace {
    txns: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Transaction {
    patches: Vec<(usize, usize, String)>,
}

/// The batches, and the document that they make.
pub struct Story {
    pub batches: Vec<Vec<u8>>,
    pub doc: Document,
}

/// Returns the replacements of automerge-paper from `$COEDIT_TRACES`, or of the largest recording that comes with coedit: where, how
/// many characters go, what comes.
pub fn patches() -> Vec<(usize, usize, String)> {
    let folder = std::env::var("COEDIT_TRACES").unwrap_or_default();
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/sveltecomponent.json.gz");
    let file = std::fs::read(format!("{folder}/automerge-paper.json.gz"));
    let packed = file.or_else(|_| std::fs::read(beside)).expect("a recording");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).expect("a packed recording");
    let trace: Trace = serde_json::from_str(&text).expect("a recording");
    trace.txns.into_iter().flat_map(|txn| txn.patches).collect()
}

/// Makes the recorded history an author's.
pub fn read(author: ReplicaId) -> Story {
    let mut doc = Document::new(author);
    let mut batches = Vec::new();
    for (at, n_deleted, inserted) in patches() {
        let before = doc.version();
        apply(&mut doc, at, n_deleted, &inserted);
        batches.push(doc.changes_between(&before, &doc.version(), &ReplicaTable::default()));
    }
    Story { batches, doc }
}

/// Makes one replacement.
pub fn apply(doc: &mut Document, at: usize, n_deleted: usize, inserted: &str) {
    if 0 < n_deleted {
        doc.delete(at..at + n_deleted).expect("inside");
    }
    if !inserted.is_empty() {
        doc.insert(at, inserted).expect("inside");
    }
}
