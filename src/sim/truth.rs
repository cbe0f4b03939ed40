//! What really happened: every operation that an honest writer made, every character that somebody typed.

use std::collections::{BTreeMap, BTreeSet};

use super::options::N_SERVERS_MAX;
use crate::crdt::{ReplicaId, ReplicaTable, VersionVector};
use crate::document::Document;

/// The first of the characters that are typed, each once: so each says who typed it, and into which document.
const FIRST_CHAR: u32 = 0x4E00;

/// All that was done.
pub(super) struct Truth {
    /// Every operation of every writer, lost ones included.
    pub(super) doc: Document,
    /// Who typed what.
    pub(super) authors: BTreeMap<char, usize>,
    next_char: u32,
    /// How often undo or redo brought a character back.
    pub(super) revived: BTreeMap<char, usize>,
    /// Under which ids readers edit.
    pub(super) readers: BTreeSet<ReplicaId>,
    /// What somebody was told is safe.
    pub(super) promised: VersionVector,
    /// Whether a disk was replaced by an older copy: then only what was elsewhere too is safe.
    pub(super) is_restored: bool,
}

impl Truth {
    /// Makes the truth of the place of this number.
    pub(super) fn new(place: usize) -> Truth {
        Truth {
            doc: Document::new(ReplicaId::new(1)),
            authors: BTreeMap::new(),
            next_char: FIRST_CHAR + place as u32,
            revived: BTreeMap::new(),
            readers: BTreeSet::new(),
            promised: VersionVector::default(),
            is_restored: false,
        }
    }

    /// Returns a character that was never typed before.
    pub(super) fn next_char(&mut self) -> char {
        loop {
            let code = self.next_char;
            self.next_char += N_SERVERS_MAX as u32;
            // Past the ideographs: surrogates are no characters.
            if let Some(ch) = char::from_u32(code) {
                return ch;
            }
        }
    }

    /// Notes who typed this.
    pub(super) fn typed(&mut self, client: usize, text: &str) {
        self.authors.extend(text.chars().map(|ch| (ch, client)));
    }

    /// Takes in what a writer has done since.
    pub(super) fn learn(&mut self, doc: &Document) {
        let batch = doc.changes_between(&self.doc.version(), &doc.version(), &ReplicaTable::default());
        _ = self.doc.apply(&batch);
    }
}
