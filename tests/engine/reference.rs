//! The naive model: one element for each character ever inserted, in a plain vector, searched from the
//! start every time. Slow and obviously right.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use coedit::crdt::{Dot, ReplicaId, VersionVector};
use coedit::document::Anchor;

use crate::replica::Replica;

/// Names one operation: its author and the author's count of operations before it.
type Id = (u64, u64);

/// One inserted character or one deleted character.
#[derive(Clone, Debug)]
pub struct Op {
    id: Id,
    lamport: u64,
    causes: VersionVector,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Insert { reference: Option<Id>, ch: char },
    Delete { target: Id },
}

#[derive(Clone)]
struct Element {
    id: Id,
    lamport: u64,
    ch: char,
    dead: bool,
}

/// A replicated growable array in its most direct form.
pub struct Reference {
    replica: u64,
    elements: Vec<Element>,
    clock: u64,
    version: VersionVector,
    log: Vec<Op>,
    waiting: Vec<Op>,
}

impl Reference {
    fn is_applied(&self, id: Id) -> bool {
        id.1 < self.version.get(ReplicaId::new(id.0))
    }

    fn is_ready(&self, op: &Op) -> bool {
        op.id.1 == self.version.get(ReplicaId::new(op.id.0)) && self.version.includes(&op.causes)
    }

    fn receive(&mut self, op: Op) {
        if self.is_applied(op.id) || self.waiting.iter().any(|other| other.id == op.id) {
            return;
        }
        self.waiting.push(op);
        while let Some(i) = self.waiting.iter().position(|op| self.is_ready(op)) {
            let op = self.waiting.remove(i);
            self.integrate(op);
        }
    }

    fn integrate(&mut self, op: Op) {
        match op.kind {
            Kind::Insert { reference, ch } => {
                let mut i = match reference {
                    None => 0,
                    Some(id) => self.index_of(id) + 1,
                };
                let stamp = (op.lamport, op.id.0);
                while i < self.elements.len() && stamp < (self.elements[i].lamport, self.elements[i].id.0) {
                    i += 1;
                }
                self.elements.insert(i, Element { id: op.id, lamport: op.lamport, ch, dead: false });
            }
            Kind::Delete { target } => {
                let i = self.index_of(target);
                self.elements[i].dead = true;
            }
        }
        self.clock = self.clock.max(op.lamport);
        self.version.advance(ReplicaId::new(op.id.0), op.id.1 + 1);
        self.log.push(op);
    }

    fn index_of(&self, id: Id) -> usize {
        self.elements.iter().position(|element| element.id == id).expect("causes are applied first")
    }

    fn visible(&self) -> impl Iterator<Item = &Element> {
        self.elements.iter().filter(|element| !element.dead)
    }

    fn make(&mut self, kind: Kind) {
        let op = Op {
            id: (self.replica, self.version.get(ReplicaId::new(self.replica))),
            lamport: self.clock + 1,
            causes: self.version.clone(),
            kind,
        };
        self.receive(op);
    }

    /// Returns where an anchor is now; `None` while its character is not here.
    pub fn resolve(&self, anchor: Anchor) -> Option<usize> {
        let n_visible = |end: usize| self.elements[..end].iter().filter(|element| !element.dead).count();
        let find = |dot: Dot| self.elements.iter().position(|e| e.id == (dot.replica.get(), dot.seq));
        match anchor {
            Anchor::Start => Some(0),
            Anchor::End => Some(n_visible(self.elements.len())),
            Anchor::After(dot) => find(dot).map(|i| n_visible(i + 1)),
            Anchor::Before(dot) => find(dot).map(n_visible),
        }
    }

    /// Returns the text by the definition, not by the list: each character hangs on the one it was typed behind, the later of two
    /// first, and the tree is read in order.
    pub fn tree_text(&self) -> String {
        let mut children: HashMap<Option<Id>, Vec<(u64, Id, char)>> = HashMap::new();
        let mut dead = HashSet::new();
        for op in &self.log {
            match op.kind {
                Kind::Insert { reference, ch } => {
                    children.entry(reference).or_default().push((op.lamport, op.id, ch));
                }
                Kind::Delete { target } => _ = dead.insert(target),
            }
        }
        let (mut text, mut open) = (String::new(), vec![None::<(Id, char)>]);
        while let Some(at) = open.pop() {
            let mut behind = children.remove(&at.map(|(id, _)| id)).unwrap_or_default();
            // Last in, first out: the latest comes first.
            behind.sort_by_key(|&(lamport, id, _)| (lamport, id.0));
            if let Some((id, ch)) = at
                && !dead.contains(&id)
            {
                text.push(ch);
            }
            open.extend(behind.into_iter().map(|(_, id, ch)| Some((id, ch))));
        }
        text
    }

    /// Returns how many operations wait for their causes.
    pub fn n_waiting(&self) -> usize {
        self.waiting.len()
    }
}

impl Replica for Reference {
    type Batch = Vec<Op>;

    fn start(id: u64) -> Reference {
        Reference {
            replica: id,
            elements: Vec::new(),
            clock: 0,
            version: VersionVector::default(),
            log: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn insert(&mut self, at: usize, text: &str) {
        for (i, ch) in text.chars().enumerate() {
            let reference =
                (at + i).checked_sub(1).map(|left| self.visible().nth(left).expect("in range").id);
            self.make(Kind::Insert { reference, ch });
        }
    }

    fn delete(&mut self, range: Range<usize>) {
        let targets: Vec<Id> = self.visible().skip(range.start).take(range.len()).map(|e| e.id).collect();
        for target in targets {
            self.make(Kind::Delete { target });
        }
    }

    fn version(&self) -> VersionVector {
        self.version.clone()
    }

    fn changes_between(&self, from: &VersionVector, to: &VersionVector) -> Vec<Op> {
        let covers = |version: &VersionVector, op: &Op| op.id.1 < version.get(ReplicaId::new(op.id.0));
        self.log.iter().filter(|op| covers(to, op) && !covers(from, op)).cloned().collect()
    }

    fn apply(&mut self, batch: &Vec<Op>) {
        for op in batch {
            self.receive(op.clone());
        }
    }

    fn restart(&self, id: u64) -> Reference {
        Reference {
            replica: id,
            elements: self.elements.clone(),
            clock: self.clock,
            version: self.version.clone(),
            log: self.log.clone(),
            waiting: self.waiting.clone(),
        }
    }

    fn text(&self) -> String {
        self.visible().map(|element| element.ch).collect()
    }

    fn check(&self) {
        for (i, op) in self.log.iter().enumerate() {
            let highest = self.log[..i]
                .iter()
                .filter(|earlier| earlier.id.1 < op.causes.get(ReplicaId::new(earlier.id.0)));
            let highest = highest.map(|earlier| earlier.lamport).max().unwrap_or(0);
            assert_eq!(op.lamport, highest + 1, "a timestamp is one more than the highest among its causes");
        }
    }
}
