//! A member: its disk, which survives, and its program, which may be killed.

use std::collections::BTreeSet;

use ropey::Rope;

use super::disk::{Disk, JournalWrite, Shadow};
use super::world::Event;
use crate::document::{Document, TextChange};
use crate::protocol::Epoch;
use crate::protocol::capability::Secret;
use crate::sync::{LinkId, PersistToken, Room};

/// One document on one machine.
pub(super) struct Client {
    /// Whose document it has.
    pub(super) place: usize,
    /// The first client of the machine that it runs on: they lose power, sleep and are out of reach together.
    pub(super) machine: usize,
    pub(super) secret: Secret,
    /// The history that it made itself, if it did: then it asks for the document to be created.
    pub(super) own_epoch: Option<Epoch>,
    pub(super) process: Option<Process>,
    /// How many processes there have been.
    pub(super) run: u64,
    pub(super) disk: Disk<JournalWrite>,
    /// What a restart would find.
    pub(super) shadow: Shadow,
    /// Milliseconds that its clock is ahead of the world's.
    pub(super) clock: u64,
    pub(super) is_asleep: bool,
    pub(super) woke_at: u64,
    /// Since when its clock stands still, if it does while it sleeps.
    pub(super) stood_still_at: Option<u64>,
    /// From when to when its clock stood still while it slept.
    pub(super) stood_still: Vec<(u64, u64)>,
    /// What comes once it is awake.
    pub(super) deferred: Vec<Event>,
    pub(super) is_out_of_reach: bool,
    /// When each of its earlier processes ended.
    pub(super) ended_at: Vec<u64>,
}

/// A running program.
pub(super) struct Process {
    pub(super) doc: Document,
    pub(super) room: Room,
    pub(super) link: Option<LinkId>,
    /// How often it has dialed: only the last try counts.
    pub(super) n_dials: u64,
    /// What its screen shows: the text as edits and reported changes made it.
    pub(super) screen: Rope,
    pub(super) is_begun: bool,
    pub(super) epoch: Option<Epoch>,
    pub(super) last_token: Option<PersistToken>,
    /// What it was told that the document is called.
    pub(super) name: String,
    /// What its user took away, and undo may bring back.
    pub(super) deleted: BTreeSet<char>,
    pub(super) n_presences: u64,
}

impl Client {
    /// Returns for how long since then its clock stood still.
    pub(super) fn stood_still_since(&self, since: u64) -> u64 {
        self.stood_still.iter().map(|&(from, to)| to.saturating_sub(from.max(since))).sum()
    }

    pub(super) fn is_writer(&self) -> bool {
        self.secret.access().is_some()
    }
}

impl Process {
    /// Changes the screen as reported. Returns whether it explains the text: nothing else may differ.
    pub(super) fn repaint(&mut self, changes: &[TextChange]) -> bool {
        const UNKNOWN: char = '\0';
        for change in changes {
            if self.screen.len_chars() < change.at + change.n_deleted {
                return false;
            }
            self.screen.remove(change.at..change.at + change.n_deleted);
            self.screen.insert(change.at, &UNKNOWN.to_string().repeat(change.n_inserted));
        }
        let shown = self.screen.chars().zip(self.doc.rope().chars());
        let is_same = self.screen.len_chars() == self.doc.len_chars() && { shown }
            .all(|(shown, true_one)| shown == true_one || shown == UNKNOWN);
        self.screen = self.doc.rope().clone();
        is_same
    }
}
