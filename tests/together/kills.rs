//! `kill -9` at random moments: what another had been shown, or what had been acknowledged, is still there.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use coedit::base::rng::Rng;

use crate::editing::Pair;
use crate::support::home::Home;
use crate::support::number_from_env;
use crate::support::relay::Relay;

/// Kills in each test, unless `COEDIT_KILLS` says otherwise.
const N_KILLS: u64 = 6;

fn n_kills() -> u64 {
    number_from_env("COEDIT_KILLS", N_KILLS)
}

fn rng() -> Rng {
    let seed = number_from_env("COEDIT_SEED", u64::from(std::process::id()));
    println!("COEDIT_SEED={seed}");
    Rng::new(seed)
}

/// Returns the line that starts with `mark`, or nothing.
fn line_with<'a>(lines: &'a [String], mark: &str) -> &'a str {
    lines.iter().find(|line| line.starts_with(mark)).map_or("", |line| line.as_str())
}

/// Types digits in the line `mark` until told to stop.
fn type_until(screen: &crate::support::screen::Screen, mark: &str, stop: &AtomicBool) {
    screen.press("ctrl-end");
    screen.type_text(&format!("\r{mark}"));
    for i in 0..70 {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        screen.type_text(&(i % 10).to_string());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn editor_killed_while_typing_loses_nothing_that_another_was_shown() {
    let mut rng = rng();
    let mut pair = Pair::open("start");
    let mut shown: Vec<(String, String)> = Vec::new();
    for round in 0..n_kills() {
        let mark = format!("r{round:02}:");
        let (stop, delay) = (AtomicBool::new(false), Duration::from_millis(rng.below(350)));
        std::thread::scope(|scope| {
            scope.spawn(|| type_until(&pair.on_ana, &mark, &stop));
            std::thread::sleep(delay);
            stop.store(true, Ordering::SeqCst);
            pair.on_ana.signal(rustix::process::Signal::KILL);
        });
        pair.on_ana.kill9_if_running();
        let lines = pair.on_ben.view().text_lines();
        shown.push((mark.clone(), line_with(&lines, &mark).to_owned()));
        pair.on_ana = pair.ana.open(&["ana.txt", "--name", "ana"]);
        pair.wait_until_synced();
        pair.on_ben.press("ctrl-end");
    }
    pair.on_ben.signal(rustix::process::Signal::KILL);
    pair.on_ana.signal(rustix::process::Signal::KILL);
    pair.relay.kill9();
    let alone = pair.relay.copy();
    let text = Home::new("reader").ok(&["cat", &alone.link_here(&pair.link)]);
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (mark, line) in &shown {
        let kept = line_with(&lines, mark);
        assert!(kept.starts_with(line.as_str()), "{line:?} was shown, {kept:?} is left");
    }
}

#[test]
fn relay_killed_while_forwarding_keeps_what_it_had_shown_to_others() {
    let mut rng = rng();
    let mut pair = Pair::open("start");
    for round in 0..n_kills() {
        let mark = format!("r{round:02}:");
        let (stop, delay) = (AtomicBool::new(false), Duration::from_millis(rng.below(350)));
        std::thread::scope(|scope| {
            scope.spawn(|| type_until(&pair.on_ana, &mark, &stop));
            std::thread::sleep(delay);
            pair.relay.kill9();
            stop.store(true, Ordering::SeqCst);
        });
        // What ben sees now came through the relay before it died.
        std::thread::sleep(Duration::from_millis(100));
        let shown = line_with(&pair.on_ben.view().text_lines(), &mark).to_owned();
        let alone = pair.relay.copy();
        let text = Home::new("reader").ok(&["cat", &alone.link_here(&pair.link)]);
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let kept = line_with(&lines, &mark);
        assert!(kept.starts_with(&shown), "{shown:?} was shown, {kept:?} is left");
        pair.relay.restart();
        // The pauses between attempts grow with each kill; a person would not wait for them either.
        pair.on_ana.press("ctrl-r");
        pair.on_ben.press("ctrl-r");
        pair.wait_until_synced();
    }
    pair.save_and_compare();
}

#[test]
fn relay_killed_keeps_what_it_had_acknowledged() {
    let mut rng = rng();
    let mut relay = Relay::start();
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    ana.file("log.txt", "0\n");
    let link = ana.share("log.txt", &relay.url());
    let acknowledged = AtomicU64::new(0);
    for _ in 0..n_kills() {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let next = acknowledged.load(Ordering::SeqCst) + 1;
                    let text: String = (0..=next).map(|n| format!("{n}\n")).collect();
                    let mut child = ben.start_with_input(&["put", &link], text.as_bytes());
                    let done = loop {
                        match child.try_wait().expect("a child") {
                            Some(status) => break status.success(),
                            None if stop.load(Ordering::SeqCst) => break child.kill().is_err(),
                            None => std::thread::sleep(Duration::from_millis(1)),
                        }
                    };
                    let _ = child.wait();
                    if done {
                        acknowledged.store(next, Ordering::SeqCst);
                    }
                }
            });
            std::thread::sleep(Duration::from_millis(100 + rng.below(400)));
            relay.kill9();
            stop.store(true, Ordering::SeqCst);
        });
        let last = acknowledged.load(Ordering::SeqCst);
        let alone = relay.copy();
        let text = Home::new("reader").ok(&["cat", &alone.link_here(&link)]);
        assert!(
            text.lines().any(|line| line == last.to_string()),
            "{last} was acknowledged; left is {text:?}"
        );
        relay.restart();
    }
    assert!(0 < acknowledged.load(Ordering::SeqCst), "nothing was ever acknowledged");
}

#[test]
fn text_typed_alone_is_recovered_after_a_kill() {
    let ana = Home::new("ana");
    ana.file("alone.txt", "saved\n");
    for round in 0..n_kills().min(10) {
        let mut screen = ana.open(&["alone.txt"]);
        screen.wait_for_text("saved");
        screen.press("ctrl-end");
        let line = format!("not saved {round}");
        screen.type_text(&line);
        screen.wait_for_text(&line);
        // An edit is in the journal within 250 ms.
        std::thread::sleep(Duration::from_millis(400));
        screen.kill9();
        let mut screen = ana.open(&["alone.txt"]);
        let view = screen.wait_for_text(&line);
        assert!(view.drawn().to_lowercase().contains("recovered"), "nothing says so:\n{}", view.drawn());
        assert_eq!(ana.read("alone.txt"), "saved\n", "the file itself is untouched until somebody saves");
        screen.press("ctrl-z");
        screen.kill9();
        std::fs::remove_dir_all(ana.path("data")).expect("a data folder");
    }
}

/// How much typing a kill may cost: what the screen showed this long before is kept. The program keeps an edit within 250 ms; the
/// rest is for a machine that is busy, and what was seen is printed.
const LOST_MS_MAX: u128 = 1_000;

#[test]
fn a_kill_costs_no_more_than_a_moment_of_typing() {
    let mut rng = rng();
    let ana = Home::new("ana");
    ana.file("alone.txt", "saved\n");
    let mut worst = 0;
    for round in 0..n_kills() {
        let mut screen = ana.open(&["alone.txt"]);
        screen.wait_for_text("saved");
        // What was recovered would make the line longer than the screen.
        screen.press("ctrl-home");
        let mark = format!("r{round}:");
        screen.type_text(&format!("{mark}\r"));
        screen.press("up");
        screen.press("end");
        screen.wait_for_text(&mark);
        let began = std::time::Instant::now();
        let until = Duration::from_millis(100 + rng.below(500));
        // When the screen showed how many digits.
        let mut shown = Vec::new();
        for n in 0..60 {
            if until < began.elapsed() {
                break;
            }
            screen.type_text(&(n % 10).to_string());
            std::thread::sleep(Duration::from_millis(8));
            let lines = screen.view().text_lines();
            shown.push((began.elapsed(), line_with(&lines, &mark).len()));
        }
        screen.kill9();
        let killed = began.elapsed();
        let mut screen = ana.open(&["alone.txt"]);
        // The line itself is lost if nothing was kept yet.
        let view = screen.wait_for_text("saved");
        let kept = line_with(&view.text_lines(), &mark).len();
        let first_lost = shown.iter().find(|(_, n)| kept < *n);
        let lost_ms = first_lost.map_or(0, |(at, _)| (killed - *at).as_millis());
        assert!(lost_ms < LOST_MS_MAX, "round {round}: {lost_ms} ms of typing are lost: {kept} of {shown:?}");
        worst = worst.max(lost_ms);
        screen.kill9();
        std::fs::remove_dir_all(ana.path("data")).expect("a data folder");
    }
    println!("{} kills cost at most {worst} ms of typing", n_kills());
}
