//! Every script of a few events between two or three replicas, and for the short ones every order of delivery to an
//! observer: what random scripts may miss in a corner, this cannot. `COEDIT_EVENTS=1` adds one event to each.

use crate::product::Product;
use crate::reference::Reference;
use crate::replica::{LocalEdit, Replica};
use crate::vectors::permutations;

/// Scripts with at most this many edits are delivered to an observer in every order.
const N_EDITS_PERMUTED_MAX: usize = 4;

#[derive(Clone, Debug)]
enum Event {
    /// A replica edits.
    Edit(usize, LocalEdit),
    /// A replica gets everything that another has written.
    Deliver { from: usize, to: usize },
}

/// Some replicas and what each of them has written.
struct Group<R: Replica> {
    replicas: Vec<R>,
    sent: Vec<Vec<R::Batch>>,
    /// How much of what each has written each has got: by receiver, then by author.
    n_delivered: Vec<Vec<usize>>,
}

impl<R: Replica> Group<R> {
    fn play(n: usize, events: &[Event]) -> Group<R> {
        let replicas = (1..=n as u64).map(R::start).collect();
        let mut group = Group { replicas, sent: vec![Vec::new(); n], n_delivered: vec![vec![0; n]; n] };
        events.iter().for_each(|event| group.step(event));
        group
    }

    fn step(&mut self, event: &Event) {
        match *event {
            Event::Edit(at, ref edit) => {
                let batch = self.replicas[at].edit(edit);
                self.sent[at].push(batch);
            }
            Event::Deliver { from, to } => {
                for batch in &self.sent[from][self.n_delivered[to][from]..] {
                    self.replicas[to].apply(batch);
                }
                self.n_delivered[to][from] = self.sent[from].len();
            }
        }
    }

    fn settle(&mut self) {
        pairs(self.replicas.len()).for_each(|(from, to)| self.step(&Event::Deliver { from, to }));
    }
}

/// Returns every two different places among `n`.
fn pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |from| (0..n).filter(move |&to| to != from).map(move |to| (from, to)))
}

/// Returns every event that is possible next.
fn choices(group: &Group<Reference>) -> Vec<Event> {
    let n = group.replicas.len();
    let n_sent: usize = group.sent.iter().map(Vec::len).sum();
    let text = char::from(b'a' + n_sent as u8).to_string();
    let mut events = Vec::new();
    for at in 0..n {
        let len = group.replicas[at].text().chars().count();
        let inserts = (0..=len).map(|at| LocalEdit::Insert { at, text: text.clone() });
        let deletes = (0..len).map(|i| LocalEdit::Delete { range: i..i + 1 });
        events.extend(inserts.chain(deletes).map(|edit| Event::Edit(at, edit)));
    }
    let has_news = |&(from, to): &(usize, usize)| group.n_delivered[to][from] < group.sent[from].len();
    events.extend(pairs(n).filter(has_news).map(|(from, to)| Event::Deliver { from, to }));
    events
}

/// Goes on from `events` in every way until there are `n_events`. Returns how many scripts that were.
fn explore(n: usize, n_events: usize, events: &mut Vec<Event>) -> u64 {
    let model = Group::<Reference>::play(n, events);
    if events.len() == n_events {
        check_script(events, model);
        return 1;
    }
    let mut n_scripts = 0;
    for event in choices(&model) {
        events.push(event);
        n_scripts += explore(n, n_events, events);
        events.pop();
    }
    n_scripts
}

fn check_script(events: &[Event], mut model: Group<Reference>) {
    let mut product = Group::<Product>::play(model.replicas.len(), events);
    for (product, model) in product.replicas.iter().zip(&model.replicas) {
        assert_eq!(product.text(), model.text(), "after {events:?}");
        assert_eq!(model.tree_text(), model.text(), "the list is not the tree after {events:?}");
    }
    model.settle();
    product.settle();
    let text = model.replicas[0].text();
    assert_eq!(model.replicas[0].tree_text(), text, "the list is not the tree in the end of {events:?}");
    for replica in &product.replicas {
        assert_eq!(replica.text(), text, "in the end of {events:?}");
        replica.check();
    }
    let edits: Vec<&Vec<u8>> = product.sent.iter().flatten().collect();
    let forward: Vec<usize> = (0..edits.len()).collect();
    let orders = match edits.len() {
        n if n <= N_EDITS_PERMUTED_MAX => permutations(n),
        _ => vec![forward.iter().rev().copied().collect(), forward],
    };
    for order in orders {
        let mut observer = Product::start(9);
        order.iter().for_each(|&i| observer.apply(edits[i]));
        assert_eq!(observer.text(), text, "delivered in order {order:?} after {events:?}");
    }
}

#[track_caller]
fn check_all(n_replicas: usize, n_events: usize) {
    let n_more = std::env::var("COEDIT_EVENTS").map_or(0, |n| n.parse::<usize>().expect("a number"));
    let n_scripts = explore(n_replicas, n_events + n_more, &mut Vec::new());
    println!("{n_scripts} scripts of {} events between {n_replicas} replicas", n_events + n_more);
    assert!(10_000 < n_scripts, "the enumeration stopped early");
}

#[test]
fn every_small_script_of_two_ends_in_the_text_of_the_reference() {
    check_all(2, 6);
}

#[test]
fn every_small_script_of_three_ends_in_the_text_of_the_reference() {
    check_all(3, 5);
}
