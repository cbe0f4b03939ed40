//! From a connection to the hello: what nobody has seen is rewritten before it can be sent.

use super::State;
use crate::base::limits;
use crate::base::time::Millis;
use crate::crdt::ReplicaId;
use crate::protocol::frame::Frame;
use crate::protocol::greeting::{CreateWish, Hello};
use crate::sync::event::{LinkId, Output, PersistToken, Via};
use crate::sync::room::{Room, Step};
use crate::sync::wire::Wire;

impl Room {
    pub(in crate::sync::room) fn greet_upstream(&mut self, link: LinkId, via: Via, step: &mut Step<'_>) {
        let Some(joining) = &mut self.joining else { return };
        if !matches!(joining.state, State::Dialing) {
            return step.out.push(Output::Close { link });
        }
        let awaits = self.rewrite_unseen(step);
        let Some(joining) = &mut self.joining else { return };
        joining.unseen_since = None;
        if limits::WIRE_VERSION_ENTRIES_MAX < step.doc.version().len() {
            joining.state =
                State::denied_for_good("the text has been edited by too many replicas".to_owned());
            return step.out.push(Output::Close { link });
        }
        let until = step.now.after(Millis(limits::HELLO_TIMEOUT_MS));
        joining.state = State::Greeting { wire: Wire::new(link, step.now), via, until, awaits };
        self.wake_at(until);
        if awaits.is_none() {
            self.send_hello(step);
        }
    }

    /// Rewrites what nobody else has to its net effect. Returns what the disk must have before anything is sent, if
    /// something was: else a crash would leave the old operations, whose text would come twice.
    fn rewrite_unseen(&mut self, step: &mut Step<'_>) -> Option<PersistToken> {
        let seen = self.joining.as_mut()?.unseen_since.take()?;
        // While the disk takes nothing, what was typed is safer sent as it is.
        if self.store.trouble().is_some() {
            return None;
        }
        self.grow(None, step);
        let replica = ReplicaId::new(self.rng.next_u64());
        self.saved = step.doc.squash(&seen, &self.saved, replica)?;
        Some(self.store.rewritten(step.doc, self.saved.clone(), step.out))
    }

    /// Sends the hello that waited for the disk, if that has everything now.
    pub(in crate::sync::room) fn greet_once_kept(&mut self, step: &mut Step<'_>) {
        let Some(joining) = &mut self.joining else { return };
        let State::Greeting { awaits, .. } = &mut joining.state else { return };
        if awaits.take_if(|token| self.store.has_written(*token)).is_some() {
            self.send_hello(step);
        }
    }

    fn send_hello(&mut self, step: &mut Step<'_>) {
        let Some(joining) = &mut self.joining else { return };
        let create = joining.upstream.create.as_ref().map(|create| CreateWish {
            access: create.access,
            name: self.config.name.clone(),
            operator_token: create.operator_token.clone(),
        });
        let hello = Hello {
            document: self.config.document,
            token: joining.upstream.token,
            replica: step.doc.replica(),
            session: self.config.session,
            epoch: self.config.epoch,
            create: create.filter(|_| self.config.epoch.is_some()),
            version: step.doc.version(),
        };
        if let Some(wire) = joining.wire() {
            wire.send_frame(&Frame::Hello(Box::new(hello)), step.now, step.out);
        }
    }
}
