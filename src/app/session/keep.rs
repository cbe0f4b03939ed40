//! The journal's side of a session: when a record begins, moves and ends.

use ropey::Rope;
use serde::{Deserialize, Serialize};

use crate::crdt::{ReplicaId, VersionVector};
use crate::document::Document;
use crate::io::storage::StorageError;
use crate::io::storage::journal::{Journal, NewDocument, StoredDocument, Uid};
use crate::io::{clock, entropy};
use crate::journal::{FileHash, Linked, Record, Role};
use crate::protocol::Epoch;
use crate::sync::PersistToken;

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The file has everything, or the user discards what it lacks: the journal of an unshared file goes.
    Clean,
    /// The program ends without the user's word on unsaved edits: they are recovered next time.
    Abrupt,
}

/// What is kept of a document beside its edits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Beside {
    role: Option<String>,
    has_epoch: bool,
    base: String,
    saved: Vec<(u64, u64)>,
    acknowledged: Vec<(u64, u64)>,
}

/// What the journal holds of a document, and what it would be begun with.
pub(super) struct Keep {
    journal: Journal,
    uid: Uid,
    /// All but texts: those are taken from the document when they are needed.
    head: Record,
    /// The text that the file has; a clone of a rope shares its pieces.
    base: Rope,
    /// Set from the first batch on, or if there was a record; cleared when the record goes.
    is_begun: bool,
    last_token: Option<PersistToken>,
}

impl Keep {
    /// Makes the journal's side of a document that is kept under `uid`, or that is not kept yet.
    pub(super) fn new(journal: Journal, uid: Option<Uid>, head: Record, base: Rope) -> Keep {
        let is_begun = uid.is_some();
        let uid = uid.unwrap_or_else(entropy::bytes);
        Keep { journal, uid, head, base, is_begun, last_token: None }
    }

    /// Writes the whole record now; returns once it is synced.
    pub(super) fn begin(&mut self, doc: &Document) -> Result<(), StorageError> {
        self.put_beside(&self.head.acknowledged)?;
        if self.is_begun {
            return self
                .journal
                .set_link(self.uid, self.head.linked.as_ref().map(|linked| linked.url.clone()));
        }
        let name = self.head.path.as_deref().and_then(|path| path.rsplit('/').next()).unwrap_or("untitled");
        self.journal.create(NewDocument {
            uid: self.uid,
            path: self.head.path.as_ref().map(Into::into),
            link: self.head.linked.as_ref().map(|linked| linked.url.clone()),
            epoch: self.head.epoch.unwrap_or_default(),
            file_hash: self.head.file.map(|hash| hash.0.to_vec()),
            name: name.to_owned(),
            created: clock::wall_now(),
            snapshot: doc.save(),
        })?;
        self.is_begun = true;
        Ok(())
    }

    pub(super) fn append(
        &mut self,
        doc: &Document,
        token: PersistToken,
        bytes: Vec<u8>,
    ) -> Result<(), StorageError> {
        if !self.is_begun {
            self.begin(doc)?;
        }
        self.last_token = Some(token);
        self.journal.append(self.uid, bytes, token.0)
    }

    /// The journal has no record any more: the next batch begins one.
    pub(super) fn lost(&mut self) {
        self.is_begun = false;
    }

    pub(super) fn adopted(&mut self, epoch: Epoch) {
        self.head.epoch = Some(*epoch.as_bytes());
        // The journal knows one epoch for each record, so the record, which is empty still, is made again.
        if self.is_begun {
            let _ = self.journal.remove(self.uid);
            self.uid = entropy::bytes();
            self.is_begun = false;
        }
    }

    pub(super) fn saved(&mut self, doc: &Document, hash: FileHash) {
        (self.head.file, self.head.saved) = (Some(hash), doc.version());
        self.base = doc.rope().clone();
        if !self.is_begun {
            return;
        }
        if self.head.linked.is_none() {
            let _ = self.journal.remove(self.uid);
            self.uid = entropy::bytes();
            self.is_begun = false;
            return;
        }
        // Only an ended thread refuses these, and then appends, which are reported, are refused too.
        let _ = self.put_beside(&self.head.acknowledged);
        let _ = self.journal.set_file_hash(self.uid, Some(hash.0.to_vec()));
        if let Some(token) = self.last_token {
            let _ = self.journal.replace_snapshot(self.uid, doc.save(), token.0);
        }
    }

    pub(super) fn end(mut self, doc: &Document, acknowledged: &VersionVector, ending: Ending) {
        let is_linked = self.head.linked.is_some();
        if is_linked && !self.is_begun {
            let _ = self.begin(doc);
        }
        match (is_linked, ending) {
            (true, _) => drop(self.put_beside(acknowledged)),
            (false, Ending::Clean) if self.is_begun => drop(self.journal.remove(self.uid)),
            (false, _) => {}
        }
        if let Err(error) = self.journal.flush_and_close() {
            tracing::error!(%error, "the journal could not be written");
        }
    }

    fn put_beside(&self, acknowledged: &VersionVector) -> Result<(), StorageError> {
        let role = self.head.linked.as_ref().map(|linked| match linked.role {
            Role::Owner => "owner".to_owned(),
            Role::Host => "host".to_owned(),
            Role::Guest => "guest".to_owned(),
        });
        let beside = Beside {
            role,
            has_epoch: self.head.epoch.is_some(),
            base: self.base.to_string(),
            saved: pairs(&self.head.saved),
            acknowledged: pairs(acknowledged),
        };
        let value = serde_json::to_vec(&beside).unwrap_or_default();
        self.journal.set_state(&key(&self.uid), value)
    }
}

/// Returns what the journal has of a document as a record.
pub(super) fn record(journal: &Journal, stored: StoredDocument) -> Result<Record, StorageError> {
    let value = journal.state(&key(&stored.uid))?.unwrap_or_default();
    let beside: Beside = serde_json::from_slice(&value).unwrap_or_default();
    let role = match beside.role.as_deref() {
        Some("owner") => Role::Owner,
        Some("host") => Role::Host,
        _ => Role::Guest,
    };
    Ok(Record {
        path: stored.path.and_then(|path| path.to_str().map(str::to_owned)),
        linked: stored.link.map(|url| Linked { url, role }),
        epoch: beside.has_epoch.then_some(stored.epoch),
        file: stored.file_hash.and_then(|hash| hash.try_into().ok()).map(FileHash),
        base: beside.base,
        saved: version(&beside.saved),
        snapshot: stored.snapshot.unwrap_or_default(),
        batches: stored.batches,
        acknowledged: version(&beside.acknowledged),
    })
}

fn key(uid: &Uid) -> String {
    let digits: String = uid.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("document {digits}")
}

fn pairs(version: &VersionVector) -> Vec<(u64, u64)> {
    version.iter().map(|(replica, next)| (replica.get(), next)).collect()
}

fn version(pairs: &[(u64, u64)]) -> VersionVector {
    pairs.iter().map(|&(replica, next)| (ReplicaId::new(replica), next)).collect()
}
