//! Keeps the syntax tree of one text in step, and says what its visible part is made of.
//!
//! A text is parsed in steps, each as long as the caller lets it. Until the tree is there, and always in a large text, the visible part
//! is parsed alone: right but for what began far above it.

use std::ops::Range;

use ropey::Rope;
use tree_sitter::{InputEdit, Parser, Tree};

use super::grammar::{Compiled, Grammar};
use super::kind::Kind;
use super::paint::{self, Canvas, Grammars, point_of};

/// Bytes of a text past which no tree of all of it is made: it would take some forty times as much memory, and each change in its
/// middle several milliseconds.
const TREE_BYTES_MAX: usize = 1 << 20;

/// Bytes that are painted at once at most.
const PAINTED_BYTES_MAX: usize = 256 << 10;

/// Bytes before the visible part that are parsed with it where there is no tree.
const WINDOW_BYTES: usize = 16 << 10;

/// A stretch of characters of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Which characters, counted from the start of the text.
    pub chars: Range<usize>,
    /// What they are; never `Kind::Text`.
    pub kind: Kind,
}

/// The syntax tree of a text, in step or on the way there.
pub struct Highlighter {
    grammars: Grammars,
    parser: Parser,
    grammar: Option<Grammar>,
    /// The text as it is now.
    text: Rope,
    /// The text that the parser is at or that `tree` is of.
    parsed: Rope,
    /// The last whole tree; while `is_parsing`, with the edits that lead to `parsed` marked in it.
    tree: Option<Tree>,
    is_parsing: bool,
    /// The text is too large for a tree of all of it.
    is_large: bool,
}

impl Default for Highlighter {
    fn default() -> Highlighter {
        Highlighter::new()
    }
}

impl Highlighter {
    /// Makes one without a text.
    pub fn new() -> Highlighter {
        Highlighter {
            grammars: Grammars::new(),
            parser: Parser::new(),
            grammar: None,
            text: Rope::new(),
            parsed: Rope::new(),
            tree: None,
            is_parsing: false,
            is_large: false,
        }
    }

    /// Takes the text as it is now, in whatever way it came to be. The first text of a grammar costs up to 30 ms.
    pub fn set_text(&mut self, grammar: Grammar, text: &Rope) {
        if self.grammar != Some(grammar) {
            let compiled = self.grammars.entry(grammar).or_insert_with(|| Compiled::new(grammar));
            let is_set = self.parser.set_language(&compiled.language).is_ok();
            self.grammar = is_set.then_some(grammar);
            self.begin(text);
        }
        self.text = text.clone();
        match TREE_BYTES_MAX < text.len_bytes() {
            true if self.is_large => {}
            false if !self.is_large => self.aim(),
            is_large => {
                self.is_large = is_large;
                self.begin(text);
            }
        }
    }

    /// Starts on a text of which nothing is parsed.
    fn begin(&mut self, text: &Rope) {
        self.parser.reset();
        self.tree = None;
        self.is_parsing = self.grammar.is_some() && !self.is_large;
        self.parsed = if self.is_large { Rope::new() } else { text.clone() };
    }

    /// Starts on the text as it is now, unless the parser is busy with an earlier one: that is finished first, or
    /// somebody who types without a pause would never see an end of it.
    fn aim(&mut self) {
        if self.is_parsing {
            return;
        }
        if let Some(edit) = difference(&self.parsed, &self.text) {
            if let Some(tree) = &mut self.tree {
                tree.edit(&edit);
            }
            self.is_parsing = true;
        }
        self.parsed = self.text.clone();
    }

    /// Works on the tree while `keep_going` says so. Returns whether it is in step with the text.
    pub fn advance(&mut self, keep_going: &mut dyn FnMut() -> bool) -> bool {
        while self.is_parsing {
            let tree = paint::parse(&mut self.parser, &self.parsed, self.tree.as_ref(), keep_going);
            let Some(tree) = tree else { return false };
            (self.tree, self.is_parsing) = (Some(tree), false);
            self.aim();
        }
        true
    }

    /// Returns the spans of a range of characters, in order and without overlap.
    pub fn spans(&mut self, chars: Range<usize>) -> Vec<Span> {
        let Some(grammar) = self.grammar else { return Vec::new() };
        let text = self.text.clone();
        let chars = chars.start.min(text.len_chars())..chars.end.min(text.len_chars());
        let start = text.char_to_byte(chars.start);
        let end = text.char_to_byte(chars.end).min(start + PAINTED_BYTES_MAX);
        // The end of the last whole character.
        let bytes = start..text.char_to_byte(text.byte_to_char(end));
        let kinds = vec![Kind::Text; bytes.len()];
        let mut canvas = Canvas { rope: &text, bytes: bytes.clone(), kinds };
        let window = (self.is_parsing || self.is_large).then(|| self.parse_window(grammar, &bytes));
        let tree = window.as_ref().map_or(self.tree.as_ref(), Option::as_ref);
        if let Some(tree) = tree {
            canvas.paint(tree, grammar, &mut self.grammars, 0);
        }
        spans_of(&canvas, chars.start)
    }

    /// Parses what is around a range as if it were the whole text.
    fn parse_window(&self, grammar: Grammar, bytes: &Range<usize>) -> Option<Tree> {
        let compiled = self.grammars.get(&grammar)?;
        let start = self.window_start(bytes.start);
        let range = tree_sitter::Range {
            start_byte: start,
            end_byte: bytes.end,
            start_point: point_of(&self.text, start),
            end_point: point_of(&self.text, bytes.end),
        };
        paint::parse_range(&mut Parser::new(), compiled, &self.text, range)
    }

    /// Returns a place some way before `byte` at which something most likely begins: after an empty line, at a line that is not
    /// indented.
    fn window_start(&self, byte: usize) -> usize {
        let from = self.text.byte_to_line(byte.saturating_sub(WINDOW_BYTES));
        let start = self.text.line_to_byte(from);
        if start == 0 || start + 2 * WINDOW_BYTES < byte {
            // A line of a megabyte is entered in its middle.
            return self
                .text
                .char_to_byte(self.text.byte_to_char(start.max(byte.saturating_sub(2 * WINDOW_BYTES))));
        }
        let lines = from..self.text.byte_to_line(byte.saturating_sub(WINDOW_BYTES / 2));
        let is_empty = |line: usize| self.text.line(line).chars().all(char::is_whitespace);
        let is_outer = |line: usize| self.text.line(line).get_char(0).is_some_and(|c| !c.is_whitespace());
        let first = lines.clone().find(|&line| is_outer(line + 1) && is_empty(line));
        first.map_or(start, |line| self.text.line_to_byte(line + 1))
    }
}

fn spans_of(canvas: &Canvas, first: usize) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut at = first;
    let mut kinds = canvas.kinds.iter();
    for byte in paint::chunks(canvas.rope, canvas.bytes.clone()).flatten() {
        let kind = kinds.next().copied().unwrap_or_default();
        let is_char = byte & 0xc0 != 0x80;
        if is_char {
            at += 1;
        }
        if !is_char || kind == Kind::Text {
            continue;
        }
        match spans.last_mut() {
            Some(last) if last.kind == kind && last.chars.end == at - 1 => last.chars.end = at,
            _ => spans.push(Span { chars: at - 1..at, kind }),
        }
    }
    spans
}

/// Returns one edit that leads from one text to another; `None` when they are equal. Texts that came from one another
/// share most of their chunks, which are compared by address: some 10 ns for each KB.
fn difference(old: &Rope, new: &Rope) -> Option<InputEdit> {
    let most = old.len_bytes().min(new.len_bytes());
    let n_same =
        common(old.chunks(), new.chunks(), |a, b| a.iter().zip(b).take_while(|(a, b)| a == b).count());
    if n_same == old.len_bytes() && n_same == new.len_bytes() {
        return None;
    }
    let start = new.char_to_byte(new.byte_to_char(n_same.min(most)));
    let (of_old, of_new) = (chunks_backwards(old), chunks_backwards(new));
    let n_same =
        common(of_old, of_new, |a, b| a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count());
    let new_end = new.len_bytes() - n_same.min(most - start);
    let floor = new.char_to_byte(new.byte_to_char(new_end));
    let new_end = if floor == new_end { new_end } else { new.char_to_byte(new.byte_to_char(new_end) + 1) };
    let old_end = old.len_bytes() - (new.len_bytes() - new_end);
    Some(InputEdit {
        start_byte: start,
        old_end_byte: old_end,
        new_end_byte: new_end,
        start_position: point_of(new, start),
        old_end_position: point_of(old, old_end),
        new_end_position: point_of(new, new_end),
    })
}

fn chunks_backwards(rope: &Rope) -> ropey::iter::Chunks<'_> {
    rope.chunks_at_byte(rope.len_bytes()).0.reversed()
}

/// Returns how many bytes two sequences of chunks have in common, from the end at which `same` counts.
fn common<'a>(
    mut of_old: impl Iterator<Item = &'a str>,
    mut of_new: impl Iterator<Item = &'a str>,
    same: fn(&[u8], &[u8]) -> usize,
) -> usize {
    let is_forward = same(b"ab", b"ac") == 1;
    let cut = |bytes: &'a [u8], n: usize| if is_forward { &bytes[n..] } else { &bytes[..bytes.len() - n] };
    let (mut a, mut b): (&[u8], &[u8]) = (&[], &[]);
    let mut n_same = 0;
    loop {
        if a.is_empty() {
            let Some(next) = of_old.next() else { return n_same };
            a = next.as_bytes();
        }
        if b.is_empty() {
            let Some(next) = of_new.next() else { return n_same };
            b = next.as_bytes();
        }
        let n = a.len().min(b.len());
        let is_shared = a.len() == b.len() && a.as_ptr() == b.as_ptr();
        let n = if is_shared { n } else { same(a, b) };
        n_same += n;
        if n < a.len().min(b.len()) {
            return n_same;
        }
        (a, b) = (cut(a, n), cut(b, n));
    }
}

#[cfg(test)]
mod tests;
