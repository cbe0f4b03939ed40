//! A host's room, frame by frame.

use bytes::Bytes;

use crate::base::limits;
use crate::base::time::{MonoTime, WallTime};
use crate::crdt::{ReplicaId, VersionVector};
use crate::document::Document;
use crate::protocol::capability::{Mode, Secret};
use crate::protocol::frame::{Frame, Frames, PresenceFrame};
use crate::protocol::greeting::{Hello, RefuseCode};
use crate::protocol::{ConnectionId, DocumentId, Epoch, SessionId};
use crate::sync::event::{Grant, LinkLimits, Order, Report};
use crate::sync::{Direction, Input, LinkId, Output, PersistToken, Room, RoomConfig, Serve};

const DOC: DocumentId = DocumentId::from_bytes([1; 16]);
const EPOCH: Epoch = Epoch::from_bytes([2; 16]);
const LINK: LinkId = LinkId(1);

struct Host {
    doc: Document,
    room: Room,
    /// The last persist that was asked for.
    asked: Option<PersistToken>,
}

impl Host {
    fn new() -> Host {
        Host::with(LinkLimits::default())
    }

    fn with(limits: LinkLimits) -> Host {
        let mut doc = Document::new(ReplicaId::new(1));
        let access = Secret::from_random([3; 32]).access().expect("may write");
        let config = RoomConfig {
            document: DOC,
            epoch: Some(EPOCH),
            session: SessionId::from_bytes([0; 16]),
            name: String::new(),
            seed: 1,
            durable: VersionVector::default(),
            serve: Some(Serve { access, grants: Vec::new(), limits, elsewhere: None }),
            upstream: None,
        };
        let room = Room::new(config, MonoTime(0), &mut doc, &mut Vec::new());
        Host { doc, room, asked: None }
    }

    /// Returns what was sent to the link.
    fn input(&mut self, input: Input<'_>) -> Vec<Bytes> {
        let mut out = Vec::new();
        self.room.handle(input, MonoTime(0), &mut self.doc, &mut out);
        let mut sent = Vec::new();
        for output in out {
            match output {
                Output::Send { bytes, .. } => sent.push(bytes),
                Output::Persist { token, .. } => self.asked = Some(token),
                _ => {}
            }
        }
        sent
    }

    fn open(&mut self, asked: DocumentId) -> Vec<Bytes> {
        self.open_with(asked, Secret::from_random([3; 32]))
    }

    fn open_with(&mut self, asked: DocumentId, secret: Secret) -> Vec<Bytes> {
        let direction = Direction::Accepted { document: asked };
        self.input(Input::LinkOpened { link: LINK, direction, wall: WallTime(0) });
        let hello = Frame::Hello(Box::new(Hello {
            document: DOC,
            token: secret.token(),
            replica: ReplicaId::new(2),
            session: SessionId::from_bytes([9; 16]),
            epoch: Some(EPOCH),
            create: None,
            version: VersionVector::default(),
        }));
        self.packet(&hello)
    }

    fn order(&mut self, order: Order) -> (Result<Report, String>, Vec<Output>) {
        let token = Secret::from_random([3; 32]).token();
        let mut out = Vec::new();
        let result = self.room.manage((&token, order), WallTime(0), MonoTime(0), &mut self.doc, &mut out);
        (result, out)
    }

    fn packet(&mut self, frame: &Frame<'_>) -> Vec<Bytes> {
        self.input(Input::Packet { link: LINK, bytes: &frame.to_packet() })
    }
}

fn has(sent: &[Bytes], is_meant: impl Fn(&Frame<'_>) -> bool) -> bool {
    let frames = |packet| Frames::new(packet).expect("a packet").map(|frame| frame.expect("sound"));
    sent.iter().any(|packet| frames(packet).any(|frame| is_meant(&frame)))
}

#[test]
fn a_hello_for_another_document_than_the_address_names_is_denied() {
    let sent = Host::new().open(DocumentId::from_bytes([7; 16]));
    assert!(has(&sent, |frame| matches!(frame, Frame::Refuse(why) if why.code == RefuseCode::Denied)));
    assert!(has(&Host::new().open(DOC), |frame| matches!(frame, Frame::Welcome(_))));
}

fn is_over_limit(sent: &[Bytes]) -> bool {
    has(sent, |frame| matches!(frame, Frame::Refuse(why) if why.code == RefuseCode::OverLimit))
}

#[test]
fn a_link_that_brings_more_edits_than_it_may_is_ended_and_they_are_kept() {
    let mut host = Host::with(LinkLimits { ops_per_s: 10, ops_burst: 10, ..LinkLimits::default() });
    host.open(DOC);
    let mut guest = Document::new(ReplicaId::new(2));
    guest.insert(0, "ten chars.").expect("inside");
    let batch = guest.changes_since(&VersionVector::default());
    assert!(!is_over_limit(&host.packet(&Frame::Batch(&batch))));
    let before = guest.version();
    guest.insert(0, "one more").expect("inside");
    let batch = guest.changes_between(&before, &guest.version(), &Default::default());
    assert!(is_over_limit(&host.packet(&Frame::Batch(&batch))));
    assert_eq!((host.doc.to_string().as_str(), host.room.n_links()), ("one moreten chars.", 0));
}

#[test]
fn a_presence_that_is_longer_than_this_server_takes_ends_the_link() {
    let mut host = Host::with(LinkLimits { presence_bytes_max: 4, ..LinkLimits::default() });
    host.open(DOC);
    let presence =
        |payload| Frame::Presence(PresenceFrame { connection: ConnectionId(0), counter: 1, payload });
    assert!(!is_over_limit(&host.packet(&presence(b"1234"))));
    assert!(is_over_limit(&host.packet(&presence(b"12345"))));
}

#[test]
fn writers_are_paused_while_the_disk_takes_nothing_and_send_again_when_it_does() {
    let mut host = Host::new();
    host.open(DOC);
    let sentence = "the host's disk takes no edits at the moment".to_owned();
    let sent = host.input(Input::PersistStalled { sentence: sentence.clone() });
    assert!(has(&sent, |frame| matches!(frame, Frame::Pause { .. })));
    assert!(host.input(Input::PersistStalled { sentence }).is_empty(), "it is said once");
    let mut guest = Document::new(ReplicaId::new(2));
    guest.insert(0, "x").expect("inside");
    let batch = guest.changes_since(&VersionVector::default());
    assert!(host.packet(&Frame::Batch(&batch)).is_empty());
    assert_eq!(host.doc.len_chars(), 0, "what cannot be kept is not taken in");
    host.doc.insert(0, "own").expect("inside");
    host.input(Input::Edited);
    let token = host.asked.expect("one's own edits are asked for all the same");
    host.input(Input::Persisted { token });
    let sent = host.input(Input::PersistGoesOn);
    assert!(has(&sent, |frame| matches!(frame, Frame::Resume(version) if version.len() == 1)));
    host.packet(&Frame::Batch(&batch));
    assert_eq!(host.doc.len_chars(), 4);
}

#[test]
fn operations_of_others_are_taken_only_while_their_bringer_catches_up() {
    let mut host = Host::new();
    host.open(DOC);
    let batch_of = |author, text| {
        let mut doc = Document::new(ReplicaId::new(author));
        doc.insert(0, text).expect("inside");
        doc.changes_since(&VersionVector::default())
    };
    host.packet(&Frame::Batch(&batch_of(7, "what this side lost")));
    host.packet(&Frame::CaughtUp);
    host.packet(&Frame::Batch(&batch_of(8, "forged")));
    host.packet(&Frame::Batch(&batch_of(2, "own ")));
    let text = host.doc.to_string();
    assert!(
        text.contains("own") && text.contains("what this side lost") && !text.contains("forged"),
        "{text}"
    );
}

#[test]
fn what_a_few_bytes_ask_for_is_bounded() {
    let mut host = Host::new();
    for author in 10..2_000 {
        let mut doc = Document::new(ReplicaId::new(author));
        doc.insert(0, "x").expect("inside");
        host.doc.apply(&doc.changes_since(&VersionVector::default())).expect("sound");
    }
    host.input(Input::Edited);
    let token = host.asked.expect("all of it is to be kept");
    host.input(Input::Persisted { token });
    let n_bytes = |sent: &[Bytes]| sent.iter().map(Bytes::len).sum::<usize>();

    host.open(DOC);
    let once = n_bytes(&host.packet(&Frame::CaughtUp));
    let packet = Frame::CaughtUp.to_packet().repeat(1_000);
    let often = n_bytes(&host.input(Input::Packet { link: LINK, bytes: &packet }));
    assert!(10_000 < once && often <= once, "{once} and {often} bytes");

    // Each question for what somebody else wrote names all who ever wrote.
    let mut other = Document::new(ReplicaId::new(3));
    other.insert(0, "x").expect("inside");
    let batch = Frame::Batch(&other.changes_since(&VersionVector::default())).to_packet();
    let packet = [batch, Frame::CaughtUp.to_packet()].concat().repeat(1_000);
    let sent = host.input(Input::Packet { link: LINK, bytes: &packet });
    let unread_max = limits::LINK_UNREAD_QUEUES_MAX * limits::LINK_QUEUE_BYTES_MAX;
    assert!(is_over_limit(&sent) && n_bytes(&sent) < unread_max + 100_000);
}

fn is_closed(out: &[Output]) -> bool {
    out.iter().any(|output| matches!(output, Output::Close { link: LINK }))
}

#[test]
fn a_member_is_demoted_promoted_kicked_and_blocked_while_it_is_here() {
    let mut host = Host::new();
    host.open(DOC);
    let edit = |text| {
        let mut doc = Document::new(ReplicaId::new(2));
        doc.insert(0, text).expect("inside");
        doc.changes_since(&VersionVector::default())
    };
    let id = ConnectionId(1);
    let (result, _) = host.order(Order::Set(id, Mode::Read));
    assert!(matches!(result, Ok(Report::People(people)) if people[0].mode == Mode::Read));
    host.packet(&Frame::Batch(&edit("on its way")));
    assert_eq!(
        (host.doc.len_chars(), host.room.n_links()),
        (0, 1),
        "left out, and nobody is thrown out for it"
    );
    host.order(Order::Set(id, Mode::Write)).0.expect("it is here");
    host.packet(&Frame::Batch(&edit("now")));
    assert_eq!(host.doc.to_string(), "now");
    assert!(is_closed(&host.order(Order::Kick(id)).1));
    assert!(has(&host.open(DOC), |frame| matches!(frame, Frame::Welcome(_))), "it may come again");
    assert!(is_closed(&host.order(Order::Block(ConnectionId(2))).1));
    assert!(has(&host.open(DOC), |frame| matches!(frame, Frame::Refuse(_))), "it may not come again");
    assert_eq!(host.doc.to_string(), "now", "the text stays as it is");
    assert!(host.order(Order::Kick(id)).0.is_err());
}

#[test]
fn a_link_can_be_made_expires_and_is_revoked() {
    let guest = Secret::from_random([5; 32]);
    let grant =
        |expires| Grant { hash: guest.token().hash(), mode: Mode::Write, expires, label: String::new() };
    let mut host = Host::new();
    assert!(has(&host.open_with(DOC, guest.clone()), |frame| matches!(frame, Frame::Refuse(_))));
    host.order(Order::Grant(grant(Some(WallTime(60_000))))).0.expect("there is room");
    assert!(has(&host.open_with(DOC, guest.clone()), |frame| matches!(frame, Frame::Welcome(_))));
    let mut out = Vec::new();
    host.room.handle(Input::DeadlineReached, MonoTime(59_999), &mut host.doc, &mut out);
    assert!(!is_closed(&out));
    host.room.handle(Input::DeadlineReached, MonoTime(60_000), &mut host.doc, &mut out);
    assert!(is_closed(&out), "its time is over");
    host.order(Order::Grant(grant(Some(WallTime(80_000))))).0.expect("there is room");
    assert!(has(&host.open_with(DOC, guest.clone()), |frame| matches!(frame, Frame::Welcome(_))));
    host.order(Order::Grant(grant(None))).0.expect("it is the same link with another time");
    let mut out = Vec::new();
    host.room.handle(Input::DeadlineReached, MonoTime(80_000), &mut host.doc, &mut out);
    assert!(!is_closed(&out), "it does not end any more");
    let (result, out) = host.order(Order::Revoke(guest.token().hash()));
    assert!(matches!(result, Ok(Report::Links(links)) if links.is_empty()) && is_closed(&out));
    assert!(has(&host.open_with(DOC, guest.clone()), |frame| matches!(frame, Frame::Refuse(_))));
    let owner = Secret::from_random([3; 32]);
    assert!(host.order(Order::Revoke(owner.token().hash())).0.is_err());
    host.order(Order::Revoke(owner.read_only().token().hash())).0.expect("readers may be shut out");
    assert!(has(&host.open_with(DOC, owner.read_only()), |frame| matches!(frame, Frame::Refuse(_))));
    let mut out = Vec::new();
    let token = guest.token();
    let asked = host.room.manage((&token, Order::People), WallTime(0), MonoTime(0), &mut host.doc, &mut out);
    assert!(asked.is_err_and(|sentence| sentence.contains("no such document")), "not the owner");
}
