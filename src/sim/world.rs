//! The world: a queue of events, the machines they go to, and what the machines ask for.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::client::{Client, Process};
use super::disk::{self, Disk, JournalWrite, Shadow, StoreWrite};
use super::hostile::Attacker;
use super::network::{End, Wire};
use super::options::Options;
use super::truth::Truth;
use super::{Failure, Outcome};
use crate::base::rng::Rng;
use crate::base::time::{Millis, MonoTime, WallTime};
use crate::crdt::{ReplicaId, VersionVector};
use crate::document::{Applied, Document};
use crate::protocol::capability::Secret;
use crate::protocol::{DocumentId, Epoch, SessionId};
use crate::relay::{self, Relay, RelayConfig};
use crate::sync::event::{Create, LinkLimits};
use crate::sync::{Direction, Input, LinkId, Output, Room, RoomConfig, Serve, Upstream, Via};

/// The document that everything is about.
pub const DOCUMENT: DocumentId = DocumentId::from_bytes([1; 16]);
/// Its history.
pub const EPOCH: Epoch = Epoch::from_bytes([2; 16]);

/// Returns the secret of the document's link.
pub fn secret() -> Secret {
    Secret::from_random([3; 32])
}

/// Inputs of a room or relay at one moment, past which it is taken to run in circles.
const INPUTS_AT_ONCE_MAX: u64 = 2_000_000;

/// What is going to happen.
pub(super) enum Event {
    /// A packet arrives at the other end.
    Arrive { link: LinkId, from: End, bytes: Bytes },
    /// The socket took this much.
    Written { link: LinkId, end: End, n_bytes: usize },
    /// This end learns that the other is gone.
    Notice { link: LinkId, end: End },
    /// Nothing gets through any more.
    Break { link: LinkId },
    /// A try to connect comes to its end.
    Dialed { client: usize, run: u64, n_dials: u64 },
    /// The relay's disk has done something.
    StoreDone { run: u64 },
    /// A client's disk has.
    JournalDone { client: usize, run: u64 },
    /// A machine wakes up.
    Awake { client: usize },
    /// A machine can be reached again.
    Reachable { client: usize },
}

/// Clients, the server, and what lies between them.
pub struct World {
    pub(super) options: Options,
    pub(super) rng: Rng,
    pub(super) now: u64,
    queue: BTreeMap<(u64, u64), Event>,
    n_events: u64,
    n_inputs_at_once: u64,
    pub(super) relay: Option<Relay>,
    pub(super) relay_run: u64,
    pub(super) store: Disk<StoreWrite>,
    /// What a restart of the relay would find.
    pub(super) store_shadow: Shadow,
    pub(super) clients: Vec<Client>,
    pub(super) wires: BTreeMap<LinkId, Wire>,
    next_link: u64,
    pub(super) attacker: Option<Attacker>,
    pub(super) truth: Truth,
    /// Whether the network loses, doubles and mixes packets.
    pub(super) is_faulty: bool,
    pub(super) n_bytes_down: usize,
    pub(super) n_bytes_up: usize,
    trace: u64,
    failure: Option<Failure>,
}

impl World {
    /// Makes a world with a server and nobody else.
    pub fn new(seed: u64, options: Options) -> World {
        let mut world = World {
            options,
            rng: Rng::new(seed),
            now: 1_000,
            queue: BTreeMap::new(),
            n_events: 0,
            n_inputs_at_once: 0,
            relay: None,
            relay_run: 0,
            store: Disk::new(),
            store_shadow: Shadow::new(),
            clients: Vec::new(),
            wires: BTreeMap::new(),
            next_link: 0,
            attacker: None,
            truth: Truth::new(),
            is_faulty: false,
            n_bytes_down: 0,
            n_bytes_up: 0,
            trace: 0xcbf2_9ce4_8422_2325,
            failure: None,
        };
        if !world.options.is_host {
            world.start_relay();
        }
        world
    }

    /// Adds a client with this secret and starts it. With `first` it has a text with a history of its own already; the
    /// first client of a world with a host serves it.
    pub fn add(&mut self, secret: &Secret, first: Option<(&str, Epoch)>) -> usize {
        let mut disk = Disk::new();
        let mut shadow = Shadow::new();
        if let Some((text, epoch)) = first {
            let mut doc = Document::new(ReplicaId::new(self.rng.next_u64()));
            // A text that is empty has no first operation.
            _ = doc.insert(0, text);
            let snapshot = doc.save();
            shadow.take_snapshot(&snapshot);
            disk.synced.push(JournalWrite::Begin { epoch: Some(epoch), snapshot });
            if epoch == EPOCH {
                self.truth.typed(self.clients.len(), text);
                self.truth.learn(&doc);
            }
        }
        let client = Client {
            secret: secret.clone(),
            own_epoch: first.map(|(_, epoch)| epoch),
            process: None,
            run: 0,
            disk,
            shadow,
            clock: 1_000_000_000 + self.rng.below(1_000_000_000),
            is_asleep: false,
            woke_at: 0,
            stood_still_at: None,
            deferred: Vec::new(),
            is_out_of_reach: false,
            ended_at: Vec::new(),
        };
        self.clients.push(client);
        self.start_client(self.clients.len() - 1);
        self.clients.len() - 1
    }

    /// Starts a client's program with what its disk holds.
    pub fn start_client(&mut self, i: usize) {
        let replica = ReplicaId::new(self.rng.next_u64());
        let record = disk::record(&self.clients[i].disk.synced);
        let is_begun = record.is_some();
        let record = record.unwrap_or_default();
        let mut doc = match record.recover(replica) {
            Ok(doc) => doc,
            Err(error) => return self.fail(format!("client {i} cannot read its journal: {error}")),
        };
        if !doc.version().includes(&self.clients[i].shadow.doc.version()) {
            return self.fail(format!("client {i} does not find all that is in its journal"));
        }
        let session = SessionId::from_bytes(session_bytes(i, self.clients[i].run));
        let seed = self.rng.next_u64();
        let client = &self.clients[i];
        let is_host = self.options.is_host && i == 0;
        let access = client.secret.access();
        let limits = LinkLimits { upload_bytes_max: self.options.upload_bytes_max, ..LinkLimits::default() };
        let serve = access.filter(|_| is_host).map(|access| Serve { access, grants: Vec::new(), limits });
        let create = access.filter(|_| client.own_epoch == Some(EPOCH));
        let upstream = (!is_host).then(|| Upstream {
            token: client.secret.token(),
            create: create.map(|access| Create { access, operator_token: Vec::new() }),
            acknowledged: record.acknowledged.clone(),
        });
        let epoch = record.epoch.map(Epoch::from_bytes);
        let config = RoomConfig {
            document: DOCUMENT,
            epoch,
            session,
            name: "notes.txt".to_owned(),
            seed,
            durable: doc.version(),
            serve,
            upstream,
        };
        let mut out = Vec::new();
        let room = Room::new(config, MonoTime(self.now + client.clock), &mut doc, &mut out);
        if !client.is_writer() {
            self.truth.readers.insert(replica);
        }
        self.clients[i].process = Some(Process {
            screen: doc.rope().clone(),
            doc,
            room,
            link: None,
            n_dials: 0,
            is_begun,
            epoch,
            last_token: None,
            name: String::new(),
            deleted: Default::default(),
            n_presences: 0,
        });
        self.carry_out(i, out);
    }

    /// Starts the relay with what its disk holds.
    pub(super) fn start_relay(&mut self) {
        let mut config = RelayConfig::new(self.rng.next_u64());
        config.link_limits.upload_bytes_max = self.options.upload_bytes_max;
        config.document_bytes_max = self.options.document_bytes_max;
        config.documents_stored_max = self.options.documents_stored_max;
        config.snapshot_after_records = self.options.snapshot_after_records;
        self.relay = Some(Relay::new(config));
    }

    /// Gives a client's program an input.
    pub fn input(&mut self, i: usize, input: Input<'_>) {
        let mut out = Vec::new();
        let now = MonoTime(self.now + self.clients[i].clock);
        let Some(process) = &mut self.clients[i].process else { return };
        process.room.handle(input, now, &mut process.doc, &mut out);
        self.n_inputs_at_once += 1;
        self.carry_out(i, out);
        self.check_client(i);
    }

    fn end_of(&self, i: usize) -> End {
        if self.options.is_host && i == 0 { End::Server } else { End::Client }
    }

    fn carry_out(&mut self, i: usize, out: Vec<Output>) {
        let end = self.end_of(i);
        for output in out {
            match output {
                Output::Send { link, bytes } => self.send(link, end, bytes),
                Output::Close { link } => self.close(link, end),
                Output::Persist { token, bytes } => {
                    if let Some(process) = &mut self.clients[i].process {
                        process.last_token = Some(token);
                    }
                    self.begin_record(i);
                    self.ask_journal(i, JournalWrite::Append { token: token.0, bytes: bytes.to_vec() });
                }
                Output::Dial => self.dial(i),
                Output::TextChanged(applied) => self.repaint(i, &applied),
                Output::EpochAdopted(epoch) => self.adopt(i, epoch),
                Output::Named(name) => {
                    if let Some(process) = &mut self.clients[i].process {
                        process.name = name;
                    }
                }
                Output::PeopleChanged
                | Output::StatusChanged
                | Output::CaughtUp
                | Output::LinkDenied
                | Output::LinkWelcomed { .. }
                | Output::LinkRefused { .. } => {}
            }
        }
    }

    fn repaint(&mut self, i: usize, applied: &Applied) {
        let Some(process) = &mut self.clients[i].process else { return };
        if !process.repaint(&applied.changes) {
            self.fail(format!("client {i}: what was reported does not explain its text"));
        }
    }

    /// The journal's record begins with the first batch.
    fn begin_record(&mut self, i: usize) {
        let Some(process) = &mut self.clients[i].process else { return };
        if !std::mem::replace(&mut process.is_begun, true) {
            let begin = JournalWrite::Begin { epoch: process.epoch, snapshot: process.doc.save() };
            self.ask_journal(i, begin);
        }
    }

    fn adopt(&mut self, i: usize, epoch: Epoch) {
        let Some(process) = &mut self.clients[i].process else { return };
        process.epoch = Some(epoch);
        if std::mem::replace(&mut process.is_begun, false) {
            self.ask_journal(i, JournalWrite::Remove);
        }
    }

    pub(super) fn ask_journal(&mut self, i: usize, write: JournalWrite) {
        let at = self.now + self.rng.below(self.options.disk_ms + 1);
        let client = &mut self.clients[i];
        let (at, run) = (client.disk.ask(at, write), client.run);
        self.later(at, Event::JournalDone { client: i, run });
    }

    fn dial(&mut self, i: usize) {
        let latency = self.latency();
        let client = &mut self.clients[i];
        // Whoever cannot be reached reaches nobody: packets vanish.
        let takes = if client.is_out_of_reach { 5_000 } else { latency };
        let Some(process) = &mut client.process else { return };
        process.n_dials += 1;
        let (run, n_dials) = (client.run, process.n_dials);
        self.later(self.now + takes, Event::Dialed { client: i, run, n_dials });
    }

    /// Gives the relay an input.
    pub fn relay_input(&mut self, input: relay::Input<'_>) {
        let Some(relay) = &mut self.relay else { return };
        let mut out = Vec::new();
        relay.handle(input, MonoTime(self.now), &mut out);
        self.n_inputs_at_once += 1;
        for output in out {
            let asked = match output {
                relay::Output::Send { link, bytes } => {
                    self.send(link, End::Server, bytes);
                    continue;
                }
                relay::Output::Close { link } => {
                    self.close(link, End::Server);
                    continue;
                }
                relay::Output::Load { document } => StoreWrite::Load { document },
                relay::Output::Create { document, epoch, access, name, .. } => {
                    StoreWrite::Create { document, epoch, access, name }
                }
                relay::Output::Append { token, bytes, .. } => StoreWrite::Append { token, bytes },
                relay::Output::StoreSnapshot { bytes, .. } => StoreWrite::Snapshot(bytes),
                relay::Output::StoreAccess { .. }
                | relay::Output::Managed { .. }
                | relay::Output::LinkRefused { .. }
                | relay::Output::LinkWelcomed { .. }
                | relay::Output::Unloaded { .. }
                | relay::Output::Drained => continue,
            };
            let at = self.store.ask(self.now + self.rng.below(self.options.disk_ms + 1), asked);
            self.later(at, Event::StoreDone { run: self.relay_run });
        }
    }

    /// Makes a connection for whoever dialed; `None` if nobody answers.
    pub(super) fn connect(&mut self, client: usize) -> Option<LinkId> {
        let is_up = match self.options.is_host {
            true => self.clients[0].process.is_some() && !self.clients[0].is_asleep,
            false => self.relay.is_some(),
        };
        let is_cut_off = self.options.is_host && self.clients[0].is_out_of_reach;
        if !is_up || is_cut_off {
            return None;
        }
        self.next_link += 1;
        let link = LinkId(self.next_link);
        self.wires.insert(link, Wire::new(client));
        self.server_opened(link);
        Some(link)
    }

    fn dialed(&mut self, i: usize, n_dials: u64) {
        let is_latest = self.clients[i].process.as_ref().is_some_and(|process| process.n_dials == n_dials);
        if !is_latest {
            return;
        }
        let link = if self.clients[i].is_out_of_reach { None } else { self.connect(i) };
        let Some(link) = link else {
            return self.input(i, Input::DialFailed { sentence: "connection refused".to_owned() });
        };
        if let Some(process) = &mut self.clients[i].process {
            process.link = Some(link);
        }
        let wall = self.wall();
        self.input(i, Input::LinkOpened { link, direction: Direction::Dialed { via: Via::WebSocket }, wall });
    }

    /// Any wall clock: nothing may depend on it.
    fn wall(&mut self) -> WallTime {
        WallTime(self.rng.below(1 << 42))
    }

    fn server_opened(&mut self, link: LinkId) {
        let wall = self.wall();
        let direction = Direction::Accepted { document: DOCUMENT };
        match self.options.is_host {
            true => self.input(0, Input::LinkOpened { link, direction, wall }),
            false => self.relay_input(relay::Input::LinkOpened { link, document: DOCUMENT, wall }),
        }
    }

    /// Gives the server a packet on a link, as if it had come from there.
    pub fn server_packet(&mut self, link: LinkId, bytes: &[u8]) {
        match self.options.is_host {
            true => self.input(0, Input::Packet { link, bytes }),
            false => self.relay_input(relay::Input::Packet { link, bytes }),
        }
    }

    fn server_written(&mut self, link: LinkId, n_bytes: usize) {
        match self.options.is_host {
            true => self.input(0, Input::Written { link, n_bytes }),
            false => self.relay_input(relay::Input::Written { link, n_bytes }),
        }
    }

    fn server_closed(&mut self, link: LinkId) {
        match self.options.is_host {
            true => self.input(0, Input::LinkClosed { link }),
            false => self.relay_input(relay::Input::LinkClosed { link }),
        }
    }

    fn latency(&mut self) -> u64 {
        self.options.latency_ms + self.rng.below(self.options.jitter_ms + 1)
    }

    pub(super) fn send(&mut self, link: LinkId, end: End, bytes: Bytes) {
        let Some(wire) = self.wires.get_mut(&link).filter(|wire| wire.is_open(end)) else { return };
        match end {
            End::Server => self.n_bytes_down += bytes.len(),
            End::Client => self.n_bytes_up += bytes.len(),
        }
        wire.pipe(end).push(bytes);
        self.pump(link, end);
    }

    fn pump(&mut self, link: LinkId, end: End) {
        while let Some(bytes) = self.wires.get_mut(&link).and_then(|wire| wire.pipe(end).pop()) {
            self.later(self.now, Event::Written { link, end, n_bytes: bytes.len() });
            self.fly(link, end, bytes);
        }
    }

    fn fly(&mut self, link: LinkId, end: End, bytes: Bytes) {
        let takes = self.latency() + bytes.len() as u64 / self.options.bytes_per_ms;
        let mut happens = |per_mille: u64| self.is_faulty && self.rng.below(1_000) < per_mille;
        let is_lost = happens(self.options.lost);
        let is_mixed = happens(self.options.reordered);
        let is_doubled = happens(self.options.duplicated);
        let now = self.now;
        let Some(wire) = self.wires.get_mut(&link).filter(|wire| !wire.is_broken) else { return };
        wire.is_failing |= is_lost || is_mixed || is_doubled;
        let pipe = wire.pipe(end);
        let at = if is_mixed { now + takes } else { pipe.last_at.max(now + takes) };
        pipe.last_at = pipe.last_at.max(at);
        if is_lost || is_mixed || is_doubled {
            let at = now + self.rng.below(60_000);
            self.later(at, Event::Break { link });
        }
        if is_lost {
            return;
        }
        if is_doubled {
            let again_at = at + self.rng.below(2_000);
            self.later(again_at, Event::Arrive { link, from: end, bytes: bytes.clone() });
        }
        self.later(at, Event::Arrive { link, from: end, bytes });
    }

    fn arrive(&mut self, link: LinkId, from: End, bytes: &Bytes) {
        let latency = self.options.latency_ms;
        let Some(wire) = self.wires.get_mut(&link).filter(|wire| !wire.is_broken) else { return };
        let client = wire.client;
        wire.pipe(from).read(bytes.len());
        if !wire.is_open(from.other()) {
            return self.later(self.now + latency, Event::Notice { link, end: from });
        }
        self.pump(link, from);
        self.note(from as u64, link.0, bytes);
        match from {
            End::Client => {
                self.overheard(bytes);
                self.server_packet(link, bytes);
            }
            End::Server if self.is_attackers(link) => {}
            End::Server => self.input(client, Input::Packet { link, bytes }),
        }
    }

    /// This side closes: what was given to it is sent, then the other side learns of it.
    fn close(&mut self, link: LinkId, end: End) {
        let Some(wire) = self.wires.get_mut(&link) else { return };
        if !wire.close(end) {
            return;
        }
        for bytes in wire.pipe(end).drain() {
            self.fly(link, end, bytes);
        }
        let Some(wire) = self.wires.get_mut(&link) else { return };
        if !wire.is_broken {
            let at = wire.pipe(end).last_at.max(self.now) + 1;
            self.later(at, Event::Notice { link, end: end.other() });
        }
        self.sweep(link);
    }

    fn noticed(&mut self, link: LinkId, end: End) {
        let Some(wire) = self.wires.get_mut(&link) else { return };
        let client = wire.client;
        if !wire.close(end) {
            return;
        }
        let is_attackers = self.is_attackers(link);
        self.sweep(link);
        match end {
            End::Server => self.server_closed(link),
            End::Client if is_attackers => self.attacker_lost(link),
            End::Client => {
                if let Some(process) = &mut self.clients[client].process
                    && process.link == Some(link)
                {
                    process.link = None;
                }
                self.input(client, Input::LinkClosed { link });
            }
        }
    }

    fn sweep(&mut self, link: LinkId) {
        if self.wires.get(&link).is_some_and(Wire::is_gone) {
            self.wires.remove(&link);
        }
    }

    pub(super) fn later(&mut self, at: u64, event: Event) {
        self.n_events += 1;
        self.queue.insert((at, self.n_events), event);
    }

    /// Moves the world on by `ms`.
    pub fn run(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.failure.is_none() {
            let next = self.next_due();
            if end < next {
                break;
            }
            if self.now < next {
                self.now = next;
                self.n_inputs_at_once = 0;
            }
            if INPUTS_AT_ONCE_MAX < self.n_inputs_at_once {
                self.fail("somebody runs in circles".to_owned());
            }
            match self.queue.first_key_value() {
                Some((&(at, _), _)) if at <= self.now => {
                    if let Some((_, event)) = self.queue.pop_first() {
                        self.happen(event);
                    }
                }
                _ => self.deadlines(),
            }
        }
        self.now = self.now.max(end);
    }

    fn next_due(&self) -> u64 {
        let first = self.queue.first_key_value().map(|(&(at, _), _)| at);
        let relay = self.relay.as_ref().and_then(Relay::deadline).map(|at| at.0);
        let clients = self.clients.iter().filter_map(due_at);
        [first, relay].into_iter().flatten().chain(clients).min().unwrap_or(u64::MAX)
    }

    fn deadlines(&mut self) {
        if self.relay.as_ref().and_then(Relay::deadline).is_some_and(|at| at.0 <= self.now) {
            self.note(10, 0, &[]);
            self.relay_input(relay::Input::DeadlineReached);
        }
        for i in 0..self.clients.len() {
            if due_at(&self.clients[i]).is_some_and(|at| at <= self.now) {
                self.note(11, i as u64, &[]);
                self.input(i, Input::DeadlineReached);
            }
        }
    }

    /// Returns the machine that an event is for, unless it is the relay's.
    fn machine_of(&self, event: &Event) -> Option<usize> {
        let at_end = |link: &LinkId, end: End| {
            let client = self.wires.get(link)?.client;
            let is_server = end == End::Server;
            match (is_server, self.options.is_host) {
                (false, _) => (client < self.clients.len()).then_some(client),
                (true, true) => Some(0),
                (true, false) => None,
            }
        };
        match event {
            Event::Arrive { link, from, .. } => at_end(link, from.other()),
            Event::Written { link, end, .. } | Event::Notice { link, end } => at_end(link, *end),
            Event::Dialed { client, .. } | Event::JournalDone { client, .. } => Some(*client),
            Event::Break { .. } | Event::StoreDone { .. } => None,
            Event::Awake { .. } | Event::Reachable { .. } => None,
        }
    }

    fn happen(&mut self, event: Event) {
        if let Some(client) = self.machine_of(&event)
            && self.clients[client].is_asleep
        {
            return self.clients[client].deferred.push(event);
        }
        match event {
            Event::Arrive { link, from, bytes } => self.arrive(link, from, &bytes),
            Event::Written { link, end, n_bytes } => self.written(link, end, n_bytes),
            Event::Notice { link, end } => self.noticed(link, end),
            Event::Break { link } => self.break_wire(link),
            Event::Dialed { client, run, n_dials } if self.clients[client].run == run => {
                self.dialed(client, n_dials);
            }
            Event::StoreDone { run } if self.relay_run == run => self.store_done(),
            Event::JournalDone { client, run } if self.clients[client].run == run => {
                self.journal_done(client);
            }
            Event::Awake { client } => self.wake_up(client),
            Event::Reachable { client } => self.clients[client].is_out_of_reach = false,
            Event::Dialed { .. } | Event::StoreDone { .. } | Event::JournalDone { .. } => {}
        }
    }

    fn written(&mut self, link: LinkId, end: End, n_bytes: usize) {
        let Some(wire) = self.wires.get(&link).filter(|wire| wire.is_open(end)) else { return };
        let client = wire.client;
        match end {
            End::Server => self.server_written(link, n_bytes),
            End::Client if self.is_attackers(link) => {}
            End::Client => self.input(client, Input::Written { link, n_bytes }),
        }
    }

    /// Adds to the trace that tells two runs apart (FNV-1a).
    pub(super) fn note(&mut self, kind: u64, number: u64, bytes: &[u8]) {
        let head = [self.now, kind, number].map(u64::to_le_bytes);
        for byte in head.as_flattened().iter().chain(bytes) {
            self.trace = (self.trace ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Notes what went wrong; only the first counts.
    pub(super) fn fail(&mut self, what: String) {
        let at = Millis(self.now);
        self.failure.get_or_insert(Failure { at, what });
    }

    /// Returns what went wrong, or what there was.
    ///
    /// # Errors
    /// The first rule that was broken.
    pub fn outcome(&self) -> Result<Outcome, Failure> {
        match &self.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(Outcome {
                trace: self.trace,
                n_events: self.n_events,
                simulated: Millis(self.now),
                n_ops: self.truth.doc.version().n_ops_beyond(&VersionVector::default()),
            }),
        }
    }
}

fn due_at(client: &Client) -> Option<u64> {
    let room = client.process.as_ref().filter(|_| !client.is_asleep).map(|process| &process.room)?;
    room.deadline().map(|at| at.0.saturating_sub(client.clock))
}

fn session_bytes(client: usize, run: u64) -> [u8; 16] {
    (((client as u128) << 64) | u128::from(run)).to_le_bytes()
}
