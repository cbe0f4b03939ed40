//! One's own operations as they were made, after they were rewritten before anybody had seen them: undo goes on with them.
//!
//! Their ids are never used for anything else. What became of an inserted character is told like a character that was
//! inserted again (`UndoStack::revived`); one that the document does not have at all any more is _dropped_, and undo inserts
//! it where it would stand.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Document, OpRun, Range, UndoStack};
use crate::base::bytes::{Malformed, Reader, put_bytes, put_varint};
use crate::crdt::ReplicaTable;
use crate::crdt::rga::{ElementId, Span};
use crate::document::batch::{self, Parts};
use crate::document::columns::Columns;

/// The place behind all characters, among what is hanging.
pub(in crate::document) const END: (u32, u32) = (u32::MAX, 0);

/// All that was rewritten.
#[derive(Clone, Default)]
pub(in crate::document) struct Archives {
    by_replica: BTreeMap<u32, Archive>,
    /// Characters that the document does not have, by author and first seq.
    dropped: BTreeMap<(u32, u32), Dropped>,
    /// The characters right of those: what stands left of one is never one run with it.
    rights: BTreeSet<(u32, u32)>,
}

/// The operations of one replica from some seq on.
#[derive(Clone)]
struct Archive {
    columns: Columns,
    /// The replica whose operations have their effect now.
    heir: u32,
}

/// Characters with consecutive seqs that stood side by side.
#[derive(Clone, Copy)]
struct Dropped {
    len: u32,
    /// The character that stood right of them when they were left out; `None` at the end.
    before: Option<ElementId>,
}

/// What stands right of a dropped character.
enum Right {
    /// A character of the sequence.
    There(ElementId),
    /// Another that was dropped.
    Dropped(ElementId),
    End,
}

impl Archives {
    /// Adds what a replica did, which has its effect by operations of `heir` now.
    pub(in crate::document) fn add(&mut self, columns: Columns, heir: u32) {
        self.by_replica.insert(columns.author, Archive { columns, heir });
    }

    /// Forgets which characters are left out.
    pub(in crate::document) fn clear_dropped(&mut self) {
        self.dropped.clear();
        self.rights.clear();
    }

    /// Notes characters that are left out, and the one that stood right of them; `None` at the end.
    pub(in crate::document) fn drop_span(&mut self, span: Span, before: Option<ElementId>) {
        self.dropped.insert((span.replica, span.seq), Dropped { len: span.len, before });
        self.rights.extend(before.map(|id| (id.replica, id.seq)));
    }

    /// Returns whether operations of `replica` have the effect that those of `own` had.
    pub(super) fn stands_for(&self, replica: u32, own: u32) -> bool {
        let heir_of = |replica: &u32| self.by_replica.get(replica).map(|archive| archive.heir);
        // As many as there are: what is read from a disk may go in a circle.
        let heirs = std::iter::successors(heir_of(&own), heir_of).take(self.by_replica.len());
        heirs.into_iter().any(|heir| heir == replica)
    }

    fn is_empty(&self) -> bool {
        self.by_replica.is_empty()
    }

    fn get(&self, replica: u32, seq: u32) -> Option<&Columns> {
        self.by_replica.get(&replica).map(|archive| &archive.columns).filter(|columns| columns.start <= seq)
    }

    /// Returns what `id` was dropped with: the first seq, and the rest.
    fn dropped_with(&self, id: ElementId) -> Option<(u32, Dropped)> {
        let (&(replica, seq), &dropped) = self.dropped.range(..=(id.replica, id.seq)).next_back()?;
        (replica == id.replica && id.seq - seq < dropped.len).then_some((seq, dropped))
    }

    /// Takes in that the characters `from` were inserted again: what was dropped left of them is left of `to` now.
    fn move_rights(&mut self, from: Span, to: Span) {
        if self.dropped_with(ElementId { replica: from.replica, seq: from.seq }).is_some() {
            self.rights.insert((to.replica, to.seq));
        }
        let range = (from.replica, from.seq)..(from.replica, from.seq + from.len);
        let moved: Vec<u32> = self.rights.range(range).map(|(_, seq)| to.seq + (seq - from.seq)).collect();
        self.rights.extend(moved.into_iter().map(|seq| (to.replica, seq)));
    }

    /// Gives every author another number: the `n`-th becomes `numbers[n]`.
    fn renumber(&mut self, numbers: &[u32]) {
        let new = |id: ElementId| ElementId { replica: numbers[id.replica as usize], ..id };
        let archives = std::mem::take(&mut self.by_replica).into_values();
        for Archive { columns, heir } in archives {
            self.add(columns.renumbered(columns.start, numbers), numbers[heir as usize]);
        }
        let dropped = std::mem::take(&mut self.dropped);
        self.rights.clear();
        for ((replica, seq), Dropped { len, before }) in dropped {
            self.drop_span(Span { replica: numbers[replica as usize], seq, len }, before.map(new));
        }
    }
}

impl UndoStack {
    pub(in crate::document) fn archives_mut(&mut self) -> &mut Archives {
        &mut self.archives
    }

    /// Returns the same history of a document in which the `n`-th author is `numbers[n]`.
    pub(in crate::document) fn renumbered(&self, numbers: &[u32]) -> UndoStack {
        let new = |replica: u32| numbers[replica as usize];
        let mut stack = UndoStack { closed: true, archives: self.archives.clone(), ..UndoStack::default() };
        stack.archives.renumber(numbers);
        for (old, groups) in [(&self.undo, &mut stack.undo), (&self.redo, &mut stack.redo)] {
            groups.groups = old.groups.clone();
            groups.groups.iter_mut().for_each(|group| group.replica = new(group.replica));
        }
        let revived = self.revived.iter();
        stack.revived = revived
            .map(|(&(replica, seq), to)| ((new(replica), seq), Span { replica: new(to.replica), ..*to }))
            .collect();
        stack
    }

    /// Returns how many spans of characters stand for others.
    pub(in crate::document) fn n_revived(&self) -> usize {
        self.revived.len()
    }

    /// Notes that the characters `from` were inserted again as `to`.
    pub(super) fn note_revival(&mut self, from: Span, to: Span) {
        self.revived.insert((from.replica, from.seq), to);
        self.archives.move_rights(from, to);
    }

    /// Returns what a character was inserted again as, or rewritten.
    fn stand_in(&self, id: ElementId) -> Option<ElementId> {
        let (&(replica, seq), to) = self.revived.range(..=(id.replica, id.seq)).next_back()?;
        let is_in = replica == id.replica && id.seq - seq < to.len;
        is_in.then(|| ElementId { replica: to.replica, seq: to.seq + (id.seq - seq) })
    }

    /// Notes that the characters `from` are the characters `to` now.
    pub(in crate::document) fn rename(&mut self, from: Span, to: Span) {
        for (span, latest) in self.carve(from) {
            let seq = to.seq + (span.seq - from.seq);
            self.revived.insert((to.replica, seq), latest);
        }
        self.revived.insert((from.replica, from.seq), to);
    }

    /// Takes what stands for characters of `span` out of what was inserted again, and returns it.
    fn carve(&mut self, span: Span) -> Vec<(Span, Span)> {
        let (replica, end) = (span.replica, span.seq + span.len);
        let tail = |span: Span, n: u32| Span { seq: span.seq + n, len: span.len - n, ..span };
        let before = self.revived.range((replica, 0)..(replica, span.seq)).next_back();
        let before = before.filter(|((_, seq), to)| span.seq - seq < to.len).map(|(&key, _)| key);
        let inside = self.revived.range((replica, span.seq)..(replica, end)).map(|(&key, _)| key);
        let keys: Vec<(u32, u32)> = before.into_iter().chain(inside).collect();
        let mut found = Vec::new();
        for key in keys {
            let Some(mut to) = self.revived.remove(&key) else { continue };
            let mut from = Span { replica, seq: key.1, len: to.len };
            if let Some(n_before) = span.seq.checked_sub(from.seq).filter(|&n| 0 < n) {
                self.revived.insert(key, Span { len: n_before, ..to });
                (from, to) = (tail(from, n_before), tail(to, n_before));
            }
            let n_inside = from.len.min(end - from.seq);
            if n_inside < from.len {
                self.revived.insert((replica, end), tail(to, n_inside));
            }
            found.push((Span { len: n_inside, ..from }, Span { len: n_inside, ..to }));
        }
        found
    }
}

impl Document {
    /// Returns the operations of `replica` of which `seq` is one, as they were made.
    pub(super) fn own_log(&self, replica: u32, seq: u32) -> &Columns {
        self.undo.archives.get(replica, seq).unwrap_or(&self.logs[replica as usize])
    }

    /// Returns one's own operations `seqs` of a log, as they were made.
    pub(super) fn own_runs(&self, log: usize, seqs: Range<u32>) -> Vec<OpRun> {
        let n_here = self.logs[log].end();
        let here = seqs.start.min(n_here)..seqs.end.min(n_here);
        let rest = seqs.start.max(n_here)..seqs.end;
        let rewritten = self.undo.archives.get(log as u32, rest.start);
        let rewritten = rewritten.into_iter().flat_map(|columns| columns.runs_in(rest.clone()));
        self.logs[log].runs_in(here).chain(rewritten).map(|(_, op)| op).collect()
    }

    /// Returns how many characters of `span` from its start on are one piece, and whether they are visible; `None` if the
    /// first was never here.
    pub(super) fn together(&self, span: Span) -> Option<(u32, bool)> {
        let next = (span.replica, span.seq + 1)..(span.replica, span.seq + span.len.max(1));
        let next = self.undo.archives.rights.range(next).next();
        let span = Span { len: next.map_or(span.len, |(_, seq)| seq - span.seq), ..span };
        self.rga.together(span).or_else(|| {
            let (seq, dropped) =
                self.undo.archives.dropped_with(ElementId { replica: span.replica, seq: span.seq })?;
            Some(((dropped.len - (span.seq - seq)).min(span.len), false))
        })
    }

    /// Returns the character that now stands where one that was dropped would; `None` if that is the end.
    pub(super) fn right_of_dropped(&self, mut id: ElementId) -> Option<ElementId> {
        // As many as there are: what is read from a disk may go in a circle.
        for _ in 0..=self.undo.archives.dropped.len() + self.undo.revived.len() {
            match self.next_right(id) {
                Right::Dropped(next) => id = next,
                Right::There(id) => return Some(id),
                Right::End => return None,
            }
        }
        None
    }

    /// Returns what stands right of a character that was dropped and not inserted again.
    ///
    /// What is typed beside a character that is not visible goes to its left, so it stays with what stood on its right.
    fn next_right(&self, id: ElementId) -> Right {
        let Some((seq, dropped)) = self.undo.archives.dropped_with(id) else { return Right::End };
        let others = (id.replica, id.seq + 1)..(id.replica, seq + dropped.len);
        let next = self.undo.revived.range(others).next();
        let next = next.map(|(&(replica, seq), _)| ElementId { replica, seq });
        let Some(next) = next.or(dropped.before) else { return Right::End };
        let latest = self.undo.latest(Span { replica: next.replica, seq: next.seq, len: 1 });
        // It may have been inserted again more than once: the first of them stands leftmost.
        let mut stands = next;
        while self.rga.position(stands).is_none()
            && (stands.replica, stands.seq) != (latest.replica, latest.seq)
        {
            let Some(now) = self.undo.stand_in(stands) else { return Right::End };
            stands = now;
        }
        if self.rga.position(stands).is_some() { Right::There(stands) } else { Right::Dropped(stands) }
    }

    /// Returns what was dropped and not inserted again, by the character right of which it would stand (`END` for the end),
    /// the rightmost first. O(dropped log n).
    pub(in crate::document) fn hanging(&self) -> BTreeMap<(u32, u32), Vec<Span>> {
        let mut spans = BTreeMap::new();
        for (&(replica, start), dropped) in &self.undo.archives.dropped {
            let (mut seq, end) = (start, start + dropped.len);
            while seq < end {
                let latest = self.undo.latest(Span { replica, seq, len: end - seq });
                if (latest.replica, latest.seq) == (replica, seq) {
                    spans.insert((replica, seq), latest.len);
                }
                seq += latest.len;
            }
        }
        // Where each hangs, and how many are between: found once for all that stand side by side.
        let mut places = HashMap::<(u32, u32), ((u32, u32), usize)>::new();
        for &first in spans.keys() {
            let (mut way, mut at) = (Vec::new(), first);
            let (right, mut n_between) = loop {
                if let Some(&(right, n)) = places.get(&at) {
                    break (right, n + 1);
                }
                way.push(at);
                match self.next_right(ElementId { replica: at.0, seq: at.1 }) {
                    Right::Dropped(id) if way.len() <= spans.len() => {
                        let span = spans.range(..=(id.replica, id.seq)).next_back();
                        at = span.map_or(END, |(&start, _)| start);
                    }
                    Right::There(id) => break ((id.replica, id.seq), 0),
                    Right::Dropped(_) | Right::End => break (END, 0),
                }
            };
            for start in way.into_iter().rev() {
                places.insert(start, (right, n_between));
                n_between += 1;
            }
        }
        let mut found: Vec<_> = places.into_iter().map(|(start, (right, n))| (right, n, start)).collect();
        found.sort_unstable();
        let mut hanging = BTreeMap::<_, Vec<Span>>::new();
        for (right, _, (replica, seq)) in found {
            let Some(&len) = spans.get(&(replica, seq)) else { continue };
            hanging.entry(right).or_default().push(Span { replica, seq, len });
        }
        hanging
    }

    /// Returns where a character that was rewritten is now, or where it was left out.
    pub(in crate::document) fn position_of_rewritten(&self, id: ElementId) -> Option<(u32, bool)> {
        self.undo.archives.get(id.replica, id.seq).filter(|made| id.seq < made.end())?;
        let latest = self.undo.latest(Span { replica: id.replica, seq: id.seq, len: 1 });
        let latest = ElementId { replica: latest.replica, seq: latest.seq };
        self.rga.position(latest).or_else(|| {
            let right = self.right_of_dropped(id).and_then(|right| self.rga.position(right));
            Some((right.map_or(self.rga.len_visible(), |(at, _)| at), false))
        })
    }

    /// Writes what was rewritten, by the numbers that `name` gives to authors.
    pub(super) fn put_archives(&self, out: &mut Vec<u8>, name: &mut dyn FnMut(u32) -> u64) {
        let archives = &self.undo.archives;
        let names = ReplicaTable::default();
        let mut writer = batch::Writer::new(&names, &self.ids);
        for Archive { columns, .. } in archives.by_replica.values() {
            writer.part(columns, columns.start, columns.end());
        }
        put_bytes(out, &writer.finish());
        for Archive { columns, heir } in archives.by_replica.values() {
            put_varint(out, u64::from(columns.lamport(columns.start)));
            put_varint(out, name(*heir));
        }
        put_varint(out, archives.dropped.len() as u64);
        for (&(replica, seq), dropped) in &archives.dropped {
            put_varint(out, name(replica));
            put_varint(out, u64::from(seq));
            put_varint(out, u64::from(dropped.len));
            put_varint(out, dropped.before.map_or(0, |id| 1 + name(id.replica)));
            put_varint(out, dropped.before.map_or(0, |id| u64::from(id.seq)));
        }
    }

    /// Reads what `put_archives` wrote, in the place of what there is.
    pub(super) fn read_archives(&mut self, reader: &mut Reader<'_>, names: &[u32]) -> Result<(), Malformed> {
        let author = |n: u64| {
            let n = usize::try_from(n).ok().and_then(|n| names.get(n));
            n.copied().ok_or(Malformed("rewritten edits of an unknown replica"))
        };
        let mut parts = Parts::default();
        batch::read(reader.block()?, &ReplicaTable::default(), &mut |id| self.intern(id), &mut parts)?;
        let mut archives = Archives::default();
        for part in parts.as_slice() {
            let mut columns = part.clone();
            columns.begin_at(reader.varint_u32()?);
            archives.add(columns, author(reader.varint()?)?);
        }
        for _ in 0..reader.varint()? {
            let (replica, seq, len) = (author(reader.varint()?)?, reader.varint_u32()?, reader.varint_u32()?);
            let (before, before_seq) = (reader.varint()?, reader.varint_u32()?);
            let before = match before.checked_sub(1) {
                Some(n) => Some(ElementId { replica: author(n)?, seq: before_seq }),
                None => None,
            };
            let end = seq.checked_add(len).filter(|_| 0 < len);
            if !end
                .is_some_and(|end| archives.get(replica, seq).is_some_and(|made| made.are_inserts(seq..end)))
            {
                return Err(Malformed("a character was left out that nobody typed"));
            }
            archives.drop_span(Span { replica, seq, len }, before);
        }
        self.undo.archives = archives;
        Ok(())
    }

    /// Returns whether anything was rewritten.
    pub(super) fn has_archives(&self) -> bool {
        !self.undo.archives.is_empty()
    }

    /// Returns whether the first of `seqs` of an author was rewritten.
    pub(super) fn is_archived(&self, replica: u32, seqs: &Range<u32>) -> bool {
        self.undo.archives.get(replica, seqs.start).is_some()
    }

    /// Returns one past the last seq of an author that was rewritten; 0 if none was.
    pub(super) fn archived_end(&self, replica: u32) -> u32 {
        self.undo.archives.by_replica.get(&replica).map_or(0, |archive| archive.columns.end())
    }
}
