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
        loaded.undo().expect("it fits");
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
        5 => drop(twins.both().map(|doc| doc.undo().expect("it fits"))),
        6 => drop(twins.both().map(|doc| doc.redo().expect("it fits"))),
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

/// As a relay does that keeps authors out who are here themselves: what is left of a history may be one large text.
#[test]
fn a_large_text_that_is_left_of_a_history_comes_whole() {
    let text = "漢 line\n".repeat(LARGE / 4);
    let (ana, ben) = (ReplicaId::new(1), ReplicaId::new(2));
    let mut writer = Document::new(ana);
    writer.insert(0, &text).expect("in range");
    let mut carol = Document::new(ben);
    carol.apply(&writer.changes_since(&VersionVector::default())).expect("valid");
    for n in 0..200 {
        carol.insert(n * 7, "x").expect("in range");
    }
    let n_chars = text.chars().count();
    let mut room = Document::new(ReplicaId::new(3));
    room.insert(0, "x").expect("in range");
    room.apply_snapshot(&carol.save()).expect("valid");
    room.check_invariants();
    assert_eq!(room.len_chars(), n_chars + 200 + 1);
    let mut alone = Document::new(ReplicaId::new(5));
    alone.insert(0, "x").expect("in range");
    let history = carol.changes_since(&VersionVector::default());
    alone.apply_named(&history, &Default::default(), &|author| author == ana).expect("valid");
    alone.check_invariants();
    assert_eq!(alone.len_chars(), n_chars + 1);
    let mut late = Document::new(ReplicaId::new(6));
    late.apply(&alone.changes_since(&VersionVector::default())).expect("valid");
    assert_eq!(late.to_string(), alone.to_string());
}
