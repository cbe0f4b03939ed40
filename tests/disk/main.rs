//! Crashes, power cuts and failures of the disk, under the real stores: this program runs itself again as a worker that writes, with a
//! library between it and the disk (`tests/support/faulty_disk.c`) which ends it before and after every call that changes the disk,
//! tears writes, leaves any pages of what was not synced, lets syncs fail, and fills the disk. What the worker was told is written must
//! be there when the store is opened again, in order.
//!
//! `COEDIT_CRASHES=1` tries every point instead of some; `COEDIT_FULLS=n` fills and frees the disk `n` times.
#![cfg(target_os = "linux")]

#[path = "../support/faulty_disk.rs"]
mod faulty_disk;
mod flips;
mod stores;
mod worker;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use stores::{OfJournal, OfRelay, Store};
use tempfile::TempDir;
use worker::{DOCUMENTS, N_CHANGES, Written, await_end, start, written};

/// Returns a folder in memory, if there is one: what a disk would do is the library's.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

fn is_thorough() -> bool {
    std::env::var_os("COEDIT_CRASHES").is_some()
}

/// Lets workers live one after the other, each with a plan, then looks at what is there.
fn check<S: Store>(plans: &[String]) {
    let folder = folder();
    let mut told = Written::new();
    for plan in plans {
        await_end(start(S::KIND, folder.path(), plan, &[]), &mut told);
    }
    check_found::<S>(folder.path(), &told, &plans.join(", then "));
}

/// Opens a store without help: what was told is there, whole and in order, and the same again when it is read twice.
fn check_found<S: Store>(folder: &Path, told: &Written, what: &str) {
    let kind = S::KIND;
    let mut store = S::open(folder).unwrap_or_else(|error| panic!("{kind}, {what}: {error}"));
    for (&document, &told) in told {
        let found = store.changes(document);
        assert_eq!(store.changes(document), found, "{kind}, {what}: read twice");
        let found = found.unwrap_or_else(|| panic!("{kind}, {what}: document {document} is lost"));
        let mut last = 0;
        for n in &found {
            // What was not told may be there twice: it was asked for again.
            assert!(*n <= last + 1, "{kind}, {what}: document {document}, out of order: {found:?}");
            last = last.max(*n);
        }
        assert!(told <= last, "{kind}, {what}: document {document}: {told} were told, {last} are there");
    }
}

/// Returns how many calls of a worker that nothing disturbs change the disk.
fn n_calls<S: Store>() -> u64 {
    let (folder, count, kind) = (folder(), tempfile::NamedTempFile::new().expect("a file"), S::KIND);
    let mut told = Written::new();
    await_end(start(kind, folder.path(), "none:0", &[("FAULTY_COUNT", count.path())]), &mut told);
    let all: Written = DOCUMENTS.map(|document| (document, N_CHANGES)).into();
    assert_eq!(told, all, "{kind}: the worker alone does not get through");
    let text = std::fs::read_to_string(count.path()).expect("written");
    let n_calls = text.parse().expect("a number");
    assert!(30 < n_calls, "{kind}: only {n_calls} calls were seen");
    n_calls
}

/// Ends the worker at every call that changes the disk, or at some of them.
fn crash_everywhere<S: Store>() {
    let n_calls = n_calls::<S>();
    let plans = (1..=n_calls).flat_map(|n| {
        let torn = ["1", "0", "-1"].map(|part| format!("torn:{n}:{part}"));
        [format!("before:{n}"), format!("after:{n}")].into_iter().chain(torn)
    });
    // Not a divisor of the plans of one call, so that each kind has its turn.
    let plans: Vec<String> = plans.step_by(if is_thorough() { 1 } else { 17 }).collect();
    plans.iter().for_each(|plan| check::<S>(std::slice::from_ref(plan)));
    println!("{}: {n_calls} calls, {} crashes", S::KIND, plans.len());
    let n_syncs = if is_thorough() { 30 } else { 5 };
    (1..=n_syncs).for_each(|n| check::<S>(&[format!("sync:{n}")]));
}

#[test]
fn a_relays_store_that_crashes_anywhere_keeps_what_it_had_told() {
    crash_everywhere::<OfRelay>();
}

#[test]
fn a_journal_that_crashes_anywhere_keeps_what_it_had_told() {
    crash_everywhere::<OfJournal>();
}

/// Cuts the power at every call, or at some: any pages of what was not synced are there, the last write is torn. Then once more, in the
/// next life, which finds what the first has left; and with syncs that fail before.
fn cut_power_everywhere<S: Store>() {
    let (n_calls, n_seeds) = (n_calls::<S>(), if is_thorough() { 4 } else { 1 });
    let mut n_cuts = 0;
    for n in (1..=n_calls).step_by(if is_thorough() { 1 } else { 7 }) {
        for seed in 0..n_seeds {
            let chance = 4 * n + seed;
            let first = format!("power:{n}:{chance}");
            let again = format!("power:{}:{chance}", 1 + chance * 7 % n_calls);
            let fails = format!("sync:{},power:{n}:{chance}", 1 + chance * 5 % (n / 2 + 1));
            check::<S>(&[first, again]);
            check::<S>(&[fails]);
            n_cuts += 3;
        }
    }
    println!("{}: {n_calls} calls, {n_cuts} power cuts", S::KIND);
}

#[test]
fn a_relays_store_whose_power_goes_keeps_what_it_had_told() {
    cut_power_everywhere::<OfRelay>();
}

#[test]
fn a_journal_whose_power_goes_keeps_what_it_had_told() {
    cut_power_everywhere::<OfJournal>();
}

/// Fills the disk before each change, and frees it as soon as that was not taken.
fn fill_and_free<S: Store>() {
    let (kind, n_fulls) =
        (S::KIND, std::env::var("COEDIT_FULLS").map_or(5u8, |n| n.parse().expect("at most 250")));
    let (folder, beside) = (folder(), folder());
    let (full, n_changes) = (beside.path().join("full"), (n_fulls + 1).to_string());
    let variables = [("FAULTY_FULL", full.as_path()), ("DISK_CHANGES", Path::new(&n_changes))];
    let mut child = start(kind, folder.path(), "none:0", &variables);
    let (mut n_full, mut last) = (0, 0);
    let mut lead = child.stdin.take().expect("piped");
    for line in BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok) {
        match line.as_str() {
            "r" => {
                if n_full < n_fulls {
                    std::fs::write(&full, "").expect("written");
                }
                lead.write_all(b"\n").expect("it waits");
            }
            "f" if full.exists() => {
                n_full += 1;
                std::fs::remove_file(&full).expect("it was there");
            }
            line => last = written(line).map_or(last, |(_, n)| n),
        }
    }
    child.wait().expect("it ends");
    assert_eq!((n_full, last), (n_fulls, n_fulls + 1), "{kind}: times full, changes written");
    check_found::<S>(folder.path(), &[(DOCUMENTS[0], last)].into(), "full and freed");
}

#[test]
fn a_disk_that_is_full_now_and_then_loses_nothing_and_needs_no_restart() {
    fill_and_free::<OfRelay>();
    fill_and_free::<OfJournal>();
}
