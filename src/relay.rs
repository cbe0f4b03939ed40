//! Rank 3: many rooms under one roof: which documents are loaded, who may come in, when a document is forgotten.

pub mod event;
mod greeting;
mod loading;
mod manage;
mod slot;

pub use event::{CreatePolicy, Input, Output, RelayConfig, Stored, Ticket};
pub use slot::Overview;

use std::collections::{BTreeMap, BTreeSet};

use crate::base::limits;
use crate::base::rng::Rng;
use crate::base::time::{Millis, MonoTime, WallTime};
use crate::protocol::DocumentId;
use crate::protocol::capability::TokenHash;
use crate::protocol::frame::Frame;
use crate::protocol::greeting::{Hello, Refuse, RefuseCode};
use crate::sync::rate::TokenBucket;
use crate::sync::room::DENIED;
use crate::sync::{LinkId, Traffic};
use slot::Slot;

/// Many documents, their rooms, and who is connected.
#[derive(Debug)]
pub struct Relay {
    config: RelayConfig,
    rng: Rng,
    links: BTreeMap<LinkId, Place>,
    /// Those that have not said hello: the first has waited longest.
    greeting: BTreeSet<LinkId>,
    documents: BTreeMap<DocumentId, Slot>,
    /// When a link that has not said hello is late, or earlier.
    greeting_wake: Option<MonoTime>,
    /// When each document has something to do, or earlier: one entry each at most, that of its slot. So a quiet document costs nothing.
    wakes: BTreeSet<(MonoTime, DocumentId)>,
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
            greeting: BTreeSet::new(),
            documents: BTreeMap::new(),
            greeting_wake: None,
            wakes: BTreeSet::new(),
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
        let of_documents = self.wakes.first().map(|&(at, _)| at);
        self.greeting_wake.into_iter().chain(of_documents).min()
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
            Slot::Loading(_) | Slot::Creating(_) => None,
        })
    }

    fn greeting_wake_at(&mut self, at: MonoTime) {
        self.greeting_wake = Some(self.greeting_wake.map_or(at, |wake| wake.min(at)));
    }

    fn forget(&mut self, link: LinkId) {
        self.links.remove(&link);
        self.greeting.remove(&link);
    }

    /// Tells a link that is in no room why, and closes it.
    fn refuse(&mut self, link: LinkId, refuse: Refuse, out: &mut Vec<Output>) {
        out.push(Output::LinkRefused { link, code: refuse.code });
        out.push(Output::Send { link, bytes: Frame::Refuse(refuse).to_packet().into() });
        out.push(Output::Close { link });
        self.forget(link);
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
        let noted = std::mem::replace(&mut live.wake, wake);
        if noted != wake {
            if let Some(at) = noted {
                self.wakes.remove(&(at, document));
            }
            self.wakes.extend(wake.map(|at| (at, document)));
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

    fn deadline_reached(&mut self, now: MonoTime, out: &mut Vec<Output>) {
        if self.greeting_wake.is_some_and(|wake| wake <= now) {
            self.greeting_wake = None;
            self.end_late_greetings(now, out);
        }
        // As it is now: whoever has something to do again at once comes next time.
        let due: Vec<DocumentId> =
            self.wakes.iter().take_while(|(at, _)| *at <= now).map(|&(_, document)| document).collect();
        for document in due {
            self.drive(document, crate::sync::Input::DeadlineReached, now, out);
            self.unload_if_idle(document, now, out);
        }
    }

    fn end_late_greetings(&mut self, now: MonoTime, out: &mut Vec<Output>) {
        let mut late = Vec::new();
        for &link in &self.greeting {
            if let Some(Place::Greeting { opened_at, .. }) = self.links.get(&link) {
                late.push((opened_at.after(Millis(limits::HELLO_TIMEOUT_MS)), link));
            }
        }
        for (by, link) in late {
            if by <= now {
                self.refuse(link, refusal(RefuseCode::Timeout, None, "no hello came in time"), out);
            } else {
                self.greeting_wake_at(by);
            }
        }
    }

    fn unload_if_idle(&mut self, document: DocumentId, now: MonoTime, out: &mut Vec<Output>) {
        let Some(Slot::Live(live)) = self.documents.get_mut(&document) else { return };
        let is_idle = live.empty_since.is_some_and(|since| since.after(self.config.unload_after) <= now);
        if !is_idle {
            return;
        }
        if live.room.is_durable() && !live.is_storing_snapshot() {
            if let Some(at) = live.wake {
                self.wakes.remove(&(at, document));
            }
            self.documents.remove(&document);
            out.push(Output::Unloaded { document });
        } else {
            live.empty_since = Some(now);
            self.note_deadline(document, now);
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
    Refuse { code, retry_after, sentence: sentence.to_owned(), elsewhere: None }
}

fn denied() -> Refuse {
    refusal(RefuseCode::Denied, None, DENIED)
}

#[cfg(test)]
mod tests;
