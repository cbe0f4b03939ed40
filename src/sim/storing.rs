//! What the disks answer.

use super::disk::{self, JournalWrite, Shadow, StoreWrite};
use super::world::{Event, World};
use crate::protocol::Epoch;
use crate::relay;
use crate::sync::{Input, PersistToken};

/// Milliseconds after which a journal tries again what a full disk did not take.
const JOURNAL_RETRY_MS: u64 = 1_000;

impl World {
    /// Writes whatever is due at a relay's disk.
    pub(super) fn store_done(&mut self, p: usize) {
        if std::mem::take(&mut self.places[p].store.refuses) {
            return self.store_refuses(p);
        }
        let now = self.now;
        let mut n_written = 0;
        while let Some((_, write)) = self.places[p].store.waiting.pop_front_if(|(at, _)| *at <= now) {
            n_written += 1;
            self.store_answers(p, write);
        }
        if 0 < n_written {
            self.note(20, n_written, &[p as u8]);
        }
    }

    fn store_answers(&mut self, p: usize, write: StoreWrite) {
        let place = &mut self.places[p];
        let (document, is_full) = (place.document, place.store.is_full);
        if matches!(&write, StoreWrite::Create { document: asked, .. } if *asked == document)
            && !place.store.synced.is_empty()
        {
            return self.fail("a document that is there is to be made again".to_owned());
        }
        let input = match &write {
            StoreWrite::Load { document: asked } => {
                let found =
                    place.store.read().map(|writes| disk::stored(writes).filter(|_| *asked == document));
                relay::Input::Loaded { document: *asked, result: found.map_err(str::to_owned) }
            }
            StoreWrite::Create { document: asked, .. } if is_full || *asked != document => {
                relay::Input::Created { document: *asked, result: Err("no space".to_owned()) }
            }
            StoreWrite::Create { .. } => relay::Input::Created { document, result: Ok(()) },
            StoreWrite::Append { .. } | StoreWrite::Snapshot(_) if is_full => {
                place.store.waiting.push_front((self.now, write));
                return self.store_refuses(p);
            }
            StoreWrite::Append { token, .. } => relay::Input::Appended { document, token: *token },
            StoreWrite::Snapshot(_) => relay::Input::SnapshotStored { document, result: Ok(()) },
        };
        self.keep_stored(p, write.clone());
        self.relay_input(p, input);
    }

    /// Everything that waits fails as one; how much of it is on the disk all the same, nobody knows.
    fn store_refuses(&mut self, p: usize) {
        let sentence = "the relay cannot write to its disk".to_owned();
        let (document, store) = (self.places[p].document, &mut self.places[p].store);
        let n_kept = if store.is_full { 0 } else { self.rng.below(store.waiting.len() as u64 + 1) };
        let failed: Vec<StoreWrite> = store.waiting.drain(..).map(|(_, write)| write).collect();
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
                        self.keep_stored(p, write);
                    }
                    continue;
                }
                StoreWrite::Snapshot(_) => {
                    relay::Input::SnapshotStored { document, result: Err(sentence.clone()) }
                }
            };
            self.relay_input(p, input);
        }
        if append_failed {
            self.relay_input(p, relay::Input::AppendFailed { document, sentence });
        }
    }

    /// From here on a restart finds it.
    pub(super) fn keep_stored(&mut self, p: usize, write: StoreWrite) {
        let place = &mut self.places[p];
        match &write {
            StoreWrite::Load { .. } => return,
            StoreWrite::Create { document, .. } if *document != place.document => return,
            StoreWrite::Append { bytes, .. } => place.shadow.take(bytes),
            StoreWrite::Snapshot(_) | StoreWrite::Create { .. } => {}
        }
        place.store.keep(write, StoreWrite::replaces_all);
    }

    /// The journal's record begins with the first batch.
    pub(super) fn begin_record(&mut self, i: usize) {
        let Some(process) = &mut self.clients[i].process else { return };
        if !std::mem::replace(&mut process.is_begun, true) {
            let begin = JournalWrite::Begin { epoch: process.epoch, snapshot: process.doc.save() };
            self.ask_journal(i, begin);
        }
    }

    pub(super) fn adopt(&mut self, i: usize, epoch: Epoch) {
        let Some(process) = &mut self.clients[i].process else { return };
        process.epoch = Some(epoch);
        if std::mem::replace(&mut process.is_begun, false) {
            self.ask_journal(i, JournalWrite::Remove);
        }
    }

    pub(super) fn ask_journal(&mut self, i: usize, write: JournalWrite) {
        let at = self.now + self.rng.below(self.options.disk_ms + 1);
        let client = &mut self.clients[i];
        let (at, run) = (client.disk.ask(at, write), client.run);
        self.later(at, Event::JournalDone { client: i, run });
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
            if let JournalWrite::Append { token, .. } | JournalWrite::Rewritten { token, .. } = write {
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
            // All that was kept before is in it, and what is not was rewritten.
            JournalWrite::Begin { snapshot, .. }
            | JournalWrite::Rewritten { snapshot, .. }
            | JournalWrite::Saved { snapshot, .. } => {
                *shadow = Shadow::new();
                shadow.take_snapshot(snapshot);
            }
            JournalWrite::Append { bytes, .. } => shadow.take(bytes),
            JournalWrite::Remove => *shadow = Shadow::new(),
            JournalWrite::Acknowledged(_) => {}
        }
        self.clients[i].disk.keep(write, JournalWrite::replaces_all);
    }

    /// Makes a relay's disk what it was after its first `n` writes.
    pub(super) fn restore_store(&mut self, p: usize, n: usize) {
        let place = &mut self.places[p];
        place.store.restore(n);
        place.shadow = Shadow::new();
        if let Some(stored) = disk::stored(&place.store.synced) {
            if let Some(bytes) = &stored.snapshot {
                place.shadow.take_snapshot(bytes);
            }
            stored.tail.iter().for_each(|bytes| place.shadow.take(bytes));
        }
    }

    /// Makes a client's disk what it was after its first `n` writes.
    pub fn restore_journal(&mut self, i: usize, n: usize) {
        self.clients[i].disk.restore(n);
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
