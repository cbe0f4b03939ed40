//! Merging: into the logs first, then checked in causal order, then into the text.

use std::ops::Range;

use ropey::RopeSlice;

use super::batch::{self, Parts};
use super::columns::{Columns, Kind, LARGE_BYTES, Mark, OpRun, ROOT};
use super::history;
use super::{Applied, ApplyError, Document, TextChange};
use crate::base::bytes::Malformed;
use crate::base::limits::{DOCUMENT_REPLICAS_MAX, WAITING_AUTHORS_MAX, WAITING_BYTES_MAX};
use crate::crdt::rga::{ElementId, Run, Span};
use crate::crdt::{ReplicaId, ReplicaTable, has_time};

/// Operations of one author that can be applied together, in an order that respects all causes.
pub(super) struct Step {
    replica: u32,
    seqs: Range<u32>,
}

/// The text of an insert: a large one is shared with the log.
enum Text<'a> {
    Short(&'a str),
    Large(RopeSlice<'a>),
}

/// What a refused batch must leave behind, beside the logs and what waits apart.
struct Before {
    n_ids: usize,
    behind: Vec<u32>,
}

/// What happened to the parts that wait apart, to be taken back in reverse.
enum Move {
    Came,
    /// It went into the log from this place, where the last one took its place.
    Went(usize, Columns),
}

/// What waits, while a batch is tried without it.
#[derive(Default)]
struct Aside {
    waiting: Vec<Columns>,
    behind: Vec<u32>,
    /// The ends of logs.
    tails: Vec<Columns>,
}

/// Room that merging needs, kept from one batch to the next: most batches are one keystroke.
#[derive(Default)]
pub(super) struct Scratch {
    parts: Parts,
    taken: Taken,
    steps: Vec<Step>,
}

/// What a batch did to the logs and to what waits apart.
#[derive(Default)]
pub(super) struct Taken {
    marks: Vec<(u32, Mark)>,
    moves: Vec<Move>,
}

pub(super) const TOO_MANY_REPLICAS: ApplyError = ApplyError::TooManyReplicas { max: DOCUMENT_REPLICAS_MAX };

impl Document {
    /// Merges a batch made by `changes_since`. Duplicates change nothing; what comes early waits.
    ///
    /// # Errors
    /// All or nothing: on an error the document is as it was.
    pub fn apply(&mut self, batch: &[u8]) -> Result<Applied, ApplyError> {
        self.apply_named(batch, &ReplicaTable::default(), &|_| true)
    }

    /// Merges a batch made by `changes_between` with this table of names, or an older state of it. Operations of
    /// authors that `may_bring` refuses are left out, as if they were not in it; what depends on them waits.
    ///
    /// # Errors
    /// As `apply`.
    pub fn apply_named(
        &mut self,
        batch: &[u8],
        names: &ReplicaTable,
        may_bring: &dyn Fn(ReplicaId) -> bool,
    ) -> Result<Applied, ApplyError> {
        if let Some(applied) = self.take_whole(batch, may_bring) {
            return Ok(applied);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let n_ids = self.ids.len();
        let result = self.read_allowed(batch, names, may_bring, &mut scratch.parts).and_then(|()| {
            if let Some(applied) = self.apply_next(scratch.parts.as_slice()) {
                return Ok(applied);
            }
            self.apply_parts(n_ids, &mut scratch).or_else(|error| {
                self.apply_without_what_waits(error, &mut scratch, &|document, parts| {
                    document.read_allowed(batch, names, may_bring, parts)
                })
            })
        });
        self.scratch = scratch;
        result
    }

    /// Reads the parts of a batch that may be brought. On an error the authors are as before.
    fn read_allowed(
        &mut self,
        batch: &[u8],
        names: &ReplicaTable,
        may_bring: &dyn Fn(ReplicaId) -> bool,
        parts: &mut Parts,
    ) -> Result<(), ApplyError> {
        let n_ids = self.ids.len();
        let read = self.read_parts(batch, names, parts);
        let has_too_many = DOCUMENT_REPLICAS_MAX < self.ids.len();
        if let Some(error) = read.err().or(has_too_many.then_some(TOO_MANY_REPLICAS)) {
            self.forget_replicas(n_ids);
            return Err(error);
        }
        parts.retain(|part| may_bring(self.ids[part.author as usize]));
        Ok(())
    }

    /// Merges what most batches are: the next operation of one author, of which everything it needs is here, while
    /// nothing waits. `None`, with nothing changed, for all others and for what cannot be right.
    fn apply_next(&mut self, parts: &[Columns]) -> Option<Applied> {
        let [part] = parts else { return None };
        let ([op], Some(deps)) = (&part.ops[..], part.deps_at_start()) else { return None };
        let r = part.author as usize;
        let is_next = part.start == self.logs[r].end() && self.waiting.is_empty() && self.behind.is_empty();
        let is_large = LARGE_BYTES <= part.text.len() || part.large(op, op.seq..op.end()).is_some();
        if !is_next || is_large {
            return None;
        }
        let lamport = self.lamport_after(part.author, op.seq, deps).ok().flatten()?;
        let goes_on = op.kind == Kind::Insert && self.logs[r].goes_on_with(op);
        let is_ready = goes_on || self.n_ready(part.author, op, lamport) == Ok(op.len);
        if !is_ready || !has_time(lamport, u64::from(op.len)) {
            return None;
        }
        let log = &mut self.logs[r];
        if !deps.is_empty() {
            log.push_stamp(op.seq, lamport, deps.iter().copied());
        }
        log.push(*op, &part.text);
        self.applied[r] = op.end();
        let mut changes = Vec::with_capacity(1);
        self.carry_out_run(part.author, op, lamport, Text::Short(&part.text), &mut changes);
        self.note_heard(part.author, lamport + (op.len - 1));
        Some(Applied { changes, n_waiting: 0 })
    }

    /// Takes a whole history over without merging it, if nothing is here; `None`, with nothing changed, if it must be
    /// merged or is malformed.
    fn take_whole(&mut self, batch: &[u8], may_bring: &dyn Fn(ReplicaId) -> bool) -> Option<Applied> {
        if batch.first() != Some(&history::VERSION) || !self.is_fresh() {
            return None;
        }
        let n_ids = self.ids.len();
        let history = self.read_history(batch).ok().filter(|history| {
            self.ids.len() <= DOCUMENT_REPLICAS_MAX
                && history.logs.iter().all(|log| may_bring(self.ids[log.author as usize]))
        });
        let Some(history) = history else {
            self.forget_replicas(n_ids);
            return None;
        };
        self.take_over(history);
        Some(self.all_is_new())
    }

    /// Merges any parts. On an error everything is as before, when there were `n_ids` authors.
    fn apply_parts(&mut self, n_ids: usize, scratch: &mut Scratch) -> Result<Applied, ApplyError> {
        let before = Before { n_ids, behind: self.behind.clone() };
        let Scratch { parts, taken, steps } = scratch;
        taken.marks.clear();
        taken.moves.clear();
        let planned = self.take_in(parts.as_slice(), taken).and_then(|()| {
            self.check_unheard(n_ids)?;
            let grown: Vec<u32> = taken.marks.iter().map(|(author, _)| *author).collect();
            self.plan(&grown, steps)
        });
        match planned {
            Ok(()) => Ok(self.carry_out(steps)),
            Err(error) => {
                self.go_back(before, taken);
                Err(error)
            }
        }
    }

    /// Bounds the authors of whom nothing is here and who are only named, as causes: those of a made-up cause never come,
    /// and there is no room for others then.
    fn check_unheard(&self, n_ids: usize) -> Result<(), ApplyError> {
        if self.ids.len() == n_ids {
            return Ok(());
        }
        let n = self.logs.iter().skip(1).filter(|log| log.end() == 0).count();
        match WAITING_AUTHORS_MAX < n {
            true => Err(ApplyError::TooManyWaiting { n, max: WAITING_AUTHORS_MAX }),
            false => Ok(()),
        }
    }

    pub(super) fn read_parts(
        &mut self,
        batch: &[u8],
        names: &ReplicaTable,
        parts: &mut Parts,
    ) -> Result<(), ApplyError> {
        match batch.first() {
            None => return Err(ApplyError::Malformed("the bytes end too early")),
            Some(&history::VERSION) => parts.replace(self.read_history(batch)?.logs),
            Some(&first) if first & !batch::HAS_OWN_IDS != batch::VERSION => {
                let found = first & !batch::HAS_OWN_IDS;
                return Err(ApplyError::NewerFormat { found, known: history::VERSION });
            }
            Some(_) => batch::read(batch, names, &mut |id| self.intern(id), parts)?,
        }
        Ok(())
    }

    /// Appends the parts to the logs; those that begin past a log's end wait.
    pub(super) fn take_in(&mut self, parts: &[Columns], taken: &mut Taken) -> Result<(), ApplyError> {
        let (mut has_grown, mut n_early) = (false, 0);
        let mut n_bytes: usize = self.waiting.iter().map(n_bytes_waiting).sum();
        for part in parts {
            let log = &self.logs[part.author as usize];
            if part.end() <= log.end() {
                continue;
            }
            if part.start <= log.end() {
                self.append(part, taken);
                has_grown = true;
                continue;
            }
            // Counted at once, those known as well: each is compared with all that wait.
            n_early += 1;
            let is_within = |w: &Columns| w.start <= part.start && part.end() <= w.end();
            if !self.waiting.iter().any(|w| w.author == part.author && is_within(w)) {
                n_bytes += n_bytes_waiting(part);
                self.waiting.push(part.clone());
                taken.moves.push(Move::Came);
            }
            let n = self.waiting.len().max(n_early);
            if self.waiting_max < n || WAITING_BYTES_MAX < n_bytes {
                return Err(ApplyError::TooManyWaiting { n, max: self.waiting_max });
            }
        }
        while has_grown && self.take_in_waiting(taken) {}
        Ok(())
    }

    /// Appends one waiting part whose gap is closed; returns whether there was one.
    fn take_in_waiting(&mut self, taken: &mut Taken) -> bool {
        let fits = |part: &Columns| part.start <= self.logs[part.author as usize].end();
        let Some(at) = self.waiting.iter().position(fits) else { return false };
        let part = self.waiting.swap_remove(at);
        self.append(&part, taken);
        taken.moves.push(Move::Went(at, part));
        true
    }

    fn append(&mut self, part: &Columns, taken: &mut Taken) {
        if !self.is_behind(part.author) {
            self.behind.push(part.author);
        }
        let log = &mut self.logs[part.author as usize];
        taken.marks.push((part.author, log.mark()));
        log.append(part);
    }

    /// Finds an order for all that can be applied, checks every reference, and derives the timestamps. Moves `applied` on as if it
    /// were done. Only logs that have `grown` can go on at first.
    pub(super) fn plan(&mut self, grown: &[u32], steps: &mut Vec<Step>) -> Result<(), ApplyError> {
        steps.clear();
        let mut open = std::mem::take(&mut self.behind);
        let mut is_first = true;
        loop {
            let n_steps = steps.len();
            for &replica in if is_first { grown } else { &open } {
                if let Err(error) = self.plan_replica(replica, steps) {
                    let at = self.applied[replica as usize];
                    self.undo_plan(steps);
                    self.refused = Some((replica, at));
                    return Err(error.into());
                }
            }
            is_first = false;
            if n_steps < steps.len() {
                open.retain(|&r| self.is_behind(r));
            }
            if steps.len() == n_steps || open.is_empty() {
                if let Err(error) = self.check_waiting(&open) {
                    self.undo_plan(steps);
                    return Err(error);
                }
                self.behind = open;
                return Ok(());
            }
        }
    }

    fn undo_plan(&mut self, steps: &[Step]) {
        for step in steps.iter().rev() {
            self.applied[step.replica as usize] = step.seqs.start;
        }
    }

    /// What waits in the logs for its causes is bounded like what waits for its author's earlier work.
    fn check_waiting(&self, behind: &[u32]) -> Result<(), ApplyError> {
        let (mut n, mut n_bytes) = (self.waiting.len(), 0);
        for &replica in behind {
            let log = &self.logs[replica as usize];
            if let Some(at) = log.find(self.applied[replica as usize]) {
                n += log.ops.len() - at;
                n_bytes += log.n_bytes_from(at);
            }
        }
        if self.waiting_max < n || WAITING_BYTES_MAX < n_bytes {
            return Err(ApplyError::TooManyWaiting { n, max: self.waiting_max });
        }
        Ok(())
    }

    fn is_behind(&self, replica: u32) -> bool {
        self.applied[replica as usize] < self.logs[replica as usize].end()
    }

    fn plan_replica(&mut self, replica: u32, steps: &mut Vec<Step>) -> Result<(), Malformed> {
        let r = replica as usize;
        while self.is_behind(replica) {
            let from = self.applied[r];
            if let Some(stamp) = self.logs[r].stamp_at(from) {
                let deps = self.logs[r].deps_of(stamp);
                let Some(lamport) = self.lamport_after(replica, from, deps)? else { return Ok(()) };
                self.logs[r].set_lamport(stamp, lamport);
            }
            let log = &self.logs[r];
            let mut to = log.next_stamp_after(from).unwrap_or(log.end());
            if !has_time(log.lamport(from), u64::from(to - from)) {
                return Err(Malformed("the document's time is used up"));
            }
            for (at, op) in log.runs_in(from..to) {
                // Typing on refers to the author's character before.
                let goes_on = op.kind == Kind::Insert && log.ops[at].seq < op.seq;
                let n_ready = if goes_on { op.len } else { self.n_ready(replica, &op, log.lamport(op.seq))? };
                if n_ready < op.len {
                    to = op.seq + n_ready;
                    break;
                }
            }
            if to == from {
                return Ok(());
            }
            self.applied[r] = to;
            steps.push(Step { replica, seqs: from..to });
        }
        Ok(())
    }

    /// Returns the timestamp that follows from the author's operation before and the causes `deps`: 1 + the highest; `None`
    /// while one of them is missing.
    fn lamport_after(&self, replica: u32, seq: u32, deps: &[(u32, u32)]) -> Result<Option<u32>, Malformed> {
        let log = &self.logs[replica as usize];
        let mut highest = if seq == 0 { 0 } else { log.lamport(seq - 1) };
        for &(cause, next) in deps {
            if cause == replica || next == 0 {
                return Err(Malformed("an operation depends on itself or on nothing"));
            }
            if self.applied[cause as usize] < next {
                return Ok(None);
            }
            highest = highest.max(self.logs[cause as usize].lamport(next - 1));
        }
        Ok(Some(highest + 1))
    }

    /// Returns how many first operations of a run have what they refer to here; refuses what can never be right.
    /// Operations are counted one by one: whether they came as one run or as two must make no difference.
    fn n_ready(&self, author: u32, op: &OpRun, lamport: u32) -> Result<u32, Malformed> {
        let targets = match op.kind {
            Kind::Insert if op.replica == ROOT => return Ok(op.len),
            Kind::Insert => op.target..op.target + 1,
            _ => op.targets(),
        };
        let log = &self.logs[op.replica as usize];
        if op.replica == author && op.seq < targets.end {
            return Err(Malformed("an operation refers to itself or to a later one"));
        }
        let known = self.applied[op.replica as usize];
        let is_missing = op.replica != author && known < targets.end;
        if is_missing && (op.kind != Kind::DeleteForward || known <= targets.start) {
            return Ok(0);
        }
        let here = targets.start..if is_missing { known } else { targets.end };
        if !log.are_inserts(here.clone()) {
            return Err(Malformed("an operation refers to a character that was never inserted"));
        }
        // A reference is a cause, so its timestamp is smaller; the order of the text rests on that.
        if op.kind == Kind::Insert && lamport <= log.lamport(targets.start) {
            return Err(Malformed("an operation does not name its reference among its causes"));
        }
        Ok(if is_missing { here.len() as u32 } else { op.len })
    }

    /// Applies a plan to the sequence and the text.
    fn carry_out(&mut self, steps: &[Step]) -> Applied {
        let mut changes = Vec::new();
        for step in steps {
            // Taken out while the rest changes; nothing looks at it meanwhile.
            let log = std::mem::take(&mut self.logs[step.replica as usize]);
            for (at, op) in log.runs_in(step.seqs.clone()) {
                let (lamport, seqs) = (log.lamport(op.seq), op.seq..op.end());
                let text = match log.large(&log.ops[at], seqs.clone()) {
                    Some(part) => Text::Large(part),
                    None if op.kind == Kind::Insert => Text::Short(log.own_text_of(at, seqs)),
                    None => Text::Short(""),
                };
                self.carry_out_run(step.replica, &op, lamport, text, &mut changes);
            }
            self.note_heard(step.replica, log.lamport(step.seqs.end - 1));
            self.logs[step.replica as usize] = log;
        }
        Applied { changes, n_waiting: self.n_waiting() }
    }

    fn carry_out_run(
        &mut self,
        author: u32,
        op: &OpRun,
        lamport: u32,
        text: Text<'_>,
        changes: &mut Vec<TextChange>,
    ) {
        if op.kind == Kind::Insert {
            let reference = (op.replica != ROOT).then_some(ElementId { replica: op.replica, seq: op.target });
            let run = Run::new(author, op.seq, lamport, op.len);
            let place = self.rga.insert_remote(reference, run).expect("references were checked") as usize;
            match text {
                Text::Short(text) => self.text.insert(place, text, op.len as usize),
                Text::Large(part) => self.text.insert_rope(place, part.into()),
            }
            note_change(changes, place, 0, op.len as usize);
        } else {
            let span = Span { replica: op.replica, seq: op.targets().start, len: op.len };
            self.rga.delete_remote(span, |place, n| {
                self.text.delete(place as usize, n as usize);
                note_change(changes, place as usize, n as usize, 0);
            });
        }
    }

    fn note_heard(&mut self, author: u32, lamport: u32) {
        self.lamport_max = self.lamport_max.max(lamport);
        if author != 0 && !self.heard.contains(&author) {
            self.heard.push(author);
        }
    }

    /// Returns how many parts of authors' work wait for something that is not here.
    pub fn n_waiting(&self) -> usize {
        self.waiting.len() + self.behind.len()
    }

    /// Sets how many changes may wait for their causes; a batch that would leave more is an error. At first
    /// [`crate::base::limits::WAITING_CHANGES_MAX`].
    pub fn set_waiting_max(&mut self, n: usize) {
        self.waiting_max = n;
    }

    fn go_back(&mut self, before: Before, taken: &mut Taken) {
        for &(replica, mark) in taken.marks.iter().rev() {
            self.logs[replica as usize].restore(mark);
        }
        for moved in taken.moves.drain(..).rev() {
            match moved {
                Move::Came => drop(self.waiting.pop()),
                Move::Went(at, part) => {
                    let last = self.waiting.len();
                    self.waiting.push(part);
                    self.waiting.swap(at, last);
                }
            }
        }
        self.behind = before.behind;
        self.forget_replicas(before.n_ids);
    }

    /// Forgets the authors named last, down to `n_ids`.
    fn forget_replicas(&mut self, n_ids: usize) {
        for id in self.ids.drain(n_ids..) {
            self.by_id.remove(&id);
        }
        self.logs.truncate(n_ids);
        self.applied.truncate(n_ids);
        self.rga.truncate_replicas(n_ids);
    }

    /// Tries again without what earlier batches left waiting, if the fault lay there: else nothing of those authors could ever be
    /// merged again. First without one author's, then without anybody's: somebody who leaves faults there by the thousand does not
    /// get a try for each. What is left out was acknowledged to nobody. `read` reads the batch again.
    fn apply_without_what_waits(
        &mut self,
        mut error: ApplyError,
        scratch: &mut Scratch,
        read: &dyn Fn(&mut Document, &mut Parts) -> Result<(), ApplyError>,
    ) -> Result<Applied, ApplyError> {
        for is_all in [false, true] {
            let Some((author, seq)) = self.refused.take().filter(|&fault| self.waits(fault)) else { break };
            debug_assert!(self.applied[author as usize] <= seq);
            let aside = self.set_aside(|other| is_all || other == author);
            let n_ids = self.ids.len();
            match read(self, &mut scratch.parts).and_then(|()| self.apply_parts(n_ids, scratch)) {
                Ok(applied) => return Ok(applied),
                Err(again) => error = again,
            }
            self.put_back(aside);
        }
        self.refused = None;
        Err(error)
    }

    /// Returns whether an operation came earlier and waits.
    fn waits(&self, (author, seq): (u32, u32)) -> bool {
        let is_in_log = self.logs.get(author as usize).is_some_and(|log| seq < log.end());
        let is_in = |part: &Columns| part.author == author && part.start <= seq && seq < part.end();
        is_in_log || self.waiting.iter().any(is_in)
    }

    /// Takes out what waits of some authors.
    fn set_aside(&mut self, is_meant: impl Fn(u32) -> bool) -> Aside {
        let mut aside = Aside::default();
        (aside.waiting, self.waiting) =
            std::mem::take(&mut self.waiting).into_iter().partition(|part| is_meant(part.author));
        (aside.behind, self.behind) =
            std::mem::take(&mut self.behind).into_iter().partition(|&author| is_meant(author));
        for &author in &aside.behind {
            let (log, applied) = (&mut self.logs[author as usize], self.applied[author as usize]);
            aside.tails.push(log.tail(applied));
            log.truncate(applied);
        }
        aside
    }

    fn put_back(&mut self, aside: Aside) {
        aside.tails.iter().for_each(|tail| self.logs[tail.author as usize].append(tail));
        self.behind.extend(aside.behind);
        self.waiting.extend(aside.waiting);
    }
}

/// Returns what a part that waits counts for.
fn n_bytes_waiting(part: &Columns) -> usize {
    part.n_bytes_from(0) + part.ops.len() * 8
}

/// Adds a change, joining it to the one before where they touch.
pub(super) fn note_change(changes: &mut Vec<TextChange>, at: usize, n_deleted: usize, n_inserted: usize) {
    if let Some(last) = changes.last_mut() {
        if n_deleted == 0 && last.at + last.n_inserted == at {
            last.n_inserted += n_inserted;
            return;
        }
        if n_inserted == 0 && last.n_inserted == 0 && (at == last.at || at + n_deleted == last.at) {
            last.at = at;
            last.n_deleted += n_deleted;
            return;
        }
    }
    changes.push(TextChange { at, n_deleted, n_inserted });
}
