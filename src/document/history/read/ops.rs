//! The operations, by their number in the bytes.

use super::stamps::{Clocks, Stamps};
use super::text::Text;
use super::{Authors, IMPOSSIBLE};
use crate::base::bytes::Malformed;
use crate::crdt::rga::Span;
use crate::document::columns::{Kind, OpRun, ROOT};

/// How many characters each operation inserts, or deletes if `DELETES` is set; 0 until something names it.
pub(super) struct Lens {
    list: Vec<u32>,
}

const DELETES: u32 = 1 << 31;
const NAMED_TWICE: Malformed = Malformed("an operation is said to be two things");

impl Lens {
    pub(super) fn new(n_ops: usize) -> Lens {
        Lens { list: vec![0; n_ops] }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Makes `op` an insert that begins with `len` characters.
    #[inline]
    pub(super) fn begin_inserted(&mut self, op: u32, len: u32) -> Result<(), Malformed> {
        let named = self.list.get_mut(op as usize).filter(|named| **named == 0).ok_or(NAMED_TWICE)?;
        *named = len;
        Ok(())
    }

    /// Adds characters to an insert. All in all they must be fewer than `DELETES`.
    pub(super) fn add_inserted(&mut self, op: u32, len: u32) {
        self.list[op as usize] += len;
    }

    /// Notes that `op` deletes `len` characters.
    pub(super) fn add_deleted(&mut self, op: u32, len: u32) -> Result<(), Malformed> {
        let named = self.list.get_mut(op as usize).ok_or(IMPOSSIBLE)?;
        if *named != 0 && *named & DELETES == 0 {
            return Err(NAMED_TWICE);
        }
        let n_deleted = (*named & !DELETES).checked_add(len).filter(|&n| n < DELETES).ok_or(IMPOSSIBLE)?;
        *named = DELETES | n_deleted;
        Ok(())
    }
}

/// The operations as the logs will hold them. Most of what they refer to is found out when their characters are placed.
pub(super) struct Ops {
    /// The text of each starts at a place in that of all.
    pub runs: Vec<OpRun>,
    /// Author's number in the bytes, and timestamp; nothing if there is one author, whose timestamps then are seq + 1.
    whose: Vec<(u32, u32)>,
    /// Characters that are deleted by each and are not in its run's targets yet.
    n_missing: Vec<u32>,
    /// What is deleted by an operation and does not touch what its run has.
    apart: Vec<(u32, Span)>,
}

/// The next character of an operation to be placed.
#[derive(Clone, Copy, Default)]
pub(super) struct Next {
    /// The author's number in the bytes.
    pub author: u32,
    pub seq: u32,
    pub lamport: u32,
    /// Where its text starts in that of all.
    pub text: u32,
}

impl Ops {
    /// Gives each operation its seq, its timestamp and its text, which follow from the lengths and the causes.
    pub(super) fn new(
        lens: Lens,
        authors: &Authors,
        stamps: &Stamps,
        text: &mut Text<'_>,
    ) -> Result<Ops, Malformed> {
        let lens = lens.list;
        let mut runs = Vec::with_capacity(lens.len());
        let mut whose = Vec::with_capacity(if authors.ids.len() == 1 { 0 } else { lens.len() });
        let mut clocks = Clocks::new(stamps, authors.ids.len());
        for &(author, n) in &authors.stretches {
            for &named in &lens[runs.len()..][..n as usize] {
                let at = runs.len() as u32;
                let len = named & !DELETES;
                let (seq, lamport) = clocks.tick(at, author, len)?;
                let (kind, text) = match named {
                    0 => return Err(IMPOSSIBLE),
                    _ if named & DELETES != 0 => (Kind::DeleteForward, text.taken()),
                    _ => (Kind::Insert, text.take(at, len)?),
                };
                runs.push(OpRun { seq, len, kind, replica: ROOT, target: 0, text });
                if 1 < authors.ids.len() {
                    whose.push((author, lamport));
                }
            }
        }
        text.finish()?;
        Ok(Ops { runs, whose, n_missing: lens, apart: Vec::new() })
    }

    /// Returns an operation's first character.
    #[inline]
    pub(super) fn first(&self, op: u32) -> Next {
        let OpRun { seq, text, .. } = self.runs[op as usize];
        let (author, lamport) = self.whose.get(op as usize).copied().unwrap_or((0, seq + 1));
        Next { author, seq, lamport, text }
    }

    /// Notes what the insert `op` refers to: an author's local number and a seq.
    #[inline]
    pub(super) fn refer(&mut self, op: u32, replica: u32, target: u32) {
        let run = &mut self.runs[op as usize];
        (run.replica, run.target) = (replica, target);
    }

    /// Notes that `op` deletes `target`.
    pub(super) fn note_deleted(&mut self, op: u32, target: Span) {
        let (run, n_missing) = (&mut self.runs[op as usize], &mut self.n_missing[op as usize]);
        let n_there = run.len - (*n_missing & !DELETES);
        if n_there == 0 {
            (run.replica, run.target) = (target.replica, target.seq);
        } else if run.replica == target.replica && target.seq + target.len == run.target {
            run.target = target.seq;
        } else if run.replica != target.replica || run.target + n_there != target.seq {
            return self.apart.push((op, target));
        }
        *n_missing -= target.len;
    }

    /// Joins what each deletion deletes to one stretch, and gives it its direction.
    pub(super) fn settle_deletions(&mut self, directions: &[u8], authors: &Authors) -> Result<(), Malformed> {
        let mut n_long = 0;
        self.apart.sort_unstable_by_key(|&(op, _)| op);
        let mut apart = &self.apart[..];
        for (op, run) in (0..).zip(&mut self.runs).filter(|(_, run)| run.kind != Kind::Insert) {
            let n_missing = self.n_missing[op as usize] & !DELETES;
            if 0 < n_missing {
                let n = apart.iter().take_while(|&&(of, _)| of == op).count();
                run.target = first_of_whole(run, n_missing, &apart[..n])?;
                apart = &apart[n..];
            }
            // Others would wait for what it deletes as long as they live.
            let author = self.whose.get(op as usize).map_or(0, |&(author, _)| author);
            if run.replica == authors.local[author as usize] && run.seq < run.target + run.len {
                return Err(Malformed("an operation refers to itself or to a later one"));
            }
            if 1 < run.len {
                let bits = directions.get(n_long / 8).ok_or(Malformed("a direction is missing"))?;
                if bits >> (n_long % 8) & 1 == 1 {
                    run.kind = Kind::DeleteBackward;
                    run.target += run.len - 1;
                }
                n_long += 1;
            }
        }
        let in_last = directions.get(n_long / 8).map_or(0, |bits| bits >> (n_long % 8));
        let after = directions.get(n_long / 8 + 1..).unwrap_or_default();
        match in_last == 0 && after.iter().all(|&bits| bits == 0) {
            true => Ok(()),
            false => Err(Malformed("directions are left over")),
        }
    }
}

/// Returns the first seq of what an operation deletes: what its run has, which lacks `n_missing`, and what stands apart.
fn first_of_whole(run: &OpRun, n_missing: u32, apart: &[(u32, Span)]) -> Result<u32, Malformed> {
    let own = Span { replica: run.replica, seq: run.target, len: run.len - n_missing };
    let mut all: Vec<Span> = apart.iter().map(|&(_, span)| span).chain([own]).collect();
    all.sort_unstable_by_key(|span| span.seq);
    let touch =
        |pair: &[Span]| pair[0].replica == pair[1].replica && pair[0].seq + pair[0].len == pair[1].seq;
    match all.windows(2).all(touch) {
        true => Ok(all[0].seq),
        false => Err(Malformed("an operation deletes what is not one stretch")),
    }
}
