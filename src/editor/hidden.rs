//! Whether a text holds characters that do not show or turn text around: the status line says so.

use std::ops::Range;

use ropey::Rope;

use crate::document::TextChange;

use super::Model;
use super::glyph::{is_bidi_control, is_hidden, is_odd_blank, is_private};

/// Bytes at a text's start that are looked at when it is opened: some milliseconds.
const LOOKED_AT_BYTES_MAX: usize = 4 << 20;

/// Bytes of a text that is looked at whole after each edit: some microseconds.
const SMALL_BYTES_MAX: usize = 64 << 10;

/// Which of them a text holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Control characters, such as those that terminals obey.
    pub controls: bool,
    /// Characters that change the direction in which text is shown.
    pub bidi: bool,
    /// Characters without a shape.
    pub invisible: bool,
    /// Blanks that look like a space and are none, such as those that do not break.
    pub odd_blanks: bool,
    /// Characters whose meaning and looks are up to a font.
    pub private: bool,
}

impl Hidden {
    /// Looks for them in the first megabytes of a text.
    pub fn of(rope: &Rope) -> Hidden {
        let mut hidden = Hidden::default();
        let end = rope.byte_to_char(rope.len_bytes().min(LOOKED_AT_BYTES_MAX));
        hidden.look(rope, 0..end);
        hidden
    }

    fn look(&mut self, rope: &Rope, chars: Range<usize>) {
        for chunk in rope.slice(chars).chunks() {
            if is_plain(chunk.as_bytes()) {
                continue;
            }
            for c in chunk.chars() {
                match c {
                    '\n' | '\r' | '\t' => {}
                    c if c.is_control() => self.controls = true,
                    c if is_bidi_control(c) => self.bidi = true,
                    c if is_hidden(c) => self.invisible = true,
                    c if is_odd_blank(c) => self.odd_blanks = true,
                    c if is_private(c) => self.private = true,
                    _ => {}
                }
            }
        }
    }

    /// Returns what the status line says of it: nothing for a text without any.
    pub fn words(self) -> String {
        let kinds = [
            (self.controls, "control"),
            (self.bidi, "bidi"),
            (self.invisible, "invisible"),
            (self.odd_blanks, "odd blank"),
            (self.private, "private"),
        ];
        let found: Vec<&str> =
            kinds.into_iter().filter_map(|(is_there, word)| is_there.then_some(word)).collect();
        if found.is_empty() { String::new() } else { format!("! {} characters", found.join(", ")) }
    }
}

/// Returns whether all of it shows: ASCII and ends of lines. Without an early way out, so that many bytes are compared at once.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |is_plain, &byte| is_plain & matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t'))
}

impl Model {
    /// Looks at what changes brought. In a large text what goes away again is noticed when it is saved.
    pub(crate) fn watch_hidden(&mut self, changes: &[TextChange]) {
        let rope = self.document.rope();
        if rope.len_bytes() <= SMALL_BYTES_MAX {
            self.hidden = Hidden::of(rope);
            return;
        }
        for change in changes {
            let at = change.at.min(rope.len_chars());
            self.hidden.look(rope, at..(at + change.n_inserted).min(rope.len_chars()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, words: &str) {
        assert_eq!(Hidden::of(&Rope::from_str(text)).words(), words, "{text:?}");
    }

    #[test]
    fn what_does_not_show_is_named() {
        check("plain\n\ttext\r\n", "");
        check("grüße 日本 👩‍👩‍👧 ❤\u{fe0f}", "");
        check("\u{1b}[31m", "! control characters");
        check("a\u{202e}b", "! bidi characters");
        check("a\u{200b}b\u{9b}", "! control, invisible characters");
        check("10\u{a0}km\u{202f}/\u{2009}h", "! odd blank characters");
        check("\u{e0b0} main \u{100000}", "! private characters");
        check("日本\u{3000}語", "");
    }
}
