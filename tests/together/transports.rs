//! Ways to a relay: TLS, and what stands between.

use std::time::Duration;

use coedit::base::rng::Rng;

use crate::support::eventually;
use crate::support::home::{Home, assert_document_becomes};
use crate::support::nginx::Nginx;
use crate::support::proxy::Proxy;
use crate::support::relay::Relay;

/// A connection that dies unnoticed is given up by then.
const PATIENCE_FOR_RETRY: Duration = Duration::from_secs(60);

/// Writes a certificate for 127.0.0.1, its own authority, and its key into `home`; returns the two paths.
fn certificate(home: &Home) -> [String; 2] {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let files = [("cert.pem", made.cert.pem()), ("key.pem", made.signing_key.serialize_pem())];
    files.map(|(name, pem)| home.file(name, pem).display().to_string())
}

#[test]
fn a_text_is_shared_and_read_over_tls_by_whoever_trusts_the_relay() {
    let ana = Home::new("ana");
    let [cert, key] = certificate(&ana);
    let relay = Relay::start_with(&["--tls-cert", &cert, "--tls-key", &key]);
    ana.file("secret.txt", "only for us\n");
    let link = ana.ok(&["share", "secret.txt", "--relay", &relay.url(), "--detach", "--ca", &cert]);
    assert!(link.starts_with("https://127.0.0.1:"), "{link}");
    assert_eq!(ana.ok(&["cat", &link, "--ca", &cert]), "only for us");
    let stranger = Home::new("ben").run(&["cat", &link]);
    assert_eq!(stranger.code, Some(1));
    assert!(stranger.stderr.contains("could not prove who it is"), "{}", stranger.stderr);
    assert!(stranger.stderr.contains("--ca FILE"), "{}", stranger.stderr);
    // Whoever speaks plain HTTP there learns nothing and harms nobody.
    let plain = Home::new("eve").run(&["cat", &link.replace("https", "http")]);
    assert_eq!(plain.code, Some(1), "{}", plain.stderr);
    assert_eq!(ana.ok(&["cat", &link, "--ca", &cert]), "only for us");
}

#[test]
fn a_relay_without_tls_is_named_as_such_to_whoever_expects_it() {
    let relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("notes.txt", "plain\n");
    let link = ana.share("notes.txt", &relay.url());
    let outcome = ana.run(&["cat", &link.replace("http:", "https:")]);
    assert_eq!(outcome.code, Some(1));
    assert_document_becomes(&link, "plain\n");
}

/// What stands before the relay in a real network: nginx with these lines for every path.
fn nginx(relay: &Relay, lines: &str) -> Nginx {
    Nginx::start(relay.port(), lines)
}

const PASSES_UPGRADES: &str = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;";
/// What nginx does by default: it drops the headers of an upgrade.
const STRIPS_UPGRADES: &str = "";
const BUFFERS: &str = "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; proxy_read_timeout 10s;
    proxy_buffers 8 64k;";

/// Two people type in one text through nginx; one of them sees how.
#[track_caller]
fn type_together(lines: &str, words: &str) {
    let relay = Relay::start();
    let nginx = nginx(&relay, lines);
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    ana.file("notes.txt", "first\n");
    let link = nginx.link_through(&ana.share("notes.txt", &nginx.url()));
    let (here, there) = (ana.join(&link, "a.txt"), ben.join(&relay.link_here(&link), "b.txt"));
    here.wait_for_text("first");
    there.wait_for_text("first");
    here.wait_for_status(words);
    // Longer than the proxy waits for either side.
    if lines.contains("10s") {
        std::thread::sleep(Duration::from_secs(12));
    }
    for i in 0..20 {
        here.type_text(&format!("a{i} "));
        there.press("ctrl-end");
        there.type_text(&format!("b{i} "));
    }
    here.wait_for_text("b19");
    there.wait_for_text("a19");
    here.quit();
    there.quit();
    let text = ben.ok(&["cat", &relay.link_here(&link)]);
    for i in 0..20 {
        assert_eq!(text.matches(&format!("a{i} ")).count(), 1, "a{i} in {text}");
        assert_eq!(text.matches(&format!("b{i} ")).count(), 1, "b{i} in {text}");
    }
}

#[test]
fn behind_nginx_that_passes_upgrades_a_websocket_is_used() {
    type_together(PASSES_UPGRADES, "synced · 127.0.0.1");
}

#[test]
fn behind_nginx_that_strips_upgrades_an_event_stream_is_used() {
    type_together(STRIPS_UPGRADES, "by event stream");
}

#[test]
fn behind_nginx_that_buffers_and_soon_gives_up_an_event_stream_stands() {
    type_together(BUFFERS, "by event stream");
}

#[test]
fn behind_nginx_that_lets_no_stream_through_long_polls_are_used() {
    type_together("if ($uri ~ /events$) { return 403; } proxy_read_timeout 10s;", "by long polling");
}

#[test]
fn a_websocket_that_a_proxy_cuts_when_it_is_idle_is_kept_busy_from_then_on() {
    let relay = Relay::start();
    let nginx = nginx(&relay, &format!("{PASSES_UPGRADES} proxy_read_timeout 4500ms;"));
    let ana = Home::new("ana");
    ana.file("notes.txt", "first\n");
    let link = ana.share("notes.txt", &relay.url());
    let here = ana.join(&nginx.link_through(&link), "a.txt");
    here.wait_for_text("first");
    here.wait_for_status("offline");
    here.wait_for_status("synced");
    let n_joined = || relay.log().matches("a link joined").count();
    let n_before = n_joined();
    std::thread::sleep(Duration::from_secs(10));
    assert_eq!(n_joined(), n_before, "{}", relay.log());
    here.quit();
}

#[test]
fn a_stream_that_is_cut_again_and_again_goes_on_where_it_was() {
    let relay = Relay::start();
    let nginx = nginx(&relay, STRIPS_UPGRADES);
    let cutting = Proxy::start(nginx.port());
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    ana.file("notes.txt", "first\n");
    let link = ana.share("notes.txt", &relay.url());
    let (here, there) = (ana.join(&cutting.link_through(&link), "a.txt"), ben.join(&link, "b.txt"));
    here.wait_for_text("first");
    here.wait_for_status("by event stream");
    there.wait_for_text("first");
    for i in 0..10 {
        here.type_text(&format!("a{i} "));
        there.type_text(&format!("b{i} "));
        cutting.drop_all();
        std::thread::sleep(Duration::from_millis(100));
    }
    here.wait_for_text("b9");
    there.wait_for_text("a9");
    here.wait_for_status("by event stream");
    let log = relay.log();
    assert_eq!(log.matches("a link joined").count(), 3, "each link lived through the cuts: {log}");
}

/// One person types through connections each of which is cut after some bytes, in the middle of whatever is on its way then.
#[track_caller]
fn type_through_cut_frames(cutting: &Proxy, relay: &Relay, words: &str) {
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    ana.file("notes.txt", "\n");
    let link = ana.share("notes.txt", &relay.url());
    let (here, there) = (ana.join(&cutting.link_through(&link), "a.txt"), ben.join(&link, "b.txt"));
    here.wait_for_status(words);
    there.wait_for_status("synced");
    let mut rng = Rng::new(3);
    let mut wanted = String::new();
    for round in 0..12 {
        // The head of a frame of a WebSocket, of a request, of what a keystroke takes; and more than that.
        let n_bytes = if round < 8 { 1 + 2 * round } else { 1 + rng.below(600) as usize };
        cutting.drop_all_after(n_bytes);
        for n in 0.. {
            let mark = format!("<{round}.{n}>");
            here.press("ctrl-home");
            here.type_text(&format!("{mark}\r"));
            wanted.insert_str(0, &format!("{mark}\n"));
            // Nobody waits here for what is waited after many failures in a row.
            eventually("the other has it", PATIENCE_FOR_RETRY, || {
                let is_there = there.view().contains(&mark);
                if !is_there && here.view().status().contains("retry in") {
                    here.press("f5");
                }
                is_there.then_some(())
            });
            if !cutting.is_dropping() {
                break;
            }
        }
    }
    here.wait_for_status("synced");
    here.quit();
    there.quit();
    assert_document_becomes(&link, &format!("{wanted}\n"));
}

#[test]
fn a_websocket_that_is_cut_amid_a_frame_loses_nothing() {
    let relay = Relay::start();
    type_through_cut_frames(&Proxy::start(relay.port()), &relay, "synced · 127.0.0.1");
}

#[test]
fn a_stream_that_is_cut_amid_an_event_loses_nothing() {
    let relay = Relay::start();
    let nginx = nginx(&relay, STRIPS_UPGRADES);
    type_through_cut_frames(&Proxy::start(nginx.port()), &relay, "by event stream");
}

#[test]
fn a_poll_that_is_cut_amid_its_answer_loses_nothing() {
    let relay = Relay::start();
    let nginx = nginx(&relay, "if ($uri ~ /events$) { return 403; }");
    type_through_cut_frames(&Proxy::start(nginx.port()), &relay, "by long polling");
}

#[test]
fn doctor_says_which_way_is_used_and_why() {
    let relay = Relay::start();
    let nginx = nginx(&relay, STRIPS_UPGRADES);
    let ana = Home::new("ana");
    ana.file("notes.txt", "first\n");
    let link = ana.share("notes.txt", &relay.url());
    let direct = ana.ok(&["doctor", &link]);
    assert!(direct.contains("websocket     ok") && direct.contains("this is used"), "{direct}");
    let through = ana.ok(&["doctor", &nginx.link_through(&link)]);
    assert!(through.contains("websocket     no: ") && through.contains("HTTP 200"), "{through}");
    let line = through.lines().find(|line| line.starts_with("event-stream")).expect("a line");
    assert!(line.ends_with("this is used") && through.contains("long-poll     ok"), "{through}");
    let (_, secret) = link.split_once('#').expect("a secret");
    assert!(!through.contains(secret), "{through}");
    let nowhere = ana.run(&["doctor", &link.replace(&format!(":{}/", relay.port()), ":1/")]);
    assert!(nowhere.code == Some(1) && nowhere.stderr.contains("no way leads to"), "{nowhere:?}");
}
