//! Moving the caret, and keeping it on the screen.

use ropey::Rope;

use super::column::{self, at_column, column_of, line_end};
use super::command::Motion;
use super::selection::Selection;
use super::wrap::Place;
use super::{Model, bracket, grapheme};

/// The first character of the line that is not blank, or the line's start when already there.
fn smart_home(rope: &Rope, at: usize) -> usize {
    let start = rope.line_to_char(rope.char_to_line(at));
    let n_blank = rope.chars_at(start).take_while(|c| matches!(c, ' ' | '\t')).count();
    if at == start + n_blank { start } else { start + n_blank }
}

impl Model {
    /// Moves every caret; `extend` keeps the other ends of the selections.
    pub(crate) fn move_caret(&mut self, motion: Motion, extend: bool) {
        let page = usize::from(self.layout().text_rows).saturating_sub(1).max(1);
        self.each_selection(|model, before| model.moved(before, motion, extend, page));
        let by = match motion {
            Motion::PageUp => -(page as isize),
            Motion::PageDown => page as isize,
            _ => 0,
        };
        self.scroll_by(by);
        self.end_run();
    }

    /// Scrolls by so many rows, down or up.
    pub(crate) fn scroll_by(&mut self, rows: isize) {
        if rows != 0 {
            self.set_top(self.row_from(self.top(), rows));
        }
    }

    /// Returns where a caret goes that moves by so many rows and keeps its column, which is returned too.
    pub(crate) fn moved_rows(&self, before: Selection, by: isize) -> (usize, Option<usize>) {
        let (rope, head) = (self.rope(), before.head);
        if !self.is_wrapped() {
            let column = before.goal.unwrap_or_else(|| column_of(rope, head, self.tab_width));
            let (line, last) = (rope.char_to_line(head), rope.len_lines() - 1);
            let at = match line.saturating_add_signed(by).min(last) {
                to if to == line && by < 0 => 0,
                to if to == line => rope.len_chars(),
                to => at_column(rope, to, column, self.tab_width),
            };
            return (at, Some(column));
        }
        let (from, row) = self.place_of(head);
        let x = before.goal.unwrap_or_else(|| row.cells_before(rope, head, self.tab_width));
        let at = match self.row_from(from, by) {
            to if to == from && by < 0 => 0,
            to if to == from => rope.len_chars(),
            to => self.position_on(to, x),
        };
        (at, Some(x))
    }

    /// Returns a selection after a motion; `page` is how many rows a page is.
    pub(crate) fn moved(&self, before: Selection, motion: Motion, extend: bool, page: usize) -> Selection {
        let rope = self.document.rope();
        let head = before.head;
        let mut goal = None;
        let mut vertical = |by: isize| {
            let (at, column) = self.moved_rows(before, by);
            goal = column;
            at
        };
        let head = match motion {
            // Without Shift, an arrow first collapses a selection to its edge.
            Motion::Left if !extend && !before.is_empty() => before.range().start,
            Motion::Right if !extend && !before.is_empty() => before.range().end,
            Motion::Left => grapheme::prev(rope, head),
            Motion::Right => grapheme::next(rope, head),
            Motion::WordLeft => grapheme::prev_word(rope, head),
            Motion::WordRight => grapheme::next_word(rope, head),
            Motion::LineStart => smart_home(rope, head),
            Motion::LineEnd => line_end(rope, rope.char_to_line(head)),
            Motion::TextStart => 0,
            Motion::TextEnd => rope.len_chars(),
            Motion::Bracket => bracket::counterpart(rope, head).unwrap_or(head),
            Motion::Up => vertical(-1),
            Motion::Down => vertical(1),
            Motion::PageUp => vertical(-(page as isize)),
            Motion::PageDown => vertical(page as isize),
        };
        let anchor = if extend { before.anchor } else { head };
        Selection { anchor, head, goal }
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

    /// Scrolls so that the caret's row is in the middle, unless it is on the screen anyway.
    pub(crate) fn center(&mut self) {
        let rows = usize::from(self.layout().text_rows).max(1);
        let (place, _) = self.place_of(self.selection.head);
        if self.rows_between(self.top(), place, rows).is_none() {
            self.set_top(self.row_from(place, -((rows / 2) as isize)));
        }
    }

    /// Scrolls as little as needed for the caret to be on the screen.
    pub(crate) fn keep_caret_visible(&mut self) {
        let layout = self.layout();
        let rows = usize::from(layout.text_rows).max(1);
        let line = self.line();
        let (place, top) = (self.place_of(self.selection.head).0, self.top());
        self.set_top(match self.rows_between(top, place, rows) {
            Some(_) => top,
            None if place < top => place,
            None => self.row_from(place, 1 - rows as isize),
        });
        if self.is_wrapped() && !column::is_long(self.rope(), line) {
            self.scroll.left = 0;
            return;
        }
        let width = usize::from(layout.text_columns).max(1);
        let rope = self.document.rope();
        let column = column_of(rope, self.selection.head, self.tab_width);
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
        while left < head && width <= column::cells_between(rope, left, head, self.tab_width) {
            left += (head - left).div_ceil(2);
        }
        self.scroll.left = grapheme::floor(rope, left) - start;
    }

    /// Returns the position that is drawn at a column of the text area, `x` from its left edge, on a row of the text.
    pub(crate) fn position_in(&self, x: usize, place: Place) -> usize {
        let rope = self.rope();
        if column::is_long(rope, place.line) {
            let end = line_end(rope, place.line);
            let left = grapheme::floor(rope, (rope.line_to_char(place.line) + self.scroll.left).min(end));
            return column::at_cell(rope, left, end, x, self.tab_width);
        }
        if self.is_wrapped() {
            self.position_on(place, x)
        } else {
            at_column(rope, place.line, self.scroll.left + x, self.tab_width)
        }
    }
}
