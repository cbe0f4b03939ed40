//! Who is here, shown to the others at a bounded rate.

use bytes::Bytes;

use crate::base::limits;
use crate::protocol::ConnectionId;
use crate::protocol::frame::{Frame, PresenceFrame};
use crate::protocol::greeting::RefuseCode;
use crate::sync::event::LinkId;
use crate::sync::people::People;
use crate::sync::room::{Ended, Room, Step, ended};

impl Room {
    /// Takes in who is where; [`Room::flush_shown`] shows it to the others.
    pub(super) fn downstream_presence(
        &mut self,
        link: LinkId,
        presence: PresenceFrame<'_>,
        step: &mut Step<'_>,
    ) -> Result<(), Ended> {
        let limits = self.link_limits();
        let (n_bytes, max) = (presence.payload.len(), limits.presence_bytes_max);
        if max < n_bytes {
            let sentence = format!("a presence of {n_bytes} bytes was sent, and this server takes {max}");
            return Err(ended(RefuseCode::OverLimit, sentence));
        }
        let Some(member) = self.serving.links.get_mut(&link).and_then(|link| link.member.as_mut()) else {
            return Ok(());
        };
        member.shows_late = true;
        let id = member.connection;
        self.hear_presence(id, presence, step);
        Ok(())
    }

    /// Shows others the presences that changed, each at most 20 times a second, or as often as is configured.
    pub(in crate::sync::room) fn flush_shown(&mut self, step: &mut Step<'_>) {
        let Some(interval) = self.config.serve.as_ref().map(|serve| serve.limits.presence_interval) else {
            return;
        };
        let late: Vec<LinkId> = self
            .serving
            .links
            .iter()
            .filter(|(_, link)| link.member.as_ref().is_some_and(|member| member.shows_late))
            .map(|(&id, _)| id)
            .collect();
        for link in late {
            let Some(member) = self.serving.links.get_mut(&link).and_then(|link| link.member.as_mut()) else {
                continue;
            };
            let may_at = member.shown_at.map(|at| at.after(interval));
            if let Some(at) = may_at.filter(|&at| step.now < at) {
                self.wake_at(at);
                continue;
            }
            member.shows_late = false;
            member.shown_at = Some(step.now);
            if let Some(frame) = presence_frame(&self.people, member.connection) {
                self.broadcast(&frame, Some(link), step);
            }
        }
    }

    /// Sends a presence to all but one; those that read too slowly get the latest ones later.
    pub(in crate::sync::room) fn broadcast(
        &mut self,
        frame: &Bytes,
        except: Option<LinkId>,
        step: &mut Step<'_>,
    ) {
        for (&id, link) in &mut self.serving.links {
            let Some(member) = &mut link.member else { continue };
            if Some(id) == except {
                continue;
            }
            if link.wire.is_low() {
                link.wire.send(frame.clone(), step.now, step.out);
            } else {
                member.missed_presence = true;
            }
        }
    }

    /// Sends a link everybody's presence.
    pub(super) fn send_people(&mut self, link: LinkId, step: &mut Step<'_>) {
        let Some(receiver) = self.serving.links.get_mut(&link) else { return };
        let Some(member) = &mut receiver.member else { return };
        member.missed_presence = false;
        let mut packet = Vec::new();
        for (connection, counter, payload) in self.people.iter() {
            if connection != member.connection && packet.len() < limits::FRAGMENT_BYTES_MAX {
                Frame::Presence(PresenceFrame { connection, counter, payload }).put(&mut packet);
            }
        }
        packet.extend_from_slice(&self.own.frame().unwrap_or_default());
        if !packet.is_empty() {
            receiver.wire.send(packet.into(), step.now, step.out);
        }
    }
}

fn presence_frame(people: &People, connection: ConnectionId) -> Option<Bytes> {
    let (counter, payload) = people.get(connection)?;
    Some(Frame::Presence(PresenceFrame { connection, counter, payload }).to_packet().into())
}
