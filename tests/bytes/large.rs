//! A text of some hundred kilobytes: its leaves are shared between the text and the log, and its pieces are long.

use std::sync::LazyLock;

use coedit::base::rng::Rng;
use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::Document;

use crate::targets::{load, merge};

/// Bytes that a document as large as these needs, with its copies and what a check takes.
pub const HELD: usize = 16 << 20;

struct Large {
    /// A document that has the first half of what happened.
    half: Vec<u8>,
    /// What it lacks, all of it and from each author.
    rest: Vec<Vec<u8>>,
    /// Documents that were saved.
    saved: Vec<Vec<u8>>,
}

/// Two people write into one large text; they hear each other now and then.
static LARGE: LazyLock<Large> = LazyLock::new(|| {
    let mut docs = [Document::new(ReplicaId::new(3)), Document::new(ReplicaId::new(u64::MAX - 3))];
    let mut rng = Rng::new(11);
    docs[0].insert(0, &"A line of a long text, é界😀.\r\n".repeat(2_500)).expect("inside");
    exchange(&mut docs);
    write(&mut docs, &mut rng);
    exchange(&mut docs);
    let (half, version) = (docs[0].save(), docs[0].version());
    docs[1].insert(40_000, &"what somebody pastes into the middle\n".repeat(2_000)).expect("inside");
    docs[0].delete(30_000..50_000).expect("inside");
    write(&mut docs, &mut rng);
    let mut rest: Vec<Vec<u8>> = docs.iter().map(|doc| doc.changes_since(&version)).collect();
    exchange(&mut docs);
    rest.push(docs[0].changes_since(&version));
    rest.push(docs[0].changes_since(&VersionVector::default()));
    let saved = vec![half.clone(), docs[0].save(), docs[1].save()];
    Large { half, rest, saved }
});

fn write(docs: &mut [Document; 2], rng: &mut Rng) {
    for n in 0..60 {
        let doc = &mut docs[n % 2];
        let place = rng.below(doc.len_chars() as u64 - 500) as usize;
        match rng.below(3) {
            0 => doc.delete(place..place + 1 + rng.below(400) as usize).expect("inside"),
            _ => doc.insert(place, ["x", "some words ", "é界😀\n"][rng.below(3) as usize]).expect("inside"),
        }
    }
}

fn exchange(docs: &mut [Document; 2]) {
    for (from, to) in [(0, 1), (1, 0)] {
        let batch = docs[from].changes_since(&docs[to].version());
        docs[to].apply(&batch).expect("a document made it");
    }
}

/// Returns batches, of which the smallest has some kilobytes.
pub fn batches() -> Vec<Vec<u8>> {
    LARGE.rest.clone()
}

/// Returns documents.
pub fn snapshots() -> Vec<Vec<u8>> {
    LARGE.saved.clone()
}

fn half() -> Document {
    Document::load(ReplicaId::new(9), &LARGE.half).expect("it was saved")
}

/// Merges a batch.
pub fn batch(bytes: &[u8]) -> Result<(), String> {
    merge(half(), |doc| doc.apply(bytes).map(drop))
}

/// Merges a snapshot, and loads it.
pub fn snapshot(bytes: &[u8]) -> Result<(), String> {
    _ = merge(half(), |doc| doc.apply_snapshot(bytes).map(drop));
    load(bytes)
}
