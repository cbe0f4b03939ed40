//! Several carets at once: the primary one, which the view follows, and the others.

use std::ops::Range;

use super::Model;
use super::column::{at_column, column_of, line_end};
use super::grapheme;
use super::search::{Matcher, Options};
use super::selection::Selection;

/// Carets that there can be at once.
const SELECTIONS_MAX: usize = 10_000;

impl Model {
    /// Selects this and nothing else; what is beyond the text ends with it.
    pub(crate) fn select(&mut self, selection: Selection) {
        let len = self.document.len_chars();
        let (anchor, head) = (selection.anchor.min(len), selection.head.min(len));
        self.selection = Selection { anchor, head, ..selection };
        self.others.clear();
    }

    /// Returns every selection in order, and which of them is the primary one.
    pub(crate) fn selections(&self) -> (Vec<Selection>, usize) {
        let mut all: Vec<(Selection, bool)> = self.others.iter().map(|other| (*other, false)).collect();
        all.push((self.selection, true));
        all.sort_by_key(|(selection, _)| (selection.range().start, selection.range().end));
        let primary = all.iter().position(|(_, is_primary)| *is_primary).unwrap_or(0);
        (all.into_iter().map(|(selection, _)| selection).collect(), primary)
    }

    /// Takes selections; `primary` is the number of the primary one.
    pub(crate) fn set_selections(&mut self, mut all: Vec<Selection>, primary: usize) {
        self.selection = all.remove(primary);
        self.others = all;
    }

    /// Changes every selection.
    pub(crate) fn each_selection(&mut self, change: impl Fn(&Model, Selection) -> Selection) {
        let changed: Vec<Selection> = self.others.iter().map(|&other| change(self, other)).collect();
        self.selection = change(self, self.selection);
        self.others = changed;
    }

    /// Keeps every selection inside the text and off the insides of characters.
    pub(crate) fn clamp_selections(&mut self) {
        self.each_selection(|model, s| {
            let clamp = |at: usize| grapheme::floor(model.rope(), at.min(model.document.len_chars()));
            Selection { anchor: clamp(s.anchor), head: clamp(s.head), goal: s.goal }
        });
    }

    /// Makes one of selections that touch.
    pub(crate) fn join_selections(&mut self) {
        if self.others.is_empty() {
            return;
        }
        let (all, primary) = self.selections();
        let mut joined: Vec<Selection> = Vec::with_capacity(all.len());
        let mut new_primary = 0;
        for (n, selection) in all.into_iter().enumerate() {
            let range = selection.range();
            let touches = |last: &Selection| {
                let end = last.range().end;
                range.start < end || (range.start == end && (range.is_empty() || last.is_empty()))
            };
            match joined.last_mut() {
                Some(last) if touches(last) => {
                    let (start, end) = (last.range().start, last.range().end.max(range.end));
                    let is_forward = selection.anchor <= selection.head;
                    let (anchor, head) = if is_forward { (start, end) } else { (end, start) };
                    *last = Selection { anchor, head, goal: last.goal };
                }
                _ => joined.push(selection),
            }
            if n == primary {
                new_primary = joined.len() - 1;
            }
        }
        self.set_selections(joined, new_primary);
    }

    /// Adds a selection, which becomes the primary one.
    pub(crate) fn add_selection(&mut self, selection: Selection) {
        if self.others.len() + 1 < SELECTIONS_MAX {
            let before = std::mem::replace(&mut self.selection, selection);
            self.others.push(before);
        }
    }

    /// The first time, selects the word; then adds the next place with the same text. Returns whether there was one.
    pub(crate) fn add_next_match(&mut self) -> bool {
        self.end_run();
        if self.selection.is_empty() {
            let (anchor, head) = grapheme::word_at(self.rope(), self.selection.head);
            self.selection = Selection { anchor, head, goal: None };
            self.word = Some(self.rope().slice(anchor..head).to_string());
            return anchor < head;
        }
        let Some(matcher) = self.matcher_of_selection() else { return false };
        let (all, _) = self.selections();
        let is_taken = |range: &Range<usize>| all.iter().any(|other| other.range() == *range);
        let (rope, from) = (self.rope(), self.selection.range().end);
        let mut after = matcher.matches(rope, from..rope.len_chars()).chain(matcher.matches(rope, 0..from));
        let found = after.find(|range| !is_taken(range));
        drop(after);
        if let Some(range) = found.clone() {
            self.add_selection(Selection { anchor: range.start, head: range.end, goal: None });
        }
        found.is_some()
    }

    /// Selects every place with the text of the selection, or of the word. Returns how many there are.
    pub(crate) fn select_all_matches(&mut self) -> usize {
        if self.selection.is_empty() && !self.add_next_match() {
            return 0;
        }
        self.matcher_of_selection()
            .map_or(0, |matcher| self.select_each(&matcher, 0..self.rope().len_chars()))
    }

    /// Selects every place with what is searched for, as it is searched. Returns how many there are.
    pub(crate) fn select_found(&mut self) -> usize {
        let searched = self.searched();
        self.find.matcher().cloned().map_or(0, |matcher| self.select_each(&matcher, searched))
    }

    fn select_each(&mut self, matcher: &Matcher, searched: Range<usize>) -> usize {
        self.end_run();
        let rope = self.rope();
        let ranges: Vec<_> = matcher.matches(rope, searched).take(SELECTIONS_MAX).collect();
        let primary = ranges.iter().position(|range| *range == self.selection.range()).unwrap_or(0);
        let all =
            ranges.into_iter().map(|range| Selection { anchor: range.start, head: range.end, goal: None });
        let all: Vec<Selection> = all.collect();
        let n = all.len();
        if 0 < n {
            self.set_selections(all, primary);
        }
        n
    }

    fn matcher_of_selection(&self) -> Option<Matcher> {
        let text = self.rope().slice(self.selection.range()).to_string();
        // Whoever began with a caret in a word means the word, not parts of others.
        let is_word = self.word.as_ref() == Some(&text);
        Matcher::new(&text, Options { is_exact: true, is_word, is_regex: false }).ok().flatten()
    }

    /// Adds a caret in the line above or below, in the same column.
    pub(crate) fn add_caret(&mut self, up: bool) {
        self.end_run();
        let (all, _) = self.selections();
        let edge = if up { all[0] } else { all[all.len() - 1] };
        let rope = self.rope();
        let column = edge.goal.unwrap_or_else(|| column_of(rope, edge.head, self.tab_width));
        let line = rope.char_to_line(edge.head);
        let line =
            if up { line.checked_sub(1) } else { Some(line + 1).filter(|&line| line < rope.len_lines()) };
        let Some(line) = line else { return };
        let at = at_column(rope, line, column, self.tab_width);
        self.add_selection(Selection { anchor: at, head: at, goal: Some(column) });
    }

    /// Selects a column: the same cells in every line between two places, each a line and a column.
    pub(crate) fn select_column(&mut self, from: (usize, usize), to: (usize, usize)) {
        let rope = self.rope();
        let (first, last) = (from.0.min(to.0), from.0.max(to.0).min(rope.len_lines() - 1));
        let last = last.min(first + SELECTIONS_MAX - 1);
        let all: Vec<Selection> = (first..=last)
            .map(|line| {
                let (anchor, head) = (
                    at_column(rope, line, from.1, self.tab_width),
                    at_column(rope, line, to.1, self.tab_width),
                );
                Selection { anchor, head, goal: None }
            })
            .collect();
        // Lines that end before the column have nothing to select, unless no line reaches it.
        let reaches = |s: &Selection| {
            !s.is_empty() || from.1 == to.1 || s.head < line_end(rope, rope.char_to_line(s.head))
        };
        let mut kept: Vec<Selection> = all.iter().copied().filter(reaches).collect();
        if kept.is_empty() {
            kept = all;
        }
        let primary = if from.0 <= to.0 { kept.len() - 1 } else { 0 };
        self.set_selections(kept, primary);
    }
}
