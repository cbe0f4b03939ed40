//! The side that dials: one link upstream, redialed for as long as the room lives.

mod hello;
mod live;
mod upload;

use super::{Ended, Room, Step, ended, read_frames};
use crate::base::limits;
use crate::base::planted::{Defect, is_planted};
use crate::base::time::{Millis, MonoTime};
use crate::crdt::{ReplicaTable, VersionVector};
use crate::document::Document;
use crate::protocol::capability::{Access, Mode, Token};
use crate::protocol::frame::{Fragment, Frame, Whole};
use crate::protocol::greeting::{Refuse, RefuseCode, Welcome};
use crate::protocol::link_url::ServerUrl;
use crate::sync::backoff::Backoff;
use crate::sync::event::{LinkId, Output, Upstream, Via};
use crate::sync::status::Status;
use crate::sync::store::Growth;
use crate::sync::wire::Wire;

use live::{Live, learn_ack, learn_names};

/// What is said where a server that had the document says that it has not.
const GONE: &str = "the relay does not have this document under this link any more; whoever shared it brings it back, or you do: coedit share FILE --relay URL";

/// The upstream and how it stands with it.
#[derive(Debug)]
pub(super) struct Joining {
    upstream: Upstream,
    backoff: Backoff,
    state: State,
    /// What the upstream has on its disk, as far as it said so.
    pub(super) acknowledged: VersionVector,
    /// The short numbers of the present connection.
    pub(super) names: ReplicaTable,
    /// Why the last try ended; empty before the first has.
    reason: String,
    /// Whether the other side has ever let this one in.
    was_welcomed: bool,
    /// What it said when it last would not have this one. Set while that is asked again; cleared by any other answer.
    denied: Option<String>,
    /// Where the link's own server said to go when it ended. The next dial goes there, and only that one.
    elsewhere: Option<ServerUrl>,
    /// Whether the last dial went there.
    is_elsewhere: bool,
    /// What of the document others may have: nothing beyond it was ever sent. `None` once a hello was sent, until that connection ends.
    unseen_since: Option<VersionVector>,
}

#[derive(Debug)]
enum State {
    Dialing,
    Waiting {
        retry_at: MonoTime,
    },
    Greeting {
        wire: Wire,
        via: Via,
        until: MonoTime,
        /// Whether the hello was sent: not before the disk has what was rewritten.
        is_hello_sent: bool,
    },
    Live(Box<Live>),
    /// Asked again at `retry_at`; never, unless the user wants it, if no time can change the answer.
    Denied {
        sentence: String,
        retry_at: Option<MonoTime>,
    },
    Left,
}

impl State {
    fn denied_for_good(sentence: String) -> State {
        State::Denied { sentence, retry_at: None }
    }
}

impl Joining {
    pub(super) fn new(upstream: Upstream, seed: u64, doc: &Document) -> Joining {
        Joining {
            unseen_since: Some(if upstream.is_first { VersionVector::default() } else { doc.version() }),
            acknowledged: upstream.acknowledged.clone(),
            upstream,
            backoff: Backoff::new(seed),
            state: State::Dialing,
            names: ReplicaTable::default(),
            reason: String::new(),
            was_welcomed: false,
            denied: None,
            elsewhere: None,
            is_elsewhere: false,
        }
    }

    /// Asks for a connection.
    fn dial(&mut self, out: &mut Vec<Output>) {
        self.state = State::Dialing;
        let elsewhere = self.elsewhere.take();
        self.is_elsewhere = elsewhere.is_some();
        out.push(Output::Dial { elsewhere });
    }

    pub(super) fn status(&self, n: u64) -> Status {
        let is_first = self.reason.is_empty();
        if let (State::Dialing | State::Greeting { .. }, Some(sentence)) = (&self.state, &self.denied) {
            // Asking again changes nothing before there is another answer.
            return Status::Denied { n_kept: n, sentence: sentence.clone() };
        }
        match &self.state {
            State::Dialing | State::Greeting { .. } if is_first => Status::Connecting { n_kept: n },
            State::Dialing | State::Greeting { .. } => {
                Status::Offline { n_kept: n, retry_at: None, reason: self.reason.clone() }
            }
            State::Waiting { retry_at } => {
                Status::Offline { n_kept: n, retry_at: Some(*retry_at), reason: self.reason.clone() }
            }
            State::Denied { sentence, .. } => Status::Denied { n_kept: n, sentence: sentence.clone() },
            State::Left => Status::Alone,
            State::Live(live) => match (&live.paused, live.mode) {
                (_, Mode::Read) => Status::ReadOnly { n_kept: n, rtt: live.rtt, via: live.via },
                (Some(sentence), Mode::Write) => Status::Paused { n_kept: n, sentence: sentence.clone() },
                (None, Mode::Write) if n == 0 => Status::Synced { rtt: live.rtt, via: live.via },
                (None, Mode::Write) => Status::Sending { n, rtt: live.rtt, via: live.via },
            },
        }
    }

    fn wire(&mut self) -> Option<&mut Wire> {
        match &mut self.state {
            State::Greeting { wire, .. } => Some(wire),
            State::Live(live) => Some(&mut live.wire),
            _ => None,
        }
    }

    fn live(&mut self) -> Option<&mut Live> {
        match &mut self.state {
            State::Live(live) => Some(live),
            _ => None,
        }
    }
}

impl Room {
    pub(super) fn is_upstream(&self, link: LinkId) -> bool {
        match self.joining.as_ref().map(|joining| &joining.state) {
            Some(State::Greeting { wire, .. }) => wire.link == link,
            Some(State::Live(live)) => live.wire.link == link,
            _ => false,
        }
    }

    fn live(&mut self) -> Option<&mut Live> {
        self.joining.as_mut()?.live()
    }

    pub(super) fn dial_failed(&mut self, sentence: String, step: &mut Step<'_>) {
        if matches!(self.joining.as_ref().map(|joining| &joining.state), Some(State::Dialing)) {
            self.upstream_lost(sentence, None, step);
        }
    }

    /// The connection is gone or never was: waits before the next.
    pub(super) fn upstream_lost(&mut self, reason: String, retry_after: Option<Millis>, step: &mut Step<'_>) {
        let Some(joining) = &mut self.joining else { return };
        if let State::Live(live) = &joining.state {
            joining.backoff.link_ended(live.since, step.now);
        }
        let retry_at = step.now.after(joining.backoff.next_delay(retry_after));
        joining.state = State::Waiting { retry_at };
        joining.reason = reason;
        // A dial that failed showed nobody anything.
        joining.unseen_since.get_or_insert_with(|| step.doc.version());
        joining.denied = None;
        // Their connection numbers mean nothing any more.
        step.people_changed |= self.people.clear();
        self.wake_at(retry_at);
    }

    /// Ends the connection from this side.
    fn end_upstream(&mut self, why: Ended, step: &mut Step<'_>) {
        let Some(wire) = self.joining.as_mut().and_then(Joining::wire) else { return };
        let link = wire.link;
        wire.send_frame(&Frame::Refuse(why.clone()), step.now, step.out);
        step.out.push(Output::LinkRefused { link, code: why.code });
        step.out.push(Output::Close { link });
        let reason = match why.code {
            RefuseCode::Malformed => {
                format!("what answers there does not speak coedit's protocol: {}", why.sentence)
            }
            _ => why.sentence,
        };
        self.upstream_lost(reason, None, step);
    }

    pub(super) fn leave_upstream(&mut self, step: &mut Step<'_>) {
        let Some(joining) = &mut self.joining else { return };
        if let Some(wire) = joining.wire() {
            let bye = ended(RefuseCode::GoingAway, "the editor was closed");
            wire.send_frame(&Frame::Bye(bye), step.now, step.out);
            step.out.push(Output::Close { link: wire.link });
        }
        joining.state = State::Left;
    }

    /// Goes on with another link, at once if the former was refused.
    pub(super) fn link_replaced(&mut self, token: Token, access: Option<Access>, step: &mut Step<'_>) {
        let Some(joining) = &mut self.joining else { return };
        joining.upstream.token = token;
        if let (Some(create), Some(access)) = (&mut joining.upstream.create, access) {
            create.access = access;
        }
        if matches!(joining.state, State::Waiting { .. } | State::Denied { .. }) {
            self.retry_now(step);
        }
    }

    pub(super) fn retry_now(&mut self, step: &mut Step<'_>) {
        let Some(joining) = &mut self.joining else { return };
        match &mut joining.state {
            State::Waiting { .. } | State::Denied { .. } => {
                joining.denied = None;
                joining.backoff.reset();
                joining.dial(step.out);
            }
            // A better way may be open by now: a new connection looks for it first.
            State::Live(live) if live.via != Via::WebSocket => {
                step.out.push(Output::Close { link: live.wire.link });
                joining.unseen_since.get_or_insert_with(|| step.doc.version());
                joining.backoff.reset();
                joining.reason = "connecting anew, as you asked".to_owned();
                step.people_changed |= self.people.clear();
                joining.dial(step.out);
            }
            // The machine may have slept: what is not answered soon is dead.
            State::Live(live) => {
                live.ping(step);
                self.wake_at(step.now.after(Millis(limits::SUSPECT_AFTER_MS)));
            }
            // What hangs may hang on: a new try takes its place. The old one may yet arrive after it and be taken for the
            // newer, so a failure is again a first one.
            State::Dialing => {
                joining.backoff.reset();
                joining.dial(step.out);
            }
            State::Greeting { wire, .. } => {
                joining.backoff.reset();
                step.out.push(Output::Close { link: wire.link });
                joining.dial(step.out);
            }
            State::Left => {}
        }
    }

    pub(super) fn upstream_packet(&mut self, bytes: &[u8], step: &mut Step<'_>) {
        let Some(wire) = self.joining.as_mut().and_then(Joining::wire) else { return };
        let link = wire.link;
        wire.heard_at = step.now;
        let frames = match read_frames(bytes) {
            Ok(frames) => frames,
            Err(why) => return self.end_upstream(why, step),
        };
        for frame in frames {
            // A frame may end the link; what came after it no longer counts.
            if !self.is_upstream(link) {
                return;
            }
            if let Err(why) = self.upstream_frame(frame, step) {
                return self.end_upstream(why, step);
            }
        }
        if let Some(live) = self.live() {
            live.waiting_since = live.waiting_since.map(|_| step.now);
        }
        self.push_upstream(step);
    }

    fn upstream_frame(&mut self, frame: Frame<'_>, step: &mut Step<'_>) -> Result<(), Ended> {
        match frame {
            Frame::Refuse(refuse) | Frame::Bye(refuse) => {
                self.refused_by_upstream(refuse, step);
                return Ok(());
            }
            Frame::Welcome(welcome) => return self.welcomed(*welcome, step),
            _ => {}
        }
        let Some(joining) = &mut self.joining else { return Ok(()) };
        let State::Live(live) = &mut joining.state else {
            return Err(ended(RefuseCode::Malformed, "the server did not answer the hello"));
        };
        match frame {
            Frame::Replicas { start, ids } => learn_names(&mut joining.names, start, &ids)?,
            Frame::Batch(bytes) => self.merge_upstream(Whole::Batch, bytes, step)?,
            Frame::Fragment(fragment) => self.upstream_fragment(fragment, step)?,
            Frame::Ack(entries) => learn_ack(&joining.names, &entries, &mut joining.acknowledged)?,
            Frame::CaughtUp => step.out.push(Output::CaughtUp),
            Frame::Presence(presence) if presence.connection == live.connection => {}
            Frame::Presence(presence) => self.hear_presence(presence.connection, presence, step),
            Frame::PresenceGone(id) => step.people_changed |= self.people.forget(id),
            Frame::Ping(nonce) => live.wire.send_frame(&Frame::Pong(nonce), step.now, step.out),
            Frame::Pong(nonce) if nonce == live.n_pings => {
                live.rtt = live.pinged_at.take().map(|at| step.now.since(at)).or(live.rtt);
            }
            Frame::Pong(_) => {}
            Frame::Mode(mode) => live.mode = mode,
            Frame::Pause { sentence } => live.paused = Some(sentence),
            Frame::Resume(version) => {
                joining.acknowledged = version.clone();
                live.paused = None;
                live.said_caught_up = false;
                live.wire.abandon_transfer();
                if !is_planted(Defect::ResumeSendsNothing) {
                    live.sent = version;
                }
            }
            _ => return Err(ended(RefuseCode::Malformed, "the server sent what only clients send")),
        }
        Ok(())
    }

    fn refused_by_upstream(&mut self, refuse: Refuse, step: &mut Step<'_>) {
        let Some(joining) = &mut self.joining else { return };
        if let Some(wire) = joining.wire() {
            step.out.push(Output::Close { link: wire.link });
        }
        if joining.is_elsewhere {
            // Only the link's own server sends anybody elsewhere, and only it says for good what is not.
            return self.upstream_lost(refuse.sentence, refuse.retry_after, step);
        }
        if refuse.code == RefuseCode::GoingAway && joining.live().is_some() {
            joining.elsewhere = refuse.elsewhere.clone();
        }
        if matches!(refuse.code, RefuseCode::Denied | RefuseCode::Dismissed) {
            step.out.push(Output::LinkDenied);
        }
        if refuse.code.is_worth_retrying() {
            return self.upstream_lost(refuse.sentence, refuse.retry_after, step);
        }
        // A server that knew the document a while ago may know it again: its data was lost, and whoever shared it will
        // bring it back.
        let was_there = joining.was_welcomed && refuse.code == RefuseCode::Denied;
        let refuse = if was_there { Refuse { sentence: GONE.to_owned(), ..refuse } } else { refuse };
        if was_there {
            joining.unseen_since.get_or_insert_with(|| step.doc.version());
        }
        joining.state = State::denied_for_good(refuse.sentence.clone());
        step.people_changed |= self.people.clear();
        // Whoever makes the document may be on the way: the link came faster than the text.
        if refuse.code == RefuseCode::Denied {
            let at_least = was_there.then_some(Millis(limits::BACKOFF_MAX_MS));
            let retry_at = step.now.after(joining.backoff.next_delay(at_least));
            joining.denied = Some(refuse.sentence.clone());
            joining.state = State::Denied { sentence: refuse.sentence, retry_at: Some(retry_at) };
            self.wake_at(retry_at);
        }
    }

    fn welcomed(&mut self, welcome: Welcome, step: &mut Step<'_>) -> Result<(), Ended> {
        let Some(joining) = &mut self.joining else { return Ok(()) };
        let State::Greeting { is_hello_sent: true, .. } = &joining.state else {
            return Err(ended(RefuseCode::Malformed, "the server sent a welcome that nobody waits for"));
        };
        match self.config.epoch {
            None => {
                self.config.epoch = Some(welcome.epoch);
                step.out.push(Output::EpochAdopted(welcome.epoch));
            }
            Some(epoch) if epoch != welcome.epoch && !is_planted(Defect::NoEpoch) => {
                let refuse = ended(RefuseCode::EpochMismatch, super::serving::OTHER_HISTORY);
                self.refused_by_upstream(refuse, step);
                return Ok(());
            }
            Some(_) => {}
        }
        step.out.push(Output::Named(welcome.name));
        joining.was_welcomed = true;
        joining.denied = None;
        joining.names = ReplicaTable::default();
        learn_names(&mut joining.names, 0, &welcome.replicas)?;
        // Not merged: a server that came back with an older disk has not what it acknowledged before.
        if !is_planted(Defect::AcknowledgedForEver) {
            joining.acknowledged = VersionVector::default();
        }
        joining.acknowledged.merge(&welcome.durable);
        let State::Greeting { wire, via, .. } = std::mem::replace(&mut joining.state, State::Dialing) else {
            return Ok(());
        };
        let mut live = Box::new(Live {
            wire,
            via,
            mode: welcome.mode,
            connection: welcome.connection,
            upload_bytes_max: welcome.upload_bytes_max,
            since: step.now,
            rtt: None,
            pinged_at: None,
            n_pings: 0,
            last_ping_at: step.now,
            sent: welcome.durable,
            said_caught_up: false,
            waiting_since: None,
            paused: None,
        });
        live.ping(step);
        joining.state = State::Live(live);
        self.wake_at(step.now.after(Millis(limits::QUIET_AFTER_MS)));
        self.send_own(step);
        Ok(())
    }

    fn upstream_fragment(&mut self, fragment: Fragment<'_>, step: &mut Step<'_>) -> Result<(), Ended> {
        let Some(live) = self.live() else { return Ok(()) };
        match live.wire.assemble(fragment, limits::TRANSFER_BYTES_MAX) {
            Ok(Some((whole, bytes))) => self.merge_upstream(whole, &bytes, step),
            Ok(None) => Ok(()),
            Err(error) => Err(ended(super::decode_code(&error), error.to_string())),
        }
    }

    fn merge_upstream(&mut self, whole: Whole, bytes: &[u8], step: &mut Step<'_>) -> Result<(), Ended> {
        // What was typed since the last look must not count as heard from there.
        self.grow(None, step);
        let Some(link) = self.live().map(|live| live.wire.link) else { return Ok(()) };
        let had_waiting = 0 < step.doc.n_waiting();
        self.merge(link, whole, bytes, step)?;
        let growth: Growth = self.grow(None, step);
        if had_waiting {
            // What waited came on an earlier connection, and the server may have lost it since.
            return Ok(());
        }
        let Some(joining) = &mut self.joining else { return Ok(()) };
        let State::Live(live) = &mut joining.state else { return Ok(()) };
        for (replica, next) in growth {
            // A server forwards only what is on its disk.
            live.sent.advance(replica, next);
            joining.acknowledged.advance(replica, next);
        }
        Ok(())
    }

    pub(super) fn upstream_deadline(&mut self, step: &mut Step<'_>) {
        let n_unacknowledged = self.n_unacknowledged();
        let Some(joining) = &mut self.joining else { return };
        match &mut joining.state {
            State::Waiting { retry_at } | State::Denied { retry_at: Some(retry_at), .. } => {
                let at = *retry_at;
                if at <= step.now {
                    joining.dial(step.out);
                } else {
                    self.wake_at(at);
                }
            }
            State::Greeting { until, is_hello_sent, .. } if *until <= step.now => {
                let sentence = match is_hello_sent {
                    true => "the server did not answer in time",
                    false => "this machine's disk does not take what is to be sent; free some space on it",
                };
                self.end_upstream(ended(RefuseCode::Timeout, sentence), step);
            }
            State::Greeting { until, .. } => {
                let at = *until;
                self.wake_at(at);
            }
            State::Live(live) => {
                if n_unacknowledged == 0 || live.paused.is_some() || live.mode == Mode::Read {
                    live.waiting_since = None;
                }
                match live.check_life(step) {
                    Some(at) => self.wake_at(at),
                    None => self.end_upstream(ended(RefuseCode::Timeout, "the server does not answer"), step),
                }
            }
            State::Dialing | State::Denied { .. } | State::Left => {}
        }
    }
}

#[cfg(test)]
mod tests;
