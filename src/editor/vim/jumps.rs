//! Places that the caret left to go far, and back to them.

use crate::document::{Anchor, Bias};
use crate::editor::Model;
use crate::editor::selection::Selection;

use super::Mode;

/// Places that are kept to go back to.
const JUMPS_MAX: usize = 100;

impl Model {
    /// Notes where the caret is before it goes far.
    pub(super) fn vim_note_jump(&mut self) {
        let here = self.document.anchor(self.selection.head, Bias::Left);
        self.vim.marks.insert('\'', here);
        self.vim.marks.insert('`', here);
        // A line is in the list once, where it was left last.
        let line = self.line();
        let (document, rope) = (&self.document, self.document.rope());
        let is_elsewhere =
            |mark: &Anchor| document.resolve(*mark).is_some_and(|at| rope.char_to_line(at) != line);
        self.vim.jumps.retain(is_elsewhere);
        self.vim.jumps.push(here);
        let n_over = self.vim.jumps.len().saturating_sub(JUMPS_MAX);
        self.vim.jumps.drain(..n_over);
        self.vim.jump = self.vim.jumps.len();
    }

    /// Goes back to where the caret was before it went far, or forward again.
    pub(super) fn vim_jump(&mut self, is_back: bool, n: usize) -> bool {
        let to = if is_back { self.vim.jump.checked_sub(n) } else { Some(self.vim.jump + n) };
        let Some(to) = to.filter(|&to| to < self.vim.jumps.len()) else { return false };
        let Some(at) = self.document.resolve(self.vim.jumps[to]) else { return false };
        if self.vim.jump == self.vim.jumps.len() {
            let n_before = self.vim.jumps.len();
            self.vim_note_jump();
            // The line may have been in the list already.
            let to = (to + self.vim.jumps.len()).saturating_sub(n_before + 1);
            self.vim.jump = to;
        } else {
            self.vim.jump = to;
        }
        self.vim_place(at);
        self.center();
        true
    }

    /// Moves the caret, or the end of the selection in visual mode.
    pub(super) fn vim_place(&mut self, at: usize) {
        match self.vim.mode {
            Mode::Visual(_) => self.vim_extend(at),
            _ => self.select(Selection::caret(at)),
        }
    }
}
