//! `coedit docs`: the documents that this machine knows.

use crate::io::paths::Paths;
use crate::io::storage::StorageError;
use crate::io::storage::journal::{Journal, ListedDocument};
use crate::protocol::link_url::LinkUrl;
use crate::view::safe;

/// Returns the documents in the journal, newest first, whoever has them open.
///
/// # Errors
/// If the journal cannot be read.
pub fn all(paths: &Paths) -> Result<Vec<ListedDocument>, StorageError> {
    if !paths.data.exists() {
        return Ok(Vec::new());
    }
    Journal::start(paths.data.clone(), Box::new(|_| {}))?.list()
}

/// Returns one line for each document: file, link, size, and whether any of that is damaged. Links are without their secrets
/// unless `has_secrets`, and then they can be opened.
///
/// # Errors
/// If the journal cannot be read.
pub fn lines(paths: &Paths, has_secrets: bool) -> Result<Vec<String>, StorageError> {
    Ok(all(paths)?.iter().map(|known| line(known, has_secrets)).collect())
}

/// Writes another link into the records of a document that are under a link, whoever has them open.
///
/// # Errors
/// If the journal cannot be read or written.
pub fn repoint(paths: &Paths, from: &LinkUrl, to: &LinkUrl) -> Result<(), StorageError> {
    if !paths.data.exists() {
        return Ok(());
    }
    let journal = Journal::start(paths.data.clone(), Box::new(|_| {}))?;
    for known in journal.list()? {
        let link = known.link.as_ref().and_then(|link| LinkUrl::parse(link).ok());
        if link.as_ref() == Some(from) {
            journal.set_link(known.uid, Some(to.to_string()))?;
        }
    }
    journal.flush_and_close()
}

fn line(known: &ListedDocument, has_secrets: bool) -> String {
    let path = known.path.as_ref().map_or_else(|| "(no file)".to_owned(), |path| path.display().to_string());
    let link = known.link.as_ref().and_then(|link| LinkUrl::parse(link).ok());
    let link = match link {
        Some(link) if has_secrets => link.to_string(),
        Some(link) => link.public_text(),
        None => "not shared".to_owned(),
    };
    let damage = if known.is_damaged { "  damaged: this is not what was written" } else { "" };
    safe::line(&format!("{path}  {link}  {} kB{damage}", known.bytes.div_ceil(1024)))
}
