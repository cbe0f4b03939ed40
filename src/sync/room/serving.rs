//! The side that is dialed: many links, each sent what is durable here, at the pace that it reads.

mod admit;
mod forward;
mod manage;
mod showing;

pub use admit::DENIED;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Ended, Room, Step, ended, read_frames};
use crate::base::limits;
use crate::base::planted::{Defect, is_planted};
use crate::base::time::{Millis, MonoTime, WallTime};
use crate::crdt::{ReplicaId, ReplicaTable, VersionVector};
use crate::protocol::capability::{Mode, TokenHash};
use crate::protocol::frame::{Fragment, Frame, Whole};
use crate::protocol::greeting::{Refuse, RefuseCode};
use crate::protocol::{ConnectionId, DocumentId, SessionId};
use crate::sync::event::{LinkId, LinkLimits, Output, PersistToken, Traffic};
use crate::sync::rate::TokenBucket;
use crate::sync::wire::{Parcel, Wire};

/// What both sides say when two histories meet.
pub(super) const OTHER_HISTORY: &str =
    "the document there has another history than the one here; save yours under another name and join again";

/// The links that were accepted, and what they share.
#[derive(Debug, Default)]
pub(super) struct Serving {
    links: BTreeMap<LinkId, Link>,
    /// The short numbers that this side hands out.
    pub(super) names: ReplicaTable,
    last_connection: u32,
    snapshot: Option<Snapshot>,
    pub(super) traffic: Traffic,
    /// What the owner decided about processes, whatever their links allow.
    verdicts: Vec<(SessionId, manage::Verdict)>,
}

/// What those get who join with nothing.
#[derive(Debug)]
struct Snapshot {
    content: Content,
    /// Bytes of it before it was compressed.
    n_bytes: usize,
    version: VersionVector,
}

/// A snapshot's bytes. Most are never sent: they are compressed for the first who gets them, and then for all.
#[derive(Debug)]
enum Content {
    Bytes(Bytes),
    Packed(Parcel),
}

/// An accepted link.
#[derive(Debug)]
struct Link {
    wire: Wire,
    bytes: TokenBucket,
    frames: TokenBucket,
    ops: TokenBucket,
    opened_at: MonoTime,
    wall: WallTime,
    /// What the connection's address names.
    document: DocumentId,
    /// Set when the hello is accepted.
    member: Option<Member>,
}

/// Who is at the other end of a welcomed link.
#[derive(Debug)]
struct Member {
    replica: ReplicaId,
    session: SessionId,
    /// The hash of the token that it showed.
    shown: TokenHash,
    mode: Mode,
    /// Whether it could once write: what it sent before it heard of that is left out, not refused.
    was_demoted: bool,
    /// When its link expires, if it does.
    until: Option<MonoTime>,
    connection: ConnectionId,
    pace: Pace,
    /// How many of the short numbers it was told.
    n_names: usize,
    /// Whether it was told that it has all there was when it came.
    said_caught_up: bool,
    /// How often it has been asked for all it has, by the welcome and by each Resume, and has not said that it sent it. An
    /// answer may have crossed a later question.
    n_asked: u32,
    /// Whether operations that it brought were left out, because their author is here: it is asked again when
    /// somebody leaves.
    has_left_out: bool,
    /// When it gets an acknowledgement of everything: once this is written. Set when it may have sent what was here
    /// already but not yet durable.
    full_ack_after: Option<PersistToken>,
    /// Whether presences were left out because it read too slowly; cleared when it gets all of them.
    missed_presence: bool,
    /// Whether its own presence waits to be shown to others.
    shows_late: bool,
    shown_at: Option<MonoTime>,
}

/// Why operations that a link brought were not taken in; the greater needs more to be done about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LeftOut {
    /// Their author brings them.
    AuthorIsHere,
    /// Nobody asked this link for others' operations. It may have what is nowhere else: what waited there for causes that
    /// have come by now.
    NotAsked,
}

/// What the frames of one packet come to.
#[derive(Default)]
struct Sum {
    n_batches: usize,
    /// Whether it said that it sent all that it was asked for.
    says_caught_up: bool,
    is_presence_new: bool,
    /// The answers to its pings.
    pongs: Vec<u8>,
}

/// How a link is served.
#[derive(Debug)]
enum Pace {
    /// It has, or has been sent, all that is durable here, and gets what becomes so at once.
    Live,
    /// It has this and is sent the rest as it reads; nothing live is queued for it.
    Behind { sent: VersionVector },
}

impl Member {
    /// Answers an edit of a reader.
    fn refuse_edit(&self) -> Result<(), Ended> {
        if self.was_demoted {
            return Ok(());
        }
        Err(ended(RefuseCode::ReadOnly, "this link can only read"))
    }
}

impl Serving {
    pub(super) fn n_links(&self) -> usize {
        self.links.len()
    }

    pub(super) fn n_welcomed(&self) -> usize {
        self.links.values().filter(|link| link.member.is_some()).count()
    }

    /// Returns why the member on `link` may not bring operations of `author`. It may bring its own; and while it is
    /// catching up here, those of somebody who is not connected.
    pub(super) fn why_not_bring(&self, link: LinkId, author: ReplicaId) -> Option<LeftOut> {
        let Some(member) = self.links.get(&link).and_then(|link| link.member.as_ref()) else {
            return Some(LeftOut::AuthorIsHere);
        };
        let is_author = |other: &Member| other.mode == Mode::Write && other.replica == author;
        let edits = |other: &Link| other.member.as_ref().is_some_and(is_author);
        if member.replica == author {
            None
        } else if self.links.values().any(edits) {
            Some(LeftOut::AuthorIsHere)
        } else {
            (member.n_asked == 0).then_some(LeftOut::NotAsked)
        }
    }

    pub(super) fn set_snapshot(&mut self, bytes: Bytes, version: VersionVector) {
        self.snapshot = Some(Snapshot::new(bytes, version));
    }
}

impl Room {
    pub(super) fn accept(&mut self, link: LinkId, document: DocumentId, wall: WallTime, step: &mut Step<'_>) {
        let Some(serve) = &self.config.serve else { return };
        let limits = serve.limits;
        let accepted = Link {
            wire: Wire::new(link, step.now),
            bytes: TokenBucket::new(limits.bytes_per_s, limits.bytes_burst, step.now),
            frames: TokenBucket::new(limits.frames_per_s, limits.frames_burst, step.now),
            ops: TokenBucket::new(limits.ops_per_s, limits.ops_burst, step.now),
            opened_at: step.now,
            wall,
            document,
            member: None,
        };
        let is_full = limits.links_max <= self.serving.links.len();
        self.serving.links.insert(link, accepted);
        if is_full {
            let retry_after = Some(Millis(limits::BACKOFF_MAX_MS));
            let sentence = "this document has as many people as it can take; try again later";
            return self.end_link(link, Refuse { retry_after, ..ended(RefuseCode::Full, sentence) }, step);
        }
        self.wake_at(step.now.after(Millis(limits::HELLO_TIMEOUT_MS)));
    }

    /// Tells a link why, closes it and forgets it.
    fn end_link(&mut self, link: LinkId, why: Ended, step: &mut Step<'_>) {
        if let Some(ending) = self.serving.links.get_mut(&link) {
            step.out.push(Output::LinkRefused { link, code: why.code });
            ending.wire.send_frame(&Frame::Refuse(why), step.now, step.out);
            step.out.push(Output::Close { link });
            self.forget_link(link, step);
        }
    }

    pub(super) fn forget_link(&mut self, link: LinkId, step: &mut Step<'_>) {
        let Some(member) = self.serving.links.remove(&link).and_then(|link| link.member) else { return };
        if self.people.forget(member.connection) {
            step.people_changed = true;
            let gone = Frame::PresenceGone(member.connection).to_packet().into();
            self.broadcast(&gone, None, step);
        }
        self.ask_again(step);
    }

    /// Notes that something which a link brought was not taken in, and asks for it at once if it can be had.
    pub(super) fn note_left_out(&mut self, link: LinkId, why: LeftOut, step: &mut Step<'_>) {
        let resume = || Frame::Resume(self.store.durable().clone());
        let Some(sender) = self.serving.links.get_mut(&link) else { return };
        let Some(member) = &mut sender.member else { return };
        member.has_left_out = true;
        if why == LeftOut::NotAsked {
            member.n_asked += 1;
            sender.wire.send_frame(&resume(), step.now, step.out);
        }
    }

    /// Asks those again whose operations were left out: whoever stood in their way may be gone, as after a restart whose
    /// predecessor's connection was still here.
    fn ask_again(&mut self, step: &mut Step<'_>) {
        if self.store.trouble().is_some() || is_planted(Defect::LeftOutForEver) {
            // They are asked when the disk takes edits again.
            return;
        }
        let resume: Bytes = Frame::Resume(self.store.durable().clone()).to_packet().into();
        for link in self.serving.links.values_mut() {
            let Some(member) = link.member.as_mut().filter(|member| member.has_left_out) else { continue };
            member.has_left_out = false;
            member.n_asked += 1;
            link.wire.send(resume.clone(), step.now, step.out);
        }
    }

    pub(super) fn dismiss_links(&mut self, step: &mut Step<'_>) {
        let elsewhere = self.config.serve.as_ref().and_then(|serve| serve.elsewhere.clone());
        for (link, mut leaving) in std::mem::take(&mut self.serving.links) {
            let retry_after = Some(Millis(self.rng.below(limits::DRAIN_SPREAD_MS)));
            let why = ended(RefuseCode::GoingAway, "the server is going away for a moment");
            let bye = Frame::Bye(Refuse { retry_after, elsewhere: elsewhere.clone(), ..why });
            leaving.wire.send_frame(&bye, step.now, step.out);
            step.out.push(Output::Close { link });
        }
        step.people_changed |= self.people.clear();
    }

    pub(super) fn downstream_packet(&mut self, link: LinkId, bytes: &[u8], step: &mut Step<'_>) {
        let refused = self.link_limits().refuses_packet(bytes.len());
        let Some(sender) = self.serving.links.get_mut(&link) else { return };
        sender.wire.heard_at = step.now;
        if let Some(sentence) = refused {
            return self.end_link(link, ended(RefuseCode::OverLimit, sentence), step);
        }
        let frames = match read_frames(bytes) {
            Ok(frames) => frames,
            Err(why) => return self.end_link(link, why, step),
        };
        let is_within = sender.bytes.take(bytes.len() as u64, step.now)
            && sender.frames.take(frames.len() as u64, step.now);
        if !is_within {
            let sentence = "more was sent than this server takes from one connection";
            return self.end_link(link, ended(RefuseCode::OverLimit, sentence), step);
        }
        // What was typed here since the last look must not count as heard from there.
        if frames.iter().any(|frame| matches!(frame, Frame::Batch(_) | Frame::Fragment(_))) {
            self.grow_from_here(step);
        }
        let had_waiting = 0 < self.n_waiting;
        let mut sum = Sum::default();
        let mut end = None;
        for frame in frames {
            // Asked before each frame: a few bytes can ask for what everybody ever wrote.
            let answered =
                self.reads_answers(link).and_then(|()| self.downstream_frame(link, frame, &mut sum, step));
            if let Err(why) = answered {
                end = Some(why);
                break;
            }
        }
        if 0 < sum.n_batches {
            // Changes that waited for these are others' as well: then the sender gets all of it too.
            let origin = (!had_waiting).then_some(link);
            let n_ops_before = self.store.n_ops_seen();
            self.note_heard(link, origin, step);
            let n_ops = self.store.n_ops_seen() - n_ops_before;
            let ops = self.serving.links.get_mut(&link).map(|link| &mut link.ops);
            if ops.is_some_and(|ops| !ops.take(n_ops, step.now)) {
                let sentence = "more edits were sent than this server takes from one connection";
                end = end.or(Some(ended(RefuseCode::OverLimit, sentence)));
            }
        }
        self.answer(link, sum, step);
        if let Some(why) = end {
            self.end_link(link, why, step);
        }
    }

    /// Answers once for a packet, however often it asked.
    fn answer(&mut self, link: LinkId, sum: Sum, step: &mut Step<'_>) {
        if sum.is_presence_new {
            self.flush_shown(step);
        }
        if sum.says_caught_up {
            self.send_due_acks(step);
        }
        let asker = self.serving.links.get_mut(&link).filter(|_| !sum.pongs.is_empty());
        if let Some(asker) = asker {
            asker.wire.send(sum.pongs.into(), step.now, step.out);
        }
    }

    /// Says why a link must end that asks for more than it reads.
    fn reads_answers(&self, link: LinkId) -> Result<(), Ended> {
        let n_queued = self.serving.links.get(&link).map_or(0, |link| link.wire.n_queued);
        if n_queued <= limits::LINK_UNREAD_QUEUES_MAX * self.link_limits().queue_bytes_max {
            return Ok(());
        }
        Err(ended(RefuseCode::OverLimit, "this connection asks for answers and does not read them"))
    }

    fn link_limits(&self) -> LinkLimits {
        self.config.serve.as_ref().map(|serve| serve.limits).unwrap_or_default()
    }

    fn grow_from_here(&mut self, step: &mut Step<'_>) {
        if self.store.seen().get(step.doc.replica()) < step.doc.n_own_ops() {
            self.grow(None, step);
        }
    }

    fn downstream_frame(
        &mut self,
        link: LinkId,
        frame: Frame<'_>,
        sum: &mut Sum,
        step: &mut Step<'_>,
    ) -> Result<(), Ended> {
        let Some(sender) = self.serving.links.get_mut(&link) else { return Ok(()) };
        let Some(member) = &mut sender.member else {
            return match frame {
                Frame::Hello(hello) => self.admit(link, *hello, step),
                _ => Err(ended(RefuseCode::Malformed, "a connection begins with a hello")),
            };
        };
        match frame {
            Frame::Batch(bytes) => self.take_batch(link, bytes, sum, step)?,
            Frame::Fragment(fragment) => self.downstream_fragment(link, fragment, sum, step)?,
            Frame::CaughtUp => {
                member.n_asked = member.n_asked.saturating_sub(1);
                sum.says_caught_up = true;
                member.full_ack_after = Some(self.store.last_asked().unwrap_or(PersistToken(0)));
                // What came in this very packet is asked for only after it, so this may be one early; `note_heard`
                // sets it again before anything is acknowledged.
            }
            Frame::Presence(presence) => {
                self.downstream_presence(link, presence, step)?;
                sum.is_presence_new = true;
            }
            Frame::Ping(nonce) => Frame::Pong(nonce).put(&mut sum.pongs),
            Frame::Pong(_) => {}
            Frame::Bye(_) | Frame::Refuse(_) => {
                step.out.push(Output::Close { link });
                self.forget_link(link, step);
            }
            _ => return Err(ended(RefuseCode::Malformed, "this is for a server to say")),
        }
        Ok(())
    }

    fn downstream_fragment(
        &mut self,
        link: LinkId,
        fragment: Fragment<'_>,
        sum: &mut Sum,
        step: &mut Step<'_>,
    ) -> Result<(), Ended> {
        let upload_bytes_max = self.config.serve.as_ref().map_or(0, |serve| serve.limits.upload_bytes_max);
        let Some(sender) = self.serving.links.get_mut(&link) else { return Ok(()) };
        if let Some(member) = sender.member.as_ref().filter(|member| member.mode == Mode::Read) {
            return member.refuse_edit();
        }
        if Millis(limits::TRANSFER_SIGN_MS) <= step.now.since(sender.wire.sent_at) {
            sender.wire.send_frame(&Frame::Ping(0), step.now, step.out);
        }
        match sender.wire.assemble(fragment, upload_bytes_max) {
            Ok(None) => Ok(()),
            Ok(Some((Whole::Batch, bytes))) => self.take_batch(link, &bytes, sum, step),
            Ok(Some((Whole::Snapshot, _))) => {
                Err(ended(RefuseCode::Malformed, "snapshots come from servers"))
            }
            Err(error) => Err(ended(super::decode_code(&error), error.to_string())),
        }
    }

    fn take_batch(
        &mut self,
        link: LinkId,
        bytes: &[u8],
        sum: &mut Sum,
        step: &mut Step<'_>,
    ) -> Result<(), Ended> {
        let member = self.serving.links.get(&link).and_then(|link| link.member.as_ref());
        let Some(member) = member else { return Ok(()) };
        if member.mode == Mode::Read && !is_planted(Defect::ReaderWrites) {
            return member.refuse_edit();
        }
        // Nothing that cannot be written is taken in; the sender was told, keeps it, and is asked again.
        if self.store.trouble().is_some() {
            return Ok(());
        }
        self.merge(link, Whole::Batch, bytes, step)?;
        sum.n_batches += 1;
        Ok(())
    }

    pub(super) fn downstream_deadline(&mut self, step: &mut Step<'_>) {
        let hello_timeout = Millis(limits::HELLO_TIMEOUT_MS);
        let mut dead = Vec::new();
        let mut wake = self.end_expired(step);
        for (&id, link) in &mut self.serving.links {
            let hello_by = link.opened_at.after(hello_timeout);
            let is_late = link.member.is_none() && hello_by <= step.now;
            if is_late || link.wire.dead_at() <= step.now {
                dead.push(id);
                continue;
            }
            if link.member.is_some() && link.wire.heartbeat_at() <= step.now {
                link.wire.send_frame(&Frame::Ping(0), step.now, step.out);
            }
            let next = if link.member.is_some() {
                link.wire.heartbeat_at().min(link.wire.dead_at())
            } else {
                hello_by.min(link.wire.dead_at())
            };
            wake = Some(wake.map_or(next, |wake| wake.min(next)));
        }
        for link in dead {
            self.end_link(link, ended(RefuseCode::Timeout, "nothing was heard for too long"), step);
        }
        if let Some(at) = wake {
            self.wake_at(at);
        }
    }
}

#[cfg(test)]
mod tests;
