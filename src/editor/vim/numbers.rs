//! Ctrl-A and Ctrl-X: adding to numbers in the text.

use std::ops::Range;

use ropey::Rope;

use crate::base::time::MonoTime;
use crate::document::Bias;
use crate::editor::Model;
use crate::editor::column::line_end;
use crate::editor::edits::{Edit, carry};
use crate::editor::selection::Selection;

use super::Mode;
use super::motion::Shape;

impl Model {
    /// Adds to the number at or after the caret in its line, or to the first of each selected line: with `is_growing` more for
    /// each.
    pub(super) fn vim_add(&mut self, by: i64, is_growing: bool, now: MonoTime) -> bool {
        if !self.may_edit(now) {
            return false;
        }
        self.vim.is_change = true;
        let rope = self.rope();
        let pieces: Vec<Range<usize>> = match self.vim.mode {
            Mode::Visual(Shape::Block) => self.vim_block(),
            Mode::Visual(shape) => {
                let span = self.vim_span();
                let span = if shape == Shape::Lines { self.vim_whole_lines(&span) } else { span };
                let last = rope.char_to_line(span.end.saturating_sub(1).max(span.start));
                let of_line =
                    |line: usize| span.start.max(rope.line_to_char(line))..span.end.min(line_end(rope, line));
                (rope.char_to_line(span.start)..=last).map(of_line).collect()
            }
            _ => {
                let line = self.line();
                let range =
                    number_at(rope, rope.line_to_char(line), self.selection.head, line_end(rope, line));
                let Some(edit) = range.and_then(|range| added(rope, range, by)) else { return false };
                let at = edit.range.start + edit.text.chars().count() - 1;
                self.make_whole(&[edit], now);
                self.select(Selection::caret(at));
                return true;
            }
        };
        let start = pieces[0].start;
        let (mut edits, mut n) = (Vec::new(), 0);
        for piece in pieces {
            // What is not selected of a number does not count.
            let found = number_at(rope, piece.start, piece.start, piece.end);
            let more = if is_growing { by.saturating_mul(n + 1) } else { by };
            if let Some(edit) = found.and_then(|range| added(rope, range, more)) {
                edits.push(edit);
                n += 1;
            }
        }
        let at = carry(start, &edits, Bias::Left);
        self.make_biased(&edits, Bias::Left, now);
        self.vim_leave_visual();
        self.select(Selection::caret(at));
        !edits.is_empty()
    }
}

/// Returns the number that `head` is in or before, within a part of a line: with its sign, or hexadecimal with `0x`.
fn number_at(rope: &Rope, start: usize, head: usize, end: usize) -> Option<Range<usize>> {
    let at = |at: usize| rope.get_char(at);
    let is = |place: usize, test: fn(&char) -> bool| place < end && at(place).as_ref().is_some_and(test);
    // From the start of what may be a hexadecimal number.
    let mut from = head;
    while start < from && is(from - 1, char::is_ascii_hexdigit) {
        from -= 1;
    }
    if start < from && is(from - 1, |c| matches!(c, 'x' | 'X')) {
        from -= 1;
    }
    if is(from, |c| matches!(c, 'x' | 'X')) && start < from && at(from - 1) == Some('0') {
        from -= 1;
    }
    let hex_end = |first: usize| {
        let is_hex = at(first) == Some('0')
            && is(first + 1, |c| matches!(c, 'x' | 'X'))
            && is(first + 2, char::is_ascii_hexdigit);
        is_hex.then(|| (first + 2..end).find(|&at| !is(at, char::is_ascii_hexdigit)).unwrap_or(end))
    };
    for first in (from..end).filter(|&first| is(first, char::is_ascii_digit)) {
        if let Some(last) = hex_end(first).filter(|&last| head < last) {
            return Some(first..last);
        }
        let last = (first..end).find(|&at| !is(at, char::is_ascii_digit)).unwrap_or(end);
        if head < last {
            let first =
                (start..first).rev().take_while(|&at| is(at, char::is_ascii_digit)).last().unwrap_or(first);
            let is_sign = start < first && at(first - 1) == Some('-');
            return Some(first - usize::from(is_sign)..last);
        }
    }
    None
}

/// Returns the edit that adds to a number; zeros before it stay.
fn added(rope: &Rope, range: Range<usize>, by: i64) -> Option<Edit> {
    let before = rope.slice(range.clone()).to_string();
    if let Some(digits) = before.strip_prefix("0x").or_else(|| before.strip_prefix("0X")) {
        let number = u64::from_str_radix(digits, 16).ok()?.wrapping_add_signed(by);
        let wide = digits.len();
        let is_upper = digits.chars().rev().find(char::is_ascii_alphabetic).is_some_and(|c| c.is_uppercase());
        let text = if is_upper { format!("{number:0wide$X}") } else { format!("{number:0wide$x}") };
        return Some(Edit { range, text: format!("{}{text}", &before[..2]) });
    }
    let number = before.parse::<i64>().ok()?.saturating_add(by);
    let digits = before.trim_start_matches('-');
    let wide = if digits.starts_with('0') { digits.len() } else { 1 };
    let sign = if number < 0 { "-" } else { "" };
    Some(Edit { range, text: format!("{sign}{:0wide$}", number.unsigned_abs()) })
}
