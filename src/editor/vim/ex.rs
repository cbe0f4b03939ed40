//! Lines after a colon.

use std::ops::Range;

use crate::base::time::MonoTime;
use crate::document::Bias;
use crate::editor::column::line_end;
use crate::editor::command::{Action, named};
use crate::editor::edits::Edit;
use crate::editor::lines::chars_of;
use crate::editor::panes::{Arrange, Axis};
use crate::editor::search::{Matcher, Options};
use crate::editor::selection::Selection;
use crate::editor::{Effect, Model};

use super::keys::Operator;
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
                self.vim_global(after, name.starts_with('v') || is_forced, range.unwrap_or(all), now)
            }
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
                self.vim_join(lines.len().max(2), now)
            }
            "sort" => {
                self.vim_select_lines(range.unwrap_or(0..self.vim_last_line() + 1));
                self.sort_lines(now);
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
                let at = match (name, self.vim.last_visual) {
                    ('<' | '>', Some((_, a, b))) => {
                        let ends = (self.document.resolve(a), self.document.resolve(b));
                        let ends = ends.0.zip(ends.1).map(|(a, b)| (a.min(b), a.max(b)));
                        ends.map(|(first, last)| if name == '<' { first } else { last })
                    }
                    _ => self.vim.marks.get(&name).and_then(|&mark| self.document.resolve(mark)),
                };
                let at = at.ok_or_else(|| format!("there is no mark {name}"))?;
                (Some(self.rope().char_to_line(at)), &text[1 + name.len_utf8().min(text.len() - 1)..])
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
        let needle =
            if pattern.is_empty() { self.find.needle.clone() } else { pattern::translated(&pattern) };
        let options = Options { is_regex: true, is_exact: flags.contains('I'), is_word: false };
        let needle = if flags.contains('i') { format!("(?i){needle}") } else { needle };
        let matcher = match Matcher::new(&needle, options) {
            Ok(Some(matcher)) => matcher,
            Ok(None) => return self.vim_refuse("say what to replace: :s/this/that/".to_owned()),
            Err(why) => return self.vim_refuse(why),
        };
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

    /// `:g/pattern/d` and `:v/pattern/d`.
    fn vim_global(&mut self, arguments: &str, is_inverse: bool, lines: Range<usize>, now: MonoTime) -> bool {
        let parts = split(arguments).filter(|(_, command, _)| matches!(command.trim(), "d" | "delete"));
        let Some((pattern, ..)) = parts else {
            return self.vim_refuse("only :g/pattern/d and :v/pattern/d are known".to_owned());
        };
        let options = Options { is_regex: true, ..Options::default() };
        let matcher = match Matcher::new(&pattern::translated(&pattern), options) {
            Ok(Some(matcher)) => matcher,
            Ok(None) => return self.vim_refuse("say which lines: :g/pattern/d".to_owned()),
            Err(why) => return self.vim_refuse(why),
        };
        let rope = self.rope();
        let holds = |line: usize| {
            matcher.matches(rope, rope.line_to_char(line)..line_end(rope, line)).next().is_some()
        };
        let doomed = lines.filter(|&line| holds(line) != is_inverse);
        let edits: Vec<Edit> = doomed.map(|line| Edit::delete(chars_of(rope, line..line + 1))).collect();
        let n = edits.len();
        self.vim.is_change = true;
        self.make_whole(&edits, now);
        self.notify(format!("{n} lines deleted"), now);
        0 < n
    }
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
