//! What people notice who edit together: editors on terminals, a relay between them, all on this machine.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use coedit::base::rng::Rng;
use coedit::protocol::link_url::LinkUrl;
use tokio::sync::mpsc::unbounded_channel;

use crate::member::{Common, Member};
use crate::screen::{Home, Screen};
use crate::server::Server;
use crate::story;

/// Keys that are timed, and the time between two.
const N_KEYS: usize = 180;
const KEY_EVERY: Duration = Duration::from_millis(20);

/// Keys of one line: what is typed stays in view.
const LINE_KEYS: usize = 60;

/// People in the crowd, the one at the screen included, and how often each types.
const N_CROWD: usize = 50;
const CROWD_KEY_EVERY: Duration = Duration::from_millis(200);
const N_CROWD_KEYS: usize = 120;

/// Edits on each side of the cut.
const N_APART: usize = 100_000;

/// How often a start is measured.
const N_STARTS: usize = 9;

const FIRST: &str = "FIRST-LINE-MARKER";

/// A key in one terminal until it is shown in the other.
pub fn keys(coedit: &str) {
    let server = Server::coedit(coedit);
    let (ada, bob) = (Home::new(), Home::new());
    ada.file("a.txt", &text_of(10 << 10));
    let link = ada.share(coedit, "a.txt", server.port());
    let mut one = Screen::open(coedit, &ada, &["a.txt", "--name", "ada"]);
    one.until("synced");
    let mut other = Screen::open(coedit, &bob, &["join", &link, "b.txt", "--name", "bob"]);
    other.until("synced");
    other.until(FIRST);
    let (mut own, mut others) = (Vec::new(), Vec::new());
    let mut due = Instant::now() + Duration::from_millis(500);
    for round in 0..N_KEYS / LINE_KEYS {
        one.send(b"\x1b[H");
        let mut typed = format!("{}:", (b'a' + round as u8) as char);
        one.send(format!("\r\x1b[A{typed}").as_bytes());
        other.until(&typed);
        for n in 0..LINE_KEYS {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            due = Instant::now() + KEY_EVERY;
            let key = b"bcdfghjklm"[n % 10];
            typed.push(key as char);
            let sent = one.send(&[key]);
            own.push(one.until(&typed) - sent);
            others.push(other.until(&typed) - sent);
        }
    }
    print("key to own screen", &mut own);
    print("key to the other's screen", &mut others);
    print("write and fdatasync of 4 KiB", &mut (0..50).map(|_| sync(&ada)).collect());
}

/// One of many types, while all others do.
pub fn crowd(coedit: &str) {
    let server = Server::coedit(coedit);
    let ada = Home::new();
    ada.file("a.txt", &text_of(1 << 20));
    let link = ada.share(coedit, "a.txt", server.port());
    let mut screen = Screen::open(coedit, &ada, &["a.txt", "--name", "ada"]);
    screen.until("synced");
    let crowd = std::thread::spawn({
        let link = LinkUrl::parse(&link).expect("a link");
        move || members_type(&link)
    });
    screen.until(&format!("{N_CROWD} here"));
    // Somewhere in the text, as the others are.
    screen.send(b"\x1b[H\r\x1b[A");
    let (mut own, mut typed) = (Vec::new(), String::new());
    for n in 0..N_CROWD_KEYS {
        if n % LINE_KEYS == 0 {
            typed = format!("{}:", (b'a' + (n / LINE_KEYS) as u8) as char);
            screen.send(format!("\r{typed}").as_bytes());
            screen.until(&typed);
        }
        std::thread::sleep(CROWD_KEY_EVERY);
        screen.drain();
        let key = b"bcdfghjklm"[n % 10];
        typed.push(key as char);
        let sent = screen.send(&[key]);
        own.push(screen.until(&typed) - sent);
    }
    print(&format!("{N_CROWD} people in 1 MB, key to own screen"), &mut own);
    assert!(!crowd.is_finished(), "the others type to the end");
}

fn members_type(link: &LinkUrl) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (news, _heard) = unbounded_channel();
    let common = Arc::new(Common { begun: Instant::now(), is_patient: true, news });
    let mut rng = Rng::new(1);
    runtime.block_on(async {
        let mut members = tokio::task::JoinSet::new();
        for i in 1..N_CROWD {
            let mut member = Member::of_link(Arc::clone(&common), link, i);
            member.run(true).await;
            let at = rng.below(member.doc.len_chars() as u64) as usize;
            let first_at = Instant::now() + CROWD_KEY_EVERY.mul_f64(i as f64 / N_CROWD as f64);
            members.spawn(async move { member.type_steadily(at, first_at, CROWD_KEY_EVERY).await });
        }
        members.join_next().await;
    });
}

/// The command until what it is for is on the screen: of a small text, and of a large one with a long history.
pub fn ready(coedit: &str) {
    let server = Server::coedit(coedit);
    let url = format!("http://127.0.0.1:{}", server.port());
    let (mut shares, mut joins) = (Vec::new(), Vec::new());
    for _ in 0..N_STARTS {
        let (ada, bob) = (Home::new(), Home::new());
        ada.file("a.txt", &text_of(10 << 10));
        let mut sharing = Screen::open(coedit, &ada, &["share", "a.txt", "--relay", &url]);
        shares.push(sharing.until("synced") - sharing.started);
        drop(sharing);
        let link = ada.share(coedit, "a.txt", server.port());
        let mut joining = Screen::open(coedit, &bob, &["join", &link, "b.txt"]);
        joining.until(FIRST);
        joins.push(joining.until("synced") - joining.started);
    }
    print("share: command to in sync on the screen", &mut shares);
    print("join: command to in sync on the screen", &mut joins);

    let ada = Home::new();
    ada.file("a.txt", &text_of(10 << 20));
    let link = ada.share(coedit, "a.txt", server.port());
    let n_edits = write_story(&LinkUrl::parse(&link).expect("a link"));
    let mut joins = Vec::new();
    for _ in 0..N_STARTS {
        let bob = Home::new();
        let mut joining = Screen::open(coedit, &bob, &["join", &link, "b.txt"]);
        joins.push(joining.until(FIRST) - joining.started);
    }
    print(&format!("join of 10 MB and {n_edits} edits: command to text"), &mut joins);
}

/// Adds a recorded history to a document, behind the text that is there. Returns of how many edits.
fn write_story(link: &LinkUrl) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (news, _heard) = unbounded_channel();
    let common = Arc::new(Common { begun: Instant::now(), is_patient: true, news });
    let patches = story::patches();
    let mut member = Member::of_link(common, link, 1);
    runtime.block_on(async {
        member.run(true).await;
        let start = member.doc.len_chars();
        for (n, (at, n_deleted, inserted)) in patches.iter().enumerate() {
            story::apply(&mut member.doc, start + at, *n_deleted, inserted);
            if n % 1_000 == 0 {
                member.edited().await;
                member.settle().await;
            }
        }
        member.edited().await;
        member.settle().await;
    });
    patches.len()
}

/// Both sides edit without each other; then they meet.
pub fn absence(coedit: &str) {
    let mut server = Server::coedit(coedit);
    let ada = Home::new();
    ada.file("a.txt", &text_of(1 << 20));
    let link = LinkUrl::parse(&ada.share(coedit, "a.txt", server.port())).expect("a link");
    let mut screen = Screen::open(coedit, &ada, &["a.txt", "--name", "ada"]);
    screen.until("synced");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (news, _heard) = unbounded_channel();
    let common = Arc::new(Common { begun: Instant::now(), is_patient: true, news });
    let mut member = Member::of_link(common, &link, 1);
    runtime.block_on(member.run(true));
    server.kill();
    screen.until("offline");
    // A character at the end of each line, from the last line up and around: each an edit at a place of its own.
    for _ in 0..N_APART / 1_000 {
        screen.send(b"\x1b[1;5F");
        screen.send(&b"y\x1b[A".repeat(1_000));
    }
    screen.until(&format!("{N_APART} edits"));
    let mut rng = Rng::new(2);
    for _ in 0..N_APART {
        let at = rng.below(member.doc.len_chars() as u64) as usize;
        member.doc.insert(at, "z").expect("inside");
    }
    member.doc.insert(0, "ALL-OF-IT ").expect("inside");
    server.restart(coedit);
    runtime.block_on(async {
        member.edited().await;
        member.retry().await;
        member.settle().await;
    });
    screen.send(b"\x1b[1;5H");
    screen.until(FIRST);
    let asked = screen.send(b"\x1b[15~");
    let mut took = vec![screen.until("ALL-OF-IT") - asked];
    print(
        &format!("{N_APART} edits on each side: asked to connect until merged and on the screen"),
        &mut took,
    );
}

fn text_of(n_bytes: usize) -> String {
    let line = "a line of text as one finds it in files\n";
    format!("{FIRST}\n{}", line.repeat(n_bytes / line.len()))
}

fn sync(home: &Home) -> Duration {
    let mut file = File::create(home.path("sync")).expect("a writable folder");
    let begun = Instant::now();
    file.write_all(&[0; 4 << 10]).and_then(|()| file.sync_data()).expect("a writable disk");
    begun.elapsed()
}

fn print(what: &str, times: &mut Vec<Duration>) {
    times.sort();
    let ms = |at: usize| times[at.min(times.len() - 1)].as_secs_f64() * 1e3;
    let (n, middle, late) = (times.len(), times.len() / 2, times.len() * 99 / 100);
    println!("{what}: median {:.2} ms, p99 {:.2}, best {:.2} ({n})", ms(middle), ms(late), ms(0));
}
