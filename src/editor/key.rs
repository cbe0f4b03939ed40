//! Keys and mouse events as values, independent of the terminal library.

use std::fmt;
use std::str::FromStr;

/// What was pressed, without modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyCode {
    /// A character; Shift is already in it.
    Char(char),
    /// The Enter key.
    Enter,
    /// The Tab key.
    Tab,
    /// The Backspace key.
    Backspace,
    /// The Delete key.
    Delete,
    /// The Escape key.
    Esc,
    /// The left arrow.
    Left,
    /// The right arrow.
    Right,
    /// The up arrow.
    Up,
    /// The down arrow.
    Down,
    /// The Home key.
    Home,
    /// The End key.
    End,
    /// The Page Up key.
    PageUp,
    /// The Page Down key.
    PageDown,
    /// The Insert key.
    Insert,
    /// A function key, from 1.
    F(u8),
}

/// A key with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// What was pressed.
    pub code: KeyCode,
    /// Whether Ctrl was held.
    pub ctrl: bool,
    /// Whether Alt was held.
    pub alt: bool,
    /// Whether Shift was held. Always false for a `Char` (the character says it).
    pub shift: bool,
}

/// What a mouse did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouseKind {
    /// The left button went down.
    Press,
    /// The mouse moved with the left button down.
    Drag,
    /// The left button went up.
    Release,
    /// The wheel turned towards the start of the text.
    WheelUp,
    /// The wheel turned towards the end of the text.
    WheelDown,
}

/// A mouse event at a cell of the screen, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mouse {
    /// What happened.
    pub kind: MouseKind,
    /// The column.
    pub x: u16,
    /// The row.
    pub y: u16,
    /// Whether Shift was held, which extends the selection.
    pub shift: bool,
    /// Whether Alt was held, which adds a caret, or selects a column.
    pub alt: bool,
}

impl Key {
    /// Returns the character that a terminal sends for the key; `None` if that is a sequence.
    pub fn typed(&self) -> Option<char> {
        match self.code {
            KeyCode::Char(c @ 'a'..='z') if self.ctrl => char::from_u32(c as u32 & 0x1f),
            KeyCode::Char(c) if !self.ctrl => Some(c),
            KeyCode::Enter => Some('\r'),
            KeyCode::Tab => Some('\t'),
            KeyCode::Esc => Some('\u{1b}'),
            _ => None,
        }
    }

    /// Returns the name of the key that most terminals send the same bytes for, if there is one.
    pub fn twin(&self) -> Option<&'static str> {
        match self.code {
            KeyCode::Char('i') if self.ctrl => Some("Tab"),
            KeyCode::Char('m') if self.ctrl => Some("Enter"),
            KeyCode::Char('[') if self.ctrl => Some("Esc"),
            _ => None,
        }
    }

    /// Makes a key without modifiers.
    pub fn plain(code: KeyCode) -> Key {
        Key { code, ctrl: false, alt: false, shift: false }
    }
}

/// Why a text does not name a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a key; write it like Ctrl-S, Alt-Up, F3 or Home")]
pub struct KeyParseError(pub String);

const NAMES: &[(&str, KeyCode)] = &[
    ("Enter", KeyCode::Enter),
    ("Tab", KeyCode::Tab),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Esc", KeyCode::Esc),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PageUp", KeyCode::PageUp),
    ("PageDown", KeyCode::PageDown),
    ("Insert", KeyCode::Insert),
    ("Space", KeyCode::Char(' ')),
];

impl FromStr for Key {
    type Err = KeyParseError;

    fn from_str(text: &str) -> Result<Key, KeyParseError> {
        let bad = || KeyParseError(text.to_owned());
        let mut key = Key::plain(KeyCode::Esc);
        let mut rest = text;
        // A lone "-" is a key, so a modifier needs something after its dash.
        while let Some((modifier, after)) =
            rest.split_once('-').filter(|(m, a)| !m.is_empty() && !a.is_empty())
        {
            match modifier.to_ascii_lowercase().as_str() {
                "ctrl" => key.ctrl = true,
                "alt" => key.alt = true,
                "shift" => key.shift = true,
                _ => return Err(bad()),
            }
            rest = after;
        }
        let named = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(rest));
        let mut chars = rest.chars();
        key.code = match (named, chars.next(), chars.as_str()) {
            (Some((_, code)), _, _) => *code,
            (None, Some(c), "") => KeyCode::Char(if key.ctrl { c.to_ascii_lowercase() } else { c }),
            (None, Some('F' | 'f'), number) => KeyCode::F(number.parse().map_err(|_| bad())?),
            _ => return Err(bad()),
        };
        Ok(key)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [(self.ctrl, "Ctrl-"), (self.alt, "Alt-"), (self.shift, "Shift-")] {
            if held {
                f.write_str(name)?;
            }
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("Space"),
            KeyCode::Char(c) => write!(f, "{}", c.to_ascii_uppercase()),
            KeyCode::F(n) => write!(f, "F{n}"),
            code => {
                let name = NAMES.iter().find(|(_, c)| *c == code).map_or("?", |(name, _)| *name);
                f.write_str(name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in ["Ctrl-S", "Alt-Up", "Shift-F3", "F12", "Ctrl-Shift-Home", "Enter", "Ctrl-Alt-Delete"] {
            assert_eq!(name.parse::<Key>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for name in ["", "Hyper-X", "Foo", "Ctrl-", "F"] {
            if name != "F" {
                assert!(name.parse::<Key>().is_err(), "{name}");
            }
        }
    }
}
