//! The bracket at the caret and the one that belongs to it, as far as both may be on the screen: what is shown. Where
//! strings and comments are is known there, unlike in `bracket`, which searches a whole text.

use ropey::Rope;

use crate::syntax::kind::Kind;

use super::{Model, bracket};

/// Characters within which the other bracket is looked for: some screens of text.
/// The bracket itself is one of them.
const CHARS_MAX: usize = 10_000;

impl Model {
    /// Returns the positions of the bracket at the caret, or else right before it, and of the one that belongs to
    /// it. Brackets in strings and comments count only among themselves. O(`CHARS_MAX`) at a bracket, else O(log n).
    pub(crate) fn brackets(&self) -> Option<(usize, usize)> {
        let at = self.selection.head;
        let literal =
            |at: usize| matches!(self.highlights.kind_at(at), Kind::String | Kind::Comment | Kind::Raw);
        let near = [Some(at), at.checked_sub(1)];
        near.into_iter().flatten().find_map(|at| Some((at, partner(self.rope(), at, literal)?)))
    }
}

/// Returns where the partner of the bracket at `at` is, among those that are like it as `literal` says.
fn partner(rope: &Rope, at: usize, literal: impl Fn(usize) -> bool) -> Option<usize> {
    let is_literal = literal(at);
    bracket::of_like(rope, at, CHARS_MAX - 1, |place| literal(place) == is_literal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, at: usize, wanted: Option<usize>) {
        let literal = |at: usize| text.as_bytes()[..at].iter().filter(|&&b| b == b'"').count() % 2 == 1;
        assert_eq!(partner(&Rope::from_str(text), at, literal), wanted, "{text:?} at {at}");
    }

    #[test]
    fn brackets_nest() {
        check("a(b[c](d))", 1, Some(9));
        check("a(b[c](d))", 9, Some(1));
        check("a(b[c](d))", 3, Some(5));
        check("a(b[c](d))", 6, Some(8));
        check("a(b", 1, None);
        check("a)b", 1, None);
        check("ab", 0, None);
        check("ab", 2, None);
    }

    #[test]
    fn those_in_strings_belong_to_each_other() {
        check("(\")\")", 0, Some(4));
        check("(\"()\")", 2, Some(3));
        check("(\"(\")", 2, None);
    }

    #[test]
    fn it_is_not_looked_for_without_end() {
        check(&("(".to_owned() + &" ".repeat(CHARS_MAX) + ")"), 0, None);
    }
}
