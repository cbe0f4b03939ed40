//! What tests that make their own scenes look at.

use super::network::End;
use super::world::World;
use crate::base::time::MonoTime;
use crate::crdt::{ReplicaId, VersionVector};
use crate::protocol::Epoch;
use crate::protocol::capability::Secret;
use crate::relay::Relay;
use crate::sim::client::Process;
use crate::sync::{LinkId, Room};

impl World {
    /// A client's program.
    ///
    /// # Panics
    /// As all that follow here, if it does not run.
    fn process(&self, i: usize) -> &Process {
        self.clients[i].process.as_ref().expect("a running client")
    }

    /// Returns whether a client's program runs.
    pub fn is_running(&self, i: usize) -> bool {
        self.clients[i].process.is_some()
    }

    /// Returns the secret of a server's document, and its history.
    pub fn document_at(&self, place: usize) -> (Secret, Epoch) {
        (self.places[place].secret.clone(), self.places[place].epoch)
    }

    /// Returns the text that a client has.
    pub fn text(&self, i: usize) -> String {
        self.process(i).doc.to_string()
    }

    /// Returns a client's room.
    pub fn room(&self, i: usize) -> &Room {
        &self.process(i).room
    }

    /// Returns the id under which a client edits.
    pub fn replica(&self, i: usize) -> ReplicaId {
        self.process(i).doc.replica()
    }

    /// Returns a client's connection to the server.
    pub fn link(&self, i: usize) -> Option<LinkId> {
        self.process(i).link
    }

    /// Returns what a client was told that the document is called.
    pub fn name(&self, i: usize) -> &str {
        &self.process(i).name
    }

    /// Returns what a client's clock says.
    pub fn now_at(&self, i: usize) -> MonoTime {
        MonoTime(self.now + self.clients[i].clock)
    }

    /// Returns whether the server still has this connection.
    pub fn serves(&self, link: LinkId) -> bool {
        self.wires.get(&link).is_some_and(|wire| wire.is_open(End::Server))
    }

    /// Returns how many documents the relays have in memory.
    pub fn n_documents(&self) -> usize {
        self.places.iter().filter_map(|place| place.relay.as_ref()).map(Relay::n_documents).sum()
    }

    /// Returns how many operations the writers have made.
    pub fn n_ops(&self) -> u64 {
        let versions = self.places.iter().map(|place| place.truth.doc.version());
        versions.map(|version| version.n_ops_beyond(&VersionVector::default())).sum()
    }

    /// Returns how many bytes the server has sent since this was last asked.
    pub fn take_n_bytes_down(&mut self) -> usize {
        std::mem::take(&mut self.n_bytes_down)
    }

    /// Returns how many bytes clients have sent.
    pub fn n_bytes_up(&self) -> usize {
        self.n_bytes_up
    }
}
