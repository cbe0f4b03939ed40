//! The text with its line numbers, selections and everybody's cursors.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Position;
use ratatui::style::{Modifier, Style};
use unicode_segmentation::UnicodeSegmentation;

use crate::base::time::MonoTime;
use crate::editor::glyph::{GlyphKind, glyph};
use crate::editor::layout::Layout;
use crate::editor::{Model, column, grapheme};

use super::theme::Theme;
use super::{put, put_glyph, safe};

/// A range of the text that is drawn in a style.
struct Lit {
    range: Range<usize>,
    style: Style,
}

/// Draws the visible lines.
pub fn draw(model: &Model, layout: &Layout, theme: &Theme, now: MonoTime, buffer: &mut Buffer) {
    let rope = model.rope();
    let last = (model.scroll.top + usize::from(layout.text_rows)).min(rope.len_lines());
    let lit = lit(model, theme, model.scroll.top..last);
    for (y, line) in (layout.text_top..).zip(model.scroll.top..last) {
        number(line + 1, layout, theme, y, buffer);
        draw_line(model, layout, theme, line, y, &lit, buffer);
    }
    for other in &model.others {
        if let Some(cell) = cell_of(model, layout, other.head).filter(|&cell| buffer.area.contains(cell)) {
            buffer[cell].set_style(Style::new().add_modifier(Modifier::REVERSED));
        }
    }
    for peer in &model.people {
        cursor_of(model, layout, theme, now, peer, buffer);
    }
}

fn number(number: usize, layout: &Layout, theme: &Theme, y: u16, buffer: &mut Buffer) {
    if 0 < layout.gutter {
        let width = usize::from(layout.gutter) - 3;
        put(buffer, 0, layout.gutter, y, &format!("{number:>width$} │"), theme.gutter);
    }
}

/// What is drawn in another style than plain text, the strongest last.
fn lit(model: &Model, theme: &Theme, lines: Range<usize>) -> Vec<Lit> {
    let rope = model.rope();
    let start = rope.line_to_char(lines.start);
    // A long line is not searched whole: what is lit of it is what is near its visible part.
    let is_long = lines.clone().any(|line| column::is_long(rope, line));
    let (start, end) = if is_long {
        let from = rope.line_to_char(model.line()) + model.scroll.left;
        (from.min(rope.len_chars()), (from + column::LONG_LINE_CHARS).min(rope.len_chars()))
    } else {
        (start, rope.line_to_char(lines.end))
    };
    let mut lit: Vec<Lit> = Vec::new();
    for peer in &model.people {
        let style = Style::new().bg(theme.person(peer.presence.color)).fg(ratatui::style::Color::Indexed(16));
        for &(from, to) in &peer.presence.selections {
            if let (Some(from), Some(to)) = (model.document().resolve(from), model.document().resolve(to)) {
                lit.push(Lit {
                    range: from.min(to)..from.max(to),
                    style: style.add_modifier(ratatui::style::Modifier::DIM),
                });
            }
        }
    }
    let brackets = model.brackets().map(|(one, other)| [one, other]);
    lit.extend(brackets.into_iter().flatten().map(|at| Lit { range: at..at + 1, style: theme.bracket }));
    lit.extend(model.lit_matches(start..end).into_iter().map(|range| Lit { range, style: theme.found }));
    let selected = model.lit_selections().into_iter();
    let shown = selected.filter(|range| start <= range.end && range.start <= end);
    lit.extend(shown.map(|range| Lit { range, style: theme.selection }));
    lit
}

/// Returns the first character of a line that may be on the screen, and its column.
fn first_shown(model: &Model, line: usize) -> (usize, usize) {
    let rope = model.rope();
    let (start, end) = (rope.line_to_char(line), column::line_end(rope, line));
    if model.scroll.left == 0 {
        return (start, 0);
    }
    if column::is_long(rope, line) {
        let at = grapheme::floor(rope, (start + model.scroll.left).min(end));
        return (at, model.scroll.left);
    }
    let at = column::at_column(rope, line, model.scroll.left);
    (at, column::column_of(rope, at))
}

fn draw_line(
    model: &Model,
    layout: &Layout,
    theme: &Theme,
    line: usize,
    y: u16,
    lit: &[Lit],
    buffer: &mut Buffer,
) {
    let rope = model.rope();
    let (mut at, mut column) = first_shown(model, line);
    let end = column::line_end(rope, line);
    let right = (layout.gutter + layout.text_columns).min(buffer.area.width);
    // A cluster takes a cell at least, and a cluster of very many characters is cut anyway.
    let n_chars_max = usize::from(layout.text_columns) * 8 + 1_024;
    let text = rope.slice(at..end.min(at + n_chars_max)).to_string();
    let mut x = layout.gutter as usize + column - model.scroll.left.min(column);
    let mut hidden = model.scroll.left.saturating_sub(column);
    let mut spans = model.highlights.from(at).iter().peekable();
    let mut style_at = |at: usize, glyph: GlyphKind| {
        while spans.next_if(|span| span.chars.end <= at).is_some() {}
        let kind = spans.peek().filter(|span| span.chars.start <= at).map(|span| theme.kind(span.kind));
        let base = match glyph {
            GlyphKind::Mark => theme.mark,
            GlyphKind::Text | GlyphKind::Tab => theme.text.patch(kind.unwrap_or_default()),
        };
        lit.iter().filter(|lit| lit.range.contains(&at)).fold(base, |style, lit| style.patch(lit.style))
    };
    for cluster in text.graphemes(true) {
        let shown = glyph(cluster, column);
        let style = style_at(at, shown.kind);
        column += shown.cells;
        at += cluster.chars().count();
        if 0 < hidden {
            // Cut by the left edge: blanks in place of its right part.
            let n = shown.cells.saturating_sub(hidden);
            hidden = hidden.saturating_sub(shown.cells);
            x = put_glyph(buffer, x as u16, y, &" ".repeat(n), style) as usize;
            continue;
        }
        if usize::from(right) < x + shown.cells {
            // The line goes on: said in the last cell, whatever half of it would be there.
            if layout.gutter < right {
                buffer[(right - 1, y)].set_symbol(">").set_style(theme.gutter);
            }
            return;
        }
        x = put_glyph(buffer, x as u16, y, &shown.text, style) as usize;
    }
    // A selected line feed shows as one cell, so that selected empty lines are seen.
    if at == end && x < usize::from(right) && model.selection.range().contains(&at) && end < rope.len_chars()
    {
        buffer[(x as u16, y)].set_style(theme.selection);
    }
}

/// Returns the cell at which a position is drawn, if it is on the screen.
fn cell_of(model: &Model, layout: &Layout, at: usize) -> Option<Position> {
    let rope = model.rope();
    let line = rope.char_to_line(at.min(rope.len_chars()));
    let row = line.checked_sub(model.scroll.top).filter(|&row| row < usize::from(layout.text_rows))?;
    let (first, column) = first_shown(model, line);
    let cells = if column::is_long(rope, line) {
        // Beyond this it is off the screen whatever it holds.
        let is_near = first <= at && at - first <= usize::from(layout.text_columns) * 8 + 1_024;
        is_near.then(|| column::cells_between(rope, first, at))?
    } else {
        column::column_of(rope, at).checked_sub(model.scroll.left.min(column.max(model.scroll.left)))?
    };
    let is_shown = cells < usize::from(layout.text_columns);
    is_shown.then(|| Position::new(layout.gutter + cells as u16, layout.text_top + row as u16))
}

/// Returns where one's own caret is drawn.
pub fn cursor(model: &Model, layout: &Layout) -> Option<Position> {
    cell_of(model, layout, model.selection.head)
}

/// Draws somebody's cursor, and the name beside it while it is fresh.
fn cursor_of(
    model: &Model,
    layout: &Layout,
    theme: &Theme,
    now: MonoTime,
    peer: &crate::editor::people::Peer,
    buffer: &mut Buffer,
) {
    let Some(anchor) = peer.presence.cursor else { return };
    let Some(at) = model.document().resolve(anchor).or(peer.at) else { return };
    let at = grapheme::floor(model.rope(), at);
    let Some(cell) = cell_of(model, layout, at).filter(|&cell| buffer.area.contains(cell)) else { return };
    let style = theme.on_person(peer.presence.color);
    buffer[cell].set_style(style);
    if peer.label_until.is_none_or(|until| until <= now) {
        return;
    }
    let last = layout.text_top + layout.text_rows;
    let y = if layout.text_top < cell.y { cell.y - 1 } else { cell.y + 1 };
    if y < last {
        let label = format!(" {} ", safe::name(&peer.presence.name, peer.id.0));
        let cells = unicode_width::UnicodeWidthStr::width(label.as_str()) as u16;
        let x = cell.x.min(buffer.area.width.saturating_sub(cells)).max(layout.gutter);
        put(buffer, x, buffer.area.width, y, &label, style);
    }
}
