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
        let (first, rest) = self.vim_address(line)?;
        let Some(first) = first else {
            return Ok((None, rest));
        };
        match rest.trim_start().strip_prefix([',', ';']) {
            Some(after) => {
                let (last, rest) = self.vim_address(after)?;
                let last = last.unwrap_or(self.line());
                Ok((Some(first.min(last)..first.max(last) + 1), rest))
            }
            None => Ok((Some(first..first + 1), rest)),
        }
    }

    /// Reads one line's address: a number, `.`, `$`, a mark, with `+1` or `-1` behind it.
    pub(super) fn vim_address<'a>(&self, text: &'a str) -> Result<(Option<usize>, &'a str), String> {
        let text = text.trim_start();
        let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).count();
        let number = |text: &str| text.parse::<usize>().unwrap_or(usize::MAX / 4);
        let (mut line, mut rest) = match text.chars().next() {
            Some('.') => (Some(self.line()), &text[1..]),
            Some('$') => (Some(self.vim_last_line()), &text[1..]),
            Some('+' | '-') => (Some(self.line()), text),
            Some('\'') => {
                let name = text[1..].chars().next().unwrap_or(' ');
                let at = self.vim_mark(name).ok_or_else(|| format!("there is no mark {name}"))?;
                (Some(self.rope().char_to_line(at)), &text[1 + name.len_utf8().min(text.len() - 1)..])
            }
            Some(border @ ('/' | '?')) => {
                let (pattern, _) = pattern::with_offset(&text[1..], border);
                let rest = &text[(1 + pattern.len() + 1).min(text.len())..];
                let matcher = self.vim_matcher(pattern, "")?;
                (Some(self.vim_line_of(&matcher, border == '/').ok_or("not found")?), rest)
            }
            Some('0'..='9') => {
                let n = digits(text);
                (Some(number(&text[..n]).saturating_sub(1)), &text[n..])
            }
            _ => return Ok((None, text)),
        };
        while let Some(sign) = rest.chars().next().filter(|c| matches!(c, '+' | '-')) {
            let n = digits(&rest[1..]);
            let by = if n == 0 { 1 } else { number(&rest[1..=n]) };
            line =
                line.map(|line| if sign == '+' { line.saturating_add(by) } else { line.saturating_sub(by) });
            rest = &rest[1 + n..];
        }
        Ok((line.map(|line| line.min(self.vim_last_line())), rest))
    }

    /// The next line that holds a match, or the one before, around the ends of the text.
    pub(super) fn vim_line_of(&self, matcher: &Matcher, is_forward: bool) -> Option<usize> {
        let (rope, here, n) = (self.rope(), self.line(), self.vim_last_line() + 1);
        let holds = |line: &usize| {
            matcher.matches(rope, rope.line_to_char(*line)..line_end(rope, *line)).next().is_some()
        };
        let line = |step: usize| if is_forward { (here + step) % n } else { (here + n - step) % n };
        (1..=n).map(line).find(holds)
    }
}
