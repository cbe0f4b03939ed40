//! The place of the last edit.

use super::node::INNER_CHILDREN_MAX;

/// Levels of inner nodes that any tree has at most: a node that was split is half full.
pub(super) const LEVELS_MAX: usize = 32usize.div_ceil((INNER_CHILDREN_MAX / 2).ilog2() as usize);

/// A child on the way to the cursor's leaf.
#[derive(Clone, Copy, Default)]
pub(super) struct Step {
    pub node: u32,
    pub slot: u32,
}

/// The leaf of the last edit, and the run in it that was looked for last; edits keep to both.
#[derive(Clone, Copy)]
pub(super) struct Cursor {
    pub leaf: u32,
    /// Visible elements before the leaf.
    pub start: u32,
    /// Visible elements in the leaf.
    pub visible: u32,
    /// What the counts above the leaf lack.
    pub owed: i32,
    pub idx: u32,
    /// Visible elements in the leaf before the run.
    pub idx_start: u32,
}

impl Cursor {
    pub fn at(leaf: u32, start: u32, visible: u32) -> Cursor {
        Cursor { leaf, start, visible, owed: 0, idx: 0, idx_start: 0 }
    }

    /// Returns whether the visible element at `at` is in the cursor's leaf.
    pub fn covers(&self, at: u32) -> bool {
        at.wrapping_sub(self.start) < self.visible
    }
}
