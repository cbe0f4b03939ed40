//! Disks that are full, damaged, or an older copy.

use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::Document;
use coedit::protocol::frame::Frame;
use coedit::sim::{Options, World, secret};
use coedit::sync::{Input, Status};

use crate::{check_converged, shared};

#[test]
fn a_full_disk_pauses_writers_and_loses_nothing() {
    let mut world = shared(8, 2);
    world.set_full(0, true);
    (0..20).for_each(|i| {
        world.edit(i % 2);
        world.run(50);
    });
    world.run(500);
    let status = world.room(0).status();
    assert!(matches!(status, Status::Paused { .. }), "{status:?}");
    world.set_full(0, false);
    world.run(5_000);
    check_converged(&world);
}

#[test]
fn an_idle_document_is_unloaded_and_comes_back() {
    let mut world = shared(10, 1);
    world.set_out_of_reach(0, true);
    world.cut(0);
    world.run(70_000);
    assert_eq!(world.n_documents(), 0);
    world.set_out_of_reach(0, false);
    world.run(40_000);
    check_converged(&world);
}

/// Everybody who was there brings all of it to a relay that lost the newest, the author among them: whoever comes first is left out.
#[test]
fn whoever_brings_anothers_edit_before_its_author_does_is_in_step_as_well() {
    for seed in 0..40 {
        let mut world = shared(seed, 4);
        for n in 0..12 {
            world.edit(1 + n % 3);
            world.run(200);
        }
        world.kill_relay(0, false);
        world.restore_relay(0, 1);
        world.restart_relay(0);
        (0..4).for_each(|i| world.input(i, Input::RetryNow));
        world.run(6_000);
        check_converged(&world);
    }
}

/// What waits at a client came from the server; whether the server still has it when its causes come, nobody knows. It was taken
/// for known there, and stayed with that client alone.
#[test]
fn what_waited_for_its_causes_is_brought_back_to_a_server_that_lost_it() {
    let mut world = shared(19, 2);
    let mut gone = Document::new(ReplicaId::new(77));
    gone.insert(0, "one ").expect("inside");
    let first = gone.version();
    let causes = gone.changes_since(&VersionVector::default());
    gone.insert(4, "two ").expect("inside");
    let rest = gone.changes_since(&first);
    let link = world.link(1).expect("online");
    world.input(1, Input::Packet { link, bytes: &Frame::Batch(&rest).to_packet() });
    assert_eq!(world.text(1), "the first text\n");
    // Somebody else has the causes, but not what needs them.
    world.edit_with(0, |doc| _ = doc.apply(&causes).expect("valid"));
    world.cut(0);
    world.run(10_000);
    check_converged(&world);
    assert!(world.text(0).contains("two "), "{}", world.text(0));
}

/// After a relay came back with an older disk its clients went on saying that all was acknowledged, and looked for no sign of
/// life while they sent it again.
#[test]
fn a_relay_that_lost_what_it_acknowledged_is_not_believed_any_more() {
    let mut world = shared(20, 2);
    (0..20).for_each(|_| world.edit(0));
    world.run(1_000);
    check_converged(&world);
    world.kill_relay(0, true);
    world.restore_relay(0, 2);
    world.set_full(0, true);
    world.restart_relay(0);
    world.run(100_000);
    let status = world.room(0).status();
    assert!(matches!(status, Status::Paused { n_kept: 20, .. }), "{status:?}");
    world.set_full(0, false);
    world.run(10_000);
    check_converged(&world);
}

/// A bit flips in the relay's store. Whoever asks is told that there is an error, not that there is another text or none; once the
/// operator has taken the copy from before, the clients bring back the rest.
#[test]
fn a_flipped_bit_at_a_relay_is_told_and_what_it_cost_comes_back() {
    let mut world = shared(22, 2);
    (0..20).for_each(|i| {
        world.edit(i % 2);
        world.run(100);
    });
    world.run(1_000);
    check_converged(&world);
    let text = world.text(0);
    world.kill_relay(0, true);
    world.flip_store(0);
    world.restart_relay(0);
    let guest = world.add(&secret(), None);
    world.run(60_000);
    assert_eq!(world.outcome().err(), None);
    for i in [0, 1, guest] {
        let status = world.room(i).status();
        assert!(!matches!(status, Status::Synced { .. }), "client {i}: {status:?}");
    }
    assert_eq!((world.text(0), world.text(guest)), (text.clone(), String::new()));
    world.mend_store(0);
    world.restart_relay(0);
    world.run(60_000);
    check_converged(&world);
    assert_eq!(world.text(guest), text);
}

#[test]
fn a_record_with_a_flipped_bit_is_not_opened_and_its_user_joins_anew() {
    let mut world = shared(23, 2);
    (0..20).for_each(|_| world.edit(1));
    world.run(1_000);
    world.kill_client(1, false);
    world.flip_journal(1);
    world.start_client(1);
    assert!(!world.is_running(1), "a damaged record was opened");
    world.mend_journal(1);
    world.start_client(1);
    world.run(2_000);
    check_converged(&world);
    assert_eq!(world.text(1), world.text(0));
}

/// One machine has documents at two relays and hosts a third: what befalls one server concerns its own document alone.
#[test]
fn a_relay_that_is_restored_disturbs_no_other() {
    let options = Options { n_servers: 3, hosts: [false, false, true], ..Options::quiet() };
    let mut world = World::new(24, options);
    for place in 0..3 {
        let (secret, epoch) = world.document_at(place);
        let first = format!("the text at {place}\n");
        world.add_at(place, 0, &secret, Some((&first, epoch)));
        world.add_at(place, 3, &secret, None);
    }
    world.run(2_000);
    check_converged(&world);
    (0..6).for_each(|i| world.edit(i));
    world.run(1_000);
    world.kill_relay(0, true);
    world.restore_relay(0, 1);
    for i in 0..6 {
        world.edit(i);
        world.run(200);
    }
    for i in 2..6 {
        let status = world.room(i).status();
        assert!(matches!(status, Status::Synced { .. } | Status::Hosting { .. }), "client {i}: {status:?}");
    }
    world.restart_relay(0);
    world.run(40_000);
    check_converged(&world);
}

/// What only a reader has cannot be brought back, and stays with the reader.
#[test]
fn a_reader_keeps_what_a_restored_relay_does_not_have() {
    let mut world = shared(21, 2);
    let reader = world.add(&secret().read_only(), None);
    world.run(1_000);
    world.set_out_of_reach(1, true);
    world.edit_with(0, |doc| doc.insert(0, "kept? ").expect("inside"));
    world.run(1_000);
    world.kill_client(0, true);
    world.restore_journal(0, 1);
    world.kill_relay(0, true);
    world.restore_relay(0, 2);
    world.restart_relay(0);
    world.set_out_of_reach(1, false);
    world.run(100_000);
    check_converged(&world);
    let (has, has_not) = (world.text(reader), world.text(1));
    assert_eq!((has.as_str(), has_not.as_str()), ("kept? the first text\n", "the first text\n"));
}
