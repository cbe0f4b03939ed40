//! What is measured besides steady typing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use coedit::protocol::frame::{Frame, Frames};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{self, Kind, Load};
use crate::member::{Common, Member, News};
use crate::server::Server;
use crate::story;

/// Who types the recorded history.
const AUTHOR: usize = 1;

/// Members of the restarts, and how many share a document.
const N_AT_ONCE: usize = 1_000;
const N_PATIENT: usize = 2_000;
const ROOM: usize = 4;

/// Edits of the long history; how many are made at one place; how long the text stays; and how they are sent.
const N_EDITS: usize = 1_000_000;
const RUN: usize = 40;
const STEADY_CHARS: usize = 50_000;
const EDITS_PER_BATCH: usize = 4;
const EDITS_IN_FLIGHT: usize = 4_000;

/// A history comes in one edit at a time; then it is joined, from a relay that has it in memory and from one that just started.
pub async fn story(coedit: &str) {
    let mut server = Server::coedit(coedit);
    let story = story::read(client::replica(AUTHOR));
    let n_ops = story.doc.version().get(client::replica(AUTHOR));
    let (mut sink, mut source) = client::connect(Kind::Coedit, server.port(), 1, AUTHOR).await;
    let (cpu_before, begun) = (server.cpu(), Instant::now());
    let n_edits = story.batches.len();
    let send = async {
        for (i, batch) in story.batches.iter().enumerate() {
            sink.feed(Message::Binary(Frame::Batch(batch).to_packet().into())).await.expect("it reads");
            if i % 64 == 0 {
                sink.flush().await.expect("it reads");
            }
        }
        sink.flush().await.expect("it reads");
    };
    let hear = async {
        while let Some(Ok(message)) = source.next().await {
            let Message::Binary(bytes) = message else { continue };
            for frame in Frames::new(&bytes).expect("a packet") {
                match frame {
                    Ok(Frame::Ack(entries)) if entries.iter().any(|entry| n_ops <= entry.next) => return,
                    Ok(Frame::Refuse(why)) => panic!("refused: {}", why.sentence),
                    _ => {}
                }
            }
        }
    };
    tokio::join!(send, hear);
    let took = begun.elapsed();
    println!(
        "take in {n_edits} edits ({n_ops} operations) one by one: {:.2} s, server CPU {:.2} s",
        took.as_secs_f64(),
        (server.cpu() - cpu_before).as_secs_f64()
    );
    let text = story.doc.to_string();
    for (how, n) in [("warm", 20), ("just started", 5)] {
        let mut joins = Vec::new();
        for i in 0..n {
            if how != "warm" {
                server.restart(coedit);
            }
            joins.push(join(&server, i + 10, &text).await);
        }
        joins.sort_by_key(|join| join.took);
        let middle = &joins[joins.len() / 2];
        println!(
            "join it, {how}: {:.1} ms (best {:.1}), {} bytes, server CPU {:.2} ms",
            middle.took.as_secs_f64() * 1e3,
            joins[0].took.as_secs_f64() * 1e3,
            middle.n_bytes,
            joins.iter().map(|join| join.cpu.as_secs_f64()).sum::<f64>() * 1e3 / joins.len() as f64
        );
    }
}

struct Join {
    took: Duration,
    n_bytes: usize,
    cpu: Duration,
}

async fn join(server: &Server, i: usize, text: &str) -> Join {
    let (news, mut heard) = unbounded_channel();
    let begun = Instant::now();
    let common = Arc::new(Common { begun, is_patient: true, news });
    let cpu_before = server.cpu();
    let mut member = Member::new(common, server.port(), 1, i);
    timeout(Duration::from_secs(20), member.run(true)).await.expect("in sync in time");
    let Ok(News::InSync { at, n_bytes }) = heard.try_recv() else { panic!("no news of being in sync") };
    let cpu = server.cpu() - cpu_before;
    assert_eq!(member.doc.to_string(), text, "the whole text");
    Join { took: at - begun, n_bytes, cpu }
}

/// All are in sync; the server is killed and started again. When are they in sync again?
pub async fn restart(coedit: &str) {
    for (is_patient, n) in [(false, N_AT_ONCE), (true, N_PATIENT)] {
        let mut server = Server::coedit(coedit);
        let (news, mut heard) = unbounded_channel();
        let common = Arc::new(Common { begun: Instant::now(), is_patient, news });
        let mut members = tokio::task::JoinSet::new();
        for i in 0..n {
            let mut member = Member::new(Arc::clone(&common), server.port(), i / ROOM + 1, i);
            members.spawn(async move { member.run(false).await });
        }
        arrivals(&mut heard, n).await;
        for how in ["killed", "asked to stop"] {
            match how {
                "killed" => server.kill(),
                _ => server.stop(),
            }
            server.restart(coedit);
            let started = Instant::now();
            let arrived = arrivals(&mut heard, n).await;
            let since = |at: Instant| at.saturating_duration_since(started).as_secs_f64();
            let last = arrived.iter().copied().max().map_or(0.0, since);
            let delays = if is_patient { "the program's own delays" } else { "no delay" };
            println!("{n} clients, {how}, {delays}: all in sync {last:.2} s after the start");
            if is_patient {
                let n_fifths = (5.0 * last).ceil() as usize;
                let in_fifth =
                    |s: usize| arrived.iter().filter(|&&at| (5.0 * since(at)) as usize == s).count();
                let curve: Vec<String> = (0..n_fifths.max(1)).map(|s| in_fifth(s).to_string()).collect();
                println!("  arrivals in each fifth of a second: {}", curve.join(" "));
            }
        }
    }
}

/// Waits until this many are in sync who were not, and returns when each was.
async fn arrivals(heard: &mut UnboundedReceiver<News>, n: usize) -> Vec<Instant> {
    let mut arrived = Vec::new();
    while arrived.len() < n {
        let news = timeout(Duration::from_secs(60), heard.recv()).await;
        match news.unwrap_or_else(|_| panic!("only {} of {n} came back", arrived.len())) {
            Some(News::InSync { at, .. }) => arrived.push(at),
            Some(News::Lost) => {}
            None => panic!("nobody is left"),
        }
    }
    arrived
}

/// A million edits of one document, typing and deleting, a character each: what the relay keeps of it as time goes on.
pub async fn history(coedit: &str) {
    let server = Server::coedit(coedit);
    let (news, _heard) = unbounded_channel();
    let common = Arc::new(Common { begun: Instant::now(), is_patient: true, news });
    let mut author = Member::new(common, server.port(), 1, AUTHOR);
    author.run(true).await;
    let mut rng = coedit::base::rng::Rng::new(1);
    let (mut at, mut is_typing) = (0, true);
    for n in 1..=N_EDITS {
        let len = author.doc.len_chars();
        if n % RUN == 0 {
            at = rng.below(len as u64 + 1) as usize;
            is_typing = len < STEADY_CHARS || rng.below(2) == 0;
        }
        if is_typing {
            author.doc.insert(at, ["e", "t", "a", " "][rng.below(4) as usize]).expect("inside");
            at += 1;
        } else if 0 < at {
            author.doc.delete(at - 1..at).expect("inside");
            at -= 1;
        }
        if n % EDITS_PER_BATCH == 0 {
            author.edited().await;
        }
        if n % EDITS_IN_FLIGHT == 0 {
            author.settle().await;
        }
        if n % (N_EDITS / 10) == 0 {
            println!(
                "{n:>8} edits: text {:>6} characters, its history {:>8} bytes, the relay's folder {:>8}",
                author.doc.len_chars(),
                author.doc.save().len(),
                server.store_bytes()
            );
        }
    }
}

/// One of four reads nothing while the others type as fast as they can: the relay needs no more memory than without it.
pub async fn stuck(coedit: &str) {
    for n_stuck in [0, 1] {
        let server = Server::coedit(coedit);
        let mut stuck = Vec::new();
        for _ in 0..n_stuck {
            stuck.push(client::connect(Kind::Coedit, server.port(), 1, 9_999).await);
        }
        let before_kb = server.memory_kb();
        let mut n_delivered = 0;
        for round in 0..3 {
            let load = Load::connect_from(10 * round, Kind::Coedit, server.port(), 3, 3).await;
            n_delivered += load.hold(60_000.0, 3, Duration::from_secs(3)).await.n_delivered();
        }
        let grown_kb = server.memory_kb() as i64 - before_kb as i64;
        println!(
            "{n_stuck} of {} clients never reads: {n_delivered} delivered to the others, memory {grown_kb:+} kB",
            3 + n_stuck
        );
    }
}
