//! Rank 3: the model drawn into cells.
//!
//! Every text goes through `safe` or through `editor::glyph` before it is in a cell; nothing else writes cells.

mod bars;
mod overlay;
pub mod paint;
mod picker;
pub mod safe;
pub mod screen;
mod scrollbar;
mod text;
pub mod theme;

use ratatui::buffer::Cell;
use ratatui::layout::Position;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::base::time::MonoTime;
use crate::editor::glyph::{TabWidth, glyph};
use crate::editor::grapheme::clusters;
use crate::editor::line_input::LineInput;
use crate::editor::panes::Area;
use crate::editor::vim::Mode;
use crate::editor::{Model, Overlay};
use paint::CursorShape;
use screen::Screen;
use theme::Theme;

/// Columns and rows of the smallest box that has lines around it.
const BOX_MIN: (u16, u16) = (4, 3);

/// Draws the model into a screen that held an earlier picture of it, or nothing. Returns where the terminal's cursor belongs. O(rows)
/// and what changed.
pub fn draw(model: &Model, theme: &Theme, now: MonoTime, screen: &mut Screen) -> Option<Position> {
    let cursor = draw_pane(model, theme, now, true, screen);
    draw_over(model, theme, now, (0, 0), cursor, screen).0
}

/// Draws a text with its title and its status line into a part of the screen. Returns where the cursor is in it. What there is to say
/// is said where the keyboard is.
pub fn draw_pane(
    model: &Model,
    theme: &Theme,
    now: MonoTime,
    has_keyboard: bool,
    screen: &mut Screen,
) -> Option<Position> {
    let layout = model.layout();
    text::draw(model, &layout, theme, now, screen);
    scrollbar::draw(model, &layout, theme, screen);
    if let Some(row) = layout.title {
        bars::title(model, theme, row, screen);
    }
    if let Some(row) = layout.status {
        let notice = model.notice.as_ref().filter(|_| has_keyboard && !model.settings.is_spoken);
        let notice = notice.filter(|_| bars::notice_rows(model, &layout, now).is_empty());
        bars::status(model, notice.map_or("", |notice| notice.text.as_str()), theme, now, row, screen);
    }
    match layout.prompt {
        Some(row) if model.prompt.is_some() => screen.clear(row, theme.text),
        Some(row) => bars::notice(model, theme, row, screen),
        None => {}
    }
    text::cursor(model, &layout).filter(|at| screen.contains(*at))
}

/// Draws what is over all of the screen: the question, a long message, the box, the list. `corner` is where the text begins that has
/// the keyboard, `cursor` where its cursor is. Returns where the cursor belongs, and whether anything was drawn.
pub fn draw_over(
    model: &Model,
    theme: &Theme,
    now: MonoTime,
    corner: (u16, u16),
    cursor: Option<Position>,
    screen: &mut Screen,
) -> (Option<Position>, bool) {
    let layout = model.layout();
    let mut cursor = cursor;
    let row = layout.prompt.filter(|_| model.prompt.is_some());
    if let Some(row) = row {
        cursor = bars::prompt(model, theme, corner.1 + row, screen);
    }
    let rows = bars::notice_rows(model, &layout, now);
    let first = corner.1 + layout.text_top;
    bars::notice_over(&rows, (first, first + layout.text_rows), cursor, theme, screen);
    match model.overlay {
        Overlay::None => {}
        Overlay::Help(first) => overlay::help(model, first, theme, screen),
        Overlay::Messages(first) => overlay::messages(model, first, theme, screen),
        Overlay::People(first) => overlay::people(model, first, theme, screen),
    }
    if let Some(open) = &model.picker {
        let at = picker::draw(open, model.settings.is_spoken, theme, screen);
        cursor = Some(if model.settings.is_spoken { at.chosen } else { at.input });
    }
    let is_any = row.is_some() || !rows.is_empty() || model.is_covered();
    (cursor.filter(|at| screen.contains(*at)), is_any)
}

/// Draws an empty box over whatever is there, with a title in its upper edge. Returns the part inside. A box for somebody who hears
/// the screen, or on a screen too small for it, has no lines.
fn boxed(area: Area, title: &str, is_spoken: bool, theme: &Theme, screen: &mut Screen) -> Area {
    let Area { x, y, columns, rows } = area;
    let has_lines = BOX_MIN.0 <= columns && BOX_MIN.1 <= rows && !is_spoken;
    let blank = {
        let mut blank = Cell::EMPTY;
        blank.set_style(theme.text.patch(theme.overlay));
        blank
    };
    let (right, below) = ((x + columns).min(screen.width()), (y + rows).min(screen.height()));
    for at in (y..below).flat_map(|row| (x..right).map(move |column| (column, row))) {
        screen[at] = blank.clone();
    }
    if !has_lines || right - x < columns || below - y < rows {
        put(screen, x, right, y, title, theme.overlay.patch(theme.title));
        return Area { x, y: y + 1, columns, rows: rows.saturating_sub(1) };
    }
    let line = "─".repeat(usize::from(columns) - 2);
    put(screen, x, right, y, &format!("┌{line}┐"), theme.overlay);
    put(screen, x, right, below - 1, &format!("└{line}┘"), theme.overlay);
    for row in y + 1..below - 1 {
        put(screen, x, right, row, "│", theme.overlay);
        put(screen, right - 1, right, row, "│", theme.overlay);
    }
    put(screen, x + 2, right - 2, y, &format!(" {title} "), theme.overlay.patch(theme.title));
    Area { x: x + 1, y: y + 1, columns: columns - 2, rows: rows - 2 }
}

/// Returns how the terminal's cursor looks.
pub fn cursor_shape(model: &Model) -> CursorShape {
    let is_typed = model.prompt.is_some() || model.picker.is_some() || !model.settings.is_vim;
    match model.vim.mode() {
        _ if is_typed => CursorShape::Bar,
        Mode::Insert => CursorShape::Bar,
        Mode::Normal | Mode::Visual(_) => CursorShape::Block,
    }
}

/// Draws the line between a pane and what is left of it.
pub fn border(x: u16, rows: std::ops::Range<u16>, theme: &Theme, screen: &mut Screen) {
    for y in rows {
        screen.set_beside(x, y, "│", theme.gutter);
    }
}

/// Draws the names of the open texts into the first row. The one that is shown is always among them.
pub fn tabs(tabs: &[(String, bool)], current: usize, theme: &Theme, screen: &mut Screen) {
    let width = screen.width();
    screen.clear(0, Style::new());
    for (n, range, label) in tab_cells(tabs, current, width) {
        // Colour is never the only sign: the text that is shown stands in brackets.
        let (label, style) = match n == current {
            true => (format!("[{label}]"), theme.title),
            false => (format!(" {label} "), theme.gutter),
        };
        put(screen, range.start, width, 0, &label, style);
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
        let cells = label.width() + 2;
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

/// Draws a line that is being typed, so that its caret is in view and has a cell. Returns the columns after it and of the caret.
fn line_input(
    input: &LineInput,
    columns: std::ops::Range<u16>,
    y: u16,
    style: Style,
    theme: &Theme,
    screen: &mut Screen,
) -> (u16, u16) {
    let (before, behind) = input.halves();
    let (mut before, behind) = (safe::line(before), safe::line(behind));
    while columns.len() <= before.width() && !before.is_empty() {
        let first = clusters(&before).next().map_or(0, str::len);
        before.drain(..first);
    }
    let style = if input.is_selected() { style.patch(theme.selection) } else { style };
    let caret = put(screen, columns.start, columns.end, y, &before, style);
    (put(screen, caret, columns.end, y, &behind, style), caret)
}

/// Writes a text into a row from `x` on, up to `end`. Returns the column after it. A glyph that does not fit
/// whole is not drawn.
fn put(screen: &mut Screen, x: u16, end: u16, y: u16, text: &str, style: Style) -> u16 {
    let end = end.min(screen.width());
    let mut x = x;
    if screen.height() <= y {
        return x;
    }
    for cluster in clusters(text) {
        let shown = glyph(cluster, 0, TabWidth::default());
        if usize::from(end.saturating_sub(x)) < shown.cells {
            break;
        }
        x = put_glyph(screen, x, y, &shown.text, style);
    }
    x
}

/// Writes one glyph's harmless text, a cell for each of its clusters. The caller has checked that it fits.
fn put_glyph(screen: &mut Screen, x: u16, y: u16, text: &str, style: Style) -> u16 {
    if let [b' '..=b'~'] = text.as_bytes() {
        screen[(x, y)].set_symbol(text).set_style(style);
        return x + 1;
    }
    let mut x = x;
    for cluster in clusters(text) {
        let cells = cluster.width().max(1) as u16;
        if screen.width() < x + cells {
            break;
        }
        screen[(x, y)].set_symbol(cluster).set_style(style);
        for covered in x + 1..x + cells {
            screen[(covered, y)].set_symbol(" ").set_style(style);
        }
        x += cells;
    }
    x
}
