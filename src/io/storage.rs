//! SQLite on disk: the journal of one user's documents and the store of a relay.
//!
//! Each has one database in one folder and one thread that alone touches it. What is written waits in memory
//! until a transaction that holds it has been committed and synced; only then is it reported as written.

mod database;
mod group;
mod heads;
/// The journal: one user's documents, so that nothing typed is lost.
pub mod journal;
mod lock;
/// The store of a relay: many documents, nothing acknowledged before it is on disk.
pub mod relay_store;
mod schema;
mod serve;
mod sums;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

/// The longest time that opening or writing waits for another process to finish its transaction.
const BUSY_MS: u64 = 5_000;

/// Why something could not be read or written. The text is one sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Another process has the document.
    #[error("“{name}” is already open in another coedit on this machine; close it there first")]
    Locked {
        /// What the document is called.
        name: String,
    },
    /// The path or the document has a journal already.
    #[error("“{name}” already has a journal; open it again to go on from there")]
    Exists {
        /// What the document is called.
        name: String,
    },
    /// Another relay has the folder.
    #[error("{} is already served by another relay; stop that one or choose another folder with --data", folder.display())]
    FolderLocked {
        /// The folder.
        folder: PathBuf,
    },
    /// A file or folder cannot be created or opened.
    #[error("cannot open {}: {why}; check that the disk has room and that you may write there", path.display())]
    NotOpened {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// A relay's store is looked for where there is none.
    #[error("there is no relay's store at {}; name the folder of one with --data, or the file of a backup", path.display())]
    NoStore {
        /// Where.
        path: PathBuf,
    },
    /// What would be written is there.
    #[error("{} is there already and is not written over; name another place, or move it away first", path.display())]
    IsThere {
        /// Where.
        path: PathBuf,
    },
    /// The database was written by a program that knows more.
    #[error("{} has format {found} but this coedit knows only {known}; install a newer coedit", path.display())]
    TooNew {
        /// The database.
        path: PathBuf,
        /// The format in the file.
        found: i64,
        /// The newest format this program knows.
        known: i64,
    },
    /// The database was written by an earlier program, and is only to be read.
    #[error("{} is of an earlier coedit; start the relay of this one on it once, then try again", path.display())]
    TooOld {
        /// The database.
        path: PathBuf,
    },
    /// A relay writes faster than its store can be read.
    #[error("so much is written to {} just now that it cannot be read as it is at one moment; try again when less is", path.display())]
    TooBusy {
        /// The folder.
        path: PathBuf,
    },
    /// The database cannot be read as one.
    #[error("{} is damaged and was left as it is ({why}); move it away or restore it from a backup", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        why: String,
    },
    /// Something of one document is not as it was written; all others can be used.
    #[error(
        "what {} has of the document {document} is damaged and was left as it is ({why}); restore a backup of it",
        path.display()
    )]
    DocumentDamaged {
        /// The database.
        path: PathBuf,
        /// The document's name there, in hexadecimal.
        document: String,
        /// What is wrong with it.
        why: String,
    },
    /// SQLite failed.
    #[error("{} cannot be used: {why}; check that the disk has room and that you may write there", path.display())]
    Failed {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        why: rusqlite::Error,
    },
    /// It could not be written this time.
    #[error("the disk there takes no edits at the moment; it is tried again until there is room on it")]
    NotNow {
        /// What was wrong, for the log.
        why: String,
    },
    /// The thread that serves the database has ended.
    #[error("the storage has already been closed; start coedit again")]
    Closed,
    /// The storage ends with something not on disk.
    #[error("{n} changes could not be written to {}: {why}; free some room on the disk and save to another file", path.display())]
    NotWritten {
        /// Changes that are lost when the process ends.
        n: usize,
        /// The database.
        path: PathBuf,
        /// The last failure.
        why: String,
    },
}

impl StorageError {
    fn document_damaged(path: &Path, document: &[u8; 16], why: &str) -> StorageError {
        let document = document.iter().map(|byte| format!("{byte:02x}")).collect();
        StorageError::DocumentDamaged { path: path.to_owned(), document, why: why.to_owned() }
    }
}
