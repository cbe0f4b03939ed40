//! What every part of the screen looks like.

pub mod depth;
pub mod file;

use ratatui::style::{Color, Modifier, Style};

use crate::syntax::kind::{KINDS, Kind};

/// The style of every part of the screen.
#[derive(Clone, Debug)]
pub struct Theme {
    /// The text.
    pub text: Style,
    /// Line numbers and their bar.
    pub gutter: Style,
    /// The title line.
    pub title: Style,
    /// The status line.
    pub status: Style,
    /// A question at the foot.
    pub prompt: Style,
    /// One's own selection.
    pub selection: Style,
    /// A match of the search.
    pub found: Style,
    /// The bracket at the caret and the one that belongs to it.
    pub bracket: Style,
    /// A character that is written out.
    pub mark: Style,
    /// A box over the text.
    pub overlay: Style,
    /// The bar at the right edge that shows where in the text one is.
    pub scroll: Style,
    /// What each kind of text looks like, over `text`; by `Kind as usize`.
    pub kinds: [Style; KINDS.len()],
    /// The colours of the people, by the index that presence carries.
    pub people: [Color; 16],
    /// Text on one of these.
    pub on_people: Color,
    /// Whether there are colours at all.
    pub has_color: bool,
}

/// The names of the parts of the screen in a theme's file.
const PARTS: [&str; 11] = [
    "text",
    "gutter",
    "title",
    "status",
    "prompt",
    "selection",
    "found",
    "bracket",
    "mark",
    "overlay",
    "scroll",
];

impl Default for Theme {
    fn default() -> Theme {
        let (_, text) = file::BUILT_IN[0];
        file::parse(text).unwrap_or_else(|_| Theme::bare())
    }
}

impl Theme {
    /// A theme that changes nothing.
    fn bare() -> Theme {
        let none = Style::new();
        Theme {
            text: none,
            gutter: none,
            title: none,
            status: none,
            prompt: none,
            selection: none,
            found: none,
            bracket: none,
            mark: none,
            overlay: none,
            scroll: none,
            kinds: [none; KINDS.len()],
            people: [Color::Reset; 16],
            on_people: Color::Black,
            has_color: true,
        }
    }

    /// Returns one of the compiled-in themes.
    pub fn built_in(name: &str) -> Option<Theme> {
        let (_, text) = file::BUILT_IN.iter().find(|(other, _)| *other == name)?;
        file::parse(text).ok()
    }

    fn part(&mut self, name: &str) -> Option<&mut Style> {
        self.parts_mut().into_iter().find(|(other, _)| *other == name).map(|(_, style)| style)
    }

    fn parts_mut(&mut self) -> [(&'static str, &mut Style); PARTS.len()] {
        let Theme {
            text,
            gutter,
            title,
            status,
            prompt,
            selection,
            found,
            bracket,
            mark,
            overlay,
            scroll,
            ..
        } = self;
        let styles = [text, gutter, title, status, prompt, selection, found, bracket, mark, overlay, scroll];
        let mut names = PARTS.iter();
        styles.map(|style| (names.next().copied().unwrap_or(""), style))
    }

    /// Returns what a kind of text looks like, over `text`.
    pub fn kind(&self, kind: Kind) -> Style {
        self.kinds[kind as usize]
    }

    /// Returns somebody's colour.
    pub fn person(&self, color: u8) -> Color {
        self.people[usize::from(color) % self.people.len()]
    }

    /// Returns the style of text on somebody's colour.
    pub fn on_person(&self, color: u8) -> Style {
        match self.has_color {
            true => Style::new().bg(self.person(color)).fg(self.on_people),
            false => Style::new().add_modifier(Modifier::REVERSED),
        }
    }
}
