//! The bar at the right edge: which part of the text is shown, where the others are, where what was found is.

use std::borrow::Cow;

use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::editor::Model;
use crate::editor::layout::Layout;

use super::safe;
use super::screen::Screen;
use super::theme::Theme;

/// Bytes up to which a text is searched whole for marks, which each frame of an open search does.
const SEARCHED_BYTES_MAX: usize = 1 << 20;

/// Draws the bar: the part that is shown solid, a dash for what was found, an initial for each person.
pub fn draw(model: &Model, layout: &Layout, theme: &Theme, screen: &mut Screen) {
    let (Some(x), rope, rows) = (layout.scrollbar, model.rope(), usize::from(layout.text_rows)) else {
        return;
    };
    let n_lines = rope.len_lines();
    let row_of = |line: usize| (line * rows / n_lines).min(rows.saturating_sub(1));
    let shown = row_of(model.scroll.top)..=row_of(model.row_from(model.top(), rows as isize - 1).line);
    let bar = |row: usize| (Cow::Borrowed(if shown.contains(&row) { "█" } else { "│" }), theme.scroll);
    let mut marks: Vec<(Cow<'_, str>, Style)> = (0..rows).map(bar).collect();
    let mut mark = |row: usize, symbol: Cow<'static, str>, style: Style| {
        if let Some(mark) = marks.get_mut(row) {
            *mark = (symbol, style);
        }
    };
    if rope.len_bytes() <= SEARCHED_BYTES_MAX {
        for found in model.lit_matches(0..rope.len_chars()) {
            mark(row_of(rope.char_to_line(found.start.min(rope.len_chars()))), "-".into(), theme.found);
        }
    }
    for peer in &model.people {
        let at = peer.presence.cursor.and_then(|cursor| model.document().resolve(cursor)).or(peer.at);
        let Some(at) = at.filter(|&at| at <= rope.len_chars()) else { continue };
        let name = safe::name(&peer.presence.name, peer.id.0);
        let initial = name.graphemes(true).next().filter(|initial| initial.width() == 1).unwrap_or("@");
        mark(row_of(rope.char_to_line(at)), initial.to_owned().into(), theme.on_person(peer.presence.color));
    }
    for (y, (symbol, style)) in (layout.text_top..).zip(marks) {
        screen.set_beside(x, y, &symbol, theme.text.patch(style));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::MonoTime;
    use crate::crdt::clock::ReplicaId;
    use crate::document::Document;
    use crate::editor::file::FileMeta;
    use crate::editor::{Msg, update};

    /// The bar's column of a screen of 40 by 12, from the text's first row to its last.
    fn bar(n_lines: usize, line: usize) -> String {
        let mut document = Document::new(ReplicaId::new(1));
        document.insert(0, &"x\n".repeat(n_lines - 1)).expect("it fits");
        let mut model = Model::new(document, FileMeta::default());
        update(&mut model, Msg::Resize(40, 12), MonoTime(0));
        model.go_to(line, 1);
        update(&mut model, Msg::Tick, MonoTime(0));
        let mut screen = Screen::new(40, 12);
        crate::view::draw(&model, &Theme::default(), MonoTime(0), &mut screen);
        (1..11).map(|y| screen[(39, y)].symbol().to_owned()).collect()
    }

    #[test]
    fn the_bar_is_solid_where_the_text_is_shown() {
        assert_eq!(bar(40, 1), "███│││││││");
        let at_end = bar(40, 40);
        assert!(at_end.starts_with("││││") && at_end.ends_with("█"), "{at_end}");
    }

    #[test]
    fn a_text_that_is_shown_whole_has_no_bar() {
        assert_eq!(bar(10, 1).trim(), "");
    }
}
