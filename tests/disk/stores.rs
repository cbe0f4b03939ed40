//! The two stores as the worker and the check after it see them: documents with numbered changes.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use coedit::base::time::WallTime;
use coedit::io::storage::journal::{Journal, JournalEvent, NewDocument, Rewritten, Snapshot};
use coedit::io::storage::relay_store::{RelayDocument, RelayEvent, RelaySnapshot, RelayStore, Request};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What comes before another try.
const PAUSE: Duration = Duration::from_millis(20);

/// A change of a document: both have numbers, changes from 1 on.
pub type Asked = (u8, u8);

/// What a store has told.
pub enum Told {
    /// All changes of the document up to this one are written.
    Written(Asked),
    /// Something was not taken.
    Failed,
}

/// A store with documents that have numbers.
pub trait Store: Sized {
    /// What the worker is told to use.
    const KIND: &str;

    fn open(folder: &Path) -> Result<Self, String>;
    /// Begins a document.
    fn create(&mut self, document: u8);
    /// Asks for changes all at once, and again for those that were not taken, until all are.
    fn append(&mut self, asked: &[Asked], tell: &mut dyn FnMut(Told));
    /// Puts all changes up to `n` into a snapshot.
    fn cut(&mut self, document: u8, n: u8);
    /// Ends it properly.
    fn close(self);
    /// Returns the numbers of the changes that are there, in order; `None` if the document is not.
    fn changes(&mut self, document: u8) -> Option<Vec<u8>>;
}

/// Changes from this one on are large.
pub const LARGE_FROM: u8 = 200;

/// Returns the bytes of a change: some fit into a sector with others, some need several pages.
fn change(n: u8) -> Vec<u8> {
    if LARGE_FROM <= n {
        return vec![n; 120_000];
    }
    vec![n; [50, 3, 700, 9_000, 40, 5_000][usize::from(n) % 6]]
}

/// Returns the numbers of changes, each of which must be whole.
fn numbers(snapshot: Option<Vec<u8>>, changes: &[Vec<u8>]) -> Vec<u8> {
    assert!(changes.iter().all(|bytes| *bytes == change(bytes[0])), "a change is not as it was written");
    snapshot.unwrap_or_default().into_iter().chain(changes.iter().map(|bytes| bytes[0])).collect()
}

fn next<E>(events: &Receiver<E>) -> E {
    events.recv_timeout(PATIENCE).expect("an answer")
}

/// A relay's store.
pub struct OfRelay {
    store: RelayStore,
    events: Receiver<RelayEvent>,
    token: u64,
}

impl OfRelay {
    /// Returns what is told of damage to the log while the store is opened.
    pub fn damage(&self) -> Option<String> {
        self.events.try_iter().find_map(|event| match event {
            RelayEvent::LogDamaged { sentence } => Some(sentence),
            _ => None,
        })
    }
}

impl Store for OfRelay {
    const KIND: &str = "relay";

    fn open(folder: &Path) -> Result<OfRelay, String> {
        let (sender, events) = mpsc::channel();
        let tell =
            Arc::new(move |news: Vec<RelayEvent>| news.into_iter().for_each(|one| drop(sender.send(one))));
        let store = RelayStore::open(folder.to_owned(), tell).map_err(|error| error.to_string())?;
        Ok(OfRelay { store, events, token: 0 })
    }

    fn create(&mut self, document: u8) {
        let named = RelayDocument {
            epoch: [2; 16],
            write_hash: [3; 32],
            read_hash: [4; 32],
            name: "a.txt".to_owned(),
            creator: None,
        };
        self.store.create([document; 16], named, WallTime(1)).expect("open");
        while !matches!(next(&self.events), RelayEvent::Created { .. }) {}
    }

    fn append(&mut self, asked: &[Asked], tell: &mut dyn FnMut(Told)) {
        let mut left: Vec<Asked> = asked.to_vec();
        let mut again = BTreeSet::new();
        while !left.is_empty() {
            let mut open = Vec::new();
            for &(document, n) in &left {
                self.token += 1;
                let append =
                    if again.remove(&document) { RelayStore::append_again } else { RelayStore::append };
                append(&self.store, [document; 16], self.token, change(n)).expect("open");
                open.push((self.token, (document, n)));
            }
            let sent = open.clone();
            while !open.is_empty() {
                match next(&self.events) {
                    RelayEvent::Persisted { doc_id, token: last } => {
                        // As it says, with all of its document before, also if one of those had been given back.
                        let is_meant = |token: u64, document: u8| token <= last && doc_id[0] == document;
                        open.retain(|&(token, (document, _))| !is_meant(token, document));
                        for &(token, one) in &sent {
                            if is_meant(token, one.0) && left.contains(&one) {
                                left.retain(|other| *other != one);
                                tell(Told::Written(one));
                            }
                        }
                    }
                    RelayEvent::Refused { doc_id, request: Request::Append(refused), .. } => {
                        again.insert(doc_id[0]);
                        open.retain(|&(token, _)| token != refused);
                    }
                    _ => {}
                }
            }
            if !left.is_empty() {
                tell(Told::Failed);
                std::thread::sleep(PAUSE);
            }
        }
    }

    fn cut(&mut self, document: u8, n: u8) {
        let snapshot = RelaySnapshot { version: vec![1], bytes: (1..=n).collect() };
        self.store.store_snapshot([document; 16], snapshot, self.token).expect("open");
        while !matches!(next(&self.events), RelayEvent::SnapshotStored { .. }) {}
    }

    fn close(self) {
        self.store.shutdown().expect("written");
    }

    fn changes(&mut self, document: u8) -> Option<Vec<u8>> {
        self.store.load([document; 16], None).expect("open");
        let found = loop {
            match next(&self.events) {
                RelayEvent::Loaded { document, .. } => break document?,
                RelayEvent::LoadFailed { sentence, .. } => panic!("{sentence}"),
                _ => {}
            }
        };
        Some(numbers(found.snapshot.map(|snapshot| snapshot.bytes), &found.batches))
    }
}

/// An editor's journal.
pub struct OfJournal {
    journal: Journal,
    events: Receiver<JournalEvent>,
    token: u64,
}

fn link(document: u8) -> String {
    format!("link {document}")
}

impl Store for OfJournal {
    const KIND: &str = "journal";

    fn open(folder: &Path) -> Result<OfJournal, String> {
        let (sender, events) = mpsc::channel();
        let tell = Box::new(move |event| drop(sender.send(event)));
        let journal = Journal::start(folder.to_owned(), tell).map_err(|error| error.to_string())?;
        Ok(OfJournal { journal, events, token: 0 })
    }

    fn create(&mut self, document: u8) {
        let new = NewDocument {
            uid: [document; 16],
            path: None,
            link: Some(link(document)),
            epoch: [2; 16],
            file_hash: None,
            name: "a.txt".to_owned(),
            created: WallTime(1),
            state: Vec::new(),
            snapshot: Snapshot::Bytes(Vec::new()),
        };
        while self.journal.create(new.clone()).is_err() {
            std::thread::sleep(PAUSE);
        }
    }

    fn append(&mut self, asked: &[Asked], tell: &mut dyn FnMut(Told)) {
        let mut open = Vec::new();
        for &(document, n) in asked {
            self.token += 1;
            self.journal.append([document; 16], change(n), self.token).expect("open");
            open.push((self.token, (document, n)));
        }
        while !open.is_empty() {
            match next(&self.events) {
                JournalEvent::Written { uid, token: last } => open.retain(|&(token, one)| {
                    let is_written = token <= last && uid[0] == one.0;
                    if is_written {
                        tell(Told::Written(one));
                    }
                    !is_written
                }),
                JournalEvent::Failed { .. } => tell(Told::Failed),
                JournalEvent::MovedAside { sentence } => panic!("{sentence}"),
                _ => {}
            }
        }
    }

    fn cut(&mut self, document: u8, n: u8) {
        let (uid, snapshot) = ([document; 16], (1..=n).collect());
        // Now and then as when what nobody has seen is rewritten.
        if n.is_multiple_of(2) {
            self.token += 1;
            let content = Rewritten { snapshot, undo: vec![n], state: vec![n] };
            self.journal.rewrite(uid, content, self.token).expect("open");
            while !matches!(next(&self.events), JournalEvent::Written { token, .. } if token == self.token) {}
            return;
        }
        self.journal.replace_snapshot(uid, snapshot, self.token).expect("open");
        while !matches!(next(&self.events), JournalEvent::SnapshotWritten { .. }) {}
    }

    fn close(self) {
        self.journal.flush_and_close().expect("written");
    }

    fn changes(&mut self, document: u8) -> Option<Vec<u8>> {
        let found = self.journal.find_by_link(&link(document)).expect("readable");
        if let Ok(JournalEvent::MovedAside { sentence }) = self.events.try_recv() {
            panic!("{sentence}");
        }
        let found = found?;
        Some(numbers(found.snapshot, &found.batches))
    }
}
