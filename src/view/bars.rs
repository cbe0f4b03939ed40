//! The title, the status line and the prompt.

use ratatui::layout::Position;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::base::time::MonoTime;
use crate::editor::Model;
use crate::editor::find::COUNT_MAX;
use crate::editor::help::wrapped;
use crate::editor::layout::Layout;
use crate::editor::prompt::Prompt;

use super::screen::{Screen, source_of};
use super::theme::Theme;
use super::{line_input, put, safe};

/// Draws the file's name, whether it is modified, and who is here.
pub fn title(model: &Model, theme: &Theme, row: u16, screen: &mut Screen) {
    let width = screen.width();
    let mut people: Vec<(String, Style)> = model
        .people
        .iter()
        .map(|peer| {
            let name = safe::name(&peer.presence.name, peer.id.0);
            (name, Style::new().fg(theme.person(peer.presence.color)))
        })
        .collect();
    if !people.is_empty() {
        people.push(("you".to_owned(), theme.title));
    }
    let number = model.number.map_or(String::new(), |(n, of, is_other_modified)| {
        format!("{n}/{of}{} ", if is_other_modified { "●" } else { "" })
    });
    let name = format!("{number}{}", safe::line(&model.file.name));
    let state = match (model.file.loading, &model.file.read_only) {
        (Some(percent), _) => format!("[loading {percent} %]"),
        (None, Some(_)) => "[read only]".to_owned(),
        (None, None) => String::new(),
    };
    let source = source_of(("title", &name, model.is_marked(), &state, &people, theme.title, theme.mark));
    if !screen.starts(row, source, theme.text.patch(theme.title)) {
        return;
    }
    // From the right, as many as leave half of the line to the name.
    let mut left = width;
    let n_people = people.len();
    for (i, (name, style)) in people.into_iter().rev().enumerate() {
        let cells = name.width() as u16 + 2;
        if left < width / 2 + cells {
            let more = format!("+{}", n_people - i);
            left = left.saturating_sub(more.width() as u16 + 2);
            put(screen, left, width, row, &more, theme.title);
            break;
        }
        left -= cells;
        put(screen, left, width, row, &name, style);
    }
    let x = put(screen, 1, left.saturating_sub(3), row, &name, theme.title);
    if model.is_marked() {
        put(screen, x, left, row, " ●", theme.title);
    }
    put(screen, x + 3, left, row, &state, theme.mark);
    screen.ends(row, source);
}

/// Draws the state in words: the connection and `notice` at the left, the place and the file at the right.
pub fn status(model: &Model, notice: &str, theme: &Theme, now: MonoTime, row: u16, screen: &mut Screen) {
    let width = screen.width();
    screen.clear(row, theme.text.patch(theme.status));
    let right = place_and_file(model, width);
    let start = width.saturating_sub(right.width() as u16);
    let mut left = state(model, now);
    if !notice.is_empty() {
        left.push_str(" · ");
        left.push_str(&safe::line(notice));
    }
    let fits = left.width() < usize::from(start);
    let end = if fits { start } else { start.saturating_sub(2) };
    let x = put(screen, 0, end, row, &left, theme.status);
    if !fits {
        put(screen, x, start, row, "…", theme.status);
    }
    put(screen, start, width, row, &right, theme.status);
}

/// The right part of a status line of so many columns.
fn place_and_file(model: &Model, width: u16) -> String {
    let line = model.line();
    let column = model.caret() - model.rope().line_to_char(line);
    let place = format!("{}:{}", line + 1, column + 1);
    let format = model.file.format;
    let file = format!("{} {}", format.line_ending.name(), format.encoding.name());
    let mut language = model.language.name.to_owned();
    if let Some(why) = model.plain_because() {
        language.push_str(&format!(": {why}, plain"));
    }
    let right = [
        format!("{place} │ {language} │ {file} │ F1 help "),
        format!("{place} │ {file} │ F1 help "),
        format!("{place} │ F1 help "),
        format!("{place} "),
    ];
    let mut right = right.map(|text| if model.settings.is_spoken { text.replace(" │", ",") } else { text });
    let fits = right.iter().position(|text| text.width() * 2 <= usize::from(width));
    std::mem::take(&mut right[fits.unwrap_or(2)])
}

/// The left part of the status line, which is always in words, whatever else there is to say.
fn state(model: &Model, now: MonoTime) -> String {
    let with = model.link.as_ref().map_or("", |link| &link.server.host);
    let mode = if model.settings.is_vim { format!("{} · ", model.vim.words()) } else { String::new() };
    let read_only = model.file.read_only.as_ref().filter(|_| model.file.loading.is_none());
    let state = match (read_only, &model.notice) {
        (Some(why), None) => format!("read only: {why}"),
        (Some(_), Some(_)) => "read only".to_owned(),
        (None, _) => model.connection.words(with, now),
    };
    let mut left = format!(" {}{}", safe::line(&mode), safe::line(&state));
    if !model.others.is_empty() {
        left.push_str(&format!(" · {} carets", model.others.len() + 1));
    }
    if !model.people.is_empty() {
        left.push_str(&format!(" · {} here", model.people.len() + 1));
    }
    let hidden = model.hidden.words();
    if !hidden.is_empty() {
        left.push_str(" · ");
        left.push_str(&hidden);
    }
    left
}

/// Rows of a message that does not fit beside the state.
const NOTICE_ROWS_MAX: usize = 3;

/// Returns a message as rows of its own, none if it fits on the status line or there is no room for rows.
pub fn notice_rows(model: &Model, layout: &Layout, now: MonoTime) -> Vec<String> {
    let Some(notice) = model.notice.as_ref().filter(|_| !model.settings.is_spoken) else { return Vec::new() };
    let width = model.size().0;
    let text = safe::line(&notice.text);
    let room = usize::from(width).saturating_sub(place_and_file(model, width).width());
    if state(model, now).width() + 3 + text.width() < room {
        return Vec::new();
    }
    let cells = usize::from(model.screen().0.saturating_sub(4));
    let mut rows = wrapped(&text, cells);
    if NOTICE_ROWS_MAX < rows.len() {
        rows.truncate(NOTICE_ROWS_MAX);
        rows[NOTICE_ROWS_MAX - 1].push_str(" …");
    }
    let has_room = layout.status.is_some() && rows.len() + 1 < usize::from(layout.text_rows);
    if has_room { rows } else { Vec::new() }
}

/// Draws a message in rows over the text, of which `first..end` are its rows: above the status line, or at the top where the cursor
/// is there.
pub fn notice_over(
    rows: &[String],
    (first, end): (u16, u16),
    cursor: Option<Position>,
    theme: &Theme,
    screen: &mut Screen,
) {
    let n_rows = rows.len() as u16;
    let below = end.saturating_sub(n_rows);
    let start = if cursor.is_some_and(|at| below <= at.y && at.y < end) { first } else { below };
    for (y, text) in (start..screen.height()).zip(rows) {
        screen.clear(y, theme.text.patch(theme.overlay));
        put(screen, 1, screen.width(), y, text, theme.overlay.patch(theme.prompt));
    }
}

/// Draws what there is to say on a row of its own.
pub fn notice(model: &Model, theme: &Theme, row: u16, screen: &mut Screen) {
    screen.clear(row, theme.text);
    if let Some(notice) = &model.notice {
        let width = screen.width();
        put(screen, 0, width, row, &safe::line(&notice.text), theme.prompt);
    }
}

/// Cells at the right of what is typed that are kept for how many matches there are.
const ABOUT_CELLS: u16 = 16;

/// Draws the open question and returns where the cursor belongs.
pub fn prompt(model: &Model, theme: &Theme, row: u16, screen: &mut Screen) -> Option<Position> {
    let prompt = model.prompt.as_ref()?;
    let width = screen.width();
    screen.clear(row, theme.text);
    let mut x =
        put(screen, 0, width, row, &format!(" {}", prompt.question(model.kept(), width)), theme.prompt);
    let Some(input) = prompt.input() else {
        return Some(Position::new(x.min(width.saturating_sub(1)), row));
    };
    // Beside it there is something to read, where there is room for both.
    let beside = if width < 2 * ABOUT_CELLS { 1 } else { ABOUT_CELLS };
    let end = width.saturating_sub(beside).max(x);
    let (after, caret) = line_input(input, x..end, row, theme.text, theme, screen);
    x = after;
    let cursor = Position::new(caret.min(width.saturating_sub(1)), row);
    if matches!(prompt, Prompt::Find { .. } | Prompt::Replace { .. }) {
        let mut x = x + 2;
        // Whole or not at all, but for the first.
        for (n, part) in about_find(model, prompt).into_iter().enumerate() {
            if 0 < n && usize::from(width.saturating_sub(x)) < part.width() {
                break;
            }
            x = put(screen, x, width, row, &part, theme.gutter) + 2;
        }
    }
    Some(cursor)
}

/// How many matches there are, how they are searched for, and which keys change that.
fn about_find(model: &Model, prompt: &Prompt) -> Vec<String> {
    let find = &model.find;
    let plus = if COUNT_MAX <= find.n() { "+" } else { "" };
    let number = find.number_of(model.selection.range().start);
    let count = match (&find.error, find.n()) {
        _ if find.needle.is_empty() => String::new(),
        (Some(why), _) => why.clone(),
        (None, 0) if find.is_counting() => "searching …".to_owned(),
        (None, n) if find.is_counting() => format!("{n} so far"),
        (None, 0) => "not found".to_owned(),
        (None, n) => match number {
            Some(number) => format!("{number} of {n}{plus}"),
            None if n == 1 => "1 match".to_owned(),
            None => format!("{n}{plus} matches"),
        },
    };
    let options = find.options;
    let switch =
        |is_on: bool, key: &str, name: &str| format!("{key} {name}{}", if is_on { ":on" } else { "" });
    let scope = if find.scope.is_some() { " in the selection" } else { "" };
    let count = format!("{}{scope}", safe::line(&count));
    let switches = [
        switch(options.is_exact, "Alt-C", "case"),
        switch(options.is_word, "Alt-W", "word"),
        switch(options.is_regex, "Alt-R", "regex"),
    ];
    let keys: &[&str] = match prompt {
        Prompt::Replace { .. } => &["Enter one", "Ctrl-A all", "Tab back"],
        _ => &["Tab replace", "Alt-S stay", "Esc back"],
    };
    let keys = keys.iter().map(|&key| key.to_owned());
    // What is done with the matches matters more than what they are, where there is no room for both.
    match prompt {
        Prompt::Replace { .. } => [count].into_iter().chain(keys).chain(switches).collect(),
        _ => [count].into_iter().chain(switches).chain(keys).collect(),
    }
}
