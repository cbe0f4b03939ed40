//! Reading a history: from columns to the logs and the sequence.

mod fragments;
mod logs;
mod ops;
mod place;
mod stamps;
mod text;

use super::numbers::Numbers;
use crate::base::bytes::{Malformed, Reader};
use crate::base::limits::DOCUMENT_REPLICAS_MAX;
use crate::crdt::ReplicaId;
use crate::crdt::rga::{Leaves, Span};
use crate::document::batch::has_twice;
use crate::document::columns::Columns;
use crate::document::text::TextBuilder;
use fragments::Fragments;
use logs::fill_logs;
use ops::{Lens, Ops};
use place::place;
use stamps::Stamps;
use text::Text;

/// What a history holds.
pub(in crate::document) struct History {
    /// All operations, one log for each author.
    pub logs: Vec<Columns>,
    /// All characters in document order.
    pub leaves: Leaves,
    /// The characters that are not deleted.
    pub text: TextBuilder,
}

/// The authors, by their number in the bytes.
struct Authors {
    ids: Vec<ReplicaId>,
    /// Their local numbers.
    local: Vec<u32>,
    /// Whose the operations are, in the order of the bytes: the author's number, and how many follow.
    stretches: Vec<(u32, u32)>,
}

/// Reads what `write` wrote, without its first byte. `intern` gives an id its local number.
///
/// # Errors
/// Whatever no document could have written. Takes O(n) time and memory in the bytes, sorting aside.
pub(in crate::document) fn read(
    reader: &mut Reader<'_>,
    intern: &mut dyn FnMut(ReplicaId) -> u32,
) -> Result<History, Malformed> {
    let (authors, mut lens) = read_authors(reader, intern)?;
    let mut logs: Vec<Columns> = authors.local.iter().map(|&local| Columns::new(local, 0)).collect();
    let stamps = Stamps::read(reader, &authors, lens.len())?;
    let fragments = Fragments::read(reader, &mut lens)?;
    let directions = reader.block()?;
    let others = read_others(reader, &mut lens, &authors)?;
    let mut text = Text::read(reader)?;
    let mut ops = Ops::new(lens, &authors, &stamps, &mut text)?;
    let placed = place(fragments, &mut ops, &authors, &text)?;
    check_dead(&others, &placed.leaves)?;
    others.into_iter().for_each(|(op, target)| ops.note_deleted(op, target));
    ops.settle_deletions(directions, &authors)?;
    fill_logs(&mut logs, &stamps, ops, &authors, &text);
    Ok(History { logs, leaves: placed.leaves, text: placed.text })
}

fn read_authors(
    reader: &mut Reader<'_>,
    intern: &mut dyn FnMut(ReplicaId) -> u32,
) -> Result<(Authors, Lens), Malformed> {
    let n_authors = reader.varint()?;
    if (DOCUMENT_REPLICAS_MAX as u64) < n_authors {
        return Err(Malformed("it names more replicas than a document can have"));
    }
    let mut authors = Authors { ids: Vec::new(), local: Vec::new(), stretches: Vec::new() };
    for _ in 0..n_authors {
        authors.ids.push(ReplicaId::new(reader.u64()?));
    }
    if has_twice(authors.ids.clone()) {
        return Err(Malformed("an author is named twice"));
    }
    authors.local = authors.ids.iter().map(|&id| intern(id)).collect();
    let n_bytes_left = reader.rest().len() as u64;
    let (mut stretches, mut counts) = (Numbers::read(reader)?, Numbers::read(reader)?);
    let mut n_ops = 0;
    while 0 < counts.len() {
        let author = stretches.next_u32()?;
        let n = counts.next_u32()?;
        n_ops += u64::from(n);
        // Each operation is named by a byte of its own.
        if n_authors <= u64::from(author) || n_bytes_left <= n_ops {
            return Err(Malformed("it counts more operations than it holds"));
        }
        if n == 0 {
            return Err(IMPOSSIBLE);
        }
        authors.stretches.push((author, n));
    }
    stretches.finish()?;
    counts.finish()?;
    Ok((authors, Lens::new(n_ops as usize)))
}

const IMPOSSIBLE: Malformed = Malformed("a number of operations is impossible");

/// What was deleted again: the operation, and what it deletes.
type Others = Vec<(u32, Span)>;

fn read_others(reader: &mut Reader<'_>, lens: &mut Lens, authors: &Authors) -> Result<Others, Malformed> {
    let mut others = Vec::new();
    let mut op = 0u32;
    for _ in 0..reader.varint()? {
        op = op.checked_add(reader.varint_u32()?).ok_or(IMPOSSIBLE)?;
        let (author, seq, len) = (reader.varint_u32()?, reader.varint_u32()?, reader.varint_u32()?);
        let replica = *authors.local.get(author as usize).ok_or(IMPOSSIBLE)?;
        if len == 0 || seq.checked_add(len).is_none() {
            return Err(IMPOSSIBLE);
        }
        lens.add_deleted(op, len)?;
        others.push((op, Span { replica, seq, len }));
    }
    Ok(others)
}

/// Checks that what was deleted again is dead.
fn check_dead(others: &Others, leaves: &Leaves) -> Result<(), Malformed> {
    if others.is_empty() {
        return Ok(());
    }
    let dead = leaves.runs().filter(|run| run.is_dead());
    let mut dead: Vec<(u32, u32, u32)> =
        dead.map(|run| (run.replica, run.seq, run.seq + run.len())).collect();
    dead.sort_unstable();
    // Joined, so that one look-up settles a whole stretch.
    dead.dedup_by(|next, last| {
        let touch = next.0 == last.0 && last.2 == next.1;
        if touch {
            last.2 = next.2;
        }
        touch
    });
    for (_, target) in others {
        let key = (target.replica, target.seq);
        let at = dead.partition_point(|&(replica, seq, _)| (replica, seq) <= key).checked_sub(1);
        let is_dead =
            at.is_some_and(|at| dead[at].0 == target.replica && target.seq + target.len <= dead[at].2);
        if !is_dead {
            return Err(Malformed("an operation deletes what is still there"));
        }
    }
    Ok(())
}
