//! The journal's side of a session: when a record begins, moves and ends.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::limits::{JOURNAL_TEXT_BYTES_MAX, UNDO_KEPT_BYTES_MAX, UNDO_TEXT_BYTES_MAX};
use crate::base::text_format::encoding::Encoding;
use crate::base::text_format::{LineEnding, TextFormat};
use crate::crdt::{ReplicaId, VersionVector};
use crate::document::Document;
use crate::io::storage::StorageError;
use crate::io::storage::journal::{Journal, NewDocument, Rewritten, Snapshot, StoredDocument, Uid};
use crate::io::{clock, entropy};
use crate::journal::{FileHash, Linked, Record, Role};
use crate::protocol::Epoch;
use crate::protocol::link_url::LinkUrl;
use crate::sync::PersistToken;

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The file has everything, or the user discards what it lacks: of an unshared file nothing is kept but undo, and
    /// that only if the file has everything.
    Clean,
    /// What was begun came to nothing: it goes, shared or not. The file has everything.
    Forget,
    /// The program ends without the user's word on unsaved edits: they are recovered next time.
    Abrupt,
}

/// What is kept of a document beside its edits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    role: Option<String>,
    listen: Option<String>,
    has_epoch: bool,
    #[serde(default)]
    line_ending: Option<String>,
    #[serde(default)]
    encoding: Option<String>,
    saved: Vec<(u64, u64)>,
    acknowledged: Vec<(u64, u64)>,
}

/// What the journal holds of a document, and what it would be begun with.
pub(super) struct Keep {
    journal: Journal,
    uid: Uid,
    /// The canonical path of the document's file, if it has one.
    path: Option<PathBuf>,
    /// All but texts: those are taken from the document when they are needed.
    head: Record,
    /// Whether nothing was kept yet: the first batch then has all that came after the document's beginning.
    is_new: bool,
    /// Set from the first batch on, or if there was a record; cleared when the record goes.
    is_begun: bool,
    /// Whether the record may be kept for undo alone once the file has everything.
    keeps_undo: bool,
    /// Whether the record may be marked as one that is kept for undo alone.
    is_closed: bool,
    last_token: Option<PersistToken>,
}

impl Keep {
    /// Makes the journal's side of a document that is kept under `uid`, or that is not kept yet.
    /// With `keeps_undo` the record stays when the file has everything.
    pub(super) fn new(
        journal: Journal,
        uid: Option<Uid>,
        path: Option<PathBuf>,
        head: Record,
        keeps_undo: bool,
    ) -> Keep {
        let is_begun = uid.is_some();
        let uid = uid.unwrap_or_else(entropy::bytes);
        Keep {
            journal,
            uid,
            path,
            head,
            is_new: !is_begun,
            is_begun,
            keeps_undo,
            is_closed: is_begun,
            last_token: None,
        }
    }

    /// Writes the record's head, and the whole record if there is none yet. Returns once a new one is synced.
    pub(super) fn begin_now(&mut self, doc: &mut Document) -> Result<(), StorageError> {
        if self.is_begun {
            self.is_closed = false;
            self.journal.set_closed(self.uid, None)?;
            self.put_state(&self.head.acknowledged)?;
            self.journal.set_path(self.uid, self.path.clone())?;
            let link = self.head.linked.as_ref().map(|linked| linked.url.clone());
            return self.journal.set_link(self.uid, link);
        }
        self.journal.create(self.whole(doc))?;
        (self.is_begun, self.is_new) = (true, false);
        self.journal.keep_undo(self.uid, doc.whole_undo(), true)
    }

    /// All that a new record begins with.
    fn whole(&self, doc: &Document) -> NewDocument {
        let name = self.path.as_deref().and_then(Path::file_name);
        NewDocument {
            uid: self.uid,
            path: self.path.clone(),
            link: self.head.linked.as_ref().map(|linked| linked.url.clone()),
            epoch: self.head.epoch.unwrap_or_default(),
            file_hash: self.head.file.map(|hash| hash.0.to_vec()),
            name: name.map_or_else(|| "untitled".to_owned(), |name| name.to_string_lossy().into_owned()),
            created: clock::wall_now(),
            state: self.state(&self.head.acknowledged),
            snapshot: match doc.beginning().filter(|_| self.is_new) {
                Some((replica, text)) => Snapshot::Text(replica, text),
                None => doc.save().into(),
            },
        }
    }

    /// Returns whether edits are kept: not those of an unshared text that is too large.
    pub(super) fn takes(&self, doc: &Document) -> bool {
        self.is_begun || self.head.linked.is_some() || doc.rope().len_bytes() <= JOURNAL_TEXT_BYTES_MAX
    }

    pub(super) fn append(
        &mut self,
        doc: &mut Document,
        token: PersistToken,
        bytes: Vec<u8>,
    ) -> Result<(), StorageError> {
        let is_new = !self.is_begun;
        if is_new {
            // Not waited for: the first key of a large text must not wait for a disk either.
            self.journal.begin(self.whole(doc))?;
            (self.is_begun, self.is_new) = (true, false);
        } else if std::mem::take(&mut self.is_closed) {
            self.journal.set_closed(self.uid, None)?;
        }
        self.last_token = Some(token);
        match self.head.linked {
            // Others wait for what is shared to be kept.
            Some(_) => self.journal.append(self.uid, bytes, token.0)?,
            None => self.journal.append_soon(self.uid, bytes, token.0)?,
        }
        let undo = if is_new { doc.whole_undo() } else { doc.undo_news() };
        if undo.is_empty() { Ok(()) } else { self.journal.keep_undo(self.uid, undo, is_new) }
    }

    /// Returns the version whose text is the file's.
    pub(super) fn saved_version(&self) -> &VersionVector {
        &self.head.saved
    }

    /// Puts the document in the place of all that the record has: it was rewritten.
    pub(super) fn rewrite(
        &mut self,
        doc: &mut Document,
        token: PersistToken,
        saved: VersionVector,
    ) -> Result<(), StorageError> {
        self.head.saved = saved;
        if !self.is_begun {
            self.is_new = false;
            let nothing_new = doc.changes_since(&doc.version());
            return self.append(doc, token, nothing_new);
        }
        if std::mem::take(&mut self.is_closed) {
            self.journal.set_closed(self.uid, None)?;
        }
        self.last_token = Some(token);
        let (snapshot, undo) = (doc.save(), doc.whole_undo());
        let state = self.state(&self.head.acknowledged);
        self.journal.rewrite(self.uid, Rewritten { snapshot, undo, state }, token.0)
    }

    /// The journal has no record any more: the next batch begins one.
    pub(super) fn lost(&mut self) {
        self.is_begun = false;
    }

    pub(super) fn adopted(&mut self, epoch: Epoch) {
        self.head.epoch = Some(*epoch.as_bytes());
        // The journal knows one epoch for each record, so the record, which is empty still, is made again.
        if self.is_begun {
            self.remove();
        }
    }

    /// Returns the link that the record has meanwhile, if it is another one.
    pub(super) fn replaced_link(&mut self) -> Option<LinkUrl> {
        let linked = self.head.linked.as_mut()?;
        let known = self.journal.list().ok()?;
        let url =
            known.into_iter().find(|known| known.uid == self.uid)?.link.filter(|url| *url != linked.url)?;
        let link = LinkUrl::parse(&url).ok()?;
        linked.url = url;
        Some(link)
    }

    pub(super) fn saved(&mut self, doc: &mut Document, hash: FileHash, format: TextFormat) {
        (self.head.file, self.head.saved) = (Some(hash), doc.version());
        self.head.format = Some(format);
        if !self.is_begun {
            return;
        }
        // One that is too large to be kept for undo stays until the end: to begin it anew costs more.
        if self.head.linked.is_none() && !self.keeps_undo {
            return self.remove();
        }
        // Only an ended thread refuses these, and then appends, which are reported, are refused too.
        let _ = self.put_state(&self.head.acknowledged);
        let _ = self.journal.set_file_hash(self.uid, Some(hash.0.to_vec()));
        if self.head.linked.is_none() {
            self.is_closed = true;
            let _ = self.journal.set_closed(self.uid, Some(clock::wall_now()));
        } else if let Some(token) = self.last_token {
            let _ = self.journal.replace_snapshot(self.uid, doc.save(), token.0);
            let _ = self.journal.keep_undo(self.uid, doc.whole_undo(), true);
        }
    }

    /// Whether the record is worth its room once the file has everything.
    fn may_keep_undo(&self, doc: &Document) -> bool {
        self.keeps_undo && doc.rope().len_bytes() <= UNDO_TEXT_BYTES_MAX
    }

    /// The record goes; the next batch begins another.
    fn remove(&mut self) {
        let _ = self.journal.remove(self.uid);
        self.uid = entropy::bytes();
        self.is_begun = false;
    }

    /// Makes the record of a text whose file has everything as small as it can be, and removes what there is no more
    /// room for.
    fn close(&mut self, doc: &mut Document) {
        if let Some(token) = self.last_token {
            let snapshot = doc.save();
            if UNDO_KEPT_BYTES_MAX < snapshot.len() {
                return self.remove();
            }
            let _ = self.journal.replace_snapshot(self.uid, snapshot, token.0);
            let _ = self.journal.keep_undo(self.uid, doc.whole_undo(), true);
        }
        let _ = self.journal.set_closed(self.uid, Some(clock::wall_now()));
        let _ = self.journal.prune();
    }

    /// Writes down what the other side has. Returns whether there is a record to do so in.
    pub(super) fn note_acknowledged(&mut self, acknowledged: &VersionVector) -> bool {
        self.head.acknowledged = acknowledged.clone();
        self.is_begun && self.put_state(acknowledged).is_ok()
    }

    pub(super) fn end(mut self, doc: &mut Document, acknowledged: &VersionVector, ending: Ending) {
        let is_linked = self.head.linked.is_some();
        // A guest who never got in has nothing to come back to.
        let was_in = self.head.epoch.is_some();
        if is_linked && was_in && !self.is_begun && ending != Ending::Forget {
            let _ = self.begin_now(doc);
        }
        // A text that only this machine serves and that has no file cannot be reached again: discarding it is meant.
        let is_host = self.head.linked.as_ref().is_some_and(|linked| linked.role == Role::Host);
        let is_given_up = ending == Ending::Clean && is_host && self.path.is_none();
        match (is_linked, ending) {
            (true, _) if is_given_up && self.is_begun => drop(self.journal.remove(self.uid)),
            (_, Ending::Forget) if self.is_begun => drop(self.journal.remove(self.uid)),
            (true, _) => drop(self.put_state(acknowledged)),
            (false, Ending::Clean)
                if self.is_begun && self.may_keep_undo(doc) && doc.version() == self.head.saved =>
            {
                self.close(doc);
            }
            (false, Ending::Clean) if self.is_begun => drop(self.journal.remove(self.uid)),
            (false, _) => {}
        }
        if let Err(error) = self.journal.flush_and_close() {
            tracing::error!(%error, "the journal could not be written");
        }
    }

    /// The document's file is this one from now on.
    pub(super) fn moved(&mut self, path: PathBuf) {
        self.path = Some(path.clone());
        if self.is_begun {
            let _ = self.journal.set_path(self.uid, Some(path));
        }
    }

    fn put_state(&self, acknowledged: &VersionVector) -> Result<(), StorageError> {
        self.journal.set_state(self.uid, self.state(acknowledged))
    }

    fn state(&self, acknowledged: &VersionVector) -> Vec<u8> {
        let role = self.head.linked.as_ref().map(|linked| match linked.role {
            Role::Owner => "owner".to_owned(),
            Role::Host => "host".to_owned(),
            Role::Guest => "guest".to_owned(),
        });
        let state = State {
            role,
            listen: self.head.listen.clone(),
            has_epoch: self.head.epoch.is_some(),
            line_ending: self.head.format.map(|format| format.line_ending.name().to_owned()),
            encoding: self.head.format.map(|format| format.encoding.name()),
            saved: pairs(&self.head.saved),
            acknowledged: pairs(acknowledged),
        };
        serde_json::to_vec(&state).unwrap_or_default()
    }
}

/// Returns what the journal has of a document as a record.
pub(super) fn record(stored: StoredDocument) -> Record {
    let state: State = serde_json::from_slice(&stored.state).unwrap_or_default();
    let role = match state.role.as_deref() {
        Some("owner") => Role::Owner,
        Some("host") => Role::Host,
        _ => Role::Guest,
    };
    Record {
        linked: stored.link.map(|url| Linked { url, role }),
        listen: state.listen,
        epoch: state.has_epoch.then_some(stored.epoch),
        file: stored.file_hash.and_then(|hash| hash.try_into().ok()).map(FileHash),
        format: state.line_ending.as_deref().and_then(LineEnding::from_name).map(|line_ending| {
            let encoding = state.encoding.as_deref().and_then(Encoding::from_name).unwrap_or_default();
            TextFormat { encoding, line_ending }
        }),
        saved: version(&state.saved),
        snapshot: stored.snapshot.unwrap_or_default(),
        batches: stored.batches,
        undo: stored.undo,
        acknowledged: version(&state.acknowledged),
    }
}

fn pairs(version: &VersionVector) -> Vec<(u64, u64)> {
    version.iter().map(|(replica, next)| (replica.get(), next)).collect()
}

fn version(pairs: &[(u64, u64)]) -> VersionVector {
    pairs.iter().map(|&(replica, next)| (ReplicaId::new(replica), next)).collect()
}
