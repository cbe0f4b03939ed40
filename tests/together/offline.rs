//! The network goes away, and nobody has to stop.

use std::time::Duration;

use crate::editing::Pair;
use crate::support::home::{Home, assert_document_becomes, assert_saves_as};
use crate::support::proxy::Proxy;
use crate::support::relay::Relay;
use crate::support::screen::Screen;

/// Characters that each side types without a network.
const N_CHARS: usize = 1_000;

/// A dead network is noticed at the latest after three silent heartbeats; with edits waiting, much earlier.
const PATIENCE_FOR_SILENCE: Duration = Duration::from_secs(100);

/// After that the retries come at most 30 s and their jitter apart.
const PATIENCE_FOR_RETRY: Duration = Duration::from_secs(60);

/// Types `N_CHARS` characters at the end, in lines of 50.
fn type_a_lot(screen: &Screen, ch: char) {
    screen.press("ctrl-end");
    for i in 0..N_CHARS {
        let key = if i % 50 == 49 { '\r' } else { ch };
        screen.type_text(&key.to_string());
    }
}

fn n_of(text: &str, ch: char) -> usize {
    text.matches(ch).count()
}

/// The text must hold every character of both sides, and each side's lines unbroken.
#[track_caller]
fn assert_both_are_whole(text: &str) {
    let n_letters = N_CHARS - N_CHARS / 50;
    assert_eq!((n_of(text, 'A'), n_of(text, 'B')), (n_letters, n_letters), "{text}");
    assert!(text.lines().all(|line| !(line.contains('A') && line.contains('B'))), "mixed lines: {text}");
}

#[track_caller]
fn wait_until_back(screen: &Screen) {
    screen.wait_at_most(PATIENCE_FOR_RETRY, "in sync again", |view| view.status().contains("synced"));
}

#[test]
fn both_sides_type_on_while_the_relay_is_dead_and_meet_when_it_is_back() {
    let mut pair = Pair::open("top\n");
    pair.relay.kill9();
    pair.on_ana.wait_for_status("offline");
    pair.on_ben.wait_for_status("offline");
    std::thread::scope(|scope| {
        scope.spawn(|| type_a_lot(&pair.on_ana, 'A'));
        scope.spawn(|| type_a_lot(&pair.on_ben, 'B'));
    });
    let says_kept = |screen: &Screen| {
        screen.wait_for("offline with edits kept", |view| {
            view.status().contains("offline") && view.status().contains("kept")
        });
    };
    says_kept(&pair.on_ana);
    says_kept(&pair.on_ben);
    pair.relay.restart();
    wait_until_back(&pair.on_ana);
    wait_until_back(&pair.on_ben);
    let text = pair.save_and_compare();
    assert_both_are_whole(&text);
}

#[test]
fn both_sides_type_on_while_the_network_swallows_everything_and_meet_when_it_is_back() {
    let relay = Relay::start();
    let proxy = Proxy::start(relay.port());
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    ana.file("ana.txt", "top\n");
    let link = ana.share("ana.txt", &proxy.url());
    let on_ana = ana.open(&["ana.txt", "--name", "ana"]);
    let on_ben = ben.join(&proxy.link_through(&link), "ben.txt");
    on_ana.wait_for_status("synced");
    on_ben.wait_for_status("synced");
    proxy.stall();
    std::thread::scope(|scope| {
        scope.spawn(|| type_a_lot(&on_ana, 'A'));
        scope.spawn(|| type_a_lot(&on_ben, 'B'));
    });
    for screen in [&on_ana, &on_ben] {
        let view = screen.wait_for("not called synced", |view| !view.status().contains("synced"));
        assert!(view.status().contains("sending") || view.status().contains("offline"), "{}", view.status());
        screen.wait_at_most(PATIENCE_FOR_SILENCE, "called offline", |view| view.status().contains("offline"));
    }
    proxy.restore();
    wait_until_back(&on_ana);
    wait_until_back(&on_ben);
    let text = Home::new("reader").run(&["cat", &relay.link_here(&link)]).stdout;
    assert_saves_as(&on_ana, &ana, "ana.txt", &text);
    assert_saves_as(&on_ben, &ben, "ben.txt", &text);
    assert_both_are_whole(&text);
}

#[test]
fn edits_made_offline_and_left_in_the_journal_arrive_when_the_file_is_opened_online() {
    let mut pair = Pair::open("top\n");
    pair.relay.kill9();
    pair.on_ana.wait_for_status("offline");
    pair.on_ana.press("ctrl-end");
    pair.on_ana.type_text("written on a train");
    pair.on_ana.wait_for_text("written on a train");
    pair.on_ana.save();
    let Pair { mut relay, link, ana, ben: _ben, on_ana, on_ben } = pair;
    on_ana.quit();
    relay.restart();
    let on_ana = ana.open(&["ana.txt"]);
    wait_until_back(&on_ana);
    on_ben.wait_at_most(PATIENCE_FOR_RETRY, "the edit of the traveller", |view| {
        view.contains("written on a train")
    });
    assert_document_becomes(&link, "top\nwritten on a train");
}

#[test]
fn connections_that_break_all_the_time_lose_nothing() {
    let relay = Relay::start();
    let proxy = Proxy::start(relay.port());
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    ana.file("ana.txt", "\n");
    let link = ana.share("ana.txt", &proxy.url());
    let on_ana = ana.open(&["ana.txt", "--name", "ana"]);
    let on_ben = ben.join(&link, "ben.txt");
    on_ana.wait_for_status("synced");
    on_ben.wait_for_status("synced");
    on_ana.press("ctrl-home");
    for i in 0..6 {
        on_ana.type_text(&format!("round {i}\r"));
        proxy.drop_all();
        on_ben.wait_at_most(PATIENCE_FOR_RETRY, "the round", |view| view.contains(&format!("round {i}")));
    }
    wait_until_back(&on_ana);
    assert_document_becomes(
        &relay.link_here(&link),
        "round 0\nround 1\nround 2\nround 3\nround 4\nround 5\n\n",
    );
}

#[test]
fn a_connection_that_is_refused_is_tried_again_and_the_status_line_says_when() {
    let relay = Relay::start();
    let proxy = Proxy::start(relay.port());
    let ana = Home::new("ana");
    ana.file("ana.txt", "top\n");
    let link = ana.share("ana.txt", &proxy.url());
    let on_ana = ana.open(&["ana.txt"]);
    on_ana.wait_for_status("synced");
    proxy.cut();
    on_ana.wait_for_status("offline");
    on_ana.type_text("typed meanwhile ");
    on_ana.wait_for("how many edits are kept, and the next attempt", |view| {
        view.status().contains("16 edits kept") && view.status().contains("retry in")
    });
    proxy.restore();
    wait_until_back(&on_ana);
    assert_document_becomes(&relay.link_here(&link), "typed meanwhile top\n");
}

#[test]
fn what_is_kept_is_counted_after_a_crash_as_before_it() {
    let mut relay = Relay::start();
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    ana.file("ana.txt", "a text of some length\n");
    let link = ana.share("ana.txt", &relay.url());
    let mut on_ben = ben.join(&link, "ben.txt");
    on_ben.wait_for_text("a text of some length");
    on_ben.save();
    on_ben.wait_for_status("synced");
    relay.kill9();
    on_ben.wait_for_status("offline");
    on_ben.type_text("XY");
    on_ben.wait_for_status("2 edits kept");
    // A second is what a journal may take to have them.
    std::thread::sleep(Duration::from_millis(1_000));
    on_ben.kill9();
    let on_ben = ben.open(&["ben.txt"]);
    on_ben.wait_for_status("2 edits kept");
}

#[test]
fn cat_and_put_work_on_what_this_machine_has() {
    let mut relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    let link = ana.share("a.txt", &relay.url());
    relay.kill9();
    let put = ana.run_with_input(&["put", "a.txt"], b"text\nmore\n");
    assert!(put.code == Some(1) && put.stderr.contains("kept"), "{put:?}");
    let cat = ana.run(&["cat", "a.txt"]);
    assert_eq!((cat.code, cat.stdout.as_str()), (Some(0), "text\nmore\n"));
    assert!(cat.stderr.contains("not in sync"), "{}", cat.stderr);
    relay.restart();
    assert_eq!(ana.ok(&["cat", "a.txt"]), "text\nmore");
    assert_document_becomes(&link, "text\nmore\n");
}

#[test]
fn cat_and_put_of_a_file_that_is_open_here_never_work_on_an_empty_text() {
    let mut relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    ana.share("a.txt", &relay.url());
    let on_ana = ana.open(&["a.txt"]);
    on_ana.wait_for_status("synced");
    on_ana.type_text("more ");
    on_ana.wait_for_status("synced");
    assert_eq!(ana.ok(&["cat", "a.txt"]), "more text");
    relay.kill9();
    on_ana.wait_for_status("offline");
    let cat = ana.run(&["cat", "a.txt"]);
    assert_eq!((cat.code, cat.stdout.as_str()), (Some(1), ""), "{cat:?}");
    let put = ana.run_with_input(&["put", "a.txt"], b"other\n");
    assert!(put.code == Some(1) && !put.stderr.contains("kept"), "{put:?}");
}

#[test]
fn what_reaches_nobody_is_not_edited_by_put_or_edit() {
    let relay = Relay::start();
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    ana.file("a.txt", "text\n");
    let link = ana.share("a.txt", &relay.url());
    let only_reads = ana.ok(&["link", &link, "--new", "--read-only"]);
    let on_ben = ben.join(&only_reads, "ben.txt");
    on_ben.wait_for_text("text");
    on_ben.save();
    on_ben.quit();
    for args in [&["put", "ben.txt"][..], &["put", &only_reads], &["edit", "ben.txt", "--", "tr", "t", "T"]] {
        let refused = ben.run_with_input(args, b"other\n");
        assert!(refused.code == Some(1) && refused.stderr.contains("nothing was changed"), "{refused:?}");
    }
    assert_eq!(ben.ok(&["cat", "ben.txt"]), "text");
    assert_eq!(ana.ok(&["cat", "a.txt"]), "text");
}

#[test]
fn whoever_shared_a_file_keeps_the_link_that_owns_it() {
    let relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    let link = ana.share("a.txt", &relay.url());
    let other = ana.ok(&["link", &link, "--new", "--expires", "1h"]);
    ana.open(&["join", &other, "a.txt"]).wait_for_text("another link");
    // Made up by somebody who knows the document's name, to have the text sent to a server of his.
    let elsewhere = Relay::start();
    let (_, document) = other.split_once("/d/").expect("a document");
    let made_up = format!("{}/d/{document}", elsewhere.url());
    ana.open(&["join", &made_up, "a.txt"]).wait_for_text("another link");
    assert!(ana.ok(&["docs", "--links"]).contains(&link));
    assert_eq!(ana.run(&["cat", &made_up]).code, Some(1), "nothing was sent there");
    let refused = ana.run(&["HTTP://127.0.0.1:1/d/typo#secret"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("link"), "{refused:?}");
}

#[test]
fn cat_and_put_offer_nobody_what_an_editor_here_hosted() {
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    let screen = ana.open(&["share", "a.txt", "--listen", "127.0.0.1:0"]);
    screen.wait_for_status("hosting");
    screen.quit();
    let before = ana.ok(&["docs", "--links"]);
    // Were it hosted again, its port would be tried, and another one taken.
    let port = before.split("127.0.0.1:").nth(1).and_then(|rest| rest.split('/').next()).expect("a port");
    let _taken = std::net::TcpListener::bind(format!("127.0.0.1:{port}")).expect("it is free");
    assert_eq!(ana.ok(&["cat", "a.txt"]), "text");
    assert_eq!(ana.run_with_input(&["put", "a.txt"], b"text\nmore\n").code, Some(0));
    assert_eq!(ana.ok(&["cat", "a.txt"]), "text\nmore");
    assert_eq!(ana.ok(&["docs", "--links"]), before);
}
