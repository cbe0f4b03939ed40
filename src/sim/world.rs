//! The world: a queue of events, the machines they go to, and what the machines ask for.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::client::{Client, Process};
use super::disk::{self, Disk, JournalWrite, Shadow, StoreWrite};
use super::hostile::Attacker;
use super::network::{End, Wire};
use super::options::Options;
use super::places::Place;
use super::requests::{Carried, Half};
use super::{Failure, Outcome};
use crate::base::rng::Rng;
use crate::base::time::{Millis, MonoTime};
use crate::crdt::ReplicaId;
use crate::document::{Applied, Document};
use crate::protocol::capability::Secret;
use crate::protocol::{Epoch, SessionId};
use crate::relay::{self, Relay, RelayConfig};
use crate::sync::event::{Create, LinkLimits};
use crate::sync::{Input, LinkId, Output, PersistToken, Room, RoomConfig, Serve, Upstream};

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
    /// Something of a connection by requests arrives at the other end.
    Carried { link: LinkId, from: End, half: Half, n_try: u64, carried: Carried },
    /// A poll was long enough at the server.
    Patience { link: LinkId, n_try: u64 },
    /// The client looks whether a request has had its time.
    Overdue { link: LinkId, half: Half, n_try: u64 },
    /// The client learns that a request came to nothing.
    Broke { link: LinkId, half: Half, n_try: u64 },
    /// The client makes a request again.
    Retry { link: LinkId, half: Half, n_try: u64 },
    /// A try to connect comes to its end.
    Dialed { client: usize, run: u64, n_dials: u64 },
    /// A relay's disk has done something.
    StoreDone { place: usize, run: u64 },
    /// A client's disk has.
    JournalDone { client: usize, run: u64 },
    /// A machine wakes up.
    Awake { client: usize },
    /// A machine can be reached again.
    Reachable { client: usize },
}

/// Clients, the servers, and what lies between them.
pub struct World {
    pub(super) options: Options,
    pub(super) rng: Rng,
    pub(super) now: u64,
    queue: BTreeMap<(u64, u64), Event>,
    n_events: u64,
    n_inputs_at_once: u64,
    pub(super) places: Vec<Place>,
    pub(super) clients: Vec<Client>,
    pub(super) wires: BTreeMap<LinkId, Wire>,
    /// Members of the first document that came so far.
    pub(super) n_members: usize,
    pub(super) next_link: u64,
    pub(super) attacker: Option<Attacker>,
    /// Whether the network loses, doubles and mixes packets.
    pub(super) is_faulty: bool,
    pub(super) n_bytes_down: usize,
    pub(super) n_bytes_up: usize,
    trace: u64,
    failure: Option<Failure>,
}

impl World {
    /// Makes a world with its servers and nobody else.
    pub fn new(seed: u64, options: Options) -> World {
        let mut world = World {
            options,
            rng: Rng::new(seed),
            now: 1_000,
            queue: BTreeMap::new(),
            n_events: 0,
            n_inputs_at_once: 0,
            places: Vec::new(),
            clients: Vec::new(),
            wires: BTreeMap::new(),
            n_members: 0,
            next_link: 0,
            attacker: None,
            is_faulty: false,
            n_bytes_down: 0,
            n_bytes_up: 0,
            trace: 0xcbf2_9ce4_8422_2325,
            failure: None,
        };
        for n in 0..world.options.n_servers {
            world.places.push(Place::new(n, world.options.hosts[n]));
            world.start_relay(n);
        }
        world
    }

    /// Adds a client of the first server with this secret and starts it. With `first` it has a text with a history of its
    /// own already; the first client of a document that is hosted serves it.
    pub fn add(&mut self, secret: &Secret, first: Option<(&str, Epoch)>) -> usize {
        self.add_at(0, self.clients.len(), secret, first)
    }

    /// As [`World::add`], at any server and on any client's machine.
    pub fn add_at(
        &mut self,
        place: usize,
        machine: usize,
        secret: &Secret,
        first: Option<(&str, Epoch)>,
    ) -> usize {
        let i = self.clients.len();
        let mut disk = Disk::new();
        let mut shadow = Shadow::new();
        if let Some((text, epoch)) = first {
            let mut doc = Document::new(ReplicaId::new(self.rng.next_u64()));
            // A text that is empty has no first operation.
            _ = doc.insert(0, text);
            let snapshot = doc.save();
            shadow.take_snapshot(&snapshot);
            disk.synced.push(JournalWrite::Begin { epoch: Some(epoch), snapshot });
            if epoch == self.places[place].epoch {
                self.places[place].truth.typed(i, text);
                self.places[place].truth.learn(&doc);
            }
        }
        let clock = match self.clients.get(machine) {
            Some(first) => first.clock,
            None => 1_000_000_000 + self.rng.below(1_000_000_000),
        };
        let client = Client {
            place,
            machine,
            secret: secret.clone(),
            own_epoch: first.map(|(_, epoch)| epoch),
            process: None,
            run: 0,
            disk,
            shadow,
            clock,
            is_asleep: false,
            woke_at: 0,
            stood_still_at: None,
            stood_still: Vec::new(),
            deferred: Vec::new(),
            is_out_of_reach: false,
            ended_at: Vec::new(),
        };
        self.clients.push(client);
        if self.places[place].is_hosted {
            self.places[place].host.get_or_insert(i);
        }
        self.start_client(i);
        i
    }

    /// Starts a client's program with what its disk holds, if that can be read.
    pub fn start_client(&mut self, i: usize) {
        let replica = ReplicaId::new(self.rng.next_u64());
        // Whoever cannot read his record is told so, and the program ends.
        let Ok(record) = self.clients[i].disk.read().map(disk::record) else { return };
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
        let place = &mut self.places[client.place];
        let is_host = place.host == Some(i);
        let access = client.secret.access();
        let limits = LinkLimits { upload_bytes_max: self.options.upload_bytes_max, ..LinkLimits::default() };
        let serve = access.filter(|_| is_host).map(|access| Serve {
            access,
            grants: Vec::new(),
            limits,
            elsewhere: None,
        });
        let create = access.filter(|_| client.own_epoch == Some(place.epoch));
        let upstream = (!is_host).then(|| Upstream {
            token: client.secret.token(),
            create: create.map(|access| Create { access, operator_token: Vec::new() }),
            acknowledged: record.acknowledged.clone(),
            is_first: false,
        });
        let epoch = record.epoch.map(Epoch::from_bytes);
        let config = RoomConfig {
            document: place.document,
            epoch,
            session,
            name: "notes.txt".to_owned(),
            seed,
            durable: doc.version(),
            serve,
            upstream,
        };
        let mut out = Vec::new();
        let mut room = Room::new(config, MonoTime(self.now + client.clock), &mut doc, &mut out);
        room.set_saved(record.saved.clone());
        if !client.is_writer() {
            place.truth.readers.insert(replica);
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

    /// Starts a relay with what its disk holds, unless the document is hosted.
    pub(super) fn start_relay(&mut self, place: usize) {
        if self.places[place].is_hosted {
            return;
        }
        let mut config = RelayConfig::new(self.rng.next_u64());
        config.link_limits.upload_bytes_max = self.options.upload_bytes_max;
        config.document_bytes_max = self.options.document_bytes_max;
        config.documents_stored_max = self.options.documents_stored_max;
        config.snapshot_after_records = self.options.snapshot_after_records;
        self.places[place].relay = Some(Relay::new(config));
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

    /// Whether a client serves its document.
    pub(super) fn is_host(&self, i: usize) -> bool {
        self.places[self.clients[i].place].host == Some(i)
    }

    pub(super) fn end_of(&self, i: usize) -> End {
        if self.is_host(i) { End::Server } else { End::Client }
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
                Output::Rewrite { token } => self.rewritten(i, token),
                Output::Dial { .. } => self.dial(i),
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

    fn rewritten(&mut self, i: usize, token: PersistToken) {
        self.begin_record(i);
        let is_writer = self.clients[i].is_writer();
        let truth = &mut self.places[self.clients[i].place].truth;
        let Some(process) = &mut self.clients[i].process else { return };
        process.last_token = Some(token);
        let (snapshot, saved) = (process.doc.save(), process.room.saved().clone());
        match is_writer {
            true => truth.learn(&process.doc),
            false => drop(truth.readers.insert(process.doc.replica())),
        }
        self.ask_journal(i, JournalWrite::Rewritten { snapshot, saved, token: token.0 });
    }

    fn repaint(&mut self, i: usize, applied: &Applied) {
        let Some(process) = &mut self.clients[i].process else { return };
        if !process.repaint(&applied.changes) {
            self.fail(format!("client {i}: what was reported does not explain its text"));
        }
    }

    /// Gives a relay an input.
    pub fn relay_input(&mut self, place: usize, input: relay::Input<'_>) {
        let Some(relay) = &mut self.places[place].relay else { return };
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
                relay::Output::Load { document, .. } => StoreWrite::Load { document },
                relay::Output::Create { document, epoch, access, name, .. } => {
                    StoreWrite::Create { document, epoch, access, name }
                }
                relay::Output::Append { token, bytes, .. } => StoreWrite::Append { token, bytes },
                relay::Output::StoreSnapshot { bytes, .. } => StoreWrite::Snapshot(bytes),
                relay::Output::StoreAccess { .. }
                | relay::Output::Managed { .. }
                | relay::Output::LinkRefused { .. }
                | relay::Output::LinkWelcomed { .. }
                | relay::Output::LoadFailed { .. }
                | relay::Output::Unloaded { .. }
                | relay::Output::Drained => continue,
            };
            let takes = self.rng.below(self.options.disk_ms + 1);
            let at = self.places[place].store.ask(self.now + takes, asked);
            self.later(at, Event::StoreDone { place, run: self.places[place].run });
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
        let relays = self.places.iter().filter_map(|place| place.relay.as_ref()?.deadline().map(|at| at.0));
        let clients = self.clients.iter().filter_map(due_at);
        first.into_iter().chain(relays).chain(clients).min().unwrap_or(u64::MAX)
    }

    fn deadlines(&mut self) {
        for place in 0..self.places.len() {
            let relay = self.places[place].relay.as_ref();
            if relay.and_then(Relay::deadline).is_some_and(|at| at.0 <= self.now) {
                self.note(10, place as u64, &[]);
                self.relay_input(place, relay::Input::DeadlineReached);
            }
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
            let wire = self.wires.get(link)?;
            match end {
                End::Client => (wire.client < self.clients.len()).then_some(wire.client),
                End::Server => self.places[wire.place].host,
            }
        };
        match event {
            Event::Arrive { link, from, .. } | Event::Carried { link, from, .. } => {
                at_end(link, from.other())
            }
            Event::Patience { link, .. } => at_end(link, End::Server),
            Event::Overdue { link, .. } | Event::Broke { link, .. } | Event::Retry { link, .. } => {
                at_end(link, End::Client)
            }
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
            Event::Carried { link, from, half, n_try, carried } => {
                self.carried(link, from, half, n_try, carried);
            }
            Event::Patience { link, n_try } => self.patience(link, n_try),
            Event::Overdue { link, half, n_try } => self.overdue(link, half, n_try),
            Event::Broke { link, half, n_try } => self.broke(link, half, n_try),
            Event::Retry { link, half, n_try } => self.retry(link, half, n_try),
            Event::Written { link, end, n_bytes } => self.written(link, end, n_bytes),
            Event::Notice { link, end } => self.noticed(link, end),
            Event::Break { link } => self.break_wire(link),
            Event::Dialed { client, run, n_dials } if self.clients[client].run == run => {
                self.dialed(client, n_dials);
            }
            Event::StoreDone { place, run } if self.places[place].run == run => self.store_done(place),
            Event::JournalDone { client, run } if self.clients[client].run == run => {
                self.journal_done(client);
            }
            Event::Awake { client } => self.wake_up(client),
            Event::Reachable { client } => self.clients[client].is_out_of_reach = false,
            Event::Dialed { .. } | Event::StoreDone { .. } | Event::JournalDone { .. } => {}
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
                n_ops: self.n_ops(),
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
