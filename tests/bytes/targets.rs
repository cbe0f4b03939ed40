//! Everything that reads bytes from outside.

use std::path::PathBuf;
use std::sync::LazyLock;

use coedit::base::rng::Rng;
use coedit::base::time::{MonoTime, WallTime};
use coedit::crdt::{ReplicaId, VersionVector};
use coedit::document::{ApplyError, Document};
use coedit::journal::{self, Record};
use coedit::protocol::capability::Secret;
use coedit::protocol::frame::{Fragment, Frame, Frames, Whole};
use coedit::protocol::link_url::{LinkUrl, ServerUrl};
use coedit::protocol::packed::{pack, unpack};
use coedit::protocol::presence::{Activity, Presence};
use coedit::sync::{Direction, Input, LinkId, Output, Room};

use crate::mutate::Shape;
use crate::{large, recorded};

/// Something that reads bytes.
pub struct Target {
    pub name: &'static str,
    pub shape: Shape,
    /// What is whole, to be damaged.
    pub corpus: fn() -> Vec<Vec<u8>>,
    /// Reads; returns why it did not take them. Panics if a refusal has left a trace.
    pub decode: fn(&[u8]) -> Result<(), String>,
    /// Bytes that the target holds for itself, whatever it is given: a document to merge into and its copies.
    pub n_held: usize,
    /// Inputs between two looks at the clock.
    pub n_at_once: usize,
}

impl Target {
    const fn new(
        name: &'static str,
        shape: Shape,
        corpus: fn() -> Vec<Vec<u8>>,
        decode: fn(&[u8]) -> Result<(), String>,
        n_held: usize,
    ) -> Target {
        Target { name, shape, corpus, decode, n_held, n_at_once: if n_held == 0 { 100 } else { 1 } }
    }
}

pub const TARGETS: &[Target] = &[
    Target::new("packet", Shape::Frames, recorded::packets, packet, 0),
    Target::new("handshake", Shape::Frames, recorded::packets, handshake, 2 * HELD),
    Target::new("link of a room", Shape::Frames, recorded::packets, room, HELD),
    Target::new("link to a server", Shape::Frames, recorded::packets_down, guest, HELD),
    Target::new("packed bytes", Shape::Blocks, packed, unpacked, UNPACKED_MAX),
    Target::new("packed transfer", Shape::Blocks, batches, packed_transfer, 2 * HELD),
    Target::new("batch", Shape::Blocks, batches, batch, HELD),
    Target::new("snapshot", Shape::Blocks, snapshots, snapshot, HELD),
    Target::new("large batch", Shape::Blocks, large::batches, large::batch, large::HELD),
    Target::new("large snapshot", Shape::Blocks, large::snapshots, large::snapshot, large::HELD),
    Target::new("record of a journal", Shape::Blocks, pieces_of_records, record, HELD),
    Target::new("version", Shape::Blocks, versions, version, 0),
    Target::new("presence", Shape::Blocks, presences, presence, 0),
    Target::new("link", Shape::Text, links, link, 0),
    Target::new("configuration", Shape::Text, configurations, configuration, HELD),
    Target::new("opened file", Shape::Text, files, file, 0),
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

/// Says what is wrong, outside of what may be allocated for an input.
fn words(error: &dyn std::fmt::Display) -> String {
    error.to_string()
}

fn packet(bytes: &[u8]) -> Result<(), String> {
    let frames = Frames::new(bytes).map_err(|error| words(&error))?;
    { frames }.try_for_each(|frame| frame.map(drop)).map_err(|error| words(&error))
}

/// Says the first words on a link to a room that serves, and to one that has dialed.
fn handshake(bytes: &[u8]) -> Result<(), String> {
    let (mut doc, mut server) = recorded::server();
    let before = (doc.version(), doc.to_string());
    let direction = Direction::Accepted { document: recorded::DOCUMENT };
    let (link, wall) = (LinkId(1), WallTime(0));
    server.handle(Input::LinkOpened { link, direction, wall }, MonoTime(0), &mut doc, &mut Vec::new());
    let by_server = say(&mut server, &mut doc, bytes);
    // Nobody writes with what he says before he is known.
    let is_one = Frames::new(bytes).map_or(1, Iterator::count) <= 1;
    assert!(!is_one || before == (doc.version(), doc.to_string()), "a greeting left a trace");
    let (mut doc, mut dialed) = recorded::dialed();
    let by_client = say(&mut dialed, &mut doc, bytes);
    assert!(!is_one || doc.version().is_empty(), "a greeting left a trace");
    by_server.and(by_client)
}

/// Gives a room a packet; tells with which code it ended the link, if it did.
fn say(room: &mut Room, doc: &mut Document, bytes: &[u8]) -> Result<(), String> {
    let mut out = Vec::new();
    room.handle(Input::Packet { link: LinkId(1), bytes }, MonoTime(1), doc, &mut out);
    doc.check_invariants();
    let ended = out.iter().find_map(|output| match output {
        Output::LinkRefused { code, .. } => Some(format!("{code:?}")),
        Output::Close { .. } => Some("closed".to_owned()),
        _ => None,
    });
    ended.map_or(Ok(()), Err)
}

/// A server that has welcomed this client says it.
fn guest(bytes: &[u8]) -> Result<(), String> {
    static WELCOME: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| recorded::packets_down()[..2].to_vec());
    let (mut doc, mut room) = recorded::dialed();
    for packet in WELCOME.iter() {
        say(&mut room, &mut doc, packet).expect("sound");
    }
    let is_one = Frames::new(bytes).map_or(1, Iterator::count) <= 1;
    let before = (doc.version(), doc.to_string());
    assert!(!doc.version().is_empty(), "nothing was joined");
    let outcome = say(&mut room, &mut doc, bytes);
    let is_same = before == (doc.version(), doc.to_string());
    assert!(outcome.is_ok() || !is_one || is_same, "a refused packet left a trace");
    outcome
}

/// A welcomed link says it to a room that serves.
fn room(bytes: &[u8]) -> Result<(), String> {
    // Sound frames before the refused one may have done something.
    let is_one = Frames::new(bytes).map_or(1, Iterator::count) <= 1;
    serve(bytes, is_one)
}

/// Gives a packet to a room that serves; tells why the link is not served any more. Where it `must_be_whole`, a refusal leaves no trace.
fn serve(bytes: &[u8], must_be_whole: bool) -> Result<(), String> {
    static HELLO: LazyLock<Vec<u8>> = LazyLock::new(|| recorded::packets().swap_remove(0));
    let (mut doc, mut room) = recorded::server();
    let mut out = Vec::new();
    let (link, wall) = (LinkId(1), WallTime(0));
    let direction = Direction::Accepted { document: recorded::DOCUMENT };
    room.handle(Input::LinkOpened { link, direction, wall }, MonoTime(0), &mut doc, &mut out);
    room.handle(Input::Packet { link, bytes: &HELLO }, MonoTime(0), &mut doc, &mut out);
    assert_eq!(room.n_links(), 1, "the greeting was refused");
    let before = (doc.version(), doc.to_string());
    let outcome = say(&mut room, &mut doc, bytes);
    assert_eq!(room.n_links() == 1, outcome.is_ok());
    let is_same = || before == (doc.version(), doc.to_string());
    assert!(outcome.is_ok() || !must_be_whole || is_same(), "a refused packet left a trace");
    outcome
}

fn packed() -> Vec<Vec<u8>> {
    batches().iter().map(|batch| pack(&batch.repeat(20)).expect("smaller")).collect()
}

/// Compressed bytes, themselves damaged.
fn unpacked(bytes: &[u8]) -> Result<(), String> {
    let unpacked = unpack(bytes, UNPACKED_MAX / 4).map_err(|error| words(&error))?;
    assert!(unpacked.len() <= UNPACKED_MAX / 4);
    Ok(())
}

/// What is damaged is compressed soundly, and sent in pieces.
fn packed_transfer(bytes: &[u8]) -> Result<(), String> {
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
            1 => _ = docs[at].undo().expect("it fits"),
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

fn batch(bytes: &[u8]) -> Result<(), String> {
    merge(written(0), |doc| doc.apply(bytes).map(drop))
}

/// Merges something; after a refusal the document must be as it was.
pub fn merge(
    mut doc: Document,
    with: impl FnOnce(&mut Document) -> Result<(), ApplyError>,
) -> Result<(), String> {
    let before = doc.save();
    let outcome = with(&mut doc);
    doc.check_invariants();
    assert!(outcome.is_ok() || doc.save() == before, "what was refused left a trace");
    outcome.map_err(|error| words(&error))
}

/// Loads a document.
pub fn load(bytes: &[u8]) -> Result<(), String> {
    let loaded = Document::load(ReplicaId::new(7), bytes).map_err(|error| words(&error))?;
    loaded.check_invariants();
    Ok(())
}

fn snapshots() -> Vec<Vec<u8>> {
    (0..6).map(|seed| written(seed).save()).collect()
}

fn snapshot(bytes: &[u8]) -> Result<(), String> {
    // One that is loaded may have too much in common with nothing to be merged, and the other way round.
    _ = merge(written(0), |doc| doc.apply_snapshot(bytes).map(drop));
    load(bytes)
}

/// Snapshots, changes and pieces of undo, each of which a record is made of.
fn pieces_of_records() -> Vec<Vec<u8>> {
    let undo = (0..6).map(|seed| written(seed).whole_undo());
    snapshots().into_iter().chain(batches()).chain(undo).collect()
}

/// Takes the bytes for each piece of a record, the others being sound.
fn record(bytes: &[u8]) -> Result<(), String> {
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
    match (by_snapshot, by_batch) {
        (Err(one), Err(other)) => Err(format!("{one}; {other}")),
        _ => Ok(()),
    }
}

fn versions() -> Vec<Vec<u8>> {
    (0..6).map(|seed| journal::encode_version(&written(seed).version())).collect()
}

fn version(bytes: &[u8]) -> Result<(), String> {
    journal::decode_version(bytes).map(drop).ok_or_else(|| "no version".to_owned())
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

fn presence(bytes: &[u8]) -> Result<(), String> {
    Presence::decode(bytes).map(drop).map_err(|error| words(&error))
}

fn links() -> Vec<Vec<u8>> {
    let secret = "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM";
    ["http://127.0.0.1:4000", "https://relay.example/base/path", "https://[::1]:8443"]
        .iter()
        .map(|server| format!("{server}/d/AQEBAQEBAQEBAQEBAQEBAQ#w{secret}").into_bytes())
        .collect()
}

fn link(bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(bytes);
    _ = (ServerUrl::parse(&text), Secret::parse(&text));
    LinkUrl::parse(&text).map(drop).map_err(|error| words(&error))
}

fn configurations() -> Vec<Vec<u8>> {
    let files = [
        "theme = \"dark\"\nkeymap = \"vim\"\n[keys]\n\"ctrl-s\" = \"save\"\n",
        "name = \"Ada\"\ntab_width = 4\nscreen_reader = true\n# a comment\n[keys.normal]\n",
    ];
    files.iter().map(|file| file.as_bytes().to_vec()).collect()
}

fn configuration(bytes: &[u8]) -> Result<(), String> {
    static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));
    let file: PathBuf = coedit::app::config::file_in(FOLDER.path());
    std::fs::write(file, bytes).expect("written");
    let mistake = coedit::app::config::read(FOLDER.path()).mistakes.into_iter().next();
    // Without what it quotes, so that it is the same for the same mistake.
    mistake.map_or(Ok(()), |words| Err(words.split(['“', '"', '`', '\'']).step_by(2).collect()))
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

fn file(bytes: &[u8]) -> Result<(), String> {
    let mut meta = coedit::editor::file::FileMeta::default();
    let text = coedit::io::files::decode(bytes.to_vec(), coedit::io::files::Reading::Guess, &mut meta);
    drop(text);
    if meta.is_undecoded { Err("not text".to_owned()) } else { Ok(()) }
}
