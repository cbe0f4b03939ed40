//! What the log has beyond a mark: at a start, after a crash, and while a relay serves it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{Change, FILES, HEAD_BYTES, Mark, record};
use crate::io::paths::open_private_file;

/// What follows the name of a file whose copy is kept apart; behind it is the generation.
const DAMAGED: &str = ".damaged-";

/// Bytes behind a damaged record in which a sound one is looked for, and bytes that may be checked for that. It is near, if there is one:
/// the length is a small part of a large record, and who knows it looks right behind it.
const SEARCH_BYTES: usize = 64 << 10;
const SEARCH_CHECKED_BYTES: usize = 1 << 20;

/// What the log holds beyond a mark.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::io::storage::relay_store) struct Found {
    /// The changes, in order, each with the place behind it.
    pub(in crate::io::storage::relay_store) changes: Vec<(Change, Mark)>,
    /// The first place at which something is not as it was written and more follows: what follows may need what is gone, so it is not
    /// in `changes`.
    pub(in crate::io::storage::relay_store) damage: Option<Damage>,
}

/// Damage amid the log. A write that a crash has torn looks the same if what was written last is whole; nothing of it was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::io::storage::relay_store) struct Damage {
    /// Where it begins.
    pub(in crate::io::storage::relay_store) at: Mark,
    /// Changes that follow and can be read.
    pub(in crate::io::storage::relay_store) n_beyond: usize,
    /// The generation of the last of them.
    pub(in crate::io::storage::relay_store) last_generation: u64,
}

impl Damage {
    /// Returns what happened and what comes of it.
    pub(in crate::io::storage::relay_store) fn sentence(&self, folder: &Path, copies: &[PathBuf]) -> String {
        let copies: Vec<String> = copies.iter().map(|copy| copy.display().to_string()).collect();
        format!(
            "{} is not as it was written at byte {}; {} changes that follow are kept apart in {}, and whoever made them sends them again",
            folder.join(FILES[(self.at.generation % 2) as usize]).display(),
            self.at.offset,
            self.n_beyond,
            copies.join(" and "),
        )
    }
}

/// Reads what is beyond `from`. A folder without such files has nothing.
///
/// While the log is written, this is all that was durable when it began and perhaps more, without a gap, as long as the generation of
/// `from` is not wholly in the database: its file is not written again before that.
pub(in crate::io::storage::relay_store) fn read(
    folder: &Path,
    salt: [u8; 16],
    from: Mark,
) -> io::Result<Found> {
    read_by(|name| std::fs::read(folder.join(name)), salt, from)
}

pub(super) fn read_by(
    mut read_file: impl FnMut(&str) -> io::Result<Vec<u8>>,
    salt: [u8; 16],
    from: Mark,
) -> io::Result<Found> {
    let mut files = [Vec::new(), Vec::new()];
    // The later generation first: if it has something, the one before it is whole by then.
    for generation in [from.generation + 1, from.generation] {
        let file = (generation % 2) as usize;
        match read_file(FILES[file]) {
            Ok(bytes) => files[file] = bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read_records(&files, &salt, from))
}

/// Reads the records of both files. No generation is written in them: at most two are unsettled, and one more could have been begun.
pub(super) fn read_records(files: &[Vec<u8>; 2], salt: &[u8; 16], from: Mark) -> Found {
    let mut found = Found::default();
    for generation in from.generation.max(1)..=from.generation + 3 {
        let bytes = &files[(generation % 2) as usize];
        // What was settled is not looked at again: damage there costs nothing.
        let offset = if generation == from.generation { from.offset } else { 0 };
        let mut at = Mark { generation, offset };
        loop {
            while let Some((change, end)) = record(bytes, salt, at) {
                match &mut found.damage {
                    None => found.changes.push((change, end)),
                    Some(damage) => {
                        (damage.n_beyond, damage.last_generation) = (damage.n_beyond + 1, generation)
                    }
                }
                at = end;
            }
            let Some(next) = next_sound(bytes, salt, at) else { break };
            found.damage.get_or_insert(Damage { at, n_beyond: 0, last_generation: generation });
            at = next;
        }
    }
    found
}

/// Returns where the next sound record begins behind a place at which there is none. First it looks behind the record that seems to be
/// there, then everywhere near.
fn next_sound(bytes: &[u8], salt: &[u8; 16], at: Mark) -> Option<Mark> {
    let start = usize::try_from(at.offset).ok()?;
    let len_at = |offset: usize| -> Option<usize> {
        let len = u32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?) as usize;
        (HEAD_BYTES - 12 <= len && offset + 12 + len <= bytes.len()).then_some(len)
    };
    let is_sound = |offset: usize| record(bytes, salt, Mark { offset: offset as u64, ..at }).is_some();
    let behind = len_at(start).map(|len| start + 12 + len).filter(|&offset| is_sound(offset));
    let mut n_left = SEARCH_CHECKED_BYTES;
    let search = || {
        (start + 1..bytes.len().min(start + SEARCH_BYTES)).find(|&offset| {
            let Some(len) = len_at(offset).filter(|&len| len <= n_left) else { return false };
            n_left -= len;
            is_sound(offset)
        })
    };
    behind.or_else(search).map(|offset| Mark { offset: offset as u64, ..at })
}

/// Copies what holds a log's damage and all that follows it, so that no later turn writes over it. Returns where the copies are.
pub(in crate::io::storage::relay_store) fn keep_apart(
    folder: &Path,
    damage: &Damage,
) -> io::Result<Vec<PathBuf>> {
    let mut copies = Vec::new();
    for generation in damage.at.generation..=damage.last_generation {
        let name = FILES[(generation % 2) as usize];
        let copy = folder.join(format!("{name}{DAMAGED}{generation}"));
        open_private_file(&copy)?;
        std::fs::copy(folder.join(name), &copy)?;
        File::options().write(true).open(&copy)?.sync_all()?;
        copies.push(copy);
    }
    Ok(copies)
}

/// Returns what is kept apart in a folder, in order.
pub(in crate::io::storage::relay_store) fn kept_apart(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if FILES.iter().any(|file| name.starts_with(&format!("{file}{DAMAGED}"))) {
            kept.push(path);
        }
    }
    kept.sort();
    Ok(kept)
}
