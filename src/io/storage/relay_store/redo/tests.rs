//! What the log promises, on real files.

mod model;

use super::reading::{Damage, Found, keep_apart, kept_apart, read_files_by, read_records};
use super::*;

const SALT: [u8; 16] = [7; 16];

/// Bytes of what stands at the beginning of a generation.
const BEGINNING_BYTES: usize = 4 + 8 + 8 + 8;

fn change(token: u64, n_bytes: usize) -> Change {
    Change { doc_id: [1; 16], token, bytes: vec![token as u8; n_bytes] }
}

fn read(folder: &Path, salt: [u8; 16], from: Mark) -> io::Result<Found> {
    read_files(folder, from).map(|files| files.beyond(&salt, from))
}

fn tokens(folder: &Path, salt: [u8; 16], from: Mark) -> Vec<u64> {
    let found = read(folder, salt, from).expect("readable");
    assert_eq!(found.damage, None);
    found.changes.into_iter().map(|(change, _)| change.token).collect()
}

#[test]
fn changes_come_back_in_order_and_only_those_beyond_the_mark() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut redo = Redo::open(folder.path(), SALT, Mark::default()).expect("opened");
    redo.write(&[change(1, 5), change(2, 0)], 0).expect("written");
    let mark = redo.end();
    redo.write(&[change(3, 9)], 0).expect("written");
    assert_eq!(tokens(folder.path(), SALT, Mark::default()), [1, 2, 3]);
    assert_eq!(tokens(folder.path(), SALT, mark), [3]);
    assert!(tokens(folder.path(), SALT, redo.end()).is_empty());
    assert!(tokens(folder.path(), [8; 16], Mark::default()).is_empty(), "of another store");
}

#[test]
fn the_files_take_turns_and_an_earlier_turn_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut redo = Redo::open(folder.path(), SALT, Mark::default()).expect("opened");
    redo.write(&[change(1, FILE_BYTES as usize)], 0).expect("written");
    redo.write(&[change(2, 10)], 0).expect("written");
    assert_eq!(redo.end().generation, 2, "the other file was never used");
    redo.write(&[change(3, FILE_BYTES as usize)], 0).expect("written");
    redo.write(&[change(4, 10)], 0).expect("written");
    assert_eq!(redo.end().generation, 2, "the first file is not settled yet");
    redo.write(&[change(5, 10)], 1).expect("written");
    assert_eq!(redo.end().generation, 3);
    let settled = Mark { generation: 2, offset: 0 };
    assert_eq!(tokens(folder.path(), SALT, settled), [2, 3, 4, 5], "what is left of 1 does not count");
}

#[test]
fn a_log_that_is_written_while_it_is_read_is_read_without_a_gap() {
    for generation in 1..=2 {
        let folder = tempfile::tempdir().expect("a folder");
        let mut redo =
            Redo::open(folder.path(), SALT, Mark { generation: generation - 1, offset: 0 }).expect("opened");
        redo.write(&[change(1, 10)], generation - 1).expect("written");
        let mut n_read = 0;
        let read = |name: &str| {
            n_read += 1;
            let bytes = std::fs::read(folder.path().join(name));
            if n_read == 1 {
                // Between the two files the log goes on into the other one.
                redo.write(&[change(2, FILE_BYTES as usize)], generation - 1)?;
                redo.write(&[change(3, 10)], generation - 1)?;
            }
            bytes
        };
        let from = Mark { generation, offset: 0 };
        let found = read_files_by(read, from).expect("readable").beyond(&SALT, from);
        let tokens: Vec<u64> = found.changes.iter().map(|(change, _)| change.token).collect();
        assert_eq!(tokens, [1, 2], "3 is later, and the first of it is not missed");
        assert_eq!(redo.end().generation, generation + 1);
    }
}

#[test]
fn a_torn_record_ends_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut redo = Redo::open(folder.path(), SALT, Mark::default()).expect("opened");
    redo.write(&[change(1, 100)], 0).expect("written");
    let end = redo.end().offset;
    redo.write(&[change(2, 100)], 0).expect("written");
    for torn_at in [0, 3, 11, 30, 135] {
        write_at(&redo.files[1], &[0xff], end + torn_at).expect("written");
        assert_eq!(tokens(folder.path(), SALT, Mark::default()), [1], "torn at {torn_at}");
        redo.end.offset = end;
        redo.write(&[change(2, 100)], 0).expect("written");
    }
    let len = folder.path().join(FILES[1]).metadata().expect("a file").len();
    redo.files[1].set_len(end + 50).expect("cut");
    assert_eq!((tokens(folder.path(), SALT, Mark::default()), len), (vec![1], FILE_BYTES));
}

/// Flipped bits and cuts anywhere: what is read are the first of the changes, as they were written; and all behind the flipped one
/// are counted, whatever of it the bit belonged to.
#[test]
fn damage_ends_the_log_changes_nothing_and_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut redo = Redo::open(folder.path(), SALT, Mark::default()).expect("opened");
    let written: Vec<Change> = (0..12).map(|n| change(n, n as usize * 3)).collect();
    redo.write(&written, 0).expect("written");
    let sound = std::fs::read(folder.path().join(FILES[1])).expect("a file");
    let n_bytes = redo.end().offset as usize;
    let check = |bytes: &[u8], at: usize| {
        let found = read_records(&[Vec::new(), bytes.to_vec()], &SALT, Mark::default());
        let changes: Vec<Change> = found.changes.into_iter().map(|(change, _)| change).collect();
        assert!(written.starts_with(&changes), "damaged at {at}: other changes");
        (changes.len(), found.damage)
    };
    let mut bytes = sound[..n_bytes].to_vec();
    for bit in 0..n_bytes * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (n, damage) = check(&bytes, bit / 8);
        let n_beyond = damage.map_or(0, |damage| damage.n_beyond);
        // What stands at the beginning is none of them.
        let n_lost = usize::from(BEGINNING_BYTES * 8 <= bit);
        assert_eq!(n + n_lost + n_beyond, written.len(), "bit {bit} was flipped");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    for end in 0..n_bytes {
        let (n, damage) = check(&bytes[..end], end);
        assert!(n < written.len() && damage.is_none(), "cut at {end}: {damage:?}");
    }
}

/// The power goes amid a write of many changes: of its pages any may have reached the disk. What was synced before is there, and of
/// the write nothing but its first changes.
#[test]
fn whatever_pages_of_the_last_write_are_there_what_was_synced_before_is() {
    const PAGE: usize = 4096;
    let folder = tempfile::tempdir().expect("a folder");
    let mut redo = Redo::open(folder.path(), SALT, Mark::default()).expect("opened");
    let written: Vec<Change> = (0..60).map(|n| change(n, 300)).collect();
    redo.write(&written[..5], 0).expect("written");
    let path = folder.path().join(FILES[1]);
    let before = std::fs::read(&path).expect("a file");
    redo.write(&written[5..], 0).expect("written");
    let after = std::fs::read(&path).expect("a file");
    let n_pages = (redo.end().offset as usize).div_ceil(PAGE);
    for kept in 0..1 << n_pages {
        let page = |n: usize| if kept >> n & 1 == 1 { &after } else { &before };
        let bytes: Vec<u8> = (0..n_pages).flat_map(|n| page(n)[n * PAGE..(n + 1) * PAGE].to_vec()).collect();
        let found = read_records(&[Vec::new(), bytes], &SALT, Mark::default());
        let changes: Vec<Change> = found.changes.into_iter().map(|(change, _)| change).collect();
        assert!(written.starts_with(&changes) && 5 <= changes.len(), "pages {kept:b}: {}", changes.len());
    }
}

#[test]
fn what_follows_damage_is_kept_apart_with_all_later_turns() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut redo = Redo::open(folder.path(), SALT, Mark::default()).expect("opened");
    redo.write(&[change(1, 10)], 0).expect("written");
    let settled = redo.end();
    redo.write(&[change(2, 10), change(3, FILE_BYTES as usize)], 0).expect("written");
    redo.write(&[change(4, 10)], 0).expect("written");
    assert_eq!(tokens(folder.path(), SALT, settled), [2, 3, 4]);
    write_at(&redo.files[1], &[0xff], 20).expect("written");
    assert_eq!(tokens(folder.path(), SALT, settled), [2, 3, 4], "what is settled may be damaged");
    write_at(&redo.files[1], &[0xff], settled.offset + 20).expect("written");
    let found = read(folder.path(), SALT, settled).expect("readable");
    let damage = Damage { at: settled, n_beyond: 2, last_generation: 2 };
    assert_eq!((found.changes, found.damage), (Vec::new(), Some(damage.clone())));
    let copies = keep_apart(folder.path(), &damage).expect("copied");
    assert_eq!(kept_apart(folder.path()).expect("a folder"), {
        let mut copies = copies.clone();
        copies.sort();
        copies
    });
    let whole = |path: PathBuf| std::fs::read(path).expect("a file");
    assert_eq!(whole(copies[0].clone()), whole(folder.path().join(FILES[1])));
    assert_eq!(copies.len(), 2);
}

fn flip(redo: &Redo, file: usize, at: u64) {
    let sound = std::fs::read(redo.folder.join(FILES[file])).expect("a file")[at as usize];
    write_at(&redo.files[file], &[sound ^ 1], at).expect("written");
}

/// The next generation begins when one is full: what it has builds on the end of that, and must not be taken in without it.
#[test]
fn damage_at_the_end_of_a_generation_ends_the_log_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut redo = Redo::open(folder.path(), SALT, Mark::default()).expect("opened");
    redo.write(&[change(1, 10)], 0).expect("written");
    let last = redo.end();
    redo.write(&[change(2, FILE_BYTES as usize)], 0).expect("written");
    redo.write(&[change(3, 10), change(4, 10)], 0).expect("written");
    assert_eq!(redo.end().generation, 2);
    assert_eq!(tokens(folder.path(), SALT, Mark::default()), [1, 2, 3, 4]);
    // In the content of the last record, and in its length.
    for at in [last.offset + 60, last.offset + 2] {
        flip(&redo, 1, at);
        for (from, n) in [(Mark::default(), 1), (Mark { generation: 1, offset: 0 }, 1), (last, 0)] {
            let found = read(folder.path(), SALT, from).expect("readable");
            let damage = Damage { at: last, n_beyond: 2, last_generation: 2 };
            assert_eq!(found.damage, Some(damage), "damaged at {at}, read from {from:?}");
            assert_eq!(found.changes.len(), n);
        }
        flip(&redo, 1, at);
    }
    assert_eq!(tokens(folder.path(), SALT, last), [2, 3, 4]);
}

/// Where a group did not fit behind a large record whose length is damaged, what follows is far from it.
#[test]
fn what_follows_a_large_record_whose_length_is_damaged_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut redo = Redo::open(folder.path(), SALT, Mark::default()).expect("opened");
    let large = change(1, FILE_BYTES as usize * 9 / 10);
    redo.write(&[large, change(2, 10)], 0).expect("written");
    flip(&redo, 1, BEGINNING_BYTES as u64 + 2);
    let found = read(folder.path(), SALT, Mark::default()).expect("readable");
    assert_eq!((found.changes.len(), found.damage.expect("told").n_beyond), (0, 1));
}

/// A start goes on with a new generation though the one before is not full, and notes nothing anywhere else before it writes.
#[test]
fn a_start_that_ended_early_is_no_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut redo = Redo::open(folder.path(), SALT, Mark::default()).expect("opened");
    redo.write(&[change(1, 10)], 0).expect("written");
    let mut end = redo.end();
    for token in 2..9 {
        let mut redo = Redo::open(folder.path(), SALT, end).expect("opened");
        redo.write(&[change(token, 10)], end.generation).expect("written");
        let found = read(folder.path(), SALT, end).expect("readable");
        assert_eq!(tokens(folder.path(), SALT, end), [token]);
        end = found.end;
        assert_eq!(end, redo.end());
    }
}

/// Writes a generation as programs did that noted nothing at its beginning.
fn write_unnoted(folder: &Path, generation: u64, changes: &[Change]) -> Mark {
    let mut bytes = Vec::new();
    for change in changes {
        let at = Mark { generation, offset: bytes.len() as u64 };
        put_record(&mut bytes, &SALT, at, change);
    }
    let end = Mark { generation, offset: bytes.len() as u64 };
    std::fs::write(folder.join(FILES[(generation % 2) as usize]), bytes).expect("written");
    end
}

#[test]
fn the_log_of_an_earlier_program_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let end = write_unnoted(folder.path(), 5, &[change(1, 10), change(2, 10)]);
    write_unnoted(folder.path(), 6, &[change(3, 10), change(4, 10)]);
    assert_eq!(tokens(folder.path(), SALT, end), [3, 4], "it was started, and crashed at once");
    let first = Mark { offset: end.offset / 2, ..end };
    let found = read(folder.path(), SALT, first).expect("readable");
    assert_eq!((found.changes.len(), found.damage.expect("told").at), (1, end), "the file was not full");
    let full = [change(1, 10), change(2, FILE_BYTES as usize)];
    write_unnoted(folder.path(), 5, &full);
    assert_eq!(tokens(folder.path(), SALT, Mark { generation: 5, offset: 0 }), [1, 2, 3, 4]);
}

/// A group whose sync failed was written nevertheless. Whatever comes in its place, nothing of it stays behind that.
#[test]
fn nothing_of_a_failed_write_stays_behind_what_comes_in_its_place() {
    for n_bytes in [3, 10, 40, FILE_BYTES as usize] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut redo = Redo::open(folder.path(), SALT, Mark::default()).expect("opened");
        redo.write(&[change(1, 10)], 0).expect("written");
        let refuse = folder.path().join("refuse-writes");
        std::fs::write(&refuse, "").expect("written");
        let group = [change(2, 10), change(3, 10), change(4, FILE_BYTES as usize)];
        redo.write(&group, 0).expect_err("the sync fails");
        assert_eq!(tokens(folder.path(), SALT, Mark::default()), [1, 2, 3, 4], "it was written");
        redo.write(&[change(4, 10)], 0).expect_err("what was left cannot be taken away");
        std::fs::remove_file(refuse).expect("removed");
        redo.write(&[change(5, n_bytes)], 0).expect("written");
        assert_eq!(tokens(folder.path(), SALT, Mark::default()), [1, 5]);
        redo.write(&[change(6, 10)], 0).expect("written");
        assert_eq!(tokens(folder.path(), SALT, Mark::default()), [1, 5, 6]);
    }
}
