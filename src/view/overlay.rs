//! Boxes over the text: the keys, and who is here.

use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::editor::Model;
use crate::editor::panes::Area;
use crate::editor::people::Peer;
use crate::protocol::presence::Activity;

use super::screen::Screen;
use super::theme::Theme;
use super::{boxed, put, safe};

/// Draws every command with the keys that are in force.
pub fn help(model: &Model, first: usize, theme: &Theme, screen: &mut Screen) {
    let rows: Vec<_> = model.help_rows().into_iter().map(|row| (row, theme.overlay)).collect();
    let first = first.min(rows.len().saturating_sub(model.help_rows_shown()));
    let title = title_for(screen, "Keys (Up and Down scroll, Esc closes)", "Keys (Esc)");
    panel(title, &rows[first..], model.settings.is_spoken, theme, screen);
}

/// Draws the last messages.
pub fn messages(model: &Model, first: usize, theme: &Theme, screen: &mut Screen) {
    let rows = match model.message_rows() {
        rows if rows.is_empty() => vec!["nothing was said yet".to_owned()],
        rows => rows,
    };
    let rows: Vec<_> = rows.into_iter().map(|row| (row, theme.overlay)).collect();
    let first = first.min(rows.len().saturating_sub(model.help_rows_shown()));
    let title = title_for(screen, "Messages (Up and Down scroll, Esc closes)", "Messages");
    panel(title, &rows[first..], model.settings.is_spoken, theme, screen);
}

/// Draws the link, which is always in view, and below it who is here, each with colour and what they do.
pub fn people(model: &Model, first: usize, theme: &Theme, screen: &mut Screen) {
    let mut rows: Vec<_> = model.people_head_rows().into_iter().map(|row| (row, theme.overlay)).collect();
    let here = people_here(model, theme);
    let rows_shown = usize::from(screen.height()).saturating_sub(4).max(1);
    // What does not fit below the link goes over it, a row at a time.
    let first = first.min((rows.len() + here.len()).saturating_sub(rows_shown));
    rows.extend(here);
    let long = if rows_shown < rows.len() {
        "Who is here (Up and Down scroll, Esc closes)"
    } else {
        "Who is here (Esc closes)"
    };
    let title = title_for(screen, long, "Who is here");
    panel(title, &rows[first..], model.settings.is_spoken, theme, screen);
}

/// A row for the user and for each of the others.
fn people_here(model: &Model, theme: &Theme) -> Vec<(String, Style)> {
    let you = if model.own_name.is_empty() {
        "you".to_owned()
    } else {
        format!("{} (you)", safe::name(&model.own_name, 0))
    };
    let mut rows = vec![(format!("{:>6}  {you}", ""), theme.overlay)];
    for Peer { id, presence, .. } in &model.people {
        let name = safe::name(&presence.name, id.0);
        let line = presence.cursor.and_then(|cursor| model.document().resolve(cursor));
        let line = line.map_or(String::new(), |at| format!("line {}", model.rope().char_to_line(at) + 1));
        let activity = match presence.activity {
            Activity::Typing => "typing",
            Activity::Idle => "idle",
            Activity::Away => "away",
        };
        let row = format!("{:>6}  {name:<34} {activity:<7} {line}", id.0);
        rows.push((row, theme.overlay.fg(theme.person(presence.color))));
    }
    rows
}

/// Cells beside a box, at both sides together, that are too few for the text there to be made out.
const SCRAP_CELLS: u16 = 10;

/// Returns the title that a box as wide as the screen has room for.
fn title_for<'a>(screen: &Screen, long: &'a str, short: &'a str) -> &'a str {
    if long.width() + 6 <= usize::from(screen.width()) { long } else { short }
}

/// Draws a box with rows in the middle of the screen, cut to what fits.
fn panel(title: &str, rows: &[(String, Style)], is_spoken: bool, theme: &Theme, screen: &mut Screen) {
    let (width, height) = (screen.width(), screen.height());
    let wanted = rows.iter().map(|(row, _)| row.width() + 4).chain([title.width() + 6]).max().unwrap_or(0);
    let columns = u16::try_from(wanted).unwrap_or(width).min(width);
    // Scraps of the text beside the box say nothing, and would be read aloud with its rows.
    let columns = if is_spoken || width - columns < SCRAP_CELLS { width } else { columns };
    let n_rows = u16::try_from(rows.len() + 2).unwrap_or(height).min(height.saturating_sub(2)).max(1);
    let area = Area { x: (width - columns) / 2, y: height.saturating_sub(n_rows) / 2, columns, rows: n_rows };
    let inside = boxed(area, title, is_spoken, theme, screen);
    for (row, (text, style)) in (inside.y..inside.y + inside.rows).zip(rows) {
        put(screen, inside.x + 1, inside.x + inside.columns, row, text, *style);
    }
}
