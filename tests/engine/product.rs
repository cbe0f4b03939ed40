//! The product as a [`Replica`], watched while it works: what a merge says it changed must be what it changed.

use std::ops::Range;

use coedit::crdt::{ReplicaId, ReplicaTable, VersionVector};
use coedit::document::{Applied, Document};

use crate::replica::Replica;

/// Stands for a character that a merge says it inserted.
const INSERTED: Option<char> = None;

/// A document and the checks that go with every call.
pub struct Product {
    /// The document itself.
    pub doc: Document,
    /// Changes that waited after the last merge.
    pub n_waiting: usize,
}

impl Replica for Product {
    type Batch = Vec<u8>;

    fn start(id: u64) -> Product {
        Product { doc: Document::new(ReplicaId::new(id)), n_waiting: 0 }
    }

    fn insert(&mut self, at: usize, text: &str) {
        self.doc.insert(at, text).expect("the position is inside the text");
    }

    fn delete(&mut self, range: Range<usize>) {
        self.doc.delete(range).expect("the range is inside the text");
    }

    fn version(&self) -> VersionVector {
        self.doc.version()
    }

    fn changes_between(&self, from: &VersionVector, to: &VersionVector) -> Vec<u8> {
        if *to == self.doc.version() {
            return self.doc.changes_since(from);
        }
        self.doc.changes_between(from, to, &ReplicaTable::default())
    }

    fn apply(&mut self, batch: &Vec<u8>) {
        let before = self.text();
        let applied = self.doc.apply(batch).expect("a batch that a document made is accepted");
        assert_changes_explain(&before, &self.text(), &applied);
        self.n_waiting = applied.n_waiting;
    }

    fn restart(&self, id: u64) -> Product {
        let bytes = self.doc.save();
        let doc = Document::load(ReplicaId::new(id), &bytes).expect("saved bytes load");
        assert_eq!(doc.version(), self.doc.version(), "a load has what was saved");
        Product { doc, n_waiting: self.n_waiting }
    }

    fn text(&self) -> String {
        self.doc.to_string()
    }

    fn check(&self) {
        self.doc.check_invariants();
        assert_eq!(self.doc.rope().len_chars(), self.doc.len_chars());
    }
}

/// Panics unless `applied` turns `before` into `after`: positions in range, lengths right, and every
/// character that is not said to be new the same as before.
#[track_caller]
pub fn assert_changes_explain(before: &str, after: &str, applied: &Applied) {
    let mut model: Vec<Option<char>> = before.chars().map(Some).collect();
    for change in &applied.changes {
        let end = change.at + change.n_deleted;
        assert!(end <= model.len(), "{change:?} lies outside a text of {} characters", model.len());
        model.splice(change.at..end, std::iter::repeat_n(INSERTED, change.n_inserted));
    }
    let after: Vec<char> = after.chars().collect();
    assert_eq!(model.len(), after.len(), "{applied:?} gives another length than the text has");
    for (i, (kept, ch)) in model.iter().zip(&after).enumerate() {
        assert!(
            kept.is_none_or(|kept| kept == *ch),
            "character {i} changed, but {applied:?} does not say so"
        );
    }
}
