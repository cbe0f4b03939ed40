//! Up to the server: what it lacks, as far as it may be sent.

use super::live::Live;
use super::{Joining, State};
use crate::base::limits;
use crate::base::time::Millis;
use crate::crdt::{ReplicaTable, VersionVector};
use crate::document::Document;
use crate::protocol::capability::Mode;
use crate::protocol::frame::{Frame, Whole};
use crate::sync::event::Output;
use crate::sync::room::{Room, Step};
use crate::sync::wire::Parcel;

impl Live {
    /// Returns the next of what the upstream lacks, and the version that it then has: as much as the server takes at once, unless that
    /// is less than what cannot be cut. O(what is returned), mostly.
    fn next_part(
        &self,
        doc: &Document,
        version: &VersionVector,
        names: &ReplicaTable,
    ) -> (Vec<u8>, VersionVector) {
        let mut n_ops_max = (self.upload_bytes_max / limits::UPLOAD_OP_BYTES).max(1);
        loop {
            let then = doc.version_towards(&self.sent, version, n_ops_max);
            let batch = doc.changes_between(&self.sent, &then, names);
            if batch.len() as u64 <= self.upload_bytes_max || n_ops_max == 1 {
                return (batch, then);
            }
            // Many authors with an edit or two each, all of them named, cost more for each operation than is usual.
            n_ops_max = (n_ops_max.min(then.n_ops_beyond(&self.sent)) / 2).max(1);
        }
    }
}

impl Room {
    /// Sends what the upstream lacks, as far as it may be sent now.
    pub(in crate::sync::room) fn push_upstream(&mut self, step: &mut Step<'_>) {
        let n_unacknowledged = self.n_unacknowledged();
        let Some(joining) = &mut self.joining else { return };
        let State::Live(live) = &mut joining.state else { return };
        if live.mode == Mode::Read || live.paused.is_some() || !live.wire.is_low() {
            return;
        }
        if let Some(sent) = live.wire.pump(step.now, step.out) {
            live.sent.merge(&sent);
        }
        if live.wire.is_sending_pieces() {
            return;
        }
        let version = self.store.seen();
        while !live.sent.includes(version) && !live.wire.is_sending_pieces() && live.wire.is_low() {
            let (batch, then) = live.next_part(step.doc, version, &joining.names);
            if live.upload_bytes_max < batch.len() as u64 {
                let sentence = format!(
                    "{} bytes of edits are too many at once for this server, which takes {}",
                    batch.len(),
                    live.upload_bytes_max
                );
                let link = live.wire.link;
                joining.state = State::denied_for_good(sentence);
                return step.out.push(Output::Close { link });
            }
            let parcel = Parcel::new(Whole::Batch, batch.into());
            if let Some(sent) = live.wire.send_whole(parcel, then, step.now, step.out) {
                live.sent.merge(&sent);
            }
            live.measure(step);
        }
        if !live.said_caught_up && live.sent.includes(version) {
            live.said_caught_up = true;
            live.wire.send_frame(&Frame::CaughtUp, step.now, step.out);
        }
        let waiting_since = (0 < n_unacknowledged).then(|| live.waiting_since.unwrap_or(step.now));
        live.waiting_since = waiting_since;
        if let Some(since) = waiting_since {
            self.wake_at(since.after(Millis(limits::SUSPECT_AFTER_MS)));
        }
    }

    pub(in crate::sync::room) fn upstream_written(&mut self, n_bytes: usize, step: &mut Step<'_>) {
        if let Some(wire) = self.joining.as_mut().and_then(Joining::wire) {
            wire.written(n_bytes);
        }
        if let Some(live) = self.live() {
            // A long upload that moves is a sign of life; a single edit that a dead proxy swallowed is none.
            if live.wire.is_sending_pieces() || 0 < live.wire.n_queued {
                live.waiting_since = live.waiting_since.map(|_| step.now);
            }
        }
        self.push_upstream(step);
    }

    pub(in crate::sync::room) fn send_presence_upstream(
        &mut self,
        frame: &bytes::Bytes,
        step: &mut Step<'_>,
    ) {
        if let Some(live) = self.live()
            && live.wire.is_low()
        {
            live.wire.send(frame.clone(), step.now, step.out);
            live.measure(step);
        }
    }
}
