//! The links of one document.

mod joining;
mod presence;
mod serving;

pub use serving::DENIED;

use std::cell::Cell;

use bytes::Bytes;

use crate::base::limits;
use crate::base::planted::{Defect, is_planted};
use crate::base::rng::Rng;
use crate::base::time::{Millis, MonoTime, WallTime};
use crate::crdt::VersionVector;
use crate::document::{Applied, ApplyError, Document};
use crate::protocol::capability::{Access, Token};
use crate::protocol::frame::{Frame, Frames, Whole};
use crate::protocol::greeting::{Refuse, RefuseCode};
use crate::protocol::presence::Presence;
use crate::protocol::{ConnectionId, Epoch, SessionId};
use crate::sync::event::{Direction, Input, LinkId, Order, Output, Report, RoomConfig, Traffic};
use crate::sync::people::People;
use crate::sync::status::Status;
use crate::sync::store::{Growth, Store};
use serving::LeftOut;

/// The links of one document, what of it is durable, and who is here.
///
/// One type for all who take part: with [`RoomConfig::serve`] it answers those who dial in (a relay or a host), with
/// [`RoomConfig::upstream`] it dials somebody, with neither it only asks for edits to be persisted.
#[derive(Debug)]
pub struct Room {
    config: RoomConfig,
    rng: Rng,
    store: Store,
    /// Changes in the document that wait for their causes, as of the last merge.
    n_waiting: usize,
    people: People,
    own: presence::Own,
    serving: serving::Serving,
    joining: Option<joining::Joining>,
    status: Status,
    /// When something is due. May be too early, never too late.
    wake: Option<MonoTime>,
    /// The version whose text is the file's: it is found again when the document is rewritten.
    saved: VersionVector,
    is_shut_down: bool,
}

/// What every step needs besides the room.
struct Step<'a> {
    now: MonoTime,
    doc: &'a mut Document,
    out: &'a mut Vec<Output>,
    /// Whether somebody's presence changed during this step.
    people_changed: bool,
}

/// Why a link is ended: what it is told.
type Ended = Refuse;

fn ended(code: RefuseCode, sentence: impl Into<String>) -> Ended {
    Refuse { code, retry_after: None, sentence: sentence.into(), elsewhere: None }
}

impl Room {
    /// Makes a room without links and asks for the first connection upstream, if there is one to make. What `doc` has beyond
    /// [`RoomConfig::durable`] is asked to be persisted.
    ///
    /// # Panics
    /// If it would both serve and dial, or serve without an epoch: the presence of two serving sides has no common names.
    pub fn new(config: RoomConfig, now: MonoTime, doc: &mut Document, out: &mut Vec<Output>) -> Room {
        assert!(config.serve.is_none() || config.upstream.is_none(), "a room serves or dials, not both");
        assert!(config.serve.is_none() || config.epoch.is_some(), "a room that serves has a history");
        let mut room = Room {
            rng: Rng::new(config.seed),
            store: Store::new(config.durable.clone()),
            n_waiting: 0,
            people: People::default(),
            own: presence::Own::default(),
            serving: serving::Serving::default(),
            joining: { config.upstream.clone() }
                .map(|upstream| joining::Joining::new(upstream, config.seed, doc)),
            status: Status::Alone,
            wake: None,
            saved: config.durable.clone(),
            is_shut_down: false,
            config,
        };
        let mut step = Step { now, doc, out, people_changed: false };
        room.grow(None, &mut step);
        if room.joining.is_some() {
            step.out.push(Output::Dial { elsewhere: None });
        }
        room.status = room.current_status();
        room
    }

    /// Advances by one input. Never blocks; appends to `out` in the order in which the shell must act.
    pub fn handle(&mut self, input: Input<'_>, now: MonoTime, doc: &mut Document, out: &mut Vec<Output>) {
        let mut step = Step { now, doc, out, people_changed: false };
        match input {
            Input::LinkOpened { link, direction, wall } => self.link_opened(link, direction, wall, &mut step),
            Input::DialFailed { sentence } => self.dial_failed(sentence, &mut step),
            Input::Packet { link, bytes } => self.packet(link, bytes, &mut step),
            Input::Written { link, n_bytes } => self.written(link, n_bytes, &mut step),
            Input::LinkClosed { link } => self.link_closed(link, &mut step),
            Input::Edited => {
                self.name_own_replica(step.doc);
                self.grow(None, &mut step);
                self.push_upstream(&mut step);
            }
            Input::Persisted { token } => {
                self.persisted(token, &mut step);
                self.greet_once_kept(&mut step);
            }
            Input::PersistFailed { sentence } => {
                self.wake_at(now.after(Millis(limits::PERSIST_RETRY_MS)));
                if self.store.fail(sentence, now) {
                    self.pause_writers(&mut step);
                }
            }
            Input::PersistStalled { sentence } => {
                if self.store.stall(sentence) {
                    self.pause_writers(&mut step);
                }
            }
            Input::PersistGoesOn => {
                if self.store.go_on() {
                    self.resume_writers(&mut step);
                    self.send_due_acks(&mut step);
                }
            }
            Input::PresenceChanged(presence) => self.own_presence_changed(presence.as_ref(), &mut step),
            Input::RetryNow => self.retry_now(&mut step),
            Input::LinkReplaced { token, access } => self.link_replaced(token, access, &mut step),
            Input::DeadlineReached => self.deadline_reached(&mut step),
            Input::Shutdown => self.shut_down(&mut step),
        }
        if step.people_changed {
            step.out.push(Output::PeopleChanged);
        }
        let status = self.current_status();
        if status != self.status {
            self.status = status;
            out.push(Output::StatusChanged);
        }
    }

    /// Returns when [`Input::DeadlineReached`] is due; `None` when nothing is pending. May change after any `handle`.
    pub fn deadline(&self) -> Option<MonoTime> {
        self.wake
    }

    /// Returns the state of the connection, for the status line.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Returns who else is here.
    pub fn people(&self) -> Vec<(ConnectionId, Presence)> {
        self.people.list()
    }

    /// Returns what the upstream is known to have on its disk: the shell stores it now and then, for the next start.
    pub fn acknowledged(&self) -> VersionVector {
        self.joining.as_ref().map(|joining| joining.acknowledged.clone()).unwrap_or_default()
    }

    /// Returns how many operations the upstream does not have on its disk; 0 without an upstream.
    pub fn n_unacknowledged(&self) -> u64 {
        self.joining.as_ref().map_or(0, |joining| self.store.seen().n_ops_beyond(&joining.acknowledged))
    }

    /// Returns the version whose text is what the file has.
    pub fn saved(&self) -> &VersionVector {
        &self.saved
    }

    /// The document's text at this version is what its file has.
    pub fn set_saved(&mut self, version: VersionVector) {
        self.saved = version;
    }

    /// Returns what is on this machine's disk.
    pub fn durable(&self) -> &VersionVector {
        self.store.durable()
    }

    /// Returns whether everything that the room has seen is on this machine's disk.
    pub fn is_durable(&self) -> bool {
        self.store.failure().is_none() && self.store.last_asked().is_none()
    }

    /// Returns whether this machine's disk takes nothing: it failed, and is tried again.
    pub fn is_refused_by_disk(&self) -> bool {
        self.store.failure().is_some()
    }

    /// Returns the history that the document here belongs to, once it is known.
    pub fn epoch(&self) -> Option<Epoch> {
        self.config.epoch
    }

    /// Does what the document's owner asks for, who proves it with the token of the link that it was shared with.
    ///
    /// # Errors
    /// The sentence for whoever asks: not the owner, no such connection, too many links.
    pub fn manage(
        &mut self,
        (token, order): (&Token, Order),
        wall: WallTime,
        now: MonoTime,
        doc: &mut Document,
        out: &mut Vec<Output>,
    ) -> Result<Report, String> {
        let mut step = Step { now, doc, out, people_changed: false };
        self.manage_in(token, order, wall, &mut step)
    }

    /// Returns whether a link is let in that shows this token.
    pub fn lets_in(&self, token: &Token, session: SessionId, wall: WallTime) -> bool {
        self.allowed(token.hash(), session, wall).is_some()
    }

    /// Returns whose tokens allow what, if others may dial in here.
    pub fn access(&self) -> Option<Access> {
        self.config.serve.as_ref().map(|serve| serve.access)
    }

    /// Returns what went through so far, of those who are served here.
    pub fn traffic(&self) -> Traffic {
        self.serving.traffic
    }

    /// Returns what the document is called, as whoever created it said; may be empty.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Returns how many links are here, greeting ones included.
    pub fn n_links(&self) -> usize {
        self.serving.n_links()
    }

    /// Gives the room a snapshot (what `Document::save` returned when the document had `version`) for those who join with
    /// nothing. It is used once all of it is durable.
    pub fn set_snapshot(&mut self, bytes: Bytes, version: VersionVector) {
        self.serving.set_snapshot(bytes, version);
    }

    fn wake_at(&mut self, at: MonoTime) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    /// Whoever serves and types gets a short number, too.
    fn name_own_replica(&mut self, doc: &Document) {
        let names = &mut self.serving.names;
        if self.config.serve.is_some() && names.ids().len() < limits::WIRE_REPLICAS_MAX {
            names.intern(doc.replica());
        }
    }

    /// Looks at how the document has grown and asks for that to be persisted.
    fn grow(&mut self, origin: Option<LinkId>, step: &mut Step<'_>) -> Growth {
        let seen_own = self.store.seen().get(step.doc.replica());
        let origin = if step.doc.n_own_ops() == seen_own { origin } else { None };
        self.store.look(step.doc, origin, step.out)
    }

    /// Merges what came on a link, or says why the link must end. The document is unchanged if so.
    ///
    /// Nobody brings operations of somebody who is here, and once caught up nobody brings those of anybody else without
    /// being asked: a forged one that came first would take the place of the true one everywhere.
    fn merge(&mut self, link: LinkId, whole: Whole, bytes: &[u8], step: &mut Step<'_>) -> Result<(), Ended> {
        let own = step.doc.replica();
        let is_served = self.joining.is_none();
        let left_out = Cell::new(None);
        let may_bring = |author| {
            let why_not = match author == own || !is_served {
                true => (author == own).then_some(LeftOut::AuthorIsHere),
                false => self.serving.why_not_bring(link, author),
            };
            left_out.set(left_out.get().max(why_not));
            why_not.is_none()
        };
        let applied = match (whole, &self.joining) {
            (Whole::Snapshot, _) => step.doc.apply_snapshot(bytes),
            (Whole::Batch, Some(joining)) => step.doc.apply_named(bytes, &joining.names, &may_bring),
            (Whole::Batch, None) => step.doc.apply_named(bytes, &self.serving.names, &may_bring),
        };
        if let Some(why) = left_out.get().filter(|_| is_served) {
            self.note_left_out(link, why, step);
        }
        match applied {
            Ok(applied) => {
                self.n_waiting = applied.n_waiting;
                let is_news = applied != (Applied { changes: Vec::new(), n_waiting: applied.n_waiting });
                if is_news && !is_planted(Defect::MergeNotReported) {
                    step.out.push(Output::TextChanged(applied));
                }
                Ok(())
            }
            Err(error @ (ApplyError::TooManyWaiting { .. } | ApplyError::TooManyReplicas { .. })) => {
                Err(ended(RefuseCode::OverLimit, error.to_string()))
            }
            Err(error @ ApplyError::NewerFormat { .. }) => Err(ended(RefuseCode::Version, error.to_string())),
            Err(error) => Err(ended(RefuseCode::Malformed, error.to_string())),
        }
    }

    fn link_opened(&mut self, link: LinkId, direction: Direction, wall: WallTime, step: &mut Step<'_>) {
        match direction {
            Direction::Dialed { via } if self.joining.is_some() && !self.is_shut_down => {
                self.greet_upstream(link, via, step)
            }
            Direction::Accepted { document } if self.config.serve.is_some() && !self.is_shut_down => {
                self.accept(link, document, wall, step);
            }
            Direction::Dialed { .. } | Direction::Accepted { .. } => step.out.push(Output::Close { link }),
        }
    }

    fn packet(&mut self, link: LinkId, bytes: &[u8], step: &mut Step<'_>) {
        if self.is_upstream(link) {
            self.upstream_packet(bytes, step);
        } else {
            self.downstream_packet(link, bytes, step);
        }
    }

    fn written(&mut self, link: LinkId, n_bytes: usize, step: &mut Step<'_>) {
        if self.is_upstream(link) {
            self.upstream_written(n_bytes, step);
        } else {
            self.downstream_written(link, n_bytes, step);
        }
    }

    fn link_closed(&mut self, link: LinkId, step: &mut Step<'_>) {
        if self.is_upstream(link) {
            self.upstream_lost("the connection was cut".to_owned(), None, step);
        } else {
            self.forget_link(link, step);
        }
    }

    fn deadline_reached(&mut self, step: &mut Step<'_>) {
        if self.wake.is_none_or(|wake| step.now < wake) {
            return;
        }
        self.wake = None;
        self.store.retry(step.doc, step.now, step.out);
        self.upstream_deadline(step);
        self.downstream_deadline(step);
        self.presence_deadline(step);
        if let Some(at) = self.store.retry_at() {
            self.wake_at(at);
        }
    }

    fn shut_down(&mut self, step: &mut Step<'_>) {
        self.is_shut_down = true;
        self.leave_upstream(step);
        self.dismiss_links(step);
    }

    fn current_status(&self) -> Status {
        match &self.joining {
            // Before anything else: no edit goes anywhere that is not on the disk here.
            _ if self.store.trouble().is_some() => Status::NotKept { is_host: self.config.serve.is_some() },
            Some(joining) => joining.status(self.n_unacknowledged()),
            None if self.config.serve.is_some() => Status::Hosting { n_links: self.serving.n_welcomed() },
            None => Status::Alone,
        }
    }
}

/// Reads the frames of a packet, or says why its link must end.
fn read_frames(bytes: &[u8]) -> Result<Vec<Frame<'_>>, Ended> {
    let frames = Frames::new(bytes).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    frames.map_err(|error| ended(decode_code(&error), error.to_string()))
}

fn decode_code(error: &crate::protocol::codec::DecodeError) -> RefuseCode {
    use crate::protocol::codec::DecodeError;
    match error {
        DecodeError::NewerVersion { .. } => RefuseCode::Version,
        DecodeError::OverLimit { .. } => RefuseCode::OverLimit,
        DecodeError::Truncated(_) | DecodeError::Trailing { .. } | DecodeError::Invalid(_) => {
            RefuseCode::Malformed
        }
    }
}
