//! Positions in a rope: grapheme clusters and words. All work is bounded around the position, so that a line of
//! any length costs the same.

use ropey::Rope;
use unicode_segmentation::UnicodeSegmentation;

/// Characters looked at around a position to find a cluster's border. No real cluster is longer; a longer run
/// of marks is cut here.
const CLUSTER_CHARS_MAX: usize = 512;

/// Characters that one word motion crosses at most.
const WORD_CHARS_MAX: usize = 10_000;

/// Returns the clusters of a text, in order. One of plain ASCII, as most are, is not searched for them.
pub fn clusters(text: &str) -> impl Iterator<Item = &str> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii() && byte != b'\r');
    let (plain, rest) = if is_plain { (text, "") } else { ("", text) };
    (0..plain.len()).map(|at| &plain[at..=at]).chain(rest.graphemes(true))
}

/// Returns the end of the cluster that starts at `at`; the text's end when there is none.
pub fn next(rope: &Rope, at: usize) -> usize {
    let mut chars = rope.chars_at(at.min(rope.len_chars()));
    let (Some(first), second) = (chars.next(), chars.next()) else { return rope.len_chars() };
    if is_simple(first) && second.is_none_or(is_simple) {
        return at + 1;
    }
    let window: String = rope.chars_at(at).take(CLUSTER_CHARS_MAX).collect();
    at + window.graphemes(true).next().map_or(1, |cluster| cluster.chars().count())
}

/// Returns the start of the cluster that ends at `at`; 0 when there is none.
pub fn prev(rope: &Rope, at: usize) -> usize {
    let at = at.min(rope.len_chars());
    let mut before = rope.chars_at(at);
    let (Some(last), second) = (before.prev(), before.prev()) else { return 0 };
    if is_simple(last) && second.is_none_or(is_simple) {
        return at - 1;
    }
    // Not past the line's start, and from a fixed grid otherwise, so that a row of flags pairs up the same way.
    let line_start = rope.line_to_char(rope.char_to_line(at - 1));
    let start = line_start.max(at.saturating_sub(CLUSTER_CHARS_MAX));
    let window: String = rope.slice(start..at).chars().collect();
    at - window.graphemes(true).next_back().map_or(1, |cluster| cluster.chars().count())
}

/// Returns the nearest cluster border at or before `at`.
pub fn floor(rope: &Rope, at: usize) -> usize {
    let at = at.min(rope.len_chars());
    let mut around = rope.chars_at(at);
    let (Some(before), Some(after)) = (around.prev(), rope.get_char(at)) else { return at };
    if is_simple(before) && is_simple(after) {
        return at;
    }
    let start = rope.line_to_char(rope.char_to_line(at)).max(at.saturating_sub(CLUSTER_CHARS_MAX));
    let window: String = rope.chars_at(start).take(at - start + CLUSTER_CHARS_MAX).collect();
    let mut border = start;
    for cluster in window.graphemes(true) {
        let end = border + cluster.chars().count();
        if at < end {
            return border;
        }
        border = end;
    }
    at
}

/// Returns where Ctrl-Right goes: past the rest of this word and the blanks after it, stopping at line ends.
pub fn next_word(rope: &Rope, at: usize) -> usize {
    let mut end = at;
    let mut chars = rope.chars_at(at).take(WORD_CHARS_MAX).peekable();
    let Some(&first) = chars.peek() else { return at };
    if first == '\n' {
        return at + 1;
    }
    let class = class_of(first);
    while chars.next_if(|&c| class_of(c) == class && c != '\n').is_some() {
        end += 1;
    }
    while chars.next_if(|&c| class_of(c) == Class::Blank && c != '\n').is_some() {
        end += 1;
    }
    floor(rope, end).max(next(rope, at))
}

/// Returns where Ctrl-Left goes: to the start of the word on the left, stopping at line starts.
pub fn prev_word(rope: &Rope, at: usize) -> usize {
    let mut start = at;
    let mut chars = rope.chars_at(at).reversed().take(WORD_CHARS_MAX).peekable();
    let Some(&first) = chars.peek() else { return 0 };
    if first == '\n' {
        return at - 1;
    }
    while chars.next_if(|&c| class_of(c) == Class::Blank && c != '\n').is_some() {
        start -= 1;
    }
    if let Some(class) = chars.peek().map(|&c| class_of(c)).filter(|&class| class != Class::Blank) {
        while chars.next_if(|&c| class_of(c) == class).is_some() {
            start -= 1;
        }
    }
    floor(rope, start).min(prev(rope, at))
}

/// Returns the run of one kind of characters around `at`: what a double click selects.
pub fn word_at(rope: &Rope, at: usize) -> (usize, usize) {
    let after = rope.get_char(at).filter(|&c| c != '\n');
    let before = at.checked_sub(1).and_then(|i| rope.get_char(i)).filter(|&c| c != '\n');
    let class = match (before.map(class_of), after.map(class_of)) {
        (None, None) => return (at, at),
        (Some(class), None) => class,
        // Right behind a word, on a blank, the word is meant.
        (Some(Class::Word), Some(Class::Blank)) => Class::Word,
        (_, Some(class)) => class,
    };
    let same = |c: &char| class_of(*c) == class && *c != '\n';
    let n_after = rope.chars_at(at).take(WORD_CHARS_MAX).take_while(same).count();
    let n_before = rope.chars_at(at).reversed().take(WORD_CHARS_MAX).take_while(same).count();
    (at - n_before, at + n_after)
}

/// The kinds of characters that word motions tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Letters, digits, underscore, marks.
    Word,
    /// Blanks and line ends.
    Blank,
    /// Everything else.
    Punctuation,
}

/// Returns the kind of a character.
pub fn class_of(c: char) -> Class {
    match c {
        _ if c.is_whitespace() => Class::Blank,
        '_' | '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}' => Class::Word,
        _ if c.is_alphanumeric() => Class::Word,
        _ => Class::Punctuation,
    }
}

/// Characters that are a cluster of their own beside any other such character.
fn is_simple(c: char) -> bool {
    matches!(c, '\n' | '\t' | ' '..='~' | '\u{a0}'..='\u{ac}' | '\u{ae}'..='\u{2ff}' | '\u{4e00}'..='\u{9fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILY: &str = "👩‍👩‍👧";

    #[test]
    fn plain_text_has_the_clusters_that_any_text_has() {
        for text in ["", "a b\tc", "a\r\nb", "e\u{301}x", "日本", "\u{7f}\0"] {
            assert!(clusters(text).eq(text.graphemes(true)), "{text:?}");
        }
    }

    #[test]
    fn clusters_are_stepped_over_whole() {
        for cluster in ["a", "漢", "e\u{301}", FAMILY, "🇩🇪", "👍🏽", "각"] {
            let rope = Rope::from_str(&format!("x{cluster}y"));
            let n = cluster.chars().count();
            assert_eq!(next(&rope, 1), 1 + n, "{cluster}");
            assert_eq!(prev(&rope, 1 + n), 1, "{cluster}");
            for inside in 1..=n {
                assert_eq!(floor(&rope, inside), 1, "{cluster} at {inside}");
            }
            assert_eq!(floor(&rope, 1 + n), 1 + n);
        }
    }

    #[test]
    fn flags_pair_up_from_both_sides() {
        let rope = Rope::from_str("🇩🇪🇫🇷🇮🇹");
        assert_eq!([next(&rope, 0), next(&rope, 2), prev(&rope, 6), prev(&rope, 4)], [2, 4, 4, 2]);
    }

    #[test]
    fn ends_stay() {
        let rope = Rope::from_str("ab");
        assert_eq!((prev(&rope, 0), next(&rope, 2), next(&rope, 9)), (0, 2, 2));
    }

    #[test]
    fn words() {
        let rope = Rope::from_str("let foo_1 = bar(é);\n  x");
        let mut at = 0;
        let stops: Vec<usize> = std::iter::from_fn(|| {
            let to = next_word(&rope, at);
            (at < to).then(|| std::mem::replace(&mut at, to)).map(|_| to)
        })
        .collect();
        assert_eq!(stops, [4, 10, 12, 15, 16, 17, 19, 20, 22, 23]);
        assert_eq!(prev_word(&rope, 22), 20);
        assert_eq!(prev_word(&rope, 20), 19);
        assert_eq!(prev_word(&rope, 10), 4);
        assert_eq!(word_at(&rope, 6), (4, 9));
        assert_eq!(word_at(&rope, 9), (4, 9));
        assert_eq!(word_at(&rope, 19), (17, 19));
    }

    #[test]
    fn a_run_of_marks_is_bounded() {
        let rope = Rope::from_str(&("a".to_owned() + &"\u{301}".repeat(100_000)));
        assert_eq!(next(&rope, 0), CLUSTER_CHARS_MAX);
    }
}
