//! Undo and redo of one's own edits, as new edits that everybody merges.
//!
//! Local operations have consecutive seqs, so a group of edits is a range of seqs, and what it did is in
//! the log. Undoing an insert deletes those of its characters that are still there; undoing a deletion
//! inserts the characters again, right of their tombstones, except where somebody else's deletion came first.

use std::ops::Range;

use super::columns::{Kind, OpRun};
use super::merge::note_change;
use super::{Applied, Document, TextChange};
use crate::crdt::rga::{ElementId, Run, Span};

#[derive(Default)]
pub(super) struct UndoStack {
    undo: Vec<Range<u32>>,
    redo: Vec<Range<u32>>,
    /// Whether the next edit begins a group of its own.
    closed: bool,
    /// Characters that were inserted again: (what, as which own seqs), in the order in which it happened.
    revived: Vec<(Span, u32)>,
}

impl UndoStack {
    /// Records a local edit, which used the seqs `start..end`.
    pub(super) fn note_edit(&mut self, start: u32, end: u32) {
        self.redo.clear();
        match self.undo.last_mut() {
            Some(last) if !self.closed && last.end == start => last.end = end,
            _ => self.undo.push(start..end),
        }
        self.closed = false;
    }

    /// Returns the character that stands for `id` now: `id` itself or its latest revival.
    fn latest(&self, id: ElementId) -> ElementId {
        let mut id = id;
        for (span, seq) in &self.revived {
            if span.replica == id.replica && (span.seq..span.seq + span.len).contains(&id.seq) {
                id = ElementId { replica: 0, seq: seq + (id.seq - span.seq) };
            }
        }
        id
    }
}

impl Document {
    /// Ends the group of local edits that the next `undo` takes back together.
    pub fn end_undo_group(&mut self) {
        self.undo.closed = true;
    }

    /// Forgets all undo and redo history, as after the text's first content was inserted.
    pub fn clear_undo(&mut self) {
        self.undo = UndoStack::default();
    }

    /// Takes back the last group of local edits that still shows; `None` when there is none. Never touches
    /// what others wrote.
    pub fn undo(&mut self) -> Option<Applied> {
        while let Some(group) = self.undo.undo.pop() {
            let (made, applied) = self.invert(group);
            self.undo.closed = true;
            if !made.is_empty() {
                self.undo.redo.push(made);
                return Some(applied);
            }
        }
        None
    }

    /// Brings back what the last `undo` took; `None` when there is none.
    pub fn redo(&mut self) -> Option<Applied> {
        while let Some(group) = self.undo.redo.pop() {
            let (made, applied) = self.invert(group);
            self.undo.closed = true;
            if !made.is_empty() {
                self.undo.undo.push(made);
                return Some(applied);
            }
        }
        None
    }

    /// Makes the edits that take back one's own operations `seqs`, newest first, and returns their seqs.
    fn invert(&mut self, seqs: Range<u32>) -> (Range<u32>, Applied) {
        let start = self.logs[0].end();
        let mut changes = Vec::new();
        let runs: Vec<OpRun> = self.logs[0].runs_in(seqs).map(|(_, op)| op).collect();
        for op in runs.into_iter().rev() {
            match op.kind {
                Kind::Insert => {
                    let span = Span { replica: 0, seq: op.seq, len: op.len };
                    self.delete_again(span, &mut changes);
                }
                Kind::DeleteForward | Kind::DeleteBackward => self.revive(&op, &mut changes),
            }
        }
        let applied = Applied { changes, n_waiting: self.n_waiting() };
        (start..self.logs[0].end(), applied)
    }

    /// Deletes what of `span`, or of its revivals, is visible.
    fn delete_again(&mut self, span: Span, changes: &mut Vec<TextChange>) {
        // From the end, so that a whole run goes as one stretch of the text.
        for seq in (span.seq..span.seq + span.len).rev() {
            let id = self.undo.latest(ElementId { replica: span.replica, seq });
            let Some((at, true)) = self.rga.position(id) else { continue };
            let own_seq = self.stamp_local();
            self.rga.delete_local(at, 1, |_| {});
            let (replica, target) = (id.replica, id.seq);
            let op = OpRun { seq: own_seq, len: 1, kind: Kind::DeleteForward, replica, target, text: 0 };
            self.record(op, "");
            self.text.delete(at as usize, 1);
            note_change(changes, at as usize, 1, 0);
        }
    }

    /// Inserts again the characters that `op` deleted, where nobody else deleted them before.
    fn revive(&mut self, op: &OpRun, changes: &mut Vec<TextChange>) {
        let targets = op.targets();
        let mut seq = targets.start;
        while seq < targets.end {
            let n_same = self.n_revivable(op, seq..targets.end);
            if n_same == 0 {
                seq += 1;
                continue;
            }
            self.revive_span(Span { replica: op.replica, seq, len: n_same }, changes);
            seq += n_same;
        }
    }

    /// Returns how many characters from the start of `seqs` on stand together, dead, never revived since,
    /// and killed by `op`.
    fn n_revivable(&self, op: &OpRun, seqs: Range<u32>) -> u32 {
        let first = ElementId { replica: op.replica, seq: seqs.start };
        let latest = self.undo.latest(first);
        let is_dead = |id: ElementId| matches!(self.rga.position(id), Some((_, false)));
        if !is_dead(latest) || !self.is_killer(op, first) {
            return 0;
        }
        if latest != first {
            return 1;
        }
        let span = Span { replica: op.replica, seq: seqs.start, len: seqs.end - seqs.start };
        let Some((n_together, false)) = self.rga.together(span) else { return 1 };
        let fits = |n: &u32| {
            let id = ElementId { replica: op.replica, seq: seqs.start + n };
            self.undo.latest(id) == id && self.is_killer(op, id)
        };
        1 + (1..n_together).take_while(fits).count() as u32
    }

    /// Returns whether none of the others' deletions of this character came before `op`: the known deletion
    /// with the smallest (timestamp, replica) is the one that killed it.
    fn is_killer(&self, op: &OpRun, id: ElementId) -> bool {
        let key_of = |log: usize, op: &OpRun| {
            let n = if op.kind == Kind::DeleteBackward { op.target - id.seq } else { id.seq - op.target };
            (self.logs[log].lamport(op.seq + n), self.ids[log])
        };
        let own = key_of(0, op);
        (1..self.logs.len()).all(|log| {
            let applied = self.applied[log];
            let kills = |other: &&OpRun| {
                other.kind != Kind::Insert && other.replica == id.replica && other.targets().contains(&id.seq)
            };
            self.logs[log]
                .ops
                .iter()
                .filter(kills)
                .all(|other| applied <= other.seq || own < key_of(log, other))
        })
    }

    fn revive_span(&mut self, span: Span, changes: &mut Vec<TextChange>) {
        let log = &self.logs[span.replica as usize];
        let Some(at) = log.find(span.seq) else { return };
        // A run of elements may come from several runs of operations.
        let len = span.len.min(log.ops[at].end() - span.seq);
        let text = log.text_of(at, span.seq..span.seq + len).to_owned();
        let last = self.undo.latest(ElementId { replica: span.replica, seq: span.seq + len - 1 });
        let seq = self.stamp_local();
        let run = Run::new(0, seq, self.lamport_max + 1, len);
        let Some(place) = self.rga.insert_remote(Some(last), run) else { return };
        let op = OpRun { seq, len, kind: Kind::Insert, replica: last.replica, target: last.seq, text: 0 };
        self.record(op, &text);
        self.text.insert(place as usize, &text, len as usize);
        note_change(changes, place as usize, 0, len as usize);
        self.undo.revived.push((Span { len, ..span }, seq));
        if len < span.len {
            self.revive_span(Span { seq: span.seq + len, len: span.len - len, ..span }, changes);
        }
    }
}
