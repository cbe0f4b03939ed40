//! Documents: each lives at one server, a relay of its own or a client that hosts it, and on that server's disk.

use super::client::Client;
use super::disk::{Disk, Shadow, StoreWrite};
use super::options::N_SERVERS_MAX;
use super::truth::Truth;
use crate::protocol::capability::Secret;
use crate::protocol::{DocumentId, Epoch};
use crate::relay::Relay;

/// The document of the first server.
pub const DOCUMENT: DocumentId = DocumentId::from_bytes([1; 16]);
/// Its history.
pub const EPOCH: Epoch = Epoch::from_bytes([2; 16]);

/// Returns the secret of the first document's link.
pub fn secret() -> Secret {
    Secret::from_random([3; 32])
}

/// A server, its document, and what is true of that.
pub(super) struct Place {
    pub(super) document: DocumentId,
    pub(super) epoch: Epoch,
    pub(super) secret: Secret,
    /// Whether a client serves the document instead of a relay: the first that comes.
    pub(super) is_hosted: bool,
    /// That client, once it is there.
    pub(super) host: Option<usize>,
    pub(super) relay: Option<Relay>,
    /// How many relays there have been.
    pub(super) run: u64,
    pub(super) store: Disk<StoreWrite>,
    /// What a restart of the relay would find.
    pub(super) shadow: Shadow,
    pub(super) truth: Truth,
}

impl Place {
    /// Makes the place of this number, without a server.
    pub(super) fn new(n: usize, is_hosted: bool) -> Place {
        assert!(n < N_SERVERS_MAX, "a world of at most {N_SERVERS_MAX} servers");
        let of = |first: u8| first + 16 * n as u8;
        Place {
            document: DocumentId::from_bytes([of(1); 16]),
            epoch: Epoch::from_bytes([of(2); 16]),
            secret: Secret::from_random([of(3); 32]),
            is_hosted,
            host: None,
            relay: None,
            run: 0,
            store: Disk::new(),
            shadow: Shadow::new(),
            truth: Truth::new(n),
        }
    }

    /// Returns whether a client belongs to the document: its secret opens it, and its history is the same.
    pub(super) fn has(&self, client: &Client) -> bool {
        let has_token = client.secret.token() == self.secret.token() || !client.is_writer();
        has_token && client.own_epoch.is_none_or(|epoch| epoch == self.epoch)
    }
}
