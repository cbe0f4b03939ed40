//! Connections that break, stall or are dead, and people who are gone for a while.

use coedit::sim::{Options, secret};
use coedit::sync::{Input, Status};

use crate::{check_converged, shared, world};

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
