//! The inserted text of all operations, as it stands in the bytes.

use ropey::Rope;

use super::{IMPOSSIBLE, Op, What};
use crate::base::bytes::{Malformed, Reader};
use crate::document::columns::{LARGE_BYTES, byte_of_char};

/// The inserted text of all operations.
pub(super) struct Text<'a> {
    pub all: &'a str,
    /// Whether each `BLOCK_BYTES` of it have other than ASCII characters, which are to be counted; empty if none have.
    mixed: Vec<bool>,
    /// The texts of large inserts, by the operation's number.
    pub large: Vec<(u32, Rope)>,
}

const BLOCK_BYTES: usize = 64;

impl<'a> Text<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Text<'a>, Malformed> {
        let all = std::str::from_utf8(reader.block()?).map_err(|_| Malformed("the text is not UTF-8"))?;
        let blocks = all.as_bytes().chunks(BLOCK_BYTES).map(|block| !block.is_ascii());
        let mixed = if all.is_ascii() { Vec::new() } else { blocks.collect() };
        Ok(Text { all, mixed, large: Vec::new() })
    }

    /// Returns the text of an operation, if it is a large insert.
    #[inline]
    pub(super) fn large(&self, op: u32) -> Option<&Rope> {
        if self.large.is_empty() {
            return None;
        }
        self.large.binary_search_by_key(&op, |&(op, _)| op).ok().map(|at| &self.large[at].1)
    }

    /// Returns how many bytes the `n` characters from byte `from` on take; `n` is at least 1.
    pub(super) fn n_bytes(&self, from: u32, n: u32) -> u32 {
        if self.mixed.is_empty() {
            return n;
        }
        let (start, end) = (from as usize, from as usize + n as usize);
        match self.mixed.get(start / BLOCK_BYTES..=(end - 1) / BLOCK_BYTES) {
            Some(blocks) if !blocks.contains(&true) => n,
            _ => byte_of_char(&self.all[start..], n as usize) as u32,
        }
    }

    /// Gives each insert the place where its piece starts.
    pub(super) fn share_out(&mut self, ops: &mut [Op]) -> Result<(), Malformed> {
        let (mut at, mut n_left) = (0, self.all.chars().count() as u64);
        let len = u32::try_from(self.all.len()).map_err(|_| IMPOSSIBLE)?;
        for (number, op) in (0..).zip(ops).filter(|(_, op)| matches!(op.what, What::Insert { .. })) {
            op.text = at;
            n_left = n_left.checked_sub(u64::from(op.len)).ok_or(Malformed("text is missing"))?;
            let n_bytes = self.n_bytes(at, op.len);
            if LARGE_BYTES <= n_bytes as usize {
                let piece = &self.all[at as usize..][..n_bytes as usize];
                self.large.push((number, Rope::from_str(piece)));
            }
            at += n_bytes;
        }
        if at == len { Ok(()) } else { Err(Malformed("text is left over")) }
    }
}
