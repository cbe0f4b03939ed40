//! Where somebody goes whose server ends.

use super::*;
use crate::crdt::ReplicaId;
use crate::protocol::capability::Secret;
use crate::protocol::{ConnectionId, DocumentId, Epoch, SessionId};
use crate::sync::event::{Direction, Input, RoomConfig};

/// Somebody who joined a document by a link.
struct Guest {
    doc: Document,
    room: Room,
    now: MonoTime,
    n_links: u64,
}

impl Guest {
    /// Returns it with where it dials first.
    fn new() -> (Guest, Option<ServerUrl>) {
        let mut doc = Document::new(ReplicaId::new(1));
        let config = RoomConfig {
            document: DocumentId::from_bytes([1; 16]),
            epoch: None,
            session: SessionId::from_bytes([2; 16]),
            name: String::new(),
            seed: 1,
            durable: VersionVector::default(),
            serve: None,
            upstream: Some(Upstream {
                is_first: false,
                token: Secret::from_random([3; 32]).token(),
                create: None,
                acknowledged: VersionVector::default(),
            }),
        };
        let mut out = Vec::new();
        let room = Room::new(config, MonoTime(0), &mut doc, &mut out);
        let guest = Guest { doc, room, now: MonoTime(0), n_links: 0 };
        (guest, dialed(out).expect("it dials at once"))
    }

    fn input(&mut self, input: Input<'_>) -> Vec<Output> {
        let mut out = Vec::new();
        self.room.handle(input, self.now, &mut self.doc, &mut out);
        out
    }

    fn hear(&mut self, frame: &Frame<'_>) -> Vec<Output> {
        let (link, bytes) = (LinkId(self.n_links), frame.to_packet());
        self.input(Input::Packet { link, bytes: &bytes })
    }

    /// The connection stands.
    fn connect(&mut self) {
        self.n_links += 1;
        let (link, direction) = (LinkId(self.n_links), Direction::Dialed { via: Via::WebSocket });
        self.input(Input::LinkOpened { link, direction, wall: crate::base::time::WallTime(0) });
    }

    /// It is let in.
    fn welcome(&mut self) {
        self.connect();
        let welcome = Welcome {
            mode: Mode::Write,
            epoch: Epoch::from_bytes([4; 16]),
            connection: ConnectionId(1),
            wall: crate::base::time::WallTime(0),
            upload_bytes_max: 1 << 20,
            name: String::new(),
            replicas: Vec::new(),
            durable: VersionVector::default(),
        };
        self.hear(&Frame::Welcome(Box::new(welcome)));
    }

    /// The server ends, and names a place. Returns where it dials next.
    fn goodbye(&mut self, code: RefuseCode, elsewhere: &str) -> Option<ServerUrl> {
        let elsewhere = ServerUrl::parse(elsewhere).ok();
        let why = Refuse { elsewhere, ..ended(code, "the server ends") };
        let mut out = self.hear(&Frame::Bye(why));
        loop {
            if let Some(place) = dialed(out) {
                return place;
            }
            self.now = self.room.deadline().expect("it tries again");
            out = self.input(Input::DeadlineReached);
        }
    }
}

/// Returns where somebody dials, if they do.
fn dialed(out: Vec<Output>) -> Option<Option<ServerUrl>> {
    out.into_iter().find_map(|output| match output {
        Output::Dial { elsewhere } => Some(elsewhere),
        _ => None,
    })
}

#[test]
fn a_server_that_ends_sends_its_guests_elsewhere_once() {
    let (mut guest, first) = Guest::new();
    assert_eq!(first, None);
    guest.welcome();
    let place = guest.goodbye(RefuseCode::GoingAway, "https://b.example").expect("somewhere");
    assert_eq!(place.to_string(), "https://b.example:443");
    guest.welcome();
    let place = guest.goodbye(RefuseCode::GoingAway, "https://c.example");
    assert_eq!(place, None, "only the link's own server sends anybody anywhere");
}

#[test]
fn a_place_that_does_not_answer_or_does_not_know_the_document_is_left_for_the_links_own() {
    let (mut guest, _) = Guest::new();
    guest.welcome();
    assert!(guest.goodbye(RefuseCode::GoingAway, "https://b.example").is_some());
    guest.connect();
    assert_eq!(guest.goodbye(RefuseCode::CreateDenied, ""), None, "tried again, at home");
    guest.welcome();
    assert!(guest.goodbye(RefuseCode::GoingAway, "https://b.example").is_some());
    let mut out = guest.input(Input::DialFailed { sentence: "nobody is there".to_owned() });
    let next = loop {
        if let Some(place) = dialed(out) {
            break place;
        }
        guest.now = guest.room.deadline().expect("it tries again");
        out = guest.input(Input::DeadlineReached);
    };
    assert_eq!(next, None);
}

#[test]
fn whoever_was_not_let_in_is_sent_nowhere() {
    let (mut guest, _) = Guest::new();
    guest.connect();
    assert_eq!(guest.goodbye(RefuseCode::GoingAway, "https://b.example"), None);
    guest.welcome();
    assert_eq!(guest.goodbye(RefuseCode::Full, "https://b.example"), None, "it does not end");
}
