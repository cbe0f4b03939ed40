//! Display columns of a line: where a character stands, and which character stands there.
//!
//! A line of more than `LONG_LINE_CHARS` characters is not measured: there one character counts as one cell,
//! so that no key press ever walks a line of megabytes. Drawing and the cursor stay exact relative to the
//! first visible character.

use ropey::Rope;

use super::glyph::{TabWidth, glyph};
use super::grapheme::clusters;

/// Characters up to which a line's columns are measured exactly.
pub const LONG_LINE_CHARS: usize = 10_000;

/// Returns the position right after the last character of a line, before its line feed.
pub fn line_end(rope: &Rope, line: usize) -> usize {
    let end = if line + 1 < rope.len_lines() { rope.line_to_char(line + 1) } else { rope.len_chars() };
    let start = rope.line_to_char(line);
    end - usize::from(start < end && rope.char(end - 1) == '\n')
}

/// Returns whether a line is too long to be measured.
pub fn is_long(rope: &Rope, line: usize) -> bool {
    LONG_LINE_CHARS < line_end(rope, line) - rope.line_to_char(line)
}

/// Returns whether one of some lines is too long to be measured.
pub fn any_long(rope: &Rope, lines: std::ops::Range<usize>) -> bool {
    // As a whole they are short most often.
    LONG_LINE_CHARS < rope.line_to_char(lines.end) - rope.line_to_char(lines.start)
        && lines.into_iter().any(|line| is_long(rope, line))
}

/// Returns how many cells lie between the start of the line and `at`.
pub fn column_of(rope: &Rope, at: usize, tab: TabWidth) -> usize {
    let line = rope.char_to_line(at);
    let start = rope.line_to_char(line);
    if is_long(rope, line) {
        return at - start;
    }
    cells_between(rope, start, at, tab)
}

/// Returns the position whose cell covers `column` of a line, or the line's end when the line is shorter.
pub fn at_column(rope: &Rope, line: usize, column: usize, tab: TabWidth) -> usize {
    let (start, end) = (rope.line_to_char(line), line_end(rope, line));
    if is_long(rope, line) {
        return super::grapheme::floor(rope, (start + column).min(end));
    }
    at_cell(rope, start, end, column, tab)
}

/// Returns the position in `start..=end` whose cell covers the `cell`-th after `start`.
pub fn at_cell(rope: &Rope, start: usize, end: usize, cell: usize, tab: TabWidth) -> usize {
    // A cluster is at least one cell wide but may have many characters; lines are bounded by the callers.
    let text = rope.slice(start..end.min(start + LONG_LINE_CHARS)).to_string();
    let (mut at, mut cells) = (start, 0);
    for cluster in clusters(&text) {
        cells += glyph(cluster, cells, tab).cells;
        if cell < cells {
            break;
        }
        at += cluster.chars().count();
    }
    at
}

/// Returns how many cells the text of `start..end` takes when `start` is at a tab stop.
pub fn cells_between(rope: &Rope, start: usize, end: usize, tab: TabWidth) -> usize {
    let slice = rope.slice(start..end);
    if let Some(text) = slice.as_str()
        && text.bytes().all(|b| matches!(b, b' '..=b'~'))
    {
        return text.len();
    }
    clusters(&slice.to_string()).fold(0, |cells, cluster| cells + glyph(cluster, cells, tab).cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_cells() {
        let rope = Rope::from_str("a\t漢e\u{301}\u{1b}x\nend");
        let tab = TabWidth::default();
        let columns = |tab| [0, 1, 2, 3, 5, 6, 7].map(|at| column_of(&rope, at, tab));
        assert_eq!(columns(tab), [0, 1, 4, 6, 7, 9, 10]);
        assert_eq!(columns(TabWidth::new(8)), [0, 1, 8, 10, 11, 13, 14]);
        let found = [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 99].map(|c| at_column(&rope, 0, c, tab));
        assert_eq!(found, [0, 1, 1, 2, 2, 3, 5, 5, 6, 7, 7]);
        assert_eq!([7, 8, 10].map(|c| at_column(&rope, 0, c, TabWidth::new(8))), [1, 2, 3]);
        assert_eq!(at_column(&rope, 1, 99, tab), 11);
    }

    #[test]
    fn a_long_line_counts_characters() {
        let rope = Rope::from_str(&"漢".repeat(LONG_LINE_CHARS + 1));
        let tab = TabWidth::default();
        assert_eq!(column_of(&rope, 9_000, tab), 9_000);
        assert_eq!(at_column(&rope, 0, 9_000, tab), 9_000);
    }
}
