//! Searching a rope for a text or a regular expression.

mod literal;

use std::ops::Range;

use regex_cursor::engines::meta::Regex;
use regex_cursor::regex_automata::util::captures::Captures;
use regex_cursor::regex_automata::util::{interpolate, syntax};
use regex_cursor::{Input, RopeyCursor};
use ropey::Rope;

use self::literal::Bytes;
use super::grapheme::{Class, class_of};

/// Characters that a search backwards looks at together.
const BLOCK_CHARS: usize = 1 << 14;

/// Characters that are searched at a time in a large text, about a millisecond's work.
const PIECE_CHARS: usize = 8 << 20;

/// The same for what is slower than comparing bytes.
const SLOW_PIECE_CHARS: usize = 1 << 19;

/// Characters that a match of a regular expression may have beyond the block in which it starts, backwards and in pieces.
const REGEX_MATCH_CHARS_MAX: usize = 10_000;

/// Bytes that a compiled regular expression may take: what is larger takes too long to compile.
const REGEX_BYTES_MAX: usize = 4 << 20;

/// How a text is searched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether case counts. Otherwise it counts only if the needle has an upper-case letter.
    pub is_exact: bool,
    /// Whether a match must be a whole word.
    pub is_word: bool,
    /// Whether the needle is a regular expression.
    pub is_regex: bool,
}

/// Searches a text for a needle.
#[derive(Clone, Debug)]
pub struct Matcher {
    kind: Kind,
    /// Whether matches beside a letter or a digit are left out.
    is_word: bool,
    /// Characters that a match can have at most, as far as searching backwards and in pieces goes.
    n_chars_max: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Byte by byte.
    Bytes(Bytes),
    /// A text with letters beyond ASCII that fold, as a regular expression.
    Folded(Box<Regex>),
    /// A regular expression, in time linear in the text.
    Regex(Box<Regex>),
}

impl Matcher {
    /// Prepares a search; `None` for an empty needle.
    ///
    /// # Errors
    /// In one sentence, if the needle is to be a regular expression and is none.
    pub fn new(needle: &str, options: Options) -> Result<Option<Matcher>, String> {
        let folds = !options.is_exact && !needle.chars().any(char::is_uppercase);
        if needle.is_empty() {
            return Ok(None);
        }
        if options.is_regex {
            let kind = Kind::Regex(Box::new(compiled(needle, folds, options.is_word)?));
            return Ok(Some(Matcher { kind, is_word: false, n_chars_max: REGEX_MATCH_CHARS_MAX }));
        }
        let kind = match Bytes::new(needle, folds) {
            Some(bytes) => Kind::Bytes(bytes),
            None => Kind::Folded(Box::new(compiled(&escaped(needle), true, false)?)),
        };
        Ok(Some(Matcher { kind, is_word: options.is_word, n_chars_max: needle.chars().count() }))
    }

    /// Returns the matches in `range` of the rope, in characters, in order and without overlap.
    pub fn matches<'a>(
        &'a self,
        rope: &'a Rope,
        range: Range<usize>,
    ) -> Box<dyn Iterator<Item = Range<usize>> + 'a> {
        let found: Box<dyn Iterator<Item = Range<usize>>> = match &self.kind {
            Kind::Bytes(bytes) => Box::new(bytes.matches(rope, range)),
            Kind::Folded(regex) | Kind::Regex(regex) => {
                let found = regex.find_iter(input(rope, range));
                Box::new(found.map(|found| rope.byte_to_char(found.start())..rope.byte_to_char(found.end())))
            }
        };
        match self.is_word {
            true => Box::new(found.filter(|found| is_word(rope, found))),
            false => found,
        }
    }

    /// Returns how many characters are to be searched at a time, so that whoever waits for a piece does not notice.
    pub fn piece_chars(&self) -> usize {
        match self.kind {
            Kind::Bytes(_) => PIECE_CHARS,
            Kind::Folded(_) | Kind::Regex(_) => SLOW_PIECE_CHARS,
        }
    }

    /// Returns the matches that start in `piece`, and end before `end`. Beyond the piece, those of a regular expression
    /// of more than 10,000 characters are missed.
    pub fn matches_in_piece<'a>(
        &'a self,
        rope: &'a Rope,
        piece: Range<usize>,
        end: usize,
    ) -> impl Iterator<Item = Range<usize>> + 'a {
        let searched = piece.start..(piece.end + self.n_chars_max - 1).min(end);
        let is_last = piece.end == end;
        self.matches(rope, searched).take_while(move |found| found.start < piece.end || is_last)
    }

    /// Returns the first of those, whole if it begins with one that is longer.
    pub fn first_in_piece(&self, rope: &Rope, piece: Range<usize>, end: usize) -> Option<Range<usize>> {
        let found = self.matches_in_piece(rope, piece.clone(), end).next()?;
        match &self.kind {
            Kind::Regex(_) if piece.end < found.end => self.matches(rope, found.start..end).next(),
            _ => Some(found),
        }
    }

    /// Returns the last match in a range, searching from its end block by block. A match of a regular expression of
    /// more than 10,000 characters may be missed.
    pub fn last_match(&self, rope: &Rope, range: Range<usize>) -> Option<Range<usize>> {
        let end = range.end;
        self.last_before(rope, range, end)
    }

    /// As `last_match`, of those that start before a place.
    pub fn last_before(&self, rope: &Rope, range: Range<usize>, before: usize) -> Option<Range<usize>> {
        let mut end = before.clamp(range.start, range.end);
        loop {
            let start = end.saturating_sub(BLOCK_CHARS).max(range.start);
            if let Some(last) = self.matches_in_piece(rope, start..end, range.end).last() {
                return Some(last);
            }
            if start == range.start {
                return None;
            }
            end = start;
        }
    }

    /// Returns what a match is replaced by: `with`, in which `$1` and `${name}` stand for groups of a regular
    /// expression, and `$$` for a dollar sign.
    pub fn replacement(&self, rope: &Rope, found: &Range<usize>, with: &str) -> String {
        let Kind::Regex(regex) = &self.kind else { return with.to_owned() };
        let mut groups: Captures = regex.create_captures();
        // What is around the match counts for `^` and `\b`, so it is looked at in its place.
        regex.captures(input(rope, found.start..rope.len_chars()), &mut groups);
        let mut out = String::new();
        let info = regex.group_info().clone();
        interpolate::string(
            with,
            |group, out| {
                if let Some(span) = groups.get_group(group) {
                    rope.byte_slice(span.start..span.end).chunks().for_each(|chunk| out.push_str(chunk));
                }
            },
            |name| info.to_index(regex_cursor::regex_automata::PatternID::ZERO, name),
            &mut out,
        );
        out
    }
}

fn input(rope: &Rope, range: Range<usize>) -> Input<RopeyCursor<'_>> {
    let (start, end) = (rope.char_to_byte(range.start), rope.char_to_byte(range.end));
    Input::new(RopeyCursor::at(rope.slice(..), start)).range(start..end)
}

/// Returns a regular expression for a text as it is.
fn escaped(text: &str) -> String {
    text.chars().map(|c| format!(r"\x{{{:x}}}", u32::from(c))).collect()
}

fn compiled(needle: &str, folds: bool, is_word: bool) -> Result<Regex, String> {
    let syntax = syntax::Config::new().multi_line(true).case_insensitive(folds);
    let limits = Regex::config().nfa_size_limit(Some(REGEX_BYTES_MAX));
    let needle = if is_word { format!(r"\b(?:{needle})\b") } else { needle.to_owned() };
    Regex::builder().syntax(syntax).configure(limits).build(&needle).map_err(|error| {
        if error.size_limit().is_some() {
            return "this regular expression is too large; repeat less".to_owned();
        }
        let why = error.syntax_error().map_or_else(|| error.to_string(), |error| error.to_string());
        // The parser draws where the mistake is; its last line says what it is.
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("no regular expression: {why}")
    })
}

/// Whether a match neither begins nor ends within a word.
fn is_word(rope: &Rope, found: &Range<usize>) -> bool {
    let is =
        |at: Option<usize>| at.and_then(|at| rope.get_char(at)).is_some_and(|c| class_of(c) == Class::Word);
    let splits = |before: Option<usize>, after: usize| is(before) && is(Some(after));
    !splits(found.start.checked_sub(1), found.start) && !splits(found.end.checked_sub(1), found.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Options = Options { is_exact: false, is_word: false, is_regex: false };

    fn matcher(needle: &str, options: Options) -> Matcher {
        Matcher::new(needle, options).unwrap().unwrap()
    }

    #[track_caller]
    fn check_with(text: &str, needle: &str, options: Options, starts: &[usize]) {
        let rope = Rope::from_str(text);
        let matcher = matcher(needle, options);
        let found: Vec<usize> = matcher.matches(&rope, 0..rope.len_chars()).map(|m| m.start).collect();
        assert_eq!(found, starts, "{needle:?} in {text:?}");
    }

    #[track_caller]
    fn check(text: &str, needle: &str, starts: &[usize]) {
        check_with(text, needle, PLAIN, starts);
    }

    #[test]
    fn case_counts_only_when_the_needle_has_an_upper_case_letter() {
        check("Foo foo FOO", "foo", &[0, 4, 8]);
        check("Foo foo FOO", "Foo", &[0]);
        check("ÄÖ äö", "äö", &[0, 3]);
        check("Ä.+ ä.+ ä+", "ä.+", &[0, 4]);
        check("a ΣÉ ςé Σe", "σé", &[2, 5]);
        check_with("Foo foo FOO", "foo", Options { is_exact: true, ..PLAIN }, &[4]);
    }

    #[test]
    fn whole_words_have_no_letter_beside_them() {
        let word = Options { is_word: true, ..PLAIN };
        check_with("foo food afoo foo_ (foo)", "foo", word, &[0, 20]);
        check_with("été étés", "été", word, &[0]);
        check_with("a.b ab", r"a.?b", Options { is_regex: true, ..word }, &[0, 4]);
        check_with("f(x)", "(", word, &[1]);
    }

    #[test]
    fn regular_expressions_see_lines_and_what_is_around_them() {
        let regex = Options { is_regex: true, ..PLAIN };
        check_with("ab\nab", "^a", regex, &[0, 3]);
        check_with("a1 é22", r"\d+$", regex, &[4]);
        check_with("A b", "a", regex, &[0]);
        let rope = Rope::from_str("xab");
        let found = matcher(r"\bab", regex).matches(&rope, 1..3).count();
        assert_eq!(found, 0, "the x before the range counts");
        let error = Matcher::new("a(", regex).unwrap_err();
        assert_eq!(error, "no regular expression: unclosed group");
        let error = Matcher::new("(a{1000}){1000}", regex).unwrap_err();
        assert!(error.contains("too large"), "{error}");
    }

    #[test]
    fn groups_stand_in_replacements() {
        let rope = Rope::from_str("key = value");
        let matcher = matcher(r"(?<k>\w+) = (\w+)", Options { is_regex: true, ..PLAIN });
        let found = matcher.matches(&rope, 0..11).next().unwrap();
        assert_eq!(matcher.replacement(&rope, &found, "$2: ${k}$$"), "value: key$");
        let plain = self::matcher("key", PLAIN);
        assert_eq!(plain.replacement(&rope, &(0..3), "$1"), "$1");
    }

    #[test]
    fn both_ways_of_searching_find_the_same_in_texts_of_many_chunks() {
        let mut rng = crate::base::rng::Rng::new(5);
        for _ in 0..300 {
            let letter = |rng: &mut crate::base::rng::Rng| ["a", "b", "A", "é", "\n"][rng.below(5) as usize];
            let text: String = (0..rng.below(6_000)).map(|_| letter(&mut rng)).collect();
            let needle: String = match rng.below(4) {
                // One that is there, and reaches over chunks.
                0 => text.chars().skip(rng.below(900) as usize).take(1 + rng.below(2_500) as usize).collect(),
                _ => (0..1 + rng.below(5)).map(|_| ["a", "b", "A"][rng.below(3) as usize]).collect(),
            };
            let rope = Rope::from_str(&text);
            let folds = !needle.chars().any(char::is_uppercase);
            let from = rng.below(rope.len_chars() as u64 + 1) as usize;
            let range = from..rope.len_chars();
            let Some(bytes) = Bytes::new(&needle, folds).filter(|_| !needle.is_empty()) else { continue };
            let bytes: Vec<_> = bytes.matches(&rope, range.clone()).collect();
            let regex = matcher(&needle, Options { is_regex: true, ..PLAIN });
            assert_eq!(bytes, regex.matches(&rope, range).collect::<Vec<_>>(), "{needle:?} from {from}");
        }
    }

    #[test]
    fn partial_matches_fall_back() {
        check("aabaabaaab", "aabaaa", &[3]);
        check("aaaa", "aa", &[0, 2]);
        check("a\nb", "a\nb", &[0]);
    }

    #[test]
    fn searching_backwards_finds_the_last_match_across_blocks() {
        let text = format!("{}needle{}", "x".repeat(BLOCK_CHARS), "x".repeat(BLOCK_CHARS - 3));
        let rope = Rope::from_str(&text);
        for options in [PLAIN, Options { is_regex: true, ..PLAIN }] {
            let matcher = matcher("needle", options);
            assert_eq!(matcher.last_match(&rope, 0..rope.len_chars()), Some(BLOCK_CHARS..BLOCK_CHARS + 6));
            assert_eq!(matcher.last_match(&rope, 0..BLOCK_CHARS + 5), None);
            assert_eq!(matcher.last_match(&rope, 0..0), None);
        }
    }
}
