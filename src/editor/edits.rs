//! Several edits at once: how they are made, and how the selections live through them.

use std::ops::Range;

use ropey::Rope;

use crate::base::time::MonoTime;
use crate::document::Bias;

use super::Model;
use super::edit::Kind;
use super::selection::Selection;

/// One replacement, in characters of the text before any of its list is made. A list is in order and without overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    /// What goes.
    pub range: Range<usize>,
    /// What comes.
    pub text: String,
}

impl Edit {
    /// Puts a text somewhere.
    pub fn insert(at: usize, text: impl Into<String>) -> Edit {
        Edit { range: at..at, text: text.into() }
    }

    /// Takes a range away.
    pub fn delete(range: Range<usize>) -> Edit {
        Edit { range, text: String::new() }
    }
}

/// Returns where a place is after the edits. Text that is put exactly there pushes it with `Bias::Right` only.
pub(crate) fn carry(at: usize, edits: &[Edit], bias: Bias) -> usize {
    let (mut inserted, mut deleted) = (0, 0);
    for Edit { range, text } in edits {
        let is_before = range.end < at || (range.end == at && (bias == Bias::Right || !range.is_empty()));
        if is_before {
            inserted += text.chars().count();
            deleted += range.len();
        } else if range.start < at {
            // Inside of what goes: at its start, before what comes.
            return at - (at - range.start) + inserted - deleted;
        } else {
            break;
        }
    }
    at + inserted - deleted
}

impl Model {
    /// Makes edits, from the last to the first; what cannot be made is told. Selections are not touched.
    pub(crate) fn make(&mut self, edits: &[Edit], now: MonoTime) {
        for Edit { range, text } in edits.iter().rev() {
            if let Err(error) = self.change(range.clone(), text) {
                self.notify(format!("not done: {error}"), now);
                break;
            }
        }
        self.revision += 1;
    }

    /// Makes edits as one step of undo, and carries every selection along. Text put exactly at a caret pushes it.
    pub(crate) fn make_whole(&mut self, edits: &[Edit], now: MonoTime) {
        self.make_biased(edits, Bias::Right, now);
    }

    /// As `make_whole`, with the side on which selections hold on to their text.
    pub(crate) fn make_biased(&mut self, edits: &[Edit], bias: Bias, now: MonoTime) {
        if edits.is_empty() || !self.may_edit(now) {
            return;
        }
        self.end_run();
        self.begin_step();
        let carried = |s: &Selection| Selection {
            anchor: carry(s.anchor, edits, bias),
            head: carry(s.head, edits, bias),
            goal: None,
        };
        let (primary, others) = (carried(&self.selection), self.others.iter().map(carried).collect());
        let (before, n_groups) = (self.marks_before(edits), self.document.n_undo_groups());
        self.make(edits, now);
        (self.selection, self.others) = (primary, others);
        self.clamp_selections();
        self.note_step(before, n_groups);
    }

    /// Makes one edit for each selection and leaves a caret behind what came. Edits that would overlap share what they
    /// have in common.
    pub(crate) fn edit_each(
        &mut self,
        kind: Kind,
        now: MonoTime,
        edit: impl Fn(&Rope, &Selection, usize) -> Edit,
    ) {
        let (selections, primary) = self.selections();
        let rope = self.document.rope();
        let mut edits: Vec<Edit> = Vec::with_capacity(selections.len());
        for (n, selection) in selections.iter().enumerate() {
            let mut edit = edit(rope, selection, n);
            let free_from = edits.last().map_or(0, |before| before.range.end);
            edit.range.start = edit.range.start.max(free_from);
            edit.range.end = edit.range.end.max(edit.range.start);
            edits.push(edit);
        }
        if edits.iter().all(|edit| edit.range.is_empty() && edit.text.is_empty()) || !self.may_edit(now) {
            return;
        }
        let Edit { range, text } = &edits[primary];
        self.group(range, text, kind, now);
        let (before, n_groups) = (self.marks_before(&edits), self.document.n_undo_groups());
        self.make(&edits, now);
        let mut shift = 0_isize;
        let carets = edits.iter().map(|Edit { range, text }| {
            let n_inserted = text.chars().count();
            let at = range.start.saturating_add_signed(shift) + n_inserted;
            shift += n_inserted as isize - range.len() as isize;
            Selection::caret(at)
        });
        let carets = carets.collect();
        self.set_selections(carets, primary);
        self.clamp_selections();
        self.note_step(before, n_groups);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_live_through_edits() {
        let edits = [Edit::insert(2, "xx"), Edit::delete(4..6), Edit { range: 8..9, text: "yyy".into() }];
        let carried = |at, bias| carry(at, &edits, bias);
        assert_eq!(
            [0, 2, 3, 4, 5, 6, 8, 9, 12].map(|at| carried(at, Bias::Right)),
            [0, 4, 5, 6, 6, 6, 8, 11, 14]
        );
        assert_eq!(carried(2, Bias::Left), 2);
    }
}
