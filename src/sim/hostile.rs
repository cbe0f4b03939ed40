//! Somebody who means harm: says what nobody should, at any time, and reads nothing.

use bytes::Bytes;

use super::network::End;
use super::options::Hostile;
use super::places::{DOCUMENT, EPOCH, secret};
use super::world::World;
use crate::crdt::{ReplicaId, VersionVector};
use crate::document::Document;
use crate::protocol::ConnectionId;
use crate::protocol::SessionId;
use crate::protocol::capability::Secret;
use crate::protocol::frame::{Fragment, Frame, PresenceFrame, Whole};
use crate::protocol::greeting::Hello;
use crate::sync::LinkId;

/// Packets of others that are remembered.
const OVERHEARD_MAX: usize = 64;
/// What stands for a client's number in a wire of the attacker's.
const NOBODY: usize = usize::MAX;

/// The attacker.
pub(super) struct Attacker {
    kind: Hostile,
    link: Option<LinkId>,
    /// What others sent to the server.
    overheard: Vec<Bytes>,
}

impl World {
    pub(super) fn attacker_comes(&mut self) {
        let kind = self.options.hostile;
        if kind != Hostile::None {
            self.attacker = Some(Attacker { kind, link: None, overheard: Vec::new() });
        }
    }

    pub(super) fn is_attackers(&self, link: LinkId) -> bool {
        self.wires.get(&link).is_some_and(|wire| wire.client == NOBODY)
    }

    pub(super) fn attacker_lost(&mut self, link: LinkId) {
        if let Some(attacker) = self.attacker.as_mut().filter(|attacker| attacker.link == Some(link)) {
            attacker.link = None;
        }
    }

    pub(super) fn attacker_leaves(&mut self) {
        if let Some(link) = self.attacker.take().and_then(|attacker| attacker.link)
            && let Some(wire) = self.wires.get_mut(&link)
        {
            wire.is_broken = true;
        }
    }

    pub(super) fn overheard(&mut self, bytes: &Bytes) {
        let at = self.rng.below(OVERHEARD_MAX as u64) as usize;
        let Some(attacker) = &mut self.attacker else { return };
        match attacker.overheard.get_mut(at) {
            Some(older) => *older = bytes.clone(),
            None => attacker.overheard.push(bytes.clone()),
        }
    }

    pub(super) fn attack(&mut self) {
        let Some(attacker) = &self.attacker else { return };
        let kind = attacker.kind;
        let Some(link) = attacker.link else {
            let Some(link) = self.connect(NOBODY, 0) else { return };
            if let Some(attacker) = &mut self.attacker {
                attacker.link = Some(link);
            }
            let hello = self.hostile_hello(kind);
            return self.send(link, End::Client, hello);
        };
        let packet = match self.rng.below(7) {
            0 => self.noise(),
            1 => self.flood(),
            2 => Frame::CaughtUp.to_packet(),
            3 => self.hostile_fragment(),
            4 if kind != Hostile::Writer => self.forged(),
            5 if kind != Hostile::Writer => self.replayed(true),
            _ if kind != Hostile::Writer => self.replayed(false),
            _ => self.nonsense(),
        };
        self.send(link, End::Client, packet.into());
    }

    fn hostile_hello(&mut self, kind: Hostile) -> Bytes {
        let secret = match kind {
            Hostile::Writer => secret(),
            Hostile::Reader => secret().read_only(),
            Hostile::Outsider | Hostile::None => Secret::from_random([9; 32]),
        };
        let hello = Hello {
            document: DOCUMENT,
            token: secret.token(),
            replica: ReplicaId::new(self.rng.next_u64()),
            session: SessionId::from_bytes([7; 16]),
            epoch: Some(EPOCH),
            create: None,
            version: VersionVector::default(),
        };
        Frame::Hello(Box::new(hello)).to_packet().into()
    }

    fn noise(&mut self) -> Vec<u8> {
        let n = self.rng.below(200);
        (0..n).map(|_| self.rng.next_u64() as u8).collect()
    }

    /// Presences and pings, as many as fit.
    fn flood(&mut self) -> Vec<u8> {
        let mut packet = Vec::new();
        for n in 0..500 {
            let counter = self.rng.next_u64() >> self.rng.below(64);
            let presence =
                PresenceFrame { connection: ConnectionId(n), counter, payload: b"\x00\x00\x00\x00" };
            Frame::Presence(presence).put(&mut packet);
            Frame::Ping(counter).put(&mut packet);
        }
        packet
    }

    /// A transfer that claims much and never ends.
    fn hostile_fragment(&mut self) -> Vec<u8> {
        let total = 1 + (self.rng.next_u64() >> (36 + self.rng.below(28)));
        let fragment = Fragment { whole: Whole::Batch, is_packed: false, total, offset: 0, bytes: b"x" };
        Frame::Fragment(fragment).to_packet()
    }

    /// The next operation of somebody else.
    fn forged(&mut self) -> Vec<u8> {
        let i = self.rng.below(self.clients.len() as u64) as usize;
        let Some(process) = &self.clients[i].process else { return Vec::new() };
        let mut doc = Document::new(process.doc.replica());
        doc.insert(0, "forged").expect("an empty text");
        Frame::Batch(&doc.changes_since(&VersionVector::default())).to_packet()
    }

    /// What somebody else sent, perhaps with a flipped bit.
    fn replayed(&mut self, is_damaged: bool) -> Vec<u8> {
        let (at, bit) = (self.rng.next_u64(), self.rng.next_u64());
        let Some(overheard) = self.attacker.as_ref().map(|attacker| &attacker.overheard) else {
            return Vec::new();
        };
        if overheard.is_empty() {
            return Vec::new();
        }
        let mut packet = overheard[(at % overheard.len() as u64) as usize].to_vec();
        if is_damaged && !packet.is_empty() {
            let bit = bit % (packet.len() as u64 * 8);
            packet[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
        packet
    }

    /// A batch that is none.
    fn nonsense(&mut self) -> Vec<u8> {
        let mut batch = self.noise();
        // No version of the format, so that nothing of it can be taken for an operation.
        batch.insert(0, 0xff);
        Frame::Batch(&batch).to_packet()
    }
}
