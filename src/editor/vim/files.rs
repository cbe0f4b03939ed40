//! Files and open texts after a colon: reading, writing, leaving.

use crate::base::time::MonoTime;
use crate::editor::command::Action;
use crate::editor::panes::Arrange;
use crate::editor::{Effect, Model};

impl Model {
    /// Ends, saving first if the command says so.
    pub(super) fn vim_ex_end(
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

    pub(super) fn vim_write(
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

    /// `:e`: opens a file; without a name reads the text's own again, and with `!` even if something is not saved.
    pub(super) fn vim_edit(
        &mut self,
        argument: &str,
        is_forced: bool,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        match argument {
            "" if !is_forced && self.is_modified() => {
                self.vim_refuse("not saved yet; :e! reads the file again".to_owned())
            }
            "" => {
                self.act(Action::Revert, false, now, effects);
                true
            }
            path => {
                effects.push(Effect::Open(path.to_owned()));
                true
            }
        }
    }

    /// `:r`: puts another file's text before a line.
    pub(super) fn vim_read(&mut self, argument: &str, line: usize, effects: &mut Vec<Effect>) -> bool {
        match argument {
            "" => self.vim_refuse("say which file: :r NAME".to_owned()),
            command if command.starts_with('!') => {
                self.vim_refuse("no other programs are run from here; :r NAME reads a file".to_owned())
            }
            path => {
                effects.push(Effect::Insert { path: path.to_owned(), line });
                true
            }
        }
    }

    /// `:b`: shows an open text by its number or by a part of its name.
    pub(super) fn vim_buffer(&mut self, argument: &str, effects: &mut Vec<Effect>) -> bool {
        match argument.parse::<usize>() {
            Ok(n) if 0 < n => effects.push(Effect::Show(n - 1)),
            _ if argument.is_empty() => return self.vim_arrange(Arrange::ListTexts, effects),
            _ => effects.push(Effect::ShowNamed(argument.to_owned())),
        }
        true
    }
}
