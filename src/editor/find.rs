//! Finding a text: where the matches are, and walking from one to the next.

use std::ops::Range;

use ropey::Rope;

use crate::document::TextChange;

use super::selection::{Selection, shift_left};
use super::{Model, grapheme};

/// Matches that are counted at most; more are shown as `1000+`.
pub const COUNT_MAX: usize = 1_000;

/// Characters that a search backwards looks at together.
const BLOCK_CHARS: usize = 1 << 14;

/// What is searched for.
#[derive(Clone, Debug, Default)]
pub struct Find {
    /// The text; empty when nothing was searched for yet.
    pub needle: String,
    /// Whether matches are lit: while the prompt is open.
    pub is_lit: bool,
    /// Where the caret was when the search began; Esc returns there.
    pub origin: Selection,
    /// How many matches there are, up to `COUNT_MAX`.
    pub n: usize,
    /// Whether the needle was put there and not typed: typing then begins anew.
    pub is_prefilled: bool,
}

impl Find {
    /// A character is typed into the needle.
    pub(crate) fn begin_typing(&mut self) {
        if std::mem::take(&mut self.is_prefilled) {
            self.needle.clear();
        }
    }

    /// Moves the place to return to through others' edits.
    pub(crate) fn shift(&mut self, change: &TextChange) {
        let at = shift_left(self.origin.head, change);
        self.origin = Selection::caret(at);
    }
}

/// Searches a text for a needle. Without an upper-case letter in it, case is ignored.
pub enum Matcher {
    /// The needle is ASCII: its bytes are compared where its rarest one is.
    Ascii(Ascii),
    /// Character by character.
    Chars(Chars),
}

impl Matcher {
    /// Prepares a search; `None` for an empty needle.
    pub fn new(needle: &str) -> Option<Matcher> {
        let folds = !needle.chars().any(char::is_uppercase);
        match needle {
            "" => None,
            needle if needle.is_ascii() => Some(Matcher::Ascii(Ascii::new(needle, folds))),
            needle => Some(Matcher::Chars(Chars::new(needle, folds))),
        }
    }

    /// Returns the matches in `range` of the rope, in order and without overlap.
    pub fn matches<'a>(
        &'a self,
        rope: &'a Rope,
        range: Range<usize>,
    ) -> Box<dyn Iterator<Item = Range<usize>> + 'a> {
        match self {
            Matcher::Ascii(ascii) => Box::new(ascii.matches(rope, range)),
            Matcher::Chars(chars) => Box::new(chars.matches(rope, range)),
        }
    }
}

/// Letters and blanks from the most to the least frequent in prose and source text. What is not here is rarer still.
const FREQUENT: &[u8] = b" etaoinsrhldcumfpgwybv\n_;,.()k=xj-qz0\t\"1{}/";

/// A needle of ASCII bytes.
pub struct Ascii {
    needle: Vec<u8>,
    folds: bool,
    /// Which byte of the needle is looked for first.
    rare: usize,
}

impl Ascii {
    fn new(needle: &str, folds: bool) -> Ascii {
        let needle = needle.as_bytes().to_vec();
        let rank = |byte: u8| {
            FREQUENT.iter().position(|&other| other == byte.to_ascii_lowercase()).unwrap_or(FREQUENT.len())
        };
        let rare = (0..needle.len()).max_by_key(|&i| rank(needle[i])).unwrap_or(0);
        Ascii { needle, folds, rare }
    }

    fn matches<'a>(&'a self, rope: &'a Rope, range: Range<usize>) -> impl Iterator<Item = Range<usize>> + 'a {
        let mut at = rope.char_to_byte(range.start);
        let end = rope.char_to_byte(range.end);
        let n = self.needle.len();
        std::iter::from_fn(move || {
            let start = self.next(rope, at..end)?;
            at = start + n;
            let first = rope.byte_to_char(start);
            Some(first..first + n)
        })
    }

    /// Returns where the first match in a range of bytes starts.
    fn next(&self, rope: &Rope, range: Range<usize>) -> Option<usize> {
        let byte = self.needle[self.rare];
        let other = if self.folds { byte.to_ascii_uppercase() } else { byte };
        let mut at = range.start + self.rare;
        while at < range.end {
            let (chunk, chunk_start, ..) = rope.chunk_at_byte(at);
            let chunk = chunk.as_bytes();
            let Some(found) = memchr::memchr2(byte, other, &chunk[at - chunk_start..]) else {
                at = chunk_start + chunk.len();
                continue;
            };
            let start = at + found - self.rare;
            if range.end < start + self.needle.len() {
                return None;
            }
            let is_match = match start
                .checked_sub(chunk_start)
                .and_then(|from| chunk.get(from..from + self.needle.len()))
            {
                Some(bytes) => self.is(bytes.iter().copied()),
                // It reaches over the end of a chunk.
                None => self.is(rope.bytes_at(start).take(self.needle.len())),
            };
            if is_match {
                return Some(start);
            }
            at += found + 1;
        }
        None
    }

    fn is(&self, bytes: impl Iterator<Item = u8>) -> bool {
        let fold = |byte: u8| if self.folds { byte.to_ascii_lowercase() } else { byte };
        bytes.map(fold).eq(self.needle.iter().copied())
    }
}

/// A needle of any characters (Knuth, Morris, Pratt).
pub struct Chars {
    needle: Vec<char>,
    fail: Vec<usize>,
    folds: bool,
}

impl Chars {
    fn new(needle: &str, folds: bool) -> Chars {
        let needle: Vec<char> = needle.chars().map(|c| if folds { fold(c) } else { c }).collect();
        let mut fail = vec![0; needle.len()];
        let mut k = 0;
        for i in 1..needle.len() {
            while 0 < k && needle[i] != needle[k] {
                k = fail[k - 1];
            }
            k += usize::from(needle[i] == needle[k]);
            fail[i] = k;
        }
        Chars { needle, fail, folds }
    }

    fn matches<'a>(&'a self, rope: &'a Rope, range: Range<usize>) -> impl Iterator<Item = Range<usize>> + 'a {
        let mut state = 0;
        let chars = rope.slice(range.clone()).chars();
        let n = self.needle.len();
        chars.enumerate().filter_map(move |(i, c)| {
            let c = if self.folds { fold(c) } else { c };
            while 0 < state && self.needle[state] != c {
                state = self.fail[state - 1];
            }
            state += usize::from(self.needle[state] == c);
            if state < n {
                return None;
            }
            state = 0;
            let end = range.start + i + 1;
            Some(end - n..end)
        })
    }
}

fn fold(c: char) -> char {
    if c.is_ascii() { c.to_ascii_lowercase() } else { c.to_lowercase().next().unwrap_or(c) }
}

impl Model {
    /// Opens the search; the selection, when it is within a line, is what to search for.
    pub(crate) fn start_find(&mut self) {
        self.find.origin = self.selection;
        self.find.is_lit = true;
        let selected = self.rope().slice(self.selection.range());
        if (1..=200).contains(&selected.len_chars()) && !selected.chars().any(|c| c == '\n') {
            self.find.needle = selected.to_string();
        } else {
            self.find.needle.clear();
        }
        self.find.is_prefilled = !self.find.needle.is_empty();
        self.count();
    }

    /// Works a changed needle in: the first match from where the search began.
    pub(crate) fn find_from_origin(&mut self) {
        self.count();
        let from = self.find.origin.range().start;
        match self.next_match(from) {
            Some(found) => self.select_match(found),
            None => self.selection = self.find.origin,
        }
    }

    /// Goes to the next or the previous match, around the ends of the text. Returns whether there is one.
    pub(crate) fn find_step(&mut self, forward: bool) -> bool {
        let range = self.selection.range();
        let found = if forward {
            let from = if range.is_empty() { range.start } else { range.start + 1 };
            self.next_match(from.min(self.document.len_chars()))
        } else {
            self.previous_match(range.start)
        };
        if let Some(found) = found.clone() {
            self.select_match(found);
        }
        found.is_some()
    }

    fn select_match(&mut self, found: Range<usize>) {
        self.selection = Selection { anchor: found.start, head: found.end, goal: None };
        self.end_run();
        self.center();
    }

    fn next_match(&self, from: usize) -> Option<Range<usize>> {
        let rope = self.rope();
        let matcher = Matcher::new(&self.find.needle)?;
        let after = matcher.matches(rope, from..rope.len_chars()).next();
        after.or_else(|| matcher.matches(rope, 0..rope.len_chars()).next())
    }

    fn previous_match(&self, before: usize) -> Option<Range<usize>> {
        let rope = self.rope();
        let matcher = Matcher::new(&self.find.needle)?;
        let n = self.find.needle.chars().count();
        last_match(&matcher, rope, n, 0..before)
            .or_else(|| last_match(&matcher, rope, n, 0..rope.len_chars()))
    }

    fn count(&mut self) {
        let matcher = Matcher::new(&self.find.needle);
        let rope = self.document.rope();
        self.find.n = matcher.map_or(0, |m| m.matches(rope, 0..rope.len_chars()).take(COUNT_MAX).count());
    }

    /// Returns the matches that touch `range`, to be lit.
    pub(crate) fn lit_matches(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let Some(matcher) = Matcher::new(&self.find.needle).filter(|_| self.find.is_lit) else {
            return Vec::new();
        };
        let rope = self.rope();
        let n = self.find.needle.chars().count();
        let start = grapheme::floor(rope, range.start.saturating_sub(n));
        matcher.matches(rope, start..(range.end + n).min(rope.len_chars())).collect()
    }
}

/// Returns the last match in a range, for a needle of `n` characters, from the range's end block by block.
fn last_match(matcher: &Matcher, rope: &Rope, n: usize, range: Range<usize>) -> Option<Range<usize>> {
    let mut end = range.end;
    while range.start < end {
        let start = end.saturating_sub(BLOCK_CHARS).max(range.start);
        let found = matcher.matches(rope, start..(end + n - 1).min(range.end)).last();
        if found.is_some() {
            return found;
        }
        end = start;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, needle: &str, starts: &[usize]) {
        let rope = Rope::from_str(text);
        let matcher = Matcher::new(needle).unwrap();
        let found: Vec<usize> = matcher.matches(&rope, 0..rope.len_chars()).map(|m| m.start).collect();
        assert_eq!(found, starts, "{needle:?} in {text:?}");
    }

    #[test]
    fn case_counts_only_when_the_needle_has_an_upper_case_letter() {
        check("Foo foo FOO", "foo", &[0, 4, 8]);
        check("Foo foo FOO", "Foo", &[0]);
        check("ÄÖ äö", "äö", &[0, 3]);
    }

    #[test]
    fn both_ways_of_searching_find_the_same_in_texts_of_many_chunks() {
        let mut rng = crate::base::rng::Rng::new(5);
        for _ in 0..300 {
            let letter = |rng: &mut crate::base::rng::Rng| ["a", "b", "A", "é", "\n"][rng.below(5) as usize];
            let text: String = (0..rng.below(6_000)).map(|_| letter(&mut rng)).collect();
            let needle: String =
                (0..1 + rng.below(5)).map(|_| ["a", "b", "A"][rng.below(3) as usize]).collect();
            let rope = Rope::from_str(&text);
            let folds = !needle.chars().any(char::is_uppercase);
            let from = rng.below(rope.len_chars() as u64 + 1) as usize;
            let ascii: Vec<_> = Ascii::new(&needle, folds).matches(&rope, from..rope.len_chars()).collect();
            let chars: Vec<_> = Chars::new(&needle, folds).matches(&rope, from..rope.len_chars()).collect();
            assert_eq!(ascii, chars, "{needle:?} from {from} in {text:?}");
        }
    }

    #[test]
    fn searching_backwards_finds_the_last_match_across_blocks() {
        let text = format!("{}needle{}", "x".repeat(BLOCK_CHARS), "x".repeat(BLOCK_CHARS - 3));
        let rope = Rope::from_str(&text);
        let matcher = Matcher::new("needle").unwrap();
        let found = last_match(&matcher, &rope, 6, 0..rope.len_chars());
        assert_eq!(found, Some(BLOCK_CHARS..BLOCK_CHARS + 6));
        assert_eq!(last_match(&matcher, &rope, 6, 0..BLOCK_CHARS + 5), None);
    }

    #[test]
    fn partial_matches_fall_back() {
        check("aabaabaaab", "aabaaa", &[3]);
        check("aaaa", "aa", &[0, 2]);
        check("a\nb", "a\nb", &[0]);
    }
}
