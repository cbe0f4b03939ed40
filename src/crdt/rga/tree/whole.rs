//! The whole tree: built from runs at once, walked, and checked.

use super::cursor::{Cursor, LEVELS_MAX, Step};
use super::node::{INNER_CHILDREN_MAX, Inner, Leaf, NONE, n_visible};
use super::{Leaves, Place, Tree};
use crate::crdt::rga::Run;
use crate::crdt::rga::index::RunIndex;

/// Runs in a leaf of a tree that is built at once: leaves room for the edits that follow.
const LEAF_RUNS_BUILT: usize = 28;

impl Leaves {
    /// Makes room for this many runs.
    pub fn with_room(n_runs: usize) -> Leaves {
        let mut list = Vec::with_capacity(n_runs.div_ceil(LEAF_RUNS_BUILT).max(1));
        list.push(Leaf::new(NONE));
        Leaves { list }
    }

    /// Appends a run, joining it to the last one if it continues that.
    #[inline]
    pub fn push(&mut self, run: Run) {
        let id = self.list.len() as u32;
        let leaf = self.list.last_mut().expect("there is always a leaf");
        let n = leaf.n as usize;
        if let Some(last) = leaf.runs[..n].last_mut()
            && last.continues_with(&run)
        {
            return last.grow(run.len());
        }
        if n < LEAF_RUNS_BUILT {
            leaf.runs[n] = run;
            leaf.n += 1;
        } else {
            leaf.next = id;
            let mut next = Leaf::new(NONE);
            (next.runs[0], next.n) = (run, 1);
            self.list.push(next);
        }
    }

    /// Walks all runs.
    pub fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        self.list.iter().flat_map(|leaf| leaf.runs().iter().copied())
    }
}

impl Tree {
    pub(in crate::crdt::rga) fn from_leaves(leaves: Leaves) -> Tree {
        let mut leaves = leaves.list;
        leaves.iter_mut().for_each(Leaf::settle_lamport_min);
        let counts: Vec<u32> = leaves.iter().map(Leaf::n_visible).collect();
        let cursor = Cursor::at(0, 0, counts[0]);
        let len_visible = counts.iter().sum();
        let path = [Step::default(); LEVELS_MAX];
        let mut tree = Tree { leaves, inners: Vec::new(), root: 0, height: 0, len_visible, cursor, path };
        tree.build_inner_levels(counts);
        tree.move_cursor_to_leaf(0);
        tree
    }

    /// Stacks inner nodes on the leaves, whose visible counts are given, until there is one root.
    fn build_inner_levels(&mut self, mut counts: Vec<u32>) {
        let mut first = 0;
        while 1 < counts.len() {
            let level_start = self.inners.len() as u32;
            let mut next_counts = Vec::new();
            for (at, chunk) in counts.chunks(INNER_CHILDREN_MAX - 4).enumerate() {
                let id = level_start + at as u32;
                let mut inner = Inner::new(NONE);
                for &visible in chunk {
                    inner.push(first, visible, self.lamport_min_of(first, self.height));
                    self.set_parent(first, self.height, id);
                    first += 1;
                }
                next_counts.push(inner.n_visible());
                self.inners.push(inner);
            }
            self.height += 1;
            self.root = level_start;
            first = level_start;
            counts = next_counts;
        }
    }

    pub(super) fn leaf_ids(&self) -> impl Iterator<Item = u32> + '_ {
        let next = |&leaf: &u32| Some(self.leaves[leaf as usize].next).filter(|&next| next != NONE);
        std::iter::successors(Some(self.first_leaf()), next)
    }

    /// Returns the run before that of `place`.
    pub(in crate::crdt::rga) fn run_before(&self, place: Place) -> Option<Run> {
        if let Some(before) = place.idx.checked_sub(1) {
            return Some(self.leaves[place.leaf as usize].runs[before as usize]);
        }
        let leaf = self.leaf_ids().find(|&leaf| self.leaves[leaf as usize].next == place.leaf)?;
        self.leaves[leaf as usize].runs().last().copied()
    }

    pub(in crate::crdt::rga) fn last_run(&self) -> Option<Run> {
        self.leaf_ids().last().and_then(|leaf| self.leaves[leaf as usize].runs().last().copied())
    }

    pub(in crate::crdt::rga) fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        self.leaf_ids().flat_map(|leaf| self.leaves[leaf as usize].runs().iter().copied())
    }

    /// Walks all runs with their places, in document order.
    pub(in crate::crdt::rga) fn places(&self) -> impl Iterator<Item = (Place, Run)> + '_ {
        self.leaf_ids().flat_map(|leaf| {
            let runs = self.leaves[leaf as usize].runs().iter().enumerate();
            runs.map(move |(idx, &run)| (Place { leaf, idx: idx as u32, offset: 0 }, run))
        })
    }

    pub(in crate::crdt::rga) fn build_index(&self) -> RunIndex {
        // In ascending order every entry goes to the end.
        let mut entries: Vec<(u32, u32, u32, u32)> =
            self.places().map(|(place, run)| (run.replica, run.seq, run.len(), place.leaf)).collect();
        entries.sort_unstable();
        let mut index = RunIndex::default();
        for (replica, seq, len, leaf) in entries {
            index.set(replica, seq, len, leaf);
        }
        index
    }

    pub(in crate::crdt::rga) fn check_invariants(&self) {
        let mut leaf_order = Vec::new();
        let counted = self.check_node(self.root, self.height, NONE, &mut leaf_order);
        assert_eq!(counted, self.len_visible, "visible elements in all");
        assert_eq!(leaf_order, self.leaf_ids().collect::<Vec<_>>(), "chain of leaves");
        let cursor = self.cursor;
        let start: u32 = leaf_order
            .iter()
            .take_while(|&&leaf| leaf != cursor.leaf)
            .map(|&leaf| self.leaves[leaf as usize].n_visible())
            .sum();
        assert_eq!(
            (cursor.start, cursor.visible),
            (start, self.leaves[cursor.leaf as usize].n_visible()),
            "cursor"
        );
        let before = &self.leaves[cursor.leaf as usize].runs()[..cursor.idx as usize];
        assert_eq!(cursor.idx_start, n_visible(before), "the cursor's run");
        let mut node = self.root;
        for step in &self.path[..self.height as usize] {
            assert_eq!(step.node, node, "the way to the cursor");
            node = self.inners[node as usize].children[step.slot as usize];
        }
        assert_eq!(node, cursor.leaf, "the way to the cursor");
    }

    fn check_node(&self, node: u32, level: u32, parent: u32, leaf_order: &mut Vec<u32>) -> u32 {
        if level == 0 {
            let leaf = &self.leaves[node as usize];
            assert_eq!(leaf.parent, parent, "parent of leaf {node}");
            assert!(0 < leaf.n || parent == NONE, "leaf {node} is empty");
            let is_least = |run: &Run| leaf.lamport_min <= run.lamport;
            assert!(leaf.runs().iter().all(is_least), "least timestamp of leaf {node}");
            leaf_order.push(node);
            return leaf.n_visible();
        }
        let inner = &self.inners[node as usize];
        assert_eq!(inner.parent, parent, "parent of inner node {node}");
        let mut sum = 0;
        for slot in 0..inner.n as usize {
            let n_before = leaf_order.len();
            let counted = self.check_node(inner.children[slot], level - 1, node, leaf_order);
            let holds_cursor = leaf_order[n_before..].contains(&self.cursor.leaf);
            let owed = if holds_cursor { self.cursor.owed } else { 0 };
            assert_eq!(inner.count(slot).wrapping_add_signed(owed), counted, "count of {node}, slot {slot}");
            let min_of_child = self.lamport_min_of(inner.children[slot], level - 1);
            assert!(inner.lamport_min_of(slot) <= min_of_child, "least timestamp of {node}, slot {slot}");
            sum += counted;
        }
        sum
    }
}
