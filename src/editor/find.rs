//! Finding and replacing: what is searched for, where the matches are, walking from one to the next.

use std::borrow::Cow;
use std::ops::Range;

use crate::base::time::MonoTime;
use crate::document::TextChange;

use super::edit::Kind;
use super::edits::Edit;
use super::scan::Scan;
use super::search::{Matcher, Options};
use super::selection::{Selection, shift_left, shift_right};
use super::{Model, grapheme};

/// Matches that are counted at most; more are shown as `1000+`.
pub const COUNT_MAX: usize = 1_000;

/// What is searched for.
#[derive(Clone, Debug, Default)]
pub struct Find {
    /// The text; empty when nothing was searched for yet.
    pub needle: String,
    /// How it is searched for.
    pub options: Options,
    /// What stands in for a match when it is replaced.
    pub replacement: String,
    /// Whether Enter goes on to what replaces the matches.
    pub wants_replacement: bool,
    /// Whether matches are lit: while the prompt is open.
    pub is_lit: bool,
    /// Where the caret was when the search began; Esc returns there.
    pub origin: Selection,
    /// The lines that were selected when the search began: only they are searched.
    pub scope: Option<Range<usize>>,
    /// Where the first of them are, as many as were counted.
    pub(crate) starts: Vec<usize>,
    /// Whether the last step was around the end of what is searched.
    went_around: bool,
    /// Why the needle cannot be searched for.
    pub error: Option<String>,
    matcher: Option<Matcher>,
    pub(crate) scan: Scan,
}

impl Find {
    /// Returns whether more matches may be counted yet.
    pub fn is_counting(&self) -> bool {
        self.scan.is_counting()
    }

    pub(crate) fn matcher(&self) -> Option<&Matcher> {
        self.matcher.as_ref()
    }

    /// Returns how many matches were counted, up to `COUNT_MAX`.
    pub fn n(&self) -> usize {
        self.starts.len()
    }

    /// Returns which match starts at a place, from 1, if it is among those that were counted.
    pub fn number_of(&self, at: usize) -> Option<usize> {
        self.starts.binary_search(&at).ok().map(|n| n + 1)
    }

    /// Returns what stands in for a match. In place of a regular expression's, `\n` is a line's end, `\t` a tab and `\\` a
    /// backslash; any other backslash is itself.
    fn with(&self) -> Cow<'_, str> {
        if !self.options.is_regex {
            return Cow::Borrowed(&self.replacement);
        }
        let mut out = String::new();
        let mut chars = self.replacement.chars().peekable();
        while let Some(c) = chars.next() {
            let meant = match (c, chars.peek()) {
                ('\\', Some('n')) => Some('\n'),
                ('\\', Some('t')) => Some('\t'),
                ('\\', Some('\\')) => Some('\\'),
                _ => None,
            };
            if meant.is_some() {
                chars.next();
            }
            out.push(meant.unwrap_or(c));
        }
        Cow::Owned(out)
    }

    /// Moves the places that are kept through others' edits.
    pub(crate) fn shift(&mut self, change: &TextChange) {
        let at = shift_left(self.origin.head, change);
        self.origin = Selection::caret(at);
        if let Some(scope) = &mut self.scope {
            scope.end = shift_left(scope.end, change);
            scope.start = shift_right(scope.start, change).min(scope.end);
        }
        self.starts.iter_mut().for_each(|at| *at = shift_right(*at, change));
        self.scan.shift(change);
    }

    /// The text is another one, of so many characters: what was found, and what is left to be searched, means nothing in it.
    pub(crate) fn clamp(&mut self, n_chars: usize) {
        self.origin = Selection::caret(self.origin.head.min(n_chars));
        self.scope.take_if(|scope| n_chars < scope.end);
        self.starts.clear();
        self.scan = Scan::default();
    }

    /// Makes the matcher of what is searched for now.
    fn prepare(&mut self) {
        (self.matcher, self.error) = match Matcher::new(&self.needle, self.options) {
            Ok(matcher) => (matcher, None),
            Err(why) => (None, Some(why)),
        };
        self.scan = Scan::default();
    }
}

impl Model {
    /// Opens the search; the selection, when it is within a line, is what to search for, and otherwise where.
    pub(crate) fn start_find(&mut self) {
        self.find.origin = self.selection;
        self.find.is_lit = true;
        self.find.scope = None;
        let range = self.selection.range();
        let selected = self.rope().slice(range.clone());
        let has_lines = selected.len_lines() > 1;
        if !range.is_empty() && range.len() <= 200 && !has_lines {
            self.find.needle = selected.to_string();
        } else {
            self.find.needle.clear();
            self.find.scope = has_lines.then_some(range);
        }
        self.count();
    }

    /// Searches for this from now on, without a prompt.
    pub(crate) fn search_for(&mut self, needle: String, options: Options) -> Result<(), String> {
        (self.find.needle, self.find.options, self.find.scope) = (needle, options, None);
        self.find.prepare();
        self.find.error.clone().map_or(Ok(()), Err)
    }

    /// Where matches are looked for.
    pub(crate) fn searched(&self) -> Range<usize> {
        let all = 0..self.document.len_chars();
        self.find.scope.clone().filter(|scope| scope.end <= all.end).unwrap_or(all)
    }

    /// Works a changed needle in: the first match from where the search began.
    pub(crate) fn find_from_origin(&mut self) {
        self.count();
        self.find.scan.look_from(self.find.origin.range().start);
        self.search_if_small();
    }

    /// Changes how it is searched, and searches again.
    pub(crate) fn change_options(&mut self, change: fn(&mut Options)) {
        change(&mut self.find.options);
        self.find_from_origin();
    }

    /// Goes to the next or the previous match, around the ends of the text. Returns whether there is one.
    pub(crate) fn find_step(&mut self, forward: bool) -> bool {
        self.settle_first();
        let range = self.selection.range();
        let found = if forward {
            let from = if range.is_empty() { range.start } else { range.start + 1 };
            match self.next_match(from) {
                // An empty match where the caret is already.
                Some(found) if found == range => self.next_match(from + 1),
                found => found,
            }
        } else {
            self.previous_match(range.start)
        };
        if let Some(found) = found.clone() {
            self.find.went_around =
                if forward { found.start < range.start } else { range.start < found.start };
            self.select_match(found);
        }
        found.is_some()
    }

    /// Says so if the last step was around the end.
    pub(crate) fn tell_around(&mut self, forward: bool, now: MonoTime) {
        if self.find.went_around {
            self.notify(if forward { "on from the start" } else { "on from the end" }, now);
        }
    }

    pub(crate) fn select_match(&mut self, found: Range<usize>) {
        self.select(Selection { anchor: found.start, head: found.end, goal: None });
        self.end_run();
        self.center();
    }

    /// Returns the first match from a place on, around the end.
    pub(crate) fn next_match(&self, from: usize) -> Option<Range<usize>> {
        let (rope, all) = (self.rope(), self.searched());
        let matcher = self.find.matcher.as_ref()?;
        let first_from = |from| {
            let from = self.find.scan.skip(from, self.revision).clamp(all.start, all.end);
            matcher.matches(rope, from..all.end).next()
        };
        first_from(from).or_else(|| first_from(all.start))
    }

    /// Returns the last match that ends at or before a place, around the start.
    pub(crate) fn previous_match(&self, before: usize) -> Option<Range<usize>> {
        let (rope, all) = (self.rope(), self.searched());
        let matcher = self.find.matcher.as_ref()?;
        let before = before.clamp(all.start, all.end);
        matcher.last_match(rope, all.start..before).or_else(|| matcher.last_match(rope, all))
    }

    /// Returns the last match that starts before a place, around the start.
    pub(crate) fn match_before(&self, place: usize) -> Option<Range<usize>> {
        let (rope, all) = (self.rope(), self.searched());
        let matcher = self.find.matcher.as_ref()?;
        let before = Some(place).filter(|&place| all.start < place);
        let found = before.and_then(|place| matcher.last_before(rope, all.clone(), place));
        found.or_else(|| matcher.last_match(rope, all))
    }

    /// There is more text than was counted in.
    pub(crate) fn count_again(&mut self) {
        if self.find.is_lit && self.prompt.is_some() {
            self.count();
        }
    }

    /// Begins to count the matches of what is searched for now: those of a small text at once.
    pub(crate) fn count(&mut self) {
        self.find.prepare();
        self.find.starts.clear();
        if self.find.matcher.is_some() {
            self.find.scan.count_from(self.searched().start);
        }
        self.search_if_small();
    }

    /// Replaces the match that is selected, and goes to the next. Without one, only goes there.
    pub(crate) fn replace_one(&mut self, now: MonoTime) {
        self.settle_first();
        let range = self.selection.range();
        let is_match = self.next_match(range.start).is_some_and(|found| found == range);
        if is_match && let Some(matcher) = &self.find.matcher {
            let text = matcher.replacement(self.rope(), &range, &self.find.with());
            let at = range.start + text.chars().count();
            self.replace(range.clone(), &text, Kind::Whole, now);
            if let Some(scope) = &mut self.find.scope {
                scope.end = scope.end + at - range.end;
            }
            // What was put there is not looked at again.
            self.select(Selection::caret(at));
            self.count();
        }
        if !self.find_step(true) {
            self.notify("no more matches", now);
        }
    }

    /// Replaces every match as one step of undo. Returns how many there were.
    pub(crate) fn replace_all(&mut self, now: MonoTime) -> usize {
        let Some(matcher) = self.find.matcher.clone().filter(|_| self.may_edit(now)) else { return 0 };
        let (rope, with) = (self.rope(), self.find.with());
        let edits: Vec<Edit> = matcher
            .matches(rope, self.searched())
            .map(|found| Edit { text: matcher.replacement(rope, &found, &with), range: found })
            .collect();
        self.make_whole(&edits, now);
        if let Some(scope) = &mut self.find.scope {
            let n_deleted: usize = edits.iter().map(|edit| edit.range.len()).sum();
            let n_inserted: usize = edits.iter().map(|edit| edit.text.chars().count()).sum();
            scope.end = (scope.end + n_inserted).saturating_sub(n_deleted);
        }
        self.count();
        edits.len()
    }

    /// Returns the matches that touch `range`, to be lit.
    pub(crate) fn lit_matches(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let Some(matcher) = self.find.matcher.as_ref().filter(|_| self.find.is_lit) else {
            return Vec::new();
        };
        let (rope, all) = (self.rope(), self.searched());
        let n = self.find.needle.chars().count();
        let start = grapheme::floor(rope, range.start.saturating_sub(n)).max(all.start);
        let end = (range.end + n).min(all.end);
        if start < end { matcher.matches(rope, start..end).collect() } else { Vec::new() }
    }
}
