//! Batches that nobody's editor makes: small ones that would cost much, or close a document to others.

use coedit::base::bytes::put_varint;
use coedit::base::limits::{DOCUMENT_REPLICAS_MAX, WAITING_AUTHORS_MAX, WAITING_CHANGES_MAX};
use coedit::crdt::ReplicaId;
use coedit::document::{ApplyError, Document};

const INSERT: u8 = 0;
const INSERT_AT_START: u8 = 1;
const DELETE: u8 = 2;
const OWN: u8 = 4;
const SINGLE: u8 = 8;
const STAMPED: u8 = 16;
const LAST: u8 = 32;

/// Writes a batch byte by byte; docs/FORMAT.md tells the rest.
struct Bytes(Vec<u8>);

impl Bytes {
    fn with_ids(ids: impl ExactSizeIterator<Item = u64>) -> Bytes {
        let mut bytes = Bytes(vec![0x81]).varint(ids.len() as u64);
        ids.for_each(|id| bytes.0.extend(id.to_le_bytes()));
        bytes
    }

    fn varint(mut self, value: u64) -> Bytes {
        put_varint(&mut self.0, value);
        self
    }

    fn byte(mut self, byte: u8) -> Bytes {
        self.0.push(byte);
        self
    }

    /// The `n`-th listed id, as it is named.
    fn name(self, n: u64) -> Bytes {
        self.varint(n << 1 | 1)
    }

    /// The head of a part.
    fn part(self, author: u64, is_last: bool, start: u64) -> Bytes {
        self.varint((author << 1 | 1) << 1 | u64::from(is_last)).varint(start)
    }

    /// The texts of `n` inserts.
    fn text(mut self, n: usize) -> Vec<u8> {
        self.0.extend(vec![b'a'; n]);
        self.0
    }
}

/// A document with a text of its own.
fn document() -> Document {
    let mut doc = Document::new(ReplicaId::new(1));
    doc.insert(0, "mine").expect("it fits");
    doc
}

#[track_caller]
fn check_refused(doc: &mut Document, batch: &[u8], is_meant: impl Fn(&ApplyError) -> bool) {
    let before = doc.save();
    let error = doc.apply(batch).expect_err("nobody's editor makes that");
    assert!(is_meant(&error), "{error}");
    assert!(doc.save() == before, "the document is as it was");
    doc.check_invariants();
}

#[test]
fn faults_that_wait_by_the_thousand_keep_nobody_out() {
    let n = 9_000;
    let mut bytes = Bytes::with_ids([5].into_iter().chain(1_000..1_000 + n).collect::<Vec<_>>().into_iter());
    for i in 1..=n {
        // After the second character of the first id, which is none, as will turn out.
        let insert = bytes.part(i, i == n, 0).byte(INSERT | SINGLE | STAMPED | LAST);
        bytes = insert.varint(1).name(0).varint(2).name(0).varint(1);
    }
    let mut doc = document();
    let waiting = doc.apply(&bytes.text(n as usize)).expect("the causes may come");
    assert_eq!(waiting.n_waiting, n as usize);
    let late = Bytes::with_ids([5].into_iter())
        .part(0, true, 0)
        .byte(INSERT_AT_START | SINGLE)
        .byte(DELETE | OWN | SINGLE | LAST)
        .varint(1)
        .text(1);
    doc.apply(&late).expect("it is not at fault");
    doc.check_invariants();
    assert_eq!((doc.to_string().as_str(), doc.n_waiting()), ("mine", 0));
    doc.insert(0, "still ").expect("there is room");
    let copy = Document::load(ReplicaId::new(2), &doc.save()).expect("sound");
    assert_eq!(copy.to_string(), "still mine");
}

#[test]
fn parts_with_gaps_are_counted_as_they_come() {
    let gaps = |n: u64| {
        let mut bytes = Bytes::with_ids([7].into_iter());
        for i in 0..n {
            bytes = bytes.part(0, i == n - 1, 2 + 2 * i).byte(INSERT_AT_START | SINGLE | LAST);
        }
        bytes.text(n as usize)
    };
    // Comparing each with all would take hours.
    check_refused(&mut document(), &gaps(2_000_000), |error| {
        matches!(error, ApplyError::TooManyWaiting { .. })
    });
    let mut doc = document();
    doc.apply(&gaps(WAITING_CHANGES_MAX as u64)).expect("as many may wait");
    check_refused(&mut doc, &gaps(WAITING_CHANGES_MAX as u64 + 1), |error| {
        matches!(error, ApplyError::TooManyWaiting { .. })
    });
    // The gap before the first closes, and nothing after it.
    let first =
        Bytes::with_ids([7].into_iter()).part(0, true, 0).byte(INSERT_AT_START | LAST).varint(2).text(2);
    doc.apply(&first).expect("sound");
    assert_eq!((doc.to_string().as_str(), doc.n_waiting()), ("aaamine", WAITING_CHANGES_MAX - 1));
}

#[test]
fn a_refusal_leaves_what_waits_as_it_was() {
    let part = |start| {
        Bytes::with_ids([7].into_iter()).part(0, true, start).byte(INSERT_AT_START | SINGLE | LAST).text(1)
    };
    let mut doc = document();
    for start in [1, 3, 2, 9] {
        doc.apply(&part(start)).expect("it waits");
    }
    // Closes the gap of three of them, and then deletes what never was.
    let closing = Bytes::with_ids([7, 8].into_iter())
        .part(0, false, 0)
        .byte(INSERT_AT_START | SINGLE | LAST)
        .part(1, true, 0)
        .byte(INSERT_AT_START | SINGLE)
        .byte(DELETE | OWN | SINGLE)
        .varint(1)
        .byte(DELETE | OWN | SINGLE | LAST)
        .varint(1)
        .text(2);
    check_refused(&mut doc, &closing, |error| matches!(error, ApplyError::Malformed(_)));
    doc.apply(&part(0)).expect("sound");
    assert_eq!((doc.to_string().as_str(), doc.n_waiting()), ("aaaamine", 1));
}

#[test]
fn a_cause_is_named_once() {
    let causes = |n: u64| {
        let mut bytes = Bytes::with_ids([7, 8].into_iter()).part(0, true, 0);
        bytes = bytes.byte(INSERT_AT_START | SINGLE | STAMPED | LAST).varint(n);
        for _ in 0..n {
            bytes = bytes.name(1).varint(1);
        }
        bytes.text(1)
    };
    check_refused(&mut document(), &causes(2), |error| matches!(error, ApplyError::Malformed(_)));
    assert_eq!(document().apply(&causes(1)).map(|applied| applied.n_waiting), Ok(1));
}

#[test]
fn made_up_authors_take_nobodys_place() {
    let invented = |n: u64| {
        let mut bytes = Bytes::with_ids((100..101 + n).collect::<Vec<_>>().into_iter()).part(0, true, 0);
        bytes = bytes.byte(INSERT_AT_START | SINGLE | STAMPED | LAST).varint(n);
        for i in 1..=n {
            bytes = bytes.name(i).varint(1);
        }
        bytes.text(1)
    };
    let mut doc = document();
    check_refused(&mut doc, &invented(DOCUMENT_REPLICAS_MAX as u64 - 2), |error| {
        matches!(error, ApplyError::TooManyWaiting { .. })
    });
    doc.apply(&invented(WAITING_AUTHORS_MAX as u64)).expect("their work may come");
    let unused = Bytes::with_ids([7, 8].into_iter()).part(0, true, 0).byte(INSERT_AT_START | SINGLE | LAST);
    check_refused(&mut doc, &unused.text(1), |error| matches!(error, ApplyError::Malformed(_)));
}

#[test]
fn a_document_of_as_many_authors_as_can_be_is_still_read() {
    // One's own is the last.
    let n = DOCUMENT_REPLICAS_MAX as u64 - 1;
    let mut bytes = Bytes::with_ids((100..100 + n).collect::<Vec<_>>().into_iter());
    for i in 0..n {
        bytes = bytes.part(i, i == n - 1, 0).byte(INSERT_AT_START | SINGLE | LAST);
    }
    let mut doc = document();
    doc.apply(&bytes.text(n as usize)).expect("there is room");
    let more =
        Bytes::with_ids([7].into_iter()).part(0, true, 0).byte(INSERT_AT_START | SINGLE | LAST).text(1);
    check_refused(&mut doc, &more, |error| matches!(error, ApplyError::TooManyReplicas { .. }));
    let mut copy = Document::load(ReplicaId::new(2), &doc.save()).expect("it can be read");
    assert_eq!(copy.len_chars(), doc.len_chars());
    assert!(copy.insert(0, "x").is_err(), "by one more it cannot be written");
}

#[test]
fn a_history_with_a_stretch_of_nothing_is_refused() {
    let mut bytes = vec![2, 1];
    bytes.extend(9u64.to_le_bytes());
    // Two stretches: of one operation, and of none.
    bytes.extend([2, 0, 0, 0, 2, 1, 0, 0]);
    bytes.extend([0; 8]);
    bytes.extend([1, 13, 0, 0, 1, 3, 0, 0, 0, 0, 0, 1, b'a']);
    let mut empty = Document::new(ReplicaId::new(1));
    check_refused(&mut empty, &bytes, |error| matches!(error, ApplyError::Malformed(_)));
}
