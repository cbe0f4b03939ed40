//! Rewriting to its net effect what nobody else has seen: typing that was taken back is gone, and every new region is one
//! run that reads forward. So a long time alone is small on the wire, what was deleted is never told, and lines put on top
//! of each other alone stay one block beside others' (RGA interleaves what is typed backward at one place).

use std::collections::BTreeMap;

use super::Document;
use super::columns::Kind;
use super::snapshot::ByteLookup;
use super::undo::END;
use crate::base::limits::{
    SQUASH_BYTES_PER_RUN, SQUASH_DROPPED_MAX, SQUASH_REPLICAS_MAX, SQUASH_RUNS_PER_RUN, UNDO_REVIVALS_MAX,
};
use crate::crdt::rga::{ElementId, Span};
use crate::crdt::{ReplicaId, ReplicaTable, VersionVector};

/// When something happened: what others have seen, then two stretches.
type Step = u8;

const SEEN: Step = 0;
const STEPS: [Step; 2] = [1, 2];
const NEVER: Step = 3;

/// Characters that stand together and share their fate.
struct Piece {
    /// By the numbers of the document that is rewritten.
    span: Span,
    inserted: Step,
    /// In which stretch this user deleted them.
    deleted: Step,
    /// The first seq that they have now, if they were inserted in a stretch and are still there.
    new_seq: u32,
}

impl Piece {
    /// Whether the rewritten document has them, deleted or not, when it is at `step`.
    fn is_there(&self, step: Step) -> bool {
        self.inserted == SEEN || (self.inserted < step && self.inserted < self.deleted)
    }

    /// Returns the characters as the rewritten document knows them.
    fn now(&self, numbers: &[u32]) -> Span {
        match self.inserted {
            SEEN => Span { replica: numbers[self.span.replica as usize], ..self.span },
            _ => Span { replica: 0, seq: self.new_seq, len: self.span.len },
        }
    }
}

/// Returns whether what `n_runs` runs did becomes half as many at most, and undo can find what is left out.
fn is_worth_it(pieces: &[Piece], n_runs: usize) -> bool {
    let (mut n_new, mut n_dropped, mut n_dropped_max) = (0, 0, 0);
    let mut last_inserted = SEEN;
    for piece in pieces {
        n_new += usize::from(piece.inserted < piece.deleted && piece.deleted != NEVER);
        if piece.inserted == piece.deleted {
            n_dropped += 1;
            n_dropped_max = n_dropped_max.max(n_dropped);
            continue;
        }
        n_dropped = 0;
        n_new += usize::from(piece.inserted != SEEN && piece.inserted != last_inserted);
        last_inserted = piece.inserted;
    }
    n_new * 2 <= n_runs && n_dropped_max <= SQUASH_DROPPED_MAX
}

/// Returns how many operations telling `pieces` again takes at most.
fn n_steps(pieces: &[Piece]) -> usize {
    let n_of = |piece: &Piece| usize::from(piece.inserted != SEEN) + usize::from(piece.deleted != NEVER);
    pieces.iter().map(|piece| n_of(piece) * piece.span.len as usize).sum()
}

/// Deletions of characters side by side.
struct Killed {
    replica: u32,
    start: u32,
    end: u32,
    step: Step,
}

impl Document {
    /// Rewrites all operations beyond `seen`, which must be this user's own and known to nobody else, as operations of
    /// `replica`, which was never used before. The text, every place in it and undo stay as they are.
    ///
    /// `between` is a version whose text must still be found. Returns that version as it is now; `None`, with nothing changed,
    /// if there is nothing to gain, or something waits for its causes. Costs a load of the document.
    pub fn squash(
        &mut self,
        seen: &VersionVector,
        between: &VersionVector,
        replica: ReplicaId,
    ) -> Option<VersionVector> {
        let version = self.version();
        let is_sound = self.n_waiting() == 0 && version.includes(seen) && version.includes(between);
        let is_in_line = between.includes(seen) || seen.includes(between);
        if !is_sound || !is_in_line || self.by_id.contains_key(&replica) {
            return None;
        }
        let n_runs = self.n_runs_beyond(seen);
        if n_runs < 2 || !self.is_small_for(n_runs) {
            return None;
        }
        let mut pieces = self.pieces(seen, between);
        if !is_worth_it(&pieces, n_runs) || UNDO_REVIVALS_MAX < self.undo.n_revived() + pieces.len() {
            return None;
        }
        let mut fresh = Document::new(replica);
        fresh.set_waiting_max(self.waiting_max);
        let all_seen = self.changes_between(&VersionVector::default(), seen, &ReplicaTable::default());
        fresh.apply(&all_seen).ok().filter(|_| fresh.version() == *seen)?;
        let numbers: Vec<u32> = self.ids.iter().map(|&id| fresh.intern(id)).collect();
        fresh.check_room(n_steps(&pieces)).ok()?;
        fresh.undo = self.undo.renumbered(&numbers);
        let mut then = between.clone();
        let mut lookup = ByteLookup::default();
        for step in STEPS {
            fresh.retell(self, &mut pieces, &numbers, step, &mut lookup)?;
            if step == STEPS[0] && !seen.includes(between) {
                then = fresh.version();
            }
        }
        // Whatever is wrong, no text is changed by it.
        if fresh.rope() != self.rope() {
            return None;
        }
        fresh.archive(self, seen, &pieces, &numbers);
        *self = fresh;
        Some(then)
    }

    /// Returns whether the document may be rewritten for the sake of so many runs.
    fn is_small_for(&self, n_runs: usize) -> bool {
        let n_all: usize = self.logs.iter().map(|log| log.ops.len()).sum();
        self.ids.len() < SQUASH_REPLICAS_MAX
            && n_all <= n_runs.saturating_mul(SQUASH_RUNS_PER_RUN)
            && self.rope().len_bytes() <= n_runs.saturating_mul(SQUASH_BYTES_PER_RUN)
    }

    fn n_runs_beyond(&self, seen: &VersionVector) -> usize {
        let logs = self.ids.iter().zip(&self.logs);
        logs.map(|(&id, log)| {
            log.ops.iter().rev().take_while(|op| seen.get(id) < u64::from(op.end())).count()
        })
        .sum()
    }

    /// Returns all characters in document order.
    fn pieces(&self, seen: &VersionVector, between: &VersionVector) -> Vec<Piece> {
        let ends: Vec<[u32; 2]> = self
            .ids
            .iter()
            .map(|&id| [seen.get(id), seen.get(id).max(between.get(id))].map(|next| next as u32))
            .collect();
        let step_of = |replica: u32, seq: u32| -> (Step, u32) {
            match ends[replica as usize] {
                [first, _] if seq < first => (SEEN, first),
                [_, second] if seq < second => (STEPS[0], second),
                _ => (STEPS[1], u32::MAX),
            }
        };
        let killed = self.killed(&step_of);
        let mut pieces = Vec::new();
        for run in self.rga.runs() {
            let (mut seq, end) = (run.seq, run.seq + run.len());
            let mut next = killed.partition_point(|kill| (kill.replica, kill.end) <= (run.replica, seq));
            while seq < end {
                let (inserted, until) = step_of(run.replica, seq);
                let (deleted, until) = match killed.get(next).filter(|kill| kill.replica == run.replica) {
                    Some(kill) if kill.end <= seq => {
                        next += 1;
                        continue;
                    }
                    Some(kill) if kill.start <= seq => (kill.step, until.min(kill.end)),
                    Some(kill) => (NEVER, until.min(kill.start)),
                    None => (NEVER, until),
                };
                let len = until.min(end) - seq;
                let span = Span { replica: run.replica, seq, len };
                pieces.push(Piece { span, inserted, deleted, new_seq: 0 });
                seq += len;
            }
        }
        pieces
    }

    /// Returns what was deleted after it was last seen, by author and seq.
    fn killed(&self, step_of: &dyn Fn(u32, u32) -> (Step, u32)) -> Vec<Killed> {
        let mut killed = Vec::new();
        for (author, log) in (0..).zip(&self.logs) {
            let (mut seq, end) = (0, log.end());
            while seq < end {
                let (step, until) = step_of(author, seq);
                let until = until.min(end);
                if step != SEEN {
                    let deletions = log.runs_in(seq..until).filter(|(_, op)| op.kind != Kind::Insert);
                    killed.extend(deletions.map(|(_, op)| Killed {
                        replica: op.replica,
                        start: op.targets().start,
                        end: op.targets().end,
                        step,
                    }));
                }
                seq = until;
            }
        }
        killed.sort_unstable_by_key(|kill| (kill.replica, kill.start));
        killed
    }

    /// Does what `old` did in `step`, at once.
    fn retell(
        &mut self,
        old: &Document,
        pieces: &mut [Piece],
        numbers: &[u32],
        step: Step,
        lookup: &mut ByteLookup,
    ) -> Option<()> {
        let last_of = |span: Span| ElementId { replica: span.replica, seq: span.seq + span.len - 1 };
        let (mut left, mut at) = (None, 0);
        while at < pieces.len() {
            if pieces[at].is_there(step) {
                left = Some(last_of(pieces[at].now(numbers)));
                at += 1;
                continue;
            }
            // All that came between what was there already is one run.
            let n = pieces[at..].iter().take_while(|piece| !piece.is_there(step)).count();
            let region = &mut pieces[at..at + n];
            at += n;
            let new = region.iter_mut().filter(|piece| piece.inserted == step && step < piece.deleted);
            let (mut text, mut len) = (String::new(), 0);
            for piece in new {
                old.each_text_of(piece.span, lookup, |part| text.push_str(part)).ok()?;
                piece.new_seq = self.logs[0].end() + len;
                len += piece.span.len;
            }
            if 0 < len {
                self.insert_after(left, &text, len)?;
            }
        }
        for piece in pieces.iter().filter(|piece| piece.is_there(step) && piece.deleted == step) {
            self.delete_span(piece.now(numbers));
        }
        Some(())
    }

    /// Deletes what of `span` is visible.
    fn delete_span(&mut self, span: Span) {
        let mut seq = span.seq;
        while let Some((n, is_visible)) =
            self.rga.together(Span { seq, len: span.seq + span.len - seq, ..span })
        {
            let id = ElementId { replica: span.replica, seq };
            if let Some((at, _)) = self.rga.position(id).filter(|_| is_visible) {
                self.delete_element(id, at, n);
            }
            seq += n;
            if seq == span.seq + span.len {
                return;
            }
        }
    }

    /// Keeps what undo needs of the operations of `old` that were rewritten.
    fn archive(&mut self, old: &Document, seen: &VersionVector, pieces: &[Piece], numbers: &[u32]) {
        for (&id, log) in old.ids.iter().zip(&old.logs) {
            let from = seen.get(id) as u32;
            if from < log.end() {
                self.undo.archives_mut().add(log.renumbered(from, numbers), 0);
            }
        }
        // What was dropped earlier has its place among what is there now.
        let hanging = old.hanging();
        self.undo.archives_mut().clear_dropped();
        let mut next = None;
        self.drop_again(&hanging, END, numbers, &mut next);
        for piece in pieces.iter().rev() {
            let Span { replica, seq, len } = piece.span;
            let (mut end, author) = (seq + len, numbers[replica as usize]);
            let cuts = hanging.range((replica, seq + 1)..(replica, end)).rev().map(|(&(_, seq), _)| seq);
            for start in cuts.chain([seq]) {
                let from = Span { replica: author, seq: start, len: end - start };
                let now = piece.now(numbers);
                let to = Span { seq: now.seq + (start - seq), len: from.len, ..now };
                let is_there = piece.is_there(NEVER);
                match piece.inserted {
                    SEEN => {}
                    _ if is_there => self.undo.rename(from, to),
                    _ => self.undo.archives_mut().drop_span(from, next),
                }
                let first = if is_there { to } else { from };
                next = Some(ElementId { replica: first.replica, seq: first.seq });
                self.drop_again(&hanging, (replica, start), numbers, &mut next);
                end = start;
            }
        }
    }

    /// Drops what hangs at a character, left of `next`.
    fn drop_again(
        &mut self,
        hanging: &BTreeMap<(u32, u32), Vec<Span>>,
        right: (u32, u32),
        numbers: &[u32],
        next: &mut Option<ElementId>,
    ) {
        for span in hanging.get(&right).into_iter().flatten() {
            let span = Span { replica: numbers[span.replica as usize], ..*span };
            self.undo.archives_mut().drop_span(span, *next);
            *next = Some(ElementId { replica: span.replica, seq: span.seq });
        }
    }
}

#[cfg(test)]
mod tests;
