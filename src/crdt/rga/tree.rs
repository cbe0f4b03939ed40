//! Runs in document order in a B-tree that lives in two arenas.
//!
//! Leaves hold runs; inner nodes hold, for each child, how many visible elements are in it and in those before it.
//! The cursor remembers the leaf of the last edit and the way to it, and owes the inner nodes what changed there:
//! typing on touches one leaf and nothing else.

mod cursor;
mod node;
mod skip;
mod whole;

use super::index::RunIndex;
use super::{ElementId, Run};
use cursor::{Cursor, LEVELS_MAX, Step};
use node::{INNER_CHILDREN_MAX, Inner, LEAF_RUNS_MAX, Leaf, NONE, n_visible};

/// A place between two elements, or the element right of it: before the `offset`-th element of the
/// `idx`-th run of `leaf`. `offset` may equal the run's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub leaf: u32,
    pub idx: u32,
    pub offset: u32,
}

/// All runs of a sequence, in document order, of which a tree is built at once.
pub struct Leaves {
    list: Vec<Leaf>,
}

pub(super) struct Tree {
    leaves: Vec<Leaf>,
    inners: Vec<Inner>,
    /// An inner node, or the only leaf when `height` is 0.
    root: u32,
    /// Levels of inner nodes.
    height: u32,
    len_visible: u32,
    cursor: Cursor,
    /// From the root to the cursor's leaf, `height` steps.
    path: [Step; LEVELS_MAX],
}

/// Returns the visible elements of the place's own run before it.
fn visible_offset(runs: &[Run], place: Place) -> u32 {
    match runs.get(place.idx as usize) {
        Some(run) if !run.is_dead() => place.offset,
        _ => 0,
    }
}

impl Tree {
    pub(super) fn new() -> Tree {
        Tree::from_leaves(Leaves::with_room(0))
    }

    pub(super) fn len_visible(&self) -> u32 {
        self.len_visible
    }

    pub(super) fn run(&self, place: Place) -> Run {
        self.leaves[place.leaf as usize].runs[place.idx as usize]
    }

    /// Returns the place before everything, and moves the cursor there.
    pub(super) fn first(&mut self) -> Place {
        let leaf = self.first_leaf();
        let place = Place { leaf, idx: 0, offset: 0 };
        self.visible_before(place);
        place
    }

    fn first_leaf(&self) -> u32 {
        let mut node = self.root;
        for _ in 0..self.height {
            node = self.inners[node as usize].children[0];
        }
        node
    }

    /// Finds the visible element at `at` and moves the cursor to its run.
    pub(super) fn find_visible(&mut self, at: u32) -> Place {
        if !self.cursor.covers(at) {
            self.move_cursor_to_leaf_at(at);
        }
        let cursor = &mut self.cursor;
        let at = at - cursor.start;
        if at < cursor.idx_start {
            (cursor.idx, cursor.idx_start) = (0, 0);
        }
        let place =
            self.leaves[cursor.leaf as usize].find_from(cursor.leaf, cursor.idx, at - cursor.idx_start);
        (cursor.idx, cursor.idx_start) = (place.idx, at - place.offset);
        place
    }

    /// Finds the visible element at `at` without moving the cursor.
    pub(super) fn find_visible_from_root(&self, at: u32) -> Place {
        let cursor = &self.cursor;
        if cursor.covers(at) {
            return self.leaves[cursor.leaf as usize].find_from(cursor.leaf, 0, at - cursor.start);
        }
        // The counts above the cursor's leaf lag behind by what is owed: shift what lies after it.
        let after_cursor = cursor.start + cursor.visible <= at;
        let mut left = if after_cursor { at.wrapping_add_signed(-cursor.owed) } else { at };
        let mut node = self.root;
        for _ in 0..self.height {
            let inner = &self.inners[node as usize];
            let slot = inner.slot_at(left);
            left -= inner.before(slot);
            node = inner.children[slot];
        }
        self.leaves[node as usize].find_from(node, 0, left)
    }

    /// Moves the cursor to the leaf that holds the visible element at `at`.
    fn move_cursor_to_leaf_at(&mut self, at: u32) {
        self.settle();
        let (mut node, mut start, mut visible) = (self.root, 0, self.len_visible);
        for step in &mut self.path[..self.height as usize] {
            let inner = &self.inners[node as usize];
            let slot = inner.slot_at(at - start);
            *step = Step { node, slot: slot as u32 };
            start += inner.before(slot);
            visible = inner.count(slot);
            node = inner.children[slot];
        }
        self.cursor = Cursor::at(node, start, visible);
    }

    fn move_cursor_to_leaf(&mut self, leaf: u32) {
        self.settle();
        let (mut child, mut node) = (leaf, self.leaves[leaf as usize].parent);
        let mut start = 0;
        for step in self.path[..self.height as usize].iter_mut().rev() {
            let inner = &self.inners[node as usize];
            let slot = inner.slot_of(child);
            *step = Step { node, slot: slot as u32 };
            start += inner.before(slot);
            (child, node) = (node, inner.parent);
        }
        let last = self.path[..self.height as usize].last();
        let visible =
            last.map_or(self.len_visible, |step| self.inners[step.node as usize].count(step.slot as usize));
        self.cursor = Cursor::at(leaf, start, visible);
    }

    /// Returns the number of visible elements before `place`, and moves the cursor to its run.
    pub(super) fn visible_before(&mut self, place: Place) -> u32 {
        if self.cursor.leaf != place.leaf {
            self.move_cursor_to_leaf(place.leaf);
        }
        let cursor = &mut self.cursor;
        if place.idx < cursor.idx {
            (cursor.idx, cursor.idx_start) = (0, 0);
        }
        let runs = self.leaves[place.leaf as usize].runs();
        cursor.idx_start += n_visible(&runs[cursor.idx as usize..place.idx as usize]);
        cursor.idx = place.idx;
        cursor.start + cursor.idx_start + visible_offset(runs, place)
    }

    /// As `visible_before`, without moving the cursor.
    pub(super) fn visible_before_unmoved(&self, place: Place) -> u32 {
        let start = if self.cursor.leaf == place.leaf {
            self.cursor.start
        } else {
            let is_owed = self.cursor.owed != 0 && self.is_before(self.cursor.leaf, place.leaf);
            let owed = if is_owed { self.cursor.owed } else { 0 };
            self.start_of_leaf(place.leaf).wrapping_add_signed(owed)
        };
        start + self.visible_in_leaf_before(place)
    }

    fn visible_in_leaf_before(&self, place: Place) -> u32 {
        let runs = self.leaves[place.leaf as usize].runs();
        n_visible(&runs[..place.idx as usize]) + visible_offset(runs, place)
    }

    fn start_of_leaf(&self, leaf: u32) -> u32 {
        let mut start = 0;
        let mut node = leaf;
        let mut parent = self.leaves[leaf as usize].parent;
        while parent != NONE {
            let inner = &self.inners[parent as usize];
            start += inner.before(inner.slot_of(node));
            node = parent;
            parent = inner.parent;
        }
        start
    }

    /// Returns whether leaf `a` stands before leaf `b`.
    fn is_before(&self, a: u32, b: u32) -> bool {
        let (mut a, mut b) = (a, b);
        let (mut parent_a, mut parent_b) = (self.leaves[a as usize].parent, self.leaves[b as usize].parent);
        while parent_a != parent_b {
            (a, b) = (parent_a, parent_b);
            parent_a = self.inners[a as usize].parent;
            parent_b = self.inners[b as usize].parent;
        }
        parent_a != NONE && {
            let inner = &self.inners[parent_a as usize];
            inner.slot_of(a) < inner.slot_of(b)
        }
    }

    /// Pays the inner nodes what the cursor owes them.
    fn settle(&mut self) {
        let owed = std::mem::take(&mut self.cursor.owed);
        if owed != 0 {
            for step in &self.path[..self.height as usize] {
                self.inners[step.node as usize].add(step.slot as usize, owed);
            }
        }
    }

    fn add_visible(&mut self, change: i32) {
        self.cursor.visible = self.cursor.visible.wrapping_add_signed(change);
        self.cursor.owed += change;
        self.len_visible = self.len_visible.wrapping_add_signed(change);
    }

    /// Returns the element right of `place`, with the place spelled as the one before it in its own run.
    pub(super) fn next_element(&self, place: Place) -> Option<(Place, u32, u32)> {
        let mut leaf = &self.leaves[place.leaf as usize];
        let mut place = place;
        if leaf.runs().get(place.idx as usize).is_some_and(|run| run.len() <= place.offset) {
            place = Place { idx: place.idx + 1, offset: 0, ..place };
        }
        while leaf.n <= place.idx {
            if leaf.next == NONE {
                return None;
            }
            place = Place { leaf: leaf.next, idx: 0, offset: 0 };
            leaf = &self.leaves[place.leaf as usize];
        }
        let run = &leaf.runs[place.idx as usize];
        Some((place, run.lamport + place.offset, run.replica))
    }

    /// Finds an element if it is in the run of the cursor, where most edits go on.
    pub(super) fn find_at_cursor(&self, id: ElementId) -> Option<Place> {
        let Cursor { leaf, idx, .. } = self.cursor;
        let run = self.leaves[leaf as usize].runs().get(idx as usize)?;
        let offset = id.seq.wrapping_sub(run.seq);
        (run.replica == id.replica && offset < run.len()).then_some(Place { leaf, idx, offset })
    }

    /// Finds an element in the leaf that the index names.
    pub(super) fn find_in_leaf(&self, leaf: u32, id: ElementId) -> Option<Place> {
        let runs = self.leaves[leaf as usize].runs();
        let idx = runs
            .iter()
            .position(|run| run.replica == id.replica && id.seq.wrapping_sub(run.seq) < run.len())?;
        Some(Place { leaf, idx: idx as u32, offset: id.seq - runs[idx].seq })
    }

    /// Finds an element without an index. O(runs).
    pub(super) fn find_by_scan(&self, id: ElementId) -> Option<Place> {
        let mut leaf = self.first_leaf();
        while leaf != NONE {
            if let Some(place) = self.find_in_leaf(leaf, id) {
                return Some(place);
            }
            leaf = self.leaves[leaf as usize].next;
        }
        None
    }

    /// Lengthens the cursor's run by `run` if that goes on where it ends, at position `at`; returns whether it did.
    pub(super) fn type_on(&mut self, at: u32, run: &Run) -> bool {
        let Cursor { leaf, start, idx, idx_start, .. } = self.cursor;
        let leaf = &mut self.leaves[leaf as usize];
        let Some(last) = leaf.runs[..leaf.n as usize].get_mut(idx as usize) else { return false };
        if start + idx_start + last.n_visible() != at || !last.continues_with(run) {
            return false;
        }
        last.grow(run.len());
        self.add_visible(run.len() as i32);
        true
    }

    /// Inserts `run` at `place`, which is in the cursor's run, and enters it in the index if there is one. The cursor
    /// follows it: what is typed on is looked for there next.
    pub(super) fn insert(&mut self, place: Place, run: Run, index: &mut Option<RunIndex>) {
        debug_assert_eq!((place.leaf, place.idx), (self.cursor.leaf, self.cursor.idx));
        let leaf = &mut self.leaves[place.leaf as usize];
        let idx = place.idx as usize;
        let at_run_end = place.offset == 0 || leaf.runs[idx].len() == place.offset;
        let left_idx = if place.offset == 0 { idx.checked_sub(1) } else { Some(idx) };
        if let Some(left_idx) = left_idx
            && at_run_end
            && leaf.runs[left_idx].continues_with(&run)
        {
            if left_idx < idx {
                self.cursor.idx -= 1;
                self.cursor.idx_start -= leaf.runs[left_idx].len();
            }
            leaf.runs[left_idx].grow(run.len());
            self.add_visible(run.len() as i32);
            return;
        }
        let place = self.make_room(place, if at_run_end { 1 } else { 2 }, index);
        let leaf = &mut self.leaves[place.leaf as usize];
        let idx = place.idx as usize;
        if place.offset == 0 {
            leaf.insert(idx, run);
        } else {
            self.cursor.idx += 1;
            self.cursor.idx_start += visible_offset(leaf.runs(), place);
            leaf.insert(idx + 1, run);
            if !at_run_end {
                let tail = leaf.runs[idx].split_off(place.offset);
                leaf.insert(idx + 2, tail);
            }
        }
        let is_least = run.lamport < leaf.lamport_min;
        if let Some(index) = index {
            index.set(run.replica, run.seq, run.len(), place.leaf);
        }
        if is_least {
            self.lower_lamport_min(place.leaf, run.lamport);
        }
        self.add_visible(run.len() as i32);
    }

    /// Makes `n` visible elements of one run, from `place` on, tombstones. `place` is in the cursor's run.
    pub(super) fn kill(&mut self, place: Place, n: u32, index: &mut Option<RunIndex>) {
        debug_assert_eq!((place.leaf, place.idx), (self.cursor.leaf, self.cursor.idx));
        let leaf = &mut self.leaves[place.leaf as usize];
        let (idx, offset) = (place.idx as usize, place.offset);
        let run = leaf.runs[idx];
        let dead = Run::new(run.replica, run.seq + offset, run.lamport + offset, n).dead();
        let (has_left, has_right) = (0 < offset, offset + n < run.len());
        if !has_left && 0 < idx && leaf.runs[idx - 1].continues_with(&dead) {
            leaf.runs[idx - 1].grow(n);
            leaf.drop_front(idx, n);
            leaf.join_with_next(idx - 1);
        } else if !has_right && idx + 1 < leaf.n as usize && dead.continues_with(&leaf.runs[idx + 1]) {
            let mut joined = dead;
            joined.grow(leaf.runs[idx + 1].len());
            leaf.runs[idx + 1] = joined;
            if has_left {
                leaf.runs[idx].split_off(offset);
            } else {
                leaf.remove(idx);
            }
        } else {
            let n_slots = usize::from(has_left) + usize::from(has_right);
            let place = self.make_room(place, n_slots, index);
            let leaf = &mut self.leaves[place.leaf as usize];
            let mut idx = place.idx as usize;
            if has_left {
                let tail = leaf.runs[idx].split_off(offset);
                idx += 1;
                leaf.insert(idx, tail);
            }
            if has_right {
                let tail = leaf.runs[idx].split_off(n);
                leaf.insert(idx + 1, tail);
            }
            leaf.runs[idx] = dead;
        }
        self.add_visible(-(n as i32));
    }

    /// Makes sure that `n` more runs fit into the leaf of `place`, splitting it if need be, and returns
    /// where the place is afterwards. The cursor follows it.
    fn make_room(&mut self, place: Place, n: usize, index: &mut Option<RunIndex>) -> Place {
        let leaf = &self.leaves[place.leaf as usize];
        if leaf.n as usize + n <= LEAF_RUNS_MAX {
            return place;
        }
        // Writing at the end of a leaf leaves it full: texts are mostly written forward.
        let idx = place.idx as usize;
        let appends = idx + 1 == leaf.n as usize && place.offset == leaf.runs[idx].len();
        let split_at = if appends { leaf.n as usize } else { LEAF_RUNS_MAX / 2 };
        let new_leaf = self.split_leaf(place.leaf, split_at, index);
        let place = match idx.checked_sub(split_at) {
            _ if appends => Place { leaf: new_leaf, idx: 0, offset: 0 },
            Some(idx) => Place { leaf: new_leaf, idx: idx as u32, ..place },
            None => place,
        };
        self.move_cursor_to_leaf(place.leaf);
        self.visible_before(place);
        place
    }

    /// Moves the runs from `split_at` on into a new leaf after `leaf`, and returns it.
    fn split_leaf(&mut self, leaf: u32, split_at: usize, index: &mut Option<RunIndex>) -> u32 {
        self.settle();
        let new_id = self.leaves.len() as u32;
        let old = &mut self.leaves[leaf as usize];
        let mut new = Leaf::new(old.parent);
        new.next = old.next;
        old.next = new_id;
        let n_moved = old.n as usize - split_at;
        new.runs[..n_moved].copy_from_slice(&old.runs[split_at..old.n as usize]);
        new.n = n_moved as u32;
        old.n = split_at as u32;
        old.settle_lamport_min();
        new.settle_lamport_min();
        if let Some(index) = index {
            for run in new.runs() {
                index.set(run.replica, run.seq, run.len(), new_id);
            }
        }
        let moved_visible = new.n_visible();
        let parent = old.parent;
        self.leaves.push(new);
        self.add_sibling(leaf, new_id, moved_visible, parent, 0);
        new_id
    }

    /// Enters `new` right after its sibling `old`, from which `moved` visible elements went over to it.
    /// Both are at `level` (0 for leaves).
    fn add_sibling(&mut self, old: u32, new: u32, moved: u32, parent: u32, level: u32) {
        if parent == NONE {
            let root = self.inners.len() as u32;
            let mut inner = Inner::new(NONE);
            inner.push(old, self.len_visible - moved, self.lamport_min_of(old, level));
            inner.push(new, moved, self.lamport_min_of(new, level));
            self.inners.push(inner);
            self.set_parent(old, level, root);
            self.set_parent(new, level, root);
            self.root = root;
            self.height += 1;
            return;
        }
        let mut target = parent;
        if self.inners[parent as usize].n as usize == INNER_CHILDREN_MAX {
            let right = self.split_inner(parent, level + 1);
            if self.inners[right as usize].children.contains(&old) {
                target = right;
            }
        }
        let mins = [old, new].map(|node| self.lamport_min_of(node, level));
        let inner = &mut self.inners[target as usize];
        let slot = inner.slot_of(old);
        inner.split_child(slot, new, moved);
        inner.set_lamport_min(slot, mins[0]);
        inner.set_lamport_min(slot + 1, mins[1]);
        self.set_parent(new, level, target);
    }

    /// Moves the second half of an inner node's children into a new node after it, and returns it.
    fn split_inner(&mut self, id: u32, level: u32) -> u32 {
        let new_id = self.inners.len() as u32;
        let new = self.inners[id as usize].split_off(INNER_CHILDREN_MAX / 2);
        let (n, moved, parent, children) = (new.n as usize, new.n_visible(), new.parent, new.children);
        self.inners.push(new);
        for &child in &children[..n] {
            self.set_parent(child, level - 1, new_id);
        }
        self.add_sibling(id, new_id, moved, parent, level);
        new_id
    }

    fn set_parent(&mut self, node: u32, level: u32, parent: u32) {
        if level == 0 {
            self.leaves[node as usize].parent = parent;
        } else {
            self.inners[node as usize].parent = parent;
        }
    }
}
