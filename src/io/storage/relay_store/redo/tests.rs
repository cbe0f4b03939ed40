//! What the log promises, on real files.

use super::reading::{Damage, keep_apart, kept_apart, read, read_by, read_records};
use super::*;

const SALT: [u8; 16] = [7; 16];

fn change(token: u64, n_bytes: usize) -> Change {
    Change { doc_id: [1; 16], token, bytes: vec![token as u8; n_bytes] }
}

fn tokens(folder: &Path, salt: [u8; 16], from: Mark) -> Vec<u64> {
    let found = read(folder, salt, from).expect("readable");
    assert_eq!(found.damage, None);
    found.changes.into_iter().map(|(change, _)| change.token).collect()
}

#[test]
fn changes_come_back_in_order_and_only_those_beyond_the_mark() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut redo = Redo::open(folder.path(), SALT, 1).expect("opened");
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
    let mut redo = Redo::open(folder.path(), SALT, 1).expect("opened");
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
        let mut redo = Redo::open(folder.path(), SALT, generation).expect("opened");
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
        let found = read_by(read, SALT, Mark { generation, offset: 0 }).expect("readable");
        let tokens: Vec<u64> = found.changes.iter().map(|(change, _)| change.token).collect();
        assert_eq!(tokens, [1, 2], "3 is later, and the first of it is not missed");
        assert_eq!(redo.end().generation, generation + 1);
    }
}

#[test]
fn a_torn_record_ends_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut redo = Redo::open(folder.path(), SALT, 1).expect("opened");
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
    let mut redo = Redo::open(folder.path(), SALT, 1).expect("opened");
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
        assert_eq!(n + 1 + n_beyond, written.len(), "bit {bit} was flipped");
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
    let mut redo = Redo::open(folder.path(), SALT, 1).expect("opened");
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
    let mut redo = Redo::open(folder.path(), SALT, 1).expect("opened");
    redo.write(&[change(1, 10), change(2, 10), change(3, FILE_BYTES as usize)], 0).expect("written");
    redo.write(&[change(4, 10)], 0).expect("written");
    let settled = Mark { generation: 1, offset: (HEAD_BYTES + 10) as u64 };
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
