//! One document at a relay: being loaded, being created, or in memory with its room.

use bytes::Bytes;
use subtle::{Choice, ConstantTimeEq};

use super::event::{CreatePolicy, Output, RelayConfig, Stored};
use super::{denied, refusal};
use crate::base::limits;
use crate::base::rng::Rng;
use crate::base::time::{MonoTime, WallTime};
use crate::crdt::{ReplicaId, VersionVector};
use crate::document::Document;
use crate::protocol::capability::{Access, Token, TokenHash, creator_of};
use crate::protocol::greeting::{Hello, Refuse, RefuseCode};
use crate::protocol::{DocumentId, Epoch, SessionId};
use crate::sync::event::{Order, Report};
use crate::sync::{self, LinkId, Room, RoomConfig, Serve};

/// Where a document is.
#[derive(Debug)]
pub(super) enum Slot {
    /// For whoever showed this.
    Loading(TokenHash),
    Creating(Granted),
    Live(Box<Live>),
}

/// What a document is created with.
#[derive(Clone, Debug)]
pub(super) struct Granted {
    pub(super) epoch: Epoch,
    pub(super) access: Access,
    pub(super) name: String,
    /// Whose token was shown.
    pub(super) creator: Option<TokenHash>,
}

/// A document in memory.
pub(super) struct Live {
    document: Document,
    pub(super) room: Room,
    /// Since when nobody is here; cleared when somebody comes.
    pub(super) empty_since: Option<MonoTime>,
    /// When it is to be looked at, as the relay has noted.
    pub(super) wake: Option<MonoTime>,
    /// What was appended since the last snapshot was asked for.
    n_log_bytes: u64,
    n_log_records: u64,
    n_snapshot_bytes: u64,
    storing: Option<Storing>,
    /// Whether nobody may write because there is too much of it.
    pub(super) is_too_large: bool,
}

/// A snapshot that is being stored.
struct Storing {
    bytes: Bytes,
    version: VersionVector,
    /// What the store has until then, in `Live`'s order.
    instead_of: (u64, u64, u64),
}

/// How a document in memory stands, for its operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// Which.
    pub document: DocumentId,
    /// What it is called. Untrusted.
    pub name: String,
    /// Connections.
    pub n_links: usize,
    /// The names of those who are here and show themselves. Untrusted.
    pub people: Vec<String>,
    /// Operations that are on the disk.
    pub n_ops: u64,
    /// Bytes in the store.
    pub n_bytes: u64,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("room", &self.room).finish_non_exhaustive()
    }
}

impl Live {
    /// Rebuilds a document from what the store has. What cannot be read is an error, never an empty document.
    pub(super) fn load(
        id: DocumentId,
        stored: Stored,
        config: &RelayConfig,
        seed: u64,
        now: MonoTime,
    ) -> Result<Live, String> {
        let mut rng = Rng::new(seed);
        let (limits, elsewhere) = (config.link_limits, config.elsewhere.clone());
        // A relay never edits; its id only has to differ from everybody's.
        let replica = ReplicaId::new(rng.next_u64());
        let mut document = match &stored.snapshot {
            Some(bytes) => Document::load(replica, bytes).map_err(|error| error.to_string())?,
            None => Document::new(replica),
        };
        document.set_waiting_max(limits.waiting_max);
        let (snapshot_version, n_waiting) = (document.version(), document.n_waiting());
        for batch in &stored.tail {
            document.apply(batch).map_err(|error| error.to_string())?;
        }
        // Only what had its causes was stored: if it has not now, a record in between is gone.
        if n_waiting < document.n_waiting() {
            return Err("changes of it are missing".to_owned());
        }
        let config = RoomConfig {
            document: id,
            epoch: Some(stored.epoch),
            session: SessionId::from_bytes([0; 16]),
            name: stored.name,
            seed: rng.next_u64(),
            durable: document.version(),
            serve: Some(Serve { access: stored.access, grants: stored.grants, limits, elsewhere }),
            upstream: None,
        };
        let mut room = Room::new(config, now, &mut document, &mut Vec::new());
        let n_snapshot_bytes = stored.snapshot.as_ref().map_or(0, |bytes| bytes.len() as u64);
        if let Some(bytes) = stored.snapshot {
            room.set_snapshot(bytes, snapshot_version);
        }
        Ok(Live {
            n_log_bytes: stored.tail.iter().map(|batch| batch.len() as u64).sum(),
            n_log_records: stored.tail.len() as u64,
            n_snapshot_bytes,
            document,
            room,
            empty_since: Some(now),
            wake: None,
            storing: None,
            is_too_large: false,
        })
    }

    /// Drives the room and translates what it asks for. Returns the links that it closed.
    pub(super) fn drive(
        &mut self,
        document: DocumentId,
        input: sync::Input<'_>,
        now: MonoTime,
        out: &mut Vec<Output>,
    ) -> Vec<LinkId> {
        let mut asked = Vec::new();
        self.room.handle(input, now, &mut self.document, &mut asked);
        self.translate(document, asked, out)
    }

    /// Does what the document's owner asks for. Returns what came of it, and the links that the room closed.
    pub(super) fn manage(
        &mut self,
        document: DocumentId,
        token: &Token,
        order: Order,
        wall: WallTime,
        now: MonoTime,
        out: &mut Vec<Output>,
    ) -> (Result<Report, String>, Vec<LinkId>) {
        let mut asked = Vec::new();
        let result = self.room.manage((token, order), wall, now, &mut self.document, &mut asked);
        (result, self.translate(document, asked, out))
    }

    /// Passes on what the room asks for. Returns the links that it closed.
    fn translate(
        &mut self,
        document: DocumentId,
        asked: Vec<sync::Output>,
        out: &mut Vec<Output>,
    ) -> Vec<LinkId> {
        let mut closed = Vec::new();
        for output in asked {
            match output {
                sync::Output::Send { link, bytes } => out.push(Output::Send { link, bytes }),
                sync::Output::Close { link } => {
                    closed.push(link);
                    out.push(Output::Close { link });
                }
                sync::Output::Persist { token, bytes } => {
                    self.n_log_bytes += bytes.len() as u64;
                    self.n_log_records += 1;
                    let is_retry = self.room.is_refused_by_disk();
                    out.push(Output::Append { document, token, bytes, is_retry });
                }
                sync::Output::LinkWelcomed { link } => out.push(Output::LinkWelcomed { link, document }),
                sync::Output::LinkRefused { link, code } => out.push(Output::LinkRefused { link, code }),
                // Nobody looks at a relay's text, and it dials nobody.
                sync::Output::Dial { .. }
                | sync::Output::Rewrite { .. }
                | sync::Output::TextChanged(_)
                | sync::Output::PeopleChanged
                | sync::Output::StatusChanged
                | sync::Output::EpochAdopted(_)
                | sync::Output::Named(_)
                | sync::Output::CaughtUp
                | sync::Output::LinkDenied => {}
            }
        }
        closed
    }

    /// Returns how many bytes of it the store has.
    pub(super) fn n_bytes(&self) -> u64 {
        self.n_log_bytes + self.n_snapshot_bytes
    }

    /// Returns how it stands.
    pub(super) fn overview(&self, document: DocumentId) -> Overview {
        let people = self.room.people().into_iter().map(|(_, presence)| presence.name);
        Overview {
            document,
            name: self.room.name().to_owned(),
            n_links: self.room.n_links(),
            people: people.collect(),
            n_ops: self.room.durable().n_ops_beyond(&VersionVector::default()),
            n_bytes: self.n_bytes(),
        }
    }

    /// Returns the snapshot to store now, if enough was appended since the last: at least half its size, so that the work is
    /// proportional to what is written; or as many records as are slow to read one by one, beside the snapshot.
    ///
    /// It may hold what waits for the disk: the store takes it after that. Nobody is sent it before all of it is durable.
    pub(super) fn take_due_snapshot(&mut self, n_records_due: u64) -> Option<Bytes> {
        let n_bytes_due = limits::SNAPSHOT_AFTER_BYTES.max(self.n_snapshot_bytes / 2);
        let n_records_due = n_records_due.max(self.n_snapshot_bytes / limits::SNAPSHOT_BYTES_PER_RECORD);
        let is_due = n_bytes_due <= self.n_log_bytes
            || n_records_due <= self.n_log_records
            || self.is_too_large && 0 < self.n_log_bytes;
        if !is_due || self.storing.is_some() || self.room.is_refused_by_disk() {
            return None;
        }
        let bytes = Bytes::from(self.document.save());
        let instead_of = (self.n_log_bytes, self.n_log_records, self.n_snapshot_bytes);
        self.storing = Some(Storing { bytes: bytes.clone(), version: self.document.version(), instead_of });
        (self.n_log_bytes, self.n_log_records, self.n_snapshot_bytes) = (0, 0, bytes.len() as u64);
        Some(bytes)
    }

    /// Takes in how the storing ended.
    pub(super) fn snapshot_stored(&mut self, is_stored: bool) {
        let Some(Storing { bytes, version, instead_of }) = self.storing.take() else { return };
        if is_stored {
            return self.room.set_snapshot(bytes, version);
        }
        let (n_log_bytes, n_log_records, n_snapshot_bytes) = instead_of;
        self.n_log_bytes += n_log_bytes;
        self.n_log_records += n_log_records;
        self.n_snapshot_bytes = n_snapshot_bytes;
    }

    pub(super) fn is_storing_snapshot(&self) -> bool {
        self.storing.is_some()
    }
}

impl CreatePolicy {
    /// Returns what to create the document with, or why not.
    pub(super) fn allows(&self, hello: &Hello) -> Result<Granted, Refuse> {
        let (Some(wish), Some(epoch)) = (&hello.create, hello.epoch) else { return Err(denied()) };
        // Whoever creates must be able to write to it.
        if !bool::from(hello.token.hash().0.ct_eq(&wish.access.write.0)) {
            return Err(denied());
        }
        let is_allowed = match self {
            CreatePolicy::Anybody => true,
            CreatePolicy::Nobody => false,
            // All are compared, so that the time tells nothing of which.
            CreatePolicy::OperatorTokens(tokens) => {
                let shown = &wish.operator_token;
                bool::from(tokens.iter().fold(Choice::from(0), |found, token| found | token.ct_eq(shown)))
            }
        };
        if is_allowed {
            let has_token = matches!(self, CreatePolicy::OperatorTokens(_));
            let creator = has_token.then(|| creator_of(&wish.operator_token));
            return Ok(Granted { epoch, access: wish.access, name: wish.name.clone(), creator });
        }
        let sentence =
            "documents can be created at this relay only with a create token; ask its operator for one";
        Err(refusal(RefuseCode::CreateDenied, None, sentence))
    }
}
