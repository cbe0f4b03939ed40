//! How a text is written in its file: what the text itself does not say.

pub mod encoding;

use encoding::Encoding;

/// All that a text does not say about the file that it is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextFormat {
    /// How its characters are written.
    pub encoding: Encoding,
    /// How its lines end.
    pub line_ending: LineEnding,
}

/// How lines end in the file. Inside the editor it is always a line feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEnding {
    /// A line feed.
    #[default]
    Lf,
    /// A carriage return and a line feed.
    CrLf,
    /// Both occur; each carriage return is kept as a character of its line.
    Mixed,
}

impl LineEnding {
    /// Returns the name shown on the status line and kept in the journal.
    pub fn name(self) -> &'static str {
        match self {
            LineEnding::Lf => "LF",
            LineEnding::CrLf => "CRLF",
            LineEnding::Mixed => "LF+CRLF",
        }
    }

    /// Returns the ending that `name` names.
    pub fn from_name(name: &str) -> Option<LineEnding> {
        [LineEnding::Lf, LineEnding::CrLf, LineEnding::Mixed].into_iter().find(|ending| ending.name() == name)
    }
}
