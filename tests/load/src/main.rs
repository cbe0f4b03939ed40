//! Load on a relay, beside a bare WebSocket broadcast server, in one run: `tests/load/run` builds and starts it.
//!
//! Each server gets one core, the load another. Clients are in rooms of four; each types at a steady rate, and each edit holds
//! the time at which it was sent. Delivered is one edit arriving at one other client.

mod bare;
mod client;
mod server;

use std::time::Duration;

use client::{Kind, Load, Outcome};
use server::Server;

/// Clients of the throughput and the latency run, and how many share a room.
const N_CLIENTS: usize = 100;
const N_CLIENTS_LATENCY: usize = 500;
const ROOM: usize = 4;

/// Clients of the idle run.
const N_IDLE: usize = 2_000;

/// How long each rate is held.
const HOLD: Duration = Duration::from_secs(4);

/// Past this a server is too slow.
const P99_MAX: Duration = Duration::from_millis(100);

fn main() {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some("bare") => bare::serve(),
        Some(coedit) => run(coedit),
        None => {
            eprintln!("usage: coedit-load PATH-OF-COEDIT");
            std::process::exit(2);
        }
    }
}

fn run(coedit: &str) {
    server::pin(std::process::id(), 1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let start = |kind| match kind {
        Kind::Coedit => Server::coedit(coedit),
        Kind::Bare => Server::bare(),
    };
    println!("delivered/s on one core before p99 passes 100 ms, {N_CLIENTS} clients in rooms of {ROOM}");
    let best = [Kind::Bare, Kind::Coedit].map(|kind| {
        let mut best = 0.0;
        let mut rate = 40_000.0;
        loop {
            let server = start(kind);
            let outcome = runtime.block_on(load(kind, &server, N_CLIENTS, rate));
            outcome.print(kind, rate);
            if P99_MAX < outcome.share(0.99) || outcome.delivered_per_s() < 0.9 * rate {
                break best;
            }
            best = outcome.delivered_per_s();
            rate *= 1.3;
        }
    });
    println!("ratio coedit / bare: {:.2}\n", best[1] / best[0]);
    println!("{N_CLIENTS_LATENCY} clients in rooms of {ROOM}, 7500 delivered/s");
    let cpu = [Kind::Bare, Kind::Coedit].map(|kind| {
        let server = start(kind);
        let outcome = runtime.block_on(load(kind, &server, N_CLIENTS_LATENCY, 7_500.0));
        outcome.print(kind, 7_500.0);
        outcome.cpu_s_per_million()
    });
    println!("ratio of CPU coedit / bare: {:.2}\n", cpu[1] / cpu[0]);
    println!("memory of an idle connection, {N_IDLE} in rooms of {ROOM}");
    for kind in [Kind::Bare, Kind::Coedit] {
        let server = start(kind);
        let before = server.memory_kb();
        let load = runtime.block_on(Load::connect(kind, server.port(), N_IDLE, ROOM));
        runtime.block_on(async { tokio::time::sleep(Duration::from_secs(2)).await });
        println!("{:>8} {:6.1} kB", kind.name(), (server.memory_kb() - before) as f64 / N_IDLE as f64);
        drop(load);
    }
}

async fn load(kind: Kind, server: &Server, n_clients: usize, delivered_per_s: f64) -> Outcome {
    let load = Load::connect(kind, server.port(), n_clients, ROOM).await;
    let cpu_before = server.cpu();
    let mut outcome = load.hold(delivered_per_s, ROOM, HOLD).await;
    outcome.cpu = server.cpu() - cpu_before;
    outcome
}
