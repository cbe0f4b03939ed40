//! Crashes and failures of the disk, under the real stores: this program runs itself again as a worker that writes, with a library
//! between it and the disk (`tests/support/faulty_disk.c`) which ends it before and after every call that changes the disk, tears
//! writes, lets syncs fail, and fills the disk. What the worker was told is written must be there when the store is opened again.
//!
//! `COEDIT_CRASHES=1` tries every point instead of some; `COEDIT_FULLS=n` fills and frees the disk `n` times.
#![cfg(target_os = "linux")]

#[path = "support/faulty_disk.rs"]
mod faulty_disk;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use coedit::base::time::WallTime;
use coedit::io::storage::journal::{Journal, JournalEvent, NewDocument, Rewritten, Snapshot};
use coedit::io::storage::relay_store::{RelayDocument, RelayEvent, RelaySnapshot, RelayStore, Request};

const ID: [u8; 16] = [1; 16];

/// Changes that a worker writes. A snapshot takes the place of those before at some of them.
const N_CHANGES: u8 = 10;
const SNAPSHOT_EVERY: u8 = 4;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A store as the worker and the check after it see it.
trait Store: Sized {
    fn open(folder: &Path) -> Result<Self, String>;
    /// Begins the document.
    fn create(&mut self);
    /// Writes a change, as often as it takes. Calls `failed` when it was not taken.
    fn append(&mut self, n: u8, failed: &mut dyn FnMut());
    /// Puts all up to `n` into a snapshot.
    fn cut(&mut self, n: u8);
    /// Ends it properly.
    fn close(self);
    /// Returns the numbers of the changes that are there, in order; `None` if the document is not.
    fn changes(&mut self) -> Option<Vec<u8>>;
}

fn change(n: u8) -> Vec<u8> {
    vec![n; 50]
}

fn next<E>(events: &Receiver<E>) -> E {
    events.recv_timeout(PATIENCE).expect("an answer")
}

struct OfRelay {
    store: RelayStore,
    events: Receiver<RelayEvent>,
    token: u64,
}

impl Store for OfRelay {
    fn open(folder: &Path) -> Result<OfRelay, String> {
        let (sender, events) = mpsc::channel();
        let tell =
            Arc::new(move |news: Vec<RelayEvent>| news.into_iter().for_each(|one| drop(sender.send(one))));
        let store = RelayStore::open(folder.to_owned(), tell).map_err(|error| error.to_string())?;
        Ok(OfRelay { store, events, token: 0 })
    }

    fn create(&mut self) {
        let document = RelayDocument {
            epoch: [2; 16],
            write_hash: [3; 32],
            read_hash: [4; 32],
            name: "a.txt".to_owned(),
            creator: None,
        };
        self.store.create(ID, document, WallTime(1)).expect("open");
        while !matches!(next(&self.events), RelayEvent::Created { .. }) {}
    }

    fn append(&mut self, n: u8, failed: &mut dyn FnMut()) {
        loop {
            self.token += 1;
            self.store.append(ID, self.token, change(n)).expect("open");
            loop {
                match next(&self.events) {
                    RelayEvent::Persisted { token, .. } if self.token <= token => return,
                    RelayEvent::Refused { request, .. } if request == Request::Append(self.token) => break,
                    _ => {}
                }
            }
            failed();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn cut(&mut self, n: u8) {
        let snapshot = RelaySnapshot { version: vec![1], bytes: (1..=n).collect() };
        self.store.store_snapshot(ID, snapshot, self.token).expect("open");
        while !matches!(next(&self.events), RelayEvent::SnapshotStored { .. }) {}
    }

    fn close(self) {
        self.store.shutdown().expect("written");
    }

    fn changes(&mut self) -> Option<Vec<u8>> {
        self.store.load(ID, None).expect("open");
        let document = loop {
            match next(&self.events) {
                RelayEvent::Loaded { document, .. } => break document?,
                RelayEvent::LoadFailed { sentence, .. } => panic!("{sentence}"),
                _ => {}
            }
        };
        let snapshot = document.snapshot.map(|snapshot| snapshot.bytes).unwrap_or_default();
        Some(snapshot.into_iter().chain(document.batches.iter().map(|batch| batch[0])).collect())
    }
}

struct OfJournal {
    journal: Journal,
    events: Receiver<JournalEvent>,
    token: u64,
}

impl Store for OfJournal {
    fn open(folder: &Path) -> Result<OfJournal, String> {
        let (sender, events) = mpsc::channel();
        let tell = Box::new(move |event| drop(sender.send(event)));
        let journal = Journal::start(folder.to_owned(), tell).map_err(|error| error.to_string())?;
        Ok(OfJournal { journal, events, token: 0 })
    }

    fn create(&mut self) {
        let document = NewDocument {
            uid: ID,
            path: None,
            link: Some("link".to_owned()),
            epoch: [2; 16],
            file_hash: None,
            name: "a.txt".to_owned(),
            created: WallTime(1),
            state: Vec::new(),
            snapshot: Snapshot::Bytes(Vec::new()),
        };
        while self.journal.create(document.clone()).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn append(&mut self, n: u8, failed: &mut dyn FnMut()) {
        self.token += 1;
        self.journal.append(ID, change(n), self.token).expect("open");
        loop {
            match next(&self.events) {
                JournalEvent::Written { token, .. } if self.token <= token => return,
                JournalEvent::Failed { .. } => failed(),
                JournalEvent::MovedAside { sentence } => panic!("{sentence}"),
                _ => {}
            }
        }
    }

    fn cut(&mut self, n: u8) {
        let snapshot: Vec<u8> = (1..=n).collect();
        // Every other time as when what nobody has seen is rewritten.
        if (n / SNAPSHOT_EVERY).is_multiple_of(2) {
            self.token += 1;
            let document = Rewritten { snapshot, undo: vec![n], state: vec![n] };
            self.journal.rewrite(ID, document, self.token).expect("open");
            while !matches!(next(&self.events), JournalEvent::Written { token, .. } if token == self.token) {}
            return;
        }
        self.journal.replace_snapshot(ID, snapshot, self.token).expect("open");
        while !matches!(next(&self.events), JournalEvent::SnapshotWritten { .. }) {}
    }

    fn close(self) {
        self.journal.flush_and_close().expect("written");
    }

    fn changes(&mut self) -> Option<Vec<u8>> {
        let document = self.journal.find_by_link("link").expect("readable");
        if let Ok(JournalEvent::MovedAside { sentence }) = self.events.try_recv() {
            panic!("{sentence}");
        }
        let document = document?;
        let snapshot = document.snapshot.unwrap_or_default();
        Some(snapshot.into_iter().chain(document.batches.iter().map(|batch| batch[0])).collect())
    }
}

/// What the worker does: it says `a N` for each change that it was told is written, and `f` for each that was not taken. With a number
/// of changes that was asked for it says `r` before each next one and waits for a line.
fn work<S: Store>(folder: &Path, n_changes: u8) {
    let say = |words: &str| {
        println!("{words}");
        std::io::stdout().flush().expect("somebody reads");
    };
    let is_led = std::env::var_os("DISK_CHANGES").is_some();
    let mut store = S::open(folder).expect("opened");
    store.create();
    say("a 0");
    for n in 1..=n_changes {
        store.append(n, &mut || say("f"));
        say(&format!("a {n}"));
        if n % SNAPSHOT_EVERY == 0 {
            store.cut(n);
        }
        if is_led {
            say("r");
            std::io::stdin().read_line(&mut String::new()).expect("somebody leads");
        }
    }
    store.close();
}

/// Not a test of its own: the others run it in a process that may end at any call.
#[test]
fn worker() {
    let Ok(kind) = std::env::var("DISK_WORKER") else { return };
    let folder = PathBuf::from(std::env::var("FAULTY_FOLDER").expect("a folder"));
    let n_changes = std::env::var("DISK_CHANGES").map_or(N_CHANGES, |n| n.parse().expect("a number"));
    match kind.as_str() {
        "relay" => work::<OfRelay>(&folder, n_changes),
        "journal" => work::<OfJournal>(&folder, n_changes),
        kind => panic!("no such worker: {kind}"),
    }
}

fn start(kind: &str, folder: &Path, plan: &str, variables: &[(&str, &Path)]) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("a program"));
    command.args(["worker", "--exact", "--nocapture"]);
    command.env("LD_PRELOAD", faulty_disk::library()).env("DISK_WORKER", kind);
    command.env("FAULTY_FOLDER", folder).env("FAULTY_PLAN", plan).envs(variables.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts")
}

/// Returns the last change that a worker says is written; `None` if not even the document is.
fn acknowledged(child: Child) -> Option<u8> {
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().filter_map(|line| line.strip_prefix("a ")?.parse().ok()).next_back()
}

/// Runs a worker with a plan, then looks at what is there.
fn check<S: Store>(kind: &str, plan: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let acknowledged = acknowledged(start(kind, folder.path(), plan, &[]));
    let mut store = S::open(folder.path()).unwrap_or_else(|error| panic!("{kind}, {plan}: {error}"));
    let found = store.changes();
    assert_eq!(store.changes(), found, "{kind}, {plan}: read twice");
    let Some(acknowledged) = acknowledged else { return };
    let mut found = found.unwrap_or_else(|| panic!("{kind}, {plan}: the document is lost"));
    // What was not told may be there twice: it was asked for again.
    found.dedup();
    let wanted: Vec<u8> = (1..=found.len() as u8).collect();
    assert_eq!(found, wanted, "{kind}, {plan}: not what was written, in order");
    assert!(
        acknowledged <= found.len() as u8,
        "{kind}, {plan}: {acknowledged} were told, {} are there",
        found.len()
    );
}

/// Ends the worker at every call that changes the disk, or at some of them.
fn crash_everywhere<S: Store>(kind: &str) {
    let (folder, count) =
        (tempfile::tempdir().expect("a folder"), tempfile::NamedTempFile::new().expect("a file"));
    let child = start(kind, folder.path(), "none:0", &[("FAULTY_COUNT", count.path())]);
    assert_eq!(acknowledged(child), Some(N_CHANGES), "{kind}: the worker alone does not get through");
    let text = std::fs::read_to_string(count.path()).expect("written");
    let n_calls: u64 = text.parse().expect("a number");
    assert!(30 < n_calls, "{kind}: only {n_calls} calls were seen");
    let all = std::env::var_os("COEDIT_CRASHES").is_some();
    let plans = (1..=n_calls).flat_map(|n| {
        let torn = ["1", "0", "-1"].map(|part| format!("torn:{n}:{part}"));
        [format!("before:{n}"), format!("after:{n}")].into_iter().chain(torn)
    });
    // Not a divisor of the plans of one call, so that each kind has its turn.
    let plans: Vec<String> = plans.step_by(if all { 1 } else { 17 }).collect();
    plans.iter().for_each(|plan| check::<S>(kind, plan));
    println!("{kind}: {n_calls} calls, {} crashes", plans.len());
    let n_syncs = if all { 30 } else { 5 };
    (1..=n_syncs).for_each(|n| check::<S>(kind, &format!("sync:{n}")));
}

#[test]
fn a_relays_store_that_crashes_anywhere_keeps_what_it_had_told() {
    crash_everywhere::<OfRelay>("relay");
}

#[test]
fn a_journal_that_crashes_anywhere_keeps_what_it_had_told() {
    crash_everywhere::<OfJournal>("journal");
}

/// Fills the disk before each change, and frees it as soon as that was not taken.
fn fill_and_free<S: Store>(kind: &str) {
    let n_fulls: u8 = std::env::var("COEDIT_FULLS").map_or(5, |n| n.parse().expect("at most 250"));
    let (folder, beside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (full, n_changes) = (beside.path().join("full"), (n_fulls + 1).to_string());
    let variables = [("FAULTY_FULL", full.as_path()), ("DISK_CHANGES", Path::new(&n_changes))];
    let mut child = start(kind, folder.path(), "none:0", &variables);
    let (mut n_full, mut last) = (0, 0u8);
    let mut lead = child.stdin.take().expect("piped");
    for line in BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok) {
        match line.as_str() {
            "r" => {
                if n_full < n_fulls {
                    std::fs::write(&full, "").expect("written");
                }
                lead.write_all(b"\n").expect("it waits");
            }
            "f" if full.exists() => {
                n_full += 1;
                std::fs::remove_file(&full).expect("it was there");
            }
            line => last = line.strip_prefix("a ").map_or(last, |n| n.parse().expect("a number")),
        }
    }
    child.wait().expect("it ends");
    assert_eq!((n_full, last), (n_fulls, n_fulls + 1), "{kind}: times full, changes written");
    let mut found = S::open(folder.path()).expect("opened").changes().expect("there");
    found.dedup();
    assert_eq!(found, (1..=n_fulls + 1).collect::<Vec<u8>>(), "{kind}");
}

#[test]
fn a_disk_that_is_full_now_and_then_loses_nothing_and_needs_no_restart() {
    fill_and_free::<OfRelay>("relay");
    fill_and_free::<OfJournal>("journal");
}
