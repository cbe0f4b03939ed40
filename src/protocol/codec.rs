//! Varints, and a reader that believes nothing: every length is checked against the bytes at hand first.

use crate::base::bytes::{put_bytes, put_varint};
use crate::base::limits;
use crate::crdt::{ReplicaId, VersionVector};

/// Why bytes are not what they claim to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the value does.
    #[error("a message ends in the middle of {0}")]
    Truncated(&'static str),
    /// Bytes are left after the last value.
    #[error("{n_bytes} bytes too many at the end of a message")]
    Trailing {
        /// How many.
        n_bytes: usize,
    },
    /// A number, length or count is outside its limits.
    #[error("{what} is {found}, at most {max} are allowed")]
    OverLimit {
        /// Of what.
        what: &'static str,
        /// What the bytes claim.
        found: u64,
        /// The bound.
        max: u64,
    },
    /// A value that has no meaning, or is not written the one way that it must be.
    #[error("{0} makes no sense")]
    Invalid(&'static str),
    /// The other side speaks a later version of the protocol.
    #[error(
        "the other side speaks version {found} of the protocol, this one up to {known}: update coedit here"
    )]
    NewerVersion {
        /// The version it claims.
        found: u8,
        /// The latest known here.
        known: u8,
    },
}

/// Appends `text` as bytes, cut at a character to at most `n_bytes_max`.
pub fn put_text(out: &mut Vec<u8>, text: &str, n_bytes_max: usize) {
    put_bytes(out, cut(text, n_bytes_max).as_bytes());
}

/// Appends the replica's number as 8 bytes, lowest first: random numbers do not get shorter as varints.
pub fn put_replica(out: &mut Vec<u8>, replica: ReplicaId) {
    out.extend_from_slice(&replica.get().to_le_bytes());
}

/// Appends the count of entries, then each replica and its next seq.
pub fn put_version(out: &mut Vec<u8>, version: &VersionVector) {
    put_varint(out, version.len() as u64);
    for (replica, next) in version.iter() {
        put_replica(out, replica);
        put_varint(out, next);
    }
}

/// Returns the longest start of `text` that has at most `n_bytes_max` bytes and whole characters.
pub fn cut(text: &str, n_bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(n_bytes_max)]
}

/// Reads values from the front of some bytes.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Makes a reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// Returns whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes everything that is left.
    pub fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Ends reading: an error if something is left.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            n_bytes => Err(DecodeError::Trailing { n_bytes }),
        }
    }

    /// Takes the next `n` bytes.
    pub fn take(&mut self, n: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or(DecodeError::Truncated(what))?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes the next `N` bytes.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated(what))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Takes one byte.
    pub fn byte(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    /// Takes a varint of at most `max`. Only the shortest spelling is a varint, so that a value has one encoding.
    pub fn varint(&mut self, max: u64, what: &'static str) -> Result<u64, DecodeError> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(what)?;
            let bits = u64::from(byte & 0x7f);
            let is_last = byte < 0x80;
            if (is_last && byte == 0 && 0 < shift) || (shift == 63 && 1 < byte) {
                return Err(DecodeError::Invalid(what));
            }
            n |= bits << shift;
            if is_last {
                return if n <= max { Ok(n) } else { Err(DecodeError::OverLimit { what, found: n, max }) };
            }
        }
        Err(DecodeError::Invalid(what))
    }

    /// Takes a length of at most `max`, and as many bytes.
    pub fn bytes(&mut self, max: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let n = self.varint(max as u64, what)?;
        self.take(n as usize, what)
    }

    /// Takes a length of at most `max`, and as many bytes of UTF-8.
    pub fn text(&mut self, max: usize, what: &'static str) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes(max, what)?).map_err(|_| DecodeError::Invalid(what))
    }

    /// Takes what `put_replica` wrote.
    pub fn replica(&mut self, what: &'static str) -> Result<ReplicaId, DecodeError> {
        self.array(what).map(|bytes| ReplicaId::new(u64::from_le_bytes(bytes)))
    }

    /// Takes a count of at most `max` values of at least `n_bytes_each` bytes. What claims more than is at hand is refused
    /// before anything is reserved for it.
    pub fn count(
        &mut self,
        max: usize,
        n_bytes_each: usize,
        what: &'static str,
    ) -> Result<usize, DecodeError> {
        let n = self.varint(max as u64, what)? as usize;
        if self.rest.len() / n_bytes_each < n {
            return Err(DecodeError::Truncated(what));
        }
        Ok(n)
    }

    /// Takes what `put_version` wrote: entries by ascending replica, none empty.
    pub fn version(&mut self) -> Result<VersionVector, DecodeError> {
        let what = "a version vector";
        let n = self.count(limits::WIRE_VERSION_ENTRIES_MAX, 9, what)?;
        let mut last = None;
        let mut version = VersionVector::default();
        for _ in 0..n {
            let replica = self.replica(what)?;
            let next = self.varint(limits::REPLICA_OPS_MAX, what)?;
            if next == 0 || last.is_some_and(|last| replica <= last) {
                return Err(DecodeError::Invalid(what));
            }
            version.advance(replica, next);
            last = Some(replica);
        }
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(n: u64) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, n);
        out
    }

    #[test]
    fn varints_of_every_length_are_read_back() {
        for shift in 0..64 {
            for n in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
                let bytes = written(n);
                let mut reader = Reader::new(&bytes);
                assert_eq!(reader.varint(u64::MAX, "n"), Ok(n));
                assert!(reader.is_empty());
            }
        }
    }

    #[test]
    fn a_number_has_one_spelling_only() {
        for bytes in [
            &[0x80, 0x00][..],
            &[0xff, 0x80, 0x00],
            &[0xff; 11],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
        ] {
            assert_eq!(Reader::new(bytes).varint(u64::MAX, "n"), Err(DecodeError::Invalid("n")), "{bytes:?}");
        }
    }

    #[test]
    fn claimed_length_is_checked_before_it_is_believed() {
        let bytes = written(1 << 40);
        assert!(matches!(Reader::new(&bytes).bytes(100, "n"), Err(DecodeError::OverLimit { max: 100, .. })));
        assert_eq!(Reader::new(&written(50)).bytes(100, "n"), Err(DecodeError::Truncated("n")));
        assert_eq!(Reader::new(&written(50)).count(100, 1, "n"), Err(DecodeError::Truncated("n")));
    }

    #[test]
    fn version_vectors_are_read_back_and_must_ascend() {
        let version: VersionVector = (0..100).map(|i| (ReplicaId::new(i * 7), i + 1)).collect();
        let mut out = Vec::new();
        put_version(&mut out, &version);
        assert_eq!(Reader::new(&out).version(), Ok(version));
        let mut twice = vec![2];
        for _ in 0..2 {
            put_replica(&mut twice, ReplicaId::new(5));
            put_varint(&mut twice, 1);
        }
        assert_eq!(Reader::new(&twice).version(), Err(DecodeError::Invalid("a version vector")));
    }

    #[test]
    fn texts_are_cut_at_a_character() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("", 9), "");
    }
}
