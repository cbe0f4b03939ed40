//! Keys within a line that is being typed after a colon or a slash: what was typed before, registers, the word at the caret.

use crate::base::time::MonoTime;
use crate::editor::Model;
use crate::editor::history::Asked;
use crate::editor::key::{Key, KeyCode};

use super::keys::{typed, typed_line};

impl Model {
    /// Works in a key that is no text of the line. Returns whether it was one.
    pub(super) fn vim_line_key(&mut self, key: Key, now: MonoTime) -> bool {
        let Some((at, first)) = self.vim.line_start() else {
            self.vim.line_takes_register = false;
            return false;
        };
        if std::mem::take(&mut self.vim.line_takes_register) {
            let text = match key.code {
                KeyCode::Char('w') if key.ctrl => self.vim_word_text(),
                KeyCode::Char(name) if !key.ctrl => {
                    self.vim_register(name.to_ascii_lowercase()).map(|register| register.text)
                }
                _ => None,
            };
            if text.is_none() {
                self.notify("there is nothing in such a register", now);
            }
            // A line feed would end the line.
            let text = text.unwrap_or_default();
            self.vim_line_keys(self.vim.pending.len(), &typed(text.lines().next().unwrap_or_default()), 2);
            return true;
        }
        let is_back = match key.code {
            KeyCode::Char('r') if key.ctrl => {
                self.vim.line_takes_register = true;
                return true;
            }
            KeyCode::Up => true,
            KeyCode::Down => false,
            KeyCode::Char('p') if key.ctrl => true,
            KeyCode::Char('n') if key.ctrl => false,
            KeyCode::Char('b') if key.ctrl => {
                self.vim_line_keys(self.vim.pending.len(), &[Key::plain(KeyCode::Home)], 1);
                return true;
            }
            _ => {
                self.history.stop();
                return false;
            }
        };
        let asked = if first == ':' { Asked::Command } else { Asked::Pattern };
        let shown = typed_line(&self.vim.pending[at + 1..]).map(|(line, _)| line.text().to_owned());
        match self.history.step(asked, is_back, &shown.unwrap_or_default()) {
            Some(line) => self.vim_line_keys(at + 1, &typed(&line), 1),
            None => self.vim_line_keys(self.vim.pending.len(), &[], 1),
        }
        true
    }

    /// Puts keys in the place of those from `from` on, as if they had been pressed instead of the last `n_pressed`.
    fn vim_line_keys(&mut self, from: usize, keys: &[Key], n_pressed: usize) {
        let n_gone = self.vim.pending.len() - from;
        self.vim.pending.truncate(from);
        self.vim.pending.extend(keys);
        if !self.vim.is_replaying {
            let n = self.vim.change_keys.len().saturating_sub(n_gone + n_pressed);
            self.vim.change_keys.truncate(n);
            self.vim.change_keys.extend(keys);
        }
        self.vim_show_line();
    }

    /// Returns the word at the caret, or the next one in its line.
    fn vim_word_text(&self) -> Option<String> {
        Some(self.rope().slice(self.vim_word(self.selection.head)?).to_string())
    }
}
