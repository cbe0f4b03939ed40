//! From the store to a room, for those who wait: a document is read, created, or denied.

use super::event::{Output, Stored};
use super::slot::{Granted, Live, Slot};
use super::{Place, Relay, denied, refusal};
use crate::base::limits;
use crate::base::planted::{Defect, is_planted};
use crate::base::time::MonoTime;
use crate::protocol::DocumentId;
use crate::protocol::capability::TokenHash;
use crate::protocol::greeting::{Hello, Refuse, RefuseCode};
use crate::sync::LinkId;

impl Relay {
    fn waiting_for(&self, document: DocumentId) -> Vec<LinkId> {
        let waits =
            |place: &Place| matches!(place, Place::Waiting { document: other, .. } if *other == document);
        self.links.iter().filter(|(_, place)| waits(place)).map(|(&link, _)| link).collect()
    }

    pub(super) fn loaded(
        &mut self,
        document: DocumentId,
        result: Result<Option<Stored>, String>,
        now: MonoTime,
        out: &mut Vec<Output>,
    ) {
        if !matches!(self.documents.get(&document), Some(Slot::Loading)) {
            return;
        }
        let limits = self.config.link_limits;
        match result {
            Ok(Some(stored)) => match Live::load(document, stored, limits, self.rng.next_u64(), now) {
                Ok(live) => self.open(document, live, now, out),
                Err(sentence) => self.fail(document, &sentence, out),
            },
            Ok(None) => self.create_or_deny(document, out),
            Err(_) if is_planted(Defect::LoadErrorIsEmpty) => self.create_or_deny(document, out),
            Err(sentence) => self.fail(document, &sentence, out),
        }
    }

    /// Whoever showed this has no link to the document. Then it is read for the next who waits, if there is one.
    pub(super) fn not_shown(&mut self, document: DocumentId, shown: TokenHash, out: &mut Vec<Output>) {
        if !matches!(self.documents.get(&document), Some(Slot::Loading)) {
            return;
        }
        let mut next = None;
        for link in self.waiting_for(document) {
            let Some(Place::Waiting { hello, .. }) = self.links.get(&link) else { continue };
            if hello.token.hash() == shown {
                let refuse = self.stranger(hello);
                self.refuse(link, refuse, out);
            } else {
                next = next.or(Some(hello.token.hash()));
            }
        }
        self.refuse_orders(document, |order| order.hash() == shown, out);
        match next.or_else(|| self.next_order(document)) {
            Some(shown) => out.push(Output::Load { document, shown }),
            None => drop(self.documents.remove(&document)),
        }
    }

    /// What whoever has no link to a document is told: the same as if there were none, which whoever would create it must not learn
    /// either.
    pub(super) fn stranger(&self, hello: &Hello) -> Refuse {
        self.config.create.allows(hello).err().unwrap_or_else(denied)
    }

    fn open(&mut self, document: DocumentId, live: Live, now: MonoTime, out: &mut Vec<Output>) {
        self.documents.insert(document, Slot::Live(Box::new(live)));
        self.wake_at(now.after(self.config.unload_after));
        self.check_size(document, now, out);
        for link in self.waiting_for(document) {
            self.let_in(link, now, out);
        }
        self.carry_out_orders(document, now, out);
        // What a killed relay left to read one by one is read so once.
        self.snapshot_if_due(document, out);
    }

    /// The store could not read or write: everybody who waits is told, and nothing takes the document's place.
    fn fail(&mut self, document: DocumentId, sentence: &str, out: &mut Vec<Output>) {
        self.documents.remove(&document);
        self.refuse_orders(document, |_| true, out);
        let sentence = format!("the server could not open the document: {sentence}");
        for link in self.waiting_for(document) {
            let retry_after = self.spread(limits::BACKOFF_MAX_MS);
            self.refuse(link, refusal(RefuseCode::Storage, retry_after, &sentence), out);
        }
    }

    fn create_or_deny(&mut self, document: DocumentId, out: &mut Vec<Output>) {
        if self.config.documents_stored_max <= self.n_stored {
            return self.no_room(document, out);
        }
        let mut wish = None;
        for link in self.waiting_for(document) {
            let Some(Place::Waiting { hello, .. }) = self.links.get(&link) else { continue };
            match self.config.create.allows(hello).and_then(|granted| self.within_token(granted)) {
                Ok(granted) => {
                    wish = Some(granted);
                    break;
                }
                Err(refuse) => self.refuse(link, refuse, out),
            }
        }
        match wish {
            Some(granted) => {
                if let Some(creator) = granted.creator {
                    *self.n_created.entry(creator).or_default() += 1;
                }
                let Granted { epoch, access, name, creator } = granted.clone();
                self.documents.insert(document, Slot::Creating(granted));
                out.push(Output::Create { document, epoch, access, name, creator });
            }
            None => {
                self.documents.remove(&document);
                self.refuse_orders(document, |_| true, out);
            }
        }
    }

    /// Passes on what a document is to be created with, if its token has made fewer than it may.
    fn within_token(&self, granted: Granted) -> Result<Granted, Refuse> {
        let max = self.config.documents_per_token_max;
        let n_created = granted.creator.and_then(|creator| self.n_created.get(&creator)).copied();
        if n_created.unwrap_or(0) < max {
            return Ok(granted);
        }
        let sentence = format!(
            "{max} documents were created with this token, as many as may be; ask the relay's operator"
        );
        Err(refusal(RefuseCode::CreateDenied, None, &sentence))
    }

    /// Tells those who would create a document that there is no room, and the others that there is none.
    fn no_room(&mut self, document: DocumentId, out: &mut Vec<Output>) {
        self.documents.remove(&document);
        self.refuse_orders(document, |_| true, out);
        for link in self.waiting_for(document) {
            let Some(Place::Waiting { hello, .. }) = self.links.get(&link) else { continue };
            let refuse = self.config.create.allows(hello).map_or_else(
                |refuse| refuse,
                |_| {
                    let sentence = "this relay keeps as many documents as it may; ask its operator for room";
                    refusal(RefuseCode::CreateDenied, None, sentence)
                },
            );
            self.refuse(link, refuse, out);
        }
    }

    pub(super) fn created(
        &mut self,
        document: DocumentId,
        result: Result<(), String>,
        now: MonoTime,
        out: &mut Vec<Output>,
    ) {
        let Some(Slot::Creating(granted)) = self.documents.get(&document) else { return };
        let Granted { epoch, access, name, creator } = granted.clone();
        let n_created = creator.and_then(|creator| self.n_created.get_mut(&creator));
        if let (Some(n_created), Err(_)) = (n_created, &result) {
            *n_created -= 1;
        }
        let stored = Stored { epoch, access, name, grants: Vec::new(), snapshot: None, tail: Vec::new() };
        let limits = self.config.link_limits;
        self.n_stored += u64::from(result.is_ok());
        let opened = result.and_then(|()| Live::load(document, stored, limits, self.rng.next_u64(), now));
        match opened {
            Ok(live) => self.open(document, live, now, out),
            Err(sentence) => self.fail(document, &sentence, out),
        }
    }
}
