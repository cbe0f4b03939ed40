//! Where authors' knowledge grew.

use super::{Authors, IMPOSSIBLE};
use crate::base::bytes::{Malformed, Reader};
use crate::crdt::has_time;
use crate::document::history::numbers::Numbers;

/// Where authors' knowledge grew, in the order of the bytes.
pub(super) struct Stamps {
    /// Which operation, and the end of its causes.
    pub list: Vec<(u32, u32)>,
    /// The cause's author, and how far back from the end of what stands before.
    causes: Vec<(u32, u32)>,
}

impl Stamps {
    pub(super) fn read(
        reader: &mut Reader<'_>,
        authors: &Authors,
        n_ops: usize,
    ) -> Result<Stamps, Malformed> {
        let (mut gaps, mut counts) = (Numbers::read(reader)?, Numbers::read(reader)?);
        let (mut causing, mut backs) = (Numbers::read(reader)?, Numbers::read(reader)?);
        let mut stamps =
            Stamps { list: Vec::with_capacity(gaps.len()), causes: Vec::with_capacity(causing.len()) };
        let mut op = 0u64;
        let mut stretches = authors.stretches.iter();
        let (mut own, mut own_end) = (0, 0);
        while 0 < gaps.len() {
            let gap = gaps.next()?;
            if gap == 0 && !stamps.list.is_empty() {
                return Err(Malformed("an operation has two lists of causes"));
            }
            op = op.saturating_add(gap);
            let n_causes = counts.next()?;
            if n_ops as u64 <= op || (causing.len() as u64) < n_causes {
                return Err(Malformed("a cause is of no operation"));
            }
            while own_end <= op {
                let &(author, n) = stretches.next().expect("the stretches hold all operations");
                (own, own_end) = (author, own_end + u64::from(n));
            }
            for _ in 0..n_causes {
                let author = causing.next_u32()?;
                if authors.ids.len() <= author as usize || author == own {
                    return Err(Malformed("an operation depends on itself or on nothing"));
                }
                stamps.causes.push((author, backs.next_u32()?));
            }
            stamps.list.push((op as u32, stamps.causes.len() as u32));
        }
        [gaps, counts, causing, backs].iter().try_for_each(Numbers::finish)?;
        Ok(stamps)
    }

    pub(super) fn causes_of(&self, at: usize) -> &[(u32, u32)] {
        let start = at.checked_sub(1).map_or(0, |before| self.list[before].1);
        &self.causes[start as usize..self.list[at].1 as usize]
    }
}

/// The clocks of all authors, as their operations come by in the order of the bytes.
pub(super) struct Clocks<'a> {
    stamps: &'a Stamps,
    /// The next of `stamps`.
    stamp: usize,
    /// For each author the next operation's seq and timestamp.
    next: Vec<(u32, u32)>,
    /// For each author where timestamps jumped: seq and timestamp.
    jumps: Vec<Vec<(u32, u32)>>,
}

impl Clocks<'_> {
    pub(super) fn new(stamps: &Stamps, n_authors: usize) -> Clocks<'_> {
        Clocks { stamps, stamp: 0, next: vec![(0, 1); n_authors], jumps: vec![Vec::new(); n_authors] }
    }

    /// Returns seq and timestamp of the operation with the number `at`, which come from the lengths before it and from its
    /// causes.
    #[inline]
    pub(super) fn tick(&mut self, at: u32, author: u32, len: u32) -> Result<(u32, u32), Malformed> {
        if self.stamps.list.get(self.stamp).is_some_and(|&(op, _)| op == at) {
            self.hear(author as usize)?;
        }
        let (seq, lamport) = self.next[author as usize];
        // Seqs are smaller than timestamps, which begin with 1 and skip some.
        if !has_time(lamport, u64::from(len)) {
            return Err(IMPOSSIBLE);
        }
        self.next[author as usize] = (seq + len, lamport + len);
        Ok((seq, lamport))
    }

    /// Lets an author hear of the next stamp's causes.
    fn hear(&mut self, author: usize) -> Result<(), Malformed> {
        let (seq, mut lamport) = self.next[author];
        for &(cause, back) in self.stamps.causes_of(self.stamp) {
            let cause = cause as usize;
            let last = self.next[cause].0.checked_sub(back).and_then(|end| end.checked_sub(1));
            let last = last.ok_or(Malformed("an operation depends on what comes later"))?;
            let jump = match self.jumps[cause].last() {
                // Mostly the newest operations are known.
                Some(&newest) if newest.0 <= last => Some(newest),
                _ => {
                    let n_before = self.jumps[cause].partition_point(|&(seq, _)| seq <= last);
                    n_before.checked_sub(1).map(|at| self.jumps[cause][at])
                }
            };
            let (from, at_from) = jump.unwrap_or((0, 1));
            lamport = lamport.max(at_from.saturating_add(last - from).saturating_add(1));
        }
        self.jumps[author].push((seq, lamport));
        self.next[author].1 = lamport;
        self.stamp += 1;
        Ok(())
    }
}
