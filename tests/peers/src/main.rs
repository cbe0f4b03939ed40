//! The engine beside other text CRDTs: the same work, in turns, in one run.
//!
//! `cargo run --release --manifest-path tests/peers/Cargo.toml -- [--rounds N] [--seed N] [--without PEER] [--json]
//! [ROW…]`. A row runs if its name contains one of the words. The large traces are read from `$COEDIT_TRACES`.

mod heap;
mod peer;
mod trace;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use peer::Peer;
use peer::automerged::Automerge;
use peer::{coedit::Coedit, colarope::ColaRope, diamond::Diamond, lorodoc::Loro, rope::Bare, yjs::Yrs};
use trace::Trace;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

/// A figure: what it counts decides how it is shown.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Figure {
    Time(Duration),
    Bytes(usize),
}

/// One measurement of one peer; `None` if the peer cannot do it.
type Measure = Box<dyn FnMut() -> Option<Figure>>;

/// The rows: for each the peers with their measurements.
#[derive(Default)]
struct Table {
    rows: Vec<(String, Vec<(&'static str, Measure)>)>,
}

impl Table {
    fn add(&mut self, row: &str, peer: &'static str, measure: impl FnMut() -> Option<Figure> + 'static) {
        match self.rows.iter_mut().find(|(name, _)| name == row) {
            Some((_, peers)) => peers.push((peer, Box::new(measure))),
            None => self.rows.push((row.to_owned(), vec![(peer, Box::new(measure))])),
        }
    }
}

fn time(work: impl FnOnce()) -> Option<Figure> {
    let started = Instant::now();
    work();
    Some(Figure::Time(started.elapsed()))
}

/// Makes one edit, and calls `done` after each half of it.
fn type_in<P: Peer>(peer: &mut P, patch: &trace::Patch, mut done: impl FnMut(&mut P)) {
    if 0 < patch.n_deleted {
        peer.delete(patch.at..patch.at + patch.n_deleted);
        done(peer);
    }
    if !patch.text.is_empty() {
        peer.insert(patch.at, &patch.text);
        done(peer);
    }
}

/// Replays a trace among as many replicas as it has people; returns an update for each patch, and the first replica
/// with everything.
fn updates<P: Peer>(trace: &Trace) -> (Vec<P::Update>, P) {
    let mut peers: Vec<P> = (0..trace.n_agents).map(|i| P::new(i as u64 + 1)).collect();
    peers.iter_mut().for_each(P::record);
    let mut updates = Vec::new();
    let mut of_txn: Vec<std::ops::Range<usize>> = Vec::new();
    let mut has = vec![vec![false; trace.txns.len()]; trace.n_agents];
    for (i, txn) in trace.txns.iter().enumerate() {
        let mut missing = Vec::new();
        let mut open = txn.parents.clone();
        while let Some(parent) = open.pop() {
            if !has[txn.agent][parent] {
                has[txn.agent][parent] = true;
                missing.push(parent);
                open.extend(&trace.txns[parent].parents);
            }
        }
        missing.sort_unstable();
        for parent in missing {
            for update in &updates[of_txn[parent].clone()] {
                peers[txn.agent].apply(update);
            }
        }
        let start = updates.len();
        for patch in &txn.patches {
            type_in(&mut peers[txn.agent], patch, |peer| updates.push(peer.update()));
        }
        of_txn.push(start..updates.len());
        has[txn.agent][i] = true;
    }
    let mut first = peers.swap_remove(0);
    for (i, txns) in of_txn.iter().enumerate() {
        if !has[0][i] {
            updates[txns.clone()].iter().for_each(|update| first.apply(update));
        }
    }
    assert!(first.text() == trace.end, "{} ends {} wrongly", P::NAME, trace.name);
    (updates, first)
}

fn add_local<P: Peer + 'static>(table: &mut Table, trace: &'static Trace) {
    table.add(&format!("local, {}", trace.name), P::NAME, move || {
        let mut peer = P::new(1);
        let took = time(|| {
            for patch in trace.txns.iter().flat_map(|txn| &txn.patches) {
                type_in(&mut peer, patch, |_| {});
            }
        });
        assert!(peer.text() == trace.end, "{} ends {} wrongly", P::NAME, trace.name);
        took
    });
}

fn add_shared<P: Peer + 'static>(table: &mut Table, trace: &'static Trace) {
    // Made when first needed: some peers take long for some traces.
    let made = Rc::new(OnceCell::<(Vec<P::Update>, P)>::new());
    let cell = Rc::clone(&made);
    table.add(&format!("live, {}", trace.name), P::NAME, move || {
        let (updates, _) = cell.get_or_init(|| updates::<P>(trace));
        let mut peer = P::new(99);
        let took = time(|| updates.iter().for_each(|update| peer.apply(update)));
        assert!(peer.text() == trace.end, "{} ends {} wrongly", P::NAME, trace.name);
        took
    });
    let cell = Rc::clone(&made);
    table.add(&format!("bytes for each update, {}", trace.name), P::NAME, move || {
        let (updates, _) = cell.get_or_init(|| updates::<P>(trace));
        let n_bytes: usize = updates.iter().map(P::update_len).sum();
        (0 < n_bytes).then(|| Figure::Bytes(n_bytes / updates.len()))
    });
    let cell = Rc::clone(&made);
    table.add(&format!("blob, {}", trace.name), P::NAME, move || {
        let (_, whole) = cell.get_or_init(|| updates::<P>(trace));
        let bytes = whole.whole()?;
        let mut peer = P::new(99);
        let took = time(|| peer.apply_whole(&bytes));
        assert!(peer.text() == trace.end, "{} ends {} wrongly", P::NAME, trace.name);
        took
    });
    let cell = Rc::clone(&made);
    table.add(&format!("save, {}", trace.name), P::NAME, move || {
        let (_, whole) = cell.get_or_init(|| updates::<P>(trace));
        time(|| drop(std::hint::black_box(whole.save())))
    });
    let cell = Rc::clone(&made);
    table.add(&format!("size after zstd 3, {}", trace.name), P::NAME, move || {
        let (_, whole) = cell.get_or_init(|| updates::<P>(trace));
        let bytes = P::saved_bytes(&whole.save());
        Some(Figure::Bytes(zstd::bulk::compress(&bytes, 3).expect("compressed").len()))
    });
    let cell = Rc::clone(&made);
    table.add(&format!("load, {}", trace.name), P::NAME, move || {
        let (_, whole) = cell.get_or_init(|| updates::<P>(trace));
        let saved = whole.save();
        let mut loaded = None;
        let took = time(|| {
            let mut peer = P::load(&saved);
            // Editable: a loader that puts its work off does it here.
            peer.insert(0, "x");
            loaded = Some(peer);
        });
        assert!(loaded.is_some_and(|peer| peer.text()[1..] == trace.end));
        took
    });
    let cell = made;
    table.add(&format!("heap after loading, {}", trace.name), P::NAME, move || {
        let (_, whole) = cell.get_or_init(|| updates::<P>(trace));
        let saved = whole.save();
        let before = heap::in_use();
        let peer = P::load(&saved);
        let n_bytes = heap::in_use().saturating_sub(before);
        drop(peer);
        Some(Figure::Bytes(n_bytes))
    });
}

/// Positions that look random and are the same for all with one seed.
struct Places(u64);

/// Added to every seed: `--seed`.
static SEED: AtomicU64 = AtomicU64::new(0);

impl Places {
    fn new(seed: u64) -> Places {
        Places(seed.wrapping_add(SEED.load(Ordering::Relaxed)))
    }

    fn next(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n.max(1)
    }
}

fn add_synthetic<P: Peer + 'static>(table: &mut Table, n_million: usize) {
    table.add("10^6 inserts at random places", P::NAME, move || {
        let (mut peer, mut places) = (P::new(1), Places::new(7));
        time(|| (0..n_million).for_each(|len| peer.insert(places.next(len + 1), "x")))
    });
    table.add("10^6 prepends", P::NAME, move || {
        let mut peer = P::new(1);
        time(|| (0..n_million).for_each(|_| peer.insert(0, "x")))
    });
    let large = |peer: &mut P| {
        let text = text_of(100_000_000);
        peer.insert(0, &text);
        edit_at_random(peer, text.len(), 10_000);
    };
    table.add("100 MB text, then 10,000 random edits", P::NAME, move || {
        let mut peer = P::new(1);
        time(|| large(&mut peer))
    });
    table.add("heap after that", P::NAME, move || {
        let before = heap::in_use();
        let mut peer = P::new(1);
        large(&mut peer);
        Some(Figure::Bytes(heap::in_use().saturating_sub(before)))
    });
    for (name, n) in [("10 kB", 10_000), ("1 MB", 1_000_000), ("100 MB", 100_000_000)] {
        table.add(&format!("one edit in a text of {name}"), P::NAME, move || {
            let mut peer = P::new(1);
            peer.insert(0, &text_of(n));
            time_of_one(&mut peer, n)
        });
    }
}

/// What takes a peer with a full history: 10^7 operations and what comes of them.
fn add_long<P: Peer + 'static>(table: &mut Table) {
    for (name, n) in [("10^3", 1_000), ("10^5", 100_000), ("10^7", 10_000_000)] {
        table.add(&format!("one edit after {name} operations"), P::NAME, move || {
            let mut peer = P::new(1);
            peer.insert(0, &text_of(100_000));
            edit_at_random(&mut peer, text_of(100_000).len(), n);
            time_of_one(&mut peer, 100_000)
        });
    }
    let scattered = || {
        let (mut peer, mut places) = (P::new(1), Places::new(7));
        (0..1_000_000).for_each(|len| peer.insert(places.next(len + 1), "x"));
        peer.save()
    };
    let saved = Rc::new(OnceCell::<P::Saved>::new());
    let cell = Rc::clone(&saved);
    table.add("load of 10^6 inserts at random places", P::NAME, move || {
        let saved = cell.get_or_init(scattered);
        let mut loaded = None;
        let took = time(|| {
            let mut peer = P::load(saved);
            peer.insert(0, "x");
            loaded = Some(peer);
        });
        assert_eq!(loaded.expect("loaded").text().len(), 1_000_001);
        took
    });
    table.add("size of that after zstd 3", P::NAME, move || {
        let bytes = P::saved_bytes(saved.get_or_init(scattered));
        Some(Figure::Bytes(zstd::bulk::compress(&bytes, 3).expect("compressed").len()))
    });
}

fn text_of(n_chars: usize) -> String {
    "0123456789 abcdefghijklmnopqrstuvwxyz\n".repeat(n_chars / 38)
}

/// Inserts and deletes single characters in turns, anywhere.
fn edit_at_random<P: Peer>(peer: &mut P, n_chars: usize, n_edits: usize) {
    let (mut places, mut len) = (Places::new(7), n_chars);
    for i in 0..n_edits {
        let at = places.next(len - 1);
        if i % 2 == 0 {
            peer.insert(at, "x");
            len += 1;
        } else {
            peer.delete(at..at + 1);
            len -= 1;
        }
    }
}

/// Returns what one edit takes, on the average of ten thousand.
fn time_of_one<P: Peer>(peer: &mut P, n_chars: usize) -> Option<Figure> {
    const N: u32 = 10_000;
    let started = Instant::now();
    edit_at_random(peer, n_chars / 2, N as usize);
    Some(Figure::Time(started.elapsed() / N))
}

/// What `n_peers` did to a common text while they did not hear each other, as updates; each edit one.
fn apart<P: Peer>(
    n_peers: u64,
    n_chars: usize,
    n_edits: usize,
    types_on: bool,
) -> (P::Update, Vec<P::Update>, Vec<P>) {
    let mut first = P::new(1);
    first.record();
    if 0 < n_chars {
        first.insert(0, &"0123456789".repeat(n_chars / 10));
    }
    let base = first.update();
    let mut all = Vec::new();
    let mut peers = Vec::new();
    for i in 0..n_peers {
        let mut peer = P::new(i + 2);
        peer.apply(&base);
        peer.record();
        let mut places = Places::new(100 + i);
        let mut len = n_chars;
        let mut at = places.next(len + 1);
        for n in 0..n_edits {
            if types_on && n % 50 != 0 {
                at += 1;
            } else {
                at = places.next(len + 1);
            }
            if !types_on && n % 3 == 2 && at < len {
                peer.delete(at..at + 1);
                len -= 1;
            } else {
                peer.insert(at.min(len), "x");
                len += 1;
            }
            all.push(peer.update());
        }
        peers.push(peer);
    }
    (base, all, peers)
}

fn add_apart<P: Peer + 'static>(
    table: &mut Table,
    row: &'static str,
    n_peers: u64,
    n_chars: usize,
    n_edits: usize,
    types_on: bool,
) {
    let made = Rc::new(OnceCell::new());
    let cell = Rc::clone(&made);
    let make = move || apart::<P>(n_peers, n_chars, n_edits, types_on);
    table.add(&format!("{row}: live"), P::NAME, move || {
        let (base, all, _) = cell.get_or_init(make);
        let mut peer = P::new(99);
        peer.apply(base);
        time(|| all.iter().for_each(|update| peer.apply(update)))
    });
    table.add(&format!("{row}: blob"), P::NAME, move || {
        let (_, _, peers) = made.get_or_init(make);
        let wholes: Option<Vec<Vec<u8>>> = peers.iter().map(P::whole).collect();
        let (wholes, mut peer) = (wholes?, P::new(99));
        time(|| wholes.iter().for_each(|whole| peer.apply_whole(whole)))
    });
}

macro_rules! for_all {
    ($add:ident, $table:expr $(, $argument:expr)*) => {
        $add::<Coedit>($table $(, $argument)*);
        $add::<Diamond>($table $(, $argument)*);
        $add::<ColaRope>($table $(, $argument)*);
        $add::<Yrs>($table $(, $argument)*);
        $add::<Automerge>($table $(, $argument)*);
        $add::<Loro>($table $(, $argument)*);
    };
}

fn shown(figure: Figure) -> String {
    match figure {
        Figure::Time(time) if time < Duration::from_micros(100) => {
            format!("{:.2} µs", time.as_nanos() as f64 / 1e3)
        }
        Figure::Time(time) => format!("{:.2} ms", time.as_nanos() as f64 / 1e6),
        Figure::Bytes(n) if n < 10_000 => format!("{n} B"),
        Figure::Bytes(n) => format!("{:.1} kB", n as f64 / 1e3),
    }
}

fn number(figure: Figure) -> f64 {
    match figure {
        Figure::Time(time) => time.as_nanos() as f64,
        Figure::Bytes(n) => n as f64,
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let (mut n_rounds, mut is_json, mut words, mut skipped) = (5, false, Vec::new(), Vec::new());
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--rounds" => n_rounds = args.next().and_then(|n| n.parse().ok()).expect("--rounds N"),
            "--seed" => {
                let seed = args.next().and_then(|n| n.parse().ok()).expect("--seed N");
                SEED.store(seed, Ordering::Relaxed);
            }
            "--json" => is_json = true,
            // A peer that takes minutes for a row.
            "--without" => skipped.push(args.next().expect("--without PEER")),
            word => words.push(word.to_owned()),
        }
    }
    let mut table = Table::default();
    for name in ["automerge-paper", "rustcode", "sveltecomponent", "friendsforever"] {
        let Some(trace) = Trace::read(name) else {
            eprintln!("{name} is left out: set COEDIT_TRACES to a folder with {name}.json.gz");
            continue;
        };
        let trace: &'static Trace = Box::leak(Box::new(trace));
        if trace.n_agents == 1 {
            for_all!(add_local, &mut table, trace);
            add_local::<Bare>(&mut table, trace);
        }
        for_all!(add_shared, &mut table, trace);
    }
    for_all!(add_synthetic, &mut table, 1_000_000);
    add_synthetic::<Bare>(&mut table, 1_000_000);
    for_all!(add_long, &mut table);
    let (two, many) = ("two apart, 50,000 random edits each", "64 apart, 500 characters typed each");
    for_all!(add_apart, &mut table, two, 2, 100_000, 50_000, false);
    for_all!(add_apart, &mut table, many, 64, 10_000, 500, true);
    for (row, peers) in &mut table.rows {
        if !words.is_empty() && !words.iter().any(|word| row.contains(word.as_str())) {
            continue;
        }
        let mut figures: BTreeMap<usize, Vec<Figure>> = BTreeMap::new();
        for round in 0..n_rounds {
            // In turns, and every second time in reverse: what drifts drifts for all.
            let mut order: Vec<usize> = (0..peers.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for i in order {
                if skipped.iter().any(|name| name == peers[i].0) {
                    continue;
                }
                if let Some(figure) = peers[i].1() {
                    figures.entry(i).or_default().push(figure);
                }
            }
        }
        let mut best = BTreeMap::new();
        for (i, figures) in &mut figures {
            figures.sort_by(|a, b| a.partial_cmp(b).expect("of one kind"));
            best.insert(*i, (figures[0], figures[figures.len() / 2]));
        }
        let own = best.get(&0).map(|(min, _)| number(*min));
        for (i, (min, median)) in &best {
            let (peer, ratio) = (peers[*i].0, own.map(|own| own / number(*min)));
            if is_json {
                let (min, median) = (number(*min), number(*median));
                println!(
                    "{}",
                    serde_json::json!({"row": row, "peer": peer, "min": min, "median": median, "coedit_ratio": ratio})
                );
            } else {
                let ratio = ratio
                    .filter(|_| *i != 0)
                    .map_or(String::new(), |ratio| format!("coedit is {ratio:.2} ×"));
                println!("{row:<44} {peer:<14} {:>12} {:>12}  {ratio}", shown(*min), shown(*median));
            }
        }
    }
}
