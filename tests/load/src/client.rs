//! Many clients in one thread. They speak only as much of the protocol as it takes to type and to be typed at.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use coedit::crdt::{ReplicaId, ReplicaTable, VersionVector};
use coedit::document::Document;
use coedit::protocol::capability::Secret;
use coedit::protocol::frame::Frame;
use coedit::protocol::greeting::{CreateWish, Hello};
use coedit::protocol::{DocumentId, Epoch, SessionId};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

type Sink = SplitSink<WebSocketStream<TcpStream>, Message>;
type Source = SplitStream<WebSocketStream<TcpStream>>;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The bare server: a message is an edit.
    Bare,
    /// A relay.
    Coedit,
}

impl Kind {
    /// Returns what it is called in the table.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Bare => "bare",
            Kind::Coedit => "coedit",
        }
    }
}

/// Connected clients.
pub struct Load {
    kind: Kind,
    first: usize,
    clients: Vec<(Sink, Source)>,
}

/// What came of a load.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Microseconds from sending to arriving, ascending.
    latencies: Vec<u32>,
    held: Duration,
    /// CPU time of the server.
    pub cpu: Duration,
}

impl Outcome {
    /// Returns how many edits arrived.
    pub fn n_delivered(&self) -> usize {
        self.latencies.len()
    }

    /// Returns how many edits arrived a second.
    pub fn delivered_per_s(&self) -> f64 {
        self.latencies.len() as f64 / self.held.as_secs_f64()
    }

    /// Returns the latency that this share stays within.
    pub fn share(&self, share: f64) -> Duration {
        let at = ((self.latencies.len() as f64 * share) as usize).min(self.latencies.len().saturating_sub(1));
        Duration::from_micros(self.latencies.get(at).map_or(u64::MAX >> 20, |&us| u64::from(us)))
    }

    /// Returns the seconds of the server's CPU for a million edits that arrived.
    pub fn cpu_s_per_million(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.latencies.len() as f64
    }

    /// Prints a line.
    pub fn print(&self, kind: Kind, rate: f64) {
        println!(
            "{:>8} asked {rate:8.0}/s, delivered {:8.0}/s, p50 {:7.2} ms, p99 {:7.2} ms, CPU {:5.1} s per million",
            kind.name(),
            self.delivered_per_s(),
            self.share(0.5).as_secs_f64() * 1e3,
            self.share(0.99).as_secs_f64() * 1e3,
            self.cpu_s_per_million()
        );
    }
}

impl Load {
    /// Connects clients, `room` of them to each document.
    pub async fn connect(kind: Kind, port: u16, n_clients: usize, room: usize) -> Load {
        Load::connect_from(0, kind, port, n_clients, room).await
    }

    /// As [`Load::connect`]; the clients are numbered from `first` on, which nobody was before.
    pub async fn connect_from(first: usize, kind: Kind, port: u16, n_clients: usize, room: usize) -> Load {
        let mut clients = Vec::new();
        for i in 0..n_clients {
            clients.push(connect(kind, port, i / room + 1, first + i).await);
        }
        Load { kind, first, clients }
    }

    /// Types at a steady rate, so that `delivered_per_s` edits should arrive a second.
    pub async fn hold(self, delivered_per_s: f64, room: usize, held: Duration) -> Outcome {
        let begun = Instant::now();
        let latencies = Arc::new(Mutex::new(Vec::new()));
        let n_clients = self.clients.len();
        let every = Duration::from_secs_f64(n_clients as f64 * (room - 1) as f64 / delivered_per_s);
        let mut tasks = tokio::task::JoinSet::new();
        for (i, (sink, source)) in self.clients.into_iter().enumerate() {
            tasks.spawn(hear(source, begun, Arc::clone(&latencies)));
            let first_at = every.mul_f64(i as f64 / n_clients as f64);
            tasks.spawn(type_steadily(self.kind, sink, self.first + i, begun, first_at, every, held));
        }
        // What was sent at the end still arrives.
        tokio::time::sleep(held + Duration::from_millis(500)).await;
        tasks.shutdown().await;
        let mut latencies = std::mem::take(&mut *latencies.lock().expect("no panic"));
        latencies.sort_unstable();
        Outcome { latencies, held, cpu: Duration::ZERO }
    }
}

/// Returns how a socket is set up.
pub fn config() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(4 << 10).write_buffer_size(4 << 10)
}

/// Connects one client to the document with this number.
pub async fn connect(kind: Kind, port: u16, document: usize, i: usize) -> (Sink, Source) {
    let document = DocumentId::from_bytes((document as u128).to_le_bytes());
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    stream.set_nodelay(true).expect("an option");
    let url = format!("ws://127.0.0.1:{port}/d/{document}");
    let (socket, _) = client_async_with_config(url, stream, Some(config())).await.expect("a WebSocket");
    let (mut sink, mut source) = socket.split();
    if kind == Kind::Coedit {
        sink.send(Message::Binary(hello(document, i).into())).await.expect("it reads");
        // The welcome: the next client finds the document.
        source.next().await.expect("an answer").expect("an answer");
    }
    (sink, source)
}

fn hello(document: DocumentId, i: usize) -> Vec<u8> {
    let secret = Secret::from_random([7; 32]);
    let access = secret.access().expect("may write");
    let hello = Hello {
        document,
        token: secret.token(),
        replica: replica(i),
        session: SessionId::from_bytes((i as u128).to_le_bytes()),
        epoch: Some(Epoch::from_bytes([9; 16])),
        create: Some(CreateWish { access, operator_token: Vec::new(), name: String::new() }),
        version: VersionVector::default(),
    };
    Frame::Hello(Box::new(hello)).to_packet()
}

/// Returns under which id a client edits.
pub fn replica(i: usize) -> ReplicaId {
    ReplicaId::new(1_000 + i as u64)
}

/// Types an edit of 13 characters every so often: `@` and the time in microseconds.
async fn type_steadily(
    kind: Kind,
    mut sink: Sink,
    i: usize,
    begun: Instant,
    first_at: Duration,
    every: Duration,
    held: Duration,
) {
    let mut doc = Document::new(replica(i));
    let mut at = first_at;
    while at < held {
        tokio::time::sleep_until((begun + at).into()).await;
        // Behind after a stall: what is due goes out at once.
        while at <= begun.elapsed() && at < held {
            let before = doc.version();
            let text = format!("@{:012}", begun.elapsed().as_micros());
            doc.insert(doc.len_chars(), &text).expect("inside");
            let batch = doc.changes_between(&before, &doc.version(), &ReplicaTable::default());
            let packet = if kind == Kind::Coedit { Frame::Batch(&batch).to_packet() } else { batch };
            if sink.feed(Message::Binary(packet.into())).await.is_err() {
                return;
            }
            at += every;
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
    // Dropped halves would close the socket under the half that hears.
    std::future::pending::<()>().await;
}

async fn hear(mut source: Source, begun: Instant, latencies: Arc<Mutex<Vec<u32>>>) {
    while let Some(Ok(message)) = source.next().await {
        let Message::Binary(bytes) = message else { continue };
        let now = begun.elapsed().as_micros() as u64;
        let mut latencies = latencies.lock().expect("no panic");
        let mut rest = &bytes[..];
        while let Some(at) = rest.iter().position(|&byte| byte == b'@') {
            rest = &rest[at + 1..];
            let digits = rest.get(..12).and_then(|digits| std::str::from_utf8(digits).ok());
            if let Some(sent) = digits.and_then(|digits| digits.parse::<u64>().ok()) {
                latencies.push(now.saturating_sub(sent) as u32);
                rest = &rest[12..];
            }
        }
    }
}
