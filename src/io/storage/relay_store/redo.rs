//! The redo log: the newest changes, one after the other in a file, so that making them durable is one small write and one sync.
//!
//! There are two files of one mebibyte, written in turn; each turn is a generation. A record is
//! `length u32 · check u64 · document 16 bytes · token u64 · change`, where the check is over the salt of this store, the generation,
//! the place in the file and what follows. So a record that is torn, of another store or of an earlier turn is none. The database
//! notes up to which place everything is in it; what lies beyond is taken over when the store is opened.

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

/// Reads the changes beyond `from`, in order, each with the place behind it. A folder without such files has none.
///
/// While the log is written, this is all that was durable when it began and perhaps more, without a gap, as long as the generation of
/// `from` is not wholly in the database: its file is not written again before that.
pub(super) fn read(folder: &Path, salt: [u8; 16], from: Mark) -> io::Result<Vec<(Change, Mark)>> {
    read_by(|name| std::fs::read(folder.join(name)), salt, from)
}

fn read_by(
    mut read_file: impl FnMut(&str) -> io::Result<Vec<u8>>,
    salt: [u8; 16],
    from: Mark,
) -> io::Result<Vec<(Change, Mark)>> {
    let mut all = Vec::new();
    // The later generation first: if it has something, the one before it is whole by then.
    for generation in [from.generation + 1, from.generation] {
        match read_file(FILES[(generation % 2) as usize]) {
            Ok(bytes) => read_records(&bytes, &salt, from, &mut all),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    all.sort_by_key(|(_, end)| *end);
    Ok(all)
}

/// Reads the records of one file. Its generation is not written in it: it is the one for which the first record's check holds, of
/// those that may be here. At most two are unsettled, and one more could have been begun.
fn read_records(bytes: &[u8], salt: &[u8; 16], from: Mark, all: &mut Vec<(Change, Mark)>) {
    for generation in from.generation.max(1)..=from.generation + 3 {
        let mut at = Mark { generation, offset: 0 };
        while let Some((change, end)) = record(bytes, salt, at) {
            at = end;
            if from < end {
                all.push((change, end));
            }
        }
        if 0 < at.offset {
            return;
        }
    }
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
        read(folder, salt, from).expect("readable").into_iter().map(|(change, _)| change.token).collect()
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
            let tokens: Vec<u64> = found.iter().map(|(change, _)| change.token).collect();
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
        redo.write(&[change(2, 100), change(3, 100)], 0).expect("written");
        for torn_at in [0, 3, 11, 30, 135] {
            write_at(&redo.files[1], &[0xff], end + torn_at).expect("written");
            assert_eq!(tokens(folder.path(), SALT, Mark::default()), [1], "torn at {torn_at}");
            redo.end.offset = end;
            redo.write(&[change(2, 100), change(3, 100)], 0).expect("written");
        }
        let len = folder.path().join(FILES[1]).metadata().expect("a file").len();
        redo.files[1].set_len(end + 50).expect("cut");
        assert_eq!((tokens(folder.path(), SALT, Mark::default()), len), (vec![1], FILE_BYTES));
    }

    /// Flipped bits and cuts anywhere: what is read are the first of the changes, as they were written.
    #[test]
    fn damage_ends_the_log_and_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut redo = Redo::open(folder.path(), SALT, 1).expect("opened");
        let written: Vec<Change> = (0..12).map(|n| change(n, n as usize * 3)).collect();
        redo.write(&written, 0).expect("written");
        let path = folder.path().join(FILES[1]);
        let sound = std::fs::read(&path).expect("a file");
        let n_bytes = redo.end().offset as usize;
        let check = |bytes: &[u8], at: usize| {
            let mut all = Vec::new();
            read_records(bytes, &SALT, Mark::default(), &mut all);
            let found: Vec<Change> = all.into_iter().map(|(change, _)| change).collect();
            assert!(written.starts_with(&found), "damaged at {at}: other changes");
            assert!(found.len() < written.len(), "damaged at {at}: unnoticed");
        };
        let mut bytes = sound[..n_bytes].to_vec();
        for bit in 0..n_bytes * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            check(&bytes, bit / 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        (0..n_bytes).for_each(|end| check(&bytes[..end], end));
    }
}
