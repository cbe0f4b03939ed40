//! One step of indentation in a text: what says so, and what its own lines show.

use ropey::Rope;

use crate::syntax::language::Language;

use super::settings::{Chosen, FileSettings, Settings};

/// Lines from the start of a text that are looked at.
const LINES_MAX: usize = 2_000;

/// Lines that must show a step: one alone may be anything.
const LINES_MIN: usize = 2;

/// Characters at the start of a line that are looked at.
const LINE_CHARS_MAX: usize = 200;

/// The most blanks that one step can be.
pub const BLANKS_MAX: u8 = 16;

/// What says how a text is indented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Its user, for this text.
    Chosen,
    /// A file `.editorconfig`.
    EditorConfig,
    /// The text's own lines.
    Text,
    /// `config.toml`.
    Configuration,
    /// What is usual in the language.
    Language,
}

/// One step of indentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indentation {
    /// Whether a step is a tab; else it is blanks.
    pub is_tab: bool,
    /// How many blanks a step is, 1 to `BLANKS_MAX`; of no meaning for a tab.
    pub n_blanks: u8,
    /// What says so.
    pub origin: Origin,
}

impl Indentation {
    /// Returns how a text is indented: as the first of these say that say anything, in the order of `Origin`.
    pub fn of(
        text: &Rope,
        chosen: &Chosen,
        file: &FileSettings,
        settings: &Settings,
        language: &Language,
    ) -> Indentation {
        let made = |n: u8, origin| Indentation { is_tab: n == 0, n_blanks: n.clamp(1, BLANKS_MAX), origin };
        let usual = language.indent;
        let usual = if usual == "\t" { 0 } else { usual.len() as u8 };
        let said = chosen.indent.map(|n| made(n, Origin::Chosen));
        said.or_else(|| file.indent.map(|n| made(n, Origin::EditorConfig)))
            .or_else(|| shown_by(text).map(|n| made(n, Origin::Text)))
            .or_else(|| settings.indent.map(|n| made(n, Origin::Configuration)))
            .unwrap_or_else(|| made(usual, Origin::Language))
    }

    /// Returns what one step is written as.
    pub fn unit(&self) -> String {
        if self.is_tab { "\t".to_owned() } else { " ".repeat(self.n_blanks.into()) }
    }

    /// Returns in words what a step of so many blanks is, or of a tab for 0.
    pub fn step(n_blanks: u8) -> String {
        match n_blanks {
            0 => "tabs".to_owned(),
            1 => "1 blank".to_owned(),
            n => format!("{n} blanks"),
        }
    }

    /// Returns in words what a step is, and what says so.
    pub fn words(&self) -> String {
        let step = Indentation::step(if self.is_tab { 0 } else { self.n_blanks });
        let origin = match self.origin {
            Origin::Chosen => "your choice",
            Origin::EditorConfig => ".editorconfig",
            Origin::Text => "the text itself",
            Origin::Configuration => "config.toml",
            Origin::Language => "the language",
        };
        format!("{step} (from {origin})")
    }
}

/// Returns the step that the text's lines show, 0 for a tab; `None` if hardly any is indented. The step is by how much
/// lines are most often deeper than the one before, since what is aligned with something above is so by any number.
/// O(`LINES_MAX`).
fn shown_by(text: &Rope) -> Option<u8> {
    let (mut n_tabs, mut n_deeper, mut before) = (0, [0_usize; 9], 0);
    for line in text.lines().take(LINES_MAX) {
        let mut n_blanks = 0;
        let mut first = None;
        for c in line.chars().take(LINE_CHARS_MAX) {
            match c {
                ' ' => n_blanks += 1,
                c => {
                    first = Some(c);
                    break;
                }
            }
        }
        match first {
            Some('\t') if n_blanks == 0 => n_tabs += 1,
            // Empty lines say nothing, and a star goes on with a comment.
            None | Some('\n' | '\r' | '*') => continue,
            Some(_) => {
                if let Some(n) = n_deeper.get_mut(usize::saturating_sub(n_blanks, before)) {
                    *n += 1;
                }
            }
        }
        before = n_blanks;
    }
    let steps = n_deeper.iter().enumerate().skip(2);
    let (step, n) = steps.max_by_key(|&(step, n)| (*n, std::cmp::Reverse(step)))?;
    match (n_tabs, *n) {
        (n_tabs, n) if n_tabs + n < LINES_MIN => None,
        (n_tabs, n) if n < n_tabs => Some(0),
        _ => Some(step as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, shown: Option<u8>) {
        assert_eq!(shown_by(&Rope::from_str(text)), shown, "{text:?}");
    }

    #[test]
    fn the_lines_show_their_step() {
        check("", None);
        check("a\nb\n\n   \n", None);
        check("a\n\tb\n\t\tc\nd\n", Some(0));
        check("a:\n  b:\n    c\n  d\n", Some(2));
        check("fn a() {\n    b {\n        c\n    }\n}\n", Some(4));
        check("if x:\n   y\nif z:\n   w\n", Some(3));
        check("if x:\n   y\n", None);
    }

    #[test]
    fn what_is_aligned_or_goes_on_with_a_comment_is_no_step() {
        check(
            "/*\n * a\n * b\n */\nint f(int a,\n      int b)\n{\n    x;\n}\nint g()\n{\n    y;\n}\n",
            Some(4),
        );
        check("a\n b\n", None);
        check("x\n\ty\n\tz\n    w\n\tv\n", Some(0));
    }

    #[test]
    fn the_first_that_says_anything_counts() {
        use crate::syntax::language::{PLAIN, named};
        let python = named("python").expect("known");
        let (none, settings) = (FileSettings::default(), Settings::default());
        let text = Rope::from_str("a:\n  b:\n    c\n");
        let words = |text: &Rope, file: &FileSettings, settings: &Settings| {
            Indentation::of(text, &Chosen::default(), file, settings, python).words()
        };
        assert_eq!(words(&Rope::new(), &none, &settings), "4 blanks (from the language)");
        let own = Settings { indent: Some(0), ..Settings::default() };
        assert_eq!(words(&Rope::new(), &none, &own), "tabs (from config.toml)");
        assert_eq!(words(&text, &none, &own), "2 blanks (from the text itself)");
        let file = FileSettings { indent: Some(0), ..none };
        assert_eq!(words(&text, &file, &own), "tabs (from .editorconfig)");
        let chosen = Chosen { indent: Some(3), ..Chosen::default() };
        let of = |chosen, text, file| Indentation::of(text, chosen, file, &settings, &PLAIN);
        assert_eq!(of(&chosen, &text, &file).words(), "3 blanks (from your choice)");
        assert_eq!(of(&Chosen::default(), &Rope::new(), &none).unit(), "\t");
    }
}
