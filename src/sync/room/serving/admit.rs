//! Who may come in.

use super::{Member, OTHER_HISTORY, Pace};
use crate::base::limits;
use crate::base::planted::{Defect, is_planted};
use crate::base::time::{Millis, WallTime};
use crate::protocol::ConnectionId;
use crate::protocol::capability::Mode;
use crate::protocol::frame::Frame;
use crate::protocol::greeting::{Hello, Refuse, RefuseCode, Welcome};
use crate::sync::event::{LinkId, Output};
use crate::sync::room::{Ended, Room, Step, ended};

/// One answer for an unknown document and for a wrong secret: a stranger learns nothing.
pub const DENIED: &str =
    "there is no such document here, or the link's secret is wrong; ask for the link again";

impl Room {
    /// Answers a hello: with a welcome and everybody's presence, or with why not.
    pub(super) fn admit(&mut self, link: LinkId, hello: Hello, step: &mut Step<'_>) -> Result<(), Ended> {
        let mode = self.check(link, &hello, step)?;
        self.take_over(link, &hello, step)?;
        let Some(epoch) = self.config.epoch else { return Err(ended(RefuseCode::Denied, DENIED)) };
        let shown = hello.token.hash();
        let wall = self.serving.links.get(&link).map_or(WallTime(0), |link| link.wall);
        let until = self.expires_at(shown, wall, step.now);
        let names = &mut self.serving.names;
        if mode == Mode::Write && names.ids().len() < limits::WIRE_REPLICAS_MAX {
            names.intern(hello.replica);
        }
        self.serving.last_connection += 1;
        let connection = ConnectionId(self.serving.last_connection);
        let Some(welcomed) = self.serving.links.get_mut(&link) else { return Ok(()) };
        let serve = self.config.serve.as_ref();
        let welcome = Welcome {
            epoch,
            mode,
            connection,
            replicas: names.ids().to_vec(),
            durable: self.store.durable().clone(),
            wall: welcomed.wall,
            upload_bytes_max: serve.map_or(0, |serve| serve.limits.upload_bytes_max as u64),
            name: self.config.name.clone(),
        };
        welcomed.wire.send_frame(&Frame::Welcome(Box::new(welcome)), step.now, step.out);
        if let Some(sentence) = self.store.trouble() {
            let pause = Frame::Pause { sentence: sentence.to_owned() };
            welcomed.wire.send_frame(&pause, step.now, step.out);
        }
        welcomed.member = Some(Member {
            replica: hello.replica,
            session: hello.session,
            shown,
            mode,
            was_demoted: false,
            until,
            connection,
            pace: Pace::Behind { sent: hello.version },
            n_names: names.ids().len(),
            said_caught_up: false,
            n_asked: 1,
            has_left_out: false,
            full_ack_after: None,
            missed_presence: false,
            shows_late: false,
            shown_at: None,
        });
        step.out.push(Output::LinkWelcomed { link });
        if let Some(at) = until {
            self.wake_at(at);
        }
        self.wake_at(step.now.after(Millis(limits::HEARTBEAT_MS)));
        self.send_people(link, step);
        self.catch_up(link, step);
        Ok(())
    }

    fn check(&self, link: LinkId, hello: &Hello, step: &Step<'_>) -> Result<Mode, Ended> {
        let denied = || ended(RefuseCode::Denied, DENIED);
        let wall = self.serving.links.get(&link).map_or(WallTime(0), |link| link.wall);
        let mode = self.allowed(hello.token.hash(), hello.session, wall).ok_or_else(denied)?;
        let asked = self.serving.links.get(&link).map(|link| link.document);
        if hello.document != self.config.document || asked != Some(hello.document) {
            return Err(denied());
        }
        // Whoever has text but no history would bring a second one in.
        let is_same = match hello.epoch {
            Some(epoch) => Some(epoch) == self.config.epoch,
            None => hello.version.is_empty(),
        };
        if !is_same && !is_planted(Defect::NoEpoch) {
            return Err(ended(RefuseCode::EpochMismatch, OTHER_HISTORY));
        }
        if limits::WIRE_VERSION_ENTRIES_MAX < self.store.durable().len() {
            return Err(ended(RefuseCode::OverLimit, "the text has been edited by too many replicas"));
        }
        if hello.replica == step.doc.replica() {
            return Err(in_use());
        }
        Ok(mode)
    }

    /// Ends older links of the same process, under whatever replica id; refuses another process under the same one.
    fn take_over(&mut self, link: LinkId, hello: &Hello, step: &mut Step<'_>) -> Result<(), Ended> {
        let others = self.serving.links.iter().filter(|&(&id, _)| id != link);
        let mut others = others.filter_map(|(&id, other)| Some((id, other.member.as_ref()?)));
        let is_other =
            |(_, member): (_, &Member)| member.replica == hello.replica && member.session != hello.session;
        if others.clone().any(is_other) {
            return Err(in_use());
        }
        let old = others.find(|(_, member)| member.session == hello.session).map(|(id, _)| id);
        if let Some(old) = old {
            let why = ended(RefuseCode::Replaced, "a newer connection took this one's place");
            self.end_link(old, why, step);
        }
        Ok(())
    }
}

fn in_use() -> Refuse {
    ended(RefuseCode::ReplicaInUse, "another program edits this document under the same replica id")
}
