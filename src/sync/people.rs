//! Who is here: the latest presence of each connection, and how long ago it was heard.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::base::limits;
use crate::base::planted::{Defect, is_planted};
use crate::base::time::{Millis, MonoTime};
use crate::protocol::ConnectionId;
use crate::protocol::presence::Presence;

/// The presences of one room, by connection. Payloads are kept as they came: only a screen reads them.
#[derive(Clone, Debug, Default)]
pub struct People {
    entries: BTreeMap<ConnectionId, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    counter: u64,
    payload: Bytes,
    heard: MonoTime,
}

impl People {
    /// Takes in what a connection showed of itself. Returns whether it is news: a counter that is not higher than the
    /// last is not. An empty payload hides the connection.
    pub fn hear(&mut self, id: ConnectionId, counter: u64, payload: &[u8], now: MonoTime) -> bool {
        let is_full = limits::ROOM_PEOPLE_MAX <= self.entries.len();
        match self.entries.get_mut(&id) {
            Some(entry) if counter < entry.counter => false,
            Some(entry) if counter == entry.counter => {
                entry.heard = now;
                false
            }
            Some(entry) => {
                let is_news = entry.payload != payload;
                *entry = Entry { counter, payload: Bytes::copy_from_slice(payload), heard: now };
                is_news
            }
            None if is_full => false,
            None => {
                self.entries
                    .insert(id, Entry { counter, payload: Bytes::copy_from_slice(payload), heard: now });
                true
            }
        }
    }

    /// Forgets a connection. Returns whether it was known.
    pub fn forget(&mut self, id: ConnectionId) -> bool {
        self.entries.remove(&id).is_some()
    }

    /// Forgets everybody. Returns whether there was anybody.
    pub fn clear(&mut self) -> bool {
        let had_any = !self.entries.is_empty();
        self.entries.clear();
        had_any
    }

    /// Forgets and returns those that were not heard for [`limits::PRESENCE_EXPIRY_MS`], by this side's clock.
    pub fn expire(&mut self, now: MonoTime) -> Vec<ConnectionId> {
        if is_planted(Defect::PresenceForEver) {
            return Vec::new();
        }
        let is_stale = |entry: &Entry| Millis(limits::PRESENCE_EXPIRY_MS) <= now.since(entry.heard);
        let stale: Vec<_> =
            self.entries.iter().filter(|(_, entry)| is_stale(entry)).map(|(&id, _)| id).collect();
        stale.iter().for_each(|id| drop(self.entries.remove(id)));
        stale
    }

    /// Returns when the next one expires.
    pub fn deadline(&self) -> Option<MonoTime> {
        let heard = self.entries.values().map(|entry| entry.heard).min()?;
        Some(heard.after(Millis(limits::PRESENCE_EXPIRY_MS)))
    }

    /// Walks connection, counter and payload.
    pub fn iter(&self) -> impl Iterator<Item = (ConnectionId, u64, &Bytes)> {
        self.entries.iter().map(|(&id, entry)| (id, entry.counter, &entry.payload))
    }

    /// Returns the latest counter and payload of one connection.
    pub fn get(&self, id: ConnectionId) -> Option<(u64, &Bytes)> {
        self.entries.get(&id).map(|entry| (entry.counter, &entry.payload))
    }

    /// Returns the presences that can be read. Hidden ones, and those that make no sense, are left out.
    pub fn list(&self) -> Vec<(ConnectionId, Presence)> {
        let read = |(&id, entry): (&ConnectionId, &Entry)| Some((id, Presence::decode(&entry.payload).ok()?));
        self.entries.iter().filter_map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ConnectionId = ConnectionId(1);

    #[test]
    fn the_highest_counter_wins_whatever_the_order() {
        let mut people = People::default();
        assert!(people.hear(A, 2, b"late", MonoTime(0)));
        assert!(!people.hear(A, 1, b"early", MonoTime(1)));
        assert_eq!(people.get(A).map(|(_, payload)| &payload[..]), Some(&b"late"[..]));
    }

    #[test]
    fn who_is_not_heard_again_expires_by_the_receivers_clock() {
        let mut people = People::default();
        people.hear(A, 1, b"x", MonoTime(1_000));
        people.hear(A, 1, b"x", MonoTime(5_000));
        assert_eq!(people.deadline(), Some(MonoTime(65_000)));
        assert!(people.expire(MonoTime(64_999)).is_empty());
        assert_eq!(people.expire(MonoTime(65_000)), [A]);
        assert_eq!(people.deadline(), None);
    }

    #[test]
    fn a_crowd_is_bounded() {
        let mut people = People::default();
        for i in 0..5_000 {
            people.hear(ConnectionId(i), 1, b"x", MonoTime(0));
        }
        assert_eq!(people.iter().count(), limits::ROOM_PEOPLE_MAX);
    }
}
