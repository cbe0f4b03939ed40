//! The first frames each way: who is there, what is wanted, what is allowed.

use crate::base::bytes::{put_bytes, put_varint};
use crate::base::limits;
use crate::base::time::{Millis, WallTime};
use crate::crdt::{ReplicaId, VersionVector};
use crate::protocol::capability::{Access, Mode, Token, TokenHash};
use crate::protocol::codec::{self, DecodeError, Reader};
use crate::protocol::link_url::ServerUrl;
use crate::protocol::{ConnectionId, DocumentId, Epoch, PROTOCOL_VERSION, SessionId};

/// Starts every hello, so that whoever is spoken to by another program knows at once.
pub const MAGIC: [u8; 4] = *b"coed";

/// What the side that dialed says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The document that is meant.
    pub document: DocumentId,
    /// Proof of what the sender may do.
    pub token: Token,
    /// Under which id the sender edits.
    pub replica: ReplicaId,
    /// The sender's process.
    pub session: SessionId,
    /// The history that the sender has; `None` if it has nothing yet and takes the server's.
    pub epoch: Option<Epoch>,
    /// What is needed to create the document if it is unknown.
    pub create: Option<CreateWish>,
    /// What the sender has.
    pub version: VersionVector,
}

/// Asks a server to create the document, with the hello's epoch, if it is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateWish {
    /// Whose tokens will allow what.
    pub access: Access,
    /// What the operator gave to those who may create; may be empty.
    pub operator_token: Vec<u8>,
    /// What the document is called, for those who join; may be empty. At most
    /// [`limits::DOCUMENT_NAME_BYTES_MAX`] bytes on the wire.
    pub name: String,
}

/// The serving side's answer to a hello that it accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The document's history.
    pub epoch: Epoch,
    /// What the receiver may do.
    pub mode: Mode,
    /// The receiver's name in presence.
    pub connection: ConnectionId,
    /// The replicas with short numbers, from 0 on.
    pub replicas: Vec<ReplicaId>,
    /// What the serving side has on its disk.
    pub durable: VersionVector,
    /// The serving side's wall clock, to show a wrong one; nothing depends on it.
    pub wall: WallTime,
    /// Bytes of the largest batch that the serving side accepts.
    pub upload_bytes_max: u64,
    /// What the document is called: the name of the file that was shared. Untrusted; may be empty.
    pub name: String,
}

/// Why a link is refused or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefuseCode {
    /// No such document here, or the token allows nothing: one answer for both.
    Denied,
    /// The document here has another history.
    EpochMismatch,
    /// The other side speaks a version that is not spoken here.
    Version,
    /// What was sent makes no sense.
    Malformed,
    /// A reader sent edits.
    ReadOnly,
    /// Another process edits under the same replica id.
    ReplicaInUse,
    /// More was sent than is allowed.
    OverLimit,
    /// There is no room for another link or document.
    Full,
    /// The document could not be read from, or entered into, the store.
    Storage,
    /// This side has not said hello, or not answered, in time.
    Timeout,
    /// Documents cannot be created here with this token.
    CreateDenied,
    /// The program ends; another or the same will be there after a while.
    GoingAway,
    /// The same process connected again: the new link takes the place of this one.
    Replaced,
    /// The document's owner ended this visit, or its link.
    Dismissed,
}

const CODES: [RefuseCode; 14] = [
    RefuseCode::Denied,
    RefuseCode::EpochMismatch,
    RefuseCode::Version,
    RefuseCode::Malformed,
    RefuseCode::ReadOnly,
    RefuseCode::ReplicaInUse,
    RefuseCode::OverLimit,
    RefuseCode::Full,
    RefuseCode::Storage,
    RefuseCode::Timeout,
    RefuseCode::CreateDenied,
    RefuseCode::GoingAway,
    RefuseCode::Replaced,
    RefuseCode::Dismissed,
];

impl RefuseCode {
    /// Returns the code's byte on the wire: 1 and up, in the order of the variants.
    pub fn to_byte(self) -> u8 {
        self as u8 + 1
    }

    /// Returns the code of this byte.
    pub fn from_byte(byte: u8) -> Option<RefuseCode> {
        CODES.get(usize::from(byte).checked_sub(1)?).copied()
    }

    /// Returns the code in one word, for logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            RefuseCode::Denied => "denied",
            RefuseCode::EpochMismatch => "epoch-mismatch",
            RefuseCode::Version => "version",
            RefuseCode::Malformed => "malformed",
            RefuseCode::ReadOnly => "read-only",
            RefuseCode::ReplicaInUse => "replica-in-use",
            RefuseCode::OverLimit => "over-limit",
            RefuseCode::Full => "full",
            RefuseCode::Storage => "storage",
            RefuseCode::Timeout => "timeout",
            RefuseCode::CreateDenied => "create-denied",
            RefuseCode::GoingAway => "going-away",
            RefuseCode::Replaced => "replaced",
            RefuseCode::Dismissed => "dismissed",
        }
    }

    /// Returns whether trying again by itself makes sense. What the user must decide is not tried again.
    pub fn is_worth_retrying(self) -> bool {
        !matches!(
            self,
            RefuseCode::Denied
                | RefuseCode::EpochMismatch
                | RefuseCode::Version
                | RefuseCode::CreateDenied
                | RefuseCode::Dismissed
        )
    }
}

/// A refusal or a goodbye. The link is closed after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refuse {
    /// Why, for programs.
    pub code: RefuseCode,
    /// When to come back, if the sender has a wish.
    pub retry_after: Option<Millis>,
    /// Why, for people: one sentence. Untrusted. At most [`limits::SENTENCE_BYTES_MAX`] bytes on the wire.
    pub sentence: String,
    /// Where to go instead, if the sender ends and names a place. Untrusted.
    pub elsewhere: Option<ServerUrl>,
}

impl Hello {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.push(PROTOCOL_VERSION);
        let flags = u8::from(self.epoch.is_some()) | u8::from(self.create.is_some()) << 1;
        out.push(flags);
        out.extend_from_slice(self.document.as_bytes());
        out.extend_from_slice(self.token.as_bytes());
        codec::put_replica(out, self.replica);
        out.extend_from_slice(self.session.as_bytes());
        if let Some(epoch) = &self.epoch {
            out.extend_from_slice(epoch.as_bytes());
        }
        if let Some(create) = &self.create {
            out.extend_from_slice(&create.access.write.0);
            out.extend_from_slice(&create.access.read.0);
            put_bytes(out, &create.operator_token);
            codec::put_text(out, &create.name, limits::DOCUMENT_NAME_BYTES_MAX);
        }
        codec::put_version(out, &self.version);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Hello, DecodeError> {
        let what = "a hello";
        if reader.array::<4>(what)? != MAGIC {
            return Err(DecodeError::Invalid("what should be a hello"));
        }
        match reader.byte(what)? {
            PROTOCOL_VERSION => {}
            0 => return Err(DecodeError::Invalid("a protocol version")),
            found => return Err(DecodeError::NewerVersion { found, known: PROTOCOL_VERSION }),
        }
        let flags = reader.byte(what)?;
        if 3 < flags || flags == 2 {
            return Err(DecodeError::Invalid("a hello's flags"));
        }
        Ok(Hello {
            document: DocumentId::from_bytes(reader.array(what)?),
            token: Token::from_bytes(reader.array(what)?),
            replica: reader.replica(what)?,
            session: SessionId::from_bytes(reader.array(what)?),
            epoch: if flags & 1 == 0 { None } else { Some(Epoch::from_bytes(reader.array(what)?)) },
            create: if flags & 2 == 0 { None } else { Some(create_wish(reader)?) },
            version: reader.version()?,
        })
    }
}

fn create_wish(reader: &mut Reader<'_>) -> Result<CreateWish, DecodeError> {
    let what = "a wish to create";
    Ok(CreateWish {
        access: Access { write: TokenHash(reader.array(what)?), read: TokenHash(reader.array(what)?) },
        operator_token: reader.bytes(limits::OPERATOR_TOKEN_BYTES_MAX, "an operator's token")?.to_vec(),
        name: reader.text(limits::DOCUMENT_NAME_BYTES_MAX, "a document's name")?.to_owned(),
    })
}

impl Welcome {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(PROTOCOL_VERSION);
        out.push(mode_byte(self.mode));
        out.extend_from_slice(self.epoch.as_bytes());
        put_varint(out, u64::from(self.connection.0));
        put_varint(out, self.wall.0);
        put_varint(out, self.upload_bytes_max);
        codec::put_text(out, &self.name, limits::DOCUMENT_NAME_BYTES_MAX);
        put_replicas(out, &self.replicas);
        codec::put_version(out, &self.durable);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Welcome, DecodeError> {
        let what = "a welcome";
        match reader.byte(what)? {
            PROTOCOL_VERSION => {}
            0 => return Err(DecodeError::Invalid("a protocol version")),
            found => return Err(DecodeError::NewerVersion { found, known: PROTOCOL_VERSION }),
        }
        let mode = mode(reader)?;
        Ok(Welcome {
            mode,
            epoch: Epoch::from_bytes(reader.array(what)?),
            connection: connection(reader)?,
            wall: WallTime(reader.varint(u64::MAX, what)?),
            upload_bytes_max: reader.varint(u64::MAX, what)?,
            name: reader.text(limits::DOCUMENT_NAME_BYTES_MAX, "a document's name")?.to_owned(),
            replicas: replicas(reader)?,
            durable: reader.version()?,
        })
    }
}

impl Refuse {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.code.to_byte());
        put_varint(out, self.retry_after.map_or(0, |Millis(ms)| ms.saturating_add(1)));
        codec::put_text(out, &self.sentence, limits::SENTENCE_BYTES_MAX);
        if let Some(server) = &self.elsewhere {
            codec::put_text(out, &server.to_string(), limits::SENTENCE_BYTES_MAX);
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Refuse, DecodeError> {
        let code = RefuseCode::from_byte(reader.byte("a refusal")?);
        Ok(Refuse {
            code: code.ok_or(DecodeError::Invalid("a refusal's code"))?,
            retry_after: reader.varint(u64::MAX, "a time to come back")?.checked_sub(1).map(Millis),
            sentence: reader.text(limits::SENTENCE_BYTES_MAX, "a sentence")?.to_owned(),
            elsewhere: match reader.is_empty() {
                true => None,
                // An address that means nothing here is none.
                false => ServerUrl::parse(reader.text(limits::SENTENCE_BYTES_MAX, "an address")?).ok(),
            },
        })
    }
}

pub(super) fn mode_byte(mode: Mode) -> u8 {
    match mode {
        Mode::Write => 0,
        Mode::Read => 1,
    }
}

pub(super) fn mode(reader: &mut Reader<'_>) -> Result<Mode, DecodeError> {
    match reader.byte("a mode")? {
        0 => Ok(Mode::Write),
        1 => Ok(Mode::Read),
        _ => Err(DecodeError::Invalid("a mode")),
    }
}

pub(super) fn put_replicas(out: &mut Vec<u8>, replicas: &[ReplicaId]) {
    put_varint(out, replicas.len() as u64);
    replicas.iter().for_each(|&replica| codec::put_replica(out, replica));
}

pub(super) fn replicas(reader: &mut Reader<'_>) -> Result<Vec<ReplicaId>, DecodeError> {
    let n = reader.count(limits::WIRE_REPLICAS_MAX, 8, "a list of replicas")?;
    (0..n).map(|_| reader.replica("a list of replicas")).collect()
}

pub(super) fn connection(reader: &mut Reader<'_>) -> Result<ConnectionId, DecodeError> {
    reader.varint(u64::from(u32::MAX), "a connection's number").map(|n| ConnectionId(n as u32))
}
