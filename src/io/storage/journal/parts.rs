//! Snapshots as rows. One that is as long as a large text is cut into parts: SQLite copies what it writes twice, and takes no value of
//! a gigabyte.

use rusqlite::{Connection, params};

use super::Uid;
use crate::base::limits::SNAPSHOT_PART_BYTES;
use crate::io::storage::sums::{self, sum};

/// Puts a snapshot, given as pieces in order, in the place of the one that a document has. Returns how many parts it has there:
/// none if there is no such document.
pub(super) fn put(connection: &Connection, uid: &Uid, pieces: &[&[u8]]) -> rusqlite::Result<usize> {
    connection.execute("DELETE FROM snapshot WHERE uid = ?1", params![uid])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO snapshot (uid, part, n_parts, bytes, sum)
         SELECT uid, ?2, ?3, ?4, ?5 FROM document WHERE uid = ?1",
    )?;
    let n_bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
    let n_parts = n_bytes.div_ceil(SNAPSHOT_PART_BYTES).max(1) as i64;
    let mut n_rows = 0;
    let mut rest = pieces.iter().copied();
    let mut piece: &[u8] = &[];
    let mut part = Vec::with_capacity(n_bytes.min(SNAPSHOT_PART_BYTES));
    for n in 0..n_parts {
        part.clear();
        while part.len() < SNAPSHOT_PART_BYTES {
            if piece.is_empty() {
                let Some(next) = rest.next() else { break };
                piece = next;
            }
            let (taken, left) = piece.split_at(piece.len().min(SNAPSHOT_PART_BYTES - part.len()));
            part.extend_from_slice(taken);
            piece = left;
        }
        n_rows += insert.execute(params![uid, n, n_parts, part, part_sum(uid, n, n_parts, &part)])?;
    }
    Ok(n_rows)
}

/// Returns the snapshot of a document, if it has one.
pub(super) fn get(connection: &Connection, uid: &Uid) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut select =
        connection.prepare("SELECT part, n_parts, bytes, sum FROM snapshot WHERE uid = ?1 ORDER BY part")?;
    let mut rows = select.query(params![uid])?;
    let (mut snapshot, mut n, mut n_parts) = (Vec::new(), 0, 0);
    while let Some(row) = rows.next()? {
        let bytes = row.get_ref(2)?.as_blob()?;
        n_parts = row.get(1)?;
        let is_next = row.get::<_, i64>(0)? == n && n < n_parts;
        if !is_next || row.get::<_, Option<u32>>(3)? != Some(part_sum(uid, n, n_parts, bytes)) {
            return Err(sums::damaged("snapshot"));
        }
        snapshot.extend_from_slice(bytes);
        n += 1;
    }
    match n == n_parts {
        true => Ok((0 < n).then_some(snapshot)),
        false => Err(sums::damaged("snapshot")),
    }
}

/// Returns the checksum of a part. Of which it is one, and of how many, counts where there is another.
fn part_sum(uid: &Uid, n: i64, n_parts: i64, bytes: &[u8]) -> u32 {
    match n_parts {
        1 => sum(uid, &[bytes]),
        _ => sum(uid, &[&n.to_le_bytes(), &n_parts.to_le_bytes(), bytes]),
    }
}
