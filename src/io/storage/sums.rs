//! Checksums of rows. SQLite has none of its own: a bit that flips on the disk would come back as another text.

use std::fmt;

use crc32fast::Hasher;
use rusqlite::types::Type;
use rusqlite::{Connection, Error, params};

/// A row that is not what was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DamagedRow {
    /// What it holds, in one or two words.
    pub(super) what: &'static str,
}

impl fmt::Display for DamagedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} is not as it was written", self.what)
    }
}

impl std::error::Error for DamagedRow {}

/// Returns the checksum (CRC-32) of a row: of the document that it belongs to and of what it holds of it. Each length counts,
/// so that no byte can move from one part to another.
pub(super) fn sum(document: &[u8; 16], parts: &[&[u8]]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(document);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize()
}

/// Checks a row that was read.
///
/// # Errors
/// [`DamagedRow`], if it is not what was written.
pub(super) fn check(
    what: &'static str,
    document: &[u8; 16],
    parts: &[&[u8]],
    found: Option<u32>,
) -> rusqlite::Result<()> {
    if found == Some(sum(document, parts)) { Ok(()) } else { Err(damaged(what)) }
}

/// Returns the error that tells of a damaged row.
pub(super) fn damaged(what: &'static str) -> Error {
    Error::FromSqlConversionFailure(0, Type::Blob, Box::new(DamagedRow { what }))
}

/// Returns the damaged row that an error is about, if it is one.
pub(super) fn damaged_row(error: &Error) -> Option<&DamagedRow> {
    match error {
        Error::FromSqlConversionFailure(_, _, why) => why.downcast_ref(),
        _ => None,
    }
}

/// Gives the rows of an earlier format their checksums, taking them for sound.
pub(super) fn fill(
    connection: &Connection,
    table: &str,
    document: &str,
    parts: &[&str],
) -> rusqlite::Result<()> {
    let columns = parts.join(", ");
    let mut rows = connection.prepare(&format!("SELECT rowid FROM {table} WHERE sum IS NULL"))?;
    let rows: Vec<i64> = rows.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut read =
        connection.prepare(&format!("SELECT {document}, {columns} FROM {table} WHERE rowid = ?1"))?;
    let mut write = connection.prepare(&format!("UPDATE {table} SET sum = ?2 WHERE rowid = ?1"))?;
    for id in rows {
        let sum = read.query_row(params![id], |row| {
            let held = (1..=parts.len()).map(|at| row.get::<_, Vec<u8>>(at));
            let held = held.collect::<rusqlite::Result<Vec<_>>>()?;
            let held: Vec<&[u8]> = held.iter().map(Vec::as_slice).collect();
            Ok(sum(&row.get(0)?, &held))
        })?;
        write.execute(params![id, sum])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_can_move_and_no_bit_can_flip() {
        let of = |parts: &[&[u8]]| sum(&[1; 16], parts);
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"abc"]), sum(&[2; 16], &[b"abc"]));
        let mut bytes = b"some text that somebody typed".to_vec();
        let before = of(&[&bytes]);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(of(&[&bytes]), before, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn only_what_was_written_passes() {
        let sum = sum(&[1; 16], &[b"abc"]);
        assert_eq!(check("change", &[1; 16], &[b"abc"], Some(sum)), Ok(()));
        for found in [None, Some(sum ^ 1)] {
            let error = check("change", &[1; 16], &[b"abc"], found).expect_err("damaged");
            assert_eq!(damaged_row(&error), Some(&DamagedRow { what: "change" }));
        }
    }
}
