use super::*;
use crate::base::rng::Rng;
use crate::document::{Anchor, Bias};

fn doc(id: u64) -> Document {
    Document::new(ReplicaId::new(id))
}

/// Returns two documents with the same text, which the first typed.
fn pair(text: &str) -> [Document; 2] {
    let (mut a, mut b) = (doc(1), doc(2));
    a.insert(0, text).expect("inside");
    a.clear_undo();
    b.apply(&a.changes_since(&b.version())).expect("sound");
    [a, b]
}

fn exchange(a: &mut Document, b: &mut Document) {
    let (to_b, to_a) = (a.changes_since(&b.version()), b.changes_since(&a.version()));
    b.apply(&to_b).expect("sound");
    a.apply(&to_a).expect("sound");
    assert_eq!(a.to_string(), b.to_string());
}

#[test]
fn lines_put_on_top_of_each_other_alone_stay_one_block() {
    let [mut a, mut b] = pair("end\n");
    let (seen_a, seen_b) = (a.version(), b.version());
    for n in ["3", "2", "1"] {
        a.insert(0, &format!("a{n}\n")).expect("inside");
        b.insert(0, &format!("b{n}\n")).expect("inside");
    }
    assert!(a.squash(&seen_a, &seen_a, ReplicaId::new(11)).is_some());
    assert!(b.squash(&seen_b, &seen_b, ReplicaId::new(12)).is_some());
    exchange(&mut a, &mut b);
    assert_eq!(a.to_string(), "b1\nb2\nb3\na1\na2\na3\nend\n");
}

#[test]
fn what_was_typed_and_deleted_alone_is_never_told() {
    let [mut a, _] = pair("one two\n");
    let seen = a.version();
    for _ in 0..100 {
        a.insert(4, "secret ").expect("inside");
        a.delete(4..11).expect("inside");
    }
    a.insert(4, "and ").expect("inside");
    assert!(a.squash(&seen, &seen, ReplicaId::new(11)).is_some());
    assert_eq!(a.version().n_ops_beyond(&seen), 4);
    let told = [a.save(), a.changes_since(&seen)].concat();
    assert!(!told.windows(6).any(|bytes| bytes == b"secret"));
    a.undo().expect("it fits");
    assert_eq!(a.to_string(), "one two\n");
}

#[test]
fn work_that_is_small_already_is_left_alone() {
    let [mut a, _] = pair("one two\n");
    let seen = a.version();
    a.insert(3, " and").expect("inside");
    assert_eq!(a.squash(&seen, &seen, ReplicaId::new(11)), None);
    a.insert(0, "so ").expect("inside");
    assert_eq!(a.squash(&seen, &seen, ReplicaId::new(11)), None, "two runs are two runs");
    assert_eq!(a.replica(), ReplicaId::new(1));
}

#[test]
fn version_of_a_save_amid_the_work_has_its_text_still() {
    let [mut a, _] = pair("one\n");
    let seen = a.version();
    a.insert(0, "b").expect("inside");
    a.insert(0, "a").expect("inside");
    a.insert(2, "x").expect("inside");
    let saved = a.version();
    a.delete(2..3).expect("inside");
    for n in ["3", "2", "1", "0"] {
        a.insert(0, n).expect("inside");
    }
    let then = a.squash(&seen, &saved, ReplicaId::new(11)).expect("worth it");
    assert_eq!(a.text_at(&then).expect("a version").to_string(), "abxone\n");
    assert_eq!(a.to_string(), "0123abone\n");
}

/// A user's document and somebody else's.
struct Side {
    own: Document,
    other: Document,
}

/// One who edits, undoes and stops in between, twice over: `plain` is never rewritten.
struct Twins {
    rng: Rng,
    plain: Side,
    squashed: Side,
    n_typed: u32,
}

impl Twins {
    fn sides(&mut self) -> [&mut Side; 2] {
        [&mut self.plain, &mut self.squashed]
    }

    fn some_text(&mut self, n: usize) -> String {
        let first = self.n_typed;
        self.n_typed += n as u32;
        (first..self.n_typed).filter_map(|n| char::from_u32(0x4e00 + n % 20_000)).collect()
    }

    fn edit(&mut self) {
        let len = self.plain.own.len_chars();
        let at = self.rng.below(len as u64 + 1) as usize;
        // Mostly near one place, where things meet.
        let at = if self.rng.below(3) == 0 { at } else { at.min(5) };
        let n = 1 + self.rng.below(3) as usize;
        let text = self.some_text(n);
        let kind = self.rng.below(12);
        for Side { own, .. } in self.sides() {
            match kind {
                0..=4 => own.insert(at, &text).expect("inside"),
                5..=7 => own.delete(at..(at + n).min(len)).expect("inside"),
                8 => drop(own.undo().expect("it fits")),
                9 => drop(own.redo().expect("it fits")),
                _ => own.end_undo_group(),
            }
        }
        self.check("an edit");
    }

    /// The other takes everything in, edits, and is taken in.
    fn hear(&mut self) {
        let len = self.plain.own.len_chars();
        let at = self.rng.below(len as u64 + 1) as usize;
        let text = self.some_text(2);
        for Side { own, other } in self.sides() {
            exchange(own, other);
            other.delete(at..(at + 2).min(len)).expect("inside");
            other.insert(at, &text).expect("inside");
            exchange(own, other);
        }
        self.check("an exchange");
    }

    #[track_caller]
    fn check(&self, what: &str) {
        assert_eq!(self.plain.own.to_string(), self.squashed.own.to_string(), "after {what}");
    }

    /// Rewrites, and looks at all that must stay.
    fn squash(&mut self, seen: &VersionVector, (saved, text): (&VersionVector, &str), replica: u64) {
        let doc = &mut self.squashed.own;
        let anchors: Vec<(Anchor, Option<usize>)> = (0..=doc.len_chars())
            .flat_map(|at| [doc.anchor(at, Bias::Left), doc.anchor(at, Bias::Right)])
            .map(|anchor| (anchor, doc.resolve(anchor)))
            .collect();
        let n_before = doc.n_runs_beyond(seen);
        let then = doc.squash(seen, saved, ReplicaId::new(replica));
        let Some(then) = then else { return };
        doc.check_invariants();
        assert!(doc.n_runs_beyond(seen) < n_before && doc.version().includes(seen));
        assert_eq!(doc.text_at(&then).expect("a version").to_string(), text);
        for (anchor, at) in anchors {
            assert_eq!(doc.resolve(anchor), at, "{anchor:?}");
        }
        self.plain.own.end_undo_group();
        self.check("squash");
    }

    /// Begins again with what a journal has.
    fn restart(&mut self, replica: u64) {
        for (n, Side { own, .. }) in (0..).zip(self.sides()) {
            let (bytes, undo) = (own.save(), own.whole_undo());
            *own = Document::load(ReplicaId::new(replica + n), &bytes).expect("sound");
            own.restore_undo([undo.as_slice()]);
        }
    }

    fn undo_and_redo_everything(&mut self) {
        let mut n_undone = 0;
        loop {
            let undone = self.sides().map(|side| side.own.undo().expect("it fits").is_some());
            self.check("undo");
            assert_eq!(undone[0], undone[1]);
            if !undone[0] {
                break;
            }
            n_undone += 1;
        }
        for _ in 0..n_undone {
            assert_eq!(self.sides().map(|side| side.own.redo().expect("it fits").is_some()), [true, true]);
            self.check("redo");
        }
    }
}

#[test]
fn nothing_but_the_operations_differs() {
    for seed in 0..300 {
        println!("seed {seed}");
        let sides = [0; 2].map(|_| {
            let [own, other] = pair("0123456789");
            Side { own, other }
        });
        let [plain, squashed] = sides;
        let mut twins = Twins { rng: Rng::new(seed), plain, squashed, n_typed: 0 };
        for round in 0..4 {
            (0..twins.rng.below(10)).for_each(|_| twins.edit());
            if twins.rng.below(4) != 0 {
                twins.hear();
            }
            let seen = twins.squashed.own.version();
            (0..twins.rng.below(40)).for_each(|_| twins.edit());
            let (saved, text) = (twins.squashed.own.version(), twins.squashed.own.to_string());
            (0..twins.rng.below(40)).for_each(|_| twins.edit());
            twins.squash(&seen, (&saved, &text), 100 * round + 50);
            if twins.rng.below(2) == 0 {
                twins.restart(100 * round + 60);
            }
        }
        twins.undo_and_redo_everything();
        twins.hear();
        twins.undo_and_redo_everything();
        twins.squashed.own.check_invariants();
    }
}
