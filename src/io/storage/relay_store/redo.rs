//! The redo log: the newest changes, one after the other in a file, so that making them durable is one small write and one sync.
//!
//! There are two files of one mebibyte, written in turn; each turn is a generation. A record is
//! `length u32 · check u64 · document 16 bytes · token u64 · change`, where the check is over the salt of this store, the generation,
//! the place in the file and what follows. So a record that is torn, of another store or of an earlier turn is none. The database
//! notes up to which place everything is in it; what lies beyond is taken over when the store is opened. If there are sound records
//! behind one that is not, something was damaged: those are kept apart and counted.

mod reading;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::DocId;
use crate::io::paths::open_private_file;
pub(super) use reading::{Found, keep_apart, kept_apart, read};

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
