//! The operations of one author, run-length, in the order in which they were made.

use std::borrow::Cow;
use std::ops::Range;

mod ropes;

use ropey::{Rope, RopeSlice};

pub(super) use ropes::LARGE_BYTES;
use ropes::Ropes;

use super::text::push_short;

/// The local number that no author has: the reference of an insert at the start of the text.
pub(super) const ROOT: u32 = u32::MAX;

/// What an operation run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Inserts consecutive characters, the first after (`replica`, `seq`), each further one after the
    /// one before it.
    Insert,
    /// Deletes (`replica`, `seq`), `seq + 1`, …
    DeleteForward,
    /// Deletes (`replica`, `seq`), `seq - 1`, …: what Backspace does.
    DeleteBackward,
}

/// Operations with consecutive seqs that one rule describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpRun {
    /// Seq of the first operation.
    pub seq: u32,
    pub len: u32,
    pub kind: Kind,
    /// Author of the reference or the first target; `ROOT` for an insert at the start.
    pub replica: u32,
    /// Seq of the reference or the first target.
    pub target: u32,
    /// Where the inserted text starts in the author's text, in bytes; for a deletion, where the next one will.
    pub text: u32,
}

impl OpRun {
    pub(super) fn end(&self) -> u32 {
        self.seq + self.len
    }

    /// Returns the lowest and one past the highest target of a deletion.
    pub(super) fn targets(&self) -> Range<u32> {
        match self.kind {
            Kind::DeleteBackward => self.target + 1 - self.len..self.target + 1,
            _ => self.target..self.target + self.len,
        }
    }

    /// Returns the operations from the `n`-th on. The text's start is left as it is.
    fn tail(&self, author: u32, n: u32) -> OpRun {
        let (replica, target) = match self.kind {
            _ if n == 0 => (self.replica, self.target),
            Kind::Insert => (author, self.seq + n - 1),
            Kind::DeleteForward => (self.replica, self.target + n),
            Kind::DeleteBackward => (self.replica, self.target - n),
        };
        OpRun { seq: self.seq + n, len: self.len - n, replica, target, ..*self }
    }
}

/// Where an author's knowledge grew: from `seq` on, operations also depend on `deps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub seq: u32,
    /// Lamport timestamp of the operation at `seq`: 1 + the highest among its causes. 0 until the causes
    /// are here.
    pub lamport: u32,
    /// End of its part of `Columns::deps`.
    deps_end: u32,
}

/// Everything one author did.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    /// Local number of the author.
    pub author: u32,
    /// Seq of the first operation held: 0, but for a part that waits.
    pub start: u32,
    pub ops: Vec<OpRun>,
    stamps: Vec<Stamp>,
    deps: Vec<(u32, u32)>,
    pub text: String,
    /// The texts of large inserts, which are not in `text`.
    ropes: Ropes,
}

/// Lengths to go back to when a batch turns out to be malformed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    n_ops: usize,
    last: Option<OpRun>,
    n_stamps: usize,
    n_deps: usize,
    n_text: usize,
    n_ropes: usize,
}

impl Columns {
    pub(super) fn new(author: u32, start: u32) -> Columns {
        Columns { author, start, ..Columns::default() }
    }

    /// Returns the large text that the whole log begins with, knowing nothing else.
    pub(super) fn beginning(&self) -> Option<&Rope> {
        let knows_nothing = self.stamps.first().is_none_or(|stamp| 0 < stamp.seq);
        let first = self.ops.first().filter(|op| op.seq == 0 && op.replica == ROOT && knows_nothing)?;
        self.ropes.get(first.seq)
    }

    /// Returns the characters `seqs` of the insert `op` as part of a rope, if it is a large one.
    pub(super) fn large(&self, op: &OpRun, seqs: Range<u32>) -> Option<RopeSlice<'_>> {
        self.ropes.slice(op.seq, seqs)
    }

    /// Returns whether the last operation is a large insert: what is typed on has its text elsewhere, and is another run.
    #[inline]
    fn is_last_large(&self) -> bool {
        self.ops.last().is_some_and(|op| self.ropes.get(op.seq).is_some())
    }

    /// Makes this an empty part of another author's, and keeps its room.
    pub(super) fn begin_again(&mut self, author: u32, start: u32) {
        (self.author, self.start) = (author, start);
        self.ops.clear();
        self.stamps.clear();
        self.deps.clear();
        self.text.clear();
        self.ropes.truncate(0);
    }

    /// Returns one past the last seq held.
    pub(super) fn end(&self) -> u32 {
        self.ops.last().map_or(self.start, OpRun::end)
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            n_ops: self.ops.len(),
            last: self.ops.last().copied(),
            n_stamps: self.stamps.len(),
            n_deps: self.deps.len(),
            n_text: self.text.len(),
            n_ropes: self.ropes.len(),
        }
    }

    pub(super) fn restore(&mut self, mark: Mark) {
        self.ops.truncate(mark.n_ops);
        if let (Some(last), Some(before)) = (self.ops.last_mut(), mark.last) {
            *last = before;
        }
        self.stamps.truncate(mark.n_stamps);
        self.deps.truncate(mark.n_deps);
        self.text.truncate(mark.n_text);
        self.ropes.truncate(mark.n_ropes);
    }

    /// Forgets the operations from `end` on, which may lie inside a run.
    pub(super) fn truncate(&mut self, end: u32) {
        let Some(at) = self.find(end) else { return };
        let op = self.ops[at];
        if op.kind == Kind::Insert {
            let is_large = self.ropes.get(op.seq).is_some();
            let kept = if is_large { 0 } else { self.own_text_of(at, op.seq..end).len() };
            self.text.truncate(op.text as usize + kept);
        } else if let Some(next) = self.ops[at..].iter().find(|op| op.kind == Kind::Insert) {
            self.text.truncate(next.text as usize);
        }
        self.ropes.truncate_at(end);
        self.ops.truncate(if op.seq == end { at } else { at + 1 });
        if op.seq < end {
            self.ops[at].len = end - op.seq;
        }
        let n_stamps = self.stamps.partition_point(|stamp| stamp.seq < end);
        self.stamps.truncate(n_stamps);
        let n_deps = self.stamps.last().map_or(0, |stamp| stamp.deps_end);
        self.deps.truncate(n_deps as usize);
    }

    /// Records that operations from `seq` on also depend on `deps`.
    pub(super) fn push_stamp(&mut self, seq: u32, lamport: u32, deps: impl IntoIterator<Item = (u32, u32)>) {
        self.deps.extend(deps);
        self.stamps.push(Stamp { seq, lamport, deps_end: self.deps.len() as u32 });
    }

    /// Appends `n` characters that the author typed on right after the last one.
    pub(super) fn type_on(&mut self, n: u32, text: &str) {
        if self.is_last_large() {
            let seq = self.end();
            let op =
                OpRun { seq, len: n, kind: Kind::Insert, replica: self.author, target: seq - 1, text: 0 };
            return self.push(op, text);
        }
        let last = self.ops.last_mut().expect("the character before is in the log");
        debug_assert_eq!(last.kind, Kind::Insert);
        last.len += n;
        push_short(&mut self.text, text);
    }

    /// Appends `op`, whose seq is the end, joining it to the last one where one rule covers both.
    pub(super) fn push(&mut self, op: OpRun, text: &str) {
        debug_assert_eq!(op.seq, self.end());
        if LARGE_BYTES <= text.len() {
            return self.push_large(op, Rope::from_str(text));
        }
        let (author, is_after_large) = (self.author, self.is_last_large());
        let op = OpRun { text: self.text.len() as u32, ..op };
        push_short(&mut self.text, text);
        match self.ops.last_mut() {
            Some(last) if !is_after_large && Self::joins(author, last, &op) => {
                if op.kind != Kind::Insert {
                    let is_backward = op.target < last.target;
                    last.kind = if is_backward { Kind::DeleteBackward } else { Kind::DeleteForward };
                }
                last.len += op.len;
            }
            _ => self.ops.push(op),
        }
    }

    /// Appends an insert whose text is kept as a rope of its own.
    pub(super) fn push_large(&mut self, op: OpRun, text: Rope) {
        debug_assert_eq!(op.seq, self.end());
        self.keep_large(op.seq, text);
        self.ops.push(OpRun { text: self.text.len() as u32, ..op });
    }

    /// Keeps the text of the large insert that begins at `seq`; its operation is appended apart.
    pub(super) fn keep_large(&mut self, seq: u32, text: Rope) {
        self.ropes.push(seq, text);
    }

    fn joins(author: u32, last: &OpRun, op: &OpRun) -> bool {
        let (was_insert, is_insert) = (last.kind == Kind::Insert, op.kind == Kind::Insert);
        if was_insert || is_insert {
            return was_insert && is_insert && op.replica == author && op.target + 1 == op.seq;
        }
        // A single deletion goes either way.
        let goes = |run: &OpRun, kind: Kind| run.len == 1 || run.kind == kind;
        let both_go = |kind: Kind| goes(last, kind) && goes(op, kind);
        last.replica == op.replica
            && (both_go(Kind::DeleteForward) && last.target + last.len == op.target
                || both_go(Kind::DeleteBackward) && last.target.checked_sub(last.len) == Some(op.target))
    }

    /// Returns how many bytes the text and the causes take from the run with index `at` on.
    pub(super) fn n_bytes_from(&self, at: usize) -> usize {
        let op = &self.ops[at];
        let n_stamps_before = self.stamps.partition_point(|stamp| stamp.seq < op.seq);
        let n_deps_before = n_stamps_before.checked_sub(1).map_or(0, |last| self.stamps[last].deps_end);
        let n_bytes_of_deps = (self.deps.len() - n_deps_before as usize) * size_of::<(u32, u32)>();
        self.text.len() - op.text as usize + self.ropes.n_bytes_from(op.seq) + n_bytes_of_deps
    }

    /// Copies the operations from `from` on, with all that they name.
    pub(super) fn tail(&self, from: u32) -> Columns {
        let mut tail = Columns::new(self.author, from);
        tail.append(self);
        tail
    }

    /// Returns the index of the run that holds `seq`.
    pub(super) fn find(&self, seq: u32) -> Option<usize> {
        if seq < self.start || self.end() <= seq {
            return None;
        }
        if self.ops.last().is_some_and(|op| op.seq <= seq) {
            return Some(self.ops.len() - 1);
        }
        Some(self.ops.partition_point(|op| op.seq <= seq) - 1)
    }

    /// Returns whether all of these seqs are inserted characters.
    pub(super) fn are_inserts(&self, seqs: Range<u32>) -> bool {
        let Some(first) = self.find(seqs.start) else { return false };
        let Some(last) = self.find(seqs.end - 1) else { return false };
        self.ops[first..=last].iter().all(|op| op.kind == Kind::Insert)
    }

    /// Walks the operations in `seqs` as runs cut at its ends and at stamps, with their index.
    pub(super) fn runs_in(&self, seqs: Range<u32>) -> impl Iterator<Item = (usize, OpRun)> + '_ {
        let mut seq = seqs.start;
        let mut at = self.find(seq).unwrap_or(self.ops.len());
        let mut stamp = self.stamps.partition_point(|stamp| stamp.seq <= seq);
        std::iter::from_fn(move || {
            if seqs.end <= seq {
                return None;
            }
            let whole = *self.ops.get(at)?;
            let mut end = whole.end().min(seqs.end);
            if let Some(next) = self.stamps.get(stamp)
                && next.seq <= end
            {
                end = next.seq;
                stamp += 1;
            }
            let mut op = whole.tail(self.author, seq - whole.seq);
            op.len = end - seq;
            let found = (at, op);
            seq = end;
            if whole.end() == end {
                at += 1;
            }
            Some(found)
        })
    }

    /// Returns the text of the inserted characters `seqs`, which lie in the run with index `at`.
    pub(super) fn text_of(&self, at: usize, seqs: Range<u32>) -> Cow<'_, str> {
        match self.large(&self.ops[at], seqs.clone()) {
            Some(part) => part.into(),
            None => self.own_text_of(at, seqs).into(),
        }
    }

    /// Returns the same for an insert that is not a large one.
    pub(super) fn own_text_of(&self, at: usize, seqs: Range<u32>) -> &str {
        let op = &self.ops[at];
        if seqs == (op.seq..op.end()) {
            let end = self.ops.get(at + 1).map_or(self.text.len(), |next| next.text as usize);
            return &self.text[op.text as usize..end];
        }
        let text = &self.text[op.text as usize..];
        let from = byte_of_char(text, (seqs.start - op.seq) as usize);
        let len = byte_of_char(&text[from..], (seqs.end - seqs.start) as usize);
        &text[from..from + len]
    }

    /// Appends the same to `to`, piece by piece and without a copy.
    pub(super) fn push_pieces_of<'a>(&'a self, at: usize, seqs: Range<u32>, to: &mut Vec<&'a str>) {
        match self.large(&self.ops[at], seqs.clone()) {
            Some(part) => to.extend(part.chunks()),
            None => to.push(self.own_text_of(at, seqs)),
        }
    }

    /// Recounts the seqs and the characters of every run.
    ///
    /// # Panics
    /// If anything differs.
    pub(super) fn check_invariants(&self) {
        let mut seq = self.start;
        for (at, op) in self.ops.iter().enumerate() {
            assert_eq!(op.seq, seq, "the first seq of {op:?}");
            seq = op.end();
            let n_chars = if op.kind == Kind::Insert { op.len } else { 0 };
            let text = self.text_of(at, op.seq..seq);
            assert_eq!(text.chars().count(), n_chars as usize, "the text of {op:?}");
        }
    }

    /// Returns the index of the stamp at exactly `seq`.
    pub(super) fn stamp_at(&self, seq: u32) -> Option<usize> {
        // Mostly the newest operations are asked for.
        match self.stamps.last() {
            Some(last) if seq < last.seq => self.stamps.binary_search_by_key(&seq, |stamp| stamp.seq).ok(),
            last => last.filter(|last| last.seq == seq).map(|_| self.stamps.len() - 1),
        }
    }

    /// Returns the seq of the first stamp after `seq`.
    pub(super) fn next_stamp_after(&self, seq: u32) -> Option<u32> {
        self.stamps.last().filter(|last| seq < last.seq)?;
        self.stamps.get(self.stamps.partition_point(|stamp| stamp.seq <= seq)).map(|stamp| stamp.seq)
    }

    pub(super) fn deps_of(&self, stamp: usize) -> &[(u32, u32)] {
        let start = stamp.checked_sub(1).map_or(0, |before| self.stamps[before].deps_end);
        &self.deps[start as usize..self.stamps[stamp].deps_end as usize]
    }

    /// Returns the causes that were named last before the operation `end`.
    pub(super) fn latest_deps(&self, end: u32) -> &[(u32, u32)] {
        match self.stamps.partition_point(|stamp| stamp.seq < end) {
            0 => &[],
            n => self.deps_of(n - 1),
        }
    }

    /// Returns the causes that a part's first operation names; `None` if later ones name more.
    pub(super) fn deps_at_start(&self) -> Option<&[(u32, u32)]> {
        match &self.stamps[..] {
            [] => Some(&[]),
            [stamp] if stamp.seq == self.start && !self.deps.is_empty() => Some(&self.deps),
            _ => None,
        }
    }

    /// Returns whether `op`, whose seq is the end, only adds characters to the last run.
    pub(super) fn goes_on_with(&self, op: &OpRun) -> bool {
        self.ops.last().is_some_and(|last| !self.is_last_large() && Self::joins(self.author, last, op))
    }

    pub(super) fn set_lamport(&mut self, stamp: usize, lamport: u32) {
        self.stamps[stamp].lamport = lamport;
    }

    /// Returns the Lamport timestamp of the operation `seq`, which must be applied.
    pub(super) fn lamport(&self, seq: u32) -> u32 {
        let at = match self.stamps.last() {
            Some(last) if last.seq <= seq => self.stamps.len() - 1,
            _ => match self.stamps.partition_point(|stamp| stamp.seq <= seq).checked_sub(1) {
                Some(at) => at,
                // Before the first stamp nothing was known: timestamps count from 1.
                None => return seq + 1,
            },
        };
        self.stamps[at].lamport + (seq - self.stamps[at].seq)
    }

    /// Copies the operations from `from` on for a document in which the `n`-th author is `numbers[n]`. Of causes only the
    /// first operation's timestamp is left.
    pub(super) fn renumbered(&self, from: u32, numbers: &[u32]) -> Columns {
        let mut copy = Columns::new(numbers[self.author as usize], from);
        for (at, op) in self.runs_in(from..self.end()) {
            let replica = if op.replica == ROOT { ROOT } else { numbers[op.replica as usize] };
            copy.push_copy(OpRun { replica, ..op }, self, at);
        }
        copy.begin_at(self.lamport(from));
        copy
    }

    /// Makes this the timestamp of the first operation, and forgets all causes.
    pub(super) fn begin_at(&mut self, lamport: u32) {
        self.deps.clear();
        self.stamps = vec![Stamp { seq: self.start, lamport, deps_end: 0 }];
    }

    /// Appends what `part` holds beyond the end; `part` starts at or before it.
    pub(super) fn append(&mut self, part: &Columns) {
        let end = self.end();
        debug_assert!(part.start <= end);
        if part.end() <= end {
            return;
        }
        let mut stamp = part.stamps.partition_point(|stamp| stamp.seq < end);
        for (at, op) in part.runs_in(end..part.end()) {
            while part.stamps.get(stamp).is_some_and(|stamp| stamp.seq == op.seq) {
                self.push_stamp(op.seq, part.stamps[stamp].lamport, part.deps_of(stamp).iter().copied());
                stamp += 1;
            }
            self.push_copy(op, part, at);
        }
    }

    /// Appends `op`, a part of the run of `from` with index `at`, with its text.
    fn push_copy(&mut self, op: OpRun, from: &Columns, at: usize) {
        let seqs = op.seq..op.end();
        match from.large(&from.ops[at], seqs.clone()) {
            Some(text) if LARGE_BYTES <= text.len_bytes() => self.push_large(op, text.into()),
            _ if op.kind == Kind::Insert => self.push(op, &from.text_of(at, seqs)),
            _ => self.push(op, ""),
        }
    }
}

/// Returns the byte offset of the `n`-th character; the whole length if there are not as many.
#[inline]
pub(super) fn byte_of_char(text: &str, n: usize) -> usize {
    // What is typed comes one by one.
    if n <= 1 {
        return if n == 0 { 0 } else { text.chars().next().map_or(0, char::len_utf8) };
    }
    byte_of_far_char(text, n)
}

fn byte_of_far_char(text: &str, n: usize) -> usize {
    // Where the next n bytes are all ASCII they are the next n characters.
    match text.as_bytes().get(..n) {
        Some(head) if head.is_ascii() => n,
        _ => ropey::str_utils::char_to_byte_idx(text, n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_joined(ops: &[(Kind, u32, u32)], joined: &[(Kind, u32, u32)]) {
        let mut columns = Columns::new(0, 0);
        for &(kind, target, len) in ops {
            columns.push(OpRun { seq: columns.end(), len, kind, replica: 1, target, text: 0 }, "");
        }
        let runs: Vec<(Kind, u32, u32)> = columns.ops.iter().map(|op| (op.kind, op.target, op.len)).collect();
        assert_eq!(runs, joined);
    }

    #[test]
    fn deletions_side_by_side_are_one_run() {
        use Kind::{DeleteBackward as Back, DeleteForward as Fore};
        check_joined(&[(Fore, 9, 1), (Fore, 8, 1), (Fore, 7, 1)], &[(Back, 9, 3)]);
        check_joined(&[(Fore, 4, 2), (Fore, 6, 3), (Fore, 9, 1)], &[(Fore, 4, 6)]);
        check_joined(&[(Back, 9, 1), (Fore, 10, 4)], &[(Fore, 9, 5)]);
        check_joined(&[(Back, 9, 2), (Back, 7, 3)], &[(Back, 9, 5)]);
        check_joined(&[(Fore, 4, 2), (Fore, 3, 1)], &[(Fore, 4, 2), (Fore, 3, 1)]);
        check_joined(&[(Back, 9, 2), (Fore, 10, 1)], &[(Back, 9, 2), (Fore, 10, 1)]);
    }
}
