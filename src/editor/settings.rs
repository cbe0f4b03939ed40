//! What the configuration says to the editor.

use super::keymap::Keymap;

/// Every setting of the editor, as the configuration gives it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which keys run which command.
    pub keymap: Keymap,
    /// Whether keys mean what they mean in vim.
    pub is_vim: bool,
    /// The name of the theme.
    pub theme: String,
    /// Whether a bar at the right edge shows where in the text one is.
    pub scrollbar: bool,
    /// Whether the screen is for somebody who hears it: no lines drawn, no numbers, messages on a row of their own.
    pub is_spoken: bool,
    /// One step of indentation: so many blanks, or a tab for 0.
    pub indent: u8,
    /// Whether a new line is indented as the one before.
    pub auto_indent: bool,
    /// Whether saving takes blanks from the ends of lines.
    pub trim_blanks: bool,
    /// Whether saving ends the last line.
    pub final_newline: bool,
    /// Whether undo goes on after a file was closed.
    pub keep_undo: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            keymap: Keymap::default(),
            is_vim: false,
            theme: "terminal".to_owned(),
            scrollbar: true,
            is_spoken: false,
            indent: 0,
            auto_indent: true,
            trim_blanks: false,
            final_newline: false,
            keep_undo: true,
        }
    }
}
