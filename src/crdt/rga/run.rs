//! Runs of elements.

/// Elements of one author with consecutive seqs and consecutive Lamport timestamps that stand side by
/// side in the document and are all visible or all dead. 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Local number of the author.
    pub replica: u32,
    /// Seq of the first element.
    pub seq: u32,
    /// Lamport timestamp of the first element; the i-th has `lamport + i`.
    pub lamport: u32,
    /// Length in the low 31 bits; the top bit is set when the elements are tombstones.
    len_and_dead: u32,
}

const DEAD: u32 = 1 << 31;

impl Run {
    /// Makes a run of `len` visible elements.
    ///
    /// # Panics
    /// If `len` is 0 or does not fit in 31 bits.
    pub fn new(replica: u32, seq: u32, lamport: u32, len: u32) -> Run {
        assert!(0 < len && len < DEAD, "a run of {len} elements");
        Run { replica, seq, lamport, len_and_dead: len }
    }

    /// Returns the same run as tombstones.
    pub fn dead(self) -> Run {
        Run { len_and_dead: self.len_and_dead | DEAD, ..self }
    }

    /// Returns the number of elements; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a run is never empty")]
    #[inline]
    pub fn len(&self) -> u32 {
        self.len_and_dead & !DEAD
    }

    /// Returns whether the elements are tombstones.
    #[inline]
    pub fn is_dead(&self) -> bool {
        self.len_and_dead & DEAD != 0
    }

    /// Returns the number of visible elements: all or none.
    #[inline]
    pub fn n_visible(&self) -> u32 {
        if self.is_dead() { 0 } else { self.len_and_dead }
    }

    /// Returns whether `next`, standing right after this run, continues it.
    #[inline]
    pub fn continues_with(&self, next: &Run) -> bool {
        let len = self.len();
        self.replica == next.replica
            && self.seq + len == next.seq
            && self.lamport + len == next.lamport
            && self.is_dead() == next.is_dead()
    }

    /// Lengthens the run by `n` elements at its end.
    #[inline]
    pub(crate) fn grow(&mut self, n: u32) {
        self.len_and_dead += n;
    }

    /// Splits the run before its `at`-th element and returns the second part.
    #[inline]
    pub(super) fn split_off(&mut self, at: u32) -> Run {
        debug_assert!(0 < at && at < self.len());
        let flag = self.len_and_dead & DEAD;
        let tail = Run {
            replica: self.replica,
            seq: self.seq + at,
            lamport: self.lamport + at,
            len_and_dead: (self.len() - at) | flag,
        };
        self.len_and_dead = at | flag;
        tail
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = if self.is_dead() { "†" } else { "" };
        write!(f, "{}.{}@{}×{}{mark}", self.replica, self.seq, self.lamport, self.len())
    }
}
