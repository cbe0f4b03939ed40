//! Versions between two others: a long history travels in several batches.

use super::Document;
use crate::crdt::VersionVector;

impl Document {
    /// Returns a version from `from` towards `to`, both of this document, with at most `n_ops_max` operations beyond `from`
    /// (but always some, if `to` has any): `to` itself if that is as near. No cause of what it covers is left out.
    ///
    /// All operations up to one Lamport timestamp are such a version, as causes have lower ones. O(authors) look-ups for
    /// each bit of a timestamp.
    pub fn version_towards(&self, from: &VersionVector, to: &VersionVector, n_ops_max: u64) -> VersionVector {
        if to.n_ops_beyond(from) <= n_ops_max {
            return to.clone();
        }
        let (mut low, mut high) = (0, self.lamport_max);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if self.version_at(middle, from, to).n_ops_beyond(from) <= n_ops_max {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        let found = self.version_at(low, from, to);
        if 0 < found.n_ops_beyond(from) { found } else { self.version_at(low + 1, from, to) }
    }

    /// Returns `from` and what `to` has with a Lamport timestamp of at most `lamport`.
    fn version_at(&self, lamport: u32, from: &VersionVector, to: &VersionVector) -> VersionVector {
        let mut version = from.clone();
        for (replica, &id) in self.ids.iter().enumerate() {
            let mut low = from.get(id).min(u64::from(self.applied[replica])) as u32;
            let mut high = to.get(id).min(u64::from(self.applied[replica])) as u32;
            while low < high {
                let middle = low + (high - low) / 2;
                if self.logs[replica].lamport(middle) <= lamport {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            version.advance(id, u64::from(low));
        }
        version
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crdt::{ReplicaId, ReplicaTable};

    #[test]
    fn a_history_cut_anywhere_is_taken_in_part_by_part_without_waiting() {
        let mut docs = [1, 2, 3].map(|id| Document::new(ReplicaId::new(id)));
        let mut rng = crate::base::rng::Rng::new(1);
        for _ in 0..300 {
            let i = rng.below(3) as usize;
            let at = rng.below(docs[i].len_chars() as u64 + 1) as usize;
            docs[i].insert(at, "xy").expect("inside");
            let j = rng.below(3) as usize;
            let news = docs[i].changes_since(&docs[j].version());
            docs[j].apply(&news).expect("sound");
        }
        let whole = &docs[0];
        let (mut copy, to) = (Document::new(ReplicaId::new(9)), whole.version());
        let mut n_parts = 0;
        while copy.version() != to {
            let from = copy.version();
            let next = whole.version_towards(&from, &to, 40);
            assert!(0 < next.n_ops_beyond(&from) && next.n_ops_beyond(&from) <= 40);
            copy.apply(&whole.changes_between(&from, &next, &ReplicaTable::default())).expect("sound");
            assert_eq!((copy.n_waiting(), copy.version()), (0, next));
            n_parts += 1;
        }
        assert!(10 < n_parts && copy.rope() == whole.rope(), "{n_parts} parts");
        assert_eq!(whole.version_towards(&to, &to, 40), to);
    }
}
