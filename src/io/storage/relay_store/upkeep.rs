//! Looking through, copying and bringing back a relay's store. Reading and copying disturb nobody: a relay may serve the
//! folder meanwhile.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use super::redo::{self, Change, Mark};
use super::{DocId, LoadedDocument, rows};
use crate::io::paths::create_private_folder;
use crate::io::storage::group::Write as _;
use crate::io::storage::lock::FileLock;
use crate::io::storage::{BUSY_MS, StorageError, schema, sums};

/// The name of the database in a relay's folder.
const DATABASE: &str = "relay.sqlite";

/// How often the log is read again because the relay wrote over it meanwhile: each time it would have to write a mebibyte or more.
const LOG_TRIES: usize = 100;

/// How long what looks damaged is let be before it is looked at again and believed: no write takes that long.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// A store that is only read: as it was at one moment, if a relay serves its folder.
pub struct StoreReader {
    path: PathBuf,
    connection: Connection,
    /// Whether its tables are those of an earlier program.
    is_old: bool,
    /// What the redo log had at that moment beyond the database.
    pending: Vec<(Change, Mark)>,
    /// What is wrong with the redo log.
    log_damage: Option<String>,
    /// What is kept apart of a log that was damaged.
    kept: Vec<PathBuf>,
}

impl StoreReader {
    /// Opens the store in a relay's folder, or a backup.
    ///
    /// # Errors
    /// As [`StoreReader::open_folder`].
    pub fn open(path: &Path) -> Result<StoreReader, StorageError> {
        if path.is_file() { StoreReader::open_file(path) } else { StoreReader::open_folder(path) }
    }

    /// Opens the store in a relay's folder.
    ///
    /// # Errors
    /// If there is none, it is of a newer format, or so much is written that it cannot be read.
    pub fn open_folder(folder: &Path) -> Result<StoreReader, StorageError> {
        let mut reader = StoreReader::open_file(&folder.join(DATABASE))?;
        if reader.is_old {
            return Ok(reader);
        }
        let witness = StoreReader::open_file(&reader.path)?;
        let look = || reader.read_log(folder, &witness);
        let found = until_sure(look, || thread::sleep(LOOK_AGAIN_AFTER))?
            .ok_or_else(|| StorageError::TooBusy { path: folder.to_owned() })?;
        reader.kept = redo::kept_apart(folder)
            .map_err(|why| StorageError::NotOpened { path: folder.to_owned(), why })?;
        reader.pending = found.changes;
        reader.log_damage = found.damage.map(|damage| {
            format!(
                "the log: {} changes follow something that is not as it was written; the relay keeps them apart when it starts",
                damage.n_beyond
            )
        });
        Ok(reader)
    }

    /// Begins to look at the database as it is at one moment, and reads all that the redo log has beyond that; `None` if the two do not
    /// fit, because the relay may have written over some of the log before it was read. `witness` sees how the database goes on.
    fn read_log(&self, folder: &Path, witness: &StoreReader) -> Result<Option<redo::Found>, StorageError> {
        let mark_of = |connection: &Connection| rows::redo_mark(connection).map_err(|why| self.error(why));
        self.end_look().map_err(|why| self.error(why))?;
        self.connection.execute_batch("BEGIN").map_err(|why| self.error(why))?;
        let (salt, mark) = mark_of(&self.connection)?;
        let files = redo::read_files(folder, mark)
            .map_err(|why| StorageError::NotOpened { path: folder.to_owned(), why })?;
        // At once, before what was read is looked at: in a flood a turn of the log takes some milliseconds.
        let (_, now) = mark_of(&witness.connection)?;
        Ok((now.generation == mark.generation).then(|| files.beyond(&salt, mark)))
    }

    /// Lets the database be seen as it is from now on.
    fn end_look(&self) -> rusqlite::Result<()> {
        if self.connection.is_autocommit() { Ok(()) } else { self.connection.execute_batch("ROLLBACK") }
    }

    /// Opens a store by its file, as a backup is one.
    ///
    /// # Errors
    /// As [`StoreReader::open_folder`].
    pub fn open_file(path: &Path) -> Result<StoreReader, StorageError> {
        // Not only to read: a database that is in use has a log beside it, which readers take part in.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let failed = |why| StorageError::Failed { path: path.to_owned(), why };
        if !path.is_file() {
            return Err(StorageError::NoStore { path: path.to_owned() });
        }
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(Duration::from_millis(BUSY_MS)).map_err(failed)?;
        connection.execute_batch("PRAGMA query_only = ON;").map_err(failed)?;
        let found: rusqlite::Result<i64> = connection.query_row("PRAGMA user_version", [], |row| row.get(0));
        let mut reader = StoreReader {
            path: path.to_owned(),
            connection,
            is_old: false,
            pending: Vec::new(),
            log_damage: None,
            kept: Vec::new(),
        };
        let (found, known) = (found.map_err(|why| reader.error(why))?, schema::version(schema::RELAY));
        reader.is_old = found < known;
        match found {
            0 => Err(StorageError::Damaged { path: reader.path, why: "it is no relay's store".to_owned() }),
            found if known < found => Err(StorageError::TooNew { path: reader.path, found, known }),
            _ => Ok(reader),
        }
    }

    fn error(&self, why: rusqlite::Error) -> StorageError {
        StorageError::Damaged { path: self.path.clone(), why: why.to_string() }
    }

    /// Reads all pages, and says what is wrong with them: nothing, if the store is sound.
    ///
    /// # Errors
    /// If so much is damaged that it cannot be read.
    pub fn damage(&self) -> Result<Vec<String>, StorageError> {
        let mut statement =
            self.connection.prepare("PRAGMA integrity_check(20)").map_err(|why| self.error(why))?;
        let said = statement.query_map([], |row| row.get::<_, String>(0)).map_err(|why| self.error(why))?;
        let said = said.collect::<Result<Vec<_>, _>>().map_err(|why| self.error(why))?;
        let of_database =
            said.into_iter().filter(|line| line != "ok").map(|line| format!("the database: {line}"));
        Ok(of_database.chain(self.log_damage.iter().cloned()).collect())
    }

    /// Returns where there is what followed damage in the redo log, of which the relay took over what was whole when it started.
    pub fn kept_apart(&self) -> &[PathBuf] {
        &self.kept
    }

    /// Returns what is wrong with the redo log: the changes behind that are not in a copy.
    pub fn log_damage(&self) -> Option<&str> {
        self.log_damage.as_deref()
    }

    /// Returns the names of all documents.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn documents(&self) -> Result<Vec<DocId>, StorageError> {
        let read = || {
            let mut statement = self.connection.prepare("SELECT doc_id FROM document ORDER BY doc_id")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<Vec<DocId>>>()
        };
        read().map_err(|why| self.error(why))
    }

    /// Returns everything that is there of a document.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn load(&self, doc_id: DocId) -> Result<Option<LoadedDocument>, StorageError> {
        if self.is_old {
            return Err(StorageError::TooOld { path: self.path.clone() });
        }
        let loaded = rows::load(&self.connection, doc_id).map_err(|why| match sums::damaged_row(&why) {
            Some(row) => StorageError::document_damaged(&self.path, &doc_id, &row.to_string()),
            None => self.error(why),
        })?;
        Ok(loaded.map(|(mut document, _)| {
            let pending = self.pending.iter().filter(|(change, _)| change.doc_id == doc_id);
            document.batches.extend(pending.map(|(change, _)| change.bytes.clone()));
            document
        }))
    }

    /// Writes the store into a new file, synced: all that was durable when it was opened, perhaps more, and nothing without what it
    /// builds on. A relay goes on serving meanwhile.
    ///
    /// # Errors
    /// If the file is there already, or cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), StorageError> {
        let not_written = |why| StorageError::NotOpened { path: to.to_owned(), why };
        if to.exists() {
            return Err(StorageError::IsThere { path: to.to_owned() });
        }
        let part = beside(to, ".part");
        let _ = fs::remove_file(&part);
        crate::io::paths::open_private_file(&part).map_err(not_written)?;
        let name = part.to_string_lossy().into_owned();
        let failed = |why| StorageError::Failed { path: part.clone(), why };
        // The copy has what is there by now, so it is behind that moment by nothing, and add_pending goes on from where it is.
        self.end_look().map_err(failed)?;
        // SQLite takes a file that is empty for one that is not there yet.
        self.connection.execute("PRAGMA query_only = OFF", []).map_err(failed)?;
        self.connection.execute("VACUUM INTO ?1", params![name]).map_err(failed)?;
        self.add_pending(&part).map_err(failed)?;
        put_in_place(&part, to).map_err(not_written)
    }

    /// Adds to a copy of the database what was in the redo log only.
    fn add_pending(&self, copy: &Path) -> rusqlite::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut connection = Connection::open(copy)?;
        let transaction = connection.transaction()?;
        let (_, mark) = rows::redo_mark(&transaction)?;
        for (change, _) in self.pending.iter().filter(|(_, end)| mark < *end) {
            rows::Write::Append(change.clone()).apply(&transaction)?;
        }
        let end = self.pending.last().map_or(mark, |(_, end)| mark.max(*end));
        rows::settle(&transaction, end)?;
        transaction.commit()
    }
}

/// Looks at a log until it can be believed, with a wait before damage is: a record that is being written looks damaged too, for a
/// moment. `None` if it is written over faster than it is read.
fn until_sure<E>(
    mut look: impl FnMut() -> Result<Option<redo::Found>, E>,
    mut wait: impl FnMut(),
) -> Result<Option<redo::Found>, E> {
    let mut doubted = None;
    for _ in 0..LOG_TRIES {
        let Some(found) = look()? else { continue };
        let at = found.damage.as_ref().map(|damage| damage.at);
        if at.is_none() || doubted == at {
            return Ok(Some(found));
        }
        doubted = at;
        wait();
    }
    Ok(None)
}

/// Makes a backup the store of a relay's folder, which must have none and be served by nobody.
///
/// # Errors
/// If the folder has a store or is served, the backup is damaged, or it cannot be written.
pub fn restore(backup: &Path, folder: &Path) -> Result<(), StorageError> {
    let reader = StoreReader::open_file(backup)?;
    if let Some(why) = reader.damage()?.into_iter().next() {
        return Err(StorageError::Damaged { path: backup.to_owned(), why });
    }
    drop(reader);
    let not_opened = |why| StorageError::NotOpened { path: folder.to_owned(), why };
    create_private_folder(folder).map_err(not_opened)?;
    let _lock = FileLock::exclusive(&folder.join("relay.lock"))?
        .ok_or_else(|| StorageError::FolderLocked { folder: folder.to_owned() })?;
    let to = folder.join(DATABASE);
    if to.exists() {
        return Err(StorageError::IsThere { path: to });
    }
    // The logs of a store that is gone must not be taken for this one's.
    let logs = redo::FILES.map(|name| folder.join(name));
    for stale in [beside(&to, "-wal"), beside(&to, "-shm")].into_iter().chain(logs) {
        match fs::remove_file(stale) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(not_opened(why)),
            _ => {}
        }
    }
    let part = beside(&to, ".part");
    let copied = (|| {
        let mut from = fs::File::open(backup)?;
        let mut into = crate::io::paths::open_private_file(&part)?;
        into.set_len(0)?;
        io::copy(&mut from, &mut into)?;
        put_in_place(&part, &to)
    })();
    copied.map_err(not_opened)
}

/// Syncs a file that is whole and gives it its name.
fn put_in_place(part: &Path, to: &Path) -> io::Result<()> {
    fs::File::options().write(true).open(part)?.sync_all()?;
    fs::rename(part, to)?;
    #[cfg(unix)]
    {
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::redo::{Damage, Found};
    use super::*;

    fn damaged_at(offset: u64, n_beyond: usize) -> Found {
        let at = Mark { generation: 1, offset };
        let damage = Damage { at, n_beyond, last_generation: 1 };
        Found { changes: Vec::new(), end: at, damage: Some(damage) }
    }

    #[test]
    fn damage_is_believed_when_it_is_seen_again_in_the_same_place() {
        let sound = || Found { damage: None, ..damaged_at(9, 0) };
        let check = |looks: Vec<Option<Found>>, n_waits_meant: usize, meant: Option<Found>| {
            let (mut looks, mut n_waits) = (looks.into_iter(), 0);
            let look = || Ok::<_, ()>(looks.next().expect("no more looks"));
            assert_eq!(until_sure(look, || n_waits += 1), Ok(meant));
            assert_eq!(n_waits, n_waits_meant);
        };
        check(vec![Some(sound())], 0, Some(sound()));
        check(vec![Some(damaged_at(5, 1)), Some(sound())], 1, Some(sound()));
        check(vec![Some(damaged_at(5, 1)), None, Some(damaged_at(5, 2))], 1, Some(damaged_at(5, 2)));
        check(vec![Some(damaged_at(5, 1)), Some(damaged_at(7, 1)), Some(sound())], 2, Some(sound()));
        check(vec![None; LOG_TRIES], 0, None);
    }
}
