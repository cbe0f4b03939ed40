//! The published vectors: small scripts with the one text that every replica must show at the end.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::product::Product;
use crate::reference::Reference;
use crate::replica::{LocalEdit, Replica};

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    title: String,
    replicas: Vec<Name>,
    script: Vec<Step>,
    expected: String,
    expected_code_points: usize,
    permute_to: Option<PermuteTo>,
}

#[derive(Deserialize)]
struct Name {
    name: String,
    id: String,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Step {
    Insert { at: String, pos: usize, text: String },
    Delete { at: String, pos: usize, len: usize },
    Deliver { author: String, to: String, upto: Option<usize>, edits: Option<Vec<usize>> },
    SyncAll,
    Join { at: String, from: String },
    Restart { at: String },
    Expect { at: String, text: String },
}

#[derive(Deserialize)]
struct PermuteTo {
    to: String,
    edits: Vec<(String, usize)>,
}

struct Run<R: Replica> {
    replicas: BTreeMap<String, R>,
    /// Names by ascending id, with the id.
    order: Vec<(u64, String)>,
    edits: BTreeMap<String, Vec<R::Batch>>,
}

impl<R: Replica> Run<R> {
    fn start(names: &[Name]) -> Run<R> {
        let id = |name: &Name| name.id.parse::<u64>().expect("ids are decimal");
        let mut order: Vec<(u64, String)> = names.iter().map(|n| (id(n), n.name.clone())).collect();
        order.sort();
        Run {
            replicas: order.iter().map(|(id, name)| (name.clone(), R::start(*id))).collect(),
            edits: order.iter().map(|(_, name)| (name.clone(), Vec::new())).collect(),
            order,
        }
    }

    fn replica(&mut self, name: &str) -> &mut R {
        self.replicas.get_mut(name).expect("a known name")
    }

    fn id(&self, name: &str) -> u64 {
        self.order.iter().find(|(_, other)| other == name).expect("a known name").0
    }

    fn edit(&mut self, at: &str, edit: &LocalEdit) {
        let batch = self.replica(at).edit(edit);
        self.edits.get_mut(at).expect("a known name").push(batch);
    }

    /// Delivers the `n`-th edit of `author`, counted from 1.
    fn deliver(&mut self, author: &str, n: usize, to: &str) {
        let batch = self.edits[author][n - 1].clone();
        self.replica(to).apply(&batch);
    }

    fn sync_all(&mut self) {
        let names: Vec<String> = self.order.iter().map(|(_, name)| name.clone()).collect();
        for to in &names {
            for author in &names {
                (1..=self.edits[author].len()).for_each(|n| self.deliver(author, n, to));
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Insert { at, pos, text } => {
                self.edit(at, &LocalEdit::Insert { at: *pos, text: text.clone() });
            }
            Step::Delete { at, pos, len } => {
                self.edit(at, &LocalEdit::Delete { range: *pos..*pos + *len });
            }
            Step::Deliver { author, to, upto, edits } => {
                let all: Vec<usize> = (1..=upto.unwrap_or(self.edits[author].len())).collect();
                edits.as_ref().unwrap_or(&all).iter().for_each(|&n| self.deliver(author, n, to));
            }
            Step::SyncAll => self.sync_all(),
            Step::Join { at, from } => {
                let joined = self.replicas[from].restart(self.id(at));
                self.replicas.insert(at.clone(), joined);
            }
            Step::Restart { at } => {
                let again = self.replicas[at].restart(self.id(at));
                self.replicas.insert(at.clone(), again);
            }
            Step::Expect { at, text } => assert_eq!(self.replicas[at].text(), *text, "at {at}, in between"),
        }
        self.replicas.values().for_each(R::check);
    }
}

fn run<R: Replica>(vector: &Vector) {
    assert_eq!(vector.expected.chars().count(), vector.expected_code_points);
    let mut run = Run::<R>::start(&vector.replicas);
    vector.script.iter().for_each(|step| run.step(step));
    if let Some(permute) = &vector.permute_to {
        let id = run.id(&permute.to);
        let before = run.replicas[&permute.to].restart(id);
        for order in permutations(permute.edits.len()) {
            run.replicas.insert(permute.to.clone(), before.restart(id));
            for i in order {
                let (author, n) = &permute.edits[i];
                run.deliver(author, *n, &permute.to);
            }
            assert_eq!(run.replicas[&permute.to].text(), vector.expected, "in some order at {}", permute.to);
        }
    }
    run.sync_all();
    for (name, replica) in &run.replicas {
        replica.check();
        assert_eq!(replica.text(), vector.expected, "at {name}, in the end");
    }
}

/// Returns every order of `0..n`.
pub fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let with_last = |order: Vec<usize>| {
        (0..n).map(move |at| {
            let mut order = order.clone();
            order.insert(at, n - 1);
            order
        })
    };
    permutations(n - 1).into_iter().flat_map(with_last).collect()
}

fn run_all<R: Replica>() {
    let file: File =
        serde_json::from_str(include_str!("../data/rga-vectors.json")).expect("the vectors are well formed");
    assert!(!file.vectors.is_empty());
    for vector in &file.vectors {
        let outcome = std::panic::catch_unwind(|| run::<R>(vector));
        assert!(outcome.is_ok(), "vector {} failed: {}", vector.id, vector.title);
    }
}

#[test]
fn reference_gives_every_vector_its_text() {
    run_all::<Reference>();
}

#[test]
fn document_gives_every_vector_its_text() {
    run_all::<Product>();
}
