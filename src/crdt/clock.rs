//! Who and when: replica ids, dots and version vectors.

use std::collections::{BTreeMap, HashMap};

use crate::base::limits::REPLICA_OPS_MAX;

/// Names one replica of one document. Drawn at random for each process start, so that no
/// `(replica, seq)` is ever used for two contents.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ReplicaId(u64);

impl ReplicaId {
    /// Makes the id with this number. Ids are ordered as unsigned numbers; among concurrent inserts
    /// with one timestamp the higher id stands first.
    pub const fn new(id: u64) -> ReplicaId {
        ReplicaId(id)
    }

    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl std::fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "r{:x}", self.0)
    }
}

/// Returns whether there is time for `n` operations of which the first has the Lamport timestamp `first`: all who make and all who
/// read operations must answer alike, or what one makes nobody else can read.
pub fn has_time(first: u32, n: u64) -> bool {
    u64::from(first) + n <= REPLICA_OPS_MAX
}

/// One operation: the `seq`-th of `replica`, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot {
    /// The author.
    pub replica: ReplicaId,
    /// The author's count of operations before this one.
    pub seq: u64,
}

impl std::fmt::Debug for Dot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}.{}", self.replica, self.seq)
    }
}

/// Says which operations somebody has: for each replica, the seq of its first operation that is
/// missing. Replicas with no operation do not appear.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct VersionVector {
    next: BTreeMap<ReplicaId, u64>,
}

impl VersionVector {
    /// Returns how many operations of `replica` are covered.
    pub fn get(&self, replica: ReplicaId) -> u64 {
        self.next.get(&replica).copied().unwrap_or(0)
    }

    /// Raises the entry of `replica` to at least `next`.
    pub fn advance(&mut self, replica: ReplicaId, next: u64) {
        if 0 < next {
            let entry = self.next.entry(replica).or_insert(0);
            *entry = (*entry).max(next);
        }
    }

    /// Raises every entry to at least that of `other`.
    pub fn merge(&mut self, other: &VersionVector) {
        for (replica, next) in other.iter() {
            self.advance(replica, next);
        }
    }

    /// Lowers every entry to at most that of `other`.
    pub fn limit_to(&mut self, other: &VersionVector) {
        self.next.retain(|&replica, next| {
            *next = (*next).min(other.get(replica));
            0 < *next
        });
    }

    /// Returns whether every operation of `other` is covered.
    pub fn includes(&self, other: &VersionVector) -> bool {
        other.iter().all(|(replica, next)| next <= self.get(replica))
    }

    /// Returns whether this operation is covered.
    pub fn contains(&self, dot: Dot) -> bool {
        dot.seq < self.get(dot.replica)
    }

    /// Walks the entries by ascending replica id.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaId, u64)> + '_ {
        self.next.iter().map(|(&replica, &next)| (replica, next))
    }

    /// Returns the number of replicas with an entry.
    pub fn len(&self) -> usize {
        self.next.len()
    }

    /// Returns whether nothing is covered.
    pub fn is_empty(&self) -> bool {
        self.next.is_empty()
    }

    /// Returns how many operations `self` covers that `other` does not.
    pub fn n_ops_beyond(&self, other: &VersionVector) -> u64 {
        self.iter().map(|(replica, next)| next.saturating_sub(other.get(replica))).sum()
    }
}

impl FromIterator<(ReplicaId, u64)> for VersionVector {
    fn from_iter<I: IntoIterator<Item = (ReplicaId, u64)>>(entries: I) -> VersionVector {
        let mut vector = VersionVector::default();
        for (replica, next) in entries {
            vector.advance(replica, next);
        }
        vector
    }
}

/// Short numbers for replicas, agreed between the two ends of a link: the index of an id here.
/// Grows at the end only, so that a number once announced never changes its meaning.
#[derive(Clone, Default, Debug)]
pub struct ReplicaTable {
    ids: Vec<ReplicaId>,
    index: HashMap<ReplicaId, u32>,
}

impl ReplicaTable {
    /// Returns the number of `replica`, giving it the next one if it has none.
    pub fn intern(&mut self, replica: ReplicaId) -> u32 {
        *self.index.entry(replica).or_insert_with(|| {
            self.ids.push(replica);
            (self.ids.len() - 1) as u32
        })
    }

    /// Returns the number of `replica`, if it has one.
    pub fn index_of(&self, replica: ReplicaId) -> Option<u32> {
        self.index.get(&replica).copied()
    }

    /// Returns the replica with this number.
    pub fn get(&self, index: u32) -> Option<ReplicaId> {
        self.ids.get(index as usize).copied()
    }

    /// Returns the ids in the order of their numbers.
    pub fn ids(&self) -> &[ReplicaId] {
        &self.ids
    }
}
