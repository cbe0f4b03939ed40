//! The relay's store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tempfile::{TempDir, tempdir};

use super::*;
use crate::base::time::WallTime;
use crate::io::storage::StorageError;
use crate::io::storage::relay_store::upkeep::{StoreReader, restore};
use crate::io::storage::relay_store::{
    DocId, Hashes, LoadedDocument, OnEvents, RelayDocument, RelayEvent, RelayLink, RelaySnapshot, RelayStore,
    Request,
};

const DOC: DocId = [1; 16];

fn document() -> RelayDocument {
    RelayDocument {
        epoch: [2; 16],
        write_hash: [3; 32],
        read_hash: [4; 32],
        name: "a.txt".to_string(),
        creator: Some([5; 32]),
    }
}

fn open(folder: &TempDir) -> (RelayStore, Receiver<RelayEvent>) {
    let (receiver, on_events) = events_of_a_relay();
    (RelayStore::open(folder.path().to_path_buf(), on_events).expect("opened"), receiver)
}

fn events_of_a_relay() -> (Receiver<RelayEvent>, OnEvents) {
    let (sender, receiver) = mpsc::channel();
    // How long a commit took is of no interest here.
    let is_meant = |event: &RelayEvent| !matches!(event, RelayEvent::Synced { .. });
    let tell = move |event| drop(sender.send(event));
    (receiver, Arc::new(move |events: Vec<_>| events.into_iter().filter(is_meant).for_each(&tell)))
}

/// Waits until an append is on the disk, and so all before it.
fn wait_for(events: &Receiver<RelayEvent>, token: u64) {
    while next(events) != persisted(token) {}
}

fn opened(folder: &TempDir) -> (RelayStore, Receiver<RelayEvent>) {
    let (store, events) = open(folder);
    store.create(DOC, document(), WallTime(5)).expect("open");
    assert_eq!(next(&events), RelayEvent::Created { doc_id: DOC });
    (store, events)
}

fn loaded(store: &RelayStore, events: &Receiver<RelayEvent>) -> LoadedDocument {
    store.load(DOC, None).expect("open");
    match next(events) {
        RelayEvent::Loaded { document: Some(document), .. } => *document,
        event => panic!("not loaded: {event:?}"),
    }
}

fn persisted(token: u64) -> RelayEvent {
    RelayEvent::Persisted { doc_id: DOC, token }
}

#[test]
fn document_comes_back_after_shutdown() {
    let folder = tempdir().expect("a folder");
    let (store, events) = opened(&folder);
    store.append(DOC, 1, vec![7]).expect("open");
    store.append(DOC, 2, vec![8]).expect("open");
    store.shutdown().expect("written");
    wait_for(&events, 2);

    let (store, events) = open(&folder);
    assert_eq!((store.n_documents_at_start(), store.n_created_at_start()), (1, &[([5; 32], 1)][..]));
    let found = loaded(&store, &events);
    assert_eq!((found.document, found.created), (document(), WallTime(5)));
    assert_eq!((found.snapshot, found.batches), (None, vec![vec![7], vec![8]]));
    store.load([9; 16], None).expect("open");
    assert_eq!(next(&events), RelayEvent::Loaded { doc_id: [9; 16], document: None });
}

#[test]
fn what_was_acknowledged_outlives_a_crash() {
    let folder = tempdir().expect("a folder");
    let after = tempdir().expect("a folder");
    let (store, events) = opened(&folder);
    for token in 1..=100 {
        store.append(DOC, token, vec![token as u8]).expect("open");
    }
    wait_for(&events, 100);
    assert_eq!(store.waiting_bytes(), 0);
    copy_as_after_crash(folder.path(), after.path(), "relay.sqlite");
    let expected = (1..=100).map(|n| vec![n]).collect::<Vec<_>>();
    // Some of it may be in both: a load takes over what the database has.
    for _ in 0..2 {
        let (store, events) = open(&after);
        assert_eq!(loaded(&store, &events).batches, expected);
        store.shutdown().expect("written");
    }
}

#[test]
fn more_than_the_log_holds_is_kept_whatever_has_reached_the_database() {
    let folder = tempdir().expect("a folder");
    let after = tempdir().expect("a folder");
    let (store, events) = opened(&folder);
    for token in 1..=100 {
        store.append(DOC, token, vec![token as u8; 50_000]).expect("open");
        if token % 10 == 0 {
            wait_for(&events, token);
        }
    }
    copy_as_after_crash(folder.path(), after.path(), "relay.sqlite");
    let (store, events) = open(&after);
    let batches = loaded(&store, &events).batches;
    assert_eq!(batches.iter().map(|batch| batch[0]).collect::<Vec<_>>(), (1..=100).collect::<Vec<_>>());
}

#[test]
fn a_sync_that_fails_acknowledges_nothing_and_loses_nothing() {
    let folder = tempdir().expect("a folder");
    let after = tempdir().expect("a folder");
    let (store, events) = opened(&folder);
    fs::write(folder.path().join("fail-sync-3"), "").expect("written");
    for token in 1..=2 {
        store.append(DOC, token, vec![token as u8]).expect("open");
        assert_eq!(next(&events), persisted(token));
    }
    store.append(DOC, 3, vec![3; 100]).expect("open");
    assert!(matches!(next(&events), RelayEvent::PersistFailed { .. }));
    assert!(matches!(next(&events), RelayEvent::Refused { doc_id: DOC, request: Request::Append(3), .. }));
    assert_eq!(loaded(&store, &events).batches, [[1], [2]], "it can be read meanwhile");
    store.append_again(DOC, 4, vec![4]).expect("open");
    assert_eq!([next(&events), next(&events)], [persisted(4), RelayEvent::Recovered]);
    copy_as_after_crash(folder.path(), after.path(), "relay.sqlite");
    let (store, events) = open(&after);
    assert_eq!(loaded(&store, &events).batches, [[1], [2], [4]]);
}

/// What was asked for behind a refused append, before its sender knew, builds on it.
#[test]
fn nothing_of_a_document_is_written_behind_what_was_refused_until_that_is() {
    let folder = tempdir().expect("a folder");
    let after = tempdir().expect("a folder");
    let (store, events) = opened(&folder);
    store.create([9; 16], document(), WallTime(5)).expect("open");
    assert!(matches!(next(&events), RelayEvent::Created { .. }));
    fs::write(folder.path().join("fail-sync-1"), "").expect("written");
    store.append(DOC, 1, vec![1]).expect("open");
    assert!(matches!(next(&events), RelayEvent::PersistFailed { .. }));
    assert!(matches!(next(&events), RelayEvent::Refused { doc_id: DOC, request: Request::Append(1), .. }));
    // The disk takes all again.
    store.append(DOC, 2, vec![2]).expect("open");
    assert!(matches!(next(&events), RelayEvent::Refused { doc_id: DOC, request: Request::Append(2), .. }));
    assert_eq!(store.waiting_bytes(), 0);
    store.append([9; 16], 1, vec![9]).expect("open");
    assert_eq!(next(&events), RelayEvent::Persisted { doc_id: [9; 16], token: 1 }, "others go on");
    assert_eq!(next(&events), RelayEvent::Recovered);
    copy_as_after_crash(folder.path(), after.path(), "relay.sqlite");
    let (crashed, its_events) = open(&after);
    assert_eq!(loaded(&crashed, &its_events).batches, Vec::<Vec<u8>>::new());

    store.append_again(DOC, 3, vec![1, 2]).expect("open");
    assert_eq!(next(&events), persisted(3));
    store.append(DOC, 4, vec![4]).expect("open");
    assert_eq!(next(&events), persisted(4));
    assert_eq!(loaded(&store, &events).batches, [vec![1, 2], vec![4]]);
    fs::write(folder.path().join("fail-sync-1"), "").expect("written");
    store.append(DOC, 5, vec![5]).expect("open");
    while !matches!(next(&events), RelayEvent::Refused { .. }) {}
    assert_eq!(loaded(&store, &events).batches.len(), 2);
    store.append(DOC, 1, vec![6]).expect("open");
    assert_eq!(next(&events), persisted(1), "what was loaded anew goes on from what is durable");
}

#[test]
fn a_backup_has_what_only_the_log_has() {
    let folder = tempdir().expect("a folder");
    let (store, events) = opened(&folder);
    for token in 1..=3 {
        store.append(DOC, token, vec![token as u8]).expect("open");
    }
    wait_for(&events, 3);
    let (backup, elsewhere) = (folder.path().join("backup"), tempdir().expect("a folder"));
    StoreReader::open_folder(folder.path()).expect("opened").backup(&backup).expect("written");
    fs::copy(folder.path().join("relay.redo-1"), elsewhere.path().join("relay.redo-1")).expect("copied");
    restore(&backup, elsewhere.path()).expect("restored");
    assert!(!elsewhere.path().join("relay.redo-1").exists(), "the log of another time");
    let (store, events) = open(&elsewhere);
    assert_eq!(loaded(&store, &events).batches, [[1], [2], [3]]);
}

/// Whatever is written meanwhile, nothing that was durable before is missing, and nothing is there without what came before it.
#[test]
fn a_backup_amid_a_flood_has_all_that_was_durable_when_it_began() {
    let folder = tempdir().expect("a folder");
    let (store, events) = opened(&folder);
    let (durable, stop) = (&AtomicU64::new(0), &AtomicBool::new(false));
    let number = |batch: &Vec<u8>| u64::from_le_bytes(*batch.first_chunk().expect("eight bytes"));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for token in 1u64.. {
                let mut bytes = token.to_le_bytes().to_vec();
                bytes.resize(100_000, 0);
                store.append(DOC, token, bytes).expect("open");
                if token % 5 == 0 {
                    wait_for(&events, token);
                    durable.store(token, Ordering::SeqCst);
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                }
                if token % 20 == 0 {
                    let snapshot = RelaySnapshot { version: Vec::new(), bytes: token.to_le_bytes().to_vec() };
                    store.store_snapshot(DOC, snapshot, token).expect("open");
                    while !matches!(next(&events), RelayEvent::SnapshotStored { .. }) {}
                }
            }
        });
        // Also when the look at it fails: the writer would go on for ever, and the scope would wait for it.
        let _stop = StopOnDrop(stop);
        for n in 0..30 {
            let before = durable.load(Ordering::SeqCst);
            let backup = folder.path().join(format!("backup-{n}"));
            let reader = StoreReader::open_folder(folder.path()).expect("opened");
            let seen = reader.load(DOC).expect("readable").expect("a document");
            reader.backup(&backup).expect("written");
            let kept =
                StoreReader::open(&backup).expect("opened").load(DOC).expect("readable").expect("there");
            for (what, document) in [("seen", seen), ("kept", kept)] {
                let covered = document.snapshot.map_or(0, |snapshot| number(&snapshot.bytes));
                let found: Vec<u64> = document.batches.iter().map(number).filter(|&n| covered < n).collect();
                assert_eq!(found, (covered + 1..).take(found.len()).collect::<Vec<_>>(), "{what}");
                let last = covered + found.len() as u64;
                assert!(before <= last, "{what}: {before} were durable, and {last} are there");
            }
        }
    });
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn load_shows_what_was_appended_before() {
    let folder = tempdir().expect("a folder");
    let (store, events) = opened(&folder);
    store.append(DOC, 1, vec![7]).expect("open");
    store.load(DOC, None).expect("open");
    assert_eq!(next(&events), persisted(1));
    let RelayEvent::Loaded { document: Some(found), .. } = next(&events) else { panic!("not loaded") };
    assert_eq!(found.batches, [[7]]);
}

#[test]
fn nothing_is_read_for_whoever_has_no_link() {
    let folder = tempdir().expect("a folder");
    let (store, events) = opened(&folder);
    let RelayDocument { write_hash, read_hash, .. } = document();
    let link = RelayLink { hash: [8; 32], may_write: false, expires: None, label: String::new() };
    store.store_access(DOC, Hashes { write: write_hash, read: read_hash }, vec![link]).expect("open");
    assert_eq!(next(&events), RelayEvent::AccessStored { doc_id: DOC });
    store.load(DOC, Some([9; 32])).expect("open");
    assert_eq!(next(&events), RelayEvent::NotShown { doc_id: DOC, shown: [9; 32] });
    for shown in [write_hash, read_hash, [8; 32]] {
        store.load(DOC, Some(shown)).expect("open");
        assert!(matches!(next(&events), RelayEvent::Loaded { document: Some(_), .. }));
    }
    store.load([2; 16], Some([9; 32])).expect("open");
    assert_eq!(next(&events), RelayEvent::Loaded { doc_id: [2; 16], document: None });
}

#[test]
fn second_relay_cannot_have_the_folder() {
    let folder = tempdir().expect("a folder");
    let (store, _events) = opened(&folder);
    let (_receiver, on_events) = events_of_a_relay();
    let second = RelayStore::open(folder.path().to_path_buf(), on_events);
    assert!(matches!(second, Err(StorageError::FolderLocked { .. })), "{second:?}");
    store.shutdown().expect("written");
    let _ = open(&folder);
}

#[test]
fn damaged_store_is_left_as_it_is() {
    let folder = tempdir().expect("a folder");
    let garbage = vec![b'x'; 8192];
    fs::write(folder.path().join("relay.sqlite"), &garbage).expect("written");
    let (_receiver, on_events) = events_of_a_relay();
    let store = RelayStore::open(folder.path().to_path_buf(), on_events);
    assert!(matches!(store, Err(StorageError::Damaged { .. })), "{store:?}");
    assert_eq!(fs::read(folder.path().join("relay.sqlite")).expect("kept"), garbage);
}

#[test]
fn snapshot_keeps_later_batches() {
    let folder = tempdir().expect("a folder");
    let (store, events) = opened(&folder);
    for token in 1..=3 {
        store.append(DOC, token, vec![token as u8]).expect("open");
        assert_eq!(next(&events), persisted(token));
    }
    let snapshot = RelaySnapshot { version: vec![1], bytes: vec![2] };
    store.store_snapshot(DOC, snapshot.clone(), 2).expect("open");
    assert_eq!(next(&events), RelayEvent::SnapshotStored { doc_id: DOC, upto: 2 });
    let found = loaded(&store, &events);
    assert_eq!((found.snapshot, found.batches), (Some(snapshot.clone()), vec![vec![3]]));

    // Tokens start again after a load, and all that was loaded is covered.
    store.append(DOC, 1, vec![4]).expect("open");
    store.store_snapshot(DOC, snapshot, 0).expect("open");
    assert_eq!(next(&events), persisted(1));
    next(&events);
    assert_eq!(loaded(&store, &events).batches, [[4]]);
}

#[test]
fn room_that_snapshots_make_free_goes_back_to_the_disk_while_the_store_is_served() {
    let folder = tempdir().expect("a folder");
    let (store, events) = opened(&folder);
    let len = || folder.path().join("relay.sqlite").metadata().expect("a file").len();
    let snapshot = |n_bytes: usize, upto| {
        let snapshot = RelaySnapshot { version: Vec::new(), bytes: vec![7; n_bytes] };
        store.store_snapshot(DOC, snapshot, upto).expect("open");
        while !matches!(next(&events), RelayEvent::SnapshotStored { .. }) {}
    };
    snapshot(12 << 20, 0);
    // A checkpoint brings what was committed from SQLite's log into the file.
    let checkpoint = || {
        let other = Connection::open(folder.path().join("relay.sqlite")).expect("opened");
        other.query_row("PRAGMA wal_checkpoint", [], |_| Ok(())).expect("not locked");
    };
    checkpoint();
    assert!(12 << 20 < len());
    (0..3).for_each(|_| snapshot(1 << 20, 0));
    store.load(DOC, None).expect("open");
    assert!(matches!(next(&events), RelayEvent::Loaded { .. }), "what was given back is committed by now");
    checkpoint();
    assert!(len() < 5 << 20, "{} bytes are still taken", len());
}

#[test]
fn what_a_snapshot_covers_in_time_is_never_written_beside_it() {
    let folder = tempdir().expect("a folder");
    let (store, events) = opened(&folder);
    for token in 1..=3 {
        store.append(DOC, token, vec![token as u8]).expect("open");
    }
    wait_for(&events, 3);
    store.store_snapshot(DOC, RelaySnapshot { version: vec![1], bytes: vec![1, 2] }, 2).expect("open");
    assert_eq!(next(&events), RelayEvent::SnapshotStored { doc_id: DOC, upto: 2 });
    store.shutdown().expect("written");
    let database = rusqlite::Connection::open(folder.path().join("relay.sqlite")).expect("a database");
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let kept = database.query_row(
        "SELECT (SELECT count(*) FROM batch), (SELECT min(n) FROM batch), (SELECT token FROM batch)",
        [],
        row,
    );
    assert_eq!(kept.expect("rows"), (1i64, 1i64, 3i64), "the first row is of the third change");
    drop(database);
    let (store, events) = open(&folder);
    let found = loaded(&store, &events);
    assert_eq!((found.snapshot.expect("a snapshot").bytes, found.batches), (vec![1, 2], vec![vec![3]]));
}

#[test]
fn failed_write_is_not_acknowledged_until_it_succeeds() {
    let folder = tempdir().expect("a folder");
    let (store, events) = opened(&folder);
    refuse_writes(folder.path());
    store.append(DOC, 1, vec![1]).expect("open");
    let RelayEvent::PersistFailed { sentence } = next(&events) else { panic!("another event") };
    assert!(sentence.contains("relay.redo"), "{sentence}");
    let event = next(&events);
    assert!(
        matches!(event, RelayEvent::Refused { doc_id: DOC, request: Request::Append(1), .. }),
        "{event:?}"
    );
    store.append(DOC, 2, vec![2, 2]).expect("open");
    let event = next(&events);
    assert!(
        matches!(event, RelayEvent::Refused { doc_id: DOC, request: Request::Append(2), .. }),
        "{event:?}"
    );
    assert_eq!(store.waiting_bytes(), 0, "who asked keeps it, and asks again");

    allow_writes(folder.path());
    store.append_again(DOC, 3, vec![1, 2, 2]).expect("open");
    let mut last = [next(&events), next(&events)];
    last.sort_by_key(|event| *event == RelayEvent::Recovered);
    assert_eq!(last, [persisted(3), RelayEvent::Recovered]);
    assert_eq!(loaded(&store, &events).batches, [vec![1, 2, 2]]);
}

#[test]
fn unreadable_document_is_not_an_empty_one() {
    let folder = tempdir().expect("a folder");
    let (store, events) = opened(&folder);
    let other = Connection::open(folder.path().join("relay.sqlite")).expect("opened");
    other.execute_batch("ALTER TABLE snapshot RENAME TO elsewhere").expect("renamed");
    store.load(DOC, None).expect("open");
    let event = next(&events);
    assert!(matches!(event, RelayEvent::LoadFailed { doc_id: DOC, .. }), "{event:?}");
}

#[test]
fn requests_that_can_never_be_done_are_refused() {
    let folder = tempdir().expect("a folder");
    let (store, events) = opened(&folder);
    store.create(DOC, document(), WallTime(6)).expect("open");
    assert_eq!(next(&events), RelayEvent::Created { doc_id: DOC });
    store.create(DOC, RelayDocument { write_hash: [0; 32], ..document() }, WallTime(6)).expect("open");
    let event = next(&events);
    assert!(matches!(event, RelayEvent::Refused { doc_id: DOC, request: Request::Create, .. }), "{event:?}");
    store.append(DOC, 1, vec![1]).expect("open");
    assert_eq!(next(&events), persisted(1));
    let none = [9; 16];
    store.store_access(none, Hashes { write: [3; 32], read: [4; 32] }, Vec::new()).expect("open");
    let event = next(&events);
    assert!(matches!(event, RelayEvent::Refused { request: Request::Access, .. }), "{event:?}");
    let snapshot = RelaySnapshot { version: Vec::new(), bytes: vec![1] };
    store.store_snapshot(none, snapshot, 1).expect("open");
    let event = next(&events);
    assert!(matches!(event, RelayEvent::Refused { request: Request::Snapshot, .. }), "{event:?}");
}

#[test]
fn row_that_is_not_as_it_was_written_is_an_error_and_not_another_text() {
    for change in [
        "UPDATE batch SET bytes = X'07'",
        "UPDATE snapshot SET version = X'07'",
        "UPDATE batch SET sum = NULL",
        "UPDATE document SET name = 'b'",
        "UPDATE document SET name = CAST(X'FF' AS TEXT)",
        "UPDATE document SET write_hash = zeroblob(32)",
        "UPDATE document SET creator = NULL",
        "UPDATE link SET may_write = 1",
        "DELETE FROM link",
    ] {
        let folder = tempdir().expect("a folder");
        let (store, events) = opened(&folder);
        let hashes = Hashes { write: [3; 32], read: [4; 32] };
        let link = RelayLink { hash: [6; 32], may_write: false, expires: None, label: "guests".to_owned() };
        store.store_access(DOC, hashes, vec![link]).expect("open");
        assert!(matches!(next(&events), RelayEvent::AccessStored { .. }));
        let snapshot = RelaySnapshot { version: vec![1], bytes: vec![2] };
        store.store_snapshot(DOC, snapshot, 0).expect("open");
        assert!(matches!(next(&events), RelayEvent::SnapshotStored { .. }));
        store.append(DOC, 1, vec![3]).expect("open");
        assert_eq!(next(&events), persisted(1));
        store.shutdown().expect("written");
        let other = Connection::open(folder.path().join("relay.sqlite")).expect("opened");
        other.execute_batch(change).expect("changed");
        drop(other);
        let (store, events) = open(&folder);
        store.load(DOC, None).expect("open");
        let event = next(&events);
        let RelayEvent::LoadFailed { doc_id: DOC, sentence } = &event else { panic!("{change}: {event:?}") };
        assert!(sentence.contains("is not as it was written") || change.contains("X'FF'"), "{sentence}");
        // Whoever has a link learns of it, and to everybody else it is as if there were no such document.
        store.load(DOC, Some([4; 32])).expect("open");
        assert!(matches!(next(&events), RelayEvent::LoadFailed { .. }), "{change}");
        store.load(DOC, Some([9; 32])).expect("open");
        assert_eq!(next(&events), RelayEvent::NotShown { doc_id: DOC, shown: [9; 32] }, "{change}");
    }
}

/// Makes a store of some documents, each with a snapshot and changes.
pub(super) fn fill(folder: &TempDir) {
    let (store, _events) = open(folder);
    for n in 1..=3u8 {
        store.create([n; 16], document(), WallTime(1)).expect("open");
        let snapshot = RelaySnapshot { version: vec![n; 9], bytes: vec![n; 700] };
        store.store_snapshot([n; 16], snapshot, 0).expect("open");
        (1..=9).for_each(|token| store.append([n; 16], token, vec![n; 60]).expect("open"));
    }
    store.shutdown().expect("written");
}

/// Reads the text of one of the documents.
pub(super) fn text(folder: &TempDir) -> Result<Option<String>, String> {
    let (sender, events) = mpsc::channel();
    let on_events =
        Arc::new(move |news: Vec<RelayEvent>| news.into_iter().for_each(|one| drop(sender.send(one))));
    let store =
        RelayStore::open(folder.path().to_path_buf(), on_events).map_err(|error| error.to_string())?;
    store.load([2; 16], None).expect("open");
    match next(&events) {
        RelayEvent::Loaded { document, .. } => Ok(document.map(|document| format!("{document:?}"))),
        RelayEvent::LoadFailed { sentence, .. } => Err(sentence),
        event => panic!("{event:?}"),
    }
}

/// What follows damage in the log may need what is gone. It is not taken in, but neither is it overwritten nor passed over in silence.
#[test]
fn damage_amid_the_log_is_told_and_what_follows_is_kept_apart() {
    let folder = tempdir().expect("a folder");
    let (store, events) = opened(&folder);
    for token in 1..=9 {
        store.append(DOC, token, vec![token as u8; 50]).expect("open");
        wait_for(&events, token);
    }
    let crashed = tempdir().expect("a folder");
    copy_as_after_crash(folder.path(), crashed.path(), "relay.sqlite");
    drop(store);
    // As if the database had none of it: what it holds already may be damaged.
    let database = Connection::open(crashed.path().join("relay.sqlite")).expect("opened");
    database.execute_batch("DELETE FROM batch; UPDATE redo SET generation = 0, upto = 0").expect("changed");
    drop(database);
    let log = crashed.path().join("relay.redo-1");
    let mut bytes = fs::read(&log).expect("a log");
    // In the fourth change: 28 bytes stand at the beginning, and 36 before the content of each.
    bytes[28 + 3 * 86 + 60] ^= 1;
    fs::write(&log, &bytes).expect("written");

    let damage = || StoreReader::open(crashed.path()).and_then(|reader| reader.damage()).expect("readable");
    assert!(damage().len() == 1 && damage()[0].contains("5 changes follow"), "{:?}", damage());
    let reader = StoreReader::open(crashed.path()).expect("readable");
    assert!(
        reader.log_damage().is_some_and(|why| why.contains("5 changes follow")),
        "a copy would lack them"
    );
    drop(reader);
    let (store, events) = open(&crashed);
    let RelayEvent::LogDamaged { sentence } = next(&events) else { panic!("nothing was said") };
    assert!(sentence.contains("at byte 286") && sentence.contains("5 changes"), "{sentence}");
    let kept = crashed.path().join("relay.redo-1.damaged-1");
    assert_eq!(fs::read(&kept).expect("kept"), bytes);
    let before: Vec<Vec<u8>> = (1..=3).map(|token| vec![token; 50]).collect();
    assert_eq!(loaded(&store, &events).batches, before);
    store.append(DOC, 4, vec![44]).expect("open");
    wait_for(&events, 4);
    drop(store);
    let (store, events) = open(&crashed);
    assert_eq!(loaded(&store, &events).batches.last(), Some(&vec![44]), "it goes on behind the damage");
    drop(store);
    let reader = StoreReader::open(crashed.path()).expect("readable");
    assert_eq!((reader.damage().expect("readable"), reader.kept_apart()), (Vec::new(), &[kept][..]));
}
