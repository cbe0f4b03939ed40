//! The thread of the relay's store.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use subtle::{Choice, ConstantTimeEq};

use super::front::{OnEvents, Shared, settled_by};
use super::redo::{self, Change, Mark};
use super::rows::{self, Write};
use super::{DocId, Hashes, RelayDocument, RelayEvent, RelayLink, RelaySnapshot, Request, StorageError};
use crate::base::time::WallTime;
use crate::io::paths::create_private_folder;
use crate::io::storage::database::{Database, Kind};
use crate::io::storage::group::{Answer, Commit, Group};
use crate::io::storage::lock::FileLock;
use crate::io::storage::serve::Serve;

const RETRY_EVERY: Duration = Duration::from_millis(500);

/// What the thread is asked to do; see the functions of `RelayStore`.
pub(super) enum Command {
    Load {
        doc_id: DocId,
        shown: Option<[u8; 32]>,
    },
    Create {
        doc_id: DocId,
        document: Box<RelayDocument>,
        created: WallTime,
    },
    /// Nobody waits for it.
    Settle(Unsettled),
    StoreSnapshot {
        doc_id: DocId,
        snapshot: RelaySnapshot,
        upto: u64,
        /// To be taken in with it.
        news: Option<Unsettled>,
    },
    StoreAccess {
        doc_id: DocId,
        hashes: Hashes,
        links: Vec<RelayLink>,
    },
}

/// What the redo log has up to there, but for what a snapshot covers that comes with it.
pub(super) struct Unsettled {
    pub(super) changes: Vec<Change>,
    pub(super) end: Mark,
}

/// What the thread holds.
pub(super) struct Worker {
    on_events: OnEvents,
    group: Group<Write>,
    /// The last batch of each document when it was last loaded: tokens of those say nothing.
    before: HashMap<DocId, i64>,
    /// Loads that wait because something of their document does.
    loads: Vec<(DocId, Option<[u8; 32]>)>,
    shared: Arc<Shared>,
    _lock: FileLock,
}

impl Worker {
    /// Locks the folder and opens the database.
    pub(super) fn open(
        folder: &Path,
        on_events: OnEvents,
        shared: Arc<Shared>,
    ) -> Result<Worker, StorageError> {
        create_private_folder(folder)
            .map_err(|why| StorageError::NotOpened { path: folder.to_path_buf(), why })?;
        let lock = FileLock::exclusive(&folder.join("relay.lock"))?
            .ok_or_else(|| StorageError::FolderLocked { folder: folder.to_path_buf() })?;
        let mut database = Database::new(folder.join("relay.sqlite"), Kind::Relay);
        database.connection()?;
        let group = Group::new(database, RETRY_EVERY);
        Ok(Worker { on_events, group, before: HashMap::new(), loads: Vec::new(), shared, _lock: lock })
    }

    /// Takes in what the redo log has beyond what is here, as after a crash. Returns the log's salt and the place to go on from.
    pub(super) fn take_over(&mut self, folder: &Path) -> Result<([u8; 16], Mark), StorageError> {
        let database = &mut self.group.database;
        let (salt, mark) = rows::redo_mark(database.connection()?).map_err(|why| database.error(why))?;
        let not_read = |why| StorageError::NotOpened { path: folder.to_owned(), why };
        let redo::Found { changes, mut end, damage } =
            redo::read_files(folder, mark).map_err(not_read)?.beyond(&salt, mark);
        if let Some(damage) = damage {
            let copies = redo::keep_apart(folder, &damage).map_err(not_read)?;
            self.tell_one(RelayEvent::LogDamaged { sentence: damage.sentence(folder, &copies) });
            end = Mark { generation: damage.last_generation + 1, offset: 0 };
        }
        if mark < end {
            self.settle(Unsettled { changes: changes.into_iter().map(|(change, _)| change).collect(), end });
            if let Commit::Failed { error, .. } = self.group.commit() {
                return Err(error);
            }
        }
        self.shared.settled.store(end.generation, Ordering::SeqCst);
        Ok((salt, end))
    }

    fn settle(&mut self, Unsettled { changes, end }: Unsettled) {
        changes.into_iter().for_each(|change| self.group.push(Write::Append(change)));
        self.group.push(Write::Settled { end });
    }

    pub(super) fn n_documents(&mut self) -> Result<(u64, rows::Created), StorageError> {
        let counted = rows::n_documents(self.group.database.connection()?);
        counted.map_err(|why| self.group.database.error(why))
    }

    /// Returns whether something of a document waits that is not durable yet.
    fn is_waiting(&self, doc_id: DocId) -> bool {
        let is_meant = |write: &Write| !matches!(write, Write::Append(_)) && write.doc_id() == Some(doc_id);
        self.group.waiting().iter().any(is_meant)
    }

    /// Reads a document, with what waits here and is in the redo log, for whoever showed this hash. While anything else of it waits
    /// for the disk the load waits too: it must neither miss that nor show it as persisted.
    fn load(&mut self, doc_id: DocId, shown: Option<[u8; 32]>) {
        if self.is_waiting(doc_id) {
            self.loads.push((doc_id, shown));
            return;
        }
        let event = match self.read(doc_id, shown) {
            Ok(event) => event,
            Err(error) => {
                self.group.database.close();
                RelayEvent::LoadFailed { doc_id, sentence: error.to_string() }
            }
        };
        self.tell_one(event);
    }

    fn read(&mut self, doc_id: DocId, shown: Option<[u8; 32]>) -> Result<RelayEvent, StorageError> {
        let connection = self.group.database.connection()?;
        let read = (|| {
            // Before anything of it is checked: nobody else learns that it is damaged, and so that it is there.
            if let Some(shown) = shown {
                let hashes = rows::link_hashes(connection, doc_id)?;
                if !hashes.is_empty() && !is_among(shown, &hashes) {
                    return Ok(Some(Err(shown)));
                }
            }
            let Some(mut document) = rows::head(connection, doc_id)? else { return Ok(None) };
            let last = rows::read_content(connection, doc_id, &mut document)?;
            Ok(Some(Ok((document, last))))
        })();
        match read.map_err(|why| self.group.database.error_of(&doc_id, why))? {
            None => Ok(RelayEvent::Loaded { doc_id, document: None }),
            Some(Err(shown)) => Ok(RelayEvent::NotShown { doc_id, shown }),
            Some(Ok((mut document, last))) => {
                self.before.insert(doc_id, last);
                document.batches.extend(self.group.waiting().iter().filter_map(|write| match write {
                    Write::Append(change) if change.doc_id == doc_id => Some(change.bytes.clone()),
                    _ => None,
                }));
                Ok(RelayEvent::Loaded { doc_id, document: Some(Box::new(document)) })
            }
        }
    }

    fn tell_one(&self, event: RelayEvent) {
        (self.on_events)(vec![event]);
    }

    fn tell(&self, (write, result): Answer<Write>) {
        let doc_id = write.doc_id().unwrap_or_default();
        let (request, done) = match &write {
            Write::Settled { end } => return self.shared.settled.store(settled_by(*end), Ordering::SeqCst),
            Write::Append(_) => {
                // Only if somebody else took the document out of the database, or made the database larger than it can be.
                if !matches!(result, Ok(true)) {
                    let document = crate::protocol::DocumentId::from_bytes(doc_id);
                    tracing::error!(%document, ?result, "a change could not be kept");
                }
                return;
            }
            Write::Create { .. } => (Request::Create, RelayEvent::Created { doc_id }),
            Write::StoreSnapshot { upto, .. } => {
                (Request::Snapshot, RelayEvent::SnapshotStored { doc_id, upto: *upto })
            }
            Write::StoreAccess { .. } => (Request::Access, RelayEvent::AccessStored { doc_id }),
        };
        let sentence = match (write, result) {
            (_, Ok(true)) => return self.tell_one(done),
            (Write::Create { document, .. }, Ok(false)) => {
                format!(
                    "“{}” cannot be created, because another document has its link; share it again",
                    document.name
                )
            }
            (_, Ok(false)) => {
                "the change was not stored, because the relay has no such document; create it first"
                    .to_string()
            }
            (_, Err(error)) => error.to_string(),
        };
        self.tell_one(RelayEvent::Refused { doc_id, request, sentence });
    }
}

/// Compares all, so that the time tells nothing of which it is.
fn is_among(shown: [u8; 32], hashes: &[[u8; 32]]) -> bool {
    hashes.iter().fold(Choice::from(0), |found, hash| found | hash.ct_eq(&shown)).into()
}

impl Serve for Worker {
    type Command = Command;
    type Write = Write;
    const CLOSE_RETRY_EVERY: Duration = RETRY_EVERY;

    fn group(&mut self) -> &mut Group<Write> {
        &mut self.group
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Load { doc_id, shown } => {
                if self.is_waiting(doc_id) {
                    let _ = self.commit();
                }
                self.load(doc_id, shown);
            }
            Command::Create { doc_id, document, created } => {
                self.group.push(Write::Create { doc_id, document, created });
            }
            Command::Settle(news) => self.settle(news),
            Command::StoreAccess { doc_id, hashes, links } => {
                self.group.push(Write::StoreAccess { doc_id, hashes, links });
            }
            Command::StoreSnapshot { doc_id, snapshot, upto, news } => {
                let before = self.before.get(&doc_id).copied().unwrap_or(0);
                self.group.push(Write::StoreSnapshot { doc_id, snapshot, before, upto });
                if let Some(news) = news {
                    self.settle(news);
                }
            }
        }
    }

    fn commit(&mut self) -> Option<StorageError> {
        match self.group.commit() {
            Commit::Nothing => None,
            Commit::Written { answers, .. } => {
                let is_cut = answers.iter().any(|(write, _)| matches!(write, Write::StoreSnapshot { .. }));
                for answer in answers {
                    self.tell(answer);
                }
                if is_cut {
                    self.group.database.trim();
                }
                if self.shared.note(&self.shared.database_fails, false) {
                    self.tell_one(RelayEvent::Recovered);
                }
                for (doc_id, shown) in std::mem::take(&mut self.loads) {
                    self.load(doc_id, shown);
                }
                None
            }
            Commit::Failed { error, is_new } => {
                self.shared.note(&self.shared.database_fails, true);
                if is_new {
                    self.tell_one(RelayEvent::PersistFailed { sentence: error.to_string() });
                }
                Some(error)
            }
        }
    }
}
