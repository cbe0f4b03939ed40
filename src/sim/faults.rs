//! What happens: edits, and everything that goes wrong.

use super::disk::JournalWrite;
use super::network::End;
use super::options::Hostile;
use super::world::{Event, World};
use crate::protocol::presence::{Activity, Presence};
use crate::sync::{Input, LinkId, Status};

/// Milliseconds that a machine or a person is away, at most; a night now and then.
const AWAY_MS_MAX: u64 = 200_000;
const NIGHT_MS: u64 = 8 * 3_600_000;

/// One of the things that happen.
#[derive(Clone, Copy)]
enum Act {
    Edit,
    Cut,
    HalfOpen,
    Partition,
    KillClient,
    QuitClient,
    KillServer,
    Power,
    Full,
    Refused,
    Unreadable,
    Flip,
    Restore,
    Sleep,
    Retry,
    Save,
    Presence,
    Attack,
}

impl World {
    /// Lets one thing happen, to somebody.
    pub(super) fn act(&mut self) {
        let act = self.draw_act();
        self.note(30, act as u64, &[]);
        let i = self.rng.below(self.clients.len() as u64) as usize;
        let place = self.rng.below(self.places.len() as u64) as usize;
        match act {
            Act::Edit => self.edit(i),
            Act::Cut => self.cut_one(true),
            Act::HalfOpen => self.cut_one(false),
            Act::Partition => self.partition(i),
            Act::KillClient => self.kill_or_start(i, false),
            Act::QuitClient => self.quit(i),
            Act::KillServer => self.kill_or_start_server(place, false),
            Act::Power if self.rng.below(2) == 0 => self.kill_or_start_server(place, true),
            Act::Power => self.power(i),
            Act::Full => self.fill_or_free(place, i),
            Act::Refused if self.rng.below(2) == 0 => self.places[place].store.refuses = true,
            Act::Refused => self.clients[i].disk.refuses = true,
            Act::Unreadable if self.rng.below(2) == 0 => self.places[place].store.is_unreadable = true,
            Act::Unreadable => self.clients[i].disk.is_unreadable = true,
            Act::Flip => self.flip(place, i),
            Act::Restore => self.restore(place, i),
            Act::Sleep => self.sleep(i),
            Act::Retry => self.input(i, Input::RetryNow),
            Act::Save => self.save(i),
            Act::Presence => self.show(i),
            Act::Attack => self.attack(),
        }
    }

    fn draw_act(&mut self) -> Act {
        let options = &self.options;
        let attack = if options.hostile == Hostile::None { 0 } else { 10 };
        let weights = [
            (Act::Edit, options.edit),
            (Act::Cut, options.cut),
            (Act::HalfOpen, options.half_open),
            (Act::Partition, options.partition),
            (Act::KillClient, options.kill_client),
            (Act::QuitClient, options.quit_client),
            (Act::KillServer, options.kill_server),
            (Act::Power, options.power),
            (Act::Full, options.full),
            (Act::Refused, options.refused),
            (Act::Unreadable, options.unreadable),
            (Act::Flip, options.flip),
            (Act::Restore, options.restore),
            (Act::Sleep, options.sleep),
            (Act::Retry, options.retry),
            (Act::Save, options.save),
            (Act::Presence, options.presence),
            (Act::Attack, attack),
        ];
        let total = weights.iter().map(|(_, weight)| weight).sum();
        let mut at = self.rng.below(total);
        for (act, weight) in weights {
            if at < weight {
                return act;
            }
            at -= weight;
        }
        Act::Edit
    }

    /// Edits at random: types, takes away, undoes, redoes.
    pub fn edit(&mut self, i: usize) {
        let is_undo = self.rng.below(100) < self.options.undo_percent;
        let is_hot = self.rng.below(100) < self.options.hot_percent;
        let n = 1 + self.rng.below(self.options.n_chars_edit) as usize;
        let (place, kind) = (self.rng.next_u64(), self.rng.below(4));
        // Whoever joins sees nothing, and cannot edit, before the first welcome.
        let joined = |process: &&mut super::client::Process| process.epoch.is_some();
        let truth = &mut self.places[self.clients[i].place].truth;
        let Some(process) = self.clients[i].process.as_mut().filter(joined) else { return };
        let len = process.doc.len_chars();
        let at = if is_hot { len / 2 } else { (place % (len as u64 + 1)) as usize };
        match (is_undo, kind) {
            (true, kind) => return self.undo(i, kind == 0),
            (false, 0) if at < len => {
                let range = at..(at + n).min(len);
                process.deleted.extend(process.doc.rope().slice(range.clone()).chars());
                process.doc.delete(range).expect("inside the text");
            }
            _ => {
                let text: String = (0..n).map(|_| truth.next_char()).collect();
                truth.typed(i, &text);
                process.doc.insert(at, &text).expect("inside the text");
            }
        }
        self.edited(i);
    }

    /// Changes a client's text as a user would.
    pub fn edit_with(&mut self, i: usize, change: impl FnOnce(&mut crate::document::Document)) {
        let Some(process) = &mut self.clients[i].process else { return };
        change(&mut process.doc);
        let text = process.doc.to_string();
        self.places[self.clients[i].place].truth.typed(i, &text);
        self.edited(i);
    }

    fn edited(&mut self, i: usize) {
        let (is_true, place) = (self.clients[i].is_writer() && self.is_of_document(i), self.clients[i].place);
        let Some(process) = &mut self.clients[i].process else { return };
        process.screen = process.doc.rope().clone();
        if is_true {
            self.places[place].truth.learn(&process.doc);
        }
        self.input(i, Input::Edited);
    }

    fn undo(&mut self, i: usize, is_redo: bool) {
        let Some(process) = &mut self.clients[i].process else { return };
        let before = process.doc.rope().clone();
        let applied = if is_redo { process.doc.redo() } else { process.doc.undo() };
        let Ok(Some(applied)) = applied else { return };
        let is_explained = process.repaint(&applied.changes);
        let after = process.doc.rope().clone();
        if !is_explained {
            self.fail(format!("client {i}: what undo reported does not explain its text"));
        }
        self.check_undo(i, &before, &after);
        self.edited(i);
    }

    /// Undo takes away only what its user typed, and brings back only what its user took away.
    fn check_undo(&mut self, i: usize, before: &ropey::Rope, after: &ropey::Rope) {
        let count = |rope: &ropey::Rope| {
            let mut counts = std::collections::BTreeMap::<char, i64>::new();
            rope.chars().for_each(|ch| *counts.entry(ch).or_default() += 1);
            counts
        };
        let (before, after) = (count(before), count(after));
        let truth = &mut self.places[self.clients[i].place].truth;
        let Some(process) = &mut self.clients[i].process else { return };
        let mut wrong = None;
        for (&ch, &n) in &before {
            if after.get(&ch).copied().unwrap_or(0) < n {
                let is_own = truth.authors.get(&ch) == Some(&i) || process.deleted.contains(&ch);
                process.deleted.insert(ch);
                wrong = wrong.or((!is_own).then_some((ch, "took away")));
            }
        }
        for (&ch, &n) in &after {
            let n_new = n - before.get(&ch).copied().unwrap_or(0);
            if 0 < n_new {
                *truth.revived.entry(ch).or_default() += n_new as usize;
                wrong = wrong.or((!process.deleted.contains(&ch)).then_some((ch, "brought back")));
            }
        }
        if let Some((ch, what)) = wrong {
            self.fail(format!("client {i}: undo {what} {ch:?}, which was another's"));
        }
    }

    /// Ends one connection, telling its ends after a while, or never.
    fn cut_one(&mut self, tells: bool) {
        let links: Vec<LinkId> = self.wires.keys().copied().collect();
        if links.is_empty() {
            return;
        }
        let link = links[self.rng.below(links.len() as u64) as usize];
        if tells {
            self.break_wire(link);
        } else if let Some(wire) = self.wires.get_mut(&link) {
            wire.is_broken = true;
        }
    }

    /// Nothing gets through any more; each end learns of it at its own time.
    pub(super) fn break_wire(&mut self, link: LinkId) {
        if self.requests_cut(link) {
            return;
        }
        let Some(wire) = self.wires.get_mut(&link) else { return };
        wire.is_broken = true;
        for end in [End::Client, End::Server] {
            let at = self.now + if self.rng.below(2) == 0 { 0 } else { self.rng.below(20_000) };
            self.later(at, Event::Notice { link, end });
        }
    }

    /// Ends a client's connections at once, at both ends.
    pub fn cut(&mut self, i: usize) {
        let links: Vec<LinkId> =
            self.wires.iter().filter(|(_, wire)| wire.client == i).map(|(&id, _)| id).collect();
        for link in links {
            if let Some(wire) = self.wires.get_mut(&link) {
                wire.is_broken = true;
            }
            self.later(self.now, Event::Notice { link, end: End::Client });
            self.later(self.now, Event::Notice { link, end: End::Server });
        }
    }

    /// Returns the clients that run on the same machine as this one.
    fn on_machine_of(&self, i: usize) -> Vec<usize> {
        let machine = self.clients[i].machine;
        (0..self.clients.len()).filter(|&other| self.clients[other].machine == machine).collect()
    }

    fn partition(&mut self, i: usize) {
        let until = self.now + self.rng.below(AWAY_MS_MAX);
        for i in self.on_machine_of(i) {
            self.set_out_of_reach(i, true);
            self.later(until, Event::Reachable { client: i });
        }
    }

    /// Lets nothing through between a client and all others, or lets it through again.
    pub fn set_out_of_reach(&mut self, i: usize, is_out: bool) {
        self.clients[i].is_out_of_reach = is_out;
        if is_out {
            for link in self.links_of(i) {
                self.wires.entry(link).and_modify(|wire| wire.is_broken = true);
            }
        }
    }

    fn kill_or_start(&mut self, i: usize, is_power: bool) {
        match self.clients[i].process {
            Some(_) => self.kill_client(i, is_power),
            None => self.start_client(i),
        }
    }

    /// The power of a machine goes, or comes back.
    fn power(&mut self, i: usize) {
        let is_on = self.clients[i].process.is_some();
        for i in self.on_machine_of(i) {
            if self.clients[i].process.is_some() == is_on {
                self.kill_or_start(i, true);
            }
        }
    }

    /// `kill -9`: the program is gone and with it what its disk had not yet taken.
    pub fn kill_client(&mut self, i: usize, is_power: bool) {
        if self.clients[i].process.take().is_none() {
            return;
        }
        let n_kept = self.rng.below(self.clients[i].disk.waiting.len() as u64 + 1) as usize;
        let kept = self.clients[i].disk.crash(n_kept);
        kept.into_iter().for_each(|write| self.keep_journalled(i, write));
        let client = &mut self.clients[i];
        client.run += 1;
        client.disk.is_stalled = false;
        client.ended_at.push(self.now);
        if std::mem::take(&mut client.is_asleep) {
            client.deferred.clear();
            client.stood_still_at = None;
        }
        self.drop_ends(self.links_of(i), self.end_of(i), is_power);
    }

    /// Returns the connections of a client, to its server or as one.
    fn links_of(&self, i: usize) -> Vec<LinkId> {
        let place = self.is_host(i).then_some(self.clients[i].place);
        let links = self.wires.iter().filter(|(_, wire)| wire.client == i || Some(wire.place) == place);
        links.map(|(&id, _)| id).collect()
    }

    fn drop_ends(&mut self, links: Vec<LinkId>, end: End, is_power: bool) {
        for link in links {
            let at = self.now + self.options.latency_ms + self.rng.below(self.options.jitter_ms + 1);
            if let Some(wire) = self.wires.get_mut(&link) {
                wire.close(end);
                wire.is_broken |= is_power;
            }
            if !is_power {
                self.later(at, Event::Notice { link, end: end.other() });
            }
        }
    }

    /// The user ends the program.
    fn quit(&mut self, i: usize) {
        if self.clients[i].process.is_none() || self.clients[i].is_asleep {
            return self.kill_or_start(i, false);
        }
        self.input(i, Input::Shutdown);
        let Some(process) = &self.clients[i].process else { return };
        let acknowledged = process.room.acknowledged();
        // What waits is written before the program is gone.
        let waiting: Vec<JournalWrite> =
            self.clients[i].disk.waiting.drain(..).map(|(_, write)| write).collect();
        if !self.clients[i].disk.is_full {
            waiting.into_iter().for_each(|write| self.keep_journalled(i, write));
            self.keep_journalled(i, JournalWrite::Acknowledged(acknowledged));
        }
        self.kill_client(i, false);
    }

    fn kill_or_start_server(&mut self, p: usize, is_power: bool) {
        match (self.places[p].host, &self.places[p].relay) {
            (Some(host), _) => self.kill_or_start(host, is_power),
            (None, Some(_)) => self.kill_relay(p, is_power),
            (None, None) => self.restart_relay(p),
        }
    }

    /// `kill -9` of a relay.
    pub fn kill_relay(&mut self, p: usize, is_power: bool) {
        let place = &mut self.places[p];
        if place.relay.take().is_none() {
            return;
        }
        place.run += 1;
        let n_kept = self.rng.below(place.store.waiting.len() as u64 + 1) as usize;
        let kept = place.store.crash(n_kept);
        kept.into_iter().for_each(|write| self.keep_stored(p, write));
        let links = self.wires.iter().filter(|(_, wire)| wire.place == p).map(|(&id, _)| id).collect();
        self.drop_ends(links, End::Server, is_power);
    }

    /// Starts a relay again, if it does not run.
    pub fn restart_relay(&mut self, p: usize) {
        if self.places[p].relay.is_none() {
            self.start_relay(p);
        }
    }

    fn fill_or_free(&mut self, p: usize, i: usize) {
        let is_full = match self.rng.below(2) {
            0 => &mut self.places[p].store.is_full,
            _ => &mut self.clients[i].disk.is_full,
        };
        *is_full = !*is_full;
    }

    /// Fills a relay's disk, or frees it.
    pub fn set_full(&mut self, p: usize, is_full: bool) {
        self.places[p].store.is_full = is_full;
    }

    /// A bit flips on a disk, in something that was written since the beginning. Nobody notices before it is read.
    fn flip(&mut self, p: usize, i: usize) {
        let place = &mut self.places[p];
        let at = self.rng.next_u64();
        match place.host.is_none() && self.rng.below(2) == 0 {
            true => place.store.flip(1, at),
            false => {
                let client = &mut self.clients[i];
                client.disk.flip(usize::from(client.own_epoch.is_some()), at);
            }
        }
    }

    /// Flips a bit of a relay's disk, in its last write.
    pub fn flip_store(&mut self, p: usize) {
        let n = self.places[p].store.synced.len();
        self.places[p].store.flip(n - 1, 0);
    }

    /// Flips a bit of a client's disk, in its last write.
    pub fn flip_journal(&mut self, i: usize) {
        let n = self.clients[i].disk.synced.len();
        self.clients[i].disk.flip(n - 1, 0);
    }

    /// The operator of a server whose disk has a flipped bit stops it and takes the copy from before.
    pub fn mend_store(&mut self, p: usize) {
        if let Some(n) = self.places[p].store.flipped {
            self.kill_relay(p, false);
            self.restore_relay(p, n);
        }
    }

    /// A user whose record cannot be read any more gives it up; a host takes the copy from before.
    pub fn mend_journal(&mut self, i: usize) {
        let Some(flipped) = self.clients[i].disk.flipped else { return };
        self.kill_client(i, false);
        let place = self.clients[i].place;
        match self.is_host(i) {
            true => self.restore_journal(i, flipped),
            false => self.restore_journal(i, usize::from(self.clients[i].own_epoch.is_some())),
        }
        if self.is_host(i) || self.places[place].truth.is_restored {
            self.forget_promises(place);
        }
    }

    /// A dead machine comes back with an older copy of its disk.
    fn restore(&mut self, p: usize, i: usize) {
        let of_client = self.clients[i].place;
        if self.places[p].host.is_none() && self.rng.below(2) == 0 {
            if self.places[p].relay.is_none() {
                let n = self.rng.below(self.places[p].store.synced.len() as u64 + 1) as usize;
                self.restore_relay(p, n);
            }
        } else if self.clients[i].process.is_none()
            && !self.places[of_client].truth.is_restored
            && self.is_of_document(i)
        {
            let synced = &self.clients[i].disk.synced;
            // What the machine began with was copied, too. A copy from before edits were rewritten and sent would bring
            // their text twice (docs/decisions/0015): that it cannot be told is known.
            let is_rewritten = |write: &JournalWrite| matches!(write, JournalWrite::Rewritten { .. });
            let n_first = usize::from(self.clients[i].own_epoch.is_some());
            let n_first = synced.iter().rposition(is_rewritten).map_or(n_first, |at| at + 1);
            let n = n_first as u64 + self.rng.below((synced.len() - n_first) as u64 + 1);
            self.restore_journal(i, n as usize);
            if self.is_host(i) {
                self.forget_promises(of_client);
            }
        }
    }

    /// The disk of a relay that does not run becomes an older copy: what its first `n` writes made of it.
    pub fn restore_relay(&mut self, p: usize, n: usize) {
        self.restore_store(p, n);
        self.forget_promises(p);
    }

    /// Of what was promised, only what is on the disk of somebody who can bring it back is still safe.
    fn forget_promises(&mut self, p: usize) {
        let mut kept = self.kept(p);
        for (i, client) in self.clients.iter().enumerate() {
            if client.place == p && client.is_writer() && self.is_of_document(i) {
                kept.merge(&client.shadow.doc.version());
            }
        }
        let truth = &mut self.places[p].truth;
        truth.is_restored = true;
        truth.promised.limit_to(&kept);
    }

    fn sleep(&mut self, i: usize) {
        let is_night = self.rng.below(20) == 0;
        let until = self.now + if is_night { NIGHT_MS } else { self.rng.below(AWAY_MS_MAX) };
        let stands_still = self.rng.below(2) == 0;
        for i in self.on_machine_of(i) {
            let client = &mut self.clients[i];
            if client.is_asleep || client.process.is_none() {
                continue;
            }
            client.is_asleep = true;
            client.stood_still_at = stands_still.then_some(self.now);
            self.later(until, Event::Awake { client: i });
        }
    }

    pub(super) fn wake_up(&mut self, i: usize) {
        if !std::mem::take(&mut self.clients[i].is_asleep) {
            return;
        }
        self.clients[i].woke_at = self.now;
        if let Some(at) = self.clients[i].stood_still_at.take() {
            self.clients[i].clock -= self.now - at;
            self.clients[i].stood_still.push((at, self.now));
        }
        let deferred = std::mem::take(&mut self.clients[i].deferred);
        deferred.into_iter().for_each(|event| self.later(self.now, event));
    }

    fn save(&mut self, i: usize) {
        let Some(process) = &mut self.clients[i].process else { return };
        let Some(token) = process.last_token.filter(|_| process.is_begun) else { return };
        let (snapshot, version) = (process.doc.save(), process.doc.version());
        process.room.set_saved(version.clone());
        self.ask_journal(i, JournalWrite::Saved { snapshot, version, token: token.0 });
    }

    /// A user shows where he is.
    pub fn show(&mut self, i: usize) {
        let run = self.clients[i].run;
        let Some(process) = &mut self.clients[i].process else { return };
        process.n_presences += 1;
        let presence = Presence {
            name: format!("{i} {run}"),
            color: (process.n_presences % 16) as u8,
            cursor: None,
            selections: Vec::new(),
            activity: Activity::Idle,
        };
        self.input(i, Input::PresenceChanged(Some(presence)));
    }

    /// The faults stop: everything that is off is switched on, and what was cut is known to be.
    pub(super) fn heal(&mut self) {
        self.is_faulty = false;
        (self.options.latency_ms, self.options.jitter_ms) = (self.options.latency_ms.min(100), 30);
        (self.options.bytes_per_ms, self.options.disk_ms) = (100_000, 10);
        for p in 0..self.places.len() {
            let store = &mut self.places[p].store;
            (store.is_full, store.refuses, store.is_unreadable) = (false, false, false);
            self.mend_store(p);
        }
        self.attacker_leaves();
        for i in 0..self.clients.len() {
            let disk = &mut self.clients[i].disk;
            (disk.is_full, disk.refuses, disk.is_unreadable) = (false, false, false);
            self.clients[i].is_out_of_reach = false;
            self.wake_up(i);
            self.mend_journal(i);
            if self.clients[i].process.is_none() {
                self.start_client(i);
            }
        }
        (0..self.places.len()).for_each(|p| self.restart_relay(p));
        let links = self.wires.iter().filter(|(_, wire)| wire.is_broken || wire.is_failing);
        let links: Vec<LinkId> = links.map(|(&id, _)| id).collect();
        for link in links {
            self.later(self.now, Event::Notice { link, end: End::Client });
            self.later(self.now, Event::Notice { link, end: End::Server });
        }
        self.run(1_000);
        self.people_retry();
        // A server that lost its document gets it back from whoever made it; the others are told to try again until then.
        self.run(2_000);
        self.people_retry();
    }

    fn people_retry(&mut self) {
        for i in 0..self.clients.len() {
            let status = self.clients[i].process.as_ref().map(|process| process.room.status());
            let is_denied = matches!(status, Some(Status::Denied { .. }));
            if self.options.presses_retry || is_denied {
                self.input(i, Input::RetryNow);
            }
        }
    }
}
