//! A document that begins with a whole text, which shares the rope's leaves, is like one into which the text was typed.

use coedit::base::rng::Rng;
use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::Document;
use ropey::Rope;

use crate::scripts::for_each_seed;

const N_SEEDS: u64 = 100;

#[test]
fn every_edit_of_a_whole_text_travels_and_is_undone_as_if_it_had_been_typed() {
    for_each_seed(N_SEEDS, |seed| {
        let mut rng = Rng::new(seed);
        let text = ["a", "é", "漢\n", "😀 "][rng.below(4) as usize].repeat(rng.below(4_000) as usize);
        let mut whole = Document::of_text(ReplicaId::new(1), Rope::from_str(&text)).expect("it fits");
        let mut typed = Document::new(ReplicaId::new(1));
        typed.insert(0, &text).expect("it fits");
        typed.clear_undo();
        assert!(whole.undo().expect("it fits").is_none());
        let (replica, beginning) = whole.beginning().unwrap_or((ReplicaId::new(1), Rope::new()));
        assert!(typed.beginning().is_none());
        let mut other = Document::new(ReplicaId::new(2));
        for _ in 0..60 {
            let len = whole.len_chars() as u64;
            let (kind, at, n) = (rng.below(6), rng.below(len + 1), rng.below(9));
            for doc in [&mut whole, &mut typed] {
                match kind {
                    0 => doc.insert(at as usize, "x漢").expect("in range"),
                    1 => doc.insert(len as usize, "y").expect("in range"),
                    2 => doc.delete(at as usize..(at + n).min(len) as usize).expect("in range"),
                    3 => drop(doc.undo().expect("it fits")),
                    4 => drop(doc.redo().expect("it fits")),
                    _ => doc.end_undo_group(),
                }
            }
            assert_eq!(whole.to_string(), typed.to_string());
            assert_eq!(whole.version(), typed.version());
            if rng.below(8) == 0 {
                whole.check_invariants();
                other.apply(&whole.changes_since(&other.version())).expect("valid");
                assert_eq!(other.to_string(), whole.to_string());
            }
        }
        other.apply(&typed.changes_since(&other.version())).expect("the same history");
        let mut again = Document::of_text(replica, beginning).expect("it fits");
        assert_eq!(again.to_string(), text);
        again = Document::load(ReplicaId::new(5), &again.save()).expect("valid");
        again.apply(&whole.changes_since(&again.version())).expect("the changes since");
        assert_eq!((again.to_string(), again.version()), (typed.to_string(), typed.version()));
        let loaded = Document::load(ReplicaId::new(3), &whole.save()).expect("valid");
        assert_eq!((loaded.to_string(), loaded.version()), (typed.to_string(), typed.version()));
        let all = whole.changes_since(&VersionVector::default());
        let mut third = Document::new(ReplicaId::new(4));
        third.apply(&all).expect("valid");
        assert_eq!(third.to_string(), typed.to_string());
    });
}
