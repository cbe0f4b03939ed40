//! The keys as they are read on the screen.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::command::COMMANDS;
use super::{Model, glyph};

/// Rows of the screen that the list leaves to the box around it, the title and the status line.
const ROWS_BESIDE: u16 = 4;

/// Cells of a row that the box takes.
const CELLS_BESIDE: u16 = 4;

impl Model {
    /// Returns every command with the keys that are in force, as rows for this screen. What has no room beside the words goes below
    /// them.
    pub fn help_rows(&self) -> Vec<String> {
        let cells = usize::from(self.screen.0.saturating_sub(CELLS_BESIDE)).max(1);
        let entries = COMMANDS.iter().map(|command| (command.about, self.settings.keymap.keys_of(command)));
        let entries: Vec<(&str, String)> = entries.map(|(about, keys)| (about, keys.join("  "))).collect();
        let both = |(about, keys): &(&str, String)| about.width() + 2 + keys.width();
        // No wider than need be: on a wide screen the keys stay near the words.
        let wide = entries.iter().map(both).max().unwrap_or(0).min(cells);
        let mut rows = Vec::new();
        for entry @ (about, keys) in &entries {
            if both(entry) <= wide {
                let n_blanks = wide - about.width() - keys.width();
                rows.push(format!("{about}{}{keys}", " ".repeat(n_blanks)).trim_end().to_owned());
                continue;
            }
            rows.extend(wrapped(about, wide));
            rows.extend(wrapped(keys, wide).into_iter().map(|keys| format!("{:>wide$}", keys.trim_end())));
        }
        rows
    }

    /// Returns the last messages as rows for this screen, the newest first.
    pub fn message_rows(&self) -> Vec<String> {
        let cells = usize::from(self.screen.0.saturating_sub(CELLS_BESIDE)).max(3);
        let mut rows = Vec::new();
        for text in self.told() {
            let parts = wrapped(&glyph::line(text), cells - 2).into_iter().enumerate();
            rows.extend(parts.map(|(n, part)| format!("{}{part}", if n == 0 { "- " } else { "  " })));
        }
        rows
    }

    /// Returns how many rows of the help, or of messages, the screen shows at once.
    pub fn help_rows_shown(&self) -> usize {
        usize::from(self.screen.1.saturating_sub(ROWS_BESIDE)).max(1)
    }
}

/// Cuts a line into rows of at most so many cells, between words where it can.
pub fn wrapped(text: &str, cells: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    let mut room = cells;
    for word in text.split_inclusive(' ') {
        if room < word.trim_end().width() && room < cells {
            rows.push(String::new());
            room = cells;
        }
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if room < wide {
                // The blank between two words needs no cell of its own.
                if c == ' ' {
                    continue;
                }
                rows.push(String::new());
                room = cells;
            }
            rows.last_mut().into_iter().for_each(|row| row.push(c));
            room = room.saturating_sub(wide);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::MonoTime;
    use crate::crdt::ReplicaId;
    use crate::document::Document;
    use crate::editor::file::FileMeta;
    use crate::editor::{Msg, update};

    #[test]
    fn every_command_and_every_key_is_read_whole_on_a_screen_of_any_width() {
        let mut model = Model::new(Document::new(ReplicaId::new(1)), FileMeta::default());
        for columns in [20, 30, 50, 80, 120, 300] {
            update(&mut model, Msg::Resize(columns, 10), MonoTime(0));
            let rows = model.help_rows();
            assert!(rows.iter().all(|row| row.width() <= usize::from(columns) - 4), "{columns}: {rows:?}");
            let all = rows.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
            for command in COMMANDS {
                assert!(all.contains(command.about), "{columns}: {}", command.about);
                for keys in model.settings().keymap.keys_of(command) {
                    assert!(all.contains(&keys), "{columns}: {keys}");
                }
            }
        }
    }

    #[test]
    fn rows_end_between_words_and_a_longer_word_is_cut_but_never_short() {
        assert_eq!(wrapped("it was tried again", 10), ["it was ", "tried ", "again"]);
        assert_eq!(wrapped("see http://a/d/xyz", 8), ["see ", "http://a", "/d/xyz"]);
        assert_eq!(wrapped("12345678 9", 8), ["12345678", "9"]);
        assert_eq!(wrapped("", 8), [""]);
        assert_eq!(wrapped("日本語", 5), ["日本", "語"]);
    }

    #[test]
    fn a_long_path_in_a_message_is_read_to_its_end() {
        let mut model = Model::new(Document::new(ReplicaId::new(1)), FileMeta::default());
        update(&mut model, Msg::Resize(20, 10), MonoTime(0));
        update(&mut model, Msg::Notice(format!("cannot write /{}\u{1b}/end", "d/".repeat(30))), MonoTime(0));
        let rows = model.message_rows();
        assert!(rows.iter().all(|row| row.width() <= 16), "{rows:?}");
        assert!(rows.last().is_some_and(|row| row.ends_with("^[/end")), "{rows:?}");
    }
}
