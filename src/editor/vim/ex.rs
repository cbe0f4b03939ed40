//! Lines after a colon.

use std::ops::Range;

use crate::base::time::MonoTime;
use crate::editor::command::{Action, named};
use crate::editor::lines::chars_of;
use crate::editor::panes::{Arrange, Axis};
use crate::editor::selection::Selection;
use crate::editor::{Effect, Model};

use super::motion::{self, Shape};
use super::{Mode, substitute};

/// Words before a command that change nothing here.
const MODIFIERS: [(&str, usize); 6] = [
    ("silent", 3),
    ("keepjumps", 5),
    ("keepmarks", 3),
    ("keeppatterns", 5),
    ("lockmarks", 3),
    ("noautocmd", 3),
];

/// One command of a line, taken apart.
struct Part<'a> {
    range: Option<Range<usize>>,
    name: &'a str,
    is_forced: bool,
    /// What is behind the name.
    after: &'a str,
    /// The same without what forces it, trimmed.
    argument: &'a str,
}

impl Model {
    /// Carries out a line, whose commands `|` parts, as one step of undo. Returns whether all could be done.
    pub(super) fn vim_ex(&mut self, line: &str, now: MonoTime, effects: &mut Vec<Effect>) -> bool {
        let mut of_visual = matches!(self.vim.mode, Mode::Visual(_)).then(|| {
            let (span, rope) = (self.vim_span(), self.rope());
            rope.char_to_line(span.start)..rope.char_to_line(span.end.saturating_sub(1).max(span.start)) + 1
        });
        self.vim_leave_visual();
        if line.contains('|') {
            self.vim_new_step();
            self.vim.macro_depth += 1;
        }
        let (mut done, mut rest) = (true, Some(line));
        while let Some(text) = rest.filter(|_| done) {
            (done, rest) = match self.vim_ex_parse(text, of_visual.take()) {
                Ok((part, next)) => (self.vim_ex_one(&part, now, effects), next),
                Err(why) => (self.vim_refuse(why), None),
            };
        }
        if line.contains('|') {
            self.vim.macro_depth -= 1;
        }
        done
    }

    /// Reads the first command of a line. Returns it and what follows the `|` behind it.
    fn vim_ex_parse<'a>(
        &self,
        line: &'a str,
        of_visual: Option<Range<usize>>,
    ) -> Result<(Part<'a>, Option<&'a str>), String> {
        let mut line = line.trim_start_matches([':', ' ']);
        while let Some(rest) = without_modifier(line) {
            line = rest;
        }
        let (range, rest) = self.vim_range(line)?;
        let rest = rest.trim_start();
        let (rest, next) = rest.split_at(length(rest));
        let n_name = name_length(rest);
        let (name, after) = rest.split_at(n_name);
        let (is_forced, argument) = match after.strip_prefix('!') {
            Some(argument) => (true, argument.trim()),
            None => (false, after.trim()),
        };
        // Where it is told from the first line, `0` is before it.
        let range = if line.starts_with('0') && range == Some(0..1) { Some(0..0) } else { range };
        let part = Part { range: range.or(of_visual), name, is_forced, after, argument };
        Ok((part, next.strip_prefix('|')))
    }

    /// Carries out one command. Returns whether it could be done.
    fn vim_ex_one(&mut self, part: &Part, now: MonoTime, effects: &mut Vec<Effect>) -> bool {
        let &Part { name, is_forced, after, argument, .. } = part;
        // Above the first line there is none to work on; only what is put there is put before it.
        let below = part.range.clone();
        let range = part.range.clone().map(|range| range.start..range.end.max(range.start + 1));
        let here = self.line()..self.line() + 1;
        match name {
            "" if after.is_empty() => {
                if let Some(range) = range {
                    let at = motion::first_word(self.rope(), range.end - 1);
                    self.select(Selection::caret(at));
                    self.center();
                }
                true
            }
            "" if after.starts_with(['>', '<']) => self.vim_shift_lines(range.unwrap_or(here), after, now),
            "" if after.starts_with(['&', '~']) => {
                self.vim_substitute(after[1..].trim_start(), range.unwrap_or(here), now)
            }
            "" if after.starts_with('@') => self.vim_ex_again(now, effects),
            "" if after.starts_with('=') => {
                let line = range.map_or(self.vim_last_line() + 1, |range| range.end);
                self.notify(format!("line {line}"), now);
                true
            }
            // In vim a window is closed, and the program with the last one; with an `a` behind it, all at once.
            "q" | "quit" | "wq" | "x" | "xit" | "exit" => {
                self.closes_only = true;
                self.vim_ex_end(name, argument, is_forced, now, effects)
            }
            "wa" | "wall" => self.vim_arrange(Arrange::SaveAll, effects),
            "wqa" | "wqall" | "xa" | "xall" => self.vim_arrange(Arrange::SaveAllAndQuit, effects),
            "w" | "write" | "up" | "update" => self.vim_write(argument, is_forced, now, effects),
            "sav" | "saveas" if !argument.is_empty() => {
                self.save_path = Some(argument.to_owned());
                self.save(is_forced, now, effects);
                true
            }
            "qa" | "qall" if is_forced => {
                effects.push(Effect::QuitAll { is_failure: false });
                true
            }
            "qa" | "qall" => self.vim_ex_end(name, argument, is_forced, now, effects),
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
            "d" | "delete" | "y" | "yank" => {
                let (register, count) = register_and_count(argument);
                let lines = self.vim_counted(range.unwrap_or(here), count);
                self.vim.register = register;
                if name.starts_with('d') {
                    return self.vim_delete_lines(lines, now, effects);
                }
                let chars = chars_of(self.rope(), lines);
                self.vim_keep(&[chars], Shape::Lines, true, effects);
                true
            }
            "pu" | "put" => {
                let line = below.map_or(self.line() + 1, |range| range.end);
                self.vim_put_below(line - usize::from(is_forced && 0 < line), argument, now)
            }
            "m" | "move" | "t" | "co" | "copy" => {
                self.vim_put_lines(range.unwrap_or(here), argument, name.starts_with('m'), now)
            }
            "j" | "join" => {
                let lines = self.vim_counted(range.unwrap_or(here), argument.parse().ok());
                self.vim_join_lines(&lines, is_forced, now)
            }
            "sor" | "sort" => {
                self.vim_sort(range.unwrap_or(0..self.vim_last_line() + 1), argument, is_forced, now)
            }
            "e" | "edit" | "tabe" | "tabedit" => self.vim_edit(argument, is_forced, now, effects),
            "r" | "read" => {
                let line = below.map_or(self.line() + 1, |range| range.end);
                self.vim_read(argument, line, effects)
            }
            "b" | "buffer" => self.vim_buffer(argument, effects),
            "se" | "set" | "setl" | "setlocal" => self.vim_set(after.trim(), now),
            "reg" | "registers" | "di" | "display" => self.vim_list_registers(),
            "marks" => self.vim_list_marks(),
            "k" | "ma" | "mark" if argument.chars().count() == 1 => {
                self.vim_mark_line(argument, range.unwrap_or(here).end - 1)
            }
            _ if name.len() == 2 && name.starts_with('k') && argument.is_empty() => {
                self.vim_mark_line(&name[1..], range.unwrap_or(here).end - 1)
            }
            "delm" | "delmarks" => {
                let goes = |name: &char| is_forced && name.is_ascii_lowercase() || argument.contains(*name);
                self.vim.marks.retain(|name, _| !goes(name));
                true
            }
            "star" | "startinsert" => self.vim_insert(if is_forced { 'A' } else { 'i' }, None, now),
            "go" | "goto" => {
                let at = argument.parse::<usize>().unwrap_or(1).saturating_sub(1);
                let at = self.rope().byte_to_char(at.min(self.rope().len_bytes()));
                self.select(Selection::caret(at));
                self.center();
                true
            }
            "f" | "file" if argument.is_empty() => {
                self.act(Action::FileInfo, false, now, effects);
                true
            }
            "colo" | "colorscheme" if argument.is_empty() => {
                effects.push(Effect::ListThemes);
                true
            }
            "colo" | "colorscheme" => {
                effects.push(Effect::Theme { name: Some(argument.to_owned()), is_chosen: true });
                true
            }
            "on" | "only" => self.vim_arrange(Arrange::OnlyPane, effects),
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
            "u" | "undo" => self.vim_undo(false, None, now),
            "red" | "redo" => self.vim_undo(true, None, now),
            "h" | "help" => {
                self.act(Action::Help, false, now, effects);
                true
            }
            // Every command of the editor by its name.
            _ => match named(&format!("{name}{after}")) {
                Some(command) => {
                    self.act(command.action, false, now, effects);
                    true
                }
                None => {
                    let rest = format!("{name}{after}");
                    self.vim_refuse(format!("{rest:?} is no command; Ctrl-P finds those there are"))
                }
            },
        }
    }

    /// Carries out the last line again.
    pub(super) fn vim_ex_again(&mut self, now: MonoTime, effects: &mut Vec<Effect>) -> bool {
        match self.vim.last_ex.clone() {
            Some(line) => self.vim_ex(&line, now, effects),
            None => self.vim_refuse("no line was written after a colon yet".to_owned()),
        }
    }

    pub(super) fn vim_refuse(&mut self, why: String) -> bool {
        self.vim.error = Some(why);
        false
    }
}

/// Takes off a word that changes nothing; `None` if there is none.
fn without_modifier(line: &str) -> Option<&str> {
    let n = line.chars().take_while(char::is_ascii_alphabetic).count();
    let is = |&(word, n_least): &(&str, usize)| n_least <= n && word.starts_with(&line[..n]);
    let rest = MODIFIERS.iter().any(is).then(|| &line[n..])?;
    Some(rest.strip_prefix('!').unwrap_or(rest).trim_start()).filter(|rest| !rest.is_empty())
}

/// Bytes of a command's name, such as `sort`; those of a letter may stand directly before what they work on: `s/a/b/`.
fn name_length(text: &str) -> usize {
    text.chars().take_while(char::is_ascii_alphabetic).count()
}

/// Returns how much of a text its first command takes: up to a `|`, unless that is a part of what the command works on.
fn length(text: &str) -> usize {
    let n_name = name_length(text);
    let (name, after) = text.split_at(n_name);
    let takes_all = match name {
        "g" | "global" | "v" | "vglobal" | "norm" | "normal" => true,
        "r" | "read" | "w" | "write" => after.trim_start().starts_with('!'),
        _ => after.starts_with('!') && name.is_empty(),
    };
    if takes_all {
        return text.len();
    }
    // In what is replaced, and what replaces it, it means itself.
    let n_skipped = match name {
        "s" | "substitute" => substitute::length(after),
        _ => 0,
    };
    let mut is_escaped = false;
    for (at, c) in after[n_skipped..].char_indices() {
        match c {
            '|' if !is_escaped => return n_name + n_skipped + at,
            c => is_escaped = c == '\\' && !is_escaped,
        }
    }
    text.len()
}

/// Reads a register and a count, each of which may be missing.
fn register_and_count(argument: &str) -> (Option<char>, Option<usize>) {
    let register = argument.chars().next().filter(|c| !c.is_ascii_digit());
    let count = &argument[register.map_or(0, char::len_utf8)..];
    (register, count.trim().parse().ok())
}
