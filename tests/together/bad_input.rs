//! Bad input gets one clear sentence and an exit code, or words on the status line; never a panic.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use coedit::base::rng::Rng;

use crate::support::home::{Home, Outcome, assert_document_becomes};
use crate::support::relay::Relay;

/// A link that is well formed, to a port where nobody listens: port 1 is never given out.
const NOBODY_THERE: &str =
    "http://127.0.0.1:1/d/AAAAAAAAAAAAAAAAAAAAAA#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Panics unless the run failed with one sentence and one of these codes.
#[track_caller]
fn assert_refused(outcome: &Outcome, codes: &[i32], word: &str) {
    let Outcome { code, stdout, stderr } = outcome;
    assert!(code.is_some_and(|code| codes.contains(&code)), "exit code {code:?}: {stderr}");
    assert!(stdout.is_empty(), "it printed {stdout:?}");
    assert_is_one_sentence(stderr);
    assert!(stderr.to_lowercase().contains(word), "{stderr:?} does not name {word}");
}

#[track_caller]
fn assert_is_one_sentence(stderr: &str) {
    let lines: Vec<&str> = stderr.trim().lines().collect();
    assert!(lines.len() == 1 && 10 < lines[0].len(), "not one sentence: {stderr:?}");
    for word in ["panicked", "RUST_BACKTRACE", "Error(", "Os {", "unwrap", ".rs:"] {
        assert!(!stderr.contains(word), "not for people: {stderr:?}");
    }
}

#[test]
fn a_link_that_is_not_one_is_refused() {
    let ana = Home::new("ana");
    for link in [
        "nonsense",
        "http://",
        "http://host/",
        "http://host/d/#x",
        "http://127.0.0.1:1/d/x",
        "ftp://h/d/a#b",
        "#",
        "http://[::/d/a#b",
    ] {
        assert_refused(&ana.run(&["join", link]), &[1, 2], "link");
        assert_refused(&ana.run_with_input(&["put", link], b"x"), &[1, 2], "");
    }
    assert_refused(&ana.run(&["cat", "http://host/d/#x"]), &[1, 2], "link");
}

#[test]
fn a_relay_that_is_not_there_is_named() {
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    assert_refused(&ana.run(&["cat", NOBODY_THERE]), &[1, 2], "127.0.0.1:1");
    assert_refused(&ana.run_with_input(&["put", NOBODY_THERE], b"x"), &[1, 2], "127.0.0.1:1");
    let share = ana.run(&["share", "a.txt", "--relay", "http://127.0.0.1:1", "--detach"]);
    assert_refused(&share, &[1], "127.0.0.1:1");
    assert_eq!(ana.read("a.txt"), "text\n");
}

#[test]
fn relay_refuses_a_port_in_use_an_address_that_is_not_one_and_a_bad_data_folder() {
    let ana = Home::new("ana");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let data = ana.path("relay-data").to_string_lossy().into_owned();
    let outcome = ana.run(&["relay", "--listen", &address, "--data", &data]);
    assert_refused(&outcome, &[1], &address);
    assert!(outcome.stderr.contains("in use"), "{}", outcome.stderr);
    let outcome = ana.run(&["relay", "--listen", "nonsense", "--data", &data]);
    assert!(matches!(outcome.code, Some(1 | 2)), "{outcome:?}");
    ana.file("not-a-folder", "");
    let file = ana.path("not-a-folder").to_string_lossy().into_owned();
    assert_refused(&ana.run(&["relay", "--listen", "127.0.0.1:0", "--data", &file]), &[1], "not-a-folder");
}

#[test]
fn two_relays_on_one_data_folder_are_refused_or_agree() {
    let relay = Relay::start();
    let ana = Home::new("ana");
    let data = relay.data().to_string_lossy().into_owned();
    let outcome = ana.run(&["relay", "--listen", "127.0.0.1:0", "--data", &data]);
    assert_refused(&outcome, &[1], "");
}

#[test]
fn bad_usage_exits_with_2() {
    let ana = Home::new("ana");
    for args in [&["--no-such-option"][..], &["relay", "--listen"], &["join", "a", "b", "c", "d"], &["put"]] {
        let outcome = ana.run(args);
        assert_eq!(outcome.code, Some(2), "{args:?}: {outcome:?}");
        assert!(!outcome.stderr.contains("panicked"));
    }
    for args in [
        &["--help"][..],
        &["relay", "--help"],
        &["share", "--help"],
        &["join", "--help"],
        &["cat", "--help"],
        &["put", "--help"],
    ] {
        let outcome = ana.run(args);
        assert_eq!(outcome.code, Some(0), "{args:?}");
        assert!(outcome.stdout.contains("coedit"), "{args:?}: no example");
    }
    assert!(ana.ok(&["--version"]).starts_with("coedit "));
}

/// Opens `args` on a screen where it must end at once, and returns what it left there.
#[track_caller]
fn refused_on_a_screen(ana: &Home, args: &[&str]) -> String {
    let mut screen = ana.open(args);
    let code = screen.wait_for_exit();
    screen.assert_terminal_restored();
    let view = screen.view();
    assert!(code == 1 || code == 2, "exit code {code}:\n{}", view.drawn());
    assert!(!view.drawn().contains("panicked"), "{}", view.drawn());
    view.drawn()
}

#[test]
fn a_folder_is_not_a_file() {
    let ana = Home::new("ana");
    std::fs::create_dir(ana.path("folder")).expect("a folder");
    let left = refused_on_a_screen(&ana, &["folder"]);
    assert!(left.contains("folder"), "{left}");
    assert_refused(
        &ana.run(&["share", "folder", "--relay", "http://127.0.0.1:1", "--detach"]),
        &[1],
        "folder",
    );
}

#[test]
fn a_file_in_a_folder_that_does_not_exist_is_refused_or_said_when_saving() {
    let ana = Home::new("ana");
    let screen = ana.open(&["missing/a.txt"]);
    screen.wait_for("an answer", |view| view.contains("missing"));
    screen.type_text("x");
    screen.press("ctrl-s");
    let view = screen.wait_for("a sentence", |view| view.drawn().to_lowercase().contains("missing"));
    assert!(!view.drawn().contains("panicked"));
}

#[test]
fn unreadable_and_read_only_files_are_said_to_be_so() {
    use std::os::unix::fs::PermissionsExt;
    if rustix::process::geteuid().is_root() {
        println!("nothing is unreadable for root");
        return;
    }
    let ana = Home::new("ana");
    let secret = ana.file("secret.txt", "x\n");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).expect("own file");
    let left = refused_on_a_screen(&ana, &["secret.txt"]);
    assert!(left.contains("secret.txt"), "{left}");
    let fixed = ana.file("fixed.txt", "fixed\n");
    std::fs::set_permissions(&fixed, std::fs::Permissions::from_mode(0o444)).expect("own file");
    let screen = ana.open(&["fixed.txt"]);
    screen.wait_for_text("fixed");
    screen.wait_for("words about it", |view| view.drawn().to_lowercase().contains("read"));
    screen.quit();
}

#[test]
fn invalid_utf8_is_kept_byte_for_byte() {
    let ana = Home::new("ana");
    let bytes = b"good line\nbad \xff\xfe byte\n\xc3\x28\n";
    ana.file("bytes.bin", bytes);
    let screen = ana.open(&["bytes.bin"]);
    screen.wait_for_text("good line");
    screen.type_text("typed");
    screen.press("ctrl-s");
    std::thread::sleep(Duration::from_millis(500));
    let now = std::fs::read(ana.path("bytes.bin")).expect("readable");
    let is_kept = now == bytes || now == [b"typed", &bytes[..]].concat();
    assert!(is_kept, "bytes were changed: {:?}", String::from_utf8_lossy(&now));
    screen.quit();
}

#[test]
fn a_file_over_the_limit_is_refused_without_reading_it() {
    let ana = Home::new("ana");
    let path = ana.file("huge.txt", "");
    std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .and_then(|file| file.set_len(5 << 30))
        .expect("a sparse file");
    let left = refused_on_a_screen(&ana, &["huge.txt"]);
    assert!(left.contains("huge.txt"), "{left}");
}

#[test]
fn relay_survives_garbage_from_the_network() {
    let mut relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("a.txt", "still here\n");
    let link = ana.share("a.txt", &relay.url());
    let document = link[link.find("/d/").expect("a link")..].split('#').next().expect("a path").to_owned();
    let mut rng = Rng::new(9);
    for round in 0..60 {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", relay.port())) else {
            panic!("the relay is gone")
        };
        stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        if round % 3 != 0 {
            upgrade(&mut stream, &document);
        }
        let n_bytes = 1 + rng.below(3_000) as usize;
        let mut bytes: Vec<u8> = (0..n_bytes).map(|_| rng.next_u64() as u8).collect();
        if round % 3 == 2 {
            bytes = masked_frame(&bytes);
        }
        let _ = stream.write_all(&bytes);
        let _ = stream.read(&mut [0; 1024]);
    }
    assert!(relay.is_running());
    assert_document_becomes(&link, "still here\n");
    assert!(relay.memory_kb() < 200_000, "{} kB", relay.memory_kb());
}

/// Asks for a WebSocket and reads the answer.
fn upgrade(stream: &mut TcpStream, path: &str) {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    let _ = stream.write_all(request.as_bytes());
    let _ = stream.read(&mut [0; 1024]);
}

/// Wraps bytes as one binary WebSocket frame from a client.
fn masked_frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82, 0x80 | 126];
    frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// Starts something that answers every connection with random bytes, and returns its URL.
fn fake_relay(answer_upgrade: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://127.0.0.1:{}", listener.local_addr().expect("an address").port());
    std::thread::spawn(move || {
        let mut rng = Rng::new(3);
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
            let mut request = [0; 2048];
            let n = stream.read(&mut request).unwrap_or(0);
            if answer_upgrade {
                let _ = stream.write_all(upgrade_answer(&String::from_utf8_lossy(&request[..n])).as_bytes());
            }
            let bytes: Vec<u8> = (0..200).map(|_| rng.next_u64() as u8).collect();
            let frame = [&[0x82, 126, 0, 200][..], &bytes].concat();
            let _ = stream.write_all(if answer_upgrade { &frame } else { &bytes });
        }
    });
    url
}

/// Accepts a WebSocket as RFC 6455 asks.
fn upgrade_answer(request: &str) -> String {
    let key = request.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
    });
    let accept =
        tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.unwrap_or_default().as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

#[test]
fn client_survives_garbage_from_a_fake_relay() {
    let ana = Home::new("ana");
    let path = &NOBODY_THERE[NOBODY_THERE.find("/d/").expect("a link")..];
    for answer_upgrade in [false, true] {
        let url = fake_relay(answer_upgrade);
        let link = format!("{url}{path}");
        let outcome = ana.run(&["cat", &link]);
        assert_refused(&outcome, &[1], "");
        let screen = ana.open(&["join", &link, "joined.txt"]);
        screen.wait_for("words about it, or the end", |view| {
            let drawn = view.drawn();
            ["offline", "denied", "connecting", "relay", "127.0.0.1"].iter().any(|word| drawn.contains(word))
        });
        assert!(!screen.view().drawn().contains("panicked"));
    }
}

#[test]
fn a_wrong_secret_is_denied_like_a_document_that_does_not_exist() {
    let relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("a.txt", "secret text\n");
    let link = ana.share("a.txt", &relay.url());
    let (document, secret) = link.split_once('#').expect("a link");
    let first = if secret.starts_with('A') { 'B' } else { 'A' };
    let wrong = format!("{document}#{first}{}", &secret[1..]);
    let denied = ana.run(&["cat", &wrong]);
    assert_refused(&denied, &[1], "");
    assert!(!denied.stderr.contains("secret text"));
    assert!(!denied.stderr.contains(&secret[1..]), "the secret is in the message: {}", denied.stderr);
}

#[test]
fn relay_ends_with_0_when_asked_to() {
    let mut relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    let link = ana.share("a.txt", &relay.url());
    let on_ana = ana.open(&["a.txt"]);
    on_ana.wait_for_status("synced");
    assert_eq!(relay.terminate().code(), Some(0));
    on_ana.wait_for_status("offline");
    relay.restart();
    on_ana.wait_at_most(Duration::from_secs(60), "back", |view| view.status().contains("synced"));
    assert_document_becomes(&link, "text\n");
}

#[test]
fn a_join_or_share_that_came_to_nothing_leaves_nothing_behind() {
    let relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("mine.txt", "my only copy\n");
    let mut screen = ana.open(&["join", NOBODY_THERE, "mine.txt"]);
    assert_ne!(screen.wait_for_exit(), 0);
    assert_refused(
        &ana.run(&["share", "mine.txt", "--detach", "--relay", "http://127.0.0.1:1"]),
        &[1],
        "127.0.0.1:1",
    );
    assert_eq!(ana.ok(&["docs"]), "");
    assert_eq!(ana.ok(&["cat", "mine.txt"]), "my only copy");
    let link = ana.share("mine.txt", &relay.url());
    assert_document_becomes(&link, "my only copy\n");
    let elsewhere = ana.run(&["share", "mine.txt", "--detach", "--relay", "http://127.0.0.1:1"]);
    assert_refused(&elsewhere, &[1], "already");
}

#[test]
fn wrong_usage_ends_with_2() {
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    for args in [
        &["share", "--detach"][..],
        &["share", "a.txt", "--detach"],
        &["share", "a.txt", "--detach", "--relay", "foo"],
        &["cat", "http://"],
        &["--color", "16"],
    ] {
        assert_eq!(ana.run(args).code, Some(2), "{args:?}");
    }
}
