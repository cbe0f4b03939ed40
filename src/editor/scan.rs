//! Searching for a needle while it is typed: a large text piece by piece, so that no key waits for the end of it.

use std::ops::Range;

use crate::document::TextChange;

use super::Model;
use super::find::COUNT_MAX;
use super::selection::shift_left;

/// What is still to be searched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scan {
    /// The search for the match to show; `None` once it is found, or is not there.
    first: Option<First>,
    /// Where counting goes on; `None` once all matches are counted, or as many as are counted at most.
    count_from: Option<usize>,
    /// Where no match starts, in the text of a revision.
    without: Option<(u64, Range<usize>)>,
}

/// The search for the first match from a place on, around the end of the text.
#[derive(Clone, Copy, Debug)]
struct First {
    from: usize,
    at: usize,
    is_around: bool,
}

impl Scan {
    /// Begins to count anew.
    pub fn count_from(&mut self, start: usize) {
        self.count_from = Some(start);
    }

    /// Begins to look for the first match from a place on.
    pub fn look_from(&mut self, from: usize) {
        self.first = Some(First { from, at: from, is_around: false });
    }

    /// Neither looks nor counts any further.
    pub fn stop(&mut self) {
        (self.first, self.count_from) = (None, None);
    }

    /// Whether there are more matches than were counted, perhaps.
    pub fn is_counting(&self) -> bool {
        self.count_from.is_some()
    }

    /// Moves the places that are kept through an edit.
    pub fn shift(&mut self, change: &TextChange) {
        if let Some(first) = &mut self.first {
            (first.from, first.at) = (shift_left(first.from, change), shift_left(first.at, change));
        }
        if let Some(at) = &mut self.count_from {
            *at = shift_left(*at, change);
        }
    }

    /// Returns the first place from `at` on where a match may start, in the text of a revision.
    pub fn skip(&self, at: usize, revision: u64) -> usize {
        match &self.without {
            Some((of, without)) if *of == revision && without.contains(&at) => without.end,
            _ => at,
        }
    }
}

impl Model {
    /// Returns whether something is still to be searched: then [`Model::search_on`] is to be called.
    pub fn is_searching(&self) -> bool {
        self.find.scan.first.is_some() || self.find.scan.is_counting()
    }

    /// Searches one piece more, which takes a millisecond or two.
    pub fn search_on(&mut self) {
        match self.find.scan.first.take() {
            Some(first) => self.look_on(first),
            None => self.count_on(),
        }
    }

    /// Searches on until it is known where the first match is.
    pub(crate) fn settle_first(&mut self) {
        while self.find.scan.first.is_some() {
            self.search_on();
        }
    }

    /// Searches all of a small text.
    pub(crate) fn search_if_small(&mut self) {
        let piece = self.find.matcher().map_or(usize::MAX, |matcher| matcher.piece_chars());
        while self.searched().len() <= piece && self.is_searching() {
            self.search_on();
        }
    }

    fn look_on(&mut self, mut first: First) {
        let all = self.searched();
        let Some(matcher) = self.find.matcher() else { return self.select(self.find.origin) };
        let (from, at) = (first.from.clamp(all.start, all.end), first.at.clamp(all.start, all.end));
        let piece = at..(at + matcher.piece_chars()).min(all.end);
        match matcher.first_in_piece(self.rope(), piece.clone(), all.end) {
            Some(found) => {
                if !first.is_around {
                    self.find.scan.without = Some((self.revision, from..found.start));
                }
                return self.select_match(found);
            }
            None if first.is_around && from <= piece.end => return self.select(self.find.origin),
            None if piece.end == all.end => (first.at, first.is_around) = (all.start, true),
            None => first.at = piece.end,
        }
        self.find.scan.first = Some(first);
    }

    fn count_on(&mut self) {
        let (all, scan) = (self.searched(), &mut self.find.scan);
        let Some(at) = scan.count_from.take() else { return };
        let Some(matcher) = self.find.matcher() else { return };
        let at = at.clamp(all.start, all.end);
        let piece = at..(at + matcher.piece_chars()).min(all.end);
        let found = matcher.matches_in_piece(self.document.rope(), piece.clone(), all.end);
        let found: Vec<Range<usize>> = found.take(COUNT_MAX - self.find.starts.len()).collect();
        let end = found.last().map_or(piece.end, |last| last.end.max(piece.end));
        self.find.starts.extend(found.into_iter().map(|found| found.start));
        if self.find.n() < COUNT_MAX && piece.end < all.end {
            self.find.scan.count_from = Some(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::MonoTime;
    use crate::crdt::ReplicaId;
    use crate::document::Document;
    use crate::editor::command::Action;
    use crate::editor::file::FileMeta;
    use crate::editor::key::{Key, KeyCode};
    use crate::editor::search::{Matcher, Options};
    use crate::editor::selection::Selection;
    use crate::editor::{Msg, update};

    fn model(text: &str) -> Model {
        let mut document = Document::new(ReplicaId::new(1));
        document.insert(0, text).expect("it fits");
        let mut model = Model::new(document, FileMeta::default());
        update(&mut model, Msg::Resize(80, 24), MonoTime(0));
        model
    }

    fn press(model: &mut Model, codes: impl IntoIterator<Item = KeyCode>) {
        for code in codes {
            update(model, Msg::Key(Key::plain(code)), MonoTime(0));
        }
    }

    fn find(model: &mut Model, needle: &str) {
        update(model, Msg::Command(Action::Find), MonoTime(0));
        press(model, needle.chars().map(KeyCode::Char));
    }

    fn large() -> (String, usize) {
        // A needle over the border of two pieces, one before where the search begins, one at the end.
        let piece = Matcher::new("needle", Options::default()).expect("plain").expect("some").piece_chars();
        let text = format!("needle{}needle{}needle", "x".repeat(piece - 9), "y".repeat(piece));
        (text, piece)
    }

    #[test]
    fn a_large_text_is_searched_in_pieces_the_first_match_first() {
        let (text, piece) = large();
        let mut model = model(&text);
        model.select(Selection::caret(10));
        find(&mut model, "needle");
        assert_eq!((model.selection.range(), model.find.n()), (10..10, 0), "a key searches nothing");
        model.search_on();
        assert_eq!((model.selection.range(), model.find.n()), (piece - 3..piece + 3, 0));
        let mut n_pieces = 0;
        while model.is_searching() {
            model.search_on();
            n_pieces += 1;
        }
        assert_eq!((model.find.n(), n_pieces), (3, 3));
    }

    #[test]
    fn the_next_key_waits_for_the_first_match_only_where_it_goes_on_from_there() {
        let (text, piece) = large();
        let mut model = model(&text);
        let end = 2 * piece + 3;
        model.select(Selection::caret(piece));
        find(&mut model, "needle");
        press(&mut model, [KeyCode::Enter]);
        assert_eq!(model.selection.range(), 0..6, "the second, around the end");
        press(&mut model, [KeyCode::Enter, KeyCode::Enter]);
        assert_eq!(model.selection.range(), end..end + 6);
        press(&mut model, [KeyCode::Backspace, KeyCode::Esc]);
        assert!(!model.is_searching());
        assert_eq!(model.selection.range(), piece..piece, "where it began");
    }

    #[test]
    fn what_is_not_there_leaves_the_caret_and_is_looked_for_once_around() {
        let (text, _) = large();
        let mut model = model(&text);
        model.select(Selection::caret(10));
        find(&mut model, "nothing");
        let mut n_pieces = 0;
        while model.is_searching() {
            model.search_on();
            n_pieces += 1;
        }
        assert_eq!((model.selection.range(), model.find.n()), (10..10, 0));
        assert!(n_pieces <= 3 + 1 + 3, "{n_pieces}");
    }

    #[test]
    fn a_long_match_of_a_regular_expression_is_whole() {
        let options = Options { is_regex: true, ..Options::default() };
        let piece = Matcher::new("y+", options).expect("a pattern").expect("some").piece_chars();
        let mut model = model(&format!("{}{}", "x".repeat(piece - 10), "y".repeat(piece)));
        model.find.options = options;
        find(&mut model, "y+");
        model.settle_first();
        assert_eq!(model.selection.range(), piece - 10..2 * piece - 10);
        update(&mut model, Msg::Paste("x".to_owned()), MonoTime(0));
        while model.is_searching() {
            model.search_on();
        }
        assert_eq!(model.find.n(), 0, "y+x");
    }
}
