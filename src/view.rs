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
use crate::editor::panes::Area;
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
        match &model.prompt {
            Some(_) => cursor = bars::prompt(model, theme, row, buffer),
            None => bars::notice(model, theme, row, buffer),
        }
    }
    match model.overlay {
        Overlay::None => {}
        Overlay::Help(first) => overlay::help(model, first, theme, buffer),
        Overlay::People => overlay::people(model, theme, buffer),
    }
    if let Some(open) = &model.picker {
        let at = picker::draw(open, theme, buffer);
        cursor = Some(if model.settings.is_spoken { at.chosen } else { at.input });
    }
    cursor.filter(|at| buffer.area.contains(*at))
}

/// Draws the model into a part of a screen, with a border at its left when there is something. Returns where the terminal's
/// cursor belongs.
pub fn draw_in(
    model: &Model,
    theme: &Theme,
    now: MonoTime,
    area: Area,
    whole: &mut Buffer,
) -> Option<Position> {
    let mut part = blank(area.columns, area.rows);
    let cursor = draw(model, theme, now, &mut part);
    for y in 0..area.rows {
        for x in 0..area.columns {
            whole[(area.x + x, area.y + y)] = part[(x, y)].clone();
        }
        if 0 < area.x && !model.settings.is_spoken {
            whole[(area.x - 1, area.y + y)].set_symbol("│").set_style(theme.gutter);
        }
    }
    cursor.map(|at| Position::new(area.x + at.x, area.y + at.y))
}

/// Draws the names of the open texts into the first row. The one that is shown is always among them.
pub fn tabs(tabs: &[(String, bool)], current: usize, theme: &Theme, buffer: &mut Buffer) {
    let width = buffer.area.width;
    for (n, range, label) in tab_cells(tabs, current, width) {
        // Colour is never the only sign: the text that is shown stands in brackets.
        let (label, style) = match n == current {
            true => (format!("[{label}]"), theme.title),
            false => (format!(" {label} "), theme.gutter),
        };
        put(buffer, range.start, width, 0, &label, style);
    }
}

/// Returns which tab is at a column of the first row, which is `width` cells wide.
pub fn tab_at(tabs: &[(String, bool)], current: usize, width: u16, x: u16) -> Option<usize> {
    tab_cells(tabs, current, width).into_iter().find(|(_, range, _)| range.contains(&x)).map(|(n, ..)| n)
}

/// The number, the columns and the words of each tab that fits. Those before the current one go first.
fn tab_cells(
    tabs: &[(String, bool)],
    current: usize,
    width: u16,
) -> Vec<(usize, std::ops::Range<u16>, String)> {
    let label = |(name, is_modified): &(String, bool)| {
        let label = format!("{}{}", safe::line(name), if *is_modified { " ●" } else { "" });
        let cells = unicode_width::UnicodeWidthStr::width(label.as_str()) + 2;
        (label, u16::try_from(cells).unwrap_or(u16::MAX))
    };
    let labels: Vec<(String, u16)> = tabs.iter().map(label).collect();
    let cells_from =
        |first: usize| labels[first..=current].iter().map(|(_, cells)| usize::from(*cells)).sum::<usize>();
    let first = (0..=current).find(|&first| cells_from(first) <= usize::from(width)).unwrap_or(current);
    let mut x: u16 = 0;
    let mut shown = Vec::new();
    for (n, (label, cells)) in labels.into_iter().enumerate().skip(first) {
        if width <= x {
            break;
        }
        let end = x.saturating_add(cells);
        shown.push((n, x..end, label));
        x = end;
    }
    shown
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
