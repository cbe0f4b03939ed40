//! Where vim's motions go, and what its objects span.

use std::ops::Range;

use ropey::Rope;

use crate::editor::bracket;
use crate::editor::column::line_end;
use crate::editor::grapheme::{self, Class, class_of};

use super::keys::Object;

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

/// The kind of a character for word motions; with `is_big` only blanks are told apart.
fn class(rope: &Rope, place: usize, is_big: bool) -> Option<Class> {
    let class = class_of(at(rope, place)?);
    Some(if is_big && class == Class::Punctuation { Class::Word } else { class })
}

fn is_empty_line(rope: &Rope, place: usize) -> bool {
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

/// Returns the last character of the word before.
pub fn word_end_back(rope: &Rope, from: usize, is_big: bool) -> usize {
    let mut place = from.min(rope.len_chars().saturating_sub(1));
    let first = class(rope, place, is_big);
    if first != Some(Class::Blank) {
        while 0 < place && class(rope, place, is_big) == first {
            place -= 1;
        }
    }
    while 0 < place && class(rope, place, is_big) == Some(Class::Blank) {
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
        place == 0
            || is_empty_line(rope, place)
            || (!blank(place) && (is_apart || is_empty_line(rope, place - 1)))
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

/// Returns what an object around `from` spans, or around the span there already is.
pub fn object(rope: &Rope, span: &Range<usize>, object: Object) -> Option<(Range<usize>, Shape)> {
    let from = span.start;
    let chars = |range: Option<Range<usize>>| range.map(|range| (range, Shape::Chars));
    match object.kind {
        'w' | 'W' => chars(word(rope, from, object.is_around, object.kind == 'W')),
        '(' | ')' | 'b' => brackets(rope, span, '(', ')', object.is_around),
        '{' | '}' | 'B' => brackets(rope, span, '{', '}', object.is_around),
        '[' | ']' => brackets(rope, span, '[', ']', object.is_around),
        '<' | '>' => brackets(rope, span, '<', '>', object.is_around),
        '"' | '\'' | '`' => chars(quotes(rope, from, object.kind, object.is_around)),
        'p' => Some((paragraph_lines(rope, from, object.is_around), Shape::Lines)),
        's' => chars(Some(sentence_around(rope, from, object.is_around))),
        't' => chars(tag(rope, span, object.is_around)),
        _ => None,
    }
}

fn word(rope: &Rope, from: usize, is_around: bool, is_big: bool) -> Option<Range<usize>> {
    let line = rope.char_to_line(from);
    let (first, end) = (rope.line_to_char(line), line_end(rope, line));
    let kind = class(rope, from, is_big).filter(|_| from < end)?;
    let run = |place: usize, kind| {
        let mut place = place;
        while place < end && class(rope, place, is_big) == Some(kind) {
            place += 1;
        }
        place
    };
    let back = |place: usize, kind| {
        let mut place = place;
        while first < place && class(rope, place - 1, is_big) == Some(kind) {
            place -= 1;
        }
        place
    };
    let (start, stop) = (back(from, kind), run(from, kind));
    if !is_around {
        return Some(start..stop);
    }
    if kind == Class::Blank {
        // A blank goes with the word after it.
        return Some(
            start..class(rope, stop, is_big).filter(|_| stop < end).map_or(stop, |next| run(stop, next)),
        );
    }
    let with_blanks = run(stop, Class::Blank);
    if stop < with_blanks { Some(start..with_blanks) } else { Some(back(start, Class::Blank)..stop) }
}

fn brackets(
    rope: &Rope,
    span: &Range<usize>,
    open: char,
    close: char,
    is_around: bool,
) -> Option<(Range<usize>, Shape)> {
    let here = at(rope, span.start);
    let start = match here {
        Some(c) if c == open && span.len() <= 1 => span.start,
        _ => bracket::opening(rope, span.start, open, close)?,
    };
    let end = bracket::closing(rope, start + 1, open, close)?;
    if is_around {
        return Some((start..end + 1, Shape::Chars));
    }
    // Brackets on lines of their own hold whole lines.
    let (first, last) = (rope.char_to_line(start), rope.char_to_line(end));
    let is_alone =
        (rope.line_to_char(last)..end).all(|place| at(rope, place).is_some_and(|c| c == ' ' || c == '\t'));
    if start + 1 == line_end(rope, first) && is_alone && first + 1 < last {
        return Some((rope.line_to_char(first + 1)..rope.line_to_char(last), Shape::Lines));
    }
    Some((start + 1..end, Shape::Chars))
}

fn quotes(rope: &Rope, from: usize, quote: char, is_around: bool) -> Option<Range<usize>> {
    let line = rope.char_to_line(from);
    let (first, end) = (rope.line_to_char(line), line_end(rope, line));
    let is_quote = |place: &usize| {
        let is_escaped = *place > first && at(rope, place - 1) == Some('\\');
        at(rope, *place) == Some(quote) && !is_escaped
    };
    let places: Vec<usize> = (first..end).filter(is_quote).collect();
    let pair = places.chunks_exact(2).find(|pair| from <= pair[1])?;
    if !is_around {
        return Some(pair[0] + 1..pair[1]);
    }
    let n_blanks = rope.chars_at(pair[1] + 1).take_while(|c| matches!(c, ' ' | '\t')).count();
    Some(pair[0]..pair[1] + 1 + n_blanks)
}

fn paragraph_lines(rope: &Rope, from: usize, is_around: bool) -> Range<usize> {
    let n_lines = rope.len_lines();
    let is_empty = |line: usize| rope.line_to_char(line) == line_end(rope, line);
    let here = rope.char_to_line(from);
    let kind = is_empty(here);
    let first = (0..=here).rev().take_while(|&line| is_empty(line) == kind).last().unwrap_or(here);
    let run =
        |from: usize, kind: bool| (from..n_lines).find(|&line| is_empty(line) != kind).unwrap_or(n_lines);
    let mut end = run(here, kind);
    if is_around {
        end = run(end, !kind);
    }
    crate::editor::lines::chars_of(rope, first..end)
}

fn sentence_around(rope: &Rope, from: usize, is_around: bool) -> Range<usize> {
    let start = sentence(rope, from + 1, false);
    let mut end = sentence(rope, from, true);
    while !is_around && start < end && at(rope, end - 1).is_some_and(char::is_whitespace) {
        end -= 1;
    }
    start..end
}

/// The tag around a span: `<b>…</b>`.
fn tag(rope: &Rope, span: &Range<usize>, is_around: bool) -> Option<Range<usize>> {
    const SCAN_CHARS_MAX: usize = 100_000;
    let from = span.start.saturating_sub(SCAN_CHARS_MAX);
    let to = (span.end + SCAN_CHARS_MAX).min(rope.len_chars());
    let text: Vec<char> = rope.slice(from..to).chars().collect();
    let here = span.start - from..span.end.max(span.start + 1) - from;
    let mut open: Vec<(String, usize, usize)> = Vec::new();
    let mut place = 0;
    while place < text.len() {
        let Some(len) = (text[place] == '<').then(|| text[place..].iter().position(|&c| c == '>')).flatten()
        else {
            place += 1;
            continue;
        };
        let end = place + len + 1;
        let inside: String = text[place + 1..end - 1].iter().collect();
        let name = |text: &str| text.split_whitespace().next().unwrap_or_default().to_owned();
        if let Some(closed) = inside.strip_prefix('/') {
            let closed = name(closed);
            while let Some((opened, start, inner)) = open.pop() {
                if opened != closed {
                    continue;
                }
                let (outer, inner) = (start..end, inner..place);
                let covers = |range: &Range<usize>| range.start <= here.start && here.end <= range.end;
                let found = if is_around { outer.clone() } else { inner };
                if covers(&outer) && found != here {
                    return Some(found.start + from..found.end + from);
                }
                break;
            }
        } else if !inside.ends_with('/') && !inside.starts_with(['!', '?']) && !name(&inside).is_empty() {
            open.push((name(&inside), place, end));
        }
        place = end;
    }
    None
}

/// Returns where the caret may be in normal mode: never behind the last character of a line.
pub fn in_line(rope: &Rope, place: usize) -> usize {
    let place = place.min(rope.len_chars());
    let line = rope.char_to_line(place);
    let (start, end) = (rope.line_to_char(line), line_end(rope, line));
    if start < end && place == end { grapheme::prev(rope, end) } else { place }
}
