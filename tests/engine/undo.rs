//! Undo takes back one's own edits, and nothing else, whatever others do meanwhile.

use coedit::base::rng::Rng;
use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::Document;

use crate::scripts::for_each_seed;

/// Seeds of the random script, unless `COEDIT_SEEDS` says otherwise.
const N_SEEDS: u64 = 200;

fn sync(a: &mut Document, b: &mut Document) {
    b.apply(&a.changes_since(&b.version())).expect("valid");
    a.apply(&b.changes_since(&a.version())).expect("valid");
    assert_eq!(a.to_string(), b.to_string());
    a.check_invariants();
    b.check_invariants();
}

fn pair() -> (Document, Document) {
    (Document::new(ReplicaId::new(1)), Document::new(ReplicaId::new(2)))
}

/// Types `text` at `at` as a group of its own.
fn type_at(doc: &mut Document, at: usize, text: &str) {
    doc.insert(at, text).expect("in range");
    doc.end_undo_group();
}

fn delete(doc: &mut Document, range: std::ops::Range<usize>) {
    doc.delete(range).expect("in range");
    doc.end_undo_group();
}

/// A pair whose text came from a third, so that neither can take it back.
fn pair_with(text: &str) -> (Document, Document) {
    let mut third = Document::new(ReplicaId::new(3));
    third.insert(0, text).expect("in range");
    let (mut a, mut b) = pair();
    a.apply(&third.changes_since(&VersionVector::default())).expect("valid");
    sync(&mut a, &mut b);
    (a, b)
}

#[test]
fn text_of_another_inside_mine_survives_my_undo() {
    let (mut me, mut other) = pair();
    type_at(&mut me, 0, "hello");
    sync(&mut me, &mut other);
    type_at(&mut other, 2, "XX");
    sync(&mut me, &mut other);
    assert!(me.undo().expect("it fits").is_some());
    sync(&mut me, &mut other);
    assert_eq!(me.to_string(), "XX");
    assert!(me.redo().expect("it fits").is_some());
    sync(&mut me, &mut other);
    assert_eq!(me.to_string(), "heXXllo");
}

#[test]
fn undo_of_text_that_another_deleted_changes_nothing_else() {
    let (mut me, mut other) = pair();
    type_at(&mut me, 0, "one ");
    type_at(&mut me, 4, "two");
    sync(&mut me, &mut other);
    delete(&mut other, 4..7);
    sync(&mut me, &mut other);
    assert!(me.undo().expect("it fits").is_some());
    assert!(["one ", ""].contains(&me.to_string().as_str()), "{me}");
    while me.undo().expect("it fits").is_some() {}
    sync(&mut me, &mut other);
    assert_eq!(me.to_string(), "");
}

#[test]
fn as_many_redos_as_undos_give_the_same_text() {
    let mut doc = Document::new(ReplicaId::new(1));
    let mut texts = vec![String::new()];
    for i in 0..20 {
        let len = doc.len_chars();
        if i % 4 == 3 {
            delete(&mut doc, len / 3..len / 2 + 1)
        } else {
            type_at(&mut doc, len / 2, "añ😀\n")
        }
        texts.push(doc.to_string());
    }
    for text in texts.iter().rev().skip(1) {
        assert!(doc.undo().expect("it fits").is_some());
        assert_eq!(doc.to_string(), *text);
        doc.check_invariants();
    }
    assert!(doc.undo().expect("it fits").is_none());
    for text in texts.iter().skip(1) {
        assert!(doc.redo().expect("it fits").is_some());
        assert_eq!(doc.to_string(), *text);
        doc.check_invariants();
    }
    assert!(doc.redo().expect("it fits").is_none());
}

#[test]
fn undo_and_redo_leave_the_edits_of_others_alone() {
    let (mut me, mut other) = pair_with("start middle end");
    delete(&mut me, 0..6);
    type_at(&mut me, 0, "mine ");
    sync(&mut me, &mut other);
    let end = other.len_chars();
    type_at(&mut other, end, " theirs");
    sync(&mut me, &mut other);
    me.undo().expect("it fits");
    me.undo().expect("it fits");
    sync(&mut me, &mut other);
    assert_eq!(me.to_string(), "start middle end theirs");
    delete(&mut other, 0..1);
    sync(&mut me, &mut other);
    me.redo().expect("it fits");
    me.redo().expect("it fits");
    sync(&mut me, &mut other);
    assert_eq!(me.to_string(), "mine middle end theirs");
}

#[test]
fn a_group_is_taken_back_as_one() {
    let mut doc = Document::new(ReplicaId::new(1));
    doc.insert(0, "a").expect("in range");
    doc.insert(1, "b").expect("in range");
    doc.end_undo_group();
    type_at(&mut doc, 2, "c");
    doc.undo().expect("it fits");
    assert_eq!(doc.to_string(), "ab");
    doc.undo().expect("it fits");
    assert_eq!(doc.to_string(), "");
}

#[test]
fn a_new_edit_of_mine_forgets_what_could_be_redone_and_one_of_another_does_not() {
    let (mut me, mut other) = pair();
    type_at(&mut me, 0, "a");
    me.undo().expect("it fits");
    type_at(&mut other, 0, "x");
    sync(&mut me, &mut other);
    assert!(me.redo().expect("it fits").is_some());
    assert_eq!(me.len_chars(), 2);
    me.undo().expect("it fits");
    type_at(&mut me, 0, "b");
    assert!(me.redo().expect("it fits").is_none());
}

#[test]
fn word_deleted_by_both_comes_back_once_when_the_deletes_were_known() {
    let (mut a, mut b) = pair_with("word");
    delete(&mut a, 0..4);
    delete(&mut b, 0..4);
    sync(&mut a, &mut b);
    a.undo().expect("it fits");
    b.undo().expect("it fits");
    sync(&mut a, &mut b);
    assert_eq!(a.to_string(), "word");
}

#[test]
fn word_deleted_by_both_comes_back_twice_when_neither_knew() {
    let (mut a, mut b) = pair_with("word");
    delete(&mut a, 0..4);
    delete(&mut b, 0..4);
    a.undo().expect("it fits");
    b.undo().expect("it fits");
    sync(&mut a, &mut b);
    assert_eq!(a.to_string(), "wordword");
}

#[test]
fn undo_never_revives_what_another_deleted() {
    let (mut me, mut other) = pair();
    type_at(&mut me, 0, "abc");
    sync(&mut me, &mut other);
    delete(&mut other, 1..2);
    sync(&mut me, &mut other);
    type_at(&mut me, 2, "d");
    me.undo().expect("it fits");
    me.undo().expect("it fits");
    assert_eq!(me.to_string(), "");
    me.redo().expect("it fits");
    me.redo().expect("it fits");
    sync(&mut me, &mut other);
    assert_eq!(me.to_string(), "acd");
}

#[test]
fn forgetting_undo_leaves_the_text() {
    let mut doc = Document::new(ReplicaId::new(1));
    type_at(&mut doc, 0, "kept");
    doc.clear_undo();
    assert!(doc.undo().expect("it fits").is_none());
    assert_eq!(doc.to_string(), "kept");
}

/// Ends the program and starts it again: another replica with the pieces of undo that were kept.
fn restart(doc: &Document, id: u64, pieces: &[Vec<u8>]) -> Document {
    let mut again = Document::load(ReplicaId::new(id), &doc.save()).expect("valid");
    again.restore_undo(pieces.iter().map(Vec::as_slice));
    again
}

#[test]
fn undo_goes_on_after_a_restart_and_takes_back_only_ones_own() {
    let (mut me, mut other) = pair_with("base ");
    type_at(&mut me, 5, "one ");
    let mut pieces = vec![me.whole_undo()];
    type_at(&mut me, 9, "two ");
    delete(&mut me, 0..5);
    pieces.push(me.undo_news());
    assert!(me.undo_news().is_empty(), "nothing new");
    sync(&mut me, &mut other);
    type_at(&mut other, 4, "theirs ");
    sync(&mut me, &mut other);
    assert!(me.undo().expect("it fits").is_some());
    pieces.push(me.undo_news());
    assert_eq!(me.to_string(), "base one theirs two ");

    let mut me = restart(&me, 11, &pieces);
    let texts = ["base one theirs ", "base theirs "];
    for text in texts {
        assert!(me.undo().expect("it fits").is_some());
        me.check_invariants();
        assert_eq!(me.to_string(), text);
        pieces.push(me.undo_news());
    }
    assert!(me.undo().expect("it fits").is_none(), "the base and the other's words are not mine");
    let mut me = restart(&me, 12, &pieces);
    for text in ["base one theirs ", "base one theirs two ", "one theirs two "] {
        assert!(me.redo().expect("it fits").is_some());
        assert_eq!(me.to_string(), text);
    }
    assert!(me.redo().expect("it fits").is_none());
    let pieces = [me.whole_undo()];
    let mut me = restart(&me, 13, &pieces);
    while me.undo().expect("it fits").is_some() {}
    assert_eq!(me.to_string(), "base theirs ");
    me.apply(&other.changes_since(&me.version())).expect("valid");
    other.apply(&me.changes_since(&other.version())).expect("valid");
    assert_eq!(me.to_string(), other.to_string());
}

#[test]
fn damaged_undo_is_no_undo_and_never_more() {
    let mut doc = Document::new(ReplicaId::new(1));
    type_at(&mut doc, 0, "one");
    type_at(&mut doc, 3, "two");
    doc.undo().expect("it fits");
    doc.redo().expect("it fits");
    let piece = doc.whole_undo();
    for at in 0..piece.len() {
        for bits in [1, 0x80, 0xff] {
            let mut bad = piece.clone();
            bad[at] ^= bits;
            for bad in [bad, piece[..at].to_vec()] {
                let mut again = restart(&doc, 2, &[bad]);
                for _ in 0..20 {
                    again.undo().expect("it fits");
                    again.check_invariants();
                }
                for _ in 0..20 {
                    again.redo().expect("it fits");
                    again.check_invariants();
                }
            }
        }
    }
    // Undo of another document names what this one never heard of.
    let mut other = restart(&Document::new(ReplicaId::new(7)), 8, &[piece]);
    assert!(other.undo().expect("it fits").is_none());
}

#[test]
fn undo_at_random_is_the_same_with_and_without_restarts() {
    for_each_seed(N_SEEDS, |seed| {
        let mut rng = Rng::new(seed);
        let (mut calm, mut restless) = (Document::new(ReplicaId::new(1)), Document::new(ReplicaId::new(1)));
        let mut pieces = vec![restless.whole_undo()];
        for n in 0..80 {
            let seed = rng.next_u64();
            random_own_step(&mut Rng::new(seed), &mut calm);
            random_own_step(&mut Rng::new(seed), &mut restless);
            pieces.push(restless.undo_news());
            if rng.below(6) == 0 {
                calm.end_undo_group();
                restless = restart(&restless, 100 + n, &pieces);
                if rng.below(2) == 0 {
                    pieces = vec![restless.whole_undo()];
                }
            }
            assert_eq!(restless.to_string(), calm.to_string(), "seed {seed}, step {n}");
            restless.check_invariants();
        }
    });
}

fn random_own_step(rng: &mut Rng, doc: &mut Document) {
    let len = doc.len_chars() as u64;
    match rng.below(7) {
        0 | 1 => {
            let text = char::from(b'a' + rng.below(26) as u8).to_string().repeat(1 + rng.below(5) as usize);
            doc.insert(rng.below(len + 1) as usize, &text).expect("in range");
        }
        2 if 0 < len => {
            let start = rng.below(len);
            let end = start + 1 + rng.below((len - start).min(6));
            doc.delete(start as usize..end.min(len) as usize).expect("in range");
        }
        3 => doc.end_undo_group(),
        4 | 5 => drop(doc.undo().expect("it fits")),
        _ => drop(doc.redo().expect("it fits")),
    }
}

#[test]
fn undo_and_redo_at_random_travel_as_ordinary_edits() {
    for_each_seed(N_SEEDS, |seed| {
        let mut rng = Rng::new(seed);
        let mut docs: Vec<Document> = (0..4).map(|id| Document::new(ReplicaId::new(id))).collect();
        for _ in 0..150 {
            let i = rng.below(4) as usize;
            random_step(&mut rng, &mut docs, i);
            docs[i].check_invariants();
        }
        let all: Vec<Vec<u8>> = docs.iter().map(|doc| doc.changes_since(&VersionVector::default())).collect();
        for doc in &mut docs {
            all.iter().for_each(|batch| drop(doc.apply(batch).expect("valid")));
            doc.check_invariants();
        }
        let texts: Vec<String> = docs.iter().map(Document::to_string).collect();
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
        let loaded = Document::load(ReplicaId::new(9), &docs[1].save()).expect("valid");
        assert_eq!(loaded.to_string(), texts[0]);
    });
}

fn random_step(rng: &mut Rng, docs: &mut [Document], i: usize) {
    let len = docs[i].len_chars() as u64;
    match rng.below(8) {
        0 | 1 => {
            let text = char::from(b'a' + rng.below(26) as u8).to_string().repeat(1 + rng.below(5) as usize);
            docs[i].insert(rng.below(len + 1) as usize, &text).expect("in range");
        }
        2 if 0 < len => {
            let start = rng.below(len);
            let end = start + 1 + rng.below((len - start).min(6));
            docs[i].delete(start as usize..end.min(len) as usize).expect("in range");
        }
        3 => docs[i].end_undo_group(),
        4 => drop(docs[i].undo().expect("it fits")),
        5 => drop(docs[i].redo().expect("it fits")),
        _ => {
            let from = rng.below(docs.len() as u64) as usize;
            let batch = docs[from].changes_since(&docs[i].version());
            docs[i].apply(&batch).expect("valid");
        }
    }
}

#[test]
fn undoing_and_redoing_a_large_deletion_again_and_again_costs_a_few_operations_each() {
    let text: String = (0..40_000).map(|i| format!("{i} é漢\n")).collect();
    let (mut me, mut other) = pair_with(&text);
    let n_chars = me.len_chars();
    delete(&mut me, 0..n_chars);
    for _ in 0..20 {
        assert!(me.undo().expect("it fits").is_some());
        assert!(me.to_string() == text);
        assert!(me.redo().expect("it fits").is_some());
        assert_eq!(me.len_chars(), 0);
    }
    assert!(me.undo().expect("it fits").is_some());
    let before = other.version();
    let batch = me.changes_since(&before);
    // What was inserted again each time travels as text; each deletion is one run.
    assert!(batch.len() < 22 * (text.len() + 200), "{} bytes", batch.len());
    sync(&mut me, &mut other);
    type_at(&mut other, 0, &text);
    delete(&mut other, 0..n_chars);
    assert!(other.undo().expect("it fits").is_some());
    sync(&mut me, &mut other);
    assert_eq!(me.len_chars(), 2 * n_chars);
}

/// Both delete the same long text, the other one every second character by itself: to look at all of those for each character would
/// take minutes.
#[test]
fn undo_of_a_deletion_beside_many_of_others_takes_no_time() {
    const N: usize = 100_000;
    let (mut me, mut other) = pair_with(&"a".repeat(N));
    delete(&mut me, 0..N);
    for at in (0..N / 2).rev() {
        other.delete(2 * at..2 * at + 1).expect("in range");
    }
    me.apply(&other.changes_since(&me.version())).expect("valid");
    let started = std::time::Instant::now();
    assert!(me.undo().expect("it fits").is_some());
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    other.apply(&me.changes_since(&other.version())).expect("valid");
    assert_eq!(me.to_string(), other.to_string());
    assert!(N / 2 <= me.len_chars(), "what only I deleted is back: {}", me.len_chars());
}
