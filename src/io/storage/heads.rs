//! Checksums of documents' own rows: what a document is called, whose it is, and who may do what with it. Such a row is changed in
//! parts, so it is checked before each change, and summed as a whole after it.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::sums;

/// Where a kind of file keeps what its documents are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    /// The row of a document: all of its columns count, but `sum`, where the checksum is.
    head: &'static str,
    /// What else belongs to it, in an order that stays.
    rest: Option<&'static str>,
    seal: &'static str,
    unsealed: &'static str,
}

/// Of the journal.
pub(super) const JOURNAL: Heads = Heads {
    head: "SELECT * FROM document WHERE uid = ?1",
    rest: None,
    seal: "UPDATE document SET sum = ?2 WHERE uid = ?1",
    unsealed: "SELECT uid FROM document WHERE sum IS NULL",
};

/// Of a relay's store: with its links.
pub(super) const RELAY: Heads = Heads {
    head: "SELECT * FROM document WHERE doc_id = ?1",
    rest: Some("SELECT * FROM link WHERE doc_id = ?1 ORDER BY hash"),
    seal: "UPDATE document SET sum = ?2 WHERE doc_id = ?1",
    unsealed: "SELECT doc_id FROM document WHERE sum IS NULL",
};

impl Heads {
    /// Makes a change of these documents' rows: only if they are as they were written, and with their checksums after it.
    pub(super) fn change<T>(
        &self,
        connection: &Connection,
        documents: &[[u8; 16]],
        change: impl FnOnce() -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        if documents.is_empty() {
            return change();
        }
        documents.iter().try_for_each(|document| self.check(connection, document))?;
        // What is refused in the middle must not leave a row that is changed and not summed.
        connection.execute_batch("SAVEPOINT head")?;
        let done = change().and_then(|done| {
            documents.iter().try_for_each(|document| self.seal(connection, document))?;
            Ok(done)
        });
        let undone = if done.is_err() { "ROLLBACK TO head; " } else { "" };
        connection.execute_batch(&format!("{undone}RELEASE head"))?;
        done
    }

    /// Checks a document's row, if there is one.
    ///
    /// # Errors
    /// If it is not as it was written.
    pub(super) fn check(&self, connection: &Connection, document: &[u8; 16]) -> rusqlite::Result<()> {
        match self.sum(connection, document)? {
            Some((sum, found)) if found != Some(i64::from(sum)) => Err(sums::damaged("document's name")),
            _ => Ok(()),
        }
    }

    /// Gives the rows of an earlier format their checksums, taking them for sound.
    pub(super) fn fill(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut unsealed = connection.prepare(self.unsealed)?;
        let documents = unsealed.query_map([], |row| row.get(0))?;
        let documents = documents.collect::<rusqlite::Result<Vec<[u8; 16]>>>()?;
        documents.iter().try_for_each(|document| self.seal(connection, document))
    }

    fn seal(&self, connection: &Connection, document: &[u8; 16]) -> rusqlite::Result<()> {
        if let Some((sum, _)) = self.sum(connection, document)? {
            connection.prepare_cached(self.seal)?.execute(params![document, sum])?;
        }
        Ok(())
    }

    /// Returns the checksum that a document's row should have, and the one it has; `None` without a row.
    fn sum(
        &self,
        connection: &Connection,
        document: &[u8; 16],
    ) -> rusqlite::Result<Option<(u32, Option<i64>)>> {
        let mut parts = Vec::new();
        let mut head = connection.prepare_cached(self.head)?;
        let mut rows = head.query(params![document])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let found = row.get("sum")?;
        put_columns(&mut parts, row)?;
        if let Some(rest) = self.rest {
            let mut rest = connection.prepare_cached(rest)?;
            let mut rows = rest.query(params![document])?;
            while let Some(row) = rows.next()? {
                put_columns(&mut parts, row)?;
            }
        }
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        Ok(Some((sums::sum(document, &parts), found)))
    }
}

/// Adds the name and the content of each column of a row, with what kind of value it is.
fn put_columns(parts: &mut Vec<Vec<u8>>, row: &Row<'_>) -> rusqlite::Result<()> {
    let statement: &rusqlite::Statement<'_> = row.as_ref();
    for (at, name) in statement.column_names().enumerate().filter(|(_, name)| *name != "sum") {
        let (kind, bytes): (u8, Vec<u8>) = match row.get_ref(at)? {
            ValueRef::Null => (0, Vec::new()),
            ValueRef::Integer(n) => (1, n.to_le_bytes().to_vec()),
            ValueRef::Real(x) => (2, x.to_le_bytes().to_vec()),
            ValueRef::Text(text) => (3, text.to_vec()),
            ValueRef::Blob(bytes) => (4, bytes.to_vec()),
        };
        parts.extend([name.as_bytes().to_vec(), vec![kind], bytes]);
    }
    Ok(())
}
