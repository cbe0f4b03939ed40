//! What owners ask of their documents, which may have to be loaded first.

use super::event::{Input, Output};
use super::slot::Slot;
use super::{Relay, Ticket};
use crate::base::limits;
use crate::base::time::{MonoTime, WallTime};
use crate::protocol::DocumentId;
use crate::protocol::capability::{Token, TokenHash};
use crate::sync::event::{Order, Report};

/// An order that waits for its document.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) document: DocumentId,
    ticket: Ticket,
    token: Token,
    order: Order,
    wall: WallTime,
}

impl Waiting {
    /// Returns the hash of the proof.
    pub(super) fn hash(&self) -> TokenHash {
        self.token.hash()
    }
}

impl Relay {
    pub(super) fn manage(&mut self, input: Input<'_>, now: MonoTime, out: &mut Vec<Output>) {
        let Input::Manage { document, ticket, token, order, wall } = input else { return };
        let waiting = Waiting { document, ticket, token, order, wall };
        match self.documents.get(&document) {
            Some(Slot::Live(_)) => self.carry_out_order(waiting, now, out),
            found
                if limits::RELAY_ORDERS_MAX <= self.orders.len()
                    || found.is_none() && self.config.documents_max <= self.documents.len() =>
            {
                let result = Err("the relay has too much to do; try again later".to_owned());
                out.push(Output::Managed { ticket, result });
            }
            Some(Slot::Loading(_) | Slot::Creating(_)) => self.orders.push(waiting),
            None => {
                let shown = waiting.hash();
                self.orders.push(waiting);
                self.load(document, shown, out);
            }
        }
    }

    /// Carries out what waited for a document, which is here now.
    pub(super) fn carry_out_orders(&mut self, document: DocumentId, now: MonoTime, out: &mut Vec<Output>) {
        let (ready, rest) =
            std::mem::take(&mut self.orders).into_iter().partition(|order| order.document == document);
        self.orders = rest;
        let ready: Vec<Waiting> = ready;
        ready.into_iter().for_each(|order| self.carry_out_order(order, now, out));
    }

    /// Answers what waited for a document that does not come.
    pub(super) fn refuse_orders(
        &mut self,
        document: DocumentId,
        is_meant: impl Fn(&Waiting) -> bool,
        sentence: &str,
        out: &mut Vec<Output>,
    ) {
        self.orders.retain(|order| {
            let is_refused = order.document == document && is_meant(order);
            if is_refused {
                out.push(Output::Managed { ticket: order.ticket, result: Err(sentence.to_owned()) });
            }
            !is_refused
        });
    }

    /// Returns what the next order for a document shows.
    pub(super) fn next_order(&self, document: DocumentId) -> Option<TokenHash> {
        self.orders.iter().find(|order| order.document == document).map(Waiting::hash)
    }

    fn carry_out_order(&mut self, order: Waiting, now: MonoTime, out: &mut Vec<Output>) {
        let Waiting { document, ticket, token, order, wall } = order;
        let Some(Slot::Live(live)) = self.documents.get_mut(&document) else { return };
        let is_change = order.is_change();
        let (result, closed) = live.manage(document, &token, order, wall, now, out);
        if is_change && matches!(result, Ok(Report::Links(_))) {
            let grants = live.room.grants().to_vec();
            out.extend(live.room.access().map(|access| Output::StoreAccess { document, access, grants }));
        }
        out.push(Output::Managed { ticket, result });
        closed.into_iter().for_each(|link| self.forget(link));
        self.note_deadline(document, now);
    }
}
