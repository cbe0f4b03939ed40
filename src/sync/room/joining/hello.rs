//! From a connection to the hello: what nobody has seen is rewritten before it can be sent.

use super::State;
use crate::base::limits;
use crate::base::time::Millis;
use crate::crdt::ReplicaId;
use crate::protocol::frame::Frame;
use crate::protocol::greeting::{CreateWish, Hello};
use crate::sync::event::{LinkId, Output, Via};
use crate::sync::room::{Room, Step};
use crate::sync::wire::Wire;

impl Room {
    pub(in crate::sync::room) fn greet_upstream(&mut self, link: LinkId, via: Via, step: &mut Step<'_>) {
        let Some(joining) = &mut self.joining else { return };
        if !matches!(joining.state, State::Dialing) {
            return step.out.push(Output::Close { link });
        }
        self.rewrite_unseen(step);
        let Some(joining) = &mut self.joining else { return };
        if limits::WIRE_VERSION_ENTRIES_MAX < step.doc.version().len() {
            joining.state =
                State::denied_for_good("the text has been edited by too many replicas".to_owned());
            return step.out.push(Output::Close { link });
        }
        let until = step.now.after(Millis(limits::HELLO_TIMEOUT_MS));
        joining.state = State::Greeting { wire: Wire::new(link, step.now), via, until, is_hello_sent: false };
        self.wake_at(until);
        self.greet_once_kept(step);
    }

    /// Rewrites what nobody else has to its net effect.
    fn rewrite_unseen(&mut self, step: &mut Step<'_>) {
        let seen = self.joining.as_mut().and_then(|joining| joining.unseen_since.clone());
        // While the disk takes nothing, what was typed is safer sent as it is.
        let Some(seen) = seen.filter(|_| self.store.trouble().is_none()) else { return };
        self.grow(None, step);
        let replica = ReplicaId::new(self.rng.next_u64());
        if let Some(saved) = step.doc.squash(&seen, &self.saved, replica) {
            self.saved = saved;
            self.store.rewritten(step.doc, step.out);
        }
    }

    /// Sends the hello, if the disk has what was rewritten: else a crash would leave the old operations, and their text would
    /// come twice.
    pub(in crate::sync::room) fn greet_once_kept(&mut self, step: &mut Step<'_>) {
        if self.store.rewriting().is_some() {
            return;
        }
        let Some(joining) = &mut self.joining else { return };
        if let State::Greeting { is_hello_sent: is_hello_sent @ false, until, .. } = &mut joining.state {
            *is_hello_sent = true;
            *until = step.now.after(Millis(limits::HELLO_TIMEOUT_MS));
            let at = *until;
            joining.unseen_since = None;
            self.wake_at(at);
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
