//! Searching a rope for a text or a regular expression.

use std::ops::Range;

use regex_cursor::engines::meta::Regex;
use regex_cursor::regex_automata::util::captures::Captures;
use regex_cursor::regex_automata::util::{interpolate, syntax};
use regex_cursor::{Input, RopeyCursor};
use ropey::Rope;

use super::grapheme::{Class, class_of};

/// Characters that a search backwards looks at together.
const BLOCK_CHARS: usize = 1 << 14;

/// Characters that a match of a regular expression may have beyond the block in which it starts, backwards.
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
    /// Characters that a match can have at most, as far as searching backwards goes.
    n_chars_max: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    /// The needle is ASCII: its bytes are compared where its rarest one is.
    Ascii(Ascii),
    /// Character by character.
    Chars(Chars),
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
        let kind = match needle.is_ascii() {
            true => Kind::Ascii(Ascii::new(needle, folds)),
            false => Kind::Chars(Chars::new(needle, folds)),
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
            Kind::Ascii(ascii) => Box::new(ascii.matches(rope, range)),
            Kind::Chars(chars) => Box::new(chars.matches(rope, range)),
            Kind::Regex(regex) => {
                let found = regex.find_iter(input(rope, range));
                Box::new(found.map(|found| rope.byte_to_char(found.start())..rope.byte_to_char(found.end())))
            }
        };
        match self.is_word {
            true => Box::new(found.filter(|found| is_word(rope, found))),
            false => found,
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
            let searched = start..(end + self.n_chars_max - 1).min(range.end);
            let found =
                self.matches(rope, searched).take_while(|found| found.start < end || end == range.end);
            if let Some(last) = found.last() {
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

/// Letters and blanks from the most to the least frequent in prose and source text. What is not here is rarer still.
const FREQUENT: &[u8] = b" etaoinsrhldcumfpgwybv\n_;,.()k=xj-qz0\t\"1{}/";

/// A needle of ASCII bytes.
#[derive(Clone, Debug)]
struct Ascii {
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
#[derive(Clone, Debug)]
struct Chars {
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
            let needle: String =
                (0..1 + rng.below(5)).map(|_| ["a", "b", "A"][rng.below(3) as usize]).collect();
            let rope = Rope::from_str(&text);
            let folds = !needle.chars().any(char::is_uppercase);
            let from = rng.below(rope.len_chars() as u64 + 1) as usize;
            let range = from..rope.len_chars();
            let ascii: Vec<_> = Ascii::new(&needle, folds).matches(&rope, range.clone()).collect();
            let chars: Vec<_> = Chars::new(&needle, folds).matches(&rope, range.clone()).collect();
            let regex = matcher(&needle, Options { is_regex: true, ..PLAIN });
            assert_eq!(ascii, chars, "{needle:?} from {from} in {text:?}");
            assert_eq!(ascii, regex.matches(&rope, range).collect::<Vec<_>>(), "{needle:?} from {from}");
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
