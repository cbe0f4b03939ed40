//! Anchors: a place stays with its neighbour while others edit around it.

use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::{Anchor, Bias, Document};

/// A text with an anchor in it, and another replica that edits the same text.
struct Scene {
    here: Document,
    there: Document,
}

/// Merges both ways.
fn sync(a: &mut Document, b: &mut Document) {
    b.apply(&a.changes_since(&b.version())).expect("valid");
    a.apply(&b.changes_since(&a.version())).expect("valid");
    assert_eq!(a.to_string(), b.to_string());
}

impl Scene {
    fn new(text: &str) -> Scene {
        let (mut here, mut there) = (Document::new(ReplicaId::new(1)), Document::new(ReplicaId::new(2)));
        here.insert(0, text).expect("in range");
        sync(&mut here, &mut there);
        Scene { here, there }
    }

    /// Draws where the anchors at `at` are, after a merge: `<` with bias left, `>` with bias right, `|` for both.
    fn drawn(&mut self, anchors: [Anchor; 2]) -> String {
        sync(&mut self.here, &mut self.there);
        let [left, right] = anchors.map(|anchor| self.here.resolve(anchor).expect("known"));
        assert_eq!([left, right], anchors.map(|anchor| self.there.resolve(anchor).expect("known")));
        let mut drawn: Vec<char> = self.here.to_string().chars().collect();
        if left == right {
            drawn.insert(left, '|');
        } else {
            let marks = [(left, '<'), (right, '>')];
            let order = if left < right { [1, 0] } else { [0, 1] };
            order.into_iter().for_each(|i| drawn.insert(marks[i].0, marks[i].1));
        }
        drawn.into_iter().collect()
    }
}

/// Puts both anchors at the `|` of `before`, lets the other replica edit, and compares with `after`.
#[track_caller]
fn check(before: &str, edit: impl FnOnce(&mut Document), after: &str) {
    let at = before.chars().position(|ch| ch == '|').expect("a mark");
    let mut scene = Scene::new(&before.replace('|', ""));
    let anchors = [scene.here.anchor(at, Bias::Left), scene.here.anchor(at, Bias::Right)];
    edit(&mut scene.there);
    assert_eq!(scene.drawn(anchors), after);
}

#[test]
fn text_inserted_at_an_anchor_goes_to_its_free_side() {
    check("a|b", |doc| doc.insert(1, "X").expect("in range"), "a<X>b");
}

#[test]
fn anchor_falls_back_to_the_next_character_when_its_own_is_deleted() {
    check("pa|bq", |doc| doc.delete(1..2).expect("in range"), "p|bq");
    check("pa|bq", |doc| doc.delete(2..3).expect("in range"), "pa|q");
    check("pa|bq", |doc| doc.delete(0..4).expect("in range"), "|");
}

#[test]
fn text_between_two_deleted_neighbours_lies_between_the_two_anchors() {
    let mut scene = Scene::new("ab");
    let anchors = [scene.here.anchor(1, Bias::Left), scene.here.anchor(1, Bias::Right)];
    scene.here.delete(0..2).expect("in range");
    scene.there.insert(1, "X").expect("in range");
    assert_eq!(scene.drawn(anchors), "<X>");
}

#[test]
fn edges_of_the_text_are_anchors_of_their_own() {
    check("|ab", |doc| doc.insert(0, "X").expect("in range"), "<X>ab");
    check("ab|", |doc| doc.insert(2, "X").expect("in range"), "ab<X>");
    check("|", |doc| doc.insert(0, "X").expect("in range"), "<X>");
}

#[test]
fn edits_elsewhere_move_an_anchor_with_its_text() {
    check("ab|cd", |doc| doc.insert(0, "xyz").expect("in range"), "xyzab|cd");
    check("ab|cd", |doc| doc.insert(4, "xyz").expect("in range"), "ab|cdxyz");
}

#[test]
fn anchor_to_a_character_that_is_not_here_yet_has_no_place() {
    let (mut here, mut there) = (Document::new(ReplicaId::new(1)), Document::new(ReplicaId::new(2)));
    there.insert(0, "ab").expect("in range");
    let anchor = there.anchor(1, Bias::Left);
    assert_eq!(here.resolve(anchor), None);
    here.apply(&there.changes_since(&VersionVector::default())).expect("valid");
    assert_eq!(here.resolve(anchor), Some(1));
}

#[test]
fn anchors_outlive_a_save_and_a_deleted_neighbour() {
    let mut doc = Document::new(ReplicaId::new(1));
    doc.insert(0, "abc").expect("in range");
    let (alive, dead) = (doc.anchor(3, Bias::Left), doc.anchor(2, Bias::Left));
    doc.delete(1..2).expect("in range");
    let loaded = Document::load(ReplicaId::new(2), &doc.save()).expect("valid");
    assert_eq!(loaded.resolve(alive), Some(2));
    assert_eq!(loaded.resolve(dead), Some(1));
}
