//! Who is here, at either side of a link.

use bytes::Bytes;

use super::{Room, Step};
use crate::base::limits;
use crate::base::time::{Millis, MonoTime};
use crate::protocol::ConnectionId;
use crate::protocol::frame::{Frame, PresenceFrame};
use crate::protocol::presence::Presence;

/// The presence of this side's own user.
#[derive(Debug, Default)]
pub(super) struct Own {
    counter: u64,
    /// Empty while this side shows nothing.
    payload: Bytes,
    sent_at: Option<MonoTime>,
    /// Whether there is news that was not sent yet.
    is_dirty: bool,
}

impl Own {
    /// Returns the frame to send, or `None` while nothing was ever shown.
    pub(super) fn frame(&self) -> Option<Bytes> {
        let frame =
            PresenceFrame { connection: ConnectionId(0), counter: self.counter, payload: &self.payload };
        (0 < self.counter).then(|| Frame::Presence(frame).to_packet().into())
    }
}

impl Room {
    pub(super) fn own_presence_changed(&mut self, presence: Option<&Presence>, step: &mut Step<'_>) {
        let payload: Bytes = presence.map(Presence::encode).unwrap_or_default().into();
        if payload == self.own.payload {
            return;
        }
        self.own.payload = payload;
        self.own.counter += 1;
        self.own.is_dirty = true;
        self.flush_own(step);
    }

    /// Sends the own presence if there is news and the last is long enough ago.
    fn flush_own(&mut self, step: &mut Step<'_>) {
        let may_at = self.own.sent_at.map(|at| at.after(Millis(limits::PRESENCE_INTERVAL_MS)));
        match may_at {
            Some(at) if step.now < at => self.wake_at(at),
            _ => self.send_own(step),
        }
    }

    pub(super) fn send_own(&mut self, step: &mut Step<'_>) {
        let Some(frame) = self.own.frame() else { return };
        self.own.is_dirty = false;
        self.own.sent_at = Some(step.now);
        self.wake_at(step.now.after(Millis(limits::HEARTBEAT_MS)));
        self.send_presence_upstream(&frame, step);
        self.broadcast(&frame, None, step);
    }

    pub(super) fn presence_deadline(&mut self, step: &mut Step<'_>) {
        if self.own.is_dirty {
            self.flush_own(step);
        }
        // Repeated with the heartbeat, or it would expire at the others.
        if let Some(sent_at) = self.own.sent_at {
            let again_at = sent_at.after(Millis(limits::HEARTBEAT_MS));
            if again_at <= step.now {
                self.send_own(step);
            } else {
                self.wake_at(again_at);
            }
        }
        self.flush_shown(step);
        // Whoever came just before would count from then.
        for id in self.people.expire(step.now) {
            step.people_changed = true;
            self.broadcast(&Frame::PresenceGone(id).to_packet().into(), None, step);
        }
        if let Some(at) = self.people.deadline() {
            self.wake_at(at);
        }
    }

    pub(super) fn hear_presence(
        &mut self,
        id: ConnectionId,
        presence: PresenceFrame<'_>,
        step: &mut Step<'_>,
    ) {
        step.people_changed |= self.people.hear(id, presence.counter, presence.payload, step.now);
        self.wake_at(step.now.after(Millis(limits::PRESENCE_EXPIRY_MS)));
    }
}
