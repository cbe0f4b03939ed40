//! Signals at the relay: whatever ends or stops it, what it had acknowledged is there, and it is in use again as soon as it runs.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::editing::Pair;
use crate::support::home::{Home, assert_document_becomes, program};
use crate::support::{PATIENCE, eventually};

/// TERM and INT ask it to end, and it says goodbye; HUP, as when its terminal is closed, and QUIT end it as a kill does.
#[test]
fn whatever_signal_ends_a_relay_nothing_is_lost_and_all_go_on() {
    let mut pair = Pair::open("text\n");
    let mut typed = String::new();
    for (n, signal) in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT].into_iter().enumerate() {
        let word = format!("{n}abcdefgh ");
        pair.on_ana.press("ctrl-home");
        word.chars().for_each(|ch| pair.on_ana.type_text(&ch.to_string()));
        let shown = eventually("some of it is shown", PATIENCE, || {
            pair.on_ben.view().text_lines().first().filter(|line| line.contains(&word[..2])).cloned()
        });
        pair.relay.signal(signal);
        let status = eventually("the relay ends", PATIENCE, || pair.relay.ended());
        assert_eq!(status.success(), n < 2, "{signal:?}: {status}");
        let alone = pair.relay.copy();
        let kept = Home::new("reader").ok(&["cat", &alone.link_here(&pair.link)]);
        let n_shown = word.chars().zip(shown.chars()).take_while(|(typed, shown)| typed == shown).count();
        assert!(kept.starts_with(&word[..n_shown]), "{signal:?}: {shown:?} was shown, {kept:?} is left");
        pair.relay.restart();
        pair.on_ana.press("ctrl-r");
        pair.on_ben.press("ctrl-r");
        pair.wait_until_synced();
        typed.insert_str(0, &word);
        assert_document_becomes(&pair.link, &format!("{typed}text\n"));
    }
}

#[test]
fn a_relay_that_stands_still_for_a_while_goes_on_and_a_broken_pipe_does_not_end_it() {
    let mut pair = Pair::open("text\n");
    pair.relay.signal(Signal::PIPE);
    pair.relay.signal(Signal::STOP);
    pair.on_ana.press("ctrl-home");
    pair.on_ana.type_text("meanwhile ");
    pair.on_ana.wait_for_status("sending");
    pair.relay.signal(Signal::CONT);
    pair.on_ben.wait_for_text("meanwhile text");
    pair.wait_until_synced();
    assert!(pair.relay.is_running());
}

/// Whoever read its log and the line with its address is gone: the relay of `coedit relay 2>&1 | head -1`.
#[test]
fn a_relay_whose_log_nobody_reads_any_more_serves_on() {
    let ana = Home::new("ana");
    let mut relay = Command::new(program())
        .args(["relay", "--listen", "127.0.0.1:0", "--data"])
        .arg(ana.path("relay"))
        .envs(ana.variables())
        .env("COEDIT_LOG", "debug")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    let mut out = BufReader::new(relay.stdout.take().expect("piped"));
    out.read_line(&mut line).expect("a line");
    drop((out, relay.stderr.take()));
    ana.file("a.txt", "text");
    let url = line.trim_end().strip_prefix("listening on ").expect("where it listens");
    let link = ana.share("a.txt", url);
    assert_document_becomes(&link, "text");
    assert_eq!(relay.try_wait().expect("a child"), None, "it ended");
    relay.kill().and_then(|()| relay.wait()).expect("it runs");
}
