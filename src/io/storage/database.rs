//! One SQLite file: opening it safely, and getting rid of a connection that failed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::{BUSY_MS, StorageError, heads, schema, sums};
use crate::io::paths::{create_private_folder, open_private_file};

/// Above this size a file is not read through when it is opened: that would take seconds.
const CHECKED_BYTES_MAX: u64 = 8 << 20;

/// Pages (of 4 KiB) that stay free in a file for what comes next, if a quarter of what is used is not more; and how many are given back at
/// once, some milliseconds of work.
const FREE_PAGES_KEPT: i64 = 512;
const TRIMMED_PAGES_MAX: i64 = 4_096;

/// Pages that are given back at the end: whoever waits for that is a person who quits.
const TIDIED_PAGES_MAX: i64 = 16_384;

/// Which tables a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The journal of one user.
    Journal,
    /// The store of a relay.
    Relay,
}

/// A database file, open or not.
pub(super) struct Database {
    path: PathBuf,
    kind: Kind,
    connection: Option<Connection>,
}

impl Database {
    /// Names a file. Nothing is opened yet.
    pub(super) fn new(path: PathBuf, kind: Kind) -> Database {
        Database { path, kind, connection: None }
    }

    /// Returns where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether there is a file, so that something may be in it.
    pub(super) fn exists(&self) -> bool {
        // One that cannot be looked for is opened, which tells why.
        self.connection.is_some() || self.path.try_exists().unwrap_or(true)
    }

    /// Returns the connection, opening the file and creating it with its tables if need be.
    pub(super) fn connection(&mut self) -> Result<&mut Connection, StorageError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open()?,
        };
        #[cfg(test)]
        super::tests::refuse_writes_if_asked(&self.path, &connection);
        Ok(self.connection.insert(connection))
    }

    /// Gives room back that nothing needs any more, and empties the log. Not needed, so errors do not matter.
    pub(super) fn tidy(&mut self) {
        if let Some(connection) = &self.connection {
            give_back(connection, TIDIED_PAGES_MAX);
            let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);");
        }
    }

    /// Gives some room back to the disk if much more is free in the file than its next changes will take. Not needed, so errors do not
    /// matter; bounded, so that it holds nothing up.
    pub(super) fn trim(&mut self) {
        let Some(connection) = &self.connection else { return };
        let count = |what: &str| connection.pragma_query_value(None, what, |row| row.get::<_, i64>(0));
        let (Ok(n_pages), Ok(n_free)) = (count("page_count"), count("freelist_count")) else { return };
        let n_kept = FREE_PAGES_KEPT.max((n_pages - n_free) / 4);
        if n_kept < n_free {
            give_back(connection, (n_free - n_kept).min(TRIMMED_PAGES_MAX));
        }
    }

    /// Forgets the connection: after an error in writing or syncing, what it believes to be in the file may
    /// not be there, so the next use reads the file anew.
    pub(super) fn close(&mut self) {
        self.connection = None;
    }

    /// Returns `why` as the error that tells most about this file.
    pub(super) fn error(&self, why: rusqlite::Error) -> StorageError {
        if is_damage(&why) {
            StorageError::Damaged { path: self.path.clone(), why: why.to_string() }
        } else {
            StorageError::Failed { path: self.path.clone(), why }
        }
    }

    /// Returns `why`, which came of reading this document, as the error that tells most about it.
    pub(super) fn error_of(&self, document: &[u8; 16], why: rusqlite::Error) -> StorageError {
        match sums::damaged_row(&why) {
            Some(row) => StorageError::document_damaged(&self.path, document, &row.to_string()),
            None => self.error(why),
        }
    }

    /// Renames the file and its log so that a new one can be made; returns the new name. The caller makes
    /// sure that no other process has the file open.
    pub(super) fn move_aside(&mut self) -> io::Result<PathBuf> {
        self.close();
        let aside = (1..)
            .map(|n| with_suffix(&self.path, &format!(".corrupt-{n}")))
            .find(|aside| !aside.exists() && !with_suffix(aside, "-wal").exists())
            .unwrap_or_else(|| with_suffix(&self.path, ".corrupt"));
        // The log first: a file without its log may be opened again, a log without its file must not be
        // taken for the log of the new file.
        for suffix in ["-wal", ""] {
            match fs::rename(with_suffix(&self.path, suffix), with_suffix(&aside, suffix)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        match fs::remove_file(with_suffix(&self.path, "-shm")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(aside)
    }

    fn open(&self) -> Result<Connection, StorageError> {
        let not_opened = |why| StorageError::NotOpened { path: self.path.clone(), why };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        create_private_folder(folder).map_err(not_opened)?;
        // SQLite gives its log the permissions of the file, so the file is made first.
        if !self.path.exists() {
            open_private_file(&self.path).map_err(not_opened)?;
            #[cfg(unix)]
            fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(not_opened)?;
        }
        let mut connection = Connection::open(&self.path).map_err(|why| self.error(why))?;
        self.prepare(&mut connection)?;
        Ok(connection)
    }

    fn prepare(&self, connection: &mut Connection) -> Result<(), StorageError> {
        let (steps, summed, heads) = match self.kind {
            Kind::Journal => (schema::JOURNAL, schema::JOURNAL_SUMMED, heads::JOURNAL),
            Kind::Relay => (schema::RELAY, schema::RELAY_SUMMED, heads::RELAY),
        };
        let known = schema::version(steps);
        let prepared = (|| {
            connection.busy_timeout(Duration::from_millis(BUSY_MS))?;
            let version = |connection: &Connection| -> rusqlite::Result<i64> {
                connection.query_row("PRAGMA user_version", [], |row| row.get(0))
            };
            if version(connection)? == 0 {
                // Only a new file takes this, but others are written for it all the same: what is removed gives its room back
                // when the file is closed.
                connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL;")?;
            }
            // Text that was saved or discarded does not stay behind in free pages. FULL: in WAL mode a commit returns after its sync.
            connection.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
                 PRAGMA journal_size_limit = 4194304; PRAGMA secure_delete = ON;",
            )?;
            let found = version(connection)?;
            if known <= found {
                return Ok(found);
            }
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // Another process may have been first.
            let found = version(&transaction)?;
            if found < known {
                for step in steps.iter().skip(found.max(0) as usize) {
                    transaction.execute_batch(step)?;
                }
                for (table, document, parts) in summed {
                    sums::fill(&transaction, table, document, parts)?;
                }
                heads.fill(&transaction)?;
                transaction.pragma_update(None, "user_version", known)?;
            }
            transaction.commit()?;
            Ok(found.max(known))
        })();
        let found = prepared.map_err(|why| self.error(why))?;
        if known < found {
            return Err(StorageError::TooNew { path: self.path.clone(), found, known });
        }
        self.check(connection)
    }

    fn check(&self, connection: &Connection) -> Result<(), StorageError> {
        let len = fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        if CHECKED_BYTES_MAX < len {
            return Ok(());
        }
        let said: rusqlite::Result<String> =
            connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
        match said.map_err(|why| self.error(why))? {
            said if said == "ok" => Ok(()),
            why => Err(StorageError::Damaged { path: self.path.clone(), why }),
        }
    }
}

/// Cuts free pages off the file, in a transaction of its own. Each row of the answer is one page, so all are fetched.
fn give_back(connection: &Connection, n_pages: i64) {
    let _ = connection.pragma(None, "incremental_vacuum", n_pages, |_| Ok(()));
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}
