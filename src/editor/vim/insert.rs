//! Inserting as vim does it, and replacing.

use ropey::Rope;

use crate::base::time::MonoTime;
use crate::document::Bias;
use crate::editor::column::{at_column, cells_between, column_of, line_end};
use crate::editor::edits::Edit;
use crate::editor::key::{Key, KeyCode};
use crate::editor::lines::indent_of;
use crate::editor::selection::Selection;
use crate::editor::{Effect, Model, grapheme};

use super::keys::typed;
use super::{Mode, Replaced, Vim};

impl Model {
    /// Begins to insert by the key that vim has for it.
    pub(super) fn vim_insert(&mut self, c: char, count: Option<usize>, now: MonoTime) -> bool {
        if !self.may_edit(now) {
            return false;
        }
        self.vim.begin_insert();
        self.vim.insert_count = count.unwrap_or(1);
        self.vim.opens_line = matches!(c, 'o' | 'O');
        self.vim.replaced = (c == 'R').then(Vec::new);
        self.vim_new_step();
        let rope = self.rope();
        let (head, line) = (self.selection.head, self.line());
        let (start, end) = (rope.line_to_char(line), line_end(rope, line));
        let at = match c {
            'a' if head < end => grapheme::next(rope, head),
            'I' => start + indent_of(rope, line).chars().count(),
            'A' => end,
            'o' | 'O' => {
                let indent = if self.settings.auto_indent { indent_of(rope, line) } else { String::new() };
                let n = indent.chars().count();
                let (at, text, caret) = match c {
                    'o' => (end, format!("\n{indent}"), end + 1 + n),
                    _ => (start, format!("{indent}\n"), start + n),
                };
                self.make_whole(&[Edit::insert(at, text)], now);
                caret
            }
            _ => head,
        };
        self.select(Selection::caret(at));
        if !self.vim.opens_line {
            self.vim.caret_before = at;
        }
        self.vim.insert_start = Some(self.document.anchor(at, Bias::Left));
        true
    }

    /// Works in a key of insert mode. Returns whether that was all; otherwise it means what it means without vim.
    pub(super) fn vim_insert_key(&mut self, key: Key, now: MonoTime, effects: &mut Vec<Effect>) -> bool {
        if key.code == KeyCode::Esc {
            self.vim_leave_insert(now, effects);
            return true;
        }
        let is_motion = matches!(
            key.code,
            KeyCode::Left
                | KeyCode::Right
                | KeyCode::Up
                | KeyCode::Down
                | KeyCode::Home
                | KeyCode::End
                | KeyCode::PageUp
                | KeyCode::PageDown
        );
        if is_motion && self.vim.literal.is_none() {
            // It repeats nothing, and is no part of what is repeated.
            self.vim.change_keys.pop();
            (self.vim.has_moved, self.vim.insert_count) = (!self.vim.is_replaying, 1);
            return false;
        }
        if std::mem::take(&mut self.vim.has_moved) {
            self.vim_insert_anew(key);
        }
        self.vim.inserted.push(key);
        if self.vim_insert_second_key(key, now, effects) {
            return true;
        }
        // What other keys do as well.
        let key = match key.code {
            KeyCode::Char('h') if key.ctrl => Key::plain(KeyCode::Backspace),
            KeyCode::Char('j' | 'm') if key.ctrl => Key::plain(KeyCode::Enter),
            _ => key,
        };
        match key.code {
            KeyCode::Char(c @ ('n' | 'p')) if key.ctrl => self.vim_complete(c == 'n', now),
            KeyCode::Char(c @ ('e' | 'y')) if key.ctrl => self.vim_copy_beside(c == 'e', now),
            KeyCode::Char('a') if key.ctrl => {
                // What is repeated is what it inserts.
                self.vim_replace_keys(&[]);
                let keys = self.vim.last_inserted.clone();
                self.vim_press(&keys, now, effects);
            }
            KeyCode::Char('v') if key.ctrl => self.vim.literal = Some(String::new()),
            KeyCode::Char(c @ ('g' | 'x')) if key.ctrl => self.vim.insert_prefix = Some(c),
            KeyCode::Char('r') if key.ctrl => self.vim.inserts_register = true,
            KeyCode::Char('o') if key.ctrl => {
                self.vim.inserts_after = true;
                self.vim.mode = Mode::Normal;
            }
            KeyCode::Char('u') if key.ctrl => self.vim_delete_back(line_text_start, now),
            KeyCode::Char(c @ ('t' | 'd')) if key.ctrl => self.vim_step_indent(c == 't', now),
            KeyCode::Char(c) if !key.ctrl && self.vim.replaced.is_some() => self.vim_type_over(c, now),
            KeyCode::Enter if !key.ctrl && !key.alt && !key.shift && self.others.is_empty() => {
                self.vim_enter(now)
            }
            KeyCode::Char('w') if key.ctrl && self.others.is_empty() => {
                self.vim_delete_back(grapheme::prev_word, now)
            }
            KeyCode::Backspace if self.vim.replaced.is_some() => self.vim_take_back(now),
            KeyCode::Backspace if !key.ctrl && !key.alt => self.delete_back(now),
            _ => return false,
        }
        true
    }

    /// Works in the second key of two. Returns whether it was one.
    fn vim_insert_second_key(&mut self, key: Key, now: MonoTime, effects: &mut Vec<Effect>) -> bool {
        if self.vim.inserts_register {
            let register = match key.code {
                // The text as it is, which it is anyway.
                KeyCode::Char('r' | 'o' | 'p') if key.ctrl => return true,
                KeyCode::Char(name) => self.vim_register(name.to_ascii_lowercase()),
                _ => None,
            };
            self.vim.inserts_register = false;
            if let Some(register) = register {
                self.paste(&register.text, now);
            }
            return true;
        }
        if self.vim.literal.is_some() {
            self.vim_literal_key(key, now, effects);
            return true;
        }
        match (self.vim.insert_prefix.take(), key.code) {
            (Some('g'), KeyCode::Char('u')) => {
                self.vim_new_step();
                self.vim.caret_before = self.selection.head;
            }
            // As without Ctrl-X before them.
            (Some('x'), KeyCode::Char('n' | 'p')) if key.ctrl => return false,
            (prefix, _) => return prefix.is_some(),
        }
        true
    }

    /// The caret went elsewhere: what is typed from here on is undone and repeated by itself.
    fn vim_insert_anew(&mut self, key: Key) {
        self.vim_new_step();
        self.vim.caret_before = self.selection.head;
        let first = if self.vim.replaced.is_some() { 'R' } else { 'i' };
        self.vim.change_keys = vec![Key::plain(KeyCode::Char(first)), key];
        self.vim.inserted.clear();
        self.vim.insert_start = Some(self.document.anchor(self.selection.head, Bias::Left));
    }

    /// Completes the word before the caret. What is repeated is the word, not how it was found.
    fn vim_complete(&mut self, is_forward: bool, now: MonoTime) {
        let (n_typed, word) = self.complete(is_forward, now);
        let keys = std::iter::repeat_n(Key::plain(KeyCode::Backspace), n_typed).chain(typed(&word));
        self.vim_replace_keys(&keys.collect::<Vec<_>>());
    }

    /// Has these keys repeated in the place of the last one.
    pub(super) fn vim_replace_keys(&mut self, keys: &[Key]) {
        self.vim.inserted.pop();
        self.vim.inserted.extend(keys);
        if !self.vim.is_replaying {
            self.vim.change_keys.pop();
            self.vim.change_keys.extend(keys);
        }
    }

    /// Types the character that is below the caret, or above it.
    fn vim_copy_beside(&mut self, is_below: bool, now: MonoTime) {
        let (rope, line, head) = (self.rope(), self.line(), self.selection.head);
        let other = if is_below {
            Some(line + 1).filter(|&line| line <= self.vim_last_line())
        } else {
            line.checked_sub(1)
        };
        let Some(other) = other else { return };
        let at = at_column(rope, other, column_of(rope, head, self.tab_width), self.tab_width);
        if at < line_end(rope, other) {
            let text = rope.slice(at..grapheme::next(rope, at)).to_string();
            text.chars().for_each(|c| self.type_as_is(c, now));
        }
    }

    /// Types a character that closes no bracket and indents nothing.
    pub(super) fn type_as_is(&mut self, c: char, now: MonoTime) {
        let at = self.selection.head;
        if self.vim.replaced.is_some() {
            return self.vim_type_over(c, now);
        }
        self.make_whole(&[Edit::insert(at, c)], now);
        self.select(Selection::caret(at + 1));
    }

    /// Ends the line; the blanks behind the caret go, where a new line is indented.
    fn vim_enter(&mut self, now: MonoTime) {
        let at = self.selection.head;
        let is_on = self.settings.auto_indent;
        let is_blank = |c: &char| is_on && matches!(c, ' ' | '\t');
        let n_blanks = self.rope().chars_at(at).take_while(is_blank).count();
        let blanks = self.rope().slice(at..at + n_blanks).to_string();
        if 0 < n_blanks {
            self.make_whole(&[Edit::delete(at..at + n_blanks)], now);
        }
        self.enter(now);
        if self.vim.replaced.is_some() {
            self.vim_note_replaced(at, blanks);
        }
    }

    /// Deletes back to a place; not beyond where inserting began while the caret is behind that.
    fn vim_delete_back(&mut self, to: fn(&Rope, usize) -> usize, now: MonoTime) {
        let (rope, head) = (self.rope(), self.selection.head);
        let began = self.vim.insert_start.and_then(|start| self.document.resolve(start));
        let began = began.filter(|&start| start < head).unwrap_or(0);
        let start = to(rope, head).max(began).min(head);
        self.make_whole(&[Edit::delete(start..head)], now);
    }

    /// Takes the line's indentation to the next step, or the one before.
    fn vim_step_indent(&mut self, is_deeper: bool, now: MonoTime) {
        let (rope, line, step) = (self.rope(), self.line(), self.indent_cells());
        let start = rope.line_to_char(line);
        let end = start + indent_of(rope, line).chars().count();
        let cells = cells_between(rope, start, end, self.tab_width);
        let wanted =
            if is_deeper { (cells / step + 1) * step } else { cells.saturating_sub(1) / step * step };
        let edit = match (self.indentation.is_tab, end - start == cells) {
            (true, _) => Edit { range: start..end, text: "\t".repeat(wanted / step) },
            (false, false) => Edit { range: start..end, text: " ".repeat(wanted) },
            // At the start of the line, so that a caret within the blanks stays as far from the text.
            (false, true) if cells < wanted => Edit::insert(start, " ".repeat(wanted - cells)),
            (false, true) => Edit::delete(start..start + cells - wanted),
        };
        self.make_whole(&[edit], now);
    }

    /// Types over the character under the caret, if the line has one there.
    fn vim_type_over(&mut self, c: char, now: MonoTime) {
        if !self.may_edit(now) {
            return;
        }
        let (rope, at) = (self.rope(), self.selection.head);
        let is_end = at == line_end(rope, self.line());
        let range = at..if is_end { at } else { grapheme::next(rope, at) };
        let before = rope.slice(range.clone()).to_string();
        self.make_whole(&[Edit { range, text: c.to_string() }], now);
        self.select(Selection::caret(at + 1));
        self.vim_note_replaced(at, before);
    }

    /// Notes what was there before what was typed from `start` to the caret.
    fn vim_note_replaced(&mut self, start: usize, before: String) {
        let end = self.selection.head;
        let typed = (self.document.anchor(start, Bias::Right), self.document.anchor(end, Bias::Left));
        self.vim.replaced.get_or_insert_default().push(Replaced { typed, before });
    }

    /// Puts back what the last key typed over, if the caret is still behind what it typed; what was there before stays.
    fn vim_take_back(&mut self, now: MonoTime) {
        let at = self.selection.head;
        let last = self.vim.replaced.as_mut().and_then(Vec::pop);
        let here = last.and_then(|last| {
            let (start, end) = (self.document.resolve(last.typed.0)?, self.document.resolve(last.typed.1)?);
            (end == at && start <= end).then_some((start, last.before))
        });
        let Some((start, before)) = here else {
            // It went elsewhere: of what was typed there nothing is taken back any more.
            self.vim.replaced = Some(Vec::new());
            let to = grapheme::prev(self.rope(), at);
            return self.select(Selection::caret(to));
        };
        self.make_whole(&[Edit { range: start..at, text: before }], now);
        self.select(Selection::caret(start));
    }

    /// Back to commands: what was typed is typed as often as the count says.
    fn vim_leave_insert(&mut self, now: MonoTime, effects: &mut Vec<Effect>) {
        let (n, keys) = (std::mem::take(&mut self.vim.insert_count), std::mem::take(&mut self.vim.inserted));
        let before = std::mem::replace(&mut self.vim.is_replaying, true);
        for _ in 1..n {
            if self.vim.opens_line {
                self.enter(now);
            }
            keys.iter().for_each(|&key| self.key(key, now, effects));
        }
        self.vim.is_replaying = before;
        (self.vim.literal, self.vim.insert_prefix, self.vim.has_moved) = (None, None, false);
        self.vim.last_inserted = keys;
        self.vim.inserted.clear();
        (self.vim.mode, self.vim.replaced) = (Mode::Normal, None);
        self.end_run();
        let mark = self.document.anchor(self.selection.head, Bias::Left);
        self.vim.marks.insert('^', mark);
        let first = self.selections().0[0].head;
        let rope = self.rope();
        let start = rope.line_to_char(rope.char_to_line(first));
        let before = if start < first { grapheme::prev(rope, first) } else { first };
        // A block of carets leaves one, where the block began.
        let at = self.vim.block_start.take().map_or(before, |at| at.min(before));
        self.select(Selection::caret(at));
        self.vim_settle();
    }
}

/// Where the text of the line begins, or the line if it is no further.
fn line_text_start(rope: &Rope, at: usize) -> usize {
    let line = rope.char_to_line(at);
    let (start, n_blanks) = (rope.line_to_char(line), indent_of(rope, line).chars().count());
    if start + n_blanks < at { start + n_blanks } else { start }
}

impl Vim {
    /// Begins to insert: what is typed from now on is undone together.
    pub(super) fn begin_insert(&mut self) {
        self.mode = Mode::Insert;
        (self.is_change, self.was_insert) = (true, true);
        (self.insert_count, self.opens_line, self.replaced, self.insert_start) = (1, false, None, None);
        self.inserted.clear();
    }
}
