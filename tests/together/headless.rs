//! Fifty people in one document without a screen each: the program's own session, a real relay, broken connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use coedit::app::session::{self, Session};
use coedit::base::rng::Rng;
use coedit::document::Document;
use coedit::protocol::link_url::LinkUrl;
use coedit::sync::Status;

use crate::support::home::Home;
use crate::support::number_from_env;
use crate::support::proxy::Proxy;
use crate::support::relay::Relay;

/// People, unless `COEDIT_CLIENTS` says otherwise.
const N_CLIENTS: u64 = 50;

/// Characters that each of them types, none of them deleted.
const N_CHARS: u64 = 200;

/// Text that is there before.
const N_CHARS_BEFORE: u64 = 2_000;

/// Memory that the relay may grow by while they type, in kilobytes.
const RELAY_GROWTH_KB_MAX: u64 = 32_000;

/// After the last disconnection a retry comes within 30 s and its jitter.
const PATIENCE: Duration = Duration::from_secs(120);

/// Takes in what happens for so long.
async fn run_for(session: &mut Session, doc: &mut Document, ms: u64) {
    let until = tokio::time::Instant::now() + Duration::from_millis(ms);
    while let Ok(event) = tokio::time::timeout_at(until, session.next_event()).await {
        session.handle(event, doc, &mut Vec::new());
    }
}

/// Types at random places while connections break, and returns the text that everybody ends with.
async fn type_at_random(link: LinkUrl, proxy: &Proxy, i: u64, n_chars_typed: u64) -> String {
    let mut rng = Rng::new(i);
    let (mut session, mut doc) = session::open_link(Arc::default(), link);
    session.settle(&mut doc, PATIENCE).await.expect("joined");
    for _ in 0..N_CHARS {
        let at = rng.below(doc.len_chars() as u64 + 1) as usize;
        doc.insert(at, &char::from_u32(0x0410 + i as u32).expect("a letter").to_string()).expect("inside");
        session.edited(&mut doc, &mut Vec::new());
        match rng.below(200) {
            0..4 => proxy.drop_all(),
            4 => {
                proxy.stall();
                run_for(&mut session, &mut doc, rng.below(200)).await;
                proxy.restore();
            }
            _ => {}
        }
        run_for(&mut session, &mut doc, rng.below(30)).await;
    }
    let give_up_at = Instant::now() + PATIENCE;
    let is_done = |session: &Session, doc: &Document| {
        doc.len_chars() as u64 == n_chars_typed + N_CHARS_BEFORE
            && matches!(session.status(), Status::Synced { .. })
    };
    while !is_done(&session, &doc) {
        assert!(
            Instant::now() < give_up_at,
            "client {i} has {} characters: {:?}",
            doc.len_chars(),
            session.status()
        );
        run_for(&mut session, &mut doc, 50).await;
    }
    doc.check_invariants();
    doc.to_string()
}

#[test]
fn fifty_people_with_broken_connections_end_equal_and_the_relay_stays_small() {
    let n_clients = number_from_env("COEDIT_CLIENTS", N_CLIENTS);
    let relay = Relay::start();
    let owner = Home::new("owner");
    owner.file("crowd.txt", ".".repeat(N_CHARS_BEFORE as usize));
    let link = owner.share("crowd.txt", &relay.url());
    let memory_before_kb = relay.memory_kb();
    let started = Instant::now();
    let texts: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..n_clients)
            .map(|i| {
                let proxy = Proxy::start(relay.port());
                let link = LinkUrl::parse(&proxy.link_through(&link)).expect("a link");
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                    let typing = type_at_random(link, &proxy, i, n_clients * N_CHARS);
                    runtime.expect("a runtime").block_on(typing)
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("no client failed")).collect()
    });
    println!("{n_clients} clients typed {N_CHARS} characters each in {:?}", started.elapsed());
    let growth_kb = relay.memory_kb().saturating_sub(memory_before_kb);
    println!("the relay grew by {growth_kb} kB");
    assert!(growth_kb < RELAY_GROWTH_KB_MAX, "the relay grew by {growth_kb} kB");
    let text = Home::new("reader").ok(&["cat", &link]);
    for (i, other) in texts.iter().enumerate() {
        assert_eq!(other, &text, "client {i}");
    }
    for i in 0..n_clients {
        let letter = char::from_u32(0x0410 + i as u32).expect("a letter");
        assert_eq!(text.matches(letter).count() as u64, N_CHARS, "characters of client {i}");
    }
}

/// People who type for long, and for how many seconds, unless `COEDIT_CLIENTS` and `COEDIT_SOAK_SECONDS` say otherwise.
const N_SOAKING: u64 = 10;
const SOAK_SECONDS: u64 = 5;

/// Milliseconds from one edit of a person to the next, in the middle.
const MS_BETWEEN_EDITS: u64 = 400;

/// Kilobytes that a relay may need after a long day beyond one that has just loaded the document: buffers of connections and the store, and
/// what the allocator keeps.
const BESIDE_HISTORY_KB: u64 = 12 << 10;

/// Types until then, a few times in a second, and takes away as much.
async fn type_for_long(link: LinkUrl, i: u64, until: Instant) -> (Document, u64) {
    let mut n_edits = 0;
    let mut rng = Rng::new(i);
    let (mut session, mut doc) = session::open_link(Arc::default(), link);
    session.settle(&mut doc, PATIENCE).await.expect("joined");
    while Instant::now() < until {
        let len = doc.len_chars();
        let at = rng.below(len as u64 + 1) as usize;
        match len < 2 * N_CHARS_BEFORE as usize {
            true => doc.insert(at, "some words ").expect("inside"),
            false => doc.delete(at.min(len - 11)..at.min(len - 11) + 11).expect("inside"),
        }
        session.edited(&mut doc, &mut Vec::new());
        n_edits += 1;
        run_for(&mut session, &mut doc, rng.below(2 * MS_BETWEEN_EDITS)).await;
    }
    // All have stopped: what was sent last arrives.
    let give_up_at = Instant::now() + PATIENCE;
    run_for(&mut session, &mut doc, 3_000).await;
    while !matches!(session.status(), Status::Synced { .. }) {
        assert!(Instant::now() < give_up_at, "client {i}: {:?}", session.status());
        run_for(&mut session, &mut doc, 50).await;
    }
    (doc, n_edits)
}

/// What a relay needs besides the document's history does not grow with the time that people type: one that has just loaded the same document
/// needs as much.
#[test]
fn a_relay_stays_as_it_is_while_people_type_for_long() {
    let n_clients = number_from_env("COEDIT_CLIENTS", N_SOAKING);
    let soak = Duration::from_secs(number_from_env("COEDIT_SOAK_SECONDS", SOAK_SECONDS));
    let mut relay = Relay::start();
    let owner = Home::new("owner");
    owner.file("soak.txt", ".".repeat(N_CHARS_BEFORE as usize));
    let link = owner.share("soak.txt", &relay.url());
    let before = relay.n_descriptors_and_threads();
    let until = Instant::now() + soak;
    let mut samples = Vec::new();
    let (texts, n_edits): (Vec<String>, Vec<u64>) = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..n_clients)
            .map(|i| {
                let link = LinkUrl::parse(&link).expect("a link");
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                    let (doc, n_edits) = runtime.expect("a runtime").block_on(type_for_long(link, i, until));
                    doc.check_invariants();
                    (doc.to_string(), n_edits)
                })
            })
            .collect();
        while Instant::now() < until {
            std::thread::sleep(soak / 40);
            samples.push((relay.memory_kb(), relay.n_descriptors_and_threads()));
        }
        clients.into_iter().map(|client| client.join().expect("no client failed")).collect()
    });
    let half = &samples[samples.len() / 2..];
    let of = |samples: &[(u64, (usize, usize))]| samples.iter().map(|(kb, _)| *kb).max().expect("a sample");
    let (first, second) = (of(&samples[..samples.len() / 2]), of(half));
    println!(
        "{n_clients} people, {soak:?}: memory {first} kB at most, then {second} kB; {:?}",
        samples.last()
    );
    let n_descriptors = half.iter().map(|(_, (n, _))| *n).max().expect("a sample");
    assert!(n_descriptors <= before.0 + n_clients as usize + 8, "descriptors: {before:?}, {samples:?}");
    let n_threads = half.iter().map(|(_, (_, n))| *n).max().expect("a sample");
    assert!(n_threads <= before.1 + 4, "threads: {before:?}, {samples:?}");
    let after = crate::support::eventually("all connections are let go of", PATIENCE, || {
        let after = relay.n_descriptors_and_threads();
        (after.0 <= before.0 + 4).then_some(after)
    });
    println!("descriptors and threads before {before:?}, after {after:?}");
    let used_kb = relay.memory_kb();
    assert!(relay.terminate().success());
    relay.restart();
    let empty_kb = relay.memory_kb();
    let text = Home::new("reader").ok(&["cat", &link]);
    let loaded_kb = relay.memory_kb();
    let n_edits: u64 = n_edits.iter().sum();
    println!(
        "{n_edits} edits: {used_kb} kB after them, {loaded_kb} kB when loaded anew, {empty_kb} kB without the document"
    );
    assert!(used_kb < loaded_kb + BESIDE_HISTORY_KB, "memory grows beyond the history: {samples:?}");
    for (i, other) in texts.iter().enumerate() {
        assert_eq!(other, &text, "client {i}");
    }
}
