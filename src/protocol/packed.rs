//! Compression of what travels in pieces: one frame of zstd (RFC 8878).

use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::codec::DecodeError;
use crate::base::limits::PACKED_WINDOW_LOG_MAX;

/// The level from which on more time saves little: histories of text shrink to 40 % at some 300 MB/s.
const LEVEL: i32 = 3;

/// Bytes that are decompressed at a time.
const PIECE_BYTES: usize = 64 << 10;

const INVALID: DecodeError = DecodeError::Invalid("a compressed transfer");

/// Compresses a batch or a snapshot; `None` if that does not make it smaller.
pub fn pack(bytes: &[u8]) -> Option<Vec<u8>> {
    zstd::bulk::compress(bytes, LEVEL).ok().filter(|packed| packed.len() < bytes.len())
}

/// Decompresses what `pack` returned. Memory grows with what comes out, up to `n_bytes_max` and a window of 8 MiB.
///
/// # Errors
/// If it is not such a frame, or holds more than `n_bytes_max` bytes.
pub fn unpack(packed: &[u8], n_bytes_max: usize) -> Result<Vec<u8>, DecodeError> {
    let mut context = DCtx::create();
    context.set_parameter(DParameter::WindowLogMax(PACKED_WINDOW_LOG_MAX)).map_err(|_| INVALID)?;
    let mut input = InBuffer::around(packed);
    let (mut bytes, mut piece) = (Vec::new(), vec![0; PIECE_BYTES]);
    loop {
        let mut output = OutBuffer::around(&mut piece[..]);
        let n_expected = context.decompress_stream(&mut output, &mut input).map_err(|_| INVALID)?;
        bytes.extend_from_slice(output.as_slice());
        if n_bytes_max < bytes.len() {
            let (found, max) = (bytes.len() as u64, n_bytes_max as u64);
            return Err(DecodeError::OverLimit { what: "a transfer's length", found, max });
        }
        let is_at_end = input.pos() == packed.len();
        match n_expected {
            0 if is_at_end => return Ok(bytes),
            0 => return Err(DecodeError::Trailing { n_bytes: packed.len() - input.pos() }),
            _ if is_at_end && output.as_slice().len() < PIECE_BYTES => {
                return Err(DecodeError::Truncated("a compressed transfer"));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_out_again() {
        for n in [1 << 10, 100_000, 3_000_000] {
            let text: Vec<u8> = "the quick brown fox ".bytes().cycle().take(n).collect();
            let packed = pack(&text).expect("smaller");
            assert!(packed.len() < n / 10);
            assert_eq!(unpack(&packed, n), Ok(text));
        }
    }

    #[test]
    fn what_does_not_shrink_is_left_as_it_is() {
        let mut rng = crate::base::rng::Rng::new(1);
        let noise: Vec<u8> = (0..10_000).map(|_| rng.next_u64() as u8).collect();
        assert_eq!(pack(&noise), None);
    }

    #[test]
    fn a_bomb_bursts_at_the_limit_and_damage_is_an_error() {
        let bomb = pack(&vec![0; 64 << 20]).expect("smaller");
        assert!(bomb.len() < 10_000);
        assert!(matches!(unpack(&bomb, 1 << 20), Err(DecodeError::OverLimit { max: 0x10_0000, .. })));
        let packed = pack(&b"0123456789abcdef".repeat(100)).expect("smaller");
        for end in 0..packed.len() {
            assert!(unpack(&packed[..end], 1 << 20).is_err(), "cut at {end}");
        }
        assert!(unpack(&[packed.as_slice(), b"x"].concat(), 1 << 20).is_err(), "something behind it");
        assert!(unpack(b"not compressed at all", 1 << 20).is_err());
        for bit in 0..packed.len() * 8 {
            let mut damaged = packed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            // It may be other bytes, which the reader of a batch refuses; it never is more than allowed.
            assert!(unpack(&damaged, 1 << 20).map_or(0, |bytes| bytes.len()) <= 1 << 20);
        }
    }
}
