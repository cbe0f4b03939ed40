//! Where several carets were before and after a step of undo, so that undo and redo put them back there.

use std::ops::Range;

use crate::document::{Anchor, Bias};

use super::Model;
use super::edits::Edit;
use super::selection::Selection;

/// Steps whose carets are remembered.
const STEPS_MAX: usize = 100;

/// Selections as places that others' edits do not move: anchor and head of each, the primary one first.
pub(crate) type Marks = Vec<(Anchor, Anchor)>;

/// A step of undo that was made with several carets.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// How many groups of edits there are to be taken back, with it.
    n_groups: usize,
    before: Marks,
    after: Marks,
}

impl Model {
    /// Returns where the selections are before edits are made, if there are several.
    pub(crate) fn marks_before(&self, edits: &[Edit]) -> Marks {
        let is_several = !self.others.is_empty() && !self.settings.is_vim;
        let ranges: Vec<&Range<usize>> =
            edits.iter().map(|edit| &edit.range).filter(|_| is_several).collect();
        // A place holds on to the side that stays.
        let bias = |at: usize| {
            let first = ranges.partition_point(|range| range.end < at);
            let goes = ranges.get(first).is_some_and(|range| range.start < at);
            if goes { Bias::Right } else { Bias::Left }
        };
        if is_several { self.marks(bias) } else { Marks::new() }
    }

    fn marks(&self, bias: impl Fn(usize) -> Bias) -> Marks {
        let mark = |at: usize| self.document.anchor(at, bias(at));
        let all = std::iter::once(&self.selection).chain(&self.others);
        all.map(|selection| (mark(selection.anchor), mark(selection.head))).collect()
    }

    /// A group of edits begins that is the last to be taken back: what is remembered of those after it is of others.
    pub(crate) fn forget_steps_from(&mut self, n_groups: usize) {
        while self.steps.last().is_some_and(|step| n_groups <= step.n_groups) {
            self.steps.pop();
        }
    }

    /// Remembers where the selections were before edits that were just made, and where they are now. `n_before` is how many
    /// groups there were before.
    pub(crate) fn note_step(&mut self, before: Marks, n_before: usize) {
        if before.is_empty() {
            return;
        }
        let (n_groups, after) = (self.document.n_undo_groups(), self.marks(|_| Bias::Right));
        match self.steps.last_mut() {
            Some(step) if n_groups == n_before && step.n_groups == n_groups => step.after = after,
            _ if n_before < n_groups => {
                self.steps.push(Step { n_groups, before, after });
                let n_more = self.steps.len().saturating_sub(STEPS_MAX);
                self.steps.drain(..n_more);
            }
            _ => {}
        }
    }

    /// After undo, or redo: puts several carets back where they were before the step, or after it. Returns whether it had several.
    pub(crate) fn restore_carets(&mut self, redo: bool) -> bool {
        let n_groups = self.document.n_undo_groups() + usize::from(!redo);
        let Some(step) = self.steps.iter().find(|step| step.n_groups == n_groups) else { return false };
        let place = |anchor: Anchor| self.document.resolve(anchor);
        let marks = if redo { &step.after } else { &step.before };
        let selections = marks.iter().filter_map(|&(anchor, head)| {
            Some(Selection { anchor: place(anchor)?, head: place(head)?, goal: None })
        });
        let selections: Vec<Selection> = selections.collect();
        let is_any = !selections.is_empty();
        if is_any {
            self.set_selections(selections, 0);
        }
        is_any
    }
}
