//! The journal of one user: every change is on disk before it counts as kept.
//!
//! One database serves all documents and all processes of the user; a lock per document sees to it that only
//! one process writes it.

mod parts;
mod rows;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use ropey::Rope;

use super::StorageError;
use super::serve::{Order, serve};
use crate::base::time::WallTime;
use crate::crdt::ReplicaId;
use worker::{Command, Find, Worker};

/// The name of a document on this machine; it never leaves it.
pub type Uid = [u8; 16];

/// What the journal tells on its own, from its own thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalEvent {
    /// The append is on disk, and so are all before it.
    Written {
        /// Its document.
        uid: Uid,
        /// The number it was given.
        token: u64,
    },
    /// The snapshot is on disk and the batches it covers are gone.
    SnapshotWritten {
        /// Its document.
        uid: Uid,
    },
    /// The document is not in the journal any more, so the change with this number is not kept: create the
    /// document again, with everything it holds now.
    Lost {
        /// The document.
        uid: Uid,
        /// The number of the change.
        token: u64,
    },
    /// Nothing can be written at the moment. What waits is kept in memory and tried again each second.
    Failed {
        /// What happened and what to do.
        sentence: String,
    },
    /// One change can never be written.
    Refused {
        /// What happened and what to do.
        sentence: String,
    },
    /// After failures, everything that waited is on disk.
    Recovered,
    /// The journal was damaged. It was renamed, and a new one was begun.
    MovedAside {
        /// What happened and where the old journal is.
        sentence: String,
    },
}

/// A document that is not in the journal yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDocument {
    /// Its name on this machine.
    pub uid: Uid,
    /// The file it belongs to, with symbolic links followed.
    pub path: Option<PathBuf>,
    /// The link that it is shared under.
    pub link: Option<String>,
    /// Which of the documents that ever had this link it is.
    pub epoch: [u8; 16],
    /// The hash of the file as it was last read or saved.
    pub file_hash: Option<Vec<u8>>,
    /// What it is called.
    pub name: String,
    /// When it was made.
    pub created: WallTime,
    /// What the caller remembers beside it.
    pub state: Vec<u8>,
    /// All that it holds.
    pub snapshot: Snapshot,
}

/// What a document holds, as it is given to the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Snapshot {
    /// Encoded.
    Bytes(Vec<u8>),
    /// A text that it begins with, as an edit of this replica. It is encoded where it is written, so that the first key in
    /// a large text does not wait for that.
    Text(ReplicaId, Rope),
}

impl From<Vec<u8>> for Snapshot {
    fn from(bytes: Vec<u8>) -> Snapshot {
        Snapshot::Bytes(bytes)
    }
}

/// What takes the place of all that a document's record holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// All that the document holds.
    pub snapshot: Vec<u8>,
    /// All of its undo.
    pub undo: Vec<u8>,
    /// What the caller remembers beside it.
    pub state: Vec<u8>,
}

/// A document as it was found in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// Its name on this machine.
    pub uid: Uid,
    /// The file it belongs to.
    pub path: Option<PathBuf>,
    /// The link that it is shared under.
    pub link: Option<String>,
    /// Which of the documents that ever had this link it is.
    pub epoch: [u8; 16],
    /// The hash of the file as it was last read or saved.
    pub file_hash: Option<Vec<u8>>,
    /// What it is called.
    pub name: String,
    /// When it was made.
    pub created: WallTime,
    /// What the caller remembers beside it.
    pub state: Vec<u8>,
    /// What it held when it was last cut.
    pub snapshot: Option<Vec<u8>>,
    /// The changes since then, oldest first.
    pub batches: Vec<Vec<u8>>,
    /// The pieces of undo, oldest first.
    pub undo: Vec<Vec<u8>>,
}

/// A line in the list of documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDocument {
    /// Its name on this machine.
    pub uid: Uid,
    /// The file it belongs to.
    pub path: Option<PathBuf>,
    /// The link that it is shared under.
    pub link: Option<String>,
    /// What it is called.
    pub name: String,
    /// When it was made.
    pub created: WallTime,
    /// Bytes it takes in the journal.
    pub bytes: u64,
    /// Whether what is said of it here is not as it was written.
    pub is_damaged: bool,
}

/// The journal, served by a thread. Dropping it writes what waits and lets go of the documents.
#[derive(Debug)]
pub struct Journal {
    orders: Option<Sender<Order<Command>>>,
    thread: Option<JoinHandle<()>>,
}

impl Journal {
    /// Starts the thread. The database `journal.sqlite` in `folder` is opened, and created, when first needed.
    /// `on_event` is called on that thread.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        folder: PathBuf,
        on_event: Box<dyn Fn(JournalEvent) + Send>,
    ) -> Result<Journal, StorageError> {
        let (orders, received) = mpsc::channel();
        let path = folder.clone();
        let thread = thread::Builder::new()
            .name("journal".to_string())
            .spawn(move || serve(Worker::new(folder, on_event), &received))
            .map_err(|why| StorageError::NotOpened { path, why })?;
        Ok(Journal { orders: Some(orders), thread: Some(thread) })
    }

    /// Returns the document of the file at `path` and keeps it for this process; without one, keeps the path.
    ///
    /// # Errors
    /// `Locked` if another process has it; otherwise if the journal cannot be read.
    pub fn find_by_path(&self, path: &Path) -> Result<Option<StoredDocument>, StorageError> {
        self.find(Find::Path(path.to_path_buf()))
    }

    /// Returns the newest document without a file and a link that no other process has, and keeps it.
    ///
    /// # Errors
    /// `Locked` if other processes have all of them; otherwise if the journal cannot be read.
    pub fn find_untitled(&self) -> Result<Option<StoredDocument>, StorageError> {
        self.find(Find::Untitled)
    }

    /// Returns the newest document under `link` that no other process has, and keeps it for this process.
    ///
    /// # Errors
    /// `Locked` if other processes have all of them; otherwise if the journal cannot be read.
    pub fn find_by_link(&self, link: &str) -> Result<Option<StoredDocument>, StorageError> {
        self.find(Find::Link(link.to_string()))
    }

    /// Returns the document of this name and keeps it for this process.
    ///
    /// # Errors
    /// `Locked` if another process has it; otherwise if the journal cannot be read.
    pub fn find_by_uid(&self, uid: Uid) -> Result<Option<StoredDocument>, StorageError> {
        self.find(Find::Uid(uid))
    }

    /// Returns all documents but those that are kept for their undo alone, newest first, whoever has them open.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn list(&self) -> Result<Vec<ListedDocument>, StorageError> {
        self.ask(Command::List)
    }

    /// Adds a document and keeps it for this process. It is on disk when this returns.
    ///
    /// # Errors
    /// `Exists` if it or its path has a journal already; otherwise if it cannot be written, and then it is
    /// not tried again.
    pub fn create(&self, document: NewDocument) -> Result<(), StorageError> {
        self.ask(|reply| Command::Create(Box::new(document), reply))
    }

    /// Adds a document and keeps it for this process, without waiting. What cannot be written yet is tried again
    /// before anything later; what never can is told as `Refused`.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn begin(&self, document: NewDocument) -> Result<(), StorageError> {
        self.send(Command::Begin(Box::new(document)))
    }

    /// Adds a change of a document. Returns at once; `Written` with `token` follows when it is on disk.
    /// Tokens grow within one document.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn append(&self, uid: Uid, bytes: Vec<u8>, token: u64) -> Result<(), StorageError> {
        self.send(Command::Append { uid, bytes, token })
    }

    /// As [`Journal::append`], for a change that nobody waits for: it is on disk within some 100 ms, and what comes meanwhile
    /// shares its sync.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn append_soon(&self, uid: Uid, bytes: Vec<u8>, token: u64) -> Result<(), StorageError> {
        self.send(Command::AppendSoon { uid, bytes, token })
    }

    /// Records what the file of a document holds now.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn set_file_hash(&self, uid: Uid, hash: Option<Vec<u8>>) -> Result<(), StorageError> {
        self.send(Command::SetFileHash(uid, hash))
    }

    /// Records the link of a document.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn set_link(&self, uid: Uid, link: Option<String>) -> Result<(), StorageError> {
        self.send(Command::SetLink(uid, link))
    }

    /// Records that a document belongs to another file now. A document that had that file has none then.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn set_path(&self, uid: Uid, path: Option<PathBuf>) -> Result<(), StorageError> {
        self.send(Command::SetPath(uid, path))
    }

    /// Puts `snapshot` in the place of all changes up to and with the one numbered `after`; later ones stay.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn replace_snapshot(&self, uid: Uid, snapshot: Vec<u8>, after: u64) -> Result<(), StorageError> {
        self.send(Command::ReplaceSnapshot { uid, snapshot, after })
    }

    /// Puts `document` in the place of all that is kept of it, at once. Returns at once; `Written` with `token` follows when
    /// it is on disk.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn rewrite(&self, uid: Uid, document: Rewritten, token: u64) -> Result<(), StorageError> {
        self.send(Command::Rewrite { uid, document: Box::new(document), token })
    }

    /// Adds a piece of a document's undo, or puts it in the place of all earlier ones. Give it behind the changes it is
    /// about: without them it says nothing. Nobody waits for it, as with [`Journal::append_soon`].
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn keep_undo(&self, uid: Uid, bytes: Vec<u8>, is_whole: bool) -> Result<(), StorageError> {
        self.send(Command::Undo { uid, bytes, is_whole })
    }

    /// Records since when a document is kept for its undo alone, or that it is needed again. One that is so kept goes
    /// when its room is needed.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn set_closed(&self, uid: Uid, at: Option<WallTime>) -> Result<(), StorageError> {
        self.send(Command::SetClosed(uid, at))
    }

    /// Removes what is kept for undo alone beyond the bounds, those that were closed longest ago first. What another
    /// process has open stays.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn prune(&self) -> Result<(), StorageError> {
        self.send(Command::Prune)
    }

    /// Removes a document and lets go of it.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn remove(&self, uid: Uid) -> Result<(), StorageError> {
        self.send(Command::Remove(uid))
    }

    /// Lets go of a document once its changes are written, so that another process can open it.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn release(&self, uid: Uid) -> Result<(), StorageError> {
        self.send(Command::Release(uid))
    }

    /// Records what the caller remembers beside a document.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn set_state(&self, uid: Uid, state: Vec<u8>) -> Result<(), StorageError> {
        self.send(Command::SetState(uid, state))
    }

    /// Writes what waits, lets go of the documents and ends the thread.
    ///
    /// # Errors
    /// `NotWritten` if something cannot be written even after a few tries; it is lost then.
    pub fn flush_and_close(self) -> Result<(), StorageError> {
        self.answer(Order::Close)
    }

    fn find(&self, find: Find) -> Result<Option<StoredDocument>, StorageError> {
        self.ask(|reply| Command::Find(find, reply))
    }

    fn send(&self, command: Command) -> Result<(), StorageError> {
        self.order(Order::Do(command))
    }

    fn ask<T>(
        &self,
        command: impl FnOnce(Sender<Result<T, StorageError>>) -> Command,
    ) -> Result<T, StorageError> {
        self.answer(|reply| Order::Do(command(reply)))
    }

    fn answer<T>(
        &self,
        order: impl FnOnce(Sender<Result<T, StorageError>>) -> Order<Command>,
    ) -> Result<T, StorageError> {
        let (reply, replies) = mpsc::channel();
        self.order(order(reply))?;
        replies.recv().unwrap_or(Err(StorageError::Closed))
    }

    fn order(&self, order: Order<Command>) -> Result<(), StorageError> {
        let orders = self.orders.as_ref().ok_or(StorageError::Closed)?;
        orders.send(order).map_err(|_| StorageError::Closed)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
