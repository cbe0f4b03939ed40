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
    let bracket = rope.get_char(at)?;
    let &(open, close) = PAIRS.iter().find(|(open, close)| bracket == *open || bracket == *close)?;
    if bracket == open { closing(rope, at + 1, open, close) } else { opening(rope, at, open, close) }
}

/// Returns where what is open at `from` closes.
pub fn closing(rope: &Rope, from: usize, open: char, close: char) -> Option<usize> {
    let mut depth = 0_usize;
    for (n, c) in rope.chars_at(from).take(SCAN_CHARS_MAX).enumerate() {
        match c {
            c if c == close && depth == 0 => return Some(from + n),
            c if c == close => depth -= 1,
            c if c == open => depth += 1,
            _ => {}
        }
    }
    None
}

/// Returns where what is open right before `from` was opened.
pub fn opening(rope: &Rope, from: usize, open: char, close: char) -> Option<usize> {
    let mut depth = 0_usize;
    for (n, c) in rope.chars_at(from).reversed().take(SCAN_CHARS_MAX).enumerate() {
        match c {
            c if c == open && depth == 0 => return Some(from - n - 1),
            c if c == open => depth -= 1,
            c if c == close => depth += 1,
            _ => {}
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
