//! Packets that travel by requests, each of which may break at any time and be made again. Packets are numbered from 1, each way. Whoever
//! sends one keeps it until the other side has said that it saw it; whoever receives takes each once, and in order.

use std::collections::VecDeque;

use bytes::Bytes;

/// Packets that were sent and not seen yet, as far as is known here.
#[derive(Clone, Debug)]
pub struct Unseen {
    packets: VecDeque<Bytes>,
    /// The number of the first of them.
    first: u64,
}

impl Default for Unseen {
    fn default() -> Unseen {
        Unseen { packets: VecDeque::new(), first: 1 }
    }
}

impl Unseen {
    /// Adds the next packet.
    pub fn push(&mut self, packet: Bytes) {
        self.packets.push_back(packet);
    }

    /// Whether everything was seen.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Returns how many bytes were not seen.
    pub fn n_bytes(&self) -> usize {
        self.packets.iter().map(Bytes::len).sum()
    }

    /// Takes in that all packets up to this number were seen, which may have been said before. Returns how many bytes are
    /// seen now that were not.
    pub fn saw(&mut self, upto: u64) -> usize {
        let mut n_bytes = 0;
        while self.first <= upto
            && let Some(packet) = self.packets.pop_front()
        {
            n_bytes += packet.len();
            self.first += 1;
        }
        n_bytes
    }

    /// Returns packets beyond the one of this number, with the number of the first of them: as many as `n_bytes_max` bytes hold,
    /// and at least one, if there is one.
    pub fn after(&self, number: u64, n_bytes_max: usize) -> (u64, Vec<Bytes>) {
        let n_seen = number.saturating_add(1).saturating_sub(self.first);
        let mut n_bytes = 0;
        let fits = |packet: &&Bytes| {
            let fits = n_bytes == 0 || n_bytes + packet.len() <= n_bytes_max;
            n_bytes += packet.len();
            fits
        };
        let packets = self.packets.iter().skip(usize::try_from(n_seen).unwrap_or(usize::MAX));
        (self.first.saturating_add(n_seen), packets.take_while(fits).cloned().collect())
    }
}

/// Up to which packet all were taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken(u64);

/// What is to be done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is the next: take it, and say so with [`Taken::took`].
    Next,
    /// It was taken before.
    Known,
    /// Earlier ones are missing.
    Gap,
}

impl Taken {
    /// Returns the number of the last one that was taken; 0 if none was.
    pub fn upto(self) -> u64 {
        self.0
    }

    /// Returns whether it is the turn of the packet of this number.
    pub fn turn(self, number: u64) -> Turn {
        match number.checked_sub(self.0) {
            None | Some(0) => Turn::Known,
            Some(1) => Turn::Next,
            Some(_) => Turn::Gap,
        }
    }

    /// The packet whose turn it is was taken.
    pub fn took(&mut self) {
        self.0 += 1;
    }
}

/// Gives packets of one request their numbers. The first is what the other side claims, so it may be any.
pub fn numbered<T>(first: u64, packets: Vec<T>) -> impl Iterator<Item = (u64, T)> {
    (0..).zip(packets).map(move |(n, packet)| (first.saturating_add(n), packet))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn a_packet_is_kept_until_it_was_seen() {
        let mut unseen = Unseen::default();
        ["a", "bb", "c"].into_iter().for_each(|text| unseen.push(bytes(text)));
        assert_eq!(unseen.after(0, 100), (1, vec![bytes("a"), bytes("bb"), bytes("c")]));
        assert_eq!(unseen.after(0, 2), (1, vec![bytes("a")]), "no more than fits");
        assert_eq!(unseen.after(1, 1), (2, vec![bytes("bb")]), "but one at least");
        assert_eq!((unseen.saw(2), unseen.saw(1), unseen.n_bytes()), (3, 0, 1));
        assert_eq!(unseen.after(0, 100), (3, vec![bytes("c")]));
        assert_eq!(unseen.after(3, 100), (4, vec![]));
        assert_eq!(unseen.after(u64::MAX, 100).1, Vec::<Bytes>::new());
        assert_eq!((unseen.saw(u64::MAX), unseen.is_empty()), (1, true), "whoever claims more harms himself");
    }

    #[test]
    fn a_packet_is_taken_once_and_in_order() {
        let mut taken = Taken::default();
        let turns = [0, 1, 2, u64::MAX].map(|number| taken.turn(number));
        assert_eq!(turns, [Turn::Known, Turn::Next, Turn::Gap, Turn::Gap]);
        taken.took();
        assert_eq!((taken.upto(), taken.turn(1), taken.turn(2)), (1, Turn::Known, Turn::Next));
    }

    #[test]
    fn any_number_may_be_claimed() {
        let numbers: Vec<u64> = numbered(u64::MAX, vec!["a", "b"]).map(|(number, _)| number).collect();
        assert_eq!(numbers, [u64::MAX, u64::MAX]);
    }
}
