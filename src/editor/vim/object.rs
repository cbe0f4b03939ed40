//! What vim's text objects span.

use std::ops::Range;

use ropey::Rope;

use crate::editor::bracket;
use crate::editor::column::line_end;
use crate::editor::grapheme::Class;
use crate::editor::lines::chars_of;

use super::keys::Object;
use super::motion::{Shape, class, is_empty_line, last_line, sentence};

/// Characters that are looked at for a tag, or for a bracket that opens behind the caret.
const SCAN_CHARS_MAX: usize = 100_000;

fn at(rope: &Rope, at: usize) -> Option<char> {
    rope.get_char(at)
}

/// Returns what `n` objects around a span hold, or what it grows to if it holds more than one character already.
pub fn object(rope: &Rope, span: &Range<usize>, object: Object, n: usize) -> Option<(Range<usize>, Shape)> {
    let (from, is_around) = (span.start, object.is_around);
    let grows = 1 < span.len();
    let chars = |range: Option<Range<usize>>| range.map(|range| (range, Shape::Chars));
    let pair = |open, close| {
        (0..n).try_fold((span.clone(), Shape::Chars), |(span, _), _| {
            brackets(rope, &span, open, close, is_around, n == 1 && !grows)
        })
    };
    match object.kind {
        'w' | 'W' if grows => {
            // From the end of a line it goes on in the next one.
            let is_end = line_end(rope, rope.char_to_line(span.end)) == span.end;
            let from_next = span.end + usize::from(is_end && span.end < rope.len_chars());
            let more = words(rope, from_next, is_around, object.kind == 'W', n)?;
            Some((from..more.end, Shape::Chars))
        }
        'w' | 'W' => chars(words(rope, from, is_around, object.kind == 'W', n)),
        '(' | ')' | 'b' => pair('(', ')'),
        '{' | '}' | 'B' => pair('{', '}'),
        '[' | ']' => pair('[', ']'),
        '<' | '>' => pair('<', '>'),
        '"' | '\'' | '`' => chars(quotes(rope, from, object.kind, is_around)),
        'p' if grows => Some((from..paragraphs(rope, span.end, is_around, n)?.end, Shape::Lines)),
        'p' => Some((paragraphs(rope, from, is_around, n)?, Shape::Lines)),
        's' if grows => chars(Some(from..sentences(rope, span.end, is_around, n).end)),
        's' => chars(Some(sentences(rope, from, is_around, n))),
        't' => chars((0..n).try_fold(span.clone(), |span, _| tag(rope, &span, is_around))),
        _ => None,
    }
}

/// Words and the blanks between them, from line to line: a line's end between two of them is no object. `None` if there are not so
/// many before an empty line or the end of the text.
fn words(rope: &Rope, from: usize, is_around: bool, is_big: bool, n: usize) -> Option<Range<usize>> {
    let end_of = |place: usize| line_end(rope, rope.char_to_line(place));
    let kind = |place: usize| class(rope, place, is_big);
    let is_blank = |place: usize| place < end_of(place) && kind(place) == Some(Class::Blank);
    let run = |from: usize| {
        let (of, end) = (kind(from), end_of(from));
        (from..end).find(|&place| kind(place) != of).unwrap_or(end)
    };
    // Where the next one begins: on the next line, if this one is at its end.
    let begin = |place: usize| {
        let is_end = place == end_of(place);
        let place = if is_end { place + 1 } else { place };
        (place <= rope.len_chars() && place < end_of(place)).then_some(place)
    };
    // What is around a word are the blanks behind it; what begins with blanks ends with the word behind them.
    let one = |place: usize| -> Option<usize> {
        let place = begin(place)?;
        match (is_around, is_blank(place)) {
            (false, _) => Some(run(place)),
            (true, true) => {
                let word = begin(run(place))?;
                Some(run(if is_blank(word) { begin(run(word))? } else { word }))
            }
            (true, false) => Some(run(place)).map(|end| if is_blank(end) { run(end) } else { end }),
        }
    };
    if end_of(from) == from {
        return None;
    }
    let first = rope.line_to_char(rope.char_to_line(from));
    let back = |from: usize, of: Option<Class>| {
        (first..from).rev().take_while(|&place| kind(place) == of).last().unwrap_or(from)
    };
    let start = back(from, kind(from));
    let stop = (0..n).try_fold(from, |place, _| one(place))?;
    if !is_around || is_blank(from) || is_blank(stop - 1) {
        return Some(start..stop);
    }
    // Without blanks behind it those before it go, unless they indent the line.
    let before = back(start, Some(Class::Blank));
    Some(if before == first { start } else { before }..stop)
}

fn brackets(
    rope: &Rope,
    span: &Range<usize>,
    open: char,
    close: char,
    is_around: bool,
    may_be_ahead: bool,
) -> Option<(Range<usize>, Shape)> {
    let start = match at(rope, span.start) {
        Some(c) if c == open && span.len() <= 1 => span.start,
        _ => match bracket::opening(rope, span.start, open, close) {
            Some(start) => start,
            None if !may_be_ahead => return None,
            // Outside of all of them it is the next one.
            None => {
                let ahead = (span.start..).zip(rope.chars_at(span.start)).take(SCAN_CHARS_MAX);
                ahead.into_iter().find(|&(_, c)| c == open)?.0
            }
        },
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
    let n_before = rope
        .chars_at(pair[0])
        .reversed()
        .take(pair[0] - first)
        .take_while(|c| matches!(c, ' ' | '\t'))
        .count();
    // As with words: the blanks behind it, else those before it.
    Some(if n_blanks == 0 { pair[0] - n_before..pair[1] + 1 } else { pair[0]..pair[1] + 1 + n_blanks })
}

/// Paragraphs and the empty lines between them; `None` if there are not so many.
fn paragraphs(rope: &Rope, from: usize, is_around: bool, n: usize) -> Option<Range<usize>> {
    let n_lines = last_line(rope) + 1;
    // Blanks alone are no text.
    let is_empty = |line: usize| {
        let (start, end) = (rope.line_to_char(line), line_end(rope, line));
        rope.chars_at(start).take(end - start).all(|c| matches!(c, ' ' | '\t'))
    };
    let here = rope.char_to_line(from).min(n_lines - 1);
    let back = |from: usize, kind: bool| {
        (0..from).rev().take_while(|&line| is_empty(line) == kind).last().unwrap_or(from)
    };
    let run = |from: usize| {
        let kind = from < n_lines && is_empty(from);
        (from..n_lines).find(|&line| is_empty(line) != kind).unwrap_or(n_lines)
    };
    let first_is_empty = is_empty(here);
    let mut first = back(here, first_is_empty);
    let mut end = here;
    for _ in 0..n {
        if end == n_lines {
            return None;
        }
        end = run(end);
        if is_around && end < n_lines {
            end = run(end);
        } else if is_around && first_is_empty {
            return None;
        } else if is_around {
            // Without empty lines behind it those before it go.
            first = back(first, true);
        }
    }
    Some(chars_of(rope, first..end))
}

/// Sentences and the blanks between them.
fn sentences(rope: &Rope, from: usize, is_around: bool, n: usize) -> Range<usize> {
    let start = sentence(rope, from + 1, false);
    let is_blank = |place: usize| at(rope, place).is_some_and(char::is_whitespace);
    let text_end = |end: usize| {
        let is_paragraph_end = is_empty_line(rope, end);
        let mut trimmed = end;
        while start < trimmed && is_blank(trimmed - 1) && !is_paragraph_end {
            trimmed -= 1;
        }
        trimmed
    };
    let mut end = from;
    for _ in 0..n {
        // Without those around them, the blanks between two sentences are one by themselves.
        let next = sentence(rope, end, true).min(line_end(rope, last_line(rope)));
        end = if !is_around && end < text_end(next) { text_end(next) } else { next };
    }
    let mut first = start;
    if is_around && 0 < end && (!is_blank(end - 1) || is_empty_line(rope, end)) {
        while 0 < first && matches!(at(rope, first - 1), Some(' ' | '\t')) {
            first -= 1;
        }
    }
    first..end
}

/// The tag around a span: `<b>…</b>`.
fn tag(rope: &Rope, span: &Range<usize>, is_around: bool) -> Option<Range<usize>> {
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
