//! A relay or an editor whose disk fails, or is full, for a while: nobody loses anything, and all is said.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::time::Duration;

use crate::support::faulty_disk;
use crate::support::home::{Home, assert_document_becomes, assert_saves_as};
use crate::support::relay::Relay;
use crate::support::{PATIENCE, eventually};

/// A relay behind a disk that can be made to fail.
struct Trouble {
    relay: Relay,
    /// The file that makes it fail.
    switch: PathBuf,
    _beside: tempfile::TempDir,
}

impl Trouble {
    fn new(variable: &'static str) -> Trouble {
        let (data, beside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let switch = beside.path().join("switch");
        let variables = vec![
            ("LD_PRELOAD", faulty_disk::library().to_owned()),
            ("FAULTY_FOLDER", data.path().to_owned()),
            (variable, switch.clone()),
        ];
        Trouble { relay: Relay::start_in(data, Vec::new(), variables), switch, _beside: beside }
    }
}

/// Somebody types, joins and reads while the disk takes nothing, and goes on when it does. Each of `contents` makes it fail once,
/// as what stands in the switch.
fn nothing_is_lost(variable: &'static str, contents: &[&str]) {
    let mut trouble = Trouble::new(variable);
    let (ana, url) = (Home::new("ana"), trouble.relay.url());
    ana.file("plan.txt", "plan\n");
    let link = ana.share("plan.txt", &url);
    let screen = ana.join(&link, "plan.txt");
    screen.wait_for_status("synced");
    let mut typed = String::new();
    for (round, content) in contents.iter().enumerate() {
        std::fs::write(&trouble.switch, content).expect("a writable folder");
        let word = format!("{round}abcdefghij ");
        for c in word.chars() {
            // Each key has a sync of its own, so that one amid the word is the first that fails.
            screen.type_text(&c.to_string());
            std::thread::sleep(Duration::from_millis(10));
        }
        screen.wait_for_text("kept \u{b7} the disk there takes no edits");
        let status = eventually("the relay is not ready", PATIENCE, || {
            Some(ana.run(&["relay", "status", &url])).filter(|outcome| outcome.code == Some(1))
        });
        assert!(status.stdout.contains("the disk takes no edits at the moment"), "{}", status.stdout);
        let shown = Home::new("reader").ok(&["cat", &link]);
        assert!(shown.ends_with("plan"), "what is on the disk is served: {shown}");
        let refused = Home::new("other").run_with_input(&["put", &link], b"other\n");
        assert!(refused.code == Some(1) && refused.stderr.contains("disk"), "{refused:?}");
        std::fs::remove_file(&trouble.switch).expect("it is there");
        screen.wait_for_status("synced");
        typed.push_str(&word);
        assert_document_becomes(&link, &format!("{typed}plan\n"));
        eventually("the relay is ready", PATIENCE, || {
            (ana.run(&["relay", "status", &url]).code == Some(0)).then_some(())
        });
    }
    screen.save();
    screen.quit();
    // What was said to be there is there, for whoever comes after a crash.
    trouble.relay.kill9();
    trouble.relay.restart();
    assert_document_becomes(&link, &format!("{typed}plan\n"));
    trouble.relay.kill9();
    let data = trouble.relay.data().display().to_string();
    assert!(ana.ok(&["relay", "check", "--data", &data]).contains(" 0 damaged"));
}

#[test]
fn a_relay_whose_syncs_fail_refuses_edits_reads_on_and_recovers() {
    nothing_is_lost("FAULTY_SYNCS", &["1", "2", "5", "9"]);
}

#[test]
fn a_relay_whose_disk_is_full_refuses_edits_reads_on_and_recovers() {
    nothing_is_lost("FAULTY_FULL", &["", ""]);
}

/// Somebody types alone while the journal's disk takes nothing: the status line says so, typing goes on, and once the disk takes edits
/// again all of it is there after a kill. Each of `contents` as in [`nothing_is_lost`].
fn typing_goes_on(variable: &'static str, contents: &[&str]) {
    let mut ana = Home::new("ana");
    let switch = ana.path("switch");
    ana.set_variable("LD_PRELOAD", faulty_disk::library());
    ana.set_variable("FAULTY_FOLDER", ana.path("data"));
    ana.set_variable(variable, &switch);
    ana.file("a.txt", "text\n");
    let mut typed = String::new();
    for (round, content) in contents.iter().enumerate() {
        let mut screen = ana.open(&["a.txt"]);
        screen.wait_for_text(&format!("{typed}text"));
        screen.press("ctrl-home");
        std::fs::write(&switch, content).expect("a writable folder");
        let word = format!("{round}abcdefghij ");
        for ch in word.chars() {
            screen.type_text(&ch.to_string());
            // Each gets a transaction of its own, so that one amid the word is the first that fails.
            std::thread::sleep(Duration::from_millis(120));
        }
        screen.wait_for_status("NOT KEPT");
        screen.type_text("more ");
        typed = format!("{word}more {typed}");
        screen.wait_for_text(&format!("{typed}text"));
        screen.wait_for_status("NOT KEPT");
        std::fs::remove_file(&switch).expect("it is there");
        screen.wait_for("all is kept", |view| !view.status().contains("NOT KEPT"));
        // What was typed last may wait a quarter of a second for the disk.
        std::thread::sleep(Duration::from_millis(400));
        screen.kill9();
    }
    let screen = ana.open(&["a.txt"]);
    screen.wait_for_text(&format!("{typed}text"));
    assert_saves_as(&screen, &ana, "a.txt", &format!("{typed}text\n"));
    screen.quit();
}

#[test]
fn an_editor_whose_journal_cannot_be_synced_says_so_and_types_on() {
    typing_goes_on("FAULTY_SYNCS", &["1", "2", "5"]);
}

#[test]
fn an_editor_whose_journal_is_on_a_full_disk_says_so_and_types_on() {
    typing_goes_on("FAULTY_FULL", &["", ""]);
}
