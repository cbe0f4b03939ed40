//! A connection as a stream of whole packets, the same for the side that dialed and the side that was dialed.
//!
//! A packet is one binary WebSocket message, or one of several in a request where no WebSocket passes. Nothing here knows
//! what stands in it. Large packets travel as several WebSocket frames, because a socket's buffers grow to its largest frame and never shrink: a relay with many thousand
//! idle connections would otherwise pay for each one's largest packet for ever.

/// From an address to a stream of bytes.
pub mod connect;
/// Reaching a relay or a host by its address.
pub mod dial;
/// The task that reads and writes.
mod link;
/// What waits for a link.
mod queue;
/// The dialing half of a link over plain requests.
pub(in crate::io) mod requests;
/// The serving half of a link over plain requests.
pub mod served;
/// Bytes with or without TLS around them.
pub(in crate::io) mod stream;
/// Which way leads to whom.
pub mod ways;
/// The serving half of a WebSocket.
mod websocket;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connect::Network;
use queue::Queue;
use stream::Stream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::sync::Via;

/// Bytes of one message that are read: a packet of 256 KiB and a little slack. A longer one ends the connection
/// before its body is read.
pub const MESSAGE_BYTES_MAX: usize = (256 << 10) + 1024;

/// Bytes of one WebSocket frame that are written; a longer packet becomes several.
const WIRE_FRAME_BYTES_MAX: usize = 16 << 10;

/// Bytes of a socket's read buffer, and of its write buffer before it goes to the kernel.
const SOCKET_BUFFER_BYTES: usize = 4 << 10;

/// Bytes of packets that were read from one connection and not yet dropped by whoever takes the events. Reading stops
/// there, so that TCP holds the sender back.
const UNHANDLED_BYTES_MAX: usize = 1 << 20;

/// What a packet counts on top of its bytes, so that empty ones are not free.
const PACKET_OVERHEAD_BYTES: usize = 64;

/// Bytes that the kernel took of an accepted link before a [`LinkEvent::Written`] says so: small packets are not worth an
/// event each. Flow control looks at much larger amounts.
const WRITTEN_BYTES_MIN: usize = 16 << 10;

/// Bytes that are written before a flush and a [`LinkEvent::Written`], at least: flow control hears of a slow link soon.
const WRITE_BATCH_BYTES: usize = 64 << 10;

/// How long a link that is being closed may take to write what it was given and to hear the other side's goodbye.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// An open connection that nobody reads yet. Dropping it closes it.
pub struct Connection {
    carrier: Carrier,
    /// Held for as long as the connection lives: its place under the server's bounds.
    lease: Option<Arc<dyn Any + Send + Sync>>,
}

/// What carries the packets.
enum Carrier {
    Dialed(Box<WebSocketStream<Stream>>, Dialed),
    /// What became a WebSocket here, and what came behind the handshake.
    Accepted(Stream, Vec<u8>),
    Served(Via, served::Ends),
    Requests(Box<requests::Requests>),
}

/// What the link of a dialed WebSocket teaches about the way there.
struct Dialed {
    network: Arc<Network>,
    server: String,
}

impl Connection {
    /// Makes the connection of a WebSocket that was accepted.
    pub(in crate::io) fn accepted(
        stream: Stream,
        early: Vec<u8>,
        lease: Option<Arc<dyn Any + Send + Sync>>,
    ) -> Connection {
        Connection { carrier: Carrier::Accepted(stream, early), lease }
    }

    /// Makes the serving half of a connection over plain requests, and what they work on.
    pub(in crate::io) fn served(
        via: Via,
        lease: Option<Arc<dyn Any + Send + Sync>>,
    ) -> (Connection, Arc<served::ServedLink>) {
        let (link, ends) = served::ServedLink::new();
        (Connection { carrier: Carrier::Served(via, ends), lease }, link)
    }

    /// Returns what carries it.
    pub fn via(&self) -> Via {
        match &self.carrier {
            Carrier::Dialed(..) | Carrier::Accepted(..) => Via::WebSocket,
            Carrier::Served(via, _) => *via,
            Carrier::Requests(requests) => requests.via,
        }
    }
}

/// What a link tells. The first field is the `link_no` that [`spawn`] was given.
#[derive(Debug)]
pub enum LinkEvent {
    /// One packet arrived whole. Drop it once it is handled: a link stops reading while 1 MiB of its packets lives.
    Packet(u64, Bytes),
    /// The kernel took this many bytes of what was given to [`LinkHandle::send`] since the last such event. The last few KiB
    /// may be told with those that follow.
    Written(u64, usize),
    /// The link is over, for the reason given. Always the last event of a link, and it comes exactly once.
    Closed(u64, String),
}

/// The way to send on a link. Dropping it closes the link, like [`LinkHandle::close`].
#[derive(Debug)]
pub struct LinkHandle {
    queue: Arc<Queue>,
}

impl LinkHandle {
    /// Queues a packet. On a link that is over it is dropped; [`LinkEvent::Closed`] tells of that.
    ///
    /// The queue is not bounded here: the caller holds back by [`LinkHandle::queued_bytes`] or by
    /// [`LinkEvent::Written`], or closes a link that takes nothing.
    pub fn send(&self, packet: Bytes) {
        self.queue.push(packet);
    }

    /// Closes the link once what was queued is written, or after a second. Further packets are dropped.
    pub fn close(&self) {
        self.queue.close();
    }

    /// Returns the bytes of packets that the kernel has not taken yet. All memory that waits for the link, but for
    /// one wire frame (16 KiB) in the socket's write buffer, is in this count.
    pub fn queued_bytes(&self) -> usize {
        self.queue.n_bytes()
    }
}

impl Drop for LinkHandle {
    fn drop(&mut self) {
        self.close();
    }
}

/// Starts to read and write `connection` in a task of its own. Must be called inside a tokio runtime.
///
/// The events can be shared by any number of links; `link_no` tells them apart.
pub fn spawn(connection: Connection, link_no: u64, events: mpsc::UnboundedSender<LinkEvent>) -> LinkHandle {
    let queue = Arc::new(Queue::default());
    let task = link::LinkTask { link_no, queue: Arc::clone(&queue), events };
    tokio::spawn(task.run(connection));
    LinkHandle { queue }
}

/// Returns how a dialed socket is set up: small buffers, bounded messages.
pub(in crate::io) fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(SOCKET_BUFFER_BYTES)
        .write_buffer_size(SOCKET_BUFFER_BYTES)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

#[cfg(test)]
mod tests;
