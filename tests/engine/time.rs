//! A document's time ends: every operation has a Lamport timestamp of 32 bits. What still fits is read by all; what does not is refused.

use coedit::base::bytes::put_varint;
use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::{Document, EditError};

/// The greatest timestamp that an operation may have.
const LAMPORT_MAX: u64 = u32::MAX as u64 - 2;

/// A batch of somebody who inserts a megabyte and deletes it again and again, up to the timestamp `last`.
fn uses_time_up_to(last: u64) -> Vec<u8> {
    let n = 1 << 20;
    let mut bytes = vec![0x81, 1];
    bytes.extend(77u64.to_le_bytes());
    // The only part is of the author with the own number 0 and begins at seq 0: an insert at the start.
    bytes.extend([0b11, 0, 0b1]);
    put_varint(&mut bytes, n);
    let mut seq = n;
    while seq < last {
        let len = n.min(last - seq);
        let is_last = seq + len == last;
        // A deletion of the author's own, `seq` back.
        bytes.push(0b110 | u8::from(is_last) << 5);
        put_varint(&mut bytes, len);
        put_varint(&mut bytes, seq);
        seq += len;
    }
    bytes.extend(vec![b'a'; n as usize]);
    bytes
}

/// A document in which something was typed before its time ran out.
fn document_at(last: u64) -> Document {
    let mut doc = Document::new(ReplicaId::new(1));
    doc.insert(0, "hello").expect("room");
    doc.end_undo_group();
    doc.insert(5, "!").expect("room");
    doc.apply(&uses_time_up_to(last)).expect("valid");
    doc
}

#[track_caller]
fn assert_all_can_read(doc: &Document) {
    let mut other = Document::new(ReplicaId::new(3));
    other.apply(&doc.changes_since(&VersionVector::default())).expect("others can read it");
    assert_eq!(other.to_string(), doc.to_string());
    Document::load(ReplicaId::new(4), &doc.save()).expect("what was saved loads");
}

#[test]
fn the_last_timestamp_can_be_used_and_the_one_after_it_not() {
    let mut doc = document_at(LAMPORT_MAX - 1);
    let before = doc.version();
    let mut other = Document::new(ReplicaId::new(3));
    other.apply(&doc.changes_since(&VersionVector::default())).expect("valid");
    assert!(matches!(doc.insert(0, "ab"), Err(EditError::Full { .. })));
    doc.insert(0, "a").expect("one fits");
    other.apply(&doc.changes_since(&before)).expect("others can read it");
    assert!(matches!(doc.insert(0, "b"), Err(EditError::Full { .. })));
    assert!(matches!(doc.delete(0..1), Err(EditError::Full { .. })));
    assert_all_can_read(&doc);
}

#[test]
fn no_batch_goes_past_the_last_timestamp() {
    let mut doc = Document::new(ReplicaId::new(1));
    assert!(doc.apply(&uses_time_up_to(LAMPORT_MAX + 1)).is_err());
    doc.apply(&uses_time_up_to(LAMPORT_MAX)).expect("valid");
}

#[test]
fn undo_is_refused_when_time_is_used_up_and_changes_nothing() {
    let mut doc = document_at(LAMPORT_MAX - 3);
    assert!(doc.undo().expect("it fits").is_some(), "one character is deleted");
    assert_eq!(doc.to_string(), "hello");
    let before = doc.save();
    assert!(matches!(doc.undo(), Err(EditError::Full { .. })), "five are too many");
    assert!(doc.save() == before && doc.n_undo_groups() == 1);
    assert!(doc.redo().expect("it fits").is_some());
    assert_eq!(doc.to_string(), "hello!");
    assert_all_can_read(&doc);
}
