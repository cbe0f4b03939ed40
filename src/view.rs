//! Rank 3: the model drawn into cells.
//!
//! Every text goes through `safe` or through `editor::glyph` before it is in a cell; nothing else writes cells.

mod bars;
mod overlay;
pub mod paint;
mod picker;
pub mod safe;
mod scrollbar;
mod text;
pub mod theme;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;

use crate::base::time::MonoTime;
use crate::editor::glyph::glyph;
use crate::editor::{Model, Overlay};
use theme::Theme;

/// Draws the model into an empty buffer. Returns where the terminal's cursor belongs.
pub fn draw(model: &Model, theme: &Theme, now: MonoTime, buffer: &mut Buffer) -> Option<Position> {
    let layout = model.layout();
    buffer.set_style(buffer.area, theme.text);
    text::draw(model, &layout, theme, now, buffer);
    scrollbar::draw(model, &layout, theme, buffer);
    let mut cursor = text::cursor(model, &layout);
    if let Some(row) = layout.title {
        bars::title(model, theme, row, buffer);
    }
    if let Some(row) = layout.status {
        bars::status(model, theme, now, row, buffer);
    }
    if let Some(row) = layout.prompt {
        cursor = bars::prompt(model, theme, row, buffer);
    }
    match model.overlay {
        Overlay::None => {}
        Overlay::Help(first) => overlay::help(model, first, theme, buffer),
        Overlay::People => overlay::people(model, theme, buffer),
    }
    if let Some(open) = &model.picker {
        cursor = Some(picker::draw(open, theme, buffer));
    }
    cursor.filter(|at| buffer.area.contains(*at))
}

/// Writes a text into a row from `x` on, up to `end`. Returns the column after it. A glyph that does not fit
/// whole is not drawn.
fn put(buffer: &mut Buffer, x: u16, end: u16, y: u16, text: &str, style: Style) -> u16 {
    let end = end.min(buffer.area.width);
    let mut x = x;
    if buffer.area.height <= y {
        return x;
    }
    for cluster in text.graphemes(true) {
        let shown = glyph(cluster, 0);
        if usize::from(end.saturating_sub(x)) < shown.cells {
            break;
        }
        x = put_glyph(buffer, x, y, &shown.text, style);
    }
    x
}

/// Writes one glyph's harmless text, a cell for each of its clusters. The caller has checked that it fits.
fn put_glyph(buffer: &mut Buffer, x: u16, y: u16, text: &str, style: Style) -> u16 {
    let mut x = x;
    for cluster in text.graphemes(true) {
        let cells = unicode_width::UnicodeWidthStr::width(cluster).max(1) as u16;
        if buffer.area.width < x + cells {
            break;
        }
        buffer[(x, y)].set_symbol(cluster).set_style(style);
        for covered in x + 1..x + cells {
            buffer[(covered, y)].set_symbol(" ").set_style(style);
        }
        x += cells;
    }
    x
}

/// Makes a buffer of blanks.
pub fn blank(columns: u16, rows: u16) -> Buffer {
    Buffer::empty(Rect::new(0, 0, columns, rows))
}
