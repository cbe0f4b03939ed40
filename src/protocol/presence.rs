//! Who is here and where: never in the log, sent when it changes, forgotten when it is not heard again.

use crate::base::bytes::put_varint;
use crate::base::limits;
use crate::crdt::Dot;
use crate::document::Anchor;
use crate::protocol::codec::{self, DecodeError, Reader};

/// What one connection shows of its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// What the user calls himself. Untrusted, may be empty, at most [`limits::NAME_BYTES_MAX`] bytes on the wire (longer
    /// ones are cut).
    pub name: String,
    /// Index into a palette of 16.
    pub color: u8,
    /// Where the user's cursor is, if shown.
    pub cursor: Option<Anchor>,
    /// Where each selection starts and ends; at most [`limits::PRESENCE_SELECTIONS_MAX`] are sent.
    pub selections: Vec<(Anchor, Anchor)>,
    /// What the user is doing.
    pub activity: Activity,
}

/// What a user is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activity {
    /// Edited a moment ago.
    Typing,
    /// Is there.
    Idle,
    /// Has not touched the editor for a while.
    Away,
}

/// Colours that a presence can name.
pub const N_COLORS: u8 = 16;

impl Presence {
    /// Returns the payload of a presence frame, at most [`limits::PRESENCE_BYTES_MAX`] bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.push((self.color % N_COLORS) << 2 | self.activity.code());
        codec::put_text(&mut out, &self.name, limits::NAME_BYTES_MAX);
        out.push(u8::from(self.cursor.is_some()));
        if let Some(cursor) = self.cursor {
            put_anchor(&mut out, cursor);
        }
        let n = self.selections.len().min(limits::PRESENCE_SELECTIONS_MAX);
        put_varint(&mut out, n as u64);
        for &(start, end) in &self.selections[..n] {
            put_anchor(&mut out, start);
            put_anchor(&mut out, end);
        }
        debug_assert!(out.len() <= limits::PRESENCE_BYTES_MAX, "{} bytes of presence", out.len());
        out
    }

    /// Reads what `encode` wrote.
    ///
    /// # Errors
    /// Whatever else it is given.
    pub fn decode(bytes: &[u8]) -> Result<Presence, DecodeError> {
        let mut reader = Reader::new(bytes);
        let flags = reader.byte("a presence")?;
        let activity = Activity::from_code(flags & 3).ok_or(DecodeError::Invalid("an activity"))?;
        let color = flags >> 2;
        if N_COLORS <= color {
            return Err(DecodeError::Invalid("a colour"));
        }
        let name = reader.text(limits::NAME_BYTES_MAX, "a name")?.to_owned();
        let cursor = match reader.byte("a cursor")? {
            0 => None,
            1 => Some(anchor(&mut reader)?),
            _ => return Err(DecodeError::Invalid("a cursor")),
        };
        let n = reader.count(limits::PRESENCE_SELECTIONS_MAX, 2, "selections")?;
        let mut selections = Vec::with_capacity(n);
        for _ in 0..n {
            selections.push((anchor(&mut reader)?, anchor(&mut reader)?));
        }
        reader.finish()?;
        Ok(Presence { name, color, cursor, selections, activity })
    }
}

impl Activity {
    fn code(self) -> u8 {
        match self {
            Activity::Typing => 0,
            Activity::Idle => 1,
            Activity::Away => 2,
        }
    }

    fn from_code(code: u8) -> Option<Activity> {
        [Activity::Typing, Activity::Idle, Activity::Away].get(usize::from(code)).copied()
    }
}

fn put_anchor(out: &mut Vec<u8>, anchor: Anchor) {
    let (kind, dot) = match anchor {
        Anchor::Start => (0, None),
        Anchor::End => (1, None),
        Anchor::After(dot) => (2, Some(dot)),
        Anchor::Before(dot) => (3, Some(dot)),
    };
    out.push(kind);
    if let Some(dot) = dot {
        codec::put_replica(out, dot.replica);
        put_varint(out, dot.seq);
    }
}

fn anchor(reader: &mut Reader<'_>) -> Result<Anchor, DecodeError> {
    match reader.byte("an anchor")? {
        0 => Ok(Anchor::Start),
        1 => Ok(Anchor::End),
        2 => Ok(Anchor::After(dot(reader)?)),
        3 => Ok(Anchor::Before(dot(reader)?)),
        _ => Err(DecodeError::Invalid("an anchor")),
    }
}

fn dot(reader: &mut Reader<'_>) -> Result<Dot, DecodeError> {
    let replica = reader.replica("an anchor")?;
    let seq = reader.varint(limits::REPLICA_OPS_MAX, "an anchor")?;
    Ok(Dot { replica, seq })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crdt::ReplicaId;

    fn presence(n_selections: usize) -> Presence {
        let dot = Dot { replica: ReplicaId::new(u64::MAX), seq: limits::REPLICA_OPS_MAX };
        Presence {
            name: "Žofie 🦀".to_owned(),
            color: 15,
            cursor: Some(Anchor::After(dot)),
            selections: vec![(Anchor::Before(dot), Anchor::End); n_selections],
            activity: Activity::Away,
        }
    }

    #[test]
    fn presence_is_read_back() {
        for presence in [presence(0), presence(3), Presence { cursor: None, ..presence(1) }] {
            assert_eq!(Presence::decode(&presence.encode()), Ok(presence));
        }
    }

    #[test]
    fn the_largest_presence_fits_its_limit() {
        let dot = Dot { replica: ReplicaId::new(1), seq: limits::REPLICA_OPS_MAX };
        let selections = vec![(Anchor::Before(dot), Anchor::After(dot)); limits::PRESENCE_SELECTIONS_MAX + 5];
        let largest = Presence { name: "é".repeat(500), selections, ..presence(0) };
        let bytes = largest.encode();
        assert!(bytes.len() <= limits::PRESENCE_BYTES_MAX, "{}", bytes.len());
        let decoded = Presence::decode(&bytes).expect("what was encoded");
        assert_eq!(decoded.name.len(), limits::NAME_BYTES_MAX);
        assert_eq!(decoded.selections.len(), limits::PRESENCE_SELECTIONS_MAX);
    }

    #[test]
    fn damaged_presence_is_an_error_or_another_presence_never_a_panic() {
        let bytes = presence(2).encode();
        for n in 0..bytes.len() {
            assert!(Presence::decode(&bytes[..n]).is_err());
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(decoded) = Presence::decode(&flipped) {
                assert_eq!(decoded.encode(), flipped, "bit {bit}");
            }
        }
    }
}
