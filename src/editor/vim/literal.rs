//! Ctrl-V while inserting: a key as the character that it sends, or a character by its number.

use crate::base::time::MonoTime;
use crate::editor::key::{Key, KeyCode};
use crate::editor::{Effect, Model};

/// Returns the base of a number that begins like this, and how many digits it may have.
fn base_of(typed: &str) -> Option<(u32, usize)> {
    match typed.chars().next()? {
        'u' => Some((16, 4)),
        'U' => Some((16, 8)),
        'x' | 'X' => Some((16, 2)),
        'o' | 'O' => Some((8, 3)),
        '0'..='9' => Some((10, 3)),
        _ => None,
    }
}

/// Returns the digits of a number.
fn digits(typed: &str) -> &str {
    typed.trim_start_matches(['u', 'U', 'x', 'X', 'o', 'O'])
}

impl Model {
    /// Works in a key after Ctrl-V. What is no part of the number ends it, and means what it means.
    pub(super) fn vim_literal_key(&mut self, key: Key, now: MonoTime, effects: &mut Vec<Effect>) {
        let Some(typed) = self.vim.literal.take() else { return };
        let c = match key.code {
            KeyCode::Char(c) if !key.ctrl && !key.alt => Some(c),
            _ => None,
        };
        let more = c.map(|c| format!("{typed}{c}"));
        let fits = |more: &String| {
            base_of(more).is_some_and(|(base, n_max)| {
                let digits = digits(more);
                digits.len() <= n_max && digits.chars().all(|c| c.is_digit(base))
            })
        };
        match more.filter(fits) {
            Some(more) if base_of(&more).is_some_and(|(_, n_max)| digits(&more).len() == n_max) => {
                self.vim_type_number(&more, now);
            }
            Some(more) => self.vim.literal = Some(more),
            None if typed.is_empty() => {
                let sent = match key.code {
                    KeyCode::Char(c) if key.ctrl => Some(char::from(c as u8 & 0x1f)).filter(|_| c.is_ascii()),
                    KeyCode::Enter => Some('\n'),
                    _ => key.typed(),
                };
                sent.into_iter().for_each(|c| self.type_as_is(c, now));
            }
            None => {
                self.vim_type_number(&typed, now);
                self.vim_replace_keys(&[]);
                self.key(key, now, effects);
            }
        }
    }

    fn vim_type_number(&mut self, typed: &str, now: MonoTime) {
        let base = base_of(typed).map_or(10, |(base, _)| base);
        let number = u32::from_str_radix(digits(typed), base).ok();
        match number.and_then(char::from_u32) {
            Some(c) => self.type_as_is(c, now),
            // Only a letter was typed, or a number that no character has.
            None => typed.chars().for_each(|c| self.type_as_is(c, now)),
        }
    }
}
