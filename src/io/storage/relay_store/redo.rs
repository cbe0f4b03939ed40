//! The redo log: the newest changes, one after the other in a file, so that making them durable is one small write and one sync.
//!
//! There are two files of one mebibyte, written in turn; each turn is a generation. A record is
//! `length u32 · check u64 · document 16 bytes · token u64 · change`, where the check is over the salt of this store, the generation,
//! the place in the file and what follows. So a record that is torn, of another store or of an earlier turn is none. The database
//! notes up to which place everything is in it; what lies beyond is taken over when the store is opened. If there are sound records
//! behind one that is not, something was damaged: those are kept apart and counted.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::DocId;
use crate::io::paths::open_private_file;

/// The names of the files in a relay's folder.
pub(super) const FILES: [&str; 2] = ["relay.redo-0", "relay.redo-1"];

/// Bytes after which the other file is taken, if it is free. Both are filled with zeros first: a sync that need not note a new length
/// is a faster one.
const FILE_BYTES: u64 = 1 << 20;

/// A file that had to take more is cut to [`FILE_BYTES`] when its turn comes again, if it is longer than this.
const KEPT_BYTES_MAX: u64 = 8 * FILE_BYTES;

/// Bytes of one change: what the database can hold, and some.
pub(super) const CHANGE_BYTES_MAX: usize = 512 << 20;

/// What follows the name of a file whose copy is kept apart; behind it is the generation.
const DAMAGED: &str = ".damaged-";

/// Bytes behind a damaged record in which a sound one is looked for, and bytes that may be checked for that. It is near, if there is one:
/// the length is a small part of a large record, and who knows it looks right behind it.
const SEARCH_BYTES: usize = 64 << 10;
const SEARCH_CHECKED_BYTES: usize = 1 << 20;

/// Bytes of a record besides its change.
const HEAD_BYTES: usize = 4 + 8 + 16 + 8;

/// A place between two records: after all of earlier generations, and this far into this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    /// From 1 on.
    pub(super) generation: u64,
    /// Bytes.
    pub(super) offset: u64,
}

/// A change of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) doc_id: DocId,
    pub(super) token: u64,
    pub(super) bytes: Vec<u8>,
}

/// The log, open for writing.
pub(super) struct Redo {
    folder: PathBuf,
    salt: [u8; 16],
    files: [File; 2],
    /// The end of what was synced.
    end: Mark,
    buffer: Vec<u8>,
}

impl Redo {
    /// Opens both files. The first record is of this generation; what they hold must be in the database.
    pub(super) fn open(folder: &Path, salt: [u8; 16], generation: u64) -> io::Result<Redo> {
        let open = |name| -> io::Result<File> {
            let path = folder.join(name);
            open_private_file(&path)?;
            let file = File::options().read(true).write(true).open(path)?;
            let len = file.metadata()?.len();
            if len < FILE_BYTES {
                write_at(&file, &vec![0; (FILE_BYTES - len) as usize], len)?;
                file.sync_all()?;
            }
            Ok(file)
        };
        let files = [open(FILES[0])?, open(FILES[1])?];
        #[cfg(unix)]
        File::open(folder)?.sync_all()?;
        Ok(Redo {
            folder: folder.to_owned(),
            salt,
            files,
            end: Mark { generation, offset: 0 },
            buffer: Vec::new(),
        })
    }

    /// Returns the place behind the last change that is on the disk.
    pub(super) fn end(&self) -> Mark {
        self.end
    }

    /// Makes changes durable, all or none. `settled` is the last generation that is wholly in the database: once this one is full the
    /// next begins, if its file is free.
    ///
    /// After an error nothing of it counts; the next try begins at the same place. Whatever reached the disk is overwritten then, or
    /// taken over at the next start, which harms nobody: a change may come any number of times.
    pub(super) fn write(&mut self, changes: &[Change], settled: u64) -> io::Result<()> {
        let is_free = self.end.generation <= settled + 1;
        if FILE_BYTES <= self.end.offset && is_free {
            let next = Mark { generation: self.end.generation + 1, offset: 0 };
            let file = &self.files[(next.generation % 2) as usize];
            if KEPT_BYTES_MAX < file.metadata()?.len() {
                file.set_len(FILE_BYTES)?;
            }
            self.end = next;
        }
        self.buffer.clear();
        for change in changes {
            if CHANGE_BYTES_MAX < change.bytes.len() {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "one change is larger than 512 MiB"));
            }
            let offset = self.end.offset + self.buffer.len() as u64;
            let at = Mark { offset, ..self.end };
            put_record(&mut self.buffer, &self.salt, at, change);
        }
        let file = &self.files[(self.end.generation % 2) as usize];
        #[cfg(test)]
        crate::io::storage::tests::fail_if_asked(&self.folder)?;
        write_at(file, &self.buffer, self.end.offset)?;
        file.sync_data()?;
        self.end.offset += self.buffer.len() as u64;
        self.buffer.shrink_to(FILE_BYTES as usize);
        Ok(())
    }

    /// Returns where the files are, for what people are told.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(FILES[(self.end.generation % 2) as usize])
    }
}

/// What the log holds beyond a mark.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The changes, in order, each with the place behind it.
    pub(super) changes: Vec<(Change, Mark)>,
    /// The first place at which something is not as it was written and more follows: what follows may need what is gone, so it is not
    /// in `changes`.
    pub(super) damage: Option<Damage>,
}

/// Damage amid the log. A write that a crash has torn looks the same if what was written last is whole; nothing of it was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Where it begins.
    pub(super) at: Mark,
    /// Changes that follow and can be read.
    pub(super) n_beyond: usize,
    /// The generation of the last of them.
    pub(super) last_generation: u64,
}

impl Damage {
    /// Returns what happened and what comes of it.
    pub(super) fn sentence(&self, folder: &Path, copies: &[PathBuf]) -> String {
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
pub(super) fn read(folder: &Path, salt: [u8; 16], from: Mark) -> io::Result<Found> {
    read_by(|name| std::fs::read(folder.join(name)), salt, from)
}

fn read_by(
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
fn read_records(files: &[Vec<u8>; 2], salt: &[u8; 16], from: Mark) -> Found {
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
pub(super) fn keep_apart(folder: &Path, damage: &Damage) -> io::Result<Vec<PathBuf>> {
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
pub(super) fn kept_apart(folder: &Path) -> io::Result<Vec<PathBuf>> {
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

fn record(bytes: &[u8], salt: &[u8; 16], at: Mark) -> Option<(Change, Mark)> {
    let rest = bytes.get(usize::try_from(at.offset).ok()?..)?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    let body = rest.get(..u32::from_le_bytes(*len) as usize)?;
    if check(salt, at, body) != *sum {
        return None;
    }
    let (doc_id, body) = body.split_first_chunk::<16>()?;
    let (token, change) = body.split_first_chunk::<8>()?;
    let change = Change { doc_id: *doc_id, token: u64::from_le_bytes(*token), bytes: change.to_vec() };
    let n_bytes = (HEAD_BYTES + change.bytes.len()) as u64;
    Some((change, Mark { offset: at.offset + n_bytes, ..at }))
}

fn put_record(out: &mut Vec<u8>, salt: &[u8; 16], at: Mark, change: &Change) {
    let len = (HEAD_BYTES - 12 + change.bytes.len()) as u32;
    out.extend_from_slice(&len.to_le_bytes());
    let sum_at = out.len();
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&change.doc_id);
    out.extend_from_slice(&change.token.to_le_bytes());
    out.extend_from_slice(&change.bytes);
    let sum = check(salt, at, &out[sum_at + 8..]);
    out[sum_at..sum_at + 8].copy_from_slice(&sum);
}

fn check(salt: &[u8; 16], at: Mark, body: &[u8]) -> [u8; 8] {
    let mut hash = Sha256::new();
    hash.update(salt);
    hash.update(at.generation.to_le_bytes());
    hash.update(at.offset.to_le_bytes());
    hash.update(body);
    let hash: [u8; 32] = hash.finalize().into();
    std::array::from_fn(|i| hash[i])
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn write_at(mut file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [u8; 16] = [7; 16];

    fn change(token: u64, n_bytes: usize) -> Change {
        Change { doc_id: [1; 16], token, bytes: vec![token as u8; n_bytes] }
    }

    fn tokens(folder: &Path, salt: [u8; 16], from: Mark) -> Vec<u64> {
        let found = read(folder, salt, from).expect("readable");
        assert_eq!(found.damage, None);
        found.changes.into_iter().map(|(change, _)| change.token).collect()
    }

    #[test]
    fn changes_come_back_in_order_and_only_those_beyond_the_mark() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut redo = Redo::open(folder.path(), SALT, 1).expect("opened");
        redo.write(&[change(1, 5), change(2, 0)], 0).expect("written");
        let mark = redo.end();
        redo.write(&[change(3, 9)], 0).expect("written");
        assert_eq!(tokens(folder.path(), SALT, Mark::default()), [1, 2, 3]);
        assert_eq!(tokens(folder.path(), SALT, mark), [3]);
        assert!(tokens(folder.path(), SALT, redo.end()).is_empty());
        assert!(tokens(folder.path(), [8; 16], Mark::default()).is_empty(), "of another store");
    }

    #[test]
    fn the_files_take_turns_and_an_earlier_turn_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut redo = Redo::open(folder.path(), SALT, 1).expect("opened");
        redo.write(&[change(1, FILE_BYTES as usize)], 0).expect("written");
        redo.write(&[change(2, 10)], 0).expect("written");
        assert_eq!(redo.end().generation, 2, "the other file was never used");
        redo.write(&[change(3, FILE_BYTES as usize)], 0).expect("written");
        redo.write(&[change(4, 10)], 0).expect("written");
        assert_eq!(redo.end().generation, 2, "the first file is not settled yet");
        redo.write(&[change(5, 10)], 1).expect("written");
        assert_eq!(redo.end().generation, 3);
        let settled = Mark { generation: 2, offset: 0 };
        assert_eq!(tokens(folder.path(), SALT, settled), [2, 3, 4, 5], "what is left of 1 does not count");
    }

    #[test]
    fn a_log_that_is_written_while_it_is_read_is_read_without_a_gap() {
        for generation in 1..=2 {
            let folder = tempfile::tempdir().expect("a folder");
            let mut redo = Redo::open(folder.path(), SALT, generation).expect("opened");
            redo.write(&[change(1, 10)], generation - 1).expect("written");
            let mut n_read = 0;
            let read = |name: &str| {
                n_read += 1;
                let bytes = std::fs::read(folder.path().join(name));
                if n_read == 1 {
                    // Between the two files the log goes on into the other one.
                    redo.write(&[change(2, FILE_BYTES as usize)], generation - 1)?;
                    redo.write(&[change(3, 10)], generation - 1)?;
                }
                bytes
            };
            let found = read_by(read, SALT, Mark { generation, offset: 0 }).expect("readable");
            let tokens: Vec<u64> = found.changes.iter().map(|(change, _)| change.token).collect();
            assert_eq!(tokens, [1, 2], "3 is later, and the first of it is not missed");
            assert_eq!(redo.end().generation, generation + 1);
        }
    }

    #[test]
    fn a_torn_record_ends_the_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut redo = Redo::open(folder.path(), SALT, 1).expect("opened");
        redo.write(&[change(1, 100)], 0).expect("written");
        let end = redo.end().offset;
        redo.write(&[change(2, 100)], 0).expect("written");
        for torn_at in [0, 3, 11, 30, 135] {
            write_at(&redo.files[1], &[0xff], end + torn_at).expect("written");
            assert_eq!(tokens(folder.path(), SALT, Mark::default()), [1], "torn at {torn_at}");
            redo.end.offset = end;
            redo.write(&[change(2, 100)], 0).expect("written");
        }
        let len = folder.path().join(FILES[1]).metadata().expect("a file").len();
        redo.files[1].set_len(end + 50).expect("cut");
        assert_eq!((tokens(folder.path(), SALT, Mark::default()), len), (vec![1], FILE_BYTES));
    }

    /// Flipped bits and cuts anywhere: what is read are the first of the changes, as they were written; and all behind the flipped one
    /// are counted, whatever of it the bit belonged to.
    #[test]
    fn damage_ends_the_log_changes_nothing_and_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut redo = Redo::open(folder.path(), SALT, 1).expect("opened");
        let written: Vec<Change> = (0..12).map(|n| change(n, n as usize * 3)).collect();
        redo.write(&written, 0).expect("written");
        let sound = std::fs::read(folder.path().join(FILES[1])).expect("a file");
        let n_bytes = redo.end().offset as usize;
        let check = |bytes: &[u8], at: usize| {
            let found = read_records(&[Vec::new(), bytes.to_vec()], &SALT, Mark::default());
            let changes: Vec<Change> = found.changes.into_iter().map(|(change, _)| change).collect();
            assert!(written.starts_with(&changes), "damaged at {at}: other changes");
            (changes.len(), found.damage)
        };
        let mut bytes = sound[..n_bytes].to_vec();
        for bit in 0..n_bytes * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let (n, damage) = check(&bytes, bit / 8);
            let n_beyond = damage.map_or(0, |damage| damage.n_beyond);
            assert_eq!(n + 1 + n_beyond, written.len(), "bit {bit} was flipped");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for end in 0..n_bytes {
            let (n, damage) = check(&bytes[..end], end);
            assert!(n < written.len() && damage.is_none(), "cut at {end}: {damage:?}");
        }
    }

    /// The power goes amid a write of many changes: of its pages any may have reached the disk. What was synced before is there, and of
    /// the write nothing but its first changes.
    #[test]
    fn whatever_pages_of_the_last_write_are_there_what_was_synced_before_is() {
        const PAGE: usize = 4096;
        let folder = tempfile::tempdir().expect("a folder");
        let mut redo = Redo::open(folder.path(), SALT, 1).expect("opened");
        let written: Vec<Change> = (0..60).map(|n| change(n, 300)).collect();
        redo.write(&written[..5], 0).expect("written");
        let path = folder.path().join(FILES[1]);
        let before = std::fs::read(&path).expect("a file");
        redo.write(&written[5..], 0).expect("written");
        let after = std::fs::read(&path).expect("a file");
        let n_pages = (redo.end().offset as usize).div_ceil(PAGE);
        for kept in 0..1 << n_pages {
            let page = |n: usize| if kept >> n & 1 == 1 { &after } else { &before };
            let bytes: Vec<u8> =
                (0..n_pages).flat_map(|n| page(n)[n * PAGE..(n + 1) * PAGE].to_vec()).collect();
            let found = read_records(&[Vec::new(), bytes], &SALT, Mark::default());
            let changes: Vec<Change> = found.changes.into_iter().map(|(change, _)| change).collect();
            assert!(written.starts_with(&changes) && 5 <= changes.len(), "pages {kept:b}: {}", changes.len());
        }
    }

    #[test]
    fn what_follows_damage_is_kept_apart_with_all_later_turns() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut redo = Redo::open(folder.path(), SALT, 1).expect("opened");
        redo.write(&[change(1, 10), change(2, 10), change(3, FILE_BYTES as usize)], 0).expect("written");
        redo.write(&[change(4, 10)], 0).expect("written");
        let settled = Mark { generation: 1, offset: (HEAD_BYTES + 10) as u64 };
        assert_eq!(tokens(folder.path(), SALT, settled), [2, 3, 4]);
        write_at(&redo.files[1], &[0xff], 20).expect("written");
        assert_eq!(tokens(folder.path(), SALT, settled), [2, 3, 4], "what is settled may be damaged");
        write_at(&redo.files[1], &[0xff], settled.offset + 20).expect("written");
        let found = read(folder.path(), SALT, settled).expect("readable");
        let damage = Damage { at: settled, n_beyond: 2, last_generation: 2 };
        assert_eq!((found.changes, found.damage), (Vec::new(), Some(damage.clone())));
        let copies = keep_apart(folder.path(), &damage).expect("copied");
        assert_eq!(kept_apart(folder.path()).expect("a folder"), {
            let mut copies = copies.clone();
            copies.sort();
            copies
        });
        let whole = |path: PathBuf| std::fs::read(path).expect("a file");
        assert_eq!(whole(copies[0].clone()), whole(folder.path().join(FILES[1])));
        assert_eq!(copies.len(), 2);
    }
}
