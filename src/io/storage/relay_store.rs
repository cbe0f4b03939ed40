//! The store of a relay: nothing is acknowledged before it is on the disk, synced. A change goes to the redo log first (`redo`, `front`),
//! and soon, with many others, into the database (`worker`), where everything else goes at once.

mod front;
mod redo;
mod rows;
/// Looking through, copying and bringing back a store.
pub mod upkeep;
mod worker;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::StorageError;
use super::serve;
use crate::base::time::WallTime;
pub use front::OnEvents;
use front::{Append, Front, Order, Shared};
use redo::{Change, Redo};
use worker::{Command, Worker};

/// How far the database's thread stands back (from 0 to 19).
#[cfg(target_os = "linux")]
const DATABASE_NICENESS: i32 = 10;

/// The name of a document on a relay.
pub type DocId = [u8; 16];

/// What never changes about a document, and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayDocument {
    /// Which of the documents that ever had this name it is.
    pub epoch: [u8; 16],
    /// The hash of the token that lets write.
    pub write_hash: [u8; 32],
    /// The hash of the token that lets read.
    pub read_hash: [u8; 32],
    /// What it is called.
    pub name: String,
    /// What stands for the token that it was created with, if one was needed.
    pub creator: Option<[u8; 32]>,
}

/// The hashes of the tokens of the links that a document was shared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashes {
    /// Of the one that lets write.
    pub write: [u8; 32],
    /// Of the one that lets read.
    pub read: [u8; 32],
}

/// A snapshot, and the version it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelaySnapshot {
    /// The version, encoded.
    pub version: Vec<u8>,
    /// The document, encoded.
    pub bytes: Vec<u8>,
}

/// A link besides the two that a document was shared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayLink {
    /// The hash of its token.
    pub hash: [u8; 32],
    /// Whether it lets write.
    pub may_write: bool,
    /// When it ends, if it does.
    pub expires: Option<WallTime>,
    /// Whom it is for.
    pub label: String,
}

/// A document with everything that is on disk for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedDocument {
    /// What never changes.
    pub document: RelayDocument,
    /// When it was made.
    pub created: WallTime,
    /// Its links besides the first two.
    pub links: Vec<RelayLink>,
    /// What it held when it was last cut.
    pub snapshot: Option<RelaySnapshot>,
    /// The changes since then, oldest first.
    pub batches: Vec<Vec<u8>>,
}

/// What the store can be asked to write for a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// [`RelayStore::create`].
    Create,
    /// [`RelayStore::append`] with this number.
    Append(u64),
    /// [`RelayStore::store_snapshot`].
    Snapshot,
    /// [`RelayStore::store_access`].
    Access,
}

/// What the store answers, from its own thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayEvent {
    /// The document was read; `None` if there is none of this name.
    Loaded {
        /// Its name.
        doc_id: DocId,
        /// What is on disk.
        document: Option<Box<LoadedDocument>>,
    },
    /// There is such a document, and whoever it was to be read for has no link to it: nothing was read.
    NotShown {
        /// Its name.
        doc_id: DocId,
        /// What was shown.
        shown: [u8; 32],
    },
    /// The document could not be read. That says nothing about whether it exists.
    LoadFailed {
        /// Its name.
        doc_id: DocId,
        /// What happened and what to do.
        sentence: String,
    },
    /// The document is on disk.
    Created {
        /// Its name.
        doc_id: DocId,
    },
    /// The append is on disk, and so are all of its document before it; of those that were synced together only the last is told.
    Persisted {
        /// Its document.
        doc_id: DocId,
        /// The number it was given.
        token: u64,
    },
    /// The snapshot is on disk and the batches it covers are gone.
    SnapshotStored {
        /// Its document.
        doc_id: DocId,
        /// The last number it covers.
        upto: u64,
    },
    /// Who may do what is on disk.
    AccessStored {
        /// Its document.
        doc_id: DocId,
    },
    /// A request was not done. An append may be asked for again, with all since the last that was `Persisted`; anything else can never be done: the document exists with other
    /// keys, does not exist or is damaged, or the bytes are more than the database can hold.
    Refused {
        /// The document.
        doc_id: DocId,
        /// What was asked for.
        request: Request,
        /// What happened and what to do. For the log: it may name files.
        sentence: String,
    },
    /// Nothing can be written at the moment. Appends are given back with `Refused`; what else waits is tried again twice a second.
    PersistFailed {
        /// What happened and what to do.
        sentence: String,
    },
    /// Appends were synced.
    Synced {
        /// How long that took.
        took: Duration,
    },
    /// After failures, everything that waited is on disk.
    Recovered,
    /// The redo log of the run before is damaged: what followed the damage was not taken in. Told while the store is opened.
    LogDamaged {
        /// What happened and what comes of it.
        sentence: String,
    },
}

/// The store, served by two threads. Dropping it writes what waits and lets go of the folder.
#[derive(Debug)]
pub struct RelayStore {
    orders: Option<Sender<Order>>,
    /// The one before the database, and the database's.
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
    n_documents: u64,
    n_created: Vec<([u8; 32], u64)>,
}

impl RelayStore {
    /// Opens the store in `folder`, creating both if need be, takes over what a crash left in the redo log, and starts the threads.
    /// `on_events` is called on them.
    ///
    /// # Errors
    /// `FolderLocked` if another relay has the folder; otherwise if the database cannot be opened. A damaged
    /// one is left as it is.
    pub fn open(folder: PathBuf, on_events: OnEvents) -> Result<RelayStore, StorageError> {
        let shared = Arc::new(Shared::default());
        let mut worker = Worker::open(&folder, Arc::clone(&on_events), Arc::clone(&shared))?;
        let (n_documents, n_created) = worker.n_documents()?;
        let not_opened = |why| StorageError::NotOpened { path: folder.clone(), why };
        let (salt, end) = worker.take_over(&folder)?;
        let redo = Redo::open(&folder, salt, end).map_err(not_opened)?;
        let (to_worker, for_worker) = mpsc::channel();
        let front = Front {
            redo,
            worker: to_worker,
            on_events,
            shared: Arc::clone(&shared),
            unsettled: Vec::new(),
            n_unsettled_bytes: 0,
            refused: HashSet::new(),
            hand_over_at: None,
            said: None,
        };
        let (orders, received) = mpsc::channel();
        let start = |name: &str, run: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.to_owned()).spawn(run).map_err(not_opened)
        };
        let threads = vec![
            start("relay log", Box::new(move || front.serve(&received)))?,
            start(
                "relay store",
                Box::new(move || {
                    yield_to_others();
                    serve::serve(worker, &for_worker);
                }),
            )?,
        ];
        Ok(RelayStore { orders: Some(orders), threads, shared, n_documents, n_created })
    }

    /// Asks for a document, for whoever showed a token with this hash, if it is to be seen whether it is one of the document's
    /// links; `Loaded`, `NotShown` or `LoadFailed` follows. What was appended before is in it.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn load(&self, doc_id: DocId, shown: Option<[u8; 32]>) -> Result<(), StorageError> {
        self.send(Command::Load { doc_id, shown })
    }

    /// Adds a document; `Created` follows, or `Refused` if another one has the name. Creating the same
    /// document twice is no error.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn create(
        &self,
        doc_id: DocId,
        document: RelayDocument,
        created: WallTime,
    ) -> Result<(), StorageError> {
        self.send(Command::Create { doc_id, document: Box::new(document), created })
    }

    /// Adds a change of a document that was loaded or created; `Persisted` with this `token` or a later one follows when it is on
    /// disk. Tokens grow within one document. Once an append was refused all that follow it are, up to [`RelayStore::append_again`]: they
    /// would be on the disk without what they build on.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn append(&self, doc_id: DocId, token: u64, bytes: Vec<u8>) -> Result<(), StorageError> {
        self.order_append(Change { doc_id, token, bytes }, Append::Next)
    }

    /// As [`RelayStore::append`], after one of this document was refused, with all since the last that was `Persisted`.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn append_again(&self, doc_id: DocId, token: u64, bytes: Vec<u8>) -> Result<(), StorageError> {
        self.order_append(Change { doc_id, token, bytes }, Append::Again)
    }

    /// Puts `snapshot` in the place of all changes up to and with the one numbered `upto`; later ones stay.
    /// `SnapshotStored` follows.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn store_snapshot(
        &self,
        doc_id: DocId,
        snapshot: RelaySnapshot,
        upto: u64,
    ) -> Result<(), StorageError> {
        self.send(Command::StoreSnapshot { doc_id, snapshot, upto, news: None })
    }

    /// Replaces who may do what: the hashes of the first two links' tokens, and all links besides those. `AccessStored`
    /// follows.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn store_access(
        &self,
        doc_id: DocId,
        hashes: Hashes,
        links: Vec<RelayLink>,
    ) -> Result<(), StorageError> {
        self.send(Command::StoreAccess { doc_id, hashes, links })
    }

    /// Returns how many documents there were when the store was opened.
    pub fn n_documents_at_start(&self) -> u64 {
        self.n_documents
    }

    /// Returns how many documents had been created with each token when the store was opened.
    pub fn n_created_at_start(&self) -> &[([u8; 32], u64)] {
        &self.n_created
    }

    /// Returns how many bytes of changes wait for the disk, so that the relay can stop taking more.
    pub fn waiting_bytes(&self) -> usize {
        self.shared.n_bytes_waiting.load(Ordering::Relaxed)
    }

    /// Writes what waits, lets go of the folder and ends the threads.
    ///
    /// # Errors
    /// `NotWritten` if something cannot be written even after a few tries; none of it was acknowledged.
    pub fn shutdown(self) -> Result<(), StorageError> {
        let (reply, replies) = mpsc::channel();
        self.order(Order::Close(reply))?;
        replies.recv().unwrap_or(Err(StorageError::Closed))
    }

    fn order_append(&self, change: Change, append: Append) -> Result<(), StorageError> {
        self.shared.n_bytes_waiting.fetch_add(change.bytes.len(), Ordering::Relaxed);
        self.order(Order::Append(change, append))
    }

    fn send(&self, command: Command) -> Result<(), StorageError> {
        self.order(Order::Pass(command))
    }

    fn order(&self, order: Order) -> Result<(), StorageError> {
        let orders = self.orders.as_ref().ok_or(StorageError::Closed)?;
        orders.send(order).map_err(|_| StorageError::Closed)
    }
}

/// Lets every other thread run first: nobody waits for the database, and a transaction of some milliseconds would hold up edits where
/// all threads share a core.
fn yield_to_others() {
    // On other systems this would be for the whole process.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, DATABASE_NICENESS);
}

impl Drop for RelayStore {
    fn drop(&mut self) {
        self.orders = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
