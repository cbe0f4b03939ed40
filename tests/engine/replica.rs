//! What the model and the product have in common, so that one script can drive either.

use std::ops::Range;

use coedit::crdt::VersionVector;

/// One replica of a text.
pub trait Replica {
    /// What travels between two replicas.
    type Batch: Clone;

    /// Makes an empty replica.
    fn start(id: u64) -> Self;
    /// Inserts locally.
    fn insert(&mut self, at: usize, text: &str);
    /// Deletes locally.
    fn delete(&mut self, range: Range<usize>);
    /// Returns what is applied here.
    fn version(&self) -> VersionVector;
    /// Returns the operations that `to` covers and `from` does not.
    fn changes_between(&self, from: &VersionVector, to: &VersionVector) -> Self::Batch;
    /// Merges a batch.
    fn apply(&mut self, batch: &Self::Batch);
    /// Saves this replica and loads it again, to be edited as `id`.
    fn restart(&self, id: u64) -> Self;
    /// Returns the visible text.
    fn text(&self) -> String;
    /// Panics if anything inside contradicts anything else.
    fn check(&self);

    /// Makes one local edit and returns it as it is sent.
    fn edit(&mut self, edit: &LocalEdit) -> Self::Batch {
        let before = self.version();
        match edit {
            LocalEdit::Insert { at, text } => self.insert(*at, text),
            LocalEdit::Delete { range } => self.delete(range.clone()),
        }
        self.changes_between(&before, &self.version())
    }
}

/// A local edit, in positions of the text as it is.
#[derive(Clone, Debug)]
pub enum LocalEdit {
    /// Text goes in.
    Insert {
        /// Before the character at this position.
        at: usize,
        /// What goes in.
        text: String,
    },
    /// Text goes out.
    Delete {
        /// These positions.
        range: Range<usize>,
    },
}
