//! Text from standard input.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};

use crate::base::limits::DOCUMENT_CHARS_MAX;
use crate::base::text_format::LineEnding;
use crate::editor::file::FileMeta;
use crate::io::files::{self, Reading};

/// Reads standard input to its end, with `\n` ends of line.
///
/// # Errors
/// In one sentence, if it breaks off or is not text.
pub fn read_standard_input() -> anyhow::Result<String> {
    let (mut bytes, n_bytes_max) = (Vec::new(), DOCUMENT_CHARS_MAX as u64);
    let mut input = std::io::stdin().lock().take(n_bytes_max);
    input.read_to_end(&mut bytes).context("standard input broke off")?;
    if bytes.len() as u64 == n_bytes_max {
        bail!("standard input is longer than a text can be, which is {n_bytes_max} characters; split it");
    }
    decode(bytes, "standard input")
}

/// Reads a file that has to be there, with `\n` ends of line.
///
/// # Errors
/// In one sentence, if it cannot be read or is not text.
pub fn read_file(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    decode(bytes, &path.display().to_string())
}

/// Reads text in any encoding, with `\n` ends of line. `what` it is begins the sentence if it cannot be read.
///
/// # Errors
/// In one sentence, if it is not text.
pub fn decode(bytes: Vec<u8>, what: &str) -> anyhow::Result<String> {
    let mut meta = FileMeta::default();
    let text = files::decode(bytes, Reading::Guess, &mut meta);
    if meta.read_only.is_some() {
        bail!(
            "{what} is not text in an encoding that can be told; convert it to UTF-8 first, with iconv for example"
        );
    }
    // Where both ends of line occur, those of two characters are ends of line, too.
    Ok(if meta.format.line_ending == LineEnding::Mixed { text.replace("\r\n", "\n") } else { text })
}
