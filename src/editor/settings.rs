//! What the configuration says to the editor.

use crate::base::text_format::LineEnding;
use crate::base::text_format::encoding::Encoding;

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
    /// Whether long lines go on in the next row.
    pub wrap: bool,
    /// One step of indentation where a text shows none of its own: so many blanks, or a tab for 0. `None` is what is usual
    /// in its language.
    pub indent: Option<u8>,
    /// Whether a new line is indented as the one before.
    pub auto_indent: bool,
    /// Whether saving takes blanks from the ends of lines.
    pub trim_blanks: bool,
    /// Whether saving ends the last line.
    pub final_newline: bool,
    /// Whether undo goes on after a file was closed.
    pub keep_undo: bool,
    /// Whether the program, with no file named, opens what was open in the folder last.
    pub restores: bool,
}

/// What an `.editorconfig` says about one file; `None` where it says nothing, and the configuration counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileSettings {
    /// One step of indentation: so many blanks, or a tab for 0.
    pub indent: Option<u8>,
    /// Columns from one tab stop to the next.
    pub tab_width: Option<u8>,
    /// Whether saving takes blanks from the ends of lines.
    pub trim_blanks: Option<bool>,
    /// Whether saving ends the last line.
    pub final_newline: Option<bool>,
    /// How lines end in a file that is not there yet.
    pub line_ending: Option<LineEnding>,
    /// How a file is written that is not there yet, and read where its bytes do not say.
    pub encoding: Option<Encoding>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            keymap: Keymap::default(),
            is_vim: false,
            theme: "terminal".to_owned(),
            scrollbar: true,
            is_spoken: false,
            wrap: false,
            indent: None,
            auto_indent: true,
            trim_blanks: false,
            final_newline: false,
            keep_undo: true,
            restores: true,
        }
    }
}
