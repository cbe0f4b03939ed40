//! The journal.

use std::path::PathBuf;

use tempfile::{TempDir, tempdir};

use super::*;
use crate::base::time::WallTime;
use crate::io::storage::StorageError;
use crate::io::storage::journal::{Journal, JournalEvent, NewDocument, Rewritten, Uid};
use crate::io::storage::lock::FileLock;

const UID: Uid = [1; 16];

fn document(uid: Uid, path: &str) -> NewDocument {
    NewDocument {
        uid,
        path: Some(PathBuf::from(path)),
        link: Some("link".to_string()),
        epoch: [2; 16],
        file_hash: Some(vec![3]),
        name: "a.txt".to_string(),
        created: WallTime(4),
        state: b"state".to_vec(),
        snapshot: b"start".to_vec().into(),
    }
}

fn start(folder: &TempDir) -> (Journal, Receiver<JournalEvent>) {
    let (receiver, on_event) = events();
    (Journal::start(folder.path().to_path_buf(), on_event).expect("started"), receiver)
}

fn started(folder: &TempDir) -> (Journal, Receiver<JournalEvent>) {
    let (journal, events) = start(folder);
    journal.create(document(UID, "/a.txt")).expect("created");
    (journal, events)
}

fn batches(journal: &Journal) -> Vec<Vec<u8>> {
    journal.find_by_uid(UID).expect("readable").expect("there").batches
}

fn written(token: u64) -> JournalEvent {
    JournalEvent::Written { uid: UID, token }
}

#[test]
fn document_comes_back_after_closing() {
    let folder = tempdir().expect("a folder");
    let (journal, _events) = started(&folder);
    journal.append(UID, vec![7], 1).expect("open");
    journal.set_file_hash(UID, Some(vec![9])).expect("open");
    journal.set_link(UID, None).expect("open");
    journal.set_state(UID, b"Ada".to_vec()).expect("open");
    journal.flush_and_close().expect("written");

    let (journal, _events) = start(&folder);
    let found = journal.find_by_path(Path::new("/a.txt")).expect("readable").expect("there");
    assert_eq!(found.uid, UID);
    assert_eq!((found.epoch, found.created, found.name.as_str()), ([2; 16], WallTime(4), "a.txt"));
    assert_eq!((found.snapshot, found.batches), (Some(b"start".to_vec()), vec![vec![7]]));
    assert_eq!((found.file_hash, found.link), (Some(vec![9]), None));
    assert_eq!(found.state, b"Ada");
    assert_eq!(journal.list().expect("readable")[0].bytes, 6);
    assert_eq!(journal.find_by_path(Path::new("/b.txt")).expect("readable"), None);
}

#[test]
fn dropping_writes_what_waits() {
    let folder = tempdir().expect("a folder");
    let (journal, _events) = started(&folder);
    for token in 1..=50 {
        journal.append(UID, vec![token as u8], token).expect("open");
    }
    drop(journal);
    let (journal, _events) = start(&folder);
    assert_eq!(batches(&journal), (1..=50).map(|n| vec![n]).collect::<Vec<_>>());
}

#[test]
fn what_was_reported_written_outlives_a_crash() {
    let folder = tempdir().expect("a folder");
    let after = tempdir().expect("a folder");
    let (journal, events) = started(&folder);
    for token in 1..=3 {
        journal.append(UID, vec![token as u8], token).expect("open");
        assert_eq!(next(&events), written(token));
    }
    copy_as_after_crash(folder.path(), after.path(), "journal.sqlite");
    let (reopened, _events) = start(&after);
    assert_eq!(batches(&reopened), [[1], [2], [3]]);
}

#[test]
fn appends_are_reported_in_order() {
    let folder = tempdir().expect("a folder");
    let (journal, events) = started(&folder);
    for token in 1..=3_000 {
        journal.append(UID, vec![0; 10], token).expect("open");
    }
    for token in 1..=3_000 {
        assert_eq!(next(&events), written(token));
    }
}

#[test]
fn second_process_is_told_that_the_document_is_taken() {
    let folder = tempdir().expect("a folder");
    let (first, _events) = started(&folder);
    let (second, _second_events) = start(&folder);
    let found = second.find_by_path(Path::new("/a.txt"));
    assert!(matches!(&found, Err(StorageError::Locked { name }) if name == "a.txt"), "{found:?}");
    assert!(matches!(second.find_by_link("link"), Err(StorageError::Locked { .. })));
    assert!(matches!(second.create(document(UID, "/c.txt")), Err(StorageError::Locked { .. })));
    assert!(matches!(second.create(document([5; 16], "/a.txt")), Err(StorageError::Exists { .. })));
    second.create(document([6; 16], "/b.txt")).expect("another document of the same link");
    assert_eq!(second.list().expect("readable").len(), 2);

    first.append(UID, vec![1], 1).expect("open");
    first.release(UID).expect("open");
    assert_eq!(first.list().expect("readable").len(), 2);
    assert_eq!(batches(&second), [[1]]);
    assert!(matches!(first.find_by_uid(UID), Err(StorageError::Locked { .. })));
}

#[test]
fn refused_create_keeps_the_document_that_is_open() {
    let folder = tempdir().expect("a folder");
    let (first, _events) = started(&folder);
    assert!(matches!(first.create(document(UID, "/a.txt")), Err(StorageError::Exists { .. })));
    let (second, _second_events) = start(&folder);
    assert!(matches!(second.find_by_uid(UID), Err(StorageError::Locked { .. })));
}

#[test]
fn snapshot_cuts_what_it_covers_and_no_more() {
    let folder = tempdir().expect("a folder");
    let (journal, events) = started(&folder);
    for token in 1..=4 {
        journal.append(UID, vec![token as u8], token).expect("open");
        assert_eq!(next(&events), written(token));
    }
    journal.replace_snapshot(UID, b"cut".to_vec(), 2).expect("open");
    assert_eq!(next(&events), JournalEvent::SnapshotWritten { uid: UID });
    drop(journal);

    // Tokens start again, and those of the first run are covered whatever their numbers.
    let (journal, events) = start(&folder);
    let found = journal.find_by_uid(UID).expect("readable").expect("there");
    assert_eq!((found.snapshot, found.batches), (Some(b"cut".to_vec()), vec![vec![3], vec![4]]));
    journal.append(UID, vec![5], 1).expect("open");
    journal.append(UID, vec![6], 2).expect("open");
    journal.replace_snapshot(UID, b"again".to_vec(), 1).expect("open");
    assert_eq!([next(&events), next(&events)], [written(1), written(2)]);
    assert_eq!(batches(&journal), [[6]]);
}

#[test]
fn damaged_database_is_moved_aside() {
    let folder = tempdir().expect("a folder");
    let (journal, _events) = started(&folder);
    journal.flush_and_close().expect("written");
    let garbage = vec![b'x'; 8192];
    fs::write(folder.path().join("journal.sqlite"), &garbage).expect("written");

    let (journal, events) = start(&folder);
    assert_eq!(journal.find_by_path(Path::new("/a.txt")).expect("a new journal"), None);
    let JournalEvent::MovedAside { sentence } = next(&events) else { panic!("another event") };
    assert!(sentence.contains("journal.sqlite.corrupt-1"), "{sentence}");
    assert_eq!(fs::read(folder.path().join("journal.sqlite.corrupt-1")).expect("kept"), garbage);

    journal.append(UID, vec![1], 1).expect("open");
    assert_eq!(next(&events), JournalEvent::Lost { uid: UID, token: 1 });
    journal.create(document(UID, "/a.txt")).expect("created anew");
    journal.append(UID, vec![2], 2).expect("open");
    assert_eq!(next(&events), written(2));
}

#[test]
fn damaged_database_stays_where_it_is_while_another_process_has_it() {
    let folder = tempdir().expect("a folder");
    let (journal, _events) = started(&folder);
    journal.flush_and_close().expect("written");
    fs::write(folder.path().join("journal.sqlite"), vec![b'x'; 8192]).expect("written");
    let other = FileLock::shared(&folder.path().join("journal.lock")).expect("shared");
    let (journal, events) = start(&folder);
    let listed = journal.list();
    assert!(matches!(listed, Err(StorageError::Damaged { .. })), "{listed:?}");
    assert!(!folder.path().join("journal.sqlite.corrupt-1").exists());

    drop(other);
    assert_eq!(journal.list().expect("a new journal"), []);
    assert!(matches!(next(&events), JournalEvent::MovedAside { .. }));
}

#[test]
fn failed_write_is_told_kept_and_written_later() {
    let folder = tempdir().expect("a folder");
    let (journal, events) = started(&folder);
    refuse_writes(folder.path());
    for token in 1..=3 {
        journal.append(UID, vec![token as u8], token).expect("open");
    }
    let JournalEvent::Failed { sentence } = next(&events) else { panic!("another event") };
    assert!(sentence.contains("journal.sqlite"), "{sentence}");
    assert_eq!(journal.find_by_uid(UID).expect("still readable").expect("there").batches.len(), 0);
    let refused = journal.create(document([8; 16], "/b.txt"));
    assert!(matches!(refused, Err(StorageError::Failed { .. })), "{refused:?}");
    assert_quiet(&events, 1_200);

    allow_writes(folder.path());
    assert_eq!([next(&events), next(&events), next(&events)], [written(1), written(2), written(3)]);
    assert_eq!(next(&events), JournalEvent::Recovered);
    assert_eq!(batches(&journal), [[1], [2], [3]]);
    assert_eq!(journal.list().expect("readable").len(), 1);
}

#[test]
fn closing_tells_what_could_not_be_written() {
    let folder = tempdir().expect("a folder");
    let (journal, _events) = started(&folder);
    refuse_writes(folder.path());
    journal.append(UID, vec![1], 1).expect("open");
    let closed = journal.flush_and_close();
    assert!(matches!(closed, Err(StorageError::NotWritten { n: 1, .. })), "{closed:?}");
}

#[test]
fn saving_over_another_file_takes_its_path() {
    let folder = tempdir().expect("a folder");
    let (journal, _events) = started(&folder);
    journal.create(document([2; 16], "/b.txt")).expect("created");
    journal.set_path(UID, Some(PathBuf::from("/b.txt"))).expect("open");
    assert_eq!(journal.find_by_path(Path::new("/b.txt")).expect("readable").expect("there").uid, UID);
    assert_eq!(journal.find_by_uid([2; 16]).expect("readable").expect("there").path, None);
}

#[test]
fn removed_document_leaves_nothing() {
    let folder = tempdir().expect("a folder");
    let (journal, _events) = started(&folder);
    journal.append(UID, vec![1], 1).expect("open");
    journal.remove(UID).expect("open");
    assert_eq!(journal.list().expect("readable"), []);
    journal.create(document(UID, "/a.txt")).expect("created anew");
    assert_eq!(batches(&journal), Vec::<Vec<u8>>::new());
}

#[cfg(unix)]
#[test]
fn only_this_user_can_read_the_journal() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().expect("a folder");
    let (_journal, _events) = started(&folder);
    for name in ["journal.sqlite", "journal.sqlite-wal", "journal.lock"] {
        let metadata = fs::metadata(folder.path().join(name)).expect("there");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn undo_is_read_back_in_order_and_a_whole_one_replaces_it() {
    let folder = tempdir().expect("a folder");
    let (journal, _events) = started(&folder);
    for piece in 1..=3_u8 {
        journal.keep_undo(UID, vec![piece], false).expect("open");
    }
    let undo = |journal: &Journal| journal.find_by_uid(UID).expect("readable").expect("there").undo;
    assert_eq!(undo(&journal), [[1], [2], [3]]);
    journal.keep_undo(UID, vec![9], true).expect("open");
    journal.keep_undo([7; 16], vec![8], false).expect("open");
    journal.flush_and_close().expect("written");
    let (journal, _events) = start(&folder);
    assert_eq!(undo(&journal), [[9]]);
}

#[test]
fn what_was_rewritten_takes_the_place_of_everything() {
    let folder = tempdir().expect("a folder");
    let (journal, events) = started(&folder);
    journal.append(UID, vec![1], 1).expect("open");
    journal.keep_undo(UID, vec![2], false).expect("open");
    let content = || Rewritten { snapshot: b"all".to_vec(), undo: vec![3], state: b"new".to_vec() };
    journal.rewrite(UID, content(), 2).expect("open");
    journal.append(UID, vec![4], 3).expect("open");
    journal.rewrite([7; 16], content(), 4).expect("open");
    assert_eq!([next(&events), next(&events), next(&events)], [1, 2, 3].map(written));
    assert_eq!(next(&events), JournalEvent::Lost { uid: [7; 16], token: 4 });
    journal.flush_and_close().expect("written");

    let (journal, _events) = start(&folder);
    let found = journal.find_by_uid(UID).expect("readable").expect("there");
    assert_eq!((found.snapshot, found.state), (Some(b"all".to_vec()), b"new".to_vec()));
    assert_eq!((found.batches, found.undo), (vec![vec![4]], vec![vec![3]]));
}

#[test]
fn what_is_kept_for_undo_alone_makes_room_and_is_not_listed() {
    use crate::base::limits::UNDO_JOURNAL_BYTES_MAX;
    let folder = tempdir().expect("a folder");
    let (journal, _events) = start(&folder);
    let unshared = |n: u8, path: &str| NewDocument { link: None, ..document([n; 16], path) };
    for n in 1..=3 {
        let large = vec![n; UNDO_JOURNAL_BYTES_MAX as usize / 5 * 2];
        let new = NewDocument { snapshot: large.into(), ..unshared(n, &format!("/{n}")) };
        journal.create(new).expect("written");
        journal.set_closed([n; 16], Some(WallTime(u64::from(n)))).expect("open");
    }
    journal.create(unshared(4, "/4")).expect("written");
    journal.prune().expect("open");
    let listed: Vec<Uid> = journal.list().expect("readable").iter().map(|known| known.uid).collect();
    assert_eq!(listed, [[4; 16]], "only what lacks a file is a document");
    let is_there = |n: u8| journal.find_by_uid([n; 16]).expect("readable").is_some();
    assert_eq!([1, 2, 3, 4].map(is_there), [false, true, true, true], "the one closed first went");

    // Another text goes where one was: its undo goes, and the text is not taken for one without a file.
    journal.set_path([4; 16], Some("/3".into())).expect("open");
    assert!(!is_there(3));
    journal.create(unshared(5, "/2")).expect("in the place of what is kept for undo");
    assert!(!is_there(2));
    assert_eq!(journal.find_untitled().expect("readable"), None);
}

#[test]
fn journal_of_the_first_format_is_gone_on_with() {
    let folder = tempdir().expect("a folder");
    let path = folder.path().join("journal.sqlite");
    let old = rusqlite::Connection::open(&path).expect("a database");
    old.execute_batch(crate::io::storage::schema::JOURNAL[0]).expect("tables");
    old.execute_batch(
        "INSERT INTO document VALUES (zeroblob(16), CAST('/a' AS BLOB), NULL, zeroblob(16), NULL, 'a', 1, X'7b7d');
         INSERT INTO snapshot VALUES (zeroblob(16), X'0102');
         INSERT INTO batch (uid, token, bytes) VALUES (zeroblob(16), 1, X'03');
         PRAGMA user_version = 1;",
    )
    .expect("a row");
    drop(old);
    let (journal, _events) = start(&folder);
    let found = journal.find_by_path(Path::new("/a")).expect("readable").expect("there");
    assert_eq!((found.snapshot, found.batches), (Some(vec![1, 2]), vec![vec![3]]));
    journal.keep_undo([0; 16], vec![1], false).expect("open");
    assert_eq!(journal.find_by_uid([0; 16]).expect("readable").expect("there").undo, [[1]]);
}

#[test]
fn row_that_is_not_as_it_was_written_is_an_error_of_its_document_alone() {
    let changes = ["snapshot", "batch", "undo"].map(|table| format!("UPDATE {table} SET bytes = X'07'"));
    let of_the_document =
        ["name = 'b'", "link = NULL", "epoch = zeroblob(16)", "state = X'07'", "closed = 1", "sum = NULL"];
    let of_the_document = of_the_document.map(|change| format!("UPDATE document SET {change}"));
    for change in changes.into_iter().chain(of_the_document) {
        let folder = tempdir().expect("a folder");
        let (journal, events) = started(&folder);
        journal.append(UID, vec![1, 2, 3], 1).expect("open");
        assert_eq!(next(&events), written(1));
        journal.keep_undo(UID, vec![4], false).expect("open");
        journal.flush_and_close().expect("written");
        let other = rusqlite::Connection::open(folder.path().join("journal.sqlite")).expect("opened");
        other.execute_batch(&change).expect("changed");
        drop(other);
        let (journal, _events) = start(&folder);
        let found = journal.find_by_uid(UID);
        assert!(matches!(found, Err(StorageError::DocumentDamaged { .. })), "{change}: {found:?}");
        // What is written since must not make it sound.
        journal.set_state(UID, vec![8]).expect("open");
        let found = journal.find_by_uid(UID);
        assert!(found.is_err(), "{change}: {found:?}");
        assert!(journal.list().is_ok(), "the others can be used");
        journal.create(document([7; 16], "/b.txt")).expect("others are written");
    }
}

/// Makes a journal of some documents, each with a snapshot and changes.
pub(super) fn fill(folder: &TempDir) {
    let (journal, _events) = start(folder);
    for n in 1..=3u8 {
        let mut document = document([n; 16], &format!("/{n}"));
        document.snapshot = vec![n; 700].into();
        journal.create(document).expect("created");
        (1..=9).for_each(|token| journal.append([n; 16], vec![n; 60], token).expect("open"));
    }
    journal.flush_and_close().expect("written");
}

/// Reads the text of one of the documents.
pub(super) fn text(folder: &TempDir) -> Result<Option<String>, String> {
    let (journal, events) = start(folder);
    let found = journal.find_by_path(Path::new("/2")).map_err(|error| error.to_string())?;
    // Moved away, and said so.
    if let Ok(JournalEvent::MovedAside { sentence }) = events.try_recv() {
        return Err(sentence);
    }
    Ok(found.map(|document| format!("{document:?}")))
}

#[test]
fn a_text_is_encoded_where_it_is_written() {
    use crate::crdt::ReplicaId;
    use crate::document::Document;
    use crate::io::storage::journal::Snapshot;
    let folder = tempdir().expect("a folder");
    let (journal, _events) = start(&folder);
    let text = ropey::Rope::from_str(&"a line\n".repeat(1_000));
    let mut doc = Document::of_text(ReplicaId::new(3), text.clone()).expect("it fits");
    let before = doc.version();
    let snapshot = Snapshot::Text(ReplicaId::new(3), text);
    journal.begin(NewDocument { snapshot, ..document(UID, "/a") }).expect("open");
    doc.insert(7, "more ").expect("in range");
    journal.append(UID, doc.changes_since(&before), 1).expect("open");
    let found = journal.find_by_uid(UID).expect("readable").expect("there");
    let mut again = Document::load(ReplicaId::new(4), &found.snapshot.expect("kept")).expect("sound");
    again.apply(&found.batches[0]).expect("the change since");
    assert_eq!(again.to_string(), doc.to_string());
}

#[test]
fn a_large_snapshot_is_kept_in_parts_that_belong_together() {
    use crate::base::limits::SNAPSHOT_PART_BYTES as PART;
    let sizes = [0, 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 7];
    for n_bytes in sizes {
        let folder = tempdir().expect("a folder");
        let (journal, events) = start(&folder);
        let bytes: Vec<u8> = (0..n_bytes).map(|at| (at % 251) as u8).collect();
        journal
            .create(NewDocument { snapshot: bytes.clone().into(), ..document(UID, "/a") })
            .expect("written");
        journal.flush_and_close().expect("written");
        drop(events);
        let (journal, _events) = start(&folder);
        let found = journal.find_by_uid(UID).expect("readable").expect("there");
        assert!(found.snapshot.as_ref() == Some(&bytes), "{n_bytes} bytes");
        journal.replace_snapshot(UID, b"short".to_vec(), 1).expect("open");
        let found = journal.find_by_uid(UID).expect("readable").expect("there");
        assert_eq!(found.snapshot, Some(b"short".to_vec()));
    }
    let changes = [
        "DELETE FROM snapshot WHERE part = 0",
        "DELETE FROM snapshot WHERE part = 1",
        "DELETE FROM snapshot WHERE part = 2",
        "UPDATE snapshot SET part = part + 1 WHERE part = 2",
        "UPDATE snapshot SET part = -part",
        "DELETE FROM snapshot WHERE part = 2; UPDATE snapshot SET n_parts = 2",
        "DELETE FROM snapshot WHERE 0 < part; UPDATE snapshot SET n_parts = 1",
        "UPDATE snapshot SET bytes = zeroblob(length(bytes)) WHERE part = 1",
    ];
    for change in changes {
        let folder = tempdir().expect("a folder");
        let (journal, _events) = start(&folder);
        let snapshot = vec![7; 2 * PART + 7].into();
        journal.create(NewDocument { snapshot, ..document(UID, "/a") }).expect("written");
        journal.flush_and_close().expect("written");
        let other = rusqlite::Connection::open(folder.path().join("journal.sqlite")).expect("opened");
        other.execute_batch(change).expect("changed");
        drop(other);
        let (journal, _events) = start(&folder);
        let error = journal.find_by_uid(UID).expect_err("damaged");
        assert!(matches!(error, StorageError::DocumentDamaged { .. }), "{change}: {error}");
    }
}
