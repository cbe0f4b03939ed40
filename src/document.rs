//! Rank 2: the document: an RGA, which knows who each character is, and a rope, which knows what the
//! text is now. They meet at offsets here and nowhere else.

mod anchor;
mod batch;
mod columns;
mod history;
mod merge;
mod partway;
mod snapshot;
mod squash;
mod text;
mod undo;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use ropey::Rope;

use crate::base::bytes::Malformed;
use crate::base::limits::{DOCUMENT_CHARS_MAX, DOCUMENT_REPLICAS_MAX, WAITING_CHANGES_MAX};
use crate::base::planted::{Defect, is_planted};
use crate::crdt::rga::{Rga, Run};
use crate::crdt::{Dot, ReplicaId, ReplicaTable, VersionVector, has_time};
use columns::{Columns, Kind, LARGE_BYTES, OpRun, ROOT};
use text::{TextBuffer, count_chars};
use undo::UndoStack;

/// Operation runs from which on everything together travels as a history: below, a batch that names replicas by their
/// number on the link is smaller.
const HISTORY_RUNS_MIN: usize = 64;

/// Replicas that are looked for without a hash.
const FIRST_IDS: usize = 4;

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
    /// The document would name more replicas than can be told to others.
    #[error(
        "the text would have been edited by more than {max} replicas; start a new document with its text"
    )]
    TooManyReplicas {
        /// The bound.
        max: usize,
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

impl From<Malformed> for ApplyError {
    fn from(Malformed(what): Malformed) -> ApplyError {
        ApplyError::Malformed(what)
    }
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
    /// Full ids by local number; this replica is number 0.
    ids: Vec<ReplicaId>,
    by_id: HashMap<ReplicaId, u32>,
    /// Every operation that is here, by author.
    logs: Vec<Columns>,
    /// How many operations of each author are in the text; the rest of its log waits for causes.
    applied: Vec<u32>,
    /// Operations whose author's earlier ones are missing.
    waiting: Vec<Columns>,
    /// Changes that may wait, in `waiting` and in the logs.
    waiting_max: usize,
    /// Authors whose log goes on beyond what is applied.
    behind: Vec<u32>,
    /// Authors of whom something was applied since the last local edit.
    heard: Vec<u32>,
    /// Where the last batch turned out to be impossible: author and seq. Cleared once that was undone.
    refused: Option<(u32, u32)>,
    /// The highest Lamport timestamp applied.
    lamport_max: u32,
    rga: Rga,
    text: TextBuffer,
    undo: UndoStack,
    scratch: merge::Scratch,
}

impl Document {
    /// Makes an empty document, edited here as `replica`.
    pub fn new(replica: ReplicaId) -> Document {
        let mut document = Document {
            ids: Vec::new(),
            by_id: HashMap::new(),
            logs: Vec::new(),
            applied: Vec::new(),
            waiting: Vec::new(),
            waiting_max: WAITING_CHANGES_MAX,
            behind: Vec::new(),
            heard: Vec::new(),
            refused: None,
            lamport_max: 0,
            rga: Rga::new(),
            text: TextBuffer::default(),
            undo: UndoStack::default(),
            scratch: merge::Scratch::default(),
        };
        document.intern(replica);
        document
    }

    /// Makes a document that begins with a whole text, as an edit of its own that is no step of undo. Costs nothing but the
    /// rope, whose leaves it shares.
    ///
    /// # Errors
    /// `Full` if the document cannot count that much.
    pub fn of_text(replica: ReplicaId, text: Rope) -> Result<Document, EditError> {
        let mut document = Document::new(replica);
        let n_chars = text.len_chars();
        document.check_room(n_chars)?;
        if 0 < n_chars {
            document.rga.insert_local(0, Run::new(0, 0, 1, n_chars as u32));
            let (len, kind) = (n_chars as u32, Kind::Insert);
            let op = OpRun { seq: 0, len, kind, replica: ROOT, target: 0, text: 0 };
            document.logs[0].push_large(op, text.clone());
            document.applied[0] = n_chars as u32;
            document.lamport_max = n_chars as u32;
            document.text = TextBuffer::from_rope(text);
        }
        Ok(document)
    }

    /// Returns what `of_text` made this document of, if it did or might have. What it made, and the changes since, are
    /// this document.
    pub fn beginning(&self) -> Option<(ReplicaId, Rope)> {
        self.logs[0].beginning().map(|text| (self.ids[0], text.clone()))
    }

    /// Returns the id under which local edits are made.
    pub fn replica(&self) -> ReplicaId {
        self.ids[0]
    }

    /// Inserts `text` before the character at `at`. O(1) when typing on, else O(log n).
    ///
    /// # Errors
    /// `OutOfRange` if `at` is past the end, `Full` if the document cannot count that much.
    pub fn insert(&mut self, at: usize, text: &str) -> Result<(), EditError> {
        let len = self.len_chars();
        if len < at {
            return Err(EditError::OutOfRange { at, len });
        }
        let n_chars = count_chars(text);
        if n_chars == 0 {
            return Ok(());
        }
        self.check_room(n_chars)?;
        let run = Run::new(0, self.applied[0], self.lamport_max + 1, n_chars as u32);
        if LARGE_BYTES <= text.len() {
            self.insert_large(at, run, text);
            return Ok(());
        }
        if self.heard.is_empty() && self.rga.type_on(at as u32, &run) {
            self.logs[0].type_on(run.len(), text);
        } else {
            self.insert_elsewhere(at as u32, run, text);
        }
        self.applied[0] += run.len();
        self.lamport_max += run.len();
        self.text.insert(at, text, n_chars);
        self.undo.note_edit(run.seq, run.seq + run.len());
        Ok(())
    }

    /// Enters a run that does not go on where the last one ended.
    fn insert_elsewhere(&mut self, at: u32, run: Run, text: &str) {
        let op = self.place(at, run);
        self.logs[0].push(op, text);
    }

    /// Enters a text that the log and the rope share.
    #[cold]
    fn insert_large(&mut self, at: usize, run: Run, text: &str) {
        let text = Rope::from_str(text);
        let op = self.place(at as u32, run);
        self.logs[0].push_large(op, text.clone());
        self.applied[0] += run.len();
        self.lamport_max += run.len();
        self.text.insert_rope(at, text);
        self.undo.note_edit(run.seq, run.seq + run.len());
    }

    /// Gives a run its place in the sequence, and returns its operation.
    #[inline]
    fn place(&mut self, at: u32, run: Run) -> OpRun {
        self.stamp_local();
        let reference = self.rga.insert_local(at, run);
        let (replica, target) = reference.map_or((ROOT, 0), |id| (id.replica, id.seq));
        OpRun { seq: run.seq, len: run.len(), kind: Kind::Insert, replica, target, text: 0 }
    }

    /// Deletes the characters of `range`.
    ///
    /// # Errors
    /// `OutOfRange` if it does not lie inside the text, `Full` if the document cannot count that much.
    pub fn delete(&mut self, range: Range<usize>) -> Result<(), EditError> {
        let len = self.len_chars();
        if range.end < range.start || len < range.end {
            return Err(EditError::OutOfRange { at: range.end.max(range.start), len });
        }
        if range.is_empty() {
            return Ok(());
        }
        self.check_room(range.len())?;
        let first_seq = self.stamp_local();
        let Document { rga, logs, .. } = self;
        rga.delete_local(range.start as u32, range.len() as u32, |span| {
            let seq = logs[0].end();
            let (kind, replica, target) = (Kind::DeleteForward, span.replica, span.seq);
            logs[0].push(OpRun { seq, len: span.len, kind, replica, target, text: 0 }, "");
        });
        self.applied[0] = self.logs[0].end();
        self.lamport_max += range.len() as u32;
        self.text.delete(range.start, range.len());
        self.undo.note_edit(first_seq, self.applied[0]);
        Ok(())
    }

    fn check_room(&self, n_ops: usize) -> Result<(), EditError> {
        // Every operation has a tick of its own, so there are seqs as long as there is time.
        let has_time = has_time(self.lamport_max + 1, n_ops as u64);
        let has_space = self.len_chars() + n_ops < DOCUMENT_CHARS_MAX;
        // An unfinished log of one's own means that this replica's id was used elsewhere.
        let is_own_log_whole = self.applied[0] == self.logs[0].end();
        let has_too_many = DOCUMENT_REPLICAS_MAX < self.ids.len();
        if has_too_many || !is_own_log_whole || !has_time || !has_space {
            return Err(EditError::Full { max: DOCUMENT_CHARS_MAX as u64 });
        }
        Ok(())
    }

    /// Notes what has been heard since the last local edit as causes of the next, but for what others of them are known to need, and
    /// returns its seq.
    #[inline]
    fn stamp_local(&mut self) -> u32 {
        if !self.heard.is_empty() {
            self.stamp_heard();
        }
        self.applied[0]
    }

    #[cold]
    fn stamp_heard(&mut self) {
        let mut deps: Vec<(u32, u32)> = { std::mem::take(&mut self.heard) }
            .into_iter()
            .map(|replica| (replica, self.applied[replica as usize]))
            .collect();
        // Where many type who hear each other, each would name all others with each edit.
        if 1 < deps.len() {
            let mut implied: HashMap<u32, u32> = HashMap::new();
            for &(replica, next) in &deps {
                for &(cause, next) in self.logs[replica as usize].latest_deps(next) {
                    let known = implied.entry(cause).or_default();
                    *known = next.max(*known);
                }
            }
            deps.retain(|(replica, next)| implied.get(replica).is_none_or(|known| known < next));
        }
        self.logs[0].push_stamp(self.applied[0], self.lamport_max + 1, deps);
    }

    fn record(&mut self, op: OpRun, text: &str) {
        self.logs[0].push(op, text);
        self.applied[0] = op.end();
        self.lamport_max += op.len;
    }

    /// Returns the local number of `id`, giving it the next one if it has none.
    fn intern(&mut self, id: ReplicaId) -> u32 {
        // A hash costs more than to look at a few.
        let first = self.ids.iter().take(FIRST_IDS).position(|&known| known == id);
        if let Some(replica) = first.map(|at| at as u32).or_else(|| self.by_id.get(&id).copied()) {
            return replica;
        }
        let replica = self.ids.len() as u32;
        self.ids.push(id);
        self.by_id.insert(id, replica);
        self.logs.push(Columns::new(replica, 0));
        self.applied.push(0);
        self.rga.add_replica(id);
        replica
    }

    /// Returns which operations are applied here; what waits is not counted.
    pub fn version(&self) -> VersionVector {
        self.ends().collect()
    }

    /// Returns the entries of [`Document::version`] that are beyond `known`.
    pub fn growth_since(&self, known: &VersionVector) -> Vec<(ReplicaId, u64)> {
        self.ends().filter(|&(id, next)| known.get(id) < next).collect()
    }

    /// Returns how many operations were made here.
    pub fn n_own_ops(&self) -> u64 {
        u64::from(self.applied[0])
    }

    fn ends(&self) -> impl Iterator<Item = (ReplicaId, u64)> + '_ {
        let end = |replica: usize| match is_planted(Defect::WaitingCounts) {
            true => self.logs[replica].end(),
            false => self.applied[replica],
        };
        self.ids.iter().enumerate().map(move |(replica, &id)| (id, u64::from(end(replica))))
    }

    /// Encodes every applied operation that `known` lacks, as one batch that names its replicas itself.
    pub fn changes_since(&self, known: &VersionVector) -> Vec<u8> {
        self.changes(known, |_| u64::MAX, &ReplicaTable::default())
    }

    /// Encodes the applied operations that `to` covers and `from` does not. Replicas in `names` are written
    /// as their number there (the reader must hold an equal or longer table), others in full.
    pub fn changes_between(&self, from: &VersionVector, to: &VersionVector, names: &ReplicaTable) -> Vec<u8> {
        self.changes(from, |id| to.get(id), names)
    }

    fn changes(&self, from: &VersionVector, to: impl Fn(ReplicaId) -> u64, names: &ReplicaTable) -> Vec<u8> {
        let mut ends = self.ids.iter().zip(&self.applied);
        let is_all = ends.all(|(&id, &applied)| from.get(id) == 0 && u64::from(applied) <= to(id));
        if is_all && HISTORY_RUNS_MIN <= self.logs.iter().map(|log| log.ops.len()).sum() {
            return history::write(&self.logs, &self.applied, &self.ids, &self.rga).into_bytes();
        }
        let mut writer = batch::Writer::new(names, &self.ids);
        for (replica, &id) in self.ids.iter().enumerate() {
            let from = from.get(id).min(u64::from(u32::MAX)) as u32;
            let to = to(id).min(u64::from(self.applied[replica])) as u32;
            writer.part(&self.logs[replica], from, to);
        }
        writer.finish()
    }

    /// Returns the text as it was at an earlier version, by replaying what it covers: the cost of merging that much.
    ///
    /// # Errors
    /// If the version leaves out causes of what it covers, in which case it was never one of this document's.
    pub fn text_at(&self, version: &VersionVector) -> Result<Rope, ApplyError> {
        let mut past = Document::new(self.replica());
        past.apply(&self.changes_between(&VersionVector::default(), version, &ReplicaTable::default()))?;
        match past.version() == *version {
            true => Ok(past.rope().clone()),
            false => Err(ApplyError::Malformed("no version of this document")),
        }
    }

    /// Returns the text.
    pub fn rope(&self) -> &Rope {
        self.text.rope()
    }

    /// Returns the length of the text in characters. O(1).
    pub fn len_chars(&self) -> usize {
        self.rga.len_visible() as usize
    }

    /// Recomputes every count and compares the two structures.
    ///
    /// # Panics
    /// If anything differs.
    pub fn check_invariants(&self) {
        self.rga.check_invariants();
        assert_eq!(self.rope().len_chars(), self.len_chars(), "rope and RGA");
        assert_eq!(self.text_of_runs().as_ref(), Ok(self.rope()), "rope and the text of the runs");
        for (replica, (log, &applied)) in self.logs.iter().zip(&self.applied).enumerate() {
            log.check_invariants();
            assert!(applied <= log.end(), "applied {applied} of {}", log.end());
            let n_behind = self.behind.iter().filter(|&&behind| behind as usize == replica).count();
            assert_eq!(n_behind, usize::from(applied < log.end()), "the list of authors behind");
        }
    }

    fn dot(&self, id: crate::crdt::rga::ElementId) -> Dot {
        Dot { replica: self.ids[id.replica as usize], seq: u64::from(id.seq) }
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rope().chunks().try_for_each(|chunk| f.write_str(chunk))
    }
}
