//! What must hold: after each step, at each act, and once everything has come to rest.

use std::collections::BTreeMap;

use super::disk;
use super::network::End;
use super::options::Hostile;
use super::truth::Truth;
use super::world::World;
use crate::base::limits;
use crate::crdt::{ReplicaId, VersionVector};
use crate::document::Document;
use crate::sync::Status;

/// Milliseconds after which somebody who left is shown nowhere: the expiry and one heartbeat.
const SHOWN_MS_MAX: u64 = limits::PRESENCE_EXPIRY_MS + limits::HEARTBEAT_MS;
/// Bytes of a queue for a link that reads nothing: what ends it, and the answer to one more packet.
const UNSENT_BYTES_MAX: usize = limits::LINK_UNREAD_QUEUES_MAX * limits::LINK_QUEUE_BYTES_MAX + (1 << 20);

/// The text of each version of each document.
type Texts = BTreeMap<(usize, Vec<(ReplicaId, u64)>), String>;

impl World {
    /// After each input of a client: what it shows, and what it was promised.
    pub(super) fn check_client(&mut self, i: usize) {
        let client = &self.clients[i];
        let Some(process) = &client.process else { return };
        if process.screen.len_chars() != process.doc.len_chars() {
            return self.fail(format!("client {i}: its text changed and nobody was told"));
        }
        if !client.shadow.doc.version().includes(process.room.durable()) {
            return self.fail(format!("client {i} takes for kept what is not on its disk"));
        }
        if !self.is_synced_truly(i) {
            return self
                .fail(format!("client {i} says that all of it is on the server's disk, and it is not"));
        }
        let place = client.place;
        if self.is_of_document(i) && !self.places[place].truth.is_restored {
            let acknowledged = process.room.acknowledged();
            let truth = &mut self.places[place].truth;
            if !truth.promised.includes(&acknowledged) {
                truth.promised.merge(&acknowledged);
                self.check_promises(place);
            }
        }
    }

    /// Whether a client that says that all is acknowledged is right, unless it does not know yet that its server is gone.
    fn is_synced_truly(&self, i: usize) -> bool {
        let Some(process) = &self.clients[i].process else { return true };
        let is_connected = { process.link }
            .and_then(|link| self.wires.get(&link))
            .is_some_and(|wire| wire.is_open(End::Server));
        let is_synced = matches!(process.room.status(), Status::Synced { .. });
        !is_connected || !is_synced || self.kept(self.clients[i].place).includes(&process.doc.version())
    }

    /// What a restart of a server would find.
    pub(super) fn kept(&self, p: usize) -> VersionVector {
        match self.places[p].host {
            Some(host) => self.clients[host].shadow.doc.version(),
            None => self.places[p].shadow.doc.version(),
        }
    }

    /// Whether a client belongs to the document of its server.
    pub(super) fn is_of_document(&self, i: usize) -> bool {
        self.places[self.clients[i].place].has(&self.clients[i])
    }

    /// What was acknowledged is on the server's disk.
    fn check_promises(&mut self, p: usize) {
        let (kept, promised) = (self.kept(p), &self.places[p].truth.promised);
        if !kept.includes(promised) {
            let n = promised.n_ops_beyond(&kept);
            self.fail(format!("{n} acknowledged operations are not on the server's disk"));
        }
    }

    /// Between two acts: all members, thoroughly.
    pub(super) fn check_all(&mut self) {
        let mut texts = Texts::new();
        for i in 0..self.clients.len() {
            if self.clients[i].process.is_none() || !self.is_of_document(i) {
                continue;
            }
            if let Err(what) = self.check_text(i, &mut texts) {
                return self.fail(format!("client {i}: {what}"));
            }
            self.check_people(i);
        }
        self.check_queues();
    }

    fn check_text(&self, i: usize, texts: &mut Texts) -> Result<(), String> {
        let client = &self.clients[i];
        let Some(process) = &client.process else { return Ok(()) };
        let place = &self.places[client.place];
        let (truth, doc) = (&place.truth, &process.doc);
        doc.check_invariants();
        if process.screen != *doc.rope() {
            return Err("shows another text than it has".to_owned());
        }
        if process.room.epoch().is_some_and(|epoch| epoch != place.epoch) {
            return Err("has taken another history".to_owned());
        }
        let version = doc.version();
        let strange = version.iter().find(|&(replica, next)| {
            let is_own_reading = truth.readers.contains(&replica) && !client.is_writer();
            !is_own_reading && truth.doc.version().get(replica) < next
        });
        if let Some((replica, _)) = strange {
            return Err(format!("has operations of {replica:?} that no writer made"));
        }
        let text = doc.to_string();
        check_chars(truth, &text)?;
        match texts.entry((client.place, version.iter().collect())) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                let is_writers = version.iter().all(|(replica, _)| !truth.readers.contains(&replica));
                let true_text = truth.doc.text_at(&version);
                if is_writers && true_text.as_ref() != Ok(doc.rope()) {
                    return Err(format!("shows {text:?}, not {true_text:?}"));
                }
                entry.insert(text);
                Ok(())
            }
            std::collections::btree_map::Entry::Occupied(entry) if *entry.get() != text => {
                Err("has another text than somebody with the same version".to_owned())
            }
            std::collections::btree_map::Entry::Occupied(_) => Ok(()),
        }
    }

    /// Nobody is shown long after his program ended.
    fn check_people(&mut self, i: usize) {
        let client = &self.clients[i];
        // Whoever slept has had no time to look.
        if client.is_asleep || self.now < client.woke_at + 1_000 {
            return;
        }
        let Some(process) = &client.process else { return };
        // A member may show any name: who plays others' presences again shows theirs as its own.
        if self.options.hostile == Hostile::Reader {
            return;
        }
        let ghost = process.room.people().into_iter().find_map(|(_, presence)| {
            let (who, run) = presence.name.split_once(' ')?;
            let (who, run): (usize, usize) = (who.parse().ok()?, run.parse().ok()?);
            let ended_at = *self.clients.get(who)?.ended_at.get(run)?;
            let slack = 2 * (self.options.latency_ms + self.options.jitter_ms) + self.options.disk_ms + 1_000;
            // No time goes by for whoever sleeps with his clock.
            let slack = slack + client.stood_still_since(ended_at);
            (ended_at + SHOWN_MS_MAX + slack < self.now).then_some((presence.name, ended_at))
        });
        if let Some((name, ended_at)) = ghost {
            let since = self.now - ended_at;
            self.fail(format!("client {i} still sees {name:?}, who ended {since} ms ago"));
        }
    }

    fn check_queues(&mut self) {
        let mut unsent_max = 0;
        for wire in self.wires.values() {
            unsent_max = unsent_max.max(wire.n_unsent(End::Client)).max(wire.n_unsent(End::Server));
        }
        if UNSENT_BYTES_MAX < unsent_max {
            self.fail(format!("{unsent_max} bytes wait for one connection"));
        }
        let n_waiting = self.clients.iter().filter_map(|client| client.process.as_ref());
        if n_waiting.map(|process| process.doc.n_waiting()).max().unwrap_or(0) > limits::WAITING_CHANGES_MAX {
            self.fail("too much waits for its causes".to_owned());
        }
    }

    /// Returns whether all who run have the same text of each document, which is on its server's disk.
    pub fn has_converged(&self) -> bool {
        self.unconverged().is_none()
    }

    /// Returns who or what is not in step with the rest.
    pub fn unconverged(&self) -> Option<String> {
        (0..self.places.len()).find_map(|p| self.unconverged_at(p))
    }

    fn unconverged_at(&self, p: usize) -> Option<String> {
        let (kept, truth) = (self.server_document(p)?, &self.places[p].truth);
        let kept = match kept {
            Ok(doc) => doc,
            Err(error) => return Some(format!("the server's disk cannot be read: {error}")),
        };
        if !kept.version().includes(&truth.promised) {
            let n = truth.promised.n_ops_beyond(&kept.version());
            return Some(format!("{n} acknowledged operations are lost"));
        }
        for (i, client) in self.clients.iter().enumerate().filter(|(_, client)| client.place == p) {
            let Some(process) = client.process.as_ref().filter(|_| self.is_of_document(i)) else { continue };
            let version = process.doc.version();
            let others = version.iter().filter(|(replica, _)| !truth.readers.contains(replica));
            let others: VersionVector = others.collect();
            // What only a reader has when the server's disk comes back as an older copy, nobody can bring back: a reader's
            // word counts for nothing.
            let is_ahead = others.includes(&kept.version()) && truth.is_restored && !client.is_writer();
            if others != kept.version() && !is_ahead {
                let (has, lacks) =
                    (others.n_ops_beyond(&kept.version()), kept.version().n_ops_beyond(&others));
                let status = process.room.status();
                return Some(format!(
                    "client {i}, {status:?}, has {has} operations that the server's disk lacks, and lacks {lacks}"
                ));
            }
            let status = process.room.status();
            let is_settled = match status {
                Status::Synced { .. } | Status::Hosting { .. } => true,
                Status::ReadOnly { .. } => !client.is_writer(),
                _ => false,
            };
            if !is_settled {
                return Some(format!("client {i} is {status:?}"));
            }
            if client.is_writer() && process.doc.rope() != kept.rope() {
                return Some(format!("client {i} shows another text than the server's disk has"));
            }
        }
        None
    }

    /// Returns what a restart of a server would make of its disk; `None` if it has nothing.
    fn server_document(&self, p: usize) -> Option<Result<Document, String>> {
        let replica = ReplicaId::new(2);
        if let Some(host) = self.places[p].host {
            let record = disk::record(&self.clients[host].disk.synced)?;
            return Some(record.recover(replica).map_err(|error| error.to_string()));
        }
        let stored = disk::stored(&self.places[p].store.synced)?;
        let mut doc = Document::new(replica);
        if let Some(bytes) = &stored.snapshot {
            match Document::load(replica, bytes) {
                Ok(loaded) => doc = loaded,
                Err(error) => return Some(Err(error.to_string())),
            }
        }
        for batch in &stored.tail {
            if let Err(error) = doc.apply(batch) {
                return Some(Err(error.to_string()));
            }
        }
        Some(Ok(doc))
    }

    /// Once all is at rest: nobody has text of a document that is not his.
    pub(super) fn check_strangers(&mut self) {
        for i in 0..self.clients.len() {
            let Some(process) = &self.clients[i].process else { continue };
            let is_own = |p: usize| p == self.clients[i].place && self.is_of_document(i);
            let others = (0..self.places.len()).filter(|&p| !is_own(p)).map(|p| &self.places[p].truth);
            let is_anothers =
                |ch: &char| others.clone().any(|truth| truth.authors.get(ch).is_some_and(|&by| by != i));
            if process.doc.rope().chars().any(|ch| is_anothers(&ch)) {
                self.fail(format!("client {i} has text of another history"));
            }
        }
    }
}

/// No character that nobody typed, none twice but what undo brought back.
fn check_chars(truth: &Truth, text: &str) -> Result<(), String> {
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    text.chars().for_each(|ch| *counts.entry(ch).or_default() += 1);
    for (ch, n) in counts {
        let n_typed = truth.authors.get(&ch).map_or(0, |_| 1);
        if n_typed + truth.revived.get(&ch).copied().unwrap_or(0) < n {
            return Err(format!("has {ch:?} {n} times, which was typed {n_typed} times"));
        }
    }
    Ok(())
}
