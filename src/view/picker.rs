//! A list that is narrowed by typing.

use ratatui::layout::Position;
use unicode_width::UnicodeWidthStr;

use crate::editor::picker::Picker;

use super::screen::Screen;
use super::theme::Theme;
use super::{put, safe};

/// Rows of a list on a screen that has more.
const ROWS_MAX: u16 = 16;

/// Where the cursor may be: behind what is typed, or at the chosen row.
pub struct Places {
    /// Behind what is typed.
    pub input: Position,
    /// At the chosen row.
    pub chosen: Position,
}

/// Draws a list at the top of the screen and returns where the cursor may be.
pub fn draw(picker: &Picker, theme: &Theme, screen: &mut Screen) -> Places {
    let (width, height) = (screen.width(), screen.height());
    let cells = width.saturating_sub(4).clamp(1, 90).min(width);
    let rows = ROWS_MAX.min(height.saturating_sub(2));
    let (x, end) = ((width - cells) / 2, (width - cells) / 2 + cells);
    let top = u16::from(rows + 3 < height);
    let blank = " ".repeat(cells.into());
    put(screen, x, end, top, &blank, theme.overlay);
    let prompt = format!("{}: {}", picker.kind.title(), safe::line(&picker.input));
    let cursor = put(screen, x + 1, end.saturating_sub(1), top, &prompt, theme.overlay.patch(theme.title));
    let count = format!("{}/{}", picker.found.len(), picker.items.len());
    let count_at = end.saturating_sub(count.width() as u16 + 1);
    if cursor + 1 < count_at {
        put(screen, count_at, end, top, &count, theme.overlay);
    }
    // The chosen row stays on the screen.
    let first = (picker.selected + 1).saturating_sub(usize::from(rows));
    let shown = picker.found.iter().enumerate().skip(first).take(rows.into());
    for (y, (n, &idx)) in (top + 1..).zip(shown) {
        let item = &picker.items[idx];
        let is_chosen = n == picker.selected;
        let style = if is_chosen { theme.overlay.patch(theme.selection) } else { theme.overlay };
        put(screen, x, end, y, &blank, style);
        let detail = safe::line(&item.detail);
        let detail_at = end.saturating_sub(detail.width() as u16 + 1);
        // Colour is never the only sign.
        let mark = if is_chosen { ">" } else { " " };
        let text = format!("{mark}{}", safe::line(&item.text));
        let after = put(screen, x, end, y, &text, style);
        if after < detail_at {
            put(screen, detail_at, end, y, &detail, style);
        }
    }
    if picker.found.is_empty() {
        put(screen, x, end, top + 1, &blank, theme.overlay);
        put(screen, x + 1, end, top + 1, "nothing matches; Backspace widens, Esc closes", theme.overlay);
    }
    let row = top + 1 + u16::try_from(picker.selected.saturating_sub(first)).unwrap_or(0);
    Places { input: Position::new(cursor.min(end.saturating_sub(1)), top), chosen: Position::new(x, row) }
}
