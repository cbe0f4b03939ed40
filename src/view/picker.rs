//! A list that is narrowed by typing.

use ratatui::layout::Position;
use unicode_width::UnicodeWidthStr;

use crate::editor::grapheme::clusters;
use crate::editor::picker::{Picker, PickerKind};

use super::screen::Screen;
use super::theme::Theme;
use super::{boxed, line_input, put, safe};

/// Where the cursor may be: behind what is typed, or at the chosen row.
pub struct Places {
    /// Behind what is typed.
    pub input: Position,
    /// At the chosen row.
    pub chosen: Position,
}

/// Cells for what is typed, at least, where how many rows match is shown beside it.
const TYPED_CELLS_MIN: u16 = 8;

/// Draws a list at the top of the screen and returns where the cursor may be.
pub fn draw(picker: &Picker, is_spoken: bool, theme: &Theme, screen: &mut Screen) -> Places {
    let place = picker.place(screen.width(), screen.height());
    boxed(place.outer, picker.kind.title(), is_spoken, theme, screen);
    let (x, end) = (place.rows.x, place.rows.x + place.rows.columns);
    let count = format!("{}/{}", picker.found.len(), picker.items.len());
    let count_at = end.saturating_sub(count.width() as u16 + 1);
    let style = theme.overlay.patch(theme.title);
    let typed_at = put(screen, x + 1, end, place.input_y, &format!("{}: ", picker.kind.title()), style);
    // Where there is no room for both, there is no count.
    let typed_end = if typed_at + TYPED_CELLS_MIN < count_at { count_at } else { end };
    let (after, cursor) =
        line_input(&picker.input, typed_at..typed_end.max(typed_at), place.input_y, style, theme, screen);
    if after < count_at {
        put(screen, count_at, end, place.input_y, &count, theme.overlay);
    }
    let shown = picker.found.iter().enumerate().skip(place.first).take(place.rows.rows.into());
    let blank = " ".repeat(place.rows.columns.into());
    for (y, (n, &idx)) in (place.rows.y..).zip(shown) {
        let item = &picker.items[idx];
        let is_chosen = n == picker.selected;
        let style = if is_chosen { theme.overlay.patch(theme.selection) } else { theme.overlay };
        put(screen, x, end, y, &blank, style);
        let detail = safe::line(&item.detail);
        let detail_at = end.saturating_sub(detail.width() as u16 + 1);
        // Colour is never the only sign.
        let mark = if is_chosen { ">" } else { " " };
        let room = usize::from(place.rows.columns.saturating_sub(1));
        let text = match picker.kind {
            PickerKind::Files | PickerKind::Texts => end_of(&safe::line(&item.text), room),
            _ => safe::line(&item.text),
        };
        let text = format!("{mark}{text}");
        let after = put(screen, x, end, y, &text, style);
        if after < detail_at {
            put(screen, detail_at, end, y, &detail, style);
        }
    }
    if picker.found.is_empty() && 0 < place.rows.rows {
        let words = match picker.items.is_empty() {
            _ if picker.is_awaited => "looking …; Esc closes",
            true => "there is nothing yet; Esc closes",
            false => "nothing matches; Backspace widens, Esc closes",
        };
        put(screen, x + 1, end, place.rows.y, words, theme.overlay);
    }
    let row = place.rows.y + u16::try_from(picker.selected.saturating_sub(place.first)).unwrap_or(0);
    Places {
        input: Position::new(cursor.min(end.saturating_sub(1)), place.input_y),
        chosen: Position::new(x, row),
    }
}

/// Returns the end of a path that is wider than so many cells: that is where paths differ.
fn end_of(path: &str, cells: usize) -> String {
    if path.width() <= cells {
        return path.to_owned();
    }
    let mut rest = path;
    while cells < rest.width() + 1 && !rest.is_empty() {
        rest = &rest[clusters(rest).next().map_or(rest.len(), str::len)..];
    }
    format!("…{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_path_the_end_is_seen() {
        assert_eq!(end_of("/opt/walk/a.txt", 15), "/opt/walk/a.txt");
        assert_eq!(end_of("/opt/walk/a.txt", 8), "…k/a.txt");
        assert_eq!(end_of("漢字漢字", 4), "…字");
        assert_eq!(end_of("abc", 0), "…");
    }
}
