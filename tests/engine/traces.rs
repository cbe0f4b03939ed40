//! Recordings of real writing, replayed: typed here, received one edit at a time, received in one go, and saved.
//! The small recordings are in `tests/data`; a folder with the large ones is found through `COEDIT_TRACES`.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::Document;
use serde::Deserialize;

/// Patches between two checks of everything inside.
const N_PATCHES_PER_CHECK: usize = 5_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trace {
    #[serde(default)]
    start_content: String,
    end_content: String,
    txns: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Transaction {
    #[serde(default)]
    parents: Vec<usize>,
    #[serde(default)]
    agent: usize,
    patches: Vec<(usize, usize, String)>,
}

fn folders() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("COEDIT_TRACES").map(PathBuf::from);
    named.into_iter().chain([here.join("../shared/traces"), here.join("tests/data")]).collect()
}

/// Returns the trace with this name, or `None` for a large one that is not on this machine.
fn read(name: &str) -> Option<Trace> {
    let path = folders().into_iter().map(|folder| folder.join(name)).find(|path| path.exists())?;
    let mut json = String::new();
    let file = std::fs::File::open(&path).expect("a readable trace");
    flate2::read::GzDecoder::new(file).read_to_string(&mut json).expect("gzip");
    Some(serde_json::from_str(&json).expect("a trace"))
}

fn doc(id: u64) -> Document {
    Document::new(ReplicaId::new(id))
}

fn patch(doc: &mut Document, (at, n_deleted, text): &(usize, usize, String)) {
    if 0 < *n_deleted {
        doc.delete(*at..*at + *n_deleted).expect("in range");
    }
    if !text.is_empty() {
        doc.insert(*at, text).expect("in range");
    }
}

#[track_caller]
fn assert_ends(doc: &Document, end: &str, how: &str) {
    doc.check_invariants();
    assert!(*doc.rope() == end, "{how}: another text than the recording ends with");
}

fn replay_sequential(name: &str) {
    let Some(trace) = read(name) else {
        println!("{name} is not on this machine; the small recordings stand in for it");
        return;
    };
    let patches = || trace.txns.iter().flat_map(|txn| &txn.patches);
    let (mut author, mut live) = (doc(1), doc(2));
    if !trace.start_content.is_empty() {
        author.insert(0, &trace.start_content).expect("in range");
        live.apply(&author.changes_since(&VersionVector::default())).expect("valid");
    }
    for (i, one) in patches().enumerate() {
        let before = author.version();
        patch(&mut author, one);
        live.apply(&author.changes_since(&before)).expect("valid");
        if i % N_PATCHES_PER_CHECK == 0 {
            author.check_invariants();
            live.check_invariants();
        }
    }
    assert_ends(&author, &trace.end_content, "typed");
    assert_ends(&live, &trace.end_content, "received one by one");
    check_rebuilt(&author, &trace.end_content);
    check_rebuilt(&live, &trace.end_content);
}

/// Everything in one go, and through a save.
fn check_rebuilt(doc: &Document, end: &str) {
    let mut merged = self::doc(3);
    merged.apply(&doc.changes_since(&VersionVector::default())).expect("valid");
    assert_ends(&merged, end, "merged in one go");
    let loaded = Document::load(ReplicaId::new(4), &doc.save()).expect("valid");
    assert_ends(&loaded, end, "saved and loaded");
    assert_eq!(loaded.version(), doc.version());
    assert_eq!(merged.version(), doc.version());
}

/// Returns the transactions that `parents` rest on and that are not in `known`, causes first.
fn missing(trace: &Trace, parents: &[usize], known: &HashSet<usize>) -> Vec<usize> {
    let mut found = HashSet::new();
    let mut todo: Vec<usize> = parents.to_vec();
    while let Some(i) = todo.pop() {
        if !known.contains(&i) && found.insert(i) {
            todo.extend(&trace.txns[i].parents);
        }
    }
    let mut found: Vec<usize> = found.into_iter().collect();
    found.sort_unstable();
    found
}

#[test]
fn sveltecomponent_ends_as_recorded() {
    replay_sequential("sveltecomponent.json.gz");
}

#[test]
fn rustcode_ends_as_recorded() {
    replay_sequential("rustcode.json.gz");
}

#[test]
fn automerge_paper_ends_as_recorded() {
    replay_sequential("automerge-paper.json.gz");
}

#[test]
fn friendsforever_ends_as_recorded_for_both_people_and_for_whoever_reads_along() {
    let trace = read("friendsforever.json.gz").expect("it is in tests/data");
    let n_agents = trace.txns.iter().map(|txn| txn.agent).max().expect("transactions") + 1;
    let mut agents: Vec<(Document, HashSet<usize>)> =
        (0..n_agents).map(|agent| (doc(agent as u64 + 1), HashSet::new())).collect();
    let mut batches: Vec<Vec<u8>> = Vec::new();
    let mut reader = doc(99);
    for (i, txn) in trace.txns.iter().enumerate() {
        let (author, known) = &mut agents[txn.agent];
        for cause in missing(&trace, &txn.parents, known) {
            author.apply(&batches[cause]).expect("valid");
            known.insert(cause);
        }
        let before = author.version();
        txn.patches.iter().for_each(|one| patch(author, one));
        batches.push(author.changes_since(&before));
        known.insert(i);
        reader.apply(&batches[i]).expect("valid");
    }
    assert_ends(&reader, &trace.end_content, "received one by one");
    check_rebuilt(&reader, &trace.end_content);
    for (author, _) in &mut agents {
        author.apply(&reader.changes_since(&author.version())).expect("valid");
        assert_ends(author, &trace.end_content, "after the last merge");
    }
    let mut backwards = doc(98);
    // Half of the recording in reverse: as much as may wait at once.
    batches[..batches.len() / 2].chunks(1_000).for_each(|chunk| {
        chunk.iter().rev().for_each(|batch| drop(backwards.apply(batch).expect("valid")));
    });
    batches[batches.len() / 2..].iter().for_each(|batch| drop(backwards.apply(batch).expect("valid")));
    assert_ends(&backwards, &trace.end_content, "received out of order");
}
