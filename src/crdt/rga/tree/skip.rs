//! Where elements with small timestamps are: what a new one must pass is skipped by whole leaves and nodes.

use super::node::NONE;
use super::{Place, Tree};
use crate::crdt::rga::Run;

impl Tree {
    /// Returns the place before the first leaf after `leaf` that may have an element with a timestamp up to `lamport`, or the end:
    /// all elements in between have greater ones. O(log runs).
    pub(in crate::crdt::rga) fn next_leaf_up_to(&self, leaf: u32, lamport: u32) -> Place {
        let (mut child, mut parent, mut level) = (leaf, self.leaves[leaf as usize].parent, 0);
        while parent != NONE {
            let inner = &self.inners[parent as usize];
            if let Some(slot) = inner.slot_up_to(lamport, inner.slot_of(child) + 1) {
                let leaf = self.first_leaf_up_to(inner.children[slot], level, lamport);
                return Place { leaf, idx: 0, offset: 0 };
            }
            (child, parent, level) = (parent, inner.parent, level + 1);
        }
        self.end()
    }

    /// Returns the first leaf below `node` that may have such an element, or one before it.
    fn first_leaf_up_to(&self, mut node: u32, level: u32, lamport: u32) -> u32 {
        for _ in 0..level {
            let inner = &self.inners[node as usize];
            node = inner.children[inner.slot_up_to(lamport, 0).unwrap_or(0)];
        }
        node
    }

    /// Returns the place after everything.
    fn end(&self) -> Place {
        let mut leaf = self.root;
        for _ in 0..self.height {
            let inner = &self.inners[leaf as usize];
            leaf = inner.children[inner.n as usize - 1];
        }
        let runs = self.leaves[leaf as usize].runs();
        let last = runs.len().saturating_sub(1);
        Place { leaf, idx: last as u32, offset: runs.get(last).map_or(0, Run::len) }
    }

    /// Returns whether all elements of a leaf have timestamps greater than `lamport`.
    pub(in crate::crdt::rga) fn is_greater(&self, leaf: u32, lamport: u32) -> bool {
        lamport < self.leaves[leaf as usize].lamport_min
    }

    /// Returns a timestamp than which none below a node at `level` is smaller.
    pub(super) fn lamport_min_of(&self, node: u32, level: u32) -> u32 {
        match level {
            0 => self.leaves[node as usize].lamport_min,
            _ => self.inners[node as usize].lamport_min(),
        }
    }

    /// Takes in that a leaf has a smaller timestamp than it had.
    #[cold]
    pub(super) fn lower_lamport_min(&mut self, leaf: u32, lamport: u32) {
        self.leaves[leaf as usize].lamport_min = lamport;
        let (mut child, mut parent) = (leaf, self.leaves[leaf as usize].parent);
        while parent != NONE {
            let inner = &mut self.inners[parent as usize];
            let slot = inner.slot_of(child);
            if inner.lamport_min_of(slot) <= lamport {
                return;
            }
            inner.set_lamport_min(slot, lamport);
            (child, parent) = (parent, inner.parent);
        }
    }
}
