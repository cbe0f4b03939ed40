//! Who is let in, who may create, and when a document's log is cut.

use super::*;
use crate::crdt::{ReplicaId, VersionVector};
use crate::document::Document;
use crate::protocol::capability::{Secret, creator_of};
use crate::protocol::greeting::CreateWish;
use crate::protocol::{Epoch, SessionId};
use crate::sync::PersistToken;
use crate::sync::event::Order;

fn document(n: u8) -> DocumentId {
    DocumentId::from_bytes([n; 16])
}

/// Returns the hello of somebody who shares a document of this number.
fn hello(n: u8, operator_token: &[u8]) -> Hello {
    let secret = Secret::from_random([n; 32]);
    let access = secret.access().expect("may write");
    let create = CreateWish { access, operator_token: operator_token.to_vec(), name: String::new() };
    Hello {
        document: document(n),
        token: secret.token(),
        replica: ReplicaId::new(u64::from(n)),
        session: SessionId::from_bytes([n; 16]),
        epoch: Some(Epoch::from_bytes([n; 16])),
        create: Some(create),
        version: VersionVector::default(),
    }
}

fn packet(hello: Hello) -> Vec<u8> {
    Frame::Hello(Box::new(hello)).to_packet()
}

/// A relay whose store has nothing.
struct Site {
    relay: Relay,
    refused: Vec<RefuseCode>,
    created: Vec<DocumentId>,
}

impl Site {
    fn new(config: RelayConfig) -> Site {
        Site { relay: Relay::new(config), refused: Vec::new(), created: Vec::new() }
    }

    fn handle(&mut self, input: Input<'_>, at_ms: u64) {
        let mut out = Vec::new();
        self.relay.handle(input, MonoTime(at_ms), &mut out);
        for output in out {
            match output {
                Output::LinkRefused { code, .. } => self.refused.push(code),
                Output::Load { document, .. } => {
                    self.handle(Input::Loaded { document, result: Ok(None) }, at_ms)
                }
                Output::Create { document, .. } => self.created.push(document),
                _ => {}
            }
        }
    }

    fn open(&mut self, n: u8, at_ms: u64) {
        let link = LinkId(u64::from(n));
        self.handle(Input::LinkOpened { link, document: document(n), wall: WallTime(0) }, at_ms);
    }

    /// Somebody asks for a new document.
    fn wish(&mut self, n: u8, operator_token: &[u8]) {
        self.open(n, 0);
        self.handle(
            Input::Packet { link: LinkId(u64::from(n)), bytes: &packet(hello(n, operator_token)) },
            0,
        );
    }
}

#[test]
fn more_links_than_may_come_at_once_are_told_to_come_back() {
    let mut site = Site::new(RelayConfig { handshakes: (10, 3), ..RelayConfig::new(1) });
    (1..=5).for_each(|n| site.open(n, 0));
    assert_eq!(site.refused, [RefuseCode::Full; 2]);
    site.open(6, 100);
    assert_eq!((site.refused.len(), site.relay.n_links()), (2, 4), "ten a second");
}

/// Whoever holds connections open and says nothing keeps nobody out.
#[test]
fn whoever_has_said_nothing_for_longest_makes_room_for_who_comes() {
    let mut site = Site::new(RelayConfig { greeting_max: 2, ..RelayConfig::new(1) });
    for n in 1..=3 {
        site.open(n, 0);
    }
    let greets = |site: &Site| site.relay.greeting.iter().map(|link| link.0).collect::<Vec<_>>();
    assert_eq!((site.refused.as_slice(), greets(&site)), (&[RefuseCode::Full][..], vec![2, 3]));
    site.handle(Input::Packet { link: LinkId(2), bytes: &packet(hello(2, b"")) }, 0);
    site.open(4, 0);
    assert_eq!(greets(&site), [3, 4], "who said hello counts no more");
    site.open(5, 0);
    assert_eq!((site.refused.len(), greets(&site)), (2, vec![4, 5]));
}

#[test]
fn a_longer_message_than_is_taken_ends_a_link_wherever_it_is() {
    let mut config = RelayConfig::new(1);
    config.link_limits.packet_bytes_max = 200_000;
    let mut site = Site::new(config.clone());
    site.open(1, 0);
    let long = vec![0; 200_001];
    site.handle(Input::Packet { link: LinkId(1), bytes: &long }, 0);
    assert_eq!(site.refused, [RefuseCode::OverLimit], "before its hello");
    let mut flood = Flood::of(config);
    let out = flood.handle(Input::Packet { link: Flood::LINK, bytes: &long });
    let is_told = |output: &Output| {
        matches!(output, Output::LinkRefused { link: Flood::LINK, code: RefuseCode::OverLimit })
    };
    assert!(out.iter().any(is_told), "{out:?}");
}

#[test]
fn only_a_document_that_has_something_to_do_is_looked_at() {
    let mut relay = Relay::new(RelayConfig::new(1));
    let mut handle = |input: Input<'_>, at_ms| {
        let mut out = Vec::new();
        relay.handle(input, MonoTime(at_ms), &mut out);
        let sent = |output| if let Output::Send { link, .. } = output { Some(link) } else { None };
        (out.into_iter().filter_map(sent).collect::<Vec<_>>(), relay.deadline())
    };
    for (n, at_ms) in [(1, 0), (2, 5_000)] {
        let (link, id) = (LinkId(u64::from(n)), document(n));
        handle(Input::LinkOpened { link, document: id, wall: WallTime(0) }, at_ms);
        handle(Input::Packet { link, bytes: &packet(hello(n, b"")) }, at_ms);
        handle(Input::Loaded { document: id, result: Ok(None) }, at_ms);
        handle(Input::Created { document: id, result: Ok(()) }, at_ms);
    }
    let mut pinged = Vec::new();
    let mut deadline = handle(Input::DeadlineReached, 10_000).1;
    while let Some(at) = deadline.filter(|at| at.0 < 40_000) {
        let (links, next) = handle(Input::DeadlineReached, at.0);
        pinged.extend(links.into_iter().map(|link| (link.0, at.0)));
        assert!(next.is_none_or(|next| at < next), "it does not turn on the spot");
        deadline = next;
    }
    assert_eq!(pinged, [(1, limits::HEARTBEAT_MS), (2, 5_000 + limits::HEARTBEAT_MS)]);
}

#[test]
fn each_token_creates_as_many_documents_as_it_may() {
    let create = CreatePolicy::OperatorTokens(vec![b"red".to_vec(), b"blue".to_vec()]);
    let n_created = BTreeMap::from([(creator_of(b"blue"), 1)]);
    let config = RelayConfig { create, documents_per_token_max: 2, n_created, ..RelayConfig::new(1) };
    let mut site = Site::new(config);
    site.wish(1, b"green");
    assert_eq!(site.refused, [RefuseCode::CreateDenied]);
    (2..=5).for_each(|n| site.wish(n, b"red"));
    (6..=7).for_each(|n| site.wish(n, b"blue"));
    assert_eq!(site.created, [document(2), document(3), document(6)], "blue had made one before");
    site.handle(Input::Created { document: document(2), result: Err("the disk is full".to_owned()) }, 0);
    site.wish(8, b"red");
    assert_eq!(site.created.last(), Some(&document(8)), "what was not stored does not count");
}

#[test]
fn a_document_is_read_for_the_next_who_waits_when_the_first_has_no_link() {
    let mut relay = Relay::new(RelayConfig::new(1));
    let mut handle = |input: Input<'_>| {
        let mut out = Vec::new();
        relay.handle(input, MonoTime(0), &mut out);
        out
    };
    let (id, mut loads) = (document(1), Vec::new());
    for n in [2, 1] {
        let link = LinkId(u64::from(n));
        handle(Input::LinkOpened { link, document: id, wall: WallTime(0) });
        let hello = Hello { document: id, create: None, ..hello(n, b"") };
        loads.extend(handle(Input::Packet { link, bytes: &packet(hello) }));
    }
    let token = Secret::from_random([3; 32]).token();
    let (ticket, order, wall) = (Ticket(7), Order::View(None), WallTime(0));
    loads.extend(handle(Input::Manage { document: id, ticket, token, order, wall }));
    let hash = |n: u8| Secret::from_random([n; 32]).token().hash();
    assert!(matches!(loads[..], [Output::Load { shown, .. }] if shown == hash(2)), "{loads:?}");
    let out = handle(Input::NotShown { document: id, shown: hash(2) });
    assert!(matches!(out[0], Output::LinkRefused { link: LinkId(2), code: RefuseCode::Denied }), "{out:?}");
    assert!(matches!(out.last(), Some(Output::Load { shown, .. }) if *shown == hash(1)), "{out:?}");
    let out = handle(Input::NotShown { document: id, shown: hash(1) });
    assert!(matches!(out[0], Output::LinkRefused { link: LinkId(1), code: RefuseCode::Denied }), "{out:?}");
    assert!(matches!(out.last(), Some(Output::Load { shown, .. }) if *shown == hash(3)), "{out:?}");
    let out = handle(Input::NotShown { document: id, shown: hash(3) });
    assert!(matches!(&out[..], [Output::Managed { ticket: Ticket(7), result: Err(_) }]), "{out:?}");
    assert_eq!(relay.n_documents(), 0);
}

#[test]
fn a_document_that_cannot_be_read_is_an_error_for_its_own_people_and_says_nothing_to_others() {
    let mut relay = Relay::new(RelayConfig::new(1));
    let mut handle = |input: Input<'_>| {
        let mut out = Vec::new();
        relay.handle(input, MonoTime(0), &mut out);
        out
    };
    let id = document(1);
    for n in [1, 2] {
        let link = LinkId(u64::from(n));
        handle(Input::LinkOpened { link, document: id, wall: WallTime(0) });
        let hello = Hello { document: id, create: None, ..hello(n, b"") };
        handle(Input::Packet { link, bytes: &packet(hello) });
    }
    let out = handle(Input::Loaded { document: id, result: Err("/srv/relay.sqlite is damaged".to_owned()) });
    let stranger = Secret::from_random([2; 32]).token().hash();
    assert!(matches!(out[0], Output::LoadFailed { .. }), "{out:?}");
    assert!(matches!(out[1], Output::LinkRefused { link: LinkId(1), code: RefuseCode::Storage }), "{out:?}");
    let Output::Send { link: LinkId(1), bytes } = &out[2] else { panic!("{out:?}") };
    assert!(!bytes.windows(4).any(|part| part == b"/srv"), "the log is for the operator");
    assert!(matches!(out.last(), Some(Output::Load { shown, .. }) if *shown == stranger), "{out:?}");
    let out = handle(Input::NotShown { document: id, shown: stranger });
    assert!(matches!(out[0], Output::LinkRefused { link: LinkId(2), code: RefuseCode::Denied }), "{out:?}");
    assert_eq!(relay.n_documents(), 0);
}

/// Somebody with other secrets comes to a document that is there, and to one that is not.
fn strangers(site: &mut Site, operator_token: &[u8]) {
    let link = LinkId(2);
    for (n, document) in [(2, document(1)), (3, document(3))] {
        let hello = Hello { document, ..hello(n, operator_token) };
        site.handle(Input::LinkOpened { link, document, wall: WallTime(0) }, 0);
        site.handle(Input::Packet { link, bytes: &packet(hello) }, 0);
    }
}

#[test]
fn a_full_store_does_not_tell_by_a_wish_whether_a_document_is_there() {
    let mut site = Site::new(RelayConfig { documents_stored_max: 1, ..RelayConfig::new(1) });
    site.wish(1, b"");
    site.handle(Input::Created { document: document(1), result: Ok(()) }, 0);
    strangers(&mut site, b"");
    assert_eq!(site.refused, [RefuseCode::CreateDenied; 2]);
    let create = CreatePolicy::OperatorTokens(vec![b"red".to_vec()]);
    let mut site = Site::new(RelayConfig { create, documents_per_token_max: 1, ..RelayConfig::new(1) });
    site.wish(1, b"red");
    site.handle(Input::Created { document: document(1), result: Ok(()) }, 0);
    strangers(&mut site, b"red");
    assert_eq!(site.refused, [RefuseCode::CreateDenied; 2], "nor does a token that is used up");
}

#[test]
fn whoever_may_not_create_cannot_tell_by_wishing_whether_a_document_is_there() {
    let create = CreatePolicy::OperatorTokens(vec![b"red".to_vec()]);
    let mut site = Site::new(RelayConfig { create, ..RelayConfig::new(1) });
    site.wish(1, b"red");
    site.handle(Input::Created { document: document(1), result: Ok(()) }, 0);
    strangers(&mut site, b"green");
    assert_eq!(site.refused, [RefuseCode::CreateDenied; 2]);
}

/// A document whose one author types faster than the disk writes; three records are due for a snapshot.
struct Flood {
    relay: Relay,
    doc: Document,
}

impl Flood {
    const LINK: LinkId = LinkId(1);

    fn new() -> Flood {
        Flood::of(RelayConfig { snapshot_after_records: 3, ..RelayConfig::new(1) })
    }

    fn of(config: RelayConfig) -> Flood {
        let relay = Relay::new(config);
        let mut flood = Flood { relay, doc: Document::new(ReplicaId::new(1)) };
        let id = document(1);
        flood.handle(Input::LinkOpened { link: Flood::LINK, document: id, wall: WallTime(0) });
        flood.handle(Input::Packet { link: Flood::LINK, bytes: &packet(hello(1, b"")) });
        flood.handle(Input::Loaded { document: id, result: Ok(None) });
        flood.handle(Input::Created { document: id, result: Ok(()) });
        flood
    }

    fn handle(&mut self, input: Input<'_>) -> Vec<Output> {
        let mut out = Vec::new();
        self.relay.handle(input, MonoTime(0), &mut out);
        out
    }

    /// Types a character; returns what the store is given it as.
    fn key(&mut self) -> PersistToken {
        let before = self.doc.version();
        self.doc.insert(0, "x").expect("inside");
        let batch = self.doc.changes_since(&before);
        let out = self.handle(Input::Packet { link: Flood::LINK, bytes: &Frame::Batch(&batch).to_packet() });
        let token = |output: &Output| match output {
            Output::Append { token, .. } => Some(*token),
            _ => None,
        };
        out.iter().find_map(token).expect("an append")
    }

    /// Returns the texts of the snapshots that are to be stored now.
    fn texts(out: Vec<Output>) -> Vec<String> {
        let text = |output| match output {
            Output::StoreSnapshot { bytes, .. } => Document::load(ReplicaId::new(2), &bytes).ok(),
            _ => None,
        };
        out.into_iter().filter_map(text).map(|doc| doc.to_string()).collect()
    }

    fn written(&mut self, token: PersistToken) -> Vec<String> {
        Flood::texts(self.handle(Input::Appended { document: document(1), token }))
    }

    fn stored(&mut self, result: Result<(), String>) -> Vec<String> {
        Flood::texts(self.handle(Input::SnapshotStored { document: document(1), result }))
    }
}

#[test]
fn a_flood_is_cut_while_it_waits_for_the_disk_and_once_more_when_it_is_over() {
    let mut flood = Flood::new();
    let tokens: Vec<PersistToken> = (0..5).map(|_| flood.key()).collect();
    assert_eq!(flood.written(tokens[0]), ["xxxxx"], "all that the store has when its turn comes");
    let later: Vec<PersistToken> = (0..4).map(|_| flood.key()).collect();
    assert!(flood.written(later[3]).is_empty(), "one at a time");
    assert_eq!(flood.stored(Ok(())), ["xxxxxxxxx"]);
    assert!(flood.stored(Ok(())).is_empty(), "nothing is new");
}

#[test]
fn a_snapshot_that_was_refused_is_made_again_with_what_comes() {
    let mut flood = Flood::new();
    let tokens: Vec<PersistToken> = (0..3).map(|_| flood.key()).collect();
    assert_eq!(flood.written(tokens[2]), ["xxx"]);
    assert!(flood.stored(Err("no space".to_owned())).is_empty(), "not at once: that would never end");
    let next = flood.key();
    assert_eq!(flood.written(next), ["xxxx"]);
}

/// The store must tell what was asked for before a failure was known from what has all since the last that is on the disk.
#[test]
fn an_append_after_a_failure_says_that_it_has_all_since() {
    let mut flood = Flood::new();
    flood.key();
    let failed = Input::AppendFailed { document: document(1), sentence: "no space".to_owned() };
    assert!(flood.handle(failed).iter().all(|output| !matches!(output, Output::Append { .. })));
    let at = flood.relay.deadline().expect("it is tried again");
    let appends = |out: Vec<Output>| -> Vec<(PersistToken, bool)> {
        let append = |output| match output {
            Output::Append { token, is_retry, .. } => Some((token, is_retry)),
            _ => None,
        };
        out.into_iter().filter_map(append).collect()
    };
    let mut out = Vec::new();
    flood.relay.handle(Input::DeadlineReached, at, &mut out);
    let again = appends(out);
    assert!(again.len() == 1 && again[0].1, "{again:?}");
    flood.handle(Input::Appended { document: document(1), token: again[0].0 });
    flood.doc.insert(0, "x").expect("inside");
    let batch = flood.doc.changes_since(&VersionVector::default());
    let next = flood.handle(Input::Packet { link: Flood::LINK, bytes: &Frame::Batch(&batch).to_packet() });
    let next = appends(next);
    assert!(next.len() == 1 && !next[0].1, "{next:?}");
}

#[test]
fn whoever_asks_for_a_document_by_an_order_loads_no_more_of_them_than_those_who_join() {
    let mut relay = Relay::new(RelayConfig { documents_max: 2, ..RelayConfig::new(1) });
    let mut out = Vec::new();
    for n in 1..=3 {
        let token = Secret::from_random([n; 32]).token();
        let (document, ticket, order) = (document(n), Ticket(u64::from(n)), Order::View(None));
        relay.handle(
            Input::Manage { document, ticket, token, order, wall: WallTime(0) },
            MonoTime(0),
            &mut out,
        );
    }
    let n_loads = out.iter().filter(|output| matches!(output, Output::Load { .. })).count();
    assert_eq!(n_loads, 2);
    assert!(matches!(out.last(), Some(Output::Managed { ticket: Ticket(3), result: Err(_) })));
}
