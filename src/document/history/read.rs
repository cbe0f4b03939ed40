//! Reading a history: from columns to the logs and the sequence.

mod logs;
mod place;
mod text;

use super::numbers::Numbers;
use super::{BEGINS, DEAD, ENDS, Forecast, LEN_LONG, LEN_SHIFT};
use crate::base::bytes::{Malformed, Reader};
use crate::base::limits::{DOCUMENT_CHARS_MAX, DOCUMENT_REPLICAS_MAX, REPLICA_OPS_MAX};
use crate::crdt::ReplicaId;
use crate::crdt::rga::Run;
use crate::document::columns::Columns;
use crate::document::text::TextBuilder;
use logs::fill_logs;
use place::place;
use text::Text;

/// What a history holds.
pub(in crate::document) struct History {
    /// All operations, one log for each author.
    pub logs: Vec<Columns>,
    /// All characters in document order.
    pub runs: Vec<Run>,
    /// The characters that are not deleted.
    pub text: TextBuilder,
}

/// Operations of one author that stand together in the bytes.
struct Op {
    /// The author's number in the bytes.
    author: u32,
    what: What,
    len: u32,
    seq: u32,
    lamport: u32,
    /// How many of its characters have been placed.
    n_placed: u32,
    /// Where the text of the next one starts.
    text: u32,
}

/// What an operation turned out to be.
#[derive(Clone, Copy, PartialEq)]
enum What {
    /// Nothing has named it yet.
    Unnamed,
    Insert {
        reference: Option<(u32, u32)>,
    },
    /// The head of its list in `Killed`.
    Delete {
        head: u32,
    },
}

/// Characters side by side of one operation that share their fate.
struct Fragment {
    op: u32,
    len: u32,
    /// The operation that deleted them, or `NONE`.
    killer: u32,
}

const NONE: u32 = u32::MAX;

/// The authors, by their number in the bytes.
struct Authors {
    ids: Vec<ReplicaId>,
    /// Their local numbers.
    local: Vec<u32>,
}

/// Reads what `write` wrote, without its first byte. `intern` gives an id its local number.
///
/// # Errors
/// Whatever no document could have written. Takes O(n) time and memory in the bytes, sorting aside.
pub(in crate::document) fn read(
    reader: &mut Reader<'_>,
    intern: &mut dyn FnMut(ReplicaId) -> u32,
) -> Result<History, Malformed> {
    let (authors, mut ops) = read_authors(reader, intern)?;
    let mut logs: Vec<Columns> = authors.local.iter().map(|&local| Columns::new(local, 0)).collect();
    let stamps = Stamps::read(reader, &ops, authors.ids.len())?;
    let fragments = read_fragments(reader, &mut ops)?;
    let directions = reader.block()?;
    let others = read_others(reader, &mut ops, authors.ids.len())?;
    let mut text = Text::read(reader)?;
    stamps.give_times(&mut ops, &mut logs)?;
    text.share_out(&mut ops)?;
    let mut placed = place(&fragments, &mut ops, &authors, &text)?;
    check_dead(&others, &placed.runs, &authors)?;
    others.into_iter().for_each(|(op, target)| placed.killed.note(op, target, &mut ops));
    fill_logs(&mut logs, &stamps, &ops, &authors, placed.killed, directions, &text)?;
    Ok(History { logs, runs: placed.runs, text: placed.text })
}

fn read_authors(
    reader: &mut Reader<'_>,
    intern: &mut dyn FnMut(ReplicaId) -> u32,
) -> Result<(Authors, Vec<Op>), Malformed> {
    let n_authors = reader.varint()?;
    if DOCUMENT_REPLICAS_MAX as u64 <= n_authors {
        return Err(Malformed("it names more replicas than a document can have"));
    }
    let mut authors = Authors { ids: Vec::new(), local: Vec::new() };
    for _ in 0..n_authors {
        authors.ids.push(ReplicaId::new(reader.u64()?));
    }
    let mut sorted = authors.ids.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Malformed("an author is named twice"));
    }
    authors.local = authors.ids.iter().map(|&id| intern(id)).collect();
    let n_bytes_left = reader.rest().len();
    let (mut stretches, mut counts) = (Numbers::read(reader)?, Numbers::read(reader)?);
    let mut ops = Vec::new();
    while 0 < counts.len() {
        let author = stretches.next_u32()?;
        let n = counts.next()?;
        // Each operation is named by a byte of its own.
        if n_authors <= u64::from(author) || (n_bytes_left - ops.len()) as u64 <= n {
            return Err(Malformed("it counts more operations than it holds"));
        }
        let what = What::Unnamed;
        ops.extend((0..n).map(|_| Op { author, what, len: 0, seq: 0, lamport: 0, n_placed: 0, text: 0 }));
    }
    stretches.finish()?;
    counts.finish()?;
    Ok((authors, ops))
}

/// Where authors' knowledge grew.
struct Stamps {
    /// Which operation, and the end of its causes.
    list: Vec<(u32, u32)>,
    /// The cause's author, and how far back from the end of what stands before.
    causes: Vec<(u32, u32)>,
}

impl Stamps {
    fn read(reader: &mut Reader<'_>, ops: &[Op], n_authors: usize) -> Result<Stamps, Malformed> {
        let (mut gaps, mut counts) = (Numbers::read(reader)?, Numbers::read(reader)?);
        let (mut authors, mut backs) = (Numbers::read(reader)?, Numbers::read(reader)?);
        let mut stamps =
            Stamps { list: Vec::with_capacity(gaps.len()), causes: Vec::with_capacity(authors.len()) };
        let mut op = 0i64;
        while 0 < gaps.len() {
            let gap = gaps.next()?;
            if gap == 0 && !stamps.list.is_empty() {
                return Err(Malformed("an operation has two lists of causes"));
            }
            op = op.saturating_add_unsigned(gap);
            let n_causes = counts.next()?;
            if ops.len() as i64 <= op || (authors.len() as u64) < n_causes {
                return Err(Malformed("a cause is of no operation"));
            }
            for _ in 0..n_causes {
                let author = authors.next_u32()?;
                if n_authors <= author as usize || author == ops[op as usize].author {
                    return Err(Malformed("an operation depends on itself or on nothing"));
                }
                stamps.causes.push((author, backs.next_u32()?));
            }
            stamps.list.push((op as u32, stamps.causes.len() as u32));
        }
        [gaps, counts, authors, backs].iter().try_for_each(Numbers::finish)?;
        Ok(stamps)
    }

    fn causes_of(&self, at: usize) -> &[(u32, u32)] {
        let start = at.checked_sub(1).map_or(0, |before| self.list[before].1);
        &self.causes[start as usize..self.list[at].1 as usize]
    }

    /// Gives each operation its seq and its Lamport timestamp, which follow from the lengths and the causes.
    fn give_times(&self, ops: &mut [Op], logs: &mut [Columns]) -> Result<(), Malformed> {
        // For each author where the next operation's seq and timestamp stand, and where timestamps jumped.
        let mut next = vec![(0u32, 1u32); logs.len()];
        let mut jumps: Vec<Vec<(u32, u32)>> = vec![Vec::new(); logs.len()];
        let mut stamp = 0;
        for (at, op) in ops.iter_mut().enumerate() {
            let author = op.author as usize;
            let (seq, mut lamport) = next[author];
            if self.list.get(stamp).is_some_and(|&(op, _)| op as usize == at) {
                for &(cause, back) in self.causes_of(stamp) {
                    let cause = cause as usize;
                    let last = next[cause].0.checked_sub(back).and_then(|end| end.checked_sub(1));
                    let last = last.ok_or(Malformed("an operation depends on what comes later"))?;
                    let jump = match jumps[cause].last() {
                        // Mostly the newest operations are known.
                        Some(&newest) if newest.0 <= last => Some(newest),
                        _ => jumps[cause]
                            .partition_point(|&(seq, _)| seq <= last)
                            .checked_sub(1)
                            .map(|at| jumps[cause][at]),
                    };
                    let (from, at_from) = jump.unwrap_or((0, 1));
                    lamport = lamport.max(at_from.saturating_add(last - from).saturating_add(1));
                }
                jumps[author].push((seq, lamport));
                stamp += 1;
            }
            (op.seq, op.lamport) = (seq, lamport);
            let end = u64::from(seq) + u64::from(op.len);
            let time_end = u64::from(lamport) + u64::from(op.len);
            if op.what == What::Unnamed || REPLICA_OPS_MAX < end.max(time_end) {
                return Err(Malformed("a number of operations is impossible"));
            }
            next[author] = (end as u32, time_end as u32);
        }
        Ok(())
    }
}

fn read_fragments(reader: &mut Reader<'_>, ops: &mut [Op]) -> Result<Vec<Fragment>, Malformed> {
    let tags = reader.block()?;
    let (mut lens, mut begins, mut kills) =
        (Numbers::read(reader)?, Numbers::read(reader)?, Numbers::read(reader)?);
    let mut forecast = Forecast::default();
    let mut fragments = Vec::with_capacity(tags.len());
    let mut n_chars = 0;
    for &tag in tags {
        let mut len = u32::from(tag >> LEN_SHIFT);
        if len == LEN_LONG {
            len = len.checked_add(lens.next_u32()?).ok_or(IMPOSSIBLE)?;
        }
        n_chars += len as usize;
        if len == 0 || DOCUMENT_CHARS_MAX <= n_chars {
            return Err(IMPOSSIBLE);
        }
        let op = if tag & BEGINS != 0 {
            let op = begins.next_from(forecast.next_begin())?;
            let begun = ops.get_mut(op as usize).filter(|op| op.what == What::Unnamed);
            begun.ok_or(NAMED_TWICE)?.what = What::Insert { reference: None };
            forecast.begin(op);
            op
        } else {
            forecast.go_on().ok_or(Malformed("text goes on that did not begin"))?
        };
        // The sum of all lengths fits, so each sum does.
        ops[op as usize].len += len;
        let mut killer = NONE;
        if tag & DEAD != 0 {
            killer = kills.next_from(forecast.next_killer())?;
            ops.get_mut(killer as usize).ok_or(NAMED_TWICE)?.name_deletion(len)?;
            forecast.kill(killer);
        }
        forecast.end_fragment(tag & ENDS != 0);
        fragments.push(Fragment { op, len, killer });
    }
    [lens, begins, kills].iter().try_for_each(Numbers::finish)?;
    match forecast.open.is_empty() {
        true => Ok(fragments),
        false => Err(Malformed("text does not end")),
    }
}

const IMPOSSIBLE: Malformed = Malformed("a number of operations is impossible");
const NAMED_TWICE: Malformed = Malformed("an operation is said to be two things");

impl Op {
    /// Notes that it deletes `len` characters.
    fn name_deletion(&mut self, len: u32) -> Result<(), Malformed> {
        match self.what {
            What::Insert { .. } => return Err(NAMED_TWICE),
            What::Unnamed => self.what = What::Delete { head: NONE },
            What::Delete { .. } => {}
        }
        self.len = self.len.checked_add(len).filter(|&len| len < 1 << 31).ok_or(IMPOSSIBLE)?;
        Ok(())
    }
}

/// Characters that an operation deletes, as a list through one array.
#[derive(Default)]
struct Killed {
    list: Vec<(Target, u32)>,
}

#[derive(Clone, Copy)]
struct Target {
    /// The author's number in the bytes.
    author: u32,
    seq: u32,
    len: u32,
}

impl Killed {
    fn note(&mut self, op: u32, target: Target, ops: &mut [Op]) {
        let What::Delete { head } = &mut ops[op as usize].what else {
            unreachable!("it was named a deletion")
        };
        self.list.push((target, *head));
        *head = self.list.len() as u32 - 1;
    }

    /// Returns the first seq of all that an operation deletes, if it is one stretch of one author's.
    fn stretch(&self, op: &Op, head: u32, scratch: &mut Vec<Target>) -> Result<Target, Malformed> {
        if let Some(&(only, NONE)) = self.list.get(head as usize) {
            return Ok(only);
        }
        scratch.clear();
        let mut at = head;
        while let Some(&(target, next)) = self.list.get(at as usize) {
            scratch.push(target);
            at = next;
        }
        if 1 < scratch.len() {
            scratch.sort_unstable_by_key(|target| target.seq);
        }
        let is_whole =
            |pair: &[Target]| pair[0].author == pair[1].author && pair[0].seq + pair[0].len == pair[1].seq;
        match scratch.first() {
            Some(&first) if scratch.windows(2).all(is_whole) => Ok(Target { len: op.len, ..first }),
            _ => Err(Malformed("an operation deletes what is not one stretch")),
        }
    }
}

type Others = Vec<(u32, Target)>;

fn read_others(reader: &mut Reader<'_>, ops: &mut [Op], n_authors: usize) -> Result<Others, Malformed> {
    let mut others = Vec::new();
    let mut op = 0u32;
    for _ in 0..reader.varint()? {
        op =
            op.checked_add(reader.varint_u32()?).filter(|&op| (op as usize) < ops.len()).ok_or(IMPOSSIBLE)?;
        let (author, seq, len) = (reader.varint_u32()?, reader.varint_u32()?, reader.varint_u32()?);
        if n_authors <= author as usize || len == 0 || seq.checked_add(len).is_none() {
            return Err(IMPOSSIBLE);
        }
        ops[op as usize].name_deletion(len)?;
        others.push((op, Target { author, seq, len }));
    }
    Ok(others)
}

/// Checks that what was deleted again is dead.
fn check_dead(others: &Others, runs: &[Run], authors: &Authors) -> Result<(), Malformed> {
    if others.is_empty() {
        return Ok(());
    }
    let dead = runs.iter().filter(|run| run.is_dead());
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
        let author = authors.local[target.author as usize];
        let at =
            dead.partition_point(|&(replica, seq, _)| (replica, seq) <= (author, target.seq)).checked_sub(1);
        let is_dead = at.is_some_and(|at| dead[at].0 == author && target.seq + target.len <= dead[at].2);
        if !is_dead {
            return Err(Malformed("an operation deletes what is still there"));
        }
    }
    Ok(())
}
