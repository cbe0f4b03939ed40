//! What the parts of the visible text are: asked of the shell, and kept in place until it answers.
//!
//! Nothing here parses. The answer comes between two keys, or after some; what is known meanwhile moves with the
//! text.

use std::ops::Range;

use ropey::Rope;

use crate::document::TextChange;
use crate::syntax::grammar::Grammar;
use crate::syntax::highlighter::Span;
use crate::syntax::kind::Kind;

use super::{Model, column};

/// Edits after which old spans are dropped rather than moved on: each costs a walk over all of them.
const EDITS_MAX: usize = 256;

/// Lines above and below the screen whose colours are kept while one types.
const TYPING_LINES: usize = 4;

/// What to find out, and of which text.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The text (a cheap clone).
    pub text: Rope,
    /// To be handed back in `Painted`.
    pub revision: u64,
    /// Which characters: what is shown, and some on either side.
    pub chars: Range<usize>,
    /// How to read it.
    pub grammar: Grammar,
}

/// What was found out.
#[derive(Clone, Debug, Default)]
pub struct Painted {
    /// That of `Wanted`.
    pub revision: u64,
    /// The stretches that are something, in order.
    pub spans: Vec<Span>,
}

/// Why a text is shown plain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plain {
    /// It is not.
    #[default]
    No,
    /// Parsing it took too long.
    TooSlow,
}

/// The spans as they are now.
#[derive(Debug, Default)]
pub(crate) struct Highlights {
    spans: Vec<Span>,
    /// Edits since the spans were made.
    n_edits: usize,
    plain: Plain,
}

impl Highlights {
    /// Moves the spans through a change. Text at the end of a span joins it: most often one types on.
    pub fn shift(&mut self, change: &TextChange) {
        self.n_edits += 1;
        if EDITS_MAX < self.n_edits {
            self.spans.clear();
        }
        let end = change.at + change.n_deleted;
        let first = self.spans.partition_point(|span| span.chars.end < change.at);
        for Span { chars, .. } in &mut self.spans[first..] {
            let moved = |at: usize, to: usize| {
                if at < change.at {
                    at
                } else if at < end {
                    to
                } else {
                    at - change.n_deleted + change.n_inserted
                }
            };
            let is_behind = change.at <= chars.start && (change.at < chars.start || change.n_deleted == 0);
            let start =
                if is_behind { moved(chars.start, change.at + change.n_inserted) } else { chars.start };
            let stop = moved(chars.end, change.at);
            *chars = start..stop.max(start);
        }
        self.spans.retain(|span| !span.chars.is_empty());
    }

    /// Returns the spans that reach beyond `from`, in order.
    pub fn from(&self, from: usize) -> &[Span] {
        &self.spans[self.spans.partition_point(|span| span.chars.end <= from)..]
    }

    /// Returns what the character at `at` is.
    pub fn kind_at(&self, at: usize) -> Kind {
        let span = self.from(at).first().filter(|span| span.chars.contains(&at));
        span.map_or(Kind::Text, |span| span.kind)
    }
}

impl Model {
    /// Returns what is to be found out for the screen as it is now; `None` for a text that stays plain.
    pub fn wanted_highlights(&self) -> Option<Wanted> {
        let grammar = self.language.grammar.filter(|_| self.plain_because().is_none())?;
        let rope = self.rope();
        let rows = usize::from(self.layout().text_rows);
        // A page on either side, so that paging finds its colours there; while one types, only what is shown and a little.
        let beside = if self.run.is_some() { rows.min(TYPING_LINES) } else { rows };
        let lines =
            self.scroll.top.saturating_sub(beside)..(self.scroll.top + rows + beside).min(rope.len_lines());
        let shown = self.scroll.top..(self.scroll.top + rows).min(rope.len_lines());
        let chars = if column::any_long(rope, shown) {
            let start = rope.line_to_char(self.line()) + self.scroll.left;
            start..(start + column::LONG_LINE_CHARS).min(rope.len_chars()).max(start)
        } else {
            rope.line_to_char(lines.start)..rope.line_to_char(lines.end)
        };
        Some(Wanted { text: rope.clone(), revision: self.revision, chars, grammar })
    }

    /// Returns in two words why the text is shown without its language's colours, if so.
    pub fn plain_because(&self) -> Option<&'static str> {
        self.language.grammar?;
        match self.highlights.plain {
            Plain::TooSlow => Some("too slow"),
            Plain::No => None,
        }
    }

    /// Takes in what the shell found out. What is of an earlier text is left out: a newer answer is on its way.
    pub(crate) fn painted(&mut self, painted: Painted) {
        if painted.revision == self.revision {
            self.highlights = Highlights { spans: painted.spans, n_edits: 0, plain: Plain::No };
        }
    }

    /// The text cannot be parsed in good time.
    pub(crate) fn too_slow(&mut self) {
        self.highlights = Highlights { plain: Plain::TooSlow, ..Highlights::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &[(usize, usize)], change: (usize, usize, usize), after: &[(usize, usize)]) {
        let spans = before.iter().map(|&(start, end)| Span { chars: start..end, kind: Kind::Keyword });
        let mut highlights = Highlights { spans: spans.collect(), ..Highlights::default() };
        highlights.shift(&TextChange { at: change.0, n_deleted: change.1, n_inserted: change.2 });
        let found: Vec<_> = highlights.spans.iter().map(|span| (span.chars.start, span.chars.end)).collect();
        assert_eq!(found, after);
    }

    #[test]
    fn spans_move_with_the_text() {
        check(&[(2, 4), (6, 8)], (5, 0, 3), &[(2, 4), (9, 11)]);
        check(&[(2, 4), (6, 8)], (0, 1, 0), &[(1, 3), (5, 7)]);
        check(&[(2, 4), (6, 8)], (7, 0, 2), &[(2, 4), (6, 10)]);
        check(&[(2, 4), (6, 8)], (9, 4, 2), &[(2, 4), (6, 8)]);
    }

    #[test]
    fn text_at_the_end_of_a_span_joins_it_and_at_its_start_does_not() {
        check(&[(2, 4)], (4, 0, 1), &[(2, 5)]);
        check(&[(2, 4)], (2, 0, 1), &[(3, 5)]);
    }

    #[test]
    fn deleted_text_takes_its_spans_along() {
        check(&[(2, 4), (6, 8)], (1, 4, 0), &[(2, 4)]);
        check(&[(2, 4), (6, 8)], (3, 4, 0), &[(2, 3), (3, 4)]);
        check(&[(2, 8)], (3, 2, 1), &[(2, 7)]);
        check(&[(2, 8)], (2, 3, 1), &[(2, 6)]);
    }

    #[test]
    fn every_span_stays_in_order_and_apart_through_any_edits() {
        let mut rng = crate::base::rng::Rng::new(4);
        for _ in 0..2_000 {
            let spans =
                (0..10).map(|i| Span { chars: i * 5..i * 5 + 1 + rng.below(5) as usize, kind: Kind::Type });
            let mut highlights = Highlights { spans: spans.collect(), ..Highlights::default() };
            let (at, n_deleted, n_inserted) =
                (rng.below(52) as usize, rng.below(12) as usize, rng.below(4) as usize);
            highlights.shift(&TextChange { at, n_deleted, n_inserted });
            let pairs = highlights.spans.windows(2);
            assert!(pairs.into_iter().all(|pair| pair[0].chars.end <= pair[1].chars.start), "{highlights:?}");
        }
    }
}
