//! Who is let in, who may create, and when a document's log is cut.

use bytes::Bytes;

use super::*;
use crate::crdt::{ReplicaId, ReplicaTable, VersionVector};
use crate::document::Document;
use crate::protocol::capability::{Secret, creator_of};
use crate::protocol::greeting::CreateWish;
use crate::protocol::{Epoch, SessionId};
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
                Output::Load { document } => self.handle(Input::Loaded { document, result: Ok(None) }, at_ms),
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
fn whoever_may_not_create_cannot_tell_by_wishing_whether_a_document_is_there() {
    let create = CreatePolicy::OperatorTokens(vec![b"red".to_vec()]);
    let mut site = Site::new(RelayConfig { create, ..RelayConfig::new(1) });
    site.wish(1, b"red");
    site.handle(Input::Created { document: document(1), result: Ok(()) }, 0);
    // Somebody with another secret.
    let link = LinkId(2);
    for (n, document) in [(2, document(1)), (3, document(3))] {
        let hello = Hello { document, ..hello(n, b"green") };
        site.handle(Input::LinkOpened { link, document, wall: WallTime(0) }, 0);
        site.handle(Input::Packet { link, bytes: &packet(hello) }, 0);
    }
    assert_eq!(site.refused, [RefuseCode::CreateDenied; 2]);
}

#[test]
fn a_flood_is_cut_while_it_waits_for_the_disk_and_a_refused_snapshot_is_tried_again() {
    let mut relay = Relay::new(RelayConfig { snapshot_after_records: 3, ..RelayConfig::new(1) });
    let (id, link, mut doc) = (document(1), LinkId(1), Document::new(ReplicaId::new(1)));
    let mut handle = |input: Input<'_>| {
        let mut out = Vec::new();
        relay.handle(input, MonoTime(0), &mut out);
        out
    };
    let snapshots = |out: Vec<Output>| -> Vec<Bytes> {
        let snapshot = |output| match output {
            Output::StoreSnapshot { bytes, .. } => Some(bytes),
            _ => None,
        };
        out.into_iter().filter_map(snapshot).collect()
    };
    handle(Input::LinkOpened { link, document: id, wall: WallTime(0) });
    handle(Input::Packet { link, bytes: &packet(hello(1, b"")) });
    handle(Input::Loaded { document: id, result: Ok(None) });
    handle(Input::Created { document: id, result: Ok(()) });
    let mut asked = Vec::new();
    for n in 0..5 {
        let before = doc.version();
        doc.insert(n, "x").expect("inside");
        let batch = doc.changes_between(&before, &doc.version(), &ReplicaTable::default());
        let out = handle(Input::Packet { link, bytes: &Frame::Batch(&batch).to_packet() });
        asked.extend(out.into_iter().filter_map(|output| match output {
            Output::Append { token, .. } => Some(token),
            _ => None,
        }));
    }
    assert_eq!(asked.len(), 5);
    let stored = snapshots(handle(Input::Appended { document: id, token: asked[0] }));
    let [bytes] = &stored[..] else { panic!("{} snapshots", stored.len()) };
    let loaded = Document::load(ReplicaId::new(2), bytes).expect("a snapshot");
    assert_eq!(loaded.to_string(), "xxxxx", "all that the store has when its turn comes");
    assert!(snapshots(handle(Input::Appended { document: id, token: asked[1] })).is_empty(), "one at a time");
    handle(Input::SnapshotStored { document: id, result: Err("no space".to_owned()) });
    assert_eq!(snapshots(handle(Input::Appended { document: id, token: asked[2] })).len(), 1);
    handle(Input::SnapshotStored { document: id, result: Ok(()) });
    assert!(
        snapshots(handle(Input::Appended { document: id, token: asked[4] })).is_empty(),
        "nothing is new"
    );
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
