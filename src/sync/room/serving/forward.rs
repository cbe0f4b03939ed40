//! Out to the links: what became durable, to each at its pace; acknowledgements to those who sent it.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Content, Pace, Snapshot};
use crate::base::limits;
use crate::base::planted::{Defect, is_planted};
use crate::crdt::{ReplicaTable, VersionVector};
use crate::protocol::capability::Mode;
use crate::protocol::frame::{AckEntry, Author, Frame, Whole};
use crate::sync::event::{LinkId, PersistToken};
use crate::sync::room::{Room, Step};
use crate::sync::wire::Parcel;

impl Room {
    /// Notes that batches of a link were merged: asks for them to be persisted, and remembers what the sender has.
    pub(super) fn note_heard(&mut self, link: LinkId, origin: Option<LinkId>, step: &mut Step<'_>) {
        let growth = self.grow(origin, step);
        let last_asked = self.store.last_asked();
        if let Some(token) = last_asked.filter(|_| is_planted(Defect::AckBeforeSync)) {
            self.persisted(token, step);
        }
        if origin.is_none() {
            // Whose changes waited until now is not known: everybody is told when they are written.
            for member in self.serving.links.values_mut().filter_map(|link| link.member.as_mut()) {
                member.full_ack_after = Some(last_asked.unwrap_or(PersistToken(0)));
            }
        }
        let Some(member) = self.serving.links.get_mut(&link).and_then(|link| link.member.as_mut()) else {
            return;
        };
        if growth.is_empty() || member.full_ack_after.is_some() {
            // It was all here already, perhaps only in memory: acknowledged when that is written.
            member.full_ack_after = Some(last_asked.unwrap_or(PersistToken(0)));
        }
        if let (Pace::Behind { sent }, Some(_)) = (&mut member.pace, origin) {
            growth.iter().for_each(|&(replica, next)| sent.advance(replica, next));
        }
        self.send_due_acks(step);
    }

    /// Takes in that the disk has everything up to `token`: forwards and acknowledges it.
    pub(in crate::sync::room) fn persisted(&mut self, token: PersistToken, step: &mut Step<'_>) {
        if self.store.failure().is_some() {
            let before = self.store.durable().clone();
            if self.store.recovered(token) {
                if !is_planted(Defect::RecoveredNotForwarded) {
                    self.fall_behind(&before);
                }
                self.grow(None, step);
                self.resume_writers(step);
            }
            return;
        }
        let mut before = self.store.durable().clone();
        let mut acks = BTreeMap::<LinkId, VersionVector>::new();
        // Whoever had operations left out may have what their author brings now, and does not learn from hearing it again that it
        // is kept.
        let left_out = self
            .serving
            .links
            .iter()
            .filter(|(_, link)| link.member.as_ref().is_some_and(|member| member.has_left_out));
        let left_out: Vec<LinkId> = left_out.map(|(&id, _)| id).collect();
        // What one link sent in a row goes out as one, and is acknowledged once.
        while let Some((origin, growth)) = self.store.next_written_run(token) {
            let n_ops = self.store.durable().n_ops_beyond(&before);
            let n_receivers = self.forward(&before, origin, step);
            self.serving.traffic.n_ops_in += n_ops;
            self.serving.traffic.n_ops_out += n_ops * n_receivers;
            for (replica, next) in growth {
                before.advance(replica, next);
                for &link in left_out.iter().chain(&origin) {
                    acks.entry(link).or_default().advance(replica, next);
                }
            }
        }
        for (origin, ack) in acks {
            self.acknowledge(origin, &ack, step);
        }
        self.send_due_acks(step);
    }

    /// Sends what became durable since `before` to all that are live, encoded once, but not to who sent it. Returns how
    /// many got it.
    fn forward(&mut self, before: &VersionVector, origin: Option<LinkId>, step: &mut Step<'_>) -> u64 {
        let mut n_receivers = 0;
        let queue_bytes_max = self.link_limits().queue_bytes_max;
        let serving = &mut self.serving;
        let durable = self.store.durable();
        let mut batch = None::<Forwarded>;
        for (&id, link) in &mut serving.links {
            let Some(member) = link.member.as_mut().filter(|_| Some(id) != origin) else { continue };
            if !matches!(member.pace, Pace::Live) {
                continue;
            }
            let batch = batch.get_or_insert_with(|| {
                let bytes = step.doc.changes_between(before, durable, &serving.names);
                match bytes.len() <= limits::FRAGMENT_BYTES_MAX {
                    true => Forwarded::Packet(Frame::Batch(&bytes).to_packet().into()),
                    false => Forwarded::Parcel(Parcel::new(Whole::Batch, bytes.into())),
                }
            });
            if queue_bytes_max < link.wire.n_queued + batch.n_bytes_at_once() {
                // Too slow: served from the document once it has drained.
                member.pace = Pace::Behind { sent: before.clone() };
                serving.traffic.n_fell_behind += 1;
                continue;
            }
            n_receivers += 1;
            if let Some(names) = unknown_names(&serving.names, &mut member.n_names) {
                link.wire.send_frame(&names, step.now, step.out);
            }
            let is_queued = match batch {
                Forwarded::Packet(packet) => {
                    link.wire.send(packet.clone(), step.now, step.out);
                    true
                }
                Forwarded::Parcel(parcel) => {
                    let then = durable.clone();
                    link.wire.send_whole(parcel.clone(), then, step.now, step.out).is_some()
                }
            };
            if !is_queued {
                member.pace = Pace::Behind { sent: before.clone() };
            }
        }
        n_receivers
    }

    fn acknowledge(&mut self, link: LinkId, written: &VersionVector, step: &mut Step<'_>) {
        let Some(sender) = self.serving.links.get_mut(&link) else { return };
        let Some(member) = sender.member.as_mut() else { return };
        if let Some(names) = unknown_names(&self.serving.names, &mut member.n_names) {
            sender.wire.send_frame(&names, step.now, step.out);
        }
        for ack in ack_packets(written.iter(), &self.serving.names) {
            sender.wire.send(ack, step.now, step.out);
        }
    }

    /// Acknowledges everything durable to those for whom it is due.
    pub(in crate::sync::room) fn send_due_acks(&mut self, step: &mut Step<'_>) {
        let first_waiting = self.store.first_asked();
        let mut acks = None::<Vec<Bytes>>;
        for link in self.serving.links.values_mut() {
            let Some(member) = &mut link.member else { continue };
            let is_written = |token: PersistToken| first_waiting.is_none_or(|first| token < first);
            if !member.full_ack_after.is_some_and(is_written) || self.store.trouble().is_some() {
                continue;
            }
            member.full_ack_after = None;
            if let Some(names) = unknown_names(&self.serving.names, &mut member.n_names) {
                link.wire.send_frame(&names, step.now, step.out);
            }
            let entries = self.store.durable().iter();
            for ack in acks.get_or_insert_with(|| ack_packets(entries, &self.serving.names)) {
                link.wire.send(ack.clone(), step.now, step.out);
            }
        }
    }

    pub(in crate::sync::room) fn pause_writers(&mut self, step: &mut Step<'_>) {
        let Some(sentence) = self.store.trouble() else { return };
        let pause: Bytes = Frame::Pause { sentence: sentence.to_owned() }.to_packet().into();
        self.tell_writers(&pause, step);
    }

    /// Notes that what became durable since `before` was forwarded to nobody.
    fn fall_behind(&mut self, before: &VersionVector) {
        for member in self.serving.links.values_mut().filter_map(|link| link.member.as_mut()) {
            if matches!(member.pace, Pace::Live) {
                member.pace = Pace::Behind { sent: before.clone() };
            }
        }
    }

    /// Tells writers what is durable, so that they send again what was not taken in meanwhile.
    pub(in crate::sync::room) fn resume_writers(&mut self, step: &mut Step<'_>) {
        let durable = self.store.durable().clone();
        let resume: Bytes = Frame::Resume(durable).to_packet().into();
        self.tell_writers(&resume, step);
        let links: Vec<LinkId> = self.serving.links.keys().copied().collect();
        for link in links {
            if let Some(member) = self.serving.links.get_mut(&link).and_then(|link| link.member.as_mut()) {
                member.n_asked += 1;
            }
            self.catch_up(link, step);
        }
    }

    fn tell_writers(&mut self, packet: &Bytes, step: &mut Step<'_>) {
        for link in self.serving.links.values_mut() {
            if link.member.as_ref().is_some_and(|member| member.mode == Mode::Write) {
                link.wire.send(packet.clone(), step.now, step.out);
            }
        }
    }

    pub(in crate::sync::room) fn downstream_written(
        &mut self,
        link: LinkId,
        n_bytes: usize,
        step: &mut Step<'_>,
    ) {
        let Some(reader) = self.serving.links.get_mut(&link) else { return };
        reader.wire.written(n_bytes);
        let missed_presence = reader.member.as_ref().is_some_and(|member| member.missed_presence);
        self.catch_up(link, step);
        let is_low = self.serving.links.get(&link).is_some_and(|link| link.wire.is_low());
        if missed_presence && is_low {
            self.send_people(link, step);
        }
    }

    /// Sends a link that is behind what it lacks, as far as it reads; it is live once it lacks nothing.
    pub(super) fn catch_up(&mut self, link: LinkId, step: &mut Step<'_>) {
        let Some(reader) = self.serving.links.get(&link).and_then(|link| link.member.as_ref()) else {
            return;
        };
        if let Pace::Behind { sent } = &reader.pace
            && sent.is_empty()
        {
            self.keep_snapshot(step);
        }
        let serving = &mut self.serving;
        let Some(reader) = serving.links.get_mut(&link) else { return };
        let Some(member) = &mut reader.member else { return };
        let durable = self.store.durable();
        while let Pace::Behind { sent } = &mut member.pace {
            if let Some(more) = reader.wire.pump(step.now, step.out) {
                sent.merge(&more);
            }
            if reader.wire.is_sending_pieces() || !reader.wire.is_low() {
                return;
            }
            if sent.includes(durable) {
                member.pace = Pace::Live;
                break;
            }
            if let Some(names) = unknown_names(&serving.names, &mut member.n_names) {
                reader.wire.send_frame(&names, step.now, step.out);
            }
            let snapshot = serving
                .snapshot
                .as_mut()
                .filter(|snapshot| sent.is_empty() && snapshot.serves(durable) && snapshot.fits_a_transfer());
            let (parcel, then) = match snapshot {
                Some(snapshot) => (snapshot.parcel(), snapshot.version.clone()),
                None => {
                    let then = step.doc.version_towards(sent, durable, limits::TRANSFER_OPS_MAX);
                    let batch = step.doc.changes_between(sent, &then, &serving.names);
                    (Parcel::new(Whole::Batch, batch.into()), then)
                }
            };
            if let Some(more) = reader.wire.send_whole(parcel, then, step.now, step.out) {
                sent.merge(&more);
            }
        }
        if !member.said_caught_up {
            member.said_caught_up = true;
            reader.wire.send_frame(&Frame::CaughtUp, step.now, step.out);
        }
    }

    /// Makes a snapshot for those who join with nothing, if there is none that serves and the history is long enough to
    /// be worth it. It must not hold what is not durable.
    fn keep_snapshot(&mut self, step: &mut Step<'_>) {
        let durable = self.store.durable();
        let serves = self.serving.snapshot.as_ref().is_some_and(|snapshot| snapshot.serves(durable));
        let is_long = limits::JOIN_TAIL_OPS_MAX < durable.n_ops_beyond(&VersionVector::default());
        let is_all_durable = self.n_waiting == 0 && step.doc.version() == *durable;
        if !serves && is_long && is_all_durable {
            self.serving.snapshot = Some(Snapshot::new(step.doc.save().into(), durable.clone()));
        }
    }
}

impl Snapshot {
    /// Returns whether all of it is durable and little has come since.
    fn serves(&self, durable: &VersionVector) -> bool {
        !self.version.is_empty()
            && durable.includes(&self.version)
            && durable.n_ops_beyond(&self.version) <= limits::JOIN_TAIL_OPS_MAX
    }

    pub(super) fn new(bytes: Bytes, version: VersionVector) -> Snapshot {
        Snapshot { n_bytes: bytes.len(), content: Content::Bytes(bytes), version }
    }

    /// Returns it as it travels. O(bytes) the first time.
    fn parcel(&mut self) -> Parcel {
        let parcel = match &mut self.content {
            Content::Bytes(bytes) => Parcel::new(Whole::Snapshot, std::mem::take(bytes)),
            Content::Packed(parcel) => return parcel.clone(),
        };
        self.content = Content::Packed(parcel.clone());
        parcel
    }

    /// Returns whether a client takes it. A larger document goes as several batches.
    fn fits_a_transfer(&self) -> bool {
        self.n_bytes <= limits::TRANSFER_BYTES_MAX
    }
}

/// What became durable at once, encoded for all who get it.
enum Forwarded {
    /// Small, and as a packet already.
    Packet(Bytes),
    /// Large: it goes in pieces.
    Parcel(Parcel),
}

impl Forwarded {
    /// Returns how many bytes a link must take without waiting.
    fn n_bytes_at_once(&self) -> usize {
        match self {
            Forwarded::Packet(packet) => packet.len(),
            Forwarded::Parcel(_) => 0,
        }
    }
}

/// Returns the short numbers that a link does not know yet, and counts them as told.
fn unknown_names(names: &ReplicaTable, n_told: &mut usize) -> Option<Frame<'static>> {
    let ids = names.ids().get(*n_told..).filter(|ids| !ids.is_empty())?.to_vec();
    let start = *n_told as u32;
    *n_told = names.ids().len();
    Some(Frame::Replicas { start, ids })
}

/// Returns packets, each an acknowledgement; a fragmented batch can have more authors than fit one.
fn ack_packets(
    entries: impl Iterator<Item = (crate::crdt::ReplicaId, u64)>,
    names: &ReplicaTable,
) -> Vec<Bytes> {
    let entry = |(replica, next)| AckEntry {
        author: names.index_of(replica).map_or(Author::Full(replica), Author::Short),
        next,
    };
    let entries: Vec<AckEntry> = entries.map(entry).collect();
    if entries.is_empty() {
        return vec![Frame::Ack(entries).to_packet().into()];
    }
    entries.chunks(limits::ACK_ENTRIES_MAX).map(|part| Frame::Ack(part.to_vec()).to_packet().into()).collect()
}
