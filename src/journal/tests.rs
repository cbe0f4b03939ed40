use super::*;

fn edited(base: &str) -> (Document, Record) {
    let mut doc = Document::new(ReplicaId::new(1));
    doc.insert(0, base).expect("in range");
    let record = Record {
        file: Some(FileHash([1; 32])),
        saved: doc.version(),
        snapshot: doc.save(),
        ..Record::default()
    };
    (doc, record)
}

#[test]
fn version_is_read_back() {
    let version: VersionVector =
        [(ReplicaId::new(u64::MAX), 7), (ReplicaId::new(2), 9)].into_iter().collect();
    assert_eq!(decode_version(&encode_version(&version)), Some(version));
    assert_eq!(decode_version(&[]), Some(VersionVector::default()));
    assert_eq!(decode_version(&[0; 17]), None);
}

#[test]
fn document_comes_back_from_snapshot_and_batches() {
    let (mut doc, mut record) = edited("one\n");
    doc.insert(4, "two\n").expect("in range");
    record.batches.push(doc.changes_since(&record.saved));
    let back = record.recover(ReplicaId::new(2)).expect("sound");
    assert_eq!(back.to_string(), "one\ntwo\n");
    assert_eq!(record.compare(&back, record.file), Finding::Unsaved { n_edits: 4 });
}

#[test]
fn undo_comes_back_with_the_document() {
    let (mut doc, mut record) = edited("one\n");
    doc.clear_undo();
    record.undo.push(doc.whole_undo());
    doc.insert(4, "two\n").expect("in range");
    record.batches.push(doc.changes_since(&record.saved));
    record.undo.push(doc.undo_news());
    let mut back = record.recover(ReplicaId::new(2)).expect("sound");
    assert!(back.undo().expect("it fits").is_some());
    assert_eq!(back.to_string(), "one\n");
    assert!(back.undo().expect("it fits").is_none(), "what the file held is nobody's edit");
}

#[test]
fn file_that_another_program_changed_is_told_and_the_text_before_is_there() {
    let (mut doc, record) = edited("one\n");
    let found = record.compare(&doc, Some(FileHash([2; 32])));
    assert_eq!(found, Finding::FileChanged { n_edits: 0 });
    assert_eq!(record.compare(&doc, record.file), Finding::Same);
    assert_eq!(record.compare(&doc, None), Finding::FileGone { n_edits: 0 });
    doc.delete(0..2).expect("in range");
    assert_eq!(doc.text_at(&record.saved).expect("sound").to_string(), "one\n");
}

#[test]
fn damaged_record_is_an_error_never_an_empty_document() {
    let (_, record) = edited("one\n");
    let bad_snapshot = Record { snapshot: b"rubbish".to_vec(), ..record.clone() };
    assert!(matches!(bad_snapshot.recover(ReplicaId::new(2)), Err(RecoverError::Snapshot(_))));
    let bad_batch = Record { batches: vec![b"rubbish".to_vec()], ..record };
    assert!(matches!(bad_batch.recover(ReplicaId::new(2)), Err(RecoverError::Batch { n: 1, .. })));
}
