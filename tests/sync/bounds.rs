//! What is as large as it may be, or larger, and who keeps to no rule.

use coedit::base::limits;
use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::{ApplyError, Document};
use coedit::protocol::frame::Frame;
use coedit::sim::{EPOCH, Options, World, secret};
use coedit::sync::Status;

use crate::{check_converged, shared, world};

#[test]
fn a_history_of_as_many_authors_as_there_may_be_is_taken_in_acknowledged_and_joined() {
    let mut world = shared(11, 2);
    let mut many = Document::new(ReplicaId::new(1 << 40));
    let n_authors = limits::DOCUMENT_REPLICAS_MAX as u64 - 10;
    world.edit_with(0, |doc| {
        for author in 1..=n_authors {
            let mut one = Document::new(ReplicaId::new(u64::MAX - author));
            one.insert(0, "x").expect("inside");
            let batch = one.changes_since(&VersionVector::default());
            doc.apply(&batch).expect("valid");
            if author % 2 == 0 {
                many.apply(&batch).expect("valid");
            }
        }
    });
    // Others' operations are taken from whoever catches up.
    world.cut(0);
    world.run(10_000);
    check_converged(&world);
    assert_eq!(world.room(0).n_unacknowledged(), 0);
    world.add(&secret(), None);
    world.run(5_000);
    check_converged(&world);

    // One author more than there may be is refused by everybody, and changes nothing.
    for author in 0..20 {
        let mut one = Document::new(ReplicaId::new(author + 1_000));
        one.insert(0, "y").expect("inside");
        _ = many.apply(&one.changes_since(&VersionVector::default()));
    }
    let before = world.text(1);
    world.edit_with(1, |doc| {
        let refused = doc.apply(&many.changes_since(&VersionVector::default()));
        assert!(matches!(refused, Err(ApplyError::TooManyReplicas { .. })), "{refused:?}");
        doc.check_invariants();
    });
    assert_eq!(world.text(1), before);
}

#[test]
fn a_text_larger_than_a_server_takes_at_once_goes_in_several_transfers() {
    let options = Options { upload_bytes_max: 100_000, ..Options::quiet() };
    let mut world = World::new(15, options);
    world.add(&secret(), Some((&"all of it\n".repeat(50_000), EPOCH)));
    world.run(5_000);
    let guest = world.add(&secret(), None);
    world.run(5_000);
    assert_eq!(world.text(guest).len(), 500_000);
    check_converged(&world);
}

/// Edits of many in turns need more bytes for an operation than is usual: what was cut by the usual was refused, and whoever
/// could have brought it back to a relay with an older disk was denied for good.
#[test]
fn edits_of_many_go_back_to_a_relay_that_takes_little_at_once() {
    const N_AUTHORS: usize = 30;
    let mut world = World::new(25, Options { upload_bytes_max: 1_000, ..Options::quiet() });
    world.add(&secret(), Some(("", EPOCH)));
    for _ in 0..N_AUTHORS {
        world.add(&secret(), None);
    }
    world.run(1_000);
    for n in 0..3 * N_AUTHORS {
        world.edit_with(1 + n % N_AUTHORS, |doc| doc.insert(n, "x").expect("inside"));
        world.run(300);
    }
    check_converged(&world);
    // All but the first are gone, and so is what the relay had of them.
    (1..=N_AUTHORS).for_each(|i| world.kill_client(i, false));
    world.kill_relay(0, false);
    world.restore_relay(0, 1);
    world.restart_relay(0);
    world.run(40_000);
    check_converged(&world);
    let guest = world.add(&secret(), None);
    world.run(2_000);
    assert_eq!(world.text(guest), world.text(0));
}

#[test]
fn a_document_that_grows_too_large_can_still_be_read_and_says_why() {
    let mut world = world(16, Options { document_bytes_max: 2_000, ..Options::quiet() });
    world.run(2_000);
    world.edit_with(0, |doc| doc.insert(0, &"0123456789".repeat(300)).expect("inside"));
    world.run(2_000);
    world.edit_with(0, |doc| doc.insert(0, "more").expect("inside"));
    world.run(2_000);
    let status = world.room(0).status();
    assert!(
        matches!(status, Status::Paused { n_kept: 4, sentence } if sentence.contains("keeps 2000")),
        "{status:?}"
    );
    let reader = world.add(&secret().read_only(), None);
    world.run(2_000);
    assert_eq!(world.text(reader).len(), 3_015);
}

#[test]
fn a_relay_with_as_many_documents_as_it_may_have_creates_no_more() {
    let mut world = world(17, Options { documents_stored_max: 0, ..Options::quiet() });
    let guest = world.add(&secret(), None);
    world.run(5_000);
    let status = world.room(0).status();
    assert!(
        matches!(status, Status::Denied { sentence, .. } if sentence.contains("as many documents")),
        "{status:?}"
    );
    let status = world.room(guest).status();
    assert!(
        matches!(status, Status::Denied { sentence, .. } if sentence.contains("no such document")),
        "{status:?}"
    );
}

#[test]
fn garbage_closes_its_own_link_only() {
    let mut world = shared(9, 2);
    let link = world.link(0).expect("online");
    world.server_packet(link, b"\x02\x63\x00");
    world.run(100);
    assert!(matches!(world.room(1).status(), Status::Synced { .. }));
    world.run(5_000);
    check_converged(&world);
}

#[test]
fn a_link_that_asks_and_never_reads_is_ended() {
    let mut world = shared(12, 2);
    let link = world.link(1).expect("online");
    let pings: Vec<u8> = (0..10_000u64).flat_map(|n| Frame::Ping(u64::MAX - n).to_packet()).collect();
    // Nothing is reported as written meanwhile: the socket is full.
    for _ in 0..60 {
        world.server_packet(link, &pings);
    }
    assert!(!world.serves(link), "it is still served");
    world.run(40_000);
    check_converged(&world);
}

#[test]
fn nobody_brings_operations_of_somebody_who_is_here() {
    let mut world = shared(13, 3);
    // Client 1 forges the next operation of client 2.
    let mut forged = Document::new(world.replica(2));
    forged.insert(0, "forged").expect("inside");
    let batch = Frame::Batch(&forged.changes_since(&VersionVector::default())).to_packet();
    let link = world.link(1).expect("online");
    world.server_packet(link, &batch);
    world.run(500);
    world.edit_with(2, |doc| doc.insert(0, "true ").expect("inside"));
    world.run(1_000);
    check_converged(&world);
    assert_eq!(world.text(0), "true the first text\n");
}
