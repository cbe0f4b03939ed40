//! Text from standard input.

use std::io::Read;

use anyhow::{Context, bail};

use crate::editor::file::FileMeta;
use crate::io::files;

/// Reads standard input to its end, with `\n` ends of line.
///
/// # Errors
/// In one sentence, if it breaks off or is not UTF-8.
pub fn read_standard_input() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).context("standard input broke off")?;
    let mut meta = FileMeta::default();
    let text = files::decode(bytes, &mut meta);
    if meta.read_only.is_some() {
        bail!("standard input is not text in UTF-8; convert it first, with iconv for example");
    }
    Ok(text)
}
