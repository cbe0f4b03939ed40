//! The text with its line numbers, selections and everybody's cursors.

use std::borrow::Cow;
use std::ops::Range;

use ratatui::layout::Position;
use ratatui::style::{Modifier, Style};

use crate::base::time::MonoTime;
use crate::editor::glyph::{GlyphKind, glyph};
use crate::editor::grapheme::clusters;
use crate::editor::layout::Layout;
use crate::editor::{Model, column, grapheme};

use super::screen::{self, Screen};
use super::theme::Theme;
use super::{put, put_glyph, safe};

/// A range of the text that is drawn in a style.
struct Lit {
    range: Range<usize>,
    style: Style,
}

/// A visible row of the text.
struct Line<'a> {
    /// Its line's number, from 0; `None` where a line goes on.
    number: Option<usize>,
    /// The row of the screen that it is on.
    y: u16,
    /// Its characters, without the line feed.
    chars: Range<usize>,
    /// The first character that may be on the screen.
    from: usize,
    /// That one's column in the line.
    column: usize,
    /// How many cells right of the text's left edge it is; less than none for one that the edge cuts.
    x: isize,
    /// What may be on the screen of it.
    text: Cow<'a, str>,
    /// Whether the line goes on in the next row.
    goes_on: bool,
    /// Whether its line feed is selected, which shows as one cell.
    is_end_selected: bool,
}

/// Draws the visible lines that are not what they were.
pub fn draw(model: &Model, layout: &Layout, theme: &Theme, now: MonoTime, screen: &mut Screen) {
    let rope = model.rope();
    let first = model.scroll.top.min(rope.len_lines());
    let shown = first..(model.scroll.top + usize::from(layout.text_rows)).min(rope.len_lines());
    let is_long = column::any_long(rope, shown.clone());
    let text: String;
    let lines = if model.is_wrapped() {
        wrapped_lines(model, layout)
    } else if is_long {
        long_lines(model, layout)
    } else {
        text = rope.slice(rope.line_to_char(shown.start)..rope.line_to_char(shown.end)).chunks().collect();
        lines(model, layout, &text)
    };
    let lit = lit(model, theme, shown, is_long);
    for line in &lines {
        let source = source_of(model, layout, line, &lit);
        if screen.starts(line.y, source, theme.text) {
            draw_number(line, layout, theme, screen);
            draw_line(model, layout, theme, line, &lit, screen);
            screen.ends(line.y, source);
        }
    }
    for y in layout.text_top + lines.len() as u16..layout.text_top + layout.text_rows {
        // The same until the bar at its right comes or goes.
        let source = screen::source_of(("below", layout.text_columns));
        if screen.starts(y, source, theme.text) {
            screen.ends(y, source);
        }
    }
    for other in &model.others {
        if let Some(cell) = cell_of(model, layout, other.head).filter(|&cell| screen.contains(cell)) {
            screen[cell].set_style(Style::new().add_modifier(Modifier::REVERSED));
        }
    }
    let own_lines: Vec<usize> =
        model.selections().0.iter().map(|selection| rope.char_to_line(selection.head)).collect();
    let is_own = |line: &&Line| own_lines.contains(&rope.char_to_line(line.chars.start));
    let own_rows: Vec<u16> = lines.iter().filter(is_own).map(|line| line.y).collect();
    for peer in &model.people {
        cursor_of(model, layout, theme, now, peer, &own_rows, screen);
    }
}

/// The visible lines, each on one row. `text` is that of all of them, so that it is not looked for line by line.
fn lines<'a>(model: &Model, layout: &Layout, text: &'a str) -> Vec<Line<'a>> {
    let first = model.scroll.top.min(model.rope().len_lines());
    let mut start = model.rope().line_to_char(first);
    let rows = layout.text_top..layout.text_top + layout.text_rows;
    let line = |((text, number), y): ((&'a str, usize), u16)| {
        let chars = start..start + text.chars().count();
        start = chars.end + 1;
        let line = unwrapped(model, number, y, chars);
        let from = text.char_indices().nth(line.from - line.chars.start).map_or(text.len(), |(byte, _)| byte);
        let end = match text[from..].len() <= n_chars_max(layout) {
            true => text.len(),
            false => {
                text[from..].char_indices().nth(n_chars_max(layout)).map_or(text.len(), |(n, _)| from + n)
            }
        };
        Line { text: text[from..end].into(), ..line }
    };
    text.split('\n').zip(first..).zip(rows).map(line).collect()
}

/// The visible lines, each on one row, where some are too long to be read whole.
fn long_lines(model: &Model, layout: &Layout) -> Vec<Line<'static>> {
    let rope = model.rope();
    let first = model.scroll.top.min(rope.len_lines());
    let rows = layout.text_top..layout.text_top + layout.text_rows;
    let line = |(number, y): (usize, u16)| {
        let chars = rope.line_to_char(number)..column::line_end(rope, number);
        line_of(model, layout, unwrapped(model, number, y, chars))
    };
    (first..rope.len_lines()).zip(rows).map(line).collect()
}

/// Returns where a line is on its one row.
fn unwrapped(model: &Model, number: usize, y: u16, chars: Range<usize>) -> Line<'static> {
    let (from, column) = first_shown(model, number, &chars);
    let x = column as isize - model.scroll.left as isize;
    let is_end_selected = is_end_selected(model, chars.end);
    Line { number: Some(number), y, from, column, x, is_end_selected, ..blank_line(chars) }
}

/// The visible rows of lines that are wrapped.
fn wrapped_lines(model: &Model, layout: &Layout) -> Vec<Line<'static>> {
    let top = model.top();
    let (mut lines, mut skip) = (Vec::new(), top.row);
    for number in top.line..model.rope().len_lines() {
        let rows = model.rows_of(number);
        let n = rows.len();
        for (i, row) in rows.into_iter().enumerate().skip(std::mem::take(&mut skip)) {
            if lines.len() == usize::from(layout.text_rows) {
                return lines;
            }
            let (mut from, mut column, mut x) = (row.chars.start, row.column, row.indent as isize);
            if n == 1 {
                // A line too long to be measured is not wrapped: its left part may be off the screen.
                (from, column) = first_shown(model, number, &row.chars);
                x = column as isize - model.scroll.left as isize;
            }
            let y = layout.text_top + lines.len() as u16;
            let line = Line {
                number: (i == 0).then_some(number),
                y,
                from,
                column,
                x,
                goes_on: i + 1 < n,
                is_end_selected: i + 1 == n && is_end_selected(model, row.chars.end),
                ..blank_line(row.chars)
            };
            lines.push(line_of(model, layout, line));
        }
    }
    lines
}

fn blank_line(chars: Range<usize>) -> Line<'static> {
    let (number, y, from, column, x) = (None, 0, chars.start, 0, 0);
    Line { number, y, chars, from, column, x, text: "".into(), goes_on: false, is_end_selected: false }
}

/// Returns whether the line feed at `end` is selected.
fn is_end_selected(model: &Model, end: usize) -> bool {
    end < model.rope().len_chars() && model.selection.range().contains(&end)
}

/// How many characters of a line are looked at: a cluster takes a cell at least, and one of very many characters is cut anyway.
fn n_chars_max(layout: &Layout) -> usize {
    usize::from(layout.text_columns) * 8 + 1_024
}

/// Fills in what is on the screen of a row.
fn line_of(model: &Model, layout: &Layout, line: Line<'static>) -> Line<'static> {
    let end = line.chars.end.min(line.from + n_chars_max(layout));
    let text = model.rope().slice(line.from..end).chunks().collect();
    Line { text: Cow::Owned(text), ..line }
}

/// Returns a number for everything that a line is drawn from: equal lines look equal.
fn source_of(model: &Model, layout: &Layout, line: &Line, lit: &[Lit]) -> u64 {
    let Line { number, chars, from, column, x, text, goes_on, is_end_selected, y: _ } = line;
    let within = |range: &Range<usize>| range.start < chars.end && *from < range.end;
    let cut = |range: &Range<usize>| (range.start.max(*from) - from, range.end.min(chars.end) - from);
    let spans = model.highlights.from(*from).iter().take_while(|span| span.chars.start < chars.end);
    let spans: Vec<_> = spans.map(|span| (cut(&span.chars), span.kind)).collect();
    let lit = lit.iter().filter(|lit| within(&lit.range));
    let lit: Vec<_> = lit.map(|lit| (cut(&lit.range), lit.style)).collect();
    let shape = (layout.gutter, layout.text_columns, model.tab_width.cells(), model.shows_blanks());
    let place = ("line", number, x, shape);
    screen::source_of((place, chars.end - from, column, text, goes_on, is_end_selected, spans, lit))
}

fn draw_number(line: &Line, layout: &Layout, theme: &Theme, screen: &mut Screen) {
    if 0 < layout.gutter {
        let width = usize::from(layout.gutter) - 3;
        let number = line.number.map_or(String::new(), |number| (number + 1).to_string());
        put(screen, 0, layout.gutter, line.y, &format!("{number:>width$} │"), theme.gutter);
    }
}

/// What is drawn in another style than plain text, the strongest last.
fn lit(model: &Model, theme: &Theme, lines: Range<usize>, is_long: bool) -> Vec<Lit> {
    let rope = model.rope();
    let start = rope.line_to_char(lines.start);
    // A long line is not searched whole: what is lit of it is what is near its visible part.
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
fn first_shown(model: &Model, line: usize, chars: &Range<usize>) -> (usize, usize) {
    let (rope, start, end) = (model.rope(), chars.start, chars.end);
    if model.scroll.left == 0 {
        return (start, 0);
    }
    if column::LONG_LINE_CHARS < chars.len() {
        let at = grapheme::floor(rope, (start + model.scroll.left).min(end));
        return (at, model.scroll.left);
    }
    let at = column::at_column(rope, line, model.scroll.left, model.tab_width);
    (at, column::column_of(rope, at, model.tab_width))
}

fn draw_line(model: &Model, layout: &Layout, theme: &Theme, line: &Line, lit: &[Lit], screen: &mut Screen) {
    let (y, mut at, mut column) = (line.y, line.from, line.column);
    let right = (layout.gutter + layout.text_columns).min(screen.width());
    let mut x = usize::from(layout.gutter).saturating_add_signed(line.x.max(0));
    let mut hidden = line.x.min(0).unsigned_abs();
    let mut spans = model.highlights.from(at).iter().peekable();
    let shows_blanks = model.shows_blanks();
    let mut style_at = |at: usize, glyph: GlyphKind, is_blank: bool| {
        while spans.next_if(|span| span.chars.end <= at).is_some() {}
        let kind = spans.peek().filter(|span| span.chars.start <= at).map(|span| theme.kind(span.kind));
        let base = match glyph {
            GlyphKind::Mark => theme.mark,
            _ if is_blank => theme.text.patch(theme.gutter),
            GlyphKind::Text | GlyphKind::Tab => theme.text.patch(kind.unwrap_or_default()),
        };
        lit.iter().filter(|lit| lit.range.contains(&at)).fold(base, |style, lit| style.patch(lit.style))
    };
    for cluster in clusters(&line.text) {
        let shown = glyph(cluster, column, model.tab_width);
        let blank = blank_mark(cluster, shown.cells).filter(|_| shows_blanks);
        let style = style_at(at, shown.kind, blank.is_some());
        column += shown.cells;
        at += cluster.chars().count();
        if 0 < hidden {
            // Cut by the left edge: blanks in place of its right part.
            let n = shown.cells.saturating_sub(hidden);
            hidden = hidden.saturating_sub(shown.cells);
            x = put_glyph(screen, x as u16, y, &" ".repeat(n), style) as usize;
            continue;
        }
        if usize::from(right) < x + shown.cells {
            // The line goes on: said in the last cell, whatever half of it would be there.
            if layout.gutter < right && !line.goes_on && line.number.is_some() {
                screen[(right - 1, y)].set_symbol(">").set_style(theme.gutter);
            }
            return;
        }
        x = put_glyph(screen, x as u16, y, blank.as_ref().unwrap_or(&shown.text), style) as usize;
    }
    // A selected line feed shows as one cell, so that selected empty lines are seen.
    if at == line.chars.end && x < usize::from(right) && line.is_end_selected {
        screen[(x as u16, y)].set_style(theme.selection);
    }
}

/// Returns what stands for a blank or a tab where they are shown.
fn blank_mark(cluster: &str, cells: usize) -> Option<Cow<'static, str>> {
    match cluster {
        " " => Some("·".into()),
        "\t" => Some(format!("{:<cells$}", "→").into()),
        _ => None,
    }
}

/// Returns the cell at which a position is drawn, if it is on the screen.
fn cell_of(model: &Model, layout: &Layout, at: usize) -> Option<Position> {
    let rope = model.rope();
    let (place, row) = model.place_of(at.min(rope.len_chars()));
    let y = model.rows_between(model.top(), place, usize::from(layout.text_rows))?;
    let columns = usize::from(layout.text_columns);
    let (first, column) = first_shown(model, place.line, &row.chars);
    let cells = if column::is_long(rope, place.line) {
        // Beyond this it is off the screen whatever it holds.
        let is_near = first <= at && at - first <= columns * 8 + 1_024;
        is_near.then(|| column::cells_between(rope, first, at, model.tab_width))?
    } else if model.is_wrapped() {
        // Blanks that hang over the row's end have no cells of their own.
        row.cells_before(rope, at, model.tab_width).min(columns.saturating_sub(1))
    } else {
        column::column_of(rope, at, model.tab_width)
            .checked_sub(model.scroll.left.min(column.max(model.scroll.left)))?
    };
    (cells < columns).then(|| Position::new(layout.gutter + cells as u16, layout.text_top + y as u16))
}

/// Returns where one's own caret is drawn.
pub fn cursor(model: &Model, layout: &Layout) -> Option<Position> {
    cell_of(model, layout, model.selection.head)
}

/// Draws somebody's cursor, and the name beside it while it is fresh: above or below, but never over `own_rows`, where one types.
fn cursor_of(
    model: &Model,
    layout: &Layout,
    theme: &Theme,
    now: MonoTime,
    peer: &crate::editor::people::Peer,
    own_rows: &[u16],
    screen: &mut Screen,
) {
    let Some(anchor) = peer.presence.cursor else { return };
    let Some(at) = model.document().resolve(anchor).or(peer.at) else { return };
    let at = grapheme::floor(model.rope(), at);
    let Some(cell) = cell_of(model, layout, at).filter(|&cell| screen.contains(cell)) else { return };
    let style = theme.on_person(peer.presence.color);
    screen[cell].set_style(style);
    if peer.label_until.is_none_or(|until| until <= now) {
        return;
    }
    let rows = layout.text_top..layout.text_top + layout.text_rows;
    let beside = [cell.y.checked_sub(1), cell.y.checked_add(1)];
    let free = beside.into_iter().flatten().find(|y| rows.contains(y) && !own_rows.contains(y));
    if let Some(y) = free {
        let label = format!(" {} ", safe::name(&peer.presence.name, peer.id.0));
        let cells = unicode_width::UnicodeWidthStr::width(label.as_str()) as u16;
        let x = cell.x.min(screen.width().saturating_sub(cells)).max(layout.gutter);
        put(screen, x, screen.width(), y, &label, style);
    }
}
