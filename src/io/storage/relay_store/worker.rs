//! The thread of the relay's store.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::rows::{self, Write};
use super::{DocId, RelayDocument, RelayEvent, RelayLink, RelaySnapshot, StorageError};
use crate::base::time::WallTime;
use crate::io::paths::create_private_folder;
use crate::io::storage::database::{Database, Kind};
use crate::io::storage::group::{Answer, Commit, Group};
use crate::io::storage::lock::FileLock;
use crate::io::storage::serve::Serve;

const RETRY_EVERY: Duration = Duration::from_millis(500);

/// What the thread is asked to do; see the functions of `RelayStore`.
pub(super) enum Command {
    Load(DocId),
    Create { doc_id: DocId, document: Box<RelayDocument>, created: WallTime },
    Append { doc_id: DocId, token: u64, bytes: Vec<u8> },
    StoreSnapshot { doc_id: DocId, snapshot: RelaySnapshot, upto: u64 },
    StoreAccess { doc_id: DocId, read_hash: [u8; 32], links: Vec<RelayLink> },
}

/// What the thread holds.
pub(super) struct Worker {
    on_event: Box<dyn Fn(RelayEvent) + Send>,
    group: Group<Write>,
    /// The last batch of each document when it was last loaded: tokens of those say nothing.
    before: HashMap<DocId, i64>,
    /// Loads that wait because something of their document does.
    loads: Vec<DocId>,
    waiting: Arc<AtomicUsize>,
    _lock: FileLock,
}

impl Worker {
    /// Locks the folder and opens the database.
    pub(super) fn open(
        folder: &Path,
        on_event: Box<dyn Fn(RelayEvent) + Send>,
        waiting: Arc<AtomicUsize>,
    ) -> Result<Worker, StorageError> {
        create_private_folder(folder)
            .map_err(|why| StorageError::NotOpened { path: folder.to_path_buf(), why })?;
        let lock = FileLock::exclusive(&folder.join("relay.lock"))?
            .ok_or_else(|| StorageError::FolderLocked { folder: folder.to_path_buf() })?;
        let mut database = Database::new(folder.join("relay.sqlite"), Kind::Relay);
        database.connection()?;
        let group = Group::new(database, RETRY_EVERY);
        Ok(Worker { on_event, group, before: HashMap::new(), loads: Vec::new(), waiting, _lock: lock })
    }

    pub(super) fn n_documents(&mut self) -> Result<(u64, rows::Created), StorageError> {
        let counted = rows::n_documents(self.group.database.connection()?);
        counted.map_err(|why| self.group.database.error(why))
    }

    fn is_waiting(&self, doc_id: DocId) -> bool {
        self.group.waiting().iter().any(|write| write.doc_id() == doc_id)
    }

    /// Reads a document. While a change of it waits for the disk the load waits too: it must neither miss the
    /// change nor show it as persisted.
    fn load(&mut self, doc_id: DocId) {
        if self.is_waiting(doc_id) {
            self.loads.push(doc_id);
            return;
        }
        let loaded = match self.group.database.connection() {
            Ok(connection) => rows::load(connection, doc_id).map_err(|why| self.group.database.error(why)),
            Err(error) => Err(error),
        };
        (self.on_event)(match loaded {
            Ok(Some((document, last))) => {
                self.before.insert(doc_id, last);
                RelayEvent::Loaded { doc_id, document: Some(Box::new(document)) }
            }
            Ok(None) => RelayEvent::Loaded { doc_id, document: None },
            Err(error) => {
                self.group.database.close();
                RelayEvent::LoadFailed { doc_id, sentence: error.to_string() }
            }
        });
    }

    fn tell(&self, (write, result): Answer<Write>) {
        let doc_id = write.doc_id();
        let token = match &write {
            Write::Append { token, bytes, .. } => {
                self.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
                Some(*token)
            }
            _ => None,
        };
        let sentence = match (write, result) {
            (Write::Create { .. }, Ok(true)) => return (self.on_event)(RelayEvent::Created { doc_id }),
            (Write::Append { token, .. }, Ok(true)) => {
                return (self.on_event)(RelayEvent::Persisted { doc_id, token });
            }
            (Write::StoreSnapshot { upto, .. }, Ok(true)) => {
                return (self.on_event)(RelayEvent::SnapshotStored { doc_id, upto });
            }
            (Write::StoreAccess { .. }, Ok(true)) => {
                return (self.on_event)(RelayEvent::AccessStored { doc_id });
            }
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
        (self.on_event)(RelayEvent::Refused { doc_id, token, sentence });
    }
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
            Command::Load(doc_id) => {
                if self.is_waiting(doc_id) {
                    let _ = self.commit();
                }
                self.load(doc_id);
            }
            Command::Create { doc_id, document, created } => {
                self.group.push(Write::Create { doc_id, document, created });
            }
            Command::Append { doc_id, token, bytes } => {
                self.group.push(Write::Append { doc_id, token, bytes });
            }
            Command::StoreAccess { doc_id, read_hash, links } => {
                self.group.push(Write::StoreAccess { doc_id, read_hash, links });
            }
            Command::StoreSnapshot { doc_id, snapshot, upto } => {
                let before = self.before.get(&doc_id).copied().unwrap_or(0);
                self.group.push(Write::StoreSnapshot { doc_id, snapshot, before, upto });
            }
        }
    }

    fn commit(&mut self) -> Option<StorageError> {
        let began = Instant::now();
        match self.group.commit() {
            Commit::Nothing => None,
            Commit::Written { answers, recovered } => {
                (self.on_event)(RelayEvent::Synced { took: began.elapsed() });
                for answer in answers {
                    self.tell(answer);
                }
                if recovered {
                    (self.on_event)(RelayEvent::Recovered);
                }
                for doc_id in std::mem::take(&mut self.loads) {
                    self.load(doc_id);
                }
                None
            }
            Commit::Failed { error, is_new } => {
                if is_new {
                    (self.on_event)(RelayEvent::PersistFailed { sentence: error.to_string() });
                }
                // The documents hold what was not written, and ask again: kept here as well it would only grow.
                for write in self.group.take(|write| matches!(write, Write::Append { .. })) {
                    let failed = StorageError::NotNow { why: error.to_string() };
                    self.tell((write, Err(failed)));
                }
                Some(error)
            }
        }
    }
}
