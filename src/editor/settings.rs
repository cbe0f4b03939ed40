//! What the configuration says to the editor.

use crate::base::text_format::LineEnding;
use crate::base::text_format::encoding::Encoding;
use crate::base::time::MonoTime;

use super::Model;
use super::glyph::TabWidth;
use super::indentation::{BLANKS_MAX, Indentation};
use super::keymap::Keymap;
use super::picker::{Item, Picker, PickerKind};

/// How many cells wide paragraphs are made where nothing says otherwise.
const TEXT_WIDTH: usize = 80;

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
    /// Whether lines have numbers.
    pub line_numbers: bool,
    /// Whether blanks and tabs are shown.
    pub show_blanks: bool,
    /// Whether long lines go on in the next row.
    pub wrap: bool,
    /// One step of indentation where a text shows none of its own: so many blanks, or a tab for 0. `None` is what is usual
    /// in its language.
    pub indent: Option<u8>,
    /// Cells from one tab stop to the next.
    pub tab_width: TabWidth,
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
    /// Cells from one tab stop to the next.
    pub tab_width: Option<TabWidth>,
    /// How many cells wide lines should be at most.
    pub text_width: Option<usize>,
    /// Whether saving takes blanks from the ends of lines.
    pub trim_blanks: Option<bool>,
    /// Whether saving ends the last line.
    pub final_newline: Option<bool>,
    /// How lines end in a file that is not there yet.
    pub line_ending: Option<LineEnding>,
    /// How a file is written that is not there yet, and read where its bytes do not say.
    pub encoding: Option<Encoding>,
}

/// What the user chose for one text while it is open, which counts before all else; `None` where nothing was chosen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chosen {
    /// One step of indentation: so many blanks, or a tab for 0.
    pub indent: Option<u8>,
    /// Cells from one tab stop to the next.
    pub tab_width: Option<TabWidth>,
    /// Whether long lines go on in the next row.
    pub wrap: Option<bool>,
    /// Whether lines have numbers.
    pub numbers: Option<bool>,
    /// Whether blanks and tabs are shown.
    pub blanks: Option<bool>,
    /// How many cells wide paragraphs are made that are filled anew.
    pub text_width: Option<usize>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            keymap: Keymap::default(),
            is_vim: false,
            theme: "terminal".to_owned(),
            scrollbar: true,
            is_spoken: false,
            line_numbers: true,
            show_blanks: false,
            wrap: false,
            indent: None,
            tab_width: TabWidth::default(),
            auto_indent: true,
            trim_blanks: false,
            final_newline: false,
            keep_undo: true,
            restores: true,
        }
    }
}

impl Model {
    /// Returns what the configuration says.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes in what the configuration says.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
        self.look_at_indentation();
    }

    /// Takes in what an `.editorconfig` says about the file.
    pub fn set_file_settings(&mut self, settings: FileSettings) {
        self.file_settings = settings;
        self.look_at_indentation();
    }

    /// Decides anew how wide a tab is, and what one step of indentation is.
    pub(super) fn look_at_indentation(&mut self) {
        let (chosen, file, settings) = (&self.chosen, &self.file_settings, &self.settings);
        self.tab_width = chosen.tab_width.or(file.tab_width).unwrap_or(settings.tab_width);
        self.indentation = Indentation::of(self.document.rope(), chosen, file, settings, self.language);
    }

    /// Returns whether lines have numbers.
    pub fn has_numbers(&self) -> bool {
        self.chosen.numbers.unwrap_or(self.settings.line_numbers)
    }

    /// Returns whether blanks and tabs are shown.
    pub fn shows_blanks(&self) -> bool {
        self.chosen.blanks.unwrap_or(self.settings.show_blanks)
    }

    /// Returns how many cells wide paragraphs are made that are filled anew.
    pub(crate) fn text_width(&self) -> usize {
        self.chosen.text_width.or(self.file_settings.text_width).unwrap_or(TEXT_WIDTH)
    }

    /// Returns how many cells wide a step of indentation is.
    pub(crate) fn indent_cells(&self) -> usize {
        let Indentation { is_tab, n_blanks, .. } = self.indentation;
        usize::from(if is_tab { self.tab_width.cells() } else { n_blanks })
    }

    /// Asks how wide a tab is to be drawn in this text.
    pub(crate) fn pick_tab_width(&mut self) {
        let widths = (1..=TabWidth::MAX).map(TabWidth::new);
        let item = |width: TabWidth| Item {
            text: format!("{} cells", width.cells()),
            detail: if width == self.tab_width { "now" } else { "" }.to_owned(),
        };
        self.picker = Some(Picker::new(PickerKind::TabWidths, widths.map(item).collect()));
    }

    /// A tab is so wide in this text from now on, whatever else says something.
    pub(crate) fn choose_tab_width(&mut self, width: TabWidth, now: MonoTime) {
        self.chosen.tab_width = Some(width);
        self.look_at_indentation();
        self.notify(format!("a tab is {} wide in this text", width.cells()), now);
    }

    /// Asks what this text is to be indented by.
    pub(crate) fn pick_indentation(&mut self) {
        let Indentation { is_tab, n_blanks, .. } = self.indentation;
        let item = |n: u8| Item {
            text: Indentation::step(n),
            detail: if n == if is_tab { 0 } else { n_blanks } { "now" } else { "" }.to_owned(),
        };
        self.picker = Some(Picker::new(PickerKind::Indentations, (0..=BLANKS_MAX).map(item).collect()));
    }

    /// One step of indentation in this text is so many blanks from now on, or a tab for 0.
    pub(crate) fn choose_indentation(&mut self, n_blanks: u8, now: MonoTime) {
        self.chosen.indent = Some(n_blanks);
        self.look_at_indentation();
        self.notify(format!("this text is indented by {}", self.indentation.words()), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::editor::tests::Bench;

    #[test]
    fn what_was_chosen_for_a_text_counts_before_its_file_and_the_configuration() {
        let mut bench =
            Bench::new("a\t|b\n\tc\n", Settings { tab_width: TabWidth::new(3), ..Settings::default() });
        assert_eq!(bench.model.tab_width.cells(), 3);
        bench
            .model
            .set_file_settings(FileSettings { tab_width: Some(TabWidth::new(8)), ..FileSettings::default() });
        assert_eq!(bench.model.tab_width.cells(), 8);
        bench.press("<Ctrl-P>(tab-width)<Enter>2 c<Enter>");
        assert_eq!(bench.model.tab_width.cells(), 2);
        // The caret is behind two cells: there the second line has the end of its tab.
        bench.press("<Down>x");
        assert_eq!(bench.drawn(), "a\tb\n\tx|c\n");
        bench.press("<Ctrl-P>(indent-with)<Enter>3 bl<Enter><Home><Home><Tab>");
        assert_eq!(bench.drawn(), "a\tb\n   |\txc\n");
        bench.model.set_settings(Settings::default());
        assert_eq!((bench.model.tab_width.cells(), bench.model.indentation.n_blanks), (2, 3));
    }
}
