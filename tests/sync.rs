//! Clients and a relay in simulated worlds: seeds by the hundred, every seed that ever failed, and scenes made by hand.
//! `docs/TESTING.md` says how to run more seeds, or one again.

use coedit::base::limits;
use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::{ApplyError, Document};
use coedit::protocol::Epoch;
use coedit::protocol::capability::Secret;
use coedit::protocol::frame::Frame;
use coedit::sim::options::Hostile;
use coedit::sim::{self, EPOCH, Options, World, secret};
use coedit::sync::{Input, Status};

/// Seeds in one run, unless `COEDIT_SEEDS` says otherwise.
const N_SEEDS: u64 = 500;

fn number_from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[track_caller]
fn check_seed(seed: u64) -> sim::Outcome {
    match std::panic::catch_unwind(|| sim::run(seed)) {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(failure)) => panic!("COEDIT_SEED={seed}: {failure}; {:?}", Options::draw(seed)),
        Err(_) => panic!("COEDIT_SEED={seed} panicked; {:?}", Options::draw(seed)),
    }
}

#[test]
fn nothing_is_lost_in_any_world() {
    let seeds = match number_from_env("COEDIT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number_from_env("COEDIT_SEEDS").unwrap_or(N_SEEDS),
    };
    let n_ops: u64 = seeds.map(|seed| check_seed(seed).n_ops).sum();
    assert!(0 < n_ops, "nobody did anything");
}

/// Each broke a rule once; what was wrong has a scene of its own as well.
#[test]
fn seeds_that_failed_keep_every_rule() {
    for seed in [1_002_129, 1_012_869, 1_022_475] {
        check_seed(seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_world() {
    for seed in 0..20 {
        assert_eq!(check_seed(seed), check_seed(seed), "seed {seed}");
    }
    assert_ne!(check_seed(0).trace, check_seed(1).trace);
}

fn world(seed: u64, options: Options) -> World {
    let mut world = World::new(seed, options);
    world.add(&secret(), Some(("the first text\n", EPOCH)));
    world.run(500);
    world
}

fn shared(seed: u64, n: usize) -> World {
    let mut world = world(seed, Options::quiet());
    for _ in 1..n {
        world.add(&secret(), None);
    }
    world.run(1_000);
    check_converged(&world);
    world
}

#[track_caller]
fn check_converged(world: &World) {
    if let Err(failure) = world.outcome() {
        panic!("{failure}");
    }
    assert_eq!(world.unconverged(), None);
}

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
fn a_stalled_connection_shows_as_offline_soon_and_nothing_is_lost() {
    let mut world = shared(7, 2);
    world.set_out_of_reach(0, true);
    for _ in 0..100 {
        world.edit(0);
        world.run(150);
    }
    let status = world.room(0).status().clone();
    let Status::Offline { n_kept, .. } = status else { panic!("{status:?}") };
    assert!(50 < n_kept, "{n_kept}");
    let words = status.words("", world.now_at(0));
    assert!(words.starts_with("offline · "), "{words}");
    world.set_out_of_reach(0, false);
    world.run(40_000);
    check_converged(&world);
}

#[test]
fn lines_put_on_top_while_the_relay_was_gone_stay_blocks() {
    let mut world = shared(21, 3);
    world.kill_relay(0, false);
    world.run(2_000);
    for n in (1..=20).rev() {
        for i in [0, 1] {
            world.edit_with(i, |doc| doc.insert(0, &format!("{i}-{n}\n")).expect("inside"));
        }
        world.run(50);
    }
    world.restart_relay(0);
    world.run(40_000);
    check_converged(&world);
    let block = |i: usize| (1..=20).map(|n| format!("{i}-{n}\n")).collect::<String>();
    let text = world.text(2);
    assert!(text.contains(&block(0)) && text.contains(&block(1)), "{text}");
}

#[test]
fn whoever_is_killed_amid_rewriting_has_nothing_twice() {
    for (seed, ms) in (0..).zip((0..1_200).step_by(8)) {
        let mut world = world(seed, Options { disk_ms: 400, ..Options::quiet() });
        world.add(&secret(), None);
        world.run(3_000);
        world.kill_relay(0, false);
        world.run(1_000);
        for n in (1..=9).rev() {
            world.edit_with(0, |doc| doc.insert(0, &n.to_string()).expect("inside"));
        }
        world.run(1_000);
        world.restart_relay(0);
        world.input(0, Input::RetryNow);
        // Another try, while the disk may not have it yet.
        world.run(ms / 2);
        world.cut(0);
        world.input(0, Input::RetryNow);
        world.run(ms / 2);
        world.kill_client(0, false);
        world.run(1_000);
        world.start_client(0);
        world.run(40_000);
        check_converged(&world);
        assert_eq!(world.text(1), "123456789the first text\n", "seed {seed}, killed after {ms} ms");
    }
}

#[test]
fn what_was_deleted_while_the_relay_was_gone_is_never_sent() {
    let mut world = shared(22, 2);
    world.kill_relay(0, false);
    world.run(2_000);
    for _ in 0..50 {
        world.edit_with(0, |doc| doc.insert(3, &"a long thought ".repeat(20)).expect("inside"));
        world.edit_with(0, |doc| doc.delete(3..303).expect("inside"));
    }
    world.edit_with(0, |doc| doc.insert(3, "!").expect("inside"));
    let n_before = world.n_bytes_up();
    world.restart_relay(0);
    world.run(40_000);
    check_converged(&world);
    let n_bytes = world.n_bytes_up() - n_before;
    assert!(n_bytes < 1_500, "{n_bytes} bytes");
    assert_eq!(world.text(1), "the! first text\n");
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

/// What a killed program had not sent was left out for good while its connection was still thought to stand, and all that
/// its user typed since waited for it.
#[test]
fn who_restarts_behind_a_dead_connection_is_in_step_once_that_is_given_up() {
    let mut world = shared(17, 2);
    world.set_out_of_reach(0, true);
    (0..5).for_each(|_| world.edit(0));
    world.run(100);
    world.kill_client(0, true);
    world.set_out_of_reach(0, false);
    world.start_client(0);
    world.edit(0);
    world.run(100_000);
    check_converged(&world);
}

/// Whoever came just before a silent person was dropped saw that person for another minute.
#[test]
fn nobody_is_shown_longer_to_whoever_came_late() {
    let mut world = shared(18, 2);
    world.show(1);
    world.run(1_000);
    world.kill_client(1, true);
    world.run(58_000);
    let late = world.add(&secret(), None);
    world.run(1_000);
    assert_eq!(world.room(late).people().len(), 1);
    world.run(2_000);
    assert_eq!(world.room(late).people().len(), 0);
}

/// Somebody's power goes. When the relay drops the name, another's connection is dead and nobody has noticed: that one was told anew
/// shortly before, and has to find out alone.
#[test]
fn a_name_is_gone_in_time_where_the_connection_is_dead_as_well() {
    for (seed, dead_after_ms) in (0..).zip((1_000..60_000).step_by(3_000)) {
        let mut world = shared(seed, 3);
        world.show(1);
        world.run(1_000);
        world.kill_client(1, true);
        world.run(dead_after_ms - 1_000);
        world.cut(2);
        world.run(10);
        world.input(2, Input::RetryNow);
        world.run(990);
        assert_eq!(world.room(2).people().len(), 1, "{dead_after_ms} ms: told anew");
        world.set_out_of_reach(2, true);
        world.run(91_500 - dead_after_ms);
        assert_eq!(world.room(2).people().len(), 0, "dead after {dead_after_ms} ms");
    }
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

/// Streams, polls and posts are lost, doubled, late and cut, and made again.
#[test]
fn connections_by_requests_lose_nothing_in_a_bad_network() {
    for seed in 0..20 {
        let options = Options {
            requests_percent: 100,
            n_writers: 3,
            n_acts: 150,
            jitter_ms: 500,
            lost: 40,
            duplicated: 200,
            cut: 8,
            half_open: 3,
            kill_server: 2,
            presence: 8,
            ..Options::quiet()
        };
        if let Err(failure) = sim::run_with(seed, options) {
            panic!("seed {seed}: {failure}");
        }
    }
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

/// Somebody brings another's edit to a relay that lost it, and it is left out, as its author is there. Once the author had brought it,
/// the first went on showing it as being sent: hearing again what it had did not count as news of it.
#[test]
fn what_was_left_out_is_acknowledged_once_its_author_has_brought_it() {
    let options = Options {
        n_writers: 5,
        n_late: 1,
        hostile: Hostile::Outsider,
        jitter_ms: 1,
        bytes_per_ms: 100_000,
        disk_ms: 4_000,
        duplicated: 60,
        snapshot_after_records: 3,
        upload_bytes_max: 1_000,
        n_acts: 137,
        gap_ms: 2_000,
        hot_percent: 50,
        half_open: 1,
        kill_client: 4,
        quit_client: 2,
        power: 3,
        flip: 2,
        restore: 1,
        sleep: 1,
        retry: 3,
        save: 3,
        presence: 6,
        presses_retry: true,
        ..Options::quiet()
    };
    if let Err(failure) = sim::run_with(1_500, options) {
        panic!("{failure}");
    }
}

/// An afternoon of many people, in which something breaks every other minute: no queue grows, and they end in step.
#[test]
fn four_hours_of_many_people_end_in_step() {
    let n_writers = number_from_env("COEDIT_CLIENTS").unwrap_or(16) as usize;
    let options = Options {
        n_writers,
        n_readers: 2,
        n_late: n_writers / 2,
        requests_percent: 20,
        snapshot_after_records: 200,
        n_acts: 1_500,
        gap_ms: 20_000,
        undo_percent: 5,
        n_chars_edit: 20,
        cut: 1,
        half_open: 1,
        partition: 1,
        kill_client: 1,
        quit_client: 1,
        kill_server: 1,
        power: 1,
        sleep: 1,
        save: 2,
        presence: 8,
        ..Options::quiet()
    };
    match sim::run_with(27, options) {
        Ok(outcome) => assert!(4 * 3_600_000 < outcome.simulated.0, "{outcome:?}"),
        Err(failure) => panic!("{failure}"),
    }
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

#[test]
fn a_night_asleep_ends_in_step() {
    let mut world = shared(16, 2);
    world.set_out_of_reach(1, true);
    world.edit(0);
    world.run(8 * 3_600_000);
    world.edit(1);
    world.set_out_of_reach(1, false);
    world.input(1, Input::RetryNow);
    world.run(2_000);
    check_converged(&world);
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
