//! What lines after a colon do with lines: moving, copying, sorting, joining, indenting them.

use std::cmp::Ordering;
use std::ops::Range;

use crate::base::time::MonoTime;
use crate::document::Bias;
use crate::editor::column::line_end;
use crate::editor::edits::Edit;
use crate::editor::lines::chars_of;
use crate::editor::search::Matcher;
use crate::editor::selection::Selection;
use crate::editor::{Effect, Model};

use super::keys::{Operator, Target};
use super::motion::{self, Shape};
use super::{Mode, pattern};

impl Model {
    /// The lines of a command with a count behind it: so many from the last one on.
    pub(super) fn vim_counted(&self, lines: Range<usize>, count: Option<usize>) -> Range<usize> {
        let Some(n) = count else { return lines };
        let first = lines.end - 1;
        first..(first + n.max(1)).min(self.vim_last_line() + 1).max(first + 1)
    }

    fn vim_select_lines(&mut self, lines: Range<usize>) {
        let range = chars_of(self.rope(), lines);
        self.select(Selection { anchor: range.end, head: range.start, goal: None });
    }

    /// `:>` and `:<`, as often as the sign is there, with a count behind them.
    pub(super) fn vim_shift_lines(&mut self, lines: Range<usize>, signs: &str, now: MonoTime) -> bool {
        let is_deeper = signs.starts_with('>');
        let n = signs.chars().take_while(|c| matches!(c, '>' | '<')).count();
        let lines = self.vim_counted(lines, signs[n..].trim().parse().ok());
        let last = lines.end - 1;
        self.vim_select_lines(lines);
        for _ in 0..n {
            if is_deeper { self.indent_lines(now) } else { self.outdent(now) }
        }
        self.select(Selection::caret(motion::first_word(self.rope(), last.min(self.vim_last_line()))));
        true
    }

    pub(super) fn vim_delete_lines(
        &mut self,
        lines: Range<usize>,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        self.vim_select_lines(lines);
        self.selection = Selection {
            anchor: self.selection.head,
            head: self.selection.anchor.saturating_sub(1),
            goal: None,
        };
        let last_visual = self.vim.last_visual;
        self.vim.mode = Mode::Visual(Shape::Lines);
        let done = self.vim_operate(Operator::Delete, &Target::Selection, None, now, effects);
        // Nobody selected them.
        self.vim.last_visual = last_visual;
        done
    }

    /// `:put`: a register as lines of their own before line `line`.
    pub(super) fn vim_put_below(&mut self, line: usize, register: &str, now: MonoTime) -> bool {
        let name = register.chars().next().unwrap_or('"').to_ascii_lowercase();
        let Some(register) = self.vim_register(name) else {
            return self.vim_refuse(format!("nothing is in register {name}"));
        };
        let text = register.text.strip_suffix('\n').unwrap_or(&register.text);
        let n_lines = text.matches('\n').count() + 1;
        let edit = match line.checked_sub(1) {
            Some(above) => Edit::insert(line_end(self.rope(), above), format!("\n{text}")),
            None => Edit::insert(0, format!("{text}\n")),
        };
        self.vim.is_change = true;
        self.make_whole(&[edit], now);
        let at = motion::first_word(self.rope(), (line + n_lines - 1).min(self.vim_last_line()));
        self.select(Selection::caret(at));
        true
    }

    /// Moves or copies lines behind the line of an address; 0 is before the first.
    pub(super) fn vim_put_lines(
        &mut self,
        lines: Range<usize>,
        to: &str,
        is_move: bool,
        now: MonoTime,
    ) -> bool {
        let after = match self.vim_address(to, self.line()) {
            Ok((Some(number), _)) => number.checked_sub(1),
            Ok((None, _)) => return self.vim_refuse("say behind which line: :m 10".to_owned()),
            Err(why) => return self.vim_refuse(why),
        };
        if is_move && after.is_some_and(|line| lines.contains(&line) && line + 1 != lines.end) {
            return self.vim_refuse("lines cannot be moved into themselves".to_owned());
        }
        // Where they are already.
        if is_move && after.map_or(0, |line| line + 1) == lines.end {
            let at = motion::first_word(self.rope(), lines.end - 1);
            self.select(Selection::caret(at));
            return true;
        }
        let rope = self.rope();
        let (start, end) = (rope.line_to_char(lines.start), line_end(rope, lines.end - 1));
        let text = rope.slice(start..end).to_string();
        let mut edits = vec![match after {
            None => Edit::insert(0, format!("{text}\n")),
            Some(line) => Edit::insert(line_end(rope, line), format!("\n{text}")),
        }];
        if is_move {
            let taken = if end < rope.len_chars() { start..end + 1 } else { start.saturating_sub(1)..end };
            edits.push(Edit::delete(taken));
            edits.sort_by_key(|edit| edit.range.start);
        }
        self.make_whole(&edits, now);
        // On the last of them.
        let line = match after {
            None => lines.len() - 1,
            Some(line) if is_move && lines.end <= line => line,
            Some(line) => line + lines.len(),
        };
        let at = motion::first_word(self.rope(), line.min(self.vim_last_line()));
        self.select(Selection::caret(at));
        true
    }

    /// `:j`: makes one line of several; with `!` as they are.
    pub(super) fn vim_join_lines(&mut self, lines: &Range<usize>, is_forced: bool, now: MonoTime) -> bool {
        self.select(Selection::caret(self.rope().line_to_char(lines.start)));
        let n = lines.len().max(2);
        let done = if is_forced { self.vim_join_as_is(n, now) } else { self.vim_join(n, now) };
        if done {
            let at = motion::first_word(self.rope(), self.line());
            self.select(Selection::caret(at));
        }
        done
    }

    /// `:mark`: at the first word of a line.
    pub(super) fn vim_mark_line(&mut self, name: &str, line: usize) -> bool {
        let at = motion::first_word(self.rope(), line);
        let mark = self.document.anchor(at, Bias::Right);
        self.vim.marks.extend(name.chars().next().map(|name| (name, mark)));
        true
    }

    /// `:sort`: with `!` backwards; `n` by numbers, `i` whatever the case, `u` without those that are equal, `/pattern/` by what
    /// is behind a match, and with `r` by the match.
    pub(super) fn vim_sort(
        &mut self,
        lines: Range<usize>,
        argument: &str,
        is_backwards: bool,
        now: MonoTime,
    ) -> bool {
        let (flags, pattern) = match argument.find(|c: char| !c.is_alphanumeric() && c != ' ') {
            Some(at) => {
                let border = argument[at..].chars().next().unwrap_or('/');
                let (pattern, more) = pattern::with_offset(&argument[at + border.len_utf8()..], border);
                (format!("{}{more}", &argument[..at]), Some(pattern))
            }
            None => (argument.to_owned(), None),
        };
        if let Some(other) = flags.chars().find(|c| !matches!(c, 'n' | 'i' | 'u' | 'r' | ' ')) {
            return self.vim_refuse(format!(":sort has no {other}; it has n, i, u, r and /pattern/"));
        }
        let matcher = match pattern.map(|pattern| self.vim_matcher(pattern, "")).transpose() {
            Ok(matcher) => matcher,
            Err(why) => return self.vim_refuse(why),
        };
        self.vim.is_change = true;
        let rope = self.rope();
        let (start, end) = (rope.line_to_char(lines.start), line_end(rope, lines.end - 1));
        let keyed = |line: usize| {
            let text = rope.slice(rope.line_to_char(line)..line_end(rope, line)).to_string();
            (sort_key(self, line, &text, &flags, matcher.as_ref()), text)
        };
        let mut sorted: Vec<(SortKey, String)> = lines.clone().map(keyed).collect();
        sorted.sort_by(|(a, _), (b, _)| if is_backwards { b.order(a) } else { a.order(b) });
        if flags.contains('u') {
            sorted.dedup_by(|(a, _), (b, _)| a.order(b) == Ordering::Equal);
        }
        let text = sorted.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("\n");
        if rope.slice(start..end) != text.as_str() {
            self.make_whole(&[Edit { range: start..end, text }], now);
        }
        self.select(Selection::caret(motion::first_word(self.rope(), lines.start)));
        true
    }
}

/// What a line is sorted by: a number, if there is to be one and is, or a text.
enum SortKey {
    Number(Option<i128>),
    Text(String),
}

impl SortKey {
    fn order(&self, other: &SortKey) -> Ordering {
        match (self, other) {
            (SortKey::Number(a), SortKey::Number(b)) => a.cmp(b),
            (SortKey::Text(a), SortKey::Text(b)) => a.cmp(b),
            (SortKey::Number(_), SortKey::Text(_)) => Ordering::Less,
            (SortKey::Text(_), SortKey::Number(_)) => Ordering::Greater,
        }
    }
}

fn sort_key(model: &Model, line: usize, text: &str, flags: &str, matcher: Option<&Matcher>) -> SortKey {
    let rope = model.rope();
    let (start, end) = (rope.line_to_char(line), line_end(rope, line));
    let found = matcher.map(|matcher| matcher.matches(rope, start..end).next());
    let part = match found {
        None => text.to_owned(),
        Some(found) if flags.contains('r') => {
            found.map_or(String::new(), |found| rope.slice(found).to_string())
        }
        Some(found) => rope.slice(found.map_or(end, |found| found.end)..end).to_string(),
    };
    if flags.contains('n') {
        let digits = |at: usize| part[at..].chars().take_while(char::is_ascii_digit).count();
        let number = part.find(|c: char| c.is_ascii_digit()).map(|at| {
            let is_negative = part[..at].ends_with('-');
            let number = part[at..at + digits(at)].parse::<i128>().unwrap_or(i128::MAX);
            if is_negative { -number } else { number }
        });
        return SortKey::Number(number);
    }
    SortKey::Text(if flags.contains('i') { part.to_lowercase() } else { part })
}
