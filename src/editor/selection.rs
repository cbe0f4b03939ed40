//! The caret and the selected text, and how they live through edits made by others.

use std::ops::Range;

use crate::document::TextChange;

/// A selected range with a moving end; empty when it is only a caret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The end that stays when the selection is extended.
    pub anchor: usize,
    /// The end that moves: where the caret is.
    pub head: usize,
    /// The column that vertical motion aims at; set by the first one, cleared by every other motion.
    pub goal: Option<usize>,
}

impl Selection {
    /// Makes a caret.
    pub fn caret(at: usize) -> Selection {
        Selection { anchor: at, head: at, goal: None }
    }

    /// Returns the selected range, lower end first.
    pub fn range(&self) -> Range<usize> {
        self.anchor.min(self.head)..self.anchor.max(self.head)
    }

    /// Returns whether nothing is selected.
    pub fn is_empty(&self) -> bool {
        self.anchor == self.head
    }

    /// Moves both ends through a change made by somebody else. A caret is not pushed by text inserted exactly
    /// at it; a selection does not swallow what is inserted at its edges.
    pub fn shift(&mut self, change: &TextChange) {
        if self.is_empty() {
            *self = Selection { goal: self.goal, ..Selection::caret(shift_left(self.head, change)) };
            return;
        }
        let forward = self.anchor < self.head;
        let Range { start, end } = self.range();
        let (start, end) = (shift_right(start, change), shift_left(end, change));
        // When all that was selected is gone, the edges meet around what was put in its place.
        let start = start.min(end);
        (self.anchor, self.head) = if forward { (start, end) } else { (end, start) };
    }
}

/// Moves a position that stays with the character on its left.
pub fn shift_left(at: usize, change: &TextChange) -> usize {
    if at <= change.at {
        at
    } else if at <= change.at + change.n_deleted {
        // The characters up to here are gone: what replaced them came after whatever is left of `at`.
        change.at
    } else {
        at - change.n_deleted + change.n_inserted
    }
}

/// Moves a position that stays with the character on its right.
pub fn shift_right(at: usize, change: &TextChange) -> usize {
    if at < change.at {
        at
    } else if at < change.at + change.n_deleted {
        change.at + change.n_inserted
    } else {
        at - change.n_deleted + change.n_inserted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(at: usize, n_deleted: usize, n_inserted: usize) -> TextChange {
        TextChange { at, n_deleted, n_inserted }
    }

    #[track_caller]
    fn check(before: (usize, usize), by: TextChange, after: (usize, usize)) {
        let mut selection = Selection { anchor: before.0, head: before.1, goal: None };
        selection.shift(&by);
        assert_eq!((selection.anchor, selection.head), after);
    }

    #[test]
    fn a_caret_is_not_pushed_by_text_put_exactly_there() {
        check((5, 5), change(5, 0, 3), (5, 5));
        check((5, 5), change(4, 0, 3), (8, 8));
        check((5, 5), change(6, 0, 3), (5, 5));
    }

    #[test]
    fn a_caret_inside_deleted_text_goes_to_its_start() {
        check((5, 5), change(2, 6, 0), (2, 2));
        check((5, 5), change(2, 3, 0), (2, 2));
        check((5, 5), change(2, 1, 0), (4, 4));
        check((5, 5), change(5, 2, 0), (5, 5));
    }

    #[test]
    fn a_selection_does_not_swallow_text_at_its_edges() {
        check((3, 6), change(3, 0, 2), (5, 8));
        check((3, 6), change(6, 0, 2), (3, 6));
        check((6, 3), change(3, 0, 2), (8, 5));
        check((3, 6), change(4, 0, 2), (3, 8));
    }

    #[test]
    fn a_selection_shrinks_with_its_text() {
        check((3, 6), change(2, 2, 0), (2, 4));
        check((3, 6), change(5, 5, 0), (3, 5));
        check((3, 6), change(2, 9, 0), (2, 2));
        check((3, 6), change(2, 9, 4), (2, 2));
    }
}
