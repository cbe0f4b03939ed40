//! Load on a relay, beside a bare WebSocket broadcast server, in one run: `tests/load/run` builds and starts it.
//! And editors on terminals, with a relay between them.
//!
//! Each server gets one core, the load another. Clients are in rooms of four, or all in one; each types at a steady rate, and each edit
//! holds the time at which it was sent. Delivered is one edit arriving at one other client.

mod bare;
mod client;
mod measures;
mod member;
mod screen;
mod server;
mod story;
mod together;

use std::time::Duration;

use client::{Kind, Load, Outcome};
use server::Server;

/// Clients of the throughput run, and how many share a room.
const N_CLIENTS: usize = 100;
const ROOM: usize = 4;

/// Clients of the idle run.
const N_IDLE: usize = 2_000;

/// How long each rate is held.
const HOLD: Duration = Duration::from_secs(4);

/// Past this a server is too slow.
const P99_MAX: Duration = Duration::from_millis(100);

/// What can be measured.
const MEASURES: [&str; 12] = [
    "throughput",
    "latency",
    "room",
    "idle",
    "story",
    "history",
    "restart",
    "stuck",
    "keys",
    "crowd",
    "ready",
    "absence",
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let is_known = |measure: &String| MEASURES.contains(&measure.as_str());
    match args.split_first() {
        Some((first, _)) if first == "bare" => bare::serve(),
        Some((coedit, measures)) if measures.iter().all(is_known) => run(coedit, measures),
        _ => {
            eprintln!("usage: coedit-load PATH-OF-COEDIT [{}]...", MEASURES.join("|"));
            std::process::exit(2);
        }
    }
}

fn run(coedit: &str, measures: &[String]) {
    let is_asked = |measure: &str| measures.is_empty() || measures.iter().any(|asked| asked == measure);
    // Editors have both cores, as their users' machines would.
    let together: [(&str, fn(&str)); 4] = [
        ("keys", together::keys),
        ("crowd", together::crowd),
        ("ready", together::ready),
        ("absence", together::absence),
    ];
    together.iter().filter(|(name, _)| is_asked(name)).for_each(|(_, measure)| measure(coedit));
    server::pin(std::process::id(), 1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let start = |kind| match kind {
        Kind::Coedit => Server::coedit(coedit),
        Kind::Bare => Server::bare(),
    };
    if is_asked("throughput") {
        runtime.block_on(throughput(start));
    }
    for (name, n_clients, room, rate) in [("latency", 500, 4, 7_500.0), ("room", 100, 100, 9_900.0)] {
        if is_asked(name) {
            println!("{n_clients} clients in rooms of {room}, {rate} delivered/s");
            let outcomes = [Kind::Bare, Kind::Coedit].map(|kind| {
                let server = start(kind);
                let outcome = runtime.block_on(load(kind, &server, (n_clients, room), rate));
                outcome.print(kind, rate);
                outcome
            });
            let cpu = outcomes[1].cpu_s_per_million() / outcomes[0].cpu_s_per_million();
            let share =
                |share| outcomes[1].share(share).as_secs_f64() / outcomes[0].share(share).as_secs_f64();
            println!("ratio coedit / bare: CPU {cpu:.2}, p50 {:.2}, p99 {:.2}\n", share(0.5), share(0.99));
        }
    }
    if is_asked("idle") {
        println!("memory of an idle connection, {N_IDLE} in rooms of {ROOM}");
        for kind in [Kind::Bare, Kind::Coedit] {
            let server = start(kind);
            let before = server.memory_kb();
            let load = runtime.block_on(Load::connect(kind, server.port(), N_IDLE, ROOM));
            runtime.block_on(async { tokio::time::sleep(Duration::from_secs(2)).await });
            println!("{:>8} {:6.1} kB", kind.name(), (server.memory_kb() - before) as f64 / N_IDLE as f64);
            drop(load);
        }
        println!();
    }
    if is_asked("story") {
        runtime.block_on(measures::story(coedit));
    }
    if is_asked("history") {
        runtime.block_on(measures::history(coedit));
    }
    if is_asked("restart") {
        runtime.block_on(measures::restart(coedit));
    }
    if is_asked("stuck") {
        runtime.block_on(measures::stuck(coedit));
    }
}

/// Raises the rate until a server is too slow.
async fn throughput(start: impl Fn(Kind) -> Server) {
    println!("delivered/s on one core before p99 passes 100 ms, {N_CLIENTS} clients in rooms of {ROOM}");
    let mut best = [0.0; 2];
    for (kind, best) in [Kind::Bare, Kind::Coedit].into_iter().zip(&mut best) {
        let mut rate = 40_000.0;
        loop {
            let server = start(kind);
            let outcome = load(kind, &server, (N_CLIENTS, ROOM), rate).await;
            outcome.print(kind, rate);
            if P99_MAX < outcome.share(0.99) || outcome.delivered_per_s() < 0.9 * rate {
                break;
            }
            *best = outcome.delivered_per_s();
            rate *= 1.3;
        }
    }
    println!("ratio coedit / bare: {:.2}\n", best[1] / best[0]);
}

async fn load(
    kind: Kind,
    server: &Server,
    (n_clients, room): (usize, usize),
    delivered_per_s: f64,
) -> Outcome {
    let load = Load::connect(kind, server.port(), n_clients, room).await;
    let cpu_before = server.cpu();
    let mut outcome = load.hold(delivered_per_s, room, HOLD).await;
    outcome.cpu = server.cpu() - cpu_before;
    outcome
}
