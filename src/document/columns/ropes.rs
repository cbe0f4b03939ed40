//! Large inserted texts, which the log shares with the document's rope.

use std::ops::Range;

use ropey::{Rope, RopeSlice};

/// Bytes of an insert from which on its text is kept as a rope. Its leaves are those of the document's text, so that a
/// large text is in memory once and not twice; a smaller one would cost more in leaves than it saves.
pub(in crate::document) const LARGE_BYTES: usize = 64 << 10;

/// The texts of large inserts, by ascending seq.
#[derive(Clone, Debug, Default)]
pub(super) struct Ropes {
    list: Vec<(u32, Rope)>,
}

impl Ropes {
    /// Appends the text of the insert that begins at `seq`.
    pub(super) fn push(&mut self, seq: u32, text: Rope) {
        debug_assert!(self.list.last().is_none_or(|&(last, _)| last < seq));
        self.list.push((seq, text));
    }

    /// Returns the text of the insert that begins at `seq`, if it is a large one.
    #[inline]
    pub(super) fn get(&self, seq: u32) -> Option<&Rope> {
        // Most logs have none.
        if self.list.is_empty() { None } else { self.find(seq) }
    }

    #[cold]
    fn find(&self, seq: u32) -> Option<&Rope> {
        self.list.binary_search_by_key(&seq, |&(seq, _)| seq).ok().map(|at| &self.list[at].1)
    }

    /// Returns the characters `seqs` of the insert that begins at `first`, if it is a large one.
    pub(super) fn slice(&self, first: u32, seqs: Range<u32>) -> Option<RopeSlice<'_>> {
        self.get(first).map(|rope| rope.slice((seqs.start - first) as usize..(seqs.end - first) as usize))
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Forgets all but the first `n`.
    pub(super) fn truncate(&mut self, n: usize) {
        self.list.truncate(n);
    }

    /// Forgets the characters from `end` on.
    pub(super) fn truncate_at(&mut self, end: u32) {
        self.list.truncate(self.list.partition_point(|&(seq, _)| seq < end));
        if let Some((seq, rope)) = self.list.last_mut() {
            let n = rope.len_chars().min((end - *seq) as usize);
            rope.remove(n..);
        }
    }

    /// Returns how many bytes the texts have of inserts that begin at `seq` or later.
    pub(super) fn n_bytes_from(&self, seq: u32) -> usize {
        self.list[self.list.partition_point(|&(first, _)| first < seq)..]
            .iter()
            .map(|(_, rope)| rope.len_bytes())
            .sum()
    }
}
