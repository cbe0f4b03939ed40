//! The statements of the journal.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::worker::Find;
use super::{ListedDocument, NewDocument, Rewritten, Snapshot, StorageError, StoredDocument, Uid, parts};
use crate::base::time::WallTime;
use crate::document::Document;
use crate::io::storage::group;
use crate::io::storage::heads::JOURNAL as HEADS;
use crate::io::storage::sums::{self, sum};

/// One change of the journal.
pub(super) enum Write {
    /// A new document, whether it was locked for this, and who waits for it, if anybody.
    Create { document: Box<NewDocument>, fresh: bool, reply: Option<Sender<Result<(), StorageError>>> },
    /// A change of a document.
    Append { uid: Uid, bytes: Vec<u8>, token: u64 },
    /// The content of the file.
    SetFileHash(Uid, Option<Vec<u8>>),
    /// The link.
    SetLink(Uid, Option<String>),
    /// The file.
    SetPath(Uid, Option<PathBuf>),
    /// A snapshot in the place of the batches up to `before` (of earlier runs) or up to the token `after`.
    ReplaceSnapshot { uid: Uid, snapshot: Vec<u8>, before: i64, after: u64 },
    /// Another content in the place of all there is.
    Rewrite { uid: Uid, document: Box<Rewritten>, token: u64 },
    /// The end of a document.
    Remove(Uid),
    /// A piece of undo behind the others, or in the place of all.
    Undo { uid: Uid, bytes: Vec<u8>, is_whole: bool },
    /// Since when a document is kept for its undo alone, if it is.
    SetClosed(Uid, Option<WallTime>),
    /// What the caller remembers beside a document.
    SetState(Uid, Vec<u8>),
    /// Nothing to write: this process lets go of the document when all before is written.
    Release(Uid),
}

impl group::Write for Write {
    /// Whether the document is in the journal.
    type Done = bool;

    fn apply(&self, connection: &Connection) -> rusqlite::Result<bool> {
        HEADS.change(connection, &self.heads(connection)?, || self.write(connection))
    }
}

impl Write {
    /// Returns the documents whose own rows this changes.
    fn heads(&self, connection: &Connection) -> rusqlite::Result<Vec<Uid>> {
        match self {
            Write::Append { .. }
            | Write::ReplaceSnapshot { .. }
            | Write::Undo { .. }
            | Write::Remove(_)
            | Write::Release(_) => Ok(Vec::new()),
            Write::Create { document, .. } => Ok(vec![document.uid]),
            Write::SetFileHash(uid, _)
            | Write::SetLink(uid, _)
            | Write::SetClosed(uid, _)
            | Write::SetState(uid, _)
            | Write::Rewrite { uid, .. }
            | Write::SetPath(uid, None) => Ok(vec![*uid]),
            // Who had the path loses it.
            Write::SetPath(uid, Some(path)) => {
                let others = find(connection, &Find::Path(path.clone()))?.into_iter().map(|(other, _)| other);
                Ok(others.filter(|other| other != uid).chain([*uid]).collect())
            }
        }
    }

    fn write(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let n_rows = match self {
            Write::Create { document, .. } => return insert(connection, document).map(|()| true),
            Write::Append { uid, bytes, token } => connection
                .prepare_cached(
                    "INSERT INTO batch (uid, token, bytes, sum)
                     SELECT uid, ?2, ?3, ?4 FROM document WHERE uid = ?1",
                )?
                .execute(params![uid, number(*token), bytes, sum(uid, &[bytes])])?,
            Write::SetFileHash(uid, hash) => {
                connection.execute("UPDATE document SET file_hash = ?2 WHERE uid = ?1", params![uid, hash])?
            }
            Write::SetLink(uid, link) => {
                connection.execute("UPDATE document SET link = ?2 WHERE uid = ?1", params![uid, link])?
            }
            Write::SetPath(uid, path) => {
                let path = path.as_deref().map(path_bytes);
                connection.execute(
                    "DELETE FROM document WHERE path = ?2 AND uid <> ?1 AND closed IS NOT NULL AND link IS NULL",
                    params![uid, path],
                )?;
                connection.execute(
                    "UPDATE document SET path = NULL WHERE path = ?2 AND uid <> ?1",
                    params![uid, path],
                )?;
                connection.execute("UPDATE document SET path = ?2 WHERE uid = ?1", params![uid, path])?
            }
            Write::ReplaceSnapshot { uid, snapshot, before, after } => {
                let n_rows = parts::put(connection, uid, &[snapshot])?;
                connection.execute(
                    "DELETE FROM batch WHERE uid = ?1 AND (n <= ?2 OR token <= ?3)",
                    params![uid, before, number(*after)],
                )?;
                n_rows
            }
            Write::Rewrite { uid, document, .. } => {
                connection.execute("DELETE FROM batch WHERE uid = ?1", params![uid])?;
                put_undo(connection, uid, &document.undo, true)?;
                put_state(connection, uid, &document.state)?;
                parts::put(connection, uid, &[&document.snapshot])?
            }
            Write::Remove(uid) => {
                connection.execute("DELETE FROM document WHERE uid = ?1", params![uid])?;
                1
            }
            Write::SetState(uid, state) => put_state(connection, uid, state)?,
            Write::Undo { uid, bytes, is_whole } => put_undo(connection, uid, bytes, *is_whole)?,
            Write::SetClosed(uid, at) => {
                let at = at.map(|at| number(at.0));
                connection.execute("UPDATE document SET closed = ?2 WHERE uid = ?1", params![uid, at])?
            }
            Write::Release(_) => 1,
        };
        Ok(0 < n_rows)
    }
}

fn put_state(connection: &Connection, uid: &Uid, state: &[u8]) -> rusqlite::Result<usize> {
    connection.execute("UPDATE document SET state = ?2 WHERE uid = ?1", params![uid, state])
}

fn put_undo(connection: &Connection, uid: &Uid, bytes: &[u8], is_whole: bool) -> rusqlite::Result<usize> {
    if is_whole {
        connection.execute("DELETE FROM undo WHERE uid = ?1", params![uid])?;
    }
    connection
        .prepare_cached("INSERT INTO undo (uid, bytes, sum) SELECT uid, ?2, ?3 FROM document WHERE uid = ?1")?
        .execute(params![uid, bytes, sum(uid, &[bytes])])
}

fn insert(connection: &Connection, document: &NewDocument) -> rusqlite::Result<()> {
    // Undo of what the file was before somebody else's text went into it.
    connection.execute(
        "DELETE FROM document WHERE path = ?1 AND closed IS NOT NULL AND link IS NULL",
        params![document.path.as_deref().map(path_bytes)],
    )?;
    connection.execute(
        "INSERT INTO document (uid, path, link, epoch, file_hash, name, created, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            document.uid,
            document.path.as_deref().map(path_bytes),
            document.link,
            document.epoch,
            document.file_hash,
            document.name,
            number(document.created.0),
            document.state,
        ],
    )?;
    let inserted = match &document.snapshot {
        Snapshot::Bytes(bytes) => parts::put(connection, &document.uid, &[bytes]),
        Snapshot::Text(replica, text) => match Document::of_text(*replica, text.clone()) {
            Ok(doc) => parts::put(connection, &document.uid, &doc.encoded().pieces()),
            Err(_) => Err(rusqlite::Error::InvalidQuery),
        },
    };
    if let Err(error) = inserted {
        // The transaction may go on without this write, so nothing of it may stay.
        connection.execute("DELETE FROM document WHERE uid = ?1", params![document.uid])?;
        return Err(error);
    }
    Ok(())
}

/// Returns the documents that `find` means, with their names, newest first.
pub(super) fn find(connection: &Connection, find: &Find) -> rusqlite::Result<Vec<(Uid, String)>> {
    let take = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let select =
        |wanted: &str| format!("SELECT uid, name FROM document WHERE {wanted} ORDER BY created DESC");
    match find {
        Find::Path(path) => {
            connection.prepare(&select("path = ?1"))?.query_map(params![path_bytes(path)], take)?.collect()
        }
        Find::Untitled => {
            connection.prepare(&select("path IS NULL AND link IS NULL"))?.query_map([], take)?.collect()
        }
        Find::Link(link) => {
            connection.prepare(&select("link = ?1"))?.query_map(params![link], take)?.collect()
        }
        Find::Uid(uid) => connection.prepare(&select("uid = ?1"))?.query_map(params![uid], take)?.collect(),
    }
}

/// Returns the bytes of a row that begins with them and their checksum.
fn checked(what: &'static str, uid: &Uid, row: &Row<'_>) -> rusqlite::Result<Vec<u8>> {
    let bytes: Vec<u8> = row.get(0)?;
    sums::check(what, uid, &[&bytes], row.get(1)?)?;
    Ok(bytes)
}

/// Returns a document and the number of its last batch (0 if it has none).
pub(super) fn load(connection: &Connection, uid: Uid) -> rusqlite::Result<Option<(StoredDocument, i64)>> {
    let document = connection
        .query_row(
            "SELECT path, link, epoch, file_hash, name, created, state FROM document WHERE uid = ?1",
            params![uid],
            |row| {
                Ok(StoredDocument {
                    uid,
                    path: row.get::<_, Option<Vec<u8>>>(0)?.map(path_of),
                    link: row.get(1)?,
                    epoch: row.get(2)?,
                    file_hash: row.get(3)?,
                    name: row.get(4)?,
                    created: WallTime(row.get::<_, i64>(5)?.max(0) as u64),
                    state: row.get(6)?,
                    snapshot: None,
                    batches: Vec::new(),
                    undo: Vec::new(),
                })
            },
        )
        .optional()?;
    let Some(mut document) = document else { return Ok(None) };
    HEADS.check(connection, &uid)?;
    document.snapshot = parts::get(connection, &uid)?;
    // Each has one from the beginning.
    if document.snapshot.is_none() {
        return Err(sums::damaged("document's name"));
    }
    let mut last = 0;
    let mut statement = connection.prepare("SELECT bytes, sum, n FROM batch WHERE uid = ?1 ORDER BY n")?;
    let mut rows = statement.query(params![uid])?;
    while let Some(row) = rows.next()? {
        last = row.get(2)?;
        document.batches.push(checked("change", &uid, row)?);
    }
    let mut statement = connection.prepare("SELECT bytes, sum FROM undo WHERE uid = ?1 ORDER BY n")?;
    document.undo = statement
        .query_map(params![uid], |row| checked("piece of undo", &uid, row))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some((document, last)))
}

/// Returns the documents that are kept for their undo alone, and the bytes they take, from the one closed last.
pub(super) fn closed(connection: &Connection) -> rusqlite::Result<Vec<(Uid, u64)>> {
    let mut statement = connection.prepare(
        "SELECT uid,
            (SELECT coalesce(sum(length(bytes)), 0) FROM snapshot WHERE snapshot.uid = document.uid)
            + (SELECT coalesce(sum(length(bytes)), 0) FROM batch WHERE batch.uid = document.uid)
            + (SELECT coalesce(sum(length(bytes)), 0) FROM undo WHERE undo.uid = document.uid)
         FROM document WHERE closed IS NOT NULL AND link IS NULL ORDER BY closed DESC",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.max(0) as u64)))?;
    rows.collect()
}

/// Returns all documents but those that are kept for their undo alone, newest first.
pub(super) fn list(connection: &Connection) -> rusqlite::Result<Vec<ListedDocument>> {
    let mut statement = connection.prepare(
        "SELECT uid, path, link, name, created,
            (SELECT coalesce(sum(length(bytes)), 0) FROM snapshot WHERE snapshot.uid = document.uid)
            + (SELECT coalesce(sum(length(bytes)), 0) FROM batch WHERE batch.uid = document.uid)
         FROM document WHERE closed IS NULL OR link IS NOT NULL ORDER BY created DESC",
    )?;
    let rows = statement.query_map([], |row| {
        let uid = row.get(0)?;
        let is_damaged = match HEADS.check(connection, &uid) {
            Err(error) if sums::damaged_row(&error).is_none() => return Err(error),
            checked => checked.is_err(),
        };
        Ok(ListedDocument {
            uid,
            path: row.get::<_, Option<Vec<u8>>>(1)?.map(path_of),
            link: row.get(2)?,
            name: row.get(3)?,
            created: WallTime(row.get::<_, i64>(4)?.max(0) as u64),
            bytes: row.get::<_, i64>(5)?.max(0) as u64,
            is_damaged,
        })
    })?;
    rows.collect()
}

/// SQLite's integers are signed; numbers beyond are cut to the largest one.
fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A path need not be text, so it is kept as bytes.
fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(<OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes))
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from(String::from_utf8_lossy(&bytes).into_owned()))
}
