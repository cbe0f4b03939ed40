//! The statements of the relay's store.

use rusqlite::{Connection, OptionalExtension, params};

use super::redo::{Change, Mark};
use super::{DocId, Hashes, LoadedDocument, RelayDocument, RelayLink, RelaySnapshot};
use crate::base::time::WallTime;
use crate::io::storage::group;
use crate::io::storage::heads::RELAY as HEADS;
use crate::io::storage::sums::{self, sum};

/// One change of the store.
pub(super) enum Write {
    /// A new document.
    Create { doc_id: DocId, document: Box<RelayDocument>, created: WallTime },
    /// A change of a document. It is in the redo log.
    Append(Change),
    /// All of the redo log up to there is here, with this transaction.
    Settled { end: Mark },
    /// A snapshot in the place of the batches up to `before` (of earlier loads) or up to the token `upto`.
    StoreSnapshot { doc_id: DocId, snapshot: RelaySnapshot, before: i64, upto: u64 },
    /// Who may do what.
    StoreAccess { doc_id: DocId, hashes: Hashes, links: Vec<RelayLink> },
}

impl Write {
    /// Returns the document it belongs to, if it belongs to one.
    pub(super) fn doc_id(&self) -> Option<DocId> {
        match self {
            Write::Create { doc_id, .. }
            | Write::Append(Change { doc_id, .. })
            | Write::StoreSnapshot { doc_id, .. }
            | Write::StoreAccess { doc_id, .. } => Some(*doc_id),
            Write::Settled { .. } => None,
        }
    }
}

impl group::Write for Write {
    /// Whether the document is there, with the keys that were given.
    type Done = bool;

    fn apply(&self, connection: &Connection) -> rusqlite::Result<bool> {
        match self {
            Write::Create { doc_id, .. } | Write::StoreAccess { doc_id, .. } => {
                HEADS.change(connection, &[*doc_id], || self.write(connection))
            }
            Write::Append(_) | Write::Settled { .. } | Write::StoreSnapshot { .. } => self.write(connection),
        }
    }
}

impl Write {
    fn write(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let n_rows = match self {
            Write::Create { doc_id, document, created } => {
                return create(connection, doc_id, document, *created);
            }
            Write::Settled { end } => return settle(connection, *end).map(|()| true),
            Write::Append(Change { doc_id, token, bytes }) => connection
                .prepare_cached(
                    "INSERT INTO batch (doc_id, token, bytes, sum)
                     SELECT doc_id, ?2, ?3, ?4 FROM document WHERE doc_id = ?1",
                )?
                .execute(params![doc_id, number(*token), bytes, sum(doc_id, &[bytes])])?,
            Write::StoreAccess { doc_id, hashes, links } => {
                return store_access(connection, doc_id, hashes, links);
            }
            Write::StoreSnapshot { doc_id, snapshot, before, upto } => {
                let n_rows = connection.execute(
                    "INSERT OR REPLACE INTO snapshot (doc_id, version, bytes, sum)
                     SELECT doc_id, ?2, ?3, ?4 FROM document WHERE doc_id = ?1",
                    params![
                        doc_id,
                        snapshot.version,
                        snapshot.bytes,
                        sum(doc_id, &[&snapshot.version, &snapshot.bytes])
                    ],
                )?;
                connection.execute(
                    "DELETE FROM batch WHERE doc_id = ?1 AND (n <= ?2 OR token <= ?3)",
                    params![doc_id, before, number(*upto)],
                )?;
                n_rows
            }
        };
        Ok(0 < n_rows)
    }
}

/// A commit that reported an error may still have reached the disk, so the same document may be there already.
fn create(
    connection: &Connection,
    doc_id: &DocId,
    document: &RelayDocument,
    created: WallTime,
) -> rusqlite::Result<bool> {
    connection.execute(
        "INSERT OR IGNORE INTO document (doc_id, epoch, write_hash, read_hash, name, created, creator)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            doc_id,
            document.epoch,
            document.write_hash,
            document.read_hash,
            document.name,
            number(created.0),
            document.creator
        ],
    )?;
    connection.query_row(
        "SELECT count(*) FROM document
         WHERE doc_id = ?1 AND epoch = ?2 AND write_hash = ?3 AND read_hash = ?4",
        params![doc_id, document.epoch, document.write_hash, document.read_hash],
        |row| Ok(0 < row.get::<_, i64>(0)?),
    )
}

fn store_access(
    connection: &Connection,
    doc_id: &DocId,
    hashes: &Hashes,
    links: &[RelayLink],
) -> rusqlite::Result<bool> {
    let n_rows = connection.execute(
        "UPDATE document SET write_hash = ?2, read_hash = ?3 WHERE doc_id = ?1",
        params![doc_id, hashes.write, hashes.read],
    )?;
    connection.execute("DELETE FROM link WHERE doc_id = ?1", params![doc_id])?;
    for link in links {
        connection.execute(
            "INSERT INTO link (doc_id, hash, may_write, expires, label) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![doc_id, link.hash, link.may_write, link.expires.map(|at| number(at.0)), link.label],
        )?;
    }
    Ok(0 < n_rows)
}

fn links(connection: &Connection, doc_id: &DocId) -> rusqlite::Result<Vec<RelayLink>> {
    let mut statement =
        connection.prepare_cached("SELECT hash, may_write, expires, label FROM link WHERE doc_id = ?1")?;
    let links = statement.query_map(params![doc_id], |row| {
        let expires = row.get::<_, Option<i64>>(2)?.map(|at| WallTime(at.max(0) as u64));
        Ok(RelayLink { hash: row.get(0)?, may_write: row.get(1)?, expires, label: row.get(3)? })
    })?;
    links.collect()
}

/// Notes that all of the redo log up to there is in the database.
pub(super) fn settle(connection: &Connection, end: Mark) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached("UPDATE redo SET generation = ?1, upto = ?2")?;
    statement.execute(params![number(end.generation), number(end.offset)]).map(drop)
}

/// Returns the salt of the redo log, and up to where it is in the database.
pub(super) fn redo_mark(connection: &Connection) -> rusqlite::Result<([u8; 16], Mark)> {
    connection.query_row("SELECT salt, generation, upto FROM redo", [], |row| {
        let unsigned = |at| row.get::<_, i64>(at).map(|n| n.max(0) as u64);
        Ok((row.get(0)?, Mark { generation: unsigned(1)?, offset: unsigned(2)? }))
    })
}

/// How many documents were created with each token.
pub(super) type Created = Vec<([u8; 32], u64)>;

/// Returns how many documents there are, and how many of them each token has made.
pub(super) fn n_documents(connection: &Connection) -> rusqlite::Result<(u64, Created)> {
    let mut statement = connection.prepare("SELECT creator, count(*) FROM document GROUP BY creator")?;
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, Option<[u8; 32]>>(0)?, row.get::<_, i64>(1)?.max(0) as u64)))?;
    let counts = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let n_documents = counts.iter().map(|(_, n)| n).sum();
    let created = counts.into_iter().filter_map(|(creator, n)| Some((creator?, n)));
    Ok((n_documents, created.collect()))
}

/// Returns a document and the number of its last batch (0 if it has none).
pub(super) fn load(
    connection: &Connection,
    doc_id: DocId,
) -> rusqlite::Result<Option<(LoadedDocument, i64)>> {
    let Some(mut document) = head(connection, doc_id)? else { return Ok(None) };
    let last = read_content(connection, doc_id, &mut document)?;
    Ok(Some((document, last)))
}

/// Returns the hashes of the tokens of all of a document's links, expired or not, as they stand there; none if there is no document.
pub(super) fn link_hashes(connection: &Connection, doc_id: DocId) -> rusqlite::Result<Vec<[u8; 32]>> {
    let mut statement = connection.prepare_cached(
        "SELECT write_hash FROM document WHERE doc_id = ?1 UNION ALL SELECT read_hash FROM document WHERE doc_id = ?1
         UNION ALL SELECT hash FROM link WHERE doc_id = ?1",
    )?;
    statement.query_map(params![doc_id], |row| row.get(0))?.collect()
}

/// Returns who may do what with a document, without what it holds.
pub(super) fn head(connection: &Connection, doc_id: DocId) -> rusqlite::Result<Option<LoadedDocument>> {
    let document = connection
        .query_row(
            "SELECT epoch, write_hash, read_hash, name, created, creator FROM document WHERE doc_id = ?1",
            params![doc_id],
            |row| {
                let document = RelayDocument {
                    epoch: row.get(0)?,
                    write_hash: row.get(1)?,
                    read_hash: row.get(2)?,
                    name: row.get(3)?,
                    creator: row.get(5)?,
                };
                let created = WallTime(row.get::<_, i64>(4)?.max(0) as u64);
                Ok(LoadedDocument {
                    document,
                    created,
                    links: Vec::new(),
                    snapshot: None,
                    batches: Vec::new(),
                })
            },
        )
        .optional()?;
    let Some(mut document) = document else { return no_orphans(connection, &doc_id).map(|()| None) };
    HEADS.check(connection, &doc_id)?;
    document.links = links(connection, &doc_id)?;
    Ok(Some(document))
}

/// Reads what a document holds. Returns the number of its last batch.
pub(super) fn read_content(
    connection: &Connection,
    doc_id: DocId,
    document: &mut LoadedDocument,
) -> rusqlite::Result<i64> {
    document.snapshot = connection
        .query_row("SELECT version, bytes, sum FROM snapshot WHERE doc_id = ?1", params![doc_id], |row| {
            let snapshot = RelaySnapshot { version: row.get(0)?, bytes: row.get(1)? };
            sums::check("snapshot", &doc_id, &[&snapshot.version, &snapshot.bytes], row.get(2)?)?;
            Ok(snapshot)
        })
        .optional()?;
    let mut last = 0;
    let mut statement =
        connection.prepare_cached("SELECT n, bytes, sum FROM batch WHERE doc_id = ?1 ORDER BY n")?;
    let mut rows = statement.query(params![doc_id])?;
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        let bytes: Vec<u8> = row.get(1)?;
        sums::check("change", &doc_id, &[&bytes], row.get(2)?)?;
        document.batches.push(bytes);
    }
    Ok(last)
}

/// What is kept of a document that is not there says that its row is not as it was written.
fn no_orphans(connection: &Connection, doc_id: &DocId) -> rusqlite::Result<()> {
    let is_orphaned: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM batch WHERE doc_id = ?1) OR EXISTS (SELECT 1 FROM snapshot WHERE doc_id = ?1)",
        )?
        .query_row(params![doc_id], |row| row.get(0))?;
    if is_orphaned { Err(sums::damaged("document's name")) } else { Ok(()) }
}

/// SQLite's integers are signed; numbers beyond are cut to the largest one.
fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
