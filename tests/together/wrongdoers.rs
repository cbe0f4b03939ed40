//! Members and strangers who keep to no rule: whatever they do, two honest people go on within seconds, nothing that is not theirs
//! changes, and the relay needs little memory.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use coedit::base::bytes::put_varint;
use coedit::base::rng::Rng;
use coedit::crdt::{ReplicaId, ReplicaTable, VersionVector};
use coedit::document::Document;
use coedit::protocol::ConnectionId;
use coedit::protocol::capability::Secret;
use coedit::protocol::frame::{Fragment, Frame, Frames, PresenceFrame, Whole};
use coedit::protocol::link_url::LinkUrl;

use crate::editing::Pair;
use crate::support::number_from_env;
use crate::support::wrongdoer::{Wrongdoer, hello, say_by_requests, tcp};

/// Connections in a row that prove nothing, unless `COEDIT_HANDSHAKES` says otherwise.
const N_HANDSHAKES: u64 = 500;

/// Within this time what one honest person types is on the other's screen.
const HONEST: Duration = Duration::from_secs(5);

/// Kilobytes that the relay may need beyond what it needs for two honest people.
const GROWTH_KB_MAX: u64 = 64 << 10;

/// Two honest people, and the link that the others have got hold of.
struct Scene {
    pair: Pair,
    link: LinkUrl,
    idle_kb: u64,
    n_typed: u32,
}

impl Scene {
    fn start() -> Scene {
        let pair = Pair::open("the honest text\n");
        let link = LinkUrl::parse(&pair.link).expect("a link");
        let idle_kb = pair.relay.memory_kb();
        Scene { pair, link, idle_kb, n_typed: 0 }
    }

    /// Panics unless the honest two are in step soon and the relay is well.
    #[track_caller]
    fn check(&mut self, case: &str) {
        let mark = format!("<{}>", self.n_typed);
        self.n_typed += 1;
        self.pair.on_ana.press("ctrl-home");
        let began = Instant::now();
        self.pair.on_ana.type_text(&mark);
        self.pair
            .on_ben
            .wait_at_most(HONEST * 3, case, |view| view.text_lines().iter().any(|line| line.contains(&mark)));
        assert!(began.elapsed() < HONEST, "{case}: {:?} from one to the other", began.elapsed());
        let kb = self.pair.relay.memory_kb();
        assert!(kb < self.idle_kb + GROWTH_KB_MAX, "{case}: {kb} kB, idle were {}", self.idle_kb);
        assert!(self.pair.relay.is_running(), "{case}: the relay is gone");
    }

    fn join(&self, replica: u64) -> Wrongdoer {
        Wrongdoer::join(&self.link, replica)
    }

    /// Says some packets as a member with a replica id of its own, then checks.
    #[track_caller]
    fn say(&mut self, case: &str, replica: u64, packets: Vec<Vec<u8>>) {
        let mut member = self.join(replica);
        packets.into_iter().for_each(|packet| member.send(packet));
        self.check(case);
    }

    fn text(&self) -> String {
        self.pair.on_ben.view().text_lines().join("\n")
    }
}

fn written(replica: u64, text: &str) -> Document {
    let mut doc = Document::new(ReplicaId::new(replica));
    doc.insert(0, text).expect("inside");
    doc
}

fn all_of(doc: &Document) -> Vec<u8> {
    Frame::Batch(&doc.changes_since(&VersionVector::default())).to_packet()
}

#[test]
fn whoever_lies_about_operations_changes_nothing_for_others() {
    let mut scene = Scene::start();
    let members = scene.join(1).replicas;
    let honest = members.iter().filter(|replica| replica.get() != 1);
    let forged: Vec<Vec<u8>> = honest.map(|replica| all_of(&written(replica.get(), "FORGED"))).collect();
    assert!(2 <= forged.len(), "both honest people are here");
    scene.say("forged authors", 2, forged);
    assert!(
        !scene.text().contains("FORGED"),
        "an operation under another's id was taken in:\n{}",
        scene.text()
    );

    let twice = vec![all_of(&written(3, "one")), all_of(&written(3, "OTHER CONTENT"))];
    scene.say("an id used again with other content", 3, twice);

    // What everything hangs on never comes.
    let mut doc = written(4, "MISSING");
    let first = doc.version();
    let holes = (0..2_000).map(|n| {
        let before = doc.version();
        doc.insert(n % 7, "HOLE").expect("inside");
        let batch = doc.changes_between(
            if n % 2 == 0 { &before } else { &first },
            &doc.version(),
            &ReplicaTable::default(),
        );
        Frame::Batch(&batch).to_packet()
    });
    let holes: Vec<Vec<u8>> = holes.collect();
    scene.say("references that do not exist, seqs with holes", 4, holes);
    assert!(!scene.text().contains("HOLE"), "something without its causes is shown");
}

#[test]
fn giant_counts_are_refused_before_memory_is_taken() {
    let mut scene = Scene::start();
    let mut doc = written(5, "abcdefgh");
    doc.delete(2..6).expect("inside");
    let batch = doc.changes_since(&VersionVector::default());
    let mut rng = Rng::new(1);
    for number in [u64::from(u32::MAX), (1 << 31) - 1, 1 << 40, u64::MAX] {
        for _ in 0..20 {
            let at = 1 + rng.below(batch.len() as u64 - 1) as usize;
            let mut damaged = batch[..at].to_vec();
            put_varint(&mut damaged, number);
            damaged.extend(&batch[at + 1..]);
            scene.join(5).send(Frame::Batch(&damaged).to_packet());
        }
    }
    scene.check("giant counts, deletes of billions");
    for total in [1 << 20, 1 << 26, 1 << 40, u64::MAX] {
        for is_packed in [false, true] {
            let fragment = Fragment { whole: Whole::Batch, is_packed, total, offset: 0, bytes: b"x" };
            scene.join(6).send(Frame::Fragment(fragment).to_packet());
        }
    }
    scene.check("transfers that claim much and end at once");
    let version: VersionVector = (0..3_000).map(|replica| (ReplicaId::new(replica), u64::MAX)).collect();
    Wrongdoer::connect(&scene.link).send(hello(&scene.link, &scene.link.secret, 7, version));
    scene.check("a version that claims everything");
}

#[test]
fn floods_slow_and_silent_connections_hold_nobody_up() {
    let mut scene = Scene::start();
    let mut flooding = scene.join(8);
    for counter in 0..20_000 {
        let payload: &[u8] = b"\x03\x1b]0;CANARY\x07\x00\x00\x00";
        let presence = PresenceFrame { connection: ConnectionId(0), counter, payload };
        flooding.send(Frame::Presence(presence).to_packet());
    }
    scene.check("a flood of presences with escapes in the name");
    scene.pair.on_ben.inspect(|_, asked, _| {
        let titles = &asked.titles;
        assert!(!titles.iter().any(|title| title.contains("CANARY")), "a name set the title: {titles:?}");
    });
    let pings: Vec<u8> = (0..20_000u64).flat_map(|n| Frame::Ping(u64::MAX - n).to_packet()).collect();
    let mut deaf = scene.join(9);
    (0..40).for_each(|_| deaf.send(pings.clone()));
    scene.check("one who asks and never reads");
    let mut half_open: Vec<_> = (0..200).map(|_| tcp(&scene.link)).collect();
    half_open.iter_mut().for_each(|stream| drop(stream.write_all(b"GET /d/")));
    let silent: Vec<Wrongdoer> = (0..100).map(|_| Wrongdoer::connect(&scene.link)).collect();
    scene.check("half-open and silent connections");
    drop((half_open, silent));
    // A request of which a byte comes now and then, as from somebody who would hold a place for ever.
    let mut slow: Vec<_> = (0..50).map(|_| tcp(&scene.link)).collect();
    for byte in b"GET /d/x HTTP/1.1\r\nhost: x\r\nx: " {
        slow.iter_mut().for_each(|stream| drop(stream.write_all(&[*byte])));
        std::thread::sleep(Duration::from_millis(20));
    }
    scene.check("requests of which a byte comes now and then");
    drop(slow);
    let stranger = Secret::from_random([9; 32]);
    for n in 0..number_from_env("COEDIT_HANDSHAKES", N_HANDSHAKES) {
        let mut one = Wrongdoer::connect(&scene.link);
        one.send(hello(&scene.link, &stranger, n, VersionVector::default()));
        if n % 10 == 0 {
            assert!(one.is_hung_up(), "a stranger was let in");
        }
    }
    scene.check("a storm of handshakes");
}

#[test]
fn a_session_that_is_played_again_changes_nothing() {
    let mut scene = Scene::start();
    let mut first = scene.join(10);
    first.send(all_of(&written(10, "ONCE ")));
    scene.pair.on_ben.wait_for_text("ONCE");
    scene.check("before");
    while !first.heard.iter().any(|packet| packet.windows(3).any(|three| three == b"<0>")) && first.listen() {
    }
    let heard = std::mem::take(&mut first.heard);
    drop(first);
    let mut again = scene.join(10);
    again.send(all_of(&written(10, "ONCE ")));
    heard.into_iter().for_each(|packet| again.send(packet));
    scene.check("a whole session again, and what others said");
    let text = scene.text();
    assert_eq!((text.matches("ONCE").count(), text.matches("<0>").count()), (1, 1), "{text}");
}

#[test]
fn a_reader_writes_by_no_way() {
    let mut scene = Scene::start();
    let reader = scene.link.read_only();
    let batch = all_of(&written(11, "READER"));
    let mut by_socket = Wrongdoer::join(&reader, 11);
    by_socket.send(batch.clone());
    assert!(by_socket.is_hung_up(), "a reader's edit was not refused");
    for via in ["event-stream", "long-poll"] {
        let hello = hello(&reader, &reader.secret, 12, VersionVector::default());
        say_by_requests(&reader, via, &[hello, batch.clone()]);
    }
    // The same by somebody who may, so that the ways themselves are known to work.
    for (via, replica, text) in [("event-stream", 13, "STREAMED"), ("long-poll", 14, "POLLED")] {
        let hello = hello(&scene.link, &scene.link.secret, replica, VersionVector::default());
        say_by_requests(&scene.link, via, &[hello, all_of(&written(replica, text))]);
        scene.pair.on_ben.wait_for_text(text);
    }
    scene.check("a reader who writes");
    assert!(!scene.text().contains("READER"), "{}", scene.text());
}

/// Returns the middle of how long it takes from one member to another, in microseconds.
fn between(from: &mut Wrongdoer, to: &mut Wrongdoer, doc: &mut Document, n: usize) -> u128 {
    let mut took: Vec<u128> = (0..n)
        .map(|_| {
            let before = doc.version();
            doc.insert(0, "x").expect("inside");
            let batch = doc.changes_between(&before, &doc.version(), &ReplicaTable::default());
            let n_heard = to.heard.len();
            let began = Instant::now();
            from.send(Frame::Batch(&batch).to_packet());
            let is_batch = |packet: &Vec<u8>| {
                Frames::new(packet)
                    .is_ok_and(|mut frames| frames.any(|frame| matches!(frame, Ok(Frame::Batch(_)))))
            };
            while !to.heard[n_heard..].iter().any(is_batch) {
                assert!(to.listen() && began.elapsed() < HONEST, "nothing came of {n_heard}");
            }
            std::thread::sleep(Duration::from_millis(3));
            began.elapsed().as_micros() - 3_000
        })
        .collect();
    took.sort_unstable();
    took[n / 2]
}

/// The same run measures both, in turns, and the best pair counts: whatever else the machine does befalls both.
#[test]
fn honest_members_wait_at_most_twice_as_long_while_others_flood() {
    let relay = crate::support::relay::Relay::start();
    let owner = crate::support::home::Home::new("owner");
    owner.file("a.txt", "text");
    let link = LinkUrl::parse(&owner.share("a.txt", &relay.url())).expect("a link");
    let (mut from, mut to) = (Wrongdoer::join(&link, 21), Wrongdoer::join(&link, 22));
    let mut doc = Document::new(ReplicaId::new(21));
    between(&mut from, &mut to, &mut doc, 20);
    let idle_kb = relay.memory_kb();
    let mut ratios = Vec::new();
    for round in 0..5 {
        let quiet = between(&mut from, &mut to, &mut doc, 40);
        let stop = AtomicBool::new(false);
        let busy = std::thread::scope(|scope| {
            scope.spawn(|| flood(&link, 30 + round, &stop));
            let busy = between(&mut from, &mut to, &mut doc, 40);
            stop.store(true, Ordering::SeqCst);
            busy
        });
        ratios.push(busy as f64 / quiet as f64);
        println!("quiet {quiet} us, in a flood {busy} us");
    }
    let grown_kb = relay.memory_kb().saturating_sub(idle_kb);
    println!("the relay grew by {grown_kb} kB");
    assert!(grown_kb < GROWTH_KB_MAX, "the relay grew by {grown_kb} kB");
    let best = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(best < 2.0, "honest members wait {ratios:.1?} times as long");
}

/// Presences, pings, garbage and handshakes, at a rate that the machine of the one who floods takes easily, until told to stop.
fn flood(link: &LinkUrl, replica: u64, stop: &AtomicBool) {
    let mut member = Wrongdoer::join(link, replica);
    let pings: Vec<u8> = (0..200u64).flat_map(|n| Frame::Ping(u64::MAX - n).to_packet()).collect();
    let mut counter = 0;
    while !stop.load(Ordering::SeqCst) {
        for _ in 0..20 {
            counter += 1;
            let presence =
                PresenceFrame { connection: ConnectionId(0), counter, payload: b"\x03ana\x00\x00\x00" };
            member.send(Frame::Presence(presence).to_packet());
        }
        member.send(pings.clone());
        drop(tcp(link));
        Wrongdoer::connect(link).send(b"no greeting".to_vec());
        std::thread::sleep(Duration::from_millis(2));
    }
}
