//! The task of one link. Its reading and its writing half run side by side in it: a peer that takes nothing is still
//! read, and one that is not read is still written to. Whichever half ends first ends the link.

use std::future::pending;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::queue::{Command, Queue};
use super::stream::Stream as ByteStream;
use super::{
    CLOSE_GRACE, Carrier, Connection, Dialed, LinkEvent, PACKET_OVERHEAD_BYTES, UNHANDLED_BYTES_MAX,
    requests, served, websocket,
};
use super::{WIRE_FRAME_BYTES_MAX, WRITE_BATCH_BYTES};

type Sink = SplitSink<WebSocketStream<ByteStream>, Message>;
type Stream = SplitStream<WebSocketStream<ByteStream>>;

/// A WebSocket that carried nothing for this long is one that something between lets stand and does not serve.
const CARRIES_WITHIN: Duration = Duration::from_secs(5);

/// Why a link ended that this side wanted to end.
const CLOSED_HERE: &str = "it was closed from this side";

/// What the task needs besides the connection.
pub(super) struct LinkTask {
    pub(super) link_no: u64,
    pub(super) queue: Arc<Queue>,
    pub(super) events: mpsc::UnboundedSender<LinkEvent>,
}

/// Hands out a packet that was read once its share of [`UNHANDLED_BYTES_MAX`] is free.
pub(super) async fn received(bytes: impl Into<Box<[u8]>>, shares: &Arc<Semaphore>) -> Bytes {
    let bytes = bytes.into();
    let n_shares = u32::try_from(bytes.len() + PACKET_OVERHEAD_BYTES);
    let n_shares = n_shares.expect("a message is bounded by MESSAGE_BYTES_MAX");
    let share = Arc::clone(shares).acquire_many_owned(n_shares).await.expect("the semaphore is never closed");
    Bytes::from_owner(Received { bytes, _share: share })
}

/// A packet that gives its share of [`UNHANDLED_BYTES_MAX`] back when it is dropped.
struct Received {
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
    pub(super) async fn run(self, connection: Connection) {
        let Connection { carrier, lease } = connection;
        // The socket is gone when this is evaluated, so `Closed` is true when it is heard. The rarer ways are boxed: the usual one
        // must not take their room as well.
        let reason = match carrier {
            Carrier::Accepted(stream, early) => tokio::select! {
                reason = websocket::run(&self, stream, early) => reason,
                () = close_deadline(&self.queue.closing) => CLOSED_HERE.to_owned(),
            },
            Carrier::Dialed(socket, dialed) => Box::pin(self.run_dialed(socket, dialed)).await,
            Carrier::Served(_, ends) => Box::pin(served::run(&self, ends)).await,
            Carrier::Requests(link) => tokio::select! {
                reason = Box::pin(requests::run(&self, *link)) => reason,
                () = close_deadline(&self.queue.closing) => CLOSED_HERE.to_owned(),
            },
        };
        drop(lease);
        self.queue.end();
        // Nobody listens any more when the program ends.
        let _ = self.events.send(LinkEvent::Closed(self.link_no, reason));
    }

    async fn run_dialed(&self, socket: Box<WebSocketStream<ByteStream>>, dialed: Dialed) -> String {
        let (sink, stream) = StreamExt::split(*socket);
        let (events, link_no) = (self.events.clone(), self.link_no);
        let ping_after = dialed.network.ways.ping_after(&dialed.server);
        let began = Instant::now();
        let mut heard = Heard { n_packets: 0, at: began };
        let (reason, is_lost) = tokio::select! {
            reason = read_packets(stream, link_no, &events, &mut heard) => (reason, true),
            reason = self.write_packets(sink, ping_after) => (reason, false),
            () = close_deadline(&self.queue.closing) => (CLOSED_HERE.to_owned(), false),
        };
        let ways = &dialed.network.ways;
        match heard.n_packets {
            0 if CARRIES_WITHIN <= began.elapsed() => ways.carried_nothing(&dialed.server, 0),
            0 => {}
            _ if is_lost => ways.cut_after(&dialed.server, heard.at.elapsed()),
            _ => {}
        }
        reason
    }

    /// Writes what waits until the link breaks or is to be closed; returns why it broke.
    async fn write_packets(&self, mut sink: Sink, ping_after: Option<Duration>) -> String {
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
    async fn write_until_close(&self, sink: &mut Sink, ping_after: Option<Duration>) -> Result<(), Error> {
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
                next = if is_full { None } else { self.queue.try_recv() };
            }
            sink.flush().await?;
            if 0 < n_bytes {
                self.queue.written(n_bytes);
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
                return describe_close(frame.map(|frame| frame.code.into()));
            }
            Err(error) => return describe(&error),
        };
        heard.n_packets += 1;
        heard.at = Instant::now();
        // A copy of its own: what the socket hands out would keep its whole read buffer alive.
        let packet = received(&bytes[..], &shares).await;
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
pub(super) fn describe_close(code: Option<u16>) -> String {
    match code {
        None | Some(1000 | 1001) => "the other side closed the connection".to_owned(),
        Some(code) => format!("the other side closed the connection (code {code})"),
    }
}

/// Says in a clause why a socket failed.
fn describe(error: &Error) -> String {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => "the other side closed the connection".to_owned(),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => "the connection was lost".to_owned(),
        Error::Io(error) => describe_io(error),
        Error::Capacity(_) => "the other side sent more in one message than is allowed".to_owned(),
        Error::Protocol(_) => "the other side does not keep to the WebSocket protocol".to_owned(),
        other => format!("the connection failed: {other}"),
    }
}

/// Says in a clause why reading or writing failed.
pub(super) fn describe_io(error: &std::io::Error) -> String {
    if is_loss(error.kind()) {
        return "the connection was lost".to_owned();
    }
    format!("the connection failed: {error}")
}

fn is_loss(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | TimedOut | UnexpectedEof)
}
