//! Lines after a colon.

use std::ops::Range;

use crate::base::time::MonoTime;
use crate::editor::column::line_end;
use crate::editor::command::{Action, named};
use crate::editor::edits::Edit;
use crate::editor::lines::chars_of;
use crate::editor::panes::{Arrange, Axis};
use crate::editor::selection::Selection;
use crate::editor::{Effect, Model};

use super::Mode;
use super::keys::Operator;
use super::motion::{self, Shape};

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
                let sign = if rest.starts_with('>') { '>' } else { '<' };
                let (line, n) = (self.line(), rest.chars().take_while(|&c| c == sign).count());
                for _ in 0..n {
                    if sign == '>' { self.indent_lines(now) } else { self.outdent(now) }
                }
                let line = line.max(self.rope().char_to_line(self.selection.range().end.saturating_sub(1)));
                self.select(Selection::caret(motion::first_word(self.rope(), line)));
                true
            }
            "" if rest.starts_with('&') => self.vim_substitute(&rest[1..], range.unwrap_or(here), now),
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
                if done {
                    let at = motion::first_word(self.rope(), self.line());
                    self.select(Selection::caret(at));
                }
                done
            }
            "sort" => {
                self.vim_select_lines(range.unwrap_or(0..self.vim_last_line() + 1));
                let line = self.rope().char_to_line(self.selection.range().start);
                self.sort_lines(now);
                self.select(Selection::caret(motion::first_word(self.rope(), line)));
                true
            }
            "e" | "edit" | "tabe" | "tabedit" => self.vim_edit(argument, is_forced, now, effects),
            "r" | "read" => {
                let whole = line.trim_start().starts_with('0').then_some(0);
                let below = range.map_or(self.line(), |range| range.end - 1) + 1;
                self.vim_read(argument, whole.unwrap_or(below), effects)
            }
            "b" | "buffer" => self.vim_buffer(argument, effects),
            "se" | "set" | "setl" | "setlocal" => self.vim_set(after.trim(), now),
            "reg" | "registers" | "di" | "display" => self.vim_list_registers(),
            "marks" => self.vim_list_marks(),
            "k" | "ma" | "mark" if argument.chars().count() == 1 => {
                argument.chars().for_each(|name| self.vim_set_mark(name));
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

    pub(super) fn vim_refuse(&mut self, why: String) -> bool {
        self.vim.error = Some(why);
        false
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
}
