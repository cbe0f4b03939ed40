//! Frames, and the packets that they travel in.

use crate::base::bytes::put_varint;
use crate::base::limits;
use crate::crdt::ReplicaId;
use crate::protocol::ConnectionId;
use crate::protocol::capability::Mode;
use crate::protocol::codec::{self, DecodeError, Reader};
use crate::protocol::greeting::{self, Hello, Refuse, Welcome};

/// Everything that can be said on a link. Borrows what is large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Dialing side, first: who, what, and what it has.
    Hello(Box<Hello>),
    /// Serving side: what is allowed, and what it has.
    Welcome(Box<Welcome>),
    /// Either side, last: the link is ended because of what the other did or wants.
    Refuse(Refuse),
    /// Serving side: short numbers for more replicas, from `start` on. Before the first batch that uses them.
    Replicas {
        /// The number of the first.
        start: u32,
        /// The replicas, in the order of their numbers.
        ids: Vec<ReplicaId>,
    },
    /// Operations, encoded with the room's short numbers.
    Batch(&'a [u8]),
    /// Serving side: operations up to these are on its disk. Only the entries that changed.
    Ack(Vec<AckEntry>),
    /// A piece of a batch or a snapshot that is too large for one frame. The pieces of one come in order; frames of
    /// other kinds may stand between them, but no batch.
    Fragment(Fragment<'a>),
    /// All that the sender had when the link began has been sent.
    CaughtUp,
    /// Who is there and where.
    Presence(PresenceFrame<'a>),
    /// Serving side: this connection has gone.
    PresenceGone(ConnectionId),
    /// Asks for a pong with the same number.
    Ping(u64),
    /// Answers a ping.
    Pong(u64),
    /// Either side, last: the link is ended for a reason of the sender's own.
    Bye(Refuse),
    /// Serving side: it cannot write to its disk; batches that arrive now are not kept.
    Pause {
        /// Why, for people.
        sentence: String,
    },
    /// Serving side: it can write again; this is all that it has.
    Resume(crate::crdt::VersionVector),
    /// Serving side: what the receiver may do from now on.
    Mode(Mode),
}

/// One author's acknowledged operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckEntry {
    /// The author.
    pub author: Author,
    /// The seq of the first operation that is not acknowledged.
    pub next: u64,
}

/// A replica, by its short number if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// The room's number for it.
    Short(u32),
    /// Its id.
    Full(ReplicaId),
}

/// What a fragment is a piece of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whole {
    /// A batch.
    Batch,
    /// A snapshot; only from the serving side.
    Snapshot,
}

/// A piece of a batch or a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Of what.
    pub whole: Whole,
    /// Whether the whole is compressed (see [`super::packed`]).
    pub is_packed: bool,
    /// Bytes of the whole, as it travels.
    pub total: u64,
    /// Bytes of the whole before this piece.
    pub offset: u64,
    /// This piece; never empty.
    pub bytes: &'a [u8],
}

/// A presence as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresenceFrame<'a> {
    /// Whose; filled in by the serving side, ignored from the dialing side.
    pub connection: ConnectionId,
    /// Counts the sender's presences: the highest is the latest.
    pub counter: u64,
    /// What [`super::presence::Presence::decode`] reads; empty when the sender shows nothing any more.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// Appends the frame with its length to a packet.
    pub fn put(&self, packet: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(32);
        match self {
            Frame::Batch(bytes) => return put_lengthened(packet, kind::BATCH, &[], bytes),
            Frame::Fragment(fragment) => {
                put_fragment_head(&mut body, fragment);
                return put_lengthened(packet, kind::FRAGMENT, &body, fragment.bytes);
            }
            Frame::Presence(presence) => {
                put_varint(&mut body, u64::from(presence.connection.0));
                put_varint(&mut body, presence.counter);
                return put_lengthened(packet, kind::PRESENCE, &body, presence.payload);
            }
            Frame::Hello(hello) => hello.encode(&mut body),
            Frame::Welcome(welcome) => welcome.encode(&mut body),
            Frame::Refuse(refuse) | Frame::Bye(refuse) => refuse.encode(&mut body),
            Frame::Replicas { start, ids } => {
                put_varint(&mut body, u64::from(*start));
                greeting::put_replicas(&mut body, ids);
            }
            Frame::Ack(entries) => put_ack(&mut body, entries),
            Frame::CaughtUp => {}
            Frame::PresenceGone(connection) => put_varint(&mut body, u64::from(connection.0)),
            Frame::Ping(nonce) | Frame::Pong(nonce) => put_varint(&mut body, *nonce),
            Frame::Pause { sentence } => codec::put_text(&mut body, sentence, limits::SENTENCE_BYTES_MAX),
            Frame::Resume(version) => codec::put_version(&mut body, version),
            Frame::Mode(mode) => body.push(greeting::mode_byte(*mode)),
        }
        put_lengthened(packet, self.kind(), &body, &[]);
    }

    /// Returns the packet that holds only this frame.
    pub fn to_packet(&self) -> Vec<u8> {
        let mut packet = Vec::new();
        self.put(&mut packet);
        packet
    }

    fn kind(&self) -> u8 {
        match self {
            Frame::Hello(_) => kind::HELLO,
            Frame::Welcome(_) => kind::WELCOME,
            Frame::Refuse(_) => kind::REFUSE,
            Frame::Replicas { .. } => kind::REPLICAS,
            Frame::Batch(_) => kind::BATCH,
            Frame::Ack(_) => kind::ACK,
            Frame::Fragment(_) => kind::FRAGMENT,
            Frame::CaughtUp => kind::CAUGHT_UP,
            Frame::Presence(_) => kind::PRESENCE,
            Frame::PresenceGone(_) => kind::PRESENCE_GONE,
            Frame::Ping(_) => kind::PING,
            Frame::Pong(_) => kind::PONG,
            Frame::Bye(_) => kind::BYE,
            Frame::Pause { .. } => kind::PAUSE,
            Frame::Resume(_) => kind::RESUME,
            Frame::Mode(_) => kind::MODE,
        }
    }
}

/// The first byte of each frame.
mod kind {
    pub const HELLO: u8 = 1;
    pub const WELCOME: u8 = 2;
    pub const REFUSE: u8 = 3;
    pub const REPLICAS: u8 = 4;
    pub const BATCH: u8 = 5;
    pub const ACK: u8 = 6;
    pub const FRAGMENT: u8 = 7;
    pub const CAUGHT_UP: u8 = 8;
    pub const PRESENCE: u8 = 9;
    pub const PRESENCE_GONE: u8 = 10;
    pub const PING: u8 = 11;
    pub const PONG: u8 = 12;
    pub const BYE: u8 = 13;
    pub const PAUSE: u8 = 14;
    pub const RESUME: u8 = 15;
    pub const MODE: u8 = 16;
}

/// Walks the frames of one packet. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    reader: Reader<'a>,
}

impl<'a> Frames<'a> {
    /// Starts at the first frame of `packet`.
    ///
    /// # Errors
    /// If the packet is longer than any may be.
    pub fn new(packet: &'a [u8]) -> Result<Frames<'a>, DecodeError> {
        if limits::PACKET_BYTES_MAX < packet.len() {
            let (found, max) = (packet.len() as u64, limits::PACKET_BYTES_MAX as u64);
            return Err(DecodeError::OverLimit { what: "a message's length", found, max });
        }
        Ok(Frames { reader: Reader::new(packet) })
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let frame = self.reader.bytes(limits::FRAME_BYTES_MAX, "a frame").and_then(decode);
        if frame.is_err() {
            self.reader.take_rest();
        }
        Some(frame)
    }
}

fn decode(frame: &[u8]) -> Result<Frame<'_>, DecodeError> {
    let mut reader = Reader::new(frame);
    let decoded = match reader.byte("a frame")? {
        kind::HELLO => Frame::Hello(Box::new(Hello::decode(&mut reader)?)),
        kind::WELCOME => Frame::Welcome(Box::new(Welcome::decode(&mut reader)?)),
        kind::REFUSE => Frame::Refuse(Refuse::decode(&mut reader)?),
        kind::REPLICAS => {
            let start = reader.varint(limits::WIRE_REPLICAS_MAX as u64, "a replica's number")? as u32;
            Frame::Replicas { start, ids: greeting::replicas(&mut reader)? }
        }
        kind::BATCH => Frame::Batch(reader.take_rest()),
        kind::ACK => Frame::Ack(ack(&mut reader)?),
        kind::FRAGMENT => Frame::Fragment(fragment(&mut reader)?),
        kind::CAUGHT_UP => Frame::CaughtUp,
        kind::PRESENCE => Frame::Presence(presence(&mut reader)?),
        kind::PRESENCE_GONE => Frame::PresenceGone(greeting::connection(&mut reader)?),
        kind::PING => Frame::Ping(reader.varint(u64::MAX, "a ping")?),
        kind::PONG => Frame::Pong(reader.varint(u64::MAX, "a pong")?),
        kind::BYE => Frame::Bye(Refuse::decode(&mut reader)?),
        kind::PAUSE => {
            Frame::Pause { sentence: reader.text(limits::SENTENCE_BYTES_MAX, "a sentence")?.to_owned() }
        }
        kind::RESUME => Frame::Resume(reader.version()?),
        kind::MODE => Frame::Mode(greeting::mode(&mut reader)?),
        _ => return Err(DecodeError::Invalid("a frame's kind")),
    };
    reader.finish()?;
    Ok(decoded)
}

fn put_lengthened(packet: &mut Vec<u8>, kind: u8, head: &[u8], tail: &[u8]) {
    let n_bytes = 1 + head.len() + tail.len();
    assert!(n_bytes <= limits::FRAME_BYTES_MAX, "a frame of {n_bytes} bytes was about to be sent");
    packet.reserve(n_bytes + 3);
    put_varint(packet, n_bytes as u64);
    packet.push(kind);
    packet.extend_from_slice(head);
    packet.extend_from_slice(tail);
}

fn put_ack(out: &mut Vec<u8>, entries: &[AckEntry]) {
    put_varint(out, entries.len() as u64);
    for entry in entries {
        match entry.author {
            // One more than the number, so that 0 announces an id in full.
            Author::Short(number) => put_varint(out, u64::from(number) + 1),
            Author::Full(replica) => {
                out.push(0);
                codec::put_replica(out, replica);
            }
        }
        put_varint(out, entry.next);
    }
}

fn ack(reader: &mut Reader<'_>) -> Result<Vec<AckEntry>, DecodeError> {
    let what = "an acknowledgement";
    let n = reader.count(limits::WIRE_VERSION_ENTRIES_MAX, 2, what)?;
    let mut entries = Vec::with_capacity(n);
    for _ in 0..n {
        let author = match reader.varint(limits::WIRE_REPLICAS_MAX as u64, what)?.checked_sub(1) {
            Some(number) => Author::Short(number as u32),
            None => Author::Full(reader.replica(what)?),
        };
        entries.push(AckEntry { author, next: reader.varint(limits::REPLICA_OPS_MAX, what)? });
    }
    Ok(entries)
}

/// The bit that says that a whole is compressed.
const PACKED: u8 = 2;

fn put_fragment_head(out: &mut Vec<u8>, fragment: &Fragment<'_>) {
    let whole = match fragment.whole {
        Whole::Batch => 0,
        Whole::Snapshot => 1,
    };
    out.push(whole | if fragment.is_packed { PACKED } else { 0 });
    put_varint(out, fragment.total);
    put_varint(out, fragment.offset);
}

fn fragment<'a>(reader: &mut Reader<'a>) -> Result<Fragment<'a>, DecodeError> {
    let what = "a fragment";
    let first = reader.byte(what)?;
    let whole = match first & !PACKED {
        0 => Whole::Batch,
        1 => Whole::Snapshot,
        _ => return Err(DecodeError::Invalid("a fragment's kind")),
    };
    let total = reader.varint(limits::TRANSFER_BYTES_MAX as u64, "a transfer's length")?;
    let offset = reader.varint(total, "a fragment's place")?;
    let bytes = reader.take_rest();
    if bytes.is_empty() || total - offset < bytes.len() as u64 {
        return Err(DecodeError::Invalid("a fragment's length"));
    }
    Ok(Fragment { whole, is_packed: first & PACKED != 0, total, offset, bytes })
}

fn presence<'a>(reader: &mut Reader<'a>) -> Result<PresenceFrame<'a>, DecodeError> {
    let connection = greeting::connection(reader)?;
    let counter = reader.varint(u64::MAX, "a presence")?;
    let payload = reader.take_rest();
    if limits::PRESENCE_BYTES_MAX < payload.len() {
        let (found, max) = (payload.len() as u64, limits::PRESENCE_BYTES_MAX as u64);
        return Err(DecodeError::OverLimit { what: "a presence's length", found, max });
    }
    Ok(PresenceFrame { connection, counter, payload })
}

#[cfg(test)]
mod tests;
