//! Lines after a colon.

use std::ops::Range;

use crate::base::time::MonoTime;
use crate::document::{Anchor, Bias};
use crate::editor::column::line_end;
use crate::editor::command::{Action, named};
use crate::editor::edits::Edit;
use crate::editor::lines::chars_of;
use crate::editor::panes::{Arrange, Axis};
use crate::editor::prompt::Prompt;
use crate::editor::search::{Matcher, Options};
use crate::editor::selection::Selection;
use crate::editor::{Effect, Model};

use super::keys::{Operator, typed};
use super::motion::{self, Shape};
use super::{Mode, pattern};

impl Model {
    /// Carries out a line. Returns whether it could be done.
    pub(super) fn vim_ex(&mut self, line: &str, now: MonoTime, effects: &mut Vec<Effect>) -> bool {
        let of_visual = matches!(self.vim.mode, Mode::Visual(_)).then(|| {
            let (span, rope) = (self.vim_span(), self.rope());
            rope.char_to_line(span.start)..rope.char_to_line(span.end.saturating_sub(1).max(span.start)) + 1
        });
        self.vim_leave_visual();
        let line = line.trim_start_matches([':', ' ']);
        let (range, rest) = match self.vim_range(line) {
            Ok(parsed) => parsed,
            Err(why) => return self.vim_refuse(why),
        };
        let range = range.or(of_visual);
        let rest = rest.trim();
        let n_name = rest.chars().take_while(|c| c.is_ascii_alphabetic()).count();
        let (name, after) = rest.split_at(n_name);
        let (is_forced, argument) = match after.strip_prefix('!') {
            Some(argument) => (true, argument.trim()),
            None => (false, after.trim()),
        };
        let here = self.line()..self.line() + 1;
        match name {
            "" if rest.is_empty() => {
                if let Some(range) = range {
                    let at = motion::first_word(self.rope(), range.end - 1);
                    self.select(Selection::caret(at));
                    self.center();
                }
                true
            }
            "" if rest.starts_with(['>', '<']) => {
                self.vim_select_lines(range.unwrap_or(here));
                if rest.starts_with('>') {
                    self.indent_lines(now)
                } else {
                    self.outdent(now)
                }
                true
            }
            "" if rest.starts_with('&') => self.vim_substitute("", range.unwrap_or(here), now),
            // In vim a window is closed, and the program with the last one; with an `a` behind it, all at once.
            "q" | "quit" | "wq" | "x" | "xit" | "exit" => {
                self.closes_only = true;
                self.vim_ex_end(name, argument, is_forced, now, effects)
            }
            "w" | "write" | "wa" | "up" | "update" => self.vim_write(argument, is_forced, now, effects),
            "sav" | "saveas" if !argument.is_empty() => {
                self.save_path = Some(argument.to_owned());
                self.save(is_forced, now, effects);
                true
            }
            "qa" | "qall" if is_forced => {
                effects.push(Effect::QuitAll { is_failure: false });
                true
            }
            "wqa" | "xa" | "qa" | "qall" => self.vim_ex_end(name, argument, is_forced, now, effects),
            "cq" | "cquit" => {
                effects.push(Effect::QuitAll { is_failure: true });
                true
            }
            "s" | "substitute" => self.vim_substitute(after, range.unwrap_or(here), now),
            "g" | "global" | "v" | "vglobal" => {
                let all = 0..self.vim_last_line() + 1;
                self.vim_global(
                    argument,
                    name.starts_with('v') || is_forced,
                    range.unwrap_or(all),
                    now,
                    effects,
                )
            }
            "norm" | "normal" => self.vim_normal(argument, range, now, effects),
            "d" | "delete" => self.vim_delete_lines(range.unwrap_or(here), now),
            "y" | "yank" => {
                let range = chars_of(self.rope(), range.unwrap_or(here));
                self.vim_keep_lines(range, effects);
                true
            }
            "m" | "move" | "t" | "co" | "copy" => {
                self.vim_put_lines(range.unwrap_or(here), argument, name.starts_with('m'), now)
            }
            "j" | "join" => {
                let lines = range.unwrap_or(here);
                self.select(Selection::caret(self.rope().line_to_char(lines.start)));
                let done = self.vim_join(lines.len().max(2), now);
                let at = motion::first_word(self.rope(), self.line());
                self.select(Selection::caret(at));
                done
            }
            "sort" => {
                self.vim_select_lines(range.unwrap_or(0..self.vim_last_line() + 1));
                let line = self.rope().char_to_line(self.selection.range().start);
                self.sort_lines(now);
                self.select(Selection::caret(motion::first_word(self.rope(), line)));
                true
            }
            "e" | "edit" | "tabe" | "tabedit" if !argument.is_empty() => {
                effects.push(Effect::Open(argument.to_owned()));
                true
            }
            "tabnew" | "enew" => self.vim_arrange(Arrange::New, effects),
            "sp" | "split" | "vs" | "vsplit" => {
                let axis = if name.starts_with('v') { Axis::Columns } else { Axis::Rows };
                effects.push(Effect::Arrange(Arrange::Split(axis)));
                if !argument.is_empty() {
                    effects.push(Effect::Open(argument.to_owned()));
                }
                true
            }
            "bn" | "bnext" | "tabn" | "tabnext" => self.vim_arrange(Arrange::Next, effects),
            "bp" | "bprevious" | "tabp" | "tabprevious" => self.vim_arrange(Arrange::Previous, effects),
            "bd" | "bdelete" | "tabc" | "tabclose" => {
                self.act(Action::Arrange(Arrange::Close), false, now, effects);
                true
            }
            "ls" | "buffers" | "files" => self.vim_arrange(Arrange::ListTexts, effects),
            "clo" | "close" => self.vim_arrange(Arrange::ClosePane, effects),
            "noh" | "nohlsearch" => {
                self.find.is_lit = false;
                true
            }
            "u" | "undo" => {
                self.undo(false, now);
                true
            }
            "red" | "redo" => {
                self.undo(true, now);
                true
            }
            "h" | "help" => {
                self.act(Action::Help, false, now, effects);
                true
            }
            // Every command of the editor by its name.
            _ => match named(rest) {
                Some(command) => {
                    self.act(command.action, false, now, effects);
                    true
                }
                None => self.vim_refuse(format!("{rest:?} is no command; Ctrl-P finds those there are")),
            },
        }
    }

    /// Ends, saving first if the command says so.
    fn vim_ex_end(
        &mut self,
        name: &str,
        argument: &str,
        is_forced: bool,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let saves = name.starts_with(['w', 'x', 'e']) && (name.starts_with('w') || self.is_modified());
        match (saves, is_forced) {
            (true, _) => {
                self.quits_after_save = true;
                return self.vim_write(argument, is_forced, now, effects);
            }
            (false, true) => effects.push(Effect::Quit),
            (false, false) => self.act(Action::Quit, false, now, effects),
        }
        true
    }

    fn vim_refuse(&mut self, why: String) -> bool {
        self.vim.error = Some(why);
        false
    }

    fn vim_write(
        &mut self,
        argument: &str,
        is_forced: bool,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        match (argument, self.file.has_path) {
            ("", _) => {}
            (name, false) => self.save_path = Some(name.to_owned()),
            (name, true) => {
                // As in vim, the text stays with its own file.
                self.quits_after_save = false;
                let (text, path) = (self.rope().clone(), name.to_owned());
                effects.push(Effect::Copy { text, path, overwrite: is_forced });
                return true;
            }
        }
        self.save(is_forced, now, effects);
        true
    }

    /// Reads the lines that a command is for, and returns what follows.
    fn vim_range<'a>(&self, line: &'a str) -> Result<(Option<Range<usize>>, &'a str), String> {
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
    fn vim_address<'a>(&self, text: &'a str) -> Result<(Option<usize>, &'a str), String> {
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
    fn vim_line_of(&self, matcher: &Matcher, is_forward: bool) -> Option<usize> {
        let (rope, here, n) = (self.rope(), self.line(), self.vim_last_line() + 1);
        let holds = |line: &usize| {
            matcher.matches(rope, rope.line_to_char(*line)..line_end(rope, *line)).next().is_some()
        };
        let line = |step: usize| if is_forward { (here + step) % n } else { (here + n - step) % n };
        (1..=n).map(line).find(holds)
    }

    fn vim_select_lines(&mut self, lines: Range<usize>) {
        let range = chars_of(self.rope(), lines);
        self.select(Selection { anchor: range.end, head: range.start, goal: None });
    }

    fn vim_delete_lines(&mut self, lines: Range<usize>, now: MonoTime) -> bool {
        self.vim_select_lines(lines);
        self.selection = Selection {
            anchor: self.selection.head,
            head: self.selection.anchor.saturating_sub(1),
            goal: None,
        };
        self.vim.mode = Mode::Visual(Shape::Lines);
        self.vim_operate(Operator::Delete, &super::keys::Target::Selection, None, now, &mut Vec::new())
    }

    fn vim_keep_lines(&mut self, range: Range<usize>, effects: &mut Vec<Effect>) {
        self.vim_keep(&[range], Shape::Lines, true, effects);
    }

    /// Moves or copies lines behind the line of an address; 0 is before the first.
    fn vim_put_lines(&mut self, lines: Range<usize>, to: &str, is_move: bool, now: MonoTime) -> bool {
        let after = match to.trim() {
            "0" => None,
            to => match self.vim_address(to) {
                Ok((Some(line), _)) => Some(line),
                _ => return self.vim_refuse("say behind which line: :m 10".to_owned()),
            },
        };
        if is_move && after.is_some_and(|line| lines.contains(&line)) {
            return self.vim_refuse("lines cannot be moved into themselves".to_owned());
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

    /// `:s/pattern/with/flags`, without arguments the last one again.
    fn vim_substitute(&mut self, arguments: &str, lines: Range<usize>, now: MonoTime) -> bool {
        self.vim.is_change = true;
        let (pattern, with, flags) = match split(arguments) {
            Some(parts) => parts,
            None => match self.vim.last_substitute.clone() {
                Some(last) => last,
                None => return self.vim_refuse("nothing was replaced yet; write :s/this/that/".to_owned()),
            },
        };
        let matcher = match self.vim_matcher(&pattern, &flags) {
            Ok(matcher) => matcher,
            Err(why) => return self.vim_refuse(why),
        };
        if flags.contains('c') {
            return self.vim_ask(&pattern, &with, &flags, lines);
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
        let needle = if pattern.is_empty() { self.find.needle.clone() } else { pattern::translated(pattern) };
        let needle = if flags.contains('i') { format!("(?i){needle}") } else { needle };
        let options = Options { is_regex: true, is_exact: flags.contains('I'), is_word: false };
        if let Err(why) = self.search_for(needle, options) {
            return self.vim_refuse(why);
        }
        let rope = self.rope();
        let span = rope.line_to_char(lines.start)..line_end(rope, lines.end - 1);
        self.find.replacement = pattern::replacement(with);
        self.find.origin = Selection::caret(span.start);
        let start = span.start;
        self.find.scope = Some(span);
        if self.next_match(start).is_none() {
            self.find.scope = None;
            return self.vim_refuse("not found".to_owned());
        }
        self.find.is_lit = true;
        self.find_from_origin();
        self.prompt = Some(Prompt::Replace);
        true
    }

    /// `:g/pattern/command` and `:v/pattern/command`: the command for each line that matches, or does not.
    fn vim_global(
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
        self.vim_for_each(&marked, now, |model, now| {
            model.vim_ex(if command.is_empty() { "p" } else { &command }, now, effects)
        });
        self.notify(format!("done in {} lines", marked.len()), now);
        true
    }

    /// `:normal keys` for each line, or where the caret is.
    fn vim_normal(
        &mut self,
        keys: &str,
        lines: Option<Range<usize>>,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let keys = typed(keys);
        let rope = self.rope();
        let marks: Vec<_> = match lines {
            Some(lines) => {
                lines.map(|line| self.document.anchor(rope.line_to_char(line), Bias::Right)).collect()
            }
            None => vec![self.document.anchor(self.selection.head, Bias::Right)],
        };
        self.vim.is_change = false;
        self.vim_for_each(&marks, now, |model, now| {
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
        now: MonoTime,
        mut run: impl FnMut(&mut Model, MonoTime) -> bool,
    ) {
        self.vim_new_step();
        self.vim.macro_depth += 1;
        for &place in places {
            let Some(at) = self.document.resolve(place) else { continue };
            self.select(Selection::caret(at));
            run(self, now);
        }
        self.vim.macro_depth -= 1;
        self.vim.error = None;
    }

    /// Makes a matcher of vim's pattern; an empty one is the last that was searched for.
    fn vim_matcher(&self, pattern: &str, flags: &str) -> Result<Matcher, String> {
        let needle = if pattern.is_empty() { self.find.needle.clone() } else { pattern::translated(pattern) };
        let options = Options { is_regex: true, is_exact: flags.contains('I'), is_word: false };
        let needle = if flags.contains('i') { format!("(?i){needle}") } else { needle };
        Matcher::new(&needle, options)?.ok_or_else(|| "say what to look for: /pattern/".to_owned())
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

/// Takes `/this/that/flags` apart, whatever stands for the slash; `None` if there is nothing.
fn split(arguments: &str) -> Option<(String, String, String)> {
    let mut chars = arguments.chars();
    let border = chars.next().filter(|c| !c.is_alphanumeric() && !c.is_whitespace() && *c != '\\')?;
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
