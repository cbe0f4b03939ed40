//! Rank 2: the document.

use std::fmt;
use std::ops::Range;

use ropey::Rope;

use crate::base::time::WallTime;
use crate::crdt::{Dot, ReplicaId, ReplicaTable, VersionVector};

/// One change of the visible text, in the coordinates left by the changes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextChange {
    /// Where, in characters.
    pub at: usize,
    /// Characters removed from there on.
    pub n_deleted: usize,
    /// Characters then inserted there.
    pub n_inserted: usize,
}

/// What a merge, an undo or a redo did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// What changed in the text, in order.
    pub changes: Vec<TextChange>,
    /// Changes that still wait for their causes, in the whole document.
    pub n_waiting: usize,
}

/// Why a local edit was refused. The document is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The position or range does not lie inside the text.
    #[error("position {at} is outside a text of {len} characters")]
    OutOfRange {
        /// The offending position.
        at: usize,
        /// The text's length in characters.
        len: usize,
    },
    /// The document would grow past what it can count.
    #[error("the document is full: it can hold {max} characters and operations")]
    Full {
        /// The bound that was reached.
        max: u64,
    },
}

/// Why a batch was refused. The document is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The bytes are not a batch.
    #[error("not a valid batch of edits: {0}")]
    Malformed(&'static str),
    /// A newer version of the format than this program knows.
    #[error("edits are in format {found}, but this program reads up to {known}; update coedit")]
    NewerFormat {
        /// The version that the bytes claim.
        found: u8,
        /// The highest version known here.
        known: u8,
    },
    /// Too much would have to wait for edits that are not here yet.
    #[error("too many edits wait for earlier ones ({n}, at most {max})")]
    TooManyWaiting {
        /// How many would wait.
        n: usize,
        /// The bound.
        max: usize,
    },
}

/// Which neighbour an anchor stays with when text is inserted exactly at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bias {
    /// Stays after the character on its left.
    Left,
    /// Stays before the character on its right.
    Right,
}

/// A place in the text that stays with its neighbour character while others edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Anchor {
    /// The start of the text.
    Start,
    /// The end of the text.
    End,
    /// Right after this character (bias left).
    After(Dot),
    /// Right before this character (bias right).
    Before(Dot),
}

/// A text that many replicas edit.
pub struct Document {
    replica: ReplicaId,
    rope: Rope,
}

impl Document {
    /// Makes an empty document, edited here as `replica`.
    pub fn new(replica: ReplicaId) -> Document {
        Document { replica, rope: Rope::new() }
    }

    /// Returns the id under which local edits are made.
    pub fn replica(&self) -> ReplicaId {
        self.replica
    }

    /// Sets the wall-clock time that is recorded with the local edits that follow.
    pub fn set_time(&mut self, _now: WallTime) {}

    /// Inserts `text` before the character at `at`.
    pub fn insert(&mut self, at: usize, text: &str) -> Result<(), EditError> {
        if self.rope.len_chars() < at {
            return Err(EditError::OutOfRange { at, len: self.rope.len_chars() });
        }
        self.rope.insert(at, text);
        Ok(())
    }

    /// Deletes the characters of `range`.
    pub fn delete(&mut self, range: Range<usize>) -> Result<(), EditError> {
        if range.end < range.start || self.rope.len_chars() < range.end {
            return Err(EditError::OutOfRange { at: range.end, len: self.rope.len_chars() });
        }
        self.rope.remove(range);
        Ok(())
    }

    /// Returns which operations are applied here.
    pub fn version(&self) -> VersionVector {
        VersionVector::default()
    }

    /// Encodes every operation that `known` lacks, as one batch that names its replicas itself.
    pub fn changes_since(&self, _known: &VersionVector) -> Vec<u8> {
        Vec::new()
    }

    /// Encodes the operations that `to` covers and `from` does not. Replicas in `names` are written as their
    /// index there (the reader must hold an equal or longer table), others in full.
    pub fn changes_between(
        &self,
        _from: &VersionVector,
        _to: &VersionVector,
        _names: &ReplicaTable,
    ) -> Vec<u8> {
        Vec::new()
    }

    /// Merges a batch made by `changes_since`. All or nothing on malformed input. Duplicates change nothing.
    pub fn apply(&mut self, batch: &[u8]) -> Result<Applied, ApplyError> {
        self.apply_named(batch, &ReplicaTable::default())
    }

    /// Merges a batch made by `changes_between` with this table of names.
    pub fn apply_named(&mut self, _batch: &[u8], _names: &ReplicaTable) -> Result<Applied, ApplyError> {
        Ok(Applied::default())
    }

    /// Merges what `save` wrote, by this or another replica of the same history. All or nothing on malformed input.
    pub fn apply_snapshot(&mut self, _bytes: &[u8]) -> Result<Applied, ApplyError> {
        Ok(Applied::default())
    }

    /// Encodes the whole state with its history, tombstones and waiting operations.
    pub fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Rebuilds a document from `save`d bytes, to be edited here as `replica`.
    pub fn load(replica: ReplicaId, _bytes: &[u8]) -> Result<Document, ApplyError> {
        Ok(Document::new(replica))
    }

    /// Returns the text.
    pub fn rope(&self) -> &Rope {
        &self.rope
    }

    /// Returns the length of the text in characters.
    pub fn len_chars(&self) -> usize {
        self.rope.len_chars()
    }

    /// Returns an anchor at `at`, which stays with the neighbour on the side of `bias`.
    pub fn anchor(&self, _at: usize, _bias: Bias) -> Anchor {
        Anchor::Start
    }

    /// Returns where an anchor is now; `None` while its character is not here yet.
    pub fn resolve(&self, _anchor: Anchor) -> Option<usize> {
        None
    }

    /// Ends the group of local edits that the next `undo` takes back together.
    pub fn end_undo_group(&mut self) {}

    /// Takes back the last group of local edits; `None` when there is none.
    pub fn undo(&mut self) -> Option<Applied> {
        None
    }

    /// Brings back what the last `undo` took; `None` when there is none.
    pub fn redo(&mut self) -> Option<Applied> {
        None
    }

    /// Forgets all undo and redo history (after a load, or when the text's first content was inserted).
    pub fn clear_undo(&mut self) {}
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rope.chunks().try_for_each(|chunk| f.write_str(chunk))
    }
}
