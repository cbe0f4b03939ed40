//! Everything that reads bytes from outside.

use std::path::PathBuf;
use std::sync::LazyLock;

use coedit::base::rng::Rng;
use coedit::base::time::{MonoTime, WallTime};
use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::Document;
use coedit::journal::{self, Record};
use coedit::protocol::capability::Secret;
use coedit::protocol::frame::{Fragment, Frame, Frames, Whole};
use coedit::protocol::link_url::{LinkUrl, ServerUrl};
use coedit::protocol::packed::{pack, unpack};
use coedit::protocol::presence::{Activity, Presence};
use coedit::sync::{Direction, Input, LinkId};

use crate::mutate::Shape;
use crate::recorded;

/// Something that reads bytes.
pub struct Target {
    pub name: &'static str,
    pub shape: Shape,
    /// What is whole, to be damaged.
    pub corpus: fn() -> Vec<Vec<u8>>,
    /// Reads; returns whether it took them. Panics if a refusal has left a trace.
    pub decode: fn(&[u8]) -> bool,
    /// Bytes that the target holds for itself, whatever it is given: a document to merge into and its copies.
    pub n_held: usize,
}

pub const TARGETS: &[Target] = &[
    Target { name: "packet", shape: Shape::Frames, corpus: recorded::packets, decode: packet, n_held: 0 },
    Target {
        name: "link of a room",
        shape: Shape::Frames,
        corpus: recorded::packets,
        decode: room,
        n_held: 256 << 10,
    },
    Target {
        name: "packed bytes",
        shape: Shape::Blocks,
        corpus: packed,
        decode: unpacked,
        n_held: UNPACKED_MAX,
    },
    Target {
        name: "packed transfer",
        shape: Shape::Blocks,
        corpus: batches,
        decode: packed_transfer,
        n_held: 2 * HELD,
    },
    Target { name: "batch", shape: Shape::Blocks, corpus: batches, decode: batch, n_held: HELD },
    Target { name: "snapshot", shape: Shape::Blocks, corpus: snapshots, decode: snapshot, n_held: HELD },
    Target {
        name: "record of a journal",
        shape: Shape::Blocks,
        corpus: pieces_of_records,
        decode: record,
        n_held: HELD,
    },
    Target { name: "version", shape: Shape::Blocks, corpus: versions, decode: version, n_held: 0 },
    Target { name: "presence", shape: Shape::Blocks, corpus: presences, decode: presence, n_held: 0 },
    Target { name: "link", shape: Shape::Text, corpus: links, decode: link, n_held: 0 },
    Target {
        name: "configuration",
        shape: Shape::Text,
        corpus: configurations,
        decode: configuration,
        n_held: 256 << 10,
    },
    Target { name: "opened file", shape: Shape::Text, corpus: files, decode: file, n_held: 0 },
];

/// A small document, its copies, and what a check of it takes.
const HELD: usize = 256 << 10;

/// Four times what compressed bytes may become: a buffer that grows is there twice for a moment.
const UNPACKED_MAX: usize = 1 << 20;

/// Bytes in a piece of a transfer.
const PIECE_BYTES: usize = 100;

/// Returns the target of this name.
pub fn named(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("a target")
}

fn packet(bytes: &[u8]) -> bool {
    match Frames::new(bytes) {
        Ok(mut frames) => frames.all(|frame| frame.is_ok()),
        Err(_) => false,
    }
}

/// A welcomed link says it to a room that serves.
fn room(bytes: &[u8]) -> bool {
    // Sound frames before the refused one may have done something.
    let is_one = Frames::new(bytes).map_or(1, Iterator::count) <= 1;
    serve(bytes, is_one)
}

/// Gives a packet to a room; returns whether the link is still served. Where it `must_be_whole`, a refusal leaves no trace.
fn serve(bytes: &[u8], must_be_whole: bool) -> bool {
    static HELLO: LazyLock<Vec<u8>> = LazyLock::new(|| recorded::packets().swap_remove(0));
    let (mut doc, mut room) = recorded::server();
    let mut out = Vec::new();
    let (link, wall) = (LinkId(1), WallTime(0));
    let direction = Direction::Accepted { document: recorded::DOCUMENT };
    room.handle(Input::LinkOpened { link, direction, wall }, MonoTime(0), &mut doc, &mut out);
    room.handle(Input::Packet { link, bytes: &HELLO }, MonoTime(0), &mut doc, &mut out);
    assert_eq!(room.n_links(), 1, "the greeting was refused");
    let before = (doc.version(), doc.to_string());
    room.handle(Input::Packet { link, bytes }, MonoTime(1), &mut doc, &mut out);
    doc.check_invariants();
    let is_served = room.n_links() == 1;
    assert!(
        is_served || !must_be_whole || before == (doc.version(), doc.to_string()),
        "a refused packet left a trace"
    );
    is_served
}

fn packed() -> Vec<Vec<u8>> {
    batches().iter().map(|batch| pack(&batch.repeat(20)).expect("smaller")).collect()
}

/// Compressed bytes, themselves damaged.
fn unpacked(bytes: &[u8]) -> bool {
    unpack(bytes, UNPACKED_MAX / 4).is_ok_and(|bytes| {
        assert!(bytes.len() <= UNPACKED_MAX / 4);
        true
    })
}

/// What is damaged is compressed soundly, and sent in pieces.
fn packed_transfer(bytes: &[u8]) -> bool {
    let packed = pack(bytes);
    let (is_packed, whole) = (packed.is_some(), packed.as_deref().unwrap_or(bytes));
    let mut packet = Vec::new();
    for (n, piece) in whole.chunks(PIECE_BYTES).enumerate() {
        let (total, offset) = (whole.len() as u64, (n * PIECE_BYTES) as u64);
        Frame::Fragment(Fragment { whole: Whole::Batch, is_packed, total, offset, bytes: piece })
            .put(&mut packet);
    }
    serve(&packet, true)
}

/// Returns a document that two wrote.
fn written(seed: u64) -> Document {
    let mut rng = Rng::new(seed);
    let mut docs = [Document::new(ReplicaId::new(seed + 1)), Document::new(ReplicaId::new(u64::MAX - seed))];
    for _ in 0..40 {
        let at = rng.below(2) as usize;
        let len = docs[at].len_chars();
        let place = rng.below(len as u64 + 1) as usize;
        match rng.below(5) {
            0 if place < len => docs[at].delete(place..(place + 3).min(len)).expect("inside"),
            1 => _ = docs[at].undo(),
            2 => {
                let batch = docs[at].changes_since(&docs[1 - at].version());
                docs[1 - at].apply(&batch).expect("a document made it");
            }
            _ => docs[at].insert(place, ["a", "words ", "é界😀\n"][rng.below(3) as usize]).expect("inside"),
        }
    }
    let batch = docs[0].changes_since(&docs[1].version());
    docs[1].apply(&batch).expect("a document made it");
    let [_, doc] = docs;
    doc
}

fn batches() -> Vec<Vec<u8>> {
    let docs: Vec<Document> = (0..6).map(written).collect();
    let whole = docs.iter().map(|doc| doc.changes_since(&VersionVector::default()));
    let half = |doc: &Document| doc.version().iter().map(|(replica, next)| (replica, next / 2)).collect();
    whole.chain(docs.iter().map(|doc| doc.changes_since(&half(doc)))).collect()
}

fn batch(bytes: &[u8]) -> bool {
    let mut doc = written(0);
    let before = doc.save();
    let is_taken = doc.apply(bytes).is_ok();
    doc.check_invariants();
    assert!(is_taken || doc.save() == before, "a refused batch left a trace");
    is_taken
}

fn snapshots() -> Vec<Vec<u8>> {
    (0..6).map(|seed| written(seed).save()).collect()
}

fn snapshot(bytes: &[u8]) -> bool {
    let mut doc = written(0);
    let before = doc.save();
    let is_merged = doc.apply_snapshot(bytes).is_ok();
    doc.check_invariants();
    assert!(is_merged || doc.save() == before, "a refused snapshot left a trace");
    match Document::load(ReplicaId::new(7), bytes) {
        Ok(loaded) => {
            loaded.check_invariants();
            true
        }
        Err(_) => false,
    }
}

/// Snapshots, changes and pieces of undo, each of which a record is made of.
fn pieces_of_records() -> Vec<Vec<u8>> {
    let undo = (0..6).map(|seed| written(seed).whole_undo());
    snapshots().into_iter().chain(batches()).chain(undo).collect()
}

/// Takes the bytes for each piece of a record, the others being sound.
fn record(bytes: &[u8]) -> bool {
    let sound = written(1).save();
    let record = Record { snapshot: sound, ..Record::default() };
    let records = [
        Record { snapshot: bytes.to_vec(), ..Record::default() },
        Record { batches: vec![bytes.to_vec()], ..record.clone() },
        Record { undo: vec![bytes.to_vec()], ..record },
    ];
    let [by_snapshot, by_batch, by_undo] = records.map(|record| record.recover(ReplicaId::new(9)));
    let all = [&by_snapshot, &by_batch, &by_undo];
    all.into_iter().flatten().for_each(Document::check_invariants);
    assert!(by_undo.is_ok(), "undo that says nothing costs no text");
    by_snapshot.is_ok() || by_batch.is_ok()
}

fn versions() -> Vec<Vec<u8>> {
    (0..6).map(|seed| journal::encode_version(&written(seed).version())).collect()
}

fn version(bytes: &[u8]) -> bool {
    journal::decode_version(bytes).is_some()
}

fn presences() -> Vec<Vec<u8>> {
    let doc = written(0);
    let anchor = |at| doc.anchor(at, coedit::document::Bias::Right);
    let presence = |n: usize| Presence {
        name: "Ada L\u{f6}velace".repeat(n),
        color: n as u8,
        cursor: (0 < n).then(|| anchor(n)),
        selections: (0..n).map(|at| (anchor(at), anchor(at + 1))).collect(),
        activity: Activity::Idle,
    };
    (0..4).map(|n| presence(n).encode()).collect()
}

fn presence(bytes: &[u8]) -> bool {
    Presence::decode(bytes).is_ok()
}

fn links() -> Vec<Vec<u8>> {
    let secret = "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM";
    ["http://127.0.0.1:4000", "https://relay.example/base/path", "https://[::1]:8443"]
        .iter()
        .map(|server| format!("{server}/d/AQEBAQEBAQEBAQEBAQEBAQ#w{secret}").into_bytes())
        .collect()
}

fn link(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let found = (LinkUrl::parse(&text), ServerUrl::parse(&text), Secret::parse(&text));
    found.0.is_ok() || found.1.is_ok() || found.2.is_some()
}

fn configurations() -> Vec<Vec<u8>> {
    let files = [
        "theme = \"dark\"\nkeymap = \"vim\"\n[keys]\n\"ctrl-s\" = \"save\"\n",
        "name = \"Ada\"\ntab_width = 4\nscreen_reader = true\n# a comment\n[keys.normal]\n",
    ];
    files.iter().map(|file| file.as_bytes().to_vec()).collect()
}

fn configuration(bytes: &[u8]) -> bool {
    static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));
    let file: PathBuf = coedit::app::config::file_in(FOLDER.path());
    std::fs::write(file, bytes).expect("written");
    coedit::app::config::read(FOLDER.path()).mistakes.is_empty()
}

fn files() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 5] = [
        b"plain text\nof two lines\n",
        "\u{feff}é界😀\r\nmore\r\n".as_bytes(),
        b"\xff\xfea\0b\0\n\0",
        b"\xe9t\xe9 latin\n",
        b"\0\0\xfe\xff\0\0\0a",
    ];
    texts.iter().map(|text| text.to_vec()).collect()
}

fn file(bytes: &[u8]) -> bool {
    let mut meta = coedit::editor::file::FileMeta::default();
    let text = coedit::io::files::decode(bytes.to_vec(), coedit::io::files::Reading::Guess, &mut meta);
    drop(text);
    !meta.is_undecoded
}
