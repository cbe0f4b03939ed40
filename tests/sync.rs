//! Clients and a relay in a seeded world: delays, cuts, stalls, a relay that is killed, a disk that refuses.
//! The shipping machines run unchanged; the world only carries bytes and moves the clock.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use coedit::base::limits;
use coedit::base::rng::Rng;
use coedit::base::time::{MonoTime, WallTime};
use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::{ApplyError, Document};
use coedit::protocol::capability::Secret;
use coedit::protocol::frame::Frame;
use coedit::protocol::{DocumentId, Epoch, SessionId};
use coedit::relay::{self, Relay, RelayConfig, Stored};
use coedit::sync::event::Create;
use coedit::sync::{Direction, Input, LinkId, Output, Room, RoomConfig, Status, Upstream, Via};

const DOC: DocumentId = DocumentId::from_bytes([1; 16]);
const EPOCH: Epoch = Epoch::from_bytes([2; 16]);

fn secret() -> Secret {
    Secret::from_random([3; 32])
}

struct Client {
    doc: Document,
    room: Room,
    link: Option<LinkId>,
    dialing: bool,
    /// What it was told that the document is called.
    name: String,
}

struct Wire {
    client: usize,
    /// To the relay and to the client: when each chunk arrives.
    up: VecDeque<(u64, Bytes)>,
    down: VecDeque<(u64, Bytes)>,
    is_closing: bool,
    /// Whether a stall swallowed something: such a connection cannot go on.
    has_lost: bool,
}

/// What survives the relay.
#[derive(Default)]
struct Disk {
    stored: Option<Stored>,
    /// Written in order, synced at these times.
    waiting: VecDeque<(u64, relay::Output)>,
    is_full: bool,
}

struct World {
    now: u64,
    rng: Rng,
    relay: Option<Relay>,
    disk: Disk,
    clients: Vec<Client>,
    wires: BTreeMap<LinkId, Wire>,
    next_link: u64,
    is_stalled: bool,
    n_bytes_down: usize,
}

impl World {
    fn new(seed: u64) -> World {
        let relay = Some(Relay::new(RelayConfig::new(seed)));
        let rng = Rng::new(seed);
        World {
            now: 1_000,
            rng,
            relay,
            disk: Disk::default(),
            clients: Vec::new(),
            wires: BTreeMap::new(),
            next_link: 0,
            is_stalled: false,
            n_bytes_down: 0,
        }
    }

    fn add(&mut self, text: &str, secret: &Secret, epoch: Option<Epoch>) -> usize {
        let n = self.clients.len() as u64;
        let mut doc = Document::new(ReplicaId::new(100 + n));
        if !text.is_empty() {
            doc.insert(0, text).expect("inside");
        }
        let access = secret.access().filter(|_| epoch.is_some());
        let create = access.map(|access| Create { access, operator_token: Vec::new() });
        let upstream = Upstream { token: secret.token(), create, acknowledged: VersionVector::default() };
        let config = RoomConfig {
            document: DOC,
            epoch,
            session: SessionId::from_bytes([n as u8; 16]),
            name: "notes.txt".to_owned(),
            seed: n,
            durable: VersionVector::default(),
            serve: None,
            upstream: Some(upstream),
        };
        let mut out = Vec::new();
        let room = Room::new(config, MonoTime(self.now), &mut doc, &mut out);
        self.clients.push(Client { doc, room, link: None, dialing: false, name: String::new() });
        self.carry_out(n as usize, out);
        n as usize
    }

    fn input(&mut self, i: usize, input: Input<'_>) {
        let mut out = Vec::new();
        let client = &mut self.clients[i];
        client.room.handle(input, MonoTime(self.now), &mut client.doc, &mut out);
        self.carry_out(i, out);
    }

    fn carry_out(&mut self, i: usize, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Send { link, bytes } => {
                    let at = self.now + self.rng.below(30);
                    if let Some(wire) = self.wires.get_mut(&link) {
                        let at = wire.up.back().map_or(at, |(last, _)| at.max(*last));
                        wire.up.push_back((at, bytes));
                    }
                }
                Output::Close { link } => self.cut(link),
                // A client's own disk is always ready here.
                Output::Persist { token, .. } => self.input(i, Input::Persisted { token }),
                Output::Dial => self.clients[i].dialing = true,
                Output::Named(name) => self.clients[i].name = name,
                _ => {}
            }
        }
    }

    fn relay_input(&mut self, input: relay::Input<'_>) {
        let Some(relay) = &mut self.relay else { return };
        let mut out = Vec::new();
        relay.handle(input, MonoTime(self.now), &mut out);
        for output in out {
            match output {
                relay::Output::Send { link, bytes } => {
                    let at = self.now + self.rng.below(30);
                    self.n_bytes_down += bytes.len();
                    if let Some(wire) = self.wires.get_mut(&link) {
                        let at = wire.down.back().map_or(at, |(last, _)| at.max(*last));
                        wire.down.push_back((at, bytes));
                    }
                }
                relay::Output::Close { link } => {
                    if let Some(wire) = self.wires.get_mut(&link) {
                        wire.is_closing = true;
                    }
                }
                asked @ (relay::Output::Load { .. }
                | relay::Output::Create { .. }
                | relay::Output::Append { .. }
                | relay::Output::StoreSnapshot { .. }) => {
                    let at = self.now + self.rng.below(10);
                    let at = self.disk.waiting.back().map_or(at, |(last, _)| at.max(*last));
                    self.disk.waiting.push_back((at, asked));
                }
                _ => {}
            }
        }
    }

    fn write(&mut self, asked: relay::Output) {
        match asked {
            relay::Output::Load { document } => {
                let result = Ok(self.disk.stored.clone());
                self.relay_input(relay::Input::Loaded { document, result });
            }
            relay::Output::Create { document, epoch, access, name } => {
                self.disk.stored = Some(Stored {
                    epoch,
                    access,
                    name,
                    grants: Vec::new(),
                    snapshot: None,
                    tail: Vec::new(),
                });
                self.relay_input(relay::Input::Created { document, result: Ok(()) });
            }
            relay::Output::Append { document, token, bytes } if !self.disk.is_full => {
                self.disk.stored.as_mut().expect("created").tail.push(bytes);
                self.relay_input(relay::Input::Appended { document, token });
            }
            relay::Output::Append { document, .. } => {
                let sentence = "no space left on the relay's disk".to_owned();
                self.relay_input(relay::Input::AppendFailed { document, sentence });
            }
            relay::Output::StoreSnapshot { document, bytes } => {
                let stored = self.disk.stored.as_mut().expect("created");
                stored.snapshot = Some(bytes);
                stored.tail.clear();
                self.relay_input(relay::Input::SnapshotStored { document, result: Ok(()) });
            }
            _ => {}
        }
    }

    /// Kills the connection at both ends; what was on its way is lost.
    fn cut(&mut self, link: LinkId) {
        let Some(wire) = self.wires.remove(&link) else { return };
        self.relay_input(relay::Input::LinkClosed { link });
        self.clients[wire.client].link = None;
        self.input(wire.client, Input::LinkClosed { link });
    }

    /// `kill -9`: what was not synced is gone, and every connection.
    fn kill_relay(&mut self) {
        self.relay = None;
        self.disk.waiting.clear();
        let links: Vec<LinkId> = self.wires.keys().copied().collect();
        links.into_iter().for_each(|link| self.cut(link));
    }

    fn start_relay(&mut self) {
        let seed = self.rng.next_u64();
        self.relay = Some(Relay::new(RelayConfig::new(seed)));
    }

    fn connect(&mut self, i: usize) {
        self.clients[i].dialing = false;
        if self.relay.is_none() || self.is_stalled {
            return self.input(i, Input::DialFailed { sentence: "connection refused".to_owned() });
        }
        self.next_link += 1;
        let link = LinkId(self.next_link);
        let wire = Wire {
            client: i,
            up: VecDeque::new(),
            down: VecDeque::new(),
            is_closing: false,
            has_lost: false,
        };
        self.wires.insert(link, wire);
        self.clients[i].link = Some(link);
        let wall = WallTime(0);
        self.relay_input(relay::Input::LinkOpened { link, document: DOC, wall });
        self.input(i, Input::LinkOpened { link, direction: Direction::Dialed { via: Via::WebSocket }, wall });
    }

    fn deliver(&mut self, link: LinkId) {
        let (now, is_stalled) = (self.now, self.is_stalled);
        let due = |queue: &mut VecDeque<(u64, Bytes)>| {
            let n = queue.iter().take_while(|(at, _)| *at <= now).count();
            queue.drain(..n).map(|(_, bytes)| bytes).collect::<Vec<_>>()
        };
        let Some(wire) = self.wires.get_mut(&link) else { return };
        if wire.has_lost && !is_stalled {
            return self.cut(link);
        }
        let (client, up, down) = (wire.client, due(&mut wire.up), due(&mut wire.down));
        wire.has_lost |= is_stalled && !(up.is_empty() && down.is_empty());
        for bytes in up {
            self.input(client, Input::Written { link, n_bytes: bytes.len() });
            if !is_stalled {
                self.relay_input(relay::Input::Packet { link, bytes: &bytes });
            }
        }
        for bytes in down {
            self.relay_input(relay::Input::Written { link, n_bytes: bytes.len() });
            if !is_stalled {
                self.input(client, Input::Packet { link, bytes: &bytes });
            }
        }
        let is_over = self.wires.get(&link).is_some_and(|wire| wire.is_closing && wire.down.is_empty());
        if is_over {
            self.cut(link);
        }
    }

    /// Moves the clock by `ms`, in steps of 5.
    fn run(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.now < end {
            self.now += 5;
            while self.disk.waiting.front().is_some_and(|(at, _)| *at <= self.now) {
                let (_, asked) = self.disk.waiting.pop_front().expect("a front");
                self.write(asked);
            }
            let links: Vec<LinkId> = self.wires.keys().copied().collect();
            links.into_iter().for_each(|link| self.deliver(link));
            for i in 0..self.clients.len() {
                if self.clients[i].dialing {
                    self.connect(i);
                }
                if self.clients[i].room.deadline().is_some_and(|at| at <= MonoTime(self.now)) {
                    self.input(i, Input::DeadlineReached);
                }
            }
            let is_due = |relay: &Relay| relay.deadline().is_some_and(|at| at <= MonoTime(self.now));
            if self.relay.as_ref().is_some_and(is_due) {
                self.relay_input(relay::Input::DeadlineReached);
            }
        }
    }

    fn edit(&mut self, i: usize) {
        let doc = &mut self.clients[i].doc;
        let len = doc.len_chars();
        let at = self.rng.below(len as u64 + 1) as usize;
        if 3 < len && self.rng.below(4) == 0 {
            doc.delete(at.min(len - 1)..at.min(len - 1) + 1).expect("inside");
        } else {
            let ch = char::from(b'a' + (i % 26) as u8);
            doc.insert(at, &ch.to_string()).expect("inside");
        }
        self.input(i, Input::Edited);
    }

    fn text(&self, i: usize) -> String {
        self.clients[i].doc.to_string()
    }

    #[track_caller]
    fn check_converged(&self) {
        for (i, client) in self.clients.iter().enumerate() {
            assert_eq!(self.text(i), self.text(0), "client {i}");
            assert!(
                matches!(client.room.status(), Status::Synced { .. }),
                "client {i}: {:?}",
                client.room.status()
            );
            client.doc.check_invariants();
        }
        let stored = self.disk.stored.as_ref().expect("a document");
        let mut doc = match &stored.snapshot {
            Some(bytes) => Document::load(ReplicaId::new(1), bytes).expect("a snapshot"),
            None => Document::new(ReplicaId::new(1)),
        };
        for batch in &stored.tail {
            doc.apply(batch).expect("a batch");
        }
        assert_eq!(doc.to_string(), self.text(0), "what is on the relay's disk");
    }

    fn shared(seed: u64, n: usize) -> World {
        let mut world = World::new(seed);
        world.add("the first text\n", &secret(), Some(EPOCH));
        world.run(500);
        for _ in 1..n {
            world.add("", &secret(), None);
        }
        world.run(1_000);
        world.check_converged();
        world
    }
}

#[test]
fn a_joiner_gets_the_text_and_both_type() {
    let mut world = World::shared(1, 2);
    assert_eq!((world.text(1).as_str(), world.clients[1].name.as_str()), ("the first text\n", "notes.txt"));
    (0..200).for_each(|i| {
        world.edit(i % 2);
        world.run(5);
    });
    world.run(1_000);
    world.check_converged();
}

#[test]
fn everybody_converges_whatever_is_cut_and_killed() {
    for seed in 0..40 {
        let mut world = World::shared(seed, 4);
        for _ in 0..300 {
            let i = world.rng.below(4) as usize;
            match world.rng.below(60) {
                0 => world.kill_relay(),
                1..=6 if world.relay.is_none() => world.start_relay(),
                7 => {
                    if let Some(link) = world.clients[i].link {
                        world.cut(link);
                    }
                }
                8 => world.is_stalled = !world.is_stalled,
                9 => world.disk.is_full = !world.disk.is_full,
                10 => world.input(i, Input::RetryNow),
                _ => world.edit(i),
            }
            let ms = if world.rng.below(20) == 0 { 3_000 } else { world.rng.below(60) };
            world.run(ms);
        }
        world.is_stalled = false;
        world.disk.is_full = false;
        if world.relay.is_none() {
            world.start_relay();
        }
        world.run(60_000);
        // Shown only if what follows fails.
        eprintln!("seed {seed}");
        world.check_converged();
    }
}

#[test]
fn a_stalled_connection_shows_as_offline_soon_and_nothing_is_lost() {
    let mut world = World::shared(7, 2);
    world.is_stalled = true;
    for _ in 0..100 {
        world.edit(0);
        world.run(150);
    }
    let status = world.clients[0].room.status().clone();
    let Status::Offline { n_kept, .. } = status else { panic!("{status:?}") };
    assert!(50 < n_kept, "{n_kept}");
    assert!(
        status.words("", MonoTime(world.now)).starts_with("offline · "),
        "{}",
        status.words("", MonoTime(world.now))
    );
    world.is_stalled = false;
    world.run(40_000);
    world.check_converged();
}

#[test]
fn reconnection_sends_only_what_is_missing() {
    let mut world = World::shared(3, 2);
    let big = "0123456789".repeat(20_000);
    world.clients[0].doc.insert(0, &big).expect("inside");
    world.input(0, Input::Edited);
    world.run(3_000);
    world.check_converged();
    let link = world.clients[1].link.expect("online");
    world.cut(link);
    world.edit(0);
    world.run(100);
    world.n_bytes_down = 0;
    world.run(4_000);
    world.check_converged();
    assert!(world.n_bytes_down < 1_024, "{} bytes", world.n_bytes_down);
}

#[test]
fn a_wrong_secret_and_an_unknown_document_are_answered_alike() {
    let mut world = World::shared(4, 1);
    let wrong = world.add("", &Secret::from_random([9; 32]), None);
    world.run(1_000);
    let mut empty = World::new(4);
    let unknown = empty.add("", &secret(), None);
    empty.run(1_000);
    let answer = world.clients[wrong].room.status();
    assert!(matches!(answer, Status::Denied { .. }), "{answer:?}");
    assert_eq!(answer, empty.clients[unknown].room.status());
}

#[test]
fn two_histories_are_never_united() {
    let mut world = World::shared(5, 1);
    let other = world.add("another text", &secret(), Some(Epoch::from_bytes([8; 16])));
    world.run(1_000);
    assert!(matches!(world.clients[other].room.status(), Status::Denied { .. }));
    assert_eq!(world.text(0), "the first text\n");
    assert_eq!(world.text(other), "another text");
}

#[test]
fn a_reader_reads_and_its_edits_reach_nobody() {
    let mut world = World::shared(6, 1);
    let reader = world.add("", &secret().read_only(), None);
    world.run(1_000);
    assert_eq!(world.text(reader), "the first text\n");
    world.edit(reader);
    world.run(1_000);
    assert!(matches!(world.clients[reader].room.status(), Status::ReadOnly { n_kept: 1, .. }));
    assert_eq!(world.text(0), "the first text\n");
}

#[test]
fn a_full_disk_pauses_writers_and_loses_nothing() {
    let mut world = World::shared(8, 2);
    world.disk.is_full = true;
    (0..20).for_each(|i| {
        world.edit(i % 2);
        world.run(50);
    });
    world.run(500);
    let status = world.clients[0].room.status();
    assert!(matches!(status, Status::Paused { .. }), "{status:?}");
    world.disk.is_full = false;
    world.run(5_000);
    world.check_converged();
}

#[test]
fn garbage_closes_its_own_link_only() {
    let mut world = World::shared(9, 2);
    let link = world.clients[0].link.expect("online");
    world.relay_input(relay::Input::Packet { link, bytes: b"\x02\x63\x00" });
    world.run(100);
    assert!(matches!(world.clients[1].room.status(), Status::Synced { .. }));
    world.run(5_000);
    world.check_converged();
}

#[test]
fn an_idle_document_is_unloaded_and_comes_back() {
    let mut world = World::shared(10, 1);
    let link = world.clients[0].link.expect("online");
    world.is_stalled = true;
    world.cut(link);
    world.run(70_000);
    assert_eq!(world.relay.as_ref().map(Relay::n_documents), Some(0));
    world.is_stalled = false;
    world.run(40_000);
    world.check_converged();
}

#[test]
fn a_live_keystroke_costs_at_most_fourteen_bytes() {
    let mut world = World::shared(11, 2);
    for i in 0..10 {
        world.clients[0].doc.insert(i, "x").expect("inside");
        let mut out = Vec::new();
        let client = &mut world.clients[0];
        client.room.handle(Input::Edited, MonoTime(world.now), &mut client.doc, &mut out);
        let sent: usize = out
            .iter()
            .map(|output| if let Output::Send { bytes, .. } = output { bytes.len() } else { 0 })
            .sum();
        assert!(0 < sent && sent <= 14, "{sent} bytes");
        world.carry_out(0, out);
        world.run(200);
    }
}

#[test]
fn a_history_of_as_many_authors_as_there_may_be_is_taken_in_acknowledged_and_joined() {
    let mut world = World::shared(11, 2);
    let mut many = Document::new(ReplicaId::new(1 << 40));
    let n_authors = limits::DOCUMENT_REPLICAS_MAX as u64 - 10;
    for author in 1..=n_authors {
        let mut one = Document::new(ReplicaId::new(u64::MAX - author));
        one.insert(0, "x").expect("inside");
        let batch = one.changes_since(&VersionVector::default());
        world.clients[0].doc.apply(&batch).expect("valid");
        if author % 2 == 0 {
            many.apply(&batch).expect("valid");
        }
    }
    // Others' operations are taken from whoever catches up.
    world.cut(world.clients[0].link.expect("online"));
    world.input(0, Input::Edited);
    world.run(10_000);
    world.check_converged();
    assert_eq!(world.clients[0].room.n_unacknowledged(), 0);
    world.add("", &secret(), None);
    world.run(5_000);
    world.check_converged();

    // One author more than there may be is refused by everybody, and changes nothing.
    for author in 0..20 {
        let mut one = Document::new(ReplicaId::new(author + 1_000));
        one.insert(0, "y").expect("inside");
        _ = many.apply(&one.changes_since(&VersionVector::default()));
    }
    let before = world.text(1);
    let refused = world.clients[1].doc.apply(&many.changes_since(&VersionVector::default()));
    assert!(matches!(refused, Err(ApplyError::TooManyReplicas { .. })), "{refused:?}");
    assert_eq!(world.text(1), before);
    world.clients[1].doc.check_invariants();
}

#[test]
fn a_link_that_asks_and_never_reads_is_ended() {
    let mut world = World::shared(12, 2);
    let link = world.clients[1].link.expect("online");
    let pings: Vec<u8> = (0..10_000u64).flat_map(|n| Frame::Ping(u64::MAX - n).to_packet()).collect();
    // Nothing is reported as written meanwhile: the socket is full.
    for _ in 0..60 {
        world.relay_input(relay::Input::Packet { link, bytes: &pings });
    }
    let wire = world.wires.get(&link);
    assert!(wire.is_none_or(|wire| wire.is_closing), "it is still served");
    world.run(40_000);
    world.check_converged();
}

#[test]
fn nobody_brings_operations_of_somebody_who_is_here() {
    let mut world = World::shared(13, 3);
    // Client 1 forges the next operation of client 2.
    let victim = world.clients[2].doc.replica();
    let mut forged = Document::new(victim);
    forged.insert(0, "forged").expect("inside");
    let batch = Frame::Batch(&forged.changes_since(&VersionVector::default())).to_packet();
    let link = world.clients[1].link.expect("online");
    world.relay_input(relay::Input::Packet { link, bytes: &batch });
    world.run(500);
    world.clients[2].doc.insert(0, "true ").expect("inside");
    world.input(2, Input::Edited);
    world.run(1_000);
    world.check_converged();
    assert_eq!(world.text(0), "true the first text\n");
}

#[test]
fn a_text_larger_than_a_server_takes_at_once_goes_in_several_transfers() {
    let mut world = World::new(15);
    let mut config = RelayConfig::new(15);
    config.link_limits.upload_bytes_max = 100_000;
    world.relay = Some(Relay::new(config));
    world.add(&"all of it\n".repeat(50_000), &secret(), Some(EPOCH));
    world.run(5_000);
    let guest = world.add("", &secret(), None);
    world.run(5_000);
    assert_eq!(world.text(guest).len(), 500_000);
    world.check_converged();
}

#[test]
fn who_joins_a_long_history_gets_a_snapshot_and_what_came_since() {
    let mut world = World::shared(14, 1);
    // Typed and deleted again and again: a long history and a short text.
    for _ in 0..60 {
        let doc = &mut world.clients[0].doc;
        let len = doc.len_chars();
        for i in 0..250 {
            doc.insert(len + i, "x").expect("inside");
        }
        doc.delete(len..len + 240).expect("inside");
        world.input(0, Input::Edited);
        world.run(20);
    }
    world.run(500);
    world.n_bytes_down = 0;
    let late = world.add("", &secret(), None);
    world.run(50);
    world.edit(0);
    world.run(1_500);
    world.check_converged();
    assert_eq!(world.text(late), world.text(0));
    let n_ops = world.clients[0].doc.version().n_ops_beyond(&VersionVector::default());
    assert!(limits::JOIN_TAIL_OPS_MAX < n_ops, "{n_ops} operations are no long history");
    // Nothing like an operation each: runs, in a snapshot that was made once for all who join.
    assert!(world.n_bytes_down < 40_000, "{} bytes for {n_ops} operations", world.n_bytes_down);
}

#[test]
fn a_document_that_grows_too_large_can_still_be_read_and_says_why() {
    let mut world = World::new(16);
    let mut config = RelayConfig::new(16);
    config.document_bytes_max = 2_000;
    world.relay = Some(Relay::new(config));
    world.add("short\n", &secret(), Some(EPOCH));
    world.run(2_000);
    world.clients[0].doc.insert(0, &"0123456789".repeat(300)).expect("inside");
    world.input(0, Input::Edited);
    world.run(2_000);
    world.clients[0].doc.insert(0, "more").expect("inside");
    world.input(0, Input::Edited);
    world.run(2_000);
    let status = world.clients[0].room.status();
    assert!(
        matches!(status, Status::Paused { n_kept: 4, sentence } if sentence.contains("keeps 2000")),
        "{status:?}"
    );
    let reader = world.add("", &secret().read_only(), None);
    world.run(2_000);
    assert_eq!(world.text(reader).len(), 3_006);
}

#[test]
fn a_relay_with_as_many_documents_as_it_may_have_creates_no_more() {
    let mut world = World::new(17);
    let mut config = RelayConfig::new(17);
    config.documents_stored_max = 0;
    world.relay = Some(Relay::new(config));
    world.add("mine\n", &secret(), Some(EPOCH));
    let guest = world.add("", &secret(), None);
    world.run(5_000);
    let status = world.clients[0].room.status();
    assert!(
        matches!(status, Status::Denied { sentence, .. } if sentence.contains("as many documents")),
        "{status:?}"
    );
    let status = world.clients[guest].room.status();
    assert!(
        matches!(status, Status::Denied { sentence, .. } if sentence.contains("no such document")),
        "{status:?}"
    );
}
