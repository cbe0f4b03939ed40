//! Random scripts. Every knob is drawn from the seed, so that each seed is a world of its own kind: two
//! replicas or sixteen, a calm network or a broken one, everybody at one place or all over the text.
//! After every step the product must show what the naive model shows.

use std::ops::Range;

use coedit::base::rng::Rng;
use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::{Anchor, Bias};

use crate::product::Product;
use crate::reference::{Op, Reference};
use crate::replica::{LocalEdit, Replica};

/// Seeds in one run, unless `COEDIT_SEEDS` says otherwise. Some twenty seconds on one core.
const N_SEEDS: u64 = 600;

struct Knobs {
    n_replicas: u64,
    n_steps: u64,
    id_kind: u64,
    insert_chars_max: u64,
    delete_chars_max: u64,
    n_letters: u64,
    percent_delete: u64,
    percent_edit: u64,
    percent_hot_spot: u64,
    percent_backward: u64,
    percent_reorder: u64,
    percent_duplicate: u64,
    percent_merge: u64,
    percent_slice: u64,
    percent_restart: u64,
    percent_join: u64,
    percent_repartition: u64,
}

impl Knobs {
    fn draw(rng: &mut Rng, seed: u64) -> Knobs {
        let mut up_to = |max: u64| rng.below(max + 1);
        Knobs {
            n_replicas: if seed.is_multiple_of(10) { 16 } else { 2 + up_to(6) },
            n_steps: 20 + up_to(140),
            id_kind: up_to(3),
            insert_chars_max: [1, 3, 12, 40][up_to(3) as usize],
            delete_chars_max: [1, 4, 30][up_to(2) as usize],
            n_letters: [2, 26, u64::MAX][up_to(2) as usize],
            percent_delete: up_to(60),
            percent_edit: 20 + up_to(60),
            percent_hot_spot: [0, 0, up_to(100), 100][up_to(3) as usize],
            percent_backward: [0, 0, up_to(100), 100][up_to(3) as usize],
            percent_reorder: up_to(50),
            percent_duplicate: up_to(40),
            percent_merge: up_to(10),
            percent_slice: up_to(10),
            percent_restart: up_to(4),
            percent_join: up_to(2),
            percent_repartition: up_to(10),
        }
    }
}

/// The model and the product side by side, fed the same operations.
struct Site {
    id: u64,
    group: u64,
    model: Reference,
    product: Product,
    /// Which edits of the world have been delivered here.
    has: Vec<bool>,
    last_insert_at: usize,
}

struct Sent {
    author: ReplicaId,
    /// The author's count of operations with this edit.
    seq_end: u64,
    model: Vec<Op>,
    product: Vec<u8>,
}

struct World {
    rng: Rng,
    knobs: Knobs,
    sites: Vec<Site>,
    sent: Vec<Sent>,
    anchors: Vec<Anchor>,
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let knobs = Knobs::draw(&mut rng, seed);
        let mut world = World { rng, knobs, sites: Vec::new(), sent: Vec::new(), anchors: Vec::new() };
        for n in 0..world.knobs.n_replicas {
            let id = world.fresh_id(n);
            let (model, product) = (Reference::start(id), Product::start(id));
            world.sites.push(Site { id, group: 0, model, product, has: Vec::new(), last_insert_at: 0 });
        }
        world
    }

    /// Returns an id that no site has: near 0, near the top, on both sides of the sign bit, or anywhere.
    fn fresh_id(&mut self, n: u64) -> u64 {
        match self.knobs.id_kind {
            0 => n,
            1 => u64::MAX - n,
            2 => (1 << 63) - 8 + n,
            _ => self.rng.next_u64() ^ n,
        }
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.rng.below(100) < percent
    }

    fn index(&mut self, len: usize) -> usize {
        self.rng.below(len as u64) as usize
    }

    fn run(&mut self) {
        for _ in 0..self.knobs.n_steps {
            let at = self.index(self.sites.len());
            let touched = self.step(at);
            self.sites[touched].compare();
            self.anchor(touched);
        }
        self.settle();
    }

    /// Does one thing at site `at`, and returns the site that it changed.
    fn step(&mut self, at: usize) -> usize {
        if self.chance(self.knobs.percent_repartition) {
            let n_groups = 1 + self.rng.below(self.sites.len() as u64);
            for i in 0..self.sites.len() {
                self.sites[i].group = self.rng.below(n_groups);
            }
        }
        if self.chance(self.knobs.percent_restart) {
            self.sites[at].restart();
        } else if self.chance(self.knobs.percent_join) {
            return self.join(at);
        } else if self.chance(self.knobs.percent_merge) {
            self.merge(at);
        } else if self.chance(self.knobs.percent_slice) {
            self.deliver_slice(at);
        } else if self.chance(self.knobs.percent_edit) {
            self.edit(at);
        } else {
            self.deliver_one(at);
        }
        at
    }

    /// Drops an anchor at `at`, and asks another site where an older one is by now.
    fn anchor(&mut self, at: usize) {
        let position = self.index(self.sites[at].product.doc.len_chars() + 1);
        let bias = if self.chance(50) { Bias::Left } else { Bias::Right };
        let anchor = self.sites[at].product.doc.anchor(position, bias);
        assert_eq!(self.sites[at].product.doc.resolve(anchor), Some(position), "{anchor:?} was just made");
        self.anchors.push(anchor);
        let (old, site) = (self.index(self.anchors.len()), self.index(self.sites.len()));
        let (old, site) = (self.anchors[old], &self.sites[site]);
        assert_eq!(site.product.doc.resolve(old), site.model.resolve(old), "{old:?} at {:x}", site.id);
    }

    fn edit(&mut self, at: usize) {
        let edit = self.draw_edit(at);
        let site = &mut self.sites[at];
        if let LocalEdit::Insert { at, .. } = &edit {
            site.last_insert_at = *at;
        }
        let (model, product) = (site.model.edit(&edit), site.product.edit(&edit));
        let author = ReplicaId::new(site.id);
        let seq_end = site.model.version().get(author);
        self.sent.push(Sent { author, seq_end, model, product });
        for (i, site) in self.sites.iter_mut().enumerate() {
            site.has.push(i == at);
        }
    }

    fn draw_edit(&mut self, at: usize) -> LocalEdit {
        let len = self.sites[at].product.doc.len_chars();
        if 0 < len && self.chance(self.knobs.percent_delete) {
            return LocalEdit::Delete { range: self.draw_range(len) };
        }
        let at = if self.chance(self.knobs.percent_hot_spot) {
            len.min(1)
        } else if self.chance(self.knobs.percent_backward) {
            len.min(self.sites[at].last_insert_at)
        } else {
            self.index(len + 1)
        };
        let n_chars = 1 + self.rng.below(self.knobs.insert_chars_max);
        LocalEdit::Insert { at, text: (0..n_chars).map(|_| self.draw_char()).collect() }
    }

    fn draw_range(&mut self, len: usize) -> Range<usize> {
        let start = if self.chance(self.knobs.percent_hot_spot) { 0 } else { self.index(len) };
        let n_chars = 1 + self.rng.below(self.knobs.delete_chars_max) as usize;
        start..len.min(start + n_chars)
    }

    fn draw_char(&mut self) -> char {
        const ODD: [char; 12] = [
            '\n',
            '\0',
            '\r',
            '\u{85}',
            '\u{2028}',
            'é',
            '\u{301}',
            '界',
            '😀',
            '\u{200d}',
            '\u{10ffff}',
            '\u{feff}',
        ];
        if self.knobs.n_letters < u64::MAX {
            return char::from(b'a' + self.rng.below(self.knobs.n_letters) as u8);
        }
        if self.chance(40) {
            return ODD[self.index(ODD.len())];
        }
        char::from_u32(self.rng.below(0x11_0000) as u32).unwrap_or('\u{fffd}')
    }

    /// Delivers one edit that somebody in the same part of the network has, or one that is here already.
    fn deliver_one(&mut self, to: usize) {
        let group = self.sites[to].group;
        let wanted = self.chance(self.knobs.percent_duplicate);
        let reachable = |i: &usize| {
            self.sites[to].has[*i] == wanted && self.sites.iter().any(|s| s.group == group && s.has[*i])
        };
        let candidates: Vec<usize> = (0..self.sent.len()).filter(reachable).collect();
        if candidates.is_empty() {
            return;
        }
        let pick = if self.chance(self.knobs.percent_reorder) { self.index(candidates.len()) } else { 0 };
        self.deliver(candidates[pick], to);
    }

    fn deliver(&mut self, edit: usize, to: usize) {
        let site = &mut self.sites[to];
        site.model.apply(&self.sent[edit].model);
        site.product.apply(&self.sent[edit].product);
        site.has[edit] = true;
    }

    /// Sends everything that `to` lacks from another site, and at times more than that.
    fn merge(&mut self, to: usize) {
        let from = self.index(self.sites.len());
        if self.sites[from].group != self.sites[to].group {
            return;
        }
        let known = if self.chance(70) { self.sites[to].model.version() } else { VersionVector::default() };
        self.send_between(from, to, &known, &self.sites[from].model.version());
        let version = self.sites[to].model.version();
        for (i, sent) in self.sent.iter().enumerate() {
            self.sites[to].has[i] |= sent.seq_end <= version.get(sent.author);
        }
    }

    /// Sends some stretch of the history, cut at any operation. Much of it will have to wait.
    fn deliver_slice(&mut self, to: usize) {
        let from = self.index(self.sites.len());
        let version = self.sites[from].model.version();
        let (mut low, mut high) = (VersionVector::default(), VersionVector::default());
        for (replica, next) in version.iter() {
            let (a, b) = (self.rng.below(next + 1), self.rng.below(next + 1));
            low.advance(replica, a.min(b));
            high.advance(replica, a.max(b));
        }
        self.send_between(from, to, &low, &high);
    }

    fn send_between(&mut self, from: usize, to: usize, low: &VersionVector, high: &VersionVector) {
        let model = self.sites[from].model.changes_between(low, high);
        let product = self.sites[from].product.changes_between(low, high);
        self.sites[to].model.apply(&model);
        self.sites[to].product.apply(&product);
    }

    /// Adds a site that starts from a snapshot of `from`, and returns its place.
    fn join(&mut self, from: usize) -> usize {
        let mut id = self.fresh_id(self.sites.len() as u64);
        while self.sites.iter().any(|site| site.id == id) {
            id = self.rng.next_u64();
        }
        let from = &self.sites[from];
        let site = Site {
            id,
            group: from.group,
            model: from.model.restart(id),
            product: from.product.restart(id),
            has: from.has.clone(),
            last_insert_at: 0,
        };
        self.sites.push(site);
        self.sites.len() - 1
    }

    /// The network heals: every edit reaches everybody, in an order of its own for each site.
    fn settle(&mut self) {
        for to in 0..self.sites.len() {
            let mut missing: Vec<usize> = (0..self.sent.len()).filter(|&i| !self.sites[to].has[i]).collect();
            while !missing.is_empty() {
                let pick = self.index(missing.len());
                self.deliver(missing.swap_remove(pick), to);
            }
            self.sites[to].compare();
            assert_eq!(self.sites[to].model.n_waiting(), 0, "every cause is here");
            let everything = self.sites[0].model.version();
            self.send_between(0, to, &VersionVector::default(), &everything);
            assert_eq!(self.sites[to].product.n_waiting, 0, "every cause is here");
        }
        let text = self.sites[0].model.text();
        for site in &self.sites {
            assert_eq!(site.product.text(), text, "replica {:x} ended elsewhere", site.id);
            assert_eq!(site.product.version(), self.sites[0].product.version());
        }
        self.rebuild(&text);
    }

    /// An observer that was never there gets the same text from one blob, from shuffled edits, from a snapshot.
    fn rebuild(&mut self, text: &str) {
        let last = &self.sites[self.sites.len() - 1].product;
        let mut from_blob = Product::start(0x0b5e_44e4);
        from_blob.apply(&last.changes_between(&VersionVector::default(), &last.version()));
        let mut from_edits = Product::start(0x0b5e_44e4);
        let mut left: Vec<usize> = (0..self.sent.len()).collect();
        while !left.is_empty() {
            let pick = self.rng.below(left.len() as u64) as usize;
            from_edits.apply(&self.sent[left.swap_remove(pick)].product);
        }
        let from_snapshot = self.sites[0].product.restart(7).restart(0x0b5e_44e4);
        for observer in [from_blob, from_edits, from_snapshot] {
            observer.check();
            assert_eq!(observer.text(), text, "a late observer sees another text");
            assert_eq!(observer.version(), self.sites[0].product.version());
        }
    }
}

impl Site {
    fn restart(&mut self) {
        self.model = self.model.restart(self.id);
        self.product = self.product.restart(self.id);
    }

    #[track_caller]
    fn compare(&self) {
        self.product.check();
        assert_eq!(self.product.text(), self.model.text(), "replica {:x} shows another text", self.id);
        assert_eq!(self.product.version(), self.model.version(), "replica {:x} counts otherwise", self.id);
    }
}

/// Returns the seeds to run: `COEDIT_SEED` alone, or the first `COEDIT_SEEDS`.
pub fn seeds(n_default: u64) -> Range<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    match number("COEDIT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("COEDIT_SEEDS").unwrap_or(n_default),
    }
}

/// Runs `check` for each seed, and names the seed that failed.
pub fn for_each_seed(n_default: u64, check: impl Fn(u64) + std::panic::RefUnwindSafe) {
    for seed in seeds(n_default) {
        let outcome = std::panic::catch_unwind(|| check(seed));
        assert!(outcome.is_ok(), "failed with COEDIT_SEED={seed}");
    }
}

#[test]
fn random_scripts_show_what_the_reference_shows() {
    for_each_seed(N_SEEDS, |seed| World::new(seed).run());
}

#[test]
fn reference_is_consistent_in_itself() {
    let mut site = Reference::start(1);
    let batch = site.edit(&LocalEdit::Insert { at: 0, text: "abc".into() });
    let mut other = Reference::start(2);
    other.apply(&batch);
    other.edit(&LocalEdit::Delete { range: 1..2 });
    site.apply(&other.changes_between(&site.version(), &other.version()));
    site.check();
    assert_eq!(site.text(), "ac");
    assert_eq!(other.version().get(ReplicaId::new(2)), 1);
}
