//! What a document's owner may do with its links and with those who are here. None of it touches the text.

use std::collections::BTreeMap;

use super::{DENIED, Room};
use crate::base::limits;
use crate::base::time::{Millis, MonoTime, WallTime};
use crate::crdt::VersionVector;
use crate::protocol::capability::{Access, Mode, Token, TokenHash};
use crate::protocol::frame::Frame;
use crate::protocol::greeting::RefuseCode;
use crate::protocol::{ConnectionId, SessionId};
use crate::sync::event::{Grant, LinkId, Order, PersonReport, Report, View};
use crate::sync::room::{Ended, Step, ended};

/// What a member whose link ended by its owner's wish is told.
const REVOKED: &str = "this link was revoked or has expired; ask for a new one";

/// What the owner decided about one process, whatever its link allows. Forgotten when the room leaves memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    As(Mode),
    Blocked,
}

impl Room {
    /// Does what a document's owner asks for, who proves it with the token of the first link that can write. With
    /// [`Report::Links`] as the answer to a change, the shell stores [`Room::access`] and [`Room::grants`] before it answers.
    ///
    /// # Errors
    /// The sentence for whoever asks: not the owner, no such connection, too many links.
    pub(in crate::sync::room) fn manage_in(
        &mut self,
        token: &Token,
        order: Order,
        wall: WallTime,
        step: &mut Step<'_>,
    ) -> Result<Report, String> {
        if let Order::View(seen) = order {
            let may_read = self.allowed(token.hash(), SessionId::from_bytes([0; 16]), wall).is_some();
            return if may_read { Ok(self.view(seen, step)) } else { Err(DENIED.to_owned()) };
        }
        let is_owner =
            self.config.serve.as_ref().is_some_and(|serve| serve.access.check(token) == Some(Mode::Write));
        if !is_owner {
            return Err(DENIED.to_owned());
        }
        match order {
            Order::View(_) => Ok(Report::Unchanged),
            Order::People => Ok(Report::People(self.person_reports())),
            Order::Links => Ok(Report::Links(self.grants().to_vec())),
            Order::Grant(grant) => self.grant(grant, wall, step),
            Order::Revoke(hash) => self.revoke(hash, wall, step),
            Order::Replace(access) => self.replace(access, wall, step),
            Order::Kick(connection) => {
                let link = self.link_of(connection)?;
                self.end_link(
                    link,
                    ended(RefuseCode::Dismissed, "the owner of this document ended your visit"),
                    step,
                );
                Ok(Report::People(self.person_reports()))
            }
            Order::Block(connection) => {
                let (link, session) = (self.link_of(connection)?, self.session_of(connection));
                self.judge(session, Verdict::Blocked);
                self.end_link(
                    link,
                    ended(RefuseCode::Dismissed, "the owner of this document blocked you"),
                    step,
                );
                Ok(Report::People(self.person_reports()))
            }
            Order::Set(connection, mode) => {
                let (link, session) = (self.link_of(connection)?, self.session_of(connection));
                self.judge(session, Verdict::As(mode));
                self.set_mode(link, mode, step);
                Ok(Report::People(self.person_reports()))
            }
        }
    }

    /// Returns the text for a reader, unless it is as it was at the mark `seen`, or not all of it is on the disk.
    fn view(&self, seen: Option<u64>, step: &Step<'_>) -> Report {
        let counters =
            self.people.iter().map(|(id, counter, _)| counter.wrapping_mul(31).wrapping_add(u64::from(id.0)));
        let n_ops = self.store.durable().n_ops_beyond(&VersionVector::default());
        let mark = counters.fold(n_ops, |mark, counter| mark.wrapping_mul(1_000_003).wrapping_add(counter));
        if seen == Some(mark) || !self.is_durable() && seen.is_some() {
            return Report::Unchanged;
        }
        let rope = step.doc.rope();
        let n_chars = rope.byte_to_char(limits::VIEW_BYTES_MAX.min(rope.len_bytes()));
        let people = self.people().into_iter().map(|(_, presence)| {
            let at = presence.cursor.and_then(|anchor| step.doc.resolve(anchor)).filter(|&at| at <= n_chars);
            (presence.name, presence.color, at.map(|at| rope.char_to_utf16_cu(at)))
        });
        Report::View(Box::new(View {
            mark,
            name: self.config.name.clone(),
            text: rope.slice(..n_chars).to_string(),
            is_cut: n_chars < rope.len_chars(),
            people: people.collect(),
        }))
    }

    /// Returns the links besides the first two.
    pub fn grants(&self) -> &[Grant] {
        self.config.serve.as_ref().map_or(&[], |serve| &serve.grants)
    }

    fn person_reports(&self) -> Vec<PersonReport> {
        let names: BTreeMap<ConnectionId, String> =
            self.people().into_iter().map(|(id, presence)| (id, presence.name)).collect();
        let members = self.serving.links.values().filter_map(|link| link.member.as_ref());
        let report = |member: &super::Member| PersonReport {
            connection: member.connection,
            name: names.get(&member.connection).cloned().unwrap_or_default(),
            mode: member.mode,
        };
        members.map(report).collect()
    }

    fn link_of(&self, connection: ConnectionId) -> Result<LinkId, String> {
        let is_meant = |link: &super::Link| link.member.as_ref().is_some_and(|m| m.connection == connection);
        let found = self.serving.links.iter().find(|(_, link)| is_meant(link));
        found.map(|(&link, _)| link).ok_or_else(|| format!("nobody here has the number {}", connection.0))
    }

    fn session_of(&self, connection: ConnectionId) -> Option<SessionId> {
        let members = self.serving.links.values().filter_map(|link| link.member.as_ref());
        members.into_iter().find(|member| member.connection == connection).map(|member| member.session)
    }

    fn judge(&mut self, session: Option<SessionId>, verdict: Verdict) {
        let Some(session) = session else { return };
        let verdicts = &mut self.serving.verdicts;
        verdicts.retain(|(other, _)| *other != session);
        if limits::ROOM_VERDICTS_MAX <= verdicts.len() {
            verdicts.remove(0);
        }
        verdicts.push((session, verdict));
    }

    fn grant(&mut self, grant: Grant, wall: WallTime, step: &mut Step<'_>) -> Result<Report, String> {
        let Some(serve) = &mut self.config.serve else { return Err(DENIED.to_owned()) };
        serve.grants.retain(|other| other.hash != grant.hash && other.is_valid(wall));
        if limits::DOCUMENT_GRANTS_MAX <= serve.grants.len() {
            return Err(format!("a document has at most {} links; revoke one", limits::DOCUMENT_GRANTS_MAX));
        }
        serve.grants.push(grant);
        self.review(wall, step);
        Ok(Report::Links(self.grants().to_vec()))
    }

    fn revoke(&mut self, hash: TokenHash, wall: WallTime, step: &mut Step<'_>) -> Result<Report, String> {
        let Some(serve) = &mut self.config.serve else { return Err(DENIED.to_owned()) };
        if hash == serve.access.write {
            return Err("the link that the document was shared with is not revoked but replaced: coedit link LINK --replace".to_owned());
        }
        if hash == serve.access.read {
            // The hash of no token: nobody can find one that has it.
            serve.access.read = TokenHash([0; 32]);
        }
        serve.grants.retain(|other| other.hash != hash);
        self.review(wall, step);
        Ok(Report::Links(self.grants().to_vec()))
    }

    fn replace(&mut self, access: Access, wall: WallTime, step: &mut Step<'_>) -> Result<Report, String> {
        let Some(serve) = &mut self.config.serve else { return Err(DENIED.to_owned()) };
        serve.access = access;
        self.review(wall, step);
        Ok(Report::Links(self.grants().to_vec()))
    }

    /// Looks whether everybody who is here still may be, and as what.
    fn review(&mut self, wall: WallTime, step: &mut Step<'_>) {
        let members = self.serving.links.iter().filter_map(|(&id, link)| Some((id, link.member.as_ref()?)));
        let right = |member: &super::Member| {
            let until = self.expires_at(member.shown, wall, step.now);
            Some((self.allowed(member.shown, member.session, wall)?, until))
        };
        let rights: Vec<_> = members.map(|(id, member)| (id, right(member))).collect();
        for (link, right) in rights {
            match right {
                Some((mode, until)) => {
                    self.set_until(link, until);
                    self.set_mode(link, mode, step);
                }
                None => self.end_link(link, ended(RefuseCode::Dismissed, REVOKED), step),
            }
        }
    }

    /// Returns what whoever showed a token with this hash may do.
    pub(in crate::sync::room) fn allowed(
        &self,
        shown: TokenHash,
        session: SessionId,
        wall: WallTime,
    ) -> Option<Mode> {
        let serve = self.config.serve.as_ref()?;
        let granted =
            serve.grants.iter().find(|grant| bool::from(grant.hash.is_same(&shown)) && grant.is_valid(wall));
        let mode = serve.access.check_hash(&shown).or(granted.map(|grant| grant.mode))?;
        match self.serving.verdicts.iter().find(|(other, _)| *other == session) {
            Some((_, Verdict::As(mode))) => Some(*mode),
            Some((_, Verdict::Blocked)) => None,
            None => Some(mode),
        }
    }

    /// Returns when the right of whoever showed this hash ends, if it does.
    pub(super) fn expires_at(&self, shown: TokenHash, wall: WallTime, now: MonoTime) -> Option<MonoTime> {
        let grant = self.grants().iter().find(|grant| grant.hash == shown)?;
        Some(now.after(Millis(grant.expires?.0.saturating_sub(wall.0))))
    }

    /// Notes when the right of a link ends: it may have been given another time.
    fn set_until(&mut self, link: LinkId, until: Option<MonoTime>) {
        if let Some(member) = self.serving.links.get_mut(&link).and_then(|link| link.member.as_mut()) {
            member.until = until;
        }
        if let Some(until) = until {
            self.wake_at(until);
        }
    }

    fn set_mode(&mut self, link: LinkId, mode: Mode, step: &mut Step<'_>) {
        let Some(served) = self.serving.links.get_mut(&link) else { return };
        let Some(member) = served.member.as_mut().filter(|member| member.mode != mode) else { return };
        member.mode = mode;
        member.was_demoted |= mode == Mode::Read;
        let replica = member.replica;
        if mode == Mode::Write && self.serving.names.ids().len() < limits::WIRE_REPLICAS_MAX {
            self.serving.names.intern(replica);
        }
        // What it sent while it could not write was left out: it is asked to send from here on.
        member.n_asked += u32::from(mode == Mode::Write);
        served.wire.send_frame(&Frame::Mode(mode), step.now, step.out);
        if mode == Mode::Write {
            let resume = Frame::Resume(self.store.durable().clone());
            served.wire.send_frame(&resume, step.now, step.out);
        }
    }

    /// Ends the links whose right has run out. Returns when to look again.
    pub(super) fn end_expired(&mut self, step: &mut Step<'_>) -> Option<MonoTime> {
        let members =
            self.serving.links.iter().filter_map(|(&id, link)| Some((id, link.member.as_ref()?.until?)));
        let (over, later): (Vec<_>, Vec<_>) = members.partition(|(_, until)| *until <= step.now);
        let why: Ended = ended(RefuseCode::Dismissed, REVOKED);
        over.into_iter().for_each(|(link, _)| self.end_link(link, why.clone(), step));
        later.into_iter().map(|(_, until)| until).min()
    }
}
