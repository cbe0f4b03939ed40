//! The links of one document.

use crate::base::time::MonoTime;
use crate::crdt::VersionVector;
use crate::document::Document;
use crate::protocol::ConnectionId;
use crate::protocol::presence::Presence;
use crate::sync::event::{Input, Output, RoomConfig};
use crate::sync::status::Status;

/// The links of one document, what is durable of it, and who is here.
#[derive(Debug)]
pub struct Room {
    config: RoomConfig,
    acknowledged: VersionVector,
    status: Status,
}

impl Room {
    /// Makes a room without links and asks for the first connection upstream, if there is one to make.
    pub fn new(config: RoomConfig, _now: MonoTime, _doc: &Document, _out: &mut Vec<Output>) -> Room {
        let acknowledged = config.upstream.as_ref().map(|up| up.acknowledged.clone()).unwrap_or_default();
        Room { config, acknowledged, status: Status::Alone }
    }

    /// Advances by one input. Never blocks; appends to `out` in the order in which the shell must act.
    pub fn handle(&mut self, _input: Input<'_>, _now: MonoTime, _doc: &mut Document, _out: &mut Vec<Output>) {
    }

    /// Returns when [`Input::DeadlineReached`] is due; `None` when nothing is pending. May change after any `handle`.
    pub fn deadline(&self) -> Option<MonoTime> {
        None
    }

    /// Returns the state of the connection, for the status line.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Returns who else is here.
    pub fn people(&self) -> Vec<(ConnectionId, Presence)> {
        Vec::new()
    }

    /// Returns what the upstream is known to have on its disk: the shell stores it now and then, for the next start.
    pub fn acknowledged(&self) -> &VersionVector {
        &self.acknowledged
    }

    /// Returns the history that the document here belongs to, once it is known.
    pub fn epoch(&self) -> Option<crate::protocol::Epoch> {
        self.config.epoch
    }
}
