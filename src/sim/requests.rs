//! Connections by plain requests, as `io::transport` makes them where nothing better gets through: packets go up in posts and come down
//! in a stream or in answers to polls, with their numbers. A request, an answer or a piece of a stream that is lost or cut in the middle
//! is made again from where it broke.

use std::collections::VecDeque;

use bytes::Bytes;

use super::network::End;
use super::world::{Event, World};
use crate::protocol::resumption::{Taken, Turn, Unseen, numbered};
use crate::sync::{Input, LinkId, Via};

/// Milliseconds that a poll waits at the server.
const PATIENCE_MS: u64 = 8_000;
/// … after which a request without an answer is given up.
const REQUEST_MS: u64 = 15_000;
/// … before the next try.
const RETRY_MS: u64 = 300;
/// … for which it is tried.
const BROKEN_MS: u64 = 10_000;
/// … after which a server gives up a connection for which nobody asks.
const ABANDONED_MS: u64 = 30_000;
/// Bytes in one answer.
const DOWN_BYTES: usize = 64 << 10;

/// Which half of a connection asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Down,
    Up,
}

/// What goes over the network.
#[derive(Clone)]
pub(super) enum Carried {
    /// To the server: what comes after this?
    Ask { seen: u64 },
    /// … packets, the first with this number.
    Post { first: u64, packets: Vec<Bytes>, seen: u64 },
    /// To the client: packets, the first with this number.
    Told { first: u64, packets: Vec<Bytes> },
    /// … all packets of the post were taken.
    Posted,
    /// … the connection is over.
    Gone,
}

/// Both ends of such a connection.
pub(super) struct Requests {
    via: Via,
    /// At the server.
    down: Unseen,
    n_up: Taken,
    /// The number of the try whose poll or stream waits there, and what was given to it.
    reader: Option<(u64, u64)>,
    /// At the client.
    seen: Taken,
    waiting: VecDeque<Bytes>,
    /// What is posted now.
    posted: Vec<Bytes>,
    n_posted: u64,
    /// By half: the number of the latest try, since when none gets on, and when something came of one.
    tries: [u64; 2],
    broken_since: [Option<u64>; 2],
    heard_at: [u64; 2],
}

impl Requests {
    pub(super) fn new(via: Via) -> Requests {
        Requests {
            via,
            down: Unseen::default(),
            n_up: Taken::default(),
            reader: None,
            seen: Taken::default(),
            waiting: VecDeque::new(),
            posted: Vec::new(),
            n_posted: 0,
            tries: [0; 2],
            broken_since: [None; 2],
            heard_at: [0; 2],
        }
    }

    /// Returns how many bytes an end holds that the other has not seen.
    pub(super) fn n_unsent(&self, end: End) -> usize {
        match end {
            End::Server => self.down.n_bytes(),
            End::Client => self.waiting.iter().map(Bytes::len).sum(),
        }
    }
}

impl World {
    fn requests(&mut self, link: LinkId) -> Option<&mut Requests> {
        self.wires.get_mut(&link)?.requests.as_mut()
    }

    /// The client's end begins to read.
    pub(super) fn requests_begin(&mut self, link: LinkId) {
        if self.requests(link).is_some() {
            self.ask(link);
        }
    }

    /// Gives a packet to an end.
    pub(super) fn requests_send(&mut self, link: LinkId, end: End, bytes: Bytes) {
        let Some(requests) = self.requests(link) else { return };
        match end {
            End::Server => {
                requests.down.push(bytes);
                self.tell(link);
            }
            End::Client => {
                requests.waiting.push_back(bytes);
                self.post(link);
            }
        }
    }

    fn ask(&mut self, link: LinkId) {
        let Some(requests) = self.requests(link) else { return };
        let seen = requests.seen.upto();
        self.try_it(link, Half::Down, Carried::Ask { seen });
    }

    /// Posts what waits, unless a post is under way.
    fn post(&mut self, link: LinkId) {
        let Some(requests) = self.requests(link) else { return };
        if requests.posted.is_empty() && !requests.waiting.is_empty() {
            requests.posted = requests.waiting.drain(..).collect();
            self.post_again(link);
        }
    }

    fn post_again(&mut self, link: LinkId) {
        let Some(requests) = self.requests(link) else { return };
        let (first, packets, seen) = (requests.n_posted + 1, requests.posted.clone(), requests.seen.upto());
        self.try_it(link, Half::Up, Carried::Post { first, packets, seen });
    }

    fn try_it(&mut self, link: LinkId, half: Half, carried: Carried) {
        let now = self.now;
        let Some(requests) = self.requests(link) else { return };
        requests.tries[half as usize] += 1;
        requests.heard_at[half as usize] = now;
        let n_try = requests.tries[half as usize];
        self.later(now + REQUEST_MS, Event::Overdue { link, half, n_try });
        self.carry(link, End::Client, half, n_try, carried);
    }

    /// Lets something fly, whole, twice or not at all.
    fn carry(&mut self, link: LinkId, from: End, half: Half, n_try: u64, carried: Carried) {
        let mut happens = |per_mille: u64| self.is_faulty && self.rng.below(1_000) < per_mille;
        // A request is more than one packet: what of it is lost, cuts it in the middle.
        let is_lost = happens(5 * self.options.lost);
        let is_doubled = happens(self.options.duplicated);
        if self.wires.get(&link).is_none_or(|wire| wire.is_broken) {
            return;
        }
        if is_lost {
            let at = self.now + self.rng.below(3_000);
            return self.later(at, Event::Broke { link, half, n_try });
        }
        let at = self.now + self.latency();
        if is_doubled {
            let again_at = at + self.rng.below(2_000);
            self.later(again_at, Event::Carried { link, from, half, n_try, carried: carried.clone() });
        }
        self.later(at, Event::Carried { link, from, half, n_try, carried });
    }

    /// Something arrives.
    pub(super) fn carried(&mut self, link: LinkId, from: End, half: Half, n_try: u64, carried: Carried) {
        let Some(wire) = self.wires.get(&link).filter(|wire| !wire.is_broken) else { return };
        if !wire.is_open(from.other()) {
            if from == End::Client {
                self.carry(link, End::Server, half, n_try, Carried::Gone);
            }
            return;
        }
        match carried {
            Carried::Ask { seen } => {
                self.saw(link, seen);
                let Some(requests) = self.requests(link) else { return };
                requests.reader = Some((n_try, seen));
                self.later(self.now + PATIENCE_MS, Event::Patience { link, n_try });
                self.tell(link);
            }
            Carried::Post { first, packets, seen } => {
                self.saw(link, seen);
                self.take_up(link, n_try, first, packets);
            }
            Carried::Told { first, packets } => self.take_down(link, n_try, first, packets),
            Carried::Posted => self.posted(link, n_try),
            Carried::Gone => self.noticed(link, End::Client),
        }
    }

    fn saw(&mut self, link: LinkId, upto: u64) {
        let Some(requests) = self.requests(link) else { return };
        let n_bytes = requests.down.saw(upto);
        if 0 < n_bytes {
            self.written(link, End::Server, n_bytes);
        }
    }

    /// Gives whoever reads what there is.
    fn tell(&mut self, link: LinkId) {
        let Some(requests) = self.requests(link) else { return };
        let Some((n_try, given)) = requests.reader else { return };
        let (first, packets) = requests.down.after(given, DOWN_BYTES);
        if packets.is_empty() {
            return;
        }
        // A stream goes on; a poll is answered once.
        let upto = first + packets.len() as u64 - 1;
        requests.reader = (requests.via == Via::EventStream).then_some((n_try, upto));
        self.carry(link, End::Server, Half::Down, n_try, Carried::Told { first, packets });
        self.tell(link);
    }

    /// A poll has waited long enough; a stream says that it is alive.
    pub(super) fn patience(&mut self, link: LinkId, n_try: u64) {
        let Some(requests) = self.requests(link) else { return };
        if requests.reader.is_some_and(|(reader, _)| reader == n_try) {
            match requests.via {
                Via::EventStream => self.later(self.now + PATIENCE_MS, Event::Patience { link, n_try }),
                _ => requests.reader = None,
            }
            let nothing = Carried::Told { first: 0, packets: Vec::new() };
            self.carry(link, End::Server, Half::Down, n_try, nothing);
        }
    }

    fn take_up(&mut self, link: LinkId, n_try: u64, first: u64, packets: Vec<Bytes>) {
        for (number, packet) in numbered(first, packets) {
            let Some(requests) = self.requests(link) else { return };
            match requests.n_up.turn(number) {
                Turn::Known => continue,
                Turn::Next => requests.n_up.took(),
                Turn::Gap => return self.carry(link, End::Server, Half::Up, n_try, Carried::Gone),
            }
            self.note(End::Client as u64, link.0, &packet);
            self.overheard(&packet);
            self.server_packet(link, &packet);
        }
        self.carry(link, End::Server, Half::Up, n_try, Carried::Posted);
    }

    fn posted(&mut self, link: LinkId, n_try: u64) {
        let Some(requests) = self.requests(link).filter(|requests| requests.tries[1] == n_try) else {
            return;
        };
        let posted = std::mem::take(&mut requests.posted);
        requests.n_posted += posted.len() as u64;
        // A second answer to the same try finds nothing.
        requests.tries[1] += 1;
        requests.broken_since[1] = None;
        if !posted.is_empty() {
            self.written(link, End::Client, posted.iter().map(Bytes::len).sum());
        }
        self.post(link);
    }

    fn take_down(&mut self, link: LinkId, n_try: u64, first: u64, packets: Vec<Bytes>) {
        let Some(wire) = self.wires.get(&link) else { return };
        let client = wire.client;
        for (number, packet) in numbered(first, packets) {
            let Some(requests) = self.requests(link) else { return };
            match requests.seen.turn(number) {
                Turn::Known => continue,
                Turn::Next => requests.seen.took(),
                Turn::Gap => return self.broke(link, Half::Down, n_try),
            }
            self.note(End::Server as u64, link.0, &packet);
            self.input(client, Input::Packet { link, bytes: &packet });
        }
        let now = self.now;
        let Some(requests) = self.requests(link).filter(|requests| requests.tries[0] == n_try) else {
            return;
        };
        (requests.heard_at[0], requests.broken_since[0]) = (now, None);
        match requests.via {
            // A post says what was seen, if no other says it.
            Via::EventStream if requests.posted.is_empty() => self.post_again(link),
            Via::EventStream => {}
            _ => self.ask(link),
        }
    }

    /// A try may have had its time.
    pub(super) fn overdue(&mut self, link: LinkId, half: Half, n_try: u64) {
        let now = self.now;
        let Some(requests) = self.requests(link) else { return };
        let due = requests.heard_at[half as usize] + REQUEST_MS;
        match now < due {
            true if requests.tries[half as usize] == n_try => {
                self.later(due, Event::Overdue { link, half, n_try });
            }
            true => {}
            false => self.broke(link, half, n_try),
        }
    }

    /// The client learns that a try came to nothing: it tries again, or gives up.
    pub(super) fn broke(&mut self, link: LinkId, half: Half, n_try: u64) {
        let now = self.now;
        let Some(requests) = self.requests(link) else { return };
        if requests.tries[half as usize] != n_try {
            return;
        }
        // What comes of this try from now on is late.
        requests.tries[half as usize] += 1;
        let n_try = requests.tries[half as usize];
        let since = *requests.broken_since[half as usize].get_or_insert(now);
        if since + BROKEN_MS <= now {
            self.later(now + ABANDONED_MS, Event::Notice { link, end: End::Server });
            return self.noticed(link, End::Client);
        }
        self.later(now + RETRY_MS, Event::Retry { link, half, n_try });
    }

    /// Tries again.
    pub(super) fn retry(&mut self, link: LinkId, half: Half, n_try: u64) {
        let Some(requests) = self.requests(link) else { return };
        match (requests.tries[half as usize] == n_try, half) {
            (true, Half::Down) => self.ask(link),
            (true, Half::Up) => self.post_again(link),
            (false, _) => {}
        }
    }

    /// What carries the requests is cut: they are made again. Returns whether the connection is one of these.
    pub(super) fn requests_cut(&mut self, link: LinkId) -> bool {
        let Some(requests) = self.requests(link) else { return false };
        requests.reader = None;
        let tries = requests.tries;
        for (half, n_try) in [Half::Down, Half::Up].into_iter().zip(tries) {
            self.later(self.now, Event::Broke { link, half, n_try });
        }
        true
    }

    /// An end closes: what it holds is got across once more, if that succeeds.
    pub(super) fn requests_close(&mut self, link: LinkId, end: End) {
        let Some(requests) = self.requests(link) else { return };
        let [n_down, n_up] = requests.tries;
        let (half, n_try, carried) = match end {
            End::Server => {
                let (first, packets) = requests.down.after(0, usize::MAX);
                (Half::Down, n_down, Carried::Told { first, packets })
            }
            End::Client => {
                let packets = requests.posted.drain(..).chain(requests.waiting.drain(..)).collect();
                let (first, seen) = (requests.n_posted + 1, requests.seen.upto());
                (Half::Up, n_up, Carried::Post { first, packets, seen })
            }
        };
        self.carry(link, end, half, n_try, carried);
    }
}
