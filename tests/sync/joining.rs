//! Who comes, with what, and what that costs.

use coedit::base::limits;
use coedit::protocol::Epoch;
use coedit::protocol::capability::Secret;
use coedit::sim::{EPOCH, Options, World, secret};
use coedit::sync::Status;

use crate::{check_converged, shared};

#[test]
fn a_joiner_gets_the_text_and_both_type() {
    let mut world = shared(1, 2);
    assert_eq!((world.text(1).as_str(), world.name(1)), ("the first text\n", "notes.txt"));
    (0..200).for_each(|i| {
        world.edit(i % 2);
        world.run(5);
    });
    world.run(1_000);
    check_converged(&world);
}

#[test]
fn reconnection_sends_only_what_is_missing() {
    let mut world = shared(3, 2);
    world.edit_with(0, |doc| doc.insert(0, &"0123456789".repeat(20_000)).expect("inside"));
    world.run(3_000);
    check_converged(&world);
    world.cut(1);
    world.edit(0);
    world.run(100);
    world.take_n_bytes_down();
    world.run(4_000);
    check_converged(&world);
    let n_bytes = world.take_n_bytes_down();
    assert!(n_bytes < 1_024, "{n_bytes} bytes");
}

#[test]
fn a_wrong_secret_and_an_unknown_document_are_answered_alike() {
    let mut known = shared(4, 1);
    let wrong = known.add(&Secret::from_random([9; 32]), None);
    known.run(1_000);
    let mut empty = World::new(4, Options::quiet());
    let unknown = empty.add(&secret(), None);
    empty.run(1_000);
    let answer = known.room(wrong).status();
    assert!(matches!(answer, Status::Denied { .. }), "{answer:?}");
    assert_eq!(answer, empty.room(unknown).status());
}

/// Somebody who was told that there is no such document did not ask again, though the link had only come faster than the text.
#[test]
fn who_comes_before_the_document_is_let_in_once_it_is_there() {
    let mut world = World::new(4, Options::quiet());
    let early = world.add(&secret(), None);
    for _ in 0..20 {
        world.run(1_000);
        // Said all along, also while it is asked again.
        assert!(matches!(world.room(early).status(), Status::Denied { .. }));
    }
    world.add(&secret(), Some(("the first text\n", EPOCH)));
    world.run(40_000);
    check_converged(&world);
    assert_eq!(world.text(early), "the first text\n");
}

#[test]
fn two_histories_are_never_united() {
    let mut world = shared(5, 1);
    let other = world.add(&secret(), Some(("another text", Epoch::from_bytes([8; 16]))));
    world.run(1_000);
    assert!(matches!(world.room(other).status(), Status::Denied { .. }));
    assert_eq!(world.text(0), "the first text\n");
    assert_eq!(world.text(other), "another text");
}

#[test]
fn a_reader_reads_and_its_edits_reach_nobody() {
    let mut world = shared(6, 1);
    let reader = world.add(&secret().read_only(), None);
    world.run(1_000);
    assert_eq!(world.text(reader), "the first text\n");
    world.edit(reader);
    world.run(1_000);
    assert!(matches!(world.room(reader).status(), Status::ReadOnly { n_kept: 1, .. }));
    assert_eq!(world.text(0), "the first text\n");
    check_converged(&world);
}

#[test]
fn a_live_keystroke_costs_at_most_fourteen_bytes() {
    let mut world = shared(11, 2);
    // The first after a start names what the text began with.
    world.edit_with(0, |doc| doc.insert(0, "x").expect("inside"));
    world.run(200);
    for i in 1..10 {
        let before = world.n_bytes_up();
        world.edit_with(0, |doc| doc.insert(i, "x").expect("inside"));
        let sent = world.n_bytes_up() - before;
        assert!(0 < sent && sent <= 14, "{sent} bytes");
        world.run(200);
    }
}

#[test]
fn who_joins_a_long_history_gets_a_snapshot_and_what_came_since() {
    let mut world = shared(14, 1);
    // Typed and deleted again and again: a long history and a short text.
    for _ in 0..60 {
        world.edit_with(0, |doc| {
            let len = doc.len_chars();
            for i in 0..250 {
                doc.insert(len + i, "x").expect("inside");
            }
            doc.delete(len..len + 240).expect("inside");
        });
        world.run(20);
    }
    world.run(500);
    world.take_n_bytes_down();
    let late = world.add(&secret(), None);
    world.run(50);
    world.edit(0);
    world.run(1_500);
    check_converged(&world);
    assert_eq!(world.text(late), world.text(0));
    let n_ops = world.n_ops();
    assert!(limits::JOIN_TAIL_OPS_MAX < n_ops, "{n_ops} operations are no long history");
    // Nothing like an operation each: runs, in a snapshot that was made once for all who join.
    let n_bytes = world.take_n_bytes_down();
    assert!(n_bytes < 40_000, "{n_bytes} bytes for {n_ops} operations");
}
