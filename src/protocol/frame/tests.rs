use super::*;
use crate::base::bytes::put_bytes;
use crate::base::time::{Millis, WallTime};
use crate::crdt::VersionVector;
use crate::protocol::capability::{Mode, Secret};
use crate::protocol::greeting::{CreateWish, RefuseCode};
use crate::protocol::link_url::ServerUrl;
use crate::protocol::{DocumentId, Epoch, SessionId};

fn version(n: u64) -> VersionVector {
    (0..n).map(|i| (ReplicaId::new(i * 0x1234_5678_9abc), i * 300 + 1)).collect()
}

fn hello(epoch: Option<Epoch>, create: Option<CreateWish>) -> Frame<'static> {
    Frame::Hello(Box::new(Hello {
        document: DocumentId::from_bytes([1; 16]),
        token: Secret::from_random([2; 32]).token(),
        replica: ReplicaId::new(u64::MAX),
        session: SessionId::from_bytes([3; 16]),
        epoch,
        create,
        version: version(3),
    }))
}

fn welcome() -> Frame<'static> {
    Frame::Welcome(Box::new(Welcome {
        epoch: Epoch::from_bytes([4; 16]),
        mode: Mode::Read,
        connection: ConnectionId(300),
        replicas: vec![ReplicaId::new(0), ReplicaId::new(7)],
        durable: version(2),
        wall: WallTime(1_700_000_000_000),
        upload_bytes_max: 1 << 26,
        name: "é.txt".to_owned(),
    }))
}

fn refuse(retry_after: Option<Millis>) -> Refuse {
    Refuse {
        code: RefuseCode::Full,
        retry_after,
        sentence: "this relay is full; try again later".to_owned(),
        elsewhere: None,
    }
}

#[test]
fn a_goodbye_may_name_another_place() {
    let decode = |bytes: &[u8]| match Frames::new(bytes).map(|mut frames| frames.next()) {
        Ok(Some(Ok(Frame::Bye(refuse)))) => Some(refuse),
        _ => None,
    };
    let elsewhere = ServerUrl::parse("https://b.example/coedit").ok();
    let refuse = Refuse { elsewhere: elsewhere.clone(), ..refuse(Some(Millis(7))) };
    let mut bytes = Frame::Bye(refuse.clone()).to_packet();
    assert!(elsewhere.is_some() && decode(&bytes) == Some(refuse));
    let scheme = bytes.windows(5).position(|part| part == b"https").expect("the address");
    bytes[scheme] = b'x';
    assert_eq!(
        decode(&bytes).map(|refuse| refuse.elsewhere),
        Some(None),
        "what means nothing here is no place"
    );
}

fn every_frame() -> Vec<Frame<'static>> {
    let epoch = Some(Epoch::from_bytes([5; 16]));
    let access = Secret::from_random([6; 32]).access().expect("a secret that can write");
    let create =
        Some(CreateWish { access, operator_token: b"operator".to_vec(), name: "plan.txt".to_owned() });
    let short = AckEntry { author: Author::Short(1), next: 70_000 };
    let full = AckEntry { author: Author::Full(ReplicaId::new(9)), next: 1 };
    vec![
        hello(None, None),
        hello(epoch, None),
        hello(epoch, create),
        welcome(),
        Frame::Refuse(refuse(None)),
        Frame::Bye(refuse(Some(Millis(0)))),
        Frame::Bye(refuse(Some(Millis(1_500)))),
        Frame::Replicas { start: 2, ids: vec![ReplicaId::new(1), ReplicaId::new(2)] },
        Frame::Batch(b"some batch"),
        Frame::Batch(b""),
        Frame::Ack(vec![short, full]),
        Frame::Fragment(Fragment {
            whole: Whole::Batch,
            is_packed: false,
            total: 100_000,
            offset: 65_536,
            bytes: b"piece",
        }),
        Frame::Fragment(Fragment {
            whole: Whole::Snapshot,
            is_packed: true,
            total: 5,
            offset: 0,
            bytes: b"whole",
        }),
        Frame::CaughtUp,
        Frame::Presence(PresenceFrame { connection: ConnectionId(0), counter: 1, payload: b"who" }),
        Frame::PresenceGone(ConnectionId(u32::MAX)),
        Frame::Ping(0),
        Frame::Pong(u64::MAX),
        Frame::Pause { sentence: "no space left".to_owned() },
        Frame::Resume(version(4)),
    ]
}

fn decode_all(packet: &[u8]) -> Result<Vec<Frame<'_>>, DecodeError> {
    Frames::new(packet)?.collect()
}

#[test]
fn every_frame_is_read_back_alone_and_together() {
    let mut packet = Vec::new();
    for frame in every_frame() {
        assert_eq!(decode_all(&frame.to_packet()), Ok(vec![frame.clone()]));
        frame.put(&mut packet);
    }
    assert_eq!(decode_all(&packet), Ok(every_frame()));
}

#[test]
fn every_truncation_is_an_error() {
    for frame in every_frame() {
        let packet = frame.to_packet();
        for n in 1..packet.len() {
            assert!(decode_all(&packet[..n]).is_err(), "{frame:?} cut to {n} bytes");
        }
    }
}

#[test]
fn every_truncated_frame_with_a_repaired_length_is_an_error_or_means_something_else() {
    for frame in every_frame() {
        let packet = frame.to_packet();
        let mut reader = Reader::new(&packet);
        let body = reader.bytes(limits::FRAME_BYTES_MAX, "a frame").expect("one frame");
        for n in 0..body.len() {
            let mut repaired = Vec::new();
            put_bytes(&mut repaired, &body[..n]);
            check_canonical(&repaired);
            assert_ne!(decode_all(&repaired), Ok(vec![frame.clone()]));
        }
    }
}

#[test]
fn every_flipped_bit_is_an_error_or_means_something_else() {
    for frame in every_frame() {
        let packet = frame.to_packet();
        for bit in 0..packet.len() * 8 {
            let mut flipped = packet.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            check_canonical(&flipped);
            assert_ne!(decode_all(&flipped), Ok(vec![frame.clone()]), "bit {bit} of {frame:?}");
        }
    }
}

/// Whatever decodes is encoded again to the same bytes.
#[track_caller]
fn check_canonical(packet: &[u8]) {
    if let Ok(frames) = decode_all(packet) {
        let mut again = Vec::new();
        frames.iter().for_each(|frame| frame.put(&mut again));
        assert_eq!(again, packet);
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut rng = crate::base::rng::Rng::new(1);
    for _ in 0..20_000 {
        let n = rng.below(60) as usize;
        let mut bytes: Vec<u8> = (0..n).map(|_| rng.next_u64() as u8).collect();
        // A likely length and kind, or nothing past the first byte would ever be reached.
        if 2 <= n {
            bytes[0] = n as u8 - 1;
            bytes[1] = rng.below(18) as u8;
        }
        check_canonical(&bytes);
    }
}

#[test]
fn a_later_version_is_refused_with_a_sentence() {
    let mut packet = hello(None, None).to_packet();
    let at = packet.windows(4).position(|four| four == greeting::MAGIC).expect("the magic") + 4;
    packet[at] = 9;
    let error = decode_all(&packet).expect_err("version 9");
    assert_eq!(error, DecodeError::NewerVersion { found: 9, known: 1 });
    assert!(error.to_string().contains("update coedit"));
}

#[test]
fn a_huge_claim_reserves_nothing() {
    let claims: [(u8, &[u8]); 4] = [
        (kind::ACK, &[0x80, 0x80, 0x01]),
        (kind::REPLICAS, &[0, 0x80, 0x20]),
        (kind::RESUME, &[0x80, 0x80, 0x01]),
        (kind::FRAGMENT, &[0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 1]),
    ];
    for (kind, claim) in claims {
        let mut packet = Vec::new();
        put_lengthened(&mut packet, kind, claim, &[]);
        assert!(decode_all(&packet).is_err(), "kind {kind}");
    }
    assert!(decode_all(&vec![0; limits::PACKET_BYTES_MAX + 1]).is_err());
}

#[test]
fn the_largest_hello_and_welcome_fit_a_packet() {
    let replicas = (1..=limits::WIRE_REPLICAS_MAX as u64).map(ReplicaId::new).collect();
    let version: VersionVector = (1..=limits::WIRE_VERSION_ENTRIES_MAX as u64)
        .map(|i| (ReplicaId::new(i), limits::REPLICA_OPS_MAX))
        .collect();
    let Frame::Welcome(mut welcome) = welcome() else { panic!("a welcome") };
    welcome.replicas = replicas;
    welcome.durable = version;
    let packet = Frame::Welcome(welcome).to_packet();
    assert!(packet.len() <= limits::PACKET_BYTES_MAX, "{}", packet.len());
}

#[test]
fn a_small_batch_costs_two_bytes_more() {
    assert_eq!(Frame::Batch(&[0; 12]).to_packet().len(), 14);
}

#[test]
fn refusal_codes_are_read_back() {
    for byte in 0..=255 {
        if let Some(code) = RefuseCode::from_byte(byte) {
            assert_eq!(code.to_byte(), byte);
        }
    }
    assert_eq!((1..=14).filter_map(RefuseCode::from_byte).count(), 14);
}
