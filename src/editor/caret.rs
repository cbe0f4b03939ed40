//! Moving the caret, and keeping it on the screen.

use super::column::{self, at_column, column_of, line_end};
use super::command::Motion;
use super::selection::Selection;
use super::{Model, grapheme};

impl Model {
    /// Moves the caret; `extend` keeps the other end of the selection.
    pub(crate) fn move_caret(&mut self, motion: Motion, extend: bool) {
        let before = self.selection;
        let rope = self.document.rope();
        let mut goal = None;
        let head = match motion {
            // Without Shift, an arrow first collapses a selection to its edge.
            Motion::Left if !extend && !before.is_empty() => before.range().start,
            Motion::Right if !extend && !before.is_empty() => before.range().end,
            Motion::Left => grapheme::prev(rope, before.head),
            Motion::Right => grapheme::next(rope, before.head),
            Motion::WordLeft => grapheme::prev_word(rope, before.head),
            Motion::WordRight => grapheme::next_word(rope, before.head),
            Motion::LineStart => self.smart_home(),
            Motion::LineEnd => line_end(rope, rope.char_to_line(before.head)),
            Motion::TextStart => 0,
            Motion::TextEnd => rope.len_chars(),
            Motion::Up | Motion::Down | Motion::PageUp | Motion::PageDown => {
                let column = before.goal.unwrap_or_else(|| column_of(rope, before.head));
                goal = Some(column);
                self.vertical(motion, column)
            }
        };
        let anchor = if extend { before.anchor } else { head };
        self.selection = Selection { anchor, head, goal };
        self.end_run();
    }

    /// The first character that is not blank, or the line's start when already there.
    fn smart_home(&self) -> usize {
        let rope = self.document.rope();
        let start = rope.line_to_char(rope.char_to_line(self.selection.head));
        let n_blank = rope.chars_at(start).take_while(|c| matches!(c, ' ' | '\t')).count();
        if self.selection.head == start + n_blank { start } else { start + n_blank }
    }

    fn vertical(&mut self, motion: Motion, column: usize) -> usize {
        let page = usize::from(self.layout().text_rows).saturating_sub(1).max(1);
        let (line, n_lines) = (self.line(), self.rope().len_lines());
        let target = match motion {
            Motion::Up => line.checked_sub(1),
            Motion::Down => Some(line + 1).filter(|&l| l < n_lines),
            Motion::PageUp => {
                self.scroll.top = self.scroll.top.saturating_sub(page);
                (0 < line).then(|| line.saturating_sub(page))
            }
            _ => {
                self.scroll.top = (self.scroll.top + page).min(n_lines - 1);
                (line + 1 < n_lines).then(|| (line + page).min(n_lines - 1))
            }
        };
        match (target, motion) {
            (Some(line), _) => at_column(self.rope(), line, column),
            (None, Motion::Up | Motion::PageUp) => 0,
            (None, _) => self.rope().len_chars(),
        }
    }

    /// Returns the caret's line, from 0.
    pub(crate) fn line(&self) -> usize {
        self.rope().char_to_line(self.selection.head)
    }

    /// Returns the position of a line and a column, both from 1 and clamped.
    pub(crate) fn position_of(&self, line: usize, column: usize) -> usize {
        let rope = self.rope();
        let line = line.clamp(1, rope.len_lines()) - 1;
        let at = (rope.line_to_char(line) + column.max(1) - 1).min(line_end(rope, line));
        grapheme::floor(rope, at)
    }

    /// Scrolls so that the caret's line is in the middle, unless it is on the screen anyway.
    pub(crate) fn center(&mut self) {
        let rows = usize::from(self.layout().text_rows).max(1);
        let line = self.line();
        if line < self.scroll.top || self.scroll.top + rows <= line {
            self.scroll.top = line.saturating_sub(rows / 2);
        }
    }

    /// Scrolls as little as needed for the caret to be on the screen.
    pub(crate) fn keep_caret_visible(&mut self) {
        let layout = self.layout();
        let rows = usize::from(layout.text_rows).max(1);
        let line = self.line();
        self.scroll.top = self.scroll.top.min(line).max((line + 1).saturating_sub(rows));
        let width = usize::from(layout.text_columns).max(1);
        let rope = self.document.rope();
        let column = column_of(rope, self.selection.head);
        // Sideways in steps: a redraw of every row for each character typed would cost more than it shows.
        let step = (width / 4).clamp(1, 16);
        if column < self.scroll.left {
            self.scroll.left = column.saturating_sub(step);
        } else if self.scroll.left + width <= column {
            self.scroll.left = column + step.min(width - 1) + 1 - width;
        }
        if column::is_long(rope, line) {
            self.keep_caret_visible_in_long_line(line, width);
        }
    }

    /// In a long line a column is a character, which may be wider than a cell.
    fn keep_caret_visible_in_long_line(&mut self, line: usize, width: usize) {
        let rope = self.document.rope();
        let start = rope.line_to_char(line);
        let head = self.selection.head;
        let mut left = (start + self.scroll.left).min(head);
        while left < head && width <= column::cells_between(rope, left, head) {
            left += (head - left).div_ceil(2);
        }
        self.scroll.left = grapheme::floor(rope, left) - start;
    }

    /// Returns the position that is drawn in a line at a column of the text area, `x` from its left edge.
    pub(crate) fn position_in(&self, x: usize, line: usize) -> usize {
        let rope = self.rope();
        let line = line.min(rope.len_lines() - 1);
        if column::is_long(rope, line) {
            let end = line_end(rope, line);
            let left = grapheme::floor(rope, (rope.line_to_char(line) + self.scroll.left).min(end));
            return column::at_cell(rope, left, end, x);
        }
        at_column(rope, line, self.scroll.left + x)
    }
}
