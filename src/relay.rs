//! Rank 3: many rooms under one roof: which documents are loaded, who may come in, when a document is forgotten.

pub mod event;
mod manage;
mod slot;

pub use event::{CreatePolicy, Input, Output, RelayConfig, Stored, Ticket};
pub use slot::Overview;

use std::collections::BTreeMap;

use crate::base::limits;
use crate::base::planted::{Defect, is_planted};
use crate::base::rng::Rng;
use crate::base::time::{Millis, MonoTime, WallTime};
use crate::protocol::DocumentId;
use crate::protocol::capability::TokenHash;
use crate::protocol::frame::{Frame, Frames};
use crate::protocol::greeting::{Hello, Refuse, RefuseCode};
use crate::sync::rate::TokenBucket;
use crate::sync::room::DENIED;
use crate::sync::{LinkId, Traffic};
use slot::{Granted, Live, Slot};

/// Many documents, their rooms, and who is connected.
#[derive(Debug)]
pub struct Relay {
    config: RelayConfig,
    rng: Rng,
    links: BTreeMap<LinkId, Place>,
    n_greeting: usize,
    documents: BTreeMap<DocumentId, Slot>,
    /// When something is due. May be too early, never too late.
    wake: Option<MonoTime>,
    drain: Drain,
    n_stored: u64,
    /// How many documents were created with each token.
    n_created: BTreeMap<TokenHash, u64>,
    handshakes: TokenBucket,
    traffic: Traffic,
    /// What owners ask of documents that are not here yet.
    orders: Vec<manage::Waiting>,
}

/// Where a link is.
#[derive(Debug)]
enum Place {
    /// It has not said hello.
    Greeting { opened_at: MonoTime, asked: DocumentId, wall: WallTime },
    /// Its document is being loaded or created; what it sent meanwhile is held.
    Waiting { document: DocumentId, wall: WallTime, hello: Box<Hello>, packets: Vec<Vec<u8>> },
    /// It is in this document's room.
    Inside { document: DocumentId },
}

#[derive(Debug, PartialEq, Eq)]
enum Drain {
    No,
    Asked,
    Done,
}

impl Relay {
    /// Makes a relay without documents or links.
    pub fn new(config: RelayConfig) -> Relay {
        Relay {
            rng: Rng::new(config.seed),
            n_stored: config.n_stored,
            n_created: config.n_created.clone(),
            handshakes: TokenBucket::new(config.handshakes.0, config.handshakes.1, MonoTime(0)),
            config,
            links: BTreeMap::new(),
            n_greeting: 0,
            documents: BTreeMap::new(),
            wake: None,
            drain: Drain::No,
            traffic: Traffic::default(),
            orders: Vec::new(),
        }
    }

    /// Advances by one input. Never blocks; appends to `out` in the order in which the shell must act.
    pub fn handle(&mut self, input: Input<'_>, now: MonoTime, out: &mut Vec<Output>) {
        match input {
            Input::LinkOpened { link, document, wall } => self.link_opened(link, document, wall, now, out),
            Input::Packet { link, bytes } => self.packet(link, bytes, now, out),
            Input::Written { link, n_bytes } => {
                self.hand_to_room(link, crate::sync::Input::Written { link, n_bytes }, now, out);
            }
            Input::LinkClosed { link } => {
                self.hand_to_room(link, crate::sync::Input::LinkClosed { link }, now, out);
                self.forget(link);
            }
            Input::Loaded { document, result } => self.loaded(document, result, now, out),
            Input::NotShown { document, shown } => self.not_shown(document, shown, out),
            Input::Created { document, result } => self.created(document, result, now, out),
            Input::Appended { document, token } => {
                self.drive(document, crate::sync::Input::Persisted { token }, now, out);
                self.snapshot_if_due(document, out);
                self.check_size(document, now, out);
            }
            Input::AppendFailed { document, sentence } => {
                self.drive(document, crate::sync::Input::PersistFailed { sentence }, now, out);
            }
            Input::SnapshotStored { document, result } => {
                if let Some(Slot::Live(live)) = self.documents.get_mut(&document) {
                    live.snapshot_stored(result.is_ok());
                }
                // A flood may have ended meanwhile.
                if result.is_ok() {
                    self.snapshot_if_due(document, out);
                }
                self.check_size(document, now, out);
            }
            input @ Input::Manage { .. } => self.manage(input, now, out),
            Input::DeadlineReached => self.deadline_reached(now, out),
            Input::Shutdown => self.shut_down(now, out),
        }
        let is_durable = |slot: &Slot| matches!(slot, Slot::Live(live) if live.room.is_durable());
        if self.drain == Drain::Asked && self.documents.values().all(is_durable) {
            self.drain = Drain::Done;
            out.push(Output::Drained);
        }
    }

    /// Returns when [`Input::DeadlineReached`] is due; `None` when nothing is pending.
    pub fn deadline(&self) -> Option<MonoTime> {
        self.wake
    }

    /// Returns how many links there are, for metrics.
    pub fn n_links(&self) -> usize {
        self.links.len()
    }

    /// Returns how many documents are in memory, for metrics.
    pub fn n_documents(&self) -> usize {
        self.documents.len()
    }

    /// Returns how many documents the store has.
    pub fn n_stored(&self) -> u64 {
        self.n_stored
    }

    /// Returns what went through so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Walks the documents that are in memory.
    pub fn documents(&self) -> impl Iterator<Item = Overview> + '_ {
        self.documents.iter().filter_map(|(&document, slot)| match slot {
            Slot::Live(live) => Some(live.overview(document)),
            Slot::Loading | Slot::Creating(_) => None,
        })
    }

    fn wake_at(&mut self, at: MonoTime) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    fn forget(&mut self, link: LinkId) {
        if let Some(Place::Greeting { .. }) = self.links.remove(&link) {
            self.n_greeting -= 1;
        }
    }

    /// Tells a link that is in no room why, and closes it.
    fn refuse(&mut self, link: LinkId, refuse: Refuse, out: &mut Vec<Output>) {
        out.push(Output::LinkRefused { link, code: refuse.code });
        out.push(Output::Send { link, bytes: Frame::Refuse(refuse).to_packet().into() });
        out.push(Output::Close { link });
        self.forget(link);
    }

    fn link_opened(
        &mut self,
        link: LinkId,
        asked: DocumentId,
        wall: WallTime,
        now: MonoTime,
        out: &mut Vec<Output>,
    ) {
        if self.drain != Drain::No {
            return out.push(Output::Close { link });
        }
        let is_full =
            self.config.links_max <= self.links.len() || limits::RELAY_GREETING_MAX <= self.n_greeting;
        if is_full {
            let retry_after = self.spread(limits::BACKOFF_MAX_MS);
            let sentence = "this relay has as many connections as it can take; trying again later";
            return self.refuse(link, refusal(RefuseCode::Full, retry_after, sentence), out);
        }
        if !self.handshakes.take(1, now) {
            let retry_after = self.spread(limits::DRAIN_SPREAD_MS);
            let sentence = "more people come to this relay at once than it lets in; trying again in a moment";
            return self.refuse(link, refusal(RefuseCode::Full, retry_after, sentence), out);
        }
        self.links.insert(link, Place::Greeting { opened_at: now, asked, wall });
        self.n_greeting += 1;
        self.wake_at(now.after(Millis(limits::HELLO_TIMEOUT_MS)));
    }

    fn spread(&mut self, over_ms: u64) -> Option<Millis> {
        Some(Millis(over_ms / 4 + self.rng.below(over_ms)))
    }

    fn packet(&mut self, link: LinkId, bytes: &[u8], now: MonoTime, out: &mut Vec<Output>) {
        match self.links.get_mut(&link) {
            None => {}
            Some(Place::Inside { .. }) => {
                self.hand_to_room(link, crate::sync::Input::Packet { link, bytes }, now, out);
            }
            Some(Place::Waiting { packets, .. }) if packets.len() < limits::LOADING_PACKETS_MAX => {
                packets.push(bytes.to_vec());
            }
            Some(Place::Waiting { .. }) => {
                let sentence = "more was sent than may be before the welcome";
                self.refuse(link, refusal(RefuseCode::OverLimit, None, sentence), out);
            }
            Some(&mut Place::Greeting { asked, wall, .. }) => {
                self.greeted(link, asked, wall, bytes, now, out);
            }
        }
    }

    fn greeted(
        &mut self,
        link: LinkId,
        asked: DocumentId,
        wall: WallTime,
        bytes: &[u8],
        now: MonoTime,
        out: &mut Vec<Output>,
    ) {
        let hello = match Frames::new(bytes).map(|mut frames| frames.next()) {
            Ok(Some(Ok(Frame::Hello(hello)))) => hello,
            Ok(Some(Err(error))) | Err(error) => {
                let code = match error {
                    crate::protocol::codec::DecodeError::NewerVersion { .. } => RefuseCode::Version,
                    _ => RefuseCode::Malformed,
                };
                return self.refuse(link, refusal(code, None, &error.to_string()), out);
            }
            Ok(Some(Ok(_)) | None) => {
                let sentence = "a connection begins with a hello";
                return self.refuse(link, refusal(RefuseCode::Malformed, None, sentence), out);
            }
        };
        let document = hello.document;
        if document != asked {
            return self.refuse(link, denied(), out);
        }
        let is_known = self.documents.contains_key(&document);
        if !is_known && self.config.documents_max <= self.documents.len() {
            let retry_after = self.spread(limits::BACKOFF_MAX_MS);
            let sentence = "this relay has as many documents open as it can take; trying again later";
            return self.refuse(link, refusal(RefuseCode::Full, retry_after, sentence), out);
        }
        self.n_greeting -= 1;
        let (packets, shown) = (vec![bytes.to_vec()], hello.token.hash());
        self.links.insert(link, Place::Waiting { document, wall, hello, packets });
        match self.documents.get(&document) {
            Some(Slot::Live(_)) => self.let_in(link, now, out),
            Some(Slot::Loading | Slot::Creating(_)) => {}
            None => {
                self.documents.insert(document, Slot::Loading);
                out.push(Output::Load { document, shown });
            }
        }
    }

    /// Hands a waiting link over to its document's room, which checks the hello.
    fn let_in(&mut self, link: LinkId, now: MonoTime, out: &mut Vec<Output>) {
        let Some(Place::Waiting { document, wall, hello, packets }) = self.links.remove(&link) else {
            return;
        };
        self.links.insert(link, Place::Inside { document });
        let Some(Slot::Live(live)) = self.documents.get(&document) else { return };
        if !live.room.lets_in(&hello.token, hello.session, wall) {
            let refuse = self.stranger(&hello);
            return self.refuse(link, refuse, out);
        }
        let direction = crate::sync::Direction::Accepted { document };
        self.drive(document, crate::sync::Input::LinkOpened { link, direction, wall }, now, out);
        for packet in packets {
            self.hand_to_room(link, crate::sync::Input::Packet { link, bytes: &packet }, now, out);
        }
    }

    fn hand_to_room(
        &mut self,
        link: LinkId,
        input: crate::sync::Input<'_>,
        now: MonoTime,
        out: &mut Vec<Output>,
    ) {
        if let Some(Place::Inside { document }) = self.links.get(&link) {
            self.drive(*document, input, now, out);
        }
    }

    /// Drives one room and passes on what it asks for.
    fn drive(
        &mut self,
        document: DocumentId,
        input: crate::sync::Input<'_>,
        now: MonoTime,
        out: &mut Vec<Output>,
    ) {
        let Some(Slot::Live(live)) = self.documents.get_mut(&document) else { return };
        let before = live.room.traffic();
        let closed = live.drive(document, input, now, out);
        self.traffic.add_since(before, live.room.traffic());
        closed.into_iter().for_each(|link| self.forget(link));
        self.note_deadline(document, now);
    }

    /// Notes when a document has something to do next, and whether anybody is in it.
    fn note_deadline(&mut self, document: DocumentId, now: MonoTime) {
        let Some(Slot::Live(live)) = self.documents.get_mut(&document) else { return };
        let mut wake = live.room.deadline();
        if live.room.n_links() == 0 {
            let since = *live.empty_since.get_or_insert(now);
            let unload_at = since.after(self.config.unload_after);
            wake = Some(wake.map_or(unload_at, |wake| wake.min(unload_at)));
        } else {
            live.empty_since = None;
        }
        if let Some(at) = wake {
            self.wake_at(at);
        }
    }

    fn snapshot_if_due(&mut self, document: DocumentId, out: &mut Vec<Output>) {
        if let Some(Slot::Live(live)) = self.documents.get_mut(&document)
            && let Some(bytes) = live.take_due_snapshot(self.config.snapshot_after_records)
        {
            out.push(Output::StoreSnapshot { document, bytes });
        }
    }

    /// Lets nobody write to a document that has become too large, and everybody once it is smaller again.
    fn check_size(&mut self, document: DocumentId, now: MonoTime, out: &mut Vec<Output>) {
        let max = self.config.document_bytes_max;
        let Some(Slot::Live(live)) = self.documents.get_mut(&document) else { return };
        match live.n_bytes() {
            n_bytes if max < n_bytes && !live.is_too_large => {
                live.is_too_large = true;
                let sentence = format!(
                    "this document has {n_bytes} bytes of history, and the relay keeps {max} of one; go on in a new document"
                );
                self.drive(document, crate::sync::Input::PersistStalled { sentence }, now, out);
            }
            n_bytes if n_bytes <= max && live.is_too_large => {
                live.is_too_large = false;
                self.drive(document, crate::sync::Input::PersistGoesOn, now, out);
            }
            _ => {}
        }
    }

    fn waiting_for(&self, document: DocumentId) -> Vec<LinkId> {
        let waits =
            |place: &Place| matches!(place, Place::Waiting { document: other, .. } if *other == document);
        self.links.iter().filter(|(_, place)| waits(place)).map(|(&link, _)| link).collect()
    }

    fn loaded(
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
    fn not_shown(&mut self, document: DocumentId, shown: TokenHash, out: &mut Vec<Output>) {
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
    fn stranger(&self, hello: &Hello) -> Refuse {
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

    fn created(
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

    fn deadline_reached(&mut self, now: MonoTime, out: &mut Vec<Output>) {
        if self.wake.is_none_or(|wake| now < wake) {
            return;
        }
        self.wake = None;
        let mut late = Vec::new();
        for (&link, place) in &self.links {
            if let Place::Greeting { opened_at, .. } = place {
                late.push((opened_at.after(Millis(limits::HELLO_TIMEOUT_MS)), link));
            }
        }
        for (by, link) in late {
            if by <= now {
                self.refuse(link, refusal(RefuseCode::Timeout, None, "no hello came in time"), out);
            } else {
                self.wake_at(by);
            }
        }
        let documents: Vec<DocumentId> = self.documents.keys().copied().collect();
        for document in documents {
            self.drive(document, crate::sync::Input::DeadlineReached, now, out);
            self.unload_if_idle(document, now, out);
        }
    }

    fn unload_if_idle(&mut self, document: DocumentId, now: MonoTime, out: &mut Vec<Output>) {
        let Some(Slot::Live(live)) = self.documents.get_mut(&document) else { return };
        let is_idle = live.empty_since.is_some_and(|since| since.after(self.config.unload_after) <= now);
        if !is_idle {
            return;
        }
        if live.room.is_durable() && !live.is_storing_snapshot() {
            self.documents.remove(&document);
            out.push(Output::Unloaded { document });
        } else {
            live.empty_since = Some(now);
            self.wake_at(now.after(self.config.unload_after));
        }
    }

    fn shut_down(&mut self, now: MonoTime, out: &mut Vec<Output>) {
        if self.drain != Drain::No {
            return;
        }
        self.drain = Drain::Asked;
        let documents: Vec<DocumentId> = self.documents.keys().copied().collect();
        for document in documents {
            self.drive(document, crate::sync::Input::Shutdown, now, out);
        }
        let rest: Vec<LinkId> = self.links.keys().copied().collect();
        for link in rest {
            let retry_after = Some(Millis(self.rng.below(limits::DRAIN_SPREAD_MS)));
            let sentence = "the server is going away for a moment";
            self.refuse(link, refusal(RefuseCode::GoingAway, retry_after, sentence), out);
        }
        self.documents.retain(|_, slot| matches!(slot, Slot::Live(_)));
    }
}

fn refusal(code: RefuseCode, retry_after: Option<Millis>, sentence: &str) -> Refuse {
    Refuse { code, retry_after, sentence: sentence.to_owned() }
}

fn denied() -> Refuse {
    refusal(RefuseCode::Denied, None, DENIED)
}

#[cfg(test)]
mod tests;
