//! From an element's id to the leaf that holds it.

use super::ElementId;

/// For each author, which leaf holds which seqs, run-length: an entry holds from its seq to the next
/// entry's. Seqs that are not elements (deletions use up seqs too) get some leaf or none; looking in
/// that leaf tells.
#[derive(Default)]
pub(super) struct RunIndex {
    replicas: Vec<SeqMap>,
}

impl RunIndex {
    /// Returns the leaf that holds `id` if it is an element. O(log entries).
    pub(super) fn leaf_of(&self, id: ElementId) -> Option<u32> {
        self.replicas.get(id.replica as usize)?.get(id.seq)
    }

    /// Records that the `len` elements from `seq` on are in `leaf`.
    pub(super) fn set(&mut self, replica: u32, seq: u32, len: u32, leaf: u32) {
        let replica = replica as usize;
        if self.replicas.len() <= replica {
            self.replicas.resize_with(replica + 1, SeqMap::default);
        }
        self.replicas[replica].set(seq, seq + len, leaf);
    }
}

#[derive(Clone, Copy)]
struct Entry {
    seq: u32,
    leaf: u32,
}

/// Entries in ascending order, cut into chunks so that one in the middle is cheap to insert.
#[derive(Default)]
struct SeqMap {
    /// None is empty.
    chunks: Vec<Vec<Entry>>,
    /// One past the highest seq that was ever recorded.
    end: u32,
}

/// Entries in a chunk before it is halved: 4 KiB move at most for one insertion.
const CHUNK_ENTRIES_MAX: usize = 512;

impl SeqMap {
    /// Finds the last entry at or before `seq`.
    fn find(&self, seq: u32) -> Option<(usize, usize)> {
        let c = match self.chunks.last() {
            // Most look-ups are near the newest edits.
            Some(last) if last[0].seq <= seq => self.chunks.len() - 1,
            _ => self.chunks.partition_point(|chunk| chunk[0].seq <= seq).checked_sub(1)?,
        };
        let e = self.chunks[c].partition_point(|entry| entry.seq <= seq) - 1;
        Some((c, e))
    }

    fn get(&self, seq: u32) -> Option<u32> {
        self.find(seq).map(|(c, e)| self.chunks[c][e].leaf)
    }

    fn set(&mut self, start: u32, end: u32, leaf: u32) {
        let Some((c, e)) = self.find(start) else {
            self.set_before_all(start, end, leaf);
            return;
        };
        let old = self.chunks[c][e];
        if old.leaf == leaf && self.entry_after(c, e).is_none_or(|next| end <= next.seq) {
            self.end = self.end.max(end);
            return;
        }
        // What stood from `end` on must stay as it is, unless nothing does yet.
        let rest = self.get(end - 1).filter(|_| end < self.end);
        let rest_needed = rest.is_some() && self.find(end).is_some_and(|at| self.entry(at).seq < end);
        self.remove_between(start, end);
        if old.seq == start {
            self.chunks[c][e].leaf = leaf;
        } else {
            self.insert_after(c, e, Entry { seq: start, leaf });
        }
        if let (true, Some(rest)) = (rest_needed, rest)
            && let Some((c, e)) = self.find(start)
        {
            self.insert_after(c, e, Entry { seq: end, leaf: rest });
        }
        self.join_around(start, end);
        self.end = self.end.max(end);
    }

    fn set_before_all(&mut self, start: u32, end: u32, leaf: u32) {
        let entry = Entry { seq: start, leaf };
        match self.chunks.first_mut() {
            Some(first) => first.insert(0, entry),
            None => self.chunks.push(vec![entry]),
        }
        self.end = self.end.max(end);
        self.split_if_full(0);
    }

    fn entry(&self, (c, e): (usize, usize)) -> Entry {
        self.chunks[c][e]
    }

    fn entry_after(&self, c: usize, e: usize) -> Option<Entry> {
        self.chunks[c].get(e + 1).or_else(|| self.chunks.get(c + 1).map(|chunk| &chunk[0])).copied()
    }

    fn insert_after(&mut self, c: usize, e: usize, entry: Entry) {
        self.chunks[c].insert(e + 1, entry);
        self.split_if_full(c);
    }

    fn split_if_full(&mut self, c: usize) {
        let chunk = &mut self.chunks[c];
        if chunk.len() <= CHUNK_ENTRIES_MAX {
            return;
        }
        // At the newest end, where most entries come, the full chunk stays full.
        let at = if c + 1 == self.chunks.len() { CHUNK_ENTRIES_MAX } else { CHUNK_ENTRIES_MAX / 2 };
        let chunk = &mut self.chunks[c];
        let tail = chunk.split_off(at);
        self.chunks.insert(c + 1, tail);
    }

    /// Removes entries that start inside `(start, end)`.
    fn remove_between(&mut self, start: u32, end: u32) {
        while let Some((c, e)) = self.find(end - 1)
            && start < self.chunks[c][e].seq
        {
            self.remove(c, e);
        }
    }

    fn remove(&mut self, c: usize, e: usize) {
        self.chunks[c].remove(e);
        if self.chunks[c].is_empty() {
            self.chunks.remove(c);
        }
    }

    /// Removes entries at `start` and `end` that say the same as the entry before them.
    fn join_around(&mut self, start: u32, end: u32) {
        for seq in [end, start] {
            let Some((c, e)) = self.find(seq) else { continue };
            let before = match (c, e) {
                (0, 0) => continue,
                (c, 0) => self.chunks[c - 1].last().copied(),
                (c, e) => Some(self.chunks[c][e - 1]),
            };
            let here = self.chunks[c][e];
            if here.seq == seq && before.is_some_and(|before| before.leaf == here.leaf) {
                self.remove(c, e);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;

    #[test]
    fn agrees_with_a_plain_array_under_random_sets() {
        for seed in 0..50 {
            let mut rng = Rng::new(seed);
            let mut map = SeqMap::default();
            let mut plain: Vec<u32> = Vec::new();
            for _ in 0..400 {
                let grow = plain.is_empty() || rng.below(3) == 0;
                let start = if grow { plain.len() } else { rng.below(plain.len() as u64) as usize };
                let len = 1 + rng.below(20) as usize;
                let end = if grow { start + len } else { (start + len).min(plain.len()) };
                let leaf = rng.below(6) as u32;
                plain.resize(plain.len().max(end), 0);
                plain[start..end].fill(leaf);
                map.set(start as u32, end as u32, leaf);
                for (seq, &leaf) in plain.iter().enumerate() {
                    assert_eq!(map.get(seq as u32), Some(leaf), "seed {seed}, seq {seq}");
                }
            }
        }
    }
}
