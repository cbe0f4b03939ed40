//! Rank 2: the only meaning of bytes on a link. `docs/PROTOCOL.md` is the same in prose.
//!
//! One transport message is a *packet*: a sequence of frames, each after its length as a varint. So packets
//! may be joined end to end, and all that waits for a socket goes out in one message.

pub mod capability;
pub mod codec;
pub mod frame;
pub mod greeting;
pub mod ids;
pub mod link_url;
pub mod packed;
pub mod presence;
pub mod resumption;

pub use ids::{ConnectionId, DocumentId, Epoch, SessionId};

/// The version of the protocol that this program speaks. A newer one is refused with a sentence.
pub const PROTOCOL_VERSION: u8 = 1;
