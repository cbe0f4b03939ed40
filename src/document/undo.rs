//! Undo and redo of one's own edits, as new edits that everybody merges.
//!
//! Local operations have consecutive seqs, so a group of edits is a range of seqs, and what it did is in
//! the log. Undoing an insert deletes those of its characters that are still there; undoing a deletion
//! inserts the characters again, right of their tombstones, except where somebody else's deletion came first.
//! A group may be of an earlier run of the program, which was another replica of the same user.

mod archive;
mod kept;

use std::collections::BTreeMap;
use std::ops::Range;

use super::columns::{Kind, OpRun, ROOT};
use super::merge::note_change;
use super::{Applied, Document, EditError, TextChange};
use crate::crdt::rga::{ElementId, Run, Span};
use archive::Archives;
pub(super) use archive::END;

#[derive(Default)]
pub(super) struct UndoStack {
    undo: Groups,
    redo: Groups,
    /// Whether the next edit begins a group of its own.
    closed: bool,
    /// Characters that were inserted again, by author and first seq, and as what. A character is inserted again at
    /// most once: after that its revival is.
    revived: BTreeMap<(u32, u32), Span>,
    /// What was added to `revived` since the history was last handed out to be kept.
    newly_revived: Vec<(u32, u32)>,
    /// One's own operations that were rewritten before anybody had seen them.
    archives: Archives,
}

/// Edits that are taken back together.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    /// As which replica its user made them.
    replica: u32,
    seqs: Range<u32>,
}

/// Groups, the last to be taken back first.
#[derive(Default)]
struct Groups {
    groups: Vec<Group>,
    /// How many of the first ones are as they were when they were last handed out to be kept.
    n_kept: usize,
}

impl Groups {
    fn push(&mut self, group: Group) {
        self.groups.push(group);
    }

    fn pop(&mut self) -> Option<Group> {
        let group = self.groups.pop();
        self.n_kept = self.n_kept.min(self.groups.len());
        group
    }

    fn clear(&mut self) {
        self.groups.clear();
        self.n_kept = 0;
    }

    /// Makes the last group go on to `end`, if it is this replica's and ends at `start`. Returns whether it did.
    fn extend_last(&mut self, start: u32, end: u32) -> bool {
        let n_before = self.groups.len().saturating_sub(1);
        match self.groups.last_mut() {
            Some(last) if last.replica == 0 && last.seqs.end == start => {
                last.seqs.end = end;
                self.n_kept = self.n_kept.min(n_before);
                true
            }
            _ => false,
        }
    }
}

/// A deletion by somebody else of characters that one deleted oneself.
struct Rival {
    /// The characters' author and seqs.
    replica: u32,
    seqs: Range<u32>,
    /// The furthest end of this and the ones before it, of the same author's characters.
    reach: u32,
    /// Whose log it is in, and which operation there.
    log: usize,
    op: OpRun,
}

/// The rivals of one deletion, as its characters are walked forward.
struct RivalsAt<'a> {
    /// Those of the characters that are here, and those to come.
    here: Vec<&'a Rival>,
    coming: &'a [Rival],
}

impl<'a> RivalsAt<'a> {
    /// `all` are by author and start.
    fn new(all: &'a [Rival], replica: u32, targets: &Range<u32>) -> RivalsAt<'a> {
        let first = all.partition_point(|rival| (rival.replica, rival.reach) <= (replica, targets.start));
        let n =
            all[first..].partition_point(|rival| (rival.replica, rival.seqs.start) < (replica, targets.end));
        RivalsAt { here: Vec::new(), coming: &all[first..first + n] }
    }

    /// Returns the deletions of this character; it comes after the ones before.
    fn at(&mut self, target: u32) -> &[&'a Rival] {
        while let Some((next, coming)) =
            self.coming.split_first().filter(|(next, _)| next.seqs.start <= target)
        {
            self.here.push(next);
            self.coming = coming;
        }
        self.here.retain(|rival| target < rival.seqs.end);
        &self.here
    }
}

impl UndoStack {
    /// Records a local edit, which used the seqs `start..end`.
    pub(super) fn note_edit(&mut self, start: u32, end: u32) {
        self.redo.clear();
        if self.closed || !self.undo.extend_last(start, end) {
            self.undo.push(Group { replica: 0, seqs: start..end });
        }
        self.closed = false;
    }

    /// Returns the characters that stand for the first ones of `span` now, themselves or their latest revivals: as
    /// many as have consecutive ids.
    fn latest(&self, span: Span) -> Span {
        let mut latest = span;
        // What is read from a disk may go in a circle.
        for _ in 0..=self.revived.len() {
            let key = (latest.replica, latest.seq);
            let before = self.revived.range(..=key).next_back();
            let found =
                before.filter(|((replica, seq), to)| *replica == latest.replica && latest.seq - seq < to.len);
            if let Some((&(_, seq), to)) = found {
                let offset = latest.seq - seq;
                let len = latest.len.min(to.len - offset);
                latest = Span { replica: to.replica, seq: to.seq + offset, len };
                continue;
            }
            let next =
                self.revived.range(key..).next().filter(|((replica, _), _)| *replica == latest.replica);
            let n_until_next = next.map_or(u32::MAX, |((_, seq), _)| seq - latest.seq);
            return Span { len: latest.len.min(n_until_next), ..latest };
        }
        latest
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

    /// Returns how many groups of local edits there are to be taken back.
    pub fn n_undo_groups(&self) -> usize {
        self.undo.undo.groups.len()
    }

    /// Takes back the last group of local edits that still shows; `None` when there is none. Never touches
    /// what others wrote.
    ///
    /// # Errors
    /// `Full` if the document cannot count that much.
    pub fn undo(&mut self) -> Result<Option<Applied>, EditError> {
        while let Some(last) = self.undo.undo.groups.last() {
            self.check_room(last.seqs.len())?;
            let Some(group) = self.undo.undo.pop() else { break };
            let (made, applied) = self.invert(group);
            self.undo.closed = true;
            if !made.seqs.is_empty() {
                self.undo.redo.push(made);
                return Ok(Some(applied));
            }
        }
        Ok(None)
    }

    /// Brings back what the last `undo` took; `None` when there is none.
    ///
    /// # Errors
    /// As `undo`.
    pub fn redo(&mut self) -> Result<Option<Applied>, EditError> {
        while let Some(last) = self.undo.redo.groups.last() {
            self.check_room(last.seqs.len())?;
            let Some(group) = self.undo.redo.pop() else { break };
            let (made, applied) = self.invert(group);
            self.undo.closed = true;
            if !made.seqs.is_empty() {
                self.undo.undo.push(made);
                return Ok(Some(applied));
            }
        }
        Ok(None)
    }

    /// Makes the edits that take back one's own operations of `group`, newest first, and returns them as a group. They
    /// are at most as many as those, for which there must be room. O(others' operations + runs log n).
    fn invert(&mut self, Group { replica, seqs }: Group) -> (Group, Applied) {
        let start = self.logs[0].end();
        let mut changes = Vec::new();
        let log = replica as usize;
        let runs = self.own_runs(log, seqs);
        let rivals = self.rivals(log, &runs);
        for op in runs.into_iter().rev() {
            match op.kind {
                Kind::Insert => {
                    let span = Span { replica, seq: op.seq, len: op.len };
                    self.delete_again(span, &mut changes);
                }
                Kind::DeleteForward | Kind::DeleteBackward => self.revive(log, &op, &rivals, &mut changes),
            }
        }
        let applied = Applied { changes, n_waiting: self.n_waiting() };
        (Group { replica: 0, seqs: start..self.logs[0].end() }, applied)
    }

    /// Returns others' deletions of what `runs`, which are of the log `own`, deleted, by author and start.
    fn rivals(&self, own: usize, runs: &[OpRun]) -> Vec<Rival> {
        let deletions = runs.iter().filter(|op| op.kind != Kind::Insert);
        let mut targets: Vec<(u32, Range<u32>)> = deletions.map(|op| (op.replica, op.targets())).collect();
        if targets.is_empty() {
            return Vec::new();
        }
        // Deletions of one log never meet, so starts and ends ascend together.
        targets.sort_unstable_by_key(|(replica, seqs)| (*replica, seqs.start));
        let mut rivals = Vec::new();
        let is_own = |log: usize| log == own || self.undo.archives.stands_for(log as u32, own as u32);
        for log in (0..self.logs.len()).filter(|&log| !is_own(log)) {
            for op in self.logs[log].ops.iter().take_while(|op| op.seq < self.applied[log]) {
                if op.kind == Kind::Insert {
                    continue;
                }
                let seqs = op.targets();
                let first =
                    targets.partition_point(|(replica, own)| (*replica, own.end) <= (op.replica, seqs.start));
                let meets =
                    |(replica, own): &&(u32, Range<u32>)| *replica == op.replica && own.start < seqs.end;
                if targets[first..].iter().take_while(meets).next().is_some() {
                    rivals.push(Rival { replica: op.replica, reach: seqs.end, seqs, log, op: *op });
                }
            }
        }
        rivals.sort_unstable_by_key(|rival| (rival.replica, rival.seqs.start));
        let mut before = (ROOT, 0);
        for rival in &mut rivals {
            if before.0 == rival.replica {
                rival.reach = rival.reach.max(before.1);
            }
            before = (rival.replica, rival.reach);
        }
        rivals
    }

    /// Deletes what of `span`, or of its revivals, is visible.
    fn delete_again(&mut self, span: Span, changes: &mut Vec<TextChange>) {
        let mut seq = span.seq;
        while seq < span.seq + span.len {
            let rest = Span { seq, len: span.seq + span.len - seq, ..span };
            let latest = self.undo.latest(rest);
            let Some((n, is_visible)) = self.together(latest) else { return };
            seq += n;
            let id = ElementId { replica: latest.replica, seq: latest.seq };
            if let Some((at, _)) = self.rga.position(id).filter(|_| is_visible) {
                self.delete_element(id, at, n);
                note_change(changes, at as usize, n as usize, 0);
            }
        }
    }

    /// Deletes the `n` visible characters from `id` on, which stand together at `at`. There must be room.
    pub(super) fn delete_element(&mut self, id: ElementId, at: u32, n: u32) {
        let seq = self.stamp_local();
        self.rga.delete_local(at, n, |_| {});
        let (kind, replica, target) = (Kind::DeleteForward, id.replica, id.seq);
        self.record(OpRun { seq, len: n, kind, replica, target, text: 0 }, "");
        self.text.delete(at as usize, n as usize);
    }

    /// Inserts again the characters that `op` of a log deleted, where nobody else deleted them before.
    fn revive(&mut self, log: usize, op: &OpRun, rivals: &[Rival], changes: &mut Vec<TextChange>) {
        let targets = op.targets();
        let mut rivals = RivalsAt::new(rivals, op.replica, &targets);
        let has_none = rivals.coming.is_empty();
        let mut seq = targets.start;
        while seq < targets.end {
            let rest = Span { replica: op.replica, seq, len: targets.end - seq };
            let latest = self.undo.latest(rest);
            let Some((n_together, is_visible)) = self.together(latest) else { return };
            let is_killer = self.is_killer(log, op, seq, rivals.at(seq));
            let mut same =
                |n: &u32| has_none || self.is_killer(log, op, seq + n, rivals.at(seq + n)) == is_killer;
            let n = 1 + (1..n_together).take_while(&mut same).count() as u32;
            if is_killer && !is_visible {
                self.revive_span(Span { len: n, ..rest }, Span { len: n, ..latest }, changes);
            }
            seq += n;
        }
    }

    /// Returns whether none of `rivals`, the others' deletions of this character, came before `op`: the known deletion
    /// with the smallest (timestamp, replica) is the one that killed it.
    fn is_killer(&self, own: usize, op: &OpRun, target: u32, rivals: &[&Rival]) -> bool {
        let seq_of = |op: &OpRun| {
            op.seq + if op.kind == Kind::DeleteBackward { op.target - target } else { target - op.target }
        };
        let key_of = |log: usize, op: &OpRun| {
            let seq = seq_of(op);
            (seq < self.applied[log]).then(|| (self.logs[log].lamport(seq), self.ids[log]))
        };
        let own_seq = seq_of(op);
        let own_key = Some((self.own_log(own as u32, own_seq).lamport(own_seq), self.ids[own]));
        rivals.iter().filter_map(|rival| key_of(rival.log, &rival.op)).all(|key| own_key < Some(key))
    }

    /// Inserts the characters `span` again, right of what stands for them now.
    fn revive_span(&mut self, span: Span, latest: Span, changes: &mut Vec<TextChange>) {
        let log = self.own_log(span.replica, span.seq);
        let Some(at) = log.find(span.seq).filter(|&at| log.ops[at].kind == Kind::Insert) else { return };
        // A run of elements may come from several runs of operations.
        let len = span.len.min(log.ops[at].end() - span.seq);
        let text = log.text_of(at, span.seq..span.seq + len).into_owned();
        let first = ElementId { replica: latest.replica, seq: latest.seq };
        let reference = match self.rga.together(latest) {
            Some(_) => Some(ElementId { seq: first.seq + len - 1, ..first }),
            None => self.rga.element_before(self.right_of_dropped(first)),
        };
        let Some((seq, place)) = self.insert_after(reference, &text, len) else { return };
        note_change(changes, place as usize, 0, len as usize);
        self.undo.note_revival(Span { len, ..latest }, Span { replica: 0, seq, len });
        self.undo.newly_revived.push((latest.replica, latest.seq));
        if len < span.len {
            let rest = |span: Span| Span { seq: span.seq + len, len: span.len - len, ..span };
            self.revive_span(rest(span), rest(latest), changes);
        }
    }

    /// Inserts `text` of `len` characters right after an element, or at the start, as an edit of one's own, for which there
    /// must be room. Returns its first seq and where it came to stand.
    pub(super) fn insert_after(
        &mut self,
        reference: Option<ElementId>,
        text: &str,
        len: u32,
    ) -> Option<(u32, u32)> {
        let seq = self.stamp_local();
        let place = self.rga.insert_remote(reference, Run::new(0, seq, self.lamport_max + 1, len))?;
        let (replica, target) = reference.map_or((ROOT, 0), |id| (id.replica, id.seq));
        let op = OpRun { seq, len, kind: Kind::Insert, replica, target, text: 0 };
        self.record(op, text);
        match self.logs[0].large(&op, op.seq..op.end()) {
            Some(part) => self.text.insert_rope(place as usize, part.into()),
            None => self.text.insert(place as usize, text, len as usize),
        }
        Some((seq, place))
    }
}
