//! Vim's commands that are no operators: inserting, putting, repeating, scrolling, marks and macros.

use crate::base::time::MonoTime;
use crate::document::Bias;
use crate::editor::column::{at_column, column_of, line_end};
use crate::editor::edits::Edit;
use crate::editor::lines::indent_of;
use crate::editor::panes::{Arrange, Axis, Direction};
use crate::editor::selection::Selection;
use crate::editor::{Effect, Model, grapheme};

use super::Mode;
use super::keys::{Motion, Operator, Target};
use super::motion::{self, Shape};

impl Model {
    pub(super) fn vim_plain(
        &mut self,
        c: char,
        count: Option<usize>,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        if let Mode::Visual(shape) = self.vim.mode {
            return self.vim_visual_plain(c, shape, count, now, effects);
        }
        let line_motion = |c: char| Target::Motion(Motion::Plain(c));
        match c {
            'i' | 'a' | 'I' | 'A' | 'o' | 'O' | 'R' => self.vim_insert(c, count, now),
            'x' | 'X' => {
                let motion = line_motion(if c == 'x' { 'l' } else { 'h' });
                let is_empty = self.rope().line_to_char(self.line()) == line_end(self.rope(), self.line());
                // There is nothing to delete, and that is no failure that would end a macro.
                is_empty || self.vim_operate(Operator::Delete, &motion, count, now, effects)
            }
            'D' => self.vim_operate(Operator::Delete, &line_motion('$'), count, now, effects),
            'C' => self.vim_operate(Operator::Change, &line_motion('$'), count, now, effects),
            's' => self.vim_operate(Operator::Change, &line_motion('l'), count, now, effects),
            'S' => self.vim_operate(Operator::Change, &Target::Line, count, now, effects),
            'Y' => self.vim_operate(Operator::Yank, &Target::Line, count, now, effects),
            'p' | 'P' => {
                self.vim.is_change = true;
                self.vim_put(c == 'P', count, now, effects)
            }
            'u' => self.vim_undo(false, count, now),
            'U' => self.vim_undo_line(now),
            'J' => self.vim_join(count.unwrap_or(2).max(2), now),
            '~' => {
                self.vim.is_change = true;
                let from = self.selection.head;
                let to = (0..count.unwrap_or(1)).fold(from, |at, _| grapheme::next(self.rope(), at));
                let to = to.min(line_end(self.rope(), self.line()));
                let target = Target::Motion(Motion::Plain('l'));
                let done = self.vim_operate(Operator::SwapCase, &target, Some(to - from), now, effects);
                self.select(Selection::caret(to));
                done
            }
            '.' => self.vim_repeat(count, now, effects),
            'v' | 'V' => {
                self.vim.mode = Mode::Visual(if c == 'v' { Shape::Chars } else { Shape::Lines });
                true
            }
            'q' => {
                if self.vim.recording.is_some() {
                    self.vim.stop_recording();
                } else {
                    self.vim.names_recording = true;
                }
                true
            }
            '&' => self.vim_ex("s", now, effects),
            _ => false,
        }
    }

    fn vim_visual_plain(
        &mut self,
        c: char,
        shape: Shape,
        count: Option<usize>,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let operator = match c {
            'x' | 'd' | 'X' | 'D' => Some(Operator::Delete),
            'c' | 's' | 'C' | 'S' | 'R' => Some(Operator::Change),
            'y' | 'Y' => Some(Operator::Yank),
            'u' => Some(Operator::Lower),
            'U' => Some(Operator::Upper),
            '~' => Some(Operator::SwapCase),
            _ => None,
        };
        if let Some(operator) = operator {
            if matches!(c, 'D' | 'C') && shape == Shape::Block {
                // To the ends of the lines.
                self.vim.goal = Some(usize::MAX / 2);
            }
            if matches!(c, 'X' | 'D' | 'C' | 'S' | 'R' | 'Y') && shape == Shape::Chars {
                self.vim.mode = Mode::Visual(Shape::Lines);
            }
            return self.vim_operate(operator, &Target::Selection, count, now, effects);
        }
        match c {
            'v' | 'V' => {
                let wanted = if c == 'v' { Shape::Chars } else { Shape::Lines };
                if shape == wanted { self.vim_leave_visual() } else { self.vim.mode = Mode::Visual(wanted) }
            }
            'o' | 'O' => {
                let span = self.vim_span();
                let is_forward = self.selection.anchor <= self.selection.head;
                self.selection = if is_forward {
                    Selection { anchor: span.end, head: span.start, goal: None }
                } else {
                    Selection { anchor: span.start, head: grapheme::prev(self.rope(), span.end), goal: None }
                };
            }
            'p' | 'P' => {
                self.vim.is_change = true;
                return self.vim_put(c == 'P', count, now, effects);
            }
            'J' => {
                let n = self.vim_leave_to_join();
                return self.vim_join(n, now);
            }
            'I' | 'A' if !self.may_edit(now) => {
                self.vim_leave_visual();
                return false;
            }
            'I' | 'A' if shape == Shape::Block => {
                let pieces = self.vim_block();
                self.vim.begin_insert();
                self.vim_new_step();
                let place = |piece: &std::ops::Range<usize>| {
                    Selection::caret(if c == 'I' { piece.start } else { piece.end })
                };
                self.vim.block_start = pieces.first().map(|piece| piece.start);
                self.set_selections(pieces.iter().map(place).collect(), 0);
            }
            'I' | 'A' => {
                let span = self.vim_span();
                self.vim.begin_insert();
                self.vim_new_step();
                self.select(Selection::caret(if c == 'I' { span.start } else { span.end }));
            }
            _ => return false,
        }
        true
    }

    pub(super) fn vim_join(&mut self, n_lines: usize, now: MonoTime) -> bool {
        if !self.may_edit(now) {
            return false;
        }
        self.vim.is_change = true;
        let (rope, line) = (self.rope(), self.line());
        let last = (line + n_lines - 1).min(self.vim_last_line());
        if last <= line {
            return false;
        }
        let last_char = |from: usize, to: usize| if from < to { rope.get_char(to - 1) } else { None };
        let mut edits = Vec::new();
        let mut before = last_char(rope.line_to_char(line), line_end(rope, line));
        for line in line..last {
            let (end, next_end) = (line_end(rope, line), line_end(rope, line + 1));
            let next = end + 1 + indent_of(rope, line + 1).chars().count();
            let is_close = matches!(before, None | Some(' ' | '\t'))
                || matches!(rope.get_char(next), None | Some(')' | '\n'));
            edits.push(Edit { range: end..next, text: if is_close { "" } else { " " }.to_owned() });
            before = last_char(next, next_end).or(before);
        }
        // On the blank that joins the last two.
        let n_before: usize =
            edits[..edits.len() - 1].iter().map(|edit| edit.range.len() - edit.text.len()).sum();
        let at = edits[edits.len() - 1].range.start - n_before;
        self.make_biased(&edits, Bias::Left, now);
        self.select(Selection::caret(at));
        true
    }

    /// Leaves visual mode for the start of the selected lines, and returns how many are to be joined.
    fn vim_leave_to_join(&mut self) -> usize {
        let (span, rope) = (self.vim_span(), self.rope());
        let first = rope.char_to_line(span.start);
        let last = rope.char_to_line(span.end.saturating_sub(1).max(span.start));
        let start = rope.line_to_char(first);
        self.vim_leave_visual();
        self.select(Selection::caret(start));
        (last + 1 - first).max(2)
    }

    /// Makes one line of several, with all the blanks there are.
    pub(super) fn vim_join_as_is(&mut self, n_lines: usize, now: MonoTime) -> bool {
        if !self.may_edit(now) {
            return false;
        }
        self.vim.is_change = true;
        let line = self.line();
        let last = (line + n_lines - 1).min(self.vim_last_line());
        let ends: Vec<usize> = (line..last).map(|line| line_end(self.rope(), line)).collect();
        let edits: Vec<Edit> = ends.iter().map(|&end| Edit::delete(end..end + 1)).collect();
        if let Some(end) = ends.last() {
            self.make_whole(&edits, now);
            self.select(Selection::caret(end + 1 - ends.len()));
        }
        !ends.is_empty()
    }

    pub(super) fn vim_ctrl(&mut self, c: char, count: Option<usize>, now: MonoTime) -> bool {
        let rows = usize::from(self.layout().text_rows).max(1);
        let last = self.vim_last_line();
        match c {
            'r' => return self.vim_undo(true, count, now),
            'd' | 'u' | 'f' | 'b' => {
                let by =
                    if matches!(c, 'd' | 'u') { (rows / 2).max(1) } else { rows.saturating_sub(2).max(1) };
                let line = self.line();
                let is_down = matches!(c, 'd' | 'f');
                let to = if is_down { (line + by).min(last) } else { line.saturating_sub(by) };
                self.scroll.top = if is_down {
                    (self.scroll.top + by).min(last)
                } else {
                    self.scroll.top.saturating_sub(by)
                };
                let at = motion::first_word(self.rope(), to);
                self.vim_place(at);
                return to != line;
            }
            'e' | 'y' => {
                let n = count.unwrap_or(1);
                self.scroll.top = if c == 'e' {
                    (self.scroll.top + n).min(last)
                } else {
                    self.scroll.top.saturating_sub(n)
                };
                let line = self.line().clamp(self.scroll.top, self.scroll.top + rows - 1).min(last);
                if line != self.line() {
                    let column = column_of(self.rope(), self.selection.head, self.tab_width);
                    self.vim_place(at_column(self.rope(), line, column, self.tab_width));
                }
            }
            'v' => match self.vim.mode {
                Mode::Visual(Shape::Block) => self.vim_leave_visual(),
                _ => self.vim.mode = Mode::Visual(Shape::Block),
            },
            'a' | 'x' => {
                return self.vim_add(count.unwrap_or(1) as i64 * if c == 'a' { 1 } else { -1 }, false, now);
            }
            'g' => self.vim_tell_place(now),
            // Everything is drawn as it is anyway.
            'l' => {}
            'o' | 'i' => return self.vim_jump(c == 'o', count.unwrap_or(1)),
            _ => return false,
        }
        true
    }

    pub(super) fn vim_g(
        &mut self,
        c: char,
        count: Option<usize>,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        match c {
            'p' | 'P' => {
                self.vim.is_change = true;
                let done = self.vim_put(c == 'P', count, now, effects);
                if done {
                    let end = self.vim.put_end.min(self.rope().len_chars());
                    // Behind the last line there is none.
                    let last = self.rope().line_to_char(self.vim_last_line());
                    let is_behind = self.vim_last_line() < self.rope().char_to_line(end);
                    self.select(Selection::caret(if is_behind { last } else { end }));
                }
                done
            }
            'n' | 'N' => {
                let Some(found) = self.vim_match(c == 'n') else { return false };
                match self.vim.mode {
                    Mode::Visual(_) => {
                        let last = grapheme::prev(self.rope(), found.end).max(found.start);
                        self.vim_extend(if c == 'n' { last } else { found.start });
                    }
                    _ => {
                        self.vim.mode = Mode::Visual(Shape::Chars);
                        self.vim_select(found);
                    }
                }
                true
            }
            'a' => self.vim_tell_char(now),
            ';' | ',' => self.vim_to_change(c == ';', count.unwrap_or(1)),
            '&' => self.vim_ex("%&&", now, effects),
            'R' => self.vim_insert('R', count, now),
            'f' => match self.vim_file_name() {
                Some(name) => {
                    effects.push(Effect::Open(name));
                    true
                }
                None => self.vim_refuse("there is no name of a file here".to_owned()),
            },
            'v' => {
                let Some((mode, anchor, head)) = self.vim.last_visual else { return false };
                let ends = (self.document.resolve(anchor), self.document.resolve(head));
                let (Some(anchor), Some(head)) = ends else { return false };
                let anchor = if anchor <= head { anchor } else { grapheme::next(self.rope(), anchor) };
                self.vim.mode = mode;
                self.select(Selection { anchor, head, goal: None });
                true
            }
            'i' => {
                let last = self.vim.marks.get(&'^').copied().and_then(|mark| self.document.resolve(mark));
                if let Some(at) = last {
                    self.select(Selection::caret(at));
                }
                self.vim_insert('i', count, now)
            }
            'I' => {
                let done = self.vim_insert('i', count, now);
                let start = self.rope().line_to_char(self.line());
                self.select(Selection::caret(start));
                done
            }
            'J' if matches!(self.vim.mode, Mode::Visual(_)) => {
                let n = self.vim_leave_to_join();
                self.vim_join_as_is(n, now)
            }
            'J' => self.vim_join_as_is(count.unwrap_or(2).max(2), now),
            _ => false,
        }
    }

    /// Asks for something to be done with the open texts or the panes.
    pub(super) fn vim_arrange(&mut self, arrange: Arrange, effects: &mut Vec<Effect>) -> bool {
        effects.push(Effect::Arrange(arrange));
        true
    }

    pub(super) fn vim_z(&mut self, c: char, count: Option<usize>) -> bool {
        if let Some(n) = count {
            let line = (n.max(1) - 1).min(self.vim_last_line());
            let column = column_of(self.rope(), self.selection.head, self.tab_width);
            let at = at_column(self.rope(), line, column, self.tab_width);
            self.vim_place(motion::in_line(self.rope(), at));
        }
        let rows = usize::from(self.layout().text_rows).max(1);
        let line = self.line();
        match c {
            'z' | '.' => self.scroll.top = line.saturating_sub(rows / 2),
            't' | '\n' => self.scroll.top = line,
            'b' | '-' => self.scroll.top = (line + 1).saturating_sub(rows),
            _ => return false,
        }
        if matches!(c, '.' | '\n' | '-') {
            self.vim_place(motion::first_word(self.rope(), line));
        }
        true
    }

    pub(super) fn vim_with(
        &mut self,
        c: char,
        with: char,
        count: Option<usize>,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        match c {
            'm' => {
                self.vim_set_mark(with);
                true
            }
            '@' if with == ':' || with == '@' && self.vim.last_macro == Some(':') => {
                self.vim.last_macro = Some(':');
                (0..count.unwrap_or(1)).all(|_| self.vim_ex_again(now, effects))
            }
            'r' => self.vim_replace_chars(with, count.unwrap_or(1), now),
            '@' => self.vim_macro(with, count.unwrap_or(1), now, effects),
            _ => false,
        }
    }

    /// Puts the end of a line in the place of characters and of the blanks behind them; the next line is indented as this one.
    fn vim_break_line(&mut self, range: std::ops::Range<usize>, now: MonoTime) -> bool {
        let rope = self.rope();
        let (is_on, line) = (self.settings.auto_indent, rope.char_to_line(range.start));
        let is_blank = |c: &char| is_on && matches!(c, ' ' | '\t');
        let n_blanks = rope.chars_at(range.end).take_while(is_blank).count();
        let is_last = range.end + n_blanks == line_end(rope, line);
        let indent = if is_on && !is_last { indent_of(rope, line) } else { String::new() };
        let at = range.start + 1 + indent.chars().count().saturating_sub(1);
        self.make_whole(
            &[Edit { range: range.start..range.end + n_blanks, text: format!("\n{indent}") }],
            now,
        );
        self.select(Selection::caret(at));
        true
    }

    fn vim_replace_chars(&mut self, with: char, n: usize, now: MonoTime) -> bool {
        if !self.may_edit(now) {
            return false;
        }
        self.vim.is_change = true;
        let is_visual = matches!(self.vim.mode, Mode::Visual(_));
        let rope = self.rope();
        let pieces = match self.vim.mode {
            Mode::Visual(Shape::Block) => self.vim_block(),
            Mode::Visual(Shape::Lines) => vec![self.vim_whole_lines(&self.vim_span())],
            Mode::Visual(Shape::Chars) => vec![self.vim_span()],
            _ => {
                let from = self.selection.head;
                let line_end = line_end(rope, self.line());
                let mut end = from;
                for _ in 0..n {
                    if line_end <= end {
                        return false;
                    }
                    end = grapheme::next(rope, end);
                }
                std::iter::once(from..end).collect()
            }
        };
        let start = pieces[0].start;
        let replaced = |c: char| if c == '\n' { '\n' } else { with };
        let text = |range: &std::ops::Range<usize>| -> String {
            rope.slice(range.clone()).chars().map(replaced).collect()
        };
        let edits: Vec<Edit> =
            pieces.iter().map(|range| Edit { range: range.clone(), text: text(range) }).collect();
        let end = start + edits[0].text.chars().count();
        if with == '\n' && !is_visual {
            return self.vim_break_line(pieces[0].clone(), now);
        }
        self.make_whole(&edits, now);
        self.vim_leave_visual();
        self.select(Selection::caret(if is_visual { start } else { end - 1 }));
        true
    }
}

/// Returns what a key after Ctrl-W does with the panes.
pub(super) fn window(c: char) -> Option<Arrange> {
    Some(match c {
        's' => Arrange::Split(Axis::Rows),
        'v' => Arrange::Split(Axis::Columns),
        'h' => Arrange::FocusBeside(Direction::Left),
        'j' => Arrange::FocusBeside(Direction::Down),
        'k' => Arrange::FocusBeside(Direction::Up),
        'l' => Arrange::FocusBeside(Direction::Right),
        'w' => Arrange::FocusNext,
        'W' | 'p' => Arrange::FocusPrevious,
        'c' => Arrange::ClosePane,
        'o' => Arrange::OnlyPane,
        'n' => Arrange::New,
        _ => return None,
    })
}
