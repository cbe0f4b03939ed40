//! The tree against a plain vector of elements.

use super::*;
use crate::base::rng::Rng;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Element {
    id: ElementId,
    lamport: u32,
    dead: bool,
}

#[derive(Default)]
struct Plain {
    elements: Vec<Element>,
    next_seq: [u32; 3],
    lamport: u32,
}

impl Plain {
    fn index_of_visible(&self, at: u32) -> usize {
        let visible = self.elements.iter().enumerate().filter(|(_, e)| !e.dead);
        visible.map(|(i, _)| i).nth(at as usize).expect("in range")
    }

    fn new_run(&mut self, replica: u32, len: u32, tick: u32) -> Run {
        self.lamport += tick;
        let run = Run::new(replica, self.next_seq[replica as usize], self.lamport, len);
        self.next_seq[replica as usize] += len;
        self.lamport += len;
        run
    }

    fn insert(&mut self, after: Option<usize>, run: Run) {
        let ids = ids();
        let mut at = after.map_or(0, |i| i + 1);
        while at < self.elements.len() {
            let e = self.elements[at];
            if (e.lamport, ids[e.id.replica as usize]) < (run.lamport, ids[run.replica as usize]) {
                break;
            }
            at += 1;
        }
        let new = (0..run.len()).map(|i| Element {
            id: ElementId { replica: run.replica, seq: run.seq + i },
            lamport: run.lamport + i,
            dead: false,
        });
        self.elements.splice(at..at, new);
    }
}

fn ids() -> Vec<ReplicaId> {
    vec![ReplicaId::new(7), ReplicaId::new(3), ReplicaId::new(u64::MAX)]
}

fn elements_of(rga: &Rga) -> Vec<Element> {
    let expand = |run: Run| {
        (0..run.len()).map(move |i| Element {
            id: ElementId { replica: run.replica, seq: run.seq + i },
            lamport: run.lamport + i,
            dead: run.is_dead(),
        })
    };
    rga.runs().flat_map(expand).collect()
}

fn step(rng: &mut Rng, rga: &mut Rga, plain: &mut Plain) {
    let n_visible = rga.len_visible();
    match rng.below(6) {
        0 | 1 => {
            let at = rng.below(u64::from(n_visible) + 1) as u32;
            let run = plain.new_run(0, 1 + rng.below(4) as u32, 1);
            let after = at.checked_sub(1).map(|left| plain.index_of_visible(left));
            let reference = rga.insert_local(at, run);
            assert_eq!(reference, after.map(|i| plain.elements[i].id));
            plain.insert(after, run);
        }
        2 if 0 < n_visible => {
            let at = rng.below(u64::from(n_visible)) as u32;
            let n = 1 + rng.below(u64::from((n_visible - at).min(9))) as u32;
            let mut killed = 0;
            rga.delete_local(at, n, |span| killed += span.len);
            assert_eq!(killed, n);
            for _ in 0..n {
                let i = plain.index_of_visible(at);
                plain.elements[i].dead = true;
            }
        }
        3 | 4 => {
            let replica = 1 + rng.below(2) as u32;
            let after = rng.below(plain.elements.len() as u64 + 1).checked_sub(1).map(|i| i as usize);
            let run = plain.new_run(replica, 1 + rng.below(3) as u32, rng.below(2) as u32);
            let at =
                rga.insert_remote(after.map(|i| plain.elements[i].id), run).expect("the reference is here");
            plain.insert(after, run);
            let i =
                plain.elements.iter().position(|e| e.id.replica == replica && e.id.seq == run.seq).unwrap();
            assert_eq!(at as usize, plain.elements[..i].iter().filter(|e| !e.dead).count());
        }
        _ if !plain.elements.is_empty() => {
            let id = plain.elements[rng.below(plain.elements.len() as u64) as usize].id;
            let span = Span { replica: id.replica, seq: id.seq, len: 1 };
            assert!(rga.delete_remote(span, |_, n| assert_eq!(n, 1)));
            plain.elements.iter_mut().find(|e| e.id == id).unwrap().dead = true;
        }
        _ => {}
    }
}

#[test]
fn random_edits_agree_with_a_plain_vector() {
    for seed in 0..60 {
        println!("seed {seed}");
        let mut rng = Rng::new(seed);
        let mut rga = Rga::new();
        ids().into_iter().for_each(|id| rga.add_replica(id));
        let mut plain = Plain::default();
        for n in 0..600 {
            step(&mut rng, &mut rga, &mut plain);
            if n % 20 == 0 {
                rga.check_invariants();
                assert_eq!(elements_of(&rga), plain.elements);
                for (i, e) in plain.elements.iter().enumerate().step_by(7) {
                    let before = plain.elements[..i].iter().filter(|e| !e.dead).count() as u32;
                    assert_eq!(rga.position(e.id), Some((before, !e.dead)));
                }
            }
        }
        let mut leaves = Leaves::with_room(0);
        rga.runs().for_each(|run| leaves.push(run));
        let rebuilt = Rga::from_leaves(ids(), leaves);
        rebuilt.check_invariants();
        assert_eq!(elements_of(&rebuilt), plain.elements);
    }
}

/// Each author knows some first characters of the others, and refers to what it knows.
#[test]
fn siblings_by_the_hundred_stand_where_a_plain_walk_puts_them() {
    for seed in 0..20 {
        println!("seed {seed}");
        let mut rng = Rng::new(seed);
        let mut rga = Rga::new();
        ids().into_iter().for_each(|id| rga.add_replica(id));
        let mut plain = Plain::default();
        let mut lamports = [0; 3];
        for n in 0..800 {
            let replica = rng.below(3) as usize;
            // Mostly at one place.
            let after = match rng.below(4) {
                0 => rng.below(plain.elements.len() as u64 + 1).checked_sub(1).map(|i| i as usize),
                _ => None,
            };
            let reference = after.map(|i| plain.elements[i]);
            let lamport = 1 + lamports[replica].max(reference.map_or(0, |element| element.lamport));
            let run = Run::new(replica as u32, plain.next_seq[replica], lamport, 1 + rng.below(2) as u32);
            plain.next_seq[replica] += run.len();
            lamports[replica] = lamport + run.len() - 1;
            rga.insert_remote(reference.map(|element| element.id), run).expect("the reference is here");
            plain.insert(after, run);
            if n % 100 == 99 {
                rga.check_invariants();
                assert_eq!(elements_of(&rga), plain.elements);
            }
        }
    }
}

#[test]
fn concurrent_inserts_after_one_character_stand_higher_replica_first() {
    let mut rga = Rga::new();
    ids().into_iter().for_each(|id| rga.add_replica(id));
    rga.insert_local(0, Run::new(0, 0, 1, 5));
    let e = Some(ElementId { replica: 0, seq: 1 });
    assert_eq!(rga.insert_remote(e, Run::new(1, 0, 6, 1)), Some(2));
    assert_eq!(rga.insert_remote(e, Run::new(2, 0, 6, 1)), Some(2));
}

#[test]
fn typing_on_makes_one_run_and_backspacing_two() {
    let mut rga = Rga::new();
    rga.add_replica(ReplicaId::new(1));
    for i in 0..1000 {
        rga.insert_local(i, Run::new(0, i, i + 1, 1));
    }
    assert_eq!(rga.runs().count(), 1);
    for i in (500..1000).rev() {
        rga.delete_local(i, 1, |_| {});
    }
    assert_eq!(rga.runs().count(), 2);
}
