//! Colours.

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
    /// What each kind of text looks like, over `text`; by `Kind as usize`.
    pub kinds: [Style; KINDS.len()],
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
            bracket: Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            mark: Style::new().fg(Color::Red).add_modifier(Modifier::DIM),
            overlay: Style::new().bg(Color::Indexed(236)).fg(Color::Indexed(252)),
            kinds: std::array::from_fn(|i| {
                let kind = KINDS.iter().find(|(kind, _)| *kind as usize == i);
                kind.map_or(Style::new(), |&(kind, _)| default_of(kind))
            }),
            people,
        }
    }
}

/// The sixteen colours of the terminal, whatever they are there.
fn default_of(kind: Kind) -> Style {
    let style = Style::new();
    match kind {
        Kind::Comment => style.fg(Color::DarkGray).add_modifier(Modifier::ITALIC),
        Kind::Keyword => style.fg(Color::Magenta),
        Kind::String | Kind::Raw => style.fg(Color::Green),
        Kind::Number | Kind::Constant | Kind::Escape => style.fg(Color::Cyan),
        Kind::Function | Kind::Tag => style.fg(Color::Blue),
        Kind::Type | Kind::Attribute | Kind::Builtin => style.fg(Color::Yellow),
        Kind::Link => style.fg(Color::Blue).add_modifier(Modifier::UNDERLINED),
        Kind::Heading | Kind::Strong => style.add_modifier(Modifier::BOLD),
        Kind::Emphasis => style.add_modifier(Modifier::ITALIC),
        Kind::Operator
        | Kind::Parameter
        | Kind::Property
        | Kind::Punctuation
        | Kind::Text
        | Kind::Variable => style,
    }
}

impl Theme {
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
        Style::new().bg(self.person(color)).fg(Color::Indexed(16))
    }
}
