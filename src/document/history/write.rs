//! Writing a history: from the sequence and the logs to columns.

use std::collections::BTreeMap;

use super::numbers::Writer as Numbers;
use super::{BEGINS, DEAD, ENDS, Forecast, LEN_LONG, LEN_SHIFT, VERSION};
use crate::base::bytes::{put_bytes, put_varint};
use crate::crdt::ReplicaId;
use crate::crdt::rga::Rga;
use crate::document::columns::{Columns, Kind, OpRun};

/// Operations of one author, cut where its knowledge grew.
struct Piece {
    /// The author's local number.
    author: u32,
    lamport: u32,
    op: OpRun,
    /// The run's index in the author's log.
    at: usize,
}

/// Characters of one author that one operation deletes.
#[derive(Clone, Copy)]
struct Deletion {
    author: u32,
    start: u32,
    end: u32,
    /// Number of the deleting operation.
    op: u32,
}

/// A history as bytes, in order. The text, which may be larger than all else together, is still where it was.
pub(in crate::document) struct Written<'a> {
    /// All before the text.
    pub head: Vec<u8>,
    /// The text.
    pub texts: Vec<&'a str>,
}

impl Written<'_> {
    /// Returns how many bytes it is.
    pub(in crate::document) fn n_bytes(&self) -> usize {
        self.head.len() + self.texts.iter().map(|text| text.len()).sum::<usize>()
    }

    /// Returns the bytes. The text is copied once, into room that is there.
    pub(in crate::document) fn into_bytes(self) -> Vec<u8> {
        let n_bytes = self.n_bytes();
        let mut out = self.head;
        out.reserve_exact(n_bytes - out.len());
        self.texts.iter().for_each(|text| out.extend_from_slice(text.as_bytes()));
        out
    }
}

/// Encodes all applied operations, in O(operations + runs), but for a sort by time where several people wrote.
pub(in crate::document) fn write<'a>(
    logs: &'a [Columns],
    applied: &[u32],
    ids: &[ReplicaId],
    rga: &Rga,
) -> Written<'a> {
    let pieces = pieces(logs, applied, ids);
    let mut out = vec![VERSION];
    let numbers = write_authors(&pieces, ids, &mut out);
    write_stamps(&pieces, logs, &numbers, &mut out);
    let (owned, others) = deletions(&pieces);
    write_fragments(&pieces, &owned, ids.len(), rga, &mut out);
    write_directions(&pieces, &mut out);
    write_others(&others, &numbers, &mut out);
    let mut texts = Vec::with_capacity(pieces.len());
    for piece in pieces.iter().filter(|piece| piece.op.kind == Kind::Insert) {
        let log = &logs[piece.author as usize];
        log.push_pieces_of(piece.at, piece.op.seq..piece.op.end(), &mut texts);
    }
    let n_bytes: usize = texts.iter().map(|text| text.len()).sum();
    put_varint(&mut out, n_bytes as u64);
    Written { head: out, texts }
}

/// Returns all operations in the order of their timestamps, which is an order of causes too.
fn pieces(logs: &[Columns], applied: &[u32], ids: &[ReplicaId]) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(logs.iter().map(|log| log.ops.len()).sum());
    let mut n_authors = 0;
    for (log, &applied) in logs.iter().zip(applied).filter(|&(_, &applied)| 0 < applied) {
        n_authors += 1;
        pieces.extend(log.runs_in(0..applied).map(|(at, op)| Piece {
            author: log.author,
            lamport: log.lamport(op.seq),
            op,
            at,
        }));
    }
    if 1 < n_authors {
        pieces.sort_unstable_by_key(|piece| (piece.lamport, ids[piece.author as usize]));
    }
    pieces
}

/// Writes the authors, and whose each operation is; returns their numbers in the bytes by local number.
fn write_authors(pieces: &[Piece], ids: &[ReplicaId], out: &mut Vec<u8>) -> Vec<u32> {
    let (mut numbers, mut named) = (vec![u32::MAX; ids.len()], Vec::new());
    let (mut authors, mut counts) = (Numbers::default(), Numbers::default());
    for stretch in pieces.chunk_by(|a, b| a.author == b.author) {
        let author = stretch[0].author as usize;
        if numbers[author] == u32::MAX {
            numbers[author] = named.len() as u32;
            named.push(ids[author]);
        }
        authors.push(u64::from(numbers[author]));
        counts.push(stretch.len() as u64);
    }
    put_varint(out, named.len() as u64);
    named.iter().for_each(|id| out.extend_from_slice(&id.get().to_le_bytes()));
    authors.write_to(out);
    counts.write_to(out);
    numbers
}

/// Writes where authors' knowledge grew, and to what: how far back from all that stands before in the order.
fn write_stamps(pieces: &[Piece], logs: &[Columns], numbers: &[u32], out: &mut Vec<u8>) {
    let (mut gaps, mut n_causes) = (Numbers::default(), Numbers::default());
    let (mut causes, mut backs) = (Numbers::default(), Numbers::default());
    let mut ends = vec![0; logs.len()];
    let mut last = 0;
    for (at, piece) in pieces.iter().enumerate() {
        let log = &logs[piece.author as usize];
        if let Some(stamp) = log.stamp_at(piece.op.seq) {
            gaps.push((at - last) as u64);
            last = at;
            let deps = log.deps_of(stamp);
            n_causes.push(deps.len() as u64);
            for &(cause, next) in deps {
                causes.push(u64::from(numbers[cause as usize]));
                backs.push(u64::from(ends[cause as usize] - next));
            }
        }
        ends[piece.author as usize] = piece.op.end();
    }
    [gaps, n_causes, causes, backs].iter().for_each(|column| column.write_to(out));
}

fn write_fragments(pieces: &[Piece], owned: &[Deletion], n_authors: usize, rga: &Rga, out: &mut Vec<u8>) {
    let of_pieces = (0..).zip(pieces).map(|(op, piece)| (piece.author, piece.op.seq, op));
    let of_deletions = (0..).zip(owned).map(|(at, deletion)| (deletion.author, deletion.start, at));
    let (of_pieces, of_deletions) = (Places::new(n_authors, of_pieces), Places::new(n_authors, of_deletions));
    let mut fragments = Fragments::default();
    for run in rga.runs() {
        let (mut seq, end) = (run.seq, run.seq + run.len());
        while seq < end {
            let op = of_pieces.find(run.replica, seq);
            let own = &pieces[op as usize].op;
            let mut to = end.min(own.end());
            let killer = run.is_dead().then(|| &owned[of_deletions.find(run.replica, seq) as usize]);
            if let Some(deletion) = killer {
                debug_assert!(deletion.start <= seq && seq < deletion.end, "a tombstone has a deletion");
                to = to.min(deletion.end);
            }
            fragments.push(op, seq == own.seq, to == own.end(), to - seq, killer.map(|killer| killer.op));
            seq = to;
        }
    }
    put_bytes(out, &fragments.tags);
    [fragments.lens, fragments.begins, fragments.kills].iter().for_each(|column| column.write_to(out));
}

#[derive(Default)]
struct Fragments {
    forecast: Forecast,
    tags: Vec<u8>,
    lens: Numbers,
    begins: Numbers,
    kills: Numbers,
}

impl Fragments {
    fn push(&mut self, op: u32, begins: bool, ends: bool, len: u32, killer: Option<u32>) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let tag = flag(begins, BEGINS) | flag(killer.is_some(), DEAD) | flag(ends, ENDS);
        self.tags.push(tag | (len.min(LEN_LONG) << LEN_SHIFT) as u8);
        if LEN_LONG <= len {
            self.lens.push(u64::from(len - LEN_LONG));
        }
        if begins {
            self.begins.push_signed(i64::from(op) - self.forecast.next_begin());
            self.forecast.begin(op);
        } else {
            let open = self.forecast.go_on();
            debug_assert_eq!(open, Some(op), "operations are nested like brackets");
        }
        if let Some(killer) = killer {
            self.kills.push_signed(i64::from(killer) - self.forecast.next_killer());
            self.forecast.kill(killer);
        }
        self.forecast.end_fragment(ends);
    }
}

/// Writes which deletions of several characters went upward.
fn write_directions(pieces: &[Piece], out: &mut Vec<u8>) {
    let long = pieces.iter().filter(|piece| piece.op.kind != Kind::Insert && 1 < piece.op.len);
    let backward: Vec<bool> = long.map(|piece| piece.op.kind == Kind::DeleteBackward).collect();
    let bytes =
        backward.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, &bit| byte << 1 | u8::from(bit)));
    put_bytes(out, &bytes.collect::<Vec<u8>>());
}

/// Writes what was deleted again by somebody else.
fn write_others(others: &[Deletion], numbers: &[u32], out: &mut Vec<u8>) {
    put_varint(out, others.len() as u64);
    let mut last = 0;
    for deletion in others {
        put_varint(out, u64::from(deletion.op - last));
        put_varint(out, u64::from(numbers[deletion.author as usize]));
        put_varint(out, u64::from(deletion.start));
        put_varint(out, u64::from(deletion.end - deletion.start));
        last = deletion.op;
    }
}

/// Returns for all that is deleted the first operation that did, by author and seq; and what others deleted again, by
/// operation.
fn deletions(pieces: &[Piece]) -> (Vec<Deletion>, Vec<Deletion>) {
    let deleting = (0..).zip(pieces).filter(|(_, piece)| piece.op.kind != Kind::Insert);
    let all = deleting.map(|(op, piece)| {
        let targets = piece.op.targets();
        Deletion { author: piece.op.replica, start: targets.start, end: targets.end, op }
    });
    let mut all: Vec<Deletion> = all.collect();
    all.sort_unstable_by_key(|deletion| u64::from(deletion.author) << 32 | u64::from(deletion.start));
    let (mut owned, mut others) = (Vec::with_capacity(all.len()), Vec::new());
    let mut rest = &all[..];
    while let Some(first) = rest.first() {
        let (mut n, mut reach) = (1, first.end);
        while let Some(next) = rest.get(n).filter(|next| next.author == first.author && next.start < reach) {
            reach = reach.max(next.end);
            n += 1;
        }
        let (cluster, after) = rest.split_at(n);
        match cluster {
            [only] => owned.push(*only),
            _ => share_out(cluster, &mut owned, &mut others),
        }
        rest = after;
    }
    others.sort_unstable_by_key(|deletion| (deletion.op, deletion.start));
    (owned, others)
}

/// Gives each character of deletions that overlap to the first of them. O(n log n).
fn share_out(cluster: &[Deletion], owned: &mut Vec<Deletion>, others: &mut Vec<Deletion>) {
    let n_before = owned.len();
    let mut by_op = cluster.to_vec();
    by_op.sort_unstable_by_key(|deletion| deletion.op);
    // What has an owner: from each start to its end, joined where two touch.
    let mut taken: BTreeMap<u32, u32> = BTreeMap::new();
    for deletion in by_op {
        let mut at = deletion.start;
        let (mut start, mut end) = (deletion.start, deletion.end);
        if let Some((&from, &to)) = taken.range(..deletion.start).next_back()
            && deletion.start <= to
        {
            start = from;
        }
        let touched: Vec<(u32, u32)> =
            taken.range(start..=deletion.end).map(|(&from, &to)| (from, to)).collect();
        for (from, to) in touched {
            if at < from {
                owned.push(Deletion { start: at, end: from, ..deletion });
            }
            let (again_from, again_to) = (from.max(deletion.start), to.min(deletion.end));
            if again_from < again_to {
                others.push(Deletion { start: again_from, end: again_to, ..deletion });
            }
            at = at.max(to);
            end = end.max(to);
            taken.remove(&from);
        }
        if at < deletion.end {
            owned.push(Deletion { start: at, ..deletion });
        }
        taken.insert(start, end);
    }
    owned[n_before..].sort_unstable_by_key(|deletion| deletion.start);
}

/// From an author's seq to the last entry at or before it.
struct Places {
    authors: Vec<OfAuthor>,
}

/// Entries by ascending seq, and for each stretch of 2^`shift` seqs the last entry at or before its start.
#[derive(Default)]
struct OfAuthor {
    entries: Vec<(u32, u32)>,
    shift: u32,
    stretches: Vec<u32>,
}

impl Places {
    /// Takes (author, seq, number), by ascending seq for each author.
    fn new(n_authors: usize, entries: impl Iterator<Item = (u32, u32, u32)>) -> Places {
        let mut authors: Vec<OfAuthor> = Vec::new();
        authors.resize_with(n_authors, OfAuthor::default);
        for (author, seq, number) in entries {
            authors[author as usize].entries.push((seq, number));
        }
        authors.iter_mut().for_each(OfAuthor::build);
        Places { authors }
    }

    fn find(&self, author: u32, seq: u32) -> u32 {
        let OfAuthor { entries, shift, stretches } = &self.authors[author as usize];
        // Past the last entry's stretch there is only the last entry.
        let stretch = (seq >> shift) as usize;
        let mut at = stretches.get(stretch).map_or(entries.len() - 1, |&at| at as usize);
        while at + 1 < entries.len() && entries[at + 1].0 <= seq {
            at += 1;
        }
        entries[at].1
    }
}

impl OfAuthor {
    fn build(&mut self) {
        let Some(&(last, _)) = self.entries.last() else { return };
        // As many stretches as entries: mostly one step finds the entry.
        self.shift = (last / self.entries.len() as u32).max(1).ilog2();
        self.stretches = Vec::with_capacity((last >> self.shift) as usize + 1);
        let mut at = 0;
        for stretch in 0..=last >> self.shift {
            while self.entries.get(at + 1).is_some_and(|&(seq, _)| seq <= stretch << self.shift) {
                at += 1;
            }
            self.stretches.push(at as u32);
        }
    }
}
