//! Which rows and columns of the screen are what.

/// The parts of a screen. A screen too small for a part has none of it; the text keeps a row to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The row of the title, when there is one.
    pub title: Option<u16>,
    /// The first row of the text.
    pub text_top: u16,
    /// The number of rows of text.
    pub text_rows: u16,
    /// The cells left of the text: line numbers and a bar.
    pub gutter: u16,
    /// The number of columns of text.
    pub text_columns: u16,
    /// The column of the bar at the right edge, when there is one.
    pub scrollbar: Option<u16>,
    /// The row of an open prompt.
    pub prompt: Option<u16>,
    /// The row of the status line, when there is one.
    pub status: Option<u16>,
}

impl Layout {
    /// Divides a screen of `columns` by `rows` for a text of `n_lines`.
    pub fn new(columns: u16, rows: u16, n_lines: usize, has_prompt: bool) -> Layout {
        let mut left = rows;
        let mut take = |wanted: bool, keep: u16| {
            let given = wanted && keep < left;
            left -= u16::from(given);
            given
        };
        // The question that waits for an answer matters most, then the state, then the title.
        let has_prompt = take(has_prompt, 0);
        let has_status = take(true, 1);
        let has_title = take(true, 2);
        let text_rows = left;
        let text_top = u16::from(has_title);
        let prompt = has_prompt.then_some(text_top + text_rows);
        let status = has_status.then(|| text_top + text_rows + u16::from(has_prompt));
        let gutter = if columns < 30 { 0 } else { gutter_cells(n_lines) };
        let text_columns = columns.saturating_sub(gutter);
        let title = has_title.then_some(0);
        Layout { title, text_top, text_rows, gutter, text_columns, scrollbar: None, prompt, status }
    }
}

impl Layout {
    /// Gives the last column of a text of more lines than are shown to a bar, unless the screen is too narrow to spare
    /// one.
    pub fn with_scrollbar(self, n_lines: usize) -> Layout {
        if self.gutter == 0 || n_lines <= usize::from(self.text_rows) || self.text_columns < 2 {
            return self;
        }
        let text_columns = self.text_columns - 1;
        Layout { text_columns, scrollbar: Some(self.gutter + text_columns), ..self }
    }

    /// Gives the cells of the line numbers to the text.
    pub fn without_numbers(self) -> Layout {
        Layout { gutter: 0, text_columns: self.text_columns + self.gutter, ..self }
    }
}

/// A blank, the number, a blank, a bar, a blank.
fn gutter_cells(n_lines: usize) -> u16 {
    let n_digits = n_lines.max(1).ilog10() as u16 + 1;
    // Three digits from the start: the text does not jump when the tenth line is typed.
    n_digits.max(3) + 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_never_overlap_and_text_comes_first() {
        for rows in 0..8 {
            for has_prompt in [false, true] {
                let layout = Layout::new(80, rows, 10, has_prompt);
                let parts = [layout.title, layout.prompt, layout.status];
                let n = parts.iter().flatten().count() as u16 + layout.text_rows;
                assert_eq!(n, rows, "{layout:?}");
                assert!(parts.iter().flatten().all(|&row| row < rows));
            }
        }
    }

    #[test]
    fn a_narrow_screen_has_no_gutter() {
        assert_eq!(Layout::new(20, 6, 1000, false).gutter, 0);
        assert_eq!(Layout::new(80, 6, 1000, false).gutter, 8);
    }
}
