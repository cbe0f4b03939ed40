//! Every script of a few events between two replicas, and for the short ones every order of delivery to an
//! observer: what random scripts may miss in a corner, this cannot.

use crate::product::Product;
use crate::reference::Reference;
use crate::replica::{LocalEdit, Replica};
use crate::vectors::permutations;

/// Events in a script. Each one more multiplies the scripts by about ten.
const N_EVENTS: usize = 6;

/// Scripts with at most this many edits are delivered to an observer in every order.
const N_EDITS_PERMUTED_MAX: usize = 4;

#[derive(Clone, Debug)]
enum Event {
    /// Replica 0 or 1 edits.
    Edit(usize, LocalEdit),
    /// Replica 0 or 1 gets everything that the other has written.
    Deliver(usize),
}

/// Two replicas and what each of them has written.
struct Pair<R: Replica> {
    replicas: [R; 2],
    sent: [Vec<R::Batch>; 2],
    n_delivered: [usize; 2],
}

impl<R: Replica> Pair<R> {
    fn start() -> Pair<R> {
        Pair { replicas: [R::start(1), R::start(2)], sent: [Vec::new(), Vec::new()], n_delivered: [0, 0] }
    }

    fn play(events: &[Event]) -> Pair<R> {
        let mut pair = Pair::start();
        events.iter().for_each(|event| pair.step(event));
        pair
    }

    fn step(&mut self, event: &Event) {
        match event {
            Event::Edit(at, edit) => {
                let batch = self.replicas[*at].edit(edit);
                self.sent[*at].push(batch);
            }
            Event::Deliver(to) => {
                let from = 1 - to;
                for batch in &self.sent[from][self.n_delivered[*to]..] {
                    self.replicas[*to].apply(batch);
                }
                self.n_delivered[*to] = self.sent[from].len();
            }
        }
    }
}

/// Returns every event that is possible next.
fn choices(pair: &Pair<Reference>) -> Vec<Event> {
    let mut events = Vec::new();
    for at in 0..2 {
        let len = pair.replicas[at].text().chars().count();
        let n_sent = pair.sent[0].len() + pair.sent[1].len();
        let text = char::from(b'a' + n_sent as u8).to_string();
        let inserts = (0..=len).map(|at| LocalEdit::Insert { at, text: text.clone() });
        let deletes = (0..len).map(|i| LocalEdit::Delete { range: i..i + 1 });
        events.extend(inserts.chain(deletes).map(|edit| Event::Edit(at, edit)));
        if pair.n_delivered[at] < pair.sent[1 - at].len() {
            events.push(Event::Deliver(at));
        }
    }
    events
}

fn explore(events: &mut Vec<Event>, n_scripts: &mut u64) {
    let model = Pair::<Reference>::play(events);
    if events.len() == N_EVENTS {
        *n_scripts += 1;
        check_script(events, model);
        return;
    }
    for event in choices(&model) {
        events.push(event);
        explore(events, n_scripts);
        events.pop();
    }
}

fn check_script(events: &[Event], mut model: Pair<Reference>) {
    let mut product = Pair::<Product>::play(events);
    for at in 0..2 {
        assert_eq!(product.replicas[at].text(), model.replicas[at].text(), "after {events:?}");
        model.step(&Event::Deliver(at));
        product.step(&Event::Deliver(at));
    }
    let text = model.replicas[0].text();
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
        let mut observer = Product::start(3);
        order.iter().for_each(|&i| observer.apply(edits[i]));
        assert_eq!(observer.text(), text, "delivered in order {order:?} after {events:?}");
    }
}

#[test]
fn every_small_script_ends_in_the_text_of_the_reference() {
    let mut n_scripts = 0;
    explore(&mut Vec::new(), &mut n_scripts);
    println!("{n_scripts} scripts of {N_EVENTS} events");
    assert!(10_000 < n_scripts, "the enumeration stopped early");
}
