//! Keys pressed again: `.`, and what was recorded.

use crate::base::time::MonoTime;
use crate::editor::key::{Key, KeyCode};
use crate::editor::{Effect, Model};

use super::keys::typed;
use super::motion::Shape;
use super::{Mode, Register, Vim};

/// How deep macros may run macros.
const MACRO_DEPTH_MAX: usize = 50;

/// Keys that a macro may press in one go: what never ends is ended here.
const MACRO_KEYS_MAX: usize = 200_000;

impl Model {
    /// Presses the keys of the last change again.
    pub(super) fn vim_repeat(
        &mut self,
        count: Option<usize>,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        // A change that holds the repeating itself would repeat itself without end.
        if self.vim.is_replaying {
            return false;
        }
        if self.vim.macro_depth == 0 {
            self.vim.n_replayed = 0;
        }
        let mut keys = self.vim.last_change.clone();
        if let Some(n) = count {
            // It takes the place of the count that the change had.
            let is_digit = |key: &&Key| matches!(key.code, KeyCode::Char('0'..='9'));
            let n_before = keys.iter().take_while(is_digit).count();
            keys.splice(..n_before, typed(&n.to_string()));
        }
        self.vim_new_step();
        let before = std::mem::replace(&mut self.vim.is_replaying, true);
        let done = self.vim_press(&keys, now, effects);
        self.vim.is_replaying = before;
        // It is no change of its own: the next one repeats the same.
        self.vim.is_change = false;
        done && !keys.is_empty()
    }

    /// Presses keys as if they were typed, until one fails.
    pub(super) fn vim_press(&mut self, keys: &[Key], now: MonoTime, effects: &mut Vec<Effect>) -> bool {
        for &key in keys {
            self.vim.has_failed = false;
            self.key(key, now, effects);
            self.vim.n_replayed += 1;
            if self.vim.has_failed || MACRO_KEYS_MAX < self.vim.n_replayed {
                return false;
            }
        }
        true
    }

    /// Presses keys, and ends what they leave open. Returns whether none of them failed.
    pub(super) fn vim_play(&mut self, keys: &[Key], now: MonoTime, effects: &mut Vec<Effect>) -> bool {
        if MACRO_DEPTH_MAX <= self.vim.macro_depth {
            return false;
        }
        if self.vim.macro_depth <= 1 {
            self.vim.n_replayed = 0;
        }
        let done = self.vim_press(keys, now, effects);
        self.vim.pending.clear();
        self.prompt = None;
        if self.vim.mode == Mode::Insert {
            self.key(Key::plain(KeyCode::Esc), now, effects);
        }
        self.vim_leave_visual();
        done
    }

    pub(super) fn vim_macro(
        &mut self,
        name: char,
        count: usize,
        now: MonoTime,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let name = if name == '@' { self.vim.last_macro.unwrap_or('@') } else { name };
        let register = name.to_ascii_lowercase();
        let of_text = || self.vim_register(register).map(|register| typed(&register.text));
        let Some(keys) = self.vim.macros.get(&register).cloned().or_else(of_text) else {
            self.vim.error = Some(format!("nothing was recorded as {name}"));
            return false;
        };
        if MACRO_DEPTH_MAX <= self.vim.macro_depth {
            return false;
        }
        self.vim.last_macro = Some(name);
        if self.vim.macro_depth == 0 {
            self.vim.n_replayed = 0;
            self.vim_new_step();
        }
        self.vim.change_keys.clear();
        self.vim.macro_depth += 1;
        let done = (0..count).all(|_| self.vim_press(&keys, now, effects));
        self.vim.macro_depth -= 1;
        self.vim.is_change = false;
        done
    }
}

impl Vim {
    pub(super) fn stop_recording(&mut self) {
        if let Some((name, mut keys)) = self.recording.take() {
            // Without the q that ended it.
            keys.pop();
            let mut text: String = keys.iter().filter_map(|key| key.typed()).collect();
            let register = name.to_ascii_lowercase();
            // A capital goes on with what the register holds, however that came there.
            if name.is_ascii_uppercase()
                && let Some(before) = self.registers.get(&register)
            {
                let keys_before = self.macros.get(&register).cloned().unwrap_or_else(|| typed(&before.text));
                keys.splice(..0, keys_before);
                text.insert_str(0, &before.text);
            }
            self.registers.insert(register, Register { text, shape: Shape::Chars });
            self.macros.insert(register, keys);
        }
    }
}
