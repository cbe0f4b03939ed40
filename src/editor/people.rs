//! Who else is here, and the state of the connection, as the screen shows them.

use crate::base::time::MonoTime;
use crate::document::Anchor;

/// How long a name is shown beside a cursor that moved, in milliseconds.
pub const LABEL_MS: u64 = 2_000;

/// Somebody else in the document, as the room last heard of him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Which connection; the serving side hands it out.
    pub id: u32,
    /// The name. Untrusted: made safe when drawn.
    pub name: String,
    /// Index into the palette of 16.
    pub color: u8,
    /// Where the cursor is, if anywhere.
    pub cursor: Option<Anchor>,
    /// What is selected.
    pub selections: Vec<(Anchor, Anchor)>,
    /// What the person is doing, in a word for the list ("typing", "idle", "away").
    pub activity: &'static str,
}

/// A person, with what the screen remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// What was last heard.
    pub person: Person,
    /// Until when the name is shown at the cursor; set when the cursor moves.
    pub label_until: Option<MonoTime>,
    /// The last place the cursor resolved to. Kept while the character it names is not here yet.
    pub at: Option<usize>,
}

/// The state of the connection, in the words of the status line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// The document is not shared.
    #[default]
    Alone,
    /// The first connection is being made.
    Connecting,
    /// Everything is on the other side's disk.
    Synced {
        /// The other side, as it is shown ("relay.example 24 ms").
        with: String,
    },
    /// So many edits are on their way.
    Sending {
        /// How many are not acknowledged yet.
        n: u64,
    },
    /// The other side cannot be reached.
    Offline {
        /// How many edits are kept for it.
        n_kept: u64,
        /// When the next attempt starts; `None` while one runs.
        retry_at: Option<MonoTime>,
    },
    /// Connected with a link that can only read.
    ReadOnly,
    /// The other side refused.
    Denied(String),
}

impl Connection {
    /// Returns the words for the status line.
    pub fn words(&self, now: MonoTime) -> String {
        match self {
            Connection::Alone => "alone".to_owned(),
            Connection::Connecting => "connecting".to_owned(),
            Connection::Synced { with } if with.is_empty() => "synced".to_owned(),
            Connection::Synced { with } => format!("synced · {with}"),
            Connection::Sending { n } => format!("sending {n}"),
            Connection::Offline { n_kept, retry_at } => {
                let retry = retry_at.map_or("connecting".to_owned(), |at| {
                    format!("retry in {} s", at.since(now).0.div_ceil(1_000))
                });
                let edits = if *n_kept == 1 { "edit" } else { "edits" };
                format!("offline · {n_kept} {edits} kept · {retry}")
            }
            Connection::ReadOnly => "read only".to_owned(),
            Connection::Denied(why) => format!("denied: {why}"),
        }
    }

    /// Returns when the words change by themselves.
    pub fn next_change(&self, now: MonoTime) -> Option<MonoTime> {
        let Connection::Offline { retry_at: Some(at), .. } = self else { return None };
        let left_ms = at.since(now).0;
        (0 < left_ms).then(|| MonoTime(now.0 + (left_ms - 1) % 1_000 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_countdown_asks_to_be_woken_once_a_second() {
        let offline = Connection::Offline { n_kept: 340, retry_at: Some(MonoTime(10_000)) };
        assert_eq!(offline.words(MonoTime(6_000)), "offline · 340 edits kept · retry in 4 s");
        assert_eq!(offline.next_change(MonoTime(6_000)), Some(MonoTime(7_000)));
        assert_eq!(offline.next_change(MonoTime(6_300)), Some(MonoTime(7_000)));
        assert_eq!(offline.next_change(MonoTime(10_000)), None);
        assert_eq!(Connection::Alone.next_change(MonoTime(0)), None);
    }
}
