//! A byte that is wrong anywhere in the log of a killed relay: what it had told is there, or it is said that something is not.

use std::path::Path;

use crate::folder;
use crate::stores::{LARGE_FROM, OfRelay, Store};

const DOCUMENT: u8 = 1;

/// The log takes turns amid so many large changes, before the database has any.
const N_CHANGES: u8 = 12;

const LOGS: [&str; 2] = ["relay.redo-0", "relay.redo-1"];

/// Bytes between two that are damaged: some in each record, whatever its head is like.
const STEP: usize = 39_989;

/// Leaves what a relay has on its disk that is killed right after it told that all is written.
fn leave(killed: &Path) {
    let folder = folder();
    let mut store = OfRelay::open(folder.path()).expect("opened");
    store.create(DOCUMENT);
    (LARGE_FROM..LARGE_FROM + N_CHANGES).for_each(|n| store.append(&[(DOCUMENT, n)], &mut drop));
    copy(folder.path(), killed);
    store.close();
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("readable");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

#[test]
fn damage_anywhere_in_a_log_is_told_or_costs_nothing() {
    let (killed, all) = (folder(), (LARGE_FROM..LARGE_FROM + N_CHANGES).collect::<Vec<u8>>());
    leave(killed.path());
    let mut n_costly = 0;
    for log in LOGS {
        let sound = std::fs::read(killed.path().join(log)).expect("a log");
        let end = sound.iter().rposition(|byte| *byte != 0).expect("both were used") + 1;
        let records: Vec<usize> = starts(&sound[..end]);
        let heads = records.iter().flat_map(|start| [start + 1, start + 4, start + 13, start + 40]);
        // The last byte of each record, too.
        let tails = records.iter().skip(1).map(|start| start - 1).chain([end - 1]);
        for at in heads.chain(tails).chain((0..end).step_by(STEP)) {
            let damaged = folder();
            copy(killed.path(), damaged.path());
            let mut bytes = sound.clone();
            bytes[at] ^= 0x10;
            std::fs::write(damaged.path().join(log), bytes).expect("written");
            let mut store = OfRelay::open(damaged.path()).expect("opened");
            let told = store.damage();
            let found = store.changes(DOCUMENT).expect("the document");
            assert!(all.starts_with(&found), "{log}, byte {at}: {found:?}");
            n_costly += usize::from(found != all);
            // The last of all looks like a write that was torn: nobody knows better.
            assert!(
                told.is_some() || all.len() - 1 <= found.len(),
                "{log}, byte {at}: {found:?} and nothing is told"
            );
        }
    }
    assert!(0 < n_costly, "nothing was damaged");
}

/// Returns where records begin: each says its length first.
fn starts(bytes: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = 0;
    while let Some(len) = bytes.get(at..at + 4) {
        starts.push(at);
        at += 12 + u32::from_le_bytes(len.try_into().expect("four")) as usize;
    }
    starts
}
