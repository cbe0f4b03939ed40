//! Disks: what was synced, and what was only asked for. The stores of `io` promise transactions that are written whole,
//! in order, and are durable once answered; what a crash leaves of those not answered is any number of the first ones.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::crdt::{ReplicaId, VersionVector};
use crate::document::Document;
use crate::journal::Record;
use crate::protocol::capability::Access;
use crate::protocol::{DocumentId, Epoch};
use crate::relay::Stored;
use crate::sync::PersistToken;

/// A disk that holds one document as the writes that made it.
pub(super) struct Disk<W> {
    /// What a crash leaves.
    pub(super) synced: Vec<W>,
    /// What was asked for since, with the time at which it is synced.
    pub(super) waiting: VecDeque<(u64, W)>,
    pub(super) is_full: bool,
    /// Whether its program was told that it is full.
    pub(super) is_stalled: bool,
    /// Whether the next write or sync fails.
    pub(super) refuses: bool,
    /// Whether the next reading fails.
    pub(super) is_unreadable: bool,
    /// Which of the writes a bit has flipped in, if one has.
    pub(super) flipped: Option<usize>,
}

impl<W> Disk<W> {
    pub(super) fn new() -> Disk<W> {
        Disk {
            synced: Vec::new(),
            waiting: VecDeque::new(),
            is_full: false,
            is_stalled: false,
            refuses: false,
            is_unreadable: false,
            flipped: None,
        }
    }

    /// Asks for a write. Returns when it will be synced: never before those asked for earlier.
    pub(super) fn ask(&mut self, at: u64, write: W) -> u64 {
        let at = self.waiting.back().map_or(at, |(last, _)| at.max(*last));
        self.waiting.push_back((at, write));
        at
    }

    /// Loses what is not synced, but for the first `n_kept`, which had reached the disk.
    pub(super) fn crash(&mut self, n_kept: usize) -> Vec<W> {
        let kept = self.waiting.drain(..).take(n_kept).map(|(_, write)| write).collect();
        self.refuses = false;
        kept
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// Once after the disk was made unreadable, and always after a bit has flipped: each row has a checksum.
    pub(super) fn read(&mut self) -> Result<&[W], &'static str> {
        if std::mem::take(&mut self.is_unreadable) {
            return Err("the disk cannot be read");
        }
        match self.flipped {
            Some(_) => Err("a row is not as it was written"),
            None => Ok(&self.synced),
        }
    }

    /// From here on it is found again. What takes the place of all before heals what had flipped there.
    pub(super) fn keep(&mut self, write: W, replaces_all: impl Fn(&W) -> bool) {
        if replaces_all(&write) {
            self.flipped = None;
        }
        self.synced.push(write);
    }

    /// Flips a bit in one of the writes from the `first` on, if there is one and none has flipped yet: which, `at` says.
    pub(super) fn flip(&mut self, first: usize, at: u64) {
        let n = self.synced.len().saturating_sub(first) as u64;
        if 0 < n {
            self.flipped.get_or_insert(first + (at % n) as usize);
        }
    }

    /// Makes it the copy that was made after its first `n` writes, when all was sound.
    pub(super) fn restore(&mut self, n: usize) {
        self.synced.truncate(n);
        self.flipped = None;
    }
}

/// What a relay asks of its store.
#[derive(Clone)]
pub(super) enum StoreWrite {
    Load { document: DocumentId },
    Create { document: DocumentId, epoch: Epoch, access: Access, name: String },
    Append { token: PersistToken, bytes: Bytes },
    Snapshot(Bytes),
}

impl StoreWrite {
    /// Whether nothing of the text that was written before is needed any more.
    pub(super) fn replaces_all(&self) -> bool {
        matches!(self, StoreWrite::Snapshot(_))
    }
}

/// Returns what a relay's store holds.
pub(super) fn stored(writes: &[StoreWrite]) -> Option<Stored> {
    let mut found: Option<Stored> = None;
    for write in writes {
        match (write, &mut found) {
            (StoreWrite::Create { epoch, access, name, .. }, None) => {
                let (epoch, access, name) = (*epoch, *access, name.clone());
                found = Some(Stored {
                    epoch,
                    access,
                    name,
                    grants: Vec::new(),
                    snapshot: None,
                    tail: Vec::new(),
                });
            }
            (StoreWrite::Append { bytes, .. }, Some(stored)) => stored.tail.push(bytes.clone()),
            (StoreWrite::Snapshot(bytes), Some(stored)) => {
                stored.snapshot = Some(bytes.clone());
                stored.tail.clear();
            }
            _ => {}
        }
    }
    found
}

/// A write to a client's journal.
#[derive(Clone)]
pub(super) enum JournalWrite {
    Begin {
        epoch: Option<Epoch>,
        snapshot: Vec<u8>,
    },
    Append {
        token: u64,
        bytes: Vec<u8>,
    },
    Remove,
    Acknowledged(VersionVector),
    /// The file has this: what was appended before is in the snapshot.
    Saved {
        snapshot: Vec<u8>,
        version: VersionVector,
        token: u64,
    },
    /// All that there was is another content now.
    Rewritten {
        snapshot: Vec<u8>,
        saved: VersionVector,
        token: u64,
    },
}

impl JournalWrite {
    /// As [`StoreWrite::replaces_all`].
    pub(super) fn replaces_all(&self) -> bool {
        matches!(self, JournalWrite::Begin { .. } | JournalWrite::Remove)
    }
}

/// Returns what a journal holds; `None` if it has no record.
pub(super) fn record(writes: &[JournalWrite]) -> Option<Record> {
    let mut found: Option<Record> = None;
    let mut tokens = Vec::new();
    for write in writes {
        match (write, &mut found) {
            (JournalWrite::Begin { epoch, snapshot }, _) => {
                tokens.clear();
                let epoch = epoch.map(|epoch| *epoch.as_bytes());
                found = Some(Record { epoch, snapshot: snapshot.clone(), ..Record::default() });
            }
            (JournalWrite::Remove, _) => found = None,
            (JournalWrite::Append { token, bytes }, Some(record)) => {
                record.batches.push(bytes.clone());
                tokens.push(*token);
            }
            (JournalWrite::Acknowledged(version), Some(record)) => record.acknowledged = version.clone(),
            (JournalWrite::Saved { snapshot, version, token }, Some(record)) => {
                record.snapshot = snapshot.clone();
                record.saved = version.clone();
                let n_cut = tokens.iter().take_while(|&at| at <= token).count();
                record.batches.drain(..n_cut);
                tokens.drain(..n_cut);
            }
            (JournalWrite::Rewritten { snapshot, saved, .. }, Some(record)) => {
                (record.snapshot, record.saved) = (snapshot.clone(), saved.clone());
                record.batches.clear();
                tokens.clear();
            }
            _ => {}
        }
    }
    found
}

/// A document that follows a disk: what a restart would find there.
pub(super) struct Shadow {
    pub(super) doc: Document,
}

impl Shadow {
    pub(super) fn new() -> Shadow {
        Shadow { doc: Document::new(ReplicaId::new(0)) }
    }

    /// Takes in a batch that was synced. One that cannot be read is found when the disk is.
    pub(super) fn take(&mut self, batch: &[u8]) {
        _ = self.doc.apply(batch);
    }

    pub(super) fn take_snapshot(&mut self, bytes: &[u8]) {
        _ = self.doc.apply_snapshot(bytes);
    }
}
