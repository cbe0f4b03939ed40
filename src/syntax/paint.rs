//! A syntax tree's kinds, for each byte of a range.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use ropey::Rope;
use tree_sitter::{
    Node, ParseOptions, ParseState, Parser, Point, Query, QueryCursor, StreamingIterator, Tree,
};

use super::grammar::{Compiled, Grammar};
use super::kind::Kind;

/// Matches of a query that may be unfinished at once; more are dropped, so that no text makes a query slow.
const MATCHES_MAX: u32 = 256;

/// How deep languages within languages are followed: a page in a fence in a text.
const DEPTH_MAX: usize = 4;

/// Bytes of another language's text that are parsed anew for each picture of it.
const INJECTED_BYTES_MAX: usize = 128 << 10;

/// Grammars that were needed so far.
pub(super) type Grammars = HashMap<Grammar, Compiled>;

/// A range of a text, and the kind of each of its bytes.
pub(super) struct Canvas<'a> {
    pub rope: &'a Rope,
    pub bytes: Range<usize>,
    pub kinds: Vec<Kind>,
}

/// A text of another language inside.
struct Injected {
    grammar: Grammar,
    range: tree_sitter::Range,
}

impl Canvas<'_> {
    /// Paints what a tree says of the range, inner nodes over outer ones.
    pub fn paint(&mut self, tree: &Tree, grammar: Grammar, grammars: &mut Grammars, depth: usize) {
        let compiled = grammars.entry(grammar).or_insert_with(|| Compiled::new(grammar));
        self.paint_captures(tree.root_node(), compiled);
        if depth == DEPTH_MAX {
            return;
        }
        let injections = compiled.injections.as_ref().map(|query| self.injected(tree.root_node(), query));
        for Injected { grammar, range } in injections.unwrap_or_default() {
            let compiled = grammars.entry(grammar).or_insert_with(|| Compiled::new(grammar));
            let mut parser = Parser::new();
            let shown = intersection(&(range.start_byte..range.end_byte), &self.bytes);
            let tree = parse_range(&mut parser, compiled, self.rope, range).filter(|_| !shown.is_empty());
            let Some(tree) = tree else { continue };
            let at = shown.start - self.bytes.start..shown.end - self.bytes.start;
            let mut part = Canvas { rope: self.rope, bytes: shown, kinds: self.kinds[at.clone()].to_vec() };
            part.paint(&tree, grammar, grammars, depth + 1);
            self.kinds[at].copy_from_slice(&part.kinds);
        }
    }

    fn paint_captures(&mut self, root: Node, compiled: &Compiled) {
        let mut cursor = QueryCursor::new();
        cursor.set_match_limit(MATCHES_MAX);
        cursor.set_byte_range(self.bytes.clone());
        let rope = self.rope;
        let mut captures =
            cursor.captures(&compiled.highlights, root, |node: Node| chunks(rope, node.byte_range()));
        let mut last = (0..0, Kind::Text);
        while let Some((found, i)) = captures.next() {
            let capture = found.captures()[*i];
            let Some(kind) = compiled.kinds[capture.index as usize] else { continue };
            let range = capture.node.byte_range();
            if range == last.0 && kind.yields_to(last.1) {
                continue;
            }
            last = (range.clone(), kind);
            let shown = intersection(&range, &self.bytes);
            self.kinds[shown.start - self.bytes.start..shown.end - self.bytes.start].fill(kind);
        }
    }

    fn injected(&self, root: Node, query: &Query) -> Vec<Injected> {
        let mut cursor = QueryCursor::new();
        cursor.set_match_limit(MATCHES_MAX);
        cursor.set_byte_range(self.bytes.clone());
        let rope = self.rope;
        let mut matches = cursor.matches(query, root, |node: Node| chunks(rope, node.byte_range()));
        let mut injected = Vec::new();
        while let Some(found) = matches.next() {
            let capture = |name: &str| {
                let index = query.capture_index_for_name(name)?;
                found.captures().iter().find(|capture| capture.index == index).map(|capture| capture.node)
            };
            let settings = query.property_settings(found.pattern_index);
            let set = settings.iter().find(|setting| &*setting.key == "injection.language");
            let name = match (capture("injection.language"), set.and_then(|set| set.value.as_deref())) {
                (Some(node), _) => chunks(rope, node.byte_range())
                    .flatten()
                    .take(64)
                    .map(|&byte| char::from(byte))
                    .collect::<String>(),
                (None, Some(name)) => name.to_owned(),
                (None, None) => continue,
            };
            let (Some(grammar), Some(content)) = (Grammar::named(&name), capture("injection.content")) else {
                continue;
            };
            let mut range = content.range();
            if self.bytes.end < range.end_byte {
                // Nothing behind what is shown is needed.
                range.end_byte = self.bytes.end;
                range.end_point = point_of(rope, range.end_byte);
            }
            if range.end_byte.saturating_sub(range.start_byte) <= INJECTED_BYTES_MAX {
                injected.push(Injected { grammar, range });
            }
        }
        injected
    }
}

/// Parses one range of a text as if nothing else were there.
pub(super) fn parse_range(
    parser: &mut Parser,
    compiled: &Compiled,
    rope: &Rope,
    range: tree_sitter::Range,
) -> Option<Tree> {
    parser.reset();
    parser.set_language(&compiled.language).ok()?;
    parser.set_included_ranges(&[range]).ok()?;
    parse(parser, rope, None, &mut || true)
}

/// Parses a text; `None` when `keep_going` said no. Called again, it goes on where it was, if nothing else changed.
pub(super) fn parse(
    parser: &mut Parser,
    rope: &Rope,
    old: Option<&Tree>,
    keep_going: &mut dyn FnMut() -> bool,
) -> Option<Tree> {
    let mut read = |byte: usize, _: Point| -> &[u8] {
        let Some((chunk, start, ..)) = rope.get_chunk_at_byte(byte) else { return &[] };
        chunk.as_bytes().get(byte - start..).unwrap_or(&[])
    };
    let mut progress = |_: &ParseState| match keep_going() {
        true => ControlFlow::Continue(()),
        false => ControlFlow::Break(()),
    };
    let options = ParseOptions::new().progress_callback(&mut progress);
    parser.parse_with_options(&mut read, old, Some(options))
}

/// Returns the row and the column in bytes of a byte.
pub(super) fn point_of(rope: &Rope, byte: usize) -> Point {
    let row = rope.byte_to_line(byte);
    Point { row, column: byte - rope.line_to_byte(row) }
}

/// The text of a node. A node never ends within a character, but a query must not fail if one did.
pub(super) fn chunks(rope: &Rope, bytes: Range<usize>) -> impl Iterator<Item = &[u8]> {
    let slice = rope.get_byte_slice(bytes);
    slice.into_iter().flat_map(|slice| slice.chunks().map(str::as_bytes))
}

fn intersection(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let start = a.start.max(b.start).min(b.end);
    start..a.end.clamp(start, b.end)
}
