//! The relay's pages in a real browser, without a screen: Chromium, which `tests/run` installs.

use std::process::{Command, Stdio};

use crate::support::home::Home;
use crate::support::nginx::Nginx;
use crate::support::relay::Relay;

/// Returns the page once `awaited` is in it. It is opened anew until then: the browser's clock runs ahead of a busy machine.
#[track_caller]
fn page(url: &str, awaited: &str) -> String {
    let mut last = String::new();
    for _ in 0..10 {
        last = open(url);
        if last.contains(awaited) {
            return last;
        }
    }
    panic!("{awaited} is not in {last}")
}

fn open(url: &str) -> String {
    let profile = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new("chromium");
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
    ]);
    command.args(["--virtual-time-budget=3000", "--timeout=20000", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", profile.path().display()));
    command.env("HOME", profile.path()).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.arg(url).output().expect("chromium is missing; tests/run installs it");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn a_document_is_shown_live_to_whoever_has_a_link_and_to_nobody_else() {
    let relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("poem.txt", "roses <b>are</b> red\n");
    let link = ana.share("poem.txt", &relay.url());
    let screen = ana.join(&link, "poem.txt");
    screen.wait_for_text("roses");
    screen.press_all(&["right", "right"]);
    screen.type_text("ö😀");
    screen.wait_for_status("synced");
    let shown = page(&link, "live, read only");
    assert!(shown.contains("poem.txt") && shown.contains("live, read only"), "{shown}");
    assert!(shown.contains("roö😀<span class=\"caret\""), "the caret stands behind what was typed: {shown}");
    assert!(shown.contains(">ana</span>") && shown.contains("ses &lt;b&gt;are&lt;/b&gt; red"), "{shown}");
    let only_reads = ana.ok(&["link", &link, "--new", "--read-only"]);
    page(&only_reads, "live, read only");
    let (address, secret) = link.split_once('#').expect("a secret");
    let reversed: String = secret.chars().rev().collect();
    let wrong = open(&format!("{address}#{reversed}"));
    assert!(!wrong.contains("roö") && !wrong.contains("poem.txt"), "{wrong}");
    screen.quit();
}

#[test]
fn the_operator_sees_the_relay_live_and_others_are_asked_for_the_token() {
    let relay = Relay::start_with(&["--operator-token", "boss"]);
    let ana = Home::new("ana");
    ana.file("poem.txt", "roses\n");
    let link = ana.share("poem.txt", &relay.url());
    let screen = ana.join(&link, "poem.txt");
    screen.wait_for_text("roses");
    let shown = page(&format!("{}/operator#boss", relay.url()), ">ready<");
    assert!(shown.contains("poem.txt") && shown.contains(">ana<"), "{shown}");
    assert!(shown.contains("1 open, 1 stored") && shown.contains("1 websocket"), "{shown}");
    let stranger = page(&format!("{}/operator", relay.url()), "for its operator");
    assert!(!stranger.contains("poem.txt"), "{stranger}");
    screen.quit();
}

#[test]
fn pages_and_links_work_under_a_path_of_a_proxy() {
    let relay = Relay::start_with(&["--operator-token", "boss"]);
    let nginx = Nginx::start_under("/coedit/", relay.port(), "");
    let ana = Home::new("ana");
    ana.file("poem.txt", "roses\n");
    let link = ana.share("poem.txt", &format!("{}/coedit", nginx.url()));
    assert!(link.contains("/coedit/d/"), "{link}");
    assert_eq!(ana.ok(&["cat", &link]), "roses");
    let shown = page(&link, "live, read only");
    assert!(shown.contains("poem.txt") && shown.contains("roses"), "{shown}");
    page(&format!("{}/coedit/operator#boss", nginx.url()), ">ready<");
}
