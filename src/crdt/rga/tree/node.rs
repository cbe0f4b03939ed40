//! The nodes of the tree: leaves of runs, and inner nodes of counts.

use super::super::Run;
use super::Place;

/// Runs in a leaf: with what else it holds, 31 × 16 bytes fill eight cache lines, which a search reads in order.
pub(super) const LEAF_RUNS_MAX: usize = 31;

/// Children of an inner node.
pub(super) const INNER_CHILDREN_MAX: usize = 32;

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// What a search needs first shares a cache line: in a large document each one is fetched from memory.
#[repr(C, align(64))]
pub(super) struct Leaf {
    pub n: u32,
    pub parent: u32,
    pub next: u32,
    /// No run has a smaller timestamp.
    pub lamport_min: u32,
    pub runs: [Run; LEAF_RUNS_MAX],
}

impl Leaf {
    pub fn new(parent: u32) -> Leaf {
        // The filler is never read: `n` says how many runs count.
        let runs = [Run::new(0, 0, 0, 1); LEAF_RUNS_MAX];
        Leaf { n: 0, parent, next: NONE, lamport_min: u32::MAX, runs }
    }

    pub fn runs(&self) -> &[Run] {
        &self.runs[..self.n as usize]
    }

    pub fn n_visible(&self) -> u32 {
        n_visible(self.runs())
    }

    /// Looks for the smallest timestamp: after runs came or went other than one by one.
    pub fn settle_lamport_min(&mut self) {
        self.lamport_min = self.runs().iter().fold(u32::MAX, |min, run| min.min(run.lamport));
    }

    /// Finds the `at`-th visible element of this leaf, whose number is `leaf`, from the run `idx` on.
    pub fn find_from(&self, leaf: u32, idx: u32, at: u32) -> Place {
        let mut left = at;
        for (idx, run) in (idx..).zip(&self.runs()[idx as usize..]) {
            if left < run.n_visible() {
                return Place { leaf, idx, offset: left };
            }
            left -= run.n_visible();
        }
        unreachable!("leaf {leaf} has fewer than {at} visible elements")
    }

    pub fn insert(&mut self, idx: usize, run: Run) {
        let n = self.n as usize;
        self.runs.copy_within(idx..n, idx + 1);
        self.runs[idx] = run;
        self.n += 1;
    }

    pub fn remove(&mut self, idx: usize) {
        let n = self.n as usize;
        self.runs.copy_within(idx + 1..n, idx);
        self.n -= 1;
    }

    /// Removes the first `n` elements of a run.
    pub fn drop_front(&mut self, idx: usize, n: u32) {
        if n < self.runs[idx].len() {
            self.runs[idx] = self.runs[idx].split_off(n);
        } else {
            self.remove(idx);
        }
    }

    pub fn join_with_next(&mut self, idx: usize) {
        if idx + 1 < self.n as usize && self.runs[idx].continues_with(&self.runs[idx + 1]) {
            let n = self.runs[idx + 1].len();
            self.runs[idx].grow(n);
            self.remove(idx + 1);
        }
    }
}

pub(super) fn n_visible(runs: &[Run]) -> u32 {
    runs.iter().map(Run::n_visible).sum()
}

pub(super) struct Inner {
    /// Visible elements in the children up to this one; `u32::MAX` where there is no child.
    ends: [u32; INNER_CHILDREN_MAX],
    pub children: [u32; INNER_CHILDREN_MAX],
    /// For each child a timestamp than which none in it is smaller; `u32::MAX` where there is no child.
    lamport_mins: [u32; INNER_CHILDREN_MAX],
    pub n: u32,
    pub parent: u32,
}

impl Inner {
    pub fn new(parent: u32) -> Inner {
        let (ends, lamport_mins) = ([u32::MAX; INNER_CHILDREN_MAX], [u32::MAX; INNER_CHILDREN_MAX]);
        Inner { ends, children: [NONE; INNER_CHILDREN_MAX], lamport_mins, n: 0, parent }
    }

    pub fn n_visible(&self) -> u32 {
        self.before(self.n as usize)
    }

    /// Returns the visible elements before a child.
    pub fn before(&self, slot: usize) -> u32 {
        if slot == 0 { 0 } else { self.ends[slot - 1] }
    }

    /// Returns the visible elements in a child.
    pub fn count(&self, slot: usize) -> u32 {
        self.ends[slot] - self.before(slot)
    }

    /// Returns the child that holds the `at`-th visible element.
    pub fn slot_at(&self, at: u32) -> usize {
        // All ends are compared, several in one instruction and without a branch to guess.
        self.ends.iter().map(|&end| u32::from(end <= at)).sum::<u32>() as usize
    }

    pub fn slot_of(&self, child: u32) -> usize {
        self.children.iter().position(|&c| c == child).expect("a child is in its parent")
    }

    /// Adds to the visible elements in a child.
    pub fn add(&mut self, slot: usize, change: i32) {
        for end in &mut self.ends[slot..self.n as usize] {
            *end = end.wrapping_add_signed(change);
        }
    }

    /// Returns a timestamp than which none is smaller.
    pub fn lamport_min(&self) -> u32 {
        self.lamport_mins.iter().fold(u32::MAX, |min, &of_child| min.min(of_child))
    }

    /// Returns the same of a child.
    pub fn lamport_min_of(&self, slot: usize) -> u32 {
        self.lamport_mins[slot]
    }

    pub fn set_lamport_min(&mut self, slot: usize, lamport: u32) {
        self.lamport_mins[slot] = lamport;
    }

    /// Returns the first child from `slot` on that may have a timestamp up to `lamport`.
    pub fn slot_up_to(&self, lamport: u32, slot: usize) -> Option<usize> {
        (slot..self.n as usize).find(|&slot| self.lamport_mins[slot] <= lamport)
    }

    /// Appends a child.
    pub fn push(&mut self, child: u32, visible: u32, lamport_min: u32) {
        let n = self.n as usize;
        self.ends[n] = self.before(n) + visible;
        self.children[n] = child;
        self.lamport_mins[n] = lamport_min;
        self.n += 1;
    }

    /// Enters `new` after the child at `slot`, from which `moved` visible elements went over to it. Their least timestamps
    /// are to be set after it.
    pub fn split_child(&mut self, slot: usize, new: u32, moved: u32) {
        let n = self.n as usize;
        self.ends.copy_within(slot..n, slot + 1);
        self.children.copy_within(slot..n, slot + 1);
        self.lamport_mins.copy_within(slot..n, slot + 1);
        self.ends[slot] -= moved;
        self.children[slot + 1] = new;
        self.n += 1;
    }

    /// Moves the children from `slot` on into a node of their own.
    pub fn split_off(&mut self, slot: usize) -> Inner {
        let mut right = Inner::new(self.parent);
        for slot in slot..self.n as usize {
            right.push(self.children[slot], self.count(slot), self.lamport_mins[slot]);
        }
        self.ends[slot..].fill(u32::MAX);
        self.children[slot..].fill(NONE);
        self.lamport_mins[slot..].fill(u32::MAX);
        self.n = slot as u32;
        right
    }
}
