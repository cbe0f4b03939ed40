//! A text that goes in at once is shared by the log and the document; it is like one that went in by and by.

use coedit::base::rng::Rng;
use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::Document;

use crate::scripts::for_each_seed;

const N_SEEDS: u64 = 12;
/// Bytes from which on a text is shared, and more than any of the pieces that are not.
const LARGE: usize = 64 << 10;

/// The same document twice: with each text at once, and with large ones in pieces.
struct Twins {
    at_once: Document,
    in_pieces: Document,
}

impl Twins {
    fn new(id: u64) -> Twins {
        let new = || Document::new(ReplicaId::new(id));
        Twins { at_once: new(), in_pieces: new() }
    }

    fn both(&mut self) -> [&mut Document; 2] {
        [&mut self.at_once, &mut self.in_pieces]
    }

    fn insert(&mut self, at: usize, text: &str) {
        self.at_once.insert(at, text).expect("in range");
        let mut at = at;
        let chars: Vec<char> = text.chars().collect();
        for piece in chars.chunks(LARGE / 8) {
            self.in_pieces.insert(at, &piece.iter().collect::<String>()).expect("in range");
            at += piece.len();
        }
    }

    /// Gives all that is new to `other`, what was made at once as what came in pieces, or each as it is.
    fn send(&self, other: &mut Twins, crosswise: bool) {
        let known = [other.at_once.version(), other.in_pieces.version()];
        let batches = [self.at_once.changes_since(&known[0]), self.in_pieces.changes_since(&known[1])];
        let [one, two] = if crosswise { [1, 0] } else { [0, 1] };
        other.at_once.apply(&batches[one]).expect("valid");
        other.in_pieces.apply(&batches[two]).expect("valid");
    }

    fn check(&self) {
        assert_eq!(self.at_once.version(), self.in_pieces.version());
        assert_eq!(self.at_once.to_string(), self.in_pieces.to_string());
        self.at_once.check_invariants();
        let all = self.at_once.changes_since(&VersionVector::default());
        let mut replayed = Document::new(ReplicaId::new(9));
        for author in [1, 2].map(ReplicaId::new) {
            // In pieces, of which the first may wait for others.
            let to: VersionVector = [(author, self.at_once.version().get(author))].into_iter().collect();
            let part = self.at_once.changes_between(&VersionVector::default(), &to, &Default::default());
            replayed.apply(&part).expect("valid");
        }
        let mut whole = Document::new(ReplicaId::new(9));
        whole.apply(&all).expect("valid");
        let mut loaded = Document::load(ReplicaId::new(9), &self.at_once.save()).expect("valid");
        loaded.insert(loaded.len_chars() / 2, "x").expect("in range");
        loaded.undo();
        for document in [&replayed, &whole, &loaded] {
            document.check_invariants();
            assert_eq!(document.to_string(), self.in_pieces.to_string());
        }
        assert_eq!(whole.save(), replayed.save());
    }
}

fn draw_text(rng: &mut Rng) -> String {
    let unit = ["a", "é", "漢\r\n", "😀 ", "line\n"][rng.below(5) as usize];
    match rng.below(3) {
        0 => unit.to_owned(),
        1 => unit.repeat(1 + rng.below(2_000) as usize),
        // From a little less than what is shared to a little more.
        _ => unit.repeat(LARGE / unit.len() - 3 + rng.below(3_000) as usize),
    }
}

fn step(twins: &mut Twins, rng: &mut Rng) {
    let len = twins.at_once.len_chars();
    let at = rng.below(len as u64 + 1) as usize;
    match rng.below(9) {
        0 | 1 => twins.insert(at, &draw_text(rng)),
        2 => {
            let text = draw_text(rng);
            twins.insert(at, &text);
            // Typed on right behind it.
            twins.insert(at + text.chars().count(), "more");
        }
        3 | 4 => {
            let n_max = [9, 3_000, 90_000][rng.below(3) as usize];
            let n = rng.below(n_max) as usize;
            twins.both().into_iter().for_each(|doc| doc.delete(at..(at + n).min(len)).expect("in range"));
        }
        5 => drop(twins.both().map(|doc| doc.undo())),
        6 => drop(twins.both().map(|doc| doc.redo())),
        _ => drop(twins.both().map(|doc| doc.end_undo_group())),
    }
}

#[test]
fn a_large_text_at_once_is_like_one_in_pieces() {
    for_each_seed(N_SEEDS, |seed| {
        let mut rng = Rng::new(seed);
        let mut people = [Twins::new(1), Twins::new(2)];
        for _ in 0..40 {
            let who = rng.below(2) as usize;
            step(&mut people[who], &mut rng);
            if rng.below(6) == 0 {
                let [one, two] = &mut people;
                let (from, to) = if rng.below(2) == 0 { (one, two) } else { (two, one) };
                from.send(to, rng.below(2) == 0);
            }
        }
        let [one, two] = &mut people;
        one.send(two, true);
        two.send(one, false);
        assert_eq!(one.at_once.to_string(), two.at_once.to_string());
        one.check();
        two.check();
    });
}
