//! Many people in one document, whose connections break all the time.

use std::time::{Duration, Instant};

use coedit::base::rng::Rng;

use crate::support::home::{Home, assert_saves_as};
use crate::support::number_from_env;
use crate::support::proxy::Proxy;
use crate::support::relay::Relay;
use crate::support::screen::Screen;

/// People, unless `COEDIT_CLIENTS` says otherwise.
const N_CLIENTS: u64 = 8;

/// Characters that each of them types.
const N_CHARS: usize = 200;

/// Lines of the text they share, all of them on the screen.
const N_LINES: u64 = 20;

/// Memory that the relay may grow by while they type, in kilobytes.
const RELAY_GROWTH_KB_MAX: u64 = 32_000;

/// After the last disconnection a retry comes within 30 s and its jitter.
const PATIENCE_FOR_RETRY: Duration = Duration::from_secs(90);

/// Returns the character that only client `i` types.
fn letter_of(i: u64) -> char {
    char::from_u32(0x0410 + i as u32).expect("a Cyrillic letter")
}

/// Types at random places, and loses the connection at random moments.
fn type_at_random(screen: &Screen, proxy: &Proxy, i: u64) {
    let mut rng = Rng::new(i);
    for _ in 0..N_CHARS {
        screen.press("ctrl-home");
        (0..rng.below(N_LINES)).for_each(|_| screen.press("down"));
        (0..rng.below(8)).for_each(|_| screen.press("right"));
        screen.type_text(&letter_of(i).to_string());
        if rng.below(50) == 0 {
            proxy.drop_all();
        }
        // As fast as a quick typist, so that all of them are at it at the same time.
        std::thread::sleep(Duration::from_millis(rng.below(30)));
    }
}

#[test]
fn a_crowd_with_broken_connections_ends_with_equal_texts_and_a_calm_relay() {
    let n_clients = number_from_env("COEDIT_CLIENTS", N_CLIENTS);
    let relay = Relay::start();
    let owner = Home::new("owner");
    owner.file("crowd.txt", "12345678\n".repeat(N_LINES as usize));
    let link = owner.share("crowd.txt", &relay.url());
    let people: Vec<(Home, Proxy)> =
        (0..n_clients).map(|i| (Home::new(&format!("p{i}")), Proxy::start(relay.port()))).collect();
    let screens: Vec<Screen> = people
        .iter()
        .map(|(home, proxy)| {
            let link = proxy.link_through(&link);
            home.open_sized(&["join", &link, "mine.txt", "--name", &home.name], 24, 100)
        })
        .collect();
    screens.iter().for_each(|screen| drop(screen.wait_for_status("synced")));
    let memory_before_kb = relay.memory_kb();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for (i, (screen, (_, proxy))) in screens.iter().zip(&people).enumerate() {
            scope.spawn(move || type_at_random(screen, proxy, i as u64));
        }
    });
    for screen in &screens {
        screen.wait_at_most(PATIENCE_FOR_RETRY, "in sync again", |view| view.status().contains("synced"));
    }
    println!("{n_clients} people typed {N_CHARS} characters each in {:?}", started.elapsed());
    let growth_kb = relay.memory_kb().saturating_sub(memory_before_kb);
    assert!(growth_kb < RELAY_GROWTH_KB_MAX, "the relay grew by {growth_kb} kB");
    let text = Home::new("reader").run(&["cat", &link]).stdout;
    for i in 0..n_clients {
        assert_eq!(text.matches(letter_of(i)).count(), N_CHARS, "characters of client {i}");
    }
    for (screen, (home, _)) in screens.iter().zip(&people) {
        assert_saves_as(screen, home, "mine.txt", &text);
    }
}
