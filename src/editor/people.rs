//! Who else is here, as the screen shows them.

use crate::base::time::MonoTime;
use crate::protocol::ConnectionId;
use crate::protocol::presence::{Activity, Presence};

use super::Model;

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
