//! What really goes over links: three clients and a relay, every packet of theirs.

use std::collections::VecDeque;

use coedit::base::rng::Rng;
use coedit::base::time::{MonoTime, WallTime};
use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::Document;
use coedit::protocol::capability::Secret;
use coedit::protocol::presence::{Activity, Presence};
use coedit::protocol::{DocumentId, Epoch, SessionId};
use coedit::sync::event::LinkLimits;
use coedit::sync::{Direction, Input, LinkId, Output, Room, RoomConfig, Serve, Upstream, Via};

/// The document that everything is about.
pub const DOCUMENT: DocumentId = DocumentId::from_bytes([1; 16]);
const CLIENTS: u64 = 3;

struct Party {
    doc: Document,
    room: Room,
}

/// Returns a room that serves the document, with a text.
pub fn server() -> (Document, Room) {
    let mut doc = Document::new(ReplicaId::new(1_000));
    doc.insert(0, "the text that everybody edits: é界😀\n").expect("inside");
    let secret = Secret::from_random([3; 32]);
    let access = secret.access().expect("it can write");
    let serve = Serve { access, grants: Vec::new(), limits: LinkLimits::default(), elsewhere: None };
    let room = Room::new(config(0, &doc, Some(serve), None), MonoTime(0), &mut doc, &mut Vec::new());
    (doc, room)
}

fn config(n: u8, doc: &Document, serve: Option<Serve>, upstream: Option<Upstream>) -> RoomConfig {
    RoomConfig {
        document: DOCUMENT,
        epoch: serve.is_some().then_some(Epoch::from_bytes([2; 16])),
        session: SessionId::from_bytes([n; 16]),
        name: "notes.txt".to_owned(),
        seed: u64::from(n),
        durable: doc.version(),
        serve,
        upstream,
    }
}

fn client(n: u8) -> Party {
    let mut doc = Document::new(ReplicaId::new(u64::from(n)));
    let token = Secret::from_random([3; 32]).token();
    let upstream = Upstream { token, create: None, acknowledged: VersionVector::default(), is_first: false };
    let room = Room::new(config(n, &doc, None, Some(upstream)), MonoTime(0), &mut doc, &mut Vec::new());
    Party { doc, room }
}

/// Returns all packets of a while of editing together, the same each time.
pub fn packets() -> Vec<Vec<u8>> {
    session().into_iter().map(|(_, packet)| packet).collect()
}

/// Returns what the server sends to its first client.
pub fn packets_down() -> Vec<Vec<u8>> {
    session().into_iter().filter_map(|(to, packet)| (to == 1).then_some(packet)).collect()
}

/// Returns the first client, dialed: it has said hello and waits for the answer.
pub fn dialed() -> (Document, Room) {
    let Party { mut doc, mut room } = client(1);
    let opened = Input::LinkOpened {
        link: LinkId(1),
        direction: Direction::Dialed { via: Via::WebSocket },
        wall: WallTime(0),
    };
    room.handle(opened, MonoTime(0), &mut doc, &mut Vec::new());
    (doc, room)
}

/// Returns all packets, each with whom it is for: 0 is the server.
fn session() -> Vec<(usize, Vec<u8>)> {
    let mut packets = Vec::new();
    let (doc, room) = server();
    let mut parties = vec![Party { doc, room }];
    parties.extend((1..=CLIENTS as u8).map(client));
    let mut rng = Rng::new(5);
    let mut inputs = VecDeque::new();
    for n in 1..=CLIENTS {
        let (link, wall) = (LinkId(n), WallTime(0));
        step(
            &mut parties,
            0,
            Input::LinkOpened { link, direction: Direction::Accepted { document: DOCUMENT }, wall },
            0,
            &mut inputs,
        );
        let direction = Direction::Dialed { via: Via::WebSocket };
        step(&mut parties, n as usize, Input::LinkOpened { link, direction, wall }, 0, &mut inputs);
    }
    for now in 0..60 {
        carry(&mut parties, now * 1_000, &mut inputs, &mut packets);
        let at = 1 + rng.below(CLIENTS) as usize;
        let doc = &mut parties[at].doc;
        let len = doc.len_chars() as u64;
        let place = rng.below(len + 1) as usize;
        match rng.below(4) {
            0 if 4 < len => doc.delete(place.min(len as usize - 3)..len as usize - 1).expect("inside"),
            1 => _ = doc.undo().expect("it fits"),
            _ => doc.insert(place, ["x", "some words ", "é界😀"][rng.below(3) as usize]).expect("inside"),
        }
        step(&mut parties, at, Input::Edited, now * 1_000, &mut inputs);
        let presence = Presence {
            name: "Ada".to_owned(),
            color: now as u8 % 16,
            cursor: Some(parties[at].doc.anchor(0, coedit::document::Bias::Left)),
            selections: Vec::new(),
            activity: Activity::Idle,
        };
        step(&mut parties, at, Input::PresenceChanged(Some(presence)), now * 1_000, &mut inputs);
    }
    packets
}

type Waiting = VecDeque<(usize, LinkId, Vec<u8>)>;

/// Gives one party an input, and notes for whom its packets are.
fn step(parties: &mut [Party], at: usize, input: Input<'_>, now: u64, waiting: &mut Waiting) {
    let Party { doc, room } = &mut parties[at];
    let mut out = Vec::new();
    room.handle(input, MonoTime(now), doc, &mut out);
    for output in out {
        match output {
            Output::Send { link, bytes } => {
                let to = if at == 0 { link.0 as usize } else { 0 };
                waiting.push_back((to, link, bytes.to_vec()));
                let n_bytes = bytes.len();
                step(parties, at, Input::Written { link, n_bytes }, now, waiting);
            }
            Output::Persist { token, .. } | Output::Rewrite { token, .. } => {
                step(parties, at, Input::Persisted { token }, now, waiting);
            }
            _ => {}
        }
    }
}

fn carry(parties: &mut [Party], now: u64, waiting: &mut Waiting, packets: &mut Vec<(usize, Vec<u8>)>) {
    while let Some((to, link, bytes)) = waiting.pop_front() {
        step(parties, to, Input::Packet { link, bytes: &bytes }, now, waiting);
        packets.push((to, bytes));
    }
}
