//! What the disks answer.

use super::disk::{self, JournalWrite, Shadow, StoreWrite};
use super::world::{DOCUMENT, Event, World};
use crate::relay;
use crate::sync::{Input, PersistToken};

/// Milliseconds after which a journal tries again what a full disk did not take.
const JOURNAL_RETRY_MS: u64 = 1_000;

impl World {
    /// Writes whatever is due at the relay's disk.
    pub(super) fn store_done(&mut self) {
        if std::mem::take(&mut self.store.refuses) {
            return self.store_refuses();
        }
        let now = self.now;
        let mut n_written = 0;
        while let Some((_, write)) = self.store.waiting.pop_front_if(|(at, _)| *at <= now) {
            n_written += 1;
            self.store_answers(write);
        }
        if 0 < n_written {
            self.note(20, n_written, &[]);
        }
    }

    fn store_answers(&mut self, write: StoreWrite) {
        let is_full = self.store.is_full;
        let is_there = !self.store.synced.is_empty();
        if is_there && matches!(&write, StoreWrite::Create { document, .. } if *document == DOCUMENT) {
            self.fail("a document that is there is to be made again".to_owned());
        }
        let input = match &write {
            StoreWrite::Load { document } if *document != DOCUMENT => {
                relay::Input::Loaded { document: *document, result: Ok(None) }
            }
            StoreWrite::Load { document } => {
                relay::Input::Loaded { document: *document, result: Ok(disk::stored(&self.store.synced)) }
            }
            StoreWrite::Create { document, .. } if is_full || *document != DOCUMENT => {
                relay::Input::Created { document: *document, result: Err("no space".to_owned()) }
            }
            StoreWrite::Create { document, .. } => {
                relay::Input::Created { document: *document, result: Ok(()) }
            }
            StoreWrite::Append { .. } | StoreWrite::Snapshot(_) if is_full => {
                self.store.waiting.push_front((self.now, write));
                return self.store_refuses();
            }
            StoreWrite::Append { token, .. } => relay::Input::Appended { document: DOCUMENT, token: *token },
            StoreWrite::Snapshot(_) => relay::Input::SnapshotStored { document: DOCUMENT, result: Ok(()) },
        };
        self.keep_stored(write.clone());
        self.relay_input(input);
    }

    /// Everything that waits fails as one; how much of it is on the disk all the same, nobody knows.
    fn store_refuses(&mut self) {
        let sentence = "the relay cannot write to its disk".to_owned();
        let n_kept = if self.store.is_full { 0 } else { self.rng.below(self.store.waiting.len() as u64 + 1) };
        let failed: Vec<StoreWrite> = self.store.waiting.drain(..).map(|(_, write)| write).collect();
        let mut append_failed = false;
        for (n, write) in failed.into_iter().enumerate() {
            let input = match &write {
                StoreWrite::Load { document } => {
                    relay::Input::Loaded { document: *document, result: Err(sentence.clone()) }
                }
                StoreWrite::Create { document, .. } => {
                    relay::Input::Created { document: *document, result: Err(sentence.clone()) }
                }
                StoreWrite::Append { .. } => {
                    append_failed = true;
                    if (n as u64) < n_kept {
                        self.keep_stored(write);
                    }
                    continue;
                }
                StoreWrite::Snapshot(_) => {
                    relay::Input::SnapshotStored { document: DOCUMENT, result: Err(sentence.clone()) }
                }
            };
            self.relay_input(input);
        }
        if append_failed {
            self.relay_input(relay::Input::AppendFailed { document: DOCUMENT, sentence });
        }
    }

    /// From here on a restart finds it.
    pub(super) fn keep_stored(&mut self, write: StoreWrite) {
        match &write {
            StoreWrite::Load { .. } => return,
            StoreWrite::Create { document, .. } if *document != DOCUMENT => return,
            StoreWrite::Append { bytes, .. } => self.store_shadow.take(bytes),
            StoreWrite::Snapshot(_) | StoreWrite::Create { .. } => {}
        }
        self.store.synced.push(write);
    }

    /// Writes whatever is due at a client's disk.
    pub(super) fn journal_done(&mut self, i: usize) {
        let now = self.now;
        let client = &mut self.clients[i];
        let run = client.run;
        if client.disk.waiting.is_empty() {
            return;
        }
        if client.disk.is_full {
            let is_news = !std::mem::replace(&mut client.disk.is_stalled, true);
            self.later(now + JOURNAL_RETRY_MS, Event::JournalDone { client: i, run });
            if is_news {
                self.input(i, Input::PersistStalled { sentence: "the disk is full".to_owned() });
            }
            return;
        }
        if std::mem::take(&mut client.disk.refuses) {
            return self.journal_refuses(i);
        }
        let mut last = None;
        while let Some((_, write)) = self.clients[i].disk.waiting.pop_front_if(|(at, _)| *at <= now) {
            if let JournalWrite::Append { token, .. } = write {
                last = Some(PersistToken(token));
            }
            self.keep_journalled(i, write);
        }
        self.note(21, i as u64, &[]);
        if std::mem::take(&mut self.clients[i].disk.is_stalled) {
            self.input(i, Input::PersistGoesOn);
        }
        if let Some(token) = last {
            self.input(i, Input::Persisted { token });
        }
    }

    fn journal_refuses(&mut self, i: usize) {
        let n_kept = self.rng.below(self.clients[i].disk.waiting.len() as u64 + 1) as usize;
        let kept = self.clients[i].disk.crash(n_kept);
        kept.into_iter().for_each(|write| self.keep_journalled(i, write));
        let is_begun = disk::record(&self.clients[i].disk.synced).is_some();
        if let Some(process) = &mut self.clients[i].process {
            process.is_begun = is_begun;
        }
        self.input(i, Input::PersistFailed { sentence: "the journal cannot be written".to_owned() });
    }

    /// From here on a restart finds it.
    pub(super) fn keep_journalled(&mut self, i: usize, write: JournalWrite) {
        let shadow = &mut self.clients[i].shadow;
        match &write {
            JournalWrite::Begin { snapshot, .. } => {
                *shadow = Shadow::new();
                shadow.take_snapshot(snapshot);
            }
            JournalWrite::Append { bytes, .. } => shadow.take(bytes),
            JournalWrite::Remove => *shadow = Shadow::new(),
            JournalWrite::Saved { snapshot, .. } => shadow.take_snapshot(snapshot),
            JournalWrite::Acknowledged(_) => {}
        }
        self.clients[i].disk.synced.push(write);
    }

    /// Makes the relay's disk what it was after its first `n` writes.
    pub(super) fn restore_store(&mut self, n: usize) {
        self.store.synced.truncate(n);
        self.store_shadow = Shadow::new();
        if let Some(stored) = disk::stored(&self.store.synced) {
            if let Some(bytes) = &stored.snapshot {
                self.store_shadow.take_snapshot(bytes);
            }
            stored.tail.iter().for_each(|bytes| self.store_shadow.take(bytes));
        }
    }

    /// Makes a client's disk what it was after its first `n` writes.
    pub fn restore_journal(&mut self, i: usize, n: usize) {
        self.clients[i].disk.synced.truncate(n);
        let mut shadow = Shadow::new();
        if let Some(record) = disk::record(&self.clients[i].disk.synced) {
            if !record.snapshot.is_empty() {
                shadow.take_snapshot(&record.snapshot);
            }
            record.batches.iter().for_each(|bytes| shadow.take(bytes));
        }
        self.clients[i].shadow = shadow;
    }
}
