//! Bytes from outside are believed only as far as they prove themselves: never a panic, and after a refusal
//! the document is what it was, byte for byte.

use coedit::base::rng::Rng;
use coedit::crdt::{ReplicaId, ReplicaTable, VersionVector};
use coedit::document::{ApplyError, Document};

/// Documents whose bytes are damaged, each with a history of its own.
const N_HISTORIES: u64 = 3;

/// Strings of random bytes that are offered as batches.
const N_GARBAGE: u64 = 20_000;

fn all(doc: &Document) -> Vec<u8> {
    doc.changes_since(&VersionVector::default())
}

/// Two replicas that wrote, deleted, undid and merged.
fn history(seed: u64) -> Document {
    let mut rng = Rng::new(seed);
    let mut docs = [Document::new(ReplicaId::new(1 + seed)), Document::new(ReplicaId::new(u64::MAX - seed))];
    for step in 0..30 {
        let i = rng.below(2) as usize;
        let len = docs[i].len_chars() as u64;
        if step % 5 == 4 && 3 < len {
            let start = rng.below(len - 3) as usize;
            docs[i].delete(start..start + 2).expect("in range");
        } else {
            docs[i]
                .insert(rng.below(len + 1) as usize, ["a", "bc", "é界", "😀\n"][rng.below(4) as usize])
                .expect("in range");
        }
        if step % 7 == 6 {
            docs[i].end_undo_group();
            docs[i].undo().expect("it fits");
        }
        let batch = docs[i].changes_since(&docs[1 - i].version());
        if rng.below(3) == 0 {
            docs[1 - i].apply(&batch).expect("valid");
        }
    }
    let batch = docs[0].changes_since(&docs[1].version());
    docs[1].apply(&batch).expect("valid");
    let [_, doc] = docs;
    doc
}

/// A document that already has part of that history, and some of its own.
fn receiver(source: &Document) -> Document {
    let mut doc = Document::new(ReplicaId::new(77));
    let half: VersionVector = source.version().iter().map(|(replica, next)| (replica, next / 2)).collect();
    let batch = source.changes_between(&VersionVector::default(), &half, &ReplicaTable::default());
    doc.apply(&batch).expect("valid");
    doc.insert(0, "here").expect("in range");
    doc
}

/// Offers bytes to a document. Whatever the answer, it is sound afterwards; after a refusal it is unchanged.
/// Returns whether they were taken, after which the caller needs a fresh document.
#[track_caller]
fn offer(doc: &mut Document, before: &[u8], bytes: &[u8]) -> bool {
    match doc.apply(bytes) {
        Ok(_) => {
            doc.check_invariants();
            Document::load(ReplicaId::new(78), &doc.save()).expect("what was saved loads").check_invariants();
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(doc.save() == before, "a refused batch left a trace: {error}");
            false
        }
    }
}

fn offer_each(source: &Document, damaged: impl Iterator<Item = Vec<u8>>) {
    let fresh = receiver(source).save();
    let load = || Document::load(ReplicaId::new(77), &fresh).expect("valid");
    let mut doc = load();
    let before = doc.save();
    for bytes in damaged {
        if offer(&mut doc, &before, &bytes) {
            doc = load();
        }
    }
}

fn truncations(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len()).map(|n| bytes[..n].to_vec())
}

fn bit_flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    })
}

/// Each byte in turn becomes one that a decoder may stumble over.
fn byte_changes(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let values = [0x00, 0x01, 0x7f, 0x80, 0xff];
    (0..bytes.len()).flat_map(move |i| {
        values.map(|value| {
            let mut bytes = bytes.to_vec();
            bytes[i] = value;
            bytes
        })
    })
}

#[test]
fn every_truncation_of_a_batch_is_refused_or_harmless() {
    for seed in 0..N_HISTORIES {
        let source = history(seed);
        offer_each(&source, truncations(&all(&source)));
    }
}

#[test]
fn every_flipped_bit_of_a_batch_is_refused_or_harmless() {
    for seed in 0..N_HISTORIES {
        let source = history(seed);
        offer_each(&source, bit_flips(&all(&source)));
        offer_each(&source, byte_changes(&all(&source)));
    }
}

#[test]
fn every_damaged_snapshot_is_refused_or_sound() {
    for seed in 0..N_HISTORIES {
        let saved = history(seed).save();
        let damaged = truncations(&saved).chain(bit_flips(&saved)).chain(byte_changes(&saved));
        for bytes in damaged {
            if let Ok(doc) = Document::load(ReplicaId::new(5), &bytes) {
                doc.check_invariants();
                assert!(Document::load(ReplicaId::new(5), &doc.save()).is_ok(), "what was saved loads");
            }
        }
    }
}

#[test]
fn garbage_is_neither_a_batch_nor_a_snapshot() {
    let source = history(0);
    let mut rng = Rng::new(4);
    let (batch, mut garbage) = (all(&source), Vec::new());
    for i in 0..N_GARBAGE {
        let n_bytes = rng.below(64) as usize;
        let mut bytes: Vec<u8> = (0..n_bytes).map(|_| rng.next_u64() as u8).collect();
        if i % 2 == 0 {
            // The true first bytes, so that the inside is reached.
            let n_true = rng.below(1 + batch.len().min(24) as u64) as usize;
            bytes.splice(0..0, batch[..n_true].iter().copied());
        }
        drop(Document::load(ReplicaId::new(5), &bytes).map(|doc| doc.check_invariants()));
        garbage.push(bytes);
    }
    offer_each(&source, garbage.into_iter());
}

#[test]
fn one_batch_followed_by_more_bytes_is_refused_or_harmless() {
    let source = history(1);
    let batch = all(&source);
    let longer = [vec![0], vec![0xff; 9], batch.clone()].map(|tail| [batch.clone(), tail].concat());
    offer_each(&source, longer.into_iter());
}

/// The same author wrote two things under one name: the second is refused or ignored, whatever refers to it.
#[test]
fn reference_to_a_character_that_the_named_author_never_inserted_is_refused() {
    let mut liar = Document::new(ReplicaId::new(5));
    liar.insert(0, "0123456789").expect("in range");
    let mut victim = Document::new(ReplicaId::new(6));
    victim.apply(&all(&liar)).expect("valid");
    let before = victim.version();
    victim.insert(8, "X").expect("in range");
    let on_the_lie = victim.changes_since(&before);

    let mut honest = Document::new(ReplicaId::new(5));
    honest.insert(0, "01234").expect("in range");
    honest.delete(0..5).expect("in range");
    let mut reader = Document::new(ReplicaId::new(7));
    reader.apply(&all(&honest)).expect("valid");
    let saved = reader.save();
    // Operation 7 of that author is a delete here, so there is no character to stand after.
    assert!(reader.apply(&on_the_lie).is_err());
    assert!(reader.save() == saved, "a refused batch left a trace");
}

#[test]
fn two_contents_for_one_operation_never_unite() {
    let (mut first, mut second) = (Document::new(ReplicaId::new(5)), Document::new(ReplicaId::new(5)));
    first.insert(0, "aaa").expect("in range");
    second.insert(0, "bbbbb").expect("in range");
    let mut reader = Document::new(ReplicaId::new(7));
    reader.apply(&all(&first)).expect("valid");
    let _ = reader.apply(&all(&second));
    reader.check_invariants();
    assert!(reader.to_string().starts_with("aaa"), "{reader}");
}

#[test]
fn edits_outside_the_text_are_refused_and_change_nothing() {
    let mut doc = Document::new(ReplicaId::new(1));
    doc.insert(0, "abc").expect("in range");
    let saved = doc.save();
    assert!(doc.insert(4, "x").is_err());
    assert!(doc.insert(usize::MAX, "x").is_err());
    assert!(doc.delete(2..4).is_err());
    assert!(doc.delete(usize::MAX - 1..usize::MAX).is_err());
    #[allow(clippy::reversed_empty_ranges)]
    let reversed = 2..1;
    assert!(doc.delete(reversed).is_err());
    assert!(doc.save() == saved);
    doc.check_invariants();
}

#[test]
fn what_waits_for_its_causes_is_bounded() {
    let (mut cause, mut author) = (Document::new(ReplicaId::new(1)), Document::new(ReplicaId::new(2)));
    cause.insert(0, "cause").expect("in range");
    author.apply(&all(&cause)).expect("valid");
    let mut doc = Document::new(ReplicaId::new(3));
    let mut refused = None;
    for i in 0..30_000 {
        // Each at another place, so that no two are one run.
        let before = author.version();
        author.insert(if i % 2 == 0 { 0 } else { author.len_chars() }, "x").expect("in range");
        if let Err(error) =
            doc.apply(&author.changes_between(&before, &author.version(), &ReplicaTable::default()))
        {
            refused = Some(error);
            break;
        }
    }
    assert!(matches!(refused, Some(ApplyError::TooManyWaiting { .. })), "{refused:?}");
    doc.check_invariants();
    assert_eq!((doc.to_string().as_str(), doc.version()), ("", VersionVector::default()));
    // Once the cause is here, what waited shows, and the rest is taken in again.
    doc.apply(&all(&cause)).expect("valid");
    doc.apply(&all(&author)).expect("valid");
    doc.check_invariants();
    assert_eq!(doc.to_string(), author.to_string());
}

/// A history of one author, whose first operation deletes what the second inserts.
#[test]
fn a_history_that_deletes_before_it_inserts_is_refused() {
    let mut bytes = vec![2, 1];
    bytes.extend(9u64.to_le_bytes());
    bytes.extend([1, 0, 0, 1, 2, 0]);
    bytes.extend([0; 8]);
    bytes.extend([1, 15, 0, 0, 1, 1, 0, 1, 3, 0, 0, 0, 1, b'a']);
    let refused = Document::new(ReplicaId::new(1)).apply(&bytes).map(|_| ());
    assert_eq!(refused, Err(ApplyError::Malformed("an operation refers to itself or to a later one")));
}
