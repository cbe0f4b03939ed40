//! The thread of the journal.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::Duration;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::rows::{self, Write};
use super::{JournalEvent, ListedDocument, NewDocument, Rewritten, StorageError, StoredDocument, Uid};
use crate::base::limits::{UNDO_FILES_MAX, UNDO_JOURNAL_BYTES_MAX};
use crate::base::time::WallTime;
use crate::io::paths::create_private_folder;
use crate::io::storage::database::{Database, Kind};
use crate::io::storage::group::{Answer, Commit, Group};
use crate::io::storage::lock::FileLock;
use crate::io::storage::serve::Serve;

const RETRY_EVERY: Duration = Duration::from_secs(1);

type Reply<T> = Sender<Result<T, StorageError>>;

/// Which document is meant.
pub(super) enum Find {
    /// The one of a file.
    Path(PathBuf),
    /// One that has neither a file nor a link.
    Untitled,
    /// One under a link.
    Link(String),
    /// The one of this name.
    Uid(Uid),
}

/// What the thread is asked to do; see the functions of `Journal`.
pub(super) enum Command {
    Find(Find, Reply<Option<StoredDocument>>),
    List(Reply<Vec<ListedDocument>>),
    Create(Box<NewDocument>, Reply<()>),
    Begin(Box<NewDocument>),
    Append { uid: Uid, bytes: Vec<u8>, token: u64 },
    AppendSoon { uid: Uid, bytes: Vec<u8>, token: u64 },
    SetFileHash(Uid, Option<Vec<u8>>),
    SetLink(Uid, Option<String>),
    SetPath(Uid, Option<PathBuf>),
    ReplaceSnapshot { uid: Uid, snapshot: Vec<u8>, after: u64 },
    Rewrite { uid: Uid, document: Box<Rewritten>, token: u64 },
    Remove(Uid),
    Release(Uid),
    SetState(Uid, Vec<u8>),
    Undo { uid: Uid, bytes: Vec<u8>, is_whole: bool },
    SetClosed(Uid, Option<WallTime>),
    Prune,
}

/// A document that this process has.
struct Open {
    _lock: FileLock,
    /// The last batch of earlier runs: tokens of those say nothing.
    before: i64,
}

/// What the thread holds.
pub(super) struct Worker {
    folder: PathBuf,
    on_event: Box<dyn Fn(JournalEvent) + Send>,
    group: Group<Write>,
    open: HashMap<Uid, Open>,
    /// Files that this process has.
    paths: HashMap<PathBuf, FileLock>,
    /// Shared by all processes that have the database open.
    sharing: Option<FileLock>,
}

impl Worker {
    /// Prepares the thread for `journal.sqlite` in `folder`. Nothing is opened yet.
    pub(super) fn new(folder: PathBuf, on_event: Box<dyn Fn(JournalEvent) + Send>) -> Worker {
        let database = Database::new(folder.join("journal.sqlite"), Kind::Journal);
        let group = Group::new(database, RETRY_EVERY);
        Worker { folder, on_event, group, open: HashMap::new(), paths: HashMap::new(), sharing: None }
    }

    fn create(&mut self, document: Box<NewDocument>, reply: Reply<()>) {
        let fresh = !self.open.contains_key(&document.uid);
        match self.lock(document.uid, 0) {
            Ok(true) => {}
            Ok(false) => {
                let _ = reply.send(Err(StorageError::Locked { name: document.name.clone() }));
                return;
            }
            Err(error) => {
                let _ = reply.send(Err(error));
                return;
            }
        }
        self.group.push(Write::Create { document, fresh, reply: Some(reply) });
        // Whoever creates waits for the answer, so it gets a try of its own.
        self.group.hurry();
        let Some(error) = self.commit() else { return };
        if let Some(Write::Create { document, fresh, reply }) = self.group.pop() {
            if fresh {
                self.open.remove(&document.uid);
            }
            answer(reply, Err(error));
        }
    }

    /// Creates a document that nobody waits for: if it cannot be written now, it is tried again with all else.
    fn begin(&mut self, document: Box<NewDocument>) {
        let fresh = !self.open.contains_key(&document.uid);
        let error = match self.lock(document.uid, 0) {
            Ok(true) => return self.group.push(Write::Create { document, fresh, reply: None }),
            Ok(false) => StorageError::Locked { name: document.name.clone() },
            Err(error) => error,
        };
        (self.on_event)(JournalEvent::Refused { sentence: error.to_string() });
    }

    fn tell(&mut self, (write, result): Answer<Write>) {
        let event = match (write, result) {
            (Write::Create { document, fresh, reply }, result) => {
                if fresh && result.is_err() {
                    self.open.remove(&document.uid);
                }
                let result = result.map(|_| ()).map_err(|error| match error {
                    StorageError::Failed { why, .. } if is_taken(&why) => {
                        StorageError::Exists { name: document.name }
                    }
                    error => error,
                });
                match (reply, result) {
                    (None, Err(error)) => JournalEvent::Refused { sentence: error.to_string() },
                    (reply, result) => return answer(reply, result),
                }
            }
            (Write::Append { uid, token, .. } | Write::Rewrite { uid, token, .. }, Ok(true)) => {
                JournalEvent::Written { uid, token }
            }
            (Write::Append { uid, token, .. } | Write::Rewrite { uid, token, .. }, Ok(false)) => {
                JournalEvent::Lost { uid, token }
            }
            (Write::ReplaceSnapshot { uid, .. }, Ok(true)) => JournalEvent::SnapshotWritten { uid },
            (Write::Remove(uid) | Write::Release(uid), Ok(_)) => {
                self.open.remove(&uid);
                return;
            }
            (_, Ok(_)) => return,
            (_, Err(error)) => JournalEvent::Refused { sentence: error.to_string() },
        };
        (self.on_event)(event);
    }

    /// Makes room: what cannot be read or locked now is looked at the next time.
    fn prune(&mut self) {
        let _ = self.commit();
        let (mut n_files, mut n_bytes) = (0, 0);
        for (uid, bytes) in self.read(rows::closed).unwrap_or_default() {
            (n_files, n_bytes) = (n_files + 1, n_bytes + bytes);
            let is_beyond = UNDO_FILES_MAX < n_files || UNDO_JOURNAL_BYTES_MAX < n_bytes;
            if is_beyond && self.lock(uid, 0).unwrap_or(false) {
                self.group.push(Write::Remove(uid));
            }
        }
    }

    fn find(&mut self, find: &Find) -> Result<Option<StoredDocument>, StorageError> {
        // Two processes must not begin a document each, whatever becomes of the one that is there.
        if let Find::Path(path) = find {
            self.lock_path(path)?;
        }
        // It is made with the first edit, and not while somebody waits for the first screen.
        if !self.group.database.exists() {
            return Ok(None);
        }
        let mut taken = None;
        for (uid, name) in self.read(|connection| rows::find(connection, find))? {
            if !self.lock(uid, 0)? {
                taken = Some(name);
                continue;
            }
            let loaded = self.read_of(Some(&uid), |connection| rows::load(connection, uid));
            match loaded {
                Ok(Some((document, last))) => {
                    self.lock(uid, last)?;
                    return Ok(Some(document));
                }
                // Removed between the two statements.
                Ok(None) => drop(self.open.remove(&uid)),
                Err(error) => {
                    self.open.remove(&uid);
                    return Err(error);
                }
            }
        }
        if let Some(name) = taken {
            return Err(StorageError::Locked { name });
        }
        Ok(None)
    }

    /// Takes a file for this process.
    fn lock_path(&mut self, path: &Path) -> Result<(), StorageError> {
        if self.paths.contains_key(path) {
            return Ok(());
        }
        let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
        match self.lock_file(&format!("path-{}", hex(&digest[..16])))? {
            Some(lock) => drop(self.paths.insert(path.to_path_buf(), lock)),
            None => {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
                return Err(StorageError::Locked { name });
            }
        }
        Ok(())
    }

    fn lock_file(&self, name: &str) -> Result<Option<FileLock>, StorageError> {
        let folder = self.folder.join("locks");
        create_private_folder(&folder)
            .map_err(|why| StorageError::NotOpened { path: folder.clone(), why })?;
        FileLock::exclusive(&folder.join(format!("{name}.lock")))
    }

    /// Takes a document for this process; false if another one has it.
    fn lock(&mut self, uid: Uid, before: i64) -> Result<bool, StorageError> {
        if let Some(open) = self.open.get_mut(&uid) {
            open.before = open.before.max(before);
            return Ok(true);
        }
        let Some(lock) = self.lock_file(&hex(&uid))? else { return Ok(false) };
        self.open.insert(uid, Open { _lock: lock, before });
        Ok(true)
    }

    fn read<T>(&mut self, read: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T, StorageError> {
        self.read_of(None, read)
    }

    /// Reads, perhaps of one document: damage of that alone leaves the rest as it is.
    fn read_of<T>(
        &mut self,
        uid: Option<&Uid>,
        read: impl Fn(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StorageError> {
        self.share()?;
        match self.try_read(uid, &read) {
            Err(StorageError::Damaged { .. }) => {
                self.set_aside()?;
                self.try_read(uid, &read)
            }
            result => result,
        }
    }

    fn try_read<T>(
        &mut self,
        uid: Option<&Uid>,
        read: impl Fn(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StorageError> {
        let result = read(self.group.database.connection()?);
        result.map_err(|why| match uid {
            Some(uid) => self.group.database.error_of(uid, why),
            None => self.group.database.error(why),
        })
    }

    fn share(&mut self) -> Result<(), StorageError> {
        if self.sharing.is_none() {
            let path = self.folder.clone();
            create_private_folder(&path).map_err(|why| StorageError::NotOpened { path, why })?;
            self.sharing = Some(FileLock::shared(&self.folder.join("journal.lock"))?);
        }
        Ok(())
    }

    /// Renames a damaged database, unless another process has it open.
    fn set_aside(&mut self) -> Result<(), StorageError> {
        self.share()?;
        let Worker { group, sharing, .. } = self;
        let path = group.database.path().to_path_buf();
        let moved = sharing.as_ref().and_then(|sharing| sharing.alone(|| group.database.move_aside()));
        let aside = match moved {
            Some(Ok(aside)) => aside,
            Some(Err(why)) => return Err(StorageError::NotOpened { path, why }),
            None => {
                let why = "another coedit still has it open; close it first".to_string();
                return Err(StorageError::Damaged { path, why });
            }
        };
        let sentence = format!(
            "The journal was damaged; it was moved to {} and a new one was begun, so save your open documents.",
            aside.display()
        );
        (self.on_event)(JournalEvent::MovedAside { sentence });
        Ok(())
    }
}

impl Serve for Worker {
    type Command = Command;
    type Write = Write;
    const CLOSE_RETRY_EVERY: Duration = Duration::from_millis(200);

    fn group(&mut self) -> &mut Group<Write> {
        &mut self.group
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Find(find, reply) => {
                let _ = self.commit();
                let _ = reply.send(self.find(&find));
            }
            Command::List(reply) => {
                let _ = self.commit();
                let _ = reply.send(self.read(rows::list));
            }
            Command::Create(document, reply) => self.create(document, reply),
            Command::Begin(document) => self.begin(document),
            Command::Append { uid, bytes, token } => self.group.push(Write::Append { uid, bytes, token }),
            Command::AppendSoon { uid, bytes, token } => {
                self.group.push_patient(Write::Append { uid, bytes, token });
            }
            Command::SetFileHash(uid, hash) => self.group.push(Write::SetFileHash(uid, hash)),
            Command::SetLink(uid, link) => self.group.push(Write::SetLink(uid, link)),
            Command::SetPath(uid, path) => self.group.push(Write::SetPath(uid, path)),
            Command::ReplaceSnapshot { uid, snapshot, after } => {
                let before = self.open.get(&uid).map_or(0, |open| open.before);
                self.group.push(Write::ReplaceSnapshot { uid, snapshot, before, after });
            }
            Command::Rewrite { uid, document, token } => {
                self.group.push(Write::Rewrite { uid, document, token });
            }
            Command::Remove(uid) => self.group.push(Write::Remove(uid)),
            Command::Release(uid) => self.group.push(Write::Release(uid)),
            Command::SetState(uid, state) => self.group.push(Write::SetState(uid, state)),
            Command::Undo { uid, bytes, is_whole } => {
                self.group.push_patient(Write::Undo { uid, bytes, is_whole });
            }
            Command::SetClosed(uid, at) => self.group.push(Write::SetClosed(uid, at)),
            Command::Prune => self.prune(),
        }
    }

    fn commit(&mut self) -> Option<StorageError> {
        if !self.group.waiting().is_empty() {
            // If this fails, so does opening the database, and that is told below.
            let _ = self.share();
        }
        let mut done = self.group.commit();
        if let Commit::Failed { error: StorageError::Damaged { .. }, .. } = &done
            && self.set_aside().is_ok()
        {
            self.group.hurry();
            done = self.group.commit();
        }
        match done {
            Commit::Nothing => None,
            Commit::Written { answers, recovered } => {
                for answer in answers {
                    self.tell(answer);
                }
                if recovered {
                    (self.on_event)(JournalEvent::Recovered);
                }
                None
            }
            Commit::Failed { error, is_new } => {
                if is_new {
                    (self.on_event)(JournalEvent::Failed { sentence: error.to_string() });
                }
                Some(error)
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whoever waited may be gone.
fn answer(reply: Option<Reply<()>>, result: Result<(), StorageError>) {
    if let Some(reply) = reply {
        let _ = reply.send(result);
    }
}

fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}
