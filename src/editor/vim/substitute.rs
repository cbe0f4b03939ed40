//! `:s`: replacing what matches a pattern, at once or asking at each.

use std::ops::Range;

use crate::base::time::MonoTime;
use crate::document::Bias;
use crate::editor::Model;
use crate::editor::column::line_end;
use crate::editor::edits::Edit;
use crate::editor::search::{Matcher, Options};
use crate::editor::selection::Selection;

use super::{motion, pattern};

impl Model {
    /// `:s/pattern/with/flags`, without arguments the last one again.
    pub(super) fn vim_substitute(&mut self, arguments: &str, lines: Range<usize>, now: MonoTime) -> bool {
        self.vim.is_change = true;
        let (pattern, with, flags) = match split(arguments) {
            Some(parts) => parts,
            // The flags of the last time count only after one more `&`.
            None => match (self.vim.last_substitute.clone(), arguments.trim()) {
                (Some(last), "&") => last,
                (Some((pattern, with, _)), flags) => (pattern, with, flags.to_owned()),
                (None, _) => {
                    return self.vim_refuse("nothing was replaced yet; write :s/this/that/".to_owned());
                }
            },
        };
        let matcher = match self.vim_matcher(&pattern, &flags) {
            Ok(matcher) => matcher,
            Err(why) => return self.vim_refuse(why),
        };
        if flags.contains('c') {
            let done = self.vim_ask(&pattern, &with, &flags, lines);
            self.vim.last_substitute = Some((pattern, with, flags));
            return done;
        }
        let rope = self.rope();
        let replacement = pattern::replacement(&with);
        let span = rope.line_to_char(lines.start)..line_end(rope, lines.end - 1);
        let mut edits: Vec<Edit> = Vec::new();
        let mut last_line = None;
        for found in matcher.matches(rope, span) {
            let line = rope.char_to_line(found.start);
            if last_line.replace(line) == Some(line) && !flags.contains('g') {
                continue;
            }
            edits.push(Edit { text: matcher.replacement(rope, &found, &replacement), range: found });
        }
        self.vim.last_substitute = Some((pattern, with, flags.clone()));
        if edits.is_empty() {
            return self.vim_refuse("not found".to_owned());
        }
        let n = edits.len();
        if flags.contains('n') {
            self.notify(format!("{n} matches"), now);
            return true;
        }
        let at = edits[n - 1].range.start;
        let at = crate::editor::edits::carry(at, &edits[..n - 1], Bias::Left);
        self.make_biased(&edits, Bias::Left, now);
        let line = self.rope().char_to_line(at);
        self.select(Selection::caret(motion::first_word(self.rope(), line)));
        self.notify(format!("{n} replaced"), now);
        true
    }

    /// Asks at each match: that is what replacing does anyway.
    fn vim_ask(&mut self, pattern: &str, with: &str, flags: &str, lines: Range<usize>) -> bool {
        let (needle, options) = self.vim_pattern(pattern, flags);
        if let Err(why) = self.search_for(needle, options) {
            return self.vim_refuse(why);
        }
        let rope = self.rope();
        let span = rope.line_to_char(lines.start)..line_end(rope, lines.end - 1);
        // There, a backslash is written twice.
        self.find.replacement = pattern::replacement(with).replace('\\', "\\\\");
        self.find.origin = Selection::caret(span.start);
        let start = span.start;
        self.find.scope = Some(span);
        if self.next_match(start).is_none() {
            self.find.scope = None;
            return self.vim_refuse("not found".to_owned());
        }
        self.find.is_lit = true;
        self.find_from_origin();
        self.ask_for_replacement();
        true
    }

    /// What is searched for by a pattern, and how; by an empty one what was searched for last.
    fn vim_pattern(&self, pattern: &str, flags: &str) -> (String, Options) {
        let (needle, options) = self.vim_needle(pattern, flags);
        (if pattern.is_empty() { self.find.needle.clone() } else { needle }, options)
    }

    /// Makes a matcher of vim's pattern; an empty one is the last that was searched for.
    pub(super) fn vim_matcher(&self, pattern: &str, flags: &str) -> Result<Matcher, String> {
        let (needle, options) = self.vim_pattern(pattern, flags);
        Matcher::new(&needle, options)?.ok_or_else(|| "say what to look for: /pattern/".to_owned())
    }
}

/// Takes `/this/that/flags` apart, whatever stands for the slash; `None` if there is nothing.
fn split(arguments: &str) -> Option<(String, String, String)> {
    let mut chars = arguments.chars();
    let border =
        chars.next().filter(|c| !c.is_alphanumeric() && !c.is_whitespace() && !matches!(c, '\\' | '&'))?;
    let mut parts = vec![String::new()];
    while let Some(c) = chars.next() {
        let last = parts.len() - 1;
        match c {
            '\\' => match chars.next() {
                Some(next) if next == border && border != '|' => parts[last].push(next),
                next => parts[last].extend(std::iter::once('\\').chain(next)),
            },
            c if c == border && parts.len() < 3 => parts.push(String::new()),
            c => parts[last].push(c),
        }
    }
    parts.resize(3, String::new());
    let mut parts = parts.into_iter();
    Some((parts.next()?, parts.next()?, parts.next()?))
}
