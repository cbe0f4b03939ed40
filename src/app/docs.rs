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

/// Returns one line for each document: file, link without its secret, size, and whether any of that is damaged.
///
/// # Errors
/// If the journal cannot be read.
pub fn lines(paths: &Paths) -> Result<Vec<String>, StorageError> {
    Ok(all(paths)?.iter().map(line).collect())
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

fn line(known: &ListedDocument) -> String {
    let path = known.path.as_ref().map_or_else(|| "(no file)".to_owned(), |path| path.display().to_string());
    let link = known.link.as_ref().and_then(|link| LinkUrl::parse(link).ok());
    let link = link.map_or_else(|| "not shared".to_owned(), |link| link.public_text());
    let damage = if known.is_damaged { "  damaged: this is not what was written" } else { "" };
    safe::line(&format!("{path}  {link}  {} kB{damage}", known.bytes.div_ceil(1024)))
}
