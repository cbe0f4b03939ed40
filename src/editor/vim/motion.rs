//! Where vim's motions go.

use ropey::Rope;

use crate::editor::column::line_end;
use crate::editor::grapheme::{self, Class, class_of};

/// How a span counts: characters, or whole lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// From one character to another.
    #[default]
    Chars,
    /// Whole lines.
    Lines,
    /// The same columns of several lines.
    Block,
}

fn at(rope: &Rope, at: usize) -> Option<char> {
    rope.get_char(at)
}

/// Returns the last line; the empty one after a last line feed is none.
pub fn last_line(rope: &Rope) -> usize {
    let last = rope.len_lines() - 1;
    if 0 < last && rope.line_to_char(last) == rope.len_chars() { last - 1 } else { last }
}

/// Returns the kind of a character for word motions; with `is_big` only blanks are told apart.
pub fn class(rope: &Rope, place: usize, is_big: bool) -> Option<Class> {
    let class = class_of(at(rope, place)?);
    Some(if is_big && class == Class::Punctuation { Class::Word } else { class })
}

/// Returns whether a place is an empty line.
pub fn is_empty_line(rope: &Rope, place: usize) -> bool {
    at(rope, place).is_none_or(|c| c == '\n') && (place == 0 || at(rope, place - 1) == Some('\n'))
}

/// Returns the start of the next word. An empty line is a word.
pub fn word_start(rope: &Rope, from: usize, is_big: bool) -> usize {
    let mut place = from;
    let first = class(rope, place, is_big);
    if first != Some(Class::Blank) {
        while class(rope, place, is_big) == first && first.is_some() {
            place += 1;
        }
    }
    while class(rope, place, is_big) == Some(Class::Blank) && !(from < place && is_empty_line(rope, place)) {
        place += 1;
    }
    place
}

/// Returns the last character of the next word.
pub fn word_end(rope: &Rope, from: usize, is_big: bool) -> usize {
    let last = rope.len_chars().saturating_sub(1);
    let mut place = (from + 1).min(last);
    while place < last && class(rope, place, is_big) == Some(Class::Blank) {
        place += 1;
    }
    run_end(rope, place, is_big)
}

/// Returns the last character of the word that `place` is in.
pub fn run_end(rope: &Rope, place: usize, is_big: bool) -> usize {
    let mut place = place;
    while place + 1 < rope.len_chars() && class(rope, place + 1, is_big) == class(rope, place, is_big) {
        place += 1;
    }
    place
}

/// Returns the start of the word before.
pub fn word_back(rope: &Rope, from: usize, is_big: bool) -> usize {
    let mut place = from;
    while 0 < place {
        place -= 1;
        if class(rope, place, is_big) != Some(Class::Blank) || is_empty_line(rope, place) {
            break;
        }
    }
    while 0 < place
        && class(rope, place, is_big) != Some(Class::Blank)
        && class(rope, place - 1, is_big) == class(rope, place, is_big)
    {
        place -= 1;
    }
    place
}

/// Returns the last character of the word before. An empty line is a word.
pub fn word_end_back(rope: &Rope, from: usize, is_big: bool) -> usize {
    let mut place = from.min(rope.len_chars().saturating_sub(1));
    let first = class(rope, place, is_big);
    if first != Some(Class::Blank) {
        while 0 < place && class(rope, place, is_big) == first {
            place -= 1;
        }
    } else if 0 < place && is_empty_line(rope, place) {
        place -= 1;
    }
    while 0 < place && class(rope, place, is_big) == Some(Class::Blank) && !is_empty_line(rope, place) {
        place -= 1;
    }
    place
}

/// Returns the first character of a line that is not blank, or its last one.
pub fn first_word(rope: &Rope, line: usize) -> usize {
    let (start, end) = (rope.line_to_char(line), line_end(rope, line));
    let n = rope.chars_at(start).take(end - start).take_while(|c| matches!(c, ' ' | '\t')).count();
    if start + n == end { (start + n).saturating_sub(1).max(start) } else { start + n }
}

/// Returns the empty line after, or before, the paragraph.
pub fn paragraph(rope: &Rope, from: usize, is_forward: bool) -> usize {
    let is_empty = |line: usize| rope.line_to_char(line) == line_end(rope, line);
    let mut line = rope.char_to_line(from);
    let last = rope.len_lines() - 1;
    let step = |line: usize| if is_forward { line + 1 } else { line - 1 };
    let ends = |line: usize| line == if is_forward { last } else { 0 };
    while !ends(line) && is_empty(line) {
        line = step(line);
    }
    while !ends(line) && !is_empty(line) {
        line = step(line);
    }
    match (is_forward, is_empty(line)) {
        (true, false) => rope.len_chars(),
        _ => rope.line_to_char(line),
    }
}

/// Returns the start of the next sentence, or of this one or the one before.
pub fn sentence(rope: &Rope, from: usize, is_forward: bool) -> usize {
    let is_start = |place: usize| {
        let blank = |place: usize| at(rope, place).is_none_or(char::is_whitespace);
        let mut before = place;
        while 0 < before && blank(before - 1) {
            before -= 1;
        }
        let ends = before.checked_sub(1).and_then(|end| at(rope, end));
        let is_apart = before < place && matches!(ends, Some('.' | '!' | '?'));
        let start = rope.line_to_char(rope.char_to_line(place));
        let begins_paragraph = before <= start && 0 < start && is_empty_line(rope, start - 1);
        place == 0 || is_empty_line(rope, place) || (!blank(place) && (is_apart || begins_paragraph))
    };
    if is_forward {
        (from + 1..rope.len_chars()).find(|&place| is_start(place)).unwrap_or(rope.len_chars())
    } else {
        (0..from).rev().find(|&place| is_start(place)).unwrap_or(0)
    }
}

/// Returns the n-th character `c` of the line after or before `from`; with `is_till`, the place beside it.
pub fn to_char(
    rope: &Rope,
    from: usize,
    c: char,
    n: usize,
    is_forward: bool,
    is_till: bool,
) -> Option<usize> {
    let line = rope.char_to_line(from);
    if is_forward {
        let end = line_end(rope, line);
        let found = (from + 1..end).filter(|&place| at(rope, place) == Some(c)).nth(n - 1)?;
        Some(found - usize::from(is_till))
    } else {
        let start = rope.line_to_char(line);
        let found = (start..from).rev().filter(|&place| at(rope, place) == Some(c)).nth(n - 1)?;
        Some(found + usize::from(is_till))
    }
}

/// Returns where the caret may be in normal mode: never behind the last character of a line.
pub fn in_line(rope: &Rope, place: usize) -> usize {
    let place = place.min(rope.len_chars());
    let line = rope.char_to_line(place);
    let (start, end) = (rope.line_to_char(line), line_end(rope, line));
    if start < end && place == end { grapheme::prev(rope, end) } else { place }
}
