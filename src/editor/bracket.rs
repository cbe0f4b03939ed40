//! Brackets and their counterparts.

use ropey::Rope;

/// Characters that are looked at for a counterpart.
const SCAN_CHARS_MAX: usize = 1_000_000;

const PAIRS: [(char, char); 3] = [('(', ')'), ('[', ']'), ('{', '}')];

/// Returns where the counterpart is of the bracket at `at`, or of the one before it. O(distance), at most a million
/// characters.
pub fn counterpart(rope: &Rope, at: usize) -> Option<usize> {
    let places = [Some(at), at.checked_sub(1)];
    places.into_iter().flatten().find_map(|at| of(rope, at))
}

/// Returns the counterpart of the bracket at exactly this place.
pub fn of(rope: &Rope, at: usize) -> Option<usize> {
    of_like(rope, at, SCAN_CHARS_MAX, |_| true)
}

/// As `of`, within `n_max` characters and among the brackets whose place `counts`.
pub(super) fn of_like(rope: &Rope, at: usize, n_max: usize, counts: impl Fn(usize) -> bool) -> Option<usize> {
    let bracket = rope.get_char(at)?;
    let &(open, close) = PAIRS.iter().find(|(open, close)| bracket == *open || bracket == *close)?;
    if bracket == open {
        unmatched(after(rope, at + 1).take(n_max), close, open, counts)
    } else {
        unmatched(before(rope, at).take(n_max), open, close, counts)
    }
}

/// Returns where what is open at `from` closes.
pub fn closing(rope: &Rope, from: usize, open: char, close: char) -> Option<usize> {
    unmatched(after(rope, from).take(SCAN_CHARS_MAX), close, open, |_| true)
}

/// Returns where what is open right before `from` was opened.
pub fn opening(rope: &Rope, from: usize, open: char, close: char) -> Option<usize> {
    unmatched(before(rope, from).take(SCAN_CHARS_MAX), open, close, |_| true)
}

/// Returns where the bracket was opened that `close`, typed at `at`, would close.
pub fn opener(rope: &Rope, at: usize, close: char) -> Option<usize> {
    let &(open, close) = PAIRS.iter().find(|(_, other)| *other == close)?;
    opening(rope, at, open, close)
}

fn after(rope: &Rope, from: usize) -> impl Iterator<Item = (usize, char)> + '_ {
    (from..).zip(rope.chars_at(from))
}

fn before(rope: &Rope, from: usize) -> impl Iterator<Item = (usize, char)> + '_ {
    (0..from).rev().zip(rope.chars_at(from).reversed())
}

/// Returns the first place of `wanted` that no `other` before it takes.
fn unmatched(
    places: impl Iterator<Item = (usize, char)>,
    wanted: char,
    other: char,
    counts: impl Fn(usize) -> bool,
) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in places {
        if (c != wanted && c != other) || !counts(at) {
            continue;
        }
        match c {
            c if c == wanted && depth == 0 => return Some(at),
            c if c == wanted => depth -= 1,
            _ => depth += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counterparts_are_found_from_both_sides_and_from_behind() {
        let rope = Rope::from_str("f(a[0], (b)) }");
        assert_eq!(counterpart(&rope, 1), Some(11));
        assert_eq!(counterpart(&rope, 11), Some(1));
        assert_eq!(counterpart(&rope, 12), Some(1));
        assert_eq!(counterpart(&rope, 3), Some(5));
        assert_eq!(counterpart(&rope, 0), None);
        assert_eq!(counterpart(&rope, 13), None);
    }
}
