//! `:s`: replacing what matches a pattern, at once or asking at each.

use std::ops::Range;

use crate::base::time::MonoTime;
use crate::document::Bias;
use crate::editor::Model;
use crate::editor::column::line_end;
use crate::editor::edits::Edit;
use crate::editor::search::{Matcher, Options};
use crate::editor::selection::Selection;

use super::motion;
use super::replacement::{Replacement, replacement, with_last};

/// The flags that there are.
const FLAGS: &str = "giInc&erp#l";

impl Model {
    /// `:s/pattern/with/flags count`, without arguments the last one again.
    pub(super) fn vim_substitute(&mut self, arguments: &str, lines: Range<usize>, now: MonoTime) -> bool {
        self.vim.is_change = true;
        let (pattern, with, flags, lines) = match self.vim_substitution(arguments, lines) {
            Ok(parts) => parts,
            Err(why) => return self.vim_refuse(why),
        };
        let prepared =
            self.vim_matcher(&pattern, &flags).and_then(|matcher| Ok((matcher, replacement(&with)?)));
        let (matcher, replacement) = match prepared {
            Ok(prepared) => prepared,
            Err(why) => return self.vim_refuse(why),
        };
        if flags.contains('c') {
            let done = self.vim_ask(&pattern, &replacement, &flags, lines);
            self.vim.last_substitute = Some((pattern, with, flags));
            return done;
        }
        let rope = self.rope();
        // The ends of the lines belong to them, but what matches behind the last one does not.
        let end = line_end(rope, lines.end - 1);
        let next = if lines.end <= self.vim_last_line() { end + 1 } else { end };
        let span = rope.line_to_char(lines.start)..next;
        let mut edits: Vec<Edit> = Vec::new();
        let mut last_line = None;
        for found in matcher.matches(rope, span).take_while(|found| found.start <= end) {
            let line = rope.char_to_line(found.start);
            if last_line.replace(line) == Some(line) && !flags.contains('g') {
                continue;
            }
            let text = replacement.of(|part| matcher.replacement(rope, &found, part));
            edits.push(Edit { text, range: found });
        }
        self.vim.last_substitute = Some((pattern.clone(), with, flags.clone()));
        // It is what is searched for from now on.
        let wanted = self.vim_pattern(&pattern, &flags);
        let is_sound = wanted.and_then(|(needle, options)| self.search_for(needle, options)).is_ok();
        debug_assert!(is_sound, "the matcher was made of it");
        if edits.is_empty() {
            return flags.contains('e') || self.vim_refuse("not found".to_owned());
        }
        let n = edits.len();
        if flags.contains('n') {
            self.notify(format!("{n} matches"), now);
            return true;
        }
        let at = edits[n - 1].range.start;
        let n_new = edits[n - 1].text.matches('\n').count();
        let at = crate::editor::edits::carry(at, &edits[..n - 1], Bias::Left);
        self.make_biased(&edits, Bias::Left, now);
        let line = self.rope().char_to_line(at) + n_new;
        self.select(Selection::caret(motion::first_word(self.rope(), line.min(self.vim_last_line()))));
        self.notify(format!("{n} replaced"), now);
        true
    }

    /// What is to be replaced by what, how, and in which lines.
    fn vim_substitution(
        &self,
        arguments: &str,
        lines: Range<usize>,
    ) -> Result<(String, String, String, Range<usize>), String> {
        let last = self.vim.last_substitute.clone();
        let (pattern, with, flags) = match (split(arguments), &last) {
            (Some((pattern, with, flags)), _) => {
                let before = last.as_ref().map_or("", |(_, with, _)| with.as_str());
                (pattern, with_last(&with, before), flags)
            }
            (None, Some((pattern, with, _))) => (pattern.clone(), with.clone(), arguments.to_owned()),
            (None, None) => return Err("nothing was replaced yet; write :s/this/that/".to_owned()),
        };
        let n_flags = flags.chars().take_while(|&c| FLAGS.contains(c)).count();
        let (flags, count) = flags.split_at(n_flags);
        let count = match count.trim() {
            "" => None,
            count => {
                let why = || format!("{count:?} is no flag of :s; it has g, i, I, n, c and e, and a count");
                Some(count.parse().map_err(|_| why())?)
            }
        };
        // The flags of the last time count only after one more `&`.
        let flags = match (flags.strip_prefix('&'), &last) {
            (Some(more), Some((_, _, before))) => format!("{before}{more}"),
            _ => flags.to_owned(),
        };
        Ok((pattern, with, flags, self.vim_counted(lines, count)))
    }

    /// Asks at each match: that is what replacing does anyway.
    fn vim_ask(&mut self, pattern: &str, with: &Replacement, flags: &str, lines: Range<usize>) -> bool {
        let Some(with) = with.plain() else {
            return self.vim_refuse("\\u, \\U, \\l and \\L work without the flag c only".to_owned());
        };
        // There, a backslash is written twice.
        let with = with.replace('\\', "\\\\");
        let wanted = self.vim_pattern(pattern, flags);
        if let Err(why) = wanted.and_then(|(needle, options)| self.search_for(needle, options)) {
            return self.vim_refuse(why);
        }
        let rope = self.rope();
        let span = rope.line_to_char(lines.start)..line_end(rope, lines.end - 1);
        self.find.replacement = with;
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
    pub(super) fn vim_pattern(&self, pattern: &str, flags: &str) -> Result<(String, Options), String> {
        if !pattern.is_empty() {
            return self.vim_needle(pattern, flags);
        }
        let (needle, options) = (self.find.needle.clone(), self.find.options);
        Ok(match flags.chars().rfind(|flag| matches!(flag, 'i' | 'I')) {
            Some('i') => (format!("(?i){needle}"), Options { is_exact: false, ..options }),
            Some(_) => (needle, Options { is_exact: true, ..options }),
            None => (needle, options),
        })
    }

    /// Makes a matcher of vim's pattern; an empty one is the last that was searched for.
    pub(super) fn vim_matcher(&self, pattern: &str, flags: &str) -> Result<Matcher, String> {
        let (needle, options) = self.vim_pattern(pattern, flags)?;
        Matcher::new(&needle, options)?.ok_or_else(|| "say what to look for: /pattern/".to_owned())
    }
}

/// Returns what stands between the parts of `/this/that/flags`; `None` if there are none.
fn border(arguments: &str) -> Option<char> {
    let parts =
        |c: &char| !c.is_alphanumeric() && !c.is_whitespace() && !matches!(c, '\\' | '&' | '~' | '"' | '|');
    arguments.chars().next().filter(parts)
}

/// Returns the bytes of `/this/that/`, as far as they are there: of `s`, these are no commands.
pub(super) fn length(arguments: &str) -> usize {
    let Some(border) = border(arguments) else { return 0 };
    let (mut n_borders, mut is_escaped) = (0, false);
    for (at, c) in arguments.char_indices() {
        n_borders += usize::from(c == border && !is_escaped);
        is_escaped = c == '\\' && !is_escaped;
        if n_borders == 3 {
            return at;
        }
    }
    arguments.len()
}

/// Takes `/this/that/flags` apart, whatever stands for the slash; `None` if there is nothing.
fn split(arguments: &str) -> Option<(String, String, String)> {
    let border = border(arguments)?;
    let mut chars = arguments[border.len_utf8()..].chars();
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
