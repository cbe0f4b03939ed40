//! Where the text was changed: marks, places to go back to, and the caret after undo.

use std::ops::Range;

use crate::base::time::MonoTime;
use crate::document::{Anchor, Bias, TextChange};
use crate::editor::Model;
use crate::editor::column::line_end;
use crate::editor::edits::Edit;
use crate::editor::selection::{Selection, shift_left};

use super::{Mode, Vim, motion};

/// Places of changes that are kept to go back to.
const CHANGES_MAX: usize = 100;

/// Steps of undo for which it is kept where the caret was.
const CARETS_MAX: usize = 1_000;

/// Changes in a line that are this near to each other are one place.
const NEAR_CHARS: usize = 79;

/// Characters of a line that `U` brings back at most.
const LINE_CHARS_MAX: usize = 10_000;

/// A line as it was before it was changed.
#[derive(Clone, Debug)]
pub(super) struct LineBefore {
    /// Its start.
    start: Anchor,
    text: String,
    /// How many characters before the caret.
    column: usize,
}

impl Vim {
    /// Notes a change of the text for the marks that tell where it was.
    pub(in crate::editor) fn note_change(&mut self, change: &TextChange) {
        let end = change.at + change.n_inserted;
        self.changed = Some(match self.changed.take() {
            None => change.at..end,
            Some(before) => {
                let end_before = shift_left(before.end, change);
                before.start.min(change.at)..end_before.max(end)
            }
        });
    }

    /// Moves what is kept as a number through others' edits.
    pub(in crate::editor) fn shift(&mut self, change: &TextChange) {
        self.carets.iter_mut().for_each(|(_, at)| *at = shift_left(*at, change));
        self.caret_before = shift_left(self.caret_before, change);
    }

    /// A step of undo began that is the last of so many: notes where the caret was before it.
    pub(in crate::editor) fn note_step(&mut self, n_groups: usize) {
        while self.carets.last().is_some_and(|(n, _)| n_groups <= *n) {
            self.carets.pop();
        }
        self.carets.push((n_groups, self.caret_before));
        let n_more = self.carets.len().saturating_sub(CARETS_MAX);
        self.carets.drain(..n_more);
    }
}

impl Model {
    /// A command is done: notes what it changed, or yanked.
    pub(super) fn vim_note_changed(&mut self) {
        let (changed, yanked) = (self.vim.changed.take(), self.vim.yanked.take());
        let is_change = changed.is_some();
        let Some(Range { start, end }) = changed.or(yanked) else { return };
        let len = self.rope().len_chars();
        let (start, end) = (start.min(len), end.min(len));
        let last = end.saturating_sub(1).max(start);
        // A line's end is no character of it.
        let is_feed = start < last && self.rope().get_char(last) == Some('\n');
        let (first, last) = (
            self.document.anchor(start, Bias::Right),
            self.document.anchor(last - usize::from(is_feed), Bias::Right),
        );
        self.vim.marks.insert('[', first);
        self.vim.marks.insert(']', last);
        if !is_change {
            return;
        }
        // Where one typed, it is the last character.
        let at = if self.vim.was_insert { last } else { first };
        self.vim.marks.insert('.', at);
        let (rope, here) = (self.document.rope(), self.document.resolve(at).unwrap_or(start));
        let line = rope.char_to_line(here);
        let is_near = |mark: &Anchor| {
            let there = self.document.resolve(*mark);
            there.is_some_and(|there| rope.char_to_line(there) == line && there.abs_diff(here) < NEAR_CHARS)
        };
        if self.vim.changes.last().is_some_and(is_near) {
            self.vim.changes.pop();
        }
        self.vim.changes.push(at);
        let n_more = self.vim.changes.len().saturating_sub(CHANGES_MAX);
        self.vim.changes.drain(..n_more);
        self.vim.change = self.vim.changes.len();
    }

    /// `g;` and `g,`: to where the text was changed before, or later.
    pub(super) fn vim_to_change(&mut self, is_back: bool, n: usize) -> bool {
        if self.vim.changes.is_empty() {
            return self.vim_refuse("nothing was changed yet".to_owned());
        }
        let last = self.vim.changes.len() - 1;
        let to = match is_back {
            true if self.vim.change == 0 => return self.vim_refuse("this is the first change".to_owned()),
            true => self.vim.change.saturating_sub(n),
            false if last <= self.vim.change => return self.vim_refuse("this is the last change".to_owned()),
            false => (self.vim.change + n).min(last),
        };
        self.vim.change = to;
        let Some(at) = self.document.resolve(self.vim.changes[to]) else { return false };
        self.vim_place(motion::in_line(self.rope(), at));
        self.center();
        true
    }

    /// `u` and Ctrl-R: the caret goes where it was before the change if that is beside it, else to its first line.
    pub(super) fn vim_undo(&mut self, redo: bool, count: Option<usize>, now: MonoTime) -> bool {
        let n = count.unwrap_or(1);
        let lines_before = self.rope().len_lines();
        let changed = (0..n).map_while(|_| self.undo(redo, now)).last();
        let Some(at) = changed else { return false };
        let n_groups = self.document.n_undo_groups() + usize::from(!redo);
        let rope = self.rope();
        let first = rope.char_to_line(at.min(rope.len_chars()));
        // At most as many lines came as the text has more now; the lines beside them count.
        let reach = first.saturating_sub(1)..=first + 1 + rope.len_lines().saturating_sub(lines_before);
        let before = self.vim.carets.iter().find(|(n, _)| *n == n_groups).map(|&(_, at)| at);
        let before = before.filter(|&at| at <= rope.len_chars() && reach.contains(&rope.char_to_line(at)));
        let first_word = motion::first_word(rope, first.min(self.vim_last_line()));
        let at = motion::in_line(rope, before.unwrap_or(first_word));
        self.select(Selection::caret(at));
        true
    }

    /// Returns the line of the caret as it is before a command may change it, unless it is the one that was changed last.
    pub(super) fn vim_line_now(&self) -> Option<LineBefore> {
        let (rope, line) = (self.rope(), self.line());
        let (start, end) = (rope.line_to_char(line), line_end(rope, line));
        let is_known = self.vim.line_before.as_ref().and_then(|before| self.document.resolve(before.start));
        if is_known == Some(start) || LINE_CHARS_MAX < end - start {
            return None;
        }
        let mark = self.document.anchor(start, Bias::Left);
        let (text, column) = (rope.slice(start..end).to_string(), self.selection.head - start);
        Some(LineBefore { start: mark, text, column })
    }

    /// `U`: brings the line back that was changed last as it was before, and with another `U` as it was after.
    pub(super) fn vim_undo_line(&mut self, now: MonoTime) -> bool {
        let Some(LineBefore { start, text, column }) = self.vim.line_before.clone() else {
            return self.vim_refuse("no line was changed yet".to_owned());
        };
        let Some(at) = self.document.resolve(start) else { return false };
        let rope = self.rope();
        let range = at..line_end(rope, rope.char_to_line(at));
        let after = rope.slice(range.clone()).to_string();
        let column_after = if range.contains(&self.selection.head) { self.selection.head - at } else { 0 };
        self.make_whole(&[Edit { range, text }], now);
        self.vim.line_before = Some(LineBefore { start, text: after, column: column_after });
        self.select(Selection::caret((at + column).min(line_end(self.rope(), self.rope().char_to_line(at)))));
        true
    }

    /// Returns the name of a file that the caret is on.
    pub(super) fn vim_file_name(&self) -> Option<String> {
        let (rope, line, head) = (self.rope(), self.line(), self.selection.head);
        let (start, end) = (rope.line_to_char(line), line_end(rope, line));
        let is_part =
            |at: usize| rope.get_char(at).is_some_and(|c| c.is_alphanumeric() || "/._-+,#$%~=@".contains(c));
        let first = (head..end).find(|&at| is_part(at))?;
        let first = (start..first).rev().take_while(|&at| is_part(at)).last().unwrap_or(first);
        let last = (first..end).find(|&at| !is_part(at)).unwrap_or(end);
        Some(rope.slice(first..last).to_string().trim_end_matches(['.', ',']).to_owned())
    }

    /// Ctrl-G: which file this is, and where in it.
    pub(super) fn vim_tell_place(&mut self, now: MonoTime) {
        let (line, last) = (self.line() + 1, self.vim_last_line() + 1);
        let name = if self.file.name.is_empty() { "(no file)" } else { &self.file.name };
        let words = format!("{name:?}  line {line} of {last}  {} %", line * 100 / last);
        self.notify(words, now);
    }

    /// Whether keys are commands now, and none is under way.
    pub(super) fn vim_is_idle(&self) -> bool {
        self.vim.mode == Mode::Normal && self.vim.pending.is_empty()
    }
}
