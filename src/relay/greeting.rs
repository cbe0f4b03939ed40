//! From a connection to a document's room.

use super::event::Output;
use super::slot::Slot;
use super::{Drain, Place, Relay, denied, refusal};
use crate::base::limits;
use crate::base::time::{Millis, MonoTime, WallTime};
use crate::protocol::DocumentId;
use crate::protocol::frame::{Frame, Frames};
use crate::protocol::greeting::RefuseCode;
use crate::sync::LinkId;

impl Relay {
    pub(super) fn link_opened(
        &mut self,
        link: LinkId,
        asked: DocumentId,
        wall: WallTime,
        now: MonoTime,
        out: &mut Vec<Output>,
    ) {
        if self.drain != Drain::No {
            return out.push(Output::Close { link });
        }
        if self.config.links_max <= self.links.len() {
            let retry_after = self.spread(limits::BACKOFF_MAX_MS);
            let sentence = "this relay has as many connections as it can take; trying again later";
            return self.refuse(link, refusal(RefuseCode::Full, retry_after, sentence), out);
        }
        if !self.handshakes.take(1, now) {
            let retry_after = self.spread(limits::DRAIN_SPREAD_MS);
            let sentence = "more people come to this relay at once than it lets in; trying again in a moment";
            return self.refuse(link, refusal(RefuseCode::Full, retry_after, sentence), out);
        }
        self.make_room_to_greet(out);
        self.links.insert(link, Place::Greeting { opened_at: now, asked, wall });
        self.greeting.insert(link);
        self.greeting_wake_at(now.after(Millis(limits::HELLO_TIMEOUT_MS)));
    }

    /// Turns away whoever has said nothing for longest, if one more would be too many. Who means to come in is not kept out by those
    /// who hold connections open: it takes all of them within its round trip.
    fn make_room_to_greet(&mut self, out: &mut Vec<Output>) {
        if self.greeting.len() < self.config.greeting_max {
            return;
        }
        if let Some(&oldest) = self.greeting.first() {
            let retry_after = self.spread(limits::BACKOFF_MAX_MS);
            let sentence = "this connection said nothing while many others came; trying again later";
            self.refuse(oldest, refusal(RefuseCode::Full, retry_after, sentence), out);
        }
    }

    pub(super) fn spread(&mut self, over_ms: u64) -> Option<Millis> {
        Some(Millis(over_ms / 4 + self.rng.below(over_ms)))
    }

    pub(super) fn packet(&mut self, link: LinkId, bytes: &[u8], now: MonoTime, out: &mut Vec<Output>) {
        match self.links.get_mut(&link) {
            None => {}
            Some(Place::Inside { .. }) => {
                self.hand_to_room(link, crate::sync::Input::Packet { link, bytes }, now, out);
            }
            Some(Place::Waiting { packets, .. }) if packets.len() < limits::LOADING_PACKETS_MAX => {
                packets.push(bytes.to_vec());
            }
            Some(Place::Waiting { .. }) => {
                let sentence = "more was sent than may be before the welcome";
                self.refuse(link, refusal(RefuseCode::OverLimit, None, sentence), out);
            }
            Some(&mut Place::Greeting { asked, wall, .. }) => {
                self.greeted(link, asked, wall, bytes, now, out);
            }
        }
    }

    fn greeted(
        &mut self,
        link: LinkId,
        asked: DocumentId,
        wall: WallTime,
        bytes: &[u8],
        now: MonoTime,
        out: &mut Vec<Output>,
    ) {
        if let Some(sentence) = self.config.link_limits.refuses_packet(bytes.len()) {
            return self.refuse(link, refusal(RefuseCode::OverLimit, None, &sentence), out);
        }
        let hello = match Frames::new(bytes).map(|mut frames| frames.next()) {
            Ok(Some(Ok(Frame::Hello(hello)))) => hello,
            Ok(Some(Err(error))) | Err(error) => {
                let code = match error {
                    crate::protocol::codec::DecodeError::NewerVersion { .. } => RefuseCode::Version,
                    _ => RefuseCode::Malformed,
                };
                return self.refuse(link, refusal(code, None, &error.to_string()), out);
            }
            Ok(Some(Ok(_)) | None) => {
                let sentence = "a connection begins with a hello";
                return self.refuse(link, refusal(RefuseCode::Malformed, None, sentence), out);
            }
        };
        let document = hello.document;
        if document != asked {
            return self.refuse(link, denied(), out);
        }
        let is_known = self.documents.contains_key(&document);
        if !is_known && self.config.documents_max <= self.documents.len() {
            let retry_after = self.spread(limits::BACKOFF_MAX_MS);
            let sentence = "this relay has as many documents open as it can take; trying again later";
            return self.refuse(link, refusal(RefuseCode::Full, retry_after, sentence), out);
        }
        self.greeting.remove(&link);
        let (packets, shown) = (vec![bytes.to_vec()], hello.token.hash());
        self.links.insert(link, Place::Waiting { document, wall, hello, packets });
        match self.documents.get(&document) {
            Some(Slot::Live(_)) => self.let_in(link, now, out),
            Some(Slot::Loading(_) | Slot::Creating(_)) => {}
            None => self.load(document, shown, out),
        }
    }

    /// Hands a waiting link over to its document's room, which checks the hello.
    pub(super) fn let_in(&mut self, link: LinkId, now: MonoTime, out: &mut Vec<Output>) {
        let Some(Place::Waiting { document, wall, hello, packets }) = self.links.remove(&link) else {
            return;
        };
        self.links.insert(link, Place::Inside { document });
        let Some(Slot::Live(live)) = self.documents.get(&document) else { return };
        if !live.room.lets_in(&hello.token, hello.session, wall) {
            let refuse = self.stranger(&hello);
            return self.refuse(link, refuse, out);
        }
        let direction = crate::sync::Direction::Accepted { document };
        self.drive(document, crate::sync::Input::LinkOpened { link, direction, wall }, now, out);
        for packet in packets {
            self.hand_to_room(link, crate::sync::Input::Packet { link, bytes: &packet }, now, out);
        }
    }
}
