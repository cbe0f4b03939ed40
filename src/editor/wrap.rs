//! Lines on several rows of the screen: where a line is cut, and which row a position is on.
//!
//! A line is cut after a blank where there is one, else between any two clusters; blanks at the end of a row hang over. The rows
//! after the first are indented as the line is. A line that is too long to be measured has one row, as all lines have while
//! nothing is wrapped.

use std::ops::Range;

use ropey::Rope;

use super::Model;
use super::column::{is_long, line_end};
use super::glyph::{TabWidth, glyph};
use super::grapheme::clusters;

/// One row of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its characters, without the line feed.
    pub chars: Range<usize>,
    /// The column in the line of its first character.
    pub column: usize,
    /// Blank cells before that.
    pub indent: usize,
}

/// A row of the text: a line, and which of its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 0.
    pub line: usize,
    /// The row within it, from 0.
    pub row: usize,
}

/// Returns the rows of a line on a screen with so many columns of text; one at least. O(line).
pub fn rows(rope: &Rope, line: usize, columns: usize, tab: TabWidth) -> Vec<Row> {
    let (start, end) = (rope.line_to_char(line), line_end(rope, line));
    let whole = Row { chars: start..end, column: 0, indent: 0 };
    // No character takes more cells than the widest tab.
    if end - start <= columns / usize::from(TabWidth::MAX) || is_long(rope, line) || columns < 2 {
        return vec![whole];
    }
    let text = rope.slice(start..end).to_string();
    let mut rows = vec![whole];
    let (mut at, mut column, mut indent) = (start, 0, None);
    // Where the row may be cut: behind its last blank.
    let mut cut: Option<(usize, usize)> = None;
    for cluster in clusters(&text) {
        let is_blank = matches!(cluster, " " | "\t");
        let cells = glyph(cluster, column, tab).cells;
        if !is_blank && indent.is_none() {
            indent = Some(column.min(columns / 2));
        }
        let last = rows.len() - 1;
        let row = &mut rows[last];
        if !is_blank && columns < row.indent + column + cells - row.column && row.chars.start < at {
            let (from, from_column) = cut.filter(|cut| row.chars.start < cut.0).unwrap_or((at, column));
            row.chars.end = from;
            rows.push(Row { chars: from..end, column: from_column, indent: indent.unwrap_or(0) });
            cut = None;
        }
        column += cells;
        at += cluster.chars().count();
        if is_blank && indent.is_some() {
            cut = Some((at, column));
        }
    }
    rows
}

impl Row {
    /// Returns the position that is drawn at a cell of the row; its last one when the row is shorter. `goes_on` is whether the line
    /// has more rows, the first character of which is not this row's.
    fn position_at(&self, rope: &Rope, x: usize, goes_on: bool, tab: TabWidth) -> usize {
        let text = rope.slice(self.chars.clone()).to_string();
        let (mut at, mut column) = (self.chars.start, self.column);
        let mut last = at;
        for cluster in clusters(&text) {
            column += glyph(cluster, column, tab).cells;
            if x < self.indent + column - self.column {
                return at;
            }
            last = at;
            at += cluster.chars().count();
        }
        if goes_on { last } else { at }
    }

    /// Returns how many cells of the row are before a position in it.
    pub fn cells_before(&self, rope: &Rope, at: usize, tab: TabWidth) -> usize {
        let text = rope.slice(self.chars.start..at.clamp(self.chars.start, self.chars.end)).to_string();
        let column =
            clusters(&text).fold(self.column, |column, cluster| column + glyph(cluster, column, tab).cells);
        self.indent + column - self.column
    }
}

impl Model {
    /// Returns whether long lines go on in the next row.
    pub fn is_wrapped(&self) -> bool {
        self.chosen.wrap.unwrap_or(self.settings.wrap)
    }

    /// Returns the rows of a line on this screen.
    pub fn rows_of(&self, line: usize) -> Vec<Row> {
        let columns = if self.is_wrapped() { usize::from(self.layout().text_columns) } else { 0 };
        rows(self.rope(), line, columns, self.tab_width)
    }

    /// Returns the row on which a position is.
    pub(crate) fn place_of(&self, at: usize) -> (Place, Row) {
        let line = self.rope().char_to_line(at);
        let mut rows = self.rows_of(line);
        let row = rows.iter().rposition(|row| row.chars.start <= at).unwrap_or(0);
        (Place { line, row }, rows.swap_remove(row))
    }

    /// Returns the first row that is shown.
    pub fn top(&self) -> Place {
        let line = self.scroll.top.min(self.rope().len_lines() - 1);
        let row = if self.scroll.row == 0 { 0 } else { self.scroll.row.min(self.rows_of(line).len() - 1) };
        Place { line, row }
    }

    pub(crate) fn set_top(&mut self, top: Place) {
        (self.scroll.top, self.scroll.row) = (top.line, top.row);
    }

    /// Returns the row that is so many rows further down, or up, as far as there are any. O(rows).
    pub(crate) fn row_from(&self, from: Place, by: isize) -> Place {
        let last = self.rope().len_lines() - 1;
        if !self.is_wrapped() {
            return Place { line: from.line.saturating_add_signed(by).min(last), row: 0 };
        }
        let (mut place, mut left) = (from, by.unsigned_abs());
        while 0 < left {
            if by < 0 {
                let n = left.min(place.row);
                (place.row, left) = (place.row - n, left - n);
                if left == 0 || place.line == 0 {
                    break;
                }
                (place.line, left) = (place.line - 1, left - 1);
                place.row = self.rows_of(place.line).len() - 1;
            } else {
                let n = left.min((self.rows_of(place.line).len() - 1).saturating_sub(place.row));
                (place.row, left) = (place.row + n, left - n);
                if left == 0 || place.line == last {
                    break;
                }
                place = Place { line: place.line + 1, row: 0 };
                left -= 1;
            }
        }
        place
    }

    /// Returns how many rows one row is below another; `None` for `n_max` or more, and for one above. O(`n_max`).
    pub fn rows_between(&self, from: Place, to: Place, n_max: usize) -> Option<usize> {
        if to < from || n_max <= to.line - from.line {
            return None;
        }
        let of_lines =
            (from.line..to.line).map(|line| if self.is_wrapped() { self.rows_of(line).len() } else { 1 });
        let n = of_lines.sum::<usize>() + to.row;
        n.checked_sub(from.row).filter(|&n| n < n_max)
    }

    /// Returns the position at a cell of a row of the text.
    pub(crate) fn position_on(&self, place: Place, x: usize) -> usize {
        let rows = self.rows_of(place.line);
        let row = place.row.min(rows.len() - 1);
        rows[row].position_at(self.rope(), x, row + 1 < rows.len(), self.tab_width)
    }

    /// Wraps this text's long lines, or does not; `None` for what the configuration says.
    pub(crate) fn set_wrap(&mut self, is_wrapped: Option<bool>) {
        self.chosen.wrap = is_wrapped;
        (self.scroll.row, self.scroll.left) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a line on a screen of so many columns, drawn.
    #[track_caller]
    fn check(text: &str, columns: usize, wanted: &[&str]) {
        let rope = Rope::from_str(text);
        let found: Vec<String> = rows(&rope, 0, columns, TabWidth::default())
            .into_iter()
            .map(|row| " ".repeat(row.indent) + &rope.slice(row.chars).to_string())
            .collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_line_is_cut_after_a_blank() {
        check("one two three", 8, &["one two ", "three"]);
        check("one two three\nnext", 8, &["one two ", "three"]);
        check("one  two", 4, &["one  ", "two"]);
        check("", 8, &[""]);
        check("short", 40, &["short"]);
    }

    #[test]
    fn what_has_no_blank_is_cut_anywhere() {
        check("abcdefghij", 4, &["abcd", "efgh", "ij"]);
        check("a bcdefghij", 4, &["a ", "bcde", "fghi", "j"]);
        check("漢字漢字", 5, &["漢字", "漢字"]);
        check("e\u{301}e\u{301}e\u{301}", 2, &["e\u{301}e\u{301}", "e\u{301}"]);
    }

    #[test]
    fn further_rows_are_indented_as_the_line_is_up_to_half_of_the_screen() {
        check("  one two three", 8, &["  one ", "  two ", "  three"]);
        check("      one two", 8, &["      on", "    e ", "    two"]);
    }

    #[test]
    fn every_character_is_in_one_row_and_found_where_it_is_drawn() {
        let mut rng = crate::base::rng::Rng::new(11);
        for _ in 0..500 {
            let pick = |rng: &mut crate::base::rng::Rng| {
                ["a", " ", "\t", "漢", "e\u{301}", "\u{1b}"][rng.below(6) as usize]
            };
            let text: String = (0..rng.below(60)).map(|_| pick(&mut rng)).collect();
            let (rope, columns) = (Rope::from_str(&text), 8 + rng.below(20) as usize);
            let tab = TabWidth::new(rng.below(9) as u8);
            let rows = rows(&rope, 0, columns, tab);
            assert_eq!((rows[0].chars.start, rows[rows.len() - 1].chars.end), (0, rope.len_chars()));
            assert!(rows.windows(2).all(|pair| pair[0].chars.end == pair[1].chars.start), "{rows:?}");
            for (n, row) in rows.iter().enumerate() {
                let mut at = row.chars.start;
                for cluster in clusters(&rope.slice(row.chars.clone()).to_string()) {
                    let x = row.cells_before(&rope, at, tab);
                    assert_eq!(row.position_at(&rope, x, n + 1 < rows.len(), tab), at, "{text:?} at {at}");
                    at += cluster.chars().count();
                }
            }
        }
    }
}
