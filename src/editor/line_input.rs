//! A line that is being typed, at any prompt and over any list: its text and its caret.

use std::ops::Range;

use ropey::Rope;

use super::grapheme;
use super::key::{Key, KeyCode};

/// Characters that a line can have.
const CHARS_MAX: usize = 1_000;

/// What a key did to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// The text is another one.
    Changed,
    /// At most the caret moved.
    Moved,
    /// It is none of the line's keys.
    Nothing,
}

/// A line that is being typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineInput {
    text: String,
    /// In characters.
    caret: usize,
    is_selected: bool,
}

impl LineInput {
    /// Begins with a text, the caret behind it.
    pub fn new(text: impl Into<String>) -> LineInput {
        let text = text.into();
        LineInput { caret: text.chars().count(), text, is_selected: false }
    }

    /// Begins with a text that goes when something is typed.
    pub fn selected(text: impl Into<String>) -> LineInput {
        let line = LineInput::new(text);
        LineInput { is_selected: !line.text.is_empty(), ..line }
    }

    /// Returns what was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns what is before the caret, and what is behind it.
    pub fn halves(&self) -> (&str, &str) {
        let at = self.text.char_indices().nth(self.caret).map_or(self.text.len(), |(at, _)| at);
        self.text.split_at(at)
    }

    /// Returns whether all of it is selected.
    pub fn is_selected(&self) -> bool {
        self.is_selected
    }

    /// Works a key in. O(characters).
    pub fn key(&mut self, key: Key) -> Typed {
        let (rope, at) = (Rope::from_str(&self.text), self.caret);
        let end = rope.len_chars();
        let by_word = key.ctrl || key.alt;
        match key.code {
            KeyCode::Left if self.is_selected => self.go(0),
            KeyCode::Right if self.is_selected => self.go(end),
            KeyCode::Left if by_word => self.go(grapheme::prev_word(&rope, at)),
            KeyCode::Right if by_word => self.go(grapheme::next_word(&rope, at)),
            KeyCode::Left => self.go(grapheme::prev(&rope, at)),
            KeyCode::Right => self.go(grapheme::next(&rope, at)),
            KeyCode::Home => self.go(0),
            KeyCode::End => self.go(end),
            KeyCode::Backspace if by_word => self.replace(grapheme::prev_word(&rope, at)..at, ""),
            KeyCode::Backspace => self.replace(grapheme::prev(&rope, at)..at, ""),
            KeyCode::Delete if by_word => self.replace(at..grapheme::next_word(&rope, at), ""),
            KeyCode::Delete => self.replace(at..grapheme::next(&rope, at), ""),
            KeyCode::Char(c) if !by_word => self.replace(at..at, c.encode_utf8(&mut [0; 4])),
            KeyCode::Char('w' | 'h') if key.ctrl => self.replace(grapheme::prev_word(&rope, at)..at, ""),
            KeyCode::Char('u') if key.ctrl => self.replace(0..at, ""),
            KeyCode::Char('e') if key.ctrl => self.go(end),
            KeyCode::Char('a') if key.ctrl => {
                self.go(end);
                self.is_selected = 0 < end;
                Typed::Moved
            }
            KeyCode::Char('b') if key.alt => self.go(grapheme::prev_word(&rope, at)),
            KeyCode::Char('f') if key.alt => self.go(grapheme::next_word(&rope, at)),
            _ => Typed::Nothing,
        }
    }

    /// Puts a text at the caret, literally. Its line ends become line feeds.
    pub fn paste(&mut self, text: &str) -> Typed {
        self.replace(self.caret..self.caret, &with_line_feeds(text))
    }

    /// As `paste`, where more than one line makes no sense: only the first one.
    pub fn paste_line(&mut self, text: &str) -> Typed {
        self.paste(with_line_feeds(text).split('\n').next().unwrap_or_default())
    }

    fn go(&mut self, to: usize) -> Typed {
        (self.caret, self.is_selected) = (to, false);
        Typed::Moved
    }

    /// Replaces these characters, or all if they are selected, by as much of a text as there is room for.
    fn replace(&mut self, range: Range<usize>, with: &str) -> Typed {
        let mut rope = Rope::from_str(&self.text);
        let range = if std::mem::take(&mut self.is_selected) { 0..rope.len_chars() } else { range };
        let room = CHARS_MAX.saturating_sub(rope.len_chars() - range.len());
        let with: String = with.chars().take(room).collect();
        if range.is_empty() && with.is_empty() {
            return Typed::Moved;
        }
        rope.remove(range.clone());
        rope.insert(range.start, &with);
        (self.text, self.caret) = (rope.to_string(), range.start + with.chars().count());
        Typed::Changed
    }
}

/// Returns a text that came from elsewhere with line ends as they are in a document.
pub(crate) fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What keys make of a line in which `|` is the caret; `^` before it means that all is selected.
    #[track_caller]
    fn check(before: &str, keys: &[&str], after: &str) {
        let text = before.trim_start_matches('^');
        let (left, right) = text.split_once('|').expect("there is a caret");
        let mut line = LineInput {
            text: format!("{left}{right}"),
            caret: left.chars().count(),
            is_selected: before.starts_with('^'),
        };
        for key in keys {
            line.key(key.parse().expect("a key"));
        }
        let (left, right) = line.halves();
        let drawn = format!("{}{left}|{right}", if line.is_selected() { "^" } else { "" });
        assert_eq!(drawn, after, "{before} after {keys:?}");
    }

    #[test]
    fn the_caret_moves_and_keys_act_where_it_is() {
        check("ab|", &["Left", "x"], "ax|b");
        check("one two|", &["Ctrl-Left", "x"], "one x|two");
        check("|one two", &["Ctrl-Right", "x"], "one x|two");
        check("ab|c", &["Home", "x", "End", "y"], "xabcy|");
        check("a|bc", &["Delete"], "a|c");
        check("a|bc", &["Backspace"], "|bc");
        check("one two|", &["Ctrl-W"], "one |");
        check("one two|", &["Ctrl-Backspace"], "one |");
        check("one |two", &["Ctrl-Delete"], "one |");
        check("one |two", &["Ctrl-U"], "|two");
        check("|", &["Left", "Backspace", "Delete", "Right"], "|");
        check("e\u{301}|", &["Left", "x"], "x|e\u{301}");
    }

    #[test]
    fn what_is_selected_goes_when_something_is_typed() {
        check("^ab|", &["x"], "x|");
        check("^ab|", &["Backspace"], "|");
        check("^ab|", &["Right", "x"], "abx|");
        check("^ab|", &["Left", "x"], "x|ab");
        check("ab|", &["Ctrl-A"], "^ab|");
        assert!(!LineInput::selected("").is_selected());
    }

    #[test]
    fn pasted_line_ends_are_line_feeds_and_what_is_too_long_is_cut() {
        let mut line = LineInput::new("");
        line.paste("a\r\nb\rc");
        assert_eq!(line.text(), "a\nb\nc");
        line.paste_line("x\r\ny");
        assert_eq!(line.text(), "a\nb\ncx");
        line.paste(&"z".repeat(2 * CHARS_MAX));
        assert_eq!(line.text().len(), CHARS_MAX);
        assert_eq!(line.key(Key::plain(KeyCode::Char('z'))), Typed::Moved);
    }
}
