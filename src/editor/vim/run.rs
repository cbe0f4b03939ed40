//! Vim's commands carried out.

use std::ops::Range;

use crate::base::time::MonoTime;
use crate::document::Bias;
use crate::editor::column::{at_column, column_of, line_end};
use crate::editor::edits::Edit;
use crate::editor::lines::{chars_of, indent_of};
use crate::editor::panes::Arrange;
use crate::editor::search::Options;
use crate::editor::selection::Selection;
use crate::editor::{Effect, Model, bracket, grapheme};

use super::Mode;
use super::keys::{Command, Motion, Operator, Target, Verb};
use super::motion::{self, Shape};

/// What a motion spans: to where, and how that counts.
#[derive(Clone, Copy, Debug)]
struct Reach {
    to: usize,
    shape: Shape,
    /// Whether the character at the end belongs to it.
    is_inclusive: bool,
}

impl Reach {
    fn exclusive(to: usize) -> Option<Reach> {
        Some(Reach { to, shape: Shape::Chars, is_inclusive: false })
    }

    fn inclusive(to: usize) -> Option<Reach> {
        Some(Reach { to, shape: Shape::Chars, is_inclusive: true })
    }

    fn lines(to: usize) -> Option<Reach> {
        Some(Reach { to, shape: Shape::Lines, is_inclusive: false })
    }
}

impl Model {
    /// Carries out one command. Returns whether it could be done.
    pub(super) fn vim_run(&mut self, command: Command, now: MonoTime, effects: &mut Vec<Effect>) -> bool {
        let Command { register, count, verb } = command;
        self.vim.register = register;
        match verb {
            Verb::Move(motion) => self.vim_move(&motion, count),
            Verb::Operate(operator, target) => self.vim_operate(operator, &target, count, now, effects),
            Verb::Select(object) => {
                let mut span = self.vim_span();
                for _ in 0..count.unwrap_or(1) {
                    let Some((range, shape)) = motion::object(self.rope(), &span, object) else {
                        return false;
                    };
                    if shape == Shape::Lines {
                        self.vim.mode = Mode::Visual(Shape::Lines);
                    }
                    span = range;
                }
                self.vim_select(span);
                true
            }
            Verb::Plain(c) => self.vim_plain(c, count, now, effects),
            Verb::Ctrl(c) => self.vim_ctrl(c, count, now),
            Verb::G('t') => self.vim_arrange(Arrange::Next, effects),
            Verb::G('T') => self.vim_arrange(Arrange::Previous, effects),
            Verb::G(c) => self.vim_g(c, count, now),
            Verb::Z(c) => self.vim_z(c),
            Verb::ShiftZ(c) => self.vim_ex(if c == 'Z' { "x" } else { "q!" }, now, effects),
            Verb::Window(c) => {
                super::plain::window(c).is_some_and(|arrange| self.vim_arrange(arrange, effects))
            }
            Verb::With(c, with) => self.vim_with(c, with, count, now, effects),
            Verb::Ex(line) => self.vim_ex(&line, now, effects),
        }
    }

    /// Moves the caret, or the end of the selection. Returns whether the motion led somewhere.
    fn vim_move(&mut self, motion: &Motion, count: Option<usize>) -> bool {
        let from = self.selection.head;
        if matches!(motion, Motion::Plain('j' | 'k' | '+' | '-') | Motion::G('j' | 'k')) {
            self.vim.goal.get_or_insert(column_of(self.rope(), from));
        }
        let Some(reach) = self.vim_reach(motion, count, from, false) else { return false };
        let rope = self.rope();
        let is_vertical = matches!(motion, Motion::Plain('j' | 'k') | Motion::G('j' | 'k'));
        let is_far = matches!(
            motion,
            Motion::Plain('G' | 'n' | 'N' | '*' | '#' | '%' | '{' | '}' | '(' | ')' | 'H' | 'M' | 'L')
                | Motion::G('g')
                | Motion::Search(..)
                | Motion::Mark(..)
        );
        let to = match motion {
            _ if is_vertical => at_column(rope, rope.char_to_line(reach.to), self.vim.goal.unwrap_or(0)),
            Motion::Plain('$') if self.vim.mode == Mode::Normal => motion::in_line(rope, reach.to),
            _ => reach.to,
        };
        if !is_vertical {
            self.vim.goal = (*motion == Motion::Plain('$')).then_some(usize::MAX / 2);
        }
        if is_far {
            let mark = self.document.anchor(from, Bias::Left);
            self.vim.marks.insert('\'', mark);
            self.vim.marks.insert('`', mark);
        }
        match self.vim.mode {
            Mode::Visual(_) => self.vim_extend(to.min(self.rope().len_chars())),
            _ => self.select(Selection::caret(motion::in_line(self.rope(), to))),
        }
        if is_far {
            self.center();
        }
        to != from || count.is_none()
    }

    /// Where a motion leads from a place; `None` if nowhere.
    fn vim_reach(
        &mut self,
        motion: &Motion,
        count: Option<usize>,
        from: usize,
        is_operator: bool,
    ) -> Option<Reach> {
        let n = count.unwrap_or(1);
        match motion {
            Motion::To { c, is_forward, is_till } => {
                self.vim.last_to = Some((*c, *is_forward, *is_till));
                self.vim_to(*c, *is_forward, *is_till, n, from)
            }
            Motion::Mark(name, is_line) => {
                let at = self.document.resolve(*self.vim.marks.get(name)?)?;
                let rope = self.rope();
                let line = rope.char_to_line(at);
                if *is_line { Reach::lines(motion::first_word(rope, line)) } else { Reach::exclusive(at) }
            }
            Motion::Search(pattern, is_forward) => {
                if !pattern.is_empty() {
                    self.vim_search_for(&super::pattern::translated(pattern)).ok()?;
                }
                self.vim.is_search_forward = *is_forward;
                self.vim_search(true, n, from)
            }
            Motion::Plain(c @ ('n' | 'N')) => self.vim_search(*c == 'n', n, from),
            Motion::Plain('*' | '#') | Motion::G('*' | '#') => {
                let is_forward = matches!(motion, Motion::Plain('*') | Motion::G('*'));
                let (start, end) = self.vim_word(from)?;
                let word = self.rope().slice(start..end).to_string();
                let escaped = super::pattern::escaped(&word);
                let is_whole = matches!(motion, Motion::Plain(_));
                let options = Options { is_regex: true, is_word: is_whole, is_exact: false };
                self.vim_search_with(escaped, options).ok()?;
                self.vim.is_search_forward = is_forward;
                self.vim_search(true, n, start)
            }
            Motion::Plain(c @ (';' | ',')) => {
                let (to, is_forward, is_till) = self.vim.last_to?;
                let is_forward = is_forward == (*c == ';');
                // Beside the character already: to the one after it.
                let skip = usize::from(is_till && n == 1);
                let end = line_end(self.rope(), self.rope().char_to_line(from));
                let start = if is_forward { (from + skip).min(end) } else { from.saturating_sub(skip) };
                self.vim_to(to, is_forward, is_till, n, start)
            }
            Motion::Plain(c) => self.vim_plain_reach(*c, count, from, is_operator),
            Motion::G(c) => self.vim_g_reach(*c, count, from),
        }
    }

    fn vim_to(&self, c: char, is_forward: bool, is_till: bool, n: usize, from: usize) -> Option<Reach> {
        let to = motion::to_char(self.rope(), from, c, n, is_forward, is_till)?;
        if is_forward { Reach::inclusive(to) } else { Reach::exclusive(to) }
    }

    /// The word at a place, or the next one in its line.
    fn vim_word(&self, from: usize) -> Option<(usize, usize)> {
        let rope = self.rope();
        let end = line_end(rope, rope.char_to_line(from));
        let is_word = |at: &usize| grapheme::class_of(rope.char(*at)) == grapheme::Class::Word;
        let at = (from..end).find(is_word)?;
        let (mut start, mut stop) = (at, at);
        while stop < end && is_word(&stop) {
            stop += 1;
        }
        while 0 < start && is_word(&(start - 1)) {
            start -= 1;
        }
        Some((start, stop))
    }

    fn vim_search_for(&mut self, pattern: &str) -> Result<(), String> {
        self.vim_search_with(pattern.to_owned(), Options { is_regex: true, ..Options::default() })
    }

    fn vim_search_with(&mut self, pattern: String, options: Options) -> Result<(), String> {
        let done = self.search_for(pattern, options);
        if let Err(why) = &done {
            self.vim.error = Some(why.clone());
        }
        self.find.is_lit = done.is_ok();
        done
    }

    fn vim_search(&mut self, same: bool, n: usize, from: usize) -> Option<Reach> {
        let is_forward = self.vim.is_search_forward == same;
        let mut at = from;
        for _ in 0..n {
            let found = if is_forward { self.next_match(at + 1) } else { self.match_before(at) };
            let Some(found) = found else {
                self.vim.error = Some("not found".to_owned());
                return None;
            };
            at = found.start;
        }
        self.find.is_lit = true;
        Reach::exclusive(at)
    }

    fn vim_plain_reach(
        &self,
        c: char,
        count: Option<usize>,
        from: usize,
        is_operator: bool,
    ) -> Option<Reach> {
        let n = count.unwrap_or(1);
        let rope = self.rope();
        let (line, last) = (rope.char_to_line(from), self.vim_last_line());
        let repeat = |step: &dyn Fn(usize) -> usize| (0..n).fold(from, |at, _| step(at));
        let to_line = |line: usize| Reach::lines(motion::first_word(rope, line.min(last)));
        match c {
            'h' => Reach::exclusive(repeat(&|at| {
                if at == rope.line_to_char(line) { at } else { grapheme::prev(rope, at) }
            })),
            'l' | ' ' => {
                let end = line_end(rope, line);
                let to = repeat(&|at| if at == end { at } else { grapheme::next(rope, at) });
                Reach::exclusive(if is_operator { to } else { motion::in_line(rope, to) })
            }
            'j' => (line < last).then(|| Reach::lines(rope.line_to_char((line + n).min(last))))?,
            'k' => (0 < line).then(|| Reach::lines(rope.line_to_char(line.saturating_sub(n))))?,
            '+' => (line < last).then(|| to_line(line + n))?,
            '-' => (0 < line).then(|| to_line(line.saturating_sub(n)))?,
            '_' => to_line(line + n - 1),
            'w' | 'W' => Reach::exclusive(self.vim_word_reach(c == 'W', n, from, is_operator)),
            'b' | 'B' => Reach::exclusive(repeat(&|at| motion::word_back(rope, at, c == 'B'))),
            'e' | 'E' => Reach::inclusive(repeat(&|at| motion::word_end(rope, at, c == 'E'))),
            '0' => Reach::exclusive(rope.line_to_char(line)),
            '^' => Reach::exclusive(motion::first_word(rope, line)),
            '$' => Reach::exclusive(line_end(rope, (line + n - 1).min(last))),
            '|' => Reach::exclusive(at_column(rope, line, n - 1)),
            'G' => to_line(count.map_or(last, |n| n.max(1) - 1)),
            '{' | '}' => {
                self.vim_to_border(repeat(&|at| motion::paragraph(rope, at, c == '}')), from, is_operator)
            }
            '(' | ')' => Reach::exclusive(repeat(&|at| motion::sentence(rope, at, c == ')'))),
            '%' => match count {
                Some(percent) => to_line((percent * rope.len_lines()).div_ceil(100).max(1) - 1),
                None => {
                    let at = (from..line_end(rope, line)).find(|&at| "()[]{}".contains(rope.char(at)))?;
                    Reach::inclusive(bracket::of(rope, at)?)
                }
            },
            'H' => to_line(self.scroll.top + n - 1),
            'L' => to_line((self.scroll.top + self.vim_rows()).saturating_sub(n).max(self.scroll.top)),
            'M' => to_line(self.scroll.top + (self.vim_rows().min(last + 1 - self.scroll.top)) / 2),
            _ => None,
        }
    }

    /// `dw` on the last word of a line stays in the line.
    fn vim_word_reach(&self, is_big: bool, n: usize, from: usize, is_operator: bool) -> usize {
        let rope = self.rope();
        let mut at = from;
        for step in 1..=n {
            let to = motion::word_start(rope, at, is_big);
            let line = rope.char_to_line(at);
            if is_operator && step == n && line < rope.char_to_line(to) && at < line_end(rope, line) {
                return line_end(rope, line);
            }
            at = to;
        }
        at
    }

    /// An operator up to the start of a line does not take that line's start with it.
    fn vim_to_border(&self, to: usize, from: usize, is_operator: bool) -> Option<Reach> {
        let rope = self.rope();
        let is_line_start = to == rope.line_to_char(rope.char_to_line(to));
        if is_operator && from < to && is_line_start {
            let from_line = rope.char_to_line(from);
            if from == rope.line_to_char(from_line) {
                return Reach::lines(to - 1);
            }
            return Reach::exclusive(to - 1);
        }
        Reach::exclusive(to)
    }

    fn vim_g_reach(&self, c: char, count: Option<usize>, from: usize) -> Option<Reach> {
        let rope = self.rope();
        let n = count.unwrap_or(1);
        let line = rope.char_to_line(from);
        match c {
            'g' => Reach::lines(motion::first_word(rope, (n - 1).min(self.vim_last_line()))),
            'e' | 'E' => {
                Reach::inclusive((0..n).fold(from, |at, _| motion::word_end_back(rope, at, c == 'E')))
            }
            '_' => {
                let (start, end) = (rope.line_to_char(line), line_end(rope, line));
                let n_blanks =
                    rope.chars_at(end).reversed().take(end - start).take_while(|c| c.is_whitespace()).count();
                Reach::inclusive((end - n_blanks).saturating_sub(1).max(start))
            }
            'j' | 'k' => self.vim_plain_reach(c, count, from, false),
            _ => None,
        }
    }

    /// The last line; the empty one after a last line feed is none.
    pub(super) fn vim_last_line(&self) -> usize {
        let rope = self.rope();
        let last = rope.len_lines() - 1;
        if 0 < last && rope.line_to_char(last) == rope.len_chars() { last - 1 } else { last }
    }

    fn vim_rows(&self) -> usize {
        usize::from(self.layout().text_rows).max(1)
    }

    /// What an operator works on: the characters and how they count.
    fn vim_target(
        &mut self,
        operator: Operator,
        target: &Target,
        count: Option<usize>,
    ) -> Option<(Range<usize>, Shape)> {
        let from = self.selection.head;
        match target {
            Target::Selection => {
                let Mode::Visual(shape) = self.vim.mode else { return None };
                let span = self.vim_span();
                Some((if shape == Shape::Lines { self.vim_whole_lines(&span) } else { span }, shape))
            }
            Target::Line => {
                let first = self.line();
                let last = (first + count.unwrap_or(1) - 1).min(self.vim_last_line().max(first));
                Some((chars_of(self.rope(), first..last + 1), Shape::Lines))
            }
            Target::Object(object) => {
                let found = motion::object(self.rope(), &(from..from), *object);
                let (range, shape) = found?;
                Some((range, shape))
            }
            Target::Motion(motion) => {
                // Changing a word leaves the blanks after it.
                let is_on_word = self.rope().get_char(from).is_some_and(|c| !c.is_whitespace());
                let motion = match motion {
                    Motion::Plain(c @ ('w' | 'W')) if operator == Operator::Change && is_on_word => {
                        let is_big = *c == 'W';
                        let n = count.unwrap_or(1);
                        let rope = self.rope();
                        // On the last character of a word, the word ends here.
                        let first = motion::run_end(rope, from, is_big);
                        let end = (1..n).fold(first, |at, _| motion::word_end(rope, at, is_big));
                        return Some((from..grapheme::next(rope, end), Shape::Chars));
                    }
                    motion => motion.clone(),
                };
                let reach = self.vim_reach(&motion, count, from, true)?;
                let (start, end) = (from.min(reach.to), from.max(reach.to));
                if reach.shape == Shape::Lines {
                    return Some((self.vim_whole_lines(&(start..end + 1)), Shape::Lines));
                }
                let end = if reach.is_inclusive { grapheme::next(self.rope(), end) } else { end };
                Some((start..end.min(self.rope().len_chars()), Shape::Chars))
            }
        }
    }

    fn vim_whole_lines(&self, span: &Range<usize>) -> Range<usize> {
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
        let Some((range, shape)) = self.vim_target(operator, target, count) else { return false };
        let pieces = if shape == Shape::Block { self.vim_block() } else { vec![range.clone()] };
        self.vim.is_change |= operator != Operator::Yank;
        if operator != Operator::Yank && !self.may_edit(now) {
            self.vim_leave_visual();
            return false;
        }
        if matches!(operator, Operator::Delete | Operator::Change | Operator::Yank) {
            self.vim_keep(&pieces, shape, operator == Operator::Yank, effects);
        }
        let start = pieces[0].start;
        let was_visual = matches!(self.vim.mode, Mode::Visual(_));
        self.vim.mode = Mode::Normal;
        match operator {
            Operator::Yank => {
                let head = self.selection.head;
                let at = if shape == Shape::Lines && !was_visual && start <= head {
                    at_column(self.rope(), self.rope().char_to_line(start), column_of(self.rope(), head))
                } else {
                    start
                };
                self.select(Selection::caret(at));
            }
            Operator::Delete => self.vim_delete(&pieces, shape, now),
            Operator::Change => self.vim_change(&pieces, shape, now),
            Operator::Indent | Operator::Outdent | Operator::Comment => {
                self.select(Selection { anchor: range.start, head: range.end, goal: None });
                match operator {
                    Operator::Indent => (0..if was_visual { count.unwrap_or(1) } else { 1 })
                        .for_each(|_| self.indent_lines(now)),
                    Operator::Outdent => self.outdent(now),
                    _ => self.toggle_comment(now),
                }
                let line = self.rope().char_to_line(start.min(self.rope().len_chars()));
                self.select(Selection::caret(motion::first_word(self.rope(), line)));
            }
            Operator::Lower | Operator::Upper | Operator::SwapCase => {
                self.vim_case(&pieces, operator, now);
                self.select(Selection::caret(start));
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
