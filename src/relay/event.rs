//! What a relay is told, and what it asks its shell to do.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::base::limits;
use crate::base::time::{Millis, WallTime};
use crate::protocol::capability::{Access, Token, TokenHash};
use crate::protocol::greeting::RefuseCode;
use crate::protocol::link_url::ServerUrl;
use crate::protocol::{DocumentId, Epoch};
use crate::sync::event::{Grant, LinkLimits, Order, Report};
use crate::sync::{LinkId, PersistToken};

/// What a relay is, for as long as it lives.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// What the spreading of goodbyes follows from. Random in earnest, fixed in tests.
    pub seed: u64,
    /// Who may create documents.
    pub create: CreatePolicy,
    /// What each link may send.
    pub link_limits: LinkLimits,
    /// Links at once.
    pub links_max: usize,
    /// Of those without a hello; with one more the oldest goes. At least 1.
    pub greeting_max: usize,
    /// Documents in memory at once.
    pub documents_max: usize,
    /// Documents in the store at once.
    pub documents_stored_max: u64,
    /// Documents in the store now, at the start.
    pub n_stored: u64,
    /// Documents that may be created with one token.
    pub documents_per_token_max: u64,
    /// How many documents were created with each token by now, at the start.
    pub n_created: BTreeMap<TokenHash, u64>,
    /// Links that may be opened per second in the long run, and at once.
    pub handshakes: (u64, u64),
    /// Bytes of one document in the store; a larger one can only be read.
    pub document_bytes_max: u64,
    /// Where clients go when it ends, if that is another place.
    pub elsewhere: Option<ServerUrl>,
    /// How long a document without links stays in memory.
    pub unload_after: Millis,
    /// Records appended to a document's log after which a new snapshot replaces it.
    pub snapshot_after_records: u64,
}

impl RelayConfig {
    /// Returns the defaults: anybody may create, generous limits.
    pub fn new(seed: u64) -> RelayConfig {
        RelayConfig {
            seed,
            create: CreatePolicy::Anybody,
            link_limits: LinkLimits::default(),
            links_max: limits::RELAY_LINKS_MAX,
            greeting_max: limits::RELAY_GREETING_MAX,
            documents_max: limits::RELAY_DOCUMENTS_MAX,
            documents_stored_max: limits::RELAY_DOCUMENTS_STORED_MAX,
            n_stored: 0,
            documents_per_token_max: limits::TOKEN_DOCUMENTS_MAX,
            n_created: BTreeMap::new(),
            handshakes: (limits::RELAY_HANDSHAKES_PER_S_MAX, limits::RELAY_HANDSHAKES_BURST),
            document_bytes_max: limits::DOCUMENT_STORED_BYTES_MAX,
            elsewhere: None,
            unload_after: Millis(limits::UNLOAD_AFTER_MS),
            snapshot_after_records: limits::SNAPSHOT_AFTER_RECORDS,
        }
    }
}

/// Who may create documents at a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreatePolicy {
    /// Whoever reaches it.
    Anybody,
    /// Whoever shows one of these tokens.
    OperatorTokens(Vec<Vec<u8>>),
    /// Nobody: only documents that are there already are served.
    Nobody,
}

/// Names one [`Input::Manage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// A document as the store has it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its history.
    pub epoch: Epoch,
    /// Whose tokens allow what.
    pub access: Access,
    /// What it is called; may be empty.
    pub name: String,
    /// The last [`Output::StoreAccess`]: the links besides the first two.
    pub grants: Vec<Grant>,
    /// The last [`Output::StoreSnapshot`], if there was one.
    pub snapshot: Option<Bytes>,
    /// Every [`Output::Append`] since, in order.
    pub tail: Vec<Bytes>,
}

/// What happened. The fields that are not explained here are as in [`crate::sync::Input`].
#[derive(Debug)]
pub enum Input<'a> {
    /// Somebody connected.
    LinkOpened {
        /// The shell's name for the connection.
        link: LinkId,
        /// The document that the connection's address names: the hello must name it, too.
        document: DocumentId,
        /// The wall clock.
        wall: WallTime,
    },
    /// One transport message arrived whole.
    Packet {
        /// On which link.
        link: LinkId,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// The socket took bytes.
    Written {
        /// Of which link.
        link: LinkId,
        /// How many since the last report.
        n_bytes: usize,
    },
    /// The connection is gone.
    LinkClosed {
        /// Which link.
        link: LinkId,
    },
    /// Answers [`Output::Load`].
    Loaded {
        /// Which document.
        document: DocumentId,
        /// What the store has; `Ok(None)` only if it surely has none. An error is an error: whoever it was read for is told so, and
        /// nothing is created in its place.
        result: Result<Option<Stored>, String>,
    },
    /// Answers [`Output::Load`]: there is such a document, and what was shown is none of its links. It was not read.
    NotShown {
        /// Which document.
        document: DocumentId,
        /// What was shown.
        shown: TokenHash,
    },
    /// Answers [`Output::Create`].
    Created {
        /// Which document.
        document: DocumentId,
        /// Whether it is in the store now, synced.
        result: Result<(), String>,
    },
    /// Every [`Output::Append`] of this document up to this token is on the disk, synced.
    Appended {
        /// Which document.
        document: DocumentId,
        /// The last one that is.
        token: PersistToken,
    },
    /// An append was refused by the disk; all since the last `Appended` count as not written.
    AppendFailed {
        /// Which document.
        document: DocumentId,
        /// Why.
        sentence: String,
    },
    /// Answers [`Output::StoreSnapshot`].
    SnapshotStored {
        /// Which document.
        document: DocumentId,
        /// Whether it is on the disk, synced. A failure costs nothing but the longer log; it is tried again later.
        result: Result<(), String>,
    },
    /// Somebody who says to be a document's owner asks for something; then [`Output::Managed`].
    Manage {
        /// Which document.
        document: DocumentId,
        /// The shell's name for it.
        ticket: Ticket,
        /// The proof.
        token: Token,
        /// What is asked for.
        order: Order,
        /// The wall clock.
        wall: WallTime,
    },
    /// The time that [`super::Relay::deadline`] named has come.
    DeadlineReached,
    /// The program ends: links are told to return, in a while that differs from one to the next.
    Shutdown,
}

/// What the shell must do, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// As in [`crate::sync::Output::Send`].
    Send {
        /// On which link.
        link: LinkId,
        /// Whole frames.
        bytes: Bytes,
    },
    /// Close the link once what was given to it is written (wait a second at most).
    Close {
        /// Which link.
        link: LinkId,
    },
    /// Read the document from the store; then [`Input::Loaded`]. Better nothing is read for whoever has no link to it; then
    /// [`Input::NotShown`].
    Load {
        /// Which document.
        document: DocumentId,
        /// The hash of the token that was shown.
        shown: TokenHash,
    },
    /// Enter a new document into the store and sync it; then [`Input::Created`].
    Create {
        /// Which document.
        document: DocumentId,
        /// Its history.
        epoch: Epoch,
        /// Whose tokens allow what.
        access: Access,
        /// What it is called; may be empty.
        name: String,
        /// [`crate::protocol::capability::creator_of`] the token that it was created with.
        creator: Option<TokenHash>,
    },
    /// Append to the document's log in the order given and sync; then [`Input::Appended`] with the last token written. Many
    /// documents' appends may share one transaction.
    Append {
        /// Which document.
        document: DocumentId,
        /// Its name; ascends within a document for as long as that stays loaded.
        token: PersistToken,
        /// A self-contained batch.
        bytes: Bytes,
        /// Whether it has all since the last [`Input::Appended`], after an [`Input::AppendFailed`]. One that was asked for before that
        /// failure was known builds on what is not on the disk, and must be refused.
        is_retry: bool,
    },
    /// Replace the document's snapshot and, in the same transaction, every `Append` of it that came before this output; then
    /// [`Input::SnapshotStored`].
    StoreSnapshot {
        /// Which document.
        document: DocumentId,
        /// What `Document::load` reads.
        bytes: Bytes,
    },
    /// Replace what the store has of who may do what, and sync it.
    StoreAccess {
        /// Which document.
        document: DocumentId,
        /// Whose tokens allow what.
        access: Access,
        /// The links besides those.
        grants: Vec<Grant>,
    },
    /// Answers [`Input::Manage`]. Whoever asked is told once a [`Output::StoreAccess`] right before it is on the disk.
    Managed {
        /// Which.
        ticket: Ticket,
        /// What came of it, or why nothing did: one sentence.
        result: Result<Report, String>,
    },
    /// A link was refused, for logs and metrics. A `Close` follows.
    LinkRefused {
        /// Which link.
        link: LinkId,
        /// Why.
        code: RefuseCode,
    },
    /// A link joined a document, for logs and metrics.
    LinkWelcomed {
        /// Which link.
        link: LinkId,
        /// Which document.
        document: DocumentId,
    },
    /// A document could not be read, for logs and metrics.
    LoadFailed {
        /// Which document.
        document: DocumentId,
        /// Why. It may name files, and is for the operator alone.
        sentence: String,
    },
    /// A document is no longer in memory, for logs and metrics.
    Unloaded {
        /// Which document.
        document: DocumentId,
    },
    /// After [`Input::Shutdown`]: everything is on the disk and every link has been told. The shell writes what is queued and
    /// ends.
    Drained,
}
