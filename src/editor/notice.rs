//! What the user is told on the status line: how long it stays, and what was said before.

use std::collections::VecDeque;

use super::Model;
use crate::base::time::MonoTime;

/// How long a message stays on the status line, in milliseconds.
pub const NOTICE_MS: u64 = 6_000;

/// Keys after which a message is none about what was done last.
const KEYS_MAX: u8 = 3;

/// Messages that are kept to be read again.
const TOLD_MAX: usize = 100;

/// A message on the status line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it says. Made safe when drawn.
    pub text: String,
    /// When it goes away; `None` for one that stays until a key is pressed.
    pub until: Option<MonoTime>,
    /// Keys, clicks and pastes since.
    n_inputs: u8,
}

/// What was told, the newest last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(VecDeque<String>);

impl Model {
    /// Tells the user something.
    pub(crate) fn notify(&mut self, text: impl Into<String>, now: MonoTime) {
        let text = text.into();
        if self.told.0.back() != Some(&text) {
            self.told.0.push_back(text.clone());
        }
        if TOLD_MAX < self.told.0.len() {
            self.told.0.pop_front();
        }
        self.hint(text, now);
    }

    /// Tells what could not be done; it stays until a key is pressed.
    pub(crate) fn complain(&mut self, text: impl Into<String>, now: MonoTime) {
        self.notify(text, now);
        if let Some(notice) = &mut self.notice {
            notice.until = None;
        }
    }

    /// Shows something of the moment, which nobody wants to read again.
    pub(crate) fn hint(&mut self, text: impl Into<String>, now: MonoTime) {
        let until = Some(MonoTime(now.0 + NOTICE_MS));
        self.notice = Some(Notice { text: text.into(), until, n_inputs: 0 });
    }

    /// Returns the last messages, the newest first.
    pub fn told(&self) -> impl Iterator<Item = &str> {
        self.told.0.iter().rev().map(String::as_str)
    }

    /// The user did something: what is told already is about something before.
    pub(crate) fn wear_notice(&mut self) {
        if let Some(notice) = &mut self.notice {
            notice.n_inputs = notice.n_inputs.saturating_add(1);
        }
    }

    /// Takes a message away that is not about what was just done, after an edit or some keys.
    pub(crate) fn drop_worn_notice(&mut self, is_edited: bool) {
        let is_worn = |notice: &mut Notice| {
            let is_over = is_edited || notice.until.is_none() || KEYS_MAX <= notice.n_inputs;
            0 < notice.n_inputs && is_over
        };
        self.notice.take_if(is_worn);
    }
}
