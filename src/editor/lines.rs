//! Commands on whole lines: indent, comment, move, duplicate, join, sort, trim.

use std::ops::Range;

use ropey::Rope;

use crate::base::time::MonoTime;
use crate::document::Bias;
use crate::syntax::language::Language;

use super::column::line_end;
use super::edits::{Edit, carry};
use super::selection::Selection;
use super::{Model, bracket};

/// Blanks at a line's start that are looked at.
const INDENT_CHARS_MAX: usize = 1_000;

/// Returns the characters of some lines, with the last one's line feed.
pub(crate) fn chars_of(rope: &Rope, lines: Range<usize>) -> Range<usize> {
    rope.line_to_char(lines.start)..rope.line_to_char(lines.end.min(rope.len_lines()))
}

/// Returns the blanks that a line starts with.
pub(crate) fn indent_of(rope: &Rope, line: usize) -> String {
    let chars = rope.line(line).chars().take(INDENT_CHARS_MAX);
    chars.take_while(|c| matches!(c, ' ' | '\t')).collect()
}

/// Returns the blanks that a new line after `at` starts with: those of its line, and one step more after what opens
/// something in the language.
pub(crate) fn indent_after(rope: &Rope, at: usize, unit: &str, language: &Language) -> String {
    let line = rope.char_to_line(at);
    let start = rope.line_to_char(line);
    let mut indent: String = indent_of(rope, line).chars().take(at - start).collect();
    if language.opens.iter().any(|opener| ends_with(rope, start..at, opener)) {
        indent.push_str(unit);
    }
    indent
}

/// Returns what types the bracket `c` as the first character of its line, indented as the line where it was opened. `None`
/// if something is before it, or nothing was opened.
pub(crate) fn outdented(rope: &Rope, at: usize, c: char) -> Option<Edit> {
    let start = rope.line_to_char(rope.char_to_line(at));
    let mut before = rope.slice(start..at.min(start + INDENT_CHARS_MAX)).chars();
    let is_first = start < at && before.all(|c| matches!(c, ' ' | '\t'));
    let opened = is_first.then(|| bracket::opener(rope, at, c))??;
    let indent = indent_of(rope, rope.char_to_line(opened));
    Some(Edit { range: start..at, text: format!("{indent}{c}") })
}

/// Lines above that are looked at for the one where something was begun.
const LINES_ABOVE_MAX: usize = 1_000;

/// Returns the blanks that a line begins with and what it should begin with instead, if it begins with a word such as `else` that is
/// too deep: only as far as `at`.
pub(crate) fn middle(rope: &Rope, at: usize, language: &Language) -> Option<(Range<usize>, String)> {
    let line = rope.char_to_line(at);
    let start = rope.line_to_char(line);
    let word = |line: usize, end: usize| -> String {
        let chars = rope.chars_at(rope.line_to_char(line)).take(end - rope.line_to_char(line));
        chars.skip_while(|c| matches!(c, ' ' | '\t')).take_while(|c| c.is_alphanumeric()).take(20).collect()
    };
    let own = word(line, at);
    let &(_, openers) = language.middles.iter().find(|(middle, _)| *middle == own)?;
    let depth = |line: usize| indent_of(rope, line).chars().count();
    let is_blank = |line: usize| rope.line_to_char(line) + depth(line) == line_end(rope, line);
    let mut above = (line.saturating_sub(LINES_ABOVE_MAX)..line).rev();
    let begins = |line: usize| openers.contains(&word(line, line_end(rope, line)).as_str());
    let beside = above.find(|&above| !is_blank(above) && depth(above) <= depth(line))?;
    // It is as deep as it should be.
    if depth(beside) == depth(line) && begins(beside) {
        return None;
    }
    let opened =
        std::iter::once(beside).chain(above).find(|&above| !is_blank(above) && depth(above) < depth(line))?;
    begins(opened).then(|| (start..start + depth(line), indent_of(rope, opened)))
}

/// Returns where the step of indentation before a place begins, if nothing but blanks are before it in its line.
pub(crate) fn step_back(rope: &Rope, at: usize, n_step: usize) -> Option<usize> {
    let n_before = at - rope.line_to_char(rope.char_to_line(at));
    let is_indent = (1..=INDENT_CHARS_MAX).contains(&n_before)
        && rope.chars_at(at).reversed().take(n_before).all(|c| c == ' ');
    is_indent.then(|| at - ((n_before - 1) % n_step + 1))
}

/// Returns whether a part of a line ends with `opener`, which is a word of its own if it is one at all. Blanks behind it do
/// not count.
fn ends_with(rope: &Rope, part: Range<usize>, opener: &str) -> bool {
    let n_part = part.len().min(INDENT_CHARS_MAX);
    let mut before = rope.chars_at(part.end).reversed().take(n_part).skip_while(|c| matches!(c, ' ' | '\t'));
    let is_there = opener.chars().rev().all(|c| before.next() == Some(c));
    let is_word = opener.ends_with(char::is_alphanumeric);
    is_there && !(is_word && before.next().is_some_and(|c| c.is_alphanumeric() || c == '_'))
}

impl Model {
    /// Returns what one step of indentation is.
    pub(crate) fn indent_unit(&self) -> String {
        self.indentation.unit()
    }

    /// Returns the lines that the selections touch, in order, those beside each other as one. A selection that ends at
    /// the start of a line does not touch that line.
    pub(crate) fn touched_lines(&self) -> Vec<Range<usize>> {
        let rope = self.rope();
        let mut all: Vec<Range<usize>> = Vec::new();
        for selection in self.selections().0 {
            let range = selection.range();
            let (first, last) = (rope.char_to_line(range.start), rope.char_to_line(range.end));
            let ends_before = first < last && rope.line_to_char(last) == range.end;
            let end = last + 1 - usize::from(ends_before);
            match all.last_mut() {
                Some(before) if first <= before.end => before.end = before.end.max(end),
                _ => all.push(first..end),
            }
        }
        all
    }

    /// Makes at most one edit in each line that the selections touch.
    fn edit_lines(&mut self, now: MonoTime, edit: impl Fn(&Rope, usize) -> Option<Edit>) {
        let rope = self.rope();
        let lines = self.touched_lines().into_iter().flatten();
        let edits: Vec<Edit> = lines.filter_map(|line| edit(rope, line)).collect();
        self.make_whole(&edits, now);
    }

    /// Inserts a tab or blanks up to the next stop, or indents the selected lines.
    pub(crate) fn indent(&mut self, now: MonoTime) {
        let (unit, tab) = (self.indent_unit(), self.tab_width);
        let is_within_lines = self.touched_lines().iter().all(|lines| lines.len() == 1);
        let is_selected =
            |selection: &Selection| self.rope().slice(selection.range()).chars().any(|c| c == '\n');
        if is_within_lines && !self.selections().0.iter().any(is_selected) {
            return self.edit_each(super::edit::Kind::Typing, now, |rope, selection, _| {
                let start = selection.range().start;
                let column = super::column::column_of(rope, start, tab);
                let text =
                    if unit == "\t" { unit.clone() } else { " ".repeat(unit.len() - column % unit.len()) };
                Edit { range: selection.range(), text }
            });
        }
        self.indent_lines(now);
    }

    /// Indents the lines by one step.
    pub(crate) fn indent_lines(&mut self, now: MonoTime) {
        let unit = self.indent_unit();
        self.edit_lines(now, |rope, line| {
            let start = rope.line_to_char(line);
            (start < line_end(rope, line)).then(|| Edit::insert(start, unit.clone()))
        });
    }

    /// Takes one step of indentation from the start of each line: a tab, or blanks.
    pub(crate) fn outdent(&mut self, now: MonoTime) {
        let n_max = self.indent_cells();
        self.edit_lines(now, |rope, line| {
            let start = rope.line_to_char(line);
            let n_blanks = rope.chars_at(start).take(n_max).take_while(|&c| c == ' ').count();
            let n = if rope.get_char(start) == Some('\t') { 1 } else { n_blanks };
            (0 < n).then(|| Edit::delete(start..start + n))
        });
    }

    /// Indents each of the selected lines as its language would have it after the lines before.
    pub(crate) fn reindent(&mut self, now: MonoTime) {
        let (unit, language) = (self.indent_unit(), self.language);
        if language.closes.is_empty() {
            let what = format!("{} says nothing about how its lines are indented", language.name);
            return self.notify(what, now);
        }
        // Each line goes by those before it as they are then.
        let mut done = self.rope().clone();
        let mut edits = Vec::new();
        for line in self.touched_lines().into_iter().flatten() {
            let text_at = |line: usize| done.line_to_char(line) + indent_of(&done, line).chars().count();
            let (start, at) = (done.line_to_char(line), text_at(line));
            let before = (0..line).rev().find(|&line| text_at(line) < line_end(&done, line));
            let indent = match done.get_char(at) {
                _ if at == line_end(&done, line) => String::new(),
                Some(c) if language.closes.contains(&c) => bracket::opener(&done, at, c)
                    .map_or(String::new(), |opened| indent_of(&done, done.char_to_line(opened))),
                _ => before.map_or(String::new(), |line| {
                    indent_after(&done, line_end(&done, line), &unit, language)
                }),
            };
            let own = self.rope().line_to_char(line);
            if done.slice(start..at) != indent.as_str() {
                edits.push(Edit { range: own..own + (at - start), text: indent.clone() });
            }
            done.remove(start..at);
            done.insert(start, &indent);
        }
        self.make_whole(&edits, now);
    }

    /// Makes comments of the lines, or text again when all of them are comments.
    pub(crate) fn toggle_comment(&mut self, now: MonoTime) {
        let (mark, closing) = match (self.language.line_comment, self.language.block_comment) {
            (Some(mark), _) => (mark, None),
            (None, Some((opening, closing))) => (opening, Some(closing)),
            (None, None) => {
                return self.notify(format!("no comments are known of {}", self.language.name), now);
            }
        };
        let rope = self.rope();
        let lines: Vec<usize> = self.touched_lines().into_iter().flatten().collect();
        let text_of = |line: usize| {
            let start = rope.line_to_char(line) + indent_of(rope, line).chars().count();
            (start, line_end(rope, line))
        };
        let written: Vec<(usize, usize)> =
            lines.iter().map(|&line| text_of(line)).filter(|(at, end)| at < end).collect();
        let is_comment = |at: usize| rope.chars_at(at).take(mark.len()).eq(mark.chars());
        let edits: Vec<Edit> = if written.iter().all(|&(at, _)| is_comment(at)) {
            let n_of = |at: usize| mark.len() + usize::from(rope.get_char(at + mark.len()) == Some(' '));
            let start = |at: usize| Edit::delete(at..at + n_of(at));
            let stop = |at: usize, end: usize| {
                let n = closing.map_or(0, str::len);
                let is_closed =
                    0 < n && at + n <= end && rope.slice(end - n..end) == closing.unwrap_or_default();
                // A single blank between the marks went with the first.
                let n_blank =
                    usize::from(is_closed && at + n < end && rope.get_char(end - n - 1) == Some(' '));
                is_closed.then(|| Edit::delete(end - n - n_blank..end))
            };
            written
                .iter()
                .flat_map(|&(at, end)| std::iter::once(start(at)).chain(stop(at + n_of(at), end)))
                .collect()
        } else {
            // All marks in one column: that of the line that is indented least.
            let indent = |at: usize| at - rope.line_to_char(rope.char_to_line(at));
            let column = written.iter().map(|&(at, _)| indent(at)).min().unwrap_or(0);
            let open = |at: usize| Edit::insert(at - indent(at) + column, format!("{mark} "));
            let close = |end: usize| closing.map(|closing| Edit::insert(end, format!(" {closing}")));
            written.iter().flat_map(|&(at, end)| std::iter::once(open(at)).chain(close(end))).collect()
        };
        self.make_whole(&edits, now);
    }

    /// Moves the lines of the selections by one line, by moving the neighbour line to their other side: others' cursors
    /// in the moved lines stay where they are.
    pub(crate) fn move_lines(&mut self, up: bool, now: MonoTime) {
        let rope = self.rope();
        let mut edits = Vec::new();
        for lines in self.touched_lines() {
            let neighbour = if up { lines.start.checked_sub(1) } else { Some(lines.end) };
            let Some(neighbour) = neighbour.filter(|&line| line < rope.len_lines()) else { continue };
            let (n_start, n_end) = (rope.line_to_char(neighbour), line_end(rope, neighbour));
            let text = rope.slice(n_start..n_end).to_string();
            let (start, end) = (rope.line_to_char(lines.start), line_end(rope, lines.end - 1));
            // The line feed between the two goes along.
            if up {
                edits.extend([Edit::delete(n_start..start), Edit::insert(end, format!("\n{text}"))]);
            } else {
                edits.extend([Edit::insert(start, format!("{text}\n")), Edit::delete(end..n_end)]);
            }
        }
        let bias = if up { Bias::Left } else { Bias::Right };
        self.make_biased(&edits, bias, now);
    }

    /// Inserts every selection, or the carets' lines, once more. The copy is selected.
    pub(crate) fn duplicate(&mut self, now: MonoTime) {
        let rope = self.rope();
        let (selections, primary) = self.selections();
        if selections.iter().all(Selection::is_empty) {
            let copy = |lines: Range<usize>| {
                let (start, end) = (rope.line_to_char(lines.start), line_end(rope, lines.end - 1));
                Edit::insert(start, format!("{}\n", rope.slice(start..end)))
            };
            let edits: Vec<Edit> = self.touched_lines().into_iter().map(copy).collect();
            return self.make_whole(&edits, now);
        }
        let copy = |s: &Selection| Edit::insert(s.range().end, rope.slice(s.range()).to_string());
        let edits: Vec<Edit> = selections.iter().map(copy).collect();
        let copies = selections.iter().map(|s| {
            let end = s.range().end;
            Selection {
                anchor: carry(end, &edits, Bias::Left),
                head: carry(end, &edits, Bias::Right),
                goal: None,
            }
        });
        let copies: Vec<Selection> = copies.collect();
        if self.may_edit(now) {
            self.make_whole(&edits, now);
            self.set_selections(copies, primary);
            self.clamp_selections();
        }
    }

    /// Joins the selected lines, or the line and the next, with one blank in between.
    pub(crate) fn join_lines(&mut self, now: MonoTime) {
        let rope = self.rope();
        let mut edits = Vec::new();
        for lines in self.touched_lines() {
            let last = if lines.len() == 1 { lines.end } else { lines.end - 1 };
            for line in lines.start..last.min(rope.len_lines() - 1) {
                let end = line_end(rope, line);
                let next = end + 1 + indent_of(rope, line + 1).chars().count();
                let is_blank = |at: usize| rope.get_char(at).is_none_or(|c| matches!(c, ' ' | '\t' | '\n'));
                let is_apart = end == rope.line_to_char(line) || is_blank(end - 1) || is_blank(next);
                let text = if is_apart { "" } else { " " };
                edits.push(Edit { range: end..next, text: text.to_owned() });
            }
        }
        self.make_biased(&edits, Bias::Left, now);
    }

    /// Sorts the selected lines by their characters.
    pub(crate) fn sort_lines(&mut self, now: MonoTime) {
        let rope = self.rope();
        let mut edits = Vec::new();
        for lines in self.touched_lines().into_iter().filter(|lines| 1 < lines.len()) {
            let (start, end) = (rope.line_to_char(lines.start), line_end(rope, lines.end - 1));
            let before = rope.slice(start..end).to_string();
            let mut sorted: Vec<&str> = before.split('\n').collect();
            sorted.sort_unstable();
            let text = sorted.join("\n");
            if text != before {
                edits.push(Edit { range: start..end, text });
            }
        }
        if edits.is_empty() {
            return self.notify("nothing was sorted: select two or more lines that are not in order", now);
        }
        let (anchor, head) = (self.selection.range().start, self.selection.range().end);
        self.make_whole(&edits, now);
        // As many characters as before: what was selected is.
        self.select(Selection { anchor, head, goal: None });
    }

    /// Between two brackets, Enter makes a line of its own for what closes.
    pub(crate) fn split_brackets(&mut self, now: MonoTime) {
        let (rope, at) = (self.rope(), self.selection.head);
        if !self.others.is_empty() || !matches!(rope.get_char(at), Some('}' | ']' | ')')) {
            return;
        }
        let line = self.line();
        let is_new = indent_of(rope, line).chars().count() == at - rope.line_to_char(line) && 0 < line;
        let opener = line_end(rope, line.saturating_sub(1)).checked_sub(1).and_then(|at| rope.get_char(at));
        if is_new && matches!(opener, Some('{' | '[' | '(')) {
            let indent = indent_of(rope, line - 1);
            self.make(&[Edit::insert(at, format!("\n{indent}"))], now);
        }
    }

    /// Before a save: takes blanks from the ends of lines and ends the last line, as the settings say.
    pub(crate) fn tidy(&mut self, now: MonoTime) {
        let rope = self.rope();
        let mut edits = Vec::new();
        if self.file_settings.trim_blanks.unwrap_or(self.settings.trim_blanks) {
            for line in 0..rope.len_lines() {
                let (start, end) = (rope.line_to_char(line), line_end(rope, line));
                let n = rope
                    .chars_at(end)
                    .reversed()
                    .take(end - start)
                    .take_while(|c| matches!(c, ' ' | '\t'))
                    .count();
                if 0 < n {
                    edits.push(Edit::delete(end - n..end));
                }
            }
        }
        let len = rope.len_chars();
        let ends_last = self.file_settings.final_newline.unwrap_or(self.settings.final_newline);
        if ends_last && 0 < len && rope.char(len - 1) != '\n' {
            edits.push(Edit::insert(len, "\n"));
        }
        self.make_biased(&edits, Bias::Left, now);
    }
}
