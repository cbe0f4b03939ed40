//! A welcomed connection: its signs of life, and what its server's numbers mean.

use crate::base::limits;
use crate::base::time::{Millis, MonoTime};
use crate::crdt::{ReplicaId, ReplicaTable, VersionVector};
use crate::protocol::ConnectionId;
use crate::protocol::capability::Mode;
use crate::protocol::frame::{AckEntry, Author, Frame};
use crate::protocol::greeting::RefuseCode;
use crate::sync::event::Via;
use crate::sync::room::{Ended, Step, ended};
use crate::sync::wire::Wire;

/// A welcomed connection.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) wire: Wire,
    pub(super) via: Via,
    pub(super) mode: Mode,
    pub(super) connection: ConnectionId,
    pub(super) upload_bytes_max: u64,
    pub(super) since: MonoTime,
    pub(super) rtt: Option<Millis>,
    /// The ping that waits for its pong; cleared by that.
    pub(super) pinged_at: Option<MonoTime>,
    pub(super) n_pings: u64,
    /// When the last ping was sent.
    pub(super) last_ping_at: MonoTime,
    /// What the upstream has or was sent.
    pub(super) sent: VersionVector,
    /// Whether it was told that it has everything; cleared whenever it lacks something old.
    pub(super) said_caught_up: bool,
    /// Since when edits wait unacknowledged without anything being heard or moved; cleared when none wait.
    pub(super) waiting_since: Option<MonoTime>,
    /// Set while the upstream cannot write.
    pub(super) paused: Option<String>,
}

impl Live {
    pub(super) fn ping(&mut self, step: &mut Step<'_>) {
        self.n_pings += 1;
        self.pinged_at = Some(step.now);
        self.last_ping_at = step.now;
        self.wire.send_frame(&Frame::Ping(self.n_pings), step.now, step.out);
    }

    /// Pings along with something that is sent, so that the round trip that is shown is of now.
    pub(super) fn measure(&mut self, step: &mut Step<'_>) {
        let is_old = Millis(limits::ROUND_TRIP_FRESH_MS) <= step.now.since(self.last_ping_at);
        if is_old && self.pinged_at.is_none() {
            self.ping(step);
        }
    }

    /// Pings when it is time. Returns when to look again; `None` if the link is dead.
    pub(super) fn check_life(&mut self, step: &mut Step<'_>) -> Option<MonoTime> {
        let now = step.now;
        // A ping that is not answered is a wait as well.
        let silent_since = [self.waiting_since, self.pinged_at].into_iter().flatten().min();
        let silent_since = silent_since.map(|at| at.max(self.wire.heard_at));
        let give_up_at = silent_since.map(|at| at.after(Millis(limits::GIVE_UP_AFTER_MS)));
        if self.wire.dead_at() <= now || give_up_at.is_some_and(|at| at <= now) {
            return None;
        }
        let suspect_at =
            self.waiting_since.map(|at| at.max(self.wire.heard_at).after(Millis(limits::SUSPECT_AFTER_MS)));
        // Nobody is shown for long whose leaving could not be told.
        let quiet_at = self.wire.heard_at.after(Millis(limits::QUIET_AFTER_MS));
        let is_suspect = quiet_at <= now || suspect_at.is_some_and(|at| at <= now);
        if is_suspect && self.pinged_at.is_none() || self.wire.heartbeat_at() <= now {
            self.ping(step);
        }
        let give_up_at = give_up_at.or(self.pinged_at.map(|at| at.after(Millis(limits::GIVE_UP_AFTER_MS))));
        let later = [give_up_at, suspect_at.filter(|&at| now < at), Some(quiet_at).filter(|&at| now < at)];
        let soonest = self.wire.dead_at().min(self.wire.heartbeat_at());
        Some(later.into_iter().flatten().fold(soonest, MonoTime::min))
    }
}

pub(super) fn learn_names(names: &mut ReplicaTable, start: u32, ids: &[ReplicaId]) -> Result<(), Ended> {
    for (expected, &id) in (start..).zip(ids) {
        let is_new = names.index_of(id).is_none() && names.ids().len() == expected as usize;
        if !is_new || limits::WIRE_REPLICAS_MAX <= names.ids().len() {
            return Err(ended(RefuseCode::Malformed, "the server numbered its replicas wrongly"));
        }
        names.intern(id);
    }
    Ok(())
}

pub(super) fn learn_ack(
    names: &ReplicaTable,
    entries: &[AckEntry],
    acknowledged: &mut VersionVector,
) -> Result<(), Ended> {
    for entry in entries {
        let replica = match entry.author {
            Author::Full(replica) => replica,
            Author::Short(number) => names.get(number).ok_or_else(|| {
                ended(RefuseCode::Malformed, "the server named a replica that it never numbered")
            })?,
        };
        acknowledged.advance(replica, entry.next);
    }
    Ok(())
}
