//! The worker: a process that opens a store, writes changes and says which of them it was told are written.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::faulty_disk;
use crate::stores::{Asked, OfJournal, OfRelay, Store, Told};

pub const DOCUMENTS: [u8; 2] = [1, 2];

/// Changes of each document in one life.
pub const N_CHANGES: u8 = 9;

/// Changes that are asked for at once, in turns.
const AT_ONCE: [usize; 5] = [1, 4, 2, 6, 5];

/// After so many of these one document is cut.
const CUT_EVERY: usize = 3;

/// The last change of each document that a store told is written; 0 where only the document is.
pub type Written = BTreeMap<u8, u8>;

fn say(words: &str) {
    println!("{words}");
    std::io::stdout().flush().expect("somebody reads");
}

fn say_what_was_told(told: Told) {
    match told {
        Told::Written((document, n)) => say(&format!("a {document} {n}")),
        Told::Failed => say("f"),
    }
}

/// Returns the last change of each document, and begins those that are not there.
fn begin<S: Store>(store: &mut S) -> Written {
    let begun = DOCUMENTS.map(|document| {
        let found = store.changes(document);
        if found.is_none() {
            store.create(document);
        }
        say(&format!("a {document} 0"));
        (document, found.and_then(|found| found.into_iter().max()).unwrap_or(0))
    });
    begun.into_iter().collect()
}

/// Goes on behind what is there: both documents in turns, some changes at once, and now and then one is cut.
fn work<S: Store>(folder: &Path) {
    let mut store = S::open(folder).expect("opened");
    let mut last = begin(&mut store);
    let mut to_come: Vec<Asked> = Vec::new();
    for n in 1..=N_CHANGES {
        // Runs of each document, as one who types makes them, and both mixed.
        let mix = |one: Asked| to_come.push(one);
        let one = |document: &u8| (*document, last[document] + n);
        DOCUMENTS.iter().map(one).for_each(mix);
    }
    let mut at_once = AT_ONCE.iter().cycle();
    let mut rest = to_come.as_slice();
    let mut n_asked = 0;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rest.len().min(*at_once.next().expect("endless")));
        rest = later;
        store.append(now, &mut say_what_was_told);
        now.iter().for_each(|&(document, n)| _ = last.insert(document, n));
        n_asked += 1;
        if n_asked % CUT_EVERY == 0 {
            let (document, n) = now[0];
            store.cut(document, last[&document].max(n));
        }
    }
    store.close();
}

/// Writes one change after the other, each when a line says so.
fn work_by_the_line<S: Store>(folder: &Path, n_changes: u8) {
    let mut store = S::open(folder).expect("opened");
    begin(&mut store);
    for n in 1..=n_changes {
        say("r");
        std::io::stdin().read_line(&mut String::new()).expect("somebody leads");
        store.append(&[(DOCUMENTS[0], n)], &mut say_what_was_told);
    }
    store.close();
}

fn run<S: Store>(folder: &Path) {
    match std::env::var("DISK_CHANGES") {
        Ok(n_changes) => work_by_the_line::<S>(folder, n_changes.parse().expect("a number")),
        Err(_) => work::<S>(folder),
    }
}

/// Not a test of its own: the others run it in a process that may end at any call.
#[test]
fn worker() {
    let Ok(kind) = std::env::var("DISK_WORKER") else { return };
    let folder = PathBuf::from(std::env::var("FAULTY_FOLDER").expect("a folder"));
    match kind.as_str() {
        OfRelay::KIND => run::<OfRelay>(&folder),
        OfJournal::KIND => run::<OfJournal>(&folder),
        kind => panic!("no such worker: {kind}"),
    }
}

/// Starts a worker over a disk with a plan (see `faulty_disk.c`).
pub fn start(kind: &str, folder: &Path, plan: &str, variables: &[(&str, &Path)]) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("a program"));
    command.args(["worker::worker", "--exact", "--nocapture"]);
    command.env("LD_PRELOAD", faulty_disk::library()).env("DISK_WORKER", kind);
    command.env("FAULTY_FOLDER", folder).env("FAULTY_PLAN", plan).envs(variables.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts")
}

/// Returns what a line of a worker says is written.
pub fn written(line: &str) -> Option<Asked> {
    let (document, n) = line.strip_prefix("a ")?.split_once(' ')?;
    Some((document.parse().ok()?, n.parse().ok()?))
}

/// Waits for a worker's end, and notes what it says is written.
pub fn await_end(child: Child, told: &mut Written) {
    let output = child.wait_with_output().expect("it ends");
    for (document, n) in String::from_utf8_lossy(&output.stdout).lines().filter_map(written) {
        let last = told.entry(document).or_default();
        *last = n.max(*last);
    }
}
