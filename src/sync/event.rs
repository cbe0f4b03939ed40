//! What a room is told, and what it asks its shell to do.

use bytes::Bytes;

use crate::base::limits;
use crate::base::time::{Millis, WallTime};
use crate::crdt::VersionVector;
use crate::document::Applied;
use crate::protocol::capability::{Access, Mode, Token, TokenHash};
use crate::protocol::greeting::RefuseCode;
use crate::protocol::link_url::ServerUrl;
use crate::protocol::presence::Presence;
use crate::protocol::{ConnectionId, DocumentId, Epoch, SessionId};

/// Names one connection. The shell gives each a new number, never used again in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// What carries a connection. The higher ones cost less; the lower ones pass where the higher do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// A WebSocket.
    WebSocket,
    /// Server-sent events down, requests up.
    EventStream,
    /// Long polls down, requests up.
    LongPoll,
}

impl Via {
    /// Returns its name in headers, logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Via::WebSocket => "websocket",
            Via::EventStream => "event-stream",
            Via::LongPoll => "long-poll",
        }
    }

    /// Returns what people are told of it; nothing for the usual one.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Via::WebSocket => None,
            Via::EventStream => Some("by event stream"),
            Via::LongPoll => Some("by long polling"),
        }
    }
}

/// Who made the connection. Whoever accepted it is its serving side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// This side dialed, after [`Output::Dial`].
    Dialed {
        /// What carries it.
        via: Via,
    },
    /// The other side dialed, at an address that names this document: the hello must name it, too.
    Accepted {
        /// Which document.
        document: DocumentId,
    },
}

/// Names one [`Output::Persist`]. Tokens of one room ascend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersistToken(pub u64);

/// What went through a room or a relay since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Operations that were taken in and are durable.
    pub n_ops_in: u64,
    /// Operations that were forwarded, counted for each receiver.
    pub n_ops_out: u64,
    /// How often a link was too slow and was taken off what is forwarded live.
    pub n_fell_behind: u64,
}

impl Traffic {
    /// Adds what went through between two looks at the same counts.
    pub fn add_since(&mut self, before: Traffic, after: Traffic) {
        self.n_ops_in += after.n_ops_in - before.n_ops_in;
        self.n_ops_out += after.n_ops_out - before.n_ops_out;
        self.n_fell_behind += after.n_fell_behind - before.n_fell_behind;
    }
}

/// What a room is, for as long as it lives.
#[derive(Clone, Debug)]
pub struct RoomConfig {
    /// The document, as links name it.
    pub document: DocumentId,
    /// The history that the document here belongs to; `None` when it is empty and its first server decides.
    pub epoch: Option<Epoch>,
    /// This process, for taking over its own hanging connections. Random.
    pub session: SessionId,
    /// What the document is called, for those who join here or at the upstream that creates it; may be empty.
    pub name: String,
    /// What the jitter of redials and of goodbyes, and ids for what is rewritten, follow from. Random in earnest, fixed in
    /// tests.
    pub seed: u64,
    /// What is already durable on this machine: the version of the document as it was loaded.
    pub durable: VersionVector,
    /// Set if others may dial in; needs `epoch`.
    pub serve: Option<Serve>,
    /// Set if this side dials somebody.
    pub upstream: Option<Upstream>,
}

/// How a room serves those who dial in.
#[derive(Clone, Debug)]
pub struct Serve {
    /// Whose tokens allow what.
    pub access: Access,
    /// The links besides those.
    pub grants: Vec<Grant>,
    /// What each link may send.
    pub limits: LinkLimits,
    /// Where those who are here go when this side ends, if that is another place.
    pub elsewhere: Option<ServerUrl>,
}

/// A link that a document's owner made besides the first two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Of the token that its holder shows.
    pub hash: TokenHash,
    /// What it allows.
    pub mode: Mode,
    /// When it ends, if it does, by the serving side's clock.
    pub expires: Option<WallTime>,
    /// Whom it is for. At most [`limits::LABEL_BYTES_MAX`] bytes.
    pub label: String,
}

impl Grant {
    /// Returns whether it has not ended at `wall`.
    pub fn is_valid(&self, wall: WallTime) -> bool {
        self.expires.is_none_or(|at| wall < at)
    }
}

/// What a document's owner asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// To see who is here.
    People,
    /// To see the links besides the first two.
    Links,
    /// To add a link, or change one.
    Grant(Grant),
    /// To end the link whose token has this hash; also the first that can only read.
    Revoke(TokenHash),
    /// To put another first link in the place of the one that the document was shared with, which ends, and with it the one that
    /// reads. Whoever holds the new one is the owner from then on.
    Replace(Access),
    /// To see the text as it is, if it changed since the mark of the last [`Report::View`]. Whoever may read may ask.
    View(Option<u64>),
    /// To end a connection.
    Kick(ConnectionId),
    /// To end a connection and let its process in no more.
    Block(ConnectionId),
    /// To let a connection write, or only read, whatever its link allows.
    Set(ConnectionId, Mode),
}

impl Order {
    /// Returns whether it changes which links there are, so that the store has to keep it.
    pub fn is_change(&self) -> bool {
        matches!(self, Order::Grant(_) | Order::Revoke(_) | Order::Replace(_))
    }
}

/// What comes of an [`Order`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Who is here now.
    People(Vec<PersonReport>),
    /// The links besides the first two, now.
    Links(Vec<Grant>),
    /// The text as it is.
    View(Box<View>),
    /// It is as it was at the mark.
    Unchanged,
}

/// A document as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Differs from one state to the next.
    pub mark: u64,
    /// What the document is called. Untrusted.
    pub name: String,
    /// Its text, at most [`limits::VIEW_BYTES_MAX`] bytes of it.
    pub text: String,
    /// Whether there is more of it.
    pub is_cut: bool,
    /// Who is here: name, colour, and where the cursor is, in UTF-16 units as browsers count.
    pub people: Vec<(String, u8, Option<usize>)>,
}

/// Somebody who is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonReport {
    /// The number of the connection.
    pub connection: ConnectionId,
    /// The name that is shown to others; empty if none is. Untrusted.
    pub name: String,
    /// What the connection may do.
    pub mode: Mode,
}

/// What one accepted link may send. Past a limit it is refused with a sentence and closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkLimits {
    /// Bytes of one packet, at most [`limits::PACKET_BYTES_MAX`].
    pub packet_bytes_max: usize,
    /// Bytes given to the shell and not yet written, past which nothing live is queued.
    pub queue_bytes_max: usize,
    /// Bytes of one fragmented batch.
    pub upload_bytes_max: usize,
    /// Bytes per second in the long run.
    pub bytes_per_s: u64,
    /// Bytes at once.
    pub bytes_burst: u64,
    /// Frames per second in the long run.
    pub frames_per_s: u64,
    /// Frames at once.
    pub frames_burst: u64,
    /// Operations per second in the long run.
    pub ops_per_s: u64,
    /// Operations at once.
    pub ops_burst: u64,
    /// Bytes of a presence, at most [`limits::PRESENCE_BYTES_MAX`].
    pub presence_bytes_max: usize,
    /// Between two presences of one link that others are shown.
    pub presence_interval: Millis,
    /// Changes of one document that may wait for their causes.
    pub waiting_max: usize,
    /// Links in one room.
    pub links_max: usize,
}

impl LinkLimits {
    /// Returns why a packet of so many bytes is not taken, if so.
    pub fn refuses_packet(&self, n_bytes: usize) -> Option<String> {
        let max = self.packet_bytes_max;
        let sentence =
            || format!("a message of {n_bytes} bytes is more than this server takes, which is {max}");
        (max < n_bytes).then(sentence)
    }
}

impl Default for LinkLimits {
    fn default() -> LinkLimits {
        LinkLimits {
            packet_bytes_max: limits::PACKET_BYTES_MAX,
            queue_bytes_max: limits::LINK_QUEUE_BYTES_MAX,
            upload_bytes_max: limits::UPLOAD_BYTES_MAX,
            bytes_per_s: limits::LINK_BYTES_PER_S_MAX,
            bytes_burst: limits::LINK_BYTES_BURST,
            frames_per_s: limits::LINK_FRAMES_PER_S_MAX,
            frames_burst: limits::LINK_FRAMES_BURST,
            ops_per_s: limits::LINK_OPS_PER_S_MAX,
            ops_burst: limits::LINK_OPS_BURST,
            presence_bytes_max: limits::PRESENCE_BYTES_MAX,
            presence_interval: Millis(limits::PRESENCE_INTERVAL_MS),
            waiting_max: limits::WAITING_CHANGES_MAX,
            links_max: limits::ROOM_LINKS_MAX,
        }
    }
}

/// Whom a room dials, and with what.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Proof of what this side may do.
    pub token: Token,
    /// Set by who shares: the document is created there if it is unknown. Needs the room's `epoch`.
    pub create: Option<Create>,
    /// What the upstream was last known to have on its disk ([`super::Room::acknowledged`], stored by the shell);
    /// empty if never. Only for counting what it lacks while offline.
    pub acknowledged: VersionVector,
    /// Whether nobody has ever had anything of the document: all of it may be rewritten before it is sent.
    pub is_first: bool,
}

/// What a server needs to create a document.
#[derive(Clone, Debug)]
pub struct Create {
    /// Whose tokens will allow what.
    pub access: Access,
    /// What the operator gave to those who may create; empty if nothing is asked.
    pub operator_token: Vec<u8>,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A connection stands. For [`Direction::Dialed`] it answers an [`Output::Dial`].
    LinkOpened {
        /// The shell's name for it.
        link: LinkId,
        /// Who made it.
        direction: Direction,
        /// The wall clock, told to the other side and used for nothing here.
        wall: WallTime,
    },
    /// An [`Output::Dial`] failed. The room asks again after a while.
    DialFailed {
        /// Why, for the status line: "connection refused".
        sentence: String,
    },
    /// One transport message arrived whole.
    Packet {
        /// On which link.
        link: LinkId,
        /// Its bytes, at most [`limits::PACKET_BYTES_MAX`]; a longer one is refused here.
        bytes: &'a [u8],
    },
    /// The socket took bytes of this link's earlier [`Output::Send`]s. Reported after each write, or summed up, but
    /// at the latest when nothing waits any more: this is what flow control goes by.
    Written {
        /// Of which link.
        link: LinkId,
        /// How many bytes since the last report, as they were in `Send`.
        n_bytes: usize,
    },
    /// The connection is gone, for whatever reason. Also follows each [`Output::Close`], or may not.
    LinkClosed {
        /// Which link.
        link: LinkId,
    },
    /// The document was edited here. Call it after a burst of edits, not after each.
    Edited,
    /// Everything up to and including this [`Output::Persist`] is on the disk, synced.
    Persisted {
        /// The last one that is.
        token: PersistToken,
    },
    /// The disk refused an [`Output::Persist`]; all since the last [`Input::Persisted`] count as not written. Nothing is
    /// acknowledged or forwarded until a later one succeeds; the room asks again by itself.
    PersistFailed {
        /// Why, told to those who would write: "no space left on the disk of this relay".
        sentence: String,
    },
    /// The disk takes nothing at the moment. The shell keeps what was asked for and will write it: unlike after
    /// [`Input::PersistFailed`] nothing is asked again. Others are told to send nothing meanwhile.
    PersistStalled {
        /// Why, told to those who would write.
        sentence: String,
    },
    /// The disk takes edits again, after [`Input::PersistStalled`]. What was written is reported as ever.
    PersistGoesOn,
    /// Who one is, or where one's cursor is, changed. `None` hides this side from others.
    PresenceChanged(Option<Presence>),
    /// The user wants no more waiting, or the machine woke from sleep.
    RetryNow,
    /// The document has another link than the one upstream was dialed with: with its proof it is tried again.
    LinkReplaced {
        /// The proof of what this side may do.
        token: Token,
        /// What the document is created with if it is unknown there, if this side is who shared it.
        access: Option<Access>,
    },
    /// The time that [`super::Room::deadline`] named has come. Harmless if it has not.
    DeadlineReached,
    /// The program ends: everybody is told goodbye. Persisting goes on.
    Shutdown,
}

/// What the shell must do, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send these bytes on this link. They are whole frames with their lengths: chunks that wait for one socket
    /// may be joined end to end into one transport message of up to [`limits::PACKET_BYTES_MAX`] bytes, and are never
    /// split. Often shared between links.
    Send {
        /// On which link.
        link: LinkId,
        /// The bytes.
        bytes: Bytes,
    },
    /// Close the link once what was given to it is written (wait a second at most). The room has forgotten it.
    Close {
        /// Which link.
        link: LinkId,
    },
    /// Append this to the document's log, in order, and sync it; then [`Input::Persisted`] with the token. Many may be
    /// written as one transaction, answered by the last token.
    Persist {
        /// Its name.
        token: PersistToken,
        /// A self-contained batch for `Document::apply`.
        bytes: Bytes,
    },
    /// The document was rewritten: put all of it, with its undo, in the place of what is kept, at once; then
    /// [`Input::Persisted`] with the token. What was asked to be persisted before is part of it; [`super::Room::saved`] is
    /// another version now, and so is every place in the text that others were told.
    Rewrite {
        /// Its name.
        token: PersistToken,
    },
    /// Connect upstream; then [`Input::LinkOpened`] with [`Direction::Dialed`], or [`Input::DialFailed`].
    Dial {
        /// Where the link's own server said to go when it ended; try it once, if it is no less safe than that server.
        elsewhere: Option<ServerUrl>,
    },
    /// The text changed by what came from others. The document has the change already.
    TextChanged(Applied),
    /// [`super::Room::people`] has news. At most once for each `handle`.
    PeopleChanged,
    /// [`super::Room::status`] has news. At most once for each `handle`.
    StatusChanged,
    /// The upstream's history was taken for this (empty) document: store it beside the document.
    EpochAdopted(Epoch),
    /// What the upstream calls the document: untrusted, may be empty. Once for each connection.
    Named(String),
    /// All that the upstream had when this side joined is here now. Once for each connection.
    CaughtUp,
    /// The upstream takes the link no more: see whether there is another, for [`Input::LinkReplaced`].
    LinkDenied,
    /// The link's hello was accepted (its own text begins now), for logs and metrics.
    LinkWelcomed {
        /// Which link.
        link: LinkId,
    },
    /// A link was refused or broke the protocol, for logs and metrics. A `Close` follows.
    LinkRefused {
        /// Which link.
        link: LinkId,
        /// Why.
        code: RefuseCode,
    },
}
