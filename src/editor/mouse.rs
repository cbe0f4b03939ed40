//! The mouse: click, drag, double click for a word, triple for a line, wheel.

use crate::base::time::MonoTime;

use super::column::column_of;
use super::key::{Mouse, MouseKind};
use super::selection::Selection;
use super::wrap::Place;
use super::{Effect, Model, grapheme};

/// Milliseconds within which a further click at the same cell counts as the next of a series.
const SERIES_MS: u64 = 400;

/// Rows that one notch of the wheel scrolls.
const WHEEL_ROWS: isize = 3;

/// The series of clicks that is going on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clicks {
    at: MonoTime,
    cell: (u16, u16),
    n: u8,
    /// What the first click of a drag selected; a drag extends from there.
    first: (usize, usize),
    /// Whether the button went down on the bar at the right edge.
    is_on_bar: bool,
    /// The line and the column of the press.
    place: (usize, usize),
}

impl Model {
    /// Works a mouse event in. Returns whether the caret may be off the screen afterwards, as after the wheel.
    pub(crate) fn mouse(&mut self, mouse: Mouse, now: MonoTime, effects: &mut Vec<Effect>) -> bool {
        let layout = self.layout();
        if mouse.kind == MouseKind::Press {
            self.word = None;
            self.clicks.is_on_bar = layout.scrollbar == Some(mouse.x);
        }
        if self.clicks.is_on_bar && matches!(mouse.kind, MouseKind::Press | MouseKind::Drag) {
            self.scroll_to_share(mouse.y.saturating_sub(layout.text_top), layout.text_rows);
            return true;
        }
        if mouse.kind == MouseKind::Press && layout.prompt == Some(mouse.y) {
            self.prompt_press(mouse.x, now, effects);
            return true;
        }
        match mouse.kind {
            MouseKind::WheelUp => self.scroll_by(-WHEEL_ROWS),
            MouseKind::WheelDown => self.scroll_by(WHEEL_ROWS),
            MouseKind::Release => {}
            MouseKind::Press | MouseKind::Drag => {
                let below = layout.text_top + layout.text_rows;
                if mouse.kind == MouseKind::Press && !(layout.text_top..below).contains(&mouse.y) {
                    return true;
                }
                let x = usize::from(mouse.x.saturating_sub(layout.gutter));
                // A drag past the first or the last row goes on into the text that is not shown: the view follows.
                let rows = i32::from(mouse.y.min(below)) - i32::from(layout.text_top);
                let place = self.row_from(self.top(), rows as isize);
                let at = self.position_in(x, place);
                self.end_run();
                match mouse.kind {
                    MouseKind::Press => self.press(mouse, at, now),
                    _ if mouse.alt => self.drag_column(x, place.line),
                    _ => self.drag(mouse, at),
                }
                return false;
            }
        }
        true
    }

    /// Shows the part of the text for which a row of the bar stands.
    fn scroll_to_share(&mut self, row: u16, rows: u16) {
        let (row, rows) = (usize::from(row.min(rows.saturating_sub(1))), usize::from(rows).max(1));
        let line = (row * self.rope().len_lines() + rows / 2) / rows;
        self.set_top(Place { line: line.saturating_sub(rows / 2).min(self.rope().len_lines() - 1), row: 0 });
    }

    fn press(&mut self, mouse: Mouse, at: usize, now: MonoTime) {
        let cell = (mouse.x, mouse.y);
        let continues =
            self.clicks.cell == cell && now.since(self.clicks.at).0 < SERIES_MS && self.clicks.n < 3;
        let n = if continues { self.clicks.n + 1 } else { 1 };
        let first = self.unit(n, at);
        let rope = self.rope();
        let place = (rope.char_to_line(at), column_of(rope, at, self.tab_width));
        self.clicks = Clicks { at: now, cell, n, first, is_on_bar: false, place };
        if mouse.alt {
            return self.alt_press(at);
        }
        let anchor = if mouse.shift { self.selection.anchor } else { first.0 };
        self.select(Selection { anchor, head: first.1, goal: None });
    }

    /// Adds a caret, or takes away the one that is there.
    fn alt_press(&mut self, at: usize) {
        let n_before = self.others.len();
        self.others.retain(|other| *other != Selection::caret(at));
        if self.others.len() == n_before && self.selection != Selection::caret(at) {
            self.add_selection(Selection::caret(at));
        }
    }

    /// Selects the column between the press and here.
    fn drag_column(&mut self, x: usize, line: usize) {
        self.select_column(self.clicks.place, (line, self.scroll.left + x));
    }

    fn drag(&mut self, mouse: Mouse, at: usize) {
        // A terminal repeats the cell of the press; that is no drag.
        if self.clicks.cell == (mouse.x, mouse.y) && self.clicks.n == 1 && self.selection.is_empty() {
            return;
        }
        let (start, end) = self.unit(self.clicks.n, at);
        // The text may have shrunk while the button was down.
        let last = self.rope().len_chars();
        let first = (self.clicks.first.0.min(last), self.clicks.first.1.min(last));
        let (anchor, head) = if at < first.0 { (first.1, start) } else { (first.0, end.max(first.1)) };
        let (anchor, head) = if self.clicks.n <= 1 { (first.0, at) } else { (anchor, head) };
        self.select(Selection { anchor, head, goal: None });
    }

    /// What the n-th click selects.
    fn unit(&self, n: u8, at: usize) -> (usize, usize) {
        let rope = self.rope();
        match n {
            2 => grapheme::word_at(rope, at),
            3 => {
                let line = rope.char_to_line(at);
                (rope.line_to_char(line), rope.line_to_char((line + 1).min(rope.len_lines())))
            }
            _ => (at, at),
        }
    }
}
