//! The redo log: the newest changes, one after the other in a file, so that making them durable is one small write and one sync.
//!
//! There are two files of one mebibyte, written in turn; each turn is a generation. A record is
//! `length u32 · check u64 · document 16 bytes · token u64 · change`, where the check is over the salt of this store, the generation,
//! the place in the file and what follows. So a record that is torn, of another store or of an earlier turn is none. A generation
//! begins with `16 u32 · check u64 · generation u64 · offset u64`: the place that it goes on from. The database notes up to which place
//! everything is in it; what lies beyond is taken over when the store is opened. If there are sound records behind one that is not,
//! something was damaged: those are kept apart and counted.
//!
//! What holds, whatever happens when:
//! - *In order.* A change is read back only behind all that were written before it: within a generation records follow each other, and a
//!   generation counts only if what was read of the log so far ends where it says that it goes on from.
//! - *Acknowledged means there.* Nothing is acknowledged before its write was synced, and no place is written again before the database
//!   has what it held, synced: a generation takes the file of the one before the last, once that is settled.
//! - *Never twice.* No two runs of the program write the same place with success: each begins a generation behind all that it has read.
//! - *Not acknowledged means nothing.* What a failed write left is made zeros, synced, before the next write, so that no record of it
//!   stands behind another one than it was written behind. If the program ends before that, the first changes of it may be read
//!   back, in order; whoever made them has them too, and a change may come any number of times.
//! - *Never silent.* Damage is told, unless it is of the very last record: that looks like one that a crash tore.
//!
//! A crash after a write and before its sync leaves any of its pages: its first changes are taken over, and if some behind those are sound
//! they are told as damage, needlessly. A crash between a sync and the handing over costs nothing, for the database's mark is where
//! it was; nor does one amid a start, for the mark moves in the transaction that takes the changes in, and copies of what is damaged are
//! synced before.

mod reading;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::DocId;
use crate::io::paths::open_private_file;
#[cfg(test)]
pub(super) use reading::Damage;
pub(super) use reading::{Found, keep_apart, kept_apart, read_files};

/// The names of the files in a relay's folder.
pub(super) const FILES: [&str; 2] = ["relay.redo-0", "relay.redo-1"];

/// Bytes after which the other file is taken, if it is free. Both are filled with zeros first: a sync that need not note a new length
/// is a faster one.
const FILE_BYTES: u64 = 1 << 20;

/// A file that had to take more is cut when its turn comes again, if it is longer than this many times [`FILE_BYTES`].
const KEPT_FILES_MAX: u64 = 8;

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
    /// [`FILE_BYTES`], or less for a test that is to see many turns.
    file_bytes: u64,
    /// The end of what was synced.
    end: Mark,
    /// What the generation of `end` goes on from.
    follows: Mark,
    /// Up to where the file of `end` was written, in bytes: beyond `end` after a write that failed.
    reached: u64,
    buffer: Vec<u8>,
}

impl Redo {
    /// Opens both files. The log goes on from a place behind which it has nothing, with the next generation; all before that must be
    /// in the database.
    pub(super) fn open(folder: &Path, salt: [u8; 16], follows: Mark) -> io::Result<Redo> {
        Redo::open_with(folder, salt, follows, FILE_BYTES)
    }

    fn open_with(folder: &Path, salt: [u8; 16], follows: Mark, file_bytes: u64) -> io::Result<Redo> {
        let open = |name| -> io::Result<File> {
            let path = folder.join(name);
            open_private_file(&path)?;
            let file = File::options().read(true).write(true).open(path)?;
            let len = file.metadata()?.len();
            if len < file_bytes {
                write_at(&file, &vec![0; (file_bytes - len) as usize], len)?;
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
            file_bytes,
            end: Mark { generation: follows.generation + 1, offset: 0 },
            follows,
            reached: 0,
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
    /// After an error nothing of it counts, and the next try begins at the same place.
    pub(super) fn write(&mut self, changes: &[Change], settled: u64) -> io::Result<()> {
        self.wipe_failed()?;
        let is_free = self.end.generation <= settled + 1;
        if self.file_bytes <= self.end.offset && is_free {
            self.begin_next()?;
        }
        self.buffer.clear();
        if self.end.offset == 0 {
            put_beginning(&mut self.buffer, &self.salt, self.end.generation, self.follows);
        }
        for change in changes {
            if CHANGE_BYTES_MAX < change.bytes.len() {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "one change is larger than 512 MiB"));
            }
            let offset = self.end.offset + self.buffer.len() as u64;
            let at = Mark { offset, ..self.end };
            put_record(&mut self.buffer, &self.salt, at, change);
        }
        // Noted first: of a write that fails, too, any part may be there.
        self.reached = self.end.offset + self.buffer.len() as u64;
        write_at(self.file(), &self.buffer, self.end.offset)?;
        self.sync(File::sync_data)?;
        self.end.offset = self.reached;
        self.buffer.shrink_to(FILE_BYTES as usize);
        Ok(())
    }

    /// Takes away what a failed write left behind the end. That needs no room on the disk.
    fn wipe_failed(&mut self) -> io::Result<()> {
        if self.reached <= self.end.offset {
            return Ok(());
        }
        let len = self.file_bytes.max(self.end.offset);
        if len < self.file().metadata()?.len() {
            self.file().set_len(len)?;
        }
        let n_bytes = self.reached.min(len) - self.end.offset;
        write_at(self.file(), &vec![0; n_bytes as usize], self.end.offset)?;
        // With the length, which says that what lay beyond is gone.
        self.sync(File::sync_all)?;
        self.reached = self.end.offset;
        Ok(())
    }

    fn begin_next(&mut self) -> io::Result<()> {
        let next = Mark { generation: self.end.generation + 1, offset: 0 };
        let file = &self.files[(next.generation % 2) as usize];
        if KEPT_FILES_MAX * self.file_bytes < file.metadata()?.len() {
            file.set_len(self.file_bytes)?;
        }
        (self.follows, self.end, self.reached) = (self.end, next, 0);
        Ok(())
    }

    fn file(&self) -> &File {
        &self.files[(self.end.generation % 2) as usize]
    }

    fn sync(&self, sync: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
        #[cfg(test)]
        crate::io::storage::tests::fail_if_asked(&self.folder)?;
        sync(self.file())
    }

    /// Returns where the files are, for what people are told.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(FILES[(self.end.generation % 2) as usize])
    }
}

/// Returns the change at a place, if a sound record is there, and the place behind it.
fn record(bytes: &[u8], salt: &[u8; 16], at: Mark) -> Option<(Change, Mark)> {
    let (body, end) = sound(bytes, salt, at)?;
    let (doc_id, body) = body.split_first_chunk::<16>()?;
    let (token, change) = body.split_first_chunk::<8>()?;
    let change = Change { doc_id: *doc_id, token: u64::from_le_bytes(*token), bytes: change.to_vec() };
    Some((change, end))
}

/// Returns what a generation goes on from, if its file begins with that, and the place of its first record.
fn beginning(bytes: &[u8], salt: &[u8; 16], generation: u64) -> Option<(Mark, Mark)> {
    let (body, end) = sound(bytes, salt, Mark { generation, offset: 0 })?;
    let (of, offset) = body.split_first_chunk::<8>()?;
    // A record's body is longer.
    let offset: &[u8; 8] = offset.try_into().ok()?;
    let follows = Mark { generation: u64::from_le_bytes(*of), offset: u64::from_le_bytes(*offset) };
    Some((follows, end))
}

/// Returns what is at a place behind its length and check, if that is as it was written there, and the place behind it.
fn sound<'a>(bytes: &'a [u8], salt: &[u8; 16], at: Mark) -> Option<(&'a [u8], Mark)> {
    let rest = bytes.get(usize::try_from(at.offset).ok()?..)?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    let body = rest.get(..u32::from_le_bytes(*len) as usize)?;
    let end = Mark { offset: at.offset + 12 + body.len() as u64, ..at };
    (check(salt, at, body) == *sum).then_some((body, end))
}

fn put_record(out: &mut Vec<u8>, salt: &[u8; 16], at: Mark, change: &Change) {
    put(out, salt, at, &[&change.doc_id, &change.token.to_le_bytes(), &change.bytes]);
}

fn put_beginning(out: &mut Vec<u8>, salt: &[u8; 16], generation: u64, follows: Mark) {
    let parts = [follows.generation.to_le_bytes(), follows.offset.to_le_bytes()];
    put(out, salt, Mark { generation, offset: 0 }, &[&parts[0], &parts[1]]);
}

fn put(out: &mut Vec<u8>, salt: &[u8; 16], at: Mark, parts: &[&[u8]]) {
    let len = parts.iter().map(|part| part.len()).sum::<usize>() as u32;
    out.extend_from_slice(&len.to_le_bytes());
    let sum_at = out.len();
    out.extend_from_slice(&[0; 8]);
    parts.iter().for_each(|part| out.extend_from_slice(part));
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
