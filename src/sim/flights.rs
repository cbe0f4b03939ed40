//! How packets fly: connections that are made, what they lose, double and mix up, and who learns when that one is gone.

use bytes::Bytes;

use super::network::{End, Wire};
use super::requests::Requests;
use super::world::{Event, World};
use crate::base::time::WallTime;
use crate::relay;
use crate::sync::{Direction, Input, LinkId, Via};

impl World {
    pub(super) fn dial(&mut self, i: usize) {
        let latency = self.latency();
        let client = &mut self.clients[i];
        // Whoever cannot be reached reaches nobody: packets vanish.
        let takes = if client.is_out_of_reach { 5_000 } else { latency };
        let Some(process) = &mut client.process else { return };
        process.n_dials += 1;
        let (run, n_dials) = (client.run, process.n_dials);
        self.later(self.now + takes, Event::Dialed { client: i, run, n_dials });
    }

    /// Makes a connection to a server; `None` if nobody answers.
    pub(super) fn connect(&mut self, client: usize, place: usize) -> Option<LinkId> {
        let is_up = match self.places[place].host {
            Some(host) => {
                let host = &self.clients[host];
                host.process.is_some() && !host.is_asleep && !host.is_out_of_reach
            }
            None => self.places[place].relay.is_some(),
        };
        if !is_up {
            return None;
        }
        self.next_link += 1;
        let link = LinkId(self.next_link);
        self.wires.insert(link, Wire::new(client, place));
        self.server_opened(place, link);
        Some(link)
    }

    pub(super) fn dialed(&mut self, i: usize, n_dials: u64) {
        let is_latest = self.clients[i].process.as_ref().is_some_and(|process| process.n_dials == n_dials);
        if !is_latest {
            return;
        }
        let link =
            if self.clients[i].is_out_of_reach { None } else { self.connect(i, self.clients[i].place) };
        let Some(link) = link else {
            return self.input(i, Input::DialFailed { sentence: "connection refused".to_owned() });
        };
        if let Some(process) = &mut self.clients[i].process {
            process.link = Some(link);
        }
        let wall = self.wall();
        let via = self.way();
        if via != Via::WebSocket
            && let Some(wire) = self.wires.get_mut(&link)
        {
            wire.requests = Some(Requests::new(via));
            self.requests_begin(link);
        }
        self.input(i, Input::LinkOpened { link, direction: Direction::Dialed { via }, wall });
    }

    /// Draws which way is open.
    fn way(&mut self) -> Via {
        // Nothing is drawn in a world without them.
        match 0 < self.options.requests_percent && self.rng.below(100) < self.options.requests_percent {
            true => [Via::EventStream, Via::LongPoll][self.rng.below(2) as usize],
            false => Via::WebSocket,
        }
    }

    /// Any wall clock: nothing may depend on it.
    fn wall(&mut self) -> WallTime {
        WallTime(self.rng.below(1 << 42))
    }

    fn server_opened(&mut self, place: usize, link: LinkId) {
        let wall = self.wall();
        let document = self.places[place].document;
        let direction = Direction::Accepted { document };
        match self.places[place].host {
            Some(host) => self.input(host, Input::LinkOpened { link, direction, wall }),
            None => self.relay_input(place, relay::Input::LinkOpened { link, document, wall }),
        }
    }

    /// Gives the server a packet on a link, as if it had come from there.
    pub fn server_packet(&mut self, link: LinkId, bytes: &[u8]) {
        let Some(place) = self.wires.get(&link).map(|wire| wire.place) else { return };
        match self.places[place].host {
            Some(host) => self.input(host, Input::Packet { link, bytes }),
            None => self.relay_input(place, relay::Input::Packet { link, bytes }),
        }
    }

    fn server_written(&mut self, place: usize, link: LinkId, n_bytes: usize) {
        match self.places[place].host {
            Some(host) => self.input(host, Input::Written { link, n_bytes }),
            None => self.relay_input(place, relay::Input::Written { link, n_bytes }),
        }
    }

    fn server_closed(&mut self, place: usize, link: LinkId) {
        match self.places[place].host {
            Some(host) => self.input(host, Input::LinkClosed { link }),
            None => self.relay_input(place, relay::Input::LinkClosed { link }),
        }
    }

    pub(super) fn latency(&mut self) -> u64 {
        self.options.latency_ms + self.rng.below(self.options.jitter_ms + 1)
    }

    pub(super) fn send(&mut self, link: LinkId, end: End, bytes: Bytes) {
        let Some(wire) = self.wires.get_mut(&link).filter(|wire| wire.is_open(end)) else { return };
        match end {
            End::Server => self.n_bytes_down += bytes.len(),
            End::Client => self.n_bytes_up += bytes.len(),
        }
        if wire.requests.is_some() {
            return self.requests_send(link, end, bytes);
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

    pub(super) fn arrive(&mut self, link: LinkId, from: End, bytes: &Bytes) {
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
    pub(super) fn close(&mut self, link: LinkId, end: End) {
        let Some(wire) = self.wires.get_mut(&link) else { return };
        if !wire.close(end) {
            return;
        }
        if wire.requests.is_some() {
            self.requests_close(link, end);
        }
        let Some(wire) = self.wires.get_mut(&link) else { return };
        for bytes in wire.pipe(end).drain() {
            self.fly(link, end, bytes);
        }
        let Some(wire) = self.wires.get_mut(&link) else { return };
        if !wire.is_broken {
            let is_late = wire.requests.is_some();
            let at = wire.pipe(end).last_at.max(self.now) + 1;
            // What was got across last arrives before.
            let at = at + if is_late { self.options.latency_ms + self.options.jitter_ms } else { 0 };
            self.later(at, Event::Notice { link, end: end.other() });
        }
        self.sweep(link);
    }

    pub(super) fn noticed(&mut self, link: LinkId, end: End) {
        let Some(wire) = self.wires.get_mut(&link) else { return };
        let (client, place) = (wire.client, wire.place);
        if !wire.close(end) {
            return;
        }
        let is_attackers = self.is_attackers(link);
        self.sweep(link);
        match end {
            End::Server => self.server_closed(place, link),
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

    pub(super) fn written(&mut self, link: LinkId, end: End, n_bytes: usize) {
        let Some(wire) = self.wires.get(&link).filter(|wire| wire.is_open(end)) else { return };
        let (client, place) = (wire.client, wire.place);
        match end {
            End::Server => self.server_written(place, link, n_bytes),
            End::Client if self.is_attackers(link) => {}
            End::Client => self.input(client, Input::Written { link, n_bytes }),
        }
    }
}
