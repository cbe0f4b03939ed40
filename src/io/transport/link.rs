//! The task of one link. Its reading and its writing half run side by side in it: a peer that takes nothing is still
//! read, and one that is not read is still written to. Whichever half ends first ends the link.

use std::future::pending;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::stream::Stream as ByteStream;
use super::{
    CLOSE_GRACE, Carrier, Command, Connection, Dialed, LinkEvent, PACKET_OVERHEAD_BYTES, UNHANDLED_BYTES_MAX,
    requests, served,
};
use super::{WIRE_FRAME_BYTES_MAX, WRITE_BATCH_BYTES};

type Sink = SplitSink<WebSocketStream<ByteStream>, Message>;
type Stream = SplitStream<WebSocketStream<ByteStream>>;

/// A WebSocket that carried nothing for this long is one that something between lets stand and does not serve.
const CARRIES_WITHIN: Duration = Duration::from_secs(5);

/// What the task needs besides the connection.
pub(super) struct LinkTask {
    pub(super) link_no: u64,
    pub(super) queue: mpsc::UnboundedReceiver<Command>,
    pub(super) n_bytes_queued: Arc<AtomicUsize>,
    pub(super) closing: Arc<Notify>,
    pub(super) events: mpsc::UnboundedSender<LinkEvent>,
}

/// Copies a packet that was read once its share of [`UNHANDLED_BYTES_MAX`] is free.
pub(super) async fn received(bytes: &[u8], shares: &Arc<Semaphore>) -> Bytes {
    let n_shares = u32::try_from(bytes.len() + PACKET_OVERHEAD_BYTES);
    let n_shares = n_shares.expect("a message is bounded by MESSAGE_BYTES_MAX");
    let share = Arc::clone(shares).acquire_many_owned(n_shares).await.expect("the semaphore is never closed");
    Bytes::from_owner(Received { bytes: Box::from(bytes), _share: share })
}

/// A packet that gives its share of [`UNHANDLED_BYTES_MAX`] back when it is dropped.
struct Received {
    /// A copy of its own: what the socket hands out would keep its whole read buffer alive.
    bytes: Box<[u8]>,
    _share: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Received {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// What was heard on a WebSocket, for what it teaches about the way.
struct Heard {
    n_packets: u64,
    at: Instant,
}

impl LinkTask {
    /// Reads and writes until the link is over.
    pub(super) async fn run(mut self, connection: Connection) {
        let Connection { carrier, lease } = connection;
        let (events, closing, link_no) = (self.events.clone(), Arc::clone(&self.closing), self.link_no);
        // The socket is gone when this is evaluated, so `Closed` is true when it is heard.
        let reason = match carrier {
            Carrier::WebSocket(socket, dialed) => self.run_websocket(*socket, dialed).await,
            Carrier::Served(_, ends) => served::run(&mut self, ends).await,
            Carrier::Requests(link) => tokio::select! {
                reason = requests::run(&mut self, *link) => reason,
                () = close_deadline(&closing) => "it was closed from this side".to_owned(),
            },
        };
        drop(lease);
        // Nobody listens any more when the program ends.
        let _ = events.send(LinkEvent::Closed(link_no, reason));
    }

    async fn run_websocket(&mut self, socket: WebSocketStream<ByteStream>, dialed: Option<Dialed>) -> String {
        let (sink, stream) = socket.split();
        let (events, closing, link_no) = (self.events.clone(), Arc::clone(&self.closing), self.link_no);
        let ping_after = dialed.as_ref().and_then(|dialed| dialed.network.ways.ping_after(&dialed.server));
        let began = Instant::now();
        let mut heard = Heard { n_packets: 0, at: began };
        let (reason, is_lost) = tokio::select! {
            reason = read_packets(stream, link_no, &events, &mut heard) => (reason, true),
            reason = self.write_packets(sink, ping_after) => (reason, false),
            () = close_deadline(&closing) => ("it was closed from this side".to_owned(), false),
        };
        if let Some(dialed) = dialed {
            let ways = &dialed.network.ways;
            match heard.n_packets {
                0 if CARRIES_WITHIN <= began.elapsed() => ways.carried_nothing(&dialed.server, 0),
                0 => {}
                _ if is_lost => ways.cut_after(&dialed.server, heard.at.elapsed()),
                _ => {}
            }
        }
        reason
    }

    /// Writes what waits until the link breaks or is to be closed; returns why it broke.
    async fn write_packets(&mut self, mut sink: Sink, ping_after: Option<Duration>) -> String {
        match self.write_until_close(&mut sink, ping_after).await {
            // The other side said goodbye; the reading half knows the reason and ends the link.
            Err(Error::Protocol(ProtocolError::SendAfterClosing) | Error::ConnectionClosed) => {
                sleep(CLOSE_GRACE).await;
                "the other side closed the connection".to_owned()
            }
            Err(error) => describe(&error),
            // The other side's goodbye ends the link, or the deadline. Ending it at once would let the kernel answer
            // bytes that are still on their way with a reset, which can take our last packets with it.
            Ok(()) => pending().await,
        }
    }

    /// Takes all that waits, writes it, flushes once, and so on until [`Command::Close`].
    async fn write_until_close(
        &mut self,
        sink: &mut Sink,
        ping_after: Option<Duration>,
    ) -> Result<(), Error> {
        loop {
            let first = match ping_after {
                None => self.queue.recv().await,
                Some(silence) => match timeout(silence, self.queue.recv()).await {
                    Ok(first) => first,
                    Err(_) => {
                        sink.send(Message::Ping(Bytes::new())).await?;
                        continue;
                    }
                },
            };
            let Some(first) = first else { break };
            let mut next = Some(first);
            let mut n_bytes = 0;
            let mut is_last = false;
            while let Some(command) = next {
                match command {
                    Command::Packet(packet) => {
                        n_bytes += packet.len();
                        write_packet(sink, packet).await?;
                    }
                    Command::Close => is_last = true,
                }
                let is_full = is_last || WRITE_BATCH_BYTES <= n_bytes;
                next = if is_full { None } else { self.queue.try_recv().ok() };
            }
            sink.flush().await?;
            if 0 < n_bytes {
                self.n_bytes_queued.fetch_sub(n_bytes, Ordering::Relaxed);
                // Nobody listens any more when the program ends.
                let _ = self.events.send(LinkEvent::Written(self.link_no, n_bytes));
            }
            if is_last {
                break;
            }
        }
        sink.send(Message::Close(None)).await
    }
}

/// Writes one packet as one message, in several frames if it is long.
async fn write_packet(sink: &mut Sink, mut packet: Bytes) -> Result<(), Error> {
    if packet.len() <= WIRE_FRAME_BYTES_MAX {
        return sink.feed(Message::Binary(packet)).await;
    }
    let mut kind = Data::Binary;
    while !packet.is_empty() {
        let piece = packet.split_to(packet.len().min(WIRE_FRAME_BYTES_MAX));
        let is_final = packet.is_empty();
        sink.feed(Message::Frame(Frame::message(piece, OpCode::Data(kind), is_final))).await?;
        kind = Data::Continue;
    }
    Ok(())
}

/// Hands out packets until the connection ends; returns why it did.
async fn read_packets(
    mut stream: Stream,
    link_no: u64,
    events: &mpsc::UnboundedSender<LinkEvent>,
    heard: &mut Heard,
) -> String {
    let shares = Arc::new(Semaphore::new(UNHANDLED_BYTES_MAX));
    while let Some(message) = stream.next().await {
        let bytes = match message {
            Ok(Message::Binary(bytes)) => bytes,
            // The socket answers pings itself.
            Ok(Message::Ping(_) | Message::Pong(_)) => {
                heard.at = Instant::now();
                continue;
            }
            Ok(Message::Text(_) | Message::Frame(_)) => {
                return "the other side sent text, which no coedit program does".to_owned();
            }
            Ok(Message::Close(frame)) => {
                // Reading on lets the socket send its goodbye.
                let _ = timeout(CLOSE_GRACE, async { while let Some(Ok(_)) = stream.next().await {} }).await;
                return describe_close(frame.as_ref());
            }
            Err(error) => return describe(&error),
        };
        heard.n_packets += 1;
        heard.at = Instant::now();
        let packet = received(&bytes, &shares).await;
        if events.send(LinkEvent::Packet(link_no, packet)).is_err() {
            return "the program is ending".to_owned();
        }
    }
    "the connection was lost".to_owned()
}

/// Returns some time after the link was told to close.
async fn close_deadline(closing: &Notify) {
    closing.notified().await;
    sleep(CLOSE_GRACE).await;
}

/// Says how the other side closed. Its own words are not repeated: they can be anything.
fn describe_close(frame: Option<&CloseFrame>) -> String {
    match frame.map(|frame| u16::from(frame.code)) {
        None | Some(1000 | 1001) => "the other side closed the connection".to_owned(),
        Some(code) => format!("the other side closed the connection (code {code})"),
    }
}

/// Says in a clause why a socket failed.
fn describe(error: &Error) -> String {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => "the other side closed the connection".to_owned(),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => "the connection was lost".to_owned(),
        Error::Io(error) if is_loss(error.kind()) => "the connection was lost".to_owned(),
        Error::Io(error) => format!("the connection failed: {error}"),
        Error::Capacity(_) => "the other side sent more in one message than is allowed".to_owned(),
        Error::Protocol(_) => "the other side does not keep to the WebSocket protocol".to_owned(),
        other => format!("the connection failed: {other}"),
    }
}

fn is_loss(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | TimedOut | UnexpectedEof)
}
