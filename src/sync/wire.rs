//! One connection as both sides of the protocol use it: flow control, transfers in pieces, signs of life.

use bytes::Bytes;

use crate::base::limits;
use crate::base::time::{Millis, MonoTime};
use crate::crdt::VersionVector;
use crate::protocol::codec::DecodeError;
use crate::protocol::frame::{Fragment, Frame, Whole};
use crate::protocol::packed::{pack, unpack};
use crate::sync::event::{LinkId, Output};

/// One connection.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) link: LinkId,
    /// Bytes given to the shell that it has not reported as written.
    pub(super) n_queued: usize,
    /// What is being sent in pieces.
    transfer: Option<Transfer>,
    /// What is being received in pieces.
    assembly: Option<Assembly>,
    /// When something last came from the other side.
    pub(super) heard_at: MonoTime,
    /// When something was last sent.
    pub(super) sent_at: MonoTime,
}

/// A batch or a snapshot as it travels.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    whole: Whole,
    is_packed: bool,
    bytes: Bytes,
}

impl Parcel {
    /// Compresses what is worth it. O(bytes), some 3 ms for a megabyte.
    pub(super) fn new(whole: Whole, bytes: Bytes) -> Parcel {
        let packed = if limits::PACK_BYTES_MIN <= bytes.len() { pack(&bytes) } else { None };
        let is_packed = packed.is_some();
        Parcel { whole, is_packed, bytes: packed.map_or(bytes, Bytes::from) }
    }
}

#[derive(Debug)]
struct Transfer {
    parcel: Parcel,
    offset: usize,
    /// What the other side has once all pieces are there.
    then: VersionVector,
}

#[derive(Debug)]
struct Assembly {
    whole: Whole,
    is_packed: bool,
    total: usize,
    bytes: Vec<u8>,
}

impl Wire {
    pub(super) fn new(link: LinkId, now: MonoTime) -> Wire {
        Wire { link, n_queued: 0, transfer: None, assembly: None, heard_at: now, sent_at: now }
    }

    /// Sends whole frames.
    pub(super) fn send(&mut self, bytes: Bytes, now: MonoTime, out: &mut Vec<Output>) {
        self.n_queued += bytes.len();
        self.sent_at = now;
        out.push(Output::Send { link: self.link, bytes });
    }

    /// Sends one frame that nobody else gets.
    pub(super) fn send_frame(&mut self, frame: &Frame<'_>, now: MonoTime, out: &mut Vec<Output>) {
        self.send(frame.to_packet().into(), now, out);
    }

    /// Sends a batch or a snapshot: at once if it is small, in pieces if not. Returns `then` when all of it is queued
    /// already; otherwise `pump` returns it later.
    pub(super) fn send_whole(
        &mut self,
        parcel: Parcel,
        then: VersionVector,
        now: MonoTime,
        out: &mut Vec<Output>,
    ) -> Option<VersionVector> {
        assert!(self.transfer.is_none(), "a second transfer on link {:?}", self.link);
        let fits_a_frame = parcel.whole == Whole::Batch && parcel.bytes.len() <= limits::FRAGMENT_BYTES_MAX;
        if fits_a_frame && !parcel.is_packed {
            self.send_frame(&Frame::Batch(&parcel.bytes), now, out);
            return Some(then);
        }
        self.transfer = Some(Transfer { parcel, offset: 0, then });
        self.pump(now, out)
    }

    /// Sends more pieces while little is queued. Returns what the other side will have when the last one is queued.
    pub(super) fn pump(&mut self, now: MonoTime, out: &mut Vec<Output>) -> Option<VersionVector> {
        while let Some(transfer) = &mut self.transfer {
            if limits::LINK_QUEUE_BYTES_LOW < self.n_queued {
                return None;
            }
            let Parcel { whole, is_packed, ref bytes } = transfer.parcel;
            let end = bytes.len().min(transfer.offset + limits::FRAGMENT_BYTES_MAX);
            let packet = Frame::Fragment(Fragment {
                whole,
                is_packed,
                total: bytes.len() as u64,
                offset: transfer.offset as u64,
                bytes: &bytes[transfer.offset..end],
            })
            .to_packet();
            transfer.offset = end;
            let finished = if end == transfer.parcel.bytes.len() { self.transfer.take() } else { None };
            self.send(packet.into(), now, out);
            if let Some(finished) = finished {
                return Some(finished.then);
            }
        }
        None
    }

    /// Returns whether a transfer is under way.
    pub(super) fn is_sending_pieces(&self) -> bool {
        self.transfer.is_some()
    }

    /// Returns whether so little is queued that more may be sent.
    pub(super) fn is_low(&self) -> bool {
        self.n_queued <= limits::LINK_QUEUE_BYTES_LOW
    }

    /// Ends the transfer that is under way: the other side asked for something else.
    pub(super) fn abandon_transfer(&mut self) {
        self.transfer = None;
    }

    /// Notes what the socket took.
    pub(super) fn written(&mut self, n_bytes: usize) {
        self.n_queued = self.n_queued.saturating_sub(n_bytes);
    }

    /// Adds a piece. Returns the whole when it was the last one. Memory grows with what has arrived, not with what is
    /// claimed. A piece at offset 0 begins anew, as after a pause. Compressed or not, a whole has at most `n_bytes_max`
    /// bytes.
    pub(super) fn assemble(
        &mut self,
        fragment: Fragment<'_>,
        n_bytes_max: usize,
    ) -> Result<Option<(Whole, Vec<u8>)>, DecodeError> {
        if n_bytes_max as u64 <= fragment.total.saturating_sub(1) {
            let (found, max) = (fragment.total, n_bytes_max as u64);
            return Err(DecodeError::OverLimit { what: "a transfer's length", found, max });
        }
        if fragment.offset == 0 {
            let total = fragment.total as usize;
            let Fragment { whole, is_packed, .. } = fragment;
            self.assembly = Some(Assembly { whole, is_packed, total, bytes: Vec::new() });
        }
        let assembly =
            self.assembly.as_mut().ok_or(DecodeError::Invalid("a fragment without a beginning"))?;
        let is_next = (assembly.whole, assembly.is_packed) == (fragment.whole, fragment.is_packed)
            && assembly.total as u64 == fragment.total
            && assembly.bytes.len() as u64 == fragment.offset;
        if !is_next {
            return Err(DecodeError::Invalid("a fragment out of order"));
        }
        assembly.bytes.extend_from_slice(fragment.bytes);
        if assembly.bytes.len() < assembly.total {
            return Ok(None);
        }
        let Some(Assembly { whole, is_packed, bytes, .. }) = self.assembly.take() else { return Ok(None) };
        let bytes = if is_packed { unpack(&bytes, n_bytes_max)? } else { bytes };
        Ok(Some((whole, bytes)))
    }

    /// Returns when something must be sent so that the other side knows that this one lives.
    pub(super) fn heartbeat_at(&self) -> MonoTime {
        self.sent_at.after(Millis(limits::HEARTBEAT_MS))
    }

    /// Returns when the link is dead if nothing is heard.
    pub(super) fn dead_at(&self) -> MonoTime {
        self.heard_at.after(Millis(limits::HEARTBEAT_MS * limits::HEARTBEATS_MISSED_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frame::Frames;

    fn version() -> VersionVector {
        VersionVector::default()
    }

    /// Carries what was sent from `sender` to `receiver`; returns the wholes that arrived.
    fn carry(sender: &mut Wire, receiver: &mut Wire, out: &mut Vec<Output>) -> Vec<(Whole, Vec<u8>)> {
        let mut wholes = Vec::new();
        while !out.is_empty() {
            for output in std::mem::take(out) {
                let Output::Send { bytes, .. } = output else { panic!("only sends") };
                sender.written(bytes.len());
                for frame in Frames::new(&bytes).expect("a packet") {
                    let Ok(Frame::Fragment(fragment)) = frame else { panic!("only fragments: {frame:?}") };
                    wholes.extend(receiver.assemble(fragment, 1 << 20).expect("in order"));
                }
            }
            sender.pump(MonoTime(0), out);
        }
        wholes
    }

    #[test]
    fn a_large_whole_travels_in_pieces_and_never_fills_the_queue() {
        let (mut sender, mut receiver) =
            (Wire::new(LinkId(1), MonoTime(0)), Wire::new(LinkId(2), MonoTime(0)));
        let mut rng = crate::base::rng::Rng::new(1);
        let whole: Vec<u8> = (0..1_000_000).map(|_| rng.next_u64() as u8).collect();
        let mut out = Vec::new();
        let parcel = Parcel::new(Whole::Batch, whole.clone().into());
        let done = sender.send_whole(parcel, version(), MonoTime(0), &mut out);
        assert_eq!(done, None);
        assert!(sender.n_queued <= limits::LINK_QUEUE_BYTES_LOW + limits::FRAGMENT_BYTES_MAX + 16);
        assert_eq!(carry(&mut sender, &mut receiver, &mut out), [(Whole::Batch, whole)]);
        assert!(!sender.is_sending_pieces());
    }

    #[test]
    fn what_shrinks_travels_compressed() {
        let (mut sender, mut receiver) =
            (Wire::new(LinkId(1), MonoTime(0)), Wire::new(LinkId(2), MonoTime(0)));
        let whole = b"0123456789".repeat(20_000);
        let mut out = Vec::new();
        let parcel = Parcel::new(Whole::Snapshot, whole.clone().into());
        let done = sender.send_whole(parcel, version(), MonoTime(0), &mut out);
        assert_eq!(done, Some(version()), "one piece holds it");
        assert!(sender.n_queued < 1_000);
        assert_eq!(carry(&mut sender, &mut receiver, &mut out), [(Whole::Snapshot, whole)]);
    }

    #[test]
    fn pieces_out_of_order_or_over_the_limit_are_refused() {
        let piece =
            |total, offset| Fragment { whole: Whole::Batch, is_packed: false, total, offset, bytes: b"abc" };
        let mut wire = Wire::new(LinkId(1), MonoTime(0));
        assert!(wire.assemble(piece(9, 3), 10).is_err(), "no beginning");
        assert!(wire.assemble(piece(11, 0), 10).is_err(), "too long");
        assert_eq!(wire.assemble(piece(9, 0), 10), Ok(None));
        assert!(wire.assemble(piece(9, 6), 10).is_err(), "a gap");
        assert_eq!(wire.assemble(piece(9, 3), 10), Ok(None));
        assert!(wire.assemble(piece(10, 6), 10).is_err(), "another whole");
        assert_eq!(wire.assemble(piece(9, 6), 10), Ok(Some((Whole::Batch, b"abcabcabc".to_vec()))));
    }
}
