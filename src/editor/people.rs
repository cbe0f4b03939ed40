//! Who else is here, as the screen shows them.

use crate::base::time::MonoTime;
use crate::protocol::ConnectionId;
use crate::protocol::capability::Mode;
use crate::protocol::presence::{Activity, Presence};
use crate::sync::Status;

use super::help::wrapped;
use super::picker::{Item, Picker, PickerKind};
use super::selection::Selection;
use super::{Effect, Model, NOTICE_MS, glyph, grapheme};

/// How long a name is shown beside a cursor that moved, in milliseconds.
pub const LABEL_MS: u64 = 2_000;

/// How long after an edit its author counts as typing, in milliseconds.
const TYPING_MS: u64 = 3_000;

/// How long after the last key somebody counts as away, in milliseconds.
const AWAY_MS: u64 = 5 * 60_000;

/// Somebody else in the document, with what the screen remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Which connection; the serving side hands it out.
    pub id: ConnectionId,
    /// What was last heard. Its name is untrusted: made safe when drawn.
    pub presence: Presence,
    /// Until when the name is shown at the cursor; set when the cursor moves.
    pub label_until: Option<MonoTime>,
    /// The last place the cursor resolved to. Kept while the character it names is not here yet.
    pub at: Option<usize>,
}

/// When the user last did something.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastSeen {
    /// The last key or click.
    pub input: MonoTime,
    /// The last edit, if there was one.
    pub edit: Option<MonoTime>,
}

impl LastSeen {
    /// What the user is doing.
    pub fn activity(self, now: MonoTime) -> Activity {
        match self.edit {
            Some(at) if now.since(at).0 < TYPING_MS => Activity::Typing,
            _ if now.since(self.input).0 < AWAY_MS => Activity::Idle,
            _ => Activity::Away,
        }
    }

    /// When the activity changes by itself.
    pub fn next_change(self, now: MonoTime) -> Option<MonoTime> {
        match self.activity(now) {
            Activity::Typing => self.edit.map(|at| MonoTime(at.0 + TYPING_MS)),
            Activity::Idle => Some(MonoTime(self.input.0 + AWAY_MS)),
            Activity::Away => None,
        }
    }
}

impl Peer {
    /// Returns the name, or what stands for one. Untrusted: made safe when drawn.
    fn name(&self) -> String {
        let name = self.presence.name.trim();
        if name.is_empty() { format!("(unnamed) {}", self.id.0) } else { name.to_owned() }
    }
}

impl Model {
    /// Takes in who is here now. A cursor that moved shows its name for a while.
    pub(crate) fn set_people(&mut self, people: Vec<(ConnectionId, Presence)>, now: MonoTime) {
        let before = std::mem::take(&mut self.people);
        self.people = people
            .into_iter()
            .map(|(id, presence)| {
                let known = before.iter().find(|peer| peer.id == id);
                let moved = known.is_none_or(|peer| peer.presence.cursor != presence.cursor);
                let label_until =
                    if moved { Some(MonoTime(now.0 + LABEL_MS)) } else { known.and_then(|p| p.label_until) };
                let resolved = presence.cursor.and_then(|anchor| self.document().resolve(anchor));
                // A cursor behind an edit that is not here yet stays where it was.
                let at = resolved.or_else(|| presence.cursor.and(known.and_then(|peer| peer.at)));
                Peer { id, presence, label_until, at }
            })
            .collect();
    }

    /// Opens the list of who else is here.
    pub(crate) fn list_people(&mut self, kind: PickerKind, now: MonoTime) {
        if self.people.is_empty() {
            return self.notify("nobody else is here", now);
        }
        let item = |peer: &Peer| {
            let line = self.place_of_peer(peer).map(|at| self.rope().char_to_line(at) + 1);
            let line = line.map_or(String::new(), |line| format!("  line {line}"));
            Item { text: peer.name(), detail: format!("{}{line}", peer.id.0) }
        };
        let items = self.people.iter().map(item).collect();
        self.listed_people = self.people.iter().map(|peer| peer.id).collect();
        self.picker = Some(Picker::new(kind, items));
    }

    /// Goes to where the person of a row of the list is now.
    pub(crate) fn go_to_person(&mut self, n: usize, now: MonoTime) {
        let peer = self.listed_people.get(n).and_then(|id| self.people.iter().find(|peer| peer.id == *id));
        match peer.and_then(|peer| self.place_of_peer(peer)) {
            Some(at) => {
                self.end_run();
                self.select(Selection::caret(at));
                self.center();
            }
            None => self.notify("they are not here any more", now),
        }
    }

    /// Goes along with the person of a row of the list from now on.
    pub(crate) fn follow_listed(&mut self, n: usize, now: MonoTime) {
        let peer = self.listed_people.get(n).and_then(|id| self.people.iter().find(|peer| peer.id == *id));
        let Some((id, name)) = peer.map(|peer| (peer.id, peer.name())) else {
            return self.notify("they are not here any more", now);
        };
        self.go_to_person(n, now);
        self.following = Some(id);
        self.notify(format!("following {name} until the next key"), now);
    }

    /// Returns what stands above the people, as rows for this screen: why nobody is reached, and the link. Harmless on any terminal.
    pub fn people_head_rows(&self) -> Vec<String> {
        let cells = usize::from(self.screen.0.saturating_sub(4)).max(1);
        let mut rows = Vec::new();
        let mut add = |text: &str| rows.extend(wrapped(&glyph::line(text), cells));
        match &self.connection {
            Status::Offline { reason, .. } if !reason.is_empty() => add(&format!("offline: {reason}")),
            Status::Denied { sentence, .. } => add(&format!("denied: {sentence}; F5 tries again")),
            Status::Paused { sentence, .. } => add(&format!("waiting: {sentence}")),
            _ => {}
        }
        if let Some(link) = &self.link {
            if !self.is_shared_yet {
                add("Not shared yet: the relay was not reached, and the link leads nowhere before.");
            }
            add("Others join with: coedit join LINK (c copies it, r one that can only read)");
            // Cut into rows, never short: half a link leads nowhere.
            add(&link.to_string());
            if matches!(self.connection, Status::Hosting { .. }) {
                add(
                    "Whoever has the link may do with the text what you may. It leads here, until this editor ends.",
                );
            } else if link.secret.mode() == Mode::Write {
                add(
                    "Whoever has the link that the text was shared with may write, invite, remove people and replace the link.",
                );
            }
        }
        if !rows.is_empty() {
            rows.push(String::new());
        }
        rows
    }

    /// Returns how many rows of the box with the link and the people are more than the screen shows.
    pub(crate) fn people_rows_beyond(&self) -> usize {
        (self.people_head_rows().len() + 1 + self.people.len()).saturating_sub(self.help_rows_shown())
    }

    /// Puts the caret where the followed person is. Returns whether it is to be brought into view.
    pub(crate) fn follow(&mut self, now: MonoTime) -> bool {
        let Some(id) = self.following else { return false };
        match self.people.iter().find(|peer| peer.id == id) {
            Some(peer) => match self.place_of_peer(peer).filter(|&at| at != self.caret()) {
                Some(at) => self.select(Selection::caret(at)),
                None => return false,
            },
            None => {
                self.following = None;
                self.notify("whom you followed has left", now);
            }
        }
        true
    }

    /// The user does something of their own.
    pub(crate) fn stop_following(&mut self, now: MonoTime) {
        if self.following.take().is_some() {
            self.notify("following nobody any more", now);
        }
    }

    /// Puts the link on the clipboard that others join with, to write or to read.
    pub(crate) fn copy_link(&mut self, mode: Mode, now: MonoTime, effects: &mut Vec<Effect>) {
        let Some(mut link) = self.link.clone() else {
            let words = "this text is not shared; quit, and share it with: coedit share FILE";
            return self.notify(words, now);
        };
        let may_write = link.secret.mode() == Mode::Write;
        if mode == Mode::Read {
            link.secret = link.secret.read_only();
        }
        let words = match mode {
            Mode::Write if may_write => "the link is on the clipboard; whoever has it may write",
            Mode::Write => "the link is on the clipboard; whoever has it may only read, as you",
            Mode::Read => "a link that can only read is on the clipboard",
        };
        self.notify(words, now);
        effects.push(Effect::CopyToClipboard(link.to_string()));
    }

    /// Asks once whether whoever is here as a guest of this machine is to be left. Returns whether it did.
    pub(crate) fn asks_for_guests(&mut self, now: MonoTime) -> bool {
        let n_links = self.n_guests_to_ask_for(now);
        if n_links == 0 {
            return false;
        }
        self.warned_of_guests = Some(now);
        let who = if n_links == 1 { "1 guest is" } else { &format!("{n_links} guests are") };
        self.notify(format!("{who} here and cannot stay without you; once more to quit"), now);
        true
    }

    /// Returns how many guests of this machine its user would leave without having been told just now.
    pub fn n_guests_to_ask_for(&self, now: MonoTime) -> usize {
        let was_told = self.warned_of_guests.is_some_and(|at| now.since(at).0 < NOTICE_MS);
        match self.connection {
            Status::Hosting { n_links } if !was_told => n_links,
            _ => 0,
        }
    }

    /// Asks the shell to drop what only this user has.
    pub(crate) fn drop_mine(&mut self, now: MonoTime, effects: &mut Vec<Effect>) {
        let n_kept = match &self.connection {
            Status::ReadOnly { n_kept, .. } | Status::Paused { n_kept, .. } => *n_kept,
            Status::Offline { .. } | Status::Denied { .. } => {
                return self.notify("the shared text cannot be had at the moment; F5 tries to connect", now);
            }
            _ => 0,
        };
        match n_kept {
            0 => self.notify("there is nothing that only you have", now),
            _ => effects.push(Effect::DropMine),
        }
    }

    fn place_of_peer(&self, peer: &Peer) -> Option<usize> {
        let at = peer.presence.cursor.and_then(|anchor| self.document().resolve(anchor)).or(peer.at)?;
        // It may be inside of what is one character here, or have become so.
        Some(grapheme::floor(self.rope(), at.min(self.rope().len_chars())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_ends_after_a_pause_and_a_long_pause_is_away() {
        let seen = LastSeen { input: MonoTime(1_000), edit: Some(MonoTime(1_000)) };
        assert_eq!(seen.activity(MonoTime(2_000)), Activity::Typing);
        let idle_at = seen.next_change(MonoTime(2_000)).expect("it ends");
        assert_eq!(seen.activity(idle_at), Activity::Idle);
        let away_at = seen.next_change(idle_at).expect("it ends");
        assert_eq!(seen.activity(away_at), Activity::Away);
        assert_eq!(seen.next_change(away_at), None);
    }
}
