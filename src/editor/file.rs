//! What is known of the file beside its text.

use crate::base::text_format::{LineEnding, TextFormat};

/// Brings a text that was read with `theirs` for its ends of line to the form of one with `ours`, so that the two can be
/// compared. Returns the text and how lines end after both are merged.
pub fn align(ours: LineEnding, theirs: LineEnding, text: String) -> (String, LineEnding) {
    match (ours, theirs) {
        // Carriage returns are characters here and were ends of line there, or the reverse.
        (LineEnding::Mixed, LineEnding::CrLf) => (text.replace('\n', "\r\n"), LineEnding::Mixed),
        (LineEnding::CrLf, LineEnding::Mixed) => (text.replace("\r\n", "\n"), LineEnding::CrLf),
        (LineEnding::Lf, LineEnding::Mixed) => (text.replace("\r\n", "\n"), LineEnding::Lf),
        (LineEnding::Mixed, _) => (text, LineEnding::Mixed),
        (_, theirs) => (text, theirs),
    }
}

/// What is known of the file beside its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileMeta {
    /// The name shown in the title. Made safe when drawn.
    pub name: String,
    /// Its path as it was given: where saving to another file begins. Empty without a file.
    pub path: String,
    /// How it is written.
    pub format: TextFormat,
    /// Why the text cannot be edited, when it cannot.
    pub read_only: Option<String>,
    /// While the file is being read: how much of it is here, in percent.
    pub loading: Option<u8>,
    /// Whether its bytes could not be turned into text, so that the text stands for them and is not what they say.
    pub is_undecoded: bool,
    /// Whether there is a file to save to.
    pub has_path: bool,
    /// Whether the system does not let this user write to it: editing makes sense, saving will fail.
    pub is_locked: bool,
}
