//! The lines that a line after a colon is for.

use std::ops::Range;

use crate::editor::Model;
use crate::editor::column::line_end;
use crate::editor::search::Matcher;

use super::pattern;

impl Model {
    /// Reads the lines that a command is for, and returns what follows.
    pub(super) fn vim_range<'a>(&self, line: &'a str) -> Result<(Option<Range<usize>>, &'a str), String> {
        if let Some(rest) = line.strip_prefix('%') {
            return Ok((Some(0..self.vim_last_line() + 1), rest));
        }
        // A visual selection's lines.
        if let Some(rest) = line.strip_prefix('*') {
            let (range, _) = self.vim_range("'<,'>")?;
            return Ok((range, rest));
        }
        let (first, rest) = self.vim_address(line, self.line())?;
        let Some(first) = first.map(|number| number.saturating_sub(1)) else {
            return Ok((None, rest));
        };
        let after = rest.trim_start();
        let Some(border) = after.chars().next().filter(|c| matches!(c, ',' | ';')) else {
            return Ok((Some(first..first + 1), rest));
        };
        let here = if border == ';' { first } else { self.line() };
        let (last, rest) = self.vim_address(&after[1..], here)?;
        let last = last.map_or(here, |number| number.saturating_sub(1));
        Ok((Some(first.min(last)..first.max(last) + 1), rest))
    }

    /// Reads one line's address, as seen from line `here`: a number, `.`, `$`, a mark, a pattern, with `+1` or `-1` behind it.
    /// Returns its number from 1; 0 is before the first line.
    pub(super) fn vim_address<'a>(
        &self,
        text: &'a str,
        here: usize,
    ) -> Result<(Option<usize>, &'a str), String> {
        let text = text.trim_start();
        let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).count();
        let number = |text: &str| text.parse::<usize>().unwrap_or(usize::MAX / 4);
        let (mut line, mut rest) = match text.chars().next() {
            Some('.') => (here + 1, &text[1..]),
            Some('$') => (self.vim_last_line() + 1, &text[1..]),
            Some('+' | '-') => (here + 1, text),
            Some('\'') => {
                let name = text[1..].chars().next().unwrap_or(' ');
                let at = self.vim_mark(name).ok_or_else(|| format!("there is no mark {name}"))?;
                (self.rope().char_to_line(at) + 1, &text[1 + name.len_utf8().min(text.len() - 1)..])
            }
            Some(border @ ('/' | '?')) => {
                let (pattern, _) = pattern::with_offset(&text[1..], border);
                let rest = &text[(1 + pattern.len() + 1).min(text.len())..];
                let matcher = self.vim_matcher(pattern, "")?;
                (self.vim_line_of(&matcher, here, border == '/').ok_or("not found")? + 1, rest)
            }
            Some('0'..='9') => {
                let n = digits(text);
                (number(&text[..n]), &text[n..])
            }
            _ => return Ok((None, text)),
        };
        while let Some(sign) = rest.chars().next().filter(|c| matches!(c, '+' | '-')) {
            let n = digits(&rest[1..]);
            let by = if n == 0 { 1 } else { number(&rest[1..=n]) };
            line = if sign == '+' { line.saturating_add(by) } else { line.saturating_sub(by) };
            rest = &rest[1 + n..];
        }
        Ok((Some(line.min(self.vim_last_line() + 1)), rest))
    }

    /// The next line after `here` that holds a match, or the one before, around the ends of the text.
    fn vim_line_of(&self, matcher: &Matcher, here: usize, is_forward: bool) -> Option<usize> {
        let (rope, n) = (self.rope(), self.vim_last_line() + 1);
        let holds = |line: &usize| {
            matcher.matches(rope, rope.line_to_char(*line)..line_end(rope, *line)).next().is_some()
        };
        let line = |step: usize| if is_forward { (here + step) % n } else { (here + n - step) % n };
        (1..=n).map(line).find(holds)
    }
}
