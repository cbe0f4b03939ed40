//! Vim's commands carried out.

use std::ops::Range;

use crate::base::time::MonoTime;
use crate::document::Bias;
use crate::editor::column::{at_column, column_of, line_end};
use crate::editor::edits::Edit;
use crate::editor::history::Asked;
use crate::editor::lines::{chars_of, indent_of};
use crate::editor::panes::Arrange;
use crate::editor::selection::Selection;
use crate::editor::{Effect, Model, grapheme};

use super::Mode;
use super::keys::{Command, Motion, Operator, Target, Verb};
use super::motion::{self, Shape};
use super::object;
use super::reach::Reach;

/// What an operator works on.
struct Span {
    range: Range<usize>,
    shape: Shape,
    /// Where the caret goes when the text stays.
    caret: usize,
}

impl Span {
    fn new(range: Range<usize>, shape: Shape) -> Option<Span> {
        let caret = range.start;
        Some(Span { range, shape, caret })
    }
}

impl Model {
    /// Carries out one command. Returns whether it could be done.
    pub(super) fn vim_run(&mut self, command: Command, now: MonoTime, effects: &mut Vec<Effect>) -> bool {
        let Command { register, count, verb } = command;
        self.vim.register = register;
        let revision = self.revision;
        let may_change =
            !matches!(verb, Verb::Move(_) | Verb::Plain('u' | 'U') | Verb::Ctrl('r') | Verb::Ex(_));
        let line = if may_change { self.vim_line_now() } else { None };
        let n_lines = self.rope().len_lines();
        self.vim_new_step();
        let was_running = std::mem::replace(&mut self.vim.is_running, true);
        let done = self.vim_do(verb, count, now, effects);
        self.vim.is_running = was_running;
        if may_change && n_lines != self.rope().len_lines() {
            self.vim.line_before = None;
        } else if revision != self.revision || self.vim.mode == Mode::Insert {
            self.vim.line_before = line.or(self.vim.line_before.take());
        }
        if revision != self.revision {
            // The next `j` goes on from where the edit left the caret.
            self.vim.goal = None;
            self.vim.row_goal = None;
        }
        done
    }

    fn vim_do(&mut self, verb: Verb, count: Option<usize>, now: MonoTime, effects: &mut Vec<Effect>) -> bool {
        match verb {
            Verb::Move(motion) => self.vim_move(&motion, count),
            Verb::Operate(operator, target) => self.vim_operate(operator, &target, count, now, effects),
            Verb::Select(object) => {
                let span = self.vim_span();
                let Some((range, shape)) = object::object(self.rope(), &span, object, count.unwrap_or(1))
                else {
                    return false;
                };
                match (self.vim.mode, shape) {
                    (_, Shape::Lines) => self.vim.mode = Mode::Visual(Shape::Lines),
                    // What is in a line is selected by its characters.
                    (Mode::Visual(Shape::Lines), _) => self.vim.mode = Mode::Visual(Shape::Chars),
                    _ => {}
                }
                self.vim_select(range);
                true
            }
            Verb::Plain(c) => self.vim_plain(c, count, now, effects),
            Verb::Ctrl(c) => self.vim_ctrl(c, count, now),
            Verb::G('t') => self.vim_arrange(Arrange::Next, effects),
            Verb::G('T') => self.vim_arrange(Arrange::Previous, effects),
            Verb::G(c) => self.vim_g(c, count, now, effects),
            Verb::GCtrl(c) => {
                self.vim_add(count.unwrap_or(1) as i64 * if c == 'a' { 1 } else { -1 }, true, now)
            }
            Verb::Z(c) => self.vim_z(c, count),
            Verb::ShiftZ(c) => self.vim_ex(if c == 'Z' { "x" } else { "q!" }, now, effects),
            // As `:q`: the window goes, and the program with the last one.
            Verb::Window('q') => self.vim_ex("q", now, effects),
            Verb::Window(c) => {
                super::plain::window(c).is_some_and(|arrange| self.vim_arrange(arrange, effects))
            }
            Verb::With(c, with) => self.vim_with(c, with, count, now, effects),
            Verb::Ex(line) => {
                self.history.add(Asked::Command, line.trim());
                let line = match count.filter(|_| self.vim.mode == Mode::Normal) {
                    Some(n) => format!(".,.+{}{line}", n.max(1) - 1),
                    None => line,
                };
                // Undone, it leaves the caret where it changed something first.
                self.vim.caret_before = usize::MAX;
                let done = self.vim_ex(&line, now, effects);
                if !line.trim().starts_with('@') {
                    self.vim.last_ex = Some(line);
                }
                done
            }
        }
    }

    /// Moves the caret, or the end of the selection. Returns whether the motion led somewhere.
    fn vim_move(&mut self, motion: &Motion, count: Option<usize>) -> bool {
        let from = self.selection.head;
        if matches!(motion, Motion::Plain('j' | 'k' | '+' | '-') | Motion::G('j' | 'k')) {
            self.vim.goal.get_or_insert(column_of(self.rope(), from, self.tab_width));
        }
        let holds_end =
            self.vim.mode == Mode::Visual(Shape::Chars) && matches!(motion, Motion::Plain('l' | ' '));
        let is_by_rows = matches!(motion, Motion::G('j' | 'k')) && self.is_wrapped();
        if is_by_rows && self.vim.row_goal.is_none() {
            let row = self.place_of(from).1;
            self.vim.row_goal = Some(row.cells_before(self.rope(), from, self.tab_width));
        }
        let Some(reach) = self.vim_reach(motion, count, from, holds_end) else { return false };
        let rope = self.rope();
        let is_vertical = matches!(motion, Motion::Plain('j' | 'k') | Motion::G('j' | 'k')) && !is_by_rows;
        let is_far = matches!(
            motion,
            Motion::Plain('G' | 'n' | 'N' | '*' | '#' | '%' | '{' | '}' | '(' | ')' | 'H' | 'M' | 'L')
                | Motion::G('g' | 'o')
                | Motion::Bracket(..)
                | Motion::Search(..)
                | Motion::Mark(..)
        );
        let to = match motion {
            _ if is_vertical => {
                at_column(rope, rope.char_to_line(reach.to), self.vim.goal.unwrap_or(0), self.tab_width)
            }
            // Only with this one a selection, or what goes on inserting, holds the end of the line.
            Motion::Plain('$') if self.vim.mode != Mode::Normal || self.vim.inserts_after => reach.to,
            _ if self.vim.inserts_after => reach.to,
            // A selection may hold the end of the line.
            Motion::Plain('l' | ' ') if self.vim.mode == Mode::Visual(Shape::Chars) => reach.to,
            _ => motion::in_line(rope, reach.to),
        };
        if !is_by_rows {
            self.vim.row_goal = None;
        }
        if !is_vertical {
            self.vim.goal = (*motion == Motion::Plain('$')).then_some(usize::MAX / 2);
        }
        if is_far {
            self.vim_note_jump();
        }
        match self.vim.mode {
            Mode::Visual(_) => self.vim_extend(to.min(self.rope().len_chars())),
            _ => self.select(Selection::caret(to)),
        }
        if is_far {
            self.center();
        }
        to != from || count.is_none()
    }

    /// What an operator works on: the characters and how they count.
    fn vim_target(&mut self, operator: Operator, target: &Target, count: Option<usize>) -> Option<Span> {
        let from = self.selection.head;
        let rope = self.rope();
        match target {
            Target::Selection => {
                let Mode::Visual(shape) = self.vim.mode else { return None };
                let span = self.vim_span();
                Span::new(if shape == Shape::Lines { self.vim_whole_lines(&span) } else { span }, shape)
            }
            Target::Line => {
                let (first, n) = (self.line(), count.unwrap_or(1));
                if 1 < n && first == self.vim_last_line() {
                    return None;
                }
                let last = (first + n - 1).min(self.vim_last_line().max(first));
                let caret = if n == 1 { motion::first_word(rope, first).min(from) } else { from };
                Some(Span { range: chars_of(rope, first..last + 1), shape: Shape::Lines, caret })
            }
            Target::Match(is_forward) => Span::new(self.vim_match(*is_forward)?, Shape::Chars),
            Target::Object(object) => {
                let (range, shape) = object::object(rope, &(from..from), *object, count.unwrap_or(1))?;
                let (range, shape) =
                    if object.kind == 's' { self.vim_before_line(range) } else { (range, shape) };
                Span::new(range, shape)
            }
            Target::Motion(Motion::Plain(c @ ('w' | 'W')))
                if operator == Operator::Change
                    && rope.get_char(from).is_some_and(|c| !c.is_whitespace()) =>
            {
                // Changing a word leaves the blanks after it. On the last character of a word, it ends here.
                let is_big = *c == 'W';
                let first = motion::run_end(rope, from, is_big);
                let end = (1..count.unwrap_or(1)).fold(first, |at, _| motion::word_end(rope, at, is_big));
                Span::new(from..grapheme::next(rope, end), Shape::Chars)
            }
            Target::Forced(shape, motion) => {
                let reach = self.vim_reach(motion, count, from, true)?;
                self.vim_forced(*shape, from, reach)
            }
            Target::Motion(motion) => {
                let reach = self.vim_reach(motion, count, from, true)?;
                let rope = self.rope();
                let (start, end) = (from.min(reach.to), from.max(reach.to).min(rope.len_chars()));
                let (range, shape) = match reach.shape {
                    Shape::Lines => (self.vim_whole_lines(&(start..end + 1)), Shape::Lines),
                    // A line feed is never the last character.
                    _ if reach.is_inclusive && end == line_end(rope, rope.char_to_line(end)) => {
                        (start..end, Shape::Chars)
                    }
                    _ if reach.is_inclusive => (start..grapheme::next(rope, end), Shape::Chars),
                    _ => self.vim_before_line(start..end),
                };
                let (range, shape) = match shape {
                    Shape::Chars if operator == Operator::Delete => self.vim_leaves_blanks(range),
                    shape => (range, shape),
                };
                Some(Span { range, shape, caret: start })
            }
        }
    }

    /// What a motion spans that is made to be characters, lines or a block. Made to be what it is, characters end at the other side
    /// of the last one.
    fn vim_forced(&mut self, shape: Shape, from: usize, reach: Reach) -> Option<Span> {
        let rope = self.rope();
        let to = match (shape, reach.is_inclusive || reach.shape == Shape::Lines) {
            // Behind a line's last character there is none that a motion could end on.
            (Shape::Chars, true) => motion::in_line(rope, reach.to),
            _ => reach.to,
        };
        let (start, end) = (from.min(to), from.max(to).min(rope.len_chars()));
        let is_inclusive = match reach.shape {
            Shape::Chars if shape == Shape::Chars => !reach.is_inclusive,
            Shape::Chars => reach.is_inclusive,
            _ => shape == Shape::Block,
        };
        match shape {
            Shape::Lines => {
                Some(Span { range: self.vim_whole_lines(&(start..end.max(start + 1))), shape, caret: start })
            }
            Shape::Chars => {
                let is_end = end == line_end(rope, rope.char_to_line(end));
                Span::new(start..if is_inclusive && !is_end { grapheme::next(rope, end) } else { end }, shape)
            }
            Shape::Block => {
                let head = match is_inclusive || reach.to <= from {
                    true => reach.to,
                    false => grapheme::prev(rope, reach.to),
                };
                self.vim.goal = None;
                self.select(Selection { anchor: from, head, goal: None });
                Span::new(self.vim_span(), shape)
            }
        }
    }

    /// What ends where a line begins ends before it, and is whole lines if it begins where one does.
    fn vim_before_line(&self, range: Range<usize>) -> (Range<usize>, Shape) {
        let rope = self.rope();
        let (first, last) = (rope.char_to_line(range.start), rope.char_to_line(range.end));
        if first == last || range.end != rope.line_to_char(last) {
            return (range, Shape::Chars);
        }
        let is_whole = range.start <= rope.line_to_char(first) + indent_of(rope, first).chars().count();
        if is_whole {
            return (chars_of(rope, first..last), Shape::Lines);
        }
        (range.start..line_end(rope, last - 1), Shape::Chars)
    }

    /// What leaves nothing but blanks of several lines takes the lines.
    fn vim_leaves_blanks(&self, range: Range<usize>) -> (Range<usize>, Shape) {
        let rope = self.rope();
        let (first, last) = (rope.char_to_line(range.start), rope.char_to_line(range.end));
        let is_blank = |range: Range<usize>| rope.slice(range).chars().all(|c| matches!(c, ' ' | '\t'));
        let before = rope.line_to_char(first)..range.start;
        if first < last && is_blank(before) && is_blank(range.end..line_end(rope, last)) {
            return (chars_of(rope, first..last + 1), Shape::Lines);
        }
        (range, Shape::Chars)
    }

    pub(super) fn vim_whole_lines(&self, span: &Range<usize>) -> Range<usize> {
        let rope = self.rope();
        let last = rope.char_to_line(span.end.saturating_sub(1).max(span.start).min(rope.len_chars()));
        chars_of(rope, rope.char_to_line(span.start)..last + 1)
    }

    pub(super) fn vim_operate(
        &mut self,
        operator: Operator,
        target: &Target,
        count: Option<usize>,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let Some(Span { range, shape, caret }) = self.vim_target(operator, target, count) else {
            return false;
        };
        self.vim.caret_before = caret;
        let pieces = if shape == Shape::Block { self.vim_block() } else { vec![range.clone()] };
        self.vim.is_change |= operator != Operator::Yank;
        if operator != Operator::Yank && !self.may_edit(now) {
            self.vim_leave_visual();
            return false;
        }
        if matches!(operator, Operator::Delete | Operator::Change | Operator::Yank) {
            self.vim_keep(&pieces, shape, operator == Operator::Yank, effects);
        }
        if operator == Operator::Yank {
            self.vim.yanked = Some(range.clone());
        }
        let start = pieces[0].start;
        let was_visual = matches!(self.vim.mode, Mode::Visual(_));
        self.vim_note_visual();
        self.vim.mode = Mode::Normal;
        match operator {
            Operator::Yank => {
                let stays = *target == Target::Line;
                self.select(Selection::caret(if stays { self.selection.head } else { caret }));
            }
            Operator::Delete => self.vim_delete(&pieces, shape, now),
            Operator::Change => self.vim_change(&pieces, shape, now),
            Operator::Indent | Operator::Outdent | Operator::Reindent | Operator::Comment => {
                self.select(Selection { anchor: range.start, head: range.end, goal: None });
                match operator {
                    Operator::Indent => (0..if was_visual { count.unwrap_or(1) } else { 1 })
                        .for_each(|_| self.indent_lines(now)),
                    Operator::Outdent => self.outdent(now),
                    Operator::Reindent => self.reindent(now),
                    _ => self.toggle_comment(now),
                }
                let line = self.rope().char_to_line(start.min(self.rope().len_chars()));
                self.select(Selection::caret(motion::first_word(self.rope(), line)));
            }
            Operator::Reflow | Operator::ReflowHere => {
                let mark = self.document.anchor(self.selection.head, Bias::Right);
                let rope = self.rope();
                let (first, last) = (rope.char_to_line(range.start), range.end.saturating_sub(1));
                let last = rope.char_to_line(last.max(range.start)).min(self.vim_last_line());
                self.vim_reflow(first..last.max(first) + 1, now);
                let at = self.document.resolve(mark).filter(|_| operator == Operator::ReflowHere);
                at.into_iter().for_each(|at| self.select(Selection::caret(motion::in_line(self.rope(), at))));
            }
            Operator::Lower | Operator::Upper | Operator::SwapCase | Operator::Rot13 => {
                self.vim_case(&pieces, operator, now);
                self.select(Selection::caret(caret.min(self.rope().len_chars())));
            }
        }
        true
    }

    /// Takes characters away and leaves the caret where vim does.
    fn vim_delete(&mut self, pieces: &[Range<usize>], shape: Shape, now: MonoTime) {
        let rope = self.rope();
        let mut edits: Vec<Edit> = pieces.iter().cloned().map(Edit::delete).collect();
        let start = pieces[0].start;
        // The last line takes the line feed before it along.
        let is_last = shape == Shape::Lines && pieces[0].end == rope.len_chars() && 0 < start;
        if is_last && rope.slice(pieces[0].clone()).chars().last().is_none_or(|c| c != '\n') {
            edits[0].range.start -= 1;
        }
        self.make_whole(&edits, now);
        let at = start.min(self.rope().len_chars());
        let line = self.rope().char_to_line(at).min(self.vim_last_line());
        let at = if shape == Shape::Lines { motion::first_word(self.rope(), line) } else { at };
        self.select(Selection::caret(at));
    }

    fn vim_change(&mut self, pieces: &[Range<usize>], shape: Shape, now: MonoTime) {
        self.vim.begin_insert();
        self.vim_new_step();
        let rope = self.rope();
        if shape == Shape::Lines {
            // What is indented stays so, and the line stays a line.
            let line = rope.char_to_line(pieces[0].start);
            let indent = if self.settings.auto_indent { indent_of(rope, line) } else { String::new() };
            let ends_line = rope.slice(pieces[0].clone()).chars().last().is_some_and(|c| c == '\n');
            let range = pieces[0].start..pieces[0].end - usize::from(ends_line);
            let at = range.start + indent.chars().count();
            self.make_whole(&[Edit { range, text: indent }], now);
            return self.select(Selection::caret(at));
        }
        let edits: Vec<Edit> = pieces.iter().cloned().map(Edit::delete).collect();
        let carets: Vec<Selection> = edits
            .iter()
            .map(|edit| Selection::caret(crate::editor::edits::carry(edit.range.start, &edits, Bias::Left)))
            .collect();
        self.make_whole(&edits, now);
        self.set_selections(carets, 0);
    }

    fn vim_case(&mut self, pieces: &[Range<usize>], operator: Operator, now: MonoTime) {
        let change = |c: char| -> String {
            match operator {
                Operator::Lower => c.to_lowercase().collect(),
                Operator::Upper => c.to_uppercase().collect(),
                Operator::Rot13 => rot13(c).to_string(),
                _ if c.is_lowercase() => c.to_uppercase().collect(),
                _ => c.to_lowercase().collect(),
            }
        };
        let rope = self.rope();
        let edits: Vec<Edit> = pieces
            .iter()
            .map(|range| Edit {
                text: rope.slice(range.clone()).chars().map(change).collect(),
                range: range.clone(),
            })
            .filter(|edit| rope.slice(edit.range.clone()) != edit.text.as_str())
            .collect();
        self.make_biased(&edits, Bias::Left, now);
    }
}

fn rot13(c: char) -> char {
    let first = if c.is_ascii_uppercase() { b'A' } else { b'a' };
    if c.is_ascii_alphabetic() { char::from((c as u8 - first + 13) % 26 + first) } else { c }
}
