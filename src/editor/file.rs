//! What is known of the file beside its text.

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
    /// Returns the name shown on the status line.
    pub fn name(self) -> &'static str {
        match self {
            LineEnding::Lf => "LF",
            LineEnding::CrLf => "CRLF",
            LineEnding::Mixed => "LF+CRLF",
        }
    }
}

/// What is known of the file beside its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileMeta {
    /// The name shown in the title. Made safe when drawn.
    pub name: String,
    /// How its lines end.
    pub line_ending: LineEnding,
    /// Whether it starts with a byte order mark, which is kept.
    pub has_bom: bool,
    /// Why the text cannot be edited, when it cannot.
    pub read_only: Option<String>,
    /// Whether there is a file to save to.
    pub has_path: bool,
}
