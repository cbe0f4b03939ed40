//! What an operator sees of a relay and does with it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use coedit::base::limits::DENIED_AFTER_MS;
use coedit::crdt::{ReplicaId, VersionVector};
use coedit::protocol::capability::Secret;
use coedit::protocol::frame::{Frame, Frames};
use coedit::protocol::greeting::{CreateWish, Hello, RefuseCode};
use coedit::protocol::{DocumentId, Epoch, SessionId};

use crate::support::home::{Home, assert_document_becomes};
use crate::support::relay::Relay;
use crate::support::{PATIENCE, eventually};

/// Sends a request and returns the whole answer.
fn get(relay: &Relay, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", relay.port())).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    answer
}

/// Returns the value of a metric.
fn metric(relay: &Relay, name: &str) -> f64 {
    let page = get(relay, "/metrics", "");
    let line = page.lines().find(|line| line.starts_with(&format!("{name} ")));
    let line = line.unwrap_or_else(|| panic!("no {name} in {page}"));
    line.rsplit(' ').next().expect("a value").parse().expect("a number")
}

#[test]
fn an_operator_sees_what_goes_on_and_the_log_tells_no_text() {
    let relay = Relay::start_with(&["--log-format", "json"]);
    let ana = Home::new("ana-the-author");
    ana.file("a-name-nobody-logs.txt", "a text that nobody logs\n");
    let link = ana.share("a-name-nobody-logs.txt", &relay.url());
    let screen = ana.join(&link, "copy.txt");
    screen.wait_for_text("a text that nobody logs");
    assert_eq!(metric(&relay, "coedit_connections{transport=\"websocket\"}"), 1.0);
    assert_eq!(metric(&relay, "coedit_documents"), 1.0);
    assert_eq!(metric(&relay, "coedit_ops_in_total"), 24.0);
    assert!(
        1.0 <= metric(&relay, "coedit_fsync_seconds_count")
            && 1.0 <= metric(&relay, "coedit_fan_out_seconds_count")
    );
    let status = ana.ok(&["relay", "status", &relay.url()]);
    assert!(
        status.contains("ready") && status.contains("1 by websocket") && status.contains("1 stored"),
        "{status}"
    );
    let status = ana.ok(&["relay", "status", "--json", &relay.url()]);
    assert!(
        status.contains("a-name-nobody-logs.txt"),
        "its operator sees which documents there are: {status}"
    );
    screen.quit();
    let log = relay.log();
    assert!(log.lines().count() > 2 && log.lines().all(|line| line.starts_with('{')), "{log}");
    let (_, secret) = link.split_once('#').expect("a secret");
    for hidden in [secret, "nobody", "ana-the-author"] {
        assert!(!log.contains(hidden), "{hidden} is in {log}");
    }
}

#[test]
fn limits_and_tokens_of_the_file_hold_and_are_said_to_clients() {
    let operator = Home::new("operator");
    let file = operator.file("relay.toml", "create-token = \"sesame\"\noperator-token = \"boss\"\n");
    let relay = Relay::start_with(&["--config", &file.display().to_string()]);
    let ana = Home::new("ana");
    ana.file("notes.txt", "notes\n");
    let outcome = ana.run(&["share", "notes.txt", "--relay", &relay.url(), "--detach"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("create token"), "{}", outcome.stderr);
    assert!(get(&relay, "/metrics", "").starts_with("HTTP/1.1 401 "));
    assert!(
        get(&relay, "/metrics", "authorization: Bearer boss\r\n").contains("reason=\"create-denied\"} 1")
    );
    let refused = ana.run(&["relay", "status", &relay.url()]);
    assert!(refused.code == Some(1) && refused.stderr.contains("--operator-token"), "{}", refused.stderr);
    ana.ok(&["relay", "status", &relay.url(), "--operator-token", "boss"]);
    let bad = operator.run(&["relay", "--config", "none.toml"]);
    assert!(bad.code == Some(1) && bad.stderr.contains("none.toml cannot be read"), "{}", bad.stderr);
    operator.file("odd.toml", "listen = \"127.0.0.1:0\"\nlissen = 1\n");
    let bad = operator.run(&["relay", "--config", "odd.toml"]);
    assert!(bad.code == Some(1) && bad.stderr.contains("odd.toml line 2"), "{}", bad.stderr);
}

#[test]
fn an_owner_makes_links_that_end_and_decides_who_may_write() {
    let relay = Relay::start_with(&["--create-token", "sesame"]);
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    ana.file("plan.txt", "plan\n");
    let share = ["share", "plan.txt", "--relay", &relay.url(), "--detach", "--create-token", "sesame"];
    let link = ana.ok(&share);
    let for_ben = ana.ok(&["link", &link, "--new", "--label", "ben", "--expires", "8h"]);
    let only_reads = ana.ok(&["link", &link, "--new", "--read-only"]);
    assert!(only_reads.contains("#r.") && ana.ok(&["cat", &only_reads]) == "plan");
    let list = ana.ok(&["link", &link]);
    assert!(list.contains("ben") && list.contains("min left") && list.contains("does not expire"), "{list}");
    let refused = ben.run(&["link", &for_ben]);
    assert!(refused.code == Some(1) && refused.stderr.contains("no such document"), "{}", refused.stderr);

    let screen = ben.join(&for_ben, "plan.txt");
    screen.wait_for_text("plan");
    let people = eventually("ben is shown", PATIENCE, || {
        Some(ana.ok(&["people", &link])).filter(|people| people.contains("ben"))
    });
    let number = people.split_whitespace().next().expect("a number");
    assert!(people.contains("write"), "{people}");
    ana.ok(&["people", &link, "--demote", "ben"]);
    screen.wait_for_status("read only");
    let nobody = ana.run(&["people", &link, "--promote", "bea"]);
    assert!(nobody.code == Some(1) && nobody.stderr.contains("nobody here"), "{}", nobody.stderr);
    ana.ok(&["people", &link, "--promote", number]);
    screen.wait_for_status("synced");
    screen.type_text("mine ");
    assert_document_becomes(&link, "mine plan\n");
    let nobody = ana.run(&["link", &link, "--revoke", "bea"]);
    assert!(nobody.code == Some(1) && nobody.stderr.contains("no link bea"), "{}", nobody.stderr);
    ana.ok(&["link", &link, "--revoke", "ben"]);
    screen.wait_for_text("revoked");
    let late = Home::new("late").run(&["cat", &for_ben]);
    assert!(late.code == Some(1) && late.stderr.contains("no such document"), "{}", late.stderr);
    assert_eq!(ana.ok(&["cat", &link]), "mine plan", "the text stays");
    // What was decided outlives the relay.
    let alone = relay.copy();
    assert_eq!(ana.ok(&["cat", &alone.link_here(&only_reads)]), "mine plan");
    assert_eq!(ana.run(&["cat", &alone.link_here(&for_ben)]).code, Some(1));
}

#[test]
fn an_owner_replaces_the_first_link_and_whoever_has_the_old_one_is_out() {
    let relay = Relay::start();
    let (ana, ben) = (Home::new("ana"), Home::new("ben"));
    ana.file("plan.txt", "plan\n");
    let old = ana.ok(&["share", "plan.txt", "--relay", &relay.url(), "--detach"]);
    let for_reader = ana.ok(&["link", &old, "--new", "--read-only"]);
    let screen = ben.join(&old, "plan.txt");
    screen.wait_for_text("plan");
    screen.wait_for_status("synced");
    let new = ana.ok(&["link", &old, "--replace"]);
    assert!(
        new != old && new.split_once('#').map(|parts| parts.0) == old.split_once('#').map(|parts| parts.0)
    );
    screen.wait_for_text("revoked");
    for refused in [ana.run(&["cat", &old]), ana.run(&["link", &old])] {
        assert!(refused.code == Some(1) && refused.stderr.contains("no such document"), "{}", refused.stderr);
    }
    assert_eq!(ana.ok(&["cat", &for_reader]), "plan", "links that were made one by one stand");
    let cai = Home::new("cai");
    let late = cai.join(&new, "copy.txt");
    late.wait_for_text("plan");
    late.type_text("new ");
    assert_document_becomes(&new, "new plan\n");
    ana.ok(&["link", &new, "--new"]);
    // It outlives the relay.
    let alone = relay.copy();
    assert_eq!(ana.ok(&["cat", &alone.link_here(&new)]), "new plan");
    assert_eq!(ana.run(&["cat", &alone.link_here(&old)]).code, Some(1));
}

#[test]
fn an_owner_who_replaces_the_link_goes_on_with_the_new_one_here() {
    let mut relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("plan.txt", "plan\n");
    let old = ana.ok(&["share", "plan.txt", "--relay", &relay.url(), "--detach"]);
    let screen = ana.open(&["plan.txt"]);
    screen.wait_for_status("synced");
    let new = ana.ok(&["link", &old, "--replace"]);
    screen.wait_for_text("the link of this document was replaced");
    screen.type_text("mine ");
    screen.wait_for_status("synced");
    assert_document_becomes(&new, "mine plan\n");
    screen.save();
    screen.press("f2");
    let (_, secret) = new.trim().split_once('#').expect("a secret");
    screen.wait_for_text(&secret[..20]);
    screen.press("esc");
    screen.wait_for("the box is closed", |view| !view.contains(&secret[..20]));
    screen.quit();
    // Refused, or nobody there: the record stays as it is.
    assert_eq!(ana.run(&["link", &old, "--replace"]).code, Some(1));
    relay.kill9();
    let nobody = ana.run(&["link", &new, "--replace"]);
    assert!(nobody.code == Some(1) && nobody.stderr.contains("the new one is http"), "{}", nobody.stderr);
    relay.restart();
    let again = ana.open(&["plan.txt"]);
    again.wait_for_status("synced");
    again.type_text("all ");
    assert_document_becomes(&new, "mine all plan\n");
    // Replaced from another machine: whoever is told the new link goes on with it, as its owner.
    let newest = Home::new("elsewhere").ok(&["link", &new, "--replace"]);
    again.wait_for_text("revoked");
    again.save();
    again.quit();
    let later = ana.join(&newest, "plan.txt");
    later.wait_for_status("synced");
    later.quit();
    let alone = ana.open(&["plan.txt"]);
    alone.wait_for_status("synced");
    alone.quit();
}

#[test]
fn whoever_has_a_dead_link_cannot_tell_by_the_time_whether_the_document_is_there() {
    let relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("plan.txt", "plan\n");
    let old = ana.ok(&["share", "plan.txt", "--relay", &relay.url(), "--detach"]);
    ana.ok(&["link", &old, "--replace"]);
    let (address, rest) = old.trim().split_once("/d/").expect("a document");
    let (document, secret) = rest.split_once('#').expect("a secret");
    let none: String = document.chars().map(|c| if c == 'a' { 'b' } else { 'a' }).collect();
    let nowhere = format!("{address}/d/{}{}#{secret}", &none[..4], &document[4..]);
    for link in [old.trim(), &nowhere] {
        for command in [["cat", link], ["people", link]] {
            let asked_at = Instant::now();
            let outcome = ana.run(&command);
            assert!(outcome.stderr.contains("no such document"), "{command:?}: {}", outcome.stderr);
            assert!(Duration::from_millis(DENIED_AFTER_MS) <= asked_at.elapsed(), "{command:?}");
        }
    }
}

#[test]
fn a_relay_on_an_old_backup_is_filled_again_by_those_who_have_the_rest() {
    let mut relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("story.txt", "once\n");
    let link = ana.share("story.txt", &relay.url());
    let screen = ana.join(&link, "story.txt");
    screen.wait_for_text("once");
    let (backup, data) = (ana.path("backup").display().to_string(), relay.data().display().to_string());
    ana.ok(&["relay", "backup", &backup, "--data", &data]);
    assert!(ana.ok(&["relay", "check", &backup]).contains("1 documents, 5 operations, 0 damaged"));
    let again = ana.run(&["relay", "backup", &backup, "--data", &data]);
    assert!(again.code == Some(1), "a backup is never written over");
    assert!(ana.ok(&["relay", "check", "--data", &data]).contains("1 documents, 5 operations, 0 damaged"));
    screen.type_text("upon a time ");
    screen.wait_for_status("synced");
    relay.kill9();
    let full = ana.run(&["relay", "restore", &backup, "--data", &data]);
    assert!(full.code == Some(1) && full.stderr.contains("relay.sqlite"), "{}", full.stderr);
    for name in ["relay.sqlite", "relay.sqlite-wal", "relay.sqlite-shm"] {
        let _ = std::fs::remove_file(relay.data().join(name));
    }
    ana.ok(&["relay", "restore", &backup, "--data", &data]);
    relay.restart();
    screen.type_text("there ");
    screen.wait_for_status("synced");
    assert_document_becomes(&link, "upon a time there once\n");
    screen.quit();
    let served = ana.run(&["relay", "restore", &backup, "--data", &data]);
    assert!(served.stderr.contains("already served"), "{}", served.stderr);
}

#[test]
fn whoever_is_at_a_relay_that_ends_goes_on_where_it_says_and_comes_home_when_that_ends_too() {
    let mut other = Relay::start();
    let mut home = Relay::start_with(&["--elsewhere", &other.url()]);
    let ana = Home::new("ana");
    ana.file("a.txt", "one\n");
    let link = ana.share("a.txt", &home.url());
    // The store moves.
    other.kill9();
    for name in ["relay.sqlite", "relay.sqlite-wal", "relay.sqlite-shm"] {
        let _ = std::fs::remove_file(other.data().join(name));
    }
    let backup = ana.path("backup").display().to_string();
    ana.ok(&["relay", "backup", &backup, "--data", &home.data().display().to_string()]);
    ana.ok(&["relay", "restore", &backup, "--data", &other.data().display().to_string()]);
    other.restart();
    let screen = ana.join(&link, "a.txt");
    screen.wait_for_status("synced");
    assert!(home.terminate().success());
    screen.type_text("zero ");
    screen.wait_for_status("synced");
    let there = link.replace(&home.port().to_string(), &other.port().to_string());
    assert_document_becomes(&there, "zero one\n");
    home.restart();
    assert!(other.terminate().success());
    assert_document_becomes(&link, "zero one\n");
    screen.wait_for_status("synced");
    screen.quit();
}

#[test]
fn damage_is_found_and_named() {
    let mut relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("a.txt", "one ".repeat(20_000));
    let link = ana.share("a.txt", &relay.url());
    assert!(relay.terminate().success());
    let (file, data) = (relay.data().join("relay.sqlite"), relay.data().display().to_string());
    ana.ok(&["relay", "check", "--data", &data]);
    let mut bytes = std::fs::read(&file).expect("a store");
    // In the middle of the text, where no structure of the database is.
    let middle = bytes.windows(8).rposition(|window| window == b"one one ").expect("the text") - 30_000;
    bytes[middle] = 0xff;
    std::fs::write(&file, &bytes).expect("a writable folder");
    let outcome = ana.run(&["relay", "check", "--data", &data]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stdout);
    assert!(
        outcome.stdout.contains("1 damaged") && outcome.stderr.contains("restore a backup"),
        "{outcome:?}"
    );
    // Whoever has the link is told so, and not where the relay keeps it.
    relay.restart();
    let told = Home::new("ben").run(&["cat", &link]);
    assert_eq!((told.code, told.stdout.as_str()), (Some(1), ""), "never an empty text");
    assert!(told.stderr.contains("could not open the document"), "{}", told.stderr);
    assert!(!told.stderr.contains("relay.sqlite") && relay.log().contains("relay.sqlite"), "{}", told.stderr);
    let nothing = ana.run(&["relay", "check", "--data", "nowhere"]);
    assert!(nothing.code == Some(1) && nothing.stderr.contains("nowhere"), "{}", nothing.stderr);
}

#[test]
fn an_owner_whose_change_of_links_is_not_kept_is_told_so() {
    let relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("a.txt", "one");
    let link = ana.share("a.txt", &relay.url());
    ana.ok(&["link", &link, "--new"]);
    // Somebody takes it out of the store while the relay has it in memory.
    let store = rusqlite::Connection::open(relay.data().join("relay.sqlite")).expect("a database");
    store.busy_timeout(PATIENCE).expect("an option");
    store.execute("DELETE FROM document", []).expect("not locked");
    let outcome = ana.run(&["link", &link, "--new"]);
    assert!(outcome.code == Some(1) && outcome.stderr.contains("could not keep"), "{outcome:?}");
    assert!(!outcome.stderr.contains("relay.sqlite"), "{}", outcome.stderr);
}

/// A bit flips in the redo log of a relay that was killed: it says so wherever an operator looks, and those who made what followed
/// bring it back.
#[test]
fn damage_amid_the_log_is_said_and_those_who_edit_bring_the_rest_back() {
    let mut relay = Relay::start();
    let ana = Home::new("ana");
    ana.file("a.txt", "text\n");
    let link = ana.share("a.txt", &relay.url());
    let data = relay.data().display().to_string();
    let screen = ana.join(&link, "a.txt");
    screen.wait_for_status("synced");
    // What is killed too late has all of it in the database already, and the log holds nothing that counts.
    let logs = ["relay.redo-0", "relay.redo-1"].map(|name| relay.data().join(name));
    let is_damaged = (0..8).any(|_| {
        let before = logs.each_ref().map(|log| std::fs::read(log).expect("a log"));
        for ch in "abcdefghij".chars() {
            screen.type_text(&ch.to_string());
            std::thread::sleep(Duration::from_millis(5));
        }
        screen.wait_for_status("synced");
        relay.kill9();
        // What else is in the files is of earlier turns.
        let newest = logs.iter().zip(before).find_map(|(log, before)| {
            let bytes = std::fs::read(log).expect("a log");
            let end = (0..bytes.len()).rposition(|at| before.get(at) != Some(&bytes[at]))?;
            Some((log, bytes, end))
        });
        let (log, mut bytes, end) = newest.expect("something was written");
        // Not in the last change, nor far before it.
        bytes[end - 100] ^= 4;
        std::fs::write(log, bytes).expect("a writable folder");
        let told = ana.run(&["relay", "check", "--data", &data]);
        relay.restart();
        screen.press("ctrl-r");
        screen.wait_for_status("synced");
        told.stdout.contains("not as it was written")
    });
    assert!(is_damaged, "no change was damaged in 8 tries");
    assert!(relay.log().contains("kept apart in"), "{}", relay.log());
    assert_eq!(metric(&relay, "coedit_log_damaged"), 1.0);
    let status = ana.ok(&["relay", "status", &relay.url()]);
    assert!(status.contains("damaged"), "{status}");
    let told = ana.run(&["relay", "check", "--data", &data]);
    assert!(told.code == Some(0) && told.stdout.contains("keeps what followed damage"), "{told:?}");
    let shown = screen.view().text_lines()[0].clone();
    assert_document_becomes(&link, &format!("{shown}\n"));
}

/// Says hello as somebody who shares a document of this number; returns the connection once it is answered.
fn greet(relay: &Relay, n: u8) -> TcpStream {
    let secret = Secret::from_random([n; 32]);
    let document = DocumentId::from_bytes([n; 16]);
    let create = CreateWish {
        access: secret.access().expect("may write"),
        operator_token: Vec::new(),
        name: String::new(),
    };
    let hello = Frame::Hello(Box::new(Hello {
        document,
        token: secret.token(),
        replica: ReplicaId::new(u64::from(n)),
        session: SessionId::from_bytes([n; 16]),
        epoch: Some(Epoch::from_bytes([n; 16])),
        create: Some(create),
        version: VersionVector::default(),
    }))
    .to_packet();
    let mut stream = TcpStream::connect(("127.0.0.1", relay.port())).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("an option");
    let upgrade = format!(
        "GET /d/{document} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).expect("it reads");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        head.push(byte[0]);
    }
    // A mask of zeros leaves the payload as it is.
    let len = u16::try_from(hello.len()).expect("short");
    let mut message = vec![0x82, 0x80 | 126];
    message.extend_from_slice(&len.to_be_bytes());
    message.extend_from_slice(&[0; 4]);
    message.extend_from_slice(&hello);
    stream.write_all(&message).expect("it reads");
    stream.read_exact(&mut [0; 2]).expect("a welcome");
    stream
}

#[test]
fn a_relay_that_stops_tells_everybody_a_time_of_their_own_to_come_back() {
    let mut relay = Relay::start();
    let mut clients: Vec<TcpStream> = (1..=40).map(|n| greet(&relay, n)).collect();
    assert!(relay.terminate().success());
    let mut delays = Vec::new();
    for client in &mut clients {
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).expect("all that was sent, and then the end");
        // The goodbye is the last message before the close frame.
        let at = (0..rest.len() - 2).rev().find_map(|at| match Frames::new(&rest[at..rest.len() - 2]) {
            Ok(mut frames) => match frames.next() {
                Some(Ok(Frame::Bye(why))) => Some(why),
                _ => None,
            },
            Err(_) => None,
        });
        let why = at.unwrap_or_else(|| panic!("no goodbye in {rest:?}"));
        assert_eq!(why.code, RefuseCode::GoingAway);
        delays.push(why.retry_after.expect("when to come back").0);
    }
    let in_second = |second: u64| delays.iter().filter(|&&delay| delay / 1_000 == second).count();
    assert_eq!((0..3).map(in_second).sum::<usize>(), 40, "{delays:?}");
    assert!((0..3).all(|second| 3 <= in_second(second)), "{delays:?}");
}
