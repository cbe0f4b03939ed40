//! The text sequence: a replicated growable array (Roh et al. 2011) with Lamport timestamps.
//!
//! It knows who each character is and where it stands, and holds no text. Elements are kept as
//! run-length [`Run`]s in document order in a B-tree; see `rga/README.md` for the algorithm.

mod index;
mod run;
mod tree;

pub use run::Run;

use super::ReplicaId;
use index::RunIndex;
pub use tree::Leaves;
use tree::{Place, Tree};

/// An element by its author's local number (see [`Rga::add_replica`]) and the author's seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElementId {
    /// Local number of the author.
    pub replica: u32,
    /// The author's seq.
    pub seq: u32,
}

/// Consecutive elements of one author, by ascending seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Local number of the author.
    pub replica: u32,
    /// Seq of the first element.
    pub seq: u32,
    /// Number of elements; at least 1.
    pub len: u32,
}

/// The sequence of all elements that were ever inserted, visible or not.
pub struct Rga {
    /// Full ids of the authors, by local number. Only consulted to break ties between equal timestamps.
    ids: Vec<ReplicaId>,
    tree: Tree,
    /// Where each element is. Built when it is first needed: a document that is edited by one author
    /// alone never looks an element up by its id.
    index: Option<RunIndex>,
}

impl Default for Rga {
    fn default() -> Rga {
        Rga::new()
    }
}

impl Rga {
    /// Makes an empty sequence.
    pub fn new() -> Rga {
        Rga { ids: Vec::new(), tree: Tree::new(), index: None }
    }

    /// Builds a sequence from all its runs. O(runs).
    pub fn from_leaves(ids: Vec<ReplicaId>, leaves: Leaves) -> Rga {
        Rga { ids, tree: Tree::from_leaves(leaves), index: None }
    }

    /// Makes `id` the author with the next local number.
    pub fn add_replica(&mut self, id: ReplicaId) {
        self.ids.push(id);
    }

    /// Forgets the authors added last, down to `n`. Only for authors of whom nothing was inserted.
    pub fn truncate_replicas(&mut self, n: usize) {
        self.ids.truncate(n);
    }

    /// Returns the number of visible elements.
    pub fn len_visible(&self) -> u32 {
        self.tree.len_visible()
    }

    /// Inserts `run` of this replica's own making at visible position `at` if it goes on right where the last edit
    /// ended with the element before it; returns whether it did. O(1).
    pub fn type_on(&mut self, at: u32, run: &Run) -> bool {
        self.tree.type_on(at, run)
    }

    /// Inserts `run` of this replica's own making so that it starts at visible position `at`, and
    /// returns its reference: the visible element on its left, `None` at the start.
    ///
    /// No walk is needed: the new timestamp is the greatest, so the place is right after the reference.
    /// O(1) when typing on, else O(log runs).
    ///
    /// # Panics
    /// If `at` is past the end.
    pub fn insert_local(&mut self, at: u32, run: Run) -> Option<ElementId> {
        assert!(at <= self.len_visible(), "insert at {at} of {}", self.len_visible());
        if at == 0 {
            let place = self.tree.first();
            self.tree.insert(place, run, &mut self.index);
            return None;
        }
        let mut place = self.tree.find_visible(at - 1);
        let left = self.tree.run(place);
        let reference = ElementId { replica: left.replica, seq: left.seq + place.offset };
        place.offset += 1;
        self.tree.insert(place, run, &mut self.index);
        Some(reference)
    }

    /// Makes the `n` visible elements from position `at` on tombstones, and calls `killed` with each
    /// span of them in document order. O(log runs + spans).
    ///
    /// # Panics
    /// If the range ends past the end.
    pub fn delete_local(&mut self, at: u32, n: u32, mut killed: impl FnMut(Span)) {
        assert!(n <= self.len_visible() - at, "delete {n} at {at} of {}", self.len_visible());
        let mut n_left = n;
        while 0 < n_left {
            let place = self.tree.find_visible(at);
            let run = self.tree.run(place);
            let n_here = n_left.min(run.len() - place.offset);
            killed(Span { replica: run.replica, seq: run.seq + place.offset, len: n_here });
            self.tree.kill(place, n_here, &mut self.index);
            n_left -= n_here;
        }
    }

    /// Inserts another author's `run` after `reference` and returns the visible position it got;
    /// `None`, with nothing changed, if the reference is not an element here.
    ///
    /// The skip rule: from right after the reference on, elements with a greater (timestamp, replica)
    /// are passed, and the first smaller one stops the walk. O(log runs), and the siblings with the very same timestamp.
    pub fn insert_remote(&mut self, reference: Option<ElementId>, run: Run) -> Option<u32> {
        self.build_index();
        let mut place = match reference {
            None => self.tree.first(),
            Some(id) => {
                let mut place = self.place_of(id)?;
                place.offset += 1;
                place
            }
        };
        self.skip_greater(&mut place, &run);
        let at = self.tree.visible_before(place);
        self.tree.insert(place, run, &mut self.index);
        Some(at)
    }

    fn skip_greater(&self, place: &mut Place, new: &Run) {
        let new_key = (new.lamport, self.ids[new.replica as usize]);
        while let Some((next, lamport, replica)) = self.tree.next_element(*place) {
            if (lamport, self.ids[replica as usize]) < new_key {
                return;
            }
            *place = match next.leaf != place.leaf && self.tree.is_greater(next.leaf, new.lamport) {
                true => self.tree.next_leaf_up_to(next.leaf, new.lamport),
                // Timestamps grow inside a run, so what follows in it is greater still.
                false => Place { offset: self.tree.run(next).len(), ..next },
            };
        }
    }

    /// Makes the elements of `span` tombstones, and calls `killed` with the visible position and number
    /// of those that were visible until now. Each position is meant after the calls before it.
    ///
    /// Returns whether all of them are elements; if not, those before the first missing one are dead.
    pub fn delete_remote(&mut self, span: Span, mut killed: impl FnMut(u32, u32)) -> bool {
        self.build_index();
        let mut seq = span.seq;
        let end = span.seq + span.len;
        while seq < end {
            let Some(place) = self.place_of(ElementId { replica: span.replica, seq }) else { return false };
            let run = self.tree.run(place);
            let n_here = (end - seq).min(run.len() - place.offset);
            if !run.is_dead() {
                killed(self.tree.visible_before(place), n_here);
                self.tree.kill(place, n_here, &mut self.index);
            }
            seq += n_here;
        }
        true
    }

    /// Returns the visible position of `id` (for a tombstone: the number of visible elements before it)
    /// and whether it is visible; `None` if it is not an element here.
    pub fn position(&self, id: ElementId) -> Option<(u32, bool)> {
        let place = self.place_of(id)?;
        Some((self.tree.visible_before_unmoved(place), !self.tree.run(place).is_dead()))
    }

    /// Returns the part of `span` from its start on that stands together in the sequence: its length,
    /// and whether it is visible. `None` if its first element is not here.
    pub fn together(&self, span: Span) -> Option<(u32, bool)> {
        let place = self.place_of(ElementId { replica: span.replica, seq: span.seq })?;
        let run = self.tree.run(place);
        Some(((run.len() - place.offset).min(span.len), !run.is_dead()))
    }

    /// Returns the visible element at position `at`.
    ///
    /// # Panics
    /// If `at` is not before the end.
    pub fn element_at(&self, at: u32) -> ElementId {
        assert!(at < self.len_visible(), "element at {at} of {}", self.len_visible());
        let place = self.tree.find_visible_from_root(at);
        let run = self.tree.run(place);
        ElementId { replica: run.replica, seq: run.seq + place.offset }
    }

    /// Returns the element that stands right before `id`, or the last one before the end; `None` if there is none. O(leaves)
    /// at worst.
    pub fn element_before(&self, id: Option<ElementId>) -> Option<ElementId> {
        let last_of = |run: Run| ElementId { replica: run.replica, seq: run.seq + run.len() - 1 };
        match id {
            None => self.tree.last_run().map(last_of),
            Some(id) => {
                let place = self.place_of(id)?;
                match self.tree.run(place).seq < id.seq {
                    true => Some(ElementId { seq: id.seq - 1, ..id }),
                    false => self.tree.run_before(place).map(last_of),
                }
            }
        }
    }

    /// Walks all runs in document order.
    pub fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        self.tree.runs()
    }

    fn build_index(&mut self) {
        if self.index.is_none() {
            self.index = Some(self.tree.build_index());
        }
    }

    fn place_of(&self, id: ElementId) -> Option<Place> {
        if let Some(place) = self.tree.find_at_cursor(id) {
            return Some(place);
        }
        match &self.index {
            Some(index) => self.tree.find_in_leaf(index.leaf_of(id)?, id),
            None => self.tree.find_by_scan(id),
        }
    }

    /// Recomputes every count and every index from scratch and compares.
    ///
    /// # Panics
    /// If anything differs.
    pub fn check_invariants(&self) {
        self.tree.check_invariants();
        let Some(index) = &self.index else { return };
        for (place, run) in self.tree.places() {
            for seq in [run.seq, run.seq + run.len() - 1] {
                let leaf = index.leaf_of(ElementId { replica: run.replica, seq });
                assert_eq!(leaf, Some(place.leaf), "index entry of {run:?}");
            }
        }
    }
}

#[cfg(test)]
mod tests;
