//! Vim's registers: what is kept in them, and putting it into the text.

use std::ops::Range;

use crate::base::limits::DOCUMENT_CHARS_MAX;
use crate::base::time::MonoTime;
use crate::editor::column::{at_column, column_of, line_end};
use crate::editor::edits::Edit;
use crate::editor::lines::chars_of;
use crate::editor::selection::Selection;
use crate::editor::{Effect, Model, grapheme};

use super::keys::{Operator, Target};
use super::motion::{self, Shape};
use super::{Mode, Register};

impl Model {
    /// Keeps a text in the register that the command named.
    pub(super) fn vim_keep(
        &mut self,
        pieces: &[Range<usize>],
        shape: Shape,
        is_yank: bool,
        effects: &mut Vec<Effect>,
    ) {
        let rope = self.rope();
        let texts: Vec<String> = pieces.iter().map(|range| rope.slice(range.clone()).to_string()).collect();
        let mut text = texts.join("\n");
        if shape == Shape::Lines && !text.ends_with('\n') {
            text.push('\n');
        }
        let register = Register { text, shape };
        if let Some(name) = self.vim.register {
            // A register is what was recorded or kept in it last.
            self.vim.macros.remove(&name.to_ascii_lowercase());
        }
        match self.vim.register {
            Some('_') => return,
            Some('+' | '*') => effects.push(Effect::CopyToClipboard(register.text.clone())),
            Some(name) if name.is_ascii_uppercase() => {
                let kept = self.vim.registers.entry(name.to_ascii_lowercase()).or_default();
                kept.text.push_str(&register.text);
                if shape == Shape::Lines {
                    kept.shape = shape;
                }
            }
            Some(name) => drop(self.vim.registers.insert(name, register.clone())),
            None if is_yank => drop(self.vim.registers.insert('0', register.clone())),
            None if register.text.contains('\n') => {
                for n in ('2'..='9').rev() {
                    let before =
                        char::from_u32(n as u32 - 1).and_then(|n| self.vim.registers.get(&n).cloned());
                    if let Some(before) = before {
                        self.vim.registers.insert(n, before);
                    }
                }
                self.vim.registers.insert('1', register.clone());
            }
            None => drop(self.vim.registers.insert('-', register.clone())),
        }
        self.vim.registers.insert('"', register);
    }

    /// Puts a register's text behind the caret, before it, or over the selection.
    pub(super) fn vim_put(
        &mut self,
        is_before: bool,
        count: Option<usize>,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let name = self.vim.register.unwrap_or('"').to_ascii_lowercase();
        let Some(Register { text, shape }) = self.vim_register(name) else {
            self.vim.error = Some(format!("nothing is in register {name}"));
            return false;
        };
        if !self.may_edit(now) {
            return false;
        }
        if text.is_empty() && !matches!(self.vim.mode, Mode::Visual(_)) {
            return true;
        }
        let n = count.unwrap_or(1);
        if !self.vim_has_room(&text, shape, n) {
            return false;
        }
        match self.vim.mode {
            Mode::Visual(over) => {
                // With the capital what is replaced is not kept.
                self.vim.register = is_before.then_some('_');
                self.vim_put_over(over, Register { text, shape }, n, now, effects);
            }
            _ => self.vim_put_beside(Register { text, shape }, is_before, n, now),
        }
        true
    }

    /// Whether a text fits into the document so many times; says so if not.
    fn vim_has_room(&mut self, text: &str, shape: Shape, n: usize) -> bool {
        let rows = text.split('\n');
        let n_chars = match shape {
            Shape::Block => rows.clone().count() * rows.map(|row| row.chars().count()).max().unwrap_or(0),
            _ => text.chars().count(),
        };
        let has_room =
            n_chars.saturating_mul(n) < DOCUMENT_CHARS_MAX.saturating_sub(self.document.len_chars());
        if !has_room {
            self.vim.error =
                Some(format!("{n} times this text is more than a text can hold; put it less often"));
        }
        has_room
    }

    /// Puts a register in the place of what is selected.
    fn vim_put_over(
        &mut self,
        over: Shape,
        register: Register,
        n: usize,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) {
        let (span, rope) = (self.vim_span(), self.rope());
        let last = rope.char_to_line(span.end.saturating_sub(1).max(span.start));
        let is_at_end = match over {
            // There is no line any more before which it could be put.
            Shape::Lines => last == self.vim_last_line() && 0 < rope.char_to_line(span.start),
            _ => span.end == rope.len_chars(),
        };
        self.vim_operate(Operator::Delete, &Target::Selection, None, now, effects);
        match (over, register.shape) {
            (Shape::Lines, Shape::Chars) => {
                let (line, text) = (self.line(), register.text.repeat(n));
                let end = line_end(self.rope(), line);
                let start = self.rope().line_to_char(line);
                let (at, text, caret) = match is_at_end {
                    true => (end, format!("\n{text}"), end + 1),
                    false => (start, text + "\n", start),
                };
                self.make_whole(&[Edit::insert(at, text)], now);
                self.select(Selection::caret(caret));
            }
            (Shape::Chars | Shape::Block, Shape::Lines) => {
                let at = self.selection.head;
                self.make_whole(&[Edit::insert(at, format!("\n{}", register.text.repeat(n)))], now);
                let line = self.rope().char_to_line(at + 1);
                self.select(Selection::caret(motion::first_word(self.rope(), line)));
            }
            _ => self.vim_put_beside(register, !is_at_end, n, now),
        }
    }

    /// Puts a register behind the caret, or before it.
    fn vim_put_beside(&mut self, register: Register, is_before: bool, n: usize, now: MonoTime) {
        let Register { text, shape } = register;
        let rope = self.rope();
        let head = self.selection.head;
        let line = rope.char_to_line(head);
        match shape {
            Shape::Lines => {
                let text = text.repeat(n);
                let at = if is_before { rope.line_to_char(line) } else { chars_of(rope, line..line + 1).end };
                let is_open = !is_before && (at == 0 || rope.char(at - 1) != '\n');
                let (text, caret_at) = match is_open {
                    true => (format!("\n{}", text.trim_end_matches('\n')), at + 1),
                    false => (text, at),
                };
                self.vim.put_end = at + text.chars().count();
                self.make_whole(&[Edit::insert(at, text)], now);
                let line = self.rope().char_to_line(caret_at);
                self.select(Selection::caret(motion::first_word(self.rope(), line)));
            }
            Shape::Chars => {
                let text = text.repeat(n);
                let at =
                    if is_before || head == line_end(rope, line) { head } else { grapheme::next(rope, head) };
                let n_chars = text.chars().count();
                let has_lines = text.contains('\n');
                self.vim.put_end = at + n_chars;
                self.make_whole(&[Edit::insert(at, text)], now);
                let to = if has_lines { at } else { grapheme::prev(self.rope(), at + n_chars) };
                self.select(Selection::caret(to));
            }
            Shape::Block => self.vim_put_block(&text, is_before, n, now),
        }
    }

    fn vim_put_block(&mut self, text: &str, is_before: bool, n: usize, now: MonoTime) {
        let rope = self.rope();
        let head = self.selection.head;
        let line = rope.char_to_line(head);
        let column =
            column_of(rope, head, self.tab_width) + usize::from(!is_before && head < line_end(rope, line));
        let wide = text.split('\n').map(|row| row.chars().count()).max().unwrap_or(0);
        let mut edits = Vec::new();
        let mut below = String::new();
        for (row, part) in text.split('\n').enumerate() {
            let part = format!("{part:<wide$}").repeat(n);
            if rope.len_lines() <= line + row {
                below.push_str(&format!("\n{}{}", " ".repeat(column), part.trim_end()));
                continue;
            }
            let at = at_column(rope, line + row, column, self.tab_width);
            let missing = column.saturating_sub(column_of(rope, at, self.tab_width));
            let is_end = at == line_end(rope, line + row);
            let part = if is_end { part.trim_end() } else { part.as_str() };
            edits.push(Edit::insert(at, format!("{}{part}", " ".repeat(missing))));
        }
        if !below.is_empty() {
            let len = rope.len_chars();
            match edits.last_mut().filter(|edit| edit.range.start == len) {
                Some(edit) => edit.text.push_str(&below),
                None => edits.push(Edit::insert(len, below)),
            }
        }
        let at = edits.first().map_or(head, |edit| edit.range.start);
        self.make_whole(&edits, now);
        self.select(Selection::caret(at));
    }

    /// What a register holds.
    pub(super) fn vim_register(&self, name: char) -> Option<Register> {
        match name {
            '+' | '*' => {
                let text = if self.clipboard.is_lines {
                    self.clipboard.parts.concat()
                } else {
                    self.clipboard.parts.join("\n")
                };
                let shape = if self.clipboard.is_lines { Shape::Lines } else { Shape::Chars };
                let own = self.vim.registers.get(&name).cloned();
                own.or_else(|| (!text.is_empty()).then_some(Register { text, shape }))
            }
            '/' => Some(Register { text: self.find.needle.clone(), shape: Shape::Chars }),
            ':' => self.vim.last_ex.clone().map(|text| Register { text, shape: Shape::Chars }),
            '.' => {
                let text = self.vim.last_inserted.iter().filter_map(|key| key.typed()).collect();
                Some(Register { text, shape: Shape::Chars })
            }
            '%' => Some(Register { text: self.file.name.clone(), shape: Shape::Chars }),
            name => self.vim.registers.get(&name).cloned(),
        }
    }
}
