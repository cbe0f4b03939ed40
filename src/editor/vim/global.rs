//! Commands for each of some lines: `:g`, `:v` and `:normal`.

use std::ops::Range;

use crate::base::time::MonoTime;
use crate::document::{Anchor, Bias};
use crate::editor::column::line_end;
use crate::editor::selection::Selection;
use crate::editor::{Effect, Model};

use super::keys::typed;

impl Model {
    /// `:g/pattern/command` and `:v/pattern/command`: the command for each line that matches, or does not.
    pub(super) fn vim_global(
        &mut self,
        arguments: &str,
        is_inverse: bool,
        lines: Range<usize>,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let Some((pattern, command)) = split_once(arguments) else {
            return self.vim_refuse("say which lines and what to do with them: :g/pattern/d".to_owned());
        };
        if command.trim_start().starts_with(['g', 'v']) {
            return self.vim_refuse(":g cannot be done for each line of :g".to_owned());
        }
        let matcher = match self.vim_matcher(&pattern, "") {
            Ok(matcher) => matcher,
            Err(why) => return self.vim_refuse(why),
        };
        // An empty pattern in the command is this one.
        let wanted = self.vim_pattern(&pattern, "");
        if let Err(why) = wanted.and_then(|(needle, options)| self.search_for(needle, options)) {
            return self.vim_refuse(why);
        }
        let rope = self.rope();
        let holds = |line: usize| {
            matcher.matches(rope, rope.line_to_char(line)..line_end(rope, line)).next().is_some()
        };
        let marked = lines.filter(|&line| holds(line) != is_inverse);
        let marked: Vec<_> =
            marked.map(|line| self.document.anchor(rope.line_to_char(line), Bias::Right)).collect();
        if marked.is_empty() {
            return self.vim_refuse("not found".to_owned());
        }
        // What `:normal` did is what is repeated.
        self.vim.is_change = !command.trim_start().starts_with("norm");
        self.vim_for_each(&marked, true, now, |model, now| {
            model.vim_ex(if command.is_empty() { "p" } else { &command }, now, effects)
        });
        self.notify(format!("done in {} lines", marked.len()), now);
        true
    }

    /// `:normal keys` for each line, or where the caret is.
    pub(super) fn vim_normal(
        &mut self,
        keys: &str,
        lines: Option<Range<usize>>,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let keys = typed(keys);
        let rope = self.rope();
        let has_lines = lines.is_some();
        let marks: Vec<_> = match lines {
            Some(lines) => {
                lines.map(|line| self.document.anchor(rope.line_to_char(line), Bias::Right)).collect()
            }
            None => vec![self.document.anchor(self.selection.head, Bias::Right)],
        };
        self.vim.is_change = false;
        self.vim_for_each(&marks, has_lines, now, |model, now| {
            // The line that says so is no part of the change.
            model.vim.change_keys.clear();
            model.vim_play(&keys, now, effects)
        });
        true
    }

    /// Does something at each of some places, as one step of undo. What fails at one is done at the others all the same.
    fn vim_for_each(
        &mut self,
        places: &[Anchor],
        starts_lines: bool,
        now: MonoTime,
        mut run: impl FnMut(&mut Model, MonoTime) -> bool,
    ) {
        self.vim_new_step();
        self.vim.macro_depth += 1;
        for &place in places {
            let Some(at) = self.document.resolve(place) else { continue };
            // A line that was joined to another is none any more.
            if starts_lines && self.rope().line_to_char(self.rope().char_to_line(at)) != at {
                continue;
            }
            self.select(Selection::caret(at));
            run(self, now);
        }
        self.vim.macro_depth -= 1;
        self.vim.error = None;
    }
}

/// Takes `/pattern/rest` apart at the first border that is not escaped.
fn split_once(arguments: &str) -> Option<(String, String)> {
    let border = arguments.chars().next().filter(|c| !c.is_alphanumeric() && !c.is_whitespace())?;
    let mut rest = arguments[border.len_utf8()..].char_indices();
    let mut pattern = String::new();
    let text = &arguments[border.len_utf8()..];
    while let Some((at, c)) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some((_, next)) if next == border => pattern.push(next),
                next => pattern.extend(std::iter::once('\\').chain(next.map(|(_, next)| next))),
            },
            c if c == border => return Some((pattern, text[at + c.len_utf8()..].to_owned())),
            c => pattern.push(c),
        }
    }
    Some((pattern, String::new()))
}
