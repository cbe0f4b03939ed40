//! Boxes over the text: the keys, and who is here.

use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::editor::Model;
use crate::editor::command::COMMANDS;
use crate::editor::panes::Area;
use crate::editor::people::Peer;
use crate::protocol::presence::Activity;
use crate::sync::Status;

use super::screen::Screen;
use super::theme::Theme;
use super::{boxed, put, safe};

/// Draws every command with the keys that are in force.
pub fn help(model: &Model, first: usize, theme: &Theme, screen: &mut Screen) {
    let keys: Vec<String> =
        COMMANDS.iter().map(|command| model.settings.keymap.keys_of(command).join("  ")).collect();
    let wide = keys.iter().map(|keys| keys.width()).max().unwrap_or(0);
    let rows = keys.iter().zip(COMMANDS);
    let rows: Vec<_> =
        rows.map(|(keys, command)| (format!("{keys:<wide$}  {}", command.about), theme.overlay)).collect();
    let rows_shown = usize::from(screen.height()).saturating_sub(4).max(1);
    let first = first.min(rows.len().saturating_sub(rows_shown));
    panel("Keys (Up and Down scroll, Esc closes)", &rows[first..], model.settings.is_spoken, theme, screen);
}

/// Draws who is here, each with colour and what they do.
pub fn people(model: &Model, theme: &Theme, screen: &mut Screen) {
    let you = if model.own_name.is_empty() {
        "you".to_owned()
    } else {
        format!("{} (you)", safe::name(&model.own_name, 0))
    };
    let mut rows = vec![(you, theme.overlay)];
    for Peer { id, presence, .. } in &model.people {
        let name = safe::name(&presence.name, id.0);
        let line = presence.cursor.and_then(|cursor| model.document().resolve(cursor));
        let line = line.map_or(String::new(), |at| format!("line {}", model.rope().char_to_line(at) + 1));
        let activity = match presence.activity {
            Activity::Typing => "typing",
            Activity::Idle => "idle",
            Activity::Away => "away",
        };
        let row = format!("{name:<34} #{:04x}  {activity:<7} {line}", id.0 & 0xffff);
        rows.push((row, theme.overlay.fg(theme.person(presence.color))));
    }
    let cells = usize::from(screen.width()).saturating_sub(4).max(1);
    let mut wrapped = |text: &str| {
        let text: Vec<char> = safe::line(text).chars().collect();
        rows.push((String::new(), theme.overlay));
        rows.extend(text.chunks(cells).map(|part| (part.iter().collect(), theme.overlay)));
    };
    match &model.connection {
        Status::Offline { reason, .. } if !reason.is_empty() => wrapped(&format!("offline: {reason}")),
        Status::Denied { sentence, .. } => wrapped(&format!("denied: {sentence}; F5 tries again")),
        Status::Paused { sentence, .. } => wrapped(&format!("waiting: {sentence}")),
        _ => {}
    }
    if let Some(link) = &model.link {
        // Cut into rows, never short: half a link leads nowhere.
        wrapped("Others join with: coedit join LINK");
        wrapped(&link.to_string());
    }
    panel("Who is here (Esc closes)", &rows, model.settings.is_spoken, theme, screen);
}

/// Draws a box with rows in the middle of the screen, cut to what fits.
fn panel(title: &str, rows: &[(String, Style)], is_spoken: bool, theme: &Theme, screen: &mut Screen) {
    let (width, height) = (screen.width(), screen.height());
    let wanted = rows.iter().map(|(row, _)| row.width() + 4).chain([title.width() + 6]).max().unwrap_or(0);
    let columns = u16::try_from(wanted).unwrap_or(width).min(width);
    let n_rows = u16::try_from(rows.len() + 2).unwrap_or(height).min(height.saturating_sub(2)).max(1);
    let area = Area { x: (width - columns) / 2, y: height.saturating_sub(n_rows) / 2, columns, rows: n_rows };
    let inside = boxed(area, title, is_spoken, theme, screen);
    for (row, (text, style)) in (inside.y..inside.y + inside.rows).zip(rows) {
        put(screen, inside.x + 1, inside.x + inside.columns, row, text, *style);
    }
}
