//! What the log has beyond a mark: at a start, after a crash, and while a relay serves it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{Change, FILE_BYTES, FILES, HEAD_BYTES, Mark, beginning, record};
use crate::io::paths::open_private_file;

/// What follows the name of a file whose copy is kept apart; behind it is the generation.
const DAMAGED: &str = ".damaged-";

/// Bytes that may be checked while a sound record is looked for behind a place at which there is none, some tenths of a second of work:
/// what people wrote may look like any number of long records.
const SEARCH_CHECKED_BYTES: usize = 64 << 20;

/// What no record begins with; the last three may be of the length of one.
const ZEROS: [u8; 512] = [0; 512];

/// What the log holds beyond a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::io::storage::relay_store) struct Found {
    /// The changes, in order, each with the place behind it.
    pub(in crate::io::storage::relay_store) changes: Vec<(Change, Mark)>,
    /// The place behind all that was read, as far as that goes without a gap.
    pub(in crate::io::storage::relay_store) end: Mark,
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
    /// The last generation that follows, `at`'s own if none does.
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

/// The bytes of both files, as they were read.
pub(in crate::io::storage::relay_store) struct Files([Vec<u8>; 2]);

/// Reads the files for what is beyond `from`. A folder without such files has nothing.
///
/// While the log is written, this is all that was durable when it began and perhaps more, without a gap, as long as the generation of
/// `from` is not wholly in the database by the end: its file is not written again before that. A record that is being written meanwhile
/// may look damaged.
pub(in crate::io::storage::relay_store) fn read_files(folder: &Path, from: Mark) -> io::Result<Files> {
    read_files_by(|name| std::fs::read(folder.join(name)), from)
}

pub(super) fn read_files_by(
    mut read_file: impl FnMut(&str) -> io::Result<Vec<u8>>,
    from: Mark,
) -> io::Result<Files> {
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
    Ok(Files(files))
}

impl Files {
    /// Returns what they hold beyond `from`.
    pub(in crate::io::storage::relay_store) fn beyond(&self, salt: &[u8; 16], from: Mark) -> Found {
        read_records(&self.0, salt, from)
    }
}

/// Reads the records of both files. At most two generations are unsettled, and one more could have been begun.
pub(super) fn read_records(files: &[Vec<u8>; 2], salt: &[u8; 16], from: Mark) -> Found {
    let mut found = Found { changes: Vec::new(), end: from, damage: None };
    for generation in from.generation.max(1)..=from.generation + 3 {
        let bytes = &files[(generation % 2) as usize];
        let start = Mark { generation, offset: 0 };
        // What was settled is not looked at again: damage there costs nothing.
        let mut at = from.max(start);
        let beginning = beginning(bytes, salt, generation).filter(|_| at == start);
        let is_behind = match beginning {
            Some((follows, _)) => follows == found.end,
            // Earlier programs did not note it: they went on from a full file, or from where they were started.
            None => found.end == from || FILE_BYTES <= found.end.offset || record(bytes, salt, at).is_none(),
        };
        if !is_behind && from.generation < generation {
            found.damaged(found.end, generation);
        }
        if let Some((_, first)) = beginning {
            found.go_on_to(first);
            at = first;
        }
        loop {
            while let Some((change, end)) = record(bytes, salt, at) {
                found.take(change, end);
                at = end;
            }
            let Some(next) = next_sound(bytes, salt, at) else { break };
            found.damaged(at, generation);
            at = next;
        }
    }
    found
}

impl Found {
    fn take(&mut self, change: Change, end: Mark) {
        match &mut self.damage {
            None => self.changes.push((change, end)),
            Some(damage) => (damage.n_beyond, damage.last_generation) = (damage.n_beyond + 1, end.generation),
        }
        self.go_on_to(end);
    }

    fn go_on_to(&mut self, end: Mark) {
        if self.damage.is_none() {
            self.end = end;
        }
    }

    fn damaged(&mut self, at: Mark, last_generation: u64) {
        self.damage.get_or_insert(Damage { at, n_beyond: 0, last_generation });
    }
}

/// Returns where the next sound record begins behind a place at which there is none. First it looks behind the record that seems to be
/// there, then everywhere.
fn next_sound(bytes: &[u8], salt: &[u8; 16], at: Mark) -> Option<Mark> {
    let start = usize::try_from(at.offset).ok()?;
    let len_at = |offset: usize| -> Option<usize> {
        let len = u32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?) as usize;
        (HEAD_BYTES - 12 <= len && offset + 12 + len <= bytes.len()).then_some(len)
    };
    let is_sound = |offset: usize| record(bytes, salt, Mark { offset: offset as u64, ..at }).is_some();
    let mark = |offset: usize| Mark { offset: offset as u64, ..at };
    if let Some(behind) = len_at(start).map(|len| start + 12 + len).filter(|&offset| is_sound(offset)) {
        return Some(mark(behind));
    }
    let (mut offset, mut n_left) = (start + 1, SEARCH_CHECKED_BYTES);
    while offset < bytes.len() {
        // Mostly there are zeros up to the end.
        if bytes[offset..].starts_with(&ZEROS) {
            offset += ZEROS.len() - 3;
            continue;
        }
        if let Some(len) = len_at(offset).filter(|&len| len <= n_left) {
            n_left -= len;
            if is_sound(offset) {
                return Some(mark(offset));
            }
        }
        offset += 1;
    }
    None
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
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
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
