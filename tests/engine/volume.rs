//! Many operations: long texts, large edits, every one of them at every replica and beside a plain list. The list has one element for
//! each character, and is quick enough because a run of characters goes in as one: nobody can refer to one before it is here.

use coedit::base::rng::Rng;
use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::Document;

/// Operations in one run, each counted at each replica that applies it, unless `COEDIT_OPS` says otherwise.
const N_OPS: u64 = 5_000_000;

/// Characters of a list from which on nothing more is typed.
const ELEMENTS_MAX: usize = 12_000;

/// An author's place and its count of inserted characters before this one.
type Id = (usize, u32);

#[derive(Clone, Copy)]
struct Element {
    id: Id,
    lamport: u64,
    ch: char,
    is_dead: bool,
}

/// What one edit did, as the list needs it.
enum Change {
    Insert { first: Id, lamport: u64, reference: Option<Id>, text: Vec<char> },
    Delete { targets: Vec<Id>, lamport: u64 },
}

struct Edit {
    author: usize,
    /// How many edits of each author it knew.
    causes: Vec<usize>,
    change: Change,
    batch: Vec<u8>,
}

struct Site {
    list: Vec<Element>,
    clock: u64,
    product: Document,
    /// How many edits of each author are here.
    has: Vec<usize>,
    n_inserted: u32,
}

struct World {
    rng: Rng,
    sites: Vec<Site>,
    /// By author.
    edits: Vec<Vec<Edit>>,
    n_chars_max: u64,
    percent_delete: u64,
    percent_end: u64,
    n_ops: u64,
}

impl Site {
    fn position(&self, id: Id) -> usize {
        self.list.iter().position(|element| element.id == id).expect("causes come first")
    }

    /// Applies a change as the definition of the sequence says.
    fn apply(&mut self, change: &Change, ids: &[u64]) {
        match change {
            Change::Insert { first, lamport, reference, text } => {
                let mut at = reference.map_or(0, |id| self.position(id) + 1);
                let stamp = (*lamport, ids[first.0]);
                while at < self.list.len() && stamp < (self.list[at].lamport, ids[self.list[at].id.0]) {
                    at += 1;
                }
                let element = |(n, &ch): (usize, &char)| Element {
                    id: (first.0, first.1 + n as u32),
                    lamport: lamport + n as u64,
                    ch,
                    is_dead: false,
                };
                self.list.splice(at..at, text.iter().enumerate().map(element));
                self.clock = self.clock.max(lamport + text.len() as u64 - 1);
            }
            Change::Delete { targets, lamport } => {
                let targets: std::collections::HashSet<&Id> = targets.iter().collect();
                { self.list.iter_mut() }
                    .filter(|element| targets.contains(&element.id))
                    .for_each(|element| element.is_dead = true);
                self.clock = self.clock.max(lamport + targets.len() as u64 - 1);
            }
        }
    }

    #[track_caller]
    fn compare(&self) {
        let alive = || self.list.iter().filter(|element| !element.is_dead);
        let is_same = alive().map(|element| element.ch).eq(self.product.rope().chars());
        assert!(is_same, "the text is not that of the list");
    }
}

impl Change {
    fn n_ops(&self) -> u64 {
        match self {
            Change::Insert { text, .. } => text.len() as u64,
            Change::Delete { targets, .. } => targets.len() as u64,
        }
    }
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let n = 2 + rng.below(4) as usize;
        let site = |rng: &mut Rng| Site {
            list: Vec::new(),
            clock: 0,
            product: Document::new(ReplicaId::new(rng.next_u64())),
            has: vec![0; n],
            n_inserted: 0,
        };
        World {
            sites: (0..n).map(|_| site(&mut rng)).collect(),
            edits: (0..n).map(|_| Vec::new()).collect(),
            n_chars_max: [20, 200, 1_000][rng.below(3) as usize],
            percent_delete: rng.below(50),
            percent_end: rng.below(100),
            n_ops: 0,
            rng,
        }
    }

    fn ids(&self) -> Vec<u64> {
        self.sites.iter().map(|site| site.product.replica().get()).collect()
    }

    /// Lets people edit and receive in turn, then everybody receive the rest. Returns how many operations were applied.
    fn run(mut self) -> u64 {
        for n in 0..600 {
            let at = self.rng.below(self.sites.len() as u64) as usize;
            if self.rng.below(100) < 40 {
                self.edit(at);
            } else {
                self.deliver(at);
            }
            if n % 10 == 0 {
                self.sites[at].compare();
            }
        }
        for at in 0..self.sites.len() {
            while self.deliver(at) {}
            self.sites[at].product.check_invariants();
            self.sites[at].compare();
        }
        let last = &self.sites[self.sites.len() - 1].product;
        let loaded = Document::load(ReplicaId::new(1), &last.save()).expect("saved");
        let mut merged = Document::new(ReplicaId::new(1));
        merged.apply(&last.changes_since(&VersionVector::default())).expect("a document made it");
        for site in &self.sites {
            assert_eq!(site.product.rope(), loaded.rope());
            assert_eq!(site.product.rope(), merged.rope());
        }
        self.n_ops
    }

    fn edit(&mut self, at: usize) {
        let wants_delete = self.rng.below(100) < self.percent_delete;
        let n = 1 + self.rng.below(self.n_chars_max) as usize;
        let (place, is_at_end) = (self.rng.next_u64(), self.rng.below(100) < self.percent_end);
        let site = &mut self.sites[at];
        let alive: Vec<Id> =
            site.list.iter().filter(|element| !element.is_dead).map(|element| element.id).collect();
        let before = site.product.version();
        let change = if (wants_delete || ELEMENTS_MAX < site.list.len()) && !alive.is_empty() {
            let start = (place % alive.len() as u64) as usize;
            let end = alive.len().min(start + n);
            site.product.delete(start..end).expect("inside");
            Change::Delete { targets: alive[start..end].to_vec(), lamport: site.clock + 1 }
        } else if ELEMENTS_MAX < site.list.len() {
            return;
        } else {
            let start = if is_at_end { alive.len() } else { (place % (alive.len() as u64 + 1)) as usize };
            let text: Vec<char> = (0..n).map(|_| draw_char(&mut self.rng)).collect();
            site.product.insert(start, &text.iter().collect::<String>()).expect("inside");
            let first = (at, site.n_inserted);
            site.n_inserted += n as u32;
            let reference = start.checked_sub(1).map(|left| alive[left]);
            Change::Insert { first, lamport: site.clock + 1, reference, text }
        };
        let batch = site.product.changes_since(&before);
        let causes = site.has.clone();
        self.edits[at].push(Edit { author: at, causes, change, batch });
        let ids = self.ids();
        let Some(edit) = self.edits[at].last() else { return };
        self.sites[at].apply(&edit.change, &ids);
        self.sites[at].has[at] += 1;
        self.n_ops += edit.change.n_ops();
    }

    /// Delivers one edit whose causes are there, at times one that is there already. Returns whether there was one.
    fn deliver(&mut self, to: usize) -> bool {
        let site = &self.sites[to];
        let is_ready = |edit: &&Edit| edit.causes.iter().zip(&site.has).all(|(needs, has)| needs <= has);
        let next = |(author, edits): (usize, &Vec<Edit>)| {
            edits.get(site.has[author]).filter(is_ready).map(|edit| edit.author)
        };
        let ready: Vec<usize> = self.edits.iter().enumerate().filter_map(next).collect();
        if ready.is_empty() {
            return false;
        }
        let author = ready[self.rng.below(ready.len() as u64) as usize];
        let ids = self.ids();
        let edit = &self.edits[author][self.sites[to].has[author]];
        let site = &mut self.sites[to];
        site.product.apply(&edit.batch).expect("a document made it");
        if self.rng.below(20) == 0 {
            site.product.apply(&edit.batch).expect("a document made it");
        }
        site.apply(&edit.change, &ids);
        site.has[author] += 1;
        self.n_ops += edit.change.n_ops();
        true
    }
}

fn draw_char(rng: &mut Rng) -> char {
    match rng.below(4) {
        0 => char::from_u32(rng.below(0x11_0000) as u32).unwrap_or('\n'),
        _ => char::from(b' ' + rng.below(95) as u8),
    }
}

#[test]
fn millions_of_operations_show_what_a_plain_list_shows() {
    let wanted = std::env::var("COEDIT_OPS").map_or(N_OPS, |n| n.parse().expect("a number"));
    let (mut n_ops, mut seed) = (0, 0);
    while n_ops < wanted {
        let outcome = std::panic::catch_unwind(|| World::new(seed).run());
        n_ops += outcome.unwrap_or_else(|_| panic!("failed with seed {seed}"));
        seed += 1;
    }
    println!("{n_ops} operations in {seed} scripts");
}

/// Two who knew nothing of each other wrote character by character at the start. To pass each of the first one's with each of the
/// second one's would take minutes.
#[test]
fn many_siblings_are_not_passed_one_by_one() {
    const N: usize = 100_000;
    let mut doc = Document::new(ReplicaId::new(1));
    let started = std::time::Instant::now();
    for author in [5u64, 6] {
        let mut batch = vec![0x81, 1];
        batch.extend(author.to_le_bytes());
        // The only part is of the author with the own number 0 and begins at seq 0: single inserts at the start.
        batch.extend([0b11, 0]);
        batch.extend((1..=N).map(|i| 0b1001 | u8::from(i == N) << 5));
        batch.extend(vec![b'a'; N]);
        doc.apply(&batch).expect("valid");
    }
    doc.check_invariants();
    assert_eq!(doc.len_chars(), 2 * N);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
