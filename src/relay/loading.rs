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
use crate::sync::room::DENIED;

/// What somebody is told whose document cannot be read or created. The reason is for the log: it names files.
const NOT_OPENED: &str = "the server could not open the document; trying again later, and its operator finds the reason in its log";

/// Why somebody who waits for a document does not come in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lacks {
    /// What was shown is no link to it.
    Link,
    /// It cannot be read or created.
    Text,
}

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
        let Some(&Slot::Loading(shown)) = self.documents.get(&document) else { return };
        let live = match result {
            Ok(Some(stored)) => Live::load(document, stored, &self.config, self.rng.next_u64(), now),
            Ok(None) => return self.create_or_deny(document, out),
            Err(_) if is_planted(Defect::LoadErrorIsEmpty) => return self.create_or_deny(document, out),
            Err(sentence) => Err(sentence),
        };
        match live {
            Ok(live) => self.open(document, live, now, out),
            Err(sentence) => {
                out.push(Output::LoadFailed { document, sentence });
                self.turn_away(document, shown, Lacks::Text, out);
            }
        }
    }

    /// The document is there, and whoever showed this has no link to it.
    pub(super) fn not_shown(&mut self, document: DocumentId, shown: TokenHash, out: &mut Vec<Output>) {
        if matches!(self.documents.get(&document), Some(Slot::Loading(_))) {
            self.turn_away(document, shown, Lacks::Link, out);
        }
    }

    /// Tells those who showed this why they do not come in. Then the document is read for the next who waits, if there is one: what
    /// the first may know is not told to others.
    fn turn_away(&mut self, document: DocumentId, shown: TokenHash, lacks: Lacks, out: &mut Vec<Output>) {
        let mut next = None;
        for link in self.waiting_for(document) {
            let Some(Place::Waiting { hello, .. }) = self.links.get(&link) else { continue };
            let hash = hello.token.hash();
            if hash != shown {
                next = next.or(Some(hash));
                continue;
            }
            let refuse = match lacks {
                Lacks::Link => self.stranger(hello),
                Lacks::Text => refusal(RefuseCode::Storage, self.spread(limits::BACKOFF_MAX_MS), NOT_OPENED),
            };
            self.refuse(link, refuse, out);
        }
        let sentence = if lacks == Lacks::Link { DENIED } else { NOT_OPENED };
        self.refuse_orders(document, |order| order.hash() == shown, sentence, out);
        match next.or_else(|| self.next_order(document)) {
            Some(shown) => self.load(document, shown, out),
            None => drop(self.documents.remove(&document)),
        }
    }

    /// Asks for a document, for whoever showed this.
    pub(super) fn load(&mut self, document: DocumentId, shown: TokenHash, out: &mut Vec<Output>) {
        self.documents.insert(document, Slot::Loading(shown));
        out.push(Output::Load { document, shown });
    }

    /// What whoever has no link to a document is told: the same as if there were none, which whoever would create it must not learn
    /// either.
    pub(super) fn stranger(&self, hello: &Hello) -> Refuse {
        self.may_create(hello).err().unwrap_or_else(denied)
    }

    fn open(&mut self, document: DocumentId, live: Live, now: MonoTime, out: &mut Vec<Output>) {
        self.documents.insert(document, Slot::Live(Box::new(live)));
        self.note_deadline(document, now);
        self.check_size(document, now, out);
        for link in self.waiting_for(document) {
            self.let_in(link, now, out);
        }
        self.carry_out_orders(document, now, out);
        // What a killed relay left to read one by one is read so once.
        self.snapshot_if_due(document, out);
    }

    fn create_or_deny(&mut self, document: DocumentId, out: &mut Vec<Output>) {
        let mut wish = None;
        for link in self.waiting_for(document) {
            let Some(Place::Waiting { hello, .. }) = self.links.get(&link) else { continue };
            match self.may_create(hello) {
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
                self.refuse_orders(document, |_| true, DENIED, out);
            }
        }
    }

    /// Returns what to create a document with, or why it is not created.
    fn may_create(&self, hello: &Hello) -> Result<Granted, Refuse> {
        let granted = self.config.create.allows(hello)?;
        if self.config.documents_stored_max <= self.n_stored {
            let sentence = "this relay keeps as many documents as it may; ask its operator for room";
            return Err(refusal(RefuseCode::CreateDenied, None, sentence));
        }
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
        self.n_stored += u64::from(result.is_ok());
        let opened =
            result.and_then(|()| Live::load(document, stored, &self.config, self.rng.next_u64(), now));
        match opened {
            Ok(live) => self.open(document, live, now, out),
            // The store has said why.
            Err(_) => self.turn_away(document, access.write, Lacks::Text, out),
        }
    }
}
