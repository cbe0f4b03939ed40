//! Colours.

use ratatui::style::{Color, Modifier, Style};

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
    /// A character that is written out.
    pub mark: Style,
    /// A box over the text.
    pub overlay: Style,
    /// The colours of the people, by the index that presence carries.
    pub people: [Color; 16],
}

impl Default for Theme {
    fn default() -> Theme {
        let people =
            [203, 78, 221, 75, 177, 80, 215, 111, 156, 211, 45, 228, 141, 120, 209, 117].map(Color::Indexed);
        Theme {
            text: Style::new(),
            gutter: Style::new().fg(Color::DarkGray),
            title: Style::new().add_modifier(Modifier::BOLD),
            status: Style::new().add_modifier(Modifier::REVERSED),
            prompt: Style::new().add_modifier(Modifier::BOLD),
            selection: Style::new().bg(Color::Indexed(24)).fg(Color::Indexed(255)),
            found: Style::new().bg(Color::Indexed(58)).fg(Color::Indexed(230)),
            mark: Style::new().fg(Color::Red).add_modifier(Modifier::DIM),
            overlay: Style::new().bg(Color::Indexed(236)).fg(Color::Indexed(252)),
            people,
        }
    }
}

impl Theme {
    /// Returns somebody's colour.
    pub fn person(&self, color: u8) -> Color {
        self.people[usize::from(color) % self.people.len()]
    }

    /// Returns the style of text on somebody's colour.
    pub fn on_person(&self, color: u8) -> Style {
        Style::new().bg(self.person(color)).fg(Color::Indexed(16))
    }
}
