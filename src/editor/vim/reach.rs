//! Where vim's motions lead from a place in the text as it is on the screen.

use std::ops::Range;

use crate::editor::column::{at_column, column_of, line_end};
use crate::editor::grapheme::Class;
use crate::editor::history::Asked;
use crate::editor::search::Options;
use crate::editor::selection::Selection;
use crate::editor::{Model, bracket, grapheme};

use super::keys::Motion;
use super::motion::{self, Shape};
use super::pattern;
use super::{Mode, Search};

/// What a motion spans: to where, and how that counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    pub to: usize,
    pub shape: Shape,
    /// Whether the character at the end belongs to it.
    pub is_inclusive: bool,
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
    /// Where a motion leads from a place; `None` if nowhere.
    pub(super) fn vim_reach(
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
                let at = self.vim_mark(*name)?;
                let rope = self.rope();
                let line = rope.char_to_line(at);
                if *is_line { Reach::lines(motion::first_word(rope, line)) } else { Reach::exclusive(at) }
            }
            Motion::Search(line, is_forward) => {
                let (pattern, offset) = pattern::with_offset(line, if *is_forward { '/' } else { '?' });
                self.vim.search_offset = offset.to_owned();
                self.history.add(Asked::Pattern, line);
                if !pattern.is_empty() {
                    let wanted = self.vim_needle(pattern, "");
                    self.vim_search_with(wanted).ok()?;
                }
                self.vim.is_search_forward = *is_forward;
                self.vim_search(true, n, from)
            }
            Motion::Plain(c @ ('n' | 'N')) => self.vim_search(*c == 'n', n, from),
            Motion::Plain('*' | '#') | Motion::G('*' | '#') => {
                let is_forward = matches!(motion, Motion::Plain('*') | Motion::G('*'));
                let word = self.vim_word(from)?;
                let start = word.start;
                let word = self.rope().slice(word).to_string();
                let escaped = pattern::escaped(&word);
                self.vim.search_offset.clear();
                let is_whole = matches!(motion, Motion::Plain(_))
                    && word.chars().all(|c| grapheme::class_of(c) == Class::Word);
                let is_exact = self.vim.search.is_exact;
                let options = Options { is_regex: true, is_word: is_whole, is_exact };
                self.vim_search_with(Ok((escaped, options))).ok()?;
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
            Motion::Plain(c) => {
                let reach = self.vim_plain_reach(*c, count, from, is_operator)?;
                // The empty line behind the last line feed is none.
                let end = line_end(self.rope(), self.vim_last_line());
                Some(Reach { to: reach.to.min(end), ..reach })
            }
            Motion::G(c) => self.vim_g_reach(*c, count, from),
            Motion::Bracket(way, kind) => {
                let step = |at: &usize| self.vim_bracket(*way == ']', *kind, *at);
                Reach::exclusive(std::iter::successors(step(&from), step).take(n).last()?)
            }
        }
    }

    /// Where what is open at a place was opened, or is closed; for `[` and `]` the next line that begins with a brace.
    fn vim_bracket(&self, is_forward: bool, kind: char, from: usize) -> Option<usize> {
        let (rope, line) = (self.rope(), self.rope().char_to_line(from));
        let begins = |brace: char| move |line: &usize| rope.get_char(rope.line_to_char(*line)) == Some(brace);
        let (open, close) = if matches!(kind, '(' | ')') { ('(', ')') } else { ('{', '}') };
        let last = self.vim_last_line();
        match (is_forward, kind) {
            (false, '(' | '{') => bracket::opening(rope, from, open, close),
            (true, ')' | '}') => bracket::closing(rope, from + 1, open, close),
            (false, '[' | ']') if line == 0 && from == 0 => None,
            (false, '[') => {
                Some((0..line).rev().find(begins(open)).map_or(0, |line| rope.line_to_char(line)))
            }
            (false, ']') => {
                Some((0..line).rev().find(begins(close)).map_or(0, |line| rope.line_to_char(line)))
            }
            (true, '[' | ']') if line == last => None,
            (true, kind) if matches!(kind, '[' | ']') => {
                let brace = if kind == ']' { open } else { close };
                let to = (line + 1..=last).find(begins(brace)).unwrap_or(last);
                Some(if begins(brace)(&to) { rope.line_to_char(to) } else { motion::first_word(rope, to) })
            }
            _ => None,
        }
    }

    /// Where a mark is; `<` and `>` are the ends of the last selection.
    pub(super) fn vim_mark(&self, name: char) -> Option<usize> {
        let Some((_, a, b)) = self.vim.last_visual.filter(|_| matches!(name, '<' | '>')) else {
            let at = self.document.resolve(*self.vim.marks.get(&name)?)?;
            let last = self.vim_last_line();
            // Behind the last line there is none.
            return Some(if last < self.rope().char_to_line(at) {
                self.rope().line_to_char(last)
            } else {
                at
            });
        };
        let (a, b) = (self.document.resolve(a)?, self.document.resolve(b)?);
        let (start, end, rope) = (a.min(b), a.max(b), self.rope());
        let is_lines = self.vim.last_visual.is_some_and(|(mode, ..)| mode == Mode::Visual(Shape::Lines));
        Some(match name {
            '<' if is_lines => rope.line_to_char(rope.char_to_line(start)),
            '<' => start,
            _ if is_lines => motion::in_line(rope, line_end(rope, rope.char_to_line(end))),
            _ => end,
        })
    }

    fn vim_to(&self, c: char, is_forward: bool, is_till: bool, n: usize, from: usize) -> Option<Reach> {
        let to = motion::to_char(self.rope(), from, c, n, is_forward, is_till)?;
        if is_forward { Reach::inclusive(to) } else { Reach::exclusive(to) }
    }

    /// The word at a place, or the next one in its line; without one, what else is not blank.
    pub(super) fn vim_word(&self, from: usize) -> Option<Range<usize>> {
        let rope = self.rope();
        let end = line_end(rope, rope.char_to_line(from));
        let is = |at: usize, class: Class| grapheme::class_of(rope.char(at)) == class;
        let first = |class| (from..end).find(|&at| is(at, class)).map(|at| (at, class));
        let (at, class) = first(Class::Word).or_else(|| first(Class::Punctuation))?;
        let start = (0..at).rev().take_while(|&at| is(at, class)).last().unwrap_or(at);
        Some(start..(at..end).find(|&at| !is(at, class)).unwrap_or(end))
    }

    /// What is searched for by a pattern of vim, and how: the flags `i` and `I` come before what `:set` says, and `\c` in the
    /// pattern before both.
    pub(super) fn vim_needle(&self, pattern: &str, flags: &str) -> Result<(String, Options), String> {
        let Search { is_exact, folds_all, .. } = self.vim.search;
        let needle = pattern::translated(pattern)?;
        let folds = flags.contains('i')
            || !(is_exact || flags.contains('I') || (!folds_all && pattern::has_upper_case(pattern)));
        // A letter that names a class of characters says nothing of the case.
        let is_said = folds && needle.chars().any(char::is_uppercase);
        let needle = if is_said { format!("(?i){needle}") } else { needle };
        Ok((needle, Options { is_regex: true, is_word: false, is_exact: !folds }))
    }

    fn vim_search_with(&mut self, wanted: Result<(String, Options), String>) -> Result<(), String> {
        let done = wanted.and_then(|(needle, options)| self.search_for(needle, options));
        if let Err(why) = &done {
            self.vim.error = Some(why.clone());
        }
        self.find.is_lit = done.is_ok() && !self.vim.search.is_dark;
        done
    }

    fn vim_search(&mut self, same: bool, n: usize, from: usize) -> Option<Reach> {
        let is_forward = self.vim.is_search_forward == same;
        let mut found = from..from;
        for _ in 0..n {
            let next =
                if is_forward { self.next_match(found.start + 1) } else { self.match_before(found.start) };
            let Some(next) = next else {
                self.vim.error = Some("not found".to_owned());
                return None;
            };
            found = next;
        }
        self.find.is_lit = !self.vim.search.is_dark;
        self.vim_beside(found)
    }

    /// The match that the caret is in; without one, the next or the one before.
    pub(super) fn vim_match(&mut self, is_forward: bool) -> Option<Range<usize>> {
        let head = self.selection.head;
        let here = self.match_before(head + 1).filter(|found| found.contains(&head));
        let other = || if is_forward { self.next_match(head) } else { self.match_before(head) };
        let found = here.or_else(other);
        if found.is_none() {
            self.vim.error = Some("not found".to_owned());
        }
        self.find.is_lit = found.is_some() && !self.vim.search.is_dark;
        found
    }

    /// Where the offset behind a pattern leads from a match: characters from its start or end, or lines.
    fn vim_beside(&self, found: Range<usize>) -> Option<Reach> {
        let (rope, offset) = (self.rope(), self.vim.search_offset.as_str());
        let by = |text: &str| match text {
            "" => 0,
            "+" => 1,
            "-" => -1,
            text => text.parse::<isize>().unwrap_or(0),
        };
        let len = rope.len_chars();
        match offset.chars().next() {
            None => Reach::exclusive(found.start),
            Some('e') => {
                let last = grapheme::prev(rope, found.end).max(found.start);
                Reach::inclusive(last.saturating_add_signed(by(&offset[1..])).min(len))
            }
            Some('s' | 'b') => Reach::exclusive(found.start.saturating_add_signed(by(&offset[1..])).min(len)),
            Some(_) => {
                let line = rope.char_to_line(found.start).saturating_add_signed(by(offset));
                Reach::lines(motion::first_word(rope, line.min(self.vim_last_line())))
            }
        }
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
        let below = |line: usize| {
            Reach::lines(at_column(rope, line, column_of(rope, from, self.tab_width), self.tab_width))
        };
        match c {
            'h' => Reach::exclusive(repeat(&|at| {
                if at == rope.line_to_char(line) { at } else { grapheme::prev(rope, at) }
            })),
            'l' | ' ' => {
                let end = line_end(rope, line);
                let to = repeat(&|at| if at == end { at } else { grapheme::next(rope, at) });
                Reach::exclusive(if is_operator { to } else { motion::in_line(rope, to) })
            }
            'j' => (line < last).then(|| below((line + n).min(last)))?,
            'k' => (0 < line).then(|| below(line.saturating_sub(n)))?,
            '+' => (line < last).then(|| to_line(line + n))?,
            '-' => (0 < line).then(|| to_line(line.saturating_sub(n)))?,
            '_' | '$' if 1 < n && line == last => None,
            '_' => to_line(line + n - 1),
            'w' | 'W' => Reach::exclusive(self.vim_word_reach(c == 'W', n, from, is_operator)),
            'b' | 'B' if from == 0 => None,
            'b' | 'B' => Reach::exclusive(repeat(&|at| motion::word_back(rope, at, c == 'B'))),
            'e' | 'E' => Reach::inclusive(repeat(&|at| motion::word_end(rope, at, c == 'E'))),
            '0' => Reach::exclusive(rope.line_to_char(line)),
            '^' => Reach::exclusive(motion::first_word(rope, line)),
            '$' => Reach::inclusive(line_end(rope, (line + n - 1).min(last))),
            '|' => Reach::exclusive(motion::in_line(rope, at_column(rope, line, n - 1, self.tab_width))),
            'G' => to_line(count.map_or(last, |n| n.max(1) - 1)),
            '{' | '}' => Reach::exclusive(all_of(n, from, &|at| motion::paragraph(rope, at, c == '}'))?),
            '(' | ')' => Reach::exclusive(all_of(n, from, &|at| motion::sentence(rope, at, c == ')'))?),
            '%' => match count {
                Some(percent) => to_line((percent * rope.len_lines()).div_ceil(100).max(1) - 1),
                None => {
                    let at = (from..line_end(rope, line)).find(|&at| "()[]{}".contains(rope.char(at)))?;
                    Reach::inclusive(bracket::of(rope, at)?)
                }
            },
            'H' => to_line(self.scroll.top + n - 1),
            'L' => to_line((self.scroll.top + self.vim_rows()).saturating_sub(n).max(self.scroll.top)),
            'M' => {
                let n_rows = self.vim_rows().min(last + 1 - self.scroll.top.min(last));
                to_line(self.scroll.top + n_rows.div_ceil(2) - 1)
            }
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
            if is_operator && step == n && motion::is_empty_line(rope, at) && line < self.vim_last_line() {
                // An empty line is a word that ends with it.
                return at + 1;
            }
            if is_operator && step == n && line < rope.char_to_line(to) && at < line_end(rope, line) {
                return line_end(rope, line);
            }
            at = to;
        }
        at
    }

    fn vim_g_reach(&self, c: char, count: Option<usize>, from: usize) -> Option<Reach> {
        let rope = self.rope();
        let n = count.unwrap_or(1);
        let line = rope.char_to_line(from);
        match c {
            'g' => Reach::lines(motion::first_word(rope, (n - 1).min(self.vim_last_line()))),
            'e' | 'E' if from == 0 => None,
            'e' | 'E' => {
                Reach::inclusive((0..n).fold(from, |at, _| motion::word_end_back(rope, at, c == 'E')))
            }
            '_' if 1 < n && line == self.vim_last_line() => None,
            '_' => {
                let line = (line + n - 1).min(self.vim_last_line());
                let (start, end) = (rope.line_to_char(line), line_end(rope, line));
                let n_blanks =
                    rope.chars_at(end).reversed().take(end - start).take_while(|c| c.is_whitespace()).count();
                Reach::inclusive((end - n_blanks).saturating_sub(1).max(start))
            }
            // By rows, where lines go on in the next one.
            'j' | 'k' if self.is_wrapped() => {
                let by = n as isize * if c == 'j' { 1 } else { -1 };
                let at = Selection { goal: self.vim.row_goal, ..Selection::caret(from) };
                let (to, _) = self.moved_rows(at, by);
                let is_stuck = rope.char_to_line(to) == line && self.place_of(to).0 == self.place_of(from).0;
                if is_stuck { None } else { Reach::exclusive(to) }
            }
            'j' | 'k' => self.vim_plain_reach(c, count, from, false),
            '0' | '^' | '$' | 'm' => {
                let row = self.place_of(from).1.chars;
                let blanks = rope.chars_at(row.start).take(row.len()).take_while(|c| matches!(c, ' ' | '\t'));
                let columns = usize::from(self.layout().text_columns) / 2;
                match c {
                    '0' => Reach::exclusive(row.start),
                    '^' => Reach::exclusive((row.start + blanks.count()).min(row.end)),
                    '$' => Reach::inclusive(grapheme::prev(rope, row.end).max(row.start)),
                    _ => {
                        let column = column_of(rope, row.start, self.tab_width) + columns;
                        let to = at_column(rope, line, column, self.tab_width).min(row.end);
                        Reach::exclusive(motion::in_line(rope, to))
                    }
                }
            }
            // The middle of the line's text.
            'M' => {
                let (start, end) = (rope.line_to_char(line), line_end(rope, line));
                let percent = count.map_or(50, |n| n.min(100));
                Reach::exclusive(motion::in_line(rope, start + (end - start) * percent / 100))
            }
            'o' => Reach::exclusive(rope.byte_to_char((n - 1).min(rope.len_bytes()))),
            _ => None,
        }
    }

    /// The last line; the empty one after a last line feed is none.
    pub(super) fn vim_last_line(&self) -> usize {
        motion::last_line(self.rope())
    }

    fn vim_rows(&self) -> usize {
        usize::from(self.layout().text_rows).max(1)
    }
}

/// Takes `n` steps; `None` if one of them leads nowhere.
fn all_of(n: usize, from: usize, step: &dyn Fn(usize) -> usize) -> Option<usize> {
    (0..n).try_fold(from, |at, _| Some(step(at)).filter(|&to| to != at))
}
