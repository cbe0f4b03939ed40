//! Text that the terminal pastes: never commands, and repeated as what was typed.

use crate::base::time::MonoTime;
use crate::editor::key::{Key, KeyCode};
use crate::editor::line_input::with_line_feeds;
use crate::editor::selection::Selection;
use crate::editor::{Effect, Model};

use super::motion::{self, Shape};
use super::{Mode, Register};

/// Pasted texts that are kept to be repeated.
const PASTES_MAX: u32 = 100;

/// Characters of a paste that go into a line behind `:` or `/`.
const LINE_CHARS_MAX: usize = 1_000;

/// The first of the registers in which they are kept: characters that nobody types.
const FIRST_REGISTER: u32 = 0xf_0000;

impl Model {
    /// Pastes where text is inserted, or in the place of what is selected.
    pub(crate) fn vim_paste(&mut self, text: &str, now: MonoTime, effects: &mut Vec<Effect>) {
        match self.vim.mode {
            Mode::Insert => self.vim_paste_inserted(text, now, effects),
            Mode::Visual(_) => {
                self.vim.pending.clear();
                self.key(Key::plain(KeyCode::Char('c')), now, effects);
                if self.vim.mode == Mode::Insert {
                    self.vim_paste_inserted(text, now, effects);
                    self.key(Key::plain(KeyCode::Esc), now, effects);
                }
            }
            Mode::Normal => {
                self.paste(text, now);
                let at = motion::in_line(self.rope(), self.selection.head);
                self.select(Selection::caret(at));
            }
        }
    }

    /// What is repeated is keys: it is kept in a register of its own, and put from there.
    fn vim_paste_inserted(&mut self, text: &str, now: MonoTime, effects: &mut Vec<Effect>) {
        let name = char::from_u32(FIRST_REGISTER + self.vim.n_pastes % PASTES_MAX);
        let Some(name) = name.filter(|_| !self.vim.inserts_register) else { return self.paste(text, now) };
        self.vim.n_pastes += 1;
        let register = Register { text: with_line_feeds(text), shape: Shape::Chars };
        self.vim.registers.insert(name, register);
        self.key(Key { ctrl: true, ..Key::plain(KeyCode::Char('r')) }, now, effects);
        self.key(Key::plain(KeyCode::Char(name)), now, effects);
    }

    /// Pastes the first line of a text into the line that is being typed.
    pub(crate) fn vim_paste_line(&mut self, text: &str) {
        let line = text.lines().next().unwrap_or_default().chars();
        let keys =
            line.filter(|c| !c.is_control()).take(LINE_CHARS_MAX).map(|c| Key::plain(KeyCode::Char(c)));
        let keys: Vec<Key> = keys.collect();
        if let Some((_, recorded)) = &mut self.vim.recording {
            recorded.extend(&keys);
        }
        self.vim.change_keys.extend(&keys);
        self.vim.pending.extend(keys);
        self.vim_show_line();
    }
}
