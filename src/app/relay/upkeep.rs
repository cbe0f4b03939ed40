//! `coedit relay check`, `backup` and `restore`.

use std::path::Path;

use anyhow::bail;

use crate::crdt::ReplicaId;
use crate::document::Document;
use crate::io::storage::relay_store::LoadedDocument;
use crate::io::storage::relay_store::upkeep::{self, StoreReader};
use crate::protocol::DocumentId;
use crate::view::safe;

/// Reads every byte of a store, or of a backup, and rebuilds every document, and says what was found.
///
/// # Errors
/// If anything is damaged, after all of it was printed by `say`.
pub fn check(path: &Path, mut say: impl FnMut(&str)) -> anyhow::Result<()> {
    let store = StoreReader::open(path)?;
    let mut n_damaged = 0;
    for line in store.damage()? {
        n_damaged += 1;
        say(&safe::line(&line));
    }
    for kept in store.kept_apart() {
        let sentence = "keeps what followed damage in the log before the relay was started; delete it once everybody who edits has been \
                        connected";
        say(&safe::line(&format!("{} {sentence}", kept.display())));
    }
    let (mut n_documents, mut n_ops) = (0, 0);
    for doc_id in store.documents()? {
        n_documents += 1;
        let loaded = store.load(doc_id).map_err(|error| error.to_string());
        match loaded.and_then(|loaded| loaded.map_or(Ok(0), |loaded| rebuild(&loaded))) {
            Ok(n) => n_ops += n,
            Err(why) => {
                n_damaged += 1;
                say(&safe::line(&format!("document {}: {why}", DocumentId::from_bytes(doc_id))));
            }
        }
    }
    say(&format!("{n_documents} documents, {n_ops} operations, {n_damaged} damaged"));
    if 0 < n_damaged {
        bail!("something is damaged; keep it as it is, and restore a backup into another folder");
    }
    Ok(())
}

/// Rebuilds a document as serving it does. Returns how many operations it has.
fn rebuild(loaded: &LoadedDocument) -> Result<u64, String> {
    let replica = ReplicaId::new(1);
    let mut doc = match &loaded.snapshot {
        Some(snapshot) => Document::load(replica, &snapshot.bytes).map_err(|error| error.to_string())?,
        None => Document::new(replica),
    };
    for (idx, batch) in loaded.batches.iter().enumerate() {
        doc.apply(batch).map_err(|error| format!("change {idx} of the log: {error}"))?;
    }
    match doc.n_waiting() {
        0 => Ok(doc.version().iter().map(|(_, next)| next).sum()),
        n => Err(format!("{n} changes need others that are not there")),
    }
}

/// Copies a store, which may be served meanwhile, into a new file, and reads that through.
///
/// # Errors
/// If the file is there already, cannot be written, is not what it should be, or lacks what follows damage in the log.
pub fn backup(folder: &Path, to: &Path) -> anyhow::Result<()> {
    let store = StoreReader::open_folder(folder)?;
    store.backup(to)?;
    if let Some(why) = store.log_damage() {
        bail!("{} was written without some changes: {why}", to.display());
    }
    match StoreReader::open_file(to)?.damage()?.first() {
        None => Ok(()),
        Some(why) => bail!("{} was written and is damaged ({why}); is the disk failing?", to.display()),
    }
}

/// Makes a backup the store of a folder that has none.
///
/// # Errors
/// As [`upkeep::restore`].
pub fn restore(from: &Path, folder: &Path) -> anyhow::Result<()> {
    Ok(upkeep::restore(from, folder)?)
}
