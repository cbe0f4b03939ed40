//! The bytes of the format stay what they are: files written once are read for ever, and what is written today is the same.
//!
//! `COEDIT_WRITE_GOLDEN=1` writes the files anew. A change of one that exists is a new version of the format.

use std::path::PathBuf;

use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::Document;

const TEXT: &str = "Hello, Welt, 日本 👋🏽!\n";

/// Two people who wrote over each other, with corrections, other scripts, and characters that both deleted.
fn together() -> (Document, Document) {
    let mut ada = Document::new(ReplicaId::new(0xada));
    let mut bob = Document::new(ReplicaId::new(0xb0b));
    let nothing = VersionVector::default();
    ada.insert(0, "Hello, wurld\n").expect("inside");
    bob.apply(&ada.changes_since(&nothing)).expect("valid");
    let known = bob.version();
    ada.delete(7..12).expect("inside");
    for (at, typed) in (7..).zip("Welt".chars()) {
        ada.insert(at, &typed.to_string()).expect("inside");
    }
    for at in (9..12).rev() {
        bob.delete(at..at + 1).expect("inside");
    }
    bob.insert(9, ", 日本 👋🏽").expect("inside");
    let (from_ada, from_bob) = (ada.changes_since(&known), bob.changes_since(&known));
    ada.apply(&from_bob).expect("valid");
    bob.apply(&from_ada).expect("valid");
    ada.insert(ada.len_chars() - 1, "!").expect("inside");
    bob.apply(&ada.changes_since(&bob.version())).expect("valid");
    (ada, bob)
}

/// The same, and enough small corrections that the whole history goes by columns.
fn long() -> Document {
    let (mut ada, mut bob) = together();
    for step in 0..60 {
        let doc = if step % 3 == 0 { &mut bob } else { &mut ada };
        let at = step * 7 % doc.len_chars();
        doc.insert(at, "ab").expect("inside");
        doc.delete(at + 1..at + 2).expect("inside");
        doc.delete(at..at + 1).expect("inside");
        if step % 10 == 0 {
            bob.apply(&ada.changes_since(&bob.version())).expect("valid");
            ada.apply(&bob.changes_since(&ada.version())).expect("valid");
        }
    }
    ada.apply(&bob.changes_since(&ada.version())).expect("valid");
    ada
}

/// Compares `bytes` with the file of this name, and returns what is in the file.
#[track_caller]
fn check(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden").join(name);
    if std::env::var_os("COEDIT_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, bytes).expect("a writable folder");
    }
    let golden = std::fs::read(&path).expect("a golden file");
    assert!(
        golden == bytes,
        "{name}: the format has changed; give it a new version and keep this file readable"
    );
    golden
}

#[test]
fn a_batch_of_version_1_is_what_it_was() {
    let (ada, _) = together();
    let golden = check("batch-1.bin", &ada.changes_since(&VersionVector::default()));
    assert_eq!(golden[0] & 0x0f, 1);
    let mut reader = Document::new(ReplicaId::new(1));
    reader.apply(&golden).expect("valid");
    assert_eq!(reader.to_string(), TEXT);
    reader.check_invariants();
}

#[test]
fn a_batch_of_version_2_is_what_it_was() {
    let golden = check("batch-2.bin", &long().changes_since(&VersionVector::default()));
    assert_eq!(golden[0], 2);
    let mut reader = Document::new(ReplicaId::new(1));
    reader.apply(&golden).expect("valid");
    assert_eq!(reader.to_string(), TEXT);
    reader.check_invariants();
}

#[test]
fn a_snapshot_of_version_0x42_is_what_it_was() {
    let mut doc = long();
    let mut early = Document::new(ReplicaId::new(7));
    early.insert(0, "missing").expect("inside");
    let known = early.version();
    early.insert(7, " and waiting").expect("inside");
    doc.apply(&early.changes_since(&known)).expect("valid");
    let golden = check("snapshot-42.bin", &doc.save());
    let mut loaded = Document::load(ReplicaId::new(1), &golden).expect("valid");
    assert_eq!(loaded.to_string(), TEXT);
    assert_eq!(loaded.n_waiting(), 1);
    loaded.apply(&early.changes_since(&VersionVector::default())).expect("valid");
    assert!(loaded.to_string().contains("missing and waiting"));
}

#[test]
fn what_a_newer_version_wrote_is_refused_with_a_sentence() {
    let mut doc = Document::new(ReplicaId::new(1));
    for (bytes, version) in [([3u8, 0, 0], 3), ([0x0f, 0, 0], 15)] {
        let error = doc.apply(&bytes).expect_err("newer").to_string();
        assert_eq!(
            error,
            format!("edits are in format {version}, but this program reads up to 2; update coedit")
        );
    }
    let Err(error) = Document::load(ReplicaId::new(1), &[0x43, 0]) else { panic!("newer") };
    assert!(error.to_string().ends_with("update coedit"), "{error}");
}
