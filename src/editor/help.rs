//! The keys as they are read on the screen.

use unicode_width::UnicodeWidthStr;

use super::Model;
use super::command::COMMANDS;

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
            rows.extend(broken(about, wide));
            rows.extend(broken(keys, wide).into_iter().map(|keys| format!("{keys:>wide$}")));
        }
        rows
    }

    /// Returns the last messages as rows for this screen, the newest first.
    pub fn message_rows(&self) -> Vec<String> {
        let cells = usize::from(self.screen.0.saturating_sub(CELLS_BESIDE)).max(3);
        let mut rows = Vec::new();
        for text in self.told() {
            let parts = broken(text, cells - 2).into_iter().enumerate();
            rows.extend(parts.map(|(n, part)| format!("{}{part}", if n == 0 { "- " } else { "  " })));
        }
        rows
    }

    /// Returns how many rows of the help, or of messages, the screen shows at once.
    pub fn help_rows_shown(&self) -> usize {
        usize::from(self.screen.1.saturating_sub(ROWS_BESIDE)).max(1)
    }
}

/// Breaks words into rows of so many cells; a word that is longer has a row of its own.
pub fn broken(text: &str, cells: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match rows.last_mut() {
            Some(row) if row.width() + 1 + word.width() <= cells => {
                row.push(' ');
                row.push_str(word);
            }
            _ => rows.push(word.to_owned()),
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
    fn words_are_not_broken() {
        assert_eq!(broken("save the file", 8), ["save the", "file"]);
        assert_eq!(broken("unbreakable x", 4), ["unbreakable", "x"]);
        assert_eq!(broken("", 4), [""; 0]);
    }
}
